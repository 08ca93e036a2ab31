//! How a pinger is set up.

use super::Pattern;
use crate::probe::Framing;
use core::net::IpAddr;
use core::time::Duration;
use thiserror::Error;

/// How a [`Pinger`](super::Pinger) is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingConfig {
    /// The time from one request to the next, per target; at least a microsecond. Default: 1 s.
    pub interval: Duration,
    /// The time after which a request counts as lost; at least a microsecond. An answer that comes
    /// later is still told, as late. Default: 2 s.
    pub timeout: Duration,
    /// Requests to each target; `None` for no end. Default: none.
    pub count: Option<u32>,
    /// The time after which everything ends, counted from the first target; `None` for no end.
    /// Default: none.
    pub deadline: Option<Duration>,
    /// Octets of data in a request, up to 65,507. With fewer than 8, answers are told by less than a
    /// whole token. Default: 56.
    pub payload_len: usize,
    /// What the data behind the token is. Default: counting octets.
    pub pattern: Pattern,
    /// The identifier of the requests; `None` draws one. ICMP datagram sockets of Linux set their own,
    /// which is their local port: give it here. Default: none.
    pub identifier: Option<u16>,
    /// Time to live or hop limit, not 0. Default: 64.
    pub hop_limit: u8,
    /// Differentiated services code point, 0 to 63. Default: 0.
    pub dscp: u8,
    /// Whether IPv4 requests must not be fragmented. Default: no.
    pub dont_fragment: bool,
    /// What is written. Default: whole IP packets.
    pub framing: Framing,
    /// Requests to a target that may be unanswered at a time, at least 1; the next one waits for an
    /// answer or a timeout. Default: 64.
    pub max_in_flight: usize,
    /// Requests to a target that are remembered, from `max_in_flight` to 32,768: so far back, late
    /// answers and duplicates are told. About 32 octets each. Default: 256.
    pub window: usize,
    /// The most targets. Default: 1,024.
    pub max_targets: usize,
    /// The time from the first request to one target to the first to the next. Default: none.
    pub stagger: Duration,
    /// Events that wait to be polled, at least 1; when there are more, the oldest is dropped and
    /// counted. Default: 1,024.
    pub max_events: usize,
}

impl Default for PingConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            count: None,
            deadline: None,
            payload_len: 56,
            pattern: Pattern::default(),
            identifier: None,
            hop_limit: 64,
            dscp: 0,
            dont_fragment: false,
            framing: Framing::IpPacket,
            max_in_flight: 64,
            window: 256,
            max_targets: 1_024,
            stagger: Duration::ZERO,
            max_events: 1_024,
        }
    }
}

impl PingConfig {
    pub(super) fn check(&self) -> Result<(), PingConfigError> {
        let micro = Duration::from_micros(1);
        if self.interval < micro {
            return Err(PingConfigError::Interval);
        }
        if self.timeout < micro {
            return Err(PingConfigError::Timeout);
        }
        if self.payload_len > 65_507 {
            return Err(PingConfigError::PayloadLen(self.payload_len));
        }
        if self.hop_limit == 0 {
            return Err(PingConfigError::HopLimit);
        }
        if self.dscp > 63 {
            return Err(PingConfigError::Dscp(self.dscp));
        }
        if self.max_in_flight == 0 {
            return Err(PingConfigError::MaxInFlight);
        }
        if self.window < self.max_in_flight || self.window > 32_768 {
            return Err(PingConfigError::Window(self.window));
        }
        if self.max_targets == 0 {
            return Err(PingConfigError::MaxTargets);
        }
        if self.max_events == 0 {
            return Err(PingConfigError::MaxEvents);
        }
        Ok(())
    }
}

/// Whom to ping, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The source of the requests. Where the kernel writes the IP header and the checksum, it does not
    /// matter, but for its version.
    pub source: IpAddr,
    /// Whom to ping. To a multicast or broadcast address, several may answer: every answer but the
    /// first to a request is told as a duplicate, with its source.
    pub destination: IpAddr,
}

impl Target {
    /// From `source` to `destination`.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self {
            source,
            destination,
        }
    }
}

/// Why a pinger cannot be made. Each names the field of [`PingConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PingConfigError {
    /// `interval` is under a microsecond.
    #[error("interval: it must be at least a microsecond")]
    Interval,
    /// `timeout` is under a microsecond.
    #[error("timeout: it must be at least a microsecond")]
    Timeout,
    /// `payload_len` is more than fits a packet.
    #[error("payload_len: {0} octets; it must be at most 65507")]
    PayloadLen(usize),
    /// `hop_limit` is 0.
    #[error("hop_limit: it must not be 0")]
    HopLimit,
    /// `dscp` has more than six bits.
    #[error("dscp: {0}; it must be from 0 to 63")]
    Dscp(u8),
    /// `max_in_flight` is 0.
    #[error("max_in_flight: it must be at least 1")]
    MaxInFlight,
    /// `window` is under `max_in_flight` or above 32,768.
    #[error("window: {0}; it must be from max_in_flight to 32768")]
    Window(usize),
    /// `max_targets` is 0.
    #[error("max_targets: it must be at least 1")]
    MaxTargets,
    /// `max_events` is 0.
    #[error("max_events: it must be at least 1")]
    MaxEvents,
}
