//! RFC 6296 (N35): the example of the text, the words that take up the difference, whole packets.

use crate::support::*;
use core::net::Ipv6Addr;
use nat::nptv6::{Nptv6, Nptv6ConfigError, Nptv6Discard, Nptv6Verdict};
use packet_buffer::PacketBuf;
use packet_buffer::checksum::Sum;
use packet_buffer::wire::*;
use proptest::prelude::*;

fn site() -> Nptv6 {
    Nptv6::new(prefix("fd01:203:405::/48"), prefix("2001:db8:1::/48")).unwrap()
}

/// §3.6 gives the sums of both prefixes and the mapping of one address.
// RFC 6296 §3.1 MUST (adjustment): FD01:0203:0405 sums to 030A, 2001:0DB8:0001 to 2DBA.
// RFC 6296 §3.2 MUST: FD01:0203:0405:0001::1234 becomes 2001:0DB8:0001:D550::1234.
// RFC 6296 §3.3 MUST: and comes back.
// RFC 6296 §3.4 MUST: the subnet's word is the one that changes.
#[test]
fn the_example_of_section_3_6() {
    assert_eq!(site().adjustment(), 0xd54f);
    let inside = v6("fd01:203:405:1::1234");
    let outside = v6("2001:db8:1:d550::1234");
    assert_eq!(site().outbound(inside), Ok(outside));
    assert_eq!(site().inbound(outside), Ok(inside));
}

// RFC 6296 §3.2 MUST (zero): 0x2ab0 + 0xd54f is 0xffff.
#[test]
fn a_sum_of_ffff_is_zero() {
    let outside = site().outbound(v6("fd01:203:405:2ab0::1")).unwrap();
    assert_eq!(outside, v6("2001:db8:1::1"));
    assert_eq!(site().inbound(outside), Ok(v6("fd01:203:405:2ab0::1")));
}

#[test]
fn subnet_ffff_has_no_counterpart() {
    let inside = v6("fd01:203:405:ffff::1");
    assert_eq!(site().outbound(inside), Err(Nptv6Discard::Unmappable));
}

// RFC 6296 §3.1 MUST (lengths): a /40 beside a /48 is its first /48.
#[test]
fn prefixes_of_two_lengths() {
    let site = Nptv6::new(prefix("fd01:200::/40"), prefix("2001:db8:1::/48")).unwrap();
    assert_eq!(site.internal(), prefix("fd01:200::/48"));
    let outside = site.outbound(v6("fd01:200:0:7::1")).unwrap();
    assert!(prefix("2001:db8:1::/48").contains(outside));
    let elsewhere = v6("fd01:200:1:7::1");
    assert_eq!(site.outbound(elsewhere), Err(Nptv6Discard::NotInPrefix));
}

// RFC 6296 §3.5 MUST: behind a /64, words that are 0xffff are passed over.
#[test]
fn long_prefixes_adjust_the_interface_identifier() {
    let site = Nptv6::new(prefix("fd00:0:0:1::/64"), prefix("2001:db8:0:2::/64")).unwrap();
    let plain = site.outbound(v6("fd00:0:0:1:1:2:3:4")).unwrap().segments();
    assert_eq!(plain[..4], [0x2001, 0xdb8, 0, 2]);
    assert_eq!(plain[5..], [2, 3, 4]);
    let passed = site
        .outbound(v6("fd00:0:0:1:ffff:ffff:3:4"))
        .unwrap()
        .segments();
    assert_eq!(passed[4..6], [0xffff, 0xffff]);
    assert_ne!(passed[6], 3);
    assert_eq!(passed[7], 4);
    let none = v6("fd00:0:0:1:ffff:ffff:ffff:ffff");
    assert_eq!(site.outbound(none), Err(Nptv6Discard::Unmappable));
}

#[test]
fn pairs_that_cannot_be() {
    let make = |a, b| Nptv6::new(prefix(a), prefix(b)).unwrap_err();
    assert_eq!(
        make("fd00::/65", "2001:db8::/48"),
        Nptv6ConfigError::TooLong(65)
    );
    assert_eq!(make("fd00::/48", "fd00::/32"), Nptv6ConfigError::Overlap);
}

fn udp(source: &str, destination: &str) -> PacketBuf {
    udp_v6((v6(source), 5_000), (v6(destination), 53), b"question")
}

fn assert_sound(packet: &PacketBuf) {
    let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
    let upper = ip.upper_layer().unwrap();
    match upper.protocol {
        IpProtocol::UDP => {
            let udp = UdpDatagram::parse(upper.payload).unwrap();
            udp.verify_checksum(&ip.pseudo_header()).unwrap();
        }
        _ => Icmpv6Message::parse(upper.payload)
            .unwrap()
            .verify_checksum(&ip.pseudo_header())
            .unwrap(),
    }
}

