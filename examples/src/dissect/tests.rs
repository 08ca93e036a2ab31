use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    ArpRepr, EtherType, EthernetRepr, GreRepr, HeaderOptions, Icmpv4Repr, Icmpv6Repr, IpProtocol,
    Ipv4Repr, Ipv6FragmentHeader, Ipv6Repr, MacAddr, TcpFlags, TcpOption, TcpRepr, UdpRepr,
    VlanTag, VlanTags, icmpv4_code,
};
use serde_json::json;

const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const V4: PseudoHeader = PseudoHeader::V4 {
    source: HOST,
    destination: PEER,
};

fn host6() -> Ipv6Addr {
    "2001:db8::1".parse().unwrap()
}

fn peer6() -> Ipv6Addr {
    "2001:db8::2".parse().unwrap()
}

fn v6() -> PseudoHeader {
    PseudoHeader::V6 {
        source: host6(),
        destination: peer6(),
    }
}

fn payload(octets: &[u8]) -> PacketBuf {
    PacketBuf::from_slice(128, octets)
}

fn ethernet(packet: &mut PacketBuf, ethertype: EtherType) {
    EthernetRepr::new(OTHER, STATION, ethertype)
        .emit(packet)
        .unwrap();
}

fn udp_packet(octets: &[u8]) -> PacketBuf {
    let mut packet = payload(octets);
    let udp = UdpRepr {
        source_port: 5000,
        destination_port: 7,
    };
    udp.emit(&mut packet, &V4).unwrap();
    Ipv4Repr::new(HOST, PEER, IpProtocol::UDP)
        .emit(&mut packet)
        .unwrap();
    packet
}

fn read(link_type: LinkType, packet: &PacketBuf) -> Dissection {
    dissect(link_type, packet.as_slice(), packet.len())
}

/// The values of a key, as JSON.
fn of(dissection: &Dissection, key: &str) -> Value {
    let object = dissection.to_json(1, 0, 0);
    object.get(key).cloned().unwrap_or(Value::Null)
}

fn errors(dissection: &Dissection) -> Vec<String> {
    let errors = dissection.errors.iter();
    errors.map(|error| error.error.to_string()).collect()
}

#[test]
fn json_has_the_form_of_the_expected_files() {
    let mut packet = udp_packet(b"echo");
    ethernet(&mut packet, EtherType::IPV4);
    let object = read(LinkType::ETHERNET, &packet).to_json(7, 60, packet.len());
    let expected = json!({
        "frame.number": 7,
        "frame.len": 60,
        "frame.cap_len": 46,
        "eth.dst": ["02:00:00:00:00:02"],
        "eth.src": ["02:00:00:00:00:01"],
        "eth.type": [2048],
        "ip.checksum": [46793],
        "ip.checksum.status": [1],
        "ip.dsfield": [0],
        "ip.dst": ["192.0.2.2"],
        "ip.flags.df": [true],
        "ip.flags.mf": [false],
        "ip.flags.rb": [false],
        "ip.frag_offset": [0],
        "ip.hdr_len": [20],
        "ip.id": [0],
        "ip.len": [32],
        "ip.proto": [17],
        "ip.src": ["192.0.2.1"],
        "ip.ttl": [64],
        "ip.version": [4],
        "udp.checksum": [39536],
        "udp.checksum.status": [1],
        "udp.dstport": [7],
        "udp.length": [12],
        "udp.srcport": [5000],
    });
    assert_eq!(Value::Object(object.clone()), expected);
    // The frame's own keys come first, the others by name.
    let keys: Vec<_> = object.keys().collect();
    assert_eq!(keys[..3], ["frame.number", "frame.len", "frame.cap_len"]);
    assert!(keys[3..].is_sorted());
}

