//! The example `tap_host` as a host of well-known routers: radvd, FRR, dnsmasq and BIRD advertise, each
//! in a namespace, and our host configures itself, reaches beyond the link, and notices the end.
#![allow(clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context, Result, ensure};
use internetwork::lab::{
    Advertising, Bird, Frr, Namespace, TapHost, at_once, expect, interop_wanted,
};

/// Where our host will be, from the prefix of all routers and its MAC address.
const ADDRESS: &str = "2001:db8:a::5eff:fe10:2";
const FAR: &str = "2001:db8:beef::1";

const RADVD: &str = "interface inw0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 900;
  AdvLinkMTU 1480; AdvDefaultPreference high; AdvCurHopLimit 63;
  prefix 2001:db8:a::/64 { AdvValidLifetime 3600; AdvPreferredLifetime 1800; };
  route 2001:db8:ff00::/40 { AdvRoutePreference low; AdvRouteLifetime 500; };
  RDNSS 2001:db8:a::1 { AdvRDNSSLifetime 300; };
  DNSSL lab.example { };
};
";

const ZEBRA: &str = "interface inw0
 no ipv6 nd suppress-ra
 ipv6 nd ra-interval 3
 ipv6 nd ra-lifetime 6
 ipv6 nd prefix 2001:db8:a::/64 3600 1800
 ipv6 nd mtu 1480
 ipv6 nd rdnss 2001:db8:a::1 300
";

const BIRD: &str = "log stderr all;
router id 10.9.4.1;
protocol device {}
protocol radv {
  interface \"inw0\" {
    min ra interval 3; max ra interval 4; link mtu 1480; default lifetime 6;
    prefix 2001:db8:a::/64 { valid lifetime 3600; preferred lifetime 1800; };
    rdnss 2001:db8:a::1;
  };
}
";

/// Two addresses of one router, which it does not prefer alike. FRR 8.4 writes the sources of its advertisements with
/// their octets reversed; what counts are the addresses inside (RFC 1256 §5.3).
const IRDP: &str = "interface inw0
 ip address 192.0.2.1/24
 ip address 192.0.2.9/24
 ip irdp multicast
 ip irdp minadvertinterval 4
 ip irdp maxadvertinterval 5
 ip irdp holdtime 12
 ip irdp preference 7
 ip irdp address 192.0.2.9 preference 40
";

/// Starts a router's daemon in a namespace; what it gives back ends it.
type Start<'a> = &'a (dyn Fn(&Namespace) -> Result<Box<dyn FnOnce() -> Result<()>>> + Sync);

/// Our host under a router that `start` starts.
fn configures_itself(label: &str, preference: &str, start: Start<'_>) -> Result<()> {
    let router = Namespace::new(label)?;
    router.forward()?;
    router.add_addresses("lo", &["2001:db8:beef::1/128"])?;
    let options = [
        "--no-address",
        "--no-kernel-address",
        "--temporary",
        "--ping",
        FAR,
        "--count",
        "3",
        "--interval",
        "200",
    ];
    let mut host = TapHost::start(&router, &options)?;
    router.add_addresses("inw0", &["2001:db8:a::1/64"])?;
    let stop = start(&router)?;

    // What the advertisements say.
    host.event("prefix", &[("prefix", "2001:db8:a::/64")])?;
    let default = host.event("default-router", &[("preference", preference)])?;
    let by = default["router"].as_str().context("a router")?.to_owned();
    ensure!(by.starts_with("fe80::"), "{default}");
    host.event("link-mtu", &[("mtu", "1480")])?;
    host.event("dns-server", &[("value", "2001:db8:a::1")])?;
    // The stable address, tested, and a temporary one (RFC 8981).
    host.event("address", &[("address", ADDRESS)])?;
    loop {
        let other = host.event("address", &[])?;
        let address = other["address"].as_str().unwrap_or_default();
        if address.starts_with("2001:db8:a:") {
            break;
        }
    }
    // Beyond the link, and back to the stable address.
    host.event("pinged", &[("target", FAR), ("received", "3")])?;
    let line = format!("ping -n -c 2 -i 0.2 -W 2 -s 4000 {ADDRESS}");
    expect(&router, &line, &["2 received"])?;
    let line = format!("ndisc6 -1 -r 3 -w 1500 {ADDRESS} inw0");
    expect(&router, &line, &[&TapHost::MAC.to_uppercase()])?;

    // The router takes its leave, or is not heard of any more.
    stop()?;
    host.event("default-router-gone", &[("router", &by)])?;
    let counters = host.finish()?;
    ensure!(
        counters["router_advertisements"].as_u64() >= Some(1),
        "{counters}"
    );
    // A router that advertises while our link-local address is still tested leaves nothing to ask for.
    Ok(())
}

