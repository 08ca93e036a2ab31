//! What the examples of this workspace share.
//!
//! The protocol crates know nothing of each other; here they meet.
//!
//! | module | what it does |
//! |---|---|
//! | [`capture_file`] | reads pcap and pcapng files, also damaged ones |
//! | [`dissect`] | prints a frame's layers as the crates see them |
//! | [`compare`] | holds that against another dissector's reading of the same frames |
//! | [`control_socket`] | a line in, an answer out, for programs that run |
//! | [`devices`] | TUN devices to route between |
//! | [`echo_host`] | a small host on a TUN device that answers echo requests and UDP echo |
//! | [`gateway`] | a router around the translator and the firewall |
//! | [`firewall`] | a live firewall, with or without translation |
//! | [`live_host`] | a dual-stack host for a live link, with UDP echo and pings of its own |
//! | [`lab`] | network namespaces and tools of Linux, for the interop tests |
//! | [`nat_router`] | a live router that translates addresses |
//! | [`one_entry`] | a gateway that keeps translation and firewall in one entry of one table |
//! | [`pppd`] | a live end of a PPP link |
//! | [`packet_oracle`] | the gateway behind a line protocol, and recorded packets held against it |
//! | [`probe_net`] | sockets for `ping` and `traceroute`, and a simulated path |
//! | [`proxy_firewall`] | connections that the firewall terminates, over the system's sockets |
//! | [`rip_router`] | a live router for RIP and RIPng |
//! | [`router_config`], [`router_sim`] | an IPv6 router's configuration file, and one in a simulated network |
//! | [`trace_report`] | what `traceroute` prints: a table, or JSON |
#![forbid(unsafe_code)]

extern crate alloc;

pub mod capture_file;
pub mod compare;
pub mod control_socket;
pub mod devices;
pub mod dissect;
pub mod echo_host;
pub mod firewall;
pub mod gateway;
pub mod lab;
pub mod live_host;
pub mod live_router;
pub mod nat_router;
pub mod one_entry;
pub mod packet_oracle;
pub mod pppd;
pub mod probe_net;
pub mod proxy_firewall;
pub mod rip_router;
pub mod router_config;
pub mod router_sim;
pub mod trace_report;
pub mod world;

/// The code in the project's README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;
