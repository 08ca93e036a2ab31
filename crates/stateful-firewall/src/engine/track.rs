//! What is asked of every packet, and packets of sessions.

use super::config::HalfOpen;
use super::session::{DETAIL, Family, IMPORTED, IMPORTED_ORIGINAL, IMPORTED_REPLY};
use super::sync::crosses_mark;
use super::{
    Class, DropReason, EndReason, Firewall, Judged, LogCause, Logged, Path, SessionId, Verdict,
    facts, sanity,
};
use crate::compile::RuleId;
use core::time::Duration;
use flow_state::{Direction, FlowPacket, Ipv6FlowKey, Key, TcpPolicy, Transport};
use flow_table::Hint;
use packet_buffer::Instant;

impl Firewall {
    /// Everything from the whole packet to its verdict.
    #[inline(never)]
    pub(super) fn inspect(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
    ) -> Judged {
        let mut otherwise = Judged::pass(Verdict::Held);
        let passed = self.inspect_quickly(now, path, packet, None, &mut otherwise);
        passed.map_or(otherwise, Passed::judged)
    }

    /// The same, with what most packets need in line. `hint` may name the session. `None` when the packet does not
    /// just go on with its session; then `otherwise` says what becomes of it.
    // In one result with the verdicts and their reasons, what most packets come to would go through memory.
    #[inline(always)]
    pub(super) fn inspect_quickly(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        hint: Option<Hint>,
        otherwise: &mut Judged,
    ) -> Option<Passed> {
        if let Err(reason) = self.precheck(now, path, packet) {
            *otherwise = self.dropped(reason);
            return None;
        }
        match packet.transport() {
            Transport::IcmpError(error) => {
                *otherwise = self.related(now, path, packet, error);
                None
            }
            Transport::IcmpOther { .. } | Transport::LaterFragment => {
                *otherwise = self.stateless(now, path, packet);
                None
            }
            _ => match packet.key() {
                Key::V4(key) => self.follow(now, path, packet, key, hint, otherwise),
                Key::V6(key) => self.follow_v6(now, path, packet, key, hint, otherwise),
            },
        }
    }

    #[inline(never)]
    fn follow_v6(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: Ipv6FlowKey,
        hint: Option<Hint>,
        otherwise: &mut Judged,
    ) -> Option<Passed> {
        self.follow(now, path, packet, key, hint, otherwise)
    }

