//! Deflate by itself.

use super::{noise, text};
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::ccp::{DecompressError, DeflateCompressor, DeflateDecompressor};
use ppp_lcp_ncp::wire::PppProtocol;
use proptest::prelude::*;

const LIMIT: usize = 1502;

/// A packet as it is sent: compressed or not.
fn send(sender: &mut DeflateCompressor, protocol: PppProtocol, datagram: &[u8]) -> (bool, Vec<u8>) {
    let mut packet = PacketBuf::from(datagram);
    let compressed = sender.compress(protocol, &mut packet);
    if !compressed {
        assert_eq!(packet.as_slice(), datagram);
    }
    (compressed, packet.as_slice().to_vec())
}

fn receive(receiver: &mut DeflateDecompressor, packet: &[u8]) -> Result<Vec<u8>, DecompressError> {
    let mut out = PacketBuf::new();
    receiver.decompress(packet, &mut out, LIMIT)?;
    Ok(out.as_slice().to_vec())
}

/// The first packets of pppd 2.4.9 on Linux 6.1, of either end.
// RFC 1979 §2.1 MUST (sequence): numbered from zero on.
#[test]
fn what_linux_sends() {
    let ends = [
        [
            "00000a4f6000020eabffff1a189001e37f26143e532b43ad19880100",
            "00015274656008c93eccc0e0c0f8eb2217270323100395de31630960609c7e99291ba4687f1a3b589780a0\
             90b088a898b884a494b48cac9cbc82a292b28aaa9aba86a696b68eae9ebe81a191b189a9993900",
            "000282187a096ce82184a1e2aa404399608636967391642800",
        ],
        [
            "00000a4f6000020eabffff1a189001d37f26547e2b43ad29880100",
            "000152746560089938c981c181712a13172703083372305c31630960609c7e99291ba4687f1a3b589780a0\
             90b088a898b884a494b48cac9cbc82a292b28aaa9aba86a696b68eae9ebe81a191b189a9993900",
            "000282183a056c2803c2507e55a0a14c30431bcbb948321400",
        ],
    ];
    for packets in ends {
        let mut receiver = DeflateDecompressor::new();
        for (packet, protocol) in packets.iter().zip([0x57, 0x21, 0x21]) {
            let plain = receive(&mut receiver, &hex::decode(packet).unwrap()).unwrap();
            assert_eq!(plain[0], protocol);
            let (at, header) = if protocol == 0x57 { (5, 40) } else { (3, 0) };
            let length = u16::from_be_bytes([plain[at], plain[at + 1]]);
            assert_eq!(usize::from(length) + header, plain.len() - 1);
        }
    }
}

// RFC 1979 §2 MUST (history): what does not shrink goes as it is, and counts.
// RFC 1979 §2 MUST (uncompressed): at the receiver too.
#[test]
fn packets_that_do_not_shrink_are_part_of_the_history() {
    let (mut sender, mut receiver) = (DeflateCompressor::new(15), DeflateDecompressor::new());
    let secret = noise(1);
    let (compressed, first) = send(&mut sender, PppProtocol::IPV4, &secret);
    assert!(!compressed);
    receiver.pass(PppProtocol::IPV4, &first);
    // The same again is a reference to the first.
    let (compressed, again) = send(&mut sender, PppProtocol::IPV4, &secret);
    assert!(compressed && again.len() < 40, "{}", again.len());
    assert_eq!(again[..2], [0, 1]);
    let plain = receive(&mut receiver, &again).unwrap();
    assert_eq!((plain[0], &plain[1..]), (0x21, &secret[..]));
    // Where the first was not counted, the second cannot be read.
    let mut other = DeflateDecompressor::new();
    let gap = DecompressError::Sequence {
        found: 1,
        expected: 0,
    };
    assert_eq!(receive(&mut other, &again), Err(gap));
}

#[test]
fn protocols_of_two_octets() {
    let (mut sender, mut receiver) = (DeflateCompressor::new(15), DeflateDecompressor::new());
    let protocol = PppProtocol(0x0281);
    let (compressed, packet) = send(&mut sender, protocol, &text(1));
    assert!(compressed);
    let plain = receive(&mut receiver, &packet).unwrap();
    assert_eq!(
        (&plain[..2], &plain[2..]),
        (&[0x02, 0x81][..], &text(1)[..])
    );
    let secret = noise(4);
    assert!(!send(&mut sender, protocol, &secret).0);
    receiver.pass(protocol, &secret);
    let (compressed, packet) = send(&mut sender, protocol, &secret);
    assert!(compressed);
    assert_eq!(receive(&mut receiver, &packet).unwrap()[2..], secret);
}

#[test]
fn a_reset_begins_anew() {
    let (mut sender, mut receiver) = (DeflateCompressor::new(15), DeflateDecompressor::new());
    for number in 0..10 {
        let (_, packet) = send(&mut sender, PppProtocol::IPV4, &text(number));
        if number != 4 {
            assert_eq!(receive(&mut receiver, &packet).is_ok(), number < 4);
        }
    }
    sender.reset();
    // Once is enough.
    sender.reset();
    receiver.reset();
    for number in 0..10u8 {
        let (_, packet) = send(&mut sender, PppProtocol::IPV4, &text(number.into()));
        assert_eq!(packet[..2], [0, number]);
        assert_eq!(
            receive(&mut receiver, &packet).unwrap()[1..],
            text(number.into())
        );
    }
}

