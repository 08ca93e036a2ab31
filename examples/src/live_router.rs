//! Runs a router on its devices: the loop, and what it prints.

use crate::devices::{Devices, send};
use anyhow::Result;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use packet_buffer::{Instant, PacketBuf};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::fd::BorrowedFd;
use tun_rs::SyncDevice;

/// How a router runs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LiveOptions {
    /// Prints events and counters as one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Shows the sessions, every second.
    #[arg(long)]
    pub top: bool,
    /// Ends after so many seconds.
    #[arg(long)]
    pub seconds: Option<u64>,
}

impl LiveOptions {
    /// Prints something, for programs or for people.
    pub fn say(&self, value: &Value, text: &str) {
        if self.json {
            println!("{value}");
        } else {
            println!("{text}");
        }
        // Whoever reads it may have gone.
        let _ = std::io::stdout().flush();
    }
}

/// A router without devices, and what else it looks after.
pub trait LiveRouter {
    /// Takes an IP packet that came in by an interface.
    fn handle_input(&mut self, now: Instant, interface: usize, packet: &[u8]);
    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// When that is.
    fn poll_timeout(&self) -> Option<Instant>;
    /// The next packet to send, and its interface.
    fn poll_transmit(&mut self) -> Option<(usize, PacketBuf)>;
    /// What has happened, as an object.
    fn poll_note(&mut self) -> Option<Value>;
    /// Its counters, as an event of this name.
    fn counters(&self, event: &str) -> Value;
    /// Its sessions.
    fn session_table(&self, now: Instant, rows: usize) -> String;
    /// What it waits for beside packets.
    fn others(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
    /// Looks after what else there is: each time that something has come.
    fn attend(&mut self, now: Instant, options: &LiveOptions);
}

fn send_all(router: &mut impl LiveRouter, devices: &[SyncDevice]) {
    while let Some((interface, packet)) = router.poll_transmit() {
        send(devices, interface, packet.as_slice());
    }
}

/// Prints what has happened.
fn tell(router: &mut impl LiveRouter, options: &LiveOptions) {
    while let Some(note) = router.poll_note() {
        if options.json {
            println!("{note}");
        }
    }
    let _ = std::io::stdout().flush();
}

/// Runs a router until it is told to stop.
///
/// # Errors
///
/// Those of the devices.
pub fn run(
    router: &mut impl LiveRouter,
    devices: Vec<SyncDevice>,
    clock: &StdClock,
    options: &LiveOptions,
    stop: &AtomicBool,
) -> Result<()> {
    let mut devices = Devices::new(devices);
    options.say(&json!({ "event": "ready" }), "ready");
    let start = clock.now();
    let end = options.seconds.map(|it| start + Duration::from_secs(it));
    let mut next_table = start;
    while !stop.load(Ordering::Relaxed) {
        let now = clock.now();
        if end.is_some_and(|end| now >= end) {
            break;
        }
        if router.poll_timeout().is_some_and(|at| at <= now) {
            router.handle_timeout(now);
        }
        send_all(router, devices.as_slice());
        if options.top && now >= next_table {
            if options.json {
                println!("{}", router.counters("counters"));
            } else {
                // Home, and clear to the end.
                print!("\x1b[H\x1b[J{}", router.session_table(now, 40));
            }
            next_table = now + Duration::from_secs(1);
        }
        tell(router, options);
        // Until there is something to do, and a second at the most.
        let most = Duration::from_millis(if options.top { 200 } else { 1_000 });
        let due = router.poll_timeout();
        let due = due.map_or(most, |at| at.saturating_duration_since(now));
        devices.wait(due.min(most), &router.others())?;
        router.attend(clock.now(), options);
        for number in 0..devices.count() {
            devices.receive(number, |devices, packet| {
                router.handle_input(clock.now(), number, packet);
                send_all(router, devices);
            })?;
        }
    }
    tell(router, options);
    let text = router.session_table(clock.now(), usize::MAX);
    options.say(&router.counters("stopped"), &text);
    Ok(())
}
