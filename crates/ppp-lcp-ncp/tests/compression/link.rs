//! Compression and encryption over a link.

use super::{noise, text};
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::ccp::mppe::{MppeMode, MppeStrength};
use ppp_lcp_ncp::ccp::{CcpConfig, CcpDiscard, CcpMethod, MppeConfig};
use ppp_lcp_ncp::lcp::AuthMethod;
use ppp_lcp_ncp::link::{CloseReason, Link, LinkConfig, LinkDiscard, LinkEvent, Phase, SendError};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::SeededRandom;

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
        self.settle_with(|_, _| false);
    }

    /// Carries packets until there are none; those that `loses` says are lost.
    fn settle_with(&mut self, mut loses: impl FnMut(usize, &[u8]) -> bool) {
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        for _ in 0..10_000 {
            let mut moved = false;
            for from in 0..2 {
                while self.ends[from].poll_transmit(&mut packet).is_some() {
                    moved = true;
                    if !loses(from, packet.as_slice()) {
                        let to = &mut self.ends[1 - from];
                        let _ = to.handle_input(self.now, packet.as_slice(), &mut data);
                    }
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
        self.run_with(seconds, |_, _| false);
    }

    fn run_with(&mut self, seconds: u64, mut loses: impl FnMut(usize, &[u8]) -> bool) {
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
            self.settle_with(&mut loses);
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
            let wraps = strength == MppeStrength::Bits56 && mode != MppeMode::Stateful;
            for number in 0..if wraps { 4200 } else { 520 } {
                let datagram = text(number);
                let from = number % 2;
                let packet = pair.pass(from, &datagram);
                assert_eq!(packet[0], 0xfd);
                assert_eq!(packet.len(), 1 + 4 + datagram.len());
                assert!(!packet.windows(4).any(|four| four == b"line"));
            }
            assert_eq!(pair.ends[0].stats().protection_refused, 0);
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

/// 128 bits, stateless, required.
fn small_mppe() -> Option<CcpConfig> {
    mppe(MppeConfig::default())
}

// RFC 3078 §2 SHOULD (terminate): the link ends.
#[test]
fn encryption_that_is_refused() {
    let strong = small_mppe();
    let weak = mppe(MppeConfig {
        strengths: vec![MppeStrength::Bits40],
        ..MppeConfig::default()
    });
    // The peer does not speak CCP, compresses only, or has other keys.
    for other in [None, Some(CcpConfig::default()), deflate(), weak] {
        for swap in [false, true] {
            let ccp = if swap {
                [other.clone(), strong.clone()]
            } else {
                [strong.clone(), other.clone()]
            };
            let mut pair = authenticated(ccp);
            pair.run(200);
            // The other end may want it too, and be the first to give up.
            let reasons = [pair.reason(0), pair.reason(1)];
            let wanted = Some(&CloseReason::NotEncrypted);
            assert!(reasons.contains(&wanted), "{other:?} {swap} {reasons:?}");
            let up = |event: &LinkEvent| {
                matches!(event, LinkEvent::Ipv4Up(_) | LinkEvent::Ipv6Up { .. })
            };
            assert!(!pair.events.iter().flatten().any(up));
        }
    }
}

// RFC 3078 §4 MUST (keys): without MS-CHAP-V2 there are none.
#[test]
fn encryption_without_keys() {
    for method in [None, Some(AuthMethod::ChapMd5), Some(AuthMethod::Pap)] {
        let (mut first, mut second) = (config(1, small_mppe()), config(2, small_mppe()));
        first.lcp.allow_auth = method.into_iter().collect();
        second.lcp.require_auth = method.into_iter().collect();
        let mut pair = Pair::started(first, second);
        pair.run(200);
        let reasons = [pair.reason(0), pair.reason(1)];
        assert!(reasons.contains(&Some(&CloseReason::NotEncrypted)));
        assert!(!pair.is_open());
    }
    // Where it is not required, the link does without.
    let optional = mppe(MppeConfig {
        required: false,
        ..MppeConfig::default()
    });
    let mut pair = Pair::started(config(1, optional.clone()), config(2, optional));
    assert!(pair.is_open());
    assert_eq!(pair.methods(0), Some((None, None)));
    assert_eq!(pair.ends[0].mtu(), 1500);
    assert_eq!(pair.pass(0, &text(1))[0], 0x21);
}

#[test]
fn both_ends_prove_themselves() {
    for seed in 0..8u8 {
        let (mut first, mut second) = (config(1, small_mppe()), config(2 + seed, small_mppe()));
        for config in [&mut first, &mut second] {
            config.lcp.allow_auth = vec![AuthMethod::MsChapV2];
            config.lcp.require_auth = vec![AuthMethod::MsChapV2];
        }
        let mut pair = Pair::started(first, second);
        assert!(pair.is_open());
        for number in 0..20 {
            pair.pass(number % 2, &text(number));
        }
    }
}

// RFC 3078 §2 MUST (clear): what comes in clear is not taken.
// RFC 3078 §2 MUST (required): nor sent.
#[test]
fn packets_in_clear_are_refused() {
    let mut pair = authenticated([small_mppe(), small_mppe()]);
    assert!(pair.is_open());
    let forged = [&[0x21][..], &text(1)].concat();
    let refused = pair.receive(1, &forged);
    assert_eq!(
        refused,
        Err(LinkDiscard::Ccp(CcpDiscard::InClear(PppProtocol::IPV4)))
    );
    assert_eq!(pair.ends[1].stats().protection_refused, 1);
    // One end begins CCP anew: until it is agreed on again, nothing goes.
    let request = [0x80, 0xfd, 1, 99, 0, 4];
    let _ = pair.receive(1, &request);
    let mut packet = PacketBuf::from(&text(1)[..]);
    let sent = pair.ends[1].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
    assert!(matches!(
        sent,
        Err(SendError::NotEncrypted | SendError::NotOpen(_))
    ));
    assert_eq!(packet.as_slice(), text(1));
}

// The attack that Schneier and Mudge describe: who makes both ends begin again reads what was encrypted
// twice under the same octets.
#[test]
fn a_forged_request_does_not_make_keys_repeat() {
    let mut pair = authenticated([small_mppe(), small_mppe()]);
    let first = pair.pass(0, &text(1));
    let request = [0x80, 0xfd, 1, 99, 0, 10, 18, 6, 1, 0, 0, 0x40];
    assert!(pair.receive(0, &request).is_ok());
    pair.settle();
    pair.run(100);
    assert_eq!(pair.reason(0), Some(&CloseReason::NotEncrypted));
    assert!(!pair.is_open());
    // A new session has new keys.
    for end in &mut pair.ends {
        end.lower_down(pair.now);
    }
    pair.settle();
    pair.events = Default::default();
    for end in &mut pair.ends {
        end.open(pair.now);
        end.lower_up(pair.now);
    }
    pair.settle();
    assert!(pair.is_open());
    assert_ne!(pair.pass(0, &text(1)), first);
}

// A peer that asks to begin again before anything was encrypted has lost an acknowledgement.
#[test]
fn a_lost_acknowledgement_of_ccp() {
    let (mut first, mut second) = (config(1, small_mppe()), config(2, small_mppe()));
    first.lcp.allow_auth = vec![AuthMethod::MsChapV2];
    second.lcp.require_auth = vec![AuthMethod::MsChapV2];
    for lost_from in 0..2 {
        let mut pair = Pair::started(first.clone(), second.clone());
        // Once more, with the loss.
        for end in &mut pair.ends {
            end.lower_down(pair.now);
        }
        pair.settle();
        pair.events = Default::default();
        for end in &mut pair.ends {
            end.open(pair.now);
            end.lower_up(pair.now);
        }
        let mut lost = 0;
        pair.settle_with(|from, packet| {
            let is_lost = from == lost_from && packet.starts_with(&[0x80, 0xfd, 2]) && lost == 0;
            lost += usize::from(is_lost);
            is_lost
        });
        assert_eq!(lost, 1);
        pair.run(10);
        assert!(pair.is_open(), "{:?}", pair.events);
        for number in 0..10 {
            pair.pass(number % 2, &text(number));
        }
    }
}

// LCP speaks in clear: a Protocol-Reject must not tell what was encrypted.
#[test]
fn what_was_encrypted_is_not_quoted_in_clear() {
    let with_ipv6 = |number: u8, ipv6: bool| {
        let mut config = config(number, small_mppe());
        if !ipv6 {
            config.ipv6cp = None;
        }
        config
    };
    let (mut first, mut second) = (with_ipv6(1, true), with_ipv6(2, false));
    first.lcp.allow_auth = vec![AuthMethod::MsChapV2];
    second.lcp.require_auth = vec![AuthMethod::MsChapV2];
    let mut pair = Pair::started(first, second);
    assert!(pair.ends[0].is_open(PppProtocol::IPV4));
    // An encrypted packet of a protocol that the other end does not have: as `Ccp` would send it.
    let keys = pair.ends[0]
        .keys()
        .unwrap()
        .mppe_send_key(MppeStrength::Bits128);
    let mut sender = ppp_lcp_ncp::ccp::mppe::MppeEncryptor::new(keys, MppeMode::Stateless);
    let mut packet = PacketBuf::from(&b"\0\x57\x60 secret"[..]);
    sender.encrypt(&mut packet);
    packet.prepend_slice(&[0xfd]);
    assert_eq!(pair.receive(1, packet.as_slice()), Ok(None));
    let mut sent = PacketBuf::new();
    assert!(pair.ends[1].poll_transmit(&mut sent).is_some());
    assert_eq!(sent.as_slice()[..3], [0xc0, 0x21, 8]);
    assert_eq!(sent.as_slice()[4..], [0, 6, 0, 0x57]);
}

#[test]
fn packets_in_packets() {
    let mut pair = authenticated([small_mppe(), small_mppe()]);
    let keys = pair.ends[0]
        .keys()
        .unwrap()
        .mppe_send_key(MppeStrength::Bits128);
    let mut sender = ppp_lcp_ncp::ccp::mppe::MppeEncryptor::new(keys, MppeMode::Stateless);
    let mut packet = PacketBuf::from(&b"\0\x21E inner"[..]);
    sender.encrypt(&mut packet);
    packet.prepend_slice(&[0, 0xfd]);
    let mut twice = MppeTwice(packet);
    let packet = twice.encrypt(&mut sender);
    let result = pair.receive(1, &packet);
    assert!(!matches!(result, Ok(Some(_))), "{result:?}");
    assert_eq!(pair.ends[1].phase(), Phase::Network);
}

/// A packet that is encrypted again.
struct MppeTwice(PacketBuf);

impl MppeTwice {
    fn encrypt(&mut self, sender: &mut ppp_lcp_ncp::ccp::mppe::MppeEncryptor) -> Vec<u8> {
        sender.encrypt(&mut self.0);
        self.0.prepend_slice(&[0xfd]);
        self.0.as_slice().to_vec()
    }
}

#[test]
fn a_lost_packet_and_the_reset_over_a_link() {
    for ccp in [deflate(), bsd()] {
        let mut pair = Pair::started(config(1, ccp.clone()), config(2, ccp));
        for round in 0..10 {
            pair.pass(0, &text(round));
            pair.encapsulate(0, &text(100));
            let after = pair.encapsulate(0, &text(101));
            assert_eq!(pair.receive(1, &after), Ok(None));
            let again = pair.encapsulate(0, &text(102));
            let waits = LinkDiscard::Ccp(CcpDiscard::AwaitsReset);
            assert_eq!(pair.receive(1, &again), Err(waits));
            pair.settle();
            pair.pass(0, &text(103));
            pair.pass(1, &text(104));
        }
        assert_eq!(pair.ends[1].ccp().unwrap().stats().resets_sent, 10);
    }
}

// RFC 1962 §2 MUST (phase): before it there is no CCP.
#[test]
fn ccp_before_the_network_phase() {
    let mut second = config(2, small_mppe());
    second.lcp.require_auth = vec![AuthMethod::MsChapV2];
    let mut first = config(1, deflate());
    first.lcp.allow_auth = vec![AuthMethod::MsChapV2];
    let link = |config, seed| Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
    let mut pair = Pair {
        now: Instant::from_secs(100),
        ends: [link(first, 1), link(second, 2)],
        events: Default::default(),
    };
    for end in &mut pair.ends {
        end.open(pair.now);
        end.lower_up(pair.now);
    }
    let request = [0x80, 0xfd, 1, 99, 0, 10, 18, 6, 1, 0, 0, 0x40];
    let compressed = [0xfd, 0x90, 0, 1, 2, 3];
    let refused = |protocol, phase| Err(LinkDiscard::Phase(protocol, phase));
    for phase in [Phase::Establish, Phase::Authenticate] {
        assert_eq!(pair.ends[1].phase(), phase);
        assert_eq!(pair.receive(1, &request), refused(PppProtocol::CCP, phase));
        assert_eq!(
            pair.receive(1, &compressed),
            refused(PppProtocol::COMPRESSED, phase)
        );
        // The proof does not come.
        pair.settle_with(|_, packet| packet.starts_with(&[0xc2, 0x23]));
    }
}

// RFC 1962 §2.1 MUST (mru): the limit is the peer's.
// Packets that are too long for what encryption adds are refused, and nothing has changed.
#[test]
fn the_mtu_leaves_room() {
    let mut pair = authenticated([small_mppe(), small_mppe()]);
    let mut packet = PacketBuf::from(&[0x45; 1497][..]);
    let sent = pair.ends[0].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
    assert_eq!(
        sent,
        Err(SendError::TooLong {
            length: 1497,
            mru: 1496
        })
    );
    assert_eq!(pair.pass(0, &[0x45; 1496]).len(), 1 + 1500);
}

#[test]
fn configurations_that_cannot_work() {
    let none = MppeConfig {
        strengths: vec![],
        ..MppeConfig::default()
    };
    for (ccp, field) in [
        (mppe(none), "mppe"),
        (
            Some(CcpConfig {
                deflate: Some(16),
                ..CcpConfig::default()
            }),
            "deflate",
        ),
        (
            Some(CcpConfig {
                bsd_compress: Some(8),
                ..CcpConfig::default()
            }),
            "bsd_compress",
        ),
    ] {
        let error = Link::new(config(1, ccp), Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!((error.part, error.field), ("ccp", field));
    }
}

// Whatever is lost, what comes out is what went in, and it goes on.
#[test]
fn over_a_line_that_loses() {
    let stateful = |mode| {
        mppe(MppeConfig {
            mode,
            ..MppeConfig::default()
        })
    };
    let all = [
        deflate(),
        bsd(),
        small_mppe(),
        stateful(MppeMode::Stateful),
        stateful(MppeMode::StatefulRekeyed),
    ];
    for ccp in all {
        for seed in 0..2 {
            let mut pair = authenticated([ccp.clone(), ccp.clone()]);
            assert!(pair.is_open());
            let mut random = SeededRandom::new(seed);
            let mut lost = move || {
                let mut octet = [0];
                packet_buffer::RandomSource::fill(&mut random, &mut octet);
                octet[0] < 40
            };
            let mut delivered = 0;
            for number in 0..600usize {
                let from = number % 2;
                let datagram = if number % 5 == 0 {
                    noise(number as u64)
                } else {
                    text(number)
                };
                let packet = pair.encapsulate(from, &datagram);
                if !lost()
                    && let Ok(Some(plain)) = pair.receive(1 - from, &packet)
                {
                    assert_eq!(plain, datagram);
                    delivered += 1;
                }
                pair.settle_with(|_, _| lost());
                if number % 10 == 0 {
                    pair.run_with(2, |_, _| lost());
                }
            }
            assert!(pair.is_open(), "{ccp:?} {:?}", pair.events);
            let least = if ccp == small_mppe() { 450 } else { 150 };
            assert!(delivered > least, "{ccp:?} {delivered}");
        }
    }
}

#[test]
fn nothing_panics() {
    let packets: [&[u8]; 8] = [
        &[0x80, 0xfd, 1, 9, 0, 10, 18, 6, 1, 0, 0, 0x40],
        &[0x80, 0xfd, 1, 9, 0, 11, 26, 4, 0x78, 0, 21, 3, 0x2c],
        &[0x80, 0xfd, 3, 1, 0, 8, 26, 4, 0x48, 0],
        &[0x80, 0xfd, 4, 1, 0, 8, 26, 4, 0x78, 0],
        &[0x80, 0xfd, 14, 9, 0, 4],
        &[0x80, 0xfd, 15, 9, 0, 4],
        &[0xfd, 0x90, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xfd, 0, 0, 0x2b, 0x98, 0, 0x10, 0x30, 0, 0x20, 0x74, 0xff],
    ];
    for ccp in [deflate(), bsd(), small_mppe()] {
        for packet in packets {
            let mut pair = authenticated([ccp.clone(), ccp.clone()]);
            testkit::sweep(packet, |octets| {
                if !pair.is_open() {
                    pair = authenticated([ccp.clone(), ccp.clone()]);
                }
                let _ = pair.receive(1, octets);
                pair.settle();
            });
        }
    }
}
