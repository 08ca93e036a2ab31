//! RFC 1962 and what it agrees on: MPPE (RFC 3078, RFC 3079), Deflate (RFC 1979) and BSD Compress
//! (RFC 1977), by themselves and over a link.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthenticatorConfig, MsChapV2Keys, Secret, SupplicantConfig, nt_response};
use ppp_lcp_ncp::ccp::mppe::{
    MppeDecryptor, MppeEncryptor, MppeError, MppeKey, MppeMode, MppeStrength,
};
use ppp_lcp_ncp::ccp::{
    BsdCompressor, BsdDecompressor, Ccp, CcpConfig, CcpDiscard, CcpMethod, CcpNegotiation,
    DecompressError, DeflateCompressor, DeflateDecompressor, MppeConfig,
};
use ppp_lcp_ncp::lcp::AuthMethod;
use ppp_lcp_ncp::link::{CloseReason, Link, LinkConfig, LinkDiscard, LinkEvent, Phase, SendError};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::{Code, PppProtocol};
use testkit::SeededRandom;

mod mppe {
    use super::*;

    /// The example of RFC 3079 §3.5: the password "clientPass", the user "User".
    fn keys(is_server: bool) -> MsChapV2Keys {
        let authenticator = hex::decode("5b5d7c7d7b3f2f3e3c2c602132262628").unwrap();
        let peer = hex::decode("21402324255e262a28295f2b3a337c7e").unwrap();
        let (authenticator, peer) = (authenticator.try_into().unwrap(), peer.try_into().unwrap());
        let password = Secret::from("clientPass");
        let response = nt_response(&authenticator, &peer, b"User", &password);
        MsChapV2Keys::new(&password, &response, is_server)
    }

    // RFC 3079 §3.1 MUST (salt): weak keys begin with known octets.
    // RFC 3079 §3.1 MUST (directions): the server's send key is the client's receive key.
    #[test]
    fn the_keys_of_rfc_3079_section_3_5() {
        let (server, client) = (keys(true), keys(false));
        assert_eq!(
            hex::encode(server.master_key()),
            "fdece3717a8c838cb388e527ae3cdd31"
        );
        let all = [
            (
                MppeStrength::Bits40,
                "8b7cdc149b993a1b",
                "d1269ec49fa62e3e",
                "929137917e5803d668d75898",
            ),
            (
                MppeStrength::Bits56,
                "8b7cdc149b993a1b",
                "d15c00c49fa62e3e",
                "3f106833fa448da842bc57b8",
            ),
            (
                MppeStrength::Bits128,
                "8b7cdc149b993a1ba118cb153f56dccb",
                "405cb2247a7956e6e211007ae27b22d4",
                "81848317df68846272fb5abe",
            ),
        ];
        for (strength, start, session, text) in all {
            let key = server.mppe_send_key(strength);
            assert_eq!(hex::encode(key.start_key()), start);
            assert_eq!(hex::encode(key.session_key()), session);
            let same = client.mppe_receive_key(strength);
            assert_eq!(same.session_key(), key.session_key());
            let other = client.mppe_send_key(strength);
            assert_eq!(
                other.session_key(),
                server.mppe_receive_key(strength).session_key()
            );
            assert_ne!(other.session_key(), key.session_key());
            // The first packet of a stateful sender is under the first key.
            let mut packet = PacketBuf::from(&b"test message"[..]);
            MppeEncryptor::new(key, MppeMode::Stateful).encrypt(&mut packet);
            assert_eq!(hex::encode(packet.as_slice()), format!("1000{text}"));
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let key = keys(true).mppe_send_key(MppeStrength::Bits128);
        let printed = format!(
            "{key:?} {:?}",
            MppeEncryptor::new(key.clone(), MppeMode::Stateless)
        );
        assert!(
            !printed.contains("92") && printed.contains("Bits128"),
            "{printed}"
        );
    }
}

/// Two ends, and a line between them.
struct Pair {
    now: Instant,
    ends: [Link; 2],
    events: [Vec<LinkEvent>; 2],
}

fn config(number: u8, ccp: Option<CcpConfig>) -> LinkConfig {
    let name = format!("end{number}").into_bytes();
    LinkConfig {
        ipcp: Some(IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        }),
        authenticator: AuthenticatorConfig {
            name: name.clone(),
            ..AuthenticatorConfig::default()
        },
        supplicant: SupplicantConfig {
            name,
            ..SupplicantConfig::default()
        },
        ccp,
        ..LinkConfig::default()
    }
}

/// Two ends of which the second authenticates the first by MS-CHAP-V2.
fn authenticated(ccp: [Option<CcpConfig>; 2]) -> Pair {
    let [first, second] = ccp;
    let (mut first, mut second) = (config(1, first), config(2, second));
    first.lcp.allow_auth = vec![AuthMethod::MsChapV2];
    second.lcp.require_auth = vec![AuthMethod::MsChapV2];
    Pair::started(first, second)
}

fn deflate() -> Option<CcpConfig> {
    Some(CcpConfig {
        deflate: Some(15),
        ..CcpConfig::default()
    })
}

fn bsd() -> Option<CcpConfig> {
    Some(CcpConfig {
        bsd_compress: Some(12),
        ..CcpConfig::default()
    })
}

fn mppe(mppe: MppeConfig) -> Option<CcpConfig> {
    Some(CcpConfig {
        mppe: Some(mppe),
        ..CcpConfig::default()
    })
}

