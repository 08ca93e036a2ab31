//! RFC 2453: what a router of RIP version 2 makes of messages, and whom it answers.

use packet_buffer::wire::Ipv4Prefix;
use rip::Ipv4;
use rip::config::*;
use rip::engine::*;
use rip::rib::*;
use rip::wire::*;

use crate::support::*;

fn config() -> Config<Ipv4> {
    Config::default()
}

mod section_3_9_1_requests {
    use super::*;

    fn whole_table(version: u8) -> Vec<u8> {
        message(Command::REQUEST, version, [RipEntryRepr::WHOLE_TABLE])
    }

    #[test]
    fn a_router_that_comes_up_asks_for_the_whole_table() {
        // RFC 2453 §3.9.1 MUST (ask): a request for the whole table goes out.
        let mut bench = Bench::new(config());
        bench.interface(ONE, InterfaceConfig::new(vec![v4("10.0.1.1/24")]));
        let sent = bench.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].payload, whole_table(2));
        assert_eq!(
            sent[0].to.destination,
            "224.0.0.9".parse::<core::net::Ipv4Addr>().unwrap()
        );
        assert_eq!(
            (sent[0].to.source_port, sent[0].to.destination_port),
            (520, 520)
        );
        assert_eq!(sent[0].to.hop_limit, 1);
    }

    #[test]
    fn the_whole_table_goes_to_the_port_that_asked() {
        // RFC 2453 §3.9.1 MUST (to-the-port): the answer goes to the requester's address and port.
        // RFC 2453 §3.9.1 MUST (whole-table): with split horizon, as in an update.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench
            .receive(TWO, "10.0.2.2", &response(&[("192.168.2.0/24", 3)]))
            .unwrap();
        bench.run(20);
        bench
            .receive_from(ONE, "10.0.1.77", 34_567, &whole_table(2))
            .unwrap();
        let sent = bench.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(
            sent[0].to.destination,
            "10.0.1.77".parse::<core::net::Ipv4Addr>().unwrap()
        );
        assert_eq!(
            (sent[0].to.source_port, sent[0].to.destination_port),
            (520, 34_567)
        );
        let mut told = routes(&sent[0]);
        told.sort();
        assert_eq!(told, ["10.0.2.0/24 1", "192.168.2.0/24 4"]);
        assert_eq!(bench.engine.stats().answered, 1);
    }

    #[test]
    fn single_routes_are_answered_as_they_are_in_the_table() {
        // RFC 2453 §3.9.1 MUST (specific): metrics are filled in, without split horizon.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench.run(10);
        let ask = |text: &str| RipEntryRepr::route(text.parse().unwrap(), 7).with_tag(9);
        let request = message(
            Command::REQUEST,
            2,
            [
                ask("192.168.1.0/24"),
                ask("172.16.0.0/16"),
                RipEntryRepr::WHOLE_TABLE,
            ],
        );
        bench
            .receive_from(ONE, "10.0.1.2", 4_000, &request)
            .unwrap();
        let sent = bench.sent();
        assert_eq!(sent[0].to.destination_port, 4_000);
        // The same entries in the same order, tags and all; one of no family is none of ours.
        let expected = message(
            Command::RESPONSE,
            2,
            [
                ask("192.168.1.0/24").with_metric(4),
                ask("172.16.0.0/16").with_metric(16),
                RipEntryRepr::WHOLE_TABLE.with_metric(16),
            ],
        );
        assert_eq!(sent[0].payload, expected);
    }

    #[test]
    fn no_entries_no_answer() {
        // RFC 2453 §3.9.1 MUST (empty): a request without entries has no answer.
        let mut bench = two_links(config());
        let request = message(Command::REQUEST, 2, []);
        assert_eq!(
            bench.receive(ONE, "10.0.1.2", &request),
            Err(Discard::EmptyRequest)
        );
        // Family 0 with another metric than 16 does not ask for the table.
        let request = message(
            Command::REQUEST,
            2,
            [RipEntryRepr::WHOLE_TABLE.with_metric(1)],
        );
        bench.receive(ONE, "10.0.1.2", &request).unwrap();
        let sent = bench.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(
            RipMessage::parse(&sent[0].payload).unwrap().entry_count(),
            1
        );
    }

    #[test]
    fn who_is_not_on_the_link_gets_no_answer() {
        let mut bench = two_links(config());
        let off_link = bench.receive(ONE, "10.0.2.9", &whole_table(2));
        assert!(matches!(off_link, Err(Discard::Datagram(_))));
        let own = bench.receive(ONE, "10.0.1.1", &whole_table(2));
        assert!(matches!(own, Err(Discard::Datagram(_))));
        assert!(bench.sent().is_empty());
        assert_eq!(bench.engine.stats().source_off_link, 1);
        assert_eq!(bench.engine.stats().source_own, 1);
    }

    #[test]
    fn a_policy_says_who_is_answered_and_how_often() {
        let mut bench = two_links_with(
            config(),
            |one| {
                one.requests.whole_table_to_any_port = false;
                one.requests.per_second = 2;
            },
            |two| two.passive = true,
        );
        let from = |bench: &mut Bench<Ipv4>, port| {
            bench.receive_from(ONE, "10.0.1.2", port, &whole_table(2))
        };
        assert_eq!(from(&mut bench, 9_999), Err(Discard::RequestRefused));
        assert_eq!(from(&mut bench, 520), Ok(()));
        assert_eq!(from(&mut bench, 520), Ok(()));
        assert_eq!(from(&mut bench, 520), Err(Discard::RequestLimit));
        assert_eq!(bench.sent().len(), 2);
        bench.run(1);
        assert_eq!(from(&mut bench, 520), Ok(()));
        // On a passive interface nobody but its neighbors.
        let passive = bench.receive(TWO, "10.0.2.2", &whole_table(2));
        assert_eq!(passive, Err(Discard::RequestRefused));
        let stats = bench.engine.stats();
        assert_eq!((stats.request_refused, stats.request_limit), (2, 1));
    }
}

