//! The example `pppd` and the one of Debian (2.4.9) with the PPP of Linux, in a User-Mode-Linux guest: every option
//! and way to authenticate that both have, in both roles, and what goes wrong.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use anyhow::{Context, Result, ensure};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use internetwork::lab::{Lane, Matrix, Namespace, Uml, at_once, interop_wanted, pause};
use internetwork::pppd::lab::{LineMode, Ours, Pppd, SerialLine};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Scenarios at once, each with a serial line of the guest's.
const LANES: usize = 3;

/// What pppd needs to be told in every scenario where it gives the addresses.
const SERVER: &str = "10.9.0.1:10.9.0.2 ipv6 ::1,::2";
/// And where it is given them.
const CLIENT: &str = "ipv6 ::1,::2";
/// Names and secrets that pppd knows.
const SECRETS: [(&str, &str); 2] = [("alice", "wonderland"), ("bob", "builder")];

/// Our end where we give the addresses.
const GIVING: &str = "ipv4.address = '10.9.0.2'\nipv4.peer-address = '10.9.0.1'\n";

/// What two ends of a link are told, and what comes of it.
struct Scenario {
    feature: String,
    /// The peer's.
    role: &'static str,
    theirs: String,
    ours: String,
    /// The name whose secret we do not know rightly.
    wrong: Option<&'static str>,
    outcome: Outcome,
}

enum Outcome {
    /// The link comes up, LCP has these values, and the log of pppd these texts; packets pass both ways.
    Up {
        lcp: &'static [(&'static str, &'static str)],
        logs: Vec<&'static str>,
        more: More,
    },
    /// It does not: why at our end, and the exit status of pppd.
    Fails { reason: &'static str, status: i32 },
}

/// What is tried beyond pings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Nothing,
    /// Files both ways.
    Bulk,
    /// The link lasts some seconds.
    Last,
    /// The peer ends it.
    PeerEnds,
    /// Only IPv4, or only IPv6.
    OnlyIpv4,
    OnlyIpv6,
}

fn up(
    feature: impl Into<String>,
    role: &'static str,
    theirs: impl Into<String>,
    ours: impl Into<String>,
    lcp: &'static [(&'static str, &'static str)],
    logs: &'static [&'static str],
) -> Scenario {
    up_and(feature, role, theirs, ours, lcp, logs, More::Nothing)
}

fn up_and(
    feature: impl Into<String>,
    role: &'static str,
    theirs: impl Into<String>,
    ours: impl Into<String>,
    lcp: &'static [(&'static str, &'static str)],
    logs: &'static [&'static str],
    more: More,
) -> Scenario {
    Scenario {
        feature: feature.into(),
        role,
        theirs: theirs.into(),
        ours: ours.into(),
        wrong: None,
        outcome: Outcome::Up {
            lcp,
            logs: logs.to_vec(),
            more,
        },
    }
}

fn fails(
    feature: impl Into<String>,
    role: &'static str,
    theirs: impl Into<String>,
    ours: impl Into<String>,
    reason: &'static str,
    status: i32,
) -> Scenario {
    Scenario {
        feature: feature.into(),
        role,
        theirs: theirs.into(),
        ours: ours.into(),
        wrong: None,
        outcome: Outcome::Fails { reason, status },
    }
}

/// pppd demands this way to authenticate, and no other.
fn demand(method: &str) -> String {
    let refused: Vec<String> = ["pap", "chap", "mschap", "mschap-v2", "eap"]
        .iter()
        .filter(|other| **other != method)
        .map(|other| format!("refuse-{other}"))
        .collect();
    format!("auth require-{method} {} noccp {SERVER}", refused.join(" "))
}