/// What a receiver makes of it whose window has 2^`bits` octets and no more.
fn inflate(bits: u8, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut state = DecompressorOxide::new();
    let mut window = vec![0; 1 << bits];
    let mut at = 0;
    let mut all = Vec::new();
    for packet in packets {
        let input = [&packet[2..], &[0, 0, 0xff, 0xff]].concat();
        let (mut input, mut plain) = (&input[..], Vec::new());
        loop {
            let (status, taken, written) = decompress(
                &mut state,
                input,
                &mut window,
                at,
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            plain.extend_from_slice(&window[at..at + written]);
            at = (at + written) % window.len();
            input = &input[taken..];
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if input.is_empty() => break,
                other => panic!("{other:?} with {bits} bits"),
            }
        }
        all.push(plain);
    }
    all
}

// RFC 1979 §3 MUST (window): no more is referred to than the receiver's window holds.
#[test]
fn windows_of_each_size() {
    for bits in 8..=15 {
        let mut sender = DeflateCompressor::new(bits);
        let datagrams: Vec<Vec<u8>> = (0..120).map(|number| text(number % 60)).collect();
        let packets: Vec<Vec<u8>> = datagrams
            .iter()
            .map(|datagram| {
                let (compressed, packet) = send(&mut sender, PppProtocol::IPV4, datagram);
                assert!(compressed, "{bits}");
                packet
            })
            .collect();
        for (plain, datagram) in inflate(bits, &packets).iter().zip(&datagrams) {
            assert_eq!(plain[1..], datagram[..]);
        }
    }
}

/// A packet that inflates to `length` zeroes.
fn bomb(length: usize) -> Vec<u8> {
    let mut state = CompressorOxide::new(create_comp_flags_from_zip_params(9, -15, 0));
    let mut out = vec![0; length / 100 + 100];
    let (_, taken, written) = compress(&mut state, &vec![0; length], &mut out, TDEFLFlush::Sync);
    assert_eq!(taken, length);
    [&[0, 0], &out[..written - 4]].concat()
}

// A small packet must not become a large one.
#[test]
fn bombs_are_bounded() {
    for length in [1503, 10_000, 1_000_000] {
        let packet = bomb(length);
        let mut out = PacketBuf::new();
        let result = DeflateDecompressor::new().decompress(&packet, &mut out, LIMIT);
        assert_eq!(result, Err(DecompressError::TooLong), "{length}");
        assert!(out.len() <= LIMIT);
    }
    assert_eq!(
        receive(&mut DeflateDecompressor::new(), &bomb(1502)),
        Ok(vec![0; 1502])
    );
}

#[test]
fn packets_that_are_corrupt() {
    let (_, good) = send(&mut DeflateCompressor::new(15), PppProtocol::IPV4, &text(1));
    for length in 0..2 {
        let short = receive(&mut DeflateDecompressor::new(), &good[..length]);
        assert_eq!(short, Err(DecompressError::Short(length)));
    }
    let whole = receive(&mut DeflateDecompressor::new(), &good).unwrap();
    for length in 2..good.len() - 1 {
        let cut = receive(&mut DeflateDecompressor::new(), &good[..length]);
        assert!(cut.is_err() || cut.unwrap().len() < whole.len());
    }
    // A stream that ends.
    let ended = receive(&mut DeflateDecompressor::new(), &[0, 0, 3, 0]);
    assert_eq!(ended, Err(DecompressError::Corrupt));
    // A block type that does not exist.
    let block = receive(&mut DeflateDecompressor::new(), &[0, 0, 6, 0]);
    assert_eq!(block, Err(DecompressError::Corrupt));
}

#[derive(Debug, Clone)]
enum Step {
    Text(usize),
    Noise(u64),
    /// Is lost.
    Lost(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..20usize).prop_map(Step::Text),
        3 => (0..4u64).prop_map(Step::Noise),
        1 => (0..20usize).prop_map(Step::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    // What comes out is what went in, or nothing until a reset.
    #[test]
    fn ends_agree(steps in prop::collection::vec(step(), 1..60), bits in 8..=15u8) {
        let (mut sender, mut receiver) = (DeflateCompressor::new(bits), DeflateDecompressor::new());
        let mut in_step = true;
        for step in steps {
            let (datagram, is_lost) = match step {
                Step::Text(number) => (text(number), false),
                Step::Noise(seed) => (noise(seed), false),
                Step::Lost(number) => (text(number), true),
            };
            let (compressed, packet) = send(&mut sender, PppProtocol::IPV6, &datagram);
            if is_lost {
                in_step = false;
            } else if !compressed {
                receiver.pass(PppProtocol::IPV6, &packet);
            } else {
                let result = receive(&mut receiver, &packet);
                if in_step {
                    prop_assert_eq!(result.unwrap()[1..].to_vec(), datagram);
                } else {
                    let is_gap = matches!(result, Err(DecompressError::Sequence { .. }));
                    prop_assert!(is_gap);
                    sender.reset();
                    receiver.reset();
                    in_step = true;
                }
            }
        }
    }

    #[test]
    fn anything_can_come(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut receiver = DeflateDecompressor::new();
        for (number, packet) in packets.iter().enumerate() {
            let number = (number as u16).to_be_bytes();
            let mut out = PacketBuf::new();
            let _ = receiver.decompress(&[&number[..], packet].concat(), &mut out, LIMIT);
            prop_assert!(out.len() <= LIMIT);
            receiver.pass(PppProtocol::IPV4, packet);
        }
    }
}
