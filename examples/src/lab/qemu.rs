//! Debian's own kernel in QEMU: the PPP of a kernel that is built as most are, where [`Uml`](super::Uml) is not.
//!
//! As with that one, the guest's root is the host's own `/`, read-only, here by 9P; what is written goes to memory. It
//! has one lane, whose serial line is a 16550 and not a socket.

use super::packages::{self, run};
use super::uml::{LANE, Lane};
use super::wait_until;
use alloc::collections::BTreeSet;
use anyhow::{Context, Result, ensure};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How long a guest may take to be ready: 10 to 20 seconds of a processor, which may have other work.
const BOOT: Duration = Duration::from_secs(600);

/// What the guest needs of its modules; those that they need come along. The kernel may have some built in.
const MODULES: [&str; 9] = [
    "virtio_pci",
    "9pnet_virtio",
    "9p",
    "ipv6",
    "ppp_async",
    "ppp_deflate",
    "bsd_comp",
    "ppp_mppe",
    "8250_pci",
];

/// What it runs first, of its initial files: it finds the host's root.
const FIRST: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
for module in $(/bin/busybox cat /order); do
    /bin/busybox insmod /modules/$module || echo "GUEST-BAD $module"
done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro host /root || echo "GUEST-BAD root"
exec /bin/busybox switch_root /root "$FOLDER/init.sh"
"#;

/// And then.
const INIT: &str = r#"#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys
mount -t tmpfs tmp /run; mount -t tmpfs tmp /var
mkdir -p /var/run /var/log /var/tmp /var/lock /run/lock
mount -t devtmpfs dev /dev 2>/dev/null; mkdir -p /dev/pts; mount -t devpts pts /dev/pts
mount -t tmpfs tmp /mnt; cp "$FOLDER/lane.sh" /mnt
mount -t tmpfs tmp /tmp; mount -t tmpfs tmp /etc/ppp
: > /etc/ppp/options; chmod 600 /etc/ppp/options
bash /mnt/lane.sh 0 /dev/ttyS1 &
echo "GUEST-READY"
wait
"#;

/// A guest. Ended when dropped.
#[derive(Debug)]
pub struct Qemu {
    process: Child,
    folder: PathBuf,
    lanes: Vec<Lane>,
}

