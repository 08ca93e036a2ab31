//! Features of `rip_router` that two routers have to agree on: unicast neighbors, demand circuits, keys that change;
//! and messages that come in on the wrong interface.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use anyhow::{Context, Result, ensure};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use internetwork::lab::{
    Bird, Capture, Frr, IpFamily, Namespace, at_once, connect, interop_wanted, pause, wait_until,
};
use internetwork::rip_router::lab::{Ours, Setup};
use internetwork::rip_router::netlink::Netlink;
use internetwork::rip_router::sockets::{RIP_GROUP, RIP_PORT, Recipient, RipSocket};
use packet_buffer::PacketBuf;
use rip::wire::{Command, RipEntryRepr, RipMessageRepr, VERSION_2};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_two_routers_have_to_agree_on() -> Result<()> {
    if !interop_wanted("rip_router: neighbors, demand circuits, keys that change, forged sources") {
        return Ok(());
    }
    at_once(&[
        (
            "neighbors are told by unicast where groups are not wanted",
            &neighbors_are_told_by_unicast_where_groups_are_not_wanted,
        ),
        (
            "a demand circuit to bird is silent when nothing changes",
            &a_demand_circuit_to_bird_is_silent_when_nothing_changes,
        ),
        (
            "keys change without losing a route",
            &keys_change_without_losing_a_route,
        ),
        (
            "what comes in on the wrong interface is refused",
            &what_comes_in_on_the_wrong_interface_is_refused,
        ),
    ])
}

/// Two namespaces on a cable, 10.0.1.1 and 10.0.1.2, each with a network of its own.
fn pair(label: &str) -> Result<(Namespace, Namespace)> {
    let ours = Namespace::new(&format!("{label}a"))?;
    let theirs = Namespace::new(&format!("{label}b"))?;
    ours.forward()?;
    theirs.forward()?;
    connect(
        (&ours, "eth0", &["10.0.1.1/24"]),
        (&theirs, "eth0", &["10.0.1.2/24"]),
    )?;
    ours.add_addresses("lo", &["192.0.2.1/32"])?;
    theirs.add_addresses("lo", &["192.0.2.2/32"])?;
    Ok((ours, theirs))
}

/// Ours has learned exactly these prefixes.
fn learned(ours: &Ours, prefixes: &[&str]) -> Result<()> {
    let routes = ours.rip_routes(IpFamily::V4)?;
    let found: Vec<&str> = routes.iter().map(|route| route.prefix.as_str()).collect();
    ensure!(found == prefixes, "ours has {found:?}, not {prefixes:?}");
    Ok(())
}

fn neighbors_are_told_by_unicast_where_groups_are_not_wanted() -> Result<()> {
    let (our_namespace, their_namespace) = pair("unicast")?;
    let capture = Capture::start(&our_namespace, "eth0", "udp port 520")?;
    let ripd = "router rip\n timers basic 5 15 10\n network eth0\n neighbor 10.0.1.1\n \
                passive-interface eth0\n redistribute connected\n";
    let frr = Frr::start(&their_namespace, &[("ripd", ripd)])?;
    // A route that zebra is given in its first seconds at times stays inactive for ever.
    pause(Duration::from_secs(4));
    let mut setup = Setup::v4(&["eth0"]);
    setup.more = "passive = true\nneighbors = [\"10.0.1.2\"]\n";
    let ours = Ours::start(&our_namespace, &setup.ours())?;
    wait_until(PATIENCE, || learned(&ours, &["192.0.2.2/32"]))?;
    wait_until(PATIENCE, || {
        let routes = frr.rip_routes(IpFamily::V4)?;
        ensure!(
            routes.iter().any(|route| route.prefix == "192.0.2.1/32"),
            "FRR has {routes:?}"
        );
        Ok(())
    })?;
    let told = capture.count("rip && ip.src == 10.0.1.1 && ip.dst == 10.0.1.2")?;
    let shouted = capture.count("rip.command == 2 && ip.src == 10.0.1.1 && ip.dst == 224.0.0.9")?;
    ensure!(
        told > 0 && shouted == 0,
        "{told} by unicast, {shouted} to the group"
    );
    capture.finish(4).map(drop)
}

