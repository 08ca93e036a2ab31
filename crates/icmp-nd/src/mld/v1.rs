//! The states of a listener of version 1 (RFC 2710 §5).

/// The state of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum V1State {
    /// Nobody on this node listens.
    #[default]
    NonListener,
    /// The node listens, and a report waits for its delay.
    DelayingListener,
    /// The node listens, and nothing waits.
    IdleListener,
}

/// What can happen to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum V1Event {
    /// The node starts to listen.
    StartListening,
    /// The node stops listening. With whether its report was the last one that was heard.
    StopListening {
        /// The flag of RFC 2710 §5.
        last_reporter: bool,
    },
    /// A query for all groups or this one has arrived. With whether its delay is shorter than what is
    /// left of the timer.
    QueryReceived {
        /// Maximum Response Delay is below the remaining time.
        sooner: bool,
    },
    /// Another node has reported the group.
    ReportReceived,
    /// The delay is over.
    TimerExpired,
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum V1Action {
    /// Send a report.
    SendReport,
    /// Send a Done.
    SendDone,
    /// Note that the last report was this node's.
    SetFlag,
    /// Note that it was another's.
    ClearFlag,
    /// Start the timer: a random delay, up to what the query says or the Unsolicited Report Interval.
    StartTimer,
    /// Start it anew with a random delay up to what the query says.
    ResetTimer,
    /// Stop it.
    StopTimer,
}

/// The state transition table of RFC 2710 §5. What it leaves out changes nothing.
// RFC 2710 §5 MUST (table): the states and transitions of a listener.
pub const fn v1_step(state: V1State, event: V1Event) -> (V1State, &'static [V1Action]) {
    use V1Action::{ClearFlag, ResetTimer, SendDone, SendReport, SetFlag, StartTimer, StopTimer};
    use V1State::{DelayingListener, IdleListener, NonListener};
    match (state, event) {
        (NonListener, V1Event::StartListening) => {
            (DelayingListener, &[SendReport, SetFlag, StartTimer])
        }
        (DelayingListener, V1Event::StopListening { last_reporter }) => {
            if last_reporter {
                (NonListener, &[StopTimer, SendDone])
            } else {
                (NonListener, &[StopTimer])
            }
        }
        (IdleListener, V1Event::StopListening { last_reporter }) => {
            if last_reporter {
                (NonListener, &[SendDone])
            } else {
                (NonListener, &[])
            }
        }
        (DelayingListener, V1Event::QueryReceived { sooner: true }) => {
            (DelayingListener, &[ResetTimer])
        }
        (IdleListener, V1Event::QueryReceived { .. }) => (DelayingListener, &[StartTimer]),
        (DelayingListener, V1Event::ReportReceived) => (IdleListener, &[StopTimer, ClearFlag]),
        (DelayingListener, V1Event::TimerExpired) => (IdleListener, &[SendReport, SetFlag]),
        (state, _) => (state, &[]),
    }
}
