//! RFC 1968, RFC 2419 and RFC 2420: ECP with DESE-bis and 3DESE, by itself and over a link.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::Secret;
use ppp_lcp_ncp::automaton::{Discard, EndpointConfig};
use ppp_lcp_ncp::ccp::CcpConfig;
use ppp_lcp_ncp::ecp::{
    Ecp, EcpConfig, EcpDecryptor, EcpDiscard, EcpEncryptor, EcpError, EcpMethod, EcpNegotiation,
};
use ppp_lcp_ncp::link::{CloseReason, Link, LinkConfig, LinkDiscard, LinkEvent, Phase};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::{Code, PppProtocol};
use proptest::prelude::*;
use testkit::SeededRandom;
use two_ends::TwoEnds;

mod two_ends;

const NONCE: [u8; 8] = [0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78];

fn key(method: EcpMethod) -> Secret {
    let key = "0123456789abcdef23456789abcdef01456789abcdef0123";
    let key = hex::decode(&key[..2 * method.key_len()]).unwrap();
    Secret::new(key)
}

fn chain(method: EcpMethod) -> (EcpEncryptor, EcpDecryptor) {
    let key = key(method);
    (
        EcpEncryptor::new(method, &key, NONCE).unwrap(),
        EcpDecryptor::new(method, &key, NONCE).unwrap(),
    )
}

fn encrypt(sender: &mut EcpEncryptor, packet: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from(packet);
    sender.encrypt(&mut packet);
    packet.as_slice().to_vec()
}

fn decrypt(receiver: &mut EcpDecryptor, packet: &[u8]) -> Result<Vec<u8>, EcpError> {
    let mut out = PacketBuf::new();
    receiver.decrypt(packet, &mut out)?;
    Ok(out.as_slice().to_vec())
}

mod packets {
    use super::*;

    const PLAIN: [&[u8]; 4] = [
        b"\0\x21E the first packet",
        b"\0\x21E exactly 14\0\0",
        b"\0\x21E ends with 8\x08",
        b"\0\x21E",
    ];

    /// What OpenSSL makes of the same packets, with `des-cbc` and `des-ede3-cbc`.
    const ENCRYPTED: [(EcpMethod, [&str; 4]); 2] = [
        (
            EcpMethod::DeseBis,
            [
                "00004737bdfc8c4131f8b19f1d8b31a2c89f6d4fa838a033b8bf",
                "0001c8b7297e886e628a8d3d139e1f9881a6",
                "0002d75320b52e6b44b131c6a4bdf874e1a0f8e0cca08923a6e3",
                "00034109498c07b4813d",
            ],
        ),
        (
            EcpMethod::TripleDese,
            [
                "0000eb2cc194bd06567c5903e9ef5b609b4cb76a748e4c7b07f8",
                "0001c0854be0b14ff8922705d647467bfde2",
                "00029860890735b79a4a36d67fe075046dd96a3b577428e2a696",
                "000314170468c60d0fbf",
            ],
        ),
    ];

    // RFC 2419 §5 MUST (sequence): packets are numbered from zero on.
    // RFC 2419 §6.1 MUST (padding): 1, 2, 3, and a whole block where the end could be taken for some.
    // RFC 2419 §6.2 MUST (first): the chain begins with the nonce, encrypted.
    // RFC 2419 §6.2 MUST (chain): and goes on from packet to packet.
    // RFC 2420 §4 MUST (chain): the same with triple DES.
    #[test]
    fn what_openssl_makes() {
        for (method, encrypted) in ENCRYPTED {
            let (mut sender, mut receiver) = chain(method);
            for (plain, encrypted) in PLAIN.into_iter().zip(encrypted) {
                let packet = encrypt(&mut sender, plain);
                assert_eq!(hex::encode(&packet), encrypted);
                assert_eq!(decrypt(&mut receiver, &packet), Ok(plain.to_vec()));
            }
        }
    }

