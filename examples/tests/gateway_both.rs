//! Translator and firewall one behind the other: whatever comes, they let the same through as one state would, and
//! know the same of every connection.

#![allow(clippy::indexing_slicing, reason = "tests")]

extern crate alloc;

use alloc::collections::BTreeMap;
use anyhow::{Context as _, Result, ensure};
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::{FlowState, Key, TcpState};
use internetwork::gateway::{Gateway, Outcome};
use internetwork::packet_oracle::{CaseConfig, OUTSIDE, PacketOracle, Segment, Sequence};
use nat::{Profile, Side};
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, TcpFlags, TcpRepr, icmpv4_code,
};
use packet_buffer::{PacketBuf, RandomSource};
use stateful_firewall::SyncMessage;
use testkit::SeededRandom;

/// Segments of a sequence.
const LENGTH: u64 = 60;

fn sequences() -> u64 {
    let asked = std::env::var("INTERNETWORK_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(150)
}

/// What both know of the live TCP connections, by the key that the inside sees.
type Known = BTreeMap<String, FlowState>;

fn of_nat(gateway: &Gateway) -> Known {
    let sessions = gateway.nat().into_iter().flat_map(nat::Nat::sessions);
    sessions
        .map(|session| {
            let key = match session.initiator {
                Side::Inside => session.original,
                Side::Outside => session.reply.reversed(),
            };
            (format!("{:?}", Key::V4(key)), session.state)
        })
        .collect()
}

fn of_firewall(gateway: &Gateway) -> Known {
    let firewall = gateway.firewall().into_iter();
    firewall
        .flat_map(stateful_firewall::Firewall::snapshot)
        .filter_map(|message| match message {
            SyncMessage::Set(session) => Some((format!("{:?}", session.key), session.state)),
            _ => None,
        })
        .collect()
}

/// What the two do not agree on.
fn ensure_one_mind(gateway: &Gateway) -> Result<()> {
    let (nat, firewall) = (of_nat(gateway), of_firewall(gateway));
    ensure!(nat == firewall, "nat {nat:?}\n firewall {firewall:?}");
    Ok(())
}

/// Two ends that open, talk, close, come again, reset, and are lied to.
struct Ends<'a> {
    random: &'a mut dyn RandomSource,
    port: u16,
    /// The next numbers of the inside and the outside end.
    next: [u32; 2],
}

impl Ends<'_> {
    fn segment(&mut self, is_inside: bool, flags: TcpFlags, is_off: bool) -> Segment {
        let side = usize::from(!is_inside);
        let has_ack = flags.contains(TcpFlags::ACK);
        let off = if is_off {
            self.random.below(200_000)
        } else {
            0
        };
        let seq = self.next[side].wrapping_add(off);
        let ack = if has_ack { self.next[1 - side] } else { 0 };
        if !is_off && (flags.contains(TcpFlags::SYN) || flags.contains(TcpFlags::FIN)) {
            self.next[side] = self.next[side].wrapping_add(1);
        }
        let (from, to) = if is_inside {
            (self.port, 80)
        } else {
            (80, self.port)
        };
        Segment {
            is_inside,
            header: TcpRepr {
                source_port: from,
                destination_port: to,
                sequence_number: seq,
                acknowledgment_number: ack,
                flags,
                window: 5_000,
                urgent_pointer: 0,
                options: HeaderOptions::NONE,
            },
            length: 0,
        }
    }

    /// Segments of one life of the connection, and what disturbs it.
    fn life(&mut self) -> Vec<Segment> {
        const SYN: TcpFlags = TcpFlags::SYN;
        const ACK: TcpFlags = TcpFlags::ACK;
        const FIN: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);
        const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
        const RST: TcpFlags = TcpFlags::RST;
        let opener = self.random.below(5) != 0;
        let mut plan = vec![(opener, SYN), (!opener, SYN_ACK), (opener, ACK)];
        match self.random.below(4) {
            0 => plan.extend([(self.random.below(2) == 0, RST)]),
            1 => plan.extend([(true, FIN), (false, FIN)]),
            _ => plan.extend([(true, FIN), (false, ACK), (false, FIN), (true, ACK)]),
        }
        // A new life may begin from either side, now or later.
        let mut all = Vec::new();
        for (is_inside, flags) in plan {
            if self.random.below(6) == 0 {
                let other = [SYN, SYN_ACK, ACK, FIN, RST][self.random.below(5) as usize];
                let side = self.random.below(2) == 0;
                let is_off = self.random.below(3) != 0;
                all.push(self.segment(side, other, is_off));
            }
            all.push(self.segment(is_inside, flags, false));
        }
        all
    }
}

