//! PPP, its carriers and its neighbors.

use super::{Dissection, dissect};
use serde_json::json;
use testkit::LinkType;

fn read(link_type: LinkType, octets: &[u8]) -> Dissection {
    dissect(link_type, octets, octets.len())
}

fn values(dissection: &Dissection, key: &str) -> serde_json::Value {
    dissection.to_json(1, 1, 1).remove(key).unwrap_or_default()
}

#[test]
fn options_in_front_of_a_broken_one_are_shown() {
    let frame = b"\xff\x03\xc0\x21\x01\x07\x00\x0d\x05\x06\x12\x34\x56\x78\x01\x09\x05";
    let dissection = read(LinkType::PPP, frame);
    assert_eq!(dissection.protocols(), "ppp:lcp");
    assert_eq!(values(&dissection, "lcp.opt.type"), json!([5]));
    assert_eq!(
        values(&dissection, "lcp.opt.magic_number"),
        json!([0x1234_5678])
    );
    let [error] = &dissection.errors[..] else {
        panic!("{:?}", dissection.errors);
    };
    assert!(error.error.offset >= 14, "{error:?}");
}

#[test]
fn a_rejected_packet_is_a_quoted_one() {
    let frame = b"\xc0\x21\x08\x05\x00\x0c\x80\x21\x01\x09\x00\x20\x03\x06";
    let dissection = read(LinkType::PPP, frame);
    assert_eq!(dissection.protocols(), "ppp:lcp:ipcp");
    assert_eq!(values(&dissection, "lcp.rej_proto"), json!([0x8021]));
    assert_eq!(values(&dissection, "ppp.identifier"), json!([5, 9]));
    let quoted: Vec<_> = dissection.layers.iter().map(|layer| layer.quoted).collect();
    assert_eq!(quoted, [false, false, true]);
    // There was no room for all of it, as there need not be.
    assert!(dissection.errors.is_empty());
}

#[test]
fn pppoe() {
    let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\x63\x11\x09\0\0\0\x0c".to_vec();
    frame.extend(b"\x01\x01\0\0\x01\x03\0\x04abcd");
    let dissection = read(LinkType::ETHERNET, &frame);
    assert_eq!(dissection.protocols(), "eth:pppoed");
    let host_uniq = values(&dissection, "pppoed.tags.host_uniq");
    assert_eq!(host_uniq, json!(["61626364"]));
    assert_eq!(values(&dissection, "pppoed.tags.service_name"), json!(null));

    frame.truncate(12);
    frame.extend(b"\x88\x64\x11\0\0\x05\0\x06\xc0\x21\x09\x01\0\x04padding");
    let dissection = read(LinkType::ETHERNET, &frame);
    assert_eq!(dissection.protocols(), "eth:pppoes:ppp:lcp");
    // An Echo-Request has a magic number.
    assert_eq!(dissection.errors[0].kind(), "magic number: truncated");
}

#[test]
fn a_segment_gets_its_protocol_back() {
    let mut frame = b"\x2f\x45\0\0\x28\0\x01\0\0\x40\x03\0\0\xc0\0\x02\x01\xc0\0\x02\x02".to_vec();
    frame.extend([0; 12]);
    frame.extend([0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    let dissection = read(LinkType::PPP, &frame);
    assert_eq!(dissection.protocols(), "ppp:vjc:ip:tcp");
    assert_eq!(values(&dissection, "vjc.connection_number"), json!([3]));
    assert_eq!(values(&dissection, "ip.proto"), json!([6]));
}

#[test]
fn a_fragment_that_is_a_whole_packet_is_read() {
    let dissection = read(LinkType::PPP, b"\x3d\xc0\0\0\x07\xc0\x21\x05\x01\0\x05x");
    assert_eq!(dissection.protocols(), "ppp:mp:ppp:lcp");
    assert_eq!(values(&dissection, "mp.seq"), json!([7]));
    assert_eq!(values(&dissection, "ppp.data"), json!(["78"]));
    let dissection = read(LinkType::PPP, b"\x3d\x80\0\0\x07\xc0\x21\x05\x01\0\x05x");
    assert_eq!(dissection.protocols(), "ppp:mp");
    let rest = dissection.rest.unwrap();
    assert_eq!(rest.what, "fragment of a PPP packet");
}

#[test]
fn ciscos_hdlc() {
    let keepalive = b"\x8f\0\x80\x35\0\0\0\x02\0\0\0\x05\0\0\0\x02\xff\xff";
    for link_type in [LinkType::C_HDLC, LinkType::PPP_HDLC] {
        let dissection = read(link_type, keepalive);
        assert_eq!(dissection.protocols(), "chdlc:slarp");
        assert_eq!(values(&dissection, "slarp.mysequence"), json!([5]));
    }
    let dissection = read(LinkType::C_HDLC, b"\x0f\0\x20\0cdp");
    assert_eq!(dissection.rest.unwrap().what, "HDLC protocol 0x2000");
}
