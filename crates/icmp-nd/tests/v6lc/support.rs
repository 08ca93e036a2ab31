//! The laboratory: a node under test, and a tester that plays all its neighbors.
//!
//! ```text
//!            TN2, TN4 (behind TR1 for a host, on link A for a router)
//!             |
//!   link A  --+------------ port 1 of the router under test   2001:db8:1::/64
//!
//!   link B  --+----+----+---+---+-- node under test, port 0   2001:db8:2::/64
//!             |    |    |   |   |
//!            TN1  TN3  TR1 TR2 TR3
//! ```

use crate::packets::{
    AUTONOMOUS, ON_LINK, OVERRIDE, Packet, ROUTER, SOLICITED, echo_request, ip, na, ns, pio, ra,
    slla, tlla,
};
use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::address::{AddressState, ManualAddress};
use icmp_nd::host::{Host, HostConfig, Rejection};
use icmp_nd::nd::Interface;
use icmp_nd::neighbor::State;
use icmp_nd::router::{Router, RouterConfig, RouterInterface};
use icmp_nd::wire::solicited_node;
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{EtherType, EthernetFrame, IpProtocol, Ipv6Packet, MacAddr};
use std::collections::VecDeque;
use testkit::{Discarded, LinkConfig, Network, Node, NodeId, Port, SeededRandom, seed_from_env};

/// A neighbor that the tester plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) mac: MacAddr,
    pub(crate) port: Port,
}

const fn station(last: u8, port: Port) -> Station {
    Station {
        mac: MacAddr([0x02, 0, 0, 0, 0, last]),
        port,
    }
}

pub(crate) const TN1: Station = station(0x11, 0);
pub(crate) const TN3: Station = station(0x33, 0);
pub(crate) const TR1: Station = station(0xa1, 0);
pub(crate) const TR2: Station = station(0xa2, 0);
pub(crate) const TR3: Station = station(0xa3, 0);
/// On link A; a host hears it through TR1.
pub(crate) const TN2: Station = station(0x22, 1);

pub(crate) const TN1_LL: &str = "fe80::11";
pub(crate) const TN1_GLOBAL: &str = "2001:db8:2::11";
pub(crate) const TN3_LL: &str = "fe80::33";
pub(crate) const TN3_GLOBAL: &str = "2001:db8:2::33";
pub(crate) const TN2_GLOBAL: &str = "2001:db8:1::22";
pub(crate) const TN4_GLOBAL: &str = "2001:db8:1::44";
pub(crate) const TR1_LL: &str = "fe80::a1";
pub(crate) const TR2_LL: &str = "fe80::a2";
pub(crate) const TR3_LL: &str = "fe80::a3";

pub(crate) const NUT_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x99]);
/// Of the router's port on link A.
pub(crate) const NUT_MAC_A: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x98]);
pub(crate) const NUT_LL: &str = "fe80::ff:fe00:99";
pub(crate) const NUT_GLOBAL: &str = "2001:db8:2::ff:fe00:99";
/// The router's addresses.
pub(crate) const RUT_B: &str = "2001:db8:2::1";
pub(crate) const RUT_A: &str = "2001:db8:1::1";
pub(crate) const PREFIX_B: &str = "2001:db8:2::";

pub(crate) const ALL_NODES: &str = "ff02::1";
pub(crate) const ALL_ROUTERS: &str = "ff02::2";

pub(crate) const ECHO_REPLY: u8 = 129;
pub(crate) const RS: u8 = 133;
pub(crate) const RA: u8 = 134;
pub(crate) const NS: u8 = 135;
pub(crate) const NA: u8 = 136;
pub(crate) const UNREACHABLE: u8 = 1;
pub(crate) const TOO_BIG: u8 = 2;
pub(crate) const TIME_EXCEEDED: u8 = 3;
pub(crate) const PARAMETER_PROBLEM: u8 = 4;

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The solicited-node group of an address, as text.
pub(crate) fn group_of(address: &str) -> String {
    solicited_node(ip(address)).to_string()
}

/// A frame that the node under test has sent.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) port: Port,
    pub(crate) to: MacAddr,
    /// The IPv6 packet.
    pub(crate) octets: Vec<u8>,
}

