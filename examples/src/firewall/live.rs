//! The firewall on its devices.

use super::file::{InterfaceFile, Loaded, ProxyFile};
use super::node::FirewallRouter;
use super::record::to_json;
use super::show::{counters, rule_table, session_table};
use crate::control_socket::{Control, Wake};
use crate::devices::{in_namespace, open_tun};
use crate::live_router::{self, LiveOptions, LiveRouter};
use crate::proxy_firewall::{Proxied, Proxy};
use alloc::sync::Arc;
use anyhow::{Context, Result};
use core::sync::atomic::{AtomicBool, Ordering};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::{Instant, PacketBuf};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

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
        router,
        hang_up,
        control,
        wake,
        proxy,
        proxied,
        path: path.to_owned(),
    };
    live_router::run(&mut live, devices, &clock, &options, &stop)
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

struct Live {
    router: FirewallRouter,
    hang_up: SignalFd,
    control: Option<Control>,
    wake: Wake,
    proxy: Option<Proxy>,
    proxied: Option<Receiver<Proxied>>,
    path: PathBuf,
}

impl Live {
    /// Reads the rules again. When they are wrong, the old ones go on.
    fn reload(&mut self, now: Instant) -> Value {
        let reloaded = Loaded::read(&self.path).and_then(|loaded| self.router.reload(now, &loaded));
        match reloaded {
            Ok(reloaded) => {
                if let (Some(proxy), Some(policy)) = (&self.proxy, self.router.policy()) {
                    proxy.reload(policy.clone());
                }
                json!({
                    "event": "reloaded",
                    "confirmed": reloaded.confirmed,
                    "kept": reloaded.kept,
                    "ended": reloaded.ended,
                })
            }
            Err(why) => json!({
                "event": "not_reloaded",
                "reason": format!("{why:#}"),
            }),
        }
    }

    /// Answers who asks by the control socket.
    fn answer(&mut self, now: Instant, options: &LiveOptions) {
        while let Some(question) = self.control.as_ref().and_then(Control::question) {
            let answer = match question.line.as_str() {
                "reload" => {
                    let answer = self.reload(now);
                    options.say(&answer, &answer.to_string());
                    format!("{answer}\n")
                }
                "sessions" => session_table(&self.router, now, usize::MAX),
                "rules" => self.router.firewall().map(rule_table).unwrap_or_default(),
                "counters" => format!("{}\n", counters(&self.router, "counters")),
                _ => "reload, sessions, rules, or counters\n".to_owned(),
            };
            // The client may have gone.
            let _ = question.answer.send(answer);
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
        if let Some(note) = self.router.poll_note() {
            return Some(to_json(&note, &self.router));
        }
        let proxied = self.proxied.as_ref()?.try_recv().ok()?;
        Some(proxied.to_json())
    }

    fn counters(&self, event: &str) -> Value {
        counters(&self.router, event)
    }

    fn session_table(&self, now: Instant, rows: usize) -> String {
        session_table(&self.router, now, rows)
    }

    fn others(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.wake.as_fd(), self.hang_up.as_fd()]
    }

    fn attend(&mut self, now: Instant, options: &LiveOptions) {
        self.wake.clear();
        while matches!(self.hang_up.read_signal(), Ok(Some(_))) {
            let answer = self.reload(now);
            options.say(&answer, &answer.to_string());
        }
        self.answer(now, options);
    }
}
