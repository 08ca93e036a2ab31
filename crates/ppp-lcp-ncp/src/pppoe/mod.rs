//! PPP over Ethernet (RFC 2516), with payloads over 1492 octets (RFC 4638).
//!
//! A [`Client`] finds an access concentrator and opens a session with it; an [`AccessConcentrator`]
//! answers to many of them. Both take and give whole Ethernet frames, with VLAN tags or without,
//! and leave PPP itself to a [`Link`](crate::link::Link) for each session.
//!
//! ```text
//!  client                                     concentrator
//!    | PADI  to all: who has this service?  -->  |
//!    | <--  PADO  I have; here is a cookie       |    keeps nothing until
//!    | PADR  then I want it; the cookie     -->  |    the cookie comes back
//!    | <--  PADS  the number of the session      |
//!    | <-------------- PPP --------------------> |
//!    | PADT  either of them: the session is over |
//! ```
//!
//! ```text
//!  0         1      2            4        6
//! +----+----+------+------------+--------+------------------------
//! | 1  | 1  | code | session    | length | tags (discovery), or a
//! | version | type | identifier |        | PPP packet (session)
//! +----+----+------+------------+--------+------------------------
//! ```
//!
//! ```
//! use ppp_lcp_ncp::pppoe::{
//!     AccessConcentrator, Client, ClientConfig, ClientState, ConcentratorConfig, ConcentratorEvent,
//! };
//! use ppp_lcp_ncp::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//! use packet_buffer::wire::MacAddr;
//!
//! let now = Instant::ZERO;
//! let address = MacAddr([2, 0, 0, 0, 0, 1]);
//! let mut concentrator =
//!     AccessConcentrator::new(ConcentratorConfig::new(address, b"ac"), Box::new(OsRandom))?;
//! let mut client =
//!     Client::new(ClientConfig::new(MacAddr([2, 0, 0, 0, 0, 2])), Box::new(OsRandom))?;
//! client.open(now);
//! let mut frame = PacketBuf::new();
//! while client.state() != ClientState::Session {
//!     while client.poll_transmit(&mut frame).is_some() {
//!         concentrator.handle_input(now, frame.as_slice())?;
//!     }
//!     while concentrator.poll_transmit(&mut frame).is_some() {
//!         client.handle_input(now, frame.as_slice())?;
//!     }
//! }
//! // What a link has to send.
//! let mut packet = PacketBuf::from(&[0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0][..]);
//! client.encapsulate(&mut packet)?;
//! let Some(ConcentratorEvent::Opened { session, .. }) = concentrator.poll_event() else {
//!     unreachable!("the client has a session");
//! };
//! let received = concentrator.handle_input(now, packet.as_slice())?;
//! assert_eq!(received.map(|(id, _)| id), Some(session));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod client;
mod concentrator;
mod config;
mod cookie;
mod event;
mod packet;
mod peer;
mod table;
mod tag;

pub use client::{Client, ClientState};
pub use concentrator::AccessConcentrator;
pub use config::{ClientConfig, ConcentratorConfig, PppoeConfigError};
pub use event::{
    ClientEnd, ClientEvent, ClientStats, ConcentratorEvent, ConcentratorStats, PppoeDiscard,
    PppoeSendError, PppoeTransmit, SessionEnd,
};
pub use packet::{PppoeCode, PppoePacket, PppoeRepr};
pub use peer::Peer;
pub use tag::{Tag, TagIter, TagKind, Tags, append_tag};

/// Octets of a PPP packet's information that fit where nothing else was agreed: 1500 less the
/// header and the protocol (RFC 2516 §7).
pub const DEFAULT_MAX_PAYLOAD: u16 = 1492;
