//! The run loop: time jumps to the next deadline.

use super::medium::Arrival;
use super::{Network, NodeSlot};
use alloc::collections::BTreeMap;
use core::cmp::{Ordering, Reverse};
use core::fmt::{self, Write as _};
use core::time::Duration;
use packet_buffer::Instant;

/// A frame on its way through one of the media. The earliest is the least; of those that arrive at
/// the same moment, the one that was sent first.
pub(super) struct InFlight {
    sequence: u64,
    medium: usize,
    arrival: Arrival,
}

impl InFlight {
    fn key(&self) -> (Instant, u64) {
        (self.arrival.at, self.sequence)
    }
}

impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for InFlight {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for InFlight {}

/// Counts the calls that are made while time stands still.
pub(super) struct StandstillWatch {
    pub(super) limit: u64,
    calls: u64,
    /// Calls of each node in the second half of the limit, to tell who is to blame.
    busy: BTreeMap<usize, u64>,
}

impl Default for StandstillWatch {
    fn default() -> Self {
        Self {
            limit: 100_000,
            calls: 0,
            busy: BTreeMap::new(),
        }
    }
}

impl StandstillWatch {
    fn time_moved(&mut self) {
        self.calls = 0;
        self.busy.clear();
    }
}

/// What a run waited for has not come about within the limit.
#[derive(Clone, PartialEq, Eq)]
pub struct NotReached {
    /// The moment up to which it was waited for.
    pub limit: Instant,
    /// What was still going on then.
    pub outstanding: String,
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not reached by {}; {}", self.limit, self.outstanding)
    }
}

impl fmt::Debug for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for NotReached {}

/// What comes next; at the same moment, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Action,
    Frame,
    Timeout,
}

