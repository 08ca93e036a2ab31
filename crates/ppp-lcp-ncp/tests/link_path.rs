//! What network packets go through on a link: header compression, queues, and what watches the line.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::wire::{IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr};
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::link::{CloseReason, Link, LinkConfig, LinkEvent, Phase, SendError};
use ppp_lcp_ncp::lqr::{LqrDiscard, LqrEvent, LqrMonitor, LqrPacket, LqrRepr, QualityConfig};
use ppp_lcp_ncp::ncp::{IpcpConfig, VjParameters};
use ppp_lcp_ncp::wire::{PppPacket, PppProtocol};
use testkit::SeededRandom;
use two_ends::TwoEnds;

mod two_ends;

#[path = "link_path/jumbo.rs"]
mod jumbo;

const SECOND: Duration = Duration::from_secs(1);

fn config(number: u8) -> LinkConfig {
    LinkConfig {
        ipcp: Some(IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        }),
        ..LinkConfig::default()
    }
}

/// Two ends, and a line between them that can lose what it is told to.
struct Pair {
    now: Instant,
    ends: [Link; 2],
    events: [Vec<LinkEvent>; 2],
    /// Whether nothing arrives any more.
    cut: bool,
    /// Of how many packets with a network protocol one is lost, each way; 0 for none.
    lose_one_in: u32,
    passed: u32,
    /// Packets with more octets of information are lost.
    path_limit: usize,
    /// Network packets that came out, with the end that they came to.
    delivered: Vec<(usize, PppProtocol, Vec<u8>)>,
    /// PPP packets on the line, with the end that sent them.
    line: Vec<(usize, Vec<u8>)>,
}

impl Pair {
    fn new(first: LinkConfig, second: LinkConfig) -> Self {
        let mut seed = 0;
        let ends = [first, second].map(|config| {
            seed += 1;
            Link::new(config, Box::new(SeededRandom::new(seed))).unwrap()
        });
        Self {
            now: Instant::from_secs(100),
            ends,
            events: Default::default(),
            cut: false,
            lose_one_in: 0,
            passed: 0,
            path_limit: usize::MAX,
            delivered: Vec::new(),
            line: Vec::new(),
        }
    }

    fn opened(first: LinkConfig, second: LinkConfig) -> Self {
        let mut pair = Self::new(first, second);
        for end in &mut pair.ends {
            end.open(pair.now);
            end.lower_up(pair.now);
        }
        pair.settle();
        assert!(pair.is_open());
        pair.line.clear();
        pair.events = Default::default();
        pair
    }

    fn is_open(&self) -> bool {
        self.ends.iter().all(|end| end.is_open(PppProtocol::IPV4))
    }

    fn carry(&mut self, from: usize, packet: &[u8]) {
        self.line.push((from, packet.to_vec()));
        let parsed = PppPacket::parse(packet).unwrap();
        let (protocol, length) = (parsed.protocol(), parsed.information().len());
        self.passed += u32::from(protocol.0 < 0x4000);
        let is_lost = protocol.0 < 0x4000
            && self.lose_one_in != 0
            && self.passed.is_multiple_of(self.lose_one_in);
        if self.cut || is_lost || length > self.path_limit {
            return;
        }
        let mut data = PacketBuf::new();
        let result = self.ends[1 - from].handle_input(self.now, packet, &mut data);
        if let Ok(Some(protocol)) = result {
            self.delivered
                .push((1 - from, protocol, data.as_slice().to_vec()));
        }
    }

    /// Sends a packet, and says how long it was on the line and what came out.
    fn send(&mut self, from: usize, packet: &[u8]) -> (usize, Option<Vec<u8>>) {
        let mut out = PacketBuf::from(packet);
        self.ends[from]
            .encapsulate(self.now, PppProtocol::IPV4, &mut out)
            .unwrap();
        let before = self.delivered.len();
        self.carry(from, out.as_slice());
        let delivered = self.delivered.get(before).map(|(_, _, data)| data.clone());
        (out.len(), delivered)
    }

    fn closed(&self, end: usize) -> Option<&CloseReason> {
        self.events[end].iter().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }
}

impl TwoEnds for Pair {
    type End = Link;

