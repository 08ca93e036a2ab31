//! Router discovery for IPv4 (RFC 1256): the router that is preferred most is the default gateway.

use super::Note;
use alloc::collections::VecDeque;
use anyhow::Result;
use core::net::Ipv4Addr;
use icmp_nd::host::{Host, Received};
use icmp_nd::irdp::{HostEvent, HostStats, IrdpHost, IrdpHostConfig};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::{Icmpv4Type, IpProtocol, Ipv4Prefix};
use packet_buffer::{Instant, PacketBuf};

/// The host's side of router discovery, from when it has an address.
#[derive(Debug)]
pub(super) struct Discovery {
    machine: Option<IrdpHost>,
    /// Gateways of the configuration, which stay whatever routers say.
    configured: Vec<Ipv4Addr>,
    gateway: Option<Ipv4Addr>,
}

impl Discovery {
    pub(super) const fn new(configured: Vec<Ipv4Addr>) -> Self {
        Self {
            machine: None,
            configured,
            gateway: None,
        }
    }

    /// Takes a packet that the host has received, if it is a router advertisement.
    pub(super) fn handle_input(&mut self, now: Instant, received: &Received, packet: &[u8]) {
        let message_type = packet.get(received.payload_offset);
        if received.protocol == IpProtocol::ICMP
            && message_type == Some(&Icmpv4Type::ROUTER_ADVERTISEMENT.0)
            && let Some(machine) = &mut self.machine
        {
            // What it refuses, it counts.
            let _ = machine.handle_input(now, packet);
        }
    }

    /// Does what is due, and sets the default gateway of the host.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        host: &mut Host,
        notes: &mut VecDeque<Note>,
    ) -> Result<()> {
        if self.machine.is_none() {
            self.begin(now, host)?;
        }
        let Some(machine) = &mut self.machine else {
            return Ok(());
        };
        machine.handle_timeout(now);
        while let Some(event) = machine.poll_event() {
            match event {
                HostEvent::DefaultRouter(router) => {
                    let all = Ipv4Prefix::ALL;
                    if let Some(old) = self.gateway.filter(|it| !self.configured.contains(it)) {
                        host.remove_ipv4_route(all, old);
                    }
                    self.gateway = router;
                    if let Some(router) = router {
                        host.add_ipv4_route(all, router);
                    }
                    let routers = machine.routers().iter();
                    let preference = |router| {
                        let mut known = routers.clone().filter(|it| it.address == router);
                        known.next().map(|it| it.preference)
                    };
                    notes.push_back(Note::DefaultGateway {
                        gateway: router,
                        preference: router.and_then(preference),
                    });
                }
                HostEvent::Gone(router) => notes.push_back(Note::GatewayGone(router)),
                _ => {}
            }
        }
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        while machine.poll_transmit(&mut packet).is_some() {
            // A solicitation that is lost is repeated.
            let _ = host.send_packet(now, &mut packet);
            packet.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        Ok(())
    }

    /// Begins as soon as an address may be used.
    fn begin(&mut self, now: Instant, host: &Host) -> Result<()> {
        let assigned = || host.arp().addresses().iter().filter(|it| it.is_assigned());
        if let Some(first) = assigned().next() {
            let subnets = assigned().map(|it| it.prefix()).collect();
            let config = IrdpHostConfig::new(first.address(), subnets);
            self.machine = Some(IrdpHost::new(now, config, Box::new(OsRandom))?);
        }
        Ok(())
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.as_ref().and_then(IrdpHost::poll_timeout)
    }

    pub(super) fn stats(&self) -> HostStats {
        let stats = self.machine.as_ref().map(IrdpHost::stats);
        stats.copied().unwrap_or_default()
    }
}
