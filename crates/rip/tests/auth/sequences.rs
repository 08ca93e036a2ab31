//! Sequence numbers: of each neighbor and key, bounded, and over a restart.

use super::*;
use proptest::prelude::*;
use rip::auth::{NeighborSequence, SealError, SequenceState};

const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn with_clock(unix_time_at_epoch: u32) -> Authenticator {
    let options = AuthOptions {
        unix_time_at_epoch,
        ..AuthOptions::default()
    };
    Authenticator::new(chain([key(1, Algorithm::KeyedMd5)]), options)
}

fn at_sequence(key_id: u8, sequence: u32) -> Vec<u8> {
    let options = AuthOptions {
        unix_time_at_epoch: sequence,
        ..AuthOptions::default()
    };
    let keys = chain([key(key_id, Algorithm::KeyedMd5)]);
    sealed(&mut Authenticator::new(keys, options), Instant::ZERO)
}

// RFC 4822 §2 MUST (not-decreasing): whatever the clock does.
#[test]
fn numbers_follow_the_clock_and_never_decrease() {
    let mut sender = with_clock(1_700_000_000);
    let number = |sender: &mut Authenticator, seconds| {
        id_and_sequence(&sealed(sender, Instant::from_secs(seconds))).1
    };
    assert_eq!(number(&mut sender, 10), 1_700_000_010);
    assert_eq!(number(&mut sender, 10), 1_700_000_010);
    assert_eq!(number(&mut sender, 40), 1_700_000_040);
    assert_eq!(
        number(&mut sender, 20),
        1_700_000_040,
        "the clock was set back"
    );
    // Each update has a number of its own, several within a second too.
    sender.begin_update(Instant::from_secs(40));
    assert_eq!(number(&mut sender, 40), 1_700_000_041);
    sender.begin_update(Instant::from_secs(40));
    assert_eq!(number(&mut sender, 40), 1_700_000_042);
    sender.begin_update(Instant::from_secs(90));
    assert_eq!(number(&mut sender, 90), 1_700_000_090);
}

#[test]
fn numbers_run_out_instead_of_starting_again() {
    let mut sender = with_clock(u32::MAX - 1);
    assert_eq!(
        id_and_sequence(&sealed(&mut sender, Instant::ZERO)).1,
        u32::MAX - 1
    );
    let mut packet = PacketBuf::new();
    for seconds in [1, 2, u64::MAX] {
        let sent = sender.seal(Instant::from_secs(seconds), &RESPONSE, &mut packet);
        assert_eq!(sent, Err(SealError::SequenceExhausted));
        assert!(packet.is_empty());
    }
}

mod restart {
    use super::*;

    #[test]
    fn with_a_clock_a_restart_goes_on_where_it_was() {
        let mut receiver = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        let mut sender = with_clock(1_700_000_000);
        for seconds in (0..600).step_by(30) {
            let octets = sealed(&mut sender, Instant::from_secs(seconds));
            assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
        }
        // The process begins again: another epoch, the same wall clock, no memory.
        let mut sender = with_clock(1_700_000_601);
        let octets = sealed(&mut sender, Instant::ZERO);
        assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
    }

    #[test]
    fn without_a_clock_the_saved_state_does_it() {
        let mut receiver = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        let mut sender = with_clock(0);
        let octets = sealed(&mut sender, Instant::from_secs(5_000));
        assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
        let saved = sender.export();
        assert_eq!(saved.sent, 5_000);
        let locked_out = sealed(&mut with_clock(0), Instant::from_secs(1));
        assert!(verify(&mut receiver, NOW, &locked_out).is_err());
        let mut sender = with_clock(0);
        sender.restore(&saved);
        let octets = sealed(&mut sender, Instant::from_secs(1));
        assert_eq!(id_and_sequence(&octets), (1, 5_001));
        assert_eq!(verify(&mut receiver, NOW, &octets), Ok(()));
    }

