//! Timestamp, address mask, information and extended echo exchanges (RFC 792, RFC 950, RFC 8335).
//!
//! | for | see |
//! |---|---|
//! | asking, with retries | [`Querier`] |
//! | offset and round-trip time of a timestamp exchange, pure | [`TimestampEstimate`] |
//! | answering, as far as the policy allows, pure | [`respond_ipv4`], [`respond_ipv6`], [`ResponderPolicy`] |
//!
//! By default echo and timestamp requests to this node alone are answered. What RFC 6918 deprecates
//! (information, address masks) and extended echo, which tells about interfaces, are off.
//!
//! ```
//! use icmp_nd::generation::Arrival;
//! use icmp_nd::query::*;
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//!
//! // A host whose clock is 250 ms ahead of ours.
//! let (me, peer) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
//! let config = QuerierConfig::new(me, peer, Question::Timestamp);
//! let mut querier = Querier::new(Instant::ZERO, config, Box::new(OsRandom))?;
//! let (mut request, mut reply) = (PacketBuf::with_headroom(64), PacketBuf::with_headroom(64));
//! querier.handle_timeout(Instant::ZERO);
//! querier.poll_transmit(&mut request).expect("the request");
//!
//! let policy = ResponderPolicy::default();
//! let context = ResponderContext { time_of_day: Some(260), ..ResponderContext::default() };
//! respond_ipv4(&policy, request.as_slice(), &Arrival::UNICAST, &context, &mut reply)?;
//!
//! querier.handle_input(Instant::from_millis(20), reply.as_slice())?;
//! let Some(QueryEvent::Answered { answer: Answer::Timestamp(estimate), .. }) = querier.poll_event() else { panic!() };
//! assert_eq!(estimate.offset_millis, Some(250));
//! assert_eq!(estimate.round_trip_millis, Some(20));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod client;
mod responder;
mod timestamp;

pub use client::{
    Answer, InterfaceQuestion, Querier, QuerierConfig, QuerierConfigError, QuerierStats,
    QueryDiscard, QueryEvent, Question,
};
pub use responder::{
    ExtendedEchoPolicy, InterfaceLookup, InterfaceState, Refusal, ResponderContext,
    ResponderPolicy, respond_ipv4, respond_ipv6,
};
pub use timestamp::TimestampEstimate;