#[test]
fn tags_and_padding() {
    let mut packet = udp_packet(b"");
    let mut tags = VlanTags::one(VlanTag {
        tpid: EtherType::SERVICE_VLAN,
        tci: 100,
    });
    tags.push(VlanTag::new(200));
    let mut header = EthernetRepr::new(OTHER, STATION, EtherType::IPV4);
    header.vlan_tags = tags;
    header.emit(&mut packet).unwrap();
    packet.append(10);
    let dissection = read(LinkType::ETHERNET, &packet);
    assert_eq!(dissection.protocols(), "eth:ieee8021ad:vlan:ip:udp");
    assert_eq!(of(&dissection, "eth.type"), json!([0x88a8]));
    assert_eq!(of(&dissection, "ieee8021ad.id"), json!([100]));
    assert_eq!(of(&dissection, "vlan.id"), json!([200]));
    assert_eq!(of(&dissection, "vlan.etype"), json!([0x0800]));
    let offsets: Vec<_> = dissection
        .layers
        .iter()
        .map(|l| (l.offset, l.length))
        .collect();
    assert_eq!(offsets, [(0, 14), (14, 4), (18, 4), (22, 20), (42, 8)]);
    assert!(dissection.errors.is_empty() && dissection.rest.is_none());
}

#[test]
fn logical_link_control() {
    let mut packet = payload(&[0x42, 0x42, 0x03, 0, 0]);
    ethernet(&mut packet, EtherType(5));
    let dissection = read(LinkType::ETHERNET, &packet);
    assert_eq!(of(&dissection, "eth.len"), json!([5]));
    assert_eq!(of(&dissection, "llc.control"), json!([3]));
    assert_eq!(dissection.rest.unwrap().offset, 17);

    // SNAP carries what an EtherType says.
    let mut packet = udp_packet(b"");
    packet.prepend_slice(&[0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00]);
    let length = u16::try_from(packet.len()).unwrap();
    ethernet(&mut packet, EtherType(length));
    assert_eq!(
        read(LinkType::ETHERNET, &packet).protocols(),
        "eth:llc:ip:udp"
    );
}

#[test]
fn other_link_types() {
    let mut packet = udp_packet(b"");
    assert_eq!(read(LinkType::RAW, &packet).protocols(), "ip:udp");
    assert_eq!(read(LinkType::IPV4, &packet).protocols(), "ip:udp");
    let wrong = read(LinkType::IPV6, &packet);
    assert_eq!(wrong.protocols(), "ip:udp");
    assert_eq!(
        errors(&wrong),
        ["IPv6 version at octet 0: the value 0x4 is not allowed"]
    );

    packet.prepend_slice(&[2, 0, 0, 0]);
    let loopback = read(LinkType::NULL, &packet);
    assert_eq!(loopback.protocols(), "null:ip:udp");
    assert_eq!(of(&loopback, "null.family"), json!([2]));
    assert_eq!(
        read(LinkType::LOOP, &packet).rest.unwrap().what,
        "address family 33554432"
    );

    packet.trim_front(4);
    packet.prepend_slice(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]);
    let cooked = read(LinkType::LINUX_SLL, &packet);
    assert_eq!(cooked.protocols(), "sll:ip:udp");
    assert_eq!(of(&cooked, "sll.etype"), json!([0x0800]));

    packet.trim_front(16);
    packet.prepend_slice(&[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(
        read(LinkType::LINUX_SLL2, &packet).protocols(),
        "sll:ip:udp"
    );
}

#[test]
fn an_unknown_link_type_is_named() {
    let rest = |link_type| dissect(link_type, &[0xff, 0x03, 0, 0x21], 4).rest.unwrap();
    assert_eq!(rest(LinkType::SLIP).what, "link type 8 (SLIP)");
    assert_eq!(rest(LinkType(12_345)).what, "link type 12345");
    assert_eq!(rest(LinkType::SLIP).length, 4);
    assert_eq!(
        read(LinkType::SLIP, &payload(&[0xff]))
            .to_json(1, 1, 1)
            .len(),
        3
    );
}

#[test]
fn arp() {
    let mut packet = PacketBuf::new();
    ArpRepr::request(STATION, HOST, PEER)
        .emit(&mut packet)
        .unwrap();
    ethernet(&mut packet, EtherType::ARP);
    let dissection = read(LinkType::ETHERNET, &packet);
    assert_eq!(
        of(&dissection, "arp.src.hw_mac"),
        json!(["02:00:00:00:00:01"])
    );
    assert_eq!(of(&dissection, "arp.dst.proto_ipv4"), json!(["192.0.2.2"]));
    assert_eq!(
        dissection.innermost().unwrap().summary,
        "Who has 192.0.2.2? Tell 192.0.2.1"
    );
}

#[test]
fn ipv4_options() {
    let mut packet = PacketBuf::new();
    let header = Ipv4Repr {
        options: HeaderOptions::from_slice(&[
            148, 4, 0, 0, // router alert
            7, 11, 8, 192, 0, 2, 9, 0, 0, 0, 0, // record route, one of two recorded
            1, 0,
        ])
        .unwrap(),
        ..Ipv4Repr::new(HOST, PEER, IpProtocol::IGMP)
    };
    header.emit(&mut packet).unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "ip.opt.type"), json!([148, 7, 1, 0]));
    assert_eq!(of(&dissection, "ip.opt.len"), json!([4, 11]));
    assert_eq!(of(&dissection, "ip.opt.ra"), json!([0]));
    assert_eq!(of(&dissection, "ip.opt.ptr"), json!([8]));
    assert_eq!(of(&dissection, "ip.rec_rt"), json!(["192.0.2.9"]));
    assert_eq!(dissection.rest.unwrap().what, "IP protocol 2 (IGMP)");
}