    #[test]
    fn a_restarted_receiver_knows_replays_of_before() {
        let keys = || chain([key(1, Algorithm::KeyedMd5)]);
        let mut receiver = authenticator(keys());
        assert_eq!(verify(&mut receiver, NOW, &at_sequence(1, 50)), Ok(()));
        let saved = receiver.export();
        let expected = NeighborSequence {
            address: PEER,
            key_id: 1,
            sequence_number: 50,
        };
        assert_eq!(saved.received, [expected]);
        let mut receiver = authenticator(keys());
        receiver.restore(&saved);
        let refused = AuthError::Replayed {
            received: 49,
            last: 50,
        };
        assert_eq!(
            verify(&mut receiver, NOW, &at_sequence(1, 49)),
            Err(refused)
        );
        assert_eq!(verify(&mut receiver, NOW, &at_sequence(1, 50)), Ok(()));
        // What is known by now is not set back by an old state.
        assert_eq!(verify(&mut receiver, NOW, &at_sequence(1, 60)), Ok(()));
        receiver.restore(&saved);
        assert!(verify(&mut receiver, NOW, &at_sequence(1, 59)).is_err());
    }

    #[test]
    fn a_saved_state_is_bounded_too() {
        let options = AuthOptions {
            max_neighbors: 3,
            ..AuthOptions::default()
        };
        let received = (0..10).map(|i| NeighborSequence {
            address: Ipv4Addr::new(192, 0, 2, i),
            key_id: 1,
            sequence_number: 1,
        });
        let saved = SequenceState {
            sent: 0,
            received: received.collect(),
        };
        let mut receiver = Authenticator::new(chain([key(1, Algorithm::KeyedMd5)]), options);
        receiver.restore(&saved);
        assert_eq!(receiver.neighbor_count(), 3);
    }
}

mod of_each_neighbor_and_key {
    use super::*;

    #[test]
    fn neighbors_and_keys_do_not_disturb_each_other() {
        let keys = [key(1, Algorithm::KeyedMd5), key(2, Algorithm::KeyedMd5)];
        let mut receiver = authenticator(chain(keys));
        let mut take = |source, key_id, sequence| {
            let octets = at_sequence(key_id, sequence);
            let message = RipMessage::parse(&octets).unwrap();
            receiver.verify(NOW, source, &message).is_ok()
        };
        assert!(take(PEER, 1, 1_000));
        assert!(take(OTHER, 1, 10), "another neighbor counts for itself");
        assert!(take(PEER, 2, 10), "and so does another key");
        assert!(!take(PEER, 1, 999));
        assert!(!take(OTHER, 1, 9));
        assert!(!take(PEER, 2, 9));
    }

    #[test]
    fn a_jump_beyond_the_limit_is_refused() {
        let options = AuthOptions {
            max_jump: Some(86_400),
            ..AuthOptions::default()
        };
        let mut receiver = Authenticator::new(chain([key(1, Algorithm::KeyedMd5)]), options);
        assert_eq!(verify(&mut receiver, NOW, &at_sequence(1, 1_000)), Ok(()));
        // Somebody with the key forges a number near the end, to lock the neighbor out.
        let refused = AuthError::Jump {
            received: u32::MAX - 1,
            last: 1_000,
        };
        assert_eq!(
            verify(&mut receiver, NOW, &at_sequence(1, u32::MAX - 1)),
            Err(refused)
        );
        assert!(verify(&mut receiver, NOW, &at_sequence(1, 87_401)).is_err());
        assert_eq!(verify(&mut receiver, NOW, &at_sequence(1, 87_400)), Ok(()));
    }

    #[test]
    fn the_table_is_bounded_and_those_that_are_gone_make_room() {
        let options = AuthOptions {
            max_neighbors: 4,
            ..AuthOptions::default()
        };
        let mut receiver = Authenticator::new(chain([key(1, Algorithm::KeyedMd5)]), options);
        let octets = at_sequence(1, 1_000);
        let message = RipMessage::parse(&octets).unwrap();
        let address = |i| Ipv4Addr::new(192, 0, 2, i);
        for i in 1..=4 {
            assert_eq!(receiver.verify(NOW, address(i), &message), Ok(()));
        }
        let refused = Err(AuthError::NeighborsFull);
        assert_eq!(receiver.verify(NOW, address(5), &message), refused);
        assert_eq!(receiver.verify(NOW, address(4), &message), Ok(()));
        receiver.neighbor_lost(address(2));
        assert_eq!(receiver.verify(NOW, address(5), &message), Ok(()));
        assert_eq!(receiver.verify(NOW, address(6), &message), refused);
        assert_eq!(receiver.neighbor_count(), 4);
        assert!(
            receiver
                .export()
                .received
                .iter()
                .all(|entry| entry.address != address(2))
        );
    }

