//! `rip_router` among FRR and BIRD in lines, rings and on a shared link: what each learns of the others, that kernels
//! forward on our routes, and what happens when a link is cut.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Capture, IpFamily, Namespace, at_once, connect, interop_wanted, pause, wait_until,
};
use internetwork::rip_router::lab::{Kind, Router, Setup};

const PATIENCE: Duration = Duration::from_secs(25);
const BOTH: [IpFamily; 2] = [IpFamily::V4, IpFamily::V6];

#[test]
fn among_frr_and_bird() -> Result<()> {
    if !interop_wanted("rip_router in lines, rings and on a shared link with FRR and BIRD") {
        return Ok(());
    }
    at_once(&[
        (
            "a line of frr ours ours and bird learns forwards and forgets",
            &a_line_of_frr_ours_ours_and_bird_learns_forwards_and_forgets,
        ),
        (
            "a ring of ours frr ours and bird goes the other way round when a link is cut",
            &a_ring_of_ours_frr_ours_and_bird_goes_the_other_way_round_when_a_link_is_cut,
        ),
        (
            "two announcers of one network are used together",
            &two_announcers_of_one_network_are_used_together,
        ),
        (
            "version 1 is spoken with frr",
            &version_1_is_spoken_with_frr,
        ),
    ])
}

/// A node of a topology: a namespace with a router in it, and a network of its own on the loopback interface.
struct Node {
    // The router ends before its namespace does.
    router: Router,
    namespace: Namespace,
}

impl Node {
    fn ours(&self) -> Result<&internetwork::rip_router::lab::Ours> {
        self.router.ours().context("not our router")
    }
}

/// The stub network of node `number`: an address of each family.
fn stub(number: usize) -> [String; 2] {
    [
        format!("192.0.2.{number}/32"),
        format!("2001:db8:2::{number}/128"),
    ]
}

/// The namespaces of a line or ring of routers, with cables: `eth0` leads to the one before, `eth1` to the one after.
fn cables(label: &str, count: usize, ring: bool) -> Result<Vec<Namespace>> {
    let nodes = (1..=count).map(|number| {
        let namespace = Namespace::new(&format!("{label}{number}"))?;
        namespace.forward()?;
        let stub = stub(number);
        namespace.add_addresses("lo", &[&stub[0], &stub[1]])?;
        Ok(namespace)
    });
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    let last = if ring { count } else { count - 1 };
    for link in 1..=last {
        let next = link % count + 1;
        let address = |end: usize| {
            [
                format!("10.0.{link}.{end}/24"),
                format!("2001:db8:1:{link}::{end}/64"),
            ]
        };
        let (left, right) = (address(1), address(2));
        connect(
            (&nodes[link - 1], "eth1", &[&left[0], &left[1]]),
            (&nodes[next - 1], "eth0", &[&right[0], &right[1]]),
        )?;
    }
    Ok(nodes)
}

fn start(label: &str, kinds: &[Kind], ring: bool) -> Result<Vec<Node>> {
    let namespaces = cables(label, kinds.len(), ring)?;
    let count = kinds.len();
    let nodes = namespaces.into_iter().zip(kinds).enumerate();
    nodes
        .map(|(index, (namespace, kind))| {
            let interfaces: &[&str] = match index {
                _ if ring => &["eth0", "eth1"],
                0 => &["eth1"],
                last if last + 1 == count => &["eth0"],
                _ => &["eth0", "eth1"],
            };
            let router = Router::start(*kind, &namespace, &Setup::new(interfaces))?;
            Ok(Node { router, namespace })
        })
        .collect()
}

/// The prefixes and metrics that node `me` of a line of `count` has to learn: a metric counts the routers
/// on the way, and this one.
fn line_routes(me: usize, count: usize, v4: bool) -> Vec<(String, u64)> {
    let mut routes = Vec::new();
    for other in (1..=count).filter(|other| *other != me) {
        let distance = u64::try_from(me.abs_diff(other)).unwrap();
        let stub = stub(other);
        routes.push((stub[usize::from(!v4)].clone(), distance + 1));
    }
    for link in 1..count {
        // The link joins the nodes `link` and `link + 1`.
        let distance = me.abs_diff(link).min(me.abs_diff(link + 1));
        if distance > 0 {
            let prefix = if v4 {
                format!("10.0.{link}.0/24")
            } else {
                format!("2001:db8:1:{link}::/64")
            };
            routes.push((prefix, u64::try_from(distance).unwrap() + 1));
        }
    }
    routes
}

/// Waits until every node of a line has learned exactly what there is.
fn line_converges(nodes: &[Node]) -> Result<()> {
    for (index, node) in nodes.iter().enumerate() {
        for family in BOTH {
            let routes = line_routes(index + 1, nodes.len(), family == IpFamily::V4);
            let routes: Vec<_> = routes.iter().map(|(p, m)| (p.as_str(), *m)).collect();
            wait_until(PATIENCE, || node.router.expect(family, &routes))
                .with_context(|| format!("node {} of the line, {family:?}", index + 1))?;
        }
    }
    Ok(())
}

