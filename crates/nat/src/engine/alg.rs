//! Application layer gateways, and the connections that they expect.

use super::Nat;
use crate::event::NatEvent;
use crate::flow::FlowFlags;
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect};
use crate::mapping::{Endpoint, NewMapping, PortKind, SlotKind};
use crate::ports::Wish;
use crate::verdict::bump;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use flow_state::{FlowPacket, Transport};
use flow_table::{Direction, FlowId, Ipv4FlowKey};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};

/// Connections that one session may expect at a time.
const MAX_PER_SESSION: usize = 8;
/// Connections expected in all.
const MAX_EXPECTED: usize = 4_096;

/// Where an expected connection goes.
type ExpectedKey = (PortKind, Endpoint);

/// The gateways, whose sessions are whose, and what they expect.
#[derive(Default)]
pub(super) struct Algs {
    algs: Vec<Box<dyn Alg>>,
    sessions: BTreeMap<FlowId, usize>,
    expected: BTreeMap<ExpectedKey, Expected>,
    deadlines: BTreeSet<(Instant, ExpectedKey)>,
    owners: BTreeSet<(FlowId, ExpectedKey)>,
}

/// A connection that is expected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    owner: FlowId,
    inside: Endpoint,
    peer: Option<Ipv4Addr>,
    peer_port: Option<u16>,
    deadline: Instant,
    /// Whether it holds a mapping in the table.
    is_mapped: bool,
}

impl Expected {
    /// Who is meant, and whether the session that comes holds a mapping.
    pub(super) const fn target(&self) -> (Endpoint, bool) {
        (self.inside, self.is_mapped)
    }
}

impl Algs {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}

/// What a gateway may do with the translator while it handles a packet.
struct Context<'a> {
    nat: &'a mut Nat,
    now: Instant,
    session: AlgSession,
    direction: Direction,
}

impl Nat {
    /// Adds an application layer gateway; none is there by default. Sessions that begin from now on
    /// are shown to it.
    // RFC 4787 §7 SHOULD (req-10): gateways of UDP are off unless added.
    // RFC 4787 §7 RECOMMENDED (req-10-a): each is added by itself.
    // RFC 5382 §6 RECOMMENDED (req-6): those of TCP are off, too.
    pub fn add_alg(&mut self, alg: Box<dyn Alg>) {
        self.algs.algs.push(alg);
    }

    /// Whether some gateway wants a new session, which is then its; returns the flag that says so.
    pub(super) fn offer_to_algs(&mut self, id: FlowId) -> FlowFlags {
        let none = FlowFlags::default();
        if self.algs.algs.is_empty() {
            return none;
        }
        let Some(session) = self.alg_session(id) else {
            return none;
        };
        let Some(index) = self.algs.algs.iter().position(|alg| alg.wants(&session)) else {
            return none;
        };
        self.algs.sessions.insert(id, index);
        if let Some(mut flow) = self.sessions.get_mut(id) {
            flow.value_mut().flags.set(FlowFlags::ALG);
        }
        FlowFlags::ALG
    }

    fn alg_session(&self, id: FlowId) -> Option<AlgSession> {
        let flow = self.sessions.get(id)?;
        Some(AlgSession {
            id,
            original: *flow.original,
            reply: *flow.reply,
            initiator: flow.value.initiator(),
            responder: flow.value.responder(),
        })
    }

    /// Whether there are sessions that a gateway looks at.
    #[inline]
    pub(super) fn has_alg_sessions(&self) -> bool {
        !self.algs.sessions.is_empty()
    }

    /// Has the gateway of a packet's session, if there is one, see the packet before anything else
    /// does.
    pub(super) fn before_alg(&mut self, now: Instant, packet: &mut PacketBuf) {
        let Ok(parsed) = FlowPacket::parse(packet.as_slice()) else {
            return;
        };
        if parsed.is_fragment() || !matches!(parsed.transport(), Transport::Tcp(_)) {
            return;
        }
        let Some(key) = self.key_of(&parsed) else {
            return;
        };
        let Some(found) = self.sessions.find(now, &key) else {
            return;
        };
        if let Some(&index) = self.algs.sessions.get(&found.id)
            && let Some(alg) = self.algs.algs.get_mut(index)
        {
            alg.before(found.id, found.direction, packet);
        }
    }

