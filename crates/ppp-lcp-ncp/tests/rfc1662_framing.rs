//! RFC 1662: frames on octet streams.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use packet_buffer::PacketBuf;
use ppp_lcp_ncp::framing::{
    Decoder, DecoderStats, ESCAPE, Encoder, FLAG, Fcs, FramingParameters, VectorUnit, fcs16, fcs32,
};
use ppp_lcp_ncp::lcp::FcsAlternatives;
use proptest::prelude::*;

const PLAIN: FramingParameters = FramingParameters {
    accm: 0,
    ..FramingParameters::DEFAULT
};

fn encoded(parameters: &FramingParameters, packet: &[u8]) -> Vec<u8> {
    let mut out = PacketBuf::new();
    Encoder::new().encode(parameters, packet, &mut out);
    out.as_slice().to_vec()
}

fn decoded(decoder: &mut Decoder, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(frame) = decoder.next_frame(&mut input) {
            frames.push(frame.to_vec());
        }
        assert!(input.is_empty());
    }
    frames
}

/// A decoder of frames in which no control character is escaped.
fn plain_decoder() -> Decoder {
    let mut decoder = Decoder::new(1500);
    decoder.set_parameters(&PLAIN);
    decoder
}

/// A frame, octet by octet, as the RFC says it.
fn simple(parameters: &FramingParameters, header: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut octets = [header, packet].concat();
    if parameters.check_sequence() == Fcs::Bits32 {
        octets.extend(fcs32(&octets).to_le_bytes());
    } else {
        octets.extend(fcs16(&octets).to_le_bytes());
    }
    let mut frame = vec![FLAG];
    for octet in octets {
        if octet == FLAG || octet == ESCAPE || octet < 32 && parameters.accm >> octet & 1 == 1 {
            frame.extend([ESCAPE, octet ^ 0x20]);
        } else {
            frame.push(octet);
        }
    }
    frame.push(FLAG);
    frame
}

mod section_3_1 {
    use super::*;

    #[test]
    fn frames_share_the_flag_between_them() {
        let mut out = PacketBuf::new();
        let mut encoder = Encoder::new();
        encoder.encode(&PLAIN, b"\x00\x21one", &mut out);
        encoder.encode(&PLAIN, b"\x00\x21two", &mut out);
        let flags = out
            .as_slice()
            .iter()
            .filter(|octet| **octet == FLAG)
            .count();
        assert_eq!(flags, 3);
        encoder.idle();
        encoder.encode(&PLAIN, b"\x00\x21six", &mut out);
        let flags = out
            .as_slice()
            .iter()
            .filter(|octet| **octet == FLAG)
            .count();
        assert_eq!(flags, 5);
        let mut decoder = plain_decoder();
        let frames = decoded(&mut decoder, &[out.as_slice()]);
        assert_eq!(
            frames,
            [
                b"\xff\x03\x00\x21one",
                b"\xff\x03\x00\x21two",
                b"\xff\x03\x00\x21six"
            ]
        );
    }

    // RFC 1662 §3.1 MUST (empty): flags in a row are no frames and no errors.
    #[test]
    fn flags_in_a_row() {
        let mut decoder = plain_decoder();
        assert!(decoded(&mut decoder, &[&[FLAG; 100]]).is_empty());
        let stats = *decoder.stats();
        assert_eq!((stats.empty, stats.bad_fcs, stats.runts), (99, 0, 0));
        let frame = encoded(&PLAIN, b"\x00\x21data");
        assert_eq!(decoded(&mut decoder, &[&frame]).len(), 1);
    }

    #[test]
    fn what_comes_before_the_first_flag_is_no_frame() {
        let mut decoder = plain_decoder();
        let frame = encoded(&PLAIN, b"\x00\x21data");
        let frames = decoded(&mut decoder, &[b"CONNECT 9600\r\n", &frame]);
        assert_eq!(frames.len(), 1);
        assert_eq!(decoder.stats().stray_octets, 14);
    }
}

mod section_3_2 {
    use super::*;

