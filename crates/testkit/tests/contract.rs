//! Nodes that break the machine contract, each in one way, are caught; one that keeps it is not.

#![allow(clippy::unwrap_used, reason = "tests")]

use core::cell::Cell;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use testkit::{
    Contract, ContractChecker, Discarded, LinkConfig, Network, Node, Port, SeededRandom,
    for_each_seed,
};

const INTERVAL: Duration = Duration::from_secs(10);

/// What is wrong with a [`Hello`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NeverProgresses,
    TransmitsForever,
    UnstableDeadline,
    ChangesStateOnRefusal,
    MovesTheDeadlineOnRefusal,
    AnswersARefusedFrame,
    SendsWhenEarly,
    RestartsTheTimerWhenEarly,
    ForgetsTheLatestTime,
    TakesZeroForNow,
    PanicsOnABackwardClock,
}

/// Sends a hello at an interval. Any input but a hello is refused; one puts the next hello off.
struct Hello {
    fault: Fault,
    latest: Instant,
    deadline: Instant,
    hellos_to_send: usize,
    hellos_heard: u64,
    asked: Cell<u64>,
}

impl Hello {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            latest: Instant::ZERO,
            deadline: Instant::ZERO + INTERVAL,
            hellos_to_send: 0,
            hellos_heard: 0,
            asked: Cell::new(0),
        }
    }

    fn clock(&mut self, now: Instant) -> Instant {
        match self.fault {
            Fault::ForgetsTheLatestTime => now,
            Fault::PanicsOnABackwardClock => {
                assert!(now >= self.latest, "the clock ran backwards");
                self.latest = now;
                now
            }
            _ => {
                self.latest = self.latest.max(now);
                self.latest
            }
        }
    }
}

impl Node for Hello {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let now = self.clock(now);
        if frame != b"hello" {
            match self.fault {
                Fault::ChangesStateOnRefusal => self.hellos_heard += 1,
                Fault::MovesTheDeadlineOnRefusal => self.deadline = now + INTERVAL,
                Fault::AnswersARefusedFrame => self.hellos_to_send += 1,
                _ => {}
            }
            return Err(Discarded::new("not a hello"));
        }
        self.hellos_heard += 1;
        self.deadline = match self.fault {
            Fault::TakesZeroForNow => Instant::ZERO,
            _ => now + INTERVAL,
        };
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        if now < self.deadline {
            match self.fault {
                Fault::SendsWhenEarly => self.hellos_to_send += 1,
                Fault::RestartsTheTimerWhenEarly => self.deadline = now + INTERVAL,
                _ => {}
            }
            return;
        }
        self.hellos_to_send += 1;
        if self.fault != Fault::NeverProgresses {
            self.deadline = now + INTERVAL;
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        if self.fault != Fault::TransmitsForever || self.hellos_to_send == 0 {
            self.hellos_to_send = self.hellos_to_send.checked_sub(1)?;
        }
        out.append_slice(b"hello");
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.asked.set(self.asked.get() + 1);
        let late = if self.fault == Fault::UnstableDeadline {
            self.asked.get()
        } else {
            0
        };
        Some(self.deadline + Duration::from_micros(late))
    }

    fn fingerprint(&self) -> Option<u64> {
        Some(self.hellos_heard)
    }
}

/// Runs two of them for an hour, over a link that makes some hellos unreadable.
fn simulate(fault: Fault) {
    let mut network = Network::new(7);
    let good = network.add_node("good", Hello::new(Fault::None));
    let bad = network.add_node("suspect", Hello::new(fault));
    let config = LinkConfig {
        corrupt: 0.3,
        delay: Duration::from_millis(700),
        jitter: Duration::from_secs(3),
        ..LinkConfig::default()
    };
    network.add_link("wire", good, bad, config);
    network.run_for(Duration::from_secs(3_600));
    assert!(network.node::<Hello>(bad).hellos_heard > 50);
    assert!(network.node_counters(bad).discarded > 10);
}

#[test]
fn a_node_that_keeps_the_contract_passes() {
    simulate(Fault::None);
}

/// The extra calls change nothing that can be seen: with and without them, every frame leaves at
/// the same time.
#[test]
fn the_extra_calls_do_no_harm() {
    for_each_seed(0..20, |seed| {
        let run = |contract: &Contract| {
            let mut network = Network::new(seed);
            let a = network.add_node("a", Hello::new(Fault::None));
            let b = network.add_node("b", Hello::new(Fault::None));
            let config = LinkConfig {
                corrupt: 0.3,
                jitter: Duration::from_secs(3),
                ..LinkConfig::default()
            };
            network.add_link("wire", a, b, config);
            for node in [a, b] {
                network.set_contract(node, contract.clone());
            }
            network.start_trace();
            network.run_for(Duration::from_secs(300));
            network.trace().to_owned()
        };
        let strict = Contract {
            spurious_calls: 0.9,
            late_polls: 0.9,
            ..Contract::default()
        };
        assert_eq!(run(&Contract::OBSERVE), run(&strict));
    });
}

