//! Drives routers on real links: one thread, one loop, and frames between the routers' ports and TAP devices, a
//! serial line, and each other.

use super::super::counters;
use super::super::journal::Journal;
use super::super::model::Counter;
use super::super::router::RouterNode;
use crate::lab::Namespace;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use anyhow::{Context as _, Result, anyhow, ensure};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use packet_buffer::{Instant, PacketBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use testkit::pcapng::{Direction, InterfaceId, PcapngWriter};
use testkit::{LinkType, Node as _};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// A port: the router's place among those of the runner, and the port's number.
pub type PortAt = (usize, usize);

/// How long the loop sleeps at the most: commands wait for so long.
const NAP: Duration = Duration::from_millis(50);
/// How often it tells how the routers are.
const TELL: Duration = Duration::from_millis(200);
/// Octets that wait for a serial line; what comes after is lost, in whole chunks.
const MAX_WAITING: usize = 64 << 10;
/// Frames that are taken from a device before others have their turn.
const MAX_AT_ONCE: usize = 64;

/// What a port is plugged into.
pub enum Plug {
    /// A TAP device; at its other end is a kernel.
    Tap(SyncDevice),
    /// A serial line, which does not block.
    Serial(OwnedFd),
    /// Another port of the same runner. Plugged in from one of the two.
    Cable(PortAt),
}

/// Makes a TAP device in a namespace, up and without addresses.
///
/// # Errors
///
/// Without root; those of the system.
pub fn tap(namespace: &Namespace, name: &str, mtu: u16) -> Result<SyncDevice> {
    namespace.enter(|| {
        let device = DeviceBuilder::new()
            .name(name)
            .layer(Layer::L2)
            .mtu(mtu)
            .build_sync()
            .with_context(|| format!("cannot make the device {name} (it needs root)"))?;
        device.set_nonblocking(true)?;
        Ok(device)
    })
}

/// How a router is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Addresses with their ports, also those that PPP has given.
    pub addresses: Vec<String>,
    /// The routes: prefix, by whom, by which port, metric, where from.
    pub routes: Vec<Vec<String>>,
    /// What it has counted.
    pub counters: Vec<Counter>,
}

impl Status {
    fn of(router: &RouterNode) -> Self {
        let mut counted = Vec::new();
        let addresses = counters::router(router, &mut counted);
        Self {
            name: router.name().to_owned(),
            addresses,
            routes: router.route_rows(),
            counters: counted,
        }
    }

    /// The route to a prefix: by whom, and the port.
    pub fn route(&self, prefix: &str) -> Option<(&str, &str)> {
        let row = self
            .routes
            .iter()
            .find(|row| row.first().is_some_and(|it| it == prefix))?;
        Some((row.get(1)?, row.get(2)?))
    }

    /// A counter.
    pub fn counter(&self, group: &str, name: &str) -> Option<u64> {
        let mut counters = self.counters.iter();
        let found = counters.find(|it| it.group == group && it.name == name)?;
        Some(found.value)
    }
}

enum Command {
    Carrier(PortAt, bool),
}

#[derive(Debug, Default)]
struct Shared {
    routers: Vec<Status>,
    failure: Option<String>,
}

