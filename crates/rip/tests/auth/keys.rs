//! Key chains: lifetimes, rollover, and the last key (RFC 2082 §4).

use super::*;
use rip::auth::{AuthEvent, KeyError, Lifetime, SealError};

const fn at(seconds: u64) -> Instant {
    Instant::from_secs(seconds)
}

/// Sent from 100 to 200 and from 200 to 300, accepted 20 s around that.
fn rolling() -> Authentication {
    let lifetime = |from, until| Lifetime::between(at(from), at(until));
    chain([
        key(1, Algorithm::KeyedMd5)
            .sent(lifetime(100, 200))
            .accepted(lifetime(80, 220)),
        Key::new(2, Algorithm::HmacSha256, Secret::new(b"the next one"))
            .sent(lifetime(200, 300))
            .accepted(lifetime(180, 320)),
    ])
}

mod section_4_2_key_management_procedures {
    use super::*;

    // RFC 2082 §4.2 MUST (newest): the key whose lifetime began last is sent with.
    #[test]
    fn a_rollover_loses_nothing() {
        let mut sender = authenticator(rolling());
        let mut receiver = authenticator(rolling());
        for now in 100..300 {
            let octets = sealed(&mut sender, at(now));
            assert_eq!(
                id_and_sequence(&octets).0,
                1 + u8::from(now >= 200),
                "{now}"
            );
            // A clock that is up to 20 s off does not matter.
            for skewed in [now.saturating_sub(20).max(80), now, now + 19] {
                assert_eq!(
                    verify(&mut receiver, at(skewed), &octets),
                    Ok(()),
                    "{now} {skewed}"
                );
            }
        }
        assert_eq!(sender.poll_event(), None);
        assert_eq!(receiver.poll_event(), None);
    }

    #[test]
    fn of_two_valid_keys_the_newer_sends_and_both_are_accepted() {
        let older = key(7, Algorithm::HmacSha1).sent(Lifetime::since(at(50)));
        let newer = key(3, Algorithm::HmacSha1).sent(Lifetime::since(at(60)));
        let timeless = key(9, Algorithm::HmacSha1);
        let keys = [newer.clone(), older.clone(), timeless];
        let mut both = authenticator(chain(keys));
        assert_eq!(id_and_sequence(&sealed(&mut both, at(40))).0, 9);
        assert_eq!(id_and_sequence(&sealed(&mut both, at(50))).0, 7);
        assert_eq!(id_and_sequence(&sealed(&mut both, at(60))).0, 3);
        for key in [older, newer] {
            let octets = sealed(&mut authenticator(chain([key])), at(100));
            assert_eq!(verify(&mut both, at(100), &octets), Ok(()));
        }
    }

    #[test]
    fn a_key_is_not_accepted_before_nor_after_its_time() {
        let old = key(1, Algorithm::KeyedMd5);
        let octets = sealed(&mut authenticator(chain([old])), at(100));
        let refused = Err(AuthError::KeyNotValid(1));
        let mut receiver = authenticator(rolling());
        assert_eq!(verify(&mut receiver, at(79), &octets), refused);
        assert_eq!(verify(&mut receiver, at(80), &octets), Ok(()));
        assert_eq!(verify(&mut receiver, at(219), &octets), Ok(()));
        assert_eq!(verify(&mut receiver, at(220), &octets), refused);
        assert_eq!(
            verify(&mut receiver, at(400), &octets),
            refused,
            "not the last"
        );
    }

    #[test]
    fn before_the_first_key_nothing_is_sent() {
        let mut sender = authenticator(rolling());
        let mut packet = PacketBuf::new();
        let sent = sender.seal(at(99), &RESPONSE, &mut packet);
        assert_eq!(sent, Err(SealError::NoKey));
        assert!(packet.is_empty());
        assert_eq!(sender.capacity(at(99)), 20, "whatever key there will be");
    }
}

mod section_4_3_pathological_cases {
    use super::*;

    // RFC 2082 §4.3 MUST (last-key): it stays, and somebody is told.
    #[test]
    fn the_last_key_stays_in_use_and_warns_once() {
        let mut sender = authenticator(rolling());
        let mut receiver = authenticator(rolling());
        for now in [320, 400, 100_000] {
            let octets = sealed(&mut sender, at(now));
            assert_eq!(id_and_sequence(&octets).0, 2);
            assert_eq!(verify(&mut receiver, at(now), &octets), Ok(()));
        }
        let warning = Some(AuthEvent::LastKeyExpired { key_id: 2 });
        assert_eq!(sender.poll_event(), warning);
        assert_eq!(sender.poll_event(), None);
        assert_eq!(receiver.poll_event(), warning);
        assert_eq!(receiver.poll_event(), None);
        // Never without: a message that is not authenticated is refused as before.
        let plain = sealed(&mut authenticator(Authentication::None), at(400));
        assert_eq!(
            verify(&mut receiver, at(400), &plain),
            Err(AuthError::Missing)
        );
        // A new key ends it, and the next one to expire is told of again.
        sender.set_authentication(
            chain([key(3, Algorithm::HmacSha1).sent(Lifetime::before(at(200_000)))]),
            AuthOptions::default(),
        );
        sealed(&mut sender, at(150_000));
        assert_eq!(sender.poll_event(), None);
        sealed(&mut sender, at(200_000));
        let warning = Some(AuthEvent::LastKeyExpired { key_id: 3 });
        assert_eq!(sender.poll_event(), warning);
    }

    #[test]
    fn a_forged_message_does_not_warn() {
        let mut receiver = authenticator(rolling());
        let other = Key::new(2, Algorithm::HmacSha256, Secret::new(b"a guess"));
        let octets = sealed(&mut authenticator(chain([other])), at(400));
        assert_eq!(
            verify(&mut receiver, at(400), &octets),
            Err(AuthError::Digest)
        );
        assert_eq!(receiver.poll_event(), None);
    }
}

#[test]
fn chains_that_cannot_be() {
    assert_eq!(KeyChain::new([]), Err(KeyError::NoKeys));
    let twice = [key(4, Algorithm::KeyedMd5), key(4, Algorithm::HmacSha1)];
    assert_eq!(KeyChain::new(twice), Err(KeyError::DuplicateId(4)));
    let empty = Key::new(1, Algorithm::HmacSha1, Secret::new(b""));
    assert_eq!(KeyChain::new([empty]), Err(KeyError::EmptySecret));
    let of = |algorithm| Key::new(1, algorithm, Secret::new(&[7; 17]));
    let refused = KeyError::SecretTooLong { length: 17 };
    assert_eq!(KeyChain::new([of(Algorithm::KeyedMd5)]), Err(refused));
    assert!(KeyChain::new([of(Algorithm::HmacSha1)]).is_ok());
    let all: Vec<_> = (0..=u8::MAX)
        .map(|id| key(id, Algorithm::HmacSha1))
        .collect();
    assert_eq!(KeyChain::new(all).unwrap().keys().len(), 256);
}

#[test]
fn secrets_are_not_shown() {
    let shown = [
        format!("{:?}", Secret::new(SECRET)),
        format!("{:?}", authenticator(password(SECRET))),
        format!("{:?}", authenticator(rolling())),
    ];
    for shown in shown {
        assert!(shown.contains("Secret(..)"), "{shown}");
        let octets = format!("{SECRET:?}");
        let octets = octets.trim_matches(['[', ']']);
        assert!(
            !shown.contains("s3cret") && !shown.contains(octets),
            "{shown}"
        );
    }
}
