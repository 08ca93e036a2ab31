//! Two ends in one process, on a line in memory that is as slow and as bad as it is told to be: no root, no kernel.

use super::config::Settings;
use super::port::{Outbox, Port};
use super::report::{self, Traffic};
use crate::echo_host::{EchoHost, EchoHostConfig};
use alloc::collections::VecDeque;
use anyhow::{Context as _, Result, anyhow, ensure};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, IpProtocol, Ipv4Packet, Ipv4Repr,
};
use ppp_lcp_ncp::link::{CloseReason, LinkEvent};
use ppp_lcp_ncp::wire::PppProtocol;
use ppp_lcp_ncp::{Instant, PacketBuf};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use testkit::SeededRandom;
use testkit::pcapng::Direction;

mod dial;

/// How long an octet takes on the line: 115200 bits a second, ten of them an octet.
const OCTET: Duration = Duration::from_micros(87);
/// More time than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);
/// Of how many octets one is changed while the line is bad.
const NOISE: f64 = 300.0;
/// The addresses.
const ALICE_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const BOB_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// What a ping carries.
const PAYLOAD: [u8; 32] = *b"the quick brown fox jumps over a";

const ALICE: &str = "
    [link]
    echo-interval = 2
    echo-failures = 3
    [auth]
    name = 'alice'
    require = ['ms-chap-v2', 'chap-md5']
    allow = ['eap', 'chap-md5']
    [[secret]]
    name = 'alice'
    secret = 'wonderland'
    [[secret]]
    name = 'bob'
    secret = 'builder'
    [ipv4]
    address = '192.0.2.1'
    peer-address = '192.0.2.2'
    dns = ['192.0.2.53']
";

const BOB: &str = "
    [auth]
    name = 'bob'
    require = ['chap-md5']
    allow = ['chap-md5']
    [[secret]]
    name = 'alice'
    secret = 'wonderland'
    [[secret]]
    name = 'bob'
    secret = 'builder'
    [ipv4]
    request-dns = true
";

/// An end, and the host behind it.
struct End {
    port: Port,
    host: EchoHost,
    /// Octets on their way to this end, with the time when they are there.
    arriving: VecDeque<(Instant, u8)>,
    /// When the line towards this end is free again.
    free: Instant,
    pongs: u32,
    closed: Option<CloseReason>,
    /// Whether it has something to send, and no line.
    wants_line: bool,
}

/// How the line behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Noise,
    Cut,
}

struct Stage<'a> {
    alice: End,
    bob: End,
    now: Instant,
    weather: Weather,
    random: SeededRandom,
    packets: Receiver<Value>,
    out: &'a mut dyn Write,
    json: bool,
}

/// Plays the piece: a link comes up, carries pings, bears noise, is cut, and that is noticed. Another is dialled on
/// demand, and encrypted.
///
/// # Errors
///
/// When something in it does not happen as it should; and those of `out`.
pub fn simulate(out: &mut dyn Write, seed: u64, json: bool) -> Result<()> {
    let mut stage = Stage::new(ALICE, BOB, out, seed, json)?;
    stage.say(
        "Alice and Bob have a serial line at 115200 bits a second. Each demands a proof of the \
         other: Alice would like MS-CHAP-V2, which Bob does not do, so they settle on CHAP. Alice \
         has the addresses.",
    )?;
    for end in [&mut stage.alice, &mut stage.bob] {
        end.port.link_mut().open(Instant::ZERO);
        end.port.link_mut().lower_up(Instant::ZERO);
    }
    stage.until("the link comes up", |stage| {
        let open = |end: &End| {
            let link = end.port.link();
            link.is_open(PppProtocol::IPV4) && link.is_open(PppProtocol::IPV6)
        };
        open(&stage.alice) && open(&stage.bob)
    })?;
    stage.say("IPv4 and IPv6 are open. Bob pings Alice three times; her host answers.")?;
    stage.ping(3)?;
    stage.until("three answers", |stage| stage.bob.pongs == 3)?;
    stage.say(
        "Now the line is bad: of 300 octets one is wrong. Frames get lost, but none is taken for \
         good that is not: the check sequence sees to that. Twenty pings:",
    )?;
    stage.weather = Weather::Noise;
    stage.ping(20)?;
    let end = stage.now + Duration::from_secs(1);
    stage.until("a second more", |stage| stage.now >= end)?;
    let arrived = stage.bob.pongs - 3;
    let bad = stage.alice.port.frames().1 + stage.bob.port.frames().1;
    stage.say(&format!(
        "{arrived} of 20 were answered; {bad} frames were dropped."
    ))?;
    ensure!(arrived < 20 && bad > 0, "the noise has done nothing");
    stage.say(
        "The line is cut. Alice asks for an echo every two seconds; when three in a row stay \
         without an answer, she gives up.",
    )?;
    stage.weather = Weather::Cut;
    stage.until("Alice notices", |stage| stage.alice.closed.is_some())?;
    let closed = stage.alice.closed.clone();
    ensure!(closed == Some(CloseReason::EchoLost), "{closed:?}");
    stage.say("That is all. The counters:")?;
    let alice = report::counters("counters", &stage.alice.port, &Traffic::default());
    stage.tell("alice", &alice)?;
    let bob = report::counters("counters", &stage.bob.port, &Traffic::default());
    stage.tell("bob", &bob)?;
    dial::play(out, seed, json)
}

