//! Reception of IPv4 packets (RFC 1122 §3.2.1, RFC 1812 §4.2 and §5.3).

use super::{Destination, Ipv4Verdict, Reason, Verdict};
use crate::generation::LinkDelivery;
use core::net::Ipv4Addr;
use packet_buffer::ParseError;
use packet_buffer::checksum::Sum;
use packet_buffer::wire::{Icmpv4Repr, IpProtocol, Ipv4OptionKind, Ipv4Packet, icmpv4_code};

/// What a node does with packets that carry a source route (RFC 7126 §4.3 and §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SourceRoutes {
    /// Drops them in silence.
    #[default]
    Drop,
    /// Drops them and reports "source route failed".
    Refuse,
    /// Delivers those that have arrived at their last hop; drops the others.
    AcceptFinal,
}

/// What a node knows about a packet beyond its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Context<'a> {
    /// Where the destination address leads.
    pub destination: Destination,
    /// Whether the source is a broadcast address of an attached network. The limited broadcast
    /// 255.255.255.255 is known without.
    pub source_is_broadcast: bool,
    /// Whether the source is an address of this node, which nobody else may use.
    pub source_is_own: bool,
    /// Whether this node forwards.
    pub is_router: bool,
    /// Whether the packet came from this node itself, over the loopback interface.
    pub loopback: bool,
    /// To whom the link layer delivered the packet.
    pub link: LinkDelivery,
    /// What this node speaks above IPv4.
    pub protocols: &'a [IpProtocol],
    /// What becomes of source routes.
    pub source_routes: SourceRoutes,
}

impl<'a> Ipv4Context<'a> {
    /// A host's, for a packet that came by unicast from outside.
    pub const fn new(destination: Destination, protocols: &'a [IpProtocol]) -> Self {
        Self {
            destination,
            source_is_broadcast: false,
            source_is_own: false,
            is_router: false,
            loopback: false,
            link: LinkDelivery::Unicast,
            protocols,
            source_routes: SourceRoutes::Drop,
        }
    }

    /// A router's, for a packet that came by unicast from outside.
    pub const fn router(destination: Destination, protocols: &'a [IpProtocol]) -> Self {
        Self {
            is_router: true,
            ..Self::new(destination, protocols)
        }
    }
}

/// What to do with an IPv4 packet that starts at its header; octets behind the total length are
/// padding of the link.
pub fn ipv4<'a>(octets: &'a [u8], context: &Ipv4Context<'_>) -> Ipv4Verdict<'a> {
    match receive(octets, context) {
        Ok(verdict) => verdict,
        Err(Refusal { error, reason }) => match error {
            Some(error) => Verdict::Error { error, reason },
            None => Verdict::Drop(reason),
        },
    }
}

struct Refusal {
    error: Option<Icmpv4Repr>,
    reason: Reason,
}

impl Refusal {
    const fn silent(reason: Reason) -> Self {
        Self {
            error: None,
            reason,
        }
    }

    fn problem(at: usize, reason: Reason) -> Self {
        Self {
            error: Some(Icmpv4Repr::ParameterProblem {
                code: icmpv4_code::ParameterProblem::POINTER,
                // Headers have 60 octets at most.
                pointer: u8::try_from(at).unwrap_or(u8::MAX),
                quoted_words: 0,
            }),
            reason,
        }
    }

    const fn unreachable(code: icmpv4_code::Unreachable, reason: Reason) -> Self {
        Self {
            error: Some(Icmpv4Repr::DestinationUnreachable {
                code,
                quoted_words: 0,
                next_hop_mtu: 0,
            }),
            reason,
        }
    }
}

