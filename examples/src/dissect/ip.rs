//! IPv4, and what follows either version of IP.

use super::{ChecksumStatus, Dissector, Layer, Network, Part};
use core::net::Ipv4Addr;
use packet_buffer::checksum;
use packet_buffer::tlv::{Tlv, TlvFormat, TlvList};
use packet_buffer::wire::{
    IpProtocol, Ipv4OptionKind, Ipv4Packet, Ipv6Extensions, PseudoHeader, QuotedIpv4,
};
use packet_buffer::{Cursor, ParseError};

/// Ethernet within IP (RFC 8986 §10.1).
const ETHERNET: IpProtocol = IpProtocol(143);

/// A header's values, from the view of a whole packet or of a quoted one.
struct Header {
    header_length: usize,
    type_of_service: u8,
    total_length: usize,
    identification: u16,
    reserved_flag: bool,
    dont_fragment: bool,
    more_fragments: bool,
    fragment_offset: u16,
    time_to_live: u8,
    protocol: IpProtocol,
    checksum: u16,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl From<&Ipv4Packet<'_>> for Header {
    fn from(packet: &Ipv4Packet<'_>) -> Self {
        Self {
            header_length: packet.header_len(),
            type_of_service: packet.dscp() << 2 | packet.ecn(),
            total_length: packet.total_length(),
            identification: packet.identification(),
            reserved_flag: packet.reserved_flag(),
            dont_fragment: packet.dont_fragment(),
            more_fragments: packet.more_fragments(),
            fragment_offset: packet.fragment_offset(),
            time_to_live: packet.time_to_live(),
            protocol: packet.protocol(),
            checksum: packet.checksum(),
            source: packet.source(),
            destination: packet.destination(),
        }
    }
}

impl From<&QuotedIpv4<'_>> for Header {
    fn from(quoted: &QuotedIpv4<'_>) -> Self {
        Self {
            header_length: quoted.header_len(),
            type_of_service: quoted.type_of_service(),
            total_length: usize::from(quoted.total_length()),
            identification: quoted.identification(),
            reserved_flag: quoted.reserved_flag(),
            dont_fragment: quoted.dont_fragment(),
            more_fragments: quoted.more_fragments(),
            fragment_offset: quoted.fragment_offset(),
            time_to_live: quoted.time_to_live(),
            protocol: quoted.protocol(),
            checksum: quoted.checksum(),
            source: quoted.source(),
            destination: quoted.destination(),
        }
    }
}

impl Dissector {
    /// An IP packet of the version that its first octet names; `said` is the version that the layer
    /// below names.
    pub(super) fn ip(&mut self, said: Option<u8>, part: Part<'_>) {
        let version = match Cursor::new(part.octets).u8("IP header") {
            Ok(first) => first >> 4,
            Err(error) => return self.error("ip", part, error),
        };
        let wrong = |what| ParseError::bad_value(what, 0, u32::from(version));
        match (version, said) {
            (4 | 6, None) => {}
            (version, Some(said)) if version == said => {}
            (_, None) => self.error("ip", part, wrong("IP version")),
            (_, Some(4)) => self.error("ip", part, wrong("IPv4 version")),
            (_, Some(_)) => self.error("ipv6", part, wrong("IPv6 version")),
        }
        match version {
            4 => self.nested(part, Self::ipv4),
            6 => self.nested(part, Self::ipv6),
            _ => {
                let mut layer = Layer::new("ip", "IP", part, 1);
                layer.add("ip.version", version);
                layer.summary = format!("version {version}");
                self.push(layer);
                self.rest(format!("IP version {version}"), part);
            }
        }
    }

    fn ipv4(&mut self, part: Part<'_>) {
        let strict = match Ipv4Packet::parse(part.octets) {
            Ok(packet) => Some(packet),
            Err(error) => {
                self.error("ip", part, error);
                None
            }
        };
        match strict {
            Some(packet) => {
                let header = Header::from(&packet);
                let status = match packet.verify_checksum() {
                    Ok(()) => ChecksumStatus::Good,
                    Err(error) => {
                        if !part.quoted {
                            self.error("ip", part, error);
                        }
                        ChecksumStatus::Bad
                    }
                };
                self.ipv4_header(&header, status, Some(packet.options()), part);
                self.ipv4_payload(&header, packet.payload(), part);
            }
            None => match QuotedIpv4::parse(part.octets) {
                Ok(quoted) => {
                    let header = Header::from(&quoted);
                    let status = match part.octets.get(..header.header_length) {
                        Some(octets) if checksum::is_valid(octets) => ChecksumStatus::Good,
                        Some(_) => ChecksumStatus::Bad,
                        None => ChecksumStatus::Unverified,
                    };
                    let options = TlvList::parse(&TlvFormat::IPV4, quoted.option_octets(), 20);
                    self.ipv4_header(&header, status, options.ok(), part);
                    self.ipv4_payload(&header, quoted.payload(), part);
                }
                // The strict view has said why already.
                Err(_) => self.ipv4_first_octet(part),
            },
        }
    }

    /// The header is not there whole, or its length cannot be right: what the first octet says.
    fn ipv4_first_octet(&mut self, part: Part<'_>) {
        let Some(first) = part.octets.first() else {
            return;
        };
        let mut layer = Layer::new("ip", "IPv4", part, 1);
        layer.add("ip.version", first >> 4);
        layer.add("ip.hdr_len", usize::from(first & 0x0f) * 4);
        layer.summary = "header that cannot be read".to_owned();
        self.push(layer);
        self.rest("IPv4 packet", part);
    }

