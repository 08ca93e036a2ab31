//! The example `pppd` and the PPP of lwIP 2.1.3, in `peers/lwip_ppp/main.c`, in both roles.
//!
//! Debian's library of lwIP is built without its PPP, so that it is compiled here of the package's sources, which apt
//! fetches; it needs a C compiler.

use anyhow::{Context as _, Result, anyhow, ensure};
use core::time::Duration;
use internetwork::lab::{Matrix, Namespace, Process, long_interop_wanted, packages, wait_until};
use internetwork::pppd::lab::Ours;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

const PATIENCE: Duration = Duration::from_secs(30);
/// Octets of the files.
const FILE: u32 = 300_000;
/// Our end where we give the addresses.
const GIVING: &str = "ipv4.address = '10.9.0.2'\nipv4.peer-address = '10.9.0.1'\n";

/// What the two ends are told, and what comes of it.
struct Scenario {
    feature: &'static str,
    /// The peer's part in it.
    role: &'static str,
    /// Settings of lwIP's end.
    theirs: &'static str,
    /// The configuration of ours: dotted keys only.
    ours: String,
    /// Whether we know the secret of this name wrongly.
    wrong: Option<&'static str>,
    outcome: Outcome,
}

enum Outcome {
    /// Packets pass both ways, after this event with these values.
    Up(&'static str, &'static [(&'static str, &'static str)]),
    /// Headers are compressed besides.
    Compressed,
    /// lwIP's end ends the link, with this reason at ours.
    PeerEnds(&'static str),
    /// It does not come up: the reason at our end begins with one of these.
    Fails(&'static [&'static str]),
}

/// The program, removed when dropped.
struct LwipPpp(PathBuf);

impl LwipPpp {
    fn compile(sources: &Path) -> Result<Self> {
        let glue = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/lwip_ppp");
        let name = format!("internetwork-lwip-ppp-{}", std::process::id());
        let program = Self(std::env::temp_dir().join(name));
        let mut compiler = Command::new("cc");
        // Warnings about its sources are for lwIP's authors.
        compiler.args(["-O1", "-w", "-o"]).arg(&program.0);
        compiler.arg("-I").arg(&glue);
        compiler.arg("-I").arg(sources.join("src/include"));
        compiler.arg(glue.join("main.c"));
        for folder in [
            "core",
            "core/ipv4",
            "core/ipv6",
            "netif/ppp",
            "netif/ppp/polarssl",
        ] {
            for entry in std::fs::read_dir(sources.join("src").join(folder))? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "c") {
                    compiler.arg(path);
                }
            }
        }
        packages::run(&mut compiler).context("apt-get install gcc libc6-dev")?;
        Ok(program)
    }

    fn start(&self, namespace: &Namespace, socket: &str, settings: &str) -> Result<Process> {
        let mut arguments = vec!["listen", socket];
        arguments.extend(settings.split_whitespace());
        let program = self.0.to_str().context("path")?;
        let process = namespace.spawn(program, &arguments)?;
        process.wait_for_line("listening", PATIENCE)?;
        Ok(process)
    }
}

impl Drop for LwipPpp {
    fn drop(&mut self) {
        // Not there when it did not compile.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the octet of a file is, as lwIP's end has it too.
fn file_octet(position: u32) -> u8 {
    let [first, ..] = position.wrapping_mul(2_654_435_761).to_be_bytes();
    first
}

/// Takes a file from lwIP's end, and gives it one.
fn exchange_files(listener: &TcpListener) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    let expected: Vec<u8> = (0..FILE).map(file_octet).collect();
    ensure!(
        received == expected,
        "{} octets, or others than were sent",
        received.len()
    );
    Ok(stream.write_all(&expected)?)
}

impl Scenario {
    fn config(&self) -> String {
        let secret = |name, right| {
            if self.wrong == Some(name) {
                "looking-glass"
            } else {
                right
            }
        };
        format!(
            "{}\nauth.name = 'alice'\nnegotiation.restart-timer = 1\n\
             [[secret]]\nname = 'alice'\nsecret = '{}'\n[[secret]]\nname = 'bob'\nsecret = '{}'\n",
            self.ours,
            secret("alice", "wonderland"),
            secret("bob", "builder"),
        )
    }

