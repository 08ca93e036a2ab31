//! Answering: which requests deserve an answer, and what it is.

use crate::generation::{Arrival, LinkDelivery};
use crate::wire::{
    ExtendedEchoCode, ExtendedEchoError, ExtendedEchoReply, ExtendedEchoRequest, ExtendedEchoState,
    IcmpTimestamp, Icmpv4Query, InterfaceIdentification, TimestampFields,
};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type, IpProtocol,
    Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
};
use packet_buffer::{EmitError, PacketBuf, ParseError};
use thiserror::Error;

/// Which requests are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderPolicy {
    /// Echo requests. Default: yes.
    pub echo: bool,
    /// Echo requests to a broadcast or multicast address. With IPv4, an attacker who forges the
    /// source has the whole link answer a victim (smurf). Default: not over IPv4.
    pub echo_to_ipv4_group: bool,
    /// Echo requests to an IPv6 multicast address (RFC 4443 §4.2). Default: yes.
    pub echo_to_ipv6_group: bool,
    /// Timestamp requests. Default: yes.
    pub timestamp: bool,
    /// Timestamp requests to a broadcast or multicast address. Default: no.
    pub timestamp_to_group: bool,
    /// Information requests (deprecated, RFC 6918). Default: no.
    pub information: bool,
    /// The mask to answer address mask requests with, of an authoritative agent (deprecated, RFC 6918).
    /// Default: none.
    pub address_mask: Option<Ipv4Addr>,
    /// Extended echo requests. Default: none.
    pub extended_echo: ExtendedEchoPolicy,
}

impl Default for ResponderPolicy {
    fn default() -> Self {
        Self {
            echo: true,
            echo_to_ipv4_group: false,
            echo_to_ipv6_group: true,
            timestamp: true,
            timestamp_to_group: false,
            // RFC 1122 §3.2.2.7 SHOULD NOT: a host does not implement these messages.
            information: false,
            // RFC 1122 §3.2.2.9 MUST NOT: no address mask reply unless an authoritative agent.
            address_mask: None,
            extended_echo: ExtendedEchoPolicy::default(),
        }
    }
}

/// Which extended echo requests are answered (RFC 8335 §4).
// RFC 8335 §4 MUST (discard): what is not explicitly enabled is silently discarded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedEchoPolicy {
    /// Who may ask about interfaces of this node. Default: nobody.
    pub local_sources: Vec<IpAddr>,
    /// Who may ask about neighbors. Default: nobody.
    pub neighbor_sources: Vec<IpAddr>,
    /// Whether interfaces may be named.
    pub by_name: bool,
    /// Whether interfaces may be told by index.
    pub by_index: bool,
    /// Whether interfaces may be told by address.
    pub by_address: bool,
}

/// What is known of an interface that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterfaceState {
    /// One of this node.
    Local {
        /// Whether it is up.
        active: bool,
        /// Whether IPv4 runs on it.
        ipv4: bool,
        /// Whether IPv6 runs on it.
        ipv6: bool,
    },
    /// A neighbor's: the state of its entry in the neighbor cache.
    Neighbor(ExtendedEchoState),
    /// There is none: "no such interface", or "no such table entry" for a neighbor.
    Unknown,
    /// More than one is meant.
    Several,
}

/// Finds the interface that an extended echo asks about: what identifies it, and whether it is one of
/// this node.
pub type InterfaceLookup<'a> = &'a dyn Fn(&InterfaceIdentification<'_>, bool) -> InterfaceState;

/// What an answer needs beside the request.
#[derive(Clone, Copy, Default)]
pub struct ResponderContext<'a> {
    /// The IPv4 address to answer from when the request went to a group.
    pub ipv4_address: Option<Ipv4Addr>,
    /// The IPv6 address to answer from when the request went to a group.
    pub ipv6_address: Option<Ipv6Addr>,
    /// The time of day in milliseconds since midnight UT; `None` when it is not known, and timestamp
    /// requests are not answered.
    pub time_of_day: Option<u32>,
    /// Finds interfaces for extended echo; `None` finds none.
    pub interfaces: Option<InterfaceLookup<'a>>,
}

