//! Whatever the octets are, reading returns.

use super::*;
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{Algorithm, AuthOptions, Authenticator, Key, KeyChain, Secret};
use rip::wire::datagram::check_ipv4_source;
use rip::wire::{Authentication, Command, RipEntryRepr, RipMessageRepr, RipWriter, RipngMessage};
use testkit::sweep;

fn authenticators() -> Vec<Authenticator> {
    let with = |authentication| Authenticator::new(authentication, AuthOptions::default());
    let by_digest = |algorithm| {
        let key = Key::new(1, algorithm, Secret::new(b"secret"));
        with(rip::auth::Authentication::Cryptographic(
            KeyChain::new([key]).unwrap(),
        ))
    };
    let mut all = vec![
        with(rip::auth::Authentication::None),
        with(rip::auth::Authentication::Password(Secret::new(b"secret"))),
    ];
    all.extend(Algorithm::ALL.map(by_digest));
    all
}

/// Reads all that can be read, and holds what must hold.
fn exercise(octets: &[u8], authenticators: &mut [Authenticator]) {
    let addresses = [interface("192.0.2.1", 24)];
    if let Ok(message) = RipMessage::parse(octets) {
        let _ = message.check(25);
        let _ = message.request_kind();
        let entries = message.entry_count();
        assert!(4 + entries * 20 <= octets.len());
        assert_eq!(message.entries().count(), entries);
        assert_eq!(message.routes(&addresses).count(), entries);
        for route in message.routes(&addresses).flatten() {
            assert!((1..=16).contains(&route.metric));
            let first = route.prefix.network().octets()[0];
            assert!(route.prefix.length() == 0 || (1..224).contains(&first) && first != 127);
        }
        if let Some(Authentication::Cryptographic(given)) = message.authentication() {
            assert_eq!(given.covered().len() + given.data().len(), octets.len());
            assert_eq!(
                given.covered().len(),
                usize::from(given.packet_length()) + 4
            );
        }
        for authenticator in authenticators {
            let before = authenticator.export();
            if authenticator
                .verify(Instant::ZERO, v4("192.0.2.2"), &message)
                .is_err()
            {
                assert_eq!(authenticator.export(), before);
            }
        }
    }
    if let Ok(message) = RipngMessage::parse(octets) {
        let _ = message.check();
        let _ = message.request_kind();
        for route in message.routes().flatten() {
            assert!((1..=16).contains(&route.metric));
            assert!(route.prefix.length() == 0 || !route.prefix.network().is_multicast());
        }
    }
    if let Some(source) = octets.first_chunk::<4>() {
        let _ = check_ipv4_source(Ipv4Addr::from(*source), &addresses);
    }
}

#[test]
fn every_cut_and_every_changed_octet() {
    let mut packet = PacketBuf::new();
    let mut writer = RipWriter::new(&mut packet, 20);
    let mut entry = RipEntryRepr::route("10.1.0.0/16".parse().unwrap(), 3);
    while writer.push(&entry) {
        entry = entry.with_tag(9).with_next_hop(v4("192.0.2.9"));
    }
    let mut variants = 0;
    for mut authenticator in authenticators() {
        for command in [
            Command::REQUEST,
            Command::RESPONSE,
            Command::UPDATE_RESPONSE,
        ] {
            let header = match command {
                Command::UPDATE_RESPONSE => {
                    RipMessageRepr::with_update(command, 2, rip::wire::UpdateHeader::new(true, 1))
                }
                _ => RipMessageRepr::new(command, 2),
            };
            let mut message = packet.clone();
            authenticator
                .seal(Instant::ZERO, &header, &mut message)
                .unwrap();
            // One receiver with no, and one with this authentication; all of them would take long.
            let mut receivers = [authenticators().swap_remove(0), authenticator.clone()];
            variants += sweep(message.as_slice(), |octets| {
                exercise(octets, &mut receivers)
            });
        }
    }
    assert!(variants > 40_000, "{variants}");
}

#[test]
fn first_words() {
    let mut receivers = authenticators();
    for tail in [0x00, 0x02, 0xff] {
        for command in 0..=u8::MAX {
            for version in [0, 1, 2, 3, 0xff] {
                for length in [4, 8, 24, 28, 44, 64, 104] {
                    let mut octets = vec![tail; length];
                    octets[..2].copy_from_slice(&[command, version]);
                    exercise(&octets, &mut receivers);
                }
            }
        }
    }
}
