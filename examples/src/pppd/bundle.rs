//! Several lines as one link: a multilink bundle (RFC 1990) with its run loop.

use super::config::{Secrets, Settings};
use super::line::{Got, Line, LineSpec};
use super::port::Outbox;
use super::report;
use super::run::{Stop, Teller, Telling, capture, wait_for_all};
use super::tun::Tun;
use anyhow::{Context as _, Result, bail};
use core::time::Duration;
use packet_buffer::random::OsRandom;
use ppp_lcp_ncp::framing::{Decoder, Encoder};
use ppp_lcp_ncp::link::{Link, LinkConfig, LinkEvent, LinkTransmit};
use ppp_lcp_ncp::multilink::{Bundle, BundleConfig, BundleEvent};
use ppp_lcp_ncp::wire::PppProtocol;
use ppp_lcp_ncp::{Instant, PacketBuf};
use rustix::event::PollFlags;
use serde_json::{Value, json};
use testkit::pcapng::Direction;

/// Octets that may wait for a line; the kernel's packets wait while there are more.
const MAX_WAITING: usize = 16 * 1024;
/// Packets of the kernel's in one turn.
const BATCH: usize = 16;
/// How long the end may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// A line, and the link on it until that joins the bundle.
struct Wire {
    line: Line,
    encoder: Encoder,
    decoder: Decoder,
    waiting: Outbox,
    link: Option<Box<Link>>,
    member: Option<usize>,
    is_over: bool,
    octets_sent: u64,
    octets_received: u64,
}

struct Live {
    bundle: Bundle,
    wires: Vec<Wire>,
    secrets: Secrets,
    tun: Option<Tun>,
    teller: Teller,
    tap: Option<super::port::Tap>,
    mtu: u16,
    was_up: bool,
}

/// Runs a bundle over these lines until all its links have ended or it is told to.
///
/// # Errors
///
/// When it cannot start, or never came up.
pub fn run(settings: Settings, telling: &Telling, stop: &Stop) -> Result<()> {
    let multilink = settings
        .link
        .lcp
        .multilink
        .context("several lines need [multilink]")?;
    let teller = Teller::new(telling);
    let tun = settings.tun.as_deref().map(Tun::new).transpose()?;
    let config = LinkConfig {
        hold_network: true,
        ..settings.link.clone()
    };
    let mut wires = Vec::new();
    for spec in &settings.lines {
        if matches!(spec, LineSpec::Ethernet(..)) {
            bail!("a bundle here is of lines that carry octets");
        }
        wires.push(Wire {
            line: Line::open(spec)?,
            encoder: Encoder::new(),
            decoder: Decoder::new(config.lcp.mru),
            waiting: Outbox::default(),
            link: Some(Box::new(Link::new(config.clone(), Box::new(OsRandom))?)),
            member: None,
            is_over: false,
            octets_sent: 0,
            octets_received: 0,
        });
    }
    let bundle = BundleConfig {
        link: settings.link,
        ..BundleConfig::default()
    };
    let tap = telling.capture.as_deref().map(capture).transpose()?;
    let mut live = Live {
        bundle: Bundle::new(bundle, Box::new(OsRandom))?,
        wires,
        secrets: settings.secrets,
        tun,
        tap,
        mtu: settings.mtu.min(multilink.mrru),
        was_up: false,
        teller,
    };
    live.teller.tell(&json!({
        "event": "started", "lines": settings.lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "device": live.tun.as_ref().map(Tun::name),
    }));
    live.run(stop)?;
    let stats = *live.bundle.stats();
    let wires: Vec<Value> = live
        .wires
        .iter()
        .map(|wire| json!({"sent": wire.octets_sent, "received": wire.octets_received}))
        .collect();
    live.teller.tell(&json!({
        "event": "stopped", "lines": wires, "packets": stats.packets, "fragments": stats.fragments,
        "ignored": stats.ignored, "not_carried": stats.not_carried,
    }));
    if !live.was_up {
        bail!("the bundle did not come up");
    }
    Ok(())
}

impl Live {
    fn run(&mut self, stop: &Stop) -> Result<()> {
        let now = self.teller.now();
        for wire in &mut self.wires {
            if let Some(link) = &mut wire.link {
                link.open(now);
                link.lower_up(now);
            }
        }
        let mut end = None;
        loop {
            let now = self.teller.now();
            if stop.is_asked() && end.is_none() {
                end = Some(now + FAREWELL);
                self.bundle.close(now);
                for wire in &mut self.wires {
                    if let Some(link) = &mut wire.link {
                        link.close(now);
                    }
                }
            }
            self.turn(now)?;
            let is_over = |wire: &Wire| wire.is_over && wire.waiting.is_empty();
            if self.wires.iter().all(is_over) || end.is_some_and(|end| now >= end) {
                return Ok(());
            }
            self.wait(now, end, stop)?;
            for index in 0..self.wires.len() {
                self.take_line(index)?;
            }
            self.take_kernel()?;
        }
    }

