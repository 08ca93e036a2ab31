//! What an interface sends.

use super::config::Role;
use super::interface::Interface;
use super::send::{SendError, Sent};
use super::{ALL_NODES, ALL_ROUTERS};
use crate::address::{AddressState, DadSolicitation, solicited_node};
use crate::neighbor::Output;
use crate::wire::{NdOptionRepr, NdRepr, NeighborAdvertisementRepr};
use core::net::Ipv6Addr;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf};

/// A Neighbor Advertisement to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Advertisement {
    pub(super) target: Ipv6Addr,
    /// Who has asked; all nodes, for one that was not asked for or by nobody who can be named.
    pub(super) destination: Ipv6Addr,
    /// Where that is.
    pub(super) link_destination: MacAddr,
    pub(super) solicited: bool,
    pub(super) overrides: bool,
}

impl Advertisement {
    pub(super) const fn unsolicited(target: Ipv6Addr, overrides: bool) -> Self {
        Self {
            target,
            destination: ALL_NODES,
            link_destination: MacAddr::for_ipv6_multicast(ALL_NODES),
            solicited: false,
            overrides,
        }
    }
}

impl Interface {
    /// Writes the next IPv6 packet to send in front of what `out` holds, which is nothing or padding,
    /// and says to which link-layer address it goes. A packet that waited comes in a buffer of its
    /// own, which takes the place of `out`.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<MacAddr> {
        // RFC 4862 §5.4.2 MUST (join): the groups are joined before the solicitation is sent.
        if let Some(link_destination) = self.listener.poll_transmit(out) {
            return Some(link_destination);
        }
        while let Some(solicitation) = self.addresses.poll_transmit() {
            if self.write_dad_solicitation(&solicitation, out) {
                return Some(MacAddr::for_ipv6_multicast(solicitation.destination));
            }
        }
        while let Some(advertisement) = self.advertisements.pop_front() {
            if self.write_advertisement(&advertisement, out) {
                return Some(advertisement.link_destination);
            }
        }
        while let Some(output) = self.neighbors.poll_output() {
            match output {
                Output::Packet {
                    link_destination,
                    packet,
                    ..
                } => {
                    *out = packet;
                    return Some(link_destination);
                }
                Output::Solicit {
                    target,
                    link_destination,
                    source,
                } => {
                    if self.write_solicitation(target, link_destination.is_none(), source, out) {
                        let group = || MacAddr::for_ipv6_multicast(solicited_node(target));
                        return Some(link_destination.unwrap_or_else(group));
                    }
                }
            }
        }
        if core::mem::take(&mut self.solicitor.pending) && self.write_router_solicitation(out) {
            return Some(MacAddr::for_ipv6_multicast(ALL_ROUTERS));
        }
        None
    }

    /// A packet that waited for a neighbor that did not answer, for its sender to be told: "address
    /// unreachable" (RFC 4443 §3.1), if it may be told.
    pub fn poll_unreachable(&mut self) -> Option<PacketBuf> {
        let (_, packet) = self.neighbors.poll_unreachable()?;
        Some(packet)
    }

    fn write_dad_solicitation(&mut self, it: &DadSolicitation, out: &mut PacketBuf) -> bool {
        let message = NdRepr::NeighborSolicitation { target: it.target };
        let nonce = it
            .nonce
            .map(|nonce| [NdOptionRepr::Nonce(nonce.to_vec().into())]);
        let options = nonce.as_ref().map_or(&[][..], |options| &options[..]);
        // RFC 4862 §5.4.2 MUST: the source is the unspecified address.
        let source = Ipv6Addr::UNSPECIFIED;
        let written = message.emit_packet(options, out, source, it.destination);
        self.stats.neighbor_solicitations_sent += u64::from(written.is_ok());
        written.is_ok()
    }

    fn write_solicitation(
        &mut self,
        target: Ipv6Addr,
        multicast: bool,
        source: Option<Ipv6Addr>,
        out: &mut PacketBuf,
    ) -> bool {
        // RFC 4861 §7.2.2 SHOULD (source): the source of the packet that prompted it, when that is an
        // address of the interface.
        // RFC 4429 §3.2: an optimistic address asks nobody.
        let assigned = |address: &Ipv6Addr| {
            let entry = self.addresses.get(*address);
            entry.is_some_and(|it| {
                it.is_usable() && !it.is_anycast() && it.state() != AddressState::Optimistic
            })
        };
        let source = source
            .filter(assigned)
            .or_else(|| self.addresses.select_source(target, None).filter(assigned))
            .or_else(|| self.addresses.usable_link_local().filter(assigned));
        let Some(source) = source else {
            return false;
        };
        let destination = if multicast {
            solicited_node(target)
        } else {
            target
        };
        // RFC 4861 §7.2.2 MUST (slla): a multicast solicitation tells the sender's link-layer address.
        let options = [NdOptionRepr::SourceLinkLayerAddress(self.link_address())];
        let message = NdRepr::NeighborSolicitation { target };
        let written = message.emit_packet(&options, out, source, destination);
        self.stats.neighbor_solicitations_sent += u64::from(written.is_ok());
        written.is_ok()
    }

    fn write_advertisement(&mut self, it: &Advertisement, out: &mut PacketBuf) -> bool {
        // RFC 4861 §7.2.4 MUST (source): the source is the target, or, for an anycast or proxied
        // address, one of the interface.
        let own = self.addresses.get(it.target);
        let source = match own {
            Some(entry) if entry.is_usable() && !entry.is_anycast() => Some(it.target),
            // The address has gone meanwhile.
            None if !self.proxied.contains(&it.target) => None,
            _ => self.addresses.select_source(it.destination, None),
        };
        let Some(source) = source else {
            return false;
        };
        let message = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
            router: self.config.role == Role::Router,
            solicited: it.solicited,
            override_: it.overrides,
            target: it.target,
        });
        // RFC 4861 §7.2.4 MUST (tlla): the answer to a multicast solicitation tells the link-layer
        // address; it costs nothing to tell it always.
        let options = [NdOptionRepr::TargetLinkLayerAddress(self.link_address())];
        let written = message.emit_packet(&options, out, source, it.destination);
        self.stats.neighbor_advertisements_sent += u64::from(written.is_ok());
        written.is_ok()
    }

    fn write_router_solicitation(&mut self, out: &mut PacketBuf) -> bool {
        let assigned = |address: &Ipv6Addr| {
            let entry = self.addresses.get(*address);
            entry.is_some_and(|it| it.state() != AddressState::Optimistic)
        };
        let source = self.addresses.usable_link_local().filter(assigned);
        let options = [NdOptionRepr::SourceLinkLayerAddress(self.link_address())];
        // RFC 4861 §4.1 MUST (unspecified): without an address, the link-layer address is not told.
        let (source, options) = match source {
            Some(source) => (source, &options[..]),
            None => (Ipv6Addr::UNSPECIFIED, &[][..]),
        };
        let written = NdRepr::RouterSolicitation.emit_packet(options, out, source, ALL_ROUTERS);
        self.stats.router_solicitations_sent += u64::from(written.is_ok());
        written.is_ok()
    }

    /// Queues an advertisement; when it goes to a single node whose link-layer address is not known,
    /// that is asked for first.
    pub(super) fn send_advertisement(&mut self, now: Instant, mut it: Advertisement) {
        if it.destination.is_multicast() {
            it.link_destination = MacAddr::for_ipv6_multicast(it.destination);
            return self.queue_advertisement(it);
        }
        if let Some(link_address) = self
            .neighbors
            .get(it.destination)
            .and_then(|it| it.link_address())
        {
            // The check whether the neighbor is there takes its course as for any packet.
            let _ = self.neighbors.resolve(now, it.destination, Some(it.target));
            it.link_destination = link_address;
            return self.queue_advertisement(it);
        }
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        if !self.write_advertisement(&it, &mut packet) {
            return;
        }
        match self.send(now, &mut packet) {
            // It is known by now.
            Ok(Sent::Now(link_destination)) => {
                it.link_destination = link_destination;
                self.queue_advertisement(it);
            }
            Ok(Sent::Queued) => {}
            Err(SendError::NoRoute | _) => self.stats.advertisements_full += 1,
        }
    }

    pub(super) fn queue_advertisement(&mut self, advertisement: Advertisement) {
        if self.advertisements.len() >= self.config.limits.max_advertisements {
            self.stats.advertisements_full += 1;
        } else {
            self.advertisements.push_back(advertisement);
        }
    }

    /// Queues an advertisement for an anycast or proxied address, which waits for a random time.
    // RFC 4861 §7.2.7 SHOULD (delay): the answers of several nodes must not come at once.
    pub(super) fn delay_advertisement(&mut self, now: Instant, advertisement: Advertisement) {
        if self.delayed.len() >= self.config.limits.max_advertisements {
            self.stats.advertisements_full += 1;
            return;
        }
        // One microsecond at least: a deadline lies ahead.
        let at = now
            + self
                .anycast_delay()
                .max(core::time::Duration::from_micros(1));
        self.delayed_count = self.delayed_count.wrapping_add(1);
        let key = (at, self.delayed_count);
        self.delayed.insert(key, advertisement);
    }
}
