//! Times in a field that counts exactly while they are short, and with exponent and mantissa when
//! they are long (RFC 3810 §5.1.3, §5.1.9).

/// The milliseconds that a Maximum Response Code stands for: at most 8387584.
///
/// Codes under 0x8000 are the time itself. In others, behind the first bit, three bits are an
/// exponent and twelve a mantissa.
// RFC 3810 §5.1.3 MUST (code): (mant | 0x1000) << (exp + 3).
pub const fn decode_max_response(code: u16) -> u32 {
    if code < 0x8000 {
        return code as u32;
    }
    let mantissa = (code & 0x0fff) as u32 | 0x1000;
    mantissa << (((code >> 12) & 0x7) + 3)
}

/// The Maximum Response Code of the longest time that is not above `milliseconds`.
pub const fn encode_max_response(milliseconds: u32) -> u16 {
    if milliseconds < 0x8000 {
        #[expect(clippy::cast_possible_truncation, reason = "under 0x8000")]
        return milliseconds as u16;
    }
    if milliseconds >= decode_max_response(u16::MAX) {
        return u16::MAX;
    }
    // 15 bits at least and 23 at most, of which the first 13 are kept.
    let exponent = milliseconds.ilog2() - 15;
    let mantissa = (milliseconds >> (exponent + 3)) & 0x0fff;
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of 7 at most")]
    let code = (0x8000 | exponent << 12 | mantissa) as u16;
    code
}

/// The seconds that a Querier's Query Interval Code stands for: at most 31744.
// RFC 3810 §5.1.9 MUST (code): (mant | 0x10) << (exp + 3).
pub const fn decode_query_interval(code: u8) -> u16 {
    if code < 0x80 {
        return code as u16;
    }
    let mantissa = (code & 0x0f) as u16 | 0x10;
    mantissa << (((code >> 4) & 0x7) + 3)
}

/// The Querier's Query Interval Code of the longest time that is not above `seconds`.
pub const fn encode_query_interval(seconds: u16) -> u8 {
    if seconds < 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "under 0x80")]
        return seconds as u8;
    }
    if seconds >= decode_query_interval(u8::MAX) {
        return u8::MAX;
    }
    let exponent = seconds.ilog2() - 7;
    let mantissa = (seconds as u32 >> (exponent + 3)) & 0x0f;
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of 7 at most")]
    let code = (0x80 | exponent << 4 | mantissa) as u8;
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3810 §5.1.3 MUST (code): every code, and the rounding between them.
    #[test]
    fn every_max_response_code_round_trips() {
        for code in 0..=u16::MAX {
            let time = decode_max_response(code);
            assert_eq!(encode_max_response(time), code);
            if let Some(next) = code.checked_add(1) {
                let next = decode_max_response(next);
                assert!(next > time);
                assert_eq!(encode_max_response(next - 1), code);
            }
        }
        assert_eq!(decode_max_response(0x8000), 32_768);
        assert_eq!(decode_max_response(u16::MAX), 8_387_584);
        assert_eq!(encode_max_response(u32::MAX), u16::MAX);
    }

    // RFC 3810 §5.1.9 MUST (code): every code, and the rounding between them.
    #[test]
    fn every_query_interval_code_round_trips() {
        for code in 0..=u8::MAX {
            let time = decode_query_interval(code);
            assert_eq!(encode_query_interval(time), code);
            if let Some(next) = code.checked_add(1) {
                let next = decode_query_interval(next);
                assert!(next > time);
                assert_eq!(encode_query_interval(next - 1), code);
            }
        }
        assert_eq!(decode_query_interval(u8::MAX), 31_744);
        assert_eq!(encode_query_interval(u16::MAX), u8::MAX);
    }
}