fn options() -> Vec<Scenario> {
    let plain = format!("noauth noccp {SERVER}");
    vec![
        up_and(
            "LCP with default options",
            "gives addresses",
            plain.clone(),
            "",
            &[
                ("/ours/mru", "1500"),
                ("/ours/accm", "00000000"),
                ("/ours/pfc", "true"),
                ("/ours/acfc", "true"),
                ("/ours/magic", "true"),
                ("/peers/accm", "00000000"),
                ("/peers/pfc", "true"),
                ("/peers/acfc", "true"),
                ("/peers/magic", "true"),
                ("/peers/fcs32", "false"),
            ],
            &["local  LL address fe80::0000:0000:0000:0001"],
            More::Bulk,
        ),
        up_and(
            "LCP with default options",
            "takes addresses",
            format!("noauth noccp {CLIENT}"),
            GIVING,
            &[],
            &["local  IP address 10.9.0.1", "remote IP address 10.9.0.2"],
            More::Bulk,
        ),
        up(
            "LCP without any option",
            "gives addresses",
            format!("{plain} default-asyncmap nomagic nopcomp noaccomp mru 1500"),
            "lcp.accm = 'none'\nlcp.magic = false\nlcp.pfc = false\nlcp.acfc = false",
            &[
                ("/ours/accm", "ffffffff"),
                ("/ours/magic", "false"),
                ("/ours/pfc", "false"),
                ("/ours/acfc", "false"),
                ("/peers/accm", "ffffffff"),
                ("/peers/magic", "false"),
                ("/peers/pfc", "false"),
                ("/peers/acfc", "false"),
            ],
            &[],
        ),
        up(
            "MRU: the peer's is smaller",
            "gives addresses",
            format!("{plain} mru 1280 mtu 1280"),
            "",
            &[("/peers/mru", "1280"), ("/ours/mru", "1500")],
            &["<mru 1280>"],
        ),
        up(
            "MRU: ours is smaller",
            "gives addresses",
            plain.clone(),
            "lcp.mru = 1300",
            &[("/ours/mru", "1300"), ("/peers/mru", "1500")],
            &["<mru 1300>"],
        ),
        up(
            "ACCM: every control character",
            "gives addresses",
            format!("{plain} asyncmap ffffffff"),
            "lcp.accm = 0xffff_ffff",
            &[("/ours/accm", "ffffffff"), ("/peers/accm", "ffffffff")],
            &[],
        ),
        up(
            "ACCM: XON and XOFF",
            "gives addresses",
            format!("{plain} asyncmap a0000"),
            "lcp.accm = 0x000a_0000",
            &[("/ours/accm", "000a0000"), ("/peers/accm", "000a0000")],
            &[],
        ),
        up(
            "magic number: only the peer's",
            "gives addresses",
            plain.clone(),
            "lcp.magic = false",
            &[("/ours/magic", "false"), ("/peers/magic", "true")],
            &[],
        ),
        up(
            "PFC: only the peer takes it",
            "gives addresses",
            format!("{plain} noaccomp"),
            "lcp.acfc = false",
            &[
                ("/peers/pfc", "true"),
                ("/peers/acfc", "false"),
                ("/ours/acfc", "false"),
            ],
            &[],
        ),
        up(
            "ACFC without PFC",
            "gives addresses",
            format!("{plain} nopcomp"),
            "lcp.pfc = false",
            &[
                ("/peers/pfc", "false"),
                ("/peers/acfc", "true"),
                ("/ours/pfc", "false"),
            ],
            &[],
        ),
        up(
            "FCS alternatives, which the peer rejects",
            "gives addresses",
            plain.clone(),
            "lcp.fcs = [16, 32]",
            &[("/ours/fcs32", "false"), ("/peers/fcs32", "false")],
            &["sent [LCP ConfRej"],
        ),
        up(
            "the peer waits in silence",
            "gives addresses",
            format!("{plain} silent"),
            "",
            &[],
            &[],
        ),
        up(
            "we wait passively",
            "gives addresses",
            format!("{plain} passive"),
            "negotiation.passive = true",
            &[],
            &[],
        ),
        up(
            "IPCP: DNS and NetBIOS name servers",
            "takes servers",
            format!("noauth noccp usepeerdns {CLIENT}"),
            format!("{GIVING}ipv4.dns = ['192.0.2.53', '192.0.2.54']\nipv4.nbns = ['192.0.2.55']"),
            &[],
            &[
                "primary   DNS address 192.0.2.53",
                "secondary DNS address 192.0.2.54",
            ],
        ),
        up(
            "IPCP: DNS and NetBIOS name servers",
            "gives servers",
            format!("{plain} ms-dns 192.0.2.53 ms-dns 192.0.2.54"),
            "ipv4.request-dns = true",
            &[],
            &["sent [IPCP ConfNak", "<ms-dns1 192.0.2.53>"],
        ),
        up_and(
            "IPCP alone",
            "gives addresses",
            "noauth noccp noipv6 10.9.0.1:10.9.0.2",
            "",
            &[],
            &[],
            More::OnlyIpv4,
        ),
        up_and(
            "IPV6CP alone",
            "gives addresses",
            "noauth noccp noip ipv6 ::1,::2",
            "",
            &[],
            &[],
            More::OnlyIpv6,
        ),
        up_and(
            "IPV6CP stays when the addresses of IPCP do not fit",
            "gives addresses",
            plain.clone(),
            "ipv4.address = '10.9.0.77'",
            &[],
            &[],
            More::OnlyIpv6,
        ),
        up_and(
            "CCP, which we do not speak",
            "gives addresses",
            format!("noauth deflate 15 bsdcomp 15 {SERVER}"),
            "",
            &[],
            &["rcvd [LCP ProtRej"],
            More::Nothing,
        ),
        up_and(
            "echo keepalive",
            "gives addresses",
            format!("{plain} lcp-echo-interval 1 lcp-echo-failure 2"),
            "link.echo-interval = 1\nlink.echo-failures = 2",
            &[],
            &["sent [LCP EchoReq", "rcvd [LCP EchoRep"],
            More::Last,
        ),
        up_and(
            "the peer ends the link",
            "gives addresses",
            plain.clone(),
            "",
            &[],
            &[],
            More::PeerEnds,
        ),
    ]
}

