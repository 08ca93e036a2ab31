//! IPv6 extension headers (RFC 8200 §4) and the Authentication Header (RFC 4302) among them.
//!
//! ```text
//!  0             1              2
//! +-------------+--------------+--------------------------------
//! | Next Header | Hdr Ext Len  |  options, addresses, ...          hop-by-hop, routing, destination:
//! +-------------+--------------+--------------------------------       8 * (Hdr Ext Len + 1) octets
//! | Next Header | Payload Len  |  SPI, sequence number, ICV         AH: 4 * (Payload Len + 2) octets
//! +-------------+--------------+-------------------+-----------
//! | Next Header | Reserved     | Offset, M flag    | Identification     fragment: 8 octets
//! ```

use super::{IpProtocol, be16, be32};
use crate::tlv::{TlvFormat, TlvList};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv6Addr;

crate::code_points! {
    /// The type octet of an option in a hop-by-hop or destination options header.
    pub struct Ipv6OptionKind(u8) {
        /// One octet of padding.
        PAD_1 = 0x00 => "Pad1",
        /// Two or more octets of padding.
        PAD_N = 0x01 => "PadN",
        /// Router alert (RFC 2711).
        ROUTER_ALERT = 0x05 => "router alert",
        /// Jumbo payload (RFC 2675).
        JUMBO_PAYLOAD = 0xc2 => "jumbo payload",
        /// Home address (RFC 6275).
        HOME_ADDRESS = 0xc9 => "home address",
    }
}

impl Ipv6OptionKind {
    /// What a node that does not know the option does with the packet: 0 skips the option, 1
    /// discards, 2 discards and reports, 3 discards and reports unless the packet was multicast
    /// (RFC 8200 §4.2).
    #[inline]
    pub const fn action_if_unknown(self) -> u8 {
        self.0 >> 6
    }

    /// Whether the option's data may change on the way.
    #[inline]
    pub const fn may_change(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// A fragment header, as read and as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv6FragmentHeader {
    /// What the original packet continues with behind this header.
    pub next_header: IpProtocol,
    /// Where the fragment belongs in the original, in octets; a multiple of eight.
    pub offset: u16,
    /// Whether another fragment follows.
    pub more_fragments: bool,
    /// Groups the fragments of one packet.
    pub identification: u32,
}

impl Ipv6FragmentHeader {
    /// Octets of the header.
    pub const LEN: usize = 8;

    fn from_octets(octets: &[u8; 8]) -> Self {
        let word = be16::<2, 8>(octets);
        Self {
            next_header: IpProtocol(octets[0]),
            offset: word & 0xfff8,
            more_fragments: word & 1 != 0,
            identification: be32::<4, 8>(octets),
        }
    }

    /// Whether the packet is whole in spite of the header (RFC 6946): it is delivered on its own
    /// and never mixed with fragments of the same identification.
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more_fragments
    }

    /// Writes the header in front of `packet`, the fragment's payload. The header before it must
    /// name [`IpProtocol::FRAGMENT`] next.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: unaligned, when the offset, or the payload of a fragment that is
    /// not the last, is not a multiple of eight; too long, when the fragment would end behind octet
    /// 65535 of the original.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let length = packet.len();
        let unaligned = |what, length| {
            Err(EmitError::Unaligned {
                what,
                length,
                multiple: 8,
            })
        };
        if !self.offset.is_multiple_of(8) {
            return unaligned("IPv6 fragment offset", usize::from(self.offset));
        }
        if self.more_fragments && !length.is_multiple_of(8) {
            return unaligned("IPv6 fragment payload", length);
        }
        let limit = usize::from(u16::MAX - self.offset);
        if length > limit {
            return Err(EmitError::TooLong {
                what: "IPv6 fragment payload",
                length,
                limit,
            });
        }
        let mut octets = [0; Self::LEN];
        octets[0] = self.next_header.0;
        let word = self.offset | u16::from(self.more_fragments);
        NetworkEndian::write_u16(&mut octets[2..4], word);
        NetworkEndian::write_u32(&mut octets[4..8], self.identification);
        packet.prepend_slice(&octets);
        Ok(())
    }
}

/// A routing header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6RoutingHeader<'a> {
    /// Which kind of routing: 0 is deprecated and dangerous (RFC 5095), 2 is Mobile IPv6's, 3 is
    /// RPL's, 4 is segment routing's.
    pub routing_type: u8,
    /// Nodes that are still to be visited.
    pub segments_left: u8,
    /// What follows the first four octets.
    pub data: &'a [u8],
}

