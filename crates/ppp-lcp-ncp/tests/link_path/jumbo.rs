//! RFC 4638 §5.2: whether the path takes packets as large as the peer does.

use super::*;
use ppp_lcp_ncp::wire::Code;

/// An end of a PPPoE session of this payload.
fn session(number: u8, max_payload: u16) -> LinkConfig {
    let mut config = config(number);
    config.lcp.mru = max_payload;
    config.restrict_to_pppoe(max_payload);
    config
}

/// Opens a link over a path that loses what has more octets of information than `path_limit`.
fn opened_over(path_limit: usize, first: LinkConfig, second: LinkConfig) -> Pair {
    let mut pair = Pair::new(first, second);
    pair.path_limit = path_limit;
    for end in &mut pair.ends {
        end.open(pair.now);
        end.lower_up(pair.now);
    }
    pair.settle();
    assert!(pair.is_open());
    pair
}

/// Octets of information of the LCP packets with this code, from the first end.
fn lengths(pair: &Pair, code: Code) -> Vec<usize> {
    let packets = pair.line.iter().filter(|(from, _)| *from == 0);
    let packets = packets.map(|(_, packet)| PppPacket::parse(packet).unwrap());
    packets
        .filter(|packet| packet.protocol() == PppProtocol::LCP && packet.information()[0] == code.0)
        .map(|packet| packet.information().len())
        .collect()
}

fn limited(pair: &Pair, end: usize) -> bool {
    pair.events[end].contains(&LinkEvent::PathLimited { octets: 1492 })
}

#[test]
fn a_path_that_takes_all_is_asked_once() {
    // RFC 4638 §5.2 SHOULD (test): by an Echo-Request of the MRU's size.
    // RFC 4638 §5.2 SHOULD (default): nobody has asked for it.
    let mut pair = opened_over(1500, session(1, 1500), session(2, 1500));
    pair.run(60 * SECOND);
    assert_eq!(lengths(&pair, Code::ECHO_REQUEST), [1500]);
    assert_eq!(lengths(&pair, Code::ECHO_REPLY), [1500]);
    for end in 0..2 {
        assert!(!limited(&pair, end));
        assert_eq!(pair.ends[end].mtu(), 1500);
        assert_eq!(pair.ends[end].stats().path_tests, 1);
        assert_eq!(pair.ends[end].poll_timeout(), None);
    }
    assert_eq!(pair.send(0, &[0x45; 1500]).1, Some(vec![0x45; 1500]));
}

#[test]
fn a_path_that_loses_large_packets_gets_none() {
    // RFC 4638 §5.2 MAY (smaller): then with 1492 octets.
    let mut pair = opened_over(1499, session(1, 1500), session(2, 1500));
    assert_eq!(pair.ends[0].mtu(), 1500);
    pair.run(60 * SECOND);
    assert_eq!(lengths(&pair, Code::ECHO_REQUEST), [1500, 1500, 1500, 1492]);
    assert!(limited(&pair, 0) && limited(&pair, 1));
    // RFC 4638 §5.2 MUST NOT (bigger): neither packets of networks nor the link's own.
    let mut packet = PacketBuf::from(&[0x45; 1493][..]);
    let error = pair.ends[0].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
    let too_long = SendError::TooLong {
        length: 1493,
        mru: 1492,
    };
    assert_eq!((pair.ends[0].mtu(), error), (1492, Err(too_long)));
    assert_eq!(pair.send(0, &[0x45; 1492]).1, Some(vec![0x45; 1492]));
    pair.line.clear();
    let now = pair.now;
    let unknown = [&[0x00, 0x2b][..], &[7; 1498]].concat();
    let echo = [&[0xc0, 0x21, 9, 77, 5, 0xdc][..], &[0; 1496]].concat();
    for packet in [unknown, echo] {
        let mut data = PacketBuf::new();
        // The path is only narrow in one direction, this once.
        pair.ends[0].handle_input(now, &packet, &mut data).unwrap();
    }
    pair.settle();
    assert_eq!(lengths(&pair, Code::PROTOCOL_REJECT), [1492]);
    assert_eq!(lengths(&pair, Code::ECHO_REPLY), [1492]);
}

#[test]
fn a_new_session_begins_with_what_the_peer_takes() {
    let mut pair = opened_over(1499, session(1, 1500), session(2, 1500));
    pair.run(60 * SECOND);
    assert_eq!(pair.ends[0].mtu(), 1492);
    pair.path_limit = 1500;
    for end in &mut pair.ends {
        end.lower_down(pair.now);
        end.lower_up(pair.now);
    }
    pair.settle();
    pair.run(60 * SECOND);
    assert!(pair.is_open());
    assert_eq!(pair.ends[0].mtu(), 1500);
}

#[test]
fn a_peer_that_does_not_echo_tells_nothing() {
    let mut pair = opened_over(100, session(1, 1500), session(2, 1500));
    pair.run(60 * SECOND);
    assert_eq!(
        lengths(&pair, Code::ECHO_REQUEST),
        [1500, 1500, 1500, 1492, 1492, 1492]
    );
    assert!(!limited(&pair, 0));
    assert_eq!(pair.ends[0].mtu(), 1500);
    assert_eq!(pair.ends[0].poll_timeout(), None);
    // A keepalive has its own Echo-Requests.
    let mut first = session(1, 1500);
    first.echo_interval = Some(SECOND);
    pair = opened_over(1499, first, session(2, 1500));
    pair.run(20 * SECOND);
    assert!(limited(&pair, 0));
    assert_eq!(pair.closed(0), None);
}

#[test]
fn there_is_no_test_without_need() {
    let mut off = session(1, 1500);
    off.mru_test = None;
    for first in [off, session(1, 1492), config(1)] {
        let mut pair = opened_over(1492, first, session(2, 1500));
        pair.run(60 * SECOND);
        assert_eq!(pair.ends[0].stats().path_tests, 0);
        assert!(lengths(&pair, Code::ECHO_REQUEST).is_empty());
    }
    // Nor of a peer that takes no more.
    let mut pair = opened_over(1492, session(1, 1500), session(2, 1492));
    pair.run(60 * SECOND);
    assert_eq!(pair.ends[0].stats().path_tests, 0);
    let mut wrong = session(1, 1500);
    wrong.mru_test = Some(127);
    let error = Link::new(wrong, Box::new(SeededRandom::new(1))).unwrap_err();
    assert_eq!((error.part, error.field), ("link", "mru_test"));
}
