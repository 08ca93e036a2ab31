//! TFTP (RFC 1350): the answer to a request comes from another port.

use crate::Expected;
use crate::packet::Key;
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::{Cursor, ParseError};

/// The port of TFTP servers.
pub const PORT: u16 = 69;

/// A read or write request (RFC 1350 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whether the client writes the file.
    pub is_write: bool,
    /// The name of the file.
    pub filename: &'a [u8],
    /// `octet`, `netascii` or `mail`, in any case.
    pub mode: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads the payload of a UDP datagram. Options (RFC 2347) may follow.
    ///
    /// # Errors
    ///
    /// Bad value, for another opcode, an empty name or an unknown mode; truncated, when a string
    /// does not end.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(payload);
        let opcode = cursor.u16("TFTP opcode")?;
        if !matches!(opcode, 1 | 2) {
            return Err(ParseError::bad_value("TFTP opcode", 0, u32::from(opcode)));
        }
        let filename = string(&mut cursor, "TFTP file name")?;
        if filename.is_empty() {
            return Err(ParseError::bad_value("TFTP file name", 2, 0));
        }
        let mode_offset = cursor.offset();
        let mode = string(&mut cursor, "TFTP mode")?;
        // RFC 1350 §5: the mode in upper, lower or mixed case.
        let is_known = [&b"octet"[..], b"netascii", b"mail"]
            .iter()
            .any(|known| mode.eq_ignore_ascii_case(known));
        if !is_known {
            return Err(ParseError::bad_length("TFTP mode", mode_offset, mode.len()));
        }
        Ok(Self {
            is_write: opcode == 2,
            filename,
            mode,
        })
    }

    /// The flow that the server answers with: from any of its ports (RFC 1350 §4) to the client's. `request` is
    /// the key of the request.
    pub const fn expected(&self, request: &Key, lifetime: Duration) -> Expected {
        Expected {
            protocol: request.protocol(),
            zone: request.zone(),
            source: Some(request.destination()),
            source_port: None,
            destination: request.source(),
            destination_port: request.source_port(),
            direction: Direction::Reply,
            lifetime,
        }
    }
}

/// Takes a string that ends with a zero octet.
fn string<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], ParseError> {
    let rest = cursor.peek_rest();
    let Some(length) = rest.iter().position(|&octet| octet == 0) else {
        let needed = rest.len().saturating_add(1);
        return Err(ParseError::truncated(
            what,
            cursor.offset(),
            needed,
            rest.len(),
        ));
    };
    let text = cursor.take(length, what)?;
    cursor.take(1, what)?;
    Ok(text)
}
