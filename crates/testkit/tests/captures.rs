//! The reader of capture files, on files made here and on the reference captures.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::run_alone;
use core::net::Ipv4Addr;
use core::time::Duration;
use testkit::captures::{self, SHARED_VARIABLE, read};
use testkit::pcapng::Direction;
use testkit::{LinkType, skip_without_shared, sweep};

fn octets(hex: &str) -> Vec<u8> {
    hex::decode(hex.replace([' ', '\n'], "")).unwrap()
}

#[test]
fn pcap_in_both_byte_orders_and_both_resolutions() {
    // One frame of three octets, of which the snapshot length has kept two, at 1.000002 s.
    let files = [
        (
            "a1b2c3d4 0002 0004 00000000 00000000 00000002 00000009",
            "00000001 00000002 00000002 00000003 c021",
            2_000,
        ),
        (
            "d4c3b2a1 0200 0400 00000000 00000000 02000000 09000000",
            "01000000 02000000 02000000 03000000 c021",
            2_000,
        ),
        (
            "a1b23c4d 0002 0004 00000000 00000000 00000002 00000009",
            "00000001 00000002 00000002 00000003 c021",
            2,
        ),
        // The upper half of the link type is about a frame check sequence of four octets.
        (
            "4d3cb2a1 0200 0400 00000000 00000000 00000000 09000044",
            "01000000 02000000 02000000 03000000 c021",
            2,
        ),
    ];
    for (header, packet, nanos) in files {
        let whole = octets(&format!("{header}{packet}{packet}"));
        let file = read(&whole).unwrap();
        assert_eq!(file.link_type, LinkType::PPP);
        assert!(!file.is_cut);
        assert_eq!(file.frames.len(), 2);
        let frame = &file.frames[1];
        assert_eq!(frame.data, [0xc0, 0x21]);
        assert_eq!(frame.original_len, 3);
        assert_eq!(frame.timestamp, Duration::new(1, nanos));
        assert_eq!(frame.link_type, LinkType::PPP);
        // What is left of a file whose writer was killed.
        for length in 24..whole.len() {
            let cut = read(&whole[..length]).unwrap();
            assert_eq!(cut.frames.len(), (length - 24) / 18);
            assert_eq!(cut.is_cut, !(length - 24).is_multiple_of(18));
        }
    }
}

#[test]
fn pcapng_with_several_interfaces_and_resolutions() {
    let section = "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c";
    // Ethernet with a snapshot length of 2 and the default resolution; then RAW with 2^-1 s.
    let first = "00000001 00000014 0001 0000 00000002 00000014";
    let second = "00000001 00000020 0065 0000 00000000 0009 0001 81000000 0000 0000 00000020";
    // An enhanced packet of the first at 3.000004 s, a simple one, an enhanced one of the second at
    // 3.5 s, received, and a block of a type that nobody knows.
    let packets = "
        00000006 00000024 00000000 00000000 002dc6c4 00000002 00000003 aabb0000 00000024
        00000003 00000014 00000005 ccdd0000 00000014
        00000006 00000030 00000001 00000000 00000007 00000001 00000001 45000000
            0002 0004 00000001 0000 0000 00000030
        0badf00d 0000000c 0000000c";
    let file = octets(&format!("{section}{first}{second}{packets}"));
    let file = read(&file).unwrap();
    let (link_type, frames) = (file.link_type, file.frames);
    assert_eq!(link_type, LinkType::ETHERNET);
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[0].data, [0xaa, 0xbb]);
    assert_eq!(frames[0].original_len, 3);
    assert_eq!(frames[0].timestamp, Duration::from_micros(3_000_004));
    assert_eq!(frames[1].data, [0xcc, 0xdd]);
    assert_eq!(frames[1].original_len, 5);
    assert_eq!(frames[2].data, [0x45]);
    assert_eq!(frames[2].link_type, LinkType::RAW);
    assert_eq!(frames[2].timestamp, Duration::from_millis(3_500));
    assert_eq!(frames[2].direction, Some(Direction::Inbound));
    // Each section has interfaces of its own.
    let file = octets(&format!("{section}{first}{section}{second}{packets}"));
    assert!(
        read(&file).is_err(),
        "the last section has no second interface"
    );
}

#[test]
fn what_is_no_capture_file_is_refused() {
    for file in [&b""[..], b"not a capture", &[0; 24], b"\x0a\x0d\x0d\x0a"] {
        let error = read(file).unwrap_err();
        assert!(
            error.to_string().starts_with("not a sound capture file: "),
            "{error}"
        );
    }
}

#[test]
fn the_reader_never_panics() {
    let pcap = octets(
        "d4c3b2a1 0200 0400 00000000 00000000 02000000 09000000
         01000000 02000000 02000000 03000000 c021",
    );
    let mut sound = 0;
    sweep(&pcap, |file| sound += usize::from(read(file).is_ok()));
    assert!(sound > 50, "{sound}: most changes leave a sound file");
}

