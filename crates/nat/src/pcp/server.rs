//! The server: datagrams, the table of mappings, announcements (RFC 6887 §8, §14; RFC 6886 §3).

use super::config::{PcpConfig, PcpDiscard, PcpEvent, PcpMapping, PcpStats, PcpTransmit};
use super::mapper::{MapFailure, PortMapper};
use super::nat_pmp::{NatPmpBody, NatPmpResponse, NatPmpResult};
use super::wire::{HEADER_LEN, MAX_LEN, Opcode, ResultCode, VERSION, write_header};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};
use subtle::ConstantTimeEq as _;

/// The port of servers.
pub const SERVER_PORT: u16 = 5351;
/// The port of clients that listen for announcements.
const CLIENT_PORT: u16 = 5350;
/// Where announcements go: all hosts of the link.
const ALL_HOSTS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));
/// Times that a new address is announced (RFC 6886 §3.2.1).
const ANNOUNCEMENTS: u32 = 10;
/// Responses that wait for [`PcpServer::poll_transmit`].
const MAX_TRANSMITS: usize = 64;
/// Events that wait for [`PcpServer::poll_event`].
const MAX_EVENTS: usize = 256;

/// Protocol and end inside: what names a mapping.
pub(super) type Key = (IpProtocol, SocketAddr);

/// What proves that a request is the client's that made the mapping.
#[derive(Clone, Copy)]
pub(super) struct Nonce(pub(super) [u8; 12]);

impl Nonce {
    /// Whether it is this one; takes the same time for all.
    pub(super) fn is(self, other: [u8; 12]) -> bool {
        self.0.ct_eq(&other).into()
    }
}

/// Does not show it.
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// `None` for a mapping of NAT-PMP's, which has no nonces.
    pub(super) nonce: Option<Nonce>,
    external: SocketAddr,
    expires: Instant,
}

/// A server of PCP and NAT-PMP, sans-IO: requests go in, responses come out.
#[derive(Debug)]
pub struct PcpServer {
    pub(super) config: PcpConfig,
    /// When the mappings were last lost.
    epoch_start: Instant,
    pub(super) entries: BTreeMap<Key, Entry>,
    deadlines: BTreeSet<(Instant, Key)>,
    transmits: VecDeque<(SocketAddr, PacketBuf)>,
    events: VecDeque<PcpEvent>,
    /// The next announcement, how many were made, and the address that is announced.
    announcement: Option<(Instant, u32, Ipv4Addr)>,
    pub(super) stats: PcpStats,
    pub(super) now: Instant,
}

/// A refusal.
pub(super) struct Refused(pub(super) ResultCode);

impl From<MapFailure> for Refused {
    fn from(failure: MapFailure) -> Self {
        Self(failure.result_code())
    }
}

impl PcpServer {
    /// A server without mappings, whose epoch begins now.
    pub const fn new(config: PcpConfig, now: Instant) -> Self {
        Self {
            config,
            epoch_start: now,
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            announcement: None,
            stats: PcpStats {
                succeeded: 0,
                refused: 0,
                ignored: 0,
                wrong_nonce: 0,
                expired: 0,
                announced: 0,
                events_dropped: 0,
            },
            now,
        }
    }

    /// What has happened since the server was made.
    pub const fn stats(&self) -> &PcpStats {
        &self.stats
    }

    /// All mappings that were asked for.
    pub fn mappings(&self) -> impl Iterator<Item = PcpMapping> {
        self.entries.iter().map(|(key, entry)| mapping(key, entry))
    }

