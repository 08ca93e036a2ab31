//! Identifications for packets that are fragmented, or may be.
//!
//! Two things are asked of them. They must not come twice while fragments of the first packet can
//! still be under way, or fragments of two packets are put together (RFC 6864 §4.3, RFC 8200 §4.5).
//! And nobody off the path may guess them, or he forges fragments, counts the packets of others, or
//! scans ports through an idle host (RFC 7739). Random numbers give the second and not the first; a
//! counter the first and not the second.
//!
//! Here a counter runs through a permutation that depends on a secret key and on the addresses. One
//! counter can then serve many destinations: each sees numbers without repetition, and none learns
//! from its own how far the counter went for others. Memory is fixed, whatever the number of
//! destinations.

use crate::wire::IpProtocol;
use crate::{Instant, RandomSource};
use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// Gives identifications to IPv4 packets that may be fragmented.
///
/// A packet that may not be ("don't fragment" is set) needs none; 0 is best (RFC 6864 §4.1).
///
/// The 16 bits are the limit. Within the lifetime of a packet no number may come twice, which with
/// the 120 s of RFC 791 allows 546 packets a second; so RFC 6864 §5.2 has the source limit its
/// rate. Destinations are spread over 128 counters, each with such a limit.
///
/// ```
/// use core::net::Ipv4Addr;
/// use packet_buffer::fragment::Ipv4Identifications;
/// use packet_buffer::{Instant, RandomSource, wire::IpProtocol};
/// # struct Random(u8);
/// # impl RandomSource for Random {
/// #     fn fill(&mut self, dest: &mut [u8]) {
/// #         dest.iter_mut().for_each(|octet| { *octet = self.0; self.0 = self.0.wrapping_add(57); });
/// #     }
/// # }
/// # let mut random = Random(7);
///
/// let mut identifications = Ipv4Identifications::new(&mut random);
/// let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
/// let mut next = || identifications.next(Instant::ZERO, source, destination, IpProtocol::UDP);
/// assert_ne!(next().expect("the first"), next().expect("the second"));
/// ```
pub struct Ipv4Identifications {
    permutation: Permutation,
    lifetime: Duration,
    counters: Box<[Counter]>,
    latest: Instant,
    exhausted: u64,
}

/// Counters that destinations are spread over.
const COUNTERS: u64 = 128;
/// Parts of the numbers of one counter. A part is used again when the time since its last number
/// was given is longer than a packet lives.
const PARTS: usize = 8;
/// Numbers of one part.
const PART_LEN: u16 = 1 << 13;

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    next: u16,
    /// When the last number of each part was given.
    finished: [Option<Instant>; PARTS],
}

impl Ipv4Identifications {
    /// How long a packet may live (RFC 791 §3.2, RFC 6864 §2).
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(120);

    /// Draws a key. A number comes again for the same source, destination and protocol after
    /// [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME) at the earliest.
    pub fn new<R: RandomSource + ?Sized>(random: &mut R) -> Self {
        Self::with_lifetime(random, Self::DEFAULT_LIFETIME)
    }

    /// The same for another lifetime: a short one where the network is known and fast, zero where
    /// numbers may come again as soon as all 65536 were used.
    pub fn with_lifetime<R: RandomSource + ?Sized>(random: &mut R, lifetime: Duration) -> Self {
        let mut counters = vec![Counter::default(); 128].into_boxed_slice();
        for counter in &mut counters {
            counter.next = random.next_u16();
        }
        Self {
            permutation: Permutation::new(random),
            lifetime,
            counters,
            latest: Instant::ZERO,
            exhausted: 0,
        }
    }

    /// The identification for the next packet; `None` when all were used within the lifetime, and
    /// the packet is to be sent with "don't fragment", later, or not at all.
    // RFC 6864 §4.3 MUST NOT (repeat): no identification comes twice within one maximum datagram
    // lifetime for the same source, destination and protocol.
    // RFC 6864 §5.2 MUST: the source limits its rate so that it can keep to that.
    pub fn next(
        &mut self,
        now: Instant,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
    ) -> Option<u16> {
        self.latest = self.latest.max(now);
        let addresses = u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits());
        let tweak = self.permutation.hash([addresses, u64::from(protocol.0)]);
        let index = usize::try_from(tweak % COUNTERS).unwrap_or(0);
        let counter = self.counters.get_mut(index)?;
        let number = counter.next;
        let part = counter.finished.get_mut(usize::from(number / PART_LEN))?;
        if number.is_multiple_of(PART_LEN)
            && part.is_some_and(|finished| self.latest - finished < self.lifetime)
        {
            self.exhausted = self.exhausted.wrapping_add(1);
            return None;
        }
        if number % PART_LEN == PART_LEN - 1 {
            *part = Some(self.latest);
        }
        counter.next = number.wrapping_add(1);
        let permuted = self.permutation.permute(tweak, u32::from(number), 8);
        u16::try_from(permuted).ok()
    }

    /// How often [`next`](Self::next) had none to give.
    pub const fn exhausted(&self) -> u64 {
        self.exhausted
    }
}

