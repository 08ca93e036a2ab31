//! Outside addresses that are lent to one inside address each (basic NAT).

use alloc::collections::{BTreeMap, VecDeque};
use core::net::Ipv4Addr;

/// Who has which address of a pool.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// By pool and inside address: the outside address, and its sessions.
    by_inside: BTreeMap<(usize, Ipv4Addr), (Ipv4Addr, u32)>,
    /// The pool, the inside address, and the rule that bound it.
    by_outside: BTreeMap<Ipv4Addr, (usize, Ipv4Addr, u16)>,
    /// By pool: free addresses, the longest free first.
    free: BTreeMap<usize, VecDeque<Ipv4Addr>>,
}

impl Bindings {
    pub(crate) fn add_pool(&mut self, pool: usize, addresses: impl Iterator<Item = Ipv4Addr>) {
        self.free.entry(pool).or_insert_with(|| addresses.collect());
    }

    /// The outside address of an inside one, bound to it now if need be. It counts as used only
    /// with [`hold`](Self::hold).
    pub(crate) fn bind(&mut self, pool: usize, inside: Ipv4Addr, rule: u16) -> Option<Ipv4Addr> {
        if let Some((outside, _)) = self.by_inside.get(&(pool, inside)) {
            return Some(*outside);
        }
        let outside = self.free.get_mut(&pool)?.pop_front()?;
        self.by_inside.insert((pool, inside), (outside, 0));
        self.by_outside.insert(outside, (pool, inside, rule));
        Some(outside)
    }

    /// Binds this outside address to an inside one, if neither is bound otherwise. It counts as used only with
    /// [`hold`](Self::hold).
    pub(crate) fn bind_to(
        &mut self,
        pool: usize,
        inside: Ipv4Addr,
        outside: Ipv4Addr,
        rule: u16,
    ) -> bool {
        if let Some((bound, _)) = self.by_inside.get(&(pool, inside)) {
            return *bound == outside;
        }
        let Some(free) = self.free.get_mut(&pool) else {
            return false;
        };
        let Some(place) = free.iter().position(|address| *address == outside) else {
            return false;
        };
        free.remove(place);
        self.by_inside.insert((pool, inside), (outside, 0));
        self.by_outside.insert(outside, (pool, inside, rule));
        true
    }

    /// Who has the outside address, and by which rule.
    pub(crate) fn inside_of(&self, outside: Ipv4Addr) -> Option<(Ipv4Addr, u16)> {
        let (_, inside, rule) = self.by_outside.get(&outside)?;
        Some((*inside, *rule))
    }

    /// A session more has the outside address.
    pub(crate) fn hold(&mut self, outside: Ipv4Addr) {
        let key = self.by_outside.get(&outside);
        let entry = key.and_then(|&(pool, inside, _)| self.by_inside.get_mut(&(pool, inside)));
        if let Some((_, sessions)) = entry {
            *sessions += 1;
        }
    }

    /// A session less (or none came of a binding); the binding ends with the last.
    pub(crate) fn release(&mut self, outside: Ipv4Addr, held: bool) {
        let Some(&(pool, inside, _)) = self.by_outside.get(&outside) else {
            return;
        };
        let Some((_, sessions)) = self.by_inside.get_mut(&(pool, inside)) else {
            return;
        };
        *sessions = sessions.saturating_sub(u32::from(held));
        if *sessions == 0 {
            self.by_inside.remove(&(pool, inside));
            self.by_outside.remove(&outside);
            if let Some(free) = self.free.get_mut(&pool) {
                free.push_back(outside);
            }
        }
    }
}
