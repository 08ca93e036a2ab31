//! The lives of sessions and bindings (RFC 6146 §3.5).

use super::config::{Nat64Drop, Nat64Event};
use super::engine::Nat64;
use super::tables::{Found, Session, Tuple};
use super::tcp::{TcpEvent, TcpLifetime, TcpState, step};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use flow_table::FlowId;
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;

/// Events that wait for [`Nat64::poll_event`].
const MAX_EVENTS: usize = 1_024;

impl Nat64 {
    pub(super) fn initial_lifetime(&self, protocol: IpProtocol) -> Duration {
        match protocol {
            IpProtocol::TCP => self.config().timers.tcp_transitory,
            IpProtocol::UDP => self.config().timers.udp,
            _ => self.config().timers.icmp,
        }
    }

    pub(super) fn open(
        &mut self,
        now: Instant,
        v6: &Tuple<Ipv6Addr>,
        v4: &Tuple<Ipv4Addr>,
        session: Session,
        lifetime: Duration,
    ) -> Result<FlowId, Nat64Drop> {
        let deadline = now.saturating_add(lifetime);
        let opened = self.tables.open(now, v6, v4, session, deadline)?;
        if let Some(binding) = opened.displaced {
            self.unbind(now, binding);
        }
        self.stats.sessions_created = self.stats.sessions_created.wrapping_add(1);
        Ok(opened.id)
    }

    /// Puts a session's deadline off, as its protocol has it.
    // RFC 6146 §3.5.1 MUST (refresh): each datagram of a session sets its lifetime anew.
    pub(super) fn refresh(&mut self, now: Instant, found: &Found, event: TcpEvent) {
        if found.v6.protocol != IpProtocol::TCP {
            let deadline = now.saturating_add(self.initial_lifetime(found.v6.protocol));
            self.tables
                .touch(found.id, TcpState::V6Init, Some(deadline));
            return;
        }
        let Some(state) = self.tables.tcp_state(found.id) else {
            return;
        };
        let step = step(state, event);
        let lifetime = match step.lifetime {
            TcpLifetime::Keep => None,
            TcpLifetime::Established => Some(self.config().timers.tcp_established),
            TcpLifetime::Transitory => Some(self.config().timers.tcp_transitory),
        };
        let deadline = lifetime.map(|lifetime| now.saturating_add(lifetime));
        let next = step.next.unwrap_or(state);
        self.tables.touch(found.id, next, deadline);
    }

    /// Takes back a session that was made for a packet which then could not be translated.
    pub(super) fn forget(&mut self, now: Instant, id: Option<FlowId>) {
        let closed = id.and_then(|id| self.tables.close(now, id));
        if let Some(binding) = closed {
            self.unbind(now, binding);
        }
    }

    pub(super) fn unbind(&mut self, now: Instant, binding: FlowId) {
        if let Some(gone) = self.tables.unbind_if_idle(now, binding) {
            self.tell(Nat64Event::BindingDeleted(gone));
        }
    }

    pub(super) fn tell(&mut self, event: Nat64Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        } else {
            self.stats.events_lost = self.stats.events_lost.wrapping_add(1);
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.tables.handle_timeout(now);
        while let Some((found, session)) = self.tables.poll_expired(now) {
            if found.v6.protocol == IpProtocol::TCP {
                let step = step(session.tcp, TcpEvent::Timeout);
                if let Some(tcp) = step.next {
                    let session = Session { tcp, ..session };
                    let lifetime = self.config().timers.tcp_transitory;
                    // Another session can have come in the second before the sweep.
                    if self
                        .open(now, &found.v6, &found.v4, session, lifetime)
                        .is_ok()
                        && step.probe
                    {
                        self.probe(&found);
                    }
                    continue;
                }
            }
            self.unbind(now, session.binding);
        }
    }
}