    /// Seconds since the mappings were last lost.
    // RFC 6887 §8.5 MUST (epoch): counted in seconds, from zero when state is lost.
    pub fn epoch(&self) -> u32 {
        let seconds = (self.now - self.epoch_start).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// Takes a datagram that came to port [`SERVER_PORT`] from `source`.
    ///
    /// # Errors
    ///
    /// [`PcpDiscard`]: it was ignored.
    pub fn handle_input(
        &mut self,
        now: Instant,
        source: SocketAddr,
        payload: &[u8],
        mapper: &mut dyn PortMapper,
    ) -> Result<(), PcpDiscard> {
        self.advance(now);
        self.expire(mapper);
        let result = self.answer(source, payload, mapper);
        if result.is_err() {
            self.stats.ignored = self.stats.ignored.wrapping_add(1);
        }
        result
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn answer(
        &mut self,
        source: SocketAddr,
        payload: &[u8],
        mapper: &mut dyn PortMapper,
    ) -> Result<(), PcpDiscard> {
        // RFC 6887 §8.2 MUST (short): what is shorter than two octets is dropped.
        let [version, opcode, ..] = payload else {
            return Err(PcpDiscard::Short);
        };
        // RFC 6887 §8.2 MUST (response): what has the R bit is dropped.
        if opcode & 0x80 != 0 {
            return Err(PcpDiscard::Response);
        }
        if self.transmits.len() >= MAX_TRANSMITS {
            return Err(PcpDiscard::Full);
        }
        let mut out = PacketBuf::new();
        if *version == 0 && self.config.speaks_nat_pmp {
            let IpAddr::V4(host) = source.ip().to_canonical() else {
                return Err(PcpDiscard::Family);
            };
            self.nat_pmp(host, payload, mapper).write(&mut out);
        } else {
            let result = match check(payload) {
                Err(code) => Err(Refused(code)),
                Ok(()) => self.pcp(source.ip().to_canonical(), payload, mapper),
            };
            match result {
                Ok(response) => {
                    self.stats.succeeded = self.stats.succeeded.wrapping_add(1);
                    // What is written back was read, so it can be written.
                    let _ = response.write(&mut out);
                }
                Err(Refused(code)) => {
                    self.stats.refused = self.stats.refused.wrapping_add(1);
                    self.refuse(&mut out, payload, code);
                }
            }
        }
        self.transmits.push_back((source, out));
        Ok(())
    }

    /// Writes an error: the request with another header.
    // RFC 6887 §8.3 MUST (copy): up to 1100 octets of the request, filled up to a multiple of four.
    fn refuse(&self, out: &mut PacketBuf, payload: &[u8], code: ResultCode) {
        let opcode = payload.get(1).copied().unwrap_or(0);
        let (lifetime, epoch) = (code.error_lifetime(), self.epoch());
        write_header(out, opcode, code, lifetime, epoch);
        // RFC 6887 §9 MUST (version): the answer to another version is the header alone.
        if code != ResultCode::UNSUPP_VERSION {
            let end = payload.len().min(MAX_LEN);
            let rest = payload.get(HEADER_LEN..end).unwrap_or_default();
            out.append_slice(rest);
            out.append(rest.len().next_multiple_of(4) - rest.len());
        }
    }

    // --- the table ---

    // RFC 6887 §15 MUST (grant): the lifetime granted lies between the server's bounds.
    pub(super) fn lifetime(&self, wanted: u32) -> Duration {
        Duration::from_secs(u64::from(wanted))
            .max(self.config.min_lifetime)
            .min(self.config.max_lifetime)
    }

    /// Whether a host may have another mapping.
    // RFC 6887 §17.2 SHOULD: a host cannot use up the mappings of others.
    pub(super) fn admit(&self, key: &Key) -> Result<(), Refused> {
        if self.entries.contains_key(key) {
            return Ok(());
        }
        if self.entries.len() >= self.config.max_mappings {
            return Err(Refused(ResultCode::NO_RESOURCES));
        }
        let host = key.1.ip();
        let held = self.entries.keys().filter(|(_, it)| it.ip() == host);
        if held.count() >= self.config.max_mappings_per_host {
            return Err(Refused(ResultCode::USER_EX_QUOTA));
        }
        Ok(())
    }

    pub(super) fn insert(
        &mut self,
        key: Key,
        nonce: Option<Nonce>,
        external: SocketAddr,
        lifetime: Duration,
    ) {
        let entry = Entry {
            nonce,
            external,
            expires: self.now.saturating_add(lifetime),
        };
        let made = mapping(&key, &entry);
        self.deadlines.insert((entry.expires, key));
        match self.entries.insert(key, entry) {
            Some(old) => {
                if old.expires != made.expires {
                    self.deadlines.remove(&(old.expires, key));
                }
            }
            None => self.tell(PcpEvent::Mapped(made)),
        }
    }

    pub(super) fn remove(&mut self, key: &Key, mapper: &mut dyn PortMapper) {
        if let Some(entry) = self.entries.remove(key) {
            self.deadlines.remove(&(entry.expires, *key));
            mapper.unmap(self.now, key.0, key.1, entry.external);
            self.tell(PcpEvent::Unmapped(mapping(key, &entry)));
        }
    }

    fn tell(&mut self, event: PcpEvent) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        } else {
            self.stats.events_dropped = self.stats.events_dropped.wrapping_add(1);
        }
    }

