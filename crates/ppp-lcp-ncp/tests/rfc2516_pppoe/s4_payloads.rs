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
    // RFC 2516 §5.4 MUST (unique): none comes twice.
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
