//! BSD Compress (RFC 1977): LZW with codes of 9 to 15 bits.
//!
//! ```text
//!  0          2
//! +----------+-----------------------------------------------------------------
//! | sequence | codes, the highest bit first: protocol (1 octet), information
//! +----------+-----------------------------------------------------------------
//! ```
//!
//! A code is an octet, or a string that both ends have seen: each code that is sent, with the octet
//! that follows it, becomes a new string, until the dictionary is full. Both ends then watch how well it does,
//! and forget it when it does badly; only packets of protocols 0x21 to 0xf9 go through it.

use super::transform::DecompressError;
use crate::wire::PppProtocol;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use packet_buffer::PacketBuf;

/// The code that says that the dictionary is forgotten. It ends a packet.
const CLEAR: u16 = 256;
/// The first code of a string.
const FIRST: u16 = 257;
/// Bits of the shortest codes.
const MIN_BITS: u8 = 9;
/// Octets between two looks at how well the dictionary does.
const CHECK_GAP: u32 = 10_000;
/// The ratio counts in parts of 256.
const RATIO_SCALE: u32 = 256;
/// With more octets counted, the past counts less.
const RATIO_MAX: u32 = 0x7fff_ffff / RATIO_SCALE;

/// Whether packets of a protocol go through the dictionary.
// RFC 1977 §2 MUST (range): others go as they are and do not count.
const fn is_covered(protocol: PppProtocol) -> bool {
    protocol.0 >= 0x21 && protocol.0 <= 0xf9
}

/// What both ends know.
#[derive(Clone)]
struct Dictionary {
    /// The longest codes have so many bits.
    max_bits: u8,
    /// Codes have so many now.
    bits: u8,
    /// The last code that is taken.
    last: u16,
    /// How well it does.
    octets_in: u32,
    octets_out: u32,
    checkpoint: u32,
    ratio: u32,
    /// Strings from [`FIRST`] on: what they begin with, and their last octet.
    strings: Vec<(u16, u8)>,
    /// Where the string of a prefix and an octet is, for the sender: open addressing, zero for free.
    places: Vec<u16>,
    sequence: u16,
}

impl Dictionary {
    fn new(max_bits: u8) -> Self {
        let max_bits = max_bits.clamp(MIN_BITS, BsdCompressor::MAX_BITS);
        Self {
            max_bits,
            bits: MIN_BITS,
            last: FIRST - 1,
            octets_in: 0,
            octets_out: 0,
            checkpoint: CHECK_GAP,
            ratio: 0,
            strings: Vec::new(),
            places: vec![0; 2 << max_bits],
            sequence: 0,
        }
    }

    fn reset(&mut self) {
        self.clear();
        self.sequence = 0;
    }

    fn clear(&mut self) {
        self.bits = MIN_BITS;
        self.last = FIRST - 1;
        (self.octets_in, self.octets_out, self.ratio) = (0, 0, 0);
        self.checkpoint = CHECK_GAP;
        self.strings.clear();
        self.places.fill(0);
    }

    /// The highest code.
    fn limit(&self) -> u16 {
        highest(self.max_bits)
    }

    fn string(&self, code: u16) -> Option<(u16, u8)> {
        self.strings
            .get(usize::from(code.checked_sub(FIRST)?))
            .copied()
    }

    /// Where the string is or would be.
    fn place(&self, prefix: u16, octet: u8) -> usize {
        let mask = self.places.len() - 1;
        let key = (usize::from(octet) << 16) | usize::from(prefix);
        let mut place = (key.wrapping_mul(0x9e37_79b1) >> 7) & mask;
        // Half of the places stay free, so that there is an end.
        while let Some(&code) = self.places.get(place)
            && code != 0
            && self.string(code) != Some((prefix, octet))
        {
            place = (place + 1) & mask;
        }
        place
    }

    fn find(&self, prefix: u16, octet: u8) -> Option<u16> {
        let code = *self.places.get(self.place(prefix, octet))?;
        (code != 0).then_some(code)
    }

    /// Adds a string, unless the dictionary is full.
    fn add(&mut self, prefix: u16, octet: u8) {
        if self.last < self.limit() {
            let place = self.place(prefix, octet);
            self.last += 1;
            self.strings.push((prefix, octet));
            if let Some(free) = self.places.get_mut(place)
                && *free == 0
            {
                *free = self.last;
            }
        }
    }

    /// Codes grow by a bit when all of this length are taken.
    fn widen(&mut self) {
        if self.last >= highest(self.bits) && self.last < self.limit() {
            self.bits += 1;
        }
    }

