//! Two nodes, of which one is lost.

use crate::common::*;
use packet_buffer::{Cursor, RandomSource};
use stateful_firewall::model::Rule;
use stateful_firewall::{FirewallConfig, FrameError, SyncMessage, SyncReader, SyncWriter, Verdict};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use testkit::SeededRandom;

fn node() -> Bench {
    let mut policy = three_legs();
    policy.rules = vec![
        Rule {
            limits: stateful_firewall::model::Limits {
                sessions: Some(10_000),
                ..Default::default()
            },
            ..allow("udp", 53)
        },
        Rule {
            to: vec!["dmz".into()],
            syn_proxy: true,
            ..allow("tcp", 443)
        },
    ];
    let config = FirewallConfig {
        sync_queue: 10_000,
        half_open: stateful_firewall::HalfOpen {
            most: 2_000,
            adaptive_from: 2_000,
            cookies_from: None,
        },
        ..FirewallConfig::new(4_096)
    };
    Bench::new(&policy, config)
}

/// A TCP connection as its ends see it.
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    sent: u32,
    answered: u32,
}

impl Connection {
    fn data(&mut self, length: u32) -> packet_buffer::PacketBuf {
        let data = vec![1; length as usize];
        let segment = tcp(
            self.client,
            self.server,
            ACK | PSH,
            self.sent,
            self.answered,
        )
        .data(&data);
        self.sent += length;
        segment.build()
    }

    fn answer(&mut self, length: u32) -> packet_buffer::PacketBuf {
        let data = vec![2; length as usize];
        let segment = tcp(
            self.server,
            self.client,
            ACK | PSH,
            self.answered,
            self.sent,
        )
        .data(&data);
        self.answered += length;
        segment.build()
    }
}

/// Sends what has changed over a link that delays frames.
struct Link {
    writer: SyncWriter,
    reader: SyncReader,
    flying: VecDeque<Vec<u8>>,
}

impl Link {
    fn new() -> Self {
        Self {
            writer: SyncWriter::new(b"the secret of the pair", 1),
            reader: SyncReader::new(b"the secret of the pair"),
            flying: VecDeque::new(),
        }
    }

    fn send(&mut self, active: &mut Bench) {
        let mut frame = Vec::new();
        let now = active.now;
        while self
            .writer
            .frame(now, || active.firewall.poll_sync(), &mut frame)
        {
            self.flying.push_back(frame.clone());
        }
    }

    fn deliver(&mut self, standby: &mut Bench, most: usize) {
        for _ in 0..most {
            let Some(frame) = self.flying.pop_front() else {
                return;
            };
            let frame = self.reader.read(standby.now, &frame).unwrap();
            for message in &frame.messages {
                standby.firewall.apply(standby.now, message).unwrap();
            }
        }
    }
}

#[test]
fn a_pair_loses_one_node_and_keeps_all_sessions() {
    for seed in 0..5 {
        let mut random = SeededRandom::new(seed);
        let (mut active, mut standby) = (node(), node());
        // Their clocks have nothing to do with each other.
        standby.now = packet_buffer::Instant::from_secs(77);
        let mut link = Link::new();
        let mut connections = Vec::new();
        let mut queries = Vec::new();
        for number in 0..200u16 {
            let client: SocketAddr = (IpAddr::from([10, 0, 0, 2]), 10_000 + number).into();
            let server = end("198.51.100.2:80");
            active.connect(client, server);
            connections.push(Connection {
                client,
                server,
                sent: 1_001,
                answered: 5_001,
            });
            let asker: SocketAddr = (IpAddr::from([10, 0, 0, 3]), 10_000 + number).into();
            let resolver = end("198.51.100.2:53");
            assert!(active.out(&udp(asker, resolver, b"q")).is_accept());
            queries.push((asker, resolver));
        }
        for _ in 0..2_000 {
            let chosen = random.below(connections.len() as u32) as usize;
            let connection = &mut connections[chosen];
            let length = 1 + random.below(1_000);
            let packet = if random.chance(0.5) {
                connection.data(length)
            } else {
                connection.answer(length)
            };
            let verdict = if ends(&packet).0 == connection.client.ip() {
                active.out(&packet)
            } else {
                active.back(&packet)
            };
            assert!(verdict.is_accept(), "{verdict:?}");
            if random.chance(0.02) {
                active.wait(5);
                standby.wait(5);
            }
            link.send(&mut active);
            link.deliver(&mut standby, 1);
        }
        // Some connections end before the failure; the standby knows.
        let mut closed = connections.split_off(190);
        for connection in &mut closed {
            // The server has everything, so that the RST has the number that it waits for.
            assert!(active.back(&connection.answer(1)).is_accept());
            let reset = tcp(
                connection.client,
                connection.server,
                RST,
                connection.sent,
                0,
            )
            .build();
            assert!(active.out(&reset).is_accept());
        }
        active.wait(11);
        standby.wait(11);
        link.send(&mut active);
        link.deliver(&mut standby, usize::MAX);
        let (live, _) = active.firewall.sessions();
        assert_eq!(standby.firewall.sessions().0, live);
        assert_eq!(standby.firewall.half_open(), active.firewall.half_open());
        drop(active);

        for connection in &mut connections {
            assert!(standby.back(&connection.answer(500)).is_accept());
            assert!(standby.out(&connection.data(500)).is_accept());
            assert!(standby.back(&connection.answer(500)).is_accept());
            // Windows are strict again.
            let far = tcp(
                connection.server,
                connection.client,
                ACK,
                connection.answered + 900_000,
                connection.sent,
            )
            .data(b"x")
            .build();
            assert!(!standby.back(&far).is_accept());
        }
        for (asker, resolver) in &queries {
            assert!(standby.back(&udp(*resolver, *asker, b"a")).is_accept());
        }
        for connection in &closed {
            let late = tcp(
                connection.server,
                connection.client,
                ACK,
                connection.answered,
                connection.sent,
            )
            .data(b"x")
            .build();
            assert!(!standby.back(&late).is_accept());
        }
    }
}

