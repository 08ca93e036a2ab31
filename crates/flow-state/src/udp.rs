//! UDP: flows by timers alone.

use crate::{Timers, Verdict};
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::Instant;

/// The state of one UDP flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UdpFlow {
    /// Milliseconds, modulo 2^32: a flow is a stream long before they wrap.
    pub(crate) created: u32,
    pub(crate) is_replied: bool,
    pub(crate) is_stream: bool,
}

impl UdpFlow {
    /// A flow with packets both ways that is older than this is a stream.
    pub const STREAM_AGE: Duration = Duration::from_secs(2);

    /// A flow that starts now.
    #[inline]
    pub const fn new(now: Instant) -> Self {
        Self {
            created: milliseconds(now),
            is_replied: false,
            is_stream: false,
        }
    }

    /// Counts a packet in.
    #[inline]
    pub fn handle(&mut self, now: Instant, direction: Direction) -> Verdict {
        if direction == Direction::Reply {
            self.is_replied = true;
        }
        if self.is_replied && self.age(now) > Self::STREAM_AGE {
            self.is_stream = true;
        }
        Verdict::Accept
    }

    #[inline]
    const fn age(&self, now: Instant) -> Duration {
        let age = milliseconds(now).wrapping_sub(self.created);
        Duration::from_millis(age as u64)
    }

    /// Whether the other side has answered.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.is_replied
    }

    /// Whether packets have gone both ways for longer than [`STREAM_AGE`](Self::STREAM_AGE).
    #[inline]
    pub const fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// How long the flow lives from its last packet.
    #[inline]
    pub const fn timeout(&self, timers: &Timers) -> Duration {
        if self.is_stream {
            timers.udp_stream
        } else {
            timers.udp
        }
    }
}

/// The lower 32 bits of a time in milliseconds.
#[inline]
pub(crate) const fn milliseconds(now: Instant) -> u32 {
    let [a, b, c, d, ..] = now.as_millis().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
