//! Why a fragment was refused, a datagram given up, or a packet not split.

use crate::ParseError;
use crate::wire::icmpv6_code::ParameterProblem;
use thiserror::Error;

/// Why a fragment was ignored. The state of the [`Reassembler`](super::Reassembler) is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FragmentDiscard {
    /// The extension headers of an IPv6 packet cannot be read, or a fragment is itself fragmented.
    #[error("{0}")]
    Malformed(ParseError),
    /// The fragment carries nothing.
    #[error("the fragment is empty")]
    Empty,
    /// More fragments follow, and the length is not a multiple of eight octets.
    #[error("more fragments follow, and {length} octets is not a multiple of 8")]
    Unaligned {
        /// Octets that the fragment carries.
        length: usize,
        /// Where ICMPv6 points, for a fragment over IPv6.
        icmpv6_pointer: Option<u32>,
    },
    /// The packet would be longer than its length field can say.
    #[error("the packet would have {length} octets where its length field ends at 65535")]
    TooLong {
        /// Octets that the length field of the packet would have to count.
        length: usize,
        /// Where ICMPv6 points, for a fragment over IPv6.
        icmpv6_pointer: Option<u32>,
    },
    /// The first IPv4 fragment of a TCP segment is too short for the policy (RFC 1858 §3.2.1).
    #[error("the first fragment holds only {length} octets of the TCP header")]
    TinyFirst {
        /// Octets of TCP that are there.
        length: usize,
    },
    /// An IPv4 fragment would start within the TCP header, at octet 8 (RFC 3128).
    #[error("a fragment starts within the TCP header")]
    WithinTcpHeader,
    /// The first IPv6 fragment does not hold all headers (RFC 7112 §5).
    #[error("the first fragment does not hold the whole IPv6 header chain")]
    IncompleteHeaderChain,
    /// The same fragment is there already, octet by octet.
    #[error("the fragment is there already")]
    Duplicate,
    /// The datagram was given up before, and its time has not run out.
    #[error("the datagram was given up")]
    GivenUp,
    /// There is no room for the fragment.
    #[error("there is no room for the fragment")]
    Full,
    /// The source has used up its share of the room.
    #[error("the source of the fragment has used up its share")]
    SourceFull,
}

impl FragmentDiscard {
    /// The code and pointer of the ICMPv6 Parameter Problem that answers the fragment; `None` where
    /// it is discarded in silence, as every fragment over IPv4 is.
    // RFC 8200 §4.5 MUST (unaligned): Parameter Problem, code 0, points to the Payload Length.
    // RFC 8200 §4.5 MUST (too-long): Parameter Problem, code 0, points to the Fragment Offset.
    // RFC 7112 §5 SHOULD (report): Parameter Problem, code 3, answers an incomplete header chain.
    pub const fn icmpv6_parameter_problem(&self) -> Option<(ParameterProblem, u32)> {
        match *self {
            Self::Unaligned {
                icmpv6_pointer: Some(pointer),
                ..
            }
            | Self::TooLong {
                icmpv6_pointer: Some(pointer),
                ..
            } => Some((ParameterProblem::HEADER_FIELD, pointer)),
            Self::IncompleteHeaderChain => Some((ParameterProblem::INCOMPLETE_HEADER_CHAIN, 0)),
            _ => None,
        }
    }
}

impl From<ParseError> for FragmentDiscard {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error)
    }
}

/// Why a datagram was given up, with all fragments of it that were held.
///
/// None of these is answered by an ICMP message: whoever causes one has forged a fragment, or is
/// broken (RFC 8200 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AbandonReason {
    /// Two fragments overlap and are not the same.
    #[error("fragments overlap")]
    Overlap,
    /// Two fragments disagree about where the datagram ends.
    #[error("fragments disagree about the end of the datagram")]
    ConflictingEnd,
    /// The datagram comes in more fragments than are allowed.
    #[error("too many fragments")]
    TooManyFragments,
    /// With the headers of the first fragment, the packet is longer than its length field can say.
    #[error("the packet is longer than its length field can say")]
    TooLong,
    /// One fragment says that congestion was experienced, and another that its sender does not
    /// understand so (RFC 3168 §5.3).
    #[error("a fragment is marked for congestion and another is not ECN-capable")]
    EcnConflict,
}

/// Why a packet is not split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The packet is too long and may not be fragmented: ICMP says "fragmentation needed", with
    /// this MTU.
    #[error("the packet may not be fragmented, and does not fit {mtu} octets")]
    DontFragment {
        /// Octets that a packet may have on the next link.
        mtu: usize,
    },
    /// No fragment fits the MTU, or IP does not run over links with so small a one.
    #[error("an MTU of {mtu} octets; at least {minimum} are needed")]
    MtuTooSmall {
        /// Octets that a packet may have on the next link.
        mtu: usize,
        /// Octets that it must be allowed to have.
        minimum: usize,
    },
    /// The packet has a fragment header already, and IPv6 fragments are not fragmented again.
    #[error("the packet is a fragment already")]
    AlreadyFragment,
    /// The IPv6 headers do not fit into the first fragment (RFC 7112 §5).
    #[error("the IPv6 header chain does not fit into the first fragment")]
    HeaderChainTooLong,
    /// The packet is a fragment with lengths that cannot be, or has extension headers that cannot
    /// be read.
    #[error("{0}")]
    Malformed(ParseError),
}

impl FragmentError {
    /// The next-hop MTU that ICMP "fragmentation needed" tells the sender (RFC 1191 §4).
    pub fn next_hop_mtu(&self) -> Option<u16> {
        match *self {
            Self::DontFragment { mtu } => Some(u16::try_from(mtu).unwrap_or(u16::MAX)),
            _ => None,
        }
    }
}

impl From<ParseError> for FragmentError {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error)
    }
}
