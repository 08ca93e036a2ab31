//! How a reassembler is set up, and what it counts.

use super::{AbandonReason, FirstFragmentPolicy, FragmentDiscard, Reassembly};
use core::time::Duration;
use thiserror::Error;

/// How a [`Reassembler`](super::Reassembler) is set up.
///
/// Octets are counted as the memory that they take: what is stored of each fragment (its payload,
/// and of the first one its headers), [`FRAGMENT_OVERHEAD`](Self::FRAGMENT_OVERHEAD) for each, and
/// [`DATAGRAM_OVERHEAD`](Self::DATAGRAM_OVERHEAD) for each datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblerConfig {
    /// How long the fragments of a datagram are waited for after the first of them has arrived; at
    /// least 1 microsecond. Default: 60 s, which RFC 8200 §4.5 prescribes and RFC 1122 §3.3.2
    /// allows.
    pub timeout: Duration,
    /// The most octets held at a time; at least [`MIN_OCTETS`](Self::MIN_OCTETS). Default: 4 MiB.
    pub max_octets: usize,
    /// The most octets held of one source (an IPv4 address, or an IPv6 prefix of 64 bits, in one
    /// zone); at least [`MIN_OCTETS`](Self::MIN_OCTETS). Default: 1 MiB.
    pub max_octets_per_source: usize,
    /// The most datagrams waited for at a time, given-up ones included; at least 1. Default: 1,024.
    pub max_datagrams: usize,
    /// The most datagrams of one source; at least 1. To evict the oldest, all of them are looked at.
    /// Default: 64.
    pub max_datagrams_per_source: usize,
    /// The most fragments of one datagram; from 2 to 8,192. A datagram with more is given up.
    /// Default: 128, which is enough for the longest datagram over links that carry 576 octets.
    pub max_fragments: usize,
    /// The most events that wait for [`poll_event`](super::Reassembler::poll_event), each of which
    /// takes up to 2 KiB beside the octets counted above. Further ones are dropped and counted.
    /// Default: 64.
    pub max_events: usize,
    /// What happens when there is no room. Default: [`WhenFull::EvictOldest`].
    pub when_full: WhenFull,
    /// Which first fragments are refused. Default: [`FirstFragmentPolicy::STRICT`].
    pub first_fragment: FirstFragmentPolicy,
}

impl ReassemblerConfig {
    /// What a fragment is counted as beside its octets.
    pub const FRAGMENT_OVERHEAD: usize = super::datagram::PIECE_OVERHEAD;
    /// What a datagram is counted as beside its fragments.
    pub const DATAGRAM_OVERHEAD: usize = super::reassembler::ENTRY_OVERHEAD;
    /// The least that the limits of octets can be: enough for the packets that every node must
    /// accept.
    // RFC 8200 §5 MUST: a node accepts fragmented packets of 1500 octets after reassembly.
    // RFC 1122 §3.3.2 MUST (emtu-r): a host reassembles datagrams of 576 octets.
    pub const MIN_OCTETS: usize = 4_096;

    pub(super) fn check(&self) -> Result<(), ReassemblerConfigError> {
        let wrong = |field, problem| Err(ReassemblerConfigError { field, problem });
        if self.timeout.as_micros() == 0 {
            return wrong("timeout", "it must be at least 1 microsecond");
        }
        if self.max_octets < Self::MIN_OCTETS {
            return wrong("max_octets", "it must be at least 4096");
        }
        if self.max_octets_per_source < Self::MIN_OCTETS {
            return wrong("max_octets_per_source", "it must be at least 4096");
        }
        if self.max_datagrams == 0 {
            return wrong("max_datagrams", "it must be at least 1");
        }
        if self.max_datagrams_per_source == 0 {
            return wrong("max_datagrams_per_source", "it must be at least 1");
        }
        if self.max_fragments < 2 || self.max_fragments > 8_192 {
            return wrong("max_fragments", "it must be from 2 to 8192");
        }
        Ok(())
    }
}

impl Default for ReassemblerConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            max_octets: 4 << 20,
            max_octets_per_source: 1 << 20,
            max_datagrams: 1_024,
            max_datagrams_per_source: 64,
            max_fragments: 128,
            max_events: 64,
            when_full: WhenFull::EvictOldest,
            first_fragment: FirstFragmentPolicy::STRICT,
        }
    }
}

/// What happens to a fragment for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenFull {
    /// The datagram that was begun first makes room: of the same source when that has used up its
    /// share, otherwise of all.
    ///
    /// Fragments of an honest datagram arrive together. To push one out, a flood must fill the
    /// whole room within the milliseconds in between; with [`Refuse`](Self::Refuse), it need only
    /// fill it once in each timeout, and nobody else's fragments are put together.
    #[default]
    EvictOldest,
    /// The fragment is refused, and datagrams that were begun live on: for a node that would rather
    /// serve those who came first.
    Refuse,
}

