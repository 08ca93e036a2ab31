//! Deadlines, the wheel, and the machine contract about time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use core::net::Ipv4Addr;
use core::time::Duration;
use flow_table::{Config, FlowId, FlowTable, Ipv4FlowKey, NewFlow};
use packet_buffer::{Instant, PacketBuf, RandomSource};
use testkit::contract::ContractChecker;
use testkit::{Discarded, Node, Port, SeededRandom, for_each_seed};

type Table = FlowTable<Ipv4FlowKey, u32>;

fn table(sweep_budget: usize) -> Table {
    let config = Config {
        sweep_budget,
        ..Config::new(10_000)
    };
    FlowTable::new(config, &mut SeededRandom::new(1)).unwrap()
}

fn key(n: u32) -> Ipv4FlowKey {
    let inside = (Ipv4Addr::from_bits(0x0a00_0000 + n), 1);
    Ipv4FlowKey::new(inside, (Ipv4Addr::BROADCAST, 2), 17, 0)
}

fn add(table: &mut Table, now: Instant, n: u32, deadline: Instant) -> FlowId {
    let original = key(n);
    let new = NewFlow {
        original,
        reply: original.reversed(),
        deadline,
        class: 0,
        value: n,
    };
    table.insert(now, new).unwrap().id
}

/// Runs the timers as an event loop does; says which flow expired when.
fn run(table: &mut Table, until: Instant) -> Vec<(Instant, u32)> {
    let mut expired = Vec::new();
    while let Some(at) = table.poll_timeout().filter(|at| *at <= until) {
        table.handle_timeout(at);
        while let Some(flow) = table.poll_expired() {
            expired.push((at, flow.value));
        }
    }
    expired
}

#[test]
fn a_flow_lives_until_its_deadline_and_leaves_at_the_end_of_that_second() {
    for start in [Instant::ZERO, Instant::from_micros(1_700_000_000_123_456)] {
        for lifetime in [
            1,
            999_999,
            1_000_000,
            30_000_000,
            600_000_001,
            9_999_999_999,
        ] {
            let mut table = table(1_024);
            let deadline = start + Duration::from_micros(lifetime);
            let id = add(&mut table, start, 1, deadline);
            let before = deadline - Duration::from_micros(1);
            assert!(table.find(before, &key(1)).is_some());
            assert!(table.find(deadline, &key(1)).is_none());
            let second = Instant::from_secs(deadline.as_micros().div_ceil(1_000_000));
            assert_eq!(run(&mut table, before), []);
            assert_eq!(table.get(id).is_some(), table.poll_timeout().is_some());
            assert_eq!(run(&mut table, second), [(second, 1)]);
            assert_eq!(table.poll_timeout(), None);
            assert!(table.is_empty());
        }
    }
}

#[test]
fn an_overdue_flow_is_not_found_and_gives_up_its_keys_before_it_is_swept() {
    let mut table = table(1_024);
    let deadline = Instant::from_millis(10_500);
    let old = add(&mut table, Instant::ZERO, 1, deadline);
    assert!(table.lookup(deadline, &key(1)).is_none());
    assert!(table.get(old).is_none());
    assert!(table.get_mut(old).is_none());
    assert_eq!(table.iter().count(), 0);
    assert!(table.rekey(old, key(7)).is_err());
    // Its key is free for the next flow; the old one comes out as expired.
    let new = add(&mut table, deadline, 1, Instant::from_secs(20));
    assert_eq!(table.find(deadline, &key(1)).unwrap().id, new);
    assert_eq!(table.poll_expired().unwrap().id, old);
    assert!(table.poll_expired().is_none());
    assert_eq!(table.stats().expired, 1);
}

#[test]
fn a_hit_puts_the_deadline_off() {
    let mut table = table(1_024);
    let timeout = Duration::from_secs(30);
    add(&mut table, Instant::ZERO, 1, Instant::ZERO + timeout);
    for second in 1..1_000 {
        let now = Instant::from_secs(second);
        assert_eq!(run(&mut table, now), []);
        let (_, mut flow) = table.lookup(now, &key(1)).unwrap();
        flow.set_deadline(now + timeout);
    }
    // One look in each timeout, whatever the number of hits.
    assert!((33..=35).contains(&table.stats().visited));
    assert_eq!(
        run(&mut table, Instant::MAX),
        [(Instant::from_secs(999) + timeout, 1)]
    );
}

#[test]
fn a_deadline_is_brought_forward_at_once() {
    // As when an established connection, good for 2 hours and 4 minutes, is closed.
    let mut table = table(1_024);
    let now = Instant::from_secs(5);
    let id = add(&mut table, now, 1, now + Duration::from_secs(7_440));
    let soon = now + Duration::from_secs(10);
    table.get_mut(id).unwrap().set_deadline(soon);
    assert_eq!(table.poll_timeout(), Some(soon));
    assert_eq!(run(&mut table, soon), [(soon, 1)]);
    // And to a time that has passed: the next second.
    let id = add(&mut table, soon, 2, Instant::MAX);
    assert_eq!(table.poll_timeout(), None);
    table.get_mut(id).unwrap().set_deadline(Instant::ZERO);
    let next = soon + Duration::from_secs(1);
    assert_eq!(run(&mut table, next), [(next, 2)]);
}

