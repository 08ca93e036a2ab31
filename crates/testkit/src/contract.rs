//! The machine contract, asserted on every call.
//!
//! | rule | what the contract says | what is checked |
//! |---|---|---|
//! | 1 | polls may come in any order and late | the network polls late at random |
//! | 2 | `poll_timeout` is absolute, without sentinel | asked twice it says the same; no call makes a deadline that has passed already |
//! | 3 | progress | after `handle_timeout(t)` it is `None` or later than `t` |
//! | 4 | early, late, repeated calls and a clock that runs backwards are harmless | such calls are made at random; nothing is sent and the deadline stays |
//! | 5 | work is bounded | a node that does not stop sending is stopped |
//! | 6 | a refused input changes nothing | the deadline, the output and the [fingerprint](Node::fingerprint) are compared |
//! | 8 | same configuration, seed and inputs: same octets | [`assert_deterministic`] |
//!
//! Rule 7, that state changes only together with what is sent, cannot be seen from outside.

use crate::node::{Discarded, Node, Port};
use crate::random::SeededRandom;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};

/// How far back the clock is set when it is made to run backwards.
const LONGEST_STEP_BACK: Duration = Duration::from_secs(3_600);

/// How strictly a node is held to the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Frames that a node may send in one go. Default: 10,000.
    pub max_transmits: usize,
    /// The probability that a call is followed or led by an extra call that must be harmless: an
    /// early or repeated `handle_timeout`, or a `now` that lies in the past. Default: 1/8.
    pub spurious_calls: f64,
    /// The probability that the network delivers what else arrives at the same moment before it
    /// polls the node. Default: 1/2.
    pub late_polls: f64,
    /// Whether a `handle_timeout` before the deadline must leave the deadline where it is. That is
    /// a strict reading of "harmless"; a machine that finds out only in `handle_timeout` that the
    /// owner of a deadline is gone may lift it. Default: true.
    pub early_timeout_keeps_deadline: bool,
}

impl Contract {
    /// Checks what happens, and makes no extra calls and no late ones: for tests that count calls.
    pub const OBSERVE: Self = Self {
        max_transmits: 10_000,
        spurious_calls: 0.0,
        late_polls: 0.0,
        early_timeout_keeps_deadline: true,
    };
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            spurious_calls: 0.125,
            late_polls: 0.5,
            ..Self::OBSERVE
        }
    }
}

/// A node whose every call is held to the contract. Every violation panics and names the node.
///
/// [`Network`](crate::Network) puts one around each of its nodes. A fuzzer of a single machine
/// makes one itself, drives the machine through it, and ends each operation with
/// [`settle`](Self::settle).
pub struct ContractChecker<N: Node + ?Sized> {
    name: String,
    contract: Contract,
    random: SeededRandom,
    /// The latest time that the node was told.
    latest: Instant,
    /// Whether the node had nothing left to send when it was last asked.
    drained: bool,
    /// Where the node may have nothing to send: the rule that says so, and what was called.
    silence: Option<(u8, &'static str)>,
    out: PacketBuf,
    node: Box<N>,
}

impl<N: Node> ContractChecker<N> {
    /// Holds `node`, called `name` in messages, to the default contract. `random` decides on extra
    /// calls.
    pub fn new(name: &str, node: N, random: SeededRandom) -> Self {
        Self::from_box(name, Box::new(node), random)
    }
}

impl<N: Node + ?Sized> ContractChecker<N> {
    /// The same for a boxed node, of which only the trait need be known.
    pub fn from_box(name: &str, node: Box<N>, random: SeededRandom) -> Self {
        Self {
            name: name.to_owned(),
            contract: Contract::default(),
            random,
            latest: Instant::ZERO,
            drained: false,
            silence: None,
            out: PacketBuf::new(),
            node,
        }
    }

    /// Changes what the node is held to.
    pub fn set_contract(&mut self, contract: Contract) {
        self.contract = contract;
    }

