//! Forwarding, the errors that it brings about, and the way out.

use super::node::Router;
use super::node_config::{ForwardReason, RouterDiscard};
use super::redirect::RedirectContext;
use super::routes::RouteTarget;
use crate::generation::{Arrival, LinkDelivery};
use crate::nd::{SendError, Sent};
use crate::reception::Reason;
use core::net::Ipv6Addr;
use packet_buffer::wire::{EtherType, EthernetRepr, Icmpv6Repr, Ipv6Packet, MacAddr, icmpv6_code};
use packet_buffer::{IpPacketMut, PacketBuf};

impl Router {
    /// A packet for somebody else, whose headers are fine and whose hop limit is two at least.
    pub(super) fn forward(
        &mut self,
        port: usize,
        link: LinkDelivery,
        packet: &Ipv6Packet<'_>,
    ) -> Result<(), RouterDiscard> {
        let (source, destination) = (packet.source(), packet.destination());
        // Somebody else uses this router's address, or a packet of its own has come back.
        if self.is_own(source) {
            return Err(self.dropped(Reason::SourceMartian));
        }
        let unreachable = |code| Icmpv6Repr::DestinationUnreachable {
            code,
            quoted_words: 0,
        };
        let (way_out, next_hop) = match self.routes.lookup(destination) {
            Some(RouteTarget::OnLink { port }) => (port, destination),
            Some(RouteTarget::Via { port, gateway }) => (port, gateway),
            Some(RouteTarget::Discard) => {
                self.stats.rejected += 1;
                return Err(RouterDiscard::Discarded);
            }
            Some(target @ (RouteTarget::Reject | RouteTarget::Prohibit)) => {
                self.stats.rejected += 1;
                let code = if target == RouteTarget::Reject {
                    icmpv6_code::Unreachable::REJECT_ROUTE
                } else {
                    icmpv6_code::Unreachable::ADMINISTRATIVELY_PROHIBITED
                };
                let reason = ForwardReason::Rejected;
                return self.send_error(port, link, &unreachable(code), packet, reason);
            }
            // RFC 4443 §3.1 SHOULD (no-route): code 0 where no route leads to the destination.
            None => {
                self.stats.no_route += 1;
                let error = unreachable(icmpv6_code::Unreachable::NO_ROUTE);
                let reason = ForwardReason::NoRoute;
                return self.send_error(port, link, &error, packet, reason);
            }
        };
        // RFC 4443 §3.1 MUST (scope): code 2 where a packet would leave the zone of its source.
        // RFC 4291 §2.5.6 MUST (link-local): what is from a link-local address stays on its link.
        if source.is_unicast_link_local() && way_out != port {
            self.stats.beyond_scope += 1;
            let error = unreachable(icmpv6_code::Unreachable::BEYOND_SCOPE);
            let reason = ForwardReason::BeyondScope;
            return self.send_error(port, link, &error, packet, reason);
        }
        // RFC 4443 §3.2 MUST (send): a packet that is longer than the MTU of the outgoing link is reported
        // with that MTU. Routers do not fragment (RFC 8200 §5).
        let mtu = self.ports.get(way_out).map_or(0, |it| it.nd.link_mtu());
        let length = u32::try_from(packet.as_slice().len()).unwrap_or(u32::MAX);
        if length > mtu {
            self.stats.too_big += 1;
            let error = Icmpv6Repr::PacketTooBig { mtu };
            return self.send_error(port, link, &error, packet, ForwardReason::TooBig);
        }
        if way_out == port {
            self.redirect(port, packet, next_hop);
        }
        let headroom = PacketBuf::DEFAULT_HEADROOM;
        let mut copy = PacketBuf::from_slice(headroom, packet.as_slice());
        // RFC 8200 §3 MUST (decrement): each node that forwards takes one off the hop limit.
        if let Ok(mut copy) = IpPacketMut::parse(copy.as_mut_slice()) {
            let _left = copy.decrement_hop_limit();
        }
        self.transmit_via(way_out, next_hop, copy)?;
        self.stats.forwarded += 1;
        Ok(())
    }

    /// Tells the source of a packet of a better first hop, if there is one and the rate allows.
    fn redirect(&mut self, port: usize, packet: &Ipv6Packet<'_>, next_hop: Ipv6Addr) {
        let source = packet.source();
        let is_neighbor = source.is_unicast_link_local()
            || self.routes.lookup(source) == Some(RouteTarget::OnLink { port });
        let Some(attached) = self.ports.get_mut(port) else {
            return;
        };
        let (Some(redirector), Some(router)) = (
            attached.redirector.as_mut(),
            attached.nd.addresses().usable_link_local(),
        ) else {
            return;
        };
        let neighbor = attached.nd.neighbors().get(next_hop);
        let context = RedirectContext {
            same_link: true,
            source_is_neighbor: is_neighbor,
            next_hop,
            next_hop_link: neighbor.and_then(|it| it.link_address()),
            router,
        };
        let mut redirect = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        let decision = redirector.redirect(self.latest, packet.as_slice(), &context, &mut redirect);
        if decision.is_ok() {
            // A redirect that finds no room is lost, as any is.
            let _ = self.transmit_via(port, source, redirect);
        }
    }

