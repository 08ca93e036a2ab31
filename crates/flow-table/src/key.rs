//! Flow keys: what a packet's headers say about the flow that it belongs to.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// A key that a [`FlowTable`](crate::FlowTable) can hold.
///
/// A key is hashed as 64-bit words, never as octets: hashing a packed array of octets costs several
/// times as much. Equal keys must have equal words and keys that differ must have words that
/// differ, or else the table's protection against floods is lost.
///
/// ```
/// use flow_table::FlowKey;
///
/// /// A bridge's learning table: MAC address and VLAN.
/// #[derive(Clone, Copy, PartialEq, Eq)]
/// struct Station { address: [u8; 6], vlan: u16 }
///
/// impl FlowKey for Station {
///     type Words = [u64; 1];
///
///     fn words(&self) -> [u64; 1] {
///         let [a, b, c, d, e, f] = self.address;
///         let [g, h] = self.vlan.to_be_bytes();
///         [u64::from_be_bytes([a, b, c, d, e, f, g, h])]
///     }
/// }
/// ```
pub trait FlowKey: Copy + Eq {
    /// An array of as many words as the key needs, always the same number: `[u64; N]`.
    type Words: AsRef<[u64]>;

    /// The key as words.
    fn words(&self) -> Self::Words;
}

/// Which of its two keys a flow was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The key of packets from the side that opened the flow.
    Original,
    /// The key of packets of the answering side.
    Reply,
}

impl Direction {
    /// The other direction.
    #[inline]
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }

    /// 0 or 1, to select one of two things kept per direction (counters, windows).
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Self::Original => 0,
            Self::Reply => 1,
        }
    }
}

/// `original` or `reply`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "original",
            Self::Reply => "reply",
        })
    }
}

/// The key of an IPv4 flow: addresses, protocol, ports and zone, in 16 octets.
///
/// For ICMP queries, which have one identifier and no ports, put the identifier into both ports, so
/// that [`reversed`](Self::reversed) is the key of the answer. For protocols without ports, put 0
/// (or the ESP SPI's halves, the GRE key's: whatever tells flows apart in both directions).
///
/// The zone tells apart networks that use the same addresses (a VRF, a VLAN, a tenant); a gateway
/// with one address plan leaves it 0.
///
/// ```
/// use core::net::Ipv4Addr;
/// use flow_table::Ipv4FlowKey;
///
/// let query = Ipv4FlowKey::new(
///     (Ipv4Addr::new(192, 0, 2, 1), 40_000),
///     (Ipv4Addr::new(198, 51, 100, 53), 53),
///     17,
///     0,
/// );
/// assert_eq!(query.to_string(), "17 192.0.2.1:40000 > 198.51.100.53:53");
/// assert_eq!(query.reversed().source(), Ipv4Addr::new(198, 51, 100, 53));
/// assert_eq!(query.reversed().reversed(), query);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ipv4FlowKey {
    /// Source address, destination address.
    addresses: u64,
    /// As [`pack_rest`] has it.
    rest: u64,
}

/// The key of an IPv6 flow: addresses, protocol, ports and zone, in 40 octets.
///
/// The conventions of [`Ipv4FlowKey`] hold. The protocol is the upper-layer protocol behind all
/// extension headers.
///
/// A NAT64 keeps flows whose original direction is IPv6 and whose reply direction is IPv4. Such a
/// table has IPv6 keys throughout, and the IPv4 side's key is `Ipv6FlowKey::from(ipv4_key)`: the
/// same ports, protocol number (1 for ICMP, not 58) and zone, and IPv4-mapped addresses
/// (`::ffff:0:0/96`). Those never appear in packets (drop IPv6 packets that carry them, which
/// RFC 4942 §2.2 advises anyway), so a mapped key cannot be mistaken for an IPv6 flow.
///
/// ```
/// use core::net::{Ipv4Addr, Ipv6Addr};
/// use flow_table::{Ipv4FlowKey, Ipv6FlowKey};
///
/// let reply = Ipv4FlowKey::new(
///     (Ipv4Addr::new(198, 51, 100, 7), 443),
///     (Ipv4Addr::new(203, 0, 113, 1), 50_000),
///     6,
///     0,
/// );
/// let mapped = Ipv6FlowKey::from(reply);
/// assert_eq!(mapped.source(), Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xc633, 0x6407));
/// assert_eq!(mapped.to_ipv4(), Some(reply));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ipv6FlowKey {
    /// High and low half of the source address.
    source: [u64; 2],
    /// High and low half of the destination address.
    destination: [u64; 2],
    /// As [`pack_rest`] has it.
    rest: u64,
}

/// Source port, destination port, zone, protocol: 16 bits each from the top.
#[inline]
const fn pack_rest(source_port: u16, destination_port: u16, protocol: u8, zone: u16) -> u64 {
    ((source_port as u64) << 48)
        | ((destination_port as u64) << 32)
        | ((zone as u64) << 16)
        | protocol as u64
}