    // RFC 2419 §6.4 MUST (recovery): a lost packet costs the one behind it.
    // RFC 2420 §4.2 MUST (recovery): so it does with triple DES.
    #[test]
    fn a_lost_packet_costs_one_more() {
        for method in EcpMethod::ALL {
            let (mut sender, mut receiver) = chain(method);
            let packets: Vec<Vec<u8>> = (0..70_000u32)
                .map(|number| {
                    encrypt(
                        &mut sender,
                        &[&[0, 0x21][..], &number.to_be_bytes()].concat(),
                    )
                })
                .collect();
            let mut read = 0;
            let mut was_lost = false;
            for (number, packet) in packets.iter().enumerate() {
                if number % 1000 == 7 {
                    was_lost = true;
                    continue;
                }
                let result = decrypt(&mut receiver, packet);
                if core::mem::take(&mut was_lost) {
                    let (found, expected) = (number as u16, number as u16 - 1);
                    assert_eq!(result, Err(EcpError::Sequence { found, expected }));
                } else {
                    assert_eq!(result.unwrap()[2..], (number as u32).to_be_bytes());
                    read += 1;
                }
            }
            assert_eq!(read, 70_000 - 2 * 70);
        }
    }

    #[test]
    fn packets_that_are_not_whole_blocks() {
        let (mut sender, mut receiver) = chain(EcpMethod::DeseBis);
        let packet = encrypt(&mut sender, PLAIN[0]);
        for length in (0..packet.len()).filter(|length| length % 8 != 2 || *length == 2) {
            let result = decrypt(&mut receiver, &packet[..length]);
            assert_eq!(result, Err(EcpError::Length(length)));
        }
        // They have changed nothing.
        assert_eq!(decrypt(&mut receiver, &packet), Ok(PLAIN[0].to_vec()));
    }

    #[test]
    fn another_key_and_keys_of_a_wrong_length() {
        for method in EcpMethod::ALL {
            for length in 0..40 {
                let made = EcpEncryptor::new(method, &Secret::new(vec![7; length]), NONCE);
                assert_eq!(made.is_some(), length == method.key_len());
            }
            let (mut sender, _) = chain(method);
            let other = Secret::new(vec![0x55; method.key_len()]);
            let mut receiver = EcpDecryptor::new(method, &other, NONCE).unwrap();
            let plain = decrypt(&mut receiver, &encrypt(&mut sender, PLAIN[0]));
            assert_ne!(plain, Ok(PLAIN[0].to_vec()));
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            packets in prop::collection::vec(prop::collection::vec(prop_oneof![0..10u8, any::<u8>()], 1..60), 1..20),
            triple in any::<bool>(),
        ) {
            let method = EcpMethod::ALL[usize::from(!triple)];
            let (mut sender, mut receiver) = chain(method);
            for plain in &packets {
                let packet = encrypt(&mut sender, plain);
                prop_assert!(packet.len() <= 2 + plain.len() + 8);
                prop_assert_eq!(decrypt(&mut receiver, &packet), Ok(plain.clone()));
            }
        }

        // RFC 2419 §7 MUST (mru): padding included.
        #[test]
        fn whatever_fits_the_room_fits_the_mru(mru in 12..200usize, fill in 0..10u8) {
            let (mut sender, _) = chain(EcpMethod::DeseBis);
            for length in 0..=EcpEncryptor::room(mru) {
                let packet = encrypt(&mut sender, &vec![fill; 2 + length]);
                prop_assert!(packet.len() <= mru, "{} {length}", packet.len());
            }
        }

        #[test]
        fn anything_can_come(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..30)) {
            let (_, mut receiver) = chain(EcpMethod::TripleDese);
            for packet in &packets {
                let _ = decrypt(&mut receiver, packet);
            }
        }
    }
}

fn config(triple: bool, single: bool, required: bool) -> EcpConfig {
    EcpConfig {
        required,
        triple_dese_key: triple.then(|| key(EcpMethod::TripleDese)),
        dese_key: single.then(|| key(EcpMethod::DeseBis)),
    }
}

