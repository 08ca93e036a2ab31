//! Attack classes, by the number under which the project keeps them. Those about fragments (6), helpers
//! (7), logs (10) and the application layer (16) stand with their subject.

use crate::common::*;
use packet_buffer::wire::{IpPacket, TcpFlags, TcpOption};
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::model::{Action, Rule};
use stateful_firewall::{
    DropReason, FirewallConfig, HalfOpen, InterfaceId, Invalid, Path, Verdict, language,
};
use std::net::IpAddr;
use std::time::Duration;

fn addr(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

// C3.1: a flood against a denial creates no state.
#[test]
fn class_1_a_flood_that_is_denied_costs_no_state() {
    let mut bench = Bench::strict(&three_legs());
    for number in 0..10_000u32 {
        let from = (addr(0xc633_0000 + number), 4_000).into();
        let verdict = bench.back(&tcp(from, end("10.0.0.2:80"), SYN, number, 0).build());
        assert!(!verdict.is_accept());
    }
    assert_eq!(bench.sessions(), 0);
    assert_eq!(bench.firewall.stats().sessions_begun, 0);
}

// C3.1: a full table gives up what is not established, and never what is.
#[test]
fn class_1_established_sessions_survive_a_flood_of_new_ones() {
    let config = FirewallConfig {
        half_open: HalfOpen {
            most: usize::MAX,
            adaptive_from: usize::MAX,
            cookies_from: None,
        },
        ..FirewallConfig::new(256)
    };
    let mut bench = Bench::new(&three_legs(), config);
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    for number in 0..5_000u32 {
        let from = (addr(0x0a01_0000 + number), 4_000).into();
        bench.out_passes(&tcp(from, server, SYN, 1, 0).build());
    }
    assert!(bench.sessions() <= 256);
    assert!(bench.firewall.stats().sessions_evicted > 4_000);
    let data = tcp(server, client, ACK, 5_001, 1_001).data(b"x").build();
    bench.back_passes(&data);
}

// C3.1: when established sessions fill the table, new ones are refused.
#[test]
fn class_1_a_table_full_of_established_sessions_refuses() {
    let mut bench = Bench::new(&three_legs(), FirewallConfig::new(32));
    let server = end("198.51.100.2:80");
    for number in 0..32u16 {
        bench.connect((addr(0x0a00_0002), 1_000 + number).into(), server);
    }
    let one_more = tcp(end("10.0.0.3:1"), server, SYN, 1, 0).build();
    assert_eq!(bench.out(&one_more), Verdict::Drop(DropReason::TableFull));
    assert_eq!(bench.firewall.stats().table_full, 1);
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (32, 0));
}

// C3.2: the place in the table depends on a key that is drawn, so keys made for another one spread.
#[test]
fn class_2_many_keys_in_a_pattern_stay_cheap() {
    let config = FirewallConfig {
        half_open: HalfOpen {
            most: usize::MAX,
            adaptive_from: usize::MAX,
            cookies_from: None,
        },
        evict: false,
        ..FirewallConfig::new(100_000)
    };
    let mut bench = Bench::new(&three_legs(), config);
    // Addresses and ports whose sum, difference and exclusive or are all the same.
    let path = Path::new(INSIDE, OUTSIDE);
    for number in 0..50_000u32 {
        let from = (addr(0x0a00_0000 | number), (number & 0xffff) as u16).into();
        let to = (addr(0xc633_0000 | number), (number & 0xffff) as u16).into();
        let mut packet = udp(from, to, b"");
        let verdict = bench.firewall.process(bench.now, &path, &mut packet);
        assert!(verdict.is_accept(), "{number}: {verdict:?}");
    }
    assert_eq!(bench.sessions(), 50_000);
}

// C3.4: blind resets, over the whole sequence space.
#[test]
fn class_4_a_sweep_of_blind_resets_ends_nothing() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    let mut passed = 0;
    for step in 0..512u32 {
        let reset = tcp(server, client, RST, step << 23, 0).build();
        passed += u32::from(bench.back(&reset).is_accept());
    }
    assert_eq!(passed, 0);
    let data = tcp(server, client, ACK, 5_001, 1_001).data(b"x").build();
    bench.back_passes(&data);
}

