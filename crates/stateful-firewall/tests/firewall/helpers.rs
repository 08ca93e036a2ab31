//! Connections that others announce.

use crate::common::*;
use stateful_firewall::model::{Action, Helper, Policy, Rule};
use stateful_firewall::{Class, Verdict};
use std::net::SocketAddr;

fn policy(protocol: &str, port: u16, helper: Helper) -> Policy {
    let mut policy = three_legs();
    policy.rules = vec![
        Rule {
            helper: Some(helper),
            from: vec!["inside".into()],
            ..allow(protocol, port)
        },
        Rule {
            action: Action::Drop,
            ..Rule::default()
        },
    ];
    policy
}

const CLIENT: &str = "10.0.0.2:40000";
const SERVER: &str = "198.51.100.2:21";

fn ftp() -> (Bench, SocketAddr, SocketAddr) {
    let mut bench = Bench::strict(&policy("tcp", 21, Helper::Ftp));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    (bench, client, server)
}

#[test]
fn active_ftp_opens_one_connection_to_the_client() {
    let (mut bench, client, server) = ftp();
    let port = tcp(client, server, ACK | PSH, 1_001, 5_001).data(b"PORT 10,0,0,2,195,80\r\n");
    bench.out_passes(&port.build());
    assert_eq!(bench.firewall.expected(), 1);
    let (from, to) = (end("198.51.100.2:20"), end("10.0.0.2:50000"));
    // Neither from another host, nor to another port, nor from another side.
    assert!(
        !bench
            .back(&tcp(end("198.51.100.3:20"), to, SYN, 1, 0).build())
            .is_accept()
    );
    assert!(
        !bench
            .back(&tcp(from, end("10.0.0.2:50001"), SYN, 1, 0).build())
            .is_accept()
    );
    assert!(
        !bench
            .pass(DMZ, INSIDE, &tcp(from, to, SYN, 1, 0).build())
            .is_accept()
    );
    let verdict = bench.back(&tcp(from, to, SYN, 1, 0).build());
    assert!(
        matches!(
            verdict,
            Verdict::Accept {
                class: Class::Related,
                ..
            }
        ),
        "{verdict:?}"
    );
    assert_eq!((bench.firewall.expected(), bench.sessions()), (0, 2));
    // Once.
    let again = tcp(end("198.51.100.2:22"), to, SYN, 1, 0).build();
    assert!(!bench.back(&again).is_accept());
}

#[test]
fn passive_ftp_opens_one_connection_to_the_server() {
    let (mut bench, client, server) = ftp();
    let answer =
        tcp(server, client, ACK | PSH, 5_001, 1_001).data(b"227 ok (198,51,100,2,195,80)\r\n");
    bench.back_passes(&answer.build());
    let data = tcp(end("10.0.0.2:40001"), end("198.51.100.2:50000"), SYN, 1, 0).build();
    bench.out_passes(&data);
    let other = tcp(end("10.0.0.2:40001"), end("198.51.100.2:50001"), SYN, 1, 0).build();
    assert!(!bench.out(&other).is_accept());
}

#[test]
fn an_announcement_is_forgotten_after_a_minute_or_with_its_session() {
    let (mut bench, client, server) = ftp();
    let port = tcp(client, server, ACK | PSH, 1_001, 5_001).data(b"PORT 10,0,0,2,195,80\r\n");
    bench.out_passes(&port.build());
    bench.wait(61);
    assert_eq!(bench.firewall.expected(), 0);
    let data = tcp(end("198.51.100.2:20"), end("10.0.0.2:50000"), SYN, 1, 0).build();
    assert!(!bench.back(&data).is_accept());

    let (mut bench, client, server) = ftp();
    bench.out_passes(&port.build());
    let reset = tcp(server, client, RST, 5_001, 0).build();
    bench.back_passes(&reset);
    bench.wait(12);
    assert_eq!((bench.sessions(), bench.firewall.expected()), (0, 0));
}

// C3.7: NAT slipstreaming and its relatives.
#[test]
fn what_only_looks_like_an_announcement_opens_nothing() {
    // In the middle of a line; over another port; another host's address; a low port.
    let (mut bench, client, server) = ftp();
    let mut seq = 1_001;
    for line in [
        &b"STOR x PORT 10,0,0,2,195,80\r\n"[..],
        b"AAAA",
        b"PORT 10,0,0,2,195,80\r\n",
        b"PORT 10,0,0,3,195,80\r\n",
        b"PORT 10,0,0,2,0,22\r\n",
        b"PORT 10,0,0,2,195,\r\n",
        b"PORT 10,0,0,2,195,80",
    ] {
        let segment = tcp(client, server, ACK | PSH, seq, 5_001)
            .data(line)
            .build();
        bench.out_passes(&segment);
        seq += line.len() as u32;
        assert_eq!(bench.firewall.expected(), 0, "{line:?}");
    }
    let mut other = policy("tcp", 8_080, Helper::Ftp);
    other.rules[0].helper = None;
    let mut bench = Bench::strict(&other);
    let server = end("198.51.100.2:8080");
    bench.connect(client, server);
    let port = tcp(client, server, ACK | PSH, 1_001, 5_001).data(b"PORT 10,0,0,2,195,80\r\n");
    bench.out_passes(&port.build());
    assert_eq!(bench.firewall.expected(), 0);
}

#[test]
fn tftp_answers_come_from_another_port() {
    let mut bench = Bench::strict(&policy("udp", 69, Helper::Tftp));
    let (client, server) = (end(CLIENT), end("198.51.100.2:69"));
    bench.out_passes(&udp(client, server, b"\x00\x01file\x00octet\x00"));
    let data = udp(end("198.51.100.2:3333"), client, b"\x00\x03\x00\x01data");
    bench.back_passes(&data);
    let ack = udp(client, end("198.51.100.2:3333"), b"\x00\x04\x00\x01");
    bench.out_passes(&ack);
    let other = udp(end("198.51.100.2:4444"), client, b"\x00\x03\x00\x01data");
    assert!(!bench.back(&other).is_accept());
}

#[test]
fn sip_opens_the_media_that_its_sender_asks_for() {
    let mut bench = Bench::strict(&policy("udp", 5060, Helper::Sip));
    let (client, server) = (end("10.0.0.2:5060"), end("198.51.100.2:5060"));
    let invite = |address: &str| {
        let body = format!("v=0\r\nc=IN IP4 {address}\r\nm=audio 5004 RTP/AVP 0\r\n");
        format!(
            "INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060\r\nContact: <sip:a@10.0.0.2>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    // Media for somebody else.
    bench.out_passes(&udp(client, server, invite("10.0.0.9").as_bytes()));
    assert_eq!(bench.firewall.expected(), 0);
    bench.out_passes(&udp(client, server, invite("10.0.0.2").as_bytes()));
    assert_eq!(bench.firewall.expected(), 2, "media and its control");
    let media = udp(end("198.51.100.2:30000"), end("10.0.0.2:5004"), b"rtp");
    assert!(matches!(
        bench.back(&media),
        Verdict::Accept {
            class: Class::Related,
            ..
        }
    ));
    let other = udp(end("198.51.100.3:30000"), end("10.0.0.2:5005"), b"rtcp");
    assert!(!bench.back(&other).is_accept());
}
