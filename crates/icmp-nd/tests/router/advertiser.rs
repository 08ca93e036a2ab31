//! Advertising: RFC 4861 §6.2, with the options of RFC 4191, 8106, 8781 and 8910.

use super::support::*;
use icmp_nd::router::{
    AdvertisedDns, AdvertisedPref64, AdvertisedPrefix, AdvertisedRoute, AdvertisedSearchList,
    Advertiser, AdvertiserConfig, AdvertiserConfigError, AdvertiserDiscard, AdvertiserEvent,
    AdvertiserState, Inconsistency, Lifetime,
};
use icmp_nd::wire::{
    NdMessage, NdOptionRepr, NdRepr, NeighborAdvertisementRepr, RouterAdvertisementRepr,
    RouterPreference,
};
use packet_buffer::wire::Ipv6Packet;
use packet_buffer::{EmitError, Instant, PacketBuf};
use proptest::prelude::*;
use std::time::Duration;
use testkit::{SeededRandom, for_each_seed};

const OWN: &str = "fe80::1";

fn seconds(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn config() -> AdvertiserConfig {
    AdvertiserConfig {
        prefixes: vec![AdvertisedPrefix::new("2001:db8:1::/64".parse().unwrap())],
        link_address: Some(ROUTER_MAC),
        ..AdvertiserConfig::default()
    }
}

fn advertiser(config: AdvertiserConfig, seed: u64) -> Advertiser {
    Advertiser::new(config, ip(OWN), Box::new(SeededRandom::new(seed))).unwrap()
}

/// What was sent: when, to whom, the packet.
type Sent = (Instant, String, Vec<u8>);

fn drain(machine: &mut Advertiser, now: Instant) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut out = PacketBuf::new();
    while let Some(transmit) = machine.poll_transmit(&mut out) {
        sent.push((
            now,
            transmit.destination.to_string(),
            out.as_slice().to_vec(),
        ));
    }
    sent
}

/// All that is sent until `until`.
fn run(machine: &mut Advertiser, from: Instant, until: Instant) -> Vec<Sent> {
    let mut sent = drain(machine, from);
    while let Some(at) = machine.poll_timeout().filter(|at| *at <= until) {
        machine.handle_timeout(at);
        assert!(machine.poll_timeout().is_none_or(|next| next > at));
        sent.extend(drain(machine, at));
    }
    sent
}

/// The fixed part and options of an advertisement, as written.
fn read(packet: &[u8]) -> (RouterAdvertisementRepr, Vec<NdOptionRepr<'static>>) {
    let packet = Ipv6Packet::parse(packet).unwrap();
    assert_eq!(packet.hop_limit(), 255);
    validated(packet.as_slice(), |valid| {
        let NdMessage::RouterAdvertisement(it) = valid.message() else {
            panic!("not an advertisement");
        };
        let options = it.options().iter().map(|it| it.to_repr().into_owned());
        (it.to_repr(), options.collect())
    })
}

fn solicit(machine: &mut Advertiser, now: Instant, source: &str) -> Result<(), AdvertiserDiscard> {
    let slla = [NdOptionRepr::SourceLinkLayerAddress(HOST_MAC)];
    let options = if source == "::" { &[][..] } else { &slla };
    let packet = message(NdRepr::RouterSolicitation, options, source, "ff02::2");
    validated(&packet, |valid| machine.handle_input(now, valid))
}

mod section6_2_1 {
    use super::*;
    use AdvertiserConfigError as E;

    fn refused(change: impl FnOnce(&mut AdvertiserConfig)) -> Option<E> {
        let mut config = config();
        change(&mut config);
        config.check().err()
    }

