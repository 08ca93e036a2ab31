//! The namespaces around a live `firewall`, and what the tools in them do.

use anyhow::{Context, Result, ensure};
use core::net::SocketAddr;
use core::time::Duration;
use internetwork::lab::{Namespace, Process, connect, example_path, pause, wait_until};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;

/// The server of all services outside.
pub(crate) const SERVER: [&str; 2] = ["198.51.100.10", "2001:db8:53::10"];
/// How the server in the DMZ is reached from outside: by the firewall's address, and by its own.
pub(crate) const DMZ: [&str; 2] = ["203.0.113.1", "2001:db8:8::80"];
/// The hosts inside and far outside.
pub(crate) const HOST: [&str; 2] = ["192.168.7.10", "2001:db8:7::10"];
const PATIENCE: Duration = Duration::from_secs(60);

/// The policy of the tests.
pub(crate) const RULES: &str = r#"
zone inside level 100
zone proxy level 80
zone dmz level 50
zone outside level 0

interface fw-in zone inside reverse-path strict
interface fw-proxy zone proxy reverse-path strict
interface fw-dmz zone dmz reverse-path strict
interface fw-out zone outside reverse-path strict

addresses server { 192.168.8.80, 2001:db8:8::80 }
filter web {
    block { ads.example }
    paths { "/admin" }
}

rules from outside to dmz {
    web: accept tcp to @server port { 80, 443 } log
    names: accept udp to @server port 53
    ident: reject tcp port 113
}
rules from inside to outside {
    surf: queue 1 tcp port { 80, 443 }
    ftp: accept tcp port 21 helper ftp
    ssh: accept tcp port 22 log
    names-tcp: accept tcp port 53
    names-udp: accept udp port 53
    ping: accept icmp type 8
    ping6: accept icmpv6 type 128
    nothing-else: drop log
}
rules to self {
    pinged: accept icmp type 8
    pinged6: accept icmpv6 type 128
}
log-default
"#;

/// Hosts inside, the firewall with its proxy, a DMZ, and hosts outside.
pub(crate) struct Lab {
    /// The host inside.
    pub(crate) lan: Namespace,
    /// The server in the DMZ.
    pub(crate) dmz: Namespace,
    /// The server outside, and the router of what is far outside.
    pub(crate) wan: Namespace,
    /// A host far outside.
    pub(crate) far: Namespace,
    /// The proxy's sockets.
    proxy: Namespace,
    /// Shared by threads, which leave it alone.
    firewall: Mutex<Option<Process>>,
    directory: PathBuf,
}

