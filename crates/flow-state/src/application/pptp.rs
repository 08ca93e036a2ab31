//! PPTP control connections (RFC 2637): the call ids that tell tunnels apart.

use packet_buffer::{Cursor, ParseError};

/// The port of PPTP servers.
pub const PORT: u16 = 1723;

/// What opens every message (RFC 2637 §1.4).
const MAGIC_COOKIE: u32 = 0x1a2b_3c4d;

packet_buffer::code_points! {
    /// What a control message is (RFC 2637 §2).
    pub struct ControlType(u16) {
        /// Opens the control connection.
        START_REQUEST = 1 => "start-control-connection-request",
        /// Answers that.
        START_REPLY = 2 => "start-control-connection-reply",
        /// Closes the control connection.
        STOP_REQUEST = 3 => "stop-control-connection-request",
        /// Answers that.
        STOP_REPLY = 4 => "stop-control-connection-reply",
        /// Asks whether the other side lives.
        ECHO_REQUEST = 5 => "echo-request",
        /// Answers that.
        ECHO_REPLY = 6 => "echo-reply",
        /// Opens a call; carries the caller's call id.
        OUTGOING_CALL_REQUEST = 7 => "outgoing-call-request",
        /// Answers that; carries both call ids.
        OUTGOING_CALL_REPLY = 8 => "outgoing-call-reply",
        /// Tells of a call from outside; carries the teller's call id.
        INCOMING_CALL_REQUEST = 9 => "incoming-call-request",
        /// Answers that; carries both call ids.
        INCOMING_CALL_REPLY = 10 => "incoming-call-reply",
        /// Ends the opening; carries the receiver's call id.
        INCOMING_CALL_CONNECTED = 11 => "incoming-call-connected",
        /// Asks to end a call; carries the sender's call id.
        CALL_CLEAR_REQUEST = 12 => "call-clear-request",
        /// A call has ended; carries the sender's call id.
        CALL_DISCONNECT_NOTIFY = 13 => "call-disconnect-notify",
        /// Errors of the line; carries the receiver's call id.
        WAN_ERROR_NOTIFY = 14 => "WAN-error-notify",
        /// PPP options; carries the receiver's call id.
        SET_LINK_INFO = 15 => "set-link-info",
    }
}

/// A call id, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId {
    /// The number.
    pub value: u16,
    /// Its first octet, from the start of the slice that was given to `parse`.
    pub offset: usize,
}

/// One control message, as far as its call ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// What it is.
    pub control_type: ControlType,
    /// Octets of the message.
    pub length: usize,
    /// The call id that the sender gave the call: what GRE packets to the sender carry.
    pub call_id: Option<CallId>,
    /// The call id that the receiver gave the call.
    pub peer_call_id: Option<CallId>,
    /// Of a reply: 1 when the call is there.
    pub result: Option<u8>,
}

impl Message {
    /// Reads the message that starts at `offset` of `data`. Call it at the start of the stream, and
    /// then where the message before it ends: PPTP has no other way to find one.
    ///
    /// # Errors
    ///
    /// Truncated, when the message is not there whole; bad value, for another cookie or message
    /// type; bad length, when the length is not that of its type, or over 512 octets.
    pub fn parse(data: &[u8], offset: usize) -> Result<Self, ParseError> {
        let rest = data.get(offset..).unwrap_or_default();
        let mut cursor = Cursor::at(rest, offset);
        let length = usize::from(cursor.u16("PPTP length")?);
        // The longest message has 220 octets (RFC 2637 §2.9).
        if !(12..=512).contains(&length) {
            return Err(ParseError::bad_length("PPTP length", offset, length));
        }
        let message_type = cursor.u16("PPTP message type")?;
        if message_type != 1 {
            let value = u32::from(message_type);
            return Err(ParseError::bad_value(
                "PPTP message type",
                offset + 2,
                value,
            ));
        }
        let cookie = cursor.u32("PPTP magic cookie")?;
        if cookie != MAGIC_COOKIE {
            return Err(ParseError::bad_value(
                "PPTP magic cookie",
                offset + 4,
                cookie,
            ));
        }
        let control_type = ControlType(cursor.u16("PPTP control type")?);
        cursor.take(2, "PPTP reserved")?;
        let mut body = cursor.sub(length - 12, "PPTP message")?;
        let mut id = |what| -> Result<CallId, ParseError> {
            let offset = body.offset();
            let value = body.u16(what)?;
            Ok(CallId { value, offset })
        };
        let (mut call_id, mut peer_call_id) = (None, None);
        match control_type {
            ControlType::OUTGOING_CALL_REQUEST
            | ControlType::INCOMING_CALL_REQUEST
            | ControlType::CALL_CLEAR_REQUEST
            | ControlType::CALL_DISCONNECT_NOTIFY => call_id = Some(id("PPTP call id")?),
            ControlType::OUTGOING_CALL_REPLY | ControlType::INCOMING_CALL_REPLY => {
                call_id = Some(id("PPTP call id")?);
                peer_call_id = Some(id("PPTP peer's call id")?);
            }
            ControlType::INCOMING_CALL_CONNECTED
            | ControlType::WAN_ERROR_NOTIFY
            | ControlType::SET_LINK_INFO => peer_call_id = Some(id("PPTP peer's call id")?),
            _ => {}
        }
        let result = if call_id.is_some() && peer_call_id.is_some() {
            Some(body.u8("PPTP result code")?)
        } else {
            None
        };
        Ok(Self {
            control_type,
            length,
            call_id,
            peer_call_id,
            result,
        })
    }
}