mod section_3_9_2_responses {
    use super::*;

    const NET: &str = "192.168.1.0/24";

    fn heard(metric: u8) -> Vec<u8> {
        response(&[(NET, metric)])
    }

    #[test]
    fn the_same_router_is_believed_whatever_it_says() {
        // RFC 2453 §3.9.2 MUST (adopt): worse metrics of the same router too.
        let mut bench = two_links(config());
        for (metric, expected) in [(3, 4), (9, 10), (1, 2), (16, 16), (5, 6)] {
            bench.receive(ONE, "10.0.1.2", &heard(metric)).unwrap();
            assert_eq!(bench.metric(NET), Some(expected));
        }
    }

    #[test]
    fn another_router_has_to_be_better() {
        // RFC 2453 §3.9.2 MUST (adopt): of another router, only a lower metric.
        let mut bench = two_links(config());
        bench.receive(ONE, "10.0.1.2", &heard(5)).unwrap();
        bench.run(60);
        bench.receive(TWO, "10.0.2.2", &heard(5)).unwrap();
        bench.receive(ONE, "10.0.1.3", &heard(9)).unwrap();
        assert_eq!(bench.next_hop(NET), "10.0.1.2".parse().ok());
        // What did not take over did not refresh it either: 180 s after the first it is gone.
        bench.run(119);
        assert_eq!(bench.metric(NET), Some(6));
        bench.receive(TWO, "10.0.2.2", &heard(4)).unwrap();
        assert_eq!(bench.next_hop(NET), "10.0.2.2".parse().ok());
        assert_eq!(bench.metric(NET), Some(5));
        bench.run(170);
        assert_eq!(bench.metric(NET), Some(5));
    }

