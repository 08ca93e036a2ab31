//! PPP packets and control packets, and Cisco's HDLC beside them.

use super::{Dissector, Layer, Part};
use core::net::Ipv4Addr;
use packet_buffer::wire::EtherType;
use packet_buffer::{Cursor, ParseError};
use ppp_lcp_ncp::multilink::FragmentHeader;
use ppp_lcp_ncp::wire::{Code, ControlPacket, PppPacket, PppProtocol};

/// The Address field of all frames of PPP.
const ALL_STATIONS: u8 = 0xff;

/// Address fields of Cisco's HDLC: to one station, to all of them.
const CISCO_ADDRESSES: [u8; 2] = [0x0f, 0x8f];

/// The address resolution of Cisco's HDLC, where others have an EtherType.
const SLARP: EtherType = EtherType(0x8035);

/// Control protocols without options that are read here.
const OSI_LIKE: [(PppProtocol, &str, &str); 2] = [
    (PppProtocol(0x8207), "cdpcp", "CDPCP"),
    (PppProtocol(0x8281), "mplscp", "MPLSCP"),
];

impl Dissector {
    /// A frame without flags, escapes and check sequence.
    pub(super) fn ppp_frame(&mut self, part: Part<'_>) {
        match part.octets {
            [first, ..] if CISCO_ADDRESSES.contains(first) => self.cisco_hdlc(part),
            _ => self.ppp(part),
        }
    }

    /// A packet with Address and Control fields, or without them.
    pub(super) fn ppp(&mut self, part: Part<'_>) {
        let (rest, header) = match part.octets {
            &[ALL_STATIONS, control, ref rest @ ..] => (rest, Some(control)),
            octets => (octets, None),
        };
        self.ppp_packet(part, rest, header);
    }

    /// A packet of a carrier that has no Address and Control fields.
    pub(super) fn ppp_without_address(&mut self, part: Part<'_>) {
        self.ppp_packet(part, part.octets, None);
    }

    fn ppp_packet(&mut self, part: Part<'_>, octets: &[u8], control: Option<u8>) {
        let offset = part.octets.len() - octets.len();
        let packet = match PppPacket::parse_protocol(octets) {
            Ok(packet) => packet,
            Err(error) => {
                self.error("ppp", part, error.offset_by(offset));
                return self.rest("PPP packet", part);
            }
        };
        let length = part.octets.len() - packet.information().len();
        let mut layer = Layer::new("ppp", "PPP", part, length);
        if let Some(control) = control {
            layer.add("ppp.address", ALL_STATIONS);
            layer.add("ppp.control", control);
        }
        layer.add("ppp.protocol", packet.protocol().0);
        layer.summary = packet.protocol().to_string();
        self.push(layer);
        let payload = part.payload(packet.information(), length);
        self.ppp_protocol(packet.protocol(), payload);
    }

    /// What the information field of a packet holds.
    fn ppp_protocol(&mut self, protocol: PppProtocol, part: Part<'_>) {
        let osi_like = OSI_LIKE.iter().find(|(number, ..)| *number == protocol);
        match protocol {
            PppProtocol::IPV4 => self.ip(Some(4), part),
            PppProtocol::IPV6 => self.ip(Some(6), part),
            PppProtocol::VJ_UNCOMPRESSED => self.uncompressed_tcp(part),
            PppProtocol::MULTILINK => self.multilink(part),
            PppProtocol::LCP => self.control("lcp", "LCP", protocol, part),
            PppProtocol::IPCP => self.control("ipcp", "IPCP", protocol, part),
            PppProtocol::IPV6CP => self.control("ipv6cp", "IPV6CP", protocol, part),
            PppProtocol::CCP => self.control("ccp", "CCP", protocol, part),
            PppProtocol::PAP => self.pap(part),
            PppProtocol::CHAP => self.chap(part),
            PppProtocol::EAP => self.eap(part),
            PppProtocol(number) => match osi_like {
                Some((_, short, name)) => self.control(short, name, protocol, part),
                None => {
                    let what = match protocol.name() {
                        Some(name) => format!("PPP protocol {number:#06x} ({name})"),
                        None => format!("PPP protocol {number:#06x}"),
                    };
                    self.rest(what, part);
                }
            },
        }
    }

