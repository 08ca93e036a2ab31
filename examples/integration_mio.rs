//! Two IPv6 hosts in one thread, driven by mio: the pattern for many machines under one poll.
//!
//! ```text
//! cargo run --release --example integration_mio
//! ```
//!
//! Each host has an Ethernet link, whose frames go as UDP datagrams over loopback, as virtual machines do it. The hosts give
//! themselves addresses, one finds the other by Neighbor Discovery and pings it. `docs/integration.md` walks through the loop.

use anyhow::{Context, Result, bail};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::host::{Host, HostConfig, Outgoing};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::wire::{
    Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv6Packet, MacAddr, PseudoHeader,
};
use packet_buffer::{Instant, PacketBuf};
use std::io::ErrorKind;

/// A host with its link.
struct Station {
    host: Host,
    link: UdpSocket,
}

fn main() -> Result<()> {
    let clock = StdClock::new();
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut stations = stations(&poll, clock.now())?;
    let mut buffer = [0; 1514];
    let mut frame = PacketBuf::new();
    let mut sent = false;
    let limit = Instant::from_secs(60);
    loop {
        let now = clock.now();
        if now > limit {
            bail!("no answer within a minute");
        }
        for station in &mut stations {
            // What is due, then all that there is to send. A full socket is a full link: the frame is lost.
            if station.host.poll_timeout().is_some_and(|due| due <= now) {
                station.host.handle_timeout(now);
            }
            while station.host.poll_transmit(&mut frame).is_some() {
                match station.link.send(frame.as_slice()) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error).context("cannot send a frame"),
                }
            }
            while station.host.poll_event().is_some() {}
        }
        let [asking, answering] = &mut stations;
        if sent {
            if let Some(from) = answer(&mut asking.host)? {
                println!("{from} has answered after {now}");
                return Ok(());
            }
        } else if let Some((own, other)) = addresses(&asking.host, &answering.host) {
            println!("{own} asks {other}");
            ping(&mut asking.host, now, own, other)?;
            sent = true;
            continue; // it has a solicitation to send before anything comes
        }

        // The first deadline of all machines.
        let due = stations
            .iter()
            .filter_map(|station| station.host.poll_timeout())
            .min();
        let wait = due.map(|due| due.saturating_duration_since(clock.now()));
        poll.poll(&mut events, Some(wait.unwrap_or(Duration::from_secs(1))))?;
        for event in &events {
            let Some(station) = stations.get_mut(event.token().0) else {
                continue;
            };
            // mio tells once: the socket is read until it has no more.
            loop {
                match station.link.recv(&mut buffer) {
                    Ok(length) => {
                        let frame = buffer.get(..length).unwrap_or_default();
                        if let Err(discard) = station.host.handle_input(clock.now(), frame) {
                            println!("ignored: {discard}");
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context("cannot receive"),
                }
            }
        }
    }
}

/// Two hosts, and a datagram socket of each that is connected to the other's.
fn stations(poll: &Poll, now: Instant) -> Result<[Station; 2]> {
    let mut sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()));
    let [Ok(a), Ok(b)] = &mut sockets else {
        bail!("cannot bind to a port of {}", Ipv4Addr::LOCALHOST);
    };
    a.connect(b.local_addr()?)?;
    b.connect(a.local_addr()?)?;
    let mut stations = Vec::new();
    for (index, socket) in sockets.into_iter().enumerate() {
        let mut link = socket?;
        poll.registry()
            .register(&mut link, Token(index), Interest::READABLE)?;
        let address = MacAddr([2, 0, 0, 0, 0, u8::try_from(index)?]);
        let mut host = Host::new(HostConfig::new(address), Box::new(OsRandom))?;
        host.start(now);
        stations.push(Station { host, link });
    }
    stations.try_into().ok().context("there are two")
}

/// The addresses of both, when they have been found to be nobody else's.
fn addresses(asking: &Host, answering: &Host) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let all_nodes = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
    let own = |host: &Host| match host.select_source(all_nodes)? {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    Some((own(asking)?, own(answering)?))
}

fn ping(host: &mut Host, now: Instant, source: Ipv6Addr, destination: Ipv6Addr) -> Result<()> {
    let mut packet = PacketBuf::new();
    packet.append_slice(b"from mio");
    let request = Icmpv6Repr::EchoRequest {
        identifier: 1,
        sequence_number: 1,
    };
    request.emit(
        &mut packet,
        &PseudoHeader::V6 {
            source,
            destination,
        },
    )?;
    let outgoing = Outgoing::new(destination.into(), IpProtocol::ICMPV6).from(source.into());
    host.send(now, &outgoing, &mut packet)?;
    Ok(())
}

/// Who has answered, if the answer is among what has arrived.
fn answer(host: &mut Host) -> Result<Option<Ipv6Addr>> {
    let mut packet = PacketBuf::new();
    while let Some(received) = host.poll_receive(&mut packet) {
        let ip = Ipv6Packet::parse(packet.as_slice())?;
        if received.protocol != IpProtocol::ICMPV6 {
            continue;
        }
        let octets = packet.as_slice().get(received.payload_offset..);
        let message = Icmpv6Message::parse(octets.unwrap_or_default())?;
        if let Icmpv6Repr::EchoReply { .. } = message.to_repr()
            && message.payload() == b"from mio"
        {
            return Ok(Some(ip.source()));
        }
    }
    Ok(None)
}
