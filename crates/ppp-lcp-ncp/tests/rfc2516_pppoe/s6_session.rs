use super::*;

#[test]
fn packets_go_both_ways_and_nowhere_else() {
    // RFC 2516 §4 MUST (addresses): from one to the other.
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let mut packet = PacketBuf::from(&ECHO[..]);
    client.encapsulate(&mut packet).unwrap();
    assert_eq!(packet.as_slice(), session_frame((AC, HOST), session, &ECHO));
    // Ethernet pads short frames.
    packet.append(20);
    assert_eq!(
        ac.handle_input(start(), packet.as_slice()),
        Ok(Some((session, &ECHO[..])))
    );
    let mut packet = PacketBuf::from(&ECHO[..]);
    ac.encapsulate(session, &mut packet).unwrap();
    assert_eq!(packet.as_slice(), session_frame((HOST, AC), session, &ECHO));
    assert_eq!(
        client.handle_input(start(), packet.as_slice()),
        Ok(Some(&ECHO[..]))
    );
    assert_eq!((client.stats().sent, client.stats().delivered), (1, 1));
    assert_eq!((ac.stats().sent, ac.stats().delivered), (1, 1));
    // Another station cannot send into the session, nor listen.
    let spoofed = session_frame((HOST, OTHER), session, &ECHO);
    assert_eq!(
        client.handle_input(start(), &spoofed),
        Err(PppoeDiscard::Source)
    );
    let elsewhere = session_frame((OTHER, AC), session, &ECHO);
    assert_eq!(
        client.handle_input(start(), &elsewhere),
        Err(PppoeDiscard::NotForUs)
    );
    let unknown = session_frame((HOST, AC), session ^ 1, &ECHO);
    assert_eq!(
        client.handle_input(start(), &unknown),
        Err(PppoeDiscard::Session(session ^ 1))
    );
}

#[test]
fn the_code_of_session_packets_is_zero() {
    // RFC 2516 §6 MUST (session-code): any other is refused, at both ends.
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let mut to_client = session_frame((HOST, AC), session, &ECHO);
    let mut to_ac = session_frame((AC, HOST), session, &ECHO);
    for code in [PppoeCode::PADT, PppoeCode(1)] {
        (to_client[15], to_ac[15]) = (code.0, code.0);
        assert_eq!(
            client.handle_input(start(), &to_client),
            Err(PppoeDiscard::Code(code))
        );
        assert_eq!(
            ac.handle_input(start(), &to_ac),
            Err(PppoeDiscard::Code(code))
        );
    }
}

#[test]
fn packets_of_sessions_that_are_not_there_are_answered_with_a_padt() {
    let mut ac = concentrator(ac_config());
    ac.handle_input(start(), &session_frame((AC, HOST), 77, &ECHO))
        .unwrap();
    let padt = sent_by_ac(&mut ac).unwrap();
    assert_eq!(
        (padt.code, padt.session, padt.destination),
        (PppoeCode::PADT, 77, HOST)
    );
    assert_eq!(ac.stats().unknown_session, 1);
    for session in [0, 0xffff] {
        let frame = session_frame((AC, HOST), session, &ECHO);
        assert_eq!(
            ac.handle_input(start(), &frame),
            Err(PppoeDiscard::Session(session))
        );
    }
    let mut ac = concentrator(ConcentratorConfig {
        terminate_unknown: false,
        ..ac_config()
    });
    let frame = session_frame((AC, HOST), 77, &ECHO);
    assert_eq!(
        ac.handle_input(start(), &frame),
        Err(PppoeDiscard::Session(77))
    );
    assert_eq!(sent_by_ac(&mut ac), None);
}

#[test]
fn vlan_tags_are_part_of_who_a_client_is() {
    let mut tags = VlanTags::one(VlanTag {
        tpid: EtherType::SERVICE_VLAN,
        tci: 100,
    });
    assert!(tags.push(VlanTag::new(7)));
    let config = ClientConfig {
        vlan_tags: tags,
        ..ClientConfig::new(HOST)
    };
    let (mut client, mut ac) = pair(config, ac_config());
    let session = client.session().unwrap();
    assert_eq!(ac.peer(session).unwrap().vlan_tags, tags);
    assert_eq!(
        ac.peer(session).unwrap().to_string(),
        "02:00:00:00:00:02 VLAN 100 VLAN 7"
    );
    let mut packet = PacketBuf::from(&ECHO[..]);
    ac.encapsulate(session, &mut packet).unwrap();
    let frame = EthernetFrame::parse(packet.as_slice()).unwrap();
    assert_eq!(frame.vlan_tags(), tags);
    assert_eq!(
        client.handle_input(start(), packet.as_slice()),
        Ok(Some(&ECHO[..]))
    );
    // The same address in no VLAN is another client.
    let plain = discovery((AC, HOST), PppoeCode::PADT, session, &[]);
    assert_eq!(
        ac.handle_input(start(), &plain),
        Err(PppoeDiscard::Session(session))
    );
    let plain = session_frame((HOST, AC), session, &ECHO);
    assert_eq!(
        client.handle_input(start(), &plain),
        Err(PppoeDiscard::NotForUs)
    );
}
