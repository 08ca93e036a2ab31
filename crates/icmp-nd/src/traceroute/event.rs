//! What a trace tells.

use crate::probe::IcmpError;
use core::net::IpAddr;
use core::time::Duration;
use packet_buffer::ParseError;
use thiserror::Error;

/// A probe that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub destination: IpAddr,
    /// How far.
    pub ttl: u8,
    /// Which probe of the hop it is, from 1.
    pub probe: u32,
    /// Octets of the IP packet.
    pub size: u16,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerKind {
    /// An ICMP error: a router's time exceeded, a destination's port unreachable, and others.
    Error(IcmpError),
    /// The destination's echo reply.
    EchoReply,
    /// The destination's SYN-ACK: the port is open.
    TcpSynAck,
    /// The destination's RST: the port is closed.
    TcpReset,
}

/// An answer to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// How far the probe went.
    pub ttl: u8,
    /// Which probe of the hop it was, from 1.
    pub probe: u32,
    /// Which flow it belonged to, from 0.
    pub flow: u16,
    /// Who answered.
    pub from: IpAddr,
    /// What the answer is.
    pub kind: AnswerKind,
    /// The time from the probe to the answer.
    pub rtt: Duration,
    /// Whether the probe had timed out.
    pub late: bool,
    /// Whether the probe had been answered.
    pub duplicate: bool,
    /// Whether a later probe to the same hop had been answered.
    pub reordered: bool,
    /// Hops that the answer had left; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
    /// Hops that the probe had left where the error arose: 1 as a rule, 0 where a router counts
    /// first, more where routers hide in a tunnel.
    pub quoted_hop_limit: Option<u8>,
    /// Traffic class or type of service of the probe where the error arose: other than what was sent
    /// where something on the way marks packets.
    pub quoted_traffic_class: Option<u8>,
    /// Whether a UDP probe came there with another checksum: something on the way translates it.
    pub rewritten: bool,
    /// Whether extensions follow the quote; [`Responder::extensions`](super::Responder::extensions)
    /// has them.
    pub has_extensions: bool,
}

/// How a trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The destination answered.
    Reached {
        /// Its distance.
        ttl: u8,
    },
    /// A router, or the destination, says that it goes no further.
    Unreachable {
        /// How far the probe went.
        ttl: u8,
        /// Why.
        error: IcmpError,
    },
    /// Neither answered as far as `max_ttl`.
    MaxTtl,
    /// So many hops in a row were silent that it was given up.
    Silence,
    /// It was stopped.
    Stopped,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A probe was answered.
    Answer(Answer),
    /// No answer came in time.
    Timeout {
        /// How far the probe went.
        ttl: u8,
        /// Which probe of the hop it was, from 1.
        probe: u32,
    },
    /// A probe was too big, and is sent again with the new size.
    PacketTooBig {
        /// How far the probe was to go.
        ttl: u8,
        /// Which router said so: one before that hop.
        from: IpAddr,
        /// Octets of an IP packet that fit.
        mtu: u32,
    },
    /// All is said.
    Finished(Outcome),
}

/// Why a received message was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// The message cannot be read, or its checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is nothing that answers a probe of this kind.
    #[error("not an answer to such a probe")]
    NotAnAnswer,
    /// It is about, or of, another flow: other addresses, ports or identifier.
    #[error("another flow")]
    OtherFlow,
    /// No such probe was sent, or so long ago that it is forgotten.
    #[error("no such probe is outstanding")]
    UnknownProbe,
    /// The quoted token is not that of the trace: forged.
    #[error("the quoted token is wrong")]
    WrongToken,
    /// It says that a probe is too big, and names an MTU that cannot be.
    #[error("an MTU of {0} octets cannot be the reason")]
    BogusMtu(u32),
    /// A redirect: the probe was forwarded all the same.
    #[error("redirect")]
    Redirect,
    /// A source quench, which is to be ignored (RFC 6633 §3).
    #[error("source quench")]
    SourceQuench,
}

/// What a trace has done that is not told for each hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TracerouteStats {
    /// Probes made.
    pub sent: u64,
    /// Ignored: cannot be read, or wrong checksum.
    pub malformed: u64,
    /// Ignored: not an answer to such a probe.
    pub not_an_answer: u64,
    /// Ignored: another flow.
    pub other_flow: u64,
    /// Ignored: no such probe outstanding.
    pub unknown_probe: u64,
    /// Ignored: wrong token.
    pub wrong_token: u64,
    /// Ignored: an MTU that cannot be.
    pub bogus_mtu: u64,
    /// Ignored: redirect.
    pub redirects: u64,
    /// Ignored: source quench.
    pub source_quench: u64,
    /// Answers by more responders of a hop than are remembered.
    pub responders_dropped: u64,
    /// Events dropped because nobody polled them.
    pub events_dropped: u64,
}
