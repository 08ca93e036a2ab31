//! What a link tells, and what it refuses.

use crate::auth::{AuthDiscard, AuthFailure};
use crate::automaton;
use crate::ccp::{CcpDiscard, CcpMethod};
use crate::ecp::{EcpDiscard, EcpMethod};
use crate::framing::FramingParameters;
use crate::lcp::LcpDiscard;
use crate::lqr::LqrDiscard;
use crate::ncp::{InterfaceIdentifier, IpcpValues};
use crate::wire::PppProtocol;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::ParseError;

/// The phase of a link (RFC 1661 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Phase {
    /// There is no line, or nothing is wanted of it.
    #[default]
    Dead,
    /// LCP negotiates.
    Establish,
    /// One end or both prove who they are.
    Authenticate,
    /// Network protocols are set up, and their packets pass.
    Network,
    /// LCP ends the link.
    Terminate,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "dead",
            Self::Establish => "establish",
            Self::Authenticate => "authenticate",
            Self::Network => "network",
            Self::Terminate => "terminate",
        })
    }
}

/// Whose proof is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthRole {
    /// The peer's, to us.
    Peer,
    /// Ours, to the peer.
    Ours,
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was closed from here.
    #[error("closed")]
    Closed,
    /// The line went down.
    #[error("the line went down")]
    LowerLayerDown,
    /// The peer ended it.
    #[error("the peer ended the link")]
    PeerTerminated,
    /// The peer does not answer to LCP.
    #[error("the peer does not answer")]
    NoAnswer,
    /// LCP does not converge.
    #[error("the options of LCP do not converge")]
    NotConverged,
    /// The line is looped back.
    #[error("the line is looped back")]
    LoopedBack,
    /// The peer will not authenticate itself.
    #[error("the peer will not authenticate itself in a way that is accepted")]
    AuthenticationRefused,
    /// The peer did not prove itself.
    #[error("the peer did not prove itself: {0}")]
    PeerNotAuthenticated(AuthFailure),
    /// We could not prove ourselves.
    #[error("we could not prove ourselves: {0}")]
    WeNotAuthenticated(AuthFailure),
    /// Echo-Requests stay without an answer.
    #[error("the peer does not answer to echoes")]
    EchoLost,
    /// Too much is lost on the line.
    #[error("too much is lost on the line")]
    PoorQuality,
    /// No packets have passed for long.
    #[error("no packets have passed for long")]
    IdleTimeout,
    /// The time of the session is over.
    #[error("the time of the session is over")]
    SessionTimeout,
    /// The link has to be encrypted, and encryption was refused or has ended.
    #[error("the link has to be encrypted and is not")]
    NotEncrypted,
    /// No network protocol came up, or all have ended.
    #[error("no network protocol is open")]
    NoNetworkProtocol,
}

/// What a link tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// It is in another phase.
    Phase(Phase),
    /// A secret is wanted: call [`Link::provide_secret`](super::Link::provide_secret).
    SecretWanted {
        /// Whose proof it is for.
        role: AuthRole,
        /// The name that goes with it: octets of the peer's choice. It is empty when we prove
        /// ourselves by PAP, where the authenticator does not tell its name.
        name: Vec<u8>,
    },
    /// A proof was right, at first or again.
    Authenticated {
        /// Whose.
        role: AuthRole,
        /// The peer's name.
        name: Vec<u8>,
    },
    /// The network phase waits, as [`LinkConfig::hold_network`](super::LinkConfig::hold_network) says.
    NetworkHeld,
    /// IPv4 packets can go.
    Ipv4Up(IpcpValues),
    /// They can no longer.
    Ipv4Down,
    /// IPv6 packets can go.
    Ipv6Up {
        /// Our interface identifier.
        ours: InterfaceIdentifier,
        /// The peer's.
        peers: InterfaceIdentifier,
    },
    /// They can no longer.
    Ipv6Down,
    /// The peer will not have this network protocol, or does not answer to it: it will not open unless
    /// the peer begins with it, or it is closed and opened again.
    NetworkGivenUp(PppProtocol),
    /// CCP has agreed on compression or encryption; `None` where a direction has none.
    CompressionUp {
        /// What packets to us go through.
        receive: Option<CcpMethod>,
        /// What packets to the peer go through.
        send: Option<CcpMethod>,
    },
    /// It has ended, or is agreed on anew.
    CompressionDown,
    /// ECP has agreed on encryption; `None` where a direction has none.
    EncryptionUp {
        /// What packets to us are encrypted with.
        receive: Option<EcpMethod>,
        /// What packets to the peer are encrypted with.
        send: Option<EcpMethod>,
    },
    /// It has ended, or is agreed on anew.
    EncryptionDown,
    /// The path to the peer does not take packets as large as the peer does
    /// ([`LinkConfig::mru_test`](super::LinkConfig::mru_test)): [`Link::mtu`](super::Link::mtu) is less now.
    PathLimited {
        /// Octets of information that it takes.
        octets: u16,
    },
    /// A link that opens on demand has something to send: the line is wanted, if it is down.
    LineWanted,
    /// More is lost on the line than may be, or no longer.
    Quality {
        /// Whether it is more.
        is_poor: bool,
    },
    /// The peer says what it is. The octets are the peer's: show them with care.
    PeerIdentification(Vec<u8>),
    /// The peer says how long the session may last; `None` for ever.
    TimeRemaining(Option<Duration>),
    /// The peer does not know a protocol that was used.
    ProtocolRejected(PppProtocol),
    /// The link has ended; the line is not needed any more.
    Closed(CloseReason),
}