    /// Has the session's gateway handle a packet.
    pub(super) fn run_alg(
        &mut self,
        now: Instant,
        id: FlowId,
        direction: Direction,
        packet: &mut PacketBuf,
    ) -> AlgVerdict {
        let (Some(&index), Some(session)) = (self.algs.sessions.get(&id), self.alg_session(id))
        else {
            return AlgVerdict::Pass;
        };
        // The gateways stand aside while one of them uses the translator.
        let mut algs = core::mem::take(&mut self.algs.algs);
        let mut context = Context {
            nat: self,
            now,
            session,
            direction,
        };
        let verdict = match algs.get_mut(index) {
            Some(alg) => alg.handle(now, packet, &mut context),
            None => AlgVerdict::Pass,
        };
        self.algs.algs = algs;
        verdict
    }

    /// A session of a gateway has ended, and with it what it expected.
    pub(super) fn close_alg(&mut self, now: Instant, id: FlowId) {
        if let Some(index) = self.algs.sessions.remove(&id)
            && let Some(alg) = self.algs.algs.get_mut(index)
        {
            alg.closed(id);
        }
        let of_session: Vec<ExpectedKey> = self
            .algs
            .owners
            .range((id, FIRST)..=(id, LAST))
            .map(|(_, key)| *key)
            .collect();
        for key in of_session {
            self.withdraw(now, &key);
        }
    }

    /// The expectation that a packet from outside meets, if there is one.
    pub(super) fn expected(&self, now: Instant, key: &Ipv4FlowKey) -> Option<Expected> {
        if self.algs.expected.is_empty() {
            return None;
        }
        let kind = PortKind::of(IpProtocol(key.protocol()))?;
        let place = (kind, Endpoint::destination_of(key));
        let expected = self.algs.expected.get(&place)?;
        let fits = expected.deadline > now
            && expected.peer.is_none_or(|peer| peer == key.source())
            && expected
                .peer_port
                .is_none_or(|port| port == key.source_port());
        fits.then_some(*expected)
    }

    /// A session has met its expectation, which is used up.
    pub(super) fn met(&mut self, now: Instant, key: &Ipv4FlowKey) {
        if let Some(kind) = PortKind::of(IpProtocol(key.protocol())) {
            self.withdraw(now, &(kind, Endpoint::destination_of(key)));
        }
    }

    pub(super) fn expire_expected(&mut self, now: Instant) {
        while let Some(&(deadline, key)) = self.algs.deadlines.first()
            && deadline <= now
        {
            self.withdraw(now, &key);
        }
    }

    fn withdraw(&mut self, now: Instant, key: &ExpectedKey) {
        let Some(expected) = self.algs.expected.remove(key) else {
            return;
        };
        self.algs.deadlines.remove(&(expected.deadline, *key));
        self.algs.owners.remove(&(expected.owner, *key));
        if expected.is_mapped {
            let (kind, outside) = *key;
            let held = self.mappings.release(now, kind, outside, false, true);
            self.after_release(now, kind, held);
        }
    }

    /// Opens a way in to a port of an inside host.
    fn expect(&mut self, now: Instant, session: &AlgSession, expect: &Expect) -> Option<Endpoint> {
        self.expire_expected(now);
        let kind = PortKind::of(expect.protocol)?;
        let is_privileged = kind.has_classes() && expect.inside_port < 1_024;
        if is_privileged || expect.lifetime.is_zero() {
            return None;
        }
        let inside = Endpoint::new(session.inside().address, expect.inside_port);
        let address = session.outside().address;
        let deadline = now + expect.lifetime;
        let same = self
            .algs
            .owners
            .range((session.id, FIRST)..=(session.id, LAST))
            .map(|(_, key)| *key)
            .find(|key| {
                let expected = self.algs.expected.get(key);
                key.0 == kind && expected.is_some_and(|expected| expected.inside == inside)
            });
        let mut is_mapped = false;
        let outside = if let Some(key) = same {
            is_mapped = self.algs.expected.get(&key)?.is_mapped;
            self.forget_expected(&key);
            key.1
        } else {
            let owned = self
                .algs
                .owners
                .range((session.id, FIRST)..=(session.id, LAST));
            if owned.count() >= MAX_PER_SESSION || self.algs.expected.len() >= MAX_EXPECTED {
                return None;
            }
            let outside = match self.mappings.index_of(address) {
                Some(index) => {
                    is_mapped = true;
                    self.map_expected(now, kind, inside, index, expect)?
                }
                // An address of the host's own: ports stay.
                None => Endpoint::new(address, expect.inside_port),
            };
            if self.algs.expected.contains_key(&(kind, outside)) {
                return None;
            }
            if is_mapped {
                self.mappings.hold(kind, outside, false)?;
            }
            outside
        };
        let key = (kind, outside);
        let expected = Expected {
            owner: session.id,
            inside,
            peer: expect.peer,
            peer_port: expect.peer_port,
            deadline,
            is_mapped,
        };
        self.algs.expected.insert(key, expected);
        self.algs.deadlines.insert((deadline, key));
        self.algs.owners.insert((session.id, key));
        Some(outside)
    }