impl End {
    fn new(
        name: &'static str,
        config: &str,
        address: Ipv4Addr,
        random: &SeededRandom,
        packets: Sender<Value>,
    ) -> Result<Self> {
        let settings = Settings::parse(config, &[])?;
        let random = random.fork(name);
        let host = EchoHostConfig {
            addresses: vec![IpAddr::V4(address)],
            mtu: settings.mtu,
        };
        let host = EchoHost::new(host, &mut random.fork("host"))?;
        let mut port = Port::new(settings.link, settings.secrets, Box::new(random))?;
        port.set_tap(Box::new(move |now, direction, packet| {
            if direction == Direction::Outbound {
                let text = report::packet(packet);
                // Nobody listens any more when the piece is over.
                let _ = packets.send(json!({
                    "event": "sends", "end": name, "at_us": now.as_micros(), "packet": text,
                }));
            }
        }));
        Ok(Self {
            port,
            host,
            arriving: VecDeque::new(),
            free: Instant::ZERO,
            pongs: 0,
            closed: None,
            wants_line: false,
        })
    }

    /// Does what is due; octets for the other end are appended to `line`. What has happened.
    fn turn(&mut self, now: Instant, line: &mut Outbox) -> Result<Vec<Value>> {
        self.port.link_mut().handle_timeout(now);
        let mut octets = Vec::new();
        while let Some(&(at, octet)) = self.arriving.front()
            && at <= now
        {
            self.arriving.pop_front();
            octets.push(octet);
        }
        let mut packets = Vec::new();
        let deliver = |_, packet: &[u8]| packets.push(packet.to_vec());
        self.port.receive(now, &octets, deliver, drop);
        for packet in packets {
            if is_pong(&packet) {
                self.pongs += 1;
            } else {
                // What asks for nothing, and is nobody's error.
                let _ = self.host.handle_input(now, &packet);
            }
        }
        let mut events = Vec::new();
        while let Some(event) = self.port.poll_event(now) {
            if let LinkEvent::Closed(reason) = &event {
                self.closed = Some(reason.clone());
            }
            self.wants_line |= event == LinkEvent::LineWanted;
            events.push(report::event(&event));
        }
        self.port.poll_transmit(now, line);
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        while self.host.poll_transmit(&mut packet) {
            self.port.send(now, &mut packet, line)?;
            packet.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        Ok(events)
    }

    fn next(&self) -> Option<Instant> {
        let arrives = self.arriving.front().map(|(at, _)| *at);
        let due = self.port.link().poll_timeout();
        [arrives, due].into_iter().flatten().min()
    }
}

/// Bob's ping of Alice.
fn ping_packet(sequence_number: u16) -> Result<PacketBuf> {
    let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    packet.append_slice(&PAYLOAD);
    let request = Icmpv4Repr::EchoRequest {
        identifier: 1,
        sequence_number,
    };
    request.emit(&mut packet)?;
    Ipv4Repr::new(BOB_ADDRESS, ALICE_ADDRESS, IpProtocol::ICMP).emit(&mut packet)?;
    Ok(packet)
}

fn is_pong(packet: &[u8]) -> bool {
    Ipv4Packet::parse(packet)
        .and_then(|packet| Icmpv4Message::parse(packet.payload()))
        .is_ok_and(|message| {
            message.message_type() == Icmpv4Type::ECHO_REPLY && message.payload() == PAYLOAD
        })
}

impl<'a> Stage<'a> {
    fn new(alice: &str, bob: &str, out: &'a mut dyn Write, seed: u64, json: bool) -> Result<Self> {
        let random = SeededRandom::new(seed);
        let (sender, packets) = channel();
        Ok(Self {
            alice: End::new("alice", alice, ALICE_ADDRESS, &random, sender.clone())?,
            bob: End::new("bob", bob, BOB_ADDRESS, &random, sender)?,
            now: Instant::ZERO,
            weather: Weather::Fair,
            random: random.fork("noise"),
            packets,
            out,
            json,
        })
    }

