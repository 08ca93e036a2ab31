//! What hostile neighbors and routers can do to the table, and which counter tells.

use crate::support::{Bench, LINK_LOCAL, advertised, config, ip, secs};
use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::address::{
    AddressState, IdentifierScheme, ManualAddress, PrefixDiscard, StableKey, TemporaryConfig,
};

/// DAD denial (RFC 3756 §4.1.3): every address that is tested is claimed. The work ends after the
/// retries, with every event told.
#[test]
fn dad_denial_ends() {
    let mut config = config();
    config.identifiers = IdentifierScheme::Stable {
        key: StableKey::new([5; 32]),
        interface: b"eth0".to_vec(),
        network_id: Vec::new(),
    };
    config.temporary = Some(TemporaryConfig::default());
    let mut bench = Bench::up(config);
    let link_local = bench.table.usable_link_local().unwrap();
    for round in 0..500u32 {
        bench.advertise("2001:db8:1::", 604_800, 302_400).unwrap();
        let tested: Vec<Ipv6Addr> = bench
            .table
            .iter()
            .filter(|it| it.state() == AddressState::Tentative)
            .map(|it| it.address())
            .collect();
        for address in tested {
            if round % 2 == 0 {
                bench.table.handle_advertisement(bench.now, address);
            } else {
                bench.solicit(&address.to_string(), "::", None);
            }
        }
        bench.run_for(Duration::from_millis(100));
    }
    // Four stable ones and four temporary ones, and then nothing more, however often it is advertised.
    assert_eq!(bench.table.stats().duplicates, 8);
    assert_eq!(bench.table.stats().retries, 6);
    assert_eq!(bench.table.iter().count(), 1);
    assert_eq!(
        bench.state(&link_local.to_string()),
        Some(AddressState::Preferred)
    );
}

/// A flood of advertisements with ever new prefixes: the first ones stay, and the counter tells.
#[test]
fn a_flood_of_prefixes_is_held_at_the_limit() {
    let mut bench = Bench::up(config());
    bench.advertise("2001:db8:aaaa::", 7200, 3600).unwrap();
    bench.run_for(secs(2));
    let mut refused = 0;
    for n in 0..10_000u16 {
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 1, n, 0, 0, 0, 0);
        let result = bench.advertise(&prefix.to_string(), 86_400, 3600);
        refused += u64::from(result == Err(PrefixDiscard::PrefixLimit));
    }
    bench.run_for(secs(5));
    assert_eq!(refused, 10_000 - 15);
    assert_eq!(bench.table.stats().prefix_limit, refused);
    assert_eq!(bench.table.iter().count(), 17);
    let own = "2001:db8:aaaa::5eff:fe10:1";
    assert_eq!(bench.state(own), Some(AddressState::Preferred));
    bench.advertise("2001:db8:aaaa::", 90_000, 80_000).unwrap();
    assert_eq!(
        bench.lifetimes(own),
        (90_000, 80_000),
        "what is known is still refreshed"
    );
}

/// The same with room for fewer addresses than prefixes.
#[test]
fn addresses_have_a_limit_of_their_own() {
    let mut config = config();
    config.max_addresses = 5;
    config.max_prefixes = 100;
    config.temporary = Some(TemporaryConfig::default());
    let mut bench = Bench::up(config);
    for n in 0..50u16 {
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 1, n, 0, 0, 0, 0);
        let _ = bench.advertise(&prefix.to_string(), 86_400, 3600);
    }
    bench.run_for(secs(5));
    assert_eq!(bench.table.iter().count(), 5);
    assert!(bench.table.stats().address_limit >= 48);
    let manual = ManualAddress::new(ip("2001:db8::1"), 64);
    assert!(bench.table.add(bench.now, &manual).is_err());
    // A restart still finds room for the link-local address.
    bench.table.start(bench.now);
    bench.run_for(secs(3));
    assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
}

/// A forged advertisement with lifetimes of zero shortens the validity to two hours and no further,
/// however often it is sent (RFC 4862 §5.5.3).
#[test]
fn forged_zero_lifetimes_leave_two_hours() {
    let mut bench = Bench::up(config());
    let own = "2001:db8:1::5eff:fe10:1";
    bench.advertise("2001:db8:1::", 604_800, 302_400).unwrap();
    bench.run_for(secs(2));
    for _ in 0..100 {
        bench.advertise("2001:db8:1::", 0, 0).unwrap();
    }
    assert_eq!(bench.lifetimes(own).0, 7_200);
    assert_eq!(bench.state(own), Some(AddressState::Deprecated));
    assert_eq!(bench.table.stats().two_hour_rule, 100);
    // The next honest one puts it right.
    bench.advertise("2001:db8:1::", 604_800, 302_400).unwrap();
    assert_eq!(bench.lifetimes(own), (604_800, 302_400));
    assert_eq!(bench.state(own), Some(AddressState::Preferred));
}

/// Someone who repeats our solicitations can keep an address tentative, at one solicitation each
/// RetransTimer, and the counter tells; he cannot make us send more.
#[test]
fn reflected_nonces_cost_one_solicitation_a_second() {
    let mut bench = Bench::up(config());
    bench.advertise("2001:db8:1::", 604_800, 302_400).unwrap();
    let own = "2001:db8:1::5eff:fe10:1";
    for _ in 0..100 {
        for (_, probe) in bench.sent.clone() {
            for _ in 0..10 {
                bench.solicit(own, "::", probe.nonce.as_ref().map(|it| &it[..]));
            }
            if bench.table.get(ip(own)).is_none() {
                break;
            }
        }
        bench.sent.drain(..bench.sent.len().saturating_sub(1));
        bench.run_for(secs(1));
    }
    assert!(bench.table.stats().dad_solicitations <= 102);
    assert!(bench.table.stats().looped >= 900);
    bench.run_for(secs(8));
    assert_eq!(bench.state(own), Some(AddressState::Preferred));
}

/// Advertisements for assigned addresses change nothing; the events are bounded.
#[test]
fn conflicts_are_told_and_events_bounded() {
    let mut bench = Bench::up(config());
    for _ in 0..10_000 {
        bench.table.handle_advertisement(bench.now, ip(LINK_LOCAL));
    }
    assert_eq!(bench.table.stats().conflicts, 10_000);
    let mut kept = 0;
    while bench.table.poll_event().is_some() {
        kept += 1;
    }
    assert_eq!(kept, 128);
    assert_eq!(bench.table.stats().events_lost, 10_000 - 128);
    assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
}

/// Prefixes that are refused leave no trace but their counter.
#[test]
fn what_is_refused_changes_nothing() {
    let mut bench = Bench::up(config());
    bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
    bench.run_for(secs(2));
    let before = format!("{:?}", bench.table);
    let mut bad = advertised("2001:db8:1::", 100, 50);
    bad.autonomous = false;
    assert!(bench.table.handle_prefix(bench.now, &bad).is_err());
    assert!(bench.advertise("2001:db8:1::", 50, 100).is_err());
    assert!(bench.advertise("fe80::", 100, 50).is_err());
    assert!(bench.advertise("2001:db8:2::", 0, 0).is_err());
    assert_eq!(format!("{:?}", bench.table), before);
}
