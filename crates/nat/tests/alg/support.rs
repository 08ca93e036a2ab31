//! Two ends of a TCP connection with a translator between them, each of which counts as the other
//! believes.

use core::net::Ipv4Addr;
use nat::{
    Action, DropReason, Forward, Instant, Mapping, Matching, Nat, NatConfig, PacketBuf, Pool,
    Profile, Rule, Side, Target, Verdict,
};
use packet_buffer::wire::*;
use testkit::SeededRandom;

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
pub(crate) const EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 100);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 99);

pub(crate) type End = (Ipv4Addr, u16);

/// One address; filters by address and port, so that whoever gets in was let in by a gateway.
pub(crate) fn config() -> NatConfig {
    let mut config = Profile::Rfc.config(1_000);
    config.pools = vec![Pool::of(EXTERNAL)];
    let mut napt = Profile::Rfc.napt(0);
    napt.filtering = nat::Filtering::AddressAndPortDependent;
    napt.mapping = Mapping::EndpointIndependent;
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(napt),
    }];
    config.forwards = vec![Forward {
        protocol: Some(IpProtocol::TCP),
        outside: EXTERNAL,
        ports: 21..=21,
        source: Ipv4Prefix::ALL,
        targets: vec![Target::new(HOST, 21)],
    }];
    config
}

pub(crate) fn nat() -> Nat {
    Nat::new(config(), Box::new(SeededRandom::new(7))).unwrap()
}

pub(crate) const NOW: Instant = Instant::from_secs(10);

fn verify(octets: &[u8]) {
    let ip = Ipv4Packet::parse(octets).unwrap();
    ip.verify_checksum().unwrap();
    match ip.protocol() {
        IpProtocol::TCP => {
            TcpSegment::parse(ip.payload())
                .unwrap()
                .verify_checksum(&ip.pseudo_header())
                .unwrap();
        }
        IpProtocol::UDP => {
            UdpDatagram::parse(ip.payload())
                .unwrap()
                .verify_checksum(&ip.pseudo_header())
                .unwrap();
        }
        _ => {}
    }
}

