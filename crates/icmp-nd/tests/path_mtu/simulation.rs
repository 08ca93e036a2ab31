//! A sender, routers and a receiver: paths of 9000, 1500 and 1280 octets, with routers that report
//! and with black holes, and under loss.

use icmp_nd::pmtu::{
    Confirmation, Path, PathMtuCache, Plpmtud, PlpmtudConfig, PlpmtudEvent, Probe, Report, State,
};
use packet_buffer::wire::{
    Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, PseudoHeader,
};
use packet_buffer::{Instant, PacketBuf};
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::Duration;
use testkit::{Discarded, LinkConfig, Network, Node, NodeId, Port, SeededRandom, for_each_seed};

const SENDER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
const RECEIVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 2);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 3, 0, 0, 0, 3);
const LINK_MTU: u32 = 9000;

fn packet(source: Ipv6Addr, destination: Ipv6Addr, message: Icmpv6Repr, data: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, data);
    let header = Ipv6Repr::new(source, destination, IpProtocol::ICMPV6);
    message.emit(&mut packet, &header.pseudo_header()).unwrap();
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// Between two links, of which the second takes `mtu` octets.
struct Narrow {
    mtu: usize,
    /// Whether it tells, or is a black hole.
    tells: bool,
    queue: VecDeque<(Port, Vec<u8>)>,
}

impl Narrow {
    fn new(mtu: usize, tells: bool) -> Self {
        Self {
            mtu,
            tells,
            queue: VecDeque::new(),
        }
    }
}