    fn expire(&mut self, mapper: &mut dyn PortMapper) {
        while let Some((at, key)) = self.deadlines.first().copied()
            && at <= self.now
        {
            self.stats.expired = self.stats.expired.wrapping_add(1);
            self.remove(&key, mapper);
        }
    }

    /// The translator has lost its mappings, or has another address outside: the epoch begins anew,
    /// all mappings are forgotten, and hosts are told, ten times with growing pauses.
    // RFC 6887 §8.5 MUST (reset): the epoch goes back to zero when mappings were lost.
    // RFC 6886 §3.2.1 MUST: a new external address is announced to all hosts.
    pub fn reset(&mut self, now: Instant, external: Ipv4Addr) {
        self.advance(now);
        self.epoch_start = self.now;
        let lost: Vec<PcpMapping> = self.mappings().collect();
        for mapping in lost {
            self.tell(PcpEvent::Unmapped(mapping));
        }
        self.entries.clear();
        self.deadlines.clear();
        self.announcement = Some((self.now, 0, external));
    }

    /// Ends the mappings whose lifetime is over, and announces what is to be announced.
    pub fn handle_timeout(&mut self, now: Instant, mapper: &mut dyn PortMapper) {
        self.advance(now);
        self.expire(mapper);
        if let Some((at, made, address)) = self.announcement
            && at <= self.now
        {
            self.announce(address);
            // RFC 6886 §3.2.1 MUST (pauses): 250 ms, then twice as long each time.
            let pause = Duration::from_millis(250 << made.min(16));
            self.announcement = (made + 1 < ANNOUNCEMENTS)
                .then(|| (self.now.saturating_add(pause), made + 1, address));
        }
    }

    fn announce(&mut self, address: Ipv4Addr) {
        let destination = SocketAddr::new(ALL_HOSTS, CLIENT_PORT);
        let epoch = self.epoch();
        let mut messages = Vec::new();
        if self.config.speaks_nat_pmp {
            let mut out = PacketBuf::new();
            NatPmpResponse {
                opcode: 0,
                result: NatPmpResult::SUCCESS,
                epoch,
                body: NatPmpBody::ExternalAddress(address),
            }
            .write(&mut out);
            messages.push(out);
        }
        // RFC 6887 §14.1.3 MUST: an ANNOUNCE response that nobody asked for, with the new epoch.
        let mut out = PacketBuf::new();
        write_header(&mut out, Opcode::ANNOUNCE.0, ResultCode::SUCCESS, 0, epoch);
        messages.push(out);
        for message in messages {
            if self.transmits.len() < MAX_TRANSMITS {
                self.transmits.push_back((destination, message));
                self.stats.announced = self.stats.announced.wrapping_add(1);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let announcement = self.announcement.map(|(at, ..)| at);
        [deadline, announcement].into_iter().flatten().min()
    }

    /// Moves the next datagram to be sent into `out`, in place of what is there.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PcpTransmit> {
        let (destination, message) = self.transmits.pop_front()?;
        out.clear();
        out.append_slice(message.as_slice());
        Some(PcpTransmit { destination })
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<PcpEvent> {
        self.events.pop_front()
    }
}

/// What is wrong with a message before its opcode is looked at.
// RFC 6887 §8.3 MUST (version): another version is told which one is spoken.
// RFC 6887 §8.3 MUST (length): at least a header, a multiple of four, at most 1100 octets.
fn check(payload: &[u8]) -> Result<(), ResultCode> {
    if payload.first() != Some(&VERSION) {
        return Err(ResultCode::UNSUPP_VERSION);
    }
    let length = payload.len();
    if length < HEADER_LEN || !length.is_multiple_of(4) || length > MAX_LEN {
        return Err(ResultCode::MALFORMED_REQUEST);
    }
    Ok(())
}

fn mapping(key: &Key, entry: &Entry) -> PcpMapping {
    PcpMapping {
        protocol: key.0,
        internal: key.1,
        external: entry.external,
        expires: entry.expires,
    }
}

pub(super) fn seconds(lifetime: Duration) -> u32 {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)
}
