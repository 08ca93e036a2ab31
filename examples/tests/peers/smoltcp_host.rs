//! A dual-stack host on a TAP device, made of smoltcp.
#![allow(clippy::disallowed_methods, reason = "smoltcp's clock is the system's")]

use anyhow::{Result, anyhow, ensure};
use core::sync::atomic::{AtomicBool, Ordering};
use internetwork::lab::Namespace;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device as _, Medium, TunTapInterface, wait};
use smoltcp::socket::icmp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr,
};
use std::os::fd::AsRawFd as _;
use std::sync::Mutex;

/// Whom to ping, with how many octets of data.
pub(crate) type Target = (&'static str, usize);

/// The host, which runs on a thread of its own until it is told to stop.
#[derive(Debug, Default)]
pub(crate) struct SmoltcpHost {
    stopped: AtomicBool,
    /// Whole replies that came, for each target.
    replies: Mutex<Vec<u32>>,
}

impl SmoltcpHost {
    /// Its address on the link.
    pub(crate) const MAC: &str = "02:00:00:00:00:5a";
    /// It is configured, as smoltcp makes none of its own.
    pub(crate) const LINK_LOCAL: &str = "fe80::5a";
    const IDENTIFIER: u16 = 0x5a5a;
    const ENOUGH: u32 = 3;

    /// Makes it stop, also when a check fails.
    pub(crate) fn stop_at_the_end(&self) -> impl Drop + '_ {
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        Stop(&self.stopped)
    }

    /// Whether three whole replies came from each target.
    pub(crate) fn has_pinged(&self) -> Result<()> {
        let replies = self.replies.lock().map_err(|why| anyhow!("{why}"))?;
        let is_done = !replies.is_empty() && replies.iter().all(|count| *count >= Self::ENOUGH);
        ensure!(is_done, "replies to smoltcp: {replies:?}");
        Ok(())
    }

    /// Runs on a device that is there and up, with addresses and prefix lengths, and pings its targets.
    pub(crate) fn run(
        &self,
        namespace: &Namespace,
        device: &str,
        addresses: &[&str],
        targets: &[Target],
    ) -> Result<()> {
        namespace.enter(|| {
            let mut device = TunTapInterface::new(device, Medium::Ethernet)?;
            let mut config = Config::new(EthernetAddress([0x02, 0, 0, 0, 0, 0x5a]).into());
            config.random_seed = 7;
            let mut interface = Interface::new(config, &mut device, Instant::now());
            let mut own = vec![cidr(&format!("{}/64", Self::LINK_LOCAL))?];
            for address in addresses {
                own.push(cidr(address)?);
            }
            interface.update_ip_addrs(|list| list.extend(own));
            self.exchange(&mut device, &mut interface, targets)
        })
    }

    fn exchange(
        &self,
        device: &mut TunTapInterface,
        interface: &mut Interface,
        targets: &[Target],
    ) -> Result<()> {
        let buffer =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 64_000]);
        let mut sockets = SocketSet::new(Vec::new());
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket
            .bind(icmp::Endpoint::Ident(Self::IDENTIFIER))
            .map_err(|why| anyhow!("{why}"))?;
        let handle = sockets.add(socket);
        let mut pings = Vec::new();
        for (target, octets) in targets {
            let target = target.parse().map_err(|()| anyhow!("address {target}"))?;
            pings.push((target, *octets));
        }
        *self.replies.lock().map_err(|why| anyhow!("{why}"))? = vec![0; pings.len()];
        let mut next = Instant::now();
        let mut sequence = 0_u16;
        while !self.stopped.load(Ordering::Relaxed) {
            let now = Instant::now();
            interface.poll(now, device, &mut sockets);
            let socket = sockets.get_mut::<icmp::Socket<'_>>(handle);
            while socket.can_recv() {
                let (message, from) = socket.recv().map_err(|why| anyhow!("{why}"))?;
                self.take(message, from, &pings)?;
            }
            if now >= next {
                // One target at a time: smoltcp has one buffer for fragments.
                next = now + Duration::from_millis(50);
                let turn = usize::from(sequence) % pings.len().max(1);
                if let Some(&(target, octets)) = pings.get(turn)
                    && self.has_pinged().is_err()
                {
                    send(interface, device, socket, target, octets, sequence)?;
                }
                sequence = sequence.wrapping_add(1);
            }
            let pause = interface.poll_delay(now, &sockets);
            let longest = Duration::from_millis(20);
            wait(
                device.as_raw_fd(),
                Some(pause.map_or(longest, |it| it.min(longest))),
            )?;
        }
        Ok(())
    }

    /// Counts an echo reply, whose checksum smoltcp has verified, when its data are what was sent.
    fn take(&self, message: &[u8], from: IpAddress, pings: &[(IpAddress, usize)]) -> Result<()> {
        let reply = match from {
            IpAddress::Ipv4(_) => 0,
            IpAddress::Ipv6(_) => 129,
        };
        let (Some((header, data)), true) =
            (message.split_at_checked(8), message.first() == Some(&reply))
        else {
            return Ok(());
        };
        let sequence = u16::from_be_bytes([header[6], header[7]]);
        let turn = usize::from(sequence) % pings.len();
        if pings[turn] == (from, data.len()) && data == data_of(sequence, data.len()) {
            self.replies.lock().map_err(|why| anyhow!("{why}"))?[turn] += 1;
        }
        Ok(())
    }
}

fn cidr(text: &str) -> Result<IpCidr> {
    text.parse().map_err(|()| anyhow!("address {text}"))
}

fn data_of(sequence: u16, octets: usize) -> Vec<u8> {
    (0..octets)
        .map(|at| (at * 7 + usize::from(sequence)).to_le_bytes()[0])
        .collect()
}

fn send(
    interface: &Interface,
    device: &TunTapInterface,
    socket: &mut icmp::Socket<'_>,
    target: IpAddress,
    octets: usize,
    sequence: u16,
) -> Result<()> {
    if !socket.can_send() {
        return Ok(());
    }
    let (data, checksums) = (data_of(sequence, octets), device.capabilities().checksum);
    let full = |why| anyhow!("{why}");
    match target {
        IpAddress::Ipv4(_) => {
            let request = Icmpv4Repr::EchoRequest {
                ident: SmoltcpHost::IDENTIFIER,
                seq_no: sequence,
                data: &data,
            };
            let buffer = socket.send(request.buffer_len(), target).map_err(full)?;
            request.emit(&mut Icmpv4Packet::new_unchecked(buffer), &checksums);
        }
        IpAddress::Ipv6(address) => {
            let request = Icmpv6Repr::EchoRequest {
                ident: SmoltcpHost::IDENTIFIER,
                seq_no: sequence,
                data: &data,
            };
            let source = interface.get_source_address_ipv6(&address);
            let buffer = socket.send(request.buffer_len(), target).map_err(full)?;
            let mut packet = Icmpv6Packet::new_unchecked(buffer);
            request.emit(&source, &address, &mut packet, &checksums);
        }
    }
    Ok(())
}
