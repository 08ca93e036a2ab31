//! Section 5: ICMPv6.

use crate::packets::{DESTINATION, Packet, UDP, echo_request, error, ip, udp};
use crate::support::{
    ALL_NODES, ALL_ROUTERS, ECHO_REPLY, Lab, NUT_GLOBAL, NUT_LL, PARAMETER_PROBLEM, RUT_B, Seen,
    TIME_EXCEEDED, TN1, TN1_GLOBAL, TN1_LL, TN2, TN2_GLOBAL, TOO_BIG, UNREACHABLE, assert_error,
    assert_no_errors, assert_silence, secs,
};
use core::net::IpAddr;
use icmp_nd::PacketBuf;
use icmp_nd::address::ManualAddress;
use icmp_nd::host::Outgoing;
use packet_buffer::wire::{Icmpv6Repr, IpProtocol, PseudoHeader};

/// The subnet-router anycast address of link B's prefix, which no host has as its own.
const ANYCAST: &str = "2001:db8:2::";

mod s_5_1_1 {
    use super::*;

    /// v6LC.5.1.1 | Transmitting Echo Requests
    #[test]
    fn transmitting_echo_requests() {
        let mut lab = Lab::host_with_router();
        for destination in [TN1_LL, TN1_GLOBAL] {
            lab.clear();
            let now = lab.now();
            let destination_ip = IpAddr::V6(ip(destination));
            let host = lab.host_mut();
            let source = host.select_source(destination_ip).unwrap();
            let (IpAddr::V6(from), IpAddr::V6(to)) = (source, destination_ip) else {
                panic!("{source}");
            };
            let mut payload = PacketBuf::from_slice(64, b"payload");
            let request = Icmpv6Repr::EchoRequest {
                identifier: 7,
                sequence_number: 9,
            };
            let pseudo_header = PseudoHeader::V6 {
                source: from,
                destination: to,
            };
            request.emit(&mut payload, &pseudo_header).unwrap();
            let outgoing = Outgoing::new(destination_ip, IpProtocol::ICMPV6).from(source);
            host.send(now, &outgoing, &mut payload).unwrap();
            lab.run(secs(1));
            let sent = lab.of(128);
            assert_eq!(sent.len(), 1);
            assert_eq!(sent[0].to, TN1.mac);
            assert_eq!(sent[0].ip().hop_limit(), 64);
            let (_, code, body) = sent[0].icmp().unwrap();
            assert_eq!((code, &body[..]), (0, &b"\0\x07\0\x09payload"[..]));
        }
    }
}

mod s_5_1_2 {
    use super::*;

    fn reply(destination: &str, source: &str) -> Seen {
        let mut lab = Lab::host_with_router();
        let mut request = lab.echo(source, destination);
        request.payload = crate::packets::with_checksum(
            request.source,
            request.destination,
            58,
            echo_request(77, 40),
        );
        let replies = lab.replies(TN1, &request);
        assert_eq!(replies.len(), 1, "{:?}", lab.last_discard());
        let (_, code, body) = replies[0].icmp().unwrap();
        assert_eq!(code, 0);
        assert_eq!(
            body,
            request.payload[4..],
            "identifier, sequence number and data"
        );
        replies[0].clone()
    }

    fn none(lab: &mut Lab, destination: &str) {
        let request = Packet::icmp(TN1_GLOBAL, destination, echo_request(1, 8));
        let seen = lab.exchange(TN1, &request);
        assert_silence(&seen);
        lab.assert_alive();
    }

    /// v6LC.5.1.2a | Replying to Echo Requests - Request sent to Link-Local address
    #[test]
    fn to_link_local() {
        assert_eq!(reply(NUT_LL, TN1_LL).ip().source(), ip(NUT_LL));
    }

    /// v6LC.5.1.2b | Replying to Echo Requests - Request sent to Global address
    #[test]
    fn to_global() {
        assert_eq!(reply(NUT_GLOBAL, TN1_GLOBAL).ip().source(), ip(NUT_GLOBAL));
    }

