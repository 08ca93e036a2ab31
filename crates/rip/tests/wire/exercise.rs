//! Reads all that can be read of any octets, and holds what must hold. The fuzz targets use it too.

use core::net::Ipv4Addr;
use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{Algorithm, AuthOptions, Authenticator, Key, KeyChain, Secret};
use rip::wire::datagram::check_ipv4_source;
use rip::wire::{
    Authentication, InterfaceAddress, RipMessage, RipMessageRepr, RipngMessage, RipngMessageRepr,
};

const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// One of each: none, a password, and a key of id 1 for each algorithm; the secret is `s3cret`.
pub(crate) fn authenticators() -> Vec<Authenticator> {
    let with = |authentication| Authenticator::new(authentication, AuthOptions::default());
    let by_digest = |algorithm| {
        let key = Key::new(1, algorithm, Secret::new(b"s3cret"));
        let chain = KeyChain::new([key]).expect("one key");
        with(rip::auth::Authentication::Cryptographic(chain))
    };
    let mut all = vec![
        with(rip::auth::Authentication::None),
        with(rip::auth::Authentication::Password(Secret::new(b"s3cret"))),
    ];
    all.extend(Algorithm::ALL.map(by_digest));
    all
}

/// Every parser, every accessor, every verdict, and each of the authenticators.
pub(crate) fn exercise(octets: &[u8], authenticators: &mut [Authenticator]) {
    let addresses = [InterfaceAddress {
        address: Ipv4Addr::new(192, 0, 2, 1),
        network: Ipv4Prefix::new(Ipv4Addr::new(192, 0, 2, 0), 24).expect("a prefix"),
    }];
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
            assert_ne!(route.next_hop.router(), Some(addresses[0].address));
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
            if authenticator.verify(Instant::ZERO, PEER, &message).is_err() {
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

/// What parses can be written, and reads the same.
pub(crate) fn round_trip(octets: &[u8]) {
    if let Ok(message) = RipMessage::parse(octets)
        && message.authentication().is_none()
    {
        let mut written = PacketBuf::new();
        for entry in message.entries() {
            written.append_slice(&entry.to_repr().octets());
        }
        let repr = RipMessageRepr {
            command: message.command(),
            version: message.version(),
            update: message.update_header(),
        };
        repr.emit(&mut written)
            .expect("what was read can be written");
        let read = RipMessage::parse(written.as_slice()).expect("what was written can be read");
        assert_eq!(read.update_header(), message.update_header());
        assert_eq!(read.command(), message.command());
        let entries = |message: &RipMessage<'_>| -> Vec<_> {
            message.entries().map(|entry| *entry.octets()).collect()
        };
        assert_eq!(entries(&read), entries(&message));
        // Two fields are not kept: what must be zero, and how set the flush octet is.
        let mut expected = octets.to_vec();
        expected[2..4].fill(0);
        if message.update_header().is_some() {
            expected[5] = u8::from(expected[5] != 0);
        }
        assert_eq!(written.as_slice(), expected);
    }
    if let Ok(message) = RipngMessage::parse(octets)
        && message.check().is_ok()
    {
        let mut written = PacketBuf::new();
        for entry in message.entries() {
            written.append_slice(&entry.to_repr().octets());
        }
        let repr = RipngMessageRepr::new(message.command());
        repr.emit(&mut written)
            .expect("what was read can be written");
        let mut expected = octets.to_vec();
        expected[2..4].fill(0);
        assert_eq!(written.as_slice(), expected);
    }
}
