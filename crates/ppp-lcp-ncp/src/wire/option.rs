//! Configuration options.
//!
//! ```text
//!  0      1        2
//! +------+--------+------
//! | Type | Length | data         the length counts all three
//! +------+--------+------
//! ```

use core::fmt;
use packet_buffer::tlv::{Tlv, TlvFormat, TlvIter, TlvList};
use packet_buffer::{PacketBuf, ParseError};

const FORMAT: TlvFormat = TlvFormat {
    what: "configuration option",
    lone_octets: &[],
    end: None,
    length_unit: 1,
    length_counts_header: true,
};

/// The options of a Configure packet, checked once; unknown and repeated ones are kept, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigOptions<'a> {
    octets: &'a [u8],
    list: TlvList<'a>,
}

impl<'a> ConfigOptions<'a> {
    /// Checks that each option's length is at least two and ends inside of `octets`, the data of a
    /// Configure packet.
    ///
    /// # Errors
    ///
    /// Truncated or bad length; the offset counts from the start of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let list = TlvList::parse(&FORMAT, octets, 0)?;
        Ok(Self { octets, list })
    }

    /// The options in order.
    pub fn iter(&self) -> TlvIter<'a> {
        self.list.iter()
    }

    /// The first option of a type.
    pub fn find(&self, kind: u8) -> Option<Tlv<'a>> {
        self.list.find(kind)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The options as octets.
    pub const fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}

impl<'a> IntoIterator for &ConfigOptions<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An option as a value, with up to [`MAX_DATA`](Self::MAX_DATA) octets of data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfigOption {
    kind: u8,
    length: u8,
    data: [u8; Self::MAX_DATA],
}

impl ConfigOption {
    /// The most data that an option of ours has, in octets.
    pub const MAX_DATA: usize = 32;

    /// An option of this type. `None` when the data is longer than [`MAX_DATA`](Self::MAX_DATA).
    pub fn new(kind: u8, data: &[u8]) -> Option<Self> {
        let mut option = Self {
            kind,
            length: u8::try_from(data.len()).ok()?,
            data: [0; Self::MAX_DATA],
        };
        option.data.get_mut(..data.len())?.copy_from_slice(data);
        Some(option)
    }

    /// An option without data.
    pub const fn flag(kind: u8) -> Self {
        Self {
            kind,
            length: 0,
            data: [0; Self::MAX_DATA],
        }
    }

    /// An option whose data is a number of 16 bits.
    pub const fn number16(kind: u8, value: u16) -> Self {
        let mut option = Self::flag(kind);
        let [a, b] = value.to_be_bytes();
        let [first, second, ..] = &mut option.data;
        (*first, *second) = (a, b);
        option.length = 2;
        option
    }

    /// An option whose data is a number of 32 bits, or an IPv4 address.
    pub const fn number32(kind: u8, value: u32) -> Self {
        let mut option = Self::flag(kind);
        let [a, b, c, d] = value.to_be_bytes();
        let [first, second, third, fourth, ..] = &mut option.data;
        (*first, *second, *third, *fourth) = (a, b, c, d);
        option.length = 4;
        option
    }

    /// The type.
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// The data.
    pub fn data(&self) -> &[u8] {
        self.data
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// Appends the option to `packet`.
    pub fn append_to(&self, packet: &mut PacketBuf) {
        packet.append_slice(&[self.kind, self.length.saturating_add(2)]);
        packet.append_slice(self.data());
    }
}

impl fmt::Debug for ConfigOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigOption")
            .field("kind", &self.kind)
            .field("data", &self.data())
            .finish()
    }
}
