//! A capture file, or a watcher, that several links write to.

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
    sink: Rc<RefCell<Sink>>,
}

enum Sink {
    File(PcapngWriter<Box<dyn Write>>),
    Watcher(Watcher),
}

struct Watcher {
    interfaces: Vec<(String, LinkType)>,
    watch: Box<dyn FnMut(Tapped<'_>)>,
}

/// Which of a tap's interfaces; files and watchers count them in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TapInterface {
    File(InterfaceId),
    Watcher(usize),
}

/// A frame, as a [watcher](Tap::watcher) sees it.
#[derive(Debug, Clone, Copy)]
pub struct Tapped<'a> {
    /// The link and the sender: `lan/alice`.
    pub interface: &'a str,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// When it was handed over.
    pub at: Instant,
    /// What became of it other than its plain arrival; empty for that.
    pub comment: &'a str,
    /// The frame; on a byte stream, octets that were handed over at once.
    pub frame: &'a [u8],
}

impl Tap {
    /// A capture into any writer.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn new(writer: impl Write + 'static) -> io::Result<Self> {
        let writer: Box<dyn Write> = Box::new(writer);
        let file = Sink::File(PcapngWriter::new(writer)?);
        Ok(Self {
            sink: Rc::new(RefCell::new(file)),
        })
    }

    /// Has each frame shown to `watch`, instead of written to a file.
    pub fn watcher(watch: impl FnMut(Tapped<'_>) + 'static) -> Self {
        let watcher = Watcher {
            interfaces: Vec::new(),
            watch: Box::new(watch),
        };
        Self {
            sink: Rc::new(RefCell::new(Sink::Watcher(watcher))),
        }
    }

    /// A capture into a file, which is made or overwritten.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(BufWriter::new(File::create(path)?))
    }

    pub(crate) fn add_interface(&self, name: &str, link_type: LinkType) -> TapInterface {
        match &mut *self.sink.borrow_mut() {
            Sink::File(writer) => {
                let added = writer.add_interface(name, link_type);
                TapInterface::File(added.expect("the capture file can be written"))
            }
            Sink::Watcher(watcher) => {
                watcher.interfaces.push((name.to_owned(), link_type));
                TapInterface::Watcher(watcher.interfaces.len() - 1)
            }
        }
    }

    pub(crate) fn record(&self, interface: TapInterface, at: Instant, comment: &str, frame: &[u8]) {
        match (&mut *self.sink.borrow_mut(), interface) {
            (Sink::File(writer), TapInterface::File(interface)) => writer
                .write(interface, at, Direction::Outbound, comment, frame)
                .expect("the capture file can be written"),
            (Sink::Watcher(watcher), TapInterface::Watcher(interface)) => {
                let (name, link_type) = &watcher.interfaces[interface];
                (watcher.watch)(Tapped {
                    interface: name,
                    link_type: *link_type,
                    at,
                    comment,
                    frame,
                });
            }
            _ => unreachable!("an interface of another tap"),
        }
    }
}

impl core::fmt::Debug for Tap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &*self.sink.borrow() {
            Sink::File(writer) => f.debug_tuple("Tap").field(writer).finish(),
            Sink::Watcher(watcher) => f.debug_tuple("Tap").field(&watcher.interfaces).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Host, LinkConfig, Network};

    #[test]
    fn a_watcher_sees_what_a_file_would_hold() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let notes = Rc::clone(&seen);
        let tap = Tap::watcher(move |tapped| {
            let note = (
                tapped.interface.to_owned(),
                tapped.comment.to_owned(),
                tapped.frame.to_vec(),
            );
            notes.borrow_mut().push(note);
        });
        let mut network = Network::new(1);
        let alice = network.add_node("alice", Host::default());
        let bob = network.add_node("bob", Host::default());
        let config = LinkConfig {
            loss: 1.0,
            ..LinkConfig::default()
        };
        let wire = network.add_asymmetric_link("wire", alice, LinkConfig::default(), bob, config);
        network.tap(wire, LinkType::ETHERNET, &tap);
        network.node_mut::<Host>(alice).send(0, b"hello");
        network.node_mut::<Host>(bob).send(0, b"goodbye");
        network.run_for(core::time::Duration::from_secs(1));
        let seen = seen.borrow();
        assert_eq!(
            *seen,
            [
                ("wire/alice".to_owned(), String::new(), b"hello".to_vec()),
                (
                    "wire/bob".to_owned(),
                    "lost".to_owned(),
                    b"goodbye".to_vec()
                ),
            ]
        );
    }
}
