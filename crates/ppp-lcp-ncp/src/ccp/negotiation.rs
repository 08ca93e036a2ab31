//! CCP's options in negotiation.

use super::mppe::{MppeMode, MppeStrength};
use super::option::{CcpMethod, CcpOption, CcpOptionKind, MppeBits};
use crate::automaton::{Judgement, Negotiation, Offer};
use crate::wire::{Code, ConfigOptions, PppProtocol};
use alloc::vec;
use alloc::vec::Vec;
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

/// Encryption by MPPE, in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MppeConfig {
    /// Whether nothing may go in clear: no network opens before encryption does, and the link ends
    /// when encryption is refused or ends. Default: true.
    pub required: bool,
    /// Key lengths that will do. Default: 128 bits only.
    pub strengths: Vec<MppeStrength>,
    /// When keys change: with another mode than stateless, that is asked for, and accepted from the
    /// peer; stateless is always accepted. Default: stateless.
    pub mode: MppeMode,
}

impl Default for MppeConfig {
    fn default() -> Self {
        Self {
            required: true,
            strengths: vec![MppeStrength::Bits128],
            mode: MppeMode::Stateless,
        }
    }
}

/// What an end of a link compresses or encrypts with.
///
/// Where there is encryption there is no compression: with [`mppe`](Self::mppe), the others are used
/// only if the link gave no keys, or if the peer refuses encryption that is not required.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CcpConfig {
    /// Encryption; `None` for none. It needs a link that is authenticated by MS-CHAP-V2. Default:
    /// none.
    pub mppe: Option<MppeConfig>,
    /// Deflate: the bits of our window, 8 to 15; `None` for no deflate. Our history is that of 15 bits
    /// all the same. Default: none.
    pub deflate: Option<u8>,
    /// BSD Compress: the bits of the longest codes, 9 to 15; `None` for none. Default: none.
    pub bsd_compress: Option<u8>,
}

impl CcpConfig {
    /// Whether nothing may go in clear.
    pub fn requires_encryption(&self) -> bool {
        self.mppe.as_ref().is_some_and(|mppe| mppe.required)
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let outside = |bits: Option<u8>, least| bits.is_some_and(|it| !(least..=15).contains(&it));
        if self
            .mppe
            .as_ref()
            .is_some_and(|mppe| mppe.strengths.is_empty())
        {
            Some(("mppe", "no key length will do"))
        } else if outside(self.deflate, 8) {
            Some(("deflate", "must be 8 to 15"))
        } else if outside(self.bsd_compress, 9) {
            Some(("bsd_compress", "must be 9 to 15"))
        } else {
            None
        }
    }
}

/// What one end asks for, and what was agreed so far.
#[derive(Debug, Clone)]
pub struct CcpNegotiation {
    config: CcpConfig,
    has_keys: bool,
    /// What our next request says, for packets to us.
    mppe: Option<MppeBits>,
    deflate: Option<u8>,
    bsd: Option<u8>,
    receive: Option<CcpMethod>,
    send: Option<CcpMethod>,
    acknowledged: u32,
}

impl CcpNegotiation {
    /// What `config` asks for.
    pub const fn new(config: CcpConfig) -> Self {
        Self {
            config,
            has_keys: false,
            mppe: None,
            deflate: None,
            bsd: None,
            receive: None,
            send: None,
            acknowledged: 0,
        }
    }

    /// What was configured.
    pub const fn config(&self) -> &CcpConfig {
        &self.config
    }

    /// Configures anew, for the next negotiation.
    pub(super) fn set_config(&mut self, config: CcpConfig) {
        self.config = config;
    }

    /// What packets to us go through; `None` for nothing.
    pub const fn receive(&self) -> Option<CcpMethod> {
        self.receive
    }

    /// What packets to the peer go through.
    pub const fn send(&self) -> Option<CcpMethod> {
        self.send
    }