impl Qemu {
    /// The files of Debian's newest kernel, which apt fetches.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub fn kernel() -> Result<PathBuf> {
        // The kernel for clouds has no PPP.
        let package = packages::dependency("linux-image-amd64", "linux-image-")?;
        packages::debian_package(&package)
    }

    /// Boots a guest of those files.
    ///
    /// # Errors
    ///
    /// When Debian's `qemu-system-x86`, `busybox-static`, `cpio` or `kmod` is not installed, or the guest does not
    /// become ready.
    pub fn boot(kernel: &Path) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("internetwork-qemu-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        let booted = Self::boot_in(kernel, &folder);
        if booted.is_err() {
            // A guest has removed it already.
            let _ = std::fs::remove_dir_all(&folder);
        }
        booted
    }

    fn boot_in(kernel: &Path, folder: &Path) -> Result<Self> {
        let version = version(kernel)?;
        initial_files(kernel, &version, folder)?;
        write_program(&folder.join("init.sh"), INIT)?;
        std::fs::write(folder.join("lane.sh"), LANE)?;
        let [control, line] = ["control", "line"].map(|name| folder.join(name));
        let listeners = [UnixListener::bind(&control)?, UnixListener::bind(&line)?];
        let console = folder.join("console");
        let mut command = Command::new("qemu-system-x86_64");
        // Without the processor's help, which a guest in a guest may be promised and not get.
        command.args(["-M", "q35", "-accel", "tcg"]);
        command.args(["-cpu", "max", "-m", "256"]);
        command.args(["-nodefaults", "-display", "none", "-no-reboot"]);
        command.args(["-serial", &format!("file:{}", console.display())]);
        for path in [&control, &line] {
            command.args(["-serial", &format!("unix:{}", path.display())]);
        }
        // The line would be as slow as a real one.
        command.args(["-global", "serial.baudbase=4000000"]);
        let share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap";
        command.args(["-virtfs", share]);
        command
            .arg("-kernel")
            .arg(kernel.join("boot").join(format!("vmlinuz-{version}")));
        command.arg("-initrd").arg(folder.join("initial.gz"));
        command.args([
            "-append",
            &format!(
                "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on FOLDER={}",
                folder.display()
            ),
        ]);
        let errors = std::fs::File::create(folder.join("errors"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(errors).spawn();
        let process = process.context("cannot start QEMU (apt install qemu-system-x86)")?;
        let mut guest = Self {
            process,
            folder: folder.to_owned(),
            lanes: Vec::new(),
        };
        let ends = listeners
            .iter()
            .map(|listener| guest.accept(listener))
            .collect::<Result<Vec<_>>>();
        let ready = ends.and_then(|ends| {
            guest.await_ready()?;
            let [control, line] = <[UnixStream; 2]>::try_from(ends)
                .map_err(|_| anyhow::anyhow!("a guest has two lines"))?;
            let lane = Lane::new(0, "/dev/ttyS2".to_owned(), control, line)?;
            lane.answer().context("the lane's shell")?;
            guest.lanes.push(lane);
            Ok(())
        });
        ready.with_context(|| guest.console())?;
        Ok(guest)
    }

    /// The emulator's end of a line. It connects as it starts, or ends.
    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream> {
        listener.set_nonblocking(true)?;
        let mut accepted = None;
        wait_until(BOOT, || {
            if self.process.try_wait()?.is_none() {
                accepted = Some(listener.accept()?.0);
            }
            Ok(())
        })?;
        let accepted = accepted.context("QEMU has ended")?;
        accepted.set_nonblocking(false)?;
        Ok(accepted)
    }

    fn await_ready(&mut self) -> Result<()> {
        wait_until(BOOT, || {
            let console = self.console();
            // What cannot become better ends the wait: it is looked at below.
            let is_over = self.process.try_wait()?.is_some() || console.contains("GUEST-BAD");
            ensure!(is_over || console.contains("GUEST-READY"), "not ready");
            Ok(())
        })?;
        let console = self.console();
        let is_bad = console.contains("GUEST-BAD");
        ensure!(!is_bad && console.contains("GUEST-READY"), "it is not");
        Ok(())
    }

    /// What the guest has written to its console, and the emulator to its standard error.
    pub fn console(&self) -> String {
        ["console", "errors"]
            .map(|name| {
                let text = std::fs::read(self.folder.join(name)).unwrap_or_default();
                String::from_utf8_lossy(&text).into_owned()
            })
            .concat()
    }

    /// Its lane, alone in a list.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // An error says that it has ended before.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The version of the kernel among these files.
fn version(kernel: &Path) -> Result<String> {
    let modules = kernel.join("lib/modules");
    let mut folders = std::fs::read_dir(&modules)?;
    let folder = folders.next().context("no modules")??;
    let name = folder.file_name().into_string();
    name.map_err(|name| anyhow::anyhow!("{}", name.display()))
}

/// Makes the file system that the kernel begins with: a shell, modules and the order in which they are loaded.
fn initial_files(kernel: &Path, version: &str, folder: &Path) -> Result<()> {
    let root = folder.join("initial");
    for name in ["bin", "dev", "modules", "proc", "root"] {
        std::fs::create_dir_all(root.join(name))?;
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox"))
        .context("no busybox (apt install busybox-static)")?;
    run(Command::new("depmod").arg("-b").arg(kernel).arg(version))?;
    let (mut order, mut known) = (String::new(), BTreeSet::new());
    for module in MODULES {
        let mut query = Command::new("modprobe");
        query.arg("-d").arg(kernel).args(["-S", version]);
        let text = run(query.args(["--show-depends", module]))?;
        for line in text.lines() {
            // Others are built into the kernel.
            let Some(path) = line.strip_prefix("insmod ") else {
                continue;
            };
            let path = Path::new(path.trim());
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.context("a module without a name")?;
            if known.insert(name.to_owned()) {
                std::fs::copy(path, root.join("modules").join(name))?;
                order.push_str(&format!("{name}\n"));
            }
        }
    }
    std::fs::write(root.join("order"), order)?;
    write_program(&root.join("init"), FIRST)?;
    run(Command::new("sh")
        .arg("-c")
        .arg("set -e; find . | cpio -o -H newc --quiet > ../initial.cpio; gzip -1 < ../initial.cpio > ../initial.gz")
        .current_dir(&root))
    .map(drop)
}

fn write_program(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
