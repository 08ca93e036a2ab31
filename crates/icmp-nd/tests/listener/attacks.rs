//! What hostile queriers and careless callers can do.

use crate::support::{Bench, GROUP, include, ip, millis, secs};
use core::net::Ipv6Addr;
use icmp_nd::mld::{Filter, ListenError};

/// A flood of queries that want an answer at once: ten a second at most, and the counter tells.
#[test]
fn a_flood_of_queries_makes_ten_answers_a_second() {
    let mut bench = Bench::joined(1);
    for _ in 0..2_000 {
        bench.query(0, "::", &[]);
        bench.query(0, GROUP, &[]);
        bench.run_for(millis(1));
    }
    bench.run_for(secs(1));
    assert!(bench.sent.len() <= 22, "{}", bench.sent.len());
    assert!(bench.sent.len() >= 10);
    assert!(bench.listener.stats().delayed > 1_000);
}

/// Queries that name ever new sources: what is noted is bounded, and the answer then tells the whole
/// state of the group.
#[test]
fn sources_of_queries_are_bounded() {
    let mut bench = Bench::up();
    bench.listen(include(&["2001:db8::1"]));
    bench.run_for(secs(5));
    bench.sent.clear();
    for n in 0..200u16 {
        let sources = [
            Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, n).to_string(),
            Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, n).to_string(),
        ];
        bench.query(60_000, GROUP, &[&sources[0], &sources[1]]);
    }
    assert!(bench.listener.stats().query_source_limit >= 1);
    bench.run_for(secs(100));
    assert_eq!(bench.sent.len(), 1);
}

/// Groups and sources are bounded, and leaving is always possible.
#[test]
fn groups_and_sources_have_limits() {
    let mut bench = Bench::up();
    let group = |n: u16| Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, n);
    for n in 0..128 {
        bench.listener.join(bench.now, group(n)).unwrap();
    }
    let full = bench.listener.join(bench.now, group(128));
    assert_eq!(full, Err(ListenError::GroupLimit));
    let sources = (0..65u16).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
    let filter = Filter::Include(sources.collect());
    let many = bench.listener.listen(bench.now, group(1), filter);
    assert_eq!(many, Err(ListenError::SourceLimit));
    let stats = bench.listener.stats();
    assert_eq!((stats.group_limit, stats.source_limit), (1, 1));
    assert!(bench.listener.leave(bench.now, group(5)));
    bench.run_for(secs(5));
    bench.listener.join(bench.now, group(128)).unwrap();
}

/// A forged query of version 1 makes the listener speak version 1; no state is lost, and it ends.
#[test]
fn a_forged_downgrade_ends() {
    let mut bench = Bench::joined(1);
    bench.query_v1(0, "::");
    bench.run_for(secs(10));
    assert!(bench.listener.accepts(ip(GROUP), ip("2001:db8::1")));
    assert_eq!(bench.listener.stats().queries_v1, 1);
    bench.run_for(secs(300));
    assert_eq!(
        bench.listener.compatibility(),
        icmp_nd::mld::Compatibility::V2
    );
    assert_eq!(bench.listener.poll_timeout(), None);
}
