//! Fragments wait for their packet, which is inspected whole.

use crate::common::*;
use packet_buffer::PacketBuf;
use packet_buffer::fragment::{AbandonReason, FragmentDiscard};
use stateful_firewall::model::{Action, Rule};
use stateful_firewall::{DropReason, FirewallConfig, FragmentMode, Reason, Verdict};

fn datagram() -> PacketBuf {
    udp(end("10.0.0.2:1000"), end("198.51.100.2:2000"), &[7; 3_000])
}

#[test]
fn fragments_go_on_as_they_came_when_the_last_has_come() {
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut bench = Bench::strict(&three_legs());
        let fragments = cut(&datagram(), 1_500);
        assert_eq!(fragments.len(), 3);
        let [a, b, c] = order.map(|at| fragments[at].clone());
        assert_eq!(bench.out(&a), Verdict::Held);
        assert_eq!(bench.out(&b), Verdict::Held);
        assert!(bench.transmitted().is_empty());
        bench.out_passes(&c);
        let released = bench.transmitted();
        let released: Vec<_> = released
            .into_iter()
            .map(|(to, packet)| {
                assert_eq!(to, Some(OUTSIDE));
                packet
            })
            .collect();
        assert_eq!(released, [a, b]);
        assert_eq!(
            (bench.sessions(), bench.firewall.waiting_fragments()),
            (1, (0, 0))
        );
        assert_eq!(bench.firewall.stats().held, 2);
    }
}

#[test]
fn the_whole_packet_can_take_the_place_of_the_last_fragment() {
    let config = FirewallConfig {
        fragments: FragmentMode::Reassemble,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&three_legs(), config);
    let mut whole = datagram();
    allow_fragments(&mut whole);
    let fragments = cut(&whole, 1_500);
    assert_eq!(bench.out(&fragments[0]), Verdict::Held);
    assert_eq!(bench.out(&fragments[1]), Verdict::Held);
    let mut last = fragments[2].clone();
    let path = stateful_firewall::Path::new(INSIDE, OUTSIDE);
    assert!(
        bench
            .firewall
            .process(bench.now, &path, &mut last)
            .is_accept()
    );
    assert_eq!(last, whole);
    assert!(bench.transmitted().is_empty());
}

#[test]
fn ports_in_the_first_fragment_decide_about_all() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        action: Action::Drop,
        ..allow("udp", 2000)
    }];
    let mut bench = Bench::strict(&policy);
    let fragments = cut(&datagram(), 1_500);
    // The later ones come first, and nothing of them has gone on.
    assert_eq!(bench.out(&fragments[2]), Verdict::Held);
    assert_eq!(bench.out(&fragments[1]), Verdict::Held);
    assert!(matches!(
        bench.out(&fragments[0]),
        Verdict::Drop(DropReason::Policy(Reason::Rule(_)))
    ));
    assert!(bench.transmitted().is_empty());
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn fragments_can_be_dropped() {
    let config = FirewallConfig {
        fragments: FragmentMode::Drop,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&three_legs(), config);
    for fragment in cut(&datagram(), 1_500) {
        assert_eq!(bench.out(&fragment), Verdict::Drop(DropReason::Fragment));
    }
    assert_eq!(bench.firewall.stats().fragments, 3);
}

#[test]
fn fragments_that_are_given_up_leave_nothing() {
    let mut bench = Bench::strict(&three_legs());
    let fragments = cut(&datagram(), 1_500);
    assert_eq!(bench.out(&fragments[0]), Verdict::Held);
    bench.wait(31);
    assert_eq!(bench.firewall.waiting_fragments(), (0, 0));
    // The rest comes too late, and what came before does not complete it.
    assert_eq!(bench.out(&fragments[1]), Verdict::Held);
    assert_eq!(bench.out(&fragments[2]), Verdict::Held);
    bench.wait(31);
    assert!(bench.transmitted().is_empty());
}

