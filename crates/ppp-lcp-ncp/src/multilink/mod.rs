//! Multilink bundles (RFC 1990): several links as one.
//!
//! A [`Fragmenter`] splits PPP packets and spreads them over the links of a bundle; a
//! [`Reassembler`] puts them in order again and notices what was lost. A [`Bundle`] has both, and
//! the links: those whose peer has the same name and the same endpoint discriminator
//! (RFC 1990 §5.1.3).
//!
//! Compression and encryption are the bundle's. Those of a single link (RFC 1962 §2, RFC 1968 §2), which
//! have protocol numbers of their own, are not offered; on a link they are answered by a Protocol-Reject.
//!
//! ```text
//!  0                                    4
//! +---+---+-------------+---------------+----------
//! | B | E | 0 0 0 0 0 0 | sequence (24) | fragment        the long header
//! +---+---+-------------+---------------+----------
//!  0                     2
//! +---+---+-----+-------+----------
//! | B | E | 0 0 | (12)  | fragment                        the short header
//! +---+---+-----+-------+----------
//! ```
//!
//! ```
//! use ppp_lcp_ncp::lcp::{EndpointDiscriminator, LcpConfig, MultilinkConfig};
//! use ppp_lcp_ncp::link::{Link, LinkConfig};
//! use ppp_lcp_ncp::multilink::{Bundle, BundleConfig};
//! use ppp_lcp_ncp::ncp::IpcpConfig;
//! use ppp_lcp_ncp::wire::PppProtocol;
//! use ppp_lcp_ncp::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//!
//! let now = Instant::ZERO;
//! let mut bundles = [1, 2].map(|number| {
//!     let ipcp = IpcpConfig { address: Some([192, 0, 2, number].into()), ..IpcpConfig::default() };
//!     let link = LinkConfig { ipcp: Some(ipcp), ..LinkConfig::default() };
//!     Bundle::new(BundleConfig { link, ..BundleConfig::default() }, Box::new(OsRandom)).unwrap()
//! });
//! let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
//! for _ in 0..2 {
//!     // A line comes up, and a link on it, whose network phase waits for the bundle.
//!     let mut ends = [1, 2].map(|number| {
//!         let endpoint = EndpointDiscriminator::new(1, &[number]);
//!         let multilink = MultilinkConfig { mrru: 1500, short_sequence_number: true, endpoint };
//!         let lcp = LcpConfig { multilink: Some(multilink), ..LcpConfig::default() };
//!         let config = LinkConfig { lcp, hold_network: true, ..LinkConfig::default() };
//!         let mut link = Link::new(config, Box::new(OsRandom)).unwrap();
//!         link.open(now);
//!         link.lower_up(now);
//!         link
//!     });
//!     while !ends.iter().all(Link::is_held) {
//!         let [a, b] = &mut ends;
//!         while a.poll_transmit(&mut packet).is_some() {
//!             b.handle_input(now, packet.as_slice(), &mut data).unwrap();
//!         }
//!         ends.swap(0, 1);
//!     }
//!     // Both came to the same number at both ends here.
//!     ends.sort_by_key(|link| link.lcp().ours().endpoint.map(|it| it.address().to_vec()));
//!     for (bundle, link) in bundles.iter_mut().zip(ends) {
//!         bundle.join(now, link, 1).map_err(|(refusal, _)| refusal)?;
//!     }
//! }
//! while !bundles.iter().all(|bundle| bundle.is_open(PppProtocol::IPV4)) {
//!     let [a, b] = &mut bundles;
//!     while let Some((member, _)) = a.poll_transmit(&mut packet) {
//!         b.handle_input(now, member, packet.as_slice()).unwrap();
//!     }
//!     bundles.swap(0, 1);
//! }
//! let [a, b] = &mut bundles;
//! a.send(now, PppProtocol::IPV4, &[0x45; 1000])?;
//! while let Some((member, _)) = a.poll_transmit(&mut packet) {
//!     assert!(packet.len() < 600, "a half of it on each link");
//!     b.handle_input(now, member, packet.as_slice()).unwrap();
//! }
//! assert_eq!(b.poll_packet(&mut data), Some(PppProtocol::IPV4));
//! assert_eq!(data.as_slice(), [0x45; 1000]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod bundle;
mod bundle_config;
mod fragment;
mod header;
mod reassemble;

pub use bundle::Bundle;
pub use bundle_config::{BundleConfig, BundleDiscard, BundleEvent, BundleStats, JoinRefusal};
pub use fragment::{Fragmenter, MemberLink};
pub use header::FragmentHeader;
pub use reassemble::{
    Reassembler, ReassemblerConfig, ReassemblerConfigError, ReassemblerStats, ReassemblyDiscard,
};
