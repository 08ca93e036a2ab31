//! Writes the seeds of the targets of flow-state, nat and the firewall in `corpus/`. The same come out every time;
//! inputs that a fuzzer found stay.
//!
//! Run it in this folder with `cargo run --example seeds_flows`.

mod support;

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv4Repr, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader, TcpFlags, TcpRepr, UdpRepr,
    icmpv4_code,
};
use std::io;
use support::{octets, write};

const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const INSIDE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 10);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc633, 0x6401);

const POLICY: &str = "zone inside level 100
zone outside level 0
interface lan0 zone inside
interface wan0 zone outside reverse-path loose bogons acl-in edge
addresses servers { 192.0.2.10, 192.0.2.16/28, 2001:db8:5::/64 }
acl edge {
    100 deny from 198.51.100.0/24 log
    200 permit
}
rules from outside to inside {
    web: accept tcp to @servers port { 80, 443 } sessions-per-source 100
    reject tcp port 113
    drop log
}
log-default
";

fn udp(payload: &[u8], ports: (u16, u16)) -> PacketBuf {
    let mut packet = PacketBuf::from_slice(64, payload);
    let addresses = PseudoHeader::V4 {
        source: INSIDE,
        destination: SERVER,
    };
    let header = UdpRepr {
        source_port: ports.0,
        destination_port: ports.1,
    };
    header.emit(&mut packet, &addresses).expect("it fits");
    Ipv4Repr::new(INSIDE, SERVER, IpProtocol::UDP)
        .emit(&mut packet)
        .expect("it fits");
    packet
}

fn tcp(from: Ipv4Addr, to: Ipv4Addr, flags: TcpFlags, numbers: (u32, u32)) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let addresses = PseudoHeader::V4 {
        source: from,
        destination: to,
    };
    let header = TcpRepr {
        source_port: if from == INSIDE { 40_000 } else { 80 },
        destination_port: if from == INSIDE { 80 } else { 40_000 },
        sequence_number: numbers.0,
        acknowledgment_number: numbers.1,
        flags,
        window: 8_192,
        ..TcpRepr::default()
    };
    header.emit(&mut packet, &addresses).expect("it fits");
    Ipv4Repr::new(from, to, IpProtocol::TCP)
        .emit(&mut packet)
        .expect("it fits");
    packet
}

fn handshake() -> Vec<PacketBuf> {
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    vec![
        tcp(INSIDE, SERVER, syn, (100, 0)),
        tcp(SERVER, INSIDE, syn | ack, (500, 101)),
        tcp(INSIDE, SERVER, ack, (101, 501)),
        tcp(SERVER, INSIDE, TcpFlags::FIN | ack, (501, 101)),
        tcp(INSIDE, SERVER, TcpFlags::FIN | ack, (101, 502)),
        tcp(SERVER, INSIDE, TcpFlags::RST, (502, 0)),
    ]
}

fn error() -> PacketBuf {
    let mut packet = PacketBuf::from_slice(64, udp(b"", (40_000, 53)).as_slice());
    Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable(3),
        quoted_words: 0,
        next_hop_mtu: 0,
    }
    .emit(&mut packet)
    .expect("it fits");
    Ipv4Repr::new(SERVER, INSIDE, IpProtocol::ICMP)
        .emit(&mut packet)
        .expect("it fits");
    packet
}

fn udp6() -> PacketBuf {
    let mut packet = PacketBuf::from_slice(64, b"data");
    let ip = Ipv6Repr::new(INSIDE6, SERVER6, IpProtocol::UDP);
    let header = UdpRepr {
        source_port: 40_000,
        destination_port: 53,
    };
    header
        .emit(&mut packet, &ip.pseudo_header())
        .expect("it fits");
    ip.emit(&mut packet).expect("it fits");
    packet
}

