//! Events as records to be logged: the information elements of RFC 8158, as text or as IPFIX
//! (RFC 7011) data records.
//!
//! ```
//! use nat::log::{Exporter, Record};
//! use nat::hooks::{PortBlock, ShareEvent};
//! use nat::{Instant, NatEvent};
//!
//! let block = PortBlock { address: "203.0.113.1".parse()?, first: 1024, last: 1535 };
//! let event = NatEvent::Share(ShareEvent {
//!     at: Instant::from_secs(60),
//!     subscriber: "100.64.0.7".parse()?,
//!     block,
//!     is_given: true,
//! });
//! // The epoch of our times is midnight of January 1, 2026.
//! let record = Record::of(&event, 1_767_225_600_000).unwrap();
//! assert_eq!(
//!     record.to_string(),
//!     "observationTimeMilliseconds=1767225660000 natEvent=16 sourceIPv4Address=100.64.0.7 \
//!      postNATSourceIPv4Address=203.0.113.1 portRangeStart=1024 portRangeEnd=1535",
//! );
//!
//! let mut exporter = Exporter::new(1);
//! let message = exporter.message(1_767_225_660, &[record]);
//! assert_eq!(u16::from_be_bytes([message[0], message[1]]), 10); // IPFIX
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use crate::event::{LimitKind, NatEvent, SessionInfo};
use crate::mapping::MappingInfo;
use crate::nat64::{Nat64Binding, Nat64Drop, Nat64Event};
use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::{Instant, code_points};

code_points! {
    /// What happened: the values of natEvent (RFC 8158 §4.3).
    pub struct EventType(u8) {
        /// A NAT44 session was made.
        NAT44_SESSION_CREATE = 4 => "NAT44 session create",
        /// A NAT44 session ended.
        NAT44_SESSION_DELETE = 5 => "NAT44 session delete",
        /// A NAT44 mapping was made.
        NAT44_BIB_CREATE = 8 => "NAT44 BIB create",
        /// A NAT44 mapping is gone.
        NAT44_BIB_DELETE = 9 => "NAT44 BIB delete",
        /// A NAT64 mapping was made.
        NAT64_BIB_CREATE = 10 => "NAT64 BIB create",
        /// A NAT64 mapping is gone.
        NAT64_BIB_DELETE = 11 => "NAT64 BIB delete",
        /// No port was left.
        PORTS_EXHAUSTED = 12 => "NAT ports exhausted",
        /// A limit was reached.
        QUOTA_EXCEEDED = 13 => "quota exceeded",
        /// A block of ports was given.
        PORT_BLOCK_ALLOCATION = 16 => "port block allocation",
        /// A block of ports came back.
        PORT_BLOCK_DE_ALLOCATION = 17 => "port block de-allocation",
    }
}

/// An information element, by its number in IANA's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// The number.
    pub id: u16,
    /// The name.
    pub name: &'static str,
}

