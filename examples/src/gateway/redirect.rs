//! Connections that a proxy beside the gateway terminates: their packets go to its sockets, and its
//! answers look as if they were the server's.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use packet_buffer::wire::{IpPacket, IpProtocol};
use packet_buffer::{IpPacketMut, PacketBuf};
use stateful_firewall::{Firewall, SessionId};
use std::sync::Mutex;

/// The most connections that are with the proxy at a time.
const MOST: usize = 4_096;

/// Where a proxy is, and what goes to it.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// TCP connections that a rule gives to this queue of the caller's.
    pub queue: u16,
    /// The interface that the proxy is behind.
    pub interface: usize,
    /// Its addresses, at most one of a version.
    pub addresses: Vec<IpAddr>,
    /// The port that it listens at.
    pub port: u16,
}

#[derive(Debug, Clone, Copy)]
struct Redirected {
    server: SocketAddr,
    session: SessionId,
}

type Table = BTreeMap<SocketAddr, Redirected>;

/// Tells a proxy which server its client wanted.
#[derive(Debug, Clone)]
pub struct Originals(Arc<Mutex<Table>>);

impl Originals {
    /// The server that a client wanted which is connected to the proxy.
    pub fn server(&self, client: SocketAddr) -> Option<SocketAddr> {
        let table = self.0.lock().ok()?;
        table.get(&client).map(|redirected| redirected.server)
    }
}

/// A redirection at work.
pub(super) struct Redirects {
    config: Redirect,
    table: Originals,
}

impl Redirects {
    pub(super) fn new(config: Redirect) -> Self {
        Self {
            config,
            table: Originals(Arc::default()),
        }
    }

    pub(super) fn originals(&self) -> Originals {
        self.table.clone()
    }

    pub(super) const fn interface(&self) -> usize {
        self.config.interface
    }

    /// Whether the proxy can take a connection that begins with this packet.
    pub(super) fn takes(&self, queue: u16, packet: &PacketBuf, firewall: &Firewall) -> bool {
        let Some((client, server)) = ends(packet) else {
            return false;
        };
        let has_address = self.address_like(server.ip()).is_some();
        let Ok(mut table) = self.table.0.lock() else {
            return false;
        };
        // A client's socket can be connected to the proxy once.
        let taken = table.get(&client).is_some_and(|other| {
            other.server != server && firewall.session(other.session).is_some()
        });
        if table.len() >= MOST {
            table.retain(|_, other| firewall.session(other.session).is_some());
        }
        queue == self.config.queue && has_address && !taken && table.len() < MOST
    }

    /// The connection that begins with this packet is the proxy's.
    pub(super) fn insert(&self, session: SessionId, packet: &PacketBuf) {
        if let (Some((client, server)), Ok(mut table)) = (ends(packet), self.table.0.lock()) {
            table.insert(client, Redirected { server, session });
        }
    }

    /// Sends a client's packet to the proxy, if its session is there.
    pub(super) fn to_proxy(&self, session: SessionId, packet: &mut PacketBuf) -> Option<usize> {
        let (client, server) = ends(packet)?;
        let redirected = *self.table.0.lock().ok()?.get(&client)?;
        if redirected.session != session || redirected.server != server {
            return None;
        }
        let address = self.address_like(server.ip())?;
        let mut ip = IpPacketMut::parse(packet.as_mut_slice()).ok()?;
        ip.set_destination(address, Some(self.config.port)).ok()?;
        Some(self.config.interface)
    }

    /// Makes a packet of the proxy's to its client one of the server's; the server.
    pub(super) fn as_of_server(&self, packet: &mut PacketBuf) -> Option<SocketAddr> {
        let (proxy, client) = ends(packet)?;
        if proxy.port() != self.config.port || !self.config.addresses.contains(&proxy.ip()) {
            return None;
        }
        let server = self.table.server(client)?;
        let mut ip = IpPacketMut::parse(packet.as_mut_slice()).ok()?;
        ip.set_source(server.ip(), Some(server.port())).ok()?;
        Some(server)
    }

    fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        let mut addresses = self.config.addresses.iter();
        addresses
            .find(|address| address.is_ipv4() == other.is_ipv4())
            .copied()
    }
}

/// Both ends of a TCP segment.
fn ends(packet: &PacketBuf) -> Option<(SocketAddr, SocketAddr)> {
    let ip = IpPacket::parse(packet.as_slice()).ok()?;
    let (protocol, payload) = match &ip {
        IpPacket::V4(v4) => (v4.protocol(), v4.payload()),
        IpPacket::V6(v6) => {
            let upper = v6.upper_layer().ok()?;
            (upper.protocol, upper.payload)
        }
    };
    let &[a, b, c, d, ..] = payload else {
        return None;
    };
    (protocol == IpProtocol::TCP).then_some((
        SocketAddr::new(ip.source(), u16::from_be_bytes([a, b])),
        SocketAddr::new(ip.destination(), u16::from_be_bytes([c, d])),
    ))
}