    /// What is asked of every packet, whatever its session.
    #[inline(always)]
    pub(super) fn precheck(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
    ) -> Result<(), DropReason> {
        self.config.check_packet(packet)?;
        if let Some(id) = path.ingress {
            let interface = self
                .policy
                .interfaces
                .get(usize::from(id.0))
                .ok_or(DropReason::Interface)?;
            sanity::source(interface, path, packet)?;
            if let Some(acl) = interface.acl_in {
                self.acl(now, path, packet, acl, true)?;
            }
        }
        if let Some(id) = path.egress {
            let interface = self
                .policy
                .interfaces
                .get(usize::from(id.0))
                .ok_or(DropReason::Interface)?;
            if interface.bogons && sanity::is_bogon(packet.key().destination()) {
                return Err(DropReason::Bogon(packet.key().destination()));
            }
            if let Some(acl) = interface.acl_out {
                self.acl(now, path, packet, acl, false)?;
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn acl(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        acl: usize,
        inbound: bool,
    ) -> Result<(), DropReason> {
        let facts = facts(&self.policy, path, packet).ok_or(DropReason::Interface)?;
        let Some(list) = self.policy.acls.get(acl) else {
            return Ok(());
        };
        let decision = list.decide(&facts);
        self.counters.acl(acl, decision.at, packet.len());
        let reason = if inbound {
            DropReason::AclIn(decision.entry)
        } else {
            DropReason::AclOut(decision.entry)
        };
        if decision.log {
            let logged = if decision.permit {
                Logged::Accepted
            } else {
                Logged::Dropped(reason)
            };
            self.log.packet(
                now,
                path,
                packet,
                LogCause::Acl(decision.entry),
                None,
                logged,
            );
        }
        if decision.permit { Ok(()) } else { Err(reason) }
    }

    // RFC 2979 §3 MUST (transparency): what belongs to a session passes, whatever options it has.
    // RFC 5961 §3.2 MUST (out-of-window): the tracker says invalid.
    // RFC 5961 §3.2 MUST (exact): the tracker closes.
    // RFC 5961 §3.2 MUST (in-window): the tracker ignores.
    // RFC 5961 §4.2 MUST (syn): the tracker ignores, or says invalid.
    // RFC 5961 §5.2 MUST (ack-range): the tracker says invalid.
    /// A packet that can have a session.
    #[inline(never)]
    pub(super) fn tracked<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
    ) -> Judged {
        let mut otherwise = Judged::pass(Verdict::Held);
        let passed = self.follow(now, path, packet, key, None, &mut otherwise);
        passed.map_or(otherwise, Passed::judged)
    }

    /// The same in line.
    #[inline(always)]
    fn follow<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
        hint: Option<Hint>,
        otherwise: &mut Judged,
    ) -> Option<Passed> {
        let found = K::table_mut(&mut self.tables).lookup_hinted(now, &key, hint);
        let Some((direction, mut flow)) = found else {
            *otherwise = self.begin(now, path, packet, key);
            return None;
        };
        let id = flow.id();
        let session = flow.value_mut();
        if self.config.bind_zones && !session.admission.fits(&self.policy, direction, path) {
            *otherwise = self.dropped(DropReason::WrongZone);
            return None;
        }
        let was_half_open = session.is_half_open();
        let state_before = session.tcp_state();
        let policy = if session.has(IMPORTED) {
            // Windows may have moved since the other node told of them.
            &TcpPolicy::Loose
        } else {
            &self.config.tcp
        };
        let verdict = session.state.handle(policy, now, direction, packet);
        let rule = session.rule();
        let detail = session.has(DETAIL);
        match verdict {
            flow_state::Verdict::Accept => {
                let timeout = session.state.timeout(&self.config.timers);
                let (half_open, class) = (session.is_half_open(), session.class());
                if session.has(IMPORTED) {
                    session.set(
                        match direction {
                            Direction::Original => IMPORTED_ORIGINAL,
                            Direction::Reply => IMPORTED_REPLY,
                        },
                        false,
                    );
                }
                let state_after = session.tcp_state();
                let timeout = if half_open {
                    adapt(&self.config.half_open, self.half_open, timeout)
                } else {
                    timeout
                };
                let (before, after) = (flow.deadline(), now + timeout);
                flow.set_deadline(after);
                let new_class = flow.class() != class;
                if new_class {
                    flow.set_class(class);
                }
                if was_half_open && !half_open {
                    self.half_open = self.half_open.saturating_sub(1);
                }
                if self.changes.is_on()
                    && (new_class
                        || state_before != state_after
                        || crosses_mark(before, after, timeout))
                {
                    self.tell::<K>(now, id);
                }
            }
            flow_state::Verdict::Ignore => {}
            flow_state::Verdict::Invalid(why) => {
                *otherwise = self.dropped(DropReason::Invalid(why));
                return None;
            }
            flow_state::Verdict::Reopen => {
                self.end::<K>(now, id, EndReason::Reopened);
                *otherwise = self.begin(now, path, packet, key);
                return None;
            }
            flow_state::Verdict::Delete => {
                self.end::<K>(now, id, EndReason::Reset);
            }
        }
        let session = K::session_id(id);
        self.counters.packet(rule, packet.len());
        self.records.packet(
            now,
            id,
            matches!(session, SessionId::V4(_)),
            direction,
            packet,
        );
        if detail && let Err(reason) = self.detail::<K>(now, id, direction, packet) {
            *otherwise = Judged {
                rule,
                ..self.dropped(reason)
            };
            return None;
        }
        Some(Passed {
            session,
            direction,
            mark: self.mark(rule),
            rule,
        })
    }
}

/// A packet of a session that goes on.
pub(super) struct Passed {
    session: SessionId,
    direction: Direction,
    mark: u32,
    rule: Option<RuleId>,
}

impl Passed {
    #[inline]
    pub(super) const fn verdict(&self) -> Verdict {
        Verdict::Accept {
            session: Some(self.session),
            class: Class::Established(self.direction),
            mark: self.mark,
        }
    }

    pub(super) fn judged(self) -> Judged {
        Judged {
            rule: self.rule,
            ..Judged::pass(self.verdict())
        }
    }
}

/// The timer of a half-open connection, shorter the more there are.
pub(super) fn adapt(half_open: &HalfOpen, count: usize, timeout: Duration) -> Duration {
    if count <= half_open.adaptive_from {
        return timeout;
    }
    let left = half_open.most.saturating_sub(count);
    let span = half_open
        .most
        .saturating_sub(half_open.adaptive_from)
        .max(1);
    let (left, span) = (
        u32::try_from(left).unwrap_or(u32::MAX),
        u32::try_from(span).unwrap_or(u32::MAX),
    );
    (timeout / span)
        .saturating_mul(left)
        .max(Duration::from_secs(1))
}
