//! FRR's daemons in a namespace (Debian's `frr`).

use super::{IpFamily, KernelRoute, Namespace, Process, check, wait_until};
use anyhow::{Context, Result};
use core::time::Duration;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian puts the daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// An instance of FRR: `zebra` and routing daemons, with a folder of their own for configurations and
/// sockets. Ended, and the folder removed, when dropped.
#[derive(Debug)]
pub struct Frr {
    folder: PathBuf,
    daemons: Vec<(String, Process)>,
}

impl Frr {
    /// Starts daemons, each with its configuration, after `zebra`, which needs none.
    ///
    /// # Errors
    ///
    /// When FRR is not installed, or a daemon does not come up within ten seconds.
    pub fn start(namespace: &Namespace, daemons: &[(&str, &str)]) -> Result<Self> {
        let mut frr = Self::without_daemons(namespace)?;
        if !daemons.iter().any(|(daemon, _)| *daemon == "zebra") {
            frr.start_daemon(namespace, "zebra", "")?;
        }
        for (daemon, configuration) in daemons {
            frr.start_daemon(namespace, daemon, configuration)?;
        }
        Ok(frr)
    }

    /// The folder alone, for daemons to be started.
    ///
    /// # Errors
    ///
    /// When FRR is not installed.
    pub fn without_daemons(namespace: &Namespace) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-frr", namespace.name()));
        std::fs::create_dir_all(&folder)?;
        let frr = Self {
            folder,
            daemons: Vec::new(),
        };
        // The daemons give up root early and then still make their sockets here.
        frr.own(&frr.folder)?;
        Ok(frr)
    }

    /// Starts one more daemon, or one again that was stopped.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_daemon(
        &mut self,
        namespace: &Namespace,
        daemon: &str,
        configuration: &str,
    ) -> Result<()> {
        self.start_with_modules(namespace, daemon, configuration, &[])
    }

    /// The same with modules, as `irdp` of `zebra`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with_modules(
        &mut self,
        namespace: &Namespace,
        daemon: &str,
        configuration: &str,
        modules: &[&str],
    ) -> Result<()> {
        let file = |extension: &str| self.folder.join(format!("{daemon}.{extension}"));
        let (config, pid, vty) = (file("conf"), file("pid"), file("vty"));
        std::fs::write(&config, configuration)?;
        self.own(&config)?;
        let program = format!("{DAEMONS}/{daemon}");
        let path = |path: &Path| path.display().to_string();
        let (folder, config, pid) = (path(&self.folder), path(&config), path(&pid));
        let zserv = path(&self.folder.join("zserv.api"));
        // With `-f`, because Debian's /etc/frr/frr.conf would be taken otherwise.
        let mut arguments = vec![
            "-f",
            &config,
            "-i",
            &pid,
            "-z",
            &zserv,
            "--vty_socket",
            &folder,
            "--log",
            "stdout",
        ];
        for module in modules {
            arguments.extend(["-M", module]);
        }
        let process = namespace.spawn(&program, &arguments)?;
        self.daemons.push((daemon.to_owned(), process));
        wait_until(Duration::from_secs(10), || {
            vty.exists()
                .then_some(())
                .with_context(|| format!("{daemon} has not opened its socket (apt install frr?)"))
        })?;
        Ok(())
    }

    /// Ends one daemon without warning, as a crash would.
    ///
    /// # Errors
    ///
    /// When it was not started.
    pub fn kill_daemon(&mut self, daemon: &str) -> Result<()> {
        let found = self.daemons.iter().position(|(name, _)| name == daemon);
        let index = found.with_context(|| format!("no {daemon} was started"))?;
        drop(self.daemons.swap_remove(index));
        // The socket stays behind; the next one must not be taken for up too early.
        let _ = std::fs::remove_file(self.folder.join(format!("{daemon}.vty")));
        Ok(())
    }

    /// Asks one daemon to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    ///
    /// When it was not started, or ends with a failure.
    pub fn stop_daemon(&mut self, daemon: &str) -> Result<()> {
        let found = self.daemons.iter().position(|(name, _)| name == daemon);
        let index = found.with_context(|| format!("no {daemon} was started"))?;
        self.daemons.swap_remove(index).1.stop().map(drop)
    }

    /// The process id of a daemon that runs.
    pub fn process_id(&self, daemon: &str) -> Option<u32> {
        let mut daemons = self.daemons.iter();
        let (_, process) = daemons.find(|(name, _)| name == daemon)?;
        Some(process.id())
    }

    /// What a command of `vtysh` prints.
    ///
    /// # Errors
    ///
    /// When `vtysh` fails.
    pub fn show(&self, command: &str) -> Result<String> {
        let folder = self.folder.display().to_string();
        check(Command::new("vtysh").env("VTYSH_PAGER", "cat").args([
            "--vty_socket",
            &folder,
            "-c",
            command,
        ]))
    }

    /// The routes that FRR learned by RIP or RIPng. The metric is RIP's.
    ///
    /// # Errors
    ///
    /// When `vtysh` fails or prints what cannot be read.
    pub fn rip_routes(&self, family: IpFamily) -> Result<Vec<KernelRoute>> {
        let command = match family {
            IpFamily::V4 => "show ip route rip json",
            IpFamily::V6 => "show ipv6 route ripng json",
        };
        let text = self.show(command)?;
        let table: serde_json::Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("{command} printed {text}"))?;
        let mut routes = Vec::new();
        for (prefix, entries) in &table {
            for entry in entries.as_array().into_iter().flatten() {
                routes.extend(rip_route(prefix, entry));
            }
        }
        routes.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        Ok(routes)
    }

    fn own(&self, path: &Path) -> Result<()> {
        check(Command::new("chown").arg("frr:frrvty").arg(path))
            .context("FRR's user is not there (apt install frr)")
            .map(drop)
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        // The daemons before zebra, and all before their folder.
        while self.daemons.pop().is_some() {}
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One entry of `show ip route json`, if it is the selected one.
fn rip_route(prefix: &str, entry: &Value) -> Option<KernelRoute> {
    if entry.get("selected").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let hops = entry.get("nexthops").and_then(Value::as_array);
    let text = |value: &Value, key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let mut next_hops: Vec<_> = hops
        .into_iter()
        .flatten()
        .filter(|hop| hop.get("active").and_then(Value::as_bool) == Some(true))
        .map(|hop| (text(hop, "ip"), text(hop, "interfaceName")))
        .collect();
    next_hops.sort();
    Some(KernelRoute {
        prefix: prefix.to_owned(),
        protocol: text(entry, "protocol"),
        metric: entry.get("metric").and_then(Value::as_u64)?,
        next_hops,
    })
}