impl<'a> Ipv6RoutingHeader<'a> {
    /// The addresses of a header of type 0 or 2, behind four reserved octets; none for other types.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> + use<'a> {
        let octets = match self.routing_type {
            0 | 2 => self.data.get(4..).unwrap_or_default(),
            _ => &[],
        };
        octets
            .as_chunks::<16>()
            .0
            .iter()
            .map(|octets| Ipv6Addr::from(*octets))
    }
}

/// One extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipv6Extension<'a> {
    /// Options for every node on the way, see [`Ipv6OptionKind`].
    HopByHop(TlvList<'a>),
    /// Options for the destination, see [`Ipv6OptionKind`].
    DestinationOptions(TlvList<'a>),
    /// Nodes to visit on the way.
    Routing(Ipv6RoutingHeader<'a>),
    /// The packet is a fragment, or an atomic one.
    Fragment(Ipv6FragmentHeader),
    /// An Authentication Header, whole.
    Authentication(&'a [u8]),
}

/// What stands behind the extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperLayer<'a> {
    /// The protocol; of a fragment that is not the first, that of the first one's start. It can
    /// still be an extension header's, in the first fragment of a packet whose headers continue in
    /// the second.
    pub protocol: IpProtocol,
    /// Its octets.
    pub payload: &'a [u8],
    /// Where they start, in octets from the start of the packet.
    pub offset: usize,
    /// The fragment header among the extension headers.
    pub fragment: Option<Ipv6FragmentHeader>,
}

impl UpperLayer<'_> {
    /// Whether the payload starts with the upper layer's header: not so in later fragments.
    #[inline]
    pub fn is_start(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.offset == 0)
    }
}

/// A chain of extension headers that has been checked from front to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Extensions<'a> {
    first: IpProtocol,
    octets: &'a [u8],
    upper_layer: UpperLayer<'a>,
}

impl<'a> Ipv6Extensions<'a> {
    /// Extension headers that are read; a packet with more is refused. No packet of real use comes
    /// near, and RFC 8504 §5.3 lets a node set such a limit.
    pub const MAX: usize = 16;

    /// Walks the extension headers in `octets`, the first of which is `first` and starts `offset`
    /// octets into the packet.
    ///
    /// The walk ends at the first header that is not an extension, at ESP (what follows is
    /// encrypted), behind the fragment header of a fragment that is not the first (what follows is
    /// not a header), and, in a first fragment, at a header that is cut off.
    ///
    /// # Errors
    ///
    /// Truncated, when a header runs off the end; bad value, for a hop-by-hop header that is not
    /// the first (RFC 8200 §4.1) and for a second fragment header; bad length, for an
    /// Authentication Header that is too short for its fields and for options that cannot be right;
    /// unsupported, for more than [`MAX`](Self::MAX) headers.
    pub fn parse(first: IpProtocol, octets: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let mut walk = Walk {
            next: first,
            rest: octets,
            offset,
        };
        let mut fragment: Option<Ipv6FragmentHeader> = None;
        let mut count = 0;
        while walk.next.is_ipv6_extension() {
            let (at, kind) = (walk.offset, walk.next);
            // RFC 8200 §4.1 MUST: a Next Header of zero elsewhere than in the IPv6 header is an error.
            if kind == IpProtocol::HOP_BY_HOP && count > 0 {
                return Err(ParseError::bad_value(
                    "IPv6 hop-by-hop header, not first,",
                    at,
                    0,
                ));
            }
            if count == Self::MAX {
                let value = u32::from(kind.0);
                return Err(ParseError::unsupported("IPv6 extension header", at, value));
            }
            count += 1;
            let extension = match walk.step() {
                // RFC 8200 §4.5: the headers of a first fragment may be cut off; RFC 7112 §5 has
                // the destination drop such packets, which is for reassembly to do.
                Err(error)
                    if error.is_truncated()
                        && error.offset == at
                        && fragment.is_some_and(|it| it.more_fragments) =>
                {
                    break;
                }
                step => step?,
            };
            if let Ipv6Extension::Fragment(header) = extension {
                if fragment.replace(header).is_some() {
                    let value = u32::from(kind.0);
                    return Err(ParseError::bad_value(
                        "second IPv6 fragment header",
                        at,
                        value,
                    ));
                }
                if header.offset != 0 {
                    break;
                }
            }
        }
        let upper_layer = UpperLayer {
            protocol: walk.next,
            payload: walk.rest,
            offset: walk.offset,
            fragment,
        };
        let octets = octets
            .get(..octets.len() - walk.rest.len())
            .unwrap_or_default();
        Ok(Self {
            first,
            octets,
            upper_layer,
        })
    }

