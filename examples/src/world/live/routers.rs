//! The routers of the crates, and how they are set up.

use super::super::ethernet::EthernetSetup;
use super::super::journal::Journal;
use super::super::ppp::Line;
use super::super::random::Randomness;
use super::super::router::{RouterBuilder, RouterNode, Speaks};
use super::runner::PortAt;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use icmp_nd::router::{AdvertisedPrefix, AdvertiserConfig};
use nat::{Action, Matching, Nat, Pool, Profile, Rule, Side};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::MacAddr;
use rip::config::Timers;
use stateful_firewall::{Firewall, FirewallConfig, language};

/// What IPCP gives the home.
pub(super) const HOME_ADDRESS: &str = "198.51.100.77";
/// The name and the secret that CHAP proves.
pub(super) const SECRET: (&str, &str) = ("home", "sesame");
/// The laptop's IPv6 network.
pub(super) const HOME_PREFIX: &str = "2001:db8:1:1::/64";

/// Ports of the core's routers, of which `access` is number 0, `border` 1 and `company` 2.
pub(super) const ACCESS_DIALIN: PortAt = (0, 0);
pub(super) const ACCESS_FRR: PortAt = (0, 1);
pub(super) const ACCESS_BIRD: PortAt = (0, 2);
pub(super) const BORDER_FRR: PortAt = (1, 0);
pub(super) const BORDER_BIRD: PortAt = (1, 1);
pub(super) const BORDER_NET: PortAt = (1, 2);
pub(super) const BORDER_COMPANY: PortAt = (1, 3);
pub(super) const COMPANY_OUTSIDE: PortAt = (2, 0);
pub(super) const COMPANY_DMZ: PortAt = (2, 1);
pub(super) const COMPANY_INSIDE: PortAt = (2, 2);
/// Ports of the home's router.
pub(super) const HOME_LAN: PortAt = (0, 0);
pub(super) const HOME_LINE: PortAt = (0, 1);

/// The largest packet of the server's network: smaller than everywhere else, for path MTU discovery.
pub(super) const SERVER_MTU: u16 = 1_400;

/// The company's rules. Levels do the rest: from inside to everywhere, from nowhere to inside.
const POLICY: &str = "
    zone inside level 100
    zone dmz level 50
    zone outside level 0
    interface inside zone inside
    interface dmz zone dmz
    interface outside zone outside
    rules from outside to dmz {
        web: accept tcp port 80
        ping: accept icmp type 8
        ping6: accept icmpv6 type 128
    }
    log-default
";

fn port(at: PortAt, router: u8, mtu: u16, addresses: &[(&str, u8)]) -> Result<EthernetSetup> {
    let addresses = addresses
        .iter()
        .map(|(address, length)| Ok((address.parse::<IpAddr>()?, *length)));
    Ok(EthernetSetup {
        link_address: MacAddr([2, 0, 0x5e, 0x20, router, u8::try_from(at.1)?]),
        mtu: mtu.into(),
        addresses: addresses.collect::<Result<_>>()?,
        advertise: None,
    })
}

