//! The groups of a router, as a switch that snoops hears of them.

use crate::router::support::{HOST_MAC, ip, two_links};
use core::net::Ipv6Addr;
use icmp_nd::router::{Router, RouterDiscard};
use icmp_nd::validation;
use icmp_nd::wire::{ALL_MLDV2_ROUTERS, MldMessage, MldQueryV2Repr, MldRepr, solicited_node};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{EtherType, EthernetFrame, EthernetRepr, Ipv6Packet, MacAddr};
use std::collections::BTreeSet;
use testkit::SeededRandom;

struct Bench {
    router: Router,
    now: Instant,
    /// Port, source and group of each record that was sent.
    reported: Vec<(usize, Ipv6Addr, Ipv6Addr)>,
}

impl Bench {
    fn new() -> Self {
        let random = Box::new(SeededRandom::new(1));
        let mut router = Router::new(two_links(), random).unwrap();
        router.start(Instant::ZERO);
        Self {
            router,
            now: Instant::ZERO,
            reported: Vec::new(),
        }
    }

    fn run_for(&mut self, seconds: u64) {
        let end = self.now + core::time::Duration::from_secs(seconds);
        self.drain();
        while let Some(at) = self.router.poll_timeout().filter(|&at| at <= end) {
            self.now = at;
            self.router.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let mut out = PacketBuf::new();
        while let Some(port) = self.router.poll_transmit(&mut out) {
            let frame = EthernetFrame::parse(out.as_slice()).unwrap();
            let packet = Ipv6Packet::parse(frame.payload()).unwrap();
            let upper = packet.upper_layer().unwrap();
            // The receiver's checks: hop limit, source, router alert, checksum.
            let Ok(valid) = validation::mld(&packet, &upper) else {
                continue;
            };
            assert_eq!(packet.destination(), ALL_MLDV2_ROUTERS);
            let MldMessage::ReportV2(report) = valid.message() else {
                panic!("{:?}", valid.message());
            };
            for record in report.records() {
                let reported = (port, packet.source(), record.group);
                self.reported.push(reported);
            }
        }
    }

    /// The groups that the router has to listen to on a port.
    fn groups(&self, port: usize) -> BTreeSet<Ipv6Addr> {
        let addresses = self.router.interface(port).unwrap().addresses().iter();
        addresses
            .map(|it| solicited_node(it.address()))
            .chain([ip("ff02::2")])
            .collect()
    }

    fn reported_on(&self, port: usize, source: Ipv6Addr) -> BTreeSet<Ipv6Addr> {
        let reported = self.reported.iter();
        let those = reported.filter(|it| it.0 == port && it.1 == source);
        those.map(|it| it.2).collect()
    }

    fn query(&mut self, port: usize, hop_limit: u8) -> Result<(), RouterDiscard> {
        let query = MldQueryV2Repr::general(1_000, 2, 125);
        let mut frame = PacketBuf::with_headroom(64);
        let repr = MldRepr::QueryV2(query);
        repr.emit_packet(&mut frame, ip("fe80::99"), ip("ff02::1"))
            .unwrap();
        // The hop limit is not part of the checksum.
        let mut packet = frame.as_slice().to_vec();
        packet[7] = hop_limit;
        let mut frame = PacketBuf::from_slice(64, &packet);
        let station = MacAddr::for_ipv6_multicast(ip("ff02::1"));
        let header = EthernetRepr::new(station, HOST_MAC, EtherType::IPV6);
        header.emit(&mut frame).unwrap();
        self.router.handle_input(self.now, port, frame.as_slice())
    }
}

// RFC 4291 §2.8 MUST (router-groups): a router recognizes all-routers and the solicited-node groups of its
// addresses.
#[test]
fn a_router_reports_the_groups_that_it_joins() {
    let mut bench = Bench::new();
    bench.run_for(20);
    for port in 0..2 {
        let link_local = bench.router.interface(port).unwrap();
        let link_local = link_local.addresses().usable_link_local().unwrap();
        let groups = bench.groups(port);
        assert_eq!(groups.len(), 3);
        assert_eq!(bench.reported_on(port, link_local), groups, "port {port}");
    }
}

// RFC 3810 §6.3 MUST (answer): a query is answered with the state of the interface, by a router too.
#[test]
fn a_router_answers_queries() {
    let mut bench = Bench::new();
    bench.run_for(20);
    bench.reported.clear();
    assert_eq!(bench.query(1, 1), Ok(()));
    bench.run_for(3);
    let source = bench.router.interface(1).unwrap();
    let source = source.addresses().usable_link_local().unwrap();
    assert_eq!(bench.reported_on(1, source), bench.groups(1));
    assert!(bench.reported.iter().all(|it| it.0 == 1));
    // One that may come from beyond the link is refused.
    bench.reported.clear();
    let refused = bench.query(1, 2);
    assert!(matches!(refused, Err(RouterDiscard::Nd(_))), "{refused:?}");
    bench.run_for(3);
    assert_eq!(bench.reported, []);
}
