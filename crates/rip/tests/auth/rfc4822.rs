//! RIPv2 cryptographic authentication (RFC 4822), against digests computed elsewhere.
//!
//! They come from Python's `hashlib` and `hmac`: over the header `02 02 00 00`, the entry
//! `ffff 0003 0040 01 LL 65920080 00000000 00000000` with LL the digest's length, the two entries
//! of [`entries`](crate::entries), and `ffff 0001`; for HMAC 0x878fe1f3 follows up to the digest's
//! length, for MD5 the secret with zeroes up to 16 octets.

use super::*;
use rip::auth::LongKeys;

const SEQUENCE: u32 = 0x6592_0080;

fn at_sequence(authentication: Authentication) -> Authenticator {
    let options = AuthOptions {
        unix_time_at_epoch: SEQUENCE - 1_000,
        ..AuthOptions::default()
    };
    Authenticator::new(authentication, options)
}

fn digest(key: Key) -> String {
    let octets = sealed(&mut at_sequence(chain([key])), NOW);
    assert_eq!(octets[..4], [2, 2, 0, 0]);
    assert_eq!(octets[64..68], [0xff, 0xff, 0, 1]);
    hex::encode(&octets[68..])
}

/// Octets that no text would be.
fn secret(length: usize) -> Secret {
    let octets: Vec<_> = (0..length).map(|i| (i * 7 + 1) as u8).collect();
    Secret::new(&octets)
}

mod section_2_1_pdu_format {
    use super::*;

    // RFC 4822 §2.1 MUST (entry): the fields of the first entry, and zeroes behind them.
    #[test]
    fn every_octet_of_the_entry() {
        let octets = sealed(
            &mut at_sequence(chain([key(9, Algorithm::HmacSha256)])),
            NOW,
        );
        let entry = "ffff 0003 0040 09 20 65920080 00000000 00000000".replace(' ', "");
        assert_eq!(hex::encode(&octets[4..24]), entry);
        assert_eq!(octets.len(), 64 + 4 + 32);
        let message = RipMessage::parse(&octets).unwrap();
        let Some(rip::wire::Authentication::Cryptographic(given)) = message.authentication() else {
            panic!("{message:?}");
        };
        assert_eq!(given.packet_length(), 64);
        assert_eq!((given.key_id(), given.data_length()), (9, 32));
        assert_eq!(given.sequence_number(), SEQUENCE);
        assert_eq!(given.covered(), &octets[..68]);
        assert_eq!(given.data(), &octets[68..]);
        assert_eq!(message.entry_count(), 2);
    }

