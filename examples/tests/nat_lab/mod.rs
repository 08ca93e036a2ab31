//! The namespaces around a live `nat_router`, and what the tools in them do.

mod ipsec;

pub(crate) use ipsec::strongswan;

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{Namespace, Process, connect, example_path, wait_until};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

/// The server of all services outside.
pub(crate) const SERVER: &str = "198.51.100.10";

/// Hosts inside, the router, and the hosts outside.
pub(crate) struct Lab {
    /// What is outside.
    pub(crate) wan: Namespace,
    /// The router of the hosts inside.
    pub(crate) lan: Namespace,
    /// The hosts inside.
    pub(crate) clients: Vec<Namespace>,
    /// Shared by threads, which leave it alone.
    router: Mutex<Option<Process>>,
    directory: PathBuf,
}

impl Lab {
    /// What a router's file says; `settings` are further lines.
    fn file(lan: &Namespace, wan: &Namespace, mtu: u16, settings: &str) -> String {
        // Tables stand behind the keys of the file itself.
        let at = if settings.starts_with('[') {
            Some(0)
        } else {
            settings.find("\n[")
        };
        let (keys, tables) = settings.split_at(at.unwrap_or(settings.len()));
        format!(
            "{keys}\n\
             [inside]\ndevice = \"nat-in\"\nnetns = \"{}\"\naddress = \"192.168.7.1/24\"\n\
             address6 = \"fd00:7::1/64\"\nroutes = [\"10.1.0.0/16\", \"fd00:7::/48\"]\n\
             [outside]\ndevice = \"nat-out\"\nnetns = \"{}\"\naddress = \"203.0.113.1/24\"\n\
             address6 = \"2001:db8:1::1/64\"\nmtu = {mtu}\n{tables}",
            lan.name(),
            wan.name()
        )
    }

    /// Has the router go over to other settings; what it says of that.
    pub(crate) fn reload(&self, settings: &str) -> Result<String> {
        let file = Self::file(&self.lan, &self.wan, 1_500, settings);
        fs::write(self.path("nat_router.toml"), file)?;
        let router = self.router.lock().map_err(|_| anyhow::anyhow!("a panic"))?;
        let router = router.as_ref().context("it was stopped")?;
        router.hang_up()?;
        router.wait_for_line("reload", Duration::from_secs(20))
    }

    /// Starts a router with three hosts inside; `settings` are further lines of its file.
    pub(crate) fn start(label: &str, settings: &str) -> Result<Self> {
        Self::with_mtu(label, 1_500, settings)
    }