    /// Counts a packet, and tells whether the dictionary is forgotten.
    // RFC 1977 §2 MUST (ratio): both ends come to the same verdict, for packets that went as they were
    // too.
    fn check(&mut self, octets_in: usize, octets_out: usize) -> bool {
        let count = |octets: usize| u32::try_from(octets).unwrap_or(RATIO_MAX);
        self.octets_in = self.octets_in.saturating_add(count(octets_in));
        self.octets_out = self.octets_out.saturating_add(count(octets_out));
        if self.octets_in < self.checkpoint {
            return false;
        }
        if self.octets_in >= RATIO_MAX || self.octets_out >= RATIO_MAX {
            self.octets_in -= self.octets_in >> 2;
            self.octets_out -= self.octets_out >> 2;
        }
        self.checkpoint = self.octets_in.saturating_add(CHECK_GAP);
        if self.last < self.limit() {
            return false;
        }
        let scaled = self.octets_in.saturating_mul(RATIO_SCALE);
        let ratio = scaled.checked_div(self.octets_out).unwrap_or(scaled);
        if ratio < self.ratio || ratio < RATIO_SCALE {
            self.clear();
            return true;
        }
        self.ratio = ratio;
        false
    }

    /// Sends a packet through the dictionary, into `codes`.
    fn compress(&mut self, protocol: PppProtocol, information: &[u8], codes: &mut Bits) {
        codes.octets.clear();
        let [_, first] = protocol.0.to_be_bytes();
        let mut prefix = u16::from(first);
        for &octet in information {
            if let Some(code) = self.find(prefix, octet) {
                prefix = code;
                continue;
            }
            codes.push(prefix, self.bits);
            self.widen();
            self.add(prefix, octet);
            prefix = u16::from(octet);
        }
        codes.push(prefix, self.bits);
        let bits = self.bits;
        self.sequence = self.sequence.wrapping_add(1);
        if self.check(information.len() + 1, codes.len()) {
            codes.push(CLEAR, bits);
        } else {
            self.widen();
        }
        codes.finish();
    }
}

/// The highest code of so many bits.
fn highest(bits: u8) -> u16 {
    u16::MAX >> 16u8.saturating_sub(bits)
}

/// Codes as octets.
#[derive(Default)]
struct Bits {
    octets: Vec<u8>,
    pending: u32,
    /// How many bits are pending: fewer than eight between two calls.
    count: u8,
}

impl Bits {
    fn push(&mut self, code: u16, bits: u8) {
        self.pending = (self.pending << bits) | u32::from(code);
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            let octet = (self.pending >> self.count) & 0xff;
            self.octets.push(u8::try_from(octet).unwrap_or_default());
        }
    }

    /// Octets so far, a begun one included.
    fn len(&self) -> usize {
        self.octets.len() + usize::from(self.count > 0)
    }

    /// Fills the last octet with ones.
    fn finish(&mut self) {
        if self.count > 0 {
            let missing = 8 - self.count;
            self.push(highest(missing), missing);
        }
    }
}

/// Compresses packets.
pub struct BsdCompressor {
    dictionary: Dictionary,
    is_fresh: bool,
    codes: Bits,
}

impl BsdCompressor {
    /// Bits of the longest codes that are spoken.
    pub const MAX_BITS: u8 = 15;

    /// A sender for a peer whose codes have up to `bits` bits, 9 to 15.
    pub fn new(bits: u8) -> Self {
        Self {
            dictionary: Dictionary::new(bits),
            is_fresh: true,
            codes: Bits::default(),
        }
    }

    /// Compresses a packet in place; `information` is that of `protocol`. False when it is better sent as
    /// it is; the dictionary has it all the same.
    pub fn compress(&mut self, protocol: PppProtocol, information: &mut PacketBuf) -> bool {
        if !is_covered(protocol) {
            return false;
        }
        self.is_fresh = false;
        let sequence = self.dictionary.sequence.to_be_bytes();
        let codes = &mut self.codes;
        self.dictionary
            .compress(protocol, information.as_slice(), codes);
        if sequence.len() + codes.octets.len() > information.len() {
            return false;
        }
        information.truncate(0);
        information.append_slice(&sequence);
        information.append_slice(&codes.octets);
        true
    }

    /// Forgets the dictionary: the next packet has sequence number 0.
    pub fn reset(&mut self) {
        if !self.is_fresh {
            self.dictionary.reset();
            self.is_fresh = true;
        }
    }
}

