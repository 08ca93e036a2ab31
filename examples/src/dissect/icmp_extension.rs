//! What ICMP has beside echo and errors: the queries of version 4, multi-part extensions, and
//! extended echo.

use super::{ChecksumStatus, Dissector, Layer, Part};
use core::net::IpAddr;
use icmp_nd::wire::{
    ExtensionObject, IcmpExtensions, Icmpv4Query, Icmpv4RouterAdvertisement, InterfaceInformation,
    RawObject,
};
use packet_buffer::ParseErrorKind;
use packet_buffer::wire::{Icmpv4Message, Icmpv4Type};

impl Dissector {
    /// Adds the fields of the messages of version 4 that are neither echo nor error. The code is not
    /// looked at, as it is not by tshark.
    pub(super) fn icmpv4_query(
        &mut self,
        layer: &mut Layer,
        part: Part<'_>,
        message: &Icmpv4Message<'_>,
    ) {
        let kind = message.message_type();
        if kind == Icmpv4Type::ROUTER_ADVERTISEMENT {
            return self.router_advertisement(layer, part, message);
        }
        // The same message with the code that it should have.
        let mut octets = part.octets.to_vec();
        if let Some(code) = octets.get_mut(1) {
            *code = 0;
        }
        let Ok(plain) = Icmpv4Message::parse(&octets) else {
            return;
        };
        match Icmpv4Query::parse(&plain) {
            Ok(Icmpv4Query::TimestampRequest(times) | Icmpv4Query::TimestampReply(times)) => {
                layer.add("icmp.originate_timestamp", times.originate.0);
                layer.add("icmp.receive_timestamp", times.receive.0);
                layer.add("icmp.transmit_timestamp", times.transmit.0);
                layer.length += 12;
            }
            Ok(
                Icmpv4Query::AddressMaskRequest { mask, .. }
                | Icmpv4Query::AddressMaskReply { mask, .. },
            ) => {
                layer.add_text("icmp.address_mask", mask);
                layer.length += 4;
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind, ParseErrorKind::Unsupported { .. }) => {}
            Err(error) => self.error("icmp", part, error),
        }
    }

    fn router_advertisement(
        &mut self,
        layer: &mut Layer,
        part: Part<'_>,
        message: &Icmpv4Message<'_>,
    ) {
        let [count, words, high, low] = message.rest_of_header();
        layer.add("icmp.num_addrs", count);
        layer.add("icmp.addr_entry_size", words);
        layer.add("icmp.lifetime", u16::from_be_bytes([high, low]));
        match Icmpv4RouterAdvertisement::parse(message) {
            Ok(advertisement) => {
                for router in advertisement.addresses() {
                    layer.add_text("icmp.router_address", router.address);
                    layer.add("icmp.pref_level", router.preference);
                    layer.length += advertisement.entry_len();
                }
            }
            // Foreign agents send advertisements without addresses (RFC 5944 §2.1).
            Err(error) if count == 0 && error.offset == 4 => {}
            Err(error) => self.error("icmp", part, error),
        }
    }

    /// Adds the fields of an extended echo: `word` are octets 4 to 7, and `structure` what follows
    /// a request.
    pub(super) fn extended_echo(
        &mut self,
        layer: &mut Layer,
        part: Part<'_>,
        word: [u8; 4],
        structure: Option<&[u8]>,
    ) {
        let [_, _, sequence, flags] = word;
        layer.add("icmp.ext.echo.seq", sequence);
        match structure {
            Some(structure) => {
                layer.add("icmp.ext.echo.req.res", flags >> 1);
                layer.add("icmp.ext.echo.req.local", flags & 0x01 != 0);
                self.extensions(layer, part, structure, 8);
            }
            None => {
                layer.add("icmp.ext.echo.rsp.state", flags >> 5);
                layer.add("icmp.ext.echo.rsp.res", (flags >> 3) & 0x03);
                layer.add("icmp.ext.echo.rsp.active", flags & 0x04 != 0);
                layer.add("icmp.ext.echo.rsp.ipv4", flags & 0x02 != 0);
                layer.add("icmp.ext.echo.rsp.ipv6", flags & 0x01 != 0);
            }
        }
    }

