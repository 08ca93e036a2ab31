//! Domain names as DNS writes them (RFC 1035 §3.1): labels with a length octet each, then a zero.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Octets of the longest name, with the length octets and the zero at its end (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// Octets of the longest label.
const MAX_LABEL: usize = 63;

/// Why octets or a text are not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DomainNameError {
    /// The octets end before the zero that ends the name.
    #[error("the name is cut: no zero octet ends it")]
    Truncated,
    /// A label has a length over 63, or is a compression pointer, which have no place here.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// The whole name would be longer than 255 octets.
    #[error("the name is longer than 255 octets")]
    LongName,
    /// A label has no octets, or the name has no labels.
    #[error("a label is empty")]
    EmptyLabel,
    /// A backslash that is not followed by a character or by three digits up to 255.
    #[error("a backslash is followed neither by a character nor by three digits up to 255")]
    Escape,
}

/// A domain name with one label at least, in received octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainNameRef<'a> {
    /// The labels with their length octets, and the zero.
    octets: &'a [u8],
}

impl<'a> DomainNameRef<'a> {
    /// Reads the name at the start of `octets`, and returns what follows it.
    ///
    /// # Errors
    ///
    /// Truncated, when no zero ends it; a label or the whole is too long; there are no labels.
    pub fn parse(octets: &'a [u8]) -> Result<(Self, &'a [u8]), DomainNameError> {
        let mut end = 0;
        loop {
            let length = *octets.get(end).ok_or(DomainNameError::Truncated)?;
            end += 1;
            if length == 0 {
                break;
            }
            // RFC 8106 §5.2 MUST (no-compression): a compression pointer reads as such a length.
            if usize::from(length) > MAX_LABEL {
                return Err(DomainNameError::LongLabel);
            }
            end += usize::from(length);
            if end >= MAX_NAME {
                return Err(DomainNameError::LongName);
            }
        }
        if end == 1 {
            return Err(DomainNameError::EmptyLabel);
        }
        let (octets, rest) = octets
            .split_at_checked(end)
            .ok_or(DomainNameError::Truncated)?;
        Ok((Self { octets }, rest))
    }

    /// The labels, from the leftmost on; at least one.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.octets;
        core::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            (length > 0).then_some(label)
        })
    }

    /// The name as it is on the wire: labels with their length octets, and the zero.
    pub const fn as_wire(&self) -> &'a [u8] {
        self.octets
    }

    /// A name that owns its octets.
    pub fn to_owned(&self) -> DomainName {
        DomainName {
            octets: self.octets.into(),
        }
    }
}

/// The labels with dots between them and none at the end. Dots and backslashes inside a label have
/// a backslash in front, octets that cannot be printed are a backslash and three digits
/// (RFC 4343 §2.1).
impl fmt::Display for DomainNameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, label) in self.labels().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            for &octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for DomainNameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A domain name with one label at least.
///
/// ```
/// use icmp_nd::wire::DomainName;
///
/// let name: DomainName = "example.com".parse()?;
/// assert_eq!(name.as_wire(), b"\x07example\x03com\0");
/// assert_eq!(name.to_string(), "example.com");
/// # Ok::<(), icmp_nd::wire::DomainNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName {
    octets: Box<[u8]>,
}

impl DomainName {
    /// The name as it is on the wire: labels with their length octets, and the zero.
    pub fn as_wire(&self) -> &[u8] {
        &self.octets
    }

    /// The same name, borrowed.
    pub fn as_ref(&self) -> DomainNameRef<'_> {
        DomainNameRef {
            octets: &self.octets,
        }
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    /// Reads what [`DomainNameRef`]'s `Display` writes; a dot at the end is allowed.
    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        let mut octets = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut input = text.bytes();
        let mut finish = |label: &mut Vec<u8>| {
            if label.is_empty() {
                return Err(DomainNameError::EmptyLabel);
            }
            let length = u8::try_from(label.len()).map_err(|_| DomainNameError::LongLabel)?;
            if label.len() > MAX_LABEL {
                return Err(DomainNameError::LongLabel);
            }
            octets.push(length);
            octets.append(label);
            Ok(())
        };
        while let Some(octet) = input.next() {
            match octet {
                b'.' => finish(&mut label)?,
                b'\\' => label.push(escaped(&mut input)?),
                _ => label.push(octet),
            }
        }
        let ends_with_dot = label.is_empty() && text.len() > 1;
        if !ends_with_dot {
            finish(&mut label)?;
        }
        octets.push(0);
        if octets.len() > MAX_NAME {
            return Err(DomainNameError::LongName);
        }
        Ok(Self {
            octets: octets.into(),
        })
    }
}

