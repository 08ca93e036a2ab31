//! What takes part in a simulation.

use core::any::Any;
use core::fmt;
use packet_buffer::{Instant, PacketBuf};

/// The number of one of a node's interfaces, counted by the node as it likes.
pub type Port = usize;

/// A machine, or several machines glued together, with any number of interfaces.
///
/// The calls are those of the machine contract, with the port added. What a test wants of the
/// machine beyond them (commands, events, counters) it gets from the concrete type, with
/// [`Network::node`](crate::Network::node) and [`Network::node_mut`](crate::Network::node_mut).
pub trait Node: Any {
    /// A frame has arrived at `port`.
    ///
    /// At times `now` lies before the latest time that the node was told, as the contract allows: a
    /// node that notes when something happened takes the later of the two.
    ///
    /// # Errors
    ///
    /// The frame was ignored, and the state is unchanged.
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded>;

    /// The time is `now`: does all that is due.
    fn handle_timeout(&mut self, now: Instant);

    /// Writes the next frame to send into `out` and says through which port it leaves; `None` when
    /// there is nothing to send.
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port>;

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` for never.
    fn poll_timeout(&self) -> Option<Instant>;

    /// A digest of the state, which must be the same before and after an input that was refused.
    ///
    /// Leave out the counters and the clock, which may move. `None`, the default, is not compared.
    fn fingerprint(&self) -> Option<u64> {
        None
    }
}

/// Why a node ignored a frame, as text: each protocol crate has an error type of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Discarded(String);

impl Discarded {
    /// From the crate's own error: `machine.handle_input(now, frame).map_err(Discarded::new)`.
    pub fn new(reason: impl fmt::Debug) -> Self {
        Self(format!("{reason:?}"))
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Discarded {}
