//! Handshakes that the firewall answers itself.

use crate::common::*;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{Ipv4Packet, TcpOption, TcpSegment};
use stateful_firewall::model::{Policy, Rule};
use stateful_firewall::{DropReason, FirewallConfig, HalfOpen, InterfaceId, Verdict};

const CLIENT: &str = "198.51.100.7:4000";
const SERVER: &str = "10.0.1.80:80";

fn policy() -> Policy {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        to: vec!["dmz".into()],
        syn_proxy: true,
        ..allow("tcp", 80)
    }];
    policy
}

struct Seen {
    to: Option<InterfaceId>,
    seq: u32,
    ack: u32,
    flags: packet_buffer::wire::TcpFlags,
    window: u16,
    mss: Option<u16>,
}

fn read(to: Option<InterfaceId>, packet: &PacketBuf) -> Seen {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let segment = TcpSegment::parse(ip.payload()).unwrap();
    segment.verify_checksum(&ip.pseudo_header()).unwrap();
    Seen {
        to,
        seq: segment.sequence_number(),
        ack: segment.acknowledgment_number(),
        flags: segment.flags(),
        window: segment.window(),
        mss: segment.options().find_map(|option| match option {
            TcpOption::MaximumSegmentSize(mss) => Some(mss),
            _ => None,
        }),
    }
}

fn sent(bench: &mut Bench) -> Vec<Seen> {
    bench
        .transmitted()
        .iter()
        .map(|(to, packet)| read(*to, packet))
        .collect()
}

/// The client's SYN, and the cookie that it gets.
fn cookie(bench: &mut Bench) -> u32 {
    let syn = tcp(end(CLIENT), end(SERVER), SYN, 1_000, 0)
        .options(&[TcpOption::MaximumSegmentSize(1_460)])
        .build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &syn), Verdict::Consumed);
    assert_eq!(bench.sessions(), 0, "nothing is stored");
    let sent = sent(bench);
    let [answer] = &sent[..] else { panic!() };
    assert_eq!((answer.to, answer.flags), (Some(OUTSIDE), SYN | ACK));
    assert_eq!(
        (answer.ack, answer.window, answer.mss),
        (1_001, 0, Some(1_460))
    );
    answer.seq
}

/// The whole handshake; the server starts at 70,000.
fn connected(bench: &mut Bench) -> u32 {
    let cookie = cookie(bench);
    let ack = tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie.wrapping_add(1)).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &ack), Verdict::Consumed);
    let asked = sent(bench);
    let [syn] = &asked[..] else { panic!() };
    assert_eq!(
        (syn.to, syn.flags, syn.seq, syn.mss),
        (Some(DMZ), SYN, 1_000, Some(1_460))
    );
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (1, 1));
    let answer = tcp(end(SERVER), end(CLIENT), SYN | ACK, 70_000, 1_001)
        .window(5_000)
        .build();
    assert_eq!(bench.pass(DMZ, OUTSIDE, &answer), Verdict::Consumed);
    let both = sent(bench);
    let [third, window] = &both[..] else { panic!() };
    assert_eq!(
        (third.to, third.flags, third.seq, third.ack),
        (Some(DMZ), ACK, 1_001, 70_001)
    );
    assert_eq!(
        (
            window.to,
            window.flags,
            window.seq,
            window.ack,
            window.window
        ),
        (Some(OUTSIDE), ACK, cookie.wrapping_add(1), 1_001, 5_000)
    );
    assert_eq!(bench.firewall.half_open(), 0);
    cookie
}

fn through(bench: &mut Bench, from: InterfaceId, to: InterfaceId, packet: &PacketBuf) -> Seen {
    let mut packet = packet.clone();
    let path = stateful_firewall::Path::new(from, to);
    let verdict = bench.firewall.process(bench.now, &path, &mut packet);
    assert!(verdict.is_accept(), "{verdict:?}");
    read(Some(to), &packet)
}

