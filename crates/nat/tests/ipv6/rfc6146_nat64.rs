//! RFC 6146 (N34): bindings and sessions, filtering, hairpinning, errors, fragments, limits.

use crate::support::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use nat::Instant;
use nat::nat64::{
    Nat64, Nat64Binding, Nat64Config, Nat64Drop, Nat64Event, Nat64Filtering, Nat64Side,
    Nat64Verdict, Pref64,
};
use packet_buffer::PacketBuf;
use packet_buffer::fragment::{
    Ipv4Fragmenter, Ipv6Fragmenter, Reassembler, ReassemblerConfig, Reassembly,
};
use packet_buffer::wire::*;
use proptest::prelude::*;
use testkit::SeededRandom;

pub(crate) fn host() -> Ipv6Addr {
    v6("2001:db8::1")
}

pub(crate) fn pool() -> Ipv4Addr {
    v4("203.0.113.1")
}

pub(crate) fn server4() -> Ipv4Addr {
    v4("198.51.100.7")
}

pub(crate) fn server6() -> Ipv6Addr {
    nat64_of("198.51.100.7")
}

pub(crate) fn nat64_of(text: &str) -> Ipv6Addr {
    Pref64::WELL_KNOWN.embed(v4(text))
}

pub(crate) fn config() -> Nat64Config {
    Nat64Config {
        max_sessions: 1_000,
        max_bindings: 1_000,
        ..Nat64Config::new(Pref64::WELL_KNOWN, vec![pool()])
    }
}

/// A translator, the time, and what it has sent of its own.
pub(crate) struct Lab {
    pub(crate) nat64: Nat64,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(Nat64Side, PacketBuf)>,
}

impl Lab {
    pub(crate) fn new(config: Nat64Config) -> Self {
        let random = Box::new(SeededRandom::new(7));
        Self {
            nat64: Nat64::new(config, random).unwrap(),
            now: Instant::from_secs(1),
            sent: Vec::new(),
        }
    }

    pub(crate) fn process(&mut self, side: Nat64Side, packet: &mut PacketBuf) -> Nat64Verdict {
        let verdict = self.nat64.process(self.now, side, packet);
        self.collect();
        if let Nat64Verdict::Forward { .. } = verdict {
            assert_sound(packet.as_slice());
        }
        verdict
    }

    fn collect(&mut self) {
        let mut out = PacketBuf::new();
        while let Some(transmit) = self.nat64.poll_transmit(&mut out) {
            self.sent.push((transmit.to, out.clone()));
        }
    }

    fn forward(&mut self, side: Nat64Side, mut packet: PacketBuf) -> Result<PacketBuf, Nat64Drop> {
        match self.process(side, &mut packet) {
            Nat64Verdict::Forward { .. } => Ok(packet),
            Nat64Verdict::Drop(reason) => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn v6(&mut self, packet: PacketBuf) -> Result<PacketBuf, Nat64Drop> {
        self.forward(Nat64Side::V6, packet)
    }

    pub(crate) fn v4(&mut self, packet: PacketBuf) -> Result<PacketBuf, Nat64Drop> {
        self.forward(Nat64Side::V4, packet)
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.wait_for(Duration::from_secs(seconds));
    }

    pub(crate) fn wait_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.nat64.poll_timeout().filter(|at| *at <= end) {
            self.nat64.handle_timeout(at);
            assert!(self.nat64.poll_timeout().is_none_or(|next| next > at));
            self.collect();
        }
        self.now = end;
    }
}

fn query(port: u16, to: Ipv6Addr) -> PacketBuf {
    udp_v6((host(), port), (to, 53), b"question")
}

fn v4_ends(packet: &PacketBuf) -> ((Ipv4Addr, u16), (Ipv4Addr, u16)) {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let udp = UdpDatagram::parse(ip.payload()).unwrap();
    (
        (ip.source(), udp.source_port()),
        (ip.destination(), udp.destination_port()),
    )
}

fn v6_ends(packet: &PacketBuf) -> ((Ipv6Addr, u16), (Ipv6Addr, u16)) {
    let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
    let udp = UdpDatagram::parse(ip.payload()).unwrap();
    (
        (ip.source(), udp.source_port()),
        (ip.destination(), udp.destination_port()),
    )
}

// RFC 6146 §3.5.1 MUST (udp): binding and session; the answer comes back to the host.
#[test]
fn a_query_and_its_answer() {
    let mut lab = Lab::new(config());
    let sent = lab.v6(query(40_000, server6())).unwrap();
    let (from, to) = v4_ends(&sent);
    assert_eq!((from.0, to), (pool(), (server4(), 53)));
    let ip = Ipv4Packet::parse(sent.as_slice()).unwrap();
    assert_eq!(ip.time_to_live(), 63);
    let answer = lab.v4(udp_v4(to, from, b"answer")).unwrap();
    assert_eq!(v6_ends(&answer), ((server6(), 53), (host(), 40_000)));
    assert_eq!(
        Ipv6Packet::parse(answer.as_slice()).unwrap().hop_limit(),
        63
    );
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (1, 1));
}

