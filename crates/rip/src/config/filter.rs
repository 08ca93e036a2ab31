//! Which routes pass, and what is added to their metrics.

use alloc::vec::Vec;

use crate::family::Family;

/// What happens to a route that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It passes.
    Permit,
    /// It is left out.
    Deny,
}

/// One rule of a [`Filter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilterRule<F: Family> {
    /// What happens.
    pub action: Action,
    /// The rule matches prefixes that lie in this one,
    pub within: F::Prefix,
    /// that have at least this many bits,
    pub min_length: u8,
    /// at most this many bits,
    pub max_length: u8,
    /// and this route tag; `None` matches every tag.
    pub tag: Option<u16>,
}

impl<F: Family> FilterRule<F> {
    /// A rule for this one prefix.
    pub fn exact(action: Action, prefix: F::Prefix) -> Self {
        Self {
            action,
            within: prefix,
            min_length: F::length(&prefix),
            max_length: F::length(&prefix),
            tag: None,
        }
    }

    /// A rule for this prefix and all that lie in it.
    pub fn within(action: Action, prefix: F::Prefix) -> Self {
        Self {
            max_length: F::BITS,
            ..Self::exact(action, prefix)
        }
    }

    fn matches(&self, prefix: &F::Prefix, tag: u16) -> bool {
        let length = F::length(prefix);
        (self.min_length..=self.max_length).contains(&length)
            && self.tag.is_none_or(|wanted| wanted == tag)
            && F::covers(&self.within, prefix)
    }
}

/// A list of rules; the first that matches decides, and where none does, `otherwise`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter<F: Family> {
    /// The rules, in order.
    pub rules: Vec<FilterRule<F>>,
    /// What happens to routes that no rule matches.
    pub otherwise: Action,
}

impl<F: Family> Filter<F> {
    /// Lets everything pass.
    pub const PERMIT_ALL: Self = Self {
        rules: Vec::new(),
        otherwise: Action::Permit,
    };

    /// What happens to a route.
    pub fn decide(&self, prefix: &F::Prefix, tag: u16) -> Action {
        self.rules
            .iter()
            .find(|rule| rule.matches(prefix, tag))
            .map_or(self.otherwise, |rule| rule.action)
    }

    pub(crate) fn permits(&self, prefix: &F::Prefix, tag: u16) -> bool {
        self.decide(prefix, tag) == Action::Permit
    }
}

impl<F: Family> Default for Filter<F> {
    fn default() -> Self {
        Self::PERMIT_ALL
    }
}

/// An entry of an offset list: what is added to the metric of routes that lie in a prefix. The first
/// entry that matches counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offset<F: Family> {
    /// The routes that are meant.
    pub within: F::Prefix,
    /// What is added; from 0 to 16. The sum is at most 16, which is unreachable.
    pub metric: u8,
}

pub(crate) fn offset_of<F: Family>(offsets: &[Offset<F>], prefix: &F::Prefix) -> u8 {
    offsets
        .iter()
        .find(|offset| F::covers(&offset.within, prefix))
        .map_or(0, |offset| offset.metric)
}
