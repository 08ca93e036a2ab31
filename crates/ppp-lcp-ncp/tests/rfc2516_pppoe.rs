//! RFC 2516 and RFC 4638: PPP over Ethernet, client and concentrator.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use core::time::Duration;
use packet_buffer::wire::{EtherType, EthernetFrame, EthernetRepr, MacAddr, VlanTag, VlanTags};
use packet_buffer::{Instant, PacketBuf, ParseErrorKind};
use ppp_lcp_ncp::lcp::{FcsAlternatives, LcpConfig};
use ppp_lcp_ncp::link::{Link, LinkConfig};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::pppoe::{
    AccessConcentrator, Client, ClientConfig, ClientEnd, ClientEvent, ClientState,
    ConcentratorConfig, ConcentratorEvent, Peer, PppoeCode, PppoeDiscard, PppoePacket, PppoeRepr,
    PppoeSendError, PppoeTransmit, SessionEnd, TagKind, Tags, append_tag,
};
use ppp_lcp_ncp::wire::PppProtocol;
use proptest::prelude::*;
use testkit::{Discarded, Network, Node, Port, SeededRandom, for_each_seed};

const SECOND: Duration = Duration::from_secs(1);
const AC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 3]);
const ECHO: [u8; 10] = [0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0];

fn start() -> Instant {
    Instant::from_secs(1_000)
}

fn client(config: ClientConfig) -> Client {
    Client::new(config, Box::new(SeededRandom::new(1))).unwrap()
}

fn concentrator(config: ConcentratorConfig) -> AccessConcentrator {
    AccessConcentrator::new(config, Box::new(SeededRandom::new(2))).unwrap()
}

fn ac_config() -> ConcentratorConfig {
    ConcentratorConfig {
        services: vec![b"internet".to_vec(), b"voice".to_vec()],
        ..ConcentratorConfig::new(AC, b"ac.example")
    }
}

type TagList<'a> = &'a [(TagKind, &'a [u8])];

/// A discovery frame made by hand.
fn discovery(
    (destination, source): (MacAddr, MacAddr),
    code: PppoeCode,
    session: u16,
    tags: TagList<'_>,
) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    for (kind, value) in tags {
        append_tag(&mut packet, *kind, value).unwrap();
    }
    PppoeRepr { code, session }.emit(&mut packet).unwrap();
    let ethertype = EtherType::PPPOE_DISCOVERY;
    EthernetRepr::new(destination, source, ethertype)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

fn session_frame((destination, source): (MacAddr, MacAddr), session: u16, ppp: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from(ppp);
    let code = PppoeCode::SESSION;
    PppoeRepr { code, session }.emit(&mut packet).unwrap();
    let ethertype = EtherType::PPPOE_SESSION;
    EthernetRepr::new(destination, source, ethertype)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

/// A discovery frame taken apart.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    destination: MacAddr,
    source: MacAddr,
    vlans: VlanTags,
    code: PppoeCode,
    session: u16,
    tags: Vec<(TagKind, Vec<u8>)>,
}

impl Seen {
    fn parse(octets: &[u8]) -> Self {
        let frame = EthernetFrame::parse(octets).unwrap();
        assert_eq!(frame.ethertype(), EtherType::PPPOE_DISCOVERY);
        let packet = PppoePacket::parse(frame.payload()).unwrap();
        let tags = packet.tags().unwrap();
        Self {
            destination: frame.destination(),
            source: frame.source(),
            vlans: frame.vlan_tags(),
            code: packet.code(),
            session: packet.session(),
            tags: tags
                .iter()
                .map(|tag| (tag.kind, tag.value.to_vec()))
                .collect(),
        }
    }

    /// A frame that was sent, which is what the machine says it is.
    fn of(transmit: &PppoeTransmit, frame: &PacketBuf) -> Self {
        let seen = Self::parse(frame.as_slice());
        let address = seen.destination;
        let vlan_tags = seen.vlans;
        let peer = Peer { address, vlan_tags };
        assert_eq!((transmit.code, transmit.peer), (seen.code, peer));
        seen
    }

    fn values(&self, kind: TagKind) -> Vec<&[u8]> {
        let tags = self.tags.iter().filter(|(it, _)| *it == kind);
        tags.map(|(_, value)| value.as_slice()).collect()
    }

    fn value(&self, kind: TagKind) -> Option<&[u8]> {
        self.values(kind).first().copied()
    }
}

fn sent_by_client(client: &mut Client) -> Option<Seen> {
    let mut frame = PacketBuf::new();
    let transmit = client.poll_transmit(&mut frame)?;
    Some(Seen::of(&transmit, &frame))
}

fn sent_by_ac(ac: &mut AccessConcentrator) -> Option<Seen> {
    let mut frame = PacketBuf::new();
    let transmit = ac.poll_transmit(&mut frame)?;
    Some(Seen::of(&transmit, &frame))
}

/// All that the two have to send, until neither has more.
fn exchange(now: Instant, client: &mut Client, ac: &mut AccessConcentrator) {
    let mut frame = PacketBuf::new();
    loop {
        let mut idle = true;
        while let Some(transmit) = client.poll_transmit(&mut frame) {
            idle = false;
            Seen::of(&transmit, &frame);
            ac.handle_input(now, frame.as_slice()).unwrap();
        }
        while let Some(transmit) = ac.poll_transmit(&mut frame) {
            idle = false;
            Seen::of(&transmit, &frame);
            client.handle_input(now, frame.as_slice()).unwrap();
        }
        if idle {
            return;
        }
    }
}

fn pair(client_config: ClientConfig, config: ConcentratorConfig) -> (Client, AccessConcentrator) {
    let (mut client, mut ac) = (client(client_config), concentrator(config));
    client.open(start());
    exchange(start(), &mut client, &mut ac);
    (client, ac)
}

/// A session by hand, as a client at `source` does it: the number, and the cookie that was used.
fn open_by_hand(ac: &mut AccessConcentrator, now: Instant, source: MacAddr) -> (Seen, Vec<u8>) {
    let cookie = cookie_for(ac, now, source, &[(TagKind::SERVICE_NAME, b"")]);
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b""), (TagKind::AC_COOKIE, &cookie)];
    let padr = discovery((AC, source), PppoeCode::PADR, 0, tags);
    ac.handle_input(now, &padr).unwrap();
    (sent_by_ac(ac).unwrap(), cookie)
}

