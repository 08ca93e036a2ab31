//! What a configuration must fulfil.

use super::{Action, Fragments, Mapping, NatConfig};
use crate::mapping::MAX_RULES;
use alloc::collections::BTreeSet;
use thiserror::Error;

/// Why a translator cannot be made. Each kind names what is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NatConfigError {
    /// The session table cannot be made.
    #[error("max_sessions: {0}")]
    Sessions(flow_table::ConfigError),
    /// A pool has no address, a range that ends before it begins, or no ports.
    #[error("pools[{0}]: no address, or no ports")]
    EmptyPool(usize),
    /// An address is in two pools, or in a pool and in a static rule.
    #[error("pools[{0}]: an address is used elsewhere too")]
    SharedAddress(usize),
    /// More addresses than can be numbered.
    #[error("pools: more than 65,535 addresses")]
    TooManyAddresses,
    /// A rule names a pool that is not there.
    #[error("rules[{0}]: there is no such pool")]
    NoSuchPool(usize),
    /// More rules than can be numbered.
    #[error("rules: more than 1,024")]
    TooManyRules,
    /// The two prefixes of a static rule or an alias are not of the same length.
    #[error("{what}[{index}]: the prefixes are not of the same length")]
    PrefixLengths {
        /// `rules` or `aliases`.
        what: &'static str,
        /// Which of them.
        index: usize,
    },
    /// A limit of sessions per destination is 0.
    #[error("rules[{0}]: a limit of 0")]
    ZeroLimit(usize),
    /// A forward has no target with a weight, an empty port range, or a target whose ports would
    /// reach over 65,535.
    #[error("forwards[{0}]: no target, no port, or ports above 65535")]
    BadForward(usize),
    /// A field of the fragment handling is out of range.
    #[error("fragments: {0}")]
    Fragments(&'static str),
}

impl NatConfig {
    pub(crate) fn check(&self) -> Result<(), NatConfigError> {
        self.check_pools()?;
        self.check_rules()?;
        for (index, forward) in self.forwards.iter().enumerate() {
            let span = forward.ports.end().checked_sub(*forward.ports.start());
            let fits = |first: Option<u16>| {
                let span = span.unwrap_or(u16::MAX);
                first.is_none_or(|first| first.checked_add(span).is_some())
            };
            if span.is_none()
                || forward.targets.iter().all(|target| target.weight == 0)
                || !forward.targets.iter().all(|target| fits(target.first_port))
            {
                return Err(NatConfigError::BadForward(index));
            }
        }
        for (index, alias) in self.aliases.iter().enumerate() {
            if alias.alias.length() != alias.real.length() {
                let what = "aliases";
                return Err(NatConfigError::PrefixLengths { what, index });
            }
        }
        if let Fragments::Virtual(config) = &self.fragments {
            if config.timeout.is_zero() {
                return Err(NatConfigError::Fragments("a timeout of 0"));
            }
            if config.max_packets == 0 || config.max_packets_per_source == 0 {
                return Err(NatConfigError::Fragments("no packets"));
            }
        }
        Ok(())
    }

    fn check_pools(&self) -> Result<(), NatConfigError> {
        let mut seen = BTreeSet::new();
        for (index, pool) in self.pools.iter().enumerate() {
            if pool.addresses.is_empty()
                || pool.ports.is_empty()
                || pool.addresses.iter().any(|range| range.is_empty())
            {
                return Err(NatConfigError::EmptyPool(index));
            }
            for range in &pool.addresses {
                for bits in range.start().to_bits()..=range.end().to_bits() {
                    if !seen.insert(bits) {
                        return Err(NatConfigError::SharedAddress(index));
                    }
                    if seen.len() >= usize::from(u16::MAX) {
                        return Err(NatConfigError::TooManyAddresses);
                    }
                }
            }
        }
        Ok(())
    }

    fn check_rules(&self) -> Result<(), NatConfigError> {
        if self.rules.len() > MAX_RULES {
            return Err(NatConfigError::TooManyRules);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let pool = match &rule.action {
                Action::Napt(napt) => {
                    if matches!(napt.mapping, Mapping::PerDestination { limit: 0, .. }) {
                        return Err(NatConfigError::ZeroLimit(index));
                    }
                    Some(napt.pool)
                }
                Action::Dynamic { pool, .. } => Some(*pool),
                Action::Static { outside } => {
                    if outside.length() != rule.matching.source.length() {
                        let what = "rules";
                        return Err(NatConfigError::PrefixLengths { what, index });
                    }
                    None
                }
                Action::Bypass | Action::Drop => None,
            };
            if pool.is_some_and(|pool| pool >= self.pools.len()) {
                return Err(NatConfigError::NoSuchPool(index));
            }
        }
        Ok(())
    }
}