// C3.4: segments out of the window, and acknowledgments of what was never sent.
#[test]
fn class_4_segments_out_of_the_window_are_dropped() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    for (seq, ack, why) in [
        (5_001 + 100_000, 1_001, Invalid::OverWindow),
        (5_001u32.wrapping_sub(100_000), 1_001, Invalid::UnderWindow),
        (5_001, 1_001 + 100_000, Invalid::AckOfUnsent),
    ] {
        let segment = tcp(server, client, ACK, seq, ack).data(b"evil").build();
        assert_eq!(
            bench.back(&segment),
            Verdict::Drop(DropReason::Invalid(why))
        );
    }
    assert_eq!(bench.firewall.stats().invalid, 3);
}

// C3.5: forged ICMP errors.
#[test]
fn class_5_forged_errors_do_not_pass() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    let data = tcp(client, server, ACK, 1_001, 5_001)
        .data(&[1; 100])
        .build();
    bench.out_passes(&data);
    let router = "203.0.113.9";
    // In flight, and honest.
    bench.back_passes(&unreachable(router, "10.0.0.2", &data, 28, 1_400));
    // An MTU that no IPv4 link has; one that IPv6 does not allow is a test of its own.
    let low = unreachable(router, "10.0.0.2", &data, 28, 68);
    assert_eq!(bench.back(&low), Verdict::Drop(DropReason::BadQuote));
    // RFC 5927 §4.1 SHOULD (sequence-number): one that is not in flight.
    let old = tcp(client, server, ACK, 900_000, 5_001).build();
    let forged = unreachable(router, "10.0.0.2", &old, 28, 1_400);
    assert_eq!(bench.back(&forged), Verdict::Drop(DropReason::BadQuote));
    // The direction: an error about what the server sent does not come to the client.
    let answer = tcp(server, client, ACK, 5_001, 1_001).build();
    let wrong = unreachable(router, "198.51.100.2", &answer, 28, 0);
    assert_eq!(bench.back(&wrong), Verdict::Drop(DropReason::WrongZone));
    // Too short a quote, a quote of an error, a bad checksum.
    let short = unreachable(router, "10.0.0.2", &data, 22, 0);
    assert_eq!(bench.back(&short), Verdict::Drop(DropReason::Unrelated));
    let nested = unreachable(router, "10.0.0.2", &low, 56, 0);
    assert_eq!(bench.back(&nested), Verdict::Drop(DropReason::Unrelated));
    let mut bad = unreachable(router, "10.0.0.2", &data, 28, 0);
    bad.as_mut_slice()[22] ^= 1;
    assert!(matches!(
        bench.back(&bad),
        Verdict::Drop(DropReason::Checksum(_))
    ));
    // A source quench.
    let mut quench = unreachable(router, "10.0.0.2", &data, 28, 0);
    quench.as_mut_slice()[20] = 4;
    fix_icmp(&mut quench);
    assert_eq!(bench.back(&quench), Verdict::Drop(DropReason::Unrelated));
}

fn fix_icmp(packet: &mut PacketBuf) {
    let icmp = &mut packet.as_mut_slice()[20..];
    icmp[2..4].fill(0);
    let checksum = packet_buffer::checksum::internet_checksum(icmp);
    icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
}

// C3.5: errors neither keep a session alive nor end it, and their rate is limited.
#[test]
fn class_5_errors_change_nothing_and_are_limited() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:53"));
    let query = udp(client, server, b"q");
    bench.out_passes(&query);
    let error = unreachable("203.0.113.9", "10.0.0.2", &query, 28, 0);
    let passed = (0..100).filter(|_| bench.back(&error).is_accept()).count();
    assert_eq!(passed, 10);
    assert_eq!(bench.firewall.stats().icmp_errors, 90);
    bench.back_passes(&udp(server, client, b"late answer"));
    for _ in 0..7 {
        bench.wait(50);
        let _ = bench.back(&error);
    }
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn class_5_ipv6_packet_too_big_below_the_least_mtu_is_dropped() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("[2001:db8:1::2]:40000"), end("[2001:db8:2::2]:53"));
    let query = udp(client, server, b"q");
    bench.out_passes(&query);
    let error = |mtu| unreachable("2001:db8:9::1", "2001:db8:1::2", &query, 48, mtu);
    bench.back_passes(&error(1_280));
    assert_eq!(
        bench.back(&error(1_279)),
        Verdict::Drop(DropReason::BadQuote)
    );
}

