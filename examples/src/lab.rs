//! Network namespaces for the interop tests: real kernels and real tools at the other end.
//!
//! The tests need root. They run when `INTERNETWORK_INTEROP=1` is set, and then everything that
//! they need is required; otherwise they say that they skipped. `cargo xtask interop` sets the
//! variable and installs the tools.
//!
//! Traffic stays inside the namespaces that a test made; only processes that it started are ended.

use anyhow::{Context, Result, bail};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

mod bird;
mod capture;
mod chromium;
mod frr;
mod l2tpns;
mod matrix;
pub mod packages;
mod qemu;
mod radius;
mod services;
mod tap_host;
mod topology;
mod uml;
mod usage;

pub use bird::Bird;
pub use capture::Capture;
pub use chromium::Chromium;
pub use frr::Frr;
pub use l2tpns::L2tpns;
pub use matrix::Matrix;
pub use qemu::Qemu;
pub use radius::Radius;
pub use tap_host::{Advertising, TapHost, expect, tool};
pub use topology::{IpFamily, KernelRoute, LinkEnd, connect};
pub use uml::{Lane, Nic, Uml};
pub use usage::Usage;

/// The variable that switches the interop tests on.
pub const INTEROP_VARIABLE: &str = "INTERNETWORK_INTEROP";

/// Whether the interop tests are to run; says so when they are not.
pub fn interop_wanted(test: &str) -> bool {
    let wanted = std::env::var_os(INTEROP_VARIABLE).is_some_and(|value| !value.is_empty());
    if !wanted {
        // Not `println!`, whose output the test harness keeps to itself when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: it needs root and {INTEROP_VARIABLE}=1 (cargo xtask interop)"
        );
    }
    wanted
}

/// Whether the long interop tests are to run too (`INTERNETWORK_INTEROP=all`); says so when not.
pub fn long_interop_wanted(test: &str) -> bool {
    let wanted = std::env::var_os(INTEROP_VARIABLE).is_some_and(|value| value == "all");
    if !wanted {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: a long one, it needs root and {INTEROP_VARIABLE}=all \
             (cargo xtask interop --all)"
        );
    }
    wanted
}

/// Repeats `check` every 50 milliseconds until it succeeds; how long that took.
///
/// # Errors
///
/// The last error of `check`, when `patience` is over.
pub fn wait_until(patience: Duration, mut check: impl FnMut() -> Result<()>) -> Result<Duration> {
    let clock = StdClock::new();
    let start = clock.now();
    loop {
        match check() {
            Ok(()) => return Ok(clock.now() - start),
            Err(why) if clock.now() - start >= patience => {
                return Err(why.context(format!("still so after {patience:?}")));
            }
            Err(_) => pause(Duration::from_millis(50)),
        }
    }
}

/// Runs scenarios at once, each on a thread of its own; they mostly wait for peers.
///
/// # Errors
///
/// All that failed, with their names.
pub fn at_once(scenarios: &[(&str, &(dyn Fn() -> Result<()> + Sync))]) -> Result<()> {
    let mut failed = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = scenarios
            .iter()
            .map(|(name, run)| (name, scope.spawn(run)))
            .collect();
        for (name, thread) in threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failed.push(format!("{name}: {why:?}")),
                Err(_) => failed.push(format!("{name}: it panicked")),
            }
        }
    });
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "the lab runs in real time, with real programs"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A network namespace of its own, deleted when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose name starts with `internetwork-` and `label`, and brings its
    /// loopback interface up.
    ///
    /// # Errors
    ///
    /// When `ip netns` fails: it needs root and Debian's `iproute2`.
    pub fn new(label: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("internetwork-{label}-{}-{count}", std::process::id());
        check(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        namespace.run("ip", &["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name, as `ip netns` lists it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command inside to its end and gives what it printed.
    ///
    /// # Errors
    ///
    /// When it cannot be started or fails; the error holds what it printed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        check(&mut self.command(program, arguments))
    }

    /// Runs a command inside to its end, whatever comes of it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn output(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        self.command(program, arguments)
            .output()
            .with_context(|| format!("cannot start {program}"))
    }

    /// Starts a program inside that goes on in the background.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        Process::start(&mut self.command(program, arguments))
    }

    /// Runs `work` on a thread inside the namespace: sockets that it opens are the namespace's.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, or what `work` says.
    ///
    /// # Panics
    ///
    /// When `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = format!("/run/netns/{}", self.name);
        let file = std::fs::File::open(&path).with_context(|| format!("cannot open {path}"))?;
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
                use std::os::fd::AsFd;
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            });
            match inside.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing better can be done about a failure here than to go on.
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// Runs a command to its end.
fn check(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed with {}:\n{text}{errors}", output.status);
    }
    Ok(text)
}

