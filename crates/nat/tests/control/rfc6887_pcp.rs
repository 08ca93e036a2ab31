//! RFC 6887 (N28): requests and responses, and what they do to the translator.

use crate::support::*;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use nat::pcp::wire::{
    Body, Filter, MAX_LEN, MapData, OptionCode, PcpOption, Request, Response, ResultCode,
};
use nat::pcp::{PcpConfig, PcpEvent, SERVER_PORT};
use nat::{Instant, PacketBuf};
use packet_buffer::wire::IpProtocol;
use proptest::prelude::*;

/// §7, §11.1: the octets of a MAP request and of its response, written out.
#[test]
fn octets_of_a_map_request() {
    let request = map_request(7200, tcp(8080, 80), &[PcpOption::PreferFailure]);
    let expected = [
        &[2u8, 1, 0, 0, 0, 0, 0x1c, 0x20][..],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 10],
        &[7; 12],
        &[6, 0, 0, 0, 0x1f, 0x90, 0, 80],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
        &[2, 0, 0, 0],
    ]
    .concat();
    assert_eq!(octets(&request), expected);
    assert_eq!(Request::parse(&expected), Ok(request));
    let mut lab = Lab::new();
    lab.now = Instant::from_secs(1_005);
    let answer = lab.send(HOST, &expected).unwrap();
    let response = [
        &[2u8, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 0, 0, 0, 5][..],
        &[0; 12],
        &[7; 12],
        &[6, 0, 0, 0, 0x1f, 0x90, 0, 80],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 1],
        &[2, 0, 0, 0],
    ]
    .concat();
    assert_eq!(answer, response);
}

#[test]
fn a_mapping_is_open_to_the_world() {
    let mut lab = Lab::new();
    let port = granted(&lab.map(600, tcp(8080, 0), &[]));
    assert_eq!(
        lab.reach(IpProtocol::TCP, (STRANGER, 1), port),
        Some((HOST, 8080))
    );
    assert_eq!(lab.reach(IpProtocol::UDP, (STRANGER, 1), port), None);
    let mapping = lab.server.mappings().next().unwrap();
    assert_eq!(mapping.internal, SocketAddr::new(HOST.into(), 8080));
    assert_eq!(lab.server.poll_event(), Some(PcpEvent::Mapped(mapping)));
}

// RFC 6887 §8.2 MUST (short): one octet is dropped.
// RFC 6887 §8.2 MUST (response): and so is a response.
#[test]
fn what_is_not_answered() {
    let mut lab = Lab::new();
    assert_eq!(lab.send(HOST, &[]), None);
    assert_eq!(lab.send(HOST, &[2]), None);
    let mut response = octets(&map_request(600, tcp(1, 0), &[]));
    response[1] |= 0x80;
    assert_eq!(lab.send(HOST, &response), None);
    assert_eq!(lab.server.stats().ignored, 3);
}

/// The result code, lifetime and length of an error.
fn refusal(answer: &[u8]) -> (ResultCode, u32, usize) {
    let lifetime = u32::from_be_bytes(answer[4..8].try_into().unwrap());
    assert_eq!(answer[0], 2);
    assert!(answer[1] & 0x80 != 0);
    (ResultCode(answer[3]), lifetime, answer.len())
}

// RFC 6887 §8.3 MUST (version): version 1 and 3 are told which is spoken.
// RFC 6887 §9 MUST (version): in a response that is a header alone.
// RFC 6887 §8.3 MUST (length): under 24 octets, over 1100, not a multiple of four.
// RFC 6887 §8.3 MUST (copy): the request comes back behind the header.
// RFC 6887 §7.4 SHOULD: with the lifetime of an error.
#[test]
fn requests_that_cannot_be_read() {
    let mut lab = Lab::new();
    let good = octets(&map_request(600, tcp(1, 0), &[]));
    for version in [1, 3, 255] {
        let mut other = good.clone();
        other[0] = version;
        let answer = lab.send(HOST, &other).unwrap();
        assert_eq!(refusal(&answer), (ResultCode::UNSUPP_VERSION, 1800, 24));
    }
    for length in [2usize, 23, 61, 1104] {
        let mut other = good.clone();
        other.resize(length, 0);
        let answer = lab.send(HOST, &other).unwrap();
        let expected = length.clamp(24, MAX_LEN).next_multiple_of(4);
        assert_eq!(
            refusal(&answer),
            (ResultCode::MALFORMED_REQUEST, 1800, expected)
        );
        if length > 24 {
            assert_eq!(answer[24..60], other[24..60]);
        }
    }
    let mut other = good.clone();
    other[1] = 9;
    assert_eq!(
        refusal(&lab.send(HOST, &other).unwrap()).0,
        ResultCode::UNSUPP_OPCODE
    );
    assert_eq!(
        refusal(&lab.send(HOST, &good[..40]).unwrap()).0,
        ResultCode::MALFORMED_REQUEST
    );
    assert_eq!(lab.nat.mappings().count(), 0);
}

