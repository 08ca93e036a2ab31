//! What was negotiated about frames.

use super::fcs::Fcs;
use crate::lcp::FcsAlternatives;

/// What the frame of a packet may leave out, and what it has to escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingParameters {
    /// Control characters to be escaped: bit n for character n.
    pub accm: u32,
    /// Whether the protocol may be one octet.
    pub protocol_field_compression: bool,
    /// Whether the Address and Control fields may be left out.
    pub address_and_control_field_compression: bool,
    /// Which check sequences the receiver takes.
    pub fcs: FcsAlternatives,
}

impl FramingParameters {
    /// What every receiver takes: all escaped, nothing left out, 16 bits of check sequence.
    pub const DEFAULT: Self = Self {
        accm: u32::MAX,
        protocol_field_compression: false,
        address_and_control_field_compression: false,
        fcs: FcsAlternatives::FCS_16,
    };

    /// The check sequence to send: the 16-bit one, unless the receiver takes the 32-bit one and not
    /// the other.
    pub const fn check_sequence(&self) -> Fcs {
        let takes_32 = !self.fcs.common(FcsAlternatives::FCS_32).is_empty();
        let takes_16 = !self.fcs.common(FcsAlternatives::FCS_16).is_empty();
        if takes_32 && !takes_16 {
            Fcs::Bits32
        } else {
            Fcs::Bits16
        }
    }
}