/// Why a [`Reassembler`](super::Reassembler) cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{field}: {problem}")]
pub struct ReassemblerConfigError {
    /// The field of [`ReassemblerConfig`] to blame.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What a [`Reassembler`](super::Reassembler) has done and refused since it was made. All counters
/// wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct ReassemblerStats {
    /// Fragments that were kept, or completed a datagram.
    pub accepted: u64,
    /// Packets put together.
    pub reassembled: u64,
    /// Atomic IPv6 fragments, handed back without their fragment header.
    pub atomic: u64,
    /// Datagrams whose time ran out.
    pub timed_out: u64,
    /// Fragments discarded as [`FragmentDiscard::Malformed`].
    pub malformed: u64,
    /// Fragments discarded as [`FragmentDiscard::Empty`].
    pub empty: u64,
    /// Fragments discarded as [`FragmentDiscard::Unaligned`].
    pub unaligned: u64,
    /// Fragments discarded as [`FragmentDiscard::TooLong`], and datagrams given up as
    /// [`AbandonReason::TooLong`].
    pub too_long: u64,
    /// Fragments discarded as [`FragmentDiscard::TinyFirst`].
    pub tiny_first: u64,
    /// Fragments discarded as [`FragmentDiscard::WithinTcpHeader`].
    pub within_tcp_header: u64,
    /// Fragments discarded as [`FragmentDiscard::IncompleteHeaderChain`].
    pub incomplete_header_chain: u64,
    /// Fragments discarded as [`FragmentDiscard::Duplicate`].
    pub duplicate: u64,
    /// Fragments discarded as [`FragmentDiscard::GivenUp`].
    pub given_up: u64,
    /// Fragments discarded as [`FragmentDiscard::Full`].
    pub full: u64,
    /// Fragments discarded as [`FragmentDiscard::SourceFull`].
    pub source_full: u64,
    /// Datagrams given up as [`AbandonReason::Overlap`].
    pub overlap: u64,
    /// Datagrams given up as [`AbandonReason::ConflictingEnd`].
    pub conflicting_end: u64,
    /// Datagrams given up as [`AbandonReason::TooManyFragments`].
    pub too_many_fragments: u64,
    /// Datagrams given up as [`AbandonReason::EcnConflict`].
    pub ecn_conflict: u64,
    /// Datagrams that made room for others.
    pub evicted: u64,
    /// Datagrams that made room for others of the same source.
    pub evicted_of_source: u64,
    /// Events that were dropped because nobody polled.
    pub events_dropped: u64,
}

impl ReassemblerStats {
    /// Counts what an insert came to.
    pub(super) fn record(&mut self, result: &Result<Reassembly, FragmentDiscard>) {
        let counter = match result {
            Ok(Reassembly::NotAFragment) => return,
            Ok(Reassembly::Atomic) => &mut self.atomic,
            Ok(Reassembly::Incomplete) => &mut self.accepted,
            Ok(Reassembly::Complete) => {
                self.accepted = self.accepted.wrapping_add(1);
                &mut self.reassembled
            }
            Ok(Reassembly::Abandoned(reason)) => match reason {
                AbandonReason::Overlap => &mut self.overlap,
                AbandonReason::ConflictingEnd => &mut self.conflicting_end,
                AbandonReason::TooManyFragments => &mut self.too_many_fragments,
                AbandonReason::TooLong => &mut self.too_long,
                AbandonReason::EcnConflict => &mut self.ecn_conflict,
            },
            Err(discard) => match discard {
                FragmentDiscard::Malformed(_) => &mut self.malformed,
                FragmentDiscard::Empty => &mut self.empty,
                FragmentDiscard::Unaligned { .. } => &mut self.unaligned,
                FragmentDiscard::TooLong { .. } => &mut self.too_long,
                FragmentDiscard::TinyFirst { .. } => &mut self.tiny_first,
                FragmentDiscard::WithinTcpHeader => &mut self.within_tcp_header,
                FragmentDiscard::IncompleteHeaderChain => &mut self.incomplete_header_chain,
                FragmentDiscard::Duplicate => &mut self.duplicate,
                FragmentDiscard::GivenUp => &mut self.given_up,
                FragmentDiscard::Full => &mut self.full,
                FragmentDiscard::SourceFull => &mut self.source_full,
            },
        };
        *counter = counter.wrapping_add(1);
    }
}
