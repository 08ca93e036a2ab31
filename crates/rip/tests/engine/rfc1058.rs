//! RFC 1058: RIP version 1.

use rip::Ipv4;
use rip::config::*;
use rip::engine::*;
use rip::rib::*;
use rip::wire::*;

use crate::support::*;

/// Interface 1 speaks version 1, interface 2 version 2.
fn border(one: &str, two: &str) -> Bench<Ipv4> {
    let mut bench = Bench::new(Config::default());
    let mut first = InterfaceConfig::new(vec![v4(one)]);
    first.switches.send = SendVersion::V1;
    first.switches.receive = ReceiveVersion::V1;
    let second = InterfaceConfig::new(vec![v4(two)]);
    bench.interface(ONE, first).interface(TWO, second);
    bench.run(12);
    bench
}

fn response_v1(routes: &[(&str, u8)]) -> Vec<u8> {
    message(
        Command::RESPONSE,
        1,
        routes
            .iter()
            .map(|(address, metric)| RipEntryRepr::route_v1(address.parse().unwrap(), *metric)),
    )
}

mod section_3_2_networks {
    use super::*;

    #[test]
    fn what_an_address_without_a_mask_is() {
        // RFC 1058 §3.2 MUST (infer): with the mask of the interface in its network, else by class.
        let mut bench = border("150.1.1.1/24", "10.0.2.1/24");
        let heard = [
            ("150.1.7.0", 1),
            ("150.1.7.9", 1),
            ("150.1.0.0", 1),
            ("160.1.0.0", 1),
            ("160.1.1.0", 1),
            ("0.0.0.0", 1),
        ];
        bench
            .receive(ONE, "150.1.1.2", &response_v1(&heard))
            .unwrap();
        let learned: Vec<String> = bench
            .engine
            .rib()
            .routes()
            .filter(|route| route.source == Source::Rip)
            .map(|route| route.prefix.to_string())
            .collect();
        let expected = [
            "0.0.0.0/0",
            "150.1.0.0/16",
            "150.1.7.0/24",
            "150.1.7.9/32",
            "160.1.0.0/16",
            "160.1.1.0/32",
        ];
        assert_eq!(learned, expected);
    }

    #[test]
    fn subnets_stay_within_their_network() {
        // RFC 2453 §3.7 MUST (subnets): outside of it, they are not told of.
        // RFC 2453 §3.7 MUST (summary): one route for the whole network, with the lowest metric.
        let mut bench = border("150.1.1.1/24", "10.0.2.1/24");
        let heard = [
            ("10.7.0.0/16", 5),
            ("10.8.1.0/24", 3),
            ("10.8.1.7/32", 4),
            ("150.1.9.0/24", 2),
            ("150.1.9.128/25", 2),
            ("150.1.3.3/32", 6),
            ("172.16.4.0/22", 7),
            ("192.0.2.0/24", 1),
            ("192.168.0.0/16", 1),
            ("0.0.0.0/0", 2),
        ];
        bench.receive(TWO, "10.0.2.2", &response(&heard)).unwrap();
        let expected = [
            "0.0.0.0 3",
            // 10.0.2.0/24 is connected with metric 1.
            "10.0.0.0 1",
            "150.1.3.3 7",
            "150.1.9.0 3",
            "172.16.0.0 8",
            "192.0.2.0 2",
        ];
        let mut triggered = told(&bench.run(6), ONE);
        triggered.dedup();
        assert_eq!(triggered, expected);
        let mut regular = told(&bench.run(40), ONE);
        regular.dedup();
        assert_eq!(regular, expected);
        // On the other interface all is as it was.
        let request = message(Command::REQUEST, 2, [RipEntryRepr::WHOLE_TABLE]);
        bench.receive_from(TWO, "10.0.2.9", 999, &request).unwrap();
        assert_eq!(routes(&bench.sent()[0]), ["150.1.1.0/24 1"]);
    }

    #[test]
    fn a_summary_changes_with_its_parts() {
        let mut bench = border("150.1.1.1/24", "192.0.2.1/24");
        let heard = |a, b| response(&[("10.7.0.0/16", a), ("10.8.0.0/16", b)]);
        bench.receive(TWO, "192.0.2.2", &heard(5, 3)).unwrap();
        assert_eq!(told(&bench.run(6), ONE)[0], "10.0.0.0 4");
        bench.receive(TWO, "192.0.2.2", &heard(5, 9)).unwrap();
        assert!(told(&bench.run(6), ONE).contains(&"10.0.0.0 6".to_owned()));
        bench.receive(TWO, "192.0.2.2", &heard(16, 16)).unwrap();
        assert!(told(&bench.run(6), ONE).contains(&"10.0.0.0 16".to_owned()));
    }

    #[test]
    fn a_large_table_of_one_network_is_one_entry() {
        let mut bench = border("150.1.1.1/24", "192.0.2.1/24");
        for chunk in (0..2_000u32).collect::<Vec<_>>().chunks(25) {
            let entries = chunk.iter().map(|i| {
                let prefix = format!("10.{}.{}.0/24", i / 256, i % 256);
                RipEntryRepr::route(prefix.parse().unwrap(), 2)
            });
            bench
                .receive(TWO, "192.0.2.2", &message(Command::RESPONSE, 2, entries))
                .unwrap();
        }
        let sent = bench.run(40);
        let mut one = told(&sent, ONE);
        one.dedup();
        assert_eq!(one, ["10.0.0.0 3", "192.0.2.0 1"]);
        let messages = sent.iter().filter(|(_, s)| s.to.interface == ONE).count();
        assert!(messages <= 4, "{messages}");
    }
}

mod section_3_1_format {
    use super::*;

    #[test]
    fn what_is_sent_is_clean() {
        // RFC 1058 §3.1 MUST (zero): fields that must be zero are.
        let mut bench = border("150.1.1.1/24", "10.0.2.1/24");
        let tagged = RipEntryRepr::route("192.0.2.0/24".parse().unwrap(), 3).with_tag(7);
        bench
            .receive(TWO, "10.0.2.2", &message(Command::RESPONSE, 2, [tagged]))
            .unwrap();
        let sent = bench.run(40);
        let mut seen = 0;
        for (_, s) in sent.iter().filter(|(_, s)| s.to.interface == ONE) {
            let message = RipMessage::parse(&s.payload).unwrap();
            assert_eq!(message.version(), 1);
            message.check(25).unwrap();
            assert_eq!(s.to.destination.to_string(), "150.1.1.255");
            seen += 1;
        }
        assert!(seen >= 2);
    }

    #[test]
    fn what_is_not_clean_is_ignored() {
        let mut bench = border("150.1.1.1/24", "10.0.2.1/24");
        for at in [2, 6, 12, 16] {
            let mut octets = response_v1(&[("160.1.0.0", 1)]);
            octets[at] = 1;
            let result = bench.receive(ONE, "150.1.1.2", &octets);
            assert_eq!(
                result,
                Err(Discard::Message(MessageError::MustBeZero)),
                "octet {at}"
            );
        }
        assert_eq!(bench.metric("160.1.0.0/16"), None);
        assert_eq!(bench.engine.stats().must_be_zero, 4);
    }
}