    fn settings(&self) -> String {
        let files = matches!(self.outcome, Outcome::Up(..) | Outcome::Compressed);
        let traffic = if files {
            format!("ping=10.9.0.2,1200 file=5001,{FILE}")
        } else {
            String::new()
        };
        let name = if self.theirs.contains("demand=") {
            "user=alice secret=wonderland"
        } else {
            "user=bob secret=builder"
        };
        format!("{} {name} {traffic}", self.theirs)
    }

    fn play(&self, program: &LwipPpp, namespace: &Namespace) -> Result<()> {
        let socket = std::env::temp_dir().join(format!("{}-lwip", namespace.name()));
        let socket = socket.display().to_string();
        let lwip = program.start(namespace, &socket, &self.settings())?;
        let mut ours = Ours::start(namespace, &format!("unix:{socket}"), &self.config())?;
        let reason = match &self.outcome {
            Outcome::Fails(reasons) => {
                let closed = ours.event_within("closed", &[], PATIENCE)?;
                let reason = closed.get("reason").and_then(Value::as_str);
                let reason = reason.unwrap_or_default();
                let is_wanted = reasons.iter().any(|wanted| reason.starts_with(wanted));
                ensure!(is_wanted, "{closed}");
                let counters = ours.ended()?;
                let delivered = counters.get("delivered");
                ensure!(delivered == Some(&Value::from(0)), "{counters}");
                return Ok(());
            }
            Outcome::PeerEnds(reason) => {
                ours.event_within("ipv4-up", &[("/peer", "10.9.0.1")], PATIENCE)?;
                lwip.wait_for_line("up 10.9.0.1", PATIENCE)?;
                lwip.terminate()?;
                *reason
            }
            Outcome::Up(event, fields) => {
                self.pass_packets(&mut ours, &lwip, namespace)?;
                ours.event(event, fields)?;
                ours.terminate()?;
                "closed"
            }
            Outcome::Compressed => {
                self.pass_packets(&mut ours, &lwip, namespace)?;
                for direction in ["1", "2"] {
                    let filter = format!(
                        "ppp.protocol == 0x2d and frame.packet_flags_direction == {direction}"
                    );
                    let packets = ours.captured(&filter)?;
                    ensure!(packets > 40, "{packets} headers in direction {direction}");
                }
                ours.terminate()?;
                "closed"
            }
        };
        ours.event("closed", &[("/reason", reason)])?;
        lwip.wait_for_line("down", PATIENCE)?;
        let counters = ours.ended()?;
        ensure!(counters.get("bad_frames") == Some(&0.into()), "{counters}");
        Ok(())
    }

