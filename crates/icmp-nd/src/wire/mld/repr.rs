//! MLD messages that are written.

use super::{MulticastRecordType, encode_max_response, encode_query_interval};
use crate::wire::Writer;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use packet_buffer::wire::{Icmpv6Repr, Icmpv6Type, IpProtocol, Ipv6Repr, PseudoHeader};
use packet_buffer::{EmitError, PacketBuf};

/// Octets of the longest message that is written.
const MAX_LEN: usize = 65_535;

/// A query of version 2 as values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MldQueryV2Repr<'a> {
    /// Within which time listeners answer; see [`encode_max_response`].
    pub max_response_code: u16,
    /// The group that is asked about; unspecified in a general query.
    pub group: Ipv6Addr,
    /// S: routers that hear the query do not update their timers.
    pub suppress_router_processing: bool,
    /// The querier's robustness variable, 0 to 7; 0 when it is over 7.
    pub robustness: u8,
    /// The time between general queries; see [`encode_query_interval`].
    pub query_interval_code: u8,
    /// The sources that are asked about.
    pub sources: Cow<'a, [Ipv6Addr]>,
}

impl MldQueryV2Repr<'static> {
    /// A general query: all listeners answer within `max_response` milliseconds; the querier asks
    /// every `query_interval` seconds. Both are rounded down to what the fields can say.
    pub const fn general(max_response: u32, robustness: u8, query_interval: u16) -> Self {
        Self {
            max_response_code: encode_max_response(max_response),
            group: Ipv6Addr::UNSPECIFIED,
            suppress_router_processing: false,
            robustness,
            query_interval_code: encode_query_interval(query_interval),
            sources: Cow::Borrowed(&[]),
        }
    }
}

/// A record of a version 2 report as values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MulticastAddressRecordRepr<'a> {
    /// What the record says.
    pub record_type: MulticastRecordType,
    /// The group.
    pub group: Ipv6Addr,
    /// The sources that the record is about; 65535 at most.
    pub sources: Cow<'a, [Ipv6Addr]>,
    /// Auxiliary data: none in version 2. A multiple of four octets, at most 1020.
    pub auxiliary: Cow<'a, [u8]>,
}

impl<'a> MulticastAddressRecordRepr<'a> {
    /// A record without auxiliary data.
    pub const fn new(
        record_type: MulticastRecordType,
        group: Ipv6Addr,
        sources: &'a [Ipv6Addr],
    ) -> Self {
        Self {
            record_type,
            group,
            sources: Cow::Borrowed(sources),
            auxiliary: Cow::Borrowed(&[]),
        }
    }

    /// Octets of the record.
    pub fn wire_len(&self) -> usize {
        20usize
            .saturating_add(self.sources.len().saturating_mul(16))
            .saturating_add(self.auxiliary.len())
    }

    fn check(&self) -> Result<usize, EmitError> {
        let length = self.auxiliary.len();
        if !length.is_multiple_of(4) {
            return Err(EmitError::Unaligned {
                what: "MLD auxiliary data",
                length,
                multiple: 4,
            });
        }
        if length > 255 * 4 {
            return Err(EmitError::TooLong {
                what: "MLD auxiliary data",
                length,
                limit: 255 * 4,
            });
        }
        Ok(self.wire_len())
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let auxiliary_words = u8::try_from(self.auxiliary.len() / 4).unwrap_or_default();
        writer.put(&[self.record_type.0, auxiliary_words]);
        writer.u16(u16::try_from(self.sources.len()).unwrap_or_default());
        writer.put(&self.group.octets());
        write_addresses(writer, &self.sources);
        writer.put(&self.auxiliary);
    }
}

/// An MLD message as values.
///
/// ```
/// use icmp_nd::PacketBuf;
/// use icmp_nd::wire::{
///     ALL_MLDV2_ROUTERS, MldMessage, MldRepr, MulticastAddressRecordRepr, MulticastRecordType,
/// };
/// use packet_buffer::wire::Ipv6Packet;
///
/// let record = MulticastAddressRecordRepr::new(
///     MulticastRecordType::CHANGE_TO_EXCLUDE_MODE,
///     "ff02::1:ff00:1".parse()?,
///     &[],
/// );
/// let report = MldRepr::ReportV2 { records: vec![record] };
/// let mut packet = PacketBuf::with_headroom(64);
/// report.emit_packet(&mut packet, "fe80::1".parse()?, ALL_MLDV2_ROUTERS)?;
///
/// let ip = Ipv6Packet::parse(packet.as_slice())?;
/// let read = MldMessage::parse(ip.upper_layer()?.payload)?;
/// assert_eq!(read.to_repr(), report);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MldRepr<'a> {
    /// A router of version 1 asks for listeners.
    QueryV1 {
        /// Milliseconds within which they answer.
        max_response_delay: u16,
        /// The group that is asked about; unspecified in a general query.
        group: Ipv6Addr,
    },
    /// A router of version 2 asks for listeners.
    QueryV2(MldQueryV2Repr<'a>),
    /// A listener of version 1 answers.
    Report {
        /// The group that it listens to.
        group: Ipv6Addr,
    },
    /// A listener of version 1 leaves.
    Done {
        /// The group that it has left.
        group: Ipv6Addr,
    },
    /// A listener of version 2 answers, or tells a change.
    ReportV2 {
        /// What it listens to; 65535 records at most.
        records: Vec<MulticastAddressRecordRepr<'a>>,
    },
}

