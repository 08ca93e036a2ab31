//! The reference captures: our reading of every frame against tshark's.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use alloc::collections::BTreeMap;
use internetwork::capture_file::{CaptureFile, CaptureFileError};
use internetwork::compare::Report;
use internetwork::dissect::dissect;
use packet_buffer::fragment::{Reassembler, ReassemblerConfig, Reassembly};
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf};
use sha2::{Digest, Sha256};
use std::fs;
use testkit::captures::{self, Capture};

#[test]
fn our_reading_equals_tsharks() {
    let Some(captures) = captures::all() else {
        return;
    };
    let mut report = Report::default();
    for capture in &captures {
        report.add(capture);
    }
    println!("{report}");
    assert!(report.differences.is_empty(), "{report}");
    let stale = report.stale();
    assert!(stale.is_empty(), "no frame needs: {stale:#?}");
    // What is compared does not shrink unseen.
    assert!(report.compared() >= 7_200, "{} frames", report.compared());
    assert!(report.equal() >= 160_000, "{} keys", report.equal());
}

/// Datagrams that tshark puts together and we do not.
const NOT_PUT_TOGETHER: [(&str, usize, &str); 6] = [
    (
        "frag/suricata-ipv6-malformed-fragments-15",
        54,
        "the fragments end behind octet 65535",
    ),
    (
        "frag/suricata-ipv6-malformed-fragments-2",
        4,
        "fragments overlap (RFC 5722)",
    ),
    (
        "frag/suricata-ipv6-malformed-fragments-35",
        2,
        "a fragment within a fragment",
    ),
    (
        "frag/suricata-ipv6-malformed-fragments-35",
        5,
        "tshark takes the quote of an ICMPv6 error for the missing fragment",
    ),
    (
        "frag/suricata-ipv6-malformed-fragments-4",
        4,
        "fragments overlap (RFC 5722)",
    ),
    (
        "frag/zeek-fragmented-4",
        5,
        "fragments overlap with other octets",
    ),
];

#[test]
fn reassembled_datagrams_equal_tsharks() {
    let Some(captures) = captures::all() else {
        return;
    };
    let (mut equal, mut excused) = (0, Vec::new());
    for capture in &captures {
        let mut ours = reassemble(capture);
        for theirs in capture.reassembled().unwrap_or_default() {
            let (version, length) = match theirs.number("ip.reassembled.length") {
                Some(length) => ("ip", Some(length)),
                None => ("ipv6", theirs.number("ipv6.reassembled.length")),
            };
            let Some(length) = length else {
                continue; // given up
            };
            let number = usize::try_from(theirs.number("frame.number").unwrap()).unwrap();
            let name = capture.name.as_str();
            let excuse = NOT_PUT_TOGETHER
                .iter()
                .find(|(capture, frame, _)| (*capture, *frame) == (name, number));
            match (ours.remove(&number), excuse) {
                (Some(payload), None) => {
                    assert_eq!(payload.len() as u64, length, "{name} frame {number}");
                    let digest = hex::encode(Sha256::digest(&payload));
                    let key = format!("{version}.reassembled.data.sha256");
                    assert_eq!(
                        Some(digest.as_str()),
                        theirs.string(&key),
                        "{name} {number}"
                    );
                    equal += 1;
                }
                (None, Some(excuse)) => excused.push(*excuse),
                (None, None) => panic!("{name} frame {number}: not put together"),
                (Some(_), Some(_)) => panic!("{name} frame {number}: needs no excuse"),
            }
        }
        let more: Vec<_> = ours.keys().collect();
        assert!(
            more.is_empty(),
            "{}: only we put together {more:?}",
            capture.name
        );
    }
    println!("{equal} datagrams equal; not put together: {excused:#?}");
    assert_eq!(excused, NOT_PUT_TOGETHER, "every excuse is needed");
    assert_eq!(equal, 9);
}

/// The payloads that the reassembler puts together, by the number of the frame that completes them.
fn reassemble(capture: &Capture) -> BTreeMap<usize, Vec<u8>> {
    let mut reassembler = Reassembler::new(ReassemblerConfig::default()).unwrap();
    let mut out = PacketBuf::new();
    let mut found = BTreeMap::new();
    for (index, frame) in capture.frames.iter().enumerate() {
        let dissection = dissect(frame.link_type, &frame.data, frame.original_len);
        let mut layers = dissection.layers.iter();
        let Some(layer) = layers.find(|layer| matches!(layer.protocol, "ip" | "ipv6")) else {
            continue;
        };
        let Ok(packet) = IpPacket::parse(&frame.data[layer.offset..]) else {
            continue;
        };
        // The reassembler leaves the header checksum to its caller.
        if matches!(packet, IpPacket::V4(packet) if packet.verify_checksum().is_err()) {
            continue;
        }
        let now = Instant::from_micros(u64::try_from(frame.timestamp.as_micros()).unwrap());
        if reassembler.insert(now, 0, &packet, &mut out) != Ok(Reassembly::Complete) {
            continue;
        }
        // tshark's data starts behind the header, which over IPv6 is the fragment header.
        let header_len = match dissection
            .layers
            .iter()
            .find(|l| l.protocol == "ipv6.fraghdr")
        {
            Some(fragment) => fragment.offset - layer.offset,
            None => layer.length,
        };
        found.insert(index + 1, out.as_slice()[header_len..].to_vec());
    }
    found
}

#[test]
fn our_reader_equals_testkits() {
    let Some(captures) = captures::all() else {
        return;
    };
    let folder = captures::shared_folder().unwrap().join("captures");
    let mut cut_files = 0;
    for capture in &captures {
        let path = ["pcap", "pcapng"]
            .map(|extension| folder.join(format!("{}.{extension}", capture.name)))
            .into_iter()
            .find(|path| path.exists())
            .unwrap();
        let octets = fs::read(&path).unwrap();
        let mut frames = capture.frames.iter();
        for frame in CaptureFile::new(&octets).unwrap() {
            let frame = match frame {
                Ok(frame) => frame,
                Err(CaptureFileError::Truncated { .. }) => {
                    cut_files += 1;
                    continue;
                }
                Err(error) => panic!("{}: {error}", capture.name),
            };
            let theirs = frames.next().unwrap();
            assert_eq!(frame.octets, theirs.data, "{}", capture.name);
            assert_eq!(frame.original_len, theirs.original_len, "{}", capture.name);
            assert_eq!(frame.link_type, theirs.link_type, "{}", capture.name);
            assert_eq!(frame.timestamp, theirs.timestamp, "{}", capture.name);
        }
        assert_eq!(frames.next(), None, "{}", capture.name);
    }
    println!(
        "{} files read, {cut_files} of which end early",
        captures.len()
    );
    assert_eq!(cut_files, 2);
}
