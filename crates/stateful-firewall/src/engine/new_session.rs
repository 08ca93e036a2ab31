//! Packets without a session: may they begin one?

use super::log::LogCause;
use super::session::{DETAIL, Family, GRANTED, LIMITED, Session};
use super::track::adapt;
use super::{
    Announced, Class, DropReason, EndReason, Event, Firewall, Judged, Limit, Path, SessionId,
    Verdict,
};
use crate::compile::{Decision, Reason, RuleId};
use crate::facts::Facts;
use crate::model::Action;
use flow_state::{FlowPacket, FlowState, Transport};
use flow_table::{NewFlow, Refusal};
use packet_buffer::Instant;
use packet_buffer::wire::TcpFlags;

impl Firewall {
    /// A packet that would begin a session.
    pub(super) fn begin<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
    ) -> Judged {
        if self.cookies.are_out(now)
            && let Some(judged) = self.finish_handshake(now, path, packet, key)
        {
            return judged;
        }
        let state = match FlowState::new(&self.config.tcp, now, packet) {
            Ok(state) => state,
            Err(why) => return self.dropped(DropReason::Invalid(why)),
        };
        let Some(facts) = self.facts(now, path, packet) else {
            return self.dropped(DropReason::Interface);
        };
        if let Some((_, _, announced)) = self.expectations.find(now, &key.to_key()) {
            let Announced { rule, opener } = *announced;
            if self.opener_fits(opener, path.ingress) {
                return self.begin_expected(now, path, packet, key, state, rule);
            }
        }
        let decision = self.decide(now, path, packet, &facts);
        let rule = decision.rule();
        let log = self.log_cause(&decision);
        match decision.action {
            Action::Accept => {}
            Action::Queue(queue) => {
                self.counters.hit(rule, packet.len());
                return Judged {
                    verdict: Verdict::Queue(queue),
                    rule,
                    log,
                };
            }
            Action::Reject => {
                self.counters.hit(rule, packet.len());
                self.answers.refuse(now, path, packet);
                return Judged {
                    verdict: Verdict::Reject(DropReason::Policy(decision.reason)),
                    rule,
                    log,
                };
            }
            Action::Drop | Action::Continue => {
                self.counters.hit(rule, packet.len());
                return Judged {
                    verdict: Verdict::Drop(DropReason::Policy(decision.reason)),
                    rule,
                    log,
                };
            }
        }
        let refused = |reason| Judged {
            rule,
            ..self.dropped(reason)
        };
        if let Transport::Tcp(segment) = packet.transport()
            && self.answers_handshake(rule)
        {
            if !segment.flags.contains(TcpFlags::SYN) {
                return refused(DropReason::SynProxy);
            }
            let verdict = self.send_cookie(now, path, packet, segment);
            return Judged { verdict, rule, log };
        }
        let session = Session::new(state, rule, path.ingress, path.egress, 0);
        match self.admit_and_read(now, packet, key, session) {
            Ok(verdict) => Judged { verdict, rule, log },
            Err(reason) => Judged {
                rule,
                ..self.dropped(reason)
            },
        }
    }

    /// Enters a session, and begins to read it where its rule says so.
    fn admit_and_read<K: Family>(
        &mut self,
        now: Instant,
        packet: &FlowPacket<'_>,
        key: K,
        mut session: Session,
    ) -> Result<Verdict, DropReason> {
        let detail = self.needs_detail(session.rule())?;
        // So that a standby is not told of a session before its reader has begun.
        session.set(DETAIL, detail);
        let verdict = self.admit_session(now, packet, key, session)?;
        if detail
            && let Verdict::Accept {
                session: Some(SessionId::V4(id) | SessionId::V6(id)),
                ..
            } = verdict
            && let Err(reason) = self.begin_detail::<K>(now, id, packet)
        {
            self.end::<K>(now, id, EndReason::Filtered);
            return Err(reason);
        }
        Ok(verdict)
    }

    /// What the rules say, with the rules on the way counted and logged.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        facts: &Facts,
    ) -> Decision {
        let (policy, counters, log) = (&self.policy, &mut self.counters, &mut self.log);
        policy.decide_with(facts, |rule| {
            counters.hit(Some(rule), packet.len());
            if policy.rule(rule).is_some_and(|rule| rule.log) {
                let logged = super::Logged::Noted;
                log.packet(now, path, packet, LogCause::Rule(rule), Some(rule), logged);
            }
        })
    }

    /// Whether, and as what, a decision is logged.
    pub(super) fn log_cause(&self, decision: &Decision) -> Option<LogCause> {
        match decision.reason {
            Reason::Rule(rule) => self
                .policy
                .rule(rule)
                .is_some_and(|rule| rule.log)
                .then_some(LogCause::Rule(rule)),
            _ => self.policy.log_default.then_some(LogCause::Default),
        }
    }

    /// A connection that a helper has announced.
    fn begin_expected<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
        state: FlowState,
        rule: Option<RuleId>,
    ) -> Judged {
        let session = Session::new(state, rule, path.ingress, path.egress, GRANTED);
        match self.insert(now, packet, key, session) {
            Ok(id) => {
                // Used once.
                self.expectations.take(now, &key.to_key());
                let verdict = Verdict::Accept {
                    session: Some(id),
                    class: Class::Related,
                    mark: self.mark(rule),
                };
                Judged {
                    rule,
                    ..Judged::pass(verdict)
                }
            }
            Err(reason) => Judged {
                rule,
                ..self.dropped(reason)
            },
        }
    }

    /// Holds a session to the limits of its rule, and enters it.
    pub(super) fn admit_session<K: Family>(
        &mut self,
        now: Instant,
        packet: &FlowPacket<'_>,
        key: K,
        mut session: Session,
    ) -> Result<Verdict, DropReason> {
        let rule = session.rule();
        if session.is_half_open() && self.half_open >= self.config.half_open.most {
            return Err(DropReason::Limit(Limit::HalfOpen));
        }
        let source = packet.key().source();
        if let Some(rule) = rule {
            let counted = self
                .limits
                .acquire(now, rule, source)
                .map_err(DropReason::Limit)?;
            session.set(LIMITED, counted);
        }
        let limited = session.has(LIMITED);
        match self.insert(now, packet, key, session) {
            Ok(id) => Ok(Verdict::Accept {
                session: Some(id),
                class: Class::New,
                mark: self.mark(rule),
            }),
            Err(reason) => {
                if let (true, Some(rule)) = (limited, rule) {
                    self.limits.release(rule, source);
                }
                Err(reason)
            }
        }
    }

    /// Enters a session into its table.
    pub(super) fn insert<K: Family>(
        &mut self,
        now: Instant,
        packet: &FlowPacket<'_>,
        key: K,
        session: Session,
    ) -> Result<SessionId, DropReason> {
        let half_open = session.is_half_open();
        let timeout = session.state.timeout(&self.config.timers);
        let timeout = if half_open {
            adapt(&self.config.half_open, self.half_open, timeout)
        } else {
            timeout
        };
        let new = NewFlow {
            original: key,
            reply: key.reply(),
            deadline: now + timeout,
            class: session.class(),
            value: session,
        };
        let inserted =
            K::table_mut(&mut self.tables)
                .insert(now, new)
                .map_err(|error| match error.reason {
                    // The keys were just found free; a clash can only be a packet to itself.
                    Refusal::Clash { .. } => DropReason::Land,
                    _ => DropReason::TableFull,
                })?;
        if let Some(evicted) = &inserted.evicted {
            let reason = if evicted.deadline <= now {
                EndReason::Expired
            } else {
                EndReason::Evicted
            };
            self.ended::<K>(now, evicted, reason);
        }
        if half_open {
            self.half_open += 1;
        }
        let id = K::session_id(inserted.id);
        self.counters.opened(session.rule(), packet.len());
        self.records.opened(now, inserted.id, id, packet);
        self.tell::<K>(now, inserted.id);
        if self.config.log_sessions {
            self.log.push(Event::SessionBegun {
                at: now,
                session: id,
                key: key.to_key(),
                rule: session.rule(),
            });
        }
        Ok(id)
    }

    /// Lets a packet pass that [`Verdict::Queue`] has handed to the caller, and begins its session
    /// without asking the rules again. Later packets of the session pass by themselves.
    ///
    /// Everything else is asked as by [`process`](Self::process). Fragments are refused: the caller
    /// has the whole packet.
    pub fn admit(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &packet_buffer::PacketBuf,
    ) -> Verdict {
        let now = self.advance(now);
        let view = match FlowPacket::parse(packet.as_slice()) {
            Ok(view) => view,
            Err(error) => return self.malformed(now, path, packet.len(), error),
        };
        let judged = if view.is_fragment() {
            self.dropped(DropReason::Fragment)
        } else {
            match view.key() {
                flow_state::Key::V4(key) => self.admit_key(now, path, &view, key),
                flow_state::Key::V6(key) => self.admit_key(now, path, &view, key),
            }
        };
        self.conclude(now, path, &view, &judged);
        judged.verdict
    }

    fn admit_key<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
    ) -> Judged {
        if let Err(reason) = self.precheck(now, path, packet) {
            return self.dropped(reason);
        }
        if K::table(&self.tables).find(now, &key).is_some() {
            return self.tracked(now, path, packet, key);
        }
        let state = match FlowState::new(&self.config.tcp, now, packet) {
            Ok(state) => state,
            Err(why) => return self.dropped(DropReason::Invalid(why)),
        };
        let session = Session::new(state, None, path.ingress, path.egress, GRANTED);
        match self.admit_session(now, packet, key, session) {
            Ok(verdict) => Judged::pass(verdict),
            Err(reason) => self.dropped(reason),
        }
    }

    /// A message that has no session: rules are asked about each.
    pub(super) fn stateless(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
    ) -> Judged {
        let Some(facts) = self.facts(now, path, packet) else {
            return self.dropped(DropReason::Interface);
        };
        let decision = self.decide(now, path, packet, &facts);
        let (rule, log) = (decision.rule(), self.log_cause(&decision));
        self.counters.hit(rule, packet.len());
        let reason = DropReason::Policy(decision.reason);
        let verdict = match decision.action {
            Action::Accept => Verdict::Accept {
                session: None,
                class: Class::Stateless,
                mark: self.mark(rule),
            },
            Action::Queue(queue) => Verdict::Queue(queue),
            Action::Reject => {
                self.answers.refuse(now, path, packet);
                Verdict::Reject(reason)
            }
            Action::Drop | Action::Continue => Verdict::Drop(reason),
        };
        Judged { verdict, rule, log }
    }
}
