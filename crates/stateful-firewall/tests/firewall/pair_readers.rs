//! What helpers and filters know of sessions, when one node of a pair is lost.

use crate::common::*;
use packet_buffer::{Cursor, PacketBuf};
use stateful_firewall::application::Filter;
use stateful_firewall::model::{Action, Helper, Policy, Rule};
use stateful_firewall::{Class, FirewallConfig, SyncMessage, Verdict};
use std::net::SocketAddr;

const CLIENT: &str = "10.0.0.2:40000";
const SERVER: &str = "198.51.100.2:21";

fn policy() -> Policy {
    let mut policy = three_legs();
    policy.filters = vec![Filter {
        name: "f".into(),
        block: vec!["bad.example".into()],
        ..Filter::default()
    }];
    policy.rules = vec![
        Rule {
            helper: Some(Helper::Ftp),
            ..allow("tcp", 21)
        },
        Rule {
            filter: Some("f".into()),
            ..allow("tcp", 443)
        },
        Rule {
            helper: Some(Helper::Tftp),
            ..allow("udp", 69)
        },
        Rule {
            action: Action::Drop,
            ..Rule::default()
        },
    ];
    policy
}

fn node() -> Bench {
    let config = FirewallConfig {
        sync_queue: 1_000,
        ..FirewallConfig::new(256)
    };
    Bench::new(&policy(), config)
}

/// What the active node tells, read as the standby reads it.
fn told(active: &mut Bench) -> Vec<SyncMessage> {
    let mut messages = Vec::new();
    while let Some(message) = active.firewall.poll_sync() {
        let mut octets = Vec::new();
        message.write(active.now, &mut octets);
        assert!(octets.len() <= SyncMessage::MAX_LEN);
        let mut cursor = Cursor::new(&octets);
        messages.push(SyncMessage::read(active.now, &mut cursor).unwrap());
        assert!(cursor.is_empty());
        testkit::sweep(&octets, |octets| {
            let _ = SyncMessage::read(active.now, &mut Cursor::new(octets));
        });
    }
    messages
}

fn sync(active: &mut Bench, standby: &mut Bench) {
    for message in told(active) {
        standby.firewall.apply(standby.now, &message).unwrap();
    }
}

fn says(from: SocketAddr, to: SocketAddr, numbers: (u32, u32), line: &str) -> PacketBuf {
    tcp(from, to, ACK | PSH, numbers.0, numbers.1)
        .data(line.as_bytes())
        .build()
}

fn is_related(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Accept {
            class: Class::Related,
            ..
        }
    )
}

const PORT: &str = "PORT 10,0,0,2,195,80\r\n";

/// A node that knows of an FTP session whose client has announced a connection.
fn announced() -> Bench {
    let mut active = node();
    let (client, server) = (end(CLIENT), end(SERVER));
    active.connect(client, server);
    let port = says(client, server, (1_001, 5_001), PORT);
    assert!(active.out(&port).is_accept());
    active
}

#[test]
fn ftp_goes_on_at_the_standby() {
    let (mut active, mut standby) = (node(), node());
    let (client, server) = (end(CLIENT), end(SERVER));
    active.connect(client, server);
    assert!(
        active
            .out(&says(client, server, (1_001, 5_001), "USER me\r\n"))
            .is_accept()
    );
    assert!(
        active
            .out(&says(client, server, (1_010, 5_001), PORT))
            .is_accept()
    );
    sync(&mut active, &mut standby);
    assert_eq!(standby.firewall.expected(), 1);
    // The announced connection comes to the standby: from the side that was announced, and once.
    let data = tcp(end("198.51.100.2:20"), end("10.0.0.2:50000"), SYN, 1, 0).build();
    assert!(!standby.pass(DMZ, INSIDE, &data).is_accept());
    assert!(is_related(standby.back(&data)));
    assert_eq!(standby.firewall.expected(), 0);
    // And the next announcement is read where the active node has stopped.
    let next = 1_010 + PORT.len() as u32;
    let again = "PORT 10,0,0,2,195,81\r\n";
    assert!(
        standby
            .out(&says(client, server, (next, 5_001), again))
            .is_accept()
    );
    let data = tcp(end("198.51.100.2:20"), end("10.0.0.2:50001"), SYN, 1, 0).build();
    assert!(is_related(standby.back(&data)));
    // What starts within a line is none (C3.7), there as here.
    let half = next + again.len() as u32;
    assert!(
        standby
            .out(&says(client, server, (half, 5_001), "SITE "))
            .is_accept()
    );
    assert!(
        standby
            .out(&says(
                client,
                server,
                (half + 5, 5_001),
                "PORT 10,0,0,2,195,82\r\n"
            ))
            .is_accept()
    );
    assert_eq!(standby.firewall.expected(), 0);
}

#[test]
fn what_is_expected_lives_as_long_as_at_the_active_node() {
    let (mut active, mut standby) = (announced(), node());
    let (client, server) = (end(CLIENT), end(SERVER));
    sync(&mut active, &mut standby);
    // A later change of the session takes nothing away, and a snapshot adds nothing.
    assert!(
        active
            .back(&says(server, client, (5_001, 1_023), "200 ok\r\n"))
            .is_accept()
    );
    sync(&mut active, &mut standby);
    assert_eq!(standby.firewall.expected(), 1);
    let messages: Vec<SyncMessage> = active.firewall.snapshot().collect();
    assert_eq!(messages.len(), 4, "{messages:?}");
    for message in &messages {
        standby.firewall.apply(standby.now, message).unwrap();
    }
    assert_eq!(standby.firewall.expected(), 1);
    let mut fresh = node();
    for message in &messages {
        fresh.firewall.apply(fresh.now, message).unwrap();
    }
    assert_eq!(fresh.firewall.expected(), 1);
    // Used at the active node, it is used.
    let data = tcp(end("198.51.100.2:20"), end("10.0.0.2:50000"), SYN, 1, 0).build();
    assert!(is_related(active.back(&data)));
    sync(&mut active, &mut standby);
    assert_eq!((standby.sessions(), standby.firewall.expected()), (2, 0));
    // With its session it ends, and by itself after its minute.
    assert!(fresh.firewall.apply(fresh.now, &gone(&messages)).is_ok());
    assert_eq!((fresh.sessions(), fresh.firewall.expected()), (0, 0));
    let mut late = node();
    for message in &messages {
        late.firewall.apply(late.now, message).unwrap();
    }
    late.wait(61);
    assert_eq!((late.sessions(), late.firewall.expected()), (1, 0));
}