#[test]
fn a_translated_connection_is_taken_over() {
    let (mut active, mut standby) = (node(), node());
    let (client, server) = (end("198.51.100.7:4000"), end("10.0.1.80:443"));
    let syn = tcp(client, server, SYN, 1_000, 0).build();
    assert_eq!(active.pass(OUTSIDE, DMZ, &syn), Verdict::Consumed);
    let (_, answer) = active.transmitted().remove(0);
    let cookie = u32::from_be_bytes(answer.as_slice()[24..28].try_into().unwrap());
    let ack = tcp(client, server, ACK, 1_001, cookie.wrapping_add(1)).build();
    assert_eq!(active.pass(OUTSIDE, DMZ, &ack), Verdict::Consumed);
    let answer = tcp(server, client, SYN | ACK, 70_000, 1_001).build();
    assert_eq!(active.pass(DMZ, OUTSIDE, &answer), Verdict::Consumed);
    let mut link = Link::new();
    link.send(&mut active);
    link.deliver(&mut standby, usize::MAX);
    let mut data = tcp(server, client, ACK, 70_001, 1_001)
        .data(b"hello")
        .build();
    let path = stateful_firewall::Path::new(DMZ, OUTSIDE);
    let verdict = standby.firewall.process(standby.now, &path, &mut data);
    assert!(verdict.is_accept(), "{verdict:?}");
    let seq = u32::from_be_bytes(data.as_slice()[24..28].try_into().unwrap());
    assert_eq!(seq, cookie.wrapping_add(1));
}

#[test]
fn a_snapshot_makes_up_for_what_was_missed() {
    let (mut active, mut standby) = (node(), node());
    let server = end("198.51.100.2:80");
    for port in 0..50 {
        active.connect((IpAddr::from([10, 0, 0, 2]), 1_000 + port).into(), server);
    }
    // The standby has a session that is long over, and none of the others.
    standby.connect(end("10.0.0.9:9"), server);
    while active.firewall.poll_sync().is_some() {}
    let messages: Vec<_> = active.firewall.snapshot().collect();
    assert_eq!(messages.len(), 52);
    for message in &messages {
        standby.firewall.apply(standby.now, message).unwrap();
    }
    assert_eq!(standby.sessions(), 50);
    let late = tcp(server, end("10.0.0.9:9"), ACK, 5_001, 1_001).build();
    assert!(!standby.back(&late).is_accept());
    // A second one changes nothing.
    for message in &messages {
        standby.firewall.apply(standby.now, message).unwrap();
    }
    assert_eq!((standby.sessions(), standby.firewall.half_open()), (50, 0));
}

#[test]
fn a_queue_that_overflows_is_counted() {
    let config = FirewallConfig {
        sync_queue: 3,
        ..FirewallConfig::new(64)
    };
    let mut active = Bench::new(&three_legs(), config);
    for port in 0..10 {
        let from: SocketAddr = (IpAddr::from([10, 0, 0, 2]), 1_000 + port).into();
        assert!(
            active
                .out(&udp(from, end("198.51.100.2:53"), b"q"))
                .is_accept()
        );
    }
    assert_eq!(active.firewall.stats().sync_lost, 7);
}

