//! How a firewall is set up.

use crate::model::Rate;
use core::time::Duration;
use flow_state::{TcpPolicy, Timers};
use packet_buffer::fragment::{ReassemblerConfig, WhenFull};
use thiserror::Error;

/// What is done with fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FragmentMode {
    /// Fragments wait until all of their packet have come. The whole packet is inspected, and when
    /// it passes, the fragments go on as they came: the last one with the verdict, the others
    /// through [`poll_transmit`](crate::Firewall::poll_transmit).
    #[default]
    Virtual,
    /// The same, and what goes on is the whole packet, in the place of the last fragment. The
    /// caller cuts it anew.
    Reassemble,
    /// Fragments are dropped.
    Drop,
}

/// What is done with sessions that the rules of a new policy deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnReload {
    /// They end.
    #[default]
    End,
    /// They live on.
    Keep,
}

/// Defence against floods of connections that are never completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfOpen {
    /// The most TCP sessions whose handshake is not complete. Above, new ones are dropped.
    pub most: usize,
    /// Half-open sessions above which their timers shorten, in a straight line down to a second
    /// when `most` are there.
    pub adaptive_from: usize,
    /// Half-open sessions above which the firewall answers handshakes itself (SYN cookies),
    /// whatever the rule says. `None`: never.
    pub cookies_from: Option<usize>,
}

/// How a [`Firewall`](crate::Firewall) is set up. All fields can be changed after a constructor has
/// filled them.
#[derive(Debug, Clone, PartialEq)]
pub struct FirewallConfig {
    /// The most IPv4 sessions. Memory for them is reserved at the start.
    pub ipv4_sessions: usize,
    /// The most IPv6 sessions. Memory for them is reserved at the start.
    pub ipv6_sessions: usize,
    /// How exact TCP segments must be.
    pub tcp: TcpPolicy,
    /// How long sessions live without packets.
    pub timers: Timers,
    /// Whether packets with bad checksums are dropped. Without, a packet that the receiver will not
    /// take can move the state on; switch it off only where the network card has checked.
    pub verify_checksums: bool,
    /// Whether IPv4 packets with options pass (source routes never do).
    pub ip_options: bool,
    /// Whether packets of a session must come from and go to the zones that it was opened between.
    pub bind_zones: bool,
    /// Whether an ICMP error that quotes a TCP segment must quote a sequence number in flight
    /// (RFC 5927 §4.1).
    pub icmp_sequence: bool,
    /// "Fragmentation needed" that reports less than this MTU is dropped, in octets; 0 for no floor. A
    /// report of 0 by an old router passes.
    pub ipv4_mtu_floor: u32,
    /// The same for "packet too big".
    pub ipv6_mtu_floor: u32,
    /// ICMP errors to one host in a time.
    pub icmp_errors: Rate,
    /// What is done with fragments.
    pub fragments: FragmentMode,
    /// Bounds for fragments that wait.
    pub reassembler: ReassemblerConfig,
    /// Whether sessions of a lower class make room when the table is full: those whose peer has not
    /// answered before those that it has; established ones never.
    pub evict: bool,
    /// Floods of half-open connections.
    pub half_open: HalfOpen,
    /// Sources that limits are kept for, for each rule that has one.
    pub limited_sources: usize,
    /// Refusals that are sent: TCP RSTs and ICMP errors.
    pub answers: Rate,
    /// The same to one destination.
    pub answers_per_source: Rate,
    /// Refusals that wait for [`poll_transmit`](crate::Firewall::poll_transmit).
    pub answer_queue: usize,
    /// Events that wait for [`poll_event`](crate::Firewall::poll_event); others are counted as lost.
    pub events: usize,
    /// Packets logged for one rule, or one other reason, in a time.
    pub log: Rate,
    /// Whether packets that are dropped for other reasons than a rule (invalid segments, bad
    /// headers) are logged.
    pub log_invalid: bool,
    /// Whether an event tells of each session that begins.
    pub log_sessions: bool,
    /// Whether packets and octets of each session are counted, and a record of each session is an
    /// event when it ends. Takes 56 octets a session.
    pub accounting: bool,
    /// Flow records over this time: accepted and dropped packets by flow, as a cloud's flow log.
    pub flow_log: Option<Duration>,
    /// The most flows of one such time.
    pub flow_log_flows: usize,
    /// What is done with sessions that a new policy denies.
    pub on_reload: OnReload,
    /// The most connections that helpers have announced.
    pub expectations: usize,
    /// The most sessions whose application layer is read at a time. Above, sessions that a filter must
    /// read are refused.
    pub inspected: usize,
    /// Octets kept of one direction of an inspected connection while earlier ones are missing or the
    /// request is not complete.
    pub inspected_octets: usize,
    /// The most addresses whose user is known.
    pub identities: usize,
    /// Changes of sessions that wait for [`poll_sync`](crate::Firewall::poll_sync); 0 when there is
    /// no standby.
    pub sync_queue: usize,
}

