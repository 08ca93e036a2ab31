//! Passwords, and what is accepted at all (RFC 2453 §4.1, §5.2).

use super::*;
use rip::auth::{KeyError, SealError};
use rip::wire::AuthenticationType;

fn plain() -> Vec<u8> {
    sealed(&mut authenticator(Authentication::None), NOW)
}

mod section_4_1_authentication {
    use super::*;

    // RFC 2453 §4.1 MUST (password): left-justified, and padded to the right with zeroes.
    #[test]
    fn every_octet() {
        let octets = sealed(&mut authenticator(password(b"abc")), NOW);
        let entry = "ffff 0002 61626300 00000000 00000000 00000000".replace(' ', "");
        assert_eq!(hex::encode(&octets[4..24]), entry);
        assert_eq!(octets.len(), 64);
        let mut receiver = authenticator(password(b"abc"));
        assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
        for other in [&b"abd"[..], b"ab", b"abcd", b"0123456789abcdef"] {
            let mut receiver = authenticator(password(other));
            assert_eq!(
                verify(&mut receiver, NOW, &octets),
                Err(AuthError::Password)
            );
        }
    }

    // RFC 2453 §4.1 MUST (24-entries): authentication takes the place of one.
    #[test]
    fn entries_that_fit_beside_authentication() {
        let capacity = |authentication| authenticator(authentication).capacity(NOW);
        assert_eq!(capacity(Authentication::None), 25);
        assert_eq!(capacity(password(b"abc")), 24);
        let fits = [23, 22, 22, 22, 21, 20];
        for (algorithm, fits) in Algorithm::ALL.into_iter().zip(fits) {
            let mut sender = authenticator(chain([key(1, algorithm)]));
            assert_eq!(sender.capacity(NOW), fits, "{algorithm:?}");
            let mut packet = PacketBuf::with_headroom(64);
            let mut writer = RipWriter::new(&mut packet, sender.capacity(NOW));
            while writer.push(&RipEntryRepr::route("192.0.2.0/24".parse().unwrap(), 1)) {}
            sender.seal(NOW, &RESPONSE, &mut packet).unwrap();
            // Routers in use take no more than this (RFC 2453 §3.6: 25 entries).
            assert!((485..=504).contains(&packet.len()), "{}", packet.len());
            let message = RipMessage::parse(packet.as_slice()).unwrap();
            assert_eq!(message.entry_count(), fits);
            assert_eq!(message.check(25), Ok(()));
        }
    }

    #[test]
    fn passwords_that_cannot_be() {
        assert_eq!(password(b"").check(), Err(KeyError::EmptySecret));
        assert_eq!(password(&[b'x'; 16]).check(), Ok(()));
        let refused = KeyError::SecretTooLong { length: 17 };
        assert_eq!(password(&[b'x'; 17]).check(), Err(refused));
        assert_eq!(Authentication::None.check(), Ok(()));
    }

    #[test]
    fn a_request_is_authenticated_as_well() {
        let mut packet = PacketBuf::with_headroom(64);
        packet.append_slice(&RipEntryRepr::WHOLE_TABLE.octets());
        let request = RipMessageRepr::new(Command::REQUEST, VERSION_2);
        let mut sender = authenticator(password(b"abc"));
        sender.seal(NOW, &request, &mut packet).unwrap();
        let message = RipMessage::parse(packet.as_slice()).unwrap();
        // The entry for authentication is none that is asked for.
        assert_eq!(message.request_kind(), rip::wire::RequestKind::WholeTable);
        assert_eq!(sender.verify(NOW, PEER, &message), Ok(()));
    }
}

mod section_5_2_authentication {
    use super::*;

    // RFC 2453 §5.2 MUST (tests): what is accepted, with and without authentication set up.
    #[test]
    fn what_is_not_as_set_up_is_discarded() {
        let mut none = authenticator(Authentication::None);
        assert_eq!(verify(&mut none, NOW, &plain()), Ok(()));
        let with_password = sealed(&mut authenticator(password(b"abc")), NOW);
        let with_digest = sealed(
            &mut authenticator(chain([key(1, Algorithm::KeyedMd5)])),
            NOW,
        );
        for octets in [&with_password, &with_digest] {
            assert_eq!(verify(&mut none, NOW, octets), Err(AuthError::Unexpected));
        }
        let mut by_password = authenticator(password(b"abc"));
        let mut by_digest = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        for receiver in [&mut by_password, &mut by_digest] {
            assert_eq!(verify(receiver, NOW, &plain()), Err(AuthError::Missing));
        }
        let refused = AuthError::Type(AuthenticationType::CRYPTOGRAPHIC);
        assert_eq!(verify(&mut by_password, NOW, &with_digest), Err(refused));
        let refused = AuthError::Type(AuthenticationType::PASSWORD);
        assert_eq!(verify(&mut by_digest, NOW, &with_password), Err(refused));
        let mut unknown = with_password;
        unknown[7] = 9;
        let refused = AuthError::Type(AuthenticationType(9));
        assert_eq!(verify(&mut by_digest, NOW, &unknown), Err(refused));
        assert_eq!(verify(&mut none, NOW, &unknown), Err(AuthError::Unexpected));
    }

    // RFC 2453 §5.2 SHOULD (version-1): ignored when authentication is in use.
    #[test]
    fn version_1_is_not_let_past_authentication() {
        let mut packet = PacketBuf::with_headroom(64);
        packet.append_slice(&RipEntryRepr::route_v1([10, 0, 0, 0].into(), 1).octets());
        let header = RipMessageRepr::new(Command::RESPONSE, 1);
        let mut none = authenticator(Authentication::None);
        none.seal(NOW, &header, &mut packet).unwrap();
        assert_eq!(verify(&mut none, NOW, packet.as_slice()), Ok(()));
        for authentication in [password(b"abc"), chain([key(1, Algorithm::KeyedMd5)])] {
            let mut receiver = authenticator(authentication);
            let refused = Err(AuthError::Version1);
            assert_eq!(verify(&mut receiver, NOW, packet.as_slice()), refused);
            let sent = receiver.seal(NOW, &header, &mut PacketBuf::new());
            assert_eq!(sent, Err(SealError::Version1));
        }
    }
}
