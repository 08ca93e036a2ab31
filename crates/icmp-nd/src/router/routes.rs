//! Where a router sends packets: the longest prefix wins.

use alloc::collections::BTreeMap;
use core::net::Ipv6Addr;
use packet_buffer::wire::Ipv6Prefix;

/// Where the packets of a prefix go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteTarget {
    /// They are neighbors on the link of an interface.
    OnLink {
        /// The interface.
        port: usize,
    },
    /// Through another router.
    Via {
        /// The interface.
        port: usize,
        /// The router, best by its link-local address: only then can it be named in redirects.
        gateway: Ipv6Addr,
    },
    /// Nowhere, and the source is told "reject route to destination" (RFC 4443 §3.1, code 6).
    Reject,
    /// Nowhere, and the source is told "administratively prohibited" (RFC 4443 §3.1, code 1).
    Prohibit,
    /// Nowhere, in silence.
    Discard,
}

/// A routing table, for hundreds of prefixes of configuration.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    routes: BTreeMap<Ipv6Prefix, RouteTarget>,
    /// How many routes have each length.
    lengths: BTreeMap<u8, usize>,
}

impl RouteTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where the packets of `prefix` go. Gives what was there.
    pub fn insert(&mut self, prefix: Ipv6Prefix, target: RouteTarget) -> Option<RouteTarget> {
        let before = self.routes.insert(prefix, target);
        if before.is_none() {
            *self.lengths.entry(prefix.length()).or_default() += 1;
        }
        before
    }

    /// Removes a route. Gives what was there.
    pub fn remove(&mut self, prefix: Ipv6Prefix) -> Option<RouteTarget> {
        let before = self.routes.remove(&prefix)?;
        if let Some(count) = self.lengths.get_mut(&prefix.length()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.length());
            }
        }
        Some(before)
    }

    /// Where packets for `destination` go, by the longest prefix that holds it.
    pub fn lookup(&self, destination: Ipv6Addr) -> Option<RouteTarget> {
        self.lengths.keys().rev().find_map(|&length| {
            let prefix = Ipv6Prefix::new(destination, length)?;
            self.routes.get(&prefix).copied()
        })
    }

    /// All routes, in the order of their prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv6Prefix, RouteTarget)> + '_ {
        self.routes
            .iter()
            .map(|(prefix, target)| (*prefix, *target))
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_longest_of_all_that_hold_the_destination(
            routes in proptest::collection::vec((any::<u8>(), 0u8..=8), 0..30),
            removed in proptest::collection::vec((any::<u8>(), 0u8..=8), 0..10),
            wanted: u8,
        ) {
            let address = |octet: u8| Ipv6Addr::from_bits(u128::from(octet) << 120);
            let mut table = RouteTable::new();
            let mut model = Vec::new();
            for (port, (octet, length)) in routes.into_iter().enumerate() {
                let prefix = Ipv6Prefix::new(address(octet), length).unwrap();
                table.insert(prefix, RouteTarget::OnLink { port });
                model.retain(|(it, _)| *it != prefix);
                model.push((prefix, port));
            }
            for (octet, length) in removed {
                let prefix = Ipv6Prefix::new(address(octet), length).unwrap();
                table.remove(prefix);
                model.retain(|(it, _)| *it != prefix);
            }
            prop_assert_eq!(table.len(), model.len());
            let best = model
                .iter()
                .filter(|(prefix, _)| prefix.contains(address(wanted)))
                .max_by_key(|(prefix, _)| prefix.length());
            let best = best.map(|(_, port)| RouteTarget::OnLink { port: *port });
            prop_assert_eq!(table.lookup(address(wanted)), best);
        }
    }
}