/// A program in the background; ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        command.stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, lines })
    }

    /// Waits for a line of its output that contains `text`.
    ///
    /// # Errors
    ///
    /// When it ends or `patience` is over first; the error holds the lines seen.
    pub fn wait_for_line(&self, text: &str, patience: Duration) -> Result<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) if line.contains(text) => return Ok(line),
                Ok(line) => seen.push(line),
                Err(why) => bail!("no line with {text:?}: {why}; seen: {seen:#?}"),
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it without warning, as a crash would.
    pub fn kill(&mut self) {
        // An error says that it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and does not wait: it may have more to say.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn terminate(&self) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("process id")?;
        let id = rustix::process::Pid::from_raw(id).context("process id")?;
        Ok(rustix::process::kill_process(
            id,
            rustix::process::Signal::TERM,
        )?)
    }

    /// Asks it to read its configuration again (SIGHUP).
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn hang_up(&self) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("process id")?;
        let id = rustix::process::Pid::from_raw(id).context("process id")?;
        Ok(rustix::process::kill_process(
            id,
            rustix::process::Signal::HUP,
        )?)
    }

    /// Asks it to end (SIGTERM), waits for it, and gives the rest of its output.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled, or ends with a failure.
    pub fn stop(mut self) -> Result<Vec<String>> {
        self.terminate()?;
        let status = self.child.wait()?;
        let rest = self.lines.iter().collect();
        if !status.success() {
            bail!("it ended with {status}; its last lines: {rest:#?}");
        }
        Ok(rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended after `stop`; otherwise a test failed and this cleans up after it.
        self.kill();
    }
}

/// Where cargo put the example `name`, beside the running test.
///
/// # Errors
///
/// When it was not built.
pub fn example_path(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    // target/PROFILE/deps/TEST, and target/PROFILE/examples/NAME
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("no target folder")?;
    let path = profile.join("examples").join(name);
    if !path.exists() {
        bail!(
            "{} is not there: build it with `cargo build --examples`",
            path.display()
        );
    }
    Ok(path)
}

/// What tshark finds wrong in a capture: malformed packets, warnings and errors of its dissectors, and bad
/// checksums; and how many frames it read.
///
/// # Errors
///
/// When tshark (Debian's `tshark`) cannot be run.
pub fn tshark_complaints(capture: &std::path::Path) -> Result<(usize, Vec<String>)> {
    let own = "_ws.malformed or icmp.checksum.status == 0 or icmpv6.checksum.status == 0";
    let checksums = "_ws.expert.severity == error or ip.checksum.status == 0 \
                     or udp.checksum.status == 0 or tcp.checksum.status == 0";
    // Of a segment that an ICMP error quotes in part, it takes the checksum of that part.
    let quotes = "tcp and (icmp or icmpv6)";
    let bad = format!("{own} or (({checksums}) and not ({quotes}))");
    complaints(capture, "TRUE", &bad)
}

/// The same without checksums: between namespaces, kernels leave those of UDP and TCP to hardware that
/// is not there.
///
/// # Errors
///
/// When tshark (Debian's `tshark`) cannot be run.
pub fn tshark_malformed(capture: &std::path::Path) -> Result<(usize, Vec<String>)> {
    // What iperf3 sends is random, and at times looks like some protocol.
    let bad = format!("({MALFORMED}) and not tcp.port == 5201");
    complaints(capture, "FALSE", &bad)
}

/// Frames of a capture that a display filter of tshark's takes.
///
/// # Errors
///
/// When tshark (Debian's `tshark`) cannot be run or does not take the filter.
pub fn captured(capture: &std::path::Path, filter: &str) -> Result<usize> {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(capture);
    // A capture that is still written may end in the middle of a frame: tshark then fails after it
    // has printed the others.
    let output = command.args(["-Y", filter]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("not a valid") {
        bail!("{filter}: {errors}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().count())
}

/// What no packet may be.
const MALFORMED: &str = "_ws.malformed or _ws.expert.severity == error";

/// What tshark finds malformed in a capture. Checksums of packets from a kernel are left out; and what it finds
/// malformed whoever sends it: headers compressed by Van Jacobson's method, and the option Quality-Protocol.
///
/// # Errors
///
/// When tshark (Debian's `tshark`) cannot be run.
pub fn malformed(capture: &std::path::Path) -> Result<Vec<String>> {
    let file = capture.to_str().context("the path is not UTF-8")?;
    let filter =
        format!("({MALFORMED}) and not ppp.protocol == 0x2d and not lcp.opt.quality_protocol");
    let text = check(Command::new("tshark").args(["-n", "-r", file, "-Y", &filter]))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn complaints(
    capture: &std::path::Path,
    checksums: &str,
    bad: &str,
) -> Result<(usize, Vec<String>)> {
    let file = capture.to_str().context("the path is not UTF-8")?;
    let read = |filter: &[&str]| {
        let mut command = Command::new("tshark");
        command.args(["-n", "-r", file]);
        for protocol in ["ip", "udp", "tcp"] {
            command.args(["-o", &format!("{protocol}.check_checksum:{checksums}")]);
        }
        check(command.args(filter))
    };
    let frames = read(&[])?.lines().count();
    let complaints = read(&["-Y", bad])?.lines().map(str::to_owned).collect();
    Ok((frames, complaints))
}