impl MldRepr<'_> {
    /// The hop limit of every message: none leaves the link.
    pub const HOP_LIMIT: u8 = 1;
    /// The hop-by-hop header of every message: ICMPv6 follows, router alert with the value 0, PadN.
    // RFC 3810 §5 MUST (router-alert): every message has a hop-by-hop router alert.
    const ROUTER_ALERT: [u8; 8] = [IpProtocol::ICMPV6.0, 0, 0x05, 2, 0, 0, 0x01, 0];

    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::QueryV1 { .. } | Self::QueryV2(_) => Icmpv6Type::MULTICAST_LISTENER_QUERY,
            Self::Report { .. } => Icmpv6Type::MULTICAST_LISTENER_REPORT,
            Self::Done { .. } => Icmpv6Type::MULTICAST_LISTENER_DONE,
            Self::ReportV2 { .. } => Icmpv6Type::MULTICAST_LISTENER_REPORT_V2,
        }
    }

    /// Octets of the message.
    pub fn wire_len(&self) -> usize {
        match self {
            Self::QueryV1 { .. } | Self::Report { .. } | Self::Done { .. } => 24,
            Self::QueryV2(query) => query.sources.len().saturating_mul(16).saturating_add(28),
            Self::ReportV2 { records } => records.iter().fold(8, |sum: usize, record| {
                sum.saturating_add(record.wire_len())
            }),
        }
    }

    /// Writes the message in front of `packet`, with its checksum. What `packet` holds is additional
    /// data, which receivers ignore; mostly nothing.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: too long, when the message would exceed 65535 octets, or
    /// auxiliary data 1020; unaligned, for auxiliary data that is not a multiple of four octets; bad
    /// value, for a robustness over 7, or additional data behind a message of version 1, which would
    /// make another version of it.
    pub fn emit(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        match self {
            Self::QueryV1 { .. } if !packet.is_empty() => {
                return Err(EmitError::BadValue {
                    what: "additional data behind an MLDv1 query",
                    value: u32::try_from(packet.len()).unwrap_or(u32::MAX),
                });
            }
            Self::QueryV2(query) if query.robustness > 7 => {
                return Err(EmitError::BadValue {
                    what: "MLD robustness variable",
                    value: u32::from(query.robustness),
                });
            }
            Self::ReportV2 { records } => {
                for record in records {
                    record.check()?;
                }
            }
            _ => {}
        }
        let length = self.wire_len();
        let total = length.saturating_add(packet.len());
        if total > MAX_LEN {
            return Err(EmitError::TooLong {
                what: "MLD message",
                length: total,
                limit: MAX_LEN,
            });
        }
        // The header of four octets is ICMPv6's.
        self.write(&mut Writer::new(packet.prepend(length - 4)));
        let header = Icmpv6Repr::Other {
            message_type: self.message_type(),
            code: 0,
        };
        let written = header.emit(packet, pseudo_header);
        if written.is_err() {
            packet.trim_front(length - 4);
        }
        written
    }

    /// Writes the message, the hop-by-hop header with the router alert, and the IPv6 header with
    /// the hop limit 1.
    ///
    /// # Errors
    ///
    /// What [`emit`](Self::emit) says; too long, when both headers and the message would exceed
    /// 65535 octets behind the IPv6 header. The packet is then unchanged.
    pub fn emit_packet(
        &self,
        packet: &mut PacketBuf,
        source: Ipv6Addr,
        destination: Ipv6Addr,
    ) -> Result<(), EmitError> {
        let length = self.wire_len().saturating_add(packet.len());
        let limit = MAX_LEN - Self::ROUTER_ALERT.len();
        if length > limit {
            return Err(EmitError::TooLong {
                what: "MLD message",
                length,
                limit,
            });
        }
        let ip = Ipv6Repr {
            hop_limit: Self::HOP_LIMIT,
            ..Ipv6Repr::new(source, destination, IpProtocol::HOP_BY_HOP)
        };
        self.emit(packet, &ip.pseudo_header())?;
        packet.prepend_slice(&Self::ROUTER_ALERT);
        ip.emit(packet)
    }

    /// Writes what follows the checksum.
    fn write(&self, writer: &mut Writer<'_>) {
        let mut fixed = |delay: u16, group: &Ipv6Addr| {
            writer.u16(delay);
            writer.skip(2);
            writer.put(&group.octets());
        };
        match self {
            Self::QueryV1 {
                max_response_delay,
                group,
            } => fixed(*max_response_delay, group),
            Self::Report { group } | Self::Done { group } => fixed(0, group),
            Self::QueryV2(query) => {
                fixed(query.max_response_code, &query.group);
                let flags = u8::from(query.suppress_router_processing) << 3 | query.robustness;
                writer.put(&[flags, query.query_interval_code]);
                writer.u16(u16::try_from(query.sources.len()).unwrap_or_default());
                write_addresses(writer, &query.sources);
            }
            Self::ReportV2 { records } => {
                writer.skip(2);
                writer.u16(u16::try_from(records.len()).unwrap_or_default());
                for record in records {
                    record.write(writer);
                }
            }
        }
    }
}

fn write_addresses(writer: &mut Writer<'_>, addresses: &[Ipv6Addr]) {
    for address in addresses {
        writer.put(&address.octets());
    }
}
