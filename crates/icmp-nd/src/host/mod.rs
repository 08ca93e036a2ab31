//! The IP layer of a dual-stack host on one Ethernet link.
//!
//! A [`Host`] takes frames and gives frames. It configures IPv6 addresses from routers, tests and
//! defends addresses of both versions, resolves neighbors, answers pings and timestamp requests,
//! obeys redirects and path MTUs, puts fragments together and splits packets, and sends the ICMP
//! errors that a host has to. What is left is the caller's: UDP, TCP, the applications.
//!
//! ```
//! use icmp_nd::host::{Host, HostConfig, Outgoing};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::wire::{IpProtocol, MacAddr};
//! # struct Random(u64);
//! # impl icmp_nd::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//! #             *octet = self.0.to_be_bytes()[0];
//! #         }
//! #     }
//! # }
//!
//! let config = HostConfig::new(MacAddr([2, 0, 0, 0, 0, 1]));
//! let mut host = Host::new(config, Box::new(Random(1)))?;
//! host.start(Instant::ZERO);
//! host.add_ipv4_address(Instant::ZERO, "192.0.2.1".parse()?, 24)?;
//!
//! // The loop of a program: frames that came in, time that has passed, frames to send.
//! let (mut out, mut packet) = (PacketBuf::new(), PacketBuf::new());
//! let mut now = Instant::ZERO;
//! while now < Instant::from_secs(10) {
//!     now = host.poll_timeout().ok_or("a host always waits for something")?;
//!     host.handle_timeout(now);
//!     while host.poll_transmit(&mut out).is_some() {
//!         // device.send(out.as_slice());
//!     }
//!     while let Some(received) = host.poll_receive(&mut packet) {
//!         // A whole packet; `received` says what is in it.
//!     }
//! }
//! assert_eq!(host.select_source("192.0.2.2".parse()?), Some("192.0.2.1".parse()?));
//!
//! // A datagram; its neighbor is asked for first.
//! let mut datagram = PacketBuf::from(&b"\x00\x07\x00\x07\x00\x08\x00\x00"[..]);
//! host.send(now, &Outgoing::new("192.0.2.2".parse()?, IpProtocol::UDP), &mut datagram)?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod config;
mod echo;
mod extended_echo;
mod icmp;
mod machine;
mod receive;
mod report;
mod routes;
mod send;

pub use config::{HostConfig, HostConfigError, HostLimits};
pub use machine::Host;
pub use report::{Discard, Event, HostStats, Received, Rejection, SendError};
pub use routes::Ipv4Route;
pub use send::Outgoing;
