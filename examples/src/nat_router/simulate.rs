//! The router without devices, in virtual time: what it does to a handful of packets.

use super::file::NatFile;
use super::node::NatRouter;
use super::show::{session_table, to_json};
use super::{INSIDE, OUTSIDE};
use anyhow::{Context, Result};
use core::fmt::Write as _;
use core::net::Ipv4Addr;
use core::time::Duration;
use nat::pcp::wire::{Body, MapData, Request, Response};
use nat::{Instant, PacketBuf};
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, TcpFlags, TcpRepr,
    UdpRepr,
};
use testkit::SeededRandom;

type End = (Ipv4Addr, u16);

const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 10);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);

/// Runs the scenario with the example's configuration, and returns what happened, line by line.
///
/// # Errors
///
/// When something does not come as it has to.
pub fn simulate(seed: u64, json: bool) -> Result<String> {
    let file = NatFile::parse(include_str!("../../nat_router.toml"))?;
    let now = Instant::from_secs(1);
    let router = file.build(now, &mut SeededRandom::new(seed))?;
    let mut lab = Lab {
        router,
        now,
        json,
        out: String::new(),
    };
    lab.scenario()?;
    Ok(lab.out)
}

struct Lab {
    router: NatRouter,
    now: Instant,
    json: bool,
    out: String,
}

impl Lab {
    fn scenario(&mut self) -> Result<()> {
        let dns = (SERVER, 53);
        self.title("a question, and its answer");
        let seen = self.pass(INSIDE, udp((HOST, 40_000), dns, b"question")?)?;
        let outside = source(&seen)?;
        self.pass(OUTSIDE, udp(dns, outside, b"answer")?)?;

        self.title("a connection, and a ping");
        let web = (SERVER, 443);
        let syn = TcpFlags::SYN;
        let seen = self.pass(INSIDE, tcp((HOST, 40_001), web, syn, (1, 0))?)?;
        let mapped = source(&seen)?;
        self.pass(OUTSIDE, tcp(web, mapped, syn | TcpFlags::ACK, (9, 2))?)?;
        self.pass(INSIDE, tcp((HOST, 40_001), web, TcpFlags::ACK, (2, 10))?)?;
        self.pass(INSIDE, ping(HOST, SERVER)?)?;

        self.title("a port for a service, by PCP");
        let port = self.ask_for(8_000)?;
        self.pass(OUTSIDE, tcp((SERVER, 5_000), port, syn, (1, 0))?)?;

        self.title("a neighbor, by the address outside");
        let neighbor = Ipv4Addr::new(192, 168, 7, 11);
        self.pass(INSIDE, tcp((neighbor, 40_000), port, syn, (1, 0))?)?;

        self.title("nobody asked for this");
        self.lose(OUTSIDE, udp((SERVER, 9), (outside.0, 9), b"")?);
        self.table();
        self.title("all is over");
        while let Some(at) = self.router.poll_timeout() {
            self.now = self.now.max(at);
            self.router.handle_timeout(at);
        }
        self.notes();
        self.table();
        Ok(())
    }

