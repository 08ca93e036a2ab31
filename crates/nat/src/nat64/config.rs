//! How a NAT64 is set up, what it counts, and what it tells.

use super::{Pref64, TranslateConfig};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::fragment::ReassemblerConfig;
use packet_buffer::wire::IpProtocol;
use thiserror::Error;

/// Which packets from the IPv4 side reach a host that has a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nat64Filtering {
    /// All.
    EndpointIndependent,
    /// Those of hosts that the binding has sent to.
    #[default]
    AddressDependent,
}

/// How long sessions live without a packet (RFC 6146 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat64Timers {
    /// UDP_DEFAULT; at least UDP_MIN, which is 2 minutes. Default: 5 minutes.
    pub udp: Duration,
    /// TCP_EST; at least 2 hours and 4 minutes, which is the default.
    pub tcp_established: Duration,
    /// TCP_TRANS; at least 4 minutes, which is the default.
    pub tcp_transitory: Duration,
    /// TCP_INCOMING_SYN: how long a SYN that nobody asked for waits for one of the IPv6 side.
    /// Default: 6 seconds.
    pub tcp_incoming_syn: Duration,
    /// ICMP_DEFAULT; at least 60 seconds, which is the default.
    pub icmp: Duration,
}

// RFC 6146 §4 MUST: the constants' values.
impl Default for Nat64Timers {
    fn default() -> Self {
        Self {
            udp: Duration::from_secs(300),
            tcp_established: Duration::from_secs(7_440),
            tcp_transitory: Duration::from_secs(240),
            tcp_incoming_syn: Duration::from_secs(6),
            icmp: Duration::from_secs(60),
        }
    }
}

/// How a [`Nat64`](super::Nat64) is set up.
#[derive(Debug, Clone)]
pub struct Nat64Config {
    /// The prefix of the IPv4 Internet.
    pub pref64: Pref64,
    /// The IPv4 addresses that IPv6 hosts share, from 1 to 1,024; nobody else uses them.
    pub pool: Vec<Ipv4Addr>,
    /// The lowest port that is given out. Default: 1; the ports below 1024 serve hosts that use
    /// such themselves.
    pub lowest_port: u16,
    /// The translator's address as the IPv6 side sees it, for ICMPv6 errors of its own.
    pub address_v6: Ipv6Addr,
    /// The translator's address as the IPv4 side sees it, for ICMP errors of its own.
    pub address_v4: Ipv4Addr,
    /// Which packets reach a binding. Default: address-dependent.
    pub filtering: Nat64Filtering,
    /// How headers are translated, and the MTUs.
    pub translate: TranslateConfig,
    /// How long sessions live.
    pub timers: Nat64Timers,
    /// The most sessions, from 1. Memory for them is reserved at construction. Default: 65,536.
    pub max_sessions: usize,
    /// The most bindings, from 1. Default: 65,536.
    pub max_bindings: usize,
    /// The most bindings of one subscriber. Default: 4,096.
    pub max_bindings_per_subscriber: u32,
    /// Bits of an IPv6 address that tell subscribers apart, 1 to 128. Default: 64.
    pub subscriber_prefix: u8,
    /// The most SYNs from the IPv4 side that wait at a time. Default: 256.
    pub max_stored_syns: usize,
    /// The most ICMP errors that are sent in a second. Default: 100.
    pub max_errors_per_second: u32,
    /// How fragments are held. Default: as packets are put together, for 2 seconds (FRAGMENT_MIN).
    pub reassembly: ReassemblerConfig,
}

impl Nat64Config {
    /// A translator with the prefix and the pool, the rest by default. Its own address is the
    /// first of the pool, on both sides.
    pub fn new(pref64: Pref64, pool: Vec<Ipv4Addr>) -> Self {
        let address_v4 = pool.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        Self {
            pref64,
            pool,
            lowest_port: 1,
            address_v6: pref64.embed(address_v4),
            address_v4,
            filtering: Nat64Filtering::default(),
            translate: TranslateConfig::default(),
            timers: Nat64Timers::default(),
            max_sessions: 65_536,
            max_bindings: 65_536,
            max_bindings_per_subscriber: 4_096,
            subscriber_prefix: 64,
            max_stored_syns: 256,
            max_errors_per_second: 100,
            // RFC 6146 §3.4 MUST (fragment-min): fragments are held for two seconds at least.
            reassembly: ReassemblerConfig {
                timeout: Duration::from_secs(2),
                ..ReassemblerConfig::default()
            },
        }
    }