impl Network {
    /// Runs all that happens up to and at `until`, which becomes [`now`](Self::now). A moment that
    /// has passed already runs only what is due.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
        self.move_to(until);
    }

    /// Runs for `duration` from now on.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs until nothing is in flight, no node has a deadline and no action is scheduled; says
    /// when that was.
    ///
    /// # Errors
    ///
    /// When that has not come about by `limit`, which is then [`now`](Self::now).
    pub fn run_until_idle(&mut self, limit: Instant) -> Result<Instant, NotReached> {
        while self.step(limit) {}
        if self.next().is_none() {
            return Ok(self.now);
        }
        self.move_to(limit);
        Err(self.not_reached(limit))
    }

    /// Runs until `condition` holds, which is asked now and after each event; says when that was.
    ///
    /// # Errors
    ///
    /// When it does not hold by `limit`, which is then [`now`](Self::now).
    pub fn run_until_condition(
        &mut self,
        limit: Instant,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<Instant, NotReached> {
        loop {
            if condition(self) {
                return Ok(self.now);
            }
            if !self.step(limit) {
                break;
            }
        }
        self.move_to(limit);
        Err(self.not_reached(limit))
    }

    /// When the next thing happens; `None` when the network is idle. Nodes that were given commands
    /// since it last ran are not asked.
    pub fn next_event_at(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    /// Does the next thing, when it comes by `limit`.
    fn step(&mut self, limit: Instant) -> bool {
        loop {
            let next = self.next();
            // What arrives at this very moment may come before the polls; timeouts and whatever is
            // later may not.
            let more_now = next.is_some_and(|(at, kind)| at <= self.now && kind != Kind::Timeout);
            if !more_now && !self.unpolled.is_empty() {
                self.poll_all();
                continue;
            }
            let Some((at, kind)) = next else {
                return false;
            };
            if at > limit {
                return false;
            }
            self.move_to(at);
            match kind {
                Kind::Action => self.run_action(),
                Kind::Frame => self.deliver(),
                Kind::Timeout => self.time_out(),
            }
            return true;
        }
    }

    fn next(&self) -> Option<(Instant, Kind)> {
        let action = self.actions.keys().next();
        let frame = self.frames.peek();
        let timer = self.timers.first();
        [
            action.map(|&(at, _)| (at, Kind::Action)),
            frame.map(|Reverse(frame)| (frame.arrival.at, Kind::Frame)),
            timer.map(|&(at, _)| (at, Kind::Timeout)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn move_to(&mut self, at: Instant) {
        if at > self.now {
            self.now = at;
            self.standstill.time_moved();
        }
    }

    fn run_action(&mut self) {
        self.count_call(None);
        if let Some((_, action)) = self.actions.pop_first() {
            action(self);
        }
    }

    fn deliver(&mut self) {
        let Some(Reverse(first)) = self.frames.pop() else {
            return;
        };
        let InFlight {
            medium, arrival, ..
        } = first;
        let arrives = self.media[medium].arrives(&arrival);
        let station = &self.media[medium].stations[arrival.from];
        let stream = station.config.byte_stream;
        let joined;
        let frame = match stream {
            Some(stream) if arrives => {
                joined = self.join_octets(medium, &arrival, stream.max_chunk);
                &joined[..]
            }
            _ => &arrival.frame[..],
        };
        self.media[medium].count_arrival(arrival.from, frame.len(), arrives);
        if !arrives {
            return;
        }
        let end = self.media[medium].stations[arrival.to].end;
        let index = end.node.0;
        self.count_call(Some(index));
        let slot = &mut self.nodes[index];
        slot.counters.received += 1;
        let result = slot.checker.handle_input(self.now, end.port, frame);
        if let Some(trace) = &mut self.trace {
            let medium = &self.media[medium];
            let label = &medium.stations[arrival.to].label;
            let frame = hex::encode(frame);
            let _ = write!(trace, "{} {} {label} < {frame}", self.now, medium.name);
            if let Err(discarded) = &result {
                let _ = write!(trace, " ({discarded})");
            }
            trace.push('\n');
        }
        if let Err(discarded) = result {
            slot.counters.discarded += 1;
            slot.last_discard = Some(discarded.reason().to_owned());
        }
        let late = slot.checker.contract().late_polls;
        self.unpolled.insert(index);
        if !self.scheduler.chance(late) {
            self.poll(index);
        }
    }

    /// Joins to a piece of a byte stream those that arrive with it, as luck will have it.
    fn join_octets(&mut self, medium: usize, first: &Arrival, max_chunk: usize) -> Vec<u8> {
        let mut octets = first.frame.to_vec();
        while let Some(Reverse(next)) = self.frames.peek()
            && next.medium == medium
            && next.arrival.at == first.at
            && next.arrival.from == first.from
            && octets.len() + next.arrival.frame.len() <= max_chunk
            && self.media[medium].arrives(&next.arrival)
            && self.media[medium].coin(first.from)
        {
            if let Some(Reverse(next)) = self.frames.pop() {
                octets.extend_from_slice(&next.arrival.frame);
            }
        }
        octets
    }

    fn time_out(&mut self) {
        let Some((_, index)) = self.timers.pop_first() else {
            return;
        };
        self.count_call(Some(index));
        let slot = &mut self.nodes[index];
        slot.deadline = None;
        slot.counters.timeouts += 1;
        slot.checker.handle_timeout(self.now);
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "{} {} timeout", self.now, slot.checker.name());
        }
        self.poll(index);
    }

    /// Polls all nodes that were called and not polled since.
    fn poll_all(&mut self) {
        while let Some(&index) = self.unpolled.first() {
            self.poll(index);
        }
    }

    /// Sends what the node has to send, and notes its deadline.
    fn poll(&mut self, index: usize) {
        self.unpolled.remove(&index);
        let Self {
            nodes,
            media,
            now,
            frames,
            timers,
            sequence,
            trace,
            arrivals,
            record,
            ..
        } = self;
        let NodeSlot {
            checker,
            ports,
            deadline,
            counters,
            ..
        } = &mut nodes[index];
        let next = checker.settle(*now, |port, frame| {
            counters.transmitted += 1;
            let Some(&(medium, station)) = ports.get(&port) else {
                counters.unconnected += 1;
                return;
            };
            let medium_index = medium;
            let medium = &mut media[medium];
            record.begin(trace.is_some() || !medium.taps.is_empty());
            medium.send(*now, station, frame, arrivals, record);
            for tap in &medium.taps {
                tap.tap
                    .record(tap.interfaces[station], *now, &record.text, frame);
            }
            if let Some(trace) = trace {
                let label = &medium.stations[station].label;
                let frame = hex::encode(frame);
                let _ = write!(trace, "{now} {} {label} > {frame}", medium.name);
                if !record.text.is_empty() {
                    let _ = write!(trace, " ({})", record.text);
                }
                trace.push('\n');
            }
            for arrival in arrivals.drain(..) {
                *sequence += 1;
                frames.push(Reverse(InFlight {
                    sequence: *sequence,
                    medium: medium_index,
                    arrival,
                }));
            }
        });
        if next != *deadline {
            if let Some(old) = *deadline {
                timers.remove(&(old, index));
            }
            if let Some(new) = next {
                timers.insert((new, index));
            }
            *deadline = next;
        }
    }

    /// Counts a call of a node, or of a scheduled action.
    fn count_call(&mut self, node: Option<usize>) {
        let watch = &mut self.standstill;
        watch.calls += 1;
        if let Some(index) = node
            && watch.calls > watch.limit / 2
        {
            *watch.busy.entry(index).or_default() += 1;
        }
        if watch.calls > watch.limit {
            let mut busy: Vec<_> = watch.busy.iter().map(|(&i, &calls)| (calls, i)).collect();
            busy.sort_unstable_by_key(|&(calls, index)| (Reverse(calls), index));
            let names: Vec<_> = busy
                .iter()
                .take(4)
                .map(|&(calls, index)| {
                    format!("{:?} ({calls} calls)", self.nodes[index].checker.name())
                })
                .collect();
            panic!(
                "time stands still at {} after {} calls; the busiest nodes of late: {}",
                self.now,
                watch.limit,
                if names.is_empty() {
                    "none, actions only".to_owned()
                } else {
                    names.join(", ")
                }
            );
        }
    }

    fn not_reached(&self, limit: Instant) -> NotReached {
        let mut outstanding = format!("{} frames are in flight", self.frames.len());
        if let Some((&(at, _), _)) = self.actions.first_key_value() {
            let _ = write!(outstanding, ", the next action is at {at}");
        }
        match self.timers.first() {
            Some(&(at, index)) => {
                let name = self.nodes[index].checker.name();
                let _ = write!(outstanding, ", the next deadline is {at}, of {name:?}");
            }
            None => outstanding.push_str(", no node has a deadline"),
        }
        NotReached { limit, outstanding }
    }
}
