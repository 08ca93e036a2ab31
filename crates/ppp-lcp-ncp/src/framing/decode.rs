//! A stream of octets to frames.

use super::block::{BLOCK, Block, Classes, Lanes, is_control, low_bits, starters};
use super::fcs::{self, Fcs};
use super::parameters::FramingParameters;
use super::vectors::VectorUnit;
use super::{ESCAPE, ESCAPE_MASK, FLAG};
use crate::wire::{PppPacket, PppProtocol};
use alloc::boxed::Box;
use alloc::vec;
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
    unit: VectorUnit,
    scanner: Scanner,
}

impl Decoder {
    /// A decoder that waits for the first flag, for frames of up to `mru` octets of information; 1500
    /// at least, as every receiver has to take those.
    pub fn new(mru: u16) -> Self {
        Self::with_unit(mru, VectorUnit::best())
    }

    /// The same, with instructions of the caller's choice.
    pub fn with_unit(mru: u16, unit: VectorUnit) -> Self {
        let limit = usize::from(mru.max(MIN_MRU)) + OVERHEAD;
        let scanner = Scanner {
            frame: vec![0; limit + BLOCK].into_boxed_slice(),
            length: 0,
            limit,
            place: Place::Outside,
            fcs: Fcs::Bits16,
            unit,
            accm: u32::MAX,
            stats: DecoderStats::default(),
        };
        Self { unit, scanner }
    }

    /// Sets what was agreed on for frames to us:
    /// [`Link::receive_framing`](crate::link::Link::receive_framing) says it, and it may change with
    /// each packet that the link takes.
    pub const fn set_parameters(&mut self, parameters: &FramingParameters) {
        self.set_accm(parameters.accm);
        self.set_fcs(parameters.check_sequence());
    }

    /// Sets the check sequence that was agreed on. With the longer one, LCP packets are taken with
    /// the shorter too: the peer may not know yet.
    pub const fn set_fcs(&mut self, fcs: Fcs) {
        self.scanner.fcs = fcs;
    }

    /// Sets the control characters that the peer escapes, bit n for character n: those that arrive
    /// bare were put in by the line and are dropped. All of them, until it is set.
    pub const fn set_accm(&mut self, accm: u32) {
        self.scanner.accm = accm;
    }

    /// Counters.
    pub const fn stats(&self) -> &DecoderStats {
        &self.scanner.stats
    }

    /// Takes octets off the front of `input` until a frame is complete, and returns it without the
    /// check sequence; [`Link::handle_input`](crate::link::Link::handle_input) takes it so. `None` means
    /// that `input` is used up.
    pub fn next_frame(&mut self, input: &mut &[u8]) -> Option<&[u8]> {
        if self.scanner.place == Place::Delivered {
            self.scanner.begin();
        }
        let length = if input.len() < FEWEST {
            self.scanner.take_few(input)
        } else {
            self.unit.scan(&mut self.scanner, input)
        }?;
        self.scanner.place = Place::Delivered;
        self.scanner.frame.get(..length)
    }
}

/// A frame, and how it grows.
pub(super) struct Scanner {
    /// Has room for a block behind the limit.
    frame: Box<[u8]>,
    length: usize,
    limit: usize,
    place: Place,
    fcs: Fcs,
    unit: VectorUnit,
    accm: u32,
    stats: DecoderStats,
}

/// Octets of a frame, escapes among them, up to which it is not copied before its check sequence is right.
const MOST_SHORT: usize = 32;

/// So few octets are taken one after the other, whatever instructions there are.
const FEWEST: usize = 8;

/// The octets that a frame has at least.
// RFC 1662 §4.3 MUST (invalid): less than four octets with the shorter sequence are no frame.
const SHORT: usize = 4;

impl Scanner {
    /// Takes octets off the front of `input` until a good frame ends; its length.
    #[inline(always)]
    pub(super) fn scan<L: Lanes>(&mut self, lanes: L, input: &mut &[u8]) -> Option<usize> {
        loop {
            self.take_plain(lanes, input);
            let part;
            let (block, size) = match input.first_chunk::<BLOCK>() {
                Some(block) => (block, BLOCK),
                None if input.len() < L::FEW => return self.take_few(input),
                None => {
                    part = lanes.padded(input);
                    (&part, input.len())
                }
            };
            let (taken, length) = self.take_block(lanes, block, size);
            *input = input.get(taken..).unwrap_or_default();
            if length.is_some() {
                return length;
            }
        }
    }

