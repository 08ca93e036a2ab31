use super::*;

fn padr(ac: &mut AccessConcentrator, now: Instant, source: MacAddr, tags: TagList<'_>) -> bool {
    let padr = discovery((AC, source), PppoeCode::PADR, 0, tags);
    let result = ac.handle_input(now, &padr);
    assert!(
        result == Ok(None) || result == Err(PppoeDiscard::Cookie),
        "{result:?}"
    );
    result.is_ok()
}

#[test]
fn a_cookie_is_good_for_who_has_got_it_and_for_a_while() {
    // RFC 2516 §9 SHOULD (cookie-check): another address, Host-Uniq or service, or none.
    // RFC 2516 §9 SHOULD (regenerate): the concentrator has kept nothing between the two.
    let mut ac = concentrator(ac_config());
    let (service, uniq) = (
        (TagKind::SERVICE_NAME, &b"voice"[..]),
        (TagKind::HOST_UNIQ, &b"1"[..]),
    );
    let cookie = cookie_for(&mut ac, start(), HOST, &[service, uniq]);
    let good = (TagKind::AC_COOKIE, cookie.as_slice());
    let other_service = (TagKind::SERVICE_NAME, &b"internet"[..]);
    assert!(!padr(&mut ac, start(), OTHER, &[service, uniq, good]));
    assert!(!padr(&mut ac, start(), HOST, &[service, good]));
    assert!(!padr(
        &mut ac,
        start(),
        HOST,
        &[service, (TagKind::HOST_UNIQ, b""), good]
    ));
    assert!(!padr(&mut ac, start(), HOST, &[other_service, uniq, good]));
    assert!(!padr(&mut ac, start(), HOST, &[service, uniq]));
    assert!(!padr(
        &mut ac,
        start(),
        HOST,
        &[service, uniq, (TagKind::AC_COOKIE, &cookie[1..])]
    ));
    for at in 0..cookie.len() {
        let mut bad = cookie.clone();
        bad[at] ^= 1;
        assert!(!padr(
            &mut ac,
            start(),
            HOST,
            &[service, uniq, (TagKind::AC_COOKIE, &bad)]
        ));
    }
    assert!(!padr(
        &mut ac,
        start() + 120 * SECOND,
        HOST,
        &[service, uniq, good]
    ));
    assert!(ac.is_empty() && sent_by_ac(&mut ac).is_none());
    assert_eq!(
        ac.stats().bad_cookies,
        7 + u64::try_from(cookie.len()).unwrap()
    );
}

#[test]
fn services_can_be_kept_to_oneself() {
    // RFC 2516 §9 SHOULD (any-name): whatever is asked for is offered, and nothing else is named.
    let mut ac = concentrator(ConcentratorConfig {
        any_service: true,
        ..ac_config()
    });
    for service in [&b"voice"[..], b"guess", b""] {
        let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, service)];
        let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
        ac.handle_input(start(), &padi).unwrap();
        let pado = sent_by_ac(&mut ac).unwrap();
        assert_eq!(pado.values(TagKind::SERVICE_NAME), [service]);
        let cookie = pado.value(TagKind::AC_COOKIE).unwrap();
        let with_cookie: TagList<'_> = &[tags[0], (TagKind::AC_COOKIE, cookie)];
        assert!(padr(&mut ac, start(), HOST, with_cookie));
        let pads = sent_by_ac(&mut ac).unwrap();
        assert_eq!(pads.values(TagKind::SERVICE_NAME), [service]);
        assert_ne!(pads.session, 0);
    }
    // RFC 2516 §9 SHOULD (no-name): who names one is not served.
    let mut ac = concentrator(ConcentratorConfig::new(AC, b"ac.example"));
    let padi = |service| {
        let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, service)];
        discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags)
    };
    assert_eq!(
        ac.handle_input(start(), &padi(b"voice")),
        Err(PppoeDiscard::Service)
    );
    assert_eq!(ac.handle_input(start(), &padi(b"")), Ok(None));
    let pado = sent_by_ac(&mut ac).unwrap();
    assert_eq!(pado.values(TagKind::SERVICE_NAME), [b""]);
}

