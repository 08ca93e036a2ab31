//! RFC 2516 and RFC 4638: PPP over Ethernet, client and concentrator.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use core::time::Duration;
use packet_buffer::wire::{EtherType, EthernetFrame, EthernetRepr, MacAddr, VlanTag, VlanTags};
use packet_buffer::{Instant, PacketBuf, ParseErrorKind};
use ppp_lcp_ncp::lcp::{FcsAlternatives, LcpConfig};
use ppp_lcp_ncp::link::{Link, LinkConfig};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::pppoe::{
    AccessConcentrator, Client, ClientConfig, ClientEnd, ClientEvent, ClientState,
    ConcentratorConfig, ConcentratorEvent, Peer, PppoeCode, PppoeDiscard, PppoePacket, PppoeRepr,
    PppoeSendError, SessionEnd, TagKind, Tags, append_tag,
};
use ppp_lcp_ncp::wire::PppProtocol;
use proptest::prelude::*;
use testkit::{Discarded, Network, Node, Port, SeededRandom, for_each_seed};

const SECOND: Duration = Duration::from_secs(1);
const AC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 3]);
const ECHO: [u8; 10] = [0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0];

fn start() -> Instant {
    Instant::from_secs(1_000)
}

fn client(config: ClientConfig) -> Client {
    Client::new(config, Box::new(SeededRandom::new(1))).unwrap()
}

fn concentrator(config: ConcentratorConfig) -> AccessConcentrator {
    AccessConcentrator::new(config, Box::new(SeededRandom::new(2))).unwrap()
}

fn ac_config() -> ConcentratorConfig {
    ConcentratorConfig {
        services: vec![b"internet".to_vec(), b"voice".to_vec()],
        ..ConcentratorConfig::new(AC, b"ac.example")
    }
}