    /// v6LC.5.1.2c | Replying to Echo Requests - Request sent to Multicast address - All
    #[test]
    fn to_all_nodes() {
        assert_eq!(reply(ALL_NODES, TN1_LL).ip().source(), ip(NUT_LL));
    }

    /// A router answers, a host does not.
    ///
    /// v6LC.5.1.2d | Replying to Echo Requests - Request sent to Multicast address - All Routers
    #[test]
    fn to_all_routers() {
        none(&mut Lab::host_with_router(), ALL_ROUTERS);
        let mut lab = Lab::router();
        let request = Packet::icmp(TN1_LL, ALL_ROUTERS, echo_request(1, 8));
        assert_eq!(lab.replies(TN1, &request).len(), 1);
    }

    /// v6LC.5.1.2e | Replying to Echo Requests - Request sent to Unspecified address
    #[test]
    fn to_unspecified() {
        none(&mut Lab::host_with_router(), "::");
        none(&mut Lab::router(), "::");
    }

    /// v6LC.5.1.2f | Replying to Echo Requests - Request sent to Loopback address
    #[test]
    fn to_loopback() {
        none(&mut Lab::host_with_router(), "::1");
        none(&mut Lab::router(), "::1");
    }

    /// RFC 3879 took the meaning of site-local addresses away: one that is configured is as good as any.
    ///
    /// v6LC.5.1.2g | Replying to Echo Requests - Request sent to Site-Local address
    #[test]
    fn to_site_local() {
        let mut lab = Lab::host_with_router();
        let now = lab.now();
        let address = ManualAddress::new(ip("fec0::99"), 64);
        lab.host_mut().add_ipv6_address(now, &address).unwrap();
        lab.run(secs(3));
        let replies = lab.ping(TN1, TN1_GLOBAL, "fec0::99");
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].ip().source(), ip("fec0::99"));
    }
}

mod s_5_1_3 {
    use super::*;

    /// v6LC.5.1.3a | Destination Unreachable Message Generation - Router Unreachable
    #[test]
    fn no_route() {
        let mut lab = Lab::router();
        let packet = Packet::icmp(TN1_GLOBAL, "2001:db8:77::1", echo_request(1, 8));
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, UNREACHABLE, 0, 0, &packet);
    }

    /// v6LC.5.1.3b | Destination Unreachable Message Generation - Address Unreachable
    #[test]
    fn address_unreachable() {
        let mut lab = Lab::router();
        let packet = Packet::icmp(TN1_GLOBAL, "2001:db8:1::dead", echo_request(1, 8));
        lab.send(TN1, &packet);
        lab.run(secs(5));
        assert_eq!(lab.solicitations("2001:db8:1::dead").len(), 3);
        assert_error(&lab.seen(), UNREACHABLE, 3, 0, &packet);
    }

    fn port_unreachable(source: &str, destination: &str) {
        let mut lab = Lab::host_with_router();
        let packet = udp(source, destination);
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, UNREACHABLE, 4, 0, &packet);
        let error = seen.iter().find(|it| it.is(UNREACHABLE)).unwrap();
        assert_eq!(error.ip().source(), ip(destination));
    }

    /// v6LC.5.1.3c | Destination Unreachable Message Generation - Port Unreachable, Link
    #[test]
    fn port_unreachable_link_local() {
        port_unreachable(TN1_LL, NUT_LL);
    }

    /// v6LC.5.1.3 | Destination Unreachable Message Generation - Port Unreachable, Global
    #[test]
    fn port_unreachable_global() {
        port_unreachable(TN1_GLOBAL, NUT_GLOBAL);
    }

    /// v6LC.5.1.3d | Destination Unreachable Message Generation - Beyond Scope of Source
    #[test]
    fn beyond_the_scope_of_the_source() {
        let mut lab = Lab::router();
        let packet = Packet::icmp(TN1_LL, TN2_GLOBAL, echo_request(1, 8));
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, UNREACHABLE, 2, 0, &packet);
    }
}

