//! Sessions that something else reads: helpers and filters.

use super::session::{DETAIL, Family};
use super::syn_proxy::Handshake;
use super::{Announced, DropReason, Firewall, Limit, SessionId, SyncHelper, answer};
use crate::application::{FilterId, Inspection, Refused, Scanner, datagram};
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use crate::model::Helper;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use flow_state::application::{ftp, sip, tftp};
use flow_state::{Direction, Expected, FlowPacket, Key, Transport};
use flow_table::FlowId;
use packet_buffer::wire::TcpFlags;
use packet_buffer::{Instant, PacketBuf};

/// How long an announced connection is waited for.
const EXPECTED: Duration = Duration::from_secs(60);

/// What is kept about a session beside its table's entry.
pub(super) struct Detail {
    /// In the original direction.
    pub(super) key: Key,
    pub(super) helper: Option<SyncHelper>,
    inspection: Option<(FilterId, Inspection)>,
    /// Why nothing of the session passes any more.
    blocked: Option<Refused>,
    pub(super) handshake: Option<Handshake>,
}

impl Detail {
    pub(super) const fn of_handshake(key: Key, handshake: Handshake) -> Self {
        Self {
            key,
            helper: None,
            inspection: None,
            blocked: None,
            handshake: Some(handshake),
        }
    }

    /// As another node knew it.
    pub(super) const fn taken_over(
        key: Key,
        handshake: Option<Handshake>,
        helper: Option<SyncHelper>,
    ) -> Self {
        Self {
            key,
            helper,
            inspection: None,
            blocked: None,
            handshake,
        }
    }

    /// Begins to read.
    pub(super) fn read(&mut self, helper: Option<Helper>, filter: Option<FilterId>, octets: usize) {
        self.helper = match helper {
            Some(Helper::Ftp) => Some(SyncHelper::Ftp(ftp::Control::new())),
            Some(Helper::Tftp) => Some(SyncHelper::Tftp),
            Some(Helper::Sip) => Some(SyncHelper::Sip),
            None => None,
        };
        self.inspection = filter.map(|filter| (filter, Inspection::new(octets)));
    }

    /// Whether a filter reads the session, or has refused it.
    pub(super) const fn is_read(&self) -> bool {
        self.inspection.is_some() || self.blocked.is_some()
    }

    /// A direction's stream starts with this sequence number, in a handshake that was not seen.
    pub(super) fn starts(&mut self, direction: Direction, first: u32, octets: usize) {
        if let Some(SyncHelper::Ftp(control)) = &mut self.helper {
            control.handle_syn(direction, first.wrapping_sub(1));
        }
        if let Some((_, inspection)) = &mut self.inspection {
            inspection.starts(direction, first, octets);
        }
    }
}

impl Firewall {
    /// Sets the scanner that sees sessions whose filter says `scan`. Without one, they pass.
    pub fn set_scanner(&mut self, scanner: Box<dyn Scanner>) {
        self.scanner = Some(scanner);
    }

    /// Whether the rule has its sessions read, and there is room for one more.
    pub(super) fn needs_detail(&self, rule: Option<RuleId>) -> Result<bool, DropReason> {
        let Some(rule) = rule.and_then(|rule| self.policy.rule(rule)) else {
            return Ok(false);
        };
        if rule.helper.is_none() && rule.filter.is_none() {
            return Ok(false);
        }
        if self.details.len() >= self.config.inspected {
            return Err(DropReason::Limit(Limit::Inspected));
        }
        Ok(true)
    }

    /// Begins to read a session, with its first packet.
    pub(super) fn begin_detail<K: Family>(
        &mut self,
        now: Instant,
        id: FlowId,
        packet: &FlowPacket<'_>,
    ) -> Result<(), DropReason> {
        let rule = K::table(&self.tables)
            .get(id)
            .and_then(|flow| flow.value.rule())
            .and_then(|rule| self.policy.rule(rule));
        let Some(rule) = rule else {
            return Ok(());
        };
        let (helper, filter) = (rule.helper, rule.filter);
        let octets = self.config.inspected_octets;
        let entry = self
            .details
            .entry(K::session_id(id))
            .or_insert_with(|| Detail {
                key: packet.key(),
                helper: None,
                inspection: None,
                blocked: None,
                handshake: None,
            });
        entry.read(helper, filter, octets);
        if let Some(mut flow) = K::table_mut(&mut self.tables).get_mut(id) {
            flow.value_mut().set(DETAIL, true);
        }
        self.detail::<K>(now, id, Direction::Original, packet)?;
        self.tell::<K>(now, id);
        Ok(())
    }

