//! Links between namespaces, and what the kernels at their ends know.

use super::{Namespace, check};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;

/// One end of a link: a namespace, the name of the interface in it, its addresses with prefix lengths.
pub type LinkEnd<'a> = (&'a Namespace, &'a str, &'a [&'a str]);

impl Namespace {
    /// Makes a router of the namespace: its kernel forwards, without reverse-path filters; addresses
    /// of IPv6 are usable at once.
    ///
    /// # Errors
    ///
    /// When `sysctl` fails.
    pub fn forward(&self) -> Result<()> {
        let settings = [
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
        ];
        let mut arguments = vec!["-qw"];
        arguments.extend(settings);
        self.run("sysctl", &arguments).map(drop)
    }

    /// Adds addresses with prefix lengths to an interface.
    ///
    /// # Errors
    ///
    /// When `ip address add` fails.
    pub fn add_addresses(&self, interface: &str, addresses: &[&str]) -> Result<()> {
        for address in addresses {
            let mut arguments = vec!["address", "add", address, "dev", interface];
            if address.contains(':') {
                arguments.push("nodad");
            }
            self.run("ip", &arguments)?;
        }
        Ok(())
    }

    /// Takes an address from an interface.
    ///
    /// # Errors
    ///
    /// When `ip address del` fails.
    pub fn remove_address(&self, interface: &str, address: &str) -> Result<()> {
        self.run("ip", &["address", "del", address, "dev", interface])
            .map(drop)
    }

    /// Brings an interface up or down.
    ///
    /// # Errors
    ///
    /// When `ip link set` fails.
    pub fn set_link(&self, interface: &str, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        self.run("ip", &["link", "set", interface, state]).map(drop)
    }

    /// Makes a bridge and puts interfaces into it: a switch.
    ///
    /// # Errors
    ///
    /// When `ip link` fails.
    pub fn add_bridge(&self, name: &str, ports: &[&str]) -> Result<()> {
        self.run("ip", &["link", "add", name, "type", "bridge"])?;
        for port in ports {
            self.run("ip", &["link", "set", port, "master", name])?;
        }
        self.set_link(name, true)
    }

    /// The kernel's unicast routes of one family in its main table.
    ///
    /// # Errors
    ///
    /// When `ip route` fails or prints what cannot be read.
    pub fn kernel_routes(&self, family: IpFamily) -> Result<Vec<KernelRoute>> {
        let text = self.run("ip", &[family.option(), "-j", "route", "show"])?;
        // `ip -j` prints nothing at all where there is nothing.
        let text = if text.trim().is_empty() { "[]" } else { &text };
        let routes: Vec<Value> = serde_json::from_str(text).context("what ip -j route printed")?;
        Ok(routes
            .iter()
            .filter_map(|route| KernelRoute::from_json(route, family))
            .collect())
    }

    /// How many routes the kernel has from one routing protocol; quick also for large tables.
    ///
    /// # Errors
    ///
    /// When `ip route` fails.
    pub fn count_routes(&self, family: IpFamily, protocol: &str) -> Result<usize> {
        let arguments = [family.option(), "-o", "route", "show", "proto", protocol];
        Ok(self.run("ip", &arguments)?.lines().count())
    }

    /// Pings `to` from `from` until `count` requests were answered or `count` + 3 were sent.
    ///
    /// # Errors
    ///
    /// When fewer than `count` were answered.
    pub fn ping(&self, from: &str, to: &str, count: u32) -> Result<()> {
        let (count, most) = (count.to_string(), (count + 3).to_string());
        let arguments = [
            "-n", "-c", &count, "-i", "0.2", "-w", &most, "-W", "1", "-I", from, to,
        ];
        let output = self.output("ping", &arguments)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let wanted = format!(" {count} received");
        ensure!(text.contains(&wanted), "ping from {from} to {to}: {text}");
        Ok(())
    }
}

/// Lays a cable: a pair of veth interfaces, up, with addresses.
///
/// # Errors
///
/// When `ip` fails.
pub fn connect(a: LinkEnd<'_>, b: LinkEnd<'_>) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(["-n", a.0.name(), "link", "add", a.1, "type", "veth"]);
    check(command.args(["peer", "name", b.1, "netns", b.0.name()]))?;
    for (namespace, interface, addresses) in [a, b] {
        namespace.add_addresses(interface, addresses)?;
        namespace.set_link(interface, true)?;
    }
    Ok(())
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    const fn option(self) -> &'static str {
        match self {
            Self::V4 => "-4",
            Self::V6 => "-6",
        }
    }
}

/// A route as the kernel, or a daemon's own table, has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// The destination, always with its length.
    pub prefix: String,
    /// Who put it there: `kernel`, `rip`, `bird`.
    pub protocol: String,
    /// Its priority, less is preferred; 0 when none is shown.
    pub metric: u64,
    /// Gateways and interfaces, sorted; a gateway is empty for a network that is on the link.
    pub next_hops: Vec<(String, String)>,
}

impl KernelRoute {
    fn from_json(route: &Value, family: IpFamily) -> Option<Self> {
        let text = |value: &Value, key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let hop = |value: &Value| (text(value, "gateway"), text(value, "dev"));
        let mut next_hops = match route.get("nexthops").and_then(Value::as_array) {
            Some(hops) => hops.iter().map(hop).collect(),
            None => vec![hop(route)],
        };
        next_hops.sort();
        Some(Self {
            prefix: full_prefix(route.get("dst")?.as_str()?, family),
            protocol: text(route, "protocol"),
            metric: route.get("metric").and_then(Value::as_u64).unwrap_or(0),
            next_hops,
        })
    }
}

/// `default` and addresses without a length, as `ip` prints them, with the length.
fn full_prefix(text: &str, family: IpFamily) -> String {
    match (text, family) {
        ("default", IpFamily::V4) => "0.0.0.0/0".to_owned(),
        ("default", IpFamily::V6) => "::/0".to_owned(),
        (text, _) if text.contains('/') => text.to_owned(),
        (text, IpFamily::V4) => format!("{text}/32"),
        (text, IpFamily::V6) => format!("{text}/128"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_the_kernel_are_read_whole() {
        let one = serde_json::json!({
            "dst": "192.0.2.1", "gateway": "10.0.0.1", "dev": "eth0", "protocol": "rip", "metric": 20
        });
        let route = KernelRoute::from_json(&one, IpFamily::V4).unwrap();
        assert_eq!(route.prefix, "192.0.2.1/32");
        assert_eq!((route.protocol.as_str(), route.metric), ("rip", 20));
        assert_eq!(
            route.next_hops,
            [("10.0.0.1".to_owned(), "eth0".to_owned())]
        );
        let two = serde_json::json!({
            "dst": "default", "protocol": "rip", "nexthops": [
                {"gateway": "fe80::2", "dev": "eth1"}, {"gateway": "fe80::1", "dev": "eth0"}
            ]
        });
        let route = KernelRoute::from_json(&two, IpFamily::V6).unwrap();
        assert_eq!(route.prefix, "::/0");
        assert_eq!(route.next_hops.len(), 2);
        assert_eq!(route.next_hops[0].0, "fe80::1");
    }
}