#[test]
fn a_cookie_lasts_as_long_as_was_configured() {
    for wait in [0, 1, 30, 60] {
        let mut ac = concentrator(ac_config());
        let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b"")];
        let cookie = cookie_for(&mut ac, start(), HOST, tags);
        let tags: TagList<'_> = &[tags[0], (TagKind::AC_COOKIE, &cookie)];
        assert!(
            padr(&mut ac, start() + wait * SECOND, HOST, tags),
            "{wait} s"
        );
    }
    // Who has asked for any service may choose one of those.
    let mut ac = concentrator(ac_config());
    let cookie = cookie_for(&mut ac, start(), HOST, &[(TagKind::SERVICE_NAME, b"")]);
    let tags: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b"voice"),
        (TagKind::AC_COOKIE, &cookie),
    ];
    assert!(padr(&mut ac, start(), HOST, tags));
}

#[test]
fn a_cookie_of_one_vlan_is_of_no_use_in_another() {
    let mut ac = concentrator(ac_config());
    let in_vlan = |frame: &[u8], id: u16| {
        let parsed = EthernetFrame::parse(frame).unwrap();
        let mut packet = PacketBuf::from(parsed.payload());
        let header = EthernetRepr {
            vlan_tags: VlanTags::one(VlanTag::new(id)),
            ..parsed.to_repr()
        };
        header.emit(&mut packet).unwrap();
        packet.as_slice().to_vec()
    };
    let service: (TagKind, &[u8]) = (TagKind::SERVICE_NAME, b"");
    let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, &[service]);
    ac.handle_input(start(), &in_vlan(&padi, 7)).unwrap();
    let pado = sent_by_ac(&mut ac).unwrap();
    assert_eq!(pado.vlans, VlanTags::one(VlanTag::new(7)));
    let cookie = (TagKind::AC_COOKIE, pado.value(TagKind::AC_COOKIE).unwrap());
    let padr = discovery((AC, HOST), PppoeCode::PADR, 0, &[service, cookie]);
    for frame in [padr.clone(), in_vlan(&padr, 8)] {
        assert_eq!(ac.handle_input(start(), &frame), Err(PppoeDiscard::Cookie));
    }
    assert_eq!(ac.handle_input(start(), &in_vlan(&padr, 7)), Ok(None));
}

#[test]
fn cookies_of_another_concentrator_are_not_ours() {
    let mut ac = concentrator(ac_config());
    let mut other = AccessConcentrator::new(ac_config(), Box::new(SeededRandom::new(9))).unwrap();
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b"")];
    let cookie = cookie_for(&mut other, start(), HOST, tags);
    assert!(!padr(
        &mut ac,
        start(),
        HOST,
        &[tags[0], (TagKind::AC_COOKIE, &cookie)]
    ));
}

#[test]
fn a_flood_of_padis_keeps_nothing_and_fills_nothing() {
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b""),
        (TagKind::HOST_UNIQ, &[7; 700]),
    ];
    let mut refused = 0;
    for number in 0..10_000u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let source = MacAddr([2, 9, 0, b, c, d]);
        let padi = discovery((MacAddr::BROADCAST, source), PppoeCode::PADI, 0, tags);
        refused += u64::from(ac.handle_input(start(), &padi) == Err(PppoeDiscard::Busy));
    }
    assert_eq!((refused, ac.stats().offers), (10_000 - 64, 64));
    assert_eq!(ac.stats().replies_dropped, refused);
    assert!(ac.is_empty() && ac.poll_event().is_none());
    let mut waiting = 0;
    while sent_by_ac(&mut ac).is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, 64);
    // And then it serves again.
    open_by_hand(&mut ac, start(), HOST);
}

