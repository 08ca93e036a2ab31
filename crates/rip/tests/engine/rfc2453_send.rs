//! RFC 2453: what a router of RIP version 2 tells, and when.

use core::time::Duration;

use packet_buffer::{Instant, PacketBuf};
use rip::Ipv4;
use rip::config::*;
use rip::engine::*;
use rip::rib::{NextHop, *};
use rip::wire::*;

use crate::support::*;

fn config() -> Config<Ipv4> {
    Config::default()
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

mod section_3_4_distance_vector {
    use super::*;

    #[test]
    fn split_horizon_leaves_out_what_was_learned_there() {
        // RFC 2453 §3.4.3 MUST (split-horizon): not back to where it was learned.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        let sent = bench.run(40);
        assert_eq!(told(&sent, ONE), ["10.0.2.0/24 1"]);
        let two = told(&sent, TWO);
        assert!(two.contains(&"192.168.1.0/24 4".to_owned()), "{two:?}");
        assert!(two.contains(&"10.0.1.0/24 1".to_owned()), "{two:?}");
    }

    #[test]
    fn poisoned_reverse_says_unreachable_where_it_was_learned() {
        // RFC 2453 §3.4.3 MUST (poisoned-reverse): or as unreachable.
        let poison = |link: &mut InterfaceConfig<Ipv4>| {
            link.split_horizon = SplitHorizon::PoisonedReverse;
        };
        let mut bench = two_links_with(config(), poison, poison);
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        // In the triggered update as well.
        let at_once = bench.run(1);
        assert_eq!(told(&at_once, ONE), ["192.168.1.0/24 16"]);
        assert_eq!(told(&at_once, TWO), ["192.168.1.0/24 4"]);
        let one = told(&bench.run(40), ONE);
        assert!(one.contains(&"192.168.1.0/24 16".to_owned()), "{one:?}");
    }

    #[test]
    fn without_split_horizon_the_next_hop_tells_the_neighbor() {
        let off = |link: &mut InterfaceConfig<Ipv4>| link.split_horizon = SplitHorizon::Off;
        let mut bench = two_links_with(config(), off, off);
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        let sent = bench.run(1);
        assert_eq!(told(&sent, ONE), ["192.168.1.0/24 4 via 10.0.1.2"]);
        assert_eq!(told(&sent, TWO), ["192.168.1.0/24 4"]);
    }

    #[test]
    fn an_interface_that_goes_down_takes_its_routes_along_at_once() {
        // RFC 2453 §3.4.4 MUST (down): routes through a network that is gone are told at once.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench.run(10);
        assert!(bench.engine.set_link_up(bench.now, ONE, false));
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        let sent = bench.sent();
        let sent: Vec<_> = sent.into_iter().map(|s| (bench.now, s)).collect();
        assert_eq!(told(&sent, TWO), ["10.0.1.0/24 16", "192.168.1.0/24 16"]);
        assert!(sent.iter().all(|(_, s)| s.to.interface == TWO));
        assert_eq!(
            bench.receive(ONE, "10.0.1.2", &response(&[])),
            Err(Discard::InterfaceDown)
        );
        // And back: the network is announced again, and the neighbors are asked.
        bench.engine.set_link_up(bench.now, ONE, true);
        let sent = bench.run(6);
        assert!(told(&sent, TWO).contains(&"10.0.1.0/24 1".to_owned()));
        let request = sent
            .iter()
            .find(|(_, s)| s.to.interface == ONE && s.payload[0] == 1);
        assert!(request.is_some());
    }

    #[test]
    fn an_interface_that_is_removed_and_one_that_changes_its_address() {
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench.run(10);
        let now = bench.now;
        assert!(
            bench
                .engine
                .set_addresses(now, ONE, vec![v4("10.0.3.1/24")])
        );
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        assert_eq!(bench.metric("10.0.1.0/24"), Some(16));
        assert_eq!(bench.metric("10.0.3.0/24"), Some(1));
        assert_eq!(bench.engine.neighbors().count(), 0);
        let sent = bench.run(6);
        assert_eq!(
            told(&sent, TWO),
            ["10.0.1.0/24 16", "10.0.3.0/24 1", "192.168.1.0/24 16"]
        );
        assert!(bench.engine.remove_interface(bench.now, ONE));
        assert!(!bench.engine.remove_interface(bench.now, ONE));
        let sent = bench.run(6);
        assert!(told(&sent, TWO).contains(&"10.0.3.0/24 16".to_owned()));
        let unknown = bench.receive(ONE, "10.0.3.2", &response(&[]));
        assert_eq!(unknown, Err(Discard::UnknownInterface));
    }
}

mod section_3_6_costs {
    use super::*;

    #[test]
    fn the_cost_of_the_interface_is_added_and_infinity_is_the_end() {
        // RFC 2453 §3.9.2 MUST (cost): metric = MIN (metric + cost, infinity).
        let mut bench = two_links_with(config(), |one| one.cost = 5, |_| {});
        let heard = [
            ("192.168.1.0/24", 1),
            ("192.168.2.0/24", 10),
            ("192.168.3.0/24", 11),
        ];
        bench.receive(ONE, "10.0.1.2", &response(&heard)).unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(6));
        assert_eq!(bench.metric("192.168.2.0/24"), Some(15));
        // RFC 2453 §3.9.2 MUST (no-new-infinity): 16 is not added.
        assert_eq!(bench.metric("192.168.3.0/24"), None);
        assert_eq!(bench.metric("10.0.1.0/24"), Some(5));
    }

    #[test]
    fn offset_lists_in_and_out() {
        let offset = |text: &str, metric| Offset {
            within: text.parse().unwrap(),
            metric,
        };
        let mut bench = two_links_with(
            config(),
            |one| one.offset_in = vec![offset("192.168.0.0/16", 3), offset("0.0.0.0/0", 1)],
            |two| two.offset_out = vec![offset("192.168.1.0/24", 4), offset("172.16.0.0/12", 16)],
        );
        let heard = [
            ("192.168.1.0/24", 1),
            ("192.168.2.0/24", 1),
            ("172.16.0.0/16", 1),
        ];
        bench.receive(ONE, "10.0.1.2", &response(&heard)).unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(5));
        assert_eq!(bench.metric("172.16.0.0/16"), Some(3));
        let sent = bench.run(1);
        assert_eq!(
            told(&sent, TWO),
            ["172.16.0.0/16 16", "192.168.1.0/24 9", "192.168.2.0/24 5"]
        );
    }
}