mod negotiation {
    use super::*;

    const NOW: Instant = Instant::from_secs(50);

    fn ecp(config: EcpConfig, seed: u64) -> Ecp {
        let random = Box::new(SeededRandom::new(seed));
        let negotiation = EcpNegotiation::new(config);
        let mut ecp = Ecp::new(EndpointConfig::default(), negotiation, random).unwrap();
        ecp.open(NOW);
        ecp.lower_up(NOW);
        ecp
    }

    fn sent(ecp: &mut Ecp) -> Vec<Vec<u8>> {
        let mut packet = PacketBuf::new();
        let mut all = Vec::new();
        while let Some(protocol) = ecp.poll_transmit(&mut packet) {
            assert_eq!(protocol, PppProtocol::ECP);
            all.push(packet.as_slice().to_vec());
        }
        all
    }

    fn talk(a: &mut Ecp, b: &mut Ecp) {
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

    fn answer(ecp: &mut Ecp, options: &[u8]) -> (Code, Vec<u8>) {
        sent(ecp);
        let length = u16::try_from(4 + options.len()).unwrap().to_be_bytes();
        let packet = [&[1, 200], &length[..], options].concat();
        ecp.handle_input(NOW, &packet).unwrap();
        let all = sent(ecp);
        assert_eq!(all.len(), 1);
        (Code(all[0][0]), all[0][4..].to_vec())
    }

    // RFC 2419 §4 MUST (option): type 3 and a nonce of eight octets.
    // RFC 2420 §2 MUST (option): type 2 and the same.
    // RFC 2419 §4 SHOULD (nonce): which is another one each time.
    #[test]
    fn what_is_asked_for() {
        let mut nonces = Vec::new();
        for (triple, single, kind) in [(true, true, 2), (true, false, 2), (false, true, 3)] {
            let request =
                sent(&mut ecp(config(triple, single, true), nonces.len() as u64)).remove(0);
            assert_eq!((request.len(), request[4], request[5]), (14, kind, 10));
            nonces.push(request[6..].to_vec());
        }
        assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2]);
    }

    #[test]
    fn the_best_that_both_have() {
        let both = [Some(EcpMethod::TripleDese), Some(EcpMethod::DeseBis)];
        let cases = [
            ((true, true), (true, true), both[0]),
            ((true, true), (false, true), both[1]),
            ((false, true), (true, true), both[1]),
            ((true, false), (true, true), both[0]),
            ((true, false), (false, true), None),
        ];
        for ((t1, s1), (t2, s2), method) in cases {
            let mut a = ecp(config(t1, s1, true), 1);
            let mut b = ecp(config(t2, s2, true), 2);
            talk(&mut a, &mut b);
            if method.is_none() {
                assert!(!a.is_encrypting() && !b.is_encrypting());
                continue;
            }
            for end in [&a, &b] {
                assert!(end.is_encrypting());
                // Where one end has more, each direction has the best of its receiver.
                let got = [end.negotiation().receive(), end.negotiation().send()];
                assert!(got.contains(&method), "{got:?}");
            }
            let mut packet = PacketBuf::from(&b"E datagram"[..]);
            let mut out = PacketBuf::new();
            assert!(a.encrypt(PppProtocol::IPV4, &mut packet));
            assert_eq!(b.decrypt(packet.as_slice(), &mut out), Ok(true));
            assert_eq!(out.as_slice(), b"\0\x21E datagram");
        }
    }

    // RFC 1968 §4 MUST (unrecognized): what is not known or has no key is rejected.
    #[test]
    fn what_is_answered() {
        let mut end = ecp(config(false, true, true), 1);
        let nonce = [1u8, 2, 3, 4, 5, 6, 7, 8];
        let option = |kind: u8| [&[kind, 10][..], &nonce].concat();
        assert_eq!(
            answer(&mut end, &option(3)),
            (Code::CONFIGURE_ACK, option(3))
        );
        for bad in [
            option(1),
            option(2),
            option(77),
            vec![3, 2],
            vec![3, 6, 1, 2, 3, 4],
        ] {
            assert_eq!(answer(&mut end, &bad), (Code::CONFIGURE_REJECT, bad));
        }
        let (code, options) = answer(&mut end, &[]);
        assert_eq!(
            (code, options[0], options.len()),
            (Code::CONFIGURE_NAK, 3, 10)
        );
        let mut lenient = ecp(config(false, true, false), 1);
        assert_eq!(answer(&mut lenient, &[]), (Code::CONFIGURE_ACK, vec![]));
    }

    // RFC 1968 §2.1 MUST (open): nothing is encrypted or decrypted before.
    #[test]
    fn nothing_before_it_is_open() {
        let mut end = ecp(config(true, true, false), 1);
        let mut packet = PacketBuf::from(&b"E"[..]);
        assert!(!end.encrypt(PppProtocol::IPV4, &mut packet));
        let mut out = PacketBuf::new();
        assert_eq!(end.decrypt(&[0; 10], &mut out), Err(EcpDiscard::NotOpen));
        assert_eq!(end.stats().not_open, 1);
    }

    // RFC 2419 §6 MUST NOT (lcp-ecp): LCP, ECP and authentication go in clear.
    // RFC 1968 §3.1 MUST (reset-ack): a Reset-Request is answered, with its identifier.
    #[test]
    fn what_is_never_encrypted_and_resets() {
        let (mut a, mut b) = (
            ecp(config(true, true, true), 1),
            ecp(config(true, true, true), 2),
        );
        talk(&mut a, &mut b);
        for protocol in [PppProtocol::LCP, PppProtocol::ECP, PppProtocol::CHAP] {
            let mut packet = PacketBuf::from(&b"clear"[..]);
            assert!(!a.encrypt(protocol, &mut packet));
            assert_eq!(packet.as_slice(), b"clear");
            assert_eq!(a.pass(protocol), Ok(()));
        }
        let discard = EcpDiscard::InClear(PppProtocol::IPCP);
        assert_eq!(a.pass(PppProtocol::IPCP), Err(discard));
        for _ in 0..1000 {
            a.handle_input(NOW, &[14, 9, 0, 4]).unwrap();
        }
        let answers = sent(&mut a);
        assert!(answers.len() <= 16 && answers.iter().all(|it| *it == [15, 9, 0, 4]));
        assert_eq!(a.stats().resets_received, 1000);
        // RFC 1968 §3.1 MUST (solicited): nobody has asked for it.
        let stale = Discard::StaleAnswer { identifier: 9 };
        assert_eq!(a.handle_input(NOW, &[15, 9, 0, 4]), Err(stale));
        // The chain goes on all the same.
        let mut packet = PacketBuf::from(&b"E"[..]);
        let mut out = PacketBuf::new();
        assert!(a.encrypt(PppProtocol::IPV4, &mut packet));
        assert_eq!(b.decrypt(packet.as_slice(), &mut out), Ok(true));
    }

    #[test]
    fn keys_are_not_printed() {
        let end = ecp(config(true, true, true), 1);
        let printed = format!("{end:?} {:?}", end.negotiation());
        assert!(
            !printed.contains("1, 35, 69") && !printed.contains("012345"),
            "{printed}"
        );
    }
}

