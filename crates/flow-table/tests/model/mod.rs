//! The table beside a model that does everything the slow and obvious way, driven by a string of
//! octets. A proptest and a fuzz target both use it.

use core::net::Ipv4Addr;
use core::time::Duration;
use flow_table::{
    Config, Direction, Flow, FlowId, FlowTable, Ipv4FlowKey, Match, NewFlow, Refusal, RekeyError,
    WhenFull, look_ahead,
};
use packet_buffer::{Instant, RandomSource};
use std::collections::HashMap;

/// Multiplies and shifts: any numbers will do for a hash key here.
struct Numbers(u64);

impl RandomSource for Numbers {
    fn fill(&mut self, dest: &mut [u8]) {
        for octet in dest {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *octet = (self.0 >> 56) as u8;
        }
    }
}

/// The octets that say what to do; zeros when they run out.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// A length of time on one of several scales, so that all levels of the wheel are used.
    fn duration(&mut self) -> Duration {
        let amount = u64::from(self.next());
        match self.next() % 8 {
            0 => Duration::from_micros(amount),
            1 => Duration::from_millis(amount * 7),
            2 | 3 => Duration::from_secs(amount),
            4 => Duration::from_millis(amount * 10_007),
            5 => Duration::from_secs(amount * 600),
            6 => Duration::from_secs(amount * 90_000),
            _ => Duration::MAX,
        }
    }

    /// One of 128 keys, so that clashes are frequent; one in 16 is its own reverse.
    fn key(&mut self) -> Ipv4FlowKey {
        let choice = self.next();
        let end = |n: u8| (Ipv4Addr::new(10, 0, 0, n % 4), 1_000 + u16::from(n / 4 % 2));
        Ipv4FlowKey::new(
            end(choice),
            end(choice >> 3),
            17,
            u16::from(choice >> 6 & 1),
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct Held {
    original: Ipv4FlowKey,
    reply: Ipv4FlowKey,
    deadline: Instant,
    /// The latest second at which a sweep hands it out.
    out_by: Instant,
    class: u8,
    value: u32,
}

struct Model {
    table: FlowTable<Ipv4FlowKey, u32>,
    config: Config,
    /// What must be in the table, expired flows that were not handed out included.
    held: HashMap<FlowId, Held>,
    /// Ids that were given out and whose flows have left.
    gone: Vec<FlowId>,
    /// In the order in which they were inserted, to choose one by number.
    order: Vec<FlowId>,
    latest: Instant,
    inserted: u32,
}

/// The whole second at which a deadline that is set at `now` has passed: the next one, when that is
/// in the past.
fn out_by(now: Instant, deadline: Instant) -> Instant {
    let second = deadline.as_micros().div_ceil(1_000_000);
    Instant::from_secs(second.max(now.as_secs() + 1))
}

impl Model {
    fn new(script: &mut Script<'_>) -> Self {
        let config = Config {
            capacity: 1 + usize::from(script.next() % 16),
            when_full: if script.next().is_multiple_of(2) {
                WhenFull::Refuse
            } else {
                WhenFull::EvictLowestClass
            },
            sweep_budget: 1 + usize::from(script.next() % 32),
        };
        let mut random = Numbers(u64::from(script.next()));
        Self {
            table: FlowTable::new(config, &mut random).unwrap(),
            config,
            held: HashMap::new(),
            gone: Vec::new(),
            order: Vec::new(),
            latest: Instant::ZERO,
            inserted: 0,
        }
    }

    fn live(&self) -> impl Iterator<Item = (FlowId, Held)> {
        let latest = self.latest;
        self.held
            .iter()
            .map(|(id, held)| (*id, *held))
            .filter(move |(_, held)| held.deadline > latest)
    }

    fn find(&self, key: Ipv4FlowKey) -> Option<Match> {
        let mut found = self.live().filter_map(|(id, held)| {
            let direction = if held.original == key {
                Direction::Original
            } else if held.reply == key {
                Direction::Reply
            } else {
                return None;
            };
            Some(Match { id, direction })
        });
        let first = found.next();
        assert!(found.next().is_none(), "two live flows share a key");
        first
    }

    /// An id that was given out at some time, most likely of a flow still held.
    fn some_id(&self, script: &mut Script<'_>) -> Option<FlowId> {
        let choice = usize::from(script.next());
        let ids = if choice % 8 == 7 && !self.gone.is_empty() {
            &self.gone
        } else {
            &self.order
        };
        ids.get((choice / 8).checked_rem(ids.len())?).copied()
    }

    /// A flow has left the table: it must be one that was in it, unchanged.
    fn left(&mut self, flow: &Flow<Ipv4FlowKey, u32>) -> Held {
        let held = self.held.remove(&flow.id).expect("a flow leaves once");
        assert_eq!(flow.original, held.original);
        assert_eq!(flow.reply, held.reply);
        assert_eq!(flow.deadline, held.deadline);
        assert_eq!(flow.class, held.class);
        assert_eq!(flow.value, held.value);
        self.order.retain(|id| *id != flow.id);
        self.gone.push(flow.id);
        held
    }

    /// The time of the next call: mostly somewhat later, at times earlier.
    fn tick(&mut self, script: &mut Script<'_>) -> Instant {
        let step = script.duration().min(Duration::from_secs(90 * 86_400));
        let now = if script.next().is_multiple_of(8) {
            self.latest - step
        } else {
            self.latest + step
        };
        self.latest = self.latest.max(now);
        now
    }

    fn insert(&mut self, script: &mut Script<'_>) {
        let now = self.tick(script);
        let original = script.key();
        let reply = match script.next() % 4 {
            0 => script.key(),
            _ => original.reversed(),
        };
        let deadline = self.latest + script.duration();
        let held = Held {
            original,
            reply,
            deadline,
            out_by: out_by(self.latest, deadline),
            class: script.next() % 3,
            value: self.inserted,
        };
        self.inserted += 1;
        let clash = [(Direction::Original, original), (Direction::Reply, reply)]
            .into_iter()
            .find_map(|(key, words)| Some((key, self.find(words)?.id)));
        let full = self.held.len() == self.config.capacity;
        let overdue = self.held.len() > self.live().count();
        let result = self.table.insert(
            now,
            NewFlow {
                original,
                reply,
                deadline: held.deadline,
                class: held.class,
                value: held.value,
            },
        );
        match result {
            Ok(inserted) => {
                assert_eq!(clash, None);
                assert_eq!(inserted.evicted.is_some(), full);
                if let Some(evicted) = inserted.evicted {
                    let least = self
                        .live()
                        .map(|(_, held)| (held.class, held.deadline))
                        .min();
                    let gone = self.left(&evicted);
                    if gone.deadline > self.latest {
                        assert_eq!(self.config.when_full, WhenFull::EvictLowestClass);
                        assert!(!overdue, "what is overdue goes first");
                        assert!(gone.class <= held.class);
                        assert_eq!(Some((gone.class, gone.deadline)), least);
                    }
                }
                assert!(!self.held.contains_key(&inserted.id));
                assert!(
                    !self.gone.contains(&inserted.id),
                    "an id is never used twice"
                );
                self.held.insert(inserted.id, held);
                self.order.push(inserted.id);
            }
            Err(error) => {
                assert_eq!(error.value, held.value);
                match error.reason {
                    Refusal::Clash { key, with } => assert_eq!(clash, Some((key, with))),
                    Refusal::Full => {
                        assert_eq!(clash, None);
                        assert!(full);
                        if self.config.when_full == WhenFull::EvictLowestClass {
                            assert!(!overdue);
                            assert!(self.live().all(|(_, other)| other.class > held.class));
                        }
                    }
                    reason => panic!("{reason}"),
                }
            }
        }
    }

    fn lookup(&mut self, script: &mut Script<'_>) {
        let now = self.tick(script);
        let key = script.key();
        let change = script.next() % 6;
        let deadline = self.latest + script.duration();
        let expected = self.find(key);
        assert_eq!(self.table.find(now, &key), expected);
        let Some((direction, mut flow)) = self.table.lookup(now, &key) else {
            assert_eq!(expected, None);
            return;
        };
        let id = flow.id();
        assert_eq!(Some(Match { id, direction }), expected);
        let held = self.held.get_mut(&id).unwrap();
        assert_eq!(*flow.original(), held.original);
        assert_eq!(*flow.reply(), held.reply);
        assert_eq!(flow.deadline(), held.deadline);
        assert_eq!(flow.class(), held.class);
        assert_eq!(*flow.value(), held.value);
        // A hit mostly puts the deadline off; it may also bring it forward.
        if change < 4 {
            flow.set_deadline(deadline);
            held.deadline = deadline;
            held.out_by = out_by(self.latest, deadline);
        }
        if change == 4 {
            flow.set_class(held.class ^ 1);
            held.class ^= 1;
        }
        *flow.value_mut() ^= 0x8000_0000;
        held.value ^= 0x8000_0000;
    }

    fn lookup_batch(&mut self, script: &mut Script<'_>) {
        let now = self.tick(script);
        let keys: Vec<_> = (0..script.next() % 80).map(|_| script.key()).collect();
        let mut matches = vec![None; keys.len()];
        self.table.lookup_batch(now, &keys, &mut matches);
        let expected: Vec<_> = keys.iter().map(|key| self.find(*key)).collect();
        assert_eq!(matches, expected);
        // The same in steps.
        let mut found = Vec::new();
        look_ahead(
            keys.len(),
            &mut self.table,
            |table, at| Some(table.fetch_index(&keys[at])),
            |table, ahead| table.fetch_flow(ahead),
            |table, at, hint| {
                let flow = table.lookup_hinted(now, &keys[at], hint);
                found.push(flow.map(|(direction, flow)| Match {
                    id: flow.id(),
                    direction,
                }));
            },
        );
        assert_eq!(found, expected);
    }

    fn get(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.some_id(script) else {
            return;
        };
        let expected = self
            .held
            .get(&id)
            .filter(|held| held.deadline > self.latest);
        let found = self.table.get(id);
        assert_eq!(found.is_some(), expected.is_some());
        if let (Some(found), Some(held)) = (found, expected) {
            assert_eq!(found.id, id);
            assert_eq!((*found.original, *found.reply), (held.original, held.reply));
            assert_eq!(*found.value, held.value);
        }
        let found = self.table.get_mut(id).map(|flow| flow.id());
        assert_eq!(found, expected.map(|_| id));
    }

    fn rekey(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.some_id(script) else {
            return;
        };
        let reply = script.key();
        let clash = self
            .find(reply)
            .map(|found| found.id)
            .filter(|other| *other != id);
        let latest = self.latest;
        let held = self.held.get_mut(&id).filter(|held| held.deadline > latest);
        let expected = match (held, clash) {
            (None, _) => Err(RekeyError::NotFound),
            (Some(_), Some(with)) => Err(RekeyError::Refused(Refusal::Clash {
                key: Direction::Reply,
                with,
            })),
            (Some(held), None) => {
                held.reply = reply;
                Ok(())
            }
        };
        assert_eq!(self.table.rekey(id, reply), expected);
    }

    fn remove(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.some_id(script) else {
            return;
        };
        let removed = self.table.remove(id);
        assert_eq!(removed.is_some(), self.held.contains_key(&id));
        if let Some(flow) = removed {
            self.left(&flow);
        }
    }

    fn handle_timeout(&mut self, script: &mut Script<'_>) {
        let now = match (script.next() % 2, self.table.poll_timeout()) {
            // At the very moment asked for, as an event loop would.
            (0, Some(at)) if at < self.latest + Duration::from_secs(90 * 86_400) => {
                self.latest = self.latest.max(at);
                at
            }
            _ => self.tick(script),
        };
        self.table.handle_timeout(now);
        // Progress: none, or later than what was handled.
        let next = self.table.poll_timeout();
        assert!(
            next.is_none_or(|next| next > self.latest),
            "{next:?} at {now}"
        );
        if next.is_none_or(|next| next > self.latest + Duration::from_millis(1))
            && script.next().is_multiple_of(2)
        {
            // The sweep is done: all that is due must come out.
            self.drain(usize::MAX);
            let now = self.latest;
            assert!(self.held.values().all(|held| held.out_by > now));
        }
    }

    fn drain(&mut self, most: usize) {
        for _ in 0..most {
            let Some(flow) = self.table.poll_expired() else {
                return;
            };
            let held = self.left(&flow);
            assert!(held.deadline <= self.latest, "expired too early");
        }
    }

    /// What must hold at all times.
    fn check(&self) {
        assert_eq!(self.table.len(), self.held.len());
        assert!(self.held.len() <= self.config.capacity);
        assert_eq!(self.table.is_empty(), self.held.is_empty());
        let stats = self.table.stats();
        let left = self.gone.len() as u64;
        assert_eq!(stats.inserted, left + self.held.len() as u64);
        let pending = self
            .live()
            .filter(|(_, held)| held.deadline != Instant::MAX);
        if let Some(earliest) = pending.map(|(_, held)| held.out_by).min() {
            let next = self.table.poll_timeout().expect("a deadline is pending");
            let latest = earliest.max(self.latest + Duration::from_millis(1));
            assert!(next <= latest, "{next} for {earliest} at {}", self.latest);
        }
    }

    /// The table lists exactly the live flows.
    fn list(&self) {
        let mut listed = 0;
        for flow in self.table.iter() {
            let held = self.held[&flow.id];
            assert_eq!((*flow.original, *flow.reply), (held.original, held.reply));
            assert_eq!((flow.deadline, flow.class), (held.deadline, held.class));
            assert_eq!(*flow.value, held.value);
            listed += 1;
        }
        assert_eq!(listed, self.live().count());
        // No key is left in the index without a flow.
        let keys = |held: &Held| if held.original == held.reply { 1 } else { 2 };
        let report = self.table.probe_report();
        let most: usize = self.held.values().map(keys).sum();
        let least: usize = self.live().map(|(_, held)| keys(&held)).sum();
        assert!((least..=most).contains(&report.keys));
    }

    fn clear(&mut self) {
        self.table.clear();
        self.gone.append(&mut self.order);
        self.held.clear();
        assert_eq!(self.table.probe_report().keys, 0);
        assert_eq!(self.table.poll_timeout(), None);
    }
}

/// Does what `ops` says to a table and to the model, and panics where they differ.
pub fn run(ops: &[u8]) {
    let mut script = Script(ops);
    let mut model = Model::new(&mut script);
    while !script.0.is_empty() {
        match script.next() % 32 {
            0..=8 => model.insert(&mut script),
            9..=14 => model.lookup(&mut script),
            15 => model.lookup_batch(&mut script),
            16 | 17 => model.get(&mut script),
            18..=20 => model.rekey(&mut script),
            21 | 22 => model.remove(&mut script),
            23..=27 => model.handle_timeout(&mut script),
            28 => model.drain(usize::from(script.next() % 4)),
            29 => model.list(),
            30 => {
                let mut random = Numbers(u64::from(script.next()));
                model.table.rehash(&mut random).unwrap();
            }
            _ if script.next().is_multiple_of(8) => model.clear(),
            _ => model.drain(usize::MAX),
        }
        model.check();
    }
    model.list();
}
