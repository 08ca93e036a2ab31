//! BSD Compress by itself.

use super::{noise, text};
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::ccp::{BsdCompressor, BsdDecompressor, DecompressError};
use ppp_lcp_ncp::wire::PppProtocol;
use proptest::prelude::*;

const LIMIT: usize = 1502;

fn send(sender: &mut BsdCompressor, datagram: &[u8]) -> (bool, Vec<u8>) {
    let mut packet = PacketBuf::from(datagram);
    let compressed = sender.compress(PppProtocol::IPV4, &mut packet);
    (compressed, packet.as_slice().to_vec())
}

fn receive(receiver: &mut BsdDecompressor, packet: &[u8]) -> Result<Vec<u8>, DecompressError> {
    let mut out = PacketBuf::new();
    receiver.decompress(packet, &mut out, LIMIT)?;
    Ok(out.as_slice().to_vec())
}

/// Sends, as it is or compressed, and checks what comes out. The octets on the line are told.
fn pass(sender: &mut BsdCompressor, receiver: &mut BsdDecompressor, datagram: &[u8]) -> usize {
    let (compressed, packet) = send(sender, datagram);
    if compressed {
        let plain = receive(receiver, &packet).unwrap();
        assert_eq!((plain[0], &plain[1..]), (0x21, datagram));
    } else {
        assert_eq!(packet, datagram);
        receiver.pass(PppProtocol::IPV4, &packet);
    }
    packet.len()
}

/// Router Solicitations of Linux 6.1, whose own receiver cannot read them.
#[test]
fn what_linux_sends() {
    let ends = [
        (
            "00002b98001030002074ff7f202090b8600002ff01436240242800fa3685ff",
            0x01,
        ),
        (
            "00002b98001030002074ff7f202090b8600004ff01436240242800fa3585ff",
            0x02,
        ),
    ];
    for (packet, last) in ends {
        let packet = hex::decode(packet).unwrap();
        let plain = receive(&mut BsdDecompressor::new(15), &packet).unwrap();
        assert_eq!(plain[..9], [0x57, 0x60, 0, 0, 0, 0, 8, 0x3a, 0xff]);
        assert_eq!(
            plain[9..25],
            [&[0xfe, 0x80][..], &[0; 13], &[last]].concat()
        );
        assert_eq!((plain.len(), plain[41]), (49, 133));
        // It is what we send.
        let mut again = PacketBuf::from(&plain[1..]);
        assert!(BsdCompressor::new(15).compress(PppProtocol::IPV6, &mut again));
        assert_eq!(again.as_slice(), packet);
    }
}

// RFC 1977 §2 MUST (ratio): both ends forget the dictionary with the same packet.
// RFC 1977 §2 MUST (uncompressed): packets that go as they are build it too.
#[test]
fn dictionaries_of_each_size_that_fill_and_are_forgotten() {
    for bits in 9..=15 {
        let (mut sender, mut receiver) = (BsdCompressor::new(bits), BsdDecompressor::new(bits));
        let mut octets = [0; 4];
        for number in 0..2000 {
            // What the data is like changes, and with it what the dictionary is worth.
            let of = number / 500;
            let datagram = match of {
                0 | 2 => text(number % 7),
                1 => noise(number as u64),
                _ => vec![0x45; 700],
            };
            octets[of] += pass(&mut sender, &mut receiver, &datagram);
        }
        assert_eq!(octets[1], 500 * 600, "noise goes as it is");
        assert!(
            octets[0] < 500 * 450 && octets[2] < 500 * 450,
            "{bits} {octets:?}"
        );
        assert!(octets[3] < 500 * 150, "{bits} {octets:?}");
    }
}

