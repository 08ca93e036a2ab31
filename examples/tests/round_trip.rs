//! Captured headers, read and written back: where the checksum is good, the octets are the same.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use alloc::collections::BTreeMap;
use internetwork::dissect::dissect;
use packet_buffer::wire::{
    ArpPacket, EtherType, EthernetFrame, GrePacket, Icmpv4Message, Icmpv4Type, Icmpv6Message,
    IpPacket, IpProtocol, Ipv4Packet, Ipv6Extension, Ipv6Packet, PseudoHeader, TcpSegment,
    UdpDatagram,
};
use packet_buffer::{EmitError, PacketBuf};
use testkit::{LinkType, captures};

/// How often each header was written back, and what came of it.
#[derive(Default)]
struct Counts {
    equal: BTreeMap<&'static str, usize>,
    /// Headers whose checksum is bad, or covers what is not there.
    not_judged: BTreeMap<&'static str, usize>,
    /// Headers with octets that no value of ours holds, by what these are.
    not_held: BTreeMap<&'static str, usize>,
}

/// Where a header was read.
#[derive(Clone, Copy)]
struct Place<'a> {
    capture: &'a str,
    frame: usize,
}

impl Counts {
    /// Writes a header in front of `payload` and holds the result against `original`.
    /// `not_held` says what no value of ours holds, when this header has such a thing.
    fn check(
        &mut self,
        place: Place<'_>,
        what: &'static str,
        (original, payload): (&[u8], &[u8]),
        not_held: Option<&'static str>,
        emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
    ) {
        let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, payload);
        let emitted = emit(&mut packet);
        let Place { capture, frame } = place;
        if let Some(reason) = not_held {
            let same = emitted.is_ok() && packet.as_slice() == original;
            assert!(
                !same,
                "{capture} frame {frame}: {what}: {reason}, and yet the same"
            );
            *self.not_held.entry(reason).or_default() += 1;
            return;
        }
        assert_eq!(emitted, Ok(()), "{capture} frame {frame}: {what}");
        assert_eq!(
            packet.as_slice(),
            original,
            "{capture} frame {frame}: {what}"
        );
        *self.equal.entry(what).or_default() += 1;
    }

    fn not_judged(&mut self, what: &'static str) {
        *self.not_judged.entry(what).or_default() += 1;
    }

    fn ethernet(&mut self, place: Place<'_>, octets: &[u8]) {
        let Ok(frame) = EthernetFrame::parse(octets) else {
            return;
        };
        let original = &octets[..frame.header_len() + frame.payload().len()];
        let pair = (original, frame.payload());
        self.check(place, "Ethernet", pair, None, |p| frame.to_repr().emit(p));
        self.ethertype(place, frame.ethertype(), frame.payload());
    }

    fn ethertype(&mut self, place: Place<'_>, ethertype: EtherType, payload: &[u8]) {
        match ethertype {
            EtherType::IPV4 | EtherType::IPV6 => self.ip(place, payload),
            EtherType::TRANSPARENT_ETHERNET => self.ethernet(place, payload),
            EtherType::ARP => {
                let Ok(packet) = ArpPacket::parse(payload) else {
                    return;
                };
                if let Ok(repr) = packet.to_repr() {
                    self.check(place, "ARP", (&payload[..28], &[]), None, |p| repr.emit(p));
                }
            }
            _ => {}
        }
    }

    fn ip(&mut self, place: Place<'_>, octets: &[u8]) {
        match IpPacket::parse(octets) {
            Ok(IpPacket::V4(packet)) => self.ipv4(place, &packet),
            Ok(IpPacket::V6(packet)) => self.ipv6(place, &packet),
            Err(_) => {}
        }
    }

    fn ipv4(&mut self, place: Place<'_>, packet: &Ipv4Packet<'_>) {
        if packet.verify_checksum().is_err() {
            return self.not_judged("IPv4");
        }
        let (offset, length) = (
            usize::from(packet.fragment_offset()),
            packet.payload().len(),
        );
        let not_held = if packet.more_fragments() && length % 8 != 0 {
            Some("a fragment, not the last, of a length that is no multiple of eight")
        } else if offset + length > 65_535 {
            Some("a fragment that ends behind octet 65535")
        } else {
            None
        };
        let pair = (packet.as_slice(), packet.payload());
        self.check(place, "IPv4", pair, not_held, |p| packet.to_repr().emit(p));
        if !packet.is_fragment() {
            let addresses = packet.pseudo_header();
            self.payload(place, packet.protocol(), packet.payload(), &addresses);
        }
    }

    fn ipv6(&mut self, place: Place<'_>, packet: &Ipv6Packet<'_>) {
        let pair = (packet.as_slice(), packet.payload());
        self.check(place, "IPv6", pair, None, |p| packet.to_repr().emit(p));
        let Ok(extensions) = packet.extensions() else {
            return;
        };
        let upper = extensions.upper_layer();
        let mut at = 0;
        for (_, extension) in extensions.iter() {
            at += match extension {
                Ipv6Extension::HopByHop(options) | Ipv6Extension::DestinationOptions(options) => {
                    options.as_slice().len() + 2
                }
                Ipv6Extension::Routing(routing) => routing.data.len() + 4,
                Ipv6Extension::Authentication(octets) => octets.len(),
                Ipv6Extension::Fragment(fragment) => {
                    let (original, payload) =
                        (&packet.payload()[at..], &packet.payload()[at + 8..]);
                    let end = usize::from(fragment.offset) + payload.len();
                    let not_held = if original[1] != 0 || original[3] & 0x06 != 0 {
                        Some("reserved bits of a fragment header")
                    } else if fragment.more_fragments && payload.len() % 8 != 0 {
                        Some("a fragment, not the last, of a length that is no multiple of eight")
                    } else if end > 65_535 {
                        Some("a fragment that ends behind octet 65535")
                    } else {
                        None
                    };
                    let pair = (original, payload);
                    self.check(place, "IPv6 fragment", pair, not_held, |p| fragment.emit(p));
                    8
                }
            };
        }
        if upper.fragment.is_none_or(|fragment| fragment.is_atomic()) {
            self.payload(
                place,
                upper.protocol,
                upper.payload,
                &packet.pseudo_header(),
            );
        }
    }

    fn payload(
        &mut self,
        place: Place<'_>,
        protocol: IpProtocol,
        octets: &[u8],
        addresses: &PseudoHeader,
    ) {
        match protocol {
            IpProtocol::TCP => self.tcp(place, octets, addresses),
            IpProtocol::UDP => self.udp(place, octets, addresses),
            IpProtocol::ICMP => self.icmp(place, octets),
            IpProtocol::ICMPV6 => self.icmpv6(place, octets, addresses),
            IpProtocol::IPV4 | IpProtocol::IPV6 => self.ip(place, octets),
            IpProtocol::GRE => self.gre(place, octets),
            _ => {}
        }
    }

    fn tcp(&mut self, place: Place<'_>, octets: &[u8], addresses: &PseudoHeader) {
        let Ok(segment) = TcpSegment::parse(octets) else {
            return;
        };
        if segment.verify_checksum(addresses).is_err() {
            return self.not_judged("TCP");
        }
        let pair = (octets, segment.payload());
        self.check(place, "TCP", pair, None, |p| {
            segment.to_repr().emit(p, addresses)
        });
    }

    fn udp(&mut self, place: Place<'_>, octets: &[u8], addresses: &PseudoHeader) {
        let Ok(datagram) = UdpDatagram::parse(octets) else {
            return;
        };
        if datagram.verify_checksum(addresses).is_err() {
            return self.not_judged("UDP");
        }
        let pair = (&octets[..datagram.length()], datagram.payload());
        let repr = datagram.to_repr();
        if datagram.checksum() == 0 {
            let what = "UDP without checksum";
            self.check(place, what, pair, None, |p| repr.emit_without_checksum(p));
        } else {
            self.check(place, "UDP", pair, None, |p| repr.emit(p, addresses));
        }
    }

    fn icmp(&mut self, place: Place<'_>, octets: &[u8]) {
        let Ok(message) = Icmpv4Message::parse(octets) else {
            return;
        };
        if message.verify_checksum().is_err() {
            return self.not_judged("ICMP");
        }
        let [first, _, high, low] = message.rest_of_header();
        let unused = match message.message_type() {
            Icmpv4Type::DESTINATION_UNREACHABLE => first != 0,
            Icmpv4Type::TIME_EXCEEDED => (first, high, low) != (0, 0, 0),
            Icmpv4Type::PARAMETER_PROBLEM => (high, low) != (0, 0),
            _ => false,
        };
        let not_held = unused.then_some("unused octets of an ICMP error");
        let pair = (octets, message.payload());
        self.check(place, "ICMP", pair, not_held, |p| message.to_repr().emit(p));
    }

    fn icmpv6(&mut self, place: Place<'_>, octets: &[u8], addresses: &PseudoHeader) {
        let Ok(message) = Icmpv6Message::parse(octets) else {
            return;
        };
        if message.verify_checksum(addresses).is_err() {
            return self.not_judged("ICMPv6");
        }
        // Errors and echoes have four more octets of header than the others.
        let repr = message.to_repr();
        let other = matches!(repr, packet_buffer::wire::Icmpv6Repr::Other { .. });
        let payload = if other {
            message.body()
        } else {
            message.payload()
        };
        let pair = (octets, payload);
        self.check(place, "ICMPv6", pair, None, |p| repr.emit(p, addresses));
    }

    fn gre(&mut self, place: Place<'_>, octets: &[u8]) {
        let Ok(packet) = GrePacket::parse(octets) else {
            return;
        };
        if packet.verify_checksum().is_err() {
            return self.not_judged("GRE");
        }
        let end = packet.payload().as_ptr_range().end.addr() - octets.as_ptr().addr();
        let pair = (&octets[..end], packet.payload());
        self.check(place, "GRE", pair, None, |p| packet.to_repr().emit(p));
        self.ethertype(place, packet.protocol(), packet.payload());
    }
}

