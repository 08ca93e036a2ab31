//! What has broken other implementations of PPP, tried on this one. The classes are those of published
//! faults; each is a test here or, where it needs the parts for itself, beside them: cookies and floods
//! of PPPoE in `rfc2516_pppoe`, keys of MPPE in `compression`, fragments in `rfc1990_multilink`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthFailure, Secret};
use ppp_lcp_ncp::framing::{Decoder, Encoder, FramingParameters};
use ppp_lcp_ncp::lcp::AuthMethod;
use ppp_lcp_ncp::link::{AuthRole, CloseReason, Link, LinkConfig, LinkEvent, Phase};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::SeededRandom;

const SECOND: Duration = Duration::from_secs(1);

fn config(number: u8) -> LinkConfig {
    let mut config = LinkConfig {
        ipcp: Some(IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        }),
        ..LinkConfig::default()
    };
    let name = format!("end{number}").into_bytes();
    config.authenticator.name.clone_from(&name);
    config.supplicant.name = name;
    config
}

/// A server, and a peer that is honest in LCP only.
struct Attack {
    now: Instant,
    server: Link,
    peer: Link,
    events: Vec<LinkEvent>,
}

impl Attack {
    /// The line is up, and nothing was said.
    fn new(server: LinkConfig) -> Self {
        let mut peer = config(2);
        peer.lcp.allow_auth = vec![
            AuthMethod::Eap,
            AuthMethod::MsChapV2,
            AuthMethod::ChapMd5,
            AuthMethod::Pap,
        ];
        let now = Instant::from_secs(50);
        let mut seed = 10;
        let [server, peer] = [server, peer].map(|config| {
            seed += 1;
            let mut link = Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
            link.open(now);
            link.lower_up(now);
            link
        });
        Self {
            now,
            server,
            peer,
            events: Vec::new(),
        }
    }

    /// LCP is open, and the server waits for a proof.
    fn asked_for(method: AuthMethod) -> Self {
        let mut config = config(1);
        config.lcp.require_auth = vec![method];
        let mut attack = Self::new(config);
        attack.negotiate();
        assert_eq!(attack.server.phase(), Phase::Authenticate);
        attack
    }

    /// Lets the honest part of the peer talk until nothing more happens. It has no secret.
    fn negotiate(&mut self) {
        for _ in 0..4 {
            self.exchange();
            self.run(3 * SECOND);
        }
    }

    fn exchange(&mut self) {
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        for _ in 0..20 {
            while self.peer.poll_transmit(&mut packet).is_some() {
                let _ = self
                    .server
                    .handle_input(self.now, packet.as_slice(), &mut data);
            }
            while self.server.poll_transmit(&mut packet).is_some() {
                let _ = self
                    .peer
                    .handle_input(self.now, packet.as_slice(), &mut data);
            }
            self.take_events();
        }
    }

    /// Time passes.
    fn run(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.peer.handle_timeout(self.now);
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let LinkEvent::SecretWanted { role, .. } = &event {
                let secret = Secret::from("kiwi");
                self.server.provide_secret(self.now, *role, Some(&secret));
            }
            self.events.push(event);
        }
    }

    /// Sends a packet to the server, and what the server answers.
    fn send(&mut self, packet: &[u8]) -> Vec<Vec<u8>> {
        let mut data = PacketBuf::new();
        let result = self.server.handle_input(self.now, packet, &mut data);
        assert!(
            !matches!(result, Ok(Some(_))),
            "nothing is delivered: {packet:?}"
        );
        self.take_events();
        self.answers()
    }

    fn answers(&mut self) -> Vec<Vec<u8>> {
        let mut out = PacketBuf::new();
        let mut answers = Vec::new();
        while self.server.poll_transmit(&mut out).is_some() {
            answers.push(out.as_slice().to_vec());
        }
        answers
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.events.iter().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    fn is_authenticated(&self) -> bool {
        let proved = |event: &LinkEvent| matches!(event, LinkEvent::Authenticated { .. });
        self.events.iter().any(proved)
    }
}

/// An LCP packet with its protocol.
fn lcp(code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    control(PppProtocol::LCP, code, identifier, data)
}

fn control(protocol: PppProtocol, code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + data.len()).unwrap();
    let mut packet = protocol.0.to_be_bytes().to_vec();
    packet.extend([code, identifier]);
    packet.extend(length.to_be_bytes());
    packet.extend(data);
    packet
}

