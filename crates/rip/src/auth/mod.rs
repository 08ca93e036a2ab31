//! Authentication of RIP-2 messages: plain passwords (RFC 2453 §4.1), keyed MD5 (RFC 2082, RFC 4822)
//! and HMAC with SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512 (RFC 4822).
//!
//! An [`Authenticator`] belongs to one interface. It puts the authentication around messages that
//! are sent ([`seal`](Authenticator::seal)) and tests those that arrive
//! ([`verify`](Authenticator::verify)), over the octets as they were received.
//!
//! * **Keys.** A [`KeyChain`] holds keys with ids; each has a [`Lifetime`] for sending and one for
//!   accepting. The key whose lifetime began last is sent with, all that are valid are accepted.
//!   When the last key has expired it stays in use, and an [`AuthEvent`] warns (RFC 2082 §4.3).
//! * **Sequence numbers.** They are seconds since 1970, if the caller says when its clock's epoch was, and never
//!   decrease. Of each neighbor and key the greatest number is kept; lower ones are replays. What has
//!   to outlive a restart is a [`SequenceState`].
//! * **Secrets** are wiped from memory when they are dropped, are not in any `Debug`, and are compared in
//!   constant time.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use packet_buffer::{Instant, PacketBuf};
//! use rip::auth::*;
//! use rip::wire::*;
//!
//! let key = Key::new(1, Algorithm::HmacSha256, Secret::new(b"only we know"));
//! let keys = Authentication::Cryptographic(KeyChain::new([key])?);
//! let mut sender = Authenticator::new(keys.clone(), AuthOptions::default());
//! let mut receiver = Authenticator::new(keys, AuthOptions::default());
//! let (now, source) = (Instant::from_secs(10), Ipv4Addr::new(192, 0, 2, 1));
//!
//! let mut packet = PacketBuf::with_headroom(64);
//! let mut writer = RipWriter::new(&mut packet, sender.capacity(now));
//! writer.push(&RipEntryRepr::route("198.51.100.0/24".parse()?, 1));
//! sender.seal(now, &RipMessageRepr::new(Command::RESPONSE, VERSION_2), &mut packet)?;
//!
//! let message = RipMessage::parse(packet.as_slice())?;
//! receiver.verify(now, source, &message)?;
//! assert_eq!(message.entry_count(), 1);
//!
//! // Any octet that changes on the way is found.
//! packet.as_mut_slice()[30] ^= 1;
//! let message = RipMessage::parse(packet.as_slice())?;
//! assert_eq!(receiver.verify(now, source, &message), Err(AuthError::Digest));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod authenticator;
mod digest;
mod error;
mod key;
mod sequence;

pub use authenticator::{AuthEvent, AuthOptions, Authentication, Authenticator};
pub use error::{AuthError, KeyError, SealError};
pub use key::{Algorithm, Key, KeyChain, Lifetime, LongKeys, Secret};
pub use sequence::{NeighborSequence, SequenceState};
