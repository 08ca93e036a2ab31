//! What a NAT and a firewall both know of a flow: keys of packets, TCP windows and states, timers, application helpers; sans-IO, no_std.
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
