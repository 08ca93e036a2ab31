//! RFC 6052: the tables of §2.4 are the vectors.

use crate::support::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use nat::nat64::{Pref64, Pref64Error};
use packet_buffer::wire::Ipv6Prefix;
use proptest::prelude::*;

/// Table 2 and table 3 of §2.4: 192.0.2.33 under each length.
const TABLE: [(&str, &str); 7] = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
];

// RFC 6052 §2.2 MUST (lengths): all six of them.
// RFC 6052 §2.3 MUST: an address is made.
// RFC 6052 §2.3 MUST (extract): and read.
#[test]
fn the_tables_of_section_2_4() {
    let host = Ipv4Addr::new(192, 0, 2, 33);
    for (under, address) in TABLE {
        let pref64 = Pref64::new(prefix(under)).unwrap();
        assert_eq!(pref64.embed(host), v6(address), "{under}");
        assert_eq!(pref64.extract(v6(address)), Some(host), "{under}");
        assert_eq!(pref64.extract(v6("2001:db9::1")), None);
    }
    assert_eq!(Pref64::new(prefix("64:ff9b::/96")), Ok(Pref64::WELL_KNOWN));
}

#[test]
fn other_lengths_are_refused() {
    for length in (0..=128u8).filter(|length| ![32, 40, 48, 56, 64, 96].contains(length)) {
        let prefix = Ipv6Prefix::new(v6("2001:db8::"), length).unwrap();
        assert_eq!(Pref64::new(prefix), Err(Pref64Error::Length(length)));
    }
}

// RFC 6052 §2.2 MUST (u): a prefix of 96 bits that has something there is refused.
#[test]
fn the_reserved_octet_is_zero() {
    let error = Pref64::new(prefix("2001:db8:0:0:100::/96"));
    assert_eq!(error, Err(Pref64Error::ReservedOctet));
}

// RFC 6052 §3.1 MUST NOT: private addresses under 64:ff9b::/96.
#[test]
fn the_well_known_prefix_is_for_global_addresses() {
    let own = Pref64::new(prefix("2001:db8::/96")).unwrap();
    for text in [
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.1.1",
        "127.0.0.1",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
    ] {
        let address = text.parse().unwrap();
        assert!(!Pref64::WELL_KNOWN.may_represent(address), "{text}");
        assert!(own.may_represent(address));
    }
    assert!(Pref64::WELL_KNOWN.may_represent(Ipv4Addr::new(8, 8, 8, 8)));
    assert!(Pref64::WELL_KNOWN.may_represent(Ipv4Addr::new(100, 128, 0, 1)));
}

proptest! {
    // RFC 6052 §2.2 MUST (suffix): whatever stands behind the address.
    // RFC 6052 §2.2 MUST (u): the octet is zero in what is made.
    #[test]
    fn any_address_under_any_prefix(
        bits: u128, host: u32, suffix: u128,
        length in prop::sample::select(vec![32u8, 40, 48, 56, 64, 96]),
    ) {
        let network = bits & !(0xff << 56);
        let pref64 = Pref64::new(Ipv6Prefix::new(network.into(), length).unwrap()).unwrap();
        let host = Ipv4Addr::from_bits(host);
        let made = pref64.embed(host);
        prop_assert_eq!(made.octets()[8], 0);
        prop_assert_eq!(pref64.extract(made), Some(host));
        let behind = if length == 96 { 128 } else if length == 32 { 64 } else { u32::from(length) + 40 };
        let mask = u128::MAX.checked_shr(behind).unwrap_or(0);
        prop_assert_eq!(made.to_bits() & mask, 0);
        let with_suffix = Ipv6Addr::from_bits(made.to_bits() | (suffix & mask));
        prop_assert_eq!(pref64.extract(with_suffix), Some(host));
    }
}
