//! The messages that `packet-buffer` does not have, read and written.
//!
//! As there, each format has two types: a **view** that borrows received octets, whose only
//! constructor `parse` checks everything that an accessor touches; and a **`Repr`** that holds
//! values and whose `emit` writes them in front of what a [`PacketBuf`] holds.
//! Echo and the errors of both versions are `packet-buffer`'s
//! ([`Icmpv4Message`](packet_buffer::wire::Icmpv4Message),
//! [`Icmpv6Message`](packet_buffer::wire::Icmpv6Message)).
//!
//! | format | view | `Repr` | specification |
//! |---|---|---|---|
//! | Router Solicitation | [`RouterSolicitation`] | [`NdRepr`] | RFC 4861 §4.1 |
//! | Router Advertisement | [`RouterAdvertisement`] | [`NdRepr`] | RFC 4861 §4.2, RFC 4191 §2.2 |
//! | Neighbor Solicitation | [`NeighborSolicitation`] | [`NdRepr`] | RFC 4861 §4.3 |
//! | Neighbor Advertisement | [`NeighborAdvertisement`] | [`NdRepr`] | RFC 4861 §4.4 |
//! | Redirect | [`Redirect`] | [`NdRepr`] | RFC 4861 §4.5 |
//! | options of these | [`NdOptions`], [`NdOption`] | [`NdOptionRepr`] | RFC 4861 §4.6, RFC 3971 §5.3, RFC 4191 §2.3, RFC 8106 §5, RFC 8781 §4, RFC 8910 §2 |
//! | multicast listener query, report, done, report v2 | [`MldMessage`] | [`MldRepr`] | RFC 2710 §3, RFC 3810 §5 |
//! | ICMPv4 router advertisement | [`Icmpv4RouterAdvertisement`] | [`Icmpv4RouterAdvertisementRepr`] | RFC 1256 §3 |
//! | ICMPv4 router solicitation, timestamp, information, address mask | [`Icmpv4Query`] | [`Icmpv4Query`] | RFC 792, RFC 950, RFC 1256 §3 |
//! | extended echo, both versions | [`ExtendedEchoRequest`], [`ExtendedEchoReply`] | the same | RFC 8335 |
//! | errors in parts: the quoted packet, extensions | [`Icmpv4Error`], [`Icmpv6Error`] | [`emit_quote_v4`], [`emit_quote_v6`] | RFC 4884 |
//! | extension objects: MPLS labels, interfaces | [`IcmpExtensions`], [`ExtensionObject`] | [`ExtensionObjectRepr`] | RFC 4884 §7, RFC 4950, RFC 5837, RFC 8335 §2.1 |
//!
//! What a receiver has to check beyond the format is in [`validation`](crate::validation).

mod domain_name;
mod extended_echo;
mod extension;
mod group;
mod icmp_error;
mod icmpv4_query;
mod mld;
mod nd;
mod nd_option;
mod nd_repr;

pub use domain_name::{DomainName, DomainNameError, DomainNameRef};
pub use extended_echo::{
    ExtendedEchoCode, ExtendedEchoError, ExtendedEchoReply, ExtendedEchoRequest, ExtendedEchoState,
};
pub use extension::{
    ExtensionClass, ExtensionError, ExtensionObject, ExtensionObjectRepr, IcmpExtensions,
    InterfaceAddress, InterfaceIdentification, InterfaceInformation, InterfaceRole, MplsLabelStack,
    MplsLabelStackEntry, RawObject, emit_extensions, emit_quote_v4, emit_quote_v6,
};
pub use group::{ALL_MLDV2_ROUTERS, ALL_NODES, ALL_ROUTERS, is_solicited_node, solicited_node};
pub use icmp_error::{ExtensionPart, Icmpv4Error, Icmpv6Error};
pub use icmpv4_query::{
    IcmpTimestamp, Icmpv4Query, Icmpv4RouterAdvertisement, Icmpv4RouterAdvertisementRepr,
    RouterAddress, TimestampFields,
};
pub use mld::{
    MldMessage, MldQuery, MldQueryV2Repr, MldReportV2, MldRepr, MulticastAddressRecord,
    MulticastAddressRecordRepr, MulticastRecordType, decode_max_response, decode_query_interval,
    encode_max_response, encode_query_interval,
};
pub use nd::{
    NdMessage, NeighborAdvertisement, NeighborSolicitation, Redirect, RouterAdvertisement,
    RouterPreference, RouterSolicitation,
};
pub use nd_option::{
    INFINITE_LIFETIME, InvalidNdOption, LinkLayerAddress, NdOption, NdOptionError, NdOptionIter,
    NdOptionKind, NdOptionRepr, NdOptions, Pref64, PrefixInformation, RecursiveDnsServers,
    RouteInformation, SearchList,
};

pub use nd_repr::{NdRepr, NeighborAdvertisementRepr, RouterAdvertisementRepr};

use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv6Addr;
use packet_buffer::PacketBuf;
use packet_buffer::checksum::Sum;

/// The `N` octets at offset `AT` of a fixed header of `H` octets.
#[inline(always)]
fn field<const AT: usize, const N: usize, const H: usize>(header: &[u8; H]) -> &[u8; N] {
    const { assert!(AT + N <= H) };
    // The fallback is never taken, which the compiler sees.
    header
        .get(AT..)
        .and_then(<[u8]>::first_chunk)
        .unwrap_or(&[0; N])
}

/// The 16-bit number in network order at offset `AT`.
#[inline(always)]
fn be16<const AT: usize, const H: usize>(header: &[u8; H]) -> u16 {
    NetworkEndian::read_u16(field::<AT, 2, H>(header))
}

/// The 32-bit number in network order at offset `AT`.
#[inline(always)]
fn be32<const AT: usize, const H: usize>(header: &[u8; H]) -> u32 {
    NetworkEndian::read_u32(field::<AT, 4, H>(header))
}

/// The IPv6 address at offset `AT`.
#[inline(always)]
fn ipv6<const AT: usize, const H: usize>(header: &[u8; H]) -> Ipv6Addr {
    Ipv6Addr::from(*field::<AT, 16, H>(header))
}

/// Writes a part of fixed length in front of `packet`; the sum of what is there with it.
#[inline]
fn prepend<const N: usize>(packet: &mut PacketBuf, sum: Sum, octets: [u8; N]) -> Sum {
    packet.prepend_array(octets);
    sum.add_array(&octets)
}

/// Octets that are written one after the other into room of the right size. What would not fit is
/// left out, which the callers' sizes exclude.
struct Writer<'a> {
    room: &'a mut [u8],
}

impl<'a> Writer<'a> {
    #[inline]
    fn new(room: &'a mut [u8]) -> Self {
        Self { room }
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) {
        let room = core::mem::take(&mut self.room);
        if let Some((here, rest)) = room.split_at_mut_checked(octets.len()) {
            here.copy_from_slice(octets);
            self.room = rest;
        }
    }

    #[inline]
    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    #[inline]
    fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Leaves `n` octets as they are: zero.
    #[inline]
    fn skip(&mut self, n: usize) {
        let room = core::mem::take(&mut self.room);
        self.room = room.get_mut(n..).unwrap_or_default();
    }
}
