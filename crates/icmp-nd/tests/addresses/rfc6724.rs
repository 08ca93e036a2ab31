//! RFC 6724: default address selection. The examples are those of §10.

use crate::support::{Bench, LINK_LOCAL, advertised, config, ip, secs};
use core::net::Ipv6Addr;
use icmp_nd::address::{
    DestinationCandidate, Policy, PolicyTable, Scope, SourceCandidate, SourcePreferences,
    common_prefix_length, order_destinations, select_source,
};

/// An address, or an IPv4 one as a mapped address.
fn addr(text: &str) -> Ipv6Addr {
    match text.parse::<core::net::Ipv4Addr>() {
        Ok(v4) => v4.to_ipv6_mapped(),
        Err(_) => ip(text),
    }
}

fn candidate(text: &str) -> SourceCandidate {
    let (name, kind) = text.split_once(' ').unwrap_or((text, ""));
    let address = addr(name);
    let prefix_length = if address.to_ipv4_mapped().is_some() {
        120
    } else {
        64
    };
    SourceCandidate {
        deprecated: kind.contains("deprecated"),
        home: kind.contains("home"),
        care_of: kind.contains("care-of"),
        temporary: kind.contains("temporary"),
        ..SourceCandidate::new(address, prefix_length)
    }
}

fn source(destination: &str, candidates: &[&str]) -> Option<Ipv6Addr> {
    source_with(destination, candidates, SourcePreferences::default())
}

fn source_with(
    destination: &str,
    candidates: &[&str],
    preferences: SourcePreferences,
) -> Option<Ipv6Addr> {
    let policy = PolicyTable::default();
    let candidates = candidates.iter().map(|it| candidate(it));
    select_source(candidates, addr(destination), &policy, preferences).map(|it| it.address)
}

/// Checks a source in both orders of the candidates, so that none wins by its place.
fn assert_source(destination: &str, candidates: [&str; 2], expected: &str) {
    let [a, b] = candidates;
    let expected = Some(addr(expected));
    assert_eq!(source(destination, &[a, b]), expected, "{destination}");
    assert_eq!(source(destination, &[b, a]), expected, "{destination}");
}

/// Destinations with the source of each, in the given policy; the second form of each test turns the
/// input round.
fn order(policy: &PolicyTable, rows: &[(&str, &str)]) -> Vec<Ipv6Addr> {
    let make = |&(destination, from): &(&str, &str)| {
        let from = (!from.is_empty()).then(|| candidate(from));
        DestinationCandidate::new(addr(destination), from)
    };
    let mut forward: Vec<_> = rows.iter().map(make).collect();
    let mut backward: Vec<_> = rows.iter().rev().map(make).collect();
    order_destinations(&mut forward, policy);
    order_destinations(&mut backward, policy);
    let addresses = |it: &[DestinationCandidate]| it.iter().map(|it| it.address).collect();
    let (forward, backward): (Vec<_>, Vec<_>) = (addresses(&forward), addresses(&backward));
    assert_eq!(forward, backward);
    forward
}

fn assert_order(rows: &[(&str, &str)]) {
    assert_order_with(&PolicyTable::default(), rows);
}

/// The rows are in the expected order.
fn assert_order_with(policy: &PolicyTable, rows: &[(&str, &str)]) {
    let expected: Vec<Ipv6Addr> = rows.iter().map(|row| addr(row.0)).collect();
    assert_eq!(order(policy, rows), expected);
}

mod section_2_1 {
    use super::*;

    // RFC 6724 §2.1 SHOULD (default): this table is used unless another is configured.
    // RFC 6724 §2.1 MUST (longest): the entry with the longest matching prefix is the address's.
    #[test]
    fn the_default_table() {
        let table = PolicyTable::default();
        let rows = [
            ("::1", 50, 0),
            ("2001:4860::1", 40, 1),
            ("192.0.2.1", 35, 4),
            ("2002:c000:201::1", 30, 2),
            ("2001:0:1::1", 5, 5),
            ("fd00::1", 3, 13),
            ("::192.0.2.1", 1, 3),
            ("fec0::1", 1, 11),
            ("3ffe::1", 1, 12),
        ];
        for (address, precedence, label) in rows {
            let found = table.find(addr(address)).unwrap();
            assert_eq!(
                (found.precedence, found.label),
                (precedence, label),
                "{address}"
            );
        }
        assert_eq!(table.rows().len(), 9);
        let empty = PolicyTable::new([]);
        assert_eq!(
            (empty.precedence(ip("::1")), empty.label(ip("::1"))),
            (0, None)
        );
    }
}

