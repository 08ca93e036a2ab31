use super::*;

#[test]
fn tags_are_walked_with_care() {
    // Lengths that run off the end, one octet or many (the class of CVE-2008-3584).
    let bad: [&[u8]; 7] = [
        &[1],
        &[1, 1, 0],
        &[1, 1, 0, 1],
        &[1, 1, 0xff, 0xff, 0],
        &[1, 1, 0, 0, 1, 3, 0, 5, 1, 2, 3, 4],
        &[0, 0, 0, 1, 0],
        &[0, 0, 0],
    ];
    for octets in bad {
        assert!(Tags::parse(octets).is_err(), "{octets:?}");
    }
    // RFC 2516 §A MAY (end-of-list): what is behind it is not looked at.
    let tags = Tags::parse(&[1, 1, 0, 1, b'x', 0, 0, 0, 0, 9, 9, 9]).unwrap();
    assert_eq!(tags.iter().count(), 1);
    assert_eq!(tags.find(TagKind::SERVICE_NAME), Some(&b"x"[..]));
    assert!(Tags::parse(&[]).unwrap().iter().next().is_none());
    // The offset is from the start of the packet.
    let packet = PppoePacket::parse(&[0x11, 9, 0, 0, 0, 6, 1, 1, 0, 3, 0, 0]).unwrap();
    let error = packet.tags().unwrap_err();
    assert_eq!((error.offset, error.is_truncated()), (10, true));
}

#[test]
fn unknown_and_repeated_tags_are_kept_in_order_and_ignored_by_the_ends() {
    // RFC 2516 §5 MUST (unknown): tags that are not known are ignored.
    let tags = Tags::parse(&[0x77, 0x77, 0, 1, 5, 1, 1, 0, 0, 0x77, 0x77, 0, 0]).unwrap();
    let kinds: Vec<_> = tags.iter().map(|tag| tag.kind.0).collect();
    assert_eq!(kinds, [0x7777, 0x0101, 0x7777]);
    assert_eq!(
        tags.find_all(TagKind(0x7777)).collect::<Vec<_>>(),
        [&[5][..], &[]]
    );
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[(TagKind(0x7777), b"?"), (TagKind::SERVICE_NAME, b"")];
    cookie_for(&mut ac, start(), HOST, tags);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        tags in proptest::collection::vec((1..=u16::MAX, proptest::collection::vec(any::<u8>(), 0..20)), 0..10),
        padding in 0..5usize,
    ) {
        let mut packet = PacketBuf::new();
        for (kind, value) in &tags {
            append_tag(&mut packet, TagKind(*kind), value).unwrap();
        }
        let header = PppoeRepr { code: PppoeCode::PADI, session: 0 };
        header.emit(&mut packet).unwrap();
        packet.append(padding);
        let read = PppoePacket::parse(packet.as_slice()).unwrap();
        let list = read.tags().unwrap();
        let read: Vec<_> = list.iter().map(|tag| (tag.kind.0, tag.value.to_vec())).collect();
        prop_assert_eq!(read, tags);
    }

    #[test]
    fn nothing_panics_and_what_is_refused_changes_nothing(
        octets in proptest::collection::vec(any::<u8>(), 0..60),
        code in prop::sample::select(vec![0u8, 7, 9, 0x19, 0x65, 0xa7, 1]),
        is_session in any::<bool>(),
        to_client in any::<bool>(),
    ) {
        let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
        let session = client.session().unwrap();
        let ethertype = if is_session { EtherType::PPPOE_SESSION } else { EtherType::PPPOE_DISCOVERY };
        let (destination, source) = if to_client { (HOST, AC) } else { (AC, HOST) };
        let mut packet = PacketBuf::from(octets.as_slice());
        PppoeRepr { code: PppoeCode(code), session: 0 }.emit(&mut packet).unwrap();
        EthernetRepr::new(destination, source, ethertype).emit(&mut packet).unwrap();
        let _ = client.handle_input(start(), packet.as_slice());
        let _ = ac.handle_input(start(), packet.as_slice());
        prop_assert_eq!(client.session(), Some(session));
        prop_assert_eq!(ac.len(), 1);
    }
}

#[test]
fn no_cut_or_flipped_frame_panics() {
    let tags: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b""),
        (TagKind::AC_NAME, b"ac"),
        (TagKind::HOST_UNIQ, b"12345678"),
        (TagKind::AC_COOKIE, b"cookie"),
        (TagKind::PPP_MAX_PAYLOAD, &[5, 0xdc]),
    ];
    let mut ac = concentrator(ac_config());
    let mut client = client(ClientConfig::new(HOST));
    client.open(start());
    let codes = [
        PppoeCode::PADI,
        PppoeCode::PADO,
        PppoeCode::PADR,
        PppoeCode::PADS,
        PppoeCode::PADT,
    ];
    for code in codes {
        for addresses in [(AC, HOST), (HOST, AC)] {
            testkit::sweep(&discovery(addresses, code, 0, tags), |octets| {
                let _ = ac.handle_input(start(), octets);
                let _ = client.handle_input(start(), octets);
            });
        }
    }
    assert!(ac.is_empty() && client.state() == ClientState::Discovering);
}
