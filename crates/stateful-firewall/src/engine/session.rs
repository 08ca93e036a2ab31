//! A session: what a table's entry holds.

use super::admission::Admission;
use super::verdict::SessionId;
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use flow_state::{FlowState, Ipv4FlowKey, Ipv6FlowKey, Key, TcpState};
use flow_table::{Direction, FlowId, FlowKey, FlowTable};

/// The state of a session and what it has to do with the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) state: FlowState,
    pub(super) admission: Admission,
}

/// A helper, a filter or the SYN proxy keeps more about the session elsewhere.
pub(crate) const DETAIL: u64 = 1;
/// A helper expected the session; or the caller admitted it.
pub(crate) const GRANTED: u64 = 1 << 1;
/// The session counts against a limit of its rule.
pub(crate) const LIMITED: u64 = 1 << 2;
/// Another node has told of the session, and no segment of the original direction has come since.
pub(crate) const IMPORTED_ORIGINAL: u64 = 1 << 3;
/// The same of the reply direction.
pub(crate) const IMPORTED_REPLY: u64 = 1 << 4;
pub(crate) const IMPORTED: u64 = IMPORTED_ORIGINAL | IMPORTED_REPLY;
/// A snapshot that is being received has not told of the session yet.
pub(crate) const STALE: u64 = 1 << 5;

impl Session {
    pub(crate) fn new(
        state: FlowState,
        rule: Option<RuleId>,
        ingress: Option<InterfaceId>,
        egress: Option<InterfaceId>,
        flags: u64,
    ) -> Self {
        Self {
            state,
            admission: Admission::new(rule, ingress, egress, flags),
        }
    }

    #[inline]
    pub(crate) fn rule(&self) -> Option<RuleId> {
        self.admission.rule()
    }

    pub(crate) fn set_rule(&mut self, rule: Option<RuleId>) {
        self.admission.set_rule(rule);
    }

    /// The interface by which packets of this direction come in.
    #[inline]
    pub(crate) fn ingress(&self, direction: Direction) -> Option<InterfaceId> {
        self.admission.ingress(direction)
    }

    #[inline]
    pub(crate) const fn has(&self, flag: u64) -> bool {
        self.admission.has(flag)
    }

    pub(crate) const fn set(&mut self, flag: u64, on: bool) {
        self.admission.set(flag, on);
    }

    /// Whether it is a TCP connection whose handshake is not complete.
    #[inline]
    pub(crate) const fn is_half_open(&self) -> bool {
        match &self.state {
            FlowState::Tcp(flow) => matches!(
                flow.state(),
                TcpState::SynSent | TcpState::SynSent2 | TcpState::SynReceived
            ),
            _ => false,
        }
    }

    /// The state of a TCP connection.
    #[inline]
    pub(crate) const fn tcp_state(&self) -> Option<TcpState> {
        match &self.state {
            FlowState::Tcp(flow) => Some(flow.state()),
            _ => None,
        }
    }

    /// How the table ranks it when room is needed.
    #[inline]
    pub(crate) const fn class(&self) -> u8 {
        if self.state.is_assured() {
            2
        } else if self.state.is_replied() && !self.is_half_open() {
            1
        } else {
            0
        }
    }
}

/// Both tables.
pub(crate) struct Tables {
    pub(crate) v4: FlowTable<Ipv4FlowKey, Session>,
    pub(crate) v6: FlowTable<Ipv6FlowKey, Session>,
}

/// An address family: the key of its table.
pub(crate) trait Family: FlowKey {
    fn table(tables: &Tables) -> &FlowTable<Self, Session>;
    fn table_mut(tables: &mut Tables) -> &mut FlowTable<Self, Session>;
    fn session_id(id: FlowId) -> SessionId;
    fn reply(&self) -> Self;
    fn to_key(self) -> Key;
}

macro_rules! family {
    ($key:ty, $field:ident, $variant:ident) => {
        impl Family for $key {
            #[inline]
            fn table(tables: &Tables) -> &FlowTable<Self, Session> {
                &tables.$field
            }

            #[inline]
            fn table_mut(tables: &mut Tables) -> &mut FlowTable<Self, Session> {
                &mut tables.$field
            }

            #[inline]
            fn session_id(id: FlowId) -> SessionId {
                SessionId::$variant(id)
            }

            #[inline]
            fn reply(&self) -> Self {
                self.reversed()
            }

            #[inline]
            fn to_key(self) -> Key {
                Key::$variant(self)
            }
        }
    };
}

family!(Ipv4FlowKey, v4, V4);
family!(Ipv6FlowKey, v6, V6);

#[cfg(test)]
mod tests {
    use super::*;
    use flow_state::UdpFlow;
    use packet_buffer::Instant;

    #[test]
    fn an_ipv4_session_takes_139_octets_all_in() {
        assert!(size_of::<Session>() <= 56, "{}", size_of::<Session>());
        let many = 1 << 16;
        let octets = FlowTable::<Ipv4FlowKey, Session>::octets_for(many);
        assert!(octets / many <= 139, "{}", octets / many);
    }

    #[test]
    fn the_word_keeps_its_parts_apart() {
        let state = FlowState::Udp(UdpFlow::new(Instant::ZERO));
        for rule in [None, Some(RuleId(0)), Some(RuleId((1 << 20) - 1))] {
            for ingress in [None, Some(InterfaceId(0)), Some(InterfaceId(4_095))] {
                for egress in [None, Some(InterfaceId(1)), Some(InterfaceId(4_095))] {
                    let mut session = Session::new(state, rule, ingress, egress, GRANTED);
                    session.set(DETAIL, true);
                    assert_eq!(session.rule(), rule);
                    assert_eq!(session.ingress(Direction::Original), ingress);
                    assert_eq!(session.ingress(Direction::Reply), egress);
                    assert!(session.has(DETAIL) && session.has(GRANTED) && !session.has(LIMITED));
                    session.set(GRANTED, false);
                    session.set_rule(Some(RuleId(7)));
                    assert_eq!(session.rule(), Some(RuleId(7)));
                    assert_eq!(session.ingress(Direction::Original), ingress);
                    assert!(session.has(DETAIL) && !session.has(GRANTED));
                }
            }
        }
    }
}
