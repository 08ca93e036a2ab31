//! RFC 7217: stable, semantically opaque interface identifiers.

use crate::support::{Bench, advertised, ip, secs};
use core::net::Ipv6Addr;
use core::time::Duration;
use hex::ToHex as _;
use icmp_nd::address::{
    AddressConfig, AddressEvent, AddressState, IdentifierScheme, InterfaceIdentifier, StableInput,
    StableKey, is_link_local,
};
use packet_buffer::wire::Ipv6Prefix;

fn key(octet: u8) -> StableKey {
    StableKey::new([octet; 32])
}

fn input(prefix: &str) -> StableInput<'static> {
    StableInput {
        prefix: prefix.parse().unwrap(),
        interface: b"eth0",
        network_id: b"",
        dad_counter: 0,
    }
}

fn stable(key_octet: u8, input: &StableInput<'_>) -> u64 {
    InterfaceIdentifier::stable(&key(key_octet), input)
        .identifier
        .to_bits()
}

fn config() -> AddressConfig {
    let mut config = crate::support::config();
    config.identifiers = IdentifierScheme::Stable {
        key: key(7),
        interface: b"eth0".to_vec(),
        network_id: b"office".to_vec(),
    };
    config
}

fn link_local(bench: &Bench) -> Option<Ipv6Addr> {
    let entry = bench.table.iter().find(|it| is_link_local(it.address()))?;
    Some(entry.address())
}

mod section_5 {
    use super::*;

