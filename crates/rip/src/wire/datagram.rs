//! What the datagram around a message has to be: pure functions, for the caller knows the addresses.

use super::InterfaceAddress;
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::Ipv6Prefix;
use thiserror::Error;

/// Why a datagram is ignored before its message is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// A response comes from another port than the protocol's.
    #[error("a response from port {0} is none of a router")]
    SourcePort(u16),
    /// The source cannot be a host: unspecified, multicast, broadcast or loopback.
    #[error("the source address cannot be a host's")]
    SourceMartian,
    /// The source is an address of the receiver: its own message, looped back or forged.
    #[error("the source is one of the receiver's own addresses")]
    SourceOwn,
    /// The source is on no network of the interface that the datagram came in on.
    #[error("the source is not on a directly connected network")]
    SourceOffLink,
    /// The source of a RIPng message is not link-local.
    #[error("the source is not a link-local address")]
    SourceNotLinkLocal,
    /// The datagram may have crossed a router.
    #[error("a hop limit of {received} is below the {required} of a neighbor")]
    HopLimit {
        /// The hop limit, or time to live, of the datagram.
        received: u8,
        /// What it must be.
        required: u8,
    },
}

/// A response comes from the protocol's port; a request may come from any.
///
/// # Errors
///
/// [`DatagramError::SourcePort`].
// RFC 2453 §3.9.2 MUST (port): otherwise it is ignored.
// RFC 2080 §2.4.2 MUST (port): the same for RIPng.
#[inline]
pub const fn check_response_port(source_port: u16, required: u16) -> Result<(), DatagramError> {
    if source_port == required {
        Ok(())
    } else {
        Err(DatagramError::SourcePort(source_port))
    }
}

/// The source of a RIP-1 or RIP-2 message is a neighbor on the interface with `addresses`, the one
/// that the datagram came in on.
///
/// # Errors
///
/// The source cannot be a host, is the receiver itself, or is not on a network of this interface.
// RFC 2453 §3.9.2 MUST (source): from a directly connected network, and not from itself.
#[inline]
pub fn check_ipv4_source(
    source: Ipv4Addr,
    addresses: &[InterfaceAddress],
) -> Result<(), DatagramError> {
    if source.is_unspecified()
        || source.is_multicast()
        || source.is_broadcast()
        || source.is_loopback()
    {
        return Err(DatagramError::SourceMartian);
    }
    let mut on_link = false;
    for own in addresses {
        if own.address == source {
            return Err(DatagramError::SourceOwn);
        }
        if own.network.contains(source) {
            // Network and broadcast addresses are nobody's, except on point-to-point links (RFC 3021).
            let ends = source == own.network.network() || source == own.network.last();
            if own.network.length() < 31 && ends {
                return Err(DatagramError::SourceMartian);
            }
            on_link = true;
        }
    }
    if on_link {
        Ok(())
    } else {
        Err(DatagramError::SourceOffLink)
    }
}

/// The source of a RIPng response is a neighbor's link-local address; `own` are the receiver's.
///
/// # Errors
///
/// The source is not link-local, or the receiver itself.
// RFC 2080 §2.4.2 MUST (source): link-local, and not one of the router's own addresses.
#[inline]
pub fn check_ipv6_source(
    source: Ipv6Addr,
    own: impl IntoIterator<Item = Ipv6Addr>,
) -> Result<(), DatagramError> {
    if !is_link_local(source) {
        return Err(DatagramError::SourceNotLinkLocal);
    }
    if own.into_iter().any(|address| address == source) {
        return Err(DatagramError::SourceOwn);
    }
    Ok(())
}

/// The hop limit is at least `required`: 255 shows that no router forwarded the datagram
/// (RFC 2080 §2.4.2, RFC 5082).
///
/// # Errors
///
/// [`DatagramError::HopLimit`].
#[inline]
pub const fn check_hop_limit(received: u8, required: u8) -> Result<(), DatagramError> {
    if received >= required {
        Ok(())
    } else {
        Err(DatagramError::HopLimit { received, required })
    }
}

/// Whether the address lies in fe80::/10.
#[inline]
pub(super) const fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// Whether the prefix lies in fe80::/10.
#[inline]
pub(super) const fn is_link_local_prefix(prefix: &Ipv6Prefix) -> bool {
    prefix.length() >= 10 && is_link_local(prefix.network())
}
