//! N8 to N11: who comes in, hairpinning, gateways, determinism (RFC 4787 §5 to §8).

use crate::support::*;
use nat::{
    Action, Classification, DropReason, Endpoint, Filtering, Forward, Mapping, MappingBehavior,
    Profile, Rule, Target, classify,
};
use packet_buffer::wire::IpProtocol;

fn filtered(filtering: Filtering) -> nat::Nat {
    let mut config = config(Profile::Rfc);
    napt(&mut config).filtering = filtering;
    nat(config)
}

/// Which of three senders come in: the one that was sent to, its other port, another address.
fn who_comes_in(filtering: Filtering) -> [bool; 3] {
    let mut nat = filtered(filtering);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    [end(SERVER, 53), end(SERVER, 54), end(OTHER, 53)].map(|from| {
        let mut packet = udp(from, outside);
        match nat.process(at(1), Outside, &mut packet) {
            nat::Verdict::Forward { hairpin: false } => {
                assert_eq!(ends(&packet).to, end(A, 5_000));
                true
            }
            nat::Verdict::Drop(DropReason::Filtered) => false,
            other => panic!("{other:?}"),
        }
    })
}

// RFC 4787 §5 RECOMMENDED (req-8): endpoint-independent or address-dependent filtering.
// RFC 4787 §5 MAY (req-8-a): which of them is a choice.
// RFC 6888 §3 RECOMMENDED (req-7): endpoint-independent is the default.
#[test]
fn n8_udp_filtering_is_a_choice() {
    assert_eq!(
        who_comes_in(Filtering::EndpointIndependent),
        [true, true, true]
    );
    assert_eq!(
        who_comes_in(Filtering::AddressDependent),
        [true, true, false]
    );
    assert_eq!(
        who_comes_in(Filtering::AddressAndPortDependent),
        [true, false, false]
    );
    assert_eq!(
        Profile::Rfc.napt(0).filtering,
        Filtering::EndpointIndependent
    );
}

// RFC 5382 §4.3 RECOMMENDED (req-3): the same for TCP.
// RFC 5382 §4.3 MAY (req-3-a): as a choice.
#[test]
fn n8_tcp_filtering_is_a_choice() {
    for (filtering, comes_in) in [
        (Filtering::EndpointIndependent, true),
        (Filtering::AddressDependent, false),
        (Filtering::AddressAndPortDependent, false),
    ] {
        let mut nat = filtered(filtering);
        let syn = tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0);
        let outside = pass(&mut nat, at(0), Inside, syn).from;
        let mut syn = tcp(end(OTHER, 999), outside, "S", 1, 0);
        let verdict = nat.process(at(0), Outside, &mut syn);
        assert_eq!(
            verdict == nat::Verdict::Forward { hairpin: false },
            comes_in
        );
    }
}

#[test]
fn n8_the_address_filter_forgets_with_the_session() {
    let mut nat = filtered(Filtering::AddressDependent);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    map(&mut nat, at(200), end(A, 5_000), end(OTHER, 53));
    run_until(&mut nat, at(302));
    let reason = drop_of(&mut nat, at(302), Outside, udp(end(SERVER, 99), outside));
    assert_eq!(reason, DropReason::Filtered);
    pass(&mut nat, at(302), Outside, udp(end(OTHER, 99), outside));
}

// RFC 4787 §6 MUST (req-9): inside hosts reach each other by their outside endpoints.
// RFC 4787 §6 MUST (req-9-a): and see each other so.
#[test]
fn n9_udp_hairpinning() {
    let mut nat = simple(Profile::Rfc);
    let of_b = map(&mut nat, at(0), end(B, 6_000), end(SERVER, 53));
    let sent = hairpin(&mut nat, at(0), udp(end(A, 5_000), of_b));
    let seen = ends(&sent);
    assert_eq!((*seen.from.ip(), seen.to), (EXTERNAL, end(B, 6_000)));
    let answer = hairpin(&mut nat, at(0), udp(end(B, 6_000), seen.from));
    let seen = ends(&answer);
    assert_eq!((seen.from, seen.to), (of_b, end(A, 5_000)));
    assert_eq!(nat.stats().hairpinned, 2);
    // A host reaches itself, too, and nothing goes round for ever.
    let own = map(&mut nat, at(0), end(A, 5_001), end(SERVER, 53));
    let sent = hairpin(&mut nat, at(0), udp(end(A, 5_001), own));
    assert_eq!(ends(&sent).to, end(A, 5_001));
}

// RFC 5382 §7.2 MUST (req-8): TCP too.
#[test]
fn n9_tcp_hairpinning() {
    let mut config = config(Profile::Rfc);
    config.forwards.push(Forward {
        protocol: Some(IpProtocol::TCP),
        outside: EXTERNAL,
        ports: 80..=80,
        source: "0.0.0.0/0".parse().unwrap(),
        targets: vec![Target::new(B, 8_080)],
    });
    let mut nat = nat(config);
    let (client, service) = (end(A, 5_000), end(EXTERNAL, 80));
    let syn = ends(&hairpin(&mut nat, at(0), tcp(client, service, "S", 1, 0)));
    assert_eq!((*syn.from.ip(), syn.to), (EXTERNAL, end(B, 8_080)));
    let answer = tcp(end(B, 8_080), syn.from, "SA", 9, 2);
    let seen = ends(&hairpin(&mut nat, at(0), answer));
    assert_eq!((seen.from, seen.to), (service, client));
    hairpin(&mut nat, at(0), tcp(client, service, "A", 2, 10));
}

