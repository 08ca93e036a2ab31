//! A small router around the crates `nat` and `stateful-firewall`: what stands between two
//! interfaces and is neither translation nor filtering.
//!
//! # Order
//!
//! A packet goes through the gateway in this order; each step may be the last.
//!
//! 1. The IP header is checked: lengths, checksum, addresses that no host has, the gateway's own as a
//!    source, and the reverse path where an interface asks for it.
//! 2. Fragments are put together ([`GatewayConfig::reassembler`]), so that all that follows sees
//!    whole packets.
//! 3. From outside: the translator. What it does not claim and is for the gateway is answered here
//!    (echo requests), after the firewall.
//! 4. The route says which interface is next; the hop count and that link's MTU are checked, and
//!    ICMP errors quote the packet as it came in.
//! 5. The firewall, which so sees **inside addresses in both directions**; rules are written with
//!    them. With [`GatewayConfig::firewall_outside`] it stands on the other side of translation and
//!    sees outside addresses.
//! 6. From inside: the translator.
//!
//!    The translators that have IPv6 on a side stand where the other one stands: NPTv6 ([`Gateway::set_nptv6`])
//!    exactly so, and NAT64 ([`Gateway::set_nat64`]) with the firewall on its IPv6 side.
//! 7. The hop count is lowered, what was put together is cut again to the largest size that came in,
//!    and the packet goes out.
//!
//! So no packet that is not sent makes a mapping. Translator and firewall each have a state for a connection, and the
//! gateway keeps the two of one mind: see `both.rs`. They have to be given the same timers and TCP policy.
//!
//! A packet from inside to a host inside by its outside address (hairpinning) is asked about as it
//! goes on, with the source that translation gave it, and its answers as they come. What the
//! firewall itself sends to the outside is translated as the answers of inside hosts are.
//!
//! TCP connections that a rule gives to a proxy ([`Redirect`]) are tracked as any other; their packets
//! go to the proxy's sockets, and what it answers comes from the server's address.
#![expect(
    clippy::indexing_slicing,
    reason = "interfaces are checked when a packet comes in, and routes when the gateway is made"
)]

mod both;
mod errors;
mod explain;
mod families;
mod filter;
mod fragments;
mod local;
mod options;
pub mod packets;
mod redirect;
mod source;
pub mod translation;

use alloc::collections::VecDeque;
use anyhow::Context as _;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
pub use explain::Explained;
pub use redirect::{Originals, Redirect};

use errors::Problem;
use filter::{longest_match, numbers};
use fragments::{Defragmenter, cut};
use icmp_nd::generation::{ErrorGenerator, GenerationConfig, Rate, RateLimitConfig};
use nat::nat64::{Nat64, Nat64Drop};
use nat::nptv6::Nptv6;
use nat::{Nat, Side};
use packet_buffer::fragment::ReassemblerConfig;
use packet_buffer::wire::{IpPacket, Ipv4Prefix, Ipv6Prefix};
use packet_buffer::{Instant, IpPacketMut, PacketBuf, RandomSource};
use redirect::Redirects;
use stateful_firewall::{CompiledPolicy, Firewall, InterfaceId};

/// An interface of the gateway.
#[derive(Debug, Clone)]
pub struct Interface {
    /// What the system calls it, and the firewall's policy.
    pub name: String,
    /// Its addresses; the first of each version is the source of ICMP errors that go out by it.
    pub addresses: Vec<IpAddr>,
    /// The networks that are attached, whose broadcast addresses are no hosts.
    pub networks: Vec<Ipv4Prefix>,
    /// The most octets of a packet.
    pub mtu: usize,
    /// Which side of the translator it is on.
    pub side: Side,
    /// Whether packets must come in by the interface that their source is routed to.
    pub reverse_path: bool,
}

/// Where a prefix is.
#[derive(Debug, Clone, Copy)]
pub enum Route {
    /// An IPv4 prefix, and the number of the interface.
    V4(Ipv4Prefix, usize),
    /// An IPv6 prefix, and the number of the interface.
    V6(Ipv6Prefix, usize),
}

/// How a [`Gateway`] is set up.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The interfaces; their places are their numbers.
    pub interfaces: Vec<Interface>,
    /// The routes; the longest prefix counts.
    pub routes: Vec<Route>,
    /// How fragments are put together; `None` hands them to translator and firewall as they are.
    pub reassembler: Option<ReassemblerConfig>,
    /// Whether the firewall sees outside addresses.
    pub firewall_outside: bool,
    /// Whether the gateway fills the timestamp and record-route options that ask for it (RFC 791
    /// §3.1).
    pub fill_options: bool,
    /// How many packets wait to be sent.
    pub max_transmits: usize,
}

