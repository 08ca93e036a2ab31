//! What two ends of a link are told and what comes of it, played between the example and the `pppd` of a guest.

use super::lab::{LineMode, Ours, Pppd, SerialLine};
use crate::lab::{Lane, Matrix, Namespace, Uml, at_once, pause, wait_until};
use anyhow::{Context as _, Result, anyhow, ensure};
use core::fmt::Write as _;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Scenarios at once, each with a serial line of the guest's.
const LANES: usize = 4;
/// What pppd needs to be told where it gives the addresses.
pub const SERVER: &str = "10.9.0.1:10.9.0.2 ipv6 ::1,::2";
/// And where it is given them.
pub const CLIENT: &str = "ipv6 ::1,::2";
/// Our end where we give the addresses.
pub const GIVING: &str = "ipv4.address = '10.9.0.2'\nipv4.peer-address = '10.9.0.1'\n";
/// Names and secrets that pppd knows.
pub const SECRETS: [(&str, &str); 2] = [("alice", "wonderland"), ("bob", "builder")];
/// Octets of the files that are sent.
const FILE: usize = 400_000;

/// What two ends of a link are told, and what comes of it.
#[derive(Debug)]
pub struct Scenario {
    /// What it is about.
    pub feature: String,
    /// The peer's part in it.
    pub role: &'static str,
    /// Options of `pppd`.
    pub theirs: String,
    /// The configuration of the example: dotted keys only.
    pub ours: String,
    /// The name whose secret we do not know rightly.
    pub wrong: Option<&'static str>,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What comes of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// The link comes up and packets pass both ways.
    Up {
        /// Values that LCP has then, as JSON pointers into its event.
        lcp: Vec<(&'static str, &'static str)>,
        /// Texts in the log of `pppd`.
        logs: Vec<&'static str>,
        /// What is tried beyond pings.
        more: More,
    },
    /// It does not.
    Fails {
        /// What our end says, or begins with.
        reason: &'static str,
        /// The exit status of `pppd`.
        status: i32,
    },
    /// The line sends back what it is given: both ends notice.
    Looped,
}

/// What is tried beyond pings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// Nothing.
    Nothing,
    /// A file each way.
    Bulk,
    /// The link lasts some seconds.
    Last,
    /// It lasts some seconds, with echoes that are all answered.
    Echoes,
    /// The peer ends it.
    PeerEnds,
    /// There is no IPv6.
    OnlyIpv4,
    /// There is no IPv4.
    OnlyIpv6,
    /// This event comes from our end, with these values; and a file goes each way.
    Event(&'static str, &'static [(&'static str, &'static str)]),
    /// The same, and then noise on the line, which loses some packets and no others.
    EventAndNoise(&'static str, &'static [(&'static str, &'static str)]),
    /// The line loses everything: both ends notice.
    Silence,
    /// The line is gone.
    Cut,
    /// The link ends of itself, with this reason at our end and this text in the log of `pppd`.
    Ends(&'static str, &'static str),
}