#[test]
fn captured_headers_are_written_back_as_they_were() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut counts = Counts::default();
    for capture in &captures {
        for (index, frame) in capture.frames.iter().enumerate() {
            let place = Place {
                capture: &capture.name,
                frame: index + 1,
            };
            if frame.link_type == LinkType::ETHERNET {
                counts.ethernet(place, &frame.data);
            } else {
                let dissection = dissect(frame.link_type, &frame.data, frame.original_len);
                let mut layers = dissection.layers.iter();
                if let Some(ip) = layers.find(|layer| matches!(layer.protocol, "ip" | "ipv6")) {
                    counts.ip(place, &frame.data[ip.offset..]);
                }
            }
        }
    }
    println!("written back as they were: {:#?}", counts.equal);
    println!("checksum bad: {:#?}", counts.not_judged);
    println!("not held: {:#?}", counts.not_held);
    let least = [
        ("ARP", 150),
        ("Ethernet", 6_000),
        ("GRE", 40),
        ("ICMP", 1_500),
        ("ICMPv6", 150),
        ("IPv4", 5_000),
        ("IPv6", 900),
        ("IPv6 fragment", 50),
        ("TCP", 1_500),
        ("UDP", 700),
        ("UDP without checksum", 10),
    ];
    for (what, least) in least {
        let count = counts.equal.get(what).copied().unwrap_or_default();
        assert!(count >= least, "{what}: {count}");
    }
    assert_eq!(counts.equal.len(), least.len());
}
