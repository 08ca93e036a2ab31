//! One mapping in 16 octets.

use super::Endpoint;
use core::net::Ipv4Addr;

/// What a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// All sessions of the inside endpoint: it is found by that.
    Endpoint,
    /// The sessions of the inside endpoint to one address.
    Address,
    /// One session.
    Session,
}

/// The entry of an outside port, packed: a mapping, or all zeroes.
///
/// | word | holds |
/// |---|---|
/// | 0 | the inside address |
/// | 1 | for [`SlotKind::Endpoint`], the [link](super::links) to the next mapping whose inside endpoint has the same hash; for [`SlotKind::Address`], the peer |
/// | 2 | the inside port, 10 bits of rule, 6 bits of flags |
/// | 3 | sessions, and those of them that keep the mapping open |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Slot([u32; 4]);

const USED: u32 = 1;
const ENDPOINT: u32 = 2;
const ADDRESS: u32 = 4;
const EXPLICIT: u32 = 8;
const FLAGS: u32 = 0x3f;

/// Rules that a slot can tell apart.
pub(crate) const MAX_RULES: usize = 1 << 10;

impl Slot {
    pub(crate) const EMPTY: Self = Self([0; 4]);

    /// `next` is what word 1 holds.
    pub(crate) const fn new(inside: Endpoint, rule: u16, kind: SlotKind, next: u32) -> Self {
        let kind = match kind {
            SlotKind::Endpoint => ENDPOINT,
            SlotKind::Address => ADDRESS,
            SlotKind::Session => 0,
        };
        let port_and_flags =
            (inside.port as u32) << 16 | ((rule & 0x3ff) as u32) << 6 | kind | USED;
        Self([inside.address.to_bits(), next, port_and_flags, 0])
    }

    pub(crate) const fn is_used(&self) -> bool {
        self.0[2] & USED != 0
    }

    pub(crate) const fn inside(&self) -> Endpoint {
        Endpoint::new(Ipv4Addr::from_bits(self.0[0]), (self.0[2] >> 16) as u16)
    }

    pub(crate) const fn kind(&self) -> SlotKind {
        match self.0[2] & (ENDPOINT | ADDRESS) {
            0 => SlotKind::Session,
            ADDRESS => SlotKind::Address,
            _ => SlotKind::Endpoint,
        }
    }

    pub(crate) const fn rule(&self) -> u16 {
        (self.0[2] >> 6 & 0x3ff) as u16
    }

    pub(crate) const fn next(&self) -> u32 {
        self.0[1]
    }

    /// The address that a mapping of [`SlotKind::Address`] is for.
    pub(crate) const fn peer(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0[1])
    }

    pub(crate) const fn set_next(&mut self, next: u32) {
        self.0[1] = next;
    }

    pub(crate) const fn is_explicit(&self) -> bool {
        self.0[2] & EXPLICIT != 0
    }

    pub(crate) const fn set_explicit(&mut self, explicit: bool) {
        self.0[2] = self.0[2] & !EXPLICIT | if explicit { EXPLICIT } else { 0 };
    }

    pub(crate) const fn sessions(&self) -> u16 {
        (self.0[3] >> 16) as u16
    }

    /// Sessions that the inside has sent in.
    pub(crate) const fn keepers(&self) -> u16 {
        (self.0[3] & 0xffff) as u16
    }

    /// Whether new sessions may come in: the inside has a session of its own, or asked for the
    /// mapping.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_explicit() || self.keepers() > 0
    }

    /// Whether another session can come in from outside.
    pub(crate) const fn is_usable(&self) -> bool {
        self.is_open() && self.sessions() < u16::MAX
    }

    /// One session more; `None` when there are as many as can be counted.
    pub(crate) fn add(&mut self, keeps: bool) -> Option<()> {
        let sessions = self.sessions().checked_add(1)?;
        let keepers = self.keepers() + u16::from(keeps);
        self.set_counts(sessions, keepers);
        Some(())
    }

    /// A session becomes one that keeps the mapping open.
    pub(crate) fn keep(&mut self) {
        // Not more than the sessions, which fit.
        self.set_counts(self.sessions(), self.keepers().saturating_add(1));
    }

    /// One session less; whether the mapping is of no use any more.
    pub(crate) fn remove(&mut self, keeps: bool) -> bool {
        let sessions = self.sessions().saturating_sub(1);
        let keepers = self.keepers().saturating_sub(u16::from(keeps));
        self.set_counts(sessions, keepers);
        sessions == 0 && !self.is_explicit()
    }

    const fn set_counts(&mut self, sessions: u16, keepers: u16) {
        self.0[3] = (sessions as u32) << 16 | keepers as u32;
    }

    /// The words, as the table keeps them.
    pub(crate) const fn words(self) -> [u32; 4] {
        self.0
    }

    pub(crate) const fn from_words(words: [u32; 4]) -> Self {
        Self(words)
    }
}

const _: () = assert!(FLAGS == 0x3f && EXPLICIT < FLAGS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back() {
        let inside = Endpoint::new(Ipv4Addr::new(10, 255, 0, 1), 0xfedc);
        for kind in [SlotKind::Endpoint, SlotKind::Address, SlotKind::Session] {
            let mut slot = Slot::new(inside, 1_023, kind, 77);
            assert!(slot.is_used() && !slot.is_open());
            assert_eq!((slot.inside(), slot.rule()), (inside, 1_023));
            assert_eq!((slot.kind(), slot.next()), (kind, 77));
            slot.set_explicit(true);
            assert!(slot.is_explicit() && slot.is_open());
            assert_eq!((slot.inside(), slot.kind()), (inside, kind));
            slot.set_explicit(false);
            assert!(!slot.is_explicit());
        }
        assert!(!Slot::EMPTY.is_used());
    }

    #[test]
    fn sessions_are_counted() {
        let mut slot = Slot::new(
            Endpoint::new(Ipv4Addr::LOCALHOST, 1),
            0,
            SlotKind::Endpoint,
            0,
        );
        slot.add(true).unwrap();
        slot.add(false).unwrap();
        assert_eq!((slot.sessions(), slot.keepers()), (2, 1));
        assert!(!slot.remove(true) && !slot.is_open());
        slot.keep();
        assert!(slot.is_open());
        assert!(slot.remove(true));
        for _ in 0..u16::MAX {
            slot.add(true).unwrap();
        }
        assert_eq!(slot.add(true), None);
        assert_eq!(slot.sessions(), u16::MAX);
    }
}
