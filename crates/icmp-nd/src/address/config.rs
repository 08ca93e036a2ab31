//! How an address table is set up, and what it counts.

use super::StableKey;
use super::selection::{PolicyTable, SourcePreferences};
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::wire::MacAddr;

/// How the identifiers of autoconfigured addresses are made.
#[derive(Debug, Clone)]
pub enum IdentifierScheme {
    /// From the link-layer address. A duplicate is not tried again, and that of the link-local
    /// address turns IPv6 off on the interface (RFC 4862 §5.4.5).
    Eui64,
    /// Stable and opaque (RFC 7217).
    Stable {
        /// The secret.
        key: StableKey,
        /// Net_Iface: what names the interface, the same after a restart.
        interface: Vec<u8>,
        /// Network_ID: what names the attached network; may be empty.
        network_id: Vec<u8>,
    },
}

/// Temporary addresses (RFC 8981).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryConfig {
    /// TEMP_VALID_LIFETIME: no temporary address is valid for longer. Default: 2 days.
    pub valid_lifetime: Duration,
    /// TEMP_PREFERRED_LIFETIME: none is preferred for longer, less a random part. Default: 1 day.
    pub preferred_lifetime: Duration,
    /// MAX_DESYNC_FACTOR: the most that is taken off the preferred lifetime, so that not all hosts
    /// change at once. Default: 0.4 of the preferred lifetime.
    pub max_desync_factor: Duration,
    /// TEMP_IDGEN_RETRIES: new attempts after a duplicate. Default: 3.
    pub idgen_retries: u8,
    /// Temporary addresses in one prefix, deprecated ones included. Default: 4.
    pub max_per_prefix: usize,
}

impl Default for TemporaryConfig {
    fn default() -> Self {
        Self {
            valid_lifetime: Duration::from_secs(172_800),
            preferred_lifetime: Duration::from_secs(86_400),
            max_desync_factor: Duration::from_secs(34_560),
            idgen_retries: 3,
            max_per_prefix: 4,
        }
    }
}

/// How an address table works.
#[derive(Debug, Clone)]
pub struct AddressConfig {
    /// The interface's link-layer address.
    pub link_layer: MacAddr,
    /// How identifiers are made. Default: [`IdentifierScheme::Eui64`], which needs no secret; hosts
    /// that move should use the other (RFC 8064).
    pub identifiers: IdentifierScheme,
    /// Whether prefixes that routers advertise make addresses. Off for routers. Default: true.
    pub autoconfigure: bool,
    /// Temporary addresses beside the stable ones. Default: none.
    pub temporary: Option<TemporaryConfig>,
    /// DupAddrDetectTransmits: solicitations before an address is used; 0 turns duplicate address
    /// detection off (RFC 4862 §5.1). Default: 1.
    pub dad_transmits: u8,
    /// RetransTimer at the start: the time between solicitations and after the last one. Default: 1 s.
    pub retrans_timer: Duration,
    /// MAX_RTR_SOLICITATION_DELAY: the longest random delay of the first solicitation. Default: 1 s.
    pub max_solicitation_delay: Duration,
    /// Whether solicitations carry a nonce, so that one that comes back is known (RFC 7527).
    /// Default: true. Without it the link must not loop back.
    pub enhanced_dad: bool,
    /// Whether autoconfigured addresses are used while they are still being tested (RFC 4429).
    /// Default: false.
    pub optimistic: bool,
    /// IDGEN_RETRIES: further stable identifiers that are tried after duplicates (RFC 7217).
    /// Default: 3.
    pub idgen_retries: u8,
    /// IDGEN_DELAY: the longest random delay before such a try (RFC 7217). Default: 1 s.
    pub idgen_delay: Duration,
    /// Addresses of the interface, of all origins. When reached, new ones are refused. Default: 32.
    pub max_addresses: usize,
    /// Advertised prefixes that addresses are made from. When reached, the old ones stay and new ones
    /// are refused. Default: 16.
    pub max_prefixes: usize,
    /// Precedences and labels for source selection. Default: those of RFC 6724 §2.1.
    pub policy: PolicyTable,
    /// What source selection prefers. Default: temporary addresses.
    pub preferences: SourcePreferences,
}

