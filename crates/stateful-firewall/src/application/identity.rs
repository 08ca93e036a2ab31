//! Who is behind an address.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use packet_buffer::Instant;

#[derive(Debug, Clone)]
struct Identity {
    names: Box<[String]>,
    /// A bit for each name that rules mention.
    mask: u64,
    until: Instant,
}

/// Which user uses which address, as the caller has learned it: from a login page, RADIUS accounting,
/// a directory.
#[derive(Debug, Clone)]
pub(crate) struct IdentityMap {
    identities: BTreeMap<IpAddr, Identity>,
    deadlines: BTreeSet<(Instant, IpAddr)>,
    capacity: usize,
}

impl IdentityMap {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            identities: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            capacity,
        }
    }

    /// Notes a user; `false` when there is no room.
    pub(crate) fn bind(
        &mut self,
        address: IpAddr,
        user: &str,
        groups: &[&str],
        until: Instant,
        known: &[String],
    ) -> bool {
        if self.identities.len() >= self.capacity && !self.identities.contains_key(&address) {
            return false;
        }
        let names: Vec<String> = core::iter::once(user)
            .chain(groups.iter().copied())
            .map(ToString::to_string)
            .collect();
        let identity = Identity {
            mask: mask(&names, known),
            names: names.into_boxed_slice(),
            until,
        };
        if let Some(before) = self.identities.insert(address, identity) {
            self.deadlines.remove(&(before.until, address));
        }
        self.deadlines.insert((until, address));
        true
    }

    pub(crate) fn unbind(&mut self, address: IpAddr) -> bool {
        match self.identities.remove(&address) {
            Some(before) => {
                self.deadlines.remove(&(before.until, address));
                true
            }
            None => false,
        }
    }

    /// The names that rules mention and that hold for an address.
    pub(crate) fn mask(&self, now: Instant, address: IpAddr) -> u64 {
        self.identities
            .get(&address)
            .filter(|identity| identity.until > now)
            .map_or(0, |identity| identity.mask)
    }

    /// The user of an address.
    pub(crate) fn user(&self, now: Instant, address: IpAddr) -> Option<&str> {
        self.identities
            .get(&address)
            .filter(|identity| identity.until > now)
            .and_then(|identity| identity.names.first())
            .map(|name| &**name)
    }

    /// Takes other rules' names.
    pub(crate) fn reload(&mut self, known: &[String]) {
        for identity in self.identities.values_mut() {
            identity.mask = mask(&identity.names, known);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(until, address)) = self.deadlines.first()
            && until <= now
        {
            self.deadlines.pop_first();
            self.identities.remove(&address);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }
}

fn mask(names: &[String], known: &[String]) -> u64 {
    known
        .iter()
        .take(64)
        .zip(0u32..)
        .filter(|(known, _)| names.contains(known))
        .fold(0, |mask, (_, bit)| mask | 1 << bit)
}
