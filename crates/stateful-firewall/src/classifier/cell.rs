//! The boxes of packet space that a condition is filed under.

use crate::compile::{AddressSpace, Matcher, Number, Ranges};
use alloc::vec;
use alloc::vec::Vec;

/// An address as a number of one family.
pub(super) trait Word: Number {
    /// Prefix lengths that tuples are rounded down to.
    const STEPS: &'static [u8];
    fn ranges(space: &AddressSpace) -> &Ranges<Self>;
    fn mask(self, length: u8) -> Self;
    /// How many bits at the top both have in common.
    fn common(self, other: Self) -> u8;
    /// The number as two 64-bit words.
    fn halves(self) -> [u64; 2];
}

impl Word for u32 {
    const STEPS: &'static [u8] = &[0, 8, 16, 24, 32];

    fn ranges(space: &AddressSpace) -> &Ranges<Self> {
        &space.v4
    }

    #[inline]
    fn mask(self, length: u8) -> Self {
        self & Self::MAX
            .checked_shl(32 - u32::from(length.min(32)))
            .unwrap_or(0)
    }

    fn common(self, other: Self) -> u8 {
        u8::try_from((self ^ other).leading_zeros()).unwrap_or(32)
    }

    #[inline]
    fn halves(self) -> [u64; 2] {
        [u64::from(self), 0]
    }
}

impl Word for u128 {
    const STEPS: &'static [u8] = &[0, 32, 48, 64, 128];

    fn ranges(space: &AddressSpace) -> &Ranges<Self> {
        &space.v6
    }

    #[inline]
    fn mask(self, length: u8) -> Self {
        self & Self::MAX
            .checked_shl(128 - u32::from(length.min(128)))
            .unwrap_or(0)
    }

    fn common(self, other: Self) -> u8 {
        u8::try_from((self ^ other).leading_zeros()).unwrap_or(128)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the word")]
    fn halves(self) -> [u64; 2] {
        [(self >> 64) as u64, self as u64]
    }
}

/// Which bits a cell fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) source: u8,
    pub(super) destination: u8,
    pub(super) source_port: u8,
    pub(super) destination_port: u8,
    pub(super) protocol: bool,
    pub(super) from: bool,
    pub(super) to: bool,
}

const PORT_STEPS: &[u8] = &[0, 6, 16];

fn round(length: u8, steps: &[u8]) -> u8 {
    steps
        .iter()
        .copied()
        .filter(|step| *step <= length)
        .max()
        .unwrap_or(0)
}

impl Shape {
    /// The coarser shape that fewer tuples have.
    pub(super) fn rounded<T: Word>(self) -> Self {
        Self {
            source: round(self.source, T::STEPS),
            destination: round(self.destination, T::STEPS),
            source_port: round(self.source_port, PORT_STEPS),
            destination_port: round(self.destination_port, PORT_STEPS),
            ..self
        }
    }
}

/// A point of packet space, or the first one of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<T> {
    pub(super) source: T,
    pub(super) destination: T,
    pub(super) ports: [u16; 2],
    pub(super) protocol: u8,
    pub(super) from: u16,
    pub(super) to: u16,
}

#[inline]
fn mask_port(port: u16, length: u8) -> u16 {
    port & u16::MAX
        .checked_shl(16 - u32::from(length.min(16)))
        .unwrap_or(0)
}

/// Multiplies and folds: every bit of both words reaches every bit of the result's middle.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "both halves of the product are used"
)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product >> 64) as u64 ^ product as u64
}

impl<T: Word> Point<T> {
    /// The hash of those bits that `shape` fixes. Rules come from the operator, so the hash needs
    /// no key: whoever finds packets that collide reaches one place of the table, as others do.
    #[inline]
    pub(super) fn hash(&self, shape: &Shape) -> u64 {
        let [source_port, destination_port] = self.ports;
        let rest = u64::from(mask_port(source_port, shape.source_port)) << 48
            | u64::from(mask_port(destination_port, shape.destination_port)) << 32
            | u64::from(if shape.from { self.from } else { 0 } & 0xff) << 24
            | u64::from(if shape.to { self.to } else { 0 } & 0xff) << 16
            | u64::from(if shape.protocol { self.protocol } else { 0 });
        let [a, b] = self.source.mask(shape.source).halves();
        let [c, d] = self.destination.mask(shape.destination).halves();
        let mut hash = fold(a ^ 0x9e37_79b9_7f4a_7c15, c ^ 0xc2b2_ae3d_27d4_eb4f);
        if T::BITS > 64 {
            hash = fold(hash ^ b ^ 0x1656_67b1_9e37_79f9, d ^ 0x27d4_eb2f_1656_67c5);
        }
        fold(hash ^ 0xd6e8_feb8_6659_fd93, rest ^ 0xa076_1d64_78bd_642f)
    }
}

