//! Reading the ICMP errors, and seeing through those that cannot be true (RFC 5927 §4, §7).

use super::support::*;
use icmp_nd::pmtu::{Config, Confirmation, Discard, Report};
use packet_buffer::Instant;
use packet_buffer::wire::{Icmpv4Message, Icmpv6Message, QuotedPacket, TransportIds};

fn v4_report(message: &[u8]) -> Result<Report, Discard> {
    let message = Icmpv4Message::parse(message).unwrap();
    Report::from_icmpv4(&message, HOST4.into(), 0).map(|(report, _)| report)
}

fn v6_report(message: &[u8]) -> Result<Report, Discard> {
    let message = Icmpv6Message::parse(message).unwrap();
    Report::from_icmpv6(&message, HOST6.into(), 3).map(|(report, _)| report)
}

#[test]
fn what_a_report_says() {
    let report = v4_report(&fragmentation_needed(
        udp4(HOST4, 1500, true).as_slice(),
        1400,
    ));
    let report = report.unwrap();
    assert_eq!((report.path, report.mtu), (v4(), 1400));
    assert_eq!(
        (report.packet_length, report.header_length),
        (Some(1500), 20)
    );

    let report = v6_report(&packet_too_big(udp6(HOST6, 9000).as_slice(), 1500)).unwrap();
    assert_eq!(report.path, v6().in_zone(3).with_flow_label(0x12345));
    assert_eq!((report.mtu, report.packet_length), (1500, Some(9000)));
}

// RFC 4443 §3.2 MUST (code): a code that is not zero changes nothing.
#[test]
fn the_code_of_packet_too_big_is_ignored() {
    let mut message = packet_too_big(udp6(HOST6, 1500).as_slice(), 1400);
    message[1] = 7;
    assert_eq!(v6_report(&message).unwrap().mtu, 1400);
}

// RFC 5927 §4 SHOULD (source): the quoted packet must have come from where the error went.
#[test]
fn an_error_about_somebody_elses_packet() {
    let other4 = "203.0.113.9".parse().unwrap();
    let message = fragmentation_needed(udp4(other4, 1500, true).as_slice(), 1400);
    assert_eq!(v4_report(&message), Err(Discard::NotTheSource));
    let other6 = "2001:db8::bad".parse().unwrap();
    let message = packet_too_big(udp6(other6, 1500).as_slice(), 1400);
    assert_eq!(v6_report(&message), Err(Discard::NotTheSource));
}

// RFC 5927 §7.1 SHOULD (df): a packet that routers may fragment is never reported.
#[test]
fn a_packet_that_may_be_fragmented() {
    let message = fragmentation_needed(udp4(HOST4, 1500, false).as_slice(), 1400);
    assert_eq!(v4_report(&message), Err(Discard::MayFragment));
}

#[test]
fn other_messages_and_broken_quotes() {
    let packet = udp4(HOST4, 1500, true);
    let mut port_unreachable = fragmentation_needed(packet.as_slice(), 1400);
    port_unreachable[1] = 3;
    assert_eq!(v4_report(&port_unreachable), Err(Discard::NotAReport));
    let short = fragmentation_needed(&packet.as_slice()[..19], 1400);
    assert!(matches!(v4_report(&short), Err(Discard::Quote(_))));
    // An IPv6 packet within an ICMPv4 error, and the reverse.
    let mixed = fragmentation_needed(udp6(HOST6, 1500).as_slice(), 1400);
    assert_eq!(v4_report(&mixed), Err(Discard::QuoteVersion));
    let mixed = packet_too_big(packet.as_slice(), 1400);
    assert_eq!(v6_report(&mixed), Err(Discard::QuoteVersion));
    let mut cache = cache(Config::default());
    for discard in [Discard::NotAReport, Discard::QuoteVersion] {
        cache.count_discard(&discard);
    }
    assert_eq!(
        (cache.stats().not_a_report, cache.stats().bad_quote),
        (1, 1)
    );
}

/// The whole way of a host: the quoted ports decide.
#[test]
fn the_transport_confirms_by_the_quoted_ports() {
    let mut cache = cache(Config::default());
    let confirm = |quoted: &QuotedPacket<'_>| match quoted.transport_ids() {
        Some(TransportIds::Ports { source: 4000, .. }) => Confirmation::Verified,
        _ => Confirmation::Refused,
    };
    let mut packet = udp6(HOST6, 1500);
    for (port, accepted) in [(4000u16, true), (4001, false)] {
        packet.as_mut_slice()[40..42].copy_from_slice(&port.to_be_bytes());
        let octets = packet_too_big(packet.as_slice(), 1280 + u32::from(4001 - port));
        let message = Icmpv6Message::parse(&octets).unwrap();
        let (report, quoted) = Report::from_icmpv6(&message, HOST6.into(), 0).unwrap();
        let result = cache.handle_report(Instant::ZERO, &report, 1500, confirm(&quoted));
        assert_eq!(result.is_ok(), accepted);
    }
    assert_eq!(cache.lookup(&v6(), 1500).mtu, 1281);
}
