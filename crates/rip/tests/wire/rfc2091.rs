//! The messages of demand circuits (RFC 2091).

use super::*;
use packet_buffer::{EmitError, PacketBuf, ParseError};
use rip::auth::{Algorithm, AuthOptions, Authentication, Authenticator, Key, KeyChain, Secret};
use rip::wire::{Command, MessageError, RequestKind, RipMessageRepr, UpdateHeader, VERSION_2};

// RFC 2091 §3.1 MUST (update-header): version, flush and number stand behind the RIP header.
#[test]
fn every_field_of_each_command() {
    let request = octets("09 02 0000 01 00 0000  0000 0000 00000000 00000000 00000000 00000010");
    let message = RipMessage::parse(&request).unwrap();
    assert_eq!(message.command(), Command::UPDATE_REQUEST);
    assert_eq!(message.update_header(), Some(UpdateHeader::REQUEST));
    assert_eq!(message.request_kind(), RequestKind::WholeTable);
    assert_eq!(message.check(25), Ok(()));

    let response = octets("0a 02 0000 01 01 0102  0002 0000 c0000201 ffffffff 00000000 00000001");
    let message = RipMessage::parse(&response).unwrap();
    assert_eq!(
        message.update_header(),
        Some(UpdateHeader::new(true, 0x0102))
    );
    assert_eq!(message.entry_count(), 1);

    let acknowledge = octets("0b 02 0000 01 01 0102");
    let message = RipMessage::parse(&acknowledge).unwrap();
    assert_eq!(message.command(), Command::UPDATE_ACKNOWLEDGE);
    assert_eq!(
        message.update_header(),
        Some(UpdateHeader::new(true, 0x0102))
    );
    assert_eq!((message.entry_count(), message.check(25)), (0, Ok(())));
}

#[test]
fn a_header_that_is_cut() {
    let octets = octets("0b 02 0000 01 01 0102");
    for length in 4..8 {
        let error = RipMessage::parse(&octets[..length]).unwrap_err();
        let cut = ParseError::truncated("RIP update header", 4, 4, length - 4);
        assert_eq!(error, cut);
    }
}

// RFC 2091 §3.1 MUST (update-version): version 0 is discarded.
#[test]
fn versions_of_the_update_header() {
    let mut octets = octets("0b 02 0000 00 01 0102");
    let check = |octets: &[u8]| RipMessage::parse(octets).unwrap().check(25);
    assert_eq!(check(&octets), Err(MessageError::UpdateVersion(0)));
    for version in [1, 2, 255] {
        octets[4] = version;
        assert_eq!(check(&octets), Ok(()));
    }
}

#[test]
fn written_with_and_without() {
    let mut packet = PacketBuf::with_headroom(16);
    let update = UpdateHeader::new(true, 7);
    let repr = RipMessageRepr::with_update(Command::UPDATE_ACKNOWLEDGE, VERSION_2, update);
    repr.emit(&mut packet).unwrap();
    assert_eq!(
        (repr.len(), packet.as_slice()),
        (8, &[11, 2, 0, 0, 1, 1, 0, 7][..])
    );
    for (command, update) in [
        (Command::UPDATE_REQUEST, None),
        (Command::RESPONSE, Some(update)),
    ] {
        let repr = RipMessageRepr {
            update,
            command,
            version: VERSION_2,
        };
        let error = repr.emit(&mut packet);
        assert!(matches!(error, Err(EmitError::BadValue { .. })));
    }
    assert_eq!(packet.len(), 8);
}

/// Authentication stands behind the update header.
#[test]
fn authenticated() {
    let key = Key::new(1, Algorithm::HmacSha1, Secret::new(b"secret"));
    let keys = Authentication::Cryptographic(KeyChain::new([key]).unwrap());
    let mut authenticator = Authenticator::new(keys, AuthOptions::default());
    let now = packet_buffer::Instant::from_secs(1);
    let mut packet = PacketBuf::with_headroom(64);
    let update = UpdateHeader::new(false, 3);
    let repr = RipMessageRepr::with_update(Command::UPDATE_RESPONSE, VERSION_2, update);
    authenticator.seal(now, &repr, &mut packet).unwrap();
    assert_eq!(
        packet.as_slice()[..12],
        [10, 2, 0, 0, 1, 0, 0, 3, 0xff, 0xff, 0, 3]
    );
    assert_eq!(packet.as_slice()[12..14], [0, 28]);
    let message = RipMessage::parse(packet.as_slice()).unwrap();
    assert_eq!(message.update_header(), Some(update));
    assert_eq!(authenticator.verify(now, v4("192.0.2.1"), &message), Ok(()));
}
