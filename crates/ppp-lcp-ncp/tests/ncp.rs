//! RFC 1332, RFC 1877 and RFC 5072: IPCP and IPV6CP.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::net::Ipv4Addr;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::automaton::{EndpointConfig, Negotiation};
use ppp_lcp_ncp::ncp::{
    InterfaceIdentifier, Ipcp, IpcpConfig, IpcpNegotiation, IpcpValues, Ipv6cp, Ipv6cpConfig,
    Ipv6cpNegotiation, Ncp, VjParameters,
};
use ppp_lcp_ncp::wire::Code;
use testkit::SeededRandom;

const NOW: Instant = Instant::from_secs(50);
const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THEIRS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn started<N: Negotiation>(negotiation: N, seed: u64) -> Ncp<N> {
    let random = Box::new(SeededRandom::new(seed));
    let mut ncp = Ncp::new(EndpointConfig::default(), negotiation, random).unwrap();
    ncp.open(NOW);
    ncp.lower_up(NOW);
    ncp
}

fn ipcp(config: IpcpConfig, seed: u64) -> Ipcp {
    started(IpcpNegotiation::new(config), seed)
}

fn ipv6cp(config: Ipv6cpConfig, seed: u64) -> Ipv6cp {
    started(Ipv6cpNegotiation::new(config), seed)
}

fn sent<N: Negotiation>(ncp: &mut Ncp<N>) -> Vec<Vec<u8>> {
    let mut packet = PacketBuf::new();
    let mut all = Vec::new();
    while let Some(protocol) = ncp.poll_transmit(&mut packet) {
        assert_eq!(protocol, N::PROTOCOL);
        all.push(packet.as_slice().to_vec());
    }
    all
}

fn talk<N: Negotiation>(a: &mut Ncp<N>, b: &mut Ncp<N>) {
    for _ in 0..100 {
        let (from_a, from_b) = (sent(a), sent(b));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        for octets in from_a {
            let _ = b.handle_input(NOW, &octets);
        }
        for octets in from_b {
            let _ = a.handle_input(NOW, &octets);
        }
    }
    panic!("no end of it");
}

fn packet(code: Code, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + data.len()).unwrap().to_be_bytes();
    [&[code.0, identifier], &length[..], data].concat()
}

/// What `ncp` says to these options.
fn answer<N: Negotiation>(ncp: &mut Ncp<N>, options: &[u8]) -> (Code, Vec<u8>) {
    sent(ncp);
    ncp.handle_input(NOW, &packet(Code::CONFIGURE_REQUEST, 200, options))
        .unwrap();
    let all = sent(ncp);
    assert_eq!(all.len(), 1);
    (Code(all[0][0]), all[0][4..].to_vec())
}

fn address(kind: u8, address: Ipv4Addr) -> Vec<u8> {
    [&[kind, 6], &address.octets()[..]].concat()
}

fn agreed(a: IpcpConfig, b: IpcpConfig) -> (IpcpValues, IpcpValues) {
    let (mut a, mut b) = (ipcp(a, 1), ipcp(b, 2));
    talk(&mut a, &mut b);
    assert!(a.is_open() && b.is_open());
    (*a.negotiation().values(), *b.negotiation().values())
}

mod rfc_1332_section_3_3 {
    use super::*;

    #[test]
    fn both_have_addresses() {
        let has = |address| IpcpConfig {
            address: Some(address),
            ..IpcpConfig::default()
        };
        let (a, b) = agreed(has(OURS), has(THEIRS));
        assert_eq!((a.our_address, a.peer_address), (Some(OURS), Some(THEIRS)));
        assert_eq!((b.our_address, b.peer_address), (Some(THEIRS), Some(OURS)));
    }