    fn parts(&mut self) -> (&mut Instant, &mut [Link; 2]) {
        (&mut self.now, &mut self.ends)
    }

    fn carry_from(&mut self, from: usize) -> bool {
        let mut packet = PacketBuf::new();
        let mut moved = false;
        while self.ends[from].poll_transmit(&mut packet).is_some() {
            moved = true;
            self.carry(from, packet.as_slice());
        }
        while let Some(event) = self.ends[from].poll_event() {
            moved = true;
            self.events[from].push(event);
        }
        moved
    }
}

mod vj {
    use super::*;

    fn with_vj(number: u8, max_slot_id: u8) -> LinkConfig {
        let mut config = config(number);
        if let Some(ipcp) = &mut config.ipcp {
            ipcp.vj = Some(VjParameters {
                max_slot_id,
                compress_slot_id: true,
            });
        }
        config
    }

    fn segment(port: u16, number: u32) -> Vec<u8> {
        let (source, destination) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut packet = PacketBuf::with_headroom(60);
        packet.append_slice(&[u8::try_from(number).unwrap(); 20]);
        let tcp = TcpRepr {
            source_port: port,
            destination_port: 80,
            sequence_number: 1_000 + 20 * number,
            acknowledgment_number: 1,
            flags: TcpFlags::ACK,
            window: 1000,
            ..TcpRepr::default()
        };
        tcp.emit(
            &mut packet,
            &PseudoHeader::V4 {
                source,
                destination,
            },
        )
        .unwrap();
        let mut ip = Ipv4Repr::new(source, destination, IpProtocol::TCP);
        ip.identification = u16::try_from(number & 0xffff).unwrap();
        ip.emit(&mut packet).unwrap();
        packet.as_slice().to_vec()
    }

    #[test]
    fn headers_are_compressed_as_each_direction_takes_them() {
        // RFC 1332 §4 MUST (direction): three slots one way, sixteen the other.
        let mut pair = Pair::opened(with_vj(1, 2), with_vj(2, 15));
        for (from, max_slot) in [(0, 15), (1, 2)] {
            for number in 0..10 {
                for port in 1..=8 {
                    let packet = segment(port, number);
                    let (length, delivered) = pair.send(from, &packet);
                    assert_eq!(delivered.as_deref(), Some(&packet[..]));
                    let is_compressed = number > 0 && max_slot >= 7;
                    // The protocol is one octet, the header 5: mask, slot, checksum; and the data.
                    assert_eq!(length, if is_compressed { 1 + 4 + 20 } else { 1 + 60 });
                }
            }
            let stats = pair.ends[from].vj_compressor().unwrap().stats();
            assert_eq!(stats.compressed, if max_slot >= 7 { 72 } else { 0 });
            let stats = pair.ends[1 - from].vj_decompressor().unwrap().stats();
            assert_eq!(stats.compressed, if max_slot >= 7 { 72 } else { 0 });
        }
        // Other packets go as they are.
        let (length, delivered) = pair.send(0, b"not IP at all");
        assert_eq!(
            (length, delivered.as_deref()),
            (14, Some(&b"not IP at all"[..]))
        );
        assert_eq!(pair.ends[1].stats().delivered, 81);
    }

    #[test]
    fn nothing_is_compressed_where_that_was_not_agreed() {
        // RFC 1332 §4 MUST (agreed): one end does not want it, so neither direction has it.
        let mut pair = Pair::opened(with_vj(1, 15), config(2));
        assert!(pair.ends[0].vj_compressor().is_none());
        assert!(pair.ends[0].vj_decompressor().is_none());
        for number in 0..3 {
            let packet = segment(1, number);
            for from in 0..2 {
                let (length, delivered) = pair.send(from, &packet);
                assert_eq!((length, delivered.as_deref()), (61, Some(&packet[..])));
            }
        }
        // What comes compressed all the same is rejected, at both ends.
        for end in 0..2 {
            let mut data = PacketBuf::new();
            let packet = [0x2d, 0x10, 1, 2, 3];
            assert_eq!(
                pair.ends[end].handle_input(pair.now, &packet, &mut data),
                Ok(None)
            );
            let mut reject = PacketBuf::new();
            pair.ends[end].poll_transmit(&mut reject).unwrap();
            assert_eq!(reject.as_slice()[..3], [0xc0, 0x21, 8]);
            assert_eq!(reject.as_slice()[6..], [0, 0x2d, 0x10, 1, 2, 3]);
        }
    }