#[test]
fn a_packet_out_and_its_answer() {
    let mut packet = udp("fd01:203:405:1::1234", "2001:db8:ffff::53");
    let transport = packet.as_slice()[40..].to_vec();
    assert_eq!(
        site().process_outbound(packet.as_mut_slice()),
        Ok(Nptv6Verdict::Translated)
    );
    let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
    assert_eq!(ip.source(), v6("2001:db8:1:d550::1234"));
    assert_eq!(packet.as_slice()[40..], transport);
    assert_sound(&packet);

    let mut answer = udp("2001:db8:ffff::53", "2001:db8:1:d550::1234");
    assert_eq!(
        site().process_inbound(answer.as_mut_slice()),
        Ok(Nptv6Verdict::Translated)
    );
    let ip = Ipv6Packet::parse(answer.as_slice()).unwrap();
    assert_eq!(ip.destination(), v6("fd01:203:405:1::1234"));
    assert_sound(&answer);
}

// RFC 6296 §4.3 MUST: between two hosts inside, by external addresses.
#[test]
fn hairpin() {
    let other = site().outbound(v6("fd01:203:405:2::9")).unwrap();
    let mut packet = udp_v6((v6("fd01:203:405:1::1234"), 1), (other, 2), b"");
    assert_eq!(
        site().process_outbound(packet.as_mut_slice()),
        Ok(Nptv6Verdict::Hairpin)
    );
    let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
    assert_eq!(ip.source(), v6("2001:db8:1:d550::1234"));
    assert_eq!(ip.destination(), v6("fd01:203:405:2::9"));
    assert_sound(&packet);
}

#[test]
fn what_does_not_belong_stays_as_it_was() {
    let foreign = udp("2001:db8:9::1", "2001:db8:ffff::53");
    let mut packet = foreign.clone();
    let error = site().process_outbound(packet.as_mut_slice()).unwrap_err();
    assert_eq!(error, Nptv6Discard::NotInPrefix);
    assert_eq!(packet, foreign);
    // An inside source from outside.
    let spoofed = udp("fd01:203:405:1::1", "2001:db8:1:d550::1234");
    let mut packet = spoofed.clone();
    assert!(site().process_inbound(packet.as_mut_slice()).is_err());
    assert_eq!(packet, spoofed);
}

#[test]
fn errors_quote_what_their_receiver_has_sent() {
    // A router outside reports about a packet from inside.
    let mut sent = udp("fd01:203:405:1::1234", "2001:db8:ffff::53");
    let original = sent.as_slice().to_vec();
    site().process_outbound(sent.as_mut_slice()).unwrap();
    let mut error = icmpv6_error(
        Icmpv6Repr::PacketTooBig { mtu: 1280 },
        (v6("2001:db8:fe::1"), v6("2001:db8:1:d550::1234")),
        sent.as_slice(),
    );
    site().process_inbound(error.as_mut_slice()).unwrap();
    assert_sound(&error);
    assert_eq!(error.as_slice()[48..], original);

    // A host inside reports about a packet from outside.
    let outside = udp("2001:db8:ffff::53", "2001:db8:1:d550::1234");
    let mut inside = outside.clone();
    site().process_inbound(inside.as_mut_slice()).unwrap();
    let code = icmpv6_code::Unreachable::PORT;
    let mut error = icmpv6_error(
        Icmpv6Repr::DestinationUnreachable {
            code,
            quoted_words: 0,
        },
        (v6("fd01:203:405:1::1234"), v6("2001:db8:ffff::53")),
        inside.as_slice(),
    );
    site().process_outbound(error.as_mut_slice()).unwrap();
    assert_sound(&error);
    assert_eq!(error.as_slice()[48..], *outside.as_slice());
}

#[test]
fn nothing_near_a_good_packet_panics() {
    let code = icmpv6_code::Unreachable::PORT;
    let error = icmpv6_error(
        Icmpv6Repr::DestinationUnreachable {
            code,
            quoted_words: 0,
        },
        (v6("2001:db8:ffff::53"), v6("2001:db8:1:d550::1234")),
        udp("2001:db8:1:d550::1234", "2001:db8:ffff::53").as_slice(),
    );
    let mut translated = 0;
    testkit::sweep(error.as_slice(), |octets| {
        for inbound in [true, false] {
            let mut copy = octets.to_vec();
            let result = match inbound {
                true => site().process_inbound(&mut copy),
                false => site().process_outbound(&mut copy),
            };
            match result {
                Ok(_) => translated += 1,
                Err(_) => assert_eq!(copy, octets),
            }
        }
    });
    assert!(translated > 100, "{translated}");
}

proptest! {
    #[test]
    fn out_and_in_is_nothing_and_the_sum_stays(
        bits: u128, internal: u128, external: u128, a in 3u8..=64, b in 3u8..=64,
    ) {
        let internal = Ipv6Prefix::new(Ipv6Addr::from_bits(internal), a).unwrap();
        let external = Ipv6Prefix::new(Ipv6Addr::from_bits(external), b).unwrap();
        let Ok(pair) = Nptv6::new(internal, external) else { return Ok(()) };
        let host = bits & !pair.internal().netmask().to_bits();
        let inside = Ipv6Addr::from_bits(pair.internal().network().to_bits() | host);
        let Ok(outside) = pair.outbound(inside) else { return Ok(()) };
        prop_assert!(pair.external().contains(outside));
        let sum = |address: Ipv6Addr| Sum::new().add_bytes(&address.octets()).fold() % 0xffff;
        prop_assert_eq!(sum(inside), sum(outside));
        prop_assert_eq!(pair.inbound(outside), Ok(inside));
    }
}
