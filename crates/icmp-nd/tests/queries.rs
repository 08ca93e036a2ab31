//! Timestamp, address mask, information and extended echo exchanges (RFC 792, 950, 1122, 6918, 8335), and router
//! discovery for IPv4 (RFC 1256).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::generation::{Arrival, LinkDelivery};
use icmp_nd::query::*;
use icmp_nd::wire::*;
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::*;
use testkit::SeededRandom;

#[path = "queries/rfc1256.rs"]
mod rfc1256;

const ME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ME6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const PEER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

fn random(seed: u64) -> Box<SeededRandom> {
    Box::new(SeededRandom::new(seed))
}

fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, message: &PacketBuf) -> Vec<u8> {
    let mut packet = message.clone();
    Ipv4Repr::new(source, destination, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

fn query(source: Ipv4Addr, destination: Ipv4Addr, query: &Icmpv4Query) -> Vec<u8> {
    let mut out = PacketBuf::new();
    query.emit(&mut out).unwrap();
    ipv4(source, destination, &out)
}

fn echo(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut out = PacketBuf::new();
    out.append_slice(b"some data");
    Icmpv4Repr::EchoRequest {
        identifier: 7,
        sequence_number: 9,
    }
    .emit(&mut out)
    .unwrap();
    ipv4(source, destination, &out)
}

/// The answer under a policy, parsed.
fn respond(
    policy: &ResponderPolicy,
    packet: &[u8],
    arrival: &Arrival,
    context: &ResponderContext<'_>,
) -> Result<(Ipv4Addr, Ipv4Addr, Vec<u8>), Refusal> {
    let mut out = PacketBuf::new();
    respond_ipv4(policy, packet, arrival, context, &mut out)?;
    let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
    assert_eq!(ip.verify_checksum(), Ok(()));
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    assert_eq!(message.verify_checksum(), Ok(()));
    Ok((ip.source(), ip.destination(), ip.payload().to_vec()))
}

fn timestamp_request() -> Icmpv4Query {
    Icmpv4Query::TimestampRequest(TimestampFields {
        identifier: 3,
        sequence_number: 4,
        originate: IcmpTimestamp(1_000),
        receive: IcmpTimestamp(0),
        transmit: IcmpTimestamp(0),
    })
}

const MASK_REQUEST: Icmpv4Query = Icmpv4Query::AddressMaskRequest {
    identifier: 1,
    sequence_number: 2,
    mask: Ipv4Addr::UNSPECIFIED,
};
const INFORMATION_REQUEST: Icmpv4Query = Icmpv4Query::InformationRequest {
    identifier: 1,
    sequence_number: 2,
};

mod responder {
    use super::*;

    fn context() -> ResponderContext<'static> {
        ResponderContext {
            ipv4_address: Some(PEER),
            ipv6_address: Some(PEER6),
            time_of_day: Some(43_200_000),
            interfaces: None,
        }
    }

    // RFC 1122 §3.2.2.6 MUST: the reply comes from the address that was asked, with all the data.
    #[test]
    fn an_echo_comes_back_with_its_data() {
        let policy = ResponderPolicy::default();
        let answer = respond(&policy, &echo(ME, PEER), &Arrival::UNICAST, &context());
        let (from, to, octets) = answer.unwrap();
        assert_eq!((from, to), (PEER, ME));
        let message = Icmpv4Message::parse(&octets).unwrap();
        assert_eq!(message.payload(), b"some data");
        assert_eq!(
            message.to_repr(),
            Icmpv4Repr::EchoReply {
                identifier: 7,
                sequence_number: 9
            }
        );
    }

    /// Smurf: a forged source, and a whole link that answers it.
    // RFC 1122 §3.2.2.6 MAY: an echo to a group may be discarded.
    // RFC 1122 §3.2.2.8 MAY: and so may a timestamp.
    #[test]
    fn smurf_is_not_answered() {
        let policy = ResponderPolicy::default();
        let groups = [
            (Ipv4Addr::BROADCAST, Arrival::UNICAST),
            (Ipv4Addr::new(224, 0, 0, 1), Arrival::UNICAST),
            (
                Ipv4Addr::new(192, 0, 2, 255),
                Arrival {
                    ip_broadcast: true,
                    ..Arrival::UNICAST
                },
            ),
            (
                PEER,
                Arrival {
                    link: LinkDelivery::Broadcast,
                    ..Arrival::UNICAST
                },
            ),
        ];
        for (destination, arrival) in groups {
            for packet in [
                echo(ME, destination),
                query(ME, destination, &timestamp_request()),
            ] {
                let answer = respond(&policy, &packet, &arrival, &context());
                assert_eq!(answer, Err(Refusal::Group));
            }
        }
        let willing = ResponderPolicy {
            echo_to_ipv4_group: true,
            ..policy
        };
        let packet = echo(ME, Ipv4Addr::BROADCAST);
        let (from, ..) = respond(&willing, &packet, &Arrival::UNICAST, &context()).unwrap();
        assert_eq!(from, PEER, "never from the group's address");
    }

    #[test]
    fn a_source_that_is_not_one_host_is_not_answered() {
        let policy = ResponderPolicy::default();
        for source in [
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::BROADCAST,
            Ipv4Addr::new(224, 0, 0, 5),
            Ipv4Addr::LOCALHOST,
        ] {
            let answer = respond(&policy, &echo(source, PEER), &Arrival::UNICAST, &context());
            assert_eq!(answer, Err(Refusal::AmbiguousSource));
        }
    }

    // RFC 792 §Timestamp MUST: originate comes back, receive and transmit are ours.
    #[test]
    fn a_timestamp_has_all_three_times() {
        let policy = ResponderPolicy::default();
        let packet = query(ME, PEER, &timestamp_request());
        let (_, _, octets) = respond(&policy, &packet, &Arrival::UNICAST, &context()).unwrap();
        let message = Icmpv4Message::parse(&octets).unwrap();
        let Ok(Icmpv4Query::TimestampReply(fields)) = Icmpv4Query::parse(&message) else {
            panic!("no timestamp reply");
        };
        assert_eq!((fields.identifier, fields.sequence_number), (3, 4));
        assert_eq!(fields.originate, IcmpTimestamp(1_000));
        assert_eq!(fields.receive, IcmpTimestamp(43_200_000));
        assert_eq!(fields.transmit, fields.receive);
        // A host that does not know the time says nothing.
        let unknown = ResponderContext {
            time_of_day: None,
            ..context()
        };
        let answer = respond(&policy, &packet, &Arrival::UNICAST, &unknown);
        assert_eq!(answer, Err(Refusal::Unknown));
    }

    // RFC 1122 §3.2.2.7 SHOULD NOT: no information replies.
    // RFC 1122 §3.2.2.9 MUST NOT: no mask replies unless an authoritative agent.
    #[test]
    fn what_is_deprecated_is_off_by_default() {
        let off = ResponderPolicy::default();
        for request in [MASK_REQUEST, INFORMATION_REQUEST] {
            let answer = respond(
                &off,
                &query(ME, PEER, &request),
                &Arrival::UNICAST,
                &context(),
            );
            assert_eq!(answer, Err(Refusal::Policy));
        }
        let on = ResponderPolicy {
            information: true,
            address_mask: Some([255, 255, 255, 0].into()),
            ..off
        };
        for (request, wanted) in [
            (MASK_REQUEST, Icmpv4Type::ADDRESS_MASK_REPLY),
            (INFORMATION_REQUEST, Icmpv4Type::INFORMATION_REPLY),
        ] {
            let packet = query(ME, PEER, &request);
            let (_, _, octets) = respond(&on, &packet, &Arrival::UNICAST, &context()).unwrap();
            assert_eq!(Icmpv4Type(octets[0]), wanted);
        }
    }

    // RFC 4443 §4.2 MUST: the reply to a multicast comes from a unicast address.
    #[test]
    fn over_ipv6() {
        let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        for destination in [PEER6, all_nodes] {
            let mut packet = PacketBuf::new();
            packet.append_slice(b"data");
            let ip = Ipv6Repr::new(ME6, destination, IpProtocol::ICMPV6);
            let request = Icmpv6Repr::EchoRequest {
                identifier: 1,
                sequence_number: 2,
            };
            request.emit(&mut packet, &ip.pseudo_header()).unwrap();
            ip.emit(&mut packet).unwrap();
            let mut out = PacketBuf::new();
            let policy = ResponderPolicy::default();
            let arrival = Arrival::UNICAST;
            respond_ipv6(&policy, packet.as_slice(), &arrival, &context(), &mut out).unwrap();
            let ip = Ipv6Packet::parse(out.as_slice()).unwrap();
            assert_eq!((ip.source(), ip.destination()), (PEER6, ME6));
            let message = Icmpv6Message::parse(ip.payload()).unwrap();
            assert_eq!(message.verify_checksum(&ip.pseudo_header()), Ok(()));
            assert_eq!(message.payload(), b"data");
        }
    }

    #[test]
    fn near_misses_return() {
        let policy = ResponderPolicy {
            information: true,
            address_mask: Some([255, 0, 0, 0].into()),
            ..ResponderPolicy::default()
        };
        let mut variants = 0;
        for packet in [
            echo(ME, PEER),
            query(ME, PEER, &timestamp_request()),
            query(ME, PEER, &MASK_REQUEST),
        ] {
            variants += testkit::sweep(&packet, |packet| {
                let mut out = PacketBuf::new();
                let _ = respond_ipv4(&policy, packet, &Arrival::UNICAST, &context(), &mut out);
                let _ = respond_ipv6(&policy, packet, &Arrival::UNICAST, &context(), &mut out);
            });
        }
        assert!(variants > 300);
    }
}

mod rfc8335_section_4 {
    use super::*;

    fn request(local: bool, interface: InterfaceIdentification<'_>) -> Vec<u8> {
        let mut out = PacketBuf::new();
        ExtendedEchoRequest {
            identifier: 5,
            sequence_number: 6,
            local,
            interface,
        }
        .emit_v4(&mut out)
        .unwrap();
        ipv4(ME, PEER, &out)
    }

    fn policy() -> ResponderPolicy {
        ResponderPolicy {
            extended_echo: ExtendedEchoPolicy {
                local_sources: vec![ME.into()],
                neighbor_sources: vec![ME.into()],
                by_name: true,
                by_index: true,
                by_address: true,
            },
            ..ResponderPolicy::default()
        }
    }

    fn ask(policy: &ResponderPolicy, packet: &[u8]) -> Result<ExtendedEchoReply, Refusal> {
        let find = |interface: &InterfaceIdentification<'_>, local: bool| match interface {
            InterfaceIdentification::Name("eth0") => InterfaceState::Local {
                active: true,
                ipv4: true,
                ipv6: false,
            },
            InterfaceIdentification::Name("eth1") => InterfaceState::Local {
                active: false,
                ipv4: true,
                ipv6: true,
            },
            InterfaceIdentification::Index(7) => InterfaceState::Several,
            InterfaceIdentification::Address(_) if !local => {
                InterfaceState::Neighbor(ExtendedEchoState::REACHABLE)
            }
            _ => InterfaceState::Unknown,
        };
        let context = ResponderContext {
            interfaces: Some(&find),
            ..ResponderContext::default()
        };
        let (from, to, octets) = respond(policy, packet, &Arrival::UNICAST, &context)?;
        assert_eq!((from, to), (PEER, ME));
        let message = Icmpv4Message::parse(&octets).unwrap();
        let reply = ExtendedEchoReply::parse_v4(&message).unwrap();
        assert_eq!((reply.identifier, reply.sequence_number), (5, 6));
        Ok(reply)
    }

    // RFC 8335 §4 MUST (discard): nothing that is not explicitly enabled.
    // RFC 8335 §4 MUST (source): per L-bit.
    // RFC 8335 §4 MUST (kind): by name, index, address.
    #[test]
    fn only_what_is_authorized_is_answered() {
        let by_name = request(true, InterfaceIdentification::Name("eth0"));
        let off = ResponderPolicy::default();
        assert_eq!(ask(&off, &by_name), Err(Refusal::Policy));
        let mut others = policy();
        others.extended_echo.local_sources = vec![PEER.into()];
        assert_eq!(ask(&others, &by_name), Err(Refusal::Unauthorized));
        let mut by_index_only = policy();
        by_index_only.extended_echo.by_name = false;
        assert_eq!(ask(&by_index_only, &by_name), Err(Refusal::Unauthorized));
        assert!(ask(&policy(), &by_name).is_ok());
    }

    // RFC 8335 §4 MUST (group): not to a group.
    #[test]
    fn nothing_that_came_to_a_group_is_answered() {
        let packet = request(true, InterfaceIdentification::Name("eth0"));
        let arrival = Arrival {
            link: LinkDelivery::Multicast,
            ..Arrival::UNICAST
        };
        let answer = respond(&policy(), &packet, &arrival, &ResponderContext::default());
        assert_eq!(answer, Err(Refusal::Group));
    }

    // RFC 8335 §3 MUST: protocols of an active interface only.
    #[test]
    fn the_state_is_told() {
        let name = |name| request(true, InterfaceIdentification::Name(name));
        let up = ask(&policy(), &name("eth0")).unwrap();
        assert_eq!(up.code, ExtendedEchoCode::NO_ERROR);
        assert_eq!((up.active, up.ipv4, up.ipv6), (true, true, false));
        let down = ask(&policy(), &name("eth1")).unwrap();
        assert_eq!((down.active, down.ipv4, down.ipv6), (false, false, false));
        let none = ask(&policy(), &name("eth9")).unwrap();
        assert_eq!(none.code, ExtendedEchoCode::NO_SUCH_INTERFACE);
        let several = ask(&policy(), &request(true, InterfaceIdentification::Index(7)));
        assert_eq!(several.unwrap().code, ExtendedEchoCode::MULTIPLE_INTERFACES);
        let address = InterfaceIdentification::Address(InterfaceAddress::Ip(PEER.into()));
        let neighbor = ask(&policy(), &request(false, address)).unwrap();
        assert_eq!(neighbor.state, ExtendedEchoState::REACHABLE);
    }

    // RFC 8335 §4 MUST (malformed): answered with that code.
    #[test]
    fn what_cannot_be_understood_is_answered_so() {
        let mut out = PacketBuf::new();
        Icmpv4Repr::Other {
            message_type: Icmpv4Type::EXTENDED_ECHO_REQUEST,
            code: 0,
            rest: [0, 5, 6, 1],
        }
        .emit(&mut out)
        .unwrap();
        let reply = ask(&policy(), &ipv4(ME, PEER, &out)).unwrap();
        assert_eq!(reply.code, ExtendedEchoCode::MALFORMED_QUERY);
        // A neighbor is told by its address.
        let by_name = request(false, InterfaceIdentification::Name("eth0"));
        let reply = ask(&policy(), &by_name).unwrap();
        assert_eq!(reply.code, ExtendedEchoCode::MALFORMED_QUERY);
    }

    #[test]
    fn the_querier_hears_the_answer_over_both_versions() {
        let ends: [(IpAddr, IpAddr); 2] = [(ME.into(), PEER.into()), (ME6.into(), PEER6.into())];
        for (source, destination) in ends {
            let question = Question::ExtendedEcho {
                local: true,
                interface: InterfaceQuestion::Name("eth0".into()),
            };
            let config = QuerierConfig::new(source, destination, question);
            let mut querier = Querier::new(Instant::ZERO, config, random(1)).unwrap();
            querier.handle_timeout(Instant::ZERO);
            let (mut packet, mut out) = (PacketBuf::new(), PacketBuf::new());
            querier.poll_transmit(&mut packet).unwrap();
            let mut policy = policy();
            policy.extended_echo.local_sources.push(ME6.into());
            let find = |_: &InterfaceIdentification<'_>, _: bool| InterfaceState::Local {
                active: true,
                ipv4: true,
                ipv6: true,
            };
            let context = ResponderContext {
                interfaces: Some(&find),
                ..ResponderContext::default()
            };
            let arrival = Arrival::UNICAST;
            if source.is_ipv4() {
                respond_ipv4(&policy, packet.as_slice(), &arrival, &context, &mut out).unwrap();
            } else {
                respond_ipv6(&policy, packet.as_slice(), &arrival, &context, &mut out).unwrap();
            }
            querier.handle_input(Instant::ZERO, out.as_slice()).unwrap();
            let Some(QueryEvent::Answered {
                answer: Answer::ExtendedEcho(reply),
                from,
                ..
            }) = querier.poll_event()
            else {
                panic!("no answer");
            };
            assert_eq!(from, destination);
            assert!(reply.active && reply.ipv4 && reply.ipv6);
        }
    }
}

