//! Validation of Neighbor Discovery messages.

use super::NdError;
use crate::wire::{NdMessage, NdOptionKind, NdRepr, is_solicited_node};
use core::net::Ipv6Addr;
use packet_buffer::ParseErrorKind;
use packet_buffer::wire::{Icmpv6Message, IpProtocol, Ipv6Packet, PseudoHeader, UpperLayer};

/// How much of one message is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NdLimits {
    /// Options in a message. One with more is refused whole, so that nobody acts on a part of it.
    /// The default, 64, is beyond what fits 1500 octets in options of prefixes and routes.
    pub options: usize,
}

impl Default for NdLimits {
    fn default() -> Self {
        Self { options: 64 }
    }
}

/// A Neighbor Discovery message that has passed all checks of RFC 4861 §6.1, §7.1 and §8.1 which
/// need no state.
///
/// What holds besides the format: the hop limit was 255, so the sender is on the link; the checksum
/// is right; the code is 0; there are no more options than the limit; addresses are of the kinds
/// that the message asks for.
#[derive(Debug, Clone, Copy)]
pub struct ValidNd<'a> {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: NdMessage<'a>,
}

impl<'a> ValidNd<'a> {
    /// The source of the IPv6 header: unicast, or unspecified in a solicitation.
    #[inline]
    pub const fn source(&self) -> Ipv6Addr {
        self.source
    }

    /// The destination of the IPv6 header.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        self.destination
    }

    /// The message.
    #[inline]
    pub const fn message(&self) -> &NdMessage<'a> {
        &self.message
    }
}

/// Checks a received Neighbor Discovery message. `upper` is what `ip` carries behind its extension
/// headers ([`Ipv6Packet::upper_layer`]).
///
/// A packet that was put together from fragments must not come here (RFC 6980 §5): it no longer
/// shows that it was one. Use [`NdMessage::is_type`] to see that it is to be dropped.
///
/// # Errors
///
/// The first check that fails, in the order of the RFC's lists. The message is then to be dropped
/// without an answer.
pub fn nd<'a>(
    ip: &Ipv6Packet<'a>,
    upper: &UpperLayer<'a>,
    limits: &NdLimits,
) -> Result<ValidNd<'a>, NdError> {
    let octets = upper.payload;
    let (source, destination) = (ip.source(), ip.destination());
    let icmp = match Icmpv6Message::parse(octets) {
        Ok(icmp) if upper.protocol == IpProtocol::ICMPV6 && upper.is_start() => icmp,
        _ => return Err(NdError::NotNeighborDiscovery),
    };
    if !NdMessage::is_type(icmp.message_type()) {
        return Err(NdError::NotNeighborDiscovery);
    }
    // RFC 6980 §5 MUST: a message in fragments is silently ignored.
    if upper.fragment.is_some() {
        return Err(NdError::Fragmented);
    }
    // RFC 4861 §6.1.1 MUST (hop-limit): 255, so no router can have forwarded the packet.
    // RFC 4861 §6.1.2 MUST (hop-limit): likewise.
    // RFC 4861 §7.1.1 MUST (hop-limit): likewise.
    // RFC 4861 §7.1.2 MUST (hop-limit): likewise.
    // RFC 4861 §8.1 MUST (hop-limit): likewise.
    if ip.hop_limit() != NdRepr::HOP_LIMIT {
        return Err(NdError::HopLimit(ip.hop_limit()));
    }
    // RFC 4861 §6.1.1 MUST (checksum): the checksum is valid.
    // RFC 4861 §6.1.2 MUST (checksum): likewise.
    // RFC 4861 §7.1.1 MUST (checksum): likewise.
    // RFC 4861 §7.1.2 MUST (checksum): likewise.
    // RFC 4861 §8.1 MUST (checksum): likewise.
    let pseudo_header = PseudoHeader::V6 {
        source,
        destination,
    };
    if icmp.verify_checksum(&pseudo_header).is_err() {
        return Err(NdError::Checksum(icmp.checksum()));
    }
    // RFC 4861 §6.1.1 MUST (code): the code is 0.
    // RFC 4861 §6.1.2 MUST (code): likewise.
    // RFC 4861 §7.1.1 MUST (code): likewise.
    // RFC 4861 §7.1.2 MUST (code): likewise.
    // RFC 4861 §8.1 MUST (code): likewise.
    if icmp.code() != 0 {
        return Err(NdError::Code(icmp.code()));
    }
    // RFC 4861 §6.1.1 MUST (length): 8 octets at least; and all options are longer than 0.
    // RFC 4861 §6.1.2 MUST (length): 16 octets at least; likewise.
    // RFC 4861 §7.1.1 MUST (length): 24 octets at least; likewise.
    // RFC 4861 §7.1.2 MUST (length): 24 octets at least; likewise.
    // RFC 4861 §8.1 MUST (length): 40 octets at least; likewise.
    let message = NdMessage::parse(octets).map_err(|error| match error.kind {
        ParseErrorKind::Truncated { .. } if error.offset == 0 => NdError::Length(octets.len()),
        ParseErrorKind::Truncated { .. } => NdError::OptionTruncated,
        _ => NdError::OptionLengthZero,
    })?;
    if source.is_multicast() {
        return Err(NdError::SourceMulticast(source));
    }
    check_addresses(&message, source, destination)?;
    if message.options().count() > limits.options {
        return Err(NdError::TooManyOptions);
    }
    Ok(ValidNd {
        source,
        destination,
        message,
    })
}