/// Why a packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkDiscard {
    /// There is no whole protocol field.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// LCP says why.
    #[error("LCP: {0}")]
    Lcp(#[from] LcpDiscard),
    /// Authentication says why.
    #[error("authentication: {0}")]
    Auth(#[from] AuthDiscard),
    /// A network control protocol says why.
    #[error("{0}: {1}")]
    Ncp(PppProtocol, automaton::Discard),
    /// Link quality monitoring says why.
    #[error("link quality: {0}")]
    Quality(#[from] LqrDiscard),
    /// Compression, or encryption by MPPE, says why.
    #[error("compression: {0}")]
    Ccp(#[from] CcpDiscard),
    /// Encryption by ECP says why.
    #[error("encryption: {0}")]
    Ecp(#[from] EcpDiscard),
    /// The line is down.
    #[error("the line is down")]
    LowerLayerDown,
    /// The protocol has no place in the phase.
    #[error("{0} in the phase {1}")]
    Phase(PppProtocol, Phase),
    /// Authentication by this protocol was not agreed on.
    #[error("{0} was not negotiated")]
    NotNegotiated(PppProtocol),
    /// The network protocol is known, but not open.
    #[error("{0} is not open")]
    NotOpen(PppProtocol),
}

/// Why a packet cannot be sent. It is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The network protocol is not open.
    #[error("{0} is not open")]
    NotOpen(PppProtocol),
    /// As many packets wait as may.
    #[error("too many packets wait")]
    QueueFull,
    /// The link has to be encrypted and is not.
    #[error("the link is not encrypted")]
    NotEncrypted,
    /// The packet is longer than the peer takes.
    #[error("{length} octets are more than the peer's {mru}")]
    TooLong {
        /// Octets of the packet.
        length: usize,
        /// Octets of information that the peer takes.
        mru: usize,
    },
}

/// A packet to send: its protocol and information are in the buffer, without Address and Control
/// fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTransmit {
    /// How it is to be framed.
    pub framing: FramingParameters,
    /// Its protocol.
    pub protocol: PppProtocol,
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Packets handed in.
    pub received: u64,
    /// Network packets among them that were delivered.
    pub delivered: u64,
    /// Network packets sent.
    pub sent: u64,
    /// Packets without a whole protocol field.
    pub malformed: u64,
    /// LCP packets that were refused.
    pub lcp_refused: u64,
    /// Authentication packets that were refused.
    pub auth_refused: u64,
    /// Packets of network control protocols that were refused.
    pub ncp_refused: u64,
    /// Packets that could not be decompressed or decrypted, or came in clear.
    pub protection_refused: u64,
    /// Link quality reports that were refused.
    pub quality_refused: u64,
    /// Packets whose headers could not be put back.
    pub vj_refused: u64,
    /// Frames that were reported lost or broken.
    pub line_errors: u64,
    /// Packets while the line was down.
    pub lower_layer_down: u64,
    /// Packets that had no place in the phase.
    pub wrong_phase: u64,
    /// Authentication packets of a protocol that was not agreed on.
    pub not_negotiated: u64,
    /// Packets of network protocols that are not open.
    pub not_open: u64,
    /// Packets of unknown protocols, which were rejected.
    pub unknown_protocol: u64,
    /// Echo-Requests sent.
    pub echo_requests: u64,
    /// Echo-Requests sent to test the path.
    pub path_tests: u64,
    /// Packets that could not be sent because their protocol was not open.
    pub send_not_open: u64,
    /// Packets that could not be sent because the link was not encrypted.
    pub send_not_encrypted: u64,
    /// Packets that could not be sent because too many waited.
    pub send_queue_full: u64,
    /// Packets that waited, and were thrown away because the link ended or did not open.
    pub queue_dropped: u64,
    /// Packets that could not be sent because they were too long.
    pub send_too_long: u64,
    /// Events that were dropped because nobody fetched them.
    pub events_lost: u64,
}

impl LinkStats {
    pub(super) fn count(&mut self, discard: &LinkDiscard) {
        *match discard {
            LinkDiscard::Parse(_) => &mut self.malformed,
            LinkDiscard::Lcp(_) => &mut self.lcp_refused,
            LinkDiscard::Auth(_) => &mut self.auth_refused,
            LinkDiscard::Ncp(..) => &mut self.ncp_refused,
            LinkDiscard::Quality(_) => &mut self.quality_refused,
            LinkDiscard::Ccp(_) | LinkDiscard::Ecp(_) => &mut self.protection_refused,
            LinkDiscard::LowerLayerDown => &mut self.lower_layer_down,
            LinkDiscard::Phase(..) => &mut self.wrong_phase,
            LinkDiscard::NotNegotiated(_) => &mut self.not_negotiated,
            LinkDiscard::NotOpen(_) => &mut self.not_open,
        } += 1;
    }
}