mod options {
    use super::*;

    /// The link still negotiates with an honest peer.
    fn still_opens(mut attack: Attack) {
        attack.negotiate();
        let protocols = [PppProtocol::IPV4, PppProtocol::IPV6];
        assert!(protocols.iter().all(|it| attack.server.is_open(*it)));
    }

    #[test]
    fn lengths_that_lie() {
        // Zero, one, past the end, and wrong for the type, in each kind of answer (ppproto 0.2.1 panics).
        let bad: [&[u8]; 8] = [
            &[1, 0],
            &[1, 1],
            &[1],
            &[1, 5, 0, 0],
            &[5, 6, 1, 2, 3],
            &[3, 255],
            &[1, 4, 5, 220, 5, 0],
            &[0; 64],
        ];
        for options in bad {
            for code in 1..=4 {
                let mut attack = Attack::new(config(1));
                attack.answers();
                let answers = attack.send(&lcp(code, 1, options));
                assert_eq!(
                    attack.server.phase(),
                    Phase::Establish,
                    "{code} {options:?}"
                );
                assert!(answers.iter().all(|answer| answer.len() < 100));
                still_opens(attack);
            }
        }
    }

    #[test]
    fn many_options_make_no_large_answer() {
        // Twelve of them broke ppproto; a growing Nak broke pppd (its commit c82ddc5).
        let mut all = Vec::new();
        for kind in 0..=255u8 {
            all.extend([kind, 4, 0, 1]);
        }
        let nakable = [1, 4, 0, 1].repeat(300);
        let auth = [3, 5, 0xc2, 0x23, 0x77].repeat(250);
        for options in [&all, &nakable, &auth] {
            let mut attack = Attack::new(config(1));
            attack.answers();
            for identifier in 0..30 {
                let answers = attack.send(&lcp(1, identifier, options));
                assert!(answers.iter().all(|answer| answer.len() <= 1_500));
                assert!(answers.len() <= 1);
            }
        }
    }

    #[test]
    fn options_that_come_twice() {
        // Which one counts? Neither: the request is refused (pppd's commit cc8b00c).
        let mut attack = Attack::new(config(1));
        attack.answers();
        let answers = attack.send(&lcp(1, 7, &[1, 4, 5, 220, 1, 4, 5, 0]));
        assert_ne!(answers[0][2], 2, "not acknowledged");
        still_opens(attack);
    }

    #[test]
    fn what_was_rejected_is_not_asked_for_again() {
        // picotcp asked for ever.
        let mut attack = Attack::new(config(1));
        let request = attack.answers().remove(0);
        let (identifier, options) = (request[3], request[6..].to_vec());
        let answers = attack.send(&lcp(4, identifier, &options));
        assert_eq!(answers[0][..3], [0xc0, 0x21, 1]);
        assert_eq!(answers[0].len(), 6, "nothing is left to ask for");
    }

    #[test]
    fn a_peer_that_naks_for_ever_is_left() {
        let mut attack = Attack::new(config(1));
        let mut request = attack.answers().remove(0);
        let mut rounds = 0;
        while attack.server.phase() == Phase::Establish {
            let nak = lcp(3, request[3], &[5, 6, 0, 0, 0, rounds]);
            match attack.send(&nak).pop() {
                Some(next) => request = next,
                None => {
                    let at = attack.server.poll_timeout().unwrap();
                    attack.now = at;
                    attack.server.handle_timeout(at);
                    attack.take_events();
                    request = attack.answers().pop().unwrap_or(request);
                }
            }
            rounds += 1;
            assert!(rounds < 100, "it ends");
        }
        let reason = attack.closed().unwrap();
        assert!(
            matches!(reason, CloseReason::NotConverged | CloseReason::NoAnswer),
            "{reason:?}"
        );
    }
}

mod frames {
    use super::*;

    #[test]
    fn short_and_unknown_packets() {
        // One octet, none at all, and an unknown protocol of 300 octets: each with a right check sequence
        // (three more panics of ppproto).
        for packet in [
            &[][..],
            &[0xc0],
            &[0x40],
            &[&[0x40, 0x21][..], &[7; 300]].concat(),
        ] {
            let mut attack = Attack::new(config(1));
            attack.answers();
            assert!(
                attack.send(packet).is_empty(),
                "before LCP is open nothing is answered"
            );
            attack.negotiate();
            let answers = attack.send(packet);
            assert!(answers.len() <= 1 && answers.iter().all(|answer| answer.len() <= 1_500));
            assert!(attack.server.is_open(PppProtocol::IPV4));
        }
    }