mod querier {
    use super::*;

    fn asking(question: Question) -> (Querier, Vec<u8>) {
        let config = QuerierConfig {
            time_of_day_at_zero: IcmpTimestamp::DAY.into(),
            ..QuerierConfig::new(ME.into(), PEER.into(), question)
        };
        let mut querier = Querier::new(Instant::ZERO, config, random(2)).unwrap();
        querier.handle_timeout(Instant::ZERO);
        let mut out = PacketBuf::new();
        querier.poll_transmit(&mut out).unwrap();
        (querier, out.as_slice().to_vec())
    }

    fn mask_reply(request: &[u8], mask: [u8; 4], from: Ipv4Addr) -> Vec<u8> {
        let ip = Ipv4Packet::parse(request).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        let Ok(Icmpv4Query::AddressMaskRequest {
            identifier,
            sequence_number,
            ..
        }) = Icmpv4Query::parse(&message)
        else {
            panic!("no mask request");
        };
        let reply = Icmpv4Query::AddressMaskReply {
            identifier,
            sequence_number,
            mask: mask.into(),
        };
        query(from, ME, &reply)
    }

    // RFC 1122 §3.2.2.9 SHOULD: a reasonableness check on the mask.
    #[test]
    fn a_mask_is_told_with_its_plausibility() {
        for (mask, wanted) in [
            ([255, 255, 255, 0], true),
            ([255, 255, 240, 0], true),
            ([255, 0, 255, 0], false),
            ([0, 0, 0, 0], false),
            ([255, 255, 255, 255], false),
        ] {
            let (mut querier, request) = asking(Question::AddressMask);
            let reply = mask_reply(&request, mask, PEER);
            querier
                .handle_input(Instant::from_millis(3), &reply)
                .unwrap();
            let Some(QueryEvent::Answered {
                answer: Answer::AddressMask { plausible, .. },
                rtt,
                attempt: 1,
                ..
            }) = querier.poll_event()
            else {
                panic!("no answer");
            };
            assert_eq!(plausible, wanted);
            assert_eq!(rtt, Duration::from_millis(3));
            assert_eq!(querier.poll_timeout(), None);
            let again = querier.handle_input(Instant::from_millis(4), &reply);
            assert_eq!(again, Err(QueryDiscard::Settled));
        }
    }

