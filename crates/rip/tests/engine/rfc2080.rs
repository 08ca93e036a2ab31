//! RFC 2080: RIPng, what concerns the router.

use rip::Ipv6;
use rip::config::*;
use rip::engine::*;
use rip::rib::*;
use rip::wire::*;

use crate::support::*;

fn link(addresses: &[&str]) -> InterfaceConfig<Ipv6> {
    InterfaceConfig::new(addresses.iter().map(|text| v6(text)).collect())
}

/// Two links, each with a link-local address and a global network.
fn two() -> Bench<Ipv6> {
    let mut bench = Bench::new(Config::default());
    bench
        .interface(ONE, link(&["fe80::1/64", "2001:db8:1::1/64"]))
        .interface(TWO, link(&["fe80::1/64", "2001:db8:2::1/64"]));
    bench.run(12);
    bench
}

fn told(sent: &[(packet_buffer::Instant, Sent<Ipv6>)], on: InterfaceId) -> Vec<String> {
    sent.iter()
        .filter(|(_, s)| s.to.interface == on && s.payload[0] == 2)
        .flat_map(|(_, s)| routes_ng(s))
        .collect()
}

mod section_2_4_input {
    use super::*;

    #[test]
    fn a_response_comes_from_a_link_local_address_port_521_and_hop_limit_255() {
        // RFC 2080 §2.4.2 MUST (source): link-local, and not one of the router's own addresses.
        // RFC 2080 §2.4.2 MUST (port): otherwise it is ignored.
        // RFC 2080 §2.4.2 MUST (hop-limit): 255, so that it has not crossed a router.
        let mut bench = two();
        let payload = response_ng(&[("2001:db8:9::/48", 1)]);
        for source in ["2001:db8:1::9", "fe80::1", "::", "ff02::9"] {
            let result = bench.receive(ONE, source, &payload);
            assert!(matches!(result, Err(Discard::Datagram(_))), "{source}");
        }
        let result = bench.receive_from(ONE, "fe80::2", 520, &payload);
        assert!(matches!(result, Err(Discard::Datagram(_))));
        let received = Received {
            interface: ONE,
            source: "fe80::2".parse().unwrap(),
            source_port: 521,
            destination: "ff02::9".parse().unwrap(),
            hop_limit: Some(254),
            payload: &payload,
        };
        let result = bench.engine.handle_input(bench.now, &received);
        assert!(matches!(result, Err(Discard::Datagram(_))));
        assert_eq!(bench.metric("2001:db8:9::/48"), None);
        assert_eq!(bench.engine.stats().hop_limit, 1);
        assert_eq!(bench.receive(ONE, "fe80::2", &payload), Ok(()));
        assert_eq!(bench.metric("2001:db8:9::/48"), Some(2));
        assert_eq!(bench.next_hop("2001:db8:9::/48"), "fe80::2".parse().ok());
    }

    #[test]
    fn next_hops_hold_for_the_routes_behind_them() {
        let mut bench = two();
        let route = |text: &str| RipngEntryRepr::route(text.parse().unwrap(), 1);
        let hop = |text: &str| RipngEntryRepr::next_hop(text.parse().unwrap());
        let entries = [
            route("2001:db8:a::/48"),
            hop("fe80::9"),
            route("2001:db8:b::/48"),
            hop("2001:db8::9"),
            route("2001:db8:c::/48"),
            hop("fe80::1"),
            route("2001:db8:d::/48"),
            hop("::"),
            route("2001:db8:e::/48"),
        ];
        bench
            .receive(ONE, "fe80::2", &message_ng(Command::RESPONSE, entries))
            .unwrap();
        let via = |text: &str| bench.next_hop(text).map(|hop| hop.to_string());
        assert_eq!(via("2001:db8:a::/48").as_deref(), Some("fe80::2"));
        assert_eq!(via("2001:db8:b::/48").as_deref(), Some("fe80::9"));
        assert_eq!(via("2001:db8:c::/48").as_deref(), Some("fe80::2"));
        assert_eq!(via("2001:db8:d::/48"), None, "the router itself");
        assert_eq!(via("2001:db8:e::/48").as_deref(), Some("fe80::2"));
        assert_eq!(bench.engine.stats().entry_next_hop_self, 1);
        assert_eq!(bench.engine.stats().entry_next_hop, 1);
    }

