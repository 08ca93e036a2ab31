//! Packets to frames and back.

use crate::byte_loop::{ByteDecoder, ByteEncoder};
use crate::payloads::{Noise, Payload};
use core::hint::black_box;
use hdlc::SpecialChars;
use internetwork_benches::Group;
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::framing::{Decoder, Encoder, FLAG, FramingParameters, VectorUnit};
use ppproto::pppos::{PPPoS, PPPoSAction};

const OURS: &str = "ppp-lcp-ncp";
const BYTE_LOOP: &str = "byte loop";
const PPPROTO: &str = "ppproto 0.2.1";
const HDLC: &str = "hdlc 0.4.1, no check sequence";

/// Names of ours with the vector units that are not the widest.
fn others() -> Vec<(VectorUnit, String)> {
    let mut units: Vec<_> = VectorUnit::available().collect();
    units.pop();
    let named = |unit: VectorUnit| (unit, format!("{OURS}, {unit}"));
    units.into_iter().map(named).collect()
}

fn parameters(accm: u32) -> FramingParameters {
    FramingParameters {
        accm,
        ..FramingParameters::DEFAULT
    }
}

fn framed(payload: &Payload) -> Vec<u8> {
    let mut frame = vec![0; 4000];
    let length = ByteEncoder::new(payload.accm).encode(&payload.packet, &mut frame);
    frame.truncate(length);
    frame
}

/// The goals for a payload that a peer or an attacker may choose at will.
fn with_goals(group: Group<'static>, payload: &Payload) -> Group<'static> {
    let best = VectorUnit::best().to_string();
    let at_most = match payload.packet.len() {
        ..1000 => 0.7,
        _ if best.starts_with("AVX-512") => 0.08,
        _ if payload.name == "1500 random octets" => 0.25,
        _ => 0.7,
    };
    group.at_most(at_most, BYTE_LOOP)
}

pub(crate) fn encode(payload: &Payload) -> Group<'static> {
    let expected = framed(payload);
    let ours = |unit| {
        let (parameters, packet) = (parameters(payload.accm), payload.packet.clone());
        let (mut encoder, mut out) = (Encoder::with_unit(unit), PacketBuf::new());
        let mut run = move || {
            out.reset(0);
            encoder.encode(black_box(&parameters), black_box(&packet), &mut out);
            out.len()
        };
        // The first frame has a flag of its own.
        assert_eq!([run(), run()], [expected.len() + 1, expected.len()]);
        run
    };
    let mut group =
        Group::new(format!("encode, {}", payload.name), 1).item(OURS, ours(VectorUnit::best()));
    for (unit, name) in others() {
        group = group.item(name, ours(unit));
    }
    let (encoder, packet) = (ByteEncoder::new(payload.accm), payload.packet.clone());
    let mut out = vec![0; 4000];
    group = group.item(BYTE_LOOP, move || {
        encoder.encode(black_box(&packet), &mut out)
    });
    if payload.accm == u32::MAX {
        // Without negotiation, it escapes all controls.
        let (mut peer, information) = (ppproto(), payload.packet[2..].to_vec());
        let mut out = vec![0; 4000];
        let mut run = move || peer.send(black_box(&information), &mut out).unwrap();
        assert!(run() >= expected.len());
        group = group.item(PPPROTO, run);
    } else {
        let packet = payload.packet.clone();
        let chars = SpecialChars::default();
        group = group.item(HDLC, move || {
            hdlc::encode(black_box(&packet), chars).unwrap()
        });
    }
    with_goals(group, payload)
}

fn ppproto() -> PPPoS<'static> {
    PPPoS::new(ppproto::Config {
        username: b"",
        password: b"",
    })
}

