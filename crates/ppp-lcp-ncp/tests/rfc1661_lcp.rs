//! RFC 1661 §5.7 to §6.6, RFC 1570: LCP's options and its own packets.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::automaton::{EndpointConfig, LayerEvent, State};
use ppp_lcp_ncp::lcp::{
    AuthMethod, EndpointDiscriminator, FcsAlternatives, Lcp, LcpConfig, LcpDiscard, LcpEvent,
    Limits, MultilinkConfig,
};
use ppp_lcp_ncp::wire::{Code, ControlPacket, PppPacket, PppProtocol, PppRepr};
use testkit::SeededRandom;

const NOW: Instant = Instant::from_secs(50);

fn lcp(config: LcpConfig, seed: u64) -> Lcp {
    let mut lcp = Lcp::new(config, Box::new(SeededRandom::new(seed))).unwrap();
    lcp.open(NOW);
    lcp.lower_up(NOW);
    lcp
}

fn sent(lcp: &mut Lcp) -> Vec<Vec<u8>> {
    let mut packet = PacketBuf::new();
    let mut all = Vec::new();
    while let Some(protocol) = lcp.poll_transmit(&mut packet) {
        assert_eq!(protocol, PppProtocol::LCP);
        all.push(packet.as_slice().to_vec());
    }
    all
}

fn events(lcp: &mut Lcp) -> Vec<LcpEvent> {
    core::iter::from_fn(|| lcp.poll_event()).collect()
}

fn packet(code: Code, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + data.len()).unwrap().to_be_bytes();
    [&[code.0, identifier], &length[..], data].concat()
}

/// What `lcp` says to these options.
fn answer(lcp: &mut Lcp, options: &[u8]) -> (Code, Vec<u8>) {
    sent(lcp);
    lcp.handle_input(NOW, &packet(Code::CONFIGURE_REQUEST, 200, options))
        .unwrap();
    let all = sent(lcp);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0][1], 200);
    (Code(all[0][0]), all[0][4..].to_vec())
}

/// Carries packets until neither end has any more; at most `limit`.
fn talk(a: &mut Lcp, b: &mut Lcp, limit: usize) -> usize {
    let mut count = 0;
    loop {
        let (from_a, from_b) = (sent(a), sent(b));
        if from_a.is_empty() && from_b.is_empty() {
            return count;
        }
        for octets in from_a {
            let _ = b.handle_input(NOW, &octets);
            count += 1;
        }
        for octets in from_b {
            let _ = a.handle_input(NOW, &octets);
            count += 1;
        }
        assert!(count < limit, "no end of it");
    }
}

fn opened(a: LcpConfig, b: LcpConfig) -> (Lcp, Lcp) {
    let (mut a, mut b) = (lcp(a, 1), lcp(b, 2));
    talk(&mut a, &mut b, 100);
    assert!(a.is_open() && b.is_open());
    events(&mut a);
    events(&mut b);
    (a, b)
}

fn default() -> LcpConfig {
    LcpConfig::default()
}

mod section_2 {
    use super::*;

    // RFC 1661 §2 MUST (protocol-bits): odd, and an even first octet.
    #[test]
    fn protocol_numbers() {
        for (number, is_valid) in [
            (0x0021, true),
            (0xc021, true),
            (0x8021, true),
            (0x0020, false),
            (0x0121, false),
            (0xff03, false),
        ] {
            assert_eq!(PppProtocol(number).is_valid(), is_valid, "{number:#06x}");
        }
    }
}

mod section_5_7 {
    use super::*;

    // RFC 1661 §5.7 MUST (unknown-protocol): the answer quotes the packet.
    #[test]
    fn unknown_protocols_are_reported() {
        let (mut a, mut b) = opened(default(), default());
        a.reject_protocol(PppProtocol(0x4021), b"hello");
        let reject = sent(&mut a).remove(0);
        assert_eq!(reject[0], Code::PROTOCOL_REJECT.0);
        assert_eq!(reject[4..], *b"\x40\x21hello");
        b.handle_input(NOW, &reject).unwrap();
        let told = LcpEvent::ProtocolRejected(PppProtocol(0x4021));
        assert_eq!(events(&mut b), [told]);
        a.reject_protocol(PppProtocol(0x4021), b"hello");
        assert_ne!(
            sent(&mut a)[0][1],
            reject[1],
            "each has an identifier of its own"
        );
    }

