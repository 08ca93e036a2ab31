//! Nodes and links.

use super::super::ethernet::EthernetSetup;
use super::super::host::{HostNode, HostSetup};
use super::super::model::{LinkInfo, LinkKind, NodeInfo, NodeKind, Outage};
use super::super::router::{RouterBuilder, RouterNode};
use super::faults::fault_words;
use super::{MAX_TAPPED_OCTETS, Place, Stage, StageLink, StageNode, Tapped, What, parse_addresses};
use alloc::rc::Rc;
use anyhow::{Context as _, Result};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::MacAddr;
use testkit::{ByteStream, LinkConfig, LinkId, LinkType, NodeId, Tap};

impl Stage {
    // Nodes.

    /// A link-layer address that no other port has.
    pub const fn station(&mut self) -> MacAddr {
        self.next_station += 1;
        MacAddr([2, 0, 0x5e, 0x10, 0, self.next_station])
    }

    /// Adds a host. `addresses` are of the form `192.0.2.1/24`; `gateway` is for IPv4.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn host(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        addresses: &[&str],
        gateway: Option<&str>,
    ) -> Result<()> {
        let link_address = self.station();
        let setup = HostSetup {
            link_address,
            mtu: 1_500,
            addresses: parse_addresses(addresses)?,
            gateway: gateway.map(str::parse).transpose()?,
            max_neighbors: None,
        };
        self.host_with(name, kind, place, about, setup)
    }

    /// Adds a host.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn host_with(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        setup: HostSetup,
    ) -> Result<()> {
        let node = HostNode::new(name, setup, self.random(name), &self.journal)?;
        let id = self.network.add_node(name, node);
        self.note_node(name, kind, place, about, id, What::Host);
        Ok(())
    }

    /// Begins a router; [`add_router`](Self::add_router) adds it.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn router(&self, name: &str) -> Result<RouterBuilder> {
        RouterBuilder::new(name, self.random(name), &self.journal)
    }

    /// The same with a limit on routes that are taken from one neighbor.
    ///
    /// # Errors
    ///
    /// When the limit makes no sense.
    pub fn router_with_limit(
        &self,
        name: &str,
        routes_per_neighbor: usize,
    ) -> Result<RouterBuilder> {
        RouterBuilder::with_limits(
            name,
            self.random(name),
            &self.journal,
            Some(routes_per_neighbor),
        )
    }

    /// The set-up of a router's port; `addresses` are of the form `192.0.2.1/24`.
    ///
    /// # Errors
    ///
    /// When an address cannot be read.
    pub fn port(&mut self, addresses: &[&str], mtu: u32) -> Result<EthernetSetup> {
        Ok(EthernetSetup {
            link_address: self.station(),
            mtu,
            addresses: parse_addresses(addresses)?,
            advertise: None,
        })
    }

    /// Adds a router.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn add_router(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        builder: RouterBuilder,
    ) -> Result<()> {
        let id = self.network.add_node(name, builder.build()?);
        self.note_node(name, kind, place, about, id, What::Router);
        Ok(())
    }

    fn note_node(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        id: NodeId,
        what: What,
    ) {
        let info = NodeInfo {
            name: name.to_owned(),
            kind,
            place,
            about: about.to_owned(),
            addresses: Vec::new(),
        };
        self.nodes.push(StageNode { id, info, what });
    }

    fn id(&self, name: &str) -> Result<NodeId> {
        let found = self.nodes.iter().find(|it| it.info.name == name);
        Ok(found
            .with_context(|| format!("there is no node {name}"))?
            .id)
    }

    /// A host, to look at.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn host_node(&self, name: &str) -> Result<&HostNode> {
        Ok(self.network.node(self.id(name)?))
    }

    /// A host, to give it a command.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn host_mut(&mut self, name: &str) -> Result<&mut HostNode> {
        let id = self.id(name)?;
        Ok(self.network.node_mut(id))
    }

    /// Adds somebody who sends frames of whatever content, and answers to nothing.
    pub fn raw(&mut self, name: &str, place: Place, about: &str) {
        let id = self.network.add_node(name, testkit::Host::default());
        self.note_node(name, NodeKind::Attacker, place, about, id, What::Raw);
    }

    /// Has somebody who sends frames of whatever content send one.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn send_frame(&mut self, name: &str, frame: &[u8]) -> Result<()> {
        let id = self.id(name)?;
        self.network.node_mut::<testkit::Host>(id).send(0, frame);
        Ok(())
    }

    /// A router, to look at.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn router_node(&self, name: &str) -> Result<&RouterNode> {
        Ok(self.network.node(self.id(name)?))
    }

    /// A router, to give it a command.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn router_mut(&mut self, name: &str) -> Result<&mut RouterNode> {
        let id = self.id(name)?;
        Ok(self.network.node_mut(id))
    }

    // Links.

    /// Adds an Ethernet between ports, each given as a node's name and the port's number.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn ethernet(&mut self, name: &str, mtu: u32, ends: &[(&str, usize)]) -> Result<()> {
        self.ethernet_with(name, LinkKind::Ethernet, mtu, ends, LinkConfig::default())
    }

    /// Adds an Ethernet that is not perfect, or carries PPPoE.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn ethernet_with(
        &mut self,
        name: &str,
        kind: LinkKind,
        mtu: u32,
        ends: &[(&str, usize)],
        mut config: LinkConfig,
    ) -> Result<()> {
        let own = fault_words(&config);
        self.faults.apply(&mut config);
        let id = if let [a, b] = ends {
            let (a, b) = ((self.id(a.0)?, a.1), (self.id(b.0)?, b.1));
            self.network.add_link(name, a, b, config)
        } else {
            let lan = self.network.add_lan(name);
            for (node, port) in ends {
                let end = (self.id(node)?, *port);
                self.network.attach(lan, end, config.clone());
            }
            lan
        };
        self.note_link(name, kind, mtu, ends, own, id, LinkType::ETHERNET);
        Ok(())
    }

    /// Adds a serial line of so many bits a second, on which of a million octets `noise` are wrong.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn serial(
        &mut self,
        name: &str,
        ends: [(&str, usize); 2],
        rate: u64,
        noise: u32,
    ) -> Result<()> {
        let mut config = LinkConfig {
            delay: Duration::from_millis(5),
            rate: Some(rate),
            corrupt: f64::from(noise) / 1e6,
            queue_octets: 64_000,
            byte_stream: Some(ByteStream { max_chunk: 64 }),
            ..LinkConfig::default()
        };
        self.faults.apply(&mut config);
        let mut words = format!("{rate} bit/s");
        if noise > 0 {
            words.push_str(&format!(", of a million octets {noise} are wrong"));
        }
        let [a, b] = ends;
        let id = self
            .network
            .add_link(name, (self.id(a.0)?, a.1), (self.id(b.0)?, b.1), config);
        self.note_link(
            name,
            LinkKind::Serial,
            1_500,
            &ends,
            words,
            id,
            LinkType::USER0,
        );
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the link")]
    fn note_link(
        &mut self,
        name: &str,
        kind: LinkKind,
        mtu: u32,
        ends: &[(&str, usize)],
        faults: String,
        id: LinkId,
        link_type: LinkType,
    ) {
        let number = self.links.len();
        let recorder = Rc::clone(&self.recorder);
        let tap = Tap::watcher(move |tapped| {
            let mut recorder = recorder.borrow_mut();
            if recorder.octets + tapped.frame.len() > MAX_TAPPED_OCTETS {
                recorder.left_out += 1;
                return;
            }
            recorder.octets += tapped.frame.len();
            // The interface's name is that of the link, and then the station's.
            let station = tapped.interface.rsplit('/').next().unwrap_or_default();
            let from = station.split(':').next().unwrap_or_default();
            recorder.frames.push(Tapped {
                link: number,
                from: from.to_owned(),
                at: tapped.at,
                fate: tapped.comment.to_owned(),
                frame: tapped.frame.to_vec(),
            });
        });
        self.network.tap(id, link_type, &tap);
        if number == 0 && !self.faults.cut.is_zero() {
            let from = Instant::from_secs(10);
            self.network
                .at(from, move |network| network.set_link_up(id, false));
            self.network.at(from + self.faults.cut, move |network| {
                network.set_link_up(id, true)
            });
        }
        let info = LinkInfo {
            name: name.to_owned(),
            kind,
            ends: ends.iter().map(|it| it.0.to_owned()).collect(),
            mtu,
            faults,
            outages: Vec::new(),
            capture: String::new(),
            frames: 0,
        };
        self.links.push(StageLink { id, info });
    }

    /// Cuts a link. The routers at its ends see their carrier go, unless `silently`.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn cut(&mut self, name: &str, silently: bool) -> Result<()> {
        self.set_link(name, false, silently)
    }

    /// Heals a link.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn heal(&mut self, name: &str, silently: bool) -> Result<()> {
        self.set_link(name, true, silently)
    }

    fn set_link(&mut self, name: &str, is_up: bool, silently: bool) -> Result<()> {
        let now = self.now();
        let link = self.links.iter_mut().find(|it| it.info.name == name);
        let link = link.with_context(|| format!("there is no link {name}"))?;
        self.network.set_link_up(link.id, is_up);
        match link.info.outages.last_mut() {
            Some(outage) if is_up => outage.to_us = Some(now.as_micros()),
            _ if !is_up => link.info.outages.push(Outage {
                from_us: now.as_micros(),
                to_us: None,
            }),
            _ => {}
        }
        if silently {
            return Ok(());
        }
        for end in link.info.ends.clone() {
            let node = self.nodes.iter().find(|it| it.info.name == end);
            if node.is_some_and(|it| it.what == What::Router) {
                let port = self.port_on(&end, name)?;
                self.router_mut(&end)?.set_carrier(now, port, is_up);
            }
        }
        Ok(())
    }

    /// The number of a router's port on a link: the port has the link's name.
    fn port_on(&self, node: &str, link: &str) -> Result<usize> {
        let ports = self.router_node(node)?.ports();
        let found = ports.iter().position(|port| port.name() == link);
        found.with_context(|| format!("{node} has no port {link}"))
    }

    /// Changes what a link does to frames, and says so in the report.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn change_link(&mut self, name: &str, change: impl FnMut(&mut LinkConfig)) -> Result<()> {
        let link = self.links.iter().find(|it| it.info.name == name);
        let link = link.with_context(|| format!("there is no link {name}"))?;
        self.network.change_link(link.id, change);
        Ok(())
    }
}
