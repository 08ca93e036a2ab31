//! How a router is put together.

use super::super::ethernet::{EthernetPort, EthernetSetup};
use super::super::journal::Journal;
use super::super::ppp::{Line, PppPort};
use super::super::random::Randomness;
use super::{AnyPort, OnAddress, Outcomes, RouterNode};
use crate::gateway::{Gateway, GatewayConfig, Interface};
use alloc::collections::{BTreeMap, VecDeque};
use anyhow::{Context as _, Result, anyhow};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nat::{Nat, Side};
use packet_buffer::Instant;
use packet_buffer::fragment::ReassemblerConfig;
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use rip::config::{Config, InterfaceAddress, InterfaceConfig, Redistribution, Timers};
use rip::engine::{Engine, InterfaceId};
use rip::rib::{LocalRoute, NextHop, Source};
use rip::{Family, Ipv4, Ipv6};
use stateful_firewall::Firewall;

/// A router that is being put together.
pub struct RouterBuilder {
    name: String,
    journal: Journal,
    random: Randomness,
    ports: Vec<AnyPort>,
    interfaces: Vec<Interface>,
    rip: Engine<Ipv4>,
    ripng: Engine<Ipv6>,
    nat: Option<Nat>,
    on_address: Option<OnAddress>,
    firewall: Option<Firewall>,
    dials_out: Vec<usize>,
}

/// Whether a port speaks RIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// No: its network is a route all the same.
    Nothing,
    /// RIP version 2 and RIPng, with this cost.
    Rip(u8),
}

impl RouterBuilder {
    /// A router without ports. What it has for itself (networks of its ports, static routes) is redistributed
    /// where it speaks RIP.
    ///
    /// # Errors
    ///
    /// None in practice: the engines' defaults work.
    pub fn new(name: &str, random: impl Into<Randomness>, journal: &Journal) -> Result<Self> {
        Self::with_limits(name, random, journal, None)
    }

    /// The same with a limit on routes that are taken from one neighbor.
    ///
    /// # Errors
    ///
    /// When the limit makes no sense.
    pub fn with_limits(
        name: &str,
        random: impl Into<Randomness>,
        journal: &Journal,
        routes_per_neighbor: Option<usize>,
    ) -> Result<Self> {
        Self::with_timers(
            name,
            random,
            journal,
            routes_per_neighbor,
            Timers::default(),
        )
    }

    /// The same with timers of RIP and RIPng.
    ///
    /// # Errors
    ///
    /// When the limit or the timers make no sense.
    pub fn with_timers(
        name: &str,
        random: impl Into<Randomness>,
        journal: &Journal,
        routes_per_neighbor: Option<usize>,
        timers: Timers,
    ) -> Result<Self> {
        let random = random.into();
        let mut v4 = Config {
            redistribute: vec![
                Redistribution::all(Source::Connected),
                Redistribution::all(Source::Static),
            ],
            timers,
            ..Config::default()
        };
        let mut v6 = Config {
            redistribute: vec![
                Redistribution::all(Source::Connected),
                Redistribution::all(Source::Static),
            ],
            timers,
            ..Config::default()
        };
        if let Some(limit) = routes_per_neighbor {
            v4.max_routes_per_neighbor = limit;
            v6.max_routes_per_neighbor = limit;
        }
        let rip = Engine::new(v4, Box::new(random.fork("rip"))).map_err(|why| anyhow!(why))?;
        let ripng = Engine::new(v6, Box::new(random.fork("ripng"))).map_err(|why| anyhow!(why))?;
        Ok(Self {
            name: name.to_owned(),
            journal: journal.clone(),
            random,
            ports: Vec::new(),
            interfaces: Vec::new(),
            rip,
            ripng,
            nat: None,
            on_address: None,
            firewall: None,
            dials_out: Vec::new(),
        })
    }