    // RFC 4861 §6.2.1 MUST (max-interval): 4 to 1800 s.
    // RFC 4861 §6.2.1 MUST (min-interval): 3 s to three quarters of it.
    // RFC 4861 §6.2.1 MUST (default-lifetime): zero, or from it to 9000 s.
    // RFC 4861 §6.2.1 MUST (reachable-time): up to an hour.
    #[test]
    fn ranges() {
        let secs = Duration::from_secs;
        for (interval, fine) in [(3, false), (4, true), (1800, true), (1801, false)] {
            let error = refused(|it| it.max_interval = secs(interval));
            assert_eq!(error, (!fine).then_some(E::MaxInterval), "{interval}");
        }
        for (interval, fine) in [(2, false), (3, true), (450, true), (451, false)] {
            let error = refused(|it| it.min_interval = Some(secs(interval)));
            assert_eq!(error, (!fine).then_some(E::MinInterval), "{interval}");
        }
        for (lifetime, fine) in [
            (0, true),
            (599, false),
            (600, true),
            (9000, true),
            (9001, false),
        ] {
            let error = refused(|it| it.default_lifetime = Some(secs(lifetime)));
            assert_eq!(error, (!fine).then_some(E::DefaultLifetime), "{lifetime}");
        }
        assert_eq!(refused(|it| it.reachable_time = 3_600_000), None);
        assert_eq!(
            refused(|it| it.reachable_time = 3_600_001),
            Some(E::ReachableTime)
        );
        assert_eq!(refused(|it| it.link_mtu = Some(1279)), Some(E::Mtu));
        assert_eq!(refused(|it| it.mtu = 1279), Some(E::Mtu));
        assert_eq!(refused(|it| it.final_advertisements = 0), Some(E::Counts));
        assert_eq!(refused(|it| it.final_advertisements = 4), Some(E::Counts));
    }

    #[test]
    fn defaults() {
        let mut config = config();
        assert_eq!(config.max_interval, Duration::from_secs(600));
        assert_eq!(config.effective_min_interval().as_secs(), 198);
        assert_eq!(config.effective_default_lifetime().as_secs(), 1800);
        config.max_interval = Duration::from_secs(4);
        assert_eq!(config.effective_min_interval().as_secs(), 3);
        config.max_interval = Duration::from_secs(1800);
        assert_eq!(config.effective_default_lifetime().as_secs(), 5400);
        let prefix = config.prefixes[0];
        assert_eq!(prefix.valid_lifetime, Lifetime::Fixed(2_592_000));
        assert_eq!(prefix.preferred_lifetime, Lifetime::Fixed(604_800));
        assert!(prefix.on_link && prefix.autonomous);
    }

    // RFC 4861 §6.2.1 MUST (preferred): not longer than valid.
    // RFC 4861 §6.2.1 SHOULD NOT (link-local): not the link-local prefix.
    #[test]
    fn prefixes() {
        let prefix = "2001:db8:1::/64".parse().unwrap();
        let longer = refused(|it| it.prefixes[0].preferred_lifetime = Lifetime::Fixed(2_592_001));
        assert_eq!(longer, Some(E::PrefixLifetimes(prefix)));
        let longer = refused(|it| it.prefixes[0].preferred_lifetime = Lifetime::Infinite);
        assert_eq!(longer, Some(E::PrefixLifetimes(prefix)));
        let twice = refused(|it| it.prefixes.push(AdvertisedPrefix::new(prefix)));
        assert_eq!(twice, Some(E::Prefix(prefix)));
        let link_local = AdvertisedPrefix::new("fe80::/64".parse().unwrap());
        let refused = refused(|it| it.prefixes.push(link_local));
        assert_eq!(refused, Some(E::LinkLocalPrefix));
    }

    // RFC 4861 §6.2.1 MUST (lifetimes): fixed, or decrementing in real time.
    #[test]
    fn lifetimes_that_end() {
        let mut config = config();
        config.prefixes[0].valid_lifetime = Lifetime::Until(seconds(1000));
        config.prefixes[0].preferred_lifetime = Lifetime::Until(seconds(100));
        let mut machine = advertiser(config, 1);
        machine.start(Instant::ZERO);
        for (at, packet) in run(&mut machine, Instant::ZERO, seconds(3_000))
            .into_iter()
            .map(|(at, _, packet)| (at.as_secs(), packet))
        {
            let (_, options) = read(&packet);
            let NdOptionRepr::PrefixInformation(prefix) = &options[1] else {
                panic!("{options:?}");
            };
            let close = |told: u32, end: u64| {
                let left = end.saturating_sub(at) as i64;
                (i64::from(told) - left).abs() <= 1
            };
            assert!(close(prefix.valid_lifetime, 1000), "{at}");
            assert!(close(prefix.preferred_lifetime, 100), "{at}");
        }
        assert_eq!(Lifetime::Infinite.seconds(seconds(5)), u32::MAX);
    }

