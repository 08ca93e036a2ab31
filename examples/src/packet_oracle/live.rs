//! A Linux kernel as the gateway: packets go in and out by two TUN devices of a namespace.
#![expect(
    clippy::indexing_slicing,
    reason = "a device gives no more octets than fit"
)]

use super::{INSIDE, OUTSIDE};
use crate::lab::Namespace;
use anyhow::{Context as _, Result};
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write as _;
use std::process::Stdio;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Masquerading.
const MASQUERADE: &str = r#"
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    oifname "out0" masquerade
  }
}
"#;

/// A filter that lets the inside open connections.
const FILTER: &str = r#"
table inet fw {
  chain inp {
    type filter hook input priority 0; policy drop;
    ct state invalid drop
    ct state established,related accept
    icmp type echo-request accept
    meta l4proto ipv6-icmp accept
  }
  chain f {
    type filter hook forward priority 0; policy drop;
    ct state invalid drop
    ct state established,related accept
    iifname "in0" accept
  }
}
"#;

/// A namespace in which the kernel routes, translates and filters.
pub struct KernelGateway {
    namespace: Namespace,
    /// The inside and the outside device.
    devices: [SyncDevice; 2],
}

impl KernelGateway {
    /// Makes the namespace, with or without address translation.
    ///
    /// # Errors
    ///
    /// Without root, TUN, or nftables.
    pub fn new(translates: bool) -> Result<Self> {
        let namespace = Namespace::new("natfw")?;
        let devices = namespace.enter(|| {
            let open = |name: &str, address, destination| -> Result<SyncDevice> {
                let device = DeviceBuilder::new()
                    .name(name)
                    .layer(Layer::L3)
                    .ipv4(address, 24, destination)
                    .build_sync()
                    .with_context(|| format!("cannot open {name}"))?;
                device.set_nonblocking(true)?;
                Ok(device)
            };
            Ok([open("in0", INSIDE, None)?, open("out0", OUTSIDE, None)?])
        })?;
        for setting in [
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
            "net.ipv4.conf.in0.rp_filter=0",
            "net.ipv4.conf.out0.rp_filter=0",
        ] {
            namespace.run("sysctl", &["-qw", setting])?;
        }
        namespace.run("ip", &["route", "add", "default", "dev", "out0"])?;
        let rules = if translates {
            format!("{MASQUERADE}{FILTER}")
        } else {
            FILTER.to_owned()
        };
        let mut nft = namespace.command("nft", &["-f", "-"]);
        let mut child = nft
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start nft")?;
        child
            .stdin
            .take()
            .context("no standard input")?
            .write_all(rules.as_bytes())?;
        anyhow::ensure!(child.wait()?.success(), "nft does not take the rules");
        let mut gateway = Self { namespace, devices };
        // What the kernel says on its own when a device comes up.
        while !gateway.collect(Duration::from_millis(200)).is_empty() {}
        Ok(gateway)
    }

    /// The namespace.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Hands in a packet; what comes out, and whether to the inside.
    ///
    /// # Errors
    ///
    /// When the device does not take it.
    pub fn packet(&mut self, is_inside: bool, octets: &[u8]) -> Result<Vec<(bool, Vec<u8>)>> {
        let [inside, outside] = &self.devices;
        let device = if is_inside { inside } else { outside };
        // Writing runs the whole path through the kernel before it returns.
        device.send(octets)?;
        Ok(self.collect(Duration::ZERO))
    }

    /// What has come out, after `patience` without anything.
    fn collect(&mut self, patience: Duration) -> Vec<(bool, Vec<u8>)> {
        let mut out = Vec::new();
        loop {
            let mut fds = [
                PollFd::new(&self.devices[0], PollFlags::IN),
                PollFd::new(&self.devices[1], PollFlags::IN),
            ];
            let patience = Timespec::try_from(patience).unwrap_or_default();
            if poll(&mut fds, Some(&patience)).unwrap_or_default() == 0 {
                return out;
            }
            for (index, device) in self.devices.iter().enumerate() {
                let mut buffer = vec![0; 65_536];
                while let Ok(length) = device.recv(&mut buffer) {
                    let packet = buffer[..length].to_vec();
                    // Router solicitations and listener reports are the kernel's own affair.
                    if packet.first().is_some_and(|first| first >> 4 == 4) {
                        out.push((index == 0, packet));
                    }
                }
            }
        }
    }
}
