//! A route entry of RIP-1 and RIP-2.

use super::{
    ENTRY_LEN, EntryError, FAMILY_AUTHENTICATION, FAMILY_IPV4, FAMILY_UNSPECIFIED, INFINITY,
    VERSION_1, be16, be32, classful, ipv4,
};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv4Addr;
use packet_buffer::PacketBuf;
use packet_buffer::wire::Ipv4Prefix;

/// An address of the interface that a message came in on, and the network around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The interface's own address.
    pub address: Ipv4Addr,
    /// The network that is reached through the interface.
    pub network: Ipv4Prefix,
}

/// A received route entry.
///
/// ```text
///  0                2           4         8             12         16       20
/// +----------------+-----------+---------+-------------+----------+--------+
/// | address family | route tag | address | subnet mask | next hop | metric |
/// +----------------+-----------+---------+-------------+----------+--------+
///                   0 in RIP-1            0 in RIP-1    0 in RIP-1
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RipEntry<'a>(&'a [u8; ENTRY_LEN]);

impl<'a> RipEntry<'a> {
    /// Any 20 octets are an entry; whether one may act on it is what [`route`](Self::route) tells.
    #[inline]
    pub const fn new(octets: &'a [u8; ENTRY_LEN]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[inline]
    pub const fn octets(&self) -> &'a [u8; ENTRY_LEN] {
        self.0
    }

    /// What kind of address follows.
    #[inline]
    pub fn address_family(&self) -> u16 {
        be16::<0, ENTRY_LEN>(self.0)
    }

    /// A mark of the route's origin that is carried along (RFC 2453 §4.2).
    #[inline]
    pub fn route_tag(&self) -> u16 {
        be16::<2, ENTRY_LEN>(self.0)
    }

    /// The destination.
    #[inline]
    pub fn address(&self) -> Ipv4Addr {
        ipv4::<4, ENTRY_LEN>(self.0)
    }

    /// The destination's mask; 0.0.0.0 when there is none (RFC 2453 §4.3).
    #[inline]
    pub fn subnet_mask(&self) -> Ipv4Addr {
        ipv4::<8, ENTRY_LEN>(self.0)
    }

    /// Where to send packets to; 0.0.0.0 for the sender of the message (RFC 2453 §4.4).
    #[inline]
    pub fn next_hop(&self) -> Ipv4Addr {
        ipv4::<12, ENTRY_LEN>(self.0)
    }

    /// The metric, all four octets of it.
    #[inline]
    pub fn metric(&self) -> u32 {
        be32::<16, ENTRY_LEN>(self.0)
    }

    /// Whether the fields that are zero in RIP-1 are (RFC 1058 §3.1).
    #[inline]
    pub fn is_clean_v1(&self) -> bool {
        be16::<2, ENTRY_LEN>(self.0) == 0
            && be32::<8, ENTRY_LEN>(self.0) == 0
            && be32::<12, ENTRY_LEN>(self.0) == 0
    }

    /// The fields as values.
    pub fn to_repr(&self) -> RipEntryRepr {
        RipEntryRepr {
            address_family: self.address_family(),
            route_tag: self.route_tag(),
            address: self.address(),
            subnet_mask: self.subnet_mask(),
            next_hop: self.next_hop(),
            metric: self.metric(),
        }
    }

    /// The destination of the entry in a message of `version` that came in on an interface with
    /// `addresses`.
    ///
    /// Bits of the address behind the mask are cleared: the mask "is applied to the IP address to
    /// yield the non-host portion" (RFC 2453 §4.3). Where there is no mask, the rules of RIP-1
    /// decide ([`classful::infer`]).
    ///
    /// # Errors
    ///
    /// The address family, the mask, or a destination that nothing can be routed to.
    #[inline]
    pub fn prefix(
        &self,
        version: u8,
        addresses: &[InterfaceAddress],
    ) -> Result<Ipv4Prefix, EntryError> {
        match self.address_family() {
            FAMILY_IPV4 => {}
            // RFC 2453 §4.1 MUST (first-entry): elsewhere it is not authentication.
            FAMILY_AUTHENTICATION if version != VERSION_1 => {
                return Err(EntryError::AuthenticationNotFirst);
            }
            // RFC 2453 §3.9.2 MUST (family): skip the entry and go on with the next.
            family => return Err(EntryError::AddressFamily(family)),
        }
        let address = self.address();
        let mask = self.subnet_mask();
        // RFC 2453 §3.7: 0.0.0.0 is the default route, whatever its mask.
        if address.is_unspecified() {
            return Ok(Ipv4Prefix::ALL);
        }
        check_destination(address)?;
        let prefix = if version == VERSION_1 || mask.is_unspecified() {
            // RFC 2453 §4.3 MUST (no-mask): a mask of zero is no mask.
            let class = classful::network(address);
            let subnet = addresses
                .iter()
                .map(|own| own.network)
                .find(|network| class.is_some_and(|class| class.covers(network)));
            classful::infer(address, subnet)
        } else {
            Ipv4Prefix::from_netmask(address, mask)
        };
        let prefix = prefix.ok_or(EntryError::SubnetMask(mask.to_bits()))?;
        // A short mask may leave network 0 of an address that was not in it.
        check_destination(prefix.network())?;
        let is_broadcast = |own: &InterfaceAddress| {
            own.network.length() < 31 && prefix == Ipv4Prefix::host(own.network.last())
        };
        if addresses.iter().any(is_broadcast) {
            return Err(EntryError::Broadcast);
        }
        Ok(prefix)
    }