/// The provider's routers, and the company's.
pub(super) fn core(journal: &Journal) -> Result<Vec<RouterNode>> {
    // As FRR and BIRD are set up in the lab.
    let timers = Timers {
        update: Duration::from_secs(5),
        jitter: Duration::from_secs(1),
        timeout: Duration::from_secs(15),
        garbage: Duration::from_secs(10),
        triggered_min: Duration::from_millis(200),
        triggered_max: Duration::from_secs(1),
    };
    let begin = |name| RouterBuilder::with_timers(name, Randomness::System, journal, None, timers);
    let rip = Speaks::Rip(1);

    let mut access = begin("access")?;
    let addresses = [("10.1.0.1", 30), ("2001:db8:f:10::1", 64)];
    let dialin = port(ACCESS_DIALIN, 1, 1_500, &addresses)?;
    access.ethernet("dialin", dialin, Side::Inside, Speaks::Nothing)?;
    let addresses = [("10.0.1.1", 24), ("2001:db8:f:1::1", 64)];
    let frr = port(ACCESS_FRR, 1, 1_500, &addresses)?;
    access.ethernet("frr", frr, Side::Inside, rip)?;
    let addresses = [("10.0.4.1", 24), ("2001:db8:f:4::1", 64)];
    let bird = port(ACCESS_BIRD, 1, 1_500, &addresses)?;
    access.ethernet("bird", bird, Side::Inside, rip)?;
    access.route_v4(
        "198.51.100.0/24",
        ACCESS_DIALIN.1,
        Some("10.1.0.2".parse()?),
    )?;
    let guest = "2001:db8:f:10::2".parse()?;
    access.route_v6("2001:db8:1::/48", ACCESS_DIALIN.1, Some(guest))?;

    let mut border = begin("border")?;
    let addresses = [("10.0.2.1", 24), ("2001:db8:f:2::1", 64)];
    let frr = port(BORDER_FRR, 2, 1_500, &addresses)?;
    border.ethernet("frr", frr, Side::Inside, rip)?;
    let addresses = [("10.0.3.1", 24), ("2001:db8:f:3::1", 64)];
    let bird = port(BORDER_BIRD, 2, 1_500, &addresses)?;
    border.ethernet("bird", bird, Side::Inside, rip)?;
    let addresses = [("203.0.113.1", 24), ("2001:db8:80::1", 64)];
    let net = port(BORDER_NET, 2, SERVER_MTU, &addresses)?;
    border.ethernet("net", net, Side::Inside, Speaks::Nothing)?;
    let addresses = [("10.0.5.1", 24), ("2001:db8:f:5::1", 64)];
    let company = port(BORDER_COMPANY, 2, 1_500, &addresses)?;
    border.ethernet("company", company, Side::Inside, rip)?;

    let mut company = begin("company")?;
    let addresses = [("10.0.5.2", 24), ("2001:db8:f:5::2", 64)];
    let outside = port(COMPANY_OUTSIDE, 3, 1_500, &addresses)?;
    company.ethernet("outside", outside, Side::Inside, rip)?;
    let addresses = [("192.0.2.1", 26), ("2001:db8:c:1::1", 64)];
    let dmz = port(COMPANY_DMZ, 3, 1_500, &addresses)?;
    company.ethernet("dmz", dmz, Side::Inside, Speaks::Nothing)?;
    let addresses = [("192.0.2.65", 26), ("2001:db8:c:2::1", 64)];
    let inside = port(COMPANY_INSIDE, 3, 1_500, &addresses)?;
    company.ethernet("inside", inside, Side::Inside, Speaks::Nothing)?;
    let policy = language::compile(POLICY)?;
    let config = FirewallConfig::new(4_096);
    company.firewall(Firewall::new(config, policy, Box::new(OsRandom))?);

    [access, border, company]
        .into_iter()
        .map(RouterBuilder::build)
        .collect()
}

/// The home's router: it dials, translates, and advertises.
pub(super) fn home(journal: &Journal) -> Result<Vec<RouterNode>> {
    let inside = Ipv4Addr::new(192, 168, 1, 1);
    let mut home = RouterBuilder::new("home", Randomness::System, journal)?;
    let addresses = [("192.168.1.1", 24), ("2001:db8:1:1::1", 64)];
    let mut lan = port(HOME_LAN, 4, 1_500, &addresses)?;
    lan.advertise = Some(AdvertiserConfig {
        max_interval: Duration::from_secs(4),
        min_interval: Some(Duration::from_secs(3)),
        prefixes: vec![AdvertisedPrefix::new(HOME_PREFIX.parse()?)],
        ..AdvertiserConfig::default()
    });
    home.ethernet("lan", lan, Side::Inside, Speaks::Nothing)?;
    let (name, secret) = SECRET;
    let settings = format!(
        "auth.name = '{name}'\nauth.allow = ['chap-md5']\nipv4.request-dns = true\n\
         [[secret]]\nname = '{name}'\nsecret = '{secret}'\n"
    );
    home.ppp("line", Line::Serial, &settings, Side::Outside, true)?;
    home.nat_when_dialled(Box::new(move |address| {
        let mut config = Profile::Rfc.config(4_096);
        config.pools.push(Pool::of_range(address..=address));
        config.rules.push(Rule {
            matching: Matching::from_prefix("192.168.0.0/16".parse()?),
            action: Action::Napt(Profile::Rfc.napt(0)),
        });
        config.local.push(inside);
        config.icmp.inside_address = Some(inside);
        Nat::new(config, Box::new(OsRandom)).context("the home's translator")
    }));
    Ok(vec![home.build()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_the_numbers_that_they_are_plugged_in_by() {
        let core = core(&Journal::default()).unwrap();
        let home = home(&Journal::default()).unwrap();
        let name = |routers: &[RouterNode], at: PortAt| {
            let router = &routers[at.0];
            format!("{} {}", router.name(), router.ports()[at.1].name())
        };
        for (at, expected) in [
            (ACCESS_DIALIN, "access dialin"),
            (ACCESS_FRR, "access frr"),
            (ACCESS_BIRD, "access bird"),
            (BORDER_FRR, "border frr"),
            (BORDER_BIRD, "border bird"),
            (BORDER_NET, "border net"),
            (BORDER_COMPANY, "border company"),
            (COMPANY_OUTSIDE, "company outside"),
            (COMPANY_DMZ, "company dmz"),
            (COMPANY_INSIDE, "company inside"),
        ] {
            assert_eq!(name(&core, at), expected);
        }
        assert_eq!(name(&home, HOME_LAN), "home lan");
        assert_eq!(name(&home, HOME_LINE), "home line");
    }
}
