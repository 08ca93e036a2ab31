//! N15 to N17: TCP (RFC 5382 §4 and §5, RFC 7857 §2).

use crate::support::*;
use core::net::SocketAddrV4;
use nat::{DropReason, Instant, Nat, Profile, UnsolicitedSyn};
use packet_buffer::wire::{Icmpv4Message, Icmpv4Repr, Ipv4Packet, icmpv4_code};

const CLIENT: SocketAddrV4 = SocketAddrV4::new(A, 5_000);
const WEB: SocketAddrV4 = SocketAddrV4::new(SERVER, 80);

/// Opens a connection from inside; returns its outside end.
fn connect(nat: &mut Nat, now: Instant) -> SocketAddrV4 {
    let out = pass(nat, now, Inside, tcp(CLIENT, WEB, "S", 100, 0)).from;
    pass(nat, now, Outside, tcp(WEB, out, "SA", 900, 101));
    pass(nat, now, Inside, tcp(CLIENT, WEB, "A", 101, 901));
    out
}

fn expires(nat: &Nat) -> Instant {
    nat.sessions().next().unwrap().expires
}

// RFC 5382 §4.2 MUST (req-2): all valid sequences, from inside...
#[test]
fn n15_a_connection_from_inside() {
    let mut nat = simple(Profile::Rfc);
    let out = connect(&mut nat, at(0));
    pass(
        &mut nat,
        at(1),
        Inside,
        tcp_with(CLIENT, WEB, "PA", 101, 901, b"GET"),
    );
    pass(
        &mut nat,
        at(1),
        Outside,
        tcp_with(WEB, out, "PA", 901, 104, b"200"),
    );
    pass(&mut nat, at(1), Outside, tcp(WEB, out, "FA", 904, 104));
    pass(&mut nat, at(1), Inside, tcp(CLIENT, WEB, "A", 104, 905));
    // Half closed: the inside still sends.
    pass(
        &mut nat,
        at(2),
        Inside,
        tcp_with(CLIENT, WEB, "PA", 104, 905, b"more"),
    );
    pass(&mut nat, at(2), Outside, tcp(WEB, out, "A", 905, 108));
    pass(&mut nat, at(3), Inside, tcp(CLIENT, WEB, "FA", 108, 905));
    pass(&mut nat, at(3), Outside, tcp(WEB, out, "A", 905, 109));
}

// ... and from outside.
#[test]
fn n15_a_connection_from_outside() {
    let mut nat = simple(Profile::Rfc);
    let outside = connect(&mut nat, at(0));
    let peer = end(OTHER, 7_000);
    let syn = pass(&mut nat, at(0), Outside, tcp(peer, outside, "S", 1, 0));
    assert_eq!(syn.to, CLIENT);
    let answer = pass(&mut nat, at(0), Inside, tcp(CLIENT, peer, "SA", 9, 2));
    assert_eq!(answer.from, outside);
    pass(&mut nat, at(0), Outside, tcp(peer, outside, "A", 2, 10));
    assert_eq!(nat.session_count(), 2);
}

// RFC 5382 §4.2 MUST (req-2-a): both ends open at the same time.
#[test]
fn n15_simultaneous_open() {
    let mut nat = simple(Profile::Rfc);
    let out = pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "S", 100, 0)).from;
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "S", 900, 0));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "SA", 100, 901));
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "SA", 900, 101));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "A", 101, 901));
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "A", 901, 101));
    pass(
        &mut nat,
        at(1),
        Inside,
        tcp_with(CLIENT, WEB, "PA", 101, 901, b"x"),
    );
    assert_eq!(expires(&nat), at(7_441));
}

fn guarded() -> Nat {
    let mut config = config(Profile::Rfc);
    napt(&mut config).filtering = nat::Filtering::AddressAndPortDependent;
    napt(&mut config).ports.preserve = true;
    nat(config)
}

