//! Cut anywhere and flipped anywhere, nothing panics; and random text does not either.

use flow_state::Direction;
use flow_state::application::{dns, ftp, pptp, sip, tftp};
use proptest::prelude::*;

/// Everything that reads application data.
fn read_all(data: &[u8]) {
    let _ = dns::Message::parse(data);
    for offset in [0, 1, data.len(), data.len() + 1] {
        let _ = pptp::Message::parse(data, offset);
    }
    if let Ok(message) = sip::Message::parse(data) {
        for place in &message.places {
            assert!(place.address_range.end <= data.len() && place.port_range.end <= data.len());
        }
        assert!(message.body.end <= data.len());
    }
    let _ = tftp::Request::parse(data);
    for direction in [Direction::Original, Direction::Reply] {
        let mut control = ftp::Control::new();
        control.handle_syn(direction, 0);
        let found = control.handle_data(direction, 1, data, [10, 0, 0, 2].into());
        if let Ok(Some(announcement)) = found {
            assert!(announcement.range.end <= data.len());
            assert!(announcement.port >= 1_024);
        }
    }
}

#[test]
fn sweep() {
    let vectors = [
        super::sip::invite(),
        super::dns::response(),
        super::pptp::message(8, &[1, 2, 0x0100]),
        b"\x00\x01file\x00octet\x00".to_vec(),
        b"PORT 10,0,0,2,195,149\r\n".to_vec(),
        b"EPRT |2|2001:db8::2|50069|\r\n".to_vec(),
        b"227 ok (10,0,0,2,195,149)\r\n".to_vec(),
        b"229 ok (|||50069|)\r\n".to_vec(),
    ];
    for vector in vectors {
        for length in 0..=vector.len() {
            read_all(&vector[..length]);
        }
        for at in 0..vector.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut flipped = vector.clone();
                flipped[at] ^= flip;
                read_all(&flipped);
            }
        }
    }
}

proptest! {
    #[test]
    fn random_octets(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&data);
    }

    #[test]
    fn random_text(words in proptest::collection::vec(
        prop_oneof![
            Just("INVITE "), Just("sip:"), Just(" SIP/2.0"), Just("\r\n"), Just("\n"), Just("Via: "),
            Just("SIP/2.0/UDP "), Just("10.0.0.2"), Just(":"), Just("["), Just("]"), Just("@"), Just(";"),
            Just("c=IN IP4 "), Just("m=audio "), Just("o=a 1 1 IN IP4 "), Just("/"), Just(" "), Just("l: 5"),
            Just("PORT "), Just("EPRT "), Just("227 "), Just("229 ("), Just("|"), Just(","), Just("1"), Just("50069"),
        ], 0..30)) {
        read_all(words.concat().as_bytes());
    }
}
