//! RFC 1661 §4: the automaton, held whole against the table of §4.1.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use ppp_lcp_ncp::automaton::{Actions, Event, State, step};

/// The table of §4.1: events in rows, states 0 to 9 in columns. A cell has actions and, behind the
/// slash, the new state. `r`, `p` and `x` mark the RFC's options and crossed connections.
const TABLE: &str = "
  Up    2      irc,scr/6  -          -              -      -      -          -          -          -
  Down  -      -          0          tls/1          0      1      1          1          1          tld/1
  Open  tls/1  1          irc,scr/6  3r             5r     5r     6          7          8          9r
  Close 0      tlf/0      2          2              4      4      irc,str/4  irc,str/4  irc,str/4  tld,irc,str/4
  TO+   -      -          -          -              str/4  str/5  scr/6      scr/6      scr/8      -
  TO-   -      -          -          -              tlf/2  tlf/3  tlf/3p     tlf/3p     tlf/3p     -
  RCR+  -      -          sta/2      irc,scr,sca/8  4      5      sca/8      sca,tlu/9  sca/8      tld,scr,sca/8
  RCR-  -      -          sta/2      irc,scr,scn/6  4      5      scn/6      scn/7      scn/6      tld,scr,scn/6
  RCA   -      -          sta/2      sta/3          4      5      irc/7      scr/6x     irc,tlu/9  tld,scr/6x
  RCN   -      -          sta/2      sta/3          4      5      irc,scr/6  scr/6x     irc,scr/8  tld,scr/6x
  RTR   -      -          sta/2      sta/3          sta/4  sta/5  sta/6      sta/6      sta/6      tld,zrc,sta/5
  RTA   -      -          2          3              tlf/2  tlf/3  6          6          8          tld,scr/6
  RUC   -      -          scj/2      scj/3          scj/4  scj/5  scj/6      scj/7      scj/8      scj/9
  RXJ+  -      -          2          3              4      5      6          6          8          9
  RXJ-  -      -          tlf/2      tlf/3          tlf/2  tlf/3  tlf/3      tlf/3      tlf/3      tld,irc,str/5
  RXR   -      -          2          3              4      5      6          7          8          ser/9
";

fn action(name: &str) -> Actions {
    match name {
        "tlu" => Actions::THIS_LAYER_UP,
        "tld" => Actions::THIS_LAYER_DOWN,
        "tls" => Actions::THIS_LAYER_STARTED,
        "tlf" => Actions::THIS_LAYER_FINISHED,
        "irc" => Actions::INIT_RESTART_COUNT,
        "zrc" => Actions::ZERO_RESTART_COUNT,
        "scr" => Actions::SEND_CONFIGURE_REQUEST,
        "sca" => Actions::SEND_CONFIGURE_ACK,
        "scn" => Actions::SEND_CONFIGURE_NAK,
        "str" => Actions::SEND_TERMINATE_REQUEST,
        "sta" => Actions::SEND_TERMINATE_ACK,
        "scj" => Actions::SEND_CODE_REJECT,
        "ser" => Actions::SEND_ECHO_REPLY,
        other => panic!("no such action: {other}"),
    }
}

fn cell(text: &str) -> Option<(State, Actions)> {
    if text == "-" {
        return None;
    }
    let text = text.trim_end_matches(['r', 'p', 'x']);
    let (actions, number) = text.rsplit_once('/').unwrap_or(("", text));
    let number: usize = number.parse().unwrap();
    let actions = actions
        .split(',')
        .filter(|name| !name.is_empty())
        .fold(Actions::NONE, |all, name| all | action(name));
    Some((State::ALL[number], actions))
}

mod section_4_1 {
    use super::*;

    // RFC 1661 §4.1 MUST: the automaton is the one of the state transition table.
    #[test]
    fn every_cell_of_the_table() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<&str>| !row.is_empty())
            .collect();
        assert_eq!(rows.len(), Event::ALL.len());
        let mut cells = 0;
        for (row, event) in rows.iter().zip(Event::ALL) {
            assert_eq!(row.len(), 1 + State::ALL.len(), "{}", row[0]);
            for (text, state) in row[1..].iter().zip(State::ALL) {
                assert_eq!(step(state, event), cell(text), "{} in {state}", row[0]);
                cells += 1;
            }
        }
        assert_eq!(cells, 160);
    }

    #[test]
    fn states_are_numbered_as_in_the_rfc() {
        for (number, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, number);
        }
    }
}

mod section_4_4 {
    use super::*;

    // RFC 1661 §4.4 MUST (restart-timer): the timer runs just where a timeout is an event.
    #[test]
    fn the_restart_timer_runs_where_a_timeout_can_happen() {
        for state in State::ALL {
            for timeout in [Event::TimeoutRetry, Event::TimeoutExhausted] {
                assert_eq!(
                    step(state, timeout).is_some(),
                    state.runs_restart_timer(),
                    "{state}"
                );
            }
        }
    }

    #[test]
    fn this_layer_up_and_down_come_in_turn() {
        for state in State::ALL {
            for event in Event::ALL {
                let Some((next, actions)) = step(state, event) else {
                    continue;
                };
                let (was, is) = (state == State::Opened, next == State::Opened);
                let told = actions.contains(Actions::THIS_LAYER_UP);
                assert_eq!(told, !was && is, "{event:?} in {state}");
                let told = actions.contains(Actions::THIS_LAYER_DOWN);
                assert_eq!(told, was && !is, "{event:?} in {state}");
            }
        }
    }
}