    fn ipv4_header(
        &mut self,
        header: &Header,
        status: ChecksumStatus,
        options: Option<TlvList<'_>>,
        part: Part<'_>,
    ) {
        let mut layer = Layer::new("ip", "IPv4", part, header.header_length);
        layer.add("ip.version", 4);
        layer.add("ip.hdr_len", header.header_length);
        layer.add("ip.dsfield", header.type_of_service);
        layer.add("ip.len", header.total_length);
        layer.add("ip.id", header.identification);
        layer.add("ip.flags.rb", header.reserved_flag);
        layer.add("ip.flags.df", header.dont_fragment);
        layer.add("ip.flags.mf", header.more_fragments);
        // In units of eight octets, as it stands in the header.
        layer.add("ip.frag_offset", header.fragment_offset >> 3);
        layer.add("ip.ttl", header.time_to_live);
        layer.add("ip.proto", header.protocol.0);
        layer.add("ip.checksum", header.checksum);
        layer.add("ip.checksum.status", status);
        layer.add_text("ip.src", header.source);
        layer.add_text("ip.dst", header.destination);
        layer.set_addresses(header.source, header.destination);
        layer.summary += &format!(", {}, TTL {}", header.protocol, header.time_to_live);
        if header.more_fragments || header.fragment_offset != 0 {
            layer.summary += &format!(
                ", fragment {:#06x} at {}{}",
                header.identification,
                header.fragment_offset,
                if header.more_fragments {
                    ", more follow"
                } else {
                    ""
                }
            );
        }
        for option in options.iter().flatten() {
            add_option(&mut layer, &option);
        }
        self.push(layer);
    }

    fn ipv4_payload<'a>(&mut self, header: &Header, payload: &'a [u8], part: Part<'a>) {
        let total = if part.quoted {
            header.total_length
        } else {
            // A total length beyond the packet is wrong (and an error already), not a sign of
            // octets that the capture has cut off.
            header.total_length.min(part.wire_len)
        };
        let wire_len = total.saturating_sub(header.header_length);
        let mut part = part.with(payload, header.header_length, wire_len);
        if header.fragment_offset != 0 {
            return self.rest("later fragment", part);
        }
        part.fragment = header.more_fragments;
        let addresses = PseudoHeader::V4 {
            source: header.source,
            destination: header.destination,
        };
        self.ip_payload(header.protocol, Network { addresses }, part);
    }

    /// What an IP protocol number says that `part` is.
    pub(super) fn ip_payload(&mut self, protocol: IpProtocol, network: Network, part: Part<'_>) {
        match protocol {
            IpProtocol::TCP => self.tcp(network, part),
            IpProtocol::UDP => self.udp(network, part),
            IpProtocol::ICMP => self.icmp(part),
            IpProtocol::ICMPV6 => self.icmpv6(network, part),
            IpProtocol::IPV4 => self.ip(Some(4), part),
            IpProtocol::IPV6 => self.ip(Some(6), part),
            IpProtocol::GRE => self.gre(part),
            IpProtocol::AH => self.authentication_header(network, part),
            ETHERNET => self.nested(part, Self::ethernet),
            IpProtocol::NO_NEXT_HEADER => {}
            IpProtocol(number) => {
                let what = match protocol.name() {
                    Some(name) => format!("IP protocol {number} ({name})"),
                    None => format!("IP protocol {number}"),
                };
                self.rest(what, part);
            }
        }
    }

    /// An Authentication Header behind an IPv4 header; over IPv6 it is an extension header among
    /// others.
    fn authentication_header(&mut self, network: Network, part: Part<'_>) {
        let extensions = match Ipv6Extensions::parse(IpProtocol::AH, part.octets, 0) {
            Ok(extensions) => extensions,
            Err(error) => {
                self.error("ah", part, error);
                return self.rest("Authentication Header", part);
            }
        };
        self.ipv6_extensions(&extensions, part);
        let upper = extensions.upper_layer();
        self.nested(part.payload(upper.payload, upper.offset), |this, part| {
            this.ip_payload(upper.protocol, network, part);
        });
    }
}

fn add_option(layer: &mut Layer, option: &Tlv<'_>) {
    layer.add("ip.opt.type", option.kind);
    if option.is_lone_octet() {
        return;
    }
    layer.add("ip.opt.len", option.octets.len());
    match (Ipv4OptionKind(option.kind), option.data) {
        (Ipv4OptionKind::RECORD_ROUTE, [pointer, route @ ..]) => {
            layer.add("ip.opt.ptr", *pointer);
            // The pointer counts from the option's first octet, and from one.
            let recorded = usize::from(*pointer).saturating_sub(4);
            for address in route.get(..recorded).unwrap_or(route).as_chunks::<4>().0 {
                layer.add_text("ip.rec_rt", Ipv4Addr::from(*address));
            }
        }
        (
            Ipv4OptionKind::TIMESTAMP
            | Ipv4OptionKind::LOOSE_SOURCE_ROUTE
            | Ipv4OptionKind::STRICT_SOURCE_ROUTE,
            [pointer, ..],
        ) => layer.add("ip.opt.ptr", *pointer),
        (Ipv4OptionKind::ROUTER_ALERT, &[high, low]) => {
            layer.add("ip.opt.ra", u16::from_be_bytes([high, low]));
        }
        _ => {}
    }
}
