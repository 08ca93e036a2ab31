//! What a node does with a received IP packet: deliver it, reassemble it, forward it, answer with an
//! error, or drop it (RFC 8200 §4, RFC 1122 §3.2.1).
//!
//! [`ipv6`] and [`ipv4`] are pure functions of the packet and of what the node knows about it. They
//! check addresses and headers in the order in which a node meets them, so that the first problem
//! counts, and name the ICMP error that answers it. Whether that error may be sent is for
//! [`generation`](crate::generation) to say.
//!
//! ```
//! use icmp_nd::reception::{Destination, Ipv6Context, Verdict, ipv6};
//! use packet_buffer::PacketBuf;
//! use packet_buffer::wire::{Icmpv6Repr, IpProtocol, Ipv6Repr, icmpv6_code};
//!
//! let mut packet = PacketBuf::new();
//! Ipv6Repr::new("2001:db8::1".parse()?, "2001:db8::2".parse()?, IpProtocol(143)).emit(&mut packet)?;
//!
//! let known = [IpProtocol::ICMPV6, IpProtocol::UDP];
//! let context = Ipv6Context::new(Destination::Own, &known);
//! let Verdict::Error { error, .. } = ipv6(packet.as_slice(), &context) else {
//!     panic!("nobody here speaks protocol 143");
//! };
//! // The Next Header field of the fixed header is its octet 6.
//! let code = icmpv6_code::ParameterProblem::NEXT_HEADER;
//! assert_eq!(error, Icmpv6Repr::ParameterProblem { code, pointer: 6 });
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod ipv4;
mod ipv6;
mod reason;

pub use ipv4::{Ipv4Context, SourceRoutes, ipv4};
pub use ipv6::{Ipv6Context, ipv6};
pub use reason::{Reason, ReceptionCounters};

use packet_buffer::wire::{Icmpv4Repr, Icmpv6Repr, IpProtocol};

/// Where the destination address of a packet leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Destination {
    /// It is a unicast or anycast address of this node, on the interface where the packet arrived or,
    /// by the weak end system model, on another.
    Own,
    /// It is the limited broadcast address, or a broadcast address of the network that the packet
    /// arrived from.
    Broadcast,
    /// It is a multicast group that this node listens to on the interface.
    Group,
    /// It is none of these.
    Elsewhere,
}

/// What to do with a packet. `E` is the ICMP error of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a, E> {
    /// It is for this node, whole, and carries `payload`.
    Deliver {
        /// What the payload is.
        protocol: IpProtocol,
        /// The upper layer's octets.
        payload: &'a [u8],
        /// Where they start, in octets from the start of the packet.
        offset: usize,
    },
    /// It is a fragment for this node: hand the packet to a reassembler, and what comes out of that
    /// in here again.
    Reassemble,
    /// It is for somebody else, and nothing speaks against forwarding it. Only routers hear this.
    Forward,
    /// It is dropped, and an error says why.
    Error {
        /// The error.
        error: E,
        /// What was found.
        reason: Reason,
    },
    /// It is dropped in silence.
    Drop(Reason),
}

/// What to do with an IPv4 packet.
pub type Ipv4Verdict<'a> = Verdict<'a, Icmpv4Repr>;
/// What to do with an IPv6 packet.
pub type Ipv6Verdict<'a> = Verdict<'a, Icmpv6Repr>;
