//! Where nodes note the states that their machines come to.

use super::model::Timeline;
use alloc::rc::Rc;
use core::cell::RefCell;
use packet_buffer::Instant;

/// States that are kept of a machine; later ones are dropped.
const MAX_STATES: usize = 2_000;

/// A journal that nodes share; clones write to the same.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    timelines: Rc<RefCell<Vec<Timeline>>>,
}

impl Journal {
    /// Notes that a machine of a node is in a state from now on. The same state again is not noted.
    pub fn state(&self, now: Instant, node: &str, machine: &str, state: impl ToString) {
        let state = state.to_string();
        let mut timelines = self.timelines.borrow_mut();
        let found = timelines
            .iter_mut()
            .find(|it| it.node == node && it.machine == machine);
        let Some(timeline) = found else {
            timelines.push(Timeline {
                node: node.to_owned(),
                machine: machine.to_owned(),
                states: vec![(now.as_micros(), state)],
            });
            return;
        };
        let is_new = timeline.states.last().is_none_or(|last| last.1 != state);
        if is_new && timeline.states.len() < MAX_STATES {
            timeline.states.push((now.as_micros(), state));
        }
    }

    /// Everything that was noted.
    pub fn take(&self) -> Vec<Timeline> {
        core::mem::take(&mut self.timelines.borrow_mut())
    }
}
