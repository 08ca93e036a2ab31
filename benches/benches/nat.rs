//! A NAPT: packets of sessions that are there, sessions that come and go, and a pool without a free port.
//!
//! Every item takes in packets of 64 octets: the copy into the buffer that is translated is part of all of them.
//! The bare table finds the flow of the same packet and puts its deadline off: what any stateful translator has to do.
//! `pktkit` shares one outside address, so that it is there up to 30,000 sessions; it hands the packet on by a
//! callback.
//!
//! The environment variable `FLOW_BENCH=quick` leaves out the tables of a million sessions and more.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench may fail loudly"
)]

extern crate alloc;

use alloc::sync::Arc;
use core::cell::Cell;
use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use flow_table::{Config, FlowTable, Ipv4FlowKey, NewFlow};
use internetwork_benches::bare_table::{BareTable, capacity};
use internetwork_benches::traffic::{BATCH, PACKET, PASS, Packets, Random, key, load};
use internetwork_benches::{Group, is_wanted, run};
use nat::{Action, Matching, Nat, NatConfig, Pool, Profile, Rule, Side, Verdict, WhenFull};
use packet_buffer::checksum::internet_checksum;
use packet_buffer::{Instant, PacketBuf};

const OPEN: &str = "NAPT, a session opens";
const OPEN_IN_BATCHES: &str = "NAPT, sessions open, batches of 32";
const OPEN_LINUX: &str = "NAPT, a session opens, LinuxCompat";
const EXPIRE: &str = "NAPT, a session expires";
const CHURN: &str = "NAPT, a session opens and another expires";
const EXHAUSTED: &str = "NAPT, every port is taken";
const OPENS: &str = "ports are free: a session opens, and is removed";
const NOW: Instant = Instant::from_secs(1);
/// Octets of a session in the bare table.
const VALUE: usize = 48;

/// Hosts with 63 sessions each, as the usual benchmarks of translators have them.
const SESSIONS_A_HOST: usize = 63;

/// The first packet of session `n`, without UDP checksum.
fn packet(n: usize) -> [u8; PACKET] {
    let host = 0x0a00_0002 + (n / SESSIONS_A_HOST) as u32;
    let port = 1_024 + (n % SESSIONS_A_HOST) as u16;
    let mut octets = [0; PACKET];
    octets[..2].copy_from_slice(&[0x45, 0]);
    octets[2..4].copy_from_slice(&(PACKET as u16).to_be_bytes());
    // Don't fragment, as nearly all hosts send.
    octets[6] = 0x40;
    octets[8..10].copy_from_slice(&[64, 17]);
    octets[12..16].copy_from_slice(&host.to_be_bytes());
    octets[16..20].copy_from_slice(&[198, 51, 100, 10]);
    octets[20..22].copy_from_slice(&port.to_be_bytes());
    octets[23] = 53;
    octets[25] = (PACKET - 20) as u8;
    let sum = internet_checksum(&octets[..20]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets
}

fn config(profile: Profile, sessions: usize, addresses: u32) -> NatConfig {
    let mut config = profile.config(sessions);
    let first = Ipv4Addr::new(203, 0, 113, 0);
    let last = Ipv4Addr::from_bits(first.to_bits() + addresses - 1);
    config.pools = vec![Pool::of_range(first..=last)];
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(profile.napt(0)),
    }];
    config.max_events = 0;
    config
}

/// A translator with so many sessions.
fn filled(profile: Profile, sessions: usize) -> Nat {
    // Each host's sessions share an address; half of each address' ports stay free.
    let addresses = (sessions / 32_000 + 1) as u32;
    let mut nat = Nat::new(
        config(profile, capacity(sessions), addresses),
        Box::new(Random(1)),
    )
    .unwrap();
    let mut buffer = PacketBuf::new();
    for n in 0..sessions {
        load(&mut buffer, &packet(n));
        let verdict = nat.process(NOW, Side::Inside, &mut buffer);
        assert!(
            matches!(verdict, Verdict::Forward { .. }),
            "{n}: {verdict:?}"
        );
    }
    assert_eq!(nat.session_count(), sessions);
    nat
}

