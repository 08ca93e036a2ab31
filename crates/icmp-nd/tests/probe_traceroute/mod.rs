//! Traceroute.

use crate::probe_support::*;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use icmp_nd::generation::{ErrorOptions, build_ipv4_error};
use icmp_nd::probe::{SimHop, SimPath};
use icmp_nd::traceroute::*;
use icmp_nd::wire::{
    ExtensionObject, ExtensionObjectRepr, InterfaceInformation, InterfaceRole, MplsLabelStackEntry,
    emit_extensions,
};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::*;
use std::collections::BTreeSet;
use testkit::{ContractChecker, LinkConfig, Network, SeededRandom, for_each_seed};

const KINDS: [ProbeKind; 3] = [ProbeKind::Udp, ProbeKind::Icmp, ProbeKind::Tcp];
const ENDS: [(IpAddr, IpAddr); 2] = [(HERE, THERE), (HERE6, THERE6)];

/// Runs a trace over a path to its end.
fn run(config: TracerouteConfig, path: SimPath) -> TraceNode {
    run_over(config, path, LinkConfig::default(), 7)
}

fn run_over(config: TracerouteConfig, path: SimPath, link: LinkConfig, seed: u64) -> TraceNode {
    let mut network = Network::new(seed);
    let random = Box::new(network.random("trace"));
    let trace = Traceroute::new(Instant::ZERO, config, random).unwrap();
    let here = network.add_node("here", TraceNode::new(trace));
    let there = network.add_node("path", PathNode::new(path));
    network.add_link("wire", here, there, link);
    network.run_until_idle(Instant::from_secs(600)).unwrap();
    core::mem::replace(
        network.node_mut::<TraceNode>(here),
        TraceNode::new(trace_to_nowhere()),
    )
}

fn trace_to_nowhere() -> Traceroute {
    Traceroute::new(Instant::ZERO, TracerouteConfig::new(HERE, THERE), random(0)).unwrap()
}

fn config(kind: ProbeKind, (source, destination): (IpAddr, IpAddr)) -> TracerouteConfig {
    TracerouteConfig {
        kind,
        ..TracerouteConfig::new(source, destination)
    }
}

/// A trace whose first probe has just been sent.
fn started(config: TracerouteConfig) -> (Traceroute, Vec<u8>) {
    let mut trace = Traceroute::new(Instant::ZERO, config, random(1)).unwrap();
    let probe = next(&mut trace);
    (trace, probe)
}

fn next(trace: &mut Traceroute) -> Vec<u8> {
    let now = trace.poll_timeout().expect("not finished");
    trace.handle_timeout(now);
    let mut out = PacketBuf::new();
    trace.poll_transmit(&mut out).expect("a probe");
    out.as_slice().to_vec()
}

fn error(probe: &[u8], message: Icmpv4Repr, extensions: &[u8], length: usize) -> Vec<u8> {
    let options = ErrorOptions {
        extensions,
        ipv4_error_len: length,
        ..ErrorOptions::default()
    };
    let mut out = PacketBuf::new();
    build_ipv4_error(&message, probe, [10, 1, 0, 1].into(), &options, &mut out).unwrap();
    out.as_slice().to_vec()
}

const EXPIRED: Icmpv4Repr = Icmpv4Repr::TimeExceeded {
    code: icmpv4_code::TimeExceeded::TRANSIT,
    quoted_words: 0,
};

const fn too_big(next_hop_mtu: u16) -> Icmpv4Repr {
    Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu,
    }
}

mod path_found {
    use super::*;