#[test]
fn a_host_is_one_port_for_all_servers() {
    let mut lab = Lab::new(config());
    let first = v4_ends(&lab.v6(query(40_000, server6())).unwrap()).0;
    let second = v4_ends(&lab.v6(query(40_000, nat64_of("198.51.100.8"))).unwrap()).0;
    assert_eq!(first, second);
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (2, 1));
}

// RFC 6146 §3.5.1.1 MUST (address): whatever ports and protocols it uses.
#[test]
fn a_host_is_one_address() {
    let mut config = config();
    config.pool = (1..=50).map(|n| Ipv4Addr::new(203, 0, 113, n)).collect();
    let mut lab = Lab::new(config);
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..20u16 {
        let one = Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 1);
        let mut own = std::collections::BTreeSet::new();
        for port in 0..10 {
            let packet = udp_v6((one, 30_000 + port), (server6(), 53), b"");
            let sent = lab.v6(packet).unwrap();
            own.insert(Ipv4Packet::parse(sent.as_slice()).unwrap().source());
            let packet = tcp_v6((one, 30_000 + port), (server6(), 80), TcpFlags::SYN);
            let sent = lab.v6(packet).unwrap();
            own.insert(Ipv4Packet::parse(sent.as_slice()).unwrap().source());
        }
        assert_eq!(own.len(), 1);
        seen.extend(own);
    }
    assert!(seen.len() > 10, "hosts are spread over the pool");
}

// RFC 6146 §3.5.1 MUST (filter): another port of a host that was asked, and no other host.
#[test]
fn address_dependent_filtering() {
    let mut lab = Lab::new(config());
    let (from, _) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    lab.v4(udp_v4((server4(), 9999), from, b"")).unwrap();
    let stranger = (v4("198.51.100.99"), 53);
    assert_eq!(
        lab.v4(udp_v4(stranger, from, b"")),
        Err(Nat64Drop::Filtered)
    );
    assert_eq!(
        lab.v4(udp_v4(stranger, (pool(), 9), b"")),
        Err(Nat64Drop::NoBinding)
    );
    let mut config = config();
    config.filtering = Nat64Filtering::EndpointIndependent;
    let mut lab = Lab::new(config);
    let (from, _) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    let got = lab.v4(udp_v4(stranger, from, b"")).unwrap();
    assert_eq!(
        v6_ends(&got),
        ((nat64_of("198.51.100.99"), 53), (host(), 40_000))
    );
}

// RFC 6146 §3.5.1 MUST (refresh): five minutes from the last datagram.
// RFC 6146 §3.5.1 MUST (udp-min): less than two minutes cannot be set.
// RFC 6146 §4 MUST: the defaults.
#[test]
fn udp_sessions_end_after_five_minutes() {
    let mut lab = Lab::new(config());
    lab.v6(query(40_000, server6())).unwrap();
    lab.wait(299);
    let (from, to) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    lab.wait(299);
    lab.v4(udp_v4(to, from, b"")).unwrap();
    lab.wait(301);
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 0));
    assert_eq!(lab.v4(udp_v4(to, from, b"")), Err(Nat64Drop::NoBinding));
    let mut config = config();
    config.timers.udp = Duration::from_secs(119);
    let error = Nat64::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
    assert_eq!(error.field, "timers.udp");
}

fn ping(identifier: u16) -> PacketBuf {
    let repr = Icmpv6Repr::EchoRequest {
        identifier,
        sequence_number: 1,
    };
    icmpv6(repr, (host(), server6()), b"ping")
}

