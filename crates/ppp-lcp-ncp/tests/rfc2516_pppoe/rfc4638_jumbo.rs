use super::*;

fn agreed(client: Option<u16>, ac: u16) -> (u16, u16) {
    let client = ClientConfig {
        max_payload: client,
        ..ClientConfig::new(HOST)
    };
    let (client, ac) = pair(
        client,
        ConcentratorConfig {
            max_payload: ac,
            ..ac_config()
        },
    );
    (
        client.max_payload(),
        ac.max_payload(client.session().unwrap()).unwrap(),
    )
}

#[test]
fn more_than_1492_octets_only_where_both_have_said_so() {
    // RFC 4638 §4 MUST (both): the lower of the two.
    assert_eq!(agreed(None, 1492), (1492, 1492));
    assert_eq!(agreed(None, 1500), (1492, 1492));
    assert_eq!(agreed(Some(1500), 1492), (1492, 1492));
    assert_eq!(agreed(Some(1500), 1500), (1500, 1500));
    assert_eq!(agreed(Some(1500), 9000), (1500, 1500));
}

#[test]
fn the_tag_is_in_all_four_packets() {
    // RFC 4638 §4 MUST (padr-tag): the client's value in PADI and PADR.
    // RFC 4638 §4 MUST (echo): and back in PADO and PADS, unchanged.
    let config = ClientConfig {
        max_payload: Some(1508),
        ..ClientConfig::new(HOST)
    };
    let (mut client, mut ac) = (
        client(config),
        concentrator(ConcentratorConfig {
            max_payload: 1500,
            ..ac_config()
        }),
    );
    client.open(start());
    let mut frame = PacketBuf::new();
    for step in 0..4 {
        let sent = if step % 2 == 0 {
            let sent = client.poll_transmit(&mut frame);
            ac.handle_input(start(), frame.as_slice()).unwrap();
            sent
        } else {
            let sent = ac.poll_transmit(&mut frame);
            client.handle_input(start(), frame.as_slice()).unwrap();
            sent
        };
        let seen = Seen::parse(frame.as_slice());
        assert!(sent.is_some());
        assert_eq!(
            seen.value(TagKind::PPP_MAX_PAYLOAD),
            Some(&1508u16.to_be_bytes()[..])
        );
    }
    assert_eq!(ac.max_payload(client.session().unwrap()), Some(1500));
}

#[test]
fn values_that_mean_nothing_are_ignored() {
    // RFC 4638 §4 MUST (ignore): 1492 and less, and what has not two octets.
    for value in [&[5, 0xd4][..], &[0, 0], &[5], &[0, 5, 0xdc], &[]] {
        let mut ac = concentrator(ConcentratorConfig {
            max_payload: 1500,
            ..ac_config()
        });
        let tags: TagList<'_> = &[
            (TagKind::SERVICE_NAME, b""),
            (TagKind::PPP_MAX_PAYLOAD, value),
        ];
        let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
        ac.handle_input(start(), &padi).unwrap();
        assert!(
            sent_by_ac(&mut ac)
                .unwrap()
                .value(TagKind::PPP_MAX_PAYLOAD)
                .is_none()
        );
    }
}

#[test]
fn longer_packets_are_refused() {
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let longest = vec![0; 1494];
    let mut packet = PacketBuf::from(longest.as_slice());
    assert_eq!(client.encapsulate(&mut packet), Ok(()));
    assert_eq!(packet.len(), 14 + 1500);
    let mut packet = PacketBuf::from([&longest[..], &[0]].concat().as_slice());
    let error = PppoeSendError::TooLong {
        length: 1495,
        limit: 1494,
    };
    assert_eq!(client.encapsulate(&mut packet), Err(error));
    assert_eq!(ac.encapsulate(session, &mut packet), Err(error));
    assert_eq!(packet.len(), 1495);
    assert_eq!((client.stats().send_errors, ac.stats().send_errors), (1, 1));
}