fn receive<'a>(octets: &'a [u8], context: &Ipv4Context<'_>) -> Result<Ipv4Verdict<'a>, Refusal> {
    // RFC 1122 §3.2.1.2 MUST: the checksum is verified before anything in the header is believed.
    let parsed = Ipv4Packet::parse(octets);
    if let Ok(packet) = &parsed {
        packet
            .verify_checksum()
            .map_err(|_| Refusal::silent(Reason::Checksum))?;
    }
    let packet = match parsed {
        Ok(packet) => packet,
        Err(error) => return Err(unreadable(octets, error, context)),
    };
    let (source, destination) = (packet.source(), packet.destination());
    check_addresses(source, destination, context).map_err(Refusal::silent)?;
    let routed = options(&packet)?;
    let for_us = context.destination != Destination::Elsewhere;
    if let Some(route) = routed {
        source_route(route, for_us, context)?;
    }
    if !for_us {
        if packet.time_to_live() <= 1 {
            // RFC 1812 §5.3.1 MUST: a packet whose time to live is used up is not forwarded.
            let code = icmpv4_code::TimeExceeded::TRANSIT;
            let error = Icmpv4Repr::TimeExceeded {
                code,
                quoted_words: 0,
            };
            return Err(Refusal {
                error: Some(error),
                reason: Reason::HopLimit,
            });
        }
        return Ok(Verdict::Forward);
    }
    // RFC 1122 §3.2.1.7 MUST (received): a packet for this host is not dropped for its time to live.
    if packet.is_fragment() {
        let end = usize::from(packet.fragment_offset()) + packet.payload().len();
        if end + packet.header_len() > usize::from(u16::MAX) {
            return Err(Refusal::silent(Reason::FragmentTooLong));
        }
        if packet.more_fragments() && !packet.payload().len().is_multiple_of(8) {
            return Err(Refusal::silent(Reason::FragmentUnaligned));
        }
        return Ok(Verdict::Reassemble);
    }
    let protocol = packet.protocol();
    if !context.protocols.contains(&protocol) {
        // RFC 1122 §3.2.2.1 SHOULD (protocol): an unknown protocol is reported as unreachable.
        let reason = Reason::UnknownProtocol(protocol.0);
        let code = icmpv4_code::Unreachable::PROTOCOL;
        return Err(Refusal::unreachable(code, reason));
    }
    Ok(Verdict::Deliver {
        protocol,
        payload: packet.payload(),
        offset: packet.header_len(),
    })
}

fn check_addresses(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    context: &Ipv4Context<'_>,
) -> Result<(), Reason> {
    // RFC 1122 §3.2.1.3 MUST (source): a packet from a broadcast or multicast address is dropped in
    // silence.
    if source.is_broadcast() || source.is_multicast() || context.source_is_broadcast {
        return Err(Reason::SourceGroup);
    }
    // RFC 1122 §3.2.1.3 MUST (loopback): addresses of 127/8 do not appear outside a host.
    if (source.is_loopback() || destination.is_loopback()) && !context.loopback {
        return Err(if source.is_loopback() {
            Reason::SourceMartian
        } else {
            Reason::DestinationMartian
        });
    }
    // Class E, and network 0 but for the one address of a host that has none yet.
    let [first, ..] = source.octets();
    if first >= 240 || (first == 0 && !source.is_unspecified()) {
        return Err(Reason::SourceMartian);
    }
    if context.source_is_own && !context.loopback {
        return Err(Reason::SourceMartian);
    }
    // RFC 1122 §3.2.1.3 MUST (zero): 0.0.0.0 is never a destination.
    let [first, ..] = destination.octets();
    if first == 0 || (first >= 240 && !destination.is_broadcast()) {
        return Err(Reason::DestinationMartian);
    }
    match context.destination {
        Destination::Own => {
            // RFC 1122 §3.3.6 SHOULD: a link-layer broadcast that is no IP broadcast is dropped.
            if context.link != LinkDelivery::Unicast {
                return Err(Reason::LinkBroadcast);
            }
        }
        Destination::Broadcast | Destination::Group => {}
        Destination::Elsewhere if destination.is_multicast() => {
            return Err(Reason::NotListening);
        }
        // RFC 1122 §3.2.1.3 MUST (not-for-us): what is not for this host is dropped in silence.
        Destination::Elsewhere if !context.is_router => return Err(Reason::NotForUs),
        Destination::Elsewhere => {
            // RFC 1812 §5.3.4 MUST: what came as a link-layer broadcast is not forwarded.
            if context.link != LinkDelivery::Unicast || destination.is_broadcast() {
                return Err(Reason::LinkBroadcast);
            }
            // RFC 1812 §5.3.7 SHOULD: nor what comes from an address that cannot be answered.
            // RFC 3927 §2.7 MUST: nor what is from or to a link-local address.
            if source.is_unspecified() || source.is_link_local() || destination.is_link_local() {
                return Err(Reason::Scope);
            }
        }
    }
    Ok(())
}