/// Puts a packet through, and checks the checksums of what comes out.
pub(crate) fn through(
    nat: &mut Nat,
    side: Side,
    mut packet: PacketBuf,
) -> Result<PacketBuf, DropReason> {
    match nat.process(NOW, side, &mut packet) {
        Verdict::Forward { .. } => {
            verify(packet.as_slice());
            Ok(packet)
        }
        Verdict::Drop(reason) => Err(reason),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn udp(from: End, to: End, data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::from(data);
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::UDP);
    UdpRepr {
        source_port: from.1,
        destination_port: to.1,
    }
    .emit(&mut packet, &ip.pseudo_header())
    .unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

pub(crate) fn segment(
    from: End,
    to: End,
    flags: TcpFlags,
    numbers: (u32, u32),
    options: &[TcpOption<'_>],
    data: &[u8],
) -> PacketBuf {
    let mut packet = PacketBuf::from(data);
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::TCP);
    let tcp = TcpRepr {
        source_port: from.1,
        destination_port: to.1,
        sequence_number: numbers.0,
        acknowledgment_number: numbers.1,
        flags,
        window: 8192,
        urgent_pointer: 0,
        options: HeaderOptions::from_tcp_options(options).unwrap(),
    };
    tcp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

/// Source, destination and payload of a packet with ports.
pub(crate) fn read(packet: &PacketBuf) -> (End, End, Vec<u8>) {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let octets = ip.payload();
    let port = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    let payload = match ip.protocol() {
        IpProtocol::TCP => TcpSegment::parse(octets).unwrap().payload(),
        _ => UdpDatagram::parse(octets).unwrap().payload(),
    };
    (
        (ip.source(), port(0)),
        (ip.destination(), port(2)),
        payload.to_vec(),
    )
}

/// One end of a connection.
#[derive(Debug, Clone)]
struct Peer {
    own: End,
    /// The other end, as this one sees it.
    other: End,
    side: Side,
    /// The next number to be sent, and the next one that is expected.
    next: u32,
    expected: u32,
}

/// A connection through the translator.
pub(crate) struct Connection {
    ends: [Peer; 2],
}

impl Connection {
    /// Opens a connection from `client` on a side to `server`, which the other side knows as
    /// `real_server`.
    pub(crate) fn open(
        nat: &mut Nat,
        side: Side,
        client: End,
        server: End,
        real_server: End,
    ) -> Self {
        let mut ends = [
            Peer {
                own: client,
                other: server,
                side,
                next: 5_000,
                expected: 0,
            },
            Peer {
                own: real_server,
                other: (Ipv4Addr::UNSPECIFIED, 0),
                side: side.other(),
                next: 900_000,
                expected: 0,
            },
        ];
        let syn = segment(client, server, TcpFlags::SYN, (5_000, 0), &[], b"");
        let seen = through(nat, side, syn).unwrap();
        let (from, to, _) = read(&seen);
        assert_eq!(to, real_server);
        ends[1].other = from;
        ends[1].expected = 5_001;
        let answer = segment(
            real_server,
            from,
            TcpFlags::SYN | TcpFlags::ACK,
            (900_000, 5_001),
            &[],
            b"",
        );
        let seen = through(nat, side.other(), answer).unwrap();
        assert_eq!(read(&seen).1, client);
        ends[0].next = 5_001;
        ends[0].expected = 900_001;
        ends[1].next = 900_001;
        let mut connection = Self { ends };
        connection.send(nat, 0, b"").unwrap();
        connection
    }

    /// Sends data from an end (0 is the client) and returns what the other end gets. The other end
    /// checks that it is what it waits for, and acknowledges.
    pub(crate) fn send(
        &mut self,
        nat: &mut Nat,
        from: usize,
        data: &[u8],
    ) -> Result<Vec<u8>, DropReason> {
        let packet = self.packet(from, data);
        self.ends[from].next = self.ends[from].next.wrapping_add(data.len() as u32);
        self.deliver(nat, from, packet)
    }

    /// A segment as the end would send it now.
    pub(crate) fn packet(&self, from: usize, data: &[u8]) -> PacketBuf {
        let end = &self.ends[from];
        let numbers = (end.next, end.expected);
        segment(
            end.own,
            end.other,
            TcpFlags::ACK | TcpFlags::PSH,
            numbers,
            &[],
            data,
        )
    }

    /// Puts a segment through, and has the receiver look at it.
    pub(crate) fn deliver(
        &mut self,
        nat: &mut Nat,
        from: usize,
        packet: PacketBuf,
    ) -> Result<Vec<u8>, DropReason> {
        let sender = self.ends[from].clone();
        let got = through(nat, sender.side, packet)?;
        let (source, destination, payload) = read(&got);
        let receiver = &mut self.ends[1 - from];
        assert_eq!((source, destination), (receiver.other, receiver.own));
        let ip = Ipv4Packet::parse(got.as_slice()).unwrap();
        let tcp = TcpSegment::parse(ip.payload()).unwrap();
        assert_eq!(
            tcp.acknowledgment_number(),
            receiver.next,
            "what the receiver has sent"
        );
        let repeated = tcp.sequence_number() != receiver.expected;
        if repeated {
            let end = tcp.sequence_number().wrapping_add(payload.len() as u32);
            assert_eq!(end, receiver.expected, "neither new nor a repetition");
            return Ok(payload);
        }
        receiver.expected = receiver.expected.wrapping_add(payload.len() as u32);
        if !payload.is_empty() {
            let ack = self.packet(1 - from, b"");
            let got = through(nat, self.ends[1 - from].side, ack)?;
            let ip = Ipv4Packet::parse(got.as_slice()).unwrap();
            let tcp = TcpSegment::parse(ip.payload()).unwrap();
            assert_eq!(
                tcp.acknowledgment_number(),
                self.ends[from].next,
                "all is acknowledged"
            );
            assert_eq!(tcp.sequence_number(), self.ends[from].expected);
        }
        Ok(payload)
    }

    pub(crate) fn numbers(&self, of: usize) -> (u32, u32) {
        (self.ends[of].next, self.ends[of].expected)
    }

    pub(crate) fn ends_of(&self, of: usize) -> (End, End) {
        (self.ends[of].own, self.ends[of].other)
    }
}