type TagList<'a> = &'a [(TagKind, &'a [u8])];

/// A discovery frame made by hand.
fn discovery(
    (destination, source): (MacAddr, MacAddr),
    code: PppoeCode,
    session: u16,
    tags: TagList<'_>,
) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    for (kind, value) in tags {
        append_tag(&mut packet, *kind, value).unwrap();
    }
    PppoeRepr { code, session }.emit(&mut packet).unwrap();
    let ethertype = EtherType::PPPOE_DISCOVERY;
    EthernetRepr::new(destination, source, ethertype)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

fn session_frame((destination, source): (MacAddr, MacAddr), session: u16, ppp: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from(ppp);
    let code = PppoeCode::SESSION;
    PppoeRepr { code, session }.emit(&mut packet).unwrap();
    let ethertype = EtherType::PPPOE_SESSION;
    EthernetRepr::new(destination, source, ethertype)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

/// A discovery frame taken apart.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    destination: MacAddr,
    source: MacAddr,
    vlans: VlanTags,
    code: PppoeCode,
    session: u16,
    tags: Vec<(TagKind, Vec<u8>)>,
}

impl Seen {
    fn parse(octets: &[u8]) -> Self {
        let frame = EthernetFrame::parse(octets).unwrap();
        assert_eq!(frame.ethertype(), EtherType::PPPOE_DISCOVERY);
        let packet = PppoePacket::parse(frame.payload()).unwrap();
        let tags = packet.tags().unwrap();
        Self {
            destination: frame.destination(),
            source: frame.source(),
            vlans: frame.vlan_tags(),
            code: packet.code(),
            session: packet.session(),
            tags: tags
                .iter()
                .map(|tag| (tag.kind, tag.value.to_vec()))
                .collect(),
        }
    }

    fn values(&self, kind: TagKind) -> Vec<&[u8]> {
        let tags = self.tags.iter().filter(|(it, _)| *it == kind);
        tags.map(|(_, value)| value.as_slice()).collect()
    }

    fn value(&self, kind: TagKind) -> Option<&[u8]> {
        self.values(kind).first().copied()
    }
}

fn sent_by_client(client: &mut Client) -> Option<Seen> {
    let mut frame = PacketBuf::new();
    client
        .poll_transmit(&mut frame)
        .then(|| Seen::parse(frame.as_slice()))
}

fn sent_by_ac(ac: &mut AccessConcentrator) -> Option<Seen> {
    let mut frame = PacketBuf::new();
    ac.poll_transmit(&mut frame)
        .then(|| Seen::parse(frame.as_slice()))
}

/// All that the two have to send, until neither has more.
fn exchange(now: Instant, client: &mut Client, ac: &mut AccessConcentrator) {
    let mut frame = PacketBuf::new();
    loop {
        let mut idle = true;
        while client.poll_transmit(&mut frame) {
            idle = false;
            ac.handle_input(now, frame.as_slice()).unwrap();
        }
        while ac.poll_transmit(&mut frame) {
            idle = false;
            client.handle_input(now, frame.as_slice()).unwrap();
        }
        if idle {
            return;
        }
    }
}

fn pair(client_config: ClientConfig, config: ConcentratorConfig) -> (Client, AccessConcentrator) {
    let (mut client, mut ac) = (client(client_config), concentrator(config));
    client.open(start());
    exchange(start(), &mut client, &mut ac);
    (client, ac)
}

/// A session by hand, as a client at `source` does it: the number, and the cookie that was used.
fn open_by_hand(ac: &mut AccessConcentrator, now: Instant, source: MacAddr) -> (Seen, Vec<u8>) {
    let cookie = cookie_for(ac, now, source, &[(TagKind::SERVICE_NAME, b"")]);
    let tags: TagList<'_> = &[(TagKind::SERVICE_NAME, b""), (TagKind::AC_COOKIE, &cookie)];
    let padr = discovery((AC, source), PppoeCode::PADR, 0, tags);
    ac.handle_input(now, &padr).unwrap();
    (sent_by_ac(ac).unwrap(), cookie)
}

fn cookie_for(
    ac: &mut AccessConcentrator,
    now: Instant,
    source: MacAddr,
    tags: TagList<'_>,
) -> Vec<u8> {
    let padi = discovery((MacAddr::BROADCAST, source), PppoeCode::PADI, 0, tags);
    ac.handle_input(now, &padi).unwrap();
    let pado = sent_by_ac(ac).unwrap();
    assert_eq!((pado.code, pado.destination), (PppoeCode::PADO, source));
    pado.value(TagKind::AC_COOKIE).unwrap().to_vec()
}

mod s4_payloads {
    use super::*;

    #[test]
    fn version_type_and_length_are_checked() {
        // RFC 2516 §4 MUST (version): anything but 0x11 is refused.
        let good = [0x11, 0x09, 0, 0, 0, 4, 1, 1, 0, 0, 0, 0, 0];
        let packet = PppoePacket::parse(&good).unwrap();
        // RFC 2516 §4 MUST (length): what follows is the frame's padding.
        assert_eq!((packet.code(), packet.session()), (PppoeCode::PADI, 0));
        assert_eq!(packet.payload(), [1, 1, 0, 0]);
        for version in [0x01, 0x10, 0x12, 0x21, 0xff] {
            let mut bad = good;
            bad[0] = version;
            let error = PppoePacket::parse(&bad).unwrap_err();
            assert_eq!(error.offset, 0);
            assert!(matches!(error.kind, ParseErrorKind::Unsupported { .. }));
        }
        let mut long = good;
        long[5] = 8;
        assert!(PppoePacket::parse(&long).unwrap_err().is_truncated());
        for length in 0..6 {
            assert!(
                PppoePacket::parse(&good[..length])
                    .unwrap_err()
                    .is_truncated()
            );
        }
    }

    #[test]
    fn neither_zero_nor_ffff_is_a_session() {
        // RFC 2516 §4 MUST NOT (ffff): all numbers but two can be given out.
        let mut ac = concentrator(ConcentratorConfig {
            max_sessions: 32_768,
            max_sessions_per_peer: 32_768,
            max_half_open: 32_768,
            ..ac_config()
        });
        let mut numbers = alloc::collections::BTreeSet::new();
        for _ in 0..3_000 {
            let (pads, _) = open_by_hand(&mut ac, start(), HOST);
            assert!(numbers.insert(pads.session), "{} twice", pads.session);
        }
        assert!(!numbers.contains(&0) && !numbers.contains(&u16::MAX));
        // And they do not follow each other.
        let followers = numbers
            .iter()
            .filter(|it| numbers.contains(&(**it + 1)))
            .count();
        assert!(followers < 500, "{followers}");
    }
}

mod s5_discovery {
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
        // RFC 2516 §5.1 MUST (padi-service): to all, session 0, exactly one Service-Name.
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
        // RFC 2516 §5.1 MUST NOT (padi-length): room for a relay's tag is left in 1500 octets.
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
        assert!(client.poll_transmit(&mut frame));
        assert!(frame.len() <= 14 + 1484);
        let longer = ClientConfig {
            service_name: vec![b'x'; 1025],
            ..longest
        };
        let error = Client::new(longer, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, "service_name");
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
        assert!(ac.poll_transmit(&mut frame));
        let pado = Seen::parse(frame.as_slice());
        assert_eq!(pado.value(relay.0), Some(relay.1));
        client.handle_input(start(), frame.as_slice()).unwrap();
        assert!(client.poll_transmit(&mut frame));
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
        let mut ac = concentrator(ac_config());
        let tags: TagList<'_> = &[
            (TagKind::SERVICE_NAME, b"video"),
            (TagKind::HOST_UNIQ, b"x"),
        ];
        let padr = discovery((AC, HOST), PppoeCode::PADR, 0, tags);
        assert_eq!(ac.handle_input(start(), &padr), Ok(None));
        let pads = sent_by_ac(&mut ac).unwrap();
        assert_eq!((pads.code, pads.session), (PppoeCode::PADS, 0));
        assert!(pads.value(TagKind::SERVICE_NAME_ERROR).is_some());
        assert_eq!(pads.value(TagKind::HOST_UNIQ), Some(&b"x"[..]));
        assert!(ac.is_empty() && ac.stats().refused_service == 1);
    }

    #[test]
    fn s5_4_the_client_tells_that_it_was_refused() {
        // RFC 2516 §5.4 MUST (zero): the text comes with the event.
        let (mut client, mut ac) = (client(ClientConfig::new(HOST)), concentrator(ac_config()));
        client.open(start());
        let mut frame = PacketBuf::new();
        assert!(client.poll_transmit(&mut frame));
        ac.handle_input(start(), frame.as_slice()).unwrap();
        assert!(ac.poll_transmit(&mut frame));
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
        let (mut client, mut ac) = pair(ClientConfig::new(HOST), ac_config());
        let session = client.session().unwrap();
        client.poll_event();
        client.close(start());
        let mut frame = PacketBuf::new();
        assert!(client.poll_transmit(&mut frame));
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
        assert!(ac.is_empty() && !ac.poll_transmit(&mut frame));
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
}

mod s6_session {
    use super::*;

    #[test]
    fn packets_go_both_ways_and_nowhere_else() {
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
}

mod s7_lcp {
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
}

mod s8_timers {
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
        assert!(client.poll_transmit(&mut frame));
        let first = Seen::parse(frame.as_slice());
        ac.handle_input(start(), frame.as_slice()).unwrap();
        assert!(ac.poll_transmit(&mut frame));
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
}

mod s9_security {
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
        let mut other =
            AccessConcentrator::new(ac_config(), Box::new(SeededRandom::new(9))).unwrap();
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
}

mod a_tags {
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
        // RFC 2516 §A MUST (unknown): tags that are not known are ignored.
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
}

mod rfc4638_jumbo {
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
            assert!(sent);
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
}

#[test]
fn values_that_cannot_work_are_refused() {
    let base = ClientConfig::new(HOST);
    let cases = [
        (
            "address",
            ClientConfig {
                address: MacAddr::BROADCAST,
                ..base.clone()
            },
        ),
        (
            "max_payload",
            ClientConfig {
                max_payload: Some(1492),
                ..base.clone()
            },
        ),
        (
            "timeout",
            ClientConfig {
                timeout: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "max_timeout",
            ClientConfig {
                max_timeout: SECOND,
                ..base.clone()
            },
        ),
        (
            "max_initiations",
            ClientConfig {
                max_initiations: 0,
                ..base.clone()
            },
        ),
        (
            "max_requests",
            ClientConfig {
                max_requests: 0,
                ..base
            },
        ),
    ];
    for (field, config) in cases {
        let error = Client::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, field);
    }
    let base = ac_config();
    let zero = Some(Duration::ZERO);
    let cases = [
        (
            "address",
            ConcentratorConfig {
                address: MacAddr::UNSPECIFIED,
                ..base.clone()
            },
        ),
        (
            "ac_name",
            ConcentratorConfig {
                ac_name: vec![],
                ..base.clone()
            },
        ),
        (
            "services",
            ConcentratorConfig {
                services: vec![vec![0; 200]; 3],
                ..base.clone()
            },
        ),
        (
            "max_payload",
            ConcentratorConfig {
                max_payload: 1491,
                ..base.clone()
            },
        ),
        (
            "max_sessions",
            ConcentratorConfig {
                max_sessions: 32_769,
                ..base.clone()
            },
        ),
        (
            "max_sessions_per_peer",
            ConcentratorConfig {
                max_sessions_per_peer: 0,
                ..base.clone()
            },
        ),
        (
            "half_open_timeout",
            ConcentratorConfig {
                half_open_timeout: zero,
                ..base.clone()
            },
        ),
        (
            "max_half_open",
            ConcentratorConfig {
                max_half_open: 0,
                ..base.clone()
            },
        ),
        (
            "cookie_lifetime",
            ConcentratorConfig {
                cookie_lifetime: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "max_replies",
            ConcentratorConfig {
                max_replies: 0,
                ..base
            },
        ),
    ];
    for (field, config) in cases {
        let error = AccessConcentrator::new(config, Box::new(SeededRandom::new(1))).unwrap_err();
        assert_eq!(error.field, field);
    }
}

mod simulation {
    use super::*;
    use core::hash::{Hash as _, Hasher as _};
    use std::hash::DefaultHasher;

    struct ClientNode {
        client: Client,
        events: Vec<ClientEvent>,
    }

    impl Node for ClientNode {
        fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let result = self.client.handle_input(now, frame);
            self.events.extend(self.client.poll_event());
            result.map(|_| ()).map_err(Discarded::new)
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.client.handle_timeout(now);
            self.events.extend(self.client.poll_event());
        }

        fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
            self.client.poll_transmit(out).then_some(0)
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.client.poll_timeout()
        }

        fn fingerprint(&self) -> Option<u64> {
            let mut hasher = DefaultHasher::new();
            self.client.state().hash(&mut hasher);
            self.client.session().hash(&mut hasher);
            self.client.max_payload().hash(&mut hasher);
            self.events.len().hash(&mut hasher);
            Some(hasher.finish())
        }
    }

    struct AcNode {
        ac: AccessConcentrator,
        events: Vec<ConcentratorEvent>,
    }

    impl Node for AcNode {
        fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
            let result = self.ac.handle_input(now, frame);
            self.events.extend(self.ac.poll_event());
            result.map(|_| ()).map_err(Discarded::new)
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.ac.handle_timeout(now);
            while let Some(event) = self.ac.poll_event() {
                self.events.push(event);
            }
        }

        fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
            self.ac.poll_transmit(out).then_some(0)
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.ac.poll_timeout()
        }

        fn fingerprint(&self) -> Option<u64> {
            let mut hasher = DefaultHasher::new();
            self.ac.sessions().collect::<Vec<_>>().hash(&mut hasher);
            self.ac.half_open().hash(&mut hasher);
            self.events.len().hash(&mut hasher);
            Some(hasher.finish())
        }
    }

    /// Eight clients and a concentrator on one LAN that loses, repeats, reorders and corrupts. How
    /// many have got a session.
    fn run(seed: u64) -> (usize, String) {
        let mut network = Network::new(seed);
        network.start_trace();
        let lan = network.add_lan("lan");
        let bad = testkit::LinkConfig {
            delay: Duration::from_millis(2),
            jitter: Duration::from_millis(2),
            loss: 0.3,
            duplicate: 0.1,
            reorder: 0.2,
            corrupt: 0.1,
            ..testkit::LinkConfig::default()
        };
        let random = network.random("ac");
        let config = ConcentratorConfig {
            // Corrupted requests may open sessions that nobody has; those end by themselves.
            max_sessions_per_peer: 8,
            ..ac_config()
        };
        let ac = AccessConcentrator::new(config, Box::new(random)).unwrap();
        let ac = network.add_node(
            "ac",
            AcNode {
                ac,
                events: Vec::new(),
            },
        );
        network.attach(lan, ac, bad.clone());
        let clients: Vec<_> = (0..8u8)
            .map(|number| {
                let name = format!("client {number}");
                let random = network.random(&name);
                let config = ClientConfig::new(MacAddr([2, 0, 0, 0, 1, number]));
                let mut client = Client::new(config, Box::new(random)).unwrap();
                client.open(Instant::ZERO);
                let node = network.add_node(
                    &name,
                    ClientNode {
                        client,
                        events: Vec::new(),
                    },
                );
                network.attach(lan, node, bad.clone());
                node
            })
            .collect();
        let done = |network: &mut Network| {
            clients
                .iter()
                .all(|client| !network.node::<ClientNode>(*client).events.is_empty())
        };
        network
            .run_until_condition(Instant::from_secs(2_000), done)
            .expect("each client gets a session or gives up");
        let mut open = 0;
        let mut numbers = alloc::collections::BTreeSet::new();
        for client in &clients {
            let node = network.node::<ClientNode>(*client);
            match &node.events[0] {
                ClientEvent::Opened { session, .. } => {
                    open += 1;
                    // No two clients share one.
                    assert!(numbers.insert(*session));
                }
                ClientEvent::Closed(reason) => {
                    assert!(matches!(reason, ClientEnd::NoAnswer), "{reason:?}");
                }
                event => panic!("{event:?}"),
            }
        }
        // What nobody confirms is gone in the end.
        network.run_for(Duration::from_secs(31));
        let node = network.node::<AcNode>(ac);
        assert!(node.ac.is_empty(), "{:?}", node.ac);
        let opened = node
            .events
            .iter()
            .filter(|event| matches!(event, ConcentratorEvent::Opened { .. }));
        assert_eq!(opened.count() * 2, node.events.len());
        (open, network.trace().to_owned())
    }

    #[test]
    fn clients_get_sessions_over_a_bad_lan() {
        let (mut open, mut all) = (0, 0);
        for_each_seed(0..60, |seed| {
            all += 8;
            open += run(seed).0;
        });
        assert!(open * 100 >= all * 98, "{open} of {all}");
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        testkit::assert_deterministic(5, |seed| run(seed).1);
    }
}
