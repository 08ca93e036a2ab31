//! A listener with a clock, and what it has sent.

use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::mld::{Filter, Listener, ListenerConfig, ListenerDiscard};
use icmp_nd::validation::{self, ValidMld};
use icmp_nd::wire::{MldQueryV2Repr, MldRepr, MulticastRecordType, encode_max_response};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{Ipv6Packet, MacAddr};
use testkit::SeededRandom;

pub(crate) const SOURCE: &str = "fe80::1";
pub(crate) const QUERIER: &str = "fe80::99";
pub(crate) const GROUP: &str = "ff0e::42";

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn include(sources: &[&str]) -> Filter {
    Filter::Include(sources.iter().map(|it| ip(it)).collect())
}

pub(crate) fn exclude(sources: &[&str]) -> Filter {
    Filter::Exclude(sources.iter().map(|it| ip(it)).collect())
}

/// A message that was sent, as values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A report of version 2: type, group and sources of each record.
    V2(Vec<(MulticastRecordType, Ipv6Addr, Vec<Ipv6Addr>)>),
    Report(Ipv6Addr),
    Done(Ipv6Addr),
}

pub(crate) fn record(record_type: MulticastRecordType, group: &str, sources: &[&str]) -> Said {
    let sources = sources.iter().map(|it| ip(it)).collect();
    Said::V2(vec![(record_type, ip(group), sources)])
}

/// Checks a whole packet by the receiver's rules, and reads it.
pub(crate) fn read(packet: &[u8], link_layer: MacAddr) -> (Ipv6Addr, Ipv6Addr, Said) {
    let ip = Ipv6Packet::parse(packet).unwrap();
    assert_eq!(link_layer, MacAddr::for_ipv6_multicast(ip.destination()));
    let upper = ip.upper_layer().unwrap();
    // RFC 3810 §5 MUST (router-alert): the receiver's checks demand it.
    let valid = validation::mld(&ip, &upper).unwrap();
    let said = match valid.message().to_repr() {
        MldRepr::ReportV2 { records } => Said::V2(
            records
                .iter()
                .map(|it| (it.record_type, it.group, it.sources.to_vec()))
                .collect(),
        ),
        MldRepr::Report { group } => Said::Report(group),
        MldRepr::Done { group } => Said::Done(group),
        other => panic!("a listener sent {other:?}"),
    };
    (valid.source(), valid.destination(), said)
}

pub(crate) struct Bench {
    pub(crate) listener: Listener,
    pub(crate) now: Instant,
    /// When, from and to whom, what.
    pub(crate) sent: Vec<(Instant, Ipv6Addr, Ipv6Addr, Said)>,
}

impl Bench {
    pub(crate) fn new(config: ListenerConfig, seed: u64) -> Self {
        let random = Box::new(SeededRandom::new(seed));
        Self {
            listener: Listener::new(config, random).unwrap(),
            now: Instant::ZERO,
            sent: Vec::new(),
        }
    }

    /// With a link-local address.
    pub(crate) fn up() -> Self {
        Self::up_with(ListenerConfig::default(), 1)
    }

    pub(crate) fn up_with(config: ListenerConfig, seed: u64) -> Self {
        let mut bench = Self::new(config, seed);
        bench.listener.set_source(Instant::ZERO, Some(ip(SOURCE)));
        bench
    }

    /// One that listens to the group and has told so.
    pub(crate) fn joined(seed: u64) -> Self {
        let mut bench = Self::up_with(ListenerConfig::default(), seed);
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(5));
        bench.sent.clear();
        bench
    }

    pub(crate) fn drain(&mut self) {
        let mut packet = PacketBuf::new();
        while let Some(link_layer) = self.listener.poll_transmit(&mut packet) {
            assert!(packet.len() <= 1280);
            let (source, destination, said) = read(packet.as_slice(), link_layer);
            self.sent.push((self.now, source, destination, said));
            packet.reset(0);
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.drain();
        while let Some(at) = self.listener.poll_timeout().filter(|&at| at <= end) {
            assert!(at >= self.now, "a deadline lies in the past");
            self.now = at;
            self.listener.handle_timeout(at);
            assert!(self.listener.poll_timeout().is_none_or(|next| next > at));
            self.drain();
        }
        self.now = end;
        self.listener.handle_timeout(end);
        self.drain();
    }

    pub(crate) fn listen(&mut self, filter: Filter) {
        self.listener.listen(self.now, ip(GROUP), filter).unwrap();
        self.drain();
    }

    /// What was said, without times and addresses.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.sent.iter().map(|it| it.3.clone()).collect()
    }

    pub(crate) fn hear(&mut self, repr: &MldRepr<'_>) -> Result<(), ListenerDiscard> {
        let mut packet = PacketBuf::new();
        repr.emit_packet(&mut packet, ip(QUERIER), ip("ff02::1"))
            .unwrap();
        let packet = packet.as_slice().to_vec();
        let ip = Ipv6Packet::parse(&packet).unwrap();
        let upper = ip.upper_layer().unwrap();
        let valid: ValidMld<'_> = validation::mld(&ip, &upper).unwrap();
        self.listener.handle_input(self.now, &valid)
    }

    /// A query of version 2; the delay in milliseconds.
    pub(crate) fn query(&mut self, delay: u32, group: &str, sources: &[&str]) {
        let sources: Vec<Ipv6Addr> = sources.iter().map(|it| ip(it)).collect();
        let query = MldQueryV2Repr {
            max_response_code: encode_max_response(delay),
            group: ip(group),
            sources: sources.into(),
            ..MldQueryV2Repr::general(0, 2, 125)
        };
        self.hear(&MldRepr::QueryV2(query)).unwrap();
    }

    pub(crate) fn query_v1(&mut self, max_response_delay: u16, group: &str) {
        let group = ip(group);
        self.hear(&MldRepr::QueryV1 {
            max_response_delay,
            group,
        })
        .unwrap();
    }
}