    // RFC 1661 §5.7 MUST (truncated): the quote fits what the peer takes.
    #[test]
    fn the_quote_is_cut() {
        let small = LcpConfig {
            mru: 200,
            ..default()
        };
        let (mut a, _) = opened(default(), small);
        assert_eq!(a.peers().mru, 200);
        a.reject_protocol(PppProtocol(0x4021), &[7; 1490]);
        let reject = sent(&mut a).remove(0);
        assert_eq!(reject.len(), 200);
        assert_eq!(ControlPacket::parse(&reject).unwrap().data().len(), 196);
    }

    // RFC 1661 §5.7 MUST (not-open): nothing is sent before, and nothing is heeded.
    #[test]
    fn only_when_open() {
        let mut early = lcp(default(), 1);
        sent(&mut early);
        early.reject_protocol(PppProtocol(0x4021), b"hello");
        assert!(sent(&mut early).is_empty());
        let reject = packet(Code::PROTOCOL_REJECT, 1, &[0x80, 0x21]);
        let code = Code::PROTOCOL_REJECT;
        assert_eq!(
            early.handle_input(NOW, &reject),
            Err(LcpDiscard::NotOpen(code))
        );
        assert_eq!(early.stats().not_open, 1);
    }

    #[test]
    fn lcp_itself_rejected_ends_it() {
        let (mut a, _) = opened(default(), default());
        a.handle_input(NOW, &packet(Code::PROTOCOL_REJECT, 1, &[0xc0, 0x21]))
            .unwrap();
        assert_eq!(a.state(), State::Stopping);
        let short = a.handle_input(NOW, &packet(Code::PROTOCOL_REJECT, 1, &[0xc0]));
        assert!(short.is_err());
    }
}

mod section_5_8 {
    use super::*;

    #[test]
    fn echoes_come_back() {
        let (mut a, mut b) = opened(default(), default());
        let identifier = a.send_echo_request().unwrap();
        let request = sent(&mut a).remove(0);
        assert_eq!(request[4..], a.ours().magic.to_be_bytes());
        b.handle_input(NOW, &[&request[..], b"padding"].concat())
            .unwrap();
        let reply = sent(&mut b).remove(0);
        assert_eq!(reply[..2], [Code::ECHO_REPLY.0, identifier]);
        assert_eq!(reply[4..], b.ours().magic.to_be_bytes());
        a.handle_input(NOW, &reply).unwrap();
        assert_eq!(events(&mut a), [LcpEvent::EchoReply { identifier }]);
        // A second answer is not an answer.
        let again = a.handle_input(NOW, &reply);
        assert_eq!(again, Err(LcpDiscard::UnaskedEchoReply { identifier }));
        assert_eq!(a.stats().unasked_echo_replies, 1);
    }

    #[test]
    fn data_is_echoed_as_far_as_the_peer_takes_it() {
        let small = LcpConfig {
            mru: 128,
            ..default()
        };
        let (mut a, b) = opened(default(), small);
        let data = [&b.ours().magic.to_be_bytes()[..], &[9; 500]].concat();
        a.handle_input(NOW, &packet(Code::ECHO_REQUEST, 5, &data))
            .unwrap();
        let reply = sent(&mut a).remove(0);
        assert_eq!(reply.len(), 128);
        assert!(reply[8..].iter().all(|octet| *octet == 9));
    }

    // RFC 1661 §5.8 MUST (opened): before, echoes and discards have no effect.
    #[test]
    fn only_when_open() {
        let mut early = lcp(default(), 1);
        sent(&mut early);
        assert_eq!(early.send_echo_request(), None);
        for code in [Code::ECHO_REQUEST, Code::ECHO_REPLY, Code::DISCARD_REQUEST] {
            let result = early.handle_input(NOW, &packet(code, 1, &[0; 4]));
            assert_eq!(result, Err(LcpDiscard::NotOpen(code)));
        }
        assert!(sent(&mut early).is_empty());
        assert_eq!(early.stats().not_open, 3);
    }

