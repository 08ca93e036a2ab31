//! Link quality monitoring, from LCP's opening on.

use super::event::{CloseReason, LinkDiscard, LinkEvent, LinkTransmit};
use super::machine::Link;
use crate::framing::{Fcs, FramingParameters};
use crate::lqr::{LqrEvent, LqrMonitor, LqrPacket};
use crate::wire::{PppProtocol, PppRepr};
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};

impl Link {
    /// The monitoring of the link, where the Quality-Protocol was agreed on for one direction at
    /// least.
    pub const fn quality(&self) -> Option<&LqrMonitor> {
        self.quality.as_ref()
    }

    /// The line has lost a frame, or delivered a broken one. Header compression then goes on with care,
    /// and link quality reports tell the peer.
    pub fn line_error(&mut self) {
        self.stats.line_errors += 1;
        if let Some(decompressor) = &mut self.networks.vj.receive {
            decompressor.line_error();
        }
        if let Some(quality) = &mut self.quality {
            quality.count_error();
        }
    }

    /// LCP has opened.
    // RFC 1989 §2.5 MUST (receive): the option says which reports its sender wants to get.
    pub(super) fn begin_quality(&mut self, now: Instant) {
        let period = |hundredths: u32| Duration::from_millis(u64::from(hundredths) * 10);
        let send_every = self.lcp.peers().quality.map(period);
        let expect_every = self.lcp.ours().quality.map(period);
        self.quality = None;
        if send_every.is_some() || expect_every.is_some() {
            let config = self.config.quality;
            self.quality = LqrMonitor::new(now, config, send_every, expect_every).ok();
        }
    }

    pub(super) fn count_received(&mut self, octets: usize) {
        if self.quality.is_none() {
            return;
        }
        // The packet has its Address and Control fields, if it came with them.
        let octets = octets + trailer_len(&self.receive_framing());
        if let Some(quality) = &mut self.quality {
            quality.count_received(octets);
        }
    }

    pub(super) fn count_sent(&mut self, octets: usize, framing: &FramingParameters) {
        if let Some(quality) = &mut self.quality {
            quality.count_sent(octets + header_len(framing) + trailer_len(framing));
        }
    }

    /// A report has arrived. Reports pass as soon as LCP is open.
    pub(super) fn receive_quality(
        &mut self,
        now: Instant,
        information: &[u8],
    ) -> Result<(), LinkDiscard> {
        let magic = self.lcp.ours().magic;
        let Some(quality) = &mut self.quality else {
            return Err(LinkDiscard::NotNegotiated(PppProtocol::LQR));
        };
        quality.handle_input(now, information, magic)?;
        self.advance(now);
        Ok(())
    }

    pub(super) fn poll_quality(&mut self, out: &mut PacketBuf) -> Option<LinkTransmit> {
        let framing = self.framing();
        let magic = self.lcp.ours().magic;
        let frame = 2 + header_len(&framing) + trailer_len(&framing);
        let protocol = self.quality.as_mut()?.poll_transmit(out, magic, frame)?;
        debug_assert!(out.len() == LqrPacket::LEN);
        PppRepr::new(protocol).emit(out);
        Some(LinkTransmit { framing, protocol })
    }

    pub(super) fn quality_timeout(&mut self, now: Instant) {
        if let Some(quality) = &mut self.quality {
            quality.handle_timeout(now);
        }
    }

    /// Takes in what the monitoring tells; false when it tells nothing more.
    pub(super) fn settle_quality(&mut self, now: Instant) -> bool {
        let Some(event) = self.quality.as_mut().and_then(LqrMonitor::poll_event) else {
            return false;
        };
        let is_poor = event == LqrEvent::Poor;
        self.push_event(LinkEvent::Quality { is_poor });
        if is_poor && self.config.close_when_poor {
            self.end(now, CloseReason::PoorQuality);
        }
        true
    }
}

/// Octets of Address and Control.
fn header_len(framing: &FramingParameters) -> usize {
    if framing.address_and_control_field_compression {
        0
    } else {
        2
    }
}

/// Octets of the check sequence and of one flag.
// RFC 1989 §2.3 MUST (octets): what the check sequence counts, the check sequence, and one flag.
fn trailer_len(framing: &FramingParameters) -> usize {
    match framing.check_sequence() {
        Fcs::Bits32 => 5,
        _ => 3,
    }
}
