//! Full responses of RIP, read and written, beside the peers; nanoseconds for an entry.
//!
//! Equal work when reading: take destination, prefix length, metric, tag and next hop out of each
//! entry, and sum all of them. Ours has checked each entry as well: family, mask, metric,
//! destination and next hop. Equal work when writing: a response of routes that are given as prefix,
//! metric and tag. Each contender must give the same sum, and write the same octets. Where there is
//! authentication, the digest alone is beside it: the part that no implementation can do without.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench may fail loudly"
)]

use core::hint::black_box;
use core::net::{Ipv4Addr, Ipv6Addr};
use hmac::{Hmac, KeyInit, Mac};
use internetwork_benches::{Group, run};
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{Algorithm, AuthOptions, Authentication, Authenticator, Key, KeyChain, Secret};
use rip::wire::{
    Command, InterfaceAddress, RipEntryRepr, RipMessage, RipMessageRepr, RipWriter, RipngEntryRepr,
    RipngMessage, RipngMessageRepr, RipngWriter, VERSION_2,
};
use sha2::Sha256;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const OURS: &str = "rip";
const CAST: &str = "zerocopy 0.8 struct cast, nothing checked";
const RIP_RS: &str = "rip-rs 0.0.1";
const HMAC: &str = "hmac 0.13 alone, on the same octets";

const NOW: Instant = Instant::from_secs(1_700_000_000);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SECRET: &[u8] = b"only we know";

/// An entry of RIP-2 as a struct.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    family: U16,
    tag: U16,
    address: U32,
    mask: U32,
    next_hop: U32,
    metric: U32,
}

/// An entry of RIPng as a struct.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct NgEntry {
    prefix: [u8; 16],
    tag: U16,
    length: u8,
    metric: u8,
}

type Routes = Vec<(Ipv4Prefix, u8, u16)>;
type NgRoutes = Vec<(Ipv6Prefix, u8, u16)>;

fn main() {
    let routes = routes(25);
    let authenticated = self::routes(22);
    let ng = ng_routes(72);
    run(vec![
        read_v2(&routes),
        read_hmac(&authenticated),
        read_ng(&ng),
        write_v2(&routes),
        write_hmac(&authenticated),
        write_ng(&ng),
    ]);
}

fn routes(count: u8) -> Routes {
    let route = |i: u8| {
        let prefix = Ipv4Prefix::new(Ipv4Addr::new(10, i, 7, 0), 24).unwrap();
        (prefix, 1 + i % 15, u16::from(i) * 3)
    };
    (0..count).map(route).collect()
}

fn ng_routes(count: u8) -> NgRoutes {
    let route = |i: u8| {
        let address = Ipv6Addr::new(0x2001, 0xdb8, u16::from(i), 0, 0, 0, 0, 0);
        let prefix = Ipv6Prefix::new(address, 48).unwrap();
        (prefix, 1 + i % 15, u16::from(i) * 3)
    };
    (0..count).map(route).collect()
}

fn addresses() -> [InterfaceAddress; 1] {
    [InterfaceAddress {
        address: Ipv4Addr::new(192, 0, 2, 1),
        network: Ipv4Prefix::new(Ipv4Addr::new(192, 0, 2, 0), 24).unwrap(),
    }]
}

fn authenticator() -> Authenticator {
    let key = Key::new(1, Algorithm::HmacSha256, Secret::new(SECRET));
    let keys = Authentication::Cryptographic(KeyChain::new([key]).unwrap());
    Authenticator::new(keys, AuthOptions::default())
}

fn entry(&(prefix, metric, tag): &(Ipv4Prefix, u8, u16)) -> RipEntryRepr {
    RipEntryRepr::route(prefix, metric).with_tag(tag)
}

fn fill(routes: &Routes, packet: &mut PacketBuf) {
    packet.reset(64);
    let mut writer = RipWriter::new(packet, 25);
    for route in routes {
        writer.push(&entry(route));
    }
}

fn ours_written(routes: &Routes, packet: &mut PacketBuf) {
    fill(routes, packet);
    let header = RipMessageRepr::new(Command::RESPONSE, VERSION_2);
    header.emit(packet).unwrap();
}

fn ours_sealed(routes: &Routes, sender: &mut Authenticator, packet: &mut PacketBuf) {
    fill(routes, packet);
    let header = RipMessageRepr::new(Command::RESPONSE, VERSION_2);
    sender.seal(NOW, &header, packet).unwrap();
}

fn ours_ng_written(routes: &NgRoutes, packet: &mut PacketBuf) {
    packet.reset(64);
    let mut writer = RipngWriter::new(packet, 72);
    for &(prefix, metric, tag) in routes {
        writer.push(&RipngEntryRepr::route(prefix, metric).with_tag(tag), None);
    }
    RipngMessageRepr::new(Command::RESPONSE)
        .emit(packet)
        .unwrap();
}

