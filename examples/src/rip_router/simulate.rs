//! Routers of the same engine on a simulated ring, without root: what happens when a link is cut and healed.

use super::live::show_route;
use super::packets::{Heard, heard, wrap};
use alloc::collections::BTreeMap;
use anyhow::{Context, Result, anyhow};
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use rip::config::{Config, InterfaceAddress, InterfaceConfig, Redistribution};
use rip::engine::{Engine, InterfaceId};
use rip::rib::{LocalRoute, NextHop, Source};
use rip::{Family as _, Ipv4};
use std::io::Write;
use std::path::Path;
use testkit::{Discarded, LinkConfig, LinkId, LinkType, Network, Node, NodeId, Port, Tap};

/// How many routers there are.
const COUNT: u8 = 5;
/// Time that is more than enough for what happens: three updates.
const LIMIT: Duration = Duration::from_secs(105);

/// A router on the simulated network; its ports are its interfaces.
struct SimRouter {
    engine: Engine<Ipv4>,
    names: BTreeMap<u32, String>,
}

impl Node for SimRouter {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let Some(Heard::Rip(received)) = heard(id(port), frame) else {
            return Err(Discarded::new("it is not RIP's"));
        };
        let taken = self.engine.handle_input(now, &received);
        taken.map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let transmit = self.engine.poll_transmit(out)?;
        // The engine's messages are far shorter than a packet may be.
        wrap(&transmit, out)?;
        usize::try_from(transmit.interface.0).ok()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }
}

fn id(port: Port) -> InterfaceId {
    InterfaceId(u32::try_from(port).unwrap_or(u32::MAX))
}

/// The ring.
struct Ring {
    network: Network,
    routers: Vec<NodeId>,
    links: Vec<LinkId>,
}

/// The network that router `number` has for itself.
fn stub(number: u8) -> Result<<Ipv4 as rip::Family>::Prefix> {
    Ipv4::prefix(Ipv4Addr::new(192, 0, 2, number * 16), 28).context("28 bits are not too many")
}

impl Ring {
    /// The routers r1, r2, ... in a ring; port 0 of each leads to the one before and port 1 to the next.
    fn new(seed: u64, tap: Option<&Tap>) -> Result<Self> {
        let mut network = Network::new(seed);
        let mut routers = Vec::new();
        for number in 1..=COUNT {
            let name = format!("r{number}");
            let random = Box::new(network.random(&name));
            let router = Config {
                redistribute: vec![Redistribution::all(Source::Connected)],
                ..Config::default()
            };
            let mut engine = Engine::new(router, random).map_err(|why| anyhow!(why))?;
            let before = if number == 1 { COUNT } else { number - 1 };
            let ends = [(0, before, 2), (1, number, 1)];
            for (interface, link, host) in ends {
                let address = InterfaceAddress {
                    address: Ipv4Addr::new(10, 0, link, host),
                    prefix_length: 24,
                };
                let config = InterfaceConfig::new(vec![address]);
                let added = engine.add_interface(Instant::ZERO, InterfaceId(interface), config);
                added.map_err(|why| anyhow!(why))?;
            }
            let own = LocalRoute {
                prefix: stub(number)?,
                source: Source::Connected,
                distance: 0,
                metric: 1,
                tag: 0,
                next_hop: NextHop {
                    interface: None,
                    address: Ipv4Addr::UNSPECIFIED,
                },
            };
            engine
                .add_route(Instant::ZERO, own)
                .map_err(|why| anyhow!(why))?;
            let after = if number == COUNT { 1 } else { number + 1 };
            let names = BTreeMap::from([(0, format!("to-r{before}")), (1, format!("to-r{after}"))]);
            routers.push(network.add_node(&name, SimRouter { engine, names }));
        }
        let mut links = Vec::new();
        let config = LinkConfig {
            delay: Duration::from_millis(2),
            ..LinkConfig::default()
        };
        let next = routers.iter().cycle().skip(1);
        for (number, (a, b)) in (1..).zip(routers.iter().zip(next)) {
            let name = format!("10.0.{number}.0/24");
            let link = network.add_link(&name, (*a, 1), (*b, 0), config.clone());
            if let Some(tap) = tap {
                network.tap(link, LinkType::RAW, tap);
            }
            links.push(link);
        }
        Ok(Self {
            network,
            routers,
            links,
        })
    }

    fn router(&self, number: u8) -> Result<&SimRouter> {
        let index = usize::from(number) - 1;
        let id = self.routers.get(index).context("no such router")?;
        Ok(self.network.node(*id))
    }

