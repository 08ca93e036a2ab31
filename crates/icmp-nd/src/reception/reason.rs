//! Why a packet is not delivered.

use packet_buffer::ParseError;
use thiserror::Error;

/// Why a packet is dropped, with or without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The fixed header or the length of the packet cannot be right.
    #[error("the IP header cannot be read: {0}")]
    Malformed(ParseError),
    /// The IPv4 header checksum does not match.
    #[error("the header checksum does not match")]
    Checksum,
    /// The source is a multicast or broadcast address.
    #[error("the source is a group")]
    SourceGroup,
    /// The source cannot come from outside: a loopback address, a reserved one, or one of this
    /// node's own.
    #[error("the source cannot come from outside")]
    SourceMartian,
    /// The destination cannot come from outside: loopback, unspecified, or a group of interface-local
    /// scope.
    #[error("the destination cannot come from outside")]
    DestinationMartian,
    /// The packet is for another node, and this one does not forward.
    #[error("the packet is for another node")]
    NotForUs,
    /// The packet is for a group that this node does not listen to.
    #[error("nobody here listens to the group")]
    NotListening,
    /// A unicast packet came as a broadcast or multicast of the link layer.
    #[error("a unicast packet came as a broadcast of the link layer")]
    LinkBroadcast,
    /// A packet for another node may not leave its link or its site.
    #[error("the packet may not be forwarded beyond its scope")]
    Scope,
    /// The hops that the packet may make are used up.
    #[error("the hop limit is used up")]
    HopLimit,
    /// A hop-by-hop options header stands elsewhere than behind the fixed header.
    #[error("a hop-by-hop options header is not the first")]
    HopByHopNotFirst,
    /// An extension header runs off the end of the packet.
    #[error("an extension header runs off the end")]
    HeaderTruncated,
    /// An option runs off the end of its header, or its length cannot be right.
    #[error("an option has a wrong length")]
    OptionLength,
    /// An option is not known, and the packet is not to be processed without it.
    #[error("option {0:#04x} is not known and may not be skipped")]
    UnknownOption(u8),
    /// An option that is known has a wrong value.
    #[error("option {0:#04x} has a wrong value")]
    BadOption(u8),
    /// A routing header of a kind that is not processed has segments left.
    #[error("a routing header of type {0} has segments left")]
    RoutingHeader(u8),
    /// The packet carries a source route, which is not followed.
    #[error("the packet carries a source route")]
    SourceRoute,
    /// A fragment that is not the last has a length that is not a multiple of eight octets.
    #[error("a fragment has a length that is not a multiple of 8")]
    FragmentUnaligned,
    /// A fragment would end behind octet 65,535 of its packet.
    #[error("a fragment ends beyond 65535 octets")]
    FragmentTooLong,
    /// A fragment is fragmented itself.
    #[error("a fragment is fragmented itself")]
    SecondFragmentHeader,
    /// A first fragment does not hold all headers.
    #[error("the first fragment does not hold the whole header chain")]
    IncompleteHeaderChain,
    /// More extension headers than any packet of real use has.
    #[error("too many extension headers")]
    TooManyHeaders,
    /// Nothing follows the headers, as the packet says itself: it is complete, and empty.
    #[error("nothing follows the headers")]
    NoNextHeader,
    /// Nobody here speaks the protocol.
    #[error("protocol {0} is not spoken here")]
    UnknownProtocol(u8),
}

/// How often each [`Reason`] was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReceptionCounters {
    /// Wrong headers, lengths and checksums: [`Reason::Malformed`] and [`Reason::Checksum`].
    pub malformed: u64,
    /// Addresses that cannot be: [`Reason::SourceGroup`], [`Reason::SourceMartian`] and
    /// [`Reason::DestinationMartian`].
    pub martian: u64,
    /// For others: [`Reason::NotForUs`], [`Reason::NotListening`] and [`Reason::LinkBroadcast`].
    pub not_for_us: u64,
    /// [`Reason::Scope`].
    pub scope: u64,
    /// [`Reason::HopLimit`].
    pub hop_limit: u64,
    /// Wrong extension headers: [`Reason::HopByHopNotFirst`], [`Reason::HeaderTruncated`] and
    /// [`Reason::TooManyHeaders`].
    pub extension_headers: u64,
    /// [`Reason::OptionLength`], [`Reason::UnknownOption`] and [`Reason::BadOption`].
    pub options: u64,
    /// [`Reason::RoutingHeader`] and [`Reason::SourceRoute`].
    pub source_routes: u64,
    /// Wrong fragments: [`Reason::FragmentUnaligned`], [`Reason::FragmentTooLong`],
    /// [`Reason::SecondFragmentHeader`] and [`Reason::IncompleteHeaderChain`].
    pub fragments: u64,
    /// [`Reason::NoNextHeader`].
    pub no_next_header: u64,
    /// [`Reason::UnknownProtocol`].
    pub unknown_protocol: u64,
}

impl ReceptionCounters {
    /// Counts a packet.
    pub fn count(&mut self, reason: &Reason) {
        let counter = match reason {
            Reason::Malformed(_) | Reason::Checksum => &mut self.malformed,
            Reason::SourceGroup | Reason::SourceMartian | Reason::DestinationMartian => {
                &mut self.martian
            }
            Reason::NotForUs | Reason::NotListening | Reason::LinkBroadcast => &mut self.not_for_us,
            Reason::Scope => &mut self.scope,
            Reason::HopLimit => &mut self.hop_limit,
            Reason::HopByHopNotFirst | Reason::HeaderTruncated | Reason::TooManyHeaders => {
                &mut self.extension_headers
            }
            Reason::OptionLength | Reason::UnknownOption(_) | Reason::BadOption(_) => {
                &mut self.options
            }
            Reason::RoutingHeader(_) | Reason::SourceRoute => &mut self.source_routes,
            Reason::FragmentUnaligned
            | Reason::FragmentTooLong
            | Reason::SecondFragmentHeader
            | Reason::IncompleteHeaderChain => &mut self.fragments,
            Reason::NoNextHeader => &mut self.no_next_header,
            Reason::UnknownProtocol(_) => &mut self.unknown_protocol,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let Self {
            malformed,
            martian,
            not_for_us,
            scope,
            hop_limit,
            extension_headers,
            options,
            source_routes,
            fragments,
            no_next_header,
            unknown_protocol,
        } = self;
        [
            malformed,
            martian,
            not_for_us,
            scope,
            hop_limit,
            extension_headers,
            options,
            source_routes,
            fragments,
            no_next_header,
            unknown_protocol,
        ]
        .into_iter()
        .sum()
    }
}