/// A thread that runs routers. Ended when dropped.
#[derive(Debug)]
pub struct Runner {
    commands: Sender<Command>,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Builds routers on a thread of their own and runs them there. With a folder, what passes at each TAP device
    /// is captured into a file that has the names of the router and the port.
    ///
    /// # Errors
    ///
    /// What is wrong with the routers' set-up.
    pub fn start(
        build: impl FnOnce(&Journal) -> Result<Vec<RouterNode>> + Send + 'static,
        plugs: Vec<(PortAt, Plug)>,
        captures: Option<&Path>,
    ) -> Result<Self> {
        let (commands, receiver) = channel();
        let (shared, stop) = (
            Arc::<Mutex<Shared>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (ready, is_ready) = channel();
        let captures = captures.map(Path::to_owned);
        let thread = std::thread::spawn({
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            move || {
                // Machines of a router are not sent between threads, so they are made here.
                let clock = StdClock::new();
                let made = build(&Journal::default())
                    .and_then(|routers| Loop::new(clock, routers, plugs, captures.as_deref()));
                let mut running = match made {
                    Ok(running) => running,
                    Err(why) => {
                        let _ = ready.send(Err(why));
                        return;
                    }
                };
                running.publish(&shared);
                let _ = ready.send(Ok(()));
                let result = running.run(&receiver, &shared, &stop);
                running.publish(&shared);
                if let (Err(why), Ok(mut shared)) = (result, shared.lock()) {
                    shared.failure = Some(format!("{why:#}"));
                }
            }
        });
        let runner = Self {
            commands,
            shared,
            stop,
            thread: Some(thread),
        };
        is_ready.recv().context("the routers' thread panicked")??;
        Ok(runner)
    }

    /// How the routers were a moment ago.
    ///
    /// # Errors
    ///
    /// When the loop has ended, and why.
    pub fn status(&self) -> Result<Vec<Status>> {
        let shared = self.shared.lock();
        let shared = shared.map_err(|_| anyhow!("the routers' thread panicked"))?;
        match &shared.failure {
            Some(why) => Err(anyhow!("the routers have stopped: {why}")),
            None => Ok(shared.routers.clone()),
        }
    }

    /// How one of them was.
    ///
    /// # Errors
    ///
    /// When there is none of that name, or the loop has ended.
    pub fn router(&self, name: &str) -> Result<Status> {
        let found = self.status()?.into_iter().find(|it| it.name == name);
        found.with_context(|| format!("there is no router {name}"))
    }

    /// Pulls a port's cable, or plugs it in again: nothing passes, and the router sees its carrier go.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    pub fn set_carrier(&self, port: PortAt, is_up: bool) -> Result<()> {
        let sent = self.commands.send(Command::Carrier(port, is_up));
        sent.map_err(|_| anyhow!("the routers have stopped"))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Serial {
    line: OwnedFd,
    waiting: VecDeque<u8>,
}

struct Capture {
    writer: PcapngWriter<BufWriter<File>>,
    interface: InterfaceId,
}

struct Loop {
    clock: StdClock,
    routers: Vec<RouterNode>,
    taps: BTreeMap<PortAt, SyncDevice>,
    serials: BTreeMap<PortAt, Serial>,
    cables: BTreeMap<PortAt, PortAt>,
    /// Ports without a carrier.
    down: BTreeSet<PortAt>,
    captures: BTreeMap<PortAt, Capture>,
    frame: Vec<u8>,
}

impl Loop {
    fn new(
        clock: StdClock,
        routers: Vec<RouterNode>,
        plugs: Vec<(PortAt, Plug)>,
        folder: Option<&Path>,
    ) -> Result<Self> {
        let mut this = Self {
            clock,
            routers,
            taps: BTreeMap::new(),
            serials: BTreeMap::new(),
            cables: BTreeMap::new(),
            down: BTreeSet::new(),
            captures: BTreeMap::new(),
            frame: vec![0; 65_535],
        };
        for (at, plug) in plugs {
            let router = this.routers.get(at.0).context("a plug of no router")?;
            let port = router.ports().get(at.1).context("a plug of no port")?;
            match plug {
                Plug::Tap(device) => {
                    if let Some(folder) = folder {
                        let name = format!("{}-{}", router.name(), port.name());
                        let file = File::create(folder.join(format!("live-{name}.pcapng")))?;
                        let mut writer = PcapngWriter::new(BufWriter::new(file))?;
                        let interface = writer.add_interface(&name, LinkType::ETHERNET)?;
                        this.captures.insert(at, Capture { writer, interface });
                    }
                    this.taps.insert(at, device);
                }
                Plug::Serial(line) => {
                    let waiting = VecDeque::new();
                    this.serials.insert(at, Serial { line, waiting });
                }
                Plug::Cable(other) => {
                    this.cables.insert(at, other);
                    this.cables.insert(other, at);
                }
            }
        }
        Ok(this)
    }

    fn run(
        &mut self,
        commands: &Receiver<Command>,
        shared: &Mutex<Shared>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let mut next_told = self.clock.now();
        while !stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            while let Ok(Command::Carrier(at, is_up)) = commands.try_recv() {
                self.set_carrier(now, at, is_up);
            }
            for router in &mut self.routers {
                if router.poll_timeout().is_some_and(|at| at <= now) {
                    router.handle_timeout(now);
                }
            }
            self.carry();
            if now >= next_told {
                self.publish(shared);
                next_told = now + TELL;
            }
            self.wait()?;
            self.receive()?;
        }
        for capture in self.captures.values_mut() {
            capture.writer.flush()?;
        }
        Ok(())
    }

    fn publish(&self, shared: &Mutex<Shared>) {
        let routers = self.routers.iter().map(Status::of).collect();
        if let Ok(mut shared) = shared.lock() {
            shared.routers = routers;
        }
    }

    fn set_carrier(&mut self, now: Instant, at: PortAt, is_up: bool) {
        if is_up {
            self.down.remove(&at);
        } else {
            self.down.insert(at);
        }
        if let Some(router) = self.routers.get_mut(at.0) {
            router.set_carrier(now, at.1, is_up);
        }
    }

    /// Takes from the routers what they have to send, until none has.
    fn carry(&mut self) {
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for index in 0..self.routers.len() {
                let mut out = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
                let sent = self
                    .routers
                    .get_mut(index)
                    .and_then(|it| it.poll_transmit(&mut out));
                if let Some(port) = sent {
                    is_done = false;
                    self.send((index, port), out.as_slice());
                }
            }
        }
    }

