//! A host is asked.

use super::{
    Answer, Kernel, LINK_LOCAL, OWN, OWN4, OWN6, Ours, Question, Questions, patience, udp, verdict,
};
use anyhow::{Result, ensure};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::host::HostConfig;
use icmp_nd::ping::PingConfig;
use icmp_nd::wire::solicited_node;
use internetwork::live_host::{LiveHost, LiveHostConfig};
use packet_buffer::wire::{
    EtherType, HeaderOptions, Icmpv4Repr, Icmpv6Repr, Icmpv6Type, IpProtocol, Ipv4Repr, Ipv6Repr,
    MacAddr, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf};
use testkit::{Discarded, Node, Port};

/// A kernel behind a TAP device.
fn kernel() -> Result<Kernel> {
    let settings = [
        "net.ipv4.icmp_ratelimit=0",
        "net.ipv4.ipfrag_time=1",
        "net.ipv6.icmp.echo_ignore_multicast=0",
        "net.ipv6.ip6frag_time=1",
    ];
    let kernel = Kernel::start("oracle", &settings, &[("oracle0", OWN, 1_500)])?;
    let namespace = &kernel.namespace;
    for address in ["192.0.2.1/24", "2001:db8::1/64"] {
        namespace.run("ip", &["addr", "add", address, "dev", "oracle0"])?;
    }
    let link = namespace.run("ip", &["addr", "show", "dev", "oracle0"])?;
    ensure!(link.contains(&OWN.to_string()), "{link}");
    ensure!(link.contains(&LINK_LOCAL.to_string()), "{link}");
    Ok(kernel)
}

struct Subject(LiveHost);

impl Node for Subject {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0.handle_input(now, frame).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).then_some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

fn ours() -> Result<Ours<Subject>> {
    let mut host = HostConfig::new(OWN);
    host.arp.probe = false;
    host.nd.address.dad_transmits = 0;
    host.reassembler.timeout = Duration::from_secs(1);
    let config = LiveHostConfig {
        host,
        addresses: vec![(OWN4.into(), 24), (OWN6.into(), 64)],
        gateways: Vec::new(),
        router_discovery: false,
        groups: Vec::new(),
        ping: PingConfig::default(),
        ping_targets: Vec::new(),
        questions: Vec::new(),
    };
    let host = LiveHost::new(Instant::ZERO, config, 0)?;
    Ok(Ours::start(Subject(host)))
}

