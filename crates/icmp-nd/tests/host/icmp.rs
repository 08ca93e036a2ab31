//! ICMP of a host: RFC 1122 §3.2.2, RFC 4443, and packets longer than the path.

use crate::support::{
    Bench, OWN, PEER, ROUTER, Said, arp, echo6, frame, icmpv4, icmpv6, link_local, prefix,
    router_advertisement, secs, solicitation, v4, v6,
};
use core::net::{IpAddr, Ipv4Addr};
use icmp_nd::PacketBuf;
use icmp_nd::host::{Rejection, SendError};
use icmp_nd::wire::{
    ExtendedEchoCode, ExtendedEchoReply, ExtendedEchoRequest, ExtendedEchoState, IcmpTimestamp,
    Icmpv4Query, InterfaceAddress, InterfaceIdentification, TimestampFields,
};
use packet_buffer::wire::{
    ArpRepr, EtherType, HeaderOptions, Icmpv4Message, Icmpv4Repr, Icmpv6Repr, IpProtocol,
    Ipv4Packet, Ipv4Repr, Ipv6FragmentHeader, Ipv6Packet, Ipv6Repr, MacAddr, UdpRepr, icmpv4_code,
    icmpv6_code,
};

const ME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const HIM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ECHO: Icmpv4Repr = Icmpv4Repr::EchoRequest {
    identifier: 7,
    sequence_number: 1,
};

/// A host that knows its peer in both versions.
fn acquainted(change: impl FnOnce(&mut icmp_nd::host::HostConfig)) -> Bench {
    let mut bench = Bench::with(change);
    bench.take(&arp(MacAddr::BROADCAST, ArpRepr::request(PEER, HIM, ME)));
    bench.take(&solicitation(PEER, link_local(PEER), link_local(OWN)));
    bench.sent.clear();
    bench
}

// RFC 1122 §3.2.2.6 MUST (data): all data of the request comes back.
// RFC 1122 §3.2.2.6 MUST (source): the reply's source is the destination of the request, or, when that is a group, an address of the interface.
#[test]
fn an_echo_request_is_answered() {
    let mut bench = acquainted(|_| {});
    bench.take(&icmpv4(PEER, HIM, ME, ECHO, b"all of this"));
    let expected = Said::Icmpv4 {
        source: ME,
        destination: HIM,
        message: Icmpv4Repr::EchoReply {
            identifier: 7,
            sequence_number: 1,
        },
        payload: b"all of this".to_vec(),
    };
    assert_eq!(bench.said(), [(PEER, expected)]);
    assert_eq!(bench.host().stats().echo_replies, 1);
}

// RFC 1122 §3.2.2.6 MAY (broadcast): silent by default (smurf, RFC 2644).
#[test]
fn a_broadcast_echo_is_answered_on_demand_only() {
    let request = icmpv4(PEER, HIM, v4("192.0.2.255"), ECHO, b"");
    let mut bench = acquainted(|_| {});
    bench.refuse(&request, "EchoOff");
    assert_eq!((bench.said(), bench.host().stats().echo_off), (vec![], 1));
    let mut bench = acquainted(|config| config.answer_broadcast_echo = true);
    bench.take(&request);
    let said = bench.said();
    assert!(
        matches!(&said[..], [(PEER, Said::Icmpv4 { source: ME, .. })]),
        "{said:?}"
    );
}

// RFC 1122 §3.2.2.6 SHOULD (record): the record goes on through this host.
#[test]
fn a_recorded_route_comes_back() {
    let mut bench = acquainted(|_| {});
    let mut packet = PacketBuf::from_slice(64, b"data");
    ECHO.emit(&mut packet).unwrap();
    let options = [7, 7, 4, 0, 0, 0, 0, 0];
    Ipv4Repr {
        options: HeaderOptions::from_slice(&options).unwrap(),
        ..Ipv4Repr::new(HIM, ME, IpProtocol::ICMP)
    }
    .emit(&mut packet)
    .unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV4, packet));
    let ip = Ipv4Packet::parse(&bench.sent[0].1[14..]).unwrap();
    assert_eq!(ip.options().as_slice(), [7, 7, 8, 192, 0, 2, 1, 0]);
}