// RFC 6887 §8.3 MUST (mismatch): a translator between client and server shows.
#[test]
fn the_client_is_who_it_says() {
    let mut lab = Lab::new();
    let answer = lab
        .send(OTHER, &octets(&map_request(600, tcp(1, 0), &[])))
        .unwrap();
    assert_eq!(refusal(&answer), (ResultCode::ADDRESS_MISMATCH, 1800, 60));
    assert_eq!(lab.nat.mappings().count(), 0);
}

// RFC 6887 §11.3 MUST (nonce): only who knows the nonce renews, changes or deletes.
// RFC 6887 §11.3 MUST (renew): the external port stays, whatever is suggested.
// RFC 6887 §15.1 MUST (delete): a lifetime of zero.
#[test]
fn renewal_and_deletion() {
    let mut lab = Lab::new();
    let port = granted(&lab.map(600, tcp(8080, 9000), &[]));
    assert_eq!(port, 9000);
    assert_eq!(granted(&lab.map(600, tcp(8080, 9001), &[])), 9000);
    let thief = MapData {
        nonce: [8; 12],
        ..tcp(8080, 0)
    };
    for lifetime in [600, 0] {
        let answer = lab.map(lifetime, thief, &[]);
        assert_eq!(answer.result, ResultCode::NOT_AUTHORIZED);
    }
    assert_eq!(lab.server.stats().wrong_nonce, 2);
    let answer = lab.map(0, tcp(8080, 0), &[]);
    assert_eq!((answer.result, answer.lifetime), (ResultCode::SUCCESS, 0));
    assert_eq!(lab.reach(IpProtocol::TCP, (STRANGER, 1), port), None);
    assert_eq!(lab.server.mappings().count(), 0);
    // Deleting what is not there is a success too.
    assert_eq!(lab.map(0, tcp(8080, 0), &[]).result, ResultCode::SUCCESS);
}

// RFC 6887 §15 SHOULD (minimum): 120 s at least.
// RFC 6887 §15 SHOULD (maximum): 24 h at most.
// RFC 6887 §15 MUST (grant): and the mapping ends then.
#[test]
fn lifetimes() {
    let mut lab = Lab::new();
    assert_eq!(lab.map(1, tcp(1, 0), &[]).lifetime, 120);
    assert_eq!(lab.map(u32::MAX, tcp(2, 0), &[]).lifetime, 86_400);
    assert_eq!(lab.map(600, tcp(3, 3000), &[]).lifetime, 600);
    lab.wait(599);
    assert_eq!(
        lab.reach(IpProtocol::TCP, (STRANGER, 1), 3000),
        Some((HOST, 3))
    );
    lab.wait(2);
    assert_eq!(lab.server.mappings().count(), 1);
    assert_eq!(lab.server.stats().expired, 2);
    // The session that came in has the mapping still; nobody new gets in.
    assert_eq!(lab.reach(IpProtocol::TCP, (PEER, 1), 3000), None);
}

#[test]
fn a_renewal_counts_from_when_it_was_made() {
    let mut lab = Lab::new();
    lab.map(600, tcp(3, 3000), &[]);
    lab.wait(500);
    lab.map(600, tcp(3, 3000), &[]);
    lab.wait(500);
    assert_eq!(lab.server.mappings().count(), 1);
    lab.wait(101);
    assert_eq!(lab.server.mappings().count(), 0);
}

