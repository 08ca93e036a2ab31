//! Why a message was ignored, and the counters.

use packet_buffer::ParseError;
use thiserror::Error;

use crate::auth::AuthError;
use crate::wire::datagram::DatagramError;
use crate::wire::{EntryError, MessageError};

/// Why a message was ignored. The state of the engine is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// There is no interface of this number.
    #[error("there is no such interface")]
    UnknownInterface,
    /// The interface is down.
    #[error("the interface is down")]
    InterfaceDown,
    /// The router has shut down.
    #[error("the router has shut down")]
    ShutDown,
    /// The message cannot be read.
    #[error("{0}")]
    Malformed(ParseError),
    /// The datagram is not one to listen to: port, source, or hop limit.
    #[error("{0}")]
    Datagram(DatagramError),
    /// The message is not one to act on: version, command, fields that must be zero, length.
    #[error("{0}")]
    Message(MessageError),
    /// The message did not pass authentication.
    #[error("{0}")]
    Authentication(AuthError),
    /// The interface does not take this version in (RFC 2453 §5.1).
    #[error("version {0} is not received on the interface")]
    VersionNotReceived(u8),
    /// A request is of a version in which nothing is sent on the interface (RFC 2453 §4.6).
    #[error("version {0} is not sent on the interface")]
    VersionNotSent(u8),
    /// A request has no entries, and gets no answer (RFC 2453 §3.9.1).
    #[error("the request asks for nothing")]
    EmptyRequest,
    /// The [`RequestPolicy`](crate::config::RequestPolicy) of the interface does not allow it, or
    /// the interface is passive and the sender is not one of its neighbors.
    #[error("such requests are not answered on the interface")]
    RequestRefused,
    /// More requests than the policy allows a second, or too many answers under way.
    #[error("too many requests")]
    RequestLimit,
    /// There is no room for a further neighbor.
    #[error("the interface has as many neighbors as it may")]
    NeighborLimit,
    /// A message of demand circuits came on an interface that is none, or not from its peer.
    #[error("not the peer of a demand circuit")]
    NotACircuit,
    /// An acknowledgement is for another message than the one that was sent.
    #[error("acknowledgement of {0}, which is not awaited")]
    UnexpectedAcknowledgement(u16),
}

/// What the engine has done and refused since it was made. All counters wrap.
///
/// The first group counts messages, one counter for each [`Discard`] or group of them; the second
/// counts entries of messages that were taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages taken in.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Requests answered.
    pub answered: u64,
    /// Messages that could not be written, for want of a key that is valid.
    pub not_sent: u64,
    /// Messages on unknown interfaces.
    pub unknown_interface: u64,
    /// Messages on interfaces that are down, or after the router has shut down.
    pub interface_down: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Responses from another port.
    pub source_port: u64,
    /// Messages from addresses that no host has.
    pub source_martian: u64,
    /// Messages from the router's own addresses.
    pub source_own: u64,
    /// Messages from off the link, or in RIPng not from a link-local address.
    pub source_off_link: u64,
    /// Messages with too small a hop limit.
    pub hop_limit: u64,
    /// Messages of a version that is not known, not received, or not sent.
    pub version: u64,
    /// Version 1 messages with something in fields that must be zero.
    pub must_be_zero: u64,
    /// Messages with a command that is ignored.
    pub command: u64,
    /// Messages with too many entries.
    pub too_many_entries: u64,
    /// Messages that are not authenticated as they must be, or authenticated and must not be.
    pub authentication: u64,
    /// Messages whose sequence number was seen before, or is too far ahead.
    pub replayed: u64,
    /// Requests without entries.
    pub empty_request: u64,
    /// Requests that the policy does not allow.
    pub request_refused: u64,
    /// Requests above the rate, or while too many answers are under way.
    pub request_limit: u64,
    /// Messages of neighbors above the limit.
    pub neighbor_limit: u64,
    /// Messages of demand circuits that are not for this router.
    pub not_a_circuit: u64,

    /// Entries taken in.
    pub entries: u64,
    /// Entries of another address family.
    pub entry_family: u64,
    /// Authentication entries in another place than the first.
    pub entry_authentication: u64,
    /// Entries with metric 0 or above 16.
    pub entry_metric: u64,
    /// Entries with a mask with holes, a prefix too long, or a default route with address bits.
    pub entry_mask: u64,
    /// Entries to where nothing is routed: loopback, multicast, reserved, broadcast, link-local.
    pub entry_martian: u64,
    /// Entries that lead back to the router itself.
    pub entry_next_hop_self: u64,
    /// Entries whose next hop cannot be a router's.
    pub entry_next_hop: u64,
    /// Entries whose next hop is not on the link; they were taken to lead through the sender.
    pub next_hop_off_link: u64,
    /// Entries with bits behind the mask, which were cleared.
    pub host_bits: u64,
    /// Entries that the filter left out.
    pub filtered: u64,
    /// Entries dropped because the table is full.
    pub table_full: u64,
    /// Entries dropped because the neighbor has as many routes as it may.
    pub neighbor_routes: u64,

    /// Changes of routes that neighbors were or will be told of.
    pub route_changes: u64,
    /// Routes that timed out.
    pub timed_out: u64,
    /// Regular updates that were still being sent when the next was due.
    pub update_overrun: u64,
    /// Events dropped because nobody polled.
    pub events_dropped: u64,
}

