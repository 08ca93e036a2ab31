//! Packets that wait for the link, and links that wait for packets.

use super::event::{CloseReason, LinkEvent, Phase, SendError};
use super::machine::Link;
use crate::automaton::State;
use crate::wire::PppProtocol;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use packet_buffer::Instant;

/// Network packets as they came, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    packets: VecDeque<(PppProtocol, Vec<u8>)>,
    octets: usize,
}

impl Queue {
    /// Takes out the first packet of a protocol that is open.
    pub(super) fn pop(
        &mut self,
        is_open: impl Fn(PppProtocol) -> bool,
    ) -> Option<(PppProtocol, Vec<u8>)> {
        let mut packets = self.packets.iter();
        let first = packets.position(|(protocol, _)| is_open(*protocol))?;
        let (protocol, packet) = self.packets.remove(first)?;
        self.octets -= packet.len();
        Some((protocol, packet))
    }

    /// Throws all away, and says how many there were.
    fn clear(&mut self) -> usize {
        self.octets = 0;
        let packets = self.packets.len();
        self.packets.clear();
        packets
    }
}

/// Whether, and since when, a link waits for packets.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// It may open when there is something to send.
    armed: bool,
    /// It has failed, and does not try again before this.
    holdoff_until: Option<Instant>,
}

impl Link {
    /// Sends a network packet by [`poll_transmit`](Self::poll_transmit), when the link lets it.
    ///
    /// With [`LinkConfig::on_demand`](super::LinkConfig::on_demand) a link that has been
    /// [opened](Self::open) begins to negotiate now, and keeps the packet meanwhile.
    ///
    /// # Errors
    ///
    /// [`SendError`], which is counted: the packet was not taken.
    pub fn send(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        packet: &[u8],
    ) -> Result<(), SendError> {
        let is_open = self.is_open(protocol);
        if !is_open {
            self.wake(now);
        }
        let waits =
            self.demand.armed && self.is_wanted() && self.networks.controls.has_data(protocol);
        if !is_open && !waits {
            self.stats.send_not_open += 1;
            return Err(SendError::NotOpen(protocol));
        }
        let (length, mru) = (packet.len(), self.mtu());
        if is_open && length > mru {
            self.stats.send_too_long += 1;
            return Err(SendError::TooLong { length, mru });
        }
        let config = self.config();
        if self.queue.packets.len() >= config.max_queued_packets
            || self.queue.octets + length > config.max_queued_octets
        {
            self.stats.send_queue_full += 1;
            return Err(SendError::QueueFull);
        }
        self.queue.octets += length;
        self.queue.packets.push_back((protocol, packet.to_vec()));
        Ok(())
    }

    /// Packets that wait to be sent, and their octets.
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.packets.len(), self.queue.octets)
    }

    /// Whether LCP is to open, or has.
    fn is_wanted(&self) -> bool {
        !matches!(
            self.lcp.state(),
            State::Initial | State::Closed | State::Closing
        )
    }

    /// The link is to open when there is something to send.
    pub(super) fn arm(&mut self) {
        self.demand.armed = true;
        self.demand.holdoff_until = None;
    }

    pub(super) fn disarm(&mut self) {
        self.demand.armed = false;
        self.drop_queue();
    }

    /// There is something to send: a link that waits for that begins.
    pub(super) fn wake(&mut self, now: Instant) {
        let waits = self.demand.armed && self.phase() == Phase::Dead && !self.is_wanted();
        if !waits {
            return;
        }
        let now = self.advance(now);
        if self.demand.holdoff_until.is_some_and(|until| now < until) {
            return;
        }
        self.demand.holdoff_until = None;
        self.push_event(LinkEvent::LineWanted);
        self.lcp.open(now);
        self.settle(now);
    }

    /// The link has ended: what waited for it goes, and the next packet may begin it anew, at once
    /// when it has ended for want of packets, and after a while when it has failed.
    pub(super) fn rearm(&mut self, reason: &CloseReason) {
        self.drop_queue();
        if !self.demand.armed {
            return;
        }
        let now = self.latest;
        self.lcp.close(now);
        let has_failed = !matches!(
            reason,
            CloseReason::IdleTimeout | CloseReason::SessionTimeout
        );
        self.demand.holdoff_until = has_failed.then(|| now + self.config().holdoff);
    }

    fn drop_queue(&mut self) {
        let dropped = u64::try_from(self.queue.clear()).unwrap_or(u64::MAX);
        self.stats.queue_dropped = self.stats.queue_dropped.saturating_add(dropped);
    }
}