#[test]
fn a_timestamp_request_is_answered() {
    let mut bench = acquainted(|_| {});
    let now = bench.now;
    bench.host_mut().set_time_of_day(now, 86_399_000);
    bench.run_for(secs(2));
    bench.sent.clear();
    let request = TimestampFields {
        identifier: 1,
        sequence_number: 2,
        originate: IcmpTimestamp(77),
        receive: IcmpTimestamp(0),
        transmit: IcmpTimestamp(0),
    };
    let mut packet = PacketBuf::with_headroom(64);
    Icmpv4Query::TimestampRequest(request)
        .emit(&mut packet)
        .unwrap();
    Ipv4Repr::new(HIM, ME, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV4, packet));
    let ip = Ipv4Packet::parse(&bench.sent[0].1[14..]).unwrap();
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    let expected = TimestampFields {
        receive: IcmpTimestamp(1000),
        transmit: IcmpTimestamp(1000),
        ..request
    };
    assert_eq!(
        Icmpv4Query::parse(&message),
        Ok(Icmpv4Query::TimestampReply(expected)),
        "past midnight"
    );
}

// RFC 4443 §4.2 MUST (source): IPv6 Ready v6LC.5.1.2.
// RFC 4443 §4.2 MUST (data): IPv6 Ready v6LC.5.1.2.
#[test]
fn v6lc_5_1_2_icmpv6_echo() {
    let mut bench = acquainted(|_| {});
    let reply = Icmpv6Repr::EchoReply {
        identifier: 7,
        sequence_number: 1,
    };
    for destination in [link_local(OWN), v6("ff02::1")] {
        bench.take(&echo6(PEER, link_local(PEER), destination));
        let expected = Said::Icmpv6 {
            source: link_local(OWN),
            destination: link_local(PEER),
            hop_limit: 64,
            message: reply,
            payload: b"echo data".to_vec(),
        };
        assert_eq!(bench.said(), [(PEER, expected)]);
    }
    bench.refuse(&echo6(PEER, v6("::"), link_local(OWN)), "");
    bench.refuse(&echo6(PEER, v6("ff02::1"), link_local(OWN)), "SourceGroup");
    bench.refuse(&echo6(PEER, link_local(OWN), link_local(OWN)), "OwnSource");
    let mut corrupted = echo6(PEER, link_local(PEER), link_local(OWN));
    *corrupted.last_mut().unwrap() ^= 1;
    bench.refuse(&corrupted, "checksum");
    assert_eq!(bench.said(), []);
}

// RFC 4443 §2.4 MUST (unknown-information): IPv6 Ready v6LC.5.1.8.
// RFC 4443 §2.4 MUST (unknown-error): IPv6 Ready v6LC.5.1.8.
#[test]
fn v6lc_5_1_8_unknown_messages() {
    let mut bench = acquainted(|_| {});
    let message = |number| Icmpv6Repr::Other {
        message_type: packet_buffer::wire::Icmpv6Type(number),
        code: 0,
    };
    let frame = icmpv6(
        PEER,
        link_local(PEER),
        link_local(OWN),
        message(201),
        &[0; 8],
    );
    bench.refuse(&frame, "NotAnswered");
    let mut quoted = PacketBuf::from(&[0; 8][..]);
    let ip = Ipv6Repr::new(link_local(OWN), link_local(PEER), IpProtocol::UDP);
    ip.emit(&mut quoted).unwrap();
    let body = [&[0; 4], quoted.as_slice()].concat();
    bench.take(&icmpv6(
        PEER,
        link_local(PEER),
        link_local(OWN),
        message(101),
        &body,
    ));
    assert_eq!(bench.received().len(), 1, "an unknown error goes up");
}

