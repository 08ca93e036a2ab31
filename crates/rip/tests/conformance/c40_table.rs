//! Checks 40 to 49: what a response does to the table, and time to its routes.

use crate::lab::{LEFT, Lab, OTHER, PEER, RIGHT, response, route, routes_of};
use core::time::Duration;
use rip::Ipv4;
use rip::rib::RouteChange;
use rip::wire::Command;

const NET: &str = "10.0.0.0/8";

fn hear(lab: &mut Lab<Ipv4>, metric: u8) {
    assert_eq!(lab.hear(&response(&[route(NET, metric)])), Ok(()));
}

fn hear_other(lab: &mut Lab<Ipv4>, metric: u8) {
    assert_eq!(
        lab.hear_from(OTHER, &response(&[route(NET, metric)])),
        Ok(())
    );
}

/// What the router uses: next hop and metric.
fn used(lab: &Lab<Ipv4>) -> Option<(core::net::Ipv4Addr, u8)> {
    Some((lab.next_hop(NET)?, lab.metric(NET)?))
}

#[test]
fn check_040_the_same_router_is_believed_when_it_says_more() {
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    assert_eq!(used(&lab), Some((PEER, 3)));
    hear(&mut lab, 9);
    assert_eq!(used(&lab), Some((PEER, 10)));
}

#[test]
fn check_041_a_lower_metric_is_adopted_with_its_next_hop_and_timeout() {
    let mut lab = Lab::v4();
    hear(&mut lab, 5);
    lab.seconds(170);
    hear_other(&mut lab, 3);
    assert_eq!(used(&lab), Some((OTHER, 4)));
    lab.seconds(170);
    assert_eq!(used(&lab), Some((OTHER, 4)), "the timeout began anew");
}

#[test]
fn check_042_an_equal_metric_is_ignored_and_does_not_refresh() {
    let mut lab = Lab::v4_with(|config, _| config.switch_at_half_timeout = false);
    hear(&mut lab, 2);
    // The other router keeps telling; only the owner's word counts.
    for _ in 0..17 {
        lab.seconds(10);
        hear_other(&mut lab, 2);
        assert_eq!(used(&lab), Some((PEER, 3)));
    }
    lab.seconds(11);
    assert_eq!(lab.metric(NET), Some(16), "the owner was silent for 181 s");
    hear_other(&mut lab, 2);
    assert_eq!(used(&lab), Some((OTHER, 3)));
}

#[test]
fn check_043_an_equal_metric_takes_over_after_half_of_the_timeout() {
    // Decision: the option of RFC 2453 §3.9.2 is on unless it is switched off.
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    lab.seconds(89);
    hear_other(&mut lab, 2);
    assert_eq!(used(&lab), Some((PEER, 3)));
    lab.seconds(2);
    hear_other(&mut lab, 2);
    assert_eq!(used(&lab), Some((OTHER, 3)));
}

#[test]
fn check_044_infinity_starts_the_garbage_timer_once() {
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    lab.seconds(10);
    hear(&mut lab, 16);
    assert_eq!(lab.metric(NET), Some(16));
    for _ in 0..11 {
        lab.seconds(10);
        hear(&mut lab, 16);
        assert_eq!(lab.metric(NET), Some(16));
    }
    lab.run(Duration::from_millis(9_999));
    assert_eq!(lab.metric(NET), Some(16));
    lab.run(Duration::from_millis(1));
    assert_eq!(
        lab.route(NET),
        None,
        "120 s after the first, and not after the last"
    );
}

#[test]
fn check_045_a_new_route_ends_the_garbage_timer() {
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    hear(&mut lab, 16);
    lab.seconds(100);
    hear_other(&mut lab, 4);
    assert_eq!(used(&lab), Some((OTHER, 5)));
    lab.seconds(100);
    assert_eq!(used(&lab), Some((OTHER, 5)));
}

#[test]
fn check_046_timeout_after_180_s_and_garbage_for_120_s_more() {
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    lab.run(Duration::from_millis(179_999));
    assert_eq!(lab.metric(NET), Some(3));
    let begin = lab.now;
    let mut sent = lab.run(Duration::from_millis(120_000));
    assert_eq!(lab.metric(NET), Some(16));
    sent.extend(lab.run(Duration::from_millis(1)));
    assert_eq!(lab.route(NET), None);
    assert_eq!(lab.stats().timed_out, 1);
    // Until then it was announced as unreachable, in every regular update.
    let told: Vec<_> = sent
        .iter()
        .filter(|sent| sent.to.interface == RIGHT && sent.metric(NET) == Some(16))
        .map(|sent| sent.at - begin)
        .collect();
    assert!(told.len() >= 4, "{told:?}");
    assert!(told[0] <= Duration::from_secs(5), "{told:?}");
    let later = lab.seconds(40);
    assert!(later.iter().all(|sent| sent.metric(NET).is_none()));
}

#[test]
fn check_047_every_change_is_told() {
    let mut lab = Lab::v4();
    let right = |sent: Vec<crate::lab::Sent<Ipv4>>| -> Vec<u32> {
        let right = sent.iter().filter(|sent| sent.to.interface == RIGHT);
        right.filter_map(|sent| sent.metric(NET)).collect()
    };
    for (metric, told) in [(2, 3), (4, 5), (1, 2), (16, 16)] {
        hear(&mut lab, metric);
        let sent = right(lab.run(Duration::from_millis(5_001)));
        assert!(sent.contains(&told), "{metric}: {sent:?}");
        hear(&mut lab, metric);
        let unchanged = lab.stats().route_changes;
        hear(&mut lab, metric);
        assert_eq!(
            lab.stats().route_changes,
            unchanged,
            "the same is no change"
        );
    }
    // The forwarding table hears of each prefix in its newest state.
    while lab.engine.poll_route_change().is_some() {}
    hear(&mut lab, 3);
    hear(&mut lab, 2);
    let change = lab.engine.poll_route_change().unwrap();
    assert!(
        matches!(&change, RouteChange::Add(route) if route.metric == 3),
        "{change:?}"
    );
    assert_eq!(lab.engine.poll_route_change(), None);
}

#[test]
fn check_048_routes_through_an_interface_that_goes_down_are_told_so() {
    let mut lab = Lab::v4();
    hear(&mut lab, 2);
    lab.seconds(6);
    assert!(lab.engine.set_link_up(lab.now, LEFT, false));
    assert_eq!(lab.metric(NET), Some(16));
    let sent = lab.run(Duration::from_millis(5_001));
    assert!(sent.iter().all(|sent| sent.to.interface == RIGHT));
    let routes = routes_of(&sent);
    assert!(routes.contains(&(NET.to_owned(), 16)), "{routes:?}");
    assert!(
        routes.contains(&("192.0.2.0/24".to_owned(), 16)),
        "{routes:?}"
    );
}

#[test]
fn check_049_an_interface_that_comes_up_asks_for_the_whole_table() {
    let mut lab = Lab::v4();
    assert!(lab.engine.set_link_up(lab.now, LEFT, false));
    lab.seconds(6);
    assert!(lab.engine.set_link_up(lab.now, LEFT, true));
    let sent = lab.drain();
    let asked = sent.iter().find(|sent| sent.to.interface == LEFT).unwrap();
    assert_eq!(asked.command(), Command::REQUEST);
    let kind = asked.message().request_kind();
    assert_eq!(kind, rip::wire::RequestKind::WholeTable);
    assert_eq!(asked.to.destination, rip::wire::RIP_GROUP);
}