    #[test]
    fn a_broken_frame_costs_nothing_but_itself() {
        // After one bad check sequence or abort ppproto delivered none of the next twenty.
        let mut encoder = Encoder::new();
        let good: Vec<u8> = lcp(9, 1, &[0; 4]);
        for broken in [
            &b"\x7e\xff\x03\xc0\x21broken\x7e"[..],
            b"\x7eabc\x7d\x7e",
            b"\x7e\x7d\x7d\x7d\x7e",
            &[0x7d; 3_000],
        ] {
            let mut decoder = Decoder::new(1500);
            let mut line = PacketBuf::new();
            line.append_slice(broken);
            for _ in 0..20 {
                encoder.encode(&FramingParameters::DEFAULT, &good, &mut line);
            }
            let mut rest = line.as_slice();
            let mut frames = 0;
            while let Some(frame) = decoder.next_frame(&mut rest) {
                assert!(frame.ends_with(&good));
                frames += 1;
            }
            // One that is never ended takes the first with it.
            assert!(frames >= 19, "{frames}");
        }
    }

    #[test]
    fn escapes_without_end_take_no_memory() {
        // The class of the loops and overreads in tcpdump's unescaping.
        let mut decoder = Decoder::new(1500);
        let bombs = [
            vec![0x7d; 1 << 20],
            [0x7d, 0x5e].repeat(1 << 19),
            [0x7e, 0x7d].repeat(1 << 19),
        ];
        for bomb in &bombs {
            assert!(decoder.next_frame(&mut &b"\x7e"[..]).is_none());
            for chunk in bomb.chunks(997) {
                let mut rest = chunk;
                assert!(decoder.next_frame(&mut rest).is_none());
                assert!(rest.is_empty());
            }
        }
        let stats = decoder.stats();
        assert_eq!(stats.frames, 0);
        assert!(stats.aborted > 0 && stats.oversize > 0);
    }
}

mod authentication {
    use super::*;

    const NCP: [PppProtocol; 4] = [
        PppProtocol::IPCP,
        PppProtocol::IPV6CP,
        PppProtocol::CCP,
        PppProtocol::ECP,
    ];

    #[test]
    fn nobody_reaches_a_network_without_a_proof() {
        for method in [
            AuthMethod::Pap,
            AuthMethod::ChapMd5,
            AuthMethod::MsChapV2,
            AuthMethod::Eap,
        ] {
            let mut attack = Attack::asked_for(method);
            attack.answers();
            for protocol in NCP {
                for code in 0..=16 {
                    assert!(attack.send(&control(protocol, code, 1, &[])).is_empty());
                }
            }
            for protocol in [
                PppProtocol::IPV4,
                PppProtocol::IPV6,
                PppProtocol::MULTILINK,
                PppProtocol::COMPRESSED,
            ] {
                let packet = [&protocol.0.to_be_bytes()[..], b"payload"].concat();
                assert!(attack.send(&packet).is_empty());
            }
            assert_eq!(attack.server.phase(), Phase::Authenticate);
            assert!(!attack.is_authenticated());
            for ncp in [
                attack.server.ipcp().unwrap().state(),
                attack.server.ipv6cp().unwrap().state(),
            ] {
                assert!(!ncp.is_lower_layer_up(), "{ncp:?}");
            }
        }
    }

    #[test]
    fn passwords_are_compared_whole() {
        // Not as far as the peer's go (CVE-2026-55706): empty, a part, more, with a zero.
        for password in [
            &b""[..],
            b"k",
            b"kiw",
            b"kiwi\0",
            b"kiwikiwi",
            b"KIWI",
            b"\0",
        ] {
            let mut attack = Attack::asked_for(AuthMethod::Pap);
            let mut data = vec![4];
            data.extend(b"end2");
            data.push(u8::try_from(password.len()).unwrap());
            data.extend(password);
            attack.send(&control(PppProtocol::PAP, 1, 1, &data));
            assert!(!attack.is_authenticated(), "{password:?}");
        }
        let mut attack = Attack::asked_for(AuthMethod::Pap);
        attack.send(&control(PppProtocol::PAP, 1, 1, b"\x04end2\x04kiwi"));
        assert!(attack.is_authenticated());
    }