pub(crate) fn decode(payload: &Payload) -> Group<'static> {
    let frame = framed(payload);
    let (expected, accm) = ([&[0xff, 0x03], &payload.packet[..]].concat(), payload.accm);
    let ours = |unit| {
        let (frame, expected) = (frame.clone(), expected.clone());
        let mut decoder = Decoder::with_unit(1500, unit);
        decoder.set_parameters(&parameters(accm));
        assert!(decoder.next_frame(&mut &[FLAG][..]).is_none());
        assert_eq!(decoder.next_frame(&mut &frame[..]), Some(&expected[..]));
        move || {
            decoder
                .next_frame(&mut black_box(&frame[..]))
                .map(<[u8]>::len)
        }
    };
    let mut group =
        Group::new(format!("decode, {}", payload.name), 1).item(OURS, ours(VectorUnit::best()));
    for (unit, name) in others() {
        group = group.item(name, ours(unit));
    }
    let (mut decoder, octets) = (ByteDecoder::new(accm), frame.clone());
    let mut run = move || {
        let mut length = 0;
        decoder.decode(black_box(&octets), |frame| length = frame.len());
        length
    };
    assert_eq!(run(), expected.len());
    group = group.item(BYTE_LOOP, run);
    let (mut peer, octets) = (ppproto(), frame.clone());
    let mut received = vec![0; 4000];
    peer.consume(&[FLAG], &mut received);
    let mut run = move || {
        let taken = peer.consume(black_box(&octets), &mut received);
        let PPPoSAction::Received(range) = peer.poll(&mut [], &mut received) else {
            return 0;
        };
        assert_eq!(taken, octets.len());
        range.len()
    };
    assert_eq!(run(), payload.packet.len() - 2);
    group = group.item(PPPROTO, run);
    if accm == 0 {
        let octets = [&[FLAG], &frame[..]].concat();
        let chars = SpecialChars::default();
        group = group.item(HDLC, move || {
            hdlc::decode(black_box(&octets), chars).unwrap()
        });
    }
    with_goals(group, payload)
}

/// How long streams take in which nothing is to be found.
pub(crate) fn find(noise: &Noise) -> Group<'static> {
    let ours = |unit| {
        let octets = noise.octets.clone();
        let mut decoder = Decoder::with_unit(1500, unit);
        decoder.set_parameters(&parameters(noise.accm));
        assert!(decoder.next_frame(&mut &[FLAG][..]).is_none());
        move || decoder.next_frame(&mut black_box(&octets[..])).is_some()
    };
    let mut group = Group::new(format!("find nothing in 1500 octets: {}", noise.name), 1)
        .item(OURS, ours(VectorUnit::best()));
    for (unit, name) in others() {
        group = group.item(name, ours(unit));
    }
    let (mut decoder, octets) = (ByteDecoder::new(noise.accm), noise.octets.clone());
    let run = move || {
        let mut found = 0;
        decoder.decode(black_box(&octets), |_| found += 1);
        found
    };
    group.item(BYTE_LOOP, run).at_most(0.7, BYTE_LOOP)
}

/// How long a stream of good frames takes that are as short as this.
pub(crate) fn short(octets: usize) -> Group<'static> {
    let mut stream = Vec::new();
    let mut packet = vec![0u8; octets - 4];
    while stream.len() < 1500 {
        let mut frame = vec![0; 100];
        packet[2] = packet[2].wrapping_add(1) & 0x1f;
        let length = ByteEncoder::new(0).encode(&packet, &mut frame);
        stream.extend_from_slice(&frame[..length]);
    }
    let frames = stream.iter().filter(|octet| **octet == FLAG).count();
    let ours = |unit| {
        let stream = stream.clone();
        let mut decoder = Decoder::with_unit(1500, unit);
        decoder.set_parameters(&parameters(0));
        assert!(decoder.next_frame(&mut &[FLAG][..]).is_none());
        let mut run = move || {
            let (mut rest, mut found) = (black_box(&stream[..]), 0);
            while decoder.next_frame(&mut rest).is_some() {
                found += 1;
            }
            found
        };
        assert_eq!(run(), frames);
        run
    };
    let name = format!("decode 1500 octets, good frames of {octets}");
    let mut group = Group::new(name, 1).item(OURS, ours(VectorUnit::best()));
    for (unit, name) in others() {
        group = group.item(name, ours(unit));
    }
    let mut decoder = ByteDecoder::new(0);
    let mut run = move || {
        let mut found = 0;
        decoder.decode(black_box(&stream), |_| found += 1);
        found
    };
    assert_eq!(run(), frames);
    group.item(BYTE_LOOP, run).at_most(0.7, BYTE_LOOP)
}
