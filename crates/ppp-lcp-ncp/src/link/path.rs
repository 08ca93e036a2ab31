//! Whether the path to the peer takes packets as large as the peer itself does (RFC 4638 §5.2): between the ends of a
//! PPPoE session there are switches that neither has asked.

use super::event::LinkEvent;
use super::machine::Link;
use packet_buffer::Instant;

/// Echo-Requests of one size until it is taken for too large. The Restart timer runs between them.
const TRIES: u32 = 3;

/// What the path is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// As much as the peer takes.
    Mru,
    /// As much as every path takes.
    Sure,
}

/// A test that runs.
#[derive(Debug, Clone, Copy)]
struct Test {
    size: Size,
    sent: u32,
    identifier: u8,
    deadline: Instant,
}

/// What is known of the path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Path {
    test: Option<Test>,
    /// Octets of information that it takes, when they are fewer than the peer does.
    limit: Option<u16>,
}

impl Path {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.test.map(|test| test.deadline)
    }
}

impl Link {
    /// Octets of information that arrive at the peer: as many as it takes, unless the path was found to take
    /// fewer.
    pub(super) fn reach(&self) -> u16 {
        let mru = self.lcp.peers().mru;
        self.path.limit.map_or(mru, |limit| limit.min(mru))
    }

    /// Begins to test the path, where it may not take what the peer does.
    // RFC 4638 §5.2 SHOULD (test): a session whose MRU is over 1492 is tested by Echo-Requests of that size.
    pub(super) fn begin_path_test(&mut self, now: Instant) {
        let mru = self.lcp.peers().mru;
        if self.config.mru_test.is_some_and(|sure| mru > sure) {
            self.test_path(now, Size::Mru, 1);
        }
    }

    fn test_path(&mut self, now: Instant, size: Size, sent: u32) {
        let octets = match (size, self.config.mru_test) {
            (Size::Sure, Some(sure)) => sure,
            _ => self.lcp.peers().mru,
        };
        // Nothing can be learned of a peer that rejects the code.
        let identifier = self.lcp.send_sized_echo_request(usize::from(octets));
        self.path.test = identifier.map(|identifier| {
            self.stats.path_tests += 1;
            Test {
                size,
                sent,
                identifier,
                deadline: now + self.config.ncp.restart_timer,
            }
        });
    }

    pub(super) fn path_timeout(&mut self, now: Instant) {
        let Some(test) = self.path.test.filter(|test| test.deadline <= now) else {
            return;
        };
        match test.size {
            size if test.sent < TRIES => self.test_path(now, size, test.sent + 1),
            // RFC 4638 §5.2 MAY (smaller): without a reply, the size that surely passes is tried.
            Size::Mru => self.test_path(now, Size::Sure, 1),
            // A peer that answers to neither says nothing about the path.
            Size::Sure => self.path.test = None,
        }
    }

    /// The peer has answered to an Echo-Request.
    // RFC 4638 §5.2 MUST NOT (bigger): when only the small ones are answered, nothing larger is sent.
    pub(super) fn path_echoed(&mut self, identifier: u8) {
        let Some(test) = self.path.test.filter(|test| test.identifier == identifier) else {
            return;
        };
        self.path.test = None;
        if let (Size::Sure, Some(octets)) = (test.size, self.config.mru_test) {
            self.path.limit = Some(octets);
            self.lcp.limit_sent(usize::from(octets));
            let room = self.control_room();
            self.networks.controls.set_peer_limit(room);
            self.protection.controls.set_peer_limit(room);
            self.push_event(LinkEvent::PathLimited { octets });
        }
    }
}
