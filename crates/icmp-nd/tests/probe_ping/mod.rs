//! Ping.

use crate::probe_support::*;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::generation::{ErrorOptions, build_ipv4_error, build_ipv6_error};
use icmp_nd::ping::*;
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::*;
use testkit::{ContractChecker, LinkConfig, Network, SeededRandom, for_each_seed};

fn pinger(config: PingConfig) -> Pinger {
    Pinger::new(config, random(1)).unwrap()
}

/// A pinger with one target, whose first request has just been sent.
fn started(config: PingConfig) -> (Pinger, TargetId, Vec<u8>) {
    let mut pinger = pinger(config);
    let target = pinger
        .add_target(Instant::ZERO, Target::new(HERE, THERE))
        .unwrap();
    let request = next(&mut pinger, Instant::ZERO);
    (pinger, target, request)
}

fn next(pinger: &mut Pinger, now: Instant) -> Vec<u8> {
    pinger.handle_timeout(now);
    let mut out = PacketBuf::new();
    pinger.poll_transmit(&mut out).expect("a request");
    out.as_slice().to_vec()
}

/// The reply to a request, from its destination, with its data changed.
fn reply(request: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    reply_from(request, None, change)
}

fn reply_from(
    request: &[u8],
    from: Option<Ipv4Addr>,
    change: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let ip = Ipv4Packet::parse(request).unwrap();
    let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
    let Icmpv4Repr::EchoRequest {
        identifier,
        sequence_number,
    } = icmp.to_repr()
    else {
        panic!("no echo request");
    };
    let mut data = icmp.payload().to_vec();
    change(&mut data);
    let mut out = PacketBuf::new();
    out.append_slice(&data);
    Icmpv4Repr::EchoReply {
        identifier,
        sequence_number,
    }
    .emit(&mut out)
    .unwrap();
    let from = from.unwrap_or(ip.destination());
    Ipv4Repr::new(from, ip.source(), IpProtocol::ICMP)
        .emit(&mut out)
        .unwrap();
    out.as_slice().to_vec()
}

fn error(request: &[u8], message: Icmpv4Repr, length: usize) -> Vec<u8> {
    let options = ErrorOptions {
        ipv4_error_len: length,
        ..ErrorOptions::default()
    };
    let mut out = PacketBuf::new();
    build_ipv4_error(&message, request, [10, 0, 0, 1].into(), &options, &mut out).unwrap();
    out.as_slice().to_vec()
}

const HOST_UNREACHABLE: Icmpv4Repr = Icmpv4Repr::DestinationUnreachable {
    code: icmpv4_code::Unreachable::HOST,
    quoted_words: 0,
    next_hop_mtu: 0,
};

mod rfc792_echo {
    use super::*;

    // RFC 792 §Echo MUST: identifier, sequence number and data come back unchanged.
    #[test]
    fn a_request_is_told_by_identifier_sequence_number_and_data() {
        let (mut pinger, target, request) = started(PingConfig {
            identifier: Some(0x1234),
            ..PingConfig::default()
        });
        let ip = Ipv4Packet::parse(&request).unwrap();
        assert_eq!(ip.verify_checksum(), Ok(()));
        assert_eq!(ip.time_to_live(), 64);
        let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
        assert_eq!(icmp.verify_checksum(), Ok(()));
        let repr = Icmpv4Repr::EchoRequest {
            identifier: 0x1234,
            sequence_number: 1,
        };
        assert_eq!(icmp.to_repr(), repr);
        assert_eq!(icmp.payload().len(), 56);
        assert_eq!(icmp.payload()[8..12], [8, 9, 10, 11]);

        let now = Instant::from_millis(30);
        pinger.handle_input(now, &reply(&request, |_| {})).unwrap();
        let Some(Event::Reply(got)) = pinger.poll_event() else {
            panic!("no reply");
        };
        assert_eq!((got.sequence, got.from, got.octets), (1, THERE, 56));
        assert_eq!(got.rtt, Duration::from_millis(30));
        assert_eq!(got.hop_limit, Some(64));
        assert!(!got.late && !got.duplicate && !got.reordered);
        assert_eq!(got.first_difference, None);
        assert_eq!(pinger.target_stats(target).unwrap().received, 1);
    }

