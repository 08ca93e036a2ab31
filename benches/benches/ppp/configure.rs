//! Configure-Requests as most peers send them: MRU, ACCM, authentication by CHAP, magic number, and
//! the two compressions.

use core::hint::black_box;
use internetwork_benches::Group;
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::lcp::{AuthMethod, LcpOption, LcpOptionKind};
use ppp_lcp_ncp::wire::{
    Code, ConfigOption, ConfigOptions, ControlPacket, ControlRepr, PppPacket, PppProtocol, PppRepr,
};

const OURS: &str = "ppp-lcp-ncp";
const WALK: &str = "a walk over the octets, as pppd does it";

/// The request, with Address and Control fields.
const REQUEST: &[u8] = b"\xff\x03\xc0\x21\x01\x07\x00\x1d\x01\x04\x05\xd4\x02\x06\x00\x0a\x00\x00\
    \x03\x05\xc2\x23\x05\x05\x06\x12\x34\x56\x78\x07\x02\x08\x02";

/// The values of the options, in one number.
fn ours(packet: &[u8]) -> u64 {
    let packet = PppPacket::parse(packet).unwrap();
    assert_eq!(packet.protocol(), PppProtocol::LCP);
    let control = ControlPacket::parse(packet.information()).unwrap();
    let options = ConfigOptions::parse(control.data()).unwrap();
    let value = |option: LcpOption<'_>| match option {
        LcpOption::MaximumReceiveUnit(mru) => u64::from(mru),
        LcpOption::AsyncControlCharacterMap(accm) => u64::from(accm),
        LcpOption::AuthenticationProtocol(Some(method)) => u64::from(method.protocol().0),
        LcpOption::MagicNumber(magic) => u64::from(magic),
        LcpOption::ProtocolFieldCompression => 1,
        LcpOption::AddressAndControlFieldCompression => 2,
        other => panic!("{other:?}"),
    };
    let values = options.iter().map(|option| value(LcpOption::read(&option)));
    values.sum::<u64>() + u64::from(control.identifier())
}

fn walk(packet: &[u8]) -> u64 {
    let [0xff, 0x03, 0xc0, 0x21, 1, identifier, high, low, ..] = *packet else {
        return 0;
    };
    let length = usize::from(high) << 8 | usize::from(low);
    if length < 4 || length > packet.len() - 4 {
        return 0;
    }
    let mut sum = u64::from(identifier);
    let mut rest = &packet[8..4 + length];
    while rest.len() >= 2 {
        let size = usize::from(rest[1]);
        if size < 2 || size > rest.len() {
            return 0;
        }
        sum += match (rest[0], size) {
            (1, 4) => u64::from(u16::from_be_bytes([rest[2], rest[3]])),
            (2 | 5, 6) => u64::from(u32::from_be_bytes([rest[2], rest[3], rest[4], rest[5]])),
            (3, 4 | 5) => u64::from(u16::from_be_bytes([rest[2], rest[3]])),
            (7, 2) => 1,
            (8, 2) => 2,
            _ => return 0,
        };
        rest = &rest[size..];
    }
    sum
}

pub(crate) fn parse() -> Group<'static> {
    assert_eq!(ours(REQUEST), walk(REQUEST));
    Group::new("parse a Configure-Request with six options", 1)
        .item(OURS, || ours(black_box(REQUEST)))
        .item(WALK, || walk(black_box(REQUEST)))
}

fn emit_ours(magic: u32, out: &mut PacketBuf) {
    out.reset(64);
    let number = |kind: LcpOptionKind, value| ConfigOption::number32(kind.0, value);
    let options = [
        ConfigOption::number16(LcpOptionKind::MAXIMUM_RECEIVE_UNIT.0, 1492),
        number(LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP, 0x000a_0000),
        AuthMethod::ChapMd5.to_option(),
        number(LcpOptionKind::MAGIC_NUMBER, magic),
        ConfigOption::flag(LcpOptionKind::PROTOCOL_FIELD_COMPRESSION.0),
        ConfigOption::flag(LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION.0),
    ];
    options.iter().for_each(|option| option.append_to(out));
    let code = Code::CONFIGURE_REQUEST;
    let control = ControlRepr {
        code,
        identifier: 7,
    };
    control.emit(out).unwrap();
    let header = PppRepr {
        address_and_control: true,
        ..PppRepr::new(PppProtocol::LCP)
    };
    header.emit(out);
}

fn emit_by_hand(magic: u32, out: &mut Vec<u8>) {
    out.clear();
    out.extend([0xff, 0x03, 0xc0, 0x21, 1, 7, 0, 0]);
    out.extend([1, 4]);
    out.extend(1492u16.to_be_bytes());
    out.extend([2, 6]);
    out.extend(0x000a_0000u32.to_be_bytes());
    out.extend([3, 5, 0xc2, 0x23, 5]);
    out.extend([5, 6]);
    out.extend(magic.to_be_bytes());
    out.extend([7, 2, 8, 2]);
    let [high, low] = u16::try_from(out.len() - 4).unwrap().to_be_bytes();
    out[6..8].copy_from_slice(&[high, low]);
}

pub(crate) fn emit() -> Group<'static> {
    let (mut packet, mut octets) = (PacketBuf::new(), Vec::new());
    emit_ours(0x1234_5678, &mut packet);
    emit_by_hand(0x1234_5678, &mut octets);
    assert_eq!(packet.as_slice(), REQUEST);
    assert_eq!(octets, REQUEST);
    Group::new("emit a Configure-Request with six options", 1)
        .item(OURS, move || {
            emit_ours(black_box(0x1234_5678), &mut packet);
            packet.len()
        })
        .item("written by hand to a vector", move || {
            emit_by_hand(black_box(0x1234_5678), &mut octets);
            octets.len()
        })
}
