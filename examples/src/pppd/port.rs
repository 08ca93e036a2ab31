//! The machine and the framing as one: octets in and out on one side, IP packets on the other. No socket, no clock.

use super::config::Secrets;
use core::fmt;
use core::time::Duration;
use packet_buffer::RandomSource;
use ppp_lcp_ncp::framing::{Decoder, DecoderStats, Encoder};
use ppp_lcp_ncp::link::{Link, LinkConfig, LinkConfigError, LinkDiscard, LinkEvent, SendError};
use ppp_lcp_ncp::wire::PppProtocol;
use ppp_lcp_ncp::{Instant, PacketBuf};
use testkit::pcapng::Direction;

/// A line that was quiet for so long may have been disturbed: the next frame begins with a flag of its own
/// (RFC 1662 §3.1 lets one flag stand between two frames).
const QUIET: Duration = Duration::from_millis(500);

/// Sees each PPP packet, with its direction.
pub type Tap = Box<dyn FnMut(Instant, Direction, &[u8]) + Send>;

/// An end of a link on a line of octets.
pub struct Port {
    link: Link,
    encoder: Encoder,
    decoder: Decoder,
    secrets: Secrets,
    tap: Option<Tap>,
    /// When octets were last made for the line.
    sent: Instant,
    /// Packets on their way from or to the link.
    packet: PacketBuf,
    data: PacketBuf,
}

impl Port {
    /// An end whose line is down.
    ///
    /// # Errors
    ///
    /// When the configuration cannot work.
    pub fn new(
        config: LinkConfig,
        secrets: Secrets,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        let mru = config.lcp.mru;
        Ok(Self {
            link: Link::new(config, random)?,
            encoder: Encoder::new(),
            decoder: Decoder::new(mru),
            secrets,
            tap: None,
            sent: Instant::ZERO,
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

    /// What the line's noise has done.
    pub const fn decoder_stats(&self) -> &DecoderStats {
        self.decoder.stats()
    }

    /// Takes octets of the line; `deliver` gets the IP packets in them, `discard` the reasons for those that were
    /// ignored.
    pub fn receive(
        &mut self,
        now: Instant,
        mut octets: &[u8],
        mut deliver: impl FnMut(PppProtocol, &[u8]),
        mut discard: impl FnMut(LinkDiscard),
    ) {
        loop {
            let before = self.errors();
            let frame = self.decoder.next_frame(&mut octets);
            let is_frame = frame.is_some();
            self.packet.clear();
            self.packet.append_slice(frame.unwrap_or_default());
            // What was lost came before the frame: header compression has to know first.
            for _ in before..self.errors() {
                self.link.line_error();
            }
            if !is_frame {
                return;
            }
            let frame = self.packet.as_slice();
            if let Some(tap) = &mut self.tap {
                tap(now, Direction::Inbound, frame);
            }
            match self.link.handle_input(now, frame, &mut self.data) {
                Ok(Some(protocol)) => deliver(protocol, self.data.as_slice()),
                Ok(None) => {}
                Err(why) => discard(why),
            }
            self.decoder.set_parameters(&self.link.receive_framing());
        }
    }

    /// Frames that came damaged.
    const fn errors(&self) -> u64 {
        let stats = self.decoder.stats();
        stats.bad_fcs + stats.aborted + stats.runts + stats.oversize
    }

    /// Appends the frame of an IP packet to `line`; `packet` is used up.
    ///
    /// # Errors
    ///
    /// When its protocol is not open, or it is too long for the peer.
    pub fn send(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        line: &mut PacketBuf,
    ) -> Result<(), SendError> {
        // The version is in the first four bits.
        let protocol = match packet.as_slice().first().map(|octet| octet >> 4) {
            Some(6) => PppProtocol::IPV6,
            _ => PppProtocol::IPV4,
        };
        self.link.encapsulate(now, protocol, packet)?;
        if let Some(tap) = &mut self.tap {
            tap(now, Direction::Outbound, packet.as_slice());
        }
        self.prepare(now);
        let framing = self.link.framing();
        self.encoder.encode(&framing, packet.as_slice(), line);
        Ok(())
    }

    /// Appends the frames of all control packets that are to be sent to `line`.
    pub fn poll_octets(&mut self, now: Instant, line: &mut PacketBuf) {
        while let Some(transmit) = self.link.poll_transmit(&mut self.packet) {
            if let Some(tap) = &mut self.tap {
                tap(now, Direction::Outbound, self.packet.as_slice());
            }
            self.prepare(now);
            self.encoder
                .encode(&transmit.framing, self.packet.as_slice(), line);
        }
    }

    fn prepare(&mut self, now: Instant) {
        if now - self.sent >= QUIET {
            self.encoder.idle();
        }
        self.sent = now;
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

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("link", &self.link)
            .field("decoder", self.decoder.stats())
            .finish_non_exhaustive()
    }
}