    // RFC 4443 §4.1 MUST: the same over IPv6, with the checksum over the pseudo-header.
    #[test]
    fn over_ipv6() {
        let mut pinger = pinger(PingConfig::default());
        let target = Target::new(HERE6, THERE6);
        pinger.add_target(Instant::ZERO, target).unwrap();
        let request = next(&mut pinger, Instant::ZERO);
        let mut answer = PacketBuf::new();
        path(3).answer(&request, &mut answer).unwrap();
        // As a raw socket of Linux gives it: without the header.
        let ip = Ipv6Packet::parse(answer.as_slice()).unwrap();
        let received = Received {
            source: THERE6,
            destination: None,
            hop_limit: None,
            protocol: IpProtocol::ICMPV6,
            octets: ip.payload(),
        };
        pinger
            .handle_message(Instant::from_millis(1), &received)
            .unwrap();
        assert!(matches!(pinger.poll_event(), Some(Event::Reply(_))));
        // With the header the checksum is verified.
        let mut bad = answer.as_slice().to_vec();
        *bad.last_mut().unwrap() ^= 1;
        let refused = pinger.handle_input(Instant::from_millis(1), &bad);
        assert!(matches!(refused, Err(Discard::Malformed(_))));
    }

    #[test]
    fn the_message_alone_for_icmp_sockets() {
        let (_, _, request) = started(PingConfig {
            framing: Framing::IcmpMessage,
            payload_len: 3,
            ..PingConfig::default()
        });
        assert_eq!(request.len(), 8 + 3);
        assert_eq!(request[0], 8);
    }
}

mod answers_told_apart {
    use super::*;

    #[test]
    fn a_duplicate() {
        let (mut pinger, target, request) = started(PingConfig::default());
        let answer = reply(&request, |_| {});
        for _ in 0..3 {
            pinger
                .handle_input(Instant::from_millis(5), &answer)
                .unwrap();
        }
        let stats = pinger.target_stats(target).unwrap();
        assert_eq!((stats.received, stats.duplicates), (1, 2));
        assert_eq!(stats.rtt.count(), 1);
    }

    #[test]
    fn a_late_one() {
        let (mut pinger, target, request) = started(PingConfig::default());
        pinger.handle_timeout(Instant::from_secs(2));
        assert!(matches!(
            pinger.poll_event(),
            Some(Event::Timeout { sequence: 1, .. })
        ));
        let now = Instant::from_millis(2_500);
        pinger.handle_input(now, &reply(&request, |_| {})).unwrap();
        let Some(Event::Reply(got)) = pinger.poll_event() else {
            panic!("no reply");
        };
        assert!(got.late && !got.duplicate);
        assert_eq!(got.rtt, Duration::from_millis(2_500));
        let stats = pinger.target_stats(target).unwrap();
        assert_eq!((stats.timeouts, stats.late, stats.received), (1, 1, 1));
    }

    #[test]
    fn a_reordered_one() {
        let (mut pinger, target, first) = started(PingConfig::default());
        let second = next(&mut pinger, Instant::from_secs(1));
        let now = Instant::from_millis(1_500);
        pinger.handle_input(now, &reply(&second, |_| {})).unwrap();
        pinger.handle_input(now, &reply(&first, |_| {})).unwrap();
        assert_eq!(pinger.target_stats(target).unwrap().reordered, 1);
    }

    #[test]
    fn a_corrupt_one() {
        let (mut pinger, target, request) = started(PingConfig::default());
        let now = Instant::from_millis(1);
        let answer = reply(&request, |data| data[20] ^= 0x10);
        pinger.handle_input(now, &answer).unwrap();
        let Some(Event::Reply(got)) = pinger.poll_event() else {
            panic!("no reply");
        };
        assert_eq!(got.first_difference, Some(20));
        // Cut, and too long.
        for (change, at) in [(-10, 46), (10, 56)] {
            let answer = reply(&request, |data| {
                data.resize((56 + change) as usize, 0);
            });
            pinger.handle_input(now, &answer).unwrap();
            let Some(Event::Reply(got)) = pinger.poll_event() else {
                panic!("no reply");
            };
            assert_eq!(got.first_difference, Some(at));
        }
        assert_eq!(pinger.target_stats(target).unwrap().corrupt, 3);
    }