// RFC 5508 §5 MUST (req-7): hairpinned ICMP errors.
// RFC 5508 §5 MUST (req-7-a): their outer destination is the source of the quoted packet.
#[test]
fn n9_icmp_error_hairpinning() {
    let mut nat = simple(Profile::Rfc);
    let of_b = map(&mut nat, at(0), end(B, 6_000), end(SERVER, 53));
    let query = udp(end(A, 5_000), of_b);
    let sent = hairpin(&mut nat, at(0), query.clone());
    let error = hairpin(&mut nat, at(0), unreachable(B, &sent, 8));
    let seen = ends(&error);
    assert_eq!((*seen.from.ip(), *seen.to.ip()), (EXTERNAL, A));
    assert_eq!(error.as_slice()[28 + 12..], query.as_slice()[12..28]);
}

// RFC 5508 §5 MUST (req-7-query): hairpinned ICMP queries, with basic NAT.
#[test]
fn n9_icmp_query_hairpinning_with_basic_nat() {
    let mut config = config(Profile::Rfc);
    config.rules.insert(
        0,
        Rule {
            matching: nat::Matching::from_prefix("10.0.0.0/24".parse().unwrap()),
            action: Action::Static {
                outside: "192.0.2.0/24".parse().unwrap(),
            },
        },
    );
    let mut nat = nat(config);
    let (a, b) = ([192, 0, 2, 10].into(), [192, 0, 2, 11].into());
    let sent = ends(&hairpin(&mut nat, at(0), echo(A, b, 7)));
    assert_eq!((*sent.from.ip(), *sent.to.ip()), (a, B));
    let answer = ends(&hairpin(&mut nat, at(0), echo_reply(B, a, 7)));
    assert_eq!((*answer.from.ip(), *answer.to.ip()), (b, A));
}

#[test]
fn n9_hairpinning_obeys_the_filter() {
    let mut nat = filtered(Filtering::AddressAndPortDependent);
    let of_b = map(&mut nat, at(0), end(B, 6_000), end(SERVER, 53));
    let reason = drop_of(&mut nat, at(0), Inside, udp(end(A, 5_000), of_b));
    assert_eq!(reason, DropReason::Filtered);
    // And what was taken for it is given back.
    assert_eq!((nat.session_count(), nat.mapping_count()), (1, 1));
}

/// N11: the same questions have the same answers, at any load.
// RFC 4787 §8 MUST NOT (req-11): behavior does not change.
#[test]
fn n11_behavior_is_the_same_empty_and_full() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_199;
    let mut nat = nat(config);
    let expected = Classification {
        mapping: MappingBehavior::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
        hairpin: true,
        preserves_ports: false,
    };
    let ask =
        |nat: &mut nat::Nat, port| classify(nat, at(0), Endpoint::new(A, port), [SERVER, OTHER]);
    assert_eq!(ask(&mut nat, 20_000), Some(expected));
    for n in 0..180 {
        map(&mut nat, at(0), end(B, 30_000 + n), end(SERVER, 53));
    }
    assert_eq!(ask(&mut nat, 21_000), Some(expected));
}

#[test]
fn profiles_are_what_they_say() {
    let ask = |config| {
        let mut nat = nat(config);
        classify(&mut nat, at(0), Endpoint::new(A, 20_000), [SERVER, OTHER]).unwrap()
    };
    let linux = ask(config(Profile::LinuxCompat));
    assert_eq!(linux.mapping, MappingBehavior::EndpointIndependent);
    assert_eq!(linux.filtering, Filtering::AddressAndPortDependent);
    assert!(linux.preserves_ports && !linux.hairpin);
    let cloud = ask(config(Profile::CloudGateway));
    assert_eq!(cloud.mapping, MappingBehavior::AddressAndPortDependent);
    assert_eq!(cloud.filtering, Filtering::AddressAndPortDependent);
    assert!(!cloud.preserves_ports && !cloud.hairpin);
    for (mapping, found) in [
        (Mapping::AddressDependent, MappingBehavior::AddressDependent),
        (
            Mapping::AddressAndPortDependent,
            MappingBehavior::AddressAndPortDependent,
        ),
    ] {
        for filtering in [
            Filtering::EndpointIndependent,
            Filtering::AddressDependent,
            Filtering::AddressAndPortDependent,
        ] {
            let mut config = config(Profile::Rfc);
            napt(&mut config).mapping = mapping;
            napt(&mut config).filtering = filtering;
            let result = ask(config);
            assert_eq!((result.mapping, result.filtering), (found, filtering));
        }
    }
}
