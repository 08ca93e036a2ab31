//! Stateless autoconfiguration: what an advertised prefix does (RFC 4862 §5.5.3, RFC 8981).

use super::config::TemporaryConfig;
use super::entry::{AddressEntry, AddressOrigin, Dad};
use super::lifetime::{Lifetime, updated_valid_until};
use super::table::AddressTable;
use super::{InterfaceIdentifier, is_link_local};
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::Ipv6Prefix;

/// A Prefix Information option of a Router Advertisement that passed the checks of RFC 4861 §6.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertisedPrefix {
    /// The prefix field; bits behind the length do not count.
    pub prefix: Ipv6Addr,
    /// The prefix length in bits, as received.
    pub prefix_length: u8,
    /// The A flag: addresses may be made from it.
    pub autonomous: bool,
    /// The valid lifetime.
    pub valid: Lifetime,
    /// The preferred lifetime.
    pub preferred: Lifetime,
    /// The source of the advertisement.
    pub router: Ipv6Addr,
    /// Whether the advertisement went to a group, so that all hosts have it at once and the test of a
    /// new address starts after a random delay.
    pub multicast: bool,
    /// Whether the advertisement was authenticated, which lifts the two-hour rule (SEND, RFC 3971).
    pub authenticated: bool,
}

/// Why a prefix was not used to make or refresh addresses. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixDiscard {
    /// The autonomous flag is off.
    #[error("the prefix is not for autoconfiguration")]
    NotAutonomous,
    /// The prefix is link-local or multicast.
    #[error("a link-local or multicast prefix is not for autoconfiguration")]
    Scope,
    /// The preferred lifetime is longer than the valid one.
    #[error("the preferred lifetime exceeds the valid lifetime")]
    PreferredExceedsValid,
    /// The prefix is not 64 bits long.
    #[error("prefix and interface identifier are not 128 bits together")]
    PrefixLength,
    /// A new prefix with a valid lifetime of zero.
    #[error("a new prefix has a valid lifetime of zero")]
    ZeroLifetime,
    /// Autoconfiguration, or IPv6 as a whole, is off on the interface.
    #[error("autoconfiguration is off on the interface")]
    Disabled,
    /// The interface has as many prefixes as it may.
    #[error("no room for a further prefix")]
    PrefixLimit,
    /// The interface has as many addresses as it may.
    #[error("no room for a further address")]
    AddressLimit,
}

/// A prefix that addresses are made from.
#[derive(Debug, Clone)]
pub(super) struct AutoPrefix {
    pub(super) prefix: Ipv6Prefix,
    pub(super) valid_until: Option<Instant>,
    pub(super) preferred_until: Option<Instant>,
    /// DAD_Counter of RFC 7217.
    pub(super) dad_counter: u8,
    /// Stable addresses that were duplicates.
    pub(super) attempts: u8,
    /// No stable address is made any more: too many duplicates, or the caller removed it.
    pub(super) suppressed: bool,
    /// Temporary addresses that were duplicates, in a row.
    pub(super) temporary_attempts: u8,
    /// No temporary address is made any more.
    pub(super) temporary_suppressed: bool,
    pub(super) advertisers: Vec<Ipv6Addr>,
}

impl AddressTable {
    /// A Prefix Information option has arrived.
    ///
    /// # Errors
    ///
    /// The option was ignored for the reason given, and nothing has changed.
    // RFC 4862 §5.5.3 MUST: the steps (a) to (e).
    pub fn handle_prefix(
        &mut self,
        now: Instant,
        advertised: &AdvertisedPrefix,
    ) -> Result<(), PrefixDiscard> {
        let now = self.advance(now);
        let result = self.check_prefix(advertised);
        let prefix = match result {
            Ok(prefix) => prefix,
            Err(discard) => {
                self.count_discard(discard);
                return Err(discard);
            }
        };
        if let Some(known) = self.prefixes.iter_mut().find(|it| it.prefix == prefix) {
            let valid_until = updated_valid_until(
                now,
                known.valid_until,
                advertised.valid,
                advertised.authenticated,
            );
            if valid_until != advertised.valid.until(now) {
                self.stats.two_hour_rule += 1;
            }
            known.valid_until = valid_until;
        } else {
            self.prefixes.push(AutoPrefix {
                prefix,
                valid_until: advertised.valid.until(now),
                preferred_until: None,
                dad_counter: 0,
                attempts: 0,
                suppressed: false,
                temporary_attempts: 0,
                temporary_suppressed: false,
                advertisers: Vec::new(),
            });
        }
        self.refresh_prefix(now, prefix, advertised);
        let delay = if advertised.multicast {
            // RFC 4862 §5.4.2 SHOULD (multicast-delay): all hosts that heard it would start at once.
            self.random_delay(self.config.max_solicitation_delay)
        } else {
            Duration::ZERO
        };
        self.ensure_stable(now, prefix, delay);
        self.ensure_temporary(now, prefix, delay);
        self.run(now);
        Ok(())
    }