mod section_3_8_timers {
    use super::*;

    #[test]
    fn updates_come_every_thirty_seconds_give_or_take_five() {
        // RFC 2453 §3.8 MUST (periodic): every 30 seconds, a complete update to every neighbor.
        // RFC 2453 §3.8 MUST (jitter): 30 seconds, offset by a small random time of up to 5.
        // RFC 2453 §3.8 MUST (clock): the timer does not depend on the load.
        let mut bench = two_links(config());
        let sent = bench.run(3_600);
        let times: Vec<Instant> = sent
            .iter()
            .filter(|(_, s)| s.to.interface == ONE)
            .map(|(at, _)| *at)
            .collect();
        let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((110..=130).contains(&gaps.len()), "{}", gaps.len());
        for gap in &gaps {
            assert!(second(25) <= *gap && *gap <= second(35), "{gap:?}");
        }
        let mut distinct = gaps.clone();
        distinct.sort();
        distinct.dedup();
        assert!(
            distinct.len() > gaps.len() / 2,
            "the jitter is drawn anew each time"
        );
        assert!(distinct[0] < second(27) && *distinct.last().unwrap() > second(33));
        // The other interface does not go in step with it.
        let other = sent.iter().filter(|(_, s)| s.to.interface == TWO);
        assert!(other.clone().count() > 100);
        assert!(other.filter(|(at, _)| times.contains(at)).count() < 10);
    }

    #[test]
    fn the_interval_may_be_the_interface_s_own() {
        let mut bench = two_links_with(config(), |one| one.update = Some(second(10)), |_| {});
        let sent = bench.run(1_000);
        let count = |id| sent.iter().filter(|(_, s)| s.to.interface == id).count();
        assert!((85..=115).contains(&count(ONE)), "{}", count(ONE));
        assert!((28..=40).contains(&count(TWO)), "{}", count(TWO));
    }

