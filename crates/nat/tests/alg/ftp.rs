//! FTP: active and passive, from inside and from outside, with sequence numbers that fit.

use crate::support::*;
use core::net::Ipv4Addr;
use nat::alg::Ftp;
use nat::{Instant, Nat, Side};
use packet_buffer::wire::*;

fn with_ftp() -> Nat {
    let mut nat = nat();
    nat.add_alg(Box::new(Ftp::new()));
    nat
}

fn control(nat: &mut Nat) -> Connection {
    let server = (SERVER, 21);
    let mut control = Connection::open(nat, Side::Inside, (HOST, 40_000), server, server);
    assert_eq!(
        control.send(nat, 1, b"220 ready\r\n").unwrap(),
        b"220 ready\r\n"
    );
    assert_eq!(
        control.send(nat, 0, b"USER guest\r\n").unwrap(),
        b"USER guest\r\n"
    );
    control
}

/// Address and port of `h1,h2,h3,h4,p1,p2`.
fn host_port(text: &[u8]) -> End {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let n: Vec<u8> = text.trim().split(',').map(|n| n.parse().unwrap()).collect();
    (
        Ipv4Addr::new(n[0], n[1], n[2], n[3]),
        u16::from_be_bytes([n[4], n[5]]),
    )
}

fn syn(nat: &mut Nat, side: Side, from: End, to: End) -> Option<End> {
    let packet = segment(from, to, TcpFlags::SYN, (1, 0), &[], b"");
    through(nat, side, packet)
        .ok()
        .map(|packet| read(&packet).1)
}

#[test]
fn active_mode() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let sent = control
        .send(&mut nat, 0, b"PORT 10,0,0,10,200,1\r\n")
        .unwrap();
    let announced = host_port(sent.strip_prefix(b"PORT ").unwrap());
    assert_eq!(announced.0, EXTERNAL);
    // The text is longer than it was, and the rest of the session fits all the same.
    assert_ne!(sent.len(), b"PORT 10,0,0,10,200,1\r\n".len());
    assert_eq!(
        control.send(&mut nat, 1, b"200 fine\r\n").unwrap(),
        b"200 fine\r\n"
    );
    assert_eq!(
        control.send(&mut nat, 0, b"RETR file\r\n").unwrap(),
        b"RETR file\r\n"
    );
    // Only the server gets in, only there, and once.
    assert_eq!(
        syn(&mut nat, Side::Outside, (STRANGER, 20), announced),
        None
    );
    assert_eq!(
        syn(
            &mut nat,
            Side::Outside,
            (SERVER, 20),
            (EXTERNAL, announced.1 ^ 1)
        ),
        None
    );
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), announced),
        Some((HOST, 51_201))
    );
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 2020), announced),
        None
    );
    // The next file needs another port.
    let sent = control
        .send(&mut nat, 0, b"PORT 10,0,0,10,200,2\r\n")
        .unwrap();
    let next = host_port(sent.strip_prefix(b"PORT ").unwrap());
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), next),
        Some((HOST, 51_202))
    );
    assert_eq!(control.send(&mut nat, 0, b"QUIT\r\n").unwrap(), b"QUIT\r\n");
}

#[test]
fn extended_active_mode() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let sent = control
        .send(&mut nat, 0, b"EPRT |1|10.0.0.10|50000|\r\n")
        .unwrap();
    let text = String::from_utf8(sent).unwrap();
    let fields: Vec<&str> = text.trim().split('|').collect();
    assert_eq!(fields[..3], ["EPRT ", "1", "203.0.113.100"]);
    let port = fields[3].parse().unwrap();
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), (EXTERNAL, port)),
        Some((HOST, 50_000))
    );
}

#[test]
fn passive_mode_of_a_client_inside_needs_nothing() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let text = b"227 Entering Passive Mode (198,51,100,10,100,1)\r\n";
    assert_eq!(control.send(&mut nat, 1, text).unwrap(), text);
    assert!(syn(&mut nat, Side::Inside, (HOST, 40_001), (SERVER, 25_601)).is_some());
}

