//! One walk for all lists of type-length-value options.
//!
//! IPv4 and TCP options, IPv6 options, Neighbor Discovery options, PPP options and Mobile IP
//! extensions differ in small things only: which types are a lone octet, whether the length counts
//! the header, and in which unit. A [`TlvFormat`] says which; [`TlvList::parse`] checks a whole
//! list once, and iterating over it then cannot fail. Unknown and repeated options are kept, in
//! order.

use crate::error::ParseError;
use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::u8 as octet;

/// How the options of one protocol are laid out.
///
/// ```
/// use packet_buffer::tlv::{TlvFormat, TlvList};
///
/// // PPP's options: type, length (counts these two octets), data (RFC 1661 §5).
/// const LCP_OPTIONS: TlvFormat = TlvFormat {
///     what: "LCP option",
///     lone_octets: &[],
///     end: None,
///     length_unit: 1,
///     length_counts_header: true,
/// };
/// let list = TlvList::parse(&LCP_OPTIONS, &[1, 4, 0x05, 0xdc, 7, 2], 0)?;
/// let options: Vec<_> = list.iter().map(|option| (option.kind, option.data)).collect();
/// assert_eq!(options, [(1, &[0x05, 0xdc][..]), (7, &[][..])]);
/// # Ok::<(), packet_buffer::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlvFormat {
    /// What an option is called, for errors.
    pub what: &'static str,
    /// Types that are one octet without a length (padding).
    pub lone_octets: &'static [u8],
    /// The lone type after which everything is padding, if there is one.
    pub end: Option<u8>,
    /// Octets that one unit of the length field stands for.
    pub length_unit: u8,
    /// Whether the length field counts the type and length octets.
    pub length_counts_header: bool,
}

impl TlvFormat {
    /// IPv4 options (RFC 791 §3.1): type 0 ends the list, type 1 is a lone octet, the length counts
    /// the whole option.
    pub const IPV4: Self = Self {
        what: "IPv4 option",
        lone_octets: &[1],
        end: Some(0),
        length_unit: 1,
        length_counts_header: true,
    };
    /// TCP options (RFC 9293 §3.1): laid out as IPv4's.
    pub const TCP: Self = Self {
        what: "TCP option",
        ..Self::IPV4
    };
    /// The options of IPv6 hop-by-hop and destination options headers (RFC 8200 §4.2): type 0 is a
    /// lone octet, the length counts the data only.
    pub const IPV6: Self = Self {
        what: "IPv6 option",
        lone_octets: &[0],
        end: None,
        length_unit: 1,
        length_counts_header: false,
    };
    /// Neighbor Discovery options (RFC 4861 §4.6): the length counts the whole option in units of
    /// eight octets.
    pub const NEIGHBOR_DISCOVERY: Self = Self {
        what: "ND option",
        lone_octets: &[],
        end: None,
        length_unit: 8,
        length_counts_header: true,
    };
}

/// One option of a [`TlvList`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The type octet.
    pub kind: u8,
    /// What follows the length octet; empty for a lone octet.
    pub data: &'a [u8],
    /// The whole option with type and length.
    pub octets: &'a [u8],
}

impl Tlv<'_> {
    /// Whether the option is a single octet without a length.
    #[inline]
    pub const fn is_lone_octet(&self) -> bool {
        self.octets.len() == 1
    }
}

/// A list of options that has been checked from front to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlvList<'a> {
    format: &'static TlvFormat,
    octets: &'a [u8],
}

impl<'a> TlvList<'a> {
    /// Checks that `octets`, which start `offset` octets into the packet, are a list of options.
    ///
    /// The work is bounded by the number of octets: every option takes at least one.
    ///
    /// # Errors
    ///
    /// Truncated, when an option runs off the end; bad length, when a length is too small to count
    /// its own header (a zero length among them).
    #[inline]
    pub fn parse(
        format: &'static TlvFormat,
        octets: &'a [u8],
        offset: usize,
    ) -> Result<Self, ParseError> {
        if !octets.is_empty() {
            check(format, octets, offset)?;
        }
        Ok(Self { format, octets })
    }

    /// An empty list.
    pub const fn empty(format: &'static TlvFormat) -> Self {
        Self {
            format,
            octets: &[],
        }
    }

    /// All octets of the list, padding included.
    #[inline]
    pub const fn as_slice(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether the list has no octets.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The options in wire order, lone octets and the end marker included.
    #[inline]
    pub const fn iter(&self) -> TlvIter<'a> {
        TlvIter {
            format: self.format,
            rest: self.octets,
        }
    }

    /// The first option of type `kind`.
    #[inline]
    pub fn find(&self, kind: u8) -> Option<Tlv<'a>> {
        self.iter().find(|option| option.kind == kind)
    }
}

impl<'a> IntoIterator for TlvList<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &TlvList<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Iterator over the options of a [`TlvList`].
#[derive(Debug, Clone)]
pub struct TlvIter<'a> {
    format: &'static TlvFormat,
    rest: &'a [u8],
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;

    #[inline]
    fn next(&mut self) -> Option<Tlv<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        match element(self.format, self.rest) {
            Ok((after, Some(option))) => {
                self.rest = after;
                Some(option)
            }
            Ok((_, None)) => {
                let end = self.rest.get(..1).unwrap_or_default();
                self.rest = &[];
                Some(Tlv {
                    kind: end.first().copied().unwrap_or_default(),
                    data: &[],
                    octets: end,
                })
            }
            // The list was checked: there is nothing more.
            Err(_) => {
                self.rest = &[];
                None
            }
        }
    }
}

