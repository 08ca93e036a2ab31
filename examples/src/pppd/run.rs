//! The run loop: waits for the line, the kernel and timers, and gives each its turn.

use super::bundle;
use super::config::Settings;
use super::ethernet::Pppoe;
use super::line::{Got, Line, LineSpec};
use super::port::{Outbox, Port};
use super::report::{self, Traffic};
use super::tun::Tun;
use crate::rip_router::control::Wake;
use alloc::sync::Arc;
use anyhow::{Context, Result, bail};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use ppp_lcp_ncp::link::{CloseReason, LinkEvent, Phase};
use ppp_lcp_ncp::{Instant, PacketBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _, stdout};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use testkit::LinkType;
use testkit::pcapng::PcapngWriter;

/// Octets that may wait for the line; the kernel's packets wait while there are more.
const MAX_WAITING: usize = 32 * 1024;
/// Packets of the kernel's in one turn.
const BATCH: usize = 32;
/// How long the last octets may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often the counters are shown.
const EVERY: Duration = Duration::from_secs(1);

/// Ends a link from elsewhere, such as a signal handler.
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

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// Asks the link to end: the peer is told. Asked again, it ends at once.
    pub fn stop(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.wake.wake();
    }
}

/// How it is told what happens.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// A line of JSON for each event, and one with the counters each second.
    pub json: bool,
    /// Where the packets are written, if anywhere.
    pub capture: Option<PathBuf>,
}

/// A link that runs.
struct Live {
    port: Port,
    line: Line,
    tun: Option<Tun>,
    teller: Teller,
    traffic: Traffic,
    waiting: Outbox,
    mtu: u16,
    /// Why the link has ended.
    closed: Option<CloseReason>,
    was_up: bool,
    next_status: Instant,
}

/// Runs a link until it ends or is told to.
///
/// # Errors
///
/// When it cannot start, or when the link never came up or was lost.
pub fn run(settings: Settings, telling: &Telling, stop: &Stop) -> Result<()> {
    if settings.lines.len() > 1 || settings.link.lcp.multilink.is_some() {
        return bundle::run(settings, telling, stop);
    }
    let spec = settings.lines.first();
    let spec = spec.context("there is no line: --line, or `line = ` in the file")?;
    if settings.link.on_demand && matches!(spec, LineSpec::Ethernet(..)) {
        bail!("link.on-demand: a session of PPPoE is there before there is something to send");
    }
    let tun = settings.tun.as_deref().map(Tun::new).transpose()?;
    let teller = Teller::new(telling);
    let line = Line::open(spec)?;
    teller.tell(&serde_json::json!({
        "event": "started", "line": spec.to_string(), "other_end": line.other_end(),
        "device": tun.as_ref().map(Tun::name),
    }));
    let (mut config, random) = (settings.link, Box::new(OsRandom));
    let mut mtu = settings.mtu;
    let mut port = if let LineSpec::Ethernet(role, interface) = spec {
        let mut pppoe = Pppoe::new(*role, interface, &settings.pppoe)?;
        let (session, max_payload) = pppoe.discover(&line, &teller.clock, stop)?;
        teller.tell(&session);
        config.restrict_to_pppoe(max_payload);
        if settings.pppoe.mru_test == Some(false) {
            config.mru_test = None;
        }
        mtu = mtu.min(max_payload);
        Port::on_ethernet(pppoe, config, settings.secrets, random)?
    } else {
        Port::new(config, settings.secrets, random)?
    };
    if let Some(path) = &telling.capture {
        port.set_tap(capture(path)?);
    }
    let mut live = Live {
        port,
        line,
        tun,
        traffic: Traffic::default(),
        waiting: Outbox::default(),
        mtu,
        closed: None,
        was_up: false,
        next_status: teller.clock.now() + EVERY,
        teller,
    };
    let reason = live.run(stop)?;
    live.teller
        .tell(&report::counters("stopped", &live.port, &live.traffic));
    match reason {
        // Nobody had anything to send.
        CloseReason::Closed if live.on_demand() => Ok(()),
        reason if !live.was_up => bail!("the link did not come up: {reason}"),
        CloseReason::Closed
        | CloseReason::PeerTerminated
        | CloseReason::IdleTimeout
        | CloseReason::SessionTimeout => Ok(()),
        reason => bail!("the link was lost: {reason}"),
    }
}

/// Writes packets to a pcapng file.
///
/// # Errors
///
/// When it cannot be written.
pub fn capture(path: &Path) -> Result<super::port::Tap> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut writer = PcapngWriter::new(BufWriter::new(file))?;
    let interface = writer.add_interface("ppp", LinkType::PPP)?;
    Ok(Box::new(move |now, direction, packet| {
        let written = writer.write(interface, now, direction, "", packet);
        if let Err(why) = written.and_then(|()| writer.flush()) {
            tracing::warn!("the capture: {why}");
        }
    }))
}

