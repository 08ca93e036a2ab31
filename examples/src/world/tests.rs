use super::model::StoryLine;
use super::run::{Listener, RunConfig, run, verdict};
use super::scenario::{self, Options, Scenario};
use super::stage::Faults;
use alloc::rc::Rc;
use core::cell::RefCell;

/// Hears nothing.
struct Deaf;

impl Listener for Deaf {
    fn begins(&mut self, _: &Scenario, _: usize, _: usize) {}
    fn told(&mut self, _: &StoryLine) {}
    fn ended(&mut self, _: &Scenario, _: Option<&str>) {}
}

fn play(config: &RunConfig) -> super::model::Report {
    run(config, Rc::new(RefCell::new(Deaf))).unwrap()
}

#[test]
fn scenarios_have_names_of_their_own() {
    let all = scenario::all();
    let mut names: Vec<_> = all.iter().map(|it| it.name).collect();
    let count = names.len();
    assert!(count >= 7, "{names:?}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_scenario_comes_out_as_it_has_to_and_the_same_again() {
    let config = RunConfig {
        seed: 7,
        ..RunConfig::default()
    };
    let report = play(&config);
    verdict(&report).unwrap();
    for scenario in &report.scenarios {
        assert!(!scenario.checks.is_empty(), "{}", scenario.name);
        assert!(scenario.checks.iter().all(|it| it.passed));
        assert!(!scenario.messages.is_empty() && !scenario.timelines.is_empty());
        assert!(
            scenario.links.iter().all(|it| it.frames > 0),
            "{}",
            scenario.name
        );
        // What we send, we can read.
        for message in &scenario.messages {
            for layer in &message.layers {
                let error = layer.fields.iter().find(|it| it.0 == "error");
                assert!(error.is_none(), "{}: {message:?}", scenario.name);
            }
        }
    }
    assert_eq!(report, play(&config));
}

#[test]
fn a_home_may_dial_by_pppoe() {
    let config = RunConfig {
        seed: 3,
        options: Options { pppoe: true },
        scenarios: vec!["dial".to_owned()],
        ..RunConfig::default()
    };
    verdict(&play(&config)).unwrap();
}

#[test]
fn some_loss_is_borne() {
    for name in ["dial", "routes", "company"] {
        let config = RunConfig {
            seed: 5,
            faults: Faults {
                loss: 0.01,
                duplicate: 0.02,
                reorder: 0.02,
                ..Faults::default()
            },
            scenarios: vec![name.to_owned()],
            ..RunConfig::default()
        };
        verdict(&play(&config)).unwrap();
    }
}

#[test]
fn a_scenario_that_is_not_there_is_an_error_that_names_those_that_are() {
    let config = RunConfig {
        scenarios: vec!["nowhere".to_owned()],
        ..RunConfig::default()
    };
    let error = run(&config, Rc::new(RefCell::new(Deaf)))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nowhere") && error.contains("dial"),
        "{error}"
    );
}
