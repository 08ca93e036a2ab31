//! Redirects: RFC 4861 §8.2.

use super::support::*;
use icmp_nd::generation::RateLimitConfig;
use icmp_nd::router::{RedirectContext, RedirectSilence, Redirector, redirect_decision};
use icmp_nd::wire::{NdMessage, NdOption};
use packet_buffer::wire::{IpProtocol, Ipv6Packet, Ipv6Repr, MacAddr};
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

const NEIGHBOR: MacAddr = MacAddr([2, 0, 0, 0, 9, 9]);

fn context() -> RedirectContext {
    RedirectContext {
        same_link: true,
        source_is_neighbor: true,
        next_hop: ip("fe80::2"),
        next_hop_link: Some(NEIGHBOR),
        router: ip("fe80::1"),
    }
}

// RFC 4861 §8.2 SHOULD (send): all conditions, one by one.
// RFC 4861 §8.2 MUST (target): a router by its link-local address, or the destination itself.
// RFC 4861 §6.2.8 MUST (know): another router is known by its link-local address, or not named.
#[test]
fn the_decision() {
    let destination = ip("2001:db8:9::9");
    let better = redirect_decision(destination, &context()).unwrap();
    assert_eq!(
        (better.target, better.target_link),
        (ip("fe80::2"), Some(NEIGHBOR))
    );
    let decide = |change: fn(&mut RedirectContext)| {
        let mut context = context();
        change(&mut context);
        redirect_decision(ip("2001:db8:9::9"), &context)
    };
    use RedirectSilence as S;
    assert_eq!(decide(|it| it.same_link = false), Err(S::OtherLink));
    assert_eq!(
        decide(|it| it.source_is_neighbor = false),
        Err(S::SourceNotNeighbor)
    );
    assert_eq!(
        decide(|it| it.next_hop = ip("2001:db8:1::2")),
        Err(S::NotLinkLocal)
    );
    let on_link = decide(|it| it.next_hop = ip("2001:db8:9::9")).unwrap();
    assert_eq!(on_link.target, destination);
    assert_eq!(
        redirect_decision(ip("ff0e::1"), &context()),
        Err(S::Multicast)
    );
}

fn packet(length: usize) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    packet.append(length - 40).fill(0x5a);
    let header = Ipv6Repr::new(ip("2001:db8:1::5"), ip("2001:db8:9::9"), IpProtocol::UDP);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

// RFC 4861 §8.2 MUST (quote): what fits 1280 octets.
#[test]
fn what_a_redirect_says() {
    for (length, known) in [
        (48, true),
        (48, false),
        (1100, true),
        (9000, true),
        (9000, false),
    ] {
        let random = Box::new(SeededRandom::new(1));
        let mut redirector = Redirector::new(RateLimitConfig::default(), random);
        let mut context = context();
        if !known {
            context.next_hop_link = None;
        }
        let mut out = PacketBuf::new();
        let offending = packet(length);
        redirector
            .redirect(Instant::ZERO, &offending, &context, &mut out)
            .unwrap();
        assert!(
            out.len() <= 1280 && (length < 1280 || out.len() > 1264),
            "{}",
            out.len()
        );
        let ip_header = Ipv6Packet::parse(out.as_slice()).unwrap();
        assert_eq!(ip_header.source(), ip("fe80::1"));
        assert_eq!(ip_header.destination(), ip("2001:db8:1::5"));
        assert_eq!(ip_header.hop_limit(), 255);
        validated(out.as_slice(), |valid| {
            let NdMessage::Redirect(redirect) = valid.message() else {
                panic!("not a redirect");
            };
            assert_eq!(redirect.target(), ip("fe80::2"));
            assert_eq!(redirect.destination(), ip("2001:db8:9::9"));
            let target = redirect.options().target_mac();
            assert_eq!(target, known.then_some(NEIGHBOR));
            let quoted = redirect.options().iter().find_map(|it| match it {
                NdOption::RedirectedHeader(packet) => Some(packet.to_vec()),
                _ => None,
            });
            let quoted = quoted.unwrap();
            let common = quoted.len().min(offending.len());
            assert_eq!(quoted[..common], offending[..common]);
        });
    }
}

// RFC 4861 §8.2 MUST (rate): the rate is limited for each host, and in all.
#[test]
fn the_rate() {
    let random = Box::new(SeededRandom::new(1));
    let mut redirector = Redirector::new(RateLimitConfig::default(), random);
    let mut out = PacketBuf::new();
    let mut sent = 0;
    for millis in 0..10_000 {
        let now = Instant::from_millis(millis);
        let result = redirector.redirect(now, &packet(100), &context(), &mut out);
        match result {
            Ok(_) => sent += 1,
            Err(silence) => assert_eq!(silence, RedirectSilence::Limited),
        }
    }
    assert!((14..=17).contains(&sent), "{sent} in ten seconds");
    assert_eq!(redirector.stats().sent, sent);
    assert_eq!(redirector.stats().limited, 10_000 - sent);
    let result = redirector.redirect(Instant::ZERO, &[0x60; 39], &context(), &mut out);
    assert!(matches!(result, Err(RedirectSilence::Unreadable(_))));
    assert_eq!(redirector.stats().invalid, 1);
}
