//! Limits of rules.

use super::verdict::Limit;
use crate::compile::{CompiledPolicy, RuleId};
use crate::model;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use flow_state::limits::{KeyedBuckets, KeyedCounts, SourceKey};
use flow_table::ConfigError;
use packet_buffer::rate::{Limiter, Rate};
use packet_buffer::{Instant, RandomSource};

pub(super) const fn rate(rate: &model::Rate) -> Rate {
    Rate::per(rate.per, rate.count, rate.burst)
}

/// The limits of one rule, and how far they are used up.
struct RuleLimit {
    rate: Option<Limiter>,
    rate_per_source: Option<KeyedBuckets>,
    sessions: Option<(u32, u32)>,
    sessions_per_source: Option<KeyedCounts>,
}

/// All rules that have limits. They are few, so a map.
pub(super) struct RuleLimits(BTreeMap<RuleId, Box<RuleLimit>>);

impl RuleLimits {
    pub(super) fn new(
        policy: &CompiledPolicy,
        sources: usize,
        random: &mut (dyn RandomSource + Send),
    ) -> Result<Self, ConfigError> {
        let mut limits = BTreeMap::new();
        for (number, rule) in (0u32..).zip(&policy.rules) {
            let own = &rule.limits;
            if own.is_none() {
                continue;
            }
            let rate_per_source = own
                .rate_per_source
                .as_ref()
                .map(|own| KeyedBuckets::new(rate(own), sources, random))
                .transpose()?;
            let sessions_per_source = own
                .sessions_per_source
                .map(|most| KeyedCounts::new(most, sources, random))
                .transpose()?;
            let limit = RuleLimit {
                rate: own.rate.as_ref().map(|own| Limiter::new(rate(own))),
                rate_per_source,
                sessions: own.sessions.map(|most| (most, 0)),
                sessions_per_source,
            };
            limits.insert(RuleId(number), Box::new(limit));
        }
        Ok(Self(limits))
    }

    /// Counts a new session in. Says whether it has to be counted out again.
    pub(super) fn acquire(
        &mut self,
        now: Instant,
        rule: RuleId,
        source: IpAddr,
    ) -> Result<bool, Limit> {
        let Some(limit) = self.0.get_mut(&rule) else {
            return Ok(false);
        };
        let source = SourceKey::of(source);
        // What can be said without taking anything comes first.
        if limit.sessions.is_some_and(|(most, count)| count >= most) {
            return Err(Limit::Sessions);
        }
        if let Some(counts) = &mut limit.sessions_per_source {
            counts
                .acquire(source)
                .map_err(|_| Limit::SessionsPerSource)?;
        }
        let refused = if limit
            .rate_per_source
            .as_mut()
            .is_some_and(|buckets| !buckets.take(now, source))
        {
            Some(Limit::RatePerSource)
        } else if limit
            .rate
            .as_mut()
            .is_some_and(|limiter| !limiter.take(now))
        {
            Some(Limit::Rate)
        } else {
            None
        };
        if let Some(refused) = refused {
            if let Some(counts) = &mut limit.sessions_per_source {
                counts.release(source);
            }
            return Err(refused);
        }
        if let Some((_, count)) = &mut limit.sessions {
            *count += 1;
        }
        Ok(limit.sessions.is_some() || limit.sessions_per_source.is_some())
    }

    /// Counts a session in whatever the limits say: one that lives on over a reload.
    pub(super) fn recount(&mut self, rule: RuleId, source: IpAddr) -> bool {
        let Some(limit) = self.0.get_mut(&rule) else {
            return false;
        };
        if let Some(counts) = &mut limit.sessions_per_source
            && counts.acquire(SourceKey::of(source)).is_err()
        {
            return false;
        }
        if let Some((_, count)) = &mut limit.sessions {
            *count = count.saturating_add(1);
        }
        limit.sessions.is_some() || limit.sessions_per_source.is_some()
    }

    /// Counts a session out.
    pub(super) fn release(&mut self, rule: RuleId, source: IpAddr) {
        let Some(limit) = self.0.get_mut(&rule) else {
            return;
        };
        if let Some(counts) = &mut limit.sessions_per_source {
            counts.release(SourceKey::of(source));
        }
        if let Some((_, count)) = &mut limit.sessions {
            *count = count.saturating_sub(1);
        }
    }
}
