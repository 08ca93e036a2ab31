use super::*;

/// One end: lines, and the bundle that their links join.
struct Side {
    bundle: Bundle,
    /// Links that have not joined, by port.
    pending: Vec<Option<Link>>,
    /// Members of the bundle, by port.
    members: Vec<Option<usize>>,
    received: Vec<Vec<u8>>,
    reasons: Vec<CloseReason>,
}

impl Side {
    fn new(host: u8, ports: usize, random: &mut SeededRandom) -> Self {
        let config = bundle_config(host);
        let seed = |random: &mut SeededRandom| SeededRandom::new(random.next_u64());
        let bundle = Bundle::new(config, Box::new(seed(random))).unwrap();
        let pending = (0..ports)
            .map(|_| {
                let mut config = link_config(host);
                config.lcp.require_auth = vec![AuthMethod::ChapMd5];
                config.lcp.allow_auth = vec![AuthMethod::ChapMd5];
                let name = format!("host {host}").into_bytes();
                config.authenticator.name.clone_from(&name);
                config.supplicant.name = name;
                let mut link = Link::new(config, Box::new(seed(random))).unwrap();
                link.open(Instant::ZERO);
                link.lower_up(Instant::ZERO);
                Some(link)
            })
            .collect();
        Self {
            bundle,
            pending,
            members: vec![None; ports],
            received: Vec::new(),
            reasons: Vec::new(),
        }
    }

    fn port(&self, member: usize) -> Port {
        self.members
            .iter()
            .position(|it| *it == Some(member))
            .unwrap()
    }

    fn advance(&mut self, now: Instant) {
        let secret = Secret::from("kiwi");
        for port in 0..self.pending.len() {
            let Some(link) = &mut self.pending[port] else {
                continue;
            };
            while let Some(event) = link.poll_event() {
                match event {
                    LinkEvent::SecretWanted { role, .. } => {
                        link.provide_secret(now, role, Some(&secret));
                    }
                    LinkEvent::Closed(reason) => self.reasons.push(reason),
                    _ => {}
                }
            }
            if link.is_held() {
                let link = self.pending[port].take().unwrap();
                let joined = self
                    .bundle
                    .join(now, link, 1)
                    .map_err(|(refusal, _)| refusal);
                self.members[port] = Some(joined.expect("the peer is the same"));
            }
        }
        while let Some(event) = self.bundle.poll_event() {
            if let BundleEvent::Link { member, event } = event {
                match event {
                    LinkEvent::SecretWanted { role, .. } => {
                        self.bundle.with_link(now, member, |link| {
                            link.provide_secret(now, role, Some(&secret));
                        });
                    }
                    LinkEvent::Closed(reason) => self.reasons.push(reason),
                    _ => {}
                }
            }
        }
        let mut data = PacketBuf::new();
        while self.bundle.poll_packet(&mut data).is_some() {
            self.received.push(data.as_slice().to_vec());
        }
    }

    fn send(&mut self, now: Instant, packet: &[u8]) {
        let _ = self.bundle.send(now, IP, packet);
    }
}

impl Node for Side {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let (packet, fcs) = frame
            .split_last_chunk::<2>()
            .ok_or_else(|| Discarded::new("runt"))?;
        if ppp_lcp_ncp::framing::fcs16(packet).to_le_bytes() != *fcs {
            return Err(Discarded::new("FCS"));
        }
        let result = match (&mut self.pending[port], self.members[port]) {
            (Some(link), _) => {
                let mut data = PacketBuf::new();
                let result = link.handle_input(now, packet, &mut data);
                result.map(|_| ()).map_err(Discarded::new)
            }
            (None, Some(member)) => {
                let result = self.bundle.handle_input(now, member, packet);
                result.map_err(Discarded::new)
            }
            (None, None) => Err(Discarded::new("no link")),
        };
        self.advance(now);
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        for link in self.pending.iter_mut().flatten() {
            link.handle_timeout(now);
        }
        self.bundle.handle_timeout(now);
        self.advance(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let mut pending = self.pending.iter_mut().enumerate();
        let own = pending.find_map(|(port, link)| {
            let link = link.as_mut()?;
            link.poll_transmit(out).map(|_| port)
        });
        let port = match own {
            Some(port) => port,
            None => {
                let (member, _) = self.bundle.poll_transmit(out)?;
                self.port(member)
            }
        };
        let fcs = ppp_lcp_ncp::framing::fcs16(out.as_slice());
        out.append_slice(&fcs.to_le_bytes());
        Some(port)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.iter().flatten();
        let pending = pending.filter_map(Link::poll_timeout);
        pending.chain(self.bundle.poll_timeout()).min()
    }
}

