//! A stateful firewall: packets of sessions that are there, rules, sessions that come, and packets that are refused.
//!
//! No other firewall is to be had as a crate. Beside ours stand the bare table, which finds the session of the same packet
//! and puts its deadline off, and rules asked one by one. TCP segments of 64 octets are copied into the buffer that is
//! looked at, with all items.
//!
//! The environment variable `FLOW_BENCH=quick` leaves out the tables of a hundred thousand sessions and more.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench may fail loudly"
)]

extern crate alloc;

use core::fmt::Write as _;
use core::hint::black_box;
use core::net::Ipv4Addr;
use internetwork_benches::bare_table::{BareTable, capacity};
use internetwork_benches::traffic::{
    BATCH, PASS, Packets, Random, SERVER, client, data, handshake, load, segment,
};
use internetwork_benches::{Group, is_wanted, run};
use packet_buffer::wire::TcpFlags;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{Firewall, FirewallConfig, Path, Verdict, language};

const NOW: Instant = Instant::from_secs(1);
/// Octets of a session in the bare table.
const VALUE: usize = 48;
fn syn(n: usize) -> PacketBuf {
    let [(_, syn), ..] = handshake(n);
    syn
}

/// A segment without data from the server.
fn answer(n: usize, flags: TcpFlags, numbers: (u32, u32)) -> PacketBuf {
    segment((SERVER, 443), client(n), flags, numbers, 0)
}

/// Two zones, and `rules` rules from inside to outside of which none matches, before one that lets HTTPS through.
fn policy(rules: usize) -> String {
    let mut text = String::from(
        "zone inside level 100\nzone outside level 0\ninterface lan0 zone inside\ninterface wan0 zone outside\n\
         rules from inside to outside {\n",
    );
    let mut random = Random(9);
    for _ in 0..rules {
        let address = Ipv4Addr::from_bits(0xc000_0000 | random.next() as u32 >> 4);
        let length = [16, 20, 24, 28, 32][random.below(5)];
        let port = 1_024 + random.below(30_000);
        let protocol = ["tcp", "udp"][random.below(2)];
        let network = packet_buffer::wire::Ipv4Prefix::new(address, length).unwrap();
        writeln!(text, "drop {protocol} to {network} port {port}").unwrap();
    }
    text.push_str("accept tcp port 443\n}\nrules from outside to inside {\ndrop\n}\n");
    text
}

fn firewall(sessions: usize, rules: usize) -> Firewall {
    let mut config = FirewallConfig::new(sessions);
    config.half_open.most = sessions;
    config.half_open.adaptive_from = sessions;
    config.events = 0;
    let policy = language::compile(&policy(rules)).unwrap();
    Firewall::new(config, policy, Box::new(Random(1))).unwrap()
}

fn way(firewall: &Firewall, outward: bool) -> Path<'static> {
    let [lan, wan] = ["lan0", "wan0"].map(|name| firewall.interface(name).unwrap());
    if outward {
        Path::new(lan, wan)
    } else {
        Path::new(wan, lan)
    }
}

/// With so many established sessions.
fn filled(sessions: usize) -> Firewall {
    let mut firewall = firewall(capacity(sessions), 3);
    let (out, back) = (way(&firewall, true), way(&firewall, false));
    for n in 0..sessions {
        for (from_client, mut packet) in handshake(n) {
            let path = if from_client { &out } else { &back };
            let verdict = firewall.process(NOW, path, &mut packet);
            assert!(verdict.is_accept(), "{n}: {verdict:?}");
        }
    }
    firewall
}

fn one_by_one(sessions: usize) -> Option<Group<'static>> {
    let name = format!("firewall, {sessions} TCP sessions, packets one by one");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, data);
    let ours = {
        let (mut firewall, mut packets) = (filled(sessions), packets.clone_from_start());
        let path = way(&firewall, true);
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let _ = black_box(firewall.process(NOW, &path, &mut buffer));
            }
        }
    };
    let bare = BareTable::<VALUE>::new(NOW, sessions, data).one_by_one(packets);
    let group = Group::new(name, PASS as u32)
        .item("ours", ours)
        .item("bare table", bare);
    Some(match sessions {
        1_000 => group.at_most_nanoseconds(80.0),
        _ => group,
    })
}

