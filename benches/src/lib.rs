//! One description of a bench, measured in two ways.
//!
//! A bench file describes [`Group`]s: our code first, then its peers, all doing the same work. Then
//!
//! * `cargo bench -p internetwork-benches --bench checksum` measures them with criterion, which
//!   keeps a history but times the items of a group one after the other;
//! * `cargo bench -p internetwork-benches --bench checksum -- --ratios` runs the items of a group in
//!   turns of some milliseconds, over many rounds, and prints Markdown tables with the median over
//!   all rounds of *ours / peer within one round*. What else the machine does hits both alike, so
//!   these ratios hold where nanoseconds do not. Words behind it pick the groups that contain one of them.
//!   `cargo xtask report` makes the README's tables of this; `tables.toml` says what goes where.
//!
//! Both count the CPU time of the thread, so that being preempted is not measured. The profile is
//! cargo's plain release profile, which is what a user of the crates builds with; to see the effect
//! of link-time optimisation, add `--config 'profile.bench.lto="thin"'`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

extern crate alloc;

pub mod bare_table;
mod report;
pub mod traffic;

use core::hint::black_box;
use core::time::Duration;
use criterion::{Criterion, Throughput};
use rustix::time::{ClockId, clock_gettime};
use std::env;

/// What is measured: runs the given number of times, and says how long that took.
type Run<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// One contender of a [`Group`].
struct Item<'a> {
    name: String,
    run: Run<'a>,
}

/// What our code shall reach.
#[derive(Debug, Clone)]
enum Goal {
    /// At most so many times the time of the named peer.
    Ratio { peer: String, at_most: f64 },
    /// At most so many nanoseconds for one operation.
    Nanoseconds(f64),
}

/// Items that do the same work; the first is ours.
pub struct Group<'a> {
    name: String,
    /// Operations in one run of an item.
    operations: u32,
    items: Vec<Item<'a>>,
    goals: Vec<Goal>,
}

impl<'a> Group<'a> {
    /// A group whose items do `operations` operations (packets, lookups) each time they run.
    pub fn new(name: impl Into<String>, operations: u32) -> Self {
        Self {
            name: name.into(),
            operations: operations.max(1),
            items: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// Adds an item. What `run` returns counts as used; what it reads should come from
    /// [`black_box`].
    #[must_use]
    pub fn item<R>(mut self, name: impl Into<String>, mut run: impl FnMut() -> R + 'a) -> Self {
        self.items.push(Item {
            name: name.into(),
            run: Box::new(move |times| {
                time(|| {
                    for _ in 0..times {
                        black_box(run());
                    }
                })
            }),
        });
        self
    }

    /// Adds an item whose every run is prepared, which is not counted.
    #[must_use]
    pub fn prepared_item<S: 'a, R>(
        mut self,
        name: impl Into<String>,
        mut state: S,
        mut prepare: impl FnMut(&mut S) + 'a,
        mut run: impl FnMut(&mut S) -> R + 'a,
    ) -> Self {
        self.items.push(Item {
            name: name.into(),
            run: Box::new(move |times| {
                let mut taken = Duration::ZERO;
                for _ in 0..times {
                    prepare(&mut state);
                    taken += time(|| {
                        black_box(run(&mut state));
                    });
                }
                taken
            }),
        });
        self
    }

    /// The goal that the first item takes at most `at_most` times as long as `peer`.
    #[must_use]
    pub fn at_most(mut self, at_most: f64, peer: impl Into<String>) -> Self {
        self.goals.push(Goal::Ratio {
            peer: peer.into(),
            at_most,
        });
        self
    }

    /// The goal that one operation of the first item takes at most `nanoseconds`.
    #[must_use]
    pub fn at_most_nanoseconds(mut self, nanoseconds: f64) -> Self {
        self.goals.push(Goal::Nanoseconds(nanoseconds));
        self
    }
}

/// Whether `--ratios` measures a group of this name: for groups that take long to make.
pub fn is_wanted(name: &str) -> bool {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ratios = arguments.iter().any(|argument| argument == "--ratios");
    let mut words = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    !ratios || words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
}

/// Measures the groups in the way that the arguments of the program ask for. Each is made when its turn has come.
pub fn run<'a>(groups: impl IntoIterator<Item = Group<'a>>) {
    let ratios = env::args().any(|argument| argument == "--ratios");
    if ratios {
        report::print_machine();
        for mut group in groups.into_iter().filter(|group| is_wanted(&group.name)) {
            let samples = take_turns(&mut group);
            report::print_group(&group, &samples);
        }
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        for group in groups {
            with_criterion(&mut criterion, group);
        }
        criterion.final_summary();
    }
}

fn with_criterion(criterion: &mut Criterion, group: Group<'_>) {
    let mut bench = criterion.benchmark_group(group.name);
    bench.throughput(Throughput::Elements(u64::from(group.operations)));
    for mut item in group.items {
        bench.bench_function(item.name, |bencher| {
            bencher.iter_custom(|times| (item.run)(times));
        });
    }
    bench.finish();
}

/// How often each item has its turn. Odd, so that there is a round in the middle.
const ROUNDS: usize = 41;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(2);

/// Nanoseconds for one operation of each item in each round.
fn take_turns(group: &mut Group<'_>) -> Vec<Vec<f64>> {
    let operations = f64::from(group.operations);
    let times: Vec<u32> = group.items.iter_mut().map(times_in_a_turn).collect();
    let mut samples = vec![Vec::with_capacity(ROUNDS); group.items.len()];
    for round in 0..ROUNDS {
        let mut turns: Vec<_> = group
            .items
            .iter_mut()
            .zip(&times)
            .zip(&mut samples)
            .collect();
        // Another item begins each round: no one always follows the same neighbor's break.
        let first = round % turns.len().max(1);
        turns.rotate_left(first);
        for ((item, times), samples) in turns {
            let taken = (item.run)(u64::from(*times)).as_secs_f64() * 1e9;
            samples.push(taken / f64::from(*times) / operations);
        }
    }
    samples
}

/// How many runs of the item fill a turn; this warms it up as well. The first time that so many take long enough does not
/// count: then memory is touched for the first time.
fn times_in_a_turn(item: &mut Item<'_>) -> u32 {
    let mut times = 1u32;
    while times < 1 << 30
        && ((item.run)(u64::from(times)) < TURN || (item.run)(u64::from(times)) < TURN)
    {
        times *= 2;
    }
    times
}

/// The CPU time that the thread spends.
fn time(run: impl FnOnce()) -> Duration {
    let start = thread_cpu_time();
    run();
    thread_cpu_time().saturating_sub(start)
}

/// The CPU time that the calling thread has used.
fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