    // RFC 1661 §5.8 MUST (magic-zero): nothing was agreed on yet, or nothing at all.
    #[test]
    fn without_a_magic_number_it_is_zero() {
        let mut early = lcp(default(), 1);
        sent(&mut early);
        assert!(early.send_identification(b"us"));
        assert_eq!(sent(&mut early)[0][4..8], [0; 4]);
        let plain = LcpConfig {
            magic: false,
            ..default()
        };
        let (mut a, mut b) = opened(plain, default());
        a.send_echo_request().unwrap();
        let request = sent(&mut a).remove(0);
        assert_eq!(request[4..8], [0; 4]);
        b.handle_input(NOW, &request).unwrap();
        a.handle_input(NOW, &sent(&mut b).remove(0)).unwrap();
        assert_eq!(a.stats().echo_replies, 1);
    }

    #[test]
    fn a_wrong_magic_number_is_not_answered() {
        let (mut a, b) = opened(default(), default());
        let found = b.ours().magic ^ 1;
        let result = a.handle_input(NOW, &packet(Code::ECHO_REQUEST, 1, &found.to_be_bytes()));
        let expected = b.ours().magic;
        assert_eq!(result, Err(LcpDiscard::Magic { found, expected }));
        assert!(sent(&mut a).is_empty());
        for data in 0..4 {
            let short = a.handle_input(NOW, &packet(Code::ECHO_REQUEST, 1, &[0; 4][..data]));
            assert_eq!(short, Err(LcpDiscard::Short(Code::ECHO_REQUEST)));
        }
    }

    #[test]
    fn our_own_magic_number_is_a_loop() {
        let (mut a, _) = opened(default(), default());
        a.send_echo_request();
        let echo = sent(&mut a).remove(0);
        a.handle_input(NOW, &echo).unwrap();
        assert_eq!(events(&mut a), [LcpEvent::LoopedBack]);
        assert!(sent(&mut a).is_empty(), "no answer to ourselves");
        assert_eq!(a.stats().own_magic, 1);
    }
}

mod section_5_9 {
    use super::*;

    // RFC 1661 §5.9 MUST: no answer, no event, only a count.
    #[test]
    fn discards_are_thrown_away() {
        let (mut a, mut b) = opened(default(), default());
        assert!(a.send_discard_request(&[1; 100]));
        b.handle_input(NOW, &sent(&mut a).remove(0)).unwrap();
        assert!(sent(&mut b).is_empty() && events(&mut b).is_empty());
        assert_eq!(b.stats().discard_requests, 1);
    }
}

mod rfc_1570 {
    use super::*;

    #[test]
    fn identification() {
        let (mut a, mut b) = opened(default(), default());
        assert!(a.send_identification(b"router 1"));
        b.handle_input(NOW, &sent(&mut a).remove(0)).unwrap();
        assert_eq!(
            events(&mut b),
            [LcpEvent::Identification(b"router 1".to_vec())]
        );
        // What is kept of a long one is bounded.
        a.send_identification(&[b'x'; 1400]);
        b.handle_input(NOW, &sent(&mut a).remove(0)).unwrap();
        assert_eq!(events(&mut b), [LcpEvent::Identification(vec![b'x'; 256])]);
    }

    #[test]
    fn time_remaining() {
        let (mut a, mut b) = opened(default(), default());
        for left in [Some(Duration::from_secs(90)), None, Some(Duration::ZERO)] {
            assert!(a.send_time_remaining(left));
            b.handle_input(NOW, &sent(&mut a).remove(0)).unwrap();
            assert_eq!(events(&mut b), [LcpEvent::TimeRemaining(left)]);
        }
        let magic = a.ours().magic.to_be_bytes();
        let short = b.handle_input(NOW, &packet(Code::TIME_REMAINING, 1, &magic));
        assert_eq!(short, Err(LcpDiscard::Short(Code::TIME_REMAINING)));
    }

    #[test]
    fn check_sequences_in_common() {
        let both = FcsAlternatives(FcsAlternatives::FCS_16.0 | FcsAlternatives::FCS_32.0);
        let (a, b) = opened(
            LcpConfig {
                fcs: both,
                ..default()
            },
            LcpConfig {
                fcs: FcsAlternatives::FCS_32,
                ..default()
            },
        );
        assert_eq!(a.peers().fcs, FcsAlternatives::FCS_32);
        assert_eq!(b.peers().fcs, FcsAlternatives::FCS_32);
        // An end that has only the default rejects the option.
        let mut plain = lcp(default(), 1);
        assert_eq!(answer(&mut plain, &[9, 3, 4]).0, Code::CONFIGURE_REJECT);
        assert_eq!(answer(&mut plain, &[9, 3, 2]).0, Code::CONFIGURE_ACK);
    }
}