    #[test]
    fn it_asks_three_times_and_gives_up() {
        let (mut querier, _) = asking(Question::Information);
        let mut asked = vec![Instant::ZERO];
        while let Some(now) = querier.poll_timeout() {
            querier.handle_timeout(now);
            if querier.poll_transmit(&mut PacketBuf::new()).is_some() {
                asked.push(now);
            }
        }
        assert_eq!(asked.len(), 3);
        let gaps: Vec<u128> = asked
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_millis())
            .collect();
        assert!((900..=1_100).contains(&gaps[0]) && (1_800..=2_200).contains(&gaps[1]));
        assert_eq!(querier.poll_event(), Some(QueryEvent::Failed));
        assert_eq!(querier.stats().sent, 3);
    }

    #[test]
    fn an_answer_to_an_earlier_request_counts_from_it() {
        let (mut querier, first) = asking(Question::AddressMask);
        let again = querier.poll_timeout().unwrap();
        querier.handle_timeout(again);
        let reply = mask_reply(&first, [255, 0, 0, 0], PEER);
        querier.handle_input(again, &reply).unwrap();
        let Some(QueryEvent::Answered { rtt, attempt, .. }) = querier.poll_event() else {
            panic!("no answer");
        };
        assert_eq!((rtt, attempt), (again - Instant::ZERO, 1));
    }

    #[test]
    fn forged_answers_are_refused_and_counted() {
        let (mut querier, request) = asking(Question::AddressMask);
        let now = Instant::from_millis(1);
        let stranger = mask_reply(&request, [255, 0, 0, 0], [192, 0, 2, 66].into());
        assert_eq!(
            querier.handle_input(now, &stranger),
            Err(QueryDiscard::OtherSource)
        );
        let guessed = query(
            PEER,
            ME,
            &Icmpv4Query::AddressMaskReply {
                identifier: 0,
                sequence_number: 0,
                mask: [255, 0, 0, 0].into(),
            },
        );
        assert_eq!(
            querier.handle_input(now, &guessed),
            Err(QueryDiscard::UnknownRequest)
        );
        let other = query(PEER, ME, &timestamp_request());
        assert_eq!(
            querier.handle_input(now, &other),
            Err(QueryDiscard::NotAReply)
        );
        let stats = querier.stats();
        assert_eq!(
            (stats.other_source, stats.unknown_request, stats.not_a_reply),
            (1, 1, 1)
        );
        assert!(!querier.is_settled());

        // A timestamp reply must repeat our time.
        let (mut querier, request) = asking(Question::Timestamp);
        let ip = Ipv4Packet::parse(&request).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        let Ok(Icmpv4Query::TimestampRequest(fields)) = Icmpv4Query::parse(&message) else {
            panic!("no timestamp request");
        };
        let forged = query(
            PEER,
            ME,
            &Icmpv4Query::TimestampReply(TimestampFields {
                originate: IcmpTimestamp(5),
                ..fields
            }),
        );
        assert_eq!(
            querier.handle_input(now, &forged),
            Err(QueryDiscard::WrongOriginate)
        );
    }

    #[test]
    fn questions_that_cannot_be_asked_are_refused() {
        let refused = |config| Querier::new(Instant::ZERO, config, random(1)).unwrap_err();
        let good = QuerierConfig::new(ME.into(), PEER.into(), Question::Timestamp);
        assert_eq!(
            refused(QuerierConfig::new(
                ME6.into(),
                PEER6.into(),
                Question::Timestamp
            )),
            QuerierConfigError::Version
        );
        assert_eq!(
            refused(QuerierConfig {
                attempts: 17,
                ..good.clone()
            }),
            QuerierConfigError::Attempts(17)
        );
        let unnamed = Question::ExtendedEcho {
            local: true,
            interface: InterfaceQuestion::Name(String::new()),
        };
        assert_eq!(
            refused(QuerierConfig {
                question: unnamed,
                ..good
            }),
            QuerierConfigError::InterfaceName
        );
    }
}