    /// The route that the entry tells of in a response of `version` that came in on an interface
    /// with `addresses`.
    ///
    /// # Errors
    ///
    /// Those of [`prefix`](Self::prefix); the metric; a next hop that leads back here or that
    /// cannot be a router.
    // RFC 2453 §3.9.2 MUST (entry-checks): each entry is validated by itself.
    #[inline]
    pub fn route(
        &self,
        version: u8,
        addresses: &[InterfaceAddress],
    ) -> Result<RipRoute, EntryError> {
        let prefix = self.prefix(version, addresses)?;
        let metric = check_metric(self.metric())?;
        if version == VERSION_1 {
            return Ok(RipRoute {
                prefix,
                metric,
                route_tag: 0,
                next_hop: NextHop::Sender,
                host_bits: false,
            });
        }
        Ok(RipRoute {
            prefix,
            metric,
            route_tag: self.route_tag(),
            next_hop: NextHop::judge(self.next_hop(), addresses)?,
            host_bits: prefix.network() != self.address(),
        })
    }
}

/// A route entry that passed all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipRoute {
    /// The destination.
    pub prefix: Ipv4Prefix,
    /// From 1 to 16; 16 is unreachable. The cost of the interface is not added yet.
    pub metric: u8,
    /// A mark of the route's origin that is carried along; 0 in RIP-1.
    pub route_tag: u16,
    /// Where packets go.
    pub next_hop: NextHop,
    /// Whether the address had bits behind the mask, which were cleared.
    pub host_bits: bool,
}

/// Where packets of a route go (RFC 2453 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NextHop {
    /// To the sender of the message: the field is 0.0.0.0.
    Sender,
    /// To the sender of the message, for the field has an address that is not reached directly.
    OffLink,
    /// To another router on the same network.
    Router(Ipv4Addr),
}

impl NextHop {
    /// What the next hop field means on an interface with `addresses`.
    ///
    /// # Errors
    ///
    /// The address is the receiver's own, or no router's.
    #[inline]
    pub fn judge(next_hop: Ipv4Addr, addresses: &[InterfaceAddress]) -> Result<Self, EntryError> {
        if next_hop.is_unspecified() {
            return Ok(Self::Sender);
        }
        Self::judge_address(next_hop, addresses)
    }

    fn judge_address(
        next_hop: Ipv4Addr,
        addresses: &[InterfaceAddress],
    ) -> Result<Self, EntryError> {
        if check_destination(next_hop).is_err() {
            return Err(EntryError::NextHopMartian);
        }
        if addresses.iter().any(|own| own.address == next_hop) {
            return Err(EntryError::NextHopSelf);
        }
        let Some(own) = addresses.iter().find(|own| own.network.contains(next_hop)) else {
            // RFC 2453 §4.4 SHOULD (off-link): as if it were 0.0.0.0.
            return Ok(Self::OffLink);
        };
        let (first, last) = (own.network.network(), own.network.last());
        if own.network.length() < 31 && (next_hop == first || next_hop == last) {
            return Err(EntryError::NextHopMartian);
        }
        Ok(Self::Router(next_hop))
    }

    /// The router's address, when it is not the sender's.
    pub const fn router(self) -> Option<Ipv4Addr> {
        match self {
            Self::Router(address) => Some(address),
            Self::Sender | Self::OffLink => None,
        }
    }
}