// RFC 1122 §3.2.2.1 SHOULD (port): as the caller says.
// RFC 4443 §3.1 SHOULD (port): as the caller says.
#[test]
fn the_caller_rejects_a_datagram() {
    let mut bench = acquainted(|_| {});
    let now = bench.now;
    let mut packet = PacketBuf::from_slice(64, b"to a closed port");
    let udp = UdpRepr {
        source_port: 1,
        destination_port: 9,
    };
    let ip = Ipv4Repr::new(HIM, ME, IpProtocol::UDP);
    udp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV4, packet));
    let received = bench.received();
    let (received, packet) = &received[0];
    assert_eq!(
        (received.source, received.protocol),
        (HIM.into(), IpProtocol::UDP)
    );
    assert_eq!(&packet[received.payload_offset + 8..], b"to a closed port");
    bench
        .host_mut()
        .reject(now, received, packet, Rejection::Port)
        .unwrap();
    bench.settle();
    let said = bench.said();
    let [
        (
            PEER,
            Said::Icmpv4 {
                message, payload, ..
            },
        ),
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    let code = icmpv4_code::Unreachable::PORT;
    assert!(
        matches!(message, Icmpv4Repr::DestinationUnreachable { code: found, .. } if *found == code)
    );
    assert_eq!(payload, packet);
}

// RFC 1122 §3.2.2.1: IPv6 Ready v6LC.1.1.7.
#[test]
fn v6lc_1_1_7_an_unknown_protocol_is_reported() {
    let mut bench = acquainted(|_| {});
    let mut packet = PacketBuf::from_slice(64, &[0; 8]);
    Ipv4Repr::new(HIM, ME, IpProtocol(143))
        .emit(&mut packet)
        .unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV4, packet));
    let mut packet = PacketBuf::from_slice(64, &[0; 8]);
    let ip = Ipv6Repr::new(link_local(PEER), link_local(OWN), IpProtocol(143));
    ip.emit(&mut packet).unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV6, packet));
    let said = bench.said();
    let [
        (PEER, Said::Icmpv4 { message: first, .. }),
        (
            PEER,
            Said::Icmpv6 {
                message: second, ..
            },
        ),
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    let code = icmpv4_code::Unreachable::PROTOCOL;
    assert!(
        matches!(first, Icmpv4Repr::DestinationUnreachable { code: found, .. } if *found == code)
    );
    let code = icmpv6_code::ParameterProblem::NEXT_HEADER;
    assert_eq!(*second, Icmpv6Repr::ParameterProblem { code, pointer: 6 });
}

/// A Packet Too Big about a packet from this host.
fn packet_too_big(bench: &Bench, destination: core::net::Ipv6Addr, mtu: u32) -> Vec<u8> {
    let source = bench.host().select_source(destination.into()).unwrap();
    let IpAddr::V6(source) = source else { panic!() };
    let mut quoted = PacketBuf::from(&[0; 1452][..]);
    Ipv6Repr::new(source, destination, IpProtocol::UDP)
        .emit(&mut quoted)
        .unwrap();
    let message = Icmpv6Repr::PacketTooBig { mtu };
    icmpv6(
        ROUTER,
        link_local(ROUTER),
        source,
        message,
        &quoted.as_slice()[..1200],
    )
}

