//! Multicast Listener Discovery, versions 1 (RFC 2710 §3) and 2 (RFC 3810 §5).
//!
//! ```text
//!  0      1      2          4                8                   24                 28
//! +------+------+----------+-------+--------+-------------------+---+------+-------+--------------
//! | Type | Code | Checksum | delay | zero   | multicast address | S,| QQIC | count | sources
//! |      |      |          |       |        |                   |QRV|      |       |
//! +------+------+----------+-------+--------+-------------------+---+------+-------+--------------
//!  |<---------- version 1, and query of version 2 ------------>| |<------ query of version 2 --->|
//!
//! +------+------+----------+-------+--------+
//! | 143  | zero | Checksum | zero  | count  | records         report of version 2
//! +------+------+----------+-------+--------+
//! +------+---------+-------+-------------------+---------+----------------+
//! | type | aux len | count | multicast address | sources | auxiliary data     each record
//! +------+---------+-------+-------------------+---------+----------------+
//! ```

mod repr;
mod time_code;

pub use repr::{MldQueryV2Repr, MldRepr, MulticastAddressRecordRepr};
pub use time_code::{
    decode_max_response, decode_query_interval, encode_max_response, encode_query_interval,
};

use super::{be16, ipv6};
use core::net::Ipv6Addr;
use packet_buffer::wire::Icmpv6Type;
use packet_buffer::{Cursor, ParseError};

packet_buffer::code_points! {
    /// What a record of a version 2 report says (RFC 3810 §5.2.12).
    pub struct MulticastRecordType(u8) {
        /// The state is INCLUDE with these sources.
        MODE_IS_INCLUDE = 1 => "mode is include",
        /// The state is EXCLUDE with these sources.
        MODE_IS_EXCLUDE = 2 => "mode is exclude",
        /// The state has become INCLUDE with these sources.
        CHANGE_TO_INCLUDE_MODE = 3 => "change to include mode",
        /// The state has become EXCLUDE with these sources.
        CHANGE_TO_EXCLUDE_MODE = 4 => "change to exclude mode",
        /// These sources are wanted beside those before.
        ALLOW_NEW_SOURCES = 5 => "allow new sources",
        /// These sources are wanted no more.
        BLOCK_OLD_SOURCES = 6 => "block old sources",
    }
}

/// A received MLD message.
#[derive(Debug, Clone, Copy)]
pub enum MldMessage<'a> {
    /// A router asks for listeners.
    Query(MldQuery<'a>),
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
    ReportV2(MldReportV2<'a>),
}

impl<'a> MldMessage<'a> {
    /// Whether `message_type` is one of the four.
    #[inline]
    pub const fn is_type(message_type: Icmpv6Type) -> bool {
        matches!(message_type.0, 130..=132 | 143)
    }

    /// Reads the type from the first octet, and the message that it says. `octets` is the whole
    /// ICMPv6 message; what follows the parts that are known is ignored.
    ///
    /// # Errors
    ///
    /// Truncated, when something is not there whole; unsupported, for a type that is not MLD's; bad
    /// length, for a query between the lengths of both versions.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some(&first) = octets.first() else {
            return Err(ParseError::truncated("MLD message", 0, 8, 0));
        };
        match Icmpv6Type(first) {
            Icmpv6Type::MULTICAST_LISTENER_QUERY => MldQuery::parse(octets).map(Self::Query),
            Icmpv6Type::MULTICAST_LISTENER_REPORT => {
                let group = group_of(octets)?;
                Ok(Self::Report { group })
            }
            Icmpv6Type::MULTICAST_LISTENER_DONE => {
                let group = group_of(octets)?;
                Ok(Self::Done { group })
            }
            Icmpv6Type::MULTICAST_LISTENER_REPORT_V2 => {
                MldReportV2::parse(octets).map(Self::ReportV2)
            }
            _ => Err(ParseError::unsupported("MLD message", 0, u32::from(first))),
        }
    }

    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::Query(_) => Icmpv6Type::MULTICAST_LISTENER_QUERY,
            Self::Report { .. } => Icmpv6Type::MULTICAST_LISTENER_REPORT,
            Self::Done { .. } => Icmpv6Type::MULTICAST_LISTENER_DONE,
            Self::ReportV2(_) => Icmpv6Type::MULTICAST_LISTENER_REPORT_V2,
        }
    }

    /// The message as values. Auxiliary data and trailing octets are kept where they have a meaning:
    /// in records.
    pub fn to_repr(&self) -> MldRepr<'a> {
        match *self {
            Self::Query(query) => query.to_repr(),
            Self::Report { group } => MldRepr::Report { group },
            Self::Done { group } => MldRepr::Done { group },
            Self::ReportV2(report) => MldRepr::ReportV2 {
                records: report.records().map(|record| record.to_repr()).collect(),
            },
        }
    }
}

