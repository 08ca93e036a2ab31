//! Checks 62 to 69: requests.

use crate::lab::{LEFT, Lab, PEER, RIGHT, RIGHT_PEER, Sent, request, response, route};
use core::time::Duration;
use rip::Ipv4;
use rip::engine::{Discard, Received};
use rip::wire::{Command, RipEntryRepr};

const NET: &str = "10.0.0.0/8";

/// A router that has learned `NET` on the left.
fn lab() -> Lab<Ipv4> {
    let mut lab = Lab::v4();
    assert_eq!(lab.hear(&response(&[route(NET, 1)])), Ok(()));
    lab.seconds(6);
    lab
}

/// A request of the neighbor on the right.
fn from_right(payload: &[u8], source_port: u16) -> Received<'_, Ipv4> {
    Received {
        interface: RIGHT,
        source: RIGHT_PEER,
        source_port,
        ..Lab::<Ipv4>::datagram(payload)
    }
}

fn answers(lab: &mut Lab<Ipv4>) -> Vec<Sent<Ipv4>> {
    let mut sent = lab.run(Duration::from_millis(200));
    sent.retain(|sent| sent.to.destination == RIGHT_PEER || sent.to.destination == PEER);
    sent
}

const ALL: RipEntryRepr = RipEntryRepr::WHOLE_TABLE;

#[test]
fn check_062_one_entry_of_family_0_and_metric_16_asks_for_the_table() {
    let mut lab = lab();
    assert_eq!(lab.input(&from_right(&request(&[ALL]), 520)), Ok(()));
    let answers = answers(&mut lab);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].command(), Command::RESPONSE);
    assert_eq!(answers[0].metric(NET), Some(2));
    // As a regular update, with split horizon.
    assert_eq!(answers[0].metric("198.51.100.0/24"), None);
    assert_eq!(lab.stats().answered, 1);
}

#[test]
fn check_063_family_0_with_another_metric_asks_for_nothing_of_that_kind() {
    let mut lab = lab();
    assert_eq!(
        lab.input(&from_right(&request(&[ALL.with_metric(1)]), 520)),
        Ok(())
    );
    let answers = answers(&mut lab);
    assert_eq!(answers.len(), 1);
    // Decision: it is a request for one route that there is not, and says so.
    let entries: Vec<_> = answers[0]
        .message()
        .entries()
        .map(|entry| entry.to_repr())
        .collect();
    assert_eq!(entries, [ALL]);
}

#[test]
fn check_064_no_entries_no_answer() {
    let mut lab = lab();
    let octets = request(&[]);
    let discard = lab.refuses(&from_right(&octets, 520), |stats| stats.empty_request);
    assert_eq!(discard, Discard::EmptyRequest);
    assert!(answers(&mut lab).is_empty());
}

#[test]
fn check_065_single_routes_are_answered_without_split_horizon() {
    let mut lab = lab();
    let asked = [
        route(NET, 16)
            .with_tag(0x1234)
            .with_next_hop([1, 2, 3, 4].into()),
        route("11.0.0.0/8", 5),
        route("192.0.2.0/24", 16),
    ];
    // From the left, where the route was learned.
    assert_eq!(lab.hear(&request(&asked)), Ok(()));
    let answers = answers(&mut lab);
    assert_eq!(answers.len(), 1);
    let entries: Vec<_> = answers[0]
        .message()
        .entries()
        .map(|entry| entry.to_repr())
        .collect();
    let expected = [
        asked[0].with_metric(2),
        asked[1].with_metric(16),
        asked[2].with_metric(1),
    ];
    assert_eq!(
        entries, expected,
        "the same entries with the metrics filled in"
    );
}

#[test]
fn check_066_the_answer_goes_to_the_port_of_the_request() {
    let mut lab = lab();
    for (asked, port) in [
        (request(&[ALL]), 40_000),
        (request(&[route(NET, 1)]), 50_000),
    ] {
        assert_eq!(lab.input(&from_right(&asked, port)), Ok(()));
        let answers = answers(&mut lab);
        assert_eq!(answers.len(), 1);
        let to = &answers[0].to;
        assert_eq!((to.interface, to.destination), (RIGHT, RIGHT_PEER));
        assert_eq!((to.source_port, to.destination_port), (520, port));
    }
    // The option keeps the table for routers.
    let mut lab = Lab::v4_with(|_, link| link.requests.whole_table_to_any_port = false);
    let octets = request(&[ALL]);
    lab.refuses(&from_right(&octets, 40_000), |stats| stats.request_refused);
    assert_eq!(lab.input(&from_right(&octets, 520)), Ok(()));
}

#[test]
fn check_067_family_0_among_other_entries_is_no_request_for_the_table() {
    let mut lab = lab();
    for asked in [[ALL, route(NET, 16)], [route(NET, 16), ALL], [ALL, ALL]] {
        assert_eq!(lab.input(&from_right(&request(&asked), 520)), Ok(()));
        let answers = answers(&mut lab);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].message().entry_count(), 2);
    }
}

#[test]
fn check_068_passive_interfaces_do_not_answer() {
    let mut lab = Lab::v4_with(|_, link| link.passive = true);
    for asked in [request(&[ALL]), request(&[route(NET, 1)])] {
        let discard = lab.refuses(&Lab::<Ipv4>::datagram(&asked), |stats| {
            stats.request_refused
        });
        assert_eq!(discard, Discard::RequestRefused);
        assert!(lab.drain().is_empty());
    }
}

#[test]
fn check_069_requests_are_limited_and_answered_on_the_link_only() {
    let mut lab = lab();
    let octets = request(&[ALL]);
    let off_link = Received {
        source: [203, 0, 113, 7].into(),
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&off_link, |stats| stats.source_off_link);
    let received = from_right(&octets, 520);
    let mut answered = 0;
    for _ in 0..1_000 {
        match lab.input(&received) {
            Ok(()) => answered += 1,
            Err(discard) => assert_eq!(discard, Discard::RequestLimit),
        }
        lab.run(Duration::from_millis(1));
    }
    // Ten at once and ten in the second that passed.
    assert!((10..=21).contains(&answered), "{answered}");
    assert_eq!(lab.stats().request_limit, 1_000 - answered);
    // Another interface is not held up.
    assert_eq!(lab.hear(&octets), Ok(()));
    let sent = lab.run(Duration::from_millis(200));
    assert!(sent.iter().any(|sent| sent.to.interface == LEFT));
}
