//! What a translator is told to do: pools, rules, behavior, limits; and the profiles that fill all
//! of it.

mod check;
mod profile;
mod rules;

pub use check::NatConfigError;
pub use profile::Profile;
pub use rules::{
    Action, Alias, Filtering, Forward, Mapping, Matching, Napt, Pool, Pooling, PortChoice,
    PortClasses, Reserved, Rule, Target,
};

pub(crate) use rules::transplant;

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::limits::Rate;
use flow_state::{TcpPolicy, Timers};
use packet_buffer::fragment::ReassemblerConfig;

/// Which side of the translator a packet is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The private realm.
    Inside,
    /// The public realm.
    Outside,
}

impl Side {
    /// The other one.
    #[inline]
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Inside => Self::Outside,
            Self::Outside => Self::Inside,
        }
    }
}

/// Everything that a [`Nat`](crate::Nat) is told. [`Profile`]s fill one; each field can be changed
/// then. [`Nat::new`](crate::Nat::new) checks it once.
#[derive(Debug, Clone)]
pub struct NatConfig {
    /// The most sessions at a time. Memory for them is reserved at once.
    pub max_sessions: usize,
    /// What a new session does when all are in use.
    pub when_full: WhenFull,
    /// Outside addresses that are shared.
    pub pools: Vec<Pool>,
    /// What becomes of packets from inside: the first rule that matches decides. Packets that match
    /// none do not leave.
    pub rules: Vec<Rule>,
    /// Services inside that are reached from outside.
    pub forwards: Vec<Forward>,
    /// Outside networks that the inside sees under other addresses (twice NAT).
    pub aliases: Vec<Alias>,
    /// The router's own addresses. A packet to one of them that no session, mapping or forward
    /// claims is [`Local`](crate::Verdict::Local).
    pub local: Vec<Ipv4Addr>,
    /// Ports that the router itself uses on outside addresses; no mapping gets one.
    pub reserved: Vec<Reserved>,
    /// How long sessions may be idle.
    pub timers: Timers,
    /// How closely TCP is watched.
    pub tcp: TcpPolicy,
    /// Whether several inside hosts may have IPsec (ESP) and GRE tunnels to one outside host: the
    /// SPI or call id of the first answer tells whom it is for.
    pub learn_tunnels: bool,
    /// Whether packets from outside put off the end of a session.
    // RFC 4787 §4.3 MAY (req-6-b): inbound packets may refresh.
    pub inbound_refresh: bool,
    /// Whether a TCP session whose opening is refused by a reset ends at once, instead of after
    /// [`TcpTimers::closed`](flow_state::TcpTimers::closed).
    pub forget_refused: bool,
    /// Whether packets with a wrong TCP, UDP or ICMP checksum are dropped.
    pub verify_transport_checksums: bool,
    /// How long a port rests after its mapping is gone.
    pub quarantine: Duration,
    /// Bounds per subscriber and mapping.
    pub limits: Limits,
    /// What becomes of fragments.
    pub fragments: Fragments,
    /// Which ICMP messages the translator itself sends, and how many.
    pub icmp: Icmp,
    /// What becomes of a TCP SYN from outside that nothing permits.
    pub unsolicited_syn: UnsolicitedSyn,
    /// Whether IPv4 identifications are drawn anew, so that those of several inside hosts do not
    /// meet in one outside address.
    // RFC 7857 §11 SHOULD: identifications are rewritten as RFC 6864 §5.3.1 says.
    pub rewrite_identification: bool,
    /// Whether ports that a [`Forward`] or [`Reserved`] claims are kept from mappings. Without it, an
    /// inside host that uses such a port gets the answers of its peer's other traffic to the
    /// service, and the service does not.
    pub reserve_ports: bool,
    /// The greatest TCP maximum segment size that SYNs may announce, in octets.
    pub clamp_mss: Option<u16>,
    /// Whether a TCP segment from inside that belongs to no session is answered by a reset, as
    /// after the idle timeout of a cloud's gateway.
    pub reset_unknown_tcp: bool,
    /// How many events wait to be polled; further ones are dropped and counted. 0 for none.
    pub max_events: usize,
    /// Whether sessions give events too, beside mappings.
    // RFC 6888 §4 SHOULD NOT (req-12): destinations are not logged unless asked for.
    pub session_events: bool,
    /// How many packets wait in [`poll_transmit`](crate::Nat::poll_transmit).
    pub max_transmits: usize,
}

