//! Reception of IPv6 packets (RFC 8200 §3 and §4).

use super::{Destination, Ipv6Verdict, Reason, Verdict};
use crate::generation::LinkDelivery;
use core::net::Ipv6Addr;
use packet_buffer::wire::{
    Icmpv6Repr, IpProtocol, Ipv6Extensions, Ipv6FragmentHeader, Ipv6OptionKind, Ipv6Packet,
    icmpv6_code,
};

/// What a node knows about a packet beyond its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Context<'a> {
    /// Where the destination address leads.
    pub destination: Destination,
    /// Whether this node forwards.
    pub is_router: bool,
    /// Whether the packet came from this node itself, over the loopback interface.
    pub loopback: bool,
    /// To whom the link layer delivered the packet.
    pub link: LinkDelivery,
    /// What this node speaks above IPv6: ESP and AH belong here where they do.
    pub protocols: &'a [IpProtocol],
    /// Options that this node knows and will look at itself, beside padding and the router alert.
    pub options: &'a [Ipv6OptionKind],
}

impl<'a> Ipv6Context<'a> {
    /// A host's, for a packet that came by unicast from outside.
    pub const fn new(destination: Destination, protocols: &'a [IpProtocol]) -> Self {
        Self {
            destination,
            is_router: false,
            loopback: false,
            link: LinkDelivery::Unicast,
            protocols,
            options: &[],
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

/// Offsets of fields of the fixed header, for the pointers of errors.
const PAYLOAD_LENGTH: usize = 4;
const NEXT_HEADER: usize = 6;

/// What to do with an IPv6 packet that starts at the fixed header; octets behind the payload length
/// are padding of the link.
///
/// A [`Verdict::Forward`] still leaves its scope to be checked against the way out
/// ([`router`](crate::router)).
pub fn ipv6<'a>(octets: &'a [u8], context: &Ipv6Context<'_>) -> Ipv6Verdict<'a> {
    match receive(octets, context) {
        Ok(verdict) => verdict,
        Err(Refusal { error, reason }) => match error {
            Some(error) => Verdict::Error { error, reason },
            None => Verdict::Drop(reason),
        },
    }
}

struct Refusal {
    error: Option<Icmpv6Repr>,
    reason: Reason,
}

impl Refusal {
    const fn silent(reason: Reason) -> Self {
        Self {
            error: None,
            reason,
        }
    }

    /// With a Parameter Problem that points to the octet `at` of the packet.
    fn problem(code: icmpv6_code::ParameterProblem, at: usize, reason: Reason) -> Self {
        let pointer = u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            error: Some(Icmpv6Repr::ParameterProblem { code, pointer }),
            reason,
        }
    }

    fn field(at: usize, reason: Reason) -> Self {
        Self::problem(icmpv6_code::ParameterProblem::HEADER_FIELD, at, reason)
    }
}

fn receive<'a>(octets: &'a [u8], context: &Ipv6Context<'_>) -> Result<Ipv6Verdict<'a>, Refusal> {
    // RFC 8200 §3 MUST (version): a packet of another version is not one of IPv6.
    // RFC 8200 §3 MUST (payload-length): what the payload length promises is there.
    let packet =
        Ipv6Packet::parse(octets).map_err(|error| Refusal::silent(Reason::Malformed(error)))?;
    check_addresses(&packet, context).map_err(Refusal::silent)?;
    let for_us = context.destination != Destination::Elsewhere;
    let mut walk = Walk {
        packet: packet.as_slice(),
        named_at: NEXT_HEADER,
        next: packet.next_header(),
        at: Ipv6Packet::HEADER_LEN,
    };
    if !for_us {
        // RFC 8200 §3 MUST (hop-limit): a packet whose hop limit is or becomes zero is not forwarded.
        // RFC 4443 §3.3 MUST: and its source is told.
        if packet.hop_limit() <= 1 {
            let code = icmpv6_code::TimeExceeded::TRANSIT;
            return Err(Refusal {
                error: Some(Icmpv6Repr::TimeExceeded {
                    code,
                    quoted_words: 0,
                }),
                reason: Reason::HopLimit,
            });
        }
        // RFC 8200 §4 MUST (on-the-way): on the way, only a hop-by-hop options header is looked at.
        if walk.next == IpProtocol::HOP_BY_HOP {
            walk.options(&packet, context)?;
        }
        return Ok(Verdict::Forward);
    }
    // RFC 8200 §3 MUST (zero-hop-limit): the destination does not mind a hop limit of zero.
    deliver(&packet, context, walk)
}

fn check_addresses(packet: &Ipv6Packet<'_>, context: &Ipv6Context<'_>) -> Result<(), Reason> {
    let (source, destination) = (packet.source(), packet.destination());
    // RFC 4291 §2.7 MUST (source): a multicast address is never a source.
    if source.is_multicast() {
        return Err(Reason::SourceGroup);
    }
    // RFC 4291 §2.5.3 MUST (loopback-source): the loopback address never comes from outside.
    if source.is_loopback() && !context.loopback {
        return Err(Reason::SourceMartian);
    }
    // RFC 4291 §2.5.3 MUST (loopback): a packet to the loopback address that comes from outside is
    // dropped.
    // RFC 4291 §2.5.2 MUST (unspecified): the unspecified address is never a destination.
    if destination.is_unspecified() || (destination.is_loopback() && !context.loopback) {
        return Err(Reason::DestinationMartian);
    }
    if let Some(scope) = multicast_scope(destination) {
        // RFC 4291 §2.7 MUST (reserved-scope): packets to the reserved scope 0 are dropped; and a
        // group of one interface has no business on a link.
        if scope == 0 || (scope == 1 && !context.loopback) {
            return Err(Reason::DestinationMartian);
        }
        if context.destination == Destination::Elsewhere {
            return Err(Reason::NotListening);
        }
        return Ok(());
    }
    if context.destination != Destination::Elsewhere {
        return Ok(());
    }
    if !context.is_router {
        return Err(Reason::NotForUs);
    }
    if context.link != LinkDelivery::Unicast {
        return Err(Reason::LinkBroadcast);
    }
    // RFC 4291 §2.5.6 MUST (link-local): a router forwards nothing that is to a link-local address.
    // RFC 4291 §2.5.2 MUST (unspecified-source): nor what comes from the unspecified address.
    if destination.is_unicast_link_local() || source.is_unspecified() {
        return Err(Reason::Scope);
    }
    Ok(())
}

/// The scope of a multicast address (RFC 4291 §2.7).
fn multicast_scope(address: Ipv6Addr) -> Option<u8> {
    let [first, second, ..] = address.octets();
    (first == 0xff).then_some(second & 0x0f)
}

/// The place of a walk along the headers: in front of the header `next`.
struct Walk<'a> {
    packet: &'a [u8],
    /// Where the octet stands that names `next`.
    named_at: usize,
    next: IpProtocol,
    /// Where the header starts.
    at: usize,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a [u8] {
        self.packet.get(self.at..).unwrap_or_default()
    }

    /// Goes over the extension header at the present place and gives its octets.
    fn header(&mut self, fixed: Option<usize>) -> Result<&'a [u8], Refusal> {
        let (at, rest) = (self.at, self.rest());
        let length = match (fixed, rest.get(1)) {
            (Some(length), _) => length,
            (None, Some(&units)) => (usize::from(units) + 1) * 8,
            (None, None) => 8,
        };
        // RFC 4443 §3.4 SHOULD: a header that cannot be processed is reported, with a pointer to the
        // field: its length, or the octet that promised it.
        let Some(header) = rest.get(..length) else {
            let pointer = if rest.len() >= 2 && fixed.is_none() {
                at + 1
            } else {
                self.named_at
            };
            return Err(Refusal::field(pointer, Reason::HeaderTruncated));
        };
        self.named_at = at;
        self.next = IpProtocol(header.first().copied().unwrap_or_default());
        self.at = at + length;
        Ok(header)
    }

