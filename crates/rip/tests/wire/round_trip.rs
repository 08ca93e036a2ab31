//! What is written is read back.

use super::*;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use proptest::collection::vec;
use proptest::prelude::*;
use rip::wire::{
    Command, NextHop, RipEntryRepr, RipMessageRepr, RipWriter, RipngEntryRepr, RipngMessage,
    RipngMessageRepr, RipngWriter, UpdateHeader,
};

prop_compose! {
    fn rip_entry()(
        family: u16, route_tag: u16, address: u32, mask: u32, next_hop: u32, metric: u32,
    ) -> RipEntryRepr {
        RipEntryRepr {
            address_family: family,
            route_tag,
            address: Ipv4Addr::from_bits(address),
            subnet_mask: Ipv4Addr::from_bits(mask),
            next_hop: Ipv4Addr::from_bits(next_hop),
            metric,
        }
    }
}

prop_compose! {
    fn ripng_entry()(address: u128, route_tag: u16, prefix_length: u8, metric: u8) -> RipngEntryRepr {
        RipngEntryRepr { prefix: Ipv6Addr::from_bits(address), route_tag, prefix_length, metric }
    }
}

/// A prefix that may be routed.
fn unicast() -> impl Strategy<Value = Ipv4Prefix> {
    (1u8..224, any::<[u8; 3]>(), 8u8..=32)
        .prop_filter("loopback", |(first, ..)| *first != 127)
        .prop_map(|(first, [b, c, d], length)| {
            Ipv4Prefix::new(Ipv4Addr::new(first, b, c, d), length).unwrap()
        })
}

proptest! {
    /// Any values at all: what does not make sense survives too, in order.
    #[test]
    fn any_entries(
        entries in vec(rip_entry(), 0..30),
        version in prop_oneof![Just(1u8), Just(2), any::<u8>()],
        update: Option<(bool, u16)>,
    ) {
        // What looks like authentication is not an entry.
        prop_assume!(entries.first().is_none_or(|entry| entry.address_family != 0xffff));
        let repr = match update {
            Some((flush, number)) => RipMessageRepr::with_update(
                Command::UPDATE_RESPONSE, version, UpdateHeader::new(flush, number),
            ),
            None => RipMessageRepr::new(Command::RESPONSE, version),
        };
        let mut packet = PacketBuf::new();
        for entry in entries.iter().rev() {
            entry.emit(&mut packet);
        }
        repr.emit(&mut packet).unwrap();
        let mut written = PacketBuf::new();
        let mut writer = RipWriter::new(&mut written, usize::MAX);
        prop_assert!(entries.iter().all(|entry| writer.push(entry)));
        repr.emit(&mut written).unwrap();
        prop_assert_eq!(&written, &packet);

        let message = RipMessage::parse(packet.as_slice()).unwrap();
        prop_assert_eq!((message.command(), message.version()), (repr.command, version));
        prop_assert_eq!(message.update_header(), repr.update);
        let read: Vec<_> = message.entries().map(|entry| entry.to_repr()).collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn routes_of_version_2(
        prefix in unicast(), metric in 1u8..=16, tag: u16, last in 2u8..255,
    ) {
        let next_hop = Ipv4Addr::new(192, 0, 2, last);
        let entry = RipEntryRepr::route(prefix, metric).with_tag(tag).with_next_hop(next_hop);
        let octets = [&[2, 2, 0, 0][..], &entry.octets()].concat();
        let message = RipMessage::parse(&octets).unwrap();
        let route = message.routes(&[interface("192.0.2.1", 24)]).next().unwrap();
        let broadcast = prefix == Ipv4Prefix::host(Ipv4Addr::new(192, 0, 2, 255));
        let expected = RipRoute {
            prefix, metric, route_tag: tag, next_hop: NextHop::Router(next_hop), host_bits: false,
        };
        prop_assert_eq!(route, if broadcast { Err(EntryError::Broadcast) } else { Ok(expected) });
    }

    #[test]
    fn any_ripng_entries(entries in vec(ripng_entry(), 0..80)) {
        let mut packet = PacketBuf::new();
        for entry in entries.iter().rev() {
            entry.emit(&mut packet);
        }
        RipngMessageRepr::new(Command::RESPONSE).emit(&mut packet).unwrap();
        let message = RipngMessage::parse(packet.as_slice()).unwrap();
        let read: Vec<_> = message.entries().map(|entry| entry.to_repr()).collect();
        prop_assert_eq!(read, entries);
        prop_assert_eq!(message.check(), Ok(()));
    }

    /// Routes with next hops, however they are packed into messages.
    #[test]
    fn routes_of_ripng(
        routes in vec((any::<u64>(), 16u8..=64, 1u8..=16, any::<u16>(), 0u8..3), 0..100),
        capacity in 2usize..40,
    ) {
        let routes = routes.into_iter().map(|(bits, length, metric, tag, hop)| {
            let address = 0x2001_u128 << 112 | u128::from(bits) << 48;
            let prefix = Ipv6Prefix::new(Ipv6Addr::from_bits(address), length).unwrap();
            let hop = (hop > 0).then(|| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, hop.into()));
            (prefix, metric, tag, hop)
        });
        let routes: Vec<_> = routes.collect();
        let mut read = Vec::new();
        let mut rest = &routes[..];
        while !rest.is_empty() {
            let mut packet = PacketBuf::new();
            let mut writer = RipngWriter::new(&mut packet, capacity);
            while let [(prefix, metric, tag, hop), after @ ..] = rest {
                let entry = RipngEntryRepr::route(*prefix, *metric).with_tag(*tag);
                if !writer.push(&entry, *hop) {
                    break;
                }
                rest = after;
            }
            prop_assert!(!writer.is_empty() && writer.len() <= capacity);
            RipngMessageRepr::new(Command::RESPONSE).emit(&mut packet).unwrap();
            let message = RipngMessage::parse(packet.as_slice()).unwrap();
            for route in message.routes() {
                let route = route.unwrap();
                read.push((route.prefix, route.metric, route.route_tag, route.next_hop));
            }
        }
        prop_assert_eq!(read, routes);
    }
}