    #[test]
    fn a_lost_segment_does_no_lasting_harm() {
        let mut pair = Pair::opened(with_vj(1, 15), with_vj(2, 15));
        for number in 0..3 {
            pair.send(0, &segment(1, number));
        }
        pair.cut = true;
        pair.send(0, &segment(1, 3));
        pair.cut = false;
        pair.ends[1].line_error();
        // The next ones do not name their slot, and are not trusted.
        for number in 4..7 {
            assert_eq!(pair.send(0, &segment(1, number)).1, None);
        }
        assert_eq!(
            (
                pair.ends[1].stats().vj_refused,
                pair.ends[1].stats().line_errors
            ),
            (3, 1)
        );
        // TCP sends again, and that mends it.
        for number in 3..8 {
            let packet = segment(1, number);
            assert_eq!(pair.send(0, &packet).1.as_deref(), Some(&packet[..]));
        }
    }

    #[test]
    fn slots_are_empty_after_a_new_negotiation() {
        let mut pair = Pair::opened(with_vj(1, 15), with_vj(2, 15));
        for number in 0..3 {
            pair.send(0, &segment(1, number));
        }
        let compressed = pair.line.last().unwrap().1.clone();
        pair.ends[0].close_ipv4(pair.now);
        pair.settle();
        pair.run(4 * SECOND);
        assert!(pair.ends[0].vj_compressor().is_none() && pair.ends[1].vj_decompressor().is_none());
        let mut data = PacketBuf::new();
        assert!(
            pair.ends[1]
                .handle_input(pair.now, &compressed, &mut data)
                .is_err()
        );
        pair.ends[1].close_ipv4(pair.now);
        pair.ends[1].open_ipv4(pair.now);
        pair.ends[0].open_ipv4(pair.now);
        pair.settle();
        pair.run(4 * SECOND);
        assert!(pair.is_open());
        assert_eq!(
            pair.ends[1].handle_input(pair.now, &compressed, &mut data),
            Ok(None)
        );
        assert_eq!(pair.ends[1].stats().vj_refused, 1);
        let packet = segment(1, 9);
        assert_eq!(pair.send(0, &packet), (61, Some(packet.clone())));
    }

    #[test]
    fn damaged_headers_do_not_panic() {
        let mut pair = Pair::opened(with_vj(1, 15), with_vj(2, 15));
        for number in 0..3 {
            pair.send(0, &segment(1, number));
        }
        let vectors: Vec<_> = pair.line.iter().map(|(_, packet)| packet.clone()).collect();
        for packet in vectors {
            testkit::sweep(&packet, |octets| {
                let mut data = PacketBuf::new();
                let _ = pair.ends[1].handle_input(pair.now, octets, &mut data);
                assert!(data.len() <= 65_535);
            });
        }
        pair.settle();
        assert!(pair.is_open());
    }
}

mod demand {
    use super::*;

    fn on_demand(number: u8) -> LinkConfig {
        LinkConfig {
            on_demand: true,
            idle_timeout: Some(60 * SECOND),
            ..config(number)
        }
    }

    fn armed() -> Pair {
        let mut pair = Pair::new(on_demand(1), config(2));
        for end in &mut pair.ends {
            end.open(pair.now);
        }
        pair.settle();
        pair
    }

    fn line_up(pair: &mut Pair) {
        for end in &mut pair.ends {
            end.lower_up(pair.now);
        }
        pair.settle();
    }