// C3.8: a session is between the zones that it was opened between.
#[test]
fn class_8_replies_from_another_zone_are_dropped() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:53"));
    bench.out_passes(&udp(client, server, b"q"));
    let answer = udp(server, client, b"a");
    assert_eq!(
        bench.pass(DMZ, INSIDE, &answer),
        Verdict::Drop(DropReason::WrongZone)
    );
    assert_eq!(
        bench.pass(OUTSIDE, DMZ, &answer),
        Verdict::Drop(DropReason::WrongZone)
    );
    bench.back_passes(&answer);
}

// C3.11: time.
#[test]
fn class_11_time_runs_backwards_wraps_and_stands_still() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:53"));
    // Beyond 2^32 milliseconds.
    bench.now = Instant::from_millis(u64::from(u32::MAX) - 500);
    bench.out_passes(&udp(client, server, b"q"));
    bench.wait(2);
    bench.back_passes(&udp(server, client, b"a"));
    // Backwards counts as the latest seen: nothing expires early, nothing lives longer.
    let late = bench.now;
    bench.now = Instant::ZERO;
    bench.out_passes(&udp(client, server, b"q"));
    bench.firewall.handle_timeout(Instant::ZERO);
    assert_eq!(bench.sessions(), 1);
    // To the microsecond: one before the deadline it is there, at the deadline it is not.
    bench.now = late + Duration::from_secs(300) - Duration::from_micros(1);
    bench.back_passes(&udp(server, client, b"a"));
    bench.now += Duration::from_secs(300);
    assert!(!bench.back(&udp(server, client, b"a")).is_accept());
    // The end of time.
    bench.now = Instant::MAX;
    bench.out_passes(&udp(client, server, b"q"));
    bench.firewall.handle_timeout(Instant::MAX);
}

// C3.11: sequence numbers wrap.
#[test]
fn class_11_sequence_numbers_wrap() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    let (mut c, s) = (u32::MAX - 1, u32::MAX);
    bench.out_passes(&tcp(client, server, SYN, c, 0).build());
    c = c.wrapping_add(1);
    bench.back_passes(&tcp(server, client, SYN | ACK, s, c).build());
    for _ in 0..4 {
        let data = tcp(client, server, ACK, c, 0).data(&[1; 1_000]).build();
        bench.out_passes(&data);
        c = c.wrapping_add(1_000);
        bench.back_passes(&tcp(server, client, ACK, 0, c).build());
    }
}

// C3.12: packets to their own source, and from addresses that no host has.
#[test]
fn class_12_land_and_martians() {
    let mut bench = Bench::strict(&three_legs());
    let land = udp(end("10.0.0.2:7"), end("10.0.0.2:7"), b"x");
    assert_eq!(bench.out(&land), Verdict::Drop(DropReason::Land));
    for (source, destination) in [
        ("127.0.0.1:1", "198.51.100.2:1"),
        ("224.0.0.5:1", "198.51.100.2:1"),
        ("255.255.255.255:1", "198.51.100.2:1"),
        ("0.1.2.3:1", "198.51.100.2:1"),
        ("10.0.0.2:1", "127.0.0.1:1"),
        ("[::1]:1", "[2001:db8::1]:1"),
        ("[ff02::1]:1", "[2001:db8::1]:1"),
        ("[::ffff:10.0.0.1]:1", "[2001:db8::1]:1"),
        ("[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"),
    ] {
        let verdict = bench.out(&udp(end(source), end(destination), b"x"));
        assert!(
            matches!(verdict, Verdict::Drop(DropReason::Martian(_))),
            "{source}"
        );
    }
}