// RFC 6146 §3.5.3 MUST (icmp): the identifier is the port, and lives for a minute.
#[test]
fn ping_there_and_back() {
    let mut lab = Lab::new(config());
    let sent = lab.v6(ping(77)).unwrap();
    let ip = Ipv4Packet::parse(sent.as_slice()).unwrap();
    let Icmpv4Repr::EchoRequest {
        identifier,
        sequence_number,
    } = Icmpv4Message::parse(ip.payload()).unwrap().to_repr()
    else {
        panic!()
    };
    let reply = Icmpv4Repr::EchoReply {
        identifier,
        sequence_number,
    };
    let back = lab.v4(icmpv4(reply, (server4(), pool()), b"ping")).unwrap();
    let ip = Ipv6Packet::parse(back.as_slice()).unwrap();
    let repr = Icmpv6Message::parse(ip.payload()).unwrap().to_repr();
    assert_eq!(
        repr,
        Icmpv6Repr::EchoReply {
            identifier: 77,
            sequence_number: 1
        }
    );
    assert_eq!(ip.destination(), host());
    lab.wait(61);
    assert_eq!(lab.nat64.sessions(), 0);
    // Two hosts with the same identifier are told apart.
    let mut lab = Lab::new(config());
    lab.v6(ping(77)).unwrap();
    let repr = Icmpv6Repr::EchoRequest {
        identifier: 77,
        sequence_number: 1,
    };
    lab.v6(icmpv6(repr, (v6("2001:db8:2::2"), server6()), b""))
        .unwrap();
    let ids: std::collections::BTreeSet<u16> =
        lab.nat64.iter_bindings().map(|it| it.v4_port).collect();
    assert_eq!(ids.len(), 2);
}

// RFC 6146 §3.8 MUST: between two hosts inside, by an address of the pool.
#[test]
fn hairpin() {
    let mut config = config();
    config.filtering = Nat64Filtering::EndpointIndependent;
    let mut lab = Lab::new(config);
    let other = v6("2001:db8:2::2");
    let at = v4_ends(&lab.v6(udp_v6((other, 5000), (server6(), 53), b"")).unwrap()).0;
    let mut packet = udp_v6(
        (host(), 40_000),
        (Pref64::WELL_KNOWN.embed(at.0), at.1),
        b"hello",
    );
    let verdict = lab.process(Nat64Side::V6, &mut packet);
    assert_eq!(
        verdict,
        Nat64Verdict::Forward {
            to: Nat64Side::V6,
            hairpin: true
        }
    );
    let (from, to) = v6_ends(&packet);
    assert_eq!(to, (other, 5000));
    assert_eq!(from.0, Pref64::WELL_KNOWN.embed(pool()));
    assert_eq!(
        Ipv6Packet::parse(packet.as_slice()).unwrap().hop_limit(),
        63
    );
    // And the answer.
    let mut answer = udp_v6(to, from, b"hi");
    let verdict = lab.process(Nat64Side::V6, &mut answer);
    assert_eq!(
        verdict,
        Nat64Verdict::Forward {
            to: Nat64Side::V6,
            hairpin: true
        }
    );
    assert_eq!(
        v6_ends(&answer),
        ((Pref64::WELL_KNOWN.embed(at.0), at.1), (host(), 40_000))
    );
    // An error about the hello travels the same way.
    let code = icmpv6_code::Unreachable::PORT;
    let repr = Icmpv6Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
    };
    let mut error = icmpv6_error(repr, (other, from.0), packet.as_slice());
    let verdict = lab.process(Nat64Side::V6, &mut error);
    assert_eq!(
        verdict,
        Nat64Verdict::Forward {
            to: Nat64Side::V6,
            hairpin: true
        }
    );
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    assert_eq!(ip.destination(), host());
    let Some(Ok(quoted)) = Icmpv6Message::parse(ip.payload()).unwrap().quoted_packet() else {
        panic!()
    };
    assert_eq!(quoted.source(), host());
    let ports = TransportIds::Ports {
        source: 40_000,
        destination: at.1,
    };
    assert_eq!(quoted.transport_ids(), Some(ports));
}

// RFC 6146 §3.5 MUST (loop): sources under the prefix; and of the pool from outside.
#[test]
fn sources_that_cannot_be() {
    let mut lab = Lab::new(config());
    let looping = udp_v6((server6(), 1), (nat64_of("198.51.100.8"), 2), b"");
    assert_eq!(lab.v6(looping), Err(Nat64Drop::BadSource));
    let own = udp_v4((pool(), 1), (pool(), 2), b"");
    assert_eq!(lab.v4(own), Err(Nat64Drop::BadSource));
    let private = udp_v6((host(), 1), (nat64_of("10.0.0.1"), 2), b"");
    assert_eq!(lab.v6(private), Err(Nat64Drop::NotRepresentable));
    let mut other = udp_v6((host(), 1), (v6("2001:db8:9::1"), 2), b"");
    let before = other.clone();
    assert_eq!(
        lab.process(Nat64Side::V6, &mut other),
        Nat64Verdict::NotForUs
    );
    assert_eq!(other, before);
    let mut other = udp_v4((server4(), 1), (v4("203.0.113.77"), 2), b"");
    assert_eq!(
        lab.process(Nat64Side::V4, &mut other),
        Nat64Verdict::NotForUs
    );
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 0));
}

