//! The firewall without devices, in virtual time: what it does to a handful of packets.

use super::file::Loaded;
use super::node::FirewallRouter;
use super::record::to_json;
use super::show::{counters, rule_table, session_table};
use crate::gateway::packets::{describe, source, tcp, udp};
use anyhow::{Context, Result, ensure};
use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use packet_buffer::wire::{IpPacket, TcpFlags, TcpSegment};
use packet_buffer::{Instant, PacketBuf};
use serde_json::Value;
use testkit::SeededRandom;

const FILE: &str = include_str!("../../firewall.toml");
const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;

/// Runs the scenario with the example's configuration, and returns what happened, line by line.
///
/// # Errors
///
/// When something does not come as it has to.
pub fn simulate(seed: u64, json: bool) -> Result<String> {
    let loaded = Loaded::parse(FILE)?;
    let router = loaded.build(&mut SeededRandom::new(seed))?;
    let number = |device: &str| {
        let number = loaded.file.interface_number(device);
        number.with_context(|| format!("there is no {device}"))
    };
    let mut lab = Lab {
        inside: number("fw-in")?,
        dmz: number("fw-dmz")?,
        outside: number("fw-out")?,
        proxy: number("fw-proxy")?,
        router,
        now: Instant::from_secs(1),
        json,
        out: String::new(),
    };
    lab.scenario()?;
    Ok(lab.out)
}

struct Lab {
    router: FirewallRouter,
    inside: usize,
    dmz: usize,
    outside: usize,
    proxy: usize,
    now: Instant,
    json: bool,
    out: String,
}

fn at(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| text.to_owned())
}

impl Lab {
    fn scenario(&mut self) -> Result<()> {
        self.questions()?;
        self.services()?;
        self.nobody_asked()?;
        self.terminated()?;
        self.flooded()?;
        self.table();
        self.reloaded()?;
        self.title("all is over");
        while let Some(at) = self.router.poll_timeout() {
            self.now = self.now.max(at);
            self.router.handle_timeout(at);
        }
        self.notes();
        self.table();
        Ok(())
    }

    fn questions(&mut self) -> Result<()> {
        self.title("questions from inside, and their answers: translated, and as they are");
        for (host, server) in [
            ("192.168.7.10:40000", "198.51.100.53:53"),
            ("[2001:db8:7::10]:40000", "[2001:db8:53::53]:53"),
        ] {
            let (host, server) = (at(host)?, at(server)?);
            let seen = self.pass(self.inside, self.outside, udp(host, server, b"question")?)?;
            let own = source(seen.as_slice())?;
            ensure!((own == host) == host.is_ipv6(), "{own} for {host}");
            self.pass(self.outside, self.inside, udp(server, own, b"answer")?)?;
        }
        Ok(())
    }

    fn services(&mut self) -> Result<()> {
        self.title("a service in the DMZ, by its address outside and by its own");
        for (client, server) in [
            ("198.51.100.7:50000", "203.0.113.1:80"),
            ("[2001:db8:53::7]:50000", "[2001:db8:8::80]:443"),
        ] {
            let (client, server) = (at(client)?, at(server)?);
            let seen = self.pass(
                self.outside,
                self.dmz,
                tcp(client, server, SYN, (1, 0), b"")?,
            )?;
            let own = destination(&seen)?;
            let answer = tcp(own, client, SYN | ACK, (9, 2), b"")?;
            let seen = self.pass(self.dmz, self.outside, answer)?;
            ensure!(source(seen.as_slice())? == server, "another server answers");
            self.pass(
                self.outside,
                self.dmz,
                tcp(client, server, ACK, (2, 10), b"")?,
            )?;
        }
        Ok(())
    }

    fn nobody_asked(&mut self) -> Result<()> {
        self.title(
            "nobody asked for this: other services, what begins in the middle, spoofed sources",
        );
        let scanner = at("[2001:db8:53::66]:60000")?;
        let ssh = at("[2001:db8:8::80]:22")?;
        self.lose(self.outside, tcp(scanner, ssh, SYN, (1, 0), b"")?)?;
        let web = at("[2001:db8:8::80]:80")?;
        self.lose(self.outside, tcp(scanner, web, ACK, (1, 1), b"")?)?;
        self.lose(self.outside, tcp(scanner, web, TcpFlags(0), (1, 0), b"")?)?;
        let neighbor = at("[2001:db8:7::66]:60000")?;
        self.lose(self.outside, tcp(neighbor, web, SYN, (1, 0), b"")?)?;
        self.lose(
            self.outside,
            udp(at("198.51.100.9:9")?, at("203.0.113.1:9")?, b"")?,
        )?;
        let stats = self.router.firewall()?.stats();
        ensure!(stats.spoofed == 1, "a spoofed source is not seen");
        self.title("a service that is refused aloud");
        let ident = tcp(scanner, at("[2001:db8:8::80]:113")?, SYN, (1, 0), b"")?;
        self.pass(self.outside, self.outside, ident)?;
        Ok(())
    }