    #[test]
    fn the_first_packet_opens_the_link_and_goes_through_it() {
        let mut pair = armed();
        assert_eq!(
            (pair.ends[0].phase(), pair.ends[0].poll_timeout()),
            (Phase::Dead, None)
        );
        assert!(pair.events[0].is_empty());
        let (now, ip) = (pair.now, PppProtocol::IPV4);
        for packet in [b"one", b"two"] {
            assert_eq!(pair.ends[0].send(now, ip, packet), Ok(()));
        }
        assert_eq!(pair.ends[0].send(now, PppProtocol::IPV6, b"six"), Ok(()));
        assert_eq!(pair.ends[0].queued(), (3, 9));
        pair.settle();
        assert_eq!(pair.events[0], [LinkEvent::LineWanted]);
        line_up(&mut pair);
        let packets: Vec<_> = pair
            .delivered
            .iter()
            .map(|(_, _, data)| data.as_slice())
            .collect();
        assert_eq!(packets, [b"one", b"two", b"six"]);
        assert_eq!(pair.ends[0].queued(), (0, 0));
        // And an open link just sends.
        assert_eq!(pair.ends[0].send(now, ip, b"three"), Ok(()));
        pair.settle();
        assert_eq!(pair.delivered.len(), 4);
        let wanted = pair.events[0]
            .iter()
            .filter(|event| **event == LinkEvent::LineWanted);
        assert_eq!(wanted.count(), 1);
    }

    #[test]
    fn an_idle_link_closes_and_opens_again() {
        let mut pair = armed();
        for round in 1..=3 {
            pair.ends[0]
                .send(pair.now, PppProtocol::IPV4, b"packet")
                .unwrap();
            pair.settle();
            line_up(&mut pair);
            // The other end's first request may have come too early.
            pair.run(4 * SECOND);
            assert_eq!(pair.delivered.len(), round);
            pair.run(55 * SECOND);
            assert_eq!(pair.ends[0].phase(), Phase::Network);
            pair.run(10 * SECOND);
            assert_eq!(pair.closed(0), Some(&CloseReason::IdleTimeout));
            // The line goes down, or stays up: both will do.
            if round != 2 {
                for end in &mut pair.ends {
                    end.lower_down(pair.now);
                }
            } else {
                pair.ends[1].lower_down(pair.now);
                pair.ends[1].lower_up(pair.now);
            }
            pair.settle();
            assert_eq!(pair.ends[0].phase(), Phase::Dead);
            pair.events = Default::default();
        }
    }

    #[test]
    fn a_link_that_has_failed_waits_before_it_tries_again() {
        let mut pair = armed();
        pair.cut = true;
        pair.ends[0]
            .send(pair.now, PppProtocol::IPV4, b"packet")
            .unwrap();
        pair.settle();
        pair.ends[0].lower_up(pair.now);
        pair.settle();
        pair.run(40 * SECOND);
        assert_eq!(pair.closed(0), Some(&CloseReason::NoAnswer));
        assert_eq!(
            (pair.ends[0].queued(), pair.ends[0].stats().queue_dropped),
            ((0, 0), 1)
        );
        pair.events = Default::default();
        let not_open = Err(SendError::NotOpen(PppProtocol::IPV4));
        pair.now += 15 * SECOND;
        assert_eq!(
            pair.ends[0].send(pair.now, PppProtocol::IPV4, b"packet"),
            not_open
        );
        assert_eq!(pair.ends[0].phase(), Phase::Dead);
        pair.now += 20 * SECOND;
        assert_eq!(
            pair.ends[0].send(pair.now, PppProtocol::IPV4, b"packet"),
            Ok(())
        );
        assert_eq!(pair.ends[0].phase(), Phase::Establish);
    }

    #[test]
    fn what_waits_is_bounded() {
        let limits = LinkConfig {
            max_queued_packets: 3,
            max_queued_octets: 100,
            ..on_demand(1)
        };
        let mut pair = Pair::new(limits.clone(), config(2));
        let (now, ip) = (pair.now, PppProtocol::IPV4);
        pair.ends[0].open(now);
        let lengths = [40, 61, 40, 20, 1];
        let taken = lengths.map(|length| pair.ends[0].send(now, ip, &vec![0; length]).is_ok());
        assert_eq!(taken, [true, false, true, true, false]);
        assert_eq!(
            (pair.ends[0].queued(), pair.ends[0].stats().send_queue_full),
            ((3, 100), 2)
        );
        // Closing throws it away, and the link is not on demand any more.
        pair.ends[0].close(now);
        assert_eq!(pair.ends[0].queued(), (0, 0));
        assert_eq!(
            pair.ends[0].send(now, ip, b"x"),
            Err(SendError::NotOpen(ip))
        );
        // A link that is open, and whose packets nobody fetches.
        let mut pair = Pair::opened(
            LinkConfig {
                on_demand: false,
                ..limits
            },
            config(2),
        );
        for _ in 0..3 {
            pair.ends[0].send(pair.now, ip, b"x").unwrap();
        }
        assert_eq!(
            pair.ends[0].send(pair.now, ip, b"x"),
            Err(SendError::QueueFull)
        );
        let too_long = SendError::TooLong {
            length: 1501,
            mru: 1500,
        };
        assert_eq!(pair.ends[0].send(pair.now, ip, &[0; 1501]), Err(too_long));
    }