// RFC 6146 §3.4 MUST (protocols): SCTP is dropped, without a trace.
#[test]
fn protocols_without_sessions() {
    let mut lab = Lab::new(config());
    let mut packet = PacketBuf::from(&[0; 40][..]);
    Ipv6Repr::new(host(), server6(), IpProtocol::SCTP)
        .emit(&mut packet)
        .unwrap();
    assert_eq!(lab.v6(packet), Err(Nat64Drop::Protocol));
    assert_eq!(lab.nat64.bindings(), 0);
}

// RFC 6146 §3.5 MUST NOT (errors): they refresh nothing, and reach who sent the packet.
#[test]
fn errors_from_the_ipv4_side() {
    let mut lab = Lab::new(config());
    let original = query(40_000, server6());
    let sent = lab.v6(original.clone()).unwrap();
    lab.wait(200);
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu: 1300,
    };
    let router = v4("198.51.100.254");
    let error = lab
        .v4(icmpv4(repr, (router, pool()), sent.as_slice()))
        .unwrap();
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    assert_eq!(
        (ip.source(), ip.destination()),
        (nat64_of("198.51.100.254"), host())
    );
    let message = Icmpv6Message::parse(ip.payload()).unwrap();
    assert_eq!(message.to_repr(), Icmpv6Repr::PacketTooBig { mtu: 1320 });
    let mut quoted = message.payload().to_vec();
    quoted[7] = 64;
    assert_eq!(quoted, original.as_slice());
    lab.wait(101);
    assert_eq!(lab.nat64.sessions(), 0);
    assert_eq!(
        lab.v4(icmpv4(repr, (router, pool()), sent.as_slice())),
        Err(Nat64Drop::UnknownError)
    );
    // Of no session, or to another address than the quote came from.
    let strange = udp_v4((pool(), 1), (server4(), 2), b"");
    assert_eq!(
        lab.v4(icmpv4(repr, (router, pool()), strange.as_slice())),
        Err(Nat64Drop::UnknownError)
    );
}

#[test]
fn errors_from_the_ipv6_side() {
    let mut lab = Lab::new(config());
    let (from, to) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    let original = udp_v4(to, from, b"answer");
    let received = lab.v4(original.clone()).unwrap();
    // A router inside, whose address has no counterpart, reports.
    let code = icmpv6_code::TimeExceeded::TRANSIT;
    let repr = Icmpv6Repr::TimeExceeded {
        code,
        quoted_words: 0,
    };
    let router = v6("2001:db8:ffff::1");
    let error = lab
        .v6(icmpv6_error(repr, (router, server6()), received.as_slice()))
        .unwrap();
    let ip = Ipv4Packet::parse(error.as_slice()).unwrap();
    assert_eq!((ip.source(), ip.destination()), (pool(), server4()));
    let Some(Ok(quoted)) = Icmpv4Message::parse(ip.payload()).unwrap().quoted_packet() else {
        panic!()
    };
    assert_eq!(
        (quoted.source(), quoted.destination()),
        (server4().into(), pool().into())
    );
    let ports = TransportIds::Ports {
        source: 53,
        destination: from.1,
    };
    assert_eq!(quoted.transport_ids(), Some(ports));
    let strange = udp_v6((server6(), 53), (host(), 40_001), b"");
    let error = icmpv6_error(repr, (router, server6()), strange.as_slice());
    assert_eq!(lab.v6(error), Err(Nat64Drop::UnknownError));
    // Pings are told apart by the identifier.
    let request = lab.v6(ping(9)).unwrap();
    let error = icmpv4(
        Icmpv4Repr::TimeExceeded {
            code: icmpv4_code::TimeExceeded::TRANSIT,
            quoted_words: 0,
        },
        (v4("198.51.100.254"), pool()),
        &request.as_slice()[..28],
    );
    let got = lab.v4(error).unwrap();
    let ip = Ipv6Packet::parse(got.as_slice()).unwrap();
    let Some(Ok(quoted)) = Icmpv6Message::parse(ip.payload()).unwrap().quoted_packet() else {
        panic!()
    };
    let id = TransportIds::IcmpQuery {
        message_type: 128,
        identifier: 9,
    };
    assert_eq!(quoted.transport_ids(), Some(id));
}

