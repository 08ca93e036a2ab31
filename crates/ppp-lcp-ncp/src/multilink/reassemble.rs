//! The receiver of a bundle.

use super::header::FragmentHeader;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, ParseError};

/// What a [`Reassembler`] is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblerConfig {
    /// Whether the short header was negotiated, for the direction to us.
    pub is_short: bool,
    /// Octets of a reassembled packet: our MRRU.
    pub mrru: usize,
    /// Fragments that may wait for others; at least 1. When there are more, what the oldest waits for is taken
    /// for lost. Default: 256.
    pub max_fragments: usize,
    /// Octets of those fragments. Default: 262,144.
    pub max_octets: usize,
    /// How long a fragment waits for others. Default: 1 s.
    pub timeout: Duration,
}

impl Default for ReassemblerConfig {
    fn default() -> Self {
        Self {
            is_short: false,
            mrru: 1500,
            max_fragments: 256,
            max_octets: 262_144,
            timeout: Duration::from_secs(1),
        }
    }
}

/// A value of [`ReassemblerConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ReassemblerConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Why a fragment was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReassemblyDiscard {
    /// It has no whole header.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// There is no such link.
    #[error("link {0} is not of this bundle")]
    NoLink(usize),
    /// Its packet was given up or delivered already.
    #[error("fragment {0} comes too late")]
    Late(u32),
    /// It is there already.
    #[error("fragment {0} is there already")]
    Duplicate(u32),
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReassemblerStats {
    /// Fragments handed in.
    pub received: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Fragments without a whole header.
    pub malformed: u64,
    /// Fragments that came too late.
    pub late: u64,
    /// Fragments that were there already.
    pub duplicates: u64,
    /// Fragments that did not come.
    pub lost: u64,
    /// Fragments thrown away because others of their packet did not come.
    pub thrown_away: u64,
    /// Packets that would have been longer than the MRRU.
    pub too_long: u64,
    /// Times that something was given up because too much waited.
    pub full: u64,
    /// Times that something was given up because it waited too long.
    pub timed_out: u64,
}

struct Fragment {
    begins: bool,
    ends: bool,
    data: Vec<u8>,
    arrived: Instant,
}

/// Puts the packets of a bundle together again.
///
/// Sequence numbers grow on each link. When all links have gone past a number that did not come, it
/// is lost (RFC 1990 §4.1), and so is its packet; so it is when a fragment has waited too long for it,
/// or too many wait.
pub struct Reassembler {
    config: ReassemblerConfig,
    /// By number, counted on beyond the bits of the header.
    fragments: BTreeMap<u64, Fragment>,
    octets: usize,
    /// The number that is to be delivered next.
    next: u64,
    /// The last number of each link; `None` for a link that has left.
    links: Vec<Option<u64>>,
    ready: VecDeque<PacketBuf>,
    latest: Instant,
    stats: ReassemblerStats,
}

impl Reassembler {
    /// A bundle without links.
    ///
    /// # Errors
    ///
    /// [`ReassemblerConfigError`], which names the field.
    pub fn new(config: ReassemblerConfig) -> Result<Self, ReassemblerConfigError> {
        let fail = |field, problem| Err(ReassemblerConfigError { field, problem });
        if config.mrru < 64 {
            return fail("mrru", "must be at least 64");
        }
        // Numbers have to be told apart: a window of a quarter of them is safe.
        let most = 1usize << (FragmentHeader::sequence_bits(config.is_short) - 2);
        if config.max_fragments == 0 || config.max_fragments > most {
            return fail(
                "max_fragments",
                "must be at least 1, and a quarter of the sequence numbers at most",
            );
        }
        if config.max_octets < config.mrru {
            return fail("max_octets", "must be at least the MRRU");
        }
        if config.timeout.is_zero() {
            return fail("timeout", "must not be zero");
        }
        Ok(Self {
            config,
            fragments: BTreeMap::new(),
            octets: 0,
            // RFC 1990 §4 MUST (zero): a bundle starts with number 0. Counted on, it is far enough from zero
            // for numbers that come before it.
            next: 1 << 32,
            links: Vec::new(),
            ready: VecDeque::new(),
            latest: Instant::ZERO,
            stats: ReassemblerStats::default(),
        })
    }

    /// Adds a link, and says its number.
    pub fn add_link(&mut self) -> usize {
        let last = self.next.saturating_sub(1);
        if let Some(free) = self.links.iter().position(Option::is_none) {
            if let Some(link) = self.links.get_mut(free) {
                *link = Some(last);
            }
            return free;
        }
        self.links.push(Some(last));
        self.links.len() - 1
    }

    /// A link has left: nothing more is awaited from it.
    pub fn remove_link(&mut self, link: usize) {
        if let Some(link) = self.links.get_mut(link) {
            *link = None;
        }
        self.give_up_lost();
    }

    /// Counters.
    pub const fn stats(&self) -> &ReassemblerStats {
        &self.stats
    }

    /// Fragments that wait, and their octets.
    pub fn waiting(&self) -> (usize, usize) {
        (self.fragments.len(), self.octets)
    }