#[test]
fn errors_say_what_where_and_why() {
    let mut packet = udp_packet(b"echo");
    ethernet(&mut packet, EtherType::IPV4);
    let at = packet.len() - 1;
    packet.as_mut_slice()[at] ^= 1;
    let dissection = read(LinkType::ETHERNET, &packet);
    assert_eq!(of(&dissection, "udp.checksum.status"), json!([0]));
    assert_eq!(
        of(&dissection, "error"),
        json!([
            "UDP checksum at octet 40: the checksum 0x9a70 does not match the octets that it \
                covers"
        ])
    );

    // Cut by the capture: the header can be shown, the checksum not judged.
    let octets = &packet.as_slice()[..44];
    let cut = dissect(LinkType::ETHERNET, octets, packet.len());
    assert_eq!(of(&cut, "udp.checksum.status"), json!([2]));
    assert_eq!(of(&cut, "ip.len"), json!([32]));
    assert_eq!(
        errors(&cut),
        [
            "IPv4 packet at octet 14: 32 octets are needed and 30 are left",
            "UDP datagram at octet 34: 12 octets are needed and 10 are left",
        ]
    );
    assert_eq!(cut.errors[0].kind(), "IPv4 packet: truncated");
}

#[test]
fn headers_that_cannot_be_read() {
    let mut packet = udp_packet(b"");
    packet.as_mut_slice()[0] = 0x44;
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "ip.hdr_len"), json!([16]));
    assert_eq!(of(&dissection, "ip.src"), Value::Null);
    assert_eq!(
        errors(&dissection),
        ["IPv4 header length at octet 0: a length of 16 octets cannot be right"]
    );
    packet.as_mut_slice()[0] = 0x75;
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "ip.version"), json!([7]));
    assert_eq!(dissection.rest.unwrap().what, "IP version 7");
    assert_eq!(read(LinkType::RAW, &PacketBuf::new()).errors.len(), 1);
}

#[test]
fn udp_without_checksum() {
    let udp = UdpRepr {
        source_port: 5000,
        destination_port: 7,
    };
    let mut packet = PacketBuf::new();
    udp.emit_without_checksum(&mut packet).unwrap();
    let mut over_v6 = packet.clone();
    Ipv4Repr::new(HOST, PEER, IpProtocol::UDP)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "udp.checksum.status"), json!([3]));
    assert!(dissection.errors.is_empty());

    Ipv6Repr::new(host6(), peer6(), IpProtocol::UDP)
        .emit(&mut over_v6)
        .unwrap();
    let dissection = read(LinkType::RAW, &over_v6);
    assert_eq!(of(&dissection, "udp.checksum.status"), json!([4]));
    assert_eq!(dissection.errors.len(), 1);
}

