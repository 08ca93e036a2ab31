//! N10 and C3.7: application layer gateways and partitions, as others write them.

use crate::support::*;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::Direction;
use nat::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect, Partition, Share};
use nat::{DropReason, Endpoint, Instant, Nat, PacketBuf, Profile, Verdict};
use packet_buffer::wire::IpProtocol;
use std::sync::{Arc, Mutex};

/// What a gateway in a test has seen.
#[derive(Default)]
struct Seen {
    packets: Vec<Direction>,
    expected: Vec<Option<Endpoint>>,
    closed: usize,
}

/// A gateway for sessions to one port: each packet from inside announces an inside port.
struct Announcer {
    port: u16,
    announces: u16,
    drops: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Alg for Announcer {
    fn name(&self) -> &'static str {
        "announcer"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.peer().port == self.port
    }

    fn handle(
        &mut self,
        _: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let mut seen = self.seen.lock().unwrap();
        seen.packets.push(context.direction());
        if context.direction() == Direction::Original {
            let peer = context.session().peer().address;
            let outside = context.expect(&Expect {
                protocol: IpProtocol::UDP,
                inside_port: self.announces,
                peer: Some(peer),
                peer_port: None,
                lifetime: Duration::from_secs(30),
                outside_port: None,
            });
            seen.expected.push(outside);
        }
        assert!(!packet.is_empty());
        if self.drops {
            AlgVerdict::Drop
        } else {
            AlgVerdict::Pass
        }
    }

    fn closed(&mut self, _: flow_table::FlowId) {
        self.seen.lock().unwrap().closed += 1;
    }
}

fn with_alg(mut config: nat::NatConfig, announces: u16, drops: bool) -> (Nat, Arc<Mutex<Seen>>) {
    // Nobody comes in without an invitation.
    napt(&mut config).filtering = nat::Filtering::AddressAndPortDependent;
    let mut nat = nat(config);
    let seen = Arc::new(Mutex::new(Seen::default()));
    nat.add_alg(Box::new(Announcer {
        port: 2_000,
        announces,
        drops,
        seen: seen.clone(),
    }));
    (nat, seen)
}

// RFC 4787 §7 SHOULD (req-10): gateways of UDP are off.
// RFC 4787 §7 RECOMMENDED (req-10-a): each is turned on by itself.
// RFC 5382 §6 RECOMMENDED (req-6): those of TCP are off, too.
#[test]
fn n10_gateways_are_off_unless_added() {
    let mut nat = simple(Profile::Rfc);
    // FTP, TFTP, SIP, PPTP, DNS: what they carry stays as it is.
    for port in [21, 69, 5_060, 1_723, 53] {
        let data = b"PORT 10,0,0,10,19,136\r\n";
        let sent = pass_packet(
            &mut nat,
            at(0),
            Inside,
            udp_with(end(A, 5_000), end(SERVER, port), data),
        );
        assert!(sent.as_slice().ends_with(data));
    }
    assert_eq!(nat.mapping_count(), 1);
    // An added one sees its sessions and no others.
    let (mut nat, seen) = with_alg(config(Profile::Rfc), 7_000, false);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 2_000));
    pass(&mut nat, at(0), Outside, udp(end(SERVER, 2_000), outside));
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 2_001));
    assert_eq!(
        seen.lock().unwrap().packets,
        [Direction::Original, Direction::Reply]
    );
    run_until(&mut nat, at(400));
    assert_eq!(seen.lock().unwrap().closed, 1);
}

/// An expected connection comes in once, from whom it was announced for, and for as long.
#[test]
fn c7_expectations_are_narrow() {
    for profile in [Profile::Rfc, Profile::CloudGateway] {
        let (mut nat, seen) = with_alg(config(profile), 7_000, false);
        map(&mut nat, at(0), end(A, 5_000), end(SERVER, 2_000));
        let expected = seen.lock().unwrap().expected[0].unwrap();
        assert_eq!(expected.address, EXTERNAL);
        let target = end(expected.address, expected.port);
        let stranger = udp(end(OTHER, 1), target);
        drop_of(&mut nat, at(0), Outside, stranger);
        let invited = pass(&mut nat, at(0), Outside, udp(end(SERVER, 1), target));
        assert_eq!(invited.to, end(A, 7_000));
        // The answer goes out from where it was announced.
        let answer = pass(&mut nat, at(0), Inside, udp(end(A, 7_000), end(SERVER, 1)));
        assert_eq!(answer.from, target);
        let second = udp(end(SERVER, 2), target);
        drop_of(&mut nat, at(0), Outside, second);
        run_until(&mut nat, at(1_000));
        assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
    }
}

