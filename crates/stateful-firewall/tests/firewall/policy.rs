//! Actions, reload, explanations, users, queues.

use crate::common::*;
use packet_buffer::Instant;
use packet_buffer::wire::{Icmpv4Message, IpPacket, Ipv4Packet, TcpSegment};
use stateful_firewall::model::{Action, Condition, Policy, Rule};
use stateful_firewall::{
    Class, CompiledPolicy, Decision, DropReason, Field, FirewallConfig, OnReload, Path, Reason,
    Routes, RuleId, Step, Verdict, language,
};
use std::net::IpAddr;

fn rejecting() -> Policy {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        action: Action::Reject,
        ..Rule::default()
    }];
    policy
}

// RFC 9293 §3.10.7.1 MUST (rst-without-ack): it acknowledges the SYN and its data.
#[test]
fn a_rejected_syn_is_answered_with_a_reset() {
    let mut bench = Bench::strict(&rejecting());
    let (client, server) = (end("10.0.0.2:1000"), end("198.51.100.2:80"));
    let syn = tcp(client, server, SYN, 77, 0).data(b"abc").build();
    assert!(matches!(bench.out(&syn), Verdict::Reject(_)));
    let sent = bench.transmitted();
    let [(interface, answer)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(*interface, Some(INSIDE));
    let ip = Ipv4Packet::parse(answer.as_slice()).unwrap();
    ip.verify_checksum().unwrap();
    assert_eq!(
        (IpAddr::V4(ip.source()), IpAddr::V4(ip.destination())),
        (server.ip(), client.ip())
    );
    let segment = TcpSegment::parse(ip.payload()).unwrap();
    segment.verify_checksum(&ip.pseudo_header()).unwrap();
    assert_eq!(segment.flags(), RST | ACK);
    assert_eq!(segment.sequence_number(), 0);
    // SYN and three octets.
    assert_eq!(segment.acknowledgment_number(), 81);
    assert_eq!(
        (segment.source_port(), segment.destination_port()),
        (80, 1000)
    );
}

// RFC 1812 §4.3.2.3 SHOULD (quote): 576 octets in all.
// RFC 1812 §5.2.7.1 MAY (prohibited): code 13.
#[test]
fn everything_else_is_answered_with_icmp_prohibited() {
    let mut bench = Bench::strict(&rejecting());
    let packet = udp(end("10.0.0.2:1000"), end("198.51.100.2:53"), &[3; 1_400]);
    let path = Path {
        address: Some("10.0.0.1".parse().unwrap()),
        ..Path::new(INSIDE, OUTSIDE)
    };
    let verdict = bench
        .firewall
        .process(bench.now, &path, &mut packet.clone());
    assert!(matches!(verdict, Verdict::Reject(_)));
    let (_, answer) = bench.transmitted().remove(0);
    let ip = Ipv4Packet::parse(answer.as_slice()).unwrap();
    assert_eq!(ip.source().to_string(), "10.0.0.1");
    assert_eq!(answer.len(), 576);
    let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
    icmp.verify_checksum().unwrap();
    assert_eq!((icmp.message_type().0, icmp.code()), (3, 13));
    assert_eq!(icmp.payload(), &packet.as_slice()[..548]);

    let (a, b) = (end("[2001:db8::1]:1"), end("[2001:db8:1::1]:2"));
    let verdict = bench.out(&udp(a, b, b"x"));
    assert!(matches!(verdict, Verdict::Reject(_)));
    let (_, answer) = bench.transmitted().remove(0);
    assert_eq!(ends(&answer), (b.ip(), a.ip()));
    assert_eq!(&answer.as_slice()[40..42], [1, 1]);
}

// RFC 1122 §3.2.2 MUST (no-error-about): errors, packets to many, from nobody.
// RFC 4443 §2.4 MUST (e): the same over IPv6.
// RFC 9293 §3.10.7.1 MUST (rst-never): nor a RST.
#[test]
fn what_is_never_answered_is_not() {
    let mut bench = Bench::strict(&rejecting());
    let (a, b) = ("10.0.0.2", "198.51.100.2");
    let _ = bench.out(&udp(end("10.0.0.2:1"), end("224.0.0.1:1"), b"x"));
    let _ = bench.out(&udp(end("10.0.0.2:1"), end("255.255.255.255:1"), b"x"));
    let _ = bench.out(&udp(end("0.0.0.0:1"), end("198.51.100.2:1"), b"x"));
    let _ = bench.out(&tcp(end("10.0.0.2:1"), end("198.51.100.2:1"), RST, 1, 0).build());
    let syn = tcp(end("198.51.100.2:1"), end("10.0.0.9:1"), SYN, 1, 0).build();
    let _ = bench.out(&unreachable(a, b, &syn, 28, 0));
    let (c, d) = ("2001:db8::1", "2001:db8:1::1");
    let six = udp(end("[2001:db8:1::1]:1"), end("[2001:db8::1]:2"), b"x");
    let _ = bench.out(&unreachable(c, d, &six, 48, 1_300));
    let _ = bench.out(&udp(end("[2001:db8::1]:1"), end("[ff0e::1]:1"), b"x"));
    let _ = bench.out(&udp(end("[::]:1"), end("[2001:db8:1::1]:1"), b"x"));
    assert!(bench.transmitted().is_empty());
}

#[test]
fn a_rejected_segment_with_ack_is_answered_from_its_number() {
    // RFC 9293 §3.10.7.1 MUST (rst-with-ack): so that the end which sent it believes the answer.
    let config = FirewallConfig {
        tcp: stateful_firewall::TcpPolicy::Loose,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&rejecting(), config);
    let data = tcp(end("10.0.0.2:1"), end("198.51.100.2:80"), ACK, 5, 777)
        .data(b"x")
        .build();
    assert!(matches!(bench.out(&data), Verdict::Reject(_)));
    let (_, answer) = bench.transmitted().remove(0);
    let ip = Ipv4Packet::parse(answer.as_slice()).unwrap();
    let segment = TcpSegment::parse(ip.payload()).unwrap();
    assert_eq!((segment.flags(), segment.sequence_number()), (RST, 777));
}

#[test]
fn an_icmpv6_answer_fits_every_link() {
    // RFC 4443 §2.4 MUST (c): 1280 octets in all.
    let mut bench = Bench::strict(&rejecting());
    let packet = udp(
        end("[2001:db8::1]:1"),
        end("[2001:db8:1::1]:2"),
        &[7; 1_400],
    );
    assert!(matches!(bench.out(&packet), Verdict::Reject(_)));
    let (_, answer) = bench.transmitted().remove(0);
    assert_eq!(answer.len(), 1_280);
    assert_eq!(&answer.as_slice()[48..], &packet.as_slice()[..1_232]);
}

// RFC 1812 §4.3.2.8 SHOULD (rate): a burst, and then so many in a time.
// RFC 4443 §2.4 MUST (f): the same over IPv6.
#[test]
fn answers_are_limited() {
    let mut bench = Bench::strict(&rejecting());
    for port in 0..1_000 {
        let verdict = bench.out(&udp(
            end("10.0.0.2:1"),
            end(&format!("198.51.100.2:{}", port + 1)),
            b"x",
        ));
        assert!(matches!(verdict, Verdict::Reject(_)));
    }
    assert_eq!(bench.transmitted().len(), 5);
    assert_eq!(bench.firewall.stats().answers_suppressed, 995);
    for port in 0..20 {
        let _ = bench.out(&udp(
            end("[2001:db8::1]:1"),
            end(&format!("[2001:db8:1::1]:{}", port + 1)),
            b"x",
        ));
    }
    assert_eq!(bench.transmitted().len(), 5);
    // All sources together.
    for host in 0..200u8 {
        let from = end(&format!("10.0.7.{host}:9"));
        let _ = bench.out(&udp(from, end("198.51.100.2:1"), b"x"));
        let _ = bench.transmitted();
    }
    assert!(bench.firewall.stats().answers_suppressed > 1_050);
}

#[test]
fn a_mark_goes_with_the_session() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        mark: Some(42),
        ..allow("udp", 53)
    }];
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end("10.0.0.2:1"), end("198.51.100.2:53"));
    assert!(matches!(
        bench.out(&udp(client, server, b"q")),
        Verdict::Accept { mark: 42, .. }
    ));
    assert!(matches!(
        bench.back(&udp(server, client, b"a")),
        Verdict::Accept { mark: 42, .. }
    ));
}

