//! What a host makes of ICMP and ICMPv6 messages.

use super::echo::reply_options;
use super::machine::Host;
use super::receive::Way;
use super::report::{Discard, Event};
use crate::pmtu::{Confirmation, Report};
use crate::wire::{IcmpTimestamp, Icmpv4Query, TimestampFields};
use core::net::{IpAddr, Ipv4Addr};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type, IpPacket,
    IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
};
use packet_buffer::{EmitError, Instant, PacketBuf};

impl Host {
    pub(super) fn receive_icmpv4(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        way: &Way,
    ) -> Result<(), Discard> {
        let message = Icmpv4Message::parse(ip.payload())?;
        message.verify_checksum()?;
        let message_type = message.message_type();
        match message.to_repr() {
            Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            } => {
                let reply = Icmpv4Repr::EchoReply {
                    identifier,
                    sequence_number,
                };
                self.answer_echo(now, ip, &message, &reply)
            }
            Icmpv4Repr::Redirect { gateway, .. } => {
                self.icmpv4_redirect(now, ip, &message, gateway)
            }
            _ if message_type == Icmpv4Type::TIMESTAMP_REQUEST => {
                self.answer_timestamp(now, ip, &message)
            }
            _ if message_type == Icmpv4Type::EXTENDED_ECHO_REQUEST => {
                self.answer_extended_echo(now, &IpPacket::V4(*ip), way)
            }
            // RFC 1122 §3.2.2.9 MUST NOT (mask): a host that is no authority does not tell masks.
            // RFC 6918 §2.1: nor does any host answer the other obsolete questions.
            _ if matches!(
                message_type,
                Icmpv4Type::ADDRESS_MASK_REQUEST | Icmpv4Type::INFORMATION_REQUEST
            ) =>
            {
                Err(Discard::NotAnswered(message_type.0))
            }
            // RFC 6633 §3 MUST (quench): a Source Quench is silently discarded.
            _ if message_type == Icmpv4Type::SOURCE_QUENCH => {
                Err(Discard::NotAnswered(message_type.0))
            }
            _ if message_type.is_error() => self.icmpv4_error(now, ip, &message, way),
            Icmpv4Repr::EchoReply { .. } => self.hand_up_icmpv4(ip, way),
            // RFC 1122 §3.2.2 MUST (unknown): an ICMP message of an unknown type is silently discarded; what
            // answers questions of the caller's goes up.
            _ if is_answer(message_type) => self.hand_up_icmpv4(ip, way),
            _ => Err(Discard::NotAnswered(message_type.0)),
        }
    }

    fn hand_up_icmpv4(&mut self, ip: &Ipv4Packet<'_>, way: &Way) -> Result<(), Discard> {
        self.hand_up(&IpPacket::V4(*ip), IpProtocol::ICMP, ip.header_len(), way)
    }

    /// RFC 1122 §3.2.2.6.
    fn answer_echo(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        message: &Icmpv4Message<'_>,
        reply: &Icmpv4Repr,
    ) -> Result<(), Discard> {
        let is_own = self.arp.is_assigned(ip.destination());
        // RFC 1122 §3.2.2.6 MAY (broadcast): a request to a broadcast or multicast address is discarded.
        if !self.config.answer_echo || !is_own && !self.config.answer_broadcast_echo {
            return Err(Discard::EchoOff);
        }
        let mut packet = self.take_buffer();
        // RFC 1122 §3.2.2.6 MUST (data): all data of the request comes back.
        packet.append_slice(message.payload());
        let written = reply.emit(&mut packet);
        self.answer_ipv4(now, ip, packet, written)?;
        self.stats.echo_replies += 1;
        Ok(())
    }

    /// RFC 1122 §3.2.2.8.
    fn answer_timestamp(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        message: &Icmpv4Message<'_>,
    ) -> Result<(), Discard> {
        let is_own = self.arp.is_assigned(ip.destination());
        // RFC 1122 §3.2.2.8 MAY (broadcast): a request to a broadcast or multicast address is discarded.
        if !self.config.answer_timestamp || !is_own {
            return Err(Discard::NotAnswered(Icmpv4Type::TIMESTAMP_REQUEST.0));
        }
        let Icmpv4Query::TimestampRequest(request) = Icmpv4Query::parse(message)? else {
            return Err(Discard::NotAnswered(Icmpv4Type::TIMESTAMP_REQUEST.0));
        };
        let time = IcmpTimestamp(self.timestamp(now));
        let mut packet = self.take_buffer();
        let reply = Icmpv4Query::TimestampReply(TimestampFields {
            receive: time,
            transmit: time,
            ..request
        });
        let written = reply.emit(&mut packet);
        self.answer_ipv4(now, ip, packet, written)?;
        self.stats.timestamp_replies += 1;
        Ok(())
    }

    /// Milliseconds since midnight UT; or since the epoch of the caller's clock, with the high bit
    /// set, as RFC 792 marks times that are not standard.
    pub(super) fn timestamp(&self, now: Instant) -> u32 {
        const DAY: u64 = 86_400_000;
        const NOT_STANDARD: u32 = 1 << 31;
        let millis = match self.time_of_day {
            Some((at, millis)) => {
                let passed = (now - at).as_millis() % u128::from(DAY);
                let passed = u64::try_from(passed).unwrap_or(0);
                (u64::from(millis) + passed) % DAY
            }
            None => now.as_millis() % DAY,
        };
        let millis = u32::try_from(millis).unwrap_or(0);
        match self.time_of_day {
            Some(_) => millis,
            None => millis | NOT_STANDARD,
        }
    }

    /// Sends an ICMP message back to where a request came from.
    fn answer_ipv4(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        mut packet: PacketBuf,
        written: Result<(), EmitError>,
    ) -> Result<(), Discard> {
        // RFC 1122 §3.2.2.6 MUST (source): the reply's source is the destination of the request, or, when
        // that is a group, an address of the interface.
        let source = if self.arp.is_assigned(ip.destination()) {
            Some(IpAddr::V4(ip.destination()))
        } else {
            self.select_source(ip.source().into())
        };
        let Some(IpAddr::V4(source)) = source else {
            self.give_back(packet);
            return Err(Discard::NoAnswer);
        };
        let time = self.timestamp(now);
        let (options, destination) = reply_options(&ip.options(), ip.source(), source, time);
        let repr = Ipv4Repr {
            time_to_live: self.config.ipv4_time_to_live,
            dscp: ip.dscp(),
            dont_fragment: false,
            options,
            ..Ipv4Repr::new(source, destination, IpProtocol::ICMP)
        };
        let written = written.and_then(|()| repr.emit(&mut packet));
        self.finish_answer(now, packet, written)
    }

    fn finish_answer(
        &mut self,
        now: Instant,
        mut packet: PacketBuf,
        written: Result<(), EmitError>,
    ) -> Result<(), Discard> {
        let sent = written.is_ok() && self.transmit(now, &mut packet, false).is_ok();
        self.give_back(packet);
        if sent { Ok(()) } else { Err(Discard::NoAnswer) }
    }

    /// RFC 1122 §3.2.2.2.
    fn icmpv4_redirect(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        message: &Icmpv4Message<'_>,
        gateway: Ipv4Addr,
    ) -> Result<(), Discard> {
        let refused = Discard::Redirect(gateway);
        let Some(Ok(quoted)) = message.quoted_packet() else {
            return Err(Discard::ForeignQuote);
        };
        let IpAddr::V4(destination) = quoted.destination() else {
            return Err(Discard::ForeignQuote);
        };
        if !self.is_own(quoted.source()) {
            return Err(Discard::ForeignQuote);
        }
        let first_hop = self.routes.first_hop(now, destination, &self.arp);
        // RFC 1122 §3.2.2.2 SHOULD (same-net): the new gateway is on the network that the redirect came from.
        // RFC 1122 §3.2.2.2 SHOULD (source): and the sender is the present first hop.
        let obeyed = self.config.accept_redirects
            && first_hop == Some(ip.source())
            && self.arp.is_on_link(gateway)
            && !self.arp.is_broadcast(gateway)
            && !self.is_own(gateway.into())
            && self.routes.destinations.redirect(destination, gateway);
        if !obeyed {
            return Err(refused);
        }
        // RFC 1122 §3.2.2.2 MUST: the routing information for the destination is updated.
        self.stats.redirects += 1;
        self.push_event(Event::Redirected {
            destination,
            gateway,
        });
        Ok(())
    }

    fn icmpv4_error(
        &mut self,
        now: Instant,
        ip: &Ipv4Packet<'_>,
        message: &Icmpv4Message<'_>,
        way: &Way,
    ) -> Result<(), Discard> {
        let Some(Ok(quoted)) = message.quoted_packet() else {
            return Err(Discard::ForeignQuote);
        };
        // RFC 5927 §4 SHOULD: an error that quotes somebody else's packet is ignored.
        if !self.is_own(quoted.source()) {
            return Err(Discard::ForeignQuote);
        }
        if let Ok((report, quoted)) = Report::from_icmpv4(message, ip.destination().into(), 0) {
            let confirmation = self.confirmation(quoted.destination());
            let mtu = self.config.ipv4_mtu;
            self.path_mtu
                .handle_report(now, &report, mtu, confirmation)?;
        }
        // RFC 1122 §3.2.2.1 MUST (report): an error goes up to the transport layer.
        self.hand_up_icmpv4(ip, way)
    }

    /// Whether packets were sent to a destination lately; whether they were of a flow that is alive
    /// only its transport could say.
    fn confirmation(&self, destination: IpAddr) -> Confirmation {
        let known = match destination {
            IpAddr::V4(destination) => self.routes.destinations.contains(destination),
            IpAddr::V6(destination) => self.nd.is_known_destination(destination),
        };
        if known {
            Confirmation::Unverified
        } else {
            Confirmation::Refused
        }
    }

    pub(super) fn icmpv6(
        &mut self,
        now: Instant,
        ip: &Ipv6Packet<'_>,
        message: &Icmpv6Message<'_>,
        offset: usize,
        way: &Way,
    ) -> Result<(), Discard> {
        let message_type = message.message_type();
        match message.to_repr() {
            Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } => {
                let reply = Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                };
                self.answer_icmpv6_echo(now, ip, message, &reply)
            }
            Icmpv6Repr::EchoReply { .. } => {
                self.hand_up(&IpPacket::V6(*ip), IpProtocol::ICMPV6, offset, way)
            }
            // RFC 4443 §2.4 MUST (unknown-error): an error of an unknown type goes up as well.
            _ if message_type.is_error() => self.icmpv6_error(now, ip, message, offset, way),
            _ if message_type == Icmpv6Type::EXTENDED_ECHO_REPLY => {
                self.hand_up(&IpPacket::V6(*ip), IpProtocol::ICMPV6, offset, way)
            }
            _ if message_type == Icmpv6Type::EXTENDED_ECHO_REQUEST => {
                self.answer_extended_echo(now, &IpPacket::V6(*ip), way)
            }
            // RFC 4443 §2.4 MUST (unknown-information): other messages of unknown types are dropped.
            _ => Err(Discard::NotAnswered(message_type.0)),
        }
    }

    /// RFC 4443 §4.2.
    fn answer_icmpv6_echo(
        &mut self,
        now: Instant,
        ip: &Ipv6Packet<'_>,
        message: &Icmpv6Message<'_>,
        reply: &Icmpv6Repr,
    ) -> Result<(), Discard> {
        let to_group = ip.destination().is_multicast();
        if !self.config.answer_echo || to_group && !self.config.answer_multicast_echo {
            return Err(Discard::EchoOff);
        }
        if ip.source().is_unspecified() {
            return Err(Discard::NoAnswer);
        }
        // RFC 4443 §4.2 MUST (source): the address that was asked; for a group or an anycast address, a
        // unicast address of the interface.
        let source = self.answering_ipv6(ip.destination(), ip.source());
        let source = source.ok_or(Discard::NoAnswer)?;
        let repr = Ipv6Repr {
            hop_limit: self.nd.hop_limit(),
            dscp: ip.dscp(),
            flow_label: 0,
            ..Ipv6Repr::new(source, ip.source(), IpProtocol::ICMPV6)
        };
        let mut packet = self.take_buffer();
        // RFC 4443 §4.2 MUST (data): the data of the request comes back entirely and unmodified.
        packet.append_slice(message.payload());
        let written = reply
            .emit(&mut packet, &repr.pseudo_header())
            .and_then(|()| repr.emit(&mut packet));
        self.finish_answer(now, packet, written)?;
        self.stats.echo_replies += 1;
        Ok(())
    }

    fn icmpv6_error(
        &mut self,
        now: Instant,
        ip: &Ipv6Packet<'_>,
        message: &Icmpv6Message<'_>,
        offset: usize,
        way: &Way,
    ) -> Result<(), Discard> {
        let Some(Ok(quoted)) = message.quoted_packet() else {
            return Err(Discard::ForeignQuote);
        };
        if !self.is_own(quoted.source()) {
            return Err(Discard::ForeignQuote);
        }
        if message.message_type() == Icmpv6Type::PACKET_TOO_BIG {
            // The error may go to another address of this host than the quoted packet came from, only in
            // forgeries.
            let (report, quoted) = Report::from_icmpv6(message, ip.destination().into(), 0)?;
            let confirmation = self.confirmation(quoted.destination());
            let mtu = self.nd.link_mtu();
            self.path_mtu
                .handle_report(now, &report, mtu, confirmation)?;
        }
        self.hand_up(&IpPacket::V6(*ip), IpProtocol::ICMPV6, offset, way)
    }
}

/// Whether a message answers a question that a prober can have asked.
fn is_answer(message_type: Icmpv4Type) -> bool {
    matches!(
        message_type,
        Icmpv4Type::TIMESTAMP_REPLY
            | Icmpv4Type::ADDRESS_MASK_REPLY
            | Icmpv4Type::INFORMATION_REPLY
            | Icmpv4Type::EXTENDED_ECHO_REPLY
            | Icmpv4Type::ROUTER_ADVERTISEMENT
    )
}
