//! One packet: read, looked up, tracked, translated and sent on.

use super::Nat;
use super::open::Opened;
use super::track::{Forward, Tracked, is_host, parse, reason_of, track, track_rare};
use crate::config::Side;
use crate::flow::FlowFlags;
use crate::hooks::AlgVerdict;
use crate::mapping::{Endpoint, PortKind};
use crate::rewrite::{clamp_mss, ports_differ, set_identification, translate};
use crate::verdict::{DropReason, Verdict, bump};
use flow_state::{FlowPacket, Key, Transport};
use flow_table::{FlowId, Hint, Ipv4FlowKey};
use packet_buffer::wire::{IpPacket, IpProtocol};
use packet_buffer::{Instant, PacketBuf};

impl Nat {
    /// Translates one packet, which came from `side`, in place. `packet` holds the IPv4 packet and
    /// nothing in front of it; octets behind it are padding and stay.
    ///
    /// Hop counts are the router's: it takes its hop before the packet comes here, so that a packet
    /// that may not go on makes no session.
    pub fn process(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        let now = self.advance(now);
        let verdict = self.decide(now, side, packet);
        self.count(side, verdict);
        verdict
    }

    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(super) fn count(&mut self, side: Side, verdict: Verdict) {
        match verdict {
            Verdict::Forward { hairpin: true } => bump(&mut self.stats.hairpinned),
            Verdict::Forward { hairpin: false } => match side {
                Side::Inside => bump(&mut self.stats.outbound),
                Side::Outside => bump(&mut self.stats.inbound),
            },
            Verdict::Drop(reason) => self.stats.count_drop(reason),
            Verdict::Local => bump(&mut self.stats.local),
            Verdict::Held => bump(&mut self.stats.held),
        }
    }

    #[inline]
    pub(super) fn decide(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        self.decide_about(now, side, packet, false, None)
    }

    /// Decides about a packet. When `is_first`, it is a first fragment that stands for all of its
    /// packet. `hint` may name its session.
    #[inline]
    pub(super) fn decide_about(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
        is_first: bool,
        hint: Option<Hint>,
    ) -> Verdict {
        if self.has_alg_sessions() {
            self.before_alg(now, packet);
        }
        // By reference: moving what was read costs as much as reading it.
        let read = FlowPacket::parse(packet.as_slice());
        let parsed = match &read {
            Ok(parsed) => parsed,
            Err(error) => {
                let reason = reason_of(*error);
                return self.unreadable(now, side, packet, reason);
            }
        };
        if let Err(reason) = self.inspect(parsed) {
            return Verdict::Drop(reason);
        }
        let is_plain = matches!(
            parsed.transport(),
            Transport::Tcp(_) | Transport::Udp(_) | Transport::IcmpQuery(_)
        );
        let Key::V4(key) = parsed.key() else {
            return Verdict::Drop(DropReason::NotIpv4);
        };
        if !is_plain || parsed.is_fragment() && !is_first {
            return self.decide_otherwise(now, side, packet, is_first);
        }
        // Nearly all packets are of a session that is there.
        let mut reopened = None;
        if let Some((direction, flow)) = self.sessions.lookup_hinted(now, &key, hint) {
            match track(&self.config, now, side, direction, flow, parsed) {
                Tracked::Forward(forward) => return self.forward(now, packet, &forward),
                Tracked::Drop(reason) => return Verdict::Drop(reason),
                Tracked::Reopen(id) => reopened = Some(id),
            }
        }
        let mut forward = None;
        let otherwise = self.begin_with(now, side, &key, parsed, reopened, &mut forward);
        match &forward {
            Some(forward) => self.forward_special(now, packet, forward),
            None => otherwise,
        }
    }

    /// A packet that cannot be read.
    #[cold]
    fn unreadable(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
        reason: DropReason,
    ) -> Verdict {
        // Packets that are put together may be cut within their transport header.
        if reason == DropReason::Malformed && self.puts_together(packet) {
            return self.fragment(now, side, packet);
        }
        Verdict::Drop(reason)
    }

