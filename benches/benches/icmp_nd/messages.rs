//! The messages: the `n`th of each kind.

use core::net::Ipv6Addr;
use icmp_nd::PacketBuf;
use icmp_nd::wire::{
    NdOptionRepr, NdRepr, NeighborAdvertisementRepr, PrefixInformation, RouterAdvertisementRepr,
    RouterPreference,
};
use packet_buffer::wire::{Icmpv6Repr, MacAddr, PseudoHeader};

pub(crate) const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const DESTINATION: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const ADDRESSES: PseudoHeader = PseudoHeader::V6 {
    source: SOURCE,
    destination: DESTINATION,
};
/// The data of an echo.
pub(crate) const DATA: [u8; 56] = [0x5a; 56];
pub(crate) const MTU: u32 = 1500;
pub(crate) const LIFETIMES: (u32, u32) = (86_400, 14_400);

pub(crate) const fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

pub(crate) const fn target(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, n as u16)
}

pub(crate) const fn prefix(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, n as u16, 0, 0, 0, 0)
}

pub(crate) const fn echo(n: u8) -> Icmpv6Repr {
    Icmpv6Repr::EchoRequest {
        identifier: 0x1234,
        sequence_number: n as u16,
    }
}

pub(crate) const fn neighbor_advertisement(n: u8) -> (NdRepr, [NdOptionRepr<'static>; 1]) {
    let repr = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
        router: false,
        solicited: true,
        override_: true,
        target: target(n),
    });
    (repr, [NdOptionRepr::TargetLinkLayerAddress(mac(n))])
}

pub(crate) const fn router_advertisement(n: u8) -> (NdRepr, [NdOptionRepr<'static>; 3]) {
    let repr = NdRepr::RouterAdvertisement(RouterAdvertisementRepr {
        cur_hop_limit: 64,
        managed: false,
        other_configuration: true,
        home_agent: false,
        preference: RouterPreference::Medium,
        router_lifetime: 1800,
        reachable_time: 30_000,
        retrans_timer: 1000,
    });
    let prefix = PrefixInformation {
        address: prefix(n),
        prefix_length: 64,
        on_link: true,
        autonomous: true,
        router_address: false,
        valid_lifetime: LIFETIMES.0,
        preferred_lifetime: LIFETIMES.1,
    };
    let options = [
        NdOptionRepr::SourceLinkLayerAddress(mac(n)),
        NdOptionRepr::Mtu(MTU),
        NdOptionRepr::PrefixInformation(prefix),
    ];
    (repr, options)
}

/// 256 messages, as `emit` writes the `n`th.
pub(crate) fn all(mut emit: impl FnMut(u8, &mut PacketBuf)) -> Vec<Vec<u8>> {
    let messages = (0..=255).map(|n| {
        let mut packet = PacketBuf::with_headroom(128);
        emit(n, &mut packet);
        packet.as_slice().to_vec()
    });
    messages.collect()
}
