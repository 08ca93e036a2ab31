//! Faults beside the scenarios' own, and links in words.

use core::time::Duration;
use testkit::LinkConfig;

/// Faults beside the scenarios' own, on every link that carries frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// The part of frames that is lost, from 0 to 1.
    pub loss: f64,
    /// The part that arrives twice.
    pub duplicate: f64,
    /// The part that later ones may pass.
    pub reorder: f64,
    /// The part that arrives damaged.
    pub corrupt: f64,
    /// How long the first link of a scenario is cut, from its tenth second on.
    pub cut: Duration,
}

impl Faults {
    /// In words; empty for none.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        let mut part = |value: f64, what: &str| {
            if value > 0.0 {
                words.push(format!("{} % {what}", value * 100.0));
            }
        };
        part(self.loss, "lost");
        part(self.duplicate, "twice");
        part(self.reorder, "reordered");
        part(self.corrupt, "damaged");
        if !self.cut.is_zero() {
            words.push(format!("first link cut for {:?}", self.cut));
        }
        words.join(", ")
    }

    pub(super) fn apply(&self, config: &mut LinkConfig) {
        let add = |own: f64, more: f64| (own + more).min(1.0);
        // On a serial line octets are hit: so often that it is as many frames of this length.
        let frame = if config.byte_stream.is_some() {
            500.0
        } else {
            config.duplicate = add(config.duplicate, self.duplicate);
            config.reorder = add(config.reorder, self.reorder);
            1.0
        };
        config.loss = add(config.loss, self.loss / frame);
        config.corrupt = add(config.corrupt, self.corrupt / frame);
    }
}

/// What a link does to frames, in words.
pub(super) fn fault_words(config: &LinkConfig) -> String {
    let mut words = Vec::new();
    if config.delay != LinkConfig::default().delay {
        words.push(format!("{:?}", config.delay));
    }
    if let Some(rate) = config.rate {
        words.push(format!("{rate} bit/s"));
    }
    if config.loss > 0.0 {
        words.push(format!("{} % lost", config.loss * 100.0));
    }
    words.join(", ")
}
