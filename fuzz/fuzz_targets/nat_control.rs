//! The servers of PCP and NAT-PMP in front of a translator, asked anything.
#![no_main]

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use nat::pcp::wire::{Request, Response};
use nat::pcp::{PcpConfig, PcpServer};
use nat::{Action, Matching, Nat, Pool, Profile, Rule};
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

fuzz_target!(|octets: &[u8]| {
    // What is read is written again, and reads the same.
    if let Ok(request) = Request::parse(octets) {
        let mut out = PacketBuf::new();
        if request.write(&mut out).is_ok() {
            assert_eq!(Request::parse(out.as_slice()), Ok(request));
        }
    }
    let _ = Response::parse(octets);

    let mut config = Profile::Rfc.config(64);
    config.pools = vec![Pool::of(Ipv4Addr::new(203, 0, 113, 1))];
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(Profile::Rfc.napt(0)),
    }];
    let mut nat = Nat::new(config, Box::new(SeededRandom::new(1))).expect("a configuration");
    let mut now = Instant::from_secs(1);
    let mut server = PcpServer::new(PcpConfig::default(), now);
    let mut rest = octets;
    let mut out = PacketBuf::new();
    while let Some((&[head, wait, length], tail)) = rest.split_first_chunk::<3>() {
        let (request, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        now += Duration::from_secs(u64::from(wait) * 16);
        let source = SocketAddr::new(Ipv4Addr::new(10, 0, 0, head % 4).into(), 5_350);
        let _ = server.handle_input(now, source, request, &mut nat);
        while server.poll_transmit(&mut out).is_some() {
            assert!(out.len() <= 1_100, "an answer of {} octets", out.len());
        }
        if server.poll_timeout().is_some_and(|at| at <= now) {
            server.handle_timeout(now, &mut nat);
            assert!(server.poll_timeout().is_none_or(|at| at > now));
        }
        while server.poll_event().is_some() {}
        assert!(server.mappings().count() <= 1_024);
    }
});