    #[test]
    fn an_option_longer_than_an_advertisement_is_refused() {
        let error = refused(|it| it.captive_portal = Some("u".repeat(1_300)));
        assert!(
            matches!(error, Some(E::Option(EmitError::TooLong { .. }))),
            "{error:?}"
        );
        let error = refused(|it| {
            it.dns.push(AdvertisedDns {
                servers: Vec::new(),
                lifetime: None,
            });
        });
        assert!(
            matches!(error, Some(E::Option(EmitError::BadValue { .. }))),
            "{error:?}"
        );
    }
}

mod section6_2_3 {
    use super::*;

    fn everything() -> AdvertiserConfig {
        AdvertiserConfig {
            managed: true,
            other_configuration: true,
            home_agent: true,
            link_mtu: Some(1400),
            reachable_time: 30_000,
            retrans_timer: 500,
            cur_hop_limit: 61,
            preference: RouterPreference::High,
            routes: vec![AdvertisedRoute {
                prefix: "2001:db8:aaaa::/48".parse().unwrap(),
                preference: RouterPreference::Low,
                lifetime: None,
            }],
            dns: vec![AdvertisedDns {
                servers: vec![ip("2001:db8::53")],
                lifetime: Some(Lifetime::Fixed(300)),
            }],
            search_lists: vec![AdvertisedSearchList {
                domains: vec!["lab.example".parse().unwrap()],
                lifetime: None,
            }],
            captive_portal: Some("https://portal.example/api".into()),
            pref64: vec![AdvertisedPref64 {
                prefix: "64:ff9b::/96".parse().unwrap(),
                lifetime: None,
            }],
            ..config()
        }
    }

    /// v6LC.2.2.5: the router sends valid advertisements.
    #[test]
    fn all_fields_and_options() {
        let mut machine = advertiser(everything(), 1);
        machine.start(Instant::ZERO);
        let sent = drain(&mut machine, Instant::ZERO);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].1, "ff02::1");
        let (fixed, options) = read(&sent[0].2);
        let expected = RouterAdvertisementRepr {
            cur_hop_limit: 61,
            managed: true,
            other_configuration: true,
            home_agent: true,
            preference: RouterPreference::High,
            router_lifetime: 1800,
            reachable_time: 30_000,
            retrans_timer: 500,
        };
        assert_eq!(fixed, expected);
        assert_eq!(options.len(), 8);
        assert_eq!(options[0], NdOptionRepr::SourceLinkLayerAddress(ROUTER_MAC));
        assert_eq!(options[1], NdOptionRepr::Mtu(1400));
        assert!(matches!(options[2], NdOptionRepr::PrefixInformation(it)
            if it.on_link && it.autonomous && it.valid_lifetime == 2_592_000));
        assert!(matches!(options[3], NdOptionRepr::RouteInformation(it)
            if it.preference == RouterPreference::Low && it.lifetime == 1800));
        assert!(matches!(
            options[4],
            NdOptionRepr::RecursiveDnsServers { lifetime: 300, .. }
        ));
        assert!(matches!(
            options[5],
            NdOptionRepr::DnsSearchList { lifetime: 1800, .. }
        ));
        assert!(matches!(options[6], NdOptionRepr::Pref64(it) if it.lifetime == 1800));
        assert!(matches!(&options[7], NdOptionRepr::CaptivePortal(uri)
            if uri == "https://portal.example/api"));
    }

    // RFC 4861 §6.2.3 MAY (split): what does not fit goes into further advertisements.
    #[test]
    fn options_that_do_not_fit_one_packet() {
        let mut config = everything();
        for number in 0..100u16 {
            let prefix = format!("2001:db8:{number:x}:1::/64").parse().unwrap();
            config.prefixes.push(AdvertisedPrefix::new(prefix));
        }
        let mut machine = advertiser(config, 1);
        machine.start(Instant::ZERO);
        let sent = drain(&mut machine, Instant::ZERO);
        assert_eq!(sent.len(), 3);
        let mut prefixes = 0;
        for (_, _, packet) in &sent {
            assert!(packet.len() <= 1280);
            let (fixed, options) = read(packet);
            assert_eq!(fixed.router_lifetime, 1800);
            prefixes += options
                .iter()
                .filter(|it| matches!(it, NdOptionRepr::PrefixInformation(_)))
                .count();
        }
        assert_eq!(prefixes, 101);
        assert_eq!((machine.stats().multicast, machine.stats().packets), (1, 3));
    }
}

