//! Networks of routers, and what their tables should hold.

use std::collections::{BTreeMap, BTreeSet};

use core::net::Ipv4Addr;
use core::time::Duration;

use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, RandomSource as _};
use rip::Ipv4;
use rip::config::*;
use rip::engine::InterfaceId;
use rip::rib::{LocalRoute, NextHop, Route, Source};
use testkit::{End, LinkConfig, LinkId, Network, NodeId, SeededRandom};

use crate::support::*;

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Timers that are five times as fast as the RFC's, so that many networks can be tried.
pub(crate) fn fast() -> Config<Ipv4> {
    Config {
        timers: Timers {
            update: seconds(6),
            jitter: seconds(1),
            timeout: seconds(36),
            garbage: seconds(24),
            triggered_min: Duration::from_millis(200),
            triggered_max: seconds(1),
        },
        redistribute: vec![Redistribution::all(Source::Static)],
        ..Config::default()
    }
}

/// A link between two routers; its network is 10.x.y.0/24 with its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) cost: u8,
    pub(crate) up: bool,
    link: LinkId,
    ports: (u32, u32),
}

/// Routers with links between them. Each has a network of its own, 20.x.y.0/24, of metric 1.
pub(crate) struct Net {
    pub(crate) network: Network,
    pub(crate) routers: Vec<NodeId>,
    pub(crate) edges: Vec<Edge>,
    ports: Vec<u32>,
}

pub(crate) fn own_net(router: usize) -> Ipv4Prefix {
    let address = Ipv4Addr::new(20, (router >> 8) as u8, router as u8, 0);
    Ipv4Prefix::new(address, 24).unwrap()
}

pub(crate) fn own_route(router: usize) -> LocalRoute<Ipv4> {
    LocalRoute {
        prefix: own_net(router),
        source: Source::Static,
        distance: 1,
        metric: 1,
        tag: 0,
        next_hop: NextHop {
            interface: None,
            address: Ipv4Addr::UNSPECIFIED,
        },
    }
}

impl Net {
    pub(crate) fn new(seed: u64, routers: usize, config: &Config<Ipv4>) -> Self {
        let mut network = Network::new(seed);
        let random = SeededRandom::new(seed);
        let nodes = (0..routers)
            .map(|number| {
                let name = format!("r{number}");
                let mut router = Router::new(config.clone(), random.fork(&name));
                let route = own_route(number);
                router.engine.add_route(Instant::ZERO, route).unwrap();
                network.add_node(&name, router)
            })
            .collect();
        Self {
            network,
            routers: nodes,
            edges: Vec::new(),
            ports: vec![0; routers],
        }
    }

    pub(crate) fn connect(
        &mut self,
        a: usize,
        b: usize,
        cost: u8,
        link: LinkConfig,
        change: impl Fn(&mut InterfaceConfig<Ipv4>),
    ) -> usize {
        let number = self.edges.len();
        let mut ports = [0; 2];
        for (index, (router, host)) in [(a, 1), (b, 2)].into_iter().enumerate() {
            let mut interface = InterfaceConfig::new(vec![InterfaceAddress {
                address: Ipv4Addr::new(10, (number >> 8) as u8, number as u8, host),
                prefix_length: 24,
            }]);
            interface.cost = cost;
            change(&mut interface);
            self.ports[router] += 1;
            ports[index] = self.ports[router];
            let id = InterfaceId(ports[index]);
            let now = self.network.now();
            let engine = &mut self.router_mut(router).engine;
            engine.add_interface(now, id, interface).unwrap();
        }
        let end = |router: usize, port: u32| End {
            node: self.routers[router],
            port: port as usize,
        };
        let ends = (end(a, ports[0]), end(b, ports[1]));
        let name = format!("l{number}");
        let link = self.network.add_link(&name, ends.0, ends.1, link);
        self.edges.push(Edge {
            a,
            b,
            cost,
            up: true,
            link,
            ports: (ports[0], ports[1]),
        });
        number
    }

    /// A connected network of `routers`, with links beyond a tree.
    pub(crate) fn random(seed: u64, routers: usize, link: &LinkConfig) -> Self {
        let mut random = SeededRandom::new(seed).fork("topology");
        let mut net = Self::new(seed, routers, &fast());
        let mut depth = vec![0; routers];
        for router in 1..routers {
            // Near enough to the root that nothing is more than 15 away.
            let parent = loop {
                let parent = random.below(router as u32) as usize;
                if depth[parent] < 5 {
                    break parent;
                }
            };
            depth[router] = depth[parent] + 1;
            net.connect(parent, router, 1, link.clone(), |_| {});
        }
        for _ in 0..routers / 2 {
            let (a, b) = (random.below(routers as u32), random.below(routers as u32));
            if a != b {
                let cost = 1 + random.below(2) as u8;
                net.connect(a as usize, b as usize, cost, link.clone(), |_| {});
            }
        }
        net
    }

