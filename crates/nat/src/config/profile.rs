//! The named behaviors.

use super::{
    Filtering, Fragments, Icmp, Limits, Mapping, Napt, NatConfig, PortChoice, PortClasses,
    UnsolicitedSyn, VirtualReassembly, WhenFull,
};
use alloc::vec::Vec;
use core::time::Duration;
use flow_state::limits::Rate;
use flow_state::{TcpPolicy, Timers};
use packet_buffer::fragment::ReassemblerConfig;

/// A named behavior: it fills a [`NatConfig`], every field of which can be changed then.
///
/// | | `Rfc` | `LinuxCompat` | `CloudGateway` |
/// |---|---|---|---|
/// | mapping | endpoint-independent | per destination, ports kept where possible | per destination, 55,000 to each |
/// | filtering | endpoint-independent | address and port | address and port |
/// | hairpinning of dynamic mappings | yes | no | no |
/// | UDP, ICMP query | 300 s, 60 s | 30 and 120 s, 30 s | 350 s |
/// | TCP established, transitory | 7,440 s, 240 s | 432,000 s, 10 to 120 s | 350 s, 60 s, then reset |
/// | TCP sessions begin with | a SYN | any segment | a SYN |
/// | fragments | translated one by one | put together, cut again | UDP only |
/// | a port rests after use | 120 s | no | no |
/// | no port left | ICMP 3/13, event | silence | silence, event |
/// | unsolicited SYN | ICMP 3/3 after 6 s | silence | silence |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// What RFC 4787, 5382, 5508, 7857 and 6888 require and recommend.
    #[default]
    Rfc,
    /// What the Linux kernel's connection tracking and masquerading do, found by experiment; where
    /// that departs from the RFCs, too.
    LinuxCompat,
    /// What a cloud's managed NAT gateway is documented to do.
    CloudGateway,
}

impl Profile {
    /// The behavior as a configuration without pools and rules, for `max_sessions` sessions.
    pub fn config(self, max_sessions: usize) -> NatConfig {
        let common = NatConfig {
            max_sessions,
            when_full: WhenFull::Refuse,
            pools: Vec::new(),
            rules: Vec::new(),
            forwards: Vec::new(),
            aliases: Vec::new(),
            local: Vec::new(),
            reserved: Vec::new(),
            timers: Timers::rfc(),
            // A reset that is not exact would take a mapping away, and an acknowledgment of what
            // was never sent is nobody's; old segments and a window too much pass.
            tcp: TcpPolicy::LinuxCompat {
                be_liberal: false,
                loose: false,
                ignore_invalid_rst: false,
                max_retrans: 3,
            },
            learn_tunnels: true,
            inbound_refresh: true,
            forget_refused: false,
            verify_transport_checksums: false,
            quarantine: Duration::from_secs(120),
            limits: Limits {
                max_subscribers: max_sessions,
                ..Limits::default()
            },
            fragments: Fragments::Virtual(VirtualReassembly::default()),
            icmp: Icmp {
                prohibited: true,
                inside_address: None,
                rate: Rate::per_second(100, 10),
                check_quoted_sequence: true,
                check_quoted_checksum: true,
                pass_quench: false,
                // RFC 791 §3.2: every link carries 68 octets.
                min_reported_mtu: 68,
            },
            unsolicited_syn: UnsolicitedSyn::Answer { max_noted: 1_024 },
            rewrite_identification: true,
            reserve_ports: true,
            clamp_mss: None,
            reset_unknown_tcp: false,
            max_events: 1_024,
            session_events: false,
            max_transmits: 256,
        };
        match self {
            Self::Rfc => common,
            Self::LinuxCompat => NatConfig {
                when_full: WhenFull::EvictUnanswered,
                timers: Timers::linux(),
                tcp: TcpPolicy::linux(),
                learn_tunnels: false,
                forget_refused: true,
                verify_transport_checksums: true,
                quarantine: Duration::ZERO,
                fragments: Fragments::Full(ReassemblerConfig {
                    timeout: Duration::from_secs(30),
                    first_fragment: packet_buffer::fragment::FirstFragmentPolicy::OFF,
                    ..ReassemblerConfig::default()
                }),
                icmp: Icmp {
                    prohibited: false,
                    check_quoted_sequence: false,
                    check_quoted_checksum: false,
                    pass_quench: true,
                    min_reported_mtu: 0,
                    ..common.icmp
                },
                unsolicited_syn: UnsolicitedSyn::Drop,
                rewrite_identification: false,
                reserve_ports: false,
                ..common
            },
            Self::CloudGateway => NatConfig {
                timers: Timers::cloud_gateway(),
                quarantine: Duration::ZERO,
                fragments: Fragments::Virtual(VirtualReassembly {
                    udp_only: true,
                    ..VirtualReassembly::default()
                }),
                icmp: Icmp {
                    prohibited: false,
                    ..common.icmp
                },
                unsolicited_syn: UnsolicitedSyn::Drop,
                reset_unknown_tcp: true,
                ..common
            },
        }
    }

    /// The behavior's way of sharing the addresses of a pool.
    pub const fn napt(self, pool: usize) -> Napt {
        match self {
            Self::Rfc => Napt {
                pool,
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::EndpointIndependent,
                ports: PortChoice {
                    preserve: false,
                    parity: true,
                    contiguity: false,
                    classes: PortClasses::WellKnown,
                },
                hairpin: true,
            },
            Self::LinuxCompat => Napt {
                pool,
                mapping: Mapping::PerDestination {
                    limit: u32::MAX,
                    sticky: true,
                },
                filtering: Filtering::AddressAndPortDependent,
                ports: PortChoice {
                    preserve: true,
                    parity: false,
                    contiguity: false,
                    classes: PortClasses::Linux,
                },
                hairpin: false,
            },
            Self::CloudGateway => Napt {
                pool,
                mapping: Mapping::PerDestination {
                    limit: 55_000,
                    sticky: false,
                },
                filtering: Filtering::AddressAndPortDependent,
                ports: PortChoice {
                    preserve: false,
                    parity: false,
                    contiguity: false,
                    classes: PortClasses::Any,
                },
                hairpin: false,
            },
        }
    }
}
