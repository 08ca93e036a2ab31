//! Lists of domain names.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// Which names of a domain an entry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Scope {
    itself: bool,
    below: bool,
}

/// A list of domain names: `example.net` means that name and all below it, `*.example.net` only
/// those below it, `=example.net` only the name itself.
///
/// A look-up takes as many steps as the name has labels, however long the list is. Names are
/// compared without regard to ASCII case, and without a dot at the end.
///
/// ```
/// use stateful_firewall::application::DomainList;
///
/// let list: DomainList = ["ads.example", "*.cdn.example"].into_iter().collect();
/// assert!(list.contains("banner.ADS.example."));
/// assert!(list.contains("a.b.cdn.example") && !list.contains("cdn.example"));
/// assert!(!list.contains("loads.example"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomainList(BTreeMap<Box<str>, Scope>);

/// The longest name, in octets (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 255;

impl DomainList {
    /// Adds an entry.
    pub fn insert(&mut self, entry: &str) {
        let (name, scope) = if let Some(name) = entry.strip_prefix("*.") {
            (
                name,
                Scope {
                    itself: false,
                    below: true,
                },
            )
        } else if let Some(name) = entry.strip_prefix('=') {
            (
                name,
                Scope {
                    itself: true,
                    below: false,
                },
            )
        } else {
            (
                entry,
                Scope {
                    itself: true,
                    below: true,
                },
            )
        };
        let held = self.0.entry(normal(name).into_boxed_str()).or_default();
        held.itself |= scope.itself;
        held.below |= scope.below;
    }

    /// Whether the list means this name.
    pub fn contains(&self, name: &str) -> bool {
        if self.0.is_empty() || name.len() > MAX_NAME + 1 {
            return false;
        }
        let name = normal(name);
        if self.0.get(&*name).is_some_and(|scope| scope.itself) {
            return true;
        }
        let mut rest = &*name;
        while let Some((_, parent)) = rest.split_once('.') {
            if self.0.get(parent).is_some_and(|scope| scope.below) {
                return true;
            }
            rest = parent;
        }
        false
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl<'a> FromIterator<&'a str> for DomainList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(entries: I) -> Self {
        let mut list = Self::default();
        for entry in entries {
            list.insert(entry);
        }
        list
    }
}