    /// Pings and files pass in both directions, with IPv4 and, where it is there, IPv6.
    fn pass_packets(&self, ours: &mut Ours, lwip: &Process, namespace: &Namespace) -> Result<()> {
        let addresses = [("/address", "10.9.0.2"), ("/peer", "10.9.0.1")];
        // Before the address is there, nobody can listen on it.
        let listener = namespace.enter(|| Ok(TcpListener::bind("0.0.0.0:5001")?))?;
        let files = std::thread::scope(|scope| {
            let files = scope.spawn(|| exchange_files(&listener));
            let result = (|| {
                ours.event_within("ipv4-up", &addresses, PATIENCE)?;
                lwip.wait_for_line("file sent", PATIENCE)
            })();
            if result.is_err() {
                // Nobody else comes; the thread is not to wait for ever.
                let _ = namespace.enter(|| Ok(std::net::TcpStream::connect("127.0.0.1:5001")?));
            }
            let files = files.join().map_err(|_| anyhow!("a thread panicked"))?;
            result.and_then(|line| files.map(|()| line))
        })?;
        let expected = format!("file sent {FILE}, received {FILE}, wrong 0");
        ensure!(files == expected, "{files}");
        // lwIP pings until three have come back; those lines are before or behind the file's.
        let ping = |target: &str| {
            let line = format!("-n -c 2 -i 0.1 -W 5 {target}");
            let words: Vec<&str> = line.split(' ').collect();
            // One may be lost to a peer that still waits for an answer.
            wait_until(PATIENCE, || namespace.run("ping", &words).map(drop))
        };
        ping("10.9.0.1")?;
        ping("-M do -s 1300 10.9.0.1")?;
        if !self.ours.contains("ipv6.enabled = false") {
            let up = ours.event("ipv6-up", &[])?;
            let peer = up.get("peer").and_then(Value::as_str);
            let peer = peer.context("no peer")?;
            ping(&format!("-6 {peer}%{}", Ours::DEVICE))?;
        }
        Ok(())
    }
}

fn scenario(
    feature: &'static str,
    role: &'static str,
    theirs: &'static str,
    ours: impl Into<String>,
    outcome: Outcome,
) -> Scenario {
    Scenario {
        feature,
        role,
        theirs,
        ours: ours.into(),
        wrong: None,
        outcome,
    }
}

fn options() -> Vec<Scenario> {
    let up = Outcome::Up("lcp", &[]);
    vec![
        scenario(
            "LCP with default options",
            "gives addresses",
            "serve no-vj",
            "",
            Outcome::Up("lcp", &[("/peers/pfc", "true"), ("/peers/acfc", "true")]),
        ),
        scenario(
            "LCP with default options",
            "takes addresses",
            "no-vj",
            GIVING,
            up,
        ),
        scenario(
            "LCP without any option",
            "gives addresses",
            "serve plain no-vj",
            "lcp.accm = 'none'\nlcp.magic = false\nlcp.pfc = false\nlcp.acfc = false",
            Outcome::Up(
                "lcp",
                &[
                    ("/peers/magic", "false"),
                    ("/peers/pfc", "false"),
                    ("/ours/accm", "ffffffff"),
                ],
            ),
        ),
        scenario(
            "ACCM: every control character",
            "gives addresses",
            "serve no-vj accm=ffffffff",
            "lcp.accm = 0xffff_ffff",
            Outcome::Up(
                "lcp",
                &[("/ours/accm", "ffffffff"), ("/peers/accm", "ffffffff")],
            ),
        ),
        scenario(
            "MRU: the peer's is smaller",
            "gives addresses",
            "serve no-vj mru=1400",
            "",
            Outcome::Up("lcp", &[("/peers/mru", "1400")]),
        ),
        scenario(
            "the peer waits in silence",
            "gives addresses",
            "serve silent no-vj",
            "",
            Outcome::Up("lcp", &[]),
        ),
        scenario(
            "IPCP: DNS servers",
            "gives servers",
            "serve no-vj dns=192.0.2.53",
            "ipv4.request-dns = true",
            Outcome::Up("ipv4-up", &[("/dns/0", "192.0.2.53")]),
        ),
        scenario(
            "IPCP: DNS servers",
            "takes servers",
            "no-vj dns",
            format!("{GIVING}ipv4.dns = ['192.0.2.53']"),
            Outcome::Up("lcp", &[]),
        ),
        scenario(
            "IPCP alone",
            "gives addresses",
            "serve no-vj",
            "ipv6.enabled = false",
            Outcome::Up("lcp", &[]),
        ),
        scenario(
            "VJ header compression",
            "gives addresses",
            "serve",
            "ipv4.vj = true",
            Outcome::Compressed,
        ),
        scenario(
            "VJ header compression",
            "takes addresses",
            "",
            format!("{GIVING}ipv4.vj = true"),
            Outcome::Compressed,
        ),
        scenario(
            "the peer ends the link",
            "gives addresses",
            "serve no-vj",
            "",
            Outcome::PeerEnds("the peer ended the link"),
        ),
    ]
}

/// The same method with the peer as authenticator and as supplicant, and with a wrong secret.
fn authentication() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (feature, demand, answer, ours) in [
        ("PAP", "serve no-vj demand=pap", "no-vj answer=pap", "pap"),
        (
            "CHAP with MD5",
            "serve no-vj demand=chap",
            "no-vj answer=chap",
            "chap-md5",
        ),
        (
            "MS-CHAP-V2",
            "serve no-vj demand=mschap-v2",
            "no-vj answer=mschap-v2",
            "ms-chap-v2",
        ),
        (
            "EAP with MD5-Challenge",
            "serve no-vj demand=eap",
            "no-vj answer=eap",
            "eap",
        ),
    ] {
        let allow = format!("auth.allow = ['{ours}']");
        let require = format!("auth.require = ['{ours}']\n{GIVING}");
        let up = || Outcome::Up("lcp", &[]);
        let fails = || {
            Outcome::Fails(&[
                "we could not prove ourselves",
                "the peer did not prove itself",
                "the peer ended the link",
            ])
        };
        scenarios.push(scenario(
            feature,
            "authenticator",
            demand,
            allow.clone(),
            up(),
        ));
        scenarios.push(scenario(
            feature,
            "supplicant",
            answer,
            require.clone(),
            up(),
        ));
        scenarios.push(Scenario {
            wrong: Some("alice"),
            ..scenario(
                feature,
                "authenticator, wrong secret",
                demand,
                allow,
                fails(),
            )
        });
        scenarios.push(Scenario {
            wrong: Some("bob"),
            ..scenario(
                feature,
                "supplicant, wrong secret",
                answer,
                require,
                fails(),
            )
        });
    }
    scenarios
}

