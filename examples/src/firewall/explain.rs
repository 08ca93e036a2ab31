//! Which rule decides about a packet that is written as a line of text.

use super::file::Loaded;
use crate::gateway::packets::{describe, ping, tcp, udp};
use anyhow::{Context, Result, bail, ensure};
use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use packet_buffer::wire::TcpFlags;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{CompiledPolicy, Step};
use testkit::SeededRandom;

/// Says which rule of a file decides about a packet, written as
/// `INTERFACE tcp|udp|icmp SOURCE > DESTINATION [FLAGS]`, such as
/// `fw-out tcp 198.51.100.7:40000 > 203.0.113.1:80` or `fw-in icmp 2001:db8:7::2 > 2001:db8:8::80`.
/// A TCP segment is a SYN without flags; they are `F`, `S`, `R`, `P`, `A`, `U`, or `-` for none.
///
/// # Errors
///
/// When the line cannot be read, or the packet is dropped before any rule is asked.
pub fn explain(loaded: &Loaded, line: &str) -> Result<String> {
    let (device, packet) = parse(line)?;
    let ingress = loaded
        .file
        .interface_number(device)
        .with_context(|| format!("there is no interface {device}"))?;
    let mut router = loaded.build(&mut SeededRandom::new(1))?;
    let explained = router.explain(Instant::from_secs(1), ingress, packet.as_slice())?;
    let policy = router.policy().context("there is no policy")?;
    let out = match explained.egress {
        Some(egress) => router.interface_name(egress),
        None => "self",
    };
    let mut text = format!("{} in {device} out {out}\n", describe(packet.as_slice()));
    if explained.packet.as_slice() != packet.as_slice() {
        let seen = describe(explained.packet.as_slice());
        let _ = writeln!(text, "  translated: {seen}");
    }
    for step in &explained.explanation.steps {
        let _ = writeln!(text, "  {}", step_text(step, policy));
    }
    Ok(text)
}

fn step_text(step: &Step, policy: &CompiledPolicy) -> String {
    let name = |rule| policy.rule_name(rule).unwrap_or("?");
    match step {
        Step::Refused(reason) => format!("dropped before any rule is asked: {reason}"),
        Step::Session(Some(rule)) => format!("belongs to a session of {}", name(*rule)),
        Step::Session(None) => "belongs to a session".to_owned(),
        Step::IcmpError { known } => {
            let which = if *known { "a" } else { "no" };
            format!("is an ICMP error about {which} session")
        }
        Step::Expected => "a helper expects it".to_owned(),
        Step::Mismatch(rule, field) => format!("{} does not hold: {field}", name(*rule)),
        Step::Match(rule, action) => format!("{} holds: {action}", name(*rule)),
        Step::Decision(decision) => {
            let why = match decision.rule() {
                Some(rule) => policy.rule_text(rule).unwrap_or("?").to_owned(),
                None => decision.reason.to_string(),
            };
            format!("so: {} ({why})", decision.action)
        }
        Step::NoBeginning(why) => format!("cannot begin a session: {why}"),
        other => format!("{other:?}"),
    }
}

fn parse(line: &str) -> Result<(&str, PacketBuf)> {
    const HOW: &str = "it is written INTERFACE tcp|udp|icmp SOURCE > DESTINATION [FLAGS]";
    let words: Vec<&str> = line.split_whitespace().collect();
    let (device, protocol, source, destination, flags) = match words.as_slice() {
        [device, protocol, source, ">", destination] => {
            (*device, *protocol, *source, *destination, None)
        }
        [device, protocol, source, ">", destination, flags] => {
            (*device, *protocol, *source, *destination, Some(*flags))
        }
        _ => bail!("the packet: {HOW}"),
    };
    ensure!(
        flags.is_none() || protocol == "tcp",
        "the packet: only TCP has flags"
    );
    let end = |text: &str| -> Result<SocketAddr> {
        let wrong = || format!("{text} is no ADDRESS:PORT");
        text.parse().with_context(wrong)
    };
    let host = |text: &str| -> Result<IpAddr> {
        text.parse()
            .with_context(|| format!("{text} is no address"))
    };
    let packet = match protocol {
        "tcp" => {
            let flags = flags.map_or(Ok(TcpFlags::SYN), tcp_flags)?;
            tcp(end(source)?, end(destination)?, flags, (1, 0), b"")?
        }
        "udp" => udp(end(source)?, end(destination)?, b"")?,
        "icmp" => ping(host(source)?, host(destination)?)?,
        other => bail!("the packet: {other} is none of tcp, udp, icmp"),
    };
    Ok((device, packet))
}

fn tcp_flags(text: &str) -> Result<TcpFlags> {
    let mut flags = TcpFlags(0);
    for letter in text.chars() {
        flags |= match letter {
            'F' => TcpFlags::FIN,
            'S' => TcpFlags::SYN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            'A' => TcpFlags::ACK,
            'U' => TcpFlags::URG,
            '-' => TcpFlags(0),
            other => bail!("{other} is no flag of TCP"),
        };
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let loaded = Loaded::parse(include_str!("../../firewall.toml")).unwrap();
        match explain(&loaded, line) {
            Ok(text) => text,
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        // The rule is written for the address inside, and the packet has the one outside.
        let text = said("fw-out tcp 198.51.100.7:40000 > 203.0.113.1:80");
        assert!(
            text.contains("translated: TCP 198.51.100.7:40000 > 192.168.8.80:80"),
            "{text}"
        );
        assert!(
            text.contains("out fw-dmz") && text.contains("web holds: accept"),
            "{text}"
        );
        let text = said("fw-out tcp [2001:db8:99::7]:40000 > [2001:db8:8::80]:22");
        assert!(text.contains("does not hold"), "{text}");
        assert!(text.contains("so: drop"), "{text}");
        let text = said("fw-in icmp 192.168.7.10 > 198.51.100.7");
        assert!(text.contains("so: accept (levels)"), "{text}");
        let text = said("fw-in icmp 10.9.9.9 > 198.51.100.7");
        assert!(text.contains("the route to 10.9.9.9 is another"), "{text}");
        let text = said("fw-in tcp 192.168.7.10:4000 > 198.51.100.7:99 A");
        assert!(text.contains("cannot begin a session"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, why) in [
            ("fw-in tcp", "it is written"),
            ("fw-no tcp 10.0.0.1:1 > 10.0.0.2:2", "no interface fw-no"),
            ("fw-in tcp 10.0.0.1 > 10.0.0.2:2", "no ADDRESS:PORT"),
            ("fw-in udp 10.0.0.1:1 > [::1]:2", "two versions"),
            ("fw-in gre 10.0.0.1 > 10.0.0.2", "gre is none"),
            ("fw-in tcp 10.0.0.1:1 > 10.0.0.2:2 X", "X is no flag"),
            ("fw-in icmp 127.0.0.1 > 10.0.0.2", "Source"),
        ] {
            let text = said(line);
            assert!(text.contains(why), "{line}: {text}");
        }
    }
}
