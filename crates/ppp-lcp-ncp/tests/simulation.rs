//! Whole links over lines that lose, repeat, reorder and corrupt: they open, or both ends are told why
//! not.
//!
//! `INTERNETWORK_SEEDS=5000 cargo test -p ppp-lcp-ncp --test simulation` runs more than the usual number.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use core::hash::{Hash, Hasher};
use core::time::Duration;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthFailure, Secret};
use ppp_lcp_ncp::ccp::CcpConfig;
use ppp_lcp_ncp::framing::{Decoder, Encoder};
use ppp_lcp_ncp::lcp::{AuthMethod, FcsAlternatives};
use ppp_lcp_ncp::link::{CloseReason, Link, LinkConfig, LinkEvent, Phase};
use ppp_lcp_ncp::ncp::{IpcpConfig, VjParameters};
use ppp_lcp_ncp::wire::PppProtocol;
use std::hash::DefaultHasher;
use testkit::{ByteStream, Discarded, Network, Node, NodeId, Port, for_each_seed, seeds};

const IP: PppProtocol = PppProtocol::IPV4;
const METHODS: [AuthMethod; 4] = [
    AuthMethod::Pap,
    AuthMethod::ChapMd5,
    AuthMethod::MsChapV2,
    AuthMethod::Eap,
];

/// How packets travel: one a frame with a check sequence, or as octets of a serial line.
enum Carrier {
    Frames,
    Serial(Box<(Encoder, Decoder)>),
}

/// A link, and what its program does.
struct End {
    link: Link,
    carrier: Carrier,
    secret: Secret,
    events: Vec<LinkEvent>,
    received: Vec<Vec<u8>>,
}

impl End {
    fn new(link: Link, carrier: Carrier) -> Self {
        Self {
            link,
            carrier,
            secret: Secret::from("kiwi"),
            events: Vec::new(),
            received: Vec::new(),
        }
    }

    fn take_events(&mut self, now: Instant) {
        while let Some(event) = self.link.poll_event() {
            if let LinkEvent::SecretWanted { role, .. } = &event {
                self.link.provide_secret(now, *role, Some(&self.secret));
            }
            self.events.push(event);
        }
    }

    fn is_up(&self) -> bool {
        self.link.is_open(IP) && self.link.is_open(PppProtocol::IPV6)
    }