fn authentication() -> Vec<Scenario> {
    type Names = (&'static str, &'static str, &'static str, &'static str);
    let methods: [Names; 4] = [
        ("PAP", "pap", "pap", "PAP AuthAck"),
        ("CHAP with MD5", "chap", "chap-md5", "CHAP Success"),
        ("MS-CHAP-V2", "mschap-v2", "ms-chap-v2", "CHAP Success"),
        ("EAP with MD5-Challenge", "eap", "eap", "EAP Success"),
    ];
    let mut scenarios = Vec::new();
    for (feature, theirs, ours, log) in methods {
        let allow = format!("auth.allow = ['{ours}']");
        let require = format!("auth.require = ['{ours}']\n{GIVING}");
        let mut server = up(feature, "authenticator", demand(theirs), &*allow, &[], &[]);
        let mut client = up(
            feature,
            "supplicant",
            format!("noauth noccp {CLIENT}"),
            &*require,
            &[],
            &[],
        );
        for scenario in [&mut server, &mut client] {
            if let Outcome::Up { logs, .. } = &mut scenario.outcome {
                *logs = vec![log];
            }
        }
        scenarios.extend([server, client]);
        scenarios.push(Scenario {
            wrong: Some("alice"),
            ..fails(
                format!("{feature}, wrong secret"),
                "authenticator",
                demand(theirs),
                &*allow,
                "we could not prove ourselves",
                11,
            )
        });
        scenarios.push(Scenario {
            wrong: Some("bob"),
            ..fails(
                format!("{feature}, wrong secret"),
                "supplicant",
                format!("noauth noccp {CLIENT}"),
                &*require,
                // pppd does not try PAP again, as it might.
                if ours == "pap" {
                    "the peer ended the link"
                } else {
                    "the peer did not prove itself"
                },
                19,
            )
        });
    }
    let only_pap = "refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap";
    scenarios.extend([
        up(
            "CHAP with MD5 in both directions",
            "both",
            format!("{} remotename alice", demand("chap")),
            "auth.require = ['chap-md5']\nauth.allow = ['chap-md5']",
            &[],
            &["sent [CHAP Success", "rcvd [CHAP Success"],
        ),
        up(
            "MS-CHAP-V2 one way, EAP the other",
            "both",
            "auth require-mschap-v2 refuse-pap refuse-chap refuse-mschap noccp 10.9.0.1:10.9.0.2 ipv6 ::1,::2",
            "auth.require = ['eap']\nauth.allow = ['ms-chap-v2']",
            &[],
            &["sent [CHAP Success", "rcvd [EAP Success"],
        ),
        up_and(
            "CHAP with MD5 asked again while the link is open",
            "both",
            format!("{} remotename alice chap-interval 1", demand("chap")),
            "auth.require = ['chap-md5']\nauth.allow = ['chap-md5']\nauth.rechallenge = 1",
            &[],
            &["sent [CHAP Success", "rcvd [CHAP Success"],
            More::Last,
        ),
        up(
            "the method that both have is found by Nak",
            "authenticator",
            format!("auth refuse-eap refuse-mschap refuse-mschap-v2 noccp {SERVER}"),
            "auth.allow = ['pap']",
            &[("/peers/auth", "PAP")],
            &["PAP AuthAck"],
        ),
        up(
            "the method that both have is found by Nak",
            "supplicant",
            format!("noauth noccp {only_pap} {CLIENT}"),
            format!("auth.require = ['ms-chap-v2', 'eap', 'chap-md5', 'pap']\n{GIVING}"),
            &[("/ours/auth", "PAP")],
            &["PAP AuthAck"],
        ),
        fails(
            "only PAP is offered where CHAP is demanded",
            "authenticator",
            demand("chap"),
            "auth.allow = ['pap']",
            "the peer ended the link",
            11,
        ),
        fails(
            "only PAP is offered where CHAP is demanded",
            "supplicant",
            format!("noauth noccp {only_pap} {CLIENT}"),
            format!("auth.require = ['chap-md5']\n{GIVING}"),
            "the peer will not authenticate itself",
            16,
        ),
        fails(
            "no proof is offered where one is demanded",
            "authenticator",
            demand("pap"),
            "",
            "the peer ended the link",
            11,
        ),
    ]);
    scenarios
}