    /// Cuts or mends a link. With `seen`, the routers see it; otherwise frames are lost and nobody
    /// knows.
    pub(crate) fn set_up(&mut self, edge: usize, up: bool, seen: bool) {
        let Edge {
            a, b, link, ports, ..
        } = self.edges[edge];
        self.edges[edge].up = up;
        self.network.set_link_up(link, up);
        if seen {
            for (router, port) in [(a, ports.0), (b, ports.1)] {
                let now = self.network.now();
                let engine = &mut self.router_mut(router).engine;
                engine.set_link_up(now, InterfaceId(port), up);
            }
        }
    }

    /// Changes what a link does to frames.
    pub(crate) fn change_link(&mut self, edge: usize, change: impl FnMut(&mut LinkConfig)) {
        self.network.change_link(self.edges[edge].link, change);
    }

    pub(crate) fn router(&self, number: usize) -> &Router<Ipv4> {
        self.network.node(self.routers[number])
    }

    pub(crate) fn router_mut(&mut self, number: usize) -> &mut Router<Ipv4> {
        let id = self.routers[number];
        self.network.node_mut(id)
    }

    pub(crate) fn route(&self, router: usize, to: usize) -> Option<Route<Ipv4>> {
        self.router(router).engine.rib().get(&own_net(to))
    }

    pub(crate) fn metric(&self, router: usize, to: usize) -> u8 {
        self.route(router, to).map_or(16, |route| route.metric)
    }

    /// The metrics that every router should have to the network of `to`: Dijkstra, with all links
    /// that are up.
    pub(crate) fn shortest(&self, to: usize) -> Vec<u8> {
        let mut metric = vec![16u8; self.routers.len()];
        metric[to] = 1;
        let mut open: BTreeSet<(u8, usize)> = [(1, to)].into();
        while let Some((so_far, at)) = open.pop_first() {
            for edge in self.edges.iter().filter(|edge| edge.up) {
                let other = match at {
                    _ if at == edge.a => edge.b,
                    _ if at == edge.b => edge.a,
                    _ => continue,
                };
                let longer = (so_far + edge.cost).min(16);
                if longer < metric[other] {
                    metric[other] = longer;
                    open.insert((longer, other));
                }
            }
        }
        metric
    }

    /// What is not as Dijkstra has it.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for to in 0..self.routers.len() {
            for (router, expected) in self.shortest(to).into_iter().enumerate() {
                let metric = self.metric(router, to);
                if metric != expected {
                    wrong.push(format!("r{router} to r{to}: {metric}, not {expected}"));
                }
            }
        }
        wrong
    }

    /// Follows packets from each router to each network: none goes in circles, and those that
    /// should arrive do.
    pub(crate) fn check_forwarding(&self) {
        let mut owner = BTreeMap::new();
        for (number, edge) in self.edges.iter().enumerate() {
            let address = |host| Ipv4Addr::new(10, (number >> 8) as u8, number as u8, host);
            owner.insert(address(1), edge.a);
            owner.insert(address(2), edge.b);
        }
        for to in 0..self.routers.len() {
            for (start, expected) in self.shortest(to).into_iter().enumerate() {
                let mut at = start;
                let mut hops = 0;
                let arrived = loop {
                    if at == to {
                        break true;
                    }
                    let rib = self.router(at).engine.rib();
                    let Some(route) = rib.lookup(own_net(to).last()) else {
                        break false;
                    };
                    at = owner[&route.next_hops.first().address];
                    hops += 1;
                    assert!(hops <= 16, "a loop from r{start} to r{to}");
                };
                assert_eq!(arrived, expected < 16, "r{start} to r{to}");
            }
        }
    }

    /// Lets time pass until all is as Dijkstra has it; how long that took.
    pub(crate) fn converge(&mut self, within: Duration) -> Duration {
        let start = self.network.now();
        while self.network.now() < start + within {
            if self.wrong().is_empty() {
                return self.network.now() - start;
            }
            self.run(Duration::from_millis(100));
        }
        let wrong = self.wrong();
        let some = &wrong[..wrong.len().min(8)];
        assert!(wrong.is_empty(), "after {within:?}: {}", some.join("; "));
        within
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.network.run_for(time);
    }
}
