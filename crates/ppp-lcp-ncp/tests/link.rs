//! RFC 1661 §3: two links against each other, through all phases.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthFailure, AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::automaton::State;
use ppp_lcp_ncp::lcp::{AuthMethod, LcpConfig, MultilinkConfig};
use ppp_lcp_ncp::link::{
    AuthRole, CloseReason, Link, LinkConfig, LinkDiscard, LinkEvent, Phase, SendError,
};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::PppProtocol;
use testkit::SeededRandom;
use two_ends::TwoEnds;

mod two_ends;

const SECOND: Duration = Duration::from_secs(1);
const METHODS: [AuthMethod; 4] = [
    AuthMethod::Pap,
    AuthMethod::ChapMd5,
    AuthMethod::MsChapV2,
    AuthMethod::Eap,
];

fn config(number: u8) -> LinkConfig {
    LinkConfig {
        ipcp: Some(IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        }),
        authenticator: AuthenticatorConfig {
            name: format!("end{number}").into_bytes(),
            ..AuthenticatorConfig::default()
        },
        supplicant: SupplicantConfig {
            name: format!("end{number}").into_bytes(),
            ..SupplicantConfig::default()
        },
        ..LinkConfig::default()
    }
}

fn requires(mut config: LinkConfig, method: AuthMethod) -> LinkConfig {
    config.lcp.require_auth = vec![method];
    config
}

fn allows(mut config: LinkConfig, methods: &[AuthMethod]) -> LinkConfig {
    config.lcp.allow_auth = methods.to_vec();
    config
}

fn link(config: LinkConfig, seed: u64) -> Link {
    Link::new(config, Box::new(SeededRandom::new(seed))).unwrap()
}

/// Two ends, and a line between them.
struct Pair {
    now: Instant,
    ends: [Link; 2],
    events: [Vec<LinkEvent>; 2],
    /// What each end answers when it is asked for a secret.
    secrets: [Option<Secret>; 2],
    cut: bool,
}

impl Pair {
    fn new(first: LinkConfig, second: LinkConfig) -> Self {
        Self {
            now: Instant::from_secs(100),
            ends: [link(first, 1), link(second, 2)],
            events: [Vec::new(), Vec::new()],
            secrets: [Some(Secret::from("kiwi")), Some(Secret::from("kiwi"))],
            cut: false,
        }
    }

    fn started(first: LinkConfig, second: LinkConfig) -> Self {
        let mut pair = Self::new(first, second);
        pair.start();
        pair
    }

    fn start(&mut self) {
        for end in &mut self.ends {
            end.open(self.now);
            end.lower_up(self.now);
        }
        self.settle();
    }

    fn opened(first: LinkConfig, second: LinkConfig) -> Self {
        let mut pair = Self::started(first, second);
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        assert!(pair.is_open(PppProtocol::IPV4) && pair.is_open(PppProtocol::IPV6));
        pair.events = Default::default();
        pair
    }

    fn phases(&self) -> [Phase; 2] {
        [self.ends[0].phase(), self.ends[1].phase()]
    }

    fn is_open(&self, protocol: PppProtocol) -> bool {
        self.ends.iter().all(|end| end.is_open(protocol))
    }

