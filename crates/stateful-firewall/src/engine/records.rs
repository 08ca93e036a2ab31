//! Flow records: of each session, and over time as a cloud's flow log.

use super::config::FirewallConfig;
use super::log::{Event, Log};
use super::session::Session;
use super::verdict::{Path, SessionId, Verdict};
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use core::fmt;
use core::time::Duration;
use flow_state::{Direction, FlowPacket, Key, Transport};
use flow_table::FlowId;
use packet_buffer::Instant;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its time was over without a packet.
    Expired,
    /// It made room for another one.
    Evicted,
    /// A RST answered its first packet.
    Reset,
    /// A new connection began between the same ports.
    Reopened,
    /// A new policy denies it.
    Denied,
    /// A filter of the application layer refused it.
    Filtered,
    /// The caller ended it.
    Removed,
    /// The other node of a pair says so.
    Synchronised,
}

/// A session that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    /// Which.
    pub session: SessionId,
    /// Its first packet's addresses, protocol and ports.
    pub key: Key,
    /// The rule that let it begin.
    pub rule: Option<RuleId>,
    /// The interface that its first packet came in by.
    pub ingress: Option<InterfaceId>,
    /// When it began.
    pub begun: Instant,
    /// When its last packet was seen.
    pub last: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Why.
    pub reason: EndReason,
    /// Packets, of the original and the reply direction.
    pub packets: [u64; 2],
    /// Octets of those, IP headers included.
    pub octets: [u64; 2],
    /// All TCP control bits that were seen, the eight that RFC 9293 has.
    pub tcp_flags: u8,
}

/// A line of the flow log: packets of one direction of a flow, in one time, that met one fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowLogRecord {
    /// The interface that the packets came in by.
    pub ingress: Option<InterfaceId>,
    /// Their addresses, protocol and ports.
    pub key: Key,
    /// Whether they went on.
    pub accepted: bool,
    /// How many.
    pub packets: u64,
    /// Their octets, IP headers included.
    pub octets: u64,
    /// When the first of them came.
    pub start: Instant,
    /// When the last of them came.
    pub end: Instant,
    /// All their TCP control bits, the eight that RFC 9293 has.
    pub tcp_flags: u8,
}

/// The fields that clouds write, in their order: addresses, ports, protocol, packets, octets, first and
/// last second, and what was done. Version, account and interface are the caller's to put in front.
impl fmt::Display for FlowLogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        write!(
            f,
            "{} {} {} {} {} {} {} {} {} {}",
            key.source(),
            key.destination(),
            key.source_port(),
            key.destination_port(),
            key.protocol().0,
            self.packets,
            self.octets,
            self.start.as_secs(),
            self.end.as_secs(),
            if self.accepted { "ACCEPT" } else { "REJECT" },
        )
    }
}

/// What is counted of a session.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    begun: Instant,
    last: Instant,
    packets: [u64; 2],
    octets: [u64; 2],
    tcp_flags: u8,
}

impl Account {
    #[inline]
    fn add(&mut self, now: Instant, direction: Direction, packet: &FlowPacket<'_>) {
        self.last = now;
        let at = direction.index();
        if let (Some(packets), Some(octets)) = (self.packets.get_mut(at), self.octets.get_mut(at)) {
            *packets += 1;
            *octets += packet.len() as u64;
        }
        self.tcp_flags |= flags(packet);
    }
}

/// The eight control bits of a TCP segment.
#[inline]
fn flags(packet: &FlowPacket<'_>) -> u8 {
    match packet.transport() {
        Transport::Tcp(segment) => u8::try_from(segment.flags.0 & 0xff).unwrap_or(0),
        _ => 0,
    }
}

/// The flow log of the current time.
struct FlowLog {
    every: Duration,
    capacity: usize,
    flows: BTreeMap<(Option<InterfaceId>, u128, u128, u64, bool), FlowLogRecord>,
    /// When the current time is over.
    due: Option<Instant>,
}

pub(super) struct Records {
    /// By slot of the tables, IPv4 and IPv6.
    accounts: [Box<[Account]>; 2],
    flow_log: Option<Box<FlowLog>>,
    skipped: u64,
}

impl Records {
    pub(super) fn new(config: &FirewallConfig) -> Self {
        let accounts = |sessions: usize| {
            let slots = if config.accounting { sessions + 1 } else { 0 };
            vec![Account::default(); slots].into_boxed_slice()
        };
        Self {
            accounts: [
                accounts(config.ipv4_sessions),
                accounts(config.ipv6_sessions),
            ],
            flow_log: config.flow_log.map(|every| {
                Box::new(FlowLog {
                    every: every.max(Duration::from_secs(1)),
                    capacity: config.flow_log_flows,
                    flows: BTreeMap::new(),
                    due: None,
                })
            }),
            skipped: 0,
        }
    }

