//! The example `pppd` and other ends of its link, for the interop tests.

use crate::lab::{Lane, Namespace, Process, example_path, malformed, pause, wait_until};
use alloc::sync::Arc;
use anyhow::{Context, Result, bail, ensure};
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// How long an event, or a line of the peer's log, is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The example, running in a namespace.
#[derive(Debug)]
pub struct Ours {
    process: Process,
    events: Vec<Value>,
    folder: PathBuf,
    capture: PathBuf,
}

impl Ours {
    /// Its TUN device.
    pub const DEVICE: &str = "ppp0";

    /// Starts it with this configuration.
    ///
    /// # Errors
    ///
    /// When it was not built, or cannot be started.
    pub fn start(namespace: &Namespace, line: &str, config: &str) -> Result<Self> {
        Self::start_on(namespace, &[line], config)
    }

    /// The same on several lines.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_on(namespace: &Namespace, lines: &[&str], config: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("{}-pppd-{count}", namespace.name()));
        std::fs::create_dir_all(&folder)?;
        let (file, capture) = (folder.join("pppd.toml"), folder.join("pppd.pcapng"));
        std::fs::write(&file, config)?;
        let program = example_path("pppd")?;
        let path = |path: &Path| path.display().to_string();
        let (file, target) = (path(&file), path(&capture));
        let mut arguments = vec![&*file, "--json", "--tun", Self::DEVICE];
        arguments.extend(["--capture", &*target]);
        for line in lines {
            arguments.extend(["--line", line]);
        }
        let process = namespace.spawn(&path(&program), &arguments)?;
        let mut ours = Self {
            process,
            events: Vec::new(),
            folder,
            capture,
        };
        ours.event("started", &[])?;
        Ok(ours)
    }

    /// Waits for the event `name` whose fields, given as JSON pointers, have these values as text. It may have come
    /// before.
    ///
    /// # Errors
    ///
    /// When it does not come within 20 seconds, or the example ends; the error holds the events that came.
    pub fn event(&mut self, name: &str, fields: &[(&str, &str)]) -> Result<Value> {
        self.event_within(name, fields, PATIENCE)
    }

    /// The same with another patience.
    ///
    /// # Errors
    ///
    /// As [`event`](Self::event).
    pub fn event_within(
        &mut self,
        name: &str,
        fields: &[(&str, &str)],
        patience: Duration,
    ) -> Result<Value> {
        let is_wanted = |event: &Value| {
            let has = |&(pointer, wanted): &(&str, &str)| {
                let text = event.pointer(pointer).map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                text.as_deref() == Some(wanted)
            };
            event.get("event").and_then(Value::as_str) == Some(name) && fields.iter().all(has)
        };
        if let Some(event) = self.events.iter().find(|event| is_wanted(event)) {
            return Ok(event.clone());
        }
        let clock = StdClock::new();
        let end = clock.now() + patience;
        while clock.now() < end {
            let line = self.process.wait_for_line("", end - clock.now());
            let line = line.with_context(|| self.missing(name, fields))?;
            let event: Value = serde_json::from_str(&line).with_context(|| line)?;
            let is_status = event.get("event").and_then(Value::as_str) == Some("status");
            let found = is_wanted(&event);
            if !is_status {
                self.events.push(event.clone());
            }
            if found {
                return Ok(event);
            }
        }
        bail!(self.missing(name, fields))
    }

    fn missing(&self, name: &str, fields: &[(&str, &str)]) -> String {
        let seen: Vec<String> = self.events.iter().map(ToString::to_string).collect();
        format!("waiting for {name} {fields:?}; seen:\n{}", seen.join("\n"))
    }

    /// Asks it to end, without waiting.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn terminate(&self) -> Result<()> {
        self.process.terminate()
    }

    /// Asks it to end; its counters, when it says that the link ended well and tshark finds nothing wrong with any
    /// packet.
    ///
    /// # Errors
    ///
    /// When the link did not end well, or tshark complains.
    pub fn stop(self) -> Result<Value> {
        self.terminate()?;
        self.ended()
    }

    /// Waits until it ends of itself; its counters, as with [`stop`](Self::stop).
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub fn ended(mut self) -> Result<Value> {
        let counters = self.event("stopped", &[])?;
        self.check_capture()?;
        Ok(counters)
    }

    /// Packets of the capture that a display filter of tshark's takes.
    ///
    /// # Errors
    ///
    /// When tshark cannot be run or does not take the filter.
    pub fn captured(&self, filter: &str) -> Result<usize> {
        crate::lab::captured(&self.capture, filter)
    }

    fn check_capture(&self) -> Result<()> {
        let complaints = malformed(&self.capture)?;
        ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
        Ok(())
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a line does with the octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LineMode {
    /// It carries them.
    Carry = 0,
    /// It loses them.
    Lose = 1,
    /// It sends them back to where they came from.
    Loop = 2,
    /// It changes an octet of every other chunk that is longer than 24.
    Damage = 3,
}

/// A serial line between a lane of a guest and a Unix socket, which the example connects to.
#[derive(Debug)]
pub struct SerialLine {
    path: PathBuf,
    mode: Arc<AtomicU8>,
    damaged: Arc<AtomicU32>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
    done: UnixStream,
}

impl SerialLine {
    /// Lays the line. What is still in it from before is gone.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn new(lane: &Lane) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("internetwork-line-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path)?;
        let guest = UnixStream::from(lane.line().try_clone()?);
        let mode = Arc::new(AtomicU8::new(LineMode::Carry as u8));
        let damaged = Arc::<AtomicU32>::default();
        let (done, ends) = UnixStream::pair()?;
        drain(&guest);
        let thread = std::thread::spawn({
            let (mode, damaged) = (Arc::clone(&mode), Arc::clone(&damaged));
            move || carry(&listener, &guest, &ends, &mode, &damaged)
        });
        Ok(Self {
            path,
            mode,
            damaged,
            thread: Some(thread),
            done,
        })
    }

    /// The line as the example takes it.
    pub fn spec(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// What it does from now on.
    pub fn set_mode(&self, mode: LineMode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }

    /// How many chunks it has damaged.
    pub fn damaged(&self) -> u32 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Takes it away: we lose the carrier, and the guest hears nothing more.
    ///
    /// # Errors
    ///
    /// Those of the line.
    pub fn cut(&mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let _ = self.done.shutdown(std::net::Shutdown::Both);
        let _ = std::fs::remove_file(&self.path);
        match self.thread.take().map(std::thread::JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => bail!("the line's thread panicked"),
        }
    }
}

impl Drop for SerialLine {
    fn drop(&mut self) {
        // The test is over, well or not.
        let _ = self.end();
    }
}

/// Forgets what waits in the line.
fn drain(guest: &UnixStream) {
    let mut octets = [0; 4096];
    while rustix::io::read(guest, &mut octets).is_ok_and(|read| read > 0) {}
}

/// Carries octets between the guest and whoever connects, until that one goes or the line is taken away.
fn carry(
    listener: &UnixListener,
    guest: &UnixStream,
    ends: &UnixStream,
    mode: &AtomicU8,
    damaged: &AtomicU32,
) -> Result<()> {
    let wait = |fds: &mut [PollFd<'_>]| -> Result<()> {
        match poll(
            fds,
            Some(&Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            }),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(why) => Err(why.into()),
        }
    };
    let is_over = |fds: &[PollFd<'_>]| fds.first().is_some_and(|fd| !fd.revents().is_empty());
    listener.set_nonblocking(true)?;
    let ours = loop {
        let mut fds = [
            PollFd::new(ends, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        wait(&mut fds)?;
        if is_over(&fds) {
            return Ok(());
        }
        if let Ok((stream, _)) = listener.accept() {
            break stream;
        }
    };
    ours.set_nonblocking(true)?;
    // Octets on their way to the guest, and to us.
    let mut to_guest = Vec::new();
    let mut to_us = Vec::new();
    let mut chunks = 0_u32;
    // A guest whose line is looped goes on hearing itself when we are gone.
    let mut is_there = true;
    loop {
        let events = |waiting: &Vec<u8>, back: &Vec<u8>| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, back.len() < 65_536);
            events.set(PollFlags::OUT, !waiting.is_empty());
            events
        };
        let mut fds = [
            PollFd::new(ends, PollFlags::IN),
            PollFd::new(
                &ours,
                if is_there {
                    events(&to_us, &to_guest)
                } else {
                    PollFlags::empty()
                },
            ),
            PollFd::new(guest, events(&to_guest, &to_us)),
        ];
        wait(&mut fds)?;
        if is_over(&fds) {
            return Ok(());
        }
        let is = |wanted: LineMode| mode.load(Ordering::Relaxed) == wanted as u8;
        let (looped, lost) = (is(LineMode::Loop), is(LineMode::Lose));
        let mut octets = [0; 16_384];
        let mut damage = |octets: &mut [u8]| {
            if is(LineMode::Damage)
                && octets.len() > 24
                && let Some(octet) = octets.get_mut(12)
            {
                chunks += 1;
                if chunks.is_multiple_of(2) {
                    *octet ^= 0x04;
                    damaged.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        match rustix::io::read(&ours, &mut octets) {
            Ok(0) | Err(rustix::io::Errno::CONNRESET) if looped => is_there = false,
            Ok(0) | Err(rustix::io::Errno::CONNRESET) => return Ok(()),
            Ok(_) if lost => {}
            Ok(read) => {
                damage(octets.get_mut(..read).unwrap_or_default());
                let towards = if looped { &mut to_us } else { &mut to_guest };
                towards.extend_from_slice(octets.get(..read).unwrap_or_default());
            }
            Err(_) => {}
        }
        match rustix::io::read(guest, &mut octets) {
            Ok(0) => bail!("the guest is gone"),
            Ok(_) if lost => {}
            Ok(read) => {
                damage(octets.get_mut(..read).unwrap_or_default());
                let towards = if looped { &mut to_guest } else { &mut to_us };
                towards.extend_from_slice(octets.get(..read).unwrap_or_default());
            }
            Err(_) => {}
        }
        for (stream, waiting) in [(&ours, &mut to_us), (guest, &mut to_guest)] {
            if !waiting.is_empty()
                && let Ok(written) = rustix::io::write(stream, waiting)
            {
                waiting.drain(..written);
            }
        }
    }
}

/// A `pppd` in a lane of a guest.
#[derive(Debug)]
pub struct Pppd<'a> {
    lane: &'a Lane,
    /// How its command line begins.
    command: String,
}

impl<'a> Pppd<'a> {
    /// Puts names and secrets where all of the guest's `pppd`s look for them; each proves a name to anybody.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn write_secrets(lane: &Lane, secrets: &[(&str, &str)]) -> Result<()> {
        let mut lines = String::new();
        for (name, secret) in secrets {
            lines.push_str(&format!("{name} * {secret} *\\n"));
        }
        lane.run(&format!(
            "printf '{lines}' | tee /etc/ppp/chap-secrets > /etc/ppp/pap-secrets; \
             chmod 600 /etc/ppp/*-secrets"
        ))
        .map(drop)
    }

    /// Starts it on the lane's serial line. Its name is bob.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn start(lane: &'a Lane, options: &str) -> Result<Self> {
        let line = format!("{} 115200 local nocrtscts", lane.device());
        Self::start_on(lane, &line, options)
    }

    /// Starts it on the lane's serial line, in the namespace of the guest's first lane: there it can be bundled.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn start_in_first(lane: &'a Lane, options: &str) -> Result<Self> {
        let line = format!("{} 115200 local nocrtscts", lane.device());
        Self::start_by("ip netns exec lane0 ", lane, &line, options)
    }

    /// Starts it as a client of PPPoE on the guest's network device.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn start_pppoe(lane: &'a Lane, options: &str) -> Result<Self> {
        let line = "plugin rp-pppoe.so rp_pppoe_service internet host-uniq deadbeef vec0";
        Self::start_on(lane, line, options)
    }

    fn start_on(lane: &'a Lane, line: &str, options: &str) -> Result<Self> {
        Self::start_by("", lane, line, options)
    }

    fn start_by(by: &str, lane: &'a Lane, line: &str, options: &str) -> Result<Self> {
        let log = Self::log_path(lane);
        lane.run(&format!(
            "rm -f {log} {log}.status; ({by}pppd {line} nodetach debug show-password \
             lcp-restart 1 ipcp-restart 1 ipv6cp-restart 1 name bob noipdefault \
             {options} > {log} 2>&1; echo $? > {log}.status) &"
        ))?;
        Ok(Self {
            lane,
            command: format!("pppd {line} "),
        })
    }

    /// Starts `pppoe-server` with the kernel's PPPoE on the guest's network device. Each of its `pppd`s writes to
    /// the same log.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn start_server(lane: &'a Lane, options: &str) -> Result<Self> {
        let (log, file) = (Self::log_path(lane), "/etc/ppp/pppoe-server-options");
        let options = format!("{options} name bob debug show-password logfile {log} lcp-restart 1");
        lane.run(&format!(
            "rm -f {log} {log}.status; touch {log}; echo '{options}' > {file}; \
             (pppoe-server -F -k -I vec0 -C concentrator -S internet -L 10.9.0.1 -R 10.9.0.2 -N 4 \
             -O {file} -q /usr/sbin/pppd -Q /usr/sbin/pppoe > {log}.server 2>&1; \
             echo $? > {log}.status) &"
        ))?;
        Ok(Self {
            lane,
            command: "pppoe-server ".to_owned(),
        })
    }

    fn log_path(lane: &Lane) -> String {
        format!("/tmp/pppd{}.log", lane.index())
    }

    /// Its log so far.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn log(&self) -> Result<String> {
        self.lane.run(&format!("cat {}", Self::log_path(self.lane)))
    }

    /// Waits until its log has all these texts.
    ///
    /// # Errors
    ///
    /// When one does not appear within 20 seconds; the error holds the log.
    pub fn logs(&self, texts: &[&str]) -> Result<()> {
        wait_until(PATIENCE, || {
            let log = self.log()?;
            for text in texts {
                ensure!(log.contains(text), "no {text:?} in the log of pppd:\n{log}");
            }
            Ok(())
        })
        .map(drop)
    }

    /// Asks it to end, without waiting.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn terminate(&self) -> Result<()> {
        self.lane
            .run(&format!("pkill -TERM -f '^{}'", self.command))
            .map(drop)
    }

    /// Waits until it ends of itself; its exit status.
    ///
    /// # Errors
    ///
    /// When it does not end within 20 seconds; the error holds the log.
    pub fn ended(&self) -> Result<i32> {
        let log = Self::log_path(self.lane);
        let mut status = None;
        wait_until(PATIENCE, || {
            let (text, _) = self.lane.try_run(&format!("cat {log}.status"))?;
            status = text.trim().parse().ok();
            ensure!(status.is_some(), "it has not ended:\n{}", self.log()?);
            Ok(())
        })?;
        status.context("no exit status")
    }
}

impl Drop for Pppd<'_> {
    fn drop(&mut self) {
        // For the next one on this lane: without a goodbye where it still runs.
        let command = format!("pkill -KILL -f '^{}'; wait", self.command);
        if self.lane.try_run(&command).is_err() {
            pause(Duration::from_millis(10));
        }
    }
}