    #[test]
    fn prefixes_that_are_not_routed() {
        let mut bench = two();
        let heard = [
            ("ff02::/16", 1),
            ("fe80::/64", 1),
            ("::1/128", 1),
            ("2001:db8:a::/48", 16),
            ("2001:db8:b::/48", 1),
            ("::/0", 3),
        ];
        bench.receive(ONE, "fe80::2", &response_ng(&heard)).unwrap();
        let learned: Vec<String> = bench
            .engine
            .rib()
            .routes()
            .filter(|route| route.source == Source::Rip)
            .map(|route| route.prefix.to_string())
            .collect();
        assert_eq!(learned, ["::/0", "2001:db8:b::/48"]);
        assert_eq!(bench.engine.stats().entry_martian, 3);
        let lookup = bench.engine.rib().lookup("2001:db8:b::7".parse().unwrap());
        assert_eq!(lookup.unwrap().prefix.to_string(), "2001:db8:b::/48");
        let lookup = bench.engine.rib().lookup("2001:db8:c::7".parse().unwrap());
        assert_eq!(lookup.unwrap().prefix.to_string(), "::/0");
    }

    #[test]
    fn requests_are_answered_to_the_address_and_port_they_came_from() {
        // RFC 2080 §2.4.1 MUST (source-of-answer): a global address asks, a global one answers.
        let mut bench = two();
        bench
            .receive(ONE, "fe80::2", &response_ng(&[("2001:db8:9::/48", 1)]))
            .unwrap();
        bench.run(10);
        let whole = message_ng(Command::REQUEST, [RipngEntryRepr::WHOLE_TABLE]);
        for (source, from) in [("fe80::7", "fe80::1"), ("2001:db8:1::7", "2001:db8:1::1")] {
            bench.receive_from(ONE, source, 4_321, &whole).unwrap();
            let sent = bench.sent();
            assert_eq!(sent.len(), 1);
            assert_eq!(
                sent[0].to.destination,
                source.parse::<core::net::Ipv6Addr>().unwrap()
            );
            assert_eq!(
                sent[0].to.source,
                from.parse::<core::net::Ipv6Addr>().unwrap()
            );
            assert_eq!(sent[0].to.destination_port, 4_321);
            assert_eq!(routes_ng(&sent[0]), ["2001:db8:2::/64 1"]);
        }
        let specific = message_ng(
            Command::REQUEST,
            ["2001:db8:9::/48", "2001:db8:8::/48"]
                .map(|text| RipngEntryRepr::route(text.parse().unwrap(), 5)),
        );
        bench
            .receive_from(ONE, "fe80::7", 4_321, &specific)
            .unwrap();
        assert_eq!(
            routes_ng(&bench.sent()[0]),
            ["2001:db8:9::/48 2", "2001:db8:8::/48 16"]
        );
        let off_link = bench.receive_from(ONE, "2001:db8:2::7", 4_321, &whole);
        assert!(matches!(off_link, Err(Discard::Datagram(_))));
    }
}

mod section_2_5_output {
    use super::*;

    #[test]
    fn what_is_sent_goes_from_a_link_local_address_to_the_group() {
        // RFC 2080 §2.5.2 MUST (source): from a link-local address; hop limit 255.
        let mut bench = two();
        let sent = bench.run(40);
        assert!(sent.len() >= 2);
        for (_, s) in &sent {
            assert_eq!(s.to.source.to_string(), "fe80::1");
            assert_eq!(s.to.destination.to_string(), "ff02::9");
            assert_eq!((s.to.source_port, s.to.destination_port), (521, 521));
            assert_eq!(s.to.hop_limit, 255);
            assert_eq!(s.payload[1], 1);
        }
        assert_eq!(told(&sent, ONE)[0], "2001:db8:2::/64 1");
    }

