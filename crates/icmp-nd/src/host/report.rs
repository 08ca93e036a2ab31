//! What a host tells: events, reasons to discard, counters.

use crate::generation::{Arrival, Silence};
use crate::reception::{Reason, ReceptionCounters};
use crate::{arp, nd, pmtu};
use core::net::{IpAddr, Ipv4Addr};
use packet_buffer::fragment::{FragmentDiscard, FragmentError};
use packet_buffer::wire::{EtherType, IpProtocol, MacAddr};
use packet_buffer::{EmitError, ParseError};

/// Why a frame was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The frame or a message cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The frame is for another station.
    #[error("the frame is for the station {0}")]
    OtherStation(MacAddr),
    /// The frame comes from this station, or from a group.
    #[error("the frame comes from {0}, which cannot be")]
    LinkSource(MacAddr),
    /// Nobody here speaks the protocol of the frame.
    #[error("EtherType {0} is not spoken here")]
    EtherType(EtherType),
    /// The packet cannot be accepted, and no error may be sent.
    #[error(transparent)]
    Reception(#[from] Reason),
    /// An IPv6 packet comes from an address of this host.
    #[error("the source is an address of this host")]
    OwnSource,
    /// A fragment was refused.
    #[error(transparent)]
    Fragment(#[from] FragmentDiscard),
    /// A Neighbor Discovery message came in fragments (RFC 6980).
    #[error("a Neighbor Discovery message came in fragments")]
    FragmentedNd,
    /// Neighbor Discovery refused the message.
    #[error(transparent)]
    Nd(#[from] nd::Discard),
    /// ARP refused the packet.
    #[error(transparent)]
    Arp(#[from] arp::Discard),
    /// An echo request to a group or to broadcast, or echo is off.
    #[error("echo requests of this kind are not answered")]
    EchoOff,
    /// A question that this host does not answer: address masks, information, timestamps when off,
    /// or of an unknown type.
    #[error("ICMP type {0} is not answered here")]
    NotAnswered(u8),
    /// An ICMP error that quotes no packet of this host (RFC 5927 §4).
    #[error("the error quotes no packet of this host")]
    ForeignQuote,
    /// A redirect that breaks a rule (RFC 1122 §3.2.2.2), or redirects are off.
    #[error("the redirect to {0} is not obeyed")]
    Redirect(Ipv4Addr),
    /// The path MTU cache refused the report.
    #[error(transparent)]
    PathMtu(#[from] pmtu::Discard),
    /// Too many packets wait for the caller.
    #[error("too many packets wait for the caller")]
    ReceiveQueueFull,
    /// Too many frames wait to be sent: no answer.
    #[error("too many frames wait to be sent")]
    TransmitQueueFull,
    /// The answer cannot be sent.
    #[error("the answer cannot be sent")]
    NoAnswer,
}

/// Why a packet cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Not an IP packet.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The packet cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The host has no address to send from.
    #[error("no source address for the destination")]
    NoSource,
    /// Source and destination are of different IP versions.
    #[error("source and destination are of different IP versions")]
    Version,
    /// The source is not an address of this host.
    #[error("{0} is not an address of this host")]
    ForeignSource(IpAddr),
    /// The destination is this host: the caller has the packet already.
    #[error("the destination is this host")]
    OwnDestination,
    /// The destination is no address to send to.
    #[error("{0} is no destination")]
    Destination(IpAddr),
    /// No route leads to the destination.
    #[error("no route to the destination")]
    NoRoute,
    /// The packet is longer than the path carries, and must not be fragmented.
    #[error("the packet does not fit the path MTU of {mtu} octets")]
    TooBig {
        /// Octets that fit.
        mtu: u32,
    },
    /// The packet cannot be split.
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// All identifications for fragments to this destination are in use (RFC 6864 §4.3).
    #[error("all fragment identifications for the destination are in use")]
    NoIdentification,
    /// Too many frames, packets or neighbors wait.
    #[error("too much waits already")]
    QueueFull,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// In Neighbor Discovery: addresses, routers, prefixes, parameters, neighbors.
    Nd(nd::Event),
    /// In ARP: addresses, conflicts, neighbors.
    Arp(arp::Event),
    /// A path MTU has changed.
    PathMtu(pmtu::Event),
    /// A packet that waited for its neighbor was dropped: the neighbor did not answer.
    Unreachable {
        /// The packet's source.
        source: IpAddr,
        /// Its destination.
        destination: IpAddr,
    },
    /// A gateway has told a better one (RFC 1122 §3.2.2.2).
    Redirected {
        /// The destination.
        destination: Ipv4Addr,
        /// The better gateway.
        gateway: Ipv4Addr,
    },
}

/// What is known about a received packet. The packet itself is whole, from its IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes: an address of this host, a group, or broadcast.
    pub destination: IpAddr,
    /// What it carries. ICMP and ICMPv6 are echo replies, answers to queries, and errors about
    /// packets of this host.
    pub protocol: IpProtocol,
    /// Where the payload starts, in octets from the start of the packet.
    pub payload_offset: usize,
    /// Time to live or hop limit, as received.
    pub hop_limit: u8,
    /// How it arrived, for [`Host::reject`](super::Host::reject).
    pub arrival: Arrival,
}

/// Why a received packet is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// Nobody listens on the port.
    Port,
    /// A filter forbids it.
    AdministrativelyProhibited,
}

/// Counters of a [`Host`](super::Host); those of its parts are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStats {
    /// Frames that came in.
    pub frames: u64,
    /// Frames that went out.
    pub frames_sent: u64,
    /// Packets handed to the caller.
    pub received: u64,
    /// Packets of the caller.
    pub sent: u64,
    /// ICMP and ICMPv6 echo requests answered.
    pub echo_replies: u64,
    /// Timestamp requests answered.
    pub timestamp_replies: u64,
    /// Questions about interfaces answered (RFC 8335).
    pub extended_echo_replies: u64,
    /// Packets sent as fragments.
    pub fragmented: u64,
    /// Redirects of IPv4 obeyed.
    pub redirects: u64,
    /// Packets whose neighbor did not answer.
    pub unreachable: u64,
    /// [`Discard::Parse`].
    pub malformed: u64,
    /// [`Discard::OtherStation`].
    pub other_station: u64,
    /// [`Discard::LinkSource`].
    pub link_source: u64,
    /// [`Discard::EtherType`].
    pub ethertype: u64,
    /// Packets that cannot be accepted, with an error or without, by reason.
    pub reception: ReceptionCounters,
    /// [`Discard::OwnSource`].
    pub own_source: u64,
    /// [`Discard::Fragment`]; the reassembler's own counters say why.
    pub fragment: u64,
    /// [`Discard::FragmentedNd`].
    pub fragmented_nd: u64,
    /// [`Discard::Nd`]; the interface's own counters say why.
    pub nd: u64,
    /// [`Discard::Arp`]; its own counters say why.
    pub arp: u64,
    /// [`Discard::EchoOff`].
    pub echo_off: u64,
    /// [`Discard::NotAnswered`].
    pub not_answered: u64,
    /// [`Discard::ForeignQuote`]: forged errors, mostly.
    pub foreign_quote: u64,
    /// [`Discard::Redirect`].
    pub redirects_refused: u64,
    /// [`Discard::PathMtu`]; the cache's own counters say why.
    pub path_mtu: u64,
    /// [`Discard::ReceiveQueueFull`].
    pub receive_queue_full: u64,
    /// Packets not sent for want of room in the queue of frames.
    pub transmit_queue_full: u64,
    /// [`Discard::NoAnswer`].
    pub no_answer: u64,
    /// Events that nobody fetched in time.
    pub events_dropped: u64,
}