    // RFC 1332 §3.3 MUST (zero): who has none asks with zero.
    // RFC 1332 §3.3 MUST (assign): and is told one.
    #[test]
    fn an_address_is_given() {
        let gives = IpcpConfig {
            address: Some(OURS),
            peer_address: Some(THEIRS),
            ..IpcpConfig::default()
        };
        let mut asks = ipcp(IpcpConfig::default(), 2);
        assert_eq!(sent(&mut asks)[0][4..], address(3, Ipv4Addr::UNSPECIFIED));
        let (a, b) = agreed(gives.clone(), IpcpConfig::default());
        assert_eq!(
            (a.peer_address, b.our_address),
            (Some(THEIRS), Some(THEIRS))
        );
        assert_eq!(b.peer_address, Some(OURS));
        // Another address is not accepted, and neither is half of one.
        let mut end = ipcp(gives, 1);
        let nak = (Code::CONFIGURE_NAK, address(3, THEIRS));
        assert_eq!(
            answer(&mut end, &address(3, Ipv4Addr::new(203, 0, 113, 9))),
            nak
        );
        assert_eq!(answer(&mut end, &[3, 4, 1, 2]), nak);
    }

    #[test]
    fn an_address_of_ours_gives_way_only_if_it_may() {
        let wants = IpcpConfig {
            address: Some(OURS),
            peer_address: Some(THEIRS),
            ..IpcpConfig::default()
        };
        let other = Ipv4Addr::new(203, 0, 113, 9);
        for accept_other_address in [true, false] {
            let stubborn = IpcpConfig {
                address: Some(other),
                accept_other_address,
                ..IpcpConfig::default()
            };
            let (mut a, mut b) = (ipcp(wants.clone(), 1), ipcp(stubborn, 2));
            talk(&mut a, &mut b);
            let given = b.negotiation().values().our_address;
            let expected = if accept_other_address { THEIRS } else { other };
            assert_eq!(given, b.is_open().then_some(expected));
            let peer = a.negotiation().values().peer_address;
            assert!(!a.is_open() || peer == Some(THEIRS));
        }
    }

    // RFC 1332 §3.3 SHOULD (append): the Nak has the option that the request does not.
    #[test]
    fn a_peer_without_an_address_is_asked_for_it() {
        let gives = IpcpConfig {
            peer_address: Some(THEIRS),
            ..IpcpConfig::default()
        };
        let mut end = ipcp(gives, 1);
        assert_eq!(
            answer(&mut end, &[]),
            (Code::CONFIGURE_NAK, address(3, THEIRS))
        );
        let mut end = ipcp(IpcpConfig::default(), 1);
        assert_eq!(
            answer(&mut end, &[]),
            (Code::CONFIGURE_NAK, address(3, Ipv4Addr::UNSPECIFIED))
        );
    }

    #[test]
    fn addresses_that_no_host_has_are_refused() {
        for bad in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [224, 0, 0, 5],
            [255, 255, 255, 255],
        ] {
            let mut end = ipcp(IpcpConfig::default(), 1);
            let option = address(3, bad.into());
            assert_eq!(
                answer(&mut end, &option),
                (Code::CONFIGURE_REJECT, option.clone())
            );
            // Nor is one taken from the peer.
            let mut end = ipcp(IpcpConfig::default(), 1);
            let request = sent(&mut end).remove(0);
            end.handle_input(NOW, &packet(Code::CONFIGURE_NAK, request[1], &option))
                .unwrap();
            let next = sent(&mut end).remove(0);
            assert_eq!(next[4..], address(3, Ipv4Addr::UNSPECIFIED));
        }
    }

    #[test]
    fn what_is_deprecated_or_unknown_is_rejected() {
        for option in [
            &[1, 10, 1, 1, 1, 1, 2, 2, 2, 2][..],
            &[4, 6, 1, 2, 3, 4],
            &[200, 2],
        ] {
            let mut end = ipcp(IpcpConfig::default(), 1);
            assert_eq!(
                answer(&mut end, option),
                (Code::CONFIGURE_REJECT, option.to_vec())
            );
        }
    }
}

mod rfc_1332_section_4 {
    use super::*;

    fn compresses(max_slot_id: u8, compress_slot_id: bool) -> IpcpConfig {
        IpcpConfig {
            address: Some(OURS),
            peer_address: Some(THEIRS),
            vj: Some(VjParameters {
                max_slot_id,
                compress_slot_id,
            }),
            ..IpcpConfig::default()
        }
    }