mod section_6 {
    use super::*;

    /// Options, the answer of an end with the defaults, and that of another end.
    type Case<'a> = (&'a [u8], Code, &'a [u8], Code, &'a [u8]);

    #[test]
    fn all_options_at_once() {
        let endpoint = EndpointDiscriminator::new(3, &[2, 0, 0, 0, 0, 1]);
        let everything = LcpConfig {
            mru: 1400,
            accm: Some(0x000a_0000),
            quality: Some(Duration::from_secs(10)),
            fcs: FcsAlternatives(6),
            multilink: Some(MultilinkConfig {
                mrru: 1600,
                short_sequence_number: true,
                endpoint,
            }),
            ..default()
        };
        let (a, b) = opened(everything.clone(), everything);
        for values in [a.ours(), a.peers(), b.ours(), b.peers()] {
            assert_eq!((values.mru, values.accm), (1400, 0x000a_0000));
            assert_eq!((values.quality, values.fcs.0), (Some(1000), 6));
            assert_eq!((values.mrru, values.endpoint), (Some(1600), endpoint));
            assert!(values.short_sequence_number && values.protocol_field_compression);
            assert!(values.address_and_control_field_compression);
        }
        assert_eq!(a.ours().magic, b.peers().magic);
        assert_ne!(a.ours().magic, b.ours().magic);
    }

    #[test]
    fn no_options_at_all() {
        let nothing = LcpConfig {
            accm: None,
            magic: false,
            protocol_field_compression: false,
            address_and_control_field_compression: false,
            ..default()
        };
        let mut end = lcp(nothing.clone(), 1);
        assert_eq!(sent(&mut end)[0].len(), 4);
        let (a, b) = opened(nothing, default());
        assert_eq!(*b.peers(), Default::default());
        assert_eq!(*a.ours(), Default::default());
    }

    /// Each option three ways: acknowledged, answered with a value, rejected.
    #[test]
    fn three_ways() {
        let multilink = LcpConfig {
            multilink: Some(MultilinkConfig {
                mrru: 1500,
                short_sequence_number: false,
                endpoint: None,
            }),
            allow_auth: vec![AuthMethod::MsChapV2, AuthMethod::ChapMd5],
            quality: Some(Duration::from_secs(1)),
            fcs: FcsAlternatives(6),
            limits: Limits {
                protocol_field_compression: false,
                address_and_control_field_compression: false,
                ..Limits::default()
            },
            ..default()
        };
        let ms_chap = [3, 5, 0xc2, 0x23, 0x81];
        let lqr = [4, 8, 0xc0, 0x25, 0, 0, 0, 100];
        let cases: [Case<'_>; 21] = [
            (
                &[1, 4, 5, 220],
                Code::CONFIGURE_ACK,
                &[],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[1, 4, 0, 127],
                Code::CONFIGURE_NAK,
                &[1, 4, 0, 128],
                Code::CONFIGURE_NAK,
                &[1, 4, 0, 128],
            ),
            (
                &[1, 3, 9],
                Code::CONFIGURE_NAK,
                &[1, 4, 5, 220],
                Code::CONFIGURE_NAK,
                &[1, 4, 5, 220],
            ),
            (
                &[2, 6, 1, 2, 3, 4],
                Code::CONFIGURE_ACK,
                &[],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[2, 3, 0],
                Code::CONFIGURE_NAK,
                &[2, 6, 0, 0, 0, 0],
                Code::CONFIGURE_NAK,
                &[2, 6, 0, 0, 0, 0],
            ),
            (
                &[3, 4, 0xc0, 0x23],
                Code::CONFIGURE_REJECT,
                &[3, 4, 0xc0, 0x23],
                Code::CONFIGURE_NAK,
                &ms_chap,
            ),
            (
                &[3, 5, 0xc2, 0x23, 5],
                Code::CONFIGURE_REJECT,
                &[3, 5, 0xc2, 0x23, 5],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[3, 5, 0xc2, 0x23, 6],
                Code::CONFIGURE_REJECT,
                &[3, 5, 0xc2, 0x23, 6],
                Code::CONFIGURE_NAK,
                &ms_chap,
            ),
            (
                &[3, 2],
                Code::CONFIGURE_REJECT,
                &[3, 2],
                Code::CONFIGURE_NAK,
                &ms_chap,
            ),
            (&lqr, Code::CONFIGURE_REJECT, &lqr, Code::CONFIGURE_ACK, &[]),
            (
                &[4, 4, 1, 1],
                Code::CONFIGURE_REJECT,
                &[4, 4, 1, 1],
                Code::CONFIGURE_NAK,
                &lqr,
            ),
            (
                &[5, 6, 1, 2, 3, 4],
                Code::CONFIGURE_ACK,
                &[],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[7, 2],
                Code::CONFIGURE_ACK,
                &[],
                Code::CONFIGURE_REJECT,
                &[7, 2],
            ),
            (
                &[7, 3, 0],
                Code::CONFIGURE_NAK,
                &[7, 2],
                Code::CONFIGURE_NAK,
                &[7, 2],
            ),
            (
                &[8, 2],
                Code::CONFIGURE_ACK,
                &[],
                Code::CONFIGURE_REJECT,
                &[8, 2],
            ),
            (
                &[9, 3, 4],
                Code::CONFIGURE_REJECT,
                &[9, 3, 4],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[9, 3, 5],
                Code::CONFIGURE_REJECT,
                &[9, 3, 5],
                Code::CONFIGURE_NAK,
                &[9, 3, 4],
            ),
            (
                &[13, 3, 6],
                Code::CONFIGURE_REJECT,
                &[13, 3, 6],
                Code::CONFIGURE_REJECT,
                &[13, 3, 6],
            ),
            (
                &[17, 4, 6, 0],
                Code::CONFIGURE_REJECT,
                &[17, 4, 6, 0],
                Code::CONFIGURE_ACK,
                &[],
            ),
            (
                &[17, 4, 0, 9],
                Code::CONFIGURE_REJECT,
                &[17, 4, 0, 9],
                Code::CONFIGURE_NAK,
                &[17, 4, 0, 128],
            ),
            (
                &[18, 2],
                Code::CONFIGURE_REJECT,
                &[18, 2],
                Code::CONFIGURE_REJECT,
                &[18, 2],
            ),
        ];
        for (options, code, data, other_code, other_data) in cases {
            let expected = |code, data: &[u8]| {
                let data = if code == Code::CONFIGURE_ACK {
                    options
                } else {
                    data
                };
                (code, data.to_vec())
            };
            let mut end = lcp(default(), 1);
            assert_eq!(
                answer(&mut end, options),
                expected(code, data),
                "{options:?}"
            );
            let mut end = lcp(multilink.clone(), 1);
            assert_eq!(
                answer(&mut end, options),
                expected(other_code, other_data),
                "{options:?}"
            );
        }
    }

    // RFC 1990 §5.1.1 MUST (no-mrru): the peer rejects the MRRU, and short numbers go with it.
    #[test]
    fn no_multilink_without_an_mrru() {
        let multilink = LcpConfig {
            multilink: Some(MultilinkConfig {
                mrru: 1500,
                short_sequence_number: true,
                endpoint: None,
            }),
            ..default()
        };
        let mut end = lcp(multilink, 1);
        let request = sent(&mut end).remove(0);
        let options = ppp_lcp_ncp::wire::ConfigOptions::parse(&request[4..]).unwrap();
        let mrru = options.find(17).unwrap();
        end.handle_input(
            NOW,
            &packet(Code::CONFIGURE_REJECT, request[1], mrru.octets),
        )
        .unwrap();
        let request = sent(&mut end).remove(0);
        let options = ppp_lcp_ncp::wire::ConfigOptions::parse(&request[4..]).unwrap();
        assert!(options.find(17).is_none() && options.find(18).is_none());
    }
}