    #[test]
    fn without_demand_nothing_waits_for_a_link() {
        let mut pair = Pair::new(config(1), config(2));
        let (now, ip) = (pair.now, PppProtocol::IPV4);
        pair.ends[0].open(now);
        assert_eq!(
            pair.ends[0].send(now, ip, b"x"),
            Err(SendError::NotOpen(ip))
        );
        // Nor does a network that is not configured, or a link that was not opened.
        let mut link = Link::new(
            LinkConfig {
                ipv6cp: None,
                ..on_demand(1)
            },
            Box::new(SeededRandom::new(1)),
        )
        .unwrap();
        assert_eq!(link.send(now, ip, b"x"), Err(SendError::NotOpen(ip)));
        assert_eq!((link.poll_event(), link.phase()), (None, Phase::Dead));
        link.open(now);
        let six = PppProtocol::IPV6;
        assert_eq!(link.send(now, six, b"x"), Err(SendError::NotOpen(six)));
        assert_eq!(link.send(now, ip, b"x"), Ok(()));
    }

    #[test]
    fn a_packet_to_encapsulate_opens_the_link_too() {
        let mut pair = armed();
        let mut packet = PacketBuf::from(&b"packet"[..]);
        let not_open = Err(SendError::NotOpen(PppProtocol::IPV4));
        let result = pair.ends[0].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
        assert_eq!((result, packet.as_slice()), (not_open, &b"packet"[..]));
        line_up(&mut pair);
        assert!(pair.is_open());
    }
}

mod rfc1989 {
    use super::*;

    fn watched(number: u8, period: Duration) -> LinkConfig {
        let mut config = config(number);
        config.lcp.quality = Some(period);
        config
    }

    fn monitor(send: Option<u64>, expect: Option<u64>) -> LqrMonitor {
        let period = |period: Option<u64>| period.map(Duration::from_secs);
        let config = QualityConfig::default();
        LqrMonitor::new(Instant::ZERO, config, period(send), period(expect)).unwrap()
    }

    fn report(monitor: &mut LqrMonitor) -> Option<LqrRepr> {
        let mut out = PacketBuf::new();
        let protocol = monitor.poll_transmit(&mut out, 0x1111, 7)?;
        assert_eq!(protocol, PppProtocol::LQR);
        Some(LqrPacket::parse(out.as_slice()).unwrap().to_repr())
    }

    fn octets(report: &LqrRepr) -> Vec<u8> {
        let mut out = PacketBuf::new();
        report.emit(&mut out);
        out.as_slice().to_vec()
    }

    #[test]
    fn s2_6_the_layout_is_the_rfcs() {
        let report = LqrRepr {
            magic_number: 0x0102_0304,
            last_out_lqrs: 1,
            last_out_packets: 2,
            last_out_octets: 3,
            peer_in_lqrs: 4,
            peer_in_packets: 5,
            peer_in_discards: 6,
            peer_in_errors: 7,
            peer_in_octets: 8,
            peer_out_lqrs: 9,
            peer_out_packets: 10,
            peer_out_octets: 11,
        };
        let written = octets(&report);
        assert_eq!(written[..4], [1, 2, 3, 4]);
        let numbers: Vec<_> = written[4..].chunks(4).map(|number| number[3]).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(LqrPacket::parse(&written).unwrap().to_repr(), report);
        let padded = [&written[..], &[0; 5]].concat();
        assert_eq!(LqrPacket::parse(&padded).unwrap().to_repr(), report);
        assert!(LqrPacket::parse(&written[..47]).unwrap_err().is_truncated());
    }