/// What our table says is what the kernel has, next hops included.
fn kernel_agrees(node: &Node) -> Result<()> {
    for family in BOTH {
        wait_until(Duration::from_secs(3), || {
            let ours = node.ours()?.rip_routes(family)?;
            let mut kernel = node.namespace.kernel_routes(family)?;
            kernel.retain(|route| route.protocol == "rip");
            kernel.sort_by(|a, b| a.prefix.cmp(&b.prefix));
            ensure!(!ours.is_empty(), "no routes");
            let pairs = ours.iter().map(|r| (&r.prefix, &r.next_hops));
            let theirs = kernel.iter().map(|r| (&r.prefix, &r.next_hops));
            ensure!(
                pairs.eq(theirs)
                    && kernel
                        .iter()
                        .all(|route| family == IpFamily::V6 || route.metric == 120),
                "ours: {ours:#?}\nkernel: {kernel:#?}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

/// Each end of a line pings the other, from stub to stub.
fn ends_ping(nodes: &[Node]) -> Result<()> {
    let (first, last) = (&nodes[0], &nodes[nodes.len() - 1]);
    let host = |number: usize| stub(number).map(|p| p.split('/').next().unwrap().to_owned());
    let (from, to) = (host(1), host(nodes.len()));
    for family in 0..2 {
        first.namespace.ping(&from[family], &to[family], 3)?;
        last.namespace.ping(&to[family], &from[family], 3)?;
    }
    Ok(())
}

fn a_line_of_frr_ours_ours_and_bird_learns_forwards_and_forgets() -> Result<()> {
    let filter = "udp port 520 or udp port 521";
    let kinds = [Kind::Frr, Kind::Ours, Kind::Ours, Kind::Bird];
    let mut nodes = start("line", &kinds, false)?;
    let left = Capture::start(&nodes[1].namespace, "eth0", filter)?;
    let right = Capture::start(&nodes[2].namespace, "eth1", filter)?;
    line_converges(&nodes)?;
    kernel_agrees(&nodes[1])?;
    kernel_agrees(&nodes[2])?;
    // Three links, and in the middle two kernels that forward on routes that we installed.
    ends_ping(&nodes)?;

    // A network goes away: everyone forgets it soon, by triggered updates.
    let [v4, v6] = stub(1);
    nodes[0].namespace.remove_address("lo", &v4)?;
    nodes[0].namespace.remove_address("lo", &v6)?;
    for node in &nodes[1..] {
        for (family, prefix) in BOTH.into_iter().zip([&v4, &v6]) {
            wait_until(Duration::from_secs(8), || {
                ensure!(
                    !node.router.metrics(family)?.contains_key(prefix),
                    "{prefix} is still there"
                );
                Ok(())
            })?;
        }
    }
    nodes[0].namespace.add_addresses("lo", &[&v4, &v6])?;
    line_converges(&nodes)?;

    // A router of ours is told to end: it says so, and takes its routes out of the kernel.
    let Router::Ours(ours) = &mut nodes[2].router else {
        unreachable!("it is ours");
    };
    ours.stop()?;
    for family in BOTH {
        let mut kernel = nodes[2].namespace.kernel_routes(family)?;
        kernel.retain(|route| route.protocol == "rip");
        ensure!(kernel.is_empty(), "left in the kernel: {kernel:#?}");
    }
    // Sooner than after the 15 s in which its routes would have timed out.
    let gone = stub(3);
    for (family, prefix) in BOTH.into_iter().zip(&gone) {
        wait_until(Duration::from_secs(8), || {
            ensure!(
                !nodes[3].router.metrics(family)?.contains_key(prefix),
                "{prefix} is still there"
            );
            ensure!(
                !nodes[0].router.metrics(family)?.contains_key(prefix),
                "{prefix} is still there"
            );
            Ok(())
        })?;
    }
    left.finish(8)?;
    right.finish(8)?;
    Ok(())
}

fn a_ring_of_ours_frr_ours_and_bird_goes_the_other_way_round_when_a_link_is_cut() -> Result<()> {
    let kinds = [Kind::Ours, Kind::Frr, Kind::Ours, Kind::Bird];
    let nodes = start("ring", &kinds, true)?;
    let ring = |cut: bool| -> Result<()> {
        for (index, node) in nodes.iter().enumerate() {
            for (family, column) in BOTH.into_iter().zip(0..) {
                wait_until(PATIENCE, || {
                    let metrics = node.router.metrics(family)?;
                    for other in (0..4_usize).filter(|other| *other != index) {
                        let around = index.abs_diff(other);
                        // The cut is between the first and the second: the way is over the others.
                        let over = |n: usize| if n == 0 { 4 } else { n };
                        let way = if cut {
                            over(index).abs_diff(over(other))
                        } else {
                            around.min(4 - around)
                        };
                        let prefix = &stub(other + 1)[column];
                        let wanted = u64::try_from(way).unwrap() + 1;
                        let found = metrics.get(prefix);
                        ensure!(
                            found == Some(&wanted),
                            "node {}: {prefix} has metric {found:?}, not {wanted}",
                            index + 1
                        );
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    };
    let ping = || -> Result<()> {
        nodes[0].namespace.ping("192.0.2.1", "192.0.2.2", 2)?;
        nodes[0].namespace.ping("2001:db8:2::1", "2001:db8:2::2", 2)
    };
    ring(false).context("the whole ring")?;
    kernel_agrees(&nodes[0])?;
    kernel_agrees(&nodes[2])?;
    ping()?;
    // eth1 of ours leads to FRR; both lose the carrier.
    nodes[0].namespace.set_link("eth1", false)?;
    ring(true).context("after the cut")?;
    kernel_agrees(&nodes[0])?;
    kernel_agrees(&nodes[2])?;
    ping().context("over three links")?;
    nodes[0].namespace.set_link("eth1", true)?;
    // The kernel drops the IPv6 addresses of an interface that is down; an operator gives them again.
    nodes[0]
        .namespace
        .add_addresses("eth1", &["2001:db8:1:1::1/64"])?;
    ring(false).context("healed")?;
    kernel_agrees(&nodes[0])?;
    ping()
}

fn two_announcers_of_one_network_are_used_together() -> Result<()> {
    // A switch with three routers; FRR and BIRD both have the same network.
    let switch = Namespace::new("ecmpsw")?;
    let mut members = Vec::new();
    for (number, label) in [(1, "ecmpours"), (2, "ecmpfrr"), (3, "ecmpbird")] {
        let namespace = Namespace::new(label)?;
        namespace.forward()?;
        let (v4, v6) = (
            format!("10.0.9.{number}/24"),
            format!("2001:db8:9::{number}/64"),
        );
        let port = format!("port{number}");
        connect((&namespace, "eth0", &[&v4, &v6]), (&switch, &port, &[]))?;
        if number > 1 {
            namespace.add_addresses("lo", &["192.0.2.99/32", "2001:db8:2::99/128"])?;
        }
        members.push(namespace);
    }
    switch.add_bridge("br0", &["port1", "port2", "port3"])?;
    let mut setup = Setup::new(&["eth0"]);
    setup.ecmp = true;
    let mut members = members.into_iter();
    let mut node = |kind: Kind| -> Result<Node> {
        let namespace = members.next().context("three members")?;
        let router = Router::start(kind, &namespace, &setup)?;
        Ok(Node { router, namespace })
    };
    let ours = node(Kind::Ours)?;
    let frr = node(Kind::Frr)?;
    let bird = node(Kind::Bird)?;
    for (family, prefix) in BOTH
        .into_iter()
        .zip(["192.0.2.99/32", "2001:db8:2::99/128"])
    {
        wait_until(PATIENCE, || {
            let routes = ours.router.rip_routes(family)?;
            let route = routes.iter().find(|route| route.prefix == prefix);
            let hops = route.map_or(0, |route| route.next_hops.len());
            ensure!(hops == 2, "{hops} next hops to {prefix}");
            Ok(())
        })?;
    }
    kernel_agrees(&ours)?;
    // One of the two goes silent: the other carries on, when the route of the first has timed out.
    drop(frr);
    for (family, prefix) in BOTH
        .into_iter()
        .zip(["192.0.2.99/32", "2001:db8:2::99/128"])
    {
        wait_until(Duration::from_secs(22), || {
            let routes = ours.router.rip_routes(family)?;
            let route = routes.iter().find(|route| route.prefix == prefix);
            let hops = route.map_or(0, |route| route.next_hops.len());
            ensure!(hops == 1, "{hops} next hops to {prefix}");
            Ok(())
        })?;
    }
    kernel_agrees(&ours)?;
    drop(bird);
    Ok(())
}

fn version_1_is_spoken_with_frr() -> Result<()> {
    let frr = Namespace::new("v1frr")?;
    let ours = Namespace::new("v1ours")?;
    // Subnets of one network with one mask, as version 1 wants them, and a network of another class.
    connect(
        (&frr, "eth0", &["172.16.1.1/24"]),
        (&ours, "eth0", &["172.16.1.2/24"]),
    )?;
    frr.add_addresses("lo", &["172.16.2.1/24", "192.0.2.1/24"])?;
    ours.add_addresses("lo", &["172.16.3.1/24", "198.51.100.1/24"])?;
    let mut setup = Setup::v4(&["eth0"]);
    setup.version_1 = true;
    let capture = Capture::start(&ours, "eth0", "udp port 520")?;
    let theirs = Router::start(Kind::Frr, &frr, &setup)?;
    let router = Router::start(Kind::Ours, &ours, &setup)?;
    wait_until(PATIENCE, || {
        router.expect(IpFamily::V4, &[("172.16.2.0/24", 2), ("192.0.2.0/24", 2)])
    })?;
    wait_until(PATIENCE, || {
        theirs.expect(
            IpFamily::V4,
            &[("172.16.3.0/24", 2), ("198.51.100.0/24", 2)],
        )
    })?;
    ours.ping("172.16.3.1", "192.0.2.1", 2)?;
    pause(Duration::from_millis(500));
    capture.finish(3)?;
    Ok(())
}
