//! IPv6-to-IPv6 network prefix translation (RFC 6296): one prefix for another, without state and
//! without touching a transport header.
//!
//! The bits of one prefix are put in place of the other's, and one 16-bit word behind them takes up
//! the difference in one's complement arithmetic, so that the sum over the address, and every
//! checksum that covers it, stays as it was.
//!
//! ```
//! use nat::nptv6::Nptv6;
//!
//! let site = Nptv6::new("fd01:203:405::/48".parse()?, "2001:db8:1::/48".parse()?)?;
//! let outside = site.outbound("fd01:203:405:1::1234".parse()?)?;
//! assert_eq!(outside, "2001:db8:1:d550::1234".parse::<core::net::Ipv6Addr>()?);
//! assert_eq!(site.inbound(outside)?, "fd01:203:405:1::1234".parse::<core::net::Ipv6Addr>()?);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::net::Ipv6Addr;
use packet_buffer::ParseError;
use packet_buffer::wire::{IpProtocol, Ipv6Packet, Ipv6Prefix, QuotedPacket};
use thiserror::Error;

/// Why a pair of prefixes cannot be translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Nptv6ConfigError {
    /// A prefix is longer than 64 bits: a subnet's interface identifiers would not fit behind it.
    #[error("a prefix of {0} bits is longer than 64")]
    TooLong(u8),
    /// One prefix lies in the other, so that the sides cannot be told apart.
    #[error("the prefixes overlap")]
    Overlap,
}

/// Why a packet is not translated. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Nptv6Discard {
    /// The packet cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The address does not lie in the prefix of its side, and is not to be seen on the other.
    #[error("the address is not in the prefix of its side")]
    NotInPrefix,
    /// The word that takes up the difference is 0xffff, which cannot be told from zero on the way
    /// back: the packet is answered with an ICMPv6 Destination Unreachable.
    #[error("the word that would be adjusted is 0xffff")]
    Unmappable,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nptv6Verdict {
    /// It was translated and goes to the other side.
    Translated,
    /// It came from inside and is for inside, by an external address: both addresses were
    /// translated, and it goes back to the side that it came from.
    Hairpin,
}

/// A pair of prefixes and the difference between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nptv6 {
    internal: Ipv6Prefix,
    external: Ipv6Prefix,
    /// Bits that are replaced: the longer of both lengths.
    length: u8,
    /// What is added, in one's complement, on the way out.
    adjustment: u16,
}

impl Nptv6 {
    /// Translates between the prefix of the inside and that of the outside. Where one is shorter, it
    /// is taken to be as long as the other, with zeroes.
    ///
    /// # Errors
    ///
    /// [`Nptv6ConfigError`].
    // RFC 6296 §3.1 MUST (lengths): the shorter prefix is extended with zeroes to the length of the
    // longer.
    pub fn new(internal: Ipv6Prefix, external: Ipv6Prefix) -> Result<Self, Nptv6ConfigError> {
        let length = internal.length().max(external.length());
        if length > 64 {
            return Err(Nptv6ConfigError::TooLong(length));
        }
        let extended = |prefix: Ipv6Prefix| Ipv6Prefix::new(prefix.network(), length);
        let (Some(internal), Some(external)) = (extended(internal), extended(external)) else {
            return Err(Nptv6ConfigError::TooLong(length));
        };
        if internal == external {
            return Err(Nptv6ConfigError::Overlap);
        }
        // RFC 6296 §3.1 MUST (adjustment): the difference of the one's complement sums of both
        // prefixes.
        let adjustment = add(
            sum(internal.network().segments()),
            !sum(external.network().segments()),
        );
        Ok(Self {
            internal,
            external,
            length,
            adjustment,
        })
    }

    /// The prefix of the inside, in the length that is translated.
    pub const fn internal(&self) -> Ipv6Prefix {
        self.internal
    }

    /// The prefix of the outside, in the length that is translated.
    pub const fn external(&self) -> Ipv6Prefix {
        self.external
    }

    /// What is added to a word on the way out, in one's complement arithmetic.
    pub const fn adjustment(&self) -> u16 {
        self.adjustment
    }

    /// The external address of an internal one.
    ///
    /// # Errors
    ///
    /// Not in prefix, for another address; unmappable.
    // RFC 6296 §3.2 MUST: the internal prefix is overwritten with the external, and the adjustment
    // added to a word behind it.
    pub fn outbound(&self, address: Ipv6Addr) -> Result<Ipv6Addr, Nptv6Discard> {
        self.map(address, self.internal, self.external, self.adjustment)
    }

    /// The internal address of an external one.
    ///
    /// # Errors
    ///
    /// Not in prefix, for another address; unmappable.
    // RFC 6296 §3.3 MUST: the other way round, with the adjustment subtracted.
    pub fn inbound(&self, address: Ipv6Addr) -> Result<Ipv6Addr, Nptv6Discard> {
        self.map(address, self.external, self.internal, !self.adjustment)
    }