#[test]
fn tcp_with_options() {
    let mut packet = payload(b"abc");
    let options = [
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 5,
            echo_reply: 6,
        },
        TcpOption::NoOperation,
        TcpOption::WindowScale(7),
    ];
    let header = TcpRepr {
        source_port: 40_000,
        destination_port: 80,
        sequence_number: 0xffff_ffff,
        flags: TcpFlags::SYN,
        window: 512,
        options: HeaderOptions::from_tcp_options(&options).unwrap(),
        ..TcpRepr::default()
    };
    header.emit(&mut packet, &V4).unwrap();
    Ipv4Repr::new(HOST, PEER, IpProtocol::TCP)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "tcp.option_kind"), json!([2, 4, 8, 1, 3]));
    assert_eq!(of(&dissection, "tcp.option_len"), json!([4, 2, 10, 3]));
    assert_eq!(of(&dissection, "tcp.options.mss_val"), json!([1460]));
    assert_eq!(of(&dissection, "tcp.options.timestamp.tsecr"), json!([6]));
    assert_eq!(of(&dissection, "tcp.options.wscale.shift"), json!([7]));
    assert_eq!(of(&dissection, "tcp.seq_raw"), json!([4_294_967_295_u32]));
    assert_eq!(of(&dissection, "tcp.len"), json!([3]));
    assert_eq!(of(&dissection, "tcp.flags"), json!([2]));
    assert_eq!(of(&dissection, "tcp.checksum.status"), json!([1]));
    assert_eq!(
        dissection.innermost().unwrap().summary,
        "40000 → 80 [SYN] Seq=4294967295 Win=512 Len=3"
    );
}

#[test]
fn an_icmp_error_and_what_it_quotes() {
    let quoted = udp_packet(&[0; 100]);
    let mut packet = payload(&quoted.as_slice()[..28]);
    let error = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu: 1400,
    };
    error.emit(&mut packet).unwrap();
    Ipv4Repr::new(PEER, HOST, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(dissection.protocols(), "ip:icmp:ip:udp");
    assert_eq!(of(&dissection, "icmp.mtu"), json!([1400]));
    assert_eq!(of(&dissection, "icmp.unused"), json!(["0000"]));
    // Outer first, quoted second.
    assert_eq!(of(&dissection, "ip.src"), json!(["192.0.2.2", "192.0.2.1"]));
    assert_eq!(of(&dissection, "ip.len"), json!([56, 128]));
    assert_eq!(of(&dissection, "udp.length"), json!([108]));
    assert_eq!(of(&dissection, "udp.checksum.status"), json!([2]));
    // That a quote is cut is no error, and the packet is still the router's.
    assert!(dissection.errors.is_empty());
    assert_eq!(dissection.addresses(), Some(("192.0.2.2", "192.0.2.1")));
    let quoted: Vec<_> = dissection.layers.iter().map(|layer| layer.quoted).collect();
    assert_eq!(quoted, [false, false, true, true]);
    assert_eq!(
        one_liner(&dissection, 3, Duration::from_micros(1_500), 56),
        "    3     0.001500       192.0.2.2 → 192.0.2.1       ICMP        56 destination \
         unreachable: fragmentation needed (about 192.0.2.1 → 192.0.2.2, UDP, TTL 64: UDP 5000 → \
         7, cut)"
    );
}

#[test]
fn the_length_of_a_quote_with_extensions() {
    let mut packet = payload(udp_packet(&[0; 100]).as_slice());
    packet.append_slice(&[0x20, 0, 0, 0]);
    let error = Icmpv4Repr::TimeExceeded {
        code: icmpv4_code::TimeExceeded::TRANSIT,
        quoted_words: 32,
    };
    error.emit(&mut packet).unwrap();
    Ipv4Repr::new(PEER, HOST, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "icmp.length"), json!([32]));
    assert_eq!(of(&dissection, "icmp.unused"), json!(["00", "0000"]));
    assert_eq!(of(&dissection, "udp.checksum.status"), json!([1]));
}

