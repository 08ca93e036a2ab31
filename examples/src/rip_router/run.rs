//! The run loop: waits for sockets, interfaces, clients and timers, and gives each its turn.

use super::config::RouterConfig;
use super::control::{Control, Wake, routes};
use super::fib::Fib;
use super::live::Live;
use super::netlink::{Monitor, Netlink};
use super::snapshot::Snapshot;
use super::state::{self, Sequences};
use alloc::sync::Arc;
use anyhow::Result;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::time::StdClock;
use rip::{Ipv4, Ipv6};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

/// How often the sequence numbers are saved that have changed.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How long neighbors may be told of the end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Ends a router from elsewhere, such as a signal handler.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: Arc<AtomicU32>,
    wake: Wake,
}

impl Stop {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// When the system gives no event descriptor.
    pub fn new() -> Result<Self> {
        Ok(Self {
            asked: Arc::default(),
            wake: Wake::new()?,
        })
    }

    /// Asks the router to end: neighbors are told first. Asked again, it ends at once.
    pub fn stop(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.wake.wake();
    }
}

/// What has something to read.
#[derive(Debug, Clone, Copy)]
struct Ready {
    monitor: bool,
    sockets: bool,
}

impl Ready {
    /// It is not known: all is looked at.
    const ALL: Self = Self {
        monitor: true,
        sockets: true,
    };
}

/// The time since 1970 as it was at the start, and from then on a clock that nobody sets: sequence numbers and the
/// lifetimes of keys are in it.
struct UnixClock {
    start: Duration,
    clock: StdClock,
}

impl UnixClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            start: now.unwrap_or_default(),
            clock: StdClock::new(),
        }
    }

    fn now(&self) -> Instant {
        self.clock.now() + self.start
    }
}

/// Saves sequence numbers that have changed. A thread of its own waits for the disk.
struct Keeper {
    path: PathBuf,
    saved: Sequences,
    next: Instant,
    sender: SyncSender<Sequences>,
    thread: JoinHandle<()>,
}

impl Keeper {
    fn start(path: PathBuf, saved: Sequences, now: Instant) -> Self {
        let (sender, changes) = sync_channel::<Sequences>(1);
        let file = path.clone();
        let thread = std::thread::spawn(move || {
            for sequences in changes {
                if let Err(why) = state::save(&file, &sequences) {
                    tracing::warn!("{why:#}");
                }
            }
        });
        Self {
            path,
            saved,
            next: now,
            sender,
            thread,
        }
    }

    fn keep(&mut self, now: Instant, rip: &Live<Ipv4>) {
        if now < self.next {
            return;
        }
        self.next = now + SAVE_EVERY;
        let sequences = rip.sequences();
        // When the disk is slow, the next time will do.
        if sequences != self.saved && self.sender.try_send(sequences.clone()).is_ok() {
            self.saved = sequences;
        }
    }

    fn end(self, rip: &Live<Ipv4>) -> Result<()> {
        drop(self.sender);
        // It has reported its own errors.
        let _ = self.thread.join();
        state::save(&self.path, &rip.sequences())
    }
}

/// A router that runs.
struct Router {
    rip: Option<Live<Ipv4>>,
    ripng: Option<Live<Ipv6>>,
    fib: Option<Fib>,
    kernel: Netlink,
    monitor: Monitor,
    start: Instant,
}

