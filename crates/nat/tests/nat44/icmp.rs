//! N12, N13, N18 to N24: ICMP (RFC 4787 §9 and §10, RFC 5382 §7.3, RFC 5508).

use crate::support::*;
use nat::{DropReason, Nat, PacketBuf, Profile};
use packet_buffer::checksum::internet_checksum;
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Message, Icmpv4Repr, Icmpv4Type, IpProtocol, Ipv4Packet, Ipv4Repr,
    PseudoHeader, UdpRepr, icmpv4_code,
};

/// A translator through which `A` has sent a query, and the query as it went out.
fn asked(profile: Profile) -> (Nat, PacketBuf) {
    let mut nat = simple(profile);
    let query = udp_with(end(A, 5_000), end(SERVER, 53), &[7; 64]);
    let sent = pass_packet(&mut nat, at(0), Inside, query);
    (nat, sent)
}

fn error(from: core::net::Ipv4Addr, repr: Icmpv4Repr, quote: &[u8]) -> PacketBuf {
    let quoted = Ipv4Packet::parse(quote).map(|ip| ip.source());
    let to = quoted.unwrap_or(EXTERNAL);
    icmp(from, to, repr, quote)
}

const PORT_UNREACHABLE: Icmpv4Repr = Icmpv4Repr::DestinationUnreachable {
    code: icmpv4_code::Unreachable::PORT,
    quoted_words: 0,
    next_hop_mtu: 0,
};

// RFC 4787 §9 MUST NOT (req-12): no ICMP message ends a mapping.
// RFC 5382 §7.3 MUST NOT (req-10): nor a connection.
// RFC 5508 §4.3 MUST NOT (req-6): nor does it refresh a session.
#[test]
fn n12_errors_end_nothing_and_refresh_nothing() {
    let (mut nat, sent) = asked(Profile::Rfc);
    let before: Vec<_> = nat.sessions().collect();
    for code in 0..16 {
        let repr = Icmpv4Repr::DestinationUnreachable {
            code: icmpv4_code::Unreachable(code),
            quoted_words: 0,
            next_hop_mtu: 1_400,
        };
        pass_packet(
            &mut nat,
            at(100),
            Outside,
            error(OTHER, repr, sent.as_slice()),
        );
    }
    assert_eq!(nat.sessions().collect::<Vec<_>>(), before);

    let mut nat = simple(Profile::Rfc);
    let ping = pass_packet(&mut nat, at(0), Inside, echo(A, SERVER, 7));
    let before: Vec<_> = nat.sessions().collect();
    pass_packet(
        &mut nat,
        at(30),
        Outside,
        error(OTHER, PORT_UNREACHABLE, ping.as_slice()),
    );
    assert_eq!(nat.sessions().collect::<Vec<_>>(), before);

    let mut nat = simple(Profile::Rfc);
    let syn = pass_packet(
        &mut nat,
        at(0),
        Inside,
        tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0),
    );
    let before: Vec<_> = nat.sessions().collect();
    pass_packet(
        &mut nat,
        at(30),
        Outside,
        error(OTHER, PORT_UNREACHABLE, syn.as_slice()),
    );
    assert_eq!(nat.sessions().collect::<Vec<_>>(), before);
}

// RFC 4787 §9 SHOULD NOT (req-12-a): who sends an error does not matter.
// RFC 4787 §9 RECOMMENDED (req-12-b): "destination unreachable" is translated.
// RFC 5382 §7.3 SHOULD (req-9): for TCP too.
#[test]
fn n12_n18_errors_from_anywhere_pass() {
    let (mut nat, sent) = asked(Profile::Rfc);
    for router in [
        [192, 0, 2, 1],
        [198, 51, 100, 10],
        [100, 64, 0, 1],
        [10, 9, 9, 9],
    ] {
        let seen = pass_packet(
            &mut nat,
            at(1),
            Outside,
            unreachable(router.into(), &sent, 8),
        );
        assert_eq!(*ends(&seen).to.ip(), A);
    }
    let mut nat = simple(Profile::Rfc);
    let syn = pass_packet(
        &mut nat,
        at(0),
        Inside,
        tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0),
    );
    let seen = pass_packet(&mut nat, at(0), Outside, unreachable(OTHER, &syn, 8));
    assert_eq!(*ends(&seen).to.ip(), A);
}