/// What is wrong with a packet that cannot be read: bad options are reported, all else is not.
fn unreadable(octets: &[u8], error: ParseError, context: &Ipv4Context<'_>) -> Refusal {
    let malformed = Refusal::silent(Reason::Malformed(error));
    let Some(fixed) = octets.first_chunk::<20>() else {
        return malformed;
    };
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    let total_length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let is_options = fixed[0] >> 4 == 4
        && header_len > 20
        && (header_len..=octets.len()).contains(&total_length);
    let Some(header) = octets.get(..header_len).filter(|_| is_options) else {
        return malformed;
    };
    if !Sum::new().add_bytes(header).is_valid() {
        return Refusal::silent(Reason::Checksum);
    }
    let source = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]);
    let destination = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]);
    if let Err(reason) = check_addresses(source, destination, context) {
        return Refusal::silent(reason);
    }
    // RFC 1122 §3.2.2.5 SHOULD: bad options are reported; the pointer is to the length, or to the last
    // octet where the length is missing.
    let pointer = (error.offset + 1).min(header_len - 1);
    Refusal::problem(pointer, Reason::OptionLength)
}

/// A source route, as it arrives.
struct SourceRoute {
    /// Whether addresses are left that the packet is to visit.
    has_more: bool,
}

/// Goes through the options.
fn options(packet: &Ipv4Packet<'_>) -> Result<Option<SourceRoute>, Refusal> {
    let mut at = Ipv4Packet::MIN_HEADER_LEN;
    let mut route = None;
    for option in packet.options() {
        let kind = Ipv4OptionKind(option.kind);
        let pointer = option.data.first().copied().map(usize::from);
        match kind {
            Ipv4OptionKind::LOOSE_SOURCE_ROUTE | Ipv4OptionKind::STRICT_SOURCE_ROUTE => {
                // RFC 1122 §3.2.1.8 MUST NOT (two-routes): a packet has one source route at most.
                if route.is_some() {
                    return Err(Refusal::problem(at, Reason::BadOption(kind.0)));
                }
                let pointer = checked_pointer(pointer, 4, at, kind)?;
                let has_more = pointer <= option.octets.len();
                route = Some(SourceRoute { has_more });
            }
            Ipv4OptionKind::RECORD_ROUTE => {
                let pointer = checked_pointer(pointer, 4, at, kind)?;
                check_room(pointer, 4, option.octets.len(), at, kind)?;
            }
            Ipv4OptionKind::TIMESTAMP => {
                let pointer = checked_pointer(pointer, 5, at, kind)?;
                let flags = option.data.get(1).map_or(0, |octet| octet & 0x0f);
                let entry = if flags == 0 { 4 } else { 8 };
                check_room(pointer, entry, option.octets.len(), at, kind)?;
            }
            // RFC 1122 §3.2.1.8 MUST (unknown): an option that is not known is ignored in silence.
            _ => {}
        }
        at += option.octets.len();
    }
    Ok(route)
}

/// The pointer of a route or timestamp option, which is at least `least`: the first octet behind the
/// fixed part of the option, counted from 1.
fn checked_pointer(
    pointer: Option<usize>,
    least: usize,
    at: usize,
    kind: Ipv4OptionKind,
) -> Result<usize, Refusal> {
    match pointer {
        Some(pointer) if pointer >= least => Ok(pointer),
        Some(_) => Err(Refusal::problem(at + 2, Reason::BadOption(kind.0))),
        None => Err(Refusal::problem(at + 1, Reason::BadOption(kind.0))),
    }
}

/// Between the pointer and the end of the option there is room for a whole entry, or none at all
/// (RFC 791 §3.1).
fn check_room(
    pointer: usize,
    entry: usize,
    length: usize,
    at: usize,
    kind: Ipv4OptionKind,
) -> Result<(), Refusal> {
    let room = (length + 1).saturating_sub(pointer);
    if room > 0 && room < entry {
        return Err(Refusal::problem(at + 2, Reason::BadOption(kind.0)));
    }
    Ok(())
}

/// RFC 1122 §3.3.5 MUST NOT: a host does not forward source-routed packets unless it is set up to; here
/// no node does.
fn source_route(
    route: SourceRoute,
    for_us: bool,
    context: &Ipv4Context<'_>,
) -> Result<(), Refusal> {
    let reason = Reason::SourceRoute;
    match context.source_routes {
        SourceRoutes::AcceptFinal if for_us && !route.has_more => Ok(()),
        SourceRoutes::Refuse => {
            let code = icmpv4_code::Unreachable::SOURCE_ROUTE_FAILED;
            Err(Refusal::unreachable(code, reason))
        }
        SourceRoutes::Drop | SourceRoutes::AcceptFinal => Err(Refusal::silent(reason)),
    }
}