/// A scenario in which the link comes up.
pub fn up(
    feature: impl Into<String>,
    role: &'static str,
    theirs: impl Into<String>,
    ours: impl Into<String>,
    lcp: &[(&'static str, &'static str)],
    logs: &[&'static str],
) -> Scenario {
    Scenario {
        feature: feature.into(),
        role,
        theirs: theirs.into(),
        ours: ours.into(),
        wrong: None,
        outcome: Outcome::Up {
            lcp: lcp.to_vec(),
            logs: logs.to_vec(),
            more: More::Nothing,
        },
    }
}

/// A scenario in which it does not: our reason, and the exit status of `pppd`.
pub fn fails(
    feature: impl Into<String>,
    role: &'static str,
    theirs: impl Into<String>,
    ours: impl Into<String>,
    reason: &'static str,
    status: i32,
) -> Scenario {
    Scenario {
        outcome: Outcome::Fails { reason, status },
        ..up(feature, role, theirs, ours, &[], &[])
    }
}

impl Scenario {
    /// Has more tried, where the link comes up.
    #[must_use]
    pub const fn and(mut self, wanted: More) -> Self {
        if let Outcome::Up { more, .. } = &mut self.outcome {
            *more = wanted;
        }
        self
    }

    /// The secret of `name` is not the right one at our end.
    #[must_use]
    pub const fn with_wrong_secret(mut self, name: &'static str) -> Self {
        self.wrong = Some(name);
        self
    }

    /// The configuration file of our end.
    fn config(&self) -> String {
        let mut config = format!(
            "{}\nauth.name = 'alice'\nnegotiation.restart-timer = 1\n{}",
            self.ours,
            if self.ours.contains("ipv6.") {
                ""
            } else {
                "ipv6.identifier = 2\n"
            },
        );
        for (name, right) in SECRETS {
            let secret = if self.wrong == Some(name) {
                "looking-glass"
            } else {
                right
            };
            // Writing to a string does not fail.
            let _ = writeln!(config, "[[secret]]\nname = '{name}'\nsecret = '{secret}'");
        }
        config
    }
}

/// The options with which `pppd` demands this way to authenticate, and no other.
pub fn demand(method: &str) -> String {
    let refused: Vec<String> = ["pap", "chap", "mschap", "mschap-v2", "eap"]
        .iter()
        .filter(|other| **other != method)
        .map(|other| format!("refuse-{other}"))
        .collect();
    format!("auth require-{method} {} {SERVER}", refused.join(" "))
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
        let line = SerialLine::new(lane)?;
        if matches!(scenario.outcome, Outcome::Looped) {
            line.set_mode(LineMode::Loop);
        }
        let theirs = Pppd::start(lane, &scenario.theirs)?;
        // Until pppd has the device, the guest's terminal echoes what it is sent.
        theirs.logs(&["Connect: "])?;
        let ours = Ours::start(namespace, &line.spec(), &scenario.config())?;
        Ok(Self {
            ours,
            theirs,
            line,
            lane,
            namespace,
        })
    }

    fn play(mut self, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Up { lcp, logs, more } => {
                let result = self.come_up(lcp, logs, *more);
                // The peer's view, for whoever has to find out why.
                result.with_context(|| self.theirs_log())?;
                self.end(*more)
            }
            Outcome::Looped => {
                self.closed("the line is looped back")?;
                self.theirs_say("Serial line is looped back")
            }
            Outcome::Fails { reason, status } => {
                self.closed(reason)?;
                self.theirs_end(&[*status])?;
                let counters = self.ours.ended()?;
                let delivered = counters.get("delivered");
                ensure!(delivered == Some(&0.into()), "{counters}");
                Ok(())
            }
        }
    }

    fn theirs_log(&self) -> String {
        format!("pppd:\n{}", self.theirs.log().unwrap_or_default())
    }

    fn closed(&mut self, wanted: &str) -> Result<()> {
        let closed = self.ours.event("closed", &[]);
        let closed = closed.with_context(|| self.theirs_log())?;
        let reason = closed.get("reason").and_then(Value::as_str);
        let as_wanted = reason.is_some_and(|reason| reason.starts_with(wanted));
        ensure!(
            as_wanted,
            "{closed}, wanted {wanted}; {}",
            self.theirs_log()
        );
        Ok(())
    }

    fn theirs_end(&mut self, wanted: &[i32]) -> Result<()> {
        let status = self.theirs.ended()?;
        let as_wanted = wanted.contains(&status);
        ensure!(
            as_wanted,
            "exit status {status}, wanted {wanted:?}; {}",
            self.theirs_log()
        );
        Ok(())
    }

    /// It ends, and its log says why. What its exit status is then depends on what it was doing besides.
    fn theirs_say(&mut self, why: &str) -> Result<()> {
        self.theirs.ended()?;
        self.theirs.logs(&[why])
    }

    /// Waits until both ends say that the link is up, and sends packets.
    fn come_up(&mut self, lcp: &[(&str, &str)], logs: &[&str], more: More) -> Result<()> {
        let (ipv4, ipv6) = (more != More::OnlyIpv6, more != More::OnlyIpv4);
        self.ours.event("lcp", lcp)?;
        if ipv4 {
            let addresses = [("/address", "10.9.0.2"), ("/peer", "10.9.0.1")];
            self.ours.event("ipv4-up", &addresses)?;
            self.theirs.logs(&["remote IP address 10.9.0.2"])?;
        }
        if ipv6 {
            self.ours.event("ipv6-up", &[("/peer", "fe80::1")])?;
            self.theirs
                .logs(&["remote LL address fe80::0000:0000:0000:0002"])?;
        }
        if let More::Event(name, fields) | More::EventAndNoise(name, fields) = more {
            self.ours.event(name, fields)?;
        }
        self.ping(ipv4, ipv6)?;
        match more {
            More::Bulk | More::Event(..) => self.send_files()?,
            More::EventAndNoise(..) => self.make_noise()?,
            More::Last | More::Echoes => pause(Duration::from_millis(3500)),
            _ => {}
        }
        if let More::Event("ipv4-up", [(field, _), ..]) = more
            && field.starts_with("/vj")
        {
            self.headers_were_compressed()?;
        }
        self.theirs.logs(logs)
    }

    fn ping(&self, ipv4: bool, ipv6: bool) -> Result<()> {
        let both = |ours: &str, theirs: &str| {
            let options = "-n -c 2 -i 0.1 -W 3";
            let line = format!("{options} {ours}");
            let words: Vec<&str> = line.split(' ').collect();
            self.namespace.run("ping", &words)?;
            self.lane.run(&format!("ping {options} {theirs}"))?;
            anyhow::Ok(())
        };
        if ipv4 {
            both("10.9.0.1", "10.9.0.2")?;
            // The largest that the smallest MRU of any scenario takes.
            both("-M do -s 1252 10.9.0.1", "-M do -s 1252 10.9.0.2")?;
        }
        if ipv6 {
            both("-6 fe80::1%ppp0", "-6 fe80::2%ppp0")?;
        }
        Ok(())
    }

    /// A file each way by TCP, and the same arrives.
    fn send_files(&self) -> Result<()> {
        let listener = self
            .namespace
            .enter(|| Ok(TcpListener::bind("10.9.0.2:5001")?))?;
        // Half of it can be compressed.
        let mut file = vec![b'x'; FILE / 2];
        for number in (0_u32..).take(FILE / 8) {
            file.extend_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        }
        std::thread::scope(|scope| {
            let received = scope.spawn(|| -> Result<Vec<u8>> {
                let mut received = Vec::new();
                listener.accept()?.0.read_to_end(&mut received)?;
                Ok(received)
            });
            let sent = self.lane.run(&format!(
                "(head -c {half} /dev/urandom; head -c {half} /dev/zero) > /tmp/file$lane; \
                 sha256sum < /tmp/file$lane; cat /tmp/file$lane > /dev/tcp/10.9.0.2/5001",
                half = FILE / 2
            ))?;
            let received = received
                .join()
                .map_err(|_| anyhow!("a thread panicked"))??;
            ensure!(received.len() == FILE, "{} octets arrived", received.len());
            let received = to_hex(&Sha256::digest(&received));
            ensure!(sent.starts_with(&received), "{sent} became {received}");
            let sender =
                scope.spawn(|| -> Result<()> { Ok(listener.accept()?.0.write_all(&file)?) });
            let received = self.lane.run("cat < /dev/tcp/10.9.0.2/5001 | sha256sum")?;
            sender.join().map_err(|_| anyhow!("a thread panicked"))??;
            let sent = to_hex(&Sha256::digest(&file));
            ensure!(received.starts_with(&sent), "{sent} became {received}");
            Ok(())
        })?;
        // TCP mends what is put together wrongly, and would hide it.
        let query = "nstat -asz TcpInCsumErrors";
        let ours = self.namespace.run("nstat", &["-asz", "TcpInCsumErrors"])?;
        for counters in [ours, self.lane.run(query)?] {
            let line = counters.lines().find(|line| line.starts_with("Tcp"));
            let errors = line.and_then(|line| line.split_whitespace().nth(1));
            ensure!(errors == Some("0"), "segments arrived broken: {counters}");
        }
        Ok(())
    }

    /// Headers were compressed in both directions. On a slow line they are few: each segment has a timestamp of its own
    /// there, and RFC 1144 compresses no header whose options change.
    fn headers_were_compressed(&self) -> Result<()> {
        for direction in ["1", "2"] {
            let filter =
                format!("ppp.protocol == 0x2d and frame.packet_flags_direction == {direction}");
            let packets = self.ours.captured(&filter)?;
            ensure!(
                packets > 16,
                "{packets} compressed headers in direction {direction}"
            );
        }
        Ok(())
    }

    /// Damages some frames, and then lets the link recover.
    fn make_noise(&self) -> Result<()> {
        let pings = "-n -c 10 -i 0.05 -W 1 -s 300";
        self.line.set_mode(LineMode::Damage);
        let line = format!("{pings} 10.9.0.1");
        let words: Vec<&str> = line.split(' ').collect();
        // Whether any was answered does not matter.
        self.namespace.output("ping", &words)?;
        self.lane.try_run(&format!("ping {pings} 10.9.0.2"))?;
        self.line.set_mode(LineMode::Carry);
        let damaged = self.line.damaged();
        ensure!(damaged > 0, "the noise has done nothing");
        // The packet that is found to be missing costs those until the reset.
        wait_until(Duration::from_secs(10), || self.ping(true, false)).map(drop)
    }

    /// Ends the link, one way or the other.
    fn end(mut self, more: More) -> Result<()> {
        match more {
            More::PeerEnds => {
                self.theirs.terminate()?;
                self.theirs_end(&[5])?;
                self.closed("the peer ended the link")?;
            }
            More::Silence => {
                self.line.set_mode(LineMode::Lose);
                self.closed("the peer does not answer to echoes")?;
                self.theirs_say("Serial link appears to be disconnected")?;
            }
            More::Cut => {
                self.line.cut()?;
                self.closed("the line went down")?;
                self.theirs_say("Serial link appears to be disconnected")?;
            }
            More::Ends(reason, why) => {
                self.closed(reason)?;
                self.theirs_say(why)?;
            }
            _ => {
                self.ours.terminate()?;
                self.theirs_say("LCP terminated by peer")?;
                self.closed("closed")?;
            }
        }
        let counters = self.ours.ended()?;
        let count = |name: &str| counters.get(name).and_then(Value::as_u64);
        if more == More::Echoes {
            let (asked, answered) = (count("echo_requests"), count("echo_replies"));
            ensure!(asked > Some(1) && asked == answered, "{counters}");
        }
        if matches!(more, More::EventAndNoise(..)) {
            ensure!(count("bad_frames") > Some(0), "{counters}");
            return Ok(());
        }
        // Nothing was lost, and nothing refused.
        ensure!(count("bad_frames") == Some(0), "bad frames in {counters}");
        // Where a request was sent again, both have an answer, and the second comes late.
        if count("retransmitted") == Some(0) {
            ensure!(count("refused") == Some(0), "refused in {counters}");
        }
        Ok(())
    }
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Plays all scenarios, some at once; with `INTERNETWORK_SCENARIO`, only those whose feature has its words.
///
/// # Errors
///
/// When the guest does not come up. What comes of the scenarios is in the matrix.
pub fn play(matrix: &Matrix, scenarios: &[Scenario]) -> Result<()> {
    let lanes = LANES.min(wanted(scenarios).len());
    let guest = Uml::boot(lanes, None)?;
    play_on(guest.lanes(), matrix, scenarios)
}

