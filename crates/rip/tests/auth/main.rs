//! Authentication: passwords (RFC 2453), keyed MD5 (RFC 2082) and HMAC-SHA (RFC 4822).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

mod captures;
mod keys;
mod rfc2082;
mod rfc2453_authentication;
mod rfc4822;
mod sequences;

use core::net::Ipv4Addr;
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{
    Algorithm, AuthError, AuthOptions, Authentication, Authenticator, Key, KeyChain, Secret,
};
use rip::wire::{Command, RipEntryRepr, RipMessage, RipMessageRepr, RipWriter, VERSION_2};

const NOW: Instant = Instant::from_secs(1_000);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SECRET: &[u8] = b"s3cret";

fn key(id: u8, algorithm: Algorithm) -> Key {
    Key::new(id, algorithm, Secret::new(SECRET))
}

fn chain(keys: impl Into<Vec<Key>>) -> Authentication {
    Authentication::Cryptographic(KeyChain::new(keys).unwrap())
}

fn password(text: &[u8]) -> Authentication {
    Authentication::Password(Secret::new(text))
}

fn authenticator(authentication: Authentication) -> Authenticator {
    Authenticator::new(authentication, AuthOptions::default())
}

const RESPONSE: RipMessageRepr = RipMessageRepr::new(Command::RESPONSE, VERSION_2);

/// The entries of the message that most tests seal.
fn entries(packet: &mut PacketBuf) {
    let mut writer = RipWriter::new(packet, 25);
    let second = RipEntryRepr::route("10.0.0.0/8".parse().unwrap(), 16).with_tag(7);
    assert!(writer.push(&RipEntryRepr::route("192.0.2.0/24".parse().unwrap(), 1)));
    assert!(writer.push(&second));
}

fn sealed(sender: &mut Authenticator, now: Instant) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    entries(&mut packet);
    sender.seal(now, &RESPONSE, &mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn verify(receiver: &mut Authenticator, now: Instant, octets: &[u8]) -> Result<(), AuthError> {
    receiver.verify(now, PEER, &RipMessage::parse(octets).unwrap())
}

fn cryptographic(message: &RipMessage<'_>) -> (u8, u32) {
    match message.authentication() {
        Some(rip::wire::Authentication::Cryptographic(given)) => {
            (given.key_id(), given.sequence_number())
        }
        other => panic!("not cryptographic: {other:?}"),
    }
}

/// The key id and sequence number of a sealed message.
fn id_and_sequence(octets: &[u8]) -> (u8, u32) {
    cryptographic(&RipMessage::parse(octets).unwrap())
}
