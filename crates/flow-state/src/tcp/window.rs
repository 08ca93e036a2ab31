//! Sequence numbers of one side of a connection.

use crate::packet::TcpSegment;
use packet_buffer::wire::TcpFlags;

/// How far the acknowledgment of a live connection may lag behind what the other side has sent, at
/// least: the largest window without scaling, and a segment (van Rooij §3.2).
pub(super) const MAX_ACK_WINDOW: u32 = 66_000;

/// The largest shift that counts (RFC 7323 §2.3).
const MAX_SCALE: u8 = 14;

/// No window scale option was sent.
pub(super) const NOT_OFFERED: u8 = 0xff;

/// `a - b` for numbers that wrap: negative when `a` is before `b`.
#[inline]
pub(super) const fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
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

    /// What a SYN tells, whose window is never scaled (RFC 7323 §2.2).
    #[inline]
    pub(super) fn from_syn(end: u32, window: u16) -> Self {
        Self {
            end,
            max_end: end,
            max_window: u32::from(window).max(1),
            max_ack: 0,
        }
    }
}

/// The shift that a SYN offers, cut to what counts; [`NOT_OFFERED`] without the option.
#[inline]
pub(super) fn offered_scale(segment: &TcpSegment<'_>) -> u8 {
    segment
        .window_scale()
        .map_or(NOT_OFFERED, |shift| shift.min(MAX_SCALE))
}

/// The window of a segment in octets. That of a SYN is never scaled (RFC 7323 §2.2).
#[inline]
pub(super) fn scaled_window(segment: &TcpSegment<'_>, scale: u8) -> u32 {
    let window = u32::from(segment.window);
    if segment.flags.contains(TcpFlags::SYN) || scale == NOT_OFFERED {
        window
    } else {
        window << scale.min(MAX_SCALE)
    }
}
