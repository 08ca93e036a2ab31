//! The translator.

mod alg;
mod answers;
mod batch;
mod destination;
mod explicit;
mod fragments;
mod icmp_error;
mod open;
mod record;
mod release;
mod source;
mod sync;
mod track;

use crate::bindings::Bindings;
use crate::config::{Action, NatConfig, NatConfigError, Pooling, Side, WhenFull};
use crate::event::{NatEvent, SessionInfo};
use crate::flow::{FlowFlags, NatFlow};
use crate::hooks::{AlgVerdict, Partition};
use crate::mapping::{Crowds, Endpoint, MappingInfo, MappingTable, PortKind};
use crate::ports::PortSet;
use crate::rewrite::{clamp_mss, ports_differ, set_identification, translate};
use crate::subscribers::Subscribers;
use crate::verdict::{DropReason, Stats, Verdict, bump};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::{FlowPacket, Key, Transport};
use flow_table::{FlowHash, FlowId, FlowTable, Ipv4FlowKey, NhHash};
use packet_buffer::fragment::Ipv4Identifications;
use packet_buffer::wire::{IpPacket, IpProtocol};
use packet_buffer::{Instant, PacketBuf, RandomSource};

pub use answers::Transmit;
pub use explicit::{ExplicitError, ExplicitMapping, ExplicitRequest, RemoteFilter};
use open::Opened;
pub use sync::{ImportError, SessionRecord};
use track::{Forward, Tracked, has_closed, is_host, is_syn, may_fragment, parse, track};

/// A network address translator.
///
/// It sits between two sides and is handed every packet that goes from one to the other, or from
/// outside to an address that it translates: [`process`](Self::process) changes the packet in place
/// and says what is to be done with it. See the [crate's documentation](crate).
pub struct Nat {
    config: NatConfig,
    random: Box<dyn RandomSource + Send>,
    /// For choices that depend on an address and must not be guessed.
    hash: NhHash,
    now: Instant,
    sessions: FlowTable<Ipv4FlowKey, NatFlow>,
    mappings: MappingTable,
    /// Ports in use towards each destination, where ports are shared.
    crowds: Crowds,
    /// Where inside endpoints that could not keep their port went instead, and how many sessions
    /// have it.
    sticky: BTreeMap<(PortKind, Endpoint), (Endpoint, u32)>,
    /// Whom inside endpoints have sent to, by outside endpoint, and in how many sessions.
    peers: BTreeMap<(u8, Endpoint, Ipv4Addr), u32>,
    subscribers: Subscribers,
    bindings: Bindings,
    pools: Vec<PoolState>,
    /// By pool: who divides its ports among subscribers.
    partitions: BTreeMap<usize, Box<dyn Partition>>,
    explicits: explicit::Explicits,
    algs: alg::Algs,
    identifications: Ipv4Identifications,
    answers: answers::Answers,
    fragments: fragments::FragmentState,
    events: VecDeque<NatEvent>,
    /// When the last event of each limited kind was given.
    last_alarm: BTreeMap<Alarm, Instant>,
    stats: Stats,
}

/// Events of which there is one a second at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Ports(usize),
    Limit,
    Sessions,
}

/// What is known of a pool's addresses.
struct PoolState {
    /// Their numbers in the mapping table.
    members: Vec<u16>,
    /// For each protocol: places in `members` that may have free ports.
    open: BTreeMap<PortKind, PortSet>,
    /// When all places were last taken to be open again, because ports have rested since.
    reopened: Instant,
}