    /// Takes octets one after the other until a good frame ends; its length.
    fn take_few(&mut self, input: &mut &[u8]) -> Option<usize> {
        loop {
            self.take_plain_octets(input);
            let (&octet, rest) = input.split_first()?;
            *input = rest;
            if octet == FLAG {
                let length = self.end();
                if length.is_some() {
                    return length;
                }
            } else if self.place == Place::Outside {
                self.stats.stray_octets += 1;
            } else if is_control(octet, self.accm) {
                self.stats.stray_controls += 1;
            } else if octet == ESCAPE && self.place == Place::Inside {
                self.place = Place::Escaped;
            } else {
                self.take_octet(octet);
            }
        }
    }

    /// Takes octets that are what they are, while there is room.
    fn take_plain_octets(&mut self, input: &mut &[u8]) {
        if self.place != Place::Inside {
            return;
        }
        let room = self.frame.get_mut(self.length..self.limit);
        let mut count = 0;
        for (place, octet) in room.unwrap_or_default().iter_mut().zip(*input) {
            if *octet == FLAG || *octet == ESCAPE || is_control(*octet, self.accm) {
                break;
            }
            *place = *octet;
            count += 1;
        }
        *input = input.get(count..).unwrap_or_default();
        self.length += count;
    }

    /// Takes an octet of a frame.
    fn take_octet(&mut self, octet: u8) {
        let mask = match self.place {
            Place::Inside => 0,
            Place::Escaped => ESCAPE_MASK,
            Place::Outside | Place::Overlong | Place::Delivered => return,
        };
        let room = self.frame.get_mut(..self.limit).unwrap_or_default();
        if let Some(place) = room.get_mut(self.length) {
            *place = octet ^ mask;
            self.length += 1;
            self.place = Place::Inside;
        } else {
            self.stats.oversize += 1;
            self.place = Place::Overlong;
        }
    }

    /// Takes blocks in which there is nothing but octets of a frame, escaped or not, while all of
    /// them have room: most of what there is to do.
    #[inline(always)]
    fn take_plain<L: Lanes>(&mut self, lanes: L, input: &mut &[u8]) {
        let mut carried = match self.place {
            Place::Inside if self.length > 0 => 0,
            Place::Escaped => 1,
            // At the beginning of a frame it is too soon to think that it is a long one.
            _ => return,
        };
        let (mut length, accm) = (self.length, self.accm);
        // There is a block of room behind the limit.
        let room = self.frame.get_mut(..self.limit).unwrap_or_default();
        let (blocks, _) = input.as_chunks::<BLOCK>();
        let mut taken = 0;
        for block in blocks {
            let classes = lanes.classes(block, accm);
            let Some(room) = room.get_mut(length..).and_then(<[u8]>::first_chunk_mut) else {
                break;
            };
            if classes.flags | classes.controls != 0 {
                break;
            }
            let starters = starters(classes.escapes & !carried);
            let flip = starters << 1 | carried;
            lanes.gather(block, !starters, flip & !starters, room);
            length += starters.count_zeros() as usize;
            carried = starters >> (BLOCK - 1);
            taken += BLOCK;
        }
        *input = input.get(taken..).unwrap_or_default();
        self.length = length;
        self.place = if carried == 1 {
            Place::Escaped
        } else {
            Place::Inside
        };
    }

    /// Takes the first `size` octets of a block, or as many as are up to the end of a good frame.
    #[inline(always)]
    fn take_block<L: Lanes>(
        &mut self,
        lanes: L,
        block: &Block,
        size: usize,
    ) -> (usize, Option<usize>) {
        let classes = lanes.classes(block, self.accm).within(size);
        if self.place == Place::Outside {
            let strays = size.min(classes.flags.trailing_zeros() as usize);
            self.stats.stray_octets += u64::from(low_bits(strays).count_ones());
            if strays < size {
                self.begin();
            }
            return (size.min(strays + 1), None);
        }
        let is_whole = size == BLOCK;
        if classes.controls == 0 {
            return self.take_clean(lanes, block, classes, size, is_whole);
        }
        // RFC 1662 §4.2 MUST (remove): control characters of the map are removed, wherever they are.
        let kept = low_bits(size) & !classes.controls;
        let mut clean = [0; BLOCK];
        lanes.gather(block, kept, 0, &mut clean);
        let clean_size = kept.count_ones() as usize;
        let clean_classes = lanes.classes(&clean, 0).within(clean_size);
        let (taken, length) = self.take_clean(lanes, &clean, clean_classes, clean_size, is_whole);
        let taken = if taken == clean_size {
            size
        } else {
            // What is taken of a block ends with a flag.
            let flags = clean_classes.flags & low_bits(taken);
            behind_bit(classes.flags, flags.count_ones())
        };
        let controls = classes.controls & low_bits(taken);
        self.stats.stray_controls += u64::from(controls.count_ones());
        (taken, length)
    }