    /// The headers in wire order.
    pub fn iter(&self) -> Ipv6ExtensionIter<'a> {
        Ipv6ExtensionIter {
            walk: Walk {
                next: self.first,
                rest: self.octets,
                offset: 0,
            },
        }
    }

    /// What stands behind the headers.
    #[inline]
    pub fn upper_layer(&self) -> UpperLayer<'a> {
        self.upper_layer
    }

    /// The headers as they stand in the packet.
    #[inline]
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}

impl<'a> IntoIterator for Ipv6Extensions<'a> {
    type Item = (IpProtocol, Ipv6Extension<'a>);
    type IntoIter = Ipv6ExtensionIter<'a>;

    fn into_iter(self) -> Ipv6ExtensionIter<'a> {
        self.iter()
    }
}

/// Iterator over the headers of [`Ipv6Extensions`]: each with the protocol that follows it.
#[derive(Debug, Clone)]
pub struct Ipv6ExtensionIter<'a> {
    walk: Walk<'a>,
}

impl<'a> Iterator for Ipv6ExtensionIter<'a> {
    type Item = (IpProtocol, Ipv6Extension<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.walk.rest.is_empty() {
            return None;
        }
        // The chain was checked: an error cannot occur, and would end the iteration.
        let extension = self.walk.step().ok()?;
        Some((self.walk.next, extension))
    }
}

/// The place of a walk: in front of the header `next`, which `rest` starts with.
#[derive(Debug, Clone)]
struct Walk<'a> {
    next: IpProtocol,
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Walk<'a> {
    /// Goes over the extension header `next`.
    fn step(&mut self) -> Result<Ipv6Extension<'a>, ParseError> {
        let (octets, at) = (self.rest, self.offset);
        let what = match self.next {
            IpProtocol::HOP_BY_HOP => "IPv6 hop-by-hop header",
            IpProtocol::ROUTING => "IPv6 routing header",
            IpProtocol::FRAGMENT => "IPv6 fragment header",
            IpProtocol::AH => "Authentication Header",
            _ => "IPv6 destination options header",
        };
        let Some((fixed, _)) = octets.split_first_chunk::<8>() else {
            return Err(ParseError::truncated(what, at, 8, octets.len()));
        };
        let length = match self.next {
            IpProtocol::FRAGMENT => Ipv6FragmentHeader::LEN,
            // RFC 4302 §2.2: 32-bit words minus two, unlike all other extension headers.
            IpProtocol::AH => (usize::from(fixed[1]) + 2) * 4,
            _ => (usize::from(fixed[1]) + 1) * 8,
        };
        let Some((header, rest)) = octets.split_at_checked(length) else {
            return Err(ParseError::truncated(what, at, length, octets.len()));
        };
        let options = || {
            let octets = header.get(2..).unwrap_or_default();
            TlvList::parse(&TlvFormat::IPV6, octets, at + 2)
        };
        let extension = match self.next {
            IpProtocol::HOP_BY_HOP => Ipv6Extension::HopByHop(options()?),
            IpProtocol::ROUTING => Ipv6Extension::Routing(Ipv6RoutingHeader {
                routing_type: fixed[2],
                segments_left: fixed[3],
                data: header.get(4..).unwrap_or_default(),
            }),
            IpProtocol::FRAGMENT => Ipv6Extension::Fragment(Ipv6FragmentHeader::from_octets(fixed)),
            // SPI and sequence number need twelve octets.
            IpProtocol::AH if length < 12 => {
                return Err(ParseError::bad_length(
                    "Authentication Header length",
                    at + 1,
                    length,
                ));
            }
            IpProtocol::AH => Ipv6Extension::Authentication(header),
            _ => Ipv6Extension::DestinationOptions(options()?),
        };
        self.next = IpProtocol(fixed[0]);
        self.rest = rest;
        self.offset = at + length;
        Ok(extension)
    }
}