impl Live {
    fn run(&mut self, stop: &Stop) -> Result<CloseReason> {
        let now = self.teller.clock.now();
        self.port.link_mut().open(now);
        self.port.link_mut().lower_up(now);
        if self.on_demand() {
            self.await_packets()?;
        }
        let mut farewell = None;
        loop {
            let now = self.teller.clock.now();
            match (stop.asked.load(Ordering::Relaxed), self.closed.is_some()) {
                (0, _) | (1, true) => {}
                (1, false) => self.port.link_mut().close(now),
                _ => return Ok(CloseReason::Closed),
            }
            self.port.handle_timeout(now);
            self.events(now)?;
            self.port.poll_transmit(now, &mut self.waiting);
            self.flush(now)?;
            self.events(now)?;
            if self.closed.is_some() && self.on_demand() && !stop.is_asked() {
                // It waits for the next packet.
                self.closed = None;
            }
            let is_dead = self.port.link().phase() == Phase::Dead;
            if is_dead && self.closed.is_none() && stop.is_asked() && self.on_demand() {
                // There is no link that could end.
                return Ok(CloseReason::Closed);
            }
            if let Some(reason) = &self.closed {
                let end = *farewell.get_or_insert(now + FAREWELL);
                if self.waiting.is_empty() || now >= end {
                    return Ok(reason.clone());
                }
            }
            if now >= self.next_status {
                self.next_status = now + EVERY;
                self.status()?;
            }
            self.wait(now, farewell, stop)?;
            self.take_line()?;
            self.take_kernel()?;
        }
    }

    /// Sleeps until something is to be done.
    fn wait(&self, now: Instant, end: Option<Instant>, stop: &Stop) -> Result<()> {
        let due = [self.port.poll_timeout(), end, Some(self.next_status)];
        let mut line = PollFlags::IN;
        line.set(PollFlags::OUT, !self.waiting.is_empty());
        let tun = self.tun.as_ref().filter(|_| self.takes_packets());
        let due = due.into_iter().flatten().min();
        wait_for(&self.line, line, tun, now, due, stop)
    }

    fn takes_packets(&self) -> bool {
        let link = self.port.link();
        let begins = self.on_demand() && link.phase() == Phase::Dead;
        (link.phase() == Phase::Network || begins) && self.waiting.len() < MAX_WAITING
    }

    const fn on_demand(&self) -> bool {
        self.port.link().config().on_demand
    }

    /// The kernel is to have something to send before there is a link.
    fn await_packets(&self) -> Result<()> {
        let ipcp = self.port.link().config().ipcp.as_ref();
        if let (Some(tun), Some(ipcp)) = (&self.tun, ipcp)
            && let Some(ours) = ipcp.address
        {
            tun.up(self.mtu())?;
            tun.set_ipv4(ours, ipcp.peer_address)?;
        }
        Ok(())
    }

    fn take_line(&mut self) -> Result<()> {
        let mut octets = [0; 16 * 1024];
        let got = self.line.read(&mut octets)?;
        let now = self.teller.clock.now();
        match got {
            Got::Nothing => {}
            Got::Hangup => {
                self.port.link_mut().lower_down(now);
                if self.on_demand() {
                    bail!("the line is gone");
                }
            }
            Got::Octets(length) => {
                self.traffic.octets_received += length as u64;
                let (tun, traffic) = (&self.tun, &mut self.traffic);
                let deliver = |_, packet: &[u8]| {
                    let taken = tun.as_ref().is_some_and(|tun| {
                        tun.write(packet).unwrap_or_else(|why| {
                            tracing::warn!("{why:#}");
                            false
                        })
                    });
                    traffic.kernel_refused += u64::from(!taken);
                };
                let discard = |why| tracing::debug!("ignored: {why}");
                let octets = octets.get(..length).unwrap_or_default();
                self.port.receive(now, octets, deliver, discard);
            }
        }
        Ok(())
    }

    fn take_kernel(&mut self) -> Result<()> {
        let mut packet = PacketBuf::new();
        for _ in 0..BATCH {
            if !self.takes_packets() {
                break;
            }
            let Some(tun) = &mut self.tun else { break };
            if !tun.read(&mut packet)? {
                break;
            }
            let now = self.teller.clock.now();
            let sent = if self.port.link().phase() == Phase::Network {
                self.port.send(now, &mut packet, &mut self.waiting)
            } else {
                // It waits for the link, which begins.
                self.port.wait(now, &packet)
            };
            if let Err(why) = sent {
                tracing::debug!("not sent: {why}");
            }
        }
        Ok(())
    }