/// Where two hosts have the same port, one of them has another outside, and errors find it.
#[test]
fn errors_about_packets_whose_port_was_changed() {
    let mut lab = Lab::new(config());
    let other = v6("2001:db8:2::2");
    lab.v6(udp_v6((other, 40_000), (server6(), 53), b""))
        .unwrap();
    let original = query(40_000, server6());
    let sent = lab.v6(original.clone()).unwrap();
    let (from, to) = v4_ends(&sent);
    assert_ne!(from.1, 40_000);
    let code = icmpv4_code::TimeExceeded::TRANSIT;
    let repr = Icmpv4Repr::TimeExceeded {
        code,
        quoted_words: 0,
    };
    let error = icmpv4(repr, (v4("198.51.100.254"), pool()), sent.as_slice());
    let error = lab.v4(error).unwrap();
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    let mut quoted = ip.payload()[8..].to_vec();
    quoted[7] = 64;
    assert_eq!(
        (ip.destination(), quoted),
        (host(), original.as_slice().to_vec())
    );
    let answer = udp_v4(to, from, b"answer");
    let received = lab.v4(answer.clone()).unwrap();
    let code = icmpv6_code::Unreachable::PORT;
    let repr = Icmpv6Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
    };
    let error = icmpv6_error(repr, (host(), server6()), received.as_slice());
    let error = lab.v6(error).unwrap();
    let ip = Ipv4Packet::parse(error.as_slice()).unwrap();
    let Some(Ok(quoted)) = Icmpv4Message::parse(ip.payload()).unwrap().quoted_packet() else {
        panic!()
    };
    let ports = TransportIds::Ports {
        source: 53,
        destination: from.1,
    };
    assert_eq!(quoted.transport_ids(), Some(ports));
}

/// A quote that ends before the checksum of its transport header: the port's change is the error's
/// checksum's to bear.
#[test]
fn short_quotes_with_a_changed_port() {
    let mut lab = Lab::new(config());
    let syn = |from| tcp_v6((from, 40_000), (server6(), 80), TcpFlags::SYN);
    lab.v6(syn(v6("2001:db8:2::2"))).unwrap();
    let sent = lab.v6(syn(host())).unwrap();
    let code = icmpv4_code::TimeExceeded::TRANSIT;
    let repr = Icmpv4Repr::TimeExceeded {
        code,
        quoted_words: 0,
    };
    let error = icmpv4(repr, (v4("198.51.100.254"), pool()), &sent.as_slice()[..28]);
    let error = lab.v4(error).unwrap();
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    assert_eq!(ip.payload()[48..50], 40_000u16.to_be_bytes());
}

#[test]
fn ports_come_back_with_their_bindings() {
    let mut config = config();
    config.lowest_port = 65_534;
    let mut lab = Lab::new(config);
    for _ in 0..5 {
        lab.v6(query(1_024, server6())).unwrap();
        lab.v6(query(1_025, server6())).unwrap();
        assert_eq!(lab.v6(query(1_026, server6())), Err(Nat64Drop::NoPort));
        lab.wait(301);
    }
}

// RFC 7915 §4.1 MUST (hop-limit): a router's answer, and no state.
#[test]
fn hop_limits() {
    let mut lab = Lab::new(config());
    let mut packet = query(40_000, server6());
    packet.as_mut_slice()[7] = 1;
    assert_eq!(lab.v6(packet.clone()), Err(Nat64Drop::HopLimit));
    assert_eq!(lab.nat64.bindings(), 0);
    let (side, error) = lab.sent.pop().unwrap();
    assert_eq!(side, Nat64Side::V6);
    assert_sound(error.as_slice());
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    assert_eq!((ip.destination(), ip.payload()[0]), (host(), 3));
    assert_eq!(ip.payload()[8..], *packet.as_slice());
    let (from, to) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    let mut answer = PacketBuf::from(&udp_v4(to, from, b"x").as_slice()[20..]);
    let repr = Ipv4Repr {
        time_to_live: 1,
        ..Ipv4Repr::new(to.0, from.0, IpProtocol::UDP)
    };
    repr.emit(&mut answer).unwrap();
    assert_eq!(lab.v4(answer), Err(Nat64Drop::HopLimit));
    let (side, error) = lab.sent.pop().unwrap();
    assert_eq!((side, error.as_slice()[20]), (Nat64Side::V4, 11));
}

