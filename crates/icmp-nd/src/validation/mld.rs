//! Validation of Multicast Listener Discovery messages.

use crate::wire::{MldMessage, MldRepr};
use core::net::Ipv6Addr;
use packet_buffer::ParseError;
use packet_buffer::wire::{
    Icmpv6Message, IpProtocol, Ipv6Extension, Ipv6OptionKind, Ipv6Packet, PseudoHeader, UpperLayer,
};

/// Why an MLD message was refused. Nothing is answered to any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MldError {
    /// The packet carries something else: not for MLD, and not wrong.
    #[error("the packet does not carry an MLD message")]
    NotMld,
    /// The hop limit is not 1.
    #[error("the hop limit is {0} and not 1")]
    HopLimit(u8),
    /// There is no router alert among hop-by-hop options.
    #[error("the packet has no router alert")]
    NoRouterAlert,
    /// The checksum, as received, does not match.
    #[error("the checksum {0:#06x} does not match")]
    Checksum(u16),
    /// The source is neither link-local nor, in a report, unspecified.
    #[error("the source {0} is not a link-local address")]
    SourceNotLinkLocal(Ipv6Addr),
    /// The message, or a record of it, is cut, or has a length between the versions'.
    #[error(transparent)]
    Format(ParseError),
    /// The group of a report is not a multicast address, or that of a query neither this nor
    /// unspecified.
    #[error("the group {0} is not a multicast address")]
    Group(Ipv6Addr),
}

/// An MLD message that has passed the checks of RFC 3810 §6.2 and §7.
#[derive(Debug, Clone, Copy)]
pub struct ValidMld<'a> {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: MldMessage<'a>,
}

impl<'a> ValidMld<'a> {
    /// The source of the IPv6 header: link-local, or unspecified in a report.
    #[inline]
    pub const fn source(&self) -> Ipv6Addr {
        self.source
    }

    /// The destination of the IPv6 header.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        self.destination
    }

    /// The message. Records of a report can still be about groups that are none.
    #[inline]
    pub const fn message(&self) -> &MldMessage<'a> {
        &self.message
    }
}

/// Checks a received MLD message. `upper` is what `ip` carries behind its extension headers.
///
/// # Errors
///
/// The first check that fails. The message is then to be dropped without an answer.
pub fn mld<'a>(ip: &Ipv6Packet<'a>, upper: &UpperLayer<'a>) -> Result<ValidMld<'a>, MldError> {
    let (source, destination) = (ip.source(), ip.destination());
    let icmp = match Icmpv6Message::parse(upper.payload) {
        Ok(icmp) if upper.protocol == IpProtocol::ICMPV6 && upper.is_start() => icmp,
        _ => return Err(MldError::NotMld),
    };
    if !MldMessage::is_type(icmp.message_type()) {
        return Err(MldError::NotMld);
    }
    // RFC 3810 §6.2 MUST (hop-limit): 1, so the sender is on the link.
    if ip.hop_limit() != MldRepr::HOP_LIMIT {
        return Err(MldError::HopLimit(ip.hop_limit()));
    }
    // RFC 3810 §6.2 MUST (router-alert): there is one in the hop-by-hop header.
    if !has_router_alert(ip) {
        return Err(MldError::NoRouterAlert);
    }
    let pseudo_header = PseudoHeader::V6 {
        source,
        destination,
    };
    if icmp.verify_checksum(&pseudo_header).is_err() {
        return Err(MldError::Checksum(icmp.checksum()));
    }
    let message = MldMessage::parse(upper.payload).map_err(MldError::Format)?;
    let is_query = matches!(message, MldMessage::Query(_));
    // RFC 3810 §6.2 MUST (source): a query comes from a link-local address.
    // RFC 3810 §5.2.13 MUST (source): a report may come from the unspecified address too.
    if !source.is_unicast_link_local() && (is_query || !source.is_unspecified()) {
        return Err(MldError::SourceNotLinkLocal(source));
    }
    let (group, may_be_unspecified) = match message {
        MldMessage::Query(query) => (query.group(), true),
        MldMessage::Report { group } | MldMessage::Done { group } => (group, false),
        MldMessage::ReportV2(_) => (Ipv6Addr::UNSPECIFIED, true),
    };
    let none = may_be_unspecified && group.is_unspecified();
    if !group.is_multicast() && !none {
        return Err(MldError::Group(group));
    }
    Ok(ValidMld {
        source,
        destination,
        message,
    })
}

fn has_router_alert(ip: &Ipv6Packet<'_>) -> bool {
    let Ok(extensions) = ip.extensions() else {
        return false;
    };
    extensions.iter().any(|(_, extension)| match extension {
        Ipv6Extension::HopByHop(options) => options
            .find(Ipv6OptionKind::ROUTER_ALERT.0)
            .is_some_and(|option| option.data.len() == 2),
        _ => false,
    })
}