// RFC 5382 §4.3 MUST NOT (req-4): no answer within six seconds.
// RFC 5382 §4.3 SHOULD (req-4): "port unreachable" after that.
#[test]
fn n16_an_unsolicited_syn_is_answered_after_six_seconds() {
    let mut nat = guarded();
    let outside = end(EXTERNAL, 5_000);
    let syn = tcp(WEB, outside, "S", 1, 0);
    assert_eq!(
        drop_of(&mut nat, at(10), Outside, syn.clone()),
        DropReason::NoMapping
    );
    assert_eq!(nat.poll_timeout(), Some(at(16)));
    nat.handle_timeout(Instant::from_micros(15_999_999));
    assert!(transmits(&mut nat).is_empty());
    nat.handle_timeout(at(16));
    let [(transmit, error)] = &transmits(&mut nat)[..] else {
        panic!("one answer");
    };
    assert_eq!((transmit.to, transmit.is_forwarded), (Outside, false));
    let ip = Ipv4Packet::parse(error.as_slice()).unwrap();
    assert_eq!((ip.source(), ip.destination()), (EXTERNAL, SERVER));
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    message.verify_checksum().unwrap();
    assert!(matches!(
        message.to_repr(),
        Icmpv4Repr::DestinationUnreachable {
            code: icmpv4_code::Unreachable::PORT,
            ..
        }
    ));
    assert_eq!(message.payload(), syn.as_slice());
    assert_eq!(nat.session_count(), 0);
}

// RFC 5382 §4.3 MUST (req-4-drop): when the inside opens the same connection, the SYN is forgotten.
#[test]
fn n16_a_syn_that_the_inside_meets_is_forgotten() {
    let mut nat = guarded();
    let outside = end(EXTERNAL, 5_000);
    drop_of(&mut nat, at(10), Outside, tcp(WEB, outside, "S", 1, 0));
    let out = pass(&mut nat, at(12), Inside, tcp(CLIENT, WEB, "S", 100, 0));
    assert_eq!(out.from, outside);
    run_until(&mut nat, at(30));
    assert!(transmits(&mut nat).is_empty());
    // The peer sends it again, and it meets the open connection.
    pass(&mut nat, at(30), Outside, tcp(WEB, outside, "S", 1, 0));
}

// RFC 5382 §4.3 MUST (req-4-a): a policy can forbid the answer.
#[test]
fn n16_the_answer_can_be_forbidden() {
    let mut config = config(Profile::Rfc);
    config.unsolicited_syn = UnsolicitedSyn::Drop;
    let mut nat = nat(config);
    drop_of(
        &mut nat,
        at(10),
        Outside,
        tcp(WEB, end(EXTERNAL, 5_000), "S", 1, 0),
    );
    run_until(&mut nat, at(30));
    assert!(transmits(&mut nat).is_empty());
    assert_eq!(nat.stats().syns_not_noted, 1);
}

// RFC 5382 §5 MUST NOT (req-5-established): an open connection lasts 2 h 4 min without packets.
// RFC 5382 §5 MUST NOT (req-5-transitory): one that opens or closes lasts 4 min.
// RFC 5382 §5 MAY (req-5-a): both can be set.
// RFC 7857 §2.1 SHOULD: by one parameter each for opening and closing.
// RFC 7857 §2.1 RECOMMENDED: 4 min are the default.
#[test]
fn n17_timers() {
    let mut nat = simple(Profile::Rfc);
    let out = pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "S", 100, 0)).from;
    assert_eq!(expires(&nat), at(240));
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "SA", 900, 101));
    assert_eq!(expires(&nat), at(240));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "A", 101, 901));
    assert_eq!(expires(&nat), at(7_440));
    // RFC 7857 §2 SHOULD: after the FINs of both sides, the connection closes.
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "FA", 101, 901));
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "FA", 901, 102));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "A", 102, 902));
    assert_eq!(expires(&nat), at(240));

    let mut config = config(Profile::Rfc);
    config.timers.tcp.syn_sent = core::time::Duration::from_secs(30);
    config.timers.tcp.time_wait = core::time::Duration::from_secs(500);
    let mut nat = crate::support::nat(config);
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "S", 100, 0));
    assert_eq!(expires(&nat), at(30));
}

// RFC 7857 §2.2 MUST: a reset is translated.
// RFC 7857 §2.2 SHOULD: its session stays for four minutes.
#[test]
fn n17_a_reset_leaves_the_session_for_four_minutes() {
    let mut nat = simple(Profile::Rfc);
    let out = connect(&mut nat, at(0));
    let seen = pass(&mut nat, at(10), Outside, tcp(WEB, out, "R", 901, 0));
    assert_eq!(seen.to, CLIENT);
    assert_eq!(expires(&nat), at(250));
    // The refusal of an opening is no exception.
    let mut nat = simple(Profile::Rfc);
    let out = pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "S", 100, 0)).from;
    pass(&mut nat, at(10), Outside, tcp(WEB, out, "RA", 0, 101));
    assert_eq!((nat.session_count(), expires(&nat)), (1, at(240)));
    // Linux forgets at once.
    let mut nat = simple(Profile::LinuxCompat);
    let out = pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "S", 100, 0)).from;
    pass(&mut nat, at(10), Outside, tcp(WEB, out, "RA", 0, 101));
    assert_eq!(nat.session_count(), 0);
}

