//! The router on two TUN devices.

use super::file::{NatFile, SideFile};
use super::node::{NatRouter, Replaced};
use super::show::{counters, session_table, to_json};
use crate::devices::open_tun;
use crate::live_router::{self, LiveOptions, LiveRouter};
use alloc::sync::Arc;
use anyhow::{Result, ensure};
use core::sync::atomic::{AtomicBool, Ordering};
use nat::Instant;
use packet_buffer::PacketBuf;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::path::{Path, PathBuf};

/// Runs a router until it is told to stop; its file is read again when it is told to reload.
///
/// # Errors
///
/// Without root; those of the devices.
pub fn run(path: &Path, file: NatFile, options: LiveOptions) -> Result<()> {
    let clock = StdClock::new();
    let router = file.build(clock.now(), &mut OsRandom)?;
    let open = |side: &SideFile| open_tun(&side.device, side.netns.as_deref(), side.mtu);
    let devices = vec![open(&file.inside)?, open(&file.outside)?];
    let (stop, reload) = (Arc::default(), Arc::default());
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&stop))?;
    }
    flag::register(SIGHUP, Arc::clone(&reload))?;
    let mut live = Live {
        path: path.to_owned(),
        file,
        router,
        reload,
    };
    live_router::run(&mut live, devices, &clock, &options, &stop)
}

struct Live {
    path: PathBuf,
    file: NatFile,
    router: NatRouter,
    reload: Arc<AtomicBool>,
}

impl Live {
    /// Reads the file again, and goes over to what it says; stays with the old one when it cannot be used.
    fn reload(&mut self, now: Instant, options: &LiveOptions) {
        let read = || -> Result<(NatFile, NatRouter)> {
            let file = NatFile::parse(&std::fs::read_to_string(&self.path)?)?;
            ensure!(
                file.has_devices_of(&self.file),
                "other devices need a new start"
            );
            let router = file.build(now, &mut OsRandom)?;
            Ok((file, router))
        };
        match read() {
            Ok((file, router)) => {
                self.file = file;
                let Replaced { kept, ended } = self.router.replace(now, router);
                let event = json!({ "event": "reloaded", "kept": kept, "ended": ended });
                options.say(
                    &event,
                    &format!("reloaded: {kept} sessions go on, {ended} end"),
                );
            }
            Err(error) => {
                let why = format!("{error:#}");
                let event = json!({ "event": "reload_failed", "why": why });
                options.say(&event, &format!("not reloaded: {why}"));
            }
        }
    }
}

impl LiveRouter for Live {
    fn handle_input(&mut self, now: Instant, interface: usize, packet: &[u8]) {
        self.router.handle_input(now, interface, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.router.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.router.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<(usize, PacketBuf)> {
        self.router.poll_transmit()
    }

    fn poll_note(&mut self) -> Option<Value> {
        self.router.poll_note().map(|note| to_json(&note))
    }

    fn counters(&self, event: &str) -> Value {
        counters(&self.router, event)
    }

    fn session_table(&self, now: Instant, rows: usize) -> String {
        session_table(&self.router, now, rows)
    }

    fn attend(&mut self, now: Instant, options: &LiveOptions) {
        if self.reload.swap(false, Ordering::Relaxed) {
            self.reload(now, options);
        }
    }
}