// RFC 1977 §2 MUST (range): protocols 0x21 to 0xf9, and no others.
#[test]
fn other_protocols_do_not_count() {
    let (mut sender, mut receiver) = (BsdCompressor::new(12), BsdDecompressor::new(12));
    for protocol in [0x01, 0x1f, 0xfb, 0xfd, 0x0281, 0x8021] {
        let mut packet = PacketBuf::from(&text(1)[..]);
        assert!(!sender.compress(PppProtocol(protocol), &mut packet));
        receiver.pass(PppProtocol(protocol), packet.as_slice());
    }
    let (_, packet) = send(&mut sender, &text(2));
    assert_eq!(packet[..2], [0, 0]);
    assert_eq!(receive(&mut receiver, &packet).unwrap()[1..], text(2));
}

// RFC 1977 §2.1 MUST (sequence): a gap is found, and a reset begins anew.
#[test]
fn a_loss_and_a_reset() {
    let (mut sender, mut receiver) = (BsdCompressor::new(12), BsdDecompressor::new(12));
    for number in 0..20 {
        pass(&mut sender, &mut receiver, &text(number));
    }
    send(&mut sender, &text(20));
    let (_, packet) = send(&mut sender, &text(21));
    let gap = DecompressError::Sequence {
        found: 21,
        expected: 20,
    };
    assert_eq!(receive(&mut receiver, &packet), Err(gap));
    sender.reset();
    sender.reset();
    receiver.reset();
    for number in 0..20 {
        pass(&mut sender, &mut receiver, &text(number));
    }
}

/// Codes of nine bits.
fn codes(codes: &[u16]) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![false; 16];
    for code in codes {
        bits.extend((0..9).rev().map(|bit| code >> bit & 1 == 1));
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    let octet = |bits: &[bool]| {
        bits.iter()
            .fold(0, |octet, &bit| octet << 1 | u8::from(bit))
    };
    bits.chunks(8).map(octet).collect()
}

#[test]
fn codes_that_cannot_be() {
    let new = || BsdDecompressor::new(9);
    assert_eq!(
        receive(&mut new(), &codes(&[0x21, 65, 66])),
        Ok(b"\x21AB".to_vec())
    );
    // A string that is made just now: 257 is "\x21A", and 258 is "AA" while it is sent.
    assert_eq!(
        receive(&mut new(), &codes(&[0x21, 65, 258, 257])),
        Ok(b"\x21AAA\x21A".to_vec())
    );
    for bad in [
        &[0x21, 65, 259][..],
        &[257],
        &[0x21, 511],
        &[256, 0x21],
        &[0x21, 256, 65, 66],
    ] {
        assert_eq!(
            receive(&mut new(), &codes(bad)),
            Err(DecompressError::Corrupt),
            "{bad:?}"
        );
    }
    assert_eq!(receive(&mut new(), &[0, 0]), Err(DecompressError::Corrupt));
    assert_eq!(receive(&mut new(), &[0]), Err(DecompressError::Short(1)));
}

// A small packet must not become a large one: each code can be longer than the last by one.
#[test]
fn bombs_are_bounded() {
    let growing: Vec<u16> = (257..=511).collect();
    let mut out = PacketBuf::new();
    let packet = codes(&[&[65][..], &growing[..250]].concat());
    assert!(packet.len() < 300);
    let result = BsdDecompressor::new(9).decompress(&packet, &mut out, LIMIT);
    assert_eq!(result, Err(DecompressError::TooLong));
    assert!(out.len() <= LIMIT);
}

#[derive(Debug, Clone)]
enum Datagram {
    Text(usize),
    Noise(u64),
    Same(u8, usize),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn ends_agree(
        bits in 9..=15u8,
        datagrams in prop::collection::vec(
            prop_oneof![
                (0..20usize).prop_map(Datagram::Text),
                (0..4u64).prop_map(Datagram::Noise),
                (any::<u8>(), 0..1500usize).prop_map(|(octet, length)| Datagram::Same(octet, length)),
            ],
            1..120,
        ),
    ) {
        let (mut sender, mut receiver) = (BsdCompressor::new(bits), BsdDecompressor::new(bits));
        for datagram in datagrams {
            let datagram = match datagram {
                Datagram::Text(number) => text(number),
                Datagram::Noise(seed) => noise(seed),
                Datagram::Same(octet, length) => vec![octet; length],
            };
            pass(&mut sender, &mut receiver, &datagram);
        }
    }

