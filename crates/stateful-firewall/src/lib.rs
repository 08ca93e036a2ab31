//! Zones, rules and stateful inspection with a compiled classifier; sans-IO, no_std.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

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
