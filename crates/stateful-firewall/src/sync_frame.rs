//! Frames for changes of sessions between two nodes: authentic, in order, and once.

use crate::SyncMessage;
use alloc::vec::Vec;
use hmac::{Hmac, KeyInit as _, Mac as _};
use packet_buffer::{Cursor, Instant, ParseError};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// Octets of the authentication code: HMAC-SHA-256 cut to half.
const CODE: usize = 16;
const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 8 + 2;

/// The most octets of messages in one frame.
pub const MAX_FRAME: usize = 8_192;

/// The secret that both nodes share; forgotten safely, and never shown.
#[derive(Clone)]
struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    fn code(&self, octets: &[u8]) -> Option<[u8; CODE]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(octets);
        mac.finalize().into_bytes().first_chunk().copied()
    }
}

/// Writes frames of the active node.
///
/// A frame has a version (1 octet), the term of its sender and its number in the term (8 octets
/// each), the length of its messages (2), the messages, and the authentication code (16).
#[derive(Clone)]
pub struct SyncWriter {
    secret: Secret,
    term: u64,
    number: u64,
}

impl SyncWriter {
    /// A writer in a *term*: a number that is greater than any that a node of the pair has written in
    /// before, such as the seconds of a clock when it became active.
    pub fn new(secret: &[u8], term: u64) -> Self {
        Self {
            secret: Secret(Zeroizing::new(secret.to_vec())),
            term,
            number: 0,
        }
    }

    /// Writes as many of the messages as fit into a frame, and replaces what is in `out`; `false`,
    /// and `out` empty, when there are none.
    pub fn frame(
        &mut self,
        now: Instant,
        mut next: impl FnMut() -> Option<SyncMessage>,
        out: &mut Vec<u8>,
    ) -> bool {
        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&self.term.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        while out.len() + SyncMessage::MAX_LEN <= HEADER + MAX_FRAME
            && let Some(message) = next()
        {
            message.write(now, out);
        }
        let length = u16::try_from(out.len() - HEADER).unwrap_or(0);
        if length == 0 {
            out.clear();
            return false;
        }
        if let Some(field) = out.get_mut(HEADER - 2..HEADER) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        match self.secret.code(out) {
            Some(code) => out.extend_from_slice(&code),
            None => {
                out.clear();
                return false;
            }
        }
        self.number += 1;
        true
    }
}

/// Why a frame is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Too short, too long, or of another version.
    #[error("{0}")]
    Malformed(ParseError),
    /// It was not written with the same secret, or changed on its way.
    #[error("the authentication code is wrong")]
    Forged,
    /// It was read before, or is older than one that was.
    #[error("the frame was read before, or came too late")]
    Old,
}

/// What a frame has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The messages.
    pub messages: Vec<SyncMessage>,
    /// Whether frames before it are missing: the standby needs a snapshot.
    pub gap: bool,
}

/// Reads frames of the active node.
#[derive(Clone)]
pub struct SyncReader {
    secret: Secret,
    /// The term and the number that come next.
    next: (u64, u64),
}

impl SyncReader {
    /// A reader with the secret of the pair.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: Secret(Zeroizing::new(secret.to_vec())),
            next: (0, 0),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; nothing is believed of such a frame.
    pub fn read(&mut self, now: Instant, frame: &[u8]) -> Result<Frame, FrameError> {
        let malformed = |error: ParseError| FrameError::Malformed(error);
        let mut cursor = Cursor::new(frame);
        let version = cursor.u8("version").map_err(malformed)?;
        if version != VERSION {
            let error = ParseError::unsupported("version", 0, version.into());
            return Err(malformed(error));
        }
        let term = cursor.u64("term").map_err(malformed)?;
        let number = cursor.u64("number").map_err(malformed)?;
        let length = usize::from(cursor.u16("length").map_err(malformed)?);
        let offset = cursor.offset();
        let body = cursor.take(length, "messages").map_err(malformed)?;
        let covered = frame.get(..offset + length).unwrap_or_default();
        let code = cursor
            .take(CODE, "authentication code")
            .map_err(malformed)?;
        cursor.finish("frame").map_err(malformed)?;
        let own = self.secret.code(covered).ok_or(FrameError::Forged)?;
        if !bool::from(own.as_slice().ct_eq(code)) {
            return Err(FrameError::Forged);
        }
        if (term, number) < self.next {
            return Err(FrameError::Old);
        }
        let mut messages = Vec::new();
        let mut body = Cursor::at(body, offset);
        while !body.is_empty() {
            messages.push(SyncMessage::read(now, &mut body).map_err(malformed)?);
        }
        let gap = (term, number) != self.next;
        self.next = (term, number.saturating_add(1));
        Ok(Frame { messages, gap })
    }
}

impl core::fmt::Debug for SyncWriter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SyncWriter")
            .field("term", &self.term)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for SyncReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SyncReader")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