    /// The same, of a block without control characters, which is part of a longer one unless it `is_whole`.
    #[inline(always)]
    fn take_clean<L: Lanes>(
        &mut self,
        lanes: L,
        block: &Block,
        classes: Classes,
        size: usize,
        is_whole: bool,
    ) -> (usize, Option<usize>) {
        let mut at = 0;
        while at < size {
            let begins = self.place == Place::Inside && self.length == 0;
            if begins {
                let good;
                (at, good) = self.take_short(lanes, block, classes, at);
                if good.is_some() {
                    return (at, good);
                }
            }
            let flags = classes.flags & !low_bits(at);
            // A frame that may be short is looked at again when its end is there, rather than in two parts.
            if begins && flags == 0 && is_whole && at > size / 2 && at < size {
                return (at, None);
            }
            let end = size.min(flags.trailing_zeros() as usize);
            if at < end {
                self.take_run(lanes, block, classes, at, end);
                at = end;
            }
            if at < size {
                at += 1;
                if let Some(length) = self.end() {
                    return (at, Some(length));
                }
            }
        }
        (size, None)
    }

    /// At the beginning of a frame: takes the frames from `at` on that are short and end in the block, up to
    /// the first that is good; where the next begins, and the length of the good one. The others are
    /// counted, most of them without a copy.
    // RFC 1662 §4.3 MUST (invalid): frames with a wrong check sequence are discarded.
    #[inline(always)]
    fn take_short<L: Lanes>(
        &mut self,
        lanes: L,
        block: &Block,
        classes: Classes,
        at: usize,
    ) -> (usize, Option<usize>) {
        let mut at = self.skip_short(classes, at);
        if self.fcs != Fcs::Bits16 {
            return (at, None);
        }
        let mut bad = 0;
        let good = loop {
            let flags = classes.flags & !low_bits(at);
            let end = flags.trailing_zeros() as usize;
            if flags == 0 || end - at > MOST_SHORT {
                break None;
            }
            let run = low_bits(end) & !low_bits(at);
            let escapes = classes.escapes & run;
            let mut unescaped = [0; BLOCK];
            let mut is_aborted = false;
            let frame = if escapes == 0 {
                block.get(at..end)
            } else {
                let starters = starters(escapes);
                let (kept, flip) = (run & !starters, starters << 1);
                is_aborted = flip & !run != 0;
                lanes.gather(block, kept, flip & run, &mut unescaped);
                unescaped.get(..kept.count_ones() as usize)
            };
            let frame = frame.unwrap_or_default();
            if !is_aborted && frame.len() >= SHORT {
                at = end + 1;
                if fcs::is_good_fcs16(frame) {
                    self.length = frame.len();
                    if let Some(room) = self.frame.first_chunk_mut() {
                        if escapes == 0 {
                            lanes.gather(block, run, 0, room);
                        } else {
                            *room = unescaped;
                        }
                    }
                    self.stats.frames += 1;
                    break Some(self.length - Fcs::Bits16.size());
                }
                bad += 1;
            } else {
                let stats = &mut self.stats;
                *match frame.len() {
                    _ if is_aborted => &mut stats.aborted,
                    0 => &mut stats.empty,
                    _ => &mut stats.runts,
                } += 1;
                // More of them may follow.
                at = self.skip_short(classes, end + 1);
            }
        };
        self.stats.bad_fcs += bad;
        (at, good)
    }