    #[inline]
    fn account(&mut self, id: FlowId, is_ipv4: bool) -> Option<&mut Account> {
        let [v4, v6] = &mut self.accounts;
        let accounts = if is_ipv4 { v4 } else { v6 };
        accounts.get_mut(id.slot() as usize)
    }

    pub(super) fn opened(
        &mut self,
        now: Instant,
        id: FlowId,
        session: SessionId,
        packet: &FlowPacket<'_>,
    ) {
        if let Some(account) = self.account(id, matches!(session, SessionId::V4(_))) {
            *account = Account {
                begun: now,
                ..Account::default()
            };
            account.add(now, Direction::Original, packet);
        }
    }

    /// A session of another node: what it has counted stays there.
    pub(super) fn taken_over(&mut self, now: Instant, id: FlowId, session: SessionId) {
        if let Some(account) = self.account(id, matches!(session, SessionId::V4(_))) {
            *account = Account {
                begun: now,
                last: now,
                ..Account::default()
            };
        }
    }

    /// A packet of a session.
    #[inline]
    pub(super) fn packet(
        &mut self,
        now: Instant,
        id: FlowId,
        is_ipv4: bool,
        direction: Direction,
        packet: &FlowPacket<'_>,
    ) {
        if let Some(account) = self.account(id, is_ipv4) {
            account.add(now, direction, packet);
        }
    }

    /// The record of a session that has ended; none without accounting.
    pub(super) fn ended(
        &mut self,
        now: Instant,
        id: FlowId,
        session: SessionId,
        key: Key,
        value: &Session,
        reason: EndReason,
    ) -> Option<SessionRecord> {
        let account = *self.account(id, matches!(session, SessionId::V4(_)))?;
        Some(SessionRecord {
            session,
            key,
            rule: value.rule(),
            ingress: value.ingress(Direction::Original),
            begun: account.begun,
            last: account.last,
            ended: now,
            reason,
            packets: account.packets,
            octets: account.octets,
            tcp_flags: account.tcp_flags,
        })
    }

    /// Packets and octets of a session so far.
    pub(super) fn counts(&self, id: FlowId, is_ipv4: bool) -> Option<([u64; 2], [u64; 2])> {
        let [v4, v6] = &self.accounts;
        let accounts = if is_ipv4 { v4 } else { v6 };
        accounts
            .get(id.slot() as usize)
            .map(|account| (account.packets, account.octets))
    }

    /// Adds a packet to the flow log.
    pub(super) fn flow_log(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        verdict: &Verdict,
    ) {
        let Some(log) = &mut self.flow_log else {
            return;
        };
        let accepted = match verdict {
            Verdict::Accept { .. } | Verdict::Queue(_) | Verdict::Consumed => true,
            Verdict::Drop(_) | Verdict::Reject(_) => false,
            Verdict::Held => return,
        };
        let key = packet.key();
        let bits = |address| match address {
            core::net::IpAddr::V4(address) => u128::from(address.to_bits()),
            core::net::IpAddr::V6(address) => address.to_bits(),
        };
        let rest = u64::from(key.is_ipv6()) << 40
            | u64::from(key.protocol().0) << 32
            | u64::from(key.source_port()) << 16
            | u64::from(key.destination_port());
        let index = (
            path.ingress,
            bits(key.source()),
            bits(key.destination()),
            rest,
            accepted,
        );
        if log.flows.len() >= log.capacity && !log.flows.contains_key(&index) {
            self.skipped = self.skipped.wrapping_add(1);
            return;
        }
        if log.due.is_none() {
            log.due = Some(now + log.every);
        }
        let record = log.flows.entry(index).or_insert(FlowLogRecord {
            ingress: path.ingress,
            key,
            accepted,
            packets: 0,
            octets: 0,
            start: now,
            end: now,
            tcp_flags: 0,
        });
        record.packets += 1;
        record.octets += packet.len() as u64;
        record.end = now;
        record.tcp_flags |= flags(packet);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, events: &mut Log) {
        let Some(log) = &mut self.flow_log else {
            return;
        };
        if log.due.is_none_or(|due| due > now) {
            return;
        }
        log.due = None;
        while let Some((_, record)) = log.flows.pop_first() {
            events.push(Event::FlowLog(record));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.flow_log.as_ref()?.due
    }

    /// Packets that found no room in the flow log.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }
}