/// A scenario's two ends, with the line between them.
struct Stage<'a> {
    ours: Ours,
    theirs: Pppd<'a>,
    line: SerialLine,
    lane: &'a Lane,
    namespace: &'a Namespace,
}

impl<'a> Stage<'a> {
    fn new(lane: &'a Lane, namespace: &'a Namespace, scenario: &Scenario) -> Result<Self> {
        let secret = |name: &str, right: &'static str| {
            if scenario.wrong == Some(name) {
                "looking-glass"
            } else {
                right
            }
        };
        let mut config = format!(
            "{}\nauth.name = 'alice'\nnegotiation.restart-timer = 1\n",
            scenario.ours
        );
        for (name, right) in SECRETS {
            let secret = secret(name, right);
            config.push_str(&format!(
                "[[secret]]\nname = '{name}'\nsecret = '{secret}'\n"
            ));
        }
        let line = SerialLine::new(lane)?;
        let theirs = Pppd::start(lane, &scenario.theirs)?;
        let ours = Ours::start(namespace, &line.spec(), &config)?;
        Ok(Self {
            ours,
            theirs,
            line,
            lane,
            namespace,
        })
    }

    fn ping(&self, ipv4: bool, ipv6: bool) -> Result<()> {
        let ping = "ping -n -c 3 -i 0.1 -W 3";
        let ours = |arguments: &str| {
            let line = format!("-n -c 3 -i 0.1 -W 3 {arguments}");
            self.namespace
                .run("ping", &line.split(' ').collect::<Vec<_>>())
        };
        if ipv4 {
            // The largest that the smaller MRU of any scenario takes, and the smallest.
            ours("10.9.0.1")?;
            ours("-M do -s 1252 10.9.0.1")?;
            self.lane.run(&format!("{ping} 10.9.0.2"))?;
            self.lane.run(&format!("{ping} -M do -s 1252 10.9.0.2"))?;
        }
        if ipv6 {
            ours("-6 fe80::1%ppp0")?;
            self.lane.run(&format!("{ping} -6 fe80::2%ppp0"))?;
        }
        Ok(())
    }

    /// A file each way by TCP, and the same arrives.
    fn bulk(&self) -> Result<()> {
        const OCTETS: usize = 400_000;
        let listener = self
            .namespace
            .enter(|| Ok(TcpListener::bind("10.9.0.2:5001")?))?;
        let hex = |octets: &[u8]| hex::encode(Sha256::digest(octets));
        let file: Vec<u8> = (0..OCTETS).map(|n| (n * n / 7 + n) as u8).collect();
        std::thread::scope(|scope| {
            let received = scope.spawn(|| -> Result<String> {
                let mut received = Vec::new();
                listener.accept()?.0.read_to_end(&mut received)?;
                ensure!(
                    received.len() == OCTETS,
                    "{} octets arrived",
                    received.len()
                );
                Ok(hex(&received))
            });
            let sent = self.lane.run(&format!(
                "head -c {OCTETS} /dev/urandom > /tmp/file$lane; sha256sum < /tmp/file$lane; \
                 cat /tmp/file$lane > /dev/tcp/10.9.0.2/5001"
            ))?;
            let received = received.join().unwrap()?;
            ensure!(sent.starts_with(&received), "{sent} became {received}");
            scope.spawn(|| {
                listener
                    .accept()
                    .and_then(|(mut stream, _)| stream.write_all(&file))
            });
            let received = self.lane.run("cat < /dev/tcp/10.9.0.2/5001 | sha256sum")?;
            ensure!(received.starts_with(&hex(&file)), "{received}");
            Ok(())
        })
    }

    fn play(mut self, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Up { lcp, logs, more } => self.play_up(lcp, logs, *more),
            Outcome::Fails { reason, status } => {
                let closed = self.ours.event("closed", &[])?;
                let closed = closed["reason"].as_str().unwrap();
                let log = self.theirs.log()?;
                ensure!(closed.starts_with(reason), "closed: {closed}; pppd:\n{log}");
                let theirs = self.theirs.ended()?;
                ensure!(
                    theirs == *status,
                    "pppd ended with {theirs}, wanted {status}:\n{log}"
                );
                let counters = self.ours.ended()?;
                ensure!(counters["delivered"] == 0, "{counters}");
                Ok(())
            }
        }
    }

    fn play_up(mut self, lcp: &[(&str, &str)], logs: &[&str], more: More) -> Result<()> {
        let (ipv4, ipv6) = (more != More::OnlyIpv6, more != More::OnlyIpv4);
        let log = |theirs: &Pppd<'_>| theirs.log().unwrap_or_default();
        let because = |theirs: &Pppd<'_>| format!("pppd:\n{}", log(theirs));
        self.ours
            .event("lcp", lcp)
            .with_context(|| because(&self.theirs))?;
        if ipv4 {
            let addresses = [("/address", "10.9.0.2"), ("/peer", "10.9.0.1")];
            self.ours
                .event("ipv4-up", &addresses)
                .with_context(|| because(&self.theirs))?;
            self.theirs.logs(&["remote IP address 10.9.0.2"])?;
        }
        if ipv6 {
            let address = [("/peer", "fe80::1")];
            self.ours
                .event("ipv6-up", &address)
                .with_context(|| because(&self.theirs))?;
            self.theirs
                .logs(&["remote LL address fe80::0000:0000:0000:0002"])?;
        }
        self.ping(ipv4, ipv6)
            .with_context(|| because(&self.theirs))?;
        match more {
            More::Bulk => self.bulk().with_context(|| because(&self.theirs))?,
            More::Last => pause(Duration::from_millis(3500)),
            _ => {}
        }
        self.theirs.logs(logs)?;
        let status = if more == More::PeerEnds {
            let log = log(&self.theirs);
            let status = self.theirs.stop()?;
            self.ours
                .event("closed", &[("/reason", "the peer ended the link")])?;
            ensure!(status == 5, "{log}");
            let counters = self.ours.ended()?;
            return good(&counters);
        } else {
            self.ours.terminate()?;
            self.theirs.ended()?
        };
        ensure!(status == 16 || status == 0, "pppd ended with {status}");
        self.ours.event("closed", &[("/reason", "closed")])?;
        let counters = self.ours.ended()?;
        if more == More::Last {
            // An answer may have been on its way.
            ensure!(
                counters["echo_replies"].as_u64() == counters["echo_requests"].as_u64(),
                "{counters}"
            );
        }
        good(&counters)
    }
}

