//! An end of a PPP link that lives: a line, the machine of the `ppp-lcp-ncp` crate, and a TUN device for its packets.
//!
//! | module | what it does |
//! |---|---|
//! | [`file`](mod@file), [`config`] | the configuration file, and what comes of it |
//! | [`line`](mod@line) | serial devices, ptys, Unix sockets, Ethernet interfaces |
//! | [`ethernet`] | PPP over Ethernet: the interface, and the discovery of a session |
//! | [`port`] | the machine and the framing as one, without a socket or a clock |
//! | [`bundle`] | several lines as one link, with a run loop of its own |
//! | [`tun`] | the kernel's end |
//! | [`report`] | events and counters, for people and as JSON |
//! | [`run`] | the run loop |
//! | [`simulate`] | two ends on a line in memory, without root |
//! | [`lab`], [`scenario`] | both ends for the interop tests, and what they play |

pub mod bundle;
pub mod config;
pub mod ethernet;
pub mod file;
pub mod lab;
pub mod line;
pub mod port;
pub mod report;
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod tun;