    /// Goes over a header of options.
    fn options(
        &mut self,
        packet: &Ipv6Packet<'_>,
        context: &Ipv6Context<'_>,
    ) -> Result<(), Refusal> {
        let at = self.at;
        let header = self.header(None)?;
        let mut place = 2;
        // RFC 8200 §4.2 MUST (order): options are processed strictly in the order in which they come.
        while let Some(&kind) = header.get(place) {
            let kind = Ipv6OptionKind(kind);
            if kind == Ipv6OptionKind::PAD_1 {
                place += 1;
                continue;
            }
            let end = header
                .get(place + 1)
                .map(|&length| place + 2 + usize::from(length));
            let Some(end) = end.filter(|&end| end <= header.len()) else {
                // The length is wrong; where even that is missing, the option itself.
                let pointer = (place + 1).min(header.len() - 1);
                return Err(Refusal::field(at + pointer, Reason::OptionLength));
            };
            let is_known = matches!(kind, Ipv6OptionKind::PAD_N | Ipv6OptionKind::ROUTER_ALERT)
                || context.options.contains(&kind);
            if !is_known {
                unknown_option(kind, at + place, packet.destination())?;
            }
            place = end;
        }
        Ok(())
    }
}

/// What an unknown option asks for, by the two highest bits of its type (RFC 8200 §4.2).
fn unknown_option(kind: Ipv6OptionKind, at: usize, destination: Ipv6Addr) -> Result<(), Refusal> {
    let reason = Reason::UnknownOption(kind.0);
    let report = Refusal::problem(icmpv6_code::ParameterProblem::OPTION, at, reason);
    match kind.action_if_unknown() {
        // RFC 8200 §4.2 MUST (00): skip the option.
        0 => Ok(()),
        // RFC 8200 §4.2 MUST (01): discard the packet.
        1 => Err(Refusal::silent(reason)),
        // RFC 8200 §4.2 MUST (10): discard the packet and report, to a multicast sender too.
        2 => Err(report),
        // RFC 8200 §4.2 MUST (11): the same, but for packets to a multicast address.
        _ if destination.is_multicast() => Err(Refusal::silent(reason)),
        _ => Err(report),
    }
}

