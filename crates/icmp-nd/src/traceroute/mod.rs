//! Finding the hops of a path: ICMP, UDP and TCP probes over IPv4 and IPv6, several in flight.
//!
//! [`Traceroute`] has the calls of a machine. It writes whole IP packets, for a raw socket with a
//! header of its own (`IPPROTO_RAW`) or a device, and takes whole IP packets or messages.
//!
//! # One flow
//!
//! Routers that share load pick the path by addresses, protocol and the first four octets of the
//! transport header; for ICMP these hold the checksum. All probes of a [`FlowPolicy::Stable`] trace
//! have the same there (Paris traceroute), and the IPv6 flow label too. Which probe an error quotes is told by
//! what the balancers do not look at, a 16-bit key:
//!
//! | probe | constant | holds the key |
//! |---|---|---|
//! | UDP | ports, length | the checksum, which two octets of data make come out so; over IPv4 the identification too |
//! | ICMP echo | checksum | the sequence number; the identifier changes with it so that the checksum does not |
//! | TCP SYN | ports | the upper half of the sequence number |
//!
//! All of that lies in the first eight octets behind the IP header, which every error quotes. Where more is
//! quoted, a random token in the data must be right as well.
//!
//! # MTU discovery
//!
//! With [`TracerouteConfig::mtu_discovery`], probes are as long as the packet size and must not be fragmented.
//! When a router says that a probe is too big, the size shrinks, the probe is sent again, and the first hop that
//! asks for the smaller size has it as [`Hop::mtu`].
//!
//! ```
//! use icmp_nd::traceroute::{Event, Outcome, Traceroute, TracerouteConfig};
//! use icmp_nd::generation::{ErrorOptions, build_ipv4_error};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//! use packet_buffer::wire::*;
//!
//! let (here, there) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
//! let config = TracerouteConfig::new(here, there);
//! let mut trace = Traceroute::new(Instant::ZERO, config, Box::new(OsRandom))?;
//! let mut packet = PacketBuf::with_headroom(64);
//! let mut error = PacketBuf::with_headroom(64);
//! let outcome = loop {
//!     let now = trace.poll_timeout().expect("it is not finished");
//!     trace.handle_timeout(now);
//!     while let Some(probe) = trace.poll_transmit(&mut packet) {
//!         // Two routers, and a destination where nobody listens.
//!         let (message, from) = if probe.ttl <= 2 {
//!             let code = icmpv4_code::TimeExceeded::TRANSIT;
//!             (Icmpv4Repr::TimeExceeded { code, quoted_words: 0 }, [10, 0, 0, probe.ttl].into())
//!         } else {
//!             let code = icmpv4_code::Unreachable::PORT;
//!             let unreachable = Icmpv4Repr::DestinationUnreachable { code, quoted_words: 0, next_hop_mtu: 0 };
//!             (unreachable, [198, 51, 100, 7].into())
//!         };
//!         build_ipv4_error(&message, packet.as_slice(), from, &ErrorOptions::default(), &mut error)?;
//!         trace.handle_input(now, error.as_slice())?;
//!     }
//!     if let Some(Event::Finished(outcome)) = std::iter::from_fn(|| trace.poll_event()).last() {
//!         break outcome;
//!     }
//! };
//! assert_eq!(outcome, Outcome::Reached { ttl: 3 });
//! assert_eq!(trace.hops().count(), 3);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod answer;
mod config;
mod engine;
mod event;
mod hop;
mod key;
mod packet;
mod window;

pub use crate::probe::{Annotation, IcmpError, Received, RttStats};
pub use config::{FlowPolicy, ProbeKind, Schedule, TracerouteConfig, TracerouteConfigError};
pub use engine::Traceroute;
pub use event::{Answer, AnswerKind, Discard, Event, Outcome, TracerouteStats, Transmit};
pub use hop::{Hop, Responder};