    #[test]
    fn s2_6_what_was_sent_counts_the_report_and_what_arrived_does_too() {
        // RFC 1989 §2.6 MUST (this): packets, octets and reports.
        // RFC 1989 §2.6 MUST (save): what the report says of us is of when our report arrived.
        let (mut a, mut b) = (monitor(Some(10), Some(10)), monitor(Some(10), Some(10)));
        a.count_sent(100);
        let first = report(&mut a).unwrap();
        assert_eq!(
            (
                first.peer_out_lqrs,
                first.peer_out_packets,
                first.peer_out_octets
            ),
            (1, 2, 155)
        );
        assert_eq!(
            (first.last_out_lqrs, first.peer_in_lqrs, first.magic_number),
            (0, 0, 0x1111)
        );
        b.count_received(100);
        b.count_received(55);
        b.handle_input(Instant::ZERO, &octets(&first), 0).unwrap();
        b.count_error();
        b.count_discard();
        b.count_received(1_000);
        let answer = report(&mut b).unwrap();
        let (lqrs, packets, octets) = (
            answer.peer_in_lqrs,
            answer.peer_in_packets,
            answer.peer_in_octets,
        );
        assert_eq!((lqrs, packets, octets), (1, 2, 155));
        assert_eq!((answer.peer_in_errors, answer.peer_in_discards), (0, 0));
        let last = (
            answer.last_out_lqrs,
            answer.last_out_packets,
            answer.last_out_octets,
        );
        assert_eq!(last, (1, 2, 155));
    }

    #[test]
    fn s2_6_a_report_that_comes_back_is_refused() {
        // RFC 1989 §2.6 SHOULD (magic): it is known by our magic number.
        let mut a = monitor(Some(10), None);
        let own = report(&mut a).unwrap();
        assert_eq!(
            a.handle_input(Instant::ZERO, &octets(&own), 0x1111),
            Err(LqrDiscard::Own)
        );
        assert_eq!(
            (a.stats().own, a.stats().received, a.measurement()),
            (1, 0, None)
        );
        assert!(a.handle_input(Instant::ZERO, &octets(&own), 0).is_ok());
        assert!(a.handle_input(Instant::ZERO, &[0; 47], 0).is_err());
        assert_eq!(a.stats().malformed, 1);
    }

    #[test]
    fn s2_7_reports_go_by_the_peers_period() {
        // RFC 1989 §2.7 MUST (period): and one at once, to compare with.
        // RFC 1989 §2.7 MAY (begin): that is the first.
        // RFC 1989 §2.7 MUST (restart): a report in between moves the next one.
        let mut a = monitor(Some(10), None);
        assert!(report(&mut a).is_some() && report(&mut a).is_none());
        assert_eq!(a.poll_timeout(), Some(Instant::from_secs(10)));
        a.handle_timeout(Instant::from_secs(9));
        assert!(report(&mut a).is_none());
        a.handle_timeout(Instant::from_secs(10));
        assert!(report(&mut a).is_some() && report(&mut a).is_none());
        assert_eq!(a.poll_timeout(), Some(Instant::from_secs(20)));
        // Nobody wants ours.
        let mut a = monitor(None, Some(10));
        assert!(report(&mut a).is_none());
        a.handle_timeout(Instant::from_secs(10));
        assert!(report(&mut a).is_none());
    }

    #[test]
    fn s2_7_without_a_period_each_report_is_answered() {
        // RFC 1989 §2.7 MUST (answer): and there is no timer.
        let (mut a, mut b) = (monitor(Some(0), Some(10)), monitor(Some(10), Some(0)));
        report(&mut a);
        for at in 0..3 {
            let question = report(&mut b).unwrap_or_else(|| {
                b.handle_timeout(Instant::from_secs(10 * at));
                report(&mut b).unwrap()
            });
            a.handle_input(Instant::from_secs(10 * at), &octets(&question), 0)
                .unwrap();
            assert!(report(&mut a).is_some() && report(&mut a).is_none());
        }
        assert_eq!(monitor(Some(0), None).poll_timeout(), None);
    }

