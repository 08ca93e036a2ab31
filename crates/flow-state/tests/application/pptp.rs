//! PPTP (RFC 2637).

use flow_state::application::pptp::{CallId, ControlType, Message};

/// A control message of this type with these words behind the header.
pub(crate) fn message(control_type: u16, words: &[u16]) -> Vec<u8> {
    let length = u16::try_from(12 + 2 * words.len()).unwrap();
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
    octets.extend(control_type.to_be_bytes());
    octets.extend([0, 0]);
    octets.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    octets
}

#[test]
fn calls_have_an_id_of_each_side() {
    let mut stream = message(7, &[0x1234, 1, 0, 0, 0, 0]);
    let second = stream.len();
    stream.extend(message(8, &[0x5678, 0x1234, 0x0100, 0]));
    let request = Message::parse(&stream, 0).unwrap();
    assert_eq!(request.control_type, ControlType::OUTGOING_CALL_REQUEST);
    assert_eq!(
        request.call_id,
        Some(CallId {
            value: 0x1234,
            offset: 12
        })
    );
    assert_eq!((request.peer_call_id, request.length), (None, second));
    let reply = Message::parse(&stream, second).unwrap();
    assert_eq!(
        reply.call_id,
        Some(CallId {
            value: 0x5678,
            offset: second + 12
        })
    );
    assert_eq!(
        reply.peer_call_id,
        Some(CallId {
            value: 0x1234,
            offset: second + 14
        })
    );
    assert_eq!(reply.result, Some(1));
    for (control_type, has_own) in [
        (9, true),
        (12, true),
        (13, true),
        (11, false),
        (14, false),
        (15, false),
    ] {
        let found = Message::parse(&message(control_type, &[7, 0]), 0).unwrap();
        assert_eq!(found.call_id.is_some(), has_own, "{control_type}");
        assert_eq!(found.peer_call_id.is_some(), !has_own, "{control_type}");
    }
    let echo = Message::parse(&message(5, &[0, 0]), 0).unwrap();
    assert_eq!((echo.call_id, echo.peer_call_id), (None, None));
}

#[test]
fn other_octets_are_no_message() {
    let good = message(7, &[1, 2]);
    for at in [2, 3, 4, 7] {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        assert!(Message::parse(&bad, 0).is_err(), "{at}");
    }
    for length in [0u16, 11, 513, 1_000] {
        let mut bad = good.clone();
        bad[..2].copy_from_slice(&length.to_be_bytes());
        assert!(Message::parse(&bad, 0).is_err(), "{length}");
    }
    assert!(Message::parse(&good, good.len()).is_err());
    assert!(Message::parse(&good, 1_000).is_err());
    assert!(
        Message::parse(&good[..good.len() - 1], 0)
            .unwrap_err()
            .is_truncated()
    );
}
