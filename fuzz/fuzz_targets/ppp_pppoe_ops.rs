//! A concentrator and a client under any frames, losses, commands and times: what they keep stays
//! within its bounds, and the contract holds.
#![no_main]

use arbitrary::Arbitrary;
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::wire::{EtherType, MacAddr};
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::pppoe::{AccessConcentrator, Client, ClientConfig, ConcentratorConfig};
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

const AC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const MAX_SESSIONS: usize = 6;
const MAX_OF_PEER: usize = 3;
const MAX_HALF_OPEN: usize = 4;

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// All that they have to say passes, but for those with a bit.
    Pass(u32),
    /// Any octets arrive.
    Octets(bool, &'a [u8]),
    /// A frame with a good header.
    Frame {
        to_client: bool,
        from: u8,
        to_all: bool,
        code: u8,
        session: u16,
        tags: Vec<(u8, &'a [u8])>,
    },
    /// A frame that has passed comes again, from another host, with an octet changed.
    Again(u8, u8, u16, u8),
    Wait(u16),
    Open,
    Close,
    CloseSession(u16),
    Confirm(u16),
    Data(bool, u16, &'a [u8]),
}

struct Server(AccessConcentrator);
struct Host(Client);

impl Node for Server {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.0.handle_input(now, frame);
        result.map(|_| ()).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.0.handle_input(now, frame);
        result.map(|_| ()).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

fuzz_target!(|input: (u8, Vec<Op<'_>>)| {
    let (choice, ops) = input;
    let bit = |bit: u8| choice >> bit & 1 == 1;
    let config = ConcentratorConfig {
        services: if bit(0) {
            vec![b"svc".to_vec()]
        } else {
            vec![]
        },
        max_payload: if bit(1) { 1500 } else { 1492 },
        max_sessions: MAX_SESSIONS,
        max_sessions_per_peer: MAX_OF_PEER,
        max_half_open: MAX_HALF_OPEN,
        max_replies: 4,
        half_open_timeout: bit(2).then_some(Duration::from_secs(5)),
        terminate_unknown: bit(3),
        ..ConcentratorConfig::new(AC, b"ac")
    };
    let client = ClientConfig {
        service_name: if bit(4) { b"svc".to_vec() } else { vec![] },
        ac_name: bit(5).then(|| b"ac".to_vec()),
        max_payload: bit(6).then_some(1500),
        ..ClientConfig::new(HOST)
    };
    let server = AccessConcentrator::new(config, Box::new(SeededRandom::new(1)));
    let host = Client::new(client, Box::new(SeededRandom::new(2)));
    let (Ok(server), Ok(host)) = (server, host) else {
        return;
    };
    let mut server = ContractChecker::new("server", Server(server), SeededRandom::new(3));
    let mut host = ContractChecker::new("host", Host(host), SeededRandom::new(4));
    let mut now = Instant::from_secs(1);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for op in &ops {
        match op {
            Op::Pass(lost) => pass(&mut server, &mut host, now, *lost, &mut seen),
            Op::Octets(true, octets) => drop(host.handle_input(now, 0, octets)),
            Op::Octets(false, octets) => drop(server.handle_input(now, 0, octets)),
            Op::Frame {
                to_client,
                from,
                to_all,
                code,
                session,
                tags,
            } => {
                let other = MacAddr([2, 0, 0, 0, 1, *from]);
                let (to, from) = if *to_client {
                    (HOST, other)
                } else {
                    (AC, other)
                };
                let to = if *to_all { MacAddr([0xff; 6]) } else { to };
                let frame = frame(to, from, *code, *session, tags);
                if *to_client {
                    let _ = host.handle_input(now, 0, &frame);
                } else {
                    let _ = server.handle_input(now, 0, &frame);
                }
            }
            Op::Again(which, from, place, mask) => {
                let count = seen.len().max(1);
                let Some(frame) = seen.get(usize::from(*which) % count) else {
                    continue;
                };
                let mut frame = frame.clone();
                if *from & 1 == 1 {
                    frame[11] = *from;
                }
                let place = usize::from(*place) % frame.len();
                frame[place] ^= *mask;
                let _ = server.handle_input(now, 0, &frame);
                let _ = host.handle_input(now, 0, &frame);
            }
            Op::Wait(tenths) => {
                let until = now + Duration::from_millis(u64::from(*tenths) * 100);
                for _ in 0..50 {
                    let timers = [server.poll_timeout(), host.poll_timeout()];
                    let next = timers.into_iter().flatten().min();
                    let Some(next) = next.filter(|next| *next <= until) else {
                        break;
                    };
                    now = now.max(next);
                    server.handle_timeout(now);
                    host.handle_timeout(now);
                    pass(&mut server, &mut host, now, 0, &mut seen);
                }
                now = until;
            }
            Op::Open => host.node_mut().0.open(now),
            Op::Close => host.node_mut().0.close(now),
            Op::CloseSession(session) => {
                server.node_mut().0.close(now, *session);
            }
            Op::Confirm(session) => {
                server.node_mut().0.confirm(*session);
            }
            Op::Data(true, _, payload) => {
                let mut packet = PacketBuf::from(*payload);
                let _ = host.node_mut().0.encapsulate(&mut packet);
            }
            Op::Data(false, session, payload) => {
                let mut packet = PacketBuf::from(*payload);
                let _ = server.node_mut().0.encapsulate(*session, &mut packet);
            }
        }
        let concentrator = &mut server.node_mut().0;
        assert!(concentrator.len() <= MAX_SESSIONS);
        assert!(concentrator.half_open() <= MAX_HALF_OPEN);
        let peers: Vec<_> = concentrator
            .sessions()
            .filter_map(|session| concentrator.peer(session))
            .collect();
        assert_eq!(peers.len(), concentrator.len());
        for peer in &peers {
            assert!(peers.iter().filter(|other| *other == peer).count() <= MAX_OF_PEER);
        }
        while concentrator.poll_event().is_some() {}
        while host.node_mut().0.poll_event().is_some() {}
    }
});

fn pass(
    server: &mut ContractChecker<Server>,
    host: &mut ContractChecker<Host>,
    now: Instant,
    lost: u32,
    seen: &mut Vec<Vec<u8>>,
) {
    let mut number = 0;
    for _ in 0..10 {
        let mut frames = Vec::new();
        host.settle(now, |_, frame| frames.push((true, frame.to_vec())));
        server.settle(now, |_, frame| frames.push((false, frame.to_vec())));
        if frames.is_empty() {
            return;
        }
        for (from_host, frame) in frames {
            number += 1;
            if lost >> (number % 32) & 1 == 0 {
                if from_host {
                    let _ = server.handle_input(now, 0, &frame);
                } else {
                    let _ = host.handle_input(now, 0, &frame);
                }
            }
            if seen.len() < 16 {
                seen.push(frame);
            }
        }
    }
}

fn frame(to: MacAddr, from: MacAddr, code: u8, session: u16, tags: &[(u8, &[u8])]) -> Vec<u8> {
    const CODES: [u8; 6] = [0x00, 0x07, 0x09, 0x19, 0x65, 0xa7];
    const KINDS: [u16; 11] = [
        0x0101, 0x0102, 0x0103, 0x0104, 0x0105, 0x0110, 0x0120, 0x0201, 0x0202, 0x0203, 0x0000,
    ];
    let mut payload = Vec::new();
    for (kind, value) in tags.iter().take(12) {
        let value = value.get(..value.len().min(200)).unwrap_or_default();
        payload.extend(KINDS[usize::from(*kind) % KINDS.len()].to_be_bytes());
        payload.extend((value.len() as u16).to_be_bytes());
        payload.extend(value);
    }
    let code = CODES.get(usize::from(code) % 7).copied().unwrap_or(code);
    let ethertype = if code == 0 {
        EtherType::PPPOE_SESSION
    } else {
        EtherType::PPPOE_DISCOVERY
    };
    let mut frame = [
        &to.0[..],
        &from.0,
        &ethertype.0.to_be_bytes(),
        &[0x11, code],
    ]
    .concat();
    frame.extend(session.to_be_bytes());
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend(payload);
    frame
}
