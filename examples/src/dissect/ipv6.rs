//! IPv6 and its extension headers.

use super::{Dissector, Layer, Network, Part};
use core::net::Ipv6Addr;
use packet_buffer::tlv::TlvList;
use packet_buffer::wire::{
    IpProtocol, Ipv6Extension, Ipv6Extensions, Ipv6FragmentHeader, Ipv6OptionKind, Ipv6Packet,
    Ipv6RoutingHeader, PseudoHeader, QuotedIpv6,
};

/// A header's values, from the view of a whole packet or of a quoted one.
struct Header {
    traffic_class: u8,
    flow_label: u32,
    payload_length: usize,
    next_header: IpProtocol,
    hop_limit: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
}

impl From<&Ipv6Packet<'_>> for Header {
    fn from(packet: &Ipv6Packet<'_>) -> Self {
        Self {
            traffic_class: packet.dscp() << 2 | packet.ecn(),
            flow_label: packet.flow_label(),
            payload_length: packet.payload_length(),
            next_header: packet.next_header(),
            hop_limit: packet.hop_limit(),
            source: packet.source(),
            destination: packet.destination(),
        }
    }
}

impl From<&QuotedIpv6<'_>> for Header {
    fn from(quoted: &QuotedIpv6<'_>) -> Self {
        Self {
            traffic_class: quoted.traffic_class(),
            flow_label: quoted.flow_label(),
            payload_length: usize::from(quoted.payload_length()),
            next_header: quoted.next_header(),
            hop_limit: quoted.hop_limit(),
            source: quoted.source(),
            destination: quoted.destination(),
        }
    }
}

impl Dissector {
    pub(super) fn ipv6(&mut self, part: Part<'_>) {
        let (header, payload) = match Ipv6Packet::parse(part.octets) {
            Ok(packet) => (Header::from(&packet), packet.payload()),
            Err(error) => {
                self.error("ipv6", part, error);
                match QuotedIpv6::parse(part.octets) {
                    Ok(quoted) => (Header::from(&quoted), quoted.payload()),
                    Err(_) => return self.rest("IPv6 packet", part),
                }
            }
        };
        self.ipv6_header(&header, part);
        let length = if part.quoted {
            header.payload_length
        } else {
            let there = part.wire_len.saturating_sub(Ipv6Packet::HEADER_LEN);
            header.payload_length.min(there)
        };
        self.ipv6_payload(&header, part.with(payload, Ipv6Packet::HEADER_LEN, length));
    }

    fn ipv6_header(&mut self, header: &Header, part: Part<'_>) {
        let mut layer = Layer::new("ipv6", "IPv6", part, Ipv6Packet::HEADER_LEN);
        // tshark gives the version under both names.
        layer.add("ip.version", 6);
        layer.add("ipv6.version", 6);
        layer.add("ipv6.tclass", header.traffic_class);
        layer.add("ipv6.flow", header.flow_label);
        layer.add("ipv6.plen", header.payload_length);
        layer.add("ipv6.nxt", header.next_header.0);
        layer.add("ipv6.hlim", header.hop_limit);
        layer.add_text("ipv6.src", header.source);
        layer.add_text("ipv6.dst", header.destination);
        layer.set_addresses(header.source, header.destination);
        layer.summary += &format!(", {}, hop limit {}", header.next_header, header.hop_limit);
        self.push(layer);
    }

    /// The extension headers, and what is behind them. `part` starts behind the fixed header.
    fn ipv6_payload(&mut self, header: &Header, part: Part<'_>) {
        let extensions = match Ipv6Extensions::parse(header.next_header, part.octets, 0) {
            Ok(extensions) => extensions,
            Err(error) => {
                self.error("ipv6", part, error);
                return self.rest("IPv6 extension headers", part);
            }
        };
        self.ipv6_extensions(&extensions, part);
        let upper = extensions.upper_layer();
        let mut payload = part.payload(upper.payload, upper.offset);
        if !upper.is_start() {
            return self.rest("later fragment", payload);
        }
        payload.fragment |= upper.fragment.is_some_and(|fragment| !fragment.is_atomic());
        let network = Network {
            addresses: checksum_addresses(header, &extensions),
        };
        self.ip_payload(upper.protocol, network, payload);
    }

    pub(super) fn ipv6_extensions(&mut self, extensions: &Ipv6Extensions<'_>, part: Part<'_>) {
        let mut at = 0;
        for (next, extension) in extensions.iter() {
            let start = part.after(at);
            let layer = match extension {
                Ipv6Extension::HopByHop(options) => {
                    let names = ("ipv6.hopopts", "IPv6 hop-by-hop options");
                    let keys = ("ipv6.hopopts.nxt", "ipv6.hopopts.len");
                    options_layer(names, keys, next, &options, start)
                }
                Ipv6Extension::DestinationOptions(options) => {
                    let names = ("ipv6.dstopts", "IPv6 destination options");
                    let keys = ("ipv6.dstopts.nxt", "ipv6.dstopts.len");
                    options_layer(names, keys, next, &options, start)
                }
                Ipv6Extension::Routing(routing) => routing_layer(next, &routing, start),
                Ipv6Extension::Fragment(fragment) => fragment_layer(&fragment, start),
                Ipv6Extension::Authentication(octets) => {
                    let mut layer = Layer::new("ah", "AH", start, octets.len());
                    layer.summary = format!("Authentication Header, then {next}");
                    layer
                }
            };
            at += layer.length;
            self.push(layer);
        }
    }
}