    #[test]
    fn anything_can_come(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut receiver = BsdDecompressor::new(10);
        for (number, packet) in packets.iter().enumerate() {
            let number = (number as u16).to_be_bytes();
            let mut out = PacketBuf::new();
            let _ = receiver.decompress(&[&number[..], packet].concat(), &mut out, LIMIT);
            prop_assert!(out.len() <= LIMIT);
            receiver.pass(PppProtocol::IPV4, packet);
        }
    }
}

/// The rule of RFC 1977 §2, by the sizes of packets alone, where all codes have nine bits.
struct Ratio {
    octets_in: usize,
    octets_out: usize,
    checkpoint: usize,
    ratio: usize,
    strings: usize,
}

impl Ratio {
    const NEW: Self = Self {
        octets_in: 0,
        octets_out: 0,
        checkpoint: 10_000,
        ratio: 0,
        strings: 0,
    };

    /// Whether the dictionary is forgotten with a packet of `octets` that has become `codes` codes.
    fn forgets(&mut self, octets: usize, codes: usize) -> bool {
        self.octets_in += octets;
        self.octets_out += (codes * 9).div_ceil(8);
        self.strings = (self.strings + codes - 1).min(511 - 256);
        if self.octets_in < self.checkpoint {
            return false;
        }
        self.checkpoint = self.octets_in + 10_000;
        let ratio = self.octets_in * 256 / self.octets_out;
        let is_worse = ratio < self.ratio || ratio < 256;
        if self.strings < 511 - 256 {
            false
        } else if is_worse {
            *self = Self::NEW;
            true
        } else {
            self.ratio = ratio;
            false
        }
    }
}

// RFC 1977 §2 MUST (ratio): looked at every 10,000 octets, when the dictionary is full; it goes when the
// ratio is worse than it was, or than one.
#[test]
fn when_the_dictionary_is_forgotten() {
    let mut sender = BsdCompressor::new(9);
    let (mut model, mut forgotten, mut looked) = (Ratio::NEW, 0, 0);
    for number in 0..1500usize {
        // A part that always shrinks, and one of three kinds, so that it gets better and worse.
        let mut datagram = vec![b'a'; 400];
        datagram.extend((0..300).map(|at: usize| match number / 40 % 3 {
            0 => b"abcdefgh"[at % (1 + number % 8)],
            1 => b"etaoin"[(at * at + number) % 6],
            _ => (at % (20 + number % 50)) as u8,
        }));
        let (compressed, packet) = send(&mut sender, &datagram);
        assert!(compressed, "{number}");
        let bits = (packet.len() - 2) * 8;
        let codes = bits / 9;
        let at = 16 + (codes - 1) * 9;
        let last = (at..at + 9).fold(0, |code, bit| {
            code << 1 | u16::from(packet[bit / 8] >> (7 - bit % 8) & 1)
        });
        let is_forgotten = last == 256;
        let forgets = model.forgets(datagram.len() + 1, codes - usize::from(is_forgotten));
        assert_eq!(is_forgotten, forgets, "{number}");
        forgotten += usize::from(forgets);
        looked += usize::from(model.ratio > 0);
    }
    assert!(forgotten > 10 && looked > 100, "{forgotten} {looked}");
}

// RFC 1977 §2 MUST (ratio): a dictionary that noise has filled is of no use to what follows.
#[test]
fn a_dictionary_of_noise_is_forgotten_with_the_first_look() {
    for (packets, is_forgotten) in [(10, false), (16, false), (17, true)] {
        let mut sender = BsdCompressor::new(9);
        for number in 0..packets {
            assert!(!send(&mut sender, &noise(number)).0);
        }
        // 601 octets each: the first look is at the seventeenth.
        let (compressed, packet) = send(&mut sender, &[b'a'; 600]);
        assert_eq!(
            (compressed, packet.len() < 100),
            (is_forgotten, is_forgotten)
        );
    }
}