    #[test]
    fn by_every_kind_of_probe_over_both_versions() {
        for kind in KINDS {
            for ends in ENDS {
                let node = run(config(kind, ends), path(5));
                assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 6 }));
                let hops: Vec<&Hop> = node.trace.hops().collect();
                assert_eq!(hops.len(), 6, "{kind:?} {ends:?}");
                for (n, hop) in (1..=5).zip(&hops) {
                    assert_eq!(hop.responders.len(), 1);
                    assert_eq!(hop.responders[0].address, router(n, ends.0));
                    assert_eq!((hop.sent, hop.answered), (3, 3));
                    // The link to the path is a millisecond, as is each hop.
                    let there_and_back = Duration::from_millis(2 * (u64::from(n) + 1));
                    assert_eq!(hop.rtt.average(), Some(there_and_back));
                }
                assert_eq!(hops[5].responders[0].address, ends.1);
                for answer in node.answers() {
                    assert!(!answer.late && !answer.duplicate && !answer.rewritten);
                    assert!(answer.quoted_hop_limit.is_none_or(|left| left >= 1));
                }
            }
        }
    }

    #[test]
    fn the_destination_says_what_it_is() {
        for (kind, port, wanted) in [
            (ProbeKind::Tcp, 443, AnswerKind::TcpSynAck),
            (ProbeKind::Tcp, 80, AnswerKind::TcpReset),
            (ProbeKind::Icmp, 0, AnswerKind::EchoReply),
        ] {
            let config = TracerouteConfig {
                destination_port: Some(port),
                ..config(kind, (HERE, THERE))
            };
            let node = run(config, path(2));
            assert_eq!(node.trace.hop(3).unwrap().responders[0].kind, wanted);
        }
        let node = run(config(ProbeKind::Udp, (HERE, THERE)), path(2));
        let AnswerKind::Error(error) = node.trace.hop(3).unwrap().responders[0].kind else {
            panic!("no error");
        };
        assert!(error.is_port_unreachable() && error.annotation().is_none());
    }

    #[test]
    fn from_the_first_hop_asked_for_to_the_last() {
        let config = TracerouteConfig {
            first_ttl: 3,
            max_ttl: 4,
            ..config(ProbeKind::Icmp, (HERE, THERE))
        };
        let node = run(config, path(9));
        assert_eq!(node.trace.outcome(), Some(Outcome::MaxTtl));
        let ttls: Vec<u8> = node.trace.hops().map(|hop| hop.ttl).collect();
        assert_eq!(ttls, [3, 4]);
    }

    #[test]
    fn a_silent_hop_is_passed_and_a_silent_path_given_up() {
        let mut silent = path(6);
        silent.hops[2].silent = true;
        let node = run(config(ProbeKind::Udp, (HERE, THERE)), silent.clone());
        assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 7 }));
        let hop = node.trace.hop(3).unwrap();
        assert_eq!(
            (hop.answered, hop.timeouts, hop.responders.len()),
            (0, 3, 0)
        );

        silent
            .hops
            .iter_mut()
            .skip(2)
            .for_each(|hop| hop.silent = true);
        silent.destinations.clear();
        let config = TracerouteConfig {
            silent_hops: 4,
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let node = run(config, silent);
        assert_eq!(node.trace.outcome(), Some(Outcome::Silence));
        assert_eq!(node.trace.hops().count(), 2 + 4);
    }

    #[test]
    fn codes_are_told_as_people_know_them() {
        for (v4, v6, sign) in [
            (1, 3, "!H"),
            (0, 0, "!N"),
            (13, 1, "!X"),
            (2, 6, "!P !N"),
            (15, 2, "!C !2"),
        ] {
            for (ends, sign) in ENDS.into_iter().zip(sign.split(' ').cycle()) {
                let mut path = path(5);
                path.hops[2].unreachable = Some((v4, v6));
                let node = run(config(ProbeKind::Udp, ends), path);
                let Some(Outcome::Unreachable { ttl: 4, error }) = node.trace.outcome() else {
                    panic!("{:?}", node.trace.outcome());
                };
                assert_eq!(error.annotation().unwrap().to_string(), sign);
            }
        }
    }
}

mod flows {
    use super::*;

    /// What a router that shares load looks at.
    fn flow_of(probe: &[u8]) -> Vec<u8> {
        match IpPacket::parse(probe).unwrap() {
            IpPacket::V4(ip) => [
                &ip.source().octets()[..],
                &ip.destination().octets(),
                &[ip.protocol().0, ip.dscp()],
                &ip.payload()[..4],
            ]
            .concat(),
            IpPacket::V6(ip) => [
                &ip.flow_label().to_be_bytes()[..],
                &ip.destination().octets(),
                &[ip.next_header().0],
                &ip.payload()[..4],
            ]
            .concat(),
        }
    }

    fn flows(node: &TraceNode) -> BTreeSet<Vec<u8>> {
        node.sent.iter().map(|(_, probe)| flow_of(probe)).collect()
    }

    #[test]
    fn all_probes_of_a_stable_trace_are_of_one() {
        for kind in KINDS {
            for ends in ENDS {
                let node = run(config(kind, ends), path(12));
                assert!(node.sent.len() >= 36);
                assert_eq!(flows(&node).len(), 1, "{kind:?} {ends:?}");
                // And yet each is different.
                let probes: BTreeSet<&[u8]> =
                    node.sent.iter().map(|(_, probe)| &probe[..]).collect();
                assert_eq!(probes.len(), node.sent.len());
            }
        }
    }

