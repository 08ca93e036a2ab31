//! The checks of a receiver (RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1; RFC 6980 §5).

use crate::support::{address, octets, packet};
use core::net::Ipv6Addr;
use icmp_nd::PacketBuf;
use icmp_nd::validation::{self, NdError, NdErrorCounters, NdLimits};
use icmp_nd::wire::{NdMessage, NdOptionRepr, NdRepr};
use packet_buffer::wire::{IpProtocol, Ipv6FragmentHeader, Ipv6Packet, Ipv6Repr};

/// What `nd` says of a whole packet.
fn check(packet: &[u8]) -> Result<(), NdError> {
    let ip = Ipv6Packet::parse(packet).unwrap();
    let upper = ip.upper_layer().unwrap();
    let limits = NdLimits::default();
    validation::nd(&ip, &upper, &limits).map(|valid| {
        assert_eq!(valid.source(), ip.source());
        assert_eq!(valid.destination(), ip.destination());
        assert_eq!(
            valid.message().to_repr(),
            NdMessage::parse(upper.payload).unwrap().to_repr()
        );
    })
}

/// The packet of that name, after `change` of its ICMPv6 message, with a right checksum again.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let packet = packet(name);
    let ip = Ipv6Packet::parse(&packet).unwrap();
    let mut message = ip.payload().to_vec();
    change(&mut message);
    rebuilt(ip.source(), ip.destination(), &message)
}

/// The packet of that name, between other addresses.
fn between(name: &str, source: &str, destination: &str) -> Vec<u8> {
    let packet = packet(name);
    let message = Ipv6Packet::parse(&packet).unwrap().payload();
    rebuilt(address(source), address(destination), message)
}

