//! Packets octet by octet, so that a test can get any field wrong.

use core::net::Ipv6Addr;
use packet_buffer::wire::{IpProtocol, MacAddr, PseudoHeader};

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const UDP: u8 = 17;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const NO_NEXT: u8 = 59;
pub(crate) const DESTINATION: u8 = 60;

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// An IPv6 packet; every field may be changed before [`octets`](Self::octets).
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) version: u8,
    pub(crate) traffic_class: u8,
    pub(crate) flow_label: u32,
    pub(crate) next: u8,
    pub(crate) hop_limit: u8,
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    pub(crate) fn new(source: &str, destination: &str, next: u8, payload: Vec<u8>) -> Self {
        Self {
            version: 6,
            traffic_class: 0,
            flow_label: 0,
            next,
            hop_limit: 64,
            source: ip(source),
            destination: ip(destination),
            payload,
        }
    }

    /// An ICMPv6 message, its checksum made right.
    pub(crate) fn icmp(source: &str, destination: &str, message: Vec<u8>) -> Self {
        let message = with_checksum(ip(source), ip(destination), ICMPV6, message);
        Self::new(source, destination, ICMPV6, message)
    }

    /// A Neighbor Discovery message: hop limit 255.
    pub(crate) fn nd(source: &str, destination: &str, message: Vec<u8>) -> Self {
        Self {
            hop_limit: 255,
            ..Self::icmp(source, destination, message)
        }
    }

    pub(crate) fn hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    /// Turns over a bit of the checksum of the ICMPv6 message that the payload is.
    pub(crate) fn bad_checksum(mut self) -> Self {
        self.payload[2] ^= 1;
        self
    }

    /// Puts an extension header in front of the payload. `body` is what follows the Next Header field.
    pub(crate) fn extended(mut self, header: u8, body: &[u8]) -> Self {
        assert_eq!(body.len() % 8, 7);
        let mut payload = vec![self.next];
        payload.extend(body);
        payload.append(&mut self.payload);
        self.next = header;
        self.payload = payload;
        self
    }

    /// Puts an options header of these options in front, padded.
    pub(crate) fn options(self, header: u8, options: &[u8]) -> Self {
        let mut body = vec![0];
        body.extend(options);
        match (7 + 8 - body.len() % 8) % 8 {
            0 => {}
            1 => body.push(0),
            n => {
                body.extend([1, n as u8 - 2]);
                body.extend(vec![0; n - 2]);
            }
        }
        body[0] = (body.len() / 8) as u8;
        self.extended(header, &body)
    }

    /// The fragment of the payload from `from` to `to`, with this identification.
    pub(crate) fn fragment(&self, from: usize, to: usize, identification: u32) -> Self {
        let more = to < self.payload.len();
        let mut header = vec![0];
        header.extend(((from as u16) | u16::from(more)).to_be_bytes());
        header.extend(identification.to_be_bytes());
        let mut fragment = self.clone();
        fragment.payload = self.payload[from..to].to_vec();
        fragment.extended(FRAGMENT, &header)
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let first =
            u32::from(self.version) << 28 | u32::from(self.traffic_class) << 20 | self.flow_label;
        let mut octets = first.to_be_bytes().to_vec();
        octets.extend((self.payload.len() as u16).to_be_bytes());
        octets.extend([self.next, self.hop_limit]);
        octets.extend(self.source.octets());
        octets.extend(self.destination.octets());
        octets.extend(&self.payload);
        octets
    }
}

/// Fills in the checksum of an ICMPv6 message (at 2) or a UDP datagram (at 6).
pub(crate) fn with_checksum(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    protocol: u8,
    mut message: Vec<u8>,
) -> Vec<u8> {
    let at = if protocol == UDP { 6 } else { 2 };
    if message.len() < at + 2 {
        return message;
    }
    message[at..at + 2].copy_from_slice(&[0, 0]);
    let pseudo_header = PseudoHeader::V6 {
        source,
        destination,
    };
    let sum = pseudo_header
        .sum(IpProtocol(protocol), message.len())
        .add_bytes(&message);
    let checksum = sum.checksum().to_be_bytes();
    message[at..at + 2].copy_from_slice(&checksum);
    message
}