impl Questions {
    fn peer4(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            192,
            0,
            2,
            u8::try_from(self.all.len()).map_or(99, |n| n + 20),
        )
    }

    fn peer6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x77, self.number())
    }

    /// An IPv4 packet to the subject, changed.
    fn v4(
        &mut self,
        name: &'static str,
        protocol: IpProtocol,
        payload: &[u8],
        change: impl FnOnce(&mut Ipv4Repr),
    ) -> Result<()> {
        let mut repr = Ipv4Repr::new(self.peer4(), OWN4, protocol);
        change(&mut repr);
        let mut packet = PacketBuf::from_slice(128, payload);
        repr.emit(&mut packet)?;
        let to = if repr.destination.is_multicast() {
            MacAddr::for_ipv4_multicast(repr.destination)
        } else if repr.destination.octets()[3] == 255 {
            MacAddr::BROADCAST
        } else {
            OWN
        };
        self.push(name, to, EtherType::IPV4, packet, repr.source.into())
    }

    fn icmp4(&mut self, name: &'static str, message: &[u8]) -> Result<()> {
        self.v4(name, IpProtocol::ICMP, message, |_| {})
    }

    /// A packet of IPv6 with this next header.
    fn v6(
        &mut self,
        name: &'static str,
        next_header: IpProtocol,
        payload: &[u8],
        change: impl FnOnce(&mut Ipv6Repr),
    ) -> Result<()> {
        let mut repr = Ipv6Repr::new(self.peer6(), OWN6, next_header);
        change(&mut repr);
        let mut packet = PacketBuf::from_slice(128, payload);
        repr.emit(&mut packet)?;
        let to = if repr.destination.is_multicast() {
            MacAddr::for_ipv6_multicast(repr.destination)
        } else {
            OWN
        };
        self.push(name, to, EtherType::IPV6, packet, repr.source.into())
    }

    /// A message of ICMPv6 to `to`, behind what `before` has put in front.
    fn icmp6(
        &mut self,
        name: &'static str,
        message: Icmpv6Repr,
        to: Ipv6Addr,
        before: Option<(IpProtocol, &[u8])>,
    ) -> Result<()> {
        let addresses = Ipv6Repr::new(self.peer6(), to, IpProtocol::ICMPV6);
        let mut packet = PacketBuf::from_slice(64, b"data of an echo");
        message.emit(&mut packet, &addresses.pseudo_header())?;
        let (next_header, mut payload) = match before {
            Some((next_header, octets)) => (next_header, octets.to_vec()),
            None => (IpProtocol::ICMPV6, Vec::new()),
        };
        payload.extend_from_slice(packet.as_slice());
        self.v6(name, next_header, &payload, |it| it.destination = to)
    }

    /// A Neighbor Solicitation for the subject's address, its octets changed, with a right checksum.
    fn solicitation(
        &mut self,
        name: &'static str,
        source: Option<Ipv6Addr>,
        to: Ipv6Addr,
        options: &[u8],
        change: impl FnOnce(&mut Vec<u8>, &mut Ipv6Repr),
    ) -> Result<()> {
        let mut message = vec![Icmpv6Type::NEIGHBOR_SOLICITATION.0, 0, 0, 0, 0, 0, 0, 0];
        message.extend(OWN6.octets());
        message.extend(options);
        let source = source.unwrap_or(self.peer6());
        let mut repr = Ipv6Repr::new(source, to, IpProtocol::ICMPV6);
        repr.hop_limit = 255;
        change(&mut message, &mut repr);
        let sum = repr
            .pseudo_header()
            .sum(IpProtocol::ICMPV6, message.len())
            .add_bytes(&message);
        let sum = sum.checksum().to_be_bytes();
        // A checksum that is there already is wrong on purpose.
        if message[2..4] == [0, 0] {
            message[2..4].copy_from_slice(&sum);
        }
        self.v6(name, IpProtocol::ICMPV6, &message, |it| *it = repr)
    }
}

fn echo4() -> Result<Vec<u8>> {
    let mut packet = PacketBuf::from_slice(64, &[0x78; 56]);
    Icmpv4Repr::EchoRequest {
        identifier: 0x1234,
        sequence_number: 7,
    }
    .emit(&mut packet)?;
    Ok(packet.as_slice().to_vec())
}