    // RFC 4822 §2.1 MUST (data-length): the length of the data; a count with the marker is read
    // as well, and nothing else.
    #[test]
    fn both_readings_of_the_length_and_no_third() {
        for algorithm in Algorithm::ALL {
            let mut receiver = authenticator(chain([key(1, algorithm)]));
            let length = algorithm.digest_length() as u8;
            for (counts, field) in [(false, length), (true, length + 4)] {
                let options = AuthOptions {
                    length_counts_trailer: counts,
                    ..AuthOptions::default()
                };
                let mut sender = Authenticator::new(chain([key(1, algorithm)]), options);
                let octets = sealed(&mut sender, NOW);
                assert_eq!(octets[11], field);
                assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
            }
            let octets = sealed(&mut authenticator(chain([key(1, algorithm)])), NOW);
            for bad in (0..=u8::MAX).filter(|bad| ![length, length + 4].contains(bad)) {
                let mut octets = octets.clone();
                octets[11] = bad;
                assert!(RipMessage::parse(&octets).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn a_digest_of_another_length_than_the_key_makes() {
        let octets = sealed(
            &mut authenticator(chain([key(1, Algorithm::HmacSha256)])),
            NOW,
        );
        let mut receiver = authenticator(chain([key(1, Algorithm::HmacSha512)]));
        let refused = AuthError::DataLength { length: 32 };
        assert_eq!(verify(&mut receiver, NOW, &octets), Err(refused));
    }

    #[test]
    fn lengths_that_lead_nowhere_are_refused() {
        let good = sealed(
            &mut authenticator(chain([key(1, Algorithm::KeyedMd5)])),
            NOW,
        );
        for packet_length in (0..=200).chain([0x7fff, 0x8000, 0xffff]) {
            let mut octets = good.clone();
            octets[8..10].copy_from_slice(&u16::to_be_bytes(packet_length));
            let parsed = RipMessage::parse(&octets);
            assert_eq!(parsed.is_ok(), packet_length == 64, "{packet_length}");
        }
        let mut receiver = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        for end in 24..good.len() {
            // Cut by four octets, the length could count the marker; the digest is too short then.
            let short = AuthError::DataLength { length: 12 };
            match RipMessage::parse(&good[..end]) {
                Ok(message) => assert_eq!(
                    (end, receiver.verify(NOW, PEER, &message)),
                    (80, Err(short))
                ),
                Err(error) => assert_ne!(end, 80, "{error}"),
            }
        }
        let longer = [&good[..], &[0]].concat();
        assert!(RipMessage::parse(&longer).is_err());
    }
}

mod section_2_5_hmac {
    use super::*;

    // RFC 4822 §2.5 MUST (apad): HMAC over the message with 0x878fe1f3 in the digest's place.
    #[test]
    fn known_answers() {
        let sha1 = "e3464ddc80978ca26dbd48ad4d071457da9807d7";
        let sha224 = "0052434726a5176f4e8b95c9800d166ebc51bee3c2a9404ccc2eab0d";
        let sha256 = "4b8e063fe70893cb2324416054f6466b96785b82078704b16872779d5f2ae768";
        let sha384 = "cc4599b32d06b4c6753ee83973eb5f16aaee9086823f28cd6274eb3dfac6c4f05bdacb05103d5edb\
                      f36aaac6363503bb";
        let sha512 = "a7a65e0776962412cb8cea8d172dceae6401206f9d15ed030d2d0e38475bdd5434fe5289c758211a\
                      139b765a5727473edc6fbe73b4c3fc27e5d0e6424c62d32e";
        assert_eq!(digest(key(1, Algorithm::HmacSha1)), sha1);
        assert_eq!(digest(key(1, Algorithm::HmacSha224)), sha224);
        assert_eq!(digest(key(1, Algorithm::HmacSha256)), sha256);
        assert_eq!(digest(key(1, Algorithm::HmacSha384)), sha384);
        assert_eq!(digest(key(1, Algorithm::HmacSha512)), sha512);
    }

    /// The beginning of each digest with a secret as long as the digest, eight octets longer, and
    /// of 200 octets; for each as RFC 2104 and as RFC 4822 say it.
    const LONG: [(Algorithm, usize, &str, &str); 15] = [
        (
            Algorithm::HmacSha1,
            20,
            "46db9d19ec21a72f",
            "46db9d19ec21a72f",
        ),
        (
            Algorithm::HmacSha1,
            28,
            "9da6746120069ee7",
            "f8da9437c7297ee6",
        ),
        (
            Algorithm::HmacSha1,
            200,
            "9fef663872d508f0",
            "9fef663872d508f0",
        ),
        (
            Algorithm::HmacSha224,
            28,
            "d3f47edc83b945d3",
            "d3f47edc83b945d3",
        ),
        (
            Algorithm::HmacSha224,
            36,
            "dbbc171f9ee2b6b8",
            "97ab410123c36bd7",
        ),
        (
            Algorithm::HmacSha224,
            200,
            "f785175cc36366eb",
            "f785175cc36366eb",
        ),
        (
            Algorithm::HmacSha256,
            32,
            "51e5aae678a02a9f",
            "51e5aae678a02a9f",
        ),
        (
            Algorithm::HmacSha256,
            40,
            "018374e99be46f7b",
            "8f2575e89ed9234b",
        ),
        (
            Algorithm::HmacSha256,
            200,
            "ea0cb0c78f5082fb",
            "ea0cb0c78f5082fb",
        ),
        (
            Algorithm::HmacSha384,
            48,
            "61937379875969d7",
            "61937379875969d7",
        ),
        (
            Algorithm::HmacSha384,
            56,
            "e929fb98e6c86ca1",
            "e63a4823d69786b1",
        ),
        (
            Algorithm::HmacSha384,
            200,
            "e4c9b39ea32b470a",
            "e4c9b39ea32b470a",
        ),
        (
            Algorithm::HmacSha512,
            64,
            "79d798e6ab3363ee",
            "79d798e6ab3363ee",
        ),
        (
            Algorithm::HmacSha512,
            72,
            "9f5bb689bec362e5",
            "2109bb3bca587fe4",
        ),
        (
            Algorithm::HmacSha512,
            200,
            "3db57788e97ff341",
            "3db57788e97ff341",
        ),
    ];

    #[test]
    fn secrets_longer_than_the_digest() {
        for (algorithm, length, rfc2104, rfc4822) in LONG {
            let mut key = Key::new(1, algorithm, secret(length));
            assert_eq!(
                digest(key.clone())[..16],
                *rfc2104,
                "{algorithm:?} {length}"
            );
            key.long_keys = LongKeys::Rfc4822;
            assert_eq!(digest(key)[..16], *rfc4822, "{algorithm:?} {length}");
        }
    }
}

mod what_changes_is_found {
    use super::*;

    #[test]
    fn every_bit_of_a_message_counts() {
        for algorithm in Algorithm::ALL {
            let good = sealed(&mut authenticator(chain([key(1, algorithm)])), NOW);
            let mut receiver = authenticator(chain([key(1, algorithm)]));
            let before = receiver.export();
            for bit in 0..good.len() * 8 {
                let mut octets = good.clone();
                octets[bit / 8] ^= 1 << (bit % 8);
                // Version and authentication entry decide how the rest is read.
                if let Ok(message) = RipMessage::parse(&octets) {
                    assert!(receiver.verify(NOW, PEER, &message).is_err(), "bit {bit}");
                }
            }
            assert_eq!(
                receiver.export(),
                before,
                "nothing was learned of forgeries"
            );
            assert_eq!(verify(&mut receiver, NOW, &good), Ok(()));
            assert_ne!(receiver.export(), before);
        }
    }

    #[test]
    fn another_secret_and_another_id() {
        for algorithm in Algorithm::ALL {
            let good = sealed(&mut authenticator(chain([key(1, algorithm)])), NOW);
            let other = Key::new(1, algorithm, Secret::new(b"s3creT"));
            let mut receiver = authenticator(chain([other]));
            assert_eq!(verify(&mut receiver, NOW, &good), Err(AuthError::Digest));
            let mut receiver = authenticator(chain([key(0, algorithm), key(2, algorithm)]));
            let refused = AuthError::UnknownKey(1);
            assert_eq!(verify(&mut receiver, NOW, &good), Err(refused));
        }
    }
}
