//! Writing messages with their checksums, by each contender in its own way, into a buffer that is
//! kept.

use crate::messages::{
    self, ADDRESSES, DATA, DESTINATION, LIFETIMES, MTU, SOURCE, mac, prefix, target,
};
use crate::names::{ETHERPARSE, OURS, PNET, SMOLTCP};
use core::hint::black_box;
use etherparse::icmpv6::{
    NeighborAdvertisementHeader, NeighborAdvertisementPayload, RouterAdvertisementHeader,
    RouterAdvertisementPayload,
};
use etherparse::{IcmpEchoHeader, Icmpv6Header, Icmpv6Type};
use icmp_nd::PacketBuf;
use internetwork_benches::Group;
use pnet_packet::Packet;
use pnet_packet::icmpv6::echo_request::MutableEchoRequestPacket;
use pnet_packet::icmpv6::ndp::{
    MutableNeighborAdvertPacket, MutableRouterAdvertPacket, NdpOption, NdpOptionTypes,
};
use pnet_packet::icmpv6::{self, Icmpv6Packet, Icmpv6Types};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::time::Duration;
use smoltcp::wire as smol;

/// Octets of the longest message.
const ROOM: usize = 128;

/// The contenders, who must agree. `ours` and `etherparse` write into a buffer that grows, the
/// others into one of the right length.
fn group<'a>(
    name: &str,
    length: usize,
    ours: fn(u8, &mut PacketBuf),
    smoltcp: fn(u8, &mut [u8]),
    etherparse: fn(u8, &mut Vec<u8>),
    pnet: fn(u8, &mut [u8]),
) -> Group<'a> {
    let mut a = PacketBuf::with_headroom(ROOM);
    let (mut b, mut c, mut d) = (vec![0; length], Vec::with_capacity(ROOM), vec![0; length]);
    for n in [0, 1, 255] {
        a.reset(ROOM);
        ours(n, &mut a);
        smoltcp(n, &mut b);
        c.clear();
        etherparse(n, &mut c);
        pnet(n, &mut d);
        assert_eq!(b, a.as_slice(), "{SMOLTCP}");
        assert_eq!(c, a.as_slice(), "{ETHERPARSE}");
        assert_eq!(d, a.as_slice(), "{PNET}");
    }
    Group::new(name, 256)
        .item(OURS, move || {
            for n in 0..=255 {
                a.reset(ROOM);
                ours(black_box(n), &mut a);
                black_box(a.as_slice());
            }
        })
        .item(SMOLTCP, move || {
            for n in 0..=255 {
                smoltcp(black_box(n), &mut b);
                black_box(&b[..]);
            }
        })
        .item(ETHERPARSE, move || {
            for n in 0..=255 {
                c.clear();
                etherparse(black_box(n), &mut c);
                black_box(&c[..]);
            }
        })
        .item(PNET, move || {
            for n in 0..=255 {
                pnet(black_box(n), &mut d);
                black_box(&d[..]);
            }
        })
        .at_most(1.0, SMOLTCP)
        .at_most(1.0, ETHERPARSE)
        .at_most(1.0, PNET)
}

fn emit_smoltcp(repr: &smol::Icmpv6Repr<'_>, room: &mut [u8]) {
    let mut packet = smol::Icmpv6Packet::new_unchecked(room);
    let checksums = ChecksumCapabilities::default();
    repr.emit(&SOURCE, &DESTINATION, &mut packet, &checksums);
}

fn emit_etherparse(icmp_type: Icmpv6Type, payload: &[u8], room: &mut Vec<u8>) {
    let (source, destination) = (SOURCE.octets(), DESTINATION.octets());
    let header = Icmpv6Header::with_checksum(icmp_type, source, destination, payload).unwrap();
    room.extend_from_slice(&header.to_bytes());
    room.extend_from_slice(payload);
}

fn checksum_pnet(message: &[u8]) -> u16 {
    let packet = Icmpv6Packet::new(message).unwrap();
    icmpv6::checksum(&packet, &SOURCE, &DESTINATION)
}

pub(crate) fn echo<'a>(name: &str) -> Group<'a> {
    group(
        name,
        8 + DATA.len(),
        |n, packet| {
            packet.append_slice(&DATA);
            messages::echo(n).emit(packet, &ADDRESSES).unwrap();
        },
        |n, room| {
            let repr = smol::Icmpv6Repr::EchoRequest {
                ident: 0x1234,
                seq_no: u16::from(n),
                data: &DATA,
            };
            emit_smoltcp(&repr, room);
        },
        |n, room| {
            let header = IcmpEchoHeader {
                id: 0x1234,
                seq: u16::from(n),
            };
            emit_etherparse(Icmpv6Type::EchoRequest(header), &DATA, room);
        },
        |n, room| {
            let mut packet = MutableEchoRequestPacket::new(room).unwrap();
            packet.set_icmpv6_type(Icmpv6Types::EchoRequest);
            packet.set_identifier(0x1234);
            packet.set_sequence_number(u16::from(n));
            packet.set_payload(&DATA);
            packet.set_checksum(0);
            let checksum = checksum_pnet(packet.packet());
            packet.set_checksum(checksum);
        },
    )
}