impl Seen {
    pub(crate) fn ip(&self) -> Ipv6Packet<'_> {
        Ipv6Packet::parse(&self.octets).unwrap()
    }

    /// Type, code, and what follows the checksum, when it is a whole ICMPv6 message. The checksum is
    /// held to be right.
    pub(crate) fn icmp(&self) -> Option<(u8, u8, Vec<u8>)> {
        let ip = self.ip();
        let upper = ip.upper_layer().unwrap();
        if upper.protocol != IpProtocol::ICMPV6
            || upper
                .fragment
                .is_some_and(|it| it.more_fragments || it.offset > 0)
        {
            return None;
        }
        let message = packet_buffer::wire::Icmpv6Message::parse(upper.payload).unwrap();
        message.verify_checksum(&ip.pseudo_header()).unwrap();
        let [kind, code] = [upper.payload[0], upper.payload[1]];
        Some((kind, code, upper.payload[4..].to_vec()))
    }

    pub(crate) fn is(&self, kind: u8) -> bool {
        self.icmp().is_some_and(|it| it.0 == kind)
    }

    /// The target of a solicitation or advertisement.
    pub(crate) fn target(&self) -> Ipv6Addr {
        let (_, _, body) = self.icmp().unwrap();
        let octets: [u8; 16] = body[4..20].try_into().unwrap();
        octets.into()
    }

    /// Options behind the first `fixed` octets of a Neighbor Discovery message: kind and octets.
    pub(crate) fn nd_options(&self, fixed: usize) -> Vec<(u8, Vec<u8>)> {
        let (_, _, body) = self.icmp().unwrap();
        let mut rest = &body[fixed - 4..];
        let mut options = Vec::new();
        while let [kind, words, ..] = *rest {
            let (option, after) = rest.split_at(usize::from(words) * 8);
            options.push((kind, option.to_vec()));
            rest = after;
        }
        options
    }
}

/// Plays the neighbors: sends what the test says, keeps what it hears, and answers solicitations for
/// the addresses that it was told to answer for.
#[derive(Default)]
struct Tester {
    latest: Instant,
    to_send: VecDeque<(Port, Vec<u8>)>,
    heard: Vec<Seen>,
    answers: Vec<(Ipv6Addr, Station, bool)>,
}

impl Tester {
    fn answer(&mut self, port: Port, octets: &[u8]) {
        let Ok(packet) = Ipv6Packet::parse(octets) else {
            return;
        };
        let message = packet.payload();
        let from = packet.source();
        if message.first() != Some(&NS) || from.is_unspecified() || packet.hop_limit() != 255 {
            return;
        }
        let target: [u8; 16] = message[8..24].try_into().unwrap();
        let target = Ipv6Addr::from(target);
        let known = |it: &&(Ipv6Addr, Station, bool)| it.0 == target && it.1.port == port;
        let Some((_, station, is_router)) = self.answers.iter().find(known) else {
            return;
        };
        let flags = SOLICITED | OVERRIDE | if *is_router { ROUTER } else { 0 };
        let target = target.to_string();
        let message = na(&target, flags, &[tlla(station.mac)]);
        let packet = Packet::nd(&target, &from.to_string(), message);
        let to = if port == 0 { NUT_MAC } else { NUT_MAC_A };
        let frame = ethernet(to, station.mac, &packet.octets());
        self.to_send.push_back((port, frame));
    }
}

fn ethernet(to: MacAddr, from: MacAddr, octets: &[u8]) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend(from.0);
    frame.extend([0x86, 0xdd]);
    frame.extend(octets);
    frame
}

impl Node for Tester {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        let frame = EthernetFrame::parse(frame).map_err(Discarded::new)?;
        if frame.ethertype() != EtherType::IPV6 {
            return Err(Discarded::new("not IPv6"));
        }
        self.heard.push(Seen {
            at: self.latest,
            port,
            to: frame.destination(),
            octets: frame.payload().to_vec(),
        });
        self.answer(port, frame.payload());
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let (port, frame) = self.to_send.pop_front()?;
        out.append_slice(&frame);
        Some(port)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// A host whose program listens on no port.
struct HostNode {
    host: Host,
    latest: Instant,
}

impl HostNode {
    fn refuse_all(&mut self) {
        let mut packet = PacketBuf::new();
        while let Some(received) = self.host.poll_receive(&mut packet) {
            if received.protocol == IpProtocol::UDP {
                let octets = packet.as_slice().to_vec();
                // Where no error may be sent, none is.
                let _ = self
                    .host
                    .reject(self.latest, &received, &octets, Rejection::Port);
            }
        }
    }
}

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        self.host.handle_input(now, frame).map_err(Discarded::new)?;
        self.refuse_all();
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.host.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.host.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.poll_timeout()
    }
}

