//! DNS (RFC 2694): an answer names the address that its reader can reach.

use super::segment::Parts;
use crate::config::{Side, transplant};
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use flow_state::application::dns::{Message, PORT};
use flow_table::{Direction, FlowId};
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};
use packet_buffer::{Instant, PacketBuf};

/// Addresses that each side knows under other numbers, for good: what a static rule translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPair {
    /// The addresses inside.
    pub inside: Ipv4Prefix,
    /// The addresses outside, of the same length.
    pub outside: Ipv4Prefix,
}

/// Changes the addresses in DNS answers over UDP that cross the translator.
///
/// Signed answers (DNSSEC) do not verify any more once they are changed, so that a validating
/// resolver refuses them; keep such names out of the pairs.
#[derive(Debug)]
pub struct Dns {
    pairs: Vec<AddressPair>,
}

impl Dns {
    /// With these pairs; those whose prefixes differ in length are left out.
    pub fn new(pairs: Vec<AddressPair>) -> Self {
        let mut pairs = pairs;
        pairs.retain(|pair| pair.inside.length() == pair.outside.length());
        Self { pairs }
    }

    /// The address that the other side knows.
    fn translate(&self, address: Ipv4Addr, leaves: bool) -> Option<Ipv4Addr> {
        self.pairs.iter().find_map(|pair| {
            let (from, to) = if leaves {
                (pair.inside, pair.outside)
            } else {
                (pair.outside, pair.inside)
            };
            from.contains(address)
                .then(|| transplant(address, from, to))
        })
    }
}

impl Alg for Dns {
    fn name(&self) -> &'static str {
        "DNS"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.original.protocol() == IpProtocol::UDP.0 && session.reply.source_port() == PORT
    }

    fn handle(
        &mut self,
        _now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let session = *context.session();
        if context.direction() == Direction::Original || session.initiator == session.responder {
            return AlgVerdict::Pass;
        }
        let Some(parts) = Parts::of(packet.as_slice()) else {
            return AlgVerdict::Pass;
        };
        // What is no message, or cut short, is the resolver's to refuse.
        let Ok(message) = Message::parse(parts.payload_of(packet.as_slice())) else {
            return AlgVerdict::Pass;
        };
        let leaves = session.responder == Side::Inside;
        for record in message.addresses.iter().filter(|_| message.is_response) {
            if let IpAddr::V4(address) = record.address
                && let Some(other) = self.translate(address, leaves)
            {
                // RFC 2694 §3: the address in the record becomes the other realm's.
                parts.patch(packet.as_mut_slice(), record.offset, other.octets());
            }
        }
        AlgVerdict::Pass
    }

    fn closed(&mut self, _id: FlowId) {}
}