    fn reason(&self, end: usize) -> Option<&CloseReason> {
        self.events[end].iter().find_map(|event| match event {
            LinkEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    fn saw(&self, end: usize, wanted: &LinkEvent) -> bool {
        self.events[end].contains(wanted)
    }

    /// A datagram from one end to the other.
    fn send(&mut self, from: usize, protocol: PppProtocol) -> bool {
        let mut packet = PacketBuf::from(&b"datagram"[..]);
        let mut data = PacketBuf::new();
        let sent = self.ends[from].encapsulate(self.now, protocol, &mut packet);
        sent.is_ok()
            && self.ends[1 - from].handle_input(self.now, packet.as_slice(), &mut data)
                == Ok(Some(protocol))
            && data.as_slice() == b"datagram"
    }
}

impl TwoEnds for Pair {
    type End = Link;

    fn parts(&mut self) -> (&mut Instant, &mut [Link; 2]) {
        (&mut self.now, &mut self.ends)
    }

    fn carry_from(&mut self, from: usize) -> bool {
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        let mut moved = false;
        while self.ends[from].poll_transmit(&mut packet).is_some() {
            moved = true;
            if !self.cut {
                let to = &mut self.ends[1 - from];
                let _ = to.handle_input(self.now, packet.as_slice(), &mut data);
            }
        }
        while let Some(event) = self.ends[from].poll_event() {
            moved = true;
            if let LinkEvent::SecretWanted { role, .. } = &event {
                let secret = self.secrets[from].as_ref();
                self.ends[from].provide_secret(self.now, *role, secret);
            }
            self.events[from].push(event);
        }
        moved
    }
}

mod phases {
    use super::*;

    // RFC 1661 §3.3 MUST (dead): nothing happens until the line is up.
    #[test]
    fn from_dead_to_network_and_back() {
        let mut pair = Pair::new(config(1), config(2));
        pair.ends[0].open(pair.now);
        pair.ends[1].open(pair.now);
        pair.settle();
        assert_eq!(pair.phases(), [Phase::Dead; 2]);
        assert!(pair.ends.iter().all(|end| end.poll_timeout().is_none()));
        pair.start();
        let phases = |events: &[LinkEvent]| -> Vec<Phase> {
            let phase = |event: &LinkEvent| match event {
                LinkEvent::Phase(phase) => Some(*phase),
                _ => None,
            };
            events.iter().filter_map(phase).collect()
        };
        assert_eq!(phases(&pair.events[0]), [Phase::Establish, Phase::Network]);
        for protocol in [PppProtocol::IPV4, PppProtocol::IPV6] {
            assert!(pair.send(0, protocol) && pair.send(1, protocol));
        }
        pair.events = Default::default();
        pair.ends[0].close(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        assert_eq!(pair.phases(), [Phase::Dead; 2]);
        assert_eq!(pair.reason(0), Some(&CloseReason::Closed));
        assert_eq!(pair.reason(1), Some(&CloseReason::PeerTerminated));
        for end in 0..2 {
            assert_eq!(phases(&pair.events[end]), [Phase::Terminate, Phase::Dead]);
            assert!(pair.saw(end, &LinkEvent::Ipv4Down) && pair.saw(end, &LinkEvent::Ipv6Down));
            assert_eq!(pair.ends[end].poll_timeout(), None);
        }
        assert!(!pair.send(0, PppProtocol::IPV4));
    }

    #[test]
    fn again_after_the_line_has_gone_and_come() {
        let mut pair = Pair::opened(config(1), config(2));
        for _ in 0..3 {
            for end in &mut pair.ends {
                end.lower_down(pair.now);
                assert_eq!(end.poll_timeout(), None);
            }
            pair.settle();
            assert_eq!(pair.phases(), [Phase::Dead; 2]);
            assert_eq!(pair.reason(0), Some(&CloseReason::LowerLayerDown));
            pair.start();
            assert_eq!(pair.phases(), [Phase::Network; 2]);
            assert!(pair.send(0, PppProtocol::IPV4));
            pair.events = Default::default();
        }
        // What an earlier session ended of is not told of a later one.
        pair.ends[1].close(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::PeerTerminated));
        pair.ends[0].lower_down(pair.now);
        pair.ends[1].lower_down(pair.now);
        pair.settle();
        pair.events = Default::default();
        pair.start();
        pair.ends[1].close(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::PeerTerminated));
    }

    #[test]
    fn nobody_answers() {
        let mut pair = Pair::new(config(1), config(2));
        pair.cut = true;
        pair.start();
        pair.run(31 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::NoAnswer));
        assert_eq!(pair.ends[0].poll_timeout(), None);
    }

    // RFC 1661 §3.4 MUST (establish): before LCP is open nothing else is heard.
    #[test]
    fn other_packets_in_the_phase_establish() {
        let mut end = link(config(1), 1);
        end.open(Instant::ZERO);
        let mut data = PacketBuf::new();
        let packet = [0x80, 0x21, 1, 1, 0, 4];
        let down = end.handle_input(Instant::ZERO, &packet, &mut data);
        assert_eq!(down, Err(LinkDiscard::LowerLayerDown));
        end.lower_up(Instant::ZERO);
        for protocol in [0x8021, 0x8057, 0x0021, 0xc023, 0xc223, 0xc227, 0x4021] {
            let packet = [&u16::to_be_bytes(protocol)[..], &[1, 1, 0, 4]].concat();
            let result = end.handle_input(Instant::ZERO, &packet, &mut data);
            let protocol = PppProtocol(protocol);
            assert_eq!(result, Err(LinkDiscard::Phase(protocol, Phase::Establish)));
        }
        assert_eq!(
            (end.stats().wrong_phase, end.stats().lower_layer_down),
            (7, 1)
        );
        // Only LCP's own request has been sent.
        assert!(end.poll_transmit(&mut data).is_some());
        assert!(end.poll_transmit(&mut data).is_none());
    }

    #[test]
    fn a_looped_line() {
        let mut end = link(config(1), 1);
        end.open(Instant::ZERO);
        end.lower_up(Instant::ZERO);
        let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
        let mut now = Instant::ZERO;
        let mut events = Vec::new();
        for _ in 0..1000 {
            if end.poll_transmit(&mut packet).is_some() {
                let _ = end.handle_input(now, packet.as_slice(), &mut data);
            } else if let Some(next) = end.poll_timeout() {
                now = next;
                end.handle_timeout(now);
            }
            events.extend(core::iter::from_fn(|| end.poll_event()));
        }
        assert!(events.contains(&LinkEvent::Closed(CloseReason::LoopedBack)));
        assert!(
            !events.contains(&LinkEvent::Phase(Phase::Network)),
            "{events:?}"
        );
    }
}

mod authentication {
    use super::*;

