//! Writing Ethernet, IPv4 and TCP with both checksums, data included.

use crate::frames::{self, DESTINATION_MAC, SOURCE_MAC};
use crate::names::{ETHERPARSE, OURS, PNET, SMOLTCP};
use core::hint::black_box;
use etherparse::{IpNumber, Ipv4Header, PacketBuilder, TcpHeader};
use internetwork_benches::Group;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{EtherType, EthernetRepr};
use pnet_base::MacAddr;
use pnet_packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet_packet::tcp::{self, MutableTcpPacket, TcpFlags};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire as smol;

/// Octets of the three headers.
const HEADERS: usize = 14 + 20 + 20;

/// Packets of so many octets; 256 in a run, whose last one must be the same with all.
pub(crate) fn tcp<'a>(name: String, length: usize) -> Group<'a> {
    let data: &'a [u8] = vec![0x5a; length - 40].leak();
    let (mut a, mut b, mut c, mut d) = (
        Ours::new(),
        Smoltcp::new(length),
        Vec::new(),
        Pnet::new(length),
    );
    let expected = a.emit(255, data).to_vec();
    assert_eq!(b.emit(255, data), expected);
    assert_eq!(etherparse(&mut c, 255, data), expected);
    assert_eq!(d.emit(255, data), expected);
    Group::new(name, 256)
        .item(OURS, move || {
            let data = black_box(data);
            for n in 0..=255 {
                black_box(a.emit(n, data));
            }
        })
        .item(SMOLTCP, move || {
            let data = black_box(data);
            for n in 0..=255 {
                black_box(b.emit(n, data));
            }
        })
        .item(ETHERPARSE, move || {
            let data = black_box(data);
            for n in 0..=255 {
                black_box(etherparse(&mut c, n, data));
            }
        })
        .item(PNET, move || {
            let data = black_box(data);
            for n in 0..=255 {
                black_box(d.emit(n, data));
            }
        })
        .at_most(if length == 1500 { 0.7 } else { 1.0 }, SMOLTCP)
}

struct Ours(PacketBuf, EthernetRepr);

impl Ours {
    fn new() -> Self {
        let ethernet = EthernetRepr::new(DESTINATION_MAC, SOURCE_MAC, EtherType::IPV4);
        Self(PacketBuf::with_headroom(HEADERS), ethernet)
    }

    #[inline]
    fn emit(&mut self, n: u8, data: &[u8]) -> &[u8] {
        let (ip, tcp) = frames::tcp_headers(n);
        self.0.reset(HEADERS);
        self.0.append_slice(data);
        tcp.emit(&mut self.0, &ip.pseudo_header()).unwrap();
        ip.emit(&mut self.0).unwrap();
        self.1.emit(&mut self.0).unwrap();
        self.0.as_slice()
    }
}

struct Smoltcp(Vec<u8>, ChecksumCapabilities);

impl Smoltcp {
    fn new(length: usize) -> Self {
        Self(vec![0; 14 + length], ChecksumCapabilities::default())
    }

    #[inline]
    fn emit(&mut self, n: u8, data: &[u8]) -> &[u8] {
        let (ours, header) = frames::tcp_headers(n);
        let tcp = smol::TcpRepr {
            src_port: header.source_port,
            dst_port: header.destination_port,
            control: smol::TcpControl::Psh,
            seq_number: smol::TcpSeqNumber(header.sequence_number.cast_signed()),
            ack_number: Some(smol::TcpSeqNumber(
                header.acknowledgment_number.cast_signed(),
            )),
            window_len: header.window,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: data,
        };
        let ip = smol::Ipv4Repr {
            src_addr: ours.source,
            dst_addr: ours.destination,
            next_header: smol::IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let ethernet = smol::EthernetRepr {
            src_addr: smol::EthernetAddress(SOURCE_MAC.0),
            dst_addr: smol::EthernetAddress(DESTINATION_MAC.0),
            ethertype: smol::EthernetProtocol::Ipv4,
        };
        let (source, destination) = (ip.src_addr.into(), ip.dst_addr.into());
        let mut frame = smol::EthernetFrame::new_unchecked(self.0.as_mut_slice());
        ethernet.emit(&mut frame);
        let mut packet = smol::Ipv4Packet::new_unchecked(frame.payload_mut());
        ip.emit(&mut packet, &self.1);
        let mut segment = smol::TcpPacket::new_unchecked(packet.payload_mut());
        tcp.emit(&mut segment, &source, &destination, &self.1);
        &self.0
    }
}

#[inline]
fn etherparse<'a>(frame: &'a mut Vec<u8>, n: u8, data: &[u8]) -> &'a [u8] {
    let (ours, header) = frames::tcp_headers(n);
    let ip = Ipv4Header {
        dont_fragment: true,
        time_to_live: 64,
        protocol: IpNumber::TCP,
        source: ours.source.octets(),
        destination: ours.destination.octets(),
        ..Ipv4Header::default()
    };
    let mut tcp = TcpHeader::new(
        header.source_port,
        header.destination_port,
        header.sequence_number,
        header.window,
    );
    tcp.acknowledgment_number = header.acknowledgment_number;
    (tcp.ack, tcp.psh) = (true, true);
    frame.clear();
    PacketBuilder::ethernet2(SOURCE_MAC.0, DESTINATION_MAC.0)
        .ip(etherparse::IpHeaders::Ipv4(ip, Default::default()))
        .tcp_header(tcp)
        .write(frame, data)
        .unwrap();
    frame
}

struct Pnet(Vec<u8>);

impl Pnet {
    fn new(length: usize) -> Self {
        Self(vec![0; 14 + length])
    }

    #[inline]
    fn emit(&mut self, n: u8, data: &[u8]) -> &[u8] {
        let (ours, header) = frames::tcp_headers(n);
        let length = u16::try_from(40 + data.len()).unwrap();
        let (ethernet, rest) = self.0.split_at_mut(14);
        let (packet, segment) = rest.split_at_mut(20);
        let mut ethernet = MutableEthernetPacket::new(ethernet).unwrap();
        ethernet.set_source(mac(SOURCE_MAC.0));
        ethernet.set_destination(mac(DESTINATION_MAC.0));
        ethernet.set_ethertype(EtherTypes::Ipv4);
        let mut ip = MutableIpv4Packet::new(packet).unwrap();
        ip.set_version(4);
        ip.set_header_length(5);
        ip.set_total_length(length);
        ip.set_flags(Ipv4Flags::DontFragment);
        ip.set_ttl(64);
        ip.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
        ip.set_source(ours.source);
        ip.set_destination(ours.destination);
        ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
        let mut segment = MutableTcpPacket::new(segment).unwrap();
        segment.set_source(header.source_port);
        segment.set_destination(header.destination_port);
        segment.set_sequence(header.sequence_number);
        segment.set_acknowledgement(header.acknowledgment_number);
        segment.set_data_offset(5);
        segment.set_flags(TcpFlags::ACK | TcpFlags::PSH);
        segment.set_window(header.window);
        segment.set_payload(data);
        let sum = tcp::ipv4_checksum(&segment.to_immutable(), &ours.source, &ours.destination);
        segment.set_checksum(sum);
        &self.0
    }
}

fn mac([a, b, c, d, e, f]: [u8; 6]) -> MacAddr {
    MacAddr::new(a, b, c, d, e, f)
}