    /// Gives the line what it takes.
    fn flush(&mut self, now: Instant) -> Result<()> {
        match self.waiting.flush(&self.line)? {
            Some(sent) => self.traffic.octets_sent += sent,
            None => self.port.link_mut().lower_down(now),
        }
        Ok(())
    }

    fn events(&mut self, now: Instant) -> Result<()> {
        while let Some(event) = self.port.poll_event(now) {
            match &event {
                LinkEvent::Phase(Phase::Network) => {
                    self.was_up = true;
                    self.teller.tell(&report::event(&event));
                    self.teller.tell(&report::lcp(&self.port));
                    continue;
                }
                LinkEvent::Ipv4Up(values) => {
                    if let (Some(tun), Some(ours)) = (&self.tun, values.our_address) {
                        tun.up(self.mtu())?;
                        tun.set_ipv4(ours, values.peer_address)?;
                    }
                }
                LinkEvent::Ipv6Up { ours, .. } => {
                    if let Some(tun) = &self.tun {
                        tun.up(self.mtu())?;
                        tun.set_ipv6(ours.link_local())?;
                    }
                }
                LinkEvent::CompressionUp { .. }
                | LinkEvent::EncryptionUp { .. }
                | LinkEvent::PathLimited { .. } => {
                    // What is added to each packet has to fit as well, and what is not carried must not come.
                    if let Some(tun) = &self.tun {
                        tun.set_mtu(self.mtu())?;
                    }
                }
                LinkEvent::Closed(reason) => {
                    self.closed = Some(reason.clone());
                    self.port.release_line(now);
                    if let Some(tun) = self.tun.as_ref().filter(|_| !self.on_demand()) {
                        tun.down()?;
                    }
                }
                _ => {}
            }
            self.teller.tell(&report::event(&event));
        }
        Ok(())
    }

    /// The octets of the largest packet to the peer.
    fn mtu(&self) -> u16 {
        let most = u16::try_from(self.port.link().mtu()).unwrap_or(u16::MAX);
        self.mtu.min(most)
    }

    fn status(&self) -> Result<()> {
        if self.teller.json {
            self.teller
                .tell(&report::counters("status", &self.port, &self.traffic));
        } else if self.teller.is_terminal {
            let mut out = stdout().lock();
            // From the start of the line, and nothing of the last one left behind.
            let line = report::status_line(&self.port, &self.traffic);
            write!(out, "\r\x1b[K{line}")?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Waits for the line, for a packet of the kernel's, until `due`, or until it is told to stop.
///
/// # Errors
///
/// Those of the system.
pub fn wait_for(
    line: &Line,
    events: PollFlags,
    tun: Option<&Tun>,
    now: Instant,
    due: Option<Instant>,
    stop: &Stop,
) -> Result<()> {
    wait_for_all(&[(line, events)], tun, now, due, stop)
}

/// The same for several lines.
///
/// # Errors
///
/// Those of the system.
pub fn wait_for_all(
    lines: &[(&Line, PollFlags)],
    tun: Option<&Tun>,
    now: Instant,
    due: Option<Instant>,
    stop: &Stop,
) -> Result<()> {
    let due = due.unwrap_or(Instant::MAX);
    let patience = Timespec::try_from((due - now).min(Duration::from_secs(3600)))?;
    let mut waited = vec![PollFd::new(&stop.wake, PollFlags::IN)];
    waited.extend(
        lines
            .iter()
            .map(|(line, events)| PollFd::new(*line, *events)),
    );
    if let Some(tun) = tun {
        waited.push(PollFd::from_borrowed_fd(tun.as_fd(), PollFlags::IN));
    }
    match poll(&mut waited, Some(&patience)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(why) => return Err(why.into()),
    }
    if waited.first().is_some_and(|fd| !fd.revents().is_empty()) {
        stop.wake.clear();
    }
    Ok(())
}

/// Tells events, with the time since it was made.
#[derive(Debug)]
pub struct Teller {
    clock: StdClock,
    json: bool,
    is_terminal: bool,
}

impl Teller {
    /// One that tells as it is told.
    pub fn new(telling: &Telling) -> Self {
        Self {
            clock: StdClock::new(),
            json: telling.json,
            is_terminal: stdout().is_terminal(),
        }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Tells an event, as it is or in words.
    pub fn tell(&self, event: &Value) {
        let now = self.clock.now();
        let mut out = stdout().lock();
        // Nobody may be listening any more; the link goes on.
        let _ = if self.json {
            let mut event = event.clone();
            if let Some(object) = event.as_object_mut() {
                object.insert("at_us".to_owned(), now.as_micros().into());
            }
            writeln!(out, "{event}")
        } else {
            let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
            writeln!(out, "{clear}{now} {}", report::to_text(event))
        };
    }
}