    #[test]
    fn forgeries_take_no_room() {
        let mut receiver = authenticator(chain([key(1, Algorithm::KeyedMd5)]));
        let mut octets = at_sequence(1, 1_000);
        *octets.last_mut().unwrap() ^= 1;
        let message = RipMessage::parse(&octets).unwrap();
        for i in 0..10_000u32 {
            let source = Ipv4Addr::from_bits(0x0a00_0000 + i);
            assert_eq!(
                receiver.verify(NOW, source, &message),
                Err(AuthError::Digest)
            );
        }
        assert_eq!(receiver.neighbor_count(), 0);
    }
}

proptest! {
    /// Against a plain model: a map of greatest numbers.
    #[test]
    fn behaves_like_a_map_of_greatest_numbers(
        steps in proptest::collection::vec((0u8..4, 1u8..3, 0u32..8, any::<bool>()), 0..60),
    ) {
        let keys = [key(1, Algorithm::KeyedMd5), key(2, Algorithm::KeyedMd5)];
        let options = AuthOptions { accept_zero_when_lost: false, ..AuthOptions::default() };
        let mut receiver = Authenticator::new(chain(keys), options);
        let mut model = alloc::collections::BTreeMap::new();
        for (host, key_id, sequence, forged) in steps {
            let source = Ipv4Addr::new(192, 0, 2, host);
            let mut octets = at_sequence(key_id, sequence);
            if forged {
                octets[30] ^= 0x10;
            }
            let message = RipMessage::parse(&octets).unwrap();
            let last = model.get(&(source, key_id)).copied().unwrap_or(0);
            let passes = !forged && sequence >= last;
            prop_assert_eq!(receiver.verify(NOW, source, &message).is_ok(), passes);
            if passes {
                model.insert((source, key_id), sequence);
            }
        }
        let kept = receiver.export().received;
        prop_assert_eq!(kept.len(), model.len());
        for entry in kept {
            prop_assert_eq!(model[&(entry.address, entry.key_id)], entry.sequence_number);
        }
    }

    /// Any message with any key of any algorithm passes at the other end, and only there.
    #[test]
    fn what_is_sealed_is_verified(
        algorithm in proptest::sample::select(&Algorithm::ALL[..]),
        secret in proptest::collection::vec(any::<u8>(), 1..200),
        id: u8,
        count in 0usize..20,
        update: Option<(bool, u16)>,
    ) {
        let length = if algorithm == Algorithm::KeyedMd5 { secret.len().min(16) } else { secret.len() };
        let key = Key::new(id, algorithm, Secret::new(&secret[..length]));
        let mut sender = authenticator(chain([key.clone()]));
        let mut packet = PacketBuf::new();
        let mut writer = RipWriter::new(&mut packet, sender.capacity(NOW));
        for i in 0..count {
            let prefix = RipEntryRepr::route_v1(Ipv4Addr::from_bits(i as u32), 1);
            prop_assert!(writer.push(&prefix));
        }
        let header = match update {
            Some((flush, number)) => RipMessageRepr::with_update(
                Command::UPDATE_RESPONSE,
                VERSION_2,
                rip::wire::UpdateHeader::new(flush, number),
            ),
            None => RESPONSE,
        };
        sender.seal(NOW, &header, &mut packet).unwrap();
        let message = RipMessage::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(message.entry_count(), count);
        let mut receiver = authenticator(chain([key]));
        prop_assert_eq!(receiver.verify(NOW, PEER, &message), Ok(()));
        let mut other = secret[..length].to_vec();
        other[0] ^= 1;
        // HMAC pads with zeroes: a secret of one zero is the same as none, so keep it longer.
        other.push(1);
        other.truncate(length.max(1));
        let key = Key::new(id, algorithm, Secret::new(&other));
        let mut receiver = authenticator(chain([key]));
        prop_assert_eq!(receiver.verify(NOW, PEER, &message), Err(AuthError::Digest));
    }
}