    #[test]
    fn an_error_with_a_long_and_with_a_short_quote() {
        for length in [56, 576] {
            let (mut pinger, target, request) = started(PingConfig::default());
            let now = Instant::from_millis(7);
            let answer = error(&request, HOST_UNREACHABLE, length);
            pinger.handle_input(now, &answer).unwrap();
            let Some(Event::Error {
                sequence,
                from,
                error,
                rtt,
                ..
            }) = pinger.poll_event()
            else {
                panic!("no error");
            };
            assert_eq!((sequence, rtt), (1, Duration::from_millis(7)));
            assert_eq!(from, IpAddr::from([10, 0, 0, 1]));
            assert_eq!(
                error.to_string(),
                "destination unreachable: host unreachable"
            );
            let stats = pinger.target_stats(target).unwrap();
            assert_eq!((stats.errors, stats.received), (1, 0));
            // The request is answered, so it does not time out as well.
            pinger.handle_timeout(Instant::from_millis(2_100));
            assert_eq!(pinger.target_stats(target).unwrap().timeouts, 0);
        }
    }

    #[test]
    fn a_redirect_does_not_stand_for_the_answer() {
        let (mut pinger, target, request) = started(PingConfig::default());
        let redirect = Icmpv4Repr::Redirect {
            code: icmpv4_code::Redirect::HOST,
            gateway: Ipv4Addr::new(192, 0, 2, 254),
        };
        let now = Instant::from_millis(1);
        pinger
            .handle_input(now, &error(&request, redirect, 576))
            .unwrap();
        pinger.handle_input(now, &reply(&request, |_| {})).unwrap();
        let stats = pinger.target_stats(target).unwrap();
        assert_eq!((stats.redirects, stats.errors, stats.received), (1, 0, 1));
    }

    #[test]
    fn errors_over_ipv6() {
        let mut pinger = pinger(PingConfig::default());
        let target = Target::new(HERE6, THERE6);
        pinger.add_target(Instant::ZERO, target).unwrap();
        let request = next(&mut pinger, Instant::ZERO);
        let message = Icmpv6Repr::PacketTooBig { mtu: 1_280 };
        let from = Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 0, 1);
        let mut out = PacketBuf::new();
        build_ipv6_error(&message, &request, from, &ErrorOptions::default(), &mut out).unwrap();
        pinger.handle_input(Instant::ZERO, out.as_slice()).unwrap();
        let Some(Event::Error { error, .. }) = pinger.poll_event() else {
            panic!("no error");
        };
        assert_eq!(error.packet_too_big(), Some(1_280));
    }

    #[test]
    fn answers_of_a_group_are_told_with_their_sources() {
        let mut pinger = pinger(PingConfig::default());
        let group = Target::new(HERE, [224, 0, 0, 1].into());
        let target = pinger.add_target(Instant::ZERO, group).unwrap();
        let request = next(&mut pinger, Instant::ZERO);
        for host in 2..5 {
            let from = Ipv4Addr::new(192, 0, 2, host);
            let answer = reply_from(&request, Some(from), |_| {});
            pinger
                .handle_input(Instant::from_millis(1), &answer)
                .unwrap();
        }
        let stats = pinger.target_stats(target).unwrap();
        assert_eq!((stats.received, stats.duplicates), (1, 2));
        // Nobody who did not see the request answers for the group.
        let from = Some(Ipv4Addr::new(192, 0, 2, 66));
        let forged = reply_from(&request, from, |data| data[0] ^= 1);
        let refused = pinger.handle_input(Instant::from_millis(1), &forged);
        assert_eq!(refused, Err(Discard::UnknownTarget));
    }
}

mod attacks {
    use super::*;

    /// A forger who does not see the requests does not know the token.
    #[test]
    fn forged_replies_are_refused_and_counted() {
        let (mut pinger, target, request) = started(PingConfig {
            identifier: Some(7),
            ..PingConfig::default()
        });
        let now = Instant::from_millis(1);
        let forged = reply(&request, |data| data[..8].fill(0));
        assert_eq!(pinger.handle_input(now, &forged), Err(Discard::WrongToken));
        // Without any data at all.
        let forged = reply(&request, Vec::clear);
        assert_eq!(pinger.handle_input(now, &forged), Err(Discard::WrongToken));
        let stranger = reply_from(&request, Some([203, 0, 113, 1].into()), |_| {});
        assert_eq!(
            pinger.handle_input(now, &stranger),
            Err(Discard::UnknownTarget)
        );
        let stats = pinger.stats();
        assert_eq!((stats.wrong_token, stats.unknown_target), (2, 1));
        assert_eq!(pinger.target_stats(target).unwrap().received, 0);
        assert_eq!(pinger.poll_event(), None);
        // The true reply is taken all the same.
        pinger.handle_input(now, &reply(&request, |_| {})).unwrap();
    }

