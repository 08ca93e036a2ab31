use super::*;
use core::hash::{Hash as _, Hasher as _};
use std::hash::DefaultHasher;

struct ClientNode {
    client: Client,
    events: Vec<ClientEvent>,
}

impl Node for ClientNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.client.handle_input(now, frame);
        self.events.extend(self.client.poll_event());
        result.map(|_| ()).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        self.events.extend(self.client.poll_event());
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.client.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    fn fingerprint(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        self.client.state().hash(&mut hasher);
        self.client.session().hash(&mut hasher);
        self.client.max_payload().hash(&mut hasher);
        self.events.len().hash(&mut hasher);
        Some(hasher.finish())
    }
}

struct AcNode {
    ac: AccessConcentrator,
    events: Vec<ConcentratorEvent>,
}

impl Node for AcNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.ac.handle_input(now, frame);
        self.events.extend(self.ac.poll_event());
        result.map(|_| ()).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.ac.handle_timeout(now);
        while let Some(event) = self.ac.poll_event() {
            self.events.push(event);
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.ac.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.ac.poll_timeout()
    }

    fn fingerprint(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        self.ac.sessions().collect::<Vec<_>>().hash(&mut hasher);
        self.ac.half_open().hash(&mut hasher);
        self.events.len().hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// Eight clients and a concentrator on one LAN that loses, repeats, reorders and corrupts. How
/// many have got a session.
fn run(seed: u64) -> (usize, String) {
    let mut network = Network::new(seed);
    network.start_trace();
    let lan = network.add_lan("lan");
    let bad = testkit::LinkConfig {
        delay: Duration::from_millis(2),
        jitter: Duration::from_millis(2),
        loss: 0.3,
        duplicate: 0.1,
        reorder: 0.2,
        corrupt: 0.1,
        ..testkit::LinkConfig::default()
    };
    let random = network.random("ac");
    let config = ConcentratorConfig {
        // Corrupted requests may open sessions that nobody has; those end by themselves.
        max_sessions_per_peer: 8,
        ..ac_config()
    };
    let ac = AccessConcentrator::new(config, Box::new(random)).unwrap();
    let ac = network.add_node(
        "ac",
        AcNode {
            ac,
            events: Vec::new(),
        },
    );
    network.attach(lan, ac, bad.clone());
    let clients: Vec<_> = (0..8u8)
        .map(|number| {
            let name = format!("client {number}");
            let random = network.random(&name);
            let config = ClientConfig::new(MacAddr([2, 0, 0, 0, 1, number]));
            let mut client = Client::new(config, Box::new(random)).unwrap();
            client.open(Instant::ZERO);
            let node = network.add_node(
                &name,
                ClientNode {
                    client,
                    events: Vec::new(),
                },
            );
            network.attach(lan, node, bad.clone());
            node
        })
        .collect();
    let done = |network: &mut Network| {
        clients
            .iter()
            .all(|client| !network.node::<ClientNode>(*client).events.is_empty())
    };
    network
        .run_until_condition(Instant::from_secs(2_000), done)
        .expect("each client gets a session or gives up");
    let mut open = 0;
    let mut numbers = alloc::collections::BTreeSet::new();
    for client in &clients {
        let node = network.node::<ClientNode>(*client);
        match &node.events[0] {
            ClientEvent::Opened { session, .. } => {
                open += 1;
                // No two clients share one.
                assert!(numbers.insert(*session));
            }
            ClientEvent::Closed(reason) => {
                assert!(matches!(reason, ClientEnd::NoAnswer), "{reason:?}");
            }
            event => panic!("{event:?}"),
        }
    }
    // What nobody confirms is gone in the end.
    network.run_for(Duration::from_secs(31));
    let node = network.node::<AcNode>(ac);
    assert!(node.ac.is_empty(), "{:?}", node.ac);
    let opened = node
        .events
        .iter()
        .filter(|event| matches!(event, ConcentratorEvent::Opened { .. }));
    assert_eq!(opened.count() * 2, node.events.len());
    (open, network.trace().to_owned())
}

#[test]
fn clients_get_sessions_over_a_bad_lan() {
    let (mut open, mut all) = (0, 0);
    for_each_seed(0..60, |seed| {
        all += 8;
        open += run(seed).0;
    });
    assert!(open * 100 >= all * 98, "{open} of {all}");
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    testkit::assert_deterministic(5, |seed| run(seed).1);
}
