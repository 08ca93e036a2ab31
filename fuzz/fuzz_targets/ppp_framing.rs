//! A stream of any octets, in chunks of any size: all vector units find the same frames and count the
//! same, and what is framed is found.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::framing::{Decoder, DecoderStats, Encoder, FLAG, FramingParameters, VectorUnit};
use ppp_lcp_ncp::lcp::FcsAlternatives;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    accm: u32,
    long: bool,
    compressed: [bool; 2],
    chunk: u8,
    /// What stands between packets.
    noise: &'a [u8],
    packets: Vec<&'a [u8]>,
}

fuzz_target!(|input: Input<'_>| {
    let parameters = FramingParameters {
        accm: input.accm,
        protocol_field_compression: input.compressed[0],
        address_and_control_field_compression: input.compressed[1],
        fcs: if input.long {
            FcsAlternatives::FCS_32
        } else {
            FcsAlternatives::FCS_16
        },
    };
    let mut streams = VectorUnit::available().map(|unit| {
        let mut stream = PacketBuf::new();
        let mut encoder = Encoder::with_unit(unit);
        for packet in &input.packets {
            let before = stream.len();
            encoder.encode(&parameters, packet, &mut stream);
            assert!(stream.len() - before <= 2 * packet.len() + 14);
            stream.append_slice(input.noise);
            encoder.idle();
        }
        stream
    });
    let stream = streams.next().expect("safe code is always there");
    assert!(streams.all(|other| other == stream));

    let size = usize::from(input.chunk) + 1;
    let expected = decoded(
        VectorUnit::PORTABLE,
        &parameters,
        stream.as_slice().chunks(1),
    );
    for unit in VectorUnit::available() {
        let chunks = stream.as_slice().chunks(size);
        assert_eq!(decoded(unit, &parameters, chunks), expected, "{unit}");
    }
    // Noise that ends a frame leaves each packet whole.
    if input.noise.is_empty() || input.noise.last() == Some(&FLAG) {
        let found = &expected.0;
        for packet in &input.packets {
            let is_long_enough = packet.len() >= 4 && packet.len() <= 1500;
            let is_found = || found.iter().any(|frame| frame.ends_with(&packet[1..]));
            assert!(!is_long_enough || is_found(), "{packet:02x?}");
        }
    }
});

fn decoded<'a>(
    unit: VectorUnit,
    parameters: &FramingParameters,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, DecoderStats) {
    let mut decoder = Decoder::with_unit(1500, unit);
    decoder.set_parameters(parameters);
    let mut frames = Vec::new();
    for mut chunk in chunks {
        while let Some(frame) = decoder.next_frame(&mut chunk) {
            assert!(frame.len() <= 1508);
            frames.push(frame.to_vec());
        }
        assert!(chunk.is_empty());
    }
    (frames, *decoder.stats())
}
