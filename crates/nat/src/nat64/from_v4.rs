//! Packets from the IPv4 side, and those from the IPv6 side that turn back.

use super::config::{Nat64Drop, Nat64Filtering, Nat64Side, Nat64Verdict};
use super::content::{Content, content, quoted_ports, rewrite_quoted, tcp_event};
use super::engine::{Nat64, StoredSyn};
use super::tables::{Ends, Session, Tuple};
use super::tcp::{TcpEvent, TcpState};
use super::{Addresses, to_v6};
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    Icmpv4Message, IpProtocol, Ipv4Packet, Ipv6Packet, QuotedPacket, TcpFlags,
};
use packet_buffer::{Instant, IpPacketMut, PacketBuf};

/// Octets of a SYN that waits which are kept, to be quoted.
const STORED_OCTETS: usize = 128;

/// The host's end and the other one, on the IPv6 side.
type V6Ends = (Ends<Ipv6Addr>, Ends<Ipv6Addr>);

impl Nat64 {
    pub(super) fn ipv4_packet(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        hairpin: bool,
    ) -> Result<Nat64Verdict, Nat64Drop> {
        let ip = Ipv4Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        if !self.tables.is_of_pool(ip.destination()) {
            return Ok(Nat64Verdict::NotForUs);
        }
        ip.verify_checksum().map_err(|_| Nat64Drop::Malformed)?;
        let source = ip.source();
        if !hairpin && (self.tables.is_of_pool(source) || is_nobody(source)) {
            return Err(Nat64Drop::BadSource);
        }
        if !hairpin && !self.config.pref64.may_represent(source) {
            return Err(Nat64Drop::NotRepresentable);
        }
        // A hairpinned packet has made one hop, not two.
        if !hairpin && ip.time_to_live() <= 1 {
            self.report_hop_limit(now, Nat64Side::V4, packet);
            return Err(Nat64Drop::HopLimit);
        }
        if to_v6::refuse_source_route(&ip).is_err() {
            self.report_source_route(now, packet);
            return Err(Nat64Drop::Untranslatable);
        }
        let was_fragmented = match self.reassemble(now, packet, 4)? {
            None => return Ok(Nat64Verdict::Held),
            Some(was_fragmented) => was_fragmented,
        };
        let ip = Ipv4Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let content = content(ip.protocol(), ip.payload(), false)?;
        let length = Ipv6Packet::HEADER_LEN + ip.payload().len();
        let may_fragment = was_fragmented || !ip.dont_fragment();
        let identification = u32::from(ip.identification());
        // RFC 7915 §4.1 MUST (too-big): what would not fit the IPv6 link is answered, with the MTU
        // that IPv4 has there.
        if length > usize::from(self.config.translate.ipv6_mtu)
            && !may_fragment
            && !matches!(content, Content::Error)
        {
            self.report_too_big(now, Nat64Side::V4, packet);
            return Err(Nat64Drop::TooBig);
        }
        match content {
            Content::Error => self.error_from_v4(now, packet)?,
            Content::Flow {
                protocol,
                source: remote,
                destination: port,
                flags,
            } => {
                let tuple = Tuple {
                    protocol,
                    inside: (ip.destination(), port),
                    outside: (source, remote),
                };
                match self.inbound(now, &tuple, flags, packet)? {
                    None => return Ok(Nat64Verdict::Held),
                    Some((host, peer)) => self.rewrite_v6(packet, peer, host, hairpin)?,
                }
            }
        }
        if may_fragment {
            self.fragment_v6(packet, identification)?;
        }
        Ok(Nat64Verdict::Forward {
            to: Nat64Side::V6,
            hairpin: false,
        })
    }

    /// The IPv6 ends of a packet, its host first; `None` when it was stored.
    fn inbound(
        &mut self,
        now: Instant,
        tuple: &Tuple<Ipv4Addr>,
        flags: TcpFlags,
        packet: &PacketBuf,
    ) -> Result<Option<V6Ends>, Nat64Drop> {
        let event = tcp_event(flags, false);
        if let Some(found) = self.tables.find_v4(now, tuple) {
            self.refresh(now, &found, event);
            return Ok(Some((found.v6.inside, found.v6.outside)));
        }
        let (protocol, inside, outside) = (tuple.protocol, tuple.inside, tuple.outside);
        let is_tcp = protocol == IpProtocol::TCP;
        let known = self.tables.binding_at(now, protocol, inside);
        // RFC 6146 §3.5.1 MUST (filter): with address-dependent filtering, only who was sent to.
        let is_let_in = self.config.filtering == Nat64Filtering::EndpointIndependent
            || self.tables.has_peer(now, protocol, inside, outside.0);
        let Some((binding, host)) = known.filter(|_| is_let_in) else {
            // RFC 6146 §3.5.2.2 MUST (v4-syn): a SYN that nobody asked for waits for six seconds,
            // without an answer.
            if is_tcp && event == TcpEvent::V4Syn && !flags.contains(TcpFlags::ACK) {
                return self.store_syn(now, outside, inside, packet);
            }
            return Err(if known.is_some() {
                Nat64Drop::Filtered
            } else {
                Nat64Drop::NoBinding
            });
        };
        let peer = (self.config.pref64.embed(outside.0), outside.1);
        if is_tcp && event != TcpEvent::V4Syn {
            return Ok(Some((host, peer)));
        }
        let v6 = Tuple {
            protocol,
            inside: host,
            outside: peer,
        };
        let lifetime = self.initial_lifetime(protocol);
        let tcp = TcpState::V4Init;
        self.open(now, &v6, tuple, Session { binding, tcp }, lifetime)?;
        Ok(Some((host, peer)))
    }