    /// Whether both directions are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        matches!(
            (self.receive, self.send),
            (Some(CcpMethod::Mppe { .. }), Some(CcpMethod::Mppe { .. }))
        )
    }

    /// Whether there are keys to encrypt with, for the next negotiation.
    // RFC 3078 §4 MUST (keys): without session keys there is no encryption.
    pub(super) const fn set_has_keys(&mut self, has_keys: bool) {
        self.has_keys = has_keys;
    }

    /// How often the peer has acknowledged a request of ours.
    pub(super) const fn acknowledged_requests(&self) -> u32 {
        self.acknowledged
    }

    fn mppe_config(&self) -> Option<&MppeConfig> {
        self.config.mppe.as_ref().filter(|_| self.has_keys)
    }

    /// The strongest of `bits` that will do.
    // RFC 3078 §2 SHOULD (strongest): of several, the strongest is taken.
    fn strongest(&self, bits: MppeBits) -> Option<MppeStrength> {
        let config = self.mppe_config()?;
        MppeStrength::ALL.into_iter().find(|strength| {
            config.strengths.contains(strength) && bits.contains(MppeBits::of(*strength))
        })
    }

    /// All that will do.
    // RFC 3078 §2 SHOULD (all): a request names all strengths that will do.
    fn all_bits(&self) -> MppeBits {
        let Some(config) = self.mppe_config() else {
            return MppeBits::default();
        };
        let none = if config.mode.is_stateless() {
            MppeBits::STATELESS
        } else {
            MppeBits::default()
        };
        let strengths = config.strengths.iter();
        strengths.fold(none, |bits, strength| bits.with(MppeBits::of(*strength)))
    }

    /// What bits mean, when they name one strength that will do and nothing that is not spoken.
    fn mppe_method(&self, bits: MppeBits) -> Option<CcpMethod> {
        let strength = self.strongest(bits)?;
        let mode = self.mode_of(bits)?;
        let exact = MppeBits::of(strength).with(MppeBits(bits.0 & MppeBits::STATELESS.0));
        // RFC 3078 §2 MUST (reserved): nor bits that mean nothing.
        (bits == exact).then_some(CcpMethod::Mppe { strength, mode })
    }

    fn mode_of(&self, bits: MppeBits) -> Option<MppeMode> {
        let mode = self.mppe_config()?.mode;
        if bits.contains(MppeBits::STATELESS) {
            Some(MppeMode::Stateless)
        } else {
            Some(mode).filter(|mode| !mode.is_stateless())
        }
    }

    /// Bits that will do in place of those.
    // RFC 3078 §2 SHOULD (single): a request is answered with one strength.
    fn better_bits(&self, bits: MppeBits) -> Option<MppeBits> {
        let all = self.all_bits();
        let strength = self.strongest(bits).or_else(|| self.strongest(all))?;
        let stateless = bits.contains(MppeBits::STATELESS) || all.contains(MppeBits::STATELESS);
        let none = if stateless {
            MppeBits::STATELESS
        } else {
            MppeBits::default()
        };
        Some(none.with(MppeBits::of(strength)))
    }

    /// The method of an option of the peer's that is acceptable.
    fn method(&self, option: &Tlv<'_>) -> Option<CcpMethod> {
        match CcpOption::read(option) {
            CcpOption::Mppe(bits) => self.mppe_method(bits),
            CcpOption::Deflate(bits) if self.offers_deflate() => {
                bits.map(|window_bits| CcpMethod::Deflate { window_bits })
            }
            CcpOption::Bsd(bits) if self.offers_bsd() => {
                let limit = self.config.bsd_compress.unwrap_or_default();
                let bits = bits.filter(|bits| (9..=limit).contains(bits));
                bits.map(|max_bits| CcpMethod::BsdCompress { max_bits })
            }
            _ => None,
        }
    }

    /// Compression that would take the place of encryption is not offered where that is required.
    fn offers_deflate(&self) -> bool {
        self.config.deflate.is_some() && !self.config.requires_encryption()
    }

    fn offers_bsd(&self) -> bool {
        self.config.bsd_compress.is_some() && !self.config.requires_encryption()
    }
}

impl Negotiation for CcpNegotiation {
    const PROTOCOL: PppProtocol = PppProtocol::CCP;

    fn is_own_code(code: Code) -> bool {
        matches!(code, Code::RESET_REQUEST | Code::RESET_ACK)
    }