fn with_pktkit<'a>(group: Group<'a>, sessions: usize, mut packets: Packets) -> Group<'a> {
    use pktkit::{IpPrefix, L3Device, Packet};
    if sessions > 30_000 {
        return group;
    }
    let prefix = |address: [u8; 4], length| IpPrefix::new(IpAddr::V4(address.into()), length);
    let nat = pktkit::nat::Nat::new(prefix([10, 0, 0, 1], 8), prefix([203, 0, 113, 1], 24));
    let (inside, outside) = (nat.inside(), nat.outside());
    outside.set_handler(Arc::new(|packet: &Packet| {
        black_box(packet.as_bytes());
        Ok(())
    }));
    for n in 0..sessions {
        inside.send(Packet::from_slice(&packet(n))).unwrap();
    }
    group.item("pktkit", move || {
        let _keep = &nat;
        for _ in 0..PASS {
            inside.send(Packet::from_slice(packets.next())).unwrap();
        }
    })
}

fn one_by_one(sessions: usize) -> Option<Group<'static>> {
    let name = format!("NAPT, {sessions} sessions, packets one by one");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, packet);
    let one_by_one = |profile| {
        let (mut nat, mut packets) = (filled(profile, sessions), packets.clone_from_start());
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let _ = black_box(nat.process(NOW, Side::Inside, &mut buffer));
            }
        }
    };
    let bare =
        BareTable::<VALUE>::new(NOW, sessions, packet).one_by_one(packets.clone_from_start());
    let group = Group::new(name, PASS as u32)
        .item("ours", one_by_one(Profile::Rfc))
        .item("ours, LinuxCompat", one_by_one(Profile::LinuxCompat))
        .item("bare table", bare);
    Some(with_pktkit(group, sessions, packets))
}

fn in_batches(sessions: usize) -> Option<Group<'static>> {
    let name = format!("NAPT, {sessions} sessions, batches of 32");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, packet);
    let batched = {
        let (mut nat, mut packets) = (filled(Profile::Rfc, sessions), packets.clone_from_start());
        let mut buffers = vec![PacketBuf::new(); BATCH];
        let mut verdicts = [Verdict::Local; BATCH];
        move || {
            for _ in 0..PASS / BATCH {
                for buffer in &mut buffers {
                    load(buffer, packets.next());
                }
                nat.process_batch(NOW, Side::Inside, &mut buffers, &mut verdicts);
                black_box(&verdicts);
            }
        }
    };
    let bare =
        BareTable::<VALUE>::new(NOW, sessions, packet).in_batches(packets.clone_from_start());
    let group = Group::new(name, PASS as u32)
        .item("ours", batched)
        .item("bare table", bare);
    Some(match sessions {
        1_032_192 => group.at_most(2.0, "bare table").at_most_nanoseconds(150.0),
        _ => group,
    })
}

/// Sessions beside those that come and go.
const LIVE: usize = 50_000;
/// Passes of new sessions before all of them are removed: what the first of them has touched has left the caches by
/// then.
const PASSES: usize = 48;
const LIFETIME: Duration = Duration::from_secs(300);

/// A translator for [`LIVE`] sessions and as many new ones.
fn roomy(profile: Profile) -> Nat {
    let mut config = config(profile, 2 * LIVE, 4);
    config.quarantine = Duration::ZERO;
    // One lifetime for all profiles.
    config.timers = flow_state::Timers::rfc();
    Nat::new(config, Box::new(Random(1))).unwrap()
}

/// A bare table with the same room.
fn roomy_table() -> FlowTable<Ipv4FlowKey, [u8; VALUE]> {
    FlowTable::new(Config::new(2 * LIVE), &mut Random(2)).unwrap()
}

