//! The internetwork on real links: the Linux kernel, `curl`, `ping`, `iperf3` and `traceroute` use it, and among its
//! routers are FRR, BIRD, and a `pppd` with the PPP of Linux, in a guest kernel.
//!
//! ```text
//! laptop --- home ===serial=== pppd --- access --- FRR ---- border --- server
//!            NAT               (UML)       |                  |
//!                                          +----- BIRD -------+--- company --- web (DMZ)
//!                                                                  firewall |- office
//! ```
//!
//! `home`, `access`, `border` and `company` are [routers](super::router) of the crates, the same as in the
//! simulation; what they need of the system is in [`runner`]. Everything else is a network namespace with the
//! kernel's own stack in it.

mod cases;
mod network;
mod report;
mod routers;
pub mod runner;

pub use report::{Case, LiveReport};

use alloc::sync::Arc;
use anyhow::{Result, ensure};
use core::sync::atomic::AtomicBool;
use packet_buffer::time::StdClock;
use report::Recorder;
use std::path::PathBuf;

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct LiveOptions {
    /// The short form: each thing once.
    pub short: bool,
    /// Where captures of the routers' Ethernet ports go.
    pub captures: Option<PathBuf>,
    /// Ends the run early, and cleans up.
    pub stop: Arc<AtomicBool>,
}

/// Builds the internetwork, has it used, and takes it down again. What did not work is in the report.
///
/// # Errors
///
/// Without root.
pub fn run(options: &LiveOptions, tell: &mut dyn FnMut(&Case)) -> Result<LiveReport> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "network namespaces and TAP devices need root"
    );
    let clock = StdClock::new();
    let start = clock.now();
    let mut recorder = Recorder::new(Arc::clone(&options.stop), tell);
    let routers = cases::play(options, &mut recorder);
    Ok(recorder.report(options.short, clock.now() - start, routers))
}