    #[test]
    fn only_the_owner_refreshes_the_route() {
        let mut off = config();
        off.switch_at_half_timeout = false;
        let mut bench = two_links(off);
        bench.receive(ONE, "10.0.1.2", &heard(5)).unwrap();
        for _ in 0..5 {
            bench.run(30);
            bench.receive(TWO, "10.0.2.2", &heard(5)).unwrap();
        }
        assert_eq!(bench.next_hop(NET), "10.0.1.2".parse().ok());
        bench.run(30);
        assert_eq!(bench.metric(NET), Some(16));
        bench.receive(TWO, "10.0.2.2", &heard(5)).unwrap();
        assert_eq!(bench.next_hop(NET), "10.0.2.2".parse().ok());
    }

    #[test]
    fn an_equal_route_takes_over_at_half_of_the_timeout() {
        // RFC 2453 §3.9.2 MAY (half-timeout): when the other shows signs of timing out.
        let mut bench = two_links(config());
        bench.receive(ONE, "10.0.1.2", &heard(5)).unwrap();
        bench.run(89);
        bench.receive(TWO, "10.0.2.2", &heard(5)).unwrap();
        assert_eq!(bench.next_hop(NET), "10.0.1.2".parse().ok());
        bench.run(1);
        bench.receive(TWO, "10.0.2.2", &heard(5)).unwrap();
        assert_eq!(bench.next_hop(NET), "10.0.2.2".parse().ok());
        assert_eq!(bench.metric(NET), Some(6));
    }

    #[test]
    fn only_the_port_of_the_protocol_answers() {
        // RFC 2453 §3.9.2 MUST (port): other responses are ignored.
        let mut bench = two_links(config());
        let result = bench.receive_from(ONE, "10.0.1.2", 521, &heard(1));
        assert_eq!(
            result,
            Err(Discard::Datagram(datagram::DatagramError::SourcePort(521)))
        );
        assert_eq!(bench.metric(NET), None);
        assert_eq!(bench.engine.neighbors().count(), 0);
        assert_eq!(bench.engine.stats().source_port, 1);
        assert_eq!(bench.engine.interface_stats(ONE).unwrap().bad_messages, 1);
    }

    #[test]
    fn the_source_is_a_neighbor_on_the_interface_that_it_came_in_on() {
        // RFC 2453 §3.9.2 MUST (source): on the link, and not the router itself.
        let mut bench = two_links(config());
        for source in [
            "10.0.2.9",
            "10.0.1.1",
            "0.0.0.0",
            "127.0.0.1",
            "10.0.1.255",
            "8.8.8.8",
        ] {
            let result = bench.receive(ONE, source, &heard(1));
            assert!(
                matches!(result, Err(Discard::Datagram(_))),
                "{source}: {result:?}"
            );
        }
        assert_eq!(bench.metric(NET), None);
        assert_eq!(bench.receive(ONE, "10.0.1.2", &heard(1)), Ok(()));
    }

    #[test]
    fn a_bad_entry_does_not_spoil_the_next() {
        // RFC 2453 §3.9.2 MUST (entry-checks): each entry is validated by itself.
        let mut bench = two_links(config());
        let entry = |text: &str, metric: u32| RipEntryRepr {
            metric,
            ..RipEntryRepr::route(text.parse().unwrap(), 1)
        };
        let mut family = entry("172.16.0.0/16", 1);
        family.address_family = 5;
        let mut mask = entry("172.17.0.0/16", 1);
        mask.subnet_mask = "255.0.255.0".parse().unwrap();
        let entries = [
            family,
            mask,
            entry("172.18.0.0/16", 0),
            entry("172.19.0.0/16", 17),
            entry("172.20.0.0/16", 0x0100_0001),
            entry("127.1.0.0/16", 1),
            entry("0.1.0.0/16", 1),
            entry("224.1.0.0/16", 1),
            entry("241.0.0.0/8", 1),
            entry("255.255.255.255/32", 1),
            entry("10.0.1.255/32", 1),
            RipEntryRepr::route(NET.parse().unwrap(), 1),
        ];
        bench
            .receive(ONE, "10.0.1.2", &message(Command::RESPONSE, 2, entries))
            .unwrap();
        let learned: Vec<_> = bench
            .engine
            .rib()
            .routes()
            .filter(|route| route.source == Source::Rip)
            .map(|route| route.prefix.to_string())
            .collect();
        assert_eq!(learned, [NET]);
        let stats = bench.engine.stats();
        assert_eq!(stats.entry_family, 1);
        assert_eq!(stats.entry_mask, 1);
        assert_eq!(stats.entry_metric, 3);
        assert_eq!(stats.entry_martian, 6);
        assert_eq!(bench.engine.interface_stats(ONE).unwrap().bad_routes, 11);
        assert_eq!(
            bench.engine.neighbors().next().unwrap().stats.bad_routes,
            11
        );
    }