#[test]
fn passive_mode_of_a_server_inside() {
    let mut nat = with_ftp();
    let client = (SERVER, 50_000);
    let mut control = Connection::open(&mut nat, Side::Outside, client, (EXTERNAL, 21), (HOST, 21));
    control.send(&mut nat, 1, b"220 ready\r\n").unwrap();
    control.send(&mut nat, 0, b"PASV\r\n").unwrap();
    let text = b"227 Entering Passive Mode (10,0,0,10,150,1).\r\n";
    let got = control.send(&mut nat, 1, text).unwrap();
    let inner = got.split(|octet| *octet == b'(').nth(1).unwrap();
    let announced = host_port(inner.split(|octet| *octet == b')').next().unwrap());
    assert_eq!(announced.0, EXTERNAL);
    assert!(got.ends_with(b").\r\n"));
    assert_eq!(
        syn(&mut nat, Side::Outside, (STRANGER, 50_001), announced),
        None
    );
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 50_001), announced),
        Some((HOST, 38_401))
    );
    assert_eq!(control.send(&mut nat, 0, b"LIST\r\n").unwrap(), b"LIST\r\n");
    let got = control
        .send(&mut nat, 1, b"229 Extended (|||38402|)\r\n")
        .unwrap();
    assert!(got.starts_with(b"229 Extended (|||"));
}

#[test]
fn repetitions_are_changed_the_same_and_shift_once() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let again = control.packet(0, b"PORT 10,0,0,10,200,1\r\n");
    let first = control
        .send(&mut nat, 0, b"PORT 10,0,0,10,200,1\r\n")
        .unwrap();
    let second = control.deliver(&mut nat, 0, again).unwrap();
    assert_eq!(first, second);
    assert_eq!(
        control.send(&mut nat, 0, b"RETR file\r\n").unwrap(),
        b"RETR file\r\n"
    );
    assert_eq!(
        control.send(&mut nat, 1, b"150 ok\r\n").unwrap(),
        b"150 ok\r\n"
    );
}

#[test]
fn selective_acknowledgments_count_as_the_sender_does() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let before = control.numbers(0).0;
    let text = b"PORT 10,0,0,10,200,1\r\n";
    let longer = control.send(&mut nat, 0, text).unwrap().len() as u32 - text.len() as u32;
    assert!(longer > 0);
    // The server has something behind a gap of ten octets that were lost.
    let (own, other) = control.ends_of(0);
    let (sent, acknowledged) = control.numbers(0);
    let numbers = (sent + 10, acknowledged);
    let later = segment(own, other, TcpFlags::ACK, numbers, &[], &[b'x'; 20]);
    through(&mut nat, Side::Inside, later).unwrap();
    let (server, client) = control.ends_of(1);
    let (next, expected) = control.numbers(1);
    let (left, right) = (expected + 10, expected + 30);
    let edges = [left.to_be_bytes(), right.to_be_bytes()].concat();
    for lead in 0..3 {
        let mut options = vec![TcpOption::NoOperation; lead];
        options.push(TcpOption::Sack(SackBlocks::from_octets(&edges).unwrap()));
        let packet = segment(
            server,
            client,
            TcpFlags::ACK,
            (next, expected),
            &options,
            b"",
        );
        let got = through(&mut nat, Side::Outside, packet).unwrap();
        let ip = Ipv4Packet::parse(got.as_slice()).unwrap();
        let tcp = TcpSegment::parse(ip.payload()).unwrap();
        assert_eq!(tcp.acknowledgment_number(), before + text.len() as u32);
        let blocks = tcp.options().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks.iter().collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(blocks, Some(vec![(left - longer, right - longer)]));
    }
}

