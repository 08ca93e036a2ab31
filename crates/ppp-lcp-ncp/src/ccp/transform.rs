//! What packets go through, whichever algorithm it is.

use super::bsd::{BsdCompressor, BsdDecompressor};
use super::deflate::{DeflateCompressor, DeflateDecompressor};
use super::mppe::{MppeDecryptor, MppeEncryptor, MppeError, is_encrypted};
use super::option::CcpMethod;
use crate::auth::MsChapV2Keys;
use crate::wire::{PppProtocol, PppRepr};
use alloc::boxed::Box;
use packet_buffer::PacketBuf;

/// Why a packet was not decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// There is no sequence number.
    #[error("{0} octets have no sequence number")]
    Short(usize),
    /// A packet was lost.
    #[error("packet {found} where {expected} is awaited")]
    Sequence {
        /// The packet's number.
        found: u16,
        /// The one that is awaited.
        expected: u16,
    },
    /// The codes are not those of a compressor.
    #[error("the compressed data is corrupt")]
    Corrupt,
    /// More comes out than a packet may have.
    #[error("more comes out than a packet may have")]
    TooLong,
}

/// The protocol as the history of a compressor has it: without a first octet of zero.
pub(super) fn history_of(protocol: PppProtocol, octets: &[u8; 2]) -> &[u8] {
    let [_, low @ ..] = octets;
    if protocol.is_compressible() {
        low
    } else {
        octets
    }
}

/// What packets to the peer go through.
#[derive(Debug)]
pub(super) enum Compressor {
    Mppe(Box<MppeEncryptor>),
    Deflate(DeflateCompressor),
    Bsd(BsdCompressor),
}

impl Compressor {
    /// `None` when encryption was agreed on and there are no keys.
    pub(super) fn new(method: CcpMethod, keys: Option<&MsChapV2Keys>) -> Option<Self> {
        Some(match method {
            CcpMethod::Mppe { strength, mode } => {
                let key = keys?.mppe_send_key(strength);
                Self::Mppe(Box::new(MppeEncryptor::new(key, mode)))
            }
            CcpMethod::Deflate { window_bits } => {
                Self::Deflate(DeflateCompressor::new(window_bits))
            }
            CcpMethod::BsdCompress { max_bits } => Self::Bsd(BsdCompressor::new(max_bits)),
        })
    }

    /// Puts a packet through; `packet` is the information of `protocol`. False when it goes as it is.
    pub(super) fn compress(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> bool {
        match self {
            Self::Mppe(mppe) => {
                if !is_encrypted(protocol) {
                    return false;
                }
                PppRepr::new(protocol).emit(packet);
                mppe.encrypt(packet);
                true
            }
            // What is compressed already, and what sets up the link, is not looked at.
            _ if !is_compressed(protocol) => false,
            Self::Deflate(deflate) => deflate.compress(protocol, packet),
            Self::Bsd(bsd) => bsd.compress(protocol, packet),
        }
    }

    pub(super) fn reset(&mut self) {
        match self {
            Self::Mppe(mppe) => mppe.reset(),
            Self::Deflate(deflate) => deflate.reset(),
            Self::Bsd(bsd) => bsd.reset(),
        }
    }
}

/// Whether packets of a protocol are compressed: network packets that are not compressed already.
const fn is_compressed(protocol: PppProtocol) -> bool {
    protocol.0 <= 0x3fff
        && !matches!(
            protocol,
            PppProtocol::COMPRESSED | PppProtocol::LINK_COMPRESSED
        )
}

/// What packets from the peer go through.
#[derive(Debug)]
pub(super) enum Decompressor {
    Mppe(Box<MppeDecryptor>),
    Deflate(DeflateDecompressor),
    Bsd(BsdDecompressor),
}

/// What became of a packet from the peer that did not come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The packet is of no use; the state is as it was.
    Ignored(MppeError),
    /// The state is lost, and the peer has to be asked for a reset.
    Lost,
}

impl Decompressor {
    /// `None` when encryption was agreed on and there are no keys.
    pub(super) fn new(method: CcpMethod, keys: Option<&MsChapV2Keys>) -> Option<Self> {
        Some(match method {
            CcpMethod::Mppe { strength, mode } => {
                let key = keys?.mppe_receive_key(strength);
                Self::Mppe(Box::new(MppeDecryptor::new(key, mode)))
            }
            CcpMethod::Deflate { .. } => Self::Deflate(DeflateDecompressor::new()),
            CcpMethod::BsdCompress { max_bits } => Self::Bsd(BsdDecompressor::new(max_bits)),
        })
    }

    /// Writes protocol and information to `out`, in place of what it holds: at most `limit` octets.
    pub(super) fn decompress(
        &mut self,
        packet: &[u8],
        out: &mut PacketBuf,
        limit: usize,
    ) -> Result<(), Failure> {
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let lost = |_: DecompressError| Failure::Lost;
        match self {
            Self::Mppe(mppe) => mppe.decrypt(packet, out).map_err(|error| match error {
                MppeError::Lost { .. } => Failure::Lost,
                other => Failure::Ignored(other),
            }),
            Self::Deflate(deflate) => deflate.decompress(packet, out, limit).map_err(lost),
            Self::Bsd(bsd) => bsd.decompress(packet, out, limit).map_err(lost),
        }
    }

    /// A packet has come as it was. Whether it counts.
    pub(super) fn pass(&mut self, protocol: PppProtocol, information: &[u8]) -> bool {
        match self {
            Self::Mppe(_) => return false,
            _ if !is_compressed(protocol) => return false,
            Self::Deflate(deflate) => deflate.pass(protocol, information),
            Self::Bsd(bsd) => bsd.pass(protocol, information),
        }
        true
    }

    /// The peer has reset its side.
    pub(super) fn reset(&mut self) {
        match self {
            // What tells is the flushed bit of a packet.
            Self::Mppe(_) => {}
            Self::Deflate(deflate) => deflate.reset(),
            Self::Bsd(bsd) => bsd.reset(),
        }
    }
}
