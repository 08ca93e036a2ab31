//! The router without devices, in virtual time: what it does to a handful of packets.

use super::file::NatFile;
use super::node::NatRouter;
use super::show::{session_table, to_json};
use super::{INSIDE, OUTSIDE};
use crate::gateway::packets::{describe, ping, source, tcp, udp};
use anyhow::{Context, Result};
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use nat::pcp::wire::{Body, MapData, Request, Response};
use nat::{Instant, PacketBuf};
use packet_buffer::wire::{IpProtocol, Ipv4Packet, TcpFlags};
use testkit::SeededRandom;

const fn at(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(address), port)
}

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
        let dns = at(SERVER, 53);
        self.title("a question, and its answer");
        let seen = self.pass(INSIDE, udp(at(HOST, 40_000), dns, b"question")?)?;
        let outside = source(seen.as_slice())?;
        self.pass(OUTSIDE, udp(dns, outside, b"answer")?)?;

        self.title("a connection, and a ping");
        let web = at(SERVER, 443);
        let syn = TcpFlags::SYN;
        let seen = self.pass(INSIDE, tcp(at(HOST, 40_001), web, syn, (1, 0), b"")?)?;
        let mapped = source(seen.as_slice())?;
        self.pass(OUTSIDE, tcp(web, mapped, syn | TcpFlags::ACK, (9, 2), b"")?)?;
        self.pass(
            INSIDE,
            tcp(at(HOST, 40_001), web, TcpFlags::ACK, (2, 10), b"")?,
        )?;
        self.pass(INSIDE, ping(HOST.into(), SERVER.into())?)?;

        self.title("a port for a service, by PCP");
        let port = self.ask_for(8_000)?;
        self.pass(OUTSIDE, tcp(at(SERVER, 5_000), port, syn, (1, 0), b"")?)?;

        self.title("a neighbor, by the address outside");
        let neighbor = Ipv4Addr::new(192, 168, 7, 11);
        self.pass(INSIDE, tcp(at(neighbor, 40_000), port, syn, (1, 0), b"")?)?;

        self.title("nobody asked for this");
        self.lose(
            OUTSIDE,
            udp(at(SERVER, 9), SocketAddr::new(outside.ip(), 9), b"")?,
        );
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
        let sent =
            sent.with_context(|| format!("{} is lost: {outcome:?}", describe(packet.as_slice())))?;
        if !self.json {
            let _ = writeln!(
                self.out,
                "{}  ->  {}",
                describe(packet.as_slice()),
                describe(sent.as_slice())
            );
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
            let _ = writeln!(self.out, "{}  is {what}", describe(packet.as_slice()));
        }
    }

    /// Asks for a TCP port of the host's, and returns how it is reached.
    fn ask_for(&mut self, port: u16) -> Result<SocketAddr> {
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
        let packet = udp(at(HOST, 50_000), at(ROUTER, 5_351), message.as_slice())?;
        let answer = self.pass(INSIDE, packet)?;
        let ip = Ipv4Packet::parse(answer.as_slice())?;
        let response = Response::parse(ip.payload().get(8..).unwrap_or_default())?;
        let Body::Map(map) = response.body else {
            anyhow::bail!("another answer: {response:?}");
        };
        Ok(SocketAddr::new(map.external_address, map.external_port))
    }
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
