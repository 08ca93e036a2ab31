//! CCP's options.
//!
//! | option | type | data | RFC |
//! |---|---:|---|---|
//! | Microsoft PPE and PPC | 18 | 4 octets of bits | 3078 §2 |
//! | BSD Compress | 21 | version (3 bits), bits of the longest codes (5 bits) | 1977 §3 |
//! | Deflate | 26, and 24 in drafts | window (4 bits), method 8 (4 bits), check 0 | 1979 §3 |

use super::mppe::{MppeMode, MppeStrength};
use crate::wire::ConfigOption;
use core::fmt;
use packet_buffer::tlv::Tlv;

packet_buffer::code_points! {
    /// The type of a CCP option.
    pub struct CcpOptionKind(u8) {
        /// A maker's own algorithm.
        OUI = 0 => "Organization",
        /// Predictor, type 1 (RFC 1978).
        PREDICTOR_1 = 1 => "Predictor-1",
        /// Predictor, type 2 (RFC 1978).
        PREDICTOR_2 = 2 => "Predictor-2",
        /// Stac LZS (RFC 1974).
        STAC_LZS = 17 => "Stac-LZS",
        /// Microsoft's encryption and compression (RFC 3078, RFC 2118).
        MPPE = 18 => "MPPE",
        /// BSD Compress (RFC 1977).
        BSD_COMPRESS = 21 => "BSD-Compress",
        /// Deflate under the number that drafts of its specification had.
        DEFLATE_DRAFT = 24 => "Deflate (draft)",
        /// Deflate (RFC 1979).
        DEFLATE = 26 => "Deflate",
    }
}

/// The Supported Bits of MPPE's option (RFC 3078 §2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MppeBits(pub u32);

impl MppeBits {
    /// H: keys change with each packet.
    pub const STATELESS: Self = Self(0x0100_0000);
    /// M: 56 bits.
    pub const BITS_56: Self = Self(0x80);
    /// S: 128 bits.
    pub const BITS_128: Self = Self(0x40);
    /// L: 40 bits.
    pub const BITS_40: Self = Self(0x20);
    /// D: obsolete.
    pub const OBSOLETE: Self = Self(0x10);
    /// C: MPPC, compression.
    pub const MPPC: Self = Self(0x01);

    /// The bit of a strength.
    pub const fn of(strength: MppeStrength) -> Self {
        match strength {
            MppeStrength::Bits40 => Self::BITS_40,
            MppeStrength::Bits56 => Self::BITS_56,
            MppeStrength::Bits128 => Self::BITS_128,
        }
    }

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no strength is set.
    pub const fn has_no_strength(self) -> bool {
        self.0 & (Self::BITS_40.0 | Self::BITS_56.0 | Self::BITS_128.0) == 0
    }
}

impl fmt::Debug for MppeBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MppeBits({:#010x})", self.0)
    }
}

/// What packets of a direction go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CcpMethod {
    /// Encryption, under the keys of MS-CHAP-V2.
    Mppe {
        /// How long the keys are.
        strength: MppeStrength,
        /// When they change.
        mode: MppeMode,
    },
    /// Deflate.
    Deflate {
        /// The receiver's window has 2 to the power of this many octets: 8 to 15.
        window_bits: u8,
    },
    /// BSD Compress.
    BsdCompress {
        /// Bits of the longest codes: 9 to 15.
        max_bits: u8,
    },
}

/// An option as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CcpOption {
    Mppe(MppeBits),
    /// The window's bits; `None` where the data is not that of deflate with sequence numbers.
    Deflate(Option<u8>),
    /// The longest code's bits; `None` where the data is not that of version 1.
    Bsd(Option<u8>),
    /// An option of MPPE that has another length.
    BadMppe,
    Unknown,
}

/// Version 1 of BSD Compress.
const BSD_VERSION: u8 = 1 << 5;

impl CcpOption {
    // RFC 1979 §3 MUST (option): the window, method 8, and the check by sequence numbers.
    // RFC 1977 §3 MUST (option): version 1, and the bits of the longest codes.
    pub(super) fn read(option: &Tlv<'_>) -> Self {
        match (CcpOptionKind(option.kind), option.data) {
            (CcpOptionKind::MPPE, data) => match <[u8; 4]>::try_from(data) {
                Ok(bits) => Self::Mppe(MppeBits(u32::from_be_bytes(bits))),
                Err(_) => Self::BadMppe,
            },
            (CcpOptionKind::DEFLATE | CcpOptionKind::DEFLATE_DRAFT, &[window, 0])
                if window & 0xf == 8 && window >> 4 <= 7 =>
            {
                Self::Deflate(Some((window >> 4) + 8))
            }
            (CcpOptionKind::DEFLATE | CcpOptionKind::DEFLATE_DRAFT, _) => Self::Deflate(None),
            (CcpOptionKind::BSD_COMPRESS, &[data]) if data & 0xe0 == BSD_VERSION => {
                Self::Bsd(Some(data & 0x1f))
            }
            (CcpOptionKind::BSD_COMPRESS, _) => Self::Bsd(None),
            _ => Self::Unknown,
        }
    }

    pub(super) const fn mppe(bits: MppeBits) -> ConfigOption {
        ConfigOption::number32(CcpOptionKind::MPPE.0, bits.0)
    }

    pub(super) const fn deflate(kind: CcpOptionKind, window_bits: u8) -> ConfigOption {
        let window = (window_bits.saturating_sub(8) << 4) | 8;
        ConfigOption::number16(kind.0, u16::from_be_bytes([window, 0]))
    }

    pub(super) fn bsd(max_bits: u8) -> ConfigOption {
        let kind = CcpOptionKind::BSD_COMPRESS.0;
        ConfigOption::new(kind, &[BSD_VERSION | (max_bits & 0x1f)])
            .unwrap_or(ConfigOption::flag(kind))
    }
}
