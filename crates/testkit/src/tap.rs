//! A capture file that several links write to.

use crate::pcapng::{Direction, InterfaceId, LinkType, PcapngWriter};
use alloc::rc::Rc;
use core::cell::RefCell;
use packet_buffer::Instant;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A pcapng file that links of a [`Network`](crate::Network) are [tapped](crate::Network::tap)
/// into. Clones write to the same file, which is complete when the last of them is dropped (that
/// of the network is dropped with the network, also by a panic).
///
/// A frame is recorded once, when its sender hands it over and as it hands it over, at an interface
/// that is named after the link and the sender (`lan/alice`). What becomes of a frame other than
/// its plain arrival stands in a comment: `lost`, `corrupted`, `duplicated`, `held back`, `too
/// long`, `queue full`, `link down`; on a LAN with the receiver. Wireshark shows them as packet
/// comments, and `frame.comment contains "lost"` filters them.
#[derive(Clone)]
pub struct Tap {
    writer: Rc<RefCell<PcapngWriter<Box<dyn Write>>>>,
}

impl Tap {
    /// A capture into any writer.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn new(writer: impl Write + 'static) -> io::Result<Self> {
        let writer: Box<dyn Write> = Box::new(writer);
        Ok(Self {
            writer: Rc::new(RefCell::new(PcapngWriter::new(writer)?)),
        })
    }

    /// A capture into a file, which is made or overwritten.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(BufWriter::new(File::create(path)?))
    }

    pub(crate) fn add_interface(&self, name: &str, link_type: LinkType) -> InterfaceId {
        self.writer
            .borrow_mut()
            .add_interface(name, link_type)
            .expect("the capture file can be written")
    }

    pub(crate) fn record(&self, interface: InterfaceId, at: Instant, comment: &str, frame: &[u8]) {
        self.writer
            .borrow_mut()
            .write(interface, at, Direction::Outbound, comment, frame)
            .expect("the capture file can be written");
    }
}

impl core::fmt::Debug for Tap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Tap").field(&self.writer.borrow()).finish()
    }
}
