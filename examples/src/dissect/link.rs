//! What frames begin with: Ethernet and its tags, LLC, the loopback and "cooked" headers of
//! captures, and bare IP.

use super::{Dissector, Layer, Part};
use packet_buffer::wire::{EtherType, EthernetFrame};
use packet_buffer::{Cursor, ParseError};
use testkit::LinkType;

/// PPP in GRE (RFC 2637 §4.1, RFC 2784).
const PPP: EtherType = EtherType(0x880b);

/// EAP over LANs (IEEE 802.1X).
const EAP_OVER_LAN: EtherType = EtherType(0x888e);

/// Address families of BSD systems, in the loopback header.
const AF_INET: u32 = 2;
const AF_INET6: [u32; 3] = [24, 28, 30]; // NetBSD and OpenBSD, FreeBSD, Darwin

/// Link types without a constant in [`LinkType`] that mean an IP packet as well: DLT_RAW of
/// systems whose number leaked into files.
const RAW_OF_BSD: [LinkType; 2] = [LinkType(12), LinkType(14)];

impl Dissector {
    pub(super) fn link(&mut self, link_type: LinkType, part: Part<'_>) {
        match link_type {
            LinkType::ETHERNET => self.ethernet(part),
            LinkType::NULL | LinkType::LOOP => self.loopback(link_type, part),
            LinkType::LINUX_SLL => self.cooked(part),
            LinkType::LINUX_SLL2 => self.cooked2(part),
            LinkType::RAW => self.ip(None, part),
            link_type if RAW_OF_BSD.contains(&link_type) => self.ip(None, part),
            LinkType::IPV4 => self.ip(Some(4), part),
            LinkType::IPV6 => self.ip(Some(6), part),
            LinkType::PPP | LinkType::PPP_HDLC => self.ppp_frame(part),
            LinkType::PPP_ETHER => self.pppoe_session(part),
            LinkType::C_HDLC => self.cisco_hdlc(part),
            LinkType(number) => {
                let what = match name(link_type) {
                    Some(name) => format!("link type {number} ({name})"),
                    None => format!("link type {number}"),
                };
                self.rest(what, part);
            }
        }
    }

    pub(super) fn ethernet(&mut self, part: Part<'_>) {
        let frame = match EthernetFrame::parse(part.octets) {
            Ok(frame) => frame,
            Err(error) => {
                self.error("eth", part, error);
                return self.rest("Ethernet frame", part);
            }
        };
        let mut layer = Layer::new("eth", "Ethernet", part, EthernetFrame::HEADER_LEN);
        layer.add_text("eth.dst", frame.destination());
        layer.add_text("eth.src", frame.source());
        let outer = frame.outer_ethertype();
        layer.add(
            if outer.is_length() {
                "eth.len"
            } else {
                "eth.type"
            },
            outer.0,
        );
        layer.set_addresses(frame.source(), frame.destination());
        self.push(layer);

        let tags = frame.vlan_tags();
        let mut types = tags.as_slice().iter().skip(1).map(|tag| tag.tpid);
        for (index, tag) in tags.as_slice().iter().enumerate() {
            let at = EthernetFrame::HEADER_LEN + 4 * index;
            let next = types.next().unwrap_or(frame.ethertype());
            let service = tag.tpid == EtherType::SERVICE_VLAN;
            let (protocol, name) = if service {
                ("ieee8021ad", "802.1ad")
            } else {
                ("vlan", "802.1Q")
            };
            let mut layer = Layer::new(protocol, name, part.after(at), 4);
            if service {
                layer.add("ieee8021ad.priority", tag.priority());
                layer.add("ieee8021ad.dei", tag.drop_eligible());
                layer.add("ieee8021ad.id", tag.id());
            } else {
                layer.add("vlan.priority", tag.priority());
                layer.add("vlan.dei", tag.drop_eligible());
                layer.add("vlan.id", tag.id());
                let key = if next.is_length() {
                    "vlan.len"
                } else {
                    "vlan.etype"
                };
                layer.add(key, next.0);
            }
            layer.summary = format!("VLAN {}", tag.id());
            self.push(layer);
        }

        let payload = part.payload(frame.payload(), frame.header_len());
        if frame.ethertype().is_length() {
            self.llc(payload);
        } else {
            self.ethertype(frame.ethertype(), payload);
        }
    }

    /// What an EtherType says that `part` is.
    pub(super) fn ethertype(&mut self, ethertype: EtherType, part: Part<'_>) {
        match ethertype {
            EtherType::IPV4 => self.ip(Some(4), part),
            EtherType::IPV6 => self.ip(Some(6), part),
            EtherType::ARP => self.arp(part),
            EtherType::TRANSPARENT_ETHERNET => self.nested(part, Self::ethernet),
            EtherType::PPPOE_DISCOVERY => self.pppoe_discovery(part),
            EtherType::PPPOE_SESSION => self.pppoe_session(part),
            PPP => self.ppp(part),
            EAP_OVER_LAN => self.eap_over_lan(part),
            EtherType(number) => {
                let what = match ethertype.name() {
                    Some(name) => format!("EtherType {number:#06x} ({name})"),
                    None => format!("EtherType {number:#06x}"),
                };
                self.rest(what, part);
            }
        }
    }