fn in_batches(sessions: usize) -> Option<Group<'static>> {
    let name = format!("firewall, {sessions} TCP sessions, batches of 32");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, data);
    let ours = {
        let (mut firewall, mut packets) = (filled(sessions), packets.clone_from_start());
        let paths = [way(&firewall, true); BATCH];
        let mut buffers = vec![PacketBuf::new(); BATCH];
        let mut verdicts: Vec<Verdict> = buffers
            .iter_mut()
            .map(|buffer| {
                load(buffer, packets.next());
                firewall.process(NOW, &paths[0], buffer)
            })
            .collect();
        move || {
            for _ in 0..PASS / BATCH {
                for buffer in &mut buffers {
                    load(buffer, packets.next());
                }
                firewall.process_batch(NOW, &paths, &mut buffers, &mut verdicts);
                black_box(&verdicts);
            }
        }
    };
    let bare = BareTable::<VALUE>::new(NOW, sessions, data).in_batches(packets);
    let group = Group::new(name, PASS as u32)
        .item("ours", ours)
        .item("bare table", bare);
    Some(match sessions {
        1_000_000 => group.at_most_nanoseconds(100.0),
        _ => group,
    })
}

const RULES: &str = "firewall, a session that 10,000 rules are asked about";
const FLOOD: &str = "firewall, SYNs that a rule drops";

/// The first packet of a session, and its end by a reset, with more and more rules.
fn rules() -> Group<'static> {
    let opening = |rules: usize| {
        let mut firewall = firewall(4_096, rules);
        let path = way(&firewall, true);
        let syns: Vec<PacketBuf> = (0..512).map(syn).collect();
        let back = way(&firewall, false);
        let resets: Vec<PacketBuf> = (0..512)
            .map(|n| answer(n, TcpFlags::RST | TcpFlags::ACK, (0, 101)))
            .collect();
        let mut buffer = PacketBuf::new();
        move || {
            for (syn, reset) in syns.iter().zip(&resets) {
                load(&mut buffer, syn.as_slice());
                let verdict = firewall.process(NOW, &path, &mut buffer);
                assert!(verdict.is_accept(), "{verdict:?}");
                load(&mut buffer, reset.as_slice());
                let _ = black_box(firewall.process(NOW, &back, &mut buffer));
            }
        }
    };
    Group::new(RULES, 512)
        .item("10,000 rules", opening(10_000))
        .item("1,000 rules", opening(1_000))
        .item("100 rules", opening(100))
        .item("10 rules", opening(10))
        .at_most(3.0, "100 rules")
}

/// A flood from outside: no session is made.
fn flood() -> Group<'static> {
    let mut firewall = firewall(4_096, 100);
    let path = way(&firewall, false);
    let packets: Vec<PacketBuf> = (0..PASS)
        .map(|n| answer(n, TcpFlags::SYN, (n as u32, 0)))
        .collect();
    let mut buffer = PacketBuf::new();
    Group::new(FLOOD, PASS as u32).item("ours", move || {
        for packet in &packets {
            load(&mut buffer, packet.as_slice());
            let verdict = firewall.process(NOW, &path, &mut buffer);
            assert!(!verdict.is_accept(), "{verdict:?}");
        }
        assert_eq!(firewall.sessions(), (0, 0));
    })
}

fn main() {
    let quick = std::env::var("FLOW_BENCH").is_ok_and(|it| it == "quick");
    let counts = [1, 1_000, 100_000, 1_000_000, 4_000_000];
    let counts = counts.into_iter().filter(move |it| !quick || *it < 100_000);
    let established = counts.flat_map(|it| [one_by_one(it), in_batches(it)]);
    let others = [RULES, FLOOD].into_iter().map(|name| {
        is_wanted(name).then(|| match name {
            RULES => rules(),
            _ => flood(),
        })
    });
    run(others.chain(established).flatten());
}
