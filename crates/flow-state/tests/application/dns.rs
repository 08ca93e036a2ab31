//! DNS (RFC 1035).

use flow_state::application::dns::Message;
use std::net::IpAddr;

/// A response: www.Example.com, an alias, an IPv4 and an IPv6 address, names compressed.
pub(crate) fn response() -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0];
    octets.extend(b"\x03www\x07Example\x03com\x00\x00\x01\x00\x01");
    octets.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x10");
    octets.extend(b"\xc0\x2d\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xcb\x00\x71\x07");
    octets.extend(b"\xc0\x2d\x00\x1c\x00\x01\x00\x00\x01\x2c\x00\x10");
    octets.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    octets
}

#[test]
fn questions_and_addresses() {
    let octets = response();
    let message = Message::parse(&octets).unwrap();
    assert_eq!(message.identifier, 0x1234);
    assert!(message.is_response && !message.is_truncated);
    assert_eq!((message.opcode, message.response_code), (0, 0));
    assert_eq!(message.questions.len(), 1);
    assert_eq!(message.questions[0].name, "www.example.com");
    assert_eq!(
        (message.questions[0].record_type, message.questions[0].class),
        (1, 1)
    );
    let [v4, v6] = message.addresses.as_slice() else {
        panic!("{message:?}");
    };
    assert_eq!(v4.address, IpAddr::from([203, 0, 113, 7]));
    assert_eq!(octets[v4.offset..v4.offset + 4], [203, 0, 113, 7]);
    assert_eq!(v4.time_to_live, 300);
    assert_eq!(v6.address, "2001:db8::7".parse::<IpAddr>().unwrap());
    assert_eq!(octets[v6.offset..v6.offset + 2], [0x20, 1]);
}

/// A query for a name in wire form.
fn query(name: &[u8]) -> Vec<u8> {
    let mut octets = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(name);
    octets.extend([0, 1, 0, 1]);
    octets
}

#[test]
fn names_are_written_without_doubt() {
    let name =
        |wire: &[u8]| Message::parse(&query(wire)).map(|message| message.questions[0].name.clone());
    assert_eq!(name(b"\x00").unwrap(), "");
    // A dot within a label is not one between labels (RFC 4343 §2.1).
    assert_eq!(name(b"\x03a.b\x00").unwrap(), "a\\046b");
    assert_eq!(name(b"\x02\x00\xff\x01-\x00").unwrap(), "\\000\\255.-");
}

#[test]
fn names_that_cannot_be() {
    // Pointers to themselves, to each other, forwards.
    for wire in [
        &b"\xc0\x0c"[..],
        b"\x01a\xc0\x0c",
        b"\xc0\x0e\xc0\x0c",
        b"\xc0\x20",
    ] {
        assert!(
            Message::parse(&query(wire)).is_err(),
            "{}",
            wire.escape_ascii()
        );
    }
    // Reserved label types, and a name of more than 255 octets.
    assert!(Message::parse(&query(b"\x40\x00")).is_err());
    let long: Vec<u8> = (0..5)
        .flat_map(|_| [&[63u8][..], &[b'a'; 63]].concat())
        .chain([0])
        .collect();
    assert!(Message::parse(&query(&long)).is_err());
    // More records than anyone sends.
    let mut octets = query(b"\x00");
    octets[6] = 0xff;
    assert!(Message::parse(&octets).is_err());
    // An address of a wrong length.
    let mut octets = response();
    let at = octets
        .windows(4)
        .position(|w| w == [203, 0, 113, 7])
        .unwrap();
    octets[at - 1] = 3;
    assert!(Message::parse(&octets).is_err());
}
