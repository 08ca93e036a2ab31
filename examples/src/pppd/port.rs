//! The machine and what carries its packets as one: octets or frames in and out on one side, IP packets on the other.
//! No socket, no clock.

use super::config::Secrets;
use super::ethernet::{Pppoe, SessionEvent};
use super::line::{Got, Line};
use alloc::collections::VecDeque;
use anyhow::Result;
use core::fmt;
use core::time::Duration;
use packet_buffer::RandomSource;
use ppp_lcp_ncp::framing::{Decoder, Encoder, FramingParameters};
use ppp_lcp_ncp::link::{Link, LinkConfig, LinkConfigError, LinkDiscard, LinkEvent, SendError};
use ppp_lcp_ncp::wire::PppProtocol;
use ppp_lcp_ncp::{Instant, PacketBuf};
use testkit::pcapng::Direction;

/// A line that was quiet for so long may have been disturbed: the next frame begins with a flag of its own
/// (RFC 1662 §3.1 lets one flag stand between two frames).
const QUIET: Duration = Duration::from_millis(500);

/// Sees each PPP packet, with its direction.
pub type Tap = Box<dyn FnMut(Instant, Direction, &[u8]) + Send>;

/// What waits for the line.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Each is written at once where the line carries frames.
    chunks: VecDeque<PacketBuf>,
}

impl Outbox {
    /// Octets that wait.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(PacketBuf::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Adds a frame.
    pub fn push(&mut self, frame: PacketBuf) {
        self.chunks.push_back(frame);
    }

    /// Has octets added at the end of a buffer.
    fn octets(&mut self, add: impl FnOnce(&mut PacketBuf)) {
        let mut last = self.chunks.pop_back().unwrap_or_default();
        if last.len() >= 4096 {
            self.chunks.push_back(core::mem::take(&mut last));
        }
        add(&mut last);
        self.chunks.push_back(last);
    }

    /// Gives the line what it takes; how many octets those were. `None` when the line is gone.
    ///
    /// # Errors
    ///
    /// Those of the line.
    pub fn flush(&mut self, line: &Line) -> Result<Option<u64>> {
        let mut sent = 0;
        while let Some(chunk) = self.chunks.front_mut() {
            match line.write(chunk.as_slice())? {
                Got::Octets(length) => {
                    sent += length as u64;
                    chunk.trim_front(length);
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                }
                Got::Nothing => break,
                Got::Hangup => {
                    self.chunks.clear();
                    return Ok(None);
                }
            }
        }
        Ok(Some(sent))
    }

    /// Takes the first frame out, where the line carries frames; some octets otherwise.
    pub fn pop(&mut self) -> Option<PacketBuf> {
        self.chunks.pop_front()
    }

    /// Takes all octets out.
    pub fn take(&mut self) -> Vec<u8> {
        let chunks = self.chunks.drain(..);
        chunks.flat_map(|chunk| chunk.as_slice().to_vec()).collect()
    }
}

/// What carries the packets.
#[derive(Debug)]
enum Carrier {
    /// HDLC-like frames in a stream of octets.
    Octets(Box<Octets>),
    /// PPPoE.
    Ethernet(Pppoe),
}

#[derive(Debug)]
struct Octets {
    encoder: Encoder,
    decoder: Decoder,
    /// When octets were last made for the line.
    sent: Instant,
}

/// An end of a link on a line.
pub struct Port {
    link: Link,
    carrier: Carrier,
    secrets: Secrets,
    tap: Option<Tap>,
    /// Packets on their way from or to the link.
    packet: PacketBuf,
    data: PacketBuf,
}

impl Port {
    /// An end on a line of octets that is down.
    ///
    /// # Errors
    ///
    /// When the configuration cannot work.
    pub fn new(
        config: LinkConfig,
        secrets: Secrets,
        random: Box<dyn RandomSource + Send>,
    ) -> core::result::Result<Self, LinkConfigError> {
        let octets = Octets {
            encoder: Encoder::new(),
            decoder: Decoder::new(config.lcp.mru),
            sent: Instant::ZERO,
        };
        Self::on(Carrier::Octets(Box::new(octets)), config, secrets, random)
    }

