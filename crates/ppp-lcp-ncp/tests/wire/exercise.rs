//! Every view on any octets: it returns, and what it takes can be written and reads the same.

use packet_buffer::PacketBuf;
use ppp_lcp_ncp::auth::{ChapPacket, EapPacket, MsChapV2Response, PapPacket};
use ppp_lcp_ncp::lcp::LcpOption;
use ppp_lcp_ncp::lqr::LqrPacket;
use ppp_lcp_ncp::multilink::FragmentHeader;
use ppp_lcp_ncp::pppoe::{PppoePacket, PppoeRepr, Tags, append_tag};
use ppp_lcp_ncp::wire::{
    ConfigOption, ConfigOptions, ControlPacket, ControlRepr, PppPacket, PppRepr,
};

pub(crate) fn exercise(octets: &[u8]) {
    packet(octets);
    control(octets);
    options(octets);
    authentication(octets);
    carriers(octets);
}

fn packet(octets: &[u8]) {
    let Ok(packet) = PppPacket::parse(octets) else {
        return;
    };
    for compress_protocol in [false, true] {
        let mut written = PacketBuf::from(packet.information());
        let header = PppRepr {
            compress_protocol,
            address_and_control: true,
            ..PppRepr::new(packet.protocol())
        };
        header.emit(&mut written);
        // A number that cannot be one may look like another's when it is written as two octets.
        if packet.protocol().is_valid() {
            assert_eq!(PppPacket::parse(written.as_slice()), Ok(packet));
        }
    }
    control(packet.information());
    authentication(packet.information());
}

fn control(octets: &[u8]) {
    let Ok(packet) = ControlPacket::parse(octets) else {
        return;
    };
    let mut written = PacketBuf::from(packet.data());
    let header = ControlRepr {
        code: packet.code(),
        identifier: packet.identifier(),
    };
    header.emit(&mut written).expect("it was short enough");
    assert_eq!(written.as_slice(), packet.as_slice());
    options(packet.data());
}

fn options(octets: &[u8]) {
    let Ok(options) = ConfigOptions::parse(octets) else {
        return;
    };
    let mut written = PacketBuf::new();
    for option in &options {
        let read = LcpOption::read(&option);
        assert_eq!(LcpOption::read(&option), read);
        match ConfigOption::new(option.kind, option.data) {
            Some(value) => value.append_to(&mut written),
            None => {
                assert!(option.data.len() > ConfigOption::MAX_DATA);
                written.append_slice(option.octets);
            }
        }
    }
    assert_eq!(written.as_slice(), octets);
}

fn authentication(octets: &[u8]) {
    if let Ok(packet) = PapPacket::parse(octets) {
        assert_eq!(PapPacket::parse(&packet.to_octets()), Ok(packet));
    }
    if let Ok(packet) = ChapPacket::parse(octets) {
        assert_eq!(ChapPacket::parse(&packet.to_octets()), Ok(packet));
        if let ChapPacket::Response { value, .. } = packet
            && let Ok(response) = MsChapV2Response::parse(value)
        {
            assert_eq!(MsChapV2Response::parse(&response.to_octets()), Ok(response));
        }
    }
    if let Ok(packet) = EapPacket::parse(octets) {
        assert_eq!(EapPacket::parse(&packet.to_octets()), Ok(packet));
    }
}

fn carriers(octets: &[u8]) {
    if let Ok(packet) = PppoePacket::parse(octets) {
        let mut written = PacketBuf::from(packet.payload());
        let header = PppoeRepr {
            code: packet.code(),
            session: packet.session(),
        };
        header.emit(&mut written).expect("it was short enough");
        assert_eq!(PppoePacket::parse(written.as_slice()), Ok(packet));
        let _ = packet.tags();
    }
    if let Ok(tags) = Tags::parse(octets) {
        let mut written = PacketBuf::new();
        for tag in tags {
            append_tag(&mut written, tag.kind, tag.value).expect("it was short enough");
            assert!(tags.find_all(tag.kind).any(|value| value == tag.value));
        }
        let again = Tags::parse(written.as_slice()).expect("the same tags");
        assert!(again.iter().eq(tags.iter()));
        let _ = (tags.error(), tags.max_payload());
    }
    if let Ok(report) = LqrPacket::parse(octets) {
        let mut written = PacketBuf::new();
        report.to_repr().emit(&mut written);
        assert_eq!(Some(written.as_slice()), octets.get(..LqrPacket::LEN));
    }
    for is_short in [false, true] {
        if let Ok((header, fragment)) = FragmentHeader::parse(octets, is_short) {
            let mut written = PacketBuf::from(fragment);
            header.emit(&mut written, is_short);
            let again = FragmentHeader::parse(written.as_slice(), is_short);
            assert_eq!(again, Ok((header, fragment)));
        }
    }
}
