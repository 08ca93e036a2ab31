//! TFTP (RFC 1350).

use flow_state::application::tftp::Request;
use flow_state::{Direction, Key};
use packet_buffer::wire::IpProtocol;
use std::time::Duration;

#[test]
fn requests_announce_the_server_s_other_port() {
    let request = Request::parse(b"\x00\x01pxelinux.0\x00OcTeT\x00blksize\x001408\x00").unwrap();
    assert!(!request.is_write);
    assert_eq!(request.filename, b"pxelinux.0");
    let key = Key::new(
        ([10, 0, 0, 2].into(), 2_070),
        ([192, 0, 2, 1].into(), 69),
        IpProtocol::UDP,
    )
    .unwrap();
    let expected = request.expected(&key, Duration::from_secs(30));
    assert_eq!(expected.direction, Direction::Reply);
    let answer = Key::new(
        ([192, 0, 2, 1].into(), 50_000),
        ([10, 0, 0, 2].into(), 2_070),
        IpProtocol::UDP,
    )
    .unwrap();
    assert!(expected.matches(&answer));
    assert!(!expected.matches(&answer.with_zone(1)));
    assert!(
        Request::parse(b"\x00\x02f\x00netascii\x00")
            .unwrap()
            .is_write
    );
}

#[test]
fn other_datagrams_announce_nothing() {
    for payload in [
        &b""[..],
        b"\x00\x03\x00\x01data",
        b"\x00\x01\x00octet\x00",
        b"\x00\x01name\x00octet",
        b"\x00\x01name",
        b"\x00\x01name\x00binary\x00",
    ] {
        assert!(
            Request::parse(payload).is_err(),
            "{}",
            payload.escape_ascii()
        );
    }
}