/// The 16 bits of `word` that start `shift` bits from the bottom.
#[inline]
const fn bits_16(word: u64, shift: u32) -> u16 {
    ((word >> shift) & 0xffff) as u16
}

/// `rest` with the two ports exchanged.
#[inline]
const fn swap_ports(rest: u64) -> u64 {
    // Rotating the upper half of the word by one port swaps the ports.
    let ports = rest >> 32;
    let swapped = (ports >> 16) | ((ports & 0xffff) << 16);
    (swapped << 32) | (rest & 0xffff_ffff)
}

/// The accessors that read the word which both kinds of key share.
macro_rules! rest_accessors {
    () => {
        /// The port that packets come from; the identifier of an ICMP query.
        #[inline]
        pub const fn source_port(&self) -> u16 {
            bits_16(self.rest, 48)
        }

        /// The port that packets go to; the identifier of an ICMP query.
        #[inline]
        pub const fn destination_port(&self) -> u16 {
            bits_16(self.rest, 32)
        }

        /// The zone that the addresses belong to.
        #[inline]
        pub const fn zone(&self) -> u16 {
            bits_16(self.rest, 16)
        }

        /// The upper-layer protocol's number (6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6).
        #[inline]
        pub const fn protocol(&self) -> u8 {
            self.rest.to_le_bytes()[0]
        }
    };
}

impl Ipv4FlowKey {
    /// The key of packets from `source` to `destination` (address and port each).
    #[inline]
    pub const fn new(
        source: (Ipv4Addr, u16),
        destination: (Ipv4Addr, u16),
        protocol: u8,
        zone: u16,
    ) -> Self {
        Self {
            addresses: ((source.0.to_bits() as u64) << 32) | destination.0.to_bits() as u64,
            rest: pack_rest(source.1, destination.1, protocol, zone),
        }
    }

    /// The address that packets come from.
    #[inline]
    pub const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.addresses >> 32) as u32)
    }

    /// The address that packets go to.
    #[inline]
    pub const fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.addresses & 0xffff_ffff) as u32)
    }

    rest_accessors!();

    /// The key of packets in the other direction: addresses and ports exchanged, the zone kept.
    #[inline]
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            addresses: self.addresses.rotate_left(32),
            rest: swap_ports(self.rest),
        }
    }
}

impl FlowKey for Ipv4FlowKey {
    type Words = [u64; 2];

    #[inline]
    fn words(&self) -> [u64; 2] {
        [self.addresses, self.rest]
    }
}

impl Ipv6FlowKey {
    /// The key of packets from `source` to `destination` (address and port each).
    #[inline]
    pub const fn new(
        source: (Ipv6Addr, u16),
        destination: (Ipv6Addr, u16),
        protocol: u8,
        zone: u16,
    ) -> Self {
        Self {
            source: halves(source.0),
            destination: halves(destination.0),
            rest: pack_rest(source.1, destination.1, protocol, zone),
        }
    }

    /// The address that packets come from.
    #[inline]
    pub const fn source(&self) -> Ipv6Addr {
        join(self.source)
    }

    /// The address that packets go to.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        join(self.destination)
    }

    rest_accessors!();

    /// The key of packets in the other direction: addresses and ports exchanged, the zone kept.
    #[inline]
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            rest: swap_ports(self.rest),
        }
    }

    /// The IPv4 key that this one was made from, when both addresses are IPv4-mapped.
    pub const fn to_ipv4(&self) -> Option<Ipv4FlowKey> {
        let (Some(source), Some(destination)) = (
            self.source().to_ipv4_mapped(),
            self.destination().to_ipv4_mapped(),
        ) else {
            return None;
        };
        Some(Ipv4FlowKey::new(
            (source, self.source_port()),
            (destination, self.destination_port()),
            self.protocol(),
            self.zone(),
        ))
    }
}

/// The same flow with IPv4-mapped addresses.
impl From<Ipv4FlowKey> for Ipv6FlowKey {
    #[inline]
    fn from(key: Ipv4FlowKey) -> Self {
        Self {
            source: halves(key.source().to_ipv6_mapped()),
            destination: halves(key.destination().to_ipv6_mapped()),
            rest: key.rest,
        }
    }
}

impl FlowKey for Ipv6FlowKey {
    type Words = [u64; 5];

    #[inline]
    fn words(&self) -> [u64; 5] {
        let [a, b] = self.source;
        let [c, d] = self.destination;
        [a, b, c, d, self.rest]
    }
}

#[inline]
const fn halves(address: Ipv6Addr) -> [u64; 2] {
    let bits = address.to_bits();
    [(bits >> 64) as u64, (bits & 0xffff_ffff_ffff_ffff) as u64]
}

