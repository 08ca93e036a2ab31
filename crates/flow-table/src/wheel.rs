//! The timer wheel: which slots to look at in which second.
//!
//! Two levels of 512 lists: one list for each of the next 512 seconds, and one for each of the 511
//! blocks of 512 seconds after the present one, three days in all. What is due later waits in the
//! last block and is placed anew when its turn comes. A bitmap says which lists are not empty, so
//! that the next one is found in a few steps however far away it is.
//!
//! The wheel does not know deadlines; it is told one when a slot is armed. The owner may put the
//! real deadline off without telling, and arms the slot again when it comes up (lazy re-arming).

use crate::lists::Lists;
use alloc::collections::TryReserveError;
use packet_buffer::Instant;

/// Lists in a level, and seconds in a block.
const LEVEL: u64 = 512;
const LISTS: usize = 1024;
/// Words with a bit for each list.
const WORDS: usize = LISTS / 64;
/// Words of a level.
const LEVEL_WORDS: u32 = 8;
/// The list of slots that are free.
const FREE: u32 = 1024;
/// The list of slots whose flow expired and waits to be handed out.
const EXPIRED: u32 = 1025;

/// The list that a slot was put into when it was armed; none for a deadline that never comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Armed(u16);

impl Armed {
    const NEVER: Self = Self(u16::MAX);
}

pub(crate) struct Wheel {
    lists: Lists,
    /// One bit per list of the two levels: not empty.
    occupied: [u64; WORDS],
    /// One bit per word of those: not zero.
    words: u32,
    /// All lists up to this second are empty, and no slot is armed for it or before.
    swept: u64,
    /// The latest time seen. What is armed comes up later than that.
    latest: Instant,
    /// The next list to be swept and its second: asked for more often than it changes.
    next: Option<(u64, u32)>,
}

/// The first whole second at which `deadline` has passed.
#[inline]
const fn due(deadline: Instant) -> u64 {
    deadline.as_micros().div_ceil(1_000_000)
}

/// The low 10 bits: the lists of both levels are numbered from 0 to 1023.
#[inline]
const fn list_number(number: u64) -> u32 {
    (number & 0x3ff) as u32
}

impl Wheel {
    pub(crate) fn new(slots: usize) -> Result<Self, TryReserveError> {
        Ok(Self {
            lists: Lists::new(LISTS + 2, slots)?,
            occupied: [0; WORDS],
            words: 0,
            swept: 0,
            latest: Instant::ZERO,
            next: None,
        })
    }

    /// Octets that the wheel takes for `slots` slots.
    pub(crate) const fn octets_for(slots: usize) -> usize {
        slots
            .saturating_mul(crate::lists::OCTETS_PER_SLOT)
            .saturating_add((LISTS + 2) * size_of::<u32>())
    }

    /// The latest time seen.
    #[inline]
    pub(crate) const fn latest(&self) -> Instant {
        self.latest
    }

