//! What the two ends tell, and what they refuse.

use super::packet::PppoeCode;
use super::peer::Peer;
use super::tag::TagKind;
use alloc::vec::Vec;
use packet_buffer::ParseError;

/// What a client tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// There is a session: PPP can begin.
    Opened {
        /// Its number.
        session: u16,
        /// The concentrator.
        peer: Peer,
        /// The concentrator's name: octets of its choice.
        ac_name: Vec<u8>,
        /// Octets of PPP payload that may be sent and taken: the limit of both MRUs.
        max_payload: u16,
    },
    /// There is no session, or no longer one. The client is idle until it is opened again.
    Closed(ClientEnd),
}

/// Why a client has no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientEnd {
    /// It was closed from here.
    #[error("closed")]
    Closed,
    /// No concentrator has the service, or none answers.
    #[error("no concentrator answers")]
    NoAnswer,
    /// The concentrator will not have us.
    #[error("the concentrator refuses: {kind}")]
    Refused {
        /// What it says the matter is.
        kind: TagKind,
        /// A text, of the concentrator's choice.
        message: Vec<u8>,
    },
    /// The concentrator ended the session.
    #[error("the concentrator ended the session")]
    PeerTerminated,
}

/// What a concentrator tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConcentratorEvent {
    /// There is a session: PPP can begin.
    Opened {
        /// Its number.
        session: u16,
        /// The client.
        peer: Peer,
        /// The service that it wants; empty for any.
        service: Vec<u8>,
        /// Octets of PPP payload that may be sent and taken: the limit of both MRUs.
        max_payload: u16,
        /// The Vendor-Specific tag that came with the request, up to 256 octets of it: where an
        /// access node names the line. Empty when there was none.
        vendor_specific: Vec<u8>,
    },
    /// A session is over.
    Closed {
        /// Its number, which may be given out again.
        session: u16,
        /// Why.
        reason: SessionEnd,
    },
}

/// Why a session of a concentrator is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was closed from here.
    #[error("closed")]
    Closed,
    /// The client ended it.
    #[error("the client ended the session")]
    PeerTerminated,
    /// Nobody confirmed it in time.
    #[error("nobody confirmed the session in time")]
    HalfOpen,
}

/// An Ethernet frame to send, of the discovery stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppoeTransmit {
    /// What it is for.
    pub code: PppoeCode,
    /// Where it goes.
    pub peer: Peer,
}

/// Why a frame was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PppoeDiscard {
    /// A header or a tag cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is another protocol's.
    #[error("not a PPPoE frame")]
    NotPppoe,
    /// It is for another station, or another VLAN.
    #[error("for another station or VLAN")]
    NotForUs,
    /// It is not from a station that may send it.
    #[error("from a station that may not send it")]
    Source,
    /// The code has no place in this stage, or at this end.
    #[error("{0} has no place here")]
    Code(PppoeCode),
    /// Nobody waits for it.
    #[error("nobody waits for a {0}")]
    NotAwaited(PppoeCode),
    /// The number of the session is not what it has to be.
    #[error("session {0} is not one that can be here")]
    Session(u16),
    /// The Host-Uniq is not the one that was sent.
    #[error("the Host-Uniq is not ours")]
    HostUniq,
    /// There is not exactly one Service-Name, or no AC-Name.
    #[error("a tag is missing, or there twice: {0}")]
    Tag(TagKind),
    /// The service is not there, or not the one that was asked for.
    #[error("another service")]
    Service,
    /// It is not the concentrator that is wanted.
    #[error("another concentrator")]
    AcName,
    /// The offer says that something went wrong.
    #[error("the offer is an error: {0}")]
    OfferError(TagKind),
    /// The cookie is not there, old, or another client's.
    #[error("the cookie is missing or wrong")]
    Cookie,
    /// The answer would not fit into a frame.
    #[error("the answer would not fit into a frame")]
    TooLong,
    /// Too many answers or events wait.
    #[error("too many answers or events wait")]
    Busy,
}

/// Why a packet cannot be sent. It is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PppoeSendError {
    /// There is no such session.
    #[error("there is no session")]
    NoSession,
    /// The packet is longer than was agreed, or than a frame can be.
    #[error("{length} octets are more than the {limit} that were agreed")]
    TooLong {
        /// Octets of the PPP packet, its protocol with it.
        length: usize,
        /// Octets that it may have.
        limit: usize,
    },
}

/// Counters of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientStats {
    /// Frames handed in.
    pub received: u64,
    /// Frames that were ignored, for whatever reason.
    pub ignored: u64,
    /// Frames among them that could not be read.
    pub malformed: u64,
    /// Packets of the session handed on.
    pub delivered: u64,
    /// Packets of the session sent.
    pub sent: u64,
    /// PADIs sent.
    pub initiations: u64,
    /// PADRs sent.
    pub requests: u64,
    /// PADTs sent.
    pub terminations: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Events that were dropped because nobody fetched them.
    pub events_lost: u64,
}

/// Counters of a concentrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConcentratorStats {
    /// Frames handed in.
    pub received: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Frames that were not ours, or had no place here.
    pub not_for_us: u64,
    /// Offers made.
    pub offers: u64,
    /// PADIs for a service that is not there.
    pub no_service: u64,
    /// PADRs without a cookie of ours, or with an old one.
    pub bad_cookies: u64,
    /// Sessions opened.
    pub opened: u64,
    /// Confirmations sent again, for a PADR that came again.
    pub repeated: u64,
    /// Requests for a service that is not there.
    pub refused_service: u64,
    /// Requests that were refused because there were as many sessions as may be.
    pub refused_full: u64,
    /// Requests that were refused because the client had as many sessions as it may.
    pub refused_peer: u64,
    /// Requests that were refused because as many sessions as may be waited for confirmation.
    pub refused_half_open: u64,
    /// Sessions that ended because nobody confirmed them.
    pub half_open_ended: u64,
    /// Sessions that clients ended.
    pub peer_terminated: u64,
    /// Packets of sessions that there are not, or of another client's.
    pub unknown_session: u64,
    /// Answers that were not sent because too many waited.
    pub replies_dropped: u64,
    /// Answers that would not fit into a frame.
    pub replies_too_long: u64,
    /// Requests that were ignored because too many events waited.
    pub events_full: u64,
    /// Packets of sessions handed on.
    pub delivered: u64,
    /// Packets of sessions sent.
    pub sent: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
}