fn bare_flow(original: Ipv4FlowKey, deadline: Instant) -> NewFlow<Ipv4FlowKey, [u8; VALUE]> {
    NewFlow {
        original,
        reply: original.reversed(),
        deadline,
        class: 0,
        value: [0; VALUE],
    }
}

/// Looks a flow up, and adds it.
fn add_bare(table: &mut FlowTable<Ipv4FlowKey, [u8; VALUE]>, now: Instant, octets: &[u8]) {
    let original = key(octets);
    assert!(table.lookup(now, &original).is_none());
    assert!(
        table
            .insert(now, bare_flow(original, now + LIFETIME))
            .is_ok()
    );
}

/// A translator or a table, and packets that begin sessions.
struct Opening<T> {
    device: T,
    packets: Packets,
    /// Those whose sessions are there beside the others.
    begun: Vec<Ipv4FlowKey>,
    buffers: Vec<PacketBuf>,
}

impl<T> Opening<T> {
    fn new(device: T, add: impl Fn(&mut T, &[u8])) -> Self {
        let mut opening = Self {
            device,
            packets: Packets::in_order(LIVE + PASSES * PASS, packet),
            begun: Vec::new(),
            buffers: vec![PacketBuf::new(); BATCH],
        };
        for _ in 0..LIVE {
            add(&mut opening.device, opening.packets.next());
        }
        opening
    }

    /// Removes all new sessions when it is time for that.
    fn prepare(&mut self, remove: impl Fn(&mut T, &Ipv4FlowKey) -> bool) {
        if self.begun.len() < PASSES * PASS {
            return;
        }
        for key in self.begun.drain(..) {
            assert!(remove(&mut self.device, &key));
        }
        self.packets.go_to(LIVE);
    }

    /// Notes the sessions of a pass; the packets are those before the next one.
    fn note(&mut self) {
        let before = self.begun.len() + LIVE;
        self.begun
            .extend((before..before + PASS).map(|n| key(&packet(n))));
    }
}