/// N13: the size of the next link comes through, about the packet as its sender knows it.
// RFC 4787 §10 MUST (req-13): "fragmentation needed" reaches the inside host.
#[test]
fn n13_path_mtu_discovery_works_through_it() {
    let mut nat = simple(Profile::Rfc);
    let segment = tcp(end(A, 5_000), end(SERVER, 80), "S", 77, 0);
    let sent = pass_packet(&mut nat, at(0), Inside, segment.clone());
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu: 1_280,
    };
    let too_big = error(OTHER, repr, &sent.as_slice()[..28]);
    let seen = pass_packet(&mut nat, at(0), Outside, too_big);
    let ip = Ipv4Packet::parse(seen.as_slice()).unwrap();
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    message.verify_checksum().unwrap();
    assert_eq!(message.to_repr(), repr);
    assert_eq!(message.payload()[12..], segment.as_slice()[12..28]);
}

// RFC 5508 §3.1 MUST (req-1): queries from inside pass, and their answers.
// RFC 5508 §3.2 MUST NOT (req-2): their sessions last at least 60 s.
// RFC 5508 §3.2 RECOMMENDED (req-2-a): as configured.
// RFC 7857 §12 MAY: the mapping goes with the last session.
#[test]
fn n19_queries() {
    let mut nat = simple(Profile::Rfc);
    for (request, reply) in [(8, 0), (13, 14), (15, 16), (17, 18)] {
        let query = |message_type: u8, identifier: u16| Icmpv4Repr::Other {
            message_type: Icmpv4Type(message_type),
            code: 0,
            rest: [
                identifier.to_be_bytes()[0],
                identifier.to_be_bytes()[1],
                0,
                1,
            ],
        };
        let out = pass_packet(
            &mut nat,
            at(0),
            Inside,
            icmp(A, SERVER, query(request, 7), b""),
        );
        let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        let [a, b, ..] = message.rest_of_header();
        let answer = icmp(
            SERVER,
            EXTERNAL,
            query(reply, u16::from_be_bytes([a, b])),
            b"",
        );
        let back = pass_packet(&mut nat, at(59), Outside, answer);
        let ip = Ipv4Packet::parse(back.as_slice()).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        assert_eq!(
            (ip.destination(), message.rest_of_header()),
            (A, [0, 7, 0, 1])
        );
    }
    run_until(&mut nat, at(121));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));

    let mut config = config(Profile::Rfc);
    config.timers.icmp = core::time::Duration::from_secs(90);
    let mut nat = crate::support::nat(config);
    pass(&mut nat, at(0), Inside, echo(A, SERVER, 7));
    assert_eq!(nat.sessions().next().unwrap().expires, at(90));
}

// RFC 5508 §4.1 SHOULD (req-3): a wrong ICMP checksum.
// RFC 5508 §4.1 SHOULD (req-3-a): a wrong checksum in the embedded IP header.
#[test]
fn n20_errors_with_wrong_checksums_are_dropped() {
    let (mut nat, sent) = asked(Profile::Rfc);
    let mut bad = unreachable(OTHER, &sent, 8);
    bad.as_mut_slice()[22] ^= 1;
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, bad),
        DropReason::BadChecksum
    );

    let mut quote = sent.as_slice()[..28].to_vec();
    quote[10] ^= 1;
    let bad = error(OTHER, PORT_UNREACHABLE, &quote);
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, bad),
        DropReason::IcmpForged
    );
}

// RFC 5508 §4.1 MUST (req-3-b): options of the embedded packet are gone past.
#[test]
fn n20_embedded_options_are_gone_past() {
    let mut nat = simple(Profile::Rfc);
    let mut query = PacketBuf::from_slice(64, b"hello");
    let addresses = PseudoHeader::V4 {
        source: A,
        destination: SERVER,
    };
    let ports = UdpRepr {
        source_port: 5_000,
        destination_port: 53,
    };
    ports.emit(&mut query, &addresses).unwrap();
    let header = Ipv4Repr {
        // Router alert.
        options: HeaderOptions::from_slice(&[148, 4, 0, 0]).unwrap(),
        ..Ipv4Repr::new(A, SERVER, IpProtocol::UDP)
    };
    header.emit(&mut query).unwrap();
    let sent = pass_packet(&mut nat, at(0), Inside, query.clone());
    let seen = pass_packet(&mut nat, at(0), Outside, unreachable(OTHER, &sent, 8));
    assert_eq!(seen.as_slice()[28 + 12..], query.as_slice()[12..32]);
}

