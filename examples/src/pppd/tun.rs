//! The kernel's end: a TUN device whose addresses are those that were negotiated.

use anyhow::{Context, Result};
use core::net::{Ipv4Addr, Ipv6Addr};
use ppp_lcp_ncp::PacketBuf;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Octets of the longest packet that a TUN device gives.
const LONGEST: usize = 65_535;

/// A TUN device; it is gone when dropped.
pub struct Tun {
    device: SyncDevice,
    name: String,
    packet: Vec<u8>,
}

impl Tun {
    /// Makes the device, down and without addresses.
    ///
    /// # Errors
    ///
    /// Without root, or when there is one of that name.
    pub fn new(name: &str) -> Result<Self> {
        let device = DeviceBuilder::new()
            .name(name)
            .layer(Layer::L3)
            .enable(false)
            .build_sync()
            .with_context(|| format!("cannot make the device {name} (it needs root)"))?;
        device.set_nonblocking(true)?;
        // IPV6CP says which link-local address there is: the kernel is not to make one up.
        let setting = format!("/proc/sys/net/ipv6/conf/{name}/addr_gen_mode");
        if let Err(why) = std::fs::write(&setting, "1") {
            tracing::warn!("{setting}: {why}");
        }
        Ok(Self {
            device,
            name: name.to_owned(),
            packet: vec![0; LONGEST],
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the octets of the largest packet, and brings the device up.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn up(&self, mtu: u16) -> Result<()> {
        self.set_mtu(mtu)?;
        Ok(self.device.enabled(true)?)
    }

    /// Sets the octets of the largest packet.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn set_mtu(&self, mtu: u16) -> Result<()> {
        Ok(self.device.set_mtu(mtu)?)
    }

    /// Takes the device down.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn down(&self) -> Result<()> {
        Ok(self.device.enabled(false)?)
    }

    /// Gives it our address, and the kernel a route to the peer's.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn set_ipv4(&self, ours: Ipv4Addr, peers: Option<Ipv4Addr>) -> Result<()> {
        Ok(self.device.set_network_address(ours, 32, peers)?)
    }

    /// Gives it our link-local address.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn set_ipv6(&self, ours: Ipv6Addr) -> Result<()> {
        Ok(self.device.add_address_v6(ours, 64)?)
    }

    /// Reads a packet of the kernel's; false when there is none.
    ///
    /// # Errors
    ///
    /// Others than that the device is down.
    pub fn read(&mut self, packet: &mut PacketBuf) -> Result<bool> {
        match self.device.recv(&mut self.packet) {
            Ok(length) => {
                packet.reset(PacketBuf::DEFAULT_HEADROOM);
                packet.append_slice(self.packet.get(..length).unwrap_or_default());
                Ok(true)
            }
            Err(why) if is_harmless(&why) => Ok(false),
            Err(why) => Err(why).context("cannot read from the device"),
        }
    }

    /// Gives a packet to the kernel; false when it does not take it.
    ///
    /// # Errors
    ///
    /// Others than that the device is down or the packet is not one of IP.
    pub fn write(&self, packet: &[u8]) -> Result<bool> {
        match self.device.send(packet) {
            Ok(_) => Ok(true),
            Err(why) if is_harmless(&why) => Ok(false),
            Err(why) => Err(why).context("cannot write to the device"),
        }
    }
}

/// Nothing there, a device that is down, or a packet that is none of IP's.
fn is_harmless(why: &std::io::Error) -> bool {
    // EIO, EINVAL, EBADFD and ENETDOWN.
    why.kind() == ErrorKind::WouldBlock || matches!(why.raw_os_error(), Some(5 | 22 | 77 | 100))
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
