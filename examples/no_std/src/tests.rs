use super::*;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use packet_buffer::wire::{EthernetRepr, Ipv4Repr};

/// One direction of a wire.
type Wire = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// A board in a simulation.
struct Board {
    arriving: Wire,
    leaving: Wire,
    time: Rc<Cell<Instant>>,
}

impl Device for Board {
    fn receive(&mut self, frame: &mut [u8; FRAME]) -> Option<usize> {
        let arrived = self.arriving.borrow_mut().pop_front()?;
        frame[..arrived.len()].copy_from_slice(&arrived);
        Some(arrived.len())
    }
    fn send(&mut self, frame: &[u8]) {
        self.leaving.borrow_mut().push_back(frame.to_vec());
    }
    fn now(&self) -> Instant {
        self.time.get()
    }
}

struct Random(u64);

impl RandomSource for Random {
    fn fill(&mut self, dest: &mut [u8]) {
        for octet in dest {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *octet = self.0.to_be_bytes()[0];
        }
    }
}

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn boards() -> ([Station<Board>; 2], Rc<Cell<Instant>>) {
    let wires: [Wire; 2] = Default::default();
    let time = Rc::new(Cell::new(Instant::ZERO));
    let stations = [0, 1].map(|index: usize| {
        let board = Board {
            arriving: Rc::clone(&wires[index]),
            leaving: Rc::clone(&wires[1 - index]),
            time: Rc::clone(&time),
        };
        let address = MacAddr([2, 0, 0, 0, 0, u8::try_from(index).unwrap()]);
        Station::new(address, board, Box::new(Random(1 + index as u64))).unwrap()
    });
    (stations, time)
}

#[test]
fn a_datagram_is_echoed_over_both_versions() {
    let ([mut a, mut b], time) = boards();
    a.host().add_ipv4_address(Instant::ZERO, OWN, 24).unwrap();
    b.host().add_ipv4_address(Instant::ZERO, PEER, 24).unwrap();
    let mut sent = [false; 2];
    let mut heard = Vec::new();
    while time.get() < Instant::from_secs(60) && heard.len() < 2 {
        // Addresses are tested for some seconds before they may be used.
        let link_local = b.host().select_source("ff02::1".parse().unwrap());
        for (sent, peer) in sent.iter_mut().zip([Some(PEER.into()), link_local]) {
            let Some(peer) = peer else { continue };
            let Some(own) = a.host().select_source(peer) else {
                continue;
            };
            if *sent || !b.host().is_own(peer) {
                continue;
            }
            let mut packet = PacketBuf::from(&b"hello"[..]);
            let addresses = match (own, peer) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => PseudoHeader::V4 {
                    source,
                    destination,
                },
                (IpAddr::V6(source), IpAddr::V6(destination)) => PseudoHeader::V6 {
                    source,
                    destination,
                },
                _ => panic!("one version"),
            };
            UdpRepr {
                source_port: 5_000,
                destination_port: ECHO_PORT,
            }
            .emit(&mut packet, &addresses)
            .unwrap();
            let outgoing = Outgoing::new(peer, IpProtocol::UDP).from(own);
            *sent = a.host().send(time.get(), &outgoing, &mut packet).is_ok();
        }
        // The first station's application is this test.
        let mut packet = PacketBuf::new();
        while let Some(length) = a.device.receive(&mut a.input) {
            let _ = a.host.handle_input(time.get(), &a.input[..length]);
        }
        while let Some(received) = a.host.poll_receive(&mut packet) {
            let datagram =
                UdpDatagram::parse(&packet.as_slice()[received.payload_offset..]).unwrap();
            assert_eq!(
                (datagram.source_port(), datagram.payload()),
                (ECHO_PORT, &b"hello"[..])
            );
            heard.push(received.source);
        }
        let due = [a.turn(), b.turn()].into_iter().flatten().min().unwrap();
        let quiet = a.device.arriving.borrow().is_empty() && a.device.leaving.borrow().is_empty();
        if quiet {
            time.set(due.max(time.get()));
        }
    }
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard.contains(&PEER.into()));
    assert!(heard.iter().any(IpAddr::is_ipv6));
}

/// PEER pings OWN, with a frame padded as Ethernet does.
fn request(destination: Ipv4Addr, padding: usize) -> Vec<u8> {
    let mut packet = PacketBuf::from(&b"four"[..]);
    Icmpv4Repr::EchoRequest {
        identifier: 7,
        sequence_number: 9,
    }
    .emit(&mut packet)
    .unwrap();
    Ipv4Repr::new(PEER, destination, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    let ethernet = EthernetRepr::new(MacAddr([2; 6]), MacAddr([4; 6]), EtherType::IPV4);
    ethernet.emit(&mut packet).unwrap();
    packet.append_slice(&[0; 32][..padding]);
    packet.as_slice().to_vec()
}

#[test]
fn a_ping_is_answered_in_place() {
    for padding in [0, 14] {
        let mut frame = request(OWN, padding);
        assert!(echo_in_place(&mut frame, OWN));
        let ethernet = EthernetFrame::parse(&frame).unwrap();
        assert_eq!(
            (ethernet.destination(), ethernet.source()),
            (MacAddr([4; 6]), MacAddr([2; 6]))
        );
        let ip = Ipv4Packet::parse(ethernet.payload()).unwrap();
        ip.verify_checksum().unwrap();
        assert_eq!(
            (ip.source(), ip.destination(), ip.time_to_live()),
            (OWN, PEER, 64)
        );
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        assert_eq!(
            message.to_repr(),
            Icmpv4Repr::EchoReply {
                identifier: 7,
                sequence_number: 9
            }
        );
        assert_eq!(message.payload(), b"four");
    }
}

#[test]
fn anything_else_stays_as_it_was() {
    let whole = request(OWN, 0);
    let other = request(Ipv4Addr::new(192, 0, 2, 9), 0);
    let group = request(Ipv4Addr::new(224, 0, 0, 1), 0);
    let mut reply = whole.clone();
    assert!(echo_in_place(&mut reply, OWN));
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let damaged = (14..whole.len()).map(|at| {
        let mut frame = whole.clone();
        frame[at] ^= 0x10;
        frame
    });
    for frame in cut.chain(damaged).chain([other, group, reply]) {
        let mut same = frame.clone();
        assert!(!echo_in_place(&mut same, OWN), "{frame:?}");
        assert_eq!(same, frame);
    }
}
