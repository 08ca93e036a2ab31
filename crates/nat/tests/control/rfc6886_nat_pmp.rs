//! RFC 6886: NAT-PMP, on the same port and over the same mappings.

use crate::support::*;
use core::net::Ipv4Addr;
use nat::PacketBuf;
use nat::pcp::PcpConfig;
use nat::pcp::nat_pmp::{NatPmpBody, NatPmpRequest, NatPmpResponse, NatPmpResult};
use nat::pcp::wire::ResultCode;
use packet_buffer::wire::IpProtocol;
use proptest::prelude::*;

fn octets_of(request: NatPmpRequest) -> Vec<u8> {
    let mut out = PacketBuf::new();
    request.write(&mut out);
    out.as_slice().to_vec()
}

impl Lab {
    fn pmp(&mut self, from: Ipv4Addr, request: NatPmpRequest) -> NatPmpResponse {
        let answer = self.send(from, &octets_of(request)).unwrap();
        let response = NatPmpResponse::parse(&answer).unwrap();
        assert_eq!(response.opcode, request.opcode());
        response
    }

    fn pmp_map(
        &mut self,
        internal_port: u16,
        external_port: u16,
        lifetime: u32,
    ) -> (NatPmpResult, u16, u32) {
        let protocol = IpProtocol::UDP;
        let request = NatPmpRequest::Map {
            protocol,
            internal_port,
            external_port,
            lifetime,
        };
        let response = self.pmp(HOST, request);
        let NatPmpBody::Map {
            internal_port: inside,
            external_port,
            lifetime,
        } = response.body
        else {
            panic!("{response:?}");
        };
        assert_eq!(inside, internal_port);
        (response.result, external_port, lifetime)
    }
}

// RFC 6886 §3.2 MUST: twelve octets, with the address and the epoch.
// RFC 6886 §3.5 MUST: opcode 128.
#[test]
fn the_external_address() {
    let mut lab = Lab::new();
    lab.wait(9);
    let answer = lab.send(HOST, &[0, 0]).unwrap();
    assert_eq!(answer, [0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 1]);
}

// RFC 6886 §3.3 MUST (again): asked twice, answered the same.
// RFC 6886 §3.4 MUST: zero deletes one, and with port zero all of the protocol.
#[test]
fn mappings() {
    let mut lab = Lab::new();
    let answer = lab.pmp_map(4000, 4444, 3600);
    assert_eq!(answer, (NatPmpResult::SUCCESS, 4444, 3600));
    assert_eq!(
        lab.pmp_map(4000, 5555, 7200),
        (NatPmpResult::SUCCESS, 4444, 7200)
    );
    assert_eq!(
        lab.reach(IpProtocol::UDP, (STRANGER, 1), 4444),
        Some((HOST, 4000))
    );
    assert_eq!(lab.pmp_map(4000, 0, 0), (NatPmpResult::SUCCESS, 0, 0));
    assert_eq!(lab.reach(IpProtocol::UDP, (PEER, 2), 4444), None);
    for port in 1..=3 {
        lab.pmp_map(port, 0, 600);
    }
    granted(&lab.map(600, tcp(9, 0), &[]));
    assert_eq!(lab.pmp_map(0, 0, 0), (NatPmpResult::SUCCESS, 0, 0));
    assert_eq!(lab.server.mappings().count(), 1);
    lab.pmp_map(1, 0, 600);
    lab.wait(601);
    assert_eq!(lab.server.mappings().count(), 0);
}

// RFC 6886 §3.5 MUST (opcode): result 5.
#[test]
fn refusals() {
    let mut lab = Lab::new();
    let answer = lab.send(HOST, &[0, 9]).unwrap();
    assert_eq!(answer, [0, 137, 0, 5, 0, 0, 0, 0]);
    assert_eq!(lab.pmp_map(0, 0, 600).0, NatPmpResult::NOT_AUTHORIZED);
    // What PCP has made is not NAT-PMP's to change.
    let udp = nat::pcp::wire::MapData {
        protocol: IpProtocol::UDP,
        ..tcp(4000, 0)
    };
    granted(&lab.map(600, udp, &[]));
    assert_eq!(lab.pmp_map(4000, 0, 600).0, NatPmpResult::NOT_AUTHORIZED);
    let config = PcpConfig {
        max_mappings_per_host: 1,
        ..PcpConfig::default()
    };
    let mut lab = Lab::with(config);
    lab.pmp_map(1, 0, 600);
    assert_eq!(lab.pmp_map(2, 0, 600).0, NatPmpResult::OUT_OF_RESOURCES);
}

#[test]
fn a_server_that_does_not_speak_it_says_so() {
    let mut lab = Lab::with(PcpConfig {
        speaks_nat_pmp: false,
        ..PcpConfig::default()
    });
    let answer = lab.send(HOST, &[0, 0]).unwrap();
    assert_eq!((answer[0], answer[3]), (2, ResultCode::UNSUPP_VERSION.0));
}

// RFC 6886 §3.2.1 MUST: a new address is announced.
// RFC 6886 §3.2.1 MUST (pauses): ten times.
#[test]
fn a_new_address_is_announced() {
    let mut lab = Lab::new();
    lab.server.reset(lab.now, Ipv4Addr::new(203, 0, 113, 9));
    let mut sent = Vec::new();
    while let Some(at) = lab.server.poll_timeout() {
        lab.server.handle_timeout(at, &mut lab.nat);
        let mut out = PacketBuf::new();
        while lab.server.poll_transmit(&mut out).is_some() {
            sent.extend(NatPmpResponse::parse(out.as_slice()).ok());
        }
    }
    assert_eq!(sent.len(), 10);
    let body = NatPmpBody::ExternalAddress(Ipv4Addr::new(203, 0, 113, 9));
    assert!(sent.iter().all(|response| response.body == body));
    // 250 ms and twice that are within the first second.
    assert_eq!((sent[0].epoch, sent[9].epoch), (0, 127));
}

#[test]
fn nothing_near_a_good_request_panics() {
    let mut lab = Lab::new();
    let protocol = IpProtocol::TCP;
    let request = NatPmpRequest::Map {
        protocol,
        internal_port: 1,
        external_port: 2,
        lifetime: 3,
    };
    let variants = testkit::sweep(&octets_of(request), |octets| {
        lab.send(HOST, octets);
    });
    assert!(variants > 50);
}

proptest! {
    #[test]
    fn messages_come_back(
        udp: bool, internal_port: u16, external_port: u16, lifetime: u32, result: u16, epoch: u32,
    ) {
        let protocol = if udp { IpProtocol::UDP } else { IpProtocol::TCP };
        let request = NatPmpRequest::Map { protocol, internal_port, external_port, lifetime };
        prop_assert_eq!(NatPmpRequest::parse(&octets_of(request)), Ok(request));
        let body = NatPmpBody::Map { internal_port, external_port, lifetime };
        let opcode = request.opcode();
        let response = NatPmpResponse { opcode, result: NatPmpResult(result), epoch, body };
        let mut out = PacketBuf::new();
        response.write(&mut out);
        prop_assert_eq!(NatPmpResponse::parse(out.as_slice()), Ok(response));
    }
}
