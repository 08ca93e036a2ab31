//! SIP with SDP (RFC 3261, RFC 8866).

use flow_state::application::sip::{MAX_PLACES, Media, Message, PlaceKind};
use flow_state::{Direction, Key};
use packet_buffer::wire::IpProtocol;
use std::net::IpAddr;
use std::time::Duration;

/// An invitation with two media.
pub(crate) fn invite() -> Vec<u8> {
    let body = "v=0\r\n\
        o=alice 1 1 IN IP4 10.0.0.2\r\n\
        s=-\r\n\
        c=IN IP4 10.0.0.2\r\n\
        t=0 0\r\n\
        m=audio 49170 RTP/AVP 0\r\n\
        m=video 0 RTP/AVP 31\r\n\
        m=video 51372/2 RTP/AVP 99\r\n\
        c=IN IP4 192.0.2.77/127\r\n";
    format!(
        "INVITE sip:bob@192.0.2.1:5080 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK776;received=203.0.113.1\r\n\
         From: <sip:alice@10.0.0.2>;tag=1\r\n\
         m: \"Alice\" <sip:alice@10.0.0.2:5062;transport=udp>\r\n\
         Content-Type: application/sdp\r\n\
         l: {}\r\n\
         \r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn places_and_media() {
    let payload = invite();
    let message = Message::parse(&payload).unwrap();
    assert_eq!(
        (message.method, message.status),
        (Some(&b"INVITE"[..]), None)
    );
    let shown: Vec<_> = message
        .places
        .iter()
        .map(|place| {
            let text = |range: &std::ops::Range<usize>| {
                String::from_utf8_lossy(&payload[range.clone()]).into_owned()
            };
            (
                place.kind,
                text(&place.address_range),
                text(&place.port_range),
            )
        })
        .collect();
    let place = |kind, address: &str, port: &str| (kind, address.to_owned(), port.to_owned());
    assert_eq!(
        shown,
        [
            place(PlaceKind::RequestUri, "192.0.2.1", "5080"),
            place(PlaceKind::Via, "10.0.0.2", "5060"),
            place(PlaceKind::Contact, "10.0.0.2", "5062"),
            place(PlaceKind::Origin, "10.0.0.2", ""),
            place(PlaceKind::Connection, "10.0.0.2", ""),
            place(PlaceKind::Media, "", "49170"),
            place(PlaceKind::Media, "", "0"),
            place(PlaceKind::Media, "", "51372"),
            place(PlaceKind::Connection, "192.0.2.77", ""),
        ]
    );
    let length = message.content_length_range.clone().unwrap();
    assert_eq!(
        payload[length].escape_ascii().to_string(),
        message.body.len().to_string()
    );
    assert_eq!(message.body.end, payload.len());
    let media = |address: [u8; 4], port| Media {
        address: address.into(),
        port,
    };
    assert_eq!(
        message.media,
        [media([10, 0, 0, 2], 49_170), media([192, 0, 2, 77], 51_372)]
    );
}

#[test]
fn media_is_expected_at_the_sender_only() {
    let payload = invite();
    let message = Message::parse(&payload).unwrap();
    let proxy: IpAddr = [192, 0, 2, 1].into();
    let packet = Key::new(
        ([10, 0, 0, 2].into(), 5_060),
        (proxy, 5_080),
        IpProtocol::UDP,
    )
    .unwrap();
    let expected = message.expected(&packet, Direction::Original, Duration::from_secs(180));
    let ports: Vec<_> = expected.iter().map(|flow| flow.destination_port).collect();
    // Not the second one's: it names a third party.
    assert_eq!(ports, [49_170, 49_171]);
    for flow in expected {
        assert_eq!(
            (flow.source, flow.direction),
            (Some(proxy), Direction::Reply)
        );
    }
    // A message that another host sends opens nothing.
    let other = Key::new(
        ([10, 0, 0, 3].into(), 5_060),
        (proxy, 5_080),
        IpProtocol::UDP,
    )
    .unwrap();
    assert!(
        message
            .expected(&other, Direction::Original, Duration::ZERO)
            .is_empty()
    );
}

#[test]
fn responses_and_other_forms() {
    let message = Message::parse(b"SIP/2.0 200 OK\r\nVia:SIP/2.0/UDP [2001:db8::2]:5060\r\nContact: <sips:b@example.net>\r\n\r\n").unwrap();
    assert_eq!((message.method, message.status), (None, Some(200)));
    assert_eq!(
        message.places[0].address,
        Some("2001:db8::2".parse().unwrap())
    );
    assert_eq!(message.places[1].address, None, "a host name");
    assert_eq!(message.places[1].port, None);
    // Lines may end with LF alone, and the last line of a body without.
    let message =
        Message::parse(b"OPTIONS sip:a SIP/2.0\n\nc=IN IP4 10.0.0.9\nm=audio 5000 RTP/AVP 0")
            .unwrap();
    assert_eq!(message.media.len(), 1);
}

#[test]
fn what_does_not_start_as_sip_is_none() {
    // The middle of a message, as slipstreaming sends it in a datagram of its own.
    let payload = invite();
    // (Within the method, what is left is a method of its own.)
    for cut in 6..payload.len() {
        assert!(Message::parse(&payload[cut..]).is_err(), "{cut}");
    }
    for text in [
        &b"invite sip:a SIP/2.0\r\n\r\n"[..],
        b"SIP/2.0 20 OK\r\n\r\n",
        b"SIP/2.0 999 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nContact: <sip:a@1.2.3.4>\r\n",
        b"INVITE sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
    ] {
        assert!(Message::parse(text).is_err(), "{}", text.escape_ascii());
    }
    let mut many = b"INVITE sip:a SIP/2.0\r\n".to_vec();
    for _ in 0..=MAX_PLACES {
        many.extend(b"Via: SIP/2.0/UDP 10.0.0.2\r\n");
    }
    many.extend(b"\r\n");
    assert!(Message::parse(&many).is_err());
}