    #[test]
    fn s2_7_two_reports_that_say_the_same_of_ours_want_another() {
        // RFC 1989 §2.7 MUST (same): at once, before our own period is over.
        let mut a = monitor(Some(1_000), None);
        report(&mut a);
        let mut peers = LqrRepr {
            peer_in_lqrs: 0,
            peer_out_lqrs: 1,
            ..LqrRepr::default()
        };
        a.handle_input(Instant::ZERO, &octets(&peers), 0).unwrap();
        assert!(report(&mut a).is_none());
        peers.peer_out_lqrs = 2;
        a.handle_input(Instant::ZERO, &octets(&peers), 0).unwrap();
        assert!(report(&mut a).is_some());
        (peers.peer_out_lqrs, peers.peer_in_lqrs) = (3, 2);
        a.handle_input(Instant::ZERO, &octets(&peers), 0).unwrap();
        assert!(report(&mut a).is_none());
    }

    #[test]
    fn s2_8_loss_is_told_for_each_direction_and_counters_wrap() {
        let mut a = monitor(Some(10), None);
        let start = u32::MAX - 5;
        let peers = |lqrs: u32, out: u32, last: u32, arrived: u32| LqrRepr {
            last_out_lqrs: lqrs,
            last_out_packets: start.wrapping_add(last),
            last_out_octets: 10 * last,
            peer_in_packets: start.wrapping_add(arrived),
            peer_out_packets: start.wrapping_add(out),
            peer_out_octets: 100 * out,
            ..LqrRepr::default()
        };
        a.handle_input(Instant::ZERO, &octets(&peers(1, 0, 0, 0)), 0)
            .unwrap();
        assert_eq!(a.measurement(), None);
        for _ in 0..15 {
            a.count_received(100);
        }
        a.handle_input(Instant::ZERO, &octets(&peers(2, 20, 30, 27)), 0)
            .unwrap();
        let measured = a.measurement().unwrap();
        let outbound = measured.outbound.unwrap();
        assert_eq!(
            (outbound.sent, outbound.lost, outbound.octets),
            (30, 3, 300)
        );
        let inbound = measured.inbound;
        assert_eq!((inbound.sent, inbound.lost, inbound.octets), (20, 5, 2_000));
        // More than was sent has not been lost, and no news of ours are none.
        for _ in 0..9 {
            a.count_received(100);
        }
        a.handle_input(Instant::ZERO, &octets(&peers(2, 24, 30, 27)), 0)
            .unwrap();
        let measured = a.measurement().unwrap();
        assert_eq!((measured.outbound, measured.inbound.lost), (None, 0));
    }

    #[test]
    fn s2_9_a_link_is_poor_when_enough_reports_say_so() {
        let mut a = monitor(None, Some(10));
        let mut out = 0;
        let mut hear = |a: &mut LqrMonitor, lost: u32| {
            out += 10;
            for _ in lost..10 {
                a.count_received(1);
            }
            let report = LqrRepr {
                peer_out_packets: out,
                ..LqrRepr::default()
            };
            a.handle_input(Instant::ZERO, &octets(&report), 0).unwrap();
            a.poll_event()
        };
        assert_eq!(hear(&mut a, 0), None);
        // A loss of 20 in a hundred is not more than 20.
        for lost in [3, 2, 3, 2, 2] {
            assert_eq!(hear(&mut a, lost), None);
        }
        assert_eq!(hear(&mut a, 3), None);
        assert_eq!(hear(&mut a, 10), Some(LqrEvent::Poor));
        assert_eq!(hear(&mut a, 10), None);
        assert!(a.is_poor());
        assert_eq!([hear(&mut a, 0), hear(&mut a, 0)], [None, None]);
        assert_eq!(hear(&mut a, 0), Some(LqrEvent::Good));
        // So are reports that do not come.
        let mut at = a.poll_timeout().unwrap();
        assert_eq!(at, Instant::from_secs(20));
        let mut events = Vec::new();
        for _ in 0..4 {
            a.handle_timeout(at);
            events.extend(a.poll_event());
            let next = a.poll_timeout().unwrap();
            assert_eq!(next, at + 10 * SECOND);
            at = next;
        }
        assert_eq!((events, a.stats().missed), (vec![LqrEvent::Poor], 4));
    }

