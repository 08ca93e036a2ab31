//! How a trace is set up.

use core::net::IpAddr;
use core::time::Duration;
use thiserror::Error;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProbeKind {
    /// UDP datagrams to a port where, it is hoped, nobody listens.
    #[default]
    Udp,
    /// Echo requests.
    Icmp,
    /// TCP segments with SYN; a destination answers with SYN-ACK or RST.
    Tcp,
}

/// Which flows the probes belong to, as a router that shares load sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FlowPolicy {
    /// All to one: the trace shows one path (Paris traceroute).
    #[default]
    Stable,
    /// The probes of a hop to this many flows in turn, the same ones at each hop: the trace shows
    /// several paths (Dublin traceroute). From 1 to 1,024.
    Spread(u16),
    /// Each to its own, as the first traceroute did: hops of several paths are mixed.
    Vary,
}

/// In which order probes are sent, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// All probes of a hop, then those of the next, once.
    ByHop {
        /// Probes for each hop, at least 1.
        probes_per_hop: u32,
    },
    /// One probe to each hop, over and over, as mtr does.
    Rounds {
        /// How often; `None` until it is stopped.
        rounds: Option<u32>,
        /// The time from the start of one round to that of the next, at least; a round that takes
        /// longer delays the next.
        interval: Duration,
    },
}

/// How a [`Traceroute`](super::Traceroute) is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracerouteConfig {
    /// The source of the probes.
    pub source: IpAddr,
    /// The end of the path.
    pub destination: IpAddr,
    /// What is sent. Default: UDP.
    pub kind: ProbeKind,
    /// The source port of UDP and TCP probes; `None` draws one from 49,152 up. Default: none.
    pub source_port: Option<u16>,
    /// The destination port of UDP and TCP probes; `None` is 33,434 for UDP and 80 for TCP. Default:
    /// none.
    pub destination_port: Option<u16>,
    /// The IPv6 flow label, 20 bits; `None` draws one. Default: none.
    pub flow_label: Option<u32>,
    /// Which flows. Default: one.
    pub flows: FlowPolicy,
    /// In which order and how many. Default: by hop, 3 for each.
    pub schedule: Schedule,
    /// The first hop, at least 1. Default: 1.
    pub first_ttl: u8,
    /// The last hop, at least the first. Default: 30.
    pub max_ttl: u8,
    /// Hops without an answer in a row after which no more are tried, at least 1. Default: 30.
    pub silent_hops: u8,
    /// The time after which a probe counts as lost; at least a microsecond. Default: 3 s.
    pub timeout: Duration,
    /// The time from one probe to the next, at least a microsecond. Routers answer only so many.
    /// Default: 20 ms.
    pub send_interval: Duration,
    /// Probes that may be unanswered at a time, from 1 to 1,024. Default: 16.
    pub max_in_flight: usize,
    /// Octets of a probe with its IP header; taken as what the headers need when that is more.
    /// Default: 60 for IPv4, 80 for IPv6.
    pub packet_len: usize,
    /// Whether the MTU along the path is looked for: `packet_len` is the first size. Default: no.
    pub mtu_discovery: bool,
    /// Whether IPv4 probes must not be fragmented; so with `mtu_discovery` in any case. Default: no.
    pub dont_fragment: bool,
    /// Differentiated services code point, 0 to 63. Default: 0.
    pub dscp: u8,
    /// Probes that are remembered, from `max_in_flight` to 32,768: so far back, late answers and
    /// duplicates are told. About 40 octets each. Default: 2,048.
    pub window: usize,
    /// Responders that are remembered for a hop, at least 1; more are counted together. Default: 16.
    pub max_responders: usize,
    /// Octets of extensions that are kept for a responder; longer ones are not kept. Default: 512.
    pub max_extension_octets: usize,
    /// Events that wait to be polled, at least 1; when there are more, the oldest is dropped and
    /// counted. Default: 1,024.
    pub max_events: usize,
}

