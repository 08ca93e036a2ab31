//! Sessions one by one, for those who look on.

use super::session::{DETAIL, Family, GRANTED, Session};
use super::{Firewall, SessionId};
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use flow_state::{Direction, FlowState, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::FlowId;
use packet_buffer::Instant;

/// A session as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Which.
    pub session: SessionId,
    /// Its first packet's addresses, protocol and ports.
    pub key: Key,
    /// The rule that it goes on under; none when levels, a helper or the caller let it begin.
    pub rule: Option<RuleId>,
    /// The interface that the original direction's packets come in by.
    pub ingress: Option<InterfaceId>,
    /// The interface that they go out by.
    pub egress: Option<InterfaceId>,
    /// The tracker's state.
    pub state: FlowState,
    /// Whether a helper or the caller let it begin, and no rule.
    pub granted: bool,
    /// Whether something reads it: a helper, a filter, or the firewall that answered its handshake.
    pub is_read: bool,
    /// When it ends if no packet comes.
    pub expires: Instant,
}

impl Firewall {
    /// A session; `None` when it has ended.
    pub fn session(&self, session: SessionId) -> Option<SessionInfo> {
        match session {
            SessionId::V4(id) => self.session_of::<Ipv4FlowKey>(id),
            SessionId::V6(id) => self.session_of::<Ipv6FlowKey>(id),
        }
    }

    fn session_of<K: Family>(&self, id: FlowId) -> Option<SessionInfo> {
        let flow = K::table(&self.tables).get(id)?;
        Some(info(flow.id, *flow.original, flow.value, flow.deadline))
    }

    /// All sessions, in no order.
    pub fn iter_sessions(&self) -> impl Iterator<Item = SessionInfo> + '_ {
        let v4 = self.tables.v4.iter();
        let v4 = v4.map(|flow| info(flow.id, *flow.original, flow.value, flow.deadline));
        let v6 = self.tables.v6.iter();
        v4.chain(v6.map(|flow| info(flow.id, *flow.original, flow.value, flow.deadline)))
    }
}

fn info<K: Family>(id: FlowId, key: K, session: &Session, expires: Instant) -> SessionInfo {
    SessionInfo {
        session: K::session_id(id),
        key: key.to_key(),
        rule: session.rule(),
        ingress: session.ingress(Direction::Original),
        egress: session.ingress(Direction::Reply),
        state: session.state,
        granted: session.has(GRANTED),
        is_read: session.has(DETAIL),
        expires,
    }
}
