//! A translator with a server of PCP in front.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use nat::pcp::wire::{Body, MapData, PcpOption, Request, Response, ResultCode};
use nat::pcp::{PcpConfig, PcpServer};
use nat::{
    Action, Instant, Matching, Nat, NatConfig, PacketBuf, Pool, Profile, Rule, Side, Verdict,
};
use packet_buffer::wire::*;
use testkit::SeededRandom;

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
pub(crate) const EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 99);
pub(crate) const NONCE: [u8; 12] = [7; 12];

pub(crate) fn nat_config() -> NatConfig {
    let mut config = Profile::Rfc.config(1_000);
    config.pools = vec![Pool::of(EXTERNAL)];
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(Profile::Rfc.napt(0)),
    }];
    config
}

pub(crate) struct Lab {
    pub(crate) nat: Nat,
    pub(crate) server: PcpServer,
    pub(crate) now: Instant,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(PcpConfig::default())
    }

    pub(crate) fn with(config: PcpConfig) -> Self {
        let now = Instant::from_secs(1_000);
        Self {
            nat: Nat::new(nat_config(), Box::new(SeededRandom::new(7))).unwrap(),
            server: PcpServer::new(config, now),
            now,
        }
    }

    /// Sends octets from a host, and returns what comes back to it.
    pub(crate) fn send(&mut self, from: Ipv4Addr, octets: &[u8]) -> Option<Vec<u8>> {
        let source = SocketAddr::new(from.into(), 50_000);
        let taken = self
            .server
            .handle_input(self.now, source, octets, &mut self.nat);
        let mut out = PacketBuf::new();
        let transmit = self.server.poll_transmit(&mut out);
        assert_eq!(taken.is_ok(), transmit.is_some());
        transmit.map(|transmit| {
            assert_eq!(transmit.destination, source);
            assert!(out.len() <= 1_100 && out.len().is_multiple_of(4));
            out.as_slice().to_vec()
        })
    }

    pub(crate) fn ask(&mut self, from: Ipv4Addr, request: &Request) -> Response {
        let octets = octets(request);
        Response::parse(&self.send(from, &octets).unwrap()).unwrap()
    }

    /// Asks for a mapping of the host's.
    pub(crate) fn map(&mut self, lifetime: u32, map: MapData, options: &[PcpOption]) -> Response {
        self.ask(HOST, &map_request(lifetime, map, options))
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let next = [self.server.poll_timeout(), self.nat.poll_timeout()];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.server.handle_timeout(at, &mut self.nat);
            self.nat.handle_timeout(at);
            assert!(self.server.poll_timeout().is_none_or(|next| next > at));
        }
        self.now = end;
        self.server.handle_timeout(end, &mut self.nat);
    }

    /// Whether a datagram from outside reaches the inside, and where.
    pub(crate) fn reach(
        &mut self,
        protocol: IpProtocol,
        from: (Ipv4Addr, u16),
        port: u16,
    ) -> Option<(Ipv4Addr, u16)> {
        let mut packet = packet(protocol, from, (EXTERNAL, port));
        match self.nat.process(self.now, Side::Outside, &mut packet) {
            Verdict::Forward { .. } => {
                let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
                let port = u16::from_be_bytes([ip.payload()[2], ip.payload()[3]]);
                Some((ip.destination(), port))
            }
            _ => None,
        }
    }

    /// The source that a packet from inside leaves with.
    pub(crate) fn leave(
        &mut self,
        protocol: IpProtocol,
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
    ) -> (Ipv4Addr, u16) {
        let mut packet = packet(protocol, from, to);
        let verdict = self.nat.process(self.now, Side::Inside, &mut packet);
        assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
        let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
        (
            ip.source(),
            u16::from_be_bytes([ip.payload()[0], ip.payload()[1]]),
        )
    }
}

/// A datagram, or a SYN.
pub(crate) fn packet(
    protocol: IpProtocol,
    from: (Ipv4Addr, u16),
    to: (Ipv4Addr, u16),
) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let ip = Ipv4Repr::new(from.0, to.0, protocol);
    if protocol == IpProtocol::TCP {
        let tcp = TcpRepr {
            source_port: from.1,
            destination_port: to.1,
            sequence_number: 1,
            acknowledgment_number: 0,
            flags: TcpFlags::SYN,
            window: 8192,
            urgent_pointer: 0,
            options: HeaderOptions::NONE,
        };
        tcp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    } else {
        let udp = UdpRepr {
            source_port: from.1,
            destination_port: to.1,
        };
        udp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    }
    ip.emit(&mut packet).unwrap();
    packet
}

pub(crate) fn octets(request: &Request) -> Vec<u8> {
    let mut out = PacketBuf::new();
    request.write(&mut out).unwrap();
    out.as_slice().to_vec()
}

pub(crate) const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// TCP, this port inside, and a suggestion.
pub(crate) fn tcp(internal_port: u16, external_port: u16) -> MapData {
    MapData {
        nonce: NONCE,
        protocol: IpProtocol::TCP,
        internal_port,
        external_port,
        external_address: ANY,
    }
}

pub(crate) fn map_request(lifetime: u32, map: MapData, options: &[PcpOption]) -> Request {
    Request {
        lifetime,
        client: HOST.into(),
        body: Body::Map(map),
        options: options.to_vec(),
    }
}

/// The external port of a response that has to be a success.
pub(crate) fn granted(response: &Response) -> u16 {
    assert_eq!(response.result, ResultCode::SUCCESS);
    match response.body {
        Body::Map(map) | Body::Peer { map, .. } => {
            assert_eq!(map.external_address, IpAddr::V4(EXTERNAL));
            map.external_port
        }
        Body::Announce => panic!("no mapping"),
    }
}
