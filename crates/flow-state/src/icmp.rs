//! ICMP queries.

use crate::packet::IcmpQuery;
use crate::{Invalid, Timers, Verdict};
use core::time::Duration;
use flow_table::Direction;

/// The state of requests with one identifier and the answers to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpQueryFlow {
    pub(crate) is_ipv6: bool,
    pub(crate) is_replied: bool,
}

impl IcmpQueryFlow {
    /// A flow that starts with `query`.
    ///
    /// # Errors
    ///
    /// [`Invalid::NoRequest`] for an answer.
    pub const fn new(is_ipv6: bool, query: &IcmpQuery) -> Result<Self, Invalid> {
        if query.is_request {
            Ok(Self {
                is_ipv6,
                is_replied: false,
            })
        } else {
            Err(Invalid::NoRequest)
        }
    }

    /// Looks at the next message.
    pub fn handle(&mut self, direction: Direction, query: &IcmpQuery) -> Verdict {
        // The keys say so already: a request in the reply's direction has the ports the other way round.
        if query.is_request != (direction == Direction::Original) {
            return Verdict::Invalid(Invalid::NoRequest);
        }
        self.is_replied |= direction == Direction::Reply;
        Verdict::Accept
    }

    /// Whether a request has been answered.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.is_replied
    }

    /// How long the flow lives from its last message.
    #[inline]
    pub const fn timeout(&self, timers: &Timers) -> Duration {
        if self.is_ipv6 {
            timers.icmpv6
        } else {
            timers.icmp
        }
    }
}