    /// Takes an expectation out of the lists, and leaves its mapping.
    fn forget_expected(&mut self, key: &ExpectedKey) {
        if let Some(expected) = self.algs.expected.remove(key) {
            self.algs.deadlines.remove(&(expected.deadline, *key));
            self.algs.owners.remove(&(expected.owner, *key));
        }
    }

    /// The mapping of an inside endpoint that a connection is expected for.
    fn map_expected(
        &mut self,
        now: Instant,
        kind: PortKind,
        inside: Endpoint,
        index: u16,
        expect: &Expect,
    ) -> Option<Endpoint> {
        if let Some(outside) = self.mappings.by_inside(kind, inside) {
            let wanted = expect.outside_port;
            return wanted
                .is_none_or(|port| port == outside.port)
                .then_some(outside);
        }
        self.admit(now, inside.address, true).ok()?;
        let (rule, _) = self.rule_for(inside.address, Ipv4Addr::UNSPECIFIED, expect.protocol, 0)?;
        let new = NewMapping {
            protocol: kind,
            inside,
            peer: Ipv4Addr::UNSPECIFIED,
            rule,
            kind: SlotKind::Endpoint,
        };
        let pool = self.pool_of(rule);
        let divided = pool.filter(|pool| self.partitions.contains_key(pool));
        let wish = Wish {
            exact: Some(inside.port),
            ..Wish::any(1_024..=u16::MAX)
        };
        let outside = match (expect.outside_port, divided) {
            (Some(port), _) => {
                let outside = Endpoint::new(self.mappings.address(index)?, port);
                self.take_port_at(now, pool?, kind, outside, inside.address)?
            }
            (None, Some(pool)) => self.take_port(now, pool, kind, &wish, inside.address)?,
            (None, None) => self
                .mappings
                .take(now, index, kind, &wish, &mut self.random)?,
        };
        self.mappings.make(outside, &new)?;
        self.subscribers.enter_mapping(inside.address);
        bump(&mut self.stats.mappings_created);
        if let Some(mapping) = self.mapping_at(kind, outside) {
            self.mapping_event(NatEvent::MappingCreated { at: now, mapping }, &mapping);
        }
        Some(outside)
    }
}

impl AlgContext for Context<'_> {
    fn session(&self) -> &AlgSession {
        &self.session
    }

    fn direction(&self) -> Direction {
        self.direction
    }

    fn expect(&mut self, expect: &Expect) -> Option<Endpoint> {
        self.nat.expect(self.now, &self.session, expect)
    }

    fn withdraw(&mut self, protocol: IpProtocol, outside: Endpoint) {
        let Some(kind) = PortKind::of(protocol) else {
            return;
        };
        let key = (kind, outside);
        let expected = self.nat.algs.expected.get(&key);
        if expected.is_some_and(|expected| expected.owner == self.session.id) {
            self.nat.withdraw(self.now, &key);
        }
    }

    fn mapped(&self, protocol: IpProtocol, inside: Endpoint) -> Option<Endpoint> {
        self.nat.mappings.by_inside(PortKind::of(protocol)?, inside)
    }
}

/// The least and the greatest place of an expectation.
const FIRST: ExpectedKey = (PortKind::Tcp, Endpoint::new(Ipv4Addr::UNSPECIFIED, 0));
const LAST: ExpectedKey = (PortKind::Gre, Endpoint::new(Ipv4Addr::BROADCAST, u16::MAX));
