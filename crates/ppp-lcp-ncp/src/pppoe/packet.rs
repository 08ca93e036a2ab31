//! The header that all packets have.

use super::tag::Tags;
use packet_buffer::{EmitError, PacketBuf, ParseError};

packet_buffer::code_points! {
    /// What a packet is for (RFC 2516 §5, §6).
    pub struct PppoeCode(u8) {
        /// A PPP packet of a session.
        SESSION = 0x00 => "session data",
        /// Active Discovery Offer: the concentrator has the service.
        PADO = 0x07 => "PADO",
        /// Active Discovery Initiation: the client asks all concentrators.
        PADI = 0x09 => "PADI",
        /// Active Discovery Request: the client asks one concentrator for a session.
        PADR = 0x19 => "PADR",
        /// Active Discovery Session-confirmation.
        PADS = 0x65 => "PADS",
        /// Active Discovery Terminate.
        PADT = 0xa7 => "PADT",
    }
}

/// A received packet: the payload of an Ethernet frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppoePacket<'a> {
    code: PppoeCode,
    session: u16,
    payload: &'a [u8],
}

impl<'a> PppoePacket<'a> {
    /// Octets of the header.
    pub const HEADER_LEN: usize = 6;

    /// Checks version, type and length. What follows the length's octets is the frame's padding.
    ///
    /// # Errors
    ///
    /// Truncated, when there is less than the length says; unsupported for another version or type.
    // RFC 2516 §4 MUST (version): version and type are both 1.
    // RFC 2516 §4 MUST (length): the length counts neither this header nor Ethernet's.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((&[version, code, high, low, len_high, len_low], rest)) =
            octets.split_first_chunk::<6>()
        else {
            let available = octets.len();
            return Err(ParseError::truncated(
                "PPPoE header",
                0,
                Self::HEADER_LEN,
                available,
            ));
        };
        if version != 0x11 {
            let value = u32::from(version);
            return Err(ParseError::unsupported("PPPoE version and type", 0, value));
        }
        let length = usize::from(u16::from_be_bytes([len_high, len_low]));
        let Some(payload) = rest.get(..length) else {
            let available = rest.len();
            return Err(ParseError::truncated(
                "PPPoE payload",
                Self::HEADER_LEN,
                length,
                available,
            ));
        };
        Ok(Self {
            code: PppoeCode(code),
            session: u16::from_be_bytes([high, low]),
            payload,
        })
    }

    /// What the packet is for.
    #[inline]
    pub const fn code(&self) -> PppoeCode {
        self.code
    }

    /// The session; 0 while there is none.
    #[inline]
    pub const fn session(&self) -> u16 {
        self.session
    }

    /// A PPP packet, which begins with its protocol, or the tags of discovery.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload as tags.
    ///
    /// # Errors
    ///
    /// As [`Tags::parse`]; offsets count from the start of the packet.
    pub fn tags(&self) -> Result<Tags<'a>, ParseError> {
        Tags::parse(self.payload).map_err(|error| error.offset_by(Self::HEADER_LEN))
    }
}

/// The header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppoeRepr {
    /// What the packet is for.
    pub code: PppoeCode,
    /// The session; 0 while there is none.
    pub session: u16,
}

impl PppoeRepr {
    /// Writes the header in front of the payload that `packet` holds.
    ///
    /// # Errors
    ///
    /// Too long, when the payload has more than 65,535 octets.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let length = packet.len();
        let Ok(length) = u16::try_from(length) else {
            return Err(EmitError::TooLong {
                what: "PPPoE payload",
                length,
                limit: usize::from(u16::MAX),
            });
        };
        let [high, low] = self.session.to_be_bytes();
        let [len_high, len_low] = length.to_be_bytes();
        packet.prepend_slice(&[0x11, self.code.0, high, low, len_high, len_low]);
        Ok(())
    }
}
