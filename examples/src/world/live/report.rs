//! What was tried, and what came of it.

use super::runner::Status;
use alloc::sync::Arc;
use anyhow::{Error, Result, anyhow, ensure};
use core::fmt::Write as _;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use serde::Serialize;

/// How long is waited before something is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The program, kernel or router that our routers were used by or talked to.
    pub peer: String,
    /// What was tried.
    pub what: String,
    /// Whether it came as it has to.
    pub passed: bool,
    /// What was seen; or why it failed.
    pub result: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct LiveReport {
    /// Whether it was the short form.
    pub short: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many passed.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// Each of them, in order.
    pub cases: Vec<Case>,
    /// The routers of the crates, as they were at the end.
    pub routers: Vec<Status>,
}

impl LiveReport {
    /// A table: peer, what, result, seconds.
    pub fn table(&self) -> String {
        let width = |of: fn(&Case) -> &str| {
            let widths = self.cases.iter().map(|case| of(case).chars().count());
            widths.max().unwrap_or(0)
        };
        let (peer, what) = (width(|case| &case.peer), width(|case| &case.what));
        let mut text = String::new();
        for case in &self.cases {
            let mark = if case.passed { "passed" } else { "FAILED" };
            // A failure's causes may be many lines; the table has the first.
            let result = case.result.lines().next().unwrap_or_default();
            let _ = writeln!(
                text,
                "{:<peer$}  {:<what$}  {mark}  {:>5.1} s  {result}",
                case.peer, case.what, case.seconds,
            );
        }
        let _ = write!(
            text,
            "{} of {} passed, in {:.0} seconds",
            self.passed,
            self.cases.len(),
            self.seconds
        );
        text
    }

    /// Fails when something has.
    ///
    /// # Errors
    ///
    /// What failed.
    pub fn verdict(&self) -> Result<()> {
        let failed: Vec<_> = self.cases.iter().filter(|case| !case.passed).collect();
        ensure!(!self.cases.is_empty(), "nothing was tried");
        ensure!(
            failed.is_empty(),
            "{} of {} failed:\n{}",
            failed.len(),
            self.cases.len(),
            failed
                .iter()
                .map(|case| format!("{}, {}: {}", case.peer, case.what, case.result))
                .collect::<Vec<_>>()
                .join("\n")
        );
        Ok(())
    }
}

/// Tries things, and keeps what came of them.
pub(super) struct Recorder<'a> {
    clock: StdClock,
    stop: Arc<AtomicBool>,
    cases: Vec<Case>,
    tell: &'a mut dyn FnMut(&Case),
}

impl<'a> Recorder<'a> {
    pub(super) fn new(stop: Arc<AtomicBool>, tell: &'a mut dyn FnMut(&Case)) -> Self {
        Self {
            clock: StdClock::new(),
            stop,
            cases: Vec::new(),
            tell,
        }
    }

    /// An error when the run is to end.
    pub(super) fn go_on(&self) -> Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "stopped from outside");
        Ok(())
    }

    /// Tries until it works, or `patience` is over. Whether it worked.
    pub(super) fn case(
        &mut self,
        peer: &str,
        what: &str,
        patience: Duration,
        mut attempt: impl FnMut() -> Result<String>,
    ) -> bool {
        let start = self.clock.now();
        let result = loop {
            if let Err(stopped) = self.go_on() {
                break Err(stopped);
            }
            match attempt() {
                Ok(text) => break Ok(text),
                Err(why) if self.clock.now() - start >= patience => {
                    break Err(why.context(format!("still so after {patience:?}")));
                }
                Err(_) => crate::lab::pause(AGAIN),
            }
        };
        self.add(peer, what, self.clock.now() - start, result)
    }

    fn add(&mut self, peer: &str, what: &str, took: Duration, result: Result<String>) -> bool {
        let passed = result.is_ok();
        let case = Case {
            peer: peer.to_owned(),
            what: what.to_owned(),
            passed,
            result: result.unwrap_or_else(|why| format!("{why:#}")),
            seconds: took.as_secs_f64(),
        };
        (self.tell)(&case);
        self.cases.push(case);
        passed
    }

    /// Something went wrong that nothing else can be tried after.
    pub(super) fn fail(&mut self, what: &str, why: Error) {
        self.add("the lab", what, Duration::ZERO, Err(why));
    }

    pub(super) fn report(
        mut self,
        short: bool,
        took: Duration,
        routers: Result<Vec<Status>>,
    ) -> LiveReport {
        let routers = routers.unwrap_or_else(|why| {
            self.fail("set up", why);
            Vec::new()
        });
        if self.cases.is_empty() {
            self.fail("set up", anyhow!("nothing was tried"));
        }
        let passed = self.cases.iter().filter(|case| case.passed).count();
        LiveReport {
            short,
            seconds: took.as_secs_f64(),
            passed,
            failed: self.cases.len() - passed,
            cases: self.cases,
            routers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_and_fails_the_run() {
        let mut told = 0;
        let mut tell = |_: &Case| told += 1;
        let mut recorder = Recorder::new(Arc::default(), &mut tell);
        let mut tries = 0;
        assert!(
            recorder.case("a kernel", "ping", Duration::from_secs(5), || {
                tries += 1;
                ensure!(tries == 2, "not yet");
                Ok("answered".to_owned())
            })
        );
        assert!(!recorder.case("curl", "a page", Duration::ZERO, || Err(anyhow!("no page"))));
        let report = recorder.report(true, Duration::from_secs(3), Ok(Vec::new()));
        assert_eq!((report.passed, report.failed, tries, told), (1, 1, 2, 2));
        let why = report.verdict().unwrap_err().to_string();
        assert!(
            why.contains("curl, a page") && why.contains("no page"),
            "{why}"
        );
        assert!(report.table().contains("FAILED"), "{}", report.table());
    }

    #[test]
    fn what_is_stopped_does_not_pass() {
        let stop = Arc::new(AtomicBool::new(true));
        let mut tell = |_: &Case| {};
        let mut recorder = Recorder::new(stop, &mut tell);
        assert!(!recorder.case("a kernel", "ping", Duration::MAX, || Ok(String::new())));
        assert!(
            recorder
                .report(true, Duration::ZERO, Ok(Vec::new()))
                .verdict()
                .is_err()
        );
    }

    #[test]
    fn nothing_tried_is_a_failure() {
        let mut tell = |_: &Case| {};
        let recorder = Recorder::new(Arc::default(), &mut tell);
        let report = recorder.report(true, Duration::ZERO, Err(anyhow!("no root")));
        assert_eq!((report.passed, report.failed), (0, 1));
        assert!(report.verdict().is_err());
    }
}
