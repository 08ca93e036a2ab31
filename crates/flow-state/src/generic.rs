//! Protocols of which nothing is known but their packets: GRE, ESP, AH and all others.

use crate::{Timers, Verdict};
use core::time::Duration;
use flow_table::Direction;

/// Which of the timers holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GenericKind {
    /// GRE.
    Gre,
    /// ESP and AH.
    Ipsec,
    /// Any other protocol.
    Other,
}

/// The state of one flow of such a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GenericFlow {
    pub(crate) kind: GenericKind,
    pub(crate) is_replied: bool,
}

impl GenericFlow {
    /// A flow that starts.
    #[inline]
    pub const fn new(kind: GenericKind) -> Self {
        Self {
            kind,
            is_replied: false,
        }
    }

    /// Counts a packet in.
    #[inline]
    pub fn handle(&mut self, direction: Direction) -> Verdict {
        self.is_replied |= direction == Direction::Reply;
        Verdict::Accept
    }

    /// Whether packets have gone both ways.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.is_replied
    }

    /// How long the flow lives from its last packet.
    #[inline]
    pub const fn timeout(&self, timers: &Timers) -> Duration {
        match self.kind {
            GenericKind::Gre if self.is_replied => timers.gre_stream,
            GenericKind::Gre => timers.gre,
            GenericKind::Ipsec => timers.ipsec,
            GenericKind::Other => timers.generic,
        }
    }
}