    /// A packet of a protocol without ports, an ICMP error, or a fragment.
    #[inline(never)]
    fn decide_otherwise(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
        is_first: bool,
    ) -> Verdict {
        let parsed = match parse(packet.as_slice()) {
            Ok(parsed) => parsed,
            Err(reason) => return Verdict::Drop(reason),
        };
        if parsed.is_fragment() && !is_first {
            return self.fragment(now, side, packet);
        }
        match parsed.transport() {
            Transport::IcmpError(_) => return self.icmp_error(now, side, packet),
            Transport::IcmpOther { .. } => return self.other_icmp(side, packet),
            _ => {}
        }
        let Some(key) = self.key_of(&parsed) else {
            return Verdict::Drop(DropReason::NotIpv4);
        };
        // A tunnel whose first answer this is must be found before anything else.
        if side == Side::Outside
            && matches!(
                parsed.transport(),
                Transport::Esp { .. } | Transport::Gre(_)
            )
            && self.sessions.find(now, &key).is_none()
            && self.expected(now, &key).is_none()
        {
            self.learn(now, &key);
        }
        let mut reopened = None;
        if let Some((direction, flow)) = self.sessions.lookup(now, &key) {
            match track_rare(&self.config, now, side, direction, flow, &parsed) {
                Tracked::Forward(forward) => return self.forward_special(now, packet, &forward),
                Tracked::Drop(reason) => return Verdict::Drop(reason),
                Tracked::Reopen(id) => reopened = Some(id),
            }
        }
        let mut forward = None;
        let otherwise = self.begin_with(now, side, &key, &parsed, reopened, &mut forward);
        match &forward {
            Some(forward) => self.forward_special(now, packet, forward),
            None => otherwise,
        }
    }

    /// Begins a session with a packet, in place of another one when that is to be reopened, and fills in how it is
    /// changed. What is returned is for a packet that began none.
    #[inline(never)]
    fn begin_with(
        &mut self,
        now: Instant,
        side: Side,
        key: &Ipv4FlowKey,
        packet: &FlowPacket<'_>,
        reopened: Option<FlowId>,
        forward: &mut Option<Forward>,
    ) -> Verdict {
        let kept = reopened.map(|id| self.end_to_reopen(now, id));
        let opened = self.open(now, side, key, packet, forward);
        if let Some(kept) = kept {
            self.let_go(now, kept);
        }
        match opened {
            Ok(Opened::Session) => {
                if let Some(forward) = forward {
                    self.answers.forget_syn(&forward.to.reversed());
                }
                Verdict::Forward { hairpin: false }
            }
            Ok(Opened::Bypass) => {
                bump(&mut self.stats.bypassed);
                Verdict::Forward { hairpin: false }
            }
            Ok(Opened::Local) => Verdict::Local,
            Err(reason) => {
                self.answer(now, side, packet, reason);
                Verdict::Drop(reason)
            }
        }
    }

    /// Whether the packet is a fragment that is put together with others.
    pub(super) fn puts_together(&self, packet: &PacketBuf) -> bool {
        if !self.fragments.is_full() {
            return false;
        }
        match IpPacket::parse(packet.as_slice()) {
            Ok(IpPacket::V4(ip)) => ip.is_fragment() && ip.verify_checksum().is_ok(),
            _ => false,
        }
    }

    /// What is wrong with the packet by itself.
    #[inline]
    pub(super) fn inspect(&self, packet: &FlowPacket<'_>) -> Result<(), DropReason> {
        let IpPacket::V4(ip) = packet.ip() else {
            return Err(DropReason::NotIpv4);
        };
        ip.verify_checksum().map_err(|_| DropReason::BadChecksum)?;
        // RFC 5508 §4.1 SHOULD (req-3): an error whose ICMP checksum is wrong is dropped.
        let verifies = self.config.verify_transport_checksums
            || matches!(packet.transport(), Transport::IcmpError(_));
        if verifies && packet.verify().is_err() {
            return Err(DropReason::BadChecksum);
        }
        let (source, destination) = (ip.source(), ip.destination());
        // RFC 1812 §5.3.7: packets from addresses that no host has are not forwarded.
        if !is_host(source) || !is_host(destination) || source == destination {
            return Err(DropReason::Source);
        }
        Ok(())
    }