// RFC 7915 §5.1 MUST (too-big): the MTU of the IPv4 link, as IPv6 sees it.
// RFC 7915 §4.1 MUST (too-big): the MTU of the IPv6 link, as IPv4 sees it.
#[test]
fn packets_that_do_not_fit() {
    let mut config = config();
    config.translate.ipv4_mtu = 1400;
    config.translate.ipv6_mtu = 1300;
    let mut lab = Lab::new(config);
    lab.v6(udp_v6((host(), 1), (server6(), 2), &[0; 1400 - 28]))
        .unwrap();
    let long = udp_v6((host(), 3), (server6(), 2), &[0; 1401 - 28]);
    assert_eq!(lab.v6(long), Err(Nat64Drop::TooBig));
    let (_, error) = lab.sent.pop().unwrap();
    let ip = Ipv6Packet::parse(error.as_slice()).unwrap();
    let repr = Icmpv6Message::parse(ip.payload()).unwrap().to_repr();
    assert_eq!(repr, Icmpv6Repr::PacketTooBig { mtu: 1420 });
    assert_eq!(lab.nat64.bindings(), 1);

    let binding = lab.nat64.iter_bindings().next().unwrap();
    let at = (binding.v4, binding.v4_port);
    lab.v4(udp_v4((server4(), 2), at, &[0; 1300 - 48])).unwrap();
    let long = udp_v4((server4(), 2), at, &[0; 1301 - 48]);
    assert_eq!(lab.v4(long), Err(Nat64Drop::TooBig));
    let (_, error) = lab.sent.pop().unwrap();
    assert_eq!(
        error.as_slice()[20..28],
        [
            3,
            4,
            error.as_slice()[22],
            error.as_slice()[23],
            0,
            0,
            0x05,
            0x00
        ]
    );
}

/// The fragments of a datagram from the server, with DF off.
fn server_fragments(to: (Ipv4Addr, u16), data: &[u8], mtu: usize) -> Vec<PacketBuf> {
    let whole = udp_v4((server4(), 53), to, data);
    let mut packet = PacketBuf::from(&whole.as_slice()[20..]);
    let repr = Ipv4Repr {
        dont_fragment: false,
        identification: 0x4321,
        ..Ipv4Repr::new(server4(), to.0, IpProtocol::UDP)
    };
    repr.emit(&mut packet).unwrap();
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let mut fragmenter = Ipv4Fragmenter::new(&ip, mtu).unwrap();
    let mut fragments = Vec::new();
    let mut next = PacketBuf::new();
    while fragmenter.next_fragment(&mut next) {
        fragments.push(next.clone());
    }
    fragments
}

fn put_together(fragments: &[PacketBuf]) -> PacketBuf {
    let mut reassembler = Reassembler::new(ReassemblerConfig::default()).unwrap();
    let mut out = PacketBuf::new();
    for fragment in fragments {
        let ip = IpPacket::parse(fragment.as_slice()).unwrap();
        if reassembler.insert(Instant::ZERO, 0, &ip, &mut out) == Ok(Reassembly::Complete) {
            return out;
        }
    }
    panic!("{} fragments are not a packet", fragments.len());
}

// RFC 6146 §3.4 MUST (fragments): in any order.
// RFC 6146 §3.4 MUST (fragment-min): what is missing is waited for, two seconds.
// RFC 7915 §4.1 SHOULD (fragment): and leaves in fragments of 1280 octets.
#[test]
fn fragments_from_the_ipv4_side() {
    let data: Vec<u8> = (0..4000u32).map(|n| n as u8).collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let mut lab = Lab::new(config());
        let (from, _) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
        let fragments = server_fragments(from, &data, 1500);
        assert_eq!(fragments.len(), 3);
        let mut got = Vec::new();
        for (n, index) in order.into_iter().enumerate() {
            let mut packet = fragments[index].clone();
            match lab.process(Nat64Side::V4, &mut packet) {
                Nat64Verdict::Held => assert!(n < 2),
                Nat64Verdict::Forward {
                    to: Nat64Side::V6, ..
                } => got.push(packet),
                other => panic!("{other:?}"),
            }
            lab.wait_for(Duration::from_millis(900));
        }
        got.extend(lab.sent.drain(..).map(|(_, packet)| packet));
        assert!(got.iter().all(|packet| packet.len() <= 1280) && got.len() == 4);
        let whole = put_together(&got);
        assert_sound(whole.as_slice());
        assert_eq!(whole.as_slice()[48..], data);
    }
    let mut lab = Lab::new(config());
    let (from, _) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    let fragments = server_fragments(from, &data, 1500);
    for fragment in &fragments[..2] {
        assert_eq!(
            lab.process(Nat64Side::V4, &mut fragment.clone()),
            Nat64Verdict::Held
        );
    }
    lab.wait(3);
    assert_eq!(
        lab.process(Nat64Side::V4, &mut fragments[2].clone()),
        Nat64Verdict::Held
    );
}