    fn check_prefix(&self, advertised: &AdvertisedPrefix) -> Result<Ipv6Prefix, PrefixDiscard> {
        if !self.started || self.disabled || !self.config.autoconfigure {
            return Err(PrefixDiscard::Disabled);
        }
        // RFC 4862 §5.5.3 MUST (autonomous): without the flag the option is silently ignored.
        if !advertised.autonomous {
            return Err(PrefixDiscard::NotAutonomous);
        }
        // RFC 4862 §5.5.3 MUST (link-local): the link-local prefix is silently ignored.
        if is_link_local(advertised.prefix) || advertised.prefix.is_multicast() {
            return Err(PrefixDiscard::Scope);
        }
        // RFC 4862 §5.5.3 MUST (preferred-exceeds-valid): such an option is silently ignored.
        if advertised.preferred > advertised.valid {
            return Err(PrefixDiscard::PreferredExceedsValid);
        }
        // RFC 4862 §5.5.3 MUST (length): prefix and identifier make 128 bits, or the option is ignored.
        if advertised.prefix_length != 64 {
            return Err(PrefixDiscard::PrefixLength);
        }
        let prefix = Ipv6Prefix::new(advertised.prefix, 64).ok_or(PrefixDiscard::PrefixLength)?;
        if self.prefixes.iter().any(|known| known.prefix == prefix) {
            return Ok(prefix);
        }
        // RFC 4862 §5.5.3 MUST (zero): a new prefix forms an address if its valid lifetime is not zero.
        if advertised.valid.is_zero() {
            return Err(PrefixDiscard::ZeroLifetime);
        }
        if self.prefixes.len() >= self.config.max_prefixes {
            return Err(PrefixDiscard::PrefixLimit);
        }
        if self.entries.len() >= self.config.max_addresses {
            return Err(PrefixDiscard::AddressLimit);
        }
        Ok(prefix)
    }

    fn count_discard(&mut self, discard: PrefixDiscard) {
        let stats = &mut self.stats;
        let counter = match discard {
            PrefixDiscard::NotAutonomous => &mut stats.not_autonomous,
            PrefixDiscard::Scope => &mut stats.prefix_scope,
            PrefixDiscard::PreferredExceedsValid => &mut stats.preferred_exceeds_valid,
            PrefixDiscard::PrefixLength => &mut stats.prefix_length,
            PrefixDiscard::ZeroLifetime => &mut stats.zero_lifetime,
            PrefixDiscard::Disabled => &mut stats.disabled,
            PrefixDiscard::PrefixLimit => &mut stats.prefix_limit,
            PrefixDiscard::AddressLimit => &mut stats.address_limit,
        };
        *counter += 1;
    }

    /// Takes over lifetimes and the advertiser, into the prefix and the addresses made from it.
    fn refresh_prefix(&mut self, now: Instant, prefix: Ipv6Prefix, advertised: &AdvertisedPrefix) {
        let Some(known) = self.prefixes.iter_mut().find(|it| it.prefix == prefix) else {
            return;
        };
        known.preferred_until = earlier(advertised.preferred.until(now), known.valid_until);
        known.advertisers.retain(|&it| it != advertised.router);
        if known.advertisers.len() >= AddressEntry::MAX_ADVERTISERS {
            known.advertisers.remove(0);
        }
        known.advertisers.push(advertised.router);
        let made_from = |entry: &&mut AddressEntry| {
            let origin = entry.origin;
            let automatic =
                origin == AddressOrigin::Autoconfigured || origin == AddressOrigin::Temporary;
            automatic && prefix.contains(entry.address)
        };
        for entry in self.entries.iter_mut().filter(made_from) {
            // RFC 4862 §5.5.3 MUST (preferred): the preferred lifetime is reset to what was received.
            entry.preferred_until = known.preferred_until;
            entry.valid_until = known.valid_until;
            if let (AddressOrigin::Temporary, Some(config)) = (entry.origin, &self.config.temporary)
            {
                // RFC 8981 §3.4 MUST (constraint): none is valid or preferred longer than its own limits.
                limit_temporary(entry, config);
            }
            entry.advertisers.clone_from(&known.advertisers);
            entry.deprecated = entry.preferred_until.is_some_and(|until| until <= now);
        }
    }

