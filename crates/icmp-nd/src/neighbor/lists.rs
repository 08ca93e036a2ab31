//! The kinds of entries, each in the order of age.

/// No slot.
pub(super) const NIL: u32 = u32::MAX;

/// What an entry is when room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// INCOMPLETE.
    Unresolved,
    /// STALE.
    Stale,
    /// REACHABLE, DELAY, PROBE.
    InUse,
    /// A default router, or configured.
    Pinned,
}

/// Both ends of a list of slots.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) oldest: u32,
    pub(super) newest: u32,
    pub(super) len: usize,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        oldest: NIL,
        newest: NIL,
        len: 0,
    };
}

/// The lists.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    unresolved: List,
    stale: List,
    in_use: List,
    pinned: List,
}

impl Lists {
    pub(super) const EMPTY: Self = Self {
        unresolved: List::EMPTY,
        stale: List::EMPTY,
        in_use: List::EMPTY,
        pinned: List::EMPTY,
    };

    pub(super) const fn get(&self, kind: Kind) -> &List {
        match kind {
            Kind::Unresolved => &self.unresolved,
            Kind::Stale => &self.stale,
            Kind::InUse => &self.in_use,
            Kind::Pinned => &self.pinned,
        }
    }

    pub(super) const fn get_mut(&mut self, kind: Kind) -> &mut List {
        match kind {
            Kind::Unresolved => &mut self.unresolved,
            Kind::Stale => &mut self.stale,
            Kind::InUse => &mut self.in_use,
            Kind::Pinned => &mut self.pinned,
        }
    }
}