    /// What else reads the session.
    pub(super) fn detail<K: Family>(
        &mut self,
        now: Instant,
        id: FlowId,
        direction: Direction,
        packet: &FlowPacket<'_>,
    ) -> Result<(), DropReason> {
        let session = K::session_id(id);
        let Some(detail) = self.details.get_mut(&session) else {
            return Ok(());
        };
        if let Some(refused) = detail.blocked {
            return Err(DropReason::Application(refused));
        }
        let before = detail.helper;
        let expected = detail
            .helper
            .as_mut()
            .map_or_else(Vec::new, |helper| helper.read(direction, packet));
        let has_read_on = before != detail.helper;
        let read = inspect(
            detail,
            direction,
            packet,
            &self.policy.filters,
            self.scanner.as_deref_mut(),
        );
        if has_read_on {
            // A standby has to know where the lines are.
            self.tell::<K>(now, id);
        }
        for expected in expected {
            self.expect::<K>(now, id, expected);
        }
        match read {
            Ok(over) => {
                if over {
                    self.finish_detail::<K>(id);
                    self.tell::<K>(now, id);
                }
                Ok(())
            }
            Err((refused, reject)) => {
                self.block::<K>(id, packet, refused, reject);
                Err(DropReason::Application(refused))
            }
        }
    }

    /// Nothing more of the session is read for its filter.
    fn finish_detail<K: Family>(&mut self, id: FlowId) {
        let session = K::session_id(id);
        let Some(detail) = self.details.get_mut(&session) else {
            return;
        };
        detail.inspection = None;
        if detail.helper.is_none() && detail.handshake.is_none() {
            self.details.remove(&session);
            if let Some(mut flow) = K::table_mut(&mut self.tables).get_mut(id) {
                flow.value_mut().set(DETAIL, false);
            }
        }
    }

    /// Lets nothing of the session pass any more. It stays until its time is over, so that what
    /// comes later is not taken for a new one.
    fn block<K: Family>(
        &mut self,
        id: FlowId,
        packet: &FlowPacket<'_>,
        refused: Refused,
        reject: bool,
    ) {
        let (Some(detail), Some(flow)) = (
            self.details.get_mut(&K::session_id(id)),
            K::table(&self.tables).get(id),
        ) else {
            return;
        };
        detail.blocked = Some(refused);
        let (sender, receiver) = if packet.key() == detail.key {
            (Direction::Original, Direction::Reply)
        } else {
            (Direction::Reply, Direction::Original)
        };
        let interfaces = (flow.value.ingress(sender), flow.value.ingress(receiver));
        if reject && let Transport::Tcp(segment) = packet.transport() {
            let mut out = PacketBuf::new();
            if answer::reset(packet, segment, &mut out).is_ok() {
                self.answers.push(interfaces.0, out);
            }
            let mut out = PacketBuf::new();
            if answer::reset_onward(packet, segment, &mut out).is_ok() {
                self.answers.push(interfaces.1, out);
            }
        }
    }

    /// Waits for a connection that a helper has read of.
    fn expect<K: Family>(&mut self, now: Instant, id: FlowId, expected: Expected) {
        let Some(flow) = K::table(&self.tables).get(id) else {
            return;
        };
        let announced = Announced {
            rule: flow.value.rule(),
            opener: flow.value.ingress(expected.direction),
        };
        // What finds no room is counted there.
        let owner = K::session_id(id);
        if self
            .expectations
            .insert(now, owner, expected, announced)
            .is_ok()
        {
            self.tell_expected(owner, &expected, &announced);
        }
    }

    /// Whether an announced connection comes from the side that was announced.
    pub(super) fn opener_fits(
        &self,
        opener: Option<InterfaceId>,
        path: Option<InterfaceId>,
    ) -> bool {
        opener == path
            || !self.config.bind_zones
            || self.policy.zone_of(opener) == self.policy.zone_of(path)
    }