impl Node for Narrow {
    fn handle_input(&mut self, _: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let Ok(ip) = Ipv6Packet::parse(frame) else {
            return Err(Discarded::new("not IPv6"));
        };
        if frame.len() <= self.mtu {
            self.queue.push_back((1 - port, frame.to_vec()));
            return Ok(());
        }
        if !self.tells {
            return Err(Discarded::new("too long"));
        }
        let mtu = u32::try_from(self.mtu).unwrap();
        let quote = &frame[..frame.len().min(1232)];
        let message = packet(ROUTER, ip.source(), Icmpv6Repr::PacketTooBig { mtu }, quote);
        self.queue.push_back((port, message));
        Ok(())
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let (port, frame) = self.queue.pop_front()?;
        out.append_slice(&frame);
        Some(port)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Answers echo requests, always with eight octets of data: the way back is wide enough.
#[derive(Default)]
struct Receiver {
    queue: VecDeque<Vec<u8>>,
    longest: usize,
}

impl Node for Receiver {
    fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let ip = Ipv6Packet::parse(frame).map_err(Discarded::new)?;
        let message = Icmpv6Message::parse(ip.payload()).map_err(Discarded::new)?;
        let addresses = ip.pseudo_header();
        message
            .verify_checksum(&addresses)
            .map_err(Discarded::new)?;
        let Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number,
        } = message.to_repr()
        else {
            return Err(Discarded::new("no request"));
        };
        self.longest = self.longest.max(frame.len());
        let reply = Icmpv6Repr::EchoReply {
            identifier,
            sequence_number,
        };
        let data = &message.payload()[..8];
        self.queue.push_back(packet(RECEIVER, SENDER, reply, data));
        Ok(())
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        out.append_slice(&self.queue.pop_front()?);
        Some(0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Sends an echo request of the present path MTU each 100 ms, and probes.
struct Sender {
    latest: Instant,
    cache: PathMtuCache,
    search: Plpmtud,
    next: Instant,
    due: bool,
    sequence: u16,
    /// Data packets on their way: sequence number, size, and when they count as lost.
    in_flight: VecDeque<(u16, u32, Instant)>,
    acked: u64,
    lost: u64,
    acked_octets: u64,
}

impl Sender {
    fn new(listens_to_routers: bool) -> Self {
        let mut config = PlpmtudConfig::ipv6(LINK_MTU);
        config.probe_timer = Duration::from_secs(1);
        let search = Plpmtud::new(config).unwrap();
        let mut sender = Self {
            latest: Instant::ZERO,
            cache: PathMtuCache::with_defaults(&mut SeededRandom::new(7)),
            search,
            next: Instant::from_millis(1),
            due: false,
            sequence: 0,
            in_flight: VecDeque::new(),
            acked: 0,
            lost: 0,
            acked_octets: 0,
        };
        if !listens_to_routers {
            sender.search.handle_connected(Instant::ZERO);
            sender.follow();
        }
        sender
    }

    fn path(&self) -> Path {
        Path::to(RECEIVER.into())
    }

    /// What packets may be long at present.
    fn mtu(&self) -> u32 {
        let cached = self.cache.lookup(&self.path(), LINK_MTU).mtu;
        if self.search.state() == State::Disabled {
            cached
        } else {
            cached.min(self.search.plpmtu())
        }
    }

    /// The result of the search goes into the cache, where others find it.
    fn follow(&mut self) {
        let path = self.path();
        while let Some(PlpmtudEvent::Changed { plpmtu, .. }) = self.search.poll_event() {
            let latest = self.latest;
            self.cache
                .handle_probed(latest, &path, plpmtu, LINK_MTU)
                .unwrap();
        }
    }

    fn echo(identifier: u16, sequence_number: u16, id: u32, size: u32) -> Vec<u8> {
        let mut data = vec![0; size as usize - 48];
        data[..4].copy_from_slice(&id.to_be_bytes());
        data[4..8].copy_from_slice(&size.to_be_bytes());
        let request = Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number,
        };
        packet(SENDER, RECEIVER, request, &data)
    }

    fn check_losses(&mut self) {
        while let Some(&(_, size, deadline)) = self.in_flight.front()
            && deadline <= self.latest
        {
            self.in_flight.pop_front();
            self.lost += 1;
            self.search.handle_data_loss(self.latest, size);
        }
    }
}

impl Node for Sender {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let ip = Ipv6Packet::parse(frame).map_err(Discarded::new)?;
        let message = Icmpv6Message::parse(ip.payload()).map_err(Discarded::new)?;
        let addresses = PseudoHeader::V6 {
            source: ip.source(),
            destination: SENDER,
        };
        message
            .verify_checksum(&addresses)
            .map_err(Discarded::new)?;
        self.latest = self.latest.max(now);
        let now = self.latest;
        match message.to_repr() {
            Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            } => {
                let data = message.payload();
                let id = u32::from_be_bytes(data[..4].try_into().unwrap());
                let size = u32::from_be_bytes(data[4..8].try_into().unwrap());
                if identifier == 1 {
                    let probe = Probe { id, size };
                    self.search.handle_ack(now, probe).map_err(Discarded::new)?;
                    self.follow();
                    return Ok(());
                }
                let place = self.in_flight.iter().position(|it| it.0 == sequence_number);
                let Some(place) = place else {
                    return Err(Discarded::new("late"));
                };
                self.in_flight.remove(place);
                self.acked += 1;
                self.acked_octets += u64::from(size);
                self.search.handle_data_ack(now, size);
                Ok(())
            }
            Icmpv6Repr::PacketTooBig { .. } => {
                let (report, _) =
                    Report::from_icmpv6(&message, SENDER.into(), 0).map_err(Discarded::new)?;
                let result =
                    self.cache
                        .handle_report(now, &report, LINK_MTU, Confirmation::Verified);
                result.map(drop).map_err(Discarded::new)
            }
            _ => Err(Discarded::new("nothing to me")),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.cache.handle_timeout(self.latest);
        self.search.handle_timeout(self.latest);
        self.check_losses();
        self.follow();
        if self.next <= self.latest {
            self.due = true;
            self.next = self.latest + Duration::from_millis(100);
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        if let Some(probe) = self.search.poll_probe() {
            out.append_slice(&Self::echo(1, 0, probe.id, probe.size));
            return Some(0);
        }
        if !core::mem::take(&mut self.due) {
            return None;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let size = self.mtu();
        let deadline = self.latest + Duration::from_millis(500);
        self.in_flight.push_back((self.sequence, size, deadline));
        out.append_slice(&Self::echo(2, self.sequence, 0, size));
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let loss = self.in_flight.front().map(|it| it.2);
        [
            self.cache.poll_timeout(),
            self.search.poll_timeout(),
            loss,
            Some(self.next),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

struct Lab {
    network: Network,
    sender: NodeId,
    narrow: [NodeId; 2],
    receiver: NodeId,
}

/// The sender, two routers in a row, the receiver.
fn lab(seed: u64, mtus: [usize; 2], tells: bool, loss: f64) -> Lab {
    let mut network = Network::new(seed);
    let sender = network.add_node("sender", Sender::new(tells));
    let first = network.add_node("first", Narrow::new(mtus[0], tells));
    let second = network.add_node("second", Narrow::new(mtus[1], tells));
    let receiver = network.add_node("receiver", Receiver::default());
    let lossy = LinkConfig {
        loss,
        ..LinkConfig::default()
    };
    network.add_link("a", sender, (first, 0), lossy.clone());
    network.add_link("b", (first, 1), (second, 0), lossy.clone());
    network.add_link("c", (second, 1), receiver, lossy);
    Lab {
        network,
        sender,
        narrow: [first, second],
        receiver,
    }
}

impl Lab {
    fn sender(&self) -> &Sender {
        self.network.node(self.sender)
    }

    fn run_to(&mut self, secs: u64) {
        self.network.run_until(Instant::from_secs(secs));
    }

    fn narrow(&mut self, which: usize, mtu: usize) {
        self.network.node_mut::<Narrow>(self.narrow[which]).mtu = mtu;
    }
}

#[test]
fn routers_that_report_cost_one_packet_each() {
    for_each_seed(0..3, |seed| {
        let mut lab = lab(seed, [1500, 1280], true, 0.0);
        lab.run_to(10);
        assert_eq!(lab.sender().mtu(), 1280);
        // The packet of 9000 octets, and that of 1500.
        assert_eq!(lab.sender().lost, 2);
        assert_eq!(lab.network.node::<Receiver>(lab.receiver).longest, 1280);
        // Ten minutes later one packet shows that nothing has changed.
        lab.run_to(620);
        assert_eq!(lab.sender().mtu(), 1280);
        assert_eq!(lab.sender().lost, 4);
        // The path becomes wider, which is found out within ten minutes.
        lab.narrow(0, 9000);
        lab.narrow(1, 9000);
        lab.run_to(1_300);
        assert_eq!(lab.sender().mtu(), 9000);
        assert_eq!(lab.network.node::<Receiver>(lab.receiver).longest, 9000);
    });
}

#[test]
fn a_black_hole_is_found_by_probes() {
    for_each_seed(0..3, |seed| {
        let mut lab = lab(seed, [1500, 9000], false, 0.0);
        lab.run_to(10);
        assert_eq!(lab.sender().search.state(), State::SearchComplete);
        assert_eq!(lab.sender().mtu(), 1500);
        assert_eq!(
            lab.sender().lost,
            0,
            "data is never longer than what got through"
        );
        // The path becomes narrower, in silence.
        lab.narrow(1, 1280);
        lab.run_to(20);
        assert_eq!(lab.sender().mtu(), 1280);
        let lost = lab.sender().lost;
        assert!(
            (3..=8).contains(&lost),
            "{lost} lost until the black hole was found"
        );
        lab.run_to(600);
        assert_eq!(lab.sender().lost, lost);
        // And wide again.
        lab.narrow(0, 9000);
        lab.narrow(1, 9000);
        lab.run_to(1_300);
        assert_eq!(lab.sender().mtu(), 9000);
        assert_eq!(lab.sender().lost, lost);
    });
}

#[test]
fn loss_does_not_mislead_the_search_for_long() {
    for_each_seed(0..5, |seed| {
        let mut lab = lab(seed, [1500, 1500], false, 0.02);
        lab.run_to(700);
        let sender = lab.sender();
        // Chance can end a search early, or look like a black hole; within the next search it is
        // repaired. Most of the data went in packets of 1500.
        let mean = sender.acked_octets / sender.acked;
        assert!(mean > 1_450, "packets of {mean} octets on average");
        assert!(sender.mtu() <= 1500);
        let part = sender.lost as f64 / (sender.lost + sender.acked) as f64;
        assert!(part < 0.2, "{part} of the data was lost");
    });
}

#[test]
fn reports_that_are_lost_are_sent_again() {
    for_each_seed(0..20, |seed| {
        let mut lab = lab(seed, [1500, 1280], true, 0.2);
        lab.run_to(60);
        assert_eq!(lab.sender().mtu(), 1280);
    });
}
