//! Checks 81 to 99: authentication; and 100: demand circuits.

use crate::lab::{LEFT, Lab, OTHER, PEER, RIGHT, Sent, response, response_v1, route};
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use rip::Ipv4;
use rip::auth::{
    Algorithm, AuthError, AuthOptions, Authentication, Authenticator, Key, KeyChain, Lifetime,
    LongKeys, Secret,
};
use rip::config::{DemandCircuit, ReceiveVersion};
use rip::engine::{Discard, Event};
use rip::wire::{
    AuthenticationType, Command, RipEntryRepr, RipMessage, RipMessageRepr, UpdateHeader,
};

const NET: &str = "10.0.0.0/8";

fn key(id: u8, algorithm: Algorithm) -> Key {
    Key::new(id, algorithm, Secret::new(b"s3cret"))
}

fn chain(keys: impl Into<Vec<Key>>) -> Authentication {
    Authentication::Cryptographic(KeyChain::new(keys).unwrap())
}

fn md5() -> Authentication {
    chain([key(1, Algorithm::KeyedMd5)])
}

fn password(text: &[u8]) -> Authentication {
    Authentication::Password(Secret::new(text))
}

fn lab(authentication: &Authentication) -> Lab<Ipv4> {
    lab_with(authentication, AuthOptions::default())
}

fn lab_with(authentication: &Authentication, options: AuthOptions) -> Lab<Ipv4> {
    Lab::v4_with(|_, link| {
        link.switches.authentication = authentication.clone();
        link.switches.auth_options = options;
    })
}

