//! RIP-1, RIP-2 and RIPng.

use super::{Dissector, Layer, Part};
use rip::wire::{
    Authentication, Command, ENTRY_LEN, FAMILY_AUTHENTICATION, FAMILY_IPV4, FAMILY_UNSPECIFIED,
    HEADER_LEN, RIP_PORT, RIPNG_PORT, RequestKind, RipEntry, RipMessage, RipngEntry, RipngMessage,
    VERSION_1,
};

impl Dissector {
    /// Reads the payload of a UDP datagram if the ports say that it is RIP's; false if not.
    pub(super) fn rip_of_port(&mut self, ports: [u16; 2], part: Part<'_>) -> bool {
        if ports.contains(&RIP_PORT) {
            self.rip(part);
        } else if ports.contains(&RIPNG_PORT) {
            self.ripng(part);
        } else {
            return false;
        }
        true
    }

    fn rip(&mut self, part: Part<'_>) {
        let mut layer = Layer::new("rip", "RIP", part, part.octets.len());
        let message = match RipMessage::parse(part.octets) {
            Ok(message) => message,
            Err(error) => {
                self.error("rip", part, error);
                return self.cut_rip(layer, part);
            }
        };
        layer.name = version_name(message.version());
        layer.add("rip.command", message.command().0);
        layer.add("rip.version", message.version());
        if let Some(update) = message.update_header() {
            layer.add("rip.update.version", update.version);
            layer.add("rip.update.flush", update.flush);
            layer.add("rip.update.seq_num", update.sequence_number);
        }
        match message.authentication() {
            Some(Authentication::Password(password)) => {
                layer.add("rip.auth.type", 2);
                let text = password.split(|octet| *octet == 0).next();
                let text = String::from_utf8_lossy(text.unwrap_or_default());
                layer.add_text("rip.auth.passwd", text);
            }
            Some(Authentication::Cryptographic(given)) => {
                layer.add("rip.auth.type", 3);
                layer.add("rip.digest_offset", given.packet_length());
                layer.add("rip.key_id", given.key_id());
                layer.add("rip.auth_data_len", given.data_length());
                layer.add("rip.seq_num", given.sequence_number());
                // tshark shows the padding as text, which ends at its first zero.
                layer.add("rip.zero_padding", "");
                layer.add_octets("rip.authentication_data", given.data());
            }
            Some(Authentication::Unknown(kind, _)) => layer.add("rip.auth.type", kind.0),
            Some(_) | None => {}
        }
        for entry in message.entries() {
            add_entry(&mut layer, message.version(), &entry);
        }
        let count = message.entry_count();
        layer.summary = summary(message.command(), message.request_kind(), count);
        self.push(layer);
    }

    /// What there is of a message that does not parse: its header, and the entries that are whole.
    fn cut_rip(&mut self, mut layer: Layer, part: Part<'_>) {
        let Some((&[command, version, _, _], rest)) = part.octets.split_first_chunk::<HEADER_LEN>()
        else {
            return;
        };
        layer.name = version_name(version);
        layer.add("rip.command", command);
        layer.add("rip.version", version);
        let (entries, _) = rest.as_chunks::<ENTRY_LEN>();
        for (number, entry) in entries.iter().map(RipEntry::new).enumerate() {
            if number == 0 && entry.address_family() == FAMILY_AUTHENTICATION {
                layer.add("rip.auth.type", entry.route_tag());
            } else {
                add_entry(&mut layer, version, &entry);
            }
        }
        layer.summary = format!("{}, cut", Command(command));
        self.push(layer);
    }

    fn ripng(&mut self, part: Part<'_>) {
        let mut layer = Layer::new("ripng", "RIPng", part, part.octets.len());
        // Of a message that is cut, the entries that are whole.
        let whole = match part.octets.len().checked_sub(HEADER_LEN) {
            Some(length) => part.octets.len() - length % ENTRY_LEN,
            None => 0,
        };
        if let Err(error) = RipngMessage::parse(part.octets) {
            self.error("ripng", part, error);
        }
        let whole = part.octets.get(..whole).unwrap_or_default();
        let Ok(message) = RipngMessage::parse(whole) else {
            return;
        };
        layer.add("ripng.cmd", message.command().0);
        layer.add("ripng.version", message.version());
        layer.add_octets("ripng.reserved", &message.must_be_zero().to_be_bytes());
        for entry in message.entries() {
            add_ripng_entry(&mut layer, &entry);
        }
        let count = message.entry_count();
        layer.summary = summary(message.command(), message.request_kind(), count);
        self.push(layer);
    }
}

fn version_name(version: u8) -> &'static str {
    match version {
        VERSION_1 => "RIPv1",
        _ => "RIPv2",
    }
}

fn add_entry(layer: &mut Layer, version: u8, entry: &RipEntry<'_>) {
    let family = entry.address_family();
    if !matches!(family, FAMILY_IPV4 | FAMILY_UNSPECIFIED) {
        return;
    }
    layer.add("rip.family", family);
    if version != VERSION_1 {
        layer.add("rip.route_tag", entry.route_tag());
    }
    if family == FAMILY_IPV4 {
        layer.add_text("rip.ip", entry.address());
    }
    if version != VERSION_1 {
        layer.add_text("rip.netmask", entry.subnet_mask());
        layer.add_text("rip.next_hop", entry.next_hop());
    }
    layer.add("rip.metric", entry.metric());
}

fn add_ripng_entry(layer: &mut Layer, entry: &RipngEntry<'_>) {
    layer.add_text("ripng.rte.ipv6_prefix", entry.prefix());
    layer.add("ripng.rte.route_tag", entry.route_tag());
    layer.add("ripng.rte.prefix_length", entry.prefix_length());
    layer.add("ripng.rte.metric", entry.metric());
}

fn summary(command: Command, kind: RequestKind, count: usize) -> String {
    match (command, kind) {
        (Command::REQUEST | Command::UPDATE_REQUEST, RequestKind::WholeTable) => {
            format!("{command} of the whole table")
        }
        (_, _) if count == 1 => format!("{command}, 1 entry"),
        (_, _) => format!("{command}, {count} entries"),
    }
}