    fn pairs(method: AuthMethod) -> [Pair; 3] {
        let (one, two) = (requires(config(1), method), allows(config(2), &[method]));
        let mutual = [
            allows(one.clone(), &[method]),
            requires(two.clone(), method),
        ];
        [
            Pair::new(one.clone(), two.clone()),
            Pair::new(two, one),
            Pair::new(mutual[0].clone(), mutual[1].clone()),
        ]
    }

    #[test]
    fn each_method_each_way_and_both() {
        for method in METHODS {
            for (case, mut pair) in pairs(method).into_iter().enumerate() {
                pair.start();
                assert_eq!(pair.phases(), [Phase::Network; 2], "{method} {case}");
                assert!(pair.send(0, PppProtocol::IPV4) && pair.send(1, PppProtocol::IPV6));
                for end in 0..2 {
                    assert!(pair.saw(end, &LinkEvent::Phase(Phase::Authenticate)));
                    let proved = |role| {
                        let told = pair.events[end].iter().filter(|event| {
                            matches!(event, LinkEvent::Authenticated { role: it, .. } if *it == role)
                        });
                        told.count()
                    };
                    let asks = usize::from(case == 2 || case == end);
                    let shows = usize::from(case == 2 || case != end);
                    assert_eq!(proved(AuthRole::Peer), asks, "{method} {case} {end}");
                    assert_eq!(proved(AuthRole::Ours), shows, "{method} {case} {end}");
                    let has_keys = pair.ends[end].keys().is_some();
                    assert_eq!(has_keys, method == AuthMethod::MsChapV2);
                }
            }
        }
    }

    #[test]
    fn a_wrong_password_ends_it_at_both_ends() {
        for method in METHODS {
            for (case, mut pair) in pairs(method).into_iter().enumerate() {
                pair.secrets = [Some(Secret::from("kiwi")), Some(Secret::from("melon"))];
                pair.start();
                pair.run(100 * SECOND);
                assert_eq!(pair.phases(), [Phase::Dead; 2], "{method} {case}");
                let asker = if case == 1 { 1 } else { 0 };
                let shower = 1 - asker;
                for end in 0..2 {
                    assert!(
                        !pair.saw(end, &LinkEvent::Phase(Phase::Network)),
                        "{method} {case}"
                    );
                }
                let (asked, shown) = (pair.reason(asker), pair.reason(shower));
                if case < 2 {
                    let refused = matches!(
                        shown,
                        Some(CloseReason::WeNotAuthenticated(AuthFailure::Refused { .. }))
                    );
                    assert!(refused, "{method} {case}: {shown:?}");
                    // After a Nak of PAP the peer may try again, but this one ends the link.
                    let expected = if method == AuthMethod::Pap {
                        CloseReason::PeerTerminated
                    } else {
                        CloseReason::PeerNotAuthenticated(AuthFailure::WrongProof)
                    };
                    assert_eq!(asked, Some(&expected), "{method} {case}");
                } else {
                    assert!(asked.is_some() && shown.is_some());
                }
            }
        }
    }

