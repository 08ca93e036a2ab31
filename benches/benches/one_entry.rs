//! Address translation and firewall in one entry of one table, beside the two apart.
//!
//! Apart, the firewall is asked before the translator, as a router does on the way out; both translate each session
//! to a port of its own, check all checksums and count by rule. TCP segments of 64 octets are copied into the buffer
//! that is changed, with all items.
//!
//! The environment variable `FLOW_BENCH=quick` leaves out the tables of a hundred thousand sessions and more.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a bench may fail loudly"
)]

extern crate alloc;

use core::hint::black_box;
use core::net::Ipv4Addr;
use flow_state::Timers;
use flow_table::Ipv4FlowKey;
use internetwork_benches::bare_table::{BareTable, capacity};
use internetwork_benches::traffic::{
    BATCH, PASS, Packets, Random, SERVER, client, data, handshake, key, load,
};
use internetwork_benches::{Group, is_wanted, run};
use nat::{
    Action, Filtering, Mapping, Matching, Nat, NatConfig, Pool, PortChoice, PortClasses, Profile,
    Rule, Side,
};
use one_entry::{OneEntry, Setup};
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{Firewall, FirewallConfig, Path, Verdict, language};

// The source of the example: what else the examples stand on is not for a bench to build.
#[allow(dead_code, unreachable_pub, reason = "a bench needs a part of it")]
#[path = "../../examples/src/one_entry.rs"]
mod one_entry;

const NOW: Instant = Instant::from_secs(1);
/// Octets of a session in the bare table.
const VALUE: usize = 56;
/// Ports of one outside address that sessions get: the gateway of the example has one address.
const SHARED: usize = 60_000;
const POLICY: &str = "zone inside level 100\nzone outside level 0\n\
    interface lan0 zone inside\ninterface wan0 zone outside\n\
    rules from inside to outside {\naccept tcp port 443\n}\n\
    rules from outside to inside {\ndrop\n}\n";

/// The outside address, with the translator apart and with the example.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 0);

/// A firewall and a translator behind it.
struct Apart {
    firewall: Firewall,
    nat: Nat,
    paths: [Path<'static>; 2],
}

fn apart(sessions: usize) -> Apart {
    let mut config: NatConfig = Profile::Rfc.config(capacity(sessions));
    config.pools = vec![Pool::of(OUTSIDE)];
    let mut napt = Profile::Rfc.napt(0);
    napt.mapping = Mapping::AddressAndPortDependent;
    napt.filtering = Filtering::AddressAndPortDependent;
    napt.ports = PortChoice {
        preserve: true,
        parity: false,
        contiguity: false,
        classes: PortClasses::Any,
    };
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(napt),
    }];
    config.verify_transport_checksums = true;
    config.max_events = 0;
    let mut rules = FirewallConfig::new(capacity(sessions));
    rules.half_open.most = sessions;
    rules.half_open.adaptive_from = sessions;
    rules.events = 0;
    rules.timers = Timers::rfc();
    let policy = language::compile(POLICY).unwrap();
    let [lan, wan] = ["lan0", "wan0"].map(|name| policy.interface(name).unwrap());
    let mut apart = Apart {
        firewall: Firewall::new(rules, policy, Box::new(Random(1))).unwrap(),
        nat: Nat::new(config, Box::new(Random(1))).unwrap(),
        paths: [Path::new(lan, wan), Path::new(wan, lan)],
    };
    let [out, back] = apart.paths;
    for n in 0..sessions {
        for (from_client, mut packet) in handshake(n) {
            let passes = if from_client {
                let passes = apart.firewall.process(NOW, &out, &mut packet).is_accept();
                passes && forwards(apart.nat.process(NOW, Side::Inside, &mut packet))
            } else {
                to_outside_port(&mut packet, n);
                forwards(apart.nat.process(NOW, Side::Outside, &mut packet))
                    && apart.firewall.process(NOW, &back, &mut packet).is_accept()
            };
            assert!(passes, "{n}");
        }
    }
    apart
}

const fn forwards(verdict: nat::Verdict) -> bool {
    matches!(verdict, nat::Verdict::Forward { .. })
}

