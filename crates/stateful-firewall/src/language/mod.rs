//! The rule language: a policy as text.
//!
//! ```text
//! # Zones, from the most trusted to the least.
//! zone inside level 100
//! zone dmz level 50 intra drop
//! zone outside level 0
//!
//! interface lan0 zone inside
//! interface dmz0 zone dmz groups { web }
//! interface wan0 zone outside reverse-path loose bogons acl-in edge
//!
//! addresses servers { 192.0.2.10, 192.0.2.16/28, 2001:db8:5::/64, 192.0.2.40-192.0.2.49 }
//!
//! # Stateless: numbered, first match, both directions, an implicit denial at the end.
//! acl edge {
//!     100 deny from 198.51.100.0/24 log
//!     200 permit
//! }
//!
//! # Stateful, allow-only, as in a cloud.
//! group web {
//!     in tcp port { 80, 443 } from any
//!     out udp port 53 to any
//! }
//!
//! filter clean {
//!     block { ads.example, *.tracker.example }
//!     paths { "/admin" }
//!     unknown drop
//! }
//!
//! # Asked in order about the first packet of a session.
//! rules from outside to dmz {
//!     web: accept tcp to @servers port { 80, 443 } sessions-per-source 100 syn-proxy
//!     mail: accept tcp to 192.0.2.25 port 25 limit 10/second burst 20 log
//!     reject tcp port 113
//!     drop log
//! }
//! rules from inside to outside {
//!     accept tcp port 21 helper ftp
//!     surf: accept tcp port { 80, 443 } user { staff, alice } filter clean
//! }
//! log-default
//! ```
//!
//! A statement ends with its line, or with `;`; lists in braces may go over lines. `#` begins a
//! comment. Names are letters, digits, `_`, `-` and `.`.
//!
//! | statement | what it says |
//! |---|---|
//! | `zone NAME level N [intra accept\|drop]` | a [zone](crate::model::Zone) |
//! | `interface NAME zone ZONE [acl-in ACL] [acl-out ACL] [groups LIST] [reverse-path off\|loose\|strict] [bogons]` | an [interface](crate::model::Interface) |
//! | `addresses NAME { .. }` | an [address set](crate::model::AddressSet), used as `@NAME` |
//! | `acl NAME { N permit\|deny CONDITION [log] .. }` | an [access list](crate::model::Acl) |
//! | `group NAME { [members LIST] in\|out .. }` | a [security group](crate::model::SecurityGroup), used as `group:NAME` |
//! | `filter NAME { .. }` | an [application filter](crate::application::Filter) |
//! | `rules [from ZONES] [to ZONES] { RULE .. }` | [rules](crate::model::Rule) between these zones |
//! | `rule RULE` | one rule |
//! | `same-level accept\|drop` | what levels say about zones of one level |
//! | `log-default` | what levels deny is logged |
//!
//! A rule is `[NAME:] accept|drop|reject|continue|queue N`, then in any order its condition: protocols;
//! `from ADDRESSES`, `to ADDRESSES`, each with its `port PORTS` behind it, where `port` alone means
//! the receiver's; `flags syn/syn,ack`; `type 8`; `fragments none|all|later`; `dscp 46`; `in` and
//! `out` interfaces; `user NAMES`; `from-zone`, `to-zone`; and what goes with it: `log`, `mark N`,
//! `limit RATE`, `limit-per-source RATE`, `sessions N`, `sessions-per-source N`, `helper
//! ftp|tftp|sip`, `filter NAME`, `syn-proxy`. Addresses are a list of what
//! [`AddressItem`](crate::model::AddressItem) reads, `any`, or `not` and a list.
//!
//! [`Policy`] prints in this language.

mod error;
mod lexer;
mod parser;
mod print;
mod rule;

pub use error::{LanguageError, Position};

use crate::compile::CompiledPolicy;
use crate::model::Policy;

/// Reads a policy.
///
/// # Errors
///
/// The first thing that is not understood, with its line and column. Names are not resolved here,
/// so what they stand for may be missing.
pub fn parse(text: &str) -> Result<Policy, LanguageError> {
    parser::parse(text).map(|(policy, _)| policy)
}

/// Reads and compiles a policy.
///
/// # Errors
///
/// As for [`parse`]; and what [`CompiledPolicy::new`] refuses, with the line and column of the
/// declaration to blame.
///
/// ```
/// let error = stateful_firewall::language::compile("zone inside level 100\nrule accept to-zone dmz")
///     .unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 6: rule 1: there is no zone `dmz`");
/// ```
pub fn compile(text: &str) -> Result<CompiledPolicy, LanguageError> {
    let (policy, places) = parser::parse(text)?;
    CompiledPolicy::new(&policy).map_err(|error| {
        let position = places.get(&error.at).copied().unwrap_or_default();
        LanguageError::new(position, error)
    })
}

/// As [`compile`], with interfaces under the same numbers as in `before`, for
/// [`Firewall::reload`](crate::Firewall::reload).
///
/// # Errors
///
/// As for [`compile`].
pub fn compile_after(before: &CompiledPolicy, text: &str) -> Result<CompiledPolicy, LanguageError> {
    let (policy, places) = parser::parse(text)?;
    CompiledPolicy::after(before, &policy).map_err(|error| {
        let position = places.get(&error.at).copied().unwrap_or_default();
        LanguageError::new(position, error)
    })
}

#[cfg(test)]
mod tests;
