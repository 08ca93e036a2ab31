//! What tests of two ends do alike: let them talk, and let time pass.

use core::time::Duration;
use packet_buffer::Instant;
use ppp_lcp_ncp::link::Link;
use ppp_lcp_ncp::multilink::Bundle;

/// A machine with timers.
pub(crate) trait End {
    fn poll_timeout(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);
}

impl End for Link {
    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

impl End for Bundle {
    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

/// Two ends, and what is between them.
pub(crate) trait TwoEnds {
    type End: End;

    /// The time, and the ends.
    fn parts(&mut self) -> (&mut Instant, &mut [Self::End; 2]);

    /// Carries what an end has to send, and takes its events; whether there was anything.
    fn carry_from(&mut self, from: usize) -> bool;

    /// Lets both talk until nothing more happens.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if [0, 1].map(|from| self.carry_from(from)) == [false; 2] {
                return;
            }
        }
        panic!("no end of it");
    }

    /// Lets time pass, timer by timer.
    fn run(&mut self, time: Duration) {
        let until = *self.parts().0 + time;
        loop {
            let (now, ends) = self.parts();
            let next = ends.iter().filter_map(End::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                *now = until;
                return;
            };
            *now = next;
            for end in ends {
                end.handle_timeout(next);
            }
            self.settle();
        }
    }
}