fn encryption() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (bits, demand, answer) in [
        (
            "128",
            "serve no-vj demand=mschap-v2 mppe=128",
            "no-vj answer=mschap-v2 mppe=128",
        ),
        (
            "40",
            "serve no-vj demand=mschap-v2 mppe=40",
            "no-vj answer=mschap-v2 mppe=40",
        ),
    ] {
        for keys in ["stateless", "stateful-rekeyed"] {
            let feature = match (bits, keys) {
                ("128", "stateless") => "MPPE, 128 bits",
                ("128", _) => "MPPE, 128 bits, stateful to us",
                (_, "stateless") => "MPPE, 40 bits",
                _ => "MPPE, 40 bits, stateful to us",
            };
            let mppe = format!("ccp.mppe.bits = [{bits}]\nccp.mppe.keys = '{keys}'\n");
            let up = || Outcome::Up("compression-up", &[]);
            scenarios.push(scenario(
                feature,
                "authenticator",
                demand,
                format!("auth.allow = ['ms-chap-v2']\n{mppe}"),
                up(),
            ));
            scenarios.push(scenario(
                feature,
                "supplicant",
                answer,
                format!("auth.require = ['ms-chap-v2']\n{GIVING}{mppe}"),
                up(),
            ));
        }
    }
    scenarios
}

#[test]
fn links_with_lwip() -> Result<()> {
    if !long_interop_wanted("pppd and lwIP") {
        return Ok(());
    }
    let sources = packages::debian_source("lwip");
    let Some(sources) = packages::or_skip("pppd and lwIP", sources) else {
        return Ok(());
    };
    let program = LwipPpp::compile(&sources)?;
    let matrix = Matrix::new("lwIP 2.1.3");
    let namespace = Namespace::new("lwip")?;
    let only = std::env::var("INTERNETWORK_SCENARIO").unwrap_or_default();
    for scenario in options()
        .into_iter()
        .chain(authentication())
        .chain(encryption())
    {
        if scenario.feature.contains(&only) {
            let result = scenario.play(&program, &namespace);
            matrix.add(scenario.feature, scenario.role, result);
        }
    }
    matrix.finish()
}