mod section_6_2 {
    use super::*;

    fn requires(methods: &[AuthMethod]) -> LcpConfig {
        LcpConfig {
            require_auth: methods.to_vec(),
            ..default()
        }
    }

    fn allows(methods: &[AuthMethod]) -> LcpConfig {
        LcpConfig {
            allow_auth: methods.to_vec(),
            ..default()
        }
    }

    // RFC 1661 §6.2 MUST (nak): the ends come together on a way that both take.
    #[test]
    fn the_best_way_in_common() {
        use AuthMethod::{ChapMd5, Eap, MsChapV2, Pap};
        let all = [Eap, MsChapV2, ChapMd5, Pap];
        for allowed in all {
            let (a, b) = opened(requires(&all), allows(&[allowed]));
            assert_eq!(a.ours().auth, Some(allowed));
            assert_eq!(b.peers().auth, Some(allowed));
            assert_eq!((a.peers().auth, b.ours().auth), (None, None));
        }
        let (a, _) = opened(requires(&all), allows(&[Pap, MsChapV2]));
        assert_eq!(a.ours().auth, Some(Pap), "the peer's hint is one of ours");
    }

    #[test]
    fn nobody_is_talked_into_less() {
        use AuthMethod::{ChapMd5, MsChapV2, Pap};
        let (mut a, mut b) = (
            lcp(requires(&[MsChapV2, ChapMd5]), 1),
            lcp(allows(&[Pap]), 2),
        );
        talk(&mut a, &mut b, 100);
        assert!(!a.is_open() && !b.is_open());
        assert!(events(&mut a).contains(&LcpEvent::AuthenticationRefused));
        // And from the other side: PAP is asked for, and not given.
        let (mut a, mut b) = (lcp(requires(&[Pap]), 1), lcp(allows(&[ChapMd5]), 2));
        talk(&mut a, &mut b, 100);
        assert!(!a.is_open() && !b.is_open());
    }