    #[test]
    fn each_direction_has_its_own_slots() {
        let peer = IpcpConfig {
            vj: compresses(7, false).vj,
            ..IpcpConfig::default()
        };
        let (a, b) = agreed(compresses(15, true), peer.clone());
        assert_eq!(
            (a.vj_receive, a.vj_send),
            (compresses(15, true).vj, peer.vj)
        );
        assert_eq!((b.vj_receive, b.vj_send), (a.vj_send, a.vj_receive));
    }

    #[test]
    fn who_does_not_compress_rejects_it() {
        let (a, b) = agreed(compresses(15, true), IpcpConfig::default());
        assert_eq!(
            (a.vj_receive, a.vj_send, b.vj_receive, b.vj_send),
            (None, None, None, None)
        );
        let mut end = ipcp(compresses(15, true), 1);
        let wanted = (Code::CONFIGURE_NAK, vec![2, 6, 0, 0x2d, 15, 1]);
        for other in [
            &[2, 6, 0, 0x61, 1, 1][..],
            &[2, 4, 0, 0x2d],
            &[2, 6, 0, 0x2d, 255, 1],
        ] {
            let options = [other, &address(3, THEIRS)].concat();
            assert_eq!(answer(&mut end, &options), wanted);
        }
    }
}

mod rfc_1877 {
    use super::*;

    const DNS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(192, 0, 2, 54)];
    const NBNS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 137);

    // RFC 1877 §1 MUST (servers): who asks is told, who has none to tell rejects.
    #[test]
    fn name_servers_are_given() {
        let gives = IpcpConfig {
            address: Some(OURS),
            peer_address: Some(THEIRS),
            give_dns: DNS.map(Some),
            give_nbns: [Some(NBNS), None],
            ..IpcpConfig::default()
        };
        let asks = IpcpConfig {
            request_dns: true,
            request_nbns: true,
            ..IpcpConfig::default()
        };
        let (_, customer) = agreed(gives.clone(), asks);
        assert_eq!(
            (customer.dns, customer.nbns),
            (DNS.map(Some), [Some(NBNS), None])
        );
        assert_eq!(customer.our_address, Some(THEIRS));
        let (_, other) = agreed(gives, IpcpConfig::default());
        assert_eq!((other.dns, other.nbns), ([None; 2], [None; 2]));
    }

    #[test]
    fn servers_that_nobody_asked_for_are_not_taken() {
        let mut end = ipcp(IpcpConfig::default(), 1);
        let request = sent(&mut end).remove(0);
        let nak = [address(3, THEIRS), address(129, DNS[0])].concat();
        end.handle_input(NOW, &packet(Code::CONFIGURE_NAK, request[1], &nak))
            .unwrap();
        assert_eq!(sent(&mut end)[0][4..], address(3, THEIRS));
    }
}

mod rfc_5072_section_4_1 {
    use super::*;

    fn identifier(value: u64) -> Vec<u8> {
        [&[1, 10], &value.to_be_bytes()[..]].concat()
    }

    fn has(value: u64) -> Ipv6cpConfig {
        Ipv6cpConfig {
            identifier: Some(InterfaceIdentifier(value)),
            peer_identifier: None,
        }
    }

    #[test]
    fn both_ends_have_one() {
        let (mut a, mut b) = (ipv6cp(has(0x11), 1), ipv6cp(has(0x22), 2));
        talk(&mut a, &mut b);
        assert!(a.is_open() && b.is_open());
        assert_eq!(a.negotiation().ours(), Some(InterfaceIdentifier(0x11)));
        assert_eq!(a.negotiation().peers(), Some(InterfaceIdentifier(0x22)));
        assert_eq!(b.negotiation().peers(), a.negotiation().ours());
        assert!(a.negotiation().is_complete());
    }

    // RFC 5072 §4.1 MUST (u-bit): it is zero, in all of them.
    #[test]
    fn random_identifiers() {
        let mut random = SeededRandom::new(1);
        let mut all = Vec::new();
        for _ in 0..1000 {
            let drawn = InterfaceIdentifier::random(&mut random);
            assert_eq!(drawn.0 >> 56 & 0b10, 0, "{drawn}");
            assert_ne!(drawn, InterfaceIdentifier::ZERO);
            all.push(drawn);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 1000);
        let text = InterfaceIdentifier(0x0210_0000_0000_00ff)
            .link_local()
            .to_string();
        assert_eq!(text, "fe80::210:0:0:ff");
    }