mod section_2_2 {
    use super::*;

    #[test]
    fn common_prefixes() {
        assert_eq!(
            common_prefix_length(ip("2001:db8::"), ip("2001:db8::")),
            128
        );
        assert_eq!(common_prefix_length(ip("8000::"), ip("::")), 0);
        assert_eq!(
            common_prefix_length(ip("2001:db8::1"), ip("2001:db8::2")),
            126
        );
    }
}

mod section_3 {
    use super::*;

    // RFC 6724 §3.1 MUST (multicast-scope): that of a multicast address is in its scop field.
    // RFC 6724 §3.2 MUST (ipv4-scope): IPv4 auto-configuration and loopback are link-local, the rest global.
    #[test]
    fn scopes() {
        for (address, scope) in [
            ("ff01::1", Scope::INTERFACE_LOCAL),
            ("ff02::1", Scope::LINK_LOCAL),
            ("ff05::1", Scope::SITE_LOCAL),
            ("ff0e::1", Scope::GLOBAL),
            ("fe80::1", Scope::LINK_LOCAL),
            ("febf::1", Scope::LINK_LOCAL),
            ("fec0::1", Scope::SITE_LOCAL),
            ("fd00::1", Scope::GLOBAL),
            ("::1", Scope::LINK_LOCAL),
            ("2001:db8::1", Scope::GLOBAL),
            ("127.0.0.1", Scope::LINK_LOCAL),
            ("169.254.3.4", Scope::LINK_LOCAL),
            ("10.0.0.1", Scope::GLOBAL),
            ("198.51.100.1", Scope::GLOBAL),
        ] {
            assert_eq!(Scope::of(addr(address)), scope, "{address}");
        }
    }
}

mod section_4 {
    use super::*;

    // RFC 6724 §4 MUST (candidates): multicast and unspecified addresses are no candidates.
    #[test]
    fn no_candidate_no_source() {
        assert_eq!(source("2001:db8::1", &["ff02::1", "::"]), None);
        assert_eq!(source("192.0.2.1", &["2001:db8::1"]), None);
        assert_eq!(source("2001:db8::1", &[]), None);
    }
}

mod section_5 {
    use super::*;

    // RFC 6724 §5 MUST (rules): the eight rules in order decide; the first that tells ends it.
    #[test]
    fn rules_that_the_examples_leave_out() {
        let policy = PolicyTable::default();
        let choose = |a: SourceCandidate, b: SourceCandidate, destination: &str| {
            let preferences = SourcePreferences::default();
            let destination = addr(destination);
            let one = select_source([a, b], destination, &policy, preferences);
            assert_eq!(
                one,
                select_source([b, a], destination, &policy, preferences)
            );
            one.unwrap().address
        };
        // Rule 3.
        let old = candidate("2001:db8:1::2 deprecated");
        let new = candidate("2001:db8:2::2");
        assert_eq!(choose(old, new, "2001:db8:1::1"), new.address);
        // Rule 5: the outgoing interface, before the longest prefix.
        let mut other = candidate("2001:db8:1::2");
        other.outgoing_interface = false;
        assert_eq!(choose(other, new, "2001:db8:1::1"), new.address);
        // Rule 5.5: what the next hop advertised, before the longest prefix.
        let near = candidate("2001:db8:1::2");
        let mut advertised = candidate("2001:db8:2::2");
        advertised.advertised_by_next_hop = true;
        assert_eq!(
            choose(near, advertised, "2001:db8:1::1"),
            advertised.address
        );
        // Rule 8 counts no bits behind the prefix of the source.
        let mut short = candidate("2001:db8:1:1::2");
        short.prefix_length = 32;
        let long = candidate("2001:db8:1:8000::2");
        assert_eq!(choose(short, long, "2001:db8:1:1::1"), long.address);
    }

    #[test]
    fn the_caller_may_prefer_public_and_care_of_addresses() {
        let preferences = SourcePreferences {
            temporary: false,
            home: false,
        };
        let temporary = ["2001:db8:1::2 temporary", "2001:db8:1::3"];
        assert_eq!(
            source_with("2001:db8:1::1", &temporary, preferences),
            Some(addr("2001:db8:1::3"))
        );
        let mobile = ["2001:db8:1::2 home", "2001:db8:3::2 care-of"];
        assert_eq!(
            source_with("2001:db8:1::1", &mobile, preferences),
            Some(addr("2001:db8:3::2"))
        );
    }
}

