//! Checks 70 to 80: RIPng.

use crate::lab::{LEFT, Lab, OTHER6, PEER6, RIGHT, entries6, message6, raw6, response6, route6};
use core::net::Ipv6Addr;
use core::time::Duration;
use rip::Ipv6;
use rip::engine::{Received, Stats};
use rip::wire::{Command, RipngEntryRepr};

const NET: &str = "2001:db8:a::/48";

fn good() -> Vec<u8> {
    response6(&[route6(NET, 1)])
}

/// An entry is left out and counted, and those around it are learned.
fn left_out(entry: RipngEntryRepr, counter: fn(&Stats) -> u64) {
    let mut lab = Lab::v6();
    let before = lab.engine.rib().len();
    let octets = response6(&[route6("2001:db8:b::/48", 1), entry, route6(NET, 1)]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(counter(&lab.stats()), 1, "{entry:?}");
    assert_eq!(lab.engine.rib().len(), before + 2, "{entry:?}");
}

#[test]
fn check_070_the_source_is_link_local_and_not_the_router() {
    let mut lab = Lab::v6();
    let octets = good();
    for source in ["2001:db8:1::2", "::1", "::", "ff02::9"] {
        let source = source.parse().unwrap();
        let received = Received {
            source,
            ..Lab::<Ipv6>::datagram(&octets)
        };
        lab.refuses(&received, |stats| stats.source_off_link);
    }
    let source = "fe80::1".parse().unwrap();
    let received = Received {
        source,
        ..Lab::<Ipv6>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.source_own);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!((lab.metric(NET), lab.next_hop(NET)), (Some(2), Some(PEER6)));
}

#[test]
fn check_071_the_source_port_is_521() {
    let mut lab = Lab::v6();
    let octets = good();
    for source_port in [520, 40_000] {
        let received = Received {
            source_port,
            ..Lab::<Ipv6>::datagram(&octets)
        };
        lab.refuses(&received, |stats| stats.source_port);
    }
}

#[test]
fn check_072_the_hop_limit_is_255() {
    let mut lab = Lab::v6();
    let octets = good();
    for hop_limit in [0, 1, 64, 254] {
        let hop_limit = Some(hop_limit);
        let received = Received {
            hop_limit,
            ..Lab::<Ipv6>::datagram(&octets)
        };
        lab.refuses(&received, |stats| stats.hop_limit);
    }
    let sent = lab.seconds(60);
    assert!(!sent.is_empty() && sent.iter().all(|sent| sent.to.hop_limit == 255));
}

#[test]
fn check_073_version_1_only() {
    let mut lab = Lab::v6();
    let mut octets = good();
    for version in [0, 2, 255] {
        octets[1] = version;
        lab.refuses(&Lab::<Ipv6>::datagram(&octets), |stats| stats.version);
    }
    for command in [0, 3, 9, 10, 11, 255] {
        let mut octets = good();
        octets[0] = command;
        lab.refuses(&Lab::<Ipv6>::datagram(&octets), |stats| stats.command);
    }
}

#[test]
fn check_074_prefixes_that_are_not_routed() {
    left_out(raw6("2001:db8:c::", 129, 1), |stats| stats.entry_mask);
    left_out(raw6("2001:db8:c::", 255, 1), |stats| stats.entry_mask);
    left_out(raw6("ff02::", 16, 1), |stats| stats.entry_martian);
    left_out(raw6("fe80::", 10, 1), |stats| stats.entry_martian);
    left_out(raw6("fe80::7", 128, 1), |stats| stats.entry_martian);
    left_out(raw6("::1", 128, 1), |stats| stats.entry_martian);
}

#[test]
fn check_075_metrics_0_and_above_16() {
    for metric in [0, 17, 254] {
        left_out(raw6("2001:db8:c::", 48, metric), |stats| stats.entry_metric);
    }
}

#[test]
fn check_076_next_hop_entries() {
    let mut lab = Lab::v6();
    let hop = |address: &str| RipngEntryRepr::next_hop(address.parse().unwrap());
    let nets: Vec<_> = (1..=5).map(|i| format!("2001:db8:a{i}::/48")).collect();
    let marked = RipngEntryRepr {
        route_tag: 9,
        prefix_length: 200,
        ..hop("fe80::3")
    };
    let octets = response6(&[
        route6(&nets[0], 1),
        marked,
        route6(&nets[1], 1),
        hop("::"),
        route6(&nets[2], 1),
        marked,
        hop("2001:db8:1::9"),
        route6(&nets[3], 1),
        hop("fe80::1"),
        route6(&nets[4], 1),
    ]);
    assert_eq!(lab.hear(&octets), Ok(()));
    let expected = [Some(PEER6), Some(OTHER6), Some(PEER6), Some(PEER6), None];
    for (net, expected) in nets.iter().zip(expected) {
        assert_eq!(lab.next_hop(net), expected, "{net}");
    }
    // One that is not link-local; and one that leads back here.
    assert_eq!(lab.stats().entry_next_hop, 1);
    assert_eq!(lab.stats().entry_next_hop_self, 1);
}

#[test]
fn check_077_bits_behind_the_length_are_cleared() {
    let mut lab = Lab::v6();
    assert_eq!(
        lab.hear(&response6(&[raw6("2001:db8:a:b::c", 48, 1)])),
        Ok(())
    );
    assert_eq!(lab.metric(NET), Some(2));
    assert_eq!(lab.stats().host_bits, 1);
}

#[test]
fn check_078_length_0_with_an_address_is_ignored() {
    // Decision: ignored, as FRR and BIRD do; it would be the default route by mistake.
    left_out(raw6("2001:db8::", 0, 1), |stats| stats.entry_mask);
    let mut lab = Lab::v6();
    assert_eq!(lab.hear(&response6(&[raw6("::", 0, 1)])), Ok(()));
    assert_eq!(lab.metric("::/0"), Some(2));
}

#[test]
fn check_079_as_many_entries_as_the_mtu_allows() {
    let entries: Vec<_> = (0..400)
        .map(|i| route6(&format!("2001:db8:f{i:03x}::/48"), 1))
        .collect();
    for (mtu, most) in [(1_280, 61), (1_500, 72), (9_000, 447)] {
        let mut lab = Lab::v6_with(|link| link.mtu = mtu);
        for part in entries.chunks(72) {
            assert_eq!(lab.hear(&response6(part)), Ok(()));
        }
        lab.seconds(6);
        let sent = lab.seconds(40);
        let right = sent.iter().filter(|sent| sent.to.interface == RIGHT);
        let counts: Vec<_> = right.map(|sent| entries6(&sent.payload).len()).collect();
        assert_eq!(counts.iter().max(), Some(&most.min(401)), "{counts:?}");
        assert!(sent.iter().all(|sent| 48 + sent.payload.len() <= mtu));
    }
    // What a fragmented datagram carries is read as well: more than the MTU of the link.
    let mut lab = Lab::v6();
    assert_eq!(lab.hear(&response6(&entries)), Ok(()));
    assert_eq!(lab.stats().entries, 400);
}

#[test]
fn check_080_one_entry_of_nothing_and_metric_16_asks_for_the_table() {
    let mut lab = Lab::v6();
    assert_eq!(lab.hear(&good()), Ok(()));
    lab.seconds(6);
    let answers = |lab: &mut Lab<Ipv6>, asked: &[RipngEntryRepr]| {
        let octets = message6(Command::REQUEST, asked);
        let source: Ipv6Addr = "fe80::9".parse().unwrap();
        let received = Received {
            interface: RIGHT,
            source,
            source_port: 40_000,
            ..Lab::<Ipv6>::datagram(&octets)
        };
        let taken = lab.input(&received);
        let mut sent = lab.run(Duration::from_millis(200));
        sent.retain(|sent| sent.to.destination == source);
        assert!(sent.iter().all(|sent| sent.to.destination_port == 40_000));
        assert_eq!(taken.is_ok(), !sent.is_empty());
        sent.iter()
            .flat_map(|sent| entries6(&sent.payload))
            .collect::<Vec<_>>()
    };
    let all = answers(&mut lab, &[RipngEntryRepr::WHOLE_TABLE]);
    assert!(all.contains(&route6(NET, 2)), "{all:?}");
    let one = answers(&mut lab, &[route6(NET, 16), route6("2001:db8:e::/48", 1)]);
    assert_eq!(one, [route6(NET, 2), route6("2001:db8:e::/48", 16)]);
    assert_eq!(answers(&mut lab, &[raw6("::", 0, 1)]), [raw6("::", 0, 16)]);
    assert!(answers(&mut lab, &[]).is_empty());
    let sent = lab.seconds(36);
    assert!(sent.iter().any(|sent| sent.to.interface == LEFT));
}