    /// What the node is held to.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node.
    pub fn node(&self) -> &N {
        &self.node
    }

    /// The node, to give it a command: it may then have something to send, and another deadline.
    pub fn node_mut(&mut self) -> &mut N {
        self.drained = false;
        self.silence = None;
        &mut self.node
    }

    /// [`Node::handle_input`], checked.
    ///
    /// # Errors
    ///
    /// Those of the node.
    ///
    /// # Panics
    ///
    /// When the contract is violated; so do the other calls.
    pub fn handle_input(
        &mut self,
        now: Instant,
        port: Port,
        frame: &[u8],
    ) -> Result<(), Discarded> {
        let mut told = now;
        if self.random.chance(self.contract.spurious_calls) && !self.is_due(now) {
            // A clock that runs backwards is a clock that was later before: show `now` first.
            self.handle_timeout(now);
            told = now - self.random.duration_up_to(LONGEST_STEP_BACK);
        }
        let deadline = self.poll_timeout();
        let fingerprint = self.node.fingerprint();
        self.latest = self.latest.max(now);
        let result = self.node.handle_input(told, port, frame);
        self.check_deadline_ahead("handle_input", deadline);
        let Err(discarded) = &result else {
            self.drained = false;
            self.silence = None;
            return result;
        };
        let after = self.poll_timeout();
        if after != deadline {
            self.violated(
                6,
                format_args!(
                    "handle_input refused a frame ({discarded}) and moved the deadline from {} to {}",
                    moment(deadline),
                    moment(after)
                ),
            );
        }
        if self.node.fingerprint() != fingerprint {
            self.violated(
                6,
                format_args!("handle_input refused a frame ({discarded}) and changed the state"),
            );
        }
        self.expect_silence(6, "handle_input refused a frame");
        result
    }

    /// [`Node::handle_timeout`], checked.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout_once(now);
        if self.random.chance(self.contract.spurious_calls) {
            let again = now - self.step_back();
            self.handle_timeout_once(again);
        }
    }