/// Refuses what no route can lead to. The default route is not asked about here.
// RFC 2453 §3.9.2 MUST (destination): unicast, and not from network 0 or 127.
#[inline]
fn check_destination(address: Ipv4Addr) -> Result<(), EntryError> {
    match address.octets()[0] {
        0 => Err(EntryError::NetworkZero),
        127 => Err(EntryError::Loopback),
        224..=239 => Err(EntryError::Multicast),
        240..=255 if address.is_broadcast() => Err(EntryError::Broadcast),
        240..=255 => Err(EntryError::Reserved),
        _ => Ok(()),
    }
}

/// A metric from 1 to 16.
// RFC 2453 §3.9.2 MUST (metric): between 1 and 16, inclusive.
#[inline]
pub(super) fn check_metric(metric: u32) -> Result<u8, EntryError> {
    match u8::try_from(metric) {
        Ok(0) => Err(EntryError::MetricZero),
        Ok(metric) if metric <= INFINITY => Ok(metric),
        _ => Err(EntryError::MetricTooLarge(metric)),
    }
}

/// A route entry, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipEntryRepr {
    /// 2 for IPv4.
    pub address_family: u16,
    /// A mark of the route's origin; 0 in RIP-1.
    pub route_tag: u16,
    /// The destination.
    pub address: Ipv4Addr,
    /// The destination's mask; 0.0.0.0 in RIP-1.
    pub subnet_mask: Ipv4Addr,
    /// Where to send packets to; 0.0.0.0 for the sender, and in RIP-1.
    pub next_hop: Ipv4Addr,
    /// From 1 to 16.
    pub metric: u32,
}

impl RipEntryRepr {
    /// Octets that [`emit`](Self::emit) writes.
    pub const LEN: usize = ENTRY_LEN;

    /// The one entry of a request for the whole table (RFC 2453 §3.9.1).
    pub const WHOLE_TABLE: Self = Self {
        address_family: FAMILY_UNSPECIFIED,
        route_tag: 0,
        address: Ipv4Addr::UNSPECIFIED,
        subnet_mask: Ipv4Addr::UNSPECIFIED,
        next_hop: Ipv4Addr::UNSPECIFIED,
        metric: INFINITY as u32,
    };

    /// A route of RIP-2 through the sender, without a tag.
    pub const fn route(prefix: Ipv4Prefix, metric: u8) -> Self {
        Self {
            address_family: FAMILY_IPV4,
            route_tag: 0,
            address: prefix.network(),
            subnet_mask: prefix.netmask(),
            next_hop: Ipv4Addr::UNSPECIFIED,
            metric: metric as u32,
        }
    }

    /// A route of RIP-1, which carries neither mask nor tag nor next hop.
    pub const fn route_v1(address: Ipv4Addr, metric: u8) -> Self {
        Self {
            address_family: FAMILY_IPV4,
            route_tag: 0,
            address,
            subnet_mask: Ipv4Addr::UNSPECIFIED,
            next_hop: Ipv4Addr::UNSPECIFIED,
            metric: metric as u32,
        }
    }

    /// The entry with another tag.
    #[must_use]
    pub const fn with_tag(mut self, route_tag: u16) -> Self {
        self.route_tag = route_tag;
        self
    }

    /// The entry with a next hop.
    #[must_use]
    pub const fn with_next_hop(mut self, next_hop: Ipv4Addr) -> Self {
        self.next_hop = next_hop;
        self
    }

    /// The entry with another metric: how an entry of a request becomes one of the answer.
    #[must_use]
    pub const fn with_metric(mut self, metric: u8) -> Self {
        self.metric = metric as u32;
        self
    }

    /// The entry on the wire.
    #[inline]
    pub fn octets(&self) -> [u8; ENTRY_LEN] {
        let mut octets = [0; ENTRY_LEN];
        NetworkEndian::write_u16(&mut octets[0..2], self.address_family);
        NetworkEndian::write_u16(&mut octets[2..4], self.route_tag);
        octets[4..8].copy_from_slice(&self.address.octets());
        octets[8..12].copy_from_slice(&self.subnet_mask.octets());
        octets[12..16].copy_from_slice(&self.next_hop.octets());
        NetworkEndian::write_u32(&mut octets[16..20], self.metric);
        octets
    }

    /// Writes the entry in front of those that are in `packet`. To write many,
    /// [`RipWriter`](super::RipWriter) appends them.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) {
        packet.prepend_slice(&self.octets());
    }
}
