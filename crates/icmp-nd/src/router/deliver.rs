//! Packets for the router itself: Neighbor Discovery, echo, reports of path MTUs, fragments.

use super::node::Router;
use super::node_config::{ForwardReason, RouterDiscard};
use crate::generation::LinkDelivery;
use crate::nd;
use crate::pmtu::{Confirmation, Path, Report};
use crate::validation::{self, NdLimits};
use crate::wire::{MldMessage, NdMessage};
use core::net::{IpAddr, Ipv6Addr};
use packet_buffer::PacketBuf;
use packet_buffer::fragment::{Ipv6Fragmenter, Reassembly};
use packet_buffer::wire::{
    Icmpv6Message, Icmpv6Repr, Icmpv6Type, IpPacket, IpProtocol, Ipv6Packet, Ipv6Repr,
    PseudoHeader, QuotedPacket, icmpv6_code,
};

impl Router {
    /// A fragment of a packet for this router.
    pub(super) fn reassemble(
        &mut self,
        port: usize,
        link: LinkDelivery,
        packet: &Ipv6Packet<'_>,
    ) -> Result<(), RouterDiscard> {
        let zone = u32::try_from(port).unwrap_or(u32::MAX);
        let mut whole = PacketBuf::new();
        let packet = IpPacket::V6(*packet);
        let result = self
            .reassembler
            .insert(self.latest, zone, &packet, &mut whole)
            .map_err(RouterDiscard::Fragment)?;
        if let Reassembly::Complete | Reassembly::Atomic = result {
            self.stats.reassembled += 1;
            // The fragment was taken, whatever the packet turns out to be.
            if self.receive(port, link, whole.as_slice(), true).is_err() {
                self.stats.discarded += 1;
            }
        }
        Ok(())
    }

    /// A packet for this router that carries `payload`; `whole` when it was put together from
    /// fragments.
    pub(super) fn deliver(
        &mut self,
        port: usize,
        link: LinkDelivery,
        packet: &Ipv6Packet<'_>,
        protocol: IpProtocol,
        payload: &[u8],
        whole: bool,
    ) -> Result<(), RouterDiscard> {
        if protocol != IpProtocol::ICMPV6 {
            // RFC 4443 §3.1 SHOULD (port): nobody listens here.
            let error = Icmpv6Repr::DestinationUnreachable {
                code: icmpv6_code::Unreachable::PORT,
                quoted_words: 0,
            };
            return self.send_error(port, link, &error, packet, ForwardReason::Port);
        }
        let pseudo_header = PseudoHeader::V6 {
            source: packet.source(),
            destination: packet.destination(),
        };
        let message = Icmpv6Message::parse(payload).map_err(|_| RouterDiscard::Icmpv6)?;
        let message_type = message.message_type();
        if NdMessage::is_type(message_type) || MldMessage::is_type(message_type) {
            if whole {
                // RFC 6980 §5 MUST: Neighbor Discovery in fragments is ignored.
                return Err(RouterDiscard::Icmpv6);
            }
            return self.neighbor_discovery(port, packet);
        }
        message
            .verify_checksum(&pseudo_header)
            .map_err(|_| RouterDiscard::Icmpv6)?;
        match message_type {
            Icmpv6Type::ECHO_REQUEST => self.echo(port, packet, &message),
            Icmpv6Type::PACKET_TOO_BIG => self.packet_too_big(port, packet, &message),
            // RFC 4443 §2.4 MUST (b): an informational message of an unknown type is dropped in silence.
            _ => Err(RouterDiscard::Icmpv6),
        }
    }

    /// Neighbor Discovery goes to all parts of the interface; it is refused when all refuse it. Listener
    /// queries are the interface's alone.
    fn neighbor_discovery(
        &mut self,
        port: usize,
        packet: &Ipv6Packet<'_>,
    ) -> Result<(), RouterDiscard> {
        let now = self.latest;
        let attached = self.ports.get_mut(port).ok_or(RouterDiscard::NoPort)?;
        let upper = packet.upper_layer().map_err(RouterDiscard::Frame)?;
        let result = attached.nd.handle_input(now, packet, &upper);
        let mut taken = result.is_ok();
        // What the interface found wrong is wrong for the others as well.
        let limits = NdLimits {
            options: attached.nd.config().limits.message.options,
        };
        if let Ok(valid) = validation::nd(packet, &upper, &limits)
            && !matches!(result, Err(nd::Discard::OwnSource | nd::Discard::Disabled))
        {
            if let Some(advertiser) = &mut attached.advertiser {
                taken |= advertiser.handle_input(now, &valid).is_ok();
            }
            if let (Err(nd::Discard::NotTarget(_)), Some(proxy)) = (&result, &mut attached.proxy) {
                taken |= proxy.handle_input(now, &valid).is_ok();
            }
        }
        match result {
            Err(discard) if !taken => Err(RouterDiscard::Nd(discard)),
            _ => {
                self.stats.delivered += 1;
                Ok(())
            }
        }
    }

