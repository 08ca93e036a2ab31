//! A second Linux kernel as a process: User-Mode-Linux (Debian's `user-mode-linux`), which has PPP where the host's
//! kernel need not.
//!
//! The guest's root is the host's own `/`, read-only, so that every program of the host is there; what is written
//! goes to memory. Each *lane* of a guest is a network namespace of its own with a shell that takes commands, and a
//! serial line `/dev/ttyS*` whose other end is ours.

use super::wait_until;
use alloc::sync::Arc;
use anyhow::{Context, Result, bail, ensure};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use rustix::io::FdFlags;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// How long a guest may take to be ready; it takes 2 to 5 seconds.
const BOOT: Duration = Duration::from_secs(60);
/// How often a guest is started, when its boot goes wrong. About one in a hundred has no cryptography for as long as it runs,
/// and is told by a module that cannot be loaded.
const TRIES: u32 = 3;
/// How long a command in the guest may take.
const COMMAND: Duration = Duration::from_secs(60);

/// What the guest runs first.
const INIT: &str = r#"#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys
mount -t tmpfs tmp /run; mount -t tmpfs tmp /var
mkdir -p /var/run /var/log /var/tmp /var/lock /run/lock /run/netns
mount -t devtmpfs dev /dev 2>/dev/null; mkdir -p /dev/pts; mount -t devpts pts /dev/pts
mount -t tmpfs tmp /mnt; mkdir /mnt/lab; mount -t hostfs none /mnt/lab -o "$FOLDER"
mount -t tmpfs tmp /tmp; mount -t tmpfs tmp /etc/ppp
modules=/usr/lib/uml/modules/$(uname -r)/kernel
for module in lib/crc-ccitt net/ipv6/ipv6 drivers/net/slip/slhc drivers/net/ppp/ppp_generic \
    drivers/net/ppp/ppp_async drivers/net/ppp/ppp_deflate drivers/net/ppp/bsd_comp \
    lib/crypto/libarc4 drivers/net/ppp/ppp_mppe drivers/net/ppp/pppox drivers/net/ppp/pppoe; do
    if [ "$BROKEN" = 1 ] || ! why=$(insmod "$modules/$module.ko" 2>&1); then
        echo "GUEST-BAD $module: $why"; echo o > /proc/sysrq-trigger; sleep 20
    fi
done
ip link set lo up
: > /etc/ppp/options; chmod 600 /etc/ppp/options
for ((lane = 0; lane < LANES; lane++)); do
    ip netns add lane$lane
    if [ "$lane" = 0 ] && [ -e /sys/class/net/vec0 ]; then ip link set vec0 netns lane0; fi
    ip netns exec lane$lane bash /mnt/lab/lane.sh $lane /dev/ttyS$((lane * 2)) &
done
echo "GUEST-READY"
# A lane ends when the program that holds its other end is gone.
wait -n
echo o > /proc/sysrq-trigger; sleep 5
"#;

/// The shell of a lane, which is told its number and where it gets its commands. A line that begins with the control
/// character 1 ends the output of a command.
pub(super) const LANE: &str = r#"
ip link set lo up
lane=$1 control=$2
stty -F $control raw -echo
exec <>$control >&0 2>&0
printf '\1%d\n' 0
while IFS= read -r command; do
    eval "$command"
    printf '\n\1%d\n' $?
done
"#;

/// A network device of the guest's, `vec0` in lane 0.
#[derive(Debug, Clone, Copy)]
pub struct Nic<'a> {
    /// The host's namespace with the interface.
    pub namespace: &'a super::Namespace,
    /// The interface, whose frames the guest takes and sends.
    pub interface: &'a str,
}

/// A guest. Ended when dropped.
#[derive(Debug)]
pub struct Uml {
    process: Child,
    folder: PathBuf,
    lanes: Vec<Lane>,
    console: Arc<Mutex<Vec<String>>>,
}

/// A namespace of the guest's, and its serial line.
#[derive(Debug)]
pub struct Lane {
    index: usize,
    device: String,
    control: Mutex<BufReader<UnixStream>>,
    line: OwnedFd,
}

impl Uml {
    /// Boots a guest with so many lanes.
    ///
    /// # Errors
    ///
    /// When Debian's `user-mode-linux` is not installed, or when no guest becomes ready.
    pub fn boot(lanes: usize, nic: Option<Nic<'_>>) -> Result<Self> {
        Self::boot_but_fail(lanes, nic, 0)
    }

    /// The same, with the first `failures` boots going wrong.
    ///
    /// # Errors
    ///
    /// As [`boot`](Self::boot).
    pub fn boot_but_fail(lanes: usize, nic: Option<Nic<'_>>, failures: u32) -> Result<Self> {
        let mut why = anyhow::anyhow!("no try");
        for attempt in 0..TRIES {
            match Self::boot_once(lanes, nic, attempt < failures) {
                Ok(guest) => return Ok(guest),
                Err(error) => {
                    // For whoever reads the log of the tests.
                    let _ = writeln!(std::io::stderr(), "a guest's boot went wrong: {error:#}");
                    why = error;
                }
            }
        }
        Err(why.context(format!("no guest was ready in {TRIES} boots")))
    }