    /// Adds an extension structure, which starts `offset` octets into `part`.
    pub(super) fn extensions(
        &mut self,
        layer: &mut Layer,
        part: Part<'_>,
        structure: &[u8],
        offset: usize,
    ) {
        let Some(&[version, low, sum_high, sum_low]) = structure.first_chunk() else {
            return;
        };
        let parsed = IcmpExtensions::parse(structure, offset);
        layer.add("icmp.ext.version", version >> 4);
        let reserved = u16::from_be_bytes([version & 0x0f, low]);
        layer.add("icmp.ext.res", reserved);
        let checksum = u16::from_be_bytes([sum_high, sum_low]);
        layer.add("icmp.ext.checksum", checksum);
        let status = match &parsed {
            _ if checksum == 0 => ChecksumStatus::NotPresent,
            Err(error) if matches!(error.kind, ParseErrorKind::BadChecksum { .. }) => {
                ChecksumStatus::Bad
            }
            _ => ChecksumStatus::Good,
        };
        layer.add("icmp.ext.checksum.status", status);
        match parsed {
            Ok(extensions) => {
                for object in extensions.iter() {
                    add_object(layer, &object);
                }
            }
            Err(error) => self.error("icmp", part, error),
        }
    }
}

fn add_object(layer: &mut Layer, object: &ExtensionObject<'_>) {
    let head = |layer: &mut Layer, class: u8, c_type: u8, length: usize| {
        layer.add("icmp.ext.length", length);
        layer.add("icmp.ext.class", class);
        layer.add("icmp.ext.ctype", c_type);
    };
    let raw = |layer: &mut Layer, object: &RawObject<'_>| {
        head(
            layer,
            object.class.0,
            object.c_type,
            object.payload.len() + 4,
        );
        layer.add_octets("icmp.ext.data", object.payload);
    };
    let repr = object.to_repr();
    let length = repr.wire_len().unwrap_or_default();
    match object {
        ExtensionObject::MplsLabelStack(stack) => {
            head(layer, repr.class().0, repr.c_type(), length);
            for entry in stack.entries() {
                layer.add("icmp.mpls.label", entry.label);
                layer.add("icmp.mpls.exp", entry.traffic_class);
                layer.add("icmp.mpls.s", entry.bottom_of_stack);
                layer.add("icmp.mpls.ttl", entry.ttl);
            }
        }
        ExtensionObject::InterfaceInformation(interface) => {
            head(layer, repr.class().0, repr.c_type(), length);
            add_interface(layer, interface, repr.c_type());
        }
        ExtensionObject::Other(object) | ExtensionObject::Invalid { object, .. } => {
            raw(layer, object);
        }
        _ => head(layer, repr.class().0, repr.c_type(), length),
    }
}

fn add_interface(layer: &mut Layer, interface: &InterfaceInformation<'_>, c_type: u8) {
    layer.add("icmp.int_info.role", c_type >> 6);
    layer.add("icmp.int_info.reserved", (c_type >> 4) & 0x03);
    layer.add("icmp.int_info.ifindex", interface.index.is_some());
    layer.add("icmp.int_info.ipaddr", interface.address.is_some());
    layer.add("icmp.int_info.name_present", interface.name.is_some());
    layer.add("icmp.int_info.mtu_present", interface.mtu.is_some());
    if let Some(index) = interface.index {
        layer.add("icmp.int_info.index", index);
    }
    match interface.address {
        Some(IpAddr::V4(address)) => {
            layer.add("icmp.int_info.afi", 1);
            layer.add_text("icmp.int_info.ipv4", address);
        }
        Some(IpAddr::V6(address)) => {
            layer.add("icmp.int_info.afi", 2);
            layer.add_text("icmp.int_info.ipv6", address);
        }
        None => {}
    }
    if let Some(name) = interface.name {
        layer.add("icmp.int_info.name", name);
    }
    if let Some(mtu) = interface.mtu {
        layer.add("icmp.int_info.mtu", mtu);
    }
}
