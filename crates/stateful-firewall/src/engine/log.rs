//! Events, and how many packets of one kind are worth one.

use super::config::FirewallConfig;
use super::limits::rate;
use super::records::{FlowLogRecord, SessionRecord};
use super::verdict::{DropReason, Path, SessionId, Verdict};
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec;
use flow_state::limits::{Rate, TokenBucket};
use flow_state::{FlowPacket, Key, Transport};
use packet_buffer::Instant;
use packet_buffer::wire::TcpFlags;

/// Under what a packet is logged; each has its own limit, so that a flood of one does not silence
/// the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogCause {
    /// A rule that says `log`.
    Rule(RuleId),
    /// An entry of an access list that says `log`, or the implicit denial at its end.
    Acl(Option<u16>),
    /// Levels, zones or groups.
    Default,
    /// Anything that no rule was asked about.
    Other(Trouble),
}

/// What can be wrong with a packet before rules are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// Headers, checksums, options, impossible addresses.
    Header,
    /// A source that does not live where the packet comes from.
    Spoofed,
    /// An interface or a zone that is not the packet's.
    Interface,
    /// It fits no session and begins none.
    Invalid,
    /// An ICMP error.
    Icmp,
    /// A limit, or the table is full.
    Limit,
    /// A fragment.
    Fragment,
    /// The application layer.
    Application,
}

const TROUBLES: usize = 8;

/// Which kind of trouble a reason is.
pub(super) const fn kind(reason: &DropReason) -> Trouble {
    match reason {
        DropReason::Malformed(_)
        | DropReason::Checksum(_)
        | DropReason::Options
        | DropReason::SourceRoute
        | DropReason::Martian(_)
        | DropReason::Land => Trouble::Header,
        DropReason::Bogon(_) | DropReason::ReversePath(_) => Trouble::Spoofed,
        DropReason::Invalid(_) | DropReason::SynProxy => Trouble::Invalid,
        DropReason::Unrelated | DropReason::BadQuote | DropReason::TooManyErrors => Trouble::Icmp,
        DropReason::Limit(_) | DropReason::TableFull => Trouble::Limit,
        DropReason::Fragment | DropReason::BadFragment(_) | DropReason::Fragments(_) => {
            Trouble::Fragment
        }
        DropReason::Application(_) => Trouble::Application,
        DropReason::Interface
        | DropReason::WrongZone
        | DropReason::AclIn(_)
        | DropReason::AclOut(_)
        | DropReason::Policy(_) => Trouble::Interface,
    }
}

/// What became of a logged packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It went on.
    Accepted,
    /// It was dropped.
    Dropped(DropReason),
    /// It was dropped, and its sender told.
    Rejected(DropReason),
    /// The caller has it.
    Queued(u16),
    /// A rule took note of it, and others decide.
    Noted,
}

impl Logged {
    /// As a verdict has it; `None` for what is not logged.
    pub(super) const fn of(verdict: &Verdict) -> Option<Self> {
        Some(match verdict {
            Verdict::Accept { .. } => Self::Accepted,
            Verdict::Drop(reason) => Self::Dropped(*reason),
            Verdict::Reject(reason) => Self::Rejected(*reason),
            Verdict::Queue(queue) => Self::Queued(*queue),
            Verdict::Held | Verdict::Consumed => return None,
        })
    }
}

/// A packet that was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketLog {
    /// When.
    pub at: Instant,
    /// Why it is logged.
    pub cause: LogCause,
    /// The rule of its session, or that decided about it.
    pub rule: Option<RuleId>,
    /// What became of it.
    pub logged: Logged,
    /// The interface that it came in by.
    pub ingress: Option<InterfaceId>,
    /// The interface that it was to go out by.
    pub egress: Option<InterfaceId>,
    /// Addresses, protocol and ports; `None` when they could not be read.
    pub key: Option<Key>,
    /// Octets of the packet.
    pub length: usize,
    /// Control bits of a TCP segment.
    pub tcp_flags: Option<TcpFlags>,
    /// Packets of the same cause that were not logged since the last that was.
    pub suppressed: u64,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A packet was logged.
    Packet(PacketLog),
    /// Packets of one cause were not logged for their number, and the flood is over.
    Suppressed {
        /// When it was over.
        at: Instant,
        /// Under what they would have been logged.
        cause: LogCause,
        /// How many since the last that was logged.
        count: u64,
    },
    /// A session began.
    SessionBegun {
        /// When.
        at: Instant,
        /// Which.
        session: SessionId,
        /// Its first packet's addresses, protocol and ports.
        key: Key,
        /// The rule that let it begin.
        rule: Option<RuleId>,
    },
    /// A session ended.
    SessionEnded(SessionRecord),
    /// A line of the flow log.
    FlowLog(FlowLogRecord),
}

