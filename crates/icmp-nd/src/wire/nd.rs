//! Neighbor Discovery messages (RFC 4861 §4). All start with the header of ICMPv6:
//!
//! ```text
//!  0      1      2          4                        8
//! +------+------+----------+------------------------+
//! | Type | Code | Checksum | Reserved               | options       Router Solicitation
//! +------+------+----------+-----+-----+------------+-----------------+---------------+
//! | Type | Code | Checksum | Hop | MOH | Router     | Reachable Time  | Retrans Timer | options
//! |      |      |          | Lim.| prf | Lifetime   |                 |               |   Router
//! +------+------+----------+-----+-----+------------+-----------------+---------------+   Adv.
//! | Type | Code | Checksum | Reserved               | Target Address, 16 octets       | options
//! +------+------+----------+------------------------+---------------------------------+  N. Sol.
//! | Type | Code | Checksum | RSO, Reserved          | Target Address, 16 octets       | options
//! +------+------+----------+------------------------+---------------------------------+  N. Adv.
//! | Type | Code | Checksum | Reserved               | Target Address, Destination Address | options
//! +------+------+----------+------------------------+-------------------------------------+ Redirect
//! ```

use super::nd_option::NdOptions;
use super::nd_repr::{NdRepr, NeighborAdvertisementRepr, RouterAdvertisementRepr};
use super::{be16, be32, field, ipv6};
use core::net::Ipv6Addr;
use packet_buffer::ParseError;
use packet_buffer::wire::Icmpv6Type;

/// The preference of a router or of a route (RFC 4191 §2.1). Its order is that of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RouterPreference {
    /// `11`.
    Low,
    /// `00`, which routers that know nothing of preferences send.
    #[default]
    Medium,
    /// `01`.
    High,
}

impl RouterPreference {
    /// The preference in the bits 0x18 of a flags octet; `None` for the reserved `10`.
    #[inline]
    pub const fn from_flags(flags: u8) -> Option<Self> {
        match (flags >> 3) & 0b11 {
            0b00 => Some(Self::Medium),
            0b01 => Some(Self::High),
            0b11 => Some(Self::Low),
            _ => None,
        }
    }

    /// The preference as the bits 0x18 of a flags octet.
    #[inline]
    pub const fn to_flags(self) -> u8 {
        match self {
            Self::Medium => 0b00 << 3,
            Self::High => 0b01 << 3,
            Self::Low => 0b11 << 3,
        }
    }
}

/// Checks type and length of a message with a fixed part of `N` octets, and its options.
#[inline]
fn parts<'a, const N: usize>(
    octets: &'a [u8],
    message_type: Icmpv6Type,
    what: &'static str,
) -> Result<(&'a [u8; N], NdOptions<'a>), ParseError> {
    let Some((header, options)) = octets.split_first_chunk::<N>() else {
        return Err(ParseError::truncated(what, 0, N, octets.len()));
    };
    let found = field::<0, 1, N>(header)[0];
    if found != message_type.0 {
        return Err(ParseError::bad_value(what, 0, u32::from(found)));
    }
    Ok((header, NdOptions::parse(options, N)?))
}

macro_rules! common {
    ($name:ident, $len:literal, $message_type:ident, $what:literal) => {
        impl<'a> $name<'a> {
            /// Octets of the message without options.
            pub const HEADER_LEN: usize = $len;

            /// Checks type and length, and that the options fill the rest.
            ///
            /// `octets` is the whole ICMPv6 message. The checksum and the rules for a receiver are
            /// [`validation`](crate::validation)'s.
            ///
            /// # Errors
            ///
            /// Truncated, when the fixed part is not there whole or an option runs off the end; bad
            /// value, for another type; bad length, for an option of length 0.
            #[inline]
            pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
                let (header, options) = parts::<$len>(octets, Icmpv6Type::$message_type, $what)?;
                Ok(Self { header, options })
            }

            /// The code, which has to be 0.
            #[inline]
            pub fn code(&self) -> u8 {
                self.header[1]
            }

            /// The checksum as received.
            #[inline]
            pub fn checksum(&self) -> u16 {
                be16::<2, $len>(self.header)
            }

            /// The options, in wire order.
            #[inline]
            pub fn options(&self) -> NdOptions<'a> {
                self.options
            }
        }
    };
}

/// A received Router Solicitation (RFC 4861 §4.1).
#[derive(Debug, Clone, Copy)]
pub struct RouterSolicitation<'a> {
    header: &'a [u8; 8],
    options: NdOptions<'a>,
}

common!(
    RouterSolicitation,
    8,
    ROUTER_SOLICITATION,
    "Router Solicitation"
);