#[test]
fn traffic_and_requests_share_a_mapping() {
    let mut lab = Lab::new();
    let seen = lab.leave(IpProtocol::TCP, (HOST, 8080), (PEER, 80));
    assert_eq!(granted(&lab.map(600, tcp(8080, 1234), &[])), seen.1);
    let port = granted(&lab.map(600, tcp(8081, 7777), &[]));
    assert_eq!(
        lab.leave(IpProtocol::TCP, (HOST, 8081), (PEER, 80)),
        (EXTERNAL, port)
    );
}

// RFC 6887 §13.2 MUST (strict): with PREFER_FAILURE, the suggestion or nothing.
// RFC 6887 §13.2 MUST (delete): and not in a deletion.
#[test]
fn prefer_failure() {
    let mut lab = Lab::new();
    let strict = [PcpOption::PreferFailure];
    let answer = lab.map(600, tcp(1, 5000), &strict);
    assert_eq!((granted(&answer), &answer.options[..]), (5000, &strict[..]));
    let taken = lab.map(600, tcp(2, 5000), &strict);
    assert_eq!(taken.result, ResultCode::CANNOT_PROVIDE_EXTERNAL);
    assert_ne!(granted(&lab.map(600, tcp(2, 5000), &[])), 5000);
    let mut elsewhere = tcp(3, 6000);
    elsewhere.external_address = IpAddr::V4(STRANGER);
    let answer = lab.map(600, elsewhere, &strict);
    assert_eq!(answer.result, ResultCode::CANNOT_PROVIDE_EXTERNAL);
    assert_eq!(
        lab.map(0, tcp(1, 5000), &strict).result,
        ResultCode::MALFORMED_OPTION
    );
}

// RFC 6887 §13.1 MUST NOT (third-party): unless it is allowed.
// RFC 6887 §13.1 MUST (self): not for the client itself.
// RFC 6887 §13.1 MUST (once): and not twice.
#[test]
fn third_party() {
    let option = PcpOption::ThirdParty(OTHER.into());
    let mut lab = Lab::new();
    let answer = lab.map(600, tcp(1, 0), core::slice::from_ref(&option));
    assert_eq!(answer.result, ResultCode::UNSUPP_OPTION);
    let mut lab = Lab::with(PcpConfig {
        allows_third_party: true,
        ..PcpConfig::default()
    });
    let answer = lab.map(600, tcp(1, 0), core::slice::from_ref(&option));
    let port = granted(&answer);
    assert_eq!(answer.options, core::slice::from_ref(&option));
    assert_eq!(
        lab.reach(IpProtocol::TCP, (STRANGER, 1), port),
        Some((OTHER, 1))
    );
    let answer = lab.map(600, tcp(1, 0), &[PcpOption::ThirdParty(HOST.into())]);
    assert_eq!(answer.result, ResultCode::MALFORMED_REQUEST);
    let answer = lab.map(600, tcp(1, 0), &[option.clone(), option]);
    assert_eq!(answer.result, ResultCode::MALFORMED_OPTION);
}

fn only(address: Ipv4Addr, prefix_len: u8, port: u16) -> PcpOption {
    PcpOption::Filter(Filter {
        prefix_len: prefix_len + 96,
        port,
        address: address.into(),
    })
}

