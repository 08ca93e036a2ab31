//! The listener inside an interface: what a switch that snoops sees of a host.

use crate::support::{Said, ip, read, secs};
use core::net::Ipv6Addr;
use icmp_nd::nd::{Interface, InterfaceConfig, Role};
use icmp_nd::wire::solicited_node;
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{Icmpv6Message, Icmpv6Type, Ipv6Packet, MacAddr};
use testkit::SeededRandom;

struct Bench {
    interface: Interface,
    now: Instant,
    packets: Vec<(MacAddr, Vec<u8>)>,
}

impl Bench {
    fn new(role: Role) -> Self {
        let mut config = InterfaceConfig::new(MacAddr([2, 0, 0, 0, 0, 1]));
        config.role = role;
        let interface = Interface::new(config, Box::new(SeededRandom::new(1))).unwrap();
        Self {
            interface,
            now: Instant::ZERO,
            packets: Vec::new(),
        }
    }

    fn drain(&mut self) {
        let mut out = PacketBuf::new();
        while let Some(link_layer) = self.interface.poll_transmit(&mut out) {
            self.packets.push((link_layer, out.as_slice().to_vec()));
            out.reset(0);
        }
    }

    fn run_for(&mut self, seconds: u64) {
        let end = self.now + secs(seconds);
        self.drain();
        while let Some(at) = self.interface.poll_timeout().filter(|&at| at <= end) {
            self.now = at;
            self.interface.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn types(&self) -> Vec<Icmpv6Type> {
        let of = |(_, packet): &(MacAddr, Vec<u8>)| {
            let ip = Ipv6Packet::parse(packet).unwrap();
            let upper = ip.upper_layer().unwrap();
            Icmpv6Message::parse(upper.payload).unwrap().message_type()
        };
        self.packets.iter().map(of).collect()
    }

    /// The groups that reports name, and their sources.
    fn reported(&self) -> Vec<(Ipv6Addr, Ipv6Addr)> {
        let mut all = Vec::new();
        for (link_layer, packet) in &self.packets {
            let ip = Ipv6Packet::parse(packet).unwrap();
            if ip.destination() == icmp_nd::wire::ALL_MLDV2_ROUTERS {
                let (source, _, said) = read(packet, *link_layer);
                let Said::V2(records) = said else {
                    panic!("{said:?}")
                };
                all.extend(records.iter().map(|it| (source, it.1)));
            }
        }
        all
    }
}

// RFC 4862 §5.4.2 MUST (join): the groups are joined before the solicitation is sent.
#[test]
fn the_solicited_node_group_is_reported_before_the_test() {
    let mut bench = Bench::new(Role::Host);
    bench.interface.start(bench.now);
    bench.run_for(1);
    let types = bench.types();
    let report = Icmpv6Type::MULTICAST_LISTENER_REPORT_V2;
    assert_eq!(types[..2], [report, Icmpv6Type::NEIGHBOR_SOLICITATION]);
    let link_local = bench.interface.addresses().iter().next().unwrap().address();
    let first = bench.reported()[0];
    assert_eq!(first, (ip("::"), solicited_node(link_local)));
    // And once more with the address, when it is there.
    bench.packets.clear();
    bench.run_for(5);
    assert!(
        bench
            .reported()
            .contains(&(link_local, solicited_node(link_local)))
    );
}

#[test]
fn groups_of_the_caller_and_of_a_router_are_reported_and_left() {
    let mut bench = Bench::new(Role::Router);
    bench.interface.start(bench.now);
    bench.run_for(5);
    let groups: Vec<Ipv6Addr> = bench.reported().iter().map(|it| it.1).collect();
    assert!(groups.contains(&ip("ff02::2")));
    bench.packets.clear();
    assert!(bench.interface.join(ip("ff0e::42")));
    assert!(bench.interface.add_proxied(ip("2001:db8::77")));
    bench.run_for(5);
    let groups: Vec<Ipv6Addr> = bench.reported().iter().map(|it| it.1).collect();
    assert!(groups.contains(&ip("ff0e::42")));
    assert!(groups.contains(&solicited_node(ip("2001:db8::77"))));
    bench.packets.clear();
    assert!(bench.interface.leave(ip("ff0e::42")));
    bench.run_for(5);
    assert_eq!(bench.reported().len(), 2);
    let groups: Vec<_> = bench.interface.listener().groups().map(|it| it.0).collect();
    assert!(!groups.contains(&ip("ff0e::42")));
    // A link that has gone down is told nothing.
    bench.packets.clear();
    bench.interface.stop(bench.now);
    bench.run_for(100);
    assert_eq!(bench.packets, []);
}