    /// Answers an echo request.
    // RFC 4443 §4.2 MUST (reply): with the same identifier, sequence number and data.
    // RFC 4443 §4.2 MUST (source): from the address that was asked, or, to a group, from an address of
    // the interface.
    fn echo(
        &mut self,
        port: usize,
        packet: &Ipv6Packet<'_>,
        message: &Icmpv6Message<'_>,
    ) -> Result<(), RouterDiscard> {
        let Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number,
        } = message.to_repr()
        else {
            return Err(RouterDiscard::Icmpv6);
        };
        let peer = packet.source();
        let source = self.own_source(port, peer, packet.destination());
        if peer.is_unspecified() || source.is_unspecified() {
            return Err(RouterDiscard::Icmpv6);
        }
        let mut reply = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, message.payload());
        let header = Ipv6Repr::new(source, peer, IpProtocol::ICMPV6);
        let echo = Icmpv6Repr::EchoReply {
            identifier,
            sequence_number,
        };
        echo.emit(&mut reply, &header.pseudo_header())
            .and_then(|()| header.emit(&mut reply))
            .map_err(|_| RouterDiscard::Icmpv6)?;
        self.originate_fragmented(port, peer, reply)?;
        self.stats.delivered += 1;
        self.stats.echo_replies += 1;
        Ok(())
    }

    /// Sends a packet of this router's own in as many fragments as its path needs.
    fn originate_fragmented(
        &mut self,
        port: usize,
        peer: Ipv6Addr,
        packet: PacketBuf,
    ) -> Result<(), RouterDiscard> {
        let way_out = self.way_to(port, peer).map_or(port, |(way_out, _)| way_out);
        let link_mtu = self.ports.get(way_out).map_or(1280, |it| it.nd.link_mtu());
        let path = path_to(peer, way_out);
        let mtu = self.path_mtus.lookup(&path, link_mtu).mtu;
        let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
        if packet.len() <= mtu {
            return self.originate(port, peer, packet);
        }
        let parsed = Ipv6Packet::parse(packet.as_slice()).map_err(RouterDiscard::Frame)?;
        let identification = self.identifications.next(parsed.source(), peer);
        let mut fragments =
            Ipv6Fragmenter::new(&parsed, mtu, identification).map_err(|_| RouterDiscard::Icmpv6)?;
        let mut fragment = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        while fragments.next_fragment(&mut fragment) {
            let copy = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, fragment.as_slice());
            self.originate(port, peer, copy)?;
        }
        Ok(())
    }

    /// A router tells that one of this router's own packets was too big.
    fn packet_too_big(
        &mut self,
        port: usize,
        packet: &Ipv6Packet<'_>,
        message: &Icmpv6Message<'_>,
    ) -> Result<(), RouterDiscard> {
        let receiver = IpAddr::V6(packet.destination());
        let report = Report::from_icmpv6(message, receiver, 0);
        let (report, quoted) = report.map_err(|discard| {
            self.path_mtus.count_discard(&discard);
            RouterDiscard::Icmpv6
        })?;
        let IpAddr::V6(peer) = quoted.destination() else {
            return Err(RouterDiscard::Icmpv6);
        };
        let confirmation = if self.may_have_sent(&quoted) {
            Confirmation::Unverified
        } else {
            Confirmation::Refused
        };
        let way_out = self.way_to(port, peer).map_or(port, |(way_out, _)| way_out);
        let link_mtu = self.ports.get(way_out).map_or(1280, |it| it.nd.link_mtu());
        let report = Report {
            path: path_to(peer, way_out),
            ..report
        };
        self.path_mtus
            .handle_report(self.latest, &report, link_mtu, confirmation)
            .map_err(|_| RouterDiscard::Icmpv6)?;
        self.stats.delivered += 1;
        Ok(())
    }

    /// Whether this router sends such packets: of long ones, only echo replies.
    fn may_have_sent(&self, quoted: &QuotedPacket<'_>) -> bool {
        let IpAddr::V6(source) = quoted.source() else {
            return false;
        };
        let is_reply = quoted.protocol() == Some(IpProtocol::ICMPV6)
            && quoted
                .transport()
                .first()
                .is_none_or(|&kind| kind == Icmpv6Type::ECHO_REPLY.0);
        is_reply && self.is_own(source)
    }
}

/// Link-local destinations have a path for each interface.
fn path_to(peer: Ipv6Addr, way_out: usize) -> Path {
    let path = Path::to(peer.into());
    if peer.is_unicast_link_local() {
        path.in_zone(u32::try_from(way_out).unwrap_or(u32::MAX))
    } else {
        path
    }
}