#[test]
fn a_flow_that_is_overdue_from_the_start_leaves_at_the_next_second() {
    let mut table = table(1_024);
    let now = Instant::from_millis(50_300);
    add(&mut table, now, 1, Instant::from_secs(700));
    let id = add(&mut table, now, 2, Instant::from_secs(40));
    assert!(table.get(id).is_none());
    table.handle_timeout(now);
    assert!(table.poll_expired().is_none());
    let next = Instant::from_secs(51);
    assert_eq!(table.poll_timeout(), Some(next));
    assert_eq!(run(&mut table, next), [(next, 2)]);
}

#[test]
fn a_long_timeout_costs_few_looks() {
    let mut table = table(1_024);
    add(&mut table, Instant::ZERO, 1, Instant::from_secs(7_440));
    let end = Instant::from_secs(7_440);
    assert_eq!(run(&mut table, end), [(end, 1)]);
    assert_eq!(table.stats().visited, 2);
    // Thirty days: once in three days.
    let far = end + Duration::from_secs(30 * 86_400);
    add(&mut table, end, 2, far);
    assert_eq!(run(&mut table, far), [(far, 2)]);
    assert!(table.stats().visited <= 2 + 12);
}

#[test]
fn a_sweep_is_cut_short_at_its_budget_and_goes_on_a_millisecond_later() {
    let mut table = table(100);
    for n in 0..250 {
        add(&mut table, Instant::ZERO, n, Instant::from_secs(10));
    }
    let mut now = Instant::from_secs(10);
    for expected in [100, 100, 50] {
        assert_eq!(table.poll_timeout(), Some(now));
        table.handle_timeout(now);
        let out = core::iter::from_fn(|| table.poll_expired()).count();
        assert_eq!(out, expected);
        now += Duration::from_millis(1);
    }
    assert_eq!(table.poll_timeout(), None);
    assert_eq!(table.stats().sweeps_cut_short, 2);
    assert_eq!(table.stats().expired, 250);
}

#[test]
fn time_that_runs_backwards_is_the_latest_seen() {
    let mut table = table(1_024);
    add(
        &mut table,
        Instant::from_secs(100),
        1,
        Instant::from_secs(110),
    );
    table.handle_timeout(Instant::from_secs(109));
    assert!(table.lookup(Instant::from_secs(111), &key(1)).is_none());
    // It was seen to have expired: an earlier `now` does not bring it back.
    assert!(table.lookup(Instant::from_secs(105), &key(1)).is_none());
    table.handle_timeout(Instant::from_secs(1));
    assert_eq!(table.poll_expired().unwrap().value, 1);
}

#[test]
fn removed_flows_leave_the_wheel() {
    let mut table = table(1_024);
    let ids: Vec<_> = (0..100)
        .map(|n| {
            add(
                &mut table,
                Instant::ZERO,
                n,
                Instant::from_secs(u64::from(n) * 31 + 1),
            )
        })
        .collect();
    for id in &ids {
        assert!(table.remove(*id).is_some());
    }
    assert_eq!(table.poll_timeout(), None);
    assert_eq!(table.stats().removed, 100);
}

/// A table as a node: a frame says which flow was hit and how long it then lives.
struct Flows(Table);

impl Node for Flows {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let &[flow, amount, scale] = frame else {
            return Err(Discarded::new("not a hit"));
        };
        let lifetime = Duration::from_millis(u64::from(amount) << (scale % 20));
        let deadline = now + lifetime;
        let n = u32::from(flow);
        if let Some((_, mut found)) = self.0.lookup(now, &key(n)) {
            found.set_deadline(deadline);
        } else {
            add(&mut self.0, now, n, deadline);
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
        while self.0.poll_expired().is_some() {}
    }

    fn poll_transmit(&mut self, _: &mut PacketBuf) -> Option<Port> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

#[test]
fn the_machine_contract_holds() {
    for_each_seed(0..50, |seed| {
        let root = SeededRandom::new(seed);
        let mut random = root.fork("input");
        let mut checker = ContractChecker::new("table", Flows(table(4)), root.fork("calls"));
        let mut now = Instant::from_secs(seed * 1_000_003);
        for _ in 0..400 {
            let mut frame = [0; 3];
            random.fill(&mut frame);
            now += Duration::from_millis(u64::from(random.below(3_000)));
            while let Some(at) = checker.poll_timeout().filter(|at| *at <= now) {
                checker.handle_timeout(at);
                checker.settle(now, |_, _| {});
            }
            assert!(checker.handle_input(now, 0, &frame).is_ok());
            checker.settle(now, |_, _| {});
        }
    });
}
