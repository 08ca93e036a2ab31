//! NAT64: IPv6 hosts reach the IPv4 Internet.
//!
//! | what | specification |
//! |---|---|
//! | [`Pref64`]: IPv4 addresses within IPv6 addresses | RFC 6052 |
//! | [`ipv4_to_ipv6`], [`ipv6_to_ipv4`]: headers, ICMP, quoted packets; stateless | RFC 7915 |
//! | [`Nat64`]: bindings, sessions, filtering, hairpinning, timers | RFC 6146 |
//!
//! ```
//! use nat::Instant;
//! use nat::nat64::{Nat64, Nat64Config, Nat64Side, Nat64Verdict, Pref64};
//! use packet_buffer::{PacketBuf, wire::*};
//! # struct Random(u64);
//! # impl packet_buffer::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = (self.0 >> 56) as u8;
//! #         }
//! #     }
//! # }
//! # let random = Box::new(Random(1));
//!
//! let pool = vec!["203.0.113.1".parse()?];
//! let mut nat64 = Nat64::new(Nat64Config::new(Pref64::WELL_KNOWN, pool), random)?;
//!
//! // A query for a server of the IPv4 Internet.
//! let (host, server) = ("2001:db8::1".parse()?, "64:ff9b::198.51.100.53".parse()?);
//! let ip = Ipv6Repr::new(host, server, IpProtocol::UDP);
//! let mut packet = PacketBuf::new();
//! let udp = UdpRepr { source_port: 40_000, destination_port: 53 };
//! udp.emit(&mut packet, &ip.pseudo_header())?;
//! ip.emit(&mut packet)?;
//!
//! let verdict = nat64.process(Instant::from_secs(1), Nat64Side::V6, &mut packet);
//! assert_eq!(verdict, Nat64Verdict::Forward { to: Nat64Side::V4, hairpin: false });
//! let sent = Ipv4Packet::parse(packet.as_slice())?;
//! assert_eq!(sent.source().to_string(), "203.0.113.1");
//! assert_eq!(sent.destination().to_string(), "198.51.100.53");
//!
//! // What else is to be sent, and when to come back.
//! let mut out = PacketBuf::new();
//! while let Some(transmit) = nat64.poll_transmit(&mut out) {
//!     println!("{:?} {:?}", transmit.to, out);
//! }
//! let deadline = nat64.poll_timeout().expect("a session");
//! nat64.handle_timeout(deadline);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod address;
mod config;
mod content;
mod engine;
mod fragments;
mod from_v4;
mod from_v6;
mod icmp;
mod ports;
mod reports;
mod sessions;
mod tables;
mod tcp;
mod to_v4;
mod to_v6;
mod translate;

pub use address::{Pref64, Pref64Error};
pub use config::{
    Nat64Binding, Nat64Config, Nat64ConfigError, Nat64Drop, Nat64Event, Nat64Filtering, Nat64Side,
    Nat64Stats, Nat64Timers, Nat64Verdict,
};
pub use engine::{Nat64, Nat64Session, Nat64Transmit};
pub use tcp::{TcpEvent, TcpLifetime, TcpState, TcpStep, step};
pub use to_v4::ipv6_to_ipv4;
pub use to_v6::ipv4_to_ipv6;
pub use translate::{Addresses, TranslateConfig, TranslateError};
