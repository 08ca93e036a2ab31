//! Fragments made to get past filters (RFC 1858, RFC 3128), and congestion marks on fragments
//! (RFC 3168).

#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "reassembly_support/mod.rs"]
mod support;

use packet_buffer::fragment::{
    AbandonReason, FirstFragmentPolicy, Fragment, FragmentDiscard, ReassemblerConfig, Reassembly,
};
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Repr, Ipv6Packet, Ipv6Repr};
use support::*;

fn tcp(offset: u16, more: bool, length: usize) -> Vec<u8> {
    let header = Ipv4Repr {
        protocol: IpProtocol::TCP,
        ..header4()
    };
    fragment4_of(header, offset, more, &pattern(length))
}

fn check(policy: FirstFragmentPolicy, packet: &[u8]) -> Result<(), FragmentDiscard> {
    let fragment = Fragment::parse(0, &IpPacket::parse(packet).unwrap())
        .unwrap()
        .unwrap();
    policy.check(&fragment)
}

mod rfc_1858_section_3_2 {
    use super::*;

    // RFC 1858 §3.2.1 SHOULD: a first fragment that is too short for the TCP header is dropped.
    #[test]
    fn a_tiny_first_fragment_is_refused() {
        let strict = FirstFragmentPolicy::STRICT;
        assert_eq!(
            check(strict, &tcp(0, true, 8)),
            Err(FragmentDiscard::TinyFirst { length: 8 })
        );
        assert_eq!(
            check(strict, &tcp(0, true, 16)),
            Err(FragmentDiscard::TinyFirst { length: 16 })
        );
        assert_eq!(check(strict, &tcp(0, true, 24)), Ok(()));
        // Enough to see the flags, as the RFC has it.
        let sixteen = FirstFragmentPolicy {
            min_tcp_octets: 16,
            ..strict
        };
        assert_eq!(
            check(sixteen, &tcp(0, true, 8)),
            Err(FragmentDiscard::TinyFirst { length: 8 })
        );
        assert_eq!(check(sixteen, &tcp(0, true, 16)), Ok(()));
        assert_eq!(check(FirstFragmentPolicy::OFF, &tcp(0, true, 8)), Ok(()));
        // Other protocols have their ports in the first eight octets, and later fragments none.
        assert_eq!(check(strict, &fragment4(0, true, &[0; 8])), Ok(()));
        assert_eq!(check(strict, &tcp(16, true, 8)), Ok(()));
    }

    #[test]
    fn the_reassembler_obeys_its_policy() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.refuse(&tcp(0, true, 8)),
            FragmentDiscard::TinyFirst { length: 8 }
        );
        assert_eq!(
            bench.refuse(&tcp(8, false, 32)),
            FragmentDiscard::WithinTcpHeader
        );
        let stats = bench.reassembler.stats();
        assert_eq!((stats.tiny_first, stats.within_tcp_header), (1, 1));
        let first_fragment = FirstFragmentPolicy::OFF;
        let mut bench = Bench::with(ReassemblerConfig {
            first_fragment,
            ..Default::default()
        });
        bench.assemble(&[tcp(0, true, 8), tcp(8, false, 32)]);
    }
}

mod rfc_3128_section_4 {
    use super::*;

    // RFC 3128 §4 SHOULD: a fragment of TCP at offset 8 is dropped.
    #[test]
    fn a_fragment_within_the_tcp_header_is_refused() {
        let strict = FirstFragmentPolicy::STRICT;
        assert_eq!(
            check(strict, &tcp(8, true, 8)),
            Err(FragmentDiscard::WithinTcpHeader)
        );
        assert_eq!(
            check(strict, &tcp(8, false, 100)),
            Err(FragmentDiscard::WithinTcpHeader)
        );
        assert_eq!(check(strict, &tcp(16, false, 100)), Ok(()));
        assert_eq!(check(strict, &fragment4(8, false, &[0; 8])), Ok(()));
        let lenient = FirstFragmentPolicy {
            refuse_within_tcp_header: false,
            ..strict
        };
        assert_eq!(check(lenient, &tcp(8, true, 8)), Ok(()));
    }

