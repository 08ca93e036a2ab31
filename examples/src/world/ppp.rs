//! A router's port with PPP: a serial line, or a session over Ethernet.

use super::journal::Journal;
use super::random::Randomness;
use crate::pppd::config::Settings;
use crate::pppd::ethernet::Pppoe;
use crate::pppd::port::{Outbox, Port};
use anyhow::Result;
use core::net::Ipv4Addr;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::link::{CloseReason, LinkEvent};
use ppp_lcp_ncp::ncp::IpcpValues;
use ppp_lcp_ncp::pppoe::{
    AccessConcentrator, Client, ClientConfig, ConcentratorConfig, DEFAULT_MAX_PAYLOAD,
};
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::Discarded;

/// What carries the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A serial line: HDLC-like frames in a stream of octets.
    Serial,
    /// PPPoE, from the one who looks for a concentrator.
    PppoeClient(MacAddr),
    /// PPPoE, as the concentrator.
    PppoeServer(MacAddr),
}

/// A port; see the [module's documentation](self).
pub struct PppPort {
    name: String,
    node: String,
    journal: Journal,
    line: Line,
    port: Port,
    outbox: Outbox,
    ipv4: Option<IpcpValues>,
    is_ipv6_up: bool,
    mtu: usize,
    closed: Option<CloseReason>,
    discarded: u64,
    /// Something was told since it was asked for.
    changed: bool,
}

impl PppPort {
    /// A port that begins at once. `settings` is the configuration of `examples/pppd`, as TOML.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn new(
        node: &str,
        name: &str,
        line: Line,
        settings: &str,
        random: &Randomness,
        journal: &Journal,
    ) -> Result<Self> {
        let settings = Settings::parse(settings, &[])?;
        let random = random.fork(name);
        let machine = Box::new(random.fork("link"));
        let pppoe = Box::new(random.fork("pppoe"));
        let mut port = match line {
            Line::Serial => Port::new(settings.link, settings.secrets, machine)?,
            Line::PppoeClient(address) => {
                let client = Client::new(ClientConfig::new(address), pppoe)?;
                let pppoe = Pppoe::Client(Box::new(client));
                Port::on_ethernet(pppoe, settings.link, settings.secrets, machine)?
            }
            Line::PppoeServer(address) => {
                let config = ConcentratorConfig {
                    max_payload: DEFAULT_MAX_PAYLOAD,
                    ..ConcentratorConfig::new(address, node.as_bytes())
                };
                let concentrator = AccessConcentrator::new(config, pppoe)?;
                let pppoe = Pppoe::Concentrator(Box::new(concentrator), None);
                Port::on_ethernet(pppoe, settings.link, settings.secrets, machine)?
            }
        };
        let start = Instant::ZERO;
        port.link_mut().open(start);
        match line {
            Line::Serial => port.link_mut().lower_up(start),
            Line::PppoeClient(_) => port.discover(start),
            Line::PppoeServer(_) => {}
        }
        Ok(Self {
            name: name.to_owned(),
            node: node.to_owned(),
            journal: journal.clone(),
            line,
            port,
            outbox: Outbox::default(),
            ipv4: None,
            is_ipv6_up: false,
            mtu: usize::from(settings.mtu),
            closed: None,
            discarded: 0,
            changed: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The machine and its carrier, to look at.
    pub const fn port(&self) -> &Port {
        &self.port
    }

    /// What IPCP has agreed on, while IPv4 packets can go.
    pub const fn ipv4(&self) -> Option<&IpcpValues> {
        self.ipv4.as_ref()
    }

    /// Whether IPv6 packets can go.
    pub const fn is_ipv6_up(&self) -> bool {
        self.is_ipv6_up
    }

    /// Our IPv4 address.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.ipv4.as_ref()?.our_address
    }

    /// The largest packet, in octets: what the settings say, and what the peer takes.
    pub fn mtu(&self) -> usize {
        self.mtu.min(self.port.link().mtu())
    }

    /// Why the link has ended, if it has.
    pub const fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Packets that were ignored.
    pub const fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Whether something has changed since this was asked.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// Octets or a frame of the line: the IP packets in them.
    pub fn handle_input(&mut self, now: Instant, octets: &[u8]) -> Result<Vec<Vec<u8>>, Discarded> {
        let mut packets = Vec::new();
        let mut ignored = Vec::new();
        self.port.receive(
            now,
            octets,
            |_, packet| packets.push(packet.to_vec()),
            |why| ignored.push(why),
        );
        self.discarded += ignored.len() as u64;
        self.settle(now);
        Ok(packets)
    }

    /// Sends an IP packet.
    ///
    /// # Errors
    ///
    /// When its protocol is not open, or it is too long for the peer.
    pub fn send(
        &mut self,
        now: Instant,
        mut packet: PacketBuf,
    ) -> Result<(), ppp_lcp_ncp::link::SendError> {
        self.port.send(now, &mut packet, &mut self.outbox)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.port.handle_timeout(now);
        self.settle(now);
    }

    /// When that is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.port.poll_timeout()
    }

    /// The next octets or frame to send.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut PacketBuf) -> bool {
        self.port.poll_transmit(now, &mut self.outbox);
        if self.line == Line::Serial {
            let octets = self.outbox.take();
            if octets.is_empty() {
                return false;
            }
            *out = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, &octets);
            return true;
        }
        match self.outbox.pop() {
            Some(frame) => {
                *out = frame;
                true
            }
            None => false,
        }
    }

    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.port.poll_event(now) {
            self.changed = true;
            match event {
                LinkEvent::Ipv4Up(values) => {
                    self.note(now, "IPCP", "open");
                    self.ipv4 = Some(values);
                }
                LinkEvent::Ipv4Down => {
                    self.note(now, "IPCP", "closed");
                    self.ipv4 = None;
                }
                LinkEvent::Ipv6Up { .. } => {
                    self.note(now, "IPV6CP", "open");
                    self.is_ipv6_up = true;
                }
                LinkEvent::Ipv6Down => {
                    self.note(now, "IPV6CP", "closed");
                    self.is_ipv6_up = false;
                }
                LinkEvent::Phase(phase) => self.note(now, "PPP", phase),
                LinkEvent::Authenticated { role, .. } => {
                    self.note(now, "authentication", format!("{role:?} proven"));
                }
                LinkEvent::CompressionUp { .. } => self.note(now, "CCP", "open"),
                LinkEvent::CompressionDown => self.note(now, "CCP", "closed"),
                LinkEvent::Closed(reason) => {
                    self.note(now, "PPP", format!("closed: {reason}"));
                    self.closed = Some(reason);
                }
                _ => {}
            }
        }
    }

    fn note(&self, now: Instant, machine: &str, state: impl ToString) {
        let machine = format!("{machine} on {}", self.name);
        self.journal.state(now, &self.node, &machine, state);
    }

    /// Whether packets of this version can go.
    pub fn is_open(&self, is_v6: bool) -> bool {
        let protocol = if is_v6 {
            PppProtocol::IPV6
        } else {
            PppProtocol::IPV4
        };
        self.port.link().is_open(protocol)
    }
}