pub(crate) fn neighbor_advertisement<'a>(name: &str) -> Group<'a> {
    group(
        name,
        32,
        |n, packet| {
            let (repr, options) = messages::neighbor_advertisement(n);
            repr.emit(&options, packet, &ADDRESSES).unwrap();
        },
        |n, room| {
            let repr = smol::NdiscRepr::NeighborAdvert {
                flags: smol::NdiscNeighborFlags::SOLICITED | smol::NdiscNeighborFlags::OVERRIDE,
                target_addr: target(n),
                lladdr: Some(smol::EthernetAddress(mac(n).0).into()),
            };
            emit_smoltcp(&smol::Icmpv6Repr::Ndisc(repr), room);
        },
        |n, room| {
            let header = NeighborAdvertisementHeader {
                router: false,
                solicited: true,
                r#override: true,
            };
            let target_address = target(n);
            let mut payload = [0; 24];
            let fixed = NeighborAdvertisementPayload { target_address }.to_bytes();
            payload[..16].copy_from_slice(&fixed);
            payload[16..18].copy_from_slice(&[2, 1]);
            payload[18..].copy_from_slice(&mac(n).0);
            emit_etherparse(Icmpv6Type::NeighborAdvertisement(header), &payload, room);
        },
        |n, room| {
            let mut packet = MutableNeighborAdvertPacket::new(room).unwrap();
            packet.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
            packet.set_flags(0x60);
            packet.set_target_addr(target(n));
            packet.set_options(&[NdpOption {
                option_type: NdpOptionTypes::TargetLLAddr,
                length: 1,
                data: mac(n).0.to_vec(),
            }]);
            packet.set_checksum(0);
            let checksum = checksum_pnet(packet.packet());
            packet.set_checksum(checksum);
        },
    )
}

pub(crate) fn router_advertisement<'a>(name: &str) -> Group<'a> {
    group(
        name,
        64,
        |n, packet| {
            let (repr, options) = messages::router_advertisement(n);
            repr.emit(&options, packet, &ADDRESSES).unwrap();
        },
        |n, room| {
            let repr = smol::NdiscRepr::RouterAdvert {
                hop_limit: 64,
                flags: smol::NdiscRouterFlags::OTHER,
                router_lifetime: Duration::from_secs(1800),
                reachable_time: Duration::from_millis(30_000),
                retrans_time: Duration::from_millis(1000),
                lladdr: Some(smol::EthernetAddress(mac(n).0).into()),
                mtu: Some(MTU),
                prefix_info: Some(smol::NdiscPrefixInformation {
                    prefix_len: 64,
                    flags: smol::NdiscPrefixInfoFlags::ON_LINK
                        | smol::NdiscPrefixInfoFlags::ADDRCONF,
                    valid_lifetime: Duration::from_secs(u64::from(LIFETIMES.0)),
                    preferred_lifetime: Duration::from_secs(u64::from(LIFETIMES.1)),
                    prefix: prefix(n),
                }),
            };
            emit_smoltcp(&smol::Icmpv6Repr::Ndisc(repr), room);
        },
        |n, room| {
            let header = RouterAdvertisementHeader {
                cur_hop_limit: 64,
                managed_address_config: false,
                other_config: true,
                router_lifetime: 1800,
            };
            let fixed = RouterAdvertisementPayload {
                reachable_time: 30_000,
                retrans_timer: 1000,
            };
            let information = etherparse::icmpv6::PrefixInformation {
                prefix_length: 64,
                on_link: true,
                autonomous_address_configuration: true,
                valid_lifetime: LIFETIMES.0,
                preferred_lifetime: LIFETIMES.1,
                prefix: prefix(n).octets(),
            };
            let mut payload = [0; 56];
            payload[..8].copy_from_slice(&fixed.to_bytes());
            payload[8..10].copy_from_slice(&[1, 1]);
            payload[10..16].copy_from_slice(&mac(n).0);
            payload[16..18].copy_from_slice(&[5, 1]);
            payload[20..24].copy_from_slice(&MTU.to_be_bytes());
            payload[24..].copy_from_slice(&information.to_bytes());
            emit_etherparse(Icmpv6Type::RouterAdvertisement(header), &payload, room);
        },
        |n, room| {
            let mut packet = MutableRouterAdvertPacket::new(room).unwrap();
            packet.set_icmpv6_type(Icmpv6Types::RouterAdvert);
            packet.set_hop_limit(64);
            packet.set_flags(0x40);
            packet.set_lifetime(1800);
            packet.set_reachable_time(30_000);
            packet.set_retrans_time(1000);
            let mtu = [&[0; 2][..], &MTU.to_be_bytes()].concat();
            let (valid, preferred) = (LIFETIMES.0.to_be_bytes(), LIFETIMES.1.to_be_bytes());
            let network = prefix(n).octets();
            let information = [&[64, 0xc0][..], &valid, &preferred, &[0; 4], &network].concat();
            packet.set_options(&[
                NdpOption {
                    option_type: NdpOptionTypes::SourceLLAddr,
                    length: 1,
                    data: mac(n).0.to_vec(),
                },
                NdpOption {
                    option_type: NdpOptionTypes::MTU,
                    length: 1,
                    data: mtu,
                },
                NdpOption {
                    option_type: NdpOptionTypes::PrefixInformation,
                    length: 4,
                    data: information,
                },
            ]);
            packet.set_checksum(0);
            let checksum = checksum_pnet(packet.packet());
            packet.set_checksum(checksum);
        },
    )
}
