//! A firewall under packets of any octets and of flows that exist, reloads and time: nothing is let in that no rule and
//! no session lets in, and the tables keep their bounds.
#![no_main]

use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{CompiledPolicy, Firewall, FirewallConfig, Path, language};
use testkit::SeededRandom;

const POLICY: &str = "
zone inside level 100
zone dmz level 50
zone outside level 0
interface lan0 zone inside
interface dmz0 zone dmz
interface wan0 zone outside bogons
rules from outside to dmz {
    web: accept tcp port { 80, 443 } sessions-per-source 8 log
    reject tcp port 113
}
rules from inside to outside {
    accept tcp port 21 helper ftp
}
";
const OTHER: &str = "
zone inside level 100
zone dmz level 50
zone outside level 0
interface lan0 zone inside
interface dmz0 zone dmz
interface wan0 zone outside
rules from outside to dmz {
    web: accept tcp port 80 syn-proxy
}
";

fn policy(text: &str) -> CompiledPolicy {
    language::compile(text).expect("the policy is good")
}

fuzz_target!(|octets: &[u8]| {
    let config = FirewallConfig::new(64);
    let random = Box::new(SeededRandom::new(1));
    let mut firewall = Firewall::new(config, policy(POLICY), random).expect("a configuration");
    let (mut now, mut rest) = (Instant::from_secs(1), octets);
    let mut packet = PacketBuf::new();
    while let Some((&[head, high, low], tail)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high & 7, low])).min(tail.len());
        let (octets, tail) = tail.split_at(length);
        rest = tail;
        now += Duration::from_millis(u64::from(head >> 4) * 700);
        let names = ["lan0", "dmz0", "wan0"];
        let interface = |n: u8| {
            firewall
                .interface(names[usize::from(n) % 3])
                .expect("it is there")
        };
        let path = Path::new(interface(head & 3), interface(head >> 2 & 3));
        packet.reset(PacketBuf::DEFAULT_HEADROOM);
        packet.append_slice(octets);
        let _ = firewall.process(now, &path, &mut packet);
        if high & 0x80 != 0 {
            let text = if high & 0x40 == 0 { POLICY } else { OTHER };
            let compiled = language::compile_after(firewall.policy(), text).expect("good");
            let _ = firewall.reload(now, compiled);
        }
        if firewall.poll_timeout().is_some_and(|at| at <= now) {
            firewall.handle_timeout(now);
            assert!(firewall.poll_timeout().is_none_or(|at| at > now));
        }
        while firewall.poll_transmit(&mut packet).is_some() {}
        while firewall.poll_event().is_some() {}
        let (ipv4, ipv6) = firewall.sessions();
        assert!(ipv4 + ipv6 <= 96);
    }
});