    fn turn(&mut self, now: Instant) -> Result<()> {
        for wire in &mut self.wires {
            if let Some(link) = &mut wire.link {
                link.handle_timeout(now);
            }
        }
        self.bundle.handle_timeout(now);
        self.events(now)?;
        self.transmit(now);
        for index in 0..self.wires.len() {
            let Some(wire) = self.wires.get_mut(index) else {
                break;
            };
            match wire.waiting.flush(&wire.line)? {
                Some(sent) => wire.octets_sent += sent,
                None => self.line_down(now, index),
            }
        }
        self.events(now)
    }

    fn line_down(&mut self, now: Instant, index: usize) {
        let Some(wire) = self.wires.get_mut(index) else {
            return;
        };
        wire.is_over = true;
        if let Some(link) = &mut wire.link {
            link.lower_down(now);
        }
        if let Some(member) = wire.member {
            self.bundle
                .with_link(now, member, |link| link.lower_down(now));
        }
    }

    fn events(&mut self, now: Instant) -> Result<()> {
        for (index, wire) in self.wires.iter_mut().enumerate() {
            let Some(link) = &mut wire.link else { continue };
            while let Some(event) = link.poll_event() {
                if let LinkEvent::SecretWanted { role, name } = &event {
                    link.provide_secret(now, *role, self.secrets.find(*role, name));
                    continue;
                }
                wire.is_over |= matches!(event, LinkEvent::Closed(_));
                tell_of(&self.teller, index, &event);
            }
            if !link.is_held() {
                continue;
            }
            let Some(link) = wire.link.take() else {
                continue;
            };
            match self.bundle.join(now, *link, 1) {
                Ok(member) => wire.member = Some(member),
                Err((why, mut link)) => {
                    self.teller.tell(&json!({
                        "event": "not-joined", "line": index, "reason": why.to_string(),
                    }));
                    link.close(now);
                    wire.link = Some(link);
                }
            }
        }
        while let Some(event) = self.bundle.poll_event() {
            self.on_bundle(now, event)?;
        }
        Ok(())
    }

    fn on_bundle(&mut self, now: Instant, event: BundleEvent) -> Result<()> {
        let line_of = |member| {
            self.wires
                .iter()
                .position(|wire| wire.member == Some(member))
        };
        match event {
            BundleEvent::Joined { member } => {
                self.was_up = true;
                let line = line_of(member);
                self.teller.tell(&json!({"event": "joined", "line": line}));
            }
            BundleEvent::Left { member } => {
                let line = line_of(member);
                self.teller.tell(&json!({"event": "left", "line": line}));
            }
            BundleEvent::Link { member, event } => {
                if let LinkEvent::SecretWanted { role, name } = &event {
                    let secret = self.secrets.find(*role, name);
                    self.bundle.with_link(now, member, |link| {
                        link.provide_secret(now, *role, secret);
                    });
                    return Ok(());
                }
                if let Some(index) = line_of(member) {
                    tell_of(&self.teller, index, &event);
                    if let (LinkEvent::Closed(_), Some(wire)) = (event, self.wires.get_mut(index)) {
                        wire.is_over = true;
                    }
                }
            }
            BundleEvent::Network(event) => {
                self.teller.tell(&report::event(&event));
                let Some(tun) = &self.tun else { return Ok(()) };
                match event {
                    LinkEvent::Ipv4Up(values) => {
                        tun.up(self.mtu)?;
                        if let Some(ours) = values.our_address {
                            tun.set_ipv4(ours, values.peer_address)?;
                        }
                    }
                    LinkEvent::Ipv6Up { ours, .. } => {
                        tun.up(self.mtu)?;
                        tun.set_ipv6(ours.link_local())?;
                    }
                    _ => {}
                }
            }
            other => {
                self.teller
                    .tell(&json!({"event": "bundle", "text": format!("{other:?}")}));
            }
        }
        Ok(())
    }