/// What a new session does when all are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenFull {
    /// It is refused: who is in stays in.
    // RFC 6888 §3 MUST NOT (req-11-b): existing mappings are not deleted for new ones.
    #[default]
    Refuse,
    /// A session that never was answered makes room.
    EvictUnanswered,
}

/// Bounds per subscriber (an inside address) and per mapping. `None` is no bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Outside ports of a subscriber, over all protocols.
    // RFC 6888 §3 MUST (req-4): the ports of a subscriber can be limited.
    pub mappings_per_subscriber: Option<u32>,
    /// Sessions of a subscriber.
    // RFC 6888 §3 SHOULD (req-5): so can its state.
    pub sessions_per_subscriber: Option<u32>,
    /// New sessions of a subscriber: so many a second, and as many at once as `burst` says.
    pub new_sessions: Option<Rate>,
    /// Subscribers that are kept count of, where any of the above is set.
    pub max_subscribers: usize,
}

/// What becomes of fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragments {
    /// They are translated one by one: later fragments follow the first, and wait for it where they
    /// come before it.
    Virtual(VirtualReassembly),
    /// They are put together, translated, and cut again to the largest size that came in.
    Full(ReassemblerConfig),
    /// They are dropped.
    Drop,
}

/// Bounds of virtual reassembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VirtualReassembly {
    /// How long a packet's fragments are waited for.
    pub timeout: Duration,
    /// Packets that fragments are known of at a time.
    pub max_packets: usize,
    /// Packets of one source among them.
    pub max_packets_per_source: usize,
    /// Fragments of one packet.
    pub max_fragments: usize,
    /// Octets of fragments that wait for their first.
    pub max_octets: usize,
    /// Whether fragments of other protocols than UDP are dropped.
    pub udp_only: bool,
}

impl Default for VirtualReassembly {
    /// 30 s, 1,024 packets, 64 per source, 64 fragments, 1 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_packets: 1_024,
            max_packets_per_source: 64,
            max_fragments: 64,
            max_octets: 1 << 20,
            udp_only: false,
        }
    }
}

/// Which ICMP messages the translator itself sends. Each goes by the rate; those above it are
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Whether a packet from inside that gets no session for lack of ports or by a limit is
    /// answered with "communication administratively prohibited".
    // RFC 5508 §6 SHOULD (req-8): type 3, code 13 when a session cannot be made.
    pub prohibited: bool,
    /// The inside address that such messages come from; `None` when the router has none, and sends
    /// none.
    pub inside_address: Option<Ipv4Addr>,
    /// How many at most.
    pub rate: Rate,
    /// Whether ICMP errors that quote a TCP segment must quote a sequence number that the
    /// connection could have sent (RFC 5927 §4).
    pub check_quoted_sequence: bool,
    /// Whether the IP header checksum of a quoted packet must be right.
    // RFC 5508 §4.1 SHOULD (req-3-a): the embedded IP packet's checksum is verified.
    pub check_quoted_checksum: bool,
    /// Whether source quench messages are translated, as other errors are.
    pub pass_quench: bool,
    /// "Fragmentation needed" that reports a smaller MTU than this, in octets, is dropped: forged ones
    /// make a sender cut its packets to bits. 0, which routers older than RFC 1191 report, passes.
    pub min_reported_mtu: u16,
}

/// What becomes of a TCP SYN from outside that nothing permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsolicitedSyn {
    /// It is dropped, and nobody is told.
    Drop,
    /// It is noted. Unless the inside opens the same connection within six seconds, "port
    /// unreachable" answers it then.
    // RFC 5382 §4.3 MUST NOT (req-4): no answer for six seconds.
    Answer {
        /// How many are noted at a time; further ones are dropped.
        max_noted: usize,
    },
}