    #[test]
    fn a_link_measures_a_line_and_counts_every_octet_of_it() {
        // RFC 1989 §2.3 MUST (octets): both ends count the same, so that nothing seems lost.
        // RFC 1989 §2.5 MUST (receive): each end gets reports as often as it wants them.
        let mut pair = Pair::opened(watched(1, 10 * SECOND), watched(2, 20 * SECOND));
        for _ in 0..6 {
            for from in 0..2 {
                for length in [0, 1, 40, 1_500] {
                    pair.send(from, &vec![0x45; length]);
                }
            }
            pair.run(20 * SECOND);
        }
        for (end, period) in [(0, 10), (1, 20)] {
            let quality = pair.ends[end].quality().unwrap();
            // One at once, and then by the period; more when the other end reports more often.
            let received = quality.stats().received;
            assert!(
                (1 + 120 / period..=13).contains(&received),
                "{end}: {received}"
            );
            let measured = quality.measurement().unwrap();
            assert_eq!(
                (measured.inbound.lost, measured.outbound.unwrap().lost),
                (0, 0)
            );
            assert_eq!(quality.stats().missed, 0);
        }
        // What the last report says of octets is what there were.
        let reports: Vec<_> = pair
            .line
            .iter()
            .filter(|(_, packet)| packet.starts_with(&[0xc0, 0x25]))
            .map(|(from, packet)| (*from, LqrPacket::parse(&packet[2..]).unwrap().to_repr()))
            .collect();
        let (_, last) = reports.iter().rfind(|(from, _)| *from == 0).unwrap();
        let (_, other) = reports
            .iter()
            .rfind(|(from, report)| *from == 1 && report.peer_out_lqrs == last.last_out_lqrs)
            .unwrap();
        assert_eq!(other.peer_out_octets, last.peer_in_octets);
        assert_eq!(other.peer_out_packets, last.peer_in_packets);
    }

    #[test]
    fn a_poor_link_is_told_and_closed_when_that_is_wanted() {
        let base = watched(1, 10 * SECOND);
        for close_when_poor in [false, true] {
            let config = LinkConfig {
                close_when_poor,
                ..base.clone()
            };
            let mut pair = Pair::opened(config, watched(2, 10 * SECOND));
            pair.lose_one_in = 3;
            for _ in 0..20 {
                for _ in 0..9 {
                    if pair.ends[0].phase() == Phase::Network {
                        pair.send(0, b"packet");
                    }
                }
                pair.run(10 * SECOND);
            }
            assert!(pair.events[0].contains(&LinkEvent::Quality { is_poor: true }));
            let expected = close_when_poor.then_some(CloseReason::PoorQuality);
            assert_eq!(pair.closed(0), expected.as_ref());
        }
    }

    #[test]
    fn reports_nobody_has_agreed_on_are_refused() {
        let mut pair = Pair::opened(config(1), config(2));
        assert!(pair.ends[0].quality().is_none());
        let report = [&[0xc0, 0x25][..], &[0; 48]].concat();
        let mut data = PacketBuf::new();
        // As any protocol that is not known: by a Protocol-Reject.
        assert_eq!(
            pair.ends[0].handle_input(pair.now, &report, &mut data),
            Ok(None)
        );
        assert_eq!(pair.ends[0].stats().unknown_protocol, 1);
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let good = QualityConfig::default();
        let cases = [
            (
                "max_loss",
                QualityConfig {
                    max_loss: 101,
                    ..good
                },
            ),
            ("window", QualityConfig { window: 0, ..good }),
            ("window", QualityConfig { window: 33, ..good }),
            ("poor", QualityConfig { poor: 6, ..good }),
            ("poor", QualityConfig { poor: 0, ..good }),
        ];
        for (field, quality) in cases {
            let config = LinkConfig {
                quality,
                ..config(1)
            };
            let error = Link::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
            assert_eq!((error.part, error.field), ("quality", field));
            assert!(LqrMonitor::new(Instant::ZERO, quality, None, None).is_err());
        }
    }

    #[test]
    fn damaged_reports_do_no_harm() {
        let mut pair = Pair::opened(watched(1, 10 * SECOND), watched(2, 10 * SECOND));
        let report = [&[0xc0, 0x25][..], &[0xff; 48]].concat();
        testkit::sweep(&report, |octets| {
            let mut data = PacketBuf::new();
            let _ = pair.ends[0].handle_input(pair.now, octets, &mut data);
            pair.settle();
        });
        assert!(pair.is_open());
    }
}
