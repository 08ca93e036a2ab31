//! The example `pppd` and the one of Debian (2.4.9) with the PPP of Linux: two lines as one link, and one of them lost.

use anyhow::{Context as _, Result, ensure};
use internetwork::lab::{Matrix, Namespace, Uml, interop_wanted};
use internetwork::pppd::lab::{Ours, Pppd, SerialLine};
use internetwork::pppd::scenario::{SECRETS, demand};
use serde_json::Value;

/// Pings that are large enough to be split, both ways.
fn ping(namespace: &Namespace, guest: &Uml) -> Result<()> {
    let line = "-n -c 4 -i 0.1 -W 3 -s 1400";
    let ours: Vec<&str> = line.split(' ').chain(["10.9.0.1"]).collect();
    namespace.run("ping", &ours)?;
    let theirs = guest.lane(0)?.run(&format!("ping {line} 10.9.0.2"))?;
    ensure!(theirs.contains(" 0% packet loss"), "{theirs}");
    Ok(())
}

/// A bundle with these options comes up, carries packets on both lines, and goes on with one.
fn bundle(guest: &Uml, namespace: &Namespace, short: bool) -> Result<()> {
    let mut options = format!(
        "{} noccp novj mp mrru 1500 endpoint local:01.02.03.04",
        demand("chap")
    );
    if short {
        options.push_str(" mpshortseq");
    }
    let mut config = format!(
        "auth.name = 'alice'\nauth.allow = ['chap-md5']\nnegotiation.restart-timer = 1\n\
         multilink.short-sequence-numbers = {short}\nipv6.identifier = 2\n"
    );
    for (name, secret) in SECRETS {
        config.push_str(&format!(
            "[[secret]]\nname = '{name}'\nsecret = '{secret}'\n"
        ));
    }
    let mut lines = [
        SerialLine::new(guest.lane(0)?)?,
        SerialLine::new(guest.lane(1)?)?,
    ];
    let first = Pppd::start(guest.lane(0)?, &options)?;
    // Until pppd has the device, the guest's terminal echoes what it is sent.
    first.logs(&["Starting negotiation on "])?;
    let specs = [lines[0].spec(), lines[1].spec()];
    let mut ours = Ours::start_on(namespace, &[&specs[0], &specs[1]], &config)?;
    ours.event("joined", &[("/line", "0")])
        .with_context(|| first.log().unwrap_or_default())?;
    // The first has made the bundle, which would end with it.
    let second = Pppd::start_in_first(guest.lane(1)?, &options)?;
    let result = (|| {
        ours.event("ipv4-up", &[("/address", "10.9.0.2")])?;
        ours.event("joined", &[("/line", "1")])?;
        ping(namespace, guest)?;
        // A line is lost: the other carries everything.
        lines[1].cut()?;
        ours.event("left", &[("/line", "1")])?;
        second.terminate()?;
        second.ended()?;
        ping(namespace, guest)?;
        ours.terminate()?;
        ours.event("closed", &[("/line", "0"), ("/reason", "closed")])?;
        let counters = ours.event("stopped", &[])?;
        for (line, least) in [("0", 10_000), ("1", 3_000)] {
            for direction in ["sent", "received"] {
                let octets = counters.pointer(&format!("/lines/{line}/{direction}"));
                let octets = octets.and_then(Value::as_u64);
                ensure!(octets > Some(least), "{direction} on {line}: {counters}");
            }
        }
        Ok(())
    })();
    result.with_context(|| {
        let logs = [&first, &second].map(|pppd| pppd.log().unwrap_or_default());
        format!("pppd: {}\npppd: {}", logs[0], logs[1])
    })?;
    ours.ended().map(drop)
}

#[test]
fn two_lines_are_one_link() -> Result<()> {
    if !interop_wanted("pppd and multilink") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: multilink");
    let guest = Uml::boot(2, None)?;
    Pppd::write_secrets(guest.lane(0)?, &SECRETS)?;
    let namespace = Namespace::new("pppmp")?;
    let feature = "multilink, long sequence numbers, a line lost";
    matrix.add(feature, "authenticator", bundle(&guest, &namespace, false));
    let feature = "multilink, short sequence numbers, a line lost";
    matrix.add(feature, "authenticator", bundle(&guest, &namespace, true));
    matrix.finish()
}