/// The addresses that a transport checksum covers: those of the two ends, also while the packet is
/// on its way through a routing header or comes from a home address.
// RFC 8200 §8.1 MUST: with a routing header, the destination is that of the final one.
// RFC 6275 §11.3.1 MUST: with a home address option, the source is the home address.
fn checksum_addresses(header: &Header, extensions: &Ipv6Extensions<'_>) -> PseudoHeader {
    let (mut source, mut destination) = (header.source, header.destination);
    for (_, extension) in extensions.iter() {
        match extension {
            Ipv6Extension::Routing(routing) if routing.segments_left > 0 => {
                destination = final_destination(&routing).unwrap_or(destination);
            }
            Ipv6Extension::DestinationOptions(options) => {
                let option = options.find(Ipv6OptionKind::HOME_ADDRESS.0);
                let address = option.and_then(|option| <[u8; 16]>::try_from(option.data).ok());
                source = address.map_or(source, Ipv6Addr::from);
            }
            _ => {}
        }
    }
    PseudoHeader::V6 {
        source,
        destination,
    }
}

/// The last node that a routing header names.
fn final_destination(routing: &Ipv6RoutingHeader<'_>) -> Option<Ipv6Addr> {
    // A segment routing header lists its segments from the last to the first, behind four octets
    // (RFC 8754 §2).
    if routing.routing_type == 4 {
        let segment = routing.data.get(4..)?.first_chunk::<16>()?;
        return Some(Ipv6Addr::from(*segment));
    }
    routing.addresses().last()
}

fn options_layer(
    (protocol, name): (&'static str, &'static str),
    (next_key, length_key): (&'static str, &'static str),
    next: IpProtocol,
    options: &TlvList<'_>,
    start: Part<'_>,
) -> Layer {
    let length = 2 + options.as_slice().len();
    let mut layer = Layer::new(protocol, name, start, length);
    layer.add(next_key, next.0);
    // In units of eight octets, the first eight not counted, as it stands in the header.
    layer.add(length_key, length / 8 - 1);
    let mut kinds = Vec::new();
    for option in options {
        let kind = Ipv6OptionKind(option.kind);
        layer.add("ipv6.opt.type", option.kind);
        if !option.is_lone_octet() {
            layer.add("ipv6.opt.length", option.data.len());
        }
        match (kind, option.data) {
            (Ipv6OptionKind::ROUTER_ALERT, &[high, low]) => {
                layer.add("ipv6.opt.router_alert", u16::from_be_bytes([high, low]));
            }
            (Ipv6OptionKind::JUMBO_PAYLOAD, &[a, b, c, d]) => {
                layer.add("ipv6.opt.jumbo", u32::from_be_bytes([a, b, c, d]));
            }
            (Ipv6OptionKind::HOME_ADDRESS, data) => {
                if let Ok(address) = <[u8; 16]>::try_from(data) {
                    layer.add_text("ipv6.opt.mipv6.home_address", Ipv6Addr::from(address));
                }
            }
            _ => {}
        }
        if !matches!(kind, Ipv6OptionKind::PAD_1 | Ipv6OptionKind::PAD_N) {
            kinds.push(kind.to_string());
        }
    }
    layer.summary = kinds.join(", ");
    layer
}

fn routing_layer(next: IpProtocol, routing: &Ipv6RoutingHeader<'_>, start: Part<'_>) -> Layer {
    let length = 4 + routing.data.len();
    let mut layer = Layer::new("ipv6.routing", "IPv6 routing header", start, length);
    layer.add("ipv6.routing.nxt", next.0);
    layer.add("ipv6.routing.len", length / 8 - 1);
    layer.add("ipv6.routing.type", routing.routing_type);
    layer.add("ipv6.routing.segleft", routing.segments_left);
    let key = match routing.routing_type {
        2 => "ipv6.routing.mipv6.home_address",
        _ => "ipv6.routing.src.addr",
    };
    for address in routing.addresses() {
        layer.add_text(key, address);
    }
    layer.summary = format!(
        "type {}, {} segments left",
        routing.routing_type, routing.segments_left
    );
    layer
}

fn fragment_layer(fragment: &Ipv6FragmentHeader, start: Part<'_>) -> Layer {
    let mut layer = Layer::new(
        "ipv6.fraghdr",
        "IPv6 fragment",
        start,
        Ipv6FragmentHeader::LEN,
    );
    layer.add("ipv6.fraghdr.nxt", fragment.next_header.0);
    // In units of eight octets, as it stands in the header.
    layer.add("ipv6.fraghdr.offset", fragment.offset >> 3);
    layer.add("ipv6.fraghdr.more", fragment.more_fragments);
    layer.add("ipv6.fraghdr.ident", fragment.identification);
    layer.summary = format!(
        "{}, fragment {:#010x} at {}{}",
        fragment.next_header,
        fragment.identification,
        fragment.offset,
        if fragment.more_fragments {
            ", more follow"
        } else {
            ""
        }
    );
    layer
}