impl TracerouteConfig {
    /// From `source` to `destination`, the rest by default.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self {
            source,
            destination,
            kind: ProbeKind::Udp,
            source_port: None,
            destination_port: None,
            flow_label: None,
            flows: FlowPolicy::Stable,
            schedule: Schedule::ByHop { probes_per_hop: 3 },
            first_ttl: 1,
            max_ttl: 30,
            silent_hops: 30,
            timeout: Duration::from_secs(3),
            send_interval: Duration::from_millis(20),
            max_in_flight: 16,
            packet_len: if destination.is_ipv4() { 60 } else { 80 },
            mtu_discovery: false,
            dont_fragment: false,
            dscp: 0,
            window: 2_048,
            max_responders: 16,
            max_extension_octets: 512,
            max_events: 1_024,
        }
    }

    pub(super) fn check(&self) -> Result<(), TracerouteConfigError> {
        use TracerouteConfigError as E;
        let micro = Duration::from_micros(1);
        if self.source.is_ipv4() != self.destination.is_ipv4() {
            return Err(E::VersionMismatch);
        }
        if self.flow_label.is_some_and(|label| label > 0x000f_ffff) {
            return Err(E::FlowLabel);
        }
        if let FlowPolicy::Spread(flows) = self.flows
            && !(1..=1_024).contains(&flows)
        {
            return Err(E::Flows(flows));
        }
        match self.schedule {
            Schedule::ByHop { probes_per_hop: 0 } => return Err(E::ProbesPerHop),
            Schedule::Rounds {
                rounds: Some(0), ..
            } => return Err(E::Rounds),
            _ => {}
        }
        if self.first_ttl == 0 || self.max_ttl < self.first_ttl {
            return Err(E::Ttl(self.first_ttl, self.max_ttl));
        }
        if self.silent_hops == 0 {
            return Err(E::SilentHops);
        }
        if self.timeout < micro {
            return Err(E::Timeout);
        }
        if self.send_interval < micro {
            return Err(E::SendInterval);
        }
        if !(1..=1_024).contains(&self.max_in_flight) {
            return Err(E::MaxInFlight(self.max_in_flight));
        }
        if self.packet_len > 65_535 {
            return Err(E::PacketLen(self.packet_len));
        }
        if self.dscp > 63 {
            return Err(E::Dscp(self.dscp));
        }
        if self.window < self.max_in_flight || self.window > 32_768 {
            return Err(E::Window(self.window));
        }
        if self.max_responders == 0 {
            return Err(E::MaxResponders);
        }
        if self.max_events == 0 {
            return Err(E::MaxEvents);
        }
        Ok(())
    }
}

/// Why a trace cannot be made. Each names the field of [`TracerouteConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TracerouteConfigError {
    /// `source` and `destination` are not of one IP version.
    #[error("source: it is not of the destination's IP version")]
    VersionMismatch,
    /// `flow_label` has more than 20 bits.
    #[error("flow_label: it has more than 20 bits")]
    FlowLabel,
    /// `flows` is out of its range.
    #[error("flows: {0}; it must be from 1 to 1024")]
    Flows(u16),
    /// `schedule` has no probe for a hop.
    #[error("schedule: probes_per_hop must be at least 1")]
    ProbesPerHop,
    /// `schedule` has no round.
    #[error("schedule: rounds must be at least 1")]
    Rounds,
    /// `first_ttl` is 0, or `max_ttl` under it.
    #[error("first_ttl, max_ttl: {0} and {1}; it must be 1 <= first_ttl <= max_ttl")]
    Ttl(u8, u8),
    /// `silent_hops` is 0.
    #[error("silent_hops: it must be at least 1")]
    SilentHops,
    /// `timeout` is under a microsecond.
    #[error("timeout: it must be at least a microsecond")]
    Timeout,
    /// `send_interval` is under a microsecond.
    #[error("send_interval: it must be at least a microsecond")]
    SendInterval,
    /// `max_in_flight` is out of its range.
    #[error("max_in_flight: {0}; it must be from 1 to 1024")]
    MaxInFlight(usize),
    /// `packet_len` is more than a packet can have.
    #[error("packet_len: {0} octets; it must be at most 65535")]
    PacketLen(usize),
    /// `dscp` has more than six bits.
    #[error("dscp: {0}; it must be from 0 to 63")]
    Dscp(u8),
    /// `window` is under `max_in_flight` or above 32,768.
    #[error("window: {0}; it must be from max_in_flight to 32768")]
    Window(usize),
    /// `max_responders` is 0.
    #[error("max_responders: it must be at least 1")]
    MaxResponders,
    /// `max_events` is 0.
    #[error("max_events: it must be at least 1")]
    MaxEvents,
}
