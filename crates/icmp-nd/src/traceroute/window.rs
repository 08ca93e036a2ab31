//! The probes that are remembered.

use super::key::Keys;
use alloc::collections::VecDeque;
use packet_buffer::Instant;

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InFlight,
    TimedOut,
    Answered,
    /// Was too big, and sent again smaller.
    Superseded,
}

/// One probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) ttl: u8,
    /// Which probe of the hop it is, from 1.
    pub(super) number: u32,
    pub(super) flow: u16,
    /// Octets of the IP packet.
    pub(super) size: u16,
    /// The lower half of a TCP sequence number.
    pub(super) nonce: u16,
    pub(super) sent_at: Instant,
    pub(super) state: State,
}

/// Probes by serial number, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Window {
    keys: Keys,
    probes: VecDeque<Probe>,
    capacity: usize,
    /// The serial of the first probe in the window; probes are counted from 0.
    first: u32,
    /// Every probe before this one is resolved.
    oldest: u32,
    in_flight: usize,
}

impl Window {
    pub(super) fn new(keys: Keys, capacity: usize) -> Self {
        Self {
            keys,
            probes: VecDeque::new(),
            capacity,
            first: 0,
            oldest: 0,
            in_flight: 0,
        }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The serial that the next probe will have.
    pub(super) fn next_serial(&self) -> u32 {
        let length = u32::try_from(self.probes.len()).unwrap_or(u32::MAX);
        self.first.wrapping_add(length)
    }

    pub(super) fn key(&self, serial: u32) -> u16 {
        self.keys.key(serial)
    }

    /// Enters a probe in flight. The oldest makes room; it is never in flight, because fewer may be
    /// than the window has room for.
    pub(super) fn push(&mut self, probe: Probe) -> u32 {
        let serial = self.next_serial();
        while self.probes.len() >= self.capacity {
            if let Some(old) = self.probes.pop_front()
                && old.state == State::InFlight
            {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            self.first = self.first.wrapping_add(1);
        }
        self.probes.push_back(probe);
        self.in_flight += 1;
        self.advance();
        serial
    }

    /// The probe with a key, if it is remembered.
    pub(super) fn find(&self, key: u16) -> Option<(u32, Probe)> {
        let last = self.next_serial().checked_sub(1)?;
        let serial = last.checked_sub(self.keys.age(last, key)?)?;
        Some((serial, self.get(serial)?))
    }

    pub(super) fn get(&self, serial: u32) -> Option<Probe> {
        let at = usize::try_from(serial.wrapping_sub(self.first)).ok()?;
        self.probes.get(at).copied()
    }

    /// Notes what became of a probe.
    pub(super) fn resolve(&mut self, serial: u32, state: State) {
        let at = usize::try_from(serial.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(probe) = self.probes.get_mut(at) {
            if probe.state == State::InFlight {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            probe.state = state;
        }
        self.advance();
    }

    /// The oldest probe in flight. All have the same patience, so it times out first.
    pub(super) fn oldest_in_flight(&self) -> Option<(u32, Probe)> {
        if self.in_flight == 0 {
            return None;
        }
        Some((self.oldest, self.get(self.oldest)?))
    }

    /// Whether a probe to this hop or a nearer one is in flight.
    pub(super) fn waits_for(&self, ttl: u8) -> bool {
        let at = usize::try_from(self.oldest.wrapping_sub(self.first)).unwrap_or(0);
        self.in_flight > 0
            && self
                .probes
                .iter()
                .skip(at)
                .any(|probe| probe.state == State::InFlight && probe.ttl <= ttl)
    }

    /// Moves `oldest` to a probe in flight, or behind the last. A resolved probe is never in flight
    /// again, so it only moves forward.
    fn advance(&mut self) {
        while self.oldest != self.next_serial()
            && self
                .get(self.oldest)
                .is_none_or(|probe| probe.state != State::InFlight)
        {
            self.oldest = self.oldest.wrapping_add(1);
        }
    }
}