    // RFC 7217 §5 MUST (prf): F is a pseudorandom function of prefix, interface, network, counter and key.
    #[test]
    fn it_depends_on_each_parameter_and_nothing_else() {
        let base = input("2001:db8::/64");
        assert_eq!(stable(1, &base), stable(1, &base));
        let mut all = vec![
            stable(1, &base),
            stable(2, &base),
            stable(1, &input("2001:db8:0:1::/64")),
        ];
        for (interface, network_id, dad_counter) in [
            (&b"eth1"[..], &b""[..], 0),
            (b"eth0", b"home", 0),
            (b"eth0", b"", 1),
            // Moving the boundary between two parts makes another input.
            (b"eth", b"0", 0),
            (b"eth0h", b"ome", 0),
        ] {
            all.push(stable(
                1,
                &StableInput {
                    interface,
                    network_id,
                    dad_counter,
                    ..base
                },
            ));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    /// The octets that the documentation names, hashed by an HMAC that is written out here.
    #[test]
    fn the_function_is_hmac_sha_256_of_the_documented_octets() {
        use sha2_of_the_test::hmac;
        let mut octets = Ipv6Addr::from_bits(0x2001_0db8 << 96).octets().to_vec();
        octets.push(64);
        octets.extend(4u64.to_be_bytes());
        octets.extend(b"eth0");
        octets.extend(0u64.to_be_bytes());
        octets.push(0);
        let digest = hmac(&[7; 32], &octets);
        let expected = u64::from_be_bytes(digest[24..].try_into().unwrap());
        assert_eq!(stable(7, &input("2001:db8::/64")), expected);
    }

    /// HMAC from SHA-256 by hand (RFC 2104 §2), checked with a vector of RFC 4231.
    mod sha2_of_the_test {
        pub(super) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
            let mut block = [0; 64];
            block[..key.len()].copy_from_slice(key);
            let pad = |octet: u8| block.map(|it| it ^ octet).to_vec();
            let inner = sha256(&[pad(0x36), text.to_vec()].concat());
            sha256(&[pad(0x5c), inner.to_vec()].concat())
        }

        fn sha256(text: &[u8]) -> [u8; 32] {
            let primes: Vec<u64> = (2u64..)
                .filter(|n| (2..*n).all(|d| !n.is_multiple_of(d)))
                .take(64)
                .collect();
            // The first 32 bits of the fractional part of a root.
            let fraction = |root: f64| ((root - root.floor()) * 4_294_967_296.0) as u32;
            let k: Vec<u32> = primes
                .iter()
                .map(|&p| fraction((p as f64).cbrt()))
                .collect();
            let mut h: Vec<u32> = primes[..8]
                .iter()
                .map(|&p| fraction((p as f64).sqrt()))
                .collect();
            let mut padded = text.to_vec();
            padded.push(0x80);
            while padded.len() % 64 != 56 {
                padded.push(0);
            }
            padded.extend((text.len() as u64 * 8).to_be_bytes());
            for chunk in padded.chunks(64) {
                let mut w: Vec<u32> = chunk
                    .chunks(4)
                    .map(|it| u32::from_be_bytes(it.try_into().unwrap()))
                    .collect();
                for i in 16..64 {
                    let s0 =
                        w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
                    let s1 =
                        w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
                    w.push(
                        w[i - 16]
                            .wrapping_add(s0)
                            .wrapping_add(w[i - 7])
                            .wrapping_add(s1),
                    );
                }
                let mut v: Vec<u32> = h.clone();
                for i in 0..64 {
                    let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
                    let ch = (v[4] & v[5]) ^ (!v[4] & v[6]);
                    let t1 = v[7]
                        .wrapping_add(s1)
                        .wrapping_add(ch)
                        .wrapping_add(k[i])
                        .wrapping_add(w[i]);
                    let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
                    let maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
                    let t2 = s0.wrapping_add(maj);
                    v.rotate_right(1);
                    v[4] = v[4].wrapping_add(t1);
                    v[0] = t1.wrapping_add(t2);
                }
                for (h, v) in h.iter_mut().zip(v) {
                    *h = h.wrapping_add(v);
                }
            }
            let octets: Vec<u8> = h.iter().flat_map(|it| it.to_be_bytes()).collect();
            octets.try_into().unwrap()
        }

        #[test]
        fn rfc_4231_test_case_2() {
            let digest = hmac(b"Jefe", b"what do ya want for nothing?");
            let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
            assert_eq!(hex::encode(digest), expected);
        }
    }

    // RFC 7217 §5 MUST (key): the key has at least 128 bits; this one has 256.
    #[test]
    fn the_key_is_random_and_never_shown() {
        let mut random = testkit::SeededRandom::new(3);
        let (a, b) = (
            StableKey::generate(&mut random),
            StableKey::generate(&mut random),
        );
        let of = |key: &StableKey| InterfaceIdentifier::stable(key, &input("2001:db8::/64"));
        assert_ne!(of(&a), of(&b));
        assert_eq!(format!("{a:?}"), "StableKey(..)");
        let shown = format!("{:?}", config());
        let octets: String = [7u8; 4].encode_hex();
        assert!(
            !shown.contains(&octets) && !shown.contains("7, 7"),
            "{shown}"
        );
    }

    // RFC 7217 §5 MUST (reserved): a reserved identifier is passed over with the next counter.
    #[test]
    fn no_reserved_identifier_comes_out() {
        let key = key(9);
        for network in 0..2_000u128 {
            let address = Ipv6Addr::from_bits(0x2001_0db8 << 96 | network << 64);
            let input = StableInput {
                prefix: Ipv6Prefix::new(address, 64).unwrap(),
                ..input("2001:db8::/64")
            };
            let made = InterfaceIdentifier::stable(&key, &input);
            assert!(!made.identifier.is_reserved());
            assert_eq!(made.dad_counter, 0);
        }
    }

    // RFC 7217 §5 SHOULD (stable): the same prefix gives the same address each time.
    #[test]
    fn the_same_address_in_the_same_network_and_others_elsewhere() {
        let addresses = |seed| {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
            bench.advertise("2001:db8:2::", 7200, 3600).unwrap();
            bench.run_for(secs(5));
            let all: Vec<Ipv6Addr> = bench.table.iter().map(|it| it.address()).collect();
            all
        };
        let first = addresses(1);
        assert_eq!(first, addresses(99));
        let low: Vec<_> = first
            .iter()
            .map(|&it| InterfaceIdentifier::of(it))
            .collect();
        assert!(
            low[0] != low[1] && low[1] != low[2] && low[0] != low[2],
            "{low:?}"
        );
    }
}

mod section_6 {
    use super::*;