// RFC 6887 §13.3 MUST (filter): only who matches gets in.
// RFC 6887 §13.3 MUST (replace): a renewal brings its own.
// RFC 6887 §13.3 MUST (zero): and a prefix of zero takes those before it away.
#[test]
fn filters() {
    let mut lab = Lab::new();
    let port = granted(&lab.map(600, tcp(1, 0), &[only(PEER, 32, 0), only(STRANGER, 32, 7)]));
    let mut reaches = |from| lab.reach(IpProtocol::TCP, from, port).is_some();
    assert!(reaches((PEER, 1)) && reaches((PEER, 2)) && reaches((STRANGER, 7)));
    assert!(!reaches((STRANGER, 8)) && !reaches((Ipv4Addr::new(198, 51, 100, 11), 7)));
    lab.map(
        600,
        tcp(1, 0),
        &[only(Ipv4Addr::new(198, 51, 100, 0), 24, 0)],
    );
    assert!(lab.reach(IpProtocol::TCP, (STRANGER, 8), port).is_some());
    let none = PcpOption::Filter(Filter {
        prefix_len: 0,
        port: 0,
        address: ANY,
    });
    lab.map(600, tcp(1, 0), &[only(PEER, 32, 0), none]);
    assert!(
        lab.reach(IpProtocol::TCP, (Ipv4Addr::new(192, 0, 2, 1), 8), port)
            .is_some()
    );
    let many = vec![only(PEER, 32, 1); 9];
    assert_eq!(
        lab.map(600, tcp(2, 0), &many).result,
        ResultCode::EXCESSIVE_REMOTE_PEERS
    );
    let bad = PcpOption::Filter(Filter {
        prefix_len: 90,
        port: 0,
        address: PEER.into(),
    });
    assert_eq!(
        lab.map(600, tcp(2, 0), &[bad]).result,
        ResultCode::MALFORMED_OPTION
    );
}

// RFC 6887 §7.3 MUST (mandatory): an unknown option below 128 is refused, above it is ignored.
// RFC 6887 §8.3 MUST (processed): and what was ignored does not come back.
// RFC 6887 §13 MUST (opcode): options stay with their opcodes.
#[test]
fn unknown_options() {
    let mut lab = Lab::new();
    let other = |code, data: &[u8]| PcpOption::Other {
        code: OptionCode(code),
        data: data.to_vec(),
    };
    let answer = lab.map(600, tcp(1, 0), &[other(100, b"abc")]);
    assert_eq!(answer.result, ResultCode::UNSUPP_OPTION);
    let answer = lab.map(
        600,
        tcp(1, 0),
        &[other(200, b"abc"), PcpOption::PreferFailure],
    );
    assert_eq!(answer.result, ResultCode::CANNOT_PROVIDE_EXTERNAL);
    let answer = lab.map(600, tcp(1, 0), &[other(200, b"abcde")]);
    granted(&answer);
    assert_eq!(answer.options, []);
    let answer = lab.map(600, tcp(1, 0), &[other(1, b"short")]);
    assert_eq!(answer.result, ResultCode::MALFORMED_OPTION);
    let mut cut = octets(&map_request(600, tcp(1, 0), &[]));
    cut.extend([200, 0, 0, 8]);
    assert_eq!(
        refusal(&lab.send(HOST, &cut).unwrap()).0,
        ResultCode::MALFORMED_OPTION
    );
    let request = Request {
        body: Body::Announce,
        ..map_request(0, tcp(1, 0), &[PcpOption::PreferFailure])
    };
    assert_eq!(lab.ask(HOST, &request).result, ResultCode::MALFORMED_OPTION);
}

fn peer_request(lifetime: u32, map: MapData, remote: (Ipv4Addr, u16)) -> Request {
    let body = Body::Peer {
        map,
        remote_port: remote.1,
        remote_address: remote.0.into(),
    };
    Request {
        body,
        ..map_request(lifetime, map, &[])
    }
}

