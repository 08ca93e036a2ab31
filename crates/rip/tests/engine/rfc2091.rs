//! RFC 2091: demand circuits.

use core::time::Duration;

use packet_buffer::PacketBuf;
use rip::Ipv4;
use rip::config::*;
use rip::engine::*;
use rip::wire::*;

use crate::support::*;

const PEER: &str = "10.0.1.2";

/// Interface 1 is a demand circuit, interface 2 is not.
fn circuit() -> Bench<Ipv4> {
    let mut bench = Bench::new(Config::default());
    let mut one = InterfaceConfig::new(vec![v4("10.0.1.1/24")]);
    one.demand_circuit = Some(DemandCircuit::default());
    one.neighbors = vec![PEER.parse().unwrap()];
    bench
        .interface(ONE, one)
        .interface(TWO, InterfaceConfig::new(vec![v4("10.0.2.1/24")]));
    bench
}

fn update(command: Command, flush: bool, sequence: u16, routes: &[(&str, u8)]) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    for (prefix, metric) in routes {
        packet.append_slice(&RipEntryRepr::route(prefix.parse().unwrap(), *metric).octets());
    }
    RipMessageRepr::with_update(command, 2, UpdateHeader::new(flush, sequence))
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

fn heard(flush: bool, sequence: u16, routes: &[(&str, u8)]) -> Vec<u8> {
    update(Command::UPDATE_RESPONSE, flush, sequence, routes)
}

fn acknowledge(sequence: u16) -> Vec<u8> {
    update(Command::UPDATE_ACKNOWLEDGE, false, sequence, &[])
}

/// What is sent on the circuit: command, flush, sequence number, routes.
fn on_circuit(sent: &[Sent<Ipv4>]) -> Vec<(Command, bool, u16, Vec<String>)> {
    sent.iter()
        .filter(|s| s.to.interface == ONE)
        .map(|s| {
            assert_eq!(s.to.destination.to_string(), PEER);
            let message = RipMessage::parse(&s.payload).unwrap();
            let header = message.update_header().expect("nothing else is sent");
            (
                message.command(),
                header.flush,
                header.sequence_number,
                routes(s),
            )
        })
        .collect()
}

fn sent(bench: &mut Bench<Ipv4>) -> Vec<(Command, bool, u16, Vec<String>)> {
    on_circuit(&bench.sent())
}

fn run(bench: &mut Bench<Ipv4>, seconds: u64) -> Vec<(Command, bool, u16, Vec<String>)> {
    let sent: Vec<_> = bench.run(seconds).into_iter().map(|(_, s)| s).collect();
    on_circuit(&sent)
}

/// The circuit when all was said and acknowledged, and the next sequence number.
fn settled() -> (Bench<Ipv4>, u16) {
    let mut bench = circuit();
    let first = sent(&mut bench);
    let sequence = first
        .iter()
        .find(|m| m.0 == Command::UPDATE_RESPONSE)
        .unwrap()
        .2;
    bench.receive(ONE, PEER, &acknowledge(sequence)).unwrap();
    bench
        .receive(ONE, PEER, &heard(true, 1, &[("192.168.1.0/24", 2)]))
        .unwrap();
    assert_eq!(
        sent(&mut bench),
        [(Command::UPDATE_ACKNOWLEDGE, false, 1, vec![])]
    );
    (bench, sequence.wrapping_add(1))
}

mod section_4_packets {
    use super::*;

    #[test]
    fn a_circuit_that_comes_up_asks_and_tells() {
        // RFC 2091 §4.2 MUST (flush): the first message of a whole table says that it is one.
        let mut bench = circuit();
        let first = sent(&mut bench);
        assert_eq!(first[0].0, Command::UPDATE_REQUEST);
        let (command, flush, _, routes) = &first[1];
        assert_eq!((*command, *flush), (Command::UPDATE_RESPONSE, true));
        assert_eq!(routes, &["10.0.2.0/24 1"]);
        assert_eq!(first.len(), 2);
    }

