//! Why a message does not pass, and why keys are refused.

use crate::wire::AuthenticationType;
use packet_buffer::EmitError;
use thiserror::Error;

/// Why a message does not pass authentication. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The message is authenticated, and the interface is not set up for it (RFC 2453 §5.2).
    #[error("the message is authenticated, and no authentication is set up")]
    Unexpected,
    /// The message is not authenticated, and has to be (RFC 2453 §5.2).
    #[error("the message is not authenticated")]
    Missing,
    /// The message is of version 1, which cannot be authenticated (RFC 2453 §5.2).
    #[error("version 1 has no authentication")]
    Version1,
    /// The message is authenticated in another way than is set up.
    #[error("the authentication is of type `{0}`, which is not the one set up")]
    Type(AuthenticationType),
    /// The password is another one.
    #[error("the password is not the one set up")]
    Password,
    /// There is no key of this id.
    #[error("there is no key of id {0}")]
    UnknownKey(u8),
    /// The key of this id is not accepted now.
    #[error("the key of id {0} is not valid now")]
    KeyNotValid(u8),
    /// The authentication data are not as long as the key's algorithm makes them.
    #[error("{length} octets of authentication data are not what the key's algorithm makes")]
    DataLength {
        /// Octets that there are.
        length: usize,
    },
    /// The digest does not match: another secret, or a message that was changed.
    #[error("the digest does not match")]
    Digest,
    /// The sequence number is lower than one that was received before: a replay.
    #[error("sequence number {received} is below {last}, which was received before")]
    Replayed {
        /// The number in the message.
        received: u32,
        /// The greatest one received of this neighbor with this key.
        last: u32,
    },
    /// The sequence number is further ahead than [`AuthOptions::max_jump`](super::AuthOptions)
    /// allows.
    #[error("sequence number {received} is too far ahead of {last}")]
    Jump {
        /// The number in the message.
        received: u32,
        /// The greatest one received of this neighbor with this key.
        last: u32,
    },
    /// As many neighbors as [`AuthOptions::max_neighbors`](super::AuthOptions) are known, and all
    /// of them are alive.
    #[error("there is no room to remember another neighbor's sequence number")]
    NeighborsFull,
}

/// Why keys are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A chain has at least one key.
    #[error("a key chain needs a key")]
    NoKeys,
    /// Two keys have the same id.
    #[error("the key id {0} is given twice")]
    DuplicateId(u8),
    /// A secret has no octets.
    #[error("a secret of no octets is none")]
    EmptySecret,
    /// A password, or a secret for keyed MD5, has more than 16 octets (RFC 2453 §4.1, RFC 2082 §3.2.1).
    #[error("a secret of {length} octets is longer than the 16 that there is room for")]
    SecretTooLong {
        /// Octets of the secret.
        length: usize,
    },
}

/// Why a message could not be authenticated. It must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SealError {
    /// No key is valid for sending yet.
    #[error("no key is valid for sending yet")]
    NoKey,
    /// The sequence numbers of 32 bits are used up: another key is needed (RFC 4822 §2.1).
    #[error("the sequence numbers are used up")]
    SequenceExhausted,
    /// RIP-1 messages cannot be authenticated.
    #[error("version 1 has no authentication")]
    Version1,
    /// The message cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
}