impl Nat {
    /// A translator that does what `config` says. Secrets and ports come from `random`.
    ///
    /// # Errors
    ///
    /// [`NatConfigError`], when the configuration contradicts itself, or there is no memory for as
    /// many sessions.
    pub fn new(
        config: NatConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, NatConfigError> {
        config.check()?;
        let mut addresses = Vec::new();
        for pool in &config.pools {
            for range in &pool.addresses {
                let bits = range.start().to_bits()..=range.end().to_bits();
                addresses.extend(bits.map(|bits| (Ipv4Addr::from_bits(bits), pool.ports.clone())));
            }
        }
        let reserved = if config.reserve_ports {
            reserved_ports(&config)
        } else {
            Vec::new()
        };
        let expected = config.max_sessions;
        let mappings = MappingTable::new(
            addresses,
            reserved,
            expected,
            config.quarantine,
            &mut *random,
        );
        let pools: Vec<PoolState> = config
            .pools
            .iter()
            .map(|pool| PoolState::new(pool, &mappings))
            .collect();
        let mut bindings = Bindings::default();
        for rule in &config.rules {
            if let Action::Dynamic { pool, .. } = rule.action {
                let members = pools.get(pool).map_or(&[][..], |pool| &pool.members);
                let addresses = members.iter().filter_map(|index| mappings.address(*index));
                bindings.add_pool(pool, addresses);
            }
        }
        let has_pairs = config
            .pools
            .iter()
            .zip(&pools)
            .any(|(pool, state)| pool.pooling == Pooling::Paired && state.members.len() > 1);
        let table = flow_table::Config {
            when_full: match config.when_full {
                WhenFull::Refuse => flow_table::WhenFull::Refuse,
                WhenFull::EvictUnanswered => flow_table::WhenFull::EvictLowestClass,
            },
            ..flow_table::Config::new(config.max_sessions)
        };
        Ok(Self {
            sessions: FlowTable::new(table, &mut *random).map_err(NatConfigError::Sessions)?,
            mappings,
            crowds: Crowds::default(),
            sticky: BTreeMap::new(),
            peers: BTreeMap::new(),
            subscribers: Subscribers::new(config.limits, has_pairs),
            bindings,
            pools,
            partitions: BTreeMap::new(),
            explicits: explicit::Explicits::default(),
            algs: alg::Algs::default(),
            identifications: Ipv4Identifications::new(&mut *random),
            answers: answers::Answers::new(&config),
            fragments: fragments::FragmentState::new(&config.fragments)?,
            events: VecDeque::with_capacity(config.max_events),
            last_alarm: BTreeMap::new(),
            stats: Stats::default(),
            now: Instant::ZERO,
            hash: NhHash::from_random(&mut *random),
            random,
            config,
        })
    }

    /// Translates one packet, which came from `side`, in place. `packet` holds the IPv4 packet and
    /// nothing in front of it; octets behind it are padding and stay.
    ///
    /// Hop counts are the router's: it takes its hop before the packet comes here, so that a packet
    /// that may not go on makes no session.
    pub fn process(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        let now = self.advance(now);
        let verdict = self.decide(now, side, packet);
        self.count(side, verdict);
        verdict
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    fn count(&mut self, side: Side, verdict: Verdict) {
        match verdict {
            Verdict::Forward { hairpin: true } => bump(&mut self.stats.hairpinned),
            Verdict::Forward { hairpin: false } => match side {
                Side::Inside => bump(&mut self.stats.outbound),
                Side::Outside => bump(&mut self.stats.inbound),
            },
            Verdict::Drop(reason) => self.stats.count_drop(reason),
            Verdict::Local => bump(&mut self.stats.local),
            Verdict::Held => bump(&mut self.stats.held),
        }
    }

    #[inline]
    fn decide(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        self.decide_about(now, side, packet, false)
    }

    /// Decides about a packet. When `is_first`, it is a first fragment that stands for all of its
    /// packet.
    #[inline]
    fn decide_about(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
        is_first: bool,
    ) -> Verdict {
        self.before_alg(now, packet);
        let parsed = match parse(packet.as_slice()) {
            Ok(parsed) => parsed,
            // Packets that are put together may be cut within their transport header.
            Err(DropReason::Malformed) if self.puts_together(packet) => {
                return self.fragment(now, side, packet);
            }
            Err(reason) => return Verdict::Drop(reason),
        };
        if let Err(reason) = self.inspect(&parsed) {
            return Verdict::Drop(reason);
        }
        if parsed.is_fragment() && !is_first {
            return self.fragment(now, side, packet);
        }
        match parsed.transport() {
            Transport::IcmpError(_) => return self.icmp_error(now, side, packet),
            Transport::IcmpOther { .. } => return self.other_icmp(side, packet),
            _ => {}
        }
        let Some(key) = self.key_of(&parsed) else {
            return Verdict::Drop(DropReason::NotIpv4);
        };
        let mut kept = [None; 2];
        // A tunnel whose first answer this is must be found before anything else.
        if side == Side::Outside
            && matches!(
                parsed.transport(),
                Transport::Esp { .. } | Transport::Gre(_)
            )
            && self.sessions.find(now, &key).is_none()
            && self.expected(now, &key).is_none()
        {
            self.learn(now, &key);
        }
        if let Some((direction, flow)) = self.sessions.lookup(now, &key) {
            match track(&self.config, now, side, direction, flow, &parsed) {
                Tracked::Forward(forward) => return self.forward(now, packet, &forward),
                Tracked::Drop(reason) => return Verdict::Drop(reason),
                Tracked::Reopen(id) => kept = self.end_to_reopen(now, id),
            }
        }
        let opened = self.open(now, side, &key, &parsed);
        self.let_go(now, kept);
        match opened {
            Ok(Opened::Forward(forward)) => {
                self.answers.forget_syn(&forward.to.reversed());
                self.forward(now, packet, &forward)
            }
            Ok(Opened::Bypass) => {
                bump(&mut self.stats.bypassed);
                Verdict::Forward { hairpin: false }
            }
            Ok(Opened::Local) => Verdict::Local,
            Err(reason) => {
                self.answer(now, side, &parsed, reason);
                Verdict::Drop(reason)
            }
        }
    }

    /// Whether the packet is a fragment that is put together with others.
    fn puts_together(&self, packet: &PacketBuf) -> bool {
        if !self.fragments.is_full() {
            return false;
        }
        match IpPacket::parse(packet.as_slice()) {
            Ok(IpPacket::V4(ip)) => ip.is_fragment() && ip.verify_checksum().is_ok(),
            _ => false,
        }
    }

    /// What is wrong with the packet by itself.
    fn inspect(&self, packet: &FlowPacket<'_>) -> Result<(), DropReason> {
        let IpPacket::V4(ip) = packet.ip() else {
            return Err(DropReason::NotIpv4);
        };
        ip.verify_checksum().map_err(|_| DropReason::BadChecksum)?;
        // RFC 5508 §4.1 SHOULD (req-3): an error whose ICMP checksum is wrong is dropped.
        let verifies = self.config.verify_transport_checksums
            || matches!(packet.transport(), Transport::IcmpError(_));
        if verifies && packet.verify().is_err() {
            return Err(DropReason::BadChecksum);
        }
        let (source, destination) = (ip.source(), ip.destination());
        // RFC 1812 §5.3.7: packets from addresses that no host has are not forwarded.
        if !is_host(source) || !is_host(destination) || source == destination {
            return Err(DropReason::Source);
        }
        Ok(())
    }

    /// The key of the session that the packet belongs to.
    fn key_of(&self, packet: &FlowPacket<'_>) -> Option<Ipv4FlowKey> {
        let Key::V4(key) = packet.key() else {
            return None;
        };
        let (ends, protocol) = ((key.source(), key.destination()), key.protocol());
        let of = |ports: (u16, u16)| {
            Ipv4FlowKey::new((ends.0, ports.0), (ends.1, ports.1), protocol, key.zone())
        };
        Some(match packet.transport() {
            // The SPI, of which the receiver's side chooses one for each direction.
            Transport::Esp { spi, .. } if self.config.learn_tunnels => {
                let [a, b, c, d] = spi.to_be_bytes();
                of((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => key,
        })
    }

    /// Sends a packet of a session on.
    fn forward(&mut self, now: Instant, packet: &mut PacketBuf, forward: &Forward) -> Verdict {
        if forward.layout.protocol == Some(IpProtocol::SCTP)
            && !Self::sctp_may_change(packet, forward)
        {
            return Verdict::Drop(DropReason::BadChecksum);
        }
        let octets = packet.as_mut_slice();
        translate(octets, &forward.layout, &forward.from, &forward.to);
        if forward.is_syn
            && let Some(limit) = self.config.clamp_mss
            && let Some(segment) = octets.get_mut(forward.layout.transport..forward.layout.end)
        {
            clamp_mss(segment, limit);
        }
        if forward.may_fragment && self.config.rewrite_identification {
            let (from, to) = (forward.to.source(), forward.to.destination());
            let protocol = IpProtocol(forward.to.protocol());
            // RFC 6864 §5.3.1: identifications are unique for the translated addresses.
            if let Some(number) = self.identifications.next(now, from, to, protocol) {
                set_identification(octets, number);
            }
        }
        if forward.promotes {
            self.promote(forward.id);
        }
        if forward.flags.has(FlowFlags::ALG)
            && self.run_alg(now, forward.id, forward.direction, packet) == AlgVerdict::Drop
        {
            return Verdict::Drop(DropReason::Alg);
        }
        if forward.is_last {
            self.end(now, forward.id);
        }
        Verdict::Forward {
            hairpin: forward.hairpin,
        }
    }

    /// A checksum that was wrong must not come out right, and that of SCTP cannot be patched.
    fn sctp_may_change(packet: &PacketBuf, forward: &Forward) -> bool {
        let range = forward.layout.transport..forward.layout.end;
        !ports_differ(&forward.from, &forward.to)
            || packet
                .as_slice()
                .get(range)
                .is_some_and(crate::sctp::is_valid)
    }

    /// The responder's mapping is kept open by this session from now on.
    fn promote(&mut self, id: FlowId) {
        let Some(mut flow) = self.sessions.get_mut(id) else {
            return;
        };
        let outside = Endpoint::destination_of(flow.original());
        let protocol = IpProtocol(flow.original().protocol());
        flow.value_mut().flags.set(FlowFlags::KEEPS_DESTINATION);
        if let Some(protocol) = PortKind::of(protocol) {
            self.mappings.keep(protocol, outside);
        }
    }

    /// Has the ports of a pool divided among subscribers from now on: port blocks, or a fixed
    /// calculation. Mappings that are there stay. Rules that share ports between destinations pay no
    /// heed to it.
    pub fn set_partition(&mut self, pool: usize, partition: Box<dyn Partition>) {
        self.partitions.insert(pool, partition);
    }

    // --- time, events ---

    /// Ends what has run out by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.sweep(now);
        self.answers.handle_timeout(now, &mut self.stats);
        self.fragments.handle_timeout(now);
        self.expire_explicit(now);
        self.expire_expected(now);
    }

    /// Ends the sessions whose time has come.
    fn sweep(&mut self, now: Instant) {
        if self.sessions.poll_timeout().is_some_and(|due| due <= now) {
            self.sessions.handle_timeout(now);
            while let Some(flow) = self.sessions.poll_expired() {
                self.release(now, &flow);
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` when nothing waits for
    /// the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = [
            self.sessions.poll_timeout(),
            self.answers.poll_timeout(),
            self.fragments.poll_timeout(),
            self.explicits.poll_timeout(),
            self.algs.poll_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// What has happened, in order.
    pub fn poll_event(&mut self) -> Option<NatEvent> {
        self.events.pop_front()
    }

    /// A packet that the translator has for sending: fragments that have waited, and its own ICMP
    /// messages and resets. It replaces what `out` held.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        self.answers.poll_transmit(out)
    }

    fn event(&mut self, event: NatEvent) {
        if self.config.max_events == 0 {
            return;
        }
        if self.events.len() >= self.config.max_events {
            bump(&mut self.stats.events_dropped);
            return;
        }
        self.events.push_back(event);
    }

    /// Gives an event, unless there was one of the kind within a second.
    fn alarm(&mut self, now: Instant, alarm: Alarm, event: NatEvent) {
        let last = self.last_alarm.get(&alarm);
        if last.is_none_or(|last| now - *last >= Duration::from_secs(1)) {
            self.last_alarm.insert(alarm, now);
            self.event(event);
        }
    }

    // --- looking in ---

    /// What the translator was told.
    pub const fn config(&self) -> &NatConfig {
        &self.config
    }

    /// What it has done.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// All live sessions, in no particular order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo> + '_ {
        self.sessions.iter().map(|flow| SessionInfo {
            id: flow.id,
            original: *flow.original,
            reply: *flow.reply,
            initiator: flow.value.initiator(),
            responder: flow.value.responder(),
            expires: flow.deadline,
            state: *flow.value.state(),
        })
    }

    /// Sessions that there are, those among them that have run out and were not swept yet.
    pub const fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// All mappings, in the order of outside addresses, protocols and ports. Rules that share ports
    /// between destinations make none.
    pub fn mappings(&self) -> impl Iterator<Item = MappingInfo> + '_ {
        self.mappings.iter()
    }

    /// Mappings that there are.
    pub const fn mapping_count(&self) -> usize {
        self.mappings.len()
    }

    /// Subscribers that are kept count of.
    pub fn subscriber_count(&self) -> usize {
        self.subscribers.len()
    }
}

impl PoolState {
    fn new(pool: &crate::config::Pool, mappings: &MappingTable) -> Self {
        let mut members = Vec::new();
        for range in &pool.addresses {
            let bits = range.start().to_bits()..=range.end().to_bits();
            members.extend(bits.filter_map(|bits| mappings.index_of(Ipv4Addr::from_bits(bits))));
        }
        members.sort_unstable();
        Self {
            members,
            open: BTreeMap::new(),
            reopened: Instant::ZERO,
        }
    }
}

/// Ports that no mapping gets.
fn reserved_ports(config: &NatConfig) -> Vec<(Ipv4Addr, PortKind, core::ops::RangeInclusive<u16>)> {
    const WITH_PORTS: [IpProtocol; 5] = [
        IpProtocol::TCP,
        IpProtocol::UDP,
        IpProtocol::SCTP,
        IpProtocol::DCCP,
        IpProtocol::UDP_LITE,
    ];
    let mut reserved = Vec::new();
    for port in &config.reserved {
        if let Some(kind) = PortKind::of(port.protocol) {
            reserved.push((port.address, kind, port.ports.clone()));
        }
    }
    for forward in &config.forwards {
        let kinds = WITH_PORTS
            .into_iter()
            .filter(|protocol| forward.protocol.is_none_or(|only| only == *protocol));
        for kind in kinds.filter_map(PortKind::of) {
            reserved.push((forward.outside, kind, forward.ports.clone()));
        }
    }
    reserved
}