macro_rules! elements {
    ($($(#[$doc:meta])* $constant:ident = $id:literal => $name:literal,)*) => {
        impl Element {
            $($(#[$doc])* pub const $constant: Self = Self { id: $id, name: $name };)*
        }
    };
}

elements! {
    /// The transport protocol.
    PROTOCOL = 4 => "protocolIdentifier",
    /// The port inside.
    SOURCE_PORT = 7 => "sourceTransportPort",
    /// The address inside.
    SOURCE_IPV4 = 8 => "sourceIPv4Address",
    /// The port of the other end.
    DESTINATION_PORT = 11 => "destinationTransportPort",
    /// The address of the other end.
    DESTINATION_IPV4 = 12 => "destinationIPv4Address",
    /// The address inside, of NAT64.
    SOURCE_IPV6 = 27 => "sourceIPv6Address",
    /// The source's address after translation.
    POST_NAT_SOURCE_IPV4 = 225 => "postNATSourceIPv4Address",
    /// The destination's address after translation.
    POST_NAT_DESTINATION_IPV4 = 226 => "postNATDestinationIPv4Address",
    /// The source's port after translation.
    POST_NAPT_SOURCE_PORT = 227 => "postNAPTSourceTransportPort",
    /// The destination's port after translation.
    POST_NAPT_DESTINATION_PORT = 228 => "postNAPTDestinationTransportPort",
    /// What happened, see [`EventType`].
    NAT_EVENT = 230 => "natEvent",
    /// Which pool.
    NAT_POOL_ID = 283 => "natPoolID",
    /// When, in milliseconds since January 1, 1970.
    OBSERVATION_TIME = 323 => "observationTimeMilliseconds",
    /// The first port of a block.
    PORT_RANGE_START = 361 => "portRangeStart",
    /// The last port of a block.
    PORT_RANGE_END = 362 => "portRangeEnd",
    /// Which limit: 1 is sessions, 2 mappings, 3 those of a user, 4 users.
    NAT_QUOTA_EXCEEDED_EVENT = 466 => "natQuotaExceededEvent",
}

/// The value of an information element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// One octet.
    Unsigned8(u8),
    /// Two octets.
    Unsigned16(u16),
    /// Four octets.
    Unsigned32(u32),
    /// Milliseconds since January 1, 1970; eight octets.
    Milliseconds(u64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
}

impl Value {
    /// Octets in a data record.
    const fn len(&self) -> u16 {
        match self {
            Self::Unsigned8(_) => 1,
            Self::Unsigned16(_) => 2,
            Self::Unsigned32(_) | Self::Ipv4(_) => 4,
            Self::Milliseconds(_) => 8,
            Self::Ipv6(_) => 16,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unsigned8(value) => out.push(*value),
            Self::Unsigned16(value) => out.extend(value.to_be_bytes()),
            Self::Unsigned32(value) => out.extend(value.to_be_bytes()),
            Self::Milliseconds(value) => out.extend(value.to_be_bytes()),
            Self::Ipv4(value) => out.extend(value.octets()),
            Self::Ipv6(value) => out.extend(value.octets()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned8(value) => value.fmt(f),
            Self::Unsigned16(value) => value.fmt(f),
            Self::Unsigned32(value) => value.fmt(f),
            Self::Milliseconds(value) => value.fmt(f),
            Self::Ipv4(value) => value.fmt(f),
            Self::Ipv6(value) => value.fmt(f),
        }
    }
}

/// An event to be logged. Written with `{}` it is a line of `name=value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    fields: Vec<(Element, Value)>,
}

impl Record {
    /// A record of an event of NAT44. `epoch` is when our times begin, in milliseconds since January
    /// 1, 1970. `None` for an event that is not logged.
    // RFC 8158 §5.1 MUST (time): each record says when, and what happened.
    pub fn of(event: &NatEvent, epoch: u64) -> Option<Self> {
        use EventType as E;
        Some(match event {
            NatEvent::MappingCreated { at, mapping } => {
                Self::mapping(*at, epoch, E::NAT44_BIB_CREATE, mapping)
            }
            NatEvent::MappingDeleted { at, mapping } => {
                Self::mapping(*at, epoch, E::NAT44_BIB_DELETE, mapping)
            }
            NatEvent::SessionCreated { at, session } => {
                Self::session(*at, epoch, E::NAT44_SESSION_CREATE, session)
            }
            NatEvent::SessionDeleted { at, session } => {
                Self::session(*at, epoch, E::NAT44_SESSION_DELETE, session)
            }
            // RFC 8158 §5.10 MUST (block): who, and the first and last port.
            NatEvent::Share(share) => {
                let event = if share.is_given {
                    E::PORT_BLOCK_ALLOCATION
                } else {
                    E::PORT_BLOCK_DE_ALLOCATION
                };
                Self::new(share.at, epoch, event)
                    .with(Element::SOURCE_IPV4, Value::Ipv4(share.subscriber))
                    .with(
                        Element::POST_NAT_SOURCE_IPV4,
                        Value::Ipv4(share.block.address),
                    )
                    .with(
                        Element::PORT_RANGE_START,
                        Value::Unsigned16(share.block.first),
                    )
                    .with(Element::PORT_RANGE_END, Value::Unsigned16(share.block.last))
            }
            // RFC 8158 §5.7 MUST (ports): which pool.
            NatEvent::PortsExhausted {
                at,
                pool,
                protocol,
                subscriber,
            } => {
                let pool = u32::try_from(*pool).unwrap_or(u32::MAX);
                Self::new(*at, epoch, E::PORTS_EXHAUSTED)
                    .with(Element::NAT_POOL_ID, Value::Unsigned32(pool))
                    .with(Element::PROTOCOL, Value::Unsigned8(protocol.0))
                    .with(Element::SOURCE_IPV4, Value::Ipv4(*subscriber))
            }
            // RFC 8158 §5.8 MUST (quota): which limit.
            NatEvent::LimitReached {
                at,
                subscriber,
                limit,
            } => {
                let quota = match limit {
                    LimitKind::Subscribers => 4,
                    _ => 3,
                };
                Self::new(*at, epoch, E::QUOTA_EXCEEDED)
                    .with(Element::NAT_QUOTA_EXCEEDED_EVENT, Value::Unsigned32(quota))
                    .with(Element::SOURCE_IPV4, Value::Ipv4(*subscriber))
            }
            NatEvent::SessionsExhausted { at } => Self::new(*at, epoch, E::QUOTA_EXCEEDED)
                .with(Element::NAT_QUOTA_EXCEEDED_EVENT, Value::Unsigned32(1)),
        })
    }

    /// A record of an event of NAT64, which the program has polled `at` that time.
    pub fn of_nat64(event: &Nat64Event, at: Instant, epoch: u64) -> Self {
        use EventType as E;
        match event {
            Nat64Event::BindingCreated(binding) => {
                Self::binding(at, epoch, E::NAT64_BIB_CREATE, binding)
            }
            Nat64Event::BindingDeleted(binding) => {
                Self::binding(at, epoch, E::NAT64_BIB_DELETE, binding)
            }
            Nat64Event::Exhausted { host, reason } => {
                let record = match reason {
                    Nat64Drop::NoPort => Self::new(at, epoch, E::PORTS_EXHAUSTED),
                    other => {
                        let quota = if *other == Nat64Drop::SubscriberLimit {
                            3
                        } else {
                            1
                        };
                        Self::new(at, epoch, E::QUOTA_EXCEEDED)
                            .with(Element::NAT_QUOTA_EXCEEDED_EVENT, Value::Unsigned32(quota))
                    }
                };
                record.with(Element::SOURCE_IPV6, Value::Ipv6(*host))
            }
        }
    }

    /// The elements and their values, in the order of the template.
    pub fn fields(&self) -> &[(Element, Value)] {
        &self.fields
    }

    /// The value of an element.
    pub fn get(&self, element: Element) -> Option<Value> {
        let field = self.fields.iter().find(|(it, _)| *it == element);
        field.map(|(_, value)| *value)
    }

    fn new(at: Instant, epoch: u64, event: EventType) -> Self {
        let time = epoch.saturating_add(at.as_millis());
        Self { fields: Vec::new() }
            .with(Element::OBSERVATION_TIME, Value::Milliseconds(time))
            .with(Element::NAT_EVENT, Value::Unsigned8(event.0))
    }

    fn with(mut self, element: Element, value: Value) -> Self {
        self.fields.push((element, value));
        self
    }

    // RFC 8158 §5.5 MUST (bib): the address and port inside, and what they became.
    fn mapping(at: Instant, epoch: u64, event: EventType, mapping: &MappingInfo) -> Self {
        let (inside, outside) = (mapping.inside, mapping.outside);
        Self::new(at, epoch, event)
            .with(Element::SOURCE_IPV4, Value::Ipv4(inside.address))
            .with(Element::POST_NAT_SOURCE_IPV4, Value::Ipv4(outside.address))
            .with(Element::PROTOCOL, Value::Unsigned8(mapping.protocol.0))
            .with(Element::SOURCE_PORT, Value::Unsigned16(inside.port))
            .with(
                Element::POST_NAPT_SOURCE_PORT,
                Value::Unsigned16(outside.port),
            )
    }

    fn binding(at: Instant, epoch: u64, event: EventType, binding: &Nat64Binding) -> Self {
        Self::new(at, epoch, event)
            .with(Element::SOURCE_IPV6, Value::Ipv6(binding.v6))
            .with(Element::POST_NAT_SOURCE_IPV4, Value::Ipv4(binding.v4))
            .with(Element::PROTOCOL, Value::Unsigned8(binding.protocol.0))
            .with(Element::SOURCE_PORT, Value::Unsigned16(binding.v6_port))
            .with(
                Element::POST_NAPT_SOURCE_PORT,
                Value::Unsigned16(binding.v4_port),
            )
    }

    // RFC 8158 §5.4 MUST (session): both ends, before and after.
    fn session(at: Instant, epoch: u64, event: EventType, session: &SessionInfo) -> Self {
        let (original, reply) = (&session.original, &session.reply);
        Self::new(at, epoch, event)
            .with(Element::SOURCE_IPV4, Value::Ipv4(original.source()))
            .with(
                Element::POST_NAT_SOURCE_IPV4,
                Value::Ipv4(reply.destination()),
            )
            .with(Element::PROTOCOL, Value::Unsigned8(original.protocol()))
            .with(
                Element::SOURCE_PORT,
                Value::Unsigned16(original.source_port()),
            )
            .with(
                Element::POST_NAPT_SOURCE_PORT,
                Value::Unsigned16(reply.destination_port()),
            )
            .with(
                Element::DESTINATION_IPV4,
                Value::Ipv4(original.destination()),
            )
            .with(
                Element::POST_NAT_DESTINATION_IPV4,
                Value::Ipv4(reply.source()),
            )
            .with(
                Element::DESTINATION_PORT,
                Value::Unsigned16(original.destination_port()),
            )
            .with(
                Element::POST_NAPT_DESTINATION_PORT,
                Value::Unsigned16(reply.source_port()),
            )
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (element, value) in &self.fields {
            write!(f, "{separator}{}={value}", element.name)?;
            separator = " ";
        }
        Ok(())
    }
}

/// Writes records as IPFIX messages (RFC 7011 §3). Each message brings the templates that it needs,
/// so that a collector understands every one that it gets.
#[derive(Debug, Clone)]
pub struct Exporter {
    domain: u32,
    /// Data records that were sent.
    sequence: u32,
    /// Lists of elements; the number of a template is 256 and its place.
    templates: Vec<Vec<(u16, u16)>>,
}

impl Exporter {
    /// Records that fit a message of 1,280 octets with their templates, whatever they are.
    pub const MAX_RECORDS: usize = 16;

    /// An exporter for an observation domain, which tells translators of one address apart.
    pub const fn new(domain: u32) -> Self {
        Self {
            domain,
            sequence: 0,
            templates: Vec::new(),
        }
    }

    /// Writes up to [`MAX_RECORDS`](Self::MAX_RECORDS) records into a message; further ones are left
    /// out. `time` is now, in seconds since January 1, 1970.
    // RFC 7011 §3.1 MUST (header): version 10, length, time, the number of data records before.
    // RFC 7011 §3.4.1 MUST (template): what a data set holds, in which order.
    pub fn message(&mut self, time: u32, records: &[Record]) -> Vec<u8> {
        let records = records.get(..Self::MAX_RECORDS).unwrap_or(records);
        let mut used: Vec<usize> = Vec::new();
        let mut data = Vec::new();
        for record in records {
            let list: Vec<(u16, u16)> = record
                .fields
                .iter()
                .map(|(element, value)| (element.id, value.len()))
                .collect();
            let known = self.templates.iter().position(|it| *it == list);
            let template = known.unwrap_or_else(|| {
                self.templates.push(list);
                self.templates.len() - 1
            });
            if !used.contains(&template) {
                used.push(template);
            }
            let mut set = Vec::new();
            for (_, value) in &record.fields {
                value.write(&mut set);
            }
            write_set(&mut data, template_id(template), &set);
        }
        let mut templates = Vec::new();
        for index in used {
            let list = self.templates.get(index).map_or(&[][..], Vec::as_slice);
            templates.extend(template_id(index).to_be_bytes());
            let count = u16::try_from(list.len()).unwrap_or(u16::MAX);
            templates.extend(count.to_be_bytes());
            for (id, length) in list {
                templates.extend(id.to_be_bytes());
                templates.extend(length.to_be_bytes());
            }
        }
        let mut sets = Vec::new();
        if !templates.is_empty() {
            write_set(&mut sets, 2, &templates);
        }
        sets.extend(data);
        let length = u16::try_from(16 + sets.len()).unwrap_or(u16::MAX);
        let mut message = Vec::with_capacity(usize::from(length));
        message.extend(10u16.to_be_bytes());
        message.extend(length.to_be_bytes());
        message.extend(time.to_be_bytes());
        message.extend(self.sequence.to_be_bytes());
        message.extend(self.domain.to_be_bytes());
        message.extend(sets);
        let count = u32::try_from(records.len()).unwrap_or(0);
        self.sequence = self.sequence.wrapping_add(count);
        message
    }
}

fn template_id(index: usize) -> u16 {
    // There are as many templates as kinds of events: fewer than twenty.
    u16::try_from(index).unwrap_or(0).saturating_add(256)
}

fn write_set(out: &mut Vec<u8>, id: u16, content: &[u8]) {
    let length = u16::try_from(4 + content.len()).unwrap_or(u16::MAX);
    out.extend(id.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(content);
}
