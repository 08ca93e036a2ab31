//! RFC 1990: bundles of links.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource as _};
use ppp_lcp_ncp::auth::{AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::ccp::{CcpConfig, MppeConfig};
use ppp_lcp_ncp::lcp::{AuthMethod, EndpointDiscriminator, MultilinkConfig};
use ppp_lcp_ncp::link::{AuthRole, CloseReason, Link, LinkConfig, LinkEvent, Phase};
use ppp_lcp_ncp::multilink::{
    Bundle, BundleConfig, BundleDiscard, BundleEvent, FragmentHeader, JoinRefusal, Reassembler,
};
use ppp_lcp_ncp::ncp::{IpcpConfig, VjParameters};
use ppp_lcp_ncp::wire::{PppPacket, PppProtocol};
use testkit::{Discarded, Network, Node, Port, SeededRandom, for_each_seed};
use two_ends::TwoEnds;

mod two_ends;

const IP: PppProtocol = PppProtocol::IPV4;
const SECOND: Duration = Duration::from_secs(1);

fn start() -> Instant {
    Instant::from_secs(100)
}

/// A link of the host of this number.
fn link_config(host: u8) -> LinkConfig {
    let mut config = LinkConfig {
        hold_network: true,
        ..LinkConfig::default()
    };
    config.lcp.multilink = Some(MultilinkConfig {
        mrru: 1500,
        short_sequence_number: true,
        endpoint: EndpointDiscriminator::new(1, &[host]),
    });
    config
}

fn new_link(config: LinkConfig, seed: u64) -> Link {
    let mut link = Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
    link.open(start());
    link.lower_up(start());
    link
}

fn bundle_config(host: u8) -> BundleConfig {
    let ipcp = IpcpConfig {
        address: Some([192, 0, 2, host].into()),
        ..IpcpConfig::default()
    };
    BundleConfig {
        link: LinkConfig {
            ipcp: Some(ipcp),
            ..LinkConfig::default()
        },
        ..BundleConfig::default()
    }
}

fn bundle(config: BundleConfig, seed: u64) -> Bundle {
    Bundle::new(config, Box::new(SeededRandom::new(seed))).unwrap()
}

/// Lets two links negotiate until nothing more happens.
fn bring_up(first: LinkConfig, second: LinkConfig, seed: u64) -> [Link; 2] {
    let mut ends = [
        new_link(first, 2 * seed + 100),
        new_link(second, 2 * seed + 101),
    ];
    settle_links(&mut ends);
    ends
}

fn settle_links(ends: &mut [Link; 2]) {
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    for _ in 0..1_000 {
        for from in 0..2 {
            while ends[from].poll_transmit(&mut packet).is_some() {
                let _ = ends[1 - from].handle_input(start(), packet.as_slice(), &mut data);
            }
            while let Some(event) = ends[from].poll_event() {
                if let LinkEvent::SecretWanted { role, .. } = event {
                    let secret = Secret::from("kiwi");
                    ends[from].provide_secret(start(), role, Some(&secret));
                }
            }
        }
    }
}

/// Two bundles, whose links have the same numbers at both ends.
struct Pair {
    now: Instant,
    ends: [Bundle; 2],
    events: [Vec<BundleEvent>; 2],
    /// Links that deliver nothing.
    cut: Vec<usize>,
    /// What went over which link, from which end.
    line: Vec<(usize, usize, Vec<u8>)>,
    delivered: [Vec<(PppProtocol, Vec<u8>)>; 2],
}

impl Pair {
    fn new(first: BundleConfig, second: BundleConfig) -> Self {
        Self {
            now: start(),
            ends: [bundle(first, 1), bundle(second, 2)],
            events: Default::default(),
            cut: Vec::new(),
            line: Vec::new(),
            delivered: Default::default(),
        }
    }

    fn with_links(links: u64) -> Self {
        let mut pair = Self::new(bundle_config(1), bundle_config(2));
        for seed in 0..links {
            pair.add(seed, 1);
        }
        assert!(pair.is_open());
        pair.line.clear();
        pair
    }

    fn add(&mut self, seed: u64, weight: u32) {
        let links = bring_up(link_config(1), link_config(2), seed);
        for (end, link) in self.ends.iter_mut().zip(links) {
            end.join(self.now, link, weight)
                .map_err(|(refusal, _)| refusal)
                .unwrap();
        }
        self.settle();
    }

    fn is_open(&self) -> bool {
        let mut ends = self.ends.iter();
        ends.all(|end| end.is_open(IP) && end.is_open(PppProtocol::IPV6))
    }

    /// Sends a packet, and whether it came out.
    fn send(&mut self, from: usize, packet: &[u8]) -> bool {
        self.ends[from].send(self.now, IP, packet).unwrap();
        let before = self.delivered[1 - from].len();
        self.settle();
        let new = self.delivered[1 - from].get(before);
        new.is_some_and(|new| *new == (IP, packet.to_vec()))
    }
}

impl TwoEnds for Pair {
    type End = Bundle;

    fn parts(&mut self) -> (&mut Instant, &mut [Bundle; 2]) {
        (&mut self.now, &mut self.ends)
    }

    fn carry_from(&mut self, from: usize) -> bool {
        let mut packet = PacketBuf::new();
        let mut moved = false;
        while let Some((member, _)) = self.ends[from].poll_transmit(&mut packet) {
            moved = true;
            self.line.push((from, member, packet.as_slice().to_vec()));
            if !self.cut.contains(&member) {
                let to = &mut self.ends[1 - from];
                let _ = to.handle_input(self.now, member, packet.as_slice());
            }
        }
        while let Some(protocol) = self.ends[from].poll_packet(&mut packet) {
            self.delivered[from].push((protocol, packet.as_slice().to_vec()));
        }
        while let Some(event) = self.ends[from].poll_event() {
            moved = true;
            self.events[from].push(event);
        }
        moved
    }
}

/// An information field, as it goes over a link in a fragment of its own.
fn whole(sequence: u32, packet: &[u8]) -> Vec<u8> {
    let mut out = PacketBuf::from(packet);
    let header = FragmentHeader {
        begins: true,
        ends: true,
        sequence,
    };
    header.emit(&mut out, true);
    out.prepend_slice(&[0x3d]);
    out.as_slice().to_vec()
}

#[test]
fn the_networks_are_the_bundles_and_go_over_all_links() {
    // RFC 1990 §2 MUST (virtual): the networks see one link with options that nobody negotiated.
    let mut pair = Pair::with_links(3);
    let head = pair.ends[0].network().unwrap();
    let values = head.lcp().peers();
    assert_eq!(
        (values.mru, values.accm, values.magic, values.quality),
        (1500, 0, 0, None)
    );
    assert!(values.protocol_field_compression && values.address_and_control_field_compression);
    for member in 0..3 {
        let link = pair.ends[0].link(member).unwrap();
        assert_eq!((link.phase(), link.is_open(IP)), (Phase::Network, false));
    }
    assert!(pair.send(0, &[0x45; 1_200]) && pair.send(1, &[0x46; 1_200]));
    for from in 0..2 {
        let pieces: Vec<_> = pair.line.iter().filter(|(end, ..)| *end == from).collect();
        let links: Vec<_> = pieces.iter().map(|(_, member, _)| *member).collect();
        assert_eq!(links.len(), 3, "{links:?}");
        // A third of it on each, with protocol and header.
        assert!(
            pieces
                .iter()
                .all(|(.., packet)| packet[0] == 0x3d && packet.len() < 410)
        );
    }
    // Short packets are not cut: one link after the other has them.
    pair.line.clear();
    for _ in 0..6 {
        assert!(pair.send(0, &[0x45; 40]));
    }
    let mut links: Vec<_> = pair.line.iter().map(|(_, member, _)| *member).collect();
    assert_eq!(links.len(), 6);
    links.sort_unstable();
    assert_eq!(links, [0, 0, 1, 1, 2, 2]);
    assert_eq!(pair.ends[1].reassembler().unwrap().stats().lost, 0);
}

#[test]
fn links_carry_by_their_weight() {
    let mut pair = Pair::new(bundle_config(1), bundle_config(2));
    pair.add(0, 3);
    pair.add(1, 1);
    pair.line.clear();
    assert!(pair.send(0, &[0x45; 1_200]));
    let octets = |member| -> usize {
        let pieces = pair.line.iter().filter(|(_, it, _)| *it == member);
        pieces.map(|(.., packet)| packet.len()).sum()
    };
    assert!(
        octets(0) > 890 && octets(1) < 320,
        "{} {}",
        octets(0),
        octets(1)
    );
}

#[test]
fn the_bundle_goes_on_when_a_link_leaves_and_ends_with_the_last() {
    let mut pair = Pair::with_links(3);
    pair.events = Default::default();
    // A line breaks.
    for end in &mut pair.ends {
        let now = pair.now;
        end.with_link(now, 1, |link| link.lower_down(now)).unwrap();
    }
    pair.settle();
    for end in 0..2 {
        assert_eq!(
            (pair.ends[end].len(), pair.ends[end].is_empty()),
            (2, false)
        );
        assert!(pair.events[end].contains(&BundleEvent::Left { member: 1 }));
    }
    pair.line.clear();
    assert!(pair.send(0, &[0x45; 1_000]));
    assert!(pair.line.iter().all(|(_, member, _)| *member != 1));
    // It comes back, and carries again.
    for end in &mut pair.ends {
        let now = pair.now;
        end.with_link(now, 1, |link| link.lower_up(now)).unwrap();
    }
    pair.settle();
    assert_eq!((pair.ends[0].len(), pair.ends[1].len()), (3, 3));
    pair.line.clear();
    assert!(pair.send(0, &[0x45; 1_000]));
    assert!(pair.line.iter().any(|(_, member, _)| *member == 1));
    // One is taken out.
    let link = pair.ends[0].remove(pair.now, 2).unwrap();
    assert_eq!(link.phase(), Phase::Network);
    assert!(pair.ends[0].remove(pair.now, 2).is_none());
    pair.ends[1].remove(pair.now, 2).unwrap();
    pair.settle();
    assert!(pair.send(1, b"two are left"));
    // All end.
    pair.events = Default::default();
    pair.ends[0].close(pair.now);
    pair.settle();
    pair.run(10 * SECOND);
    for end in 0..2 {
        let events = &pair.events[end];
        assert!(pair.ends[end].is_empty() && pair.ends[end].identity().is_none());
        assert!(events.contains(&BundleEvent::Closed));
        assert!(events.contains(&BundleEvent::Network(LinkEvent::Ipv4Down)));
        let closed = events.iter().filter(|event| {
            matches!(
                event,
                BundleEvent::Link {
                    event: LinkEvent::Closed(_),
                    ..
                }
            )
        });
        assert_eq!(closed.count(), 2);
        assert!(pair.ends[end].send(pair.now, IP, b"x").is_err());
    }
}

#[test]
fn a_link_that_has_left_is_not_waited_for() {
    let mut pair = Pair::with_links(2);
    for end in &mut pair.ends {
        end.remove(pair.now, 1).unwrap();
    }
    pair.settle();
    pair.cut.push(0);
    assert!(!pair.send(0, b"lost"));
    pair.cut.clear();
    // The numbers of the only link tell at once that something is missing.
    assert!(pair.send(0, b"found") || pair.send(0, b"out"));
    assert_eq!(pair.ends[1].reassembler().unwrap().stats().lost, 1);
}

#[test]
fn the_bundle_ends_when_its_networks_have() {
    let only_ipv4 = |host| {
        let mut config = bundle_config(host);
        config.link.ipv6cp = None;
        config.link.idle_timeout = Some(30 * SECOND);
        config
    };
    let mut pair = Pair::new(only_ipv4(1), bundle_config(2));
    pair.add(0, 1);
    pair.add(1, 1);
    assert!(pair.ends[0].is_open(IP));
    pair.line.clear();
    pair.run(31 * SECOND);
    let idle = BundleEvent::Network(LinkEvent::Phase(Phase::Terminate));
    assert!(pair.events[0].contains(&idle) && pair.events[0].contains(&BundleEvent::Closed));
    pair.run(10 * SECOND);
    assert!(pair.events[1].contains(&BundleEvent::Closed));
    // RFC 1990 §2 MUST NOT (bundle-lcp): the links end, each with its own Terminate-Request.
    for (_, _, packet) in &pair.line {
        let parsed = PppPacket::parse(packet).unwrap();
        if parsed.protocol() == PppProtocol::MULTILINK {
            let (_, inner) = FragmentHeader::parse(parsed.information(), true).unwrap();
            assert_ne!(inner[..2], [0xc0, 0x21], "{inner:?}");
        }
    }
    let terminates = pair
        .line
        .iter()
        .filter(|(from, _, packet)| *from == 0 && packet.starts_with(&[0xc0, 0x21, 5]));
    assert_eq!(terminates.count(), 2);
}

#[test]
fn lcp_in_the_bundle_neither_negotiates_nor_ends() {
    // RFC 1990 §2 MUST (discard-lcp): such packets are discarded; others of LCP are answered.
    let mut pair = Pair::with_links(2);
    let next = pair.ends[1].reassembler().unwrap().stats().received;
    let mut sequence = u32::try_from(next).unwrap();
    let configure: &[u8] = &[0xc0, 0x21, 1, 9, 0, 4];
    let terminate: &[u8] = &[0xc0, 0x21, 5, 9, 0, 4];
    let nested = [&[0x00, 0x3d][..], &whole(0, b"x")[1..]].concat();
    let chap: &[u8] = &[0xc2, 0x23, 1, 9, 0, 6, 0, 0];
    for packet in [configure, terminate, &nested, chap, &[], &[0]] {
        let fragment = whole(sequence, packet);
        pair.ends[1].handle_input(pair.now, 0, &fragment).unwrap();
        sequence += 1;
        pair.settle();
        assert!(pair.is_open() && pair.line.is_empty(), "{packet:?}");
    }
    assert_eq!(pair.ends[1].stats().not_for_bundle, 6);
    let echo = [0xc0, 0x21, 9, 9, 0, 8, 0, 0, 0, 0];
    pair.ends[1]
        .handle_input(pair.now, 0, &whole(sequence, &echo))
        .unwrap();
    pair.settle();
    let (.., answer) = pair.line.last().unwrap();
    let (_, inner) = FragmentHeader::parse(&answer[1..], true).unwrap();
    assert_eq!(inner[..3], [0xc0, 0x21, 10]);
    // A protocol that nobody knows is rejected, in the bundle.
    pair.ends[1]
        .handle_input(pair.now, 1, &whole(sequence + 1, &[0x00, 0x2b, 1]))
        .unwrap();
    pair.settle();
    let (.., answer) = pair.line.last().unwrap();
    let (_, inner) = FragmentHeader::parse(&answer[1..], true).unwrap();
    assert_eq!(inner[..3], [0xc0, 0x21, 8]);
}

#[test]
fn packets_without_the_header_are_taken_too() {
    // RFC 1990 §4 MAY (unfragmented): on any link.
    let mut pair = Pair::with_links(2);
    for member in 0..2 {
        pair.ends[1]
            .handle_input(pair.now, member, b"\x21plain")
            .unwrap();
        let mut data = PacketBuf::new();
        assert_eq!(pair.ends[1].poll_packet(&mut data), Some(IP));
        assert_eq!(data.as_slice(), b"plain");
    }
    // What would be of one link only is rejected on that link.
    // RFC 1962 §2 MAY (individual): compression of a link by itself, and
    // RFC 1968 §2 MAY (individual): encryption, are not offered.
    for protocol in [
        PppProtocol::LINK_CCP,
        PppProtocol::LINK_COMPRESSED,
        PppProtocol::LINK_ECP,
        PppProtocol::LINK_ENCRYPTED,
    ] {
        let [high, low] = protocol.0.to_be_bytes();
        pair.line.clear();
        pair.ends[1]
            .handle_input(pair.now, 1, &[high, low, 1, 1, 0, 4])
            .unwrap();
        pair.settle();
        let (from, link, answer) = &pair.line[0];
        assert_eq!((*from, *link), (1, 1));
        assert_eq!(answer[..3], [0xc0, 0x21, 8]);
        assert_eq!(answer[6..], [high, low, 1, 1, 0, 4]);
        assert!(pair.is_open() && pair.send(0, b"still there"));
    }
    let missing = pair.ends[1].handle_input(pair.now, 7, b"\x21plain");
    assert_eq!(missing, Err(BundleDiscard::NoLink(7)));
    assert!(pair.ends[1].handle_input(pair.now, 0, &[]).is_err());
}

#[test]
fn fragments_that_come_before_the_bundle_are_not_rejected() {
    // One end is ready before the other: its packets are lost, and sent again; a Protocol-Reject would
    // make it give up.
    let mut pair = Pair::new(bundle_config(1), bundle_config(2));
    let [first, mut second] = bring_up(link_config(1), link_config(2), 0);
    pair.ends[0]
        .join(pair.now, first, 1)
        .map_err(|(refusal, _)| refusal)
        .unwrap();
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    let mut early = 0;
    while pair.ends[0].poll_transmit(&mut packet).is_some() {
        early += 1;
        assert!(
            second
                .handle_input(pair.now, packet.as_slice(), &mut data)
                .is_err()
        );
    }
    assert!(early >= 2 && second.poll_transmit(&mut packet).is_none());
    pair.ends[1]
        .join(pair.now, second, 1)
        .map_err(|(refusal, _)| refusal)
        .unwrap();
    pair.settle();
    pair.run(5 * SECOND);
    assert!(pair.is_open());
}

#[test]
fn a_link_to_another_peer_does_not_join() {
    // RFC 1990 §5.1.3 MUST (same-bundle): by the endpoint discriminator.
    let mut pair = Pair::with_links(1);
    let refusal = |bundle: &mut Bundle, link: Link| {
        let result = bundle.join(start(), link, 1);
        result.map_err(|(refusal, _)| refusal).unwrap_err()
    };
    let [link, _] = bring_up(link_config(1), link_config(3), 5);
    assert_eq!(refusal(&mut pair.ends[0], link), JoinRefusal::OtherPeer);
    // And what goes through has to be the same.
    let mut other = link_config(2);
    other.lcp.multilink.as_mut().unwrap().mrru = 1400;
    let [link, _] = bring_up(link_config(1), other, 6);
    assert_eq!(
        refusal(&mut pair.ends[0], link),
        JoinRefusal::OtherParameters
    );
    let mut other = link_config(2);
    other.lcp.multilink.as_mut().unwrap().short_sequence_number = false;
    let [link, _] = bring_up(link_config(1), other, 7);
    assert_eq!(
        refusal(&mut pair.ends[0], link),
        JoinRefusal::OtherParameters
    );
    // Multilink has to be there, and the link has to wait.
    let mut other = link_config(2);
    other.lcp.multilink = None;
    let [link, _] = bring_up(link_config(1), other, 8);
    assert_eq!(refusal(&mut pair.ends[0], link), JoinRefusal::NoMultilink);
    let link = new_link(link_config(1), 9);
    assert_eq!(refusal(&mut pair.ends[0], link), JoinRefusal::NotHeld);
    let mut small = bundle(
        BundleConfig {
            max_links: 1,
            ..bundle_config(1)
        },
        1,
    );
    for seed in 0..2 {
        let [link, _] = bring_up(link_config(1), link_config(2), seed);
        let result = small.join(start(), link, 1).map_err(|(refusal, _)| refusal);
        assert_eq!(
            result,
            if seed == 0 {
                Ok(0)
            } else {
                Err(JoinRefusal::Full)
            }
        );
    }
    assert_eq!(
        (pair.ends[0].len(), pair.ends[0].stats().refused_links),
        (1, 5)
    );
}

#[test]
fn a_link_whose_peer_has_another_name_does_not_join() {
    // RFC 1990 §5.1.3 MUST (same-bundle): nor does one whose peer has proved another name, or none.
    let asks = |host| {
        let mut config = link_config(host);
        config.lcp.require_auth = vec![AuthMethod::ChapMd5];
        config.authenticator = AuthenticatorConfig {
            name: b"server".to_vec(),
            ..Default::default()
        };
        config
    };
    let proves = |name: &[u8]| {
        let mut config = link_config(2);
        config.lcp.allow_auth = vec![AuthMethod::ChapMd5];
        config.supplicant = SupplicantConfig {
            name: name.to_vec(),
            ..Default::default()
        };
        config
    };
    let mut server = bundle(bundle_config(1), 1);
    let [link, _] = bring_up(asks(1), proves(b"alice"), 0);
    assert_eq!(link.bundle_identity().unwrap().name, b"alice");
    assert_eq!(
        server
            .join(start(), link, 1)
            .map_err(|(refusal, _)| refusal),
        Ok(0)
    );
    let [link, _] = bring_up(asks(1), proves(b"mallory"), 1);
    let refused = server
        .join(start(), link, 1)
        .map_err(|(refusal, _)| refusal);
    assert_eq!(refused, Err(JoinRefusal::OtherPeer));
    let [link, _] = bring_up(link_config(1), link_config(2), 2);
    let refused = server
        .join(start(), link, 1)
        .map_err(|(refusal, _)| refusal);
    assert_eq!(refused, Err(JoinRefusal::OtherPeer));
    let [link, _] = bring_up(asks(1), proves(b"alice"), 3);
    assert_eq!(
        server
            .join(start(), link, 1)
            .map_err(|(refusal, _)| refusal),
        Ok(1)
    );
    // A peer that has not proved who it is does not wait for a bundle at all.
    let mut link = new_link(asks(1), 9);
    let mut data = PacketBuf::new();
    assert!(
        link.handle_input(start(), &whole(0, b"\x21x"), &mut data)
            .is_err()
    );
    assert!(!link.is_held());
}

#[test]
fn header_compression_works_across_a_bundle() {
    let config = |host| {
        let mut config = bundle_config(host);
        let vj = VjParameters {
            max_slot_id: 15,
            compress_slot_id: true,
        };
        config.link.ipcp.as_mut().unwrap().vj = Some(vj);
        config
    };
    let mut pair = Pair::new(config(1), config(2));
    pair.add(0, 1);
    pair.add(1, 1);
    assert!(pair.is_open());
    assert!(pair.ends[0].network().unwrap().vj_compressor().is_some());
    assert!(pair.send(0, &[0x45; 100]));
}

#[test]
fn encryption_is_the_bundles_with_the_keys_of_its_first_link() {
    let member = |host| {
        let mut config = link_config(host);
        let name = format!("host {host}").into_bytes();
        if host == 1 {
            config.lcp.require_auth = vec![AuthMethod::MsChapV2];
        } else {
            config.lcp.allow_auth = vec![AuthMethod::MsChapV2];
        }
        config.authenticator.name.clone_from(&name);
        config.supplicant.name = name;
        config
    };
    let encrypted = |host| {
        let mut config = bundle_config(host);
        config.link.ccp = Some(CcpConfig {
            mppe: Some(MppeConfig::default()),
            ..CcpConfig::default()
        });
        config
    };
    let mut pair = Pair::new(encrypted(1), encrypted(2));
    for seed in 0..2 {
        for (end, link) in pair
            .ends
            .iter_mut()
            .zip(bring_up(member(1), member(2), seed))
        {
            end.join(pair.now, link, 1)
                .map_err(|(refusal, _)| refusal)
                .unwrap();
        }
        pair.settle();
    }
    assert!(pair.is_open());
    pair.line.clear();
    let text = b"nobody on either line is to read this".repeat(8);
    assert!(pair.send(0, &text) && pair.send(1, &text));
    assert!(pair.line.len() >= 4);
    for (.., packet) in &pair.line {
        assert!(
            !packet
                .windows(6)
                .any(|octets| text.windows(6).any(|it| it == octets))
        );
    }
    // Packets in clear are not taken, whole or in fragments.
    let sequence = u32::try_from(pair.ends[1].reassembler().unwrap().stats().received).unwrap();
    let _ = pair.ends[1].handle_input(pair.now, 0, b"\x21in clear");
    let _ = pair.ends[1].handle_input(pair.now, 0, &whole(sequence, b"\x21in clear"));
    assert_eq!(pair.ends[1].poll_packet(&mut PacketBuf::new()), None);
    // Where the other end has no encryption, nothing opens, and the links end.
    let mut pair = Pair::new(encrypted(1), bundle_config(2));
    for (end, link) in pair.ends.iter_mut().zip(bring_up(member(1), member(2), 5)) {
        end.join(pair.now, link, 1)
            .map_err(|(refusal, _)| refusal)
            .unwrap();
    }
    pair.settle();
    assert!(!pair.ends[0].is_open(IP));
    pair.run(10 * SECOND);
    assert!(pair.ends[0].is_empty() && pair.events[0].contains(&BundleEvent::Closed));
}

#[test]
fn values_that_cannot_work_are_refused() {
    let base = bundle_config(1);
    let cases = [
        (
            "max_links",
            BundleConfig {
                max_links: 0,
                ..base.clone()
            },
        ),
        (
            "max_fragments",
            BundleConfig {
                max_fragments: 1025,
                ..base.clone()
            },
        ),
        (
            "max_fragment_octets",
            BundleConfig {
                max_fragment_octets: 65_534,
                ..base.clone()
            },
        ),
        (
            "fragment_timeout",
            BundleConfig {
                fragment_timeout: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "ipcp",
            BundleConfig {
                link: LinkConfig {
                    ipcp: None,
                    ipv6cp: None,
                    ..LinkConfig::default()
                },
                ..base
            },
        ),
    ];
    for (field, config) in cases {
        let error = Bundle::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, field);
    }
}

#[path = "rfc1990_bundle/simulation.rs"]
mod simulation;

#[test]
fn a_secret_that_is_asked_for_again_reaches_the_link() {
    // CHAP is repeated while the link is a member: the bundle passes the event, and the answer.
    let mut asks = link_config(1);
    asks.lcp.require_auth = vec![AuthMethod::ChapMd5];
    asks.authenticator = AuthenticatorConfig {
        name: b"server".to_vec(),
        rechallenge: Some(20 * SECOND),
        ..Default::default()
    };
    let mut proves = link_config(2);
    proves.lcp.allow_auth = vec![AuthMethod::ChapMd5];
    proves.supplicant = SupplicantConfig {
        name: b"alice".to_vec(),
        ..Default::default()
    };
    let mut pair = Pair::new(bundle_config(1), bundle_config(2));
    for (end, link) in pair.ends.iter_mut().zip(bring_up(asks, proves, 0)) {
        end.join(pair.now, link, 1)
            .map_err(|(refusal, _)| refusal)
            .unwrap();
    }
    pair.settle();
    pair.events = Default::default();
    pair.run(21 * SECOND);
    for end in [1, 0] {
        let wanted = pair.events[end].iter().find_map(|event| match event {
            BundleEvent::Link {
                member,
                event: LinkEvent::SecretWanted { role, .. },
            } => Some((*member, *role)),
            _ => None,
        });
        let expected = if end == 0 {
            AuthRole::Peer
        } else {
            AuthRole::Ours
        };
        if let Some((member, role)) = wanted {
            assert_eq!(role, expected);
            let now = pair.now;
            let secret = Secret::from("kiwi");
            pair.ends[end].with_link(now, member, |link| {
                link.provide_secret(now, role, Some(&secret))
            });
            pair.settle();
        }
    }
    let proved = pair.events[0].iter().any(|event| {
        matches!(
            event,
            BundleEvent::Link {
                event: LinkEvent::Authenticated { .. },
                ..
            }
        )
    });
    assert!(proved && pair.is_open());
}
