//! Fragment bombs: every limit holds, is counted, and leaves others alone.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "reassembly_support/mod.rs"]
mod support;

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::fragment::{
    AbandonReason, FragmentDiscard, Reassembler, ReassemblerConfig, Reassembly, ReassemblyEvent,
    WhenFull,
};
use packet_buffer::wire::{IpProtocol, Ipv4Repr, Ipv6Repr};
use support::*;

/// A fragment that waits for others, from the `n`th source.
fn from(n: u32, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Repr {
        source: Ipv4Addr::from_bits(0x0a00_0000 + n),
        ..header4()
    };
    fragment4_of(header, 8, true, payload)
}

/// A fragment that waits for others, the `n`th of one source.
fn nth(n: u16, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Repr {
        identification: n,
        ..header4()
    };
    fragment4_of(header, 8, true, payload)
}

fn small() -> ReassemblerConfig {
    ReassemblerConfig {
        max_octets: 64 << 10,
        max_octets_per_source: 16 << 10,
        max_datagrams: 16,
        max_datagrams_per_source: 4,
        ..ReassemblerConfig::default()
    }
}

#[test]
fn many_sources_turn_over_the_table_and_honest_datagrams_get_through() {
    let mut bench = Bench::new();
    let config = *bench.reassembler.config();
    for n in 0..5_000 {
        bench.hold(&from(n, &[0; 1024]));
        assert!(bench.reassembler.octets() <= config.max_octets);
        assert!(bench.reassembler.datagrams() <= config.max_datagrams);
        if n % 100 == 99 {
            let first = fragment4(0, true, &[1; 64]);
            let last = fragment4(64, false, &[2; 64]);
            bench.hold(&first);
            bench.hold(&from(1_000_000 + n, &[0; 1024]));
            assert_eq!(bench.insert(&last), Ok(Reassembly::Complete));
        }
    }
    let stats = bench.reassembler.stats();
    assert_eq!(stats.reassembled, 50);
    assert!(stats.evicted > 4_000);
    assert_eq!((stats.full, stats.source_full), (0, 0));
}

#[test]
fn drop_new_keeps_those_who_came_first() {
    let mut bench = Bench::with(ReassemblerConfig {
        when_full: WhenFull::Refuse,
        ..small()
    });
    for n in 0..16 {
        bench.hold(&from(n, &[0; 8]));
    }
    for n in 16..1_000 {
        assert_eq!(bench.refuse(&from(n, &[0; 8])), FragmentDiscard::Full);
    }
    assert_eq!(bench.reassembler.stats().full, 984);
    // Those that are there can still become whole.
    let header = Ipv4Repr {
        source: Ipv4Addr::new(10, 0, 0, 3),
        ..header4()
    };
    bench.hold(&fragment4_of(header, 0, true, &[0; 8]));
    let last = fragment4_of(header, 16, false, &[0; 8]);
    assert_eq!(bench.insert(&last), Ok(Reassembly::Complete));
    bench.hold(&from(16, &[0; 8]));
}

#[test]
fn one_source_pushes_out_its_own_only() {
    for when_full in [WhenFull::EvictOldest, WhenFull::Refuse] {
        let mut bench = Bench::with(ReassemblerConfig {
            when_full,
            ..small()
        });
        bench.hold(&from(1, &[0; 8]));
        let mut refused = 0;
        for n in 0..1_000 {
            match bench.insert(&nth(n, &[0; 8])) {
                Ok(Reassembly::Incomplete) => {}
                Err(FragmentDiscard::SourceFull) => refused += 1,
                other => panic!("{other:?}"),
            }
            assert!(bench.reassembler.datagrams() <= 5);
        }
        let stats = *bench.reassembler.stats();
        match when_full {
            WhenFull::EvictOldest => assert_eq!((stats.evicted_of_source, refused), (996, 0)),
            WhenFull::Refuse => assert_eq!((stats.source_full, refused), (996, 996)),
        }
        assert_eq!(stats.evicted, 0);
        // The other source's datagram is still there, and so is the last or the first of this one.
        let mine = if when_full == WhenFull::EvictOldest {
            999
        } else {
            0
        };
        assert_eq!(bench.refuse(&from(1, &[0; 8])), FragmentDiscard::Duplicate);
        assert_eq!(
            bench.refuse(&nth(mine, &[0; 8])),
            FragmentDiscard::Duplicate
        );
    }
}