#[test]
fn fragments_from_the_ipv6_side() {
    let data: Vec<u8> = (0..4000u32).map(|n| (n * 7) as u8).collect();
    let whole = udp_v6((host(), 40_000), (server6(), 53), &data);
    let ip = Ipv6Packet::parse(whole.as_slice()).unwrap();
    let mut fragmenter = Ipv6Fragmenter::new(&ip, 1280, 0xabcd_1234).unwrap();
    let mut lab = Lab::new(config());
    let mut got = Vec::new();
    let mut next = PacketBuf::new();
    while fragmenter.next_fragment(&mut next) {
        let mut packet = next.clone();
        if let Nat64Verdict::Forward {
            to: Nat64Side::V4, ..
        } = lab.process(Nat64Side::V6, &mut packet)
        {
            got.push(packet);
        }
    }
    got.extend(lab.sent.drain(..).map(|(_, packet)| packet));
    assert_eq!(got.len(), 3);
    let whole = put_together(&got);
    assert_sound(whole.as_slice());
    assert_eq!(whole.as_slice()[28..], data);
}

#[test]
fn a_fragmented_ping_and_a_datagram_without_a_checksum() {
    let mut lab = Lab::new(config());
    let (from, _) = v4_ends(&lab.v6(query(40_000, server6())).unwrap());
    let mut fragments = server_fragments(from, &[9; 2000], 1500);
    // The checksum is in the first.
    fragments[0].as_mut_slice()[26..28].fill(0);
    assert_eq!(
        lab.process(Nat64Side::V4, &mut fragments[0].clone()),
        Nat64Verdict::Held
    );
    let mut packet = fragments[1].clone();
    let verdict = lab.process(Nat64Side::V4, &mut packet);
    assert!(matches!(verdict, Nat64Verdict::Forward { .. }));
    let got = [
        vec![packet],
        lab.sent.drain(..).map(|(_, packet)| packet).collect(),
    ]
    .concat();
    assert_sound(put_together(&got).as_slice());
}

// RFC 6146 §3.1 MUST (static): a server inside.
#[test]
fn static_bindings() {
    let mut config = config();
    config.filtering = Nat64Filtering::EndpointIndependent;
    let mut lab = Lab::new(config);
    let binding = Nat64Binding {
        protocol: IpProtocol::TCP,
        v6: host(),
        v6_port: 443,
        v4: pool(),
        v4_port: 443,
    };
    lab.nat64.bind_static(lab.now, binding).unwrap();
    assert_eq!(
        lab.nat64.bind_static(lab.now, binding),
        Err(Nat64Drop::NoPort)
    );
    let syn = lab
        .v4(tcp_v4((server4(), 999), (pool(), 443), TcpFlags::SYN))
        .unwrap();
    assert_eq!(
        Ipv6Packet::parse(syn.as_slice()).unwrap().destination(),
        host()
    );
    lab.wait(300);
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 1));
    // Nobody else gets the port.
    for n in 0..40u16 {
        let other = Ipv6Addr::new(0x2001, 0xdb8, n + 2, 0, 0, 0, 0, 1);
        lab.v6(tcp_v6((other, 443), (server6(), 80), TcpFlags::SYN))
            .unwrap();
    }
    assert_eq!(
        lab.nat64
            .iter_bindings()
            .filter(|it| it.v4_port == 443)
            .count(),
        1
    );
}

#[test]
fn limits_refuse_what_is_new_and_nothing_else() {
    let mut config = config();
    config.max_bindings_per_subscriber = 5;
    config.max_sessions = 8;
    let mut lab = Lab::new(config);
    for port in 1..=5 {
        lab.v6(query(40_000 + port, server6())).unwrap();
    }
    assert_eq!(
        lab.v6(query(40_006, server6())),
        Err(Nat64Drop::SubscriberLimit)
    );
    // Another address of the same subscriber does not help.
    let neighbor = udp_v6((v6("2001:db8::2"), 1), (server6(), 53), b"");
    assert_eq!(lab.v6(neighbor), Err(Nat64Drop::SubscriberLimit));
    let other = |n: u16| udp_v6((v6("2001:db8:2::1"), n), (server6(), 53), b"");
    for n in 1..=3 {
        lab.v6(other(n)).unwrap();
    }
    assert_eq!(lab.v6(other(4)), Err(Nat64Drop::TableFull));
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (8, 8));
    for port in 1..=5 {
        lab.v6(query(40_000 + port, server6())).unwrap();
    }
    let events: Vec<Nat64Event> = core::iter::from_fn(|| lab.nat64.poll_event()).collect();
    let exhausted = events
        .iter()
        .filter(|it| matches!(it, Nat64Event::Exhausted { .. }))
        .count();
    assert_eq!(exhausted, 3);
    let stats = lab.nat64.stats();
    assert_eq!((stats.subscriber_limit, stats.table_full), (2, 1));
    // When the time has come there is room again.
    lab.wait(301);
    lab.v6(query(40_006, server6())).unwrap();
}

