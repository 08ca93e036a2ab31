use super::*;

#[test]
fn a_client_and_a_concentrator_get_a_session() {
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let Some(ClientEvent::Opened {
        session: told,
        peer,
        ac_name,
        max_payload,
    }) = client.poll_event()
    else {
        panic!("no event");
    };
    assert_eq!((told, peer.address, max_payload), (session, AC, 1492));
    assert_eq!(ac_name, b"ac.example");
    let expected = ConcentratorEvent::Opened {
        session,
        peer: Peer {
            address: HOST,
            vlan_tags: VlanTags::NONE,
        },
        service: Vec::new(),
        max_payload: 1492,
        vendor_specific: Vec::new(),
    };
    assert_eq!(ac.poll_event(), Some(expected));
    assert_eq!((ac.len(), ac.half_open(), ac.is_empty()), (1, 1, false));
    assert_eq!(ac.sessions().collect::<Vec<_>>(), [session]);
    assert_eq!(ac.peer(session).unwrap().address, HOST);
    assert!(ac.confirm(session) && ac.half_open() == 0);
    assert!(!ac.confirm(session ^ 1));
}

#[test]
fn s5_1_the_padi_is_as_the_rfc_says() {
    // RFC 2516 §5.1 MUST (padi-service): to all, exactly one Service-Name.
    // RFC 2516 §5.1 MUST (zero): session 0.
    let mut client = client(ClientConfig {
        service_name: b"internet".to_vec(),
        ..ClientConfig::new(HOST)
    });
    client.open(start());
    let padi = sent_by_client(&mut client).unwrap();
    assert_eq!((padi.destination, padi.source), (MacAddr::BROADCAST, HOST));
    assert_eq!((padi.code, padi.session), (PppoeCode::PADI, 0));
    assert_eq!(padi.values(TagKind::SERVICE_NAME), [b"internet"]);
    assert_eq!(padi.value(TagKind::HOST_UNIQ).unwrap().len(), 8);
    assert_eq!(sent_by_client(&mut client), None);
    // RFC 2516 §5.1 MUST NOT (padi-length): 1484 octets at most.
    // RFC 2516 §A MUST (relay-room): room for a relay's tag is left in 1500.
    let longest = ClientConfig {
        service_name: vec![b'x'; 1024],
        ..ClientConfig::new(HOST)
    };
    let mut client = super::client(ClientConfig {
        max_payload: Some(1500),
        ..longest.clone()
    });
    client.open(start());
    let mut frame = PacketBuf::new();
    assert!(client.poll_transmit(&mut frame).is_some());
    assert!(frame.len() <= 14 + 1484);
    let longer = ClientConfig {
        service_name: vec![b'x'; 1025],
        ..longest
    };
    let error = Client::new(longer, Box::new(SeededRandom::new(1))).unwrap_err();
    assert_eq!(error.field, "service_name");
}

/// Whether it is printable text.
fn is_text(octets: &[u8]) -> bool {
    let text = str::from_utf8(octets);
    text.is_ok_and(|text| !text.chars().any(char::is_control))
}

#[test]
fn s5_1_a_padi_without_one_service_name_is_ignored() {
    let mut ac = concentrator(ac_config());
    let twice: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b""),
        (TagKind::SERVICE_NAME, b"voice"),
    ];
    for tags in [&[][..], twice] {
        let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
        let expected = PppoeDiscard::Tag(TagKind::SERVICE_NAME);
        assert_eq!(ac.handle_input(start(), &padi), Err(expected));
    }
    assert_eq!((sent_by_ac(&mut ac), ac.stats().malformed), (None, 2));
}

#[test]
fn s5_2_the_pado_is_as_the_rfc_says() {
    // RFC 2516 §5.2 MUST (pado): AC-Name, the Service-Name of the PADI, and other services.
    // RFC 2516 §5.2 MUST (zero): session 0.
    // RFC 2516 §A MUST (host-uniq): and the Host-Uniq as it came.
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b"voice"),
        (TagKind::HOST_UNIQ, b"mine"),
        (TagKind(0x7777), b"unknown"),
    ];
    let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
    assert_eq!(ac.handle_input(start(), &padi), Ok(None));
    let pado = sent_by_ac(&mut ac).unwrap();
    assert_eq!((pado.destination, pado.source), (HOST, AC));
    assert_eq!((pado.code, pado.session), (PppoeCode::PADO, 0));
    assert_eq!(pado.values(TagKind::AC_NAME), [b"ac.example"]);
    assert_eq!(
        pado.values(TagKind::SERVICE_NAME),
        [&b"voice"[..], b"internet"]
    );
    assert_eq!(pado.values(TagKind::HOST_UNIQ), [b"mine"]);
    assert!(
        pado.value(TagKind(0x7777)).is_none() && pado.value(TagKind::PPP_MAX_PAYLOAD).is_none()
    );
    // Nothing is kept.
    assert!(ac.is_empty() && ac.poll_event().is_none() && ac.poll_timeout().is_none());
}

