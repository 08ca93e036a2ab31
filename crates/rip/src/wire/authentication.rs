//! Authentication in a RIP-2 message (RFC 2453 §4.1, RFC 4822 §2).

use super::{ENTRY_LEN, be16, be32, field};
use packet_buffer::ParseError;

packet_buffer::code_points! {
    /// How a message is authenticated.
    pub struct AuthenticationType(u16) {
        /// What ends a message with cryptographic authentication: digest follows (RFC 2082 §3.1).
        TRAILER = 1 => "trailer",
        /// A password in the clear (RFC 2453 §4.1).
        PASSWORD = 2 => "password",
        /// A digest over message and secret (RFC 4822 §2.1; keyed MD5 in RFC 2082).
        CRYPTOGRAPHIC = 3 => "cryptographic",
    }
}

/// The first entry of a message, when it is authentication.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Authentication<'a> {
    /// A password in the clear, padded with zeroes.
    Password(&'a [u8; 16]),
    /// A digest over message and secret.
    Cryptographic(CryptographicAuthentication<'a>),
    /// A type that RFCs do not define, and its 16 octets.
    Unknown(AuthenticationType, &'a [u8; 16]),
}

/// The entry and the trailer of cryptographic authentication (RFC 4822 §2.1).
///
/// ```text
///  first entry
///  0            2            4               6        7         8
/// +------------+------------+---------------+--------+---------+-----------------+
/// |   0xffff   |     3      | packet length | key id | length  | sequence number | 8 zeroes
/// +------------+------------+---------------+--------+---------+-----------------+
///  trailer, `packet length` octets behind the start of the message
///  0            2            4
/// +------------+------------+------------------------
/// |   0xffff   |     1      | authentication data
/// +------------+------------+------------------------
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CryptographicAuthentication<'a> {
    entry: &'a [u8; ENTRY_LEN],
    covered: &'a [u8],
    data: &'a [u8],
}

impl<'a> CryptographicAuthentication<'a> {
    /// Octets of the trailer in front of the authentication data.
    pub const TRAILER_LEN: usize = 4;

    /// Finds the trailer of the message `octets`, whose `entry` starts at offset `at`.
    pub(super) fn parse(
        octets: &'a [u8],
        entry: &'a [u8; ENTRY_LEN],
        at: usize,
    ) -> Result<Self, ParseError> {
        let packet_length = usize::from(be16::<4, ENTRY_LEN>(entry));
        let data_length = usize::from(field::<7, 1, ENTRY_LEN>(entry)[0]);
        let entries = packet_length.checked_sub(at);
        if !entries.is_some_and(|len| len >= ENTRY_LEN && len.is_multiple_of(ENTRY_LEN)) {
            return Err(ParseError::bad_length(
                "authentication: packet length",
                at.saturating_add(4),
                packet_length,
            ));
        }
        let trailer = octets.get(packet_length..).unwrap_or_default();
        let Some((marker, data)) = trailer.split_first_chunk::<4>() else {
            return Err(ParseError::truncated(
                "authentication trailer",
                packet_length.min(octets.len()),
                Self::TRAILER_LEN.saturating_add(data_length),
                trailer.len(),
            ));
        };
        // RFC 2082 §3.1 MUST (trailer-marker): the trailer starts with 0xffff and 1.
        if *marker != [0xff, 0xff, 0, 1] {
            return Err(ParseError::bad_value(
                "authentication trailer",
                packet_length,
                u32::from_be_bytes(*marker),
            ));
        }
        // RFC 4822 §2.1: the length is that of the data; some senders count the marker as well.
        if data.len() != data_length && trailer.len() != data_length {
            return Err(ParseError::bad_length(
                "authentication data length",
                at.saturating_add(7),
                data_length,
            ));
        }
        let covered = octets
            .get(..packet_length.saturating_add(Self::TRAILER_LEN))
            .unwrap_or_default();
        Ok(Self {
            entry,
            covered,
            data,
        })
    }

    /// Octets from the start of the message to the trailer.
    #[inline]
    pub fn packet_length(&self) -> u16 {
        be16::<4, ENTRY_LEN>(self.entry)
    }

    /// Which key the sender used.
    #[inline]
    pub fn key_id(&self) -> u8 {
        field::<6, 1, ENTRY_LEN>(self.entry)[0]
    }

    /// The length of the authentication data in octets, as the field says it: senders differ on
    /// whether it counts the trailer's first four octets.
    #[inline]
    pub fn data_length(&self) -> u8 {
        field::<7, 1, ENTRY_LEN>(self.entry)[0]
    }

    /// The sequence number, which never decreases.
    #[inline]
    pub fn sequence_number(&self) -> u32 {
        be32::<8, ENTRY_LEN>(self.entry)
    }

    /// The octets that the digest covers, before the secret and the padding: from the start of the
    /// message to the end of the trailer's first four octets.
    #[inline]
    pub fn covered(&self) -> &'a [u8] {
        self.covered
    }

    /// The authentication data: the digest as received.
    #[inline]
    pub fn data(&self) -> &'a [u8] {
        self.data
    }
}
