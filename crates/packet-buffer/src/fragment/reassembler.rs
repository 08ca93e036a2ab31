//! The reassembler: fragments in, whole packets out, within limits.

use super::config::{ReassemblerConfig, ReassemblerConfigError, ReassemblerStats, WhenFull};
use super::datagram::{Datagram, PIECE_OVERHEAD, Place, VECTOR_OVERHEAD};
use super::{AbandonReason, Fragment, FragmentDiscard, FragmentKey};
use crate::wire::IpPacket;
use crate::{Instant, PacketBuf};
use alloc::collections::{BTreeMap, VecDeque};

/// Puts the fragments of both versions of IP together.
///
/// The caller hands in every packet that may be a fragment ([`insert`](Self::insert)), tells the
/// time ([`poll_timeout`](Self::poll_timeout), [`handle_timeout`](Self::handle_timeout)), and asks
/// what has come of datagrams that never became whole ([`poll_event`](Self::poll_event)).
///
/// # Limits
///
/// Memory, datagrams, fragments of a datagram and time are bounded by [`ReassemblerConfig`], in all
/// and for each source, and everything refused is counted in [`stats`](Self::stats). Fragments are
/// copied into memory of the global allocator, each once; [`octets`](Self::octets) says how much is
/// held. A source is what the packet says it is: the share of each keeps one neighbor from starving
/// others, and is no help against who forges addresses.
///
/// # Overlaps
///
/// A datagram with overlapping fragments is given up, over IPv6 as RFC 5722 prescribes and over IPv4
/// for the same reasons; no honest sender makes one. Its key is remembered until its time runs out,
/// so that fragments that are still to come do not begin a datagram anew. An exact duplicate is
/// ignored instead.
#[derive(Debug)]
pub struct Reassembler {
    config: ReassemblerConfig,
    datagrams: BTreeMap<FragmentKey, Entry>,
    /// Datagrams in the order in which they were begun, which is that of their deadlines.
    arrivals: BTreeMap<u64, FragmentKey>,
    next_arrival: u64,
    /// What each source holds; keyed by the least key that a datagram of the source could have.
    sources: BTreeMap<FragmentKey, Share>,
    /// Octets that all datagrams are charged for.
    octets: usize,
    /// The latest time seen.
    latest: Instant,
    events: VecDeque<ReassemblyEvent>,
    stats: ReassemblerStats,
}

/// A datagram in the table.
#[derive(Debug)]
struct Entry {
    arrival: u64,
    deadline: Instant,
    /// Octets that the datagram is charged for.
    charge: usize,
    /// `None` when it was given up.
    datagram: Option<Datagram>,
}

/// What one source holds.
#[derive(Debug, Default)]
struct Share {
    datagrams: usize,
    octets: usize,
}

/// Upper bound of the memory that a datagram takes beside its fragments, in three maps whose nodes
/// are at least five elevenths full, and in its vector of fragments.
pub(super) const ENTRY_OVERHEAD: usize = 768;
const _: () = {
    let in_maps = size_of::<(FragmentKey, Entry)>()
        + size_of::<(u64, FragmentKey)>()
        + size_of::<(FragmentKey, Share)>();
    // Beside keys and values, nodes have up to 15 pointers for at least 5 elements.
    assert!(in_maps * 11 / 5 + 3 * 24 + VECTOR_OVERHEAD <= ENTRY_OVERHEAD);
};

/// Octets of a first fragment that are quoted in an event: what fits into an ICMPv6 error without
/// exceeding the minimum MTU (RFC 4443 §2.4), and more than ICMPv4 may quote.
const MAX_QUOTE: usize = 1280 - 40 - 8;

