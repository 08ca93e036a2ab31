//! Two links under any configuration, loss, noise, commands and times, held to the machine contract.
#![no_main]

use arbitrary::Arbitrary;
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::ccp::{CcpConfig, MppeConfig};
use ppp_lcp_ncp::lcp::{AuthMethod, LcpConfig};
use ppp_lcp_ncp::link::{AuthRole, Link, LinkConfig, LinkEvent, Phase};
use ppp_lcp_ncp::ncp::{IpcpConfig, VjParameters};
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// All that the ends have to say passes, or but some of it.
    Pass {
        lost: u32,
        repeated: u32,
    },
    /// Any octets arrive.
    Octets(bool, &'a [u8]),
    /// A packet of a protocol that is spoken.
    Packet(bool, u8, &'a [u8]),
    /// A control packet.
    Control(bool, u8, u8, u8, &'a [u8]),
    /// An octet of the next packet is another one.
    Change(bool, u8, u8),
    Data(bool, bool, &'a [u8]),
    Wait(u16),
    Open(bool),
    Close(bool),
    Line(bool, bool),
    Network(bool, u8),
    Secret(bool, bool, u8),
    StartNetwork(bool),
}

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    choices: [u32; 2],
    ops: Vec<Op<'a>>,
}

const METHODS: [AuthMethod; 4] = [
    AuthMethod::Pap,
    AuthMethod::ChapMd5,
    AuthMethod::MsChapV2,
    AuthMethod::Eap,
];

const PROTOCOLS: [PppProtocol; 16] = [
    PppProtocol::LCP,
    PppProtocol::PAP,
    PppProtocol::CHAP,
    PppProtocol::EAP,
    PppProtocol::IPCP,
    PppProtocol::IPV6CP,
    PppProtocol::CCP,
    PppProtocol::ECP,
    PppProtocol::LQR,
    PppProtocol::IPV4,
    PppProtocol::IPV6,
    PppProtocol::COMPRESSED,
    PppProtocol::ENCRYPTED,
    PppProtocol::VJ_COMPRESSED,
    PppProtocol::VJ_UNCOMPRESSED,
    PppProtocol::MULTILINK,
];

fn config(end: u8, choice: u32) -> LinkConfig {
    let bit = |bit: u32| choice >> bit & 1 == 1;
    let some = |from: u32| {
        let chosen = METHODS.iter().enumerate();
        let chosen = chosen.filter(move |(i, _)| bit(from + *i as u32));
        chosen.map(|(_, method)| *method).collect::<Vec<_>>()
    };
    LinkConfig {
        lcp: LcpConfig {
            mru: if bit(0) { 1492 } else { 1500 },
            accm: bit(1).then_some(if bit(2) { 0 } else { 0xa0000 }),
            magic: !bit(3),
            quality: bit(4).then_some(Duration::from_secs(3)),
            require_auth: some(5),
            allow_auth: some(9),
            ..LcpConfig::default()
        },
        authenticator: AuthenticatorConfig {
            name: vec![b'a', end],
            rechallenge: bit(13).then_some(Duration::from_secs(20)),
            ..AuthenticatorConfig::default()
        },
        supplicant: SupplicantConfig {
            name: vec![b's', end],
            ..SupplicantConfig::default()
        },
        ipcp: Some(IpcpConfig {
            address: (!bit(14)).then_some([192, 0, 2, end].into()),
            peer_address: bit(15).then_some([192, 0, 2, 9].into()),
            request_dns: bit(16),
            give_dns: [bit(17).then_some([192, 0, 2, 53].into()), None],
            vj: bit(18).then_some(VjParameters {
                max_slot_id: 3,
                compress_slot_id: bit(19),
            }),
            ..IpcpConfig::default()
        }),
        ccp: bit(20).then(|| CcpConfig {
            mppe: bit(21).then(MppeConfig::default),
            deflate: bit(22).then_some(10),
            bsd_compress: bit(23).then_some(10),
        }),
        echo_interval: bit(24).then_some(Duration::from_secs(5)),
        idle_timeout: bit(25).then_some(Duration::from_secs(60)),
        session_timeout: bit(26).then_some(Duration::from_secs(300)),
        hold_network: bit(27),
        on_demand: bit(28),
        ..LinkConfig::default()
    }
}

struct End {
    link: Link,
    data: PacketBuf,
    /// What the peer has to prove before a network protocol opens.
    must_prove: bool,
    has_proved: bool,
}

impl End {
    fn new(config: LinkConfig, seed: u64) -> Option<Self> {
        Some(Self {
            must_prove: !config.lcp.require_auth.is_empty(),
            link: Link::new(config, Box::new(SeededRandom::new(seed))).ok()?,
            data: PacketBuf::new(),
            has_proved: false,
        })
    }

    fn events(&mut self) -> Vec<AuthRole> {
        let mut wanted = Vec::new();
        while let Some(event) = self.link.poll_event() {
            match event {
                LinkEvent::SecretWanted { role, .. } => wanted.push(role),
                LinkEvent::Authenticated {
                    role: AuthRole::Peer,
                    ..
                } => self.has_proved = true,
                LinkEvent::Phase(Phase::Dead | Phase::Establish) => self.has_proved = false,
                LinkEvent::Ipv4Up(_) | LinkEvent::Ipv6Up { .. } => {
                    assert!(self.has_proved || !self.must_prove);
                }
                _ => {}
            }
        }
        wanted
    }
}

impl Node for End {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.link.handle_input(now, frame, &mut self.data);
        result.map(|_| ()).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.link.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }
}

fuzz_target!(|input: Input<'_>| {
    let [first, second] = input.choices;
    let ends = [
        End::new(config(1, first), 1),
        End::new(config(2, second), 2),
    ];
    let [Some(first), Some(second)] = ends else {
        return;
    };
    let mut ends = [
        ContractChecker::new("first", first, SeededRandom::new(3)),
        ContractChecker::new("second", second, SeededRandom::new(4)),
    ];
    let mut now = Instant::from_secs(1);
    let mut change = [None; 2];
    for op in &input.ops {
        let at = |end: &bool| usize::from(*end);
        match op {
            Op::Pass { lost, repeated } => {
                pass(&mut ends, now, *lost, *repeated, &mut change);
            }
            Op::Octets(end, octets) => {
                let _ = ends[at(end)].handle_input(now, 0, octets);
            }
            Op::Packet(end, protocol, information) => {
                let protocol = PROTOCOLS[usize::from(*protocol) % PROTOCOLS.len()];
                let packet = [&protocol.0.to_be_bytes(), *information].concat();
                let _ = ends[at(end)].handle_input(now, 0, &packet);
            }
            Op::Control(end, protocol, code, identifier, data) => {
                let protocol = PROTOCOLS[usize::from(*protocol) % 8].0.to_be_bytes();
                let data = data.get(..data.len().min(1000)).unwrap_or_default();
                let [high, low] = u16::try_from(data.len() + 4).unwrap_or(4).to_be_bytes();
                let header = [protocol[0], protocol[1], code % 17, *identifier, high, low];
                let _ = ends[at(end)].handle_input(now, 0, &[&header, data].concat());
            }
            Op::Change(end, place, mask) => change[at(end)] = Some((*place, *mask)),
            Op::Data(end, is_ipv6, payload) => {
                let mut packet = PacketBuf::from(*payload);
                let protocol = [PppProtocol::IPV4, PppProtocol::IPV6][usize::from(*is_ipv6)];
                let end = &mut ends[at(end)];
                let _ = end.node_mut().link.encapsulate(now, protocol, &mut packet);
            }
            Op::Wait(tenths) => {
                let until = now + Duration::from_millis(u64::from(*tenths) * 100);
                for _ in 0..50 {
                    let timers = ends.iter().filter_map(ContractChecker::poll_timeout);
                    let Some(next) = timers.min().filter(|next| *next <= until) else {
                        break;
                    };
                    now = now.max(next);
                    for end in &mut ends {
                        end.handle_timeout(now);
                    }
                    pass(&mut ends, now, 0, 0, &mut change);
                }
                now = until;
            }
            Op::Open(end) => ends[at(end)].node_mut().link.open(now),
            Op::Close(end) => ends[at(end)].node_mut().link.close(now),
            Op::Line(end, true) => ends[at(end)].node_mut().link.lower_up(now),
            Op::Line(end, false) => ends[at(end)].node_mut().link.lower_down(now),
            Op::Network(end, what) => {
                let link = &mut ends[at(end)].node_mut().link;
                match what % 4 {
                    0 => link.close_ipv4(now),
                    1 => link.open_ipv4(now),
                    2 => link.close_ipv6(now),
                    _ => link.open_ipv6(now),
                }
            }
            Op::Secret(end, is_peer, which) => {
                let secrets = [None, Some("kiwi"), Some("a secret"), Some("")];
                let secret = secrets[usize::from(*which) % 4].map(Secret::from);
                let role = [AuthRole::Ours, AuthRole::Peer][usize::from(*is_peer)];
                let link = &mut ends[at(end)].node_mut().link;
                link.provide_secret(now, role, secret.as_ref());
            }
            Op::StartNetwork(end) => ends[at(end)].node_mut().link.start_network(now),
        }
        for end in &mut ends {
            for role in end.node_mut().events() {
                // Some answer later.
                if role == AuthRole::Peer || matches!(op, Op::Pass { .. } | Op::Wait(_)) {
                    let secret = Secret::from("kiwi");
                    end.node_mut().link.provide_secret(now, role, Some(&secret));
                }
            }
        }
    }
});

