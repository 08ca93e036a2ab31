//! Next-hop determination, and sending (RFC 4861 §5.2).

use super::interface::Interface;
use crate::neighbor::{NeighborCache, Resolution};
use core::hash::BuildHasher;
use core::net::Ipv6Addr;
use packet_buffer::wire::{Ipv6Packet, MacAddr};
use packet_buffer::{Instant, PacketBuf, ParseError};

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It can go at once, to this link-layer address; it is where it was.
    Now(MacAddr),
    /// The interface has taken it: it waits for an answer of its next hop, and comes out of
    /// [`Interface::poll_transmit`] or [`Interface::poll_unreachable`].
    Queued,
}

/// Why a packet cannot be sent. It is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is not an IPv6 packet.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The destination is not on the link, and no router is known.
    #[error("no route to the destination")]
    NoRoute,
    /// The neighbor cache is full of neighbors in use.
    #[error("no room for another neighbor")]
    NeighborsFull,
    /// Too many packets wait, or it is too long to wait.
    #[error("no room for another packet that waits for its neighbor")]
    QueueFull,
}

impl Interface {
    /// Next-hop determination (RFC 4861 §5.2): the neighbor to which packets for `destination` go
    /// first, a unicast address. `None` when no route leads there.
    pub fn next_hop(&mut self, now: Instant, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        if let Some(next_hop) = self.destinations.next_hop(destination) {
            return Some(next_hop);
        }
        self.find_next_hop(now, destination)
    }

    #[cold]
    fn find_next_hop(&mut self, now: Instant, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        let now = self.advance(now);
        let next_hop = if self.lists.is_on_link(destination) {
            destination
        } else {
            let neighbors = &self.neighbors;
            let is_reachable = |router| is_reachable(neighbors, router);
            let spread = self.spread_of(destination);
            let chosen = self.lists.choose(destination, spread, is_reachable)?;
            if chosen.taken.is_none() {
                // The choice is not remembered: the next packet tries another router.
                self.lists.next_turn();
                return Some(chosen.router);
            }
            let probe = self
                .lists
                .router_to_probe(now, destination, &chosen, is_reachable);
            if let Some(router) = probe {
                // RFC 4191 §3.5 SHOULD (probe): one solicitation; nothing waits for the answer.
                let _ = self.neighbors.resolve(now, router, None);
            }
            chosen.router
        };
        if self.destinations.insert(destination, next_hop) {
            self.stats.destinations_evicted += 1;
        }
        Some(next_hop)
    }

    /// The present first hop, without a trace.
    pub(super) fn first_hop(&self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        if let Some(next_hop) = self.destinations.peek(destination) {
            return Some(next_hop);
        }
        if self.lists.is_on_link(destination) {
            return Some(destination);
        }
        let is_reachable = |router| is_reachable(&self.neighbors, router);
        let spread = self.spread_of(destination);
        let chosen = self.lists.choose(destination, spread, is_reachable)?;
        Some(chosen.router)
    }

    fn spread_of(&self, destination: Ipv6Addr) -> Option<u64> {
        let spread = self.config.load_sharing;
        spread.then(|| self.spread.hash_one(destination))
    }

    /// Sends an IPv6 packet of this node. [`Sent::Now`] leaves it to the caller to put it on the
    /// link.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the packet is where it was.
    pub fn send(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<Sent, SendError> {
        let destination = Ipv6Packet::parse(packet.as_slice())?.destination();
        if destination.is_multicast() {
            return Ok(Sent::Now(MacAddr::for_ipv6_multicast(destination)));
        }
        let Some(next_hop) = self.next_hop(now, destination) else {
            self.stats.no_route += 1;
            return Err(SendError::NoRoute);
        };
        self.send_via(now, next_hop, packet)
    }

    /// Sends an IPv6 packet to a neighbor that the caller has chosen, as a router does.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the packet is where it was.
    pub fn send_via(
        &mut self,
        now: Instant,
        next_hop: Ipv6Addr,
        packet: &mut PacketBuf,
    ) -> Result<Sent, SendError> {
        let source = Ipv6Packet::parse(packet.as_slice())?.source();
        match self.neighbors.resolve(now, next_hop, Some(source)) {
            Resolution::Ready(link_address) => Ok(Sent::Now(link_address)),
            Resolution::Waiting => {
                let taken = core::mem::take(packet);
                match self.neighbors.enqueue(next_hop, taken) {
                    Ok(()) => Ok(Sent::Queued),
                    Err(refused) => {
                        *packet = refused;
                        Err(SendError::QueueFull)
                    }
                }
            }
            Resolution::Refused => {
                self.stats.neighbors_full += 1;
                Err(SendError::NeighborsFull)
            }
        }
    }
}

/// RFC 4861 §6.3.6: reachable, or probably so, is any state but INCOMPLETE.
fn is_reachable(neighbors: &NeighborCache<Ipv6Addr>, router: Ipv6Addr) -> bool {
    let neighbor = neighbors.get(router);
    neighbor.is_some_and(|neighbor| neighbor.state().is_usable())
}