// IPv6 Ready v6LC.4.1.2, 4.1.6, 4.1.7: the path MTU is kept, has a floor, and does not rise.
#[test]
fn v6lc_4_1_2_packets_fit_the_path() {
    let mut bench = Bench::new();
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "LA", 3600)],
    ));
    bench.run_for(secs(3));
    let far = v6("2001:db8:ffff::1");
    let forged = packet_too_big(&bench, v6("2001:db8:eeee::1"), 1280);
    bench.refuse(&forged, "PathMtu");
    bench.send_octets(far.into(), &[0; 1444], false).unwrap();
    let lengths = |bench: &mut Bench| {
        let sent = core::mem::take(&mut bench.sent);
        let of = |(_, frame): &(icmp_nd::Instant, Vec<u8>)| frame.len() - 14;
        sent.iter()
            .map(of)
            .filter(|&it| it > 200)
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(&mut bench), [1492]);
    let too_big = packet_too_big(&bench, far, 1300);
    bench.take(&too_big);
    assert_eq!(bench.received().len(), 1, "the caller hears of it too");
    for mtu in [1279, 56, 1400] {
        let too_big = packet_too_big(&bench, far, mtu);
        bench.refuse(&too_big, "PathMtu");
    }
    bench.send_octets(far.into(), &[0; 1444], false).unwrap();
    let pieces = lengths(&mut bench);
    assert!(pieces.len() == 2 && pieces[0] <= 1300, "{pieces:?}");
    let refused = bench.send_octets(far.into(), &[0; 1444], true);
    assert_eq!(refused, Err(SendError::TooBig { mtu: 1300 }));
    assert_eq!(bench.host().stats().path_mtu, 4);
}

// IPv6 Ready v6LC.1.3.1 and 1.3.2: fragments are put together, and time out with an error.
// RFC 8200 §4.5 SHOULD: of the first fragment alone.
// RFC 1122 §3.3.2 MUST (time-exceeded): of the first fragment alone.
#[test]
fn v6lc_1_3_1_reassembly() {
    let mut bench = acquainted(|_| {});
    let own = link_local(OWN);
    let whole = echo6(PEER, link_local(PEER), own);
    let ip = Ipv6Packet::parse(&whole[14..]).unwrap();
    let piece = |offset: u16, more_fragments, octets: &[u8], identification| {
        let mut packet = PacketBuf::from_slice(64, octets);
        let header = Ipv6FragmentHeader {
            next_header: IpProtocol::ICMPV6,
            offset,
            more_fragments,
            identification,
        };
        header.emit(&mut packet).unwrap();
        let ip = Ipv6Repr::new(link_local(PEER), own, IpProtocol(44));
        ip.emit(&mut packet).unwrap();
        frame(PEER, OWN, EtherType::IPV6, packet)
    };
    let (first, last) = ip.payload().split_at(8);
    bench.take(&piece(8, false, last, 1));
    bench.take(&piece(0, true, first, 1));
    assert_eq!(bench.host().stats().echo_replies, 1);
    bench.sent.clear();
    bench.take(&piece(0, true, first, 2));
    bench.take(&piece(8, false, last, 3));
    bench.run_for(secs(59));
    bench.take(&solicitation(PEER, link_local(PEER), own));
    bench.run_for(secs(2));
    let code = icmpv6_code::TimeExceeded::REASSEMBLY;
    let errors = bench.said().into_iter().filter(|(_, said)| {
        matches!(said, Said::Icmpv6 { message: Icmpv6Repr::TimeExceeded { code: found, .. }, .. } if *found == code)
    });
    assert_eq!(errors.count(), 1);
}

// RFC 6980 §5: Neighbor Discovery in fragments is ignored.
#[test]
fn neighbor_discovery_in_fragments_is_ignored() {
    let mut bench = acquainted(|_| {});
    let solicit = solicitation(PEER, link_local(PEER), link_local(OWN));
    let ip = Ipv6Packet::parse(&solicit[14..]).unwrap();
    let mut packet = PacketBuf::from_slice(64, ip.payload());
    let header = Ipv6FragmentHeader {
        next_header: IpProtocol::ICMPV6,
        offset: 0,
        more_fragments: false,
        identification: 1,
    };
    header.emit(&mut packet).unwrap();
    let mut outer = ip.to_repr();
    outer.next_header = IpProtocol(44);
    outer.emit(&mut packet).unwrap();
    let group = MacAddr::for_ipv6_multicast(ip.destination());
    let _ = bench.input(&frame(PEER, group, EtherType::IPV6, packet));
    assert_eq!(bench.said(), []);
    assert_eq!(
        bench.host().nd().stats().neighbor_solicitations,
        1,
        "the first one alone"
    );
}