/// A message of ICMPv4 of this type and this length, with a right checksum.
fn icmp4(message_type: u8, length: usize) -> Vec<u8> {
    let mut message = vec![0; length];
    message[0] = message_type;
    message[4..8].copy_from_slice(&[0x12, 0x34, 0, 1]);
    let sum = packet_buffer::checksum::internet_checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

pub(crate) fn ipv4() -> Result<Vec<Question>> {
    let mut all = Questions::default();
    let echo = echo4()?;
    let to_all = Ipv4Addr::new(192, 0, 2, 255);
    let group = Ipv4Addr::new(224, 0, 0, 1);
    all.icmp4("echo", &echo)?;
    let record = HeaderOptions::from_slice(&[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0])?;
    all.v4("record route", IpProtocol::ICMP, &echo, |it| {
        it.options = record;
    })?;
    all.differs(
        "the kernel records itself when the request comes and when the reply goes, we once",
    );
    let bad = HeaderOptions::from_slice(&[7, 7, 2, 0, 0, 0, 0])?;
    all.v4(
        "bad pointer in record route",
        IpProtocol::ICMP,
        &echo,
        |it| {
            it.options = bad;
        },
    )?;
    all.icmp4("timestamp", &icmp4(13, 20))?;
    all.icmp4("address mask", &icmp4(17, 12))?;
    all.icmp4("information", &icmp4(15, 8))?;
    all.icmp4("unknown type", &icmp4(200, 16))?;
    all.v4(
        "router solicitation",
        IpProtocol::ICMP,
        &icmp4(10, 8),
        |it| {
            (it.destination, it.time_to_live) = (Ipv4Addr::new(224, 0, 0, 2), 1);
        },
    )?;
    let mut damaged = echo.clone();
    damaged[40] ^= 0xff;
    all.icmp4("wrong checksum", &damaged)?;
    all.v4("echo to broadcast", IpProtocol::ICMP, &echo, |it| {
        it.destination = to_all;
    })?;
    all.v4("echo to a group", IpProtocol::ICMP, &echo, |it| {
        it.destination = group;
    })?;
    for (name, length) in [("closed port", 8), ("closed port, long datagram", 1200)] {
        let addresses = Ipv4Repr::new(all.peer4(), OWN4, IpProtocol::UDP).pseudo_header();
        all.v4(name, IpProtocol::UDP, &udp(&addresses, length)?, |_| {})?;
    }
    for (name, to) in [
        ("datagram to broadcast", to_all),
        ("datagram to a group", group),
    ] {
        let addresses = Ipv4Repr::new(all.peer4(), to, IpProtocol::UDP).pseudo_header();
        all.v4(name, IpProtocol::UDP, &udp(&addresses, 8)?, |it| {
            it.destination = to;
        })?;
    }
    let addresses = Ipv4Repr::new(all.peer4(), OWN4, IpProtocol::UDP).pseudo_header();
    let mut damaged = udp(&addresses, 8)?;
    damaged[9] ^= 1;
    all.v4(
        "datagram with a wrong checksum",
        IpProtocol::UDP,
        &damaged,
        |_| {},
    )?;
    all.v4("unknown protocol", IpProtocol(253), b"zzzz", |_| {})?;
    all.v4(
        "unknown protocol to broadcast",
        IpProtocol(253),
        b"zzzz",
        |it| {
            it.destination = to_all;
        },
    )?;
    all.v4("first fragment alone", IpProtocol::UDP, &[0x66; 64], |it| {
        (it.more_fragments, it.identification) = (true, 99);
    })?;
    all.v4("later fragment alone", IpProtocol::UDP, &[0x66; 64], |it| {
        (it.fragment_offset, it.identification) = (80, 98);
    })?;
    all.v4("not for this host", IpProtocol::ICMP, &echo, |it| {
        it.destination = Ipv4Addr::new(192, 0, 2, 9);
    })?;
    Ok(all.all)
}

const ECHO6: Icmpv6Repr = Icmpv6Repr::EchoRequest {
    identifier: 0x1234,
    sequence_number: 7,
};

pub(crate) fn ipv6() -> Result<Vec<Question>> {
    let mut all = Questions::default();
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let group = solicited_node(OWN6);
    let slla: &[u8] = &[1, 1, 2, 0, 0, 0, 0, 2];
    all.solicitation("solicitation to the group", None, group, slla, |_, _| {})?;
    all.solicitation("solicitation to the host", None, OWN6, slla, |_, _| {})?;
    all.differs("RFC 4861 §7.2.4: the option MAY be left out, and the override flag with it");
    let mut unknown = vec![0x40, 1, 7, 7, 7, 7, 7, 7];
    unknown.extend(slla);
    all.solicitation("unknown option", None, group, &unknown, |_, _| {})?;
    all.solicitation("no link-layer address", None, group, &[], |_, _| {})?;
    all.differs("it should have one (RFC 4861 §4.3); the kernel is silent, we look for who asks");
    let tests = Some(Ipv6Addr::UNSPECIFIED);
    all.solicitation("test of the address", tests, group, &[], |_, _| {})?;
    all.solicitation(
        "test with a link-layer address",
        tests,
        group,
        slla,
        |_, _| {},
    )?;
    all.solicitation("test to the host", tests, OWN6, &[], |_, _| {})?;
    all.solicitation("hop limit 254", None, group, slla, |_, ip| {
        ip.hop_limit = 254
    })?;
    all.solicitation("code 1", None, group, slla, |message, _| message[1] = 1)?;
    all.solicitation("target is a group", None, all_nodes, slla, |message, _| {
        message[8..24].copy_from_slice(&all_nodes.octets());
    })?;
    all.solicitation("wrong checksum", None, group, slla, |message, _| {
        message[3] = 1
    })?;
    let empty: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0];
    all.solicitation("option of length 0", None, group, empty, |_, _| {})?;
    all.solicitation("too short", None, group, &[], |message, _| {
        message.truncate(16)
    })?;

    all.icmp6("echo", ECHO6, OWN6, None)?;
    all.icmp6("echo to the link-local address", ECHO6, LINK_LOCAL, None)?;
    all.icmp6("echo to all nodes", ECHO6, all_nodes, None)?;
    for (name, length) in [("closed port", 8), ("closed port, long datagram", 1400)] {
        let addresses = Ipv6Repr::new(all.peer6(), OWN6, IpProtocol::UDP).pseudo_header();
        all.v6(name, IpProtocol::UDP, &udp(&addresses, length)?, |_| {})?;
    }
    let addresses = Ipv6Repr::new(all.peer6(), all_nodes, IpProtocol::UDP).pseudo_header();
    all.v6(
        "datagram to all nodes",
        IpProtocol::UDP,
        &udp(&addresses, 8)?,
        |it| {
            it.destination = all_nodes;
        },
    )?;
    all.v6("unknown next header", IpProtocol(200), b"zz", |_| {})?;
    // Destination options with one that nobody knows, by what its first bits ask for (RFC 8200 §4.2).
    let options = |kind: u8| [IpProtocol::ICMPV6.0, 0, kind, 4, 0x61, 0x61, 0x61, 0x61];
    for (name, kind) in [
        ("option to be skipped", 0x1d),
        ("option to be dropped", 0x5d),
        ("option to be reported", 0x9d),
        ("option to be reported but for groups", 0xdd),
    ] {
        let options = options(kind);
        all.icmp6(name, ECHO6, OWN6, Some((IpProtocol(60), &options)))?;
    }
    let (reported, silent) = (options(0x9d), options(0xdd));
    all.icmp6(
        "option to be reported, to a group",
        ECHO6,
        all_nodes,
        Some((IpProtocol(60), &reported)),
    )?;
    all.icmp6(
        "option in silence, to a group",
        ECHO6,
        all_nodes,
        Some((IpProtocol(60), &silent)),
    )?;
    for (name, message_type) in [
        ("unknown error", 100),
        ("unknown information", 200),
        ("node information query", 139),
    ] {
        let other = Icmpv6Repr::Other {
            message_type: Icmpv6Type(message_type),
            code: 0,
        };
        all.icmp6(name, other, OWN6, None)?;
    }
    let error = Icmpv6Repr::DestinationUnreachable {
        code: icmpv6_code::Unreachable::PORT,
        quoted_words: 0,
    };
    all.icmp6("an error about nothing", error, OWN6, None)?;
    // A fragment header: next header, offset and flags, identification.
    let fragment = |offset: u8, more: u8, number: u8| [17, 0, 0, offset | more, 0, 0, 0, number];
    for (name, header) in [
        ("first fragment alone", fragment(0, 1, 7)),
        ("later fragment alone", fragment(64, 1, 8)),
    ] {
        let mut payload = header.to_vec();
        payload.extend([0x66; 64]);
        all.v6(name, IpProtocol(44), &payload, |_| {})?;
    }
    let mut odd = fragment(0, 1, 9).to_vec();
    odd.extend([0x66; 61]);
    all.v6("fragment of an odd length", IpProtocol(44), &odd, |_| {})?;
    Ok(all.all)
}

/// Asks both all questions.
pub(crate) fn compare(questions: &[Question]) -> Result<()> {
    let (kernel, mut ours) = (kernel()?, ours()?);
    let mut failed = Vec::new();
    let mut answered = 0;
    for question in questions {
        let read = |_: usize, frame: &[u8]| Answer::read(frame, question.peer);
        let our = ours.ask(&question.frame, Duration::from_secs(4), read);
        let their = kernel.ask(&question.frame, patience(our.is_some()), read)?;
        answered += usize::from(their.is_some());
        failed.extend(verdict(question, &our, &their));
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    let silent = questions.len() - answered;
    println!("{answered} answered, {silent} not");
    ensure!(
        answered > 5 && silent > 5,
        "{answered} answered, {silent} not"
    );
    Ok(())
}
