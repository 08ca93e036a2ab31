//! The listener of one interface.

use super::config::{
    ListenError, ListenerConfig, ListenerConfigError, ListenerDiscard, ListenerStats,
};
use super::group::{Asked, Filter, Group, Record};
use super::v1::{V1Event, V1State};
use crate::validation::ValidMld;
use crate::wire::{ALL_MLDV2_ROUTERS, ALL_NODES, ALL_ROUTERS, MldMessage, MldRepr};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Host Compatibility Mode (RFC 3810 §8.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Version 2 is spoken.
    V2,
    /// Version 1 is spoken, because a querier of version 1 is on the link.
    V1 {
        /// When the Older Version Querier Present timer runs out.
        until: Instant,
    },
}

/// The groups that an interface listens to, and what is said about them.
///
/// The calls of the machine contract; [`poll_transmit`](Self::poll_transmit) writes whole IPv6
/// packets. There are no events.
///
/// A group is listened to as the caller last said: several users of one group on one interface are
/// merged by the caller. Memory is bounded by [`ListenerConfig::max_groups`] and
/// [`ListenerConfig::max_sources`]; a group that was left counts until that has been told.
pub struct Listener {
    pub(super) config: ListenerConfig,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) stats: ListenerStats,
    now: Instant,
    source: Option<Ipv6Addr>,
    pub(super) compatibility: Compatibility,
    /// What queriers have told.
    pub(super) robustness: u8,
    pub(super) query_interval: Duration,
    pub(super) groups: BTreeMap<Ipv6Addr, Group>,
    /// Answers about a group, by their moment.
    pub(super) pending: BTreeSet<(Instant, Ipv6Addr)>,
    /// Groups of which something is to be sent now.
    pub(super) due: BTreeSet<Ipv6Addr>,
    /// The answer to a general query.
    pub(super) general_at: Option<Instant>,
    /// When changes are told again.
    repeat_at: Option<Instant>,
    /// When the last answer was given.
    pub(super) last_response: Option<Instant>,
}

