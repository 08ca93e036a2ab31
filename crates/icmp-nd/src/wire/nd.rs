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

use super::nd_option::{self, NdOptionRepr, NdOptions};
use super::{Writer, be16, be32, field, ipv6};
use core::net::Ipv6Addr;
use packet_buffer::wire::{Icmpv6Type, IpProtocol, Ipv6Repr, PseudoHeader};
use packet_buffer::{EmitError, PacketBuf, ParseError};

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

/// The fixed part of a Router Advertisement as values.
///
/// The default says nothing: it is what a router sends that is no default router and leaves all to
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RouterAdvertisementRepr {
    /// The hop limit for packets of hosts; 0 says none.
    pub cur_hop_limit: u8,
    /// M: addresses are available by DHCPv6.
    pub managed: bool,
    /// O: other configuration is available by DHCPv6.
    pub other_configuration: bool,
    /// H: the router is a Mobile IPv6 home agent.
    pub home_agent: bool,
    /// How much the router is preferred as default router.
    pub preference: RouterPreference,
    /// For how many seconds the router is a default router; 0 when it is none.
    pub router_lifetime: u16,
    /// For how many milliseconds a neighbor counts as reachable; 0 says nothing.
    pub reachable_time: u32,
    /// Milliseconds between Neighbor Solicitations; 0 says nothing.
    pub retrans_timer: u32,
}

/// The fixed part of a Neighbor Advertisement as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NeighborAdvertisementRepr {
    /// R: the sender is a router.
    pub router: bool,
    /// S: the message answers a solicitation.
    pub solicited: bool,
    /// O: the link-layer address replaces one that is known.
    pub override_: bool,
    /// The address that is told about.
    pub target: Ipv6Addr,
}

/// A Neighbor Discovery message as values, apart from its options.
///
/// ```
/// use icmp_nd::PacketBuf;
/// use icmp_nd::wire::{NdMessage, NdOption, NdOptionRepr, NdRepr};
/// use packet_buffer::wire::{Ipv6Packet, MacAddr};
///
/// let own = MacAddr([2, 0, 0, 0, 0, 1]);
/// let mut packet = PacketBuf::with_headroom(64);
/// NdRepr::NeighborSolicitation { target: "fe80::2".parse()? }.emit_packet(
///     &[NdOptionRepr::SourceLinkLayerAddress(own)],
///     &mut packet,
///     "fe80::1".parse()?,
///     "ff02::1:ff00:2".parse()?,
/// )?;
///
/// let ip = Ipv6Packet::parse(packet.as_slice())?;
/// assert_eq!(ip.hop_limit(), 255);
/// let message = NdMessage::parse(ip.payload())?;
/// let NdOption::SourceLinkLayerAddress(address) = message.options().iter().next().unwrap() else {
///     panic!("that is the option");
/// };
/// assert_eq!(address.mac(), Some(own));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NdRepr {
    /// A host asks for routers.
    RouterSolicitation,
    /// A router tells about itself and the link.
    RouterAdvertisement(RouterAdvertisementRepr),
    /// A node asks for a neighbor.
    NeighborSolicitation {
        /// The address that is asked about.
        target: Ipv6Addr,
    },
    /// A node tells about itself.
    NeighborAdvertisement(NeighborAdvertisementRepr),
    /// A router tells a better first hop.
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The destination that is redirected.
        destination: Ipv6Addr,
    },
}