/// Two ends, and a line between them.
struct Pair {
    now: Instant,
    ends: [Link; 2],
    events: [Vec<LinkEvent>; 2],
    /// All that was on the line.
    line: Vec<Vec<u8>>,
}

impl Pair {
    fn started(ecp: [Option<EcpConfig>; 2], ccp: Option<CcpConfig>) -> Self {
        let mut number = 0;
        let ends = ecp.map(|ecp| {
            number += 1;
            let config = LinkConfig {
                ipcp: Some(IpcpConfig {
                    address: Some([192, 0, 2, number].into()),
                    ..IpcpConfig::default()
                }),
                ecp,
                ccp: ccp.clone(),
                ..LinkConfig::default()
            };
            let mut link = Link::new(config, Box::new(SeededRandom::new(number.into()))).unwrap();
            link.open(Instant::from_secs(9));
            link.lower_up(Instant::from_secs(9));
            link
        });
        let mut pair = Self {
            now: Instant::from_secs(9),
            ends,
            events: Default::default(),
            line: Vec::new(),
        };
        pair.settle();
        pair
    }

    fn is_open(&self) -> bool {
        let open = |end: &Link| end.is_open(PppProtocol::IPV4) && end.is_open(PppProtocol::IPV6);
        self.ends.iter().all(open)
    }

