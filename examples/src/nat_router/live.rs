//! The router on two TUN devices.

use super::file::{NatFile, SideFile};
use super::node::NatRouter;
use super::show::{counters, session_table, to_json};
use super::{INSIDE, OUTSIDE};
use alloc::sync::Arc;
use anyhow::{Context, Result, anyhow};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use nat::Instant;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{ErrorKind, Write as _};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

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
pub fn run(file: &NatFile, options: LiveOptions) -> Result<()> {
    let clock = StdClock::new();
    let router = file.build(clock.now(), &mut OsRandom)?;
    let devices = [open(&file.inside)?, open(&file.outside)?];
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed))?;
    let mut live = Live {
        options,
        clock,
        router,
        devices,
        packet: vec![0; 65_535],
    };
    live.say(&serde_json::json!({ "event": "ready" }), "ready");
    live.run(&stop)
}

/// Makes a device, up and without addresses, in its namespace.
fn open(side: &SideFile) -> Result<SyncDevice> {
    let make = || -> Result<SyncDevice> {
        let device = DeviceBuilder::new()
            .name(&side.device)
            .layer(Layer::L3)
            .mtu(side.mtu)
            .build_sync()
            .with_context(|| format!("cannot make the device {} (it needs root)", side.device))?;
        device.set_nonblocking(true)?;
        Ok(device)
    };
    let Some(name) = &side.netns else {
        return make();
    };
    let path = format!("/run/netns/{name}");
    let namespace = std::fs::File::open(&path).with_context(|| format!("cannot open {path}"))?;
    // A device stays in the namespace that the thread was in which made it.
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
            use std::os::fd::AsFd as _;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            make()
        });
        inside
            .join()
            .map_err(|_| anyhow!("the thread in {name} panicked"))?
    })
}

struct Live {
    options: LiveOptions,
    clock: StdClock,
    router: NatRouter,
    devices: [SyncDevice; 2],
    packet: Vec<u8>,
}

impl Live {
    fn run(&mut self, stop: &AtomicBool) -> Result<()> {
        let start = self.clock.now();
        let mut next_table = start;
        while !stop.load(Ordering::Relaxed) {
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

    /// Waits until there is something to do, and a second at the most.
    fn wait(&self, now: Instant) -> Result<()> {
        let due = self.router.poll_timeout();
        let due = due.map_or(Duration::from_secs(1), |at| {
            at.saturating_duration_since(now)
        });
        let due = due.min(Duration::from_millis(if self.options.top {
            200
        } else {
            1_000
        }));
        let due = Timespec::try_from(due)?;
        let [inside, outside] = &self.devices;
        let mut fds = [
            PollFd::new(inside, PollFlags::IN),
            PollFd::new(outside, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&due)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what a device has, not without end.
    fn receive(&mut self, side: usize) -> Result<()> {
        for _ in 0..64 {
            let Some(device) = self.devices.get(side) else {
                return Ok(());
            };
            let length = match device.recv(&mut self.packet) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot read from a device"),
            };
            let now = self.clock.now();
            let packet = self.packet.get(..length).unwrap_or_default();
            self.router.handle_input(now, side, packet);
            self.send();
        }
        self.send();
        Ok(())
    }

    fn send(&mut self) {
        while let Some((side, packet)) = self.router.poll_transmit() {
            // A device that is down, or whose queue is full, loses packets as any link does.
            if let Some(device) = self.devices.get(side) {
                let _ = device.send(packet.as_slice());
            }
        }
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