    fn transmit(&mut self, now: Instant) {
        let mut packet = PacketBuf::new();
        let tap = &mut self.tap;
        let mut put = |wire: &mut Wire, transmit: &LinkTransmit, packet: &PacketBuf| {
            if let Some(tap) = tap {
                tap(now, Direction::Outbound, packet.as_slice());
            }
            let mut frame = PacketBuf::new();
            wire.encoder
                .encode(&transmit.framing, packet.as_slice(), &mut frame);
            wire.waiting.push(frame);
        };
        for wire in &mut self.wires {
            while let Some(transmit) = wire
                .link
                .as_mut()
                .and_then(|link| link.poll_transmit(&mut packet))
            {
                put(wire, &transmit, &packet);
            }
        }
        while let Some((member, transmit)) = self.bundle.poll_transmit(&mut packet) {
            let mut wires = self.wires.iter_mut();
            if let Some(wire) = wires.find(|wire| wire.member == Some(member)) {
                put(wire, &transmit, &packet);
            }
        }
    }

    fn takes_packets(&self) -> bool {
        !self.bundle.is_empty()
            && self
                .wires
                .iter()
                .all(|wire| wire.waiting.len() < MAX_WAITING)
    }

    fn wait(&self, now: Instant, end: Option<Instant>, stop: &Stop) -> Result<()> {
        let links = self.wires.iter().filter_map(|wire| wire.link.as_ref());
        let due = links
            .filter_map(|link| link.poll_timeout())
            .chain(self.bundle.poll_timeout())
            .chain(end)
            .min();
        let lines: Vec<(&Line, PollFlags)> = self
            .wires
            .iter()
            .filter(|wire| !wire.is_over || !wire.waiting.is_empty())
            .map(|wire| {
                let mut events = PollFlags::IN;
                events.set(PollFlags::OUT, !wire.waiting.is_empty());
                (&wire.line, events)
            })
            .collect();
        let tun = self.tun.as_ref().filter(|_| self.takes_packets());
        wait_for_all(&lines, tun, now, due, stop)
    }

    fn take_line(&mut self, index: usize) -> Result<()> {
        let now = self.teller.now();
        let mut octets = [0; 16 * 1024];
        let Some(wire) = self.wires.get_mut(index) else {
            return Ok(());
        };
        let length = match wire.line.read(&mut octets)? {
            Got::Nothing => return Ok(()),
            Got::Hangup => {
                self.line_down(now, index);
                return Ok(());
            }
            Got::Octets(length) => length,
        };
        wire.octets_received += length as u64;
        let mut octets = octets.get(..length).unwrap_or_default();
        let mut data = PacketBuf::new();
        while let Some(frame) = wire.decoder.next_frame(&mut octets) {
            if let Some(tap) = &mut self.tap {
                tap(now, Direction::Inbound, frame);
            }
            let result = match (&mut wire.link, wire.member) {
                (Some(link), _) => link
                    .handle_input(now, frame, &mut data)
                    .map(drop)
                    .map_err(|why| why.to_string()),
                (None, Some(member)) => {
                    let result = self.bundle.handle_input(now, member, frame);
                    result.map_err(|why| why.to_string())
                }
                (None, None) => Ok(()),
            };
            if let Err(why) = result {
                tracing::debug!("ignored: {why}");
            }
            let link = wire.link.as_deref();
            let link = link.or_else(|| self.bundle.link(wire.member?));
            if let Some(link) = link {
                wire.decoder.set_parameters(&link.receive_framing());
            }
            // What comes next may be for the bundle already.
            if wire.link.as_ref().is_some_and(|link| link.is_held())
                && let Some(link) = wire.link.take()
            {
                match self.bundle.join(now, *link, 1) {
                    Ok(member) => wire.member = Some(member),
                    Err((_, link)) => wire.link = Some(link),
                }
            }
        }
        while self.bundle.poll_packet(&mut data).is_some() {
            if let Some(tun) = &self.tun {
                tun.write(data.as_slice())?;
            }
        }
        Ok(())
    }

    fn take_kernel(&mut self) -> Result<()> {
        let mut packet = PacketBuf::new();
        for _ in 0..BATCH {
            if !self.takes_packets() {
                break;
            }
            let Some(tun) = &mut self.tun else { break };
            if !tun.read(&mut packet)? {
                break;
            }
            let now = self.teller.now();
            let protocol = match packet.as_slice().first().map(|octet| octet >> 4) {
                Some(6) => PppProtocol::IPV6,
                _ => PppProtocol::IPV4,
            };
            if let Err(why) = self.bundle.send(now, protocol, packet.as_slice()) {
                tracing::debug!("not sent: {why}");
            }
            self.transmit(now);
        }
        Ok(())
    }
}

/// An event of the link on a line.
fn tell_of(teller: &Teller, line: usize, event: &LinkEvent) {
    let mut value = report::event(event);
    if let Some(object) = value.as_object_mut() {
        object.insert("line".to_owned(), line.into());
    }
    teller.tell(&value);
}
