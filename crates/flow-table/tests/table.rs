//! Keys, ids, refusals and eviction.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use flow_table::{
    Config, ConfigError, Direction, FlowHash, FlowTable, Hint, Ipv4FlowKey, Ipv6FlowKey, NewFlow,
    Refusal, RekeyError, SipHash13, WhenFull,
};
use packet_buffer::{Instant, RandomSource};
use testkit::SeededRandom;

const START: Instant = Instant::from_secs(1_000);
const LATER: Instant = Instant::from_secs(1_100);

type Table = FlowTable<Ipv4FlowKey, &'static str>;

fn table(capacity: usize, when_full: WhenFull) -> Table {
    let config = Config {
        when_full,
        ..Config::new(capacity)
    };
    FlowTable::new(config, &mut SeededRandom::new(1)).unwrap()
}

fn key(source: u8, destination: u8) -> Ipv4FlowKey {
    Ipv4FlowKey::new(
        (Ipv4Addr::new(10, 0, 0, source), 1_000),
        (Ipv4Addr::new(10, 0, 0, destination), 2_000),
        17,
        0,
    )
}

fn flow(original: Ipv4FlowKey, value: &'static str) -> NewFlow<Ipv4FlowKey, &'static str> {
    NewFlow {
        original,
        reply: original.reversed(),
        deadline: LATER,
        class: 0,
        value,
    }
}

#[test]
fn both_keys_find_the_one_entry() {
    let mut table = table(4, WhenFull::Refuse);
    let translated = NewFlow {
        reply: key(9, 200),
        ..flow(key(1, 2), "translated")
    };
    let id = table.insert(START, translated).unwrap().id;
    let (direction, mut found) = table.lookup(START, &key(1, 2)).unwrap();
    assert_eq!((direction, found.id()), (Direction::Original, id));
    *found.value_mut() = "seen";
    let (direction, found) = table.lookup(START, &key(9, 200)).unwrap();
    assert_eq!((direction, found.id()), (Direction::Reply, id));
    assert_eq!(*found.value(), "seen");
    assert!(table.lookup(START, &key(2, 1)).is_none());
    assert_eq!(table.len(), 1);
}

#[test]
fn a_flow_to_itself_has_one_key_and_is_found_as_original() {
    // A packet whose source is its destination ("land").
    let end = (Ipv4Addr::new(10, 0, 0, 1), 7);
    let land = Ipv4FlowKey::new(end, end, 6, 0);
    assert_eq!(land, land.reversed());
    let mut table = table(4, WhenFull::Refuse);
    let id = table.insert(START, flow(land, "land")).unwrap().id;
    assert_eq!(table.probe_report().keys, 1);
    let (direction, found) = table.lookup(START, &land).unwrap();
    assert_eq!((direction, found.id()), (Direction::Original, id));

    // To another reply key and back.
    table.rekey(id, key(1, 2)).unwrap();
    assert_eq!(table.probe_report().keys, 2);
    table.rekey(id, land).unwrap();
    assert_eq!(table.probe_report().keys, 1);
    assert!(table.find(START, &key(1, 2)).is_none());
    assert!(table.find(START, &land).is_some());
    assert_eq!(table.remove(id).unwrap().value, "land");
    assert_eq!(table.probe_report().keys, 0);
}

#[test]
fn a_clash_names_the_key_and_the_flow_and_gives_the_value_back() {
    let mut table = table(4, WhenFull::Refuse);
    let id = table.insert(START, flow(key(1, 2), "first")).unwrap().id;
    for (original, reply, clashing) in [
        (key(1, 2), key(5, 6), Direction::Original),
        (key(1, 2).reversed(), key(5, 6), Direction::Original),
        (key(5, 6), key(1, 2), Direction::Reply),
        (key(5, 6), key(1, 2).reversed(), Direction::Reply),
    ] {
        let new = NewFlow {
            reply,
            ..flow(original, "second")
        };
        let error = table.insert(START, new).unwrap_err();
        assert_eq!(error.value, "second");
        let expected = Refusal::Clash {
            key: clashing,
            with: id,
        };
        assert_eq!(error.reason, expected);
        assert_eq!(
            error.to_string(),
            format!("the {clashing} key is in use by another flow")
        );
    }
    assert_eq!(table.stats().refused_clash, 4);
    assert_eq!((table.len(), table.probe_report().keys), (1, 2));
    assert!(table.find(START, &key(5, 6)).is_none());
}

#[test]
fn rekeying_moves_the_reply_key_only() {
    let mut table = table(4, WhenFull::Refuse);
    let id = table.insert(START, flow(key(1, 2), "a")).unwrap().id;
    let other = table.insert(START, flow(key(3, 4), "b")).unwrap().id;
    assert_eq!(
        table.rekey(id, key(3, 4)),
        Err(RekeyError::Refused(Refusal::Clash {
            key: Direction::Reply,
            with: other
        }))
    );
    assert!(table.find(START, &key(1, 2).reversed()).is_some());
    table.rekey(id, key(7, 8)).unwrap();
    assert!(table.find(START, &key(1, 2).reversed()).is_none());
    assert_eq!(
        table.find(START, &key(7, 8)).unwrap().direction,
        Direction::Reply
    );
    assert_eq!(*table.get(id).unwrap().reply, key(7, 8));
    table.remove(id).unwrap();
    assert_eq!(table.rekey(id, key(1, 2)), Err(RekeyError::NotFound));
    assert_eq!(table.probe_report().keys, 2);
}

#[test]
fn a_stale_id_is_never_another_flow() {
    let mut table = table(1, WhenFull::Refuse);
    let first = table.insert(START, flow(key(1, 2), "first")).unwrap().id;
    assert_eq!(table.remove(first).unwrap().value, "first");
    let mut ids = vec![first];
    for _ in 0..100 {
        let id = table.insert(START, flow(key(1, 2), "next")).unwrap().id;
        assert!(!ids.contains(&id));
        for stale in &ids {
            assert!(table.get(*stale).is_none());
            assert!(table.get_mut(*stale).is_none());
            assert!(table.remove(*stale).is_none());
        }
        table.remove(id).unwrap();
        ids.push(id);
    }
}

#[test]
fn a_full_table_refuses_by_default() {
    let mut table = table(2, WhenFull::Refuse);
    table.insert(START, flow(key(1, 2), "a")).unwrap();
    table.insert(START, flow(key(3, 4), "b")).unwrap();
    let precious = NewFlow {
        class: 255,
        ..flow(key(5, 6), "c")
    };
    let error = table.insert(START, precious).unwrap_err();
    assert_eq!((error.reason, error.value), (Refusal::Full, "c"));
    assert_eq!((table.len(), table.stats().refused_full), (2, 1));
    assert!(table.find(START, &key(5, 6)).is_none());
}

#[test]
fn an_expired_flow_makes_room_under_either_policy() {
    for policy in [WhenFull::Refuse, WhenFull::EvictLowestClass] {
        let mut table = table(1, policy);
        let old = table.insert(START, flow(key(1, 2), "old")).unwrap().id;
        table.handle_timeout(LATER);
        assert_eq!(table.len(), 1);
        let new = NewFlow {
            deadline: LATER + Duration::from_secs(60),
            ..flow(key(3, 4), "new")
        };
        let evicted = table.insert(LATER, new).unwrap().evicted.unwrap();
        assert_eq!((evicted.id, evicted.value), (old, "old"));
        assert!(table.poll_expired().is_none());
        let stats = table.stats();
        assert_eq!((stats.expired, stats.evicted), (1, 0));
    }
}

#[test]
fn eviction_takes_the_lowest_class_then_the_nearest_deadline() {
    let mut table = table(3, WhenFull::EvictLowestClass);
    let with = |source, class, seconds, value| NewFlow {
        class,
        deadline: START + Duration::from_secs(seconds),
        ..flow(key(source, 100), value)
    };
    table.insert(START, with(1, 1, 5, "established")).unwrap();
    table
        .insert(START, with(2, 0, 90, "half-open, late"))
        .unwrap();
    table
        .insert(START, with(3, 0, 50, "half-open, soon"))
        .unwrap();
    let mut evict = |new| {
        let evicted = table.insert(START, new).unwrap().evicted.unwrap();
        assert!(table.find(START, &evicted.original).is_none());
        assert!(table.find(START, &evicted.reply).is_none());
        assert!(table.get(evicted.id).is_none());
        evicted.value
    };
    assert_eq!(evict(with(4, 1, 50, "established")), "half-open, soon");
    assert_eq!(evict(with(5, 1, 60, "established")), "half-open, late");
    // Among equals the nearest deadline goes; a lower class cannot push out a higher one.
    assert_eq!(evict(with(6, 1, 70, "established")), "established");
    let error = table
        .insert(START, with(7, 0, 70, "half-open"))
        .unwrap_err();
    assert_eq!(error.reason, Refusal::Full);
    let stats = table.stats();
    assert_eq!((stats.evicted, stats.refused_full), (3, 1));
    assert_eq!((table.len(), stats.high_water), (3, 3));
}

#[test]
fn clear_and_rehash_keep_ids_apart_and_valid() {
    let mut table = table(8, WhenFull::Refuse);
    let ids: Vec<_> = (0..8)
        .map(|n| table.insert(START, flow(key(n, 100), "x")).unwrap().id)
        .collect();
    for seed in 0..20 {
        table.rehash(&mut SeededRandom::new(seed)).unwrap();
        for (n, id) in (0..).zip(&ids) {
            assert_eq!(table.find(START, &key(n, 100)).unwrap().id, *id);
            let reply = table.find(START, &key(n, 100).reversed()).unwrap();
            assert_eq!((reply.id, reply.direction), (*id, Direction::Reply));
        }
        assert_eq!(table.probe_report().keys, 16);
    }
    table.clear();
    assert!(table.is_empty());
    assert_eq!(table.iter().count(), 0);
    assert_eq!(table.poll_timeout(), None);
    assert!(ids.iter().all(|id| table.get(*id).is_none()));
    let id = table.insert(START, flow(key(1, 100), "y")).unwrap().id;
    assert!(!ids.contains(&id));
}

/// The worst hash there is.
struct Constant;

impl FlowHash for Constant {
    const MAX_WORDS: usize = 2;

    fn from_random<R: RandomSource + ?Sized>(_: &mut R) -> Self {
        Self
    }

    fn hash(&self, _: &[u64]) -> u64 {
        0x1234_5678_9abc_def0
    }
}

#[test]
fn where_a_place_is_crowded_a_flow_is_refused_and_leaves_no_trace() {
    let mut table = FlowTable::<Ipv4FlowKey, &str, Constant>::new(
        Config::new(1_000),
        &mut SeededRandom::new(1),
    )
    .unwrap();
    // One key, then two each, until there is room for one key only: 32 buckets of 8 places.
    let end = (Ipv4Addr::LOCALHOST, 7);
    let land = Ipv4FlowKey::new(end, end, 6, 0);
    table.insert(START, flow(land, "land")).unwrap();
    for n in 0..127 {
        table.insert(START, flow(key(n, 100), "ordinary")).unwrap();
    }
    assert_eq!(table.probe_report().keys, 255);
    let error = table
        .insert(START, flow(key(127, 100), "late"))
        .unwrap_err();
    assert_eq!((error.reason, error.value), (Refusal::Crowded, "late"));
    assert_eq!((table.len(), table.probe_report().keys), (128, 255));
    assert_eq!(table.stats().refused_crowded, 1);
    assert!(table.find(START, &key(127, 100)).is_none());
    // All others are still found, alone and in a batch, and a removal makes room again.
    let keys: Vec<_> = (0..127).map(|n| key(n, 100).reversed()).collect();
    let mut matches = vec![None; keys.len()];
    table.lookup_batch(START, &keys, &mut matches);
    for (key, found) in keys.iter().zip(&matches) {
        assert_eq!(table.find(START, key), *found);
        assert_eq!(found.unwrap().direction, Direction::Reply);
    }
    let id = table.find(START, &land).unwrap().id;
    table.remove(id).unwrap();
    table.insert(START, flow(key(127, 100), "late")).unwrap();
    assert_eq!(
        table.rekey(matches[0].unwrap().id, key(200, 201)),
        Err(RekeyError::Refused(Refusal::Crowded))
    );
    assert_eq!(table.find(START, &keys[0]), matches[0]);
    assert!(table.find(START, &key(200, 201)).is_none());
    assert_eq!(
        table.rehash(&mut SeededRandom::new(2)),
        Ok(()),
        "the same flows fit again"
    );
}

#[test]
fn a_nat64_flow_is_found_by_its_ipv6_and_its_ipv4_packets() {
    let mut table =
        FlowTable::<Ipv6FlowKey, (), SipHash13>::new(Config::new(10), &mut SeededRandom::new(3))
            .unwrap();
    let client = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let server: Ipv6Addr = "64:ff9b::198.51.100.7".parse().unwrap();
    let original = Ipv6FlowKey::new((client, 40_000), (server, 443), 6, 0);
    let reply = Ipv4FlowKey::new(
        (Ipv4Addr::new(198, 51, 100, 7), 443),
        (Ipv4Addr::new(203, 0, 113, 1), 50_000),
        6,
        0,
    );
    let new = NewFlow {
        original,
        reply: reply.into(),
        deadline: LATER,
        class: 0,
        value: (),
    };
    let id = table.insert(START, new).unwrap().id;
    let found = table.find(START, &Ipv6FlowKey::from(reply)).unwrap();
    assert_eq!((found.id, found.direction), (id, Direction::Reply));
    assert_eq!(table.get(id).unwrap().reply.to_ipv4(), Some(reply));
}

#[test]
fn a_configuration_that_cannot_be_is_refused_by_field() {
    let make = |config| Table::new(config, &mut SeededRandom::new(1)).err();
    assert_eq!(make(Config::new(0)), Some(ConfigError::Capacity(0)));
    let much = flow_table::MAX_CAPACITY + 1;
    assert_eq!(make(Config::new(much)), Some(ConfigError::Capacity(much)));
    let idle = Config {
        sweep_budget: 0,
        ..Config::new(1)
    };
    assert_eq!(make(idle), Some(ConfigError::SweepBudget));
    assert!(make(Config::new(1)).is_none());
    assert_eq!(Table::octets_for(usize::MAX), usize::MAX);
}

#[test]
fn a_hint_that_does_not_fit_changes_nothing() {
    let mut table = table(4, WhenFull::Refuse);
    let (one, other) = (key(1, 100), key(2, 100));
    table.insert(START, flow(one, "one")).unwrap();
    table.insert(START, flow(other, "other")).unwrap();
    let of_one = table.find(START, &one);
    let of_other = table.find(START, &other);
    let reversed = table.find(START, &one.reversed());
    for hint in [None, of_one, of_other, reversed].map(|found| found.map(Hint::from)) {
        let (direction, found) = table.lookup_hinted(START, &one, hint).unwrap();
        assert_eq!((*found.value(), direction), ("one", Direction::Original));
        assert!(table.lookup_hinted(START, &key(3, 100), hint).is_none());
    }
    let hint = of_one.map(Hint::from);
    // Its flow is gone, and then another one is in the place, and then one with the same key.
    table.remove(of_one.unwrap().id).unwrap();
    assert!(table.lookup_hinted(START, &one, hint).is_none());
    table.insert(START, flow(key(4, 100), "four")).unwrap();
    assert!(table.lookup_hinted(START, &one, hint).is_none());
    table.insert(START, flow(one, "again")).unwrap();
    let (_, found) = table.lookup_hinted(START, &one, hint).unwrap();
    assert_eq!(*found.value(), "again");
    // Its flow has expired, and another one has its key.
    let before = table.find(START, &one).map(Hint::from);
    let new = NewFlow {
        deadline: LATER + Duration::from_secs(100),
        ..flow(one, "later")
    };
    assert!(table.lookup_hinted(LATER, &one, before).is_none());
    table.insert(LATER, new).unwrap();
    let (_, found) = table.lookup_hinted(LATER, &one, before).unwrap();
    assert_eq!(*found.value(), "later");
}

#[test]
fn fetching_finds_where_a_flow_is_and_says_nothing_of_others() {
    let mut table = table(4, WhenFull::Refuse);
    let one = key(1, 100);
    let nothing = table.fetch_index(&one);
    assert_eq!(table.fetch_flow(nothing), None);
    table.insert(START, flow(one, "one")).unwrap();
    for key in [one, one.reversed()] {
        let hint = table.fetch_flow(table.fetch_index(&key));
        assert_eq!(hint, table.find(START, &key).map(Hint::from));
    }
    // It is a hint: the flow may be over.
    let hint = table.fetch_flow(table.fetch_index(&one));
    assert!(table.lookup_hinted(LATER, &one, hint).is_none());
}

/// In a full table some keys lie behind buckets that were full. Every call finds them, and no other key.
#[test]
fn keys_that_did_not_find_room_at_home_are_found_all_the_same() {
    const COUNT: u32 = 4_000;
    let config = Config::new(COUNT as usize);
    let mut table: FlowTable<Ipv4FlowKey, u32> =
        FlowTable::new(config, &mut SeededRandom::new(5)).unwrap();
    let server = (Ipv4Addr::new(198, 51, 100, 1), 443);
    let original = |n: u32| {
        let client = Ipv4Addr::from_bits(0x0a00_0000 + n);
        Ipv4FlowKey::new((client, 1_000), server, 6, 0)
    };
    for n in 0..COUNT {
        let (original, deadline) = (original(n), Instant::MAX);
        let reply = original.reversed();
        let new = NewFlow {
            original,
            reply,
            deadline,
            class: 0,
            value: n,
        };
        table.insert(Instant::ZERO, new).unwrap();
    }
    let report = table.probe_report();
    assert!(report.displacement > 100, "{report:?}");
    for n in 0..COUNT {
        let original = original(n);
        for (key, is) in [
            (original, Direction::Original),
            (original.reversed(), Direction::Reply),
        ] {
            let found = table.find(Instant::ZERO, &key).unwrap();
            assert_eq!(found.direction, is);
            let (direction, flow) = table.lookup(Instant::ZERO, &key).unwrap();
            assert_eq!((direction, *flow.value()), (is, n));
            let (direction, flow) = table.lookup_hinted(Instant::ZERO, &key, None).unwrap();
            assert_eq!((direction, *flow.value()), (is, n));
        }
    }
    for n in COUNT..2 * COUNT {
        assert!(table.lookup(Instant::ZERO, &original(n)).is_none());
    }
}
