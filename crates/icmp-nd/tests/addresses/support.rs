//! A table with a clock, as the tests drive it.

use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::Instant;
use icmp_nd::address::{
    AddressConfig, AddressEvent, AddressState, AddressTable, AdvertisedPrefix, DadSolicitation,
    GroupChange, Lifetime, PrefixDiscard, SolicitationVerdict, SolicitedTarget,
};
use packet_buffer::wire::MacAddr;
use std::collections::BTreeSet;
use testkit::SeededRandom;

pub(crate) const MAC: MacAddr = MacAddr([0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]);
pub(crate) const LINK_LOCAL: &str = "fe80::5eff:fe10:1";

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn config() -> AddressConfig {
    AddressConfig::new(MAC)
}

/// A table, the time, and all that it has said.
pub(crate) struct Bench {
    pub(crate) table: AddressTable,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(Instant, DadSolicitation)>,
    pub(crate) events: Vec<AddressEvent>,
    pub(crate) groups: BTreeSet<Ipv6Addr>,
}

impl Bench {
    pub(crate) fn new(config: AddressConfig) -> Self {
        Self::with_seed(config, 1)
    }

    pub(crate) fn with_seed(config: AddressConfig, seed: u64) -> Self {
        let random = Box::new(SeededRandom::new(seed));
        Self {
            table: AddressTable::new(config, random).unwrap(),
            now: Instant::ZERO,
            sent: Vec::new(),
            events: Vec::new(),
            groups: BTreeSet::new(),
        }
    }

    /// Started, and with its link-local address assigned.
    pub(crate) fn up(config: AddressConfig) -> Self {
        let mut bench = Self::new(config);
        bench.table.start(bench.now);
        bench.run_for(secs(10));
        bench.sent.clear();
        bench.events.clear();
        bench
    }

    pub(crate) fn drain(&mut self) {
        while let Some(change) = self.table.poll_group() {
            match change {
                GroupChange::Join(group) => assert!(self.groups.insert(group)),
                GroupChange::Leave(group) => assert!(self.groups.remove(&group)),
            }
        }
        while let Some(probe) = self.table.poll_transmit() {
            // RFC 4862 §5.4.2 MUST (join): the groups are joined before the solicitation is sent.
            assert!(self.groups.contains(&probe.destination), "{probe:?}");
            self.sent.push((self.now, probe));
        }
        while let Some(event) = self.table.poll_event() {
            self.events.push(event);
        }
    }

    /// Runs all timers up to `now + duration`, each at its moment.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.drain();
        while let Some(at) = self.table.poll_timeout().filter(|&at| at <= end) {
            assert!(at >= self.now, "a deadline lies in the past");
            self.now = at;
            self.table.handle_timeout(at);
            assert!(self.table.poll_timeout().is_none_or(|next| next > at));
            self.drain();
        }
        self.now = end;
        self.table.handle_timeout(end);
        self.drain();
    }

    pub(crate) fn state(&self, address: &str) -> Option<AddressState> {
        self.table.get(ip(address)).map(|entry| entry.state())
    }

    /// A prefix is advertised: lifetimes in seconds.
    pub(crate) fn advertise(
        &mut self,
        prefix: &str,
        valid: u32,
        preferred: u32,
    ) -> Result<(), PrefixDiscard> {
        let advertised = advertised(prefix, valid, preferred);
        let result = self.table.handle_prefix(self.now, &advertised);
        self.drain();
        result
    }

    pub(crate) fn solicit(
        &mut self,
        target: &str,
        source: &str,
        nonce: Option<&[u8]>,
    ) -> SolicitationVerdict {
        let solicited = SolicitedTarget {
            target: ip(target),
            source: ip(source),
            nonce,
        };
        let verdict = self.table.handle_solicitation(self.now, &solicited);
        self.drain();
        verdict
    }

    /// What is left of an address's valid and preferred lifetimes, in seconds.
    pub(crate) fn lifetimes(&self, address: &str) -> (u64, u64) {
        let entry = self.table.get(ip(address)).unwrap();
        let left = |until: Option<Instant>| until.map_or(u64::MAX, |it| (it - self.now).as_secs());
        (left(entry.valid_until()), left(entry.preferred_until()))
    }
}

pub(crate) fn advertised(prefix: &str, valid: u32, preferred: u32) -> AdvertisedPrefix {
    AdvertisedPrefix {
        prefix: ip(prefix),
        prefix_length: 64,
        autonomous: true,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
        router: ip("fe80::1"),
        multicast: false,
        authenticated: false,
    }
}
