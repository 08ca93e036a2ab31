//! A router is to forward.

use super::{Answer, Kernel, OWN, Ours, Question, Questions, patience, udp, verdict};
use anyhow::{Result, ensure};
use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::router::{RouteTarget, Router, RouterConfig, RouterInterface};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::{
    EtherType, EthernetFrame, Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, MacAddr, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf};
use testkit::{Discarded, Node, Port};

/// The router on the link where the questions come from, which carries 9,000 octets, and on that where they lead,
/// which carries 1,500.
pub(crate) const INSIDE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
pub(crate) const OUTSIDE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
const OUTSIDE_MAC: MacAddr = MacAddr([0x02, 0, 0x5e, 0x10, 0, 2]);
pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5eff, 0xfe10, 2);
/// A neighbor that is there, and one that is not.
const THERE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 9);
pub(crate) const ABSENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x77);

/// What a router has made of a packet.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Its source was told.
    Error(Answer),
    /// It was sent on.
    Forwarded(Vec<u8>),
}

fn read(port: usize, frame: &[u8], question: &Question) -> Option<Outcome> {
    if port == 0 {
        return Answer::read(frame, question.peer).map(Outcome::Error);
    }
    let frame = EthernetFrame::parse(frame).ok()?;
    let packet = Ipv6Packet::parse(frame.payload()).ok()?;
    let is_it = question.peer == packet.source();
    is_it.then(|| Outcome::Forwarded(packet.as_slice().to_vec()))
}

fn kernel() -> Result<Kernel> {
    let devices = [("inside0", OWN, 9_000), ("outside0", OUTSIDE_MAC, 1_500)];
    let settings = ["net.ipv6.conf.all.forwarding=1"];
    let kernel = Kernel::start("oracle-r", &settings, &devices)?;
    for command in [
        "addr add 2001:db8:1::1/64 dev inside0",
        "addr add 2001:db8:2::1/64 dev outside0",
        "-6 route add unreachable 2001:db8:e0::/48",
        "-6 route add prohibit 2001:db8:e1::/48",
        "-6 route add blackhole 2001:db8:e2::/48",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        kernel.namespace.run("ip", &arguments)?;
    }
    Ok(kernel)
}

struct Subject(Router);

impl Node for Subject {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let taken = self.0.handle_input(now, port, frame);
        taken.map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

fn ours() -> Result<Ours<Subject>> {
    let interface = |station, address, mtu| {
        let mut interface = RouterInterface::new(station);
        interface.nd.link_mtu = mtu;
        interface.nd.address.dad_transmits = 0;
        interface.addresses.push(ManualAddress::new(address, 64));
        interface
    };
    let mut config = RouterConfig::new(vec![
        interface(OWN, INSIDE, 9_000),
        interface(OUTSIDE_MAC, OUTSIDE, 1_500),
    ]);
    for (prefix, target) in [
        ("2001:db8:e0::/48", RouteTarget::Reject),
        ("2001:db8:e1::/48", RouteTarget::Prohibit),
        ("2001:db8:e2::/48", RouteTarget::Discard),
    ] {
        config.routes.push((prefix.parse()?, target));
    }
    let mut router = Router::new(config, Box::new(OsRandom))?;
    router.start(Instant::ZERO);
    Ok(Ours::start(Subject(router)))
}

impl Questions {
    /// A datagram with this many octets of data to `to`, its header changed.
    fn datagram(
        &mut self,
        name: &'static str,
        to: Ipv6Addr,
        data: usize,
        change: impl FnOnce(&mut Ipv6Repr),
    ) -> Result<()> {
        let mut repr = self.header(to, IpProtocol::UDP);
        change(&mut repr);
        let datagram = udp(&repr.pseudo_header(), data)?;
        self.packet(name, repr, &datagram)
    }

    fn header(&self, to: Ipv6Addr, next_header: IpProtocol) -> Ipv6Repr {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0x77, self.number());
        Ipv6Repr::new(source, to, next_header)
    }