    #[test]
    fn a_route_times_out_is_told_as_unreachable_and_goes() {
        // RFC 2453 §3.8 MUST (timeout): 180 seconds after it was last heard of.
        let mut bench = two_links(config());
        let heard = bench.now;
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench.run_until(heard + Duration::from_micros(179_999_999));
        assert_eq!(bench.metric("192.168.1.0/24"), Some(4));
        // RFC 2453 §3.8 MUST (deletion): the metric becomes infinity, and the garbage timer starts.
        let sent = bench.run_until(heard + second(180));
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        // RFC 2453 §3.4.4 MUST (down): told at once.
        assert_eq!(told(&sent, TWO), ["192.168.1.0/24 16"]);
        assert_eq!(
            bench.engine.rib().lookup("192.168.1.9".parse().unwrap()),
            None
        );
        assert_eq!(bench.engine.stats().timed_out, 1);
        // Until it is removed it is in every update, where it was learned as well once it is gone.
        let sent = bench.run_until(heard + Duration::from_micros(299_999_999));
        let times = told(&sent, TWO)
            .iter()
            .filter(|r| *r == "192.168.1.0/24 16")
            .count();
        assert!((3..=5).contains(&times), "{times}");
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        // RFC 2453 §3.8 MUST (garbage): then the route is removed.
        bench.run_until(heard + second(300));
        assert_eq!(bench.metric("192.168.1.0/24"), None);
        let sent = bench.run(60);
        assert!(
            !told(&sent, TWO)
                .iter()
                .any(|route| route.starts_with("192.168.1.0"))
        );
    }

    #[test]
    fn each_update_of_the_route_starts_its_timeout_anew() {
        let mut bench = two_links(config());
        for _ in 0..10 {
            bench
                .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
                .unwrap();
            bench.run(170);
            assert_eq!(bench.metric("192.168.1.0/24"), Some(4));
        }
        bench.run(11);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
    }

    #[test]
    fn a_deletion_does_not_begin_anew() {
        // RFC 2453 §3.9.2 MUST (no-restart): repeated infinity does not start the timer again.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench.run(10);
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 16)]))
            .unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        bench.run(100);
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 16)]))
            .unwrap();
        bench.run(19);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        bench.run(1);
        assert_eq!(bench.metric("192.168.1.0/24"), None);
    }

    #[test]
    fn a_new_route_ends_the_deletion() {
        // RFC 2453 §3.8 MUST (replaced): a new route takes the place, and the timer is cleared.
        let mut bench = two_links(config());
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 16)]))
            .unwrap();
        bench.run(60);
        bench
            .receive(TWO, "10.0.2.2", &response(&[("192.168.1.0/24", 9)]))
            .unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(10));
        bench.run(100);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(10));
        // From the same router too.
        bench
            .receive(TWO, "10.0.2.2", &response(&[("192.168.1.0/24", 16)]))
            .unwrap();
        bench.run(60);
        bench
            .receive(TWO, "10.0.2.2", &response(&[("192.168.1.0/24", 2)]))
            .unwrap();
        bench.run(100);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(3));
    }

    #[test]
    fn timers_that_cannot_work_are_refused() {
        let refused = |change: &dyn Fn(&mut Timers)| {
            let mut config = config();
            change(&mut config.timers);
            Engine::new(config, Box::new(Zeroes)).unwrap_err().field
        };
        assert_eq!(refused(&|t| t.update = second(0)), "timers.update");
        assert_eq!(refused(&|t| t.jitter = second(30)), "timers.jitter");
        assert_eq!(refused(&|t| t.timeout = second(30)), "timers.timeout");
        assert_eq!(refused(&|t| t.garbage = second(0)), "timers.garbage");
        assert_eq!(
            refused(&|t| t.triggered_min = second(6)),
            "timers.triggered_min"
        );
        assert_eq!(
            refused(&|t| t.triggered_max = second(31)),
            "timers.triggered_max"
        );
        assert_eq!(refused(&|t| t.garbage = second(1 << 40)), "timers");
    }
}

mod section_3_10_output {
    use super::*;

    fn many(n: u16) -> Vec<String> {
        (0..n)
            .map(|i| format!("172.{}.{}.0/24", 16 + i / 256, i % 256))
            .collect()
    }