    fn send(&mut self, at: PortAt, frame: &[u8]) {
        if self.down.contains(&at) {
            return;
        }
        if let Some(device) = self.taps.get(&at) {
            // A device that is down, or whose queue is full, loses frames as any link does.
            let _ = device.send(frame);
            self.capture(at, Direction::Outbound, frame);
        } else if let Some(serial) = self.serials.get_mut(&at) {
            if serial.waiting.len() + frame.len() <= MAX_WAITING {
                serial.waiting.extend(frame);
            }
            serial.write();
        } else if let Some(other) = self.cables.get(&at).copied()
            && !self.down.contains(&other)
            && let Some(router) = self.routers.get_mut(other.0)
        {
            // Routers count what they ignore.
            let _ = router.handle_input(self.clock.now(), other.1, frame);
        }
    }

    fn capture(&mut self, at: PortAt, direction: Direction, frame: &[u8]) {
        let now = self.clock.now();
        let is_full = self.captures.get_mut(&at).is_some_and(|it| {
            it.writer
                .write(it.interface, now, direction, "", frame)
                .is_err()
        });
        if is_full {
            self.captures.remove(&at);
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> Result<()> {
        let now = self.clock.now();
        let due = self
            .routers
            .iter()
            .filter_map(RouterNode::poll_timeout)
            .min();
        let due = due
            .map_or(NAP, |at| at.saturating_duration_since(now))
            .min(NAP);
        let due = Timespec::try_from(due)?;
        let mut fds: Vec<PollFd<'_>> = self
            .taps
            .values()
            .map(|device| PollFd::new(device, PollFlags::IN))
            .collect();
        for serial in self.serials.values() {
            let mut events = PollFlags::IN;
            events.set(PollFlags::OUT, !serial.waiting.is_empty());
            fds.push(PollFd::new(&serial.line, events));
        }
        match poll(&mut fds, Some(&due)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what the links have, not without end.
    fn receive(&mut self) -> Result<()> {
        let mut frame = core::mem::take(&mut self.frame);
        let ports: Vec<PortAt> = self.taps.keys().copied().collect();
        for at in ports {
            for _ in 0..MAX_AT_ONCE {
                let Some(device) = self.taps.get(&at) else {
                    break;
                };
                let length = match device.recv(&mut frame) {
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // The device is down: its kernel has pulled the cable.
                    Err(error)
                        if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) =>
                    {
                        break;
                    }
                    Err(error) => return Err(error).context("cannot read from a device"),
                };
                let octets = frame.get(..length).unwrap_or_default();
                self.take(at, octets);
            }
        }
        let ports: Vec<PortAt> = self.serials.keys().copied().collect();
        for at in ports {
            let Some(serial) = self.serials.get_mut(&at) else {
                continue;
            };
            serial.write();
            match rustix::io::read(&serial.line, &mut frame) {
                Ok(length) => {
                    ensure!(length > 0, "the serial line is gone");
                    let octets = frame.get(..length).unwrap_or_default();
                    self.take(at, octets);
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot read from the serial line"),
            }
        }
        self.frame = frame;
        Ok(())
    }

    fn take(&mut self, at: PortAt, octets: &[u8]) {
        if self.down.contains(&at) {
            return;
        }
        self.capture(at, Direction::Inbound, octets);
        if let Some(router) = self.routers.get_mut(at.0) {
            let _ = router.handle_input(self.clock.now(), at.1, octets);
        }
        self.carry();
    }
}

impl Serial {
    fn write(&mut self) {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            match rustix::io::write(&self.line, front) {
                Ok(written) if written > 0 => {
                    self.waiting.drain(..written);
                }
                // It is full; or it is gone, which the next read tells.
                _ => return,
            }
        }
    }
}
