//! `tap_host` and the Linux kernel: ARP, ping, fragments and UDP echo, with the kernel's own tools.

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{Namespace, Process, example_path, interop_wanted, tshark_complaints};
use std::net::UdpSocket;
use std::path::PathBuf;

/// A kernel in a namespace, and our host on a device of it.
struct Lab {
    namespace: Namespace,
    host: Process,
    capture: PathBuf,
}

impl Lab {
    fn start(label: &str, options: &[&str]) -> Result<Self> {
        let namespace = Namespace::new(label)?;
        let name = format!("internetwork-{label}-{}.pcapng", std::process::id());
        let capture = std::env::temp_dir().join(name);
        let program = example_path("tap_host")?;
        let mut arguments = vec!["--capture", capture.to_str().context("path")?, "--verbose"];
        arguments.extend(options);
        let host = namespace.spawn(program.to_str().context("path")?, &arguments)?;
        host.wait_for_line("and answers", Duration::from_secs(10))?;
        Ok(Self {
            namespace,
            host,
            capture,
        })
    }

    /// Pings the host three times; every request must be answered.
    fn ping(&self, address: &str, octets: &str) -> Result<()> {
        let arguments = [
            "-n", "-c", "3", "-i", "0.2", "-W", "2", "-s", octets, address,
        ];
        let report = self.namespace.run("ping", &arguments)?;
        ensure!(
            report.contains("3 received"),
            "ping {address} with {octets} octets: {report}"
        );
        ensure!(!report.contains("wrong data"), "ping {address}: {report}");
        Ok(())
    }

    /// Sends `octets` octets to UDP port `port` from the kernel's own socket; what comes back.
    fn udp(&self, bind: &str, to: &str, octets: usize) -> Result<Option<Vec<u8>>> {
        self.namespace.enter(|| {
            let socket = UdpSocket::bind(bind)?;
            socket.set_read_timeout(Some(Duration::from_millis(700)))?;
            let data: Vec<u8> = (0..octets).map(|i| i.to_le_bytes()[0]).collect();
            socket.send_to(&data, to)?;
            let mut answer = vec![0; 70_000];
            match socket.recv_from(&mut answer) {
                Ok((len, from)) => {
                    ensure!(from.to_string() == to, "an answer from {from}");
                    answer.truncate(len);
                    ensure!(answer == data, "the answer differs from what was sent");
                    Ok(Some(answer))
                }
                Err(_) => Ok(None),
            }
        })
    }

    /// Ends the host; its last words, and tshark's opinion of all that went over the link.
    fn finish(self, least: usize) -> Result<String> {
        let words = self.host.stop()?.join("\n");
        let (frames, complaints) = tshark_complaints(&self.capture)?;
        ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
        ensure!(frames >= least, "{frames} frames captured");
        std::fs::remove_file(&self.capture)?;
        Ok(words)
    }
}

/// The number that the host's last words give for `counter`.
fn counter(words: &str, counter: &str) -> Option<u64> {
    let (_, rest) = words.split_once(&format!("{counter}: "))?;
    rest.split(',').next()?.trim().parse().ok()
}

#[test]
fn the_kernel_talks_to_our_host_over_ethernet() -> Result<()> {
    if !interop_wanted("tap_host over Ethernet") {
        return Ok(());
    }
    let lab = Lab::start("tap", &["--mac", "02:00:5e:10:00:02"])?;
    lab.ping("192.0.2.2", "56")?;
    // The kernel has resolved our address.
    let neighbors = lab.namespace.run("ip", &["neigh", "show", "192.0.2.2"])?;
    ensure!(
        neighbors.contains("lladdr 02:00:5e:10:00:02"),
        "{neighbors}"
    );
    // Fragments both ways, up to the largest packet that there is.
    lab.ping("192.0.2.2", "4000")?;
    lab.ping("192.0.2.2", "65507")?;
    let answers = lab
        .namespace
        .run("arping", &["-c", "2", "-I", "inw0", "192.0.2.2"])?;
    ensure!(answers.contains("Received 2 response"), "{answers}");
    // An address that nobody has.
    let silence = lab.namespace.output(
        "arping",
        &["-c", "1", "-w", "1", "-I", "inw0", "192.0.2.77"],
    )?;
    ensure!(
        !silence.status.success(),
        "arping got an answer for an address that nobody has"
    );
    for octets in [0, 1, 1472, 1473, 8000, 65_507] {
        let answer = lab.udp("0.0.0.0:0", "192.0.2.2:7", octets)?;
        ensure!(answer.is_some(), "no UDP echo of {octets} octets");
    }
    ensure!(
        lab.udp("0.0.0.0:0", "192.0.2.2:9", 5)?.is_none(),
        "an answer from the discard port"
    );
    let words = lab.finish(100)?;
    ensure!(counter(&words, "echo_replies") == Some(9), "{words}");
    ensure!(counter(&words, "udp_echoes") == Some(6), "{words}");
    ensure!(counter(&words, "udp_rejected") == Some(1), "{words}");
    // One or more ARP requests of the kernel's, two of arping's.
    ensure!(counter(&words, "replies_sent") >= Some(3), "{words}");
    // Answers longer than the link carries: six to pings, three to datagrams.
    ensure!(counter(&words, "fragmented") == Some(6 + 3), "{words}");
    Ok(())
}

#[test]
fn the_kernel_talks_to_our_host_over_ip() -> Result<()> {
    if !interop_wanted("tap_host over IP") {
        return Ok(());
    }
    let lab = Lab::start("tun", &["--tun"])?;
    for address in ["192.0.2.2", "2001:db8::2"] {
        for octets in ["56", "4000", "65487"] {
            lab.ping(address, octets)?;
        }
    }
    for octets in [0, 1, 1473, 8000, 65_507] {
        let answer = lab.udp("0.0.0.0:0", "192.0.2.2:7", octets)?;
        ensure!(answer.is_some(), "no UDP echo of {octets} octets over IPv4");
        let octets = octets.min(65_487);
        let answer = lab.udp("[::]:0", "[2001:db8::2]:7", octets)?;
        ensure!(answer.is_some(), "no UDP echo of {octets} octets over IPv6");
    }
    let words = lab.finish(100)?;
    ensure!(counter(&words, "echo_replies") == Some(18), "{words}");
    ensure!(counter(&words, "udp_echoes") == Some(10), "{words}");
    ensure!(counter(&words, "reassembled") == Some(12 + 6), "{words}");
    Ok(())
}
