//! A translator between hosts and a server, over links that lose, double, reorder and damage
//! packets.

use crate::support::*;
use core::net::SocketAddrV4;
use core::time::Duration;
use nat::{Instant, Nat, PacketBuf, Profile, Verdict};
use packet_buffer::wire::{IpProtocol, Ipv4Packet, UdpDatagram};
use std::collections::{HashSet, VecDeque};
use testkit::{Contract, Discarded, LinkConfig, Network, Node, Port, SeededRandom, for_each_seed};

/// The translator as a node: port 0 is inside, port 1 outside.
struct Middle {
    nat: Nat,
    queue: VecDeque<(Port, PacketBuf)>,
}

impl Node for Middle {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let side = if port == 0 { Inside } else { Outside };
        let mut packet = PacketBuf::from_slice(64, frame);
        match self.nat.process(now, side, &mut packet) {
            Verdict::Forward { hairpin } => {
                let to = if hairpin { port } else { 1 - port };
                self.queue.push_back((to, packet));
            }
            Verdict::Drop(_) | Verdict::Local | Verdict::Held => {}
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.nat.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        if let Some((port, packet)) = self.queue.pop_front() {
            *out = packet;
            return Some(port);
        }
        let transmit = self.nat.poll_transmit(out)?;
        Some(usize::from(transmit.to == Outside))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.nat.poll_timeout()
    }
}

/// Reads a UDP packet whose checksums are right.
fn read(frame: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4, Vec<u8>)> {
    let ip = Ipv4Packet::parse(frame).ok()?;
    ip.verify_checksum().ok()?;
    if ip.protocol() != IpProtocol::UDP {
        return None;
    }
    let udp = UdpDatagram::parse(ip.payload()).ok()?;
    udp.verify_checksum(&ip.pseudo_header()).ok()?;
    Some((
        SocketAddrV4::new(ip.source(), udp.source_port()),
        SocketAddrV4::new(ip.destination(), udp.destination_port()),
        udp.payload().to_vec(),
    ))
}

/// Asks from many ports until each question is answered.
struct Asker {
    next: Option<Instant>,
    open: HashSet<u16>,
    queue: VecDeque<PacketBuf>,
    latest: Instant,
    wrong: usize,
}

impl Node for Asker {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        let Some((from, to, data)) = read(frame) else {
            return Err(Discarded::new("no UDP"));
        };
        // The answer echoes the port that asked.
        let expected = to.port().to_be_bytes();
        if *to.ip() != A || from != end(SERVER, 53) || data != expected {
            self.wrong += 1;
        }
        self.open.remove(&to.port());
        if self.open.is_empty() {
            self.next = None;
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.next.is_some_and(|next| next <= self.latest) {
            for port in &self.open {
                let data = port.to_be_bytes();
                self.queue
                    .push_back(udp_with(end(A, *port), end(SERVER, 53), &data));
            }
            self.next = Some(self.latest + Duration::from_secs(2));
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        *out = self.queue.pop_front()?;
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

/// Answers to where a question seems to come from.
#[derive(Default)]
struct Echo {
    queue: VecDeque<PacketBuf>,
    seen: HashSet<SocketAddrV4>,
}

impl Node for Echo {
    fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let Some((from, to, data)) = read(frame) else {
            return Err(Discarded::new("no UDP"));
        };
        self.seen.insert(from);
        self.queue.push_back(udp_with(to, from, &data));
        Ok(())
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        *out = self.queue.pop_front()?;
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn questions_are_answered_through_bad_links() {
    for_each_seed(0..12, |seed| {
        let profile =
            [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway][seed as usize % 3];
        let mut network = Network::new(seed);
        let asker = network.add_node(
            "asker",
            Asker {
                next: Some(Instant::ZERO + Duration::from_secs(1)),
                open: (5_000..5_040).collect(),
                queue: VecDeque::new(),
                latest: Instant::ZERO,
                wrong: 0,
            },
        );
        let nat = Nat::new(config(profile), Box::new(SeededRandom::new(seed))).unwrap();
        let middle = network.add_node(
            "translator",
            Middle {
                nat,
                queue: VecDeque::new(),
            },
        );
        // A sweep may find that the owner of a deadline was put off.
        network.set_contract(
            middle,
            Contract {
                early_timeout_keeps_deadline: false,
                ..Contract::default()
            },
        );
        let echo = network.add_node("echo", Echo::default());
        let link = LinkConfig {
            loss: 0.2,
            corrupt: 0.05,
            duplicate: 0.1,
            ..LinkConfig::default()
        };
        network.add_link("inside", asker, (middle, 0), link.clone());
        network.add_link("outside", (middle, 1), echo, link);
        network
            .run_until_condition(at(300), |network| {
                network.node::<Asker>(asker).open.is_empty()
            })
            .expect("all is answered");
        assert_eq!(network.node::<Asker>(asker).wrong, 0);
        let node = network.node::<Middle>(middle);
        // Damaged packets can open sessions of their own, where the damage is in the ports or the
        // source; no more of them than damaged packets.
        let seen = network.node::<Echo>(echo).seen.len();
        assert!((40..60).contains(&seen), "{seen}");
        assert!(node.nat.session_count() >= 40);
        network.run_until(at(10_000));
        assert_eq!(network.node::<Middle>(middle).nat.session_count(), 0);
    });
}