impl Stats {
    pub(super) fn count_discard(&mut self, discard: &Discard) {
        let counter = match discard {
            Discard::UnknownInterface => &mut self.unknown_interface,
            Discard::InterfaceDown | Discard::ShutDown => &mut self.interface_down,
            Discard::Malformed(_) => &mut self.malformed,
            Discard::Datagram(error) => match error {
                DatagramError::SourcePort(_) => &mut self.source_port,
                DatagramError::SourceMartian => &mut self.source_martian,
                DatagramError::SourceOwn => &mut self.source_own,
                DatagramError::SourceOffLink | DatagramError::SourceNotLinkLocal => {
                    &mut self.source_off_link
                }
                DatagramError::HopLimit { .. } => &mut self.hop_limit,
            },
            Discard::Message(error) => match error {
                MessageError::Version(_) | MessageError::UpdateVersion(_) => &mut self.version,
                MessageError::MustBeZero => &mut self.must_be_zero,
                MessageError::Command(_) => &mut self.command,
                MessageError::TooManyEntries { .. } => &mut self.too_many_entries,
            },
            Discard::Authentication(AuthError::Replayed { .. } | AuthError::Jump { .. }) => {
                &mut self.replayed
            }
            Discard::Authentication(_) => &mut self.authentication,
            Discard::VersionNotReceived(_) | Discard::VersionNotSent(_) => &mut self.version,
            Discard::EmptyRequest => &mut self.empty_request,
            Discard::RequestRefused => &mut self.request_refused,
            Discard::RequestLimit => &mut self.request_limit,
            Discard::NeighborLimit => &mut self.neighbor_limit,
            Discard::NotACircuit | Discard::UnexpectedAcknowledgement(_) => &mut self.not_a_circuit,
        };
        *counter = counter.wrapping_add(1);
    }

    pub(super) fn count_entry(&mut self, error: &EntryError) {
        let counter = match error {
            EntryError::AddressFamily(_) => &mut self.entry_family,
            EntryError::AuthenticationNotFirst => &mut self.entry_authentication,
            EntryError::MetricZero | EntryError::MetricTooLarge(_) => &mut self.entry_metric,
            EntryError::SubnetMask(_)
            | EntryError::PrefixLength(_)
            | EntryError::DefaultWithAddress => &mut self.entry_mask,
            EntryError::NetworkZero
            | EntryError::Loopback
            | EntryError::Multicast
            | EntryError::Reserved
            | EntryError::Broadcast
            | EntryError::LinkLocal => &mut self.entry_martian,
            EntryError::NextHopSelf => &mut self.entry_next_hop_self,
            EntryError::NextHopMartian | EntryError::NextHopNotLinkLocal => {
                &mut self.entry_next_hop
            }
        };
        *counter = counter.wrapping_add(1);
    }
}

/// The same for an interface. The latter three are those of RFC 1724 §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// Messages taken in.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages ignored.
    pub bad_messages: u64,
    /// Entries ignored.
    pub bad_routes: u64,
    /// Triggered updates sent.
    pub triggered_updates: u64,
}

/// The same for a neighbor. The latter two are those of RFC 1724 §4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct NeighborStats {
    /// Messages taken in.
    pub received: u64,
    /// Messages ignored.
    pub bad_messages: u64,
    /// Entries ignored.
    pub bad_routes: u64,
}

pub(super) fn count(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}
