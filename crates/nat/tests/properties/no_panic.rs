//! Nothing that stands near a good packet makes the translator panic, and what it drops is as it
//! came.

use crate::support::*;
use nat::{Nat, PacketBuf, Profile, Verdict};
use packet_buffer::wire::{IpProtocol, Ipv4Packet};
use proptest::prelude::*;

fn good_packets() -> Vec<PacketBuf> {
    let query = udp(end(A, 5_000), end(SERVER, 53));
    let raw = |protocol: u8, octets: &[u8]| {
        ip(
            A,
            SERVER,
            IpProtocol(protocol),
            PacketBuf::from_slice(64, octets),
        )
    };
    let mut first = udp_with(end(A, 5_000), end(SERVER, 53), &[1; 64]);
    first.as_mut_slice()[6] = 0x20;
    fix(&mut first);
    let mut later = first.clone();
    later.as_mut_slice()[7] = 0x08;
    fix(&mut later);
    vec![
        tcp_with(end(A, 5_000), end(SERVER, 80), "PA", 1, 1, b"data"),
        tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0),
        echo(A, SERVER, 7),
        unreachable(A, &udp(end(SERVER, 53), end(A, 5_000)), 30),
        unreachable(OTHER, &udp(end(EXTERNAL, 5_000), end(SERVER, 53)), 8),
        raw(
            132,
            &[
                19, 136, 15, 28, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 20, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1,
                0, 1, 0, 0, 0, 9,
            ],
        ),
        raw(
            33,
            &[
                19, 136, 15, 28, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9,
            ],
        ),
        raw(
            47,
            &[0x30, 1, 0x88, 0x0b, 0, 4, 0, 7, 0, 0, 0, 1, 1, 2, 3, 4],
        ),
        raw(50, &[0, 0, 1, 1, 0, 0, 0, 1, 9, 9, 9, 9]),
        raw(51, &[6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        first,
        later,
        query,
    ]
}

/// Makes the header checksum right again.
fn fix(packet: &mut PacketBuf) {
    let octets = packet.as_mut_slice();
    if octets.len() < 20 {
        return;
    }
    let length = (usize::from(octets[0] & 0x0f) * 4).clamp(20, octets.len());
    octets[10..12].fill(0);
    let checksum = packet_buffer::checksum::internet_checksum(&octets[..length]);
    octets[10..12].copy_from_slice(&checksum.to_be_bytes());
}

fn feed(nats: &mut [Nat], octets: &[u8]) {
    for nat in nats {
        for side in [Inside, Outside] {
            for fixed in [false, true] {
                let mut packet = PacketBuf::from_slice(64, octets);
                if fixed {
                    fix(&mut packet);
                }
                let before = packet.clone();
                let verdict = nat.process(at(1), side, &mut packet);
                match verdict {
                    Verdict::Drop(_) | Verdict::Local | Verdict::Held => {
                        assert_eq!(packet.as_slice(), before.as_slice());
                    }
                    Verdict::Forward { .. } => {
                        let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
                        ip.verify_checksum().unwrap();
                    }
                }
                transmits(nat);
            }
        }
    }
}

fn nats() -> Vec<Nat> {
    [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway]
        .into_iter()
        .map(|profile| {
            let mut nat = simple(profile);
            // Something to hit.
            map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
            pass(
                &mut nat,
                at(0),
                Inside,
                tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0),
            );
            pass(&mut nat, at(0), Inside, echo(A, SERVER, 7));
            nat
        })
        .collect()
}

#[test]
fn every_cut_and_every_changed_octet() {
    let mut nats = nats();
    let mut variants = 0;
    for packet in good_packets() {
        variants += testkit::sweep(packet.as_slice(), |octets| feed(&mut nats, octets));
    }
    assert!(variants > 2_500, "{variants}");
    for nat in &mut nats {
        run_until(nat, at(1_000_000));
        assert_eq!(nat.session_count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_octets(
        octets in proptest::collection::vec(any::<u8>(), 0..80),
        protocol in prop_oneof![Just(1u8), Just(6), Just(17), Just(47), Just(50), Just(132), any::<u8>()],
    ) {
        let mut nats = nats();
        feed(&mut nats, &octets);
        let packet = ip(A, SERVER, IpProtocol(protocol), PacketBuf::from_slice(64, &octets));
        feed(&mut nats, packet.as_slice());
    }
}