impl Pair {
    fn started(first: LinkConfig, second: LinkConfig) -> Self {
        let link = |config, seed| Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
        let mut pair = Self {
            now: Instant::from_secs(100),
            ends: [link(first, 1), link(second, 2)],
            events: Default::default(),
        };
        for end in &mut pair.ends {
            end.open(pair.now);
            end.lower_up(pair.now);
        }
        pair.settle();
        pair
    }

    fn settle(&mut self) {
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        for _ in 0..10_000 {
            let mut moved = false;
            for from in 0..2 {
                while self.ends[from].poll_transmit(&mut packet).is_some() {
                    moved = true;
                    let to = &mut self.ends[1 - from];
                    let _ = to.handle_input(self.now, packet.as_slice(), &mut data);
                }
                while let Some(event) = self.ends[from].poll_event() {
                    moved = true;
                    if let LinkEvent::SecretWanted { role, .. } = &event {
                        let secret = Secret::from("kiwi");
                        self.ends[from].provide_secret(self.now, *role, Some(&secret));
                    }
                    self.events[from].push(event);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("no end of it");
    }

    fn run(&mut self, seconds: u64) {
        let until = self.now + core::time::Duration::from_secs(seconds);
        loop {
            let timers = self.ends.iter().filter_map(Link::poll_timeout);
            let Some(next) = timers.min().filter(|next| *next <= until) else {
                break;
            };
            self.now = next;
            for end in &mut self.ends {
                end.handle_timeout(next);
            }
            self.settle();
        }
        self.now = until;
    }

    /// What a datagram becomes.
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

    /// A datagram goes through, and the octets that it was on the line are told.
    fn pass(&mut self, from: usize, datagram: &[u8]) -> Vec<u8> {
        let packet = self.encapsulate(from, datagram);
        let received = self.receive(1 - from, &packet);
        assert_eq!(received, Ok(Some(datagram.to_vec())));
        packet
    }

    fn is_open(&self) -> bool {
        let open = |end: &Link| end.is_open(PppProtocol::IPV4) && end.is_open(PppProtocol::IPV6);
        self.ends.iter().all(open)
    }

    fn reason(&self, end: usize) -> Option<&CloseReason> {
        self.events[end].iter().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    fn methods(&self, end: usize) -> Option<(Option<CcpMethod>, Option<CcpMethod>)> {
        self.events[end].iter().find_map(|event| match event {
            LinkEvent::CompressionUp { receive, send } => Some((*receive, *send)),
            _ => None,
        })
    }
}

/// An IPv4 datagram that compresses well.
fn text(number: usize) -> Vec<u8> {
    let mut datagram = vec![0x45, 0, 0, 0];
    while datagram.len() < 600 {
        datagram.extend_from_slice(format!("line {number} of many that are alike, ").as_bytes());
    }
    datagram
}

/// One that does not.
fn noise(seed: u64) -> Vec<u8> {
    use packet_buffer::RandomSource;
    let mut datagram = vec![0x45; 600];
    SeededRandom::new(seed).fill(&mut datagram[1..]);
    datagram
}

mod over_a_link {
    use super::*;

    #[test]
    fn mppe_of_each_strength_and_mode() {
        for strength in MppeStrength::ALL {
            for mode in [
                MppeMode::Stateless,
                MppeMode::Stateful,
                MppeMode::StatefulRekeyed,
            ] {
                let config = MppeConfig {
                    strengths: vec![strength],
                    mode,
                    ..MppeConfig::default()
                };
                let mut pair = authenticated([mppe(config.clone()), mppe(config)]);
                assert!(pair.is_open(), "{strength:?} {mode:?} {:?}", pair.events);
                let method = Some(CcpMethod::Mppe { strength, mode });
                assert_eq!(pair.methods(0), Some((method, method)));
                assert_eq!(pair.methods(1), Some((method, method)));
                // Past the end of the counts.
                let wraps = strength == MppeStrength::Bits56;
                for number in 0..if wraps { 4200 } else { 520 } {
                    let datagram = text(number);
                    let from = number % 2;
                    let packet = pair.pass(from, &datagram);
                    assert_eq!(packet[0], 0xfd);
                    assert_eq!(packet.len(), 1 + 4 + datagram.len());
                    assert!(!packet.windows(4).any(|four| four == b"line"));
                }
                assert_eq!(pair.ends[0].stats().compression_refused, 0);
                assert_eq!(pair.ends[0].mtu(), 1496);
            }
        }
    }

    #[test]
    fn deflate_and_bsd_compress() {
        for ccp in [deflate(), bsd()] {
            let mut pair = Pair::started(config(1, ccp.clone()), config(2, ccp));
            assert!(pair.is_open());
            let mut octets = [0, 0];
            for number in 0..400 {
                let from = number % 2;
                octets[0] += pair.pass(from, &text(number)).len();
                // What does not compress goes as it is, and counts.
                let packet = pair.pass(from, &noise(number as u64));
                assert_eq!(packet.len(), 601);
                octets[1] += 600;
            }
            assert!(octets[0] * 2 < octets[1], "{octets:?}");
            let stats = pair.ends[0].ccp().unwrap().stats();
            assert_eq!((stats.compressed, stats.sent_as_is), (200, 200));
            assert_eq!((stats.decompressed, stats.received_as_is), (200, 200));
            assert_eq!(stats.lost, 0);
        }
    }
}
