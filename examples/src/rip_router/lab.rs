//! Routers for the interop tests: ours, FRR's and BIRD's, set up alike.

use super::control;
use super::snapshot::{Protocol, Snapshot};
use crate::lab::{Bird, Frr, IpFamily, KernelRoute, Namespace, Process, example_path, wait_until};
use alloc::collections::BTreeMap;
use anyhow::{Context, Result, ensure};
use core::fmt::Write as _;
use core::time::Duration;
use std::path::PathBuf;

/// Which router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our `rip_router`.
    Ours,
    /// FRR's `ripd` and `ripngd`.
    Frr,
    /// BIRD's `rip` and `rip ng`.
    Bird,
}

/// How updates are authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// A password, sent along.
    Plain(String),
    /// A key: the algorithm as our file names it, its id, and the key.
    Key(&'static str, u8, String),
}

/// How a router is set up: timers 5, 15 and 10 seconds, networks on the loopback interface announced.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The interfaces on which it runs.
    pub interfaces: &'a [&'a str],
    /// RIP.
    pub rip: bool,
    /// RIPng.
    pub ripng: bool,
    /// Version 1 instead of 2.
    pub version_1: bool,
    /// For RIP.
    pub authentication: Option<Authentication>,
    /// Several next hops of equal metric.
    pub ecmp: bool,
    /// Lines at the end of our file's `[[rip.interface]]`.
    pub more: &'a str,
}

impl<'a> Setup<'a> {
    /// RIPv2 and RIPng on these interfaces, without authentication.
    pub const fn new(interfaces: &'a [&'a str]) -> Self {
        Self {
            interfaces,
            rip: true,
            ripng: true,
            version_1: false,
            authentication: None,
            ecmp: false,
            more: "",
        }
    }

    /// RIPv2 alone.
    pub const fn v4(interfaces: &'a [&'a str]) -> Self {
        let mut setup = Self::new(interfaces);
        setup.ripng = false;
        setup
    }

    /// With a key or password.
    #[must_use]
    pub fn with(mut self, authentication: &Authentication) -> Self {
        self.authentication = Some(authentication.clone());
        self
    }

    /// Our file.
    pub fn ours(&self) -> String {
        let mut text = String::new();
        let timers = "timers = { update = 5, jitter = 1, timeout = 15, garbage = 10, \
                      triggered-min = 0.2, triggered-max = 1 }\n\
                      redistribute = [{ source = \"connected\" }]\n";
        let paths = if self.ecmp { "max-paths = 8\n" } else { "" };
        let tables = [(self.rip, "rip"), (self.ripng, "ripng")];
        for (_, table) in tables.iter().filter(|(runs, _)| *runs) {
            let _ = write!(text, "[{table}]\n{timers}{paths}");
            for interface in self.interfaces {
                let _ = write!(text, "[[{table}.interface]]\nname = \"{interface}\"\n");
                if *table == "ripng" {
                    continue;
                }
                if self.version_1 {
                    text.push_str("send = \"v1\"\nreceive = \"v1\"\n");
                }
                text.push_str(&self.our_authentication());
                text.push_str(self.more);
            }
        }
        text
    }

    fn our_authentication(&self) -> String {
        match &self.authentication {
            None => String::new(),
            Some(Authentication::Plain(password)) => {
                format!("authentication = {{ password = \"{password}\" }}\n")
            }
            Some(Authentication::Key(algorithm, id, key)) => format!(
                "authentication.keys = [{{ id = {id}, algorithm = \"{algorithm}\", key = \"{key}\" }}]\n"
            ),
        }
    }

    /// The file of `ripd`.
    pub fn ripd(&self) -> String {
        let mut text = String::new();
        if let Some(Authentication::Key(_, id, key)) = &self.authentication {
            let _ = write!(
                text,
                "key chain K\n key {id}\n  key-string {key}\nexit\nexit\n"
            );
        }
        for interface in self.interfaces {
            let _ = writeln!(text, "interface {interface}");
            match &self.authentication {
                None => {}
                Some(Authentication::Plain(password)) => {
                    let _ = write!(
                        text,
                        " ip rip authentication mode text\n ip rip authentication string {password}\n"
                    );
                }
                Some(Authentication::Key(..)) => text.push_str(
                    " ip rip authentication mode md5 auth-length rfc\n \
                     ip rip authentication key-chain K\n",
                ),
            }
            text.push_str("exit\n");
        }
        let version = if self.version_1 { 1 } else { 2 };
        let _ = write!(
            text,
            "router rip\n version {version}\n timers basic 5 15 10\n"
        );
        self.frr_networks(&mut text);
        text
    }

    /// The file of `ripngd`.
    pub fn ripngd(&self) -> String {
        let mut text = "router ripng\n timers basic 5 15 10\n".to_owned();
        self.frr_networks(&mut text);
        text
    }

    fn frr_networks(&self, text: &mut String) {
        if self.ecmp {
            text.push_str(" allow-ecmp\n");
        }
        text.push_str(" redistribute connected\n");
        for interface in self.interfaces {
            let _ = writeln!(text, " network {interface}");
        }
    }

    /// BIRD's file.
    pub fn bird(&self) -> String {
        let mut text = "router id 192.0.2.255;\nprotocol device { scan time 1; }\n\
                        protocol direct { ipv4; ipv6; }\n"
            .to_owned();
        let families = [
            (self.rip, "ipv4", "rip r4"),
            (self.ripng, "ipv6", "rip ng r6"),
        ];
        for (_, family, protocol) in families.iter().filter(|(runs, _, _)| *runs) {
            let limit = if self.ecmp { "merge paths yes;" } else { "" };
            let _ = write!(
                text,
                "protocol kernel {{ {limit} {family} {{ export where source = RTS_RIP; }}; }}\n\
                 protocol {protocol} {{ {family} {{ import all; export all; }};\n"
            );
            for interface in self.interfaces {
                let _ = writeln!(
                    text,
                    " interface \"{interface}\" {{ update time 5; timeout time 15; garbage time 10;"
                );
                if *family == "ipv4" {
                    text.push_str(&self.bird_version_and_keys());
                }
                text.push_str(" };\n");
            }
            text.push_str("}\n");
        }
        text
    }

    fn bird_version_and_keys(&self) -> String {
        // BIRD drops every message of version 1 when it checks zeroes.
        let version = if self.version_1 {
            "version 1; check zero no;"
        } else {
            "version 2;"
        };
        let keys = match &self.authentication {
            None => String::new(),
            Some(Authentication::Plain(password)) => {
                format!("authentication plaintext; password \"{password}\";")
            }
            Some(Authentication::Key(algorithm, id, key)) => {
                let algorithm = match *algorithm {
                    "md5" => "keyed md5".to_owned(),
                    hmac => hmac.replacen("hmac-sha-", "hmac sha", 1),
                };
                format!(
                    "authentication cryptographic; \
                     password \"{key}\" {{ id {id}; algorithm {algorithm}; }};"
                )
            }
        };
        format!("  {version} {keys}\n")
    }
}

