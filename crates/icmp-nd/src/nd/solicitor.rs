//! When a host asks for routers (RFC 4861 §6.3.7, RFC 7559).

use super::config::SolicitationConfig;
use core::time::Duration;
use packet_buffer::{Instant, RandomSource};

/// The timer of Router Solicitations.
#[derive(Debug, Clone)]
pub(super) struct Solicitor {
    config: SolicitationConfig,
    sent: u8,
    interval: Duration,
    pub(super) deadline: Option<Instant>,
    /// One is to be sent.
    pub(super) pending: bool,
}

impl Solicitor {
    pub(super) const fn new(config: SolicitationConfig) -> Self {
        Self {
            config,
            sent: 0,
            interval: config.interval,
            deadline: None,
            pending: false,
        }
    }

    /// The interface has come up.
    // RFC 4861 §6.3.7 SHOULD (delay): the first solicitation waits for a random time.
    pub(super) fn start(&mut self, now: Instant, random: &mut dyn RandomSource) {
        self.stop();
        if self.config.enabled {
            self.deadline = Some(now + below(self.config.max_delay, random));
        }
    }

    /// A Router Advertisement with a router lifetime has come, or the interface has gone down.
    // RFC 7559 §2.1: solicitations go on until an advertisement with a router lifetime comes.
    pub(super) const fn stop(&mut self) {
        self.sent = 0;
        self.interval = self.config.interval;
        self.deadline = None;
        self.pending = false;
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, random: &mut dyn RandomSource) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        self.pending = true;
        self.sent = self.sent.saturating_add(1);
        match self.config.max {
            Some(max) if self.sent < max => self.deadline = Some(now + self.config.interval),
            Some(_) => {}
            None => {
                // RFC 7559 §2.1 MUST: intervals grow as those of RFC 8415 §15, from IRT 4 s to MRT 3600 s,
                // each off by a random tenth.
                let longest = self.config.max_interval.max(self.config.interval);
                let base = self.interval.min(longest);
                let factor = 900 + random.below(201);
                let interval = base.saturating_mul(factor) / 1000;
                self.interval = base.saturating_mul(2).min(longest);
                self.deadline = Some(now + interval.max(Duration::from_millis(1)));
            }
        }
    }
}

/// From no time at all to `longest`.
pub(super) fn below(longest: Duration, random: &mut dyn RandomSource) -> Duration {
    let micros = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    Duration::from_micros(u64::from(random.below(micros.saturating_add(1))))
}
