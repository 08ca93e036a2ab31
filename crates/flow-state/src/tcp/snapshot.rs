//! A connection's state as octets.

use super::flags::Flags;
use super::window::{Scales, Side};
use super::{TcpFlow, TcpState};
use alloc::vec::Vec;
use packet_buffer::{Cursor, ParseError};

impl TcpFlow {
    /// Writes the state: see [`FlowState::write_snapshot`](crate::FlowState::write_snapshot).
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for side in &self.sides {
            for number in [side.end, side.max_end, side.max_window, side.max_ack] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out.extend_from_slice(&self.last.to_be_bytes());
        out.extend_from_slice(&self.flags.0.to_be_bytes());
        out.extend_from_slice(&self.last_window.to_be_bytes());
        let state = TcpState::ALL.iter().position(|state| *state == self.state);
        let state = state.and_then(|place| u8::try_from(place).ok());
        out.extend_from_slice(&[self.scales.bits(), state.unwrap_or(u8::MAX)]);
    }

    /// Reads what [`write`](Self::write) has written.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut sides = [Side::default(); 2];
        for side in &mut sides {
            side.end = cursor.u32("TCP end")?;
            side.max_end = cursor.u32("TCP window end")?;
            side.max_window = cursor.u32("TCP window")?;
            side.max_ack = cursor.u32("TCP acknowledgment")?;
        }
        let last = cursor.u32("TCP last number")?;
        let flags = Flags(cursor.u32("TCP flags")?);
        let last_window = cursor.u16("TCP last window")?;
        let at = cursor.offset();
        let &[scales, state] = cursor.array("TCP scales and state")?;
        let state = TcpState::ALL
            .get(usize::from(state))
            .ok_or(ParseError::bad_value("TCP state", at + 1, state.into()))?;
        Ok(Self {
            sides,
            last,
            flags,
            last_window,
            scales: Scales::of_bits(scales),
            state: *state,
        })
    }
}