#[test]
fn the_oldest_of_a_source_goes_first_and_never_the_one_that_grows() {
    let mut bench = Bench::with(small());
    for n in 0..4 {
        bench.hold(&nth(n, &[0; 2_000]));
    }
    // The first datagram grows until the others have to go, the oldest first.
    let header = Ipv4Repr {
        identification: 0,
        ..header4()
    };
    let grow = |n: u16| fragment4_of(header, 8 + n * 2_000, true, &[0; 2_000]);
    for n in 1..6 {
        bench.hold(&grow(n));
    }
    assert_eq!(bench.reassembler.stats().evicted_of_source, 2);
    assert_eq!(
        bench.refuse(&nth(3, &[0; 2_000])),
        FragmentDiscard::Duplicate
    );
    bench.hold(&grow(6));
    assert_eq!(bench.reassembler.stats().evicted_of_source, 3);
    assert_eq!(
        bench.refuse(&nth(0, &[0; 2_000])),
        FragmentDiscard::Duplicate
    );
    // What would not fit even if all others went is refused, and none of them goes.
    bench.hold(&nth(1, &[0; 8]));
    assert_eq!(bench.refuse(&grow(7)), FragmentDiscard::SourceFull);
    assert_eq!(bench.refuse(&nth(1, &[0; 8])), FragmentDiscard::Duplicate);
}

#[test]
fn the_oldest_of_all_goes_first_and_never_the_one_that_grows() {
    let mut bench = Bench::with(ReassemblerConfig {
        max_octets: 16 << 10,
        max_octets_per_source: 64 << 10,
        ..small()
    });
    for n in 0..4 {
        bench.hold(&from(n, &[0; 2_000]));
    }
    let header = Ipv4Repr {
        source: Ipv4Addr::from_bits(0x0a00_0000),
        ..header4()
    };
    let grow = |n: u16| fragment4_of(header, 8 + n * 2_000, true, &[0; 2_000]);
    for n in 1..6 {
        bench.hold(&grow(n));
    }
    assert_eq!(bench.reassembler.stats().evicted, 2);
    for n in [0, 3] {
        assert_eq!(
            bench.refuse(&from(n, &[0; 2_000])),
            FragmentDiscard::Duplicate
        );
    }
    bench.hold(&grow(6));
    bench.hold(&from(1, &[0; 8]));
    assert_eq!(bench.refuse(&grow(7)), FragmentDiscard::Full);
    assert_eq!(bench.refuse(&from(1, &[0; 8])), FragmentDiscard::Duplicate);
}

#[test]
fn octets_are_limited_in_all() {
    let mut bench = Bench::with(ReassemblerConfig {
        max_datagrams: 1_000,
        when_full: WhenFull::Refuse,
        ..small()
    });
    let one = 4_000 + ReassemblerConfig::FRAGMENT_OVERHEAD + ReassemblerConfig::DATAGRAM_OVERHEAD;
    for n in 0..13 {
        bench.hold(&from(n, &[0; 4_000]));
        assert_eq!(bench.reassembler.octets(), (n as usize + 1) * one);
    }
    assert_eq!(bench.refuse(&from(13, &[0; 4_000])), FragmentDiscard::Full);
}

#[test]
fn an_ipv6_prefix_is_one_source() {
    let of = |host, identification| {
        let source = Ipv6Addr::from_bits(A6.to_bits() >> 64 << 64 | host);
        let header = Ipv6Repr::new(source, B6, IpProtocol::FRAGMENT);
        fragment6_of(
            header,
            &[],
            IpProtocol::UDP,
            identification,
            8,
            true,
            &[0; 8],
        )
    };
    let mut bench = Bench::with(small());
    bench.hold(&from(1, &[0; 8]));
    for host in [0, 1, 1 << 63, u128::from(u64::MAX)] {
        bench.hold(&of(host, u32::MAX));
    }
    assert_eq!(bench.reassembler.stats().evicted_of_source, 0);
    for host in 10..100 {
        bench.hold(&of(host, 0));
    }
    assert_eq!(bench.reassembler.datagrams(), 5);
    assert_eq!(bench.reassembler.stats().evicted_of_source, 90);
    // A neighbor prefix is another source.
    let header = Ipv6Repr::new(B6, B6, IpProtocol::FRAGMENT);
    bench.hold(&fragment6_of(
        header,
        &[],
        IpProtocol::UDP,
        1,
        8,
        true,
        &[0; 8],
    ));
    assert_eq!(bench.reassembler.datagrams(), 6);
}