#[derive(Debug, Clone, Copy, Default)]
struct Source {
    bucket: TokenBucket,
    suppressed: u64,
}

pub(super) struct Log {
    rate: Rate,
    rules: Box<[Source]>,
    others: [Source; TROUBLES + 2],
    /// Who has suppressed something, by when its limit is free again.
    silent: BTreeSet<(Instant, LogCause)>,
    events: VecDeque<Event>,
    capacity: usize,
    lost: u64,
    suppressed: u64,
}

impl Log {
    pub(super) fn new(config: &FirewallConfig, rules: usize) -> Self {
        Self {
            rate: rate(&config.log),
            rules: vec![Source::default(); rules].into_boxed_slice(),
            others: [Source::default(); TROUBLES + 2],
            silent: BTreeSet::new(),
            events: VecDeque::new(),
            capacity: config.events,
            lost: 0,
            suppressed: 0,
        }
    }

    /// Forgets about the rules of an old policy.
    pub(super) fn reload(&mut self, rules: usize) {
        self.rules = vec![Source::default(); rules].into_boxed_slice();
        self.silent
            .retain(|(_, cause)| !matches!(cause, LogCause::Rule(_)));
    }

    pub(super) fn push(&mut self, event: Event) {
        if self.events.len() < self.capacity {
            self.events.push_back(event);
        } else {
            self.lost = self.lost.wrapping_add(1);
        }
    }

    fn source(&mut self, cause: LogCause) -> Option<&mut Source> {
        let place = match cause {
            LogCause::Rule(rule) => return self.rules.get_mut(rule.0 as usize),
            LogCause::Acl(_) => TROUBLES,
            LogCause::Default => TROUBLES + 1,
            LogCause::Other(trouble) => trouble as usize,
        };
        self.others.get_mut(place)
    }

    /// Whether a packet of this cause is logged, and how many were not since the last.
    // C3.10: what is logged never has a say in the verdict, and a flood costs one counter a packet.
    fn admit(&mut self, now: Instant, cause: LogCause) -> Option<u64> {
        let cause = match cause {
            LogCause::Acl(_) => LogCause::Acl(None),
            cause => cause,
        };
        let rate = self.rate;
        let source = self.source(cause)?;
        if source.bucket.take(now, &rate) {
            let suppressed = core::mem::take(&mut source.suppressed);
            return Some(suppressed);
        }
        source.suppressed += 1;
        let (first, free_at) = (source.suppressed == 1, source.bucket.full_at());
        if first {
            self.silent.insert((free_at, cause));
        }
        self.suppressed = self.suppressed.wrapping_add(1);
        None
    }

    /// Logs a packet, if its cause is not over its limit.
    pub(super) fn packet(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        cause: LogCause,
        rule: Option<RuleId>,
        logged: Logged,
    ) {
        let Some(suppressed) = self.admit(now, cause) else {
            return;
        };
        let tcp_flags = match packet.transport() {
            Transport::Tcp(segment) => Some(segment.flags),
            _ => None,
        };
        self.push(Event::Packet(PacketLog {
            at: now,
            cause,
            rule,
            logged,
            ingress: path.ingress,
            egress: path.egress,
            key: Some(packet.key()),
            length: packet.len(),
            tcp_flags,
            suppressed,
        }));
    }

    /// Logs a packet whose headers could not be read.
    pub(super) fn unreadable(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        length: usize,
        verdict: Verdict,
    ) {
        let cause = LogCause::Other(Trouble::Header);
        let (Some(logged), Some(suppressed)) = (Logged::of(&verdict), self.admit(now, cause))
        else {
            return;
        };
        self.push(Event::Packet(PacketLog {
            at: now,
            cause,
            rule: None,
            logged,
            ingress: path.ingress,
            egress: path.egress,
            key: None,
            length,
            tcp_flags: None,
            suppressed,
        }));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, cause)) = self.silent.first()
            && at <= now
        {
            self.silent.pop_first();
            let Some(source) = self.source(cause) else {
                continue;
            };
            let free_at = source.bucket.full_at();
            if source.suppressed == 0 {
                continue;
            }
            if free_at > now {
                // Still busy: look again later.
                self.silent.insert((free_at, cause));
                continue;
            }
            let count = core::mem::take(&mut source.suppressed);
            self.push(Event::Suppressed {
                at: now,
                cause,
                count,
            });
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.silent.first().map(|(at, _)| *at)
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Events that found no room, and packets that were not logged.
    pub(super) const fn lost(&self) -> (u64, u64) {
        (self.lost, self.suppressed)
    }
}