    #[test]
    fn a_peer_without_any_is_refused_each_time() {
        let (mut a, mut b) = (lcp(requires(&[AuthMethod::ChapMd5]), 1), lcp(default(), 2));
        for _ in 0..3 {
            talk(&mut a, &mut b, 100);
            assert!(!a.is_open() && !b.is_open());
            let told = events(&mut a);
            assert!(told.contains(&LcpEvent::AuthenticationRefused), "{told:?}");
            // Opened again while the line is up, it asks again.
            a.open(NOW);
            b.open(NOW);
            for lcp in [&mut a, &mut b] {
                while let Some(at) = lcp.poll_timeout().filter(|_| !lcp.is_open()) {
                    lcp.handle_timeout(at);
                    if matches!(lcp.state(), State::Stopped | State::Closed) {
                        break;
                    }
                }
                lcp.close(NOW);
                lcp.open(NOW);
            }
        }
    }
}

mod section_6_4 {
    use super::*;

    // RFC 1661 §6.4 MUST (zero): it is answered with another.
    #[test]
    fn zero_is_not_a_magic_number() {
        let mut end = lcp(default(), 1);
        let (code, option) = answer(&mut end, &[5, 6, 0, 0, 0, 0]);
        assert_eq!((code, &option[..2]), (Code::CONFIGURE_NAK, &[5, 6][..]));
        assert_ne!(option[2..], [0; 4]);
    }

    // RFC 1661 §6.4 MUST (own): our own comes back, and is answered with others.
    #[test]
    fn a_looped_line_is_found_out() {
        let mut end = lcp(default(), 1);
        let mut suggested = Vec::new();
        let mut packets = 0;
        while end.state() == State::ReqSent {
            for octets in sent(&mut end) {
                if octets[0] == Code::CONFIGURE_NAK.0 {
                    assert!(!suggested.contains(&octets[6..10].to_vec()));
                    suggested.push(octets[6..10].to_vec());
                }
                packets += 1;
                let _ = end.handle_input(NOW, &octets);
            }
            assert!(packets < 100);
        }
        let told = events(&mut end);
        assert!(told.contains(&LcpEvent::LoopedBack), "{told:?}");
        assert!(!told.contains(&LcpEvent::Layer(LayerEvent::Up)));
        assert_eq!(end.state(), State::Closing);
        // The tenth waits to be sent.
        assert_eq!(suggested.len(), 9);
    }

    // RFC 1661 §6.4 MUST (nak): the next number is neither the last nor the suggested one.
    #[test]
    fn another_number_is_drawn() {
        let mut end = lcp(
            LcpConfig {
                accm: None,
                ..default()
            },
            1,
        );
        let first = sent(&mut end).remove(0);
        let nak = packet(Code::CONFIGURE_NAK, first[1], &[5, 6, 1, 1, 1, 1]);
        end.handle_input(NOW, &nak).unwrap();
        let second = sent(&mut end).remove(0);
        assert_eq!(second[4..6], [5, 6]);
        assert_ne!(second[6..10], first[6..10]);
        assert_ne!(second[6..10], [1; 4]);
    }
}

mod section_6_5 {
    use super::*;