/// A router whose link A carries 1280 octets.
fn narrow_router() -> Lab {
    Lab::router_with(|config| config.interfaces[1].nd.link_mtu = 1_280)
}

mod s_5_1_4 {
    use super::*;

    /// v6LC.5.1.4a | Packet Too Big Message Generation - Unicast Destination
    #[test]
    fn unicast() {
        let mut lab = narrow_router();
        let packet = Packet::icmp(TN1_GLOBAL, TN2_GLOBAL, echo_request(1, 1_452));
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, TOO_BIG, 0, 1_280, &packet);
        assert!(
            seen.iter()
                .all(|it| it.port == TN1.port || it.octets.len() < 1_280)
        );
        let small = Packet::icmp(TN1_GLOBAL, TN2_GLOBAL, echo_request(1, 1_232));
        let seen = lab.exchange(TN1, &small);
        assert_no_errors(&seen);
        assert!(
            seen.iter()
                .any(|it| it.port == TN2.port && it.octets.len() == 1_280)
        );
    }

    /// The router has no multicast routing: it neither forwards nor reports.
    ///
    /// v6LC.5.1.4b | Packet Too Big Message Generation - Multicast Destination
    #[test]
    fn multicast() {
        let mut lab = narrow_router();
        let packet = Packet::icmp(TN1_GLOBAL, "ff1e::1:2", echo_request(1, 1_452));
        assert_silence(&lab.exchange(TN1, &packet));
        lab.assert_alive();
    }
}

mod s_5_1_5 {
    use super::*;

    fn exceeded(hop_limit: u8) {
        let mut lab = Lab::router();
        let packet = Packet::icmp(TN1_GLOBAL, TN2_GLOBAL, echo_request(1, 8)).hop_limit(hop_limit);
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, TIME_EXCEEDED, 0, 0, &packet);
        assert!(seen.iter().all(|it| it.port == TN1.port));
    }

    /// v6LC.5.1.5a | Hop Limit Exceeded (Time Exceeded Generation) - Receive Hop Limit 0
    #[test]
    fn received_zero() {
        exceeded(0);
    }

    /// v6LC.5.1.5b | Hop Limit Exceeded (Time Exceeded Generation) - Decrement Hop Limit to 0
    #[test]
    fn counted_down_to_zero() {
        exceeded(1);
    }
}

mod s_5_1_6_to_8 {
    use super::*;

    fn host_error(packet: &Packet, code: u8, pointer: u32) {
        let mut lab = Lab::host_with_router();
        let seen = lab.exchange(TN1, packet);
        assert_error(&seen, PARAMETER_PROBLEM, code, pointer, packet);
    }

    /// v6LC.5.1.6 | Erroneous Header Field (Parameter Problem Generation)
    #[test]
    fn erroneous_header_field() {
        let whole = Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, echo_request(1, 40));
        host_error(&whole.fragment(0, 21, 1), 0, 4);
    }

    /// v6LC.5.1.7 | Unrecognized Next Header (Parameter Problem Generation)
    #[test]
    fn unrecognized_next_header() {
        let packet = Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, echo_request(1, 8));
        host_error(
            &Packet {
                next: 252,
                ..packet
            },
            1,
            6,
        );
    }

    /// v6LC.5.1.8 | Unknown Informational Message Type
    #[test]
    fn unknown_informational_message() {
        for mut lab in [Lab::host_with_router(), Lab::router()] {
            for destination in [NUT_GLOBAL, RUT_B] {
                let packet = Packet::icmp(TN1_GLOBAL, destination, vec![255, 0, 0, 0, 1, 2, 3, 4]);
                let seen = lab.exchange(TN1, &packet);
                let about_it = seen.iter().filter(|it| it.is(PARAMETER_PROBLEM));
                assert_eq!(about_it.count(), 0);
                lab.assert_alive();
            }
        }
    }
}

mod s_5_1_9 {
    use super::*;