    // RFC 1661 §3.5 MUST (authenticate): until the proof is right no NCP is spoken.
    #[test]
    fn who_is_not_authenticated_reaches_no_network_protocol() {
        for method in METHODS {
            let [mut pair, _, _] = pairs(method);
            // The authenticator's end never answers the question for the secret.
            let mut data = PacketBuf::new();
            let mut packet = PacketBuf::new();
            for end in &mut pair.ends {
                end.open(pair.now);
                end.lower_up(pair.now);
            }
            for _ in 0..20 {
                for from in 0..2 {
                    while pair.ends[from].poll_transmit(&mut packet).is_some() {
                        let to = &mut pair.ends[1 - from];
                        let _ = to.handle_input(pair.now, packet.as_slice(), &mut data);
                    }
                }
            }
            let end = &mut pair.ends[0];
            assert_eq!(end.phase(), Phase::Authenticate);
            for protocol in [0x8021, 0x8057, 0x0021, 0x0057, 0x4021] {
                let packet = [&u16::to_be_bytes(protocol)[..], &[1, 1, 0, 4]].concat();
                let result = end.handle_input(pair.now, &packet, &mut data);
                let protocol = PppProtocol(protocol);
                assert_eq!(
                    result,
                    Err(LinkDiscard::Phase(protocol, Phase::Authenticate))
                );
            }
            assert_eq!(end.ipcp().unwrap().state(), State::Initial);
            assert_eq!(end.ipv6cp().unwrap().state(), State::Initial);
            assert_eq!(end.ipcp().unwrap().stats().received, 0);
            let other = if method == AuthMethod::Pap {
                0xc223
            } else {
                0xc023
            };
            let packet = [&u16::to_be_bytes(other)[..], &[1, 1, 0, 6, 0, 0]].concat();
            let result = end.handle_input(pair.now, &packet, &mut data);
            assert_eq!(result, Err(LinkDiscard::NotNegotiated(PppProtocol(other))));
        }
    }

    #[test]
    fn a_peer_that_will_not_is_refused() {
        let mut pair = Pair::started(requires(config(1), AuthMethod::ChapMd5), config(2));
        pair.run(60 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::AuthenticationRefused));
        assert!(!pair.saw(0, &LinkEvent::Phase(Phase::Network)));
        // Opened again on the same line, it is refused again.
        for _ in 0..3 {
            pair.events = Default::default();
            for end in &mut pair.ends {
                end.close(pair.now);
                end.open(pair.now);
            }
            pair.settle();
            pair.run(60 * SECOND);
            assert!(!pair.saw(0, &LinkEvent::Phase(Phase::Network)));
            assert_eq!(pair.reason(0), Some(&CloseReason::AuthenticationRefused));
        }
        // Nor does a weaker way do.
        let strong = requires(config(1), AuthMethod::MsChapV2);
        let mut pair = Pair::started(strong, allows(config(2), &[AuthMethod::Pap]));
        pair.run(60 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::AuthenticationRefused));
    }

    #[test]
    fn an_authenticated_peer_proves_itself_again() {
        let mut asks = requires(config(1), AuthMethod::ChapMd5);
        asks.authenticator.rechallenge = Some(60 * SECOND);
        let mut pair = Pair::opened(asks, allows(config(2), &[AuthMethod::ChapMd5]));
        pair.run(200 * SECOND);
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        let name = b"end2".to_vec();
        let again = LinkEvent::Authenticated {
            role: AuthRole::Peer,
            name,
        };
        assert_eq!(
            pair.events[0]
                .iter()
                .filter(|event| **event == again)
                .count(),
            3
        );
        pair.secrets[0] = None;
        pair.run(100 * SECOND);
        let wrong = CloseReason::PeerNotAuthenticated(AuthFailure::WrongProof);
        assert_eq!(pair.reason(0), Some(&wrong));
    }

    #[test]
    fn the_network_phase_can_be_held() {
        for asks in [requires(config(1), AuthMethod::ChapMd5), config(1)] {
            let held = LinkConfig {
                hold_network: true,
                ..asks
            };
            let mut pair = Pair::started(held, allows(config(2), &[AuthMethod::ChapMd5]));
            assert_eq!(pair.ends[0].phase(), Phase::Authenticate);
            assert_eq!(pair.ends[0].ipcp().unwrap().state(), State::Initial);
            let given = IpcpConfig {
                address: Some([203, 0, 113, 1].into()),
                peer_address: Some([192, 0, 2, 2].into()),
                ..IpcpConfig::default()
            };
            assert!(pair.ends[0].set_ipcp_config(given));
            pair.ends[0].start_network(pair.now);
            pair.settle();
            pair.run(10 * SECOND);
            assert!(pair.is_open(PppProtocol::IPV4));
            let values = pair.ends[1].ipcp().unwrap().negotiation().values();
            assert_eq!(values.peer_address, Some([203, 0, 113, 1].into()));
        }
    }
}