struct RouterNode {
    router: Router,
}

impl Node for RouterNode {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.router
            .handle_input(now, port, frame)
            .map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.router.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.router.poll_transmit(out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.router.poll_timeout()
    }
}

pub(crate) struct Lab {
    network: Network,
    tester: NodeId,
    nut: NodeId,
    is_router: bool,
    identifier: u16,
}

impl Lab {
    fn with_node(is_router: bool, node: impl Node) -> Self {
        let mut network = Network::new(seed_from_env(1));
        let nut = network.add_node("nut", node);
        let tester = network.add_node("tester", Tester::default());
        for (port, name) in [(0, "link B"), (1, "link A")] {
            let lan = network.add_lan(name);
            network.attach(lan, (tester, port), LinkConfig::default());
            if port == 0 || is_router {
                network.attach(lan, (nut, port), LinkConfig::default());
            }
        }
        Self {
            network,
            tester,
            nut,
            is_router,
            identifier: 0,
        }
    }

    /// A host that has not been started.
    pub(crate) fn cold_host(change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut config = HostConfig::new(NUT_MAC);
        change(&mut config);
        let host = Host::new(
            config,
            Box::new(SeededRandom::new(seed_from_env(1)).fork("nut")),
        )
        .unwrap();
        let latest = Instant::ZERO;
        Self::with_node(false, HostNode { host, latest })
    }

    /// Brings the host's link up.
    pub(crate) fn start(&mut self) {
        let now = self.network.now();
        self.network.node_mut::<HostNode>(self.nut).host.start(now);
    }

    /// A host with its link-local address, and neighbors that answer.
    pub(crate) fn host() -> Self {
        Self::host_with(|_| {})
    }

