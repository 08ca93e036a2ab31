//! What an ICMP error says about a path, and what makes it unbelievable.

use core::net::IpAddr;
use packet_buffer::ParseError;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type, QuotedPacket,
    icmpv4_code,
};
use thiserror::Error;

/// A path, as well as a sender can tell it: packets to one destination, through one zone.
///
/// Where equal-cost routes make flows differ, IPv6's flow label tells paths apart
/// (RFC 8201 §5.2); see [`Config::per_flow`](super::Config::per_flow).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Where the packets go.
    pub destination: IpAddr,
    /// The zone of the destination's scope (RFC 4007 §6), usually the number of the interface; 0
    /// for destinations of global scope.
    pub zone: u32,
    /// The flow label of the packets, 20 bits; 0 for all flows without a label, and for IPv4.
    pub flow_label: u32,
}

impl Path {
    /// The path of packets to a destination of global scope, whatever their flow.
    pub const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            zone: 0,
            flow_label: 0,
        }
    }

    /// The same in another zone.
    #[must_use]
    pub const fn in_zone(self, zone: u32) -> Self {
        Self { zone, ..self }
    }

    /// The same for one flow.
    #[must_use]
    pub const fn with_flow_label(self, flow_label: u32) -> Self {
        Self { flow_label, ..self }
    }
}

/// What the caller, who knows its transports and its destination cache, thinks of a quoted packet
/// (RFC 5927 §4 and §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// It cannot be ours: the source is none of our addresses, nothing was ever sent to the
    /// destination, or the transport has no such flow, or a TCP sequence number is not in flight.
    Refused,
    /// It may be ours, and nobody can tell: an echo request, a datagram of a closed socket.
    Unverified,
    /// A transport has sent it.
    Verified,
}

/// Why a report changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// The message is not one that reports a path MTU.
    #[error("the message is no Packet Too Big and no Fragmentation Needed")]
    NotAReport,
    /// The quoted packet cannot be read.
    #[error("the quoted packet cannot be read: {0}")]
    Quote(ParseError),
    /// The quoted packet is of the other IP version than the error itself.
    #[error("the quoted packet is of another IP version")]
    QuoteVersion,
    /// The error went to another address than the one that the quoted packet came from.
    #[error("the error was not sent to the source of the packet that it quotes")]
    NotTheSource,
    /// The quoted IPv4 packet may be fragmented, so no router needs to report it.
    #[error("the quoted packet may be fragmented")]
    MayFragment,
    /// The caller says that the packet is not ours.
    #[error("the quoted packet was not sent from here")]
    Refused,
    /// The quoted packet would have fitted the reported MTU.
    #[error("the quoted packet fits the reported MTU")]
    Fits,
    /// The MTU is less than every link of the IP version has.
    #[error("the reported MTU is below the minimum of the IP version")]
    BelowMinimum,
    /// The MTU is no less than what is known already: a report never raises a path MTU.
    #[error("the reported MTU is not below the present one")]
    NoReduction,
    /// The table is full, or this kind of report has used up its share.
    #[error("there is no room for another path")]
    Full,
}

/// What an ICMP error reports about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// The path of the quoted packet.
    pub path: Path,
    /// The MTU of the next hop in octets, as reported; 0 when the router does not know RFC 1191.
    pub mtu: u32,
    /// Octets of the packet that did not fit, as its quoted header says.
    pub packet_length: Option<u32>,
    /// Octets of the quoted packet's header: routers of 4.2BSD's descent add it to the length.
    pub header_length: u32,
}

impl Report {
    /// A report from elsewhere than a message, or for a test.
    pub const fn new(path: Path, mtu: u32) -> Self {
        Self {
            path,
            mtu,
            packet_length: None,
            header_length: match path.destination {
                IpAddr::V4(_) => 20,
                IpAddr::V6(_) => 40,
            },
        }
    }

    /// The same with the length of the packet that did not fit.
    #[must_use]
    pub const fn with_packet_length(self, octets: u32) -> Self {
        Self {
            packet_length: Some(octets),
            ..self
        }
    }