#[test]
fn ipv6_extension_headers() {
    let mut packet = payload(b"ping");
    let echo = Icmpv6Repr::EchoRequest {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(&mut packet, &v6()).unwrap();
    // Destination options with padding; routing of type 0, nothing left; hop-by-hop: router alert.
    packet.prepend_slice(&[58, 0, 1, 4, 0, 0, 0, 0]);
    packet.prepend_slice(&[60, 0, 0, 0, 0, 0, 0, 0]);
    packet.prepend_slice(&[43, 0, 5, 2, 0, 0, 0, 0]);
    Ipv6Repr::new(host6(), peer6(), IpProtocol::HOP_BY_HOP)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    let protocols = "ipv6:ipv6.hopopts:ipv6.routing:ipv6.dstopts:icmpv6";
    assert_eq!(dissection.protocols(), protocols);
    assert_eq!(of(&dissection, "ipv6.hopopts.nxt"), json!([43]));
    assert_eq!(of(&dissection, "ipv6.hopopts.len"), json!([0]));
    assert_eq!(of(&dissection, "ipv6.opt.type"), json!([5, 0, 0, 1]));
    assert_eq!(of(&dissection, "ipv6.opt.length"), json!([2, 4]));
    assert_eq!(of(&dissection, "ipv6.opt.router_alert"), json!([0]));
    assert_eq!(of(&dissection, "ipv6.routing.segleft"), json!([0]));
    assert_eq!(of(&dissection, "icmpv6.echo.sequence_number"), json!([2]));
    assert_eq!(of(&dissection, "icmpv6.checksum.status"), json!([1]));
    let offsets: Vec<_> = dissection.layers.iter().map(|layer| layer.offset).collect();
    assert_eq!(offsets, [0, 40, 48, 56, 64]);
}

// RFC 8200 §8.1 MUST: with a routing header, the checksum covers the final destination.
#[test]
fn checksums_on_the_way_through_a_routing_header() {
    let mut packet = PacketBuf::new();
    let echo = Icmpv6Repr::EchoReply {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(&mut packet, &v6()).unwrap();
    for routing_type in [0, 4] {
        let mut packet = packet.clone();
        packet.prepend_slice(&peer6().octets());
        packet.prepend_slice(&[58, 2, routing_type, 1, 0, 0, 0, 0]);
        let hop = "2001:db8::99".parse().unwrap();
        Ipv6Repr::new(host6(), hop, IpProtocol::ROUTING)
            .emit(&mut packet)
            .unwrap();
        let dissection = read(LinkType::RAW, &packet);
        assert_eq!(
            of(&dissection, "icmpv6.checksum.status"),
            json!([1]),
            "type {routing_type}"
        );
    }
}

// RFC 6275 §11.3.1 MUST: with a home address option, the checksum covers the home address.
#[test]
fn checksums_from_a_home_address() {
    let mut packet = PacketBuf::new();
    let echo = Icmpv6Repr::EchoReply {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(&mut packet, &v6()).unwrap();
    packet.prepend_slice(&host6().octets());
    packet.prepend_slice(&[58, 2, 1, 2, 0, 0, 201, 16]);
    let away = "2001:db8::99".parse().unwrap();
    let header = Ipv6Repr::new(away, peer6(), IpProtocol::DESTINATION_OPTIONS);
    header.emit(&mut packet).unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(
        of(&dissection, "ipv6.opt.mipv6.home_address"),
        json!(["2001:db8::1"])
    );
    assert_eq!(of(&dissection, "icmpv6.checksum.status"), json!([1]));
}

#[test]
fn fragments() {
    let whole = udp_packet(&[0; 100]);
    let part = |more_fragments, fragment_offset, octets: &[u8]| {
        let mut packet = payload(octets);
        let header = Ipv4Repr {
            dont_fragment: false,
            more_fragments,
            fragment_offset,
            identification: 1,
            ..Ipv4Repr::new(HOST, PEER, IpProtocol::UDP)
        };
        header.emit(&mut packet).unwrap();
        read(LinkType::RAW, &packet)
    };
    let first = part(true, 0, &whole.as_slice()[20..52]);
    assert_eq!(of(&first, "udp.length"), json!([108]));
    assert_eq!(of(&first, "udp.checksum.status"), json!([2]));
    assert!(first.errors.is_empty());
    let last = part(false, 32, &whole.as_slice()[52..]);
    assert_eq!(last.protocols(), "ip");
    assert_eq!(of(&last, "ip.frag_offset"), json!([4]));
    assert_eq!(last.rest.unwrap().what, "later fragment");
}

#[test]
fn an_atomic_fragment_is_whole() {
    let mut packet = PacketBuf::new();
    let echo = Icmpv6Repr::EchoReply {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(&mut packet, &v6()).unwrap();
    let fragment = Ipv6FragmentHeader {
        next_header: IpProtocol::ICMPV6,
        offset: 0,
        more_fragments: false,
        identification: 9,
    };
    fragment.emit(&mut packet).unwrap();
    Ipv6Repr::new(host6(), peer6(), IpProtocol::FRAGMENT)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(of(&dissection, "ipv6.fraghdr.ident"), json!([9]));
    assert_eq!(of(&dissection, "icmpv6.checksum.status"), json!([1]));
}

#[test]
fn tunnels() {
    let mut packet = udp_packet(b"");
    let gre = GreRepr::Standard {
        protocol: EtherType::IPV4,
        checksum: true,
        key: Some(7),
        sequence_number: None,
    };
    gre.emit(&mut packet).unwrap();
    Ipv4Repr::new(PEER, HOST, IpProtocol::GRE)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(dissection.protocols(), "ip:gre:ip:udp");
    assert_eq!(of(&dissection, "gre.flags_and_version"), json!([0xa000]));
    assert_eq!(of(&dissection, "gre.checksum.status"), json!([1]));
    assert_eq!(of(&dissection, "gre.offset"), json!([0]));
    assert_eq!(of(&dissection, "gre.key"), json!([7]));
    assert_eq!(of(&dissection, "ip.src"), json!(["192.0.2.2", "192.0.2.1"]));
    // Seen from outside, the packet is the one that the tunnel carries.
    assert_eq!(dissection.addresses(), Some(("192.0.2.1", "192.0.2.2")));

    // 6in4, and an Authentication Header in front of it.
    let mut packet = PacketBuf::new();
    Ipv6Repr::new(host6(), peer6(), IpProtocol::NO_NEXT_HEADER)
        .emit(&mut packet)
        .unwrap();
    packet.prepend_slice(&[41, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    Ipv4Repr::new(HOST, PEER, IpProtocol::AH)
        .emit(&mut packet)
        .unwrap();
    assert_eq!(read(LinkType::RAW, &packet).protocols(), "ip:ah:ipv6");
}

#[test]
fn nesting_is_bounded() {
    let mut packet = PacketBuf::new();
    for _ in 0..2 * MAX_NESTING {
        Ipv4Repr::new(HOST, PEER, IpProtocol::IPV4)
            .emit(&mut packet)
            .unwrap();
    }
    let dissection = read(LinkType::RAW, &packet);
    assert_eq!(dissection.layers.len(), MAX_NESTING);
    assert_eq!(dissection.rest.unwrap().what, "a packet nested too deeply");
}

#[test]
fn summaries_count_frames_and_errors() {
    let mut summary = Summary::default();
    let mut packet = udp_packet(b"echo");
    summary.count(&read(LinkType::RAW, &packet));
    packet.as_mut_slice()[10] ^= 1;
    summary.count(&read(LinkType::RAW, &packet));
    summary.count(&read(LinkType::SLIP, &packet));
    assert_eq!(
        summary.to_string(),
        "3 frames\n\
         \nframes by protocol\n       2  IPv4\n       2  UDP\n\
         \nerrors\n       1  IPv4 header checksum: bad checksum\n\
         \nframes by what was not read\n       1  link type 8 (SLIP)\n"
    );
}

/// A datagram from and to `port` with what `payload` has.
fn udp_of_port(port: u16, mut packet: PacketBuf) -> PacketBuf {
    let udp = UdpRepr {
        source_port: port,
        destination_port: port,
    };
    udp.emit(&mut packet, &V4).unwrap();
    Ipv4Repr::new(HOST, PEER, IpProtocol::UDP)
        .emit(&mut packet)
        .unwrap();
    packet
}

#[test]
fn rip_with_authentication() {
    use ::rip::auth::{Algorithm, AuthOptions, Authentication, Authenticator};
    use ::rip::auth::{Key, KeyChain, Secret};
    use ::rip::wire::{Command, RipEntryRepr, RipMessageRepr};

    let key = Key::new(7, Algorithm::HmacSha1, Secret::new(b"secret"));
    let keys = Authentication::Cryptographic(KeyChain::new([key]).unwrap());
    let mut authenticator = Authenticator::new(keys, AuthOptions::default());
    let route = RipEntryRepr::route("198.51.100.0/24".parse().unwrap(), 3).with_tag(5);
    let mut packet = payload(&route.octets());
    let header = RipMessageRepr::new(Command::RESPONSE, 2);
    let now = packet_buffer::Instant::from_secs(99);
    authenticator.seal(now, &header, &mut packet).unwrap();
    let packet = udp_of_port(520, packet);
    let dissection = read(LinkType::RAW, &packet);
    assert!(errors(&dissection).is_empty());
    assert_eq!(dissection.innermost().unwrap().name, "RIPv2");
    assert_eq!(dissection.innermost().unwrap().summary, "response, 1 entry");
    for (key, value) in [
        ("rip.command", json!([2])),
        ("rip.auth.type", json!([3])),
        ("rip.digest_offset", json!([44])),
        ("rip.key_id", json!([7])),
        ("rip.auth_data_len", json!([20])),
        ("rip.seq_num", json!([99])),
        ("rip.ip", json!(["198.51.100.0"])),
        ("rip.netmask", json!(["255.255.255.0"])),
        ("rip.route_tag", json!([5])),
        ("rip.metric", json!([3])),
    ] {
        assert_eq!(of(&dissection, key), value, "{key}");
    }
    // Cut within the trailer: an error, and what was read before it.
    let cut = &packet.as_slice()[..packet.len() - 10];
    let dissection = dissect(LinkType::RAW, cut, packet.len());
    assert!(!dissection.errors.is_empty());
    assert_eq!(of(&dissection, "rip.metric"), json!([3]));
    assert_eq!(of(&dissection, "rip.auth.type"), json!([3]));
}

#[test]
fn ripng_with_a_next_hop() {
    use ::rip::wire::{Command, RipngEntryRepr, RipngMessageRepr, RipngWriter};

    let mut packet = payload(&[]);
    let mut writer = RipngWriter::new(&mut packet, 10);
    let route = RipngEntryRepr::route("2001:db8::/32".parse().unwrap(), 2);
    assert!(writer.push(&route, "fe80::1".parse().ok()));
    RipngMessageRepr::new(Command::RESPONSE)
        .emit(&mut packet)
        .unwrap();
    let dissection = read(LinkType::RAW, &udp_of_port(521, packet));
    assert!(errors(&dissection).is_empty());
    let prefixes = json!(["fe80::1", "2001:db8::"]);
    assert_eq!(of(&dissection, "ripng.rte.ipv6_prefix"), prefixes);
    assert_eq!(of(&dissection, "ripng.rte.metric"), json!([255, 2]));
    assert_eq!(of(&dissection, "ripng.reserved"), json!(["0000"]));
}