// RFC 5508 §4.1 SHOULD NOT (req-3-c): the embedded transport checksum is not verified.
// RFC 5508 §4.1 MUST (req-3-d): padding and extensions behind the quote do not matter to it.
#[test]
fn n20_the_embedded_transport_checksum_is_patched_and_not_verified() {
    let (mut nat, sent) = asked(Profile::Rfc);
    let mut quote = sent.as_slice().to_vec();
    add_to_word(&mut quote, 26, 0x55);
    let seen = pass_packet(
        &mut nat,
        at(0),
        Outside,
        error(OTHER, PORT_UNREACHABLE, &quote),
    );
    // Wrong by as much as before.
    let original = udp_with(end(A, 5_000), end(SERVER, 53), &[7; 64]);
    let mut wrong = original.as_slice().to_vec();
    add_to_word(&mut wrong, 26, 0x55);
    assert_eq!(seen.as_slice()[28 + 26..28 + 28], wrong[26..28]);

    // An extension (RFC 4884) behind a quote of 128 octets passes as it is.
    let mut quote = sent.as_slice().to_vec();
    quote.resize(128, 0);
    let extension = [0x20, 0, 0, 0, 0, 8, 1, 1, 0xde, 0xad, 0xbe, 0xef];
    quote.extend(extension);
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::PORT,
        quoted_words: 32,
        next_hop_mtu: 0,
    };
    let seen = pass_packet(
        &mut nat,
        at(0),
        Outside,
        icmp(OTHER, EXTERNAL, repr, &quote),
    );
    ends(&seen);
    assert!(seen.as_slice().ends_with(&extension));
    assert_eq!(
        seen.as_slice()[28 + 12..28 + 24],
        original.as_slice()[12..24]
    );
}

// RFC 5508 §4.2 SHOULD (req-4): an error from outside about nothing that went out.
// RFC 5508 §4.2 SHOULD (req-5): and one from inside about nothing that came in.
#[test]
fn n21_errors_without_a_mapping_are_dropped_in_silence() {
    let mut nat = simple(Profile::Rfc);
    let stranger = udp(end(EXTERNAL, 9_999), end(SERVER, 53));
    let reason = drop_of(&mut nat, at(0), Outside, unreachable(OTHER, &stranger, 8));
    assert_eq!(reason, DropReason::IcmpUnrelated);
    let stranger = udp(end(SERVER, 53), end(A, 5_000));
    let about = icmp(A, SERVER, PORT_UNREACHABLE, &stranger.as_slice()[..28]);
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, about),
        DropReason::IcmpUnrelated
    );
    assert!(transmits(&mut nat).is_empty());
    assert_eq!(nat.session_count(), 0);
}

// RFC 5508 §4.2 MUST (req-4-a): the embedded packet is as its sender knows it.
// RFC 5508 §4.2 MUST (req-4-b): type and code stay.
// RFC 5508 §4.2 MUST (req-4-c): the outer destination is the source of the embedded packet.
#[test]
fn n21_errors_from_outside() {
    let (mut nat, sent) = asked(Profile::Rfc);
    let original = udp_with(end(A, 5_000), end(SERVER, 53), &[7; 64]);
    let time_exceeded = Icmpv4Repr::TimeExceeded {
        code: icmpv4_code::TimeExceeded::TRANSIT,
        quoted_words: 0,
    };
    let parameter_problem = Icmpv4Repr::ParameterProblem {
        code: icmpv4_code::ParameterProblem::POINTER,
        pointer: 20,
        quoted_words: 0,
    };
    for repr in [PORT_UNREACHABLE, time_exceeded, parameter_problem] {
        for octets in [28, 40, sent.len()] {
            let about = error(OTHER, repr, &sent.as_slice()[..octets]);
            let seen = pass_packet(&mut nat, at(0), Outside, about);
            let ip = Ipv4Packet::parse(seen.as_slice()).unwrap();
            let message = Icmpv4Message::parse(ip.payload()).unwrap();
            message.verify_checksum().unwrap();
            assert_eq!(message.to_repr(), repr);
            assert_eq!((ip.source(), ip.destination()), (OTHER, A));
            let quoted = message.payload();
            // The identification was drawn anew on the way out.
            assert_eq!(quoted[..4], original.as_slice()[..4]);
            assert_eq!(quoted[12..], original.as_slice()[12..octets]);
            assert_eq!(
                internet_checksum(&quoted[..20]),
                0,
                "the embedded header is right"
            );
        }
    }
}