#[test]
fn segments_are_translated_both_ways() {
    let mut bench = Bench::strict(&policy());
    let cookie = connected(&mut bench);
    let (client, server) = (end(CLIENT), end(SERVER));
    let start = cookie.wrapping_add(1);
    let request = tcp(client, server, ACK | PSH, 1_001, start)
        .data(b"GET")
        .build();
    let seen = through(&mut bench, OUTSIDE, DMZ, &request);
    assert_eq!((seen.seq, seen.ack), (1_001, 70_001));
    let answer = tcp(server, client, ACK | PSH, 70_001, 1_004)
        .data(b"200 ok")
        .build();
    let seen = through(&mut bench, DMZ, OUTSIDE, &answer);
    assert_eq!((seen.seq, seen.ack), (start, 1_004));
    let ack = tcp(client, server, ACK | FIN, 1_004, start.wrapping_add(6)).build();
    let seen = through(&mut bench, OUTSIDE, DMZ, &ack);
    assert_eq!((seen.seq, seen.ack), (1_004, 70_007));
    // A blind reset in the server's own numbers is out of the window of the client's.
    let reset = tcp(client, server, RST, 900_000, 0).build();
    assert!(!bench.pass(OUTSIDE, DMZ, &reset).is_accept());
    bench.wait(200);
    assert_eq!((bench.sessions(), bench.firewall.read_sessions()), (0, 0));
}

#[test]
fn a_cookie_is_good_for_its_client_and_for_a_while() {
    let mut bench = Bench::strict(&policy());
    let cookie = cookie(&mut bench);
    for wrong in [
        tcp(
            end("198.51.100.8:4000"),
            end(SERVER),
            ACK,
            1_001,
            cookie + 1,
        ),
        tcp(
            end("198.51.100.7:4001"),
            end(SERVER),
            ACK,
            1_001,
            cookie + 1,
        ),
        tcp(end(CLIENT), end(SERVER), ACK, 1_002, cookie + 1),
        tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie),
        tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie ^ 0x0100_0000),
        tcp(end(CLIENT), end(SERVER), ACK | RST, 1_001, cookie + 1),
    ] {
        assert!(matches!(
            bench.pass(OUTSIDE, DMZ, &wrong.build()),
            Verdict::Drop(_)
        ));
    }
    assert_eq!(bench.sessions(), 0);
    bench.wait(130);
    // Others are given cookies all the time.
    let other = tcp(end("198.51.100.8:9"), end(SERVER), SYN, 1, 0).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &other), Verdict::Consumed);
    let late = tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie + 1).build();
    assert!(matches!(bench.pass(OUTSIDE, DMZ, &late), Verdict::Drop(_)));
}

#[test]
fn guesses_do_not_open_a_connection() {
    let mut bench = Bench::strict(&policy());
    let _ = cookie(&mut bench);
    for guess in 0..20_000u32 {
        let ack = tcp(
            end("198.51.100.9:1"),
            end(SERVER),
            ACK,
            1_001,
            guess.wrapping_mul(0x9e37_79b9),
        );
        assert!(!matches!(
            bench.pass(OUTSIDE, DMZ, &ack.build()),
            Verdict::Consumed
        ));
    }
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn a_server_that_does_not_answer_is_asked_again_and_given_up() {
    let mut bench = Bench::strict(&policy());
    let cookie = cookie(&mut bench);
    let ack = tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie.wrapping_add(1)).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &ack), Verdict::Consumed);
    bench.wait(40);
    assert_eq!(sent(&mut bench).len(), 4);
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (0, 0));
}