mod networks {
    use super::*;

    // RFC 1661 §3.6 MUST (ncp): one goes and comes, the other stays.
    #[test]
    fn each_opens_and_closes_alone() {
        let mut pair = Pair::opened(config(1), config(2));
        pair.ends[0].close_ipv4(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        assert!(!pair.is_open(PppProtocol::IPV4) && pair.is_open(PppProtocol::IPV6));
        assert!(pair.saw(1, &LinkEvent::Ipv4Down) && !pair.saw(1, &LinkEvent::Ipv6Down));
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        assert!(pair.send(0, PppProtocol::IPV6));
        let mut packet = PacketBuf::from(&b"datagram"[..]);
        let refused = pair.ends[0].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
        assert_eq!(refused, Err(SendError::NotOpen(PppProtocol::IPV4)));
        assert_eq!(packet.as_slice(), b"datagram");
        pair.ends[0].open_ipv4(pair.now);
        pair.settle();
        assert!(pair.send(0, PppProtocol::IPV4));
        pair.ends[1].close_ipv6(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        assert!(pair.is_open(PppProtocol::IPV4) && !pair.is_open(PppProtocol::IPV6));
        pair.ends[1].open_ipv6(pair.now);
        pair.settle();
        assert!(pair.send(1, PppProtocol::IPV6));
    }

    #[test]
    fn a_link_without_any_ends() {
        let only = |number| LinkConfig {
            ipv6cp: None,
            ..config(number)
        };
        let mut pair = Pair::started(only(1), only(2));
        pair.ends[0].close_ipv4(pair.now);
        pair.settle();
        pair.run(20 * SECOND);
        assert_eq!(pair.phases(), [Phase::Dead; 2]);
        assert_eq!(pair.reason(0), Some(&CloseReason::NoNetworkProtocol));
        // Nor do two without a common one stay.
        let other = LinkConfig {
            ipcp: None,
            ..config(2)
        };
        let mut pair = Pair::started(only(1), other);
        pair.run(20 * SECOND);
        assert_eq!(pair.phases(), [Phase::Dead; 2]);
        assert_eq!(pair.reason(0), Some(&CloseReason::NoNetworkProtocol));
    }

    #[test]
    fn without_addresses_there_is_no_ipv4() {
        let none = LinkConfig {
            ipcp: Some(IpcpConfig::default()),
            ..config(2)
        };
        let mut pair = Pair::started(none.clone(), none);
        pair.run(60 * SECOND);
        assert!(!pair.is_open(PppProtocol::IPV4) && pair.is_open(PppProtocol::IPV6));
        for end in 0..2 {
            assert!(!pair.saw(end, &LinkEvent::Ipv4Down), "it was never up");
        }
    }

    // RFC 1661 §3.6 MUST (not-open): data is discarded while its protocol is not open.
    // RFC 1661 §3.6 MUST (unsupported): a protocol that is not spoken is rejected.
    #[test]
    fn packets_of_other_protocols() {
        let mut pair = Pair::opened(config(1), config(2));
        pair.ends[0].close_ipv4(pair.now);
        pair.settle();
        pair.run(10 * SECOND);
        let mut data = PacketBuf::new();
        let result = pair.ends[0].handle_input(pair.now, b"\x00\x21data", &mut data);
        assert_eq!(result, Err(LinkDiscard::NotOpen(PppProtocol::IPV4)));
        let mut out = PacketBuf::new();
        assert!(pair.ends[0].poll_transmit(&mut out).is_none());
        let result = pair.ends[0].handle_input(pair.now, b"\x40\x21data", &mut data);
        assert_eq!(result, Ok(None));
        assert_eq!(pair.ends[0].stats().unknown_protocol, 1);
        pair.settle();
        let told = LinkEvent::ProtocolRejected(PppProtocol(0x4021));
        assert!(pair.saw(1, &told));
        assert!(matches!(
            pair.ends[0].handle_input(pair.now, &[0xff, 3], &mut data),
            Err(LinkDiscard::Parse(_))
        ));
    }

    #[test]
    fn packets_have_to_fit_the_peer() {
        let small = LinkConfig {
            lcp: LcpConfig {
                mru: 200,
                ..LcpConfig::default()
            },
            ..config(2)
        };
        let mut pair = Pair::opened(config(1), small);
        for (length, fits) in [(200, true), (201, false)] {
            let octets = vec![7; length];
            let mut packet = PacketBuf::from(&octets[..]);
            let result = pair.ends[0].encapsulate(pair.now, PppProtocol::IPV4, &mut packet);
            assert_eq!(result.is_ok(), fits);
            if !fits {
                assert_eq!(result, Err(SendError::TooLong { length, mru: 200 }));
                assert_eq!(packet.as_slice(), octets);
            }
        }
        assert_eq!(pair.ends[0].stats().send_too_long, 1);
    }
}

mod messages {
    use super::*;

    #[test]
    fn the_peer_is_told_what_we_are_and_how_long_there_is() {
        let config = LinkConfig {
            session_timeout: Some(100 * SECOND),
            ..config(1)
        };
        let mut pair = Pair::opened(config, super::config(2));
        pair.run(30 * SECOND);
        let left = pair.ends[0].time_remaining(pair.now);
        assert_eq!(left, Some(70 * SECOND));
        assert_eq!(pair.ends[1].time_remaining(pair.now), None);
        assert!(pair.ends[0].send_identification(b"test 1.0"));
        assert!(pair.ends[0].send_time_remaining(left));
        assert!(pair.ends[0].send_time_remaining(None));
        assert!(pair.ends[0].send_discard_request(&[7; 100]));
        pair.settle();
        let expected = [
            LinkEvent::PeerIdentification(b"test 1.0".to_vec()),
            LinkEvent::TimeRemaining(left),
            LinkEvent::TimeRemaining(None),
        ];
        assert_eq!(pair.events[1], expected);
        assert_eq!(pair.ends[1].lcp().stats().discard_requests, 1);
        // A line that is down carries none of them.
        pair.ends[0].lower_down(pair.now);
        let end = &mut pair.ends[0];
        assert!(!end.send_identification(b"x") && !end.send_time_remaining(None));
        assert!(
            !end.send_discard_request(&[]) && end.poll_transmit(&mut PacketBuf::new()).is_none()
        );
    }
}

mod timers {
    use super::*;

    #[test]
    fn a_silent_peer_is_given_up() {
        let echoes = LinkConfig {
            echo_interval: Some(10 * SECOND),
            echo_failures: 3,
            ..config(1)
        };
        let mut pair = Pair::opened(echoes, config(2));
        pair.run(1000 * SECOND);
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        assert_eq!(pair.ends[0].stats().echo_requests, 100);
        pair.cut = true;
        pair.run(60 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::EchoLost));
        assert_eq!(pair.ends[0].stats().echo_requests, 103);
        assert_eq!(pair.ends[0].poll_timeout(), None);
    }

    // RFC 1661 §5.6 SHOULD (stop): who does not know echoes is not asked, nor taken for dead.
    #[test]
    fn a_peer_without_echoes_is_not_given_up() {
        let echoes = LinkConfig {
            echo_interval: Some(10 * SECOND),
            echo_failures: 3,
            ..config(1)
        };
        let mut pair = Pair::opened(echoes, config(2));
        let mut data = PacketBuf::new();
        let reject = [0xc0, 0x21, 7, 1, 0, 12, 9, 1, 0, 8, 0, 0, 0, 0];
        let result = pair.ends[0].handle_input(pair.now, &reject, &mut data);
        assert_eq!(result, Ok(None));
        pair.cut = true;
        pair.run(1000 * SECOND);
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        assert_eq!(pair.ends[0].stats().echo_requests, 0);
    }

    #[test]
    fn a_clock_that_runs_backwards_sets_no_deadline_in_the_past() {
        let mut pair = Pair::opened(config(1), config(2));
        let (end, mut data) = (&mut pair.ends[0], PacketBuf::new());
        let late = pair.now + 100 * SECOND;
        let received = end.handle_input(late, b"\x00\x21data", &mut data);
        assert_eq!(received, Ok(Some(PppProtocol::IPV4)));
        let terminate = [0xc0, 0x21, 5, 1, 0, 4];
        assert_eq!(end.handle_input(pair.now, &terminate, &mut data), Ok(None));
        assert_eq!(end.poll_timeout(), Some(late + 3 * SECOND));
    }

    #[test]
    fn an_idle_link_closes() {
        let idle = LinkConfig {
            idle_timeout: Some(60 * SECOND),
            ..config(1)
        };
        let mut pair = Pair::opened(idle, config(2));
        for from in [0, 1, 0] {
            pair.run(50 * SECOND);
            assert!(pair.send(from, PppProtocol::IPV4));
        }
        assert_eq!(pair.phases(), [Phase::Network; 2]);
        pair.run(70 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::IdleTimeout));
        assert_eq!(pair.reason(1), Some(&CloseReason::PeerTerminated));
    }