#[test]
fn a_queued_connection_is_the_callers() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        action: Action::Queue(7),
        ..allow("tcp", 80)
    }];
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end("10.0.0.2:1"), end("198.51.100.2:80"));
    let syn = tcp(client, server, SYN, 1, 0).build();
    assert_eq!(bench.out(&syn), Verdict::Queue(7));
    assert_eq!(bench.sessions(), 0);
    let verdict = bench
        .firewall
        .admit(bench.now, &Path::new(INSIDE, OUTSIDE), &syn);
    assert!(matches!(
        verdict,
        Verdict::Accept {
            class: Class::New,
            ..
        }
    ));
    // From now on by itself.
    bench.back_passes(&tcp(server, client, SYN | ACK, 9, 2).build());
    bench.out_passes(&tcp(client, server, ACK, 2, 10).build());
    assert_eq!(bench.firewall.stats().queued, 1);
}

#[test]
fn a_reload_ends_what_the_new_policy_denies() {
    for on_reload in [OnReload::End, OnReload::Keep] {
        let config = FirewallConfig {
            on_reload,
            ..FirewallConfig::new(64)
        };
        let mut policy = three_legs();
        policy.rules = vec![allow("udp", 53)];
        let mut bench = Bench::new(&policy, config);
        let client = end("10.0.0.2:1000");
        let (dns, web) = (end("198.51.100.2:53"), end("198.51.100.2:80"));
        bench.out_passes(&udp(client, dns, b"q"));
        bench.connect(client, web);
        bench.out_passes(&ping("10.0.0.2", "198.51.100.2", 5, true));

        policy.rules.insert(
            0,
            Rule {
                action: Action::Drop,
                ..allow("tcp", 80)
            },
        );
        // Interfaces in another order keep their numbers.
        policy.interfaces.reverse();
        let new = CompiledPolicy::after(bench.firewall.policy(), &policy).unwrap();
        let reloaded = bench.firewall.reload(bench.now, new).unwrap();
        let data = tcp(web, client, ACK, 5_001, 1_001).data(b"x").build();
        if on_reload == OnReload::End {
            assert_eq!(
                (reloaded.confirmed, reloaded.ended, reloaded.kept),
                (2, 1, 0)
            );
            assert!(!bench.back(&data).is_accept());
        } else {
            assert_eq!(
                (reloaded.confirmed, reloaded.ended, reloaded.kept),
                (2, 0, 1)
            );
            bench.back_passes(&data);
        }
        // Answers of the others come, and count for the rule at its new place.
        bench.back_passes(&udp(dns, client, b"a"));
        assert_eq!(bench.firewall.rule_counters(RuleId(1)).unwrap().packets, 1);
        bench.back_passes(&ping("198.51.100.2", "10.0.0.2", 5, false));
    }
}

