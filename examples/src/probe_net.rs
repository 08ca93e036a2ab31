//! How `ping` and `traceroute` reach the network: raw sockets, ICMP datagram sockets, or a simulated
//! path that needs neither privilege nor network.

mod sockets;
mod source;

pub use sockets::{DatagramNet, RawNet, Writes};
pub use source::{interface_mtu, resolve, source_for};

use alloc::collections::BTreeMap;
use anyhow::Result;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use icmp_nd::probe::{Received, SimHop, SimPath};
use icmp_nd::wire::{
    ExtensionObjectRepr, InterfaceInformation, InterfaceRole, MplsLabelStackEntry, emit_extensions,
};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

/// A message that came in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// When.
    pub at: Instant,
    /// From whom.
    pub source: IpAddr,
    /// What the octets are, where they are not a whole packet.
    pub protocol: IpProtocol,
    /// Whether the octets are a whole IP packet.
    pub is_packet: bool,
    /// The octets.
    pub octets: Vec<u8>,
}

impl Incoming {
    /// As the machines take it; `None` when a whole packet cannot be read.
    pub fn received(&self) -> Option<Received<'_>> {
        if self.is_packet {
            let mut received = Received::from_ip(&self.octets).ok()?;
            if received.protocol == IpProtocol::TCP {
                // Between namespaces the kernel leaves TCP's checksum to hardware that is not there:
                // without a destination it is not looked at.
                received.destination = None;
            }
            return Some(received);
        }
        Some(Received {
            source: self.source,
            destination: None,
            hop_limit: None,
            protocol: self.protocol,
            octets: &self.octets,
        })
    }
}

/// A way to the network, and its clock.
pub trait ProbeNet {
    /// The present moment.
    fn now(&self) -> Instant;

    /// Sends what a machine wrote.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn send(&mut self, packet: &[u8], destination: SocketAddr) -> Result<()>;

    /// Waits for a message until `deadline`; `None` when it passes.
    ///
    /// # Errors
    ///
    /// When nothing can ever come again.
    fn receive(&mut self, deadline: Instant) -> Result<Option<Incoming>>;
}

/// A simulated path with a clock of its own, which jumps from event to event.
#[derive(Debug)]
pub struct SimulatedNet {
    path: SimPath,
    random: SeededRandom,
    loss: f64,
    now: Instant,
    arrivals: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
}

impl SimulatedNet {
    /// The source of probes over IPv4.
    pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    /// The source of probes over IPv6.
    pub const HERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    /// The end of the path over IPv4.
    pub const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    /// The end of the path over IPv6.
    pub const THERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x7, 0, 0, 0, 0, 7));

    /// The path that the examples show: seven routers, of which the second labels packets (MPLS), the
    /// third is one of two, the fourth is silent and the fifth stands before a link of 1280 octets.
    pub fn new(seed: u64, loss: f64) -> Self {
        let address = |hop: u8, side: u8| {
            [
                IpAddr::V4(Ipv4Addr::new(203, 0, 113, hop * 16 + side)),
                Ipv6Addr::new(
                    0x2001,
                    0xdb8,
                    0xf0,
                    u16::from(hop),
                    0,
                    0,
                    0,
                    u16::from(side),
                )
                .into(),
            ]
        };
        let delays = [400, 1_700, 2_900, 900, 4_200, 3_100, 1_200];
        let hops = (1..).zip(delays).map(|(hop, micros)| SimHop {
            delay: Duration::from_micros(micros),
            ..SimHop::new(address(hop, 1).to_vec())
        });
        let mut hops: Vec<SimHop> = hops.collect();
        if let [_, second, third, fourth, fifth, ..] = &mut hops[..] {
            second.extensions = extensions();
            third.addresses.extend(address(3, 2));
            fourth.silent = true;
            fifth.mtu = 1_280;
        }
        let mut path = SimPath::new(hops, vec![Self::THERE, Self::THERE6]);
        path.open_ports = vec![443];
        Self {
            path,
            random: SeededRandom::new(seed),
            loss,
            now: Instant::ZERO,
            arrivals: BTreeMap::new(),
            count: 0,
        }
    }

    /// The address that is meant: the destination of the path, of either version.
    pub fn destination(ipv6: bool) -> IpAddr {
        if ipv6 { Self::THERE6 } else { Self::THERE }
    }

    /// The source for a destination.
    pub fn source(destination: IpAddr) -> IpAddr {
        if destination.is_ipv6() {
            Self::HERE6
        } else {
            Self::HERE
        }
    }
}

/// What the second router tells of a packet that expires there: its label (RFC 4950) and the interface
/// that it came by (RFC 5837).
fn extensions() -> Vec<u8> {
    let label = MplsLabelStackEntry {
        label: 24_017,
        traffic_class: 0,
        bottom_of_stack: true,
        ttl: 1,
    };
    let interface = InterfaceInformation {
        role: InterfaceRole::Incoming,
        index: Some(3),
        address: None,
        name: Some("ge-0/0/3"),
        mtu: Some(1_500),
    };
    let objects = [
        ExtensionObjectRepr::MplsLabelStack(vec![label].into()),
        ExtensionObjectRepr::InterfaceInformation(interface),
    ];
    let mut out = PacketBuf::new();
    // Two objects of a few octets each always fit.
    let written = emit_extensions(&objects, &mut out);
    if written.is_err() {
        out.clear();
    }
    out.as_slice().to_vec()
}

impl ProbeNet for SimulatedNet {
    fn now(&self) -> Instant {
        self.now
    }

    fn send(&mut self, packet: &[u8], _: SocketAddr) -> Result<()> {
        let mut out = PacketBuf::new();
        if let Some(after) = self.path.answer(packet, &mut out)
            && !self.random.chance(self.loss)
        {
            let jitter = self.random.duration_up_to(after / 8);
            self.count += 1;
            let at = self.now + after + jitter;
            self.arrivals
                .insert((at, self.count), out.as_slice().to_vec());
        }
        Ok(())
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<Incoming>> {
        let first = self.arrivals.first_entry();
        let Some(entry) = first.filter(|entry| entry.key().0 <= deadline) else {
            self.now = self.now.max(deadline);
            return Ok(None);
        };
        let ((at, _), octets) = entry.remove_entry();
        self.now = self.now.max(at);
        Ok(Some(Incoming {
            at: self.now,
            source: Self::THERE,
            protocol: IpProtocol::ICMP,
            is_packet: true,
            octets,
        }))
    }
}
