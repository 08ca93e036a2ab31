//! Address conflict detection (RFC 5227).

use super::config::{ArpConfig, ConflictPolicy};
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, RandomSource};

/// How far an own address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnState {
    /// It is probed, and may not be used yet.
    Probing,
    /// It may be used.
    Assigned,
}

/// An address of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    address: Ipv4Addr,
    prefix: Ipv4Prefix,
    state: OwnState,
    /// Probes, or announcements, that are left to send.
    left: u8,
    /// When the next step is due.
    pub(super) deadline: Option<Instant>,
    /// When a conflict was last seen.
    conflict: Option<Instant>,
    /// When the address was last defended.
    defended: Option<Instant>,
}

/// What a step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A probe: a request with the unspecified address as sender.
    Probe,
    /// An announcement, and the address may be used from now on.
    AssignAndAnnounce,
    /// A further announcement.
    Announce,
}

/// What a conflict leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The address is another station's.
    GiveUp,
    /// One announcement.
    Defend,
    /// It was defended just now.
    Silent,
}

impl OwnAddress {
    pub(super) fn new(
        now: Instant,
        address: Ipv4Addr,
        prefix: Ipv4Prefix,
        not_before: Instant,
        config: &ArpConfig,
        random: &mut dyn RandomSource,
    ) -> Self {
        // RFC 5227 §2.1.1 MUST (wait): the first probe waits for a random time up to PROBE_WAIT.
        let delay = if config.probe {
            between(Duration::ZERO, config.probe_wait, random)
        } else {
            Duration::ZERO
        };
        Self {
            address,
            prefix,
            state: OwnState::Probing,
            left: if config.probe { config.probe_num } else { 0 },
            deadline: Some(now.max(not_before) + delay),
            conflict: None,
            defended: None,
        }
    }

    /// The address.
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The network that is on the link with it.
    pub const fn prefix(&self) -> Ipv4Prefix {
        self.prefix
    }

    /// How far it is.
    pub const fn state(&self) -> OwnState {
        self.state
    }

    /// Whether packets may have it as their source, and are for this host when they have it as their
    /// destination.
    pub const fn is_assigned(&self) -> bool {
        matches!(self.state, OwnState::Assigned)
    }

    /// The broadcast address of its network; `None` where there is none (RFC 3021).
    pub const fn broadcast(&self) -> Option<Ipv4Addr> {
        if self.prefix.length() >= 31 {
            None
        } else {
            Some(self.prefix.last())
        }
    }

    /// The step that is due.
    pub(super) fn step(
        &mut self,
        now: Instant,
        config: &ArpConfig,
        random: &mut dyn RandomSource,
    ) -> Option<Step> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return None;
        }
        let step = match (self.state, self.left) {
            (OwnState::Probing, 1..) => {
                self.left -= 1;
                // RFC 5227 §2.1.1 MUST (interval): from PROBE_MIN to PROBE_MAX, at random; and ANNOUNCE_WAIT
                // after the last one.
                let wait = if self.left == 0 {
                    config.announce_wait
                } else {
                    between(config.probe_min, config.probe_max, random)
                };
                self.deadline = Some(now + wait);
                Step::Probe
            }
            (OwnState::Probing, 0) => {
                self.state = OwnState::Assigned;
                self.left = config.announce_num.saturating_sub(1);
                self.schedule_announcement(now, config);
                Step::AssignAndAnnounce
            }
            (OwnState::Assigned, 0) => {
                self.deadline = None;
                return None;
            }
            (OwnState::Assigned, _) => {
                self.left -= 1;
                self.schedule_announcement(now, config);
                Step::Announce
            }
        };
        Some(step)
    }

    /// RFC 5227 §2.3: announcements are ANNOUNCE_INTERVAL apart.
    fn schedule_announcement(&mut self, now: Instant, config: &ArpConfig) {
        self.deadline = (self.left > 0).then(|| now + config.announce_interval);
    }

    /// Another station uses the address, or, while it is probed, probes it too.
    pub(super) fn conflict(&mut self, now: Instant, config: &ArpConfig) -> Verdict {
        let within = |moment: Option<Instant>| {
            moment.is_some_and(|moment| now - moment < config.defend_interval)
        };
        if self.state == OwnState::Probing {
            // RFC 5227 §2.1.1 MUST (conflict): the address must not be used.
            return Verdict::GiveUp;
        }
        let again = within(self.conflict.replace(now));
        match config.conflict_policy {
            ConflictPolicy::GiveUp => Verdict::GiveUp,
            // RFC 5227 §2.4 MUST (cease): with a second conflict within DEFEND_INTERVAL the address is
            // given up.
            ConflictPolicy::DefendOnce if again => Verdict::GiveUp,
            // RFC 5227 §2.4 MUST NOT (defend-interval): never more than one defence in DEFEND_INTERVAL.
            _ if within(self.defended) => Verdict::Silent,
            _ => {
                self.defended = Some(now);
                Verdict::Defend
            }
        }
    }
}

/// A random time from `low` to `high`.
fn between(low: Duration, high: Duration, random: &mut dyn RandomSource) -> Duration {
    let span = high.saturating_sub(low).as_micros();
    let span = u32::try_from(span).unwrap_or(u32::MAX);
    low + Duration::from_micros(u64::from(random.below(span.saturating_add(1))))
}
