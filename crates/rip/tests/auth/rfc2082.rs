//! RIP-2 MD5 authentication (RFC 2082), which RFC 4822 took over.

use super::*;
use rip::auth::SealError;

mod section_3_1_pdu_format {
    use super::*;

    // RFC 2082 §3.1 MUST (trailer-marker): 0xffff and 1, and nothing else.
    #[test]
    fn the_trailer_starts_as_it_must() {
        let good = sealed(
            &mut authenticator(chain([key(1, Algorithm::KeyedMd5)])),
            NOW,
        );
        assert_eq!(good[64..68], [0xff, 0xff, 0, 1]);
        for at in 64..68 {
            let mut octets = good.clone();
            octets[at] ^= 0x01;
            let error = RipMessage::parse(&octets).unwrap_err();
            assert_eq!((error.what, error.offset), ("authentication trailer", 64));
        }
    }
}

mod section_3_2_1_message_generation {
    use super::*;

    // RFC 2082 §3.2.1 MUST (digest): MD5 over message and padded secret. The answers are
    // computed as told in `rfc4822.rs`.
    #[test]
    fn known_answers() {
        let options = AuthOptions {
            unix_time_at_epoch: 0x6592_0080 - 1_000,
            ..AuthOptions::default()
        };
        let digest = |secret: &[u8]| {
            let key = Key::new(1, Algorithm::KeyedMd5, Secret::new(secret));
            let octets = sealed(&mut Authenticator::new(chain([key]), options), NOW);
            hex::encode(&octets[68..])
        };
        assert_eq!(digest(b"s3cret"), "82ca2f06de51cfca9818924b80fc8338");
        assert_eq!(
            digest(b"0123456789abcdef"),
            "904dbe6114aa5cc9bfa44853a786333d"
        );
    }

    #[test]
    fn what_cannot_be_sealed_is_left_as_it_was() {
        let mut sender = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        let mut packet = PacketBuf::with_headroom(64);
        packet.append_slice(&[7; 0x1_0000]);
        let error = sender.seal(NOW, &RESPONSE, &mut packet).unwrap_err();
        assert!(matches!(error, SealError::Emit(_)), "{error}");
        assert_eq!((packet.len(), packet.as_slice()[0]), (0x1_0000, 7));
        let mut packet = PacketBuf::with_headroom(64);
        let v1 = RipMessageRepr::new(Command::RESPONSE, 1);
        assert_eq!(sender.seal(NOW, &v1, &mut packet), Err(SealError::Version1));
        let update = RipMessageRepr::new(Command::UPDATE_RESPONSE, VERSION_2);
        assert!(sender.seal(NOW, &update, &mut packet).is_err());
        assert!(packet.is_empty());
        let mut sender = authenticator(password(b"x"));
        assert!(sender.seal(NOW, &update, &mut packet).is_err());
        assert!(packet.is_empty());
    }
}

mod section_3_2_2_message_reception {
    use super::*;

    fn receiver() -> Authenticator {
        authenticator(chain([key(1, Algorithm::KeyedMd5)]))
    }

    fn at(sequence: u32) -> Vec<u8> {
        let options = AuthOptions {
            unix_time_at_epoch: sequence - NOW.as_secs().min(u64::from(sequence)) as u32,
            ..AuthOptions::default()
        };
        let keys = chain([key(1, Algorithm::KeyedMd5)]);
        let now = NOW.min(Instant::from_secs(u64::from(sequence)));
        let octets = sealed(&mut Authenticator::new(keys, options), now);
        assert_eq!(id_and_sequence(&octets), (1, sequence));
        octets
    }

    // RFC 2082 §3.2.2 MUST (sequence): lower ones are discarded.
    #[test]
    fn a_lower_number_is_a_replay_and_an_equal_one_is_not() {
        let mut receiver = receiver();
        assert_eq!(verify(&mut receiver, NOW, &at(5_000)), Ok(()));
        assert_eq!(verify(&mut receiver, NOW, &at(5_000)), Ok(()));
        let refused = AuthError::Replayed {
            received: 4_999,
            last: 5_000,
        };
        assert_eq!(verify(&mut receiver, NOW, &at(4_999)), Err(refused));
        assert_eq!(verify(&mut receiver, NOW, &at(5_001)), Ok(()));
        assert!(verify(&mut receiver, NOW, &at(5_000)).is_err());
    }

    // RFC 2082 §3.2.2 MUST (zero): only of a neighbor that is believed to be gone.
    #[test]
    fn zero_counts_only_when_the_neighbor_was_lost() {
        let mut receiver = receiver();
        assert_eq!(verify(&mut receiver, NOW, &at(5_000)), Ok(()));
        assert!(verify(&mut receiver, NOW, &at(0)).is_err());
        receiver.neighbor_lost(PEER);
        // Replays stay replays.
        assert!(verify(&mut receiver, NOW, &at(4_999)).is_err());
        assert_eq!(verify(&mut receiver, NOW, &at(0)), Ok(()));
        assert_eq!(verify(&mut receiver, NOW, &at(1)), Ok(()));
        assert!(verify(&mut receiver, NOW, &at(0)).is_err(), "it is back");
    }

    #[test]
    fn zero_can_be_refused_for_good() {
        let options = AuthOptions {
            accept_zero_when_lost: false,
            ..AuthOptions::default()
        };
        let mut receiver = Authenticator::new(chain([key(1, Algorithm::KeyedMd5)]), options);
        assert_eq!(verify(&mut receiver, NOW, &at(5_000)), Ok(()));
        receiver.neighbor_lost(PEER);
        assert!(verify(&mut receiver, NOW, &at(0)).is_err());
        assert_eq!(verify(&mut receiver, NOW, &at(5_000)), Ok(()));
    }
}