    // RFC 1662 §3.2 MUST NOT (acfc-lcp): whatever was agreed on, LCP has its whole header.
    // RFC 1662 §7.1 MUST (lcp-accm): with the parameters of LCP, all control characters are escaped.
    #[test]
    fn headers() {
        let compressed = FramingParameters {
            protocol_field_compression: true,
            address_and_control_field_compression: true,
            ..PLAIN
        };
        assert_eq!(
            encoded(&compressed, b"\x00\x21data"),
            simple(&PLAIN, b"", b"\x21data")
        );
        assert_eq!(
            encoded(&compressed, b"\x21data"),
            simple(&PLAIN, b"", b"\x21data")
        );
        assert_eq!(
            encoded(&compressed, b"\x80\x21data"),
            simple(&PLAIN, b"", b"\x80\x21data")
        );
        let lcp = b"\xc0\x21\x01\x01\x00\x04";
        assert_eq!(encoded(&compressed, lcp), simple(&PLAIN, b"\xff\x03", lcp));
        let frame = encoded(&FramingParameters::DEFAULT, lcp);
        assert!(frame.iter().all(|octet| *octet >= 0x20));
        assert_eq!(frame, simple(&FramingParameters::DEFAULT, b"\xff\x03", lcp));
    }
}

mod section_4_2 {
    use super::*;

    // RFC 1662 §4.2 MUST (escape): each octet, with maps that have none, one and all.
    #[test]
    fn every_octet() {
        let all: Vec<u8> = [0x80, 0x21].into_iter().chain(0..=255).collect();
        for accm in [0, 1 << 17, 0x000a_0000, u32::MAX] {
            let parameters = FramingParameters { accm, ..PLAIN };
            let frame = encoded(&parameters, &all);
            assert_eq!(frame, simple(&parameters, b"\xff\x03", &all));
            let mut decoder = plain_decoder();
            decoder.set_accm(accm);
            let frames = decoded(&mut decoder, &[&frame]);
            assert_eq!(frames, [[&[0xff, 3][..], &all].concat()]);
        }
    }

    // RFC 1662 §4.2 MUST (remove): put between any two octets, also behind an escape.
    #[test]
    fn controls_that_the_line_puts_in_are_removed() {
        let frame = encoded(&FramingParameters::DEFAULT, b"\x00\x21\x7e\x7d\x11data");
        let mut disturbed = Vec::new();
        for octet in &frame {
            disturbed.extend([*octet, 0x11]);
        }
        let mut decoder = Decoder::new(1500);
        let frames = decoded(&mut decoder, &[&disturbed]);
        assert_eq!(frames, [b"\xff\x03\x00\x21\x7e\x7d\x11data"]);
        assert_eq!(decoder.stats().stray_controls, frame.len() as u64);
    }
}

mod section_4_3 {
    use super::*;

    // RFC 1662 §4.3 MUST (invalid): short and aborted frames, each counted as what it is.
    #[test]
    fn invalid_frames() {
        let good = encoded(&PLAIN, b"\x00\x21data");
        let mut decoder = plain_decoder();
        decoder.set_accm(0);
        assert!(decoded(&mut decoder, &[&[FLAG, 1, FLAG, 1, 2, FLAG, 1, 2, 3, FLAG]]).is_empty());
        assert_eq!((decoder.stats().runts, decoder.stats().bad_fcs), (3, 0));
        assert!(decoded(&mut decoder, &[b"\x00\x21some data\x7d\x7e"]).is_empty());
        assert_eq!((decoder.stats().aborted, decoder.stats().bad_fcs), (1, 0));
        assert!(decoded(&mut decoder, &[b"\x00\x21some data\x7e"]).is_empty());
        assert_eq!(decoder.stats().bad_fcs, 1);
        // After each of them the next frame is good.
        assert_eq!(decoded(&mut decoder, &[&good[1..]]).len(), 1);
        assert_eq!(decoder.stats().frames, 1);
    }

    #[test]
    fn frames_that_are_too_long() {
        let mut decoder = Decoder::new(100);
        decoder.set_accm(0);
        let fits = [&[0x80, 0x21][..], &[b'x'; 1500]].concat();
        let frame = encoded(&PLAIN, &fits);
        assert_eq!(
            decoded(&mut decoder, &[&frame]).len(),
            1,
            "1500 octets are always taken"
        );
        let long = encoded(&PLAIN, &[&fits[..], &[b'x'; 100]].concat());
        for chunk in [1, 7, 4000] {
            let before = decoder.stats().oversize;
            let chunks: Vec<&[u8]> = long.chunks(chunk).collect();
            assert!(decoded(&mut decoder, &chunks).is_empty());
            assert_eq!(decoder.stats().oversize, before + 1);
        }
        assert_eq!(decoder.stats().bad_fcs, 0);
        // An endless frame takes no more memory, and what comes after it is found.
        for _ in 0..1000 {
            assert!(decoded(&mut decoder, &[&[b'x'; 1000]]).is_empty());
        }
        assert_eq!(decoded(&mut decoder, &[&frame]).len(), 1);
    }
}

