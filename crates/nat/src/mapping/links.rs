//! Links of the chains of mappings whose inside endpoints share a place in the table.

/// How a link is packed into 32 bits.
///
/// It names the mapping that it leads to (its outside address' number and its port, the *handle*), and with the bits that
/// a handle leaves over it says something about that mapping: some bits of the hash of its inside endpoint, and whether
/// it is the last one of its chain. So most searches for what is not there end without reading a mapping.
///
/// ```text
/// | last: 1 | hash: up to 13 | 0 | address: as few as it takes | port: 16 |
/// ```
///
/// With more than 4,096 addresses a link is the handle alone, and says nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    handle: u32,
    hash: u32,
    last: u32,
}

/// The most bits of an address' number that leave enough room.
const MAX_ADDRESS_BITS: u32 = 12;

impl Links {
    /// The link of the last mapping of a chain, and that of an empty chain. No other link is all ones: one bit is 0, or
    /// it would take 65,536 addresses.
    pub(super) const NONE: u32 = u32::MAX;

    /// Links for so many addresses.
    pub(super) fn of(addresses: usize) -> Self {
        let address_bits = usize::BITS - addresses.saturating_sub(1).leading_zeros();
        if address_bits > MAX_ADDRESS_BITS {
            return Self {
                handle: u32::MAX,
                hash: 0,
                last: 0,
            };
        }
        let handle = (1 << (16 + address_bits)) - 1;
        let last = 1 << 31;
        // Without the lowest of them, which stays 0.
        let hash = !(handle << 1 | 1) & !last;
        Self { handle, hash, last }
    }

    /// The handle in a link. What [`NONE`](Self::NONE) has for one is no mapping's.
    pub(super) const fn handle(self, link: u32) -> u32 {
        if link == Self::NONE {
            return Self::NONE;
        }
        link & self.handle
    }

    /// The link to a mapping whose inside endpoint has this hash.
    pub(super) const fn to(self, handle: u32, hash: u64, is_last: bool) -> u32 {
        let link = handle | self.some_of(hash);
        if is_last { self.last(link) } else { link }
    }

    /// The same link, to what is the last mapping of its chain.
    pub(super) const fn last(self, link: u32) -> u32 {
        link | self.last
    }

    /// Whether a mapping of this hash may be where a link leads, or behind it.
    pub(super) const fn leads_on(self, link: u32, hash: u64) -> bool {
        link != Self::NONE && (link & self.last == 0 || link & self.hash == self.some_of(hash))
    }

    /// Bits of a hash that the place in the table does not depend on.
    const fn some_of(self, hash: u64) -> u32 {
        (hash & 0xffff_ffff) as u32 & self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_gives_its_handle_back_and_rules_others_out() {
        for addresses in [1, 2, 3, 4, 255, 256, 257, 4_096, 4_097, 65_535] {
            let links = Links::of(addresses);
            let handle = u32::try_from(addresses - 1).unwrap() << 16 | 0xffff;
            for hash in [0, 0x8421_8421, u64::MAX] {
                for is_last in [false, true] {
                    let link = links.to(handle, hash, is_last);
                    assert_ne!(link, Links::NONE, "{addresses}");
                    assert_eq!(links.handle(link), handle);
                    assert!(links.leads_on(link, hash));
                    // Only of the last one is it known that another hash is not there.
                    let says = is_last && addresses <= 4_096;
                    assert_eq!(links.leads_on(link, !hash), !says);
                    assert_eq!(links.last(link), links.to(handle, hash, true));
                }
            }
            assert!(!links.leads_on(Links::NONE, u64::MAX));
            assert_eq!(links.handle(Links::NONE), Links::NONE);
        }
    }
}