/// Runs a router until it is told to stop; then its routes are out of the kernel again.
///
/// # Errors
///
/// When it cannot start: without root, or when another router has the ports or the control socket.
pub fn run(config: RouterConfig, stop: &Stop) -> Result<()> {
    let clock = UnixClock::new();
    let now = clock.now();
    let control = Control::open(&config.control_socket, stop.wake.clone())?;
    // The monitor first: what changes while the interfaces are read is heard.
    let monitor = Monitor::start()?;
    let buffer = config.receive_buffer;
    let authenticated = config
        .rip
        .as_ref()
        .is_some_and(|rip| rip.is_authenticated());
    let saved = if authenticated {
        state::load(&config.state_file)?
    } else {
        Sequences::new()
    };
    let mut keeper = authenticated.then(|| Keeper::start(config.state_file, saved.clone(), now));
    let rip = config
        .rip
        .map(|config| Live::start(config, buffer, saved, now));
    let none = Sequences::new();
    let ripng = config
        .ripng
        .map(|config| Live::start(config, buffer, none, now));
    let mut router = Router {
        rip: rip.transpose()?,
        ripng: ripng.transpose()?,
        fib: config.kernel.map(Fib::start).transpose()?,
        kernel: Netlink::connect()?,
        monitor,
        start: now,
    };
    router.adapt(now, &[])?;
    tracing::info!("running; Ctrl-C ends it");
    let mut farewell = None;
    let mut ready = Ready::ALL;
    loop {
        let now = clock.now();
        let asked = stop.asked.load(Ordering::Relaxed);
        if asked > 0 && farewell.is_none() {
            tracing::info!("telling the neighbors that it ends");
            router.shut_down(now);
            farewell = Some(now + FAREWELL);
        }
        router.turn(now, ready)?;
        while let Some(question) = control.question() {
            // Whoever asks for something else sees the connection end.
            if let Some(routes) = routes(&question) {
                let snapshot = router.snapshot(now, routes);
                // The client may have gone.
                let _ = question.answer.send(serde_json::to_string(&snapshot)?);
            }
        }
        if let (Some(keeper), Some(rip)) = (&mut keeper, &router.rip) {
            keeper.keep(now, rip);
        }
        if let Some(end) = farewell
            && (router.is_shut_down() || now >= end || asked > 1)
        {
            break;
        }
        let save = keeper.as_ref().map(|keeper| keeper.next);
        let own = [farewell, save].into_iter().flatten().min();
        ready = router.wait(clock.now(), own, &stop.wake)?;
    }
    if let (Some(keeper), Some(rip)) = (keeper, &router.rip) {
        keeper.end(rip)?;
    }
    if let (Some(fib), Some(owner)) = (router.fib, config.kernel) {
        let removed = fib.stop(owner)?;
        tracing::info!("removed {removed} routes from the kernel");
    }
    Ok(())
}

impl Router {
    fn adapt(&mut self, now: Instant, went_down: &[u32]) -> Result<()> {
        let links = self.kernel.links()?;
        if let Some(rip) = &mut self.rip {
            rip.adapt(now, &links, went_down);
        }
        if let Some(ripng) = &mut self.ripng {
            ripng.adapt(now, &links, went_down);
        }
        Ok(())
    }

    fn turn(&mut self, now: Instant, ready: Ready) -> Result<()> {
        if ready.monitor {
            let changes = self.monitor.changes();
            if changes.any {
                self.adapt(now, &changes.went_down)?;
            }
        }
        if let Some(rip) = &mut self.rip {
            rip.turn(now, ready.sockets, self.fib.as_ref());
        }
        if let Some(ripng) = &mut self.ripng {
            ripng.turn(now, ready.sockets, self.fib.as_ref());
        }
        Ok(())
    }

    fn shut_down(&mut self, now: Instant) {
        if let Some(rip) = &mut self.rip {
            rip.shut_down(now);
        }
        if let Some(ripng) = &mut self.ripng {
            ripng.shut_down(now);
        }
    }

    fn is_shut_down(&self) -> bool {
        self.rip.as_ref().is_none_or(Live::is_shut_down)
            && self.ripng.as_ref().is_none_or(Live::is_shut_down)
    }

    fn snapshot(&self, now: Instant, routes: usize) -> Snapshot {
        let rip = self.rip.as_ref().map(|rip| rip.snapshot(now, routes));
        let ripng = self.ripng.as_ref().map(|ripng| ripng.snapshot(now, routes));
        Snapshot {
            uptime: (now - self.start).as_secs(),
            protocols: rip.into_iter().chain(ripng).collect(),
            fib: self.fib.as_ref().map(Fib::stats),
        }
    }

    /// Sleeps until something is to be done.
    fn wait(&self, now: Instant, end: Option<Instant>, wake: &Wake) -> Result<Ready> {
        let rip = self.rip.as_ref();
        let ripng = self.ripng.as_ref();
        let deadlines = [
            rip.and_then(|rip| rip.deadline(now)),
            ripng.and_then(|ripng| ripng.deadline(now)),
            end,
        ];
        let next = deadlines.into_iter().flatten().min();
        let timeout = next.map(|next| {
            let patience = (next - now).min(Duration::from_secs(3600));
            Timespec {
                tv_sec: i64::try_from(patience.as_secs()).unwrap_or(3600),
                tv_nsec: patience.subsec_nanos().into(),
            }
        });
        let v4 = rip.into_iter().flat_map(Live::sockets);
        let v6 = ripng.into_iter().flat_map(Live::sockets);
        let others = [wake.as_fd(), self.monitor.as_fd()];
        let mut waited: Vec<PollFd<'_>> = others
            .into_iter()
            .chain(v4)
            .chain(v6)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        match poll(&mut waited, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Ready::ALL),
            Err(why) => return Err(why.into()),
        }
        // An error of a socket is for its reader to see.
        let mut ready = waited.iter().map(|fd| !fd.revents().is_empty());
        if ready.next() == Some(true) {
            wake.clear();
        }
        Ok(Ready {
            monitor: ready.next() == Some(true),
            sockets: ready.any(|ready| ready),
        })
    }
}