    #[test]
    fn a_request_is_answered_with_everything() {
        let (mut bench, next) = settled();
        bench
            .receive(TWO, "10.0.2.2", &response(&[("172.16.0.0/16", 1)]))
            .unwrap();
        bench.sent();
        bench
            .receive(ONE, PEER, &update(Command::UPDATE_REQUEST, false, 0, &[]))
            .unwrap();
        let answer = sent(&mut bench);
        assert_eq!(answer.len(), 1);
        assert!(answer[0].1);
        assert_eq!(answer[0].2, next.wrapping_add(1));
        assert_eq!(answer[0].3, ["10.0.2.0/24 1", "172.16.0.0/16 2"]);
    }

    #[test]
    fn a_repeated_response_is_acknowledged_and_no_more() {
        // RFC 2091 §4.3 MUST (acknowledge): each response is acknowledged.
        // RFC 2091 §4.2 MUST (once): and taken in once.
        let (mut bench, _) = settled();
        let two = heard(false, 2, &[("192.168.2.0/24", 2)]);
        bench.receive(ONE, PEER, &two).unwrap();
        assert_eq!(bench.metric("192.168.2.0/24"), Some(3));
        let entries = bench.engine.stats().entries;
        bench.receive(ONE, PEER, &two).unwrap();
        assert_eq!(bench.engine.stats().entries, entries);
        assert_eq!(
            sent(&mut bench),
            [(Command::UPDATE_ACKNOWLEDGE, false, 2, vec![])]
        );
        bench.receive(ONE, PEER, &two).unwrap();
        assert_eq!(
            sent(&mut bench),
            [(Command::UPDATE_ACKNOWLEDGE, false, 2, vec![])]
        );
    }

    #[test]
    fn what_is_not_for_a_circuit_is_ignored() {
        let (mut bench, next) = settled();
        let other = bench.receive(ONE, "10.0.1.3", &heard(true, 9, &[]));
        assert_eq!(other, Err(Discard::NotACircuit));
        let no_circuit = bench.receive(TWO, "10.0.2.2", &heard(true, 9, &[]));
        assert_eq!(no_circuit, Err(Discard::NotACircuit));
        let stray = bench.receive(ONE, PEER, &acknowledge(next));
        assert_eq!(stray, Err(Discard::UnexpectedAcknowledgement(next)));
        assert_eq!(bench.engine.stats().not_a_circuit, 3);
    }
}

mod section_3_database {
    use super::*;

    #[test]
    fn nothing_is_sent_and_nothing_times_out_in_peace() {
        // RFC 2091 §3.1 MUST (presumed-reachable): what is learned stays without being repeated.
        let (mut bench, _) = settled();
        assert_eq!(run(&mut bench, 86_400), []);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(3));
        assert_eq!(bench.engine.neighbors().count(), 1);
    }

    #[test]
    fn changes_are_told_one_message_after_the_other() {
        // RFC 2091 §3.4 MUST (changes): only what changes is told.
        let (mut bench, next) = settled();
        let prefixes: Vec<String> = (0..60).map(|i| format!("172.16.{i}.0/24")).collect();
        for chunk in prefixes.chunks(25) {
            let routes: Vec<(&str, u8)> = chunk.iter().map(|p| (p.as_str(), 2)).collect();
            bench.receive(TWO, "10.0.2.2", &response(&routes)).unwrap();
        }
        let mut told = Vec::new();
        for (i, expected) in [25, 25, 10].into_iter().enumerate() {
            let messages = sent(&mut bench);
            assert_eq!(messages.len(), 1);
            let (_, flush, sequence, routes) = &messages[0];
            assert!(!flush);
            assert_eq!(*sequence, next.wrapping_add(i as u16));
            assert_eq!(routes.len(), expected);
            told.extend(routes.clone());
            assert!(
                sent(&mut bench).is_empty(),
                "not before the acknowledgement"
            );
            bench.receive(ONE, PEER, &acknowledge(*sequence)).unwrap();
        }
        told.sort();
        told.dedup();
        assert_eq!(told.len(), 60);
        assert!(sent(&mut bench).is_empty());
    }

    #[test]
    fn a_flush_forgets_what_is_not_told_again() {
        // RFC 2091 §6.1 MUST (database-timer): a flush starts the timers of all routes of the peer.
        let (mut bench, _) = settled();
        bench
            .receive(ONE, PEER, &heard(false, 2, &[("192.168.2.0/24", 2)]))
            .unwrap();
        bench.run(1_000);
        bench
            .receive(ONE, PEER, &heard(true, 3, &[("192.168.1.0/24", 2)]))
            .unwrap();
        bench.run(179);
        assert_eq!(bench.metric("192.168.2.0/24"), Some(3));
        bench.run(1);
        assert_eq!(bench.metric("192.168.2.0/24"), Some(16));
        bench.run(1_000);
        assert_eq!(bench.metric("192.168.2.0/24"), None);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(3));
    }
}