fn a_demand_circuit_to_bird_is_silent_when_nothing_changes() -> Result<()> {
    let (our_namespace, their_namespace) = pair("circuit")?;
    let capture = Capture::start(&our_namespace, "eth0", "udp port 520")?;
    let bird = Bird::start(
        &their_namespace,
        "router id 192.0.2.255;\nprotocol device { scan time 1; }\nprotocol direct { ipv4; }\n\
         protocol kernel { ipv4 { export where source = RTS_RIP; }; }\n\
         protocol rip r4 { ipv4 { import all; export all; }; interface \"eth0\" {\n \
         update time 5; timeout time 15; garbage time 10; demand circuit yes; }; }\n",
    )?;
    let mut setup = Setup::v4(&["eth0"]);
    setup.more = "neighbors = [\"10.0.1.2\"]\n\
                  demand-circuit = { retransmission = 2 }\n";
    let ours = Ours::start(&our_namespace, &setup.ours())?;
    wait_until(PATIENCE, || learned(&ours, &["192.0.2.2/32"]))?;
    let of_bird = || -> Result<Vec<String>> {
        let routes = bird.rip_routes("r4")?;
        Ok(routes.into_iter().map(|route| route.prefix).collect())
    };
    wait_until(PATIENCE, || {
        let found = of_bird()?;
        ensure!(found == ["192.0.2.1/32"], "BIRD has {found:?}");
        Ok(())
    })?;
    // Longer than routes are kept elsewhere: nothing is said, and nothing times out.
    pause(Duration::from_secs(4));
    let before = capture.count("rip")?;
    pause(Duration::from_secs(17));
    let after = capture.count("rip")?;
    ensure!(
        before == after,
        "{} messages while nothing changed",
        after - before
    );
    learned(&ours, &["192.0.2.2/32"])?;
    // What changes is told at once, both ways.
    our_namespace.remove_address("lo", "192.0.2.1/32")?;
    their_namespace.remove_address("lo", "192.0.2.2/32")?;
    wait_until(Duration::from_secs(8), || learned(&ours, &[]))?;
    wait_until(Duration::from_secs(8), || {
        let found = of_bird()?;
        ensure!(found.is_empty(), "BIRD has {found:?}");
        Ok(())
    })?;
    // Not for tshark's opinion: it does not know the messages of RFC 2091, BIRD's neither.
    drop(capture);
    Ok(())
}

fn keys_change_without_losing_a_route() -> Result<()> {
    let (our_namespace, their_namespace) = pair("rollover")?;
    let capture = Capture::start(&our_namespace, "eth0", "udp port 520")?;
    let moment = our_namespace.run("date", &["-u", "-d", "now + 12 seconds", "+%FT%TZ"])?;
    let moment = moment.trim();
    let mut setup = Setup::v4(&["eth0"]);
    let more = format!(
        "authentication.keys = [\n\
         {{ id = 1, algorithm = \"hmac-sha-256\", key = \"one\", send-until = {moment} }},\n\
         {{ id = 2, algorithm = \"hmac-sha-512\", key = \"two\", send-from = {moment} }},\n]\n"
    );
    setup.more = &more;
    let bird = Bird::start(
        &their_namespace,
        "router id 192.0.2.255;\nprotocol device { scan time 1; }\nprotocol direct { ipv4; }\n\
         protocol rip r4 { ipv4 { import all; export all; }; interface \"eth0\" {\n \
         update time 5; timeout time 15; garbage time 10; authentication cryptographic;\n \
         password \"one\" { id 1; algorithm hmac sha256; };\n \
         password \"two\" { id 2; algorithm hmac sha512; }; }; }\n",
    )?;
    let ours = Ours::start(&our_namespace, &setup.ours())?;
    wait_until(Duration::from_secs(10), || {
        learned(&ours, &["192.0.2.2/32"])
    })?;
    let bird_has_ours = || -> Result<()> {
        let routes = bird.rip_routes("r4")?;
        ensure!(routes.len() == 1, "BIRD has {routes:?}");
        Ok(())
    };
    wait_until(Duration::from_secs(10), bird_has_ours)?;
    // Over the change, and longer than a route lives without updates.
    for _ in 0..28 {
        pause(Duration::from_secs(1));
        bird_has_ours().context("while keys change")?;
        learned(&ours, &["192.0.2.2/32"])?;
    }
    let of_key = |id: u8| capture.count(&format!("rip.key_id == {id} && ip.src == 10.0.1.1"));
    let (first, second) = (of_key(1)?, of_key(2)?);
    ensure!(
        first > 0 && second > 1,
        "{first} with key 1, {second} with key 2"
    );
    let counters = ours.protocol("RIP")?.counters;
    ensure!(!counters.contains_key("authentication"), "{counters:?}");
    capture.finish(4).map(drop)
}

