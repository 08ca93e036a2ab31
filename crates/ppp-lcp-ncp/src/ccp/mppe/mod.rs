//! Microsoft Point-to-Point Encryption (RFC 3078, RFC 3079): RC4 under keys that change.
//!
//! ```text
//!  0                   2
//! +-+-+-+-+-----------+------------------------------------------
//! |A|B|C|D| coherency | under RC4: protocol (2 octets), information
//! | | | | | count, 12 |
//! +-+-+-+-+-----------+------------------------------------------
//!   A: flushed, the tables are at their start. B, C: of MPPC, which is not spoken. D: encrypted.
//! ```
//!
//! There is no proof of integrity in it, 40 bits are few and RC4 is weak: MPPE is spoken because
//! peers speak it.

mod decrypt;
mod encrypt;
mod keys;

pub(in crate::ccp) use decrypt::is_encrypted;
pub use decrypt::{MppeDecryptor, MppeError};
pub use encrypt::MppeEncryptor;
pub use keys::{MppeKey, MppeStrength};

const FLUSHED: u16 = 0x8000;
const COMPRESSED: u16 = 0x2000;
const ENCRYPTED: u16 = 0x1000;
const COUNT_MASK: u16 = 0x0fff;

/// When keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MppeMode {
    /// With each packet, so that a loss costs no other.
    #[default]
    Stateless,
    /// With one packet of 256. After a loss the receiver asks for a reset. Two packets are then
    /// under the same octets of RC4, as the RFC has it: who listens learns their difference.
    Stateful,
    /// As `Stateful`, but each reset changes the key for what we send. Linux and lwIP do so, and
    /// understand nothing else; of a peer, both are understood in either mode.
    StatefulRekeyed,
}

impl MppeMode {
    /// Whether a reset is never needed.
    pub const fn is_stateless(self) -> bool {
        matches!(self, Self::Stateless)
    }
}

/// Whether the key changes with this packet, although it does not with each.
// RFC 3078 §7.2 MUST (flag): with a count whose low octet is 0xff, before the packet is encrypted.
const fn is_flag(count: u16) -> bool {
    count & 0xff == 0xff
}