    fn title(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.out, "# {text}");
        }
    }

    fn notes(&mut self) {
        while let Some(note) = self.router.poll_note() {
            let _ = writeln!(self.out, "{}", to_json(&note));
        }
    }

    fn table(&mut self) {
        if self.json {
            let counters = super::show::counters(&self.router, "counters");
            let _ = writeln!(self.out, "{counters}");
        } else {
            self.out
                .push_str(&session_table(&self.router, self.now, 20));
        }
    }

    fn enter(&mut self, side: usize, packet: &PacketBuf) -> Option<PacketBuf> {
        self.now += Duration::from_millis(20);
        self.router.handle_input(self.now, side, packet.as_slice());
        let sent = self.router.poll_transmit();
        self.notes();
        sent.map(|(_, packet)| packet)
    }

    /// Puts a packet in that has to come out.
    fn pass(&mut self, side: usize, packet: PacketBuf) -> Result<PacketBuf> {
        let sent = self.enter(side, &packet);
        let outcome = self.router.last_outcome();
        let sent = sent.with_context(|| format!("{} is lost: {outcome:?}", text(&packet)))?;
        if !self.json {
            let _ = writeln!(self.out, "{}  ->  {}", text(&packet), text(&sent));
        }
        Ok(sent)
    }

    /// Puts a packet in that comes to nothing.
    fn lose(&mut self, side: usize, packet: PacketBuf) {
        let sent = self.enter(side, &packet);
        if !self.json {
            let what = if sent.is_some() {
                "answered"
            } else {
                "dropped"
            };
            let _ = writeln!(self.out, "{}  is {what}", text(&packet));
        }
    }

    /// Asks for a TCP port of the host's, and returns how it is reached.
    fn ask_for(&mut self, port: u16) -> Result<End> {
        let request = Request {
            lifetime: 600,
            client: HOST.into(),
            body: Body::Map(MapData {
                nonce: [7; 12],
                protocol: IpProtocol::TCP,
                internal_port: port,
                external_port: port,
                external_address: Ipv4Addr::UNSPECIFIED.into(),
            }),
            options: Vec::new(),
        };
        let mut message = PacketBuf::new();
        request.write(&mut message)?;
        let packet = udp((HOST, 50_000), (ROUTER, 5_351), message.as_slice())?;
        let answer = self.pass(INSIDE, packet)?;
        let ip = Ipv4Packet::parse(answer.as_slice())?;
        let response = Response::parse(ip.payload().get(8..).unwrap_or_default())?;
        let Body::Map(map) = response.body else {
            anyhow::bail!("another answer: {response:?}");
        };
        match map.external_address {
            core::net::IpAddr::V4(address) => Ok((address, map.external_port)),
            other => anyhow::bail!("an address of IPv6: {other}"),
        }
    }
}

fn udp(from: End, to: End, data: &[u8]) -> Result<PacketBuf> {
    let mut packet = PacketBuf::from(data);
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::UDP);
    let udp = UdpRepr {
        source_port: from.1,
        destination_port: to.1,
    };
    udp.emit(&mut packet, &ip.pseudo_header())
        .and_then(|()| ip.emit(&mut packet))?;
    Ok(packet)
}

fn tcp(from: End, to: End, flags: TcpFlags, numbers: (u32, u32)) -> Result<PacketBuf> {
    let mut packet = PacketBuf::new();
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::TCP);
    let tcp = TcpRepr {
        source_port: from.1,
        destination_port: to.1,
        sequence_number: numbers.0,
        acknowledgment_number: numbers.1,
        flags,
        window: 65_535,
        urgent_pointer: 0,
        options: HeaderOptions::NONE,
    };
    tcp.emit(&mut packet, &ip.pseudo_header())
        .and_then(|()| ip.emit(&mut packet))?;
    Ok(packet)
}

fn ping(from: Ipv4Addr, to: Ipv4Addr) -> Result<PacketBuf> {
    let mut packet = PacketBuf::from(&b"ping"[..]);
    let repr = Icmpv4Repr::EchoRequest {
        identifier: 77,
        sequence_number: 1,
    };
    repr.emit(&mut packet)
        .and_then(|()| Ipv4Repr::new(from, to, IpProtocol::ICMP).emit(&mut packet))?;
    Ok(packet)
}

/// The first two octets of a transport header, behind the address.
fn source(packet: &PacketBuf) -> Result<End> {
    let ip = Ipv4Packet::parse(packet.as_slice())?;
    let port = ip.payload().first_chunk::<2>().context("no port")?;
    Ok((ip.source(), u16::from_be_bytes(*port)))
}

fn text(packet: &PacketBuf) -> String {
    let Ok(IpPacket::V4(ip)) = IpPacket::parse(packet.as_slice()) else {
        return "a packet".to_owned();
    };
    let ports = match ip.payload() {
        [a, b, c, d, ..] if ip.protocol().has_ports() => {
            let port = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            (format!(":{}", port(a, b)), format!(":{}", port(c, d)))
        }
        _ => (String::new(), String::new()),
    };
    format!(
        "{} {}{} > {}{}",
        ip.protocol(),
        ip.source(),
        ports.0,
        ip.destination(),
        ports.1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_comes_out_the_same_for_the_same_seed() {
        let first = simulate(1, true).unwrap();
        assert_eq!(first, simulate(1, true).unwrap());
        assert_ne!(first, simulate(2, true).unwrap());
        for line in first.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value["event"].is_string());
        }
        let last: serde_json::Value = serde_json::from_str(first.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["sessions"], &last["mappings"]),
            (&0.into(), &0.into())
        );
        assert_eq!(last["hairpinned"], 1);
    }
}
