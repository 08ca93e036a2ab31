//! What the comparisons share: the answers in frames, a peer that says where it is, and questions.

pub(crate) mod host;
pub(crate) mod router;

use anyhow::Result;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::wire::{NdMessage, NdOptionRepr, NdRepr, NeighborAdvertisementRepr};
use internetwork::lab::{Namespace, pause};
use packet_buffer::time::StdClock;
use packet_buffer::wire::{
    ArpOperation, ArpPacket, ArpRepr, EtherType, EthernetFrame, EthernetRepr, Icmpv4Type,
    Icmpv6Type, IpProtocol, Ipv4Packet, Ipv6Packet, MacAddr, UdpRepr,
};
use packet_buffer::{Instant, PacketBuf};
use std::io::ErrorKind;
use testkit::Node;

/// Who is asked: one of them at a time.
pub(crate) const OWN: MacAddr = MacAddr([0x02, 0, 0x5e, 0x10, 0, 1]);
pub(crate) const OWN4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const OWN6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5eff, 0xfe10, 1);
/// Addresses that the peer does not have: those of the subjects, and one that is nobody's.
pub(crate) const NOBODY: [Ipv6Addr; 6] = [
    OWN6,
    LINK_LOCAL,
    router::INSIDE,
    router::OUTSIDE,
    router::LINK_LOCAL,
    router::ABSENT,
];
/// Who asks, from a different address each time: the kernel counts errors by destination.
pub(crate) const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// What came back to an address: the message from its type on, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) from: IpAddr,
    to: IpAddr,
    hop_limit: u8,
    /// Of the IPv4 header.
    options: Vec<u8>,
    message: Vec<u8>,
}

impl Answer {
    /// The ICMP message in a frame, when it goes to `peer`, or tells a neighbor to all.
    pub(crate) fn read(frame: &[u8], peer: IpAddr) -> Option<Self> {
        let frame = EthernetFrame::parse(frame).ok()?;
        match frame.ethertype() {
            EtherType::IPV4 => {
                let ip = Ipv4Packet::parse(frame.payload()).ok()?;
                let is_meant = ip.protocol() == IpProtocol::ICMP && peer == ip.destination();
                is_meant.then(|| Self {
                    from: ip.source().into(),
                    to: ip.destination().into(),
                    hop_limit: ip.time_to_live(),
                    options: frame.payload()[20..ip.header_len()].to_vec(),
                    message: masked4(ip.payload()),
                })
            }
            EtherType::IPV6 => {
                let ip = Ipv6Packet::parse(frame.payload()).ok()?;
                let upper = ip.upper_layer().ok()?;
                let message_type = Icmpv6Type(*upper.payload.first()?);
                // The rest of Neighbor Discovery is between the subject and its neighbor.
                let is_meant = peer == ip.destination()
                    && message_type != Icmpv6Type::NEIGHBOR_SOLICITATION
                    || peer == Ipv6Addr::UNSPECIFIED
                        && message_type == Icmpv6Type::NEIGHBOR_ADVERTISEMENT;
                (is_meant && upper.protocol == IpProtocol::ICMPV6).then(|| Self {
                    from: ip.source().into(),
                    to: ip.destination().into(),
                    hop_limit: ip.hop_limit(),
                    options: Vec::new(),
                    message: masked6(upper.payload),
                })
            }
            _ => None,
        }
    }
}

/// Without the checksum, which follows from the rest, and the times of day.
pub(crate) fn masked4(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    if message[0] == Icmpv4Type::TIMESTAMP_REPLY.0 {
        message[12..].fill(0);
    }
    message
}

pub(crate) fn masked6(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    message
}