    // RFC 5072 §4.1 MUST (zero): one to take is suggested, and taken.
    #[test]
    fn zero_asks_for_one() {
        let mut end = ipv6cp(has(0x11), 1);
        let (code, option) = answer(&mut end, &identifier(0));
        assert_eq!((code, &option[..2]), (Code::CONFIGURE_NAK, &[1, 10][..]));
        assert_ne!(option[2..], [0; 8]);
        assert_ne!(option, identifier(0x11));
        let (mut a, mut b) = (ipv6cp(has(0x11), 1), ipv6cp(has(0), 2));
        talk(&mut a, &mut b);
        assert!(a.is_open() && b.is_open());
        assert_eq!(a.negotiation().peers(), b.negotiation().ours());
        assert!(b.negotiation().ours().is_some_and(|it| it.0 != 0));
    }

    // RFC 5072 §4.1 MUST (both-zero): neither can help the other.
    #[test]
    fn two_zeroes_are_rejected() {
        let mut end = ipv6cp(has(0), 1);
        let option = identifier(0);
        assert_eq!(
            answer(&mut end, &option),
            (Code::CONFIGURE_REJECT, option.clone())
        );
    }

    // RFC 5072 §4.1 MUST (equal): our own is answered with another, and a different one agreed on.
    #[test]
    fn equal_identifiers_come_apart() {
        let mut end = ipv6cp(has(0x11), 1);
        let (code, option) = answer(&mut end, &identifier(0x11));
        assert_eq!(code, Code::CONFIGURE_NAK);
        assert_ne!(option, identifier(0x11));
        let (mut a, mut b) = (ipv6cp(has(0x11), 1), ipv6cp(has(0x11), 2));
        talk(&mut a, &mut b);
        assert!(a.is_open() && b.is_open());
        assert_ne!(a.negotiation().ours(), b.negotiation().ours());
        assert_eq!(a.negotiation().peers(), b.negotiation().ours());
    }

    // RFC 5072 §4.1 MUST (nak): what can be ours is taken; in place of zero another is drawn.
    #[test]
    fn suggestions() {
        for (suggested, taken) in [(0x77, true), (0, false)] {
            let mut end = ipv6cp(has(0x11), 1);
            let request = sent(&mut end).remove(0);
            let nak = packet(Code::CONFIGURE_NAK, request[1], &identifier(suggested));
            end.handle_input(NOW, &nak).unwrap();
            let next = sent(&mut end).remove(0);
            assert_eq!(next[4..] == identifier(suggested), taken);
            assert_ne!(next[4..], request[4..]);
        }
    }

    #[test]
    fn a_configured_peer_is_told() {
        let config = Ipv6cpConfig {
            peer_identifier: Some(InterfaceIdentifier(0x99)),
            ..has(0x11)
        };
        let mut end = ipv6cp(config, 1);
        let nak = (Code::CONFIGURE_NAK, identifier(0x99));
        for request in [identifier(0x22), vec![], vec![1, 4, 1, 2]] {
            assert_eq!(answer(&mut end, &request), nak);
        }
        assert_eq!(answer(&mut end, &identifier(0x99)).0, Code::CONFIGURE_ACK);
        // Compression of IPv6 headers is not spoken.
        assert_eq!(answer(&mut end, &[2, 4, 0, 0x61]).0, Code::CONFIGURE_REJECT);
    }
}

#[test]
fn nothing_panics() {
    let v4 = [
        address(3, THEIRS),
        address(129, THEIRS),
        vec![2, 6, 0, 0x2d, 15, 1],
    ]
    .concat();
    let v6 = [1, 10, 0, 0, 0, 0, 0, 0, 0, 7];
    for code in 1..=8 {
        testkit::sweep(&packet(Code(code), 1, &v4), |octets| {
            let _ = ipcp(IpcpConfig::default(), 1).handle_input(NOW, octets);
        });
        testkit::sweep(&packet(Code(code), 1, &v6), |octets| {
            let _ = ipv6cp(Ipv6cpConfig::default(), 1).handle_input(NOW, octets);
        });
    }
}