#[test]
fn a_busy_session_is_told_of_now_and_then() {
    let mut active = node();
    let (client, server) = (end("10.0.0.2:1000"), end("198.51.100.2:80"));
    active.connect(client, server);
    while active.firewall.poll_sync().is_some() {}
    let mut told = 0;
    for _ in 0..1_280 {
        active.now += Duration::from_millis(500);
        assert!(
            active
                .out(&tcp(client, server, ACK, 1_001, 5_001).build())
                .is_accept()
        );
        while active.firewall.poll_sync().is_some() {
            told += 1;
        }
    }
    assert!(
        (9..13).contains(&told),
        "640 seconds, a mark each 64: {told}"
    );
}

// C3.19: replayed and forged messages.
#[test]
fn frames_are_authentic_and_read_once() {
    let mut active = node();
    let client = end("10.0.0.2:1000");
    let mut writer = SyncWriter::new(b"secret", 5);
    let mut frames = Vec::new();
    for port in 0..4 {
        let to: SocketAddr = (IpAddr::from([198, 51, 100, 2]), 53 + port).into();
        assert!(active.out(&udp(client, to, b"q")).is_accept());
        let mut frame = Vec::new();
        assert!(writer.frame(active.now, || active.firewall.poll_sync(), &mut frame));
        frames.push(frame);
    }
    let mut nothing = vec![1];
    assert!(!writer.frame(active.now, || None, &mut nothing) && nothing.is_empty());

    let mut reader = SyncReader::new(b"secret");
    let first = reader.read(active.now, &frames[0]).unwrap();
    assert!(first.gap, "nothing is known of what was before");
    assert_eq!(first.messages.len(), 1);
    assert!(!reader.read(active.now, &frames[1]).unwrap().gap);
    assert_eq!(reader.read(active.now, &frames[0]), Err(FrameError::Old));
    assert_eq!(reader.read(active.now, &frames[1]), Err(FrameError::Old));
    assert!(reader.read(active.now, &frames[3]).unwrap().gap);
    assert_eq!(reader.read(active.now, &frames[2]), Err(FrameError::Old));
    // Another secret; any octet changed; cut short.
    let mut other = SyncReader::new(b"Secret");
    assert_eq!(other.read(active.now, &frames[0]), Err(FrameError::Forged));
    let mut fresh = SyncReader::new(b"secret");
    testkit::sweep(&frames[0], |octets| {
        if octets != &frames[0][..] {
            assert!(fresh.read(active.now, octets).is_err());
        }
    });
    assert!(fresh.read(active.now, &frames[0]).is_ok());
    // The node that was active before comes back with an old term.
    let mut stale = SyncWriter::new(b"secret", 4);
    let mut frame = Vec::new();
    stale.frame(
        active.now,
        {
            let mut once = Some(SyncMessage::SnapshotBegins);
            move || once.take()
        },
        &mut frame,
    );
    assert_eq!(fresh.read(active.now, &frame), Err(FrameError::Old));
}

#[test]
fn messages_are_read_as_they_were_written() {
    let mut active = node();
    active.connect(end("10.0.0.2:1000"), end("198.51.100.2:80"));
    active.connect(end("[2001:db8::1]:1000"), end("[2001:db8:1::1]:80"));
    assert!(
        active
            .out(&ping("10.0.0.2", "198.51.100.2", 7, true))
            .is_accept()
    );
    active.wait(5_000);
    let mut kinds = 0;
    while let Some(message) = active.firewall.poll_sync() {
        let mut octets = Vec::new();
        message.write(active.now, &mut octets);
        assert!(octets.len() <= SyncMessage::MAX_LEN);
        let mut cursor = Cursor::new(&octets);
        let read = SyncMessage::read(active.now, &mut cursor).unwrap();
        assert!(cursor.is_empty());
        // Whole seconds are told.
        let seconds = |message: SyncMessage| match message {
            SyncMessage::Set(mut session) => {
                session.remaining = Duration::from_secs(session.remaining.as_secs());
                SyncMessage::Set(session)
            }
            other => other,
        };
        assert_eq!(read, seconds(message));
        testkit::sweep(&octets, |octets| {
            let _ = SyncMessage::read(active.now, &mut Cursor::new(octets));
        });
        kinds += 1;
    }
    assert!(kinds >= 8, "{kinds}");
}
