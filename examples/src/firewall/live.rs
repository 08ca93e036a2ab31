//! The firewall on its devices.

use super::file::{InterfaceFile, Loaded, ProxyFile};
use super::node::FirewallRouter;
use super::record::to_json;
use super::show::{counters, rule_table, session_table};
use crate::control_socket::{Control, Wake};
use crate::devices::{Devices, in_namespace, open_tun, send};
use crate::proxy_firewall::{Proxied, Proxy};
use alloc::sync::Arc;
use anyhow::{Context, Result};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use packet_buffer::Instant;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use tun_rs::SyncDevice;

/// How a firewall runs.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Events and counters as one JSON object a line.
    pub json: bool,
    /// The session table, every second.
    pub top: bool,
    /// Ends after so long; `None` for never.
    pub duration: Option<Duration>,
}

/// Runs a firewall until it is told to stop; its rules are read from `path` again when it is told to
/// reload.
///
/// # Errors
///
/// Without root; those of the devices.
pub fn run(path: &Path, loaded: &Loaded, options: LiveOptions) -> Result<()> {
    // Threads that are started inherit it: this one alone hears of SIGHUP.
    let mut hang_up = SigSet::empty();
    hang_up.add(Signal::SIGHUP);
    hang_up.thread_block()?;
    let hang_up = SignalFd::with_flags(&hang_up, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let clock = StdClock::new();
    let router = loaded.build(&mut OsRandom)?;
    let file = &loaded.file;
    let open = |interface: &InterfaceFile| {
        open_tun(&interface.device, interface.netns.as_deref(), interface.mtu)
    };
    let devices = file.interface.iter().map(open).collect::<Result<_>>()?;
    let wake = Wake::new()?;
    let control = match &file.control_socket {
        Some(path) => Some(Control::open(path, wake.clone())?),
        None => None,
    };
    let (proxy, proxied) = match &file.proxy {
        Some(proxy) => {
            let (proxy, proxied) = start_proxy(loaded, proxy, &router)?;
            (Some(proxy), Some(proxied))
        }
        None => (None, None),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (handler, waker) = (Arc::clone(&stop), wake.clone());
    ctrlc::set_handler(move || {
        handler.store(true, Ordering::Relaxed);
        waker.wake();
    })?;
    let mut live = Live {
        options,
        clock,
        router,
        devices: Devices::new(devices),
        hang_up,
        control,
        wake,
        proxy,
        proxied,
        path: path.to_owned(),
    };
    live.say(&serde_json::json!({ "event": "ready" }), "ready");
    live.run(&stop)
}

/// Listens for the clients that the rules give to the proxy, in the namespace of its device.
fn start_proxy(
    loaded: &Loaded,
    file: &ProxyFile,
    router: &FirewallRouter,
) -> Result<(Proxy, Receiver<Proxied>)> {
    let interface = loaded
        .file
        .interface_number(&file.device)
        .and_then(|number| loaded.file.interface.get(number))
        .context("proxy: no interface")?;
    let originals = router.originals().context("proxy: no redirection")?;
    let policy = router.policy().context("proxy: no policy")?.clone();
    let (sender, proxied) = channel();
    let proxy = Proxy::new(policy, &file.filter, sender);
    let (server, port) = (proxy.clone(), file.port);
    in_namespace(interface.netns.as_deref(), move || {
        // Its addresses come when the device is set up.
        let listener = TcpListener::bind(("::", port))
            .with_context(|| format!("the proxy cannot listen at port {port}"))?;
        server.serve(listener, move |client| originals.server(client))
    })?;
    Ok((proxy, proxied))
}

fn send_all(router: &mut FirewallRouter, devices: &[SyncDevice]) {
    while let Some((number, packet)) = router.poll_transmit() {
        send(devices, number, packet.as_slice());
    }
}

struct Live {
    options: LiveOptions,
    clock: StdClock,
    router: FirewallRouter,
    devices: Devices,
    hang_up: SignalFd,
    control: Option<Control>,
    wake: Wake,
    proxy: Option<Proxy>,
    proxied: Option<Receiver<Proxied>>,
    path: PathBuf,
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
            send_all(&mut self.router, self.devices.as_slice());
            if self.options.top && now >= next_table {
                self.table(now);
                next_table = now + Duration::from_secs(1);
            }
            self.tell();
            self.wait(now)?;
            self.wake.clear();
            while matches!(self.hang_up.read_signal(), Ok(Some(_))) {
                let answer = self.reload();
                self.say(&answer, &answer.to_string());
            }
            self.answer();
            for number in 0..self.devices.count() {
                self.receive(number)?;
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
        let most = if self.options.top { 200 } else { 1_000 };
        let others: [BorrowedFd<'_>; 2] = [self.wake.as_fd(), self.hang_up.as_fd()];
        let due = due.min(Duration::from_millis(most));
        self.devices.wait(due, &others)
    }

    /// Takes what a device has, not without end.
    fn receive(&mut self, number: usize) -> Result<()> {
        let (clock, router) = (&self.clock, &mut self.router);
        self.devices.receive(number, |devices, packet| {
            router.handle_input(clock.now(), number, packet);
            send_all(router, devices);
        })
    }

    /// Reads the rules again. When they are wrong, the old ones go on.
    fn reload(&mut self) -> serde_json::Value {
        let reloaded = Loaded::read(&self.path)
            .and_then(|loaded| self.router.reload(self.clock.now(), &loaded));
        match reloaded {
            Ok(reloaded) => {
                if let (Some(proxy), Some(policy)) = (&self.proxy, self.router.policy()) {
                    proxy.reload(policy.clone());
                }
                serde_json::json!({
                    "event": "reloaded",
                    "confirmed": reloaded.confirmed,
                    "kept": reloaded.kept,
                    "ended": reloaded.ended,
                })
            }
            Err(why) => serde_json::json!({
                "event": "not_reloaded",
                "reason": format!("{why:#}"),
            }),
        }
    }

    /// Answers who asks by the control socket.
    fn answer(&mut self) {
        while let Some(question) = self.control.as_ref().and_then(Control::question) {
            let answer = match question.line.as_str() {
                "reload" => {
                    let answer = self.reload();
                    self.say(&answer, &answer.to_string());
                    format!("{answer}\n")
                }
                "sessions" => session_table(&self.router, self.clock.now(), usize::MAX),
                "rules" => self.router.firewall().map(rule_table).unwrap_or_default(),
                "counters" => format!("{}\n", counters(&self.router, "counters")),
                _ => "reload, sessions, rules, or counters\n".to_owned(),
            };
            // The client may have gone.
            let _ = question.answer.send(answer);
        }
    }

    /// Prints what has happened.
    fn tell(&mut self) {
        while let Some(note) = self.router.poll_note() {
            if self.options.json {
                println!("{}", to_json(&note, &self.router));
            }
        }
        while let Some(Ok(proxied)) = self.proxied.as_ref().map(Receiver::try_recv) {
            if self.options.json {
                println!("{}", proxied.to_json());
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