mod section_10_1 {
    use super::*;

    #[test]
    fn default_source_address_selection() {
        // Prefer appropriate scope.
        assert_source(
            "2001:db8:1::1",
            ["2001:db8:3::1", "fe80::1"],
            "2001:db8:3::1",
        );
        assert_source("ff05::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1");
        // Prefer the same address.
        assert_source(
            "2001:db8:1::1",
            ["2001:db8:1::1 deprecated", "2001:db8:2::1"],
            "2001:db8:1::1",
        );
        // Prefer appropriate scope, over not deprecated.
        assert_source(
            "fe80::1",
            ["fe80::2 deprecated", "2001:db8:1::1"],
            "fe80::2",
        );
        // Longest matching prefix.
        assert_source(
            "2001:db8:1::1",
            ["2001:db8:1::2", "2001:db8:3::2"],
            "2001:db8:1::2",
        );
        // Prefer home address.
        assert_source(
            "2001:db8:1::1",
            ["2001:db8:1::2 care-of", "2001:db8:3::2 home"],
            "2001:db8:3::2",
        );
        // Prefer matching label.
        assert_source(
            "2002:c633:6401::1",
            [
                "2002:c633:6401::d5e3:7953:13eb:22e8 temporary",
                "2001:db8:1::2",
            ],
            "2002:c633:6401::d5e3:7953:13eb:22e8",
        );
        // Prefer temporary address.
        assert_source(
            "2001:db8:1::d5e3:0:0:1",
            ["2001:db8:1::2", "2001:db8:1::d5e3:7953:13eb:22e8 temporary"],
            "2001:db8:1::d5e3:7953:13eb:22e8",
        );
    }
}

mod section_10_2 {
    use super::*;

    // RFC 6724 §6 MUST (rules): the ten rules in order; rule 10 is that the sort is stable.
    #[test]
    fn default_destination_address_selection() {
        // Prefer matching scope.
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:1::2"),
            ("198.51.100.121", "169.254.13.78"),
        ]);
        assert_order(&[
            ("198.51.100.121", "198.51.100.117"),
            ("2001:db8:1::1", "fe80::1"),
        ]);
        // Prefer higher precedence.
        assert_order(&[("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")]);
        // Prefer smaller scope.
        assert_order(&[("fe80::1", "fe80::2"), ("2001:db8:1::1", "2001:db8:1::2")]);
        // Prefer home address.
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:3::1 home care-of"),
            ("fe80::1", "fe80::2 care-of"),
        ]);
        // Avoid deprecated addresses.
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:1::2"),
            ("fe80::1", "fe80::2 deprecated"),
        ]);
        // Longest matching prefix.
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:1::2"),
            ("2001:db8:3ffe::1", "2001:db8:3f44::2"),
        ]);
        // Prefer matching label.
        assert_order(&[
            ("2002:c633:6401::1", "2002:c633:6401::2"),
            ("2001:db8:1::1", "2002:c633:6401::2"),
        ]);
        // Prefer higher precedence.
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:1::2"),
            ("2002:c633:6401::1", "2002:c633:6401::2"),
        ]);
    }

    #[test]
    fn unusable_ones_come_last_and_equals_stay() {
        assert_order(&[("2001:db8:1::1", "2001:db8:1::2"), ("2001:db8:1::3", "")]);
        let from = Some(candidate("2001:db8:1::2"));
        let mut rows = [
            DestinationCandidate::new(ip("2001:db8:9::1"), from),
            DestinationCandidate::new(ip("2001:db8:9::2"), from),
            DestinationCandidate::new(ip("2001:db8:9::3"), from),
        ];
        rows[0].unreachable = true;
        rows[1].encapsulated = true;
        order_destinations(&mut rows, &PolicyTable::default());
        let last: Vec<u16> = rows.iter().map(|it| it.address.segments()[7]).collect();
        assert_eq!(last, [3, 2, 1]);
        let mut equal = [8, 7, 9].map(|n| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, n);
            let mut from = candidate("2001:db8:1::2");
            from.prefix_length = 32;
            DestinationCandidate::new(address, Some(from))
        });
        let before = equal;
        order_destinations(&mut equal, &PolicyTable::default());
        assert_eq!(equal, before);
    }
}

mod section_10_3 {
    use super::*;

    fn changed(rows: &[(&str, u8, u8)]) -> PolicyTable {
        PolicyTable::new(rows.iter().map(|&(prefix, precedence, label)| Policy {
            prefix: prefix.parse().unwrap(),
            precedence,
            label,
        }))
    }