mod appendix_c {
    use super::*;

    /// The check values of the two algorithms, over the digits 1 to 9.
    #[test]
    fn check_values() {
        assert_eq!(fcs16(b"123456789"), 0x906e);
        assert_eq!(fcs32(b"123456789"), 0xcbf4_3926);
    }

    /// The residues that the RFC calls the good FCS: over a frame and its own sequence.
    #[test]
    fn good_values() {
        for frame in [&b""[..], b"x", b"\xff\x03\xc0\x21", &[0xa5; 1504]] {
            let with = [frame, &fcs16(frame).to_le_bytes()].concat();
            assert_eq!(fcs16(&with) ^ 0xffff, 0xf0b8);
            let with = [frame, &fcs32(frame).to_le_bytes()].concat();
            assert_eq!(fcs32(&with) ^ 0xffff_ffff, 0xdebb_20e3);
        }
    }

    #[test]
    fn with_32_bits_lcp_may_have_16() {
        let long = FramingParameters {
            fcs: FcsAlternatives::FCS_32,
            ..PLAIN
        };
        let both = FramingParameters {
            fcs: FcsAlternatives(6),
            ..PLAIN
        };
        assert_eq!(
            (long.check_sequence(), both.check_sequence()),
            (Fcs::Bits32, Fcs::Bits16)
        );
        let (lcp, ip) = (b"\xc0\x21\x01\x01\x00\x04", b"\x00\x21data");
        let mut decoder = plain_decoder();
        decoder.set_fcs(Fcs::Bits32);
        for (parameters, packet, is_taken) in [
            (&long, &lcp[..], true),
            (&long, ip, true),
            (&PLAIN, lcp, true),
            (&PLAIN, ip, false),
        ] {
            let frames = decoded(&mut decoder, &[&encoded(parameters, packet)]);
            assert_eq!(frames.len(), usize::from(is_taken));
        }
        assert_eq!(decoder.stats().bad_fcs, 1);
        let mut decoder = plain_decoder();
        assert!(decoded(&mut decoder, &[&encoded(&long, lcp)]).is_empty());
    }

    #[test]
    fn no_change_of_an_octet_goes_unseen() {
        for fcs in [FcsAlternatives::FCS_16, FcsAlternatives::FCS_32] {
            let parameters = FramingParameters {
                fcs,
                ..FramingParameters::DEFAULT
            };
            let sent = [&b"\xff\x03"[..], b"\x00\x21payload"].concat();
            testkit::sweep(&encoded(&parameters, b"\x00\x21payload"), |octets| {
                let mut decoder = plain_decoder();
                decoder.set_fcs(parameters.check_sequence());
                for frame in decoded(&mut decoder, &[octets]) {
                    assert_eq!(frame, sent);
                }
            });
        }
    }
}

fn octets() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), Just(FLAG), Just(ESCAPE), 0u8..32]
}

/// Octets of one kind, in runs of up to 100.
fn run() -> impl Strategy<Value = Vec<u8>> {
    let special = prop_oneof![
        Just(vec![FLAG]),
        Just(vec![ESCAPE]),
        Just(vec![ESCAPE, FLAG ^ 0x20]),
        Just(vec![0x11]),
        Just(vec![b'x', ESCAPE, 0x01]),
        any::<u8>().prop_map(|octet| vec![octet]),
    ];
    let repeated = (special, 1usize..100).prop_map(|(octets, times)| octets.repeat(times));
    prop_oneof![
        repeated,
        prop::collection::vec(octets(), 1..100),
        prop::collection::vec(0x80u8..=0xff, 1..200),
    ]
}

/// Runs after each other, now and then more than a frame may have.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let long = prop::collection::vec(0x80u8..=0xff, 1400..1700);
    let run = prop_oneof![12 => run(), 1 => long];
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let packet = stream().prop_map(|mut octets| {
        octets.truncate(1500);
        [&[0x80, 0x21][..], &octets].concat()
    });
    prop::collection::vec(packet, 1..6)
}

fn parameters() -> impl Strategy<Value = FramingParameters> {
    let accm = prop_oneof![Just(0), Just(u32::MAX), any::<u32>()];
    (accm, any::<bool>()).prop_map(|(accm, long)| FramingParameters {
        accm,
        fcs: if long {
            FcsAlternatives::FCS_32
        } else {
            FcsAlternatives::FCS_16
        },
        ..PLAIN
    })
}