    fn boot_once(lanes: usize, nic: Option<Nic<'_>>, broken: bool) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("internetwork-uml-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder)?;
        let init = folder.join("init.sh");
        std::fs::write(&init, INIT)?;
        std::fs::set_permissions(&init, std::fs::Permissions::from_mode(0o755))?;
        std::fs::write(folder.join("lane.sh"), LANE)?;

        let mut command = match nic {
            None => Command::new("linux.uml"),
            Some(nic) => nic.namespace.command("linux.uml", &[]),
        };
        command.args([
            &format!("umid={name}"),
            &format!("uml_dir={}", folder.join("uml").display()),
            "mem=96M",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            "quiet",
            "noreboot",
            &format!("init={}", init.display()),
            "con=null",
            "con0=null,fd:1",
            &format!("FOLDER={}", folder.display()),
            &format!("LANES={lanes}"),
            &format!("BROKEN={}", u8::from(broken)),
        ]);
        if let Some(nic) = nic {
            let interface = nic.interface;
            command.arg(format!(
                "vec0:transport=raw,ifname={interface},mac=02:00:5e:10:00:33,depth=64,gro=0,mtu=1600"
            ));
        }
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for index in 0..lanes {
            let (control, control_end) = UnixStream::pair()?;
            let (line, line_end) = UnixStream::pair()?;
            for (port, end) in [(2 * index, &control_end), (2 * index + 1, &line_end)] {
                // The guest inherits them; they are closed here as soon as it has started.
                rustix::io::fcntl_setfd(end, FdFlags::empty())?;
                command.arg(format!("ssl{port}=fd:{}", end.as_raw_fd()));
            }
            let device = format!("/dev/ttyS{}", index * 2 + 1);
            ours.push(Lane::new(index, device, control, line)?);
            theirs.extend([control_end, line_end]);
        }
        command
            .env("TMPDIR", "/dev/shm")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("errors"))?)
            .process_group(0);
        let mut process = command
            .spawn()
            .context("cannot start linux.uml (apt install user-mode-linux)")?;
        drop(theirs);
        let console = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdout) = process.stdout.take() {
            let console = Arc::clone(&console);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stdout);
                let mut line = Vec::new();
                while lines
                    .read_until(b'\n', &mut line)
                    .is_ok_and(|read| read > 0)
                {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    let Ok(mut console) = console.lock() else {
                        break;
                    };
                    console.push(text);
                }
            });
        }
        let mut guest = Self {
            process,
            folder,
            lanes: ours,
            console,
        };
        guest.await_ready()?;
        Ok(guest)
    }

    fn await_ready(&mut self) -> Result<()> {
        wait_until(BOOT, || {
            let console = self.console();
            let ended = self.process.try_wait()?;
            if console.contains("GUEST-READY") {
                return Ok(());
            }
            // What cannot become better ends the wait: it is looked at below.
            if ended.is_some() || console.contains("GUEST-BAD") {
                return Ok(());
            }
            bail!("not ready")
        })?;
        let console = self.console();
        ensure!(console.contains("GUEST-READY"), "console: {console}");
        for lane in &self.lanes {
            lane.answer().context("a lane's shell")?;
        }
        Ok(())
    }

    /// What the guest has written to its console.
    pub fn console(&self) -> String {
        self.console
            .lock()
            .map(|lines| lines.join("\n"))
            .unwrap_or_default()
    }

    /// A lane.
    ///
    /// # Errors
    ///
    /// When there is none of that number.
    pub fn lane(&self, index: usize) -> Result<&Lane> {
        self.lanes.get(index).context("no such lane")
    }

    /// All lanes.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }
}

impl Drop for Uml {
    fn drop(&mut self) {
        // The group is the guest with its helpers, which this process made.
        if let Some(group) = i32::try_from(self.process.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Lane {
    /// A lane whose shell is at the other end of `control`, and whose serial line, `device` in the guest, at that of
    /// `line`.
    pub(super) fn new(
        index: usize,
        device: String,
        control: UnixStream,
        line: UnixStream,
    ) -> Result<Self> {
        line.set_nonblocking(true)?;
        control.set_read_timeout(Some(COMMAND))?;
        Ok(Self {
            index,
            device,
            control: Mutex::new(BufReader::new(control)),
            line: line.into(),
        })
    }

    /// Its number.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its serial line's device in the guest.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Our end of its serial line, which does not block.
    pub const fn line(&self) -> &OwnedFd {
        &self.line
    }

    /// Runs a line of shell in the lane and gives what it printed.
    ///
    /// # Errors
    ///
    /// When it fails; the error holds what it printed.
    pub fn run(&self, command: &str) -> Result<String> {
        let (text, status) = self.try_run(command)?;
        ensure!(status == 0, "{command}: {status} in the guest:\n{text}");
        Ok(text)
    }

    /// The same, and its exit status, whatever that is.
    ///
    /// # Errors
    ///
    /// When the guest does not answer.
    pub fn try_run(&self, command: &str) -> Result<(String, i32)> {
        ensure!(!command.contains('\n'), "a command is one line");
        {
            let mut control = self.lock()?;
            control
                .get_mut()
                .write_all(format!("{command}\n").as_bytes())?;
        }
        self.answer().with_context(|| command.to_owned())
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, BufReader<UnixStream>>> {
        let control = self.control.lock();
        control.map_err(|_| anyhow::anyhow!("somebody panicked in the lane"))
    }

    pub(super) fn answer(&self) -> Result<(String, i32)> {
        let mut control = self.lock()?;
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            let read = control.read_until(b'\n', &mut line);
            let read = read.with_context(|| format!("no answer of the guest; so far:\n{text}"))?;
            ensure!(read > 0, "the guest is gone; so far:\n{text}");
            let line = String::from_utf8_lossy(&line);
            if let Some(status) = line.strip_prefix('\u{1}') {
                let status = status.trim().parse().context("exit status")?;
                // The new line in front of the mark is not the command's.
                text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
                return Ok((text, status));
            }
            text.push_str(&line);
        }
    }
}