#[test]
fn errors_of_its_own_keep_a_rate() {
    let mut config = config();
    config.max_errors_per_second = 3;
    let mut lab = Lab::new(config);
    for _ in 0..10 {
        let mut packet = query(40_000, server6());
        packet.as_mut_slice()[7] = 1;
        lab.v6(packet).unwrap_err();
    }
    assert_eq!(lab.sent.len(), 3);
    assert_eq!(lab.nat64.stats().errors_suppressed, 7);
}

#[test]
fn nothing_near_a_good_packet_panics() {
    let mut base = Lab::new(config());
    let sent = base.v6(query(40_000, server6())).unwrap();
    let (from, to) = v4_ends(&sent);
    let repr = Icmpv4Repr::TimeExceeded {
        code: icmpv4_code::TimeExceeded::TRANSIT,
        quoted_words: 0,
    };
    let packets = [
        (Nat64Side::V6, query(40_000, server6())),
        (
            Nat64Side::V6,
            tcp_v6((host(), 1), (server6(), 2), TcpFlags::SYN),
        ),
        (Nat64Side::V4, udp_v4(to, from, b"answer")),
        (
            Nat64Side::V4,
            icmpv4(repr, (v4("198.51.100.254"), pool()), sent.as_slice()),
        ),
    ];
    for (side, packet) in packets {
        let mut lab = Lab::new(config());
        lab.v6(query(40_000, server6())).unwrap();
        let mut variants = 0;
        testkit::sweep(packet.as_slice(), |octets| {
            let mut packet = PacketBuf::from(octets);
            lab.nat64.process(lab.now, side, &mut packet);
            variants += 1;
            lab.collect();
            lab.sent.clear();
        });
        assert!(variants > 100);
        assert!(lab.nat64.sessions() <= 1_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: no two hosts share an end outside, what went out comes back to its sender,
    /// and what has ended leaves nothing behind.
    #[test]
    fn any_traffic(
        seed: u64,
        steps in proptest::collection::vec((0u8..6, 0u16..6, 0u16..8, 0u64..400), 1..120),
        independent: bool,
    ) {
        let mut config = config();
        config.max_sessions = 40;
        config.max_bindings = 30;
        config.max_bindings_per_subscriber = 7;
        config.lowest_port = 65_500;
        if independent {
            config.filtering = Nat64Filtering::EndpointIndependent;
        }
        let mut lab = Lab::new(config);
        let mut random = SeededRandom::new(seed);
        for (kind, host, port, wait) in steps {
            let from = (Ipv6Addr::new(0x2001, 0xdb8, host, 0, 0, 0, 0, 1), 40_000 + port);
            let server = Ipv4Addr::new(198, 51, 100, (host + port) as u8 % 4);
            let to = (Pref64::WELL_KNOWN.embed(server), 80 + port % 2);
            let flags = [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN, TcpFlags::RST]
                [random.between(0, 3)];
            match kind {
                0 => drop(lab.process(Nat64Side::V6, &mut udp_v6(from, to, b""))),
                1 => drop(lab.process(Nat64Side::V6, &mut tcp_v6(from, to, flags))),
                2 => {
                    let repr = Icmpv6Repr::EchoRequest { identifier: port, sequence_number: 0 };
                    lab.process(Nat64Side::V6, &mut icmpv6(repr, (from.0, to.0), b""));
                }
                3 | 4 => {
                    let bindings: Vec<_> = lab.nat64.iter_bindings().collect();
                    if let Some(it) = bindings.get(usize::from(host)) {
                        let at = (it.v4, it.v4_port);
                        let remote = (server, to.1);
                        let mut packet = match it.protocol {
                            IpProtocol::UDP => udp_v4(remote, at, b""),
                            _ => tcp_v4(remote, at, flags),
                        };
                        if let Nat64Verdict::Forward { .. } = lab.process(Nat64Side::V4, &mut packet) {
                            let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
                            if it.protocol != IpProtocol::ICMP {
                                prop_assert_eq!(ip.destination(), it.v6);
                            }
                        }
                    }
                }
                _ => lab.wait(wait),
            }
            let mut ends = std::collections::BTreeSet::new();
            for it in lab.nat64.iter_bindings() {
                prop_assert!(ends.insert((it.protocol.0, it.v4, it.v4_port)));
            }
            prop_assert!(lab.nat64.sessions() <= 40 && lab.nat64.bindings() <= 30);
        }
        lab.wait(30_000);
        prop_assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 0));
    }
}
