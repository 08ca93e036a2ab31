//! Sequence numbers of the two sides of a connection.

use crate::packet::TcpSegment;
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

/// How far the acknowledgment of a live connection may lag behind what the other side has sent, at
/// least: the largest window without scaling, and a segment (van Rooij §3.2).
pub(super) const MAX_ACK_WINDOW: u32 = 66_000;

/// `a - b` for numbers that wrap: negative when `a` is before `b`.
#[inline]
pub(super) const fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// A window scale, in four bits: a shift of 0 to 14 (RFC 7323 §2.3), or none offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scale(u8);

impl Scale {
    pub(super) const NOT_OFFERED: Self = Self(15);

    /// What a SYN offers. A larger shift counts as 14 (RFC 7323 §2.3).
    #[inline]
    pub(super) fn offered(segment: &TcpSegment<'_>) -> Self {
        segment
            .window_scale()
            .map_or(Self::NOT_OFFERED, |shift| Self(shift.min(14)))
    }

    #[inline]
    pub(super) const fn bits(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(super) const fn of_bits(bits: u32) -> Self {
        let [low, ..] = bits.to_le_bytes();
        Self(low & 0x0f)
    }

    #[inline]
    const fn shift(self) -> u8 {
        match self {
            Self::NOT_OFFERED => 0,
            Self(shift) => shift,
        }
    }
}

/// The scales of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scales(u8);

impl Scales {
    pub(super) const NOT_OFFERED: Self = Self(0xff);

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    #[inline]
    pub(super) const fn get(self, direction: Direction) -> Scale {
        match direction {
            Direction::Original => Scale(self.0 & 0x0f),
            Direction::Reply => Scale(self.0 >> 4),
        }
    }

    #[inline]
    pub(super) const fn set(&mut self, direction: Direction, scale: Scale) {
        self.0 = match direction {
            Direction::Original => (self.0 & 0xf0) | scale.0,
            Direction::Reply => (self.0 & 0x0f) | (scale.0 << 4),
        };
    }

    /// Without a scale from both sides there is none (RFC 7323 §2.2).
    #[inline]
    pub(super) fn agree(&mut self) {
        let [a, b] = [Direction::Original, Direction::Reply].map(|side| self.get(side));
        if a == Scale::NOT_OFFERED || b == Scale::NOT_OFFERED {
            *self = Self::NOT_OFFERED;
        }
    }

    /// Without a scale from both sides windows are not scaled, but it is kept which sides have offered one.
    #[inline]
    pub(super) fn agree_on_values(&mut self) {
        let sides = [Direction::Original, Direction::Reply];
        if sides
            .iter()
            .any(|side| self.get(*side) == Scale::NOT_OFFERED)
        {
            for side in sides {
                if self.get(side) != Scale::NOT_OFFERED {
                    self.set(side, Scale(0));
                }
            }
        }
    }

    /// The window of a segment in octets. That of a SYN is never scaled (RFC 7323 §2.2).
    #[inline]
    pub(super) fn window(self, direction: Direction, segment: &TcpSegment<'_>) -> u32 {
        let window = u32::from(segment.window);
        if segment.flags.contains(TcpFlags::SYN) {
            window
        } else {
            window << self.get(direction).shift()
        }
    }
}

/// What is known of one side, as a sender and as a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Side {
    /// The end of the data that it has sent: one more than the highest number.
    pub(super) end: u32,
    /// The end of the data that it may send: the highest acknowledgment plus window of the other
    /// side.
    pub(super) max_end: u32,
    /// The largest window that it has offered, in octets; 0 when nothing of it has been seen.
    pub(super) max_window: u32,
    /// The highest acknowledgment that it has sent.
    pub(super) max_ack: u32,
}

impl Side {
    /// Whether anything of this side has been seen.
    #[inline]
    pub(super) const fn is_seen(&self) -> bool {
        self.max_window != 0
    }

    /// What a SYN tells.
    #[inline]
    pub(super) fn from_syn(end: u32, window: u16) -> Self {
        Self {
            end,
            max_end: end,
            max_window: u32::from(window).max(1),
            max_ack: 0,
        }
    }

    /// What a segment in the middle of a connection tells, if one takes the two ends' windows to be
    /// alike.
    #[inline]
    pub(super) fn from_middle(end: u32, window: u32) -> Self {
        let window = window.max(1);
        Self {
            end,
            max_end: end.wrapping_add(window),
            max_window: window,
            max_ack: 0,
        }
    }
}