    #[test]
    fn forged_errors_are_refused_and_counted() {
        let (mut pinger, _, request) = started(PingConfig::default());
        let now = Instant::from_millis(1);
        // A wrong token in the quote.
        let mut other = request.clone();
        other[28..36].fill(0);
        let forged = error(&other, HOST_UNREACHABLE, 576);
        assert_eq!(pinger.handle_input(now, &forged), Err(Discard::WrongToken));
        // Another program's request.
        let mut other = request.clone();
        other[24] ^= 0xff;
        let forged = error(&other, HOST_UNREACHABLE, 576);
        assert!(matches!(
            pinger.handle_input(now, &forged),
            Err(Discard::OtherIdentifier(_))
        ));
        // A request that was not sent yet.
        let mut other = request.clone();
        other[27] = 2;
        let forged = error(&other, HOST_UNREACHABLE, 576);
        assert_eq!(
            pinger.handle_input(now, &forged),
            Err(Discard::UnknownSequence(2))
        );
        // RFC 6633 §3 MUST (ignore): a source quench is nothing.
        let quench = Icmpv4Repr::Other {
            message_type: Icmpv4Type::SOURCE_QUENCH,
            code: 0,
            rest: [0; 4],
        };
        let mut out = PacketBuf::new();
        out.append_slice(&request);
        quench.emit(&mut out).unwrap();
        Ipv4Repr::new(
            [10, 0, 0, 1].into(),
            [192, 0, 2, 1].into(),
            IpProtocol::ICMP,
        )
        .emit(&mut out)
        .unwrap();
        assert_eq!(
            pinger.handle_input(now, out.as_slice()),
            Err(Discard::SourceQuench)
        );
        let stats = pinger.stats();
        assert_eq!((stats.wrong_token, stats.other_identifier), (1, 1));
        assert_eq!((stats.unknown_sequence, stats.source_quench), (1, 1));
    }

    #[test]
    fn nothing_grows_when_nobody_polls() {
        let config = PingConfig {
            interval: Duration::from_micros(1),
            timeout: Duration::from_micros(10),
            max_in_flight: 8,
            window: 16,
            max_events: 10,
            ..PingConfig::default()
        };
        let mut pinger = pinger(config);
        for host in 1..=20 {
            let target = Target::new(HERE, [198, 51, 100, host].into());
            pinger.add_target(Instant::ZERO, target).unwrap();
        }
        for micros in 0..2_000 {
            pinger.handle_timeout(Instant::from_micros(micros));
        }
        let mut out = PacketBuf::new();
        let mut waiting = 0;
        while waiting <= 1_000 && pinger.poll_transmit(&mut out).is_some() {
            waiting += 1;
        }
        // Each target has eight waiting; polling makes room for as many more at the most.
        assert!(waiting <= 20 * 16, "{waiting}");
        let events = core::iter::from_fn(|| pinger.poll_event()).count();
        assert_eq!(events, 10);
        assert!(pinger.stats().events_dropped > 0);
    }

    #[test]
    fn an_answer_to_a_forgotten_request_is_unknown() {
        let (mut pinger, _, first) = started(PingConfig {
            max_in_flight: 4,
            window: 4,
            timeout: Duration::from_millis(10),
            ..PingConfig::default()
        });
        for second in 1..5 {
            next(&mut pinger, Instant::from_secs(second));
        }
        let refused = pinger.handle_input(Instant::from_secs(5), &reply(&first, |_| {}));
        assert_eq!(refused, Err(Discard::UnknownSequence(1)));
    }
}

mod course {
    use super::*;

    #[test]
    fn it_ends_after_count_requests() {
        let (mut pinger, target, request) = started(PingConfig {
            count: Some(2),
            ..PingConfig::default()
        });
        pinger
            .handle_input(Instant::ZERO, &reply(&request, |_| {}))
            .unwrap();
        assert_eq!(pinger.poll_timeout(), Some(Instant::from_secs(1)));
        let second = next(&mut pinger, Instant::from_secs(1));
        assert!(!pinger.is_finished());
        pinger
            .handle_input(Instant::from_secs(1), &reply(&second, |_| {}))
            .unwrap();
        assert!(pinger.is_finished());
        assert_eq!(pinger.poll_timeout(), None);
        let last = core::iter::from_fn(|| pinger.poll_event()).last();
        assert_eq!(last, Some(Event::Finished { target }));
    }