/// The same on the lanes of a guest that there is already.
///
/// # Errors
///
/// When the guest does not answer.
pub fn play_on(lanes: &[Lane], matrix: &Matrix, scenarios: &[Scenario]) -> Result<()> {
    let scenarios = wanted(scenarios);
    let first = lanes.first().context("a guest without lanes")?;
    Pppd::write_secrets(first, &SECRETS)?;
    let next = AtomicUsize::new(0);
    let work = |lane: &Lane| -> Result<()> {
        let namespace = Namespace::new(&format!("ppp{}", lane.index()))?;
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = Stage::new(lane, &namespace, scenario)
                .and_then(|stage| stage.play(&scenario.outcome));
            matrix.add(&scenario.feature, scenario.role, result);
        }
        Ok(())
    };
    let runs: Vec<_> = lanes.iter().map(|lane| || work(lane)).collect();
    let runs: Vec<(&str, &(dyn Fn() -> Result<()> + Sync))> = runs
        .iter()
        .map(|run| ("lane", run as &(dyn Fn() -> Result<()> + Sync)))
        .collect();
    at_once(&runs)
}

fn wanted(scenarios: &[Scenario]) -> Vec<&Scenario> {
    let only = std::env::var("INTERNETWORK_SCENARIO").unwrap_or_default();
    let scenarios = scenarios.iter().filter(|it| it.feature.contains(&only));
    scenarios.collect()
}