/// What became of a packet that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reassembly {
    /// The packet is whole and has no fragment header: `out` is unchanged.
    NotAFragment,
    /// The packet is whole in spite of a fragment header (RFC 6946): `out` holds it without.
    Atomic,
    /// The fragment is kept, and others are missing: `out` is unchanged.
    Incomplete,
    /// `out` holds the whole packet.
    Complete,
    /// The fragment shows that its datagram cannot be right. What was held of it is discarded, and
    /// nobody is told (RFC 5722 §4): `out` is unchanged.
    Abandoned(AbandonReason),
}

/// What happened without a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReassemblyEvent {
    /// Fragments of a datagram were missing for too long, and those that were there are discarded.
    TimedOut {
        /// Which datagram.
        key: FragmentKey,
        /// The start of the first fragment as it was received, to be quoted in an ICMP Time
        /// Exceeded with code 1; `None` when that fragment is among the missing, and no ICMP
        /// message is to be sent.
        first_fragment: Option<PacketBuf>,
    },
}

impl Reassembler {
    /// A reassembler that holds nothing.
    ///
    /// # Errors
    ///
    /// [`ReassemblerConfigError`], which names the field.
    pub fn new(config: ReassemblerConfig) -> Result<Self, ReassemblerConfigError> {
        config.check()?;
        Ok(Self {
            config,
            datagrams: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            sources: BTreeMap::new(),
            octets: 0,
            latest: Instant::ZERO,
            events: VecDeque::new(),
            stats: ReassemblerStats::default(),
        })
    }

    /// Takes a packet that may be a fragment. When it makes a packet whole, that packet replaces
    /// what is in `out`, behind the headroom that `out` has.
    ///
    /// A fragment that comes when the time of its datagram has run out begins another one, whether
    /// or not [`handle_timeout`](Self::handle_timeout) has come by.
    ///
    /// The IPv4 header checksum is the caller's to verify, as are options of the headers: those of
    /// each fragment are processed before the packet is put together (RFC 8200 §4.5).
    ///
    /// # Errors
    ///
    /// [`FragmentDiscard`], with the state and `out` unchanged.
    pub fn insert(
        &mut self,
        now: Instant,
        zone: u32,
        packet: &IpPacket<'_>,
        out: &mut PacketBuf,
    ) -> Result<Reassembly, FragmentDiscard> {
        self.latest = self.latest.max(now);
        let result = self.try_insert(zone, packet, out);
        self.stats.record(&result);
        result
    }

    fn try_insert(
        &mut self,
        zone: u32,
        packet: &IpPacket<'_>,
        out: &mut PacketBuf,
    ) -> Result<Reassembly, FragmentDiscard> {
        let Some(fragment) = Fragment::parse(zone, packet)? else {
            return Ok(Reassembly::NotAFragment);
        };
        // RFC 6946 §4 MUST: an atomic fragment is processed in isolation, even when fragments with
        // the same addresses and identification are there.
        if fragment.is_atomic() {
            fragment.write_atomic(out);
            return Ok(Reassembly::Atomic);
        }
        self.config.first_fragment.check(&fragment)?;
        let key = fragment.key();
        let overdue = self
            .deadline_of(&key)
            .is_some_and(|deadline| deadline <= self.latest);
        let (index, is_new) = match self.datagrams.get(&key) {
            None => (0, true),
            // Its time has run out, though `handle_timeout` has not come by: what arrives now is
            // of another datagram that has the same identification.
            Some(_) if overdue => (0, true),
            // RFC 5722 §4 MUST (not-yet-received): fragments of a datagram that was given up are
            // discarded as well when they come later.
            Some(Entry { datagram: None, .. }) => return Err(FragmentDiscard::GivenUp),
            Some(Entry {
                datagram: Some(datagram),
                ..
            }) => match datagram.place(&fragment)? {
                Place::Nowhere(reason) => return Ok(self.give_up(&key, reason)),
                Place::At(_) if datagram.fragments() >= self.config.max_fragments => {
                    return Ok(self.give_up(&key, AbandonReason::TooManyFragments));
                }
                Place::At(index) => (index, false),
            },
        };
        let mut charge = Datagram::stored_octets(&fragment) + PIECE_OVERHEAD;
        if is_new {
            charge += ENTRY_OVERHEAD;
        }
        self.make_room(&key, charge, is_new)?;
        if is_new {
            if let Some(Entry {
                datagram: Some(datagram),
                ..
            }) = self.remove(&key)
            {
                self.time_out(key, &datagram);
            }
            self.begin(key);
        }
        if !self.store(&key, charge, index, &fragment) {
            return Ok(Reassembly::Incomplete);
        }
        // All fragments are there: no others are waited for, whatever comes of these.
        let entry = self.remove(&key);
        let Some(datagram) = entry.and_then(|entry| entry.datagram) else {
            return Ok(Reassembly::Incomplete);
        };
        Ok(match datagram.assemble(&key, out) {
            Ok(()) => Reassembly::Complete,
            Err(reason) => Reassembly::Abandoned(reason),
        })
    }

