//! Echo, as a prober (RFC 792, RFC 4443 §4): many targets, many requests in flight, and every answer
//! told for what it is.
//!
//! [`Pinger`] has the calls of a machine. What it sends is an echo request with an identifier, a
//! sequence number and, in the first eight octets of its data, a random token; what comes back is
//! told apart:
//!
//! | it is | when |
//! |---|---|
//! | a reply | identifier, sequence number, source and token are right |
//! | late | the request had timed out |
//! | a duplicate | the request had been answered |
//! | reordered | a later request had been answered |
//! | corrupt | token right, other data wrong: where the first difference is |
//! | an error | it quotes a request of ours to that target |
//! | discarded, and counted | anything else: wrong token, unknown source or sequence number |
//!
//! ```
//! use core::time::Duration;
//! use icmp_nd::ping::{Event, PingConfig, Pinger, Target};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//! use packet_buffer::wire::*;
//!
//! let mut pinger = Pinger::new(PingConfig::default(), Box::new(OsRandom))?;
//! let here = [192, 0, 2, 1].into();
//! let target = pinger.add_target(Instant::ZERO, Target::new(here, [192, 0, 2, 2].into()))?;
//!
//! // The run loop: tell the time, send what there is, hand in what comes, sleep until the deadline.
//! pinger.handle_timeout(Instant::ZERO);
//! let mut packet = PacketBuf::with_headroom(64);
//! pinger.poll_transmit(&mut packet).expect("the first request");
//!
//! // The other end.
//! let request = Ipv4Packet::parse(packet.as_slice())?;
//! let icmp = Icmpv4Message::parse(request.payload())?;
//! let Icmpv4Repr::EchoRequest { identifier, sequence_number } = icmp.to_repr() else { panic!() };
//! let mut reply = PacketBuf::with_headroom(64);
//! reply.append_slice(icmp.payload());
//! Icmpv4Repr::EchoReply { identifier, sequence_number }.emit(&mut reply)?;
//! Ipv4Repr::new(request.destination(), request.source(), IpProtocol::ICMP).emit(&mut reply)?;
//!
//! pinger.handle_input(Instant::from_millis(12), reply.as_slice())?;
//! let Some(Event::Reply(reply)) = pinger.poll_event() else { panic!() };
//! assert_eq!((reply.target, reply.rtt), (target, Duration::from_millis(12)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod config;
mod engine;
mod event;
mod payload;
mod quoted;
mod target;

pub use crate::probe::{Framing, IcmpError, Received, RttStats};
pub use config::{PingConfig, PingConfigError, Target};
pub use engine::Pinger;
pub use event::{Discard, Event, PingStats, Reply, TargetError, TargetId, Transmit};
pub use payload::Pattern;
pub use target::TargetStats;