    /// Takes note of the time; returns the latest seen.
    #[inline]
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        if now > self.latest {
            self.latest = now;
        }
        self.latest
    }

    #[inline]
    pub(crate) fn add_slot(&mut self) {
        self.lists.add_slot();
    }

    /// Puts an unlinked slot on the free list.
    #[inline]
    pub(crate) fn free(&mut self, slot: u32) {
        self.lists.push(FREE, slot);
    }

    /// The first free slot.
    #[inline]
    pub(crate) fn first_free(&self) -> Option<u32> {
        self.lists.first(FREE)
    }

    /// Moves the wheel on to the latest time, when it is empty.
    #[inline]
    pub(crate) fn skip_if_empty(&mut self) {
        if self.words == 0 {
            self.swept = self.latest.as_secs();
        }
    }

    /// Puts an unlinked slot among those that wait to be handed out.
    #[inline]
    pub(crate) fn expire(&mut self, slot: u32) {
        self.lists.push(EXPIRED, slot);
    }

    #[inline]
    pub(crate) fn first_expired(&self) -> Option<u32> {
        self.lists.first(EXPIRED)
    }

    /// Puts an unlinked slot where it comes up by `deadline`, or into no list when that is
    /// [`Instant::MAX`]. Says where.
    pub(crate) fn arm(&mut self, slot: u32, deadline: Instant) -> Armed {
        if deadline == Instant::MAX {
            return Armed::NEVER;
        }
        let due = due(deadline).max(self.latest.as_secs() + 1);
        let list = self.list_for(due);
        self.lists.push(list, slot);
        if let Some(word) = self.occupied.get_mut(list as usize / 64) {
            let bit = 1 << (list % 64);
            let was_empty = *word & bit == 0;
            *word |= bit;
            self.words |= 1 << (list / 64);
            if was_empty {
                self.next = self.find_next();
            }
        }
        // Below 1024.
        u16::try_from(list).map_or(Armed::NEVER, Armed)
    }

    /// Arms `slot`, which is armed as `armed` says, for an earlier deadline, unless it comes up by
    /// then anyway.
    #[cold]
    pub(crate) fn move_forward(&mut self, slot: u32, armed: &mut Armed, deadline: Instant) {
        let wanted = due(deadline).max(self.latest.as_secs() + 1);
        if self.comes_up(*armed).is_some_and(|second| second <= wanted) {
            return;
        }
        self.unlink(slot);
        *armed = self.arm(slot, deadline);
    }

    /// The second at which the slots of a list come up.
    fn comes_up(&self, armed: Armed) -> Option<u64> {
        let list = u64::from(armed.0);
        // A list stands for the next time that its number comes after what was swept.
        let next = |after: u64, number: u64| {
            let first = after + 1;
            first + (number + LEVEL - first % LEVEL) % LEVEL
        };
        if list < LEVEL {
            Some(next(self.swept, list))
        } else if armed == Armed::NEVER {
            None
        } else {
            Some(next(self.swept / LEVEL, list - LEVEL) * LEVEL)
        }
    }

    /// Takes `slot` out of the list that it is in, if any.
    pub(crate) fn unlink(&mut self, slot: u32) {
        if let Some(emptied) = self.lists.unlink(slot)
            && let Some(word) = self.occupied.get_mut(emptied as usize / 64)
        {
            *word &= !(1 << (emptied % 64));
            if *word == 0 {
                self.words &= !(1 << (emptied / 64));
            }
            self.next = self.find_next();
        }
    }

    /// The list of what is due in second `due`.
    fn list_for(&self, due: u64) -> u32 {
        let due = due.max(self.swept + 1);
        if due - self.swept <= LEVEL {
            list_number(due % LEVEL)
        } else {
            let block = (due / LEVEL).min(self.swept / LEVEL + LEVEL - 1);
            list_number(LEVEL + block % LEVEL)
        }
    }

    /// The next second at which some list is to be swept, and that list. It changes only when a list gets its first
    /// slot or loses its last one: no time that passes before that second changes it.
    fn find_next(&self) -> Option<(u64, u32)> {
        let second = self
            .first_occupied(0, self.swept + 1)
            .map(|second| (second, list_number(second % LEVEL)));
        let block = self
            .first_occupied(LEVEL, self.swept / LEVEL + 1)
            .map(|block| (block * LEVEL, list_number(LEVEL + block % LEVEL)));
        match (second, block) {
            // A block is spread over its seconds before the first of them is swept.
            (Some(a), Some(b)) => Some(if b.0 <= a.0 { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// The first of `from..from + 512` whose list, in the level that starts at `level`, is not
    /// empty.
    #[inline]
    fn first_occupied(&self, level: u64, from: u64) -> Option<u64> {
        // The words of the level.
        let first = list_number(level) / 64;
        let words = self.words >> first & ((1 << LEVEL_WORDS) - 1);
        if words == 0 {
            return None;
        }
        let start = list_number(from % LEVEL);
        let word_at = |index: u32| self.occupied.get((first + index) as usize).copied();
        // Of the first word what is at `start` or after it; then the words behind it, going round; then
        // of the first word what is before.
        let own = start / 64;
        let after = word_at(own)? & u64::MAX << (start % 64);
        let (index, word) = if after == 0 {
            // The level's words from the one behind `own` on, `own` last.
            let behind = (words << LEVEL_WORDS | words) >> (own + 1);
            let index = (own + 1 + behind.trailing_zeros()) % LEVEL_WORDS;
            (index, word_at(index)?)
        } else {
            (own, after)
        };
        let found = u64::from(index * 64 + word.trailing_zeros());
        Some(from + (found + LEVEL - u64::from(start)) % LEVEL)
    }

    /// When the next slot comes up.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next.map(|(second, _)| Instant::from_secs(second))
    }

    /// The first slot of the next list whose time has come by `now`; it stays linked. `None` when
    /// there is none, and then the wheel has moved on to `now`.
    pub(crate) fn come_up(&mut self, now: Instant) -> Option<u32> {
        let now = now.as_secs();
        debug_assert_eq!(self.next, self.find_next(), "a list changed unnoticed");
        match self.next {
            Some((second, list)) if second <= now => {
                // Nothing is linked before `second`, so its list (and its block) comes first.
                self.swept = second - 1;
                self.lists.first(list)
            }
            _ => {
                self.swept = self.swept.max(now);
                None
            }
        }
    }

    /// Asks the processor to fetch what says where `slot` is.
    #[inline]
    pub(crate) fn fetch(&self, slot: u32) {
        self.lists.fetch(slot);
    }

    /// The slot after `slot` in its list.
    #[inline]
    pub(crate) fn following(&self, slot: u32) -> Option<u32> {
        self.lists.next(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(slots: u32) -> Wheel {
        let mut wheel = Wheel::new(slots as usize).unwrap();
        for _ in 0..slots {
            wheel.add_slot();
        }
        wheel
    }

    /// Runs the wheel to `now` and returns what came up, disarmed.
    fn run(wheel: &mut Wheel, now: u64) -> alloc::vec::Vec<u32> {
        core::iter::from_fn(|| {
            let slot = wheel.come_up(Instant::from_secs(now))?;
            wheel.unlink(slot);
            Some(slot)
        })
        .collect()
    }

    #[test]
    fn a_slot_comes_up_at_its_second() {
        for start in [0, 1, 511, 512, 513, 1_000_003] {
            let mut wheel = wheel(1);
            assert_eq!(run(&mut wheel, start), []);
            for ahead in [1, 2, 63, 64, 65, 511, 512] {
                let now = wheel.swept;
                wheel.arm(0, Instant::from_secs(now + ahead));
                assert_eq!(wheel.next_due(), Some(Instant::from_secs(now + ahead)));
                assert_eq!(run(&mut wheel, now + ahead - 1), []);
                assert_eq!(run(&mut wheel, now + ahead), [0]);
                assert_eq!(wheel.next_due(), None);
            }
        }
    }

    #[test]
    fn a_deadline_inside_a_second_is_rounded_up_to_its_end() {
        let mut wheel = wheel(1);
        wheel.arm(0, Instant::from_micros(3_000_001));
        assert_eq!(wheel.next_due(), Some(Instant::from_secs(4)));
    }

    #[test]
    fn what_is_far_away_is_looked_at_once_a_block_or_once_in_three_days() {
        for start in [0, 300, 511, 512, 123_456] {
            for ahead in [513u64, 7_440, 100_000, 262_143, 400_000, 10_000_000] {
                let mut wheel = wheel(1);
                assert_eq!(run(&mut wheel, start), []);
                let deadline = Instant::from_secs(start + ahead);
                wheel.arm(0, deadline);
                let mut visits = 0;
                loop {
                    let at = wheel.next_due().unwrap();
                    assert!(at <= deadline, "never too late");
                    assert_eq!(run(&mut wheel, at.as_secs() - 1), []);
                    assert_eq!(wheel.come_up(at), Some(0));
                    wheel.unlink(0);
                    visits += 1;
                    if at == deadline {
                        break;
                    }
                    wheel.arm(0, deadline);
                    assert!(wheel.next_due().unwrap() > at || at.as_secs().is_multiple_of(LEVEL));
                }
                assert!(visits <= 3 + ahead / (510 * LEVEL), "{visits} for {ahead}");
            }
        }
    }

    #[test]
    fn the_end_of_time_never_comes() {
        let mut wheel = wheel(1);
        wheel.arm(0, Instant::MAX);
        assert_eq!(wheel.next_due(), None);
        wheel.unlink(0);
        wheel.arm(0, Instant::from_micros(u64::MAX - 1));
        assert!(wheel.next_due().is_some());
        assert_eq!(run(&mut wheel, Instant::MAX.as_secs() - 1), [0]);
    }

    #[test]
    fn a_deadline_that_goes_back_and_forth_moves_the_slot_only_forward() {
        for start in [0, 300, 511, 512, 123_456] {
            for ahead in [2u64, 300, 512, 513, 7_440, 300_000] {
                let mut wheel = wheel(2);
                assert_eq!(run(&mut wheel, start), []);
                let at = |ahead| Instant::from_secs(start + ahead);
                let mut armed = wheel.arm(0, at(ahead));
                let second = wheel.comes_up(armed).unwrap();
                assert_eq!(wheel.next_due(), Some(Instant::from_secs(second)));
                // Put off and back again, it is looked at in time.
                let before = armed;
                wheel.move_forward(0, &mut armed, at(ahead + 50_000));
                wheel.move_forward(0, &mut armed, at(ahead));
                assert_eq!(armed, before);
                // It comes up by an earlier deadline.
                wheel.move_forward(0, &mut armed, at(ahead - 1));
                let second = wheel.comes_up(armed).unwrap();
                assert!(second < start + ahead);
                assert_eq!(run(&mut wheel, second - 1), []);
                assert_eq!(run(&mut wheel, second), [0]);
                let mut armed = wheel.arm(1, Instant::MAX);
                assert_eq!(wheel.comes_up(armed), None);
                let soon = Instant::from_secs(wheel.swept + 9);
                wheel.move_forward(1, &mut armed, soon);
                assert_eq!(wheel.next_due(), Some(soon));
            }
        }
    }
}
