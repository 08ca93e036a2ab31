//! Provider routers find each other, and find another way when a link is cut.

use super::{Options, Scenario, Stage};
use crate::world::acts::{hops_text, ping, ping_in_vain, trace};
use crate::world::model::NodeKind;
use crate::world::router::Speaks;
use anyhow::Result;
use core::net::IpAddr;
use core::time::Duration;
use icmp_nd::probe::Annotation;
use icmp_nd::router::AdvertiserConfig;
use nat::Side;
use rip::{Family, Ipv4, Ipv6};

inventory::submit! {
    Scenario {
        order: 20,
        name: "routes",
        title: "Routers find their ways with RIP",
        about: "Four routers of a provider stand in a ring and speak RIP version 2 and RIPng. A laptop is behind \
                west, a server behind east; the way by north costs less than the way by south. Of pings to where nobody is, \
                the last router says so. Then the link \
                from north to east is cut: its ends poison their routes at once, and traffic goes by south.",
        play,
    }
}

/// Each link: its name, its two routers, its number in addresses, its cost.
const LINKS: [(&str, &str, &str, u8, u8); 4] = [
    ("west-north", "west", "north", 1, 1),
    ("north-east", "north", "east", 2, 1),
    ("west-south", "west", "south", 3, 2),
    ("south-east", "south", "east", 4, 2),
];

/// What a host is behind: a router, the LAN's number, the host's name.
const LANS: [(&str, u8, &str); 2] = [("west", 10, "laptop"), ("east", 20, "server")];

/// Where a node is, for the picture.
const PLACES: [(&str, f32, f32); 4] = [
    ("west", 1.0, 1.0),
    ("north", 2.0, 0.0),
    ("south", 2.0, 2.0),
    ("east", 3.0, 1.0),
];

/// More time than RIP needs to converge.
const LIMIT: Duration = Duration::from_secs(120);

fn build(stage: &mut Stage) -> Result<()> {
    for (name, column, row) in PLACES {
        let mut router = stage.router(name)?;
        for (link, a, b, number, cost) in LINKS {
            if name != a && name != b {
                continue;
            }
            let host = if name == a { 1 } else { 2 };
            let v4 = format!("10.0.{number}.{host}/24");
            let v6 = format!("2001:db8:f:{number}::{host}/64");
            let port = stage.port(&[&v4, &v6], 1_500)?;
            router.ethernet(link, port, Side::Inside, Speaks::Rip(cost))?;
        }
        for (at, number, _) in LANS {
            if name == at {
                let v4 = format!("192.168.{number}.1/24");
                let v6 = format!("2001:db8:{number}::1/64");
                let mut port = stage.port(&[&v4, &v6], 1_500)?;
                port.advertise = Some(AdvertiserConfig::default());
                router.ethernet("lan", port, Side::Inside, Speaks::Nothing)?;
            }
        }
        stage.add_router(
            name,
            NodeKind::Router,
            (column, row),
            "speaks RIP and RIPng",
            router,
        )?;
    }
    for (at, number, name) in LANS {
        let v4 = format!("192.168.{number}.2/24");
        let v6 = format!("2001:db8:{number}::2/64");
        let gateway = format!("192.168.{number}.1");
        let (kind, column) = if name == "server" {
            (NodeKind::Server, 4.0)
        } else {
            (NodeKind::Host, 0.0)
        };
        let about = format!("is behind {at}");
        stage.host(
            name,
            kind,
            (column, 1.0),
            &about,
            &[&v4, &v6],
            Some(&gateway),
        )?;
    }
    for (link, a, b, _, _) in LINKS {
        let ends = [(a, port_of(stage, a, link)?), (b, port_of(stage, b, link)?)];
        stage.ethernet(link, 1_500, &ends)?;
    }
    for (at, _, name) in LANS {
        let ends = [(name, 0), (at, port_of(stage, at, "lan")?)];
        stage.ethernet(&format!("{at} lan"), 1_500, &ends)?;
    }
    Ok(())
}

fn port_of(stage: &Stage, router: &str, name: &str) -> Result<usize> {
    let ports = stage.router_node(router)?.ports();
    Ok(ports
        .iter()
        .position(|port| port.name() == name)
        .unwrap_or_default())
}