/// That the first session of a snapshot is over.
fn gone(messages: &[SyncMessage]) -> SyncMessage {
    let key = messages.iter().find_map(|message| match message {
        SyncMessage::Set(session) => Some(session.key),
        _ => None,
    });
    SyncMessage::Gone(key.unwrap())
}

#[test]
fn an_expectation_of_nobody_is_none() {
    let (mut active, mut standby) = (announced(), node());
    let expects = told(&mut active)
        .into_iter()
        .find(|message| matches!(message, SyncMessage::Expects(_)))
        .unwrap();
    standby.firewall.apply(standby.now, &expects).unwrap();
    assert_eq!(standby.firewall.expected(), 0);
}

#[test]
fn tftp_is_read_at_the_standby() {
    let (mut active, mut standby) = (node(), node());
    let (client, server) = (end("10.0.0.2:3000"), end("198.51.100.2:69"));
    assert!(active.out(&udp(client, server, b"\0\x03")).is_accept());
    sync(&mut active, &mut standby);
    let request = udp(client, server, b"\0\x01file\0octet\0");
    assert!(standby.out(&request).is_accept());
    let data = udp(end("198.51.100.2:50000"), client, b"\0\x03\0\x01x");
    assert!(is_related(standby.back(&data)));
}

#[test]
fn a_session_that_a_filter_reads_is_not_let_past_it_by_the_standby() {
    let (client, server) = (end(CLIENT), end("198.51.100.2:443"));
    // Wherever the active node is lost: after the SYN, the handshake, half a request.
    for packets in 1..=4 {
        let (mut active, mut standby) = (node(), node());
        let hello = records(&client_hello(Some("bad.example")), 1 << 14);
        let all = [
            (true, tcp(client, server, SYN, 1_000, 0).build()),
            (false, tcp(server, client, SYN | ACK, 5_000, 1_001).build()),
            (true, tcp(client, server, ACK, 1_001, 5_001).build()),
            (
                true,
                tcp(client, server, ACK, 1_001, 5_001)
                    .data(&hello[..20])
                    .build(),
            ),
        ];
        for (is_out, packet) in &all[..packets] {
            let verdict = if *is_out {
                active.out(packet)
            } else {
                active.back(packet)
            };
            assert!(verdict.is_accept(), "{verdict:?}");
        }
        sync(&mut active, &mut standby);
        assert_eq!(standby.sessions(), 0, "after {packets} packets");
        for (is_out, packet) in &all[packets..] {
            let verdict = if *is_out {
                standby.out(packet)
            } else {
                standby.back(packet)
            };
            assert!(!verdict.is_accept(), "{verdict:?}");
        }
        let rest = tcp(client, server, ACK, 1_001, 5_001).data(&hello).build();
        assert!(!standby.out(&rest).is_accept());
    }
}

#[test]
fn a_session_that_its_filter_has_read_goes_on_at_the_standby() {
    let (mut active, mut standby) = (node(), node());
    let (client, server) = (end(CLIENT), end("198.51.100.2:443"));
    active.connect(client, server);
    let hello = records(&client_hello(Some("good.example")), 1 << 14);
    let after = 1_001 + hello.len() as u32;
    let segment = tcp(client, server, ACK, 1_001, 5_001).data(&hello).build();
    assert!(active.out(&segment).is_accept());
    let ack = tcp(server, client, ACK, 5_001, after).build();
    assert!(active.back(&ack).is_accept());
    sync(&mut active, &mut standby);
    assert_eq!(standby.sessions(), 1);
    let data = tcp(client, server, ACK, after, 5_001).data(b"x").build();
    assert!(standby.out(&data).is_accept());
}

#[test]
fn sessions_are_listed_as_they_are() {
    let mut bench = node();
    bench.connect(end(CLIENT), end(SERVER));
    bench.connect(end("[2001:db8::1]:1000"), end("[2001:db8:1::1]:443"));
    let mut listed: Vec<_> = bench.firewall.iter_sessions().collect();
    listed.sort_by_key(|session| session.key.source().is_ipv6());
    let [ftp, tls] = &listed[..] else {
        panic!("{listed:?}");
    };
    let name = |rule| bench.firewall.policy().rule_name(rule).unwrap();
    assert_eq!(ftp.rule.map(name), Some("rule 1"));
    assert_eq!((ftp.ingress, ftp.egress), (Some(INSIDE), Some(OUTSIDE)));
    assert!(ftp.is_read && tls.is_read && !ftp.granted);
    assert_eq!(ftp.key.destination_port(), 21);
    assert_eq!(
        ftp.expires,
        bench.now + std::time::Duration::from_secs(3_600)
    );
    assert_eq!(bench.firewall.session(tls.session), Some(*tls));
    let reset = tcp(end(SERVER), end(CLIENT), RST, 5_001, 0).build();
    bench.back_passes(&reset);
    let ended = ftp.session;
    bench.wait(12);
    assert_eq!(bench.firewall.session(ended), None);
}