fn value(address: u32, length: u32, metric: u32, tag: u16, next_hop: u32) -> u64 {
    u64::from(address) + u64::from(length + metric + next_hop) + u64::from(tag)
}

fn ours_read(octets: &[u8]) -> u64 {
    let message = RipMessage::parse(octets).unwrap();
    message.check(25).unwrap();
    sum(&message)
}

fn sum(message: &RipMessage<'_>) -> u64 {
    let addresses = addresses();
    let value = |route: rip::wire::RipRoute| {
        value(
            route.prefix.network().to_bits(),
            u32::from(route.prefix.length()),
            u32::from(route.metric),
            route.route_tag,
            route.next_hop.router().map_or(0, Ipv4Addr::to_bits),
        )
    };
    message.routes(&addresses).flatten().map(value).sum()
}

fn cast_read(octets: &[u8]) -> u64 {
    let entries = <[Entry]>::ref_from_bytes(&octets[4..]).unwrap();
    let value = |entry: &Entry| {
        value(
            entry.address.get(),
            entry.mask.get().leading_ones(),
            entry.metric.get(),
            entry.tag.get(),
            entry.next_hop.get(),
        )
    };
    entries.iter().map(value).sum()
}

fn rip_rs_read(octets: &[u8]) -> u64 {
    let packet = rip_rs::parser::parse_v2(octets).unwrap();
    let value = |entry: &rip_rs::v2::Entry| {
        value(
            entry.get_ip_address().to_bits(),
            entry.get_subnet_mask().to_bits().leading_ones(),
            entry.get_metric(),
            entry.get_route_tag(),
            entry.get_next_hop().to_bits(),
        )
    };
    packet.get_entries().iter().map(value).sum()
}

fn read_v2(routes: &Routes) -> Group<'static> {
    let mut packet = PacketBuf::with_headroom(64);
    ours_written(routes, &mut packet);
    let [a, b, c] = [(); 3].map(|()| packet.as_slice().to_vec());
    assert_eq!(ours_read(&a), cast_read(&b));
    assert_eq!(ours_read(&a), rip_rs_read(&c));
    Group::new("read a response, RIPv2, 25 entries", 25)
        .item(OURS, move || ours_read(black_box(&a)))
        .item(CAST, move || cast_read(black_box(&b)))
        .item(RIP_RS, move || rip_rs_read(black_box(&c)))
        .at_most(1.0, RIP_RS)
}

/// The digest over what it covers.
fn hmac_alone(covered: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    let apad = [0x87, 0x8f, 0xe1, 0xf3].repeat(8);
    let mac = mac.chain_update(covered).chain_update(apad);
    mac.finalize().into_bytes().into()
}

fn read_hmac(routes: &Routes) -> Group<'static> {
    let mut packet = PacketBuf::with_headroom(64);
    ours_sealed(routes, &mut authenticator(), &mut packet);
    let octets = packet.as_slice().to_vec();
    let (covered, digest) = octets.split_at(octets.len() - 32);
    assert_eq!(hmac_alone(covered), digest);
    let covered = covered.to_vec();
    let mut receiver = authenticator();
    let mut read = move |octets: &[u8]| {
        let message = RipMessage::parse(octets).unwrap();
        message.check(25).unwrap();
        receiver.verify(NOW, PEER, &message).unwrap();
        sum(&message)
    };
    assert!(read(&octets) > 0);
    Group::new("read and verify a response, HMAC-SHA-256, 22 entries", 22)
        .item(OURS, move || read(black_box(&octets)))
        .item(HMAC, move || hmac_alone(black_box(&covered)))
}

fn ours_ng_read(octets: &[u8]) -> u64 {
    let message = RipngMessage::parse(octets).unwrap();
    message.check().unwrap();
    let value = |route: rip::wire::RipngRoute| {
        ng_value(
            route.prefix.network().to_bits(),
            route.prefix.length(),
            route.metric,
            route.route_tag,
        )
    };
    message
        .routes()
        .flatten()
        .map(value)
        .fold(0, u64::wrapping_add)
}

fn ng_value(prefix: u128, length: u8, metric: u8, tag: u16) -> u64 {
    let (high, low) = ((prefix >> 96) as u64, prefix as u64);
    high.wrapping_add(low)
        .wrapping_add(u64::from(length) + u64::from(metric) + u64::from(tag))
}