    // RFC 7217 §6 MUST (counter): the next attempt has the next DAD_Counter.
    // RFC 7217 §6 SHOULD (delay): a random delay of up to IDGEN_DELAY goes before the next attempt.
    #[test]
    fn a_duplicate_is_followed_by_the_next_counter() {
        let mut bench = Bench::up(config());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        let of = |dad_counter| {
            let input = StableInput {
                network_id: b"office",
                dad_counter,
                ..input("2001:db8:1::/64")
            };
            let made = InterfaceIdentifier::stable(&key(7), &input);
            made.identifier.in_prefix(input.prefix).unwrap()
        };
        assert!(bench.table.get(of(0)).is_some());
        let start = bench.now;
        bench.table.handle_advertisement(bench.now, of(0));
        bench.sent.clear();
        bench.run_for(secs(1));
        let (at, probe) = bench.sent[0];
        assert_eq!(probe.target, of(1));
        assert!(at - start <= secs(1) && at - start > Duration::ZERO);
        bench.run_for(secs(1));
        let entry = bench.table.get(of(1)).unwrap();
        assert_eq!(entry.state(), AddressState::Preferred);
        assert!(entry.valid_until().is_some());
        let event = AddressEvent::Duplicate {
            address: of(0),
            retry: Some(of(1)),
        };
        assert!(bench.events.contains(&event));
        // The counter stays for this prefix.
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        assert!(bench.table.get(of(0)).is_none());
    }

    // RFC 7217 §6 MUST (retries): after IDGEN_RETRIES the configuration has failed.
    #[test]
    fn three_retries_and_no_more() {
        let mut bench = Bench::up(config());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        let mut tried = Vec::new();
        let prefix: Ipv6Prefix = "2001:db8:1::/64".parse().unwrap();
        while let Some(entry) = bench.table.iter().find(|it| prefix.contains(it.address())) {
            tried.push(entry.address());
            assert!(tried.len() < 10);
            bench
                .table
                .handle_advertisement(bench.now, tried[tried.len() - 1]);
            bench.run_for(Duration::from_millis(500));
        }
        assert_eq!(tried.len(), 4, "the first and three retries");
        assert!(!bench.table.is_disabled());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        bench.run_for(secs(5));
        assert_eq!(bench.table.iter().count(), 1);
        let stats = bench.table.stats();
        assert_eq!((stats.duplicates, stats.retries), (4, 3));
        // Another prefix has a count of its own.
        let other = advertised("2001:db8:2::", 7200, 3600);
        bench.table.handle_prefix(bench.now, &other).unwrap();
        bench.run_for(secs(2));
        assert_eq!(bench.table.iter().count(), 2);
    }

    #[test]
    fn the_link_local_address_is_tried_again_before_ipv6_is_turned_off() {
        let mut bench = Bench::new(config());
        bench.table.start(bench.now);
        let mut tried = Vec::new();
        while let Some(address) = link_local(&bench) {
            tried.push(address);
            bench.table.handle_advertisement(bench.now, address);
            bench.run_for(Duration::from_millis(500));
        }
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), 4);
        assert!(bench.table.is_disabled());
        // After a restart the first one is tried again.
        bench.table.start(bench.now);
        bench.run_for(secs(3));
        assert_eq!(bench.table.usable_link_local(), link_local(&bench));
        assert!(link_local(&bench).is_some());
        assert_ne!(link_local(&bench), Some(ip("fe80::5eff:fe10:1")));
    }
}