/// Our router, in a namespace, with a folder of its own. Ended, and the folder removed, when dropped.
#[derive(Debug)]
pub struct Ours {
    folder: PathBuf,
    process: Option<Process>,
    log: &'static str,
}

impl Ours {
    /// Starts it with this configuration; back when it answers.
    ///
    /// # Errors
    ///
    /// When it was not built, or does not answer within ten seconds: with what it logged.
    pub fn start(namespace: &Namespace, configuration: &str) -> Result<Self> {
        Self::start_with(namespace, configuration, "debug")
    }

    /// The same, but little is logged: for measurements.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_quietly(namespace: &Namespace, configuration: &str) -> Result<Self> {
        Self::start_with(namespace, configuration, "warn")
    }

    fn start_with(namespace: &Namespace, configuration: &str, log: &'static str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-ours", namespace.name()));
        std::fs::create_dir_all(&folder)?;
        let mut ours = Self {
            folder,
            process: None,
            log,
        };
        ours.start_again(namespace, configuration)?;
        Ok(ours)
    }

    /// Starts it once more, with what it kept of its last run.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(&mut self, namespace: &Namespace, configuration: &str) -> Result<()> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (file, log) = (path("config.toml"), path("log"));
        let (control, state) = (path("control"), path("sequence"));
        let text =
            format!("control-socket = \"{control}\"\nstate-file = \"{state}\"\n{configuration}");
        std::fs::write(&file, text)?;
        let program = example_path("rip_router")?.display().to_string();
        let line = format!("exec {program} --log {} {file} 2>>{log}", self.log);
        self.process = Some(namespace.spawn("sh", &["-c", &line])?);
        wait_until(Duration::from_secs(10), || self.snapshot(0).map(drop))
            .with_context(|| format!("rip_router does not answer; its log:\n{}", self.log()))?;
        Ok(())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its process id.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn process_id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("it does not run")?.id())
    }

    /// Its state.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn snapshot(&self, routes: usize) -> Result<Snapshot> {
        control::ask(&self.folder.join("control"), routes)
    }

    /// Its state in the protocol `name` (`RIP`, `RIPng`), with all routes.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn protocol(&self, name: &str) -> Result<Protocol> {
        let snapshot = self.snapshot(usize::MAX)?;
        let protocol = snapshot.protocol(name).cloned();
        protocol.with_context(|| format!("{name} does not run"))
    }

    /// Ends it as Ctrl-C does.
    ///
    /// # Errors
    ///
    /// When it ends with a failure.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        process
            .stop()
            .with_context(|| format!("its log:\n{}", self.log()))?;
        Ok(())
    }

    /// Ends it without warning, as a crash would.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// The routes that it learned.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn rip_routes(&self, family: IpFamily) -> Result<Vec<KernelRoute>> {
        let name = match family {
            IpFamily::V4 => "RIP",
            IpFamily::V6 => "RIPng",
        };
        let protocol = self.protocol(name)?;
        let learned = protocol.routes.iter();
        let learned = learned.filter(|route| route.source == "rip" && route.reachable);
        let mut routes: Vec<_> = learned
            .map(|route| {
                let hops = route.next_hops.iter().map(|hop| {
                    let gateway = hop.gateway.map(|gateway| gateway.to_string());
                    (gateway.unwrap_or_default(), hop.interface.clone())
                });
                let mut next_hops: Vec<_> = hops.collect();
                next_hops.sort();
                KernelRoute {
                    prefix: route.prefix.clone(),
                    protocol: "rip".to_owned(),
                    metric: route.metric.into(),
                    next_hops,
                }
            })
            .collect();
        routes.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        Ok(routes)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed || std::env::var_os("RIP_ROUTER_LOGS").is_some() {
            eprintln!("log of {}:\n{}", self.folder.display(), self.log());
        }
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A router of any kind.
#[derive(Debug)]
pub enum Router {
    /// Ours.
    Ours(Ours),
    /// FRR.
    Frr(Frr),
    /// BIRD.
    Bird(Bird),
}