    fn learn(bench: &mut Bench<Ipv4>, interface: InterfaceId, source: &str, prefixes: &[String]) {
        for chunk in prefixes.chunks(25) {
            let routes: Vec<(&str, u8)> = chunk.iter().map(|p| (p.as_str(), 2)).collect();
            bench
                .receive(interface, source, &response(&routes))
                .unwrap();
        }
    }

    #[test]
    fn triggered_updates_tell_of_changes_alone_and_wait_for_each_other() {
        // RFC 2453 §3.10.1 MUST (changed-only): only routes that have changed.
        // RFC 2453 §3.9.2 MUST (change-flag): neighbors hear of what has changed.
        // RFC 2453 §3.10.1 MUST (hold): then a random time of 1 to 5 seconds before the next.
        let mut waits = Vec::new();
        for seed in 0..50 {
            let mut bench = Bench::seeded(config(), seed);
            bench
                .interface(ONE, InterfaceConfig::new(vec![v4("10.0.1.1/24")]))
                .interface(TWO, InterfaceConfig::new(vec![v4("10.0.2.1/24")]));
            bench.run(12);
            bench
                .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
                .unwrap();
            let first = bench.sent();
            assert_eq!(routes(&first[0]), ["192.168.1.0/24 4"], "at once");
            let start = bench.now;
            bench.run_until(start + Duration::from_millis(500));
            bench
                .receive(ONE, "10.0.1.2", &response(&[("192.168.2.0/24", 3)]))
                .unwrap();
            bench
                .receive(ONE, "10.0.1.2", &response(&[("192.168.3.0/24", 3)]))
                .unwrap();
            assert!(bench.sent().is_empty());
            let next = bench.run_until(start + second(5));
            let told = told(&next, TWO);
            assert_eq!(
                told,
                ["192.168.2.0/24 4", "192.168.3.0/24 4"],
                "both in one"
            );
            waits.push(next[0].0 - start);
        }
        assert!(
            waits
                .iter()
                .all(|wait| second(1) <= *wait && *wait <= second(5))
        );
        waits.sort();
        assert!(waits[5] < second(2) && waits[45] > second(4), "{waits:?}");
    }