    #[test]
    fn probes_are_well_formed() {
        for kind in KINDS {
            for ends in ENDS {
                let node = run(config(kind, ends), path(3));
                for (transmit, probe) in &node.sent {
                    assert_eq!(usize::from(transmit.size), probe.len());
                    let ip = IpPacket::parse(probe).unwrap();
                    assert_eq!(ip.hop_limit(), transmit.ttl);
                    let (addresses, octets) = match &ip {
                        IpPacket::V4(ip) => {
                            assert_eq!(ip.verify_checksum(), Ok(()));
                            (ip.pseudo_header(), ip.payload())
                        }
                        IpPacket::V6(ip) => (ip.pseudo_header(), ip.payload()),
                    };
                    match (kind, &ip) {
                        (ProbeKind::Udp, _) => UdpDatagram::parse(octets)
                            .unwrap()
                            .verify_checksum(&addresses)
                            .unwrap(),
                        (ProbeKind::Tcp, _) => TcpSegment::parse(octets)
                            .unwrap()
                            .verify_checksum(&addresses)
                            .unwrap(),
                        (ProbeKind::Icmp, IpPacket::V4(_)) => Icmpv4Message::parse(octets)
                            .unwrap()
                            .verify_checksum()
                            .unwrap(),
                        (ProbeKind::Icmp, IpPacket::V6(_)) => Icmpv6Message::parse(octets)
                            .unwrap()
                            .verify_checksum(&addresses)
                            .unwrap(),
                    }
                }
            }
        }
    }

    /// A path whose third hop is one of four routers by flow.
    fn fan() -> SimPath {
        let mut path = path(5);
        let routers = |like| (1..=4).map(move |side| side_router(3, side, like));
        path.hops[2] = SimHop::new(routers(HERE).chain(routers(HERE6)).collect::<Vec<_>>());
        path
    }

