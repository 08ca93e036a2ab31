//! The prefix of a NAT64 in Router Advertisements (RFC 8781 §4).

use crate::support::{assert_invalid, assert_not_written, octets, with_option, written};
use icmp_nd::EmitError;
use icmp_nd::wire::{NdOption, NdOptionError, NdOptionRepr, Pref64};

mod section_4 {
    use super::*;

    // RFC 8781 §4 MUST (plc): each code and its length.
    #[test]
    fn every_prefix_length() {
        for (code, length) in [(0, 96), (1, 64), (2, 56), (3, 48), (4, 40), (5, 32)] {
            // 1800 seconds are 225 units of eight.
            let text = format!("2602 {:04x} 0064ff9b 00000000 00000000", 225 << 3 | code);
            with_option(&text, |option| {
                let NdOption::Pref64(prefix) = option else {
                    panic!("{option:?}");
                };
                assert_eq!(prefix.prefix.to_string(), format!("64:ff9b::/{length}"));
                assert_eq!(prefix.lifetime, 1800);
                assert_eq!(written(&[option.to_repr()]), octets(&text));
            });
        }
    }

    // RFC 8781 §4 MUST (reserved-plc): the option is ignored.
    #[test]
    fn reserved_codes() {
        for code in [6, 7] {
            let text = format!("2602 000{code} 0064ff9b 00000000 00000000");
            assert_invalid(&text, NdOptionError::Pref64PrefixLengthCode(code));
        }
    }

    // RFC 8781 §4 MUST (length): the option is ignored.
    #[test]
    fn other_lengths() {
        assert_invalid("2601 0000 0064ff9b", NdOptionError::Pref64Length);
        let text = format!("2603 0000 {}", "00".repeat(20));
        assert_invalid(&text, NdOptionError::Pref64Length);
    }

    #[test]
    fn what_has_no_code_is_not_written() {
        let of = |prefix: &str, lifetime| {
            NdOptionRepr::Pref64(Pref64 {
                prefix: prefix.parse().unwrap(),
                lifetime,
            })
        };
        let bad = |what, value| EmitError::BadValue { what, value };
        assert_not_written(of("64:ff9b::/95", 8), bad("PREF64 prefix length", 95));
        assert_not_written(
            of("64:ff9b::/96", 9),
            bad("PREF64 lifetime that is not a multiple of 8 s", 9),
        );
        assert_eq!(of("64:ff9b::/96", 65_528).wire_len(), Ok(16));
    }
}