    #[test]
    fn a_session_ends_although_it_is_used() {
        let session = LinkConfig {
            session_timeout: Some(100 * SECOND),
            ..config(1)
        };
        let mut pair = Pair::opened(session, config(2));
        for _ in 0..9 {
            pair.run(11 * SECOND);
            assert!(pair.send(0, PppProtocol::IPV4));
        }
        pair.run(10 * SECOND);
        assert_eq!(pair.reason(0), Some(&CloseReason::SessionTimeout));
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let base = config(1);
        let zero = Some(Duration::ZERO);
        let bad = [
            (
                "ipcp",
                LinkConfig {
                    ipcp: None,
                    ipv6cp: None,
                    ..base.clone()
                },
            ),
            (
                "hold_network",
                LinkConfig {
                    lcp: LcpConfig {
                        multilink: Some(MultilinkConfig {
                            mrru: 1500,
                            short_sequence_number: false,
                            endpoint: None,
                        }),
                        ..LcpConfig::default()
                    },
                    ..base.clone()
                },
            ),
            (
                "echo_failures",
                LinkConfig {
                    echo_failures: 0,
                    ..base.clone()
                },
            ),
            (
                "echo_interval",
                LinkConfig {
                    echo_interval: zero,
                    ..base.clone()
                },
            ),
            (
                "idle_timeout",
                LinkConfig {
                    idle_timeout: zero,
                    ..base.clone()
                },
            ),
            (
                "session_timeout",
                LinkConfig {
                    session_timeout: zero,
                    ..base
                },
            ),
        ];
        for (field, config) in bad {
            let error = Link::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
            assert_eq!(error.field, field);
        }
    }
}