    #[test]
    fn a_connected_network_is_not_replaced() {
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("10.0.2.0/24", 1)]))
            .unwrap();
        assert_eq!(
            bench.route("10.0.2.0/24").unwrap().source,
            Source::Connected
        );
        assert!(bench.run(2).is_empty(), "nobody needs to hear of it");
        let candidates: Vec<_> = bench
            .engine
            .rib()
            .candidates(&"10.0.2.0/24".parse().unwrap())
            .map(|route| (route.source, route.metric))
            .collect();
        assert_eq!(candidates, [(Source::Connected, 1), (Source::Rip, 2)]);
        // When the network goes, the way around it is there.
        bench.engine.set_link_up(bench.now, TWO, false);
        assert_eq!(bench.route("10.0.2.0/24").unwrap().source, Source::Rip);
        bench.engine.set_link_up(bench.now, TWO, true);
        assert_eq!(
            bench.route("10.0.2.0/24").unwrap().source,
            Source::Connected
        );
    }
}

mod section_5_compatibility {
    use super::*;

    fn versions(send: SendVersion, receive: ReceiveVersion) -> Bench<Ipv4> {
        two_links_with(
            config(),
            |one| {
                one.switches.send = send;
                one.switches.receive = receive;
            },
            |_| {},
        )
    }

    #[test]
    fn what_is_sent() {
        // RFC 2453 §5.1 MUST (send-switch): version 1 and what is compatible with it is broadcast,
        // version 2 goes to the group, and "none" is silent.
        for (send, expected) in [
            (SendVersion::V1, Some((1, "10.0.1.255"))),
            (SendVersion::V1Compatible, Some((2, "10.0.1.255"))),
            (SendVersion::V2, Some((2, "224.0.0.9"))),
            (SendVersion::None, None),
        ] {
            let mut bench = versions(send, ReceiveVersion::Both);
            let sent = bench.run(40);
            let one = sent.iter().find(|(_, s)| s.to.interface == ONE);
            let seen = one.map(|(_, s)| (s.payload[1], s.to.destination.to_string()));
            assert_eq!(seen, expected.map(|(v, to)| (v, to.to_owned())), "{send:?}");
        }
    }

    #[test]
    fn what_is_received() {
        // RFC 2453 §5.1 MUST (receive-switch): RIP-1 only, RIP-2 only, both or none.
        for (receive, one, two) in [
            (ReceiveVersion::None, false, false),
            (ReceiveVersion::V1, true, false),
            (ReceiveVersion::V2, false, true),
            (ReceiveVersion::Both, true, true),
        ] {
            let mut bench = versions(SendVersion::V2, receive);
            let v1 = message(
                Command::RESPONSE,
                1,
                [RipEntryRepr::route_v1("192.168.1.0".parse().unwrap(), 1)],
            );
            assert_eq!(
                bench.receive(ONE, "10.0.1.2", &v1).is_ok(),
                one,
                "{receive:?}"
            );
            assert_eq!(bench.metric("192.168.1.0/24").is_some(), one);
            let v2 = response(&[("192.168.2.0/24", 1)]);
            assert_eq!(
                bench.receive(ONE, "10.0.1.2", &v2).is_ok(),
                two,
                "{receive:?}"
            );
            assert_eq!(bench.metric("192.168.2.0/24").is_some(), two);
        }
    }

