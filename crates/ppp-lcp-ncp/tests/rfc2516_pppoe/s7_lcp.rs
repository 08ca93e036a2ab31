use super::*;
use ppp_lcp_ncp::lcp::LcpOptionKind;
use ppp_lcp_ncp::link::{CloseReason, LinkEvent};
use ppp_lcp_ncp::wire::Code;

fn restricted(max_payload: u16, mru: u16) -> LcpConfig {
    let mut config = LcpConfig {
        mru,
        accm: Some(0),
        fcs: FcsAlternatives(6),
        ..LcpConfig::default()
    };
    config.restrict_to_pppoe(max_payload);
    config
}

fn link(lcp: LcpConfig) -> Link {
    seeded_link(lcp, 3)
}

fn seeded_link(lcp: LcpConfig, seed: u64) -> Link {
    echoing_link(lcp, None, seed)
}

fn echoing_link(lcp: LcpConfig, echo_interval: Option<Duration>, seed: u64) -> Link {
    let ipcp = IpcpConfig {
        address: Some([192, 0, 2, 1].into()),
        ..IpcpConfig::default()
    };
    let config = LinkConfig {
        lcp,
        ipcp: Some(ipcp),
        echo_interval,
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
    link.open(start());
    link.lower_up(start());
    link
}

fn bring_up(ends: &mut [Link; 2]) {
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    while !ends.iter().all(|end| end.is_open(PppProtocol::IPV6)) {
        for from in 0..2 {
            if ends[from].poll_transmit(&mut packet).is_some() {
                ends[1 - from]
                    .handle_input(start(), packet.as_slice(), &mut data)
                    .unwrap();
            }
        }
    }
    for end in ends {
        while end.poll_event().is_some() {}
    }
}

fn options(link: &mut Link) -> Vec<Vec<u8>> {
    let mut packet = PacketBuf::new();
    link.poll_transmit(&mut packet).unwrap();
    let mut rest = &packet.as_slice()[6..];
    let mut options = Vec::new();
    while let [_, length, ..] = rest {
        let (option, after) = rest.split_at(usize::from(*length));
        options.push(option.to_vec());
        rest = after;
    }
    options
}

#[test]
fn what_has_no_place_is_not_asked_for() {
    // RFC 2516 §7 MUST NOT (options): nor is a protocol field compressed.
    // RFC 2516 §7 MUST NOT (mru): the MRU is 1492.
    // RFC 2516 §7 SHOULD NOT (pfc): two options are left: the MRU,
    // RFC 2516 §7 SHOULD (magic): and the magic number.
    let options = options(&mut link(restricted(1492, 1500)));
    assert_eq!(options[0], [1, 4, 0x05, 0xd4]);
    assert_eq!(
        (options.len(), options[1][0]),
        (2, LcpOptionKind::MAGIC_NUMBER.0)
    );
}

#[test]
fn what_has_no_place_is_rejected() {
    // RFC 2516 §7 MUST NOT (options): ACCM, PFC, ACFC and FCS alternatives.
    let mut link = link(restricted(1492, 1492));
    options(&mut link);
    let request = [
        0xc0, 0x21, 1, 9, 0, 21, // one after the other:
        2, 6, 0, 0, 0, 0, 7, 2, 8, 2, 9, 3, 2, 1, 4, 5, 0xdc,
    ];
    let mut request = request.to_vec();
    request[5] = u8::try_from(request.len() - 2).unwrap();
    let mut data = PacketBuf::new();
    link.handle_input(start(), &request, &mut data).unwrap();
    let mut answer = PacketBuf::new();
    link.poll_transmit(&mut answer).unwrap();
    assert_eq!(
        answer.as_slice(),
        [
            0xc0, 0x21, 4, 9, 0, 17, 2, 6, 0, 0, 0, 0, 7, 2, 8, 2, 9, 3, 2
        ]
    );
}

#[test]
fn a_larger_mru_is_answered_with_what_was_agreed() {
    // RFC 2516 §7 MUST NOT (mru): 1500 octets are too many, 1492 are right.
    // RFC 4638 §5.1 MUST (mru): more where more was agreed.
    for (agreed, asked, code) in [
        (1492, 1500u16, 3),
        (1492, 1492, 2),
        (1500, 1508, 3),
        (1508, 1508, 2),
    ] {
        let mut link = link(restricted(agreed, 1492));
        options(&mut link);
        let [high, low] = asked.to_be_bytes();
        let request = [0xc0, 0x21, 1, 9, 0, 8, 1, 4, high, low];
        let mut packet = PacketBuf::new();
        link.handle_input(start(), &request, &mut packet).unwrap();
        link.poll_transmit(&mut packet).unwrap();
        let [high, low] = agreed.to_be_bytes();
        assert_eq!(
            packet.as_slice(),
            [0xc0, 0x21, code, 9, 0, 8, 1, 4, high, low]
        );
    }
}

#[test]
fn a_peer_that_says_nothing_gets_no_more_than_the_line_carries() {
    let mut ends = [
        link(restricted(1492, 1492)),
        seeded_link(
            LcpConfig {
                mru: 1500,
                ..LcpConfig::default()
            },
            4,
        ),
    ];
    bring_up(&mut ends);
    let limited = ends
        .iter()
        .filter(|end| end.lcp().peers().mru == 1492)
        .count();
    // One end has said 1492, the other was taken to mean it.
    assert_eq!(limited, 2);
}

#[test]
fn a_host_that_has_gone_without_a_word_is_found_out() {
    // RFC 2516 §7 SHOULD (echo): by Echo-Requests, four of which stay without an answer.
    let mut ends = [
        echoing_link(restricted(1492, 1492), Some(10 * SECOND), 3),
        seeded_link(restricted(1492, 1492), 4),
    ];
    bring_up(&mut ends);
    let [ac, _] = &mut ends;
    let (mut packet, mut echoes) = (PacketBuf::new(), 0);
    let reason = loop {
        ac.handle_timeout(ac.poll_timeout().unwrap());
        while ac.poll_transmit(&mut packet).is_some() {
            echoes += u32::from(packet.as_slice().starts_with(&[0xc0, 0x21, 9]));
        }
        let mut events = core::iter::from_fn(|| ac.poll_event());
        if let Some(LinkEvent::Closed(reason)) =
            events.find(|event| matches!(event, LinkEvent::Closed(_)))
        {
            break reason;
        }
    };
    assert_eq!((reason, echoes), (CloseReason::EchoLost, 4));
}

#[test]
fn a_session_ends_with_its_link() {
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let mut ends = [
        link(restricted(1492, 1492)),
        seeded_link(restricted(1492, 1492), 4),
    ];
    bring_up(&mut ends);
    // RFC 2516 §5.5 SHOULD (ppp-first): the termination of PPP goes in the session.
    let [host, server] = &mut ends;
    host.close(start());
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    let mut codes = Vec::new();
    loop {
        if host.poll_transmit(&mut packet).is_some() {
            codes.push(packet.as_slice()[2]);
            client.encapsulate(&mut packet).unwrap();
            let received = ac.handle_input(start(), packet.as_slice()).unwrap();
            let (_, ppp) = received.unwrap();
            server.handle_input(start(), ppp, &mut data).unwrap();
        } else if server.poll_transmit(&mut packet).is_some() {
            codes.push(packet.as_slice()[2]);
            ac.encapsulate(session, &mut packet).unwrap();
            let ppp = client.handle_input(start(), packet.as_slice()).unwrap();
            host.handle_input(start(), ppp.unwrap(), &mut data).unwrap();
        } else {
            break;
        }
    }
    assert_eq!(codes, [Code::TERMINATE_REQUEST.0, Code::TERMINATE_ACK.0]);
    // RFC 2516 §7 MUST (stop): LCP has ended, and then the session is used no more.
    client.close(start());
    exchange(start(), &mut client, &mut ac);
    let mut packet = PacketBuf::from(&ECHO[..]);
    let no_session = Err(PppoeSendError::NoSession);
    assert_eq!(client.encapsulate(&mut packet), no_session);
    assert_eq!(ac.encapsulate(session, &mut packet), no_session);
    // RFC 2516 §7 MUST (discovery): the next begins with a PADI.
    client.open(start());
    let padi = sent_by_client(&mut client).unwrap();
    assert_eq!((padi.code, padi.session), (PppoeCode::PADI, 0));
}