    /// The key of the session that the packet belongs to.
    pub(super) fn key_of(&self, packet: &FlowPacket<'_>) -> Option<Ipv4FlowKey> {
        let Key::V4(key) = packet.key() else {
            return None;
        };
        let (ends, protocol) = ((key.source(), key.destination()), key.protocol());
        let of = |ports: (u16, u16)| {
            Ipv4FlowKey::new((ends.0, ports.0), (ends.1, ports.1), protocol, key.zone())
        };
        Some(match packet.transport() {
            // The SPI, of which the receiver's side chooses one for each direction.
            Transport::Esp { spi, .. } if self.config.learn_tunnels => {
                let [a, b, c, d] = spi.to_be_bytes();
                of((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => key,
        })
    }

    /// Sends a packet of a session on.
    #[inline(always)]
    fn forward(&mut self, now: Instant, packet: &mut PacketBuf, forward: &Forward) -> Verdict {
        let rewrites = forward.may_fragment && self.config.rewrite_identification;
        if rewrites || forward.is_special() {
            return self.forward_special(now, packet, forward);
        }
        translate(
            packet.as_mut_slice(),
            &forward.layout,
            &forward.from,
            &forward.to,
        );
        Verdict::Forward {
            hairpin: forward.hairpin,
        }
    }

    /// Sends on what needs more than its translation.
    #[inline(never)]
    pub(super) fn forward_special(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        forward: &Forward,
    ) -> Verdict {
        if forward.layout.protocol == Some(IpProtocol::SCTP)
            && !Self::sctp_may_change(packet, forward)
        {
            return Verdict::Drop(DropReason::BadChecksum);
        }
        let octets = packet.as_mut_slice();
        translate(octets, &forward.layout, &forward.from, &forward.to);
        if forward.is_syn
            && let Some(limit) = self.config.clamp_mss
            && let Some(segment) = octets.get_mut(forward.layout.transport..forward.layout.end)
        {
            clamp_mss(segment, limit);
        }
        if forward.may_fragment && self.config.rewrite_identification {
            let (from, to) = (forward.to.source(), forward.to.destination());
            let protocol = IpProtocol(forward.to.protocol());
            // RFC 6864 §5.3.1: identifications are unique for the translated addresses.
            if let Some(number) = self.identifications.next(now, from, to, protocol) {
                set_identification(octets, number);
            }
        }
        if forward.promotes {
            self.promote(forward.id);
        }
        if forward.flags.has(FlowFlags::ALG)
            && self.run_alg(now, forward.id, forward.direction, packet) == AlgVerdict::Drop
        {
            return Verdict::Drop(DropReason::Alg);
        }
        if forward.is_last {
            self.end(now, forward.id);
        }
        Verdict::Forward {
            hairpin: forward.hairpin,
        }
    }

    /// A checksum that was wrong must not come out right, and that of SCTP cannot be patched.
    fn sctp_may_change(packet: &PacketBuf, forward: &Forward) -> bool {
        let range = forward.layout.transport..forward.layout.end;
        !ports_differ(&forward.from, &forward.to)
            || packet
                .as_slice()
                .get(range)
                .is_some_and(crate::sctp::is_valid)
    }

    /// The responder's mapping is kept open by this session from now on.
    fn promote(&mut self, id: FlowId) {
        let Some(mut flow) = self.sessions.get_mut(id) else {
            return;
        };
        let outside = Endpoint::destination_of(flow.original());
        let protocol = IpProtocol(flow.original().protocol());
        flow.value_mut().flags.set(FlowFlags::KEEPS_DESTINATION);
        if let Some(protocol) = PortKind::of(protocol) {
            self.mappings.keep(protocol, outside);
        }
    }
}