    /// At the beginning of a frame: counts the frames from `at` on that end in the block and have
    /// fewer octets than a frame can, all at once, and returns where the next begins.
    // RFC 1662 §3.1 MUST (empty): two flags in a row are not a frame.
    // RFC 1662 §4.3 MUST (invalid): short frames and aborted ones are discarded.
    #[inline(always)]
    fn skip_short(&mut self, classes: Classes, at: usize) -> usize {
        let behind = !low_bits(at);
        let others = !classes.flags & behind;
        // Where four octets begin that are no flags, there is no short frame any more.
        let long = others & others >> 1 & others >> 2 & others >> 3;
        let flags = classes.flags & behind & low_bits(long.trailing_zeros() as usize);
        let next = BLOCK - flags.leading_zeros() as usize;
        let frames = behind & low_bits(next);
        if flags == 0 {
            return at;
        }
        let starters = starters(classes.escapes & frames);
        let kept = others & frames & !starters;
        let aborted = flags & starters << 1;
        // Between two flags all bits are set. Another one among them carries over to the second flag.
        let with_octets = flags & (others & frames).wrapping_add(kept);
        let count = |flags: u64| u64::from(flags.count_ones());
        self.stats.aborted += count(aborted);
        self.stats.runts += count(with_octets & !aborted);
        self.stats.empty += count(flags & !with_octets & !aborted);
        next
    }

    /// Takes the octets from `at` to `end` of a block, without a flag among them.
    #[inline(always)]
    fn take_run<L: Lanes>(
        &mut self,
        lanes: L,
        block: &Block,
        classes: Classes,
        at: usize,
        end: usize,
    ) {
        if let Place::Inside | Place::Escaped = self.place {
            let run = low_bits(end) & !low_bits(at);
            let escapes = (classes.escapes & run) >> (at % BLOCK);
            self.unescape(lanes, block, at, end - at, escapes);
        }
    }

    /// Takes `size` octets of a block from `at` on; `escapes` has their first at bit 0.
    #[inline(always)]
    fn unescape<L: Lanes>(
        &mut self,
        lanes: L,
        block: &Block,
        at: usize,
        size: usize,
        escapes: u64,
    ) {
        let Some(last) = size.checked_sub(1) else {
            return;
        };
        let carried = u64::from(self.place == Place::Escaped);
        let starters = starters(escapes & !carried);
        let keep = low_bits(size) & !starters;
        let flip = (starters << 1 | carried) & keep;
        let length = self.length + keep.count_ones() as usize;
        if length > self.limit {
            self.stats.oversize += 1;
            self.place = Place::Overlong;
            return;
        }
        let room = self.frame.get_mut(self.length..);
        if let Some(room) = room.and_then(<[u8]>::first_chunk_mut) {
            lanes.gather(block, keep << (at % BLOCK), flip << (at % BLOCK), room);
        }
        self.length = length;
        self.place = if starters >> last & 1 == 1 {
            Place::Escaped
        } else {
            Place::Inside
        };
    }

    fn begin(&mut self) {
        self.length = 0;
        self.place = Place::Inside;
    }

    /// A flag has come: the length of a good frame that ends with it.
    // RFC 1662 §4.3 MUST (invalid): short frames and aborted ones are discarded, and not counted as
    // errors of the check sequence.
    #[inline]
    fn end(&mut self) -> Option<usize> {
        let (place, length) = (self.place, self.length);
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
            Place::Inside if length < SHORT => {
                stats.runts += 1;
                None
            }
            Place::Inside => {
                let frame = self.frame.get(..length).unwrap_or_default();
                let good = good_len(self.fcs, self.unit, frame);
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

/// The place behind the bit of this number, the lowest of which is the first.
#[inline]
fn behind_bit(mask: u64, number: u32) -> usize {
    let mut rest = mask;
    for _ in 1..number {
        rest &= rest.wrapping_sub(1);
    }
    rest.trailing_zeros() as usize + 1
}

/// The length without the check sequence, when that is right.
fn good_len(which: Fcs, unit: VectorUnit, frame: &[u8]) -> Option<usize> {
    if let Some(octets) = fcs::checked(which, unit, frame) {
        return Some(octets.len());
    }
    if which == Fcs::Bits16 {
        return None;
    }
    let octets = fcs::checked(Fcs::Bits16, unit, frame)?;
    let packet = PppPacket::parse(octets).ok()?;
    (packet.protocol() == PppProtocol::LCP).then_some(octets.len())
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("place", &self.scanner.place)
            .field("length", &self.scanner.length)
            .field("stats", &self.scanner.stats)
            .finish_non_exhaustive()
    }
}