    #[test]
    fn without_a_link_local_address_nothing_is_sent() {
        let mut bench = Bench::new(Config::default());
        bench.interface(ONE, link(&["2001:db8:1::1/64"]));
        assert!(bench.run(60).is_empty());
        bench
            .engine
            .set_addresses(bench.now, ONE, vec![v6("fe80::5/64")]);
        let sent = bench.run(6);
        assert_eq!(
            sent[0].1.payload,
            message_ng(Command::REQUEST, [RipngEntryRepr::WHOLE_TABLE])
        );
    }

    #[test]
    fn messages_fill_the_mtu() {
        let mut bench = two();
        let prefixes: Vec<String> = (0..300)
            .map(|i| format!("2001:db8:{:x}::/48", 0x100 + i))
            .collect();
        for chunk in prefixes.chunks(70) {
            let routes: Vec<(&str, u8)> = chunk.iter().map(|p| (p.as_str(), 1)).collect();
            bench
                .receive(ONE, "fe80::2", &response_ng(&routes))
                .unwrap();
        }
        let sent = bench.sent();
        let sizes: Vec<usize> = sent.iter().map(|s| s.payload.len()).collect();
        assert_eq!(sizes, [1_444, 1_444, 1_444, 1_444, 4 + 20 * 12]);
    }

    #[test]
    fn split_horizon_and_the_next_hop_without_it() {
        // RFC 2080 §2.6 MUST (split-horizon): not back to where it was learned.
        let mut bench = Bench::new(Config::default());
        let mut off = link(&["fe80::1/64"]);
        off.split_horizon = SplitHorizon::Off;
        let mut poison = link(&["fe80::1/64"]);
        poison.split_horizon = SplitHorizon::PoisonedReverse;
        bench.interface(ONE, off).interface(TWO, poison);
        bench.run(12);
        bench
            .receive(ONE, "fe80::2", &response_ng(&[("2001:db8:9::/48", 1)]))
            .unwrap();
        bench
            .receive(TWO, "fe80::3", &response_ng(&[("2001:db8:8::/48", 1)]))
            .unwrap();
        let sent = bench.run(6);
        assert_eq!(
            told(&sent, ONE),
            [
                "via fe80::2",
                "2001:db8:9::/48 2",
                "via ::",
                "2001:db8:8::/48 2"
            ]
        );
        assert_eq!(
            told(&sent, TWO),
            ["2001:db8:9::/48 2", "2001:db8:8::/48 16"]
        );
        // With nothing but link-local addresses, nothing is connected.
        assert_eq!(bench.engine.rib().len(), 2);
    }

    #[test]
    fn switches() {
        let mut bench = Bench::new(Config::default());
        let mut silent = link(&["fe80::1/64"]);
        silent.switches.send = false;
        let mut deaf = link(&["fe80::1/64"]);
        deaf.switches.receive = false;
        bench.interface(ONE, silent).interface(TWO, deaf);
        let payload = response_ng(&[("2001:db8:9::/48", 1)]);
        assert_eq!(bench.receive(ONE, "fe80::2", &payload), Ok(()));
        let result = bench.receive(TWO, "fe80::2", &payload);
        assert_eq!(result, Err(Discard::VersionNotReceived(1)));
        let whole = message_ng(Command::REQUEST, [RipngEntryRepr::WHOLE_TABLE]);
        assert_eq!(
            bench.receive(ONE, "fe80::2", &whole),
            Err(Discard::VersionNotSent(1))
        );
        assert!(bench.run(60).iter().all(|(_, s)| s.to.interface == TWO));
    }
}
