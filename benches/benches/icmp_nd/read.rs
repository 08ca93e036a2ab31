//! Reading, by each contender in its own way.

use crate::messages::{self, ADDRESSES, DATA, DESTINATION, SOURCE};
use crate::names::{ETHERPARSE, OURS, PNET, SMOLTCP};
use core::hint::black_box;
use core::net::Ipv6Addr;
use etherparse::icmpv6::{Icmpv6PayloadSlice, NdpOptionSlice};
use etherparse::{Icmpv6Slice, Icmpv6Type};
use icmp_nd::wire::{NdOption, NeighborAdvertisement, RouterAdvertisement};
use internetwork_benches::Group;
use packet_buffer::wire::{Icmpv6Message, Icmpv6Repr};
use pnet_packet::Packet;
use pnet_packet::icmpv6::ndp::{NdpOptionTypes, NeighborAdvertPacket, RouterAdvertPacket};
use pnet_packet::icmpv6::{Icmpv6Packet, Icmpv6Types, echo_request::EchoRequestPacket};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire as smol;

/// What a message says, as a number.
type Reader = fn(&[u8]) -> Option<u64>;

/// The contenders, who must agree.
fn group(
    name: &str,
    messages: Vec<Vec<u8>>,
    ours: Reader,
    peers: [(&'static str, Reader); 3],
) -> Group<'static> {
    let messages: &'static [Vec<u8>] = messages.leak();
    for (peer, read) in &peers {
        for message in messages {
            assert_eq!(ours(message).unwrap(), read(message).unwrap(), "{peer}");
        }
    }
    let sum = |read: Reader| {
        move || {
            let sums = messages.iter().map(|message| read(black_box(message)));
            sums.map(Option::unwrap_or_default)
                .fold(0, u64::wrapping_add)
        }
    };
    let mut group = Group::new(name, 256).item(OURS, sum(ours));
    for (peer, read) in peers {
        group = group.item(peer, sum(read)).at_most(1.0, peer);
    }
    group
}

#[inline(always)]
fn address(address: Ipv6Addr) -> u64 {
    let bits = address.to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "a sum of both halves")]
    let sum = ((bits >> 64) as u64).wrapping_add(bits as u64);
    sum
}

#[inline(always)]
fn mac(octets: &[u8]) -> u64 {
    match octets {
        [a, b, c, d, e, f] => u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]),
        _ => 0,
    }
}

pub(crate) fn echo(name: &str) -> Group<'static> {
    fn ours(message: &[u8]) -> Option<u64> {
        let view = Icmpv6Message::parse(message).ok()?;
        match view.to_repr() {
            Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } => Some(fields(identifier, sequence_number, view.payload())),
            _ => None,
        }
    }
    fn fields(identifier: u16, sequence: u16, data: &[u8]) -> u64 {
        u64::from(identifier) << 16 | u64::from(sequence) | (data.len() as u64) << 32
    }
    fn smoltcp(message: &[u8]) -> Option<u64> {
        let packet = smol::Icmpv6Packet::new_checked(message).ok()?;
        let checksums = ChecksumCapabilities::ignored();
        match smol::Icmpv6Repr::parse(&SOURCE, &DESTINATION, &packet, &checksums).ok()? {
            smol::Icmpv6Repr::EchoRequest {
                ident,
                seq_no,
                data,
            } => Some(fields(ident, seq_no, data)),
            _ => None,
        }
    }
    fn etherparse(message: &[u8]) -> Option<u64> {
        let slice = Icmpv6Slice::from_slice(message).ok()?;
        match slice.icmp_type() {
            Icmpv6Type::EchoRequest(header) => Some(fields(header.id, header.seq, slice.payload())),
            _ => None,
        }
    }
    fn pnet(message: &[u8]) -> Option<u64> {
        if Icmpv6Packet::new(message)?.get_icmpv6_type() != Icmpv6Types::EchoRequest {
            return None;
        }
        let packet = EchoRequestPacket::new(message)?;
        let (identifier, sequence) = (packet.get_identifier(), packet.get_sequence_number());
        Some(fields(identifier, sequence, packet.payload()))
    }
    let messages = messages::all(|n, packet| {
        packet.append_slice(&DATA);
        messages::echo(n).emit(packet, &ADDRESSES).unwrap();
    });
    let peers: [(_, Reader); 3] = [(SMOLTCP, smoltcp), (ETHERPARSE, etherparse), (PNET, pnet)];
    group(name, messages, ours, peers)
}

