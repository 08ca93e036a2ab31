//! The reassembler and the fragmenters under any sequence of fragments and times.

use core::time::Duration;
use packet_buffer::fragment::{
    FirstFragmentPolicy, Fragment, Ipv4Fragmenter, Ipv6Fragmenter, Reassembler, ReassemblerConfig,
    Reassembly, ReassemblyEvent, WhenFull,
};
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr};
use packet_buffer::{Instant, PacketBuf};

/// Operations that are read from one input: more take longer and show nothing new.
const MAX_OPERATIONS: usize = 150;
/// Fragments that wait to be handed in.
const MAX_POOL: usize = 48;

/// The octets that say what to do; zeroes when they run out.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn number(&mut self) -> usize {
        usize::from(self.next()) << 8 | usize::from(self.next())
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Reads a configuration and then operations from `octets`.
pub(crate) fn fragment_ops(octets: &[u8]) {
    let mut script = Script(octets);
    let mut world = World::new(&mut script);
    for _ in 0..MAX_OPERATIONS {
        if script.0.is_empty() {
            break;
        }
        match script.next() % 8 {
            0 | 1 => world.fragment(&mut script),
            2 | 3 => world.insert(&mut script, false),
            4 => world.insert(&mut script, true),
            5 => {
                let length = usize::from(script.next());
                let raw = script.take(length).to_vec();
                world.insert_octets(&raw, 0);
            }
            6 => world.pass_time(&mut script),
            _ => there_and_back(&mut script),
        }
        world.check();
    }
    world.end();
}

struct World {
    reassembler: Reassembler,
    now: Instant,
    pool: Vec<Vec<u8>>,
    out: PacketBuf,
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let switches = script.next();
        let least = ReassemblerConfig::MIN_OCTETS;
        let config = ReassemblerConfig {
            timeout: Duration::from_millis(u64::from(script.next()) * 40 + 1),
            max_octets: least + script.number(),
            max_octets_per_source: least + script.number(),
            max_datagrams: usize::from(script.next() % 16) + 1,
            max_datagrams_per_source: usize::from(script.next() % 8) + 1,
            max_fragments: usize::from(script.next() % 32) + 2,
            max_events: usize::from(script.next() % 8),
            when_full: if switches & 1 == 0 {
                WhenFull::EvictOldest
            } else {
                WhenFull::Refuse
            },
            first_fragment: if switches & 2 == 0 {
                FirstFragmentPolicy::STRICT
            } else {
                FirstFragmentPolicy::OFF
            },
        };
        Self {
            reassembler: Reassembler::new(config).expect("all fields are within their bounds"),
            now: Instant::ZERO,
            pool: Vec::new(),
            out: PacketBuf::with_headroom(64),
        }
    }

    /// Splits a packet and puts its fragments into the pool.
    fn fragment(&mut self, script: &mut Script<'_>) {
        let packet = packet(script);
        for fragment in split(&packet, script) {
            if self.pool.len() < MAX_POOL {
                self.pool.push(fragment);
            }
        }
    }

    /// Hands in a fragment of the pool, with an octet changed when it `is_changed`.
    fn insert(&mut self, script: &mut Script<'_>, is_changed: bool) {
        let which = usize::from(script.next());
        if self.pool.is_empty() {
            return;
        }
        let which = which % self.pool.len();
        let mut octets = self.pool[which].clone();
        if is_changed {
            // Mostly in the header.
            let at = usize::from(script.next()) % octets.len().min(64);
            octets[at] ^= script.next();
        } else if !script.next().is_multiple_of(4) {
            self.pool.swap_remove(which);
        }
        self.insert_octets(&octets, u32::from(script.next() % 8 == 7));
    }

    fn insert_octets(&mut self, octets: &[u8], zone: u32) {
        let Ok(packet) = IpPacket::parse(octets) else {
            return;
        };
        let before = self.out.as_slice().to_vec();
        let (held, datagrams) = (self.reassembler.octets(), self.reassembler.datagrams());
        let parsed = Fragment::parse(zone, &packet);
        let result = self
            .reassembler
            .insert(self.now, zone, &packet, &mut self.out);
        match result {
            Ok(Reassembly::Complete | Reassembly::Atomic) => {
                let whole = self.out.as_slice();
                assert!(matches!(parsed, Ok(Some(_))));
                let view = IpPacket::parse(whole).expect("what was put together is a packet");
                assert_eq!(view.as_slice(), whole);
            }
            Ok(other) => {
                assert_eq!(self.out.as_slice(), before);
                let is_fragment = !matches!(parsed, Ok(None));
                assert_eq!(is_fragment, other != Reassembly::NotAFragment);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert_eq!(self.out.as_slice(), before);
                let now = (self.reassembler.octets(), self.reassembler.datagrams());
                assert_eq!(now, (held, datagrams), "a discard changes nothing");
            }
        }
    }

    fn pass_time(&mut self, script: &mut Script<'_>) {
        let step = Duration::from_millis(script.number() as u64);
        // Late, early, and at times backwards.
        let now = if script.next().is_multiple_of(8) {
            self.now - step
        } else {
            self.now += step;
            self.now
        };
        self.reassembler.handle_timeout(now);
        if let Some(deadline) = self.reassembler.poll_timeout() {
            assert!(deadline > self.now, "progress");
        }
        if script.next().is_multiple_of(2) {
            self.drain_events();
        }
    }

    fn drain_events(&mut self) {
        let mut count = 0;
        while let Some(event) = self.reassembler.poll_event() {
            count += 1;
            assert!(!format!("{event:?}").is_empty());
            if let ReassemblyEvent::TimedOut {
                first_fragment: Some(octets),
                ..
            } = event
            {
                assert!(octets.len() <= 1280);
            }
        }
        assert!(count <= self.reassembler.config().max_events);
    }

    /// The limits hold.
    fn check(&self) {
        let (reassembler, config) = (&self.reassembler, self.reassembler.config());
        assert!(reassembler.octets() <= config.max_octets);
        assert!(reassembler.datagrams() <= config.max_datagrams);
        assert_eq!(
            reassembler.poll_timeout().is_some(),
            reassembler.datagrams() > 0
        );
        assert_eq!(reassembler.octets() > 0, reassembler.datagrams() > 0);
        if let Some(deadline) = reassembler.poll_timeout() {
            assert!(deadline <= self.now + config.timeout);
        }
    }

    /// When all time is over, nothing is held.
    fn end(&mut self) {
        self.now += self.reassembler.config().timeout;
        self.reassembler.handle_timeout(self.now);
        assert_eq!(self.reassembler.poll_timeout(), None);
        assert_eq!(self.reassembler.octets(), 0);
        self.drain_events();
        assert_eq!(self.reassembler.poll_event(), None);
    }
}