impl Listener {
    /// A listener to nothing but all-nodes.
    ///
    /// # Errors
    ///
    /// The configuration contradicts itself.
    pub fn new(
        config: ListenerConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ListenerConfigError> {
        config.check()?;
        Ok(Self {
            robustness: config.robustness,
            query_interval: config.query_interval,
            config,
            random,
            stats: ListenerStats::default(),
            now: Instant::ZERO,
            source: None,
            compatibility: Compatibility::V2,
            groups: BTreeMap::new(),
            pending: BTreeSet::new(),
            due: BTreeSet::new(),
            general_at: None,
            repeat_at: None,
            last_response: None,
        })
    }

    /// The interface's link-local address, from which it speaks; `None` while it has none, when the
    /// unspecified address stands for it.
    // RFC 3590 §4 SHOULD (again): with a link-local address everything is reported once more.
    pub fn set_source(&mut self, now: Instant, source: Option<Ipv6Addr>) {
        let now = self.advance(now);
        let first = self.source.is_none() && source.is_some();
        self.source = source;
        if !first {
            return;
        }
        let groups: Vec<Ipv6Addr> = self.groups.keys().copied().collect();
        for group in groups {
            match self.compatibility {
                Compatibility::V2 => {
                    let robustness = self.robustness;
                    if let Some(state) = self.reported(group) {
                        state.mode_reports = robustness;
                        state.source_reports.clear();
                        state.change_due = true;
                    }
                    self.tell(now, group);
                }
                Compatibility::V1 { .. } => {
                    if let Some(state) = self.reported(group) {
                        state.v1_report_due = true;
                        self.due.insert(group);
                    }
                }
            }
        }
    }

    /// The link has gone down, or IPv6 is off: nothing is told any more, what queriers have said is
    /// forgotten, and the interface has no link-local address. The groups stay, and are told when there
    /// is one again.
    pub fn reset(&mut self) {
        self.set_compatibility(Compatibility::V1 {
            until: Instant::MAX,
        });
        self.set_compatibility(Compatibility::V2);
        self.robustness = self.config.robustness;
        self.query_interval = self.config.query_interval;
        (self.source, self.last_response) = (None, None);
    }

    /// Starts listening to all that is sent to a group.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
    pub fn join(&mut self, now: Instant, group: Ipv6Addr) -> Result<(), ListenError> {
        self.listen(now, group, Filter::ALL)
    }

    /// Stops listening to a group. Says whether the interface listened to it.
    pub fn leave(&mut self, now: Instant, group: Ipv6Addr) -> bool {
        let listens = self.filter(group).is_some();
        // Leaving is always possible: it takes no room.
        listens && self.listen(now, group, Filter::NONE).is_ok()
    }

    /// Listens to these sources of a group from now on.
    ///
    /// # Errors
    ///
    /// Nothing has changed, for the reason given.
    // RFC 3810 §6.1 MUST (report): a change of the state of the interface is told at once.
    pub fn listen(
        &mut self,
        now: Instant,
        group: Ipv6Addr,
        filter: Filter,
    ) -> Result<(), ListenError> {
        if !group.is_multicast() {
            return Err(ListenError::NotMulticast);
        }
        let no_unicast = |it: &Ipv6Addr| it.is_multicast() || it.is_unspecified();
        if filter.sources().iter().any(no_unicast) {
            return Err(ListenError::Source);
        }
        if filter.sources().len() > self.config.max_sources {
            self.stats.source_limit += 1;
            return Err(ListenError::SourceLimit);
        }
        let known = self.groups.contains_key(&group);
        if !known && filter.is_none() {
            return Ok(());
        }
        if !known && self.groups.len() >= self.config.max_groups {
            self.stats.group_limit += 1;
            return Err(ListenError::GroupLimit);
        }
        let now = self.advance(now);
        let (robustness, max_sources) = (self.robustness, self.config.max_sources);
        let state = self.groups.entry(group).or_insert(Group::new());
        if state.filter == filter {
            return Ok(());
        }
        let (started, stopped) = (state.filter.is_none(), filter.is_none());
        if !is_reported(group) {
            state.filter = filter;
        } else if self.compatibility == Compatibility::V2 {
            state.change(filter, robustness, max_sources);
            self.tell(now, group);
        } else {
            state.filter = filter;
            let last_reporter = state.v1_last_reporter;
            // Sources cannot be told in version 1.
            if stopped {
                self.v1_event(now, group, V1Event::StopListening { last_reporter }, None);
            } else if started {
                self.v1_event(now, group, V1Event::StartListening, None);
            }
        }
        self.drop_if_over(group);
        Ok(())
    }

    /// What is listened to of a group; `None` for nothing. All-nodes is listened to always.
    pub fn filter(&self, group: Ipv6Addr) -> Option<&Filter> {
        let filter = self.groups.get(&group).map(|state| &state.filter);
        filter.filter(|it| !it.is_none())
    }

    /// Whether packets of `source` to `group` are listened to.
    pub fn accepts(&self, group: Ipv6Addr, source: Ipv6Addr) -> bool {
        group == ALL_NODES || self.filter(group).is_some_and(|it| it.accepts(source))
    }

    /// The groups that are listened to, in ascending order, without all-nodes.
    pub fn groups(&self) -> impl Iterator<Item = (Ipv6Addr, &Filter)> {
        let groups = self
            .groups
            .iter()
            .map(|(group, state)| (*group, &state.filter));
        groups.filter(|(_, filter)| !filter.is_none())
    }

    /// Which version is spoken.
    pub const fn compatibility(&self) -> Compatibility {
        self.compatibility
    }

    /// What was counted.
    pub const fn stats(&self) -> &ListenerStats {
        &self.stats
    }

    /// A message has arrived that [`validation::mld`](crate::validation::mld) found valid.
    ///
    /// # Errors
    ///
    /// The message was ignored for the reason given, and nothing has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        message: &ValidMld<'_>,
    ) -> Result<(), ListenerDiscard> {
        let now = self.advance(now);
        match *message.message() {
            MldMessage::Query(query) => {
                self.handle_query(now, &query);
                Ok(())
            }
            MldMessage::Report { group } if self.compatibility != Compatibility::V2 => {
                let state = self.groups.get(&group).map(|it| it.v1_state);
                if state != Some(V1State::DelayingListener) {
                    self.stats.not_pending += 1;
                    return Err(ListenerDiscard::NotPending);
                }
                // RFC 2710 §4 MUST (suppress): another listener's report saves ours.
                self.stats.suppressed += 1;
                self.v1_event(now, group, V1Event::ReportReceived, None);
                Ok(())
            }
            _ => {
                self.stats.for_routers += 1;
                Err(ListenerDiscard::ForRouters)
            }
        }
    }

