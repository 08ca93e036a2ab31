//! Van Jacobson TCP/IP header compression (RFC 1144), as PPP carries it (RFC 1332 §4).
//!
//! The header of a TCP segment is mostly that of the segment before it. A [`Compressor`] sends the
//! differences, in 3 to 16 octets in place of 40; a [`Decompressor`] puts them back. Both keep the
//! last header of each of some connections, in numbered slots.
//!
//! ```text
//!  a compressed header, before the data of the segment
//! +---+-------+----------+---------------------------------------------+
//! |   | slot  |   TCP    | urgent | window | ack | sequence | IP         |
//! | m | if C  | checksum | if U   | if W   | if A| if S     | ident. if I|
//! +---+-------+----------+---------------------------------------------+
//!   m: 0 C I P S A W U. A number is one octet, or a zero and two octets.
//! ```
//!
//! ```
//! use ppp_lcp_ncp::vj::{Compressor, Decompressor, Form};
//! use ppp_lcp_ncp::ncp::VjParameters;
//! use packet_buffer::{PacketBuf, wire::*};
//!
//! let parameters = VjParameters { max_slot_id: 15, compress_slot_id: true };
//! let (mut compressor, mut decompressor) =
//!     (Compressor::new(&parameters), Decompressor::new(&parameters));
//! let (source, destination) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
//! let segment = |sequence_number, identification| {
//!     let mut packet = PacketBuf::with_headroom(60);
//!     packet.append_slice(b"data");
//!     let tcp = TcpRepr {
//!         source_port: 1000,
//!         destination_port: 80,
//!         sequence_number,
//!         acknowledgment_number: 1,
//!         flags: TcpFlags::ACK,
//!         window: 1000,
//!         ..TcpRepr::default()
//!     };
//!     tcp.emit(&mut packet, &PseudoHeader::V4 { source, destination }).unwrap();
//!     let mut ip = Ipv4Repr::new(source, destination, IpProtocol::TCP);
//!     ip.identification = identification;
//!     ip.emit(&mut packet).unwrap();
//!     packet
//! };
//! for (number, form) in [(0, Form::Uncompressed), (1, Form::Compressed)] {
//!     let original = segment(100 + 4 * number, 7 + number as u16);
//!     let mut packet = original.clone();
//!     assert_eq!(compressor.compress(&mut packet), form);
//!     decompressor.decompress(form, &mut packet)?;
//!     assert_eq!(packet.as_slice(), original.as_slice());
//! }
//! # Ok::<(), ppp_lcp_ncp::vj::DecompressError>(())
//! ```

mod compress;
mod decompress;
mod header;

pub use compress::{Compressor, CompressorStats};
pub use decompress::{DecompressError, Decompressor, DecompressorStats};

use crate::wire::PppProtocol;

/// What a packet is on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// An IP packet as it is.
    Ip,
    /// An IP packet that fills a slot: its protocol field has the number of the slot.
    Uncompressed,
    /// Differences from the header in a slot.
    Compressed,
}

impl Form {
    /// The protocol number of packets of this form.
    pub const fn protocol(self) -> PppProtocol {
        match self {
            Self::Ip => PppProtocol::IPV4,
            Self::Uncompressed => PppProtocol::VJ_UNCOMPRESSED,
            Self::Compressed => PppProtocol::VJ_COMPRESSED,
        }
    }

    /// The form of packets of this protocol number.
    pub const fn of(protocol: PppProtocol) -> Option<Self> {
        match protocol {
            PppProtocol::IPV4 => Some(Self::Ip),
            PppProtocol::VJ_UNCOMPRESSED => Some(Self::Uncompressed),
            PppProtocol::VJ_COMPRESSED => Some(Self::Compressed),
            _ => None,
        }
    }
}

/// The bits of the first octet of a compressed header (RFC 1144 §3.2.2).
mod mask {
    pub(super) const CONNECTION: u8 = 0x40;
    pub(super) const IDENTIFICATION: u8 = 0x20;
    pub(super) const PUSH: u8 = 0x10;
    pub(super) const SEQUENCE: u8 = 0x08;
    pub(super) const ACKNOWLEDGMENT: u8 = 0x04;
    pub(super) const WINDOW: u8 = 0x02;
    pub(super) const URGENT: u8 = 0x01;
    /// Sequence and acknowledgment have grown by the data of the segment before: typing, echoed.
    pub(super) const ECHOED: u8 = SEQUENCE | WINDOW | URGENT;
    /// The sequence has grown by the data of the segment before: a transfer in one direction.
    pub(super) const TRANSFER: u8 = SEQUENCE | ACKNOWLEDGMENT | WINDOW | URGENT;
    /// What the special values are made of.
    pub(super) const SPECIAL: u8 = SEQUENCE | ACKNOWLEDGMENT | WINDOW | URGENT;
}