    /// An end in a session of PPPoE.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn on_ethernet(
        pppoe: Pppoe,
        config: LinkConfig,
        secrets: Secrets,
        random: Box<dyn RandomSource + Send>,
    ) -> core::result::Result<Self, LinkConfigError> {
        Self::on(Carrier::Ethernet(pppoe), config, secrets, random)
    }

    fn on(
        carrier: Carrier,
        config: LinkConfig,
        secrets: Secrets,
        random: Box<dyn RandomSource + Send>,
    ) -> core::result::Result<Self, LinkConfigError> {
        Ok(Self {
            link: Link::new(config, random)?,
            carrier,
            secrets,
            tap: None,
            packet: PacketBuf::new(),
            data: PacketBuf::new(),
        })
    }

    /// Has each packet shown to `tap`, as it is on the line but for the framing.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// The link.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// The link, to tell it something.
    pub const fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Good frames of the line, and bad ones.
    pub fn frames(&self) -> (u64, u64) {
        match &self.carrier {
            Carrier::Octets(octets) => (octets.decoder.stats().frames, octets.errors()),
            Carrier::Ethernet(Pppoe::Client(client)) => (client.stats().delivered, 0),
            Carrier::Ethernet(Pppoe::Concentrator(concentrator, _)) => {
                (concentrator.stats().delivered, 0)
            }
        }
    }

    /// Looks for a concentrator, where the line is an Ethernet and this end the client; the link begins with
    /// the session.
    pub fn discover(&mut self, now: Instant) {
        if let Carrier::Ethernet(Pppoe::Client(client)) = &mut self.carrier {
            client.open(now);
        }
    }

    /// The session is given up: the other end is told, where there is a way to tell it.
    pub fn release_line(&mut self, now: Instant) {
        if let Carrier::Ethernet(pppoe) = &mut self.carrier {
            pppoe.close(now);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
        if let Carrier::Ethernet(pppoe) = &mut self.carrier {
            pppoe.handle_timeout(now);
        }
    }

    /// When that is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let line = match &self.carrier {
            Carrier::Octets(_) => None,
            Carrier::Ethernet(pppoe) => pppoe.poll_timeout(),
        };
        [self.link.poll_timeout(), line].into_iter().flatten().min()
    }

    /// Takes octets of the line, or a frame; `deliver` gets the IP packets in them, `discard` the reasons for those
    /// that were ignored.
    pub fn receive(
        &mut self,
        now: Instant,
        mut octets: &[u8],
        mut deliver: impl FnMut(PppProtocol, &[u8]),
        mut discard: impl FnMut(LinkDiscard),
    ) {
        loop {
            match &mut self.carrier {
                Carrier::Octets(line) => {
                    let before = line.errors();
                    let frame = line.decoder.next_frame(&mut octets);
                    let is_frame = frame.is_some();
                    self.packet.clear();
                    self.packet.append_slice(frame.unwrap_or_default());
                    // What was lost came before the frame: header compression has to know first.
                    for _ in before..line.errors() {
                        self.link.line_error();
                    }
                    if !is_frame {
                        return;
                    }
                }
                Carrier::Ethernet(pppoe) => {
                    let packet = pppoe.handle_input(now, core::mem::take(&mut octets));
                    while let Some(event) = pppoe.poll_event() {
                        match event {
                            SessionEvent::Opened { .. } => self.link.lower_up(now),
                            SessionEvent::Closed(_) => self.link.lower_down(now),
                        }
                    }
                    // Frames of others pass by on an Ethernet.
                    let Ok(Some(packet)) = packet else { return };
                    self.packet.clear();
                    self.packet.append_slice(packet);
                }
            }
            let packet = self.packet.as_slice();
            if let Some(tap) = &mut self.tap {
                tap(now, Direction::Inbound, packet);
            }
            match self.link.handle_input(now, packet, &mut self.data) {
                Ok(Some(protocol)) => deliver(protocol, self.data.as_slice()),
                Ok(None) => {}
                Err(why) => discard(why),
            }
            if let Carrier::Octets(line) = &mut self.carrier {
                line.decoder.set_parameters(&self.link.receive_framing());
            }
        }
    }

    /// Has an IP packet wait for the link, which begins if it waits for packets.
    ///
    /// # Errors
    ///
    /// When it does not, or too many packets wait.
    pub fn wait(
        &mut self,
        now: Instant,
        packet: &PacketBuf,
    ) -> core::result::Result<(), SendError> {
        let packet = packet.as_slice();
        self.link.send(now, protocol_of(packet), packet)
    }

    /// Puts the frame of an IP packet into `out`; `packet` is used up.
    ///
    /// # Errors
    ///
    /// When its protocol is not open, or it is too long for the peer.
    pub fn send(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        out: &mut Outbox,
    ) -> core::result::Result<(), SendError> {
        let protocol = protocol_of(packet.as_slice());
        self.link.encapsulate(now, protocol, packet)?;
        let framing = self.link.framing();
        self.put(now, &framing, packet, out);
        Ok(())
    }

    /// Puts the frames of all packets that the link has to send into `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Outbox) {
        let mut packet = PacketBuf::new();
        while let Some(transmit) = self.link.poll_transmit(&mut packet) {
            self.put(now, &transmit.framing, &mut packet, out);
        }
        if let Carrier::Ethernet(pppoe) = &mut self.carrier {
            pppoe.poll_transmit(out);
        }
    }

    fn put(
        &mut self,
        now: Instant,
        framing: &FramingParameters,
        packet: &mut PacketBuf,
        out: &mut Outbox,
    ) {
        if let Some(tap) = &mut self.tap {
            tap(now, Direction::Outbound, packet.as_slice());
        }
        match &mut self.carrier {
            Carrier::Octets(line) => {
                if now - line.sent >= QUIET {
                    line.encoder.idle();
                }
                line.sent = now;
                out.octets(|last| line.encoder.encode(framing, packet.as_slice(), last));
            }
            Carrier::Ethernet(pppoe) => match pppoe.encapsulate(packet) {
                Ok(()) => out.push(core::mem::take(packet)),
                Err(why) => tracing::debug!("not sent: {why}"),
            },
        }
    }

    /// What has happened, oldest first. Secrets are looked up on the way.
    pub fn poll_event(&mut self, now: Instant) -> Option<LinkEvent> {
        loop {
            match self.link.poll_event()? {
                LinkEvent::SecretWanted { role, name } => {
                    let secret = self.secrets.find(role, &name);
                    self.link.provide_secret(now, role, secret);
                }
                event => return Some(event),
            }
        }
    }
}

/// The version of IP is in the first four bits.
fn protocol_of(packet: &[u8]) -> PppProtocol {
    match packet.first().map(|octet| octet >> 4) {
        Some(6) => PppProtocol::IPV6,
        _ => PppProtocol::IPV4,
    }
}

impl Octets {
    /// Frames that came damaged.
    const fn errors(&self) -> u64 {
        let stats = self.decoder.stats();
        stats.bad_fcs + stats.aborted + stats.runts + stats.oversize
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("link", &self.link)
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}
