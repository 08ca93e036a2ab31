//! Datagram Packetization Layer PMTUD (RFC 8899): the table, the timers, the sizes.

use icmp_nd::pmtu::{
    Action, Plpmtud, PlpmtudConfig, PlpmtudConfigError, PlpmtudDiscard, PlpmtudEvent, Probe,
    Search, State, StepEvent, step,
};
use packet_buffer::Instant;
use std::time::Duration;

/// Figure 5 of RFC 8899 §5.2, line by line: state, event, new state, what is done. What is not here
/// changes nothing.
const FIGURE_5: &[(State, StepEvent, State, &[Action])] = {
    use Action as A;
    use State as S;
    use StepEvent as E;
    &[
        // "Connectivity confirmed."
        (
            S::Disabled,
            E::Connected,
            S::Base,
            &[A::UseBase, A::ProbeBase],
        ),
        // "BASE_PLPMTU confirmed."
        (
            S::Base,
            E::Acked,
            S::Searching,
            &[A::UseBase, A::RestartSearch, A::ProbeNext],
        ),
        (
            S::Base,
            E::AckedLast,
            S::SearchComplete,
            &[A::UseBase, A::StartTimers],
        ),
        // "PROBE_COUNT == MAX_PROBES or PTB: PL_PTB_SIZE < BASE_PLPMTU."
        (
            S::Base,
            E::Exhausted,
            S::Error,
            &[A::Stop, A::UseMin, A::ProbeBase],
        ),
        (
            S::Base,
            E::TooBigBelowBase,
            S::Error,
            &[A::Stop, A::UseMin, A::ProbeBase],
        ),
        // "Probe acked", at BASE_PLPMTU, out of the Error phase.
        (
            S::Error,
            E::Acked,
            S::Searching,
            &[A::UseBase, A::RestartSearch, A::ProbeNext],
        ),
        (
            S::Error,
            E::AckedLast,
            S::SearchComplete,
            &[A::UseBase, A::StartTimers],
        ),
        (S::Error, E::Exhausted, S::Error, &[A::ProbeBase]),
        // "Probe acked": the search goes on.
        (
            S::Searching,
            E::Acked,
            S::Searching,
            &[A::UseProbed, A::ProbeNext],
        ),
        (S::Searching, E::SizeFailed, S::Searching, &[A::ProbeNext]),
        // "PLPMTU == MAX_PLPMTU", or nothing that is worth a probe is left.
        (
            S::Searching,
            E::AckedLast,
            S::SearchComplete,
            &[A::UseProbed, A::StartTimers],
        ),
        (
            S::Searching,
            E::Exhausted,
            S::SearchComplete,
            &[A::StartTimers],
        ),
        // "Black hole detected or PTB: PL_PTB_SIZE < PLPMTU."
        (
            S::Searching,
            E::BlackHole,
            S::Base,
            &[A::Stop, A::UseBase, A::ProbeBase],
        ),
        (
            S::Searching,
            E::TooBigBelowPlpmtu,
            S::Base,
            &[A::Stop, A::UseBase, A::ProbeBase],
        ),
        (
            S::SearchComplete,
            E::BlackHole,
            S::Base,
            &[A::Stop, A::UseBase, A::ProbeBase],
        ),
        (
            S::SearchComplete,
            E::TooBigBelowPlpmtu,
            S::Base,
            &[A::Stop, A::UseBase, A::ProbeBase],
        ),
        // "PTB: PL_PTB_SIZE < BASE_PLPMTU."
        (
            S::Searching,
            E::TooBigBelowBase,
            S::Error,
            &[A::Stop, A::UseMin, A::ProbeBase],
        ),
        (
            S::SearchComplete,
            E::TooBigBelowBase,
            S::Error,
            &[A::Stop, A::UseMin, A::ProbeBase],
        ),
        // "PMTU_RAISE_TIMER expired."
        (
            S::SearchComplete,
            E::RaiseTimer,
            S::Searching,
            &[A::Stop, A::RestartSearch, A::ProbeNext],
        ),
        // "PL indicates loss of connectivity", from every state.
        (S::Base, E::Disconnected, S::Disabled, &[A::Stop]),
        (S::Searching, E::Disconnected, S::Disabled, &[A::Stop]),
        (S::SearchComplete, E::Disconnected, S::Disabled, &[A::Stop]),
        (S::Error, E::Disconnected, S::Disabled, &[A::Stop]),
    ]
};

