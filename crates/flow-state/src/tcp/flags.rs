//! What a connection remembers beside sequence numbers, in single bits.

use flow_table::Direction;

/// What `TcpFlow::last` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Nothing.
    Other,
    /// The end of a SYN that was ignored; under `LinuxCompat`, the segment may also be a SYN that was accepted.
    Syn,
    /// The acknowledgment of an ACK that was ignored.
    IgnoredAck,
    /// The end of an ACK; `last_window` has a mixture of its numbers then.
    Ack,
    /// Nothing; the segment was a RST.
    Rst,
    /// Nothing; the segment was a SYN with ACK.
    SynAck,
    /// Nothing; the segment was a FIN.
    Fin,
}

impl Last {
    pub(super) const fn of_bits(bits: u32) -> Self {
        match bits {
            1 => Self::Syn,
            2 => Self::IgnoredAck,
            3 => Self::Ack,
            4 => Self::Rst,
            5 => Self::SynAck,
            6 => Self::Fin,
            _ => Self::Other,
        }
    }

    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Other => 0,
            Self::Syn => 1,
            Self::IgnoredAck => 2,
            Self::Ack => 3,
            Self::Rst => 4,
            Self::SynAck => 5,
            Self::Fin => 6,
        }
    }
}

/// Bits, from the lowest: single ones, [`Last`], the window scale of an ignored SYN, and how often
/// an ACK was repeated. Where both directions have one, the reply's is one to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Flags(pub(super) u32);

impl Flags {
    /// The side has sent an acknowledgment.
    pub(super) const ACKED: u32 = 1 << 0;
    /// The side has sent data that is not acknowledged.
    pub(super) const UNACKNOWLEDGED: u32 = 1 << 2;
    /// `LinuxCompat`: the side has permitted selective acknowledgments.
    pub(super) const SACK: u32 = 1 << 4;
    /// A FIN has been seen.
    pub(super) const FIN: u32 = 1 << 6;
    /// Nothing of the answering side had passed before the last segment.
    pub(super) const FIRST_REPLY: u32 = 1 << 7;
    /// The last segment went in the reply's direction.
    pub(super) const LAST_IS_REPLY: u32 = 1 << 8;
    /// The last window offered was zero, or none has been seen.
    pub(super) const ZERO_WINDOW: u32 = 1 << 9;
    /// The handshake was completed.
    pub(super) const ASSURED: u32 = 1 << 10;
    /// The answering side has sent something that passed.
    pub(super) const REPLIED: u32 = 1 << 11;
    /// Both sides have sent a SYN without an ACK.
    pub(super) const SIMULTANEOUS: u32 = 1 << 12;
    /// `LinuxCompat`: the SYN that was ignored in LAST_ACK may draw a challenge ACK. Simultaneous opens are over
    /// then, so the bit is the same.
    pub(super) const CHALLENGE: u32 = Self::SIMULTANEOUS;
    /// The last segment was a RST within the window, but not exact.
    pub(super) const RST_PENDING: u32 = 1 << 13;
    /// The side was taken up in the middle of the connection, so its windows are guesses.
    pub(super) const PICKED_UP: u32 = 1 << 14;
    /// Three bits: [`Last`].
    pub(super) const LAST: u32 = 16;
    /// `LinuxCompat`: the ignored SYN permits selective acknowledgments.
    pub(super) const LAST_SACK: u32 = 1 << 19;
    /// Four bits: the window scale of an ignored SYN.
    pub(super) const LAST_SCALE: u32 = 20;
    /// Eight bits: how often an ACK was repeated; all ones for as often as the policy bears.
    pub(super) const REPEATS: u32 = 24;

    #[inline]
    pub(super) const fn of(bit: u32, direction: Direction) -> u32 {
        match direction {
            Direction::Original => bit,
            Direction::Reply => bit << 1,
        }
    }

    #[inline]
    pub(super) const fn both(bit: u32) -> u32 {
        bit | bit << 1
    }

    #[inline]
    pub(super) const fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    #[inline]
    pub(super) const fn set(&mut self, bits: u32, on: bool) {
        if on {
            self.0 |= bits;
        } else {
            self.0 &= !bits;
        }
    }

    #[inline]
    pub(super) const fn field(self, shift: u32, mask: u32) -> u32 {
        (self.0 >> shift) & mask
    }

    #[inline]
    pub(super) const fn set_field(&mut self, shift: u32, mask: u32, value: u32) {
        self.0 = self.0 & !(mask << shift) | (value & mask) << shift;
    }

    #[inline]
    pub(super) const fn repeats(self) -> u32 {
        self.field(Self::REPEATS, 0xff)
    }

    #[inline]
    pub(super) const fn set_repeats(&mut self, repeats: u32) {
        self.set_field(Self::REPEATS, 0xff, repeats);
    }

    /// Whether the last segment was of this kind and went in this direction.
    #[inline]
    pub(super) fn last_was(self, last: Last, direction: Direction) -> bool {
        self.field(Self::LAST, 7) == last.bits()
            && self.has(Self::LAST_IS_REPLY) == (direction == Direction::Reply)
    }
}
