//! Authentication: the vectors of RFC 2759 and RFC 3079, and both sides against each other.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{
    AuthDiscard, AuthEvent, AuthFailure, Authenticator, AuthenticatorConfig, ChapPacket, EapPacket,
    EapType, PapPacket, Secret, Supplicant, SupplicantConfig, chap_md5,
};
use ppp_lcp_ncp::lcp::AuthMethod;
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::SeededRandom;

const METHODS: [AuthMethod; 4] = [
    AuthMethod::Pap,
    AuthMethod::ChapMd5,
    AuthMethod::MsChapV2,
    AuthMethod::Eap,
];

/// Both sides, and a line between them that loses what `loses` says.
struct Pair {
    now: Instant,
    authenticator: Authenticator,
    supplicant: Supplicant,
    events: (Vec<AuthEvent>, Vec<AuthEvent>),
    secrets: (Option<Secret>, Option<Secret>),
    sent: usize,
    loses: fn(usize) -> bool,
}

impl Pair {
    fn new(method: AuthMethod, theirs: Option<&str>, ours: Option<&str>) -> Self {
        let config = AuthenticatorConfig {
            name: b"gateway".to_vec(),
            ..AuthenticatorConfig::default()
        };
        let authenticator = Authenticator::new(method, config, Box::new(SeededRandom::new(1)));
        let config = SupplicantConfig {
            name: b"alice".to_vec(),
            ..SupplicantConfig::default()
        };
        Self {
            now: Instant::from_secs(10),
            authenticator,
            supplicant: Supplicant::new(method, config, Box::new(SeededRandom::new(2))),
            events: (Vec::new(), Vec::new()),
            secrets: (theirs.map(Secret::from), ours.map(Secret::from)),
            sent: 0,
            loses: |_| false,
        }
    }

    fn start(&mut self) {
        self.authenticator.start(self.now);
        self.supplicant.start(self.now);
        self.settle();
    }

    /// Carries packets and secrets until nothing moves.
    fn settle(&mut self) {
        let mut packet = PacketBuf::new();
        loop {
            let mut moved = false;
            while let Some(protocol) = self.authenticator.poll_transmit(&mut packet) {
                assert_eq!(protocol, self.authenticator.method().protocol());
                moved = true;
                self.sent += 1;
                if !(self.loses)(self.sent) {
                    let own = None;
                    let _ = self
                        .supplicant
                        .handle_input(self.now, packet.as_slice(), own);
                }
            }
            while let Some(protocol) = self.supplicant.poll_transmit(&mut packet) {
                assert_eq!(protocol, self.supplicant.method().protocol());
                moved = true;
                self.sent += 1;
                if !(self.loses)(self.sent) {
                    let _ = self.authenticator.handle_input(self.now, packet.as_slice());
                }
            }
            while let Some(event) = self.authenticator.poll_event() {
                moved = true;
                if let AuthEvent::SecretWanted { name } = &event {
                    assert_eq!(name, b"alice");
                    self.authenticator
                        .provide_secret(self.now, self.secrets.0.as_ref());
                }
                self.events.0.push(event);
            }
            while let Some(event) = self.supplicant.poll_event() {
                moved = true;
                if let AuthEvent::SecretWanted { .. } = &event {
                    self.supplicant
                        .provide_secret(self.now, self.secrets.1.as_ref());
                }
                self.events.1.push(event);
            }
            if !moved {
                return;
            }
        }
    }

    /// Lets the timers run until nothing more is due.
    fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        loop {
            let timers = [
                self.authenticator.poll_timeout(),
                self.supplicant.poll_timeout(),
            ];
            let Some(next) = timers.into_iter().flatten().min() else {
                return;
            };
            if next > end {
                return;
            }
            self.now = next;
            self.authenticator.handle_timeout(next);
            self.supplicant.handle_timeout(next);
            self.settle();
        }
    }
}

fn succeeded(events: &[AuthEvent]) -> Vec<&[u8]> {
    events
        .iter()
        .filter_map(|event| match event {
            AuthEvent::Succeeded { name, .. } => Some(name.as_slice()),
            _ => None,
        })
        .collect()
}

fn failures(events: &[AuthEvent]) -> Vec<&AuthFailure> {
    events
        .iter()
        .filter_map(|event| match event {
            AuthEvent::Failed(failure) => Some(failure),
            _ => None,
        })
        .collect()
}

