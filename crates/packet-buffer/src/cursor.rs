//! A checked cursor over received octets.

use crate::error::ParseError;
use byteorder::{ByteOrder, NetworkEndian};
use core::net::{Ipv4Addr, Ipv6Addr};

/// Reads octets from front to back; every read is checked and names what it reads.
///
/// The cursor knows its offset from the start of the packet, so that errors from a
/// [`sub`](Self::sub)-structure point at the right octet of the whole.
///
/// ```
/// use packet_buffer::Cursor;
///
/// let mut cursor = Cursor::new(&[0x02, 0x00, 0x10, 0xaa]);
/// assert_eq!(cursor.u8("command")?, 2);
/// assert_eq!(cursor.u16("length")?, 16);
/// let error = cursor.u32("key").unwrap_err();
/// assert_eq!(error.to_string(), "key at octet 3: 4 octets are needed and 1 are left");
/// # Ok::<(), packet_buffer::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// A cursor at the start of `bytes`, which themselves start `offset` octets into the packet.
    #[inline]
    pub const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// Where the cursor is, in octets from the start of the packet.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Octets that are left.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether no octets are left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The octets that are left; the cursor stays.
    #[inline]
    pub const fn peek_rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes all octets that are left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.offset = self.offset.saturating_add(rest.len());
        self.rest = &[];
        rest
    }

    /// Takes the next `n` octets, which are the field `what`.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer are left; the cursor stays where it was. So do all other reads.
    #[inline]
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], ParseError> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(ParseError::truncated(what, self.offset, n, self.rest.len()));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(n);
        Ok(taken)
    }

    /// Takes the next `N` octets as an array.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], ParseError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(ParseError::truncated(what, self.offset, N, self.rest.len()));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(taken)
    }

    /// Takes `n` octets as a structure of its own; offsets in its errors stay those of the whole.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer are left.
    #[inline]
    pub fn sub(&mut self, n: usize, what: &'static str) -> Result<Cursor<'a>, ParseError> {
        let offset = self.offset;
        Ok(Self::at(self.take(n, what)?, offset))
    }

    /// Takes one octet.
    ///
    /// # Errors
    ///
    /// Truncated, when none is left.
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, ParseError> {
        self.array::<1>(what).map(|octets| octets[0])
    }

    /// Takes a 16-bit number in network order.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than two octets are left.
    #[inline]
    pub fn u16(&mut self, what: &'static str) -> Result<u16, ParseError> {
        self.array::<2>(what)
            .map(|octets| NetworkEndian::read_u16(octets))
    }

    /// Takes a 24-bit number in network order.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than three octets are left.
    #[inline]
    pub fn u24(&mut self, what: &'static str) -> Result<u32, ParseError> {
        self.array::<3>(what)
            .map(|octets| NetworkEndian::read_u24(octets))
    }

    /// Takes a 32-bit number in network order.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than four octets are left.
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, ParseError> {
        self.array::<4>(what)
            .map(|octets| NetworkEndian::read_u32(octets))
    }

    /// Takes a 64-bit number in network order.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than eight octets are left.
    #[inline]
    pub fn u64(&mut self, what: &'static str) -> Result<u64, ParseError> {
        self.array::<8>(what)
            .map(|octets| NetworkEndian::read_u64(octets))
    }

    /// Takes an IPv4 address.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than four octets are left.
    #[inline]
    pub fn ipv4(&mut self, what: &'static str) -> Result<Ipv4Addr, ParseError> {
        self.array::<4>(what).map(|octets| Ipv4Addr::from(*octets))
    }

    /// Takes an IPv6 address.
    ///
    /// # Errors
    ///
    /// Truncated, when fewer than sixteen octets are left.
    #[inline]
    pub fn ipv6(&mut self, what: &'static str) -> Result<Ipv6Addr, ParseError> {
        self.array::<16>(what).map(|octets| Ipv6Addr::from(*octets))
    }

    /// Makes sure that the structure `what` ends here.
    ///
    /// # Errors
    ///
    /// Bad length, with the number of octets left, when there are more.
    #[inline]
    pub fn finish(&self, what: &'static str) -> Result<(), ParseError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ParseError::bad_length(what, self.offset, self.rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ParseErrorKind;

    #[test]
    fn reads_in_order_and_names_what_is_missing() {
        let bytes: [u8; 36] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(cursor.u8("a").unwrap(), 0);
        assert_eq!(cursor.u16("b").unwrap(), 0x0102);
        assert_eq!(cursor.u24("c").unwrap(), 0x03_0405);
        assert_eq!(cursor.u32("d").unwrap(), 0x0607_0809);
        assert_eq!(cursor.u64("e").unwrap(), 0x0a0b_0c0d_0e0f_1011);
        assert_eq!(cursor.ipv4("f").unwrap(), Ipv4Addr::new(18, 19, 20, 21));
        assert_eq!(cursor.offset(), 22);
        let before = cursor.peek_rest();
        assert_eq!(
            cursor.ipv6("g").unwrap_err(),
            ParseError::truncated("g", 22, 16, 14)
        );
        assert_eq!(cursor.peek_rest(), before);
        let mut sub = cursor.sub(4, "sub").unwrap();
        assert_eq!(sub.offset(), 22);
        sub.u24("x").unwrap();
        assert_eq!(
            sub.finish("sub").unwrap_err().kind,
            ParseErrorKind::BadLength { length: 1 }
        );
        assert_eq!(sub.u16("y").unwrap_err().offset, 25);
        assert_eq!(cursor.rest().len(), 10);
        assert!(cursor.is_empty());
        cursor.finish("all").unwrap();
        assert_eq!(cursor.offset(), 36);
    }

    #[test]
    fn an_offset_does_not_overflow() {
        let mut cursor = Cursor::at(&[1, 2, 3], usize::MAX - 1);
        assert_eq!(cursor.u16("a"), Ok(0x0102));
        assert_eq!(cursor.offset(), usize::MAX);
        assert_eq!(cursor.rest(), [3]);
        assert_eq!(cursor.offset(), usize::MAX);
    }
}