    /// §10.3: IPv4 is preferred when its precedence is raised.
    #[test]
    fn ipv4_can_be_preferred() {
        let policy = changed(&[
            ("::1/128", 50, 0),
            ("::/0", 40, 1),
            ("::ffff:0:0/96", 100, 4),
            ("2002::/16", 30, 2),
            ("2001::/32", 5, 5),
            ("fc00::/7", 3, 13),
            ("::/96", 1, 3),
            ("fec0::/10", 1, 11),
            ("3ffe::/16", 1, 12),
        ]);
        assert_order_with(
            &policy,
            &[
                ("198.51.100.121", "198.51.100.117"),
                ("2001:db8:1::1", "2001:db8:1::2"),
            ],
        );
        // A source of too small a scope still counts first.
        assert_order_with(
            &policy,
            &[
                ("2001:db8:1::1", "2001:db8:1::2"),
                ("198.51.100.121", "169.254.13.78"),
            ],
        );
        assert_order(&[
            ("2001:db8:1::1", "2001:db8:1::2"),
            ("198.51.100.121", "198.51.100.117"),
        ]);
    }

    /// §10.5: two sites that are connected by a link of their own.
    #[test]
    fn a_multihomed_site() {
        let policy = changed(&[
            ("::1/128", 50, 0),
            ("2001:db8:1aaa::/48", 43, 6),
            ("2001:db8:1bbb::/48", 42, 7),
            ("2001:db8:1ccc::/48", 41, 8),
            ("::/0", 40, 1),
            ("::ffff:0:0/96", 35, 4),
            ("2002::/16", 30, 2),
        ]);
        let sources = ["2001:db8:1aaa::a", "2001:db8:70aa::a", "fe80::a"].map(candidate);
        let none = SourcePreferences::default();
        let choose = |destination: &str| {
            let chosen = select_source(sources, addr(destination), &PolicyTable::default(), none);
            chosen.unwrap().address
        };
        assert_eq!(choose("2001:db8:1bbb::b"), addr("2001:db8:1aaa::a"));
        assert_eq!(policy.label(addr("2001:db8:1aaa::a")), Some(6));
        assert_order_with(
            &policy,
            &[
                ("2001:db8:1aaa::a", "2001:db8:1aaa::a"),
                ("2001:db8:1bbb::b", "2001:db8:1bbb::2"),
                ("2001:db8:70bb::b", "2001:db8:70aa::a"),
            ],
        );
    }
}

mod in_a_table {
    use super::*;
    use icmp_nd::address::TemporaryConfig;

    #[test]
    fn rule_5_5_with_two_routers() {
        let mut bench = Bench::up(config());
        for (prefix, router) in [("2001:db8:1::", "fe80::a"), ("2001:db8:2::", "fe80::b")] {
            let mut advertised = advertised(prefix, 7200, 3600);
            advertised.router = ip(router);
            bench.table.handle_prefix(bench.now, &advertised).unwrap();
        }
        bench.run_for(secs(2));
        let first = ip("2001:db8:1::5eff:fe10:1");
        let second = ip("2001:db8:2::5eff:fe10:1");
        let far = ip("2001:db8:2:5::1");
        assert_eq!(
            bench.table.select_source(far, Some(ip("fe80::a"))),
            Some(first)
        );
        assert_eq!(
            bench.table.select_source(far, Some(ip("fe80::b"))),
            Some(second)
        );
        assert_eq!(bench.table.select_source(far, None), Some(second));
        assert_eq!(
            bench.table.select_source(ip("ff02::2"), None),
            Some(ip(LINK_LOCAL))
        );
        assert_eq!(
            bench.table.select_source(ip("fe80::99"), None),
            Some(ip(LINK_LOCAL))
        );
    }

    #[test]
    fn temporary_addresses_first_unless_the_caller_says_otherwise() {
        for prefer in [true, false] {
            let mut config = config();
            config.temporary = Some(TemporaryConfig::default());
            config.preferences.temporary = prefer;
            let mut bench = Bench::up(config);
            bench.advertise("2001:db8:1::", 604_800, 302_400).unwrap();
            bench.run_for(secs(2));
            let stable = ip("2001:db8:1::5eff:fe10:1");
            let source = bench
                .table
                .select_source(ip("2001:db8:9::1"), None)
                .unwrap();
            assert_eq!(source != stable, prefer);
        }
    }
}