#[test]
fn a_flood_of_sessions_is_stopped_by_each_of_three_limits() {
    let station = |number: u32| {
        let [_, b, c, d] = number.to_be_bytes();
        MacAddr([2, 9, 0, b, c, d])
    };
    let refused = |pads: &Seen| {
        assert_eq!(pads.code, PppoeCode::PADS);
        assert_eq!(
            pads.session == 0,
            pads.value(TagKind::AC_SYSTEM_ERROR).is_some()
        );
        pads.session == 0
    };
    // Of one client.
    let mut ac = concentrator(ac_config());
    let mut open = 0;
    for _ in 0..50 {
        open += usize::from(!refused(&open_by_hand(&mut ac, start(), HOST).0));
    }
    assert_eq!((open, ac.len(), ac.stats().refused_peer), (4, 4, 46));
    assert!(!refused(&open_by_hand(&mut ac, start(), OTHER).0));
    // Of many that do not go on.
    let mut ac = concentrator(ac_config());
    for number in 0..2_000 {
        open_by_hand(&mut ac, start(), station(number));
    }
    assert_eq!(
        (ac.len(), ac.half_open(), ac.stats().refused_half_open),
        (512, 512, 1_488)
    );
    // They are gone when their time is over.
    ac.handle_timeout(start() + 30 * SECOND);
    let mut padts = 0;
    while let Some(padt) = sent_by_ac(&mut ac) {
        assert_eq!(padt.code, PppoeCode::PADT);
        padts += 1;
    }
    assert_eq!((ac.len(), padts), (0, 512));
    assert!(!refused(&open_by_hand(&mut ac, start(), HOST).0));
    // Of all together.
    let mut ac = concentrator(ConcentratorConfig {
        max_sessions: 100,
        ..ac_config()
    });
    for number in 0..150 {
        let (pads, _) = open_by_hand(&mut ac, start(), station(number));
        ac.confirm(pads.session);
        ac.poll_event();
    }
    assert_eq!(
        (ac.len(), ac.half_open(), ac.stats().refused_full),
        (100, 0, 50)
    );
}

#[test]
fn who_does_not_fetch_events_gets_no_new_sessions() {
    let mut ac = concentrator(ConcentratorConfig {
        max_sessions: 8,
        ..ac_config()
    });
    let mut refused = 0;
    for _ in 0..50 {
        let cookie = cookie_for(&mut ac, start(), HOST, &[(TagKind::SERVICE_NAME, b"")]);
        let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b""), (TagKind::AC_COOKIE, &cookie)];
        let frame = discovery((AC, HOST), PppoeCode::PADR, 0, tags);
        if ac.handle_input(start(), &frame).is_err() {
            refused += 1;
            continue;
        }
        let session = sent_by_ac(&mut ac).unwrap().session;
        let padt = discovery((AC, HOST), PppoeCode::PADT, session, &[]);
        ac.handle_input(start(), &padt).unwrap();
    }
    let mut events = 0;
    while ac.poll_event().is_some() {
        events += 1;
    }
    assert_eq!((events, refused, ac.stats().events_full), (8, 46, 46));
}

#[test]
fn answers_that_would_not_fit_are_not_made() {
    let mut ac = concentrator(ac_config());
    let long = vec![7; 1_450];
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b""), (TagKind::HOST_UNIQ, &long)];
    let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
    assert_eq!(ac.handle_input(start(), &padi), Err(PppoeDiscard::TooLong));
    assert_eq!(
        (sent_by_ac(&mut ac), ac.stats().replies_too_long),
        (None, 1)
    );
    // The client refuses an offer that it cannot answer.
    let mut client = client(ClientConfig::new(HOST));
    client.open(start());
    let padi = sent_by_client(&mut client).unwrap();
    let uniq = padi.value(TagKind::HOST_UNIQ).unwrap();
    let tags: TagList<'_> = &[
        (TagKind::AC_NAME, b"a"),
        (TagKind::HOST_UNIQ, uniq),
        (TagKind::AC_COOKIE, &[0; 1_470]),
    ];
    let pado = discovery((HOST, AC), PppoeCode::PADO, 0, tags);
    assert_eq!(
        client.handle_input(start(), &pado),
        Err(PppoeDiscard::TooLong)
    );
}

#[test]
fn compressed_protocols_in_a_session_do_no_harm() {
    // A frame whose protocol is compressed, or which has Address and Control, or nothing at all
    // (the class of CVE-2026-53003): the link takes or refuses it.
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let mut lcp = LcpConfig::default();
    lcp.restrict_to_pppoe(client.max_payload());
    let config = LinkConfig {
        lcp,
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, Box::new(SeededRandom::new(3))).unwrap();
    link.open(start());
    link.lower_up(start());
    let mut data = PacketBuf::new();
    for payload in [
        &[][..],
        &[0x21],
        &[0x21, 0x45],
        &[0xff, 3],
        &[0xff, 3, 0x21],
        &[0xfd, 1],
        &[0],
    ] {
        let frame = session_frame((AC, HOST), session, payload);
        let (_, packet) = ac.handle_input(start(), &frame).unwrap().unwrap();
        assert_eq!(packet, payload);
        assert!(link.handle_input(start(), packet, &mut data).is_err());
        let frame = session_frame((HOST, AC), session, payload);
        let packet = client.handle_input(start(), &frame).unwrap().unwrap();
        assert!(link.handle_input(start(), packet, &mut data).is_err());
    }
}