    fn terminated(&mut self) -> Result<()> {
        self.title("a connection that the proxy terminates, and its answer");
        for (host, server, proxy) in [
            ("192.168.7.10:40001", "198.51.100.80:80", "192.168.9.2:8080"),
            (
                "[2001:db8:7::10]:40001",
                "[2001:db8:53::80]:80",
                "[2001:db8:9::2]:8080",
            ),
        ] {
            let (host, server, proxy) = (at(host)?, at(server)?, at(proxy)?);
            let seen = self.pass(
                self.inside,
                self.proxy,
                tcp(host, server, SYN, (1, 0), b"")?,
            )?;
            ensure!(destination(&seen)? == proxy, "another proxy");
            let originals = self.router.originals().context("no redirection")?;
            ensure!(originals.server(host) == Some(server), "another server");
            let answer = tcp(proxy, host, SYN | ACK, (9, 2), b"")?;
            let seen = self.pass(self.proxy, self.inside, answer)?;
            ensure!(source(seen.as_slice())? == server, "the proxy shows itself");
            let seen = self.pass(
                self.inside,
                self.proxy,
                tcp(host, server, ACK, (2, 10), b"")?,
            )?;
            ensure!(destination(&seen)? == proxy, "another proxy");
        }
        self.title("and the connection that it opens itself");
        let (own, server) = (at("192.168.9.2:50000")?, at("198.51.100.80:80")?);
        self.pass(
            self.proxy,
            self.outside,
            tcp(own, server, SYN, (1, 0), b"")?,
        )?;
        Ok(())
    }

    fn flooded(&mut self) -> Result<()> {
        self.title("a flood of SYNs, and one client among them");
        let web = at("203.0.113.1:80")?;
        let (mut passed, mut answered) = (0, 0);
        for number in 0..1_000_u32 {
            let from = SocketAddr::new(IpAddr::from((0x0a63_0000 + number).to_be_bytes()), 1_234);
            for (interface, _) in self.enter(self.outside, &tcp(from, web, SYN, (7, 0), b"")?) {
                *if interface == self.dmz {
                    &mut passed
                } else {
                    &mut answered
                } += 1;
            }
        }
        self.line(&format!(
            "{passed} reach the server, {answered} are answered with a cookie"
        ));
        ensure!(passed < 100 && answered > 500, "{passed}, {answered}");
        let client = at("198.51.100.8:50000")?;
        let seen = self.pass(
            self.outside,
            self.outside,
            tcp(client, web, SYN, (1, 0), b"")?,
        )?;
        ensure!(
            source(seen.as_slice())? == web,
            "a cookie of another server"
        );
        let cookie = sequence_number(&seen)?.wrapping_add(1);
        let seen = self.pass(
            self.outside,
            self.dmz,
            tcp(client, web, ACK, (2, cookie), b"")?,
        )?;
        let own = destination(&seen)?;
        let answer = tcp(own, client, SYN | ACK, (900, 2), b"")?;
        let seen = self.enter(self.dmz, &answer);
        ensure!(
            seen.len() == 2,
            "{} packets for the server's answer",
            seen.len()
        );
        self.pass(
            self.outside,
            self.dmz,
            tcp(client, web, ACK, (2, cookie), b"GET /")?,
        )?;
        Ok(())
    }

    fn reloaded(&mut self) -> Result<()> {
        self.title("new rules: the web is closed, and its sessions end");
        let text = FILE.replace("web: accept tcp", "web: drop tcp");
        let loaded = Loaded::parse(&text)?;
        let reloaded = self.router.reload(self.now, &loaded)?;
        self.notes();
        self.line(&format!(
            "{} sessions go on, {} have ended",
            reloaded.confirmed, reloaded.ended
        ));
        ensure!(
            reloaded.ended >= 3 && reloaded.confirmed >= 4,
            "{reloaded:?}"
        );
        let wrong = Loaded::parse(&FILE.replace("accept tcp", "accept tpc"))?;
        let why = self
            .router
            .reload(self.now, &wrong)
            .err()
            .context("wrong rules")?;
        self.line(&format!("wrong rules: {why:#}"));
        let client = at("[2001:db8:53::7]:50000")?;
        let web = at("[2001:db8:8::80]:443")?;
        self.lose(self.outside, tcp(client, web, ACK, (2, 10), b"")?)?;
        Ok(())
    }