    fn closed(&self, end: usize) -> Option<&CloseReason> {
        self.events[end].iter().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    fn encapsulate(&mut self, from: usize, datagram: &[u8]) -> Vec<u8> {
        let mut packet = PacketBuf::from(datagram);
        let sent = self.ends[from].encapsulate(self.now, PppProtocol::IPV4, &mut packet);
        assert_eq!(sent, Ok(()));
        packet.as_slice().to_vec()
    }

    fn receive(&mut self, to: usize, packet: &[u8]) -> Result<Option<Vec<u8>>, LinkDiscard> {
        let mut data = PacketBuf::new();
        let result = self.ends[to].handle_input(self.now, packet, &mut data);
        result.map(|protocol| protocol.map(|_| data.as_slice().to_vec()))
    }
}

impl TwoEnds for Pair {
    type End = Link;

    fn parts(&mut self) -> (&mut Instant, &mut [Link; 2]) {
        (&mut self.now, &mut self.ends)
    }

    fn carry_from(&mut self, from: usize) -> bool {
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        let mut moved = false;
        while self.ends[from].poll_transmit(&mut packet).is_some() {
            moved = true;
            self.line.push(packet.as_slice().to_vec());
            let to = &mut self.ends[1 - from];
            let _ = to.handle_input(self.now, packet.as_slice(), &mut data);
        }
        while let Some(event) = self.ends[from].poll_event() {
            moved = true;
            self.events[from].push(event);
        }
        moved
    }
}

mod over_a_link {
    use super::*;

    #[test]
    fn all_of_the_network_phase_is_encrypted() {
        let ecp = Some(config(true, true, true));
        let mut pair = Pair::started([ecp.clone(), ecp], None);
        assert!(pair.is_open(), "{:?}", pair.events);
        assert_eq!(pair.ends[0].mtu(), 1493);
        let method = Some(EcpMethod::TripleDese);
        let up = LinkEvent::EncryptionUp {
            receive: method,
            send: method,
        };
        assert!(pair.events[0].contains(&up) && pair.events[1].contains(&up));
        // Nothing but LCP and ECP was seen in clear.
        for packet in &pair.line {
            let clear = packet[..2] == [0xc0, 0x21] || packet[..2] == [0x80, 0x53];
            assert!(clear || packet[..2] == [0x00, 0x53], "{packet:02x?}");
        }
        for number in 0..100u8 {
            let from = usize::from(number % 2);
            let datagram = [b"E secret datagram ", &[number; 40][..]].concat();
            let packet = pair.encapsulate(from, &datagram);
            assert_eq!(packet[0], 0x53);
            assert!(!packet.windows(6).any(|six| six == b"secret"));
            assert_eq!(pair.receive(1 - from, &packet), Ok(Some(datagram)));
        }
        let clear = pair.receive(0, b"\x21E in clear");
        let discard = LinkDiscard::Ecp(EcpDiscard::InClear(PppProtocol::IPV4));
        assert_eq!(clear, Err(discard));
        assert_eq!(pair.ends[0].ecp().unwrap().stats().in_clear, 1);
    }

