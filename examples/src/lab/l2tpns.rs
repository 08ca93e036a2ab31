//! l2tpns (Debian's `l2tpns`): an access concentrator for PPPoE with a PPP of its own, which shares no code with pppd.

use super::{Namespace, Process, Radius, wait_until};
use anyhow::{Result, ensure};
use core::time::Duration;
use std::path::PathBuf;
use std::process::Stdio;

/// A concentrator in a namespace, with a RADIUS server of ours behind it. Ended, and its files removed, when dropped.
#[derive(Debug)]
pub struct L2tpns {
    process: Process,
    folder: PathBuf,
    _radius: Radius,
}

impl L2tpns {
    /// Its own address on the links.
    pub const ADDRESS: &str = "10.77.0.1";

    /// Starts it on an interface: `authentication` is `pap` or `chap`.
    ///
    /// # Errors
    ///
    /// When it is not installed, or is not ready within 20 seconds.
    pub fn start(
        namespace: &Namespace,
        interface: &str,
        authentication: &str,
        names: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-l2tpns", namespace.name()));
        std::fs::create_dir_all(&folder)?;
        let path = |name: &str| folder.join(name).display().to_string();
        let (log, pid, own) = (path("log"), path("pid"), Self::ADDRESS);
        let config = format!(
            r#"set debug 4
set log_file "{log}"
set pid_file "{pid}"
set l2tp_secret "secret"
set primary_dns 10.77.0.53
set primary_radius 127.0.0.1
set primary_radius_port 1812
set radius_secret "rsecret"
set radius_authtypes "{authentication}"
set bind_address 127.0.0.1
set cli_bind_address 127.0.0.1
set tundevicename "tun-l2tpns"
set iftun_address {own}
set peer_address {own}
set lock_pages no
set scheduler_fifo no
set pppoe_if_to_bind "{interface}"
set pppoe_service_name "internet"
set pppoe_ac_name "concentrator"
set ppp_restart_time 1
set ipv6_prefix 2001:db8::
set cluster_interface "lo"
set cluster_hb_interval 1
set cluster_hb_timeout 5
set cluster_address 239.192.13.13
"#
        );
        std::fs::write(folder.join("conf"), config)?;
        let radius = Radius::start(namespace, b"rsecret", names)?;
        // It signals its whole process group when it ends: it has one of its own.
        let arguments = ["l2tpns", "-c", &path("conf"), "-h", "concentrator"];
        let mut command = namespace.command("setsid", &arguments);
        let process = Process::start(command.stderr(Stdio::null()))?;
        let l2tpns = Self {
            process,
            folder,
            _radius: radius,
        };
        wait_until(Duration::from_secs(20), || {
            let log = std::fs::read_to_string(&log)?;
            // Before it is sure of being alone, it ignores PADIs.
            ensure!(log.contains("declaring myself the master"), "{log}");
            Ok(())
        })?;
        Ok(l2tpns)
    }

    /// The last lines of its log.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        let log = std::fs::read_to_string(self.folder.join("log"))?;
        let lines: Vec<&str> = log.lines().collect();
        Ok(lines
            .get(lines.len().saturating_sub(60)..)
            .unwrap_or_default()
            .join("\n"))
    }
}

impl Drop for L2tpns {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
