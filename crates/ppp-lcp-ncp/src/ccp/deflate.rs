//! PPP Deflate (RFC 1979).
//!
//! ```text
//!  0          2
//! +----------+-------------------------------------------------
//! | sequence | deflated: protocol (1 or 2 octets), information
//! +----------+-------------------------------------------------
//! ```
//!
//! Both ends keep what was sent as a history for what follows, packets that went as they were included.
//! Each packet ends on an octet's border, and the empty block that brings it there goes without its
//! length, `00 00 ff ff`.

use super::transform::{DecompressError, history_of};
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit};
use packet_buffer::PacketBuf;

/// What the empty block ends with, and is left out.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Octets of the largest window, 2^15.
const LARGEST: usize = 32_768;

/// Deflates packets.
pub struct DeflateCompressor {
    state: Box<CompressorOxide>,
    /// How far back the peer's history reaches, in octets.
    window: usize,
    sequence: u16,
    is_fresh: bool,
    /// Kept for their room: what goes in, and what comes out.
    input: Vec<u8>,
    output: Vec<u8>,
}

impl DeflateCompressor {
    /// A sender for a peer whose window has 2^`bits` octets. With fewer than 15 bits each packet is
    /// compressed for itself, which is worse.
    pub fn new(bits: u8) -> Self {
        let flags = create_comp_flags_from_zip_params(6, -15, 0);
        Self {
            state: Box::new(CompressorOxide::new(flags)),
            window: 1 << bits.clamp(8, 15),
            sequence: 0,
            is_fresh: true,
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Compresses a packet in place; `information` is that of `protocol`. False when it is better sent as
    /// it is. The history has it either way.
    // RFC 1979 §2 MUST (history): packets that do not shrink go as they are, and count all the same.
    pub fn compress(&mut self, protocol: PppProtocol, information: &mut PacketBuf) -> bool {
        let sequence = self.sequence.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        self.is_fresh = false;
        let mut input = core::mem::take(&mut self.input);
        input.clear();
        input.extend_from_slice(history_of(protocol, &protocol.0.to_be_bytes()));
        input.extend_from_slice(information.as_slice());
        self.output.clear();
        let done = if self.window == LARGEST {
            self.deflate(&input)
        } else {
            // RFC 1979 §3 MUST (window): the encoder looks back as far as it likes, so it is given no more
            // than the peer can.
            input.chunks(self.window).all(|chunk| {
                self.state.reset();
                self.deflate(chunk)
            })
        };
        let length = input.len();
        self.input = input;
        let Some(packet) = self.output.strip_suffix(&TAIL).filter(|_| done) else {
            return false;
        };
        if sequence.len() + packet.len() >= length {
            return false;
        }
        information.truncate(0);
        information.append_slice(&sequence);
        information.append_slice(packet);
        true
    }

    /// Appends what `input` becomes to the output.
    fn deflate(&mut self, mut input: &[u8]) -> bool {
        loop {
            let start = self.output.len();
            self.output.resize(start + input.len() + 64, 0);
            let room = self.output.get_mut(start..).unwrap_or_default();
            let room_len = room.len();
            let (status, taken, written) = compress(&mut self.state, input, room, TDEFLFlush::Sync);
            self.output.truncate(start + written);
            input = input.get(taken..).unwrap_or_default();
            if status != TDEFLStatus::Okay {
                return false;
            }
            if input.is_empty() && written < room_len {
                return true;
            }
        }
    }

    /// Forgets the history: the next packet has sequence number 0.
    pub fn reset(&mut self) {
        // Who asks for it again and again does not make us work for it.
        if !self.is_fresh {
            self.state.reset();
            self.sequence = 0;
            self.is_fresh = true;
        }
    }
}

/// Inflates packets.
pub struct DeflateDecompressor {
    state: Box<DecompressorOxide>,
    /// The history, round and round.
    history: Vec<u8>,
    position: usize,
    sequence: u16,
}

impl DeflateDecompressor {
    /// A receiver with the largest window, which does for any.
    pub fn new() -> Self {
        Self {
            state: Box::default(),
            history: vec![0; LARGEST],
            position: 0,
            sequence: 0,
        }
    }

    /// Appends protocol and information of a packet to `out`: at most `limit` octets.
    ///
    /// # Errors
    ///
    /// [`DecompressError`]: the history is lost, and the peer has to be asked for a reset.
    pub fn decompress(
        &mut self,
        packet: &[u8],
        out: &mut PacketBuf,
        limit: usize,
    ) -> Result<(), DecompressError> {
        let Some((sequence, packet)) = packet.split_first_chunk::<2>() else {
            return Err(DecompressError::Short(packet.len()));
        };
        let (found, expected) = (u16::from_be_bytes(*sequence), self.sequence);
        // RFC 1979 §2.1 MUST (sequence): a gap in the numbers means that the history is lost.
        if found != expected {
            return Err(DecompressError::Sequence { found, expected });
        }
        self.sequence = expected.wrapping_add(1);
        let mut left = limit;
        self.inflate(packet, out, &mut left)?;
        self.inflate(&TAIL, out, &mut left)
    }

    fn inflate(
        &mut self,
        mut packet: &[u8],
        out: &mut PacketBuf,
        left: &mut usize,
    ) -> Result<(), DecompressError> {
        loop {
            // One octet more than is allowed tells what is too long.
            let (status, taken, written) = decompress_with_limit(
                &mut self.state,
                packet,
                &mut self.history,
                self.position,
                left.saturating_add(1),
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            if written > *left {
                return Err(DecompressError::TooLong);
            }
            *left -= written;
            let end = self.position + written;
            out.append_slice(self.history.get(self.position..end).unwrap_or_default());
            self.position = end % LARGEST;
            packet = packet.get(taken..).unwrap_or_default();
            match status {
                TINFLStatus::NeedsMoreInput if packet.is_empty() => return Ok(()),
                TINFLStatus::HasMoreOutput if written > 0 => {}
                _ => return Err(DecompressError::Corrupt),
            }
        }
    }

    /// A packet has come as it was: the history has it too.
    // RFC 1979 §2 MUST (uncompressed): packets that came as they were are part of the history.
    pub fn pass(&mut self, protocol: PppProtocol, information: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        for part in [history_of(protocol, &protocol.0.to_be_bytes()), information] {
            // No more than the history holds can be of use.
            let part = part
                .get(part.len().saturating_sub(LARGEST)..)
                .unwrap_or_default();
            let room = LARGEST - self.position;
            let (first, second) = part.split_at(room.min(part.len()));
            for (position, octets) in [(self.position, first), (0, second)] {
                if let Some(place) = self.history.get_mut(position..position + octets.len()) {
                    place.copy_from_slice(octets);
                }
            }
            self.position = (self.position + part.len()) % LARGEST;
        }
    }

    /// Forgets the history.
    pub fn reset(&mut self) {
        *self.state = DecompressorOxide::new();
        self.history.fill(0);
        self.position = 0;
        self.sequence = 0;
    }
}

impl Default for DeflateDecompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DeflateCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeflateCompressor")
            .field("window", &self.window)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeflateDecompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeflateDecompressor")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