/// An error that a router outside sends about a packet that has just gone out.
fn error_about(packet: &[u8]) -> Result<Vec<u8>> {
    let quoted = Ipv4Packet::parse(packet)?;
    let router = Ipv4Addr::new(198, 51, 100, 254);
    let mut message = PacketBuf::from(packet);
    let error = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::HOST,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    error.emit(&mut message)?;
    Ipv4Repr::new(router, quoted.source(), IpProtocol::ICMP).emit(&mut message)?;
    Ok(message.as_slice().to_vec())
}

/// The translator alone, whose state is that of the kernel, and the translator with a firewall.
struct Pair {
    alone: PacketOracle,
    both: PacketOracle,
    history: Vec<String>,
}

impl Pair {
    fn new(settings: &[(&str, u8)]) -> Result<Self> {
        let mut config = CaseConfig {
            profile: "napt".to_owned(),
            ..CaseConfig::default()
        };
        for (name, value) in settings {
            let name = format!("nf_conntrack_{name}");
            config.sysctl.insert(name, (*value).into());
        }
        let (mut alone, mut both) = (PacketOracle::new(), PacketOracle::with_both());
        alone.reset(&config)?;
        both.reset(&config)?;
        Ok(Self {
            alone,
            both,
            history: Vec::new(),
        })
    }

    fn pass(
        &mut self,
        at: Duration,
        is_inside: bool,
        octets: &[u8],
        what: String,
    ) -> Result<Vec<(bool, Vec<u8>)>> {
        let alone = self.alone.packet(at, is_inside, octets);
        let both = self.both.packet(at, is_inside, octets);
        let outcomes = (self.alone.last(), self.both.last());
        self.history.push(format!("{what} {outcomes:?}"));
        ensure!(alone == both, "they differ:\n{}", self.history.join("\n"));
        let gateway = self.both.gateway().context("a gateway")?;
        ensure_one_mind(gateway).with_context(|| self.history.join("\n"))?;
        Ok(both)
    }

    fn segment(&mut self, at: Duration, segment: &Segment) -> Result<Vec<(bool, Vec<u8>)>> {
        let octets = segment.packet(OUTSIDE);
        self.pass(at, segment.is_inside, &octets, segment.describe())
    }
}

/// The settings under which the kernel's policy is tried.
const SETTINGS: [&[(&str, u8)]; 3] = [&[], &[("tcp_be_liberal", 1)], &[("tcp_loose", 0)]];

#[test]
fn random_segments_are_let_through_as_by_one_state() -> Result<()> {
    let mut packets = 0;
    for (seed, settings) in (0..sequences()).zip(SETTINGS.iter().cycle()) {
        let mut random = SeededRandom::new(seed);
        let mut pair = Pair::new(settings)?;
        let mut sequence = Sequence::new(&mut random, 40_000);
        for number in 0..LENGTH {
            let segment = sequence.next_segment();
            let at = Duration::from_millis(number);
            pair.segment(at, &segment)
                .with_context(|| format!("seed {seed}"))?;
            packets += 1;
        }
    }
    println!("{packets} packets: no difference");
    Ok(())
}

#[test]
fn connections_come_again_and_errors_come_in() -> Result<()> {
    let (mut packets, mut errors) = (0, 0);
    for (seed, settings) in (0..sequences()).zip(SETTINGS.iter().cycle()) {
        let mut random = SeededRandom::new(seed);
        let mut lots = SeededRandom::new(seed + 1_000_000);
        let mut pair = Pair::new(settings)?;
        let mut ends = Ends {
            random: &mut random,
            port: 40_000,
            next: [1_000, 900_000],
        };
        let mut at = Duration::ZERO;
        for _ in 0..6 {
            for segment in ends.life() {
                // Sometimes long enough for TIME_WAIT or a closed connection to end.
                at += [0, 0, 1, 5, 11, 130].map(Duration::from_secs)[lots.below(6) as usize];
                let name = || format!("seed {seed}");
                let out = pair.segment(at, &segment).with_context(name)?;
                packets += 1;
                let sent = out.iter().find(|(to_inside, _)| !to_inside);
                if let Some((_, octets)) = sent.filter(|_| lots.below(8) == 0) {
                    let error = error_about(octets)?;
                    pair.pass(at, false, &error, "error".to_owned())
                        .with_context(name)?;
                    errors += 1;
                }
            }
        }
    }
    println!("{packets} packets and {errors} errors: no difference");
    ensure!(errors > 100, "only {errors} errors");
    Ok(())
}