    /// Puts `to` in place of `from` and adds `adjustment` to the word that takes it up.
    fn map(
        &self,
        address: Ipv6Addr,
        from: Ipv6Prefix,
        to: Ipv6Prefix,
        adjustment: u16,
    ) -> Result<Ipv6Addr, Nptv6Discard> {
        if !from.contains(address) {
            return Err(Nptv6Discard::NotInPrefix);
        }
        let bits = to.network().to_bits() | (address.to_bits() & !to.netmask().to_bits());
        let mut words = Ipv6Addr::from_bits(bits).segments();
        // RFC 6296 §3.4 MUST: with a prefix of up to 48 bits, bits 48 to 63 are adjusted.
        // RFC 6296 §3.5 MUST: with a longer one, the first word of the interface identifier that is
        // not 0xffff.
        let candidates = if self.length <= 48 { 3..4 } else { 4..8 };
        let word = words
            .get_mut(candidates)
            .unwrap_or_default()
            .iter_mut()
            .find(|word| **word != 0xffff)
            .ok_or(Nptv6Discard::Unmappable)?;
        // RFC 6296 §3.2 MUST (zero): a result of 0xffff is written as zero.
        *word = match add(*word, adjustment) {
            0xffff => 0,
            sum => sum,
        };
        Ok(Ipv6Addr::from(words))
    }

    /// Translates a packet from the inside: its source, and its destination too when that is an
    /// external address. An ICMPv6 error's quoted packet is translated as well, so that its
    /// receiver knows it again.
    ///
    /// Transport checksums stay right without being touched. The hop limit is the caller's.
    ///
    /// # Errors
    ///
    /// [`Nptv6Discard`], with the packet unchanged.
    pub fn process_outbound(&self, packet: &mut [u8]) -> Result<Nptv6Verdict, Nptv6Discard> {
        let headers = Headers::parse(packet)?;
        let source = self.outbound(headers.source)?;
        // RFC 6296 §4.3 MUST: a packet from inside to an external address of the inside is turned
        // back, and shows the external address of its sender.
        let (destination, verdict) = if self.external.contains(headers.destination) {
            (self.inbound(headers.destination)?, Nptv6Verdict::Hairpin)
        } else {
            (headers.destination, Nptv6Verdict::Translated)
        };
        // The quoted packet had been translated when it caused the error: it went to `source`, and
        // came from what this error is for.
        let quoted = headers.quoted.map(|quoted| Quoted {
            source: match verdict {
                Nptv6Verdict::Hairpin => self.inbound(quoted.source).unwrap_or(quoted.source),
                Nptv6Verdict::Translated => quoted.source,
            },
            destination: self
                .outbound(quoted.destination)
                .unwrap_or(quoted.destination),
            ..quoted
        });
        write(packet, source, destination, quoted);
        Ok(verdict)
    }

    /// Translates a packet from the outside: its destination.
    ///
    /// # Errors
    ///
    /// [`Nptv6Discard`], with the packet unchanged.
    pub fn process_inbound(&self, packet: &mut [u8]) -> Result<Nptv6Verdict, Nptv6Discard> {
        let headers = Headers::parse(packet)?;
        // A source of the inside cannot come from outside.
        if self.internal.contains(headers.source) {
            return Err(Nptv6Discard::NotInPrefix);
        }
        let destination = self.inbound(headers.destination)?;
        let quoted = headers.quoted.map(|quoted| Quoted {
            source: self.inbound(quoted.source).unwrap_or(quoted.source),
            ..quoted
        });
        write(packet, headers.source, destination, quoted);
        Ok(Nptv6Verdict::Translated)
    }
}

/// What of a packet is looked at.
struct Headers {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    quoted: Option<Quoted>,
}

/// The addresses of a packet that an ICMPv6 error quotes.
#[derive(Clone, Copy)]
struct Quoted {
    /// Where the quoted packet starts, in octets from the start of the error's packet.
    offset: usize,
    source: Ipv6Addr,
    destination: Ipv6Addr,
}

impl Headers {
    fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let packet = Ipv6Packet::parse(octets)?;
        let upper = packet.upper_layer()?;
        let mut quoted = None;
        let is_error = upper.payload.first().is_some_and(|kind| *kind < 128);
        if upper.protocol == IpProtocol::ICMPV6 && upper.is_start() && is_error {
            let inner = upper.payload.get(8..).unwrap_or_default();
            if let Ok(QuotedPacket::V6(inner)) = QuotedPacket::parse(inner) {
                quoted = Some(Quoted {
                    offset: upper.offset + 8,
                    source: inner.source(),
                    destination: inner.destination(),
                });
            }
        }
        Ok(Self {
            source: packet.source(),
            destination: packet.destination(),
            quoted,
        })
    }
}

/// Writes the addresses; every offset was checked by [`Headers::parse`].
fn write(packet: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr, quoted: Option<Quoted>) {
    let mut put = |at: usize, address: Ipv6Addr| {
        if let Some(field) = packet.get_mut(at..at + 16) {
            field.copy_from_slice(&address.octets());
        }
    };
    put(8, source);
    put(24, destination);
    if let Some(quoted) = quoted {
        put(quoted.offset + 8, quoted.source);
        put(quoted.offset + 24, quoted.destination);
    }
}

/// The one's complement sum of two words.
const fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    // After a carry the sum is at most 0xfffe.
    if carry { sum + 1 } else { sum }
}

fn sum(words: [u16; 8]) -> u16 {
    words.into_iter().fold(0, add)
}