    #[test]
    fn a_regular_update_takes_the_place_of_a_triggered_one() {
        // RFC 2453 §3.10.1 MUST (superseded): the regular update has cleared what had changed.
        // RFC 2453 §3.10.1 MAY (suppressed): and one that is due by then is waited for.
        let mut bench = Bench::still(config());
        bench
            .interface(ONE, InterfaceConfig::new(vec![v4("10.0.1.1/24")]))
            .interface(TWO, InterfaceConfig::new(vec![v4("10.0.2.1/24")]));
        let start = bench.now;
        bench.run_until(start + Duration::from_millis(25_500));
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        assert_eq!(bench.sent().len(), 1);
        bench.run_until(start + Duration::from_millis(25_600));
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 4)]))
            .unwrap();
        // The next triggered update might leave at 26.5 s; the regular one is due at 26 s.
        let sent = bench.run_until(start + second(50));
        let two: Vec<_> = sent
            .iter()
            .filter(|(_, s)| s.to.interface == TWO)
            .map(|(at, s)| (*at, routes(s)))
            .collect();
        let expected = ["10.0.1.0/24 1", "192.168.1.0/24 5"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(two, [(start + second(26), expected)]);
    }

    #[test]
    fn updates_are_cut_into_messages_of_25_entries_and_paced() {
        // RFC 2453 §3.10 MUST (25): as many messages as it takes, of not more than 25 entries.
        let mut bench = two_links(config());
        let prefixes = many(1_000);
        learn(&mut bench, ONE, "10.0.1.2", &prefixes);
        bench.run(12);
        let sent = bench.run(40);
        let mut two: Vec<_> = sent.iter().filter(|(_, s)| s.to.interface == TWO).collect();
        let first = two[0].0;
        two.retain(|(at, _)| *at < first + second(10));
        assert_eq!(two.len(), 41);
        assert!(two.iter().all(|(_, s)| s.payload.len() <= 504));
        let mut heard = told(&sent, TWO);
        heard.dedup();
        assert_eq!(heard.len(), 1_001);
        // Eight at once, then one each 5 ms.
        let start = two[0].0;
        let at = |ms| {
            two.iter()
                .filter(|(at, _)| *at - start <= Duration::from_millis(ms))
                .count()
        };
        assert_eq!(at(0), 8);
        assert_eq!(at(100), 28);
        assert_eq!(at(200), 41);
    }

    #[test]
    fn flags_stay_until_the_change_was_told() {
        // A triggered update of many messages, in the middle of which a route changes again.
        let mut bench = two_links(config());
        learn(&mut bench, ONE, "10.0.1.2", &many(500));
        let first = bench.sent();
        assert_eq!(first.len(), 8);
        bench
            .receive(ONE, "10.0.1.2", &response(&[("172.16.0.0/24", 7)]))
            .unwrap();
        let rest = bench.run(6);
        let all: Vec<String> = told(&rest, TWO);
        assert!(all.contains(&"172.16.0.0/24 8".to_owned()));
        assert_eq!(all.len(), 500 - 8 * 25 + 1);
    }

    #[test]
    fn neighbors_by_unicast_and_passive_interfaces() {
        // RFC 2453 §3.10 MUST (neighbors): routers that no broadcast reaches are named.
        let mut bench = two_links_with(
            config(),
            |one| {
                one.passive = true;
                one.neighbors = vec!["10.0.1.7".parse().unwrap(), "10.9.9.9".parse().unwrap()];
            },
            |two| two.neighbors = vec!["10.0.2.8".parse().unwrap()],
        );
        let sent = bench.run(40);
        let to = |id| -> Vec<String> {
            let mut to: Vec<_> = sent
                .iter()
                .filter(|(_, s)| s.to.interface == id)
                .map(|(_, s)| s.to.destination.to_string())
                .collect();
            to.sort();
            to.dedup();
            to
        };
        // What is not on the link is not sent to.
        assert_eq!(to(ONE), ["10.0.1.7"]);
        assert_eq!(to(TWO), ["10.0.2.8", "224.0.0.9"]);
        // A passive interface listens.
        bench
            .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
            .unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(4));
        // A message for several is the same for all.
        let sent = bench.sent();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].payload, sent[1].payload);
    }

    #[test]
    fn a_shutdown_says_that_everything_is_unreachable() {
        let mut bench = two_links(config());
        learn(&mut bench, ONE, "10.0.1.2", &many(100));
        bench.run(12);
        bench.engine.shut_down(bench.now);
        assert!(!bench.engine.is_shut_down());
        let sent = bench.run(1);
        let told = told(&sent, TWO);
        assert_eq!(told.len(), 101);
        assert!(told.iter().all(|route| route.ends_with(" 16")));
        assert!(bench.engine.is_shut_down());
        assert_eq!(
            bench.receive(ONE, "10.0.1.2", &response(&[])),
            Err(Discard::ShutDown)
        );
        assert!(bench.run(100).is_empty());
    }
}

mod section_4_extensions {
    use super::*;

    #[test]
    fn the_route_tag_is_kept_and_a_new_one_is_told() {
        // RFC 2453 §4.2 MUST (route-tag): preserved and readvertised with the route.
        let mut bench = two_links(config());
        let tagged = |tag| {
            let entry = RipEntryRepr::route("192.168.1.0/24".parse().unwrap(), 3).with_tag(tag);
            message(Command::RESPONSE, 2, [entry])
        };
        bench.receive(ONE, "10.0.1.2", &tagged(77)).unwrap();
        assert_eq!(told(&bench.run(10), TWO)[0], "192.168.1.0/24 4 tag 77");
        bench.receive(ONE, "10.0.1.2", &tagged(78)).unwrap();
        assert_eq!(told(&bench.run(1), TWO), ["192.168.1.0/24 4 tag 78"]);
        assert_eq!(bench.route("192.168.1.0/24").unwrap().tag, 78);
    }