    /// [`Node::poll_transmit`], checked.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let port = self.node.poll_transmit(out);
        match (port, self.silence) {
            (Some(port), Some((rule, call))) => self.violated(
                rule,
                format_args!(
                    "nothing was left to send, {call}, and now a frame of {} octets leaves port \
                     {port}",
                    out.len()
                ),
            ),
            (Some(_), None) => {}
            (None, _) => self.drained = true,
        }
        port
    }

    /// [`Node::poll_timeout`], checked.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.node.poll_timeout();
        let again = self.node.poll_timeout();
        if deadline != again {
            self.violated(
                2,
                format_args!(
                    "poll_timeout said {} and, asked again, {}",
                    moment(deadline),
                    moment(again)
                ),
            );
        }
        deadline
    }

    /// Polls until the node has nothing more to send, hands each frame to `transmit`, and returns
    /// the deadline. At times it makes calls in between that must be harmless.
    pub fn settle(
        &mut self,
        now: Instant,
        mut transmit: impl FnMut(Port, &[u8]),
    ) -> Option<Instant> {
        self.drain(&mut transmit);
        if self.random.chance(self.contract.spurious_calls) && !self.is_due(now) {
            let early = now - self.step_back();
            self.handle_timeout(early);
            self.drain(&mut transmit);
        }
        self.poll_timeout()
    }

    fn drain(&mut self, transmit: &mut impl FnMut(Port, &[u8])) {
        let mut out = core::mem::take(&mut self.out);
        for _ in 0..=self.contract.max_transmits {
            // A machine may count on no room at all.
            let roomy = self.random.chance(0.5);
            out.reset(if roomy {
                PacketBuf::DEFAULT_HEADROOM
            } else {
                0
            });
            let Some(port) = self.poll_transmit(&mut out) else {
                self.out = out;
                return;
            };
            transmit(port, out.as_slice());
        }
        self.violated(
            5,
            format_args!(
                "poll_transmit gave more than {} frames in one go",
                self.contract.max_transmits
            ),
        );
    }

    fn handle_timeout_once(&mut self, now: Instant) {
        let deadline = self.poll_timeout();
        let due = self.is_due(now);
        self.latest = self.latest.max(now);
        self.node.handle_timeout(now);
        let after = self.poll_timeout();
        if after.is_some_and(|after| after <= self.latest) {
            self.violated(
                3,
                format_args!(
                    "no progress: after handle_timeout({now}), with {} the latest time seen, the \
                     deadline is {}",
                    self.latest,
                    moment(after)
                ),
            );
        }
        if due {
            self.drained = false;
            self.silence = None;
            return;
        }
        if after != deadline && self.contract.early_timeout_keeps_deadline {
            self.violated(
                4,
                format_args!(
                    "handle_timeout({now}) came before the deadline {} and moved it to {}",
                    moment(deadline),
                    moment(after)
                ),
            );
        }
        self.expect_silence(4, "handle_timeout came early or repeated");
    }

    /// Nothing that was called since the output was drained may have made more of it.
    fn expect_silence(&mut self, rule: u8, call: &'static str) {
        if self.drained {
            self.silence = Some((rule, call));
        }
    }

    /// Rule 2 (no sentinel) and rule 4 (a clock that runs backwards): a call makes no deadline that
    /// lies before the latest time seen.
    fn check_deadline_ahead(&self, call: &str, before: Option<Instant>) {
        let after = self.poll_timeout();
        if after != before && after.is_some_and(|after| after < self.latest) {
            self.violated(
                4,
                format_args!(
                    "{call} set a deadline in the past: {}, and the latest time seen is {}",
                    moment(after),
                    self.latest
                ),
            );
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let now = self.latest.max(now);
        self.poll_timeout().is_some_and(|deadline| deadline <= now)
    }

    /// Nothing, or how far the clock runs backwards.
    fn step_back(&mut self) -> Duration {
        if self.random.chance(0.5) {
            self.random.duration_up_to(LONGEST_STEP_BACK)
        } else {
            Duration::ZERO
        }
    }

    fn violated(&self, rule: u8, what: fmt::Arguments<'_>) -> ! {
        panic!(
            "node {:?} violates rule {rule} of the machine contract at {}: {what}",
            self.name, self.latest
        );
    }
}

impl<N: Node + ?Sized> fmt::Debug for ContractChecker<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContractChecker")
            .field("name", &self.name)
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}

fn moment(deadline: Option<Instant>) -> String {
    deadline.map_or_else(|| "never".to_owned(), |deadline| deadline.to_string())
}

/// Runs the same twice and compares the traces, which are anything that tells the runs apart, such
/// as [`Network::trace`](crate::Network::trace).
///
/// # Panics
///
/// When the traces differ; the message shows the first line that does.
pub fn assert_deterministic<T: AsRef<[u8]>>(seed: u64, mut run: impl FnMut(u64) -> T) {
    let _guard = crate::seed::SeedGuard::new(seed);
    let (first, second) = (run(seed), run(seed));
    let (first, second) = (first.as_ref(), second.as_ref());
    if first == second {
        return;
    }
    let (mut first, mut second) = (lines(first), lines(second));
    for number in 1.. {
        let (a, b) = (first.next(), second.next());
        assert!(
            a == b,
            "two runs with the same seed differ, which violates rule 8 of the machine contract, \
             first at line {number}:\n  first  {}\n  second {}",
            show(a),
            show(b)
        );
    }
}

fn lines(trace: &[u8]) -> impl Iterator<Item = &[u8]> {
    trace.split(|&octet| octet == b'\n')
}

fn show(line: Option<&[u8]>) -> String {
    line.map_or_else(
        || "(the trace has ended)".to_owned(),
        |line| line.escape_ascii().to_string(),
    )
}