    fn packet(&mut self, name: &'static str, repr: Ipv6Repr, payload: &[u8]) -> Result<()> {
        let mut packet = PacketBuf::from_slice(64, payload);
        repr.emit(&mut packet)?;
        self.push(name, OWN, EtherType::IPV6, packet, repr.source.into())
    }
}

fn questions() -> Result<Vec<Question>> {
    let mut all = Questions::default();
    all.datagram("to a neighbor", THERE, 10, |_| {})?;
    all.datagram("a whole packet", THERE, 1_452, |_| {})?;
    all.datagram("hop limit 2", THERE, 10, |it| it.hop_limit = 2)?;
    all.datagram("hop limit 1", THERE, 10, |it| it.hop_limit = 1)?;
    all.datagram("hop limit 0", THERE, 10, |it| it.hop_limit = 0)?;
    all.datagram("an octet too long", THERE, 1_453, |_| {})?;
    all.datagram("much too long", THERE, 8_000, |_| {})?;
    all.datagram("nobody there", ABSENT, 10, |_| {})?;
    let elsewhere = |prefix: u16| Ipv6Addr::new(0x2001, 0xdb8, prefix, 0, 0, 0, 0, 1);
    all.datagram("no route", elsewhere(0xffff), 10, |_| {})?;
    all.datagram("a route that rejects", elsewhere(0xe0), 10, |_| {})?;
    all.differs(
        "the kernel says no route (code 0), we say that a route rejects (RFC 4443 §3.1, code 6)",
    );
    all.datagram("a route that prohibits", elsewhere(0xe1), 10, |_| {})?;
    all.datagram("a route that discards", elsewhere(0xe2), 10, |_| {})?;
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x55);
    all.datagram("link-local source", THERE, 10, |it| it.source = local)?;
    all.datagram("unspecified source", THERE, 10, |it| {
        it.source = Ipv6Addr::UNSPECIFIED
    })?;
    let group = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x42);
    all.datagram("source is a group", THERE, 10, |it| it.source = group)?;
    all.datagram("loopback source", THERE, 10, |it| {
        it.source = Ipv6Addr::LOCALHOST
    })?;
    all.datagram("to the router", INSIDE, 10, |_| {})?;
    all.datagram("to its other address", OUTSIDE, 10, |_| {})?;
    // An error whose hop limit ends here is not told.
    for (name, message) in [
        (
            "an error about an error",
            Icmpv6Repr::DestinationUnreachable {
                code: icmpv6_code::Unreachable::PORT,
                quoted_words: 0,
            },
        ),
        (
            "an error about an echo",
            Icmpv6Repr::EchoRequest {
                identifier: 1,
                sequence_number: 1,
            },
        ),
    ] {
        let mut repr = all.header(THERE, IpProtocol::ICMPV6);
        repr.hop_limit = 1;
        let mut packet = PacketBuf::from_slice(64, &[0x65; 48]);
        message.emit(&mut packet, &repr.pseudo_header())?;
        all.packet(name, repr, packet.as_slice())?;
    }
    Ok(all.all)
}

/// Asks both all questions.
pub(crate) fn compare() -> Result<()> {
    let (kernel, mut ours) = (kernel()?, ours()?);
    let mut failed = Vec::new();
    let (mut errors, mut forwarded, mut silent) = (0, 0, 0);
    for question in questions()? {
        let read = |port: usize, frame: &[u8]| read(port, frame, &question);
        let our = ours.ask(&question.frame, Duration::from_secs(5), read);
        let their = kernel.ask(&question.frame, patience(our.is_some()), read)?;
        match &their {
            Some(Outcome::Error(_)) => errors += 1,
            Some(Outcome::Forwarded(_)) => forwarded += 1,
            None => silent += 1,
        }
        failed.extend(verdict(&question, &our, &their));
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    println!("{errors} errors, {forwarded} forwarded, {silent} silent");
    ensure!(
        errors >= 10 && forwarded >= 3 && silent >= 4,
        "{errors} errors, {forwarded} forwarded, {silent} silent"
    );
    Ok(())
}