    /// Discards the datagrams whose time has run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        while let Some((_, &key)) = self.arrivals.first_key_value()
            && self
                .deadline_of(&key)
                .is_none_or(|deadline| deadline <= self.latest)
            && let Some(entry) = self.remove(&key)
        {
            // What was given up goes in silence.
            if let Some(datagram) = entry.datagram {
                self.time_out(key, &datagram);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when nothing is held.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (_, key) = self.arrivals.first_key_value()?;
        self.deadline_of(key)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ReassemblyEvent> {
        self.events.pop_front()
    }

    /// What was done and refused since the reassembler was made.
    pub const fn stats(&self) -> &ReassemblerStats {
        &self.stats
    }

    /// Datagrams that are waited for, given-up ones included.
    pub fn datagrams(&self) -> usize {
        self.datagrams.len()
    }

    /// Octets held, as [`ReassemblerConfig`] counts them.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// The configuration.
    pub const fn config(&self) -> &ReassemblerConfig {
        &self.config
    }

    /// Evicts datagrams, if it may, until `charge` more octets fit for the datagram `key`.
    ///
    /// # Errors
    ///
    /// Full and source full, with nothing evicted.
    fn make_room(
        &mut self,
        key: &FragmentKey,
        charge: usize,
        is_new: bool,
    ) -> Result<(), FragmentDiscard> {
        let own = self.datagrams.get(key).map_or(0, |entry| entry.charge) + charge;
        // Where even an empty table would not do, nobody is evicted in vain.
        if own > self.config.max_octets {
            return Err(FragmentDiscard::Full);
        }
        if own > self.config.max_octets_per_source {
            return Err(FragmentDiscard::SourceFull);
        }
        let more = usize::from(is_new);
        if self.config.when_full == WhenFull::Refuse {
            if self.source_is_full(key, charge, more) {
                return Err(FragmentDiscard::SourceFull);
            }
            if self.is_full(charge, more) {
                return Err(FragmentDiscard::Full);
            }
            return Ok(());
        }
        while self.source_is_full(key, charge, more) {
            let of_source = self.datagrams.range(key.of_same_source());
            let others = of_source.filter(|(other, _)| *other != key);
            let oldest = others.min_by_key(|(_, entry)| entry.arrival);
            let Some(oldest) = oldest.map(|(oldest, _)| *oldest) else {
                return Err(FragmentDiscard::SourceFull);
            };
            self.remove(&oldest);
            self.stats.evicted_of_source = self.stats.evicted_of_source.wrapping_add(1);
        }
        while self.is_full(charge, more) {
            let Some(oldest) = self.arrivals.values().find(|other| *other != key).copied() else {
                return Err(FragmentDiscard::Full);
            };
            self.remove(&oldest);
            self.stats.evicted = self.stats.evicted.wrapping_add(1);
        }
        Ok(())
    }

    fn is_full(&self, charge: usize, more: usize) -> bool {
        self.octets + charge > self.config.max_octets
            || self.datagrams.len() + more > self.config.max_datagrams
    }

    fn source_is_full(&self, key: &FragmentKey, charge: usize, more: usize) -> bool {
        self.sources
            .get(key.of_same_source().start())
            .is_some_and(|share| {
                share.octets + charge > self.config.max_octets_per_source
                    || share.datagrams + more > self.config.max_datagrams_per_source
            })
    }

    /// Begins a datagram, not yet charged for.
    fn begin(&mut self, key: FragmentKey) {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.arrivals.insert(arrival, key);
        let share = self.sources.entry(*key.of_same_source().start());
        share.or_default().datagrams += 1;
        let entry = Entry {
            arrival,
            // RFC 8200 §4.5 MUST (timeout): the time counts from the first fragment to arrive.
            // RFC 1122 §3.3.2 SHOULD (timeout): it is a fixed time, between 60 and 120 seconds.
            deadline: self.latest + self.config.timeout,
            charge: 0,
            datagram: Some(Datagram::default()),
        };
        self.datagrams.insert(key, entry);
    }

    /// Keeps a fragment, for which there is room; says whether its datagram is complete.
    fn store(
        &mut self,
        key: &FragmentKey,
        charge: usize,
        index: usize,
        fragment: &Fragment<'_>,
    ) -> bool {
        let Some(entry) = self.datagrams.get_mut(key) else {
            return false;
        };
        entry.charge += charge;
        self.octets += charge;
        if let Some(share) = self.sources.get_mut(key.of_same_source().start()) {
            share.octets += charge;
        }
        entry.datagram.as_mut().is_some_and(|datagram| {
            datagram.store(index, fragment);
            datagram.is_complete()
        })
    }

    fn deadline_of(&self, key: &FragmentKey) -> Option<Instant> {
        self.datagrams.get(key).map(|entry| entry.deadline)
    }

    /// Discards the fragments of a datagram and remembers its key.
    // RFC 5722 §4 MUST (overlap): a datagram with overlapping fragments is discarded in silence.
    fn give_up(&mut self, key: &FragmentKey, reason: AbandonReason) -> Reassembly {
        if let Some(entry) = self.datagrams.get_mut(key) {
            let freed = entry.charge.saturating_sub(ENTRY_OVERHEAD);
            entry.datagram = None;
            entry.charge -= freed;
            self.octets -= freed;
            if let Some(share) = self.sources.get_mut(key.of_same_source().start()) {
                share.octets -= freed;
            }
        }
        Reassembly::Abandoned(reason)
    }

    /// Takes a datagram out of the table.
    fn remove(&mut self, key: &FragmentKey) -> Option<Entry> {
        let entry = self.datagrams.remove(key)?;
        self.arrivals.remove(&entry.arrival);
        self.octets -= entry.charge;
        let source = *key.of_same_source().start();
        if let Some(share) = self.sources.get_mut(&source) {
            share.datagrams -= 1;
            share.octets -= entry.charge;
            if share.datagrams == 0 {
                self.sources.remove(&source);
            }
        }
        Some(entry)
    }

    // RFC 1122 §3.3.2 MUST (expired): what there is of the datagram is discarded, and ICMP Time
    // Exceeded is sent if fragment zero has been received.
    // RFC 8200 §4.5 MUST (expired): so it is over IPv6.
    fn time_out(&mut self, key: FragmentKey, datagram: &Datagram) {
        self.stats.timed_out = self.stats.timed_out.wrapping_add(1);
        if self.events.len() >= self.config.max_events {
            self.stats.events_dropped = self.stats.events_dropped.wrapping_add(1);
            return;
        }
        let first_fragment = datagram.first_fragment().map(|octets| {
            let quote = octets.get(..MAX_QUOTE).unwrap_or(octets);
            PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, quote)
        });
        self.events.push_back(ReassemblyEvent::TimedOut {
            key,
            first_fragment,
        });
    }
}

#[cfg(test)]
mod tests;
