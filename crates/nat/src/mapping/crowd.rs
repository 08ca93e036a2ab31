//! Which ports are in use towards one destination, where a port may serve several.

use super::{Endpoint, PortKind};
use crate::ports::{PortSpace, Wish};
use crate::secret_map::SecretMap;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use flow_table::NhHash;
use packet_buffer::{Instant, RandomSource};

/// Ports that are kept in place; most destinations have no more.
const IN_PLACE: usize = 11;
/// Ports that are listed one by one; more of them are a bitmap.
const FEW: u16 = 256;

/// One destination as one outside address sees it.
pub(crate) type CrowdKey = (u16, PortKind, Endpoint);

const fn packed((address, kind, destination): CrowdKey) -> u128 {
    (address as u128) << 56 | kind.before(48, destination.bits())
}

/// The ports in use towards each destination, from each outside address.
pub(crate) struct Crowds {
    crowds: SecretMap<Crowd>,
}

/// The ports of one destination.
enum Crowd {
    /// As many as the first says, in order.
    InPlace(u8, [u16; IN_PLACE]),
    /// In order.
    Few(Vec<u16>),
    Many(Box<PortSpace>),
}

impl Crowd {
    const EMPTY: Self = Self::InPlace(0, [0; IN_PLACE]);

    fn len(&self) -> usize {
        match self {
            Self::InPlace(count, _) => usize::from(*count),
            Self::Few(ports) => ports.len(),
            Self::Many(space) => space.used() as usize,
        }
    }

    /// The ports, where they are listed.
    fn listed(&self) -> &[u16] {
        match self {
            Self::InPlace(count, ports) => ports.get(..usize::from(*count)).unwrap_or_default(),
            Self::Few(ports) => ports,
            Self::Many(_) => &[],
        }
    }
}

impl Crowds {
    /// No crowds, found by a hash with this secret.
    pub(crate) const fn new(secret: NhHash) -> Self {
        Self {
            crowds: SecretMap::new(secret),
        }
    }

    /// Sessions to the destination.
    #[cfg(test)]
    fn len(&self, key: CrowdKey) -> usize {
        self.crowds.get(packed(key)).map_or(0, Crowd::len)
    }

    /// Takes a port that is not in use towards the destination, and that `is_open`.
    pub(crate) fn allocate(
        &mut self,
        key: CrowdKey,
        wish: &Wish,
        limit: u32,
        is_open: impl Fn(u16) -> bool,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        let key = packed(key);
        let crowd = self.crowds.get_or_insert(key, Crowd::EMPTY);
        let port = if crowd.len() >= limit as usize {
            None
        } else {
            crowd.take(wish, is_open, random)
        };
        if crowd.len() == 0 {
            self.crowds.remove(key);
        }
        port
    }

    /// Takes this port, if it is not in use towards the destination.
    pub(crate) fn claim(&mut self, key: CrowdKey, port: u16) -> bool {
        let crowd = self.crowds.get_or_insert(packed(key), Crowd::EMPTY);
        crowd.insert(port)
    }

    pub(crate) fn release(&mut self, key: CrowdKey, port: u16) {
        let key = packed(key);
        let Some(crowd) = self.crowds.get_mut(key) else {
            return;
        };
        match crowd {
            Crowd::InPlace(count, ports) => {
                let listed = ports.get_mut(..usize::from(*count)).unwrap_or_default();
                if let Ok(at) = listed.binary_search(&port) {
                    if let Some(from) = listed.get_mut(at..) {
                        from.rotate_left(1);
                    }
                    *count -= 1;
                }
            }
            Crowd::Few(ports) => {
                if let Ok(at) = ports.binary_search(&port) {
                    ports.remove(at);
                }
            }
            Crowd::Many(space) => {
                if !space.is_free(port) {
                    space.release(Instant::ZERO, port);
                }
            }
        }
        if crowd.len() == 0 {
            self.crowds.remove(key);
        }
    }
}

impl Crowd {
    /// Adds a port; whether it is new.
    fn insert(&mut self, port: u16) -> bool {
        if let Self::Many(space) = self {
            return space.claim(Instant::ZERO, port);
        }
        let Err(at) = self.listed().binary_search(&port) else {
            return false;
        };
        match self {
            Self::InPlace(count, ports) if usize::from(*count) < IN_PLACE => {
                *count += 1;
                if let Some([first, rest @ ..]) = ports.get_mut(at..usize::from(*count)) {
                    // The last place is free: everything moves up by one.
                    let mut moved = core::mem::replace(first, port);
                    for place in rest {
                        core::mem::swap(place, &mut moved);
                    }
                }
            }
            Self::InPlace(_, ports) => {
                let mut ports = ports.to_vec();
                ports.insert(at, port);
                *self = Self::Few(ports);
            }
            Self::Few(ports) => {
                ports.insert(at, port);
                if ports.len() > usize::from(FEW) {
                    let mut space = PortSpace::new(0..=u16::MAX, Duration::ZERO);
                    for port in ports.iter() {
                        space.claim(Instant::ZERO, *port);
                    }
                    *self = Self::Many(Box::new(space));
                }
            }
            Self::Many(_) => {}
        }
        true
    }

