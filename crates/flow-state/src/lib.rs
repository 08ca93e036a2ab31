//! What a NAT and a firewall both know of packets and of one flow, sans-IO and `no_std`.
//!
//! A gateway reads a packet once ([`FlowPacket`]), looks its key up in a table (`flow-table`), and asks the
//! flow's state ([`FlowState`], 44 octets) what the packet is to it. The state is a value with methods,
//! apart from any table, so that a translator and a filter can keep theirs in one entry.
//!
//! | for | see |
//! |---|---|
//! | keys, protocol, ports, quoted packets of ICMP errors | [`packet`] |
//! | TCP states, windows, resets | [`TcpFlow`], [`TcpPolicy`], [`step`] |
//! | UDP, ICMP queries, SCTP, DCCP, others | [`UdpFlow`], [`IcmpQueryFlow`], [`SctpFlow`], [`DccpFlow`], [`GenericFlow`] |
//! | how long flows live: RFC, Linux, cloud gateways | [`Timers`] |
//! | FTP, TFTP, SIP, PPTP, DNS as gateways read them | [`application`] |
//! | flows that other flows announce | [`ExpectationTable`] |
//! | rates and counts by key, in bounded memory | [`limits`] |
//! | the state as octets, for a standby | [`FlowState::write_snapshot`] |
//!
//! # Run loop
//!
//! ```
//! use flow_state::{Direction, FlowPacket, FlowState, Instant, Invalid, TcpPolicy, Timers, Verdict};
//!
//! /// Takes a packet of a flow in; when the flow ends, or `None` when it has ended.
//! fn next(
//!     flow: &mut Option<FlowState>,
//!     now: Instant,
//!     direction: Direction,
//!     packet: &FlowPacket<'_>,
//! ) -> Result<Option<Instant>, Invalid> {
//!     let (policy, timers) = (TcpPolicy::Strict, Timers::rfc());
//!     loop {
//!         let Some(state) = flow else {
//!             // No flow: a firewall asks its rules here, a translator makes a mapping.
//!             let state = flow.insert(FlowState::new(&policy, now, packet)?);
//!             return Ok(Some(now + state.timeout(&timers)));
//!         };
//!         match state.handle(&policy, now, direction, packet) {
//!             Verdict::Accept => return Ok(Some(now + state.timeout(&timers))),
//!             // It passes; a table leaves the deadline as it is.
//!             Verdict::Ignore => return Ok(None),
//!             Verdict::Invalid(why) => return Err(why),
//!             Verdict::Delete => {
//!                 *flow = None;
//!                 return Ok(None);
//!             }
//!             // The tuple is used again: as if there were no flow.
//!             Verdict::Reopen => *flow = None,
//!         }
//!     }
//! }
//! # use packet_buffer::{PacketBuf, wire::*};
//! # let mut packet = PacketBuf::with_headroom(64);
//! # let (a, b) = ([192, 0, 2, 1].into(), [198, 51, 100, 53].into());
//! # let addresses = PseudoHeader::V4 { source: a, destination: b };
//! # UdpRepr { source_port: 40_000, destination_port: 53 }.emit(&mut packet, &addresses)?;
//! # Ipv4Repr::new(a, b, IpProtocol::UDP).emit(&mut packet)?;
//!
//! let packet = FlowPacket::parse(packet.as_slice())?;
//! let mut flow = None;
//! let now = Instant::from_secs(10);
//! assert_eq!(next(&mut flow, now, Direction::Original, &packet)?, Some(Instant::from_secs(310)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # How TCP is tracked
//!
//! States follow one table ([`step`]), which a test holds whole against a transcription. Sequence
//! numbers are held against the windows of both ends as G. van Rooij describes it ("Real stateful TCP
//! packet filtering in IP Filter", 2001), with window scaling (RFC 7323) and SACK (RFC 2018); resets
//! against RFC 5961. How strictly is a [`TcpPolicy`]; `LinuxCompat` was found by experiment, and
//! lets the same through as a kernel in recorded and in fresh random sequences, without an exception; of lifetimes, a
//! test lists the one that differs.
//!
//! # Specifications
//!
//! | RFC | what |
//! |---|---|
//! | 9293, 7323, 2018 | TCP: states, windows, scaling, SACK |
//! | 5961, 5927 | blind attacks with segments and with ICMP errors |
//! | 4787, 5382, 5508, 5597 | lifetimes |
//! | 9260, 4340 | SCTP and DCCP |
//! | 2637, 2784, 2890 | GRE and PPTP |
//! | 959, 2428, 2577, 1350, 3261, 8866, 1035 | application protocols |
//!
//! # Limits and non-goals
//!
//! Nothing here changes packets, keeps tables of flows or sends anything. The SCTP tracker knows one path of
//! an association, and DCCP's does not look at sequence numbers. Application messages are read where
//! they start and when they are whole; streams are not put together.
//!
//! # Features
//!
//! `std` (default): the adapters of `packet-buffer`; nothing else changes.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod application;
mod dccp;
mod expectation;
mod flow;
mod generic;
mod icmp;
pub mod limits;
pub mod packet;
mod sctp;
mod snapshot;
mod tcp;
mod timers;
mod udp;
mod verdict;

pub use dccp::{DccpFlow, DccpState};
pub use expectation::{
    ExpectationConfig, ExpectationId, ExpectationStats, ExpectationTable, Expected, NotExpected,
};
pub use flow::FlowState;
pub use flow_table::{Direction, Ipv4FlowKey, Ipv6FlowKey};
pub use generic::{GenericFlow, GenericKind};
pub use icmp::IcmpQueryFlow;
pub use packet::{FlowPacket, Key, PacketError, Transport};
pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
pub use sctp::{SctpFlow, SctpState};
pub use tcp::{SegmentKind, Step, TcpFlow, TcpPolicy, TcpState, step};
pub use timers::{DccpTimers, SctpTimers, TcpTimers, Timers};
pub use udp::UdpFlow;
pub use verdict::{Invalid, Verdict};

/// The README's example, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
