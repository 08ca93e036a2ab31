//! Learning and announcing.

use crate::{Random, prefixes};
use core::time::Duration;
use internetwork_benches::Group;
use packet_buffer::{Instant, PacketBuf};
use rip::Ipv4;
use rip::config::{Config, InterfaceAddress, InterfaceConfig};
use rip::engine::{Engine, InterfaceId, Received};
use rip::wire::{Command, RipEntryRepr, RipMessageRepr};

struct Router {
    engine: Engine<Ipv4>,
    now: Instant,
    out: PacketBuf,
}

/// A table, in the order of prefixes, as routers send it, or in none.
fn messages(count: usize, sorted: bool) -> Vec<Vec<u8>> {
    let mut prefixes = prefixes(count);
    if sorted {
        prefixes.sort_unstable();
    }
    prefixes
        .chunks(25)
        .map(|chunk| {
            let mut packet = PacketBuf::with_headroom(64);
            for prefix in chunk {
                packet.append_slice(&RipEntryRepr::route(*prefix, 2).octets());
            }
            let header = RipMessageRepr::new(Command::RESPONSE, 2);
            header.emit(&mut packet).unwrap();
            packet.as_slice().to_vec()
        })
        .collect()
}

impl Router {
    fn new() -> Self {
        let config = Config {
            max_routes_per_neighbor: 1 << 20,
            max_prefixes: 1 << 20,
            ..Config::default()
        };
        let mut engine = Engine::new(config, Box::new(Random(1))).unwrap();
        let now = Instant::from_secs(1);
        for number in [1, 2] {
            let mut link = InterfaceConfig::new(vec![InterfaceAddress {
                address: [10, 0, number, 1].into(),
                prefix_length: 24,
            }]);
            // As fast as it goes: what is measured is the processor, and not the pause.
            link.pacing.packets_per_second = 1_000_000;
            link.pacing.burst = 65_535;
            let id = InterfaceId(number.into());
            engine.add_interface(now, id, link).unwrap();
        }
        let mut router = Self {
            engine,
            now,
            out: PacketBuf::with_capacity(64, 1_500),
        };
        router.run(Duration::from_secs(10));
        router
    }

    fn hear(&mut self, messages: &[Vec<u8>]) {
        for payload in messages {
            let received = Received {
                interface: InterfaceId(1),
                source: [10, 0, 1, 2].into(),
                source_port: 520,
                destination: [224, 0, 0, 9].into(),
                hop_limit: Some(1),
                payload,
            };
            self.engine.handle_input(self.now, &received).unwrap();
        }
    }

    /// Sends all; octets.
    fn send(&mut self) -> usize {
        let mut octets = 0;
        loop {
            self.out.reset(64);
            if self.engine.poll_transmit(&mut self.out).is_none() {
                return octets;
            }
            octets += self.out.len();
        }
    }

    fn run(&mut self, time: Duration) -> usize {
        let until = self.now + time;
        let mut octets = self.send();
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= until) {
            self.now = next;
            self.engine.handle_timeout(next);
            octets += self.send();
        }
        self.now = until;
        octets
    }
}

pub(crate) fn groups() -> Vec<Group<'static>> {
    let mut groups = Vec::new();
    let orders = [("sorted", true), ("in no order", false)];
    let counts = [1_000, 10_000, 100_000];
    for (count, (order, sorted)) in counts.into_iter().flat_map(|n| orders.map(|o| (n, o))) {
        let table = messages(count, sorted);
        let again = table.clone();
        groups.push(
            Group::new(format!("rip/learn/{count} {order}"), count as u32)
                .item("ours", move || {
                    let mut router = Router::new();
                    router.hear(&table);
                    let octets = router.send();
                    assert!(octets >= count * 20, "{octets}");
                    octets
                })
                .at_most_nanoseconds(1_000.0),
        );
        let mut router = Router::new();
        router.hear(&again);
        router.run(Duration::from_secs(40));
        groups.push(
            Group::new(format!("rip/refresh/{count} {order}"), count as u32)
                .item("ours", move || {
                    router.hear(&again);
                    // An update of each interface, the longest interval later.
                    let octets = router.run(Duration::from_secs(30));
                    router.now += Duration::from_micros(1);
                    octets
                })
                .at_most_nanoseconds(1_000.0),
        );
    }
    groups
}