#[test]
fn long_datagrams_go_as_fragments() {
    let mut bench = acquainted(|_| {});
    bench.send_octets(HIM.into(), &[7; 4000], false).unwrap();
    assert_eq!(bench.udp().len(), 3);
    bench
        .send_octets(link_local(PEER).into(), &[7; 4000], false)
        .unwrap();
    assert_eq!(bench.udp().len(), 3);
    let refused = bench.send_octets(HIM.into(), &[7; 4000], true);
    assert_eq!(refused, Err(SendError::TooBig { mtu: 1500 }));
    assert_eq!(
        bench.try_send(v4("192.0.2.1")),
        Err(SendError::OwnDestination)
    );
}

fn message(from: MacAddr, destination: Ipv4Addr, number: u8, body: &[u8]) -> Vec<u8> {
    let other = Icmpv4Repr::Other {
        message_type: packet_buffer::wire::Icmpv4Type(number),
        code: 0,
        rest: [0; 4],
    };
    icmpv4(from, HIM, destination, other, body)
}

// RFC 1122 §3.2.2 MUST (unknown): messages of unknown types are silently discarded.
// RFC 1122 §3.2.2.9 MUST NOT (mask): masks are not told.
// RFC 1122 §3.2.2.8 MAY (broadcast): nor the time, to a broadcast.
// RFC 6633 §3 MUST (quench): a Source Quench is discarded.
#[test]
fn questions_without_an_answer() {
    let mut bench = acquainted(|_| {});
    for number in [4, 15, 17, 40, 77] {
        bench.refuse(&message(PEER, ME, number, &[0; 28]), "NotAnswered");
    }
    bench.refuse(
        &message(PEER, v4("192.0.2.255"), 13, &[0; 12]),
        "NotAnswered",
    );
    assert_eq!((bench.said(), bench.received().len()), (vec![], 0));
    assert_eq!(bench.host().stats().not_answered, 6);
}

// RFC 1122 §3.2.2.1 MUST (report): an error about a packet of ours goes up, and no other.
#[test]
fn errors_go_up() {
    let mut bench = acquainted(|_| {});
    let mut quoted = PacketBuf::from(&[0; 8][..]);
    Ipv4Repr::new(ME, HIM, IpProtocol::UDP)
        .emit(&mut quoted)
        .unwrap();
    let unreachable = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::PORT,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    bench.take(&icmpv4(PEER, HIM, ME, unreachable, quoted.as_slice()));
    assert_eq!(bench.received().len(), 1);
    let mut foreign = PacketBuf::from(&[0; 8][..]);
    Ipv4Repr::new(HIM, ME, IpProtocol::UDP)
        .emit(&mut foreign)
        .unwrap();
    bench.refuse(
        &icmpv4(PEER, HIM, ME, unreachable, foreign.as_slice()),
        "ForeignQuote",
    );
}

// RFC 1122 §3.3.4.3 SHOULD (source): the address of the network through which the packet goes.
#[test]
fn the_source_is_of_the_network_of_the_next_hop() {
    let mut bench = acquainted(|_| {});
    let now = bench.now;
    let second = v4("198.51.100.1");
    bench.host_mut().add_ipv4_address(now, second, 24).unwrap();
    bench.run_for(secs(10));
    let gateway = v4("198.51.100.254");
    bench
        .host_mut()
        .add_ipv4_route("0.0.0.0/0".parse().unwrap(), gateway);
    let source = |to| bench.host().select_source(IpAddr::V4(v4(to)));
    assert_eq!(source("192.0.2.9"), Some(ME.into()));
    assert_eq!(source("198.51.100.9"), Some(second.into()));
    assert_eq!(
        source("203.0.113.1"),
        Some(second.into()),
        "through the gateway"
    );
}