mod section6_2_4 {
    use super::*;

    // RFC 4861 §6.2.4 SHOULD (initial): v6LC.2.2.6, the first three within 16 s of each other.
    // RFC 4861 §6.2.4 MUST (random): v6LC.2.2.7, then between minimum and maximum.
    #[test]
    fn intervals() {
        for_each_seed(0..30, |seed| {
            let mut machine = advertiser(config(), seed);
            assert_eq!(machine.poll_timeout(), None);
            machine.start(seconds(5));
            let sent = run(&mut machine, seconds(5), seconds(20_000));
            let times: Vec<Instant> = sent.iter().map(|it| it.0).collect();
            assert_eq!(times[0], seconds(5));
            let gaps: Vec<Duration> = times.windows(2).map(|it| it[1] - it[0]).collect();
            assert!(gaps[..2].iter().all(|gap| *gap <= Duration::from_secs(16)));
            for gap in &gaps[2..] {
                assert!((198..=600).contains(&gap.as_secs()), "{gap:?}");
            }
            assert!(gaps.len() > 30);
            let distinct: std::collections::BTreeSet<_> = gaps[2..].iter().collect();
            assert!(distinct.len() > gaps.len() / 2, "they are random");
        });
    }
}

mod section6_2_5 {
    use super::*;

    // RFC 4861 §6.2.5 SHOULD (final): v6LC.2.2.8, ceasing: three at most.
    // RFC 4861 §6.2.5 SHOULD (zero): with a router lifetime of zero.
    #[test]
    fn the_last_advertisements() {
        for finals in 1..=3 {
            let config = AdvertiserConfig {
                final_advertisements: finals,
                ..config()
            };
            let mut machine = advertiser(config, 1);
            machine.start(Instant::ZERO);
            let _ = run(&mut machine, Instant::ZERO, seconds(1_000));
            machine.stop(seconds(1_000));
            machine.stop(seconds(1_000));
            assert_eq!(
                solicit(&mut machine, seconds(1_000), "fe80::9"),
                Err(AdvertiserDiscard::NotAdvertising)
            );
            let sent = run(&mut machine, seconds(1_000), seconds(3_000));
            assert_eq!(sent.len(), usize::from(finals));
            for (_, destination, packet) in &sent {
                assert_eq!(destination, "ff02::1");
                let (fixed, options) = read(packet);
                assert_eq!(fixed.router_lifetime, 0);
                // Prefixes live on: other routers may serve them.
                assert!(matches!(options[1], NdOptionRepr::PrefixInformation(it)
                    if it.valid_lifetime == 2_592_000));
            }
            assert!(
                sent.windows(2)
                    .all(|it| it[1].0 - it[0].0 >= Duration::from_secs(3))
            );
            assert_eq!(machine.state(), AdvertiserState::Off);
            assert_eq!(machine.poll_event(), Some(AdvertiserEvent::Ceased));
            assert_eq!(machine.poll_timeout(), None);
            // And it can begin again.
            machine.start(seconds(4_000));
            let (_, _, packet) = &drain(&mut machine, seconds(4_000))[0];
            assert_eq!(read(packet).0.router_lifetime, 1800);
        }
    }
}

mod section6_2_6 {
    use super::*;

    // RFC 4861 §6.2.6 MUST (delay): v6LC.2.2.9, within half a second.
    // RFC 4861 §6.2.6 MUST (unspecified): v6LC.2.2.10, to all nodes.
    #[test]
    fn a_solicitation_is_answered_to_all_nodes() {
        for_each_seed(0..30, |seed| {
            for source in ["::", "fe80::9"] {
                let mut machine = advertiser(config(), seed);
                machine.start(Instant::ZERO);
                let _ = run(&mut machine, Instant::ZERO, seconds(100));
                let last = machine.poll_timeout().unwrap();
                let asked = seconds(101);
                assert!(last > asked + Duration::from_secs(4));
                solicit(&mut machine, asked, source).unwrap();
                let sent = run(&mut machine, asked, asked + Duration::from_secs(1));
                assert_eq!(sent.len(), 1);
                assert_eq!(sent[0].1, "ff02::1");
                assert!(sent[0].0 - asked <= Duration::from_millis(500));
                // The next one is a whole interval away, as after any other.
                let next = machine.poll_timeout().unwrap() - sent[0].0;
                assert!(next >= Duration::from_secs(198));
            }
        });
    }

