//! The example `pppd` on a pty, and slirp 1.0.17 (`slirp-fullbolt`), whose PPP is that of pppd 2.2.

use anyhow::{Context as _, Result, ensure};
use internetwork::lab::{Matrix, Namespace, long_interop_wanted};
use internetwork::pppd::lab::Ours;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A home for slirp, with its secrets. Removed when dropped.
struct Home(PathBuf);

impl Home {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("internetwork-slirp-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        let home = Self(path);
        for name in [".pap-secrets", ".chap-secrets"] {
            let file = home.0.join(name);
            std::fs::write(&file, "alice * wonderland\n* alice wonderland\n")?;
            // It wants to be sure that nobody else reads them.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&file, mode)?;
        }
        Ok(home)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn scenario(
    home: &Path,
    namespace: &Namespace,
    theirs: &str,
    ours: &str,
    fails: bool,
) -> Result<()> {
    let config = format!(
        "auth.name = 'alice'\nnegotiation.restart-timer = 1\nipv4.address = '10.0.2.15'\n\
         ipv4.peer-address = '10.0.2.2'\nipv4.accept-other-address = true\nipv6.enabled = false\n{ours}\n\
         [[secret]]\nname = 'alice'\nsecret = '{}'\n",
        if fails { "looking-glass" } else { "wonderland" }
    );
    let mut ours = Ours::start(namespace, "pty", &config)?;
    let started = ours.event("started", &[])?;
    let device = started.get("other_end").and_then(Value::as_str);
    let device = device.context("no pty")?;
    let command = format!(
        "cd {home}; HOME={home} exec slirp-fullbolt -P {theirs} <>{device} >&0 2>/dev/null",
        home = home.display()
    );
    let slirp = namespace.spawn("sh", &["-c", &command])?;
    if fails {
        let closed = ours.event("closed", &[])?;
        let reason = closed.get("reason").and_then(Value::as_str);
        let reason = reason.unwrap_or_default();
        ensure!(
            reason.starts_with("we could not prove ourselves")
                || reason == "the peer ended the link",
            "{closed}"
        );
        return Ok(());
    }
    ours.event("ipv4-up", &[("/peer", "10.0.2.2")])?;
    let line = "-n -c 3 -i 0.1 -W 3 10.0.2.2";
    namespace.run("ping", &line.split(' ').collect::<Vec<_>>())?;
    ours.terminate()?;
    ours.event("closed", &[("/reason", "closed")])?;
    drop(slirp);
    let counters = ours.ended()?;
    ensure!(
        counters.get("bad_frames") == Some(&Value::from(0)),
        "{counters}"
    );
    Ok(())
}

#[test]
fn links_with_slirp() -> Result<()> {
    if !long_interop_wanted("pppd and slirp") {
        return Ok(());
    }
    let matrix = Matrix::new("slirp 1.0.17");
    let (home, namespace) = (Home::new()?, Namespace::new("slirp")?);
    let plain = "lcp.accm = 'none'\nlcp.magic = false\nlcp.pfc = false\nlcp.acfc = false";
    let scenarios = [
        ("LCP with default options, on a pty", "", "", false),
        ("LCP without any option", "-pc -ac -mn", plain, false),
        (
            "ACCM: every control character",
            "'asyncmap ffffffff'",
            "lcp.accm = 0xffff_ffff",
            false,
        ),
        ("PAP", "+pap", "auth.allow = ['pap']", false),
        ("CHAP with MD5", "+chap", "auth.allow = ['chap-md5']", false),
        (
            "CHAP with MD5, wrong secret",
            "+chap",
            "auth.allow = ['chap-md5']",
            true,
        ),
        ("VJ header compression", "", "ipv4.vj = true", false),
    ];
    for (feature, theirs, ours, fails) in scenarios {
        let result = scenario(&home.0, &namespace, theirs, ours, fails);
        matrix.add(feature, "gives addresses", result);
    }
    matrix.finish()
}