/// Says where the peer is, to whom asks.
pub(crate) fn neighbor(frame: &[u8]) -> Option<Vec<u8>> {
    let frame = EthernetFrame::parse(frame).ok()?;
    let mut reply = PacketBuf::with_headroom(64);
    match frame.ethertype() {
        EtherType::ARP => {
            let request = ArpPacket::parse(frame.payload()).ok()?.to_repr().ok()?;
            let target = request.target_protocol_address;
            if request.operation != ArpOperation::REQUEST || target == OWN4 {
                return None;
            }
            ArpRepr {
                operation: ArpOperation::REPLY,
                sender_hardware_address: PEER,
                sender_protocol_address: target,
                target_hardware_address: frame.source(),
                target_protocol_address: request.sender_protocol_address,
            }
            .emit(&mut reply)
            .ok()?;
        }
        _ => {
            let ip = Ipv6Packet::parse(frame.payload()).ok()?;
            let upper = ip.upper_layer().ok()?;
            let NdMessage::NeighborSolicitation(asked) = NdMessage::parse(upper.payload).ok()?
            else {
                return None;
            };
            let target = asked.target();
            if ip.source().is_unspecified() || NOBODY.contains(&target) {
                return None;
            }
            let message = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
                router: false,
                solicited: true,
                override_: true,
                target,
            });
            let options = [NdOptionRepr::TargetLinkLayerAddress(PEER)];
            message
                .emit_packet(&options, &mut reply, target, ip.source())
                .ok()?;
        }
    }
    EthernetRepr::new(frame.source(), PEER, frame.ethertype())
        .emit(&mut reply)
        .ok()?;
    Some(reply.as_slice().to_vec())
}

/// Sends a frame through one of the devices of a kernel, and waits for what `read` finds in the frames that come out
/// of all of them. Their neighbors answer.
fn ask_kernel<T>(
    devices: &[tun_rs::SyncDevice],
    frame: &[u8],
    patience: Duration,
    read: impl Fn(usize, &[u8]) -> Option<T>,
) -> Result<Option<T>> {
    let (clock, mut buffer) = (StdClock::new(), vec![0; 65_536]);
    let end = clock.now() + patience;
    devices[0].send(frame)?;
    loop {
        let mut is_quiet = true;
        for (port, device) in devices.iter().enumerate() {
            match device.recv(&mut buffer) {
                Ok(length) => {
                    is_quiet = false;
                    if let Some(reply) = neighbor(&buffer[..length]) {
                        device.send(&reply)?;
                    }
                    if let Some(found) = read(port, &buffer[..length]) {
                        return Ok(Some(found));
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Err(why.into()),
            }
        }
        if is_quiet {
            if clock.now() >= end {
                return Ok(None);
            }
            pause(Duration::from_millis(1));
        }
    }
}

/// A kernel with TAP devices, of which the first is asked.
pub(crate) struct Kernel {
    devices: Vec<tun_rs::SyncDevice>,
    pub(crate) namespace: Namespace,
}

impl Kernel {
    /// In a namespace, with devices of these names, link-layer addresses and MTUs. It does not limit how often it
    /// answers; `settings` are further ones of `sysctl`.
    pub(crate) fn start(
        label: &str,
        settings: &[&str],
        devices: &[(&str, MacAddr, u16)],
    ) -> Result<Self> {
        let namespace = Namespace::new(label)?;
        let all = [
            "net.ipv6.icmp.ratelimit=0",
            "net.ipv6.conf.default.accept_ra=0",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.default.addr_gen_mode=0",
        ];
        for setting in all.iter().chain(settings) {
            namespace.run("sysctl", &["-qw", setting])?;
        }
        let open = |(name, station, mtu): &(&str, MacAddr, u16)| {
            namespace.enter(|| {
                let device = tun_rs::DeviceBuilder::new()
                    .name(*name)
                    .layer(tun_rs::Layer::L2)
                    .mac_addr(station.0)
                    .mtu(*mtu)
                    .build_sync()?;
                device.set_nonblocking(true)?;
                Ok(device)
            })
        };
        let devices = devices.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { devices, namespace })
    }

    /// Sends a frame through the first device, and waits for what `read` finds in the frames that come out of all of
    /// them. Their neighbors answer.
    pub(crate) fn ask<T>(
        &self,
        frame: &[u8],
        patience: Duration,
        read: impl Fn(usize, &[u8]) -> Option<T>,
    ) -> Result<Option<T>> {
        ask_kernel(&self.devices, frame, patience, read)
    }
}

/// Something of ours, whose time passes as fast as it is asked to.
pub(crate) struct Ours<S> {
    subject: S,
    now: Instant,
}

impl<S: Node> Ours<S> {
    /// Ten seconds after its start.
    pub(crate) fn start(subject: S) -> Self {
        let mut ours = Self {
            subject,
            now: Instant::ZERO,
        };
        ours.run_for(Duration::from_secs(10), |_, _| None::<()>);
        ours
    }

    /// Hands it a frame, by port 0; what `read` finds in the frames that it sends within this time. Its neighbors
    /// answer.
    pub(crate) fn ask<T>(
        &mut self,
        frame: &[u8],
        time: Duration,
        read: impl Fn(usize, &[u8]) -> Option<T>,
    ) -> Option<T> {
        // What is refused is what is not answered.
        let _ = self.subject.handle_input(self.now, 0, frame);
        self.run_for(time, read)
    }

    fn run_for<T>(
        &mut self,
        time: Duration,
        read: impl Fn(usize, &[u8]) -> Option<T>,
    ) -> Option<T> {
        let end = self.now + time;
        let mut found = None;
        loop {
            let mut frame = PacketBuf::new();
            while let Some(port) = self.subject.poll_transmit(&mut frame) {
                if let Some(reply) = neighbor(frame.as_slice()) {
                    let _ = self.subject.handle_input(self.now, port, &reply);
                }
                found = found.or_else(|| read(port, frame.as_slice()));
                frame = PacketBuf::new();
            }
            match self.subject.poll_timeout().filter(|at| *at <= end) {
                Some(at) => self.now = at,
                None => break,
            }
            self.subject.handle_timeout(self.now);
        }
        self.now = end;
        found
    }
}

/// How long the kernel is listened to: where we are silent, a while; where not, as long as it may take.
pub(crate) fn patience(we_answer: bool) -> Duration {
    Duration::from_millis(if we_answer { 8_000 } else { 300 })
}

/// What the answers of both say of a question; `None` when all is as expected.
pub(crate) fn verdict<T: PartialEq + core::fmt::Debug>(
    question: &Question,
    ours: &T,
    theirs: &T,
) -> Option<String> {
    let name = question.name;
    match question.difference {
        None if ours != theirs => Some(format!("{name}:\n ours {ours:02x?}\nkernel {theirs:02x?}")),
        Some(why) if ours == theirs => Some(format!("{name}: no difference any more: {why}")),
        _ => None,
    }
}

/// A frame, who waits for an answer to it, and why both need not answer alike.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) frame: Vec<u8>,
    pub(crate) peer: IpAddr,
    pub(crate) difference: Option<&'static str>,
}