#[inline]
const fn join(halves: [u64; 2]) -> Ipv6Addr {
    Ipv6Addr::from_bits(((halves[0] as u128) << 64) | halves[1] as u128)
}

/// Word by word, which is what the hashers of other tables are fastest at.
impl Hash for Ipv4FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.words() {
            state.write_u64(word);
        }
    }
}

/// Word by word, which is what the hashers of other tables are fastest at.
impl Hash for Ipv6FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.words() {
            state.write_u64(word);
        }
    }
}

/// Writes the parts that both displays share: protocol, ends, and the zone where there is one.
fn fmt_key(
    f: &mut fmt::Formatter<'_>,
    protocol: u8,
    source: &dyn fmt::Display,
    destination: &dyn fmt::Display,
    zone: u16,
) -> fmt::Result {
    write!(f, "{protocol} {source} > {destination}")?;
    if zone != 0 {
        write!(f, " zone {zone}")?;
    }
    Ok(())
}

/// `protocol source:port > destination:port`, and the zone when it is not 0.
impl fmt::Display for Ipv4FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = SocketAddrV4::new(self.source(), self.source_port());
        let destination = SocketAddrV4::new(self.destination(), self.destination_port());
        fmt_key(f, self.protocol(), &source, &destination, self.zone())
    }
}

/// `protocol [source]:port > [destination]:port`, and the zone when it is not 0.
impl fmt::Display for Ipv6FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = SocketAddrV6::new(self.source(), self.source_port(), 0, 0);
        let destination = SocketAddrV6::new(self.destination(), self.destination_port(), 0, 0);
        fmt_key(f, self.protocol(), &source, &destination, self.zone())
    }
}

impl fmt::Debug for Ipv4FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ipv4FlowKey({self})")
    }
}

impl fmt::Debug for Ipv6FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ipv6FlowKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use core::mem::size_of;
    use proptest::prelude::*;

    #[test]
    fn keys_are_compact() {
        assert_eq!(size_of::<Ipv4FlowKey>(), 16);
        assert_eq!(size_of::<Ipv6FlowKey>(), 40);
    }

    #[test]
    fn display_names_protocol_ends_and_zone() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let key = Ipv6FlowKey::new((address, 7), (Ipv6Addr::LOCALHOST, 7), 58, 12);
        assert_eq!(format!("{key}"), "58 [2001:db8::1]:7 > [::1]:7 zone 12");
        assert_eq!(
            format!("{key:?}"),
            "Ipv6FlowKey(58 [2001:db8::1]:7 > [::1]:7 zone 12)"
        );
    }

    #[test]
    fn a_true_ipv6_key_is_not_an_ipv4_one() {
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let key = Ipv6FlowKey::new((Ipv6Addr::LOCALHOST, 1), (mapped, 2), 6, 0);
        assert_eq!(key.to_ipv4(), None);
        assert_eq!(key.reversed().to_ipv4(), None);
    }

    proptest! {
        #[test]
        fn ipv4_fields_come_back(
            source: (u32, u16), destination: (u32, u16), protocol: u8, zone: u16,
        ) {
            let (a, b) = (Ipv4Addr::from_bits(source.0), Ipv4Addr::from_bits(destination.0));
            let key = Ipv4FlowKey::new((a, source.1), (b, destination.1), protocol, zone);
            prop_assert_eq!(key.source(), a);
            prop_assert_eq!(key.destination(), b);
            prop_assert_eq!(key.source_port(), source.1);
            prop_assert_eq!(key.destination_port(), destination.1);
            prop_assert_eq!(key.protocol(), protocol);
            prop_assert_eq!(key.zone(), zone);
            let reversed = Ipv4FlowKey::new((b, destination.1), (a, source.1), protocol, zone);
            prop_assert_eq!(key.reversed(), reversed);
            let mapped = Ipv6FlowKey::from(key);
            prop_assert_eq!(mapped.to_ipv4(), Some(key));
            prop_assert_eq!(mapped.reversed(), Ipv6FlowKey::from(reversed));
        }

        #[test]
        fn ipv6_fields_come_back(
            source: (u128, u16), destination: (u128, u16), protocol: u8, zone: u16,
        ) {
            let (a, b) = (Ipv6Addr::from_bits(source.0), Ipv6Addr::from_bits(destination.0));
            let key = Ipv6FlowKey::new((a, source.1), (b, destination.1), protocol, zone);
            prop_assert_eq!(key.source(), a);
            prop_assert_eq!(key.destination(), b);
            prop_assert_eq!(key.source_port(), source.1);
            prop_assert_eq!(key.destination_port(), destination.1);
            prop_assert_eq!(key.protocol(), protocol);
            prop_assert_eq!(key.zone(), zone);
            let reversed = Ipv6FlowKey::new((b, destination.1), (a, source.1), protocol, zone);
            prop_assert_eq!(key.reversed(), reversed);
        }
    }
}