    fn closed(&self) -> Option<&CloseReason> {
        self.events.iter().rev().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    /// Whether it has been told that it will not be up.
    fn has_given_up(&self) -> bool {
        let given_up = |event: &LinkEvent| matches!(event, LinkEvent::NetworkGivenUp(_));
        self.closed().is_some() || self.events.iter().any(given_up)
    }
}

impl Node for End {
    fn handle_input(&mut self, now: Instant, _: Port, octets: &[u8]) -> Result<(), Discarded> {
        let mut data = PacketBuf::new();
        let mut result = Ok(());
        match &mut self.carrier {
            Carrier::Frames => {
                let (packet, fcs) = octets
                    .split_last_chunk::<2>()
                    .ok_or_else(|| Discarded::new("runt"))?;
                if ppp_lcp_ncp::framing::fcs16(packet).to_le_bytes() != *fcs {
                    return Err(Discarded::new("FCS"));
                }
                match self.link.handle_input(now, packet, &mut data) {
                    Ok(Some(_)) => self.received.push(data.as_slice().to_vec()),
                    Ok(None) => {}
                    Err(discard) => result = Err(Discarded::new(discard)),
                }
            }
            Carrier::Serial(serial) => {
                let (_, decoder) = &mut **serial;
                let mut rest = octets;
                let mut errors = errors(decoder);
                loop {
                    let frame = decoder.next_frame(&mut rest).map(<[u8]>::to_vec);
                    let errors_now = self::errors(decoder);
                    if errors_now != errors {
                        errors = errors_now;
                        self.link.line_error();
                    }
                    let Some(frame) = frame else {
                        break;
                    };
                    if let Ok(Some(_)) = self.link.handle_input(now, &frame, &mut data) {
                        self.received.push(data.as_slice().to_vec());
                    }
                    decoder.set_parameters(&self.link.receive_framing());
                }
            }
        }
        self.take_events(now);
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
        self.take_events(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let transmit = self.link.poll_transmit(out)?;
        match &mut self.carrier {
            Carrier::Frames => {
                let fcs = ppp_lcp_ncp::framing::fcs16(out.as_slice());
                out.append_slice(&fcs.to_le_bytes());
            }
            Carrier::Serial(serial) => {
                let mut line = PacketBuf::new();
                serial
                    .0
                    .encode(&transmit.framing, out.as_slice(), &mut line);
                *out = line;
            }
        }
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }

    fn fingerprint(&self) -> Option<u64> {
        // On a serial line what is refused is only a part of what came.
        let Carrier::Frames = self.carrier else {
            return None;
        };
        let mut hasher = DefaultHasher::new();
        self.link.phase().hash(&mut hasher);
        self.link.lcp().state().hash(&mut hasher);
        format!("{:?}{:?}", self.link.lcp().ours(), self.link.lcp().peers()).hash(&mut hasher);
        self.link.ipcp().unwrap().state().hash(&mut hasher);
        self.link.ipv6cp().unwrap().state().hash(&mut hasher);
        format!("{:?}", self.link.ipcp().unwrap().negotiation()).hash(&mut hasher);
        self.events.len().hash(&mut hasher);
        self.received.len().hash(&mut hasher);
        Some(hasher.finish())
    }
}

fn errors(decoder: &Decoder) -> u64 {
    let stats = decoder.stats();
    stats.bad_fcs + stats.aborted + stats.runts + stats.oversize
}

/// What both ends want, by the bits of the seed.
fn configs(seed: u64) -> [LinkConfig; 2] {
    let bit = |bit: u32| seed >> bit & 1 == 1;
    let mut configs = [1u8, 2].map(|number| {
        let mut ipcp = IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        };
        if bit(2) {
            ipcp.vj = Some(VjParameters {
                max_slot_id: 15,
                compress_slot_id: bit(3),
            });
        }
        if number == 2 && bit(4) {
            // This one gets its address, and name servers, from the other.
            ipcp.address = None;
            ipcp.request_dns = true;
        } else {
            ipcp.peer_address = (number == 1 && bit(4)).then(|| [192, 0, 2, 2].into());
            ipcp.give_dns = [Some([192, 0, 2, 53].into()), None];
        }
        let mut config = LinkConfig {
            ipcp: Some(ipcp),
            ..LinkConfig::default()
        };
        let name = format!("end{number}").into_bytes();
        config.authenticator.name.clone_from(&name);
        config.supplicant.name = name;
        config.lcp.protocol_field_compression = bit(5);
        config.lcp.address_and_control_field_compression = bit(6);
        if bit(7) {
            config.lcp.fcs = FcsAlternatives(6);
        }
        if bit(8) {
            config.lcp.quality = Some(Duration::from_secs(10));
        }
        if bit(9) {
            config.ccp = Some(CcpConfig {
                deflate: Some(12),
                ..CcpConfig::default()
            });
        }
        config
    });
    let method = METHODS[usize::try_from(seed % 4).unwrap()];
    configs[0].lcp.require_auth = vec![method];
    configs[1].lcp.allow_auth = vec![method];
    if seed.is_multiple_of(3) {
        configs[1].lcp.require_auth = vec![method];
        configs[0].lcp.allow_auth = vec![method];
    }
    configs
}

fn datagram(from: u8, number: u32) -> Vec<u8> {
    let mut packet = vec![0x45, from];
    packet.extend(number.to_be_bytes());
    packet.extend((0..number % 700).map(|octet| u8::try_from(octet % 256).unwrap()));
    packet
}

/// Two ends, with names as the network knows them.
fn build(network: &mut Network, seed: u64, is_serial: bool) -> [NodeId; 2] {
    // The low bits choose the carrier and the method; the high ones what is configured.
    let mut configs = configs(seed ^ seed << 5 ^ seed << 9).into_iter();
    let ends = ["a", "b"].map(|name| {
        let random = network.random(name);
        let mut link = Link::new(configs.next().unwrap(), Box::new(random)).unwrap();
        link.open(Instant::ZERO);
        link.lower_up(Instant::ZERO);
        let carrier = if is_serial {
            Carrier::Serial(Box::new((Encoder::new(), Decoder::new(1500))))
        } else {
            Carrier::Frames
        };
        network.add_node(name, End::new(link, carrier))
    });
    let base = testkit::LinkConfig {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(10),
        ..testkit::LinkConfig::default()
    };
    let line = if is_serial {
        // Of frames of 50 octets about three quarters come through with no octet lost or broken, and of
        // full ones none.
        testkit::LinkConfig {
            loss: 0.003,
            corrupt: 0.003,
            byte_stream: Some(ByteStream { max_chunk: 17 }),
            ..base
        }
    } else {
        testkit::LinkConfig {
            loss: 0.3,
            duplicate: 0.1,
            reorder: 0.1,
            corrupt: 0.1,
            ..base
        }
    };
    network.add_link("line", ends[0], ends[1], line);
    ends
}

/// How it went, and the trace of it.
fn run(seed: u64, is_serial: bool) -> (bool, String) {
    let mut network = Network::new(seed);
    network.start_trace();
    let ends = build(&mut network, seed, is_serial);
    let is_done = |network: &mut Network| {
        let told = ends.map(|end| network.node::<End>(end).has_given_up());
        ends.iter().all(|end| network.node::<End>(*end).is_up()) || told.contains(&true)
    };
    network
        .run_until_condition(Instant::from_secs(900), is_done)
        .expect("the links open, or one of them is told why not");
    let is_up = ends.iter().all(|end| network.node::<End>(*end).is_up());
    for end in ends {
        check_events(network.node::<End>(end));
    }
    if is_up {
        exchange(&mut network, ends);
    } else {
        // Then the other one is told in time, too, or can still come up.
        network.run_for(Duration::from_secs(300));
        let told = ends.map(|end| network.node::<End>(end).has_given_up());
        let up = ends.map(|end| network.node::<End>(end).is_up());
        for end in 0..2 {
            assert!(told[end] || up[end] || told[1 - end], "{told:?} {up:?}");
        }
    }
    (is_up, network.trace().to_owned())
}

/// The events are in an order that can be, and reasons to close are those that a bad line gives.
fn check_events(end: &End) {
    let position = |wanted: &dyn Fn(&LinkEvent) -> bool| end.events.iter().position(wanted);
    // The network phase never comes before a proof, nor a network before the phase.
    let network = position(&|event| *event == LinkEvent::Phase(Phase::Network));
    let proved = position(&|event| matches!(event, LinkEvent::Authenticated { .. }));
    let up = position(&|event| matches!(event, LinkEvent::Ipv4Up(_) | LinkEvent::Ipv6Up { .. }));
    assert!(network.is_none() || proved.is_some() && proved < network);
    assert!(up.is_none() || network < up);
    if let Some(reason) = end.closed() {
        assert!(
            matches!(
                reason,
                CloseReason::NoAnswer
                    | CloseReason::NotConverged
                    | CloseReason::PeerTerminated
                    | CloseReason::NoNetworkProtocol
                    | CloseReason::WeNotAuthenticated(AuthFailure::NoAnswer)
                    | CloseReason::PeerNotAuthenticated(AuthFailure::NoAnswer)
            ),
            "{reason:?}"
        );
    }
}

/// Datagrams go both ways; those that arrive are those that were sent.
fn exchange(network: &mut Network, ends: [NodeId; 2]) {
    let already = ends.map(|end| network.node::<End>(end).received.len());
    assert_eq!(already, [0, 0]);
    for number in 0..60 {
        for (from, end) in (0..).zip(ends) {
            let now = network.now();
            let _ = network
                .node_mut::<End>(end)
                .link
                .send(now, IP, &datagram(from, number));
        }
        network.run_for(Duration::from_millis(50));
    }
    network.run_for(Duration::from_secs(5));
    for (from, end) in (0..).zip(ends) {
        for received in &network.node::<End>(end).received {
            let number = u32::from_be_bytes(received[2..6].try_into().unwrap());
            assert_eq!(*received, datagram(1 - from, number));
        }
    }
}

fn sweep(number: u64, is_serial: bool) -> (u64, u64) {
    let (mut opened, mut runs) = (0, 0);
    for_each_seed(seeds(number), |seed| {
        runs += 1;
        opened += u64::from(run(seed, is_serial).0);
    });
    println!("{opened} of {runs} opened");
    (opened, runs)
}

#[test]
fn links_open_over_a_bad_line_or_say_why_not() {
    let (opened, runs) = sweep(200, false);
    assert!(runs < 10 || opened * 4 > runs * 3, "{opened} of {runs}");
}

#[test]
fn so_do_links_over_a_bad_serial_line() {
    let (opened, runs) = sweep(100, true);
    assert!(runs < 10 || opened * 4 > runs * 3, "{opened} of {runs}");
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    for seed in 0..4 {
        testkit::assert_deterministic(seed, |seed| run(seed, seed % 2 == 1).1);
    }
}

#[test]
fn a_clean_line_opens_every_configuration_at_once_and_loses_nothing() {
    for seed in (0..1024).step_by(3) {
        let mut network = Network::new(seed);
        let [first, second] = configs(seed);
        let mut ends = [first, second]
            .into_iter()
            .zip(["a", "b"])
            .map(|(config, name)| {
                let random = network.random(name);
                let mut link = Link::new(config, Box::new(random)).unwrap();
                link.open(Instant::ZERO);
                link.lower_up(Instant::ZERO);
                let carrier = Carrier::Serial(Box::new((Encoder::new(), Decoder::new(1500))));
                End::new(link, carrier)
            });
        let (a, b) = (ends.next().unwrap(), ends.next().unwrap());
        drop(ends);
        let ends = [network.add_node("a", a), network.add_node("b", b)];
        let line = testkit::LinkConfig {
            byte_stream: Some(ByteStream { max_chunk: 50 }),
            ..testkit::LinkConfig::default()
        };
        network.add_link("line", ends[0], ends[1], line);
        let is_up =
            |network: &mut Network| ends.iter().all(|end| network.node::<End>(*end).is_up());
        network
            .run_until_condition(Instant::from_secs(1), is_up)
            .unwrap_or_else(|_| panic!("seed {seed}: {:?}", network.node::<End>(ends[0]).events));
        for number in 0..6 {
            let now = network.now();
            for (from, end) in (0..).zip(ends) {
                let link = &mut network.node_mut::<End>(end).link;
                link.send(now, IP, &datagram(from, 97 * number)).unwrap();
            }
            network.run_for(Duration::from_millis(100));
        }
        for (from, end) in (0..).zip(ends) {
            let expected: Vec<_> = (0..6)
                .map(|number| datagram(1 - from, 97 * number))
                .collect();
            assert_eq!(network.node::<End>(end).received, expected, "seed {seed}");
        }
    }
}

mod pppoe {
    use super::*;
    use alloc::collections::BTreeMap;
    use packet_buffer::RandomSource as _;
    use ppp_lcp_ncp::pppoe::{
        AccessConcentrator, Client, ClientConfig, ClientEvent, ConcentratorConfig,
        ConcentratorEvent,
    };
    use testkit::SeededRandom;