impl fmt::Debug for ResponderContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderContext")
            .field("ipv4_address", &self.ipv4_address)
            .field("ipv6_address", &self.ipv6_address)
            .field("time_of_day", &self.time_of_day)
            .finish_non_exhaustive()
    }
}

/// Why a packet is not answered. Nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The packet or the message cannot be read, or a checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is no request that anybody answers.
    #[error("not a request")]
    NotARequest,
    /// It is a fragment: reassemble first.
    #[error("a fragment")]
    Fragment,
    /// The policy does not let this request be answered.
    #[error("the policy does not answer such requests")]
    Policy,
    /// It went to a group, and the policy, or the protocol, answers only what comes to this node
    /// alone.
    #[error("the request went to a group")]
    Group,
    /// The source does not name a single node.
    #[error("the source does not name a single node")]
    AmbiguousSource,
    /// The source may not ask that.
    #[error("the source may not ask that")]
    Unauthorized,
    /// What the answer needs is not known.
    #[error("what the answer needs is not known")]
    Unknown,
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Emit(EmitError),
}

/// Answers an IPv4 packet with an ICMP request: writes the whole packet of the answer into `out`, in place of
/// what it held.
///
/// Options of the request (record route, timestamp, source route) are not repeated.
///
/// # Errors
///
/// Why not. What `out` holds then is not an answer.
pub fn respond_ipv4(
    policy: &ResponderPolicy,
    packet: &[u8],
    arrival: &Arrival,
    context: &ResponderContext<'_>,
    out: &mut PacketBuf,
) -> Result<(), Refusal> {
    let ip = Ipv4Packet::parse(packet).map_err(Refusal::Malformed)?;
    ip.verify_checksum().map_err(Refusal::Malformed)?;
    if ip.protocol() != IpProtocol::ICMP {
        return Err(Refusal::NotARequest);
    }
    if ip.is_fragment() {
        return Err(Refusal::Fragment);
    }
    let message = Icmpv4Message::parse(ip.payload()).map_err(Refusal::Malformed)?;
    message.verify_checksum().map_err(Refusal::Malformed)?;
    let source = ip.source();
    if !is_one_host(source, arrival) {
        return Err(Refusal::AmbiguousSource);
    }
    let destination = ip.destination();
    let to_group = destination.is_multicast()
        || destination.is_broadcast()
        || arrival.ip_broadcast
        || arrival.link != LinkDelivery::Unicast;
    let allowed = |answers: bool, answers_group: bool| match (answers, to_group) {
        (false, _) => Err(Refusal::Policy),
        (true, true) if !answers_group => Err(Refusal::Group),
        _ => Ok(()),
    };
    out.reset(PacketBuf::DEFAULT_HEADROOM);
    match message.message_type() {
        Icmpv4Type::ECHO_REQUEST => {
            // RFC 1122 §3.2.2.6 MAY: an echo to a broadcast or multicast address may be discarded.
            allowed(policy.echo, policy.echo_to_ipv4_group)?;
            let Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return Err(Refusal::NotARequest);
            };
            out.append_slice(message.payload());
            let reply = Icmpv4Repr::EchoReply {
                identifier,
                sequence_number,
            };
            reply.emit(out).map_err(Refusal::Emit)?;
        }
        Icmpv4Type::TIMESTAMP_REQUEST => {
            // RFC 1122 §3.2.2.8 MAY: as with echo.
            allowed(policy.timestamp, policy.timestamp_to_group)?;
            let Ok(Icmpv4Query::TimestampRequest(fields)) = Icmpv4Query::parse(&message) else {
                return Err(Refusal::NotARequest);
            };
            let time = context.time_of_day.ok_or(Refusal::Unknown)?;
            let time = IcmpTimestamp::from_millis(u64::from(time));
            let reply = Icmpv4Query::TimestampReply(TimestampFields {
                receive: time,
                transmit: time,
                ..fields
            });
            reply.emit(out).map_err(Refusal::Emit)?;
        }
        Icmpv4Type::INFORMATION_REQUEST => {
            allowed(policy.information, true)?;
            let Ok(Icmpv4Query::InformationRequest {
                identifier,
                sequence_number,
            }) = Icmpv4Query::parse(&message)
            else {
                return Err(Refusal::NotARequest);
            };
            let reply = Icmpv4Query::InformationReply {
                identifier,
                sequence_number,
            };
            reply.emit(out).map_err(Refusal::Emit)?;
        }
        Icmpv4Type::ADDRESS_MASK_REQUEST => {
            let mask = policy.address_mask.ok_or(Refusal::Policy)?;
            let Ok(Icmpv4Query::AddressMaskRequest {
                identifier,
                sequence_number,
                ..
            }) = Icmpv4Query::parse(&message)
            else {
                return Err(Refusal::NotARequest);
            };
            let reply = Icmpv4Query::AddressMaskReply {
                identifier,
                sequence_number,
                mask,
            };
            reply.emit(out).map_err(Refusal::Emit)?;
        }
        Icmpv4Type::EXTENDED_ECHO_REQUEST => {
            // RFC 8335 §4 MUST (group): a request to a multicast address is discarded.
            if to_group {
                return Err(Refusal::Group);
            }
            let [high, low, sequence_number, flags] = message.rest_of_header();
            let head = Head {
                identifier: u16::from_be_bytes([high, low]),
                sequence_number,
                local: flags & 1 != 0,
            };
            let request = ExtendedEchoRequest::parse_v4(&message);
            let reply = extended_echo(policy, source.into(), &head, request, context)?;
            reply.emit_v4(out).map_err(Refusal::Emit)?;
        }
        _ => return Err(Refusal::NotARequest),
    }
    // RFC 1122 §3.2.2.6 MUST: the source is the address that was asked.
    let from = if to_group {
        context.ipv4_address.ok_or(Refusal::Unknown)?
    } else {
        destination
    };
    let header = Ipv4Repr {
        dscp: ip.dscp(),
        dont_fragment: false,
        ..Ipv4Repr::new(from, source, IpProtocol::ICMP)
    };
    header.emit(out).map_err(Refusal::Emit)
}