/// Does not show the key.
impl fmt::Debug for Ipv4Identifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipv4Identifications")
            .field("lifetime", &self.lifetime)
            .field("exhausted", &self.exhausted)
            .finish_non_exhaustive()
    }
}

/// Gives identifications to IPv6 packets that are fragmented.
///
/// A number comes again for the same source and destination after 2^32 packets to all destinations
/// together, which takes longer than a packet lives.
pub struct Ipv6Identifications {
    permutation: Permutation,
    next: u32,
}

impl Ipv6Identifications {
    /// Draws a key.
    pub fn new<R: RandomSource + ?Sized>(random: &mut R) -> Self {
        Self {
            permutation: Permutation::new(random),
            next: random.next_u32(),
        }
    }

    /// The identification for the next packet.
    // RFC 8200 §4.5 MUST (identification): it differs from that of any other packet fragmented
    // recently with the same source and destination.
    pub fn next(&mut self, source: Ipv6Addr, destination: Ipv6Addr) -> u32 {
        let tweak = self.permutation.hash(words([source, destination]));
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.permutation.permute(tweak, number, 16)
    }
}

/// Does not show the key.
impl fmt::Debug for Ipv6Identifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipv6Identifications")
            .finish_non_exhaustive()
    }
}

/// Two addresses as words of 64 bits.
fn words(addresses: [Ipv6Addr; 2]) -> [u64; 4] {
    let [[a, b], [c, d]] = addresses.map(|address| {
        let bits = address.to_bits();
        let high = u64::try_from(bits >> 64).unwrap_or(0);
        [
            high,
            u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0),
        ]
    });
    [a, b, c, d]
}

/// Permutations of small numbers, one for each tweak, under one secret key.
struct Permutation {
    key: [u64; 2],
}

impl Permutation {
    /// A Feistel network is a permutation whatever its round function is. With one that is
    /// pseudorandom, and this many rounds, it looks like a random one even to who has seen most of
    /// its values.
    const ROUNDS: u64 = 8;

    fn new<R: RandomSource + ?Sized>(random: &mut R) -> Self {
        Self {
            key: [random.next_u64(), random.next_u64()],
        }
    }

    fn hash<const N: usize>(&self, words: [u64; N]) -> u64 {
        siphash(self.key, &words)
    }

    /// The place of `number`, which has twice `half` bits, in the permutation `tweak`.
    fn permute(&self, tweak: u64, number: u32, half: u32) -> u32 {
        let mask = (1 << half) - 1;
        let (mut left, mut right) = (number >> half & mask, number & mask);
        for round in 0..Self::ROUNDS {
            let hash = self.hash([tweak, round << 32 | u64::from(right)]);
            let hash = u32::try_from(hash & u64::from(mask)).unwrap_or(0);
            (left, right) = (right, left ^ hash);
        }
        left << half | right
    }
}

/// SipHash-2-4 of a message of whole 64-bit words (Aumasson and Bernstein, 2012).
fn siphash(key: [u64; 2], message: &[u64]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    // The last word holds the length of the message in octets.
    let length = u64::try_from(message.len() * 8).unwrap_or(0) << 56;
    for &word in message.iter().chain([&length]) {
        v[3] ^= word;
        sip_rounds(&mut v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    sip_rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_rounds(v: &mut [u64; 4], rounds: usize) {
    let [mut a, mut b, mut c, mut d] = *v;
    for _ in 0..rounds {
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
    }
    *v = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors have messages 00 01 02 ... under the key 00 01 ... 0f; these are
    /// the ones of 0 and 8 octets.
    #[test]
    fn siphash_gives_the_published_vectors() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash(key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(
            siphash(key, &[0x0706_0504_0302_0100]),
            0x93f5_f579_9a93_2462
        );
    }

    #[test]
    fn each_tweak_gives_a_permutation_of_its_own() {
        let permutation = Permutation { key: [1, 2] };
        let mut orders = [vec![], vec![]];
        for (tweak, order) in (7..).zip(&mut orders) {
            let mut seen = vec![false; 1 << 16];
            for number in 0..1 << 16 {
                let place = permutation.permute(tweak, number, 8);
                assert!(!core::mem::replace(&mut seen[place as usize], true));
                order.push(place);
            }
        }
        // Two random orders of 65536 numbers agree in about one place.
        let [first, second] = orders;
        let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
        assert!(same < 12, "{same}");
        // Neighbors are not near each other more often than by chance: 16 of 65536 within 8.
        let near = first
            .windows(2)
            .filter(|pair| pair[0].abs_diff(pair[1]) <= 8)
            .count();
        assert!(near < 64, "{near}");
    }
}
