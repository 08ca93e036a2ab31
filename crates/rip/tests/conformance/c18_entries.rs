//! Checks 18 to 35: what becomes of each entry.

use crate::lab::{Lab, OTHER, PEER, RIGHT, raw, response, route};
use rip::engine::Stats;
use rip::rib::Source;
use rip::wire::RipEntryRepr;

/// An entry is left out and counted, and those around it are learned.
fn left_out(entry: RipEntryRepr, counter: fn(&Stats) -> u64) -> Lab<rip::Ipv4> {
    let mut lab = Lab::v4();
    let routes = lab.engine.rib().len();
    let octets = response(&[route("10.1.0.0/16", 1), entry, route("10.2.0.0/16", 1)]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(counter(&lab.stats()), 1, "{entry:?}");
    assert_eq!(lab.metric("10.1.0.0/16"), Some(2));
    assert_eq!(lab.metric("10.2.0.0/16"), Some(2));
    assert_eq!(lab.engine.rib().len(), routes + 2, "{entry:?}");
    let neighbor = lab.engine.neighbors().next().unwrap();
    assert_eq!(neighbor.stats.bad_routes, 1);
    lab
}

#[test]
fn check_018_another_address_family_is_skipped() {
    for address_family in [0, 1, 10, 0xfffe] {
        let entry = RipEntryRepr {
            address_family,
            ..route("10.0.0.0/8", 1)
        };
        left_out(entry, |stats| stats.entry_family);
    }
}

#[test]
fn check_019_metric_0_is_ignored() {
    left_out(raw("10.0.0.0", "255.0.0.0", 0), |stats| stats.entry_metric);
}

#[test]
fn check_020_metrics_above_16_are_ignored() {
    for metric in [17, 255, 0x0100_0001, u32::MAX] {
        left_out(raw("10.0.0.0", "255.0.0.0", metric), |stats| {
            stats.entry_metric
        });
    }
}

#[test]
fn check_021_infinity_for_an_unknown_network_adds_nothing() {
    let mut lab = Lab::v4();
    let before = lab.engine.rib().len();
    assert_eq!(lab.hear(&response(&[route("10.0.0.0/8", 16)])), Ok(()));
    assert_eq!(lab.engine.rib().len(), before);
    assert_eq!(lab.route("10.0.0.0/8"), None);
}

#[test]
fn check_022_the_cost_is_added_and_16_is_the_end() {
    let mut lab = Lab::v4_with(|_, link| link.cost = 3);
    let octets = response(&[
        route("10.0.0.0/8", 12),
        route("11.0.0.0/8", 13),
        route("12.0.0.0/8", 15),
    ]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric("10.0.0.0/8"), Some(15));
    assert_eq!(lab.metric("11.0.0.0/8"), None);
    assert_eq!(lab.metric("12.0.0.0/8"), None);
}

#[test]
fn check_023_networks_0_and_127_and_classes_d_and_e_are_ignored() {
    let martians = [
        ("0.0.0.1", "255.255.255.255"),
        ("0.1.0.0", "255.255.0.0"),
        ("127.0.0.0", "255.0.0.0"),
        ("127.0.0.1", "255.255.255.255"),
        ("224.0.0.0", "240.0.0.0"),
        ("239.1.1.1", "255.255.255.255"),
        ("240.0.0.0", "240.0.0.0"),
        ("241.0.0.0", "255.0.0.0"),
        // Once its bits behind the mask are cleared.
        ("35.51.1.0", "128.0.0.0"),
    ];
    for (address, mask) in martians {
        left_out(raw(address, mask, 1), |stats| stats.entry_martian);
    }
}

#[test]
fn check_024_broadcast_addresses_are_ignored() {
    let host = "255.255.255.255";
    left_out(raw(host, host, 1), |stats| stats.entry_martian);
    // That of the link as well: nobody can route to it.
    left_out(raw("192.0.2.255", host, 1), |stats| stats.entry_martian);
}

#[test]
fn check_025_bits_behind_the_mask_are_cleared_and_counted() {
    // Decision: as RFC 2453 §4.3 applies the mask. FRR ignores such entries, BIRD does as we do.
    let mut lab = Lab::v4();
    assert_eq!(
        lab.hear(&response(&[raw("10.1.2.3", "255.255.0.0", 1)])),
        Ok(())
    );
    assert_eq!(lab.metric("10.1.0.0/16"), Some(2));
    assert_eq!(lab.stats().host_bits, 1);
}

#[test]
fn check_026_masks_with_holes_are_ignored() {
    left_out(raw("100.64.0.25", "255.255.0.255", 1), |stats| {
        stats.entry_mask
    });
    left_out(raw("100.64.0.0", "0.255.0.0", 1), |stats| stats.entry_mask);
}

#[test]
fn check_027_mask_0_means_that_the_class_decides() {
    let mut lab = Lab::v4();
    let octets = response(&[
        raw("10.0.0.0", "0.0.0.0", 1),
        raw("172.16.0.0", "0.0.0.0", 1),
        raw("10.1.2.3", "0.0.0.0", 1),
    ]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric("10.0.0.0/8"), Some(2));
    assert_eq!(lab.metric("172.16.0.0/16"), Some(2));
    assert_eq!(lab.metric("10.1.2.3/32"), Some(2));
}

#[test]
fn check_028_the_default_route_whatever_its_mask() {
    for mask in ["0.0.0.0", "255.255.255.0"] {
        let mut lab = Lab::v4();
        assert_eq!(lab.hear(&response(&[raw("0.0.0.0", mask, 1)])), Ok(()));
        assert_eq!(lab.metric("0.0.0.0/0"), Some(2));
        let found = lab.engine.rib().lookup([8, 8, 8, 8].into()).unwrap();
        assert_eq!(found.next_hops.first().address, PEER);
    }
}

#[test]
fn check_029_a_bad_entry_does_not_spoil_the_next() {
    let mut lab = Lab::v4();
    let bad = raw("127.0.0.0", "255.0.0.0", 0);
    let mut entries = vec![bad; 24];
    entries.push(route("10.0.0.0/8", 1));
    assert_eq!(lab.hear(&response(&entries)), Ok(()));
    assert_eq!(lab.metric("10.0.0.0/8"), Some(2));
    let interface = lab.engine.interface_stats(crate::lab::LEFT).unwrap();
    assert_eq!(interface.bad_routes, 24);
}

#[test]
fn check_030_a_connected_network_stays_connected() {
    let mut lab = Lab::v4();
    let octets = response(&[route("192.0.2.0/24", 1), route("198.51.100.0/24", 1)]);
    assert_eq!(lab.hear(&octets), Ok(()));
    for prefix in ["192.0.2.0/24", "198.51.100.0/24"] {
        let best = lab.route(prefix).unwrap();
        assert_eq!(
            (best.source, best.metric),
            (Source::Connected, 1),
            "{prefix}"
        );
    }
    // Nor does it go when the neighbor says that it cannot reach it.
    assert_eq!(lab.hear(&response(&[route("198.51.100.0/24", 16)])), Ok(()));
    assert_eq!(lab.metric("198.51.100.0/24"), Some(1));
}

#[test]
fn check_031_a_next_hop_on_the_link_is_used() {
    let mut lab = Lab::v4();
    let entry = route("10.0.0.0/8", 1).with_next_hop(OTHER);
    assert_eq!(lab.hear(&response(&[entry])), Ok(()));
    assert_eq!(lab.next_hop("10.0.0.0/8"), Some(OTHER));
}

#[test]
fn check_032_a_next_hop_off_the_link_is_the_sender() {
    let mut lab = Lab::v4();
    for (i, off) in ["203.0.113.9", "198.51.100.9"].iter().enumerate() {
        let prefix = format!("10.{i}.0.0/16");
        let entry = route(&prefix, 1).with_next_hop(off.parse().unwrap());
        assert_eq!(lab.hear(&response(&[entry])), Ok(()));
        assert_eq!(lab.next_hop(&prefix), Some(PEER));
    }
    assert_eq!(lab.stats().next_hop_off_link, 2);
}

#[test]
fn check_033_a_next_hop_that_is_this_router_is_ignored() {
    // Decision: the entry is ignored; a route back here would be a loop of two routers.
    let entry = route("10.0.0.0/8", 1).with_next_hop([192, 0, 2, 1].into());
    left_out(entry, |stats| stats.entry_next_hop_self);
}

#[test]
fn check_034_a_next_hop_that_no_router_has_is_ignored() {
    // Decision: the entry is ignored, and not taken to lead through the sender.
    for hop in [
        "224.0.0.9",
        "127.0.0.1",
        "255.255.255.255",
        "192.0.2.255",
        "0.0.0.1",
    ] {
        let entry = route("10.0.0.0/8", 1).with_next_hop(hop.parse().unwrap());
        left_out(entry, |stats| stats.entry_next_hop);
    }
}

#[test]
fn check_035_the_tag_is_kept_and_announced() {
    let mut lab = Lab::v4();
    let entry = route("10.0.0.0/8", 1).with_tag(0xbeef);
    assert_eq!(lab.hear(&response(&[entry])), Ok(()));
    assert_eq!(lab.route("10.0.0.0/8").unwrap().tag, 0xbeef);
    let tags = |sent: Vec<crate::lab::Sent<rip::Ipv4>>| -> Vec<_> {
        let right = sent.iter().filter(|sent| sent.to.interface == RIGHT);
        right
            .flat_map(|sent| {
                let entries = sent.message().entries();
                let of = entries.filter(|entry| entry.address().octets()[0] == 10);
                of.map(|entry| (entry.route_tag(), entry.metric()))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(tags(lab.seconds(6)), [(0xbeef, 2)]);
    // Also when the metric alone changes, and when the tag alone does.
    assert_eq!(lab.hear(&response(&[entry.with_metric(4)])), Ok(()));
    assert_eq!(tags(lab.seconds(6)), [(0xbeef, 5)]);
    assert_eq!(
        lab.hear(&response(&[entry.with_metric(4).with_tag(7)])),
        Ok(())
    );
    assert_eq!(tags(lab.seconds(6)), [(7, 5)]);
}
