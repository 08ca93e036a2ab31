//! DNS servers, search domains, NAT64 prefixes and captive portals, with their lifetimes.

use super::report::Parameter;
use crate::address::Lifetime;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use packet_buffer::Instant;

/// What routers tell. Each router's word is an entry of its own; a parameter is known while one
/// router stands for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    entries: Vec<Entry>,
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Entry {
    parameter: Parameter,
    router: Ipv6Addr,
    until: Option<Instant>,
}

/// What became of an advertised parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Added,
    Removed,
    Full,
}

impl Parameters {
    /// Takes a router's word.
    // RFC 8106 §5.1 MUST (lifetime-zero): a lifetime of zero means that the server must not be used any more.
    pub(super) fn set(
        &mut self,
        now: Instant,
        parameter: &Parameter,
        router: Ipv6Addr,
        lifetime: Lifetime,
        max: usize,
    ) -> Change {
        let same = |it: &Entry| it.router == router && it.parameter == *parameter;
        let at = self.entries.iter().position(same);
        let change = match at {
            Some(at) if lifetime.is_zero() => {
                self.entries.remove(at);
                if self.contains(parameter) {
                    Change::Nothing
                } else {
                    Change::Removed
                }
            }
            Some(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.until = lifetime.until(now);
                }
                Change::Nothing
            }
            None if lifetime.is_zero() => Change::Nothing,
            None if self.entries.len() >= max => Change::Full,
            None => {
                let known = self.contains(parameter);
                self.entries.push(Entry {
                    parameter: parameter.clone(),
                    router,
                    until: lifetime.until(now),
                });
                if known {
                    Change::Nothing
                } else {
                    Change::Added
                }
            }
        };
        self.find_deadline();
        change
    }

    /// Drops the words whose time is over; a parameter for which no router stands any more.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Parameter> {
        let due = |it: &Entry| it.until.is_some_and(|until| until <= now);
        while let Some(at) = self.entries.iter().position(due) {
            let entry = self.entries.remove(at);
            self.find_deadline();
            if !self.contains(&entry.parameter) {
                return Some(entry.parameter);
            }
        }
        None
    }

    fn contains(&self, parameter: &Parameter) -> bool {
        self.entries.iter().any(|it| it.parameter == *parameter)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Parameter, Ipv6Addr, Option<Instant>)> {
        let entries = self.entries.iter();
        entries.map(|it| (&it.parameter, it.router, it.until))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn find_deadline(&mut self) {
        self.deadline = self.entries.iter().filter_map(|it| it.until).min();
    }
}