/// What became of a packet that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It goes out by this interface.
    Forwarded(usize),
    /// It was for the gateway, which has answered or taken it.
    Local,
    /// A fragment that waits for others.
    Held,
    /// It is dropped, and its sender told by ICMP.
    Refused(Cause),
    /// It is dropped.
    Dropped(Cause),
}

/// Packets that were handed in, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sent on.
    pub forwarded: u64,
    /// For the router, or answered by the firewall itself.
    pub local: u64,
    /// Fragments that waited.
    pub held: u64,
    /// Dropped, and the sender told.
    pub refused: u64,
    /// Dropped.
    pub dropped: u64,
}

impl Counters {
    /// Counts a packet.
    pub const fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Forwarded(_) => &mut self.forwarded,
            Outcome::Local => &mut self.local,
            Outcome::Held => &mut self.held,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::Dropped(_) => &mut self.dropped,
        };
        *counter += 1;
    }
}

/// Why a packet does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Its header cannot be read, or its checksum is wrong.
    Header,
    /// No host has its source address, or the route to it is another.
    Source,
    /// It is for many hosts.
    Destination,
    /// It says by which way it is to be sent (RFC 791 §3.1).
    SourceRoute,
    /// A hop-by-hop option asks for it.
    Option,
    /// Its fragments or extension headers cannot be right.
    Fragment,
    /// There is no route.
    NoRoute,
    /// Its hop count has run out.
    HopLimit,
    /// It does not fit the next link and may not be cut.
    TooBig,
    /// The translator drops it.
    Nat(nat::DropReason),
    /// A rule gives it to a caller who does not take it.
    Queue(u16),
    /// The translator between IPv6 and IPv4 drops it.
    Nat64(Nat64Drop),
    /// Its prefix cannot be translated.
    Prefix,
    /// The firewall drops it; why, if it says so.
    Firewall(Option<stateful_firewall::DropReason>),
    /// It is for the gateway, and nothing serves it.
    NoService,
}

/// The router; see the [module's documentation](self).
pub struct Gateway {
    config: GatewayConfig,
    nat: Option<Nat>,
    nat64: Option<Nat64>,
    nptv6: Option<Nptv6>,
    firewall: Option<Firewall>,
    /// The firewall's numbers of the interfaces.
    interface_ids: Vec<Option<InterfaceId>>,
    redirects: Option<Redirects>,
    errors: ErrorGenerator,
    defragmenter: Option<Defragmenter>,
    /// Identifications of IPv6 packets that are cut again.
    next_identification: u32,
    queue: VecDeque<(usize, PacketBuf)>,
    dropped: u64,
}

fn check_routes(routes: &[Route], count: usize) -> anyhow::Result<()> {
    let all_there = routes.iter().all(|route| match route {
        Route::V4(_, interface) | Route::V6(_, interface) => *interface < count,
    });
    anyhow::ensure!(all_there, "a route leads to an interface that is not there");
    Ok(())
}

/// What the gateway knows of a packet on its way.
struct Transit {
    ingress: usize,
    /// As it came in, put together.
    original: PacketBuf,
    /// The largest fragment that it came in.
    largest_fragment: Option<usize>,
}

impl Gateway {
    /// A gateway with or without a translator and a firewall.
    ///
    /// # Errors
    ///
    /// When the reassembler's configuration is wrong, or a route leads to an interface that is not
    /// there; or fragments are not put together although there are both, and what one of them holds
    /// back would pass the other by.
    pub fn new(
        config: GatewayConfig,
        nat: Option<Nat>,
        firewall: Option<Firewall>,
        mut random: Box<dyn RandomSource + Send>,
    ) -> anyhow::Result<Self> {
        check_routes(&config.routes, config.interfaces.len())?;
        let has_both = nat.is_some() && firewall.is_some();
        anyhow::ensure!(
            !has_both || config.reassembler.is_some(),
            "a translator and a firewall need whole packets: there is no reassembler"
        );
        let interface_ids = numbers(&config, firewall.as_ref());
        let next_identification = random.next_u32();
        // RFC 1812 §4.3.2.8 asks for a limit; it is generous, because tests and traceroutes share one
        // destination.
        let limit = RateLimitConfig {
            per_destination: Rate {
                interval: Duration::from_millis(10),
                burst: 100,
            },
            ..RateLimitConfig::default()
        };
        let generation = GenerationConfig {
            limit,
            ..GenerationConfig::default()
        };
        Ok(Self {
            nat,
            nat64: None,
            nptv6: None,
            firewall,
            interface_ids,
            redirects: None,
            errors: ErrorGenerator::new(generation, random)?,
            defragmenter: config.reassembler.map(Defragmenter::new).transpose()?,
            next_identification,
            queue: VecDeque::new(),
            dropped: 0,
            config,
        })
    }