    /// Does all that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if matches!(self.compatibility, Compatibility::V1 { until } if until <= now) {
            // RFC 3810 §8.2.1 MUST (back): without an older querier version 2 is spoken again.
            self.set_compatibility(Compatibility::V2);
        }
        if due(self.general_at) {
            self.general_at = None;
            self.last_response = Some(now);
            for (&group, state) in &mut self.groups {
                if is_reported(group) && !state.filter.is_none() {
                    let sources = BTreeSet::new();
                    state.answer_due = Some(Asked { sources });
                    self.due.insert(group);
                }
            }
        }
        while let Some(&(at, group)) = self.pending.first().filter(|(at, _)| *at <= now) {
            self.pending.remove(&(at, group));
            self.last_response = Some(now);
            let Some(state) = self.groups.get_mut(&group) else {
                continue;
            };
            let asked = state.pending.take();
            if self.compatibility == Compatibility::V2 {
                state.answer_due = asked.map(|(_, asked)| asked);
                self.due.insert(group);
            } else {
                self.v1_event(now, group, V1Event::TimerExpired, None);
            }
        }
        if due(self.repeat_at) {
            self.repeat_at = None;
            let mut again = false;
            for (&group, state) in &mut self.groups {
                if state.has_changes() {
                    state.change_due = true;
                    again |= state.repeats();
                    self.due.insert(group);
                }
            }
            if again {
                self.schedule_repeat(now);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.first().map(|(at, _)| *at);
        let older = match self.compatibility {
            Compatibility::V1 { until } => Some(until),
            Compatibility::V2 => None,
        };
        let all = [self.general_at, self.repeat_at, pending, older];
        all.into_iter().flatten().min()
    }

    /// Writes the next packet to send into `out`, from the IPv6 header on, and says where it goes on
    /// the link; `None` when there is nothing to send.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<MacAddr> {
        let (repr, destination) = self.next_message()?;
        // RFC 3810 §5.2.13 MUST (source): a link-local address, or the unspecified one while there is none.
        let source = self.source.unwrap_or(Ipv6Addr::UNSPECIFIED);
        // The size of a report is bounded by the MTU: it cannot be too long.
        repr.emit_packet(out, source, destination).ok()?;
        match repr {
            MldRepr::ReportV2 { .. } => self.stats.reports_v2 += 1,
            MldRepr::Done { .. } => self.stats.dones += 1,
            _ => self.stats.reports_v1 += 1,
        }
        Some(MacAddr::for_ipv6_multicast(destination))
    }

    fn next_message(&mut self) -> Option<(MldRepr<'static>, Ipv6Addr)> {
        while let Some(&first) = self.due.first() {
            if self.compatibility == Compatibility::V2 {
                // Changes go before answers, each kind in packets of its own.
                let mut records = self.collect_records(true);
                if records.is_empty() {
                    records = self.collect_records(false);
                }
                if !records.is_empty() {
                    // RFC 3810 §5.2.14 MUST (destination): reports go to ff02::16.
                    return Some((MldRepr::ReportV2 { records }, ALL_MLDV2_ROUTERS));
                }
                continue;
            }
            let group = first;
            let state = self.groups.get_mut(&group);
            let report = state.as_ref().is_some_and(|it| it.v1_report_due);
            let done = state.as_ref().is_some_and(|it| it.v1_done_due);
            if let Some(state) = state {
                if report {
                    state.v1_report_due = false;
                } else {
                    state.v1_done_due = false;
                }
            }
            self.settle(group);
            if report {
                return Some((MldRepr::Report { group }, group));
            }
            if done {
                // RFC 2710 §3 MUST (done): a Done goes to all routers.
                return Some((MldRepr::Done { group }, ALL_ROUTERS));
            }
        }
        None
    }

    /// The records of changes, or of answers, of as many groups as fit a packet.
    fn collect_records(&mut self, changes: bool) -> Vec<Record> {
        let mut room = self.config.room();
        let mut records = Vec::new();
        let due: Vec<Ipv6Addr> = self.due.iter().copied().collect();
        for group in due {
            let Some(state) = self.groups.get_mut(&group) else {
                self.due.remove(&group);
                continue;
            };
            let wanted = if changes {
                state.change_due
            } else {
                state.answer_due.is_some()
            };
            if !wanted {
                self.settle(group);
                continue;
            }
            // What its records can take at most, so that nothing is told that does not fit.
            let sources = state.filter.sources().len() + state.source_reports.len();
            let asked = state.answer_due.as_ref().map_or(0, |it| it.sources.len());
            let most = 40 + 16 * sources.max(asked).min(self.config.max_sources);
            if most > room && !records.is_empty() {
                break;
            }
            let told = if changes {
                state.change_records(group)
            } else {
                state.answer(group).into_iter().collect()
            };
            for record in told {
                room = room.saturating_sub(record.wire_len());
                records.push(record);
            }
            self.settle(group);
        }
        records
    }

    /// Forgets that something of the group is due, or the group, when that is so.
    fn settle(&mut self, group: Ipv6Addr) {
        if !self.groups.get(&group).is_some_and(Group::is_due) {
            self.due.remove(&group);
        }
        self.drop_if_over(group);
    }

    fn drop_if_over(&mut self, group: Ipv6Addr) {
        if self.groups.get(&group).is_some_and(Group::is_over)
            && let Some(state) = self.groups.remove(&group)
        {
            self.due.remove(&group);
            if let Some((at, _)) = state.pending {
                self.pending.remove(&(at, group));
            }
        }
    }

    // RFC 3810 §8.2.1 MUST (cancel): a change of mode cancels all pending responses and repetitions.
    pub(super) fn set_compatibility(&mut self, compatibility: Compatibility) {
        let v2 = compatibility == Compatibility::V2;
        let changed = v2 != (self.compatibility == Compatibility::V2);
        self.compatibility = compatibility;
        if !changed {
            return;
        }
        self.pending.clear();
        self.due.clear();
        (self.general_at, self.repeat_at) = (None, None);
        for (&group, state) in &mut self.groups {
            state.cancel();
            state.v1_done_due = false;
            state.v1_state = if v2 || state.filter.is_none() || !is_reported(group) {
                V1State::NonListener
            } else {
                V1State::IdleListener
            };
        }
        self.groups.retain(|_, state| !state.is_over());
    }

    /// A change of the group is to be told: now, and again later.
    fn tell(&mut self, now: Instant, group: Ipv6Addr) {
        self.due.insert(group);
        // RFC 3810 §6.1 MUST (robustness): it is told Robustness Variable times in all.
        if self.groups.get(&group).is_some_and(Group::repeats) {
            self.schedule_repeat(now);
        }
    }

    fn schedule_repeat(&mut self, now: Instant) {
        // RFC 3810 §6.1 MUST (interval): at random, up to the Unsolicited Report Interval.
        let delay = self.random_delay(self.config.unsolicited_report_interval);
        let at = now + delay;
        self.repeat_at = Some(self.repeat_at.map_or(at, |before| before.min(at)));
    }

    /// The state of a group that is listened to and reported.
    pub(super) fn reported(&mut self, group: Ipv6Addr) -> Option<&mut Group> {
        let state = self.groups.get_mut(&group)?;
        (is_reported(group) && !state.filter.is_none()).then_some(state)
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// More than nothing, and `longest` at most; a microsecond when that is zero.
    pub(super) fn random_delay(&mut self, longest: Duration) -> Duration {
        let micros = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
        Duration::from_micros(u64::from(self.random.below(micros)) + 1)
    }
}

/// Whether routers are told about a group: neither all-nodes nor what does not leave the node.
// RFC 3810 §6 MUST (exempt): no message is sent about ff02::1, nor about scopes 0 and 1.
pub(super) fn is_reported(group: Ipv6Addr) -> bool {
    let [_, second, ..] = group.octets();
    group != ALL_NODES && second & 0x0f > 1
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("source", &self.source)
            .field("compatibility", &self.compatibility)
            .field("groups", &self.groups)
            .field("general_at", &self.general_at)
            .field("repeat_at", &self.repeat_at)
            .finish_non_exhaustive()
    }
}
