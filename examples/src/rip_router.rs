//! A live router for RIP and RIPng: sockets, the kernel's routes, and the engine of the `rip` crate between them.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`], [`file`](mod@file), [`keys`] | the configuration file |
//! | [`sockets`] | UDP sockets, one an interface and family |
//! | [`netlink`] | interfaces, addresses and routes of the kernel |
//! | [`fib`] | writes routes into the kernel, on a thread of its own |
//! | [`state`] | what survives a restart |
//! | [`live`], [`run`] | the engine among them, and the run loop |
//! | [`snapshot`], [`control`], [`show`] | the state, the socket that gives it out, the table made of it |
//! | [`lab`] | routers for the interop tests: ours and others, set up alike |
//! | [`scale`] | large tables, ours beside others |
//! | [`packets`] | its messages as IP packets, where there are no sockets |
//! | [`simulate`] | the engine without a kernel, on a simulated ring |

pub mod config;
pub mod control;
pub mod fib;
pub mod file;
pub mod keys;
pub mod lab;
pub mod live;
pub mod netlink;
pub mod packets;
pub mod run;
pub mod scale;
pub mod show;
pub mod simulate;
pub mod snapshot;
pub mod sockets;
pub mod state;