    fn title(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.out, "# {text}");
        }
    }

    fn line(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.out, "{text}");
        }
    }

    /// What the firewall tells; as text only what it would log.
    fn notes(&mut self) {
        while let Some(note) = self.router.poll_note() {
            let value = to_json(&note, &self.router);
            if self.json {
                let _ = writeln!(self.out, "{value}");
                continue;
            }
            let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
            if field("event") == "packet" && field("action") != "accept" {
                let (action, reason) = (field("action"), field("reason"));
                let _ = writeln!(self.out, "    logged: {action}, {reason}");
            }
        }
    }

    fn table(&mut self) {
        if self.json {
            let counters = counters(&self.router, "counters");
            let _ = writeln!(self.out, "{counters}");
        } else {
            let table = session_table(&self.router, self.now, 12);
            self.out.push_str(&table);
            if let Ok(firewall) = self.router.firewall() {
                self.out.push_str(&rule_table(firewall));
            }
        }
    }

    fn enter(&mut self, interface: usize, packet: &PacketBuf) -> Vec<(usize, PacketBuf)> {
        self.now += Duration::from_millis(2);
        self.router
            .handle_input(self.now, interface, packet.as_slice());
        core::iter::from_fn(|| self.router.poll_transmit()).collect()
    }

    /// Puts a packet in for which one has to come out by an interface.
    fn pass(&mut self, from: usize, to: usize, packet: PacketBuf) -> Result<PacketBuf> {
        let sent = self.enter(from, &packet);
        let outcome = self.router.last_outcome();
        let text = describe(packet.as_slice());
        let (interface, sent) = sent
            .into_iter()
            .next()
            .with_context(|| format!("{text} is lost: {outcome:?}"))?;
        ensure!(interface == to, "{text} goes out by interface {interface}");
        self.line(&format!("{text}  ->  {}", describe(sent.as_slice())));
        self.notes();
        Ok(sent)
    }

    /// Puts a packet in that comes to nothing.
    fn lose(&mut self, from: usize, packet: PacketBuf) -> Result<()> {
        let sent = self.enter(from, &packet);
        let text = describe(packet.as_slice());
        ensure!(sent.is_empty(), "{text} is not dropped");
        self.line(&format!("{text}  is dropped"));
        self.notes();
        Ok(())
    }
}

fn destination(packet: &PacketBuf) -> Result<SocketAddr> {
    let ip = IpPacket::parse(packet.as_slice())?;
    Ok(SocketAddr::new(
        ip.destination(),
        segment(&ip)?.destination_port(),
    ))
}

fn sequence_number(packet: &PacketBuf) -> Result<u32> {
    let ip = IpPacket::parse(packet.as_slice())?;
    Ok(segment(&ip)?.sequence_number())
}

fn segment<'a>(ip: &'a IpPacket<'a>) -> Result<TcpSegment<'a>> {
    Ok(TcpSegment::parse(match ip {
        IpPacket::V4(v4) => v4.payload(),
        IpPacket::V6(v6) => v6.payload(),
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::packets::ping;

    #[test]
    fn the_scenario_comes_out_the_same_for_the_same_seed() {
        let first = simulate(1, true).unwrap();
        assert_eq!(first, simulate(1, true).unwrap());
        assert_ne!(first, simulate(2, true).unwrap());
        let lines: Vec<Value> = first
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.iter().all(|line| line["event"].is_string()));
        let web = lines
            .iter()
            .find(|line| line["event"] == "packet" && line["rule"] == "web")
            .unwrap();
        assert_eq!(
            (&web["rule_id"], &web["action"]),
            (&1.into(), &"accept".into())
        );
        assert!(lines.iter().any(|line| {
            line["reason"]
                .as_str()
                .is_some_and(|why| why.contains("the route to"))
                && line["in"] == "fw-out"
        }));
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["sessions"], &last["half_open"], &last["translated"]),
            (&0.into(), &0.into(), &0.into())
        );
        assert!(simulate(1, false).unwrap().contains("web: accept tcp"));
    }

    #[test]
    fn a_ping_of_the_firewall_is_answered() {
        let loaded = Loaded::parse(FILE).unwrap();
        let mut router = loaded.build(&mut SeededRandom::new(1)).unwrap();
        for (from, to) in [
            ("198.51.100.7", "203.0.113.1"),
            ("2001:db8:53::7", "2001:db8:99::1"),
        ] {
            let request = ping(from.parse().unwrap(), to.parse().unwrap()).unwrap();
            router.handle_input(Instant::from_secs(1), 2, request.as_slice());
            assert_eq!(router.poll_transmit().unwrap().0, 2, "{to}");
        }
    }
}
