//! The reassembler's books against what it holds, under any sequence of calls.

use super::*;
use crate::fragment::FirstFragmentPolicy;
use crate::wire::{IpProtocol, Ipv4Repr, Ipv6FragmentHeader, Ipv6Repr};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use proptest::prelude::*;

/// One call of the machine.
#[derive(Debug, Clone)]
enum Call {
    /// A fragment from a source, with an identification, and so on.
    Insert {
        source: u8,
        is_v6: bool,
        identification: u8,
        unit: u16,
        more: bool,
        length: usize,
        content: u8,
    },
    /// Seconds to go forwards, or back.
    Timeout(i8),
    Poll,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let insert = (
        0u8..6,
        any::<bool>(),
        0u8..4,
        0u16..12,
        any::<bool>(),
        1usize..1_200,
        0u8..2,
    )
        .prop_map(
            |(source, is_v6, identification, unit, more, length, content)| Call::Insert {
                source,
                is_v6,
                identification,
                unit,
                more,
                length,
                content,
            },
        );
    let call = prop_oneof![
        12 => insert,
        1 => (-20i8..40).prop_map(Call::Timeout),
        1 => Just(Call::Poll),
    ];
    proptest::collection::vec(call, 1..120)
}

fn packet(call: &Call) -> Option<PacketBuf> {
    let &Call::Insert {
        source,
        is_v6,
        identification,
        unit,
        more,
        length,
        content,
    } = call
    else {
        return None;
    };
    let length = if more {
        length.next_multiple_of(8)
    } else {
        length
    };
    let mut packet = PacketBuf::from(&vec![content; length][..]);
    if is_v6 {
        let fragment = Ipv6FragmentHeader {
            next_header: IpProtocol::UDP,
            offset: unit * 512,
            more_fragments: more,
            identification: identification.into(),
        };
        fragment.emit(&mut packet).unwrap();
        // Two hosts in each of three prefixes.
        let [prefix, host] = [source / 2, source % 2].map(u128::from);
        let source = Ipv6Addr::from_bits(0x2001_0db8 << 96 | prefix << 64 | host);
        let header = Ipv6Repr::new(source, Ipv6Addr::LOCALHOST, IpProtocol::FRAGMENT);
        header.emit(&mut packet).unwrap();
    } else {
        let source = Ipv4Addr::new(192, 0, 2, source);
        let header = Ipv4Repr {
            dont_fragment: false,
            identification: identification.into(),
            fragment_offset: unit * 512,
            more_fragments: more,
            ..Ipv4Repr::new(source, Ipv4Addr::LOCALHOST, IpProtocol::UDP)
        };
        header.emit(&mut packet).unwrap();
    }
    Some(packet)
}

/// Everything but the counters and the clock.
fn fingerprint(machine: &Reassembler) -> String {
    format!(
        "{:?} {:?} {:?} {} {:?}",
        machine.datagrams, machine.arrivals, machine.sources, machine.octets, machine.events
    )
}

/// Recounts everything.
fn check_books(machine: &Reassembler) {
    let config = &machine.config;
    let mut octets = 0;
    let mut sources = BTreeMap::<FragmentKey, (usize, usize)>::new();
    for (key, entry) in &machine.datagrams {
        let stored = entry.datagram.as_ref().map_or(0, |datagram| {
            assert!(datagram.fragments() <= config.max_fragments);
            assert!(!datagram.is_complete());
            datagram.counted_octets()
        });
        assert_eq!(entry.charge, ENTRY_OVERHEAD + stored);
        assert_eq!(machine.arrivals.get(&entry.arrival), Some(key));
        assert!(entry.deadline <= machine.latest + config.timeout);
        octets += entry.charge;
        let share = sources.entry(*key.of_same_source().start()).or_default();
        *share = (share.0 + 1, share.1 + entry.charge);
    }
    assert_eq!(machine.octets, octets);
    assert_eq!(machine.arrivals.len(), machine.datagrams.len());
    let kept = machine
        .sources
        .iter()
        .map(|(key, share)| (*key, (share.datagrams, share.octets)));
    assert_eq!(kept.collect::<BTreeMap<_, _>>(), sources);
    for (datagrams, octets) in sources.values() {
        assert!(*datagrams <= config.max_datagrams_per_source);
        assert!(*octets <= config.max_octets_per_source);
    }
    assert!(machine.octets <= config.max_octets);
    assert!(machine.datagrams.len() <= config.max_datagrams);
    assert!(machine.events.len() <= config.max_events);
    let earliest = machine.datagrams.values().map(|entry| entry.deadline).min();
    assert_eq!(machine.poll_timeout(), earliest);
}

proptest! {
    // Printing the whole state before and after each call takes its time.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_books_are_right_and_the_contract_is_kept(
        calls in calls(),
        when_full in prop_oneof![Just(WhenFull::EvictOldest), Just(WhenFull::Refuse)],
        max_octets in 4_096usize..12_000,
        max_datagrams in 1usize..10,
        max_datagrams_per_source in 1usize..5,
    ) {
        let config = ReassemblerConfig {
            timeout: Duration::from_secs(30),
            max_octets,
            max_octets_per_source: 4_096,
            max_datagrams,
            max_datagrams_per_source,
            max_fragments: 5,
            max_events: 3,
            when_full,
            first_fragment: FirstFragmentPolicy::STRICT,
        };
        let mut machine = Reassembler::new(config).unwrap();
        let mut now = Instant::from_secs(100);
        let mut out = PacketBuf::new();
        for call in &calls {
            let deadline = machine.poll_timeout();
            let before = fingerprint(&machine);
            match call {
                Call::Insert { .. } => {
                    let packet = packet(call).unwrap();
                    let packet = IpPacket::parse(packet.as_slice()).unwrap();
                    let result = machine.insert(now, 0, &packet, &mut out);
                    if result.is_err() {
                        prop_assert_eq!(fingerprint(&machine), before);
                    }
                }
                Call::Timeout(seconds) => {
                    let step = Duration::from_secs(seconds.unsigned_abs().into());
                    now = if *seconds < 0 { now - step } else { now + step };
                    machine.handle_timeout(now);
                    prop_assert!(machine.poll_timeout().is_none_or(|next| next > machine.latest));
                    if deadline.is_none_or(|deadline| deadline > machine.latest) {
                        prop_assert_eq!(fingerprint(&machine), before);
                    }
                }
                Call::Poll => {
                    machine.poll_event();
                }
            }
            check_books(&machine);
        }
        let last = machine.poll_timeout().map_or(now, |deadline| deadline + config.timeout);
        machine.handle_timeout(last);
        check_books(&machine);
        prop_assert_eq!((machine.octets(), machine.datagrams()), (0, 0));
        prop_assert!(machine.sources.is_empty());
    }
}