/// Decompresses packets.
pub struct BsdDecompressor {
    dictionary: Dictionary,
    /// A string, its last octet first.
    reversed: Vec<u8>,
    /// What packets would be compressed to that came as they were.
    codes: Bits,
}

impl BsdDecompressor {
    /// A receiver whose codes have up to `bits` bits, 9 to 15.
    pub fn new(bits: u8) -> Self {
        Self {
            dictionary: Dictionary::new(bits),
            reversed: Vec::new(),
            codes: Bits::default(),
        }
    }

    /// Appends protocol and information of a packet to `out`: at most `limit` octets.
    ///
    /// # Errors
    ///
    /// [`DecompressError`]: the dictionary is lost, and the peer has to be asked for a reset.
    pub fn decompress(
        &mut self,
        packet: &[u8],
        out: &mut PacketBuf,
        limit: usize,
    ) -> Result<(), DecompressError> {
        let Some((sequence, packet)) = packet.split_first_chunk::<2>() else {
            return Err(DecompressError::Short(packet.len()));
        };
        let dictionary = &mut self.dictionary;
        let (found, expected) = (u16::from_be_bytes(*sequence), dictionary.sequence);
        // RFC 1977 §2.1 MUST (sequence): a gap in the numbers means that the dictionary is lost.
        if found != expected {
            return Err(DecompressError::Sequence { found, expected });
        }
        dictionary.sequence = expected.wrapping_add(1);
        let start = out.len();
        let reversed = &mut self.reversed;
        let (mut pending, mut count) = (0u32, 0u8);
        let mut before: Option<u16> = None;
        let mut octets = packet.iter();
        while let Some(&octet) = octets.next() {
            pending = (pending << 8) | u32::from(octet);
            count += 8;
            if count < dictionary.bits {
                continue;
            }
            count -= dictionary.bits;
            let code = u16::try_from(pending >> count).unwrap_or(u16::MAX);
            pending &= (1 << count) - 1;
            if code == CLEAR {
                if octets.next().is_some() {
                    return Err(DecompressError::Corrupt);
                }
                dictionary.clear();
                return Ok(());
            }
            expand(dictionary, code, before, reversed)?;
            if out.len() - start + reversed.len() > limit {
                return Err(DecompressError::TooLong);
            }
            if let (Some(before), Some(&first)) = (before, reversed.last()) {
                dictionary.add(before, first);
                dictionary.widen();
            }
            reversed.reverse();
            out.append_slice(reversed);
            before = Some(code);
        }
        let octets_in = out.len() - start;
        if octets_in == 0 {
            return Err(DecompressError::Corrupt);
        }
        // The sender would have said so.
        if dictionary.check(octets_in, packet.len()) {
            return Err(DecompressError::Corrupt);
        }
        Ok(())
    }

    /// A packet has come as it was: the dictionary has it too.
    // RFC 1977 §2 MUST (uncompressed): packets that came as they were build the dictionary too.
    pub fn pass(&mut self, protocol: PppProtocol, information: &[u8]) {
        if is_covered(protocol) {
            self.dictionary
                .compress(protocol, information, &mut self.codes);
        }
    }

    /// Forgets the dictionary.
    pub fn reset(&mut self) {
        self.dictionary.reset();
    }
}

/// The string of a code, its last octet first.
fn expand(
    dictionary: &Dictionary,
    code: u16,
    before: Option<u16>,
    reversed: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    reversed.clear();
    let mut next = code;
    // The code that the sender made just now: the string before, and its own first octet again.
    let is_new = code > dictionary.last;
    if is_new {
        let is_next = code == dictionary.last + 1 && code <= dictionary.limit();
        next = before.filter(|_| is_next).ok_or(DecompressError::Corrupt)?;
        reversed.push(0);
    }
    loop {
        if let Ok(octet) = u8::try_from(next) {
            reversed.push(octet);
            break;
        }
        let (prefix, octet) = dictionary.string(next).ok_or(DecompressError::Corrupt)?;
        reversed.push(octet);
        next = prefix;
    }
    if is_new {
        let first = reversed.last().copied().unwrap_or_default();
        if let Some(last) = reversed.first_mut() {
            *last = first;
        }
    }
    Ok(())
}

impl fmt::Debug for BsdCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BsdCompressor")
            .field("sequence", &self.dictionary.sequence)
            .field("last", &self.dictionary.last)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BsdDecompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BsdDecompressor")
            .field("sequence", &self.dictionary.sequence)
            .field("last", &self.dictionary.last)
            .finish_non_exhaustive()
    }
}
