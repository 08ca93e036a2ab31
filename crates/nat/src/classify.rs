//! What kind of translator this is, found out as a host behind it would.

use crate::config::{Filtering, Side};
use crate::engine::Nat;
use crate::mapping::Endpoint;
use crate::verdict::Verdict;
use core::net::Ipv4Addr;
use packet_buffer::wire::{IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader, UdpDatagram, UdpRepr};
use packet_buffer::{Instant, PacketBuf};

/// When a mapping is used again, as RFC 5780 §4.3 finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MappingBehavior {
    /// For all destinations.
    EndpointIndependent,
    /// For one destination address.
    AddressDependent,
    /// For one destination address and port.
    AddressAndPortDependent,
}

/// What [`classify`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Classification {
    /// When a mapping is used again.
    pub mapping: MappingBehavior,
    /// Who may come in through a mapping.
    pub filtering: Filtering,
    /// Whether inside hosts reach each other by their outside addresses, and see each other so.
    pub hairpin: bool,
    /// Whether inside ports are kept.
    pub preserves_ports: bool,
}

/// Ports of the two servers.
const PORTS: [u16; 2] = [3_478, 3_479];

/// Asks the questions of RFC 5780 §4.3 to §4.5 for UDP: with packets from the inside endpoint
/// `host` and the three ports that follow its own, to two ports of each of the two servers.
///
/// The sessions that come of it stay until they run out. `None` when packets of the host do not
/// pass.
pub fn classify(
    nat: &mut Nat,
    now: Instant,
    host: Endpoint,
    servers: [Ipv4Addr; 2],
) -> Option<Classification> {
    let [first, second] = servers;
    let [port, other_port] = PORTS;
    let mut probe = Probe { nat, now };
    let from = |offset: u16| Endpoint::new(host.address, host.port.wrapping_add(offset));

    let a = probe.out(from(0), Endpoint::new(first, port))?;
    let b = probe.out(from(0), Endpoint::new(second, port))?;
    let c = probe.out(from(0), Endpoint::new(second, other_port))?;
    let mapping = if a == b && b == c {
        MappingBehavior::EndpointIndependent
    } else if b == c {
        MappingBehavior::AddressDependent
    } else {
        MappingBehavior::AddressAndPortDependent
    };

    let mapped = probe.out(from(1), Endpoint::new(first, port))?;
    let filtering = if probe.comes_in(Endpoint::new(second, other_port), mapped, from(1)) {
        Filtering::EndpointIndependent
    } else if probe.comes_in(Endpoint::new(first, other_port), mapped, from(1)) {
        Filtering::AddressDependent
    } else {
        Filtering::AddressAndPortDependent
    };

    let target = probe.out(from(2), Endpoint::new(first, port))?;
    Some(Classification {
        mapping,
        filtering,
        hairpin: probe.turns_back(from(3), target, from(2)),
        preserves_ports: a.port == from(0).port && mapped.port == from(1).port,
    })
}

struct Probe<'a> {
    nat: &'a mut Nat,
    now: Instant,
}

impl Probe<'_> {
    /// How a packet from inside is seen outside.
    fn out(&mut self, from: Endpoint, to: Endpoint) -> Option<Endpoint> {
        let mut packet = datagram(from, to)?;
        match self.nat.process(self.now, Side::Inside, &mut packet) {
            Verdict::Forward { hairpin: false } => ends(&packet).map(|(from, _)| from),
            _ => None,
        }
    }

    /// Whether a packet from outside reaches the inside end.
    fn comes_in(&mut self, from: Endpoint, to: Endpoint, inside: Endpoint) -> bool {
        let Some(mut packet) = datagram(from, to) else {
            return false;
        };
        let verdict = self.nat.process(self.now, Side::Outside, &mut packet);
        verdict == Verdict::Forward { hairpin: false } && ends(&packet) == Some((from, inside))
    }

    /// Whether a packet from inside to an outside endpoint comes back, from an outside endpoint.
    fn turns_back(&mut self, from: Endpoint, to: Endpoint, inside: Endpoint) -> bool {
        // A filter that depends on addresses lets in whom its inside end has sent to: it sends to the
        // translator's own address first, whatever becomes of that.
        if let Some(mut opening) = datagram(inside, to) {
            let _ = self.nat.process(self.now, Side::Inside, &mut opening);
        }
        let Some(mut packet) = datagram(from, to) else {
            return false;
        };
        let verdict = self.nat.process(self.now, Side::Inside, &mut packet);
        let seen = ends(&packet);
        verdict == Verdict::Forward { hairpin: true }
            && seen.is_some_and(|(source, target)| target == inside && source != from)
    }
}

fn datagram(from: Endpoint, to: Endpoint) -> Option<PacketBuf> {
    let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    let addresses = PseudoHeader::V4 {
        source: from.address,
        destination: to.address,
    };
    let header = UdpRepr {
        source_port: from.port,
        destination_port: to.port,
    };
    header.emit(&mut packet, &addresses).ok()?;
    Ipv4Repr::new(from.address, to.address, IpProtocol::UDP)
        .emit(&mut packet)
        .ok()?;
    Some(packet)
}

fn ends(packet: &PacketBuf) -> Option<(Endpoint, Endpoint)> {
    let ip = Ipv4Packet::parse(packet.as_slice()).ok()?;
    let udp = UdpDatagram::parse(ip.payload()).ok()?;
    Some((
        Endpoint::new(ip.source(), udp.source_port()),
        Endpoint::new(ip.destination(), udp.destination_port()),
    ))
}