// RFC 8899 §5.2 MUST (states): every state with every event.
#[test]
fn the_whole_table() {
    for state in State::ALL {
        for event in StepEvent::ALL {
            let line = FIGURE_5.iter().find(|it| (it.0, it.1) == (state, event));
            let expected = line.map_or((state, &[][..]), |it| (it.2, it.3));
            assert_eq!(step(state, event), expected, "{state:?} {event:?}");
        }
    }
}

/// A search over a path that takes `path` octets; the path may be changed between runs.
struct Run {
    search: Plpmtud,
    now: Instant,
    path: u32,
    probed: Vec<u32>,
}

impl Run {
    fn new(config: PlpmtudConfig, path: u32) -> Self {
        let mut search = Plpmtud::new(config).unwrap();
        search.handle_connected(Instant::ZERO);
        Self {
            search,
            now: Instant::ZERO,
            path,
            probed: Vec::new(),
        }
    }

    /// Until `until`; probes that fit are acknowledged at once.
    fn until(&mut self, until: Instant) {
        for _ in 0..1_000 {
            while let Some(probe) = self.search.poll_probe() {
                self.probed.push(probe.size);
                if probe.size <= self.path {
                    self.search.handle_ack(self.now, probe).unwrap();
                }
            }
            match self.search.poll_timeout() {
                Some(at) if at <= until => {
                    self.now = at;
                    self.search.handle_timeout(at);
                    assert!(self.search.poll_timeout().is_none_or(|next| next > at));
                }
                _ => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("it does not end");
    }
}

fn seconds(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

#[test]
fn jumbo_frames_to_1500_to_1280() {
    let mut run = Run::new(PlpmtudConfig::ipv6(9000), 9000);
    run.until(seconds(1));
    assert_eq!(run.search.plpmtu(), 9000);
    assert_eq!(run.search.state(), State::SearchComplete);
    assert_eq!(run.probed, [1280, 1492, 1500, 2002, 4352, 8166, 9000]);
    // Nothing is larger: no timer runs.
    assert_eq!(run.search.poll_timeout(), None);
    let changed = |previous, plpmtu| Some(PlpmtudEvent::Changed { previous, plpmtu });
    assert_eq!(run.search.poll_event(), changed(1280, 9000));

    // The path becomes narrower, and no router says so.
    for path in [1500, 1280] {
        let before = run.search.plpmtu();
        run.path = path;
        for _ in 0..3 {
            run.search.handle_data_loss(run.now, before);
        }
        assert_eq!(run.search.plpmtu(), 1280, "data goes on at once");
        run.until(run.now + Duration::from_secs(60));
        assert_eq!(run.search.plpmtu(), path);
    }
    assert_eq!(run.search.stats().black_holes, 2);
    // Ten minutes later the path is wide again.
    run.path = 9000;
    run.until(run.now + Duration::from_secs(601));
    assert_eq!(run.search.plpmtu(), 9000);
}

// RFC 8899 §3 MUST (no-larger): until a probe got through, PLPMTU is BASE_PLPMTU at the most.
#[test]
fn plpmtu_is_never_more_than_what_got_through() {
    let mut run = Run::new(PlpmtudConfig::ipv4(9000), 600);
    assert_eq!(run.search.plpmtu(), 1200);
    run.until(seconds(46));
    // RFC 8899 §5.1.2 MUST (min): not even 1200 octets get through; 68 do.
    assert_eq!(
        (run.search.state(), run.search.plpmtu()),
        (State::Error, 68)
    );
    // It goes on to try, a probe each PROBE_TIMER.
    run.until(seconds(200));
    assert_eq!(run.search.state(), State::Error);
    assert!(run.probed.iter().all(|&size| size == 1200));
    assert_eq!(run.probed.len(), 1 + 200 / 15);
    run.path = 1500;
    run.until(seconds(300));
    assert_eq!(run.search.plpmtu(), 1500);
}

// RFC 8899 §5.1.1 MUST (probe-timer): a shorter one is refused.
// RFC 8899 §5.1.2 MUST (order): so are sizes out of order.
#[test]
fn configurations_that_make_no_sense() {
    let refused = |change: fn(&mut PlpmtudConfig)| {
        let mut config = PlpmtudConfig::ipv6(1500);
        change(&mut config);
        Plpmtud::new(config).err()
    };
    let millis = Duration::from_millis;
    use PlpmtudConfigError as E;
    assert_eq!(
        refused(|it| it.probe_timer = Duration::from_millis(999)),
        Some(E::ProbeTimer)
    );
    assert_eq!(refused(|it| it.base_plpmtu = 1279), Some(E::Sizes));
    assert_eq!(refused(|it| it.max_plpmtu = 1279), Some(E::Sizes));
    assert_eq!(refused(|it| it.max_probes = 0), Some(E::Counts));
    assert_eq!(
        refused(|it| it.raise_timer = Duration::ZERO),
        Some(E::Timers)
    );
    let mut config = PlpmtudConfig::ipv4(576);
    assert_eq!(config.base_plpmtu, 576);
    config.probe_timer = millis(1_000);
    assert!(Plpmtud::new(config).is_ok());
    // RFC 8899 §5.1.2 SHOULD (base): 1200 octets over IPv4.
    assert_eq!(PlpmtudConfig::ipv4(1500).base_plpmtu, 1200);
}

mod section4_6_2 {
    use super::*;

    fn searching(path: u32) -> Run {
        // The first size beyond the path is on its way.
        let mut run = Run::new(PlpmtudConfig::ipv6(9000), path);
        run.until(seconds(1));
        assert_eq!(run.search.state(), State::Searching);
        run
    }

    // RFC 8899 §4.6.2 MUST (ptb): between PLPMTU and the probe, the next probe has the reported size.
    #[test]
    fn a_report_above_plpmtu_guides_the_search() {
        let mut run = searching(1450);
        assert_eq!(run.search.plpmtu(), 1280);
        run.search
            .handle_packet_too_big(run.now, 1450, 1492)
            .unwrap();
        run.until(seconds(2));
        assert_eq!(run.search.plpmtu(), 1450);
        assert_eq!(run.search.state(), State::SearchComplete);
        assert_eq!(
            run.search.stats().lost,
            0,
            "no probe had to be lost three times"
        );
    }

    // RFC 8899 §4.6.2 MUST (ptb): below PLPMTU, BASE_PLPMTU is used and the search starts anew.
    #[test]
    fn a_report_below_plpmtu_falls_back_to_base() {
        let mut run = searching(1500);
        assert_eq!(run.search.plpmtu(), 1500);
        run.path = 1400;
        run.search
            .handle_packet_too_big(run.now, 1400, 1500)
            .unwrap();
        assert_eq!(
            (run.search.state(), run.search.plpmtu()),
            (State::Base, 1280)
        );
        run.until(seconds(2));
        assert_eq!(run.search.plpmtu(), 1400);
        assert_eq!(run.search.stats().lost, 0);
    }

    // RFC 8899 §4.6.2 MUST (below-min): the report of an attacker.
    // RFC 8899 §4.6.2 MUST (not-smaller): one that is not below what was sent.
    #[test]
    fn reports_that_are_ignored() {
        let mut run = searching(1500);
        let mut report = |mtu, length| run.search.handle_packet_too_big(run.now, mtu, length);
        assert_eq!(report(1279, 1500), Err(PlpmtudDiscard::BelowMinimum));
        assert_eq!(report(0, 1500), Err(PlpmtudDiscard::BelowMinimum));
        assert_eq!(report(2002, 2002), Err(PlpmtudDiscard::NoReduction));
        assert_eq!(report(9000, 65_535), Err(PlpmtudDiscard::NoReduction));
        assert_eq!(report(1400, 1400), Err(PlpmtudDiscard::NoReduction));
        assert_eq!(run.search.plpmtu(), 1500);
        assert_eq!(run.search.stats().ignored_reports, 5);
        run.search.handle_disconnected(run.now);
        let result = run.search.handle_packet_too_big(run.now, 1400, 1500);
        assert_eq!(result, Err(PlpmtudDiscard::Disabled));
    }

    #[test]
    fn a_report_below_base_over_ipv4_is_the_error_phase() {
        let mut run = Run::new(PlpmtudConfig::ipv4(1500), 1500);
        run.until(seconds(1));
        run.path = 576;
        run.search
            .handle_packet_too_big(run.now, 576, 1500)
            .unwrap();
        assert_eq!(
            (run.search.state(), run.search.plpmtu()),
            (State::Error, 68)
        );
    }
}

mod section4_3 {
    use super::*;

    // RFC 8899 §4.3 MUST (black-hole): without reports, by lost data.
    #[test]
    fn three_losses_in_a_row_are_a_black_hole() {
        let mut run = Run::new(PlpmtudConfig::ipv6(9000), 9000);
        run.until(seconds(1));
        // Losses of small packets, and two of large ones, say nothing.
        for _ in 0..10 {
            run.search.handle_data_loss(run.now, 1280);
        }
        run.search.handle_data_loss(run.now, 9000);
        run.search.handle_data_loss(run.now, 9000);
        run.search.handle_data_ack(run.now, 1280);
        run.search.handle_data_ack(run.now, 8000);
        run.search.handle_data_loss(run.now, 9000);
        run.search.handle_data_loss(run.now, 9000);
        assert_eq!(run.search.plpmtu(), 9000);
        run.search.handle_data_loss(run.now, 9000);
        assert_eq!(
            (run.search.state(), run.search.plpmtu()),
            (State::Base, 1280)
        );
    }

    // RFC 8899 §5.1.1 MUST (confirmation): where data is not acknowledged, probes of PLPMTU find out;
    // where it is, none is sent.
    #[test]
    fn confirmation_probes_find_a_black_hole() {
        let config = PlpmtudConfig {
            confirmation_timer: Some(Duration::from_secs(60)),
            ..PlpmtudConfig::ipv6(1500)
        };
        let mut run = Run::new(config, 1500);
        run.until(seconds(100));
        assert_eq!(run.probed, [1280, 1492, 1500, 1500]);
        run.path = 1280;
        run.until(seconds(120 + 3 * 15));
        assert_eq!(run.search.stats().black_holes, 1);
        run.until(seconds(400));
        assert_eq!(run.search.plpmtu(), 1280);

        let mut run = Run::new(PlpmtudConfig::ipv6(1500), 1500);
        run.until(seconds(10_000));
        assert_eq!(run.probed, [1280, 1492, 1500]);
    }
}

#[test]
fn acknowledgments_of_other_probes_do_nothing() {
    let mut search = Plpmtud::new(PlpmtudConfig::ipv6(1500)).unwrap();
    let now = Instant::ZERO;
    let unknown = Err(PlpmtudDiscard::UnknownProbe);
    assert_eq!(
        search.poll_probe(),
        None,
        "nothing is sent before the peer is there"
    );
    search.handle_connected(now);
    search.handle_connected(now);
    let probe = search.poll_probe().unwrap();
    assert_eq!(search.poll_probe(), None, "one probe at a time");
    let forged = Probe {
        size: 1500,
        ..probe
    };
    assert_eq!(search.handle_ack(now, forged), unknown);
    let forged = Probe {
        id: probe.id.wrapping_add(1),
        ..probe
    };
    assert_eq!(search.handle_ack(now, forged), unknown);
    assert_eq!(search.handle_loss(now, forged), unknown);
    search.handle_ack(now, probe).unwrap();
    assert_eq!(search.handle_ack(now, probe), unknown);
    assert_eq!(search.stats().unknown_probes, 4);
    // A loss that the packetization layer sees itself is repeated at once.
    let first = search.poll_probe().unwrap();
    search.handle_loss(now, first).unwrap();
    let second = search.poll_probe().unwrap();
    assert_eq!((second.size, second.id), (first.size, first.id + 1));
    // The first one was only late.
    search.handle_ack(now, first).unwrap();
    assert_eq!(search.plpmtu(), first.size);
}

/// RFC 4821 §7.4: a probe that is lost by chance does not end the search.
#[test]
fn a_single_lost_probe_is_repeated() {
    let mut search = Plpmtud::new(PlpmtudConfig::ipv6(1500)).unwrap();
    search.handle_connected(Instant::ZERO);
    let mut now = Instant::ZERO;
    let mut count = 0;
    while search.state() != State::SearchComplete {
        if let Some(probe) = search.poll_probe() {
            count += 1;
            // Two of three are lost.
            if count % 3 == 0 {
                search.handle_ack(now, probe).unwrap();
            }
        } else {
            now = search.poll_timeout().unwrap();
            search.handle_timeout(now);
        }
    }
    assert_eq!(search.plpmtu(), 1500);
    assert_eq!(search.stats().lost, 6);
}

#[test]
fn binary_search_finds_what_plateaus_do_not_know() {
    let config = PlpmtudConfig {
        search: Search::Binary { granularity: 4 },
        ..PlpmtudConfig::ipv6(9000)
    };
    let mut run = Run::new(config, 7777);
    run.until(seconds(590));
    assert!(
        (7773..=7777).contains(&run.search.plpmtu()),
        "{}",
        run.search.plpmtu()
    );
    assert_eq!(run.probed[1], 9000, "the largest size first");
}