impl core::iter::FusedIterator for TlvIter<'_> {}

/// Walks the whole list. Apart from [`TlvList::parse`], so that headers without options, which are
/// most, are read without a call.
fn check(format: &TlvFormat, octets: &[u8], offset: usize) -> Result<(), ParseError> {
    let mut rest = octets;
    while !rest.is_empty() {
        match element(format, rest) {
            Ok((after, Some(_))) => rest = after,
            Ok((_, None)) => break,
            Err(_) => {
                let at = offset.saturating_add(octets.len() - rest.len());
                return Err(explain(format, rest, at));
            }
        }
    }
    Ok(())
}

/// The next option, or `None` at the end marker.
#[inline]
fn element<'a>(format: &TlvFormat, input: &'a [u8]) -> IResult<&'a [u8], Option<Tlv<'a>>, ()> {
    let (rest, kind) = octet(input)?;
    if format.end == Some(kind) {
        return Ok((rest, None));
    }
    if format.lone_octets.contains(&kind) {
        let octets = input.get(..1).unwrap_or_default();
        return Ok((
            rest,
            Some(Tlv {
                kind,
                data: &[],
                octets,
            }),
        ));
    }
    let (_, length) = octet(rest)?;
    let total = total_length(format, length).ok_or(nom::Err::Error(()))?;
    let (after, octets) = take(total).parse(input)?;
    Ok((
        after,
        Some(Tlv {
            kind,
            data: octets.get(2..).unwrap_or_default(),
            octets,
        }),
    ))
}

/// Octets of an option with the given length field; `None` when it cannot count its own header.
#[inline]
fn total_length(format: &TlvFormat, length: u8) -> Option<usize> {
    let total = usize::from(length) * usize::from(format.length_unit)
        + if format.length_counts_header { 0 } else { 2 };
    (total >= 2).then_some(total)
}

/// What is wrong with the option at the start of `rest`, which is not a whole one.
#[cold]
fn explain(format: &TlvFormat, rest: &[u8], at: usize) -> ParseError {
    let Some(&length) = rest.get(1) else {
        return ParseError::truncated(format.what, at, 2, rest.len());
    };
    match total_length(format, length) {
        Some(total) => ParseError::truncated(format.what, at, total, rest.len()),
        None => ParseError::bad_length(format.what, at, usize::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn ipv4_options_with_padding() {
        let octets = [7, 7, 4, 1, 2, 3, 4, 1, 148, 4, 0, 0, 0, 99, 99];
        let list = TlvList::parse(&TlvFormat::IPV4, &octets, 20).unwrap();
        let kinds: Vec<u8> = list.iter().map(|option| option.kind).collect();
        assert_eq!(kinds, [7, 1, 148, 0]);
        assert_eq!(list.find(148).unwrap().data, [0, 0]);
        assert_eq!(list.find(7).unwrap().octets.len(), 7);
        assert!(list.find(1).unwrap().is_lone_octet());
        assert_eq!(list.as_slice(), octets);
    }

    #[test]
    fn a_length_that_misses_its_header_is_refused() {
        for length in [0, 1] {
            assert_eq!(
                TlvList::parse(&TlvFormat::TCP, &[1, 2, length, 0], 20).unwrap_err(),
                ParseError::bad_length("TCP option", 21, usize::from(length))
            );
        }
        assert_eq!(
            TlvList::parse(&TlvFormat::NEIGHBOR_DISCOVERY, &[1, 0, 0, 0, 0, 0, 0, 0], 0),
            Err(ParseError::bad_length("ND option", 0, 0))
        );
        // IPv6 options may be empty.
        TlvList::parse(&TlvFormat::IPV6, &[1, 0, 0, 5, 1, 9], 0).unwrap();
    }

    #[test]
    fn an_option_that_runs_off_the_end_is_refused() {
        assert_eq!(
            TlvList::parse(&TlvFormat::TCP, &[1, 1, 8, 10, 0, 0], 20).unwrap_err(),
            ParseError::truncated("TCP option", 22, 10, 4)
        );
        assert_eq!(
            TlvList::parse(&TlvFormat::TCP, &[1, 8], 20).unwrap_err(),
            ParseError::truncated("TCP option", 21, 2, 1)
        );
    }

    proptest! {
        #[test]
        fn a_checked_list_is_walked_whole(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            for format in [
                &TlvFormat::IPV4,
                &TlvFormat::TCP,
                &TlvFormat::IPV6,
                &TlvFormat::NEIGHBOR_DISCOVERY,
            ] {
                if let Ok(list) = TlvList::parse(format, &octets, 0) {
                    let walked: usize = list.iter().map(|option| option.octets.len()).sum();
                    let ended = list.iter().last().is_some_and(|o| format.end == Some(o.kind));
                    prop_assert!(walked == octets.len() || ended);
                }
            }
        }
    }
}