/// What a neighbor with this authentication sends when its clock says `at`.
fn sealed_at(authentication: &Authentication, at: u32, entries: &[RipEntryRepr]) -> Vec<u8> {
    let mut neighbor = Authenticator::new(authentication.clone(), AuthOptions::default());
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    let header = RipMessageRepr::new(Command::RESPONSE, 2);
    let now = Instant::from_secs(u64::from(at));
    neighbor.seal(now, &header, &mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn sealed(authentication: &Authentication) -> Vec<u8> {
    sealed_at(authentication, 5_000, &[route(NET, 1)])
}

/// Asserts that a message is refused for this reason, and changes nothing.
fn refused(lab: &mut Lab<Ipv4>, octets: &[u8], reason: AuthError) {
    let replay = matches!(reason, AuthError::Replayed { .. } | AuthError::Jump { .. });
    let state = lab.engine.sequence_state(LEFT);
    let discard = lab.refuses(&Lab::<Ipv4>::datagram(octets), |stats| {
        stats.authentication + stats.replayed
    });
    assert_eq!(discard, Discard::Authentication(reason));
    assert_eq!(lab.stats().replayed > 0, replay);
    assert_eq!(lab.engine.sequence_state(LEFT), state);
}

#[test]
fn check_081_authenticated_messages_are_discarded_where_nothing_is_set_up() {
    let mut lab = Lab::v4();
    for authentication in [password(b"x"), md5()] {
        refused(&mut lab, &sealed(&authentication), AuthError::Unexpected);
    }
}

#[test]
fn check_082_what_is_not_authenticated_as_set_up_is_discarded() {
    let plain = response(&[route(NET, 1)]);
    let mut by_password = lab(&password(b"s3cret"));
    refused(&mut by_password, &plain, AuthError::Missing);
    refused(
        &mut by_password,
        &sealed(&password(b"s3creT")),
        AuthError::Password,
    );
    let other = AuthError::Type(AuthenticationType::CRYPTOGRAPHIC);
    refused(&mut by_password, &sealed(&md5()), other);
    assert_eq!(by_password.hear(&sealed(&password(b"s3cret"))), Ok(()));
    assert_eq!(by_password.metric(NET), Some(2));

    let mut by_digest = lab(&md5());
    refused(&mut by_digest, &plain, AuthError::Missing);
    let other = AuthError::Type(AuthenticationType::PASSWORD);
    refused(&mut by_digest, &sealed(&password(b"s3cret")), other);
    let wrong = chain([Key::new(1, Algorithm::KeyedMd5, Secret::new(b"s3creT"))]);
    refused(&mut by_digest, &sealed(&wrong), AuthError::Digest);
    assert_eq!(by_digest.hear(&sealed(&md5())), Ok(()));
    assert_eq!(by_digest.metric(NET), Some(2));
    // An event tells of the source, once.
    let events = by_digest.events();
    let failed = |event: &&Event<Ipv4>| matches!(event, Event::AuthenticationFailed { .. });
    assert_eq!(events.iter().filter(failed).count(), 1);
}

#[test]
fn check_083_version_1_is_ignored_where_authentication_is_set_up() {
    let mut lab = Lab::v4_with(|_, link| {
        link.switches.authentication = md5();
        link.switches.receive = ReceiveVersion::Both;
    });
    refused(&mut lab, &response_v1("10.0.0.0", 1), AuthError::Version1);
}

#[test]
fn check_084_authentication_counts_in_the_first_entry_only() {
    // Second of two entries: not authenticated where it must be, skipped where it need not be.
    let password_entry = RipEntryRepr {
        address_family: 0xffff,
        route_tag: 2,
        address: Ipv4Addr::from(*b"s3cr"),
        subnet_mask: Ipv4Addr::from(*b"et\0\0"),
        ..RipEntryRepr::WHOLE_TABLE.with_metric(0)
    };
    let octets = response(&[route(NET, 1), password_entry]);
    refused(&mut lab(&password(b"s3cret")), &octets, AuthError::Missing);
    let mut none = Lab::v4();
    assert_eq!(none.hear(&octets), Ok(()));
    assert_eq!(
        (none.metric(NET), none.stats().entry_authentication),
        (Some(2), 1)
    );
    // First: authenticated.
    let octets = response(&[password_entry, route(NET, 1)]);
    let mut lab = lab(&password(b"s3cret"));
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_085_the_digest_covers_the_message_and_the_start_of_the_trailer() {
    // Computed with Python's hashlib: MD5 over these octets and the secret with zeroes up to 16.
    let octets = "02020000 ffff0003 002c0110 65920080 00000000 00000000
                  00020000 c0000200 ffffff00 00000000 00000001 ffff0001
                  e4b7eba300701fe1c2ae76350ce6a8c7";
    let octets = hex::decode(octets.replace(char::is_whitespace, "")).unwrap();
    let of_rfc = sealed_at(&md5(), 0x6592_0080, &[route("192.0.2.0/24", 1)]);
    assert_eq!(hex::encode(&of_rfc), hex::encode(&octets));
    let mut lab = lab(&md5());
    assert_eq!(lab.hear(&octets), Ok(()));
}

#[test]
fn check_086_the_data_length_with_and_without_the_marker_and_no_other() {
    let neighbor = |counts| AuthOptions {
        length_counts_trailer: counts,
        ..AuthOptions::default()
    };
    for algorithm in Algorithm::ALL {
        let authentication = chain([key(1, algorithm)]);
        for counts in [false, true] {
            let mut sender = Authenticator::new(authentication.clone(), neighbor(counts));
            let mut packet = PacketBuf::with_headroom(64);
            packet.append_slice(&route(NET, 1).octets());
            let header = RipMessageRepr::new(Command::RESPONSE, 2);
            sender
                .seal(Instant::from_secs(1), &header, &mut packet)
                .unwrap();
            let mut lab = lab(&authentication);
            assert_eq!(
                lab.hear(packet.as_slice()),
                Ok(()),
                "{algorithm:?} {counts}"
            );
        }
        let mut octets = sealed(&authentication);
        octets[11] += 1;
        let mut lab = lab(&authentication);
        lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| stats.malformed);
    }
}

#[test]
fn check_087_packet_lengths_that_lead_nowhere() {
    let mut lab = lab(&md5());
    let good = sealed(&md5());
    for length in [0u16, 4, 23, 24, 43, 45, 64, 1_000, 65_535] {
        let mut octets = good.clone();
        octets[8..10].copy_from_slice(&length.to_be_bytes());
        lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| stats.malformed);
    }
}

#[test]
fn check_088_a_lower_sequence_number_is_discarded() {
    let mut lab = lab(&md5());
    assert_eq!(
        lab.hear(&sealed_at(&md5(), 5_000, &[route(NET, 1)])),
        Ok(())
    );
    let replayed = AuthError::Replayed {
        received: 4_999,
        last: 5_000,
    };
    refused(
        &mut lab,
        &sealed_at(&md5(), 4_999, &[route(NET, 16)]),
        replayed,
    );
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_089_the_same_sequence_number_is_accepted() {
    let mut lab = lab(&md5());
    for prefix in [NET, "11.0.0.0/8"] {
        assert_eq!(
            lab.hear(&sealed_at(&md5(), 5_000, &[route(prefix, 1)])),
            Ok(())
        );
        assert_eq!(lab.metric(prefix), Some(2));
    }
}

#[test]
fn check_090_numbers_are_of_each_neighbor_and_key() {
    let keys = chain([key(1, Algorithm::KeyedMd5), key(2, Algorithm::KeyedMd5)]);
    let of_key = |id, at| sealed_at(&chain([key(id, Algorithm::KeyedMd5)]), at, &[route(NET, 1)]);
    let mut lab = lab(&keys);
    assert_eq!(lab.hear(&of_key(1, 5_000)), Ok(()));
    assert_eq!(lab.hear_from(OTHER, &of_key(1, 10)), Ok(()));
    assert_eq!(lab.hear(&of_key(2, 10)), Ok(()));
    assert!(lab.hear(&of_key(1, 4_999)).is_err());
    assert!(lab.hear_from(OTHER, &of_key(1, 9)).is_err());
    assert!(lab.hear(&of_key(2, 9)).is_err());
}

#[test]
fn check_091_number_0_is_accepted_of_a_neighbor_that_is_gone() {
    let zero = || sealed_at(&md5(), 0, &[route(NET, 1)]);
    let mut lab = lab(&md5());
    assert_eq!(lab.hear(&sealed(&md5())), Ok(()));
    refused(
        &mut lab,
        &zero(),
        AuthError::Replayed {
            received: 0,
            last: 5_000,
        },
    );
    lab.seconds(181);
    assert_eq!(lab.engine.neighbors().count(), 0);
    assert_eq!(lab.hear(&zero()), Ok(()));
    // Decision: the choice of RFC 2082 is on unless it is switched off.
    let options = AuthOptions {
        accept_zero_when_lost: false,
        ..AuthOptions::default()
    };
    let mut lab = lab_with(&md5(), options);
    assert_eq!(lab.hear(&sealed(&md5())), Ok(()));
    lab.seconds(181);
    assert!(lab.hear(&zero()).is_err());
}

#[test]
fn check_092_unknown_key_ids_are_refused() {
    let mut lab = lab(&md5());
    for id in [0, 2, 255] {
        let octets = sealed(&chain([key(id, Algorithm::KeyedMd5)]));
        refused(&mut lab, &octets, AuthError::UnknownKey(id));
    }
}

#[test]
fn check_093_flipped_bits_cuts_and_wrong_markers_are_refused() {
    for algorithm in Algorithm::ALL {
        let authentication = chain([key(1, algorithm)]);
        let good = sealed(&authentication);
        let mut lab = lab(&authentication);
        let state = lab.state();
        for bit in 0..good.len() * 8 {
            let mut octets = good.clone();
            octets[bit / 8] ^= 1 << (bit % 8);
            assert!(lab.hear(&octets).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(lab.hear(&good[..length]).is_err(), "{length}");
        }
        assert_eq!(lab.state(), state);
        assert_eq!(lab.hear(&good), Ok(()));
    }
}

/// Time does not tell how much of a digest was right: the comparison is `subtle`'s, which looks at all
/// octets. Here it is shown that a digest with any one octet wrong, and the whole one, fail alike.
#[test]
fn check_094_digests_are_compared_as_a_whole() {
    let mut lab = lab(&md5());
    let good = sealed(&md5());
    for at in good.len() - 16..good.len() {
        let mut octets = good.clone();
        octets[at] ^= 0xff;
        refused(&mut lab, &octets, AuthError::Digest);
    }
    let mut octets = good;
    octets[48..].fill(0);
    refused(&mut lab, &octets, AuthError::Digest);
}

#[test]
fn check_095_nothing_changes_before_the_digest_has_matched() {
    let mut lab = lab(&md5());
    let wrong = chain([Key::new(1, Algorithm::KeyedMd5, Secret::new(b"a guess"))]);
    // Neither a neighbor, nor a number, nor a route, nor an answer, nor a timer.
    refused(
        &mut lab,
        &sealed_at(&wrong, 9_000, &[route(NET, 1)]),
        AuthError::Digest,
    );
    assert_eq!(
        lab.hear(&sealed_at(&md5(), 5_000, &[route(NET, 1)])),
        Ok(())
    );
    lab.seconds(100);
    refused(
        &mut lab,
        &sealed_at(&wrong, 9_000, &[route(NET, 1)]),
        AuthError::Digest,
    );
    refused(
        &mut lab,
        &sealed_at(&wrong, 9_000, &[route(NET, 16)]),
        AuthError::Digest,
    );
    lab.seconds(81);
    assert_eq!(
        lab.metric(NET),
        Some(16),
        "the forgeries did not refresh the route"
    );
}

#[test]
fn check_096_rollover_and_the_last_key() {
    // The clock of the lab is at 1,006 s. Each sends with the new key from 1,100 s on.
    let old = || {
        key(1, Algorithm::KeyedMd5)
            .sent(Lifetime::before(Instant::from_secs(1_100)))
            .accepted(Lifetime::before(Instant::from_secs(1_110)))
    };
    let new = || {
        key(2, Algorithm::HmacSha256)
            .sent(Lifetime::between(
                Instant::from_secs(1_100),
                Instant::from_secs(1_300),
            ))
            .accepted(Lifetime::between(
                Instant::from_secs(1_090),
                Instant::from_secs(1_310),
            ))
    };
    let mut lab = lab(&chain([old(), new()]));
    let ids = |sent: &[Sent<Ipv4>]| -> Vec<u8> {
        let mut ids: Vec<_> = sent.iter().map(|sent| sent.payload[10]).collect();
        ids.dedup();
        ids
    };
    assert_eq!(ids(&lab.seconds(90)), [1]);
    // Now, at 1,096 s, both are accepted; then only the new one.
    let of_old = sealed(&chain([key(1, Algorithm::KeyedMd5)]));
    let of_new = sealed(&chain([key(2, Algorithm::HmacSha256)]));
    assert_eq!(lab.hear(&of_old), Ok(()));
    assert_eq!(lab.hear(&of_new), Ok(()));
    lab.seconds(4);
    assert_eq!(ids(&lab.seconds(60)), [2]);
    refused(&mut lab, &of_old, AuthError::KeyNotValid(1));
    assert_eq!(lab.hear(&of_new), Ok(()));
    let warned = |lab: &mut Lab<Ipv4>| {
        let events = lab.events();
        let warnings = events
            .iter()
            .filter(|event| matches!(event, Event::LastKeyExpired { .. }));
        warnings.count()
    };
    assert_eq!(warned(&mut lab), 0);
    // The last key stays, and each interface warns once.
    assert_eq!(ids(&lab.seconds(600)), [2]);
    assert_eq!(lab.hear(&of_new), Ok(()));
    assert_eq!(warned(&mut lab), 2);
    refused(&mut lab, &response(&[route(NET, 1)]), AuthError::Missing);
}

#[test]
fn check_097_hmac_with_0x878fe1f3_in_the_place_of_the_digest() {
    // Computed with Python's hmac over these octets, 0x878fe1f3 eight times behind them.
    let octets = "02020000 ffff0003 002c0120 65920080 00000000 00000000
                  00020000 c0000200 ffffff00 00000000 00000001 ffff0001
                  84e4dd218f32d3d10e0dc4e71b8955fe600d5868128ec0e3484a725c093e31c8";
    let octets = hex::decode(octets.replace(char::is_whitespace, "")).unwrap();
    let authentication = chain([key(1, Algorithm::HmacSha256)]);
    let ours = sealed_at(&authentication, 0x6592_0080, &[route("192.0.2.0/24", 1)]);
    assert_eq!(hex::encode(&ours), hex::encode(&octets));
    assert_eq!(lab(&authentication).hear(&octets), Ok(()));
}

#[test]
fn check_098_secrets_longer_than_the_digest() {
    // Decision: RFC 2104, as the routers in use, unless a key says RFC 4822.
    let long = |long_keys| {
        let mut key = Key::new(1, Algorithm::HmacSha256, Secret::new(&[b'k'; 40]));
        key.long_keys = long_keys;
        chain([key])
    };
    let (rfc2104, rfc4822) = (long(LongKeys::Rfc2104), long(LongKeys::Rfc4822));
    let default = chain([Key::new(1, Algorithm::HmacSha256, Secret::new(&[b'k'; 40]))]);
    assert_eq!(sealed(&default), sealed(&rfc2104));
    assert_eq!(lab(&default).hear(&sealed(&rfc2104)), Ok(()));
    refused(&mut lab(&default), &sealed(&rfc4822), AuthError::Digest);
    assert_eq!(lab(&rfc4822).hear(&sealed(&rfc4822)), Ok(()));
}

#[test]
fn check_099_what_is_sent_is_no_longer_than_others_take() {
    let most = [23, 22, 22, 22, 21, 20];
    for (algorithm, most) in Algorithm::ALL.into_iter().zip(most) {
        let authentication = chain([key(1, algorithm)]);
        let mut lab = lab(&authentication);
        for i in 0..6u32 {
            let entries: Vec<_> = (0..10)
                .map(|j| route(&format!("10.{i}.{j}.0/24"), 1))
                .collect();
            assert_eq!(
                lab.hear(&sealed_at(&authentication, 5_000 + i, &entries)),
                Ok(())
            );
        }
        lab.seconds(6);
        let sent = lab.seconds(40);
        let right: Vec<_> = sent
            .iter()
            .filter(|sent| sent.to.interface == RIGHT)
            .collect();
        let counts: Vec<_> = right
            .iter()
            .map(|sent| sent.message().entry_count())
            .collect();
        assert_eq!(counts.iter().max(), Some(&most), "{algorithm:?} {counts:?}");
        assert!(right.iter().all(|sent| sent.payload.len() <= 504));
        // They pass at the other end.
        let mut neighbor = Authenticator::new(authentication, AuthOptions::default());
        for sent in right {
            assert_eq!(neighbor.verify(lab.now, PEER, &sent.message()), Ok(()));
        }
    }
}

mod demand_circuit {
    use super::*;

    fn circuit() -> Lab<Ipv4> {
        Lab::v4_with(|_, link| {
            if link.addresses[0].address.octets()[0] == 192 {
                link.neighbors = vec![PEER];
                link.demand_circuit = Some(DemandCircuit::default());
            }
        })
    }

    fn triggered(command: Command, update: UpdateHeader, entries: &[RipEntryRepr]) -> Vec<u8> {
        let mut packet = PacketBuf::with_headroom(64);
        for entry in entries {
            packet.append_slice(&entry.octets());
        }
        let header = RipMessageRepr::with_update(command, 2, update);
        header.emit(&mut packet).unwrap();
        packet.as_slice().to_vec()
    }

    fn left(sent: Vec<Sent<Ipv4>>) -> Vec<Sent<Ipv4>> {
        sent.into_iter()
            .filter(|sent| sent.to.interface == LEFT)
            .collect()
    }

    fn update(sent: &Sent<Ipv4>) -> UpdateHeader {
        sent.message().update_header().unwrap()
    }

    fn acknowledge(lab: &mut Lab<Ipv4>, sequence: u16) {
        let header = UpdateHeader::new(false, sequence);
        let octets = triggered(Command::UPDATE_ACKNOWLEDGE, header, &[]);
        assert_eq!(lab.hear(&octets), Ok(()));
    }

    #[test]
    fn check_100_update_requests_responses_and_acknowledgements() {
        let mut lab = circuit();
        // It asks and tells until it is answered.
        let sent = left(lab.seconds(6));
        let of = |command| sent.iter().find(|sent| sent.command() == command);
        assert_eq!(
            update(of(Command::UPDATE_REQUEST).unwrap()),
            UpdateHeader::REQUEST
        );
        let told = of(Command::UPDATE_RESPONSE).unwrap();
        assert!(update(told).flush, "the first of a whole table");
        assert!(told.metric("198.51.100.0/24").is_some());
        let sequence = update(told).sequence_number;
        // Answered, it is silent.
        acknowledge(&mut lab, sequence);
        let response = triggered(
            Command::UPDATE_RESPONSE,
            UpdateHeader::new(true, 7),
            &[route(NET, 1)],
        );
        assert_eq!(lab.hear(&response), Ok(()));
        assert_eq!(lab.metric(NET), Some(2));
        let acks = left(lab.drain());
        assert_eq!(acks.len(), 1);
        assert_eq!(acks[0].command(), Command::UPDATE_ACKNOWLEDGE);
        assert_eq!(update(&acks[0]).sequence_number, 7);
        assert!(left(lab.seconds(600)).is_empty(), "no regular updates");
        assert_eq!(lab.metric(NET), Some(2), "and routes do not time out");
        // A repeated response is acknowledged again, and taken in once.
        let changes = lab.stats().route_changes;
        assert_eq!(lab.hear(&response), Ok(()));
        assert_eq!(update(&left(lab.drain())[0]).sequence_number, 7);
        assert_eq!(lab.stats().route_changes, changes);
        // A change is told once, and again until it is acknowledged.
        let octets = super::response(&[route("11.0.0.0/8", 1)]);
        assert_eq!(lab.hear_from(crate::lab::RIGHT_PEER, &octets), Ok(()));
        let mut told = left(lab.seconds(12));
        assert!(told.len() >= 2, "{}", told.len());
        let first = told.remove(0);
        assert_eq!(first.routes(), [("11.0.0.0/8".to_owned(), 2)]);
        assert!(!update(&first).flush);
        assert!(told.iter().all(|again| again.payload == first.payload));
        let wrong = UpdateHeader::new(false, update(&first).sequence_number.wrapping_add(1));
        let wrong = triggered(Command::UPDATE_ACKNOWLEDGE, wrong, &[]);
        lab.refuses(&Lab::<Ipv4>::datagram(&wrong), |stats| stats.not_a_circuit);
        acknowledge(&mut lab, update(&first).sequence_number);
        assert!(left(lab.seconds(60)).is_empty());
        // A flush takes away what is not told anew.
        let flushed = triggered(
            Command::UPDATE_RESPONSE,
            UpdateHeader::new(true, 8),
            &[route("12.0.0.0/8", 1)],
        );
        assert_eq!(lab.hear(&flushed), Ok(()));
        lab.seconds(181);
        assert_eq!(
            (lab.metric(NET), lab.metric("12.0.0.0/8")),
            (Some(16), Some(2))
        );
        // Elsewhere such messages are not listened to, nor from anybody else.
        let discard = lab.refuses(
            &rip::engine::Received {
                source: OTHER,
                ..Lab::<Ipv4>::datagram(&flushed)
            },
            |stats| stats.not_a_circuit,
        );
        assert_eq!(discard, Discard::NotACircuit);
        let mut plain = Lab::v4();
        plain.refuses(&Lab::<Ipv4>::datagram(&flushed), |stats| {
            stats.not_a_circuit
        });
    }

    #[test]
    fn a_peer_that_does_not_answer_is_given_up_and_oversubscription_is_waited_for() {
        let mut lab = circuit();
        let response = triggered(
            Command::UPDATE_RESPONSE,
            UpdateHeader::new(true, 7),
            &[route(NET, 1)],
        );
        assert_eq!(lab.hear(&response), Ok(()));
        lab.events();
        // The whole table is never acknowledged: ten times 5 s, and 180 s more.
        let sent = left(lab.seconds(60));
        let tries = sent
            .iter()
            .filter(|sent| sent.command() == Command::UPDATE_RESPONSE);
        assert!((8..=10).contains(&tries.count()));
        assert_eq!(lab.events(), [Event::CircuitDown { interface: LEFT }]);
        assert_eq!(lab.metric(NET), Some(2));
        lab.run(Duration::from_secs(180));
        assert_eq!(lab.metric(NET), Some(16));
        assert_eq!(
            lab.hear(&triggered(
                Command::UPDATE_RESPONSE,
                UpdateHeader::new(true, 9),
                &[route(NET, 1)],
            )),
            Ok(())
        );
        assert!(lab.events().contains(&Event::CircuitUp { interface: LEFT }));
        assert_eq!(lab.metric(NET), Some(2));
        let told = left(lab.drain());
        let parsed = RipMessage::parse(&told[0].payload).unwrap();
        assert!(parsed.update_header().is_some());
    }
}