#[test]
fn s5_2_no_offer_for_a_service_that_is_not_there() {
    // RFC 2516 §5.2 MUST NOT (no-offer): silence.
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b"video")];
    let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, tags);
    assert_eq!(ac.handle_input(start(), &padi), Err(PppoeDiscard::Service));
    assert_eq!((sent_by_ac(&mut ac), ac.stats().no_service), (None, 1));
}

#[test]
fn s5_2_the_client_takes_offers_of_its_own_kind_only() {
    // RFC 2516 §5.2 MUST (service): an offer of another service is not taken.
    let wanted = ClientConfig {
        service_name: b"internet".to_vec(),
        ac_name: Some(b"ac.example".to_vec()),
        ..ClientConfig::new(HOST)
    };
    let mut client = client(wanted);
    let uniq = {
        client.open(start());
        let padi = sent_by_client(&mut client).unwrap();
        padi.value(TagKind::HOST_UNIQ).unwrap().to_vec()
    };
    let name = (TagKind::AC_NAME, &b"ac.example"[..]);
    let service = (TagKind::SERVICE_NAME, &b"internet"[..]);
    let uniq = (TagKind::HOST_UNIQ, uniq.as_slice());
    let cases: [(TagList<'_>, PppoeDiscard); 7] = [
        (&[name, service], PppoeDiscard::HostUniq),
        (
            &[name, service, (TagKind::HOST_UNIQ, b"12345678")],
            PppoeDiscard::HostUniq,
        ),
        (&[service, uniq], PppoeDiscard::Tag(TagKind::AC_NAME)),
        (
            &[(TagKind::AC_NAME, b"ac"), service, uniq],
            PppoeDiscard::AcName,
        ),
        (
            &[name, (TagKind::SERVICE_NAME, b"voice"), uniq],
            PppoeDiscard::Service,
        ),
        (&[name, uniq], PppoeDiscard::Service),
        (
            &[name, service, uniq, (TagKind::GENERIC_ERROR, b"no")],
            PppoeDiscard::OfferError(TagKind::GENERIC_ERROR),
        ),
    ];
    for (tags, discard) in cases {
        let pado = discovery((HOST, AC), PppoeCode::PADO, 0, tags);
        assert_eq!(client.handle_input(start(), &pado), Err(discard));
        assert_eq!(client.state(), ClientState::Discovering);
    }
    let good: TagList<'_> = &[name, (TagKind::SERVICE_NAME, b"voice"), service, uniq];
    let elsewhere = discovery((OTHER, AC), PppoeCode::PADO, 0, good);
    assert_eq!(
        client.handle_input(start(), &elsewhere),
        Err(PppoeDiscard::NotForUs)
    );
    let group = discovery((HOST, MacAddr::BROADCAST), PppoeCode::PADO, 0, good);
    assert_eq!(
        client.handle_input(start(), &group),
        Err(PppoeDiscard::Source)
    );
    let numbered = discovery((HOST, AC), PppoeCode::PADO, 7, good);
    assert_eq!(
        client.handle_input(start(), &numbered),
        Err(PppoeDiscard::Session(7))
    );
    let pado = discovery((HOST, AC), PppoeCode::PADO, 0, good);
    assert_eq!(client.handle_input(start(), &pado), Ok(None));
    assert_eq!(client.state(), ClientState::Requesting);
    let second = discovery((HOST, OTHER), PppoeCode::PADO, 0, good);
    let late = PppoeDiscard::NotAwaited(PppoeCode::PADO);
    assert_eq!(client.handle_input(start(), &second), Err(late));
    // RFC 2516 §5.3 MUST (zero): session 0.
    // RFC 2516 §5.3 MUST (padr-service): the service that was asked for, and it alone.
    // RFC 2516 §A MUST (cookie): without a cookie none is returned.
    let padr = sent_by_client(&mut client).unwrap();
    assert_eq!(
        (padr.destination, padr.code, padr.session),
        (AC, PppoeCode::PADR, 0)
    );
    assert_eq!(padr.values(TagKind::SERVICE_NAME), [b"internet"]);
    assert!(padr.value(TagKind::AC_COOKIE).is_none());
}

#[test]
fn s5_3_cookie_and_relay_tag_go_back_as_they_came() {
    // RFC 2516 §A MUST (cookie): every octet of it.
    // RFC 2516 §A MUST (relay): the relay's tag too, in all answers of both ends.
    let (mut client, mut ac) = (client(ClientConfig::new(HOST)), concentrator(ac_config()));
    client.open(start());
    let padi = sent_by_client(&mut client).unwrap();
    let relay = (TagKind::RELAY_SESSION_ID, &b"relay-12-oct"[..]);
    let mut tags: Vec<_> = padi
        .tags
        .iter()
        .map(|(kind, value)| (*kind, value.as_slice()))
        .collect();
    tags.push(relay);
    let padi = discovery((MacAddr::BROADCAST, HOST), PppoeCode::PADI, 0, &tags);
    ac.handle_input(start(), &padi).unwrap();
    let mut frame = PacketBuf::new();
    assert!(ac.poll_transmit(&mut frame).is_some());
    let pado = Seen::parse(frame.as_slice());
    assert_eq!(pado.value(relay.0), Some(relay.1));
    client.handle_input(start(), frame.as_slice()).unwrap();
    assert!(client.poll_transmit(&mut frame).is_some());
    let padr = Seen::parse(frame.as_slice());
    assert_eq!(padr.value(relay.0), Some(relay.1));
    assert_eq!(
        padr.value(TagKind::AC_COOKIE),
        pado.value(TagKind::AC_COOKIE)
    );
    ac.handle_input(start(), frame.as_slice()).unwrap();
    let pads = sent_by_ac(&mut ac).unwrap();
    assert_eq!(pads.value(relay.0), Some(relay.1));
    assert_eq!(
        pads.value(TagKind::HOST_UNIQ),
        padr.value(TagKind::HOST_UNIQ)
    );
}

#[test]
fn s5_4_the_pads_has_the_service_and_the_session() {
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b"voice")];
    let cookie = cookie_for(&mut ac, start(), HOST, tags);
    let tags: TagList<'_> = &[
        (TagKind::AC_COOKIE, &cookie),
        (TagKind::SERVICE_NAME, b"voice"),
        (TagKind::VENDOR_SPECIFIC, b"\0\0\x0d\xe9line 7"),
    ];
    let padr = discovery((AC, HOST), PppoeCode::PADR, 0, tags);
    ac.handle_input(start(), &padr).unwrap();
    let pads = sent_by_ac(&mut ac).unwrap();
    assert_eq!((pads.code, pads.destination), (PppoeCode::PADS, HOST));
    assert_eq!(pads.values(TagKind::SERVICE_NAME), [b"voice"]);
    let Some(ConcentratorEvent::Opened {
        session,
        service,
        vendor_specific,
        ..
    }) = ac.poll_event()
    else {
        panic!("no event");
    };
    assert_eq!((session, service), (pads.session, b"voice".to_vec()));
    assert_eq!(vendor_specific, b"\0\0\x0d\xe9line 7");
}