    // RFC 1968 §2.2 MUST (order): compressed first, then encrypted.
    #[test]
    fn with_compression_below() {
        let ecp = Some(config(false, true, true));
        let ccp = CcpConfig {
            deflate: Some(15),
            ..CcpConfig::default()
        };
        let mut pair = Pair::started([ecp.clone(), ecp], Some(ccp));
        assert!(pair.is_open(), "{:?}", pair.events);
        let mut octets = 0;
        for number in 0..50 {
            let datagram = format!("E datagram {number} is much like all the others, ").repeat(20);
            let packet = pair.encapsulate(0, datagram.as_bytes());
            assert_eq!(packet[0], 0x53);
            octets += packet.len();
            assert_eq!(pair.receive(1, &packet), Ok(Some(datagram.into_bytes())));
        }
        assert!(octets < 50 * 200, "{octets}");
        assert_eq!(pair.ends[0].ccp().unwrap().stats().compressed, 50);
    }

    // RFC 1968 §2 MUST (phase): while LCP is not open yet.
    #[test]
    fn ecp_before_the_network_phase() {
        let ecp = Some(config(true, true, true));
        let mut pair = Pair::started([ecp.clone(), ecp], None);
        let mut data = PacketBuf::new();
        let request = [0x80, 0x53, 1, 1, 0, 4];
        let [end, _] = &mut pair.ends;
        end.lower_down(pair.now);
        end.lower_up(pair.now);
        let early = LinkDiscard::Phase(PppProtocol::ECP, Phase::Establish);
        let result = end.handle_input(pair.now, &request, &mut data);
        assert_eq!(result, Err(early));
    }

    // RFC 1968 §2.1 MUST (clear): where encryption is required and refused, the link ends.
    #[test]
    fn refused_or_without_a_common_key() {
        let cases = [
            [Some(config(true, true, true)), None],
            [
                Some(config(true, false, true)),
                Some(config(false, true, true)),
            ],
            [
                Some(config(true, false, true)),
                Some(config(false, true, false)),
            ],
        ];
        for ecp in cases {
            let mut pair = Pair::started(ecp, None);
            pair.run(Duration::from_secs(200));
            assert!(!pair.is_open());
            assert_eq!(
                pair.closed(0),
                Some(&CloseReason::NotEncrypted),
                "{:?}",
                pair.events
            );
            let up = |event: &LinkEvent| {
                matches!(event, LinkEvent::Ipv4Up(_) | LinkEvent::Ipv6Up { .. })
            };
            assert!(!pair.events[0].iter().any(up));
        }
        // Where it is not required, the link does without.
        let pair = Pair::started([Some(config(true, true, false)), None], None);
        assert!(pair.is_open());
        assert_eq!(pair.ends[0].mtu(), 1500);
    }

    #[test]
    fn packets_in_packets_and_protocols_that_are_rejected() {
        let ecp = Some(config(false, true, true));
        let mut pair = Pair::started([ecp.clone(), ecp], None);
        // A sender that has the key, and joins the chain with its second packet.
        let (mut sender, _) = chain(EcpMethod::DeseBis);
        let mut send = |pair: &mut Pair, plain: &[u8]| {
            let packet = [&[0x53][..], &encrypt(&mut sender, plain)].concat();
            pair.receive(1, &packet)
        };
        assert_eq!(send(&mut pair, b"\0\x21E lost"), Ok(None));
        assert_eq!(
            send(&mut pair, b"\0\x21E good"),
            Ok(Some(b"E good".to_vec()))
        );
        assert_eq!(pair.ends[1].ecp().unwrap().stats().lost, 1);
        // Nothing is put into a packet twice, and LCP, ECP and authentication are never encrypted.
        for protocol in [0x0053u16, 0x8053, 0xc021, 0xc223] {
            let inner = [&protocol.to_be_bytes()[..], &[5, 1, 0, 4]].concat();
            assert_eq!(send(&mut pair, &inner), Ok(None));
        }
        assert_eq!(pair.ends[1].stats().wrong_phase, 4);
        assert_eq!(pair.ends[1].phase(), Phase::Network);
        // LCP speaks in clear: what came encrypted is not quoted.
        assert_eq!(send(&mut pair, b"\x40\x21secret"), Ok(None));
        let mut sent = PacketBuf::new();
        assert!(pair.ends[1].poll_transmit(&mut sent).is_some());
        assert_eq!(sent.as_slice()[..3], [0xc0, 0x21, 8]);
        assert_eq!(sent.as_slice()[4..], [0, 6, 0x40, 0x21]);
    }