    /// Logical Link Control (IEEE 802.2) and the Subnetwork Access Protocol on top of it.
    fn llc(&mut self, part: Part<'_>) {
        let mut cursor = Cursor::new(part.octets);
        let mut layer = Layer::new("llc", "LLC", part, 0);
        let mut read = || -> Result<Option<(u32, EtherType)>, ParseError> {
            let dsap = cursor.u8("LLC DSAP")?;
            let ssap = cursor.u8("LLC SSAP")?;
            layer.add("llc.dsap", dsap);
            layer.add("llc.ssap", ssap);
            let control = cursor.u8("LLC control")?;
            // Unnumbered frames have one octet of control, others two.
            if control & 0x03 != 0x03 {
                let second = cursor.u8("LLC control")?;
                layer.add("llc.control", u16::from_le_bytes([control, second]));
                return Ok(None);
            }
            layer.add("llc.control", control);
            layer.summary = format!("DSAP {dsap:#04x}, SSAP {ssap:#04x}");
            if (dsap, ssap) != (0xaa, 0xaa) {
                return Ok(None);
            }
            let organization = cursor.u24("SNAP organization")?;
            let protocol = EtherType(cursor.u16("SNAP protocol")?);
            layer.add("llc.oui", organization);
            Ok(Some((organization, protocol)))
        };
        let result = read();
        let length = cursor.offset();
        layer.length = length;
        self.push(layer);
        match result {
            Ok(Some((0, protocol))) => self.ethertype(protocol, part.after(length)),
            Ok(Some((organization, EtherType(protocol)))) => {
                let what = format!("SNAP protocol {protocol:#06x} of {organization:#08x}");
                self.rest(what, part.after(length));
            }
            Ok(None) => self.rest("LLC payload", part.after(length)),
            Err(error) => self.error("llc", part, error),
        }
    }

    /// BSD loopback: the address family, in the byte order of the capturing host (`NULL`) or in
    /// network order (`LOOP`).
    fn loopback(&mut self, link_type: LinkType, part: Part<'_>) {
        let family = match Cursor::new(part.octets).u32("loopback header") {
            Ok(family) => family,
            Err(error) => return self.error("null", part, error),
        };
        // Families are small numbers: the other byte order has them in the high half.
        let swapped = link_type == LinkType::NULL && family > 0xffff;
        let family = if swapped { family.swap_bytes() } else { family };
        let mut layer = Layer::new("null", "Null/Loopback", part, 4);
        layer.add("null.family", family);
        layer.summary = format!("address family {family}");
        self.push(layer);
        let payload = part.after(4);
        match family {
            AF_INET => self.ip(Some(4), payload),
            family if AF_INET6.contains(&family) => self.ip(Some(6), payload),
            family => self.rest(format!("address family {family}"), payload),
        }
    }

    /// Linux "cooked" capture: a header of sixteen octets, the protocol last.
    fn cooked(&mut self, part: Part<'_>) {
        let mut cursor = Cursor::new(part.octets);
        let mut layer = Layer::new("sll", "Linux cooked", part, 16);
        let mut read = || -> Result<EtherType, ParseError> {
            layer.add("sll.pkttype", cursor.u16("SLL packet type")?);
            layer.add("sll.hatype", cursor.u16("SLL address type")?);
            layer.add("sll.halen", cursor.u16("SLL address length")?);
            cursor.take(8, "SLL address")?;
            Ok(EtherType(cursor.u16("SLL protocol")?))
        };
        match read() {
            Ok(protocol) => self.cooked_payload(layer, protocol, part.after(16)),
            Err(error) => self.error("sll", part, error),
        }
    }

    /// Linux "cooked" capture, version 2: a header of twenty octets, the protocol first.
    fn cooked2(&mut self, part: Part<'_>) {
        let mut cursor = Cursor::new(part.octets);
        let mut layer = Layer::new("sll", "Linux cooked v2", part, 20);
        let mut read = || -> Result<EtherType, ParseError> {
            let protocol = cursor.u16("SLL2 protocol")?;
            cursor.u16("SLL2 reserved")?;
            layer.add("sll.ifindex", cursor.u32("SLL2 interface index")?);
            layer.add("sll.hatype", cursor.u16("SLL2 address type")?);
            layer.add("sll.pkttype", cursor.u8("SLL2 packet type")?);
            layer.add("sll.halen", cursor.u8("SLL2 address length")?);
            cursor.take(8, "SLL2 address")?;
            Ok(EtherType(protocol))
        };
        match read() {
            Ok(protocol) => self.cooked_payload(layer, protocol, part.after(20)),
            Err(error) => self.error("sll", part, error),
        }
    }

    fn cooked_payload(&mut self, mut layer: Layer, protocol: EtherType, payload: Part<'_>) {
        // Small numbers are Linux's own, for frames without an EtherType.
        let linux = protocol.is_length();
        layer.add(if linux { "sll.ltype" } else { "sll.etype" }, protocol.0);
        layer.summary = format!("protocol {protocol}");
        self.push(layer);
        if linux {
            self.rest(format!("Linux protocol {}", protocol.0), payload);
        } else {
            self.ethertype(protocol, payload);
        }
    }

    /// Goes into a packet within a packet, if that is not too deep already.
    pub(super) fn nested(&mut self, mut part: Part<'_>, into: impl FnOnce(&mut Self, Part<'_>)) {
        part.nesting += 1;
        if part.nesting > super::MAX_NESTING {
            self.rest("a packet nested too deeply", part);
        } else {
            into(self, part);
        }
    }
}

/// The name of a link type that is not read yet.
fn name(link_type: LinkType) -> Option<&'static str> {
    Some(match link_type {
        LinkType::SLIP => "SLIP",
        LinkType::FRELAY => "Frame Relay",
        LinkType::PPP_PPPD => "PPP of pppd",
        LinkType::PPP_WITH_DIR => "PPP with direction",
        LinkType::IPNET => "Solaris IPNET",
        _ => return None,
    })
}
