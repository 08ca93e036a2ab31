//! Time, order, LANs, determinism and the watch on simulations that do not move.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

extern crate alloc;

mod common;

use alloc::rc::Rc;
use common::{numbers, stream_of_frames};
use core::cell::RefCell;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use testkit::{
    Contract, Discarded, Heard, Host, LinkConfig, Network, Node, NodeId, Port, SeededRandom,
    assert_deterministic, for_each_seed,
};

const MS: Duration = Duration::from_millis(1);

/// Sends a frame at an interval, with jitter of its own, and answers those with an even number.
struct Chatter {
    next: Instant,
    interval: Duration,
    ports: usize,
    random: SeededRandom,
    to_send: Vec<(Port, Vec<u8>)>,
}

impl Chatter {
    fn new(network: &Network, name: &str, ports: usize) -> Self {
        Self {
            next: Instant::ZERO,
            interval: Duration::from_secs(30),
            ports,
            random: network.random(name),
            to_send: Vec::new(),
        }
    }
}

impl Node for Chatter {
    fn handle_input(&mut self, _: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        match frame.first() {
            Some(first) if first % 2 == 0 => {
                let mut answer = frame.to_vec();
                answer[0] |= 1;
                self.to_send.push((port, answer));
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err(Discarded::new("empty")),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        for port in 0..self.ports {
            let mut frame = vec![0; 64];
            self.random.fill(&mut frame);
            self.to_send.push((port, frame));
        }
        let jitter = self.random.duration_up_to(Duration::from_secs(5));
        self.next = now + self.interval + jitter;
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let (port, frame) = self.to_send.pop()?;
        out.append_slice(&frame);
        Some(port)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

fn faulty() -> LinkConfig {
    LinkConfig {
        jitter: 3 * MS,
        loss: 0.1,
        duplicate: 0.1,
        reorder: 0.1,
        corrupt: 0.1,
        ..LinkConfig::default()
    }
}

/// A ring of chatters.
fn ring(seed: u64, size: usize) -> Network {
    let mut network = Network::new(seed);
    let nodes: Vec<_> = (0..size)
        .map(|i| {
            let name = format!("r{i}");
            let node = Chatter::new(&network, &name, 2);
            network.add_node(&name, node)
        })
        .collect();
    for i in 0..size {
        let (a, b) = (nodes[i], nodes[(i + 1) % size]);
        network.add_link(&format!("l{i}"), (a, 1), (b, 0), faulty());
    }
    network
}

fn trace(seed: u64) -> String {
    let mut network = ring(seed, 4);
    network.start_trace();
    network.run_for(Duration::from_secs(300));
    network.trace().to_owned()
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_another() {
    for_each_seed(0..3, |seed| {
        assert_deterministic(seed, trace);
        assert!(trace(seed).lines().count() > 100);
        assert_ne!(trace(seed), trace(seed + 1));
    });
}

#[test]
#[should_panic(expected = "first at line 2:\n  first  two\n  second twin")]
fn a_run_that_differs_is_noticed() {
    let mut runs = ["one\ntwo\nthree", "one\ntwin\nthree"].into_iter();
    assert_deterministic(0, |_| runs.next().unwrap());
}

#[test]
#[should_panic(expected = "second (the trace has ended)")]
fn a_run_that_ends_early_is_noticed() {
    let mut runs = [&b"\xff\n\xfe"[..], &b"\xff"[..]].into_iter();
    assert_deterministic(0, |_| runs.next().unwrap());
}

#[test]
fn the_trace_says_what_happens() {
    let mut network = Network::new(0);
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    let link = network.add_link("wire", a, (b, 2), LinkConfig::default());
    network.start_trace();
    network.node_mut::<Host>(a).send(0, b"\x01\xab");
    network.run_for(5 * MS);
    network.change_link(link, |config| config.loss = 1.0);
    network.node_mut::<Host>(b).send(2, b"\x02");
    network.run_for(5 * MS);
    network.change_link(link, |config| config.loss = 0.0);
    network.node_mut::<Host>(b).set_refusing(true);
    network.node_mut::<Host>(a).send(0, b"\x03");
    network.run_for(5 * MS);
    assert_eq!(
        network.trace(),
        "0.000000 wire a > 01ab\n\
         0.001000 wire b:2 < 01ab\n\
         0.005000 wire b:2 > 02 (lost)\n\
         0.010000 wire a > 03\n\
         0.011000 wire b:2 < 03 (\"the host refuses everything\")\n"
    );
    assert_eq!(network.node_counters(b).received, 2);
    assert_eq!(network.node_counters(b).discarded, 1);
    assert_eq!(
        network.last_discard(b),
        Some("\"the host refuses everything\"")
    );
}

/// The luck of a link or node does not depend on what else there is.
#[test]
fn what_is_added_does_not_change_the_luck_of_the_rest() {
    let run = |extra: bool| {
        let mut network = Network::new(9);
        if extra {
            let c = network.add_node("c", Host::default());
            let d = network.add_node("d", Host::default());
            network.add_link("other", c, d, faulty());
            stream_of_frames(&mut network, c, 500, 700, 60);
        }
        let a = network.add_node("a", Host::default());
        let b = network.add_node("b", Host::default());
        network.add_link("wire", a, b, faulty());
        stream_of_frames(&mut network, a, 500, 1_000, 60);
        network.run_until_idle(Instant::from_secs(60)).unwrap();
        network.node::<Host>(b).heard().to_vec()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn time_jumps_and_stops_where_it_is_told() {
    let mut network = ring(1, 3);
    network.run_until(Instant::from_secs(7));
    assert_eq!(network.now(), Instant::from_secs(7));
    network.run_until(Instant::from_secs(3));
    assert_eq!(network.now(), Instant::from_secs(7), "and not back");
    network.run_for(Duration::from_micros(1));
    assert_eq!(network.now(), Instant::from_micros(7_000_001));
    assert!(network.next_event_at().unwrap() >= Instant::from_secs(30));
}

#[test]
fn at_one_moment_actions_come_before_frames_and_frames_before_timeouts() {
    /// Its deadline is the moment when the frame arrives.
    struct Clocked {
        deadline: Option<Instant>,
        log: Rc<RefCell<Vec<String>>>,
    }
    impl Node for Clocked {
        fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let frame = String::from_utf8_lossy(frame);
            self.log.borrow_mut().push(format!("frame {frame}"));
            Ok(())
        }
        fn handle_timeout(&mut self, now: Instant) {
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.deadline = None;
                self.log.borrow_mut().push("timeout".to_owned());
            }
        }
        fn poll_transmit(&mut self, _: &mut PacketBuf) -> Option<Port> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            self.deadline
        }
    }
    for_each_seed(0..20, |seed| {
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut network = Network::new(seed);
        let a = network.add_node("a", Host::default());
        let deadline = Some(Instant::from_millis(1));
        let clocked = Clocked {
            deadline,
            log: Rc::clone(&log),
        };
        let b = network.add_node("b", clocked);
        network.add_link("wire", a, b, LinkConfig::default());
        let actions = Rc::clone(&log);
        network.at(Instant::from_millis(1), move |_| {
            actions.borrow_mut().push("action".to_owned());
        });
        network.node_mut::<Host>(a).send(0, b"1");
        network.node_mut::<Host>(a).send(0, b"2");
        let end = network.run_until_idle(Instant::from_secs(1)).unwrap();
        assert_eq!(end, Instant::from_millis(1));
        assert_eq!(*log.borrow(), ["action", "frame 1", "frame 2", "timeout"]);
        assert_eq!(network.node_counters(b).timeouts, 1);
    });
}

#[test]
fn a_condition_is_waited_for() {
    let mut network = Network::new(0);
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    network.add_link("wire", a, b, LinkConfig::default());
    stream_of_frames(&mut network, a, 10, 1_000, 60);
    let heard = |count: usize| move |n: &mut Network| n.node::<Host>(b).heard().len() >= count;
    let at = network.run_until_condition(Instant::from_secs(1), heard(4));
    assert_eq!(at, Ok(Instant::from_millis(4)));
    let at = network.run_until_condition(Instant::from_secs(1), heard(4));
    assert_eq!(at, Ok(Instant::from_millis(4)), "it holds already");
    let error = network
        .run_until_condition(Instant::from_micros(6_500), heard(8))
        .unwrap_err();
    assert_eq!(network.now(), Instant::from_micros(6_500));
    assert_eq!(
        error.to_string(),
        "not reached by 0.006500; 1 frames are in flight, the next action is at 0.007000, no node \
         has a deadline"
    );
    let mut busy = ring(0, 2);
    let error = busy.run_until_idle(Instant::from_secs(1)).unwrap_err();
    assert_eq!(busy.now(), Instant::from_secs(1));
    assert!(
        error.to_string().contains("the next deadline is 3"),
        "{error}"
    );
}

#[test]
fn every_other_station_of_a_lan_hears_a_frame() {
    let mut network = Network::new(0);
    let lan = network.add_lan("lan");
    let names = ["a", "b", "c", "d"];
    let [a, b, c, d] = names.map(|name| network.add_node(name, Host::default()));
    for end in [(a, 0), (b, 3), (c, 0), (d, 0)] {
        network.attach(lan, end, LinkConfig::default());
    }
    network.node_mut::<Host>(a).send(0, b"from a");
    network.node_mut::<Host>(b).send(3, b"from b");
    network.node_mut::<Host>(b).send(0, b"nowhere");
    network.run_until_idle(Instant::from_secs(1)).unwrap();
    assert_eq!(network.node::<Host>(a).frames(), [b"from b"]);
    assert_eq!(
        network.node::<Host>(b).heard(),
        [Heard {
            at: Instant::from_millis(1),
            port: 3,
            frame: b"from a".to_vec()
        }]
    );
    for station in [c, d] {
        assert_eq!(
            network.node::<Host>(station).frames(),
            [b"from a", b"from b"]
        );
    }
    assert_eq!(network.counters(a).sent, 1);
    assert_eq!(network.counters(a).delivered, 3);
    assert_eq!(network.node_counters(b).unconnected, 1);
    assert_eq!(network.node_counters(b).transmitted, 2);
}

#[test]
fn the_receivers_of_a_lan_lose_each_for_itself() {
    let mut network = Network::new(4);
    let lan = network.add_lan("lan");
    let nodes = ["a", "b", "c"].map(|name| network.add_node(name, Host::default()));
    for node in nodes {
        let lossy = LinkConfig {
            loss: 0.5,
            ..LinkConfig::default()
        };
        network.attach(lan, node, lossy);
    }
    stream_of_frames(&mut network, nodes[0], 1_000, 10, 4);
    network.run_until_idle(Instant::from_secs(10)).unwrap();
    let b = numbers(network.node(nodes[1]));
    let c = numbers(network.node(nodes[2]));
    let both = b.iter().filter(|number| c.contains(number)).count();
    assert!((440..560).contains(&b.len()) && (440..560).contains(&c.len()));
    assert!((195..305).contains(&both), "{both} heard by both");
    let counters = network.counters(nodes[0]);
    assert_eq!(counters.lost + counters.delivered, 2_000);
}

/// A port has other luck on another LAN.
#[test]
fn each_lan_has_a_generator_of_its_own() {
    let mut network = Network::new(4);
    let a = network.add_node("a", Host::default());
    let heard = ["here", "there"].map(|name| {
        let listener = network.add_node(name, Host::default());
        let lan = network.add_lan(name);
        let lossy = LinkConfig {
            loss: 0.5,
            ..LinkConfig::default()
        };
        network.attach(lan, a, lossy.clone());
        network.attach(lan, listener, lossy);
        stream_of_frames(&mut network, a, 100, 10, 4);
        network.run_for(10 * MS);
        network.detach(a);
        numbers(network.node(listener))
    });
    assert_ne!(heard[0], heard[1]);
}

#[test]
fn a_station_can_be_cut_off_a_lan_and_move_to_another() {
    let mut network = Network::new(0);
    let (home, away) = (network.add_lan("home"), network.add_lan("away"));
    let [mobile, h, f] = ["mobile", "home agent", "foreign agent"]
        .map(|name| network.add_node(name, Host::default()));
    for (lan, node) in [(home, mobile), (home, h), (away, f)] {
        network.attach(lan, node, LinkConfig::default());
    }
    let shout = |network: &mut Network, from: NodeId, what: &[u8]| {
        network.node_mut::<Host>(from).send(0, what);
        network.run_for(2 * MS);
    };
    network.set_end_up(mobile, false);
    shout(&mut network, mobile, b"unheard");
    shout(&mut network, h, b"not heard by mobile");
    network.set_end_up(mobile, true);
    shout(&mut network, mobile, b"at home");
    assert_eq!(network.node::<Host>(h).frames(), [b"at home"]);
    assert_eq!(network.counters(h).while_down, 1);

    network.detach(mobile);
    network.attach(away, mobile, LinkConfig::default());
    shout(&mut network, mobile, b"abroad");
    shout(&mut network, h, b"nobody is here");
    shout(&mut network, f, b"welcome");
    assert_eq!(network.node::<Host>(h).frames(), [b"at home"]);
    assert_eq!(network.node::<Host>(f).frames(), [b"abroad"]);
    assert_eq!(network.node::<Host>(mobile).frames(), [b"welcome"]);
    assert_eq!(
        network.counters(h).while_down,
        1,
        "who has left is not missed"
    );
    network.detach(mobile);
    network.attach(home, mobile, LinkConfig::default());
    shout(&mut network, mobile, b"back");
    assert_eq!(network.node::<Host>(h).frames(), [&b"at home"[..], b"back"]);
}

/// Answers each frame at once: on a link without delay, two of them stop time.
struct Echo(Vec<Vec<u8>>);

impl Node for Echo {
    fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0.push(frame.to_vec());
        Ok(())
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        out.append_slice(&self.0.pop()?);
        Some(0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

#[test]
#[should_panic(
    expected = "time stands still at 0.000000 after 1000 calls; the busiest nodes of \
                           late: \"oche\" (251 calls), \"echo\" (250 calls)"
)]
fn frames_that_go_around_without_delay_are_noticed() {
    let mut network = Network::new(0);
    let a = network.add_node("echo", Echo(vec![b"x".to_vec()]));
    let b = network.add_node("oche", Echo(Vec::new()));
    let quick = LinkConfig {
        delay: Duration::ZERO,
        ..LinkConfig::default()
    };
    network.add_link("wire", a, b, quick);
    network.set_standstill_limit(1_000);
    network.run_for(MS);
}

#[test]
#[should_panic(expected = "the busiest nodes of late: none, actions only")]
fn actions_that_schedule_themselves_are_noticed() {
    fn again(network: &mut Network) {
        network.after(Duration::ZERO, again);
    }
    let mut network = Network::new(0);
    network.after(Duration::ZERO, again);
    network.run_for(MS);
}

#[test]
#[should_panic(expected = "node \"a\" is not a network::Chatter")]
fn a_node_of_another_type_is_named() {
    let mut network = Network::new(0);
    let a = network.add_node("a", Host::default());
    network.node::<Chatter>(a);
}

#[test]
#[should_panic(expected = "port a is taken")]
fn a_port_takes_one_link() {
    let mut network = Network::new(0);
    let [a, b, c] = ["a", "b", "c"].map(|name| network.add_node(name, Host::default()));
    network.add_link("ab", a, b, LinkConfig::default());
    network.add_link("ac", a, c, LinkConfig::default());
}

#[test]
fn fifty_routers_run_for_an_hour() {
    let mut network = ring(1, 50);
    network.run_for(Duration::from_secs(3_600));
    let mut timeouts = 0;
    for i in 0..50 {
        let id = network.node_named(&format!("r{i}")).unwrap();
        timeouts += network.node_counters(id).timeouts;
    }
    // One each 30 to 35 seconds.
    assert!(
        (50 * 3_600 / 35..=50 * (3_600 / 30 + 1)).contains(&timeouts),
        "{timeouts}"
    );
}

/// Notes in which order it is called.
#[derive(Default)]
struct Diary {
    calls: String,
    to_send: usize,
}

impl Node for Diary {
    fn handle_input(&mut self, _: Instant, _: Port, _: &[u8]) -> Result<(), Discarded> {
        self.calls.push('i');
        self.to_send += 1;
        Ok(())
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_transmit(&mut self, _: &mut PacketBuf) -> Option<Port> {
        self.to_send = self.to_send.checked_sub(1)?;
        self.calls.push('t');
        Some(0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn polls_come_at_once_or_late_as_the_contract_says() {
    let calls = |late_polls: f64| {
        let mut network = Network::new(0);
        let a = network.add_node("a", Host::default());
        let b = network.add_node("b", Diary::default());
        network.add_link("wire", a, b, LinkConfig::default());
        let contract = Contract {
            late_polls,
            ..Contract::default()
        };
        network.set_contract(b, contract);
        stream_of_frames(&mut network, a, 8, 0, 4);
        network.run_for(MS);
        network.node::<Diary>(b).calls.clone()
    };
    assert_eq!(calls(0.0), "itititititititit");
    assert_eq!(calls(1.0), "iiiiiiiitttttttt");
    let mixed = calls(0.5);
    assert!(mixed.contains("ii") && mixed.contains("iti"), "{mixed}");
}

#[test]
fn a_node_can_be_held_to_another_contract() {
    let mut network = Network::new(0);
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    network.add_link("wire", a, b, LinkConfig::default());
    network.set_contract(
        a,
        Contract {
            max_transmits: 3,
            ..Contract::OBSERVE
        },
    );
    stream_of_frames(&mut network, a, 3, 0, 4);
    network.run_for(MS);
    assert_eq!(network.node::<Host>(b).heard().len(), 3);
    assert_eq!(network.node_name(a), "a");
}