    fn link(number: u8, random: &mut SeededRandom, max_payload: u16, is_server: bool) -> Link {
        let mut config = LinkConfig {
            ipcp: Some(IpcpConfig {
                address: Some([192, 0, 2, number].into()),
                ..IpcpConfig::default()
            }),
            ..LinkConfig::default()
        };
        config.lcp.restrict_to_pppoe(max_payload);
        let name = format!("end{number}").into_bytes();
        config.authenticator.name.clone_from(&name);
        config.supplicant.name = name;
        if is_server {
            config.lcp.require_auth = vec![AuthMethod::ChapMd5];
        } else {
            config.lcp.allow_auth = vec![AuthMethod::ChapMd5];
        }
        let seed = random.next_u64();
        let mut link = Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
        link.open(Instant::ZERO);
        link
    }

    /// A host that dials until it has a session, again when one ends.
    struct Host {
        client: Client,
        link: Option<End>,
        number: u8,
        random: SeededRandom,
        latest: Instant,
    }

    impl Host {
        fn advance(&mut self, now: Instant) {
            // New links must not be begun in the past.
            self.latest = self.latest.max(now);
            let now = self.latest;
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Opened { max_payload, .. } => {
                        let mut link = link(self.number, &mut self.random, max_payload, false);
                        link.lower_up(now);
                        self.link = Some(End::new(link, Carrier::Frames));
                    }
                    _ => {
                        self.link = None;
                        self.client.open(now);
                    }
                }
            }
            if let Some(end) = &mut self.link {
                end.take_events(now);
                if end.closed().is_some() {
                    self.client.close(now);
                    self.link = None;
                    while self.client.poll_event().is_some() {}
                    self.client.open(now);
                }
            }
        }
    }

    impl Node for Host {
        fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let result = self.client.handle_input(now, frame);
            let result = match (result, &mut self.link) {
                (Ok(Some(packet)), Some(end)) => {
                    let mut data = PacketBuf::new();
                    let result = end.link.handle_input(now, packet, &mut data);
                    result.map(|_| ()).map_err(Discarded::new)
                }
                (Ok(_), _) => Ok(()),
                (Err(discard), _) => Err(Discarded::new(discard)),
            };
            self.advance(now);
            result
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.client.handle_timeout(now);
            if let Some(end) = &mut self.link {
                end.link.handle_timeout(now);
            }
            self.advance(now);
        }

        fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
            if self.client.poll_transmit(out).is_some() {
                return Some(0);
            }
            self.link.as_mut()?.link.poll_transmit(out)?;
            self.client.encapsulate(out).ok().map(|()| 0)
        }

        fn poll_timeout(&self) -> Option<Instant> {
            let link = self.link.as_ref().and_then(|end| end.link.poll_timeout());
            self.client.poll_timeout().into_iter().chain(link).min()
        }
    }

    /// A concentrator with a link for each session.
    struct Server {
        ac: AccessConcentrator,
        links: BTreeMap<u16, End>,
        random: SeededRandom,
        most_half_open: usize,
        latest: Instant,
    }

    impl Server {
        fn advance(&mut self, now: Instant) {
            // New links must not be begun in the past.
            self.latest = self.latest.max(now);
            let now = self.latest;
            while let Some(event) = self.ac.poll_event() {
                match event {
                    ConcentratorEvent::Opened {
                        session,
                        max_payload,
                        ..
                    } => {
                        let mut link = link(1, &mut self.random, max_payload, true);
                        link.lower_up(now);
                        self.links.insert(session, End::new(link, Carrier::Frames));
                    }
                    ConcentratorEvent::Closed { session, .. } => {
                        self.links.remove(&session);
                    }
                    event => panic!("{event:?}"),
                }
            }
            let mut over = Vec::new();
            for (session, end) in &mut self.links {
                end.take_events(now);
                if end.link.phase() == Phase::Network {
                    self.ac.confirm(*session);
                }
                if end.closed().is_some() {
                    over.push(*session);
                }
            }
            for session in over {
                self.ac.close(now, session);
                self.links.remove(&session);
                while self.ac.poll_event().is_some() {}
            }
            self.most_half_open = self.most_half_open.max(self.ac.half_open());
            assert_eq!(self.ac.len(), self.links.len());
        }
    }

    impl Node for Server {
        fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let result = match self.ac.handle_input(now, frame) {
                Ok(Some((session, packet))) => {
                    let end = self.links.get_mut(&session).unwrap();
                    let mut data = PacketBuf::new();
                    let result = end.link.handle_input(now, packet, &mut data);
                    result.map(|_| ()).map_err(Discarded::new)
                }
                Ok(None) => Ok(()),
                Err(discard) => Err(Discarded::new(discard)),
            };
            self.advance(now);
            result
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.ac.handle_timeout(now);
            for end in self.links.values_mut() {
                end.link.handle_timeout(now);
            }
            self.advance(now);
        }

        fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
            if self.ac.poll_transmit(out).is_some() {
                return Some(0);
            }
            for (session, end) in &mut self.links {
                if end.link.poll_transmit(out).is_some() {
                    return self.ac.encapsulate(*session, out).ok().map(|()| 0);
                }
            }
            None
        }

        fn poll_timeout(&self) -> Option<Instant> {
            let links = self
                .links
                .values()
                .filter_map(|end| end.link.poll_timeout());
            links.chain(self.ac.poll_timeout()).min()
        }
    }

    const HOSTS: u8 = 5;

    /// Hosts get through discovery, LCP, CHAP and IPCP over a bad LAN, while a station floods the
    /// concentrator with PADIs of other addresses and with sessions that nobody uses.
    fn run(seed: u64) -> String {
        let mut network = Network::new(seed);
        network.start_trace();
        let lan = network.add_lan("lan");
        let bad = testkit::LinkConfig {
            delay: Duration::from_millis(2),
            jitter: Duration::from_millis(2),
            loss: 0.15,
            duplicate: 0.1,
            reorder: 0.1,
            ..testkit::LinkConfig::default()
        };
        let address = MacAddr([2, 0, 0, 0, 0, 1]);
        let config = ConcentratorConfig {
            max_half_open: 20,
            half_open_timeout: Some(Duration::from_secs(60)),
            ..ConcentratorConfig::new(address, b"ac")
        };
        let (mut random, own) = (network.random("server"), network.random("ac"));
        let _ = random.next_u64();
        let ac = AccessConcentrator::new(config, Box::new(own)).unwrap();
        let server = Server {
            ac,
            links: BTreeMap::new(),
            random,
            most_half_open: 0,
            latest: Instant::ZERO,
        };
        let server = network.add_node("server", server);
        network.attach(lan, server, bad.clone());
        let hosts: Vec<_> = (0..HOSTS)
            .map(|number| {
                let name = format!("host {number}");
                let (random, own) = (
                    network.random(&name),
                    network.random(&format!("{name}'s client")),
                );
                let config = ClientConfig::new(MacAddr([2, 0, 0, 0, 1, number]));
                let mut client = Client::new(config, Box::new(own)).unwrap();
                client.open(Instant::ZERO);
                let host = Host {
                    client,
                    link: None,
                    number: 10 + number,
                    random,
                    latest: Instant::ZERO,
                };
                let node = network.add_node(&name, host);
                network.attach(lan, node, bad.clone());
                node
            })
            .collect();
        // The flood: clients that get sessions and never speak PPP, each with an address of its own.
        for number in 0..12 {
            let name = format!("idler {number}");
            let own = network.random(&name);
            let config = ClientConfig::new(MacAddr([2, 0, 0, 0, 2, number]));
            let mut client = Client::new(config, Box::new(own)).unwrap();
            client.open(Instant::ZERO);
            let random = network.random(&format!("{name} too"));
            let host = Idler {
                client,
                _random: random,
            };
            let node = network.add_node(&name, host);
            network.attach(lan, node, bad.clone());
        }
        let is_up = |network: &mut Network| {
            hosts.iter().all(|host| {
                let link = &network.node::<Host>(*host).link;
                link.as_ref().is_some_and(End::is_up)
            })
        };
        network
            .run_until_condition(Instant::from_secs(2_000), is_up)
            .expect("every host comes up");
        let server = network.node::<Server>(server);
        assert!(server.most_half_open <= 20);
        network.trace().to_owned()
    }

    /// A client that opens sessions and does not use them.
    struct Idler {
        client: Client,
        _random: SeededRandom,
    }

    impl Node for Idler {
        fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let result = self.client.handle_input(now, frame);
            while let Some(event) = self.client.poll_event() {
                if let ClientEvent::Closed(_) = event {
                    self.client.open(now);
                }
            }
            result.map(|_| ()).map_err(Discarded::new)
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.client.handle_timeout(now);
            if self.client.poll_event().is_some() {
                self.client.open(now);
            }
        }

        fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
            self.client.poll_transmit(out).map(|_| 0)
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.client.poll_timeout()
        }
    }

    #[test]
    fn hosts_come_up_over_a_bad_lan_beside_a_flood() {
        for_each_seed(seeds(12), |seed| {
            run(seed);
        });
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        testkit::assert_deterministic(3, run);
    }
}