    #[test]
    fn the_next_hop_is_another_router_on_the_link_or_the_sender() {
        // RFC 2453 §4.4 MUST (next-hop): directly reachable, or else the originator.
        let mut bench = two_links(config());
        let via = |net: &str, hop: &str| {
            RipEntryRepr::route(net.parse().unwrap(), 1).with_next_hop(hop.parse().unwrap())
        };
        let entries = [
            via("192.168.1.0/24", "10.0.1.9"),
            via("192.168.2.0/24", "10.0.2.9"),
            via("192.168.3.0/24", "10.0.1.1"),
            via("192.168.4.0/24", "224.0.0.9"),
            via("192.168.5.0/24", "0.0.0.0"),
        ];
        bench
            .receive(ONE, "10.0.1.2", &message(Command::RESPONSE, 2, entries))
            .unwrap();
        assert_eq!(bench.next_hop("192.168.1.0/24"), "10.0.1.9".parse().ok());
        assert_eq!(bench.next_hop("192.168.2.0/24"), "10.0.1.2".parse().ok());
        assert_eq!(bench.next_hop("192.168.3.0/24"), None, "the router itself");
        assert_eq!(bench.next_hop("192.168.4.0/24"), None);
        assert_eq!(bench.next_hop("192.168.5.0/24"), "10.0.1.2".parse().ok());
        let stats = bench.engine.stats();
        assert_eq!(stats.next_hop_off_link, 1);
        assert_eq!(stats.entry_next_hop_self, 1);
        assert_eq!(stats.entry_next_hop, 1);
    }

    #[test]
    fn a_static_route_over_another_router_of_the_link_names_it() {
        // RFC 2453 §4.4: the field saves a hop through this router.
        let mut with = config();
        with.redistribute = vec![Redistribution::all(Source::Static)];
        let mut bench = two_links(with);
        let route = LocalRoute {
            prefix: "172.16.0.0/16".parse().unwrap(),
            source: Source::Static,
            distance: 1,
            metric: 2,
            tag: 5,
            next_hop: NextHop {
                interface: Some(ONE),
                address: "10.0.1.9".parse().unwrap(),
            },
        };
        bench.engine.add_route(bench.now, route).unwrap();
        let sent = bench.run(1);
        assert_eq!(told(&sent, ONE), ["172.16.0.0/16 2 tag 5 via 10.0.1.9"]);
        assert_eq!(told(&sent, TWO), ["172.16.0.0/16 2 tag 5"]);
        // It goes as others do.
        bench.run(10);
        assert!(
            bench
                .engine
                .remove_route(bench.now, Source::Static, route.prefix)
        );
        let sent = bench.run(1);
        assert_eq!(told(&sent, TWO), ["172.16.0.0/16 16 tag 5"]);
        bench.run(119);
        assert_eq!(bench.route("172.16.0.0/16"), None);
        assert!(
            !bench
                .engine
                .remove_route(bench.now, Source::Static, route.prefix)
        );
    }

    #[test]
    fn redistribution_has_metrics_tags_filters_and_priorities() {
        let mut with = config();
        with.redistribute = vec![Redistribution {
            metric: Some(7),
            tag: Some(99),
            filter: Filter {
                rules: vec![FilterRule::within(
                    Action::Permit,
                    "172.16.0.0/12".parse().unwrap(),
                )],
                otherwise: Action::Deny,
            },
            source: Source::Other(4),
        }];
        let mut bench = two_links(with);
        let mut add = |prefix: &str, source, distance| {
            let route = LocalRoute {
                prefix: prefix.parse().unwrap(),
                source,
                distance,
                metric: 1,
                tag: 0,
                next_hop: NextHop {
                    interface: None,
                    address: core::net::Ipv4Addr::UNSPECIFIED,
                },
            };
            bench.engine.add_route(bench.now, route)
        };
        add("172.16.0.0/16", Source::Other(4), 20).unwrap();
        add("192.168.7.0/24", Source::Other(4), 20).unwrap();
        add("172.17.0.0/16", Source::Static, 1).unwrap();
        assert_eq!(
            add("172.18.0.0/16", Source::Rip, 1).unwrap_err().field,
            "source"
        );
        assert_eq!(
            add("172.18.0.0/16", Source::Static, 255).unwrap_err().field,
            "distance"
        );
        assert_eq!(told(&bench.run(1), TWO), ["172.16.0.0/16 7 tag 99"]);
        // A route of RIP is worse than one of distance 20, and better than one of 200.
        bench
            .receive(ONE, "10.0.1.2", &response(&[("172.16.0.0/16", 1)]))
            .unwrap();
        assert_eq!(
            bench.route("172.16.0.0/16").unwrap().source,
            Source::Other(4)
        );
        let mut route = bench.route("172.16.0.0/16").unwrap();
        route.distance = 200;
        bench
            .engine
            .add_route(
                bench.now,
                LocalRoute {
                    prefix: route.prefix,
                    source: route.source,
                    distance: 200,
                    metric: 1,
                    tag: 0,
                    next_hop: route.next_hops.first(),
                },
            )
            .unwrap();
        assert_eq!(bench.route("172.16.0.0/16").unwrap().source, Source::Rip);
        assert_eq!(told(&bench.run(6), TWO), ["172.16.0.0/16 2"]);
    }