    #[test]
    fn a_stable_trace_meets_one_router_where_others_meet_several() {
        for kind in KINDS {
            for ends in ENDS {
                let seen = |flows, probes| {
                    let config = TracerouteConfig {
                        flows,
                        schedule: Schedule::ByHop {
                            probes_per_hop: probes,
                        },
                        ..config(kind, ends)
                    };
                    let node = run(config, fan());
                    assert!(matches!(
                        node.trace.outcome(),
                        Some(Outcome::Reached { .. })
                    ));
                    node.trace.hop(3).unwrap().responders.len()
                };
                assert_eq!(seen(FlowPolicy::Stable, 40), 1);
                assert!(seen(FlowPolicy::Spread(40), 40) >= 3, "{kind:?}");
                assert!(seen(FlowPolicy::Vary, 40) >= 3, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_spread_flow_meets_the_same_router_again() {
        let config = TracerouteConfig {
            flows: FlowPolicy::Spread(8),
            schedule: Schedule::Rounds {
                rounds: Some(32),
                interval: Duration::from_millis(100),
            },
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let node = run(config, fan());
        let mut routers = std::collections::BTreeMap::new();
        for answer in node.answers().iter().filter(|answer| answer.ttl == 3) {
            let router = *routers.entry(answer.flow).or_insert(answer.from);
            assert_eq!(router, answer.from);
        }
        assert_eq!(routers.len(), 8);
    }
}

mod mtu {
    use super::*;

    /// 1500 up to the second hop, 1400 behind it, 1280 behind the fourth.
    fn narrowing() -> SimPath {
        let mut path = path(6);
        path.hops[1].mtu = 1_400;
        path.hops[3].mtu = 1_280;
        path
    }

    // RFC 1191 §3 MUST (df): probes for the path MTU must not be fragmented.
    #[test]
    fn is_found_hop_by_hop() {
        for kind in KINDS {
            for ends in ENDS {
                let config = TracerouteConfig {
                    mtu_discovery: true,
                    packet_len: 1_500,
                    ..config(kind, ends)
                };
                let node = run(config, narrowing());
                assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 7 }));
                assert_eq!(node.trace.path_mtu(), Some(1_280));
                let mtus: Vec<Option<u32>> = node.trace.hops().map(|hop| hop.mtu).collect();
                // The hop that asks for it is the one behind the router that says so.
                let wanted = [None, None, Some(1_400), None, Some(1_280), None, None];
                assert_eq!(mtus, wanted, "{kind:?} {ends:?}");
                for hop in node.trace.hops() {
                    assert_eq!((hop.sent, hop.answered, hop.timeouts), (3, 3, 0));
                }
                for (transmit, probe) in &node.sent {
                    if let Ok(IpPacket::V4(ip)) = IpPacket::parse(probe) {
                        assert!(ip.dont_fragment());
                    }
                    assert!([1_500, 1_400, 1_280].contains(&transmit.size));
                }
                let reporters: BTreeSet<IpAddr> = node
                    .events
                    .iter()
                    .filter_map(|event| match event {
                        Event::PacketTooBig { from, .. } => Some(*from),
                        _ => None,
                    })
                    .collect();
                assert_eq!(
                    reporters,
                    BTreeSet::from([router(2, ends.0), router(4, ends.0)])
                );
            }
        }
    }

    #[test]
    fn from_jumbo_frames_down() {
        let mut path = narrowing();
        path.hops[0].mtu = 9_000;
        let config = TracerouteConfig {
            mtu_discovery: true,
            packet_len: 9_001,
            ..config(ProbeKind::Icmp, (HERE6, THERE6))
        };
        let node = run(config, path);
        assert_eq!(node.trace.path_mtu(), Some(1_280));
        assert_eq!(node.trace.hop(2).unwrap().mtu, Some(9_000));
    }

    // RFC 1191 §5 SHOULD (plateaus): routers that tell no MTU are taken to mean the next plateau.
    #[test]
    fn routers_that_tell_none_mean_the_next_plateau() {
        let config = TracerouteConfig {
            mtu_discovery: true,
            packet_len: 1_500,
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let (mut trace, probe) = started(config);
        let old = error(&probe, too_big(0), &[], 56);
        trace.handle_input(Instant::from_millis(1), &old).unwrap();
        assert_eq!(trace.path_mtu(), Some(1_492));
        assert_eq!(next(&mut trace).len(), 1_492);
    }

    #[test]
    fn without_discovery_it_is_an_answer_with_a_sign() {
        let config = TracerouteConfig {
            packet_len: 1_500,
            dont_fragment: true,
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let node = run(config, narrowing());
        let Some(Outcome::Unreachable { error, .. }) = node.trace.outcome() else {
            panic!("{:?}", node.trace.outcome());
        };
        assert_eq!(error.annotation().unwrap().to_string(), "!F-1400");
    }

    /// RFC 5927: an MTU that the probe fits, or that no link has, is not believed.
    #[test]
    fn impossible_ones_are_refused_and_counted() {
        let config = TracerouteConfig {
            mtu_discovery: true,
            packet_len: 1_400,
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let (mut trace, probe) = started(config);
        for mtu in [1, 67, 1_400, 1_500, 65_535] {
            let forged = error(&probe, too_big(mtu), &[], 576);
            assert_eq!(
                trace.handle_input(Instant::ZERO, &forged),
                Err(Discard::BogusMtu(u32::from(mtu)))
            );
        }
        assert_eq!(trace.path_mtu(), Some(1_400));
        assert_eq!(trace.stats().bogus_mtu, 5);
        // The same report twice shrinks once and sends again once.
        let told = error(&probe, too_big(1_000), &[], 576);
        trace.handle_input(Instant::ZERO, &told).unwrap();
        assert_eq!(
            trace.handle_input(Instant::ZERO, &told),
            Err(Discard::UnknownProbe)
        );
        assert_eq!(trace.hop(1).unwrap().sent, 0);
    }
}

mod answers_told_apart {
    use super::*;

    #[test]
    fn duplicates_and_late_ones() {
        let (mut trace, probe) = started(config(ProbeKind::Udp, (HERE, THERE)));
        let answer = error(&probe, EXPIRED, &[], 576);
        trace.handle_timeout(Instant::from_secs(3));
        assert_eq!(trace.hop(1).unwrap().timeouts, 1);
        trace.handle_input(Instant::from_secs(4), &answer).unwrap();
        trace.handle_input(Instant::from_secs(5), &answer).unwrap();
        let answers: Vec<Answer> = core::iter::from_fn(|| trace.poll_event())
            .filter_map(|event| match event {
                Event::Answer(answer) => Some(answer),
                _ => None,
            })
            .collect();
        assert!(answers[0].late && !answers[0].duplicate);
        assert!(answers[1].duplicate);
        let hop = trace.hop(1).unwrap();
        assert_eq!((hop.answered, hop.late, hop.duplicates), (1, 1, 1));
    }

    #[test]
    fn reordered_ones_of_a_hop() {
        let (mut trace, first) = started(config(ProbeKind::Udp, (HERE, THERE)));
        let second = next(&mut trace);
        for probe in [&second, &first] {
            let answer = error(probe, EXPIRED, &[], 576);
            trace.handle_input(Instant::from_secs(1), &answer).unwrap();
        }
        assert_eq!(trace.hop(1).unwrap().reordered, 1);
    }

    #[test]
    fn eight_quoted_octets_are_enough() {
        for kind in KINDS {
            let (mut trace, probe) = started(config(kind, (HERE, THERE)));
            let answer = error(&probe, EXPIRED, &[], 56);
            assert_eq!(answer.len(), 56);
            trace
                .handle_input(Instant::from_millis(1), &answer)
                .unwrap();
        }
    }

    #[test]
    fn a_probe_that_was_translated_is_told_by_its_identification() {
        let (mut trace, mut probe) = started(config(ProbeKind::Udp, (HERE, THERE)));
        probe[26] ^= 0x55; // the checksum
        let answer = error(&probe, EXPIRED, &[], 56);
        trace
            .handle_input(Instant::from_millis(1), &answer)
            .unwrap();
        let Some(Event::Answer(answer)) = trace.poll_event() else {
            panic!("no answer");
        };
        assert!(answer.rewritten);
    }

    // RFC 4884 §5.5: extensions behind 128 octets are found without a length.
    #[test]
    fn extensions_are_kept_also_old_ones() {
        // RFC 4950: a label; RFC 5837: the interface that the probe came by.
        let label = MplsLabelStackEntry {
            label: 1_002,
            traffic_class: 0,
            bottom_of_stack: true,
            ttl: 1,
        };
        let interface = InterfaceInformation {
            role: InterfaceRole::Incoming,
            index: Some(3),
            address: Some([10, 1, 0, 1].into()),
            name: Some("eth3"),
            mtu: Some(1_500),
        };
        let objects = [
            ExtensionObjectRepr::MplsLabelStack(vec![label].into()),
            ExtensionObjectRepr::InterfaceInformation(interface),
        ];
        let mut extension = PacketBuf::new();
        emit_extensions(&objects, &mut extension).unwrap();
        let extension = extension.as_slice();
        for legacy in [false, true] {
            let (mut trace, probe) = started(config(ProbeKind::Udp, (HERE, THERE)));
            let mut answer = error(&probe, EXPIRED, extension, 576);
            if legacy {
                answer[25] = 0; // the length field
                let mut icmp = answer.split_off(20);
                icmp[2..4].fill(0);
                let checksum = packet_buffer::checksum::internet_checksum(&icmp);
                icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
                answer.extend(icmp);
            }
            trace
                .handle_input(Instant::from_millis(1), &answer)
                .unwrap();
            let Some(Event::Answer(answer)) = trace.poll_event() else {
                panic!("no answer");
            };
            assert!(answer.has_extensions);
            let responder = &trace.hop(1).unwrap().responders[0];
            assert_eq!(responder.extensions, extension);
            let shown = responder.extension_objects().unwrap();
            assert_eq!(shown.mpls().unwrap().entries().next(), Some(label));
            let interfaces = shown.iter().filter(|object| {
                matches!(object, ExtensionObject::InterfaceInformation(it) if *it == interface)
            });
            assert_eq!(interfaces.count(), 1);
        }
    }
}

mod attacks {
    use super::*;

    #[test]
    fn forged_answers_are_refused_and_counted() {
        let now = Instant::from_millis(1);
        let (mut trace, probe) = started(config(ProbeKind::Udp, (HERE, THERE)));
        let forge = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut probe = probe.clone();
            change(&mut probe);
            error(&probe, EXPIRED, &[], 576)
        };
        // A token that was not seen.
        let forged = forge(&|probe| probe[30..38].fill(0));
        assert_eq!(trace.handle_input(now, &forged), Err(Discard::WrongToken));
        // Another destination.
        let forged = forge(&|probe| probe[16..20].copy_from_slice(&[203, 0, 113, 9]));
        assert_eq!(trace.handle_input(now, &forged), Err(Discard::OtherFlow));
        // Other ports.
        let forged = forge(&|probe| probe[20] ^= 1);
        assert_eq!(trace.handle_input(now, &forged), Err(Discard::UnknownProbe));
        // A probe that was not sent.
        let forged = forge(&|probe| {
            probe[4] ^= 0x40;
            probe[26] ^= 0x40;
        });
        assert_eq!(trace.handle_input(now, &forged), Err(Discard::UnknownProbe));
        let stats = trace.stats();
        assert_eq!((stats.wrong_token, stats.other_flow), (1, 1));
        assert_eq!(stats.unknown_probe, 2);
        assert_eq!(trace.hop(1).unwrap().answered, 0);
        assert!(trace.poll_event().is_none());
    }

    #[test]
    fn the_destination_cannot_be_forged_without_the_sequence_number() {
        let (mut trace, probe) = started(config(ProbeKind::Tcp, (HERE, THERE)));
        let syn = TcpSegment::parse(&probe[20..]).unwrap().to_repr();
        let answer = |ack: u32, from: Ipv4Addr| {
            let mut out = PacketBuf::new();
            let ip = Ipv4Repr::new(from, [192, 0, 2, 1].into(), IpProtocol::TCP);
            TcpRepr {
                source_port: syn.destination_port,
                destination_port: syn.source_port,
                acknowledgment_number: ack,
                flags: TcpFlags::RST | TcpFlags::ACK,
                ..TcpRepr::default()
            }
            .emit(&mut out, &ip.pseudo_header())
            .unwrap();
            ip.emit(&mut out).unwrap();
            out.as_slice().to_vec()
        };
        let (there, right) = ([198, 51, 100, 7].into(), syn.sequence_number + 1);
        let now = Instant::from_millis(1);
        for wrong in [0, right - 1, right + 5_000, right ^ 0x4000_0000] {
            assert!(trace.handle_input(now, &answer(wrong, there)).is_err());
        }
        let elsewhere = answer(right, [203, 0, 113, 1].into());
        assert_eq!(trace.handle_input(now, &elsewhere), Err(Discard::OtherFlow));
        trace.handle_input(now, &answer(right, there)).unwrap();
    }

    #[test]
    fn a_flood_of_responders_is_bounded() {
        let config = TracerouteConfig {
            max_responders: 4,
            max_events: 50,
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let (mut trace, probe) = started(config);
        let mut out = PacketBuf::new();
        for n in 0..1_000u32 {
            let from = Ipv4Addr::from_bits(0x0a00_0000 + n);
            let options = ErrorOptions::default();
            build_ipv4_error(&EXPIRED, &probe, from, &options, &mut out).unwrap();
            trace.handle_input(Instant::ZERO, out.as_slice()).unwrap();
        }
        let hop = trace.hop(1).unwrap();
        assert_eq!(hop.responders.len(), 4);
        assert_eq!((hop.answered, hop.duplicates), (1, 999));
        let stats = trace.stats();
        assert_eq!((stats.responders_dropped, stats.events_dropped), (996, 950));
    }

    #[test]
    fn nothing_grows_when_nobody_polls() {
        let config = TracerouteConfig {
            send_interval: Duration::from_micros(1),
            timeout: Duration::from_micros(5),
            schedule: Schedule::Rounds {
                rounds: None,
                interval: Duration::ZERO,
            },
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let mut trace = Traceroute::new(Instant::ZERO, config, random(1)).unwrap();
        for micros in 0..10_000 {
            trace.handle_timeout(Instant::from_micros(micros));
        }
        assert_eq!(trace.stats().sent, 16);
    }

    #[test]
    fn probes_long_gone_are_forgotten() {
        let config = TracerouteConfig {
            window: 16,
            timeout: Duration::from_millis(50),
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let (mut trace, first) = started(config);
        for _ in 0..20 {
            loop {
                let now = trace.poll_timeout().unwrap();
                trace.handle_timeout(now);
                if trace.poll_transmit(&mut PacketBuf::new()).is_some() {
                    break;
                }
            }
        }
        let answer = error(&first, EXPIRED, &[], 576);
        let now = Instant::from_secs(9);
        assert_eq!(trace.handle_input(now, &answer), Err(Discard::UnknownProbe));
    }
}

mod rounds {
    use super::*;

    fn rounds(rounds: u32) -> TracerouteConfig {
        TracerouteConfig {
            schedule: Schedule::Rounds {
                rounds: Some(rounds),
                interval: Duration::from_secs(1),
            },
            ..config(ProbeKind::Icmp, (HERE, THERE))
        }
    }

    #[test]
    fn each_hop_is_probed_once_a_round() {
        let node = run(rounds(10), path(4));
        assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 5 }));
        for hop in node.trace.hops() {
            assert_eq!((hop.sent, hop.answered), (10, 10));
        }
        // Beyond the destination, only before it was known.
        let beyond = node.sent.iter().filter(|(transmit, _)| transmit.ttl > 5);
        assert!(beyond.count() <= 3);
    }

    #[test]
    fn a_path_that_becomes_longer_is_followed() {
        let mut network = Network::new(3);
        let trace = Traceroute::new(Instant::ZERO, rounds(10), random(3)).unwrap();
        let here = network.add_node("here", TraceNode::new(trace));
        let there = network.add_node("path", PathNode::new(path(3)));
        network.add_link("wire", here, there, LinkConfig::default());
        network.run_until(Instant::from_millis(4_500));
        network.node_mut::<PathNode>(there).path = path(6);
        network.run_until_idle(Instant::from_secs(60)).unwrap();
        let node = network.node::<TraceNode>(here);
        assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 7 }));
        assert_eq!(node.trace.hops().count(), 7);
        assert_eq!(node.trace.hop(4).unwrap().responders.len(), 2);
    }

    #[test]
    fn without_end_until_stopped() {
        let config = TracerouteConfig {
            schedule: Schedule::Rounds {
                rounds: None,
                interval: Duration::from_millis(100),
            },
            ..config(ProbeKind::Udp, (HERE, THERE))
        };
        let mut network = Network::new(4);
        let trace = Traceroute::new(Instant::ZERO, config, random(4)).unwrap();
        let here = network.add_node("here", TraceNode::new(trace));
        let there = network.add_node("path", PathNode::new(path(3)));
        network.add_link("wire", here, there, LinkConfig::default());
        // More probes than keys and window have room for.
        network.run_until(Instant::from_secs(2_000));
        assert!(network.node::<TraceNode>(here).trace.stats().sent > 70_000);
        network.node_mut::<TraceNode>(here).trace.stop();
        network.run_until_idle(Instant::from_secs(2_100)).unwrap();
        let trace = &network.node::<TraceNode>(here).trace;
        assert_eq!(trace.outcome(), Some(Outcome::Reached { ttl: 4 }));
        for hop in trace.hops() {
            assert_eq!(hop.missing(), 0);
            assert_eq!(hop.duplicates, 0);
        }
    }
}

mod simulation {
    use super::*;