fn cookie_for(
    ac: &mut AccessConcentrator,
    now: Instant,
    source: MacAddr,
    tags: TagList<'_>,
) -> Vec<u8> {
    let padi = discovery((MacAddr::BROADCAST, source), PppoeCode::PADI, 0, tags);
    ac.handle_input(now, &padi).unwrap();
    let pado = sent_by_ac(ac).unwrap();
    assert_eq!((pado.code, pado.destination), (PppoeCode::PADO, source));
    pado.value(TagKind::AC_COOKIE).unwrap().to_vec()
}

#[path = "rfc2516_pppoe/s4_payloads.rs"]
mod s4_payloads;

#[path = "rfc2516_pppoe/s5_discovery.rs"]
mod s5_discovery;

#[path = "rfc2516_pppoe/s6_session.rs"]
mod s6_session;

#[path = "rfc2516_pppoe/s7_lcp.rs"]
mod s7_lcp;

#[path = "rfc2516_pppoe/s8_timers.rs"]
mod s8_timers;

#[path = "rfc2516_pppoe/s9_security.rs"]
mod s9_security;

#[path = "rfc2516_pppoe/a_tags.rs"]
mod a_tags;

#[path = "rfc2516_pppoe/rfc4638_jumbo.rs"]
mod rfc4638_jumbo;

#[test]
fn values_that_cannot_work_are_refused() {
    let base = ClientConfig::new(HOST);
    let cases = [
        (
            "address",
            ClientConfig {
                address: MacAddr::BROADCAST,
                ..base.clone()
            },
        ),
        (
            "max_payload",
            ClientConfig {
                max_payload: Some(1492),
                ..base.clone()
            },
        ),
        (
            "timeout",
            ClientConfig {
                timeout: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "max_timeout",
            ClientConfig {
                max_timeout: SECOND,
                ..base.clone()
            },
        ),
        (
            "max_initiations",
            ClientConfig {
                max_initiations: 0,
                ..base.clone()
            },
        ),
        (
            "max_requests",
            ClientConfig {
                max_requests: 0,
                ..base
            },
        ),
    ];
    for (field, config) in cases {
        let error = Client::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, field);
    }
    let base = ac_config();
    let zero = Some(Duration::ZERO);
    let cases = [
        (
            "address",
            ConcentratorConfig {
                address: MacAddr::UNSPECIFIED,
                ..base.clone()
            },
        ),
        (
            "ac_name",
            ConcentratorConfig {
                ac_name: vec![],
                ..base.clone()
            },
        ),
        (
            "services",
            ConcentratorConfig {
                services: vec![vec![0; 200]; 3],
                ..base.clone()
            },
        ),
        (
            "max_payload",
            ConcentratorConfig {
                max_payload: 1491,
                ..base.clone()
            },
        ),
        (
            "max_sessions",
            ConcentratorConfig {
                max_sessions: 32_769,
                ..base.clone()
            },
        ),
        (
            "max_sessions_per_peer",
            ConcentratorConfig {
                max_sessions_per_peer: 0,
                ..base.clone()
            },
        ),
        (
            "half_open_timeout",
            ConcentratorConfig {
                half_open_timeout: zero,
                ..base.clone()
            },
        ),
        (
            "max_half_open",
            ConcentratorConfig {
                max_half_open: 0,
                ..base.clone()
            },
        ),
        (
            "cookie_lifetime",
            ConcentratorConfig {
                cookie_lifetime: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "max_replies",
            ConcentratorConfig {
                max_replies: 0,
                ..base
            },
        ),
    ];
    for (field, config) in cases {
        let error = AccessConcentrator::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, field);
    }
}

#[path = "rfc2516_pppoe/simulation.rs"]
mod simulation;