#[test]
fn a_datagram_in_too_many_fragments_is_given_up() {
    let mut bench = Bench::new();
    for n in 0..128 {
        bench.hold(&fragment4(n * 16, true, &[0; 8]));
    }
    let result = bench.insert(&fragment4(128 * 16, true, &[0; 8]));
    assert_eq!(
        result,
        Ok(Reassembly::Abandoned(AbandonReason::TooManyFragments))
    );
    assert_eq!(
        bench.reassembler.octets(),
        ReassemblerConfig::DATAGRAM_OVERHEAD
    );
    assert_eq!(
        bench.refuse(&fragment4(8, true, &[0; 8])),
        FragmentDiscard::GivenUp
    );
    assert_eq!(bench.reassembler.stats().too_many_fragments, 1);
}

#[test]
fn exactly_the_allowed_fragments_make_a_datagram() {
    let mut bench = Bench::new();
    let mut fragments: Vec<_> = (0..127).map(|n| fragment4(n * 8, true, &[0; 8])).collect();
    fragments.push(fragment4(127 * 8, false, &[0; 8]));
    bench.assemble(&fragments);
}

#[test]
fn events_are_limited() {
    let config = ReassemblerConfig {
        max_events: 3,
        ..small()
    };
    let mut bench = Bench::with(config);
    for n in 0..10 {
        bench.hold(&from(n, &[0; 8]));
    }
    bench
        .reassembler
        .handle_timeout(bench.now + Duration::from_secs(61));
    let stats = bench.reassembler.stats();
    assert_eq!((stats.timed_out, stats.events_dropped), (10, 7));
    for n in 0..3 {
        let Some(ReassemblyEvent::TimedOut { key, .. }) = bench.reassembler.poll_event() else {
            panic!("no event");
        };
        assert_eq!(key.source(), Ipv4Addr::from_bits(0x0a00_0000 + n));
        assert_eq!(key.destination(), B4);
    }
    assert_eq!(bench.reassembler.poll_event(), None);
}

#[test]
fn a_clock_that_runs_backwards_and_calls_at_any_time_are_harmless() {
    let mut bench = Bench::new();
    bench.hold(&nth(1, &[0; 8]));
    let deadline = bench.reassembler.poll_timeout();
    for now in [Instant::ZERO, bench.now, bench.now] {
        bench.reassembler.handle_timeout(now);
        assert_eq!(bench.reassembler.poll_timeout(), deadline);
    }
    bench.now = Instant::ZERO;
    bench.hold(&nth(2, &[0; 8]));
    assert_eq!(bench.reassembler.poll_timeout(), deadline);
    bench.reassembler.handle_timeout(deadline.unwrap());
    assert_eq!(
        bench.reassembler.poll_timeout(),
        None,
        "both began at the latest time seen"
    );
    bench.reassembler.handle_timeout(Instant::MAX);
    bench.hold(&nth(3, &[0; 8]));
    bench.reassembler.handle_timeout(Instant::MAX);
    assert_eq!(bench.reassembler.poll_timeout(), None);
}

#[test]
fn a_wrong_configuration_names_the_field() {
    let good = ReassemblerConfig::default();
    let wrong = [
        (
            "timeout",
            ReassemblerConfig {
                timeout: Duration::ZERO,
                ..good
            },
        ),
        (
            "max_octets",
            ReassemblerConfig {
                max_octets: 4_095,
                ..good
            },
        ),
        (
            "max_octets_per_source",
            ReassemblerConfig {
                max_octets_per_source: 0,
                ..good
            },
        ),
        (
            "max_datagrams",
            ReassemblerConfig {
                max_datagrams: 0,
                ..good
            },
        ),
        (
            "max_datagrams_per_source",
            ReassemblerConfig {
                max_datagrams_per_source: 0,
                ..good
            },
        ),
        (
            "max_fragments",
            ReassemblerConfig {
                max_fragments: 1,
                ..good
            },
        ),
        (
            "max_fragments",
            ReassemblerConfig {
                max_fragments: 8_193,
                ..good
            },
        ),
    ];
    for (field, config) in wrong {
        let error = Reassembler::new(config).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().starts_with(field));
    }
    assert!(Reassembler::new(good).is_ok());
}
