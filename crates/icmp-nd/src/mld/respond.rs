//! What a listener does about queries, and the timers of version 1.

use super::group::Asked;
use super::listener::{Compatibility, Listener, is_reported};
use super::v1::{V1Action, V1Event, v1_step};
use crate::wire::MldQuery;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;

impl Listener {
    pub(super) fn handle_query(&mut self, now: Instant, query: &MldQuery<'_>) {
        let delay = Duration::from_millis(query.max_response_delay().into());
        if query.version() == 1 {
            self.stats.queries_v1 += 1;
            // RFC 3810 §8.2.1 MUST (older): a query of version 1 sets the timer and the mode.
            // RFC 3810 §9.12 MUST: robustness times the query interval, and the response interval.
            let present = self.query_interval * u32::from(self.robustness) + delay;
            let until = now + present.max(Duration::from_millis(1));
            self.set_compatibility(Compatibility::V1 { until });
        } else {
            self.stats.queries_v2 += 1;
            // RFC 3810 §9.1 MUST (qrv): the querier's variable is taken over; 0 means the default.
            self.robustness = match query.robustness() {
                0 => self.config.robustness,
                robustness => robustness,
            };
            self.query_interval = match query.query_interval() {
                None | Some(0) => self.config.query_interval,
                Some(seconds) => Duration::from_secs(seconds.into()),
            };
        }
        if self.compatibility != Compatibility::V2 {
            self.answer_v1(now, query.group(), delay);
        } else {
            self.answer_v2(now, query, delay);
        }
    }

    // RFC 3810 §6.2 MUST (schedule): the five rules for when an answer is given.
    fn answer_v2(&mut self, now: Instant, query: &MldQuery<'_>, delay: Duration) {
        let group = query.group();
        let at = self.response_at(now, delay);
        if self.general_at.is_some_and(|general| general <= at) {
            return;
        }
        if group.is_unspecified() {
            let anything = self.groups.iter();
            let mut anything = anything.filter(|(group, _)| is_reported(**group));
            if anything.any(|(_, state)| !state.filter.is_none()) {
                self.general_at = Some(at);
            }
            return;
        }
        let limit = self.config.max_sources;
        let Some(state) = self.reported(group) else {
            return;
        };
        let mut sources: BTreeSet<Ipv6Addr> = query.sources().take(limit + 1).collect();
        let mut at = at;
        let old = state.pending.take();
        if let Some((before, asked)) = &old {
            at = at.min(*before);
            if sources.is_empty() || asked.sources.is_empty() {
                sources.clear();
            } else {
                sources.extend(&asked.sources);
            }
        }
        let too_many = sources.len() > limit;
        if too_many {
            sources.clear();
        }
        state.pending = Some((at, Asked { sources }));
        if let Some((before, _)) = old {
            self.pending.remove(&(before, group));
        }
        self.pending.insert((at, group));
        self.stats.query_source_limit += u64::from(too_many);
    }

    fn answer_v1(&mut self, now: Instant, group: Ipv6Addr, delay: Duration) {
        let groups: Vec<Ipv6Addr> = if group.is_unspecified() {
            self.groups.keys().copied().collect()
        } else {
            Vec::from([group])
        };
        for group in groups {
            let Some(state) = self.reported(group) else {
                continue;
            };
            let pending = state.pending.as_ref().map(|(at, _)| *at);
            let sooner = pending.is_some_and(|at| now + delay < at);
            self.v1_event(now, group, V1Event::QueryReceived { sooner }, Some(delay));
        }
    }

    /// Does what the table of version 1 says. `delay` is that of a query.
    pub(super) fn v1_event(
        &mut self,
        now: Instant,
        group: Ipv6Addr,
        event: V1Event,
        delay: Option<Duration>,
    ) {
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        let (next, actions) = v1_step(state.v1_state, event);
        state.v1_state = next;
        for action in actions {
            match action {
                V1Action::SendReport => {
                    self.due.insert(group);
                    if let Some(state) = self.groups.get_mut(&group) {
                        state.v1_report_due = true;
                    }
                }
                V1Action::SendDone => {
                    self.due.insert(group);
                    if let Some(state) = self.groups.get_mut(&group) {
                        state.v1_done_due = true;
                    }
                }
                V1Action::SetFlag | V1Action::ClearFlag => {
                    if let Some(state) = self.groups.get_mut(&group) {
                        state.v1_last_reporter = *action == V1Action::SetFlag;
                    }
                }
                V1Action::StartTimer | V1Action::ResetTimer => {
                    let at = match delay {
                        Some(delay) => self.response_at(now, delay),
                        None => {
                            let longest = self.config.v1_unsolicited_report_interval;
                            now + self.random_delay(longest)
                        }
                    };
                    self.set_v1_timer(group, Some(at));
                }
                V1Action::StopTimer => self.set_v1_timer(group, None),
            }
        }
    }

    fn set_v1_timer(&mut self, group: Ipv6Addr, at: Option<Instant>) {
        let Some(state) = self.groups.get_mut(&group) else {
            return;
        };
        let sources = BTreeSet::new();
        let old = core::mem::replace(&mut state.pending, at.map(|at| (at, Asked { sources })));
        if let Some((before, _)) = old {
            self.pending.remove(&(before, group));
        }
        if let Some(at) = at {
            self.pending.insert((at, group));
        }
    }

    /// When an answer is given that may take `delay`.
    fn response_at(&mut self, now: Instant, delay: Duration) -> Instant {
        // RFC 3810 §6.2 MUST (random): a random delay up to what the query says.
        let at = now + self.random_delay(delay);
        let interval = self.config.min_response_interval;
        let earliest = self.last_response.map(|last| last + interval);
        match earliest {
            Some(earliest) if earliest > at => {
                self.stats.delayed += 1;
                earliest
            }
            _ => at,
        }
    }
}