// RFC 4443 §2.2 MUST (source): an error comes from the address that the packet went to.
#[test]
fn the_source_of_an_error() {
    let mut bench = acquainted(|_| {});
    let now = bench.now;
    let global = v6("2001:db8::1");
    let manual = icmp_nd::address::ManualAddress::new(global, 64);
    bench.host_mut().add_ipv6_address(now, &manual).unwrap();
    bench.run_for(secs(3));
    bench.take(&solicitation(PEER, link_local(PEER), global));
    bench.sent.clear();
    let mut packet = PacketBuf::from_slice(64, &[0; 8]);
    let ip = Ipv6Repr::new(link_local(PEER), global, IpProtocol(143));
    ip.emit(&mut packet).unwrap();
    bench.take(&frame(PEER, OWN, EtherType::IPV6, packet));
    let said = bench.said();
    assert!(
        matches!(&said[..], [(PEER, Said::Icmpv6 { source, .. })] if *source == global),
        "{said:?}"
    );
}

// RFC 8335 §4 MUST (discard): nobody is answered until somebody is named.
// RFC 8335 §4 MUST (source): for each value of the L-bit.
#[test]
fn who_is_named_may_ask_about_the_interface_and_its_neighbors() {
    let address = |address: &str| {
        InterfaceIdentification::Address(InterfaceAddress::Ip(address.parse().unwrap()))
    };
    let request = |local, interface| {
        let mut packet = PacketBuf::with_headroom(64);
        ExtendedEchoRequest {
            identifier: 5,
            sequence_number: 6,
            local,
            interface,
        }
        .emit_v4(&mut packet)
        .unwrap();
        Ipv4Repr::new(HIM, ME, IpProtocol::ICMP)
            .emit(&mut packet)
            .unwrap();
        frame(PEER, OWN, EtherType::IPV4, packet)
    };
    let mut bench = acquainted(|_| {});
    bench.refuse(&request(true, address("192.0.2.1")), "NotAnswered");
    assert_eq!(bench.host().stats().not_answered, 1);

    let mut bench = acquainted(|config| {
        config.extended_echo.local_sources = vec![HIM.into()];
        config.extended_echo.by_address = true;
    });
    let mut ask = |local, interface| {
        bench.sent.clear();
        bench.take(&request(local, interface));
        let ip = Ipv4Packet::parse(&bench.sent[0].1[14..]).unwrap();
        assert_eq!((ip.source(), ip.destination()), (ME, HIM));
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        ExtendedEchoReply::parse_v4(&message).unwrap()
    };
    let reply = ask(true, address("192.0.2.1"));
    assert_eq!(reply.code, ExtendedEchoCode::NO_ERROR);
    assert_eq!((reply.active, reply.ipv4, reply.ipv6), (true, true, true));
    let mac = InterfaceAddress::Other {
        family: 16_389,
        octets: &OWN.0,
    };
    let reply = ask(true, InterfaceIdentification::Address(mac));
    assert_eq!(reply.code, ExtendedEchoCode::NO_ERROR);
    let reply = ask(true, address("192.0.2.77"));
    assert_eq!(reply.code, ExtendedEchoCode::NO_SUCH_INTERFACE);
    assert_eq!(bench.host().stats().extended_echo_replies, 3);
    bench.refuse(&request(false, address("192.0.2.2")), "NotAnswered");

    let mut bench = acquainted(|config| {
        config.extended_echo.neighbor_sources = vec![HIM.into()];
        config.extended_echo.by_address = true;
    });
    for (asked, code, state) in [
        (
            "192.0.2.2",
            ExtendedEchoCode::NO_ERROR,
            ExtendedEchoState::STALE,
        ),
        (
            "192.0.2.77",
            ExtendedEchoCode::NO_SUCH_TABLE_ENTRY,
            ExtendedEchoState::RESERVED,
        ),
    ] {
        bench.sent.clear();
        bench.take(&request(false, address(asked)));
        let ip = Ipv4Packet::parse(&bench.sent[0].1[14..]).unwrap();
        let reply = ExtendedEchoReply::parse_v4(&Icmpv4Message::parse(ip.payload()).unwrap());
        let reply = reply.unwrap();
        assert_eq!((reply.code, reply.state), (code, state), "{asked}");
    }
}