#[test]
fn a_zone_that_is_gone_takes_its_sessions_along() {
    let mut policy = three_legs();
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end("10.0.1.2:1"), end("198.51.100.2:2"));
    assert!(
        bench
            .pass(DMZ, OUTSIDE, &udp(client, server, b"x"))
            .is_accept()
    );
    policy.interfaces.remove(1);
    let new = CompiledPolicy::after(bench.firewall.policy(), &policy).unwrap();
    assert_eq!(new.interface("dmz0"), None);
    assert_eq!(new.interface("out0"), Some(OUTSIDE));
    let reloaded = bench.firewall.reload(bench.now, new).unwrap();
    assert_eq!((reloaded.confirmed, reloaded.ended), (0, 1));
    assert_eq!(
        bench.pass(DMZ, OUTSIDE, &udp(client, server, b"x")),
        Verdict::Drop(DropReason::Interface)
    );
}

#[test]
fn explain_says_which_rule_and_why() {
    let text = "
        zone inside level 100
        zone dmz level 50
        zone outside level 0
        interface in0 zone inside
        interface dmz0 zone dmz
        interface out0 zone outside
        rules from outside to dmz {
            mail: accept tcp to 10.0.1.25 port 25
            all: continue log
            web: accept tcp to 10.0.1.80 port 80
        }";
    let mut bench = Bench::strict(&three_legs());
    bench.firewall = stateful_firewall::Firewall::new(
        FirewallConfig::new(16),
        language::compile(text).unwrap(),
        Box::new(testkit::SeededRandom::new(1)),
    )
    .unwrap();
    let syn = tcp(end("198.51.100.2:1"), end("10.0.1.80:80"), SYN, 1, 0).build();
    let path = Path::new(OUTSIDE, DMZ);
    let explained = bench.firewall.explain(bench.now, &path, syn.as_slice());
    assert_eq!(
        explained.steps,
        [
            Step::Mismatch(RuleId(0), Field::DestinationPort),
            Step::Match(RuleId(1), Action::Continue),
            Step::Match(RuleId(2), Action::Accept),
            Step::Decision(Decision {
                action: Action::Accept,
                reason: Reason::Rule(RuleId(2)),
            }),
        ]
    );
    assert_eq!(
        bench.firewall.policy().rule_name(explained.rule().unwrap()),
        Some("web")
    );
    assert_eq!(bench.sessions(), 0, "nothing has changed");
    assert_eq!(bench.events(), []);

    assert!(bench.pass(OUTSIDE, DMZ, &syn).is_accept());
    let explained = bench.firewall.explain(bench.now, &path, syn.as_slice());
    assert_eq!(explained.steps, [Step::Session(Some(RuleId(2)))]);
    let explained = bench
        .firewall
        .explain(bench.now, &path, &syn.as_slice()[..9]);
    assert!(matches!(
        explained.steps[..],
        [Step::Refused(DropReason::Malformed(_))]
    ));
}