    pub(crate) fn host_with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut lab = Self::cold_host(change);
        lab.start();
        lab.run(secs(10));
        lab.everybody_answers();
        lab.clear();
        lab
    }

    /// Common test setup 1.1: TR1 has advertised itself and the prefix of link B.
    pub(crate) fn host_with_router() -> Self {
        Self::host_with_router_and(|_| {})
    }

    pub(crate) fn host_with_router_and(change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut lab = Self::host_with(change);
        lab.advertise(TR1, TR1_LL);
        lab.run(secs(5));
        lab.clear();
        assert_eq!(lab.state(NUT_GLOBAL), Some(AddressState::Preferred));
        lab
    }

    /// The router under test: two links, `2001:db8:1::/64` on A and `2001:db8:2::/64` on B.
    pub(crate) fn router() -> Self {
        Self::router_with(|_| {})
    }

    pub(crate) fn router_with(change: impl FnOnce(&mut RouterConfig)) -> Self {
        let mut b = RouterInterface::new(NUT_MAC);
        b.addresses.push(ManualAddress::new(ip(RUT_B), 64));
        let mut a = RouterInterface::new(NUT_MAC_A);
        a.addresses.push(ManualAddress::new(ip(RUT_A), 64));
        let mut config = RouterConfig::new(vec![b, a]);
        change(&mut config);
        let mut router = Router::new(
            config,
            Box::new(SeededRandom::new(seed_from_env(1)).fork("nut")),
        )
        .unwrap();
        router.start(Instant::ZERO);
        let mut lab = Self::with_node(true, RouterNode { router });
        lab.run(secs(10));
        lab.everybody_answers();
        lab.clear();
        lab
    }

    fn everybody_answers(&mut self) {
        for (address, station, is_router) in [
            (TN1_LL, TN1, false),
            (TN1_GLOBAL, TN1, false),
            (TN3_LL, TN3, false),
            (TN3_GLOBAL, TN3, false),
            (TR1_LL, TR1, true),
            (TR2_LL, TR2, true),
            (TR3_LL, TR3, true),
            (TN2_GLOBAL, TN2, false),
            (TN4_GLOBAL, TN2, false),
        ] {
            self.answers(address, station, is_router);
        }
    }

    /// From now on the tester answers solicitations for the address as this station.
    pub(crate) fn answers(&mut self, address: &str, station: Station, is_router: bool) {
        self.silent(address);
        let tester = self.network.node_mut::<Tester>(self.tester);
        tester.answers.push((ip(address), station, is_router));
    }

    /// From now on nobody answers solicitations for the address.
    pub(crate) fn silent(&mut self, address: &str) {
        let address = ip(address);
        let tester = self.network.node_mut::<Tester>(self.tester);
        tester.answers.retain(|it| it.0 != address);
    }

    /// A router tells of itself and the prefix of link B.
    pub(crate) fn advertise(&mut self, station: Station, source: &str) {
        let prefix = pio(PREFIX_B, 64, ON_LINK | AUTONOMOUS, 2_592_000, 604_800);
        let message = ra(64, 1_800, 0, 0, &[slla(station.mac), prefix]);
        self.send(station, &Packet::nd(source, ALL_NODES, message));
    }

    pub(crate) fn now(&self) -> Instant {
        self.network.now()
    }

    pub(crate) fn run(&mut self, duration: Duration) {
        self.network.run_for(duration);
    }

    /// Sends a packet to the node under test, or to the group that it is for.
    pub(crate) fn send(&mut self, from: Station, packet: &Packet) {
        let to = match packet.destination {
            group if group.is_multicast() => MacAddr::for_ipv6_multicast(group),
            _ if from.port == 1 => NUT_MAC_A,
            _ => NUT_MAC,
        };
        self.send_to(to, from, packet);
    }

    pub(crate) fn send_to(&mut self, to: MacAddr, from: Station, packet: &Packet) {
        let frame = ethernet(to, from.mac, &packet.octets());
        let tester = self.network.node_mut::<Tester>(self.tester);
        tester.to_send.push_back((from.port, frame));
    }

    /// Sends a packet and waits a second.
    pub(crate) fn exchange(&mut self, from: Station, packet: &Packet) -> Vec<Seen> {
        self.clear();
        self.send(from, packet);
        self.run(secs(1));
        self.seen()
    }

    /// What the node under test has sent since the last [`clear`](Self::clear).
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.network.node::<Tester>(self.tester).heard.clone()
    }

    /// Of that, the ICMPv6 messages of a type.
    pub(crate) fn of(&self, kind: u8) -> Vec<Seen> {
        let all = self.seen().into_iter();
        all.filter(|it| it.is(kind)).collect()
    }

    /// Of that, solicitations for an address.
    pub(crate) fn solicitations(&self, target: &str) -> Vec<Seen> {
        let all = self.of(NS).into_iter();
        all.filter(|it| it.target() == ip(target)).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.network.node_mut::<Tester>(self.tester).heard.clear();
    }

    /// An identifier that no echo had before.
    pub(crate) fn fresh(&mut self) -> u16 {
        self.identifier += 1;
        self.identifier
    }

    /// An echo request from this address, with a fresh identifier.
    pub(crate) fn echo(&mut self, source: &str, destination: &str) -> Packet {
        let identifier = self.fresh();
        Packet::icmp(source, destination, echo_request(identifier, 8))
    }

    /// Sends an echo request, and gives the replies to it.
    pub(crate) fn ping(&mut self, from: Station, source: &str, destination: &str) -> Vec<Seen> {
        let request = self.echo(source, destination);
        self.replies(from, &request)
    }

    /// Sends a packet that is an echo request somewhere, and gives the replies to its source.
    pub(crate) fn replies(&mut self, from: Station, request: &Packet) -> Vec<Seen> {
        let all = self.exchange(from, request).into_iter();
        all.filter(|it| it.is(ECHO_REPLY) && it.ip().destination() == request.source)
            .collect()
    }

    /// The node under test answers, and the answer goes to this station.
    pub(crate) fn assert_reply_to(&mut self, from: Station, source: &str, station: Station) {
        let destination = if ip(source).is_unicast_link_local() {
            NUT_LL
        } else {
            NUT_GLOBAL
        };
        let replies = self.ping(from, source, destination);
        assert_eq!(replies.len(), 1, "{:?}", self.seen());
        assert_eq!(replies[0].to, station.mac);
    }

    /// The node under test still works: it answers TN1's ping.
    pub(crate) fn assert_alive(&mut self) {
        let destination = if self.is_router { RUT_B } else { NUT_LL };
        let source = if self.is_router { TN1_GLOBAL } else { TN1_LL };
        let replies = self.ping(TN1, source, destination);
        assert_eq!(replies.len(), 1, "{:?}", self.seen());
    }

    pub(crate) fn host_mut(&mut self) -> &mut Host {
        &mut self.network.node_mut::<HostNode>(self.nut).host
    }

    pub(crate) fn router_ref(&self) -> &Router {
        &self.network.node::<RouterNode>(self.nut).router
    }

    pub(crate) fn nd(&self) -> &Interface {
        if self.is_router {
            self.router_ref().interface(0).unwrap()
        } else {
            self.network.node::<HostNode>(self.nut).host.nd()
        }
    }

    /// The state of one of the host's addresses.
    pub(crate) fn state(&self, address: &str) -> Option<AddressState> {
        let entry = self.nd().addresses().get(ip(address))?;
        Some(entry.state())
    }

    pub(crate) fn last_discard(&self) -> Option<String> {
        self.network.last_discard(self.nut).map(str::to_owned)
    }

    /// Makes TN1 known by a ping.
    pub(crate) fn make_known(&mut self, station: Station, address: &str) {
        let target = if ip(address).is_unicast_link_local() {
            NUT_LL
        } else {
            NUT_GLOBAL
        };
        let replies = self.ping(station, address, target);
        assert_eq!(replies.len(), 1);
    }

    /// A multicast solicitation for one of the node's addresses.
    pub(crate) fn solicitation(source: &str, target: &str, options: &[Vec<u8>]) -> Packet {
        Packet::nd(source, &group_of(target), ns(target, options))
    }
}