mod section_6_timers {
    use super::*;

    #[test]
    fn a_response_is_sent_again_until_it_is_acknowledged() {
        // RFC 2091 §6.3 MUST (retransmission): every 5 seconds.
        let (mut bench, next) = settled();
        bench
            .receive(TWO, "10.0.2.2", &response(&[("172.16.0.0/16", 1)]))
            .unwrap();
        let start = bench.now;
        let first = sent(&mut bench);
        for _ in 0..5 {
            bench.now = bench.engine.poll_timeout().unwrap();
            bench.engine.handle_timeout(bench.now);
            let again = sent(&mut bench);
            assert!(again.is_empty() || again == first, "{again:?}");
        }
        bench.run_until(start + Duration::from_secs(26));
        bench.receive(ONE, PEER, &acknowledge(next)).unwrap();
        assert!(run(&mut bench, 100).is_empty());
    }

    #[test]
    fn a_circuit_that_cannot_be_had_keeps_its_routes_for_a_while() {
        // RFC 2091 §6.3 MUST (retransmission): up to a limit.
        // RFC 2091 §6.4 MUST (oversubscription): the circuit may only be busy.
        // RFC 2091 §6.4 MUST (unreachable): after that, its routes are gone.
        let (mut bench, _) = settled();
        while bench.engine.poll_event().is_some() {}
        bench
            .receive(TWO, "10.0.2.2", &response(&[("172.16.0.0/16", 1)]))
            .unwrap();
        let messages = run(&mut bench, 60);
        let responses = messages
            .iter()
            .filter(|m| m.0 == Command::UPDATE_RESPONSE)
            .count();
        assert_eq!(responses, 10);
        let events: Vec<_> = core::iter::from_fn(|| bench.engine.poll_event()).collect();
        assert!(events.contains(&Event::CircuitDown { interface: ONE }));
        assert_eq!(bench.metric("192.168.1.0/24"), Some(3));
        // The peer is asked now and then.
        let slow = run(&mut bench, 160);
        assert!(
            slow.iter().all(|m| m.0 == Command::UPDATE_REQUEST) && slow.len() <= 4,
            "{slow:?}"
        );
        assert!(!slow.is_empty());
        bench.run(31);
        assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
        // RFC 2091 §3.4 MUST (circuit-up): it is back, and everything is told anew.
        bench
            .receive(ONE, PEER, &heard(true, 7, &[("192.168.1.0/24", 2)]))
            .unwrap();
        assert_eq!(bench.metric("192.168.1.0/24"), Some(3));
        let back = sent(&mut bench);
        assert!(back.iter().any(|m| m.0 == Command::UPDATE_RESPONSE && m.1));
        let events: Vec<_> = core::iter::from_fn(|| bench.engine.poll_event()).collect();
        assert!(events.contains(&Event::CircuitUp { interface: ONE }));
    }
}