    /// Over a link that loses, repeats, reorders and damages, what is told adds up and only what is there is
    /// found.
    #[test]
    fn over_a_bad_link_the_counts_add_up() {
        let (mut duplicates, mut late, mut lost) = (0, 0, 0);
        for_each_seed(0..60, |seed| {
            let kind = KINDS[seed as usize % 3];
            let ends = ENDS[seed as usize / 3 % 2];
            let config = TracerouteConfig {
                schedule: Schedule::Rounds {
                    rounds: Some(20),
                    interval: Duration::from_millis(50),
                },
                timeout: Duration::from_millis(60),
                send_interval: Duration::from_millis(1),
                mtu_discovery: true,
                packet_len: 1_500,
                ..config(kind, ends)
            };
            let mut path = path(5);
            path.hops[1].mtu = 1_300;
            let node = run_over(config, path, bad_link(), seed);
            assert_eq!(node.trace.outcome(), Some(Outcome::Reached { ttl: 6 }));
            assert_eq!(node.trace.path_mtu(), Some(1_300));
            for hop in node.trace.hops() {
                let wanted = if hop.ttl <= 5 {
                    router(hop.ttl, ends.0)
                } else {
                    ends.1
                };
                for responder in &hop.responders {
                    assert_eq!(responder.address, wanted, "hop {}", hop.ttl);
                }
                assert_eq!(hop.answered + hop.timeouts - hop.late, hop.sent);
                duplicates += hop.duplicates;
                late += hop.late;
                lost += hop.missing();
            }
            assert!(node.trace.stats().malformed > 0);
        });
        assert!(duplicates > 0 && late > 0 && lost > 0);
    }

