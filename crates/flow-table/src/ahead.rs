//! Looking up ahead of time.

use crate::index::Code;
use crate::table::Match;
use core::fmt;

/// A key whose part of the index is on its way into the cache: what
/// [`FlowTable::fetch_index`](crate::FlowTable::fetch_index) gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ahead(
    /// The key's hash, which is not shown: enough of them give the hash function away.
    pub(crate) u64,
);

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").finish_non_exhaustive()
    }
}

/// Where the flow of a key may be, for [`FlowTable::lookup_hinted`](crate::FlowTable::lookup_hinted), which
/// checks it. A [`Match`] is one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint(pub(crate) Code);

impl From<Match> for Hint {
    #[inline]
    fn from(found: Match) -> Self {
        Self(Code::new(found.id.slot, found.direction))
    }
}

/// How many packets take a step together: as many requests as a processor keeps count of, and more do not help.
const BATCH: usize = 32;

/// Takes `count` packets through three steps, 32 of them at a time, so that the memory accesses of these overlap: all of
/// them take the `first` step, then all the `second`, then all the `last`. Packets are in each step in order.
///
/// The first step asks for the index ([`FlowTable::fetch_index`](crate::FlowTable::fetch_index)), the second for the
/// flow ([`FlowTable::fetch_flow`](crate::FlowTable::fetch_flow)), and the last looks up and does the work; `None` from
/// one of the first two says that there is nothing to fetch, and the last step is given `None` then. What the first two
/// say may be out of date by then, since the packets before have been through all three.
///
/// The steps are not spread over the work on other packets: big tables are in many pages, and one packet's work is not
/// enough for a processor to go on with while it looks for a page.
///
/// ```
/// use core::net::Ipv4Addr;
/// use flow_table::{Config, FlowTable, Ipv4FlowKey, NewFlow, look_ahead};
/// use packet_buffer::Instant;
/// # struct Sevens;
/// # impl packet_buffer::RandomSource for Sevens {
/// #     fn fill(&mut self, dest: &mut [u8]) { dest.fill(7); }
/// # }
/// # let random = &mut Sevens;
///
/// // Counts the packets of each flow.
/// let mut table = FlowTable::<Ipv4FlowKey, u32>::new(Config::new(1_000), random)?;
/// let server = (Ipv4Addr::new(198, 51, 100, 1), 443);
/// let packets: Vec<_> = (0..300)
///     .map(|n| Ipv4FlowKey::new((Ipv4Addr::new(192, 0, 2, 1), n % 100), server, 6, 0))
///     .collect();
/// look_ahead(
///     packets.len(),
///     &mut table,
///     |table, at| Some(table.fetch_index(&packets[at])),
///     |table, ahead| table.fetch_flow(ahead),
///     |table, at, hint| {
///         let (now, original) = (Instant::ZERO, packets[at]);
///         if let Some((_, mut flow)) = table.lookup_hinted(now, &original, hint) {
///             *flow.value_mut() += 1;
///             return;
///         }
///         let (reply, deadline) = (original.reversed(), Instant::MAX);
///         let _ = table.insert(now, NewFlow { original, reply, deadline, class: 0, value: 1 });
///     },
/// );
/// assert_eq!(table.len(), 100);
/// assert!(table.iter().all(|flow| *flow.value == 3));
/// # Ok::<(), flow_table::ConfigError>(())
/// ```
#[inline]
pub fn look_ahead<C: ?Sized, A: Copy, H: Copy>(
    count: usize,
    context: &mut C,
    first: impl Fn(&C, usize) -> Option<A>,
    second: impl Fn(&C, A) -> Option<H>,
    mut last: impl FnMut(&mut C, usize, Option<H>),
) {
    let mut begin = 0;
    while begin < count {
        let end = count.min(begin + BATCH);
        let (mut begun, mut hints) = ([None; BATCH], [None; BATCH]);
        for (at, begun) in (begin..end).zip(&mut begun) {
            *begun = first(context, at);
        }
        for (begun, hint) in begun.iter().zip(&mut hints) {
            *hint = begun.and_then(|ahead| second(context, ahead));
        }
        for (at, hint) in (begin..end).zip(hints) {
            last(context, at, hint);
        }
        begin = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::cell::RefCell;

    #[test]
    fn each_packet_takes_its_steps_in_order() {
        for count in [0, 1, 31, 32, 33, 64, 100] {
            let log = RefCell::new(Vec::new());
            let mut done = 0;
            look_ahead(
                count,
                &mut done,
                |done, at| {
                    assert!(at < count && at < *done + BATCH);
                    log.borrow_mut().push((1, at));
                    (at % 5 != 1).then_some(at)
                },
                |done, at| {
                    assert!(at < *done + BATCH);
                    log.borrow_mut().push((2, at));
                    (at % 5 != 2).then_some(at)
                },
                |done, at, hint| {
                    assert_eq!(at, *done);
                    assert_eq!(hint, (!matches!(at % 5, 1 | 2)).then_some(at));
                    log.borrow_mut().push((3, at));
                    *done += 1;
                },
            );
            assert_eq!(done, count);
            let log = log.into_inner();
            for at in 0..count {
                let steps = log
                    .iter()
                    .filter(|(_, of)| *of == at)
                    .map(|(step, _)| *step);
                let expected: &[i32] = if at % 5 == 1 { &[1, 3] } else { &[1, 2, 3] };
                assert_eq!(steps.collect::<Vec<_>>(), expected);
            }
        }
    }
}
