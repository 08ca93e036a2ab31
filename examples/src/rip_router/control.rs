//! What is asked over the control socket: a line with the number of routes wanted of each protocol, or
//! `all`; the answer is the router's state as a line of JSON.

use super::snapshot::Snapshot;
use crate::control_socket;
pub use crate::control_socket::{Control, Question, Wake};
use anyhow::{Context, Result};
use std::path::Path;

/// How many routes of each protocol a question wants at most; `None` when it makes no sense.
pub fn routes(question: &Question) -> Option<usize> {
    match &*question.line {
        "all" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

/// Asks the router at `path` for its state, with at most `routes` routes of each protocol.
///
/// # Errors
///
/// When no router answers there.
pub fn ask(path: &Path, routes: usize) -> Result<Snapshot> {
    let line = if routes == usize::MAX {
        "all".to_owned()
    } else {
        routes.to_string()
    };
    let text = control_socket::ask(path, &line)?;
    serde_json::from_str(&text).context("the router's answer cannot be read")
}
