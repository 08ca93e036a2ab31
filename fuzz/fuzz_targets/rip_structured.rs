//! Messages of any entries and keys: what is sealed passes at the other end, what is changed on the
//! way or comes a second time with a lower number does not.
#![no_main]

use arbitrary::Arbitrary;
use core::net::{Ipv4Addr, Ipv6Addr};
use libfuzzer_sys::fuzz_target;
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{
    Algorithm, AuthError, AuthOptions, Authentication, Authenticator, Key, KeyChain, Lifetime,
    LongKeys, SealError, Secret,
};
use rip::wire::{
    Command, RipEntryRepr, RipMessage, RipMessageRepr, RipWriter, RipngEntryRepr, RipngMessage,
    RipngMessageRepr, RipngWriter, UpdateHeader, VERSION_2,
};

const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Family, route tag, address, mask, next hop and metric.
type EntryFields = (u16, u16, [u8; 4], [u8; 4], [u8; 4], u32);
/// Prefix, route tag, length, metric, and the next hop in front of it.
type RipngFields = ([u8; 16], u16, u8, u8, Option<[u8; 8]>);

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    command: u8,
    update: (u8, bool, u16),
    entries: Vec<EntryFields>,
    keys: Vec<FuzzKey<'a>>,
    password: Option<&'a [u8]>,
    counts_trailer: bool,
    times: [u16; 3],
    change: (u16, u8),
    ripng: Vec<RipngFields>,
    capacity: u8,
}

#[derive(Debug, Arbitrary)]
struct FuzzKey<'a> {
    id: u8,
    algorithm: u8,
    secret: &'a [u8],
    send: (Option<u16>, Option<u16>),
    accept: (Option<u16>, Option<u16>),
    rfc4822: bool,
}

impl FuzzKey<'_> {
    fn key(&self) -> Key {
        let lifetime = |(from, until): (Option<u16>, Option<u16>)| Lifetime {
            from: from.map(|from| Instant::from_secs(from.into())),
            until: until.map(|until| Instant::from_secs(until.into())),
        };
        let algorithm = Algorithm::ALL[usize::from(self.algorithm) % Algorithm::ALL.len()];
        let mut key = Key::new(self.id, algorithm, Secret::new(self.secret))
            .sent(lifetime(self.send))
            .accepted(lifetime(self.accept));
        if self.rfc4822 {
            key.long_keys = LongKeys::Rfc4822;
        }
        key
    }
}

fuzz_target!(|input: Input<'_>| {
    authenticated(&input);
    ripng(&input);
});

fn authenticated(input: &Input<'_>) {
    let keys: Vec<_> = input.keys.iter().map(FuzzKey::key).collect();
    let authentication = match (KeyChain::new(keys), input.password) {
        (Ok(chain), _) => Authentication::Cryptographic(chain),
        (Err(_), Some(password)) => Authentication::Password(Secret::new(password)),
        (Err(_), None) => Authentication::None,
    };
    if authentication.check().is_err() {
        return;
    }
    let options = AuthOptions {
        length_counts_trailer: input.counts_trailer,
        ..AuthOptions::default()
    };
    let mut sender = Authenticator::new(authentication.clone(), options);
    let mut receiver = Authenticator::new(authentication, options);
    let mut last = None;
    for time in input.times {
        let now = Instant::from_secs(time.into());
        let mut packet = PacketBuf::new();
        let mut writer = RipWriter::new(&mut packet, sender.capacity(now));
        for (family, tag, address, mask, next_hop, metric) in &input.entries {
            let entry = RipEntryRepr {
                address_family: *family,
                route_tag: *tag,
                address: Ipv4Addr::from(*address),
                subnet_mask: Ipv4Addr::from(*mask),
                next_hop: Ipv4Addr::from(*next_hop),
                metric: *metric,
            };
            // Without authentication an entry must not look like it.
            if *family != 0xffff && !writer.push(&entry) {
                break;
            }
        }
        let count = writer.len();
        let command = Command(input.command);
        let (version, flush, number) = input.update;
        let update = command.has_update_header().then_some(UpdateHeader {
            version,
            ..UpdateHeader::new(flush, number)
        });
        let header = RipMessageRepr {
            command,
            version: VERSION_2,
            update,
        };
        let before = packet.clone();
        match sender.seal(now, &header, &mut packet) {
            Ok(()) => {}
            Err(SealError::NoKey) => {
                assert_eq!(packet, before);
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(packet.len() <= 508);
        let message = RipMessage::parse(packet.as_slice()).expect("what was sealed is read");
        assert_eq!(
            (message.entry_count(), message.update_header()),
            (count, update)
        );
        if let Some(last) = last.replace(packet.clone()) {
            // An older message passes only while its number is not below the last one.
            let old = RipMessage::parse(last.as_slice()).expect("it was read before");
            let _ = receiver.verify(now, PEER, &old);
        }
        match receiver.verify(now, PEER, &message) {
            Ok(()) => {}
            // Lifetimes of sending and accepting need not agree.
            Err(AuthError::KeyNotValid(_) | AuthError::Replayed { .. }) => continue,
            Err(error) => panic!("{error}"),
        }
        let (at, bits) = input.change;
        let at = usize::from(at) % packet.len();
        if bits == 0 || !sender.is_enabled() {
            continue;
        }
        let state = receiver.export();
        let mut changed = packet.as_slice().to_vec();
        changed[at] ^= bits;
        let by_digest = matches!(sender.authentication(), Authentication::Cryptographic(_));
        if let Ok(message) = RipMessage::parse(&changed) {
            let verdict = receiver.verify(now, PEER, &message);
            // A password protects nothing but itself.
            if by_digest {
                assert!(verdict.is_err(), "octet {at}");
                assert_eq!(receiver.export(), state);
            }
        }
    }
}

fn ripng(input: &Input<'_>) {
    let mut packet = PacketBuf::new();
    let mut writer = RipngWriter::new(&mut packet, usize::from(input.capacity));
    let mut written = Vec::new();
    for (prefix, tag, length, metric, next_hop) in &input.ripng {
        let entry = RipngEntryRepr {
            prefix: Ipv6Addr::from(*prefix),
            route_tag: *tag,
            prefix_length: *length,
            // 0xff would be a next hop.
            metric: (*metric).min(0xfe),
        };
        let next_hop = next_hop.map(|low| {
            let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[8..].copy_from_slice(&low);
            Ipv6Addr::from(octets)
        });
        if !writer.push(&entry, next_hop) {
            break;
        }
        written.push((entry, next_hop));
    }
    assert!(writer.len() <= usize::from(input.capacity));
    let header = RipngMessageRepr::new(Command::RESPONSE);
    header.emit(&mut packet).expect("a response can be written");
    let message = RipngMessage::parse(packet.as_slice()).expect("what was written is read");
    let verdicts: Vec<_> = message.routes().collect();
    assert_eq!(verdicts.len(), written.len());
    for (verdict, (entry, next_hop)) in verdicts.into_iter().zip(written) {
        if let Ok(route) = verdict {
            assert_eq!(
                (route.metric, route.route_tag),
                (entry.metric, entry.route_tag)
            );
            assert_eq!(route.next_hop, next_hop);
            assert!(route.prefix.contains(entry.prefix));
            assert_eq!(route.prefix.length(), entry.prefix_length);
        }
    }
}
