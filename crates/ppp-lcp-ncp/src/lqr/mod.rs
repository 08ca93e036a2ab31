//! Link quality reports (RFC 1989): how much of what is sent arrives, in both directions.
//!
//! Each end counts what it sends and what it gets, and tells the other now and then. From two reports
//! of the peer an [`LqrMonitor`] knows what was lost between them: of what we sent, since a report says
//! what had arrived there when a report of ours did; and of what the peer sent.
//!
//! ```text
//!  octets 0      4          8             12           16
//!        +------+----------+-------------+------------+
//!        | magic number    | last out LQRs, packets, octets    what the peer had last heard from us
//!        +------+----------+-------------+------------+
//!        | peer in LQRs, packets, discards, errors, octets     what had arrived with it
//!        +------+----------+-------------+------------+
//!        | peer out LQRs, packets, octets                      what the peer has sent, this report with it
//!        +------+----------+-------------+------------+        12 numbers of 4 octets
//! ```

mod monitor;
mod report;

pub use monitor::{
    Direction, LqrDiscard, LqrEvent, LqrMonitor, LqrStats, Measurement, QualityConfig,
    QualityConfigError,
};
pub use report::{LqrPacket, LqrRepr};
