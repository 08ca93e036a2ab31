//! Address Resolution Protocol.

use super::{Dissector, Layer, Part};
use packet_buffer::wire::{ArpOperation, ArpPacket, ArpRepr};

impl Dissector {
    pub(super) fn arp(&mut self, part: Part<'_>) {
        let packet = match ArpPacket::parse(part.octets) {
            Ok(packet) => packet,
            Err(error) => return self.error("arp", part, error),
        };
        let length = 8
            + 2 * packet.sender_hardware_address().len()
            + 2 * packet.sender_protocol_address().len();
        let mut layer = Layer::new("arp", "ARP", part, length);
        layer.add("arp.hw.type", packet.hardware_type());
        layer.add("arp.proto.type", packet.protocol_type().0);
        layer.add("arp.hw.size", packet.sender_hardware_address().len());
        layer.add("arp.proto.size", packet.sender_protocol_address().len());
        layer.add("arp.opcode", packet.operation().0);
        match packet.to_repr() {
            Ok(repr) => {
                layer.add_text("arp.src.hw_mac", repr.sender_hardware_address);
                layer.add_text("arp.src.proto_ipv4", repr.sender_protocol_address);
                layer.add_text("arp.dst.hw_mac", repr.target_hardware_address);
                layer.add_text("arp.dst.proto_ipv4", repr.target_protocol_address);
                layer.summary = summary(&repr);
            }
            Err(error) => {
                layer.summary = packet.operation().to_string();
                self.error("arp", part, error);
            }
        }
        self.push(layer);
    }
}

fn summary(repr: &ArpRepr) -> String {
    let ArpRepr {
        operation,
        sender_hardware_address: station,
        sender_protocol_address: sender,
        target_protocol_address: target,
        ..
    } = repr;
    match *operation {
        ArpOperation::REQUEST if sender == target => format!("Announcement of {sender}"),
        ArpOperation::REQUEST => format!("Who has {target}? Tell {sender}"),
        ArpOperation::REPLY => format!("{sender} is at {station}"),
        operation => format!("{operation}: {sender} at {station}, target {target}"),
    }
}
