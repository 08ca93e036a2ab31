//! What authentication tells, and what it refuses.

use super::mschap::MsChapV2Keys;
use alloc::vec::Vec;
use packet_buffer::ParseError;

/// What authentication tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthEvent {
    /// The secret for this name is wanted: call `provide_secret`. An authenticator gives the name
    /// that the peer claims, a supplicant that of the authenticator, which may be empty.
    SecretWanted {
        /// The name, as received: octets of the peer's choice.
        name: Vec<u8>,
    },
    /// The proof was right, at first or again.
    Succeeded {
        /// Whose: the peer's name, or for a supplicant that of the authenticator.
        name: Vec<u8>,
        /// What MS-CHAP-V2 gives for MPPE.
        keys: Option<MsChapV2Keys>,
    },
    /// It has failed for good.
    Failed(AuthFailure),
}

/// Why authentication failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFailure {
    /// The peer does not answer.
    #[error("the peer does not answer")]
    NoAnswer,
    /// The peer's proof is wrong, or its name is not known; which of both is not told.
    #[error("the peer's proof is wrong or its name is not known")]
    WrongProof,
    /// The authenticator refused our proof.
    #[error("the authenticator refused the proof")]
    Refused {
        /// What it says about it.
        message: Vec<u8>,
    },
    /// There is no secret for the authenticator.
    #[error("there is no secret for the authenticator")]
    NoSecret,
    /// The authenticator did not prove that it knows the password (RFC 2759 §5).
    #[error("the authenticator does not know the password")]
    AuthenticatorNotGenuine,
    /// The challenge is our own, or comes from one that has our own name: somebody wants us to
    /// answer it for him.
    #[error("the challenge is a reflection of our own")]
    Reflection,
    /// The peer does not take any method that is offered.
    #[error("no common method")]
    NoCommonMethod,
}

/// Why a packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthDiscard {
    /// It cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is not for this side: a request for an authenticator, or an answer for a supplicant.
    #[error("code {0} is not for this side")]
    WrongSide(u8),
    /// Nothing like it is awaited now.
    #[error("code {0} is not awaited now")]
    Unexpected(u8),
    /// The identifier is not that of the last challenge or request.
    #[error("identifier {found} is not {expected}")]
    Identifier {
        /// The packet's.
        found: u8,
        /// The last one's.
        expected: u8,
    },
    /// A name or message is longer than 255 octets.
    #[error("a name of {0} octets is too long")]
    LongName(usize),
    /// A value does not have the length of the algorithm.
    #[error("a value of {0} octets does not fit the algorithm")]
    ValueLength(usize),
    /// The secret for an earlier packet has not come yet.
    #[error("the secret for an earlier packet has not come yet")]
    Busy,
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuthStats {
    /// Packets handed in.
    pub received: u64,
    /// Packets that could not be read.
    pub malformed: u64,
    /// Packets for the other side.
    pub wrong_side: u64,
    /// Packets that came at the wrong time or with another identifier.
    pub unexpected: u64,
    /// Names and values of a wrong length.
    pub bad_lengths: u64,
    /// Packets that came while a secret was awaited.
    pub busy: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Proofs that were right.
    pub succeeded: u64,
    /// Proofs that were wrong.
    pub failed: u64,
    /// Packets that were dropped because too many waited to be sent.
    pub outbox_full: u64,
}

impl AuthStats {
    pub(super) fn count(&mut self, discard: &AuthDiscard) {
        *match discard {
            AuthDiscard::Parse(_) => &mut self.malformed,
            AuthDiscard::WrongSide(_) => &mut self.wrong_side,
            AuthDiscard::Unexpected(_) | AuthDiscard::Identifier { .. } => &mut self.unexpected,
            AuthDiscard::LongName(_) | AuthDiscard::ValueLength(_) => &mut self.bad_lengths,
            AuthDiscard::Busy => &mut self.busy,
        } += 1;
    }
}