// RFC 6887 §12.3 MUST (peer): the peer gets in, and nobody else; a mapping that is there is told.
// RFC 6887 §12.1 MUST (fields): protocol and ports.
// RFC 6887 §12.3 MUST (zero): nothing is deleted.
// RFC 6887 §12.3 MUST (strict): a suggestion that cannot be followed fails.
#[test]
fn peer() {
    let mut lab = Lab::new();
    let port = granted(&lab.ask(HOST, &peer_request(600, tcp(8080, 0), (PEER, 80))));
    assert_eq!(
        lab.reach(IpProtocol::TCP, (PEER, 80), port),
        Some((HOST, 8080))
    );
    assert_eq!(lab.reach(IpProtocol::TCP, (PEER, 81), port), None);
    assert_eq!(lab.reach(IpProtocol::TCP, (STRANGER, 80), port), None);
    assert_eq!(
        lab.leave(IpProtocol::TCP, (HOST, 8080), (PEER, 443)),
        (EXTERNAL, port)
    );
    let seen = lab.leave(IpProtocol::UDP, (HOST, 9), (PEER, 443));
    let udp = MapData {
        protocol: IpProtocol::UDP,
        ..tcp(9, 0)
    };
    assert_eq!(
        granted(&lab.ask(HOST, &peer_request(600, udp, (PEER, 443)))),
        seen.1
    );
    let result = |lab: &mut Lab, lifetime, map, remote| {
        lab.ask(HOST, &peer_request(lifetime, map, remote)).result
    };
    assert_eq!(
        result(&mut lab, 600, tcp(0, 0), (PEER, 1)),
        ResultCode::MALFORMED_REQUEST
    );
    assert_eq!(
        result(&mut lab, 600, tcp(1, 0), (PEER, 0)),
        ResultCode::MALFORMED_REQUEST
    );
    assert_eq!(
        result(&mut lab, 0, tcp(8080, 0), (PEER, 80)),
        ResultCode::MALFORMED_REQUEST
    );
    let taken = tcp(8081, port);
    assert_eq!(
        result(&mut lab, 600, taken, (PEER, 80)),
        ResultCode::CANNOT_PROVIDE_EXTERNAL
    );
    lab.wait(601);
    assert_eq!(lab.reach(IpProtocol::TCP, (PEER, 80), port + 1), None);
}

// RFC 6887 §17.2 SHOULD: one host's mappings, and all of them.
#[test]
fn quotas() {
    let config = PcpConfig {
        max_mappings_per_host: 3,
        max_mappings: 5,
        ..PcpConfig::default()
    };
    let mut lab = Lab::with(config);
    for port in 1..=3 {
        granted(&lab.map(600, tcp(port, 0), &[]));
    }
    let answer = lab.map(600, tcp(4, 0), &[]);
    assert_eq!(
        (answer.result, answer.lifetime),
        (ResultCode::USER_EX_QUOTA, 30)
    );
    granted(&lab.map(600, tcp(3, 0), &[]));
    let other = |port| Request {
        client: OTHER.into(),
        ..map_request(600, tcp(port, 0), &[])
    };
    for port in 1..=2 {
        granted(&lab.ask(OTHER, &other(port)));
    }
    assert_eq!(lab.ask(OTHER, &other(3)).result, ResultCode::NO_RESOURCES);
}

// RFC 6887 §11.1 MUST (all-protocols): a port without a protocol is malformed; all ports of a host
// are deleted, and not given.
#[test]
fn all_ports_and_all_protocols() {
    let mut lab = Lab::new();
    let all = MapData {
        protocol: IpProtocol(0),
        ..tcp(0, 0)
    };
    assert_eq!(lab.map(600, all, &[]).result, ResultCode::UNSUPP_PROTOCOL);
    let mixed = MapData {
        protocol: IpProtocol(0),
        ..tcp(5, 0)
    };
    assert_eq!(
        lab.map(600, mixed, &[]).result,
        ResultCode::MALFORMED_REQUEST
    );
    let icmp = MapData {
        protocol: IpProtocol::ICMP,
        ..tcp(5, 0)
    };
    assert_eq!(lab.map(600, icmp, &[]).result, ResultCode::UNSUPP_PROTOCOL);
    for port in 1..=3 {
        granted(&lab.map(600, tcp(port, 0), &[]));
    }
    let foreign = MapData {
        nonce: [9; 12],
        ..tcp(4, 0)
    };
    granted(&lab.map(600, foreign, &[]));
    assert_eq!(lab.map(0, all, &[]).result, ResultCode::SUCCESS);
    assert_eq!(lab.server.mappings().count(), 1);
}

