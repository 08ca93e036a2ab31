//! Control packets.
//!
//! ```text
//!  0      1            2          4
//! +------+------------+----------+--------+---------
//! | Code | Identifier |  Length  |  data  | padding
//! +------+------------+----------+--------+---------
//! ```

use packet_buffer::{EmitError, PacketBuf, ParseError};

packet_buffer::code_points! {
    /// What a control packet is for (RFC 1661 §5, RFC 1570 §1, RFC 1962 §3).
    pub struct Code(u8) {
        /// Asks for options.
        CONFIGURE_REQUEST = 1 => "Configure-Request",
        /// Accepts all of them.
        CONFIGURE_ACK = 2 => "Configure-Ack",
        /// Asks for other values.
        CONFIGURE_NAK = 3 => "Configure-Nak",
        /// Refuses options.
        CONFIGURE_REJECT = 4 => "Configure-Reject",
        /// Asks to end.
        TERMINATE_REQUEST = 5 => "Terminate-Request",
        /// Agrees to it.
        TERMINATE_ACK = 6 => "Terminate-Ack",
        /// The code of a packet is not known.
        CODE_REJECT = 7 => "Code-Reject",
        /// The protocol of a packet is not known, or not open.
        PROTOCOL_REJECT = 8 => "Protocol-Reject",
        /// Asks for an echo.
        ECHO_REQUEST = 9 => "Echo-Request",
        /// The echo.
        ECHO_REPLY = 10 => "Echo-Reply",
        /// To be discarded.
        DISCARD_REQUEST = 11 => "Discard-Request",
        /// Tells what the sender is (RFC 1570 §2.1).
        IDENTIFICATION = 12 => "Identification",
        /// Tells how long the session may last (RFC 1570 §2.2).
        TIME_REMAINING = 13 => "Time-Remaining",
        /// Asks to reset a compressor or cipher (RFC 1962 §3).
        RESET_REQUEST = 14 => "Reset-Request",
        /// It was reset (RFC 1962 §3).
        RESET_ACK = 15 => "Reset-Ack",
    }
}

/// A received control packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlPacket<'a> {
    octets: &'a [u8],
    code: Code,
    identifier: u8,
    data: &'a [u8],
}

impl<'a> ControlPacket<'a> {
    /// Octets in front of the data.
    pub const HEADER_LEN: usize = 4;

    /// Checks the length. What follows it is padding and ignored.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or what the length speaks of is not there; bad length, when it is
    /// below four.
    // RFC 1661 §5 MUST (length): octets behind the length are padding; packets that are shorter than
    // it says are discarded.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((&[code, identifier, high, low], _)) = octets.split_first_chunk::<4>() else {
            let available = octets.len();
            return Err(ParseError::truncated("control packet", 0, 4, available));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(octets) = octets.get(..length) else {
            let available = octets.len();
            return Err(ParseError::truncated(
                "control packet",
                0,
                length,
                available,
            ));
        };
        let Some(data) = octets.get(Self::HEADER_LEN..) else {
            return Err(ParseError::bad_length("control packet length", 2, length));
        };
        Ok(Self {
            octets,
            code: Code(code),
            identifier,
            data,
        })
    }

    /// What the packet is for.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Ties answers to requests.
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// What follows the length, without padding.
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The packet without padding.
    pub const fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}

/// The header of a control packet as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRepr {
    /// What the packet is for.
    pub code: Code,
    /// Ties answers to requests.
    pub identifier: u8,
}

impl ControlRepr {
    /// Writes the header in front of the data that `packet` holds.
    ///
    /// # Errors
    ///
    /// Too long, when the data does not fit the length field; `packet` is unchanged.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let length = packet.len().saturating_add(ControlPacket::HEADER_LEN);
        let Ok(length) = u16::try_from(length) else {
            return Err(EmitError::TooLong {
                what: "control packet",
                length,
                limit: usize::from(u16::MAX),
            });
        };
        let [high, low] = length.to_be_bytes();
        packet.prepend_slice(&[self.code.0, self.identifier, high, low]);
        Ok(())
    }
}