    // The attack of RFC 3128 §3: a first fragment that a filter lets pass, a tiny second one at
    // offset zero that writes over its ports, and the rest.
    #[test]
    fn the_variant_with_two_first_fragments_fails() {
        let header = Ipv4Repr {
            protocol: IpProtocol::TCP,
            ..header4()
        };
        let mut bench = Bench::new();
        bench.hold(&tcp(0, true, 32));
        let overwrite = fragment4_of(header, 0, true, &[0xff; 8]);
        assert_eq!(
            bench.refuse(&overwrite),
            FragmentDiscard::TinyFirst { length: 8 }
        );
        assert_eq!(bench.insert(&tcp(32, false, 8)), Ok(Reassembly::Complete));
        let whole = read4(bench.out.as_slice()).unwrap();
        assert_eq!(whole.payload()[..32], pattern(32));
    }
}

mod rfc_3168_section_5_3 {
    use super::*;

    const NOT_ECT: u8 = 0;
    const ECT_1: u8 = 1;
    const ECT_0: u8 = 2;
    const CE: u8 = 3;

    /// What becomes of two fragments with these code points over IPv4, and it is the same over IPv6.
    fn reassemble(first: u8, last: u8) -> Result<u8, AbandonReason> {
        let of = |ecn| Ipv4Repr { ecn, ..header4() };
        let fragments = [
            fragment4_of(of(first), 0, true, &[1; 8]),
            fragment4_of(of(last), 8, false, &[2; 8]),
        ];
        let mut bench = Bench::new();
        bench.hold(&fragments[1]);
        let v4 = match bench.insert(&fragments[0]).unwrap() {
            Reassembly::Complete => Ok(read4(bench.out.as_slice()).unwrap().ecn()),
            Reassembly::Abandoned(reason) => {
                assert_eq!(bench.reassembler.stats().ecn_conflict, 1);
                assert_eq!(bench.reassembler.datagrams(), 0);
                Err(reason)
            }
            other => panic!("{other:?}"),
        };
        let of = |ecn| Ipv6Repr {
            ecn,
            dscp: 46,
            ..Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT)
        };
        let udp = IpProtocol::UDP;
        bench.hold(&fragment6_of(of(first), &[], udp, 1, 0, true, &[1; 8]));
        let v6 = match bench
            .insert(&fragment6_of(of(last), &[], udp, 1, 8, false, &[2; 8]))
            .unwrap()
        {
            Reassembly::Complete => {
                let whole = Ipv6Packet::parse(bench.out.as_slice()).unwrap();
                assert_eq!((whole.dscp(), whole.flow_label()), (46, 0));
                Ok(whole.ecn())
            }
            Reassembly::Abandoned(reason) => Err(reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(v4, v6);
        v4
    }

    // RFC 3168 §5.3 MUST (ce): a mark on any fragment is on the packet, or the packet is dropped.
    #[test]
    fn a_congestion_mark_is_not_lost() {
        for ect in [ECT_0, ECT_1] {
            assert_eq!(reassemble(CE, ect), Ok(CE));
            assert_eq!(reassemble(ect, CE), Ok(CE));
        }
    }

    // RFC 3168 §5.3 MUST NOT (not-ect): the packet is not marked where a fragment was not
    // ECN-capable.
    #[test]
    fn a_mark_beside_a_fragment_that_is_not_capable_drops_the_packet() {
        assert_eq!(reassemble(CE, NOT_ECT), Err(AbandonReason::EcnConflict));
        assert_eq!(reassemble(NOT_ECT, CE), Err(AbandonReason::EcnConflict));
    }

    // RFC 3168 §5.3 MUST NOT (same): a code point that all fragments carry is not changed.
    #[test]
    fn equal_code_points_stay() {
        for ecn in [NOT_ECT, ECT_0, ECT_1, CE] {
            assert_eq!(reassemble(ecn, ecn), Ok(ecn));
        }
        // The RFC leaves this one open; the first fragment's is taken.
        assert_eq!(reassemble(ECT_0, NOT_ECT), Ok(ECT_0));
    }
}