pub(crate) fn neighbor_advertisement(name: &str) -> Group<'static> {
    fn fields(solicited: bool, target: Ipv6Addr, link: &[u8]) -> u64 {
        let flag = u64::from(solicited);
        flag.wrapping_add(address(target)).wrapping_add(mac(link))
    }
    fn ours(message: &[u8]) -> Option<u64> {
        let view = NeighborAdvertisement::parse(message).ok()?;
        let mut link: &[u8] = &[];
        for option in view.options() {
            if let NdOption::TargetLinkLayerAddress(address) = option {
                link = address.as_slice();
            }
        }
        Some(fields(view.is_solicited(), view.target(), link))
    }
    fn smoltcp(message: &[u8]) -> Option<u64> {
        let packet = smol::Icmpv6Packet::new_checked(message).ok()?;
        let checksums = ChecksumCapabilities::ignored();
        match smol::Icmpv6Repr::parse(&SOURCE, &DESTINATION, &packet, &checksums).ok()? {
            smol::Icmpv6Repr::Ndisc(smol::NdiscRepr::NeighborAdvert {
                flags,
                target_addr,
                lladdr,
            }) => {
                let solicited = flags.contains(smol::NdiscNeighborFlags::SOLICITED);
                Some(fields(solicited, target_addr, lladdr.as_ref()?.as_bytes()))
            }
            _ => None,
        }
    }
    fn etherparse(message: &[u8]) -> Option<u64> {
        let slice = Icmpv6Slice::from_slice(message).ok()?;
        let Icmpv6Type::NeighborAdvertisement(header) = slice.icmp_type() else {
            return None;
        };
        let Icmpv6PayloadSlice::NeighborAdvertisement(payload) = slice.payload_slice().ok()? else {
            return None;
        };
        let mut link: &[u8] = &[];
        for option in payload.options_iterator() {
            if let NdpOptionSlice::TargetLinkLayerAddress(address) = option.ok()? {
                link = address.link_layer_address();
            }
        }
        Some(fields(header.solicited, payload.target_address(), link))
    }
    fn pnet(message: &[u8]) -> Option<u64> {
        let packet = NeighborAdvertPacket::new(message)?;
        if packet.get_icmpv6_type() != Icmpv6Types::NeighborAdvert {
            return None;
        }
        let mut link = 0;
        for option in packet.get_options_iter() {
            if option.get_option_type() == NdpOptionTypes::TargetLLAddr {
                link = mac(option.payload());
            }
        }
        let solicited = packet.get_flags() & 0x40 != 0;
        Some(fields(solicited, packet.get_target_addr(), &[]).wrapping_add(link))
    }
    let messages = messages::all(|n, packet| {
        let (repr, options) = messages::neighbor_advertisement(n);
        repr.emit(&options, packet, &ADDRESSES).unwrap();
    });
    let peers: [(_, Reader); 3] = [(SMOLTCP, smoltcp), (ETHERPARSE, etherparse), (PNET, pnet)];
    group(name, messages, ours, peers)
}

/// What a Router Advertisement says.
#[derive(Default)]
struct Advertised {
    hop_limit: u8,
    lifetime: u16,
    reachable: u32,
    retrans: u32,
    link: u64,
    mtu: u32,
    prefix_length: u8,
    on_link: bool,
    prefix: u64,
    valid: u32,
    preferred: u32,
}

impl Advertised {
    #[inline(always)]
    fn sum(&self) -> u64 {
        [
            u64::from(self.hop_limit),
            u64::from(self.lifetime),
            u64::from(self.reachable),
            u64::from(self.retrans),
            self.link,
            u64::from(self.mtu),
            u64::from(self.prefix_length),
            u64::from(self.on_link),
            self.prefix,
            u64::from(self.valid),
            u64::from(self.preferred),
        ]
        .into_iter()
        .fold(0, u64::wrapping_add)
    }
}