/// Checks an error: its kind, code, pointer or MTU, whom it goes to, and that it quotes the packet.
pub(crate) fn assert_error(seen: &[Seen], kind: u8, code: u8, word: u32, about: &Packet) {
    let errors: Vec<&Seen> = seen
        .iter()
        .filter(|it| it.icmp().is_some_and(|it| it.0 < 128))
        .collect();
    assert_eq!(errors.len(), 1, "{seen:?}");
    let error = errors[0];
    assert_eq!(error.ip().destination(), about.source);
    assert!(!error.ip().source().is_multicast() && !error.ip().source().is_unspecified());
    assert!(error.octets.len() <= 1280);
    let (got_kind, got_code, body) = error.icmp().unwrap();
    assert_eq!((got_kind, got_code), (kind, code));
    assert_eq!(body[..4], word.to_be_bytes(), "pointer or MTU");
    let mut expected = about.octets();
    expected.truncate(1280 - 48);
    let mut quoted = body[4..].to_vec();
    // A router may have counted down the hop limit of what it quotes.
    quoted[7] = expected[7];
    assert_eq!(quoted, expected, "the quoted packet");
}

/// Nothing but Neighbor Discovery and multicast listener messages was sent.
pub(crate) fn assert_silence(seen: &[Seen]) {
    for it in seen {
        let kind = it.icmp().map(|it| it.0);
        assert!(matches!(kind, Some(131..=136 | 143)), "{it:?}");
    }
}

pub(crate) fn assert_no_errors(seen: &[Seen]) {
    assert!(
        seen.iter().all(|it| it.icmp().is_none_or(|it| it.0 >= 128)),
        "{seen:?}"
    );
}

/// A station that no other constant names.
pub(crate) const OTHER_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x5a]);

/// The state of an entry of the neighbor cache.
pub(crate) fn cache(lab: &Lab, address: &str) -> Option<State> {
    let entry = lab.nd().neighbors().get(ip(address))?;
    Some(entry.state())
}

/// Whether an entry of the neighbor cache is a router's.
pub(crate) fn is_router(lab: &Lab, address: &str) -> Option<bool> {
    let entry = lab.nd().neighbors().get(ip(address))?;
    Some(entry.is_router())
}