#[test]
fn s5_4_a_service_that_is_not_there_is_refused() {
    // RFC 2516 §5.4 MUST (service-error): a PADS with Service-Name-Error and session 0.
    // RFC 2516 §A MUST (error-text): with a text,
    // RFC 2516 §A MUST NOT (error-null): without a NULL.
    let mut ac = concentrator(ac_config());
    let tags: TagList<'_> = &[
        (TagKind::SERVICE_NAME, b"video"),
        (TagKind::HOST_UNIQ, b"x"),
    ];
    let padr = discovery((AC, HOST), PppoeCode::PADR, 0, tags);
    assert_eq!(ac.handle_input(start(), &padr), Ok(None));
    let pads = sent_by_ac(&mut ac).unwrap();
    assert_eq!((pads.code, pads.session), (PppoeCode::PADS, 0));
    assert!(is_text(pads.value(TagKind::SERVICE_NAME_ERROR).unwrap()));
    assert_eq!(pads.value(TagKind::HOST_UNIQ), Some(&b"x"[..]));
    assert!(ac.is_empty() && ac.stats().refused_service == 1);
}

#[test]
fn s5_4_the_client_tells_that_it_was_refused() {
    // RFC 2516 §5.4 MUST (zero): the text comes with the event.
    let (mut client, mut ac) = (client(ClientConfig::new(HOST)), concentrator(ac_config()));
    client.open(start());
    let mut frame = PacketBuf::new();
    assert!(client.poll_transmit(&mut frame).is_some());
    ac.handle_input(start(), frame.as_slice()).unwrap();
    assert!(ac.poll_transmit(&mut frame).is_some());
    client.handle_input(start(), frame.as_slice()).unwrap();
    let padr = sent_by_client(&mut client).unwrap();
    let uniq = (TagKind::HOST_UNIQ, padr.value(TagKind::HOST_UNIQ).unwrap());
    let error = (TagKind::AC_SYSTEM_ERROR, &b"too many"[..]);
    fn pads(source: MacAddr, session: u16, tags: TagList<'_>) -> Vec<u8> {
        discovery((HOST, source), PppoeCode::PADS, session, tags)
    }
    // Not from elsewhere, not without our tag, not without a reason or a session.
    let cases: [(Vec<u8>, PppoeDiscard); 4] = [
        (pads(OTHER, 0, &[uniq, error]), PppoeDiscard::Source),
        (pads(AC, 0, &[error]), PppoeDiscard::HostUniq),
        (pads(AC, 0, &[uniq]), PppoeDiscard::Session(0)),
        (pads(AC, 0xffff, &[uniq]), PppoeDiscard::Session(0xffff)),
    ];
    for (frame, discard) in cases {
        assert_eq!(client.handle_input(start(), &frame), Err(discard));
        assert_eq!(client.state(), ClientState::Requesting);
    }
    assert_eq!(
        client.handle_input(start(), &pads(AC, 0, &[uniq, error])),
        Ok(None)
    );
    let reason = ClientEnd::Refused {
        kind: error.0,
        message: error.1.to_vec(),
    };
    assert_eq!(client.poll_event(), Some(ClientEvent::Closed(reason)));
    assert_eq!(
        (client.state(), client.poll_timeout()),
        (ClientState::Idle, None)
    );
}