fn rebuilt(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let ip = Ipv6Repr {
        hop_limit: 255,
        ..Ipv6Repr::new(source, destination, IpProtocol::ICMPV6)
    };
    if let Some(field) = message.get_mut(2..4) {
        field.fill(0);
        let sum = ip.pseudo_header().sum(IpProtocol::ICMPV6, message.len());
        let checksum = sum.add_bytes(&message).checksum();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    let mut packet = PacketBuf::from(&message[..]);
    ip.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// One good message of each type, and the octets of its fixed part.
const GOOD: [(&str, usize); 5] = [
    ("nd-router-solicitation", 8),
    ("nd-router-advertisement", 16),
    ("nd-neighbor-solicitation", 24),
    ("nd-neighbor-advertisement", 24),
    ("nd-redirect", 40),
];

#[test]
fn good_messages_pass() {
    for (name, octets) in crate::vectors::all() {
        if name.starts_with("ip/nd-") {
            assert_eq!(check(&octets), Ok(()), "{name}");
        } else if octets[0] >> 4 == 6 {
            assert_eq!(check(&octets), Err(NdError::NotNeighborDiscovery), "{name}");
        }
    }
}

// RFC 4861 §6.1.1 MUST (hop-limit): each other hop limit, in each message.
// RFC 4861 §6.1.2 MUST (hop-limit): likewise.
// RFC 4861 §7.1.1 MUST (hop-limit): likewise.
// RFC 4861 §7.1.2 MUST (hop-limit): likewise.
// RFC 4861 §8.1 MUST (hop-limit): likewise.
#[test]
fn hop_limit() {
    for (name, _) in GOOD {
        let mut packet = packet(name);
        for hop_limit in 0..255 {
            packet[7] = hop_limit;
            assert_eq!(check(&packet), Err(NdError::HopLimit(hop_limit)), "{name}");
        }
    }
}

// RFC 4861 §6.1.1 MUST (checksum): a wrong bit anywhere, in each message.
// RFC 4861 §6.1.2 MUST (checksum): likewise.
// RFC 4861 §7.1.1 MUST (checksum): likewise.
// RFC 4861 §7.1.2 MUST (checksum): likewise.
// RFC 4861 §8.1 MUST (checksum): likewise.
#[test]
fn checksum() {
    for (name, _) in GOOD {
        let good = packet(name);
        // Behind the type, which decides whether the message is looked at.
        for bit in 41 * 8..good.len() * 8 {
            let mut packet = good.clone();
            packet[bit / 8] ^= 0x80 >> (bit % 8);
            let error = check(&packet).unwrap_err();
            assert!(matches!(error, NdError::Checksum(_)), "{name}, bit {bit}");
        }
    }
}

// RFC 4861 §6.1.1 MUST (code): each other code, in each message.
// RFC 4861 §6.1.2 MUST (code): likewise.
// RFC 4861 §7.1.1 MUST (code): likewise.
// RFC 4861 §7.1.2 MUST (code): likewise.
// RFC 4861 §8.1 MUST (code): likewise.
#[test]
fn code() {
    for (name, _) in GOOD {
        for code in 1..=255 {
            let packet = changed(name, |message| message[1] = code);
            assert_eq!(check(&packet), Err(NdError::Code(code)), "{name}");
        }
    }
}

// RFC 4861 §6.1.1 MUST (length): each shorter length, and an option of length 0.
// RFC 4861 §6.1.2 MUST (length): likewise.
// RFC 4861 §7.1.1 MUST (length): likewise.
// RFC 4861 §7.1.2 MUST (length): likewise.
// RFC 4861 §8.1 MUST (length): likewise.
#[test]
fn length() {
    for (name, fixed) in GOOD {
        for length in 4..fixed {
            let packet = changed(name, |message| message.truncate(length));
            assert_eq!(check(&packet), Err(NdError::Length(length)), "{name}");
        }
        let packet = changed(name, |message| message.truncate(fixed));
        assert_eq!(check(&packet), Ok(()), "{name}");
        let packet = changed(name, |message| message[fixed + 1] = 0);
        assert_eq!(check(&packet), Err(NdError::OptionLengthZero), "{name}");
        for length in fixed + 1..fixed + 8 {
            let packet = changed(name, |message| message.truncate(length));
            assert_eq!(check(&packet), Err(NdError::OptionTruncated), "{name}");
        }
    }
}

#[test]
fn too_many_options() {
    for (count, expected) in [(64, Ok(())), (65, Err(NdError::TooManyOptions))] {
        let packet = changed("nd-router-advertisement-final", |message| {
            for _ in 0..count {
                message.extend(octets("0501 0000 000005dc"));
            }
        });
        assert_eq!(check(&packet), expected);
        let ip = Ipv6Packet::parse(&packet).unwrap();
        let few = NdLimits { options: 3 };
        let result = validation::nd(&ip, &ip.upper_layer().unwrap(), &few);
        assert_eq!(result.unwrap_err(), NdError::TooManyOptions);
    }
}

#[test]
fn no_message_comes_from_a_group() {
    for (name, _) in GOOD {
        let packet = between(name, "ff02::5", "fe80::9");
        let expected = NdError::SourceMulticast(address("ff02::5"));
        assert_eq!(check(&packet), Err(expected), "{name}");
    }
}

mod rfc6980_section_5 {
    use super::*;

    // RFC 6980 §5 MUST: even a fragment that is the whole message is ignored.
    #[test]
    fn fragments_are_refused() {
        for (name, _) in GOOD {
            let good = packet(name);
            let ip = Ipv6Packet::parse(&good).unwrap();
            for more_fragments in [false, true] {
                let mut packet = PacketBuf::from(ip.payload());
                Ipv6FragmentHeader {
                    next_header: IpProtocol::ICMPV6,
                    offset: 0,
                    more_fragments,
                    identification: 9,
                }
                .emit(&mut packet)
                .unwrap();
                Ipv6Repr {
                    next_header: IpProtocol::FRAGMENT,
                    ..ip.to_repr()
                }
                .emit(&mut packet)
                .unwrap();
                assert_eq!(check(packet.as_slice()), Err(NdError::Fragmented));
            }
        }
    }
}

mod section_6_1_1 {
    use super::*;

    // RFC 4861 §6.1.1 MUST (unspecified-source): it tells no link-layer address.
    #[test]
    fn unspecified_source() {
        let packet = between("nd-router-solicitation", "::", "ff02::2");
        let expected = NdError::UnspecifiedSourceWithLinkLayerAddress;
        assert_eq!(check(&packet), Err(expected));
        let packet = between("nd-router-solicitation-unspecified", "::", "ff02::2");
        assert_eq!(check(&packet), Ok(()));
    }
}

mod section_6_1_2 {
    use super::*;

    // RFC 4861 §6.1.2 MUST (source): it is a link-local address.
    #[test]
    fn source() {
        for source in ["::", "::1", "2001:db8::1", "fd00::1", "fec0::1"] {
            let packet = between("nd-router-advertisement", source, "ff02::1");
            let expected = NdError::SourceNotLinkLocal(address(source));
            assert_eq!(check(&packet), Err(expected));
        }
        let packet = between("nd-router-advertisement", "febf::1", "ff02::1");
        assert_eq!(check(&packet), Ok(()));
    }
}

mod section_7_1_1 {
    use super::*;

    // RFC 4861 §7.1.1 MUST (target): it is not a multicast address.
    #[test]
    fn target() {
        let group = address("ff02::1:ff00:2");
        let packet = changed("nd-neighbor-solicitation", |message| {
            message[8..24].copy_from_slice(&group.octets());
        });
        assert_eq!(check(&packet), Err(NdError::TargetMulticast(group)));
    }

    // RFC 4861 §7.1.1 MUST (unspecified-destination): it is a solicited-node group.
    #[test]
    fn unspecified_source_to_another_destination() {
        let name = "nd-neighbor-solicitation-dad-nonce";
        for destination in ["ff02::1", "fe80::2", "ff02::1:fe00:2", "ff05::1:ff00:2"] {
            let packet = between(name, "::", destination);
            let expected = NdError::UnspecifiedSourceToOtherGroup(address(destination));
            assert_eq!(check(&packet), Err(expected));
        }
        let packet = between(name, "::", "ff02::1:ffab:cdef");
        assert_eq!(check(&packet), Ok(()));
        // From a node that has an address, every destination is allowed.
        let packet = between("nd-neighbor-solicitation", "fe80::1", "ff02::1");
        assert_eq!(check(&packet), Ok(()));
    }

    // RFC 4861 §7.1.1 MUST (unspecified-source): it tells no link-layer address.
    #[test]
    fn unspecified_source() {
        let packet = between("nd-neighbor-solicitation", "::", "ff02::1:ff00:2");
        let expected = NdError::UnspecifiedSourceWithLinkLayerAddress;
        assert_eq!(check(&packet), Err(expected));
    }
}

mod section_7_1_2 {
    use super::*;

    // RFC 4861 §7.1.2 MUST (target): it is not a multicast address.
    #[test]
    fn target() {
        let group = address("ff02::1");
        let packet = changed("nd-neighbor-advertisement", |message| {
            message[8..24].copy_from_slice(&group.octets());
        });
        assert_eq!(check(&packet), Err(NdError::TargetMulticast(group)));
    }

    // RFC 4861 §7.1.2 MUST (solicited): what goes to a group answers nobody.
    #[test]
    fn solicited_to_a_group() {
        let packet = between("nd-neighbor-advertisement", "fe80::2", "ff02::1");
        let expected = NdError::SolicitedToGroup(address("ff02::1"));
        assert_eq!(check(&packet), Err(expected));
    }
}

mod section_8_1 {
    use super::*;

    // RFC 4861 §8.1 MUST (source): it is a link-local address.
    #[test]
    fn source() {
        let packet = between("nd-redirect", "2001:db8::2", "fe80::1");
        let expected = NdError::SourceNotLinkLocal(address("2001:db8::2"));
        assert_eq!(check(&packet), Err(expected));
    }

    // RFC 4861 §8.1 MUST (destination): it is not a multicast address.
    #[test]
    fn destination() {
        let group = address("ff0e::9");
        let packet = changed("nd-redirect", |message| {
            message[24..40].copy_from_slice(&group.octets());
        });
        assert_eq!(check(&packet), Err(NdError::RedirectedMulticast(group)));
    }

    // RFC 4861 §8.1 MUST (target): a link-local address, or the destination.
    #[test]
    fn target() {
        let with_target = |target: &str| {
            changed("nd-redirect", |message| {
                message[8..24].copy_from_slice(&address(target).octets());
            })
        };
        assert_eq!(check(&with_target("2001:db8:9::9")), Ok(()));
        assert_eq!(check(&with_target("fe80::1234")), Ok(()));
        for target in ["2001:db8:9::8", "::", "ff02::1"] {
            let expected = NdError::RedirectTarget(address(target));
            assert_eq!(check(&with_target(target)), Err(expected));
        }
    }
}

/// Each reason has a counter of its own.
#[test]
fn counters() {
    let zero = Ipv6Addr::UNSPECIFIED;
    let errors = [
        NdError::Fragmented,
        NdError::HopLimit(1),
        NdError::Checksum(1),
        NdError::Code(1),
        NdError::Length(1),
        NdError::OptionLengthZero,
        NdError::OptionTruncated,
        NdError::TooManyOptions,
        NdError::SourceMulticast(zero),
        NdError::SourceNotLinkLocal(zero),
        NdError::UnspecifiedSourceWithLinkLayerAddress,
        NdError::UnspecifiedSourceToOtherGroup(zero),
        NdError::TargetMulticast(zero),
        NdError::SolicitedToGroup(zero),
        NdError::RedirectedMulticast(zero),
        NdError::RedirectTarget(zero),
    ];
    let mut all = NdErrorCounters::default();
    let mut seen = Vec::new();
    for error in &errors {
        let mut one = NdErrorCounters::default();
        one.count(error);
        all.count(error);
        assert_eq!(one.total(), 1, "{error}");
        assert!(!seen.contains(&one), "{error} shares a counter");
        seen.push(one);
    }
    all.count(&NdError::NotNeighborDiscovery);
    assert_eq!(all.total(), errors.len() as u64);
}

/// A message with the unspecified source and only a target address is fine: the rule is about the
/// source's.
#[test]
fn a_target_address_in_a_solicitation_is_ignored() {
    let mut packet = PacketBuf::with_headroom(64);
    let option = NdOptionRepr::TargetLinkLayerAddress([2, 0, 0, 0, 0, 2].into());
    NdRepr::RouterSolicitation
        .emit_packet(
            &[option],
            &mut packet,
            Ipv6Addr::UNSPECIFIED,
            address("ff02::2"),
        )
        .unwrap();
    assert_eq!(check(packet.as_slice()), Ok(()));
}
