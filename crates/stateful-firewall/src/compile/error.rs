//! Why a policy cannot be compiled.

use alloc::string::{String, ToString};
use thiserror::Error;

/// Why a policy cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {problem}")]
pub struct CompileError {
    /// The name of the rule, the set or the interface where the problem is.
    pub at: String,
    /// What the problem is.
    pub problem: Problem,
}

impl CompileError {
    pub(crate) fn new(at: &str, problem: Problem) -> Self {
        Self {
            at: at.to_string(),
            problem,
        }
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something that is mentioned is not declared.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// What it was called.
        name: String,
    },
    /// Two things of one kind have the same name.
    #[error("there are two of this {0}")]
    Twice(&'static str),
    /// A name with other characters than letters, digits, `_`, `-` and `.`, or an empty one.
    #[error("this is not a name: letters, digits, `_`, `-` and `.`, at most 64")]
    Name,
    /// A security level above 100.
    #[error("level {0} is not from 0 to 100")]
    Level(u8),
    /// A set holds itself, or sets are nested too deep.
    #[error("the set `{0}` holds itself, or sets are nested too deep")]
    Nested(String),
    /// More than a policy may have.
    #[error("there are more {what} than {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// A value that cannot be.
    #[error("{what}: {value} is out of range")]
    OutOfRange {
        /// Of what.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A condition that no packet can fulfil.
    #[error("no packet can match: {0}")]
    Never(&'static str),
}
