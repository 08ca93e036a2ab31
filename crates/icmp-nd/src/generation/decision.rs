//! Whether an error may be sent about a packet: pure functions of the packet and how it arrived.

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv4Type, Icmpv6Repr, Icmpv6Type, IpProtocol, QuotedIpv4, QuotedIpv6, icmpv6_code,
};
use packet_buffer::{EmitError, ParseError};
use thiserror::Error;

/// To whom the link layer delivered a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LinkDelivery {
    /// To this node alone.
    #[default]
    Unicast,
    /// To a group.
    Multicast,
    /// To all.
    Broadcast,
}

/// How the offending packet arrived: what its octets alone do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Arrival {
    /// To whom the link layer delivered it.
    pub link: LinkDelivery,
    /// Whether the IPv4 destination is a broadcast address of an attached network. The limited
    /// broadcast 255.255.255.255 is known without.
    pub ip_broadcast: bool,
    /// Whether the IPv4 source is a broadcast address of an attached network.
    pub source_is_broadcast: bool,
    /// Whether the IPv6 source is known to be an anycast address.
    pub source_is_anycast: bool,
    /// Whether the packet came from this node itself, over the loopback interface: only then may a
    /// loopback address be its source.
    pub loopback: bool,
}

impl Arrival {
    /// By unicast, between addresses of single nodes.
    pub const UNICAST: Self = Self {
        link: LinkDelivery::Unicast,
        ip_broadcast: false,
        source_is_broadcast: false,
        source_is_anycast: false,
        loopback: false,
    };
}

/// Why no error is sent. Nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Silence {
    /// The message that was asked for is not one of the errors of the IP version.
    #[error("the message is not an ICMP error")]
    NotAnError,
    /// The offending packet does not have a whole IP header.
    #[error("the offending packet cannot be read: {0}")]
    Unreadable(ParseError),
    /// The offending packet is an ICMP error itself, or an ICMPv6 redirect.
    #[error("the offending packet is an ICMP error or a redirect")]
    AboutError,
    /// The offending packet is ICMP, and its type is cut off: it could be an error.
    #[error("the type of the offending ICMP message is not there")]
    UnknownIcmpType,
    /// The offending packet is a fragment that is not the first.
    #[error("the offending packet is not the first fragment")]
    LaterFragment,
    /// The offending packet came as a broadcast of the link layer.
    #[error("the offending packet came as a link-layer broadcast")]
    LinkBroadcast,
    /// The offending packet came as a multicast of the link layer.
    #[error("the offending packet came as a link-layer multicast")]
    LinkMulticast,
    /// The offending packet went to an IPv4 broadcast address.
    #[error("the offending packet went to a broadcast address")]
    BroadcastDestination,
    /// The offending packet went to a multicast address.
    #[error("the offending packet went to a multicast address")]
    MulticastDestination,
    /// The source of the offending packet does not name a single node.
    #[error("the source of the offending packet does not name a single node")]
    AmbiguousSource,
    /// The destination of the error has had its share of errors for now.
    #[error("the destination has had its share of errors")]
    DestinationLimited,
    /// All destinations together have had their share of errors for now.
    #[error("all destinations together have had their share of errors")]
    GlobalLimited,
    /// The error packet cannot be written.
    #[error("the error cannot be written: {0}")]
    Emit(EmitError),
}

/// Whether an ICMPv4 error may be sent about `packet`, an IPv4 packet as it was received: header
/// first, and possibly cut.
///
/// The checks come in this order: the packet's source, its destination, the link's delivery, the
/// fragment, the message.
///
/// # Errors
///
/// Why it may not.
// RFC 1812 §4.3.2.7 MUST NOT (precedence): these restrictions go before any other requirement for
// sending an error, so they are asked in one place.
pub fn ipv4_error_permitted(packet: &[u8], arrival: &Arrival) -> Result<(), Silence> {
    let packet = QuotedIpv4::parse(packet).map_err(Silence::Unreadable)?;
    // RFC 1122 §3.2.2 MUST NOT (source): zero, loopback, broadcast, multicast and class E addresses
    // do not define a single host.
    // RFC 1812 §4.3.2.7 MUST NOT (source): nor does a network prefix of zero.
    if arrival.source_is_broadcast || !names_one_host(packet.source(), arrival.loopback) {
        return Err(Silence::AmbiguousSource);
    }
    // RFC 1122 §3.2.2 MUST NOT (destination): nothing about an IP broadcast or multicast.
    // RFC 1812 §4.3.2.7 MUST NOT (destination): the same.
    let destination = packet.destination();
    if destination.is_multicast() {
        return Err(Silence::MulticastDestination);
    }
    if destination.is_broadcast() || arrival.ip_broadcast {
        return Err(Silence::BroadcastDestination);
    }
    // RFC 1122 §3.2.2 MUST NOT (link-broadcast): nothing about a link-layer broadcast.
    // RFC 1812 §4.3.2.7 MUST NOT (link): nor about a link-layer multicast.
    link_permits(arrival.link)?;
    // RFC 1122 §3.2.2 MUST NOT (fragment): nothing about a fragment that is not the first.
    // RFC 1812 §4.3.2.7 MUST NOT (fragment): the same.
    if packet.fragment_offset() != 0 {
        return Err(Silence::LaterFragment);
    }
    // RFC 1122 §3.2.2 MUST NOT (error): nothing about an ICMP error.
    // RFC 1812 §4.3.2.7 MUST NOT (error): the same.
    if packet.protocol() == IpProtocol::ICMP {
        match packet.payload().first() {
            Some(&message_type) if Icmpv4Type(message_type).is_error() => {
                return Err(Silence::AboutError);
            }
            Some(_) => {}
            None => return Err(Silence::UnknownIcmpType),
        }
    }
    Ok(())
}