/// With what the RFCs ask for: a mapping is open to all (RFC 4787 §5), so the firewall refuses what the translator
/// lets in, and neither state moves by what does not get through.
#[test]
fn what_the_firewall_refuses_does_not_move_the_translator() -> Result<()> {
    let mut refused = 0;
    for seed in 0..sequences() {
        let mut random = SeededRandom::new(seed);
        let mut gateway = PacketOracle::with_both();
        let config = CaseConfig {
            profile: "rfc".to_owned(),
            ..CaseConfig::default()
        };
        ensure!(gateway.reset(&config)?.is_none(), "no such profile");
        let mut ends = Ends {
            random: &mut random,
            port: 40_000,
            next: [1_000, 900_000],
        };
        let mut history = Vec::new();
        let mut outside_port = 40_000;
        for _ in 0..6 {
            for mut segment in ends.life() {
                if !segment.is_inside {
                    segment.header.destination_port = outside_port;
                }
                let octets = segment.packet(OUTSIDE);
                let out = gateway.packet(Duration::ZERO, segment.is_inside, &octets);
                if let Some((false, octets)) = out.first() {
                    let payload = Ipv4Packet::parse(octets)?.payload().to_vec();
                    outside_port = u16::from_be_bytes([payload[0], payload[1]]);
                }
                let last = gateway.last();
                refused += usize::from(matches!(
                    last,
                    Some(Outcome::Dropped(internetwork::gateway::Cause::Firewall(_)))
                ));
                history.push(format!("{} {last:?}", segment.describe()));
                let both = gateway.gateway().context("a gateway")?;
                ensure_one_mind(both)
                    .with_context(|| format!("seed {seed}:\n{}", history.join("\n")))?;
            }
        }
    }
    ensure!(refused > 100, "only {refused} refused");
    Ok(())
}

/// The case that led here: a SYN from outside ends a connection in TIME-WAIT, for both or for neither.
#[test]
fn a_syn_from_outside_in_time_wait() -> Result<()> {
    for profile in [Profile::LinuxCompat, Profile::Rfc] {
        let mut gateway = PacketOracle::with_both();
        let config = CaseConfig {
            profile: if profile == Profile::Rfc {
                "rfc"
            } else {
                "napt"
            }
            .to_owned(),
            ..CaseConfig::default()
        };
        ensure!(gateway.reset(&config)?.is_none(), "no such profile");
        let mut random = SeededRandom::new(1);
        let mut ends = Ends {
            random: &mut random,
            port: 40_000,
            next: [1_000, 900_000],
        };
        let fin = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);
        let syn_ack = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
        let plan = [
            (true, TcpFlags::SYN),
            (false, syn_ack),
            (true, TcpFlags::ACK),
            (true, fin),
            (false, fin),
            (true, TcpFlags::ACK),
        ];
        let mut outside_port = 40_000;
        let mut go = |segment: &mut Segment| -> Result<()> {
            if !segment.is_inside {
                segment.header.destination_port = outside_port;
            }
            let octets = segment.packet(OUTSIDE);
            let out = gateway.packet(Duration::ZERO, segment.is_inside, &octets);
            if let Some((false, octets)) = out.first() {
                let payload = Ipv4Packet::parse(octets)?.payload().to_vec();
                outside_port = u16::from_be_bytes([payload[0], payload[1]]);
            }
            Ok(())
        };
        for (is_inside, flags) in plan {
            go(&mut ends.segment(is_inside, flags, false))?;
        }
        let mut syn = ends.segment(false, TcpFlags::SYN, true);
        go(&mut syn)?;
        let both = gateway.gateway().context("a gateway")?;
        ensure_one_mind(both)?;
        let waits = of_nat(both)
            .values()
            .any(|state| matches!(state, FlowState::Tcp(tcp) if tcp.state() == TcpState::TimeWait));
        ensure!(!waits, "it has not ended");
    }
    Ok(())
}
