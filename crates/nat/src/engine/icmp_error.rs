//! ICMP errors: each belongs to the session of the packet that it quotes.

use super::Nat;
use crate::config::Side;
use crate::flow::{FlowFlags, NatFlow};
use crate::rewrite::patch;
use crate::verdict::{DropReason, Verdict, bump};
use core::net::IpAddr;
use flow_state::{FlowPacket, FlowState, Key, Transport};
use flow_table::Ipv4FlowKey;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{IpPacket, IpProtocol, QuotedPacket};
use packet_buffer::{Instant, IpPacketMut, PacketBuf};

/// Octets of an ICMP error's header.
const HEADER: usize = 8;

/// How an ICMP error is to be changed.
struct Plan {
    /// Where the ICMP message starts.
    at: usize,
    end: usize,
    /// The quoted packet as it is, and as the receiver has sent it.
    quoted_from: Ipv4FlowKey,
    quoted_to: Ipv4FlowKey,
    /// Whether the quote reaches ports that change.
    has_ports: bool,
    source: IpAddr,
    destination: IpAddr,
    hairpin: bool,
}

impl Nat {
    /// Translates an ICMP error. It makes no session, refreshes none and ends none.
    // RFC 4787 §9 MUST NOT (req-12): no ICMP message ends a mapping.
    // RFC 5382 §7.3 MUST NOT (req-10): nor a connection.
    // RFC 5508 §4.3 MUST NOT (req-6): nor does it refresh a session.
    pub(super) fn icmp_error(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let plan = match self.plan_error(now, side, packet.as_slice()) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Verdict::Local,
            Err(reason) => return Verdict::Drop(reason),
        };
        match rewrite_error(packet.as_mut_slice(), &plan) {
            Some(()) => {
                bump(&mut self.stats.icmp_errors);
                Verdict::Forward {
                    hairpin: plan.hairpin,
                }
            }
            None => Verdict::Drop(DropReason::IcmpForged),
        }
    }

    /// Finds the session of an error; `None` when the error is for the router itself.
    fn plan_error(
        &mut self,
        now: Instant,
        side: Side,
        octets: &[u8],
    ) -> Result<Option<Plan>, DropReason> {
        let parsed = FlowPacket::parse(octets).map_err(|_| DropReason::Malformed)?;
        let (IpPacket::V4(ip), Transport::IcmpError(error)) = (parsed.ip(), parsed.transport())
        else {
            return Err(DropReason::Malformed);
        };
        // RFC 6633 §5: source quench is not sent any more; a redirect means one link.
        if !error.is_relayable() && !self.config.icmp.pass_quench || error.message_type == 5 {
            return Err(DropReason::IcmpType);
        }
        let unknown = if self.config.local.contains(&ip.destination()) {
            Ok(None)
        } else {
            // RFC 5508 §4.2 SHOULD (req-4): without a mapping, an error from outside is dropped.
            // RFC 5508 §4.2 SHOULD (req-5): and one from inside.
            Err(DropReason::IcmpUnrelated)
        };
        let Some(QuotedPacket::V4(quoted)) = error.quoted() else {
            return unknown;
        };
        // RFC 792: at least eight octets of what the packet carried are quoted. Of fewer, not all
        // that is to be changed need be there.
        if quoted.payload().len() < 8 && quoted.fragment_offset() == 0 {
            return unknown;
        }
        let Some(Key::V4(expected)) = error.expected().or_else(|| portless(error.quoted())) else {
            return unknown;
        };
        let Some(found) = self.sessions.find(now, &expected) else {
            return unknown;
        };
        let Some(flow) = self.sessions.get(found.id) else {
            return unknown;
        };
        let direction = found.direction;
        if flow.value.comes_from(direction) != side {
            return Err(DropReason::WrongSide);
        }
        let (from, to) = NatFlow::keys(direction, flow.original, flow.reply);
        // The error must be for who sent the quoted packet.
        if ip.destination() != from.destination() {
            return Err(DropReason::IcmpForged);
        }
        let least = u32::from(self.config.icmp.min_reported_mtu);
        if error.mtu().is_some_and(|mtu| mtu != 0 && mtu < least) {
            return Err(DropReason::IcmpForged);
        }
        if self.config.icmp.check_quoted_checksum && !quoted_checksum_is_right(quoted) {
            return Err(DropReason::IcmpForged);
        }
        if self.config.icmp.check_quoted_sequence
            && let (FlowState::Tcp(tcp), Some(number)) =
                (flow.value.state(), error.tcp_sequence_number())
            && !tcp.is_in_flight(direction.reversed(), number)
        {
            return Err(DropReason::IcmpForged);
        }
        // The host itself, or a router on the way. Behind the translator, that is no address which
        // the outside knows; the sender's own stands for it.
        // RFC 5508 §4.2 MUST (req-5-c): the outer source is the mapped one.
        let source = if ip.source() == from.source() || from.source() != to.source() {
            to.source()
        } else {
            ip.source()
        };
        let learned = flow.value.flags.has(FlowFlags::LEARNED);
        Ok(Some(Plan {
            at: parsed.transport_offset(),
            end: parsed.len(),
            quoted_from: from.reversed(),
            quoted_to: to.reversed(),
            has_ports: error.quoted_key().is_some() && !learned,
            source: source.into(),
            destination: to.destination().into(),
            hairpin: flow.value.is_hairpin(),
        }))
    }

    /// ICMP messages that are neither queries nor errors.
    // RFC 5508 §8 MAY (req-11): they are dropped.
    pub(super) fn other_icmp(&mut self, side: Side, packet: &PacketBuf) -> Verdict {
        let _ = side;
        let destination = match IpPacket::parse(packet.as_slice()) {
            Ok(IpPacket::V4(ip)) => ip.destination(),
            _ => return Verdict::Drop(DropReason::Malformed),
        };
        if self.config.local.contains(&destination) {
            Verdict::Local
        } else {
            Verdict::Drop(DropReason::IcmpType)
        }
    }
}

