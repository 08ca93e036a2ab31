use super::*;
use ppp_lcp_ncp::lcp::LcpOptionKind;

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
    let ipcp = IpcpConfig {
        address: Some([192, 0, 2, 1].into()),
        ..IpcpConfig::default()
    };
    let config = LinkConfig {
        lcp,
        ipcp: Some(ipcp),
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, Box::new(SeededRandom::new(seed))).unwrap();
    link.open(start());
    link.lower_up(start());
    link
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
    // RFC 2516 §7 SHOULD NOT (pfc): two options are left: MRU and magic number.
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
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    while !ends.iter().all(|end| end.is_open(PppProtocol::IPV6)) {
        let [a, b] = &mut ends;
        if a.poll_transmit(&mut packet).is_some() {
            b.handle_input(start(), packet.as_slice(), &mut data)
                .unwrap();
        }
        ends.swap(0, 1);
    }
    let limited = ends
        .iter()
        .filter(|end| end.lcp().peers().mru == 1492)
        .count();
    // One end has said 1492, the other was taken to mean it.
    assert_eq!(limited, 2);
}