/// The metrics of west's routes to the server's networks.
fn metrics(stage: &Stage) -> Option<(u8, u8)> {
    let west = stage.router_node("west").ok()?;
    let v4 = Ipv4::prefix([192, 168, 20, 0].into(), 24)?;
    let v6 = Ipv6::prefix("2001:db8:20::".parse().ok()?, 64)?;
    Some((
        west.rip().rib().get(&v4)?.metric,
        west.ripng().rib().get(&v6)?.metric,
    ))
}

fn traces(stage: &mut Stage, by: u8, third: &str) -> Result<()> {
    for server in ["192.168.20.2", "2001:db8:20::2"] {
        let to: IpAddr = server.parse()?;
        let hops = trace(stage, "laptop", to, |_| {})?;
        let text = hops_text(&hops);
        stage.say(format!("A trace to {server}: {text}."));
        let link = if to.is_ipv4() {
            format!("10.0.{by}.2")
        } else {
            format!("2001:db8:f:{by}::2")
        };
        let by_the_link = hops.get(1).and_then(|hop| hop.address) == Some(link.parse()?);
        let reached = hops.len() == 4 && hops.last().and_then(|hop| hop.address) == Some(to);
        // Faults that were switched on may take answers.
        let so = (by_the_link && reached) || stage.is_faulty();
        stage.check(format!("the way to {server} is by {third}"), text, so)?;
    }
    Ok(())
}

/// Pings to where nobody is: the last router asks for the neighbor in vain, and says so.
fn nobody(stage: &mut Stage) -> Result<()> {
    let east = stage.router_node("east")?.ethernet("lan")?.usable();
    for nobody in ["192.168.20.99", "2001:db8:20::99"] {
        let to: IpAddr = nobody.parse()?;
        let errors = ping_in_vain(stage, "laptop", to, 2)?;
        let words: Vec<String> = errors
            .iter()
            .map(|(from, error)| format!("{from}: {error}"))
            .collect();
        let words = words.join(", ");
        stage.say(format!("Pings to {nobody}, where nobody is: {words}."));
        let told = errors.iter().all(|(from, error)| {
            // It comes from the port that leads back to the laptop.
            error.annotation() == Some(Annotation::Host) && !east.contains(from)
        });
        let so = (told && errors.len() == 2) || stage.is_faulty();
        stage.check(format!("east says that nobody is at {nobody}"), words, so)?;
    }
    Ok(())
}

fn play(stage: &mut Stage, _: &Options) -> Result<()> {
    build(stage)?;
    stage.say("The routers ask each other for their tables.");
    let took = stage.run_until("west knows the short way", LIMIT, |stage| {
        metrics(stage) == Some((3, 3))
    })?;
    stage.say(format!(
        "After {took:.1?} west knows that the server's networks are 3 away by north, for both versions of IP."
    ));
    // Everybody else has to know the way back as well.
    stage.run_for(Duration::from_secs(10));
    traces(stage, 1, "north")?;
    let answered = ping(stage, "laptop", "192.168.20.2".parse()?, 5, 56)?;
    stage.check(
        "pings reach the server",
        format!("{answered} of 5"),
        answered >= 4 || stage.is_faulty(),
    )?;

    nobody(stage)?;

    let now = stage.now();
    stage.say("The link from north to east is cut. Both ends see their carrier go and poison what was reached by it.");
    stage.cut("north-east", false)?;
    let took = stage.run_until("west knows the other way", LIMIT, |stage| {
        metrics(stage) == Some((5, 5))
    })?;
    stage.say(format!(
        "{took:.1?} later west's routes lead by south, and cost 5."
    ));
    stage.run_for(Duration::from_secs(10));
    traces(stage, 3, "south")?;
    let answered = ping(stage, "laptop", "2001:db8:20::2".parse()?, 5, 56)?;
    stage.check(
        "pings reach the server again",
        format!("{answered} of 5"),
        answered >= 4 || stage.is_faulty(),
    )?;

    stage.say("The link is healed.");
    stage.heal("north-east", false)?;
    stage.run_until("west takes the short way", LIMIT, |stage| {
        metrics(stage) == Some((3, 3))
    })?;
    stage.run_for(Duration::from_secs(5));
    traces(stage, 1, "north")?;
    let away = stage.now() - now;
    stage.say(format!("All is as before, {away:.0?} after the cut."));
    Ok(())
}