    #[test]
    fn lengths_in_a_pap_request_that_lie() {
        let requests: [&[u8]; 6] = [
            b"",
            b"\xff",
            b"\x04end2",
            b"\x04end2\xff",
            b"\xffend2\x04kiwi",
            b"\x04end2\x05kiwi",
        ];
        for data in requests {
            let mut attack = Attack::asked_for(AuthMethod::Pap);
            attack.send(&control(PppProtocol::PAP, 1, 1, data));
            assert!(!attack.is_authenticated(), "{data:?}");
        }
    }

    #[test]
    fn names_and_values_of_eap_and_chap_that_lie() {
        // A name longer than its buffer, a value longer than the packet (CVE-2020-8597, ppp issue 12).
        let name = [b'n'; 1_400];
        for (method, protocol, values) in [
            (AuthMethod::Eap, PppProtocol::EAP, 16),
            (AuthMethod::ChapMd5, PppProtocol::CHAP, 16),
            (AuthMethod::MsChapV2, PppProtocol::CHAP, 49),
        ] {
            for value_size in [0u8, 1, 15, 16, 17, 48, 49, 50, 254, 255] {
                for there in [0, usize::from(value_size), 300] {
                    for name in [&name[..], &name[..256], b""] {
                        let mut attack = Attack::asked_for(method);
                        let challenge = attack.answers().pop();
                        let identifier = challenge.map_or(1, |challenge| challenge[3]);
                        let mut data = if method == AuthMethod::Eap {
                            vec![4]
                        } else {
                            vec![]
                        };
                        data.push(value_size);
                        data.extend(vec![0xaa; there]);
                        data.extend(name);
                        attack.send(&control(protocol, 2, identifier, &data));
                        assert!(
                            !attack.is_authenticated(),
                            "{method} {value_size} {there} {values}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_not_agreed_on_is_not_answered() {
        // EAP and CHAP requests where neither was negotiated (lwIP 2.1.3 answers; picotcp issue 298).
        let mut attack = Attack::new(config(1));
        attack.negotiate();
        attack.answers();
        let challenge = [&[16][..], &[7; 16], b"end2"].concat();
        let requests = [
            control(PppProtocol::CHAP, 1, 1, &challenge),
            control(PppProtocol::EAP, 1, 1, &[1]),
            control(PppProtocol::EAP, 1, 2, &[&[4][..], &challenge].concat()),
            control(PppProtocol::PAP, 1, 1, b"\x04end2\x04kiwi"),
            control(PppProtocol::PAP, 2, 1, b"\0"),
        ];
        for request in &requests {
            assert!(attack.send(request).is_empty(), "{request:?}");
        }
        assert!(
            !attack
                .events
                .iter()
                .any(|event| matches!(event, LinkEvent::SecretWanted { .. }))
        );
        // Nor is one side's when only the other was (pppd's commit 3bf289c sent a Nak as a server).
        let mut attack = Attack::asked_for(AuthMethod::Eap);
        attack.answers();
        for request in &requests[..3] {
            assert!(attack.send(request).is_empty(), "{request:?}");
        }
    }

    #[test]
    fn nobody_falls_back_to_something_weaker() {
        // PAP after a challenge, or after a failure (picotcp issues 299 and 322).
        let mut attack = Attack::asked_for(AuthMethod::ChapMd5);
        let pap = control(PppProtocol::PAP, 1, 1, b"\x04end2\x04kiwi");
        assert!(
            attack
                .send(&pap)
                .iter()
                .all(|answer| answer[..2] != [0xc0, 0x23])
        );
        let identifier = attack.answers().pop().map_or(1, |challenge| challenge[3]);
        let wrong = [&[16][..], &[0; 16], b"end2"].concat();
        // Whatever the identifier of the challenge was, one of these is it.
        for guess in 0..=255u8 {
            attack.send(&control(
                PppProtocol::CHAP,
                2,
                guess.wrapping_add(identifier),
                &wrong,
            ));
            attack.send(&pap);
        }
        assert!(!attack.is_authenticated());
        assert_ne!(attack.server.phase(), Phase::Network);
        for _ in 0..4 {
            attack.run(4 * SECOND);
        }
        let wrong = CloseReason::PeerNotAuthenticated(AuthFailure::WrongProof);
        assert_eq!(attack.closed(), Some(&wrong));
    }

    #[test]
    fn our_own_challenge_sent_back_is_not_answered() {
        // With one secret both ways, the answer would be the proof that is wanted of the peer.
        let mut server = config(1);
        server.lcp.require_auth = vec![AuthMethod::ChapMd5];
        server.lcp.allow_auth = vec![AuthMethod::ChapMd5];
        let mut attack = Attack::new(server);
        attack.peer = {
            let mut peer = config(2);
            peer.lcp.allow_auth = vec![AuthMethod::ChapMd5];
            peer.lcp.require_auth = vec![AuthMethod::ChapMd5];
            let mut link = Link::new(peer, Box::new(SeededRandom::new(77))).unwrap();
            link.open(attack.now);
            link.lower_up(attack.now);
            link
        };
        // LCP only: what the server says of CHAP is kept.
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        let mut challenge = None;
        for _ in 0..20 {
            while attack.peer.poll_transmit(&mut packet).is_some() {
                if packet.as_slice().starts_with(&[0xc0, 0x21]) {
                    let _ = attack
                        .server
                        .handle_input(attack.now, packet.as_slice(), &mut data);
                }
            }
            while attack.server.poll_transmit(&mut packet).is_some() {
                if packet.as_slice().starts_with(&[0xc2, 0x23, 1]) {
                    challenge = Some(packet.as_slice().to_vec());
                }
                let _ = attack
                    .peer
                    .handle_input(attack.now, packet.as_slice(), &mut data);
            }
        }
        attack.take_events();
        let challenge = challenge.expect("the server challenges");
        // As it is, with another identifier, and in another name.
        let mut renamed = challenge.clone();
        let last = renamed.len() - 1;
        renamed[last] = b'9';
        let mut numbered = challenge.clone();
        numbered[3] ^= 0x55;
        for reflected in [challenge, numbered, renamed] {
            let answers = attack.send(&reflected);
            assert!(answers.iter().all(|answer| answer[2] != 2), "{answers:?}");
        }
        assert!(!attack.events.iter().any(|event| {
            matches!(
                event,
                LinkEvent::Authenticated {
                    role: AuthRole::Peer,
                    ..
                }
            )
        }));
    }
}

mod floods {
    use super::*;

    #[test]
    fn packets_that_want_an_answer() {
        // Nobody fetches the answers meanwhile; what waits is bounded, and the link goes on.
        let mut attack = Attack::new(config(1));
        attack.negotiate();
        let (unknown, echo, code) = (
            [&[0x40, 0x21][..], &[0; 1_000]].concat(),
            lcp(9, 1, &[0; 900]),
            lcp(99, 1, &[0; 900]),
        );
        let mut data = PacketBuf::new();
        for _ in 0..5_000 {
            for packet in [&unknown, &echo, &code] {
                let _ = attack.server.handle_input(attack.now, packet, &mut data);
            }
        }
        assert!(attack.answers().len() <= 16);
        assert!(attack.server.is_open(PppProtocol::IPV4));
        assert!(attack.server.lcp().endpoint_stats().outbox_full > 10_000);
    }

    #[test]
    fn requests_that_make_the_layer_go_up_and_down() {
        // Each is a new negotiation; the secret that is asked for is asked for once in each.
        let mut attack = Attack::asked_for(AuthMethod::ChapMd5);
        for identifier in 0..=255 {
            attack.send(&lcp(1, identifier, &[]));
        }
        assert!(attack.server.stats().events_lost == 0 && !attack.is_authenticated());
        assert_ne!(attack.server.phase(), Phase::Network);
    }

    #[test]
    fn rejects_and_answers_that_nobody_has_asked_for() {
        let mut attack = Attack::new(config(1));
        attack.negotiate();
        let request = lcp(1, 200, &[]);
        for packet in [
            lcp(7, 1, &request[2..]),
            lcp(8, 1, &[0x80, 0x21]),
            lcp(8, 2, &[0xc0, 0x21]),
            lcp(10, 1, &[0; 4]),
            lcp(2, 1, &[]),
            lcp(3, 1, &[]),
            lcp(4, 1, &[]),
            lcp(6, 1, &[]),
        ] {
            let mut attack = Attack::new(config(1));
            attack.negotiate();
            for _ in 0..100 {
                attack.send(&packet);
            }
            // A Protocol-Reject of LCP, and a Code-Reject of a request, end the link; that is the RFC's.
            // One for each at the most: that the peer rejects a protocol is told each time.
            assert!(attack.events.len() <= 110, "{packet:?}");
        }
        assert_eq!(attack.server.phase(), Phase::Network);
    }
}