    /// A packet of LCP or of a network control protocol.
    fn control(
        &mut self,
        short: &'static str,
        name: &'static str,
        protocol: PppProtocol,
        part: Part<'_>,
    ) {
        let mut layer = Layer::new(short, name, part, part.octets.len());
        let packet = match ControlPacket::parse(part.octets) {
            Ok(packet) => packet,
            Err(error) => {
                self.error(short, part, error);
                // Of a packet that is cut, its header.
                if let Some((&[code, identifier, high, low], _)) = part.octets.split_first_chunk() {
                    let length = u16::from_be_bytes([high, low]).into();
                    add_header(&mut layer, Code(code), identifier, length);
                    layer.summary = format!("{}, cut", Code(code));
                    self.push(layer);
                }
                return;
            }
        };
        let (code, data) = (packet.code(), packet.data());
        let length = packet.as_slice().len();
        layer.length = length;
        add_header(&mut layer, code, packet.identifier(), length);
        layer.summary = code.to_string();
        let inside = part.payload(data, ControlPacket::HEADER_LEN);
        match code {
            Code::CONFIGURE_REQUEST
            | Code::CONFIGURE_ACK
            | Code::CONFIGURE_NAK
            | Code::CONFIGURE_REJECT => {
                if let Err(error) = layer.add_config_options(protocol, data) {
                    self.error(short, inside, error);
                }
                self.push(layer);
            }
            Code::PROTOCOL_REJECT => self.protocol_reject(layer, inside),
            _ => {
                if let Err(error) = add_data(&mut layer, code, protocol, data) {
                    self.error(short, inside, error);
                }
                self.push(layer);
            }
        }
    }

    /// The rejected protocol, and what of its packet there was room for.
    fn protocol_reject(&mut self, mut layer: Layer, part: Part<'_>) {
        let Some((protocol, rejected)) = part.octets.split_first_chunk::<2>() else {
            let available = part.octets.len();
            let error = ParseError::truncated("rejected protocol", 0, 2, available);
            self.error(layer.protocol, part, error);
            return self.push(layer);
        };
        let protocol = PppProtocol(u16::from_be_bytes(*protocol));
        layer.add("lcp.rej_proto", protocol.0);
        layer.summary = format!("{} of {protocol}", layer.summary);
        self.push(layer);
        if !rejected.is_empty() {
            let mut inside = part.payload(rejected, 2);
            inside.quoted = true;
            self.nested(inside, |dissector, inside| {
                dissector.ppp_protocol(protocol, inside);
            });
        }
    }

    /// A TCP segment whose protocol field has the number of a slot (RFC 1144 §3.2.3).
    fn uncompressed_tcp(&mut self, part: Part<'_>) {
        const PROTOCOL: usize = 9;
        const TCP: u8 = 6;
        let mut packet = part.octets.to_vec();
        let Some(field) = packet.get_mut(PROTOCOL) else {
            let available = part.octets.len();
            let error = ParseError::truncated("IPv4 header", 0, PROTOCOL + 1, available);
            return self.error("vjc", part, error);
        };
        let slot = core::mem::replace(field, TCP);
        let mut layer = Layer::new("vjc", "VJ", part, 0);
        layer.add("vjc.compressed", false);
        layer.add("vjc.connection_number", slot);
        layer.summary = format!("slot {slot}");
        self.push(layer);
        self.ip(Some(4), part.payload(&packet, 0));
    }

    /// A fragment of a bundle, with the long header: which one it has, the link has agreed on.
    fn multilink(&mut self, part: Part<'_>) {
        let (header, fragment) = match FragmentHeader::parse(part.octets, false) {
            Ok(parsed) => parsed,
            Err(error) => return self.error("mp", part, error),
        };
        let flags = part.octets.first().copied().unwrap_or_default();
        let length = FragmentHeader::len(false);
        let mut layer = Layer::new("mp", "Multilink", part, length);
        layer.add("mp.frag", flags >> 2);
        layer.add("mp.first", header.begins);
        layer.add("mp.last", header.ends);
        layer.add("mp.sequence_num_cls", flags >> 2 & 0x0f);
        layer.add("mp.sequence_num_reserved", flags & 0x03 != 0);
        layer.add("mp.seq", header.sequence);
        layer.summary = format!("fragment {}", header.sequence);
        let inside = part.payload(fragment, length);
        if header.begins && header.ends {
            self.push(layer);
            self.nested(inside, Self::ppp);
        } else {
            if !header.ends {
                layer.add_octets("mp.payload", fragment);
            }
            self.push(layer);
            self.rest("fragment of a PPP packet", inside);
        }
    }

