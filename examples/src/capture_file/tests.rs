use super::*;

/// A pcapng block: type, length, body padded to four octets, length.
fn block(big_endian: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let word = |number: u32| order(big_endian, number);
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = word(u32::try_from(body.len() + 12).unwrap());
    [&word(kind)[..], &length, &body, &length].concat()
}

fn order(big_endian: bool, number: u32) -> [u8; 4] {
    if big_endian {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

fn order16(big_endian: bool, number: u16) -> [u8; 2] {
    if big_endian {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

fn section(big_endian: bool) -> Vec<u8> {
    let body = [
        &order(big_endian, 0x1a2b_3c4d)[..],
        &order16(big_endian, 1),
        &order16(big_endian, 0),
        &[0xff; 8],
    ];
    block(big_endian, 0x0a0d_0d0a, &body.concat())
}

/// An interface with a resolution, and an offset of so many seconds.
fn interface(big_endian: bool, link_type: u16, resolution: u8, offset: i64) -> Vec<u8> {
    let offset = if big_endian {
        offset.to_be_bytes()
    } else {
        offset.to_le_bytes()
    };
    let body = [
        &order16(big_endian, link_type)[..],
        &[0; 2],
        &order(big_endian, 4),
        &order16(big_endian, 9),
        &order16(big_endian, 1),
        &[resolution, 0, 0, 0],
        &order16(big_endian, 14),
        &order16(big_endian, 8),
        &offset,
        &[0; 4],
    ];
    block(big_endian, 1, &body.concat())
}

fn packet(big_endian: bool, interface: u32, ticks: u64, len: u32, data: &[u8]) -> Vec<u8> {
    let captured = u32::try_from(data.len()).unwrap();
    let [high, low] = [ticks >> 32, ticks & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    let words = [interface, high, low, captured, len].map(|number| order(big_endian, number));
    block(big_endian, 6, &[&words.concat()[..], data].concat())
}

fn all(file: &[u8]) -> Vec<Result<CapturedFrame<'_>, CaptureFileError>> {
    CaptureFile::new(file).unwrap().collect()
}

#[test]
fn pcapng_of_either_order() {
    for big_endian in [false, true] {
        let file = [
            section(big_endian),
            interface(big_endian, 1, 9, 10),
            interface(big_endian, 101, 0x8a, 0), // 2^-10 s
            block(big_endian, 0x0bad_cafe, &[1, 2, 3]),
            packet(big_endian, 0, 1_500_000_000, 60, &[1, 2, 3]),
            packet(big_endian, 1, 1024 + 512, 2, &[4, 5]),
            block(
                big_endian,
                3,
                &[&order(big_endian, 9)[..], &[6, 7, 8, 9]].concat(),
            ),
        ]
        .concat();
        let frames: Vec<_> = all(&file).into_iter().map(Result::unwrap).collect();
        let expected = [
            (LinkType::ETHERNET, 11_500, 60, &[1, 2, 3][..]),
            (LinkType::RAW, 1_500, 2, &[4, 5]),
            // A simple packet block: of the first interface, which keeps four octets.
            (LinkType::ETHERNET, 0, 9, &[6, 7, 8, 9]),
        ];
        let expected = expected.map(|(link_type, millis, original_len, octets)| CapturedFrame {
            link_type,
            timestamp: Duration::from_millis(millis),
            original_len,
            octets,
        });
        assert_eq!(frames, expected, "big endian: {big_endian}");
    }
}

#[test]
fn each_section_has_its_own_order_and_interfaces() {
    let file = [
        section(false),
        interface(false, 1, 6, 0),
        section(true),
        interface(true, 101, 6, 0),
        packet(true, 0, 0, 1, &[1]),
        packet(true, 1, 0, 1, &[1]),
    ]
    .concat();
    let frames = all(&file);
    assert_eq!(frames[0].as_ref().unwrap().link_type, LinkType::RAW);
    let offset = file.len() - packet(true, 1, 0, 1, &[1]).len();
    let unknown = CaptureFileError::UnknownInterface {
        offset,
        interface: 1,
    };
    assert_eq!(frames[1..], [Err(unknown)]);
}

#[test]
fn pcap_of_every_kind() {
    for (magic, nanos) in [(0xa1b2_c3d4, 5_000), (0xa1b2_3c4d, 5)] {
        for big_endian in [false, true] {
            let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
            let words = [magic, version, 0, 0, 65_535, 0xf000_0065, 7, 5, 3, 90];
            let mut file = words.map(|number| order(big_endian, number)).concat();
            file.extend([1, 2, 3]);
            let expected = CapturedFrame {
                link_type: LinkType::RAW,
                timestamp: Duration::new(7, nanos),
                original_len: 90,
                octets: &[1, 2, 3],
            };
            assert_eq!(all(&file), [Ok(expected)]);
            // The frames before the end are given, then the error, then nothing.
            file.extend([0; 15]);
            let early = CaptureFileError::Truncated { offset: 43 };
            assert_eq!(all(&file), [Ok(expected), Err(early)]);
        }
    }
}

#[test]
fn what_is_no_capture() {
    assert_eq!(
        CaptureFile::new(b"GIF89a").err(),
        Some(CaptureFileError::NotACapture)
    );
    let early = CaptureFileError::Truncated { offset: 0 };
    assert_eq!(CaptureFile::new(&[0xd4, 0xc3]).err(), Some(early.clone()));
    assert_eq!(all(&section(false)[..20]), [Err(early)]);
    let mut damaged = section(false);
    damaged[8] ^= 0xff; // the byte-order magic
    assert_eq!(
        all(&damaged),
        [Err(CaptureFileError::Damaged { offset: 0 })]
    );
}