    /// Adds a port on an Ethernet; its number.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn ethernet(
        &mut self,
        name: &str,
        setup: EthernetSetup,
        side: Side,
        speaks: Speaks,
    ) -> Result<usize> {
        let number = self.ports.len();
        let id = InterfaceId(u32::try_from(number)?);
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        let mut networks = Vec::new();
        for (address, prefix_length) in setup.addresses.iter().copied() {
            match address {
                IpAddr::V4(address) => {
                    networks.push(Ipv4Prefix::new(address, prefix_length).context("a prefix")?);
                    v4.push(InterfaceAddress {
                        address,
                        prefix_length,
                    });
                }
                IpAddr::V6(address) => v6.push(InterfaceAddress {
                    address,
                    prefix_length,
                }),
            }
        }
        let start = Instant::ZERO;
        let mut config = InterfaceConfig::<Ipv4>::new(v4);
        config.passive = speaks == Speaks::Nothing;
        let mut config6 = InterfaceConfig::<Ipv6>::new(v6);
        config6.passive = config.passive;
        config6.mtu = usize::try_from(setup.mtu)?;
        if let Speaks::Rip(cost) = speaks {
            config.cost = cost;
            config6.cost = cost;
        }
        self.rip
            .add_interface(start, id, config)
            .map_err(|why| anyhow!("{}: {name}: {why}", self.name))?;
        self.ripng
            .add_interface(start, id, config6)
            .map_err(|why| anyhow!("{}: {name}: {why}", self.name))?;
        self.interfaces.push(Interface {
            name: name.to_owned(),
            addresses: setup.addresses.iter().map(|it| it.0).collect(),
            networks,
            mtu: usize::try_from(setup.mtu)?,
            side,
            reverse_path: false,
        });
        let port = EthernetPort::new(&self.name, name, setup, &self.random, &self.journal)?;
        self.ports.push(AnyPort::Ethernet(Box::new(port)));
        Ok(number)
    }

    /// Adds a port with PPP; its number. With `dials_out` the default routes lead through it while it is up.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn ppp(
        &mut self,
        name: &str,
        line: Line,
        settings: &str,
        side: Side,
        dials_out: bool,
    ) -> Result<usize> {
        let number = self.ports.len();
        let port = PppPort::new(
            &self.name,
            name,
            line,
            settings,
            &self.random,
            &self.journal,
        )?;
        if dials_out {
            self.dials_out.push(number);
        }
        self.interfaces.push(Interface {
            name: name.to_owned(),
            addresses: Vec::new(),
            networks: Vec::new(),
            mtu: port.mtu(),
            side,
            reverse_path: false,
        });
        self.ports.push(AnyPort::Ppp(Box::new(port)));
        Ok(number)
    }

    /// Adds a static IPv4 route; without a gateway its destinations are on the link.
    ///
    /// # Errors
    ///
    /// When the engine takes no more.
    pub fn route_v4(&mut self, prefix: &str, port: usize, gateway: Option<Ipv4Addr>) -> Result<()> {
        let prefix: Ipv4Prefix = prefix.parse()?;
        let prefix = Ipv4::prefix(prefix.network(), prefix.length()).context("a prefix")?;
        let route = static_route(prefix, port, gateway.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
        let added = self.rip.add_route(Instant::ZERO, route);
        added.map_err(|why| anyhow!(why))
    }

    /// Adds a static IPv6 route.
    ///
    /// # Errors
    ///
    /// When the engine takes no more.
    pub fn route_v6(&mut self, prefix: &str, port: usize, gateway: Option<Ipv6Addr>) -> Result<()> {
        let prefix: Ipv6Prefix = prefix.parse()?;
        let prefix = Ipv6::prefix(prefix.network(), prefix.length()).context("a prefix")?;
        let route = static_route(prefix, port, gateway.unwrap_or(Ipv6Addr::UNSPECIFIED))?;
        let added = self.ripng.add_route(Instant::ZERO, route);
        added.map_err(|why| anyhow!(why))
    }

    /// Gives it a translator.
    pub fn nat(&mut self, nat: Nat) {
        self.nat = Some(nat);
    }

    /// Gives it a translator as soon as IPCP has given it an address.
    pub fn nat_when_dialled(&mut self, make: OnAddress) {
        self.on_address = Some(make);
    }

    /// Gives it a firewall, whose interfaces have the names of the ports.
    pub fn firewall(&mut self, firewall: Firewall) {
        self.firewall = Some(firewall);
    }

    /// Packets from the port have to come from where their sources are routed to.
    pub fn check_reverse_path(&mut self, port: usize) {
        if let Some(interface) = self.interfaces.get_mut(port) {
            interface.reverse_path = true;
        }
    }

    /// The router.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn build(self) -> Result<RouterNode> {
        let config = GatewayConfig {
            interfaces: self.interfaces,
            routes: Vec::new(),
            reassembler: Some(ReassemblerConfig::default()),
            firewall_outside: false,
            fill_options: true,
            max_transmits: 4_096,
        };
        let random = Box::new(self.random.fork("gateway"));
        let mut router = RouterNode {
            gateway: Gateway::new(config, self.nat, self.firewall, random)?,
            name: self.name,
            journal: self.journal,
            ports: self.ports,
            rip: self.rip,
            ripng: self.ripng,
            on_address: self.on_address,
            dials_out: self.dials_out,
            link_locals: BTreeMap::new(),
            outcomes: Outcomes::default(),
            latest: Instant::ZERO,
            nat_notes: VecDeque::new(),
            firewall_notes: VecDeque::new(),
            route_changes: 0,
        };
        router.follow_routes(true);
        Ok(router)
    }
}

pub(super) fn static_route<F: Family>(
    prefix: F::Prefix,
    port: usize,
    gateway: F::Address,
) -> Result<LocalRoute<F>> {
    Ok(LocalRoute {
        prefix,
        source: Source::Static,
        distance: 1,
        metric: 1,
        tag: 0,
        next_hop: NextHop {
            interface: Some(InterfaceId(u32::try_from(port)?)),
            address: gateway,
        },
    })
}