    #[test]
    fn it_ends_at_the_deadline() {
        let (mut pinger, target, _) = started(PingConfig {
            deadline: Some(Duration::from_millis(3_500)),
            ..PingConfig::default()
        });
        while let Some(now) = pinger.poll_timeout() {
            pinger.handle_timeout(now);
            while pinger.poll_transmit(&mut PacketBuf::new()).is_some() {}
            assert!(now <= Instant::from_millis(3_500));
        }
        assert!(pinger.is_finished());
        assert_eq!(pinger.target_stats(target).unwrap().sent, 4);
    }

    #[test]
    fn a_full_window_waits_for_an_answer() {
        let (mut pinger, target, first) = started(PingConfig {
            max_in_flight: 2,
            window: 8,
            interval: Duration::from_millis(10),
            ..PingConfig::default()
        });
        next(&mut pinger, Instant::from_millis(10));
        pinger.handle_timeout(Instant::from_millis(20));
        assert!(pinger.poll_transmit(&mut PacketBuf::new()).is_none());
        // The answer makes room at once.
        let now = Instant::from_millis(25);
        pinger.handle_input(now, &reply(&first, |_| {})).unwrap();
        assert!(pinger.poll_transmit(&mut PacketBuf::new()).is_some());
        assert_eq!(pinger.target_stats(target).unwrap().sent, 3);
    }

    #[test]
    fn stop_waits_for_what_is_in_flight() {
        let (mut pinger, target, request) = started(PingConfig::default());
        pinger.stop();
        assert!(!pinger.is_finished());
        pinger
            .handle_input(Instant::from_millis(1), &reply(&request, |_| {}))
            .unwrap();
        assert!(pinger.is_finished());
        assert_eq!(pinger.target_stats(target).unwrap().sent, 1);
    }

    #[test]
    fn targets_are_refused_that_cannot_be() {
        let mut pinger = pinger(PingConfig {
            max_targets: 1,
            ..PingConfig::default()
        });
        let mixed = Target::new(HERE, THERE6);
        assert_eq!(
            pinger.add_target(Instant::ZERO, mixed),
            Err(TargetError::VersionMismatch)
        );
        let target = Target::new(HERE, THERE);
        pinger.add_target(Instant::ZERO, target).unwrap();
        assert_eq!(
            pinger.add_target(Instant::ZERO, target),
            Err(TargetError::Duplicate)
        );
        let other = Target::new(HERE, [198, 51, 100, 8].into());
        assert_eq!(
            pinger.add_target(Instant::ZERO, other),
            Err(TargetError::TooMany)
        );
    }

    #[test]
    fn patterns_repeat() {
        let (_, _, request) = started(PingConfig {
            pattern: Pattern::Repeating(vec![0xde, 0xad]),
            payload_len: 13,
            ..PingConfig::default()
        });
        assert_eq!(request[36..], [0xde, 0xad, 0xde, 0xad, 0xde]);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let (mut pinger, target, mut request) = started(PingConfig {
            interval: Duration::from_millis(1),
            window: 64,
            ..PingConfig::default()
        });
        for millis in 1..=70_000 {
            let now = Instant::from_millis(millis);
            pinger.handle_input(now, &reply(&request, |_| {})).unwrap();
            request = next(&mut pinger, now);
            while pinger.poll_event().is_some() {}
        }
        let stats = pinger.target_stats(target).unwrap();
        assert_eq!((stats.received, stats.reordered), (70_000, 0));
    }
}

mod simulation {
    use super::*;

