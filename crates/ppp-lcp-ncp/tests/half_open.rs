//! What a peer that has not proved who it is can make a server keep, by the allocator's own count.

#![allow(
    clippy::cast_possible_wrap,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::mem::size_of;
use packet_buffer::wire::{EtherType, EthernetFrame, EthernetRepr, MacAddr};
use packet_buffer::{Instant, PacketBuf, RandomSource as _};
use ppp_lcp_ncp::lcp::AuthMethod;
use ppp_lcp_ncp::link::{Link, LinkConfig, Phase};
use ppp_lcp_ncp::pppoe::{
    AccessConcentrator, ConcentratorConfig, PppoeCode, PppoePacket, PppoeRepr, TagKind, append_tag,
};
use testkit::{CountingAllocator, SeededRandom};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What the documentation of `Link` states, in octets, with the link itself.
const LINK_WITH_PATIENT_CALLER: isize = 8 << 10;
const LINK_WITH_ABSENT_CALLER: isize = 64 << 10;
/// What that of `AccessConcentrator` states.
const SESSION: isize = 320;

fn server(method: AuthMethod) -> Link {
    let mut config = LinkConfig::default();
    config.lcp.require_auth = vec![method];
    config.authenticator.name = b"server".to_vec();
    let mut link = Link::new(config, Box::new(SeededRandom::new(1))).unwrap();
    link.open(Instant::ZERO);
    link.lower_up(Instant::ZERO);
    link
}

/// A packet that a hostile peer may send: nearly right, of any protocol and length.
fn packet(random: &mut SeededRandom, with_lcp: bool) -> Vec<u8> {
    const PROTOCOLS: [u16; 12] = [
        0xc021, 0xc021, 0xc021, 0xc021, 0xc023, 0xc223, 0xc227, 0xc025, 0x8021, 0x80fd, 0x003d,
        0x4021,
    ];
    let first = if with_lcp { 0 } else { 4 };
    let protocol = PROTOCOLS[random.between(first, PROTOCOLS.len() - 1)];
    let code = u8::try_from(random.between(0, 16)).unwrap();
    let identifier = u8::try_from(random.between(0, 255)).unwrap();
    let longest = if random.chance(0.5) { 40 } else { 1_490 };
    let length = random.between(0, longest);
    let mut data = vec![0; length];
    random.fill(&mut data);
    if random.chance(0.5) {
        // Options, and values with a length in front.
        for (place, octet) in [(0, 5), (1, 6), (6, 1), (7, 4), (8, 5), (9, 220)] {
            if let Some(it) = data.get_mut(place) {
                *it = octet;
            }
        }
    }
    let mut packet = protocol.to_be_bytes().to_vec();
    packet.extend([code, identifier]);
    packet.extend(u16::try_from(4 + data.len()).unwrap().to_be_bytes());
    packet.extend(data);
    packet
}

/// An honest peer does LCP, and no more.
fn negotiate(server: &mut Link, now: Instant) {
    let mut config = LinkConfig::default();
    config.lcp.allow_auth = METHODS.to_vec();
    let mut peer = Link::new(config, Box::new(SeededRandom::new(2))).unwrap();
    peer.open(now);
    peer.lower_up(now);
    server.lower_down(now);
    server.open(now);
    server.lower_up(now);
    let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
    for _ in 0..20 {
        while peer.poll_transmit(&mut packet).is_some() {
            let _ = server.handle_input(now, packet.as_slice(), &mut data);
        }
        while server.phase() == Phase::Establish && server.poll_transmit(&mut packet).is_some() {
            let _ = peer.handle_input(now, packet.as_slice(), &mut data);
        }
    }
    assert_eq!(server.phase(), Phase::Authenticate);
}

/// What a link holds at most while such packets come, with itself.
fn flood(method: AuthMethod, seed: u64, is_patient: bool) -> isize {
    let mut random = SeededRandom::new(seed);
    let (mut data, mut out) = (
        PacketBuf::with_capacity(64, 2_048),
        PacketBuf::with_capacity(64, 2_048),
    );
    let before = CountingAllocator::held();
    let mut link = server(method);
    let itself = size_of::<Link>() as isize;
    let mut most = 0;
    let mut now = Instant::ZERO;
    // Half of the floods come while the server waits for a proof, the others at any time.
    let with_lcp = seed.is_multiple_of(2);
    for step in 0..3_000u32 {
        if !with_lcp && link.phase() != Phase::Authenticate {
            negotiate(&mut link, now);
        }
        let packet = packet(&mut random, with_lcp);
        let _ = link.handle_input(now, &packet, &mut data);
        if is_patient {
            while link.poll_transmit(&mut out).is_some() {}
            while link.poll_event().is_some() {}
        }
        assert_ne!(link.phase(), Phase::Network);
        if step % 50 == 0 {
            now += core::time::Duration::from_secs(1);
            link.handle_timeout(now);
            // The server lets the next one in.
            if link.phase() == Phase::Dead {
                link.lower_down(now);
                link.open(now);
                link.lower_up(now);
            }
        }
        // What the test itself allocates in a step is not the link's.
        let own = packet.capacity() as isize + 16;
        most = most.max(CountingAllocator::held() - before - own + itself);
    }
    most
}