fn packet(number: u32) -> Vec<u8> {
    let length = 4 + usize::try_from(number * 131 % 1_400).unwrap();
    let mut packet = vec![u8::try_from(number % 251).unwrap(); length];
    packet[..4].copy_from_slice(&number.to_be_bytes());
    packet
}

/// How many of 200 packets came through, and a trace of it.
fn run(seed: u64, loss: f64) -> (bool, usize, String) {
    let mut network = Network::new(seed);
    network.start_trace();
    let ports = 2 + usize::try_from(seed % 3).unwrap();
    let (mut first, mut second) = (network.random("a"), network.random("b"));
    let a = network.add_node("a", Side::new(1, ports, &mut first));
    let b = network.add_node("b", Side::new(2, ports, &mut second));
    for port in 0..ports {
        let delay = 5 + 15 * u64::try_from(port).unwrap();
        let config = testkit::LinkConfig {
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(5),
            loss,
            duplicate: loss / 3.0,
            corrupt: loss / 3.0,
            ..testkit::LinkConfig::default()
        };
        network.add_link(&format!("line {port}"), (a, port), (b, port), config);
    }
    let up = |network: &mut Network| {
        let (a, b) = (network.node::<Side>(a), network.node::<Side>(b));
        a.bundle.is_open(IP) && b.bundle.is_open(IP)
    };
    if network
        .run_until_condition(Instant::from_secs(300), up)
        .is_err()
    {
        // With all that loss, authentication or negotiation may have given up; it says so.
        let ends = [network.node::<Side>(a), network.node::<Side>(b)];
        assert!(
            ends.iter().any(|end| !end.reasons.is_empty()),
            "{:?}",
            ends.map(|end| &end.bundle)
        );
        return (false, 0, String::new());
    }
    for number in 0..200 {
        let now = network.now();
        network.node_mut::<Side>(a).send(now, &packet(number));
        network.run_for(Duration::from_millis(20));
    }
    network.run_for(Duration::from_secs(3));
    let side = network.node::<Side>(b);
    // What comes is whole and in order, and never twice.
    let mut last = None;
    for received in &side.received {
        let number = u32::from_be_bytes(*received.first_chunk().unwrap());
        assert_eq!(*received, packet(number));
        assert!(last < Some(number), "{last:?} {number}");
        last = Some(number);
    }
    let waits_until = side
        .bundle
        .reassembler()
        .and_then(Reassembler::poll_timeout);
    let is_soon = |at: Instant| at > network.now() && at <= network.now() + SECOND;
    assert!(waits_until.is_none_or(is_soon), "nothing waits for ever");
    (true, side.received.len(), network.trace().to_owned())
}

#[test]
fn packets_keep_their_order_over_links_of_different_delay() {
    for_each_seed(0..12, |seed| {
        let (is_up, received, _) = run(seed, 0.0);
        assert!(is_up && received == 200, "{received}");
    });
}

#[test]
fn losses_are_found_and_cost_no_more_than_their_packets() {
    let (mut up, mut all, mut received) = (0, 0, 0);
    for_each_seed(0..40, |seed| {
        let (is_up, came, _) = run(seed, 0.1);
        up += usize::from(is_up);
        all += 1;
        received += came;
    });
    assert!(up * 10 >= all * 9, "{up} of {all}");
    // A packet of up to four fragments, each lost or broken with 13 in a hundred.
    assert!(received >= up * 200 / 2, "{received} of {}", up * 200);
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    testkit::assert_deterministic(4, |seed| run(seed, 0.1).2);
}