#[test]
fn a_server_that_refuses_is_heard() {
    let mut bench = Bench::strict(&policy());
    let cookie = cookie(&mut bench);
    let ack = tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie.wrapping_add(1)).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &ack), Verdict::Consumed);
    let _ = sent(&mut bench);
    // Not to a number that was never sent.
    let blind = tcp(end(SERVER), end(CLIENT), RST | ACK, 0, 9).build();
    assert_eq!(
        bench.pass(DMZ, OUTSIDE, &blind),
        Verdict::Drop(DropReason::SynProxy)
    );
    let refusal = tcp(end(SERVER), end(CLIENT), RST | ACK, 0, 1_001).build();
    assert_eq!(bench.pass(DMZ, OUTSIDE, &refusal), Verdict::Consumed);
    let told = sent(&mut bench);
    assert_eq!(
        (told[0].to, told[0].seq),
        (Some(OUTSIDE), cookie.wrapping_add(1))
    );
    assert!(told[0].flags.contains(RST));
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (0, 0));
}

// C3.1: a flood makes the firewall answer for everybody, and hold no state for those who do not exist.
#[test]
fn cookies_start_by_themselves_when_many_connections_are_half_open() {
    let mut policy = policy();
    policy.rules[0].syn_proxy = false;
    let config = FirewallConfig {
        half_open: HalfOpen {
            most: 1_000,
            adaptive_from: 1_000,
            cookies_from: Some(100),
        },
        ..FirewallConfig::new(2_000)
    };
    let mut bench = Bench::new(&policy, config);
    for number in 0..5_000u16 {
        let from = (
            std::net::IpAddr::from([198, 18, (number >> 8) as u8, number as u8]),
            9,
        )
            .into();
        let verdict = bench.pass(OUTSIDE, DMZ, &tcp(from, end(SERVER), SYN, 1, 0).build());
        assert_eq!(verdict == Verdict::Consumed, number >= 100);
        let _ = bench.transmitted();
    }
    assert_eq!(bench.sessions(), 100);
    // A real client gets through all the same.
    connected_behind_flood(&mut bench);
}

fn connected_behind_flood(bench: &mut Bench) {
    let syn = tcp(end(CLIENT), end(SERVER), SYN, 1_000, 0).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &syn), Verdict::Consumed);
    let cookie = sent(bench)[0].seq;
    let ack = tcp(end(CLIENT), end(SERVER), ACK, 1_001, cookie.wrapping_add(1)).build();
    assert_eq!(bench.pass(OUTSIDE, DMZ, &ack), Verdict::Consumed);
    assert_eq!(sent(bench)[0].to, Some(DMZ));
    assert_eq!(bench.sessions(), 101);
}

// RFC 6528 §3 MUST (secret): who has the code and has seen other cookies cannot make one.
#[test]
fn cookies_come_from_a_secret() {
    let cookie_of = |seed: u64, port: u16| {
        let policy = stateful_firewall::CompiledPolicy::new(&policy()).unwrap();
        let random = Box::new(testkit::SeededRandom::new(seed));
        let config = FirewallConfig::new(64);
        let mut bench = Bench {
            firewall: stateful_firewall::Firewall::new(config, policy, random).unwrap(),
            now: packet_buffer::Instant::from_secs(1_000),
        };
        let client = std::net::SocketAddr::new(end(CLIENT).ip(), port);
        let syn = tcp(client, end(SERVER), SYN, 1_000, 0).build();
        assert_eq!(bench.pass(OUTSIDE, DMZ, &syn), Verdict::Consumed);
        let code = sent(&mut bench)[0].seq & 0x00ff_ffff;
        assert_eq!(bench.pass(OUTSIDE, DMZ, &syn), Verdict::Consumed);
        assert_eq!(
            sent(&mut bench)[0].seq & 0x00ff_ffff,
            code,
            "a repeated SYN"
        );
        code
    };
    // Neither does another firewall give the same ones, nor are those of neighbors alike.
    let codes: std::collections::BTreeSet<u32> =
        (1..=20).map(|seed| cookie_of(seed, 4_000)).collect();
    assert_eq!(codes.len(), 20);
    let mut steps = std::collections::BTreeSet::new();
    let of_ports: Vec<u32> = (4_000..4_020).map(|port| cookie_of(1, port)).collect();
    for pair in of_ports.windows(2) {
        steps.insert(pair[1].wrapping_sub(pair[0]));
    }
    assert_eq!(steps.len(), 19);
}
