//! RFC 2979: what is legitimate works as if the firewall were not there.

use crate::common::*;
use packet_buffer::wire::{SackBlocks, TcpFlags, TcpOption};
use stateful_firewall::Verdict;

const CLIENT: &str = "10.0.0.2:40000";
const SERVER: &str = "198.51.100.2:80";

// RFC 2979 §3 MUST (transparency): options that the firewall does not know, in any order.
#[test]
fn options_of_all_kinds_pass() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    let syn = tcp(client, server, SYN, 1, 0).options(&[
        TcpOption::MaximumSegmentSize(1_460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 1,
            echo_reply: 0,
        },
        TcpOption::NoOperation,
        TcpOption::WindowScale(14),
        TcpOption::Other {
            kind: packet_buffer::wire::TcpOptionKind(254),
            data: &[1, 2, 3],
        },
    ]);
    bench.out_passes(&syn.build());
}

// RFC 2979 §3 MUST (transparency): the bits of ECN in a SYN are no reason to refuse it (RFC 3360).
#[test]
fn a_connection_may_negotiate_ecn() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    let (ece, cwr) = (TcpFlags::ECE, TcpFlags::CWR);
    bench.out_passes(&tcp(client, server, SYN | ece | cwr, 1, 0).build());
    bench.back_passes(&tcp(server, client, SYN | ACK | ece, 9, 2).build());
    bench.out_passes(&tcp(client, server, ACK | cwr, 2, 10).build());
    assert_eq!(bench.firewall.half_open(), 0);
}

// RFC 2979 §3 MUST (transparency): both ends may open at once (RFC 9293 §3.5).
#[test]
fn both_ends_may_open_at_once() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.out_passes(&tcp(client, server, SYN, 1_000, 0).build());
    bench.back_passes(&tcp(server, client, SYN, 5_000, 0).build());
    bench.out_passes(&tcp(client, server, SYN | ACK, 1_000, 5_001).build());
    bench.back_passes(&tcp(server, client, SYN | ACK, 5_000, 1_001).build());
    bench.out_passes(&tcp(client, server, ACK, 1_001, 5_001).build());
    let data = tcp(server, client, ACK, 5_001, 1_001)
        .data(b"hello")
        .build();
    bench.back_passes(&data);
}

// RFC 2979 §3 MUST (transparency): scaled windows are the windows that the ends mean.
#[test]
fn scaled_windows_are_understood() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    let scale = [TcpOption::WindowScale(7)];
    bench.out_passes(&tcp(client, server, SYN, 1_000, 0).options(&scale).build());
    let answer = tcp(server, client, SYN | ACK, 5_000, 1_001)
        .options(&scale)
        .build();
    bench.back_passes(&answer);
    let ack = tcp(client, server, ACK, 1_001, 5_001).window(1_000).build();
    bench.out_passes(&ack);
    // 128,000 octets may be on their way before anything is acknowledged.
    let mut seq = 5_001;
    for _ in 0..128 {
        let data = tcp(server, client, ACK, seq, 1_001)
            .data(&[1; 1_000])
            .build();
        bench.back_passes(&data);
        seq += 1_000;
    }
    let data = tcp(server, client, ACK, seq, 1_001)
        .data(&[1; 1_000])
        .build();
    assert!(!bench.back(&data).is_accept(), "and not one more");
}

// RFC 2979 §3 MUST (transparency): segments arrive out of order and twice, and are acknowledged selectively.
#[test]
fn losses_and_selective_acknowledgments_are_no_matter() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let part = |at: u32| {
        tcp(server, client, ACK, 5_001 + at, 1_001)
            .data(&[1; 100])
            .build()
    };
    bench.back_passes(&part(100));
    let blocks = [[0, 0, 0x13, 0xed], [0, 0, 0x14, 0x51]].concat();
    let sack = tcp(client, server, ACK, 1_001, 5_001)
        .options(&[TcpOption::Sack(SackBlocks::from_octets(&blocks).unwrap())])
        .build();
    bench.out_passes(&sack);
    for at in [0, 100, 200, 0] {
        bench.back_passes(&part(at));
    }
    bench.out_passes(&tcp(client, server, ACK, 1_001, 5_301).build());
}

// RFC 2979 §3 MUST (transparency): a connection is closed as ends close it, and its ports used again.
#[test]
fn ports_are_used_again_after_the_close() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    bench.out_passes(&tcp(client, server, FIN | ACK, 1_001, 5_001).build());
    bench.back_passes(&tcp(server, client, ACK, 5_001, 1_002).build());
    bench.back_passes(&tcp(server, client, FIN | ACK, 5_001, 1_002).build());
    bench.out_passes(&tcp(client, server, ACK, 1_002, 5_002).build());
    // The last acknowledgment was lost: the FIN comes again, and is answered again.
    bench.back_passes(&tcp(server, client, FIN | ACK, 5_001, 1_002).build());
    bench.out_passes(&tcp(client, server, ACK, 1_002, 5_002).build());
    let again = tcp(client, server, SYN, 900_000, 0).build();
    bench.out_passes(&again);
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (1, 1));
}

// RFC 2979 §3.1.1 MUST (path-mtu): without a rule that lets ICMP in.
#[test]
fn path_mtu_discovery_works() {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let big = tcp(client, server, ACK, 1_001, 5_001)
        .data(&[1; 1_400])
        .build();
    bench.out_passes(&big);
    let error = unreachable("203.0.113.77", "10.0.0.2", &big, 28, 1_280);
    bench.back_passes(&error);
    let (client, server) = (end("[2001:db8::2]:40000"), end("[2001:db8:1::2]:80"));
    bench.connect(client, server);
    let big = tcp(client, server, ACK, 1_001, 5_001)
        .data(&[1; 1_400])
        .build();
    bench.out_passes(&big);
    let error = unreachable("2001:db8:77::1", "2001:db8::2", &big, 1_200, 1_300);
    bench.back_passes(&error);
}

// RFC 2979 §3.1.1 MAY (echo): what nobody asked for stays out.
#[test]
fn unasked_icmp_stays_out() {
    let mut bench = Bench::strict(&three_legs());
    let echo = ping("198.51.100.2", "10.0.0.2", 1, true);
    assert!(matches!(bench.back(&echo), Verdict::Drop(_)));
    let nothing = tcp(end(CLIENT), end(SERVER), ACK, 1, 1).build();
    let error = unreachable("203.0.113.77", "10.0.0.2", &nothing, 28, 1_280);
    assert!(matches!(bench.back(&error), Verdict::Drop(_)));
}
