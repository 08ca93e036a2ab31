//! A message of RIPng and its route table entries.

use super::datagram::{is_link_local, is_link_local_prefix};
use super::{
    Command, ENTRY_LEN, EntryError, HEADER_LEN, INFINITY, MessageError, RIPNG_VERSION, RequestKind,
    be16, field,
};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv6Addr;
use packet_buffer::wire::Ipv6Prefix;
use packet_buffer::{EmitError, PacketBuf, ParseError};

/// A received message of RIPng.
///
/// ```text
///  0         1         2              4
/// +---------+---------+--------------+-----------------------------------------------
/// | command | version | must be zero | entries of 20 octets, as many as the MTU allows
/// +---------+---------+--------------+-----------------------------------------------
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RipngMessage<'a> {
    header: &'a [u8; HEADER_LEN],
    entries: &'a [[u8; ENTRY_LEN]],
}

impl<'a> RipngMessage<'a> {
    /// Reads the payload of a UDP datagram, all of it.
    ///
    /// # Errors
    ///
    /// Truncated, when the header is not there; bad length, when the entries are not a multiple
    /// of 20 octets.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::truncated(
                "RIPng header",
                0,
                HEADER_LEN,
                octets.len(),
            ));
        };
        let (entries, trailing) = rest.as_chunks();
        if !trailing.is_empty() {
            return Err(ParseError::bad_length("RIPng message", 0, octets.len()));
        }
        Ok(Self { header, entries })
    }

    /// What the message asks for or tells.
    #[inline]
    pub fn command(&self) -> Command {
        Command(self.header[0])
    }

    /// 1.
    #[inline]
    pub fn version(&self) -> u8 {
        self.header[1]
    }

    /// The two octets behind the version, which are zero.
    #[inline]
    pub fn must_be_zero(&self) -> u16 {
        be16::<2, HEADER_LEN>(self.header)
    }

    /// How many entries there are, next hops among them.
    #[inline]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The entries, in order.
    #[inline]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = RipngEntry<'a>> + use<'a> {
        self.entries.iter().map(RipngEntry::new)
    }

    /// The entries of a response: each is a route, or says why it is not. Next hop entries are
    /// applied to the routes behind them, and come up only as errors.
    #[inline]
    pub fn routes(&self) -> RipngRoutes<'a> {
        RipngRoutes {
            entries: self.entries.iter(),
            next_hop: None,
        }
    }

    /// Whether a router may act on the message.
    ///
    /// # Errors
    ///
    /// The version is not 1; the command is neither request nor response.
    #[inline]
    pub fn check(&self) -> Result<(), MessageError> {
        // RFC 2080 §2.1 MUST (version): there is version 1 only. The zero field is ignored.
        if self.version() != RIPNG_VERSION {
            return Err(MessageError::Version(self.version()));
        }
        match self.command() {
            Command::REQUEST | Command::RESPONSE => Ok(()),
            command => Err(MessageError::Command(command)),
        }
    }

    /// What a request asks for.
    // RFC 2080 §2.4.1 MUST (whole-table): exactly one entry, of prefix ::/0 and metric 16.
    #[inline]
    pub fn request_kind(&self) -> RequestKind {
        match self.entries {
            [] => RequestKind::Nothing,
            [entry] => {
                let entry = RipngEntry::new(entry);
                let all = entry.prefix().is_unspecified() && entry.prefix_length() == 0;
                if all && entry.metric() == INFINITY {
                    RequestKind::WholeTable
                } else {
                    RequestKind::Entries
                }
            }
            _ => RequestKind::Entries,
        }
    }
}

/// A received route table entry.
///
/// ```text
///  0                        16          18              19       20
/// +------------------------+-----------+---------------+--------+
/// | IPv6 prefix            | route tag | prefix length | metric |
/// +------------------------+-----------+---------------+--------+
///  with metric 0xff: the next hop of the entries behind it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RipngEntry<'a>(&'a [u8; ENTRY_LEN]);