fn opening(name: &'static str) -> Group<'static> {
    let forward = |verdict: &Verdict| matches!(verdict, Verdict::Forward { .. });
    let add = move |nat: &mut Nat, octets: &[u8]| {
        let mut buffer = PacketBuf::new();
        load(&mut buffer, octets);
        assert!(forward(&nat.process(NOW, Side::Inside, &mut buffer)));
    };
    let prepare = |state: &mut Opening<Nat>| {
        state.prepare(|nat, key| nat.remove_session(NOW, key));
        state.note();
    };
    let one_by_one = move |state: &mut Opening<Nat>| {
        let buffer = &mut state.buffers[0];
        for _ in 0..PASS {
            load(buffer, state.packets.next());
            let verdict = state.device.process(NOW, Side::Inside, buffer);
            assert!(forward(&verdict), "{verdict:?}");
        }
    };
    let in_batches = move |state: &mut Opening<Nat>| {
        let mut verdicts = [Verdict::Local; BATCH];
        for _ in 0..PASS / BATCH {
            for buffer in &mut state.buffers {
                load(buffer, state.packets.next());
            }
            let nat = &mut state.device;
            nat.process_batch(NOW, Side::Inside, &mut state.buffers, &mut verdicts);
            assert!(verdicts.iter().all(forward), "{verdicts:?}");
        }
    };
    let bare_add = |table: &mut FlowTable<_, _>, octets: &[u8]| add_bare(table, NOW, octets);
    let nat = |profile| Opening::new(roomy(profile), add);
    let group = Group::new(name, PASS as u32);
    let group = match name {
        OPEN => group.prepared_item("ours", nat(Profile::Rfc), prepare, one_by_one),
        OPEN_LINUX => group.prepared_item("ours", nat(Profile::LinuxCompat), prepare, one_by_one),
        _ => group.prepared_item("ours", nat(Profile::Rfc), prepare, in_batches),
    };
    group
        .prepared_item(
            "bare table",
            Opening::new(roomy_table(), bare_add),
            |state| {
                state.prepare(|table, key| {
                    let found = table.find(NOW, key).unwrap();
                    table.remove(found.id).is_some()
                });
                state.note();
            },
            |state| {
                let buffer = &mut state.buffers[0];
                for _ in 0..PASS {
                    load(buffer, state.packets.next());
                    add_bare(&mut state.device, NOW, buffer.as_slice());
                }
            },
        )
        .at_most_nanoseconds(400.0)
}

/// When a sweep that was cut short goes on.
const RESUME: Duration = Duration::from_millis(1);

/// A translator or a table whose oldest sessions expire in each run, and as many begin before the next. In a few runs the
/// table also looks at those whose turn comes within 512 s.
struct Expiring<T> {
    device: T,
    packets: Packets,
    now: Instant,
}

impl<T> Expiring<T> {
    /// In so many seconds another [`PASS`] of sessions begins.
    const STEP: u64 = 7;
    /// So long after that others are due, and not while these begin.
    const DUE: Duration = Duration::from_secs(LIFETIME.as_secs() % Self::STEP);

    fn new(device: T, prepare: impl Fn(&mut Self)) -> Self {
        let mut expiring = Self {
            device,
            packets: Packets::in_order(4 * LIVE, packet),
            now: NOW,
        };
        for _ in 0..LIFETIME.as_secs() / Self::STEP {
            prepare(&mut expiring);
        }
        expiring
    }

    /// Has a pass of sessions begin, all at one time, and goes on to when others are due.
    fn begin(&mut self, mut begin: impl FnMut(&mut T, Instant, &[u8])) {
        self.now = Instant::from_secs((self.now.as_secs() / Self::STEP + 1) * Self::STEP);
        for _ in 0..PASS {
            begin(&mut self.device, self.now, self.packets.next());
        }
        self.now += Self::DUE;
    }
}

fn expiring() -> Group<'static> {
    let begin = |state: &mut Expiring<Nat>| {
        let mut buffer = PacketBuf::new();
        state.begin(|nat, now, octets| {
            load(&mut buffer, octets);
            let verdict = nat.process(now, Side::Inside, &mut buffer);
            assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
        });
    };
    let expire = |state: &mut Expiring<Nat>| {
        let before = state.device.session_count();
        while state
            .device
            .poll_timeout()
            .is_some_and(|at| at <= state.now)
        {
            state.device.handle_timeout(state.now);
            state.now += RESUME;
        }
        assert_eq!(before - state.device.session_count(), PASS);
    };
    let begin_bare = |state: &mut Expiring<FlowTable<_, _>>| state.begin(add_bare);
    let ours = Expiring::new(roomy(Profile::Rfc), begin);
    Group::new(EXPIRE, PASS as u32)
        .prepared_item("ours", ours, begin, expire)
        .prepared_item(
            "bare table",
            Expiring::new(roomy_table(), begin_bare),
            begin_bare,
            |state| {
                let mut expired = 0;
                while state
                    .device
                    .poll_timeout()
                    .is_some_and(|at| at <= state.now)
                {
                    state.device.handle_timeout(state.now);
                    state.now += RESUME;
                    while state.device.poll_expired().is_some() {
                        expired += 1;
                    }
                }
                assert_eq!(expired, PASS);
            },
        )
}

