//! The firewall without its devices.

use super::file::Loaded;
use crate::gateway::{Cause, Counters, Explained, Gateway, Originals, Outcome};
use alloc::collections::VecDeque;
use anyhow::{Context, Result};
use core::net::IpAddr;
use flow_state::limits::{Rate, TokenBucket};
use nat::{Nat, NatEvent};
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{CompiledPolicy, Event, Firewall, Reloaded};

/// Notes that wait to be read; when there are more, the oldest is dropped.
const MAX_NOTES: usize = 4_096;
/// Drops of the router's own that are told.
const DROPS_TOLD: Rate = Rate::per_second(10, 10);

/// A packet that the router dropped beside the firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayDrop {
    /// When.
    pub at: Instant,
    /// Why.
    pub cause: Cause,
    /// The number of the interface that it came in by.
    pub ingress: usize,
    /// Source and destination, when they can be read.
    pub ends: Option<(IpAddr, IpAddr)>,
    /// How many were not told since the last that was.
    pub suppressed: u64,
}

/// What a firewall tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The firewall's.
    Firewall(Event),
    /// The translator's.
    Nat(NatEvent),
    /// The router's.
    Dropped(GatewayDrop),
}

/// A gateway with a firewall, and a translator where the file has one.
pub struct FirewallRouter {
    gateway: Gateway,
    originals: Option<Originals>,
    notes: VecDeque<Note>,
    counters: Counters,
    last: Option<Outcome>,
    told: TokenBucket,
    untold: u64,
}

impl FirewallRouter {
    pub(super) fn new(gateway: Gateway, originals: Option<Originals>) -> Self {
        Self {
            gateway,
            originals,
            notes: VecDeque::new(),
            counters: Counters::default(),
            last: None,
            told: TokenBucket::new(),
            untold: 0,
        }
    }

    /// Takes an IP packet that came in by an interface.
    pub fn handle_input(&mut self, now: Instant, ingress: usize, octets: &[u8]) {
        let outcome = self.gateway.handle_input(now, ingress, octets);
        self.counters.count(outcome);
        self.last = Some(outcome);
        if let Outcome::Dropped(cause) | Outcome::Refused(cause) = outcome
            && !matches!(cause, Cause::Firewall(_) | Cause::Destination)
        {
            self.dropped(now, ingress, cause, octets);
        }
        self.collect();
    }

    /// Tells of a drop, unless many have been told; of the firewall's own drops its log tells.
    fn dropped(&mut self, at: Instant, ingress: usize, cause: Cause, octets: &[u8]) {
        if !self.told.take(at, &DROPS_TOLD) {
            self.untold += 1;
            return;
        }
        let ip = IpPacket::parse(octets).ok();
        self.notes.push_back(Note::Dropped(GatewayDrop {
            at,
            cause,
            ingress,
            ends: ip.map(|ip| (ip.source(), ip.destination())),
            suppressed: core::mem::take(&mut self.untold),
        }));
    }

    /// What became of the packet that was handed in last.
    pub const fn last_outcome(&self) -> Option<Outcome> {
        self.last
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.gateway.handle_timeout(now);
        self.collect();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.gateway.poll_timeout()
    }

    /// The next packet to send, and its interface.
    pub fn poll_transmit(&mut self) -> Option<(usize, PacketBuf)> {
        self.gateway.poll_transmit()
    }

    /// What has happened.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// Loads the policy of a file anew. The translator and the interfaces stay as they were.
    ///
    /// # Errors
    ///
    /// What is wrong with the policy; the old one goes on then.
    pub fn reload(&mut self, now: Instant, loaded: &Loaded) -> Result<Reloaded> {
        let before = self.gateway.firewall().map(Firewall::policy);
        let policy = loaded.policy(before)?;
        let reloaded = self.gateway.reload(now, policy)?;
        self.collect();
        Ok(reloaded)
    }

    /// Which rule would decide about a packet: for a firewall without traffic.
    ///
    /// # Errors
    ///
    /// When the packet would be dropped before the firewall is asked.
    pub fn explain(&mut self, now: Instant, ingress: usize, octets: &[u8]) -> Result<Explained> {
        let explained = self.gateway.explain(now, ingress, octets);
        explained.map_err(|cause| anyhow::anyhow!("dropped before any rule is asked: {cause:?}"))
    }

    /// The firewall.
    ///
    /// # Errors
    ///
    /// Never for a router that a file has built.
    pub fn firewall(&self) -> Result<&Firewall> {
        self.gateway.firewall().context("there is no firewall")
    }

    /// Its policy.
    pub fn policy(&self) -> Option<&CompiledPolicy> {
        self.gateway.firewall().map(Firewall::policy)
    }

    /// The translator.
    pub const fn nat(&self) -> Option<&Nat> {
        self.gateway.nat()
    }

    /// Tells the proxy which server its clients wanted.
    pub fn originals(&self) -> Option<Originals> {
        self.originals.clone()
    }

    /// The name of an interface.
    pub fn interface_name(&self, number: usize) -> &str {
        let interface = self.gateway.config().interfaces.get(number);
        interface.map_or("?", |interface| &interface.name)
    }

    /// Packets by what became of them.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    fn collect(&mut self) {
        if let Some(firewall) = self.gateway.firewall_mut() {
            while let Some(event) = firewall.poll_event() {
                self.notes.push_back(Note::Firewall(event));
            }
        }
        if let Some(nat) = self.gateway.nat_mut() {
            while let Some(event) = nat.poll_event() {
                self.notes.push_back(Note::Nat(event));
            }
        }
        let excess = self.notes.len().saturating_sub(MAX_NOTES);
        self.notes.drain(..excess);
    }
}
