//! TFTP: the server's port is its own choice.

use crate::support::*;
use nat::alg::Tftp;
use nat::{DropReason, Side};

const READ: &[u8] = b"\x00\x01file\x00octet\x00";

#[test]
fn the_server_answers_from_another_port() {
    let mut nat = nat();
    nat.add_alg(Box::new(Tftp::new()));
    let request = udp((HOST, 3000), (SERVER, 69), READ);
    let seen = read(&through(&mut nat, Side::Inside, request).unwrap()).0;
    let stranger = udp((STRANGER, 4000), seen, b"\x00\x03\x00\x01data");
    assert_eq!(
        through(&mut nat, Side::Outside, stranger),
        Err(DropReason::Filtered)
    );
    let block = udp((SERVER, 4000), seen, b"\x00\x03\x00\x01data");
    let got = through(&mut nat, Side::Outside, block).unwrap();
    assert_eq!(read(&got).1, (HOST, 3000));
    let ack = udp((HOST, 3000), (SERVER, 4000), b"\x00\x04\x00\x01");
    assert_eq!(read(&through(&mut nat, Side::Inside, ack).unwrap()).0, seen);
    // One answer was expected, and no second.
    let second = udp((SERVER, 4001), seen, b"\x00\x03\x00\x01data");
    assert_eq!(
        through(&mut nat, Side::Outside, second),
        Err(DropReason::Filtered)
    );
}

#[test]
fn what_is_no_request_opens_nothing() {
    let mut nat = nat();
    nat.add_alg(Box::new(Tftp::new()));
    for data in [
        &b""[..],
        b"\x00\x03\x00\x01data",
        b"\x00\x01file\x00oct",
        b"GET / HTTP/1.1\r\n",
    ] {
        let request = udp((HOST, 3000), (SERVER, 69), data);
        let seen = read(&through(&mut nat, Side::Inside, request).unwrap()).0;
        let block = udp((SERVER, 4000), seen, b"");
        assert_eq!(
            through(&mut nat, Side::Outside, block),
            Err(DropReason::Filtered)
        );
    }
    testkit::sweep(READ, |data| {
        let _ = through(
            &mut nat,
            Side::Inside,
            udp((HOST, 3000), (SERVER, 69), data),
        );
    });
}
