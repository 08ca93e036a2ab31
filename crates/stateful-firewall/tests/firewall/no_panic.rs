//! What lies near good packets returns, and what is refused leaves no state.

use crate::common::*;
use packet_buffer::PacketBuf;
use packet_buffer::wire::TcpOption;
use proptest::prelude::*;
use stateful_firewall::application::Filter;
use stateful_firewall::model::{Helper, Policy, Rule};
use stateful_firewall::{FirewallConfig, FragmentMode, Path, TcpPolicy, Verdict};
use std::time::Duration;

fn policy() -> Policy {
    let mut policy = three_legs();
    policy.filters = vec![Filter {
        name: "f".into(),
        block: vec!["bad.example".into()],
        unknown: true,
        scan: true,
        reject: true,
        ..Filter::default()
    }];
    let read = |rule: Rule| Rule {
        filter: Some("f".into()),
        log: true,
        ..rule
    };
    policy.rules = vec![
        Rule {
            helper: Some(Helper::Ftp),
            ..read(allow("tcp", 21))
        },
        Rule {
            helper: Some(Helper::Tftp),
            ..allow("udp", 69)
        },
        Rule {
            helper: Some(Helper::Sip),
            ..allow("udp", 5060)
        },
        read(allow("tcp", 80)),
        read(allow("udp", 53)),
        Rule {
            syn_proxy: true,
            ..allow("tcp", 443)
        },
    ];
    policy.log_default = true;
    policy
}

fn packets() -> Vec<PacketBuf> {
    let (client, web) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    let syn = tcp(client, web, SYN, 1_000, 0)
        .options(&[
            TcpOption::MaximumSegmentSize(1_460),
            TcpOption::WindowScale(7),
            TcpOption::SackPermitted,
        ])
        .build();
    vec![
        syn.clone(),
        tcp(client, web, ACK, 1_001, 5_001)
            .data(b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n")
            .build(),
        tcp(client, end("198.51.100.2:21"), ACK, 1_001, 5_001)
            .data(b"PORT 10,0,0,2,195,80\r\n")
            .build(),
        tcp(client, end("198.51.100.2:443"), SYN, 1, 0).build(),
        udp(client, end("198.51.100.2:69"), b"\x00\x01file\x00octet\x00"),
        udp(client, end("198.51.100.2:53"), b"\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03abc\x00\x00\x01\x00\x01"),
        udp(client, end("198.51.100.2:5060"), b"INVITE sip:a@b SIP/2.0\r\nContent-Type: application/sdp\r\nContent-Length: 50\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 5004 RTP/AVP 0\r\n"),
        udp(end("[2001:db8::1]:1"), end("[2001:db8:1::1]:2"), b"six"),
        ping("10.0.0.2", "198.51.100.2", 3, true),
        ping("2001:db8::1", "2001:db8:1::1", 3, true),
        unreachable("203.0.113.9", "10.0.0.2", &syn, 60, 1_400),
        cut(&udp(client, end("198.51.100.2:2"), &[7; 100]), 60).remove(0),
    ]
}

#[test]
fn neighbors_of_good_packets_return() {
    for (tcp, verify, fragments) in [
        (TcpPolicy::Strict, false, FragmentMode::Virtual),
        (TcpPolicy::linux(), false, FragmentMode::Reassemble),
        (TcpPolicy::Loose, true, FragmentMode::Virtual),
    ] {
        let config = FirewallConfig {
            tcp,
            fragments,
            verify_checksums: verify,
            ip_options: true,
            accounting: true,
            sync_queue: 64,
            flow_log: Some(Duration::from_secs(10)),
            ..FirewallConfig::new(512)
        };
        let mut bench = Bench::new(&policy(), config);
        let mut variants = 0;
        for packet in packets() {
            variants += testkit::sweep(packet.as_slice(), |octets| {
                let mut packet = PacketBuf::from_slice(0, octets);
                let path = Path::new(INSIDE, OUTSIDE);
                bench.now += Duration::from_millis(50);
                let _ = bench.firewall.explain(bench.now, &path, octets);
                let verdict = bench.firewall.process(bench.now, &path, &mut packet);
                if verify && let Verdict::Drop(stateful_firewall::DropReason::Checksum(_)) = verdict
                {
                    assert_eq!(packet.as_slice(), octets);
                }
                let _ = bench
                    .firewall
                    .process(bench.now, &Path::new(OUTSIDE, INSIDE), &mut packet);
                bench.firewall.handle_timeout(bench.now);
                let _ = (bench.transmitted(), bench.events());
                while bench.firewall.poll_sync().is_some() {}
            });
        }
        assert!(variants > 3_000, "{variants}");
        assert!(bench.sessions() <= 768);
    }
}

/// What one step of a random run does.
#[derive(Debug, Clone)]
enum Act {
    Packet {
        from: u16,
        to: u16,
        which: usize,
        turned: bool,
    },
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        9 => (0u16..3, 0u16..3, 0usize..200, any::<bool>())
            .prop_map(|(from, to, which, turned)| Act::Packet { from, to, which, turned }),
        1 => prop_oneof![0u64..5, 0u64..400].prop_map(Act::Wait),
    ]
}