    /// Takes a packet that came in by an interface. What goes out waits in
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn handle_input(&mut self, now: Instant, ingress: usize, octets: &[u8]) -> Outcome {
        if ingress >= self.config.interfaces.len() {
            return Outcome::Dropped(Cause::NoRoute);
        }
        let outcome = self.route(now, ingress, octets);
        if matches!(outcome, Outcome::Dropped(_) | Outcome::Refused(_)) {
            self.dropped += 1;
        }
        self.drain(now);
        outcome
    }

    /// The next packet to send, and the interface's number.
    pub fn poll_transmit(&mut self) -> Option<(usize, PacketBuf)> {
        self.queue.pop_front()
    }

    /// Lets what has run out end.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(nat) = &mut self.nat {
            nat.handle_timeout(now);
        }
        if let Some(nat64) = &mut self.nat64 {
            nat64.handle_timeout(now);
        }
        if let Some(firewall) = &mut self.firewall {
            firewall.handle_timeout(now);
        }
        if let Some(defragmenter) = &mut self.defragmenter {
            defragmenter.handle_timeout(now);
        }
        self.drain(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.nat.as_ref().and_then(Nat::poll_timeout),
            self.nat64.as_ref().and_then(Nat64::poll_timeout),
            self.firewall.as_ref().and_then(Firewall::poll_timeout),
            self.defragmenter
                .as_ref()
                .and_then(Defragmenter::poll_timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The translator.
    pub const fn nat(&self) -> Option<&Nat> {
        self.nat.as_ref()
    }

    /// The translator, to be changed or polled for events.
    pub const fn nat_mut(&mut self) -> Option<&mut Nat> {
        self.nat.as_mut()
    }

    /// The firewall.
    pub const fn firewall(&self) -> Option<&Firewall> {
        self.firewall.as_ref()
    }

    /// Gives the firewall another policy.
    ///
    /// # Errors
    ///
    /// Those of the firewall, or that there is none.
    pub fn reload(
        &mut self,
        now: Instant,
        policy: CompiledPolicy,
    ) -> anyhow::Result<stateful_firewall::Reloaded> {
        let firewall = self.firewall.as_mut().context("there is no firewall")?;
        let reloaded = firewall.reload(now, policy)?;
        self.interface_ids = numbers(&self.config, self.firewall.as_ref());
        Ok(reloaded)
    }

    /// Sends connections to a proxy. What it is told which server each client wanted by.
    pub fn set_redirect(&mut self, redirect: Redirect) -> Originals {
        let redirects = Redirects::new(redirect);
        let originals = redirects.originals();
        self.redirects = Some(redirects);
        originals
    }

    /// The firewall, to be changed or polled for events.
    pub const fn firewall_mut(&mut self) -> Option<&mut Firewall> {
        self.firewall.as_mut()
    }

    /// The configuration.
    pub const fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Gives the gateway another translator, or none: sessions of the old one end.
    pub fn set_nat(&mut self, nat: Option<Nat>) {
        self.nat = nat;
    }

    /// Replaces the routes.
    ///
    /// # Errors
    ///
    /// When one leads to an interface that is not there; the old ones stay.
    pub fn set_routes(&mut self, routes: Vec<Route>) -> anyhow::Result<()> {
        check_routes(&routes, self.config.interfaces.len())?;
        self.config.routes = routes;
        Ok(())
    }

    /// Changes an interface's addresses and the most octets of a packet there.
    pub fn set_interface(&mut self, number: usize, addresses: Vec<IpAddr>, mtu: usize) {
        if let Some(interface) = self.config.interfaces.get_mut(number) {
            interface.addresses = addresses;
            interface.mtu = mtu;
        }
    }

    /// Sends a packet of the router's own, which no rule judges and nothing translates. Says by which
    /// interface it goes; `None` when there is no route.
    pub fn originate(&mut self, packet: PacketBuf) -> Option<usize> {
        let destination = IpPacket::parse(packet.as_slice()).ok()?.destination();
        let egress = self.interface_to(destination)?;
        self.push(egress, packet);
        Some(egress)
    }

    /// Packets that were dropped.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The interface by which packets to an address go out.
    pub fn interface_to(&self, address: IpAddr) -> Option<usize> {
        longest_match(&self.config.routes, address)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.config
            .interfaces
            .iter()
            .any(|interface| interface.addresses.contains(&address))
    }

    /// Steps 1 and 2.
    fn route(&mut self, now: Instant, ingress: usize, octets: &[u8]) -> Outcome {
        let Ok(ip) = IpPacket::parse(octets) else {
            return Outcome::Dropped(Cause::Header);
        };
        if let IpPacket::V4(v4) = &ip
            && v4.verify_checksum().is_err()
        {
            return Outcome::Dropped(Cause::Header);
        }
        if let Err(cause) = self.check_source(&ip, ingress) {
            return Outcome::Dropped(cause);
        }
        if let Err(cause) = self.check_destination(&ip) {
            return Outcome::Dropped(cause);
        }
        if options::is_source_routed(&ip) {
            return Outcome::Dropped(Cause::SourceRoute);
        }
        if options::must_be_discarded(&ip) {
            return Outcome::Dropped(Cause::Option);
        }
        let mut original = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, ip.as_slice());
        let mut largest_fragment = None;
        if let Some(defragmenter) = &mut self.defragmenter {
            let zone = u32::try_from(ingress).unwrap_or(u32::MAX);
            match defragmenter.insert(now, zone, &ip, &mut original) {
                fragments::Taken::Whole(largest) => largest_fragment = largest,
                fragments::Taken::Held => return Outcome::Held,
                fragments::Taken::Refused => return Outcome::Dropped(Cause::Fragment),
            }
        }
        let transit = Transit {
            ingress,
            original,
            largest_fragment,
        };
        if let Some(outcome) = self.across_versions(now, &transit) {
            return outcome;
        }
        let is_translated = self.config.interfaces[ingress].side == Side::Outside
            && matches!(
                IpPacket::parse(transit.original.as_slice()),
                Ok(IpPacket::V4(_))
            );
        if is_translated && self.nat.is_some() {
            self.take_from_outside(now, transit)
        } else {
            self.take_from_inside(now, transit)
        }
    }

    /// Steps 3 to 5 and 7 for a packet that the translator sees first.
    fn take_from_outside(&mut self, now: Instant, transit: Transit) -> Outcome {
        if self.config.firewall_outside
            && let Some(refusal) = self.filter_before_translation(now, &transit)
        {
            return refusal;
        }
        let mut packet = transit.original.clone();
        let before = self.before(&packet);
        let Some(nat) = &mut self.nat else {
            return Outcome::Dropped(Cause::NoService);
        };
        match nat.process(now, Side::Outside, &mut packet) {
            nat::Verdict::Forward { .. } => {}
            nat::Verdict::Drop(reason) => {
                let original = &transit.original;
                self.ended_by_nat(now, before.as_ref());
                self.refused_by_nat(now, transit.ingress, before.as_ref(), reason, original);
                return Outcome::Dropped(Cause::Nat(reason));
            }
            nat::Verdict::Held => return Outcome::Held,
            nat::Verdict::Local => {
                self.ended_by_nat(now, before.as_ref());
                return self.local(now, &transit);
            }
        }
        let egress = match self.next_hop(now, &transit, &packet) {
            Ok(egress) => egress,
            Err(outcome) => {
                self.take_back(now, before.as_ref(), true);
                return outcome;
            }
        };
        if !self.config.firewall_outside
            && let Some(outcome) = self.filter(now, &transit, Some(egress), &mut packet)
        {
            if matches!(outcome, Outcome::Dropped(_) | Outcome::Refused(_)) {
                // What the firewall answers goes by the translation that is about to be taken back.
                self.drain(now);
                self.take_back(now, before.as_ref(), is_invalid(outcome));
            }
            return outcome;
        }
        self.send(now, egress, packet, transit.largest_fragment)
    }

    /// The firewall on the outside of the translator: it sees the packet as it came, on its way to
    /// the inside or to the gateway.
    fn filter_before_translation(&mut self, now: Instant, transit: &Transit) -> Option<Outcome> {
        let inside = self
            .config
            .interfaces
            .iter()
            .position(|interface| interface.side == Side::Inside);
        let mut packet = transit.original.clone();
        self.filter(now, transit, inside, &mut packet)
    }

    /// Steps 4 to 7 for a packet that the translator sees last, if at all.
    fn take_from_inside(&mut self, now: Instant, transit: Transit) -> Outcome {
        let transit = self.as_of_server(transit);
        let Ok(ip) = IpPacket::parse(transit.original.as_slice()) else {
            return Outcome::Dropped(Cause::Header);
        };
        let mut packet = transit.original.clone();
        if !self.prefix_inbound(transit.ingress, &mut packet) {
            return Outcome::Dropped(Cause::Prefix);
        }
        let (destination, is_v4) = (ip.destination(), matches!(ip, IpPacket::V4(_)));
        let own = self.is_own(destination);
        let hairpins = is_v4 && self.is_pooled(destination);
        if own && !hairpins {
            return self.local(now, &transit);
        }
        let is_inside = self.config.interfaces[transit.ingress].side == Side::Inside;
        if is_inside && self.is_prefixed(destination) {
            return self.turn_back(now, &transit, packet);
        }
        if hairpins {
            return self.hairpin(now, transit, packet);
        }
        let egress = match self.next_hop(now, &transit, &packet) {
            Ok(egress) => egress,
            Err(outcome) => return outcome,
        };
        let before = self.before(&packet);
        if !self.config.firewall_outside
            && let Some(outcome) = self.filter(now, &transit, Some(egress), &mut packet)
        {
            if is_invalid(outcome) {
                self.refused_by_firewall(now, before.as_ref(), &transit.original);
            }
            return outcome;
        }
        let crosses = is_inside && self.config.interfaces[egress].side == Side::Outside;
        if crosses && let Err(outcome) = self.prefix_outbound(now, &transit, &mut packet) {
            return outcome;
        }
        if is_v4
            && crosses
            && let Some(nat) = &mut self.nat
        {
            match nat.process(now, Side::Inside, &mut packet) {
                nat::Verdict::Forward { hairpin: false } => {}
                nat::Verdict::Forward { hairpin: true } => {
                    let egress = transit.ingress;
                    return self.send(now, egress, packet, transit.largest_fragment);
                }
                nat::Verdict::Drop(reason) => {
                    self.no_room(now, before.as_ref());
                    return Outcome::Dropped(Cause::Nat(reason));
                }
                nat::Verdict::Held => return Outcome::Held,
                nat::Verdict::Local => return self.local(now, &transit),
            }
        }
        if self.config.firewall_outside
            && let Some(outcome) = self.filter(now, &transit, Some(egress), &mut packet)
        {
            return outcome;
        }
        self.send(now, egress, packet, transit.largest_fragment)
    }

    /// A packet from inside to an address that the translator has outside: to a mapped host, or to the
    /// gateway itself.
    fn hairpin(&mut self, now: Instant, transit: Transit, mut packet: PacketBuf) -> Outcome {
        let Some(nat) = &mut self.nat else {
            return Outcome::Dropped(Cause::NoService);
        };
        match nat.process(now, Side::Inside, &mut packet) {
            nat::Verdict::Local => self.local(now, &transit),
            nat::Verdict::Held => Outcome::Held,
            nat::Verdict::Drop(reason) => Outcome::Dropped(Cause::Nat(reason)),
            nat::Verdict::Forward { .. } => match self.next_hop(now, &transit, &packet) {
                Ok(egress) => self
                    .filter_hairpin(now, &transit, egress, &mut packet)
                    .unwrap_or_else(|| self.send(now, egress, packet, transit.largest_fragment)),
                Err(outcome) => outcome,
            },
        }
    }

    /// Whether an address is one that the translator shares or forwards.
    fn is_pooled(&self, address: IpAddr) -> bool {
        let (Some(nat), IpAddr::V4(address)) = (&self.nat, address) else {
            return false;
        };
        let config = nat.config();
        config
            .pools
            .iter()
            .flat_map(|pool| &pool.addresses)
            .any(|range| range.contains(&address))
            || config.forwards.iter().any(|forward| forward.outside == address)
            || config.rules.iter().any(|rule| {
                matches!(rule.action, nat::Action::Static { outside } if outside.contains(address))
            })
    }

    /// Step 4: the interface that is next.
    fn next_hop(
        &mut self,
        now: Instant,
        transit: &Transit,
        packet: &PacketBuf,
    ) -> Result<usize, Outcome> {
        let Ok(ip) = IpPacket::parse(packet.as_slice()) else {
            return Err(Outcome::Dropped(Cause::Header));
        };
        let Some(egress) = self.interface_to(ip.destination()) else {
            self.error(now, transit, Problem::NoRoute);
            return Err(Outcome::Refused(Cause::NoRoute));
        };
        // RFC 1812 §5.3.1: a packet whose time to live would be zero is not forwarded.
        if ip.hop_limit() <= 1 {
            self.error(now, transit, Problem::HopLimit);
            return Err(Outcome::Refused(Cause::HopLimit));
        }
        let mtu = self.config.interfaces[egress].mtu;
        let length = transit
            .largest_fragment
            .unwrap_or_else(|| ip.as_slice().len());
        let may_be_cut = match &ip {
            IpPacket::V4(v4) => !v4.dont_fragment() || transit.largest_fragment.is_some(),
            // RFC 8200 §5: routers do not fragment.
            IpPacket::V6(_) => false,
        };
        if length > mtu && !may_be_cut {
            self.error(now, transit, Problem::TooBig(mtu));
            return Err(Outcome::Refused(Cause::TooBig));
        }
        Ok(egress)
    }

    /// A packet for the gateway itself.
    fn local(&mut self, now: Instant, transit: &Transit) -> Outcome {
        let mut packet = transit.original.clone();
        if let Some(outcome) = self.filter(now, transit, None, &mut packet) {
            return outcome;
        }
        let Some(answer) = local::echo_reply(packet.as_slice()) else {
            return Outcome::Dropped(Cause::NoService);
        };
        let destination = IpPacket::parse(answer.as_slice()).map(|ip| ip.destination());
        let egress = destination
            .ok()
            .and_then(|address| self.interface_to(address));
        if let Some(egress) = egress {
            self.push(egress, answer);
        }
        Outcome::Local
    }

    /// Step 7.
    fn send(
        &mut self,
        now: Instant,
        egress: usize,
        mut packet: PacketBuf,
        largest_fragment: Option<usize>,
    ) -> Outcome {
        if let Ok(mut ip) = IpPacketMut::parse(packet.as_mut_slice()) {
            ip.decrement_hop_limit();
        }
        let interface = &self.config.interfaces[egress];
        if self.config.fill_options {
            let address = interface
                .addresses
                .iter()
                .find_map(|address| match address {
                    IpAddr::V4(v4) => Some(*v4),
                    IpAddr::V6(_) => None,
                });
            options::fill(
                packet.as_mut_slice(),
                address.unwrap_or(Ipv4Addr::UNSPECIFIED),
                now,
            );
        }
        let mtu = interface.mtu.min(largest_fragment.unwrap_or(usize::MAX));
        self.next_identification = self.next_identification.wrapping_add(1);
        for piece in cut(
            packet,
            mtu,
            largest_fragment.is_some(),
            self.next_identification,
        ) {
            self.push(egress, piece);
        }
        Outcome::Forwarded(egress)
    }

    fn push(&mut self, egress: usize, packet: PacketBuf) {
        if self.queue.len() < self.config.max_transmits {
            self.queue.push_back((egress, packet));
        } else {
            self.dropped += 1;
        }
    }

    /// Sends what translator and firewall have written or released.
    fn drain(&mut self, now: Instant) {
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        let mut pending = Vec::new();
        if let Some(nat) = &mut self.nat {
            while let Some(transmit) = nat.poll_transmit(&mut packet) {
                pending.push((transmit.is_forwarded, packet.clone()));
            }
        }
        while let Some(transmit) = self
            .firewall
            .as_mut()
            .and_then(|firewall| firewall.poll_transmit(&mut packet))
        {
            let mut packet = packet.clone();
            if self.translate_own(now, &mut packet) {
                pending.push((transmit.forwarded, packet));
            }
        }
        if let Some(nat64) = &mut self.nat64 {
            while nat64.poll_transmit(&mut packet).is_some() {
                pending.push((false, packet.clone()));
            }
        }
        for (is_forwarded, packet) in pending {
            let destination = IpPacket::parse(packet.as_slice()).map(|ip| ip.destination());
            let Some(egress) = destination
                .ok()
                .and_then(|address| self.interface_to(address))
            else {
                continue;
            };
            if is_forwarded {
                self.send(now, egress, packet, None);
            } else {
                self.push(egress, packet);
            }
        }
    }
}

/// Whether the firewall found that a packet does not belong to its session, which is as it was.
const fn is_invalid(outcome: Outcome) -> bool {
    use stateful_firewall::DropReason::Invalid;
    matches!(outcome, Outcome::Dropped(Cause::Firewall(Some(Invalid(_)))))
}
