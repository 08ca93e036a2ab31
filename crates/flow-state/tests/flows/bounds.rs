//! Expectations and limits: what is bounded, and what happens at the bound.

use flow_state::limits::{KeyedBuckets, KeyedCounts, OverLimit, Rate, SourceKey};
use flow_state::{
    Direction, ExpectationConfig, ExpectationTable, Expected, Instant, Key, NotExpected,
};
use packet_buffer::wire::IpProtocol;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;
use testkit::SeededRandom;

fn expected(port: u16, source: Option<u8>, lifetime: u64) -> Expected {
    Expected {
        protocol: IpProtocol::TCP,
        zone: 0,
        source: source.map(|last| [198, 51, 100, last].into()),
        source_port: None,
        destination: [10, 0, 0, 2].into(),
        destination_port: port,
        direction: Direction::Reply,
        lifetime: Duration::from_secs(lifetime),
    }
}

fn key(port: u16, source: u8) -> Key {
    let source: IpAddr = [198, 51, 100, source].into();
    Key::new((source, 20), ([10, 0, 0, 2].into(), port), IpProtocol::TCP).unwrap()
}

#[test]
fn expectations_are_used_once_and_run_out() {
    let mut table = ExpectationTable::<u8, char>::new(ExpectationConfig::default());
    let at = Instant::from_secs;
    table
        .insert(at(0), 1, expected(5_000, Some(7), 60), 'a')
        .unwrap();
    assert_eq!(table.poll_timeout(), Some(at(60)));
    assert!(
        table.take(at(1), &key(5_000, 8)).is_none(),
        "another source"
    );
    assert!(table.take(at(1), &key(5_001, 7)).is_none(), "another port");
    assert!(table.find(at(1), &key(5_000, 7)).is_some());
    assert_eq!(table.take(at(59), &key(5_000, 7)).unwrap().2, 'a');
    assert!(table.take(at(59), &key(5_000, 7)).is_none());
    // To the microsecond.
    table
        .insert(at(100), 1, expected(5_000, None, 60), 'b')
        .unwrap();
    assert!(table.find(at(159), &key(5_000, 9)).is_some());
    assert!(table.find(at(160), &key(5_000, 9)).is_none());
    assert!(table.take(at(160), &key(5_000, 9)).is_none());
    assert_eq!(
        (table.stats().used, table.stats().expired, table.len()),
        (1, 1, 0)
    );
    // A clock that runs backwards brings nothing back.
    table
        .insert(at(0), 1, expected(5_000, None, 10), 'c')
        .unwrap();
    assert_eq!(table.poll_timeout(), Some(at(170)));
}

#[test]
fn expectations_are_bounded_by_table_and_owner() {
    let config = ExpectationConfig {
        capacity: 3,
        per_owner: 2,
    };
    let mut table = ExpectationTable::<u8, ()>::new(config);
    let now = Instant::from_secs(1);
    for port in [5_000, 5_001] {
        table.insert(now, 1, expected(port, None, 60), ()).unwrap();
    }
    assert_eq!(
        table.insert(now, 1, expected(5_002, None, 60), ()),
        Err(NotExpected::OwnerFull)
    );
    // The same again is renewed and takes no room.
    table.insert(now, 1, expected(5_001, None, 60), ()).unwrap();
    table.insert(now, 2, expected(5_002, None, 60), ()).unwrap();
    assert_eq!(
        table.insert(now, 3, expected(5_003, None, 60), ()),
        Err(NotExpected::Full)
    );
    let stats = *table.stats();
    assert_eq!(
        (
            stats.inserted,
            stats.renewed,
            stats.refused_owner,
            stats.refused_full
        ),
        (3, 1, 1, 1)
    );
    table.remove_owner(1);
    assert_eq!((table.len(), table.stats().removed), (1, 2));
    assert_eq!(
        table.iter().map(|(_, _, owner)| owner).collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn keyed_limits_hold_for_each_key() {
    let mut random = SeededRandom::new(1);
    let source = |last: u8| SourceKey::of([192, 0, 2, last].into());
    let now = Instant::from_secs(10);
    let mut buckets = KeyedBuckets::new(Rate::per_second(2, 2), 4, &mut random).unwrap();
    assert_eq!(
        [1, 1, 1, 2, 2].map(|last| buckets.take(now, source(last))),
        [true, true, false, true, true]
    );
    assert_eq!((buckets.refused(), buckets.len()), (1, 2));
    // More keys than room: nobody is refused for that.
    assert!((3..100).all(|last| buckets.take(now, source(last))));
    assert!(buckets.len() <= 4);

    let mut counts = KeyedCounts::new(2, 2, &mut random).unwrap();
    assert_eq!(
        [1, 1, 1].map(|last| counts.acquire(source(last))),
        [Ok(1), Ok(2), Err(OverLimit::Limit(2))]
    );
    assert_eq!(counts.acquire(source(2)), Ok(1));
    assert_eq!(counts.acquire(source(3)), Err(OverLimit::Full));
    assert_eq!((counts.release(source(2)), counts.len()), (0, 1));
    assert_eq!(counts.acquire(source(3)), Ok(1));
    assert_eq!(counts.release(source(9)), 0);
    assert_eq!((counts.count(source(1)), counts.refused()), (2, 2));
    let mut none = KeyedCounts::new(0, 2, &mut random).unwrap();
    assert_eq!(none.acquire(source(1)), Err(OverLimit::Limit(0)));
}

#[test]
fn ipv6_sources_count_by_prefix() {
    let of = |text: &str| SourceKey::of(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_ne!(of("::"), of("0.0.0.0"));
}

proptest! {
    /// The table agrees with a list that is searched.
    #[test]
    fn expectations_agree_with_a_list(
        steps in proptest::collection::vec((0u8..3, 0u16..4, 0u8..3, 0u64..20), 1..60),
    ) {
        let mut table = ExpectationTable::<u8, usize>::new(ExpectationConfig { capacity: 100, per_owner: 100 });
        let mut list: Vec<(Instant, Expected, u8, usize)> = vec![];
        let mut now = 0;
        for (index, (what, port, source, wait)) in steps.into_iter().enumerate() {
            now += wait;
            let at = Instant::from_secs(now);
            list.retain(|entry| entry.0 > at);
            match what {
                0 => {
                    let new = expected(port, (source > 0).then_some(source), 30);
                    let deadline = at + Duration::from_secs(30);
                    table.insert(at, source, new, index).unwrap();
                    match list.iter_mut().find(|entry| entry.1 == new && entry.2 == source) {
                        Some(same) => (same.0, same.3) = (deadline, index),
                        None => list.push((deadline, new, source, index)),
                    }
                }
                1 => {
                    let found = table.take(at, &key(port, source)).map(|taken| taken.2);
                    let place = list.iter().rposition(|entry| entry.1.matches(&key(port, source)));
                    prop_assert_eq!(found, place.map(|place| list.remove(place).3));
                }
                _ => {
                    table.remove_owner(source);
                    list.retain(|entry| entry.2 != source);
                }
            }
            table.handle_timeout(at);
            prop_assert_eq!(table.len(), list.len());
            prop_assert_eq!(table.poll_timeout(), list.iter().map(|entry| entry.0).min());
        }
    }
}
