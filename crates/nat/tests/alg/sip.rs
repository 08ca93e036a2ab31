//! SIP: addresses of the host become the translator's, media gets in, and lengths are right.

use crate::support::*;
use flow_state::application::sip::Message;
use nat::alg::Sip;
use nat::{DropReason, Nat, Side};

const PHONE: End = (HOST, 5060);
const PROXY: End = (SERVER, 5060);

fn with_sip() -> Nat {
    let mut nat = nat();
    nat.add_alg(Box::new(Sip::new()));
    nat
}

fn invite(media: &str) -> Vec<u8> {
    let body = format!(
        "v=0\r\no=alice 1 1 IN IP4 10.0.0.10\r\ns=-\r\nc=IN IP4 10.0.0.10\r\nt=0 0\r\n{media}"
    );
    format!(
        "INVITE sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bK1\r\n\
         From: <sip:alice@example.org>;tag=1\r\n\
         To: <sip:bob@example.org>\r\n\
         Call-ID: 1@10.0.0.10\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:alice@10.0.0.10:5060>\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const AUDIO: &str = "m=audio 40000 RTP/AVP 0\r\n";

#[test]
fn a_call_from_inside() {
    let mut nat = with_sip();
    let sent = through(&mut nat, Side::Inside, udp(PHONE, PROXY, &invite(AUDIO))).unwrap();
    let (from, _, payload) = read(&sent);
    let text = String::from_utf8(payload.clone()).unwrap();
    let message = Message::parse(&payload).unwrap();
    // The body is as long as its header says, and to the end of the datagram.
    assert_eq!(message.body.end, payload.len());
    assert!(text.contains(&format!("Contact: <sip:alice@203.0.113.100:{}>", from.1)));
    assert!(text.contains("c=IN IP4 203.0.113.100\r\n"));
    assert!(text.contains("o=alice 1 1 IN IP4 203.0.113.100\r\n"));
    assert!(
        text.contains("Call-ID: 1@10.0.0.10\r\n"),
        "an identifier is no address"
    );
    let media = message.media[0];
    assert_eq!(media.address, EXTERNAL);
    // Media of the other side gets in, and that of others does not.
    for (port, inside) in [(media.port, 40_000), (media.port + 1, 40_001)] {
        let stranger = udp((STRANGER, 7000), (EXTERNAL, port), b"rtp");
        assert!(through(&mut nat, Side::Outside, stranger).is_err());
        let rtp = udp((SERVER, 7000), (EXTERNAL, port), b"rtp");
        let got = through(&mut nat, Side::Outside, rtp).unwrap();
        assert_eq!(read(&got).1, (HOST, inside));
    }
    // The answer finds the phone, by the address that it knows.
    let answer = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.100:{};branch=z9hG4bK1\r\n\
         Contact: <sip:bob@198.51.100.10>\r\nContent-Length: 0\r\n\r\n",
        from.1
    );
    let got = through(&mut nat, Side::Outside, udp(PROXY, from, answer.as_bytes())).unwrap();
    let (_, to, payload) = read(&got);
    let text = String::from_utf8(payload).unwrap();
    assert_eq!(to, PHONE);
    assert!(text.contains("SIP/2.0/UDP 10.0.0.10:5060;"), "{text}");
    assert!(text.contains("bob@198.51.100.10"));
    // A request to the contact, too.
    let bye = format!(
        "BYE sip:alice@203.0.113.100:{} SIP/2.0\r\nContent-Length: 0\r\n\r\n",
        from.1
    );
    let got = through(&mut nat, Side::Outside, udp(PROXY, from, bye.as_bytes())).unwrap();
    assert!(
        read(&got)
            .2
            .starts_with(b"BYE sip:alice@10.0.0.10:5060 SIP/2.0")
    );
}

#[test]
fn two_phones_at_the_same_port() {
    let mut nat = with_sip();
    let first = through(&mut nat, Side::Inside, udp(PHONE, PROXY, &invite(AUDIO))).unwrap();
    let other = String::from_utf8(invite(AUDIO))
        .unwrap()
        .replace("10.0.0.10", "10.0.0.11");
    let second = through(
        &mut nat,
        Side::Inside,
        udp((OTHER, 5060), PROXY, other.as_bytes()),
    )
    .unwrap();
    let ((a, _, first), (b, _, second)) = (read(&first), read(&second));
    assert_ne!(a.1, b.1);
    let (first, second) = (
        Message::parse(&first).unwrap(),
        Message::parse(&second).unwrap(),
    );
    assert_ne!(first.media[0].port, second.media[0].port);
    // One of them is not at 5060 outside, and its Via says so where it said nothing.
    let text = |port: u16| format!("Via: SIP/2.0/UDP 203.0.113.100:{port};");
    let payload = if b.1 == 5060 {
        read(&through(&mut nat, Side::Inside, udp(PHONE, PROXY, &invite(AUDIO))).unwrap())
    } else {
        read(
            &through(
                &mut nat,
                Side::Inside,
                udp((OTHER, 5060), PROXY, other.as_bytes()),
            )
            .unwrap(),
        )
    };
    assert!(
        String::from_utf8(payload.2)
            .unwrap()
            .contains(&text(payload.0.1))
    );
}

/// Class 7 of attacks: media of another host, or at a privileged port, is not let in.
#[test]
fn what_it_does_not_fall_for() {
    for media in ["c=IN IP4 10.0.0.11\r\n", "m=audio 22 RTP/AVP 0\r\n"] {
        let mut nat = with_sip();
        let offer = match media.starts_with('c') {
            true => invite(&format!("{AUDIO}{media}")),
            false => invite(media),
        };
        let sent = through(&mut nat, Side::Inside, udp(PHONE, PROXY, &offer)).unwrap();
        let payload = read(&sent).2;
        for port in [22, 40_000, Message::parse(&payload).unwrap().media[0].port] {
            let rtp = udp((SERVER, 7000), (EXTERNAL, port), b"rtp");
            assert!(
                through(&mut nat, Side::Outside, rtp).is_err(),
                "{media} {port}"
            );
        }
    }
}

#[test]
fn what_is_no_message_passes_unchanged() {
    let mut nat = with_sip();
    for data in [&b"\r\n\r\n"[..], b"\0", b"hello"] {
        let sent = through(&mut nat, Side::Inside, udp(PHONE, PROXY, data)).unwrap();
        assert_eq!(read(&sent).2, data);
    }
    let rtp = udp((SERVER, 7000), (EXTERNAL, 40_000), b"rtp");
    assert_eq!(
        through(&mut nat, Side::Outside, rtp),
        Err(DropReason::NoMapping)
    );
}

#[test]
fn nothing_near_a_message_panics() {
    let mut nat = with_sip();
    let mut changed = 0;
    testkit::sweep(&invite(AUDIO), |data| {
        if let Ok(sent) = through(&mut nat, Side::Inside, udp(PHONE, PROXY, data)) {
            changed += usize::from(read(&sent).2 != data);
        }
    });
    assert!(changed > 100, "{changed}");
}
