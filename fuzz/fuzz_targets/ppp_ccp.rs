//! Compression and encryption: what goes in comes out, whatever octets it has; what a peer makes up
//! stays within the limit of a packet, and forged packets do not move keys on.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::auth::Secret;
use ppp_lcp_ncp::ccp::mppe::{MppeDecryptor, MppeEncryptor, MppeKey, MppeMode, MppeStrength};
use ppp_lcp_ncp::ccp::{BsdCompressor, BsdDecompressor, DeflateCompressor, DeflateDecompressor};
use ppp_lcp_ncp::ecp::{EcpDecryptor, EcpEncryptor, EcpMethod};
use ppp_lcp_ncp::wire::{PppPacket, PppProtocol, PppRepr};

const LIMIT: usize = 1600;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    bits: u8,
    mode: u8,
    strength: u8,
    key: [u8; 16],
    noise: Vec<&'a [u8]>,
    packets: Vec<(bool, u8, &'a [u8])>,
}

fuzz_target!(|input: Input<'_>| {
    let bits = 9 + input.bits % 7;
    let mut deflate = (DeflateCompressor::new(bits), DeflateDecompressor::new());
    let mut bsd = (BsdCompressor::new(bits), BsdDecompressor::new(bits));
    let strengths = [
        MppeStrength::Bits40,
        MppeStrength::Bits56,
        MppeStrength::Bits128,
    ];
    let modes = [
        MppeMode::Stateless,
        MppeMode::Stateful,
        MppeMode::StatefulRekeyed,
    ];
    let strength = strengths[usize::from(input.strength) % 3];
    let mode = modes[usize::from(input.mode) % 3];
    let key = || MppeKey::new(&input.key, strength);
    let mut mppe = (
        MppeEncryptor::new(key(), mode),
        MppeDecryptor::new(key(), mode),
    );
    let method = EcpMethod::ALL[usize::from(input.mode) % 2];
    let secret = Secret::new(
        input
            .key
            .repeat(2)
            .get(..method.key_len())
            .unwrap_or_default(),
    );
    let mut ecp = (
        EcpEncryptor::new(method, &secret, [1; 8]),
        EcpDecryptor::new(method, &secret, [1; 8]),
    );
    let protocols = [PppProtocol::IPV4, PppProtocol::IPV6, PppProtocol(0x0281)];
    for (is_ip, repeats, octets) in &input.packets {
        let protocol = protocols[if *is_ip { 0 } else { usize::from(repeats % 3) }];
        let mut information = octets.repeat(usize::from(repeats % 16) + 1);
        information.truncate(1500);
        let expected = {
            let mut packet = PacketBuf::from(&information[..]);
            PppRepr::new(protocol).emit(&mut packet);
            packet
        };

        let mut packet = PacketBuf::from(&information[..]);
        if deflate.0.compress(protocol, &mut packet) {
            let mut out = PacketBuf::new();
            let result = deflate.1.decompress(packet.as_slice(), &mut out, LIMIT);
            assert_eq!(result, Ok(()));
            same(&out, protocol, &information);
        } else {
            assert_eq!(packet.as_slice(), information);
            deflate.1.pass(protocol, &information);
        }

        let mut packet = PacketBuf::from(&information[..]);
        if bsd.0.compress(protocol, &mut packet) {
            let mut out = PacketBuf::new();
            let result = bsd.1.decompress(packet.as_slice(), &mut out, LIMIT);
            assert_eq!(result, Ok(()));
            same(&out, protocol, &information);
        } else {
            assert_eq!(packet.as_slice(), information);
            bsd.1.pass(protocol, &information);
        }

        // A forged packet before a good one.
        for noise in input.noise.iter().take(2) {
            let mut out = PacketBuf::new();
            let _ = mppe.1.decrypt(noise, &mut out);
        }
        // MPPE carries these protocols alone (RFC 3078 §3).
        if (0x0021..=0x00fa).contains(&protocol.0) {
            let mut packet = expected.clone();
            mppe.0.encrypt(&mut packet);
            let mut out = PacketBuf::new();
            let decrypted = mppe.1.decrypt(packet.as_slice(), &mut out);
            if input.noise.is_empty() {
                assert_eq!(decrypted, Ok(()));
                assert_eq!(out, expected);
            }
        }

        if let (Some(sender), Some(receiver)) = (&mut ecp.0, &mut ecp.1) {
            let mut packet = expected.clone();
            sender.encrypt(&mut packet);
            let mut out = PacketBuf::new();
            assert_eq!(receiver.decrypt(packet.as_slice(), &mut out), Ok(()));
            assert_eq!(out, expected);
        }
    }
    for noise in &input.noise {
        let mut out = PacketBuf::new();
        let _ = deflate.1.decompress(noise, &mut out, LIMIT);
        assert!(out.len() <= LIMIT);
        let mut out = PacketBuf::new();
        let _ = bsd.1.decompress(noise, &mut out, LIMIT);
        assert!(out.len() <= LIMIT);
        if let Some(receiver) = &mut ecp.1 {
            let mut out = PacketBuf::new();
            let _ = receiver.decrypt(noise, &mut out);
            assert!(out.len() <= noise.len());
        }
    }
});

fn same(out: &PacketBuf, protocol: PppProtocol, information: &[u8]) {
    let packet = PppPacket::parse_protocol(out.as_slice()).expect("a packet");
    assert_eq!(
        (packet.protocol(), packet.information()),
        (protocol, information)
    );
}