    // RFC 4861 §6.2.6 MUST (rate): three seconds between two of them, however many ask.
    // RFC 4861 §6.2.6 MUST (pending): many are answered with one.
    #[test]
    fn a_flood_of_solicitations() {
        let mut machine = advertiser(config(), 7);
        machine.start(Instant::ZERO);
        let mut times: Vec<Instant> = drain(&mut machine, Instant::ZERO)
            .into_iter()
            .map(|it| it.0)
            .collect();
        for millis in (0..60_000).step_by(3) {
            let now = Instant::from_millis(millis);
            if machine.poll_timeout().is_some_and(|at| at <= now) {
                machine.handle_timeout(now);
            }
            times.extend(drain(&mut machine, now).into_iter().map(|it| it.0));
            solicit(&mut machine, now, "fe80::9").unwrap();
        }
        assert!(
            times
                .windows(2)
                .all(|it| it[1] - it[0] >= Duration::from_secs(3))
        );
        assert!((16..=21).contains(&times.len()), "{}", times.len());
        assert_eq!(machine.stats().solicitations, 20_000);
    }

    // RFC 4861 §6.2.6 MAY (unicast): to the one who asked, with the address that it told.
    #[test]
    fn answers_to_one_host() {
        let config = AdvertiserConfig {
            unicast_answers: true,
            max_unicast_answers: 4,
            ..config()
        };
        let mut machine = advertiser(config, 3);
        machine.start(Instant::ZERO);
        let _ = run(&mut machine, Instant::ZERO, seconds(100));
        let now = seconds(101);
        for host in ["fe80::9", "fe80::9", "fe80::a"] {
            solicit(&mut machine, now, host).unwrap();
        }
        let mut out = PacketBuf::new();
        let mut answered = Vec::new();
        while let Some(at) = machine.poll_timeout().filter(|at| *at < seconds(102)) {
            machine.handle_timeout(at);
            while let Some(transmit) = machine.poll_transmit(&mut out) {
                assert_eq!(transmit.link_destination, Some(HOST_MAC));
                answered.push(transmit.destination);
            }
        }
        answered.sort();
        assert_eq!(answered, [ip("fe80::9"), ip("fe80::a")]);
        assert_eq!(machine.stats().solicitations_merged, 1);
        // Too many at once: everybody hears the answer.
        for number in 0..50 {
            let host = format!("fe80::1:{number}");
            solicit(&mut machine, seconds(103), &host).unwrap();
        }
        let sent = run(&mut machine, seconds(103), seconds(104));
        assert_eq!(sent.iter().filter(|it| it.1 == "ff02::1").count(), 1);
        assert_eq!(sent.len(), 5);
        assert_eq!(machine.stats().unicast_overflow, 46);
    }

    // RFC 4861 §6.2.6 MUST NOT (hosts): nobody answers who does not advertise.
    #[test]
    fn an_interface_that_is_off() {
        let mut machine = advertiser(config(), 1);
        let result = solicit(&mut machine, Instant::ZERO, "fe80::9");
        assert_eq!(result, Err(AdvertiserDiscard::NotAdvertising));
        assert_eq!(machine.poll_timeout(), None);
        machine.start(Instant::ZERO);
        let other = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
            router: false,
            solicited: false,
            override_: false,
            target: ip("fe80::9"),
        });
        let packet = message(other, &[], "fe80::9", "ff02::1");
        let result = validated(&packet, |valid| machine.handle_input(Instant::ZERO, valid));
        assert_eq!(result, Err(AdvertiserDiscard::NotForRouters));
        assert_eq!(machine.stats().ignored, 2);
    }
}

mod section6_2_7 {
    use super::*;