/// Answers an IPv6 packet with an ICMPv6 request: writes the whole packet of the answer into `out`, in place of
/// what it held.
///
/// # Errors
///
/// Why not. What `out` holds then is not an answer.
pub fn respond_ipv6(
    policy: &ResponderPolicy,
    packet: &[u8],
    arrival: &Arrival,
    context: &ResponderContext<'_>,
    out: &mut PacketBuf,
) -> Result<(), Refusal> {
    let ip = Ipv6Packet::parse(packet).map_err(Refusal::Malformed)?;
    let upper = ip.upper_layer().map_err(Refusal::Malformed)?;
    if upper.protocol != IpProtocol::ICMPV6 {
        return Err(Refusal::NotARequest);
    }
    if upper.fragment.is_some_and(|header| !header.is_atomic()) {
        return Err(Refusal::Fragment);
    }
    let message = Icmpv6Message::parse(upper.payload).map_err(Refusal::Malformed)?;
    message
        .verify_checksum(&ip.pseudo_header())
        .map_err(Refusal::Malformed)?;
    let (source, destination) = (ip.source(), ip.destination());
    if source.is_unspecified() || source.is_multicast() || arrival.source_is_anycast {
        return Err(Refusal::AmbiguousSource);
    }
    let to_group = destination.is_multicast();
    // RFC 4443 §4.2 MUST: the source is the unicast address that was asked, or one of the interface.
    let from = if to_group {
        context.ipv6_address.ok_or(Refusal::Unknown)?
    } else {
        destination
    };
    let header = Ipv6Repr {
        dscp: ip.dscp(),
        ..Ipv6Repr::new(from, source, IpProtocol::ICMPV6)
    };
    let addresses = header.pseudo_header();
    out.reset(PacketBuf::DEFAULT_HEADROOM);
    match message.message_type() {
        Icmpv6Type::ECHO_REQUEST => {
            if !policy.echo {
                return Err(Refusal::Policy);
            }
            if to_group && !policy.echo_to_ipv6_group {
                return Err(Refusal::Group);
            }
            let Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return Err(Refusal::NotARequest);
            };
            out.append_slice(message.payload());
            let reply = Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            };
            reply.emit(out, &addresses).map_err(Refusal::Emit)?;
        }
        Icmpv6Type::EXTENDED_ECHO_REQUEST => {
            if to_group {
                return Err(Refusal::Group);
            }
            let Some([high, low, sequence_number, flags]) = message.body().first_chunk::<4>()
            else {
                return Err(Refusal::NotARequest);
            };
            let head = Head {
                identifier: u16::from_be_bytes([*high, *low]),
                sequence_number: *sequence_number,
                local: flags & 1 != 0,
            };
            let request = ExtendedEchoRequest::parse_v6(&message);
            let reply = extended_echo(policy, source.into(), &head, request, context)?;
            reply.emit_v6(out, &addresses).map_err(Refusal::Emit)?;
        }
        _ => return Err(Refusal::NotARequest),
    }
    header.emit(out).map_err(Refusal::Emit)
}