/// What stands behind a backslash: three digits, or any other character for itself.
fn escaped(input: &mut core::str::Bytes<'_>) -> Result<u8, DomainNameError> {
    let digit = |octet: Option<u8>| {
        let digit = octet.filter(u8::is_ascii_digit)?;
        Some(u16::from(digit - b'0'))
    };
    let first = input.next().ok_or(DomainNameError::Escape)?;
    let Some(hundreds) = digit(Some(first)) else {
        return Ok(first);
    };
    let tens = digit(input.next()).ok_or(DomainNameError::Escape)?;
    let ones = digit(input.next()).ok_or(DomainNameError::Escape)?;
    u8::try_from(hundreds * 100 + tens * 10 + ones).map_err(|_| DomainNameError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::*;

    fn name(text: &str) -> Result<DomainName, DomainNameError> {
        text.parse()
    }

    #[test]
    fn texts_that_are_no_names() {
        let long_label = "a".repeat(64);
        let mut long_name = String::from("a");
        for _ in 0..127 {
            long_name.push_str(".a");
        }
        for (text, error) in [
            ("", DomainNameError::EmptyLabel),
            (".", DomainNameError::EmptyLabel),
            ("a..b", DomainNameError::EmptyLabel),
            (&long_label, DomainNameError::LongLabel),
            (&long_name, DomainNameError::LongName),
            ("a\\", DomainNameError::Escape),
            ("a\\25", DomainNameError::Escape),
            ("a\\256", DomainNameError::Escape),
        ] {
            assert_eq!(name(text), Err(error), "{text}");
        }
        assert_eq!(name("example.com."), name("example.com"));
    }

    #[test]
    fn octets_that_are_no_names() {
        let error = |octets: &[u8]| DomainNameRef::parse(octets).unwrap_err();
        assert_eq!(error(b""), DomainNameError::Truncated);
        assert_eq!(error(b"\x01a"), DomainNameError::Truncated);
        assert_eq!(error(b"\x05a\0"), DomainNameError::Truncated);
        assert_eq!(error(b"\0"), DomainNameError::EmptyLabel);
        // A compression pointer (RFC 1035 §4.1.4).
        assert_eq!(error(b"\x01a\xc0\x00\0"), DomainNameError::LongLabel);
        assert_eq!(error(&[1; 300]), DomainNameError::LongName);
        // The longest name there is: 127 labels of one octet, and the zero.
        let mut longest = [1; 255];
        longest[254] = 0;
        let (parsed, rest) = DomainNameRef::parse(&longest).unwrap();
        assert_eq!((parsed.labels().count(), rest.len()), (127, 0));
        assert_eq!(parsed.to_owned(), name(&parsed.to_string()).unwrap());
    }

    proptest! {
        #[test]
        fn text_and_wire_round_trip(
            labels in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 1..20), 1..8),
            behind: Vec<u8>,
        ) {
            let mut octets = Vec::new();
            for label in &labels {
                octets.push(u8::try_from(label.len()).unwrap());
                octets.extend_from_slice(label);
            }
            octets.push(0);
            let end = octets.len();
            octets.extend_from_slice(&behind);
            let (parsed, rest) = DomainNameRef::parse(&octets).unwrap();
            prop_assert_eq!(parsed.as_wire(), &octets[..end]);
            prop_assert_eq!(rest, &behind[..]);
            prop_assert!(parsed.labels().eq(labels.iter().map(|label| &label[..])));
            let read: DomainName = parsed.to_string().parse().unwrap();
            prop_assert_eq!(read.as_wire(), &octets[..end]);
        }
    }
}
