//! The link's own timers: echoes, idleness, the end of the session.

use core::time::Duration;
use packet_buffer::Instant;

/// Deadlines, each `None` when it does not run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timers {
    /// The next Echo-Request.
    pub(super) echo: Option<Instant>,
    /// The link has been idle for long.
    pub(super) idle: Option<Instant>,
    /// The session is over.
    pub(super) session: Option<Instant>,
}

impl Timers {
    /// The earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.echo, self.idle, self.session]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes a deadline that has come.
    pub(super) fn take_due(deadline: &mut Option<Instant>, now: Instant) -> bool {
        if deadline.is_some_and(|deadline| deadline <= now) {
            *deadline = None;
            true
        } else {
            false
        }
    }

    /// Something has passed: idleness begins anew.
    pub(super) fn used(&mut self, now: Instant, timeout: Option<Duration>) {
        if self.idle.is_some() {
            self.idle = timeout.map(|timeout| now + timeout);
        }
    }
}