    fn hear(
        machine: &mut Advertiser,
        now: Instant,
        fixed: RouterAdvertisementRepr,
        options: &[NdOptionRepr<'_>],
        source: &str,
    ) -> Vec<Inconsistency> {
        let packet = message(
            NdRepr::RouterAdvertisement(fixed),
            options,
            source,
            "ff02::1",
        );
        let result = validated(&packet, |valid| machine.handle_input(now, valid));
        result.unwrap();
        std::iter::from_fn(|| machine.poll_event())
            .map(|event| match event {
                AdvertiserEvent::Inconsistent { router, what } => {
                    assert_eq!(router, ip(source));
                    what
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    // RFC 4861 §6.2.7 MUST: what is compared.
    // RFC 4861 §6.2.7 MUST (unspecified): zero contradicts nothing.
    // RFC 4861 §6.2.7 SHOULD (log): told once.
    #[test]
    fn contradictions_are_told() {
        let config = AdvertiserConfig {
            reachable_time: 30_000,
            retrans_timer: 1_000,
            link_mtu: Some(1500),
            ..config()
        };
        let mut machine = advertiser(config, 1);
        machine.start(Instant::ZERO);
        let silent = RouterAdvertisementRepr::default();
        assert_eq!(hear(&mut machine, seconds(1), silent, &[], "fe80::2"), []);
        let prefix = "2001:db8:1::/64".parse().unwrap();
        let mut theirs = AdvertisedPrefix::new(prefix);
        theirs.valid_lifetime = Lifetime::Fixed(1_000);
        theirs.preferred_lifetime = Lifetime::Fixed(500);
        let mut other = advertiser(
            AdvertiserConfig {
                prefixes: vec![theirs],
                link_mtu: Some(1400),
                ..AdvertiserConfig::default()
            },
            2,
        );
        other.start(Instant::ZERO);
        let (_, options) = read(&drain(&mut other, Instant::ZERO)[0].2);
        let different = RouterAdvertisementRepr {
            cur_hop_limit: 63,
            managed: true,
            other_configuration: true,
            reachable_time: 1,
            retrans_timer: 1,
            ..silent
        };
        let told = hear(&mut machine, seconds(2), different, &options, "fe80::2");
        assert_eq!(
            told,
            [
                Inconsistency::CurHopLimit,
                Inconsistency::Managed,
                Inconsistency::OtherConfiguration,
                Inconsistency::ReachableTime,
                Inconsistency::RetransTimer,
                Inconsistency::LinkMtu,
                Inconsistency::ValidLifetime(prefix),
                Inconsistency::PreferredLifetime(prefix),
            ]
        );
        assert_eq!(
            hear(&mut machine, seconds(3), different, &options, "fe80::2"),
            []
        );
        assert_eq!(
            hear(&mut machine, seconds(3), different, &options, "fe80::3").len(),
            8
        );
        assert_eq!(machine.stats().inconsistencies, 24);
        // Our own advertisement, which came back.
        let packet = message(NdRepr::RouterAdvertisement(different), &[], OWN, "ff02::1");
        let result = validated(&packet, |valid| machine.handle_input(seconds(4), valid));
        assert_eq!(result, Err(AdvertiserDiscard::Own));
    }

    // RFC 4861 §6.2.7 MUST (decrementing): what ends at the same time does not differ.
    #[test]
    fn lifetimes_that_end_at_the_same_time() {
        let mut config = config();
        config.prefixes[0].valid_lifetime = Lifetime::Until(seconds(1_000));
        config.prefixes[0].preferred_lifetime = Lifetime::Until(seconds(500));
        let mut machine = advertiser(config.clone(), 1);
        machine.start(Instant::ZERO);
        let mut other = advertiser(config, 2);
        other.start(seconds(100));
        let (fixed, options) = read(&drain(&mut other, seconds(100))[0].2);
        assert_eq!(
            hear(&mut machine, seconds(102), fixed, &options, "fe80::2"),
            []
        );
        assert_eq!(
            hear(&mut machine, seconds(120), fixed, &options, "fe80::2").len(),
            2
        );
    }

    #[test]
    fn a_flood_of_contradictions_is_bounded() {
        let mut machine = advertiser(config(), 1);
        machine.start(Instant::ZERO);
        let different = RouterAdvertisementRepr {
            managed: true,
            ..RouterAdvertisementRepr::default()
        };
        let repr = NdRepr::RouterAdvertisement(different);
        for number in 0..1_000 {
            let packet = message(repr, &[], &format!("fe80::5:{number:x}"), "ff02::1");
            validated(&packet, |valid| machine.handle_input(seconds(1), valid)).unwrap();
        }
        let told = std::iter::from_fn(|| machine.poll_event()).count();
        assert_eq!(told, 64);
        assert_eq!(machine.stats().inconsistencies, 1_000);
    }
}

mod changes {
    use super::*;

    // RFC 4861 §6.2.8 SHOULD: another link-local address.
    #[test]
    fn another_source_is_another_router() {
        let mut machine = advertiser(config(), 1);
        machine.start(Instant::ZERO);
        let _ = run(&mut machine, Instant::ZERO, seconds(100));
        machine.set_source(seconds(101), ip("fe80::99"));
        let sent = run(&mut machine, seconds(101), seconds(110));
        let source = |packet: &[u8]| Ipv6Packet::parse(packet).unwrap().source();
        assert_eq!(source(&sent[0].2), ip(OWN));
        assert_eq!(read(&sent[0].2).0.router_lifetime, 0);
        assert_eq!(source(&sent[1].2), ip("fe80::99"));
        assert_eq!(read(&sent[1].2).0.router_lifetime, 1800);
        assert!(sent[1].0 - sent[0].0 >= Duration::from_secs(3));
    }

    #[test]
    fn what_is_not_advertised_any_more_is_withdrawn() {
        let mut machine = advertiser(
            AdvertiserConfig {
                dns: vec![AdvertisedDns {
                    servers: vec![ip("2001:db8::53"), ip("2001:db8::54")],
                    lifetime: None,
                }],
                ..config()
            },
            1,
        );
        machine.start(Instant::ZERO);
        let _ = run(&mut machine, Instant::ZERO, seconds(100));
        let new = AdvertiserConfig {
            prefixes: vec![AdvertisedPrefix::new("2001:db8:2::/64".parse().unwrap())],
            dns: vec![AdvertisedDns {
                servers: vec![ip("2001:db8::54")],
                lifetime: None,
            }],
            ..config()
        };
        machine.set_config(seconds(101), new).unwrap();
        let sent = run(&mut machine, seconds(101), seconds(3_000));
        for (number, (_, _, packet)) in sent.iter().enumerate() {
            let (_, options) = read(packet);
            let gone = options.iter().any(|it| {
                matches!(it, NdOptionRepr::PrefixInformation(it)
                    if it.valid_lifetime == 0 && it.preferred_lifetime == 0)
            });
            let server = options.iter().any(|it| {
                matches!(it, NdOptionRepr::RecursiveDnsServers { lifetime: 0, servers }
                    if servers[..] == [ip("2001:db8::53")])
            });
            assert_eq!((gone, server), (number < 3, number < 3), "{number}");
        }
        // A configuration that makes no sense changes nothing.
        let bad = AdvertiserConfig {
            max_interval: Duration::ZERO,
            ..config()
        };
        assert!(machine.set_config(seconds(3_000), bad).is_err());
        assert_eq!(
            machine.config().prefixes[0].prefix.to_string(),
            "2001:db8:2::/64"
        );
    }
}

proptest! {
    /// Whatever is asked and changed: two advertisements to all nodes are three seconds apart, no
    /// packet is longer than the MTU, and deadlines lie ahead.
    #[test]
    fn no_sequence_of_calls_breaks_the_rate(
        calls in proptest::collection::vec((0u8..8, 0u64..3_000), 1..100),
        unicast: bool,
    ) {
        let config = AdvertiserConfig { unicast_answers: unicast, ..config() };
        let mut machine = advertiser(config.clone(), 5);
        let mut now = Instant::ZERO;
        let mut last: Option<Instant> = None;
        for (call, wait) in calls {
            now += Duration::from_millis(wait);
            match call {
                0 => machine.start(now),
                1 if wait < 500 => machine.stop(now),
                2 => {
                    let mut config = config.clone();
                    config.cur_hop_limit = wait as u8;
                    machine.set_config(now, config).unwrap();
                }
                3 | 4 => { let _ = solicit(&mut machine, now, &format!("fe80::{wait:x}")); },
                5 => { let _ = solicit(&mut machine, now, "::"); },
                _ => {
                    machine.handle_timeout(now);
                    prop_assert!(machine.poll_timeout().is_none_or(|at| at > now));
                }
            }
            for (_, destination, packet) in drain(&mut machine, now) {
                prop_assert!(packet.len() <= 1280);
                if destination == "ff02::1" {
                    prop_assert!(last.is_none_or(|last| now - last >= Duration::from_secs(3)));
                    last = Some(now);
                }
            }
        }
    }
}
