//! Capture files in the pcapng format, which Wireshark and tcpdump open.

use alloc::borrow::Cow;
use core::time::Duration;
use packet_buffer::Instant;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::{DataLink, Endianness, PcapError};
use std::io;

/// What a captured frame begins with: a number of the registry of link-layer header types
/// (LINKTYPE_ values, <https://www.tcpdump.org/linktypes.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: the address family in four octets of the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet, without preamble and frame check sequence.
    pub const ETHERNET: Self = Self(1);
    /// SLIP as BSD captures it: a header of 16 octets, then the IP packet.
    pub const SLIP: Self = Self(8);
    /// PPP: the protocol number, with or without the address and control octets before it.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing (RFC 1662) or Cisco HDLC, address and control octets first.
    pub const PPP_HDLC: Self = Self(50);
    /// A PPPoE session packet (RFC 2516), from the version and type octet.
    pub const PPP_ETHER: Self = Self(51);
    /// An IPv4 or IPv6 packet; the version says which.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// Frame Relay (LAPF).
    pub const FRELAY: Self = Self(107);
    /// OpenBSD loopback: the address family in four octets of network order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture.
    pub const LINUX_SLL: Self = Self(113);
    /// The first of sixteen numbers for private use.
    pub const USER0: Self = Self(147);
    /// PPP as pppd records it: a direction octet, then PPP with address and control octets.
    pub const PPP_PPPD: Self = Self(166);
    /// PPP with a direction octet before it: 0 received, 1 sent.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Solaris IPNET: a header of 24 octets, then the IP packet.
    pub const IPNET: Self = Self(226);
    /// An IPv4 packet.
    pub const IPV4: Self = Self(228);
    /// An IPv6 packet.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Which way a frame went, seen from the interface that it was captured at (`epb_flags`, bits 0
/// and 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It was received.
    Inbound,
    /// It was sent.
    Outbound,
}

impl Direction {
    fn flags(self) -> u32 {
        match self {
            Self::Inbound => 1,
            Self::Outbound => 2,
        }
    }

    pub(crate) fn from_flags(flags: u32) -> Option<Self> {
        match flags & 3 {
            1 => Some(Self::Inbound),
            2 => Some(Self::Outbound),
            _ => None,
        }
    }
}

/// An interface of a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceId(u32);

/// Writes a capture file with any number of interfaces.
///
/// The epoch of the [`Instant`]s becomes 1970-01-01 00:00:00 UTC. Time stamps have a resolution of
/// a nanosecond in the file (`if_tsresol` 9), because that is the unit in which the crate
/// `pcap-file` 2 writes, whatever resolution the interface names; the microseconds are exact.
pub struct PcapngWriter<W: io::Write> {
    writer: PcapNgWriter<W>,
}

impl<W: io::Write> PcapngWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// Those of `writer`; so with all calls.
    pub fn new(writer: W) -> io::Result<Self> {
        // One byte order on every machine, so that the same seed gives the same file.
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            ..SectionHeaderBlock::default()
        };
        let writer = PcapNgWriter::with_section_header(writer, section).map_err(to_io)?;
        Ok(Self { writer })
    }

    /// Adds an interface. It may be done between frames.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn add_interface(&mut self, name: &str, link_type: LinkType) -> io::Result<InterfaceId> {
        let id = u32::try_from(self.writer.interfaces().len()).map_err(io::Error::other)?;
        self.writer
            .write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::from(u32::from(link_type.0)),
                snaplen: 0, // no limit
                options: vec![
                    InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
                    InterfaceDescriptionOption::IfTsResol(9),
                ],
            })
            .map_err(to_io)?;
        Ok(InterfaceId(id))
    }

    /// Writes a frame, with a comment when that is not empty.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer; and an interface of another file.
    pub fn write(
        &mut self,
        interface: InterfaceId,
        at: Instant,
        direction: Direction,
        comment: &str,
        frame: &[u8],
    ) -> io::Result<()> {
        let mut options = vec![EnhancedPacketOption::Flags(direction.flags())];
        if !comment.is_empty() {
            options.push(EnhancedPacketOption::Comment(Cow::Borrowed(comment)));
        }
        self.writer
            .write_pcapng_block(EnhancedPacketBlock {
                interface_id: interface.0,
                timestamp: Duration::from_micros(at.as_micros()),
                original_len: u32::try_from(frame.len()).map_err(io::Error::other)?,
                data: Cow::Borrowed(frame),
                options,
            })
            .map_err(to_io)?;
        Ok(())
    }

    /// Flushes what is buffered below.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }

    /// Gives the underlying writer back.
    pub fn into_inner(self) -> W {
        self.writer.into_inner()
    }
}

impl<W: io::Write> core::fmt::Debug for PcapngWriter<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PcapngWriter")
            .field("interfaces", &self.writer.interfaces().len())
            .finish_non_exhaustive()
    }
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
