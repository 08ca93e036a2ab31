//! Neighbor Discovery messages that are written (RFC 4861 §4); their layout is in `nd.rs`.

use super::nd::{
    NeighborAdvertisement, NeighborSolicitation, Redirect, RouterAdvertisement, RouterPreference,
    RouterSolicitation,
};
use super::nd_option::{self, NdOptionRepr};
use super::prepend;
use core::net::Ipv6Addr;
use packet_buffer::checksum::Sum;
use packet_buffer::wire::{Icmpv6Type, IpProtocol, Ipv6Repr, PseudoHeader};
use packet_buffer::{EmitError, PacketBuf};

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
    // RFC 4861 §4.1 MUST (hop-limit): 255, in all five messages.
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
    // In line: a caller mostly knows which message it is, and then no other's code remains. `emit_packet`, for
    // those who do not, is one function.
    #[inline(always)]
    pub fn emit(
        &self,
        options: &[NdOptionRepr<'_>],
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let held = packet.len();
        if !held.is_multiple_of(8) {
            return Err(EmitError::Unaligned {
                what: "ND options",
                length: held,
                multiple: 8,
            });
        }
        // The pseudo-header's length is added when it is known.
        let sum = pseudo_header.sum(IpProtocol::ICMPV6, 0);
        let written = nd_option::emit(options, packet, sum).and_then(|sum| {
            let length = packet.len().saturating_add(self.header_len());
            let too_long = |_| EmitError::TooLong {
                what: "ND message",
                length,
                limit: usize::from(u16::MAX),
            };
            Ok(sum.add_u16(u16::try_from(length).map_err(too_long)?))
        });
        match written {
            Ok(sum) => self.emit_header(packet, sum),
            Err(error) => {
                packet.trim_front(packet.len().saturating_sub(held));
                return Err(error);
            }
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

    /// Writes the fixed part; `sum` is that of all the rest.
    #[inline(always)]
    fn emit_header(&self, packet: &mut PacketBuf, sum: Sum) {
        // RFC 4861 §4.1 MUST (reserved): code and reserved fields are sent as zero.
        let kind = self.message_type().0;
        match self {
            Self::RouterSolicitation => finish(packet, sum, [kind, 0, 0, 0, 0, 0, 0, 0]),
            Self::RouterAdvertisement(advertisement) => {
                finish(packet, sum, advertisement.to_octets());
            }
            Self::NeighborSolicitation { target } => {
                finish(packet, sum, with_target(kind, 0, *target));
            }
            Self::NeighborAdvertisement(advertisement) => {
                let flags = u8::from(advertisement.router) << 7
                    | u8::from(advertisement.solicited) << 6
                    | u8::from(advertisement.override_) << 5;
                finish(packet, sum, with_target(kind, flags, advertisement.target));
            }
            Self::Redirect {
                target,
                destination,
            } => {
                let sum = prepend(packet, sum, destination.octets());
                finish(packet, sum, with_target(kind, 0, *target));
            }
        }
    }
}

/// The fixed part of a message about a target.
#[inline]
fn with_target(kind: u8, flags: u8, target: Ipv6Addr) -> [u8; 24] {
    let mut octets = [0; 24];
    octets[0] = kind;
    octets[4] = flags;
    octets[8..].copy_from_slice(&target.octets());
    octets
}

/// Writes the first part of a message, with the checksum over all; `sum` is that of the rest.
#[inline]
fn finish<const N: usize>(packet: &mut PacketBuf, sum: Sum, mut octets: [u8; N]) {
    let sum = sum.add_array(&octets).checksum();
    if let Some([_, _, field @ ..]) = octets.first_chunk_mut::<4>() {
        *field = sum.to_be_bytes();
    }
    packet.prepend_array(octets);
}

impl RouterAdvertisementRepr {
    #[inline]
    fn to_octets(self) -> [u8; 16] {
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
        let mut octets = [0; 16];
        octets[0] = Icmpv6Type::ROUTER_ADVERTISEMENT.0;
        octets[4] = self.cur_hop_limit;
        octets[5] = flags;
        octets[6..8].copy_from_slice(&self.router_lifetime.to_be_bytes());
        octets[8..12].copy_from_slice(&self.reachable_time.to_be_bytes());
        octets[12..].copy_from_slice(&self.retrans_timer.to_be_bytes());
        octets
    }
}