    /// The same, with another MTU outside.
    pub(crate) fn with_mtu(label: &str, mtu: u16, settings: &str) -> Result<Self> {
        let directory =
            std::env::temp_dir().join(format!("internetwork-{label}-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let (wan, lan) = (
            Namespace::new(&format!("{label}-wan"))?,
            Namespace::new(&format!("{label}-lan"))?,
        );
        let file = Self::file(&lan, &wan, mtu, settings);
        let path = directory.join("nat_router.toml");
        fs::write(&path, file)?;
        let program = example_path("nat_router")?;
        let program = program.to_str().context("path")?;
        let arguments = ["--json", path.to_str().context("path")?];
        let router = lan.spawn(program, &arguments)?;
        router.wait_for_line("ready", Duration::from_secs(20))?;

        lan.forward()?;
        lan.add_addresses("nat-in", &["192.168.7.2/24"])?;
        lan.set_link("nat-in", true)?;
        lan.run(
            "ip",
            &[
                "route",
                "add",
                "default",
                "via",
                "192.168.7.1",
                "dev",
                "nat-in",
            ],
        )?;
        lan.add_addresses("nat-in", &["fd00:7::2/64"])?;
        lan.run("ip", &["-6", "route", "add", "default", "dev", "nat-in"])?;
        wan.forward()?;
        wan.add_addresses("lo", &["198.51.100.10/32", "2001:db8:99::10/128"])?;
        wan.add_addresses("nat-out", &["203.0.113.254/24", "2001:db8:1::254/64"])?;
        wan.set_link("nat-out", true)?;
        for network in ["2001:db8:77::/48", "fd00:7::/48"] {
            wan.run("ip", &["-6", "route", "add", network, "dev", "nat-out"])?;
        }
        let mut clients = Vec::new();
        for number in 1..=3 {
            let client = Namespace::new(&format!("{label}-c{number}"))?;
            let port = format!("c{number}");
            let own = [
                format!("10.1.{number}.2/24"),
                format!("fd00:7:0:{number}::2/64"),
            ];
            let next = [
                format!("10.1.{number}.1/24"),
                format!("fd00:7:0:{number}::1/64"),
            ];
            connect(
                (&client, "eth0", &[&own[0], &own[1]]),
                (&lan, &port, &[&next[0], &next[1]]),
            )?;
            // Checksums are computed in software, so that they are on the wire.
            for (namespace, device) in [(&client, "eth0"), (&lan, port.as_str())] {
                namespace.run(
                    "ethtool",
                    &[
                        "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off",
                    ],
                )?;
            }
            let gateway = format!("10.1.{number}.1");
            client.run("ip", &["route", "add", "default", "via", &gateway])?;
            let gateway = format!("fd00:7:0:{number}::1");
            client.run("ip", &["-6", "route", "add", "default", "via", &gateway])?;
            clients.push(client);
        }
        let lab = Self {
            wan,
            lan,
            clients,
            router: Mutex::new(Some(router)),
            directory,
        };
        wait_until(Duration::from_secs(10), || {
            lab.clients[0].ping("10.1.1.2", SERVER, 1)
        })?;
        Ok(lab)
    }

    /// A path in the lab's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The lab's folder.
    pub(crate) fn directory(&self) -> &str {
        self.directory.to_str().unwrap_or_default()
    }

    /// Waits until a server of the outside listens.
    pub(crate) fn wait_for_port(&self, port: u16) -> Result<()> {
        wait_until(Duration::from_secs(20), || {
            self.wan.enter(|| {
                std::net::TcpStream::connect((SERVER, port))?;
                Ok(())
            })
        })
        .map(drop)
    }

    /// Stops the router; its counters.
    pub(crate) fn stop(self) -> Result<serde_json::Value> {
        let router = self.router.lock().map_or(None, |mut router| router.take());
        let router = router.context("it was stopped")?;
        let lines = router.stop()?;
        let last = lines.iter().rev().find(|line| line.contains("\"stopped\""));
        Ok(serde_json::from_str(last.context("no counters")?)?)
    }

    /// The same file by HTTP, by all clients, several times each.
    pub(crate) fn curl(&self, file: &[u8]) -> Result<()> {
        for round in 0..2 {
            for (number, client) in self.clients.iter().enumerate() {
                let target = self.path(&format!("curl-{round}-{number}"));
                let target = target.to_str().context("path")?;
                client.run(
                    "curl",
                    &[
                        "-sS",
                        "--max-time",
                        "60",
                        "-o",
                        target,
                        "http://198.51.100.10/file",
                    ],
                )?;
                ensure!(fs::read(target)? == file, "the file differs");
            }
        }
        Ok(())
    }

    /// FTP: both passive modes, both active modes, and a put; and another client.
    pub(crate) fn ftp(&self, file: &[u8]) -> Result<()> {
        let url = "ftp://lab:lab@198.51.100.10/file";
        let modes: [&[&str]; 4] = [
            &[],
            &["--disable-epsv"],
            &["--ftp-port", "-"],
            &["--ftp-port", "-", "--disable-eprt"],
        ];
        for (number, mode) in modes.iter().enumerate() {
            let target = self.path(&format!("ftp-{number}"));
            let target = target.to_str().context("path")?;
            let mut arguments = vec!["-sS", "--max-time", "60", "-o", target];
            arguments.extend(*mode);
            arguments.push(url);
            let client = &self.clients[number % self.clients.len()];
            client
                .run("curl", &arguments)
                .with_context(|| format!("{mode:?}"))?;
            ensure!(fs::read(target)? == file, "{mode:?}: the file differs");
        }
        let up = self.path("up");
        fs::write(&up, b"from inside")?;
        let up = up.to_str().context("path")?;
        let put = "ftp://lab:lab@198.51.100.10/put";
        self.clients[1].run(
            "curl",
            &["-sS", "--max-time", "30", "--ftp-port", "-", "-T", up, put],
        )?;
        ensure!(
            fs::read(self.path("put"))? == b"from inside",
            "the put file differs"
        );
        // Another program, active, with several files in one session.
        let target = self.path("tnftp");
        let commands = format!(
            "user lab lab\npassive off\nget file {0}\nget file {0}\nbye\n",
            target.display()
        );
        let script = self.path("tnftp.txt");
        fs::write(&script, commands)?;
        let line = format!("exec ftp -n -V 198.51.100.10 < {}", script.display());
        self.clients[2].run("timeout", &["60", "sh", "-c", &line])?;
        ensure!(fs::read(&target)? == file, "ftp: the file differs");
        Ok(())
    }

    /// DNS, by UDP and TCP.
    pub(crate) fn dig(&self) -> Result<()> {
        for client in &self.clients {
            for transport in ["+notcp", "+tcp"] {
                let arguments = [
                    "@198.51.100.10",
                    "www.example",
                    "+short",
                    "+time=3",
                    "+tries=3",
                    transport,
                ];
                let answer = client.run("dig", &arguments)?;
                // A datagram can be lost among those of iperf3; dig says so and asks again.
                let last = answer.trim().lines().last();
                ensure!(last == Some("198.51.100.80"), "{transport}: {answer}");
            }
        }
        Ok(())
    }

    /// Echoes, of all sizes, by all clients.
    pub(crate) fn ping(&self) -> Result<()> {
        for (number, client) in (1..).zip(&self.clients) {
            // The queues of the devices are full of the others' packets at times.
            wait_until(Duration::from_secs(20), || {
                client.ping(&format!("10.1.{number}.2"), SERVER, 3)
            })?;
            // In fragments, three of which have to arrive.
            let arguments = [
                "-n", "-c", "10", "-i", "0.2", "-W", "3", "-s", "4000", SERVER,
            ];
            let text = client.run("ping", &arguments)?;
            let received = text
                .lines()
                .find_map(|line| {
                    line.split_once(" received")?
                        .0
                        .rsplit(' ')
                        .next()?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            ensure!(received >= 7, "{text}");
        }
        Ok(())
    }

    /// The kernel's traceroute sees the router and the server, by UDP, ICMP and TCP.
    pub(crate) fn traceroute(&self) -> Result<()> {
        for method in ["-U", "-I", "-T"] {
            let arguments = [
                "-n", "-q", "1", "-w", "2", "-m", "5", method, "-p", "80", SERVER,
            ];
            let arguments: Vec<&str> = arguments
                .into_iter()
                .filter(|argument| method != "-I" || !["-p", "80"].contains(argument))
                .collect();
            // One probe a hop, which the others' packets can crowd out.
            wait_until(Duration::from_secs(30), || {
                let text = self.clients[0].run("traceroute.db", &arguments)?;
                let hops: Vec<&str> = text
                    .lines()
                    .skip(1)
                    .filter_map(|line| line.split_whitespace().nth(1))
                    .collect();
                ensure!(
                    hops == ["10.1.1.1", "192.168.7.1", SERVER],
                    "{method}: {text}"
                );
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Throughput in both directions, by TCP and UDP.
    pub(crate) fn iperf(&self) -> Result<()> {
        let runs: [&[&str]; 4] = [
            &["-t", "3"],
            &["-t", "3", "-R"],
            &["-t", "2", "-u", "-b", "20M"],
            &["-t", "2", "-u", "-b", "20M", "-R"],
        ];
        for (number, run) in runs.iter().enumerate() {
            let mut arguments = vec!["-c", SERVER, "-J", "--connect-timeout", "5000"];
            arguments.extend(*run);
            let client = &self.clients[number % self.clients.len()];
            let text = client
                .run("iperf3", &arguments)
                .with_context(|| format!("{run:?}"))?;
            let report: serde_json::Value = serde_json::from_str(&text)?;
            let end = &report["end"];
            let rate = end["sum_received"]["bits_per_second"]
                .as_f64()
                .or(end["sum"]["bits_per_second"].as_f64())
                .context("no rate")?;
            eprintln!("iperf3 {run:?}: {:.0} Mbit/s", rate / 1e6);
            ensure!(rate > 1e6, "{run:?}: {rate} bit/s");
        }
        Ok(())
    }

    /// A real NAT-PMP client asks for a port, and the outside reaches it.
    pub(crate) fn nat_pmp(&self) -> Result<()> {
        let arguments = ["-g", "192.168.7.1", "-a", "4321", "4321", "tcp", "600"];
        let text = self.clients[0].run("natpmpc", &arguments)?;
        ensure!(text.contains("Public IP address : 203.0.113.1"), "{text}");
        let port: u16 = text
            .lines()
            .find_map(|line| line.strip_prefix("Mapped public port "))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|port| port.parse().ok())
            .with_context(|| text.clone())?;
        let page = self.path("mapped");
        fs::create_dir_all(&page)?;
        fs::write(page.join("file"), b"mapped")?;
        let page = page.to_str().context("path")?;
        let arguments = ["-m", "http.server", "4321", "--directory", page];
        let _server = self.clients[0].spawn("/usr/bin/python3", &arguments)?;
        let url = format!("http://203.0.113.1:{port}/file");
        wait_until(Duration::from_secs(15), || {
            let got = self.wan.run("curl", &["-sS", "--max-time", "5", &url])?;
            ensure!(got == "mapped", "{got}");
            Ok(())
        })?;
        Ok(())
    }

    /// No kernel has seen a wrong checksum.
    pub(crate) fn no_bad_checksums(&self) -> Result<()> {
        let all = self.clients.iter().chain([&self.wan, &self.lan]);
        for namespace in all {
            let text = namespace.run("nstat", &["-a", "-s", "-z"])?;
            for name in [
                "IpExtInCsumErrors",
                "TcpInCsumErrors",
                "UdpInCsumErrors",
                "IcmpInCsumErrors",
            ] {
                let count = text
                    .lines()
                    .filter_map(|line| line.strip_prefix(name))
                    .find_map(|rest| rest.split_whitespace().next())
                    .unwrap_or("0");
                ensure!(count == "0", "{name} in {}: {count}", namespace.name());
            }
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What a failed test leaves is of no use to anyone else.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