/// Whether the ICMPv6 `error` may be sent about `packet`, an IPv6 packet as it was received: fixed
/// header first, and possibly cut.
///
/// About fragments other than the first, errors may be sent (path MTU discovery depends on it).
///
/// # Errors
///
/// Why it may not.
pub fn ipv6_error_permitted(
    error: &Icmpv6Repr,
    packet: &[u8],
    arrival: &Arrival,
) -> Result<(), Silence> {
    let packet = QuotedIpv6::parse(packet).map_err(Silence::Unreadable)?;
    // RFC 4443 §2.4 MUST NOT (e.6): the source must identify a single node.
    let source = packet.source();
    if source.is_unspecified() || source.is_multicast() || arrival.source_is_anycast {
        return Err(Silence::AmbiguousSource);
    }
    if source == Ipv6Addr::LOCALHOST && !arrival.loopback {
        return Err(Silence::AmbiguousSource);
    }
    // RFC 4443 §2.4 MUST NOT (e.3): nothing about a packet to a multicast address. The exceptions
    // let path MTU discovery work for multicast, and options ask for it (RFC 8200 §4.2).
    // RFC 4443 §2.4 MUST NOT (e.4): nothing about a link-layer multicast, but for the same.
    // RFC 4443 §2.4 MUST NOT (e.5): nothing about a link-layer broadcast, but for the same.
    if !is_answered_for_multicast(error) {
        if packet.destination().is_multicast() {
            return Err(Silence::MulticastDestination);
        }
        link_permits(arrival.link)?;
    }
    // RFC 4443 §2.4 MUST NOT (e.1): nothing about an ICMPv6 error.
    // RFC 4443 §2.4 MUST NOT (e.2): nothing about a redirect.
    let (protocol, octets) = match packet.upper_layer() {
        Some(upper) if upper.is_start() => (upper.protocol, upper.payload),
        // A later fragment, or a chain that cannot be read: it cannot hold a well-formed error.
        Some(_) => return Ok(()),
        None => return unreadable_chain(&packet),
    };
    if protocol == IpProtocol::ICMPV6 {
        match octets.first().map(|&octet| Icmpv6Type(octet)) {
            Some(kind) if kind.is_error() || kind == Icmpv6Type::REDIRECT => {
                return Err(Silence::AboutError);
            }
            Some(_) => {}
            None => return Err(Silence::UnknownIcmpType),
        }
    }
    Ok(())
}

/// The headers of the packet cannot be walked: because one of them is wrong, which is what an error
/// may be about.
fn unreadable_chain(packet: &QuotedIpv6<'_>) -> Result<(), Silence> {
    // With nothing behind the fixed header, there is no type that could be an error's.
    if packet.next_header() == IpProtocol::ICMPV6 {
        Err(Silence::UnknownIcmpType)
    } else {
        Ok(())
    }
}

/// The errors that are sent about multicasts too: Packet Too Big, and Parameter Problem about an
/// option that asks for one even then.
// RFC 4443 §2.4 MUST NOT (e.3): with the exceptions of Packet Too Big and Parameter Problem, code 2.
const fn is_answered_for_multicast(error: &Icmpv6Repr) -> bool {
    match error {
        Icmpv6Repr::PacketTooBig { .. } => true,
        Icmpv6Repr::ParameterProblem { code, .. } => {
            code.0 == icmpv6_code::ParameterProblem::OPTION.0
        }
        _ => false,
    }
}

const fn link_permits(link: LinkDelivery) -> Result<(), Silence> {
    match link {
        LinkDelivery::Unicast => Ok(()),
        LinkDelivery::Multicast => Err(Silence::LinkMulticast),
        LinkDelivery::Broadcast => Err(Silence::LinkBroadcast),
    }
}

const fn names_one_host(source: Ipv4Addr, over_loopback: bool) -> bool {
    let [first, ..] = source.octets();
    match first {
        0 => false,
        127 => over_loopback,
        // Multicast, class E and the limited broadcast.
        224.. => false,
        _ => true,
    }
}

/// Whether `message` is an ICMPv4 error that may be originated. Source Quench is not.
// RFC 6633 §3 MUST NOT: a host does not send Source Quench.
// RFC 6633 §4 MUST: nor does a router.
pub(super) const fn is_ipv4_error(message: &Icmpv4Repr) -> bool {
    matches!(
        message,
        Icmpv4Repr::DestinationUnreachable { .. }
            | Icmpv4Repr::Redirect { .. }
            | Icmpv4Repr::TimeExceeded { .. }
            | Icmpv4Repr::ParameterProblem { .. }
    )
}

/// Whether `message` is one of the ICMPv6 errors.
pub(super) const fn is_ipv6_error(message: &Icmpv6Repr) -> bool {
    matches!(
        message,
        Icmpv6Repr::DestinationUnreachable { .. }
            | Icmpv6Repr::PacketTooBig { .. }
            | Icmpv6Repr::TimeExceeded { .. }
            | Icmpv6Repr::ParameterProblem { .. }
    )
}