    #[test]
    fn a_version_1_request_is_answered_with_version_1_or_not_at_all() {
        // RFC 2453 §4.6 SHOULD (answer-v1): not when only version 2 is sent.
        let request = message(Command::REQUEST, 1, [RipEntryRepr::WHOLE_TABLE]);
        for (send, answered) in [
            (SendVersion::V1, true),
            (SendVersion::V1Compatible, true),
            (SendVersion::V2, false),
            (SendVersion::None, false),
        ] {
            let mut bench = versions(send, ReceiveVersion::Both);
            let result = bench.receive_from(ONE, "10.0.1.2", 1_234, &request);
            assert_eq!(result.is_ok(), answered, "{send:?}");
            let sent = bench.sent();
            assert_eq!(sent.len(), usize::from(answered));
            assert!(sent.iter().all(|s| s.payload[1] == 1));
        }
    }

    #[test]
    fn authentication_is_the_interface_s() {
        // RFC 2453 §5.2 MUST (tests): what is not authenticated is discarded, before anything
        // changes; and fewer entries fit.
        use rip::auth::{Authentication, Secret};
        let mut bench = two_links_with(
            config(),
            |_| {},
            |two| two.switches.authentication = Authentication::Password(Secret::new(b"secret")),
        );
        let result = bench.receive(TWO, "10.0.2.2", &response(&[("192.168.2.0/24", 1)]));
        assert!(matches!(result, Err(Discard::Authentication(_))));
        assert_eq!(bench.engine.neighbors().count(), 0);
        let events: Vec<_> = core::iter::from_fn(|| bench.engine.poll_event()).collect();
        assert_eq!(
            events,
            [Event::AuthenticationFailed {
                interface: TWO,
                source: "10.0.2.2".parse().unwrap()
            }]
        );
        let prefixes: Vec<String> = (0..50).map(|i| format!("192.168.{i}.0/24")).collect();
        for half in prefixes.chunks(25) {
            let routes: Vec<(&str, u8)> = half.iter().map(|p| (p.as_str(), 2)).collect();
            bench.receive(ONE, "10.0.1.2", &response(&routes)).unwrap();
        }
        let sent = bench.run(6);
        let two: Vec<_> = sent.iter().filter(|(_, s)| s.to.interface == TWO).collect();
        assert_eq!(two.len(), 3);
        for (_, s) in two {
            let message = RipMessage::parse(&s.payload).unwrap();
            assert!(message.entry_count() <= 24);
            assert!(matches!(
                message.authentication(),
                Some(rip::wire::Authentication::Password(p)) if p.starts_with(b"secret")
            ));
        }
    }
}

mod limits {
    use super::*;

    fn flood(bench: &mut Bench<Ipv4>, source: &str, from: u32, n: u32) {
        for chunk in (from..from + n).collect::<Vec<_>>().chunks(25) {
            let entries = chunk.iter().map(|i| {
                let address = core::net::Ipv4Addr::from_bits(0x1400_0000 + (i << 8));
                RipEntryRepr::route(Ipv4Prefix::new(address, 24).unwrap(), 1)
            });
            bench
                .receive(ONE, source, &message(Command::RESPONSE, 2, entries))
                .unwrap();
        }
    }

    #[test]
    fn routes_of_a_neighbor_and_of_all() {
        let mut small = config();
        small.max_routes_per_neighbor = 100;
        small.max_prefixes = 150;
        let mut bench = two_links(small);
        while bench.engine.poll_event().is_some() {}
        flood(&mut bench, "10.0.1.2", 0, 1_000);
        assert_eq!(bench.engine.rib().len(), 102);
        flood(&mut bench, "10.0.1.3", 5_000, 1_000);
        assert_eq!(bench.engine.rib().len(), 150);
        // What was there first stays, and can be refreshed.
        bench.run(100);
        flood(&mut bench, "10.0.1.2", 0, 100);
        bench.run(100);
        assert_eq!(bench.metric("20.0.0.0/24"), Some(2));
        let stats = *bench.engine.stats();
        assert_eq!(stats.neighbor_routes, 900);
        assert_eq!(stats.table_full, 952);
        let events: Vec<_> = core::iter::from_fn(|| bench.engine.poll_event()).collect();
        let limits = |wanted: fn(&Event<Ipv4>) -> bool| events.iter().filter(|e| wanted(e)).count();
        assert_eq!(limits(|e| matches!(e, Event::NeighborRouteLimit { .. })), 1);
        assert_eq!(limits(|e| matches!(e, Event::TableFull)), 1);
    }