    pub(super) fn check(&self) -> Result<(), Nat64ConfigError> {
        let wrong = |field, problem| Err(Nat64ConfigError { field, problem });
        let at_least = |duration: Duration, seconds| duration >= Duration::from_secs(seconds);
        if self.pool.is_empty() || self.pool.len() > 1_024 {
            return wrong("pool", "it has from 1 to 1024 addresses");
        }
        let mut sorted = self.pool.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != self.pool.len() {
            return wrong("pool", "an address stands in it twice");
        }
        if self.max_sessions == 0 {
            return wrong("max_sessions", "it must be at least 1");
        }
        if self.max_bindings == 0 {
            return wrong("max_bindings", "it must be at least 1");
        }
        if !(1..=128).contains(&self.subscriber_prefix) {
            return wrong("subscriber_prefix", "it must be from 1 to 128");
        }
        if self.translate.ipv6_mtu < 1_280 || self.translate.lowest_ipv6_mtu < 1_280 {
            return wrong("translate", "MTUs of IPv6 are at least 1280");
        }
        if self.translate.ipv4_mtu < 68 {
            return wrong("translate", "the MTU of IPv4 is at least 68");
        }
        // RFC 6146 §3.5.1 MUST (udp-min): UDP sessions live for two minutes at least.
        if !at_least(self.timers.udp, 120) {
            return wrong("timers.udp", "it must be at least 120 s");
        }
        if !at_least(self.timers.tcp_established, 7_440) {
            return wrong("timers.tcp_established", "it must be at least 7440 s");
        }
        if !at_least(self.timers.tcp_transitory, 240) {
            return wrong("timers.tcp_transitory", "it must be at least 240 s");
        }
        if !at_least(self.timers.icmp, 60) {
            return wrong("timers.icmp", "it must be at least 60 s");
        }
        Ok(())
    }
}

/// Why a [`Nat64`](super::Nat64) cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{field}: {problem}")]
pub struct Nat64ConfigError {
    /// The field of [`Nat64Config`] to blame.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A side of the translator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nat64Side {
    /// Where the hosts are that have IPv6 only.
    V6,
    /// The IPv4 Internet.
    V4,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nat64Verdict {
    /// The packet was translated and goes out.
    Forward {
        /// Where.
        to: Nat64Side,
        /// Whether it came from there too: from one IPv6 host to another by an address of the pool.
        hairpin: bool,
    },
    /// The packet is not to an address of the translator's, and unchanged.
    NotForUs,
    /// The packet waits: a fragment for the others, or a SYN from outside for one from inside.
    Held,
    /// The packet is not to be forwarded. What answers it, if anything, comes out of
    /// [`poll_transmit`](super::Nat64::poll_transmit).
    Drop(Nat64Drop),
}

macro_rules! drops {
    ($($(#[$doc:meta])* $variant:ident $counter:ident,)*) => {
        /// Why a packet was dropped.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Nat64Drop {
            $($(#[$doc])* $variant,)*
        }

        /// What a translator has done since it was made. All counters wrap.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Nat64Stats {
            /// Packets translated from IPv6 to IPv4.
            pub to_v4: u64,
            /// Packets translated from IPv4 to IPv6, hairpinned ones among them.
            pub to_v6: u64,
            /// ICMP errors translated, counted above too.
            pub errors_translated: u64,
            /// ICMP errors of the translator's own.
            pub errors_sent: u64,
            /// ICMP errors that were not sent, to keep the rate or for lack of room.
            pub errors_suppressed: u64,
            /// Bindings made.
            pub bindings_created: u64,
            /// Sessions made.
            pub sessions_created: u64,
            /// SYNs from the IPv4 side that waited.
            pub syns_stored: u64,
            /// Probes of established TCP sessions whose lifetime had run out.
            pub probes: u64,
            /// Events that were dropped because nobody polled.
            pub events_lost: u64,
            $($(#[$doc])* pub $counter: u64,)*
        }

        impl Nat64Stats {
            pub(super) fn count(&mut self, drop: Nat64Drop) {
                let counter = match drop {
                    $(Nat64Drop::$variant => &mut self.$counter,)*
                };
                *counter = counter.wrapping_add(1);
            }
        }
    };
}

drops! {
    /// The packet, or its transport header, cannot be read, or its header checksum is wrong.
    Malformed malformed,
    /// The hop limit or time to live has run out.
    HopLimit hop_limit,
    /// A source that cannot be: an address under the prefix, or of the pool.
    BadSource bad_source,
    /// An IPv4 address that the prefix may not represent.
    NotRepresentable not_representable,
    /// A transport protocol that has no sessions.
    Protocol protocol,
    /// Nobody inside has the port or identifier.
    NoBinding no_binding,
    /// The filter does not let the sender reach the binding.
    Filtered filtered,
    /// A TCP segment that opens nothing, of no session.
    NoSession no_session,
    /// An ICMP error about no packet of a session.
    UnknownError unknown_error,
    /// Something that has no counterpart in the other family.
    Untranslatable untranslatable,
    /// The packet is too long for the next link, and may not be fragmented.
    TooBig too_big,
    /// A fragment that was refused.
    Fragment fragment,
    /// All ports of the subscriber's address are taken.
    NoPort no_port,
    /// The subscriber has all the bindings that it may have.
    SubscriberLimit subscriber_limit,
    /// A table is full.
    TableFull table_full,
}

/// What a translator tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Nat64Event {
    /// A binding was made: what RFC 6888 §4 has logged.
    BindingCreated(Nat64Binding),
    /// A binding was removed with its last session.
    BindingDeleted(Nat64Binding),
    /// No port, no room, or the subscriber's limit: nothing was taken from anyone.
    Exhausted {
        /// Who asked.
        host: Ipv6Addr,
        /// Why there was none.
        reason: Nat64Drop,
    },
}

/// An entry of the binding information base (RFC 6146 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nat64Binding {
    /// TCP, UDP, or ICMP for queries.
    pub protocol: IpProtocol,
    /// The IPv6 host.
    pub v6: Ipv6Addr,
    /// Its port or identifier.
    pub v6_port: u16,
    /// Its address outside.
    pub v4: Ipv4Addr,
    /// Its port or identifier outside.
    pub v4_port: u16,
}