/// Ranges as prefixes, at most `most` of them, and at least the prefix that holds all.
fn prefixes<T: Word>(ranges: &Ranges<T>, most: usize) -> Vec<(T, u8)> {
    match ranges.prefixes(most) {
        Some(prefixes) => prefixes
            .into_iter()
            .map(|(first, length)| (first, u8::try_from(length).unwrap_or(0)))
            .collect(),
        None => {
            let slice = ranges.as_slice();
            let (Some((first, _)), Some((_, last))) = (slice.first(), slice.last()) else {
                return Vec::new();
            };
            let length = first.common(*last);
            vec![(first.mask(length), length)]
        }
    }
}

fn port_prefixes(ports: Option<&Ranges<u16>>, most: usize) -> Vec<(u16, u8)> {
    let Some(ports) = ports else {
        return vec![(0, 0)];
    };
    match ports.prefixes(most) {
        Some(prefixes) => prefixes
            .into_iter()
            .map(|(first, length)| (first, u8::try_from(length).unwrap_or(0)))
            .collect(),
        None => vec![(0, 0)],
    }
}

fn zones(mask: u64, most: usize) -> Vec<Option<u16>> {
    if mask == u64::MAX || mask.count_ones() as usize > most {
        return vec![None];
    }
    (0..64)
        .filter(|zone| mask >> zone & 1 != 0)
        .map(Some)
        .collect()
}

/// The cells that hold all packets of one family for which the condition can hold; at most `most`.
pub(super) fn cells<T: Word>(matcher: &Matcher, most: usize) -> Vec<(Shape, Point<T>)> {
    let mut source = if matcher.source.is_open() {
        vec![(T::MIN, 0)]
    } else {
        prefixes(T::ranges(&matcher.source), most)
    };
    let mut destination = if matcher.destination.is_open() {
        vec![(T::MIN, 0)]
    } else {
        prefixes(T::ranges(&matcher.destination), most)
    };
    let mut protocols: Vec<Option<u8>> = if matcher.protocols == crate::compile::ProtocolSet::ALL {
        vec![None]
    } else {
        matcher.protocols.iter().map(Some).collect()
    };
    let mut source_ports = port_prefixes(matcher.source_ports.as_ref(), most);
    let mut destination_ports = port_prefixes(matcher.destination_ports.as_ref(), most);
    let (mut from, mut to) = (zones(matcher.from, most), zones(matcher.to, most));

    // What tells least apart is given up first, until the product is small enough.
    let mut given_up = 0;
    loop {
        let product = [
            source.len(),
            destination.len(),
            protocols.len(),
            source_ports.len(),
            destination_ports.len(),
            from.len(),
            to.len(),
        ]
        .iter()
        .fold(1usize, |product, count| product.saturating_mul(*count));
        if product <= most {
            break;
        }
        match given_up {
            0 => source_ports = vec![(0, 0)],
            1 => to = vec![None],
            2 => from = vec![None],
            3 => protocols = vec![None],
            4 => source = prefixes(T::ranges(&matcher.source), 1),
            5 => destination_ports = vec![(0, 0)],
            _ => destination = prefixes(T::ranges(&matcher.destination), 1),
        }
        given_up += 1;
        if given_up > 6 {
            break;
        }
    }

    let mut cells = Vec::new();
    for (source, source_length) in &source {
        for (destination, destination_length) in &destination {
            for protocol in &protocols {
                for (source_port, source_port_length) in &source_ports {
                    for (destination_port, destination_port_length) in &destination_ports {
                        for from in &from {
                            for to in &to {
                                let shape = Shape {
                                    source: *source_length,
                                    destination: *destination_length,
                                    source_port: *source_port_length,
                                    destination_port: *destination_port_length,
                                    protocol: protocol.is_some(),
                                    from: from.is_some(),
                                    to: to.is_some(),
                                };
                                let point = Point {
                                    source: *source,
                                    destination: *destination,
                                    ports: [*source_port, *destination_port],
                                    protocol: protocol.unwrap_or(0),
                                    from: from.unwrap_or(0),
                                    to: to.unwrap_or(0),
                                };
                                cells.push((shape, point));
                            }
                        }
                    }
                }
            }
        }
    }
    cells
}
