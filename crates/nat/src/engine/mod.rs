//! The translator.

mod alg;
mod answers;
mod batch;
mod destination;
mod explicit;
mod fragments;
mod icmp_error;
mod open;
mod process;
mod record;
mod release;
mod source;
mod sync;
mod track;

use crate::bindings::Bindings;
use crate::config::{Action, NatConfig, NatConfigError, Pooling, WhenFull};
use crate::event::{NatEvent, SessionInfo};
use crate::flow::NatFlow;
use crate::hooks::Partition;
use crate::mapping::{Crowds, Endpoint, MappingInfo, MappingTable, PortKind};
use crate::ports::PortSet;
use crate::secret_map::SecretMap;
use crate::subscribers::Subscribers;
use crate::verdict::{Stats, bump};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::iter::from_fn;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_table::{FlowHash, FlowTable, Ipv4FlowKey, NhHash};
use packet_buffer::fragment::Ipv4Identifications;
use packet_buffer::random::Buffered;
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf, RandomSource};

pub use answers::Transmit;
pub use explicit::{ExplicitError, ExplicitMapping, ExplicitRequest, RemoteFilter};
pub use sync::{ImportError, SessionRecord};
use track::{Forward, has_closed, is_syn, may_fragment, parse};

/// A network address translator.
///
/// It sits between two sides and is handed every packet that goes from one to the other, or from
/// outside to an address that it translates: [`process`](Self::process) changes the packet in place
/// and says what is to be done with it. See the [crate's documentation](crate).
pub struct Nat {
    config: NatConfig,
    random: Buffered<Box<dyn RandomSource + Send>>,
    /// For choices that depend on an address and must not be guessed.
    hash: NhHash,
    now: Instant,
    sessions: FlowTable<Ipv4FlowKey, NatFlow>,
    mappings: MappingTable,
    /// Ports in use towards each destination, where ports are shared.
    crowds: Crowds,
    /// Where inside endpoints that could not keep their port went instead, and how many sessions
    /// have it.
    sticky: SecretMap<(Endpoint, u32)>,
    /// Whom inside endpoints have sent to, by outside endpoint, and in how many sessions.
    peers: SecretMap<u32>,
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

/// How many sessions that have run out are released together.
const AT_ONCE: usize = 16;

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
        let secret = mappings.secret().clone();
        Ok(Self {
            sessions: FlowTable::new(table, &mut *random).map_err(NatConfigError::Sessions)?,
            mappings,
            crowds: Crowds::new(secret.clone()),
            sticky: SecretMap::new(secret.clone()),
            peers: SecretMap::new(secret.clone()),
            subscribers: Subscribers::new(config.limits, has_pairs, secret),
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
            random: Buffered::new(random),
            config,
        })
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
            let mut expired = [const { None }; AT_ONCE];
            loop {
                let mut count = 0;
                for (place, flow) in expired
                    .iter_mut()
                    .zip(from_fn(|| self.sessions.poll_expired()))
                {
                    *place = Some(flow);
                    count += 1;
                }
                // What they hold lies all over the memory: fetching all of it before any is released
                // makes these accesses overlap.
                let flows = || expired.iter().take(count).flatten();
                for flow in flows() {
                    self.mappings.fetch(&flow.reply, &flow.original);
                }
                for flow in flows() {
                    self.release(now, flow);
                }
                if count < AT_ONCE {
                    return;
                }
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` when nothing waits for
    /// the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let others = [
            self.answers.poll_timeout(),
            self.fragments.poll_timeout(),
            self.explicits.poll_timeout(),
            self.algs.poll_timeout(),
        ];
        let sessions = self.sessions.poll_timeout();
        others.into_iter().fold(sessions, |first, due| match due {
            Some(due) if first.is_none_or(|first| due < first) => Some(due),
            _ => first,
        })
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
