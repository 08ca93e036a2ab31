//! A batch is what its packets are, one by one.

use crate::support::*;
use core::time::Duration;
use nat::{Instant, Nat, PacketBuf, Profile, Verdict};
use proptest::prelude::*;

/// One packet from inside, of 12 flows of each kind.
fn outbound(flow: u8, kind: u8) -> PacketBuf {
    let inside = end(
        [10, 0, 0, 10 + flow % 4].into(),
        5_000 + u16::from(flow / 4),
    );
    match kind {
        0 => udp(inside, end(SERVER, 53)),
        1 => tcp(inside, end(SERVER, 80), "S", 1, 0),
        2 => tcp(inside, end(SERVER, 80), "A", 2, 10),
        3 => echo(*inside.ip(), SERVER, inside.port()),
        4 => udp(end([192, 168, 0, 1].into(), 1), end([0, 1, 2, 3].into(), 1)),
        _ => PacketBuf::from_slice(64, &[0x45, kind, flow]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24,
        max_shrink_iters: 200,
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_agree_with_single_packets(
        rounds in proptest::collection::vec(
            proptest::collection::vec((0u8..12, 0u8..7), 0..80), 1..8),
        profile in prop_oneof![
            Just(Profile::Rfc), Just(Profile::LinuxCompat), Just(Profile::CloudGateway)],
    ) {
        let make = || Nat::new(config(profile), Box::new(testkit::SeededRandom::new(5))).unwrap();
        let (mut single, mut batch) = (make(), make());
        let mut now = Instant::ZERO;
        for round in rounds {
            now += Duration::from_secs(1);
            let packets: Vec<PacketBuf> =
                round.iter().map(|(flow, kind)| outbound(*flow, *kind)).collect();
            let mut one_by_one = packets.clone();
            let expected: Vec<Verdict> = one_by_one
                .iter_mut()
                .map(|packet| single.process(now, Inside, packet))
                .collect();
            let mut together = packets;
            let mut verdicts = vec![Verdict::Local; together.len()];
            batch.process_batch(now, Inside, &mut together, &mut verdicts);
            prop_assert_eq!(verdicts, expected);
            for (a, b) in one_by_one.iter().zip(&together) {
                prop_assert_eq!(a.as_slice(), b.as_slice());
            }
            prop_assert_eq!(single.session_count(), batch.session_count());
        }
        prop_assert_eq!(single.stats(), batch.stats());
    }
}

#[test]
fn the_shorter_slice_counts() {
    let mut nat = simple(Profile::Rfc);
    let mut packets = vec![outbound(0, 0), outbound(1, 0)];
    let mut verdicts = [Verdict::Local];
    nat.process_batch(at(0), Inside, &mut packets, &mut verdicts);
    assert_eq!(verdicts, [Verdict::Forward { hairpin: false }]);
    assert_eq!(nat.session_count(), 1);
    nat.process_batch(at(0), Inside, &mut [], &mut verdicts);
}

/// What a packet of a batch ends is over for those behind it.
#[test]
fn a_reset_in_a_batch_ends_the_session_for_the_rest() {
    let mut nat = simple(Profile::LinuxCompat);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 1, 0)).from;
    let mut packets = vec![tcp(server, out, "RA", 0, 2), tcp(server, out, "SA", 9, 2)];
    let mut verdicts = [Verdict::Local; 2];
    nat.process_batch(at(0), Outside, &mut packets, &mut verdicts);
    assert_eq!(verdicts[0], Verdict::Forward { hairpin: false });
    assert!(matches!(verdicts[1], Verdict::Drop(_)));
    assert_eq!(nat.session_count(), 0);
}
