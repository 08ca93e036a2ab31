//! What a pinger tells.

use crate::probe::IcmpError;
use core::net::IpAddr;
use core::time::Duration;
use packet_buffer::ParseError;
use thiserror::Error;

/// One of a pinger's targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub(super) usize);

impl TargetId {
    /// Targets are counted from 0, in the order in which they were added.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Which target it is for.
    pub target: TargetId,
    /// Where it goes.
    pub destination: IpAddr,
    /// Which request it is, counted from 1; the sequence number on the wire is its low 16 bits.
    pub sequence: u32,
}

/// A reply to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// Which target was asked.
    pub target: TargetId,
    /// Who answered.
    pub from: IpAddr,
    /// Which request it answers, counted from 1.
    pub sequence: u32,
    /// The time from the request to the reply.
    pub rtt: Duration,
    /// Hops that were left; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
    /// Octets of data.
    pub octets: usize,
    /// Whether the request had timed out.
    pub late: bool,
    /// Whether the request had been answered.
    pub duplicate: bool,
    /// Whether a later request had been answered.
    pub reordered: bool,
    /// Where the data first differs from what was sent, in octets; `None` when it does not.
    pub first_difference: Option<usize>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request was answered.
    Reply(Reply),
    /// An error about a request came.
    Error {
        /// Which target was asked.
        target: TargetId,
        /// Who says so.
        from: IpAddr,
        /// Which request it is about, counted from 1.
        sequence: u32,
        /// What it says.
        error: IcmpError,
        /// The time from the request to the error.
        rtt: Duration,
    },
    /// No answer came in time.
    Timeout {
        /// Which target was asked.
        target: TargetId,
        /// Which request it was, counted from 1.
        sequence: u32,
    },
    /// All requests to a target have been answered, or given up.
    Finished {
        /// Which target.
        target: TargetId,
    },
}

/// Why a received message was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// The message cannot be read, or its checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is no echo reply and no error about an echo request.
    #[error("neither an echo reply nor an error about an echo request")]
    NotEcho,
    /// It answers another program's request.
    #[error("the identifier {0:#06x} is not ours")]
    OtherIdentifier(u16),
    /// It comes from, or quotes a packet to, an address that is not pinged.
    #[error("the address is not pinged")]
    UnknownTarget,
    /// The sequence number was not sent, or so long ago that it is forgotten.
    #[error("the sequence number {0} is not outstanding")]
    UnknownSequence(u16),
    /// The token is not that of the request: forged, or another program's.
    #[error("the token is wrong")]
    WrongToken,
    /// A source quench, which is to be ignored (RFC 6633 §3).
    #[error("source quench")]
    SourceQuench,
}

/// What a pinger has done that is not told for each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PingStats {
    /// Ignored: cannot be read, or wrong checksum.
    pub malformed: u64,
    /// Ignored: neither echo reply nor error about an echo request.
    pub not_echo: u64,
    /// Ignored: identifier of another program.
    pub other_identifier: u64,
    /// Ignored: an address that is not pinged.
    pub unknown_target: u64,
    /// Ignored: a sequence number that was not sent, or forgotten.
    pub unknown_sequence: u64,
    /// Ignored: wrong token.
    pub wrong_token: u64,
    /// Ignored: source quench.
    pub source_quench: u64,
    /// Events dropped because nobody polled them.
    pub events_dropped: u64,
}

/// Why a target was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Source and destination are not of one IP version.
    #[error("source and destination are not of one IP version")]
    VersionMismatch,
    /// The address is pinged already.
    #[error("the address is pinged already")]
    Duplicate,
    /// There are as many targets as the configuration allows.
    #[error("there are too many targets")]
    TooMany,
}
