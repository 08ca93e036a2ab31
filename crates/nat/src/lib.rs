//! Network address translation as the RFCs require: NAPT, static, NAT64, NPTv6, PCP; sans-IO, no_std.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod alg;
mod bindings;
mod classify;
mod config;
pub mod deterministic;
mod engine;
mod event;
mod flow;
pub mod hooks;
pub mod log;
mod mapping;
pub mod nat64;
pub mod nptv6;
pub mod pcp;
pub mod port_block;
pub mod ports;
mod rewrite;
mod sctp;
mod subscribers;
mod verdict;

pub use classify::{Classification, MappingBehavior, classify};
pub use config::{
    Action, Alias, Filtering, Forward, Fragments, Icmp, Limits, Mapping, Matching, Napt, NatConfig,
    NatConfigError, Pool, Pooling, PortChoice, PortClasses, Profile, Reserved, Rule, Side, Target,
    UnsolicitedSyn, VirtualReassembly, WhenFull,
};
pub use engine::{
    ExplicitError, ExplicitMapping, ExplicitRequest, ImportError, Nat, RemoteFilter, SessionRecord,
    Transmit,
};
pub use event::{LimitKind, NatEvent, SessionInfo};
pub use flow::NatFlow;
pub use mapping::{Endpoint, MappingInfo};
pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
pub use rewrite::{Layout, translate};
pub use verdict::{DropReason, Stats, Verdict};
