//! The router on two TUN devices.

use super::file::{NatFile, SideFile};
use super::node::{NatRouter, Replaced};
use super::show::{counters, session_table, to_json};
use super::{INSIDE, OUTSIDE};
use crate::devices::{Devices, open_tun, send};
use alloc::sync::Arc;
use anyhow::{Result, ensure};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use nat::Instant;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tun_rs::SyncDevice;

/// How a router runs.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Events and counters as one JSON object a line.
    pub json: bool,
    /// The session table, every second.
    pub top: bool,
    /// Ends after so long; `None` for never.
    pub duration: Option<Duration>,
}

/// Runs a router until it is told to stop.
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
        options,
        clock,
        path: path.to_owned(),
        file,
        router,
        devices: Devices::new(devices),
    };
    live.say(&json!({ "event": "ready" }), "ready");
    live.run(&stop, &reload)
}

fn send_all(router: &mut NatRouter, devices: &[SyncDevice]) {
    while let Some((side, packet)) = router.poll_transmit() {
        send(devices, side, packet.as_slice());
    }
}

struct Live {
    options: LiveOptions,
    clock: StdClock,
    path: PathBuf,
    file: NatFile,
    router: NatRouter,
    devices: Devices,
}

impl Live {
    fn run(&mut self, stop: &AtomicBool, reload: &AtomicBool) -> Result<()> {
        let start = self.clock.now();
        let mut next_table = start;
        while !stop.load(Ordering::Relaxed) {
            if reload.swap(false, Ordering::Relaxed) {
                self.reload();
            }
            let now = self.clock.now();
            if self.options.duration.is_some_and(|it| now - start >= it) {
                break;
            }
            if self.router.poll_timeout().is_some_and(|at| at <= now) {
                self.router.handle_timeout(now);
            }
            if self.options.top && now >= next_table {
                self.table(now);
                next_table = now + Duration::from_secs(1);
            }
            self.tell();
            self.wait(now)?;
            for side in [INSIDE, OUTSIDE] {
                self.receive(side)?;
            }
        }
        self.tell();
        let text = session_table(&self.router, self.clock.now(), usize::MAX);
        self.say(&counters(&self.router, "stopped"), &text);
        Ok(())
    }

    /// Reads the file again, and goes over to what it says; stays with the old one when it cannot be used.
    fn reload(&mut self) {
        let now = self.clock.now();
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
                self.say(
                    &event,
                    &format!("reloaded: {kept} sessions go on, {ended} end"),
                );
            }
            Err(error) => {
                let why = format!("{error:#}");
                let event = json!({ "event": "reload_failed", "why": why });
                self.say(&event, &format!("not reloaded: {why}"));
            }
        }
    }

    /// Waits until there is something to do, and a second at the most.
    fn wait(&self, now: Instant) -> Result<()> {
        let due = self.router.poll_timeout();
        let due = due.map_or(Duration::from_secs(1), |at| {
            at.saturating_duration_since(now)
        });
        let most = if self.options.top { 200 } else { 1_000 };
        self.devices.wait(due.min(Duration::from_millis(most)), &[])
    }

    /// Takes what a device has, not without end.
    fn receive(&mut self, side: usize) -> Result<()> {
        let (clock, router) = (&self.clock, &mut self.router);
        self.devices.receive(side, |devices, packet| {
            router.handle_input(clock.now(), side, packet);
            send_all(router, devices);
        })?;
        send_all(router, self.devices.as_slice());
        Ok(())
    }

    /// Prints what has happened.
    fn tell(&mut self) {
        while let Some(note) = self.router.poll_note() {
            if self.options.json {
                println!("{}", to_json(&note));
            }
        }
        let _ = std::io::stdout().flush();
    }

    fn table(&self, now: Instant) {
        if self.options.json {
            println!("{}", counters(&self.router, "counters"));
        } else {
            // Home, and clear to the end.
            print!("\x1b[H\x1b[J{}", session_table(&self.router, now, 40));
        }
    }

    fn say(&self, value: &serde_json::Value, text: &str) {
        if self.options.json {
            println!("{value}");
        } else {
            println!("{text}");
        }
        let _ = std::io::stdout().flush();
    }
}