impl Lab {
    /// Starts a firewall.
    pub(crate) fn start(label: &str) -> Result<Self> {
        let directory =
            std::env::temp_dir().join(format!("internetwork-{label}-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let space = |name: &str| Namespace::new(&format!("{label}-{name}"));
        let (lan, dmz, wan, far, proxy) = (
            space("lan")?,
            space("dmz")?,
            space("wan")?,
            space("far")?,
            space("proxy")?,
        );
        let lab = Self {
            lan,
            dmz,
            wan,
            far,
            proxy,
            firewall: Mutex::new(None),
            directory,
        };
        let firewall = lab.start_firewall()?;
        if let Ok(mut own) = lab.firewall.lock() {
            *own = Some(firewall);
        }
        lab.connect_hosts()?;
        for (own, server) in HOST.iter().zip(SERVER) {
            wait_until(PATIENCE, || lab.lan.ping(own, server, 1))?;
        }
        Ok(lab)
    }

    fn start_firewall(&self) -> Result<Process> {
        let interface = |device: &str, namespace: &Namespace, rest: &str| {
            format!(
                "[[interface]]\ndevice = \"{device}\"\nnetns = \"{}\"\n{rest}\n",
                namespace.name()
            )
        };
        let file = [
            format!(
                "rules_file = \"rules\"\nsyn_cookies_from = 64\nhalf_open = 1024\n\
                 control_socket = \"{}\"\n[log]\nsessions = true\nflow_seconds = 2\n",
                self.path("control")
            ),
            interface(
                "fw-in",
                &self.lan,
                "addresses = [\"192.168.7.1/24\", \"2001:db8:7::1/64\"]",
            ),
            interface(
                "fw-dmz",
                &self.dmz,
                "addresses = [\"192.168.8.1/24\", \"2001:db8:8::1/64\"]",
            ),
            interface(
                "fw-out",
                &self.wan,
                "addresses = [\"203.0.113.1/24\", \"2001:db8:99::1/64\"]\n\
                 routes = [\"0.0.0.0/0\", \"::/0\"]\noutside = true",
            ),
            interface(
                "fw-proxy",
                &self.proxy,
                "addresses = [\"192.168.9.1/24\", \"2001:db8:9::1/64\"]",
            ),
            "[nat]\nalgs = [\"ftp\"]\n\
             [[nat.forward]]\nprotocol = \"tcp\"\nports = \"80\"\nto = [\"192.168.8.80:80\"]\n\
             [[nat.forward]]\nprotocol = \"udp\"\nports = \"53\"\nto = [\"192.168.8.80:53\"]\n\
             [proxy]\nqueue = 1\ndevice = \"fw-proxy\"\nfilter = \"web\"\n\
             addresses = [\"192.168.9.2\", \"2001:db8:9::2\"]\n"
                .to_owned(),
        ]
        .concat();
        fs::write(self.path("rules"), RULES)?;
        fs::write(self.path("firewall.toml"), file)?;
        // Its words go to a file, so that they can be read again.
        let line = format!(
            "exec {} --json {} > {}",
            example_path("firewall")?.display(),
            self.path("firewall.toml"),
            self.path("log")
        );
        let firewall = self.lan.spawn("sh", &["-c", &line])?;
        self.wait_for_event("ready", |_| true)?;
        Ok(firewall)
    }

    fn connect_hosts(&self) -> Result<()> {
        for (namespace, device, addresses) in [
            (&self.lan, "fw-in", ["192.168.7.10/24", "2001:db8:7::10/64"]),
            (
                &self.dmz,
                "fw-dmz",
                ["192.168.8.80/24", "2001:db8:8::80/64"],
            ),
            (
                &self.proxy,
                "fw-proxy",
                ["192.168.9.2/24", "2001:db8:9::2/64"],
            ),
        ] {
            namespace.add_addresses(device, &addresses)?;
            namespace.set_link(device, true)?;
            for family in ["-4", "-6"] {
                namespace.run("ip", &[family, "route", "add", "default", "dev", device])?;
            }
        }
        let wan = &self.wan;
        wan.forward()?;
        wan.add_addresses("lo", &["198.51.100.10/32", "2001:db8:53::10/128"])?;
        wan.add_addresses("fw-out", &["203.0.113.254/24", "2001:db8:99::fe/64"])?;
        wan.set_link("fw-out", true)?;
        for prefix in ["2001:db8:7::/64", "2001:db8:8::/64", "2001:db8:9::/64"] {
            wan.run("ip", &["-6", "route", "add", prefix, "dev", "fw-out"])?;
        }
        connect(
            (
                &self.far,
                "eth0",
                &["198.51.100.66/26", "2001:db8:66::66/64"],
            ),
            (wan, "far0", &["198.51.100.65/26", "2001:db8:66::1/64"]),
        )?;
        for (namespace, device) in [(&self.far, "eth0"), (wan, "far0")] {
            // Checksums are computed in software, so that they are on the wire.
            let off = [
                "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off",
            ];
            namespace.run("ethtool", &off)?;
        }
        for (family, router) in [("-4", "198.51.100.65"), ("-6", "2001:db8:66::1")] {
            let route = [family, "route", "add", "default", "via", router];
            self.far.run("ip", &route)?;
        }
        Ok(())
    }

    /// A path in the lab's folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Starts the web servers, in the DMZ and outside, with a file of this content.
    pub(crate) fn web(&self, file: &[u8]) -> Result<Vec<Process>> {
        fs::write(self.path("file"), file)?;
        let mut servers = Vec::new();
        for (namespace, address) in [(&self.dmz, "127.0.0.1"), (&self.wan, SERVER[0])] {
            servers.push(namespace.serve_web("::", &self.path(""))?);
            wait_for_port(namespace, address, 80).context("the web server")?;
        }
        Ok(servers)
    }

    /// Everything that the firewall has said.
    pub(crate) fn events(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.path("log"))?;
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let read = |line| serde_json::from_str(line).with_context(|| format!("the line {line}"));
        whole.lines().map(read).collect()
    }

    /// Waits until the firewall has said something; what it was.
    pub(crate) fn wait_for_event(
        &self,
        event: &str,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut found = None;
        wait_until(PATIENCE, || {
            let events = self.events()?;
            found = events
                .into_iter()
                .rev()
                .find(|value| value["event"] == event && is_wanted(value));
            found
                .as_ref()
                .map(drop)
                .with_context(|| format!("no event {event}"))
        })?;
        found.context("no event")
    }

    /// Its counters.
    pub(crate) fn counters(&self) -> Result<Value> {
        let mut counters = Value::Null;
        wait_until(PATIENCE, || {
            counters = serde_json::from_str(&self.ask("counters")?)?;
            Ok(())
        })?;
        Ok(counters)
    }

    /// Asks the firewall over its control socket.
    pub(crate) fn ask(&self, what: &str) -> Result<String> {
        let program = example_path("firewall")?.display().to_string();
        let socket = self.path("control");
        self.lan.run(&program, &["--control", &socket, what])
    }

    /// Gives the firewall other rules, and tells it to load them.
    pub(crate) fn reload(&self, rules: &str) -> Result<()> {
        fs::write(self.path("rules"), rules)?;
        let firewall = self.firewall.lock().ok().context("a thread panicked")?;
        let firewall = firewall.as_ref().context("it was stopped")?;
        let id = i32::try_from(firewall.id())?;
        let id = rustix::process::Pid::from_raw(id).context("process id")?;
        Ok(rustix::process::kill_process(
            id,
            rustix::process::Signal::HUP,
        )?)
    }

    /// Stops the firewall; its counters, and everything that it has said.
    pub(crate) fn stop(&self) -> Result<(Value, Vec<Value>)> {
        let firewall = self.firewall.lock().map_or(None, |mut own| own.take());
        let firewall = firewall.context("it was stopped")?;
        firewall.stop()?;
        let events = self.events()?;
        let last = events.last().context("no counters")?.clone();
        ensure!(last["event"] == "stopped", "{last}");
        Ok((last, events))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What a failed test leaves is of no use to anyone else.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// An address as it stands in a URL.
pub(crate) fn in_url(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

/// Waits until a server in a namespace listens.
pub(crate) fn wait_for_port(namespace: &Namespace, address: &str, port: u16) -> Result<()> {
    let address = SocketAddr::new(address.parse()?, port);
    wait_until(PATIENCE, || {
        namespace.enter(|| {
            TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
            Ok(())
        })
    })
    .map(drop)
}

/// A server that talks as one behind a terminal does: it greets, answers each line with a prompt, and
/// writes a screenful when asked.
pub(crate) fn talker(namespace: &Namespace, address: &str, port: u16) -> Result<()> {
    let address = SocketAddr::new(address.parse()?, port);
    namespace.enter(|| {
        let listener = TcpListener::bind(address)?;
        // A thread that is started here stays in the namespace.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let _ = talk(&client);
                });
            }
        });
        Ok(())
    })
}

