//! A stream of octets to frames.

use super::fcs::{self, Fcs};
use super::parameters::FramingParameters;
use super::scan::{LANES, any_boundary, plain_len};
use super::{ESCAPE, ESCAPE_MASK, FLAG};
use crate::wire::{PppPacket, PppProtocol};
use alloc::vec::Vec;
use core::fmt;

/// Octets of a frame around the information: Address, Control, Protocol, and the longer check
/// sequence.
const OVERHEAD: usize = 8;

/// The least that a receiver has to take (RFC 1661 §6.1).
const MIN_MRU: u16 = 1500;

/// Counters. What is discarded is discarded silently (RFC 1662 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecoderStats {
    /// Frames that were good.
    pub frames: u64,
    /// Flags behind flags.
    pub empty: u64,
    /// Frames that ended with an escape: the sender gave them up.
    pub aborted: u64,
    /// Frames that were too short to be one.
    pub runts: u64,
    /// Frames that were longer than we take.
    pub oversize: u64,
    /// Frames with a wrong check sequence.
    pub bad_fcs: u64,
    /// Octets before the first flag.
    pub stray_octets: u64,
    /// Control characters that the sender would have escaped: the line has put them in.
    pub stray_controls: u64,
}

/// Where in the stream we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No flag was seen yet.
    Outside,
    Inside,
    /// Behind an escape.
    Escaped,
    /// In a frame that is too long.
    Overlong,
    /// A frame was handed out.
    Delivered,
}

/// Finds frames in a stream that comes in chunks of any size. It keeps one frame, whose length is
/// bounded.
pub struct Decoder {
    frame: Vec<u8>,
    limit: usize,
    place: Place,
    fcs: Fcs,
    accm: u32,
    stats: DecoderStats,
}

impl Decoder {
    /// A decoder that waits for the first flag, for frames of up to `mru` octets of information; 1500
    /// at least, as every receiver has to take those.
    pub fn new(mru: u16) -> Self {
        let limit = usize::from(mru.max(MIN_MRU)) + OVERHEAD;
        Self {
            frame: Vec::with_capacity(limit),
            limit,
            place: Place::Outside,
            fcs: Fcs::Bits16,
            accm: u32::MAX,
            stats: DecoderStats::default(),
        }
    }

    /// Sets what was agreed on for frames to us:
    /// [`Link::receive_framing`](crate::link::Link::receive_framing) says it, and it may change with
    /// each packet that the link takes.
    pub const fn set_parameters(&mut self, parameters: &FramingParameters) {
        self.accm = parameters.accm;
        self.fcs = parameters.check_sequence();
    }

    /// Sets the check sequence that was agreed on. With the longer one, LCP packets are taken with
    /// the shorter too: the peer may not know yet.
    pub const fn set_fcs(&mut self, fcs: Fcs) {
        self.fcs = fcs;
    }

    /// Sets the control characters that the peer escapes, bit n for character n: those that arrive
    /// bare were put in by the line and are dropped. All of them, until it is set.
    pub const fn set_accm(&mut self, accm: u32) {
        self.accm = accm;
    }

    /// Counters.
    pub const fn stats(&self) -> &DecoderStats {
        &self.stats
    }

    /// Takes octets off the front of `input` until a frame is complete, and returns it without the
    /// check sequence; [`Link::handle_input`](crate::link::Link::handle_input) takes it so. `None` means
    /// that `input` is used up.
    pub fn next_frame(&mut self, input: &mut &[u8]) -> Option<&[u8]> {
        if self.place == Place::Delivered {
            self.begin();
        }
        while !input.is_empty() {
            while self.take_plain(input) || self.take_lanes(input) {}
            let Some((octet, rest)) = input.split_first() else {
                break;
            };
            *input = rest;
            if let Some(length) = self.take(*octet) {
                self.place = Place::Delivered;
                return self.frame.get(..length);
            }
        }
        None
    }

    fn begin(&mut self) {
        self.frame.clear();
        self.place = Place::Inside;
    }

