use super::*;

fn due(client: &mut Client) -> Duration {
    let at = client.poll_timeout().unwrap();
    client.handle_timeout(at);
    at.saturating_duration_since(start())
}

#[test]
fn padis_are_repeated_ever_more_slowly_until_the_client_gives_up() {
    // RFC 2516 §8 SHOULD (resend): after 3, 6, 12 s and so on; no longer than max_timeout.
    let mut client = client(ClientConfig {
        max_timeout: Duration::from_secs(20),
        max_initiations: 5,
        ..ClientConfig::new(HOST)
    });
    client.open(start());
    let mut waits = Vec::new();
    while client.state() == ClientState::Discovering {
        assert_eq!(sent_by_client(&mut client).unwrap().code, PppoeCode::PADI);
        waits.push(due(&mut client).as_secs());
    }
    assert_eq!(waits, [3, 9, 21, 41, 61]);
    assert_eq!(
        client.poll_event(),
        Some(ClientEvent::Closed(ClientEnd::NoAnswer))
    );
    assert_eq!(
        (client.poll_timeout(), client.stats().initiations),
        (None, 5)
    );
    assert_eq!(sent_by_client(&mut client), None);
    // It can be opened again.
    client.open(start());
    assert_eq!(sent_by_client(&mut client).unwrap().code, PppoeCode::PADI);
}

#[test]
fn padrs_are_repeated_and_then_the_client_looks_anew() {
    // RFC 2516 §8 SHOULD (padr-resend): three times, then a PADI.
    let mut client = client(ClientConfig {
        max_requests: 3,
        ..ClientConfig::new(HOST)
    });
    let mut ac = concentrator(ac_config());
    client.open(start());
    let mut frame = PacketBuf::new();
    assert!(client.poll_transmit(&mut frame).is_some());
    let first = Seen::parse(frame.as_slice());
    ac.handle_input(start(), frame.as_slice()).unwrap();
    assert!(ac.poll_transmit(&mut frame).is_some());
    client.handle_input(start(), frame.as_slice()).unwrap();
    let mut waits = Vec::new();
    for _ in 0..3 {
        assert_eq!(sent_by_client(&mut client).unwrap().code, PppoeCode::PADR);
        waits.push(due(&mut client).as_secs());
    }
    assert_eq!(waits, [3, 9, 21]);
    let second = sent_by_client(&mut client).unwrap();
    assert_eq!(
        (second.code, second.destination),
        (PppoeCode::PADI, MacAddr::BROADCAST)
    );
    assert_ne!(
        second.value(TagKind::HOST_UNIQ),
        first.value(TagKind::HOST_UNIQ)
    );
    // An old offer is not taken.
    assert_eq!(
        client.handle_input(start(), frame.as_slice()),
        Err(PppoeDiscard::HostUniq)
    );
}

#[test]
fn early_late_and_repeated_calls_are_harmless() {
    let mut client = client(ClientConfig::new(HOST));
    client.handle_timeout(start());
    client.close(start());
    assert_eq!((client.poll_event(), client.poll_timeout()), (None, None));
    client.open(start());
    client.open(start());
    assert!(sent_by_client(&mut client).is_some() && sent_by_client(&mut client).is_none());
    let at = client.poll_timeout().unwrap();
    client.handle_timeout(at.saturating_sub(SECOND));
    assert_eq!(
        (client.poll_timeout(), sent_by_client(&mut client)),
        (Some(at), None)
    );
    client.handle_timeout(at + 10 * SECOND);
    assert_eq!(client.poll_timeout(), Some(at + 16 * SECOND));
    client.handle_timeout(at);
    assert_eq!(client.poll_timeout(), Some(at + 16 * SECOND));
    // A PADT and a PADI that wait both go.
    let (mut client, _) = pair(ClientConfig::new(HOST), ac_config());
    client.close(start());
    client.open(start());
    assert_eq!(sent_by_client(&mut client).unwrap().code, PppoeCode::PADT);
    assert_eq!(sent_by_client(&mut client).unwrap().code, PppoeCode::PADI);
}

#[test]
fn a_session_that_nobody_confirms_ends() {
    let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    let session = client.session().unwrap();
    let at = ac.poll_timeout().unwrap();
    assert_eq!(at, start() + 30 * SECOND);
    ac.handle_timeout(at.saturating_sub(SECOND));
    assert_eq!(ac.len(), 1);
    ac.handle_timeout(at);
    assert_eq!(
        (ac.len(), ac.poll_timeout(), ac.stats().half_open_ended),
        (0, None, 1)
    );
    ac.poll_event();
    let reason = SessionEnd::HalfOpen;
    assert_eq!(
        ac.poll_event(),
        Some(ConcentratorEvent::Closed { session, reason })
    );
    exchange(at, &mut client, &mut ac);
    assert_eq!(client.state(), ClientState::Idle);
    // One that was confirmed lasts, and so do all when no confirmation is wanted.
    let (client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
    assert!(ac.confirm(client.session().unwrap()));
    ac.handle_timeout(at + 1_000 * SECOND);
    assert_eq!((ac.len(), ac.poll_timeout()), (1, None));
    let config = ConcentratorConfig {
        half_open_timeout: None,
        max_half_open: 1,
        ..ac_config()
    };
    let (_, mut ac) = pair(ClientConfig::new(HOST), config);
    open_by_hand(&mut ac, start(), OTHER);
    assert_eq!((ac.len(), ac.half_open(), ac.poll_timeout()), (2, 0, None));
}