/// A packet for this node: header by header, strictly in order.
// RFC 8200 §4 MUST (strict-order): extension headers are processed in the order of the packet.
fn deliver<'a>(
    packet: &Ipv6Packet<'a>,
    context: &Ipv6Context<'_>,
    mut walk: Walk<'a>,
) -> Result<Ipv6Verdict<'a>, Refusal> {
    let mut count = 0;
    let mut is_fragment = false;
    loop {
        let (at, named_at, kind) = (walk.at, walk.named_at, walk.next);
        if is_extension(kind) {
            // RFC 8504 §5.3 MAY: a node limits the number of extension headers.
            if count == Ipv6Extensions::MAX {
                return Err(Refusal::silent(Reason::TooManyHeaders));
            }
            count += 1;
        }
        match kind {
            // RFC 8200 §4.1 MUST (first): hop-by-hop options stand behind the fixed header only; a Next
            // Header of 0 elsewhere is not recognized.
            IpProtocol::HOP_BY_HOP if at != Ipv6Packet::HEADER_LEN => {
                let code = icmpv6_code::ParameterProblem::NEXT_HEADER;
                return Err(Refusal::problem(code, named_at, Reason::HopByHopNotFirst));
            }
            // RFC 8200 §4.1 SHOULD (any-order): the other headers are accepted in any order, and any
            // number of times.
            IpProtocol::HOP_BY_HOP | IpProtocol::DESTINATION_OPTIONS => {
                walk.options(packet, context)?;
            }
            IpProtocol::ROUTING => routing(&mut walk)?,
            IpProtocol::FRAGMENT => {
                if is_fragment {
                    return Err(Refusal::silent(Reason::SecondFragmentHeader));
                }
                is_fragment = true;
                if !fragment(&mut walk)? {
                    return Ok(Verdict::Reassemble);
                }
            }
            // RFC 8200 §4.7 MUST (ignore): octets behind "no next header" are ignored.
            IpProtocol::NO_NEXT_HEADER => return Err(Refusal::silent(Reason::NoNextHeader)),
            kind if context.protocols.contains(&kind) => {
                return Ok(Verdict::Deliver {
                    protocol: kind,
                    payload: walk.rest(),
                    offset: at,
                });
            }
            // RFC 8200 §4 SHOULD (next-header): an unrecognized Next Header is reported with code 1 and
            // a pointer to the octet that holds it.
            kind => {
                let code = icmpv6_code::ParameterProblem::NEXT_HEADER;
                let reason = Reason::UnknownProtocol(kind.0);
                return Err(Refusal::problem(code, named_at, reason));
            }
        }
    }
}

/// The headers that every node goes through.
const fn is_extension(kind: IpProtocol) -> bool {
    matches!(
        kind,
        IpProtocol::HOP_BY_HOP
            | IpProtocol::ROUTING
            | IpProtocol::FRAGMENT
            | IpProtocol::DESTINATION_OPTIONS
    )
}

