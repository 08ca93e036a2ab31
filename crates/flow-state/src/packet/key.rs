//! Flow keys of either IP version.

use core::fmt;
use core::net::IpAddr;
use flow_table::{Ipv4FlowKey, Ipv6FlowKey};
use packet_buffer::wire::IpProtocol;

/// The key of a packet's flow, of either IP version.
///
/// The ports follow the conventions of [`FlowPacket`](super::FlowPacket). A gateway has one table a
/// version and takes the key apart once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// IPv4.
    V4(Ipv4FlowKey),
    /// IPv6.
    V6(Ipv6FlowKey),
}

/// The key of an ordinary TCP or UDP packet, without checking it: whole, without options or extension
/// headers. If the packet turns out to be readable, this is its key.
#[inline]
pub(super) fn peek(octets: &[u8]) -> Option<Key> {
    let is_ordinary = |protocol| matches!(IpProtocol(protocol), IpProtocol::TCP | IpProtocol::UDP);
    let ports = |[a, b, c, d]: [u8; 4]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match octets.first()? {
        0x45 => {
            let header = octets.first_chunk::<24>()?;
            let (&[_, _, _, _, _, _, flags, offset, _, protocol, ..], rest) =
                header.split_first_chunk::<12>()?;
            if !is_ordinary(protocol) || u16::from_be_bytes([flags, offset]) & 0x3fff != 0 {
                return None;
            }
            let (source, rest) = rest.split_first_chunk::<4>()?;
            let (destination, rest) = rest.split_first_chunk::<4>()?;
            let (from, to) = ports(*rest.first_chunk()?);
            Some(Key::V4(Ipv4FlowKey::new(
                ((*source).into(), from),
                ((*destination).into(), to),
                protocol,
                0,
            )))
        }
        0x60..=0x6f => {
            let header = octets.first_chunk::<44>()?;
            let (&[_, _, _, _, _, _, protocol, _], rest) = header.split_first_chunk::<8>()?;
            if !is_ordinary(protocol) {
                return None;
            }
            let (source, rest) = rest.split_first_chunk::<16>()?;
            let (destination, rest) = rest.split_first_chunk::<16>()?;
            let (from, to) = ports(*rest.first_chunk()?);
            Some(Key::V6(Ipv6FlowKey::new(
                ((*source).into(), from),
                ((*destination).into(), to),
                protocol,
                0,
            )))
        }
        _ => None,
    }
}

/// Calls the same accessor of either key.
macro_rules! either {
    ($key:expr, $inner:ident => $value:expr) => {
        match $key {
            Key::V4($inner) => $value,
            Key::V6($inner) => $value,
        }
    };
}

impl Key {
    /// The key of packets from `source` to `destination` (address and port each), in zone 0.
    /// `None` when the addresses are not of one version.
    #[inline]
    pub fn new(
        source: (IpAddr, u16),
        destination: (IpAddr, u16),
        protocol: IpProtocol,
    ) -> Option<Self> {
        match (source.0, destination.0) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(Self::V4(Ipv4FlowKey::new(
                (from, source.1),
                (to, destination.1),
                protocol.0,
                0,
            ))),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(Self::V6(Ipv6FlowKey::new(
                (from, source.1),
                (to, destination.1),
                protocol.0,
                0,
            ))),
            _ => None,
        }
    }

    /// The same key in another zone (a VRF, a VLAN, a tenant).
    #[inline]
    #[must_use]
    pub const fn with_zone(self, zone: u16) -> Self {
        match self {
            Self::V4(key) => Self::V4(Ipv4FlowKey::new(
                (key.source(), key.source_port()),
                (key.destination(), key.destination_port()),
                key.protocol(),
                zone,
            )),
            Self::V6(key) => Self::V6(Ipv6FlowKey::new(
                (key.source(), key.source_port()),
                (key.destination(), key.destination_port()),
                key.protocol(),
                zone,
            )),
        }
    }

    /// The key of packets in the other direction, when nothing translates.
    #[inline]
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::V4(key) => Self::V4(key.reversed()),
            Self::V6(key) => Self::V6(key.reversed()),
        }
    }

    /// Where packets come from.
    #[inline]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4(key) => IpAddr::V4(key.source()),
            Self::V6(key) => IpAddr::V6(key.source()),
        }
    }

    /// Where packets go.
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4(key) => IpAddr::V4(key.destination()),
            Self::V6(key) => IpAddr::V6(key.destination()),
        }
    }

    /// The source port, or what stands for it.
    #[inline]
    pub const fn source_port(&self) -> u16 {
        either!(self, key => key.source_port())
    }

    /// The destination port, or what stands for it.
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        either!(self, key => key.destination_port())
    }

    /// The transport protocol.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        IpProtocol(either!(self, key => key.protocol()))
    }

    /// The zone.
    #[inline]
    pub const fn zone(&self) -> u16 {
        either!(self, key => key.zone())
    }

    /// Whether the flow is IPv6.
    #[inline]
    pub const fn is_ipv6(&self) -> bool {
        matches!(self, Self::V6(_))
    }
}

impl From<Ipv4FlowKey> for Key {
    #[inline]
    fn from(key: Ipv4FlowKey) -> Self {
        Self::V4(key)
    }
}

impl From<Ipv6FlowKey> for Key {
    #[inline]
    fn from(key: Ipv6FlowKey) -> Self {
        Self::V6(key)
    }
}

/// As the key inside.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(self, key => fmt::Display::fmt(key, f))
    }
}

/// As the key inside.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        either!(self, key => fmt::Debug::fmt(key, f))
    }
}
