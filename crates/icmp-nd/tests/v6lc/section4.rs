//! Section 4: path MTU discovery.

use crate::packets::{AUTONOMOUS, ON_LINK, Packet, echo_request, error, mtu, pio, ra, slla};
use crate::support::{
    ALL_NODES, ECHO_REPLY, Lab, NUT_GLOBAL, NUT_LL, PREFIX_B, Seen, Station, TN1, TN1_GLOBAL,
    TN1_LL, TN2_GLOBAL, TN4_GLOBAL, TOO_BIG, TR1, TR1_LL, secs,
};

/// Octets of the packets that the host answers a ping of `length` octets with.
fn ping(lab: &mut Lab, from: Station, source: &str, destination: &str, length: usize) -> Vec<Seen> {
    let identifier = lab.fresh();
    let request = Packet::icmp(source, destination, echo_request(identifier, length - 48));
    // A request of more than 1500 octets comes in fragments, as it must.
    lab.clear();
    lab.send(from, &request);
    lab.run(secs(1));
    let all = lab.seen().into_iter();
    all.filter(|it| it.ip().destination() == request.source)
        .filter(|it| it.icmp().is_none_or(|it| it.0 == ECHO_REPLY))
        .collect()
}

fn lengths(seen: &[Seen]) -> Vec<usize> {
    seen.iter().map(|it| it.octets.len()).collect()
}

/// The fragments put together are an answer of this many octets, and none is longer than `mtu`.
fn assert_fragments(seen: &[Seen], length: usize, mtu: usize) {
    assert!(seen.len() > 1, "{:?}", lengths(seen));
    assert!(
        lengths(seen).iter().all(|&it| it <= mtu),
        "{:?}",
        lengths(seen)
    );
    let payload: usize = seen
        .iter()
        .map(|it| it.ip().upper_layer().unwrap().payload.len())
        .sum();
    assert_eq!(payload, length - 40);
}

fn assert_whole(seen: &[Seen], length: usize) {
    assert_eq!(lengths(seen), [length]);
    assert!(seen[0].is(ECHO_REPLY));
}

/// A router reports the MTU of a link that the packet did not fit.
fn too_big(lab: &mut Lab, code: u8, mtu: u32, about: &Seen) {
    let destination = about.ip().source().to_string();
    let message = error(TOO_BIG, code, mtu, &about.octets);
    lab.send(TR1, &Packet::icmp(TR1_LL, &destination, message));
    lab.run(secs(1));
}

/// After a report about a whole answer of 1500 octets to TN2, the answers to it.
fn after_report(code: u8, mtu: u32) -> Vec<Seen> {
    let mut lab = Lab::host_with_router();
    let before = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
    assert_whole(&before, 1_500);
    too_big(&mut lab, code, mtu, &before[0]);
    ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500)
}

mod s_4_1_1 {
    use super::*;

    fn confirm(length: usize) {
        let mut lab = Lab::host_with_router();
        let seen = ping(&mut lab, TN1, TN1_GLOBAL, NUT_GLOBAL, length);
        assert_whole(&seen, length);
    }

    /// v6LC.4.1.1a | Confirm Ping - ICMPv6 Echo Request 64 octets
    #[test]
    fn of_64_octets() {
        confirm(64);
    }

    /// v6LC.4.1.1b | Confirm Ping - ICMPv6 Echo Request 1280 octets
    #[test]
    fn of_1280_octets() {
        confirm(1_280);
    }

    /// v6LC.4.1.1c | Confirm Ping - ICMPv6 Echo Request 1500 octets
    #[test]
    fn of_1500_octets() {
        confirm(1_500);
    }
}

mod s_4_1_2 {
    use super::*;

    /// v6LC.4.1.2 | Stored PMTU
    #[test]
    fn each_destination_has_its_own() {
        let mut lab = Lab::host_with_router();
        let to_tn2 = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        let to_tn4 = ping(&mut lab, TR1, TN4_GLOBAL, NUT_GLOBAL, 1_500);
        too_big(&mut lab, 0, 1_400, &to_tn2[0]);
        let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        assert_fragments(&seen, 1_500, 1_400);
        let seen = ping(&mut lab, TR1, TN4_GLOBAL, NUT_GLOBAL, 1_500);
        assert_whole(&seen, 1_500);
        too_big(&mut lab, 0, 1_280, &to_tn4[0]);
        let seen = ping(&mut lab, TR1, TN4_GLOBAL, NUT_GLOBAL, 1_500);
        assert_fragments(&seen, 1_500, 1_280);
        let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        assert_fragments(&seen, 1_500, 1_400);
        assert!(lengths(&seen)[0] > 1_280);
    }
}