impl FirewallConfig {
    /// For so many sessions, half as many of them IPv6: strict TCP windows, one hour for an idle
    /// established connection, 30 s for a SYN without an answer, UDP 5 minutes.
    pub fn new(sessions: usize) -> Self {
        let mut timers = Timers::rfc();
        timers.tcp.established = Duration::from_secs(3_600);
        timers.tcp.syn_sent = Duration::from_secs(30);
        timers.tcp.syn_received = Duration::from_secs(30);
        timers.tcp.fin_wait = Duration::from_secs(120);
        timers.tcp.close_wait = Duration::from_secs(120);
        timers.tcp.last_ack = Duration::from_secs(30);
        timers.tcp.time_wait = Duration::from_secs(120);
        timers.tcp.closed = Duration::from_secs(10);
        timers.tcp.retransmission = Duration::from_secs(300);
        timers.tcp.unacknowledged = Duration::from_secs(300);
        let most = (sessions / 4).max(16);
        Self {
            ipv4_sessions: sessions,
            ipv6_sessions: (sessions / 2).max(1),
            tcp: TcpPolicy::Strict,
            timers,
            verify_checksums: true,
            ip_options: false,
            bind_zones: true,
            icmp_sequence: true,
            ipv4_mtu_floor: 576,
            ipv6_mtu_floor: 1280,
            icmp_errors: Rate {
                burst: 10,
                ..Rate::per_second(5)
            },
            fragments: FragmentMode::Virtual,
            reassembler: ReassemblerConfig {
                timeout: Duration::from_secs(30),
                ..ReassemblerConfig::default()
            },
            evict: true,
            half_open: HalfOpen {
                most,
                adaptive_from: most / 2,
                cookies_from: None,
            },
            limited_sources: 4_096,
            answers: Rate::per_second(100),
            answers_per_source: Rate::per_second(5),
            answer_queue: 64,
            events: 1_024,
            log: Rate {
                burst: 20,
                ..Rate::per_second(10)
            },
            log_invalid: true,
            log_sessions: false,
            accounting: false,
            flow_log: None,
            flow_log_flows: 16_384,
            on_reload: OnReload::End,
            expectations: 4_096,
            inspected: 16_384,
            inspected_octets: 16_384,
            identities: 65_536,
            sync_queue: 0,
        }
    }

    /// As the Linux kernel since 6.1 decides about packets, with its timers, as far as measured:
    /// liberal windows, mid-stream pick-up, no look at zones, quoted sequence numbers or IP
    /// options.
    pub fn linux_compat(sessions: usize) -> Self {
        Self {
            tcp: TcpPolicy::linux(),
            timers: Timers::linux(),
            ip_options: true,
            bind_zones: false,
            icmp_sequence: false,
            ipv4_mtu_floor: 0,
            ipv6_mtu_floor: 0,
            icmp_errors: Rate::per_second(1_000_000),
            fragments: FragmentMode::Reassemble,
            half_open: HalfOpen {
                most: usize::MAX,
                adaptive_from: usize::MAX,
                cookies_from: None,
            },
            ..Self::new(sessions)
        }
    }

    /// As a cloud's gateway: everything that is idle for 350 s ends.
    pub fn cloud_gateway(sessions: usize) -> Self {
        Self {
            timers: Timers::cloud_gateway(),
            ..Self::new(sessions)
        }
    }

    /// Fragments that wait must not be given up silently, or the parts of two packets could go on
    /// together.
    pub(super) fn reassembler(&self) -> ReassemblerConfig {
        ReassemblerConfig {
            when_full: if self.fragments == FragmentMode::Virtual {
                WhenFull::Refuse
            } else {
                self.reassembler.when_full
            },
            max_events: self.reassembler.max_datagrams,
            ..self.reassembler
        }
    }
}

/// Why a firewall cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A session table.
    #[error("sessions: {0}")]
    Sessions(flow_table::ConfigError),
    /// The reassembler.
    #[error("reassembler: {0}")]
    Reassembler(packet_buffer::fragment::ReassemblerConfigError),
    /// A table of sources that are limited.
    #[error("limited_sources: {0}")]
    Sources(flow_table::ConfigError),
}