    fn restart(&mut self, _: &mut dyn RandomSource) {
        let bits = self.all_bits();
        self.mppe = Some(bits).filter(|bits| !bits.has_no_strength());
        self.deflate = self.config.deflate.filter(|_| self.offers_deflate());
        self.bsd = self.config.bsd_compress.filter(|_| self.offers_bsd());
        self.receive = None;
        self.send = None;
    }

    // RFC 1962 §4 MUST (willing): options say what the sender of the request can decompress, the best
    // first.
    fn request(&self, offer: &mut Offer) {
        if let Some(bits) = self.mppe {
            offer.push(CcpOption::mppe(bits));
            return;
        }
        if let Some(bits) = self.deflate {
            offer.push(CcpOption::deflate(CcpOptionKind::DEFLATE, bits));
        }
        if let Some(bits) = self.bsd {
            offer.push(CcpOption::bsd(bits));
        }
    }

    // RFC 1962 §4 MUST (unrecognized): options that are not recognized are rejected.
    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        if self.method(option).is_some() {
            return Judgement::Ack;
        }
        let kind = CcpOptionKind(option.kind);
        let nak = match CcpOption::read(option) {
            // RFC 3078 §2 MUST (mppc): compression by MPPC is not spoken, and its bit not accepted.
            CcpOption::Mppe(bits) => self.better_bits(bits).map(CcpOption::mppe),
            CcpOption::BadMppe => self.better_bits(MppeBits::default()).map(CcpOption::mppe),
            CcpOption::Deflate(_) if self.offers_deflate() => {
                let bits = self.config.deflate;
                bits.map(|bits| CcpOption::deflate(kind, bits))
            }
            CcpOption::Bsd(_) if self.offers_bsd() => self.config.bsd_compress.map(CcpOption::bsd),
            _ => None,
        };
        nak.map_or(Judgement::Reject, Judgement::Nak)
    }

    fn missing(&self, request: &ConfigOptions<'_>, offer: &mut Offer) {
        if self.config.requires_encryption()
            && request.find(CcpOptionKind::MPPE.0).is_none()
            && let Some(bits) = self.better_bits(self.all_bits())
        {
            offer.push(CcpOption::mppe(bits));
        }
    }

    fn accept(&mut self, request: &ConfigOptions<'_>) {
        // Of several, both ends take the first.
        self.send = request.iter().find_map(|option| self.method(&option));
    }

    fn naked(&mut self, option: &Tlv<'_>, _: &mut dyn RandomSource) {
        match CcpOption::read(option) {
            CcpOption::Mppe(bits) if self.mppe.is_some() => {
                // RFC 3078 §2 SHOULD (repeat): what the answer names is asked for.
                // Only what was configured is taken: a hint cannot talk us into something weaker.
                self.mppe = self
                    .strongest(bits)
                    .and_then(|_| self.better_bits(bits))
                    .or(self.mppe);
            }
            CcpOption::Deflate(Some(bits)) => {
                self.deflate = self.deflate.map(|ours| ours.min(bits));
            }
            CcpOption::Bsd(Some(bits)) => {
                self.bsd = self.bsd.map(|ours| ours.min(bits).max(9));
            }
            _ => {}
        }
    }

    fn rejected(&mut self, option: &Tlv<'_>) {
        match CcpOptionKind(option.kind) {
            CcpOptionKind::MPPE => self.mppe = None,
            CcpOptionKind::DEFLATE => self.deflate = None,
            CcpOptionKind::BSD_COMPRESS => self.bsd = None,
            _ => {}
        }
    }

    fn acknowledged(&mut self) {
        self.acknowledged = self.acknowledged.wrapping_add(1);
        let mppe = self.mppe.and_then(|bits| {
            let strength = self.strongest(bits)?;
            let mode = self.mode_of(bits)?;
            Some(CcpMethod::Mppe { strength, mode })
        });
        let deflate = self
            .deflate
            .map(|window_bits| CcpMethod::Deflate { window_bits });
        let bsd = self.bsd.map(|max_bits| CcpMethod::BsdCompress { max_bits });
        self.receive = mppe.or(deflate).or(bsd);
    }
}