#[test]
fn nothing_panics_in_any_phase() {
    let packets: [&[u8]; 9] = [
        &[0xc0, 0x21, 5, 1, 0, 4],
        &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4],
        &[0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0],
        &[0xc0, 0x21, 8, 1, 0, 12, 0x80, 0x21, 1, 1, 0, 4],
        &[0x80, 0x21, 1, 1, 0, 10, 3, 6, 192, 0, 2, 7],
        &[0x80, 0x57, 1, 1, 0, 14, 1, 10, 0, 0, 0, 0, 0, 0, 0, 7],
        b"\xc2\x23\x02\x01\x00\x19\x100123456789abcdefend2",
        b"\xc0\x23\x01\x01\x00\x0e\x04end2\x04kiwi",
        b"\xc2\x27\x02\x01\x00\x09\x01end2",
    ];
    let asks = || requires(config(1), AuthMethod::ChapMd5);
    for packet in packets {
        testkit::sweep(packet, |octets| {
            let mut establish = link(asks(), 1);
            establish.open(Instant::ZERO);
            establish.lower_up(Instant::ZERO);
            let mut data = PacketBuf::new();
            let _ = establish.handle_input(Instant::ZERO, octets, &mut data);
            assert!(establish.phase() <= Phase::Establish);
        });
    }
    let mut ended = 0;
    for packet in packets {
        let mut pair = Pair::opened(asks(), allows(config(2), &[AuthMethod::ChapMd5]));
        testkit::sweep(packet, |octets| {
            if pair.phases() != [Phase::Network; 2] {
                ended += 1;
                pair = Pair::opened(asks(), allows(config(2), &[AuthMethod::ChapMd5]));
            }
            let mut data = PacketBuf::new();
            let _ = pair.ends[0].handle_input(pair.now, octets, &mut data);
            pair.settle();
        });
    }
    assert!(ended > 0, "a Terminate-Request is among them");
}
