//! Packets from the IPv6 side.

use super::config::{Nat64Drop, Nat64Event, Nat64Side, Nat64Verdict};
use super::content::{Content, content, quoted_ports, rewrite_quoted, tcp_event};
use super::engine::Nat64;
use super::tables::{Ends, Session, Tuple};
use super::tcp::{TcpEvent, TcpState};
use super::{Addresses, TranslateError, to_v4};
use core::net::{Ipv4Addr, Ipv6Addr};
use flow_table::FlowId;
use packet_buffer::wire::{
    Icmpv6Message, IpProtocol, Ipv4Packet, Ipv6Packet, QuotedPacket, TcpFlags,
};
use packet_buffer::{Instant, IpPacketMut, PacketBuf};

impl Nat64 {
    pub(super) fn ipv6_packet(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
    ) -> Result<Nat64Verdict, Nat64Drop> {
        let ip = Ipv6Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let pref64 = self.config.pref64;
        let Some(server) = pref64.extract(ip.destination()) else {
            return Ok(Nat64Verdict::NotForUs);
        };
        // RFC 6146 §3.5 MUST (loop): a packet whose source is under the prefix is dropped.
        if pref64.contains(ip.source()) || ip.source().to_ipv4_mapped().is_some() {
            return Err(Nat64Drop::BadSource);
        }
        if ip.source().is_multicast() || ip.source().is_unspecified() {
            return Err(Nat64Drop::BadSource);
        }
        let is_pool = self.tables.is_of_pool(server);
        if !is_pool && !pref64.may_represent(server) {
            return Err(Nat64Drop::NotRepresentable);
        }
        if ip.hop_limit() <= 1 {
            self.report_hop_limit(now, Nat64Side::V6, packet);
            return Err(Nat64Drop::HopLimit);
        }
        let was_fragmented = match self.reassemble(now, packet, 6)? {
            None => return Ok(Nat64Verdict::Held),
            Some(was_fragmented) => was_fragmented,
        };
        let ip = Ipv6Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let upper = match to_v4::check_extensions(&ip) {
            Ok(upper) => upper,
            Err(TranslateError::SegmentsLeft { pointer }) => {
                self.report_segments_left(now, packet, pointer);
                return Err(Nat64Drop::Untranslatable);
            }
            Err(TranslateError::Parse(_)) => return Err(Nat64Drop::Malformed),
            Err(_) => return Err(Nat64Drop::Untranslatable),
        };
        let (host, length) = (ip.source(), upper.payload.len());
        let content = content(upper.protocol, upper.payload, true)?;
        let may_fragment = was_fragmented || upper.fragment.is_some();
        // RFC 7915 §5.1 MUST (too-big): what would not fit the IPv4 link is answered, with the MTU
        // that IPv6 has there.
        let total = length + Ipv4Packet::MIN_HEADER_LEN;
        let mtu = usize::from(self.config.translate.ipv4_mtu);
        if total > mtu && total > 1_260 && !may_fragment && !matches!(content, Content::Error) {
            self.report_too_big(now, Nat64Side::V6, packet);
            return Err(Nat64Drop::TooBig);
        }
        match content {
            Content::Error => self.error_from_v6(now, packet)?,
            Content::Flow {
                protocol,
                source,
                destination,
                flags,
            } => {
                let (inside, outside) = ((host, source), (ip.destination(), destination));
                let tuple = Tuple {
                    protocol,
                    inside,
                    outside,
                };
                let (mapped, id) = self.outbound(now, &tuple, (server, destination), flags)?;
                let translated =
                    self.rewrite_v4(now, packet, mapped, (server, destination), was_fragmented);
                if translated.is_err() {
                    self.forget(now, id);
                }
                translated?;
            }
        }
        if is_pool {
            // RFC 6146 §3.8 MUST: a packet to an address of the pool comes back as one from outside.
            return match self.ipv4_packet(now, packet, true)? {
                Nat64Verdict::Forward { to, .. } => Ok(Nat64Verdict::Forward { to, hairpin: true }),
                other => Ok(other),
            };
        }
        self.fragment_v4(packet)?;
        Ok(Nat64Verdict::Forward {
            to: Nat64Side::V4,
            hairpin: false,
        })
    }

