//! What LCP can say to the peer beside its negotiation.

use super::machine::Link;
use core::time::Duration;
use packet_buffer::Instant;

impl Link {
    /// Tells the peer what we are (RFC 1570 §2.1), for a person who looks for a fault. False while the
    /// line is down.
    pub fn send_identification(&mut self, message: &[u8]) -> bool {
        self.is_lower_layer_up && self.lcp.send_identification(message)
    }

    /// Tells the peer how long the session may last (RFC 1570 §2.2); `None` for ever. False while
    /// LCP is not open.
    pub fn send_time_remaining(&mut self, left: Option<Duration>) -> bool {
        self.lcp.send_time_remaining(left)
    }

    /// Sends something that the peer throws away, to try the line (RFC 1661 §5.9). False while LCP is
    /// not open.
    pub fn send_discard_request(&mut self, data: &[u8]) -> bool {
        self.lcp.send_discard_request(data)
    }

    /// How long the session may still last, where [`LinkConfig::session_timeout`](super::LinkConfig)
    /// limits it and the network phase has begun.
    pub fn time_remaining(&self, now: Instant) -> Option<Duration> {
        let end = self.timers.session?;
        Some(end.saturating_duration_since(now))
    }
}
