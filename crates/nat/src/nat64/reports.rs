//! What the translator sends of its own: ICMP errors (RFC 7915 §4.4, §5.4) and probes.

use super::config::Nat64Side;
use super::engine::Nat64;
use super::tables::Found;
use core::net::Ipv4Addr;
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv4Packet,
    Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpFlags, TcpRepr, icmpv4_code, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf};

impl Nat64 {
    /// Answers a packet from `side` whose hop limit has run out.
    // RFC 7915 §4.1 MUST (hop-limit): the translator is a router, and answers as one.
    pub(super) fn report_hop_limit(&mut self, now: Instant, side: Nat64Side, packet: &PacketBuf) {
        match side {
            Nat64Side::V6 => {
                let code = icmpv6_code::TimeExceeded::TRANSIT;
                let quoted_words = 0;
                self.report_v6(now, Icmpv6Repr::TimeExceeded { code, quoted_words }, packet);
            }
            Nat64Side::V4 => {
                let code = icmpv4_code::TimeExceeded::TRANSIT;
                let quoted_words = 0;
                let repr = Icmpv4Repr::TimeExceeded { code, quoted_words };
                self.report_v4(now, repr, packet.as_slice());
            }
        }
    }

    /// Answers a packet from `side` that does not fit the link of the other side.
    pub(super) fn report_too_big(&mut self, now: Instant, side: Nat64Side, packet: &PacketBuf) {
        let config = self.config().translate;
        match side {
            Nat64Side::V6 => {
                let mtu = (u32::from(config.ipv4_mtu) + 20).max(1_280);
                self.report_v6(now, Icmpv6Repr::PacketTooBig { mtu }, packet);
            }
            Nat64Side::V4 => {
                let repr = Icmpv4Repr::DestinationUnreachable {
                    code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
                    quoted_words: 0,
                    next_hop_mtu: config.ipv6_mtu.saturating_sub(20),
                };
                self.report_v4(now, repr, packet.as_slice());
            }
        }
    }

    pub(super) fn report_segments_left(&mut self, now: Instant, packet: &PacketBuf, pointer: u32) {
        let code = icmpv6_code::ParameterProblem::HEADER_FIELD;
        self.report_v6(now, Icmpv6Repr::ParameterProblem { code, pointer }, packet);
    }

    pub(super) fn report_source_route(&mut self, now: Instant, packet: &PacketBuf) {
        let code = icmpv4_code::Unreachable::SOURCE_ROUTE_FAILED;
        self.report_v4(now, unreachable(code), packet.as_slice());
    }

    pub(super) fn report_port_unreachable(&mut self, now: Instant, packet: &[u8]) {
        let code = icmpv4_code::Unreachable::PORT;
        self.report_v4(now, unreachable(code), packet);
    }

    fn report_v6(&mut self, now: Instant, repr: Icmpv6Repr, packet: &PacketBuf) {
        let Ok(ip) = Ipv6Packet::parse(packet.as_slice()) else {
            return;
        };
        // RFC 4443 §2.4: no error about an error, a multicast source, or a later fragment.
        let Ok(upper) = ip.upper_layer() else { return };
        let is_error = upper.protocol == IpProtocol::ICMPV6
            && Icmpv6Message::parse(upper.payload)
                .is_ok_and(|message| message.message_type().is_error());
        if is_error || !upper.is_start() || !self.may_report(now) {
            return;
        }
        let mut out = PacketBuf::new();
        let octets = ip.as_slice();
        let room = 1_280 - Ipv6Packet::HEADER_LEN - 8;
        out.append_slice(octets.get(..room).unwrap_or(octets));
        let header = Ipv6Repr::new(self.config().address_v6, ip.source(), IpProtocol::ICMPV6);
        let emitted = repr
            .emit(&mut out, &header.pseudo_header())
            .and_then(|()| header.emit(&mut out));
        let sent = emitted.is_ok() && self.queue(Nat64Side::V6, out);
        self.count_report(sent);
    }

    /// `packet` can be only the start of one.
    fn report_v4(&mut self, now: Instant, repr: Icmpv4Repr, packet: &[u8]) {
        let Some((header, rest)) = packet.split_first_chunk::<20>() else {
            return;
        };
        let [.., a, b, c, d, _, _, _, _] = *header;
        let is_later = u16::from_be_bytes([header[6], header[7]]) & 0x1fff != 0;
        let options = usize::from(header[0] & 0x0f).saturating_sub(5) * 4;
        let transport = rest.get(options..).unwrap_or_default();
        let is_error = header[9] == IpProtocol::ICMP.0
            && Icmpv4Message::parse(transport).map_or(true, |it| it.message_type().is_error());
        if is_error || is_later || !self.may_report(now) {
            return;
        }
        let mut out = PacketBuf::new();
        let room = 576 - Ipv4Packet::MIN_HEADER_LEN - 8;
        out.append_slice(packet.get(..room).unwrap_or(packet));
        let source = self.config().address_v4;
        let destination = Ipv4Addr::new(a, b, c, d);
        let header = Ipv4Repr {
            dont_fragment: false,
            ..Ipv4Repr::new(source, destination, IpProtocol::ICMP)
        };
        let emitted = repr.emit(&mut out).and_then(|()| header.emit(&mut out));
        let sent = emitted.is_ok() && self.queue(Nat64Side::V4, out);
        self.count_report(sent);
    }

    /// Whether the rate allows an error; takes it off what is left of the second.
    fn may_report(&mut self, now: Instant) -> bool {
        let second = now.as_secs();
        if self.error_budget.0 != second {
            self.error_budget = (second, 0);
        }
        let allowed = self.error_budget.1 < self.config().max_errors_per_second;
        if allowed {
            self.error_budget.1 += 1;
        } else {
            self.stats.errors_suppressed = self.stats.errors_suppressed.wrapping_add(1);
        }
        allowed
    }

    fn count_report(&mut self, sent: bool) {
        let counter = if sent {
            &mut self.stats.errors_sent
        } else {
            &mut self.stats.errors_suppressed
        };
        *counter = counter.wrapping_add(1);
    }

    /// Asks the host inside whether it still knows the connection: a segment that it answers either
    /// with an ACK or with a RST.
    // RFC 6146 §3.5.2.2 MUST (probe): a segment without data, with ACK, and numbers of zero.
    pub(super) fn probe(&mut self, found: &Found) {
        let (host, peer) = (found.v6.inside, found.v6.outside);
        let tcp = TcpRepr {
            source_port: peer.1,
            destination_port: host.1,
            sequence_number: 0,
            acknowledgment_number: 0,
            flags: TcpFlags::ACK,
            window: 0,
            urgent_pointer: 0,
            options: HeaderOptions::NONE,
        };
        let header = Ipv6Repr::new(peer.0, host.0, IpProtocol::TCP);
        let mut out = PacketBuf::new();
        let emitted = tcp
            .emit(&mut out, &header.pseudo_header())
            .and_then(|()| header.emit(&mut out));
        if emitted.is_ok() && self.queue(Nat64Side::V6, out) {
            self.stats.probes = self.stats.probes.wrapping_add(1);
        }
    }
}

const fn unreachable(code: icmpv4_code::Unreachable) -> Icmpv4Repr {
    Icmpv4Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
        next_hop_mtu: 0,
    }
}