// C3.6: overlap, in the data and over the ports.
#[test]
fn overlapping_fragments_are_given_up_and_stay_so() {
    let mut bench = Bench::strict(&three_legs());
    let fragments = cut(&datagram(), 1_500);
    let other = cut(
        &udp(end("10.0.0.2:1000"), end("198.51.100.2:2001"), &[8; 3_000]),
        1_500,
    );
    assert_eq!(bench.out(&fragments[0]), Verdict::Held);
    assert_eq!(
        bench.out(&other[0]),
        Verdict::Drop(DropReason::Fragments(AbandonReason::Overlap))
    );
    for fragment in &fragments {
        assert_eq!(
            bench.out(fragment),
            Verdict::Drop(DropReason::BadFragment(FragmentDiscard::GivenUp))
        );
    }
    assert!(bench.transmitted().is_empty());
    // Later the same identification is another packet's, and nothing of the first one is left.
    bench.wait(31);
    assert_eq!(bench.out(&fragments[0]), Verdict::Held);
    assert_eq!(bench.out(&fragments[1]), Verdict::Held);
    bench.out_passes(&fragments[2]);
    assert_eq!(bench.transmitted().len(), 2);
}

#[test]
fn an_exact_duplicate_is_dropped_and_harms_nothing() {
    let mut bench = Bench::strict(&three_legs());
    let fragments = cut(&datagram(), 1_500);
    assert_eq!(bench.out(&fragments[0]), Verdict::Held);
    assert_eq!(
        bench.out(&fragments[0]),
        Verdict::Drop(DropReason::BadFragment(FragmentDiscard::Duplicate))
    );
    assert_eq!(bench.out(&fragments[1]), Verdict::Held);
    bench.out_passes(&fragments[2]);
    assert_eq!(bench.transmitted().len(), 2);
}

// C3.6: a tiny first fragment.
#[test]
fn a_first_fragment_must_hold_the_tcp_header() {
    let mut bench = Bench::strict(&three_legs());
    let mut syn = tcp(end("10.0.0.2:1000"), end("198.51.100.2:80"), SYN, 1, 0)
        .data(&[1; 64])
        .build();
    allow_fragments(&mut syn);
    let fragments = cut(&syn, 28);
    for fragment in &fragments[..2] {
        let verdict = bench.out(fragment);
        assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?}");
    }
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn fragments_from_two_sides_are_not_put_together() {
    let mut bench = Bench::strict(&three_legs());
    let fragments = cut(&datagram(), 1_500);
    assert_eq!(bench.pass(INSIDE, OUTSIDE, &fragments[0]), Verdict::Held);
    assert_eq!(bench.pass(DMZ, OUTSIDE, &fragments[1]), Verdict::Held);
    assert_eq!(bench.pass(DMZ, OUTSIDE, &fragments[2]), Verdict::Held);
    assert!(bench.pass(INSIDE, OUTSIDE, &fragments[1]) == Verdict::Held);
    assert!(bench.pass(INSIDE, OUTSIDE, &fragments[2]).is_accept());
}

// C3.6: memory.
#[test]
fn a_flood_of_first_fragments_takes_bounded_memory() {
    let mut bench = Bench::strict(&three_legs());
    let fragments = cut(&datagram(), 1_500);
    let bound = bench.firewall.config().reassembler.max_octets;
    for number in 0..20_000u32 {
        let mut fragment = fragments[0].clone();
        let header = &mut fragment.as_mut_slice()[..20];
        header[4..6].copy_from_slice(&(number as u16).to_be_bytes());
        header[12..16].copy_from_slice(&(0x0a00_0000 + number / 8).to_be_bytes());
        header[10..12].fill(0);
        let checksum = packet_buffer::checksum::internet_checksum(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        let _ = bench.out(&fragment);
        assert!(bench.firewall.waiting_fragments().1 <= bound);
    }
    assert!(bench.firewall.stats().fragments > 0);
    bench.wait(40);
    assert_eq!(bench.firewall.waiting_fragments(), (0, 0));
}