    /// Copies a run without anything special; false when there is none.
    fn take_plain(&mut self, input: &mut &[u8]) -> bool {
        if self.place != Place::Inside {
            return false;
        }
        let room = self.limit.saturating_sub(self.frame.len());
        let near = input.get(..room).unwrap_or(input);
        let (plain, rest) = input.split_at(plain_len(near, self.accm != 0));
        self.frame.extend_from_slice(plain);
        *input = rest;
        !plain.is_empty()
    }

    /// Takes eight octets with escapes among them, without a branch that depends on them; false when
    /// there is something else among them.
    fn take_lanes(&mut self, input: &mut &[u8]) -> bool {
        let mut escaped = match self.place {
            Place::Inside => 0,
            Place::Escaped => 1,
            Place::Outside | Place::Overlong | Place::Delivered => return false,
        };
        let Some((lanes, rest)) = input.split_first_chunk::<LANES>() else {
            return false;
        };
        let has_room = self.frame.len() + LANES <= self.limit;
        if !has_room || any_boundary(*lanes, self.accm != 0) {
            return false;
        }
        let mut octets = [0; LANES];
        let mut length = 0;
        for octet in lanes {
            if let Some(place) = octets.get_mut(length) {
                *place = *octet ^ (escaped * ESCAPE_MASK);
            }
            escaped = u8::from(*octet == ESCAPE) & (escaped ^ 1);
            length += usize::from(escaped ^ 1);
        }
        self.frame
            .extend_from_slice(octets.get(..length).unwrap_or_default());
        self.place = if escaped == 1 {
            Place::Escaped
        } else {
            Place::Inside
        };
        *input = rest;
        true
    }

    /// Takes one octet; the length of a good frame when that ends one.
    fn take(&mut self, octet: u8) -> Option<usize> {
        if octet == FLAG {
            return self.end();
        }
        // RFC 1662 §4.2 MUST (remove): control characters of the map are removed, wherever they are.
        if octet < 32 && self.accm >> octet & 1 == 1 && self.place != Place::Outside {
            self.stats.stray_controls += 1;
            return None;
        }
        match (self.place, octet) {
            (Place::Outside, _) => self.stats.stray_octets += 1,
            (Place::Inside, ESCAPE) => self.place = Place::Escaped,
            (Place::Inside, octet) => self.keep(octet),
            (Place::Escaped, octet) => {
                self.place = Place::Inside;
                self.keep(octet ^ ESCAPE_MASK);
            }
            (Place::Overlong | Place::Delivered, _) => {}
        }
        None
    }

    fn keep(&mut self, octet: u8) {
        if self.frame.len() < self.limit {
            self.frame.push(octet);
        } else {
            self.stats.oversize += 1;
            self.place = Place::Overlong;
        }
    }

    /// A flag has come.
    // RFC 1662 §4.3 MUST (invalid): short frames and aborted ones are discarded, and not counted as
    // errors of the check sequence.
    fn end(&mut self) -> Option<usize> {
        let (place, length) = (self.place, self.frame.len());
        let stats = &mut self.stats;
        let good = match place {
            Place::Outside | Place::Overlong | Place::Delivered => None,
            Place::Escaped => {
                stats.aborted += 1;
                None
            }
            // RFC 1662 §3.1 MUST (empty): two flags in a row are not a frame.
            Place::Inside if length == 0 => {
                stats.empty += 1;
                None
            }
            // RFC 1662 §4.3 MUST (invalid): less than four octets with the shorter sequence.
            Place::Inside if length < 4 => {
                stats.runts += 1;
                None
            }
            Place::Inside => {
                let good = good_len(self.fcs, &self.frame);
                *match good {
                    Some(_) => &mut stats.frames,
                    None => &mut stats.bad_fcs,
                } += 1;
                good
            }
        };
        if good.is_none() {
            self.begin();
        }
        good
    }
}

/// The length without the check sequence, when that is right.
fn good_len(which: Fcs, frame: &[u8]) -> Option<usize> {
    if let Some(octets) = fcs::checked(which, frame) {
        return Some(octets.len());
    }
    if which == Fcs::Bits16 {
        return None;
    }
    let octets = fcs::checked(Fcs::Bits16, frame)?;
    let packet = PppPacket::parse(octets).ok()?;
    (packet.protocol() == PppProtocol::LCP).then_some(octets.len())
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("place", &self.place)
            .field("length", &self.frame.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
