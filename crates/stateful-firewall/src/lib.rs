//! A stateful firewall as a library: rules, zones, access lists and security groups in front of a
//! table of sessions, for routers, hosts, hypervisors and simulators.
//!
//! It is a part of a router. The router hands it every packet with the way that the packet will take, and
//! gets a [`Verdict`]. No socket is opened, no clock read, no thread started: packets and the time
//! go in; verdicts, answers, deadlines and events come out.
//!
//! # What it does
//!
//! | part | what it says |
//! |---|---|
//! | [access lists](model::Acl) | stateless, numbered, first match, per interface and direction, an implicit denial at the end |
//! | [zones](model::Zone) | from a higher level to a lower one sessions may begin, otherwise not, unless a rule says so |
//! | [rules](model::Rule) | in order, about the first packet of a session: accept, drop, reject, continue, queue; with log, mark, limits, helper, filter, SYN proxy |
//! | [security groups](model::SecurityGroup) | allow-only, stateful, attached to interfaces, members of each other's rules |
//! | [sessions](Firewall) | TCP with windows and sequence numbers, UDP and other pseudo-sessions, ICMP queries, errors about sessions, connections that helpers expect |
//! | [`application`] | names in HTTP, TLS and DNS, paths, a hook for scanners, over a bounded stream reassembler |
//! | [explanations](Firewall::explain), [checks](CompiledPolicy::check) | which rule decides and why; which rules never can |
//! | [synchronisation](SyncMessage) | a standby that takes over all sessions |
//!
//! Policies are made by hand, read from the [rule language](language), or with the `serde` feature
//! from TOML. They are [compiled](CompiledPolicy) to a tuple space, so that ten thousand rules cost
//! little more than a hundred.
//!
//! # Run loop
//!
//! ```
//! use packet_buffer::wire::{IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr};
//! use stateful_firewall::{
//!     Event, Firewall, FirewallConfig, Instant, PacketBuf, Path, Verdict, language,
//! };
//! # struct Random(u64);
//! # impl stateful_firewall::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = (self.0 >> 56) as u8;
//! #         }
//! #     }
//! # }
//! # let random = Box::new(Random(1));
//!
//! let policy = language::compile("
//!     zone inside level 100
//!     zone dmz level 50
//!     zone outside level 0
//!     interface lan0 zone inside
//!     interface dmz0 zone dmz
//!     interface wan0 zone outside
//!     rules from outside to dmz {
//!         web: accept tcp to 192.0.2.80 port { 80, 443 } sessions-per-source 100 log
//!     }
//! ")?;
//! let mut firewall = Firewall::new(FirewallConfig::new(10_000), policy, random)?;
//! let lan = firewall.interface("lan0").unwrap();
//! let dmz = firewall.interface("dmz0").unwrap();
//! let wan = firewall.interface("wan0").unwrap();
//!
//! // A SYN to the web server comes in from outside; the routing table says: by dmz0.
//! let mut packet = PacketBuf::new();
//! let (source, destination) = ([198, 51, 100, 7].into(), [192, 0, 2, 80].into());
//! let syn = TcpRepr {
//!     source_port: 40_000,
//!     destination_port: 443,
//!     flags: TcpFlags::SYN,
//!     ..TcpRepr::default()
//! };
//! syn.emit(&mut packet, &PseudoHeader::V4 { source, destination })?;
//! Ipv4Repr::new(source, destination, IpProtocol::TCP).emit(&mut packet)?;
//!
//! let now = Instant::from_secs(1);
//! match firewall.process(now, &Path::new(wan, dmz), &mut packet) {
//!     Verdict::Accept { .. } => { /* forward it */ }
//!     Verdict::Drop(reason) => panic!("{reason}"),
//!     other => panic!("{other:?}"),
//! }
//! // Its session goes to the DMZ, and nowhere else.
//! assert!(!firewall.process(now, &Path::new(wan, lan), &mut packet).is_accept());
//!
//! // After each packet, or now and then: what the firewall itself sends, and what has happened.
//! let mut out = PacketBuf::new();
//! while let Some(transmit) = firewall.poll_transmit(&mut out) {
//!     println!("send {} octets by {:?}", out.len(), transmit.interface);
//! }
//! while let Some(event) = firewall.poll_event() {
//!     if let Event::Packet(log) = event {
//!         println!("{:?} {:?}", log.cause, log.key);
//!     }
//! }
//! // The event loop sleeps until then.
//! while let Some(at) = firewall.poll_timeout() {
//!     firewall.handle_timeout(at);
//! }
//! assert_eq!(firewall.sessions(), (0, 0));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # The way of a packet
//!
//! 1. Headers: what is malformed, source-routed, to itself, or from an address that no host has goes;
//!    checksums are verified.
//! 2. Spoofing: bogons, and the route back to the source, where the interface asks for it.
//! 3. Access lists of the interface in, then of the interface out.
//! 4. Fragments wait for their packet ([`FragmentMode`]), which starts over at 1.
//! 5. A session: the tracker says whether the packet belongs ([`TcpPolicy`]), the zone must be the
//!    session's. ICMP errors are held to the session of the packet that they quote.
//! 6. No session: a connection that a helper expects; or security groups of both ends, then rules in
//!    order, then levels. Limits come last, then the session begins.
//! 7. Helpers and filters read what their rules give them.
//!
//! With address translation beside it, rules are written for the addresses that the firewall is handed: a
//! router that asks the firewall before the translator on the way out, and after it on the way in,
//! has inside addresses in its rules. A gateway that keeps both in one entry of a table of its own puts an [`Admission`]
//! into it.
//!
//! # Specifications
//!
//! | topic | where |
//! |---|---|
//! | transparency | RFC 2979, RFC 3360 |
//! | blind attacks on TCP | RFC 5961; G. van Rooij, "Real stateful TCP packet filtering in IP Filter" (2001) |
//! | sequence numbers of its own | RFC 4987 §3.6, RFC 6528 |
//! | ICMP errors | RFC 5927 §4.1, RFC 1122 §3.2.2, RFC 1812 §4.3.2, RFC 4443 §2.4 |
//! | reverse path, source routes | RFC 3704, RFC 7126, RFC 5095 |
//! | fragments | RFC 1858, RFC 3128, RFC 5722, RFC 6946, RFC 7112 |
//! | helpers | RFC 959, RFC 2428, RFC 2577, RFC 1350, RFC 3261 |
//! | application layer | RFC 9112, RFC 8446, RFC 6066, RFC 1035 |
//!
//! # Floods and bounds
//!
//! Memory for sessions is reserved at the start; what grows beside it has a bound in
//! [`FirewallConfig`], a policy for when it is reached and a counter in [`Stats`]. What is denied leaves no state. A full
//! table gives up sessions that nobody has answered, and never established ones. Half-open connections have a
//! bound of their own, and shorter timers the more they are; above a mark the firewall can answer handshakes
//! with cookies. Logs and answers are limited, which never changes a verdict. Places in tables
//! come from hashes that are drawn per firewall.
//!
//! # Memory
//!
//! An IPv4 session takes 139 octets all in, an IPv6 one 187, and 56 more each with
//! [`accounting`](FirewallConfig::accounting).
//!
//! # Limits and non-goals
//!
//! - One firewall is one `&mut`: shard by flow, one a core.
//! - No translation of addresses, no routing, no hop limits: the router around it does that.
//! - What runs over TLS is not decrypted; with Encrypted ClientHello it is the outer name that a filter sees.
//!   HTTP/2 and QUIC are unknown to filters.
//! - A connection whose handshake the firewall answers goes without window scaling, SACK and timestamps.
//! - A standby does not take over sessions that a filter is still reading: it drops what comes of them.
//!
//! # Features
//!
//! * `std` (default): the `std` adapters of `packet-buffer`; the crate is `no_std` and needs `alloc`.
//! * `serde`: [`model::Policy`] can be read from and written to TOML and the like.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

pub mod application;
mod check;
mod classifier;
mod compile;
mod engine;
mod facts;
pub mod language;
pub mod model;
mod sync_frame;

pub use check::{Finding, FindingKind, Report};
pub use compile::{
    CompileError, CompiledPolicy, Decision, Field, GroupSide, MAX_INTERFACES, MAX_RANGES,
    MAX_RULES, MAX_SET_DEPTH, MAX_USERS, MAX_ZONES, Problem, Reason, RuleId,
};
pub use engine::*;
pub use facts::{Facts, InterfaceId, Part, ZoneId};
pub use flow_state::{Direction, Invalid, Key, TcpPolicy, Timers};
pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
pub use sync_frame::{Frame, FrameError, MAX_FRAME, SyncReader, SyncWriter};
