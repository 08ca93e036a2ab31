//! RFC 5961: blind attacks, as far as the firewall that stands in between has to know.

use crate::common::*;
use stateful_firewall::{DropReason, Invalid, Verdict};
use std::net::SocketAddr;

fn connected() -> (Bench, SocketAddr, SocketAddr) {
    let mut bench = Bench::strict(&three_legs());
    let (client, server) = (end("10.0.0.2:40000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    (bench, client, server)
}

/// Whether the connection goes on both ways.
fn lives(bench: &mut Bench, client: SocketAddr, server: SocketAddr) -> bool {
    bench.wait(30);
    let up = tcp(client, server, ACK, 1_001, 5_001).data(b"x").build();
    let down = tcp(server, client, ACK, 5_001, 1_002).data(b"y").build();
    bench.out(&up).is_accept() && bench.back(&down).is_accept()
}

mod section_3_2 {
    use super::*;

    // RFC 5961 §3.2 MUST (out-of-window): left and right of the window.
    #[test]
    fn a_reset_out_of_the_window_is_dropped() {
        let (mut bench, client, server) = connected();
        for seq in [5_000, 5_001 + 9_000, 5_001 + (1 << 31), 0] {
            let reset = tcp(server, client, RST, seq, 0).build();
            let verdict = bench.back(&reset);
            assert_eq!(
                verdict,
                Verdict::Drop(DropReason::Invalid(Invalid::RstOutOfWindow)),
                "{seq}"
            );
        }
        assert!(lives(&mut bench, client, server));
    }

    // RFC 5961 §3.2 MUST (exact): the number that is expected.
    #[test]
    fn the_exact_number_resets() {
        let (mut bench, client, server) = connected();
        bench.back_passes(&tcp(server, client, RST, 5_001, 0).build());
        assert!(!lives(&mut bench, client, server));
    }

    // RFC 5961 §3.2 MUST (in-window): it passes, to be challenged, and the session stays.
    #[test]
    fn another_number_within_the_window_does_not() {
        let (mut bench, client, server) = connected();
        for seq in [5_002, 9_000, 5_001 + 8_000] {
            bench.back_passes(&tcp(server, client, RST, seq, 0).build());
            // The challenge, and the answer of a peer that is alive.
            bench.out_passes(&tcp(client, server, ACK, 1_001, 5_001).build());
        }
        assert!(lives(&mut bench, client, server));
    }
}

mod section_4_2 {
    use super::*;

    // RFC 5961 §4.2 MUST (syn): from either side.
    #[test]
    fn a_syn_does_not_reset() {
        let (mut bench, client, server) = connected();
        for seq in [0, 1_000, 1_001, 77_000_000] {
            let _ = bench.out(&tcp(client, server, SYN, seq, 0).build());
            let _ = bench.back(&tcp(server, client, SYN, seq, 0).build());
            bench.out_passes(&tcp(client, server, ACK, 1_001, 5_001).build());
            bench.back_passes(&tcp(server, client, ACK, 5_001, 1_001).build());
        }
        assert!(lives(&mut bench, client, server));
    }
}

mod section_5_2 {
    use super::*;

    // RFC 5961 §5.2 MUST (ack-range): of what was never sent, and of what is too old.
    #[test]
    fn data_with_an_impossible_acknowledgment_is_dropped() {
        let (mut bench, client, server) = connected();
        for ack in [
            1_002,
            1_001 + 65_536,
            1_001u32.wrapping_sub(70_000),
            1_001 ^ (1 << 31),
        ] {
            let data = tcp(server, client, ACK, 5_001, ack).data(b"evil").build();
            assert!(
                matches!(bench.back(&data), Verdict::Drop(DropReason::Invalid(_))),
                "{ack}"
            );
        }
        assert!(lives(&mut bench, client, server));
    }
}
