//! What becomes of packets, and what is counted.

use flow_state::Invalid;
use packet_buffer::fragment::FragmentDiscard;
use thiserror::Error;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is translated: send it on.
    Forward {
        /// Back to the side that it came from (inside), instead of to the other one.
        hairpin: bool,
    },
    /// It is dropped. Nothing of it may leave.
    Drop(DropReason),
    /// It is for the router itself, and unchanged.
    Local,
    /// It is a fragment that was taken in. What comes of it comes out of
    /// [`poll_transmit`](crate::Nat::poll_transmit).
    Held,
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DropReason {
    /// A header is cut short or contradicts itself.
    #[error("the packet cannot be read")]
    Malformed,
    /// The packet is not IPv4.
    #[error("the packet is not IPv4")]
    NotIpv4,
    /// A checksum is wrong.
    #[error("a checksum is wrong")]
    BadChecksum,
    /// No host has the source address, or the packet's ends are the same, or an outside packet
    /// claims to come from an address of the translator.
    #[error("the source address cannot be true")]
    Source,
    /// The session's packets of this direction come from the other side.
    #[error("packets of this direction come from the other side")]
    WrongSide,
    /// No rule is for the packet.
    #[error("no rule translates the packet")]
    NoRule,
    /// A rule says so.
    #[error("a rule drops the packet")]
    Rule,
    /// Nothing inside is mapped to the destination.
    #[error("nothing is mapped to the destination")]
    NoMapping,
    /// There is a mapping, but its filter does not let the sender in.
    #[error("the filter does not let the sender in")]
    Filtered,
    /// The state of the session does not allow the packet, or no session begins with it.
    #[error("{0}")]
    Invalid(Invalid),
    /// No port is left.
    #[error("no port is left")]
    NoPort,
    /// The subscriber has as many mappings, sessions or new sessions as it may.
    #[error("the subscriber is at its limit")]
    Limit,
    /// There is no room for another session.
    #[error("the session table is full")]
    TableFull,
    /// Another session has the same ends, and the protocol has no ports to tell them apart.
    #[error("another session has the same ends")]
    Clash,
    /// An ICMP error that belongs to no session.
    #[error("the ICMP error belongs to no session")]
    IcmpUnrelated,
    /// An ICMP error that cannot be right: its checksums, its destination, its quote.
    #[error("the ICMP error cannot be right")]
    IcmpForged,
    /// An ICMP message that is not translated.
    #[error("the ICMP message is not translated")]
    IcmpType,
    /// A fragment that is refused.
    #[error("{0}")]
    Fragment(FragmentDiscard),
    /// Fragments of a packet overlap or are too many, or there is no room for more.
    #[error("fragments overlap, are too many, or do not fit")]
    Fragments,
    /// An application layer gateway says so.
    #[error("an application layer gateway drops the packet")]
    Alg,
}

impl DropReason {
    const COUNT: usize = 20;

    const fn index(self) -> usize {
        match self {
            Self::Malformed => 0,
            Self::NotIpv4 => 1,
            Self::BadChecksum => 2,
            Self::Source => 3,
            Self::WrongSide => 4,
            Self::NoRule => 5,
            Self::Rule => 6,
            Self::NoMapping => 7,
            Self::Filtered => 8,
            Self::Invalid(_) => 9,
            Self::NoPort => 10,
            Self::Limit => 11,
            Self::TableFull => 12,
            Self::Clash => 13,
            Self::IcmpUnrelated => 14,
            Self::IcmpForged => 15,
            Self::IcmpType => 16,
            Self::Fragment(_) => 17,
            Self::Fragments => 18,
            Self::Alg => 19,
        }
    }
}

/// What a translator has done since it was made. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets from inside that were forwarded.
    pub outbound: u64,
    /// Packets from outside that were forwarded.
    pub inbound: u64,
    /// Packets that went back to the inside.
    pub hairpinned: u64,
    /// Packets that were forwarded untranslated, by a rule.
    pub bypassed: u64,
    /// Packets for the router itself.
    pub local: u64,
    /// Fragments that were taken in, to wait or to be put together.
    pub held: u64,
    /// ICMP errors that were translated.
    pub icmp_errors: u64,
    /// Sessions that began.
    pub sessions_created: u64,
    /// Sessions that ended.
    pub sessions_ended: u64,
    /// Sessions that made room for others.
    pub sessions_evicted: u64,
    /// Mappings that were made.
    pub mappings_created: u64,
    /// Mappings that went.
    pub mappings_ended: u64,
    /// Events that nobody polled in time.
    pub events_dropped: u64,
    /// Packets to be sent that nobody polled in time.
    pub transmits_dropped: u64,
    /// ICMP messages and resets of the translator itself.
    pub answers_sent: u64,
    /// Those that were not sent because there had been too many.
    pub answers_limited: u64,
    /// Unsolicited SYNs that were not noted for lack of room.
    pub syns_not_noted: u64,
    dropped: [u64; DropReason::COUNT],
}

impl Stats {
    /// Packets dropped for a reason; all [`DropReason::Invalid`] and all [`DropReason::Fragment`]
    /// are counted together.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        // The index is below the count.
        match self.dropped.as_slice().split_at_checked(reason.index()) {
            Some((_, [count, ..])) => *count,
            _ => 0,
        }
    }

    /// Packets dropped for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped
            .iter()
            .fold(0, |sum, count| sum.wrapping_add(*count))
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason.index()) {
            *count = count.wrapping_add(1);
        }
    }
}

/// Counts one more.
pub(crate) const fn bump(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}
