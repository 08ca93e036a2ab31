//! The router without its devices.

use super::{INSIDE, OUTSIDE};
use crate::gateway::{Counters, Gateway, Outcome};
use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use nat::nat64::Nat64;
use nat::pcp::{PcpEvent, PcpServer, PcpStats, SERVER_PORT};
use nat::{ExplicitRequest, Instant, Nat, NatEvent, PacketBuf};
use packet_buffer::wire::{IpProtocol, Ipv4Packet, Ipv4Repr, UdpDatagram, UdpRepr};

/// Notes that wait to be read; when there are more, the oldest is dropped.
const MAX_NOTES: usize = 4_096;

/// What a router tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The translator's.
    Nat(NatEvent),
    /// The PCP server's.
    Pcp(PcpEvent),
}

/// What became of the sessions when the rules changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replaced {
    /// They go on.
    pub kept: usize,
    /// The new rules do not give them.
    pub ended: usize,
}

/// A gateway with a translator, and a server of PCP beside it.
pub struct NatRouter {
    gateway: Gateway,
    server: Option<PcpServer>,
    address: Ipv4Addr,
    queue: VecDeque<(usize, PacketBuf)>,
    notes: VecDeque<Note>,
    counters: Counters,
    last: Option<Outcome>,
}

impl NatRouter {
    pub(super) fn new(gateway: Gateway, server: Option<PcpServer>, address: Ipv4Addr) -> Self {
        Self {
            gateway,
            server,
            address,
            queue: VecDeque::new(),
            notes: VecDeque::new(),
            counters: Counters::default(),
            last: None,
        }
    }

    /// Goes over to what another file says: `next` takes over the sessions that its rules give, with the same outside
    /// endpoints, and the ports that hosts have asked for; the other sessions end. The translator between IPv6 and IPv4
    /// goes on with all its sessions if `next` has the same, and with none otherwise.
    pub fn replace(&mut self, now: Instant, mut next: Self) -> Replaced {
        let mut replaced = Replaced::default();
        if let (Some(old), Some(new)) = (self.gateway.nat(), next.gateway.nat_mut()) {
            for record in old.export() {
                match new.import(now, &record) {
                    Ok(()) => replaced.kept += 1,
                    Err(_) => replaced.ended += 1,
                }
            }
        }
        if let (Some(server), true) = (self.server.take(), next.server.is_some()) {
            next.server = Some(server);
            if !self.move_mappings(now, &mut next)
                && let (Some(server), Some(nat)) = (&mut next.server, next.gateway.nat())
            {
                // Hosts hear that they have to ask again.
                let pools = nat.config().pools.first();
                let address = pools.and_then(|pool| Some(*pool.addresses.first()?.start()));
                server.reset(now, address.unwrap_or(Ipv4Addr::UNSPECIFIED));
            }
        }
        if let Some(old) = self.gateway.take_nat64() {
            let is_same = next.gateway.nat64().is_some_and(|new| {
                let (old, new) = (old.config(), new.config());
                (&old.pref64, &old.pool, old.max_sessions, old.translate)
                    == (&new.pref64, &new.pool, new.max_sessions, new.translate)
                    && (old.address_v6, old.address_v4) == (new.address_v6, new.address_v4)
            });
            if is_same {
                replaced.kept += old.sessions();
                next.gateway.set_nat64(Some(old));
            } else {
                replaced.ended += old.sessions();
            }
        }
        next.counters = self.counters;
        next.notes.append(&mut self.notes);
        next.queue.append(&mut self.queue);
        *self = next;
        self.collect();
        replaced
    }

    /// Opens the ports that hosts have asked for in another router; whether all could be.
    fn move_mappings(&self, now: Instant, next: &mut Self) -> bool {
        let (Some(old), Some(new)) = (self.gateway.nat(), next.gateway.nat_mut()) else {
            return false;
        };
        let mut all = true;
        for (mapping, expires) in old.explicit_mappings() {
            let request = ExplicitRequest {
                protocol: mapping.protocol,
                inside: mapping.inside,
                suggested: mapping.outside,
                only_suggested: true,
                lifetime: expires.saturating_duration_since(now),
            };
            let is_open = new.open_mapping(now, &request).is_ok();
            let filters = old.filters_of(mapping.protocol, mapping.inside);
            if is_open && !filters.is_empty() {
                new.set_filters(mapping.protocol, mapping.inside, filters.to_vec());
            }
            all &= is_open;
        }
        all
    }