/// Goes over a routing header. None of the types is followed here.
fn routing(walk: &mut Walk<'_>) -> Result<(), Refusal> {
    let at = walk.at;
    let header = walk.header(None)?;
    let octet = |place: usize| header.get(place).copied().unwrap_or_default();
    let (routing_type, segments_left) = (octet(2), octet(3));
    // RFC 8200 §4.4 MUST (no-segments): with no segments left, the header is ignored.
    // RFC 8200 §4.4 MUST (segments): else the packet is discarded, with a pointer to the type.
    // RFC 5095 §3 MUST: a header of type 0 is treated as one of unknown type.
    if segments_left != 0 {
        return Err(Refusal::field(at + 2, Reason::RoutingHeader(routing_type)));
    }
    Ok(())
}

/// Goes over a fragment header. True for an atomic fragment, whose packet is whole.
fn fragment(walk: &mut Walk<'_>) -> Result<bool, Refusal> {
    let at = walk.at;
    let header = walk.header(Some(Ipv6FragmentHeader::LEN))?;
    let word = match header {
        [_, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let (offset, more) = (usize::from(word & 0xfff8), word & 1 != 0);
    let length = walk.rest().len();
    // RFC 8200 §4.5 MUST (unaligned): a fragment that is not the last carries a multiple of 8 octets;
    // the pointer is to the Payload Length.
    if more && !length.is_multiple_of(8) {
        return Err(Refusal::field(PAYLOAD_LENGTH, Reason::FragmentUnaligned));
    }
    // RFC 8200 §4.5 MUST (too-long): the reassembled payload has 65,535 octets at most; the pointer is
    // to the Fragment Offset.
    let unfragmentable = at - Ipv6Packet::HEADER_LEN;
    if unfragmentable + offset + length > usize::from(u16::MAX) {
        return Err(Refusal::field(at + 2, Reason::FragmentTooLong));
    }
    // RFC 6946 §4 MUST: an atomic fragment is processed on its own.
    if offset == 0 && !more {
        return Ok(true);
    }
    // RFC 7112 §5 MUST (chain): a first fragment holds all headers, the upper layer's among them.
    // RFC 7112 §5 SHOULD (report): one that does not is reported with code 3 and a pointer of zero.
    if offset == 0 && !holds_all_headers(walk) {
        let code = icmpv6_code::ParameterProblem::INCOMPLETE_HEADER_CHAIN;
        return Err(Refusal::problem(code, 0, Reason::IncompleteHeaderChain));
    }
    Ok(false)
}

/// Whether all headers from here on are there, the upper layer's with its fixed part.
fn holds_all_headers(walk: &Walk<'_>) -> bool {
    let mut rest = walk.rest();
    let mut next = walk.next;
    for _ in 0..Ipv6Extensions::MAX {
        let octet = |place: usize| rest.get(place).copied().map(usize::from);
        let length = match next {
            IpProtocol::HOP_BY_HOP | IpProtocol::ROUTING | IpProtocol::DESTINATION_OPTIONS => {
                octet(1).map(|units| (units + 1) * 8)
            }
            IpProtocol::AH => octet(1).map(|words| (words + 2) * 4),
            // A nested fragment header is refused when the packet is whole.
            IpProtocol::FRAGMENT => Some(Ipv6FragmentHeader::LEN),
            upper => return rest.len() >= upper_header_len(upper, rest),
        };
        let header = length.and_then(|length| rest.split_at_checked(length));
        let Some((header, after)) = header else {
            return false;
        };
        next = IpProtocol(header.first().copied().unwrap_or_default());
        rest = after;
    }
    false
}

/// Octets of an upper layer's header.
fn upper_header_len(protocol: IpProtocol, octets: &[u8]) -> usize {
    match protocol {
        IpProtocol::TCP => {
            let words = octets.get(12).map_or(5, |octet| octet >> 4);
            (usize::from(words) * 4).max(20)
        }
        IpProtocol::UDP | IpProtocol::UDP_LITE | IpProtocol::ESP => 8,
        IpProtocol::SCTP | IpProtocol::DCCP => 12,
        IpProtocol::ICMPV6 | IpProtocol::GRE => 4,
        IpProtocol::IPV6 => 40,
        IpProtocol::IPV4 => 20,
        _ => 0,
    }
}