fn cast_ng_read(octets: &[u8]) -> u64 {
    let entries = <[NgEntry]>::ref_from_bytes(&octets[4..]).unwrap();
    let value = |entry: &NgEntry| {
        let prefix = u128::from_be_bytes(entry.prefix);
        ng_value(prefix, entry.length, entry.metric, entry.tag.get())
    };
    entries.iter().map(value).fold(0, u64::wrapping_add)
}

fn read_ng(routes: &NgRoutes) -> Group<'static> {
    let mut packet = PacketBuf::with_headroom(64);
    ours_ng_written(routes, &mut packet);
    let [a, b] = [(); 2].map(|()| packet.as_slice().to_vec());
    assert_eq!(ours_ng_read(&a), cast_ng_read(&b));
    Group::new("read a response, RIPng, 72 entries", 72)
        .item(OURS, move || ours_ng_read(black_box(&a)))
        .item(CAST, move || cast_ng_read(black_box(&b)))
}

fn cast_written(routes: &Routes, out: &mut Vec<u8>) {
    out.clear();
    out.extend([2, 2, 0, 0]);
    for &(prefix, metric, tag) in routes {
        let entry = Entry {
            family: U16::new(2),
            tag: U16::new(tag),
            address: U32::new(prefix.network().to_bits()),
            mask: U32::new(prefix.netmask().to_bits()),
            next_hop: U32::new(0),
            metric: U32::new(u32::from(metric)),
        };
        out.extend_from_slice(entry.as_bytes());
    }
}

fn rip_rs_written(routes: &Routes) -> Vec<u8> {
    let entry = |&(prefix, metric, tag): &(Ipv4Prefix, u8, u16)| {
        rip_rs::v2::Entry::new(
            rip_rs::address_family::Identifier::IP,
            tag,
            prefix.network(),
            prefix.netmask(),
            Ipv4Addr::UNSPECIFIED,
            u32::from(metric),
        )
    };
    let header = rip_rs::header::Header::new(
        rip_rs::command::Kind::Response,
        rip_rs::version::Version::Version2,
    );
    let entries = routes.iter().map(entry).collect();
    let packet = rip_rs::packet::Packet::make_v2_packet(header, entries).unwrap();
    rip_rs::serializer::serialize_v2_packet(packet).unwrap()
}

fn write_v2(routes: &Routes) -> Group<'static> {
    let mut packet = PacketBuf::with_headroom(64);
    let mut out = Vec::with_capacity(1_500);
    ours_written(routes, &mut packet);
    cast_written(routes, &mut out);
    assert_eq!(packet.as_slice(), out);
    assert_eq!(packet.as_slice(), rip_rs_written(routes));
    let [a, b, c] = [(); 3].map(|()| routes.clone());
    Group::new("write a response, RIPv2, 25 entries", 25)
        .item(OURS, move || {
            ours_written(black_box(&a), &mut packet);
            packet.len()
        })
        .item(CAST, move || {
            cast_written(black_box(&b), &mut out);
            out.len()
        })
        .item(RIP_RS, move || rip_rs_written(black_box(&c)).len())
        .at_most(1.0, RIP_RS)
}

fn write_hmac(routes: &Routes) -> Group<'static> {
    let mut packet = PacketBuf::with_headroom(64);
    let mut sender = authenticator();
    ours_sealed(routes, &mut sender, &mut packet);
    let covered = packet.as_slice()[..packet.len() - 32].to_vec();
    let routes = routes.clone();
    Group::new("write and seal a response, HMAC-SHA-256, 22 entries", 22)
        .item(OURS, move || {
            ours_sealed(black_box(&routes), &mut sender, &mut packet);
            packet.len()
        })
        .item(HMAC, move || hmac_alone(black_box(&covered)))
}

fn write_ng(routes: &NgRoutes) -> Group<'static> {
    let cast = |routes: &NgRoutes, out: &mut Vec<u8>| {
        out.clear();
        out.extend([2, 1, 0, 0]);
        for &(prefix, metric, tag) in routes {
            let entry = NgEntry {
                prefix: prefix.network().octets(),
                tag: U16::new(tag),
                length: prefix.length(),
                metric,
            };
            out.extend_from_slice(entry.as_bytes());
        }
    };
    let mut packet = PacketBuf::with_headroom(64);
    let mut out = Vec::with_capacity(1_500);
    ours_ng_written(routes, &mut packet);
    cast(routes, &mut out);
    assert_eq!(packet.as_slice(), out);
    let [a, b] = [(); 2].map(|()| routes.clone());
    Group::new("write a response, RIPng, 72 entries", 72)
        .item(OURS, move || {
            ours_ng_written(black_box(&a), &mut packet);
            packet.len()
        })
        .item(CAST, move || {
            cast(black_box(&b), &mut out);
            out.len()
        })
}