pub(crate) fn echo_request(identifier: u16, data: usize) -> Vec<u8> {
    let mut message = vec![128, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend([0, 1]);
    message.extend((0..data).map(|n| n as u8));
    message
}

/// A UDP datagram to a port that nobody listens on.
pub(crate) fn udp(source: &str, destination: &str) -> Packet {
    let mut datagram = vec![0x30, 0x39, 0xd4, 0x31, 0, 16, 0, 0];
    datagram.extend(b"whoknows");
    let datagram = with_checksum(ip(source), ip(destination), UDP, datagram);
    Packet::new(source, destination, UDP, datagram)
}

fn nd_message(start: &[u8], parts: &[&[u8]], options: &[Vec<u8>]) -> Vec<u8> {
    let mut message = start.to_vec();
    for part in parts {
        message.extend(*part);
    }
    for option in options {
        message.extend(option);
    }
    message
}

pub(crate) fn rs(options: &[Vec<u8>]) -> Vec<u8> {
    nd_message(&[133, 0, 0, 0, 0, 0, 0, 0], &[], options)
}

/// A Router Advertisement: hop limit, router lifetime in seconds, reachable time and retransmission
/// timer in milliseconds.
pub(crate) fn ra(
    hop_limit: u8,
    lifetime: u16,
    reachable: u32,
    retrans: u32,
    options: &[Vec<u8>],
) -> Vec<u8> {
    let lifetime = lifetime.to_be_bytes();
    let (reachable, retrans) = (reachable.to_be_bytes(), retrans.to_be_bytes());
    let start = [134, 0, 0, 0, hop_limit, 0];
    nd_message(&start, &[&lifetime, &reachable, &retrans], options)
}

pub(crate) fn ns(target: &str, options: &[Vec<u8>]) -> Vec<u8> {
    let target = ip(target).octets();
    nd_message(&[135, 0, 0, 0, 0, 0, 0, 0], &[&target], options)
}

pub(crate) const ROUTER: u8 = 0x80;
pub(crate) const SOLICITED: u8 = 0x40;
pub(crate) const OVERRIDE: u8 = 0x20;

pub(crate) fn na(target: &str, flags: u8, options: &[Vec<u8>]) -> Vec<u8> {
    let target = ip(target).octets();
    nd_message(&[136, 0, 0, 0, flags, 0, 0, 0], &[&target], options)
}

pub(crate) fn redirect(target: &str, destination: &str, options: &[Vec<u8>]) -> Vec<u8> {
    let (target, destination) = (ip(target).octets(), ip(destination).octets());
    let start = [137, 0, 0, 0, 0, 0, 0, 0];
    nd_message(&start, &[&target, &destination], options)
}

/// An ICMPv6 error about a packet; `word` is what stands behind the checksum.
pub(crate) fn error(message_type: u8, code: u8, word: u32, about: &[u8]) -> Vec<u8> {
    let mut message = vec![message_type, code, 0, 0];
    message.extend(word.to_be_bytes());
    message.extend(&about[..about.len().min(1232)]);
    message
}

fn link_address(kind: u8, address: MacAddr) -> Vec<u8> {
    let mut option = vec![kind, 1];
    option.extend(address.0);
    option
}

pub(crate) fn slla(address: MacAddr) -> Vec<u8> {
    link_address(1, address)
}

pub(crate) fn tlla(address: MacAddr) -> Vec<u8> {
    link_address(2, address)
}

pub(crate) const ON_LINK: u8 = 0x80;
pub(crate) const AUTONOMOUS: u8 = 0x40;

/// A Prefix Information option; lifetimes in seconds.
pub(crate) fn pio(prefix: &str, length: u8, flags: u8, valid: u32, preferred: u32) -> Vec<u8> {
    let mut option = vec![3, 4, length, flags];
    option.extend(valid.to_be_bytes());
    option.extend(preferred.to_be_bytes());
    option.extend([0; 4]);
    option.extend(ip(prefix).octets());
    option
}

pub(crate) fn mtu(mtu: u32) -> Vec<u8> {
    let mut option = vec![5, 1, 0, 0];
    option.extend(mtu.to_be_bytes());
    option
}

/// A Redirected Header option with as much of the packet as is a multiple of eight octets.
pub(crate) fn redirected(packet: &[u8]) -> Vec<u8> {
    let quoted = &packet[..packet.len() / 8 * 8];
    let mut option = vec![4, (quoted.len() / 8 + 1) as u8, 0, 0, 0, 0, 0, 0];
    option.extend(quoted);
    option
}

/// An option of a type that nobody knows.
pub(crate) fn unknown_option() -> Vec<u8> {
    vec![0xfd, 1, 1, 2, 3, 4, 5, 6]
}

/// An option whose length is zero, which makes the message invalid.
pub(crate) fn empty_option() -> Vec<u8> {
    vec![0xfd, 0, 0, 0, 0, 0, 0, 0]
}
