//! UDP, ICMP queries, SCTP, DCCP and the rest.

use flow_state::packet::{DccpHeader, IcmpQuery, SctpPacket};
use flow_state::{
    DccpFlow, DccpState, Direction, GenericFlow, GenericKind, IcmpQueryFlow, Instant, Invalid,
    SctpFlow, SctpState, Timers, UdpFlow, Verdict,
};

use Direction::{Original, Reply};

#[test]
fn udp_is_a_stream_after_two_seconds_both_ways() {
    let timers = Timers::linux();
    let at = Instant::from_millis;
    let mut flow = UdpFlow::new(at(5_000));
    let mut seconds = |millis, direction| {
        assert_eq!(flow.handle(at(millis), direction), Verdict::Accept);
        flow.timeout(&timers).as_secs()
    };
    assert_eq!(seconds(5_000, Original), 30);
    assert_eq!(seconds(9_000, Original), 30);
    assert_eq!(seconds(9_000, Reply), 120);
    assert!(flow.is_replied() && flow.is_stream());
    let mut quick = UdpFlow::new(at(5_000));
    quick.handle(at(5_001), Reply);
    assert_eq!(quick.timeout(&timers).as_secs(), 30);
    // RFC 4787 §4.3: at least two minutes, five by default.
    assert_eq!(quick.timeout(&Timers::rfc()).as_secs(), 300);
    assert_eq!(quick.timeout(&Timers::cloud_gateway()).as_secs(), 350);
}

#[test]
fn icmp_answers_need_a_request() {
    let query = |is_request| IcmpQuery {
        message_type: if is_request { 8 } else { 0 },
        identifier: 1,
        sequence_number: 1,
        is_request,
    };
    assert_eq!(
        IcmpQueryFlow::new(false, &query(false)),
        Err(Invalid::NoRequest)
    );
    let mut flow = IcmpQueryFlow::new(false, &query(true)).unwrap();
    assert_eq!(flow.handle(Reply, &query(false)), Verdict::Accept);
    assert!(flow.is_replied());
    assert_eq!(
        flow.handle(Reply, &query(true)),
        Verdict::Invalid(Invalid::NoRequest)
    );
    assert_eq!(
        flow.handle(Original, &query(false)),
        Verdict::Invalid(Invalid::NoRequest)
    );
    assert_eq!(flow.timeout(&Timers::rfc()).as_secs(), 60);
}

/// A packet with one chunk.
fn chunk(tag: u32, kind: u8, flags: u8, value: &[u8], buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend([0x1b, 0x58, 0x8e, 0x3c]);
    buffer.extend(tag.to_be_bytes());
    buffer.extend([0; 4]);
    buffer.extend([kind, flags]);
    buffer.extend(u16::try_from(4 + value.len()).unwrap().to_be_bytes());
    buffer.extend(value);
}

/// INIT or INIT ACK: the initiate tag, and what else there must be.
fn init(tag: u32) -> Vec<u8> {
    let mut value = tag.to_be_bytes().to_vec();
    value.extend([0; 12]);
    value
}