/// Sessions that come, never see an answer and expire: with each that comes, one goes.
fn coming_and_going() -> Group<'static> {
    let step = LIFETIME / LIVE as u32;
    let packets = Packets::in_order(4 * LIVE, packet);
    let ours = {
        let (mut nat, mut packets) = (roomy(Profile::Rfc), packets.clone_from_start());
        let mut now = NOW;
        let mut buffer = PacketBuf::new();
        let mut open = move || {
            for _ in 0..PASS {
                now += step;
                if nat.poll_timeout().is_some_and(|at| at <= now) {
                    nat.handle_timeout(now);
                }
                load(&mut buffer, packets.next());
                let verdict = nat.process(now, Side::Inside, &mut buffer);
                assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
            }
        };
        for _ in 0..2 * LIVE / PASS {
            open();
        }
        open
    };
    let bare = {
        let (mut table, mut packets) = (roomy_table(), packets.clone_from_start());
        let mut now = NOW;
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                now += step;
                if table.poll_timeout().is_some_and(|at| at <= now) {
                    table.handle_timeout(now);
                    while table.poll_expired().is_some() {}
                }
                load(&mut buffer, packets.next());
                add_bare(&mut table, now, buffer.as_slice());
            }
        }
    };
    Group::new(CHURN, PASS as u32)
        .item("ours", ours)
        .item("bare table", bare)
}

/// Packets of new sessions when every port is taken, beside packets that open a session when ports are free, and
/// packets of sessions that are there.
fn exhausted() -> Group<'static> {
    const PORTS: usize = 64_000;
    let full = |profile: Profile| {
        let mut config = config(profile, 2 * PORTS, 1);
        config.when_full = WhenFull::Refuse;
        config.icmp.prohibited = false;
        let mut nat = Nat::new(config, Box::new(Random(1))).unwrap();
        let mut buffer = PacketBuf::new();
        let mut n = 0;
        // Until the pool refuses a hundred in a row.
        let mut refused = 0;
        while refused < 100 {
            load(&mut buffer, &packet(n));
            n += 1;
            refused = match nat.process(NOW, Side::Inside, &mut buffer) {
                Verdict::Forward { .. } => 0,
                _ => refused + 1,
            };
        }
        let (first, turn) = (n, Cell::new(0));
        move || {
            for _ in 0..PASS {
                turn.set((turn.get() + 1) % PORTS);
                load(&mut buffer, &packet(first + turn.get()));
                let verdict = nat.process(NOW, Side::Inside, &mut buffer);
                assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?}");
            }
        }
    };
    let opens = {
        let mut config = config(Profile::Rfc, 2 * PORTS, 1);
        config.quarantine = Duration::ZERO;
        let mut nat = Nat::new(config, Box::new(Random(1))).unwrap();
        let mut buffer = PacketBuf::new();
        let mut n = 0;
        move || {
            for _ in 0..PASS {
                n = (n + 1) % PORTS;
                let packet = packet(n);
                load(&mut buffer, &packet);
                let verdict = nat.process(NOW, Side::Inside, &mut buffer);
                assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
                assert!(nat.remove_session(NOW, &key(&packet)));
            }
        }
    };
    let free = {
        let mut nat = filled(Profile::Rfc, PORTS);
        let mut packets = Packets::new(PORTS, packet);
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let _ = black_box(nat.process(NOW, Side::Inside, &mut buffer));
            }
        }
    };
    Group::new(EXHAUSTED, PASS as u32)
        .item("refused", full(Profile::Rfc))
        .item("refused, LinuxCompat", full(Profile::LinuxCompat))
        .item(OPENS, opens)
        .item("a packet of one of 64,000 sessions", free)
        .at_most(1.0, OPENS)
}

fn main() {
    let quick = std::env::var("FLOW_BENCH").is_ok_and(|it| it == "quick");
    let counts = [1, 1_000, 30_000, 64_512, 258_048, 1_032_192, 4_128_768];
    let counts = counts.into_iter().filter(move |it| !quick || *it < 100_000);
    let established = counts.flat_map(|it| [one_by_one(it), in_batches(it)]);
    let others = [OPEN, OPEN_IN_BATCHES, OPEN_LINUX, EXPIRE, CHURN, EXHAUSTED]
        .into_iter()
        .map(|name| {
            is_wanted(name).then(|| match name {
                OPEN | OPEN_IN_BATCHES | OPEN_LINUX => opening(name),
                EXPIRE => expiring(),
                CHURN => coming_and_going(),
                _ => exhausted(),
            })
        });
    run(others.chain(established).flatten());
}