    /// Cisco's HDLC: address, control, and an EtherType.
    pub(super) fn cisco_hdlc(&mut self, part: Part<'_>) {
        let mut cursor = Cursor::new(part.octets);
        let mut layer = Layer::new("chdlc", "Cisco HDLC", part, 4);
        let mut read = || -> Result<EtherType, ParseError> {
            layer.add("chdlc.address", cursor.u8("HDLC address")?);
            layer.add("chdlc.control", cursor.u8("HDLC control")?);
            let protocol = cursor.u16("HDLC protocol")?;
            layer.add("chdlc.protocol", protocol);
            Ok(EtherType(protocol))
        };
        match read() {
            Ok(protocol) => {
                layer.summary = format!("protocol {protocol}");
                self.push(layer);
                let inside = part.after(4);
                match protocol {
                    SLARP => self.slarp(inside),
                    protocol if protocol.is_length() || protocol.0 == 0x2000 => {
                        self.rest(format!("HDLC protocol {:#06x}", protocol.0), inside);
                    }
                    protocol => self.ethertype(protocol, inside),
                }
            }
            Err(error) => self.error("chdlc", part, error),
        }
    }

    /// Serial Line Address Resolution Protocol: addresses, or a keepalive.
    fn slarp(&mut self, part: Part<'_>) {
        const KEEPALIVE: u32 = 2;
        let mut cursor = Cursor::new(part.octets);
        let mut layer = Layer::new("slarp", "SLARP", part, part.octets.len());
        let mut read = || -> Result<(), ParseError> {
            let kind = cursor.u32("SLARP type")?;
            layer.add("slarp.ptype", kind);
            if kind == KEEPALIVE {
                layer.add("slarp.mysequence", cursor.u32("SLARP sequence number")?);
                layer.add("slarp.yoursequence", cursor.u32("SLARP sequence number")?);
                layer.add("slarp.reliability", cursor.u16("SLARP reliability")?);
                layer.summary = "keepalive".to_owned();
            } else if kind < KEEPALIVE {
                for key in ["slarp.address", "slarp.netmask"] {
                    layer.add_text(key, Ipv4Addr::from(cursor.u32("SLARP address")?));
                }
                layer.summary = ["request", "reply"]
                    .get(usize::from(kind == 1))
                    .map_or_else(String::new, |text| (*text).to_owned());
            }
            Ok(())
        };
        if let Err(error) = read() {
            self.error("slarp", part, error);
        }
        self.push(layer);
    }
}

fn add_header(layer: &mut Layer, code: Code, identifier: u8, length: usize) {
    layer.add("ppp.code", code.0);
    layer.add("ppp.identifier", identifier);
    layer.add("ppp.length", length);
}

/// What packets hold that are not about options.
fn add_data(
    layer: &mut Layer,
    code: Code,
    protocol: PppProtocol,
    data: &[u8],
) -> Result<(), ParseError> {
    let mut cursor = Cursor::new(data);
    match code {
        Code::ECHO_REQUEST | Code::ECHO_REPLY | Code::DISCARD_REQUEST => {
            layer.add("lcp.magic_number", cursor.u32("magic number")?);
            add_octets_of(layer, "lcp.data", cursor.rest());
        }
        Code::IDENTIFICATION | Code::TIME_REMAINING => {
            layer.add("lcp.magic_number", cursor.u32("magic number")?);
            if code == Code::TIME_REMAINING {
                layer.add("lcp.secs_remaining", cursor.u32("seconds remaining")?);
            }
            add_text_of(layer, "lcp.message", cursor.rest());
        }
        // A vendor's own packet (RFC 2153 §1.1).
        Code(0) if protocol == PppProtocol::LCP => {
            layer.add("ppp.magic_number", cursor.u32("magic number")?);
            layer.add("ppp.oui", cursor.u24("vendor's OUI")?);
            layer.add("ppp.kind", cursor.u8("vendor's kind")?);
            add_octets_of(layer, "ppp.data", cursor.rest());
        }
        _ => add_octets_of(layer, "ppp.data", data),
    }
    Ok(())
}

/// Octets, when there are any.
pub(super) fn add_octets_of(layer: &mut Layer, key: &'static str, octets: &[u8]) {
    if !octets.is_empty() {
        layer.add_octets(key, octets);
    }
}

/// A text, when there is any.
pub(super) fn add_text_of(layer: &mut Layer, key: &'static str, octets: &[u8]) {
    if !octets.is_empty() {
        layer.add_text(key, String::from_utf8_lossy(octets));
    }
}