    /// The IPv4 end of the sender, with a binding and a session where they are to be made.
    fn outbound(
        &mut self,
        now: Instant,
        tuple: &Tuple<Ipv6Addr>,
        outside: Ends<Ipv4Addr>,
        flags: TcpFlags,
    ) -> Result<(Ends<Ipv4Addr>, Option<FlowId>), Nat64Drop> {
        let protocol = tuple.protocol;
        let event = tcp_event(flags, true);
        if let Some(found) = self.tables.find_v6(now, tuple) {
            self.refresh(now, &found, event);
            return Ok((found.v4.inside, None));
        }
        let is_tcp = protocol == IpProtocol::TCP;
        let known = self.tables.binding_of(now, protocol, tuple.inside);
        // RFC 6146 §3.5.2.2 MUST (closed): without a session, a SYN makes one; another segment of a
        // host that has a binding is translated, and others are dropped.
        if is_tcp && event != TcpEvent::V6Syn {
            let (_, mapped) = known.ok_or(Nat64Drop::NoSession)?;
            return Ok((mapped, None));
        }
        // RFC 6146 §3.5.1 MUST (udp): a datagram from inside makes binding and session.
        // RFC 6146 §3.5.3 MUST (icmp): and so does a query.
        let (binding, mapped, is_new) = match known {
            Some((id, mapped)) => (id, mapped, false),
            None => match self
                .tables
                .bind(now, protocol, tuple.inside, &mut *self.random)
            {
                Ok((id, made)) => {
                    self.stats.bindings_created = self.stats.bindings_created.wrapping_add(1);
                    self.tell(Nat64Event::BindingCreated(made));
                    (id, (made.v4, made.v4_port), true)
                }
                Err(reason) => {
                    let host = tuple.inside.0;
                    self.tell(Nat64Event::Exhausted { host, reason });
                    return Err(reason);
                }
            },
        };
        let v4 = Tuple {
            protocol,
            inside: mapped,
            outside,
        };
        // RFC 6146 §3.5.2.2 MUST (stored): a SYN that waits is forgotten, and the session is
        // established.
        let crossed = is_tcp && self.stored.remove(&(outside, mapped)).is_some();
        let (tcp, lifetime) = if crossed {
            (TcpState::Established, self.config.timers.tcp_established)
        } else {
            (TcpState::V6Init, self.initial_lifetime(protocol))
        };
        match self.open(now, tuple, &v4, Session { binding, tcp }, lifetime) {
            Ok(id) => Ok((mapped, Some(id))),
            Err(reason) => {
                if is_new {
                    self.unbind(now, binding);
                }
                let host = tuple.inside.0;
                self.tell(Nat64Event::Exhausted { host, reason });
                Err(reason)
            }
        }
    }

    /// Translates the header, then the source's port.
    fn rewrite_v4(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        source: Ends<Ipv4Addr>,
        destination: Ends<Ipv4Addr>,
        was_fragmented: bool,
    ) -> Result<(), Nat64Drop> {
        let protocol = IpProtocol::UDP;
        let next = self
            .identifications
            .next(now, source.0, destination.0, protocol);
        let identification = next.unwrap_or_else(|| self.random.next_u16());
        let addresses = Addresses::new(source.0, destination.0);
        let config = &self.config.translate;
        to_v4::translate(packet, &addresses, config, identification, was_fragmented)
            .map_err(|_| Nat64Drop::Untranslatable)?;
        let mut ip = IpPacketMut::parse(packet.as_mut_slice()).map_err(|_| Nat64Drop::Malformed)?;
        ip.set_source(source.0.into(), Some(source.1))
            .map_err(|_| Nat64Drop::Malformed)?;
        ip.decrement_hop_limit();
        Ok(())
    }

    /// Translates an ICMPv6 error about a packet that had come from the IPv4 side.
    // RFC 6146 §3.5 MUST NOT (errors): ICMP errors make no state and refresh none.
    fn error_from_v6(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<(), Nat64Drop> {
        let ip = Ipv6Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let upper = ip.upper_layer().map_err(|_| Nat64Drop::Malformed)?;
        let message = Icmpv6Message::parse(upper.payload).map_err(|_| Nat64Drop::Malformed)?;
        let Some(Ok(QuotedPacket::V6(quoted))) = message.quoted_packet() else {
            return Err(Nat64Drop::UnknownError);
        };
        let whole = QuotedPacket::V6(quoted);
        let (protocol, remote, host) = quoted_ports(&whole).ok_or(Nat64Drop::UnknownError)?;
        let tuple = Tuple {
            protocol,
            inside: (quoted.destination(), host),
            outside: (quoted.source(), remote),
        };
        let found = self.tables.find_v6(now, &tuple);
        let found = found.ok_or(Nat64Drop::UnknownError)?;
        let (inside, outside) = (found.v4.inside, found.v4.outside);
        if self.config.pref64.extract(ip.destination()) != Some(outside.0) {
            return Err(Nat64Drop::UnknownError);
        }
        // Whoever inside reports, outside it is the address that the binding has.
        let addresses = Addresses {
            quoted: Some((outside.0, inside.0)),
            ..Addresses::new(inside.0, outside.0)
        };
        let identification = self.random.next_u16();
        to_v4::ipv6_to_ipv4(packet, &addresses, &self.config.translate, identification)
            .map_err(|_| Nat64Drop::Untranslatable)?;
        rewrite_quoted(packet, Ipv4Packet::MIN_HEADER_LEN, |quoted| {
            quoted.set_destination(inside.0.into(), Some(inside.1))
        });
        self.stats.errors_translated = self.stats.errors_translated.wrapping_add(1);
        Ok(())
    }
}
