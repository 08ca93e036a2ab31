//! PPP from the first flag octet to IP packets, sans-IO and `no_std`.
//!
//! | module | what it does | specification |
//! |---|---|---|
//! | [`framing`] | frames on octet streams: flags, escapes, check sequences of 16 and 32 bits | RFC 1662, RFC 1570 §3.1 |
//! | [`wire`] | packets, control packets and configuration options | RFC 1661 §2, §5, §6 |
//! | [`automaton`] | the option negotiation automaton, and one end of a control protocol | RFC 1661 §4 |
//! | [`lcp`] | the Link Control Protocol | RFC 1661 §5, §6, RFC 1570 §2 |
//! | [`auth`] | PAP, CHAP with MD5, MS-CHAP-V2 and EAP with MD5-Challenge, both sides | RFC 1334, 1994, 2759, 3748 |
//! | [`ncp`] | IPCP with name servers, IPV6CP | RFC 1332, 1877, 5072 |
//! | [`ccp`] | compression by Deflate and BSD Compress, encryption by MPPE | RFC 1962, 1977, 1979, 3078, 3079 |
//! | [`ecp`] | encryption by DESE-bis and 3DESE | RFC 1968, 2419, 2420 |
//! | [`vj`] | Van Jacobson header compression | RFC 1144, RFC 1332 §4 |
//! | [`lqr`] | link quality reports | RFC 1989 |
//! | [`multilink`] | bundles: fragments out, packets in | RFC 1990 |
//! | [`link`] | the phases of a link as one machine | RFC 1661 §3 |
//! | [`pppoe`] | PPP over Ethernet: client and access concentrator | RFC 2516, RFC 4638 |
//!
//! A [`link::Link`] is what a program mostly uses: it owns LCP, authentication and the network control
//! protocols, takes and gives PPP packets, and tells by events what happens. On an octet stream, a
//! [`framing::Encoder`] and a [`framing::Decoder`] stand between it and the line:
//!
//! ```
//! use ppp_lcp_ncp::framing::{Decoder, Encoder};
//! use ppp_lcp_ncp::link::{Link, LinkConfig, LinkEvent};
//! use ppp_lcp_ncp::wire::PppProtocol;
//! use ppp_lcp_ncp::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//!
//! struct Port { link: Link, encoder: Encoder, decoder: Decoder }
//!
//! let now = Instant::ZERO;
//! let mut ports = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|address| {
//!     let mut config = LinkConfig { ipv6cp: None, ..LinkConfig::default() };
//!     config.ipcp.get_or_insert_default().address = Some(address.into());
//!     let mut link = Link::new(config, Box::new(OsRandom)).unwrap();
//!     link.open(now);
//!     link.lower_up(now);
//!     Port { link, encoder: Encoder::new(), decoder: Decoder::new(1500) }
//! });
//! let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
//! while !ports.iter().all(|port| port.link.is_open(PppProtocol::IPV4)) {
//!     let [a, b] = &mut ports;
//!     let mut line = PacketBuf::new();
//!     while let Some(transmit) = a.link.poll_transmit(&mut packet) {
//!         a.encoder.encode(&transmit.framing, packet.as_slice(), &mut line);
//!     }
//!     let mut octets = line.as_slice();
//!     while let Some(frame) = b.decoder.next_frame(&mut octets) {
//!         b.link.handle_input(now, frame, &mut data)?;
//!         b.decoder.set_parameters(&b.link.receive_framing());
//!     }
//!     // A program waits for the line or for poll_timeout here, and looks at the events.
//!     while let Some(event) = b.link.poll_event() {
//!         if let LinkEvent::Ipv4Up(values) = event {
//!             assert!(values.our_address.is_some());
//!         }
//!     }
//!     ports.swap(0, 1);
//! }
//! # Ok::<(), ppp_lcp_ncp::link::LinkDiscard>(())
//! ```
//!
//! # Authentication
//!
//! [`LcpConfig::require_auth`](lcp::LcpConfig::require_auth) says how the peer has to prove itself,
//! [`allow_auth`](lcp::LcpConfig::allow_auth) how we do when it asks; nothing of both is the default. Names are in
//! [`LinkConfig::authenticator`](link::LinkConfig::authenticator) and
//! [`supplicant`](link::LinkConfig::supplicant). Secrets are never in a configuration: the link asks for
//! one with an event, and waits for the answer, at once or after a look-up elsewhere.
//!
//! ```
//! use ppp_lcp_ncp::auth::Secret;
//! use ppp_lcp_ncp::lcp::AuthMethod;
//! use ppp_lcp_ncp::link::{AuthRole, Link, LinkConfig, LinkEvent};
//! use ppp_lcp_ncp::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//!
//! // A server that gives the address 192.0.2.100 to who knows the secret.
//! let mut server = LinkConfig::default();
//! server.lcp.require_auth = vec![AuthMethod::MsChapV2, AuthMethod::ChapMd5]; // the best first
//! server.authenticator.name = b"server".to_vec();
//! let ipcp = server.ipcp.get_or_insert_default();
//! ipcp.address = Some([192, 0, 2, 1].into());
//! ipcp.peer_address = Some([192, 0, 2, 100].into());
//! // A client that takes what it is given.
//! let mut client = LinkConfig::default();
//! client.lcp.allow_auth = vec![AuthMethod::ChapMd5];
//! client.supplicant.name = b"alice".to_vec();
//!
//! let now = Instant::ZERO;
//! let mut ends = [server, client].map(|config| {
//!     let mut link = Link::new(config, Box::new(OsRandom)).unwrap();
//!     link.open(now);
//!     link.lower_up(now);
//!     link
//! });
//! let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
//! let (mut proved, mut given) = (None, None);
//! while given.is_none() {
//!     let [from, to] = &mut ends;
//!     while from.poll_transmit(&mut packet).is_some() {
//!         to.handle_input(now, packet.as_slice(), &mut data)?;
//!     }
//!     while let Some(event) = to.poll_event() {
//!         match event {
//!             LinkEvent::SecretWanted { role, name } => {
//!                 // `None` for a name that is not known. `Ours` is asked for the secret of our own name.
//!                 let known = role == AuthRole::Ours || name == b"alice";
//!                 let secret = Secret::from("only we know");
//!                 to.provide_secret(now, role, known.then_some(&secret));
//!             }
//!             LinkEvent::Authenticated { role: AuthRole::Peer, name } => proved = Some(name),
//!             LinkEvent::Ipv4Up(values) if values.our_address == Some([192, 0, 2, 100].into()) => {
//!                 given = values.our_address;
//!             }
//!             LinkEvent::Closed(reason) => panic!("{reason}"),
//!             _ => {}
//!         }
//!     }
//!     ends.swap(0, 1);
//! }
//! assert_eq!(proved.as_deref(), Some(&b"alice"[..]));
//! # Ok::<(), ppp_lcp_ncp::link::LinkDiscard>(())
//! ```
//!
//! # Network packets
//!
//! [`Link::send`](link::Link::send) puts a packet into the link's queue, from which
//! [`poll_transmit`](link::Link::poll_transmit) takes it; [`Link::encapsulate`](link::Link::encapsulate) makes the PPP
//! packet at once, without a copy. What arrives comes out of [`Link::handle_input`](link::Link::handle_input), which names
//! its protocol.
//!
//! # Over Ethernet
//!
//! A [`pppoe::Client`] finds a concentrator, a [`pppoe::AccessConcentrator`] answers; when a session is there, its frames
//! carry the link's packets: `lower_up` when it begins, `lower_down` when it ends, no framing between. The MRU is 1492
//! octets, or what RFC 4638 agrees on.
//!
//! # Limits and non-goals
//!
//! There are no modems and no chat scripts here, no L2TP, no EAP beyond MD5-Challenge, and no BAP (RFC 2125). Callback is
//! rejected. MS-CHAP-V2, CHAP with MD5, MPPE and DES are spoken because peers speak them; none is safe against somebody who
//! listens.
//!
//! # Features
//!
//! * `std` (default): the adapters of `packet-buffer`, and check sequences by carry-less multiplication where the
//!   processor has it; the results are the same. Without it the crate needs `alloc`.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod auth;
pub mod automaton;
pub mod ccp;
pub mod ecp;
pub mod framing;
pub mod lcp;
pub mod link;
pub mod lqr;
pub mod multilink;
pub mod ncp;
pub mod pppoe;
pub mod vj;
pub mod wire;

pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};

/// The code in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