    /// Takes an IP packet that came in on a side.
    pub fn handle_input(&mut self, now: Instant, side: usize, octets: &[u8]) {
        let asked = side == INSIDE && self.serve(now, octets).is_some();
        let outcome = if asked {
            Outcome::Local
        } else {
            self.gateway.handle_input(now, side, octets)
        };
        self.counters.count(outcome);
        self.last = Some(outcome);
        self.collect();
    }

    /// What became of the packet that was handed in last.
    pub const fn last_outcome(&self) -> Option<Outcome> {
        self.last
    }

    /// Hands a request to the PCP server.
    fn serve(&mut self, now: Instant, octets: &[u8]) -> Option<()> {
        let (Some(server), Some(nat)) = (&mut self.server, self.gateway.nat_mut()) else {
            return None;
        };
        let ip = Ipv4Packet::parse(octets).ok()?;
        let is_udp = ip.protocol() == IpProtocol::UDP && !ip.is_fragment();
        if !is_udp || ip.destination() != self.address || ip.verify_checksum().is_err() {
            return None;
        }
        let datagram = UdpDatagram::parse(ip.payload()).ok()?;
        datagram.verify_checksum(&ip.pseudo_header()).ok()?;
        if datagram.destination_port() != SERVER_PORT {
            return None;
        }
        let source = SocketAddr::new(ip.source().into(), datagram.source_port());
        // What is ignored is counted by the server.
        let _ = server.handle_input(now, source, datagram.payload(), nat);
        Some(())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.gateway.handle_timeout(now);
        if let (Some(server), Some(nat)) = (&mut self.server, self.gateway.nat_mut()) {
            server.handle_timeout(now, nat);
        }
        self.collect();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let server = self.server.as_ref().and_then(PcpServer::poll_timeout);
        [self.gateway.poll_timeout(), server]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next packet to send, and its side.
    pub fn poll_transmit(&mut self) -> Option<(usize, PacketBuf)> {
        self.queue.pop_front()
    }

    /// What has happened.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// The translator.
    pub const fn nat(&self) -> Option<&Nat> {
        self.gateway.nat()
    }

    /// The translator between IPv6 and IPv4.
    pub const fn nat64(&self) -> Option<&Nat64> {
        self.gateway.nat64()
    }

    /// Packets by what became of them.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What the PCP server has done, if there is one.
    pub fn pcp_stats(&self) -> Option<&PcpStats> {
        self.server.as_ref().map(PcpServer::stats)
    }

    fn collect(&mut self) {
        while let Some(transmit) = self.gateway.poll_transmit() {
            self.queue.push_back(transmit);
        }
        if let Some(server) = &mut self.server {
            let mut message = PacketBuf::new();
            while let Some(transmit) = server.poll_transmit(&mut message) {
                let packet = datagram(self.address, transmit.destination, message.as_slice());
                self.queue.extend(packet.map(|packet| (INSIDE, packet)));
            }
            while let Some(event) = server.poll_event() {
                self.notes.push_back(Note::Pcp(event));
            }
        }
        if let Some(nat) = self.gateway.nat_mut() {
            while let Some(event) = nat.poll_event() {
                self.notes.push_back(Note::Nat(event));
            }
        }
        if let Some(nat64) = self.gateway.nat64_mut() {
            // Its sessions are counted, not told.
            while nat64.poll_event().is_some() {}
        }
        let excess = self.notes.len().saturating_sub(MAX_NOTES);
        self.notes.drain(..excess);
    }
}

/// A datagram of the router's own.
fn datagram(source: Ipv4Addr, destination: SocketAddr, data: &[u8]) -> Option<PacketBuf> {
    let IpAddr::V4(to) = destination.ip() else {
        return None;
    };
    let mut packet = PacketBuf::from(data);
    let ip = Ipv4Repr::new(source, to, IpProtocol::UDP);
    let udp = UdpRepr {
        source_port: SERVER_PORT,
        destination_port: destination.port(),
    };
    udp.emit(&mut packet, &ip.pseudo_header()).ok()?;
    ip.emit(&mut packet).ok()?;
    Some(packet)
}

const _: () = assert!(INSIDE != OUTSIDE);
