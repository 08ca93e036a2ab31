//! Where a captive portal's API is, in Router Advertisements (RFC 8910 §2.3).

use crate::support::{assert_invalid, assert_not_written, octets, with_option, written};
use icmp_nd::EmitError;
use icmp_nd::wire::{NdOption, NdOptionError, NdOptionRepr};

mod section_2_3 {
    use super::*;

    // RFC 8910 §2.3 MUST (padding): zeroes up to a multiple of eight octets.
    #[test]
    fn uris_and_padding() {
        for (uri, expected) in [
            ("a:b", "2501 613a62 000000"),
            ("http:x", "2501 687474703a78"),
            ("http:xy", "2502 687474703a7879 00000000000000"),
        ] {
            let repr = NdOptionRepr::CaptivePortal(uri.into());
            assert_eq!(written(&[repr]), octets(expected));
            with_option(expected, |option| {
                assert_eq!(option, NdOption::CaptivePortal(uri));
            });
        }
    }

    #[test]
    fn what_is_no_uri() {
        let error = NdOptionError::CaptivePortalUri;
        assert_invalid("2501 000000000000", error);
        assert_invalid("2501 610062000000", error);
        assert_invalid("2501 fffe00000000", error);
        for text in ["", "a\0b"] {
            let what = "captive portal";
            assert_not_written(
                NdOptionRepr::CaptivePortal(text.into()),
                EmitError::BadValue { what, value: 0 },
            );
        }
    }
}
