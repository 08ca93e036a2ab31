//! Generic Routing Encapsulation.

use super::{ChecksumStatus, Dissector, Layer, Part};
use packet_buffer::wire::{EtherType, GrePacket, GreRepr};

impl Dissector {
    pub(super) fn gre(&mut self, part: Part<'_>) {
        let packet = match GrePacket::parse(part.octets) {
            Ok(packet) => packet,
            Err(error) => {
                self.error("gre", part, error);
                return self.rest("GRE packet", part);
            }
        };
        let flags = packet.flags_and_version();
        let is_set = |mask: u16| flags & mask != 0;
        let mut layer = Layer::new("gre", "GRE", part, 4);
        layer.add("gre.flags_and_version", flags);
        layer.add("gre.flags.checksum", is_set(0x8000));
        layer.add("gre.flags.routing", is_set(0x4000));
        layer.add("gre.flags.key", is_set(0x2000));
        layer.add("gre.flags.sequence_number", is_set(0x1000));
        layer.add("gre.flags.strict_source_route", is_set(0x0800));
        layer.add("gre.flags.recursion_control", flags >> 8 & 0x07);
        let enhanced = flags & 0x07 == 1;
        if enhanced {
            layer.add("gre.flags.ack", is_set(0x0080));
            layer.add("gre.flags.reserved", flags >> 3 & 0x0f);
        } else {
            layer.add("gre.flags.reserved", flags >> 3 & 0x1f);
        }
        layer.add("gre.flags.version", flags & 0x07);
        layer.add("gre.proto", packet.protocol().0);

        let length = match packet.to_repr() {
            GreRepr::Standard {
                key,
                sequence_number,
                ..
            } => {
                if let Some(found) = packet.checksum() {
                    let status = self.gre_status(&packet, part);
                    layer.add("gre.checksum", found);
                    layer.add("gre.checksum.status", status);
                    if let Some((high, low)) = part.octets.get(6).zip(part.octets.get(7)) {
                        layer.add("gre.offset", u16::from_be_bytes([*high, *low]));
                    }
                }
                for (key, value) in [("gre.key", key), ("gre.sequence_number", sequence_number)] {
                    if let Some(value) = value {
                        layer.add(key, value);
                    }
                }
                part.octets.len().saturating_sub(packet.payload().len())
            }
            GreRepr::Enhanced {
                call_id,
                sequence_number,
                acknowledgment_number,
            } => {
                layer.add("gre.key.payload_length", packet.payload().len());
                layer.add("gre.key.call_id", call_id);
                let numbers = [
                    ("gre.sequence_number", sequence_number),
                    ("gre.ack_number", acknowledgment_number),
                ];
                let present = numbers.iter().filter(|(_, value)| value.is_some()).count();
                for (key, value) in numbers {
                    if let Some(value) = value {
                        layer.add(key, value);
                    }
                }
                8 + 4 * present
            }
        };
        layer.length = length;
        layer.summary = format!("encapsulated {}", packet.protocol());
        self.push(layer);
        // An enhanced packet without payload only acknowledges.
        if enhanced && packet.payload().is_empty() {
            return;
        }
        let payload = part.with(packet.payload(), length, packet.payload().len());
        match packet.protocol() {
            // Nothing is behind protocol zero: a keep-alive.
            EtherType(0) if packet.payload().is_empty() => {}
            protocol => self.ethertype(protocol, payload),
        }
    }

    fn gre_status(&mut self, packet: &GrePacket<'_>, part: Part<'_>) -> ChecksumStatus {
        if !part.is_whole() {
            return ChecksumStatus::Unverified;
        }
        match packet.verify_checksum() {
            Ok(()) => ChecksumStatus::Good,
            Err(error) => {
                if !part.quoted {
                    self.error("gre", part, error);
                }
                ChecksumStatus::Bad
            }
        }
    }
}