// RFC 6887 §8.5 MUST (epoch): seconds since the start.
// RFC 6887 §8.5 MUST (reset): zero again when state was lost.
// RFC 6887 §14.1.3 MUST: which all hosts are told.
#[test]
fn announcements() {
    let mut lab = Lab::new();
    let announce = Request {
        body: Body::Announce,
        ..map_request(0, tcp(1, 0), &[])
    };
    lab.wait(77);
    let answer = lab.ask(HOST, &announce);
    assert_eq!(
        (answer.result, answer.epoch, answer.lifetime),
        (ResultCode::SUCCESS, 77, 0)
    );
    granted(&lab.map(600, tcp(1, 0), &[]));
    lab.server.reset(lab.now, EXTERNAL);
    assert_eq!(lab.server.mappings().count(), 0);
    let mut sent = Vec::new();
    let mut pauses = Vec::new();
    let mut last = lab.now;
    while let Some(at) = lab.server.poll_timeout() {
        lab.server.handle_timeout(at, &mut lab.nat);
        pauses.push((at - last).as_millis());
        last = at;
        let mut out = PacketBuf::new();
        while let Some(transmit) = lab.server.poll_transmit(&mut out) {
            let all_hosts = Ipv4Addr::new(224, 0, 0, 1);
            assert_eq!(
                transmit.destination,
                SocketAddr::new(all_hosts.into(), 5350)
            );
            sent.push(out.as_slice().to_vec());
        }
    }
    assert_eq!(
        pauses,
        [0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000]
    );
    let pcp: Vec<_> = sent.iter().filter(|octets| octets[0] == 2).collect();
    assert_eq!(pcp.len(), 10);
    let first = Response::parse(pcp[0]).unwrap();
    assert_eq!((first.epoch, first.body), (0, Body::Announce));
    assert_eq!(SERVER_PORT, 5351);
}

#[test]
fn answers_that_wait_are_bounded() {
    let mut lab = Lab::new();
    let source = SocketAddr::new(HOST.into(), 1);
    let announce = octets(&Request {
        body: Body::Announce,
        ..map_request(0, tcp(1, 0), &[])
    });
    let taken = (0..100).filter(|_| {
        lab.server
            .handle_input(lab.now, source, &announce, &mut lab.nat)
            .is_ok()
    });
    assert_eq!(taken.count(), 64);
}

#[test]
fn nothing_near_a_good_request_panics() {
    let options = [only(PEER, 24, 80), PcpOption::PreferFailure];
    let requests = [
        map_request(600, tcp(8080, 80), &options),
        peer_request(600, tcp(8081, 0), (PEER, 80)),
    ];
    for request in requests {
        let mut lab = Lab::with(PcpConfig {
            allows_third_party: true,
            ..PcpConfig::default()
        });
        testkit::sweep(&octets(&request), |octets| {
            lab.send(HOST, octets);
        });
        assert!(lab.server.stats().succeeded > 10 && lab.server.stats().refused > 100);
        assert!(lab.server.mappings().count() <= 64);
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    // An IPv6 address must not look like an IPv4 one.
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits | 1 << 127))),
    ]
}

fn any_option() -> impl Strategy<Value = PcpOption> {
    prop_oneof![
        any_address().prop_map(PcpOption::ThirdParty),
        Just(PcpOption::PreferFailure),
        (any::<u8>(), any::<u16>(), any_address()).prop_map(|(prefix_len, port, address)| {
            PcpOption::Filter(Filter {
                prefix_len,
                port,
                address,
            })
        }),
        (4u8.., proptest::collection::vec(any::<u8>(), 0..30)).prop_map(|(code, data)| {
            PcpOption::Other {
                code: OptionCode(code),
                data,
            }
        }),
    ]
}

prop_compose! {
    fn any_map()(
        nonce: [u8; 12], protocol: u8, internal_port: u16, external_port: u16,
        external_address in any_address(),
    ) -> MapData {
        MapData { nonce, protocol: IpProtocol(protocol), internal_port, external_port, external_address }
    }
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::Announce),
        any_map().prop_map(Body::Map),
        (any_map(), any::<u16>(), any_address()).prop_map(|(map, remote_port, remote_address)| {
            Body::Peer {
                map,
                remote_port,
                remote_address,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn messages_come_back(
        lifetime: u32, client in any_address(), body in any_body(), result: u8, epoch: u32,
        options in proptest::collection::vec(any_option(), 0..5),
    ) {
        let request = Request { lifetime, client, body, options: options.clone() };
        prop_assert_eq!(Request::parse(&octets(&request)), Ok(request));
        let response = Response { result: ResultCode(result), lifetime, epoch, body, options };
        let mut out = PacketBuf::new();
        response.write(&mut out).unwrap();
        prop_assert_eq!(Response::parse(out.as_slice()), Ok(response));
    }
}