impl<'a> RipngEntry<'a> {
    /// The metric that marks a next hop (RFC 2080 §2.1.1).
    pub const NEXT_HOP_METRIC: u8 = 0xff;

    /// Any 20 octets are an entry; whether one may act on it is what [`route`](Self::route) tells.
    #[inline]
    pub const fn new(octets: &'a [u8; ENTRY_LEN]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[inline]
    pub const fn octets(&self) -> &'a [u8; ENTRY_LEN] {
        self.0
    }

    /// The destination, or the next hop.
    #[inline]
    pub fn prefix(&self) -> Ipv6Addr {
        Ipv6Addr::from(*field::<0, 16, ENTRY_LEN>(self.0))
    }

    /// A mark of the route's origin that is carried along.
    #[inline]
    pub fn route_tag(&self) -> u16 {
        be16::<16, ENTRY_LEN>(self.0)
    }

    /// Bits of the prefix that count.
    #[inline]
    pub fn prefix_length(&self) -> u8 {
        field::<18, 1, ENTRY_LEN>(self.0)[0]
    }

    /// The metric; 0xff in a next hop.
    #[inline]
    pub fn metric(&self) -> u8 {
        field::<19, 1, ENTRY_LEN>(self.0)[0]
    }

    /// Whether the entry is the next hop of those behind it.
    #[inline]
    pub fn is_next_hop(&self) -> bool {
        self.metric() == Self::NEXT_HOP_METRIC
    }

    /// The fields as values.
    pub fn to_repr(&self) -> RipngEntryRepr {
        RipngEntryRepr {
            prefix: self.prefix(),
            route_tag: self.route_tag(),
            prefix_length: self.prefix_length(),
            metric: self.metric(),
        }
    }

    /// The destination. Bits behind the prefix length are cleared.
    ///
    /// # Errors
    ///
    /// The prefix length, or a destination that nothing is routed to.
    // RFC 2080 §2.4.2 MUST (prefix): not multicast, not link-local; the length up to 128.
    #[inline]
    pub fn destination(&self) -> Result<Ipv6Prefix, EntryError> {
        let (address, length) = (self.prefix(), self.prefix_length());
        let prefix = Ipv6Prefix::new(address, length).ok_or(EntryError::PrefixLength(length))?;
        if length == 0 {
            return if address.is_unspecified() {
                Ok(prefix)
            } else {
                Err(EntryError::DefaultWithAddress)
            };
        }
        if address.is_multicast() {
            return Err(EntryError::Multicast);
        }
        if is_link_local_prefix(&prefix) {
            return Err(EntryError::LinkLocal);
        }
        if prefix == Ipv6Prefix::host(Ipv6Addr::LOCALHOST) {
            return Err(EntryError::Loopback);
        }
        Ok(prefix)
    }

    /// The route that the entry tells of; `next_hop` is that of the next hop entry before it.
    ///
    /// # Errors
    ///
    /// Those of [`destination`](Self::destination), and the metric.
    #[inline]
    pub fn route(&self, next_hop: Option<Ipv6Addr>) -> Result<RipngRoute, EntryError> {
        let prefix = self.destination()?;
        Ok(RipngRoute {
            prefix,
            metric: super::entry::check_metric(u32::from(self.metric()))?,
            route_tag: self.route_tag(),
            next_hop,
            host_bits: prefix.network() != self.prefix(),
        })
    }
}

/// A route table entry that passed all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipngRoute {
    /// The destination.
    pub prefix: Ipv6Prefix,
    /// From 1 to 16; 16 is unreachable. The cost of the interface is not added yet.
    pub metric: u8,
    /// A mark of the route's origin that is carried along.
    pub route_tag: u16,
    /// Where packets go, a link-local address; `None` for the sender of the message.
    pub next_hop: Option<Ipv6Addr>,
    /// Whether the prefix had bits behind its length, which were cleared.
    pub host_bits: bool,
}

/// The entries of a response, each judged by itself.
#[derive(Debug, Clone)]
pub struct RipngRoutes<'a> {
    entries: core::slice::Iter<'a, [u8; ENTRY_LEN]>,
    next_hop: Option<Ipv6Addr>,
}

