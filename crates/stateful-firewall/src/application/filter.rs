//! Filters: which names may be asked for.

use crate::compile::Problem;
use alloc::string::String;

/// A filter of a policy, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(pub(crate) u16);

/// Which names sessions may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Filter {
    /// What rules call it.
    pub name: String,
}

impl Filter {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

/// Why the application layer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A name that the filter blocks.
    #[error("the name is blocked")]
    Name,
}