fn is_one_host(source: Ipv4Addr, arrival: &Arrival) -> bool {
    let [first, ..] = source.octets();
    match first {
        0 | 224.. => false,
        127 => arrival.loopback,
        _ => !arrival.source_is_broadcast,
    }
}

/// What can be read of an extended echo request even when its object cannot.
struct Head {
    identifier: u16,
    sequence_number: u8,
    local: bool,
}

fn extended_echo(
    policy: &ResponderPolicy,
    source: IpAddr,
    head: &Head,
    request: Result<ExtendedEchoRequest<'_>, ExtendedEchoError>,
    context: &ResponderContext<'_>,
) -> Result<ExtendedEchoReply, Refusal> {
    let policy = &policy.extended_echo;
    let sources = if head.local {
        &policy.local_sources
    } else {
        &policy.neighbor_sources
    };
    if policy.local_sources.is_empty() && policy.neighbor_sources.is_empty() {
        return Err(Refusal::Policy);
    }
    // RFC 8335 §4 MUST (source): the source must be authorized for this setting of the L-bit.
    if !sources.contains(&source) {
        return Err(Refusal::Unauthorized);
    }
    let answer = |code| ExtendedEchoReply::new(code, head.identifier, head.sequence_number);
    // RFC 8335 §4 MUST (malformed): what cannot be understood is answered with that code.
    let Ok(request) = request else {
        return Ok(answer(ExtendedEchoCode::MALFORMED_QUERY));
    };
    // RFC 8335 §4 MUST (kind): the kind of identification must be authorized.
    let may = match request.interface {
        InterfaceIdentification::Name(_) => policy.by_name,
        InterfaceIdentification::Index(_) => policy.by_index,
        InterfaceIdentification::Address(_) => policy.by_address,
    };
    if !may {
        return Err(Refusal::Unauthorized);
    }
    // A neighbor is told by its address only.
    if !head.local && !matches!(request.interface, InterfaceIdentification::Address(_)) {
        return Ok(answer(ExtendedEchoCode::MALFORMED_QUERY));
    }
    let state = context.interfaces.map_or(InterfaceState::Unknown, |find| {
        find(&request.interface, head.local)
    });
    Ok(match state {
        InterfaceState::Local { active, ipv4, ipv6 } => ExtendedEchoReply {
            active,
            // RFC 8335 §3 MUST: protocols are told of an active interface only.
            ipv4: active && ipv4,
            ipv6: active && ipv6,
            ..answer(ExtendedEchoCode::NO_ERROR)
        },
        InterfaceState::Neighbor(state) => ExtendedEchoReply {
            state,
            ..answer(ExtendedEchoCode::NO_ERROR)
        },
        InterfaceState::Unknown if head.local => answer(ExtendedEchoCode::NO_SUCH_INTERFACE),
        InterfaceState::Unknown => answer(ExtendedEchoCode::NO_SUCH_TABLE_ENTRY),
        InterfaceState::Several => answer(ExtendedEchoCode::MULTIPLE_INTERFACES),
    })
}