// RFC 7857 §2 SHOULD (rst): a reset that is not acceptable ends nothing.
#[test]
fn n17_a_forged_reset_ends_nothing() {
    let mut nat = simple(Profile::Rfc);
    let out = connect(&mut nat, at(0));
    for number in [0, 500, 900, 66_500, 500_000, 0x8000_0000] {
        let mut reset = tcp(WEB, out, "R", number, 0);
        let _ = nat.process(at(10), Outside, &mut reset);
        assert_eq!(expires(&nat), at(7_440), "{number}");
    }
}

#[test]
fn cloud_gateway_resets_what_was_idle() {
    let mut nat = simple(Profile::CloudGateway);
    connect(&mut nat, at(0));
    run_until(&mut nat, at(352));
    assert_eq!(nat.session_count(), 0);
    let late = tcp_with(CLIENT, WEB, "PA", 101, 901, b"hello?");
    let reason = drop_of(&mut nat, at(352), Inside, late);
    assert!(matches!(reason, DropReason::Invalid(_)));
    let [(transmit, reset)] = &transmits(&mut nat)[..] else {
        panic!("one reset");
    };
    assert_eq!(transmit.to, Inside);
    let seen = ends(reset);
    assert_eq!((seen.from, seen.to), (WEB, CLIENT));
    let ip = Ipv4Packet::parse(reset.as_slice()).unwrap();
    let tcp_view = packet_buffer::wire::TcpSegment::parse(ip.payload()).unwrap();
    assert_eq!(tcp_view.sequence_number(), 901);
    assert!(
        tcp_view
            .flags()
            .contains(packet_buffer::wire::TcpFlags::RST)
    );
    // A reset is not answered, and nothing outside is.
    drop_of(&mut nat, at(352), Inside, tcp(CLIENT, WEB, "R", 101, 0));
    drop_of(
        &mut nat,
        at(352),
        Outside,
        tcp(WEB, end(EXTERNAL, 99), "A", 1, 1),
    );
    assert!(transmits(&mut nat).is_empty());
}

#[test]
fn segment_sizes_are_clamped() {
    use packet_buffer::wire::{
        HeaderOptions, IpProtocol, PseudoHeader, TcpFlags, TcpOption, TcpRepr, TcpSegment,
    };
    let mut config = config(Profile::Rfc);
    config.clamp_mss = Some(1_400);
    let mut nat = nat(config);
    for (offered, lead, expected) in [(1_460, 0, 1_400), (1_460, 1, 1_400), (536, 0, 536)] {
        let mut options = vec![TcpOption::NoOperation; lead];
        options.push(TcpOption::MaximumSegmentSize(offered));
        let header = TcpRepr {
            source_port: 5_000 + lead as u16,
            destination_port: 80,
            sequence_number: 1,
            flags: TcpFlags::SYN,
            options: HeaderOptions::from_tcp_options(&options).unwrap(),
            ..TcpRepr::default()
        };
        let mut packet = nat::PacketBuf::with_headroom(64);
        let addresses = PseudoHeader::V4 {
            source: A,
            destination: SERVER,
        };
        header.emit(&mut packet, &addresses).unwrap();
        let sent = pass_packet(
            &mut nat,
            at(0),
            Inside,
            ip(A, SERVER, IpProtocol::TCP, packet),
        );
        ends(&sent);
        let ip = Ipv4Packet::parse(sent.as_slice()).unwrap();
        let segment = TcpSegment::parse(ip.payload()).unwrap();
        assert!(
            segment
                .options()
                .any(|option| option == TcpOption::MaximumSegmentSize(expected))
        );
    }
}

/// The same two ends connect again before the old connection is forgotten: the outside end stays.
#[test]
fn n15_a_closed_connection_is_opened_again() {
    let mut nat = simple(Profile::Rfc);
    let out = connect(&mut nat, at(0));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "FA", 101, 901));
    pass(&mut nat, at(0), Outside, tcp(WEB, out, "FA", 901, 102));
    pass(&mut nat, at(0), Inside, tcp(CLIENT, WEB, "A", 102, 902));
    let again = pass(&mut nat, at(5), Inside, tcp(CLIENT, WEB, "S", 70_000, 0));
    assert_eq!(again.from, out);
    assert_eq!((nat.session_count(), nat.mapping_count()), (1, 1));
    run_until(&mut nat, at(1_000));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
}