    /// Makes the stable address of a prefix where there is none.
    fn ensure_stable(&mut self, now: Instant, prefix: Ipv6Prefix, delay: Duration) {
        let exists = self.entries.iter().any(|entry| {
            entry.origin == AddressOrigin::Autoconfigured && prefix.contains(entry.address)
        });
        let suppressed = self
            .prefix_of(prefix.network())
            .is_none_or(|known| known.suppressed);
        if exists || suppressed {
            return;
        }
        let Some(address) = self.stable_address(prefix.network()) else {
            return;
        };
        // What was configured by hand stays as it is.
        if self.get(address).is_some() {
            return;
        }
        self.add_automatic(now, address, AddressOrigin::Autoconfigured, delay);
    }

    /// Makes a temporary address of a prefix where there is none that lasts for REGEN_ADVANCE.
    // RFC 8981 §3.4 MUST (regenerate): the next one is made before the last one is deprecated.
    pub(super) fn ensure_temporary(&mut self, now: Instant, prefix: Ipv6Prefix, delay: Duration) {
        let Some(config) = self.config.temporary.clone() else {
            return;
        };
        let advance = self.config.regen_advance(&config, self.retrans_timer);
        let lasts = |until| Lifetime::remaining(until, now) > Lifetime::Finite(advance);
        let Some(known) = self.prefix_of(prefix.network()) else {
            return;
        };
        // RFC 8981 §3.4 MUST (advance): none is made whose preferred lifetime is within REGEN_ADVANCE.
        if known.temporary_suppressed || !lasts(known.preferred_until) {
            return;
        }
        let temporary = |entry: &&AddressEntry| {
            entry.origin == AddressOrigin::Temporary && prefix.contains(entry.address)
        };
        let of_prefix = self.entries.iter().filter(temporary);
        if of_prefix.clone().any(|entry| lasts(entry.preferred_until)) {
            return;
        }
        if of_prefix.count() >= config.max_per_prefix {
            self.stats.address_limit += 1;
            return;
        }
        let Some(address) = InterfaceIdentifier::random(&mut *self.random).in_prefix(prefix) else {
            return;
        };
        if self.get(address).is_none() {
            self.add_automatic(now, address, AddressOrigin::Temporary, delay);
        }
    }

    fn add_automatic(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        origin: AddressOrigin,
        delay: Duration,
    ) {
        if self.entries.len() >= self.config.max_addresses {
            self.stats.address_limit += 1;
            return;
        }
        let Some(known) = self.prefix_of(address) else {
            return;
        };
        let mut entry = AddressEntry {
            address,
            prefix_length: 64,
            origin,
            anycast: false,
            optimistic: self.config.optimistic,
            dad: Dad::Waiting(now + delay),
            to_send: false,
            nonces: Vec::new(),
            joined: false,
            deprecated: known.preferred_until.is_some_and(|until| until <= now),
            preferred_until: known.preferred_until,
            valid_until: known.valid_until,
            created: now,
            desync: Duration::ZERO,
            regenerate_at: None,
            advertisers: known.advertisers.clone(),
        };
        if let (AddressOrigin::Temporary, Some(config)) = (origin, self.config.temporary.clone()) {
            // RFC 8981 §3.8 MUST (desync): drawn anew for each address.
            entry.desync = self.random_delay(config.max_desync_factor);
            limit_temporary(&mut entry, &config);
            self.schedule_regeneration(&mut entry, &config);
        }
        self.push_entry(entry);
    }

    fn schedule_regeneration(&self, entry: &mut AddressEntry, config: &TemporaryConfig) {
        let advance = self.config.regen_advance(config, self.retrans_timer);
        entry.regenerate_at = entry.preferred_until.map(|until| until - advance);
    }

    /// The timer of a temporary address has come: makes the next one, or waits on when the lifetime
    /// was lengthened meanwhile.
    pub(super) fn regenerate(&mut self, now: Instant, address: Ipv6Addr) {
        let Some(config) = self.config.temporary.clone() else {
            return;
        };
        let advance = self.config.regen_advance(&config, self.retrans_timer);
        let Some(entry) = self.find_mut(address) else {
            return;
        };
        let due = entry.preferred_until.map(|until| until - advance);
        entry.regenerate_at = due.filter(|&at| at > now);
        if entry.regenerate_at.is_none() {
            let prefix = Ipv6Prefix::new(address, 64);
            if let Some(prefix) = prefix {
                self.ensure_temporary(now, prefix, Duration::ZERO);
            }
        }
    }
}

fn limit_temporary(entry: &mut AddressEntry, config: &TemporaryConfig) {
    let valid = entry.created + config.valid_lifetime;
    let preferred = entry.created + config.preferred_lifetime.saturating_sub(entry.desync);
    entry.valid_until = earlier(entry.valid_until, Some(valid));
    entry.preferred_until = earlier(entry.preferred_until, Some(preferred));
}

/// The earlier of two moments; `None` is never.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