/// A received Router Advertisement (RFC 4861 §4.2, RFC 4191 §2.2).
#[derive(Debug, Clone, Copy)]
pub struct RouterAdvertisement<'a> {
    header: &'a [u8; 16],
    options: NdOptions<'a>,
}

common!(
    RouterAdvertisement,
    16,
    ROUTER_ADVERTISEMENT,
    "Router Advertisement"
);

impl RouterAdvertisement<'_> {
    /// The hop limit for packets of hosts; 0 when the router says none.
    #[inline]
    pub fn cur_hop_limit(&self) -> u8 {
        self.header[4]
    }

    /// The flags octet with the preference, and bits that are reserved.
    #[inline]
    pub fn flags(&self) -> u8 {
        self.header[5]
    }

    /// M: addresses are available by DHCPv6.
    #[inline]
    pub fn is_managed(&self) -> bool {
        self.flags() & 0x80 != 0
    }

    /// O: other configuration is available by DHCPv6.
    #[inline]
    pub fn has_other_configuration(&self) -> bool {
        self.flags() & 0x40 != 0
    }

    /// H: the router is a Mobile IPv6 home agent (RFC 6275 §7.1).
    #[inline]
    pub fn is_home_agent(&self) -> bool {
        self.flags() & 0x20 != 0
    }

    /// How much the router is preferred as default router. The reserved value, and any value in an
    /// advertisement with a router lifetime of 0, is medium.
    // RFC 4191 §2.2 MUST (reserved-preference): the reserved value is read as medium.
    // RFC 4191 §2.2 MUST (lifetime-zero): without a router lifetime the preference is ignored.
    #[inline]
    pub fn preference(&self) -> RouterPreference {
        match RouterPreference::from_flags(self.flags()) {
            Some(preference) if self.router_lifetime() > 0 => preference,
            _ => RouterPreference::Medium,
        }
    }

    /// For how many seconds the router is a default router; 0 when it is none.
    #[inline]
    pub fn router_lifetime(&self) -> u16 {
        be16::<6, 16>(self.header)
    }

    /// For how many milliseconds a neighbor counts as reachable; 0 when the router says nothing.
    #[inline]
    pub fn reachable_time(&self) -> u32 {
        be32::<8, 16>(self.header)
    }

    /// Milliseconds between Neighbor Solicitations; 0 when the router says nothing.
    #[inline]
    pub fn retrans_timer(&self) -> u32 {
        be32::<12, 16>(self.header)
    }

    /// The fixed part as values.
    pub fn to_repr(&self) -> RouterAdvertisementRepr {
        RouterAdvertisementRepr {
            cur_hop_limit: self.cur_hop_limit(),
            managed: self.is_managed(),
            other_configuration: self.has_other_configuration(),
            home_agent: self.is_home_agent(),
            preference: self.preference(),
            router_lifetime: self.router_lifetime(),
            reachable_time: self.reachable_time(),
            retrans_timer: self.retrans_timer(),
        }
    }
}

/// A received Neighbor Solicitation (RFC 4861 §4.3).
#[derive(Debug, Clone, Copy)]
pub struct NeighborSolicitation<'a> {
    header: &'a [u8; 24],
    options: NdOptions<'a>,
}

common!(
    NeighborSolicitation,
    24,
    NEIGHBOR_SOLICITATION,
    "Neighbor Solicitation"
);

impl NeighborSolicitation<'_> {
    /// The address that is asked about.
    #[inline]
    pub fn target(&self) -> Ipv6Addr {
        ipv6::<8, 24>(self.header)
    }
}

/// A received Neighbor Advertisement (RFC 4861 §4.4).
#[derive(Debug, Clone, Copy)]
pub struct NeighborAdvertisement<'a> {
    header: &'a [u8; 24],
    options: NdOptions<'a>,
}

common!(
    NeighborAdvertisement,
    24,
    NEIGHBOR_ADVERTISEMENT,
    "Neighbor Advertisement"
);

impl NeighborAdvertisement<'_> {
    /// R: the sender is a router.
    #[inline]
    pub fn is_router(&self) -> bool {
        self.header[4] & 0x80 != 0
    }

    /// S: the message answers a solicitation.
    #[inline]
    pub fn is_solicited(&self) -> bool {
        self.header[4] & 0x40 != 0
    }

    /// O: the link-layer address replaces one that is known.
    #[inline]
    pub fn is_override(&self) -> bool {
        self.header[4] & 0x20 != 0
    }

    /// The address that is told about.
    #[inline]
    pub fn target(&self) -> Ipv6Addr {
        ipv6::<8, 24>(self.header)
    }

    /// The fixed part as values.
    pub fn to_repr(&self) -> NeighborAdvertisementRepr {
        NeighborAdvertisementRepr {
            router: self.is_router(),
            solicited: self.is_solicited(),
            override_: self.is_override(),
            target: self.target(),
        }
    }
}