    // A concentrator knows the key when it knows who calls.
    #[test]
    fn a_key_that_comes_later() {
        let first = config(true, true, true);
        let other = EcpConfig {
            triple_dese_key: Some(Secret::new([9; 24])),
            ..config(true, false, true)
        };
        let link = |number: u8, ecp: EcpConfig| {
            let config = LinkConfig {
                ipcp: Some(IpcpConfig {
                    address: Some([192, 0, 2, number].into()),
                    ..IpcpConfig::default()
                }),
                ecp: Some(ecp),
                hold_network: number == 2,
                ..LinkConfig::default()
            };
            Link::new(config, Box::new(SeededRandom::new(number.into()))).unwrap()
        };
        let mut pair = Pair {
            now: Instant::from_secs(9),
            ends: [link(1, first.clone()), link(2, other)],
            events: Default::default(),
            line: Vec::new(),
        };
        for end in &mut pair.ends {
            end.open(pair.now);
            end.lower_up(pair.now);
        }
        pair.settle();
        let error = pair.ends[1]
            .set_ecp_config(EcpConfig::default())
            .unwrap_err();
        assert_eq!((error.part, error.field), ("ecp", "dese_key"));
        assert_eq!(pair.ends[1].set_ecp_config(first), Ok(true));
        assert_eq!(pair.ends[1].set_ccp_config(CcpConfig::default()), Ok(false));
        pair.ends[1].start_network(pair.now);
        pair.settle();
        pair.run(Duration::from_secs(10));
        assert!(pair.is_open(), "{:?}", pair.events);
        let packet = pair.encapsulate(0, b"E datagram");
        assert_eq!(pair.receive(1, &packet), Ok(Some(b"E datagram".to_vec())));
    }

    #[test]
    fn nothing_panics() {
        let ecp = Some(config(true, true, true));
        let option = [2, 10, 1, 2, 3, 4, 5, 6, 7, 8];
        let packets = [
            [&[0x80, 0x53, 1, 9, 0, 14][..], &option].concat(),
            [&[0x80, 0x53, 4, 1, 0, 14][..], &option].concat(),
            vec![0x80, 0x53, 14, 9, 0, 4],
            vec![0x80, 0x53, 15, 9, 0, 4],
            [&[0x53, 0, 0][..], &[7; 16]].concat(),
        ];
        for packet in packets {
            let mut pair = Pair::started([ecp.clone(), ecp.clone()], None);
            testkit::sweep(&packet, |octets| {
                if !pair.is_open() {
                    pair = Pair::started([ecp.clone(), ecp.clone()], None);
                }
                let _ = pair.receive(1, octets);
                pair.settle();
            });
        }
    }

    #[test]
    fn configurations_that_cannot_work() {
        let bad = [
            EcpConfig::default(),
            EcpConfig {
                dese_key: Some(Secret::new([1; 7])),
                ..EcpConfig::default()
            },
            EcpConfig {
                triple_dese_key: Some(Secret::new([1; 16])),
                ..EcpConfig::default()
            },
        ];
        for ecp in bad {
            let config = LinkConfig {
                ecp: Some(ecp),
                ..LinkConfig::default()
            };
            let error = Link::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
            assert_eq!(error.part, "ecp");
        }
    }
}