#[test]
#[should_panic(
    expected = "node \"suspect\" violates rule 3 of the machine contract at 10.000000: \
                           no progress: after handle_timeout(10.000000), with 10.000000 the \
                           latest time seen, the deadline is 10.000000"
)]
fn a_timeout_that_makes_no_progress() {
    simulate(Fault::NeverProgresses);
}

#[test]
#[should_panic(
    expected = "\"suspect\" violates rule 5 of the machine contract at 10.000000: \
                           poll_transmit gave more than 10000 frames in one go"
)]
fn a_node_that_does_not_stop_sending() {
    simulate(Fault::TransmitsForever);
}

#[test]
#[should_panic(expected = "\"suspect\" violates rule 2")]
fn a_deadline_that_changes_when_asked() {
    simulate(Fault::UnstableDeadline);
}

#[test]
#[should_panic(expected = "handle_input refused a frame (\"not a hello\") and changed the state")]
fn a_refusal_that_changes_the_state() {
    simulate(Fault::ChangesStateOnRefusal);
}

#[test]
#[should_panic(expected = "(\"not a hello\") and moved the deadline from ")]
fn a_refusal_that_moves_the_deadline() {
    simulate(Fault::MovesTheDeadlineOnRefusal);
}

#[test]
#[should_panic(expected = "\"suspect\" violates rule 6 of the machine contract")]
fn a_refusal_that_is_answered() {
    simulate(Fault::AnswersARefusedFrame);
}

#[test]
#[should_panic(
    expected = "nothing was left to send, handle_timeout came early or repeated, and \
                           now a frame of 5 octets leaves port 0"
)]
fn an_early_timeout_that_sends() {
    simulate(Fault::SendsWhenEarly);
}

#[test]
#[should_panic(expected = "came before the deadline")]
fn an_early_timeout_that_starts_over() {
    simulate(Fault::RestartsTheTimerWhenEarly);
}

#[test]
#[should_panic(expected = "violates rule 4 of the machine contract")]
fn a_clock_that_runs_backwards_and_is_believed() {
    simulate(Fault::ForgetsTheLatestTime);
}

#[test]
#[should_panic(expected = "handle_input set a deadline in the past: 0.000000")]
fn a_sentinel_for_at_once() {
    simulate(Fault::TakesZeroForNow);
}

#[test]
#[should_panic(expected = "the clock ran backwards")]
fn a_clock_that_runs_backwards_and_surprises() {
    simulate(Fault::PanicsOnABackwardClock);
}

#[test]
fn a_machine_may_be_excused_from_keeping_its_early_deadline() {
    let mut network = Network::new(7);
    let good = network.add_node("good", Hello::new(Fault::None));
    let lazy = network.add_node("lazy", Hello::new(Fault::RestartsTheTimerWhenEarly));
    let config = LinkConfig {
        jitter: Duration::from_secs(3),
        ..LinkConfig::default()
    };
    network.add_link("wire", good, lazy, config);
    let contract = Contract {
        early_timeout_keeps_deadline: false,
        spurious_calls: 0.5,
        ..Contract::default()
    };
    network.set_contract(lazy, contract);
    network.run_for(Duration::from_secs(3_600));
    assert!(network.node_counters(lazy).received > 50);
}

/// How a fuzzer uses the checker: operations in any order, each followed by `settle`.
#[test]
fn the_checker_serves_a_single_machine() {
    let mut checker = ContractChecker::new("m", Hello::new(Fault::None), SeededRandom::new(1));
    let mut sent = Vec::new();
    let mut deadline = checker.settle(Instant::ZERO, |_, _| {});
    for step in 0..1_000u64 {
        let now = Instant::from_millis(step * 1_000);
        match step % 50 {
            10 => checker.handle_input(now, 0, b"hello").unwrap(),
            20 => {
                checker.handle_input(now, 0, b"nonsense").unwrap_err();
            }
            30 => checker.handle_timeout(Instant::ZERO),
            _ => checker.handle_timeout(now),
        }
        deadline = checker.settle(now, |port, frame| sent.push((port, frame.to_vec())));
    }
    // Four in each 50 seconds.
    assert!((75..=81).contains(&sent.len()), "{}", sent.len());
    assert!(sent.iter().all(|frame| *frame == (0, b"hello".to_vec())));
    assert!(deadline > Some(Instant::from_secs(999)));
    assert_eq!(checker.node().hellos_heard, 20);
}

#[test]
#[should_panic(expected = "node \"m\" violates rule 3")]
fn the_checker_catches_a_single_machine() {
    let node = Hello::new(Fault::NeverProgresses);
    let mut checker = ContractChecker::new("m", node, SeededRandom::new(1));
    checker.set_contract(Contract::OBSERVE);
    checker.handle_timeout(Instant::from_secs(9));
    checker.handle_timeout(Instant::from_secs(11));
}