/// A packet that can be split: few addresses and identifications, so that keys clash.
fn packet(script: &mut Script<'_>) -> Vec<u8> {
    let choice = script.next();
    let length = script.number() % 4_000;
    let mut packet = PacketBuf::with_headroom(64);
    for (i, octet) in packet.append(length).iter_mut().enumerate() {
        *octet = (i as u8).wrapping_mul(7) ^ choice;
    }
    let protocol = if choice & 1 == 0 {
        IpProtocol::UDP
    } else {
        IpProtocol(253)
    };
    if choice & 2 == 0 {
        let header = Ipv4Repr {
            dont_fragment: false,
            identification: u16::from(choice >> 4),
            ..Ipv4Repr::new(
                [192, 0, 2, choice >> 2 & 3].into(),
                [198, 51, 100, 7].into(),
                protocol,
            )
        };
        header.emit(&mut packet)
    } else {
        let net = u16::from(choice >> 2 & 3);
        let source = [0x2001, 0xdb8, 0, net, 0, 0, 0, 1].into();
        let destination = [0x2001, 0xdb8, 9, 0, 0, 0, 0, 2].into();
        Ipv6Repr::new(source, destination, protocol).emit(&mut packet)
    }
    .expect("it is short enough");
    packet.as_slice().to_vec()
}

/// The fragments of a packet for an MTU that the script says; the packet itself when it fits.
fn split(packet: &[u8], script: &mut Script<'_>) -> Vec<Vec<u8>> {
    let mut out = PacketBuf::with_headroom(16);
    let mut fragments = Vec::new();
    match IpPacket::parse(packet).expect("it was written so") {
        IpPacket::V4(packet) => {
            let mtu = 68 + script.number() % 1_433;
            let mut fragmenter = Ipv4Fragmenter::new(&packet, mtu).expect("it may be split");
            while fragmenter.next_fragment(&mut out) {
                assert!(out.len() <= mtu);
                let view = Ipv4Packet::parse(out.as_slice()).expect("a packet");
                assert_eq!(view.verify_checksum(), Ok(()));
                fragments.push(out.as_slice().to_vec());
            }
        }
        IpPacket::V6(packet) => {
            let mtu = 1_280 + script.number() % 221;
            let identification = u32::from(script.next() % 4);
            let fragmenter = Ipv6Fragmenter::new(&packet, mtu, identification);
            let mut fragmenter = fragmenter.expect("it may be split");
            while fragmenter.next_fragment(&mut out) {
                assert!(out.len() <= mtu);
                assert!(Ipv6Packet::parse(out.as_slice()).is_ok());
                fragments.push(out.as_slice().to_vec());
            }
        }
    }
    fragments
}

/// Splits a packet, hands the fragments in in any order and some of them twice, and gets the packet.
fn there_and_back(script: &mut Script<'_>) {
    let original = packet(script);
    let mut fragments = split(&original, script);
    let mut reassembler = Reassembler::new(ReassemblerConfig::default()).expect("the default");
    let mut out = PacketBuf::new();
    if let [only] = &fragments[..] {
        assert_eq!(*only, original);
        return;
    }
    let mut last = Reassembly::NotAFragment;
    while !fragments.is_empty() {
        let choice = usize::from(script.next());
        let octets = fragments.swap_remove(choice % fragments.len());
        let view = IpPacket::parse(&octets).expect("a packet");
        assert_ne!(last, Reassembly::Complete, "too early");
        last = reassembler
            .insert(Instant::ZERO, 0, &view, &mut out)
            .expect("a good fragment");
        if choice & 0x80 != 0 && !fragments.is_empty() {
            let again = reassembler.insert(Instant::ZERO, 0, &view, &mut out);
            assert!(again.is_err(), "a duplicate");
        }
    }
    assert_eq!(last, Reassembly::Complete);
    assert_eq!(out.as_slice(), original);
    assert_eq!((reassembler.datagrams(), reassembler.octets()), (0, 0));
}