/// The group of a message of version 1.
fn group_of(octets: &[u8]) -> Result<Ipv6Addr, ParseError> {
    match octets.first_chunk::<24>() {
        Some(header) => Ok(ipv6::<8, 24>(header)),
        None => Err(ParseError::truncated("MLD message", 0, 24, octets.len())),
    }
}

/// A received query of either version.
#[derive(Debug, Clone, Copy)]
pub struct MldQuery<'a> {
    header: &'a [u8; 24],
    /// S and QRV, QQIC, number of sources; only in version 2.
    second: Option<&'a [u8; 4]>,
    sources: &'a [[u8; 16]],
}

impl<'a> MldQuery<'a> {
    /// Checks the lengths.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or a source is not there; bad length, when the message has 25 to
    /// 27 octets; bad value, for another type.
    // RFC 3810 §8.1 MUST (versions): 24 octets are version 1, 28 and more version 2, all else is
    // silently ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<24>() else {
            return Err(ParseError::truncated("MLD query", 0, 24, octets.len()));
        };
        if Icmpv6Type(header[0]) != Icmpv6Type::MULTICAST_LISTENER_QUERY {
            return Err(ParseError::bad_value("MLD query", 0, u32::from(header[0])));
        }
        if rest.is_empty() {
            return Ok(Self {
                header,
                second: None,
                sources: &[],
            });
        }
        let Some((second, rest)) = rest.split_first_chunk::<4>() else {
            return Err(ParseError::bad_length("MLD query", 0, octets.len()));
        };
        let sources = sources(rest, be16::<2, 4>(second), 28)?;
        Ok(Self {
            header,
            second: Some(second),
            sources,
        })
    }

    /// 1 or 2.
    pub const fn version(&self) -> u8 {
        if self.second.is_some() { 2 } else { 1 }
    }

    /// Milliseconds within which listeners answer: at most 65535 in version 1, 8387584 in
    /// version 2.
    pub fn max_response_delay(&self) -> u32 {
        let code = self.max_response_code();
        match self.second {
            Some(_) => decode_max_response(code),
            None => u32::from(code),
        }
    }

    /// The field that the delay is in.
    pub fn max_response_code(&self) -> u16 {
        be16::<4, 24>(self.header)
    }

    /// The group that is asked about; unspecified in a general query.
    pub fn group(&self) -> Ipv6Addr {
        ipv6::<8, 24>(self.header)
    }

    /// S: routers that hear the query do not update their timers. False in version 1.
    pub fn suppresses_router_processing(&self) -> bool {
        self.second.is_some_and(|second| second[0] & 0x08 != 0)
    }

    /// The querier's robustness variable; 0 when it is over 7, and in version 1.
    pub fn robustness(&self) -> u8 {
        self.second.map_or(0, |second| second[0] & 0x07)
    }

    /// Seconds between general queries of the querier, at most 31744; `None` in version 1.
    pub fn query_interval(&self) -> Option<u16> {
        self.second.map(|second| decode_query_interval(second[1]))
    }

    /// The sources that are asked about; none in version 1.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + use<'a> {
        self.sources.iter().map(|octets| Ipv6Addr::from(*octets))
    }

    fn to_repr(self) -> MldRepr<'a> {
        match self.second {
            None => MldRepr::QueryV1 {
                max_response_delay: self.max_response_code(),
                group: self.group(),
            },
            Some(second) => MldRepr::QueryV2(MldQueryV2Repr {
                max_response_code: self.max_response_code(),
                group: self.group(),
                suppress_router_processing: self.suppresses_router_processing(),
                robustness: self.robustness(),
                query_interval_code: second[1],
                sources: self.sources().collect(),
            }),
        }
    }
}