// The reference captures.

#[test]
fn every_reference_capture_is_read_as_the_dissector_read_it() {
    skip_without_shared!();
    let all = captures::all().unwrap();
    let mut compared = 0;
    for capture in &all {
        assert_eq!(
            capture.expected().len(),
            capture.frames.len(),
            "{}",
            capture.name
        );
        for (index, (frame, expected)) in capture.frames.iter().zip(capture.expected()).enumerate()
        {
            let name = &capture.name;
            assert_eq!(
                expected.number("frame.number"),
                Some(index as u64 + 1),
                "{name}"
            );
            assert_eq!(
                expected.number("frame.len"),
                Some(frame.original_len as u64),
                "{name}"
            );
            assert_eq!(
                expected.number("frame.cap_len"),
                Some(frame.data.len() as u64),
                "{name}"
            );
            compared += 1;
        }
    }
    assert!(
        all.len() > 100 && compared > 1_000,
        "{} captures, {compared} frames",
        all.len()
    );
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    assert!(all.iter().any(|capture| capture.crafted));
    assert!(all.iter().any(|capture| !capture.note.is_empty()));
}

#[test]
fn fields_agree_with_the_octets_of_the_frames() {
    skip_without_shared!();
    let captures = captures::in_folder("icmp").unwrap();
    assert!(
        captures
            .iter()
            .all(|capture| capture.name.starts_with("icmp/"))
    );
    let mut compared = 0;
    for capture in captures
        .iter()
        .filter(|c| c.link_type == LinkType::ETHERNET)
    {
        for (frame, expected) in capture.sound_frames() {
            let protocols: Vec<_> = expected.protocols().collect();
            if !protocols.starts_with(&["eth", "ethertype", "ip"]) {
                continue;
            }
            assert!(expected.has_protocol("ip"));
            let ip = &frame.data[14..];
            let source = Ipv4Addr::from(<[u8; 4]>::try_from(&ip[12..16]).unwrap());
            assert_eq!(
                expected.parsed::<Ipv4Addr>("ip.src")[0],
                source,
                "{}",
                capture.name
            );
            assert_eq!(
                expected.number("ip.ttl"),
                Some(ip[8].into()),
                "{}",
                capture.name
            );
            let dont_fragment = u64::from(ip[6] & 0x40 != 0);
            assert_eq!(
                expected.number("ip.flags.df"),
                Some(dont_fragment),
                "{}",
                capture.name
            );
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} frames");
}

#[test]
fn what_lies_beside_a_capture_is_found() {
    skip_without_shared!();
    let all = captures::all().unwrap();
    let reassembled = all.iter().filter_map(|capture| capture.reassembled());
    assert!(reassembled.flatten().any(|datagram| {
        datagram
            .octets("ip.reassembled.data.sha256")
            .iter()
            .any(|hash| hash.len() == 32)
    }));
    let decrypted = all.iter().filter_map(|capture| capture.decrypted()).count();
    let keys = all
        .iter()
        .filter_map(|capture| capture.companion("keys.json"))
        .count();
    assert!(decrypted > 0 && keys >= decrypted, "{decrypted} {keys}");
    let unsound = all
        .iter()
        .flat_map(|c| c.expected())
        .filter(|d| !d.is_sound())
        .count();
    assert!(unsound > 0);
}

// In processes of their own, because the environment belongs to the process.

#[test]
#[ignore = "is run with other environments"]
fn loads_all() {
    let loaded = captures::all().is_some();
    skip_without_shared!();
    assert!(loaded);
}

#[test]
fn without_the_variable_tests_skip_and_say_so() {
    let (passed, error) = run_alone("loads_all", &[(SHARED_VARIABLE, None)]);
    assert!(passed, "{error}");
    assert!(
        error.contains("SKIPPED loads_all: INTERNETWORK_SHARED is not set"),
        "{error}"
    );
}

#[test]
fn a_variable_that_leads_nowhere_is_an_error() {
    let empty = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared");
    std::fs::create_dir_all(empty.join("captures/icmp")).unwrap();
    let empty = empty.to_str().unwrap();
    let (passed, error) = run_alone("loads_all", &[(SHARED_VARIABLE, Some("/nowhere"))]);
    assert!(!passed);
    assert!(
        error.contains("is set, but /nowhere/captures cannot be read"),
        "{error}"
    );
    let (passed, error) = run_alone("loads_all", &[(SHARED_VARIABLE, Some(empty))]);
    assert!(!passed);
    assert!(error.contains("MANIFEST.tsv cannot be read"), "{error}");
    let header = "file\tcrafted_or_crash_test\tnote\n";
    std::fs::write(format!("{empty}/captures/MANIFEST.tsv"), header).unwrap();
    let (passed, error) = run_alone("loads_all", &[(SHARED_VARIABLE, Some(empty))]);
    assert!(!passed);
    assert!(error.contains("there is no capture in"), "{error}");
    std::fs::remove_dir_all(empty).unwrap();
}
