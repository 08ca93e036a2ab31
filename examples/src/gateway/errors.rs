//! What senders are told of packets that do not go on.

use super::{Gateway, Interface, Transit};
use core::net::IpAddr;
use icmp_nd::generation::Arrival;
use nat::Side;
use packet_buffer::wire::{Icmpv4Repr, Icmpv6Repr, IpPacket, icmpv4_code, icmpv6_code};
use packet_buffer::{Instant, PacketBuf};

/// What a sender is told.
#[derive(Clone, Copy)]
pub(super) enum Problem {
    NoRoute,
    /// Nobody answers for the next hop's address.
    NoNeighbor,
    HopLimit,
    TooBig(usize),
}

impl Problem {
    fn messages(self) -> (Icmpv4Repr, Icmpv6Repr) {
        let unreachable = |code, mtu: usize| Icmpv4Repr::DestinationUnreachable {
            code,
            quoted_words: 0,
            next_hop_mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
        };
        let unreachable6 = |code| Icmpv6Repr::DestinationUnreachable {
            code,
            quoted_words: 0,
        };
        match self {
            Self::NoRoute => (
                unreachable(icmpv4_code::Unreachable::NETWORK, 0),
                unreachable6(icmpv6_code::Unreachable::NO_ROUTE),
            ),
            // RFC 1812 §5.2.7.1 asks for code 1, RFC 4443 §3.1 for code 3.
            Self::NoNeighbor => (
                unreachable(icmpv4_code::Unreachable::HOST, 0),
                unreachable6(icmpv6_code::Unreachable::ADDRESS),
            ),
            Self::HopLimit => (
                Icmpv4Repr::TimeExceeded {
                    code: icmpv4_code::TimeExceeded::TRANSIT,
                    quoted_words: 0,
                },
                Icmpv6Repr::TimeExceeded {
                    code: icmpv6_code::TimeExceeded::TRANSIT,
                    quoted_words: 0,
                },
            ),
            Self::TooBig(mtu) => (
                unreachable(icmpv4_code::Unreachable::FRAGMENTATION_NEEDED, mtu),
                Icmpv6Repr::PacketTooBig {
                    mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
                },
            ),
        }
    }
}

impl Gateway {
    /// Tells the sender of a packet, quoting it as it came in.
    pub(super) fn error(&mut self, now: Instant, transit: &Transit, problem: Problem) {
        let octets = transit.original.as_slice();
        let Ok(sender) = IpPacket::parse(octets).map(|ip| ip.source()) else {
            return;
        };
        let back = self.way_back(transit.ingress, sender);
        let error = self
            .address_at(back, sender.is_ipv6())
            .and_then(|source| self.error_about(now, octets, problem, source));
        if let Some(error) = error {
            self.push(back, error);
        }
    }

    /// A packet that has been sent by an interface, where nobody answered for its next hop's address: its sender is
    /// told (RFC 1812 §5.2.7.1, RFC 4861 §7.2.2), unless that is the router itself. Whether that was done.
    ///
    /// The packet is as it went out, so that the translator of IPv4 changes what is told about it as well. Of packets
    /// that NAT64 or NPTv6 has changed, nobody is told.
    pub fn neighbor_unreachable(&mut self, now: Instant, egress: usize, octets: &[u8]) -> bool {
        let Ok(ip) = IpPacket::parse(octets) else {
            return false;
        };
        let (source, destination) = (ip.source(), ip.destination());
        let is_translated = self.is_outside(egress) && self.is_pooled(source);
        let is_nobodys = self.is_own(source) || self.is_pooled(source) || self.is_changed(source);
        if is_nobodys && !is_translated {
            return false;
        }
        let mut back = self.way_back(egress, source);
        let near = if is_translated {
            // Who has sent it is inside.
            let interfaces = &self.config.interfaces;
            interfaces.iter().position(|it| it.side == Side::Inside)
        } else {
            Some(back)
        };
        let error = near
            .and_then(|near| self.address_at(near, source.is_ipv6()))
            .and_then(|own| self.error_about(now, octets, Problem::NoNeighbor, own));
        let Some(mut error) = error else {
            return false;
        };
        // As an error from outside, or from inside, would be that another router sends.
        let from = if is_translated {
            Some(Side::Outside)
        } else {
            let crosses = self.is_outside(back) && !self.is_outside(egress);
            (crosses && destination.is_ipv4()).then_some(Side::Inside)
        };
        if let (Some(from), Some(nat)) = (from, &mut self.nat) {
            if !matches!(
                nat.process(now, from, &mut error),
                nat::Verdict::Forward { .. }
            ) {
                return false;
            }
            let sender = IpPacket::parse(error.as_slice()).map(|ip| ip.destination());
            match sender.ok().and_then(|sender| self.interface_to(sender)) {
                Some(interface) => back = interface,
                None => return false,
            }
        }
        self.push(back, error);
        true
    }

    /// The interface by which a sender is told: which way leads back to it, is the routes' to say. Its packet may have
    /// come by another.
    fn way_back(&self, near: usize, sender: IpAddr) -> usize {
        let is_on_link = match sender {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        let routed = (!is_on_link).then(|| self.interface_to(sender)).flatten();
        routed.unwrap_or(near)
    }

    /// The gateway's address for errors that go by an interface.
    // RFC 1812 §4.3.2.4: one of the interface by which they go, where that has any.
    fn address_at(&self, interface: usize, wants_v6: bool) -> Option<IpAddr> {
        let own = |interface: &Interface| {
            let mut addresses = interface.addresses.iter();
            addresses
                .find(|address| address.is_ipv6() == wants_v6)
                .copied()
        };
        let interfaces = &self.config.interfaces;
        interfaces
            .get(interface)
            .and_then(own)
            .or_else(|| interfaces.iter().find_map(own))
    }

    /// An error about a packet, where one may be sent.
    fn error_about(
        &mut self,
        now: Instant,
        octets: &[u8],
        problem: Problem,
        source: IpAddr,
    ) -> Option<PacketBuf> {
        let arrival = Arrival::UNICAST;
        let mut out = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        let (error, error6) = problem.messages();
        let written = match source {
            IpAddr::V4(source) => self
                .errors
                .ipv4(now, &error, octets, &arrival, source, &mut out),
            IpAddr::V6(source) => self
                .errors
                .ipv6(now, &error6, octets, &arrival, source, &mut out),
        };
        written.is_ok().then_some(out)
    }
}

#[cfg(test)]
mod tests;