fn what_comes_in_on_the_wrong_interface_is_refused() -> Result<()> {
    // Ours has a link to a friend and one to a stranger, who says that he is the friend.
    let ours_namespace = Namespace::new("forgeda")?;
    let friend = Namespace::new("forgedb")?;
    let stranger = Namespace::new("forgedc")?;
    ours_namespace.forward()?;
    connect(
        (&ours_namespace, "eth0", &["10.0.1.1/24"]),
        (&friend, "eth0", &["10.0.1.2/24"]),
    )?;
    connect(
        (&ours_namespace, "eth1", &["10.0.2.1/24"]),
        (&stranger, "eth0", &["10.0.2.2/24", "10.0.1.2/24"]),
    )?;
    let ours = Ours::start(&ours_namespace, &Setup::v4(&["eth0", "eth1"]).ours())?;
    let announce = |namespace: &Namespace, source: [u8; 4], prefix: &str, hops: u8| -> Result<()> {
        let socket = namespace.enter(|| {
            let links = Netlink::connect()?.links()?;
            let link = links.values().find(|link| link.name == "eth0");
            RipSocket::open_v4("eth0", link.context("eth0")?.index, 1 << 16)
        })?;
        let mut packet = PacketBuf::new();
        RipEntryRepr::route(prefix.parse()?, 1).emit(&mut packet);
        RipMessageRepr::new(Command::RESPONSE, VERSION_2).emit(&mut packet)?;
        let to = Recipient {
            source: IpAddr::V4(Ipv4Addr::from(source)),
            address: IpAddr::V4(RIP_GROUP),
            port: RIP_PORT,
            hop_limit: hops,
        };
        Ok(socket.send(packet.as_slice(), &to)?)
    };
    announce(&stranger, [10, 0, 1, 2], "203.0.113.0/24", 1)?;
    wait_until(Duration::from_secs(3), || {
        let protocol = ours.protocol("RIP")?;
        ensure!(
            protocol.counter("source_off_link") == 1,
            "{:?}",
            protocol.counters
        );
        Ok(())
    })?;
    learned(&ours, &[])?;
    // The same message on the friend's link is taken in, and so is the stranger's own.
    announce(&friend, [10, 0, 1, 2], "203.0.113.0/24", 1)?;
    announce(&stranger, [10, 0, 2, 2], "198.51.100.0/24", 1)?;
    wait_until(Duration::from_secs(3), || {
        learned(&ours, &["198.51.100.0/24", "203.0.113.0/24"])
    })?;
    let kernel = ours_namespace.kernel_routes(IpFamily::V4)?;
    let route = kernel.iter().find(|route| route.prefix == "203.0.113.0/24");
    let expected = [("10.0.1.2".to_owned(), "eth0".to_owned())];
    ensure!(route.is_some_and(|r| r.next_hops == expected), "{kernel:?}");
    Ok(())
}