/// Makes questions, each from an address of its own.
#[derive(Default)]
pub(crate) struct Questions {
    pub(crate) all: Vec<Question>,
}

impl Questions {
    /// What tells the address of the next one from the others.
    pub(crate) fn number(&self) -> u16 {
        u16::try_from(self.all.len()).unwrap_or(u16::MAX)
    }

    /// A packet in a frame of the peer's.
    pub(crate) fn push(
        &mut self,
        name: &'static str,
        to: MacAddr,
        ethertype: EtherType,
        mut packet: PacketBuf,
        peer: IpAddr,
    ) -> Result<()> {
        EthernetRepr::new(to, PEER, ethertype).emit(&mut packet)?;
        self.all.push(Question {
            name,
            frame: packet.as_slice().to_vec(),
            peer,
            difference: None,
        });
        Ok(())
    }

    /// The last one is answered differently.
    pub(crate) fn differs(&mut self, why: &'static str) {
        if let Some(last) = self.all.last_mut() {
            last.difference = Some(why);
        }
    }
}

/// A datagram to a port where nobody listens.
pub(crate) fn udp(addresses: &packet_buffer::wire::PseudoHeader, data: usize) -> Result<Vec<u8>> {
    let mut packet = PacketBuf::from_slice(64, &vec![0x71; data]);
    let ports = UdpRepr {
        source_port: 1000,
        destination_port: 33_434,
    };
    ports.emit(&mut packet, addresses)?;
    Ok(packet.as_slice().to_vec())
}
