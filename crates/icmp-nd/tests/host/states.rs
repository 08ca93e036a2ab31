//! RFC 4861 appendix C, transcribed: the states of reachability.

use icmp_nd::neighbor::{Actions, Event, State, Supplied, step};
use icmp_nd::neighbor::{State::*, Supplied::*};

/// One row of the appendix: states, events, actions, the new state (`Err(())` for "unchanged").
struct Row {
    states: &'static [Option<State>],
    events: Vec<Event>,
    actions: Actions,
    new: Result<Option<State>, ()>,
}

const NONE: &[Option<State>] = &[None];
const INCOMPLETE: &[Option<State>] = &[Some(Incomplete)];
const NOT_INCOMPLETE: &[Option<State>] = &[Some(Reachable), Some(Stale), Some(Delay), Some(Probe)];
const NOT_REACHABLE: &[Option<State>] = &[Some(Stale), Some(Delay), Some(Probe)];

fn advertisements(solicited: &[bool], overrides: &[bool], supplied: &[Supplied]) -> Vec<Event> {
    let mut events = Vec::new();
    for &solicited in solicited {
        for &overrides in overrides {
            for &supplied in supplied {
                events.push(Event::Advertisement {
                    solicited,
                    overrides,
                    supplied,
                });
            }
        }
    }
    events
}

fn heard(supplied: &[Supplied]) -> Vec<Event> {
    supplied
        .iter()
        .map(|&supplied| Event::Heard { supplied })
        .collect()
}

