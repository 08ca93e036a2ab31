//! Ports and identifiers of one IPv4 address and protocol.

use alloc::boxed::Box;
use alloc::vec;
use packet_buffer::RandomSource;

/// Words of 64 ports.
const WORDS: usize = 1_024;
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Which of the 65,536 ports are in use.
pub(super) struct PortSet {
    /// A set bit is a port in use.
    used: Box<[u64]>,
    /// Ports below 1024 and others, even and odd, that are not in use.
    free: [u32; 4],
    lowest: u16,
}

/// What a port has to have in common with the one of the IPv6 host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Class (below 1024, or not) and parity.
    Port,
    /// Nothing: an ICMP identifier.
    Identifier,
}

impl PortSet {
    /// All ports from `lowest` are free.
    pub(super) fn new(lowest: u16) -> Self {
        let mut set = Self {
            used: vec![0; WORDS].into_boxed_slice(),
            free: [512, 512, 32_256, 32_256],
            lowest,
        };
        for port in 0..lowest {
            set.take(port);
        }
        set
    }

    const fn class(port: u16) -> usize {
        (if port < 1_024 { 0 } else { 2 }) + (port & 1) as usize
    }

    fn is_used(&self, port: u16) -> bool {
        let word = self.used.get(usize::from(port / 64)).copied();
        word.unwrap_or(u64::MAX) >> (port % 64) & 1 != 0
    }

    /// Marks a port as used; false when it was.
    pub(super) fn take(&mut self, port: u16) -> bool {
        if self.is_used(port) {
            return false;
        }
        if let Some(word) = self.used.get_mut(usize::from(port / 64)) {
            *word |= 1 << (port % 64);
        }
        if let Some(free) = self.free.get_mut(Self::class(port)) {
            *free -= 1;
        }
        true
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: u16) {
        if port < self.lowest || !self.is_used(port) {
            return;
        }
        if let Some(word) = self.used.get_mut(usize::from(port / 64)) {
            *word &= !(1 << (port % 64));
        }
        if let Some(free) = self.free.get_mut(Self::class(port)) {
            *free += 1;
        }
    }

    /// Takes a port: the one wanted if it is free, else a random one like it.
    // RFC 6146 §3.5.1.1 SHOULD (class): a well-known port for a well-known port, and for others others.
    // RFC 6146 §3.5.1.1 SHOULD (parity): even for even, odd for odd.
    pub(super) fn allocate(
        &mut self,
        wanted: u16,
        likeness: Likeness,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        if wanted >= self.lowest && self.take(wanted) {
            return Some(wanted);
        }
        let port = match likeness {
            Likeness::Identifier => self.find(0, 65_536, u64::MAX, random),
            Likeness::Port => {
                let (start, length) = if wanted < 1_024 {
                    (0, 1_024)
                } else {
                    (1_024, 64_512)
                };
                let class = Self::class(wanted);
                let has_twin = |class: usize| self.free.get(class).is_some_and(|free| *free > 0);
                let mask = if wanted & 1 == 0 { EVEN } else { !EVEN };
                if has_twin(class) {
                    self.find(start, length, mask, random)
                } else if has_twin(class ^ 1) {
                    self.find(start, length, !mask, random)
                } else {
                    None
                }
            }
        }?;
        self.take(port);
        Some(port)
    }

    /// The first free port behind a random one in `start..start + length`, among those of `mask`.
    fn find(
        &self,
        start: u32,
        length: u32,
        mask: u64,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        let drawn = random.below(length);
        let (first, words) = (start / 64, length / 64);
        // The word drawn comes twice: first what lies behind the bit drawn, last the rest.
        for turn in 0..=words {
            let word = first + (drawn / 64 + turn) % words;
            let used = self.used.get(usize::try_from(word).ok()?).copied()?;
            let mut free = !used & mask;
            if turn == 0 {
                free &= u64::MAX << (drawn % 64);
            }
            if free != 0 {
                return u16::try_from(word * 64 + free.trailing_zeros()).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use testkit::SeededRandom;

    // RFC 6146 §3.5.1.1 SHOULD (class): to the last port of each class.
    // RFC 6146 §3.5.1.1 SHOULD (parity): as long as there are any.
    #[test]
    fn every_port_is_given_once_and_the_likeness_kept() {
        let mut random = SeededRandom::new(1);
        let mut set = PortSet::new(1);
        let mut given = BTreeSet::new();
        for wanted in [4_001, 80] {
            let class = usize::try_from(if wanted < 1_024 { 1_023 } else { 64_512 }).unwrap();
            for n in 0..class {
                let port = set.allocate(wanted, Likeness::Port, &mut random).unwrap();
                assert!(given.insert(port), "{port} twice");
                assert_eq!(port < 1_024, wanted < 1_024);
                if n < class / 2 {
                    assert_eq!(port & 1, wanted & 1);
                }
            }
            assert_eq!(set.allocate(wanted, Likeness::Port, &mut random), None);
        }
        assert_eq!(given.len(), 65_535);
        set.release(0);
        set.release(2_000);
        assert_eq!(
            set.allocate(3_001, Likeness::Port, &mut random),
            Some(2_000)
        );
        assert_eq!(set.allocate(3_001, Likeness::Port, &mut random), None);
    }

    #[test]
    fn identifiers_are_all_alike() {
        let mut random = SeededRandom::new(2);
        let mut set = PortSet::new(0);
        let mut given = BTreeSet::new();
        for _ in 0..65_536u32 {
            given.insert(set.allocate(0, Likeness::Identifier, &mut random).unwrap());
        }
        assert_eq!(given.len(), 65_536);
        assert_eq!(set.allocate(0, Likeness::Identifier, &mut random), None);
    }
}