mod s_4_1_3 {
    use super::*;

    /// v6LC.4.1.3 | Non-zero ICMPv6 Code
    #[test]
    fn the_code_does_not_count() {
        assert_fragments(&after_report(0xff, 1_280), 1_500, 1_280);
    }
}

mod s_4_1_4_and_5 {
    use super::*;

    fn on_link(source: &str, destination: &str) {
        let mut lab = Lab::host_with_router();
        let before = ping(&mut lab, TN1, source, destination, 1_500);
        assert_whole(&before, 1_500);
        too_big(&mut lab, 0, 1_280, &before[0]);
        let seen = ping(&mut lab, TN1, source, destination, 1_500);
        assert_fragments(&seen, 1_500, 1_280);
        assert!(seen.iter().all(|it| it.to == TN1.mac));
    }

    /// v6LC.4.1.4 | Reduce PMTU On-link - Global address
    #[test]
    fn on_link_global() {
        on_link(TN1_GLOBAL, NUT_GLOBAL);
    }

    /// v6LC.4.1.4 | Reduce PMTU On-link - Link-Local address
    #[test]
    fn on_link_link_local() {
        on_link(TN1_LL, NUT_LL);
    }

    /// v6LC.4.1.5 | Reduce PMTU Off-link
    #[test]
    fn off_link() {
        let mut lab = Lab::host_with_router();
        for mtu in [1_400u32, 1_280] {
            let before = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
            too_big(&mut lab, 0, mtu, &before[0]);
            let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
            assert_fragments(&seen, 1_500, mtu as usize);
        }
    }
}

mod s_4_1_6_and_7 {
    use super::*;

    /// RFC 8201 §4: such a report is dropped; the atomic fragments that it once caused are gone
    /// (RFC 8021).
    ///
    /// v6LC.4.1.6a | Receiving MTU Below IPv6 Minimum Link MTU - MTU equal to 56
    #[test]
    fn below_the_minimum_56() {
        assert_whole(&after_report(0, 56), 1_500);
    }

    /// v6LC.4.1.6b | Receiving MTU Below IPv6 Minimum Link MTU - MTU equal to 1279
    #[test]
    fn below_the_minimum_1279() {
        assert_whole(&after_report(0, 1_279), 1_500);
    }

    /// A report never raises what is known.
    fn not_raised(mtu: u32) {
        let mut lab = Lab::host_with_router();
        let before = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        too_big(&mut lab, 0, 1_304, &before[0]);
        let low = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        assert_fragments(&low, 1_500, 1_304);
        too_big(&mut lab, 0, mtu, &before[0]);
        let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        assert_fragments(&seen, 1_500, 1_304);
    }

    /// v6LC.4.1.7a | Increase Estimate - MTU increase
    #[test]
    fn a_report_of_more() {
        not_raised(1_500);
    }

    /// v6LC.4.1.7b | Increase Estimate - MTU equal to 0x1fffffff
    #[test]
    fn a_report_of_very_much_more() {
        not_raised(0x1fff_ffff);
    }
}

mod s_4_1_8 {
    use super::*;

    /// v6LC.4.1.8 | Checking for increase in PMTU
    #[test]
    fn an_increase_is_tried_after_ten_minutes_and_not_before_five() {
        let mut lab = Lab::host_with_router();
        let before = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        too_big(&mut lab, 0, 1_280, &before[0]);
        for _ in 0..29 {
            let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
            assert_fragments(&seen, 1_500, 1_280);
            lab.run(secs(9));
        }
        for _ in 0..8 {
            lab.run(secs(60));
            lab.advertise(TR1, TR1_LL);
        }
        let seen = ping(&mut lab, TR1, TN2_GLOBAL, NUT_GLOBAL, 1_500);
        assert_whole(&seen, 1_500);
    }

    /// v6LC.4.1.8 | Router Advertisement with MTU Option
    #[test]
    fn the_mtu_of_an_advertisement() {
        let mut lab = Lab::host_with_router();
        let seen = ping(&mut lab, TN1, TN1_LL, NUT_LL, 1_500);
        assert_whole(&seen, 1_500);
        let prefix = pio(PREFIX_B, 64, ON_LINK | AUTONOMOUS, 2_592_000, 604_800);
        for (advertised, expected) in [(1_280, 1_280), (1_279, 1_280), (1_501, 1_280)] {
            let options = [slla(TR1.mac), prefix.clone(), mtu(advertised)];
            let message = ra(64, 1_800, 0, 0, &options);
            lab.send(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
            lab.run(secs(1));
            let seen = ping(&mut lab, TN1, TN1_LL, NUT_LL, 1_500);
            assert_fragments(&seen, 1_500, expected);
        }
    }
}