/// The appendix in its order, with the three differences that §7.2.5 makes.
fn table() -> Vec<Row> {
    const ANY: &[bool] = &[false, true];
    let row = |states, events, actions, new| Row {
        states,
        events,
        actions,
        new,
    };
    let timeout = |exhausted| vec![Event::RetransmitTimeout { exhausted }];
    vec![
        row(
            NONE,
            vec![Event::Send],
            Actions::CREATE | Actions::SOLICIT_MULTICAST | Actions::START_RETRANSMIT,
            Ok(Some(Incomplete)),
        ),
        row(
            INCOMPLETE,
            timeout(false),
            Actions::SOLICIT_MULTICAST | Actions::START_RETRANSMIT,
            Ok(Some(Incomplete)),
        ),
        row(
            INCOMPLETE,
            timeout(true),
            Actions::DISCARD | Actions::SEND_ERROR,
            Ok(None),
        ),
        row(
            INCOMPLETE,
            advertisements(&[false], ANY, &[Same, Different]),
            Actions::RECORD_ADDRESS | Actions::SEND_QUEUED | Actions::UPDATE_IS_ROUTER,
            Ok(Some(Stale)),
        ),
        row(
            INCOMPLETE,
            advertisements(&[true], ANY, &[Same, Different]),
            Actions::RECORD_ADDRESS
                | Actions::SEND_QUEUED
                | Actions::UPDATE_IS_ROUTER
                | Actions::START_REACHABLE,
            Ok(Some(Reachable)),
        ),
        // §7.2.5: without an address it is discarded as a whole.
        row(
            INCOMPLETE,
            advertisements(ANY, ANY, &[Nothing]),
            Actions::NONE,
            Err(()),
        ),
        row(NONE, heard(&[Nothing]), Actions::NONE, Err(())),
        row(
            NOT_INCOMPLETE,
            advertisements(&[true], &[false], &[Same]),
            Actions::UPDATE_IS_ROUTER | Actions::START_REACHABLE,
            Ok(Some(Reachable)),
        ),
        // §7.2.5: a solicited one without an address confirms too.
        row(
            NOT_INCOMPLETE,
            advertisements(&[true], ANY, &[Nothing]),
            Actions::UPDATE_IS_ROUTER | Actions::START_REACHABLE,
            Ok(Some(Reachable)),
        ),
        row(
            NOT_INCOMPLETE,
            advertisements(&[false], ANY, &[Nothing]),
            Actions::UPDATE_IS_ROUTER,
            Err(()),
        ),
        // §7.2.5: whether it was solicited or not.
        row(
            &[Some(Reachable)],
            advertisements(ANY, &[false], &[Different]),
            Actions::NONE,
            Ok(Some(Stale)),
        ),
        row(
            NOT_REACHABLE,
            advertisements(ANY, &[false], &[Different]),
            Actions::NONE,
            Err(()),
        ),
        row(
            NOT_INCOMPLETE,
            advertisements(&[true], &[true], &[Same]),
            Actions::UPDATE_IS_ROUTER | Actions::START_REACHABLE,
            Ok(Some(Reachable)),
        ),
        row(
            NOT_INCOMPLETE,
            advertisements(&[true], &[true], &[Different]),
            Actions::UPDATE_IS_ROUTER | Actions::START_REACHABLE | Actions::RECORD_ADDRESS,
            Ok(Some(Reachable)),
        ),
        row(
            NOT_INCOMPLETE,
            advertisements(&[false], ANY, &[Same]),
            Actions::UPDATE_IS_ROUTER,
            Err(()),
        ),
        row(
            NOT_INCOMPLETE,
            advertisements(&[false], &[true], &[Different]),
            Actions::UPDATE_IS_ROUTER | Actions::RECORD_ADDRESS,
            Ok(Some(Stale)),
        ),
        row(
            NOT_INCOMPLETE,
            vec![Event::Confirmed],
            Actions::START_REACHABLE,
            Ok(Some(Reachable)),
        ),
        row(
            &[Some(Reachable)],
            vec![Event::ReachableTimeout],
            Actions::NONE,
            Ok(Some(Stale)),
        ),
        row(
            &[Some(Stale)],
            vec![Event::Send],
            Actions::START_DELAY,
            Ok(Some(Delay)),
        ),
        row(
            &[Some(Delay)],
            vec![Event::DelayTimeout],
            Actions::SOLICIT_UNICAST | Actions::START_RETRANSMIT,
            Ok(Some(Probe)),
        ),
        row(
            &[Some(Probe)],
            timeout(false),
            Actions::SOLICIT_UNICAST | Actions::START_RETRANSMIT,
            Ok(Some(Probe)),
        ),
        row(&[Some(Probe)], timeout(true), Actions::DISCARD, Ok(None)),
        // What is not an advertisement.
        row(
            NONE,
            heard(&[Same, Different]),
            Actions::CREATE | Actions::RECORD_ADDRESS,
            Ok(Some(Stale)),
        ),
        row(
            INCOMPLETE,
            heard(&[Same, Different]),
            Actions::RECORD_ADDRESS | Actions::SEND_QUEUED,
            Ok(Some(Stale)),
        ),
        row(
            NOT_INCOMPLETE,
            heard(&[Different]),
            Actions::RECORD_ADDRESS,
            Ok(Some(Stale)),
        ),
        row(INCOMPLETE, heard(&[Nothing]), Actions::NONE, Err(())),
        row(
            NOT_INCOMPLETE,
            heard(&[Same, Nothing]),
            Actions::NONE,
            Err(()),
        ),
    ]
}

fn all_events() -> Vec<Event> {
    let mut events = advertisements(&[false, true], &[false, true], &[Nothing, Same, Different]);
    events.extend(heard(&[Nothing, Same, Different]));
    events.extend([
        Event::Send,
        Event::RetransmitTimeout { exhausted: false },
        Event::RetransmitTimeout { exhausted: true },
        Event::DelayTimeout,
        Event::ReachableTimeout,
        Event::Confirmed,
    ]);
    events
}

#[test]
fn the_whole_table() {
    let table = table();
    let states = [
        None,
        Some(Incomplete),
        Some(Reachable),
        Some(Stale),
        Some(Delay),
        Some(Probe),
    ];
    let mut rows = 0;
    for state in states {
        for event in all_events() {
            let found = step(state, event);
            let mut matching = table
                .iter()
                .filter(|row| row.states.contains(&state) && row.events.contains(&event));
            let row = matching.next();
            assert!(
                matching.next().is_none(),
                "two rows for {state:?} and {event:?}"
            );
            match row {
                Some(row) => {
                    rows += 1;
                    let expected = (row.new.unwrap_or(state), row.actions);
                    assert_eq!(found, expected, "{state:?} and {event:?}");
                }
                // What the appendix does not have cannot happen, or is not its business.
                None => assert_eq!(found, (state, Actions::NONE), "{state:?} and {event:?}"),
            }
        }
    }
    assert_eq!(rows, 90, "cells of the table that were looked at");
}