// RFC 5508 §4.2 MUST (req-5-a): the embedded packet is as its sender, outside, knows it.
// RFC 5508 §4.2 MUST (req-5-b): type and code stay.
// RFC 5508 §4.2 MUST (req-5-c): the outer source is a public address.
#[test]
fn n21_errors_from_inside() {
    let (mut nat, sent) = asked(Profile::Rfc);
    let answer = udp(end(SERVER, 53), ends(&sent).from);
    let seen_inside = pass_packet(&mut nat, at(0), Outside, answer.clone());
    for inside_source in [A, [10, 0, 0, 254].into()] {
        let about = icmp(
            inside_source,
            SERVER,
            PORT_UNREACHABLE,
            &seen_inside.as_slice()[..28],
        );
        let seen = pass_packet(&mut nat, at(0), Inside, about);
        let ip = Ipv4Packet::parse(seen.as_slice()).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        assert_eq!(message.to_repr(), PORT_UNREACHABLE);
        assert_eq!((ip.source(), ip.destination()), (EXTERNAL, SERVER));
        assert_eq!(message.payload()[12..], answer.as_slice()[12..28]);
    }
}

// RFC 5508 §6 SHOULD (req-8): type 3, code 13 when a session cannot be made.
#[test]
fn n23_a_session_that_cannot_be_made_is_answered() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_000;
    let mut nat = nat(config);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    let refused = udp(end(B, 5_000), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, refused.clone()),
        DropReason::NoPort
    );
    let [(transmit, answer)] = &transmits(&mut nat)[..] else {
        panic!("one answer");
    };
    assert_eq!(transmit.to, Inside);
    let ip = Ipv4Packet::parse(answer.as_slice()).unwrap();
    ip.verify_checksum().unwrap();
    assert_eq!((ip.source(), ip.destination()), (GATEWAY, B));
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    message.verify_checksum().unwrap();
    assert_eq!(
        (message.message_type(), message.code()),
        (Icmpv4Type(3), 13)
    );
    assert_eq!(message.payload(), refused.as_slice());
    // Not for ever: the rate is limited.
    for _ in 0..200 {
        drop_of(&mut nat, at(0), Inside, refused.clone());
    }
    assert_eq!(transmits(&mut nat).len(), 9);
    assert_eq!(nat.stats().answers_limited, 191);
}

// RFC 5508 §7 MAY (req-9): a policy keeps the translator from sending ICMP messages.
#[test]
fn n24_a_policy_keeps_it_silent() {
    let mut config = config(Profile::Rfc);
    config.icmp.prohibited = false;
    config.pools[0].ports = 2_000..=2_000;
    let mut nat = nat(config);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    drop_of(&mut nat, at(0), Inside, udp(end(B, 5_000), end(SERVER, 53)));
    assert!(transmits(&mut nat).is_empty());
}

// RFC 5508 §8 MAY (req-11): messages that are neither queries nor errors are dropped.
#[test]
fn n24_other_messages_are_dropped() {
    let (mut nat, sent) = asked(Profile::Rfc);
    for message_type in [9, 10, 30, 40, 42, 255] {
        let repr = Icmpv4Repr::Other {
            message_type: Icmpv4Type(message_type),
            code: 0,
            rest: [0; 4],
        };
        for side in [Inside, Outside] {
            let message = icmp(if side == Inside { A } else { SERVER }, OTHER, repr, b"");
            assert_eq!(
                drop_of(&mut nat, at(0), side, message),
                DropReason::IcmpType
            );
        }
    }
    let mut linux = simple(Profile::LinuxCompat);
    let of_linux = pass_packet(
        &mut linux,
        at(0),
        Inside,
        udp(end(A, 5_000), end(SERVER, 53)),
    );
    // Source quench (RFC 6633) and redirects are errors that mean nothing here.
    for message_type in [4, 5] {
        let repr = Icmpv4Repr::Other {
            message_type: Icmpv4Type(message_type),
            code: 1,
            rest: [192, 0, 2, 1],
        };
        let message = icmp(OTHER, EXTERNAL, repr, sent.as_slice());
        assert_eq!(
            drop_of(&mut nat, at(0), Outside, message),
            DropReason::IcmpType
        );
        // Linux relays the one, and not the other.
        let mut message = icmp(OTHER, EXTERNAL, repr, of_linux.as_slice());
        let verdict = linux.process(at(0), Outside, &mut message);
        let passes = verdict == nat::Verdict::Forward { hairpin: false };
        assert_eq!(passes, message_type == 4);
    }
}