#[test]
fn sctp_associations_open_and_close_by_their_tags() {
    let mut buffer = vec![];
    chunk(0, 1, 0, &init(0xaaaa), &mut buffer);
    let mut flow = SctpFlow::new(&SctpPacket::parse(&buffer).unwrap()).unwrap();
    assert_eq!(
        (flow.state(), flow.verification_tag(Reply)),
        (SctpState::CookieWait, 0xaaaa)
    );
    let mut say = |direction, tag, kind, value: &[u8]| {
        chunk(tag, kind, 0, value, &mut buffer);
        let verdict = flow.handle(direction, &SctpPacket::parse(&buffer).unwrap());
        (verdict, flow.state())
    };
    use SctpState as S;
    let wrong = Verdict::Invalid(Invalid::VerificationTag);
    assert_eq!(say(Reply, 0xaaab, 2, &init(0xbbbb)), (wrong, S::CookieWait));
    assert_eq!(
        say(Reply, 0xaaaa, 2, &init(0xbbbb)),
        (Verdict::Accept, S::CookieWait)
    );
    assert_eq!(
        say(Original, 0xbbbb, 10, b"cookie"),
        (Verdict::Accept, S::CookieEchoed)
    );
    assert_eq!(
        say(Reply, 0xaaaa, 11, &[]),
        (Verdict::Accept, S::Established)
    );
    assert_eq!(
        say(Original, 0xbbbb, 0, &[0; 12]),
        (Verdict::Accept, S::Established)
    );
    // A blind ABORT has the wrong tag.
    assert_eq!(say(Reply, 0x1234, 6, &[]), (wrong, S::Established));
    assert_eq!(
        say(Original, 0xbbbb, 7, &[0; 4]),
        (Verdict::Accept, S::ShutdownSent)
    );
    assert_eq!(
        say(Reply, 0xaaaa, 8, &[]),
        (Verdict::Accept, S::ShutdownAckSent)
    );
    assert_eq!(say(Original, 0xbbbb, 14, &[]), (Verdict::Accept, S::Closed));
    assert!(flow.is_assured() && flow.is_replied());
    assert_eq!(flow.timeout(&Timers::linux().sctp).as_secs(), 10);
}

#[test]
fn sctp_that_does_not_begin_so_is_refused() {
    let mut buffer = vec![];
    let mut refused = |tag, kind, value: &[u8]| {
        chunk(tag, kind, 0, value, &mut buffer);
        SctpFlow::new(&SctpPacket::parse(&buffer).unwrap()).unwrap_err()
    };
    assert_eq!(refused(1, 1, &init(7)), Invalid::VerificationTag);
    assert_eq!(refused(0, 1, &init(0)), Invalid::VerificationTag);
    assert_eq!(refused(0, 1, &[]), Invalid::Chunks);
    assert_eq!(refused(1, 0, &[0; 12]), Invalid::State);
    let empty = SctpPacket::parse(&[0; 12]).unwrap();
    assert_eq!(SctpFlow::new(&empty), Err(Invalid::Chunks));
}

#[test]
fn dccp_connections() {
    let header = |packet_type| DccpHeader {
        source_port: 1,
        destination_port: 2,
        packet_type,
        has_long_sequence_number: true,
    };
    assert_eq!(DccpFlow::new(&header(2)), Err(Invalid::PacketType));
    let mut flow = DccpFlow::new(&header(0)).unwrap();
    let state = Verdict::Invalid(Invalid::State);
    for (direction, packet_type, verdict, after) in [
        (Reply, 0, state, DccpState::Requested),
        (Original, 2, state, DccpState::Requested),
        (Reply, 1, Verdict::Accept, DccpState::Responded),
        (Original, 0, Verdict::Ignore, DccpState::Responded),
        (Original, 3, Verdict::Accept, DccpState::Open),
        (Reply, 4, Verdict::Accept, DccpState::Open),
        (
            Original,
            10,
            Verdict::Invalid(Invalid::PacketType),
            DccpState::Open,
        ),
        (Reply, 5, Verdict::Accept, DccpState::Closing),
        (Original, 6, Verdict::Accept, DccpState::Closing),
        (Reply, 7, Verdict::Accept, DccpState::Closing),
        (Original, 0, Verdict::Reopen, DccpState::Closing),
    ] {
        assert_eq!(
            flow.handle(direction, &header(packet_type)),
            verdict,
            "{direction} {packet_type}"
        );
        assert_eq!(flow.state(), after);
    }
    assert!(flow.is_assured());
}

#[test]
fn other_protocols_live_by_their_timers() {
    let timers = Timers::linux();
    for (kind, alone, answered) in [
        (GenericKind::Gre, 30, 180),
        (GenericKind::Ipsec, 600, 600),
        (GenericKind::Other, 600, 600),
    ] {
        let mut flow = GenericFlow::new(kind);
        assert_eq!(flow.timeout(&timers).as_secs(), alone);
        assert_eq!(flow.handle(Reply), Verdict::Accept);
        assert_eq!(flow.timeout(&timers).as_secs(), answered);
        assert!(flow.is_replied());
    }
}