    /// The link between the first two routers loses or gets its carrier, which both notice.
    fn set_first_link(&mut self, up: bool) -> Result<()> {
        let link = self.links.first().context("there are links")?;
        self.network.set_link_up(*link, up);
        let now = self.network.now();
        for (node, port) in self.routers.iter().take(2).zip([1, 0]) {
            let router: &mut SimRouter = self.network.node_mut(*node);
            router.engine.set_link_up(now, InterfaceId(port), up);
        }
        Ok(())
    }

    /// Whether every router reaches every stub by the shortest way; `cut`: without the first link.
    fn is_converged(network: &Network, routers: &[NodeId], cut: bool) -> bool {
        (1..=COUNT).zip(routers).all(|(me, node)| {
            let router: &SimRouter = network.node(*node);
            (1..=COUNT).filter(|other| *other != me).all(|other| {
                let around = me.abs_diff(other);
                let shortest = if cut {
                    // A line from the second router around to the first.
                    let place = |number: u8| if number == 1 { COUNT + 1 } else { number };
                    place(me).abs_diff(place(other))
                } else {
                    around.min(COUNT - around)
                };
                let route = stub(other).ok().and_then(|p| router.engine.rib().get(&p));
                route.is_some_and(|route| route.metric == shortest + 1)
            })
        })
    }

    /// Runs until all have converged; how long that took.
    fn converge(&mut self, cut: bool) -> Result<Duration> {
        let start = self.network.now();
        let routers = self.routers.clone();
        let reached = self.network.run_until_condition(start + LIMIT, |network| {
            Self::is_converged(network, &routers, cut)
        });
        reached.map_err(|why| anyhow!("the routers do not agree in time: {why:?}"))?;
        Ok(self.network.now() - start)
    }

    fn table(&self, out: &mut impl Write, number: u8) -> Result<()> {
        let router = self.router(number)?;
        writeln!(out, "  the table of r{number}:")?;
        for route in router.engine.rib().routes() {
            let shown = show_route(&route, &router.names);
            let hop = shown.next_hops.first();
            let via = hop.map_or_else(
                || "this router".to_owned(),
                |hop| match hop.gateway {
                    Some(gateway) => format!("{gateway} ({})", hop.interface),
                    None => hop.interface.clone(),
                },
            );
            let (prefix, metric) = (&shown.prefix, shown.metric);
            writeln!(
                out,
                "    {prefix:16} metric {metric:2}  {:9}  {via}",
                shown.source
            )?;
        }
        Ok(())
    }
}

/// Tells the story; `capture` gets the packets.
///
/// # Errors
///
/// When the routers do not converge in time, or the output cannot be written.
pub fn simulate(out: &mut impl Write, seed: u64, capture: Option<&Path>) -> Result<()> {
    let tap = capture.map(Tap::create).transpose()?;
    let mut ring = Ring::new(seed, tap.as_ref())?;
    writeln!(
        out,
        "{COUNT} routers in a ring, r1 to r{COUNT}, each with a network of its own; timers as in RFC 2453.\n\
         The time is simulated: nothing waits.\n"
    )?;
    let time = ring.converge(false)?;
    writeln!(out, "All reach all by the shortest way after {time:.1?}.")?;
    ring.table(out, 1)?;

    let quiet = ring.network.now() + Duration::from_secs(60);
    ring.network.run_until(quiet);
    ring.set_first_link(false)?;
    writeln!(
        out,
        "\nThe link from r1 to r2 is cut. Both notice, and say so in triggered updates."
    )?;
    let time = ring.converge(true)?;
    writeln!(out, "All reach all the other way round after {time:.1?}.")?;
    ring.table(out, 1)?;

    let quiet = ring.network.now() + Duration::from_secs(60);
    ring.network.run_until(quiet);
    ring.set_first_link(true)?;
    writeln!(
        out,
        "\nThe link is healed: each asks the other for its whole table."
    )?;
    let time = ring.converge(false)?;
    writeln!(out, "All take the short way again after {time:.1?}.")?;
    ring.table(out, 1)?;

    let sent: u64 = (1..=COUNT)
        .map(|number| ring.router(number).map(|r| r.engine.stats().sent))
        .sum::<Result<u64>>()?;
    let minutes = ring.network.now().as_secs() / 60;
    writeln!(out, "\n{sent} messages in {minutes} minutes; seed {seed}.")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_ends_well_with_many_seeds() {
        for seed in 0..30 {
            let mut story = Vec::new();
            super::simulate(&mut story, seed, None).unwrap();
            let story = String::from_utf8(story).unwrap();
            assert!(story.contains("the other way round"), "{story}");
        }
    }
}