    /// An error that carries an option nobody knows, which would be answered with a Parameter Problem in
    /// any other packet.
    fn flawed(message: Vec<u8>) {
        let mut lab = Lab::host_with_router();
        let packet = Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, message).options(DESTINATION, &[0x87, 0]);
        let seen = lab.exchange(TN1, &packet);
        assert_no_errors(&seen);
        lab.assert_alive();
        // The same with an echo request is answered.
        let packet = Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, echo_request(1, 8));
        let packet = packet.options(DESTINATION, &[0x87, 0]);
        let seen = lab.exchange(TN1, &packet);
        assert_error(&seen, PARAMETER_PROBLEM, 2, 42, &packet);
    }

    fn quoted() -> Vec<u8> {
        Packet::icmp(NUT_GLOBAL, TN1_GLOBAL, echo_request(1, 8)).octets()
    }

    /// v6LC.5.1.9a | Error Condition With ICMPv6 Error Message - Reception of Flawed Destination
    #[test]
    fn flawed_unreachable_no_route() {
        flawed(error(UNREACHABLE, 0, 0, &quoted()));
    }

    /// v6LC.5.1.9b | Error Condition With ICMPv6 Error Message - Reception of Flawed Destination
    #[test]
    fn flawed_unreachable_address() {
        flawed(error(UNREACHABLE, 3, 0, &quoted()));
    }

    /// v6LC.5.1.9c | Error Condition With ICMPv6 Error Message - Reception of Flawed Time
    #[test]
    fn flawed_time_exceeded_hop_limit() {
        flawed(error(TIME_EXCEEDED, 0, 0, &quoted()));
    }

    /// v6LC.5.1.9d | Error Condition With ICMPv6 Error Message - Reception of Flawed Time
    #[test]
    fn flawed_time_exceeded_reassembly() {
        flawed(error(TIME_EXCEEDED, 1, 0, &quoted()));
    }

    /// v6LC.5.1.9e | Error Condition With ICMPv6 Error Message - Reception of Flawed Packet Too
    #[test]
    fn flawed_packet_too_big() {
        flawed(error(TOO_BIG, 0, 1_280, &quoted()));
    }

    /// v6LC.5.1.9f | Error Condition With ICMPv6 Error Message - Reception of Flawed Parameter
    #[test]
    fn flawed_parameter_problem() {
        flawed(error(PARAMETER_PROBLEM, 0, 0, &quoted()));
    }
}

/// A host gets the packet, and after two minutes has sent no error.
fn host_reports_nothing(packet: &Packet) {
    let mut lab = Lab::host_with_router_and(|config| {
        // It would answer at once if it might.
        config.answer_echo = false;
    });
    // Nothing is held back for want of the neighbor's address.
    lab.answers(ANYCAST, TN1, true);
    lab.send(TN1, packet);
    lab.run(secs(120));
    assert_no_errors(&lab.seen());
}

/// A router whose way out is too narrow for the packet has sent no error.
fn router_reports_nothing(packet: &Packet) {
    let mut lab = narrow_router();
    lab.answers(ANYCAST, TN1, true);
    lab.send(TN1, packet);
    lab.run(secs(10));
    assert_no_errors(&lab.seen());
    lab.assert_alive();
}

fn first_fragment(source: &str, destination: &str) -> Packet {
    Packet::icmp(source, destination, echo_request(1, 80)).fragment(0, 32, 5)
}

fn with_option(source: &str, destination: &str) -> Packet {
    Packet::icmp(source, destination, echo_request(1, 8)).options(DESTINATION, &[0x87, 0])
}

fn big(source: &str) -> Packet {
    Packet::icmp(source, TN2_GLOBAL, echo_request(1, 1_452))
}

mod s_5_1_10 {
    use super::*;

    /// v6LC.5.1.10a | Error Condition With Multicast Destination - UDP Port Unreachable
    #[test]
    fn port_unreachable() {
        host_reports_nothing(&udp(TN1_GLOBAL, ALL_NODES));
    }

    /// v6LC.5.1.10b | Error Condition With Multicast Destination - Echo Request Reassembly
    #[test]
    fn reassembly_timeout() {
        host_reports_nothing(&first_fragment(TN1_GLOBAL, ALL_NODES));
    }
}

