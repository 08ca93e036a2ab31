//! Capture files that are written are read back, by the reader that reads everybody's.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

extern crate alloc;

mod common;

use alloc::rc::Rc;
use common::stream_of_frames;
use core::cell::RefCell;
use core::time::Duration;
use packet_buffer::Instant;
use std::io;
use std::path::Path;
use testkit::captures::{Frame, read};
use testkit::pcapng::{Direction, PcapngWriter};
use testkit::{Host, LinkConfig, LinkType, Network, Tap};

/// A file in memory that can be read while it is written.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first octets of a file, against the format's specification (draft-ietf-opsawg-pcapng).
#[test]
fn the_octets_of_a_small_file() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let interface = writer.add_interface("ab", LinkType::PPP_HDLC).unwrap();
    let at = Instant::from_micros(5);
    let frame = [0xff, 0x03, 0xc0, 0x21, 0x01];
    writer
        .write(interface, at, Direction::Outbound, "", &frame)
        .unwrap();
    let file = writer.into_inner();
    let expected = [
        // Section header block: type, length, byte order, version 1.0, section length unknown.
        "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000",
        // Interface description block: link type 50, no snapshot length.
        "01000000 28000000 3200 0000 00000000",
        // if_name "ab"; if_tsresol 9; end of options.
        "0200 0200 61620000 0900 0100 09000000 0000 0000 28000000",
        // Enhanced packet block: interface 0, 5,000 ns, five octets captured of five.
        "06000000 34000000 00000000 00000000 88130000 05000000 05000000 ff03c02101 000000",
        // epb_flags: outbound; end of options.
        "0200 0400 02000000 0000 0000 34000000",
    ];
    let expected = hex::decode(expected.concat().replace(' ', "")).unwrap();
    assert_eq!(hex::encode(file), hex::encode(expected));
}

#[test]
fn what_is_written_is_read_back() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let ethernet = writer.add_interface("eth", LinkType::ETHERNET).unwrap();
    let early = Instant::from_micros(1);
    writer
        .write(ethernet, early, Direction::Inbound, "lost", &[1; 61])
        .unwrap();
    let ppp = writer.add_interface("ppp", LinkType::PPP).unwrap();
    let late = Instant::from_micros(4_000_000_123_456);
    writer
        .write(ppp, late, Direction::Outbound, "", &[])
        .unwrap();
    writer.flush().unwrap();
    let file = read(&writer.into_inner()).unwrap();
    assert_eq!(file.link_type, LinkType::ETHERNET);
    assert!(!file.is_cut);
    let expected = [
        Frame {
            data: vec![1; 61],
            original_len: 61,
            timestamp: Duration::from_micros(1),
            link_type: LinkType::ETHERNET,
            interface: Some("eth".to_owned()),
            direction: Some(Direction::Inbound),
            comment: Some("lost".to_owned()),
        },
        Frame {
            data: Vec::new(),
            original_len: 0,
            timestamp: Duration::from_micros(4_000_000_123_456),
            link_type: LinkType::PPP,
            interface: Some("ppp".to_owned()),
            direction: Some(Direction::Outbound),
            comment: None,
        },
    ];
    assert_eq!(file.frames, expected);
}

fn summary(frames: &[Frame]) -> Vec<(u128, &str, &[u8], &str)> {
    frames
        .iter()
        .map(|frame| {
            (
                frame.timestamp.as_micros(),
                frame.interface.as_deref().unwrap(),
                &frame.data[..],
                frame.comment.as_deref().unwrap_or(""),
            )
        })
        .collect()
}

#[test]
fn a_tap_records_what_is_sent_and_what_becomes_of_it() {
    let file = Memory::default();
    let mut network = Network::new(0);
    let [a, b, c] = ["a", "b", "c"].map(|name| network.add_node(name, Host::default()));
    let wire = network.add_link("wire", a, (b, 1), LinkConfig::default());
    let lan = network.add_lan("lan");
    let tap = Tap::new(file.clone()).unwrap();
    network.tap(wire, LinkType::PPP, &tap);
    network.tap(lan, LinkType::ETHERNET, &tap);
    for node in [b, c] {
        network.attach(lan, node, LinkConfig::default());
    }

    network.node_mut::<Host>(a).send(0, b"1");
    network.run_for(Duration::from_millis(10));
    network.change_link(wire, |config| config.loss = 1.0);
    network.node_mut::<Host>(b).send(1, b"2");
    network.node_mut::<Host>(b).send(0, b"3");
    network.run_for(Duration::from_millis(10));
    network.change_link(wire, |config| {
        config.loss = 0.0;
        config.corrupt = 1.0;
        config.duplicate = 1.0;
        config.mtu = Some(5);
    });
    network.node_mut::<Host>(a).send(0, b"4");
    network.node_mut::<Host>(a).send(0, b"too long");
    network.run_for(Duration::from_millis(10));
    network.set_link_up(wire, false);
    network.node_mut::<Host>(a).send(0, b"5");
    network.change_link(lan, |config| config.loss = 1.0);
    network.node_mut::<Host>(c).send(0, b"6");
    network.run_for(Duration::from_millis(10));

    let frames = read(&file.0.borrow()).unwrap().frames;
    assert_eq!(
        summary(&frames),
        [
            (0, "wire/a", &b"1"[..], ""),
            (10_000, "wire/b:1", b"2", "lost"),
            (10_000, "lan/b", b"3", ""),
            (20_000, "wire/a", b"4", "duplicated; corrupted; corrupted"),
            (20_000, "wire/a", b"too long", "too long"),
            (30_000, "wire/a", b"5", "link down"),
            (30_000, "lan/c", b"6", "lost to b"),
        ]
    );
    assert_eq!(frames[2].link_type, LinkType::ETHERNET);
    assert!(
        frames
            .iter()
            .all(|frame| frame.direction == Some(Direction::Outbound))
    );
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let run = |seed| {
        let file = Memory::default();
        let mut network = Network::new(seed);
        let a = network.add_node("a", Host::default());
        let b = network.add_node("b", Host::default());
        let config = LinkConfig {
            loss: 0.5,
            ..LinkConfig::default()
        };
        let wire = network.add_link("wire", a, b, config);
        network.tap(wire, LinkType::RAW, &Tap::new(file.clone()).unwrap());
        stream_of_frames(&mut network, a, 100, 10, 60);
        network.run_for(Duration::from_secs(1));
        file.0.take()
    };
    testkit::assert_deterministic(1, run);
    assert_ne!(run(1), run(2));
}

#[test]
fn a_capture_file_is_complete_when_the_network_is_gone() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("complete.pcapng");
    let mut network = Network::new(0);
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    let wire = network.add_link("wire", a, b, LinkConfig::default());
    network.tap(wire, LinkType::ETHERNET, &Tap::create(&path).unwrap());
    stream_of_frames(&mut network, a, 10, 10, 60);
    network.run_for(Duration::from_secs(1));
    drop(network);
    let file = read(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (file.link_type, file.frames.len()),
        (LinkType::ETHERNET, 10)
    );
}