    /// Over a link that loses, repeats, reorders and damages: what is told adds up, and nothing is
    /// taken for what it is not.
    #[test]
    fn over_a_bad_link_the_counts_add_up() {
        let mut seen = TargetStats::default();
        for_each_seed(0..30, |seed| {
            let mut network = Network::new(seed);
            let config = PingConfig {
                interval: Duration::from_millis(10),
                timeout: Duration::from_millis(30),
                count: Some(200),
                max_in_flight: 4,
                ..PingConfig::default()
            };
            let mut pinger = Pinger::new(config, Box::new(network.random("pinger"))).unwrap();
            let mut targets = Vec::new();
            for (from, to) in [(HERE, THERE), (HERE6, THERE6)] {
                let target = Target::new(from, to);
                targets.push(pinger.add_target(Instant::ZERO, target).unwrap());
            }
            let here = network.add_node("here", PingNode::new(pinger));
            let there = network.add_node("there", PathNode::new(path(4)));
            network.add_link("wire", here, there, bad_link());
            network.run_until_idle(Instant::from_secs(60)).unwrap();
            let node = network.node::<PingNode>(here);
            assert!(node.pinger.is_finished());
            for &target in &targets {
                let stats = node.pinger.target_stats(target).unwrap();
                assert_eq!(stats.sent, 200);
                assert_eq!(stats.received + stats.timeouts - stats.late, 200);
                assert!(stats.rtt.min().unwrap() >= Duration::from_millis(12));
                assert_eq!(stats.corrupt, 0, "the checksum finds it");
                assert!(stats.missing() > 0 && stats.received > 100, "{stats:?}");
                seen.duplicates += stats.duplicates;
                seen.late += stats.late;
                seen.reordered += stats.reordered;
            }
            assert!(node.pinger.stats().malformed > 0);
        });
        assert!(seen.duplicates > 0 && seen.late > 0 && seen.reordered > 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        testkit::assert_deterministic(5, |seed| {
            let mut network = Network::new(seed);
            let config = PingConfig {
                count: Some(5),
                ..PingConfig::default()
            };
            let mut pinger = Pinger::new(config, Box::new(network.random("p"))).unwrap();
            pinger
                .add_target(Instant::ZERO, Target::new(HERE, THERE))
                .unwrap();
            let here = network.add_node("here", PingNode::new(pinger));
            let there = network.add_node("there", PathNode::new(path(2)));
            network.add_link("wire", here, there, LinkConfig::default());
            network.start_trace();
            network.run_until_idle(Instant::from_secs(60)).unwrap();
            network.trace().to_owned()
        });
    }

    /// The contract, with random times, polls and packets.
    #[test]
    fn any_sequence_of_calls_keeps_the_contract() {
        for_each_seed(0..200, |seed| {
            let mut random = SeededRandom::new(seed);
            let config = PingConfig {
                interval: Duration::from_millis(1 + random.between(0, 50) as u64),
                timeout: Duration::from_millis(1 + random.between(0, 100) as u64),
                count: random.chance(0.5).then_some(20),
                deadline: random.chance(0.3).then_some(Duration::from_millis(700)),
                max_in_flight: random.between(1, 5),
                window: 8,
                ..PingConfig::default()
            };
            let mut pinger = Pinger::new(config, Box::new(random.fork("pinger"))).unwrap();
            for host in 1..=3 {
                let target = Target::new(HERE, [198, 51, 100, host].into());
                pinger.add_target(Instant::ZERO, target).unwrap();
            }
            let mut checker =
                ContractChecker::new("pinger", PingNode::new(pinger), random.fork("checker"));
            let mut path = path(2);
            path.destinations = (1..=3).map(|host| [198, 51, 100, host].into()).collect();
            let mut answers: Vec<Vec<u8>> = Vec::new();
            let mut now = Instant::ZERO;
            for _ in 0..300 {
                now += random.duration_up_to(Duration::from_millis(20));
                match random.between(0, 3) {
                    0 => checker.handle_timeout(now),
                    1 if !answers.is_empty() => {
                        let at = random.between(0, answers.len() - 1);
                        let mut answer = answers[at].clone();
                        if random.chance(0.3) {
                            let at = random.between(0, answer.len() - 1);
                            answer[at] ^= 1 << random.between(0, 7);
                        }
                        let _ = checker.handle_input(now, 0, &answer);
                    }
                    2 => {
                        checker.settle(now, |_, request| {
                            let mut out = PacketBuf::new();
                            if path.answer(request, &mut out).is_some() {
                                answers.push(out.as_slice().to_vec());
                            }
                        });
                    }
                    _ => {
                        if let Some(deadline) = checker.poll_timeout() {
                            now = now.max(deadline);
                            checker.handle_timeout(now);
                        }
                    }
                }
                if answers.len() > 20 {
                    answers.remove(0);
                }
            }
        });
    }
}
