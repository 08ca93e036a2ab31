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

const NEW: &str = "NAPT, a session opens and another expires";
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

/// Sessions that come, never see an answer and expire: with each that comes, one goes.
fn new_sessions() -> Group<'static> {
    const LIVE: usize = 50_000;
    let lifetime = Duration::from_secs(300);
    let step = lifetime / LIVE as u32;
    let ours = |profile: Profile| {
        let mut config = config(profile, 2 * LIVE, 4);
        config.quarantine = Duration::ZERO;
        // One lifetime for all profiles.
        config.timers = flow_state::Timers::rfc();
        let mut nat = Nat::new(config, Box::new(Random(1))).unwrap();
        let (mut now, mut n) = (NOW, 0);
        let mut buffer = PacketBuf::new();
        let mut open = move || {
            for _ in 0..PASS {
                now += step;
                n = (n + 1) % (4 * LIVE);
                if nat.poll_timeout().is_some_and(|at| at <= now) {
                    nat.handle_timeout(now);
                }
                load(&mut buffer, &packet(n));
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
        let mut table: FlowTable<Ipv4FlowKey, [u8; 48]> =
            FlowTable::new(Config::new(2 * LIVE), &mut Random(2)).unwrap();
        let (mut now, mut n) = (NOW, 0);
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                now += step;
                n = (n + 1) % (4 * LIVE);
                if table.poll_timeout().is_some_and(|at| at <= now) {
                    table.handle_timeout(now);
                    while table.poll_expired().is_some() {}
                }
                load(&mut buffer, &packet(n));
                let original = key(buffer.as_slice());
                let new = NewFlow {
                    original,
                    reply: original.reversed(),
                    deadline: now + lifetime,
                    class: 0,
                    value: [0; 48],
                };
                black_box(table.lookup(now, &original).is_none());
                black_box(table.insert(now, new).is_ok());
            }
        }
    };
    Group::new(NEW, PASS as u32)
        .item("ours", ours(Profile::Rfc))
        .item("ours, LinuxCompat", ours(Profile::LinuxCompat))
        .item("bare table", bare)
        .at_most_nanoseconds(400.0)
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
    let others = [NEW, EXHAUSTED].into_iter().map(|name| {
        is_wanted(name).then(|| match name {
            NEW => new_sessions(),
            _ => exhausted(),
        })
    });
    run(others.chain(established).flatten());
}