impl Router {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start(kind: Kind, namespace: &Namespace, setup: &Setup<'_>) -> Result<Self> {
        match kind {
            Kind::Ours => Ok(Self::Ours(Ours::start(namespace, &setup.ours())?)),
            Kind::Bird => Ok(Self::Bird(Bird::start(namespace, &setup.bird())?)),
            Kind::Frr => {
                let (rip, ripng) = (setup.ripd(), setup.ripngd());
                let mut daemons = Vec::new();
                if setup.rip {
                    daemons.push(("ripd", rip.as_str()));
                }
                if setup.ripng {
                    daemons.push(("ripngd", ripng.as_str()));
                }
                Ok(Self::Frr(Frr::start(namespace, &daemons)?))
            }
        }
    }

    /// The routes that it learned, with RIP's metrics.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn rip_routes(&self, family: IpFamily) -> Result<Vec<KernelRoute>> {
        match self {
            Self::Ours(ours) => ours.rip_routes(family),
            Self::Frr(frr) => frr.rip_routes(family),
            Self::Bird(bird) => bird.rip_routes(match family {
                IpFamily::V4 => "r4",
                IpFamily::V6 => "r6",
            }),
        }
    }

    /// The learned routes as prefixes with metrics.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn metrics(&self, family: IpFamily) -> Result<BTreeMap<String, u64>> {
        let routes = self.rip_routes(family)?;
        Ok(routes.into_iter().map(|r| (r.prefix, r.metric)).collect())
    }

    /// An error unless it has learned exactly these prefixes with these metrics.
    ///
    /// # Errors
    ///
    /// What it has instead.
    pub fn expect(&self, family: IpFamily, expected: &[(&str, u64)]) -> Result<()> {
        let expected: BTreeMap<String, u64> = expected
            .iter()
            .map(|(prefix, metric)| ((*prefix).to_owned(), *metric))
            .collect();
        let found = self.metrics(family)?;
        ensure!(found == expected, "it has {found:?}, not {expected:?}");
        Ok(())
    }

    /// Ours, if it is.
    pub const fn ours(&self) -> Option<&Ours> {
        match self {
            Self::Ours(ours) => Some(ours),
            _ => None,
        }
    }
}
