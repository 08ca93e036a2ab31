//! The simplest node: sends on command and keeps what it hears.

use crate::node::{Discarded, Node, Port};
use alloc::collections::VecDeque;
use packet_buffer::{Instant, PacketBuf};

/// A node that sends what the test tells it to send, and keeps all that arrives: the source and the
/// sink around the machines under test.
///
/// ```
/// use testkit::{Host, LinkConfig, Network};
///
/// let mut network = Network::new(1);
/// let alice = network.add_node("alice", Host::default());
/// let bob = network.add_node("bob", Host::default());
/// network.add_link("wire", alice, bob, LinkConfig::default());
/// network.node_mut::<Host>(alice).send(0, b"hello");
/// network.run_for(core::time::Duration::from_millis(1));
/// assert_eq!(network.node::<Host>(bob).frames(), [b"hello"]);
/// ```
#[derive(Debug, Default)]
pub struct Host {
    latest: Instant,
    to_send: VecDeque<(Port, Vec<u8>)>,
    heard: Vec<Heard>,
    refusing: bool,
}

/// A frame that a [`Host`] has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it arrived.
    pub at: Instant,
    /// Where it arrived.
    pub port: Port,
    /// The frame.
    pub frame: Vec<u8>,
}

impl Host {
    /// Sends a frame when the network next runs.
    pub fn send(&mut self, port: Port, frame: &[u8]) {
        self.to_send.push_back((port, frame.to_vec()));
    }

    /// All that was heard, in order.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Takes away all that was heard.
    pub fn take_heard(&mut self) -> Vec<Heard> {
        core::mem::take(&mut self.heard)
    }

    /// The frames alone.
    pub fn frames(&self) -> Vec<&[u8]> {
        self.heard.iter().map(|heard| &heard.frame[..]).collect()
    }

    /// The octets of all frames in a row, as a serial line brings them.
    pub fn octets(&self) -> Vec<u8> {
        self.frames().concat()
    }

    /// Refuses, from now on, all that arrives; or keeps it again.
    pub fn set_refusing(&mut self, refusing: bool) {
        self.refusing = refusing;
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        if self.refusing {
            return Err(Discarded::new("the host refuses everything"));
        }
        self.latest = self.latest.max(now);
        self.heard.push(Heard {
            at: self.latest,
            port,
            frame: frame.to_vec(),
        });
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let (port, frame) = self.to_send.pop_front()?;
        out.append_slice(&frame);
        Some(port)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