pub(crate) fn router_advertisement(name: &str) -> Group<'static> {
    fn ours(message: &[u8]) -> Option<u64> {
        let view = RouterAdvertisement::parse(message).ok()?;
        let mut all = Advertised {
            hop_limit: view.cur_hop_limit(),
            lifetime: view.router_lifetime(),
            reachable: view.reachable_time(),
            retrans: view.retrans_timer(),
            ..Advertised::default()
        };
        for option in view.options() {
            match option {
                NdOption::SourceLinkLayerAddress(address) => all.link = mac(address.as_slice()),
                NdOption::Mtu(mtu) => all.mtu = mtu,
                NdOption::PrefixInformation(prefix) => {
                    all.prefix_length = prefix.prefix_length;
                    all.on_link = prefix.on_link;
                    all.prefix = address(prefix.address);
                    all.valid = prefix.valid_lifetime;
                    all.preferred = prefix.preferred_lifetime;
                }
                _ => {}
            }
        }
        Some(all.sum())
    }
    fn smoltcp(message: &[u8]) -> Option<u64> {
        let packet = smol::Icmpv6Packet::new_checked(message).ok()?;
        let checksums = ChecksumCapabilities::ignored();
        match smol::Icmpv6Repr::parse(&SOURCE, &DESTINATION, &packet, &checksums).ok()? {
            smol::Icmpv6Repr::Ndisc(smol::NdiscRepr::RouterAdvert {
                hop_limit,
                router_lifetime,
                reachable_time,
                retrans_time,
                lladdr,
                mtu,
                prefix_info,
                ..
            }) => {
                let prefix = prefix_info?;
                let number = |number: u64| u32::try_from(number).ok();
                let all = Advertised {
                    hop_limit,
                    lifetime: u16::try_from(router_lifetime.secs()).ok()?,
                    reachable: number(reachable_time.total_millis())?,
                    retrans: number(retrans_time.total_millis())?,
                    link: mac(lladdr.as_ref()?.as_bytes()),
                    mtu: mtu?,
                    prefix_length: prefix.prefix_len,
                    on_link: prefix.flags.contains(smol::NdiscPrefixInfoFlags::ON_LINK),
                    prefix: address(prefix.prefix),
                    valid: number(prefix.valid_lifetime.secs())?,
                    preferred: number(prefix.preferred_lifetime.secs())?,
                };
                Some(all.sum())
            }
            _ => None,
        }
    }
    fn etherparse(message: &[u8]) -> Option<u64> {
        let slice = Icmpv6Slice::from_slice(message).ok()?;
        let Icmpv6Type::RouterAdvertisement(header) = slice.icmp_type() else {
            return None;
        };
        let Icmpv6PayloadSlice::RouterAdvertisement(payload) = slice.payload_slice().ok()? else {
            return None;
        };
        let mut all = Advertised {
            hop_limit: header.cur_hop_limit,
            lifetime: header.router_lifetime,
            reachable: payload.reachable_time(),
            retrans: payload.retrans_timer(),
            ..Advertised::default()
        };
        for option in payload.options_iterator() {
            match option.ok()? {
                NdpOptionSlice::SourceLinkLayerAddress(address) => {
                    all.link = mac(address.link_layer_address());
                }
                NdpOptionSlice::Mtu(mtu) => all.mtu = mtu.mtu(),
                NdpOptionSlice::PrefixInformation(prefix) => {
                    all.prefix_length = prefix.prefix_length();
                    all.on_link = prefix.on_link();
                    all.prefix = address(Ipv6Addr::from(prefix.prefix()));
                    all.valid = prefix.valid_lifetime();
                    all.preferred = prefix.preferred_lifetime();
                }
                _ => {}
            }
        }
        Some(all.sum())
    }
    fn pnet(message: &[u8]) -> Option<u64> {
        let packet = RouterAdvertPacket::new(message)?;
        if packet.get_icmpv6_type() != Icmpv6Types::RouterAdvert {
            return None;
        }
        let mut all = Advertised {
            hop_limit: packet.get_hop_limit(),
            lifetime: packet.get_lifetime(),
            reachable: packet.get_reachable_time(),
            retrans: packet.get_retrans_time(),
            ..Advertised::default()
        };
        // pnet leaves what is in an option to its user.
        for option in packet.get_options_iter() {
            let data = option.payload();
            match option.get_option_type() {
                NdpOptionTypes::SourceLLAddr => all.link = mac(data),
                NdpOptionTypes::MTU => {
                    all.mtu = u32::from_be_bytes(*data.get(2..)?.first_chunk()?);
                }
                NdpOptionTypes::PrefixInformation => {
                    let data: &[u8; 30] = data.first_chunk()?;
                    all.prefix_length = data[0];
                    all.on_link = data[1] & 0x80 != 0;
                    all.valid = u32::from_be_bytes(*data.get(2..)?.first_chunk()?);
                    all.preferred = u32::from_be_bytes(*data.get(6..)?.first_chunk()?);
                    let octets: [u8; 16] = *data.last_chunk()?;
                    all.prefix = address(Ipv6Addr::from(octets));
                }
                _ => {}
            }
        }
        Some(all.sum())
    }
    let messages = messages::all(|n, packet| {
        let (repr, options) = messages::router_advertisement(n);
        repr.emit(&options, packet, &ADDRESSES).unwrap();
    });
    let peers: [(_, Reader); 3] = [(SMOLTCP, smoltcp), (ETHERPARSE, etherparse), (PNET, pnet)];
    group(name, messages, ours, peers)
}