/// A received Redirect (RFC 4861 §4.5).
#[derive(Debug, Clone, Copy)]
pub struct Redirect<'a> {
    header: &'a [u8; 40],
    options: NdOptions<'a>,
}

common!(Redirect, 40, REDIRECT, "Redirect");

impl Redirect<'_> {
    /// The better first hop; the destination itself when that is on the link.
    #[inline]
    pub fn target(&self) -> Ipv6Addr {
        ipv6::<8, 40>(self.header)
    }

    /// The destination that is redirected.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        ipv6::<24, 40>(self.header)
    }
}

/// A received Neighbor Discovery message of any type.
#[derive(Debug, Clone, Copy)]
pub enum NdMessage<'a> {
    /// A host asks for routers.
    RouterSolicitation(RouterSolicitation<'a>),
    /// A router tells about itself and the link.
    RouterAdvertisement(RouterAdvertisement<'a>),
    /// A node asks for a neighbor.
    NeighborSolicitation(NeighborSolicitation<'a>),
    /// A node tells about itself.
    NeighborAdvertisement(NeighborAdvertisement<'a>),
    /// A router tells a better first hop.
    Redirect(Redirect<'a>),
}

impl<'a> NdMessage<'a> {
    /// Whether `message_type` is one of the five.
    #[inline]
    pub const fn is_type(message_type: Icmpv6Type) -> bool {
        matches!(message_type.0, 133..=137)
    }

    /// Reads the type from the first octet, and the message that it says.
    ///
    /// # Errors
    ///
    /// Truncated, when there is no octet; unsupported, for a type that is not of Neighbor
    /// Discovery; or what the `parse` of the message says.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some(&first) = octets.first() else {
            return Err(ParseError::truncated("ND message", 0, 8, 0));
        };
        match Icmpv6Type(first) {
            Icmpv6Type::ROUTER_SOLICITATION => {
                RouterSolicitation::parse(octets).map(Self::RouterSolicitation)
            }
            Icmpv6Type::ROUTER_ADVERTISEMENT => {
                RouterAdvertisement::parse(octets).map(Self::RouterAdvertisement)
            }
            Icmpv6Type::NEIGHBOR_SOLICITATION => {
                NeighborSolicitation::parse(octets).map(Self::NeighborSolicitation)
            }
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                NeighborAdvertisement::parse(octets).map(Self::NeighborAdvertisement)
            }
            Icmpv6Type::REDIRECT => Redirect::parse(octets).map(Self::Redirect),
            _ => Err(ParseError::unsupported("ND message", 0, u32::from(first))),
        }
    }

    /// The type of the message.
    #[inline]
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::RouterSolicitation(_) => Icmpv6Type::ROUTER_SOLICITATION,
            Self::RouterAdvertisement(_) => Icmpv6Type::ROUTER_ADVERTISEMENT,
            Self::NeighborSolicitation(_) => Icmpv6Type::NEIGHBOR_SOLICITATION,
            Self::NeighborAdvertisement(_) => Icmpv6Type::NEIGHBOR_ADVERTISEMENT,
            Self::Redirect(_) => Icmpv6Type::REDIRECT,
        }
    }

    /// The code, which has to be 0.
    #[inline]
    pub fn code(&self) -> u8 {
        match self {
            Self::RouterSolicitation(message) => message.code(),
            Self::RouterAdvertisement(message) => message.code(),
            Self::NeighborSolicitation(message) => message.code(),
            Self::NeighborAdvertisement(message) => message.code(),
            Self::Redirect(message) => message.code(),
        }
    }

    /// The options, in wire order.
    #[inline]
    pub fn options(&self) -> NdOptions<'a> {
        match self {
            Self::RouterSolicitation(message) => message.options(),
            Self::RouterAdvertisement(message) => message.options(),
            Self::NeighborSolicitation(message) => message.options(),
            Self::NeighborAdvertisement(message) => message.options(),
            Self::Redirect(message) => message.options(),
        }
    }

    /// The fixed part as values.
    pub fn to_repr(&self) -> NdRepr {
        match self {
            Self::RouterSolicitation(_) => NdRepr::RouterSolicitation,
            Self::RouterAdvertisement(message) => NdRepr::RouterAdvertisement(message.to_repr()),
            Self::NeighborSolicitation(message) => NdRepr::NeighborSolicitation {
                target: message.target(),
            },
            Self::NeighborAdvertisement(message) => {
                NdRepr::NeighborAdvertisement(message.to_repr())
            }
            Self::Redirect(message) => NdRepr::Redirect {
                target: message.target(),
                destination: message.destination(),
            },
        }
    }
}
