//! What an end of a link asks for and accepts.

use super::option::{AuthMethod, EndpointDiscriminator, FcsAlternatives};
use crate::automaton::{EndpointConfig, EndpointConfigError};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// What an [`Lcp`](super::Lcp) is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LcpConfig {
    /// Timer and counters.
    pub endpoint: EndpointConfig,
    /// Octets of information that we take; at least 128. Default: 1500.
    pub mru: u16,
    /// Control characters that we want escaped: bit n for character n. `None` for links that do not
    /// escape, which do not ask. Default: none of them, `Some(0)`.
    pub accm: Option<u32>,
    /// Ways in which the peer may authenticate itself to us, the best first; it has to by one of
    /// them. Empty: it need not. Default: empty.
    pub require_auth: Vec<AuthMethod>,
    /// Ways in which we authenticate ourselves when the peer wants it, the best first. Default:
    /// empty, so that links which want it do not open.
    pub allow_auth: Vec<AuthMethod>,
    /// The longest time between the link quality reports that we want; `None` for none. At most 497
    /// days. Default: none.
    pub quality: Option<Duration>,
    /// Whether we have a magic number, and so detect loops. Default: true.
    pub magic: bool,
    /// Whether we take protocols of one octet. Default: true.
    pub protocol_field_compression: bool,
    /// Whether we take frames without Address and Control fields. Default: true.
    pub address_and_control_field_compression: bool,
    /// Frame check sequences that we ask for, and accept. Default: the 16-bit one, which is not
    /// negotiated.
    pub fcs: FcsAlternatives,
    /// Multilink; `None` without. Default: none.
    pub multilink: Option<MultilinkConfig>,
    /// What the peer may ask for.
    pub limits: Limits,
    /// Configure-Requests with our own magic number in a row until the link is taken for looped
    /// back; at least 1. Default: 10.
    pub loopback_hits: u32,
}

/// What the peer may ask for; other values are answered with the nearest that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The least octets of information that the peer may limit us to. Default: 128.
    pub min_mru: u16,
    /// Whether the peer's offer to take protocols of one octet is accepted. Default: true.
    pub protocol_field_compression: bool,
    /// Whether its offer to take frames without Address and Control fields is. Default: true.
    pub address_and_control_field_compression: bool,
    /// Whether it may say which control characters it wants escaped. Default: true.
    pub accm: bool,
    /// Whether it may say which frame check sequences it takes. Default: true.
    pub fcs: bool,
    /// Octets of information that the line carries in either direction, whatever the ends take; at
    /// least `min_mru`. Default: 65,535.
    pub max_mru: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_mru: 128,
            protocol_field_compression: true,
            address_and_control_field_compression: true,
            accm: true,
            fcs: true,
            max_mru: u16::MAX,
        }
    }
}

/// Multilink (RFC 1990).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultilinkConfig {
    /// Octets of a reassembled packet that we take; at least 128.
    pub mrru: u16,
    /// Whether we ask for, and accept, headers of two octets.
    pub short_sequence_number: bool,
    /// What we are known by.
    pub endpoint: Option<EndpointDiscriminator>,
}

/// A value of [`LcpConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct LcpConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl From<EndpointConfigError> for LcpConfigError {
    fn from(error: EndpointConfigError) -> Self {
        Self {
            field: error.field,
            problem: error.problem,
        }
    }
}

impl Default for LcpConfig {
    fn default() -> Self {
        Self {
            endpoint: EndpointConfig::default(),
            mru: 1500,
            accm: Some(0),
            require_auth: vec![],
            allow_auth: vec![],
            quality: None,
            magic: true,
            protocol_field_compression: true,
            address_and_control_field_compression: true,
            fcs: FcsAlternatives::FCS_16,
            multilink: None,
            limits: Limits::default(),
            loopback_hits: 10,
        }
    }
}

impl LcpConfig {
    /// Leaves out what has no place in a PPPoE session of this payload
    /// ([`Client::max_payload`](crate::pppoe::Client::max_payload)): control characters,
    /// compression of fields, check sequences, and an MRU that is larger. It is neither asked for
    /// nor accepted.
    // RFC 2516 §7 MUST NOT (options): FCS alternatives, ACFC and ACCM are not asked for, and
    // rejected.
    // RFC 2516 §7 MUST NOT (mru): the MRU is not over 1492.
    // RFC 4638 §5.1 MUST (mru): or not over what was agreed.
    // RFC 2516 §7 SHOULD NOT (pfc): the protocol field is not compressed.
    // RFC 2516 §7 SHOULD (magic): the magic number stays.
    pub const fn restrict_to_pppoe(&mut self, max_payload: u16) {
        self.accm = None;
        self.protocol_field_compression = false;
        self.address_and_control_field_compression = false;
        self.fcs = FcsAlternatives::FCS_16;
        self.limits.protocol_field_compression = false;
        self.limits.address_and_control_field_compression = false;
        self.limits.accm = false;
        self.limits.fcs = false;
        self.limits.max_mru = max_payload;
        if self.mru > max_payload {
            self.mru = max_payload;
        }
    }

    pub(super) fn check(&self) -> Result<(), LcpConfigError> {
        let fail = |field, problem| Err(LcpConfigError { field, problem });
        if self.mru < 128 {
            return fail("mru", "must be at least 128");
        }
        if self.limits.min_mru < 64 {
            return fail("limits.min_mru", "must be at least 64");
        }
        if self.limits.max_mru < self.limits.min_mru || self.limits.max_mru < 128 {
            return fail("limits.max_mru", "must be at least min_mru, and 128");
        }
        if self.multilink.is_some_and(|multilink| multilink.mrru < 128) {
            return fail("multilink.mrru", "must be at least 128");
        }
        if self.loopback_hits == 0 {
            return fail("loopback_hits", "must be at least 1");
        }
        if self.fcs.is_empty() {
            return fail("fcs", "must have one at least");
        }
        if self
            .quality
            .is_some_and(|period| hundredths(period).is_none())
        {
            return fail("quality", "must be at most 497 days");
        }
        Ok(())
    }
}

/// A duration in hundredths of a second, rounded up.
pub(super) fn hundredths(period: Duration) -> Option<u32> {
    u32::try_from(period.as_millis().div_ceil(10)).ok()
}