fn radvd() -> Result<()> {
    configures_itself("radvd", "high", &|router| {
        let mut radvd = Advertising::radvd(router, RADVD)?;
        Ok(Box::new(move || radvd.stop()))
    })
}

fn dnsmasq() -> Result<()> {
    configures_itself("dnsmasq", "high", &|router| {
        let options = [
            "--enable-ra",
            "--interface=inw0",
            "--dhcp-range=2001:db8:a::,ra-only,64,3600",
            "--ra-param=inw0,mtu:1480,high,4,8",
            "--dhcp-option=option6:dns-server,[2001:db8:a::1]",
        ];
        let mut dnsmasq = Advertising::dnsmasq(router, &options)?;
        Ok(Box::new(move || dnsmasq.stop()))
    })
}

fn frr() -> Result<()> {
    configures_itself("frr", "medium", &|router| {
        let frr = Frr::start(router, &[("zebra", ZEBRA)])?;
        Ok(Box::new(move || {
            drop(frr);
            Ok(())
        }))
    })
}

fn bird() -> Result<()> {
    configures_itself("bird", "medium", &|router| {
        let bird = Bird::start(router, BIRD)?;
        Ok(Box::new(move || {
            drop(bird);
            Ok(())
        }))
    })
}

#[test]
fn our_host_configures_itself_from_well_known_routers() -> Result<()> {
    if !interop_wanted("tap_host under radvd, FRR, dnsmasq and BIRD") {
        return Ok(());
    }
    at_once(&[
        ("radvd", &radvd),
        ("dnsmasq", &dnsmasq),
        ("FRR", &frr),
        ("BIRD", &bird),
    ])
}

/// Router discovery for IPv4 (RFC 1256), which of the daemons of today FRR's `zebra` has.
#[test]
fn our_host_finds_the_router_that_is_preferred_most() -> Result<()> {
    if !interop_wanted("tap_host and router discovery of FRR") {
        return Ok(());
    }
    let router = Namespace::new("irdp")?;
    router.forward()?;
    router.add_addresses("lo", &["198.51.100.1/32"])?;
    let options = [
        "--no-kernel-address",
        "--router-discovery",
        "--ping",
        "198.51.100.1",
        "--count",
        "100000",
        "--interval",
        "200",
    ];
    let mut host = TapHost::start(&router, &options)?;
    host.sees(&format!(
        "eth.src == {} and icmp.type == 10 and ip.src == 192.0.2.2 and ip.dst == 224.0.0.2 \
         and ip.ttl == 1",
        TapHost::MAC
    ))?;
    // Nobody is there yet, and nothing leads beyond the link.
    host.event("not-sent", &[("destination", "198.51.100.1")])?;
    let mut frr = Frr::without_daemons(&router)?;
    frr.start_with_modules(&router, "zebra", IRDP, &["irdp"])?;
    let preferred = [("gateway", "192.0.2.9"), ("preference", "40")];
    host.event("default-gateway", &preferred)?;
    host.event("reply", &[("target", "198.51.100.1")])?;
    // Each address in a message of its own.
    host.sees("icmp.type == 9 and ip.dst == 224.0.0.1 and ip.ttl == 1")?;

    // It takes its leave, or is not heard of any more: both of its addresses are forgotten.
    frr.stop_daemon("zebra")?;
    for address in ["192.0.2.1", "192.0.2.9"] {
        host.event("gateway-gone", &[("gateway", address)])?;
    }
    host.event("default-gateway", &[("gateway", "null")])?;
    host.forget();
    host.event("not-sent", &[("destination", "198.51.100.1")])?;
    let counters = host.finish()?;
    for counter in ["ipv4_router_solicitations", "ipv4_router_advertisements"] {
        ensure!(counters[counter].as_u64() >= Some(1), "{counters}");
    }
    Ok(())
}