/// An IPv4 packet with options.
fn with_options(options: &[u8]) -> PacketBuf {
    let plain = udp(end("10.0.0.2:1"), end("198.51.100.2:2"), b"x");
    let octets = plain.as_slice();
    let mut all = octets[..20].to_vec();
    all.extend_from_slice(options);
    all.extend_from_slice(&octets[20..]);
    all[0] = 0x45 + (options.len() / 4) as u8;
    let length = all.len() as u16;
    all[2..4].copy_from_slice(&length.to_be_bytes());
    all[10..12].fill(0);
    let header = 20 + options.len();
    let checksum = packet_buffer::checksum::internet_checksum(&all[..header]);
    all[10..12].copy_from_slice(&checksum.to_be_bytes());
    PacketBuf::from_slice(0, &all)
}

// C3.13: source routes and other options.
#[test]
fn class_13_options_and_source_routes() {
    let record_route = [7, 7, 4, 0, 0, 0, 0, 0];
    let loose = [131, 7, 4, 192, 0, 2, 1, 0];
    let strict = [1, 137, 7, 4, 192, 0, 2, 1];
    for lenient in [false, true] {
        let config = FirewallConfig {
            ip_options: lenient,
            ..FirewallConfig::new(16)
        };
        let mut bench = Bench::new(&three_legs(), config);
        for route in [loose, strict] {
            let verdict = bench.out(&with_options(&route));
            assert_eq!(verdict, Verdict::Drop(DropReason::SourceRoute));
        }
        let verdict = bench.out(&with_options(&record_route));
        assert_eq!(verdict.is_accept(), lenient, "{verdict:?}");
    }
    // RFC 5095 §3 MUST (type-0): with segments left.
    let mut bench = Bench::strict(&three_legs());
    for (kind, left, passes) in [(0, 1, false), (0, 0, true), (2, 1, true)] {
        let inner = udp(end("[2001:db8::1]:1"), end("[2001:db8:1::1]:2"), b"x");
        let octets = inner.as_slice();
        let mut all = octets[..40].to_vec();
        all[6] = 43;
        let mut header = vec![17, 2, kind, left, 0, 0, 0, 0];
        header.extend([0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        all.extend_from_slice(&header);
        all.extend_from_slice(&octets[40..]);
        let length = (all.len() - 40) as u16;
        all[4..6].copy_from_slice(&length.to_be_bytes());
        let verdict = bench.out(&PacketBuf::from_slice(0, &all));
        assert_eq!(
            verdict != Verdict::Drop(DropReason::SourceRoute),
            passes,
            "{kind} {left}"
        );
    }
}

// C3.14: lengths that contradict each other.
#[test]
fn class_14_lengths_that_cannot_be() {
    let mut bench = Bench::strict(&three_legs());
    let good = tcp(end("10.0.0.2:1"), end("198.51.100.2:2"), SYN, 1, 0)
        .options(&[TcpOption::MaximumSegmentSize(1_460)])
        .build();
    let with = |at: usize, octet: u8| {
        let mut packet = good.clone();
        packet.as_mut_slice()[at] = octet;
        packet
    };
    for bad in [
        with(3, 200),
        with(3, 19),
        with(0, 0x44),
        with(0, 0x4f),
        with(32, 0x40),
        with(32, 0xf0),
    ] {
        let verdict = bench.out(&bad);
        assert!(
            matches!(
                verdict,
                Verdict::Drop(
                    DropReason::Malformed(_) | DropReason::Checksum(_) | DropReason::Options
                )
            ),
            "{verdict:?}"
        );
    }
    // Padding of the link is no part of the packet.
    let mut padded = good.clone();
    padded.append_slice(&[0xaa; 18]);
    bench.out_passes(&padded);
    assert_eq!(bench.sessions(), 1);
}

// C3.14: control bits that no TCP sends.
#[test]
fn class_14_impossible_control_bits_are_dropped() {
    let mut bench = Bench::strict(&three_legs());
    for bits in 0..64u16 {
        let flags = TcpFlags(bits);
        let to = (addr(0xc633_6402), 100 + bits).into();
        let verdict = bench.out(&tcp(end("10.0.0.2:1"), to, flags, 1, 0).build());
        // A SYN alone begins a connection; PSH says nothing.
        let begins = matches!(flags.0 & !0x08, 0x02 | 0x22);
        assert_eq!(verdict.is_accept(), begins, "{flags}");
    }
}

// C3.15: the split handshake.
#[test]
fn class_15_a_server_cannot_turn_the_handshake_around() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.out_passes(&tcp(client, server, SYN, 1_000, 0).build());
    // The server acknowledges without a SYN: nothing is open by that.
    let bare = tcp(server, client, ACK, 5_000, 1_001).build();
    let _ = bench.back(&bare);
    assert_eq!(bench.firewall.half_open(), 1);
    let data = tcp(server, client, ACK | PSH, 5_000, 1_001)
        .data(b"early")
        .build();
    let _ = bench.back(&data);
    assert_eq!(
        bench.firewall.half_open(),
        1,
        "still waits for the handshake"
    );
}

// C3.17: asymmetric paths: without having seen the start, strict windows let nothing through.
#[test]
fn class_17_half_a_conversation_is_no_session() {
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    let answer = tcp(client, server, SYN | ACK, 1, 1).build();
    let data = tcp(client, server, ACK, 2, 1).data(b"x").build();
    let mut bench = Bench::strict(&three_legs());
    assert!(!bench.out(&answer).is_accept() && !bench.out(&data).is_accept());
    assert_eq!(bench.sessions(), 0);
    // Taken up in the middle where that is wanted.
    let config = FirewallConfig {
        tcp: stateful_firewall::TcpPolicy::Loose,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&three_legs(), config);
    bench.out_passes(&data);
    assert_eq!(bench.sessions(), 1);
}

// C3.18: what is invalid does not pass, whatever the rules say.
#[test]
fn class_18_invalid_packets_do_not_pass_by_a_rule() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        action: Action::Accept,
        ..Rule::default()
    }];
    let mut bench = Bench::strict(&policy);
    let stray = tcp(end("10.0.0.2:1"), end("198.51.100.2:2"), ACK, 1, 1).build();
    assert!(matches!(
        bench.out(&stray),
        Verdict::Drop(DropReason::Invalid(_))
    ));
}

