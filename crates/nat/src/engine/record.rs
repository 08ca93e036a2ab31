//! A session as octets, for the wire between an active translator and its standby.

use super::SessionRecord;
use crate::config::Side;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::{FlowState, Ipv4FlowKey};
use packet_buffer::{Cursor, Instant, ParseError};

impl SessionRecord {
    /// The most octets of a record.
    pub const MAX_LEN: usize = 39 + FlowState::MAX_SNAPSHOT;

    /// Appends the record to `out`. `now` is the time of the translator that exported it.
    ///
    /// ```text
    /// 0       initiator outside, responder outside: bits 0 and 1
    /// 1       protocol
    /// 2..4    zone
    /// 4..16   original: source, destination, source port, destination port
    /// 16..28  reply: the same
    /// 28..36  microseconds that remain
    /// 36..38  what is held of shared addresses
    /// 38      octets of the state, which follow
    /// ```
    ///
    /// All numbers are in network order. Records follow each other without anything in between; who
    /// sends them guards them against change and repetition (a TLS connection between the two).
    pub fn write(&self, now: Instant, out: &mut Vec<u8>) {
        let outside = |side: Side| u8::from(side == Side::Outside);
        out.push(outside(self.initiator) | outside(self.responder) << 1);
        out.push(self.original.protocol());
        out.extend_from_slice(&self.original.zone().to_be_bytes());
        for key in [&self.original, &self.reply] {
            out.extend_from_slice(&key.source().octets());
            out.extend_from_slice(&key.destination().octets());
            out.extend_from_slice(&key.source_port().to_be_bytes());
            out.extend_from_slice(&key.destination_port().to_be_bytes());
        }
        let micros = u64::try_from(self.remaining.as_micros()).unwrap_or(u64::MAX);
        out.extend_from_slice(&micros.to_be_bytes());
        out.extend_from_slice(&self.holds.to_be_bytes());
        let length_at = out.len();
        out.push(0);
        self.state.write_snapshot(now, out);
        let length = out.len().saturating_sub(length_at + 1);
        if let Some(place) = out.get_mut(length_at) {
            // At most `FlowState::MAX_SNAPSHOT`.
            *place = u8::try_from(length).unwrap_or(0);
        }
    }

    /// Reads one record and moves behind it. `now` is the time of the translator that takes it
    /// over; its clock may have another epoch.
    ///
    /// What it says is not checked against anything here; [`Nat::import`](crate::Nat::import) does
    /// that.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for sides or a state that do not exist; bad length, when the state is
    /// shorter or longer than the record says.
    pub fn read(now: Instant, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let at = cursor.offset();
        let sides = cursor.u8("sides")?;
        if sides > 3 {
            return Err(ParseError::bad_value("sides", at, u32::from(sides)));
        }
        let side = |bit: u8| {
            if sides & bit == 0 {
                Side::Inside
            } else {
                Side::Outside
            }
        };
        let protocol = cursor.u8("protocol")?;
        let zone = cursor.u16("zone")?;
        let original = read_key(cursor, protocol, zone)?;
        let reply = read_key(cursor, protocol, zone)?;
        let remaining = u64::from(cursor.u32("remaining time")?) << 32
            | u64::from(cursor.u32("remaining time")?);
        let holds = cursor.u16("holds")?;
        let length_at = cursor.offset();
        let length = usize::from(cursor.u8("state length")?);
        let state_at = cursor.offset();
        let octets = cursor.take(length, "state")?;
        let mut state_cursor = Cursor::at(octets, state_at);
        let state = FlowState::read_snapshot(now, &mut state_cursor)?;
        if state_cursor.remaining() > 0 {
            return Err(ParseError::bad_length("state length", length_at, length));
        }
        Ok(Self {
            original,
            reply,
            initiator: side(1),
            responder: side(2),
            remaining: Duration::from_micros(remaining),
            state,
            holds,
        })
    }
}

fn read_key(cursor: &mut Cursor<'_>, protocol: u8, zone: u16) -> Result<Ipv4FlowKey, ParseError> {
    let source = Ipv4Addr::from_bits(cursor.u32("source address")?);
    let destination = Ipv4Addr::from_bits(cursor.u32("destination address")?);
    let source_port = cursor.u16("source port")?;
    let destination_port = cursor.u16("destination port")?;
    Ok(Ipv4FlowKey::new(
        (source, source_port),
        (destination, destination_port),
        protocol,
        zone,
    ))
}