    fn contains(&self, port: u16) -> bool {
        match self {
            Self::Many(space) => !space.is_free(port),
            _ => self.listed().binary_search(&port).is_ok(),
        }
    }

    fn take(
        &mut self,
        wish: &Wish,
        is_open: impl Fn(u16) -> bool,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        let exact = wish.exact.filter(|port| wish.range.contains(port));
        if let Some(port) = exact
            && is_open(port)
            && !self.contains(port)
        {
            self.insert(port);
            return Some(port);
        }
        let (low, high) = (*wish.range.start(), *wish.range.end());
        let span = u32::from(high.checked_sub(low)?) + 1;
        let mut start = random.below(span);
        // Each round passes over one port that is taken: a few in a list, and in a bitmap none
        // but those that are closed.
        let rounds = u32::from(FEW) + 64;
        for _ in 0..rounds.min(span) {
            let candidate = u16::try_from(u32::from(low) + start % span).ok()?;
            let found = match self {
                Self::InPlace(..) | Self::Few(_) => candidate,
                Self::Many(space) => {
                    let from = Wish {
                        range: candidate..=high,
                        ..wish.clone()
                    };
                    let found = space
                        .first_free(from.range.clone())
                        .or_else(|| space.first_free(wish.range.clone()))?;
                    start = u32::from(found - low);
                    found
                }
            };
            if is_open(found) && !self.contains(found) {
                self.insert(found);
                return Some(found);
            }
            start += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use flow_table::FlowHash;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use testkit::SeededRandom;

    fn crowds() -> Crowds {
        Crowds::new(NhHash::from_random(&mut SeededRandom::new(7)))
    }

    fn key() -> CrowdKey {
        let destination = Endpoint::new(Ipv4Addr::new(198, 51, 100, 1), 443);
        (0, PortKind::Tcp, destination)
    }

    #[test]
    fn a_destination_takes_every_port_once_up_to_the_limit() {
        let (mut crowds, mut random) = (crowds(), SeededRandom::new(1));
        let wish = Wish::any(1_024..=65_535);
        let mut seen = HashSet::new();
        for _ in 0..55_000 {
            let port = crowds.allocate(key(), &wish, 55_000, |_| true, &mut random);
            assert!(seen.insert(port.unwrap()));
        }
        assert_eq!(
            crowds.allocate(key(), &wish, 55_000, |_| true, &mut random),
            None
        );
        assert_eq!(crowds.len(key()), 55_000);
        // Up to the last port, without the limit.
        for _ in 55_000..64_512 {
            let port = crowds.allocate(key(), &wish, 65_536, |_| true, &mut random);
            assert!(seen.insert(port.unwrap()));
        }
        assert_eq!(
            crowds.allocate(key(), &wish, 65_536, |_| true, &mut random),
            None
        );
        for port in seen {
            crowds.release(key(), port);
        }
        assert_eq!(crowds.crowds.len(), 0);
    }

    #[test]
    fn small_ranges_are_used_up_and_closed_ports_left_out() {
        let (mut crowds, mut random) = (crowds(), SeededRandom::new(2));
        let wish = Wish::any(5..=8);
        let mut take = || crowds.allocate(key(), &wish, 99, |port| port != 6, &mut random);
        let given: HashSet<_> = [take(), take(), take()].into();
        assert_eq!(given, [Some(5), Some(7), Some(8)].into());
        assert_eq!(take(), None);
        crowds.release(key(), 7);
        let again = crowds.allocate(key(), &wish, 99, |port| port != 6, &mut random);
        assert_eq!(again, Some(7));
    }

    proptest! {
        /// However its ports are kept, a crowd is a set.
        #[test]
        fn a_crowd_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0u16..600), 1..900)) {
            let mut crowds = crowds();
            let mut model = HashSet::new();
            for (is_claim, port) in steps {
                if is_claim {
                    prop_assert_eq!(crowds.claim(key(), port), model.insert(port));
                } else {
                    crowds.release(key(), port);
                    model.remove(&port);
                }
                prop_assert_eq!(crowds.len(key()), model.len());
            }
            for port in model {
                prop_assert!(!crowds.claim(key(), port));
            }
        }
    }
}