fn talk(mut client: &TcpStream) -> Result<()> {
    client.set_read_timeout(Some(PATIENCE * 2))?;
    client.write_all(b"SSH-2.0-lab\r\n")?;
    let mut lines = BufReader::new(client);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if line.trim() == "screen" {
            client.write_all(&[b'x'; 100_000])?;
        }
        client.write_all(format!("you said {line}").as_bytes())?;
        line.clear();
    }
    Ok(())
}

/// Connects from a namespace.
pub(crate) fn connect_to(
    namespace: &Namespace,
    address: &str,
    port: u16,
    patience: Duration,
) -> Result<TcpStream> {
    let address = SocketAddr::new(address.parse()?, port);
    namespace.enter(|| Ok(TcpStream::connect_timeout(&address, patience)?))
}

/// A client of the talker.
pub(crate) struct Conversation {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Conversation {
    /// Connects, and reads the greeting.
    pub(crate) fn begin(namespace: &Namespace, address: &str, port: u16) -> Result<Self> {
        let stream = connect_to(namespace, address, port, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut lines = BufReader::new(stream.try_clone()?);
        let mut greeting = String::new();
        lines.read_line(&mut greeting)?;
        ensure!(greeting == "SSH-2.0-lab\r\n", "{greeting}");
        Ok(Self { stream, lines })
    }

    /// Says a line, and reads the answer to it.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.stream, "{line}")?;
        let mut answer = String::new();
        self.lines.read_line(&mut answer)?;
        ensure!(answer == format!("you said {line}\n"), "{answer}");
        Ok(())
    }

    /// Types, waits, and has a screenful written.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        for number in 0..30 {
            self.say(&format!("line {number}"))?;
            pause(Duration::from_millis(20));
        }
        pause(Duration::from_secs(1));
        writeln!(self.stream, "screen")?;
        let mut screen = vec![0; 100_000];
        self.lines.read_exact(&mut screen)?;
        ensure!(
            screen.iter().all(|octet| *octet == b'x'),
            "the screen differs"
        );
        let mut answer = String::new();
        self.lines.read_line(&mut answer)?;
        ensure!(answer == "you said screen\n", "{answer}");
        self.say("and on")
    }

    /// Whether the other end is no longer reached.
    pub(crate) fn is_cut(&mut self, patience: Duration) -> Result<bool> {
        self.stream.set_read_timeout(Some(patience))?;
        Ok(self.say("are you there?").is_err())
    }
}