    fn store_syn(
        &mut self,
        now: Instant,
        outside: Ends<Ipv4Addr>,
        inside: Ends<Ipv4Addr>,
        packet: &PacketBuf,
    ) -> Result<Option<V6Ends>, Nat64Drop> {
        let key = (outside, inside);
        if self.stored.contains_key(&key) {
            return Ok(None);
        }
        if self.stored.len() >= self.config.max_stored_syns {
            return Err(Nat64Drop::TableFull);
        }
        let octets = packet.as_slice();
        let kept = octets.get(..STORED_OCTETS).unwrap_or(octets);
        let deadline = now.saturating_add(self.config.timers.tcp_incoming_syn);
        let packet = kept.into();
        self.stored.insert(key, StoredSyn { deadline, packet });
        self.stats.syns_stored = self.stats.syns_stored.wrapping_add(1);
        Ok(None)
    }

    /// Translates the header, then the destination's port.
    fn rewrite_v6(
        &mut self,
        packet: &mut PacketBuf,
        source: Ends<Ipv6Addr>,
        destination: Ends<Ipv6Addr>,
        hairpin: bool,
    ) -> Result<(), Nat64Drop> {
        let addresses = Addresses::new(source.0, destination.0);
        to_v6::ipv4_to_ipv6(packet, &addresses, &self.config.translate)
            .map_err(|_| Nat64Drop::Untranslatable)?;
        let mut ip = IpPacketMut::parse(packet.as_mut_slice()).map_err(|_| Nat64Drop::Malformed)?;
        ip.set_destination(destination.0.into(), Some(destination.1))
            .map_err(|_| Nat64Drop::Malformed)?;
        if !hairpin {
            ip.decrement_hop_limit();
        }
        Ok(())
    }

    /// Translates an ICMP error about a packet that had come from the IPv6 side.
    fn error_from_v4(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<(), Nat64Drop> {
        let ip = Ipv4Packet::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let message = Icmpv4Message::parse(ip.payload()).map_err(|_| Nat64Drop::Malformed)?;
        let Some(Ok(QuotedPacket::V4(quoted))) = message.quoted_packet() else {
            return Err(Nat64Drop::UnknownError);
        };
        let whole = QuotedPacket::V4(quoted);
        let (protocol, port, remote) = quoted_ports(&whole).ok_or(Nat64Drop::UnknownError)?;
        let (port, remote) = if protocol == IpProtocol::ICMP {
            (port, 0)
        } else {
            (port, remote)
        };
        let tuple = Tuple {
            protocol,
            inside: (quoted.source(), port),
            outside: (quoted.destination(), remote),
        };
        let found = self.tables.find_v4(now, &tuple);
        let found = found.ok_or(Nat64Drop::UnknownError)?;
        if ip.destination() != tuple.inside.0 {
            return Err(Nat64Drop::UnknownError);
        }
        let (host, peer) = (found.v6.inside, found.v6.outside);
        let addresses = Addresses {
            quoted: Some((host.0, peer.0)),
            ..Addresses::new(self.config.pref64.embed(ip.source()), host.0)
        };
        to_v6::ipv4_to_ipv6(packet, &addresses, &self.config.translate)
            .map_err(|_| Nat64Drop::Untranslatable)?;
        rewrite_quoted(packet, Ipv6Packet::HEADER_LEN, |quoted| {
            quoted.set_source(host.0.into(), Some(host.1))
        });
        self.stats.errors_translated = self.stats.errors_translated.wrapping_add(1);
        Ok(())
    }
}

/// An address that no packet comes from: multicast, broadcast, unspecified, loopback.
fn is_nobody(address: Ipv4Addr) -> bool {
    address.is_multicast()
        || address.is_broadcast()
        || address.is_unspecified()
        || address.is_loopback()
}
