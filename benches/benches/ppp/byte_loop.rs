//! Framing one octet after the other, as pppd and other stacks do it.

use ppp_lcp_ncp::framing::{ESCAPE, ESCAPE_MASK, FLAG};

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let mut value = octet as u16;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0x8408
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[octet] = value;
        octet += 1;
    }
    table
}

fn updated(fcs: u16, octet: u8) -> u16 {
    fcs >> 8 ^ TABLE[usize::from(fcs.to_le_bytes()[0] ^ octet)]
}

fn is_escaped(accm: &[u32; 8], octet: u8) -> bool {
    accm[usize::from(octet >> 5)] >> (octet & 31) & 1 == 1
}

/// Makes frames.
pub(crate) struct ByteEncoder {
    /// A bit for each octet.
    accm: [u32; 8],
}

impl ByteEncoder {
    pub(crate) fn new(accm: u32) -> Self {
        let specials = 1 << (FLAG & 31) | 1 << (ESCAPE & 31);
        Self {
            accm: [accm, 0, 0, specials, 0, 0, 0, 0],
        }
    }

    pub(crate) fn encode(&self, packet: &[u8], out: &mut [u8]) -> usize {
        let mut length = 0;
        let mut put = |octet: u8| {
            if is_escaped(&self.accm, octet) {
                out[length] = ESCAPE;
                out[length + 1] = octet ^ ESCAPE_MASK;
                length += 2;
            } else {
                out[length] = octet;
                length += 1;
            }
        };
        let mut fcs = 0xffff;
        for &octet in [0xff, 0x03].iter().chain(packet) {
            fcs = updated(fcs, octet);
            put(octet);
        }
        for octet in (!fcs).to_le_bytes() {
            put(octet);
        }
        out[length] = FLAG;
        length + 1
    }
}

/// Finds frames.
pub(crate) struct ByteDecoder {
    accm: u32,
    frame: Vec<u8>,
    length: usize,
    fcs: u16,
    is_escaped: bool,
    is_too_long: bool,
}

impl ByteDecoder {
    pub(crate) fn new(accm: u32) -> Self {
        Self {
            accm,
            frame: vec![0; 1508],
            length: 0,
            fcs: 0xffff,
            is_escaped: false,
            is_too_long: false,
        }
    }

    /// Hands the good frames among `octets` to `found`, without their check sequence.
    pub(crate) fn decode(&mut self, octets: &[u8], mut found: impl FnMut(&[u8])) {
        for &octet in octets {
            if octet == FLAG {
                if self.fcs == 0xf0b8 && self.length >= 4 && !self.is_escaped && !self.is_too_long {
                    found(&self.frame[..self.length - 2]);
                }
                (self.length, self.fcs) = (0, 0xffff);
                (self.is_escaped, self.is_too_long) = (false, false);
            } else if octet < 32 && self.accm >> octet & 1 == 1 {
                // Put in by the line.
            } else if octet == ESCAPE && !self.is_escaped {
                self.is_escaped = true;
            } else {
                let octet = if self.is_escaped {
                    octet ^ ESCAPE_MASK
                } else {
                    octet
                };
                self.is_escaped = false;
                if let Some(place) = self.frame.get_mut(self.length) {
                    *place = octet;
                    self.length += 1;
                    self.fcs = updated(self.fcs, octet);
                } else {
                    self.is_too_long = true;
                }
            }
        }
    }
}