    /// A fragment, the information field of a multilink packet, has arrived on a link.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        link: usize,
        fragment: &[u8],
    ) -> Result<(), ReassemblyDiscard> {
        self.stats.received += 1;
        let result = self.receive(now, link, fragment);
        match result {
            Err(ReassemblyDiscard::Parse(_) | ReassemblyDiscard::NoLink(_)) => {
                self.stats.malformed += 1;
            }
            Err(ReassemblyDiscard::Late(_)) => self.stats.late += 1,
            Err(ReassemblyDiscard::Duplicate(_)) => self.stats.duplicates += 1,
            Ok(()) => {}
        }
        result
    }

    /// Gives up what has waited too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        while self.poll_timeout().is_some_and(|at| at <= self.latest) {
            self.stats.timed_out += 1;
            self.give_up_oldest();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (_, first) = self.fragments.first_key_value()?;
        Some(first.arrived + self.config.timeout)
    }

    /// The next PPP packet, protocol and information, in order.
    pub fn poll_packet(&mut self) -> Option<PacketBuf> {
        self.ready.pop_front()
    }

    fn receive(
        &mut self,
        now: Instant,
        link: usize,
        fragment: &[u8],
    ) -> Result<(), ReassemblyDiscard> {
        let (header, data) = FragmentHeader::parse(fragment, self.config.is_short)?;
        let Some(Some(_)) = self.links.get(link) else {
            return Err(ReassemblyDiscard::NoLink(link));
        };
        let number = self.unwrap(header.sequence);
        if number < self.next {
            return Err(ReassemblyDiscard::Late(header.sequence));
        }
        if self.fragments.contains_key(&number) {
            return Err(ReassemblyDiscard::Duplicate(header.sequence));
        }
        self.latest = self.latest.max(now);
        if let Some(Some(last)) = self.links.get_mut(link) {
            *last = (*last).max(number);
        }
        self.octets += data.len();
        let fragment = Fragment {
            begins: header.begins,
            ends: header.ends,
            data: data.to_vec(),
            arrived: self.latest,
        };
        self.fragments.insert(number, fragment);
        self.deliver();
        self.give_up_lost();
        while self.fragments.len() > self.config.max_fragments
            || self.octets > self.config.max_octets
        {
            self.stats.full += 1;
            self.give_up_oldest();
        }
        Ok(())
    }

    /// The number on the line, counted on from the one that is due.
    fn unwrap(&self, sequence: u32) -> u64 {
        let bits = FragmentHeader::sequence_bits(self.config.is_short);
        let size = 1u64 << bits;
        let low = self.next & (size - 1);
        let ahead = u64::from(sequence).wrapping_sub(low) & (size - 1);
        if ahead < size / 2 {
            self.next + ahead
        } else {
            (self.next + ahead).saturating_sub(size)
        }
    }

    /// Delivers whole packets from the front.
    fn deliver(&mut self) {
        while let Some(end) = self.end_of_first() {
            let mut packet = PacketBuf::new();
            let mut octets = 0;
            while self.next <= end {
                if let Some(fragment) = self.fragments.remove(&self.next) {
                    self.octets -= fragment.data.len();
                    octets += fragment.data.len();
                    if octets <= self.config.mrru + 2 {
                        packet.append_slice(&fragment.data);
                    }
                }
                self.next += 1;
            }
            // RFC 1990 §5.1.1 MUST (mrru): two octets more than the MRRU, for the protocol.
            if octets > self.config.mrru + 2 {
                self.stats.too_long += 1;
            } else {
                self.stats.delivered += 1;
                self.ready.push_back(packet);
            }
        }
    }

    /// The last number of the packet at the front, when all of it is there.
    fn end_of_first(&mut self) -> Option<u64> {
        loop {
            let first = self.fragments.get(&self.next)?;
            if first.begins {
                break;
            }
            // Its beginning was lost.
            self.throw_away_before(self.next + 1);
        }
        let mut number = self.next;
        loop {
            let fragment = self.fragments.get(&number)?;
            if number != self.next && fragment.begins {
                // A packet begins where another has not ended: that one was cut by its sender.
                self.throw_away_before(number);
            }
            if fragment_ends(self.fragments.get(&number)) {
                return Some(number);
            }
            number += 1;
        }
    }

    /// Gives up all numbers before this one, whether they have come or not.
    fn throw_away_before(&mut self, number: u64) {
        let kept = self.fragments.split_off(&number);
        let thrown = core::mem::replace(&mut self.fragments, kept);
        let mut missing = number.saturating_sub(self.next);
        for fragment in thrown.values() {
            self.octets -= fragment.data.len();
            self.stats.thrown_away += 1;
            missing = missing.saturating_sub(1);
        }
        self.stats.lost += missing;
        self.next = number;
    }

    // RFC 1990 §4.1 MUST (lost): a number that did not come, and that all links have gone past, is lost,
    // and its packet with it.
    fn give_up_lost(&mut self) {
        let Some(least) = self.links.iter().flatten().min().copied() else {
            return;
        };
        while !self.fragments.is_empty() {
            let missing = self.first_missing();
            if missing >= least {
                return;
            }
            // All that is missing in front of the next one that came, at once.
            let mut later = self.fragments.range(missing..);
            let next = later.next().map_or(least, |(&number, _)| number);
            self.give_up_until(next.min(least) - 1);
        }
    }

    /// The first number from the front on that is not there.
    fn first_missing(&self) -> u64 {
        let mut number = self.next;
        for &present in self.fragments.keys() {
            if present != number {
                break;
            }
            number += 1;
        }
        number
    }

    /// Gives up what the oldest fragment waits for.
    fn give_up_oldest(&mut self) {
        match self.fragments.first_key_value() {
            Some((&first, _)) if first > self.next => {
                self.throw_away_before(first);
                self.deliver();
            }
            Some(_) => self.give_up_until(self.first_missing()),
            None => {}
        }
    }

    /// Throws away all up to and with a number.
    fn give_up_until(&mut self, number: u64) {
        self.throw_away_before(number + 1);
        self.deliver();
    }
}

fn fragment_ends(fragment: Option<&Fragment>) -> bool {
    fragment.is_some_and(|fragment| fragment.ends)
}

impl core::fmt::Debug for Reassembler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reassembler")
            .field("fragments", &self.fragments.len())
            .field("octets", &self.octets)
            .field("links", &self.links.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