#[test]
fn explain_agrees_with_what_is_done() {
    let mut policy = three_legs();
    policy.rules = vec![
        allow("udp", 53),
        Rule {
            action: Action::Drop,
            condition: Condition {
                source: "10.0.0.0/24"
                    .parse::<stateful_firewall::model::AddressItem>()
                    .unwrap()
                    .into(),
                ..Condition::default()
            },
            ..Rule::default()
        },
    ];
    let mut bench = Bench::strict(&policy);
    for (from, to) in [(INSIDE, OUTSIDE), (OUTSIDE, INSIDE), (DMZ, OUTSIDE)] {
        for source in ["10.0.0.2:1", "10.0.5.2:1", "198.51.100.2:1"] {
            for port in [53, 54] {
                let packet = udp(
                    end(source),
                    (IpAddr::from([192, 0, 2, 1]), port).into(),
                    b"x",
                );
                let explained =
                    bench
                        .firewall
                        .explain(bench.now, &Path::new(from, to), packet.as_slice());
                let verdict = bench.pass(from, to, &packet);
                match explained.steps.last().unwrap() {
                    Step::Decision(decision) => {
                        assert_eq!(decision.action == Action::Accept, verdict.is_accept());
                    }
                    Step::Session(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn rules_ask_for_users_and_their_groups() {
    let text = "
        zone inside level 100
        zone dmz level 50
        zone outside level 0
        interface in0 zone inside
        interface dmz0 zone dmz
        interface out0 zone outside
        rule accept udp port 53 user { staff, alice }
        rule drop";
    let mut bench = Bench::strict(&three_legs());
    bench.firewall = stateful_firewall::Firewall::new(
        FirewallConfig::new(16),
        language::compile(text).unwrap(),
        Box::new(testkit::SeededRandom::new(1)),
    )
    .unwrap();
    let ask = |bench: &mut Bench, host: u8, port: u16| {
        let from = (IpAddr::from([10, 0, 0, host]), port).into();
        bench
            .out(&udp(from, end("198.51.100.2:53"), b"q"))
            .is_accept()
    };
    let until = bench.now + std::time::Duration::from_secs(100);
    assert!(!ask(&mut bench, 1, 1));
    assert!(
        bench
            .firewall
            .bind_user([10, 0, 0, 1].into(), "alice", &[], until)
    );
    assert!(bench.firewall.bind_user(
        [10, 0, 0, 2].into(),
        "bob",
        &["staff", "night"],
        Instant::MAX
    ));
    assert!(
        bench
            .firewall
            .bind_user([10, 0, 0, 3].into(), "carol", &["guests"], Instant::MAX)
    );
    assert_eq!(
        [1, 2, 3, 4].map(|host| ask(&mut bench, host, 1)),
        [true, true, false, false]
    );
    bench.wait(101);
    assert_eq!(bench.firewall.user_of([10, 0, 0, 1].into()), None);
    assert_eq!([1, 2].map(|host| ask(&mut bench, host, 2)), [false, true]);
    assert!(bench.firewall.unbind_user([10, 0, 0, 2].into()));
    assert!(!ask(&mut bench, 2, 3));
    // A reload with other names takes effect for those who are there.
    let new = language::compile_after(
        bench.firewall.policy(),
        &text.replace("staff, alice", "guests"),
    )
    .unwrap();
    bench.firewall.reload(bench.now, new).unwrap();
    assert!(ask(&mut bench, 3, 4));
}

#[test]
fn routes_are_not_asked_when_nobody_wants_to_know() {
    struct Never;
    impl Routes for Never {
        fn interface_to(&self, _: IpAddr) -> Option<stateful_firewall::InterfaceId> {
            panic!("asked");
        }
    }
    let mut bench = Bench::strict(&three_legs());
    let path = Path {
        routes: Some(&Never),
        ..Path::new(INSIDE, OUTSIDE)
    };
    let mut packet = udp(end("10.0.0.2:1"), end("198.51.100.2:2"), b"x");
    assert!(
        bench
            .firewall
            .process(bench.now, &path, &mut packet)
            .is_accept()
    );
    assert!(IpPacket::parse(packet.as_slice()).is_ok());
}