    /// Reads an ICMPv4 Destination Unreachable with code 4, Fragmentation Needed, and gives the
    /// quoted packet for the caller to confirm. `receiver` is the destination of the packet that
    /// brought the message, `zone` the one where it arrived.
    ///
    /// # Errors
    ///
    /// [`Discard::NotAReport`], [`Discard::Quote`], [`Discard::QuoteVersion`],
    /// [`Discard::NotTheSource`] and [`Discard::MayFragment`].
    pub fn from_icmpv4<'a>(
        message: &Icmpv4Message<'a>,
        receiver: IpAddr,
        zone: u32,
    ) -> Result<(Self, QuotedPacket<'a>), Discard> {
        if message.message_type() != Icmpv4Type::DESTINATION_UNREACHABLE
            || message.code() != icmpv4_code::Unreachable::FRAGMENTATION_NEEDED.0
        {
            return Err(Discard::NotAReport);
        }
        let Icmpv4Repr::DestinationUnreachable { next_hop_mtu, .. } = message.to_repr() else {
            return Err(Discard::NotAReport);
        };
        let quoted = quoted(message.quoted_packet(), receiver)?;
        let QuotedPacket::V4(packet) = &quoted else {
            return Err(Discard::QuoteVersion);
        };
        // RFC 5927 §7.1 SHOULD (df): the quoted packet must have been one that may not be fragmented.
        if !packet.dont_fragment() {
            return Err(Discard::MayFragment);
        }
        let report = Self {
            path: Path::to(quoted.destination()).in_zone(zone),
            mtu: u32::from(next_hop_mtu),
            packet_length: Some(u32::from(packet.total_length())),
            header_length: u32::try_from(packet.header_len()).unwrap_or(20),
        };
        Ok((report, quoted))
    }

    /// Reads an ICMPv6 Packet Too Big and gives the quoted packet for the caller to confirm.
    /// `receiver` is the destination of the packet that brought the message, `zone` the one where
    /// it arrived.
    ///
    /// # Errors
    ///
    /// [`Discard::NotAReport`], [`Discard::Quote`], [`Discard::QuoteVersion`] and
    /// [`Discard::NotTheSource`].
    // RFC 4443 §3.2 MUST (code): the receiver ignores the code.
    pub fn from_icmpv6<'a>(
        message: &Icmpv6Message<'a>,
        receiver: IpAddr,
        zone: u32,
    ) -> Result<(Self, QuotedPacket<'a>), Discard> {
        if message.message_type() != Icmpv6Type::PACKET_TOO_BIG {
            return Err(Discard::NotAReport);
        }
        let Icmpv6Repr::PacketTooBig { mtu } = message.to_repr() else {
            return Err(Discard::NotAReport);
        };
        let quoted = quoted(message.quoted_packet(), receiver)?;
        let QuotedPacket::V6(packet) = &quoted else {
            return Err(Discard::QuoteVersion);
        };
        let report = Self {
            path: Path::to(quoted.destination())
                .in_zone(zone)
                .with_flow_label(packet.flow_label()),
            mtu,
            packet_length: Some(u32::from(packet.payload_length()) + 40),
            header_length: 40,
        };
        Ok((report, quoted))
    }
}

/// The quoted packet, when the error went to whom it claims to concern.
// RFC 5927 §4 SHOULD (source): an error that quotes somebody else's packet is ignored.
fn quoted(
    quoted: Option<Result<QuotedPacket<'_>, ParseError>>,
    receiver: IpAddr,
) -> Result<QuotedPacket<'_>, Discard> {
    let quoted = quoted.ok_or(Discard::NotAReport)?;
    let quoted = quoted.map_err(Discard::Quote)?;
    match (&quoted, receiver) {
        (QuotedPacket::V4(_), IpAddr::V4(_)) | (QuotedPacket::V6(_), IpAddr::V6(_)) => {}
        _ => return Err(Discard::QuoteVersion),
    }
    if quoted.source() != receiver {
        return Err(Discard::NotTheSource);
    }
    Ok(quoted)
}
