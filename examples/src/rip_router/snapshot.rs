//! What the router knows at one moment, as the control socket gives it: JSON.

use super::fib::FibStats;
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Seconds since the router started.
    pub uptime: u64,
    /// RIP, RIPng or both, as configured.
    pub protocols: Vec<Protocol>,
    /// The writer of the kernel's routes; absent when none are written.
    pub fib: Option<FibStats>,
}

/// One of the two protocols.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// `RIP` or `RIPng`.
    pub name: String,
    /// Interfaces on which it runs.
    pub interfaces: Vec<Interface>,
    /// Routers heard of.
    pub neighbors: Vec<Neighbor>,
    /// How many routes there are; `routes` may hold fewer.
    pub route_count: usize,
    /// Routes in the order of their prefixes, as many as were asked for.
    pub routes: Vec<Route>,
    /// Counters that are not zero, by name.
    pub counters: BTreeMap<String, u64>,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Up, with an address, and the protocol runs on it.
    pub up: bool,
    /// What its cost adds to the metrics of routes learned there.
    pub cost: u8,
    /// Our addresses on it, with prefix lengths.
    pub addresses: Vec<String>,
    /// Datagrams that the kernel dropped because we read too slowly.
    pub receive_drops: u32,
    /// Datagrams that the kernel did not take from us.
    pub send_errors: u64,
    /// Counters that are not zero, by name.
    pub counters: BTreeMap<String, u64>,
}

/// A router that was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbor {
    /// Its address.
    pub address: IpAddr,
    /// The interface on which it is.
    pub interface: String,
    /// Routes that we have from it.
    pub routes: usize,
    /// Seconds since it was last heard.
    pub heard: u64,
    /// Counters that are not zero, by name.
    pub counters: BTreeMap<String, u64>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination.
    pub prefix: String,
    /// `connected`, `static`, `rip`.
    pub source: String,
    /// 1 to 16; 16 is not reachable.
    pub metric: u8,
    /// The route tag.
    pub tag: u16,
    /// Where it leads; empty for networks of our own.
    pub next_hops: Vec<NextHop>,
    /// It is used for forwarding.
    pub reachable: bool,
}

/// A next hop of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHop {
    /// The router's address; absent for networks on the link.
    pub gateway: Option<IpAddr>,
    /// The interface.
    pub interface: String,
}

/// The counters of a struct of counters that are not zero, by the names of its fields.
///
/// It reads what `Debug` prints, so that no counter is ever forgotten here.
pub fn counters(stats: &impl core::fmt::Debug) -> BTreeMap<String, u64> {
    let text = format!("{stats:?}");
    let fields = text.split([',', '{', '}']);
    let pairs = fields.filter_map(|field| {
        let (name, number) = field.split_once(": ")?;
        Some((name.trim().to_owned(), number.trim().parse().ok()?))
    });
    pairs.filter(|(_, number)| *number > 0).collect()
}

impl Snapshot {
    /// The state of the protocol `name`, if it runs.
    pub fn protocol(&self, name: &str) -> Option<&Protocol> {
        self.protocols.iter().find(|protocol| protocol.name == name)
    }
}

impl Protocol {
    /// A counter; one that is not listed is zero.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn counters_are_read_by_name() {
        #[derive(Debug)]
        struct Inner {
            _bad: u64,
        }
        #[derive(Debug)]
        struct Stats {
            _sent: u64,
            _received: u64,
            _inner: Inner,
        }
        let stats = Stats {
            _sent: 3,
            _received: 0,
            _inner: Inner { _bad: 5 },
        };
        let counters = super::counters(&stats);
        assert_eq!(counters.len(), 2);
        assert_eq!(counters.get("_sent"), Some(&3));
        assert_eq!(counters.get("_bad"), Some(&5));
    }
}