impl AddressConfig {
    /// The defaults, for an interface with this link-layer address.
    pub fn new(link_layer: MacAddr) -> Self {
        Self {
            link_layer,
            identifiers: IdentifierScheme::Eui64,
            autoconfigure: true,
            temporary: None,
            dad_transmits: 1,
            retrans_timer: Duration::from_secs(1),
            max_solicitation_delay: Duration::from_secs(1),
            enhanced_dad: true,
            optimistic: false,
            idgen_retries: 3,
            idgen_delay: Duration::from_secs(1),
            max_addresses: 32,
            max_prefixes: 16,
            policy: PolicyTable::default(),
            preferences: SourcePreferences::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), AddressConfigError> {
        if self.retrans_timer < Duration::from_millis(1) {
            return Err(AddressConfigError::RetransTimer);
        }
        if self.max_addresses == 0 {
            return Err(AddressConfigError::NoAddresses);
        }
        if let Some(temporary) = &self.temporary {
            if temporary.preferred_lifetime > temporary.valid_lifetime {
                return Err(AddressConfigError::PreferredExceedsValid);
            }
            // RFC 8981 §3.8 MUST (desync): the factor never reaches the preferred lifetime less REGEN_ADVANCE.
            let advance = self.regen_advance(temporary, self.retrans_timer);
            if temporary.max_desync_factor + advance >= temporary.preferred_lifetime {
                return Err(AddressConfigError::Desync);
            }
        }
        Ok(())
    }

    /// REGEN_ADVANCE (RFC 8981 §3.8): how long before the end of one temporary address the next one
    /// is made.
    pub(super) fn regen_advance(
        &self,
        temporary: &TemporaryConfig,
        retrans_timer: Duration,
    ) -> Duration {
        let probes = u32::from(temporary.idgen_retries) * u32::from(self.dad_transmits);
        Duration::from_secs(2) + retrans_timer.saturating_mul(probes)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressConfigError {
    /// RetransTimer is under a millisecond.
    #[error("the retransmission timer is under a millisecond")]
    RetransTimer,
    /// There is room for no address.
    #[error("an interface needs room for one address at least")]
    NoAddresses,
    /// Temporary addresses would be preferred for longer than they are valid.
    #[error("temporary addresses would be preferred for longer than they are valid")]
    PreferredExceedsValid,
    /// MAX_DESYNC_FACTOR and REGEN_ADVANCE leave nothing of the preferred lifetime.
    #[error("nothing of the preferred lifetime of temporary addresses is left")]
    Desync,
}

/// What an address table has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AddressStats {
    /// Solicitations sent for duplicate address detection.
    pub dad_solicitations: u64,
    /// Addresses that were found to be another node's while they were tested.
    pub duplicates: u64,
    /// Of these, how many were followed by another address.
    pub retries: u64,
    /// Own solicitations that came back (RFC 7527).
    pub looped: u64,
    /// Advertisements by others for an address that is assigned here.
    pub conflicts: u64,
    /// Solicitations by resolvers for addresses that are still tested, and so not answered.
    pub tentative_targets: u64,
    /// Prefixes refused because the autonomous flag is off.
    pub not_autonomous: u64,
    /// Prefixes refused because they are link-local or multicast.
    pub prefix_scope: u64,
    /// Prefixes refused because they would be preferred for longer than they are valid.
    pub preferred_exceeds_valid: u64,
    /// Prefixes refused because their length and 64 bits of identifier are not 128.
    pub prefix_length: u64,
    /// New prefixes refused because their valid lifetime is zero.
    pub zero_lifetime: u64,
    /// Prefixes refused because autoconfiguration or IPv6 is off on the interface.
    pub disabled: u64,
    /// Prefixes refused because [`max_prefixes`](AddressConfig::max_prefixes) was reached.
    pub prefix_limit: u64,
    /// Addresses not made because [`max_addresses`](AddressConfig::max_addresses) or
    /// [`max_per_prefix`](TemporaryConfig::max_per_prefix) was reached.
    pub address_limit: u64,
    /// Valid lifetimes that the two-hour rule kept from being shortened as asked for.
    pub two_hour_rule: u64,
    /// Events that were lost because nobody took them.
    pub events_lost: u64,
}