/// The key that answers to a quoted packet of a protocol without ports have.
fn portless(quoted: Option<&QuotedPacket<'_>>) -> Option<Key> {
    let QuotedPacket::V4(quoted) = quoted? else {
        return None;
    };
    let protocol = quoted.protocol();
    let has_ports = protocol.has_ports() || protocol == IpProtocol::ICMP;
    if has_ports || quoted.fragment_offset() != 0 {
        return None;
    }
    let key = Ipv4FlowKey::new(
        (quoted.destination(), 0),
        (quoted.source(), 0),
        protocol.0,
        0,
    );
    Some(Key::V4(key))
}

/// Whether the header checksum of a quoted packet is right, as far as the quote reaches.
// RFC 5508 §4.1 SHOULD (req-3-a): the embedded IP packet's checksum is verified.
fn quoted_checksum_is_right(quoted: &packet_buffer::wire::QuotedIpv4<'_>) -> bool {
    let header = quoted.as_slice().get(..quoted.header_len());
    header.is_none_or(packet_buffer::checksum::is_valid)
}

/// Changes an ICMP error and the packet that it quotes.
fn rewrite_error(octets: &mut [u8], plan: &Plan) -> Option<()> {
    let message = octets.get_mut(plan.at..plan.end)?;
    let quote = message.get_mut(HEADER..)?;
    let (from, to) = (&plan.quoted_from, &plan.quoted_to);
    let mut quoted = IpPacketMut::parse_quoted(quote).ok()?;
    let mut change = ChecksumDelta::new();
    // The identifier of a query is both of its ports: it is written once.
    let is_query = from.protocol() == IpProtocol::ICMP.0;
    let identifier = |from: u16, to: u16| {
        let wanted = plan.has_ports && (!is_query || from != to);
        wanted.then_some(to)
    };
    let source_port = identifier(from.source_port(), to.source_port());
    let destination_port = identifier(from.destination_port(), to.destination_port());
    // RFC 5508 §4.2 MUST (req-4-a): the embedded packet is as its sender knows it.
    // RFC 5508 §4.2 MUST (req-5-a): also where the sender is outside.
    change = change.and(quoted.set_source(to.source().into(), source_port).ok()?);
    change = change.and(
        quoted
            .set_destination(to.destination().into(), destination_port)
            .ok()?,
    );
    patch(message, 2, |old| change.apply(old));
    let source = match plan.source {
        IpAddr::V4(source) => source,
        IpAddr::V6(_) => return None,
    };
    let IpAddr::V4(destination) = plan.destination else {
        return None;
    };
    crate::rewrite::set_addresses(octets, source, destination);
    Some(())
}
