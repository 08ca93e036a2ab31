//! Why a message, or one entry of it, is not acted on.

use super::Command;
use thiserror::Error;

/// Why a message that parses is ignored as a whole.
///
/// What does not parse at all has a [`ParseError`](packet_buffer::ParseError) instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The version is 0, or in RIPng anything but 1 (RFC 1058 §3.4, RFC 2080 §2.1).
    #[error("version {0} is not one to listen to")]
    Version(u8),
    /// A RIP-1 message has something in a field that is zero in RIP-1 (RFC 1058 §3.4).
    #[error("a field that must be zero in version 1 is not")]
    MustBeZero,
    /// The command is none that this version acts on (RFC 2453 §3.6: obsolete ones are ignored).
    #[error("the command `{0}` is not acted on")]
    Command(Command),
    /// There are more entries than a message may carry (RFC 2453 §3.6).
    #[error("{count} entries are more than the {limit} that a message may carry")]
    TooManyEntries {
        /// Entries in the message.
        count: usize,
        /// Entries that it may carry.
        limit: usize,
    },
    /// The version of an update header is 0 (RFC 2091 §3.1).
    #[error("version {0} of the update header cannot be processed")]
    UpdateVersion(u8),
}

/// Why one entry of a message is ignored. The entries around it are not affected
/// (RFC 2453 §3.9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The address family is not IPv4's.
    #[error("address family {0} is not IPv4's")]
    AddressFamily(u16),
    /// An authentication entry stands elsewhere than first (RFC 2453 §4.1).
    #[error("authentication stands elsewhere than in the first entry")]
    AuthenticationNotFirst,
    /// The metric is 0; it starts at 1.
    #[error("a metric of 0 does not exist")]
    MetricZero,
    /// The metric is above 16.
    #[error("a metric of {0} is above infinity")]
    MetricTooLarge(u32),
    /// The subnet mask is not ones, then zeroes.
    #[error("the subnet mask {0:#010x} has holes")]
    SubnetMask(u32),
    /// The destination lies in 0.0.0.0/8, and is not the default route.
    #[error("the destination lies in network 0")]
    NetworkZero,
    /// The destination lies in 127.0.0.0/8, or in ::1/128.
    #[error("the destination is a loopback one")]
    Loopback,
    /// The destination is a multicast group (224.0.0.0/4, ff00::/8).
    #[error("the destination is a multicast group")]
    Multicast,
    /// The destination lies in 240.0.0.0/4.
    #[error("the destination lies in the reserved class E")]
    Reserved,
    /// The destination is 255.255.255.255, or the broadcast address of the network that the
    /// message came from.
    #[error("the destination is a broadcast address")]
    Broadcast,
    /// The destination lies in fe80::/10 (RFC 2080 §2.4.2: link-local addresses are not routed).
    #[error("the destination is link-local")]
    LinkLocal,
    /// The prefix is longer than 128 bits.
    #[error("a prefix of {0} bits is longer than an address")]
    PrefixLength(u8),
    /// The prefix length is 0 and the prefix is not `::`.
    #[error("the prefix has no bits and yet an address")]
    DefaultWithAddress,
    /// The next hop is an address of the receiver: the route leads back here.
    #[error("the next hop is this router itself")]
    NextHopSelf,
    /// The next hop cannot be a router: a group, a broadcast or loopback address, or one from
    /// network 0 or class E.
    #[error("the next hop cannot be the address of a router")]
    NextHopMartian,
    /// A next hop entry of RIPng has an address that is not link-local. What follows it is taken
    /// to go through the sender (RFC 2080 §2.1.1).
    #[error("the next hop is not a link-local address")]
    NextHopNotLinkLocal,
}