mod vectors {
    use super::*;
    use ppp_lcp_ncp::auth::{
        MsChapV2Keys, authenticator_response, challenge_hash, nt_password_hash, nt_response,
    };

    fn octets<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    // RFC 2759 §9.2: the example of both challenges, the password "clientPass" and the user "User".
    #[test]
    fn rfc_2759_section_9_2() {
        let password = Secret::from("clientPass");
        let authenticator = octets::<16>("5B5D7C7D7B3F2F3E3C2C602132262628");
        let peer = octets::<16>("21402324255E262A28295F2B3A337C7E");
        assert_eq!(
            challenge_hash(&peer, &authenticator, b"User"),
            octets("D02E4386BCE91226")
        );
        assert_eq!(
            *nt_password_hash(&password),
            octets("44EBBA8D5312B8D611474411F56989AE")
        );
        let response = nt_response(&authenticator, &peer, b"User", &password);
        assert_eq!(
            response,
            octets("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
        );
        let proof = authenticator_response(&password, &response, &peer, &authenticator, b"User");
        assert_eq!(proof, octets("407A5589115FD0D6209F510FE9C04566932CDA56"));
        // A domain does not count.
        let with_domain = nt_response(&authenticator, &peer, b"BIGCO\\User", &password);
        assert_eq!(with_domain, response);
        // RFC 3079 §3.5.1.
        let keys = MsChapV2Keys::new(&password, &response, true);
        assert_eq!(
            *keys.master_key(),
            octets("FDECE3717A8C838CB388E527AE3CDD31")
        );
    }

    // RFC 1994 §4.1 MUST (hash): over identifier, secret and challenge. The value was computed with
    // `printf '\x7fsecret01234567' | md5sum`.
    #[test]
    fn chap_with_md5() {
        let digest = chap_md5(0x7f, &Secret::from("secret"), b"01234567");
        assert_eq!(digest, octets("3547d9529360e519aacc4677aeeb8bec"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = Secret::from("clientPass");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let keys = MsChapV2Keys::new(&secret, &[7; 24], false);
        let octets = format!("{:?}", keys.master_key());
        assert!(!format!("{keys:?}").contains(&octets));
    }
}

mod both_sides {
    use super::*;

    // RFC 1994 §4.1 MUST (respond): each challenge gets a response, and the right one succeeds.
    #[test]
    fn the_same_secret_succeeds_by_every_method() {
        for method in METHODS {
            let mut pair = Pair::new(method, Some("kiwi"), Some("kiwi"));
            pair.start();
            assert_eq!(succeeded(&pair.events.0), [b"alice"], "{method}");
            let name: &[u8] = if method == AuthMethod::Pap {
                b""
            } else {
                b"gateway"
            };
            assert_eq!(succeeded(&pair.events.1), [name], "{method}");
            assert!(pair.authenticator.is_authenticated() && pair.supplicant.is_accepted());
        }
    }

    #[test]
    fn ms_chap_v2_gives_both_sides_the_same_key() {
        let mut pair = Pair::new(AuthMethod::MsChapV2, Some("kiwi"), Some("kiwi"));
        pair.start();
        let key = |events: &[AuthEvent]| {
            let keys = events.iter().find_map(|event| match event {
                AuthEvent::Succeeded { keys, .. } => keys.clone(),
                _ => None,
            });
            let keys = keys.unwrap();
            (*keys.master_key(), keys.is_server())
        };
        let (a, b) = (key(&pair.events.0), key(&pair.events.1));
        assert_eq!(a.0, b.0);
        assert_eq!((a.1, b.1), (true, false));
    }

    // RFC 1994 §4.2 SHOULD (terminate): after a Failure the authenticator has failed, and the link ends.
    #[test]
    fn a_wrong_secret_and_an_unknown_name_fail_alike() {
        for method in METHODS {
            for theirs in [Some("other"), None] {
                let mut pair = Pair::new(method, theirs, Some("kiwi"));
                pair.start();
                pair.run(Duration::from_secs(100));
                assert!(succeeded(&pair.events.0).is_empty(), "{method}");
                assert!(succeeded(&pair.events.1).is_empty(), "{method}");
                let failure = failures(&pair.events.1);
                assert!(
                    matches!(failure[..], [AuthFailure::Refused { .. }]),
                    "{method}: {failure:?}"
                );
                // PAP may try again, and this supplicant does not.
                let expected = if method == AuthMethod::Pap {
                    AuthFailure::NoAnswer
                } else {
                    AuthFailure::WrongProof
                };
                assert_eq!(failures(&pair.events.0), [&expected], "{method}");
            }
        }
    }

    // RFC 2759 §5 MUST: a Success without the proof, or with a wrong one, ends it.
    #[test]
    fn an_authenticator_that_does_not_know_the_password_is_found_out() {
        let mut pair = Pair::new(AuthMethod::MsChapV2, Some("kiwi"), Some("kiwi"));
        pair.authenticator.start(pair.now);
        pair.supplicant.start(pair.now);
        let mut packet = PacketBuf::new();
        assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
        let challenge = packet.as_slice().to_vec();
        pair.supplicant
            .handle_input(pair.now, &challenge, None)
            .unwrap();
        assert!(matches!(
            pair.supplicant.poll_event(),
            Some(AuthEvent::SecretWanted { .. })
        ));
        pair.supplicant
            .provide_secret(pair.now, Some(&Secret::from("kiwi")));
        let identifier = challenge[1];
        for message in [
            &b""[..],
            b"S=",
            b"S=0123456789012345678901234567890123456789",
        ] {
            let mut impostor = Pair::new(AuthMethod::MsChapV2, None, None);
            core::mem::swap(&mut impostor.supplicant, &mut pair.supplicant);
            let success = ChapPacket::Success {
                identifier,
                message,
            };
            impostor
                .supplicant
                .handle_input(pair.now, &success.to_octets(), None)
                .unwrap();
            assert_eq!(
                impostor.supplicant.poll_event(),
                Some(AuthEvent::Failed(AuthFailure::AuthenticatorNotGenuine))
            );
            // Another one for the next message.
            pair = Pair::new(AuthMethod::MsChapV2, Some("kiwi"), Some("kiwi"));
            pair.supplicant.start(pair.now);
            pair.supplicant
                .handle_input(pair.now, &challenge, None)
                .unwrap();
            pair.supplicant.poll_event();
            pair.supplicant
                .provide_secret(pair.now, Some(&Secret::from("kiwi")));
        }
    }

    // RFC 1334 §2.2.1 MUST (repeat): requests are repeated, and answered again.
    #[test]
    fn lost_packets_are_sent_again() {
        for method in METHODS {
            for lost in 1..=6 {
                let mut pair = Pair::new(method, Some("kiwi"), Some("kiwi"));
                pair.loses = match lost {
                    1 => |n| n == 1,
                    2 => |n| n == 2,
                    3 => |n| n == 3,
                    4 => |n| n == 4,
                    5 => |n| n % 4 == 2,
                    _ => |n| n % 3 == 0,
                };
                pair.start();
                pair.run(Duration::from_secs(60));
                let case = format!("{method}, loss pattern {lost}");
                assert_eq!(succeeded(&pair.events.0), [b"alice"], "{case}");
                // Nothing repeats an EAP Success, nor a Success of CHAP when nobody asks again: the
                // network phase tells a supplicant of those (RFC 3748 §4.2).
                if method == AuthMethod::Pap {
                    assert_eq!(succeeded(&pair.events.1).len(), 1, "{case}");
                }
            }
        }
    }

    // RFC 1994 §4.2 MAY (repeat-response): nothing stands for a Success of MS-CHAP-V2 that was lost, so
    // the response comes again.
    #[test]
    fn a_success_of_mschap_that_is_lost() {
        let mut pair = Pair::new(AuthMethod::MsChapV2, Some("kiwi"), Some("kiwi"));
        // Challenge, response, Success.
        pair.loses = |sent| sent == 3;
        pair.start();
        assert_eq!(
            (
                succeeded(&pair.events.0).len(),
                succeeded(&pair.events.1).len()
            ),
            (1, 0)
        );
        pair.run(Duration::from_secs(3));
        assert_eq!(
            (
                succeeded(&pair.events.0).len(),
                succeeded(&pair.events.1).len()
            ),
            (1, 1)
        );
        assert_eq!((pair.sent, pair.supplicant.stats().retransmitted), (5, 1));
    }

    #[test]
    fn silence_ends_it() {
        for method in METHODS {
            let mut pair = Pair::new(method, Some("kiwi"), Some("kiwi"));
            pair.loses = |_| true;
            pair.start();
            pair.run(Duration::from_secs(100));
            assert_eq!(failures(&pair.events.0), [&AuthFailure::NoAnswer]);
            assert_eq!(failures(&pair.events.1), [&AuthFailure::NoAnswer]);
        }
    }

    #[test]
    fn a_supplicant_without_a_secret_sends_nothing() {
        for method in METHODS {
            let mut pair = Pair::new(method, Some("kiwi"), None);
            pair.start();
            assert_eq!(failures(&pair.events.1), [&AuthFailure::NoSecret]);
            assert!(succeeded(&pair.events.0).is_empty());
        }
    }

    // RFC 1994 §4.2 MUST (repeat): while the link is up, a repeated Response gets the same answer.
    #[test]
    fn a_repeated_response_gets_the_same_answer() {
        let mut pair = Pair::new(AuthMethod::ChapMd5, Some("kiwi"), Some("kiwi"));
        pair.authenticator.start(pair.now);
        let mut packet = PacketBuf::new();
        assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
        let Ok(ChapPacket::Challenge {
            identifier, value, ..
        }) = ChapPacket::parse(packet.as_slice())
        else {
            panic!("not a challenge");
        };
        let response = ChapPacket::Response {
            identifier,
            value: &chap_md5(identifier, &Secret::from("kiwi"), value),
            name: b"alice",
        }
        .to_octets();
        pair.authenticator
            .handle_input(pair.now, &response)
            .unwrap();
        pair.settle();
        for _ in 0..3 {
            pair.authenticator
                .handle_input(pair.now, &response)
                .unwrap();
            assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
            assert!(matches!(
                ChapPacket::parse(packet.as_slice()),
                Ok(ChapPacket::Success { .. })
            ));
            assert_eq!(pair.authenticator.poll_event(), None);
        }
    }

    // RFC 1994 §2 MAY (rechallenge): the authenticator challenges again while the link is open.
    #[test]
    fn a_peer_proves_itself_again_and_again() {
        let mut pair = Pair::new(AuthMethod::ChapMd5, Some("kiwi"), Some("kiwi"));
        let config = AuthenticatorConfig {
            rechallenge: Some(Duration::from_secs(60)),
            ..AuthenticatorConfig::default()
        };
        pair.authenticator =
            Authenticator::new(AuthMethod::ChapMd5, config, Box::new(SeededRandom::new(3)));
        pair.start();
        pair.run(Duration::from_secs(200));
        assert_eq!(succeeded(&pair.events.0).len(), 4);
        assert_eq!(succeeded(&pair.events.1).len(), 4);
        // The password is changed: the next challenge finds out.
        pair.secrets.0 = Some(Secret::from("melon"));
        pair.run(Duration::from_secs(100));
        assert_eq!(failures(&pair.events.0), [&AuthFailure::WrongProof]);
        assert!(!pair.authenticator.is_authenticated());
    }
}

mod packets {
    use super::*;
    use ppp_lcp_ncp::auth::MsChapV2Response;

    fn authenticator(method: AuthMethod, seed: u64) -> (Authenticator, Vec<u8>) {
        let mut authenticator = Authenticator::new(
            method,
            AuthenticatorConfig::default(),
            Box::new(SeededRandom::new(seed)),
        );
        authenticator.start(Instant::ZERO);
        let first = next(|out| authenticator.poll_transmit(out)).unwrap();
        (authenticator, first)
    }

    fn next(mut poll: impl FnMut(&mut PacketBuf) -> Option<PppProtocol>) -> Option<Vec<u8>> {
        let mut packet = PacketBuf::new();
        poll(&mut packet).map(|_| packet.as_slice().to_vec())
    }

    #[test]
    fn what_is_ignored_does_not_move_the_clock() {
        for method in METHODS {
            let config = AuthenticatorConfig::default();
            let random = Box::new(SeededRandom::new(1));
            let mut authenticator = Authenticator::new(method, config, random);
            authenticator.start(Instant::ZERO);
            let config = SupplicantConfig::default();
            let mut supplicant = Supplicant::new(method, config, Box::new(SeededRandom::new(2)));
            supplicant.start(Instant::ZERO);
            let timeouts = [authenticator.poll_timeout(), supplicant.poll_timeout()];
            // It comes an hour later.
            let later = Instant::from_secs(3_600);
            assert!(authenticator.handle_input(later, &[77, 1, 0, 4]).is_err());
            assert!(
                supplicant
                    .handle_input(later, &[77, 1, 0, 4], None)
                    .is_err()
            );
            authenticator.handle_timeout(Instant::from_secs(1));
            supplicant.handle_timeout(Instant::from_secs(1));
            let now = [authenticator.poll_timeout(), supplicant.poll_timeout()];
            assert_eq!(now, timeouts, "{method:?}");
        }
    }

    // RFC 1994 §2.3 MUST (unique): no challenge comes twice.
    // RFC 1994 §4.1 MUST (identifier): nor does an identifier follow itself.
    #[test]
    fn challenges_are_new() {
        let config = AuthenticatorConfig {
            rechallenge: Some(Duration::from_secs(1)),
            ..AuthenticatorConfig::default()
        };
        let random = Box::new(SeededRandom::new(1));
        let mut authenticator = Authenticator::new(AuthMethod::ChapMd5, config, random);
        let secret = Secret::from("kiwi");
        let mut now = Instant::ZERO;
        authenticator.start(now);
        let mut seen: Vec<(u8, Vec<u8>)> = Vec::new();
        for _ in 0..50 {
            let packet = next(|out| authenticator.poll_transmit(out)).unwrap();
            let Ok(ChapPacket::Challenge {
                identifier, value, ..
            }) = ChapPacket::parse(&packet)
            else {
                panic!("not a challenge");
            };
            assert_eq!(value.len(), 16);
            assert!(seen.iter().all(|(_, other)| other != value));
            assert_ne!(seen.last().map(|(last, _)| *last), Some(identifier));
            seen.push((identifier, value.to_vec()));
            let response = ChapPacket::Response {
                identifier,
                value: &chap_md5(identifier, &secret, value),
                name: b"alice",
            };
            authenticator
                .handle_input(now, &response.to_octets())
                .unwrap();
            authenticator.provide_secret(now, Some(&secret));
            assert!(authenticator.is_authenticated());
            assert!(next(|out| authenticator.poll_transmit(out)).is_some());
            now = authenticator.poll_timeout().unwrap();
            authenticator.handle_timeout(now);
        }
    }

    // RFC 1994 §4.1 MUST (value): none is not a value.
    #[test]
    fn empty_values_are_refused() {
        for code in [1, 2] {
            let packet = [code, 1, 0, 6, 0, b'x'];
            assert!(ChapPacket::parse(&packet).is_err(), "{code}");
        }
    }

    // RFC 2759 §4 MUST (zero): what is reserved, and the flags.
    #[test]
    fn the_reserved_octets_are_zero() {
        let response = MsChapV2Response {
            peer_challenge: [0xff; 16],
            nt_response: [0xee; 24],
        };
        let octets = response.to_octets();
        assert_eq!(octets[16..24], [0; 8]);
        assert_eq!(octets[48], 0);
        assert_eq!(MsChapV2Response::parse(&octets), Ok(response));
    }

    // RFC 2759 §6 MUST: error 691, no other try, a challenge, version 3 and a message.
    // RFC 2759 §5 MUST: the proof has forty upper-case digits.
    #[test]
    fn verdicts_of_ms_chap() {
        for (theirs, is_right) in [("kiwi", true), ("melon", false)] {
            let (mut authenticator, challenge) = authenticator(AuthMethod::MsChapV2, 1);
            let config = SupplicantConfig {
                name: b"alice".to_vec(),
                ..SupplicantConfig::default()
            };
            let random = Box::new(SeededRandom::new(2));
            let mut supplicant = Supplicant::new(AuthMethod::MsChapV2, config, random);
            supplicant.start(Instant::ZERO);
            supplicant
                .handle_input(Instant::ZERO, &challenge, None)
                .unwrap();
            supplicant.provide_secret(Instant::ZERO, Some(&Secret::from("kiwi")));
            let response = next(|out| supplicant.poll_transmit(out)).unwrap();
            authenticator
                .handle_input(Instant::ZERO, &response)
                .unwrap();
            authenticator.provide_secret(Instant::ZERO, Some(&Secret::from(theirs)));
            let verdict = next(|out| authenticator.poll_transmit(out)).unwrap();
            match ChapPacket::parse(&verdict).unwrap() {
                ChapPacket::Success { message, .. } => {
                    assert!(is_right);
                    let (proof, rest) = message.strip_prefix(b"S=").unwrap().split_at(40);
                    let is_digit = |octet: &u8| matches!(octet, b'0'..=b'9' | b'A'..=b'F');
                    assert!(proof.iter().all(is_digit));
                    assert!(rest.starts_with(b" M="));
                }
                ChapPacket::Failure { message, .. } => {
                    assert!(!is_right);
                    let text = core::str::from_utf8(message).unwrap();
                    let fields: Vec<&str> = text.splitn(5, ' ').collect();
                    assert_eq!(fields[..2], ["E=691", "R=0"]);
                    assert_eq!(fields[2].len(), 2 + 32);
                    assert_eq!(fields[3], "V=3");
                    assert!(fields[4].starts_with("M="));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn eap_supplicant() -> Supplicant {
        let config = SupplicantConfig {
            name: b"alice".to_vec(),
            ..SupplicantConfig::default()
        };
        let random = Box::new(SeededRandom::new(2));
        let mut supplicant = Supplicant::new(AuthMethod::Eap, config, random);
        supplicant.start(Instant::ZERO);
        supplicant
    }

    // RFC 3748 §4.1 MUST (duplicate): each repetition gets the response that the first got.
    // RFC 3748 §5.2 MUST: a Notification gets one too.
    #[test]
    fn repeated_requests_get_the_same_response() {
        let mut supplicant = eap_supplicant();
        for kind in [EapType::IDENTITY, EapType::NOTIFICATION, EapType(13)] {
            let identifier = kind.0;
            let request = EapPacket::Request {
                identifier,
                kind,
                data: b"text",
            }
            .to_octets();
            supplicant
                .handle_input(Instant::ZERO, &request, None)
                .unwrap();
            let first = next(|out| supplicant.poll_transmit(out)).unwrap();
            let Ok(EapPacket::Response {
                identifier: copied, ..
            }) = EapPacket::parse(&first)
            else {
                panic!("not a response");
            };
            assert_eq!(copied, identifier);
            for _ in 0..3 {
                supplicant
                    .handle_input(Instant::ZERO, &request, None)
                    .unwrap();
                assert_eq!(
                    next(|out| supplicant.poll_transmit(out)),
                    Some(first.clone())
                );
            }
        }
    }

    // RFC 3748 §4.1 MUST (identifier): the response to another request is discarded.
    #[test]
    fn responses_have_to_match() {
        let (mut authenticator, request) = authenticator(AuthMethod::Eap, 1);
        let (kind, data) = (EapType::IDENTITY, &b"alice"[..]);
        let identifier = request[1].wrapping_add(1);
        let response = EapPacket::Response {
            identifier,
            kind,
            data,
        }
        .to_octets();
        let result = authenticator.handle_input(Instant::ZERO, &response);
        let expected = request[1];
        assert_eq!(
            result,
            Err(AuthDiscard::Identifier {
                found: identifier,
                expected
            })
        );
        assert!(next(|out| authenticator.poll_transmit(out)).is_none());
    }

    // pppd counts on: its verdict has the identifier after the response's. Any other is not ours.
    #[test]
    fn a_verdict_may_have_the_identifier_after_the_responses() {
        for (offset, is_taken) in [(0, true), (1, true), (2, false), (255, false)] {
            for code in [3, 4] {
                let mut supplicant = eap_supplicant();
                let challenge = EapPacket::Request {
                    identifier: 255,
                    kind: EapType::MD5_CHALLENGE,
                    data: b"\x04abcdbob",
                };
                supplicant
                    .handle_input(Instant::ZERO, &challenge.to_octets(), None)
                    .unwrap();
                supplicant.provide_secret(Instant::ZERO, Some(&Secret::from("secret")));
                next(|out| supplicant.poll_transmit(out)).unwrap();
                let identifier = 255_u8.wrapping_add(offset);
                let verdict = [code, identifier, 0, 4];
                let result = supplicant.handle_input(Instant::ZERO, &verdict, None);
                assert_eq!(result.is_ok(), is_taken, "{offset} {code}");
                assert_eq!(supplicant.is_accepted(), is_taken && code == 3);
            }
        }
    }

    // RFC 3748 §4.2 MUST (length): four octets, and no more.
    #[test]
    fn success_and_failure_have_no_data() {
        for code in [3, 4] {
            assert!(EapPacket::parse(&[code, 1, 0, 4]).is_ok());
            assert!(EapPacket::parse(&[code, 1, 0, 4, 0]).is_ok(), "padding");
            assert!(EapPacket::parse(&[code, 1, 0, 5, 0]).is_err());
        }
    }

    // RFC 3748 §4.2 MAY (indication): the network phase tells what the lost Success would have.
    #[test]
    fn the_network_phase_stands_for_a_lost_success() {
        for method in METHODS {
            let mut pair = Pair::new(method, Some("kiwi"), Some("kiwi"));
            pair.supplicant.network_phase_began(pair.now);
            assert!(!pair.supplicant.is_accepted(), "nothing was proved yet");
            // The verdict is lost: the second packet of PAP, the third of CHAP, the fifth of EAP.
            pair.loses = match method {
                AuthMethod::Pap => |n| n == 2,
                AuthMethod::Eap => |n| n == 5,
                _ => |n| n == 3,
            };
            pair.start();
            assert!(pair.authenticator.is_authenticated() && !pair.supplicant.is_accepted());
            pair.supplicant.network_phase_began(pair.now);
            // With MS-CHAP-V2 the authenticator owes a proof as well.
            let believed = method != AuthMethod::MsChapV2;
            assert_eq!(pair.supplicant.is_accepted(), believed, "{method}");
        }
    }
}

mod attacks {
    use super::*;

    fn chap_supplicant() -> Supplicant {
        let config = SupplicantConfig {
            name: b"alice".to_vec(),
            ..SupplicantConfig::default()
        };
        let random = Box::new(SeededRandom::new(2));
        let mut supplicant = Supplicant::new(AuthMethod::ChapMd5, config, random);
        supplicant.start(Instant::ZERO);
        supplicant
    }

    #[test]
    fn our_own_challenge_is_not_answered() {
        let own = [0x5a; 16];
        let reflected = ChapPacket::Challenge {
            identifier: 1,
            value: &own,
            name: b"gateway",
        };
        let mut supplicant = chap_supplicant();
        supplicant
            .handle_input(Instant::ZERO, &reflected.to_octets(), Some(&own))
            .unwrap();
        assert_eq!(
            supplicant.poll_event(),
            Some(AuthEvent::Failed(AuthFailure::Reflection))
        );
        assert!(supplicant.poll_transmit(&mut PacketBuf::new()).is_none());
    }

    #[test]
    fn a_challenge_in_our_own_name_is_not_answered() {
        let challenge = ChapPacket::Challenge {
            identifier: 1,
            value: &[1; 16],
            name: b"alice",
        };
        let mut supplicant = chap_supplicant();
        supplicant
            .handle_input(Instant::ZERO, &challenge.to_octets(), None)
            .unwrap();
        assert_eq!(
            supplicant.poll_event(),
            Some(AuthEvent::Failed(AuthFailure::Reflection))
        );
    }

    #[test]
    fn success_without_a_proof_is_not_believed() {
        for method in METHODS {
            let mut pair = Pair::new(method, Some("kiwi"), Some("kiwi"));
            pair.supplicant.start(pair.now);
            let success = match method {
                AuthMethod::Pap => PapPacket::Ack {
                    identifier: 1,
                    message: &[],
                }
                .to_octets(),
                AuthMethod::Eap => EapPacket::Success { identifier: 1 }.to_octets(),
                _ => ChapPacket::Success {
                    identifier: 1,
                    message: &[],
                }
                .to_octets(),
            };
            let result = pair.supplicant.handle_input(pair.now, &success, None);
            assert!(
                matches!(result, Err(AuthDiscard::Unexpected(_))),
                "{method}: {result:?}"
            );
            assert!(!pair.supplicant.is_accepted());
        }
    }

    // The class of CVE-2026-55706: an empty name and password, compared over no octets, match.
    #[test]
    fn an_empty_password_does_not_match() {
        let mut pair = Pair::new(AuthMethod::Pap, Some("kiwi"), Some(""));
        pair.start();
        assert!(succeeded(&pair.events.0).is_empty());
        assert_eq!(pair.authenticator.stats().failed, 1);
    }

    // The class of CVE-2020-8597: a name that is longer than the room for it.
    #[test]
    fn long_names_are_refused() {
        let mut pair = Pair::new(AuthMethod::ChapMd5, Some("kiwi"), Some("kiwi"));
        pair.authenticator.start(pair.now);
        let mut packet = PacketBuf::new();
        assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
        let identifier = packet.as_slice()[1];
        let response = ChapPacket::Response {
            identifier,
            value: &[0; 16],
            name: &[b'x'; 1400],
        };
        let result = pair
            .authenticator
            .handle_input(pair.now, &response.to_octets());
        assert_eq!(result, Err(AuthDiscard::LongName(1400)));
        let challenge = EapPacket::Request {
            identifier: 9,
            kind: EapType::MD5_CHALLENGE,
            data: &[&[16][..], &[1; 16], &[b'x'; 1400]].concat(),
        };
        let mut pair = Pair::new(AuthMethod::Eap, Some("kiwi"), Some("kiwi"));
        pair.supplicant.start(pair.now);
        let result = pair
            .supplicant
            .handle_input(pair.now, &challenge.to_octets(), None);
        assert_eq!(result, Err(AuthDiscard::LongName(1400)));
        assert_eq!(pair.supplicant.stats().bad_lengths, 1);
    }

    #[test]
    fn guesses_are_not_many() {
        let mut pair = Pair::new(AuthMethod::Pap, Some("kiwi"), Some("kiwi"));
        pair.authenticator.start(pair.now);
        for attempt in 0..10u8 {
            let request = PapPacket::Request {
                identifier: attempt,
                peer_id: b"alice",
                password: b"guess",
            };
            let result = pair
                .authenticator
                .handle_input(pair.now, &request.to_octets());
            assert_eq!(result.is_ok(), attempt < 3);
            pair.settle();
        }
        assert_eq!(failures(&pair.events.0), [&AuthFailure::WrongProof]);
        assert_eq!(pair.authenticator.stats().failed, 3);
    }

    // RFC 3748 §5.3.1 MUST (desired): the Nak names MD5-Challenge.
    #[test]
    fn an_unknown_eap_method_is_answered_with_the_one_that_would_do() {
        let mut pair = Pair::new(AuthMethod::Eap, Some("kiwi"), Some("kiwi"));
        pair.supplicant.start(pair.now);
        let request = EapPacket::Request {
            identifier: 3,
            kind: EapType(13),
            data: &[0; 20],
        };
        pair.supplicant
            .handle_input(pair.now, &request.to_octets(), None)
            .unwrap();
        let mut packet = PacketBuf::new();
        assert!(pair.supplicant.poll_transmit(&mut packet).is_some());
        let nak = EapPacket::Response {
            identifier: 3,
            kind: EapType::NAK,
            data: &[4],
        };
        assert_eq!(EapPacket::parse(packet.as_slice()), Ok(nak));
        // And the authenticator that gets one ends.
        pair.authenticator.start(pair.now);
        assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
        let identity = EapPacket::Response {
            identifier: packet.as_slice()[1],
            kind: EapType::IDENTITY,
            data: b"alice",
        };
        pair.authenticator
            .handle_input(pair.now, &identity.to_octets())
            .unwrap();
        assert!(pair.authenticator.poll_transmit(&mut packet).is_some());
        let nak = EapPacket::Response {
            identifier: packet.as_slice()[1],
            kind: EapType::NAK,
            data: &[0],
        };
        pair.authenticator
            .handle_input(pair.now, &nak.to_octets())
            .unwrap();
        assert_eq!(
            pair.authenticator.poll_event(),
            Some(AuthEvent::Failed(AuthFailure::NoCommonMethod))
        );
    }

    #[test]
    fn nothing_panics_and_nothing_is_believed() {
        let mut packets: Vec<Vec<u8>> = vec![
            PapPacket::Request {
                identifier: 1,
                peer_id: b"alice",
                password: b"kiwi",
            }
            .to_octets(),
            ChapPacket::Challenge {
                identifier: 1,
                value: &[7; 16],
                name: b"gateway",
            }
            .to_octets(),
            EapPacket::Request {
                identifier: 1,
                kind: EapType::MD5_CHALLENGE,
                data: &[&[16][..], &[1; 16], b"gateway"].concat(),
            }
            .to_octets(),
        ];
        packets.push(
            ChapPacket::Response {
                identifier: 1,
                value: &[7; 49],
                name: b"alice",
            }
            .to_octets(),
        );
        for packet in packets {
            testkit::sweep(&packet, |octets| {
                for method in METHODS {
                    let mut pair = Pair::new(method, Some("melon"), Some("kiwi"));
                    pair.authenticator.start(pair.now);
                    pair.supplicant.start(pair.now);
                    let _ = pair.authenticator.handle_input(pair.now, octets);
                    let _ = pair.supplicant.handle_input(pair.now, octets, None);
                    assert!(!pair.authenticator.is_authenticated());
                    assert!(!pair.supplicant.is_accepted());
                }
            });
        }
    }
}