const METHODS: [AuthMethod; 4] = [
    AuthMethod::Pap,
    AuthMethod::ChapMd5,
    AuthMethod::MsChapV2,
    AuthMethod::Eap,
];

#[test]
fn a_link_before_its_proof() {
    let (mut patient, mut absent) = (0, 0);
    for method in METHODS {
        for seed in 0..4 {
            patient = patient.max(flood(method, seed, true));
            absent = absent.max(flood(method, seed, false));
        }
    }
    println!(
        "{} octets in itself, {patient} and {absent} at most",
        size_of::<Link>()
    );
    assert!(patient <= LINK_WITH_PATIENT_CALLER, "{patient}");
    assert!(absent <= LINK_WITH_ABSENT_CALLER, "{absent}");
    // The test tests something: there is what waits to be fetched.
    assert!(absent > patient);
}

#[test]
fn a_session_of_a_concentrator() {
    const SESSIONS: u32 = 2_000;
    let ac_address = MacAddr([2, 0, 0, 0, 0, 1]);
    let config = ConcentratorConfig {
        max_half_open: 4_096,
        ..ConcentratorConfig::new(ac_address, b"ac")
    };
    let mut ac = AccessConcentrator::new(config, Box::new(SeededRandom::new(1))).unwrap();
    let discovery = |destination, source, code, tags: &[(TagKind, &[u8])]| {
        let mut packet = PacketBuf::new();
        for (kind, value) in tags {
            append_tag(&mut packet, *kind, value).unwrap();
        }
        PppoeRepr { code, session: 0 }.emit(&mut packet).unwrap();
        let ethertype = EtherType::PPPOE_DISCOVERY;
        EthernetRepr::new(destination, source, ethertype)
            .emit(&mut packet)
            .unwrap();
        packet
    };
    let long = [7; 1_000];
    let mut out = PacketBuf::with_capacity(64, 2_048);
    let before = CountingAllocator::held();
    let mut after_padis = 0;
    for number in 0..SESSIONS {
        let [_, b, c, d] = number.to_be_bytes();
        let source = MacAddr([2, 1, 0, b, c, d]);
        let (service, uniq) = (
            (TagKind::SERVICE_NAME, &b""[..]),
            (TagKind::HOST_UNIQ, &long[..]),
        );
        let padi = discovery(
            MacAddr::BROADCAST,
            source,
            PppoeCode::PADI,
            &[service, uniq],
        );
        ac.handle_input(Instant::ZERO, padi.as_slice()).unwrap();
        assert!(ac.poll_transmit(&mut out).is_some());
        drop(padi);
        if number == 0 {
            after_padis = CountingAllocator::held() - before;
        }
        let cookie = {
            let frame = EthernetFrame::parse(out.as_slice()).unwrap();
            let packet = PppoePacket::parse(frame.payload()).unwrap();
            packet
                .tags()
                .unwrap()
                .find(TagKind::AC_COOKIE)
                .unwrap()
                .to_vec()
        };
        let cookie = (TagKind::AC_COOKIE, cookie.as_slice());
        let padr = discovery(
            ac_address,
            source,
            PppoeCode::PADR,
            &[service, uniq, cookie],
        );
        ac.handle_input(Instant::ZERO, padr.as_slice()).unwrap();
        assert!(ac.poll_transmit(&mut out).is_some());
        assert!(ac.poll_event().is_some());
    }
    let each = (CountingAllocator::held() - before) / SESSIONS as isize;
    println!("{each} octets a session, {after_padis} after the first PADI");
    assert_eq!(ac.half_open(), 2_000);
    assert!(each <= SESSION, "{each}");
    // What was asked and answered leaves nothing but the room of the queue.
    assert!(after_padis < 1_024, "{after_padis}");
    // All is given back when the sessions end.
    ac.handle_timeout(Instant::from_secs(60));
    while ac.poll_event().is_some() || ac.poll_transmit(&mut out).is_some() {}
    let left = CountingAllocator::held() - before;
    assert!(ac.is_empty() && left < 400_000, "{left}");
}