#[test]
fn c7_expectations_end_with_time_and_with_their_session() {
    let (mut nat, seen) = with_alg(config(Profile::Rfc), 7_000, false);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 2_000));
    let expected = seen.lock().unwrap().expected[0].unwrap();
    let target = end(expected.address, expected.port);
    assert_eq!(nat.mapping_count(), 2);
    // Announced again, it is the same, and lasts longer.
    map(&mut nat, at(20), end(A, 5_000), end(SERVER, 2_000));
    assert_eq!(seen.lock().unwrap().expected[1], Some(expected));
    assert_eq!(nat.poll_timeout(), Some(at(50)));
    run_until(&mut nat, at(50));
    assert_eq!(nat.mapping_count(), 1);
    drop_of(&mut nat, at(50), Outside, udp(end(SERVER, 1), target));
    // The session ends before its announcement.
    map(&mut nat, at(60), end(A, 5_000), end(SERVER, 2_000));
    assert_eq!(nat.mapping_count(), 2);
    assert_eq!(nat.flush_address(at(61), EXTERNAL), 1);
    assert_eq!(nat.mapping_count(), 0);
}

#[test]
fn c7_privileged_ports_are_not_opened() {
    let (mut nat, seen) = with_alg(config(Profile::Rfc), 22, false);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 2_000));
    assert_eq!(seen.lock().unwrap().expected[..], [None]);
    assert_eq!(nat.mapping_count(), 1);
}

#[test]
fn a_gateway_can_drop_a_packet() {
    let (mut nat, _) = with_alg(config(Profile::Rfc), 7_000, true);
    let mut packet = udp(end(A, 5_000), end(SERVER, 2_000));
    assert_eq!(
        nat.process(at(0), Inside, &mut packet),
        Verdict::Drop(DropReason::Alg)
    );
}

/// Ten ports a subscriber, in the order in which they come.
struct Tens {
    given: Vec<Ipv4Addr>,
    taken: Arc<Mutex<i32>>,
}

impl Partition for Tens {
    fn share(&self, subscriber: Ipv4Addr, index: usize) -> Option<Share> {
        let place = self.given.iter().position(|known| *known == subscriber)?;
        let first = 2_000 + 10 * place as u16;
        (index == 0).then_some(Share {
            address: EXTERNAL,
            ports: first..=first + 9,
        })
    }

    fn grow(&mut self, _: Instant, subscriber: Ipv4Addr) -> Option<Share> {
        if self.given.contains(&subscriber) {
            return None;
        }
        self.given.push(subscriber);
        self.share(subscriber, 0)
    }

    fn taken(&mut self, _: Instant, _: Ipv4Addr, _: Ipv4Addr, _: u16) {
        *self.taken.lock().unwrap() += 1;
    }

    fn released(&mut self, _: Instant, _: Ipv4Addr, _: Ipv4Addr, _: u16) {
        *self.taken.lock().unwrap() -= 1;
    }
}

#[test]
fn partitions_divide_a_pool() {
    let mut nat = simple(Profile::Rfc);
    let taken = Arc::new(Mutex::new(0));
    nat.set_partition(
        0,
        Box::new(Tens {
            given: Vec::new(),
            taken: taken.clone(),
        }),
    );
    for (host, ports) in [(A, 2_000..=2_009), (B, 2_010..=2_019)] {
        for n in 0..10 {
            let outside = map(&mut nat, at(0), end(host, 5_000 + n), end(SERVER, 53));
            assert!(ports.contains(&outside.port()));
        }
        let more = udp(end(host, 6_000), end(SERVER, 53));
        assert_eq!(drop_of(&mut nat, at(0), Inside, more), DropReason::NoPort);
    }
    assert_eq!(*taken.lock().unwrap(), 20);
    run_until(&mut nat, at(400));
    assert_eq!(*taken.lock().unwrap(), 0);
}
