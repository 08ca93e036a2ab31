//! Path MTU discovery: the cache of RFC 1191 and RFC 8201, and probing of RFC 8899.
//!
//! | for | see |
//! |---|---|
//! | what a path lets through, as routers report it | [`PathMtuCache`] |
//! | the report in an ICMP error, read and checked | [`Report`] |
//! | what a path lets through, found by probes when routers are silent | [`Plpmtud`] |
//! | the transition table of RFC 8899 §5.2 | [`step()`] |
//!
//! All sizes are octets of whole IP packets, header included, which is how ICMP tells them; a
//! packetization layer subtracts its own headers.
//!
//! # Whom to believe
//!
//! A report says only that somebody on the path, or somebody who guesses, wrote it (RFC 5927 §7).
//! [`PathMtuCache::handle_report`] refuses what cannot be true, asks its caller whether the quoted
//! packet was sent, and keeps two kinds of entries apart: those that a transport confirmed, and
//! those that nobody could confirm (an echo request without a socket). The latter have a limit of
//! their own and never displace the former. No report ever raises a path MTU.
//!
//! ```
//! use packet_buffer::Instant;
//! use icmp_nd::pmtu::{Confirmation, Config, Path, PathMtuCache, Report};
//! # struct Random(u64);
//! # impl packet_buffer::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = (self.0 >> 56) as u8;
//! #         }
//! #     }
//! # }
//! let mut cache = PathMtuCache::new(Config::default(), &mut Random(1))?;
//! let path = Path::to("2001:db8::7".parse()?);
//! let link_mtu = 9000;
//! assert_eq!(cache.lookup(&path, link_mtu).mtu, 9000);
//!
//! // A router cannot pass on 9000 octets; our transport knows the quoted packet.
//! let report = Report::new(path, 1500).with_packet_length(9000);
//! cache.handle_report(Instant::ZERO, &report, link_mtu, Confirmation::Verified)?;
//! assert_eq!(cache.lookup(&path, link_mtu).mtu, 1500);
//!
//! // Ten minutes later the path may have changed.
//! let at = cache.poll_timeout().unwrap();
//! cache.handle_timeout(at);
//! assert_eq!(cache.lookup(&path, link_mtu).mtu, 9000);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod cache;
mod config;
mod plateau;
mod plpmtud;
mod report;
mod search;
mod step;

pub use cache::PathMtuCache;
pub use config::{Config, ConfigError, Event, Increase, PathMtu, Stats};
pub use plateau::{PLATEAUS, plateau_above, plateau_below};
pub use plpmtud::{
    Plpmtud, PlpmtudConfig, PlpmtudConfigError, PlpmtudDiscard, PlpmtudEvent, PlpmtudStats, Probe,
};
pub use report::{Confirmation, Discard, Path, Report};
pub use search::Search;
pub use step::{Action, Actions, State, StepEvent, step};

/// The smallest path MTU of IPv6, which every link has (RFC 8200 §5).
pub const IPV6_MIN_MTU: u32 = 1280;
/// The smallest path MTU of IPv4: what every router passes on unfragmented (RFC 791 §3.2).
pub const IPV4_MIN_MTU: u32 = 68;