/// Packets of a few conversations.
fn some_packet(which: usize, turned: bool) -> PacketBuf {
    let (a, b) = (
        end(["10.0.0.2:1000", "10.0.0.3:1001"][which % 2]),
        end(["198.51.100.2:80", "198.51.100.2:9"][which / 2 % 2]),
    );
    let (a, b) = if turned { (b, a) } else { (a, b) };
    let flags = [SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST][which / 4 % 6];
    match which / 24 {
        0..=5 => {
            let number = (which / 24) as u32 * 100;
            tcp(a, b, flags, 1_000 + number, 1_001 + number)
                .data(&vec![1; which % 7])
                .build()
        }
        6 => udp(a, b, b"payload"),
        _ => ping(&a.ip().to_string(), &b.ip().to_string(), 7, !turned),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn counters_add_up_and_batches_agree(acts in prop::collection::vec(act(), 1..120)) {
        let mut policy = three_legs();
        policy.rules = vec![
            Rule { from: vec!["outside".into()], ..allow("tcp", 80) },
            Rule { action: stateful_firewall::model::Action::Reject, ..allow("udp", 9) },
        ];
        let config = || FirewallConfig { accounting: true, ..FirewallConfig::new(4) };
        let (mut single, mut batched) = (Bench::new(&policy, config()), Bench::new(&policy, config()));
        let mut packets = 0u64;
        for act in &acts {
            match act {
                Act::Wait(seconds) => {
                    single.wait(*seconds);
                    batched.wait(*seconds);
                }
                Act::Packet { from, to, which, turned } => {
                    packets += 1;
                    let path = Path::new(
                        stateful_firewall::InterfaceId::new(*from),
                        stateful_firewall::InterfaceId::new(*to),
                    );
                    let packet = some_packet(*which, *turned);
                    let alone = single.firewall.process(single.now, &path, &mut packet.clone());
                    let mut verdicts = [Verdict::Held];
                    batched.firewall.process_batch(batched.now, &[path], &mut [packet], &mut verdicts);
                    prop_assert_eq!(alone, verdicts[0]);
                }
            }
            let _ = (single.transmitted(), batched.transmitted());
            let (v4, v6) = single.firewall.sessions();
            prop_assert!(v4 <= 4 && v6 == 0);
            prop_assert!(single.firewall.half_open() <= v4);
        }
        let stats = single.firewall.stats();
        let concluded = stats.accepted + stats.malformed + stats.checksum + stats.header
            + stats.spoofed + stats.interface + stats.invalid + stats.icmp_errors + stats.policy
            + stats.limit + stats.half_open + stats.table_full;
        prop_assert_eq!(concluded, packets);
        let over = stats.sessions_expired + stats.sessions_evicted + stats.sessions_ended;
        prop_assert_eq!(stats.sessions_begun - over, single.firewall.sessions().0 as u64);
        // In the end nothing is left, and no count of what is.
        single.wait(10_000);
        prop_assert_eq!((single.sessions(), single.firewall.half_open()), (0, 0));
        prop_assert_eq!(single.firewall.poll_timeout(), None);
    }
}

#[test]
fn a_batch_is_processed_in_order() {
    let mut bench = Bench::strict(&three_legs());
    let mut packets = Vec::new();
    let mut paths = Vec::new();
    for port in 0..100u16 {
        // Both families mixed.
        let (client, server): (std::net::SocketAddr, _) = if port % 3 == 0 {
            (
                (
                    std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]),
                    1_000 + port,
                )
                    .into(),
                end("[2001:db8:1::2]:80"),
            )
        } else {
            (
                (std::net::IpAddr::from([10, 0, 0, 2]), 1_000 + port).into(),
                end("198.51.100.2:80"),
            )
        };
        packets.push(tcp(client, server, SYN, 1_000, 0).build());
        paths.push(Path::new(INSIDE, OUTSIDE));
        packets.push(tcp(server, client, SYN | ACK, 5_000, 1_001).build());
        paths.push(Path::new(OUTSIDE, INSIDE));
        packets.push(tcp(client, server, ACK, 1_001, 5_001).build());
        paths.push(Path::new(INSIDE, OUTSIDE));
    }
    let mut verdicts = vec![Verdict::Held; packets.len()];
    bench
        .firewall
        .process_batch(bench.now, &paths, &mut packets, &mut verdicts);
    assert!(verdicts.iter().all(Verdict::is_accept));
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (100, 0));
}