/// Class 7 of attacks: what a page makes a browser send must open nothing.
#[test]
fn what_it_does_not_fall_for() {
    let cases: [&[u8]; 5] = [
        b"PORT 10,0,0,11,200,1\r\n",     // another host
        b"PORT 10,0,0,10,0,22\r\n",      // a privileged port
        b"PORT 198,51,100,99,200,1\r\n", // a bounce
        b"PORT 10,0,0,10,200,1",         // no end of line
        b"PORT 10,0,0,10,999,1\r\n",     // no port
    ];
    for text in cases {
        let mut nat = with_ftp();
        let mut control = control(&mut nat);
        assert!(
            control.send(&mut nat, 0, text).is_err(),
            "{}",
            String::from_utf8_lossy(text)
        );
        for port in [22, 51_201] {
            assert_eq!(
                syn(&mut nat, Side::Outside, (SERVER, 20), (EXTERNAL, port)),
                None
            );
        }
    }
    // In the middle of a line, as data of another protocol would be.
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    control.send(&mut nat, 0, b"STOR some").unwrap();
    assert!(
        control
            .send(&mut nat, 0, b"PORT 10,0,0,10,200,1\r\n")
            .is_err()
    );
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), (EXTERNAL, 51_201)),
        None
    );
    // On another port than FTP's.
    let mut nat = with_ftp();
    let server = (SERVER, 8021);
    let mut other = Connection::open(&mut nat, Side::Inside, (HOST, 40_000), server, server);
    let text = b"PORT 10,0,0,10,200,1\r\n";
    assert_eq!(other.send(&mut nat, 0, text).unwrap(), text);
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), (EXTERNAL, 51_201)),
        None
    );
}

#[test]
fn expectations_end_with_time_and_with_their_session() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    let sent = control
        .send(&mut nat, 0, b"PORT 10,0,0,10,200,1\r\n")
        .unwrap();
    let announced = host_port(sent.strip_prefix(b"PORT ").unwrap());
    nat.handle_timeout(Instant::from_secs(71));
    let mut late = segment((SERVER, 20), announced, TcpFlags::SYN, (1, 0), &[], b"");
    let verdict = nat.process(Instant::from_secs(71), Side::Outside, &mut late);
    assert!(matches!(verdict, nat::Verdict::Drop(_)));
    // Nothing stays behind when all is over.
    let mut guard = 0;
    while let Some(at) = nat.poll_timeout() {
        nat.handle_timeout(at);
        guard += 1;
        assert!(guard < 1_000);
    }
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
}

#[test]
fn without_the_gateway_nothing_is_touched() {
    let mut nat = nat();
    let mut control = control(&mut nat);
    let text = b"PORT 10,0,0,10,200,1\r\n";
    assert_eq!(control.send(&mut nat, 0, text).unwrap(), text);
    assert_eq!(
        syn(&mut nat, Side::Outside, (SERVER, 20), (EXTERNAL, 51_201)),
        None
    );
}

#[test]
fn batches_are_the_same_as_single_packets() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    control
        .send(&mut nat, 0, b"PORT 10,0,0,10,200,1\r\n")
        .unwrap();
    let packet = control.packet(1, b"200 fine\r\n");
    let mut packets = [packet.clone(), packet];
    let mut verdicts = [nat::Verdict::Held; 2];
    let now = NOW;
    nat.process_batch(now, Side::Outside, &mut packets, &mut verdicts);
    let expected = control.numbers(0).0;
    for packet in packets {
        let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
        let tcp = TcpSegment::parse(ip.payload()).unwrap();
        assert_eq!(tcp.acknowledgment_number(), expected);
    }
}

#[test]
fn nothing_near_a_command_panics() {
    let mut nat = with_ftp();
    let mut control = control(&mut nat);
    for text in [
        &b"PORT 10,0,0,10,200,1\r\n"[..],
        b"EPRT |1|10.0.0.10|50000|\r\n",
    ] {
        let packet = control.packet(0, text);
        testkit::sweep(&packet.as_slice()[40..], |data| {
            let packet = control.packet(0, data);
            let _ = through(&mut nat, Side::Inside, packet);
        });
    }
    assert_eq!(
        control.send(&mut nat, 1, b"200 still there\r\n").unwrap(),
        b"200 still there\r\n"
    );
}