impl NdRepr {
    /// The hop limit of every message: one that was forwarded has less, and is refused.
    // RFC 4861 §4.1 MUST: the hop limit is 255, in all five messages.
    pub const HOP_LIMIT: u8 = 255;

    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::RouterSolicitation => Icmpv6Type::ROUTER_SOLICITATION,
            Self::RouterAdvertisement(_) => Icmpv6Type::ROUTER_ADVERTISEMENT,
            Self::NeighborSolicitation { .. } => Icmpv6Type::NEIGHBOR_SOLICITATION,
            Self::NeighborAdvertisement(_) => Icmpv6Type::NEIGHBOR_ADVERTISEMENT,
            Self::Redirect { .. } => Icmpv6Type::REDIRECT,
        }
    }

    /// Octets of the message without options: 8 to 40.
    pub const fn header_len(&self) -> usize {
        match self {
            Self::RouterSolicitation => RouterSolicitation::HEADER_LEN,
            Self::RouterAdvertisement(_) => RouterAdvertisement::HEADER_LEN,
            Self::NeighborSolicitation { .. } => NeighborSolicitation::HEADER_LEN,
            Self::NeighborAdvertisement(_) => NeighborAdvertisement::HEADER_LEN,
            Self::Redirect { .. } => Redirect::HEADER_LEN,
        }
    }

    /// Writes the message with `options` in front of `packet`, with its checksum. What `packet`
    /// holds is further options, written already; mostly nothing.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: what an option says ([`NdOptionRepr::wire_len`]); unaligned, when what
    /// the packet holds is not a multiple of eight octets; too long, when the message would exceed
    /// 65535 octets.
    #[inline]
    pub fn emit(
        &self,
        options: &[NdOptionRepr<'_>],
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let header_len = self.header_len();
        let held = packet.len();
        if !held.is_multiple_of(8) {
            return Err(EmitError::Unaligned {
                what: "ND options",
                length: held,
                multiple: 8,
            });
        }
        let written = header_len + nd_option::total_len(options)?;
        let length = written.saturating_add(held);
        let limit = usize::from(u16::MAX);
        if length > limit {
            return Err(EmitError::TooLong {
                what: "ND message",
                length,
                limit,
            });
        }
        let mut writer = Writer::new(packet.prepend(written));
        self.write(&mut writer);
        for option in options {
            option.write(&mut writer);
        }
        let sum = pseudo_header
            .sum(IpProtocol::ICMPV6, length)
            .add_bytes(packet.as_slice());
        if let Some(field) = packet.as_mut_slice().get_mut(2..4) {
            field.copy_from_slice(&sum.checksum().to_be_bytes());
        }
        Ok(())
    }

    /// Writes the message and its IPv6 header, with the hop limit 255.
    ///
    /// # Errors
    ///
    /// What [`emit`](Self::emit) says; the packet is then unchanged.
    pub fn emit_packet(
        &self,
        options: &[NdOptionRepr<'_>],
        packet: &mut PacketBuf,
        source: Ipv6Addr,
        destination: Ipv6Addr,
    ) -> Result<(), EmitError> {
        let ip = Ipv6Repr {
            hop_limit: Self::HOP_LIMIT,
            ..Ipv6Repr::new(source, destination, IpProtocol::ICMPV6)
        };
        self.emit(options, packet, &ip.pseudo_header())?;
        ip.emit(packet)
    }

    /// Writes the fixed part, with a checksum of zero.
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        // RFC 4861 §4.1 MUST (reserved): code and reserved fields are sent as zero.
        writer.put(&[self.message_type().0, 0, 0, 0]);
        match self {
            Self::RouterSolicitation => writer.skip(4),
            Self::RouterAdvertisement(advertisement) => advertisement.write(writer),
            Self::NeighborSolicitation { target } => {
                writer.skip(4);
                writer.put(&target.octets());
            }
            Self::NeighborAdvertisement(advertisement) => {
                let flags = u8::from(advertisement.router) << 7
                    | u8::from(advertisement.solicited) << 6
                    | u8::from(advertisement.override_) << 5;
                writer.put(&[flags, 0, 0, 0]);
                writer.put(&advertisement.target.octets());
            }
            Self::Redirect {
                target,
                destination,
            } => {
                writer.skip(4);
                writer.put(&target.octets());
                writer.put(&destination.octets());
            }
        }
    }
}

impl RouterAdvertisementRepr {
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        // RFC 4191 §2.2 MUST (medium-without-lifetime): without a lifetime the bits are zero.
        let preference = if self.router_lifetime > 0 {
            self.preference
        } else {
            RouterPreference::Medium
        };
        let flags = u8::from(self.managed) << 7
            | u8::from(self.other_configuration) << 6
            | u8::from(self.home_agent) << 5
            | preference.to_flags();
        let mut octets = [0; 12];
        octets[0] = self.cur_hop_limit;
        octets[1] = flags;
        octets[2..4].copy_from_slice(&self.router_lifetime.to_be_bytes());
        octets[4..8].copy_from_slice(&self.reachable_time.to_be_bytes());
        octets[8..].copy_from_slice(&self.retrans_timer.to_be_bytes());
        writer.put(&octets);
    }
}