/// Carries what both ends have to say; the bits tell which packets are lost or come twice.
fn pass(
    ends: &mut [ContractChecker<End>; 2],
    now: Instant,
    lost: u32,
    repeated: u32,
    change: &mut [Option<(u8, u8)>; 2],
) {
    let mut number = 0;
    for _ in 0..20 {
        let mut moved = false;
        for from in 0..2 {
            let mut packets = Vec::new();
            ends[from].settle(now, |_, packet| packets.push(packet.to_vec()));
            for mut packet in packets {
                moved = true;
                if let Some((place, mask)) = change[from].take() {
                    let place = usize::from(place) % packet.len().max(1);
                    if let Some(octet) = packet.get_mut(place) {
                        *octet ^= mask;
                    }
                }
                let bit = |bits: u32| bits >> (number % 32) & 1 == 1;
                let times = usize::from(!bit(lost)) + usize::from(bit(repeated));
                number += 1;
                for _ in 0..times {
                    let _ = ends[1 - from].handle_input(now, 0, &packet);
                }
            }
            for end in &mut *ends {
                for role in end.node_mut().events() {
                    let secret = Secret::from("kiwi");
                    end.node_mut().link.provide_secret(now, role, Some(&secret));
                }
            }
        }
        if !moved {
            return;
        }
    }
}
