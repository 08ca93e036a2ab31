//! The scenarios. Each is one file in this folder, which registers itself:
//!
//! ```ignore
//! use super::{Options, Scenario, Stage};
//!
//! inventory::submit! { Scenario { order: 90, name: "mine", title: "...", about: "...", play } }
//!
//! fn play(stage: &mut Stage, options: &Options) -> anyhow::Result<()> { ... }
//! ```
//!
//! The folder is looked at when the crate is compiled, so nothing else has to name the file.

pub use super::stage::Stage;

use anyhow::Result;

automod::dir!("src/world/scenario");

/// A part of the play.
pub struct Scenario {
    /// Its place among the others.
    pub order: u32,
    /// The name on the command line.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What happens and what is to be seen, in a few sentences.
    pub about: &'static str,
    /// Plays it; an error is a failure.
    pub play: fn(&mut Stage, &Options) -> Result<()>,
}

/// What a scenario may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The home dials by PPPoE instead of a serial line.
    pub pppoe: bool,
}

inventory::collect!(Scenario);

/// All of them, in order.
pub fn all() -> Vec<&'static Scenario> {
    let mut all: Vec<_> = inventory::iter::<Scenario>().collect();
    all.sort_by_key(|scenario| (scenario.order, scenario.name));
    all
}

impl core::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scenario")
            .field("order", &self.order)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