    #[test]
    fn any_sequence_of_calls_keeps_the_contract() {
        for_each_seed(0..300, |seed| {
            let mut random = SeededRandom::new(seed);
            let kind = KINDS[random.between(0, 2)];
            let ends = ENDS[random.between(0, 1)];
            let config = TracerouteConfig {
                schedule: if random.chance(0.5) {
                    Schedule::ByHop { probes_per_hop: 2 }
                } else {
                    Schedule::Rounds {
                        rounds: random.chance(0.5).then_some(3),
                        interval: random.duration_up_to(Duration::from_millis(50)),
                    }
                },
                flows: [FlowPolicy::Stable, FlowPolicy::Spread(3), FlowPolicy::Vary]
                    [random.between(0, 2)],
                timeout: Duration::from_millis(1 + random.between(0, 80) as u64),
                send_interval: Duration::from_millis(1 + random.between(0, 10) as u64),
                max_in_flight: random.between(1, 6),
                silent_hops: random.between(1, 5) as u8,
                window: 8,
                mtu_discovery: random.chance(0.5),
                packet_len: random.between(0, 2_000),
                ..config(kind, ends)
            };
            let trace =
                Traceroute::new(Instant::ZERO, config, Box::new(random.fork("trace"))).unwrap();
            let mut checker =
                ContractChecker::new("trace", TraceNode::new(trace), random.fork("checker"));
            let mut path = path(4);
            path.hops[1].mtu = 1_300;
            path.hops[2].silent = random.chance(0.3);
            path.hops[3].unreachable = random.chance(0.2).then_some((1, 3));
            let mut answers: Vec<Vec<u8>> = Vec::new();
            let mut now = Instant::ZERO;
            for _ in 0..300 {
                now += random.duration_up_to(Duration::from_millis(15));
                match random.between(0, 4) {
                    0 => checker.handle_timeout(now),
                    1 if !answers.is_empty() => {
                        let at = random.between(0, answers.len() - 1);
                        let mut answer = answers[at].clone();
                        if random.chance(0.3) {
                            let at = random.between(0, answer.len() - 1);
                            answer[at] ^= 1 << random.between(0, 7);
                        }
                        let _ = checker.handle_input(now, 0, &answer);
                    }
                    2 => {
                        checker.settle(now, |_, probe| {
                            let mut out = PacketBuf::new();
                            if path.answer(probe, &mut out).is_some() {
                                answers.push(out.as_slice().to_vec());
                            }
                        });
                    }
                    3 if random.chance(0.02) => checker.node_mut().trace.stop(),
                    _ => {
                        if let Some(deadline) = checker.poll_timeout() {
                            now = now.max(deadline);
                            checker.handle_timeout(now);
                        }
                    }
                }
                if answers.len() > 20 {
                    answers.remove(0);
                }
            }
        });
    }
}

mod configuration {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        use TracerouteConfigError as E;
        let good = TracerouteConfig::new(HERE, THERE);
        let refused = |change: &dyn Fn(&mut TracerouteConfig)| {
            let mut config = good.clone();
            change(&mut config);
            Traceroute::new(Instant::ZERO, config, random(1)).unwrap_err()
        };
        assert_eq!(refused(&|c| c.destination = THERE6), E::VersionMismatch);
        assert_eq!(refused(&|c| c.flow_label = Some(1 << 20)), E::FlowLabel);
        assert_eq!(refused(&|c| c.flows = FlowPolicy::Spread(0)), E::Flows(0));
        assert_eq!(
            refused(&|c| c.schedule = Schedule::ByHop { probes_per_hop: 0 }),
            E::ProbesPerHop
        );
        assert_eq!(refused(&|c| c.first_ttl = 0), E::Ttl(0, 30));
        assert_eq!(refused(&|c| c.max_ttl = 0), E::Ttl(1, 0));
        assert_eq!(refused(&|c| c.silent_hops = 0), E::SilentHops);
        assert_eq!(refused(&|c| c.timeout = Duration::ZERO), E::Timeout);
        assert_eq!(
            refused(&|c| c.send_interval = Duration::from_nanos(1)),
            E::SendInterval
        );
        assert_eq!(refused(&|c| c.max_in_flight = 0), E::MaxInFlight(0));
        assert_eq!(refused(&|c| c.packet_len = 65_536), E::PacketLen(65_536));
        assert_eq!(refused(&|c| c.dscp = 64), E::Dscp(64));
        assert_eq!(refused(&|c| c.window = 15), E::Window(15));
        assert_eq!(refused(&|c| c.max_responders = 0), E::MaxResponders);
        assert_eq!(refused(&|c| c.max_events = 0), E::MaxEvents);
    }
}
