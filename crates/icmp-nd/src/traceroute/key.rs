//! The 16-bit keys by which probes are told, and one's complement arithmetic with them.

/// How many keys there are: 1 to 65,534. The two representations of zero in one's complement, 0 and
/// 65,535, are none.
const KEYS: u32 = 65_534;

/// Gives the probes of a trace keys in order, from a random start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    start: u16,
}

impl Keys {
    pub(super) const fn new(start: u16) -> Self {
        Self { start }
    }

    /// The key of a probe.
    pub(super) fn key(self, serial: u32) -> u16 {
        let place = (u32::from(self.start) + serial % KEYS) % KEYS;
        u16::try_from(place + 1).unwrap_or(1)
    }

    /// How many probes before `last` one with this key was sent; `None` for what is no key.
    pub(super) fn age(self, last: u32, key: u16) -> Option<u32> {
        if key == 0 || key == u16::MAX {
            return None;
        }
        let newest = u32::from(self.key(last));
        Some((newest + KEYS - u32::from(key)) % KEYS)
    }
}

/// The sum in one's complement.
pub(super) fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(u16::from(carry))
}

/// The difference in one's complement.
pub(super) fn sub(a: u16, b: u16) -> u16 {
    add(a, !b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_again() {
        for start in [0, 1, 40_000, 65_533, 65_534, 65_535] {
            let keys = Keys::new(start);
            for last in [0u32, 1, 500, 65_533, 65_534, 200_000] {
                for age in [0, 1, 400, 32_768] {
                    if age > last {
                        continue;
                    }
                    let key = keys.key(last - age);
                    assert!(key != 0 && key != u16::MAX);
                    assert_eq!(keys.age(last, key), Some(age), "{start} {last} {age}");
                }
            }
            assert_eq!(keys.age(5, 0), None);
            assert_eq!(keys.age(5, u16::MAX), None);
        }
    }

    #[test]
    fn differences_add_up_again() {
        for a in (0..=u16::MAX).step_by(257) {
            for b in (0..=u16::MAX).step_by(251) {
                let back = add(sub(a, b), b);
                assert!(
                    back == a
                        || (back | a == u16::MAX && back & a == 0 && (a == 0 || a == u16::MAX))
                );
            }
        }
    }
}
