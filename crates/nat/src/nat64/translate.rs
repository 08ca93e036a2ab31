//! What both directions of header translation share (RFC 7915).

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::IpProtocol;
use packet_buffer::{EmitError, ParseError};
use thiserror::Error;

/// How headers are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranslateConfig {
    /// Whether the type of service and the traffic class are copied into each other; otherwise they
    /// are zero. Default: true.
    // RFC 7915 §4.1 SHOULD (traffic-class): an administrator can have the octet ignored.
    pub copies_traffic_class: bool,
    /// The largest packet, in octets, that the link to the IPv4 next hop takes; at least 68.
    /// Default: 1,500.
    pub ipv4_mtu: u16,
    /// The largest packet, in octets, that the link to the IPv6 next hop takes; at least 1,280.
    /// Default: 1,500.
    pub ipv6_mtu: u16,
    /// The longest IPv6 packet, in octets, that is made of an IPv4 packet which may be fragmented:
    /// RFC 7915's lowest-ipv6-mtu; at least 1,280. Default: 1,280.
    pub lowest_ipv6_mtu: u16,
}

impl Default for TranslateConfig {
    fn default() -> Self {
        Self {
            copies_traffic_class: true,
            ipv4_mtu: 1_500,
            ipv6_mtu: 1_500,
            lowest_ipv6_mtu: 1_280,
        }
    }
}

/// The addresses that a packet has when it is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Addresses<A> {
    /// Where it comes from.
    pub source: A,
    /// Where it goes.
    pub destination: A,
    /// Source and destination of the packet that an ICMP error quotes; without them errors are not
    /// translated.
    pub quoted: Option<(A, A)>,
}

impl<A> Addresses<A> {
    /// Addresses of a packet that is not an ICMP error.
    pub const fn new(source: A, destination: A) -> Self {
        Self {
            source,
            destination,
            quoted: None,
        }
    }
}

/// Why a packet was not translated. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TranslateError {
    /// The packet cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The packet would be too long.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// An IPv4 source route that has not run out: to be answered with "source route failed".
    #[error("the packet has a source route that has not run out")]
    SourceRoute,
    /// An IPv6 routing header with segments left: to be answered with a parameter problem.
    #[error("the routing header has segments left")]
    SegmentsLeft {
        /// Where the field Segments Left stands, in octets from the start of the packet.
        pointer: u32,
    },
    /// An Authentication Header, which covers what is translated.
    #[error("the packet has an authentication header")]
    AuthenticationHeader,
    /// The first fragment ends within its transport header.
    #[error("the packet ends within its transport header")]
    Tiny,
    /// A first fragment of a UDP datagram without a checksum, which IPv6 does not allow and which
    /// cannot be computed of a fragment.
    #[error("a fragmented UDP datagram without a checksum")]
    NoUdpChecksum,
    /// A fragment of an ICMP message, whose checksum covers its length in one family only.
    #[error("a fragment of an ICMP message")]
    FragmentedIcmp,
    /// Extension headers behind the fragment header, which count in its offsets.
    #[error("extension headers behind a fragment header")]
    HeadersInFragment,
    /// An ICMP message that means nothing in the other family.
    #[error("an ICMP message of type {message_type} and code {code} has no counterpart")]
    IcmpWithoutCounterpart {
        /// Its type.
        message_type: u8,
        /// Its code.
        code: u8,
    },
    /// An ICMP error that quotes an ICMP error.
    #[error("an ICMP error about an ICMP error")]
    NestedError,
    /// An ICMP error, and no addresses for the packet that it quotes.
    #[error("no addresses for the quoted packet")]
    NoQuotedAddresses,
}

/// How checksums that cover the pseudo-header change when addresses of one family replace the
/// other's.
pub(super) fn addresses_delta(
    v4: (Ipv4Addr, Ipv4Addr),
    v6: (Ipv6Addr, Ipv6Addr),
    to_v6: bool,
) -> ChecksumDelta {
    let short = |address: Ipv4Addr| u128::from(address.to_bits());
    let mut delta = ChecksumDelta::new();
    for (short, long) in [(short(v4.0), v6.0.to_bits()), (short(v4.1), v6.1.to_bits())] {
        delta = if to_v6 {
            delta.replace_u128(short, long)
        } else {
            delta.replace_u128(long, short)
        };
    }
    delta
}

/// Where the checksum of a transport header stands that covers the pseudo-header, in octets.
pub(super) const fn checksum_offset(protocol: IpProtocol) -> Option<usize> {
    match protocol {
        IpProtocol::TCP => Some(16),
        IpProtocol::UDP | IpProtocol::UDP_LITE | IpProtocol::DCCP => Some(6),
        _ => None,
    }
}

/// Patches the checksum of a transport header; nothing where `octets` does not reach it.
pub(super) fn patch_transport(protocol: IpProtocol, octets: &mut [u8], delta: ChecksumDelta) {
    let Some(at) = checksum_offset(protocol) else {
        return;
    };
    if let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        let old = u16::from_be_bytes(*field);
        let new = if protocol == IpProtocol::UDP || protocol == IpProtocol::UDP_LITE {
            delta.apply_udp(old)
        } else {
            delta.apply(old)
        };
        *field = new.to_be_bytes();
    }
}

/// Changes the type of an echo, and patches the checksum with that and `delta`.
pub(super) fn patch_echo(octets: &mut [u8], message_type: u8, delta: ChecksumDelta) {
    let Some([old_type, code, rest @ ..]) = octets.first_chunk_mut::<4>() else {
        return;
    };
    let word = |kind: u8| u16::from_be_bytes([kind, *code]);
    let delta = delta.replace_u16(word(*old_type), word(message_type));
    *rest = delta.apply(u16::from_be_bytes(*rest)).to_be_bytes();
    *old_type = message_type;
}

/// What the pseudo-header adds to the checksum of an ICMPv6 message of `length` octets.
pub(super) fn icmpv6_pseudo_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    length: usize,
) -> ChecksumDelta {
    ChecksumDelta::new()
        .replace_u128(0, source.to_bits())
        .replace_u128(0, destination.to_bits())
        .replace_u32(0, u32::try_from(length).unwrap_or(u32::MAX))
        .replace_u16(0, u16::from(IpProtocol::ICMPV6.0))
}

/// The same, taken away.
pub(super) fn without_icmpv6_pseudo_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    length: usize,
) -> ChecksumDelta {
    ChecksumDelta::new()
        .replace_u128(source.to_bits(), 0)
        .replace_u128(destination.to_bits(), 0)
        .replace_u32(u32::try_from(length).unwrap_or(u32::MAX), 0)
        .replace_u16(u16::from(IpProtocol::ICMPV6.0), 0)
}