    // RFC 1661 §6.5 MUST (pfc-receive): both sizes are read.
    // RFC 1662 §3.2 MUST (acfc-receive): with Address and Control fields and without.
    #[test]
    fn all_four_headers() {
        for header in [
            &[0xff, 3, 0, 0x21][..],
            &[0xff, 3, 0x21],
            &[0, 0x21],
            &[0x21],
        ] {
            let octets = [header, b"data"].concat();
            let packet = PppPacket::parse(&octets).unwrap();
            assert_eq!(packet.protocol(), PppProtocol::IPV4);
            assert_eq!(packet.information(), b"data");
        }
        for short in [&[][..], &[0xff, 3], &[0], &[0xff, 3, 0]] {
            assert!(PppPacket::parse(short).is_err());
        }
        let mut out = PacketBuf::from(&b"data"[..]);
        PppRepr {
            protocol: PppProtocol::IPV4,
            compress_protocol: true,
            address_and_control: true,
        }
        .emit(&mut out);
        assert_eq!(out.as_slice(), b"\xff\x03\x21data");
    }

    // RFC 1661 §6.5 MUST NOT (pfc-lcp): two octets, also when compression is agreed on.
    #[test]
    fn lcp_is_never_compressed() {
        let mut out = PacketBuf::new();
        PppRepr {
            protocol: PppProtocol::LCP,
            compress_protocol: true,
            address_and_control: false,
        }
        .emit(&mut out);
        assert_eq!(out.as_slice(), [0xc0, 0x21]);
    }
}

mod round_trips {
    use super::*;
    use ppp_lcp_ncp::wire::{ConfigOption, ConfigOptions, ControlRepr};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packets(
            protocol: u16,
            code: u8,
            identifier: u8,
            data in prop::collection::vec(any::<u8>(), 0..100),
            padding in prop::collection::vec(any::<u8>(), 0..10),
            compress_protocol: bool,
            address_and_control: bool,
        ) {
            let protocol = PppProtocol(protocol | 1);
            prop_assume!(protocol.is_valid() && protocol.0 != 0x00ff);
            let mut out = PacketBuf::from(&data[..]);
            ControlRepr { code: Code(code), identifier }.emit(&mut out).unwrap();
            out.append_slice(&padding);
            PppRepr { protocol, compress_protocol, address_and_control }.emit(&mut out);
            let packet = PppPacket::parse(out.as_slice()).unwrap();
            prop_assert_eq!(packet.protocol(), protocol);
            let control = ControlPacket::parse(packet.information()).unwrap();
            prop_assert_eq!((control.code(), control.identifier()), (Code(code), identifier));
            prop_assert_eq!(control.data(), &data[..]);
        }

        #[test]
        fn options(
            all in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..33)), 0..10),
        ) {
            let mut out = PacketBuf::new();
            for (kind, data) in &all {
                ConfigOption::new(*kind, data).unwrap().append_to(&mut out);
            }
            let read = ConfigOptions::parse(out.as_slice()).unwrap();
            let read: Vec<(u8, Vec<u8>)> =
                read.iter().map(|option| (option.kind, option.data.to_vec())).collect();
            prop_assert_eq!(read, all);
        }
    }
}

mod configuration {
    use super::*;

    #[test]
    fn values_that_cannot_work_are_refused() {
        let multilink = Some(MultilinkConfig {
            mrru: 10,
            short_sequence_number: false,
            endpoint: None,
        });
        let limits = Limits {
            min_mru: 1,
            ..Limits::default()
        };
        let endpoint = EndpointConfig {
            max_configure: 0,
            ..EndpointConfig::default()
        };
        let bad = [
            (
                "mru",
                LcpConfig {
                    mru: 127,
                    ..default()
                },
            ),
            (
                "limits.min_mru",
                LcpConfig {
                    limits,
                    ..default()
                },
            ),
            (
                "multilink.mrru",
                LcpConfig {
                    multilink,
                    ..default()
                },
            ),
            (
                "loopback_hits",
                LcpConfig {
                    loopback_hits: 0,
                    ..default()
                },
            ),
            (
                "fcs",
                LcpConfig {
                    fcs: FcsAlternatives(0),
                    ..default()
                },
            ),
            (
                "quality",
                LcpConfig {
                    quality: Some(Duration::MAX),
                    ..default()
                },
            ),
            (
                "max_configure",
                LcpConfig {
                    endpoint,
                    ..default()
                },
            ),
        ];
        for (field, config) in bad {
            let error = Lcp::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
            assert_eq!(error.field, field);
        }
    }
}