// C3.20: rule sets made to take memory.
#[test]
fn class_20_policies_that_explode_are_refused() {
    let mut text = String::from("zone a level 1\naddresses s0 { 10.0.0.1, 10.0.0.3 }\n");
    for n in 1..40 {
        text += &format!("addresses s{n} {{ @s{}, @s{} }}\n", n - 1, n - 1);
    }
    let error = language::compile(&(text.clone() + "rule accept from @s39")).unwrap_err();
    assert!(error.message.contains("nested too deep"), "{error}");
    // Ranges that fall apart into many prefixes, in every dimension, many times.
    let mut text = String::from("zone a level 1\n");
    for n in 0..2_000 {
        text += &format!(
            "rule accept from 0.0.0.1-255.255.255.254 port 1-65534 to 0.0.0.{}-255.255.255.254 port 1-65534\n",
            1 + n % 200
        );
    }
    let policy = language::compile(&text).unwrap();
    let (v4, v6, most) = policy.shape();
    assert!(v4 < 3_000 && v6 < 3_000 && most <= 2_000);
}

#[test]
fn unknown_interfaces_pass_nothing() {
    let mut bench = Bench::strict(&three_legs());
    let packet = udp(end("10.0.0.2:1"), end("198.51.100.2:2"), b"x");
    let nowhere = InterfaceId::new(77);
    for (from, to) in [(nowhere, OUTSIDE), (INSIDE, nowhere)] {
        assert_eq!(
            bench.pass(from, to, &packet),
            Verdict::Drop(DropReason::Interface)
        );
    }
    assert!(IpPacket::parse(packet.as_slice()).is_ok());
}