/// A decoder for frames of 1500 octets, octet by octet as the RFC says it.
#[derive(Default)]
struct SimpleDecoder {
    frame: Option<Vec<u8>>,
    is_escaped: bool,
    is_too_long: bool,
    stats: DecoderStats,
    found: Vec<Vec<u8>>,
}

impl SimpleDecoder {
    fn take(&mut self, octet: u8, accm: u32) {
        if octet == FLAG {
            self.end();
            return;
        }
        let Some(frame) = &mut self.frame else {
            self.stats.stray_octets += 1;
            return;
        };
        if octet < 32 && accm >> octet & 1 == 1 {
            self.stats.stray_controls += 1;
        } else if self.is_too_long {
        } else if octet == ESCAPE && !self.is_escaped {
            self.is_escaped = true;
        } else if frame.len() == 1508 {
            self.is_too_long = true;
            self.stats.oversize += 1;
        } else {
            frame.push(if self.is_escaped { octet ^ 0x20 } else { octet });
            self.is_escaped = false;
        }
    }

    fn end(&mut self) {
        let is_escaped = core::mem::take(&mut self.is_escaped);
        let is_too_long = core::mem::take(&mut self.is_too_long);
        let Some(frame) = self.frame.replace(Vec::new()) else {
            return;
        };
        if is_too_long {
        } else if is_escaped {
            self.stats.aborted += 1;
        } else if frame.is_empty() {
            self.stats.empty += 1;
        } else if frame.len() < 4 {
            self.stats.runts += 1;
        } else if fcs16(&frame) ^ 0xffff == 0xf0b8 {
            self.stats.frames += 1;
            self.found.push(frame[..frame.len() - 2].to_vec());
        } else {
            self.stats.bad_fcs += 1;
        }
    }
}

proptest! {
    /// With all vector units, the encoder agrees with the octet-by-octet rule, and the decoder finds
    /// the same in any chunks.
    #[test]
    fn round_trip(packets in packets(), parameters in parameters(), size in 1usize..300) {
        for unit in VectorUnit::available() {
            let mut out = PacketBuf::new();
            let mut encoder = Encoder::with_unit(unit);
            let mut expected = Vec::new();
            for packet in &packets {
                let start = out.len();
                encoder.encode(&parameters, packet, &mut out);
                let frame = simple(&parameters, b"\xff\x03", packet);
                let shared = usize::from(start > 0);
                prop_assert_eq!(&out.as_slice()[start..], &frame[shared..], "{}", unit);
                expected.push([&[0xff, 3][..], packet].concat());
            }
            let mut decoder = Decoder::with_unit(1500, unit);
            decoder.set_parameters(&parameters);
            let chunks: Vec<&[u8]> = out.as_slice().chunks(size).collect();
            prop_assert_eq!(decoded(&mut decoder, &chunks), expected, "{}", unit);
        }
    }

    /// Whatever comes, in chunks of any size, all vector units see what the octet-by-octet rule sees.
    #[test]
    fn noise(
        noise in stream(),
        frames in prop::collection::vec((stream(), any::<bool>()), 0..3),
        size in 1usize..300,
        accm in prop_oneof![Just(0), Just(u32::MAX), any::<u32>()],
    ) {
        let parameters = FramingParameters { accm, ..PLAIN };
        let mut stream = noise;
        for (octets, is_whole) in frames {
            let mut frame = encoded(&parameters, &octets);
            if !is_whole {
                frame.truncate(octets.len());
            }
            stream.extend(frame);
        }
        let mut simple = SimpleDecoder::default();
        stream.iter().for_each(|octet| simple.take(*octet, accm));
        for unit in VectorUnit::available() {
            let mut whole = Decoder::with_unit(1500, unit);
            let mut parts = Decoder::with_unit(1500, unit);
            whole.set_parameters(&parameters);
            parts.set_parameters(&parameters);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            prop_assert_eq!(&decoded(&mut whole, &[&stream]), &simple.found, "{}", unit);
            prop_assert_eq!(&decoded(&mut parts, &chunks), &simple.found, "{}", unit);
            prop_assert_eq!(whole.stats(), &simple.stats, "{}", unit);
            prop_assert_eq!(parts.stats(), &simple.stats, "{}", unit);
        }
    }
}
