//! TCP connections as seen from the middle: states, windows, and what of it a policy insists on.

mod advance;
mod fit;
mod flags;
mod flow;
mod linux;
mod policy;
mod reset;
mod snapshot;
mod state;
mod window;

pub use flow::TcpFlow;
pub use policy::TcpPolicy;
pub use state::{SegmentKind, Step, TcpState, step};