    #[test]
    fn neighbors() {
        let mut small = config();
        small.max_neighbors = 3;
        let mut bench = two_links(small);
        for host in 2..5 {
            let source = format!("10.0.1.{host}");
            bench.run(1);
            bench
                .receive(
                    ONE,
                    &source,
                    &response(&[(&format!("20.0.{host}.0/24"), 1)]),
                )
                .unwrap();
        }
        let another = response(&[("21.0.0.0/24", 1)]);
        assert_eq!(
            bench.receive(ONE, "10.0.1.9", &another),
            Err(Discard::NeighborLimit)
        );
        assert_eq!(bench.metric("21.0.0.0/24"), None);
        // One without routes makes room.
        bench
            .receive(ONE, "10.0.1.3", &response(&[("20.0.3.0/24", 16)]))
            .unwrap();
        bench.run(121);
        bench.receive(ONE, "10.0.1.9", &another).unwrap();
        let known: Vec<String> = bench
            .engine
            .neighbors()
            .map(|neighbor| neighbor.address.to_string())
            .collect();
        assert_eq!(known, ["10.0.1.2", "10.0.1.4", "10.0.1.9"]);
    }

    #[test]
    fn events_that_nobody_takes() {
        let mut small = config();
        small.max_events = 2;
        let mut bench = two_links(small);
        for host in 2..10 {
            bench
                .receive(ONE, &format!("10.0.1.{host}"), &response(&[]))
                .unwrap();
        }
        assert_eq!(bench.engine.stats().events_dropped, 6);
    }
}

mod several_paths {
    use super::*;

    const NET: &str = "192.168.1.0/24";

    fn hops(bench: &Bench<Ipv4>) -> Vec<String> {
        let route = bench.route(NET).unwrap();
        route
            .next_hops
            .iter()
            .map(|hop| hop.address.to_string())
            .collect()
    }

    #[test]
    fn routes_of_the_same_metric_are_used_together() {
        let mut several = config();
        several.max_paths = 3;
        let mut bench = two_links(several);
        for source in ["10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5"] {
            bench.receive(ONE, source, &response(&[(NET, 3)])).unwrap();
        }
        assert_eq!(hops(&bench), ["10.0.1.2", "10.0.1.3", "10.0.1.4"]);
        // One becomes worse, and leaves; it is not unreachable.
        bench
            .receive(ONE, "10.0.1.3", &response(&[(NET, 16)]))
            .unwrap();
        assert_eq!(hops(&bench), ["10.0.1.2", "10.0.1.4"]);
        bench
            .receive(ONE, "10.0.1.4", &response(&[(NET, 9)]))
            .unwrap();
        assert_eq!(hops(&bench), ["10.0.1.2"]);
        bench
            .receive(TWO, "10.0.2.2", &response(&[(NET, 3)]))
            .unwrap();
        assert_eq!(hops(&bench), ["10.0.1.2", "10.0.2.2"]);
        // Each has its own timeout.
        bench.run(100);
        bench
            .receive(TWO, "10.0.2.2", &response(&[(NET, 3)]))
            .unwrap();
        bench.run(80);
        assert_eq!(hops(&bench), ["10.0.2.2"]);
        // A better one stands alone.
        bench
            .receive(ONE, "10.0.1.2", &response(&[(NET, 3)]))
            .unwrap();
        bench
            .receive(ONE, "10.0.1.9", &response(&[(NET, 1)]))
            .unwrap();
        assert_eq!(hops(&bench), ["10.0.1.9"]);
        assert_eq!(bench.metric(NET), Some(2));
        // And as the last it may become worse.
        bench
            .receive(ONE, "10.0.1.9", &response(&[(NET, 8)]))
            .unwrap();
        assert_eq!(bench.metric(NET), Some(9));
    }
}