/// Packets with a length in front, and what else a target wants in three octets.
fn framed(packets: &[PacketBuf], header: impl Fn(usize, u16) -> [u8; 3]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        let length = u16::try_from(packet.len()).expect("short");
        octets.extend(header(number, length));
        octets.extend(packet.as_slice());
    }
    octets
}

fn main() -> io::Result<()> {
    let mut all = handshake();
    all.extend([udp(b"data", (40_000, 53)), error(), udp6()]);
    for policy in 0..3 {
        let flow = framed(&all, |_, length| {
            let [high, low] = length.to_be_bytes();
            [high, low, 1]
        });
        let octets = [&[policy][..], &flow].concat();
        write("flow_state_packet", &format!("flow-{policy}"), &octets)?;
    }
    let of_side = |number: usize, length: u16| {
        let [high, low] = length.to_be_bytes();
        [if number.is_multiple_of(2) { 2 } else { 3 }, high, low]
    };
    write("nat64_ops", "flow", &framed(&all, of_side))?;
    write("nat64_ops", "ipv6", &framed(&[udp6(), udp6()], of_side))?;
    for (name, way) in [("out", 0b1000), ("in", 0b0010), ("dmz", 0b0110)] {
        let octets = framed(&all, |_, length| {
            let [high, low] = length.to_be_bytes();
            [way, high, low]
        });
        write("firewall_ops", name, &octets)?;
    }
    write("firewall_language", "policy", POLICY.as_bytes())?;
    for (number, line) in POLICY.lines().enumerate() {
        write(
            "firewall_language",
            &format!("line-{number:02}"),
            line.as_bytes(),
        )?;
    }

    let texts: [(&str, &[u8]); 6] = [
        ("ftp-port", b"\x00\x19PORT 10,0,0,10,4,1\r\n"),
        ("ftp-eprt", b"\x00\x1bEPRT |1|10.0.0.10|1025|\r\n"),
        ("ftp-pasv", b"\x01\x2f227 Entering Passive Mode (10,0,0,10,4,2).\r\n"),
        ("sip", b"INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.10:5060\r\nContact: <sip:a@10.0.0.10>\r\nContent-Type: application/sdp\r\n\r\nc=IN IP4 10.0.0.10\r\nm=audio 4000 RTP/AVP 0\r\n"),
        ("tftp", b"\x00\x01file\x00octet\x00"),
        ("dns", b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01"),
    ];
    for (name, octets) in texts {
        write("flow_state_application", name, octets)?;
    }

    // MAP, PEER and ANNOUNCE of PCP; address and mapping requests of NAT-PMP.
    let mut map = vec![2, 1, 0, 0, 0, 0, 14, 16];
    map.extend([0; 10]);
    map.extend([0xff, 0xff, 10, 0, 0, 1]);
    let announce = [&[2, 0][..], &map[2..]].concat();
    map.extend([7; 12]);
    map.extend([17, 0, 0, 0, 0x1f, 0x90, 0, 0]);
    map.extend([0; 10]);
    map.extend([0xff, 0xff, 0, 0, 0, 0]);
    let requests: [(&str, &[u8]); 4] = [
        ("map", &map),
        ("announce", &announce),
        ("pmp-address", &[0, 0]),
        ("pmp-map", &[0, 1, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 14, 16]),
    ];
    for (name, request) in requests {
        let length = u8::try_from(request.len()).expect("short");
        let octets = [&[1, 1, length][..], request].concat();
        write("nat_control", name, &octets.repeat(2))?;
        write("nat_control", &format!("{name}-alone"), request)?;
    }

    for seed in 0..24 {
        let octets = numbers(seed);
        write("nat_ops", &format!("numbers-{seed:02}"), &octets)?;
    }
    Ok(())
}

/// Octets of a linear congruential generator, small ones among them.
fn numbers(seed: u32) -> Vec<u8> {
    octets(seed, 64 + seed * 24, |state| {
        let octet = (state >> 24) as u8;
        if seed.is_multiple_of(2) {
            octet
        } else {
            octet % 8
        }
    })
}
