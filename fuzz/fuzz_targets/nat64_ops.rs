//! A NAT64 between any packets from both sides.
#![no_main]

use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use nat::nat64::{Nat64, Nat64Config, Nat64Side, Nat64Verdict, Pref64};
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

fuzz_target!(|octets: &[u8]| {
    let prefix = "64:ff9b::/96".parse().expect("a prefix");
    let pref64 = Pref64::new(prefix).expect("of 96 bits");
    let mut config = Nat64Config::new(pref64, vec![[203, 0, 113, 1].into()]);
    (config.max_sessions, config.max_bindings) = (64, 48);
    config.max_stored_syns = 4;
    let mut nat = Nat64::new(config, Box::new(SeededRandom::new(1))).expect("a configuration");
    let (mut now, mut rest) = (Instant::from_secs(1), octets);
    let mut packet = PacketBuf::new();
    while let Some((&[head, high, low], tail)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high & 7, low])).min(tail.len());
        let (octets, tail) = tail.split_at(length);
        rest = tail;
        now += Duration::from_secs(u64::from(head >> 1));
        let side = if head & 1 == 0 {
            Nat64Side::V6
        } else {
            Nat64Side::V4
        };
        packet.reset(PacketBuf::DEFAULT_HEADROOM);
        packet.append_slice(octets);
        if let Nat64Verdict::Forward { to, .. } = nat.process(now, side, &mut packet) {
            let is_v4 = matches!(IpPacket::parse(packet.as_slice()), Ok(IpPacket::V4(_)));
            assert_eq!(is_v4, to == Nat64Side::V4, "it came out as it should");
        }
        if nat.poll_timeout().is_some_and(|at| at <= now) {
            nat.handle_timeout(now);
            assert!(nat.poll_timeout().is_none_or(|at| at > now));
        }
        while nat.poll_transmit(&mut packet).is_some() {}
        while nat.poll_event().is_some() {}
        assert!(nat.sessions() <= 64 && nat.bindings() <= 48);
    }
});
