//! RFC 2464 §4, RFC 4291, RFC 5453: identifiers that are not secret.

use crate::support::ip;
use icmp_nd::address::InterfaceIdentifier;
use icmp_nd::wire::solicited_node;
use packet_buffer::wire::{Ipv6Prefix, MacAddr};

// RFC 2464 §4 MUST (eui64): ff-fe goes between the halves, and the U/L bit is complemented.
#[test]
fn eui_64_of_rfc_2464() {
    let mac: MacAddr = "34-56-78-9A-BC-DE".parse().unwrap();
    let identifier = InterfaceIdentifier::eui64(mac);
    assert_eq!(identifier.to_string(), "3656:78ff:fe9a:bcde");
    let back = InterfaceIdentifier::eui64("36:56:78:9a:bc:de".parse().unwrap());
    assert_eq!(back.to_bits(), 0x3456_78ff_fe9a_bcde);
}

#[test]
fn an_identifier_completes_a_prefix_of_64_bits_only() {
    let identifier = InterfaceIdentifier::from_bits(0x0123_4567_89ab_cdef);
    let prefix: Ipv6Prefix = "2001:db8:a:b::/64".parse().unwrap();
    let address = identifier.in_prefix(prefix).unwrap();
    assert_eq!(address, ip("2001:db8:a:b:123:4567:89ab:cdef"));
    assert_eq!(InterfaceIdentifier::of(address), identifier);
    for other in ["2001:db8::/63", "2001:db8::/65", "::/0", "::1/128"] {
        assert_eq!(identifier.in_prefix(other.parse().unwrap()), None);
    }
}

// RFC 5453 §3 MUST: reserved identifiers are not used for autoconfigured addresses.
#[test]
fn the_reserved_ranges_have_these_ends() {
    let reserved = |bits| InterfaceIdentifier::from_bits(bits).is_reserved();
    assert!(reserved(0) && !reserved(1));
    assert!(!reserved(0x0200_5eff_fdff_ffff) && reserved(0x0200_5eff_fe00_0000));
    assert!(reserved(0x0200_5eff_feff_ffff) && !reserved(0x0200_5eff_ff00_0000));
    assert!(!reserved(0xfdff_ffff_ffff_ff7f) && reserved(0xfdff_ffff_ffff_ff80));
    assert!(reserved(0xfdff_ffff_ffff_ffff) && !reserved(0xfe00_0000_0000_0000));
}

// RFC 4291 §2.7.1 MUST (solicited-node): the low-order 24 bits of the address are appended.
#[test]
fn solicited_node_groups_have_the_low_24_bits() {
    assert_eq!(
        solicited_node(ip("4037::1:800:200e:8c6c")),
        ip("ff02::1:ff0e:8c6c")
    );
    assert_eq!(solicited_node(ip("fe80::")), ip("ff02::1:ff00:0"));
}
