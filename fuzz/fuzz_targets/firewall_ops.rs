//! A firewall under packets of any octets and of flows that exist, reloads and time, with a standby: packets in
//! batches meet the same fate as one by one, the standby has the sessions that it was told of, messages of
//! any octets harm nobody, and the tables keep their bounds.
#![no_main]

use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::{Cursor, Instant, PacketBuf};
use stateful_firewall::{
    CompiledPolicy, Firewall, FirewallConfig, InterfaceId, Key, Path, SyncMessage, Verdict,
    language,
};
use std::collections::BTreeSet;
use testkit::SeededRandom;

const POLICY: &str = "
zone inside level 100
zone dmz level 50
zone outside level 0
interface lan0 zone inside
interface dmz0 zone dmz
interface wan0 zone outside bogons
rules from outside to dmz {
    web: accept tcp port { 80, 443 } sessions-per-source 8 log
    reject tcp port 113
}
rules from inside to outside {
    accept tcp port 21 helper ftp
    accept udp port 69 helper tftp
    accept tcp port 8080 filter names
}
filter names { block { ads.example } }
";
const OTHER: &str = "
zone inside level 100
zone dmz level 50
zone outside level 0
interface lan0 zone inside
interface dmz0 zone dmz
interface wan0 zone outside
rules from outside to dmz {
    web: accept tcp port 80 syn-proxy
}
";

fn policy(text: &str) -> CompiledPolicy {
    language::compile(text).expect("the policy is good")
}

fn firewall() -> Firewall {
    let config = FirewallConfig {
        sync_queue: 1_000,
        ..FirewallConfig::new(64)
    };
    let random = Box::new(SeededRandom::new(1));
    Firewall::new(config, policy(POLICY), random).expect("a configuration")
}

/// What a message says, in whole seconds as its octets have it.
fn over_the_wire(now: Instant, message: &SyncMessage) -> SyncMessage {
    let mut octets = Vec::new();
    message.write(now, &mut octets);
    assert!(octets.len() <= SyncMessage::MAX_LEN);
    let mut cursor = Cursor::new(&octets);
    let read = SyncMessage::read(now, &mut cursor).expect("what was written is read");
    assert!(cursor.is_empty());
    read
}

type Group = Vec<((InterfaceId, InterfaceId), PacketBuf)>;

/// The same packets one by one, and in a batch.
fn process(now: Instant, one: &mut Firewall, many: &mut Firewall, group: &mut Group) {
    let paths: Vec<Path<'_>> = group.iter().map(|((a, b), _)| Path::new(*a, *b)).collect();
    let mut batch: Vec<PacketBuf> = group.iter().map(|(_, packet)| packet.clone()).collect();
    let mut verdicts = vec![Verdict::Held; group.len()];
    many.process_batch(now, &paths, &mut batch, &mut verdicts);
    for (((path, (_, packet)), batched), verdict) in paths
        .iter()
        .zip(group.iter_mut())
        .zip(&batch)
        .zip(&verdicts)
    {
        assert_eq!(one.process(now, path, packet), *verdict);
        assert_eq!(packet.as_slice(), batched.as_slice());
    }
    group.clear();
    assert_eq!(one.sessions(), many.sessions());
    let (mut stats, mut batched) = (one.stats(), many.stats());
    // The one is heard at other times.
    (stats.sync_lost, batched.sync_lost) = (0, 0);
    assert_eq!(stats, batched);
    let (mut a, mut b) = (PacketBuf::new(), PacketBuf::new());
    loop {
        let (sent, batched) = (one.poll_transmit(&mut a), many.poll_transmit(&mut b));
        assert_eq!(sent, batched);
        if sent.is_none() {
            break;
        }
        assert_eq!(a.as_slice(), b.as_slice());
    }
    while one.poll_event().is_some() {}
    while many.poll_event().is_some() {}
    while many.poll_sync().is_some() {}
}

fn timeouts(now: Instant, firewall: &mut Firewall) {
    if firewall.poll_timeout().is_some_and(|at| at <= now) {
        firewall.handle_timeout(now);
        assert!(firewall.poll_timeout().is_none_or(|at| at > now));
    }
    let (ipv4, ipv6) = firewall.sessions();
    assert!(ipv4 + ipv6 <= 96);
}

/// A standby that was told everything at once has what it was told of.
fn snapshot(now: Instant, one: &Firewall, standby: &mut Firewall) {
    let mut told = BTreeSet::<Key>::new();
    for message in one.snapshot() {
        let message = over_the_wire(now, &message);
        if let SyncMessage::Set(session) = &message {
            told.insert(session.key);
        }
        // The tables are of one size, but a session that was told in between may be in the way.
        let _ = standby.apply(now, &message);
    }
    for session in standby.iter_sessions() {
        assert!(
            told.contains(&session.key),
            "nobody told of {}",
            session.key
        );
    }
}

fuzz_target!(|octets: &[u8]| {
    let (mut one, mut many, mut standby) = (firewall(), firewall(), firewall());
    let (mut now, mut rest) = (Instant::from_secs(1), octets);
    let mut group = Group::new();
    while let Some((&[head, high, low], tail)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high & 7, low])).min(tail.len());
        let (octets, tail) = tail.split_at(length);
        rest = tail;
        if head >> 4 != 0 || high & 0xf8 != 0 || group.len() == 8 {
            process(now, &mut one, &mut many, &mut group);
        }
        now += Duration::from_millis(u64::from(head >> 4) * 700);
        if high & 0x08 != 0 {
            // Another node's words, as if its secret were known.
            if let Ok(message) = SyncMessage::read(now, &mut Cursor::new(octets)) {
                let _ = standby.apply(now, &message);
            }
        } else {
            let names = ["lan0", "dmz0", "wan0"];
            let interface = |n: u8| {
                one.interface(names[usize::from(n) % 3])
                    .expect("it is there")
            };
            let path = (interface(head & 3), interface(head >> 2 & 3));
            let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
            packet.append_slice(octets);
            group.push((path, packet));
        }
        if high & 0x80 != 0 {
            process(now, &mut one, &mut many, &mut group);
            let text = if high & 0x40 == 0 { POLICY } else { OTHER };
            for firewall in [&mut one, &mut many, &mut standby] {
                let compiled = language::compile_after(firewall.policy(), text).expect("good");
                let _ = firewall.reload(now, compiled);
            }
        }
        if !group.is_empty() && high & 0x20 == 0 {
            continue;
        }
        process(now, &mut one, &mut many, &mut group);
        timeouts(now, &mut one);
        timeouts(now, &mut many);
        while let Some(message) = one.poll_sync() {
            let _ = standby.apply(now, &over_the_wire(now, &message));
        }
        if high & 0x10 != 0 {
            snapshot(now, &one, &mut standby);
        }
        timeouts(now, &mut standby);
        while standby.poll_event().is_some() {}
        while standby.poll_sync().is_some() {}
    }
    process(now, &mut one, &mut many, &mut group);
    snapshot(now, &one, &mut standby);
});