    #[test]
    fn a_default_route_is_announced_where_it_is_asked_for() {
        let route = DefaultRoute { metric: 3, tag: 8 };
        let mut bench = two_links_with(config(), |_| {}, |two| two.default_route = Some(route));
        bench
            .receive(ONE, "10.0.1.2", &response(&[("0.0.0.0/0", 9)]))
            .unwrap();
        let sent = bench.run(40);
        let mut two = told(&sent, TWO);
        two.dedup();
        assert_eq!(two, ["0.0.0.0/0 3 tag 8", "10.0.1.0/24 1"]);
        assert!(
            !told(&sent, ONE)
                .iter()
                .any(|route| route.starts_with("0.0.0.0/0"))
        );
    }

    #[test]
    fn filters_in_and_out() {
        let deny = |text: &str| Filter {
            rules: vec![FilterRule::within(Action::Deny, text.parse().unwrap())],
            otherwise: Action::Permit,
        };
        let mut bench = two_links_with(
            config(),
            |one| one.filter_in = deny("192.168.0.0/16"),
            |two| two.filter_out = deny("172.16.0.0/12"),
        );
        let heard = [
            ("192.168.1.0/24", 1),
            ("172.16.0.0/16", 1),
            ("198.51.100.0/24", 1),
        ];
        bench.receive(ONE, "10.0.1.2", &response(&heard)).unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), None);
        assert_eq!(bench.metric("172.16.0.0/16"), Some(2));
        assert_eq!(told(&bench.run(1), TWO), ["198.51.100.0/24 2"]);
        assert_eq!(bench.engine.stats().filtered, 1);
    }

    #[test]
    fn broadcast_group_and_unicast_are_all_taken_in() {
        // RFC 2453 §4.5 SHOULD (all-destinations): whichever way it was sent.
        let mut bench = two_links(config());
        for destination in ["224.0.0.9", "10.0.1.255", "10.0.1.1", "255.255.255.255"] {
            let payload = response(&[("192.168.1.0/24", 3)]);
            let received = Received {
                interface: ONE,
                source: "10.0.1.2".parse().unwrap(),
                source_port: 520,
                destination: destination.parse().unwrap(),
                hop_limit: None,
                payload: &payload,
            };
            assert_eq!(bench.engine.handle_input(bench.now, &received), Ok(()));
        }
    }
}

#[test]
fn what_is_sent_takes_the_place_of_what_the_buffer_held() {
    let messages = |used: &[u8]| {
        let random = Box::new(testkit::SeededRandom::new(7));
        let mut engine = Engine::<Ipv4>::new(config(), random).unwrap();
        for (id, address) in [(ONE, "10.0.1.1/24"), (TWO, "10.0.2.1/24")] {
            let link = InterfaceConfig::new(vec![v4(address)]);
            engine
                .add_interface(Instant::from_secs(1), id, link)
                .unwrap();
        }
        let mut out = PacketBuf::from(used);
        let mut messages = Vec::new();
        for _ in 0..20 {
            while engine.poll_transmit(&mut out).is_some() {
                messages.push(out.as_slice().to_vec());
            }
            engine.handle_timeout(engine.poll_timeout().unwrap());
        }
        messages
    };
    let clean = messages(&[]);
    assert!(clean.len() > 4, "{}", clean.len());
    assert_eq!(messages(b"the message before"), clean);
    // Requests, then responses of the one network that is not the link's own.
    assert!(clean.iter().all(|message| message.len() <= 24), "{clean:?}");
}