impl Iterator for RipngRoutes<'_> {
    type Item = Result<RipngRoute, EntryError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = RipngEntry::new(self.entries.next()?);
            if !entry.is_next_hop() {
                return Some(entry.route(self.next_hop));
            }
            // RFC 2080 §2.1.1 MUST (next-hop): it holds until the next one or the end of the
            // message; :: is the sender, and so is an address that is not link-local.
            // RFC 2080 §2.1.1 MUST (ignored): its tag and length mean nothing.
            let address = entry.prefix();
            self.next_hop = is_link_local(address).then_some(address);
            if self.next_hop.is_none() && !address.is_unspecified() {
                return Some(Err(EntryError::NextHopNotLinkLocal));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.entries.len()))
    }
}

impl core::iter::FusedIterator for RipngRoutes<'_> {}

/// A route table entry, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipngEntryRepr {
    /// The destination, or the next hop.
    pub prefix: Ipv6Addr,
    /// A mark of the route's origin; 0 in a next hop.
    pub route_tag: u16,
    /// Bits of the prefix that count; 0 in a next hop.
    pub prefix_length: u8,
    /// From 1 to 16; 0xff in a next hop.
    pub metric: u8,
}

impl RipngEntryRepr {
    /// Octets that [`emit`](Self::emit) writes.
    pub const LEN: usize = ENTRY_LEN;

    /// The one entry of a request for the whole table (RFC 2080 §2.4.1).
    pub const WHOLE_TABLE: Self = Self::route(Ipv6Prefix::ALL, INFINITY);

    /// A route without a tag.
    pub const fn route(prefix: Ipv6Prefix, metric: u8) -> Self {
        Self {
            prefix: prefix.network(),
            route_tag: 0,
            prefix_length: prefix.length(),
            metric,
        }
    }

    /// The next hop of the entries behind it; `::` for the sender of the message.
    pub const fn next_hop(address: Ipv6Addr) -> Self {
        Self {
            prefix: address,
            route_tag: 0,
            prefix_length: 0,
            metric: RipngEntry::NEXT_HOP_METRIC,
        }
    }

    /// The entry with another tag.
    #[must_use]
    pub const fn with_tag(mut self, route_tag: u16) -> Self {
        self.route_tag = route_tag;
        self
    }

    /// The entry with another metric: how an entry of a request becomes one of the answer.
    #[must_use]
    pub const fn with_metric(mut self, metric: u8) -> Self {
        self.metric = metric;
        self
    }

    /// The entry on the wire.
    #[inline]
    pub fn octets(&self) -> [u8; ENTRY_LEN] {
        let mut octets = [0; ENTRY_LEN];
        octets[0..16].copy_from_slice(&self.prefix.octets());
        NetworkEndian::write_u16(&mut octets[16..18], self.route_tag);
        octets[18] = self.prefix_length;
        octets[19] = self.metric;
        octets
    }

    /// Writes the entry in front of those that are in `packet`. To write many,
    /// [`RipngWriter`](super::RipngWriter) appends them.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) {
        packet.prepend_slice(&self.octets());
    }
}

/// The header of a message of RIPng, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipngMessageRepr {
    /// Request or response.
    pub command: Command,
}

impl RipngMessageRepr {
    /// Octets that [`emit`](Self::emit) writes.
    pub const LEN: usize = HEADER_LEN;

    /// A message.
    pub const fn new(command: Command) -> Self {
        Self { command }
    }

    /// Writes the header in front of the entries in `packet`.
    ///
    /// # Errors
    ///
    /// Bad value for the commands of demand circuits, which RIPng does not have.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        if self.command.has_update_header() {
            return Err(EmitError::BadValue {
                what: "RIPng command",
                value: u32::from(self.command.0),
            });
        }
        packet.prepend_slice(&[self.command.0, RIPNG_VERSION, 0, 0]);
        Ok(())
    }
}