mod s_5_1_11 {
    use super::*;

    const UNSPECIFIED: &str = "::";

    /// v6LC.5.1.11a | Error Condition With Non-Unique Source - UDP Port Unreachable
    #[test]
    fn port_unreachable() {
        host_reports_nothing(&udp(UNSPECIFIED, NUT_GLOBAL));
    }

    /// v6LC.5.1.11b | Error Condition With Non-Unique - Echo Request Too Big
    #[test]
    fn too_big() {
        router_reports_nothing(&big(UNSPECIFIED));
    }

    /// v6LC.5.1.11c | Error Condition With Non-Unique Source - Echo Request Reassembly Timeout
    #[test]
    fn reassembly_timeout() {
        host_reports_nothing(&first_fragment(UNSPECIFIED, NUT_GLOBAL));
    }

    /// v6LC.5.1.11d | Error Condition With Non-Unique - Echo Request with Unknown Option in
    #[test]
    fn unknown_option() {
        host_reports_nothing(&with_option(UNSPECIFIED, NUT_GLOBAL));
    }
}

mod s_5_1_12 {
    use super::*;

    const GROUP: &str = "ff1e::11";

    /// v6LC.5.1.12a | Error Condition With Non-Unique Source - Multicast - UDP Port Unreachable
    #[test]
    fn port_unreachable() {
        host_reports_nothing(&udp(GROUP, NUT_GLOBAL));
    }

    /// v6LC.5.1.12b | Error Condition With Non-Unique Source - Multicast - Echo Request Too
    #[test]
    fn too_big() {
        router_reports_nothing(&big(GROUP));
    }

    /// v6LC.5.1.12c | Error Condition With Non-Unique Source - Multicast - Echo Request
    #[test]
    fn reassembly_timeout() {
        host_reports_nothing(&first_fragment(GROUP, NUT_GLOBAL));
    }

    /// v6LC.5.1.12d | Error Condition With Non-Unique Source - Multicast - Echo Request
    #[test]
    fn unknown_option() {
        host_reports_nothing(&with_option(GROUP, NUT_GLOBAL));
    }
}

/// The source is an anycast address that the node knows as one: the subnet-router anycast address of
/// the prefix of its link (RFC 4291 §2.6.1).
mod s_5_1_13 {
    use super::*;

    /// v6LC.5.1.13a | Error Condition With Non-Unique Source - Anycast - UDP Port
    #[test]
    fn port_unreachable() {
        let packet = udp(ANYCAST, NUT_GLOBAL);
        assert_eq!(packet.next, UDP);
        host_reports_nothing(&packet);
    }

    /// v6LC.5.1.13b | Error Condition With Non-Unique Source - Anycast - Echo Request Too
    #[test]
    fn too_big() {
        router_reports_nothing(&big(ANYCAST));
    }

    /// v6LC.5.1.13c | Error Condition With Non-Unique Source - Anycast - Echo Request Reassembly
    #[test]
    fn reassembly_timeout() {
        host_reports_nothing(&first_fragment(ANYCAST, NUT_GLOBAL));
    }

    /// v6LC.5.1.13d | Error Condition With Non-Unique Source - Anycast - Echo Request with
    #[test]
    fn unknown_option() {
        host_reports_nothing(&with_option(ANYCAST, NUT_GLOBAL));
    }

    /// A source that is not anycast gets all of these errors.
    #[test]
    fn but_others_are_told() {
        for packet in [
            udp(TN1_GLOBAL, NUT_GLOBAL),
            first_fragment(TN1_GLOBAL, NUT_GLOBAL),
            with_option(TN1_GLOBAL, NUT_GLOBAL),
        ] {
            let mut lab = Lab::host_with_router();
            lab.send(TN1, &packet);
            lab.run(secs(120));
            let all = lab.seen();
            let errors = all
                .iter()
                .filter(|it| it.icmp().is_some_and(|it| it.0 < 128));
            assert_eq!(errors.count(), 1);
            assert!(lab.of(ECHO_REPLY).is_empty());
        }
    }
}