/// A received report of version 2.
#[derive(Debug, Clone, Copy)]
pub struct MldReportV2<'a> {
    count: u16,
    /// The records, checked; what follows them is left out.
    records: &'a [u8],
}

impl<'a> MldReportV2<'a> {
    /// Checks all records.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or a record is not there whole; bad value, for another type.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, records)) = octets.split_first_chunk::<8>() else {
            return Err(ParseError::truncated("MLD report", 0, 8, octets.len()));
        };
        if Icmpv6Type(header[0]) != Icmpv6Type::MULTICAST_LISTENER_REPORT_V2 {
            return Err(ParseError::bad_value("MLD report", 0, u32::from(header[0])));
        }
        let count = be16::<6, 8>(header);
        let mut cursor = Cursor::at(records, 8);
        for _ in 0..count {
            MulticastAddressRecord::read(&mut cursor)?;
        }
        let length = records.len() - cursor.remaining();
        Ok(Self {
            count,
            records: records.get(..length).unwrap_or_default(),
        })
    }

    /// How many records there are.
    pub const fn record_count(&self) -> u16 {
        self.count
    }

    /// The records, in order; those of types that are not known included.
    pub fn records(&self) -> impl Iterator<Item = MulticastAddressRecord<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.records);
        (0..self.count).map_while(move |_| MulticastAddressRecord::read(&mut cursor).ok())
    }
}

/// A record of a version 2 report: what is listened to in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MulticastAddressRecord<'a> {
    /// What the record says.
    pub record_type: MulticastRecordType,
    /// The group.
    pub group: Ipv6Addr,
    sources: &'a [[u8; 16]],
    auxiliary: &'a [u8],
}

impl<'a> MulticastAddressRecord<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        const WHAT: &str = "MLD multicast address record";
        let record_type = MulticastRecordType(cursor.u8(WHAT)?);
        let auxiliary_words = cursor.u8(WHAT)?;
        let count = cursor.u16(WHAT)?;
        let group = cursor.ipv6(WHAT)?;
        let at = cursor.offset();
        let octets = cursor.take(usize::from(count) * 16, WHAT)?;
        Ok(Self {
            record_type,
            group,
            sources: sources(octets, count, at)?,
            auxiliary: cursor.take(usize::from(auxiliary_words) * 4, WHAT)?,
        })
    }

    /// The sources that the record is about.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + use<'a> {
        self.sources.iter().map(|octets| Ipv6Addr::from(*octets))
    }

    /// Auxiliary data, which receivers ignore; a multiple of four octets.
    pub const fn auxiliary(&self) -> &'a [u8] {
        self.auxiliary
    }

    fn to_repr(self) -> MulticastAddressRecordRepr<'a> {
        MulticastAddressRecordRepr {
            record_type: self.record_type,
            group: self.group,
            sources: self.sources().collect(),
            auxiliary: self.auxiliary.into(),
        }
    }
}

/// The first `count` addresses in `octets`, which start at `offset`.
fn sources(octets: &[u8], count: u16, offset: usize) -> Result<&[[u8; 16]], ParseError> {
    let (addresses, _) = octets.as_chunks::<16>();
    addresses.get(..usize::from(count)).ok_or_else(|| {
        let needed = usize::from(count) * 16;
        ParseError::truncated("MLD source addresses", offset, needed, octets.len())
    })
}