    /// Plays on until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<()> {
        let end = self.now + LIMIT;
        loop {
            self.turn()?;
            if done(self) {
                return Ok(());
            }
            ensure!(self.now < end, "{what}: not within {LIMIT:?}");
            let next = [self.alice.next(), self.bob.next()];
            let next = next.into_iter().flatten().min();
            self.now = next.context("nothing is to happen any more")?.max(self.now);
        }
    }

    fn turn(&mut self) -> Result<()> {
        let mut line = Outbox::default();
        let events = self.alice.turn(self.now, &mut line)?;
        self.carry(true, &mut line);
        self.tell_all("alice", &events)?;
        let events = self.bob.turn(self.now, &mut line)?;
        self.carry(false, &mut line);
        self.tell_all("bob", &events)
    }

    /// Sends octets over the line, one after the other.
    fn carry(&mut self, to_bob: bool, line: &mut Outbox) {
        let end = if to_bob {
            &mut self.bob
        } else {
            &mut self.alice
        };
        for octet in line.take() {
            end.free = end.free.max(self.now) + OCTET;
            let noise = match self.weather {
                Weather::Fair => false,
                Weather::Noise => self.random.chance(1.0 / NOISE),
                Weather::Cut => continue,
            };
            // A bit is turned around.
            let octet = if noise { octet ^ 0x04 } else { octet };
            end.arriving.push_back((end.free, octet));
        }
    }

    /// Bob pings Alice, 20 milliseconds apart.
    fn ping(&mut self, count: u16) -> Result<()> {
        for sequence_number in 1..=count {
            let mut packet = ping_packet(sequence_number)?;
            let mut line = Outbox::default();
            self.bob.port.send(self.now, &mut packet, &mut line)?;
            self.carry(false, &mut line);
            let end = self.now + Duration::from_millis(20);
            while self.now < end {
                self.turn()?;
                let next = [self.alice.next(), self.bob.next()].into_iter().flatten();
                self.now = next.min().unwrap_or(end).clamp(self.now, end);
            }
        }
        Ok(())
    }

    fn tell_all(&mut self, end: &str, events: &[Value]) -> Result<()> {
        while let Ok(packet) = self.packets.try_recv() {
            let (name, text) = (packet.get("end"), packet.get("packet"));
            let (name, text) = (name.and_then(Value::as_str), text.and_then(Value::as_str));
            let (name, text) = name.zip(text).ok_or_else(|| anyhow!("a packet's text"))?;
            let now = self.now;
            if self.json {
                writeln!(self.out, "{packet}")?;
            } else {
                writeln!(self.out, "{now} {name} sends {text}")?;
            }
        }
        for event in events {
            self.tell(end, event)?;
        }
        Ok(())
    }

    fn tell(&mut self, end: &str, event: &Value) -> Result<()> {
        if self.json {
            let mut event = event.clone();
            if let Some(object) = event.as_object_mut() {
                object.insert("end".to_owned(), end.into());
                object.insert("at_us".to_owned(), self.now.as_micros().into());
            }
            writeln!(self.out, "{event}")?;
        } else {
            writeln!(self.out, "{} {end}: {}", self.now, report::to_text(event))?;
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<()> {
        if !self.json {
            let mut lines = vec![String::new()];
            for word in text.split(' ') {
                match lines.last_mut() {
                    Some(line) if line.len() + word.len() < 100 => {
                        if !line.is_empty() {
                            line.push(' ');
                        }
                        line.push_str(word);
                    }
                    _ => lines.push(word.to_owned()),
                }
            }
            writeln!(self.out, "\n{}\n", lines.join("\n"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_piece_is_played_to_its_end_with_many_seeds() {
        for seed in 1..30 {
            let mut out = Vec::new();
            simulate(&mut out, seed, false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("alice: closed: reason the peer does not answer to echoes"));
            assert!(!text.contains("wonderland") && !text.contains("builder"));
            assert_eq!(text.matches("bob: line-wanted").count(), 2);
            assert_eq!(text.matches("bob: closed: reason no packets").count(), 2);
            assert!(text.contains("alice: encryption-up: receive TripleDese, send TripleDese"));
        }
    }

    #[test]
    fn json_is_json() {
        let mut out = Vec::new();
        simulate(&mut out, 1, true).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value.get("event").is_some() && value.get("at_us").is_some());
        }
    }
}