/// Nothing was lost, and nothing refused.
fn good(counters: &serde_json::Value) -> Result<()> {
    for counter in ["bad_frames", "wrong_phase"] {
        ensure!(counters[counter] == 0, "{counter} in {counters}");
    }
    // Where a request was sent again, both have an answer, and the second comes late.
    if counters["retransmitted"] == 0 {
        ensure!(counters["refused"] == 0, "refused in {counters}");
    }
    Ok(())
}

/// Plays all scenarios, some at once; those whose feature has the words of `INTERNETWORK_SCENARIO`, when that is set.
fn play(matrix: &Matrix, scenarios: &[Scenario]) -> Result<()> {
    let only = std::env::var("INTERNETWORK_SCENARIO").unwrap_or_default();
    let scenarios = scenarios.iter().filter(|it| it.feature.contains(&only));
    let scenarios: Vec<&Scenario> = scenarios.collect();
    let guest = Uml::boot(LANES, None)?;
    Pppd::write_secrets(guest.lane(0)?, &SECRETS)?;
    let next = AtomicUsize::new(0);
    let work = |lane: &Lane| -> Result<()> {
        let namespace = Namespace::new(&format!("ppp{}", lane.index()))?;
        loop {
            let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            let result = Stage::new(lane, &namespace, scenario)
                .and_then(|stage| stage.play(&scenario.outcome));
            matrix.add(&scenario.feature, scenario.role, result);
        }
    };
    let runs: Vec<_> = guest.lanes().iter().map(|lane| || work(lane)).collect();
    let runs: Vec<(&str, &(dyn Fn() -> Result<()> + Sync))> = runs
        .iter()
        .map(|run| ("lane", run as &(dyn Fn() -> Result<()> + Sync)))
        .collect();
    at_once(&runs)
}

#[test]
fn every_option_passes_packets() -> Result<()> {
    if !interop_wanted("pppd and every option") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: options");
    play(&matrix, &options())?;
    matrix.finish()
}

#[test]
fn every_way_to_authenticate_succeeds_and_fails_rightly() -> Result<()> {
    if !interop_wanted("pppd and authentication") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: authentication");
    play(&matrix, &authentication())?;
    matrix.finish()
}