/// The rules about addresses, which differ between the messages.
fn check_addresses(
    message: &NdMessage<'_>,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<(), NdError> {
    let check = |holds: bool, error: NdError| if holds { Ok(()) } else { Err(error) };
    let has_source_address = || {
        let kind = NdOptionKind::SOURCE_LINK_LAYER_ADDRESS;
        message.options().find(kind).is_some()
    };
    match message {
        NdMessage::RouterSolicitation(_) => {
            // RFC 4861 §6.1.1 MUST (unspecified-source): it tells no link-layer address.
            check(
                !source.is_unspecified() || !has_source_address(),
                NdError::UnspecifiedSourceWithLinkLayerAddress,
            )
        }
        NdMessage::RouterAdvertisement(_) => {
            // RFC 4861 §6.1.2 MUST (source): routers are known by their link-local addresses.
            check(
                source.is_unicast_link_local(),
                NdError::SourceNotLinkLocal(source),
            )
        }
        NdMessage::NeighborSolicitation(solicitation) => {
            let target = solicitation.target();
            // RFC 4861 §7.1.1 MUST (target): the target is not a multicast address.
            check(!target.is_multicast(), NdError::TargetMulticast(target))?;
            if !source.is_unspecified() {
                return Ok(());
            }
            // RFC 4861 §7.1.1 MUST (unspecified-destination): it is a solicited-node group.
            check(
                is_solicited_node(destination),
                NdError::UnspecifiedSourceToOtherGroup(destination),
            )?;
            // RFC 4861 §7.1.1 MUST (unspecified-source): it tells no link-layer address.
            check(
                !has_source_address(),
                NdError::UnspecifiedSourceWithLinkLayerAddress,
            )
        }
        NdMessage::NeighborAdvertisement(advertisement) => {
            let target = advertisement.target();
            // RFC 4861 §7.1.2 MUST (target): the target is not a multicast address.
            check(!target.is_multicast(), NdError::TargetMulticast(target))?;
            // RFC 4861 §7.1.2 MUST (solicited): what goes to a group answers nobody.
            check(
                !destination.is_multicast() || !advertisement.is_solicited(),
                NdError::SolicitedToGroup(destination),
            )
        }
        NdMessage::Redirect(redirect) => {
            // RFC 4861 §8.1 MUST (source): routers are known by their link-local addresses.
            check(
                source.is_unicast_link_local(),
                NdError::SourceNotLinkLocal(source),
            )?;
            let (target, redirected) = (redirect.target(), redirect.destination());
            // RFC 4861 §8.1 MUST (destination): it is not a multicast address.
            check(
                !redirected.is_multicast(),
                NdError::RedirectedMulticast(redirected),
            )?;
            // RFC 4861 §8.1 MUST (target): a router by its link-local address, or the destination.
            check(
                target.is_unicast_link_local() || target == redirected,
                NdError::RedirectTarget(target),
            )
        }
    }
}