    /// A session is over.
    pub(super) fn end_detail(&mut self, session: SessionId) {
        if let Some(detail) = self.details.remove(&session) {
            if detail.handshake.is_some() {
                self.proxied = self.proxied.saturating_sub(1);
            }
            if detail.inspection.is_some()
                && let Some(scanner) = &mut self.scanner
            {
                scanner.ended(&detail.key);
            }
        }
    }

    /// Puts a session under the filter of its new rule.
    pub(super) fn reload_detail<K: Family>(&mut self, id: FlowId, rule: Option<RuleId>) {
        let filter = rule
            .and_then(|rule| self.policy.rule(rule))
            .and_then(|rule| rule.filter);
        if let Some(detail) = self.details.get_mut(&K::session_id(id)) {
            detail.inspection = match (detail.inspection.take(), filter) {
                (Some((_, inspection)), Some(filter)) => Some((filter, inspection)),
                // A session whose start was not read cannot be read from its middle.
                _ => None,
            };
        }
    }

    // --- identity ---

    /// Says who uses an address until `until`: rules with `user` ask for the user's name, or one of
    /// the groups. Replaces what was said before. `false` when there is no room for another
    /// address.
    pub fn bind_user(
        &mut self,
        address: core::net::IpAddr,
        user: &str,
        groups: &[&str],
        until: Instant,
    ) -> bool {
        self.identities
            .bind(address, user, groups, until, &self.policy.users)
    }

    /// Nobody known uses an address any more. Sessions that have begun go on.
    pub fn unbind_user(&mut self, address: core::net::IpAddr) -> bool {
        self.identities.unbind(address)
    }

    /// Who uses an address.
    pub fn user_of(&self, address: core::net::IpAddr) -> Option<&str> {
        self.identities.user(self.now, address)
    }
}

impl SyncHelper {
    /// What a packet announces.
    fn read(&mut self, direction: Direction, packet: &FlowPacket<'_>) -> Vec<Expected> {
        let key = packet.key();
        // What is not to be believed opens nothing; the session itself is not the helper's to judge.
        match (self, packet.transport()) {
            (Self::Ftp(control), Transport::Tcp(segment)) => {
                if segment.flags.contains(TcpFlags::SYN) {
                    control.handle_syn(direction, segment.sequence_number);
                    return Vec::new();
                }
                if segment.payload.is_empty() {
                    return Vec::new();
                }
                let (number, data) = (segment.sequence_number, segment.payload);
                control
                    .handle_data(direction, number, data, key.source())
                    .ok()
                    .flatten()
                    .map(|announcement| announcement.expected(&key, EXPECTED))
                    .into_iter()
                    .collect()
            }
            (Self::Tftp, Transport::Udp(udp)) if direction == Direction::Original => {
                tftp::Request::parse(udp.payload)
                    .ok()
                    .map(|request| request.expected(&key, EXPECTED))
                    .into_iter()
                    .collect()
            }
            (Self::Sip, Transport::Udp(udp)) => sip::Message::parse(udp.payload)
                .map(|message| message.expected(&key, direction, EXPECTED))
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

/// Reads a packet for its session's filter. Says whether the filter has seen enough; with a refusal,
/// whether ends are told.
fn inspect(
    detail: &mut Detail,
    direction: Direction,
    packet: &FlowPacket<'_>,
    filters: &[crate::application::CompiledFilter],
    scanner: Option<&mut (dyn Scanner + 'static)>,
) -> Result<bool, (Refused, bool)> {
    let Some((filter, inspection)) = &mut detail.inspection else {
        return Ok(false);
    };
    let Some(filter) = filters.get(usize::from(filter.0)) else {
        return Ok(false);
    };
    let key = detail.key;
    let read = match packet.transport() {
        Transport::Tcp(segment) => inspection.segment(key, direction, segment, filter, scanner),
        Transport::Udp(udp) => datagram(key, direction, udp.payload, filter, scanner),
        _ => filter.nameless(),
    };
    match read {
        Ok(()) => Ok(inspection.is_over(filter)),
        Err(refused) => Err((refused, filter.reject)),
    }
}
