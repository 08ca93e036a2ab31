//! Damaged frames and files never panic the dissector, and what it says of them lies within them.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use alloc::collections::BTreeMap;
use core::time::Duration;
use internetwork::capture_file::CaptureFile;
use internetwork::dissect::{Summary, dissect, one_liner};
use testkit::captures;
use testkit::pcapng::{Direction, PcapngWriter};
use testkit::{LinkType, sweep};

/// Frames with the same layers that are swept. The sweep of one frame is up to 6,000 variants; the
/// optimised build has time for more of them.
const OF_EACH_KIND: usize = if cfg!(debug_assertions) { 12 } else { 200 };

/// Link types that a frame is read as beside its own: whatever it is, no reader may fall over it.
const LINK_TYPES: [LinkType; 11] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::RAW,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::PPP,
    LinkType::PPP_ETHER,
    LinkType::C_HDLC,
];

fn check(link_type: LinkType, frame: &[u8], original_len: usize) {
    let dissection = dissect(link_type, frame, original_len);
    for layer in &dissection.layers {
        assert!(layer.offset + layer.length <= frame.len(), "{layer:?}");
    }
    for error in &dissection.errors {
        assert!(error.error.offset <= frame.len(), "{error:?}");
    }
    if let Some(rest) = &dissection.rest {
        assert!(rest.offset + rest.length <= frame.len(), "{rest:?}");
    }
}

#[test]
fn every_captured_frame_cut_and_changed() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut kinds: BTreeMap<(LinkType, String), usize> = BTreeMap::new();
    let (mut frames, mut swept, mut variants) = (0, 0, 0);
    for capture in &captures {
        for frame in &capture.frames {
            frames += 1;
            check(frame.link_type, &frame.data, frame.original_len);
            let dissection = dissect(frame.link_type, &frame.data, frame.original_len);
            let mut kind = dissection.protocols();
            kind.extend(dissection.errors.iter().map(|error| error.kind()));
            let count = kinds.entry((frame.link_type, kind)).or_default();
            *count += 1;
            if *count <= OF_EACH_KIND {
                swept += 1;
                variants += sweep(&frame.data, |octets| {
                    check(frame.link_type, octets, frame.original_len);
                });
            } else {
                // Of frames like others: some cuts.
                for length in (0..frame.data.len()).step_by(11) {
                    variants += 1;
                    check(frame.link_type, &frame.data[..length], frame.original_len);
                }
            }
        }
    }
    println!("{frames} frames, {swept} of them swept, {variants} variants");
    assert!(swept >= 700, "{swept} kinds of frames");
}

#[test]
fn every_frame_as_another_link_type() {
    let Some(captures) = captures::all() else {
        return;
    };
    for frame in captures.iter().flat_map(|capture| &capture.frames) {
        for link_type in LINK_TYPES {
            check(link_type, &frame.data, frame.original_len);
        }
    }
}

#[test]
fn printing_takes_any_dissection() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut summary = Summary::default();
    for frame in captures.iter().flat_map(|capture| &capture.frames) {
        let dissection = dissect(frame.link_type, &frame.data, frame.original_len);
        summary.count(&dissection);
        let line = one_liner(&dissection, 1, Duration::ZERO, frame.original_len);
        let errors = line
            .lines()
            .filter(|line| line.starts_with("    error: "))
            .count();
        assert_eq!(errors, dissection.errors.len());
    }
    assert_eq!(
        summary.frames,
        captures.iter().map(|c| c.frames.len()).sum::<usize>()
    );
    assert!(summary.to_string().contains("IP protocol 50 (ESP)"));
}

#[test]
fn damaged_pcapng_files() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let ethernet = writer.add_interface("eth0", LinkType::ETHERNET).unwrap();
    let raw = writer.add_interface("tun0", LinkType::RAW).unwrap();
    for (interface, frame) in [(ethernet, &[0xffu8; 60][..]), (raw, &[0x45; 21])] {
        let now = packet_buffer::Instant::from_millis(1_500);
        writer
            .write(interface, now, Direction::Inbound, "", frame)
            .unwrap();
    }
    let file = writer.into_inner();
    let frames: Vec<_> = CaptureFile::new(&file)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].timestamp, Duration::from_millis(1_500));
    assert_eq!(
        (frames[1].link_type, frames[1].octets),
        (LinkType::RAW, &[0x45; 21][..])
    );
    sweep_file(&file);
}

#[test]
fn damaged_pcap_files() {
    for big_endian in [false, true] {
        let file = pcap(big_endian, &[&[0xff; 60], &[0x45; 21]]);
        assert_eq!(CaptureFile::new(&file).unwrap().count(), 2);
        sweep_file(&file);
    }
}

/// Reading ends, whatever the file: not more frames than there are octets.
fn sweep_file(file: &[u8]) {
    let variants = sweep(file, |octets| {
        if let Ok(frames) = CaptureFile::new(octets) {
            assert!(frames.take(octets.len() + 1).count() <= octets.len());
        }
    });
    assert!(variants > 500);
}

fn pcap(big_endian: bool, frames: &[&[u8]]) -> Vec<u8> {
    let word = |number: u32| {
        if big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
    let mut file: Vec<u8> = [0xa1b2_c3d4, version, 0, 0, 65_535, 1].map(word).concat();
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap();
        file.extend([1, 500_000, length, length].map(word).concat());
        file.extend(*frame);
    }
    file
}