impl HostStats {
    pub(super) fn count(&mut self, discard: &Discard) {
        let counter = match discard {
            Discard::Reception(reason) => return self.reception.count(reason),
            Discard::Parse(_) => &mut self.malformed,
            Discard::OtherStation(_) => &mut self.other_station,
            Discard::LinkSource(_) => &mut self.link_source,
            Discard::EtherType(_) => &mut self.ethertype,
            Discard::OwnSource => &mut self.own_source,
            Discard::Fragment(_) => &mut self.fragment,
            Discard::FragmentedNd => &mut self.fragmented_nd,
            Discard::Nd(_) => &mut self.nd,
            Discard::Arp(_) => &mut self.arp,
            Discard::EchoOff => &mut self.echo_off,
            Discard::NotAnswered(_) => &mut self.not_answered,
            Discard::ForeignQuote => &mut self.foreign_quote,
            Discard::Redirect(_) => &mut self.redirects_refused,
            Discard::PathMtu(_) => &mut self.path_mtu,
            Discard::ReceiveQueueFull => &mut self.receive_queue_full,
            Discard::TransmitQueueFull => &mut self.transmit_queue_full,
            Discard::NoAnswer => &mut self.no_answer,
        };
        *counter = counter.saturating_add(1);
    }
}

/// An error that was to be sent was not: what the packet was refused for counts.
pub(super) fn silent(_: Silence, reason: Reason) -> Discard {
    Discard::Reception(reason)
}