#[test]
fn s5_4_a_padr_that_comes_again_gets_the_same_session() {
    let mut ac = concentrator(ac_config());
    let (first, cookie) = open_by_hand(&mut ac, start(), HOST);
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b""), (TagKind::AC_COOKIE, &cookie)];
    let padr = discovery((AC, HOST), PppoeCode::PADR, 0, tags);
    for _ in 0..5 {
        ac.handle_input(start() + SECOND, &padr).unwrap();
        assert_eq!(sent_by_ac(&mut ac), Some(first.clone()));
    }
    assert_eq!((ac.len(), ac.stats().repeated), (1, 5));
    // Another offer is another session.
    let (second, _) = open_by_hand(&mut ac, start(), HOST);
    assert_ne!(second.session, first.session);
    assert_eq!(ac.len(), 2);
}

#[test]
fn s5_5_either_end_ends_the_session() {
    // RFC 2516 §5.5 MAY (padt): the client does.
    // RFC 2516 §5.5 MUST (which): it says which one.
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    client.poll_event();
    client.close(start());
    let mut frame = PacketBuf::new();
    assert!(client.poll_transmit(&mut frame).is_some());
    let padt = Seen::parse(frame.as_slice());
    assert_eq!(
        (padt.code, padt.session, padt.destination),
        (PppoeCode::PADT, session, AC)
    );
    assert_eq!(
        client.poll_event(),
        Some(ClientEvent::Closed(ClientEnd::Closed))
    );
    ac.handle_input(start(), frame.as_slice()).unwrap();
    ac.poll_event();
    let reason = SessionEnd::PeerTerminated;
    assert_eq!(
        ac.poll_event(),
        Some(ConcentratorEvent::Closed { session, reason })
    );
    assert!(ac.is_empty() && ac.poll_transmit(&mut frame).is_none());
    // RFC 2516 §5.5 MUST NOT (after-padt): not even PPP's own termination goes.
    let mut packet = PacketBuf::from(&ECHO[..]);
    assert_eq!(
        client.encapsulate(&mut packet),
        Err(PppoeSendError::NoSession)
    );
    assert_eq!(
        ac.encapsulate(session, &mut packet),
        Err(PppoeSendError::NoSession)
    );
    assert_eq!(packet.as_slice(), ECHO);
    // The concentrator does.
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    client.poll_event();
    assert!(ac.close(start(), session) && !ac.close(start(), session));
    exchange(start(), &mut client, &mut ac);
    assert_eq!(
        client.poll_event(),
        Some(ClientEvent::Closed(ClientEnd::PeerTerminated))
    );
    assert_eq!(client.session(), None);
    assert_eq!(
        client.encapsulate(&mut packet),
        Err(PppoeSendError::NoSession)
    );
}

#[test]
fn s5_5_a_padt_of_somebody_else_changes_nothing() {
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let padt = |addresses, session| discovery(addresses, PppoeCode::PADT, session, &[]);
    let from_other = padt((HOST, OTHER), session);
    assert_eq!(
        client.handle_input(start(), &from_other),
        Err(PppoeDiscard::Source)
    );
    let of_other = padt((HOST, AC), session ^ 1);
    assert_eq!(
        client.handle_input(start(), &of_other),
        Err(PppoeDiscard::Session(session ^ 1))
    );
    let from_other = padt((AC, OTHER), session);
    assert_eq!(
        ac.handle_input(start(), &from_other),
        Err(PppoeDiscard::Session(session))
    );
    assert_eq!((client.session(), ac.len()), (Some(session), 1));
}