/// Gives the server's answer of connection `n` the outside end as its destination: ports are preserved.
fn to_outside_port(packet: &mut PacketBuf, n: usize) {
    let was = key(packet.as_slice());
    let to = (OUTSIDE, client(n).1);
    let become_key = Ipv4FlowKey::new((SERVER, 443), to, was.protocol(), 0);
    let layout = nat::Layout::of(&flow_state::FlowPacket::parse(packet.as_slice()).unwrap());
    nat::translate(packet.as_mut_slice(), &layout, &was, &become_key);
}

fn together(sessions: usize) -> OneEntry {
    let policy = language::compile(POLICY).unwrap();
    let interfaces = ["lan0", "wan0"].map(|name| policy.interface(name).unwrap());
    let setup = Setup {
        sessions: capacity(sessions),
        outside: OUTSIDE,
        ports: 1..=u16::MAX,
        timers: Timers::rfc(),
        interfaces,
    };
    let mut gateway = OneEntry::new(setup, policy, Box::new(Random(1))).unwrap();
    for n in 0..sessions {
        for (from_client, mut packet) in handshake(n) {
            let side = if from_client {
                Side::Inside
            } else {
                to_outside_port(&mut packet, n);
                Side::Outside
            };
            gateway.process(NOW, side, &mut packet).unwrap();
        }
    }
    gateway
}

fn one_by_one(sessions: usize) -> Option<Group<'static>> {
    let name = format!("NAPT and firewall, {sessions} TCP sessions, packets one by one");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, data);
    let ours = {
        let (mut gateway, mut packets) = (together(sessions), packets.clone_from_start());
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let _ = black_box(gateway.process(NOW, Side::Inside, &mut buffer));
            }
        }
    };
    let two = {
        let (mut two, mut packets) = (apart(sessions), packets.clone_from_start());
        let [out, _] = two.paths;
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let _ = black_box(two.firewall.process(NOW, &out, &mut buffer));
                let _ = black_box(two.nat.process(NOW, Side::Inside, &mut buffer));
            }
        }
    };
    let bare = BareTable::<VALUE>::new(NOW, sessions, data).one_by_one(packets);
    Some(
        Group::new(name, PASS as u32)
            .item("one entry", ours)
            .item("apart", two)
            .item("bare table", bare)
            .at_most(1.0, "apart"),
    )
}

fn in_batches(sessions: usize) -> Option<Group<'static>> {
    let name = format!("NAPT and firewall, {sessions} TCP sessions, batches of 32");
    if !is_wanted(&name) {
        return None;
    }
    let packets = Packets::new(sessions, data);
    let ours = {
        let (mut gateway, mut packets) = (together(sessions), packets.clone_from_start());
        let mut buffers = vec![PacketBuf::new(); BATCH];
        let mut results = [Ok(()); BATCH];
        move || {
            for _ in 0..PASS / BATCH {
                for buffer in &mut buffers {
                    load(buffer, packets.next());
                }
                gateway.process_batch(NOW, Side::Inside, &mut buffers, &mut results);
                black_box(&results);
            }
        }
    };
    let two = {
        let (mut two, mut packets) = (apart(sessions), packets.clone_from_start());
        let ways = [two.paths[0]; BATCH];
        let mut buffers = vec![PacketBuf::new(); BATCH];
        let mut translations = [nat::Verdict::Local; BATCH];
        let mut verdicts = vec![Verdict::Held; BATCH];
        move || {
            for _ in 0..PASS / BATCH {
                for buffer in &mut buffers {
                    load(buffer, packets.next());
                }
                two.firewall
                    .process_batch(NOW, &ways, &mut buffers, &mut verdicts);
                two.nat
                    .process_batch(NOW, Side::Inside, &mut buffers, &mut translations);
                black_box((&verdicts, &translations));
            }
        }
    };
    let bare = BareTable::<VALUE>::new(NOW, sessions, data).in_batches(packets);
    Some(
        Group::new(name, PASS as u32)
            .item("one entry", ours)
            .item("apart", two)
            .item("bare table", bare)
            .at_most(1.0, "apart"),
    )
}

fn main() {
    let quick = std::env::var("FLOW_BENCH").is_ok_and(|it| it == "quick");
    let counts = [1, 1_000, SHARED];
    let counts = counts.into_iter().filter(move |it| !quick || *it < SHARED);
    run(counts
        .flat_map(|it| [one_by_one(it), in_batches(it)])
        .flatten());
}
