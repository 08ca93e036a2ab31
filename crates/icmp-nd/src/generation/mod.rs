//! When an ICMP error may be sent, what it quotes, and how often (RFC 1122 §3.2.2, RFC 1812 §4.3.2,
//! RFC 4443 §2.4).
//!
//! | for | see |
//! |---|---|
//! | the decision alone, pure | [`ipv4_error_permitted`], [`ipv6_error_permitted`] |
//! | writing the error packet alone, pure | [`build_ipv4_error`], [`build_ipv6_error`] |
//! | how often, per destination and in all | [`RateLimiter`] |
//! | all three, with counters: what a host and a router own | [`ErrorGenerator`] |
//!
//! The decision takes the offending packet as octets and not as a checked view, because errors are
//! also sent about packets that a view refuses (a Parameter Problem about a bad option).
//!
//! Whether a packet deserves an error, which code, and from which address it comes (RFC 1812
//! §4.3.2.4, RFC 4443 §2.2) is for the caller to say; a TCP reset is not an ICMP error and not made
//! here.
//!
//! ```
//! use icmp_nd::generation::{Arrival, ErrorGenerator, GenerationConfig, Silence};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//! use packet_buffer::wire::*;
//!
//! let (me, peer) = ([192, 0, 2, 2].into(), [192, 0, 2, 1].into());
//! let mut datagram = PacketBuf::new();
//! UdpRepr { source_port: 4000, destination_port: 9 }
//!     .emit(&mut datagram, &PseudoHeader::V4 { source: peer, destination: me })?;
//! Ipv4Repr::new(peer, me, IpProtocol::UDP).emit(&mut datagram)?;
//!
//! let mut generator = ErrorGenerator::new(GenerationConfig::default(), Box::new(OsRandom))?;
//! let port_unreachable = Icmpv4Repr::DestinationUnreachable {
//!     code: icmpv4_code::Unreachable::PORT,
//!     quoted_words: 0,
//!     next_hop_mtu: 0,
//! };
//! let now = Instant::ZERO;
//! let mut error = PacketBuf::new();
//! generator.ipv4(now, &port_unreachable, datagram.as_slice(), &Arrival::UNICAST, me, &mut error)?;
//! assert_eq!(Ipv4Packet::parse(error.as_slice())?.destination(), peer);
//!
//! // About a datagram that came as a broadcast, nothing is sent.
//! let broadcast = Arrival { ip_broadcast: true, ..Arrival::UNICAST };
//! let silence = generator.ipv4(now, &port_unreachable, datagram.as_slice(), &broadcast, me, &mut error);
//! assert_eq!(silence, Err(Silence::BroadcastDestination));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod build;
mod decision;
mod generator;
mod limit;

pub use build::{
    DEFAULT_IPV4_ERROR_LEN, ErrorOptions, MIN_EXTENDED_QUOTE, build_ipv4_error, build_ipv6_error,
};
pub use decision::{Arrival, LinkDelivery, Silence, ipv4_error_permitted, ipv6_error_permitted};
pub use generator::{ErrorGenerator, GenerationConfig, GenerationConfigError, GenerationStats};
pub use limit::{Limited, RateLimitConfig, RateLimiter};
pub use packet_buffer::rate::Rate;
