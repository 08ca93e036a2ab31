//! TUN devices that packets are routed between, each in a network namespace of its own if need be.

use anyhow::{Context, Result, anyhow};
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Packets that are taken from one device before the next has its turn.
const BURST: usize = 64;

/// Does some work on a thread in a network namespace, or here when there is none.
///
/// What the thread makes stays in the namespace, and so do threads that it starts.
///
/// # Errors
///
/// When the namespace cannot be entered, and those of the work.
pub fn in_namespace<T: Send>(
    name: Option<&str>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let Some(name) = name else { return work() };
    let path = format!("/run/netns/{name}");
    let namespace = std::fs::File::open(&path).with_context(|| format!("cannot open {path}"))?;
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
            use std::os::fd::AsFd as _;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        });
        inside
            .join()
            .map_err(|_| anyhow!("the thread in {name} panicked"))?
    })
}

/// Makes a device, up and without addresses, in its namespace.
///
/// # Errors
///
/// Without root, or when there is one of that name.
pub fn open_tun(name: &str, namespace: Option<&str>, mtu: u16) -> Result<SyncDevice> {
    in_namespace(namespace, || {
        let device = DeviceBuilder::new()
            .name(name)
            .layer(Layer::L3)
            .mtu(mtu)
            .build_sync()
            .with_context(|| format!("cannot make the device {name} (it needs root)"))?;
        device.set_nonblocking(true)?;
        Ok(device)
    })
}

/// The devices of a router, by the numbers of its interfaces.
pub struct Devices {
    devices: Vec<SyncDevice>,
    packet: Vec<u8>,
}

impl Devices {
    /// With these devices.
    pub fn new(devices: Vec<SyncDevice>) -> Self {
        Self {
            devices,
            packet: vec![0; 65_535],
        }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.devices.len()
    }

    /// Waits until a device, or another descriptor, has something, at most for so long.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn wait(&self, due: Duration, others: &[BorrowedFd<'_>]) -> Result<()> {
        let due = Timespec::try_from(due)?;
        let devices = self
            .devices
            .iter()
            .map(|device| PollFd::new(device, PollFlags::IN));
        let others = others
            .iter()
            .map(|other| PollFd::from_borrowed_fd(*other, PollFlags::IN));
        let mut fds: Vec<PollFd<'_>> = devices.chain(others).collect();
        match poll(&mut fds, Some(&due)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands over what a device has, not without end.
    ///
    /// # Errors
    ///
    /// Those of the device.
    pub fn receive(
        &mut self,
        number: usize,
        mut take: impl FnMut(&[SyncDevice], &[u8]),
    ) -> Result<()> {
        for _ in 0..BURST {
            let Some(device) = self.devices.get(number) else {
                return Ok(());
            };
            let length = match device.recv(&mut self.packet) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot read from a device"),
            };
            take(&self.devices, self.packet.get(..length).unwrap_or_default());
        }
        Ok(())
    }

    /// All of them, to send by.
    pub fn as_slice(&self) -> &[SyncDevice] {
        &self.devices
    }
}

/// Sends a packet by a device. One that is down, or whose queue is full, loses packets as any link
/// does.
pub fn send(devices: &[SyncDevice], number: usize, packet: &[u8]) {
    if let Some(device) = devices.get(number) {
        let _ = device.send(packet);
    }
}