    /// Answers a packet with an error, where that may be.
    pub(super) fn send_error(
        &mut self,
        port: usize,
        link: LinkDelivery,
        error: &Icmpv6Repr,
        packet: &Ipv6Packet<'_>,
        reason: ForwardReason,
    ) -> Result<(), RouterDiscard> {
        let (peer, asked) = (packet.source(), packet.destination());
        let arrival = Arrival {
            link,
            source_is_anycast: self.ports.iter().any(|it| it.nd.is_known_anycast(peer)),
            ..Arrival::UNICAST
        };
        let silent = |silence| RouterDiscard::Silent { reason, silence };
        let source = self.own_source(port, peer, asked);
        let mut out = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        self.generator
            .ipv6(
                self.latest,
                error,
                packet.as_slice(),
                &arrival,
                source,
                &mut out,
            )
            .map_err(silent)?;
        self.originate(port, peer, out)
    }

    /// The source of a packet of this router's to `peer`, about one from there to `asked`.
    // RFC 4443 §2.2 MUST (own): the address that was asked, where it is one of this node's.
    // RFC 4443 §2.2 MUST (other): else an address that belongs to the node.
    pub(super) fn own_source(&self, port: usize, peer: Ipv6Addr, asked: Ipv6Addr) -> Ipv6Addr {
        if !asked.is_multicast() && self.is_own(asked) {
            return asked;
        }
        let way_out = self.way_to(port, peer).map_or(port, |(way_out, _)| way_out);
        let stays = peer.is_unicast_link_local();
        let fits = |source: &Ipv6Addr| stays || !source.is_unicast_link_local();
        let of = |it: &super::node::Attached| it.nd.select_source(peer).filter(fits);
        let first = self.ports.get(way_out).and_then(of);
        first
            .or_else(|| self.ports.iter().find_map(of))
            .or_else(|| {
                let attached = self.ports.get(way_out)?;
                attached.nd.addresses().usable_link_local()
            })
            .unwrap_or(Ipv6Addr::UNSPECIFIED)
    }

    /// The interface and next hop for a packet of this router's own.
    pub(super) fn way_to(&self, port: usize, destination: Ipv6Addr) -> Option<(usize, Ipv6Addr)> {
        if destination.is_unicast_link_local() || destination.is_multicast() {
            return Some((port, destination));
        }
        match self.routes.lookup(destination)? {
            RouteTarget::OnLink { port } => Some((port, destination)),
            RouteTarget::Via { port, gateway } => Some((port, gateway)),
            _ => None,
        }
    }

    /// Sends a packet of this router's own, written already.
    pub(super) fn originate(
        &mut self,
        port: usize,
        destination: Ipv6Addr,
        packet: PacketBuf,
    ) -> Result<(), RouterDiscard> {
        let Some((way_out, next_hop)) = self.way_to(port, destination) else {
            self.stats.no_route += 1;
            return Err(RouterDiscard::Neighbor(SendError::NoRoute));
        };
        self.transmit_via(way_out, next_hop, packet)
    }

    /// Sends a packet to a neighbor.
    fn transmit_via(
        &mut self,
        port: usize,
        next_hop: Ipv6Addr,
        mut packet: PacketBuf,
    ) -> Result<(), RouterDiscard> {
        let attached = self.ports.get_mut(port).ok_or(RouterDiscard::NoPort)?;
        match attached.nd.send_via(self.latest, next_hop, &mut packet) {
            Ok(Sent::Now(link_destination)) => self.queue_frame(port, link_destination, packet),
            Ok(Sent::Queued) => Ok(()),
            Err(error) => {
                self.stats.neighbors_full += 1;
                Err(RouterDiscard::Neighbor(error))
            }
        }
    }

    fn queue_frame(
        &mut self,
        port: usize,
        link_destination: MacAddr,
        mut packet: PacketBuf,
    ) -> Result<(), RouterDiscard> {
        if self.queue.len() >= self.max_queue {
            self.stats.queue_full += 1;
            return Err(RouterDiscard::QueueFull);
        }
        if self.put_header(port, link_destination, &mut packet) {
            self.queue.push_back((port, packet));
        }
        Ok(())
    }

    pub(super) fn put_header(
        &self,
        port: usize,
        link_destination: MacAddr,
        packet: &mut PacketBuf,
    ) -> bool {
        let Some(own) = self.link_address(port) else {
            return false;
        };
        let header = EthernetRepr::new(link_destination, own, EtherType::IPV6);
        header.emit(packet).is_ok()
    }

    /// A packet that waited for a neighbor that did not answer.
    // RFC 4861 §7.2.2 MUST (unreachable): the source of each packet that waited is told.
    // RFC 4443 §3.1 SHOULD (address): code 3 where the next hop cannot be resolved.
    pub(super) fn tell_unreachable(&mut self, port: usize, packet: &PacketBuf) {
        self.stats.unreachable += 1;
        let Ok(packet) = Ipv6Packet::parse(packet.as_slice()) else {
            return;
        };
        if self.is_own(packet.source()) {
            return;
        }
        let error = Icmpv6Repr::DestinationUnreachable {
            code: icmpv6_code::Unreachable::ADDRESS,
            quoted_words: 0,
        };
        // What was forwarded came by unicast.
        let link = LinkDelivery::Unicast;
        let reason = ForwardReason::NoRoute;
        // The packet is counted already, and so is an error that is not sent.
        let _ = self.send_error(port, link, &error, &packet, reason);
    }
}
