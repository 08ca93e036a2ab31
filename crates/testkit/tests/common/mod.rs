//! What several of the tests need.

#![allow(dead_code, reason = "not every test needs all of it")]

use testkit::{End, Host, Network, NodeId};

/// When each frame arrived, in microseconds.
pub(crate) fn micros(host: &Host) -> Vec<u64> {
    host.heard()
        .iter()
        .map(|heard| heard.at.as_micros())
        .collect()
}

/// Sends `count` frames of its serial number, one each `gap` microseconds, octets padded to `size`.
pub(crate) fn stream_of_frames(
    network: &mut Network,
    from: NodeId,
    count: u32,
    gap: u64,
    size: usize,
) {
    for number in 0..count {
        let at = network.now() + core::time::Duration::from_micros(gap * u64::from(number));
        network.at(at, move |network| {
            let mut frame = number.to_be_bytes().to_vec();
            frame.resize(size.max(4), 0);
            network.node_mut::<Host>(from).send(0, &frame);
        });
    }
}

/// The serial numbers of the frames that a host has heard.
pub(crate) fn numbers(host: &Host) -> Vec<u32> {
    host.frames()
        .iter()
        .map(|frame| u32::from_be_bytes(frame[..4].try_into().unwrap()))
        .collect()
}

/// Every frame that this end sent is accounted for.
pub(crate) fn assert_all_accounted_for(network: &Network, end: impl Into<End>) {
    let c = network.counters(end);
    assert_eq!(
        c.sent + c.duplicated,
        c.delivered + c.lost + c.too_long + c.queue_full + c.while_down,
        "{c:?}"
    );
}

/// Runs one ignored test of this binary in a process of its own and returns its error output.
pub(crate) fn run_alone(test: &str, variables: &[(&str, Option<&str>)]) -> (bool, String) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.env("CARGO_PKG_NAME", "testkit");
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
