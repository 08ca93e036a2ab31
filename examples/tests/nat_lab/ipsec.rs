//! strongSwan: a gateway outside, and every host inside a client of it.

use super::{Lab, SERVER};
use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{Namespace, Process, wait_until};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The daemon of one host.
struct Charon<'a> {
    namespace: &'a Namespace,
    directory: PathBuf,
    /// Shared by threads, which leave it alone.
    _process: Mutex<Process>,
}

/// A gateway and its clients, with tunnels up.
pub(crate) struct Ipsec<'a> {
    _gateway: Charon<'a>,
    clients: Vec<Charon<'a>>,
}

impl<'a> Charon<'a> {
    /// Starts a daemon; `swanctl` is its configuration.
    fn start(
        namespace: &'a Namespace,
        directory: &Path,
        name: &str,
        swanctl: &str,
    ) -> Result<Self> {
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        let settings = directory.join("strongswan.conf");
        let socket = directory.join("vici");
        fs::write(
            &settings,
            format!(
                "charon {{\n  load = random nonce openssl aes sha2 hmac kdf gcm curve25519 \
                 kernel-libipsec kernel-netlink socket-default vici updown\n  \
                 retransmit_tries = 3\n  plugins {{\n    vici {{ socket = unix://{} }}\n  }}\n  \
                 filelog {{ log {{\n    path = {}\n    default = 1\n    flush_line = yes\n  }} }}\n}}\n",
                socket.display(),
                directory.join("log").display(),
            ),
        )?;
        fs::write(directory.join("swanctl.conf"), swanctl)?;
        // It keeps its process id in /run, which all of them would share.
        let line = format!(
            "mount -t tmpfs tmpfs /run && STRONGSWAN_CONF={} exec /usr/lib/ipsec/charon >/dev/null 2>&1",
            settings.display()
        );
        let process = namespace.spawn("unshare", &["--mount", "sh", "-c", &line])?;
        let charon = Self {
            namespace,
            directory,
            _process: Mutex::new(process),
        };
        wait_until(Duration::from_secs(20), || {
            ensure!(socket.exists(), "{name} has no socket");
            charon.control(&[
                "--load-all",
                "--file",
                charon.file("swanctl.conf")?.as_str(),
            ])
        })?;
        Ok(charon)
    }

    fn file(&self, name: &str) -> Result<String> {
        Ok(self
            .directory
            .join(name)
            .to_str()
            .context("path")?
            .to_owned())
    }

    fn control(&self, arguments: &[&str]) -> Result<()> {
        let uri = format!("unix://{}", self.file("vici")?);
        let settings = format!("STRONGSWAN_CONF={}", self.file("strongswan.conf")?);
        let mut line = vec![settings.as_str(), "swanctl"];
        line.extend(arguments);
        line.extend(["--uri", uri.as_str()]);
        self.namespace.run("env", &line).map(drop)
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

fn connection(local: &str, remote: &str, own: &str, other: &str, identity: &str) -> String {
    format!(
        "connections {{ lab {{\n  version = 2\n  local_addrs = {local}\n  remote_addrs = {remote}\n  \
         proposals = aes128gcm16-prfsha256-x25519\n  local {{\n    auth = psk\n    id = {identity}\n  }}\n  \
         remote {{ auth = psk }}\n  children {{ net {{\n    local_ts = {own}\n    remote_ts = {other}\n    \
         esp_proposals = aes128gcm16\n  }} }}\n}} }}\n\
         secrets {{ ike-lab {{ secret = \"through a translator\" }} }}\n"
    )
}

/// Starts the gateway and all clients.
pub(crate) fn strongswan(lab: &Lab) -> Result<Ipsec<'_>> {
    let directory = lab.path("ipsec");
    lab.wan.add_addresses("lo", &["172.30.0.1/32"])?;
    let all = connection(
        SERVER,
        "%any",
        "172.30.0.1/32",
        "172.31.0.0/16",
        "gateway.lab",
    );
    let gateway = Charon::start(&lab.wan, &directory, "gateway", &all)?;
    let mut clients = Vec::new();
    for (number, namespace) in (1..).zip(&lab.clients) {
        let inner = format!("172.31.{number}.1/32");
        namespace.add_addresses("lo", &[&inner])?;
        let name = format!("client{number}");
        let local = format!("10.1.{number}.2");
        let swanctl = connection(
            &local,
            SERVER,
            &inner,
            "172.30.0.1/32",
            &format!("{name}.lab"),
        );
        clients.push(Charon::start(namespace, &directory, &name, &swanctl)?);
    }
    Ok(Ipsec {
        _gateway: gateway,
        clients,
    })
}

impl Ipsec<'_> {
    /// All clients at once: a tunnel each, and pings through it.
    pub(crate) fn ping_through(&self) -> Result<()> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..)
                .zip(&self.clients)
                .map(|(number, client)| {
                    scope.spawn(move || {
                        let arguments = ["--initiate", "--child", "net", "--timeout", "30"];
                        client.control(&arguments).with_context(|| client.log())?;
                        let inner = format!("172.31.{number}.1");
                        client.namespace.ping(&inner, "172.30.0.1", 5)?;
                        ensure!(
                            client.log().contains("behind NAT")
                                || fs::read_to_string(client.directory.join("log"))?
                                    .contains("behind NAT"),
                            "no NAT was detected"
                        );
                        Ok(())
                    })
                })
                .collect();
            for (number, thread) in (1..).zip(threads) {
                let result: Result<()> = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result.with_context(|| format!("client {number}"))?;
            }
            Ok(())
        })
    }
}
