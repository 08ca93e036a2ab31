//! DCCP connections (RFC 4340).

use crate::packet::DccpHeader;
use crate::{DccpTimers, Invalid, Verdict};
use core::time::Duration;
use flow_table::Direction;

/// Where a DCCP connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DccpState {
    /// The client has sent a Request.
    Requested,
    /// The server has sent a Response.
    Responded,
    /// The client has acknowledged that.
    Open,
    /// Close, CloseReq or Reset has been seen.
    Closing,
}

/// The state of one DCCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DccpFlow {
    pub(crate) state: DccpState,
    pub(crate) is_replied: bool,
    pub(crate) is_assured: bool,
}

/// Packet types (RFC 4340 §5.1).
mod kind {
    pub(super) const REQUEST: u8 = 0;
    pub(super) const RESPONSE: u8 = 1;
    pub(super) const DATA: u8 = 2;
    pub(super) const ACK: u8 = 3;
    pub(super) const DATA_ACK: u8 = 4;
    pub(super) const CLOSE_REQ: u8 = 5;
    pub(super) const CLOSE: u8 = 6;
    pub(super) const RESET: u8 = 7;
    pub(super) const SYNC: u8 = 8;
    pub(super) const SYNC_ACK: u8 = 9;
}

impl DccpFlow {
    /// A connection that starts with a packet in [`Direction::Original`].
    ///
    /// # Errors
    ///
    /// [`Invalid::PacketType`], when it is not a Request.
    pub const fn new(header: &DccpHeader) -> Result<Self, Invalid> {
        if header.packet_type != kind::REQUEST {
            return Err(Invalid::PacketType);
        }
        Ok(Self {
            state: DccpState::Requested,
            is_replied: false,
            is_assured: false,
        })
    }

    /// Looks at the next packet.
    pub fn handle(&mut self, direction: Direction, header: &DccpHeader) -> Verdict {
        use DccpState as S;
        use Direction::{Original, Reply};
        let next = match (header.packet_type, self.state, direction) {
            (kind::REQUEST, S::Requested, Original) => S::Requested,
            (kind::REQUEST, S::Closing, Original) => return Verdict::Reopen,
            // RFC 4340 §8.1.1: a repeated Request is answered, and changes nothing.
            (kind::REQUEST, S::Responded, Original) => return Verdict::Ignore,
            (kind::RESPONSE, S::Requested | S::Responded, Reply) => S::Responded,
            (kind::RESPONSE, S::Open, Reply) => return Verdict::Ignore,
            (kind::ACK | kind::DATA_ACK, S::Responded, Original) => S::Open,
            (kind::DATA | kind::ACK | kind::DATA_ACK, S::Open | S::Closing, _) => self.state,
            (kind::CLOSE_REQ, S::Open | S::Responded, Reply) => S::Closing,
            (kind::CLOSE, S::Open | S::Responded | S::Closing, _) => S::Closing,
            (kind::CLOSE_REQ, S::Closing, Reply) => S::Closing,
            (kind::RESET, _, _) => S::Closing,
            (kind::SYNC | kind::SYNC_ACK, S::Responded | S::Open | S::Closing, _) => self.state,
            (kind::REQUEST..=kind::SYNC_ACK, _, _) => return Verdict::Invalid(Invalid::State),
            _ => return Verdict::Invalid(Invalid::PacketType),
        };
        self.state = next;
        self.is_replied |= direction == Reply;
        self.is_assured |= next == S::Open;
        Verdict::Accept
    }

    /// The state.
    #[inline]
    pub const fn state(&self) -> DccpState {
        self.state
    }

    /// Whether the server has answered.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.is_replied
    }

    /// Whether the connection has been open.
    #[inline]
    pub const fn is_assured(&self) -> bool {
        self.is_assured
    }

    /// How long the connection lives from its last packet.
    #[inline]
    pub const fn timeout(&self, timers: &DccpTimers) -> Duration {
        match self.state {
            DccpState::Requested | DccpState::Responded => timers.opening,
            DccpState::Open => timers.open,
            DccpState::Closing => timers.closing,
        }
    }
}
