//! What was tried with a peer, and what came of it, as a table.

use anyhow::{Result, bail};
use core::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;

/// Results by feature and role. Threads may add to it at once.
#[derive(Debug)]
pub struct Matrix {
    peer: String,
    rows: Mutex<Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    feature: String,
    role: String,
    result: core::result::Result<(), String>,
}

impl Matrix {
    /// An empty table for a peer.
    pub fn new(peer: &str) -> Self {
        Self {
            peer: peer.to_owned(),
            rows: Mutex::default(),
        }
    }

    /// Adds a result.
    pub fn add(&self, feature: &str, role: &str, result: Result<()>) {
        if let Ok(mut rows) = self.rows.lock() {
            rows.push(Row {
                feature: feature.to_owned(),
                role: role.to_owned(),
                result: result.map_err(|why| format!("{why:?}")),
            });
        }
    }

    /// The table in Markdown: a line for each feature and role.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("| {} | role | result |\n|---|---|---|\n", self.peer);
        let Ok(mut rows) = self.rows.lock() else {
            return text;
        };
        rows.sort_by(|a, b| (&a.feature, &a.role).cmp(&(&b.feature, &b.role)));
        for row in rows.iter() {
            let result = if row.result.is_ok() { "pass" } else { "FAIL" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} | {} | {result} |", row.feature, row.role);
        }
        text
    }

    /// Prints the table.
    ///
    /// # Errors
    ///
    /// When something failed, with the reasons; and when nothing was tried.
    pub fn finish(&self) -> Result<()> {
        writeln!(std::io::stderr(), "\n{}", self.to_markdown())?;
        let Ok(rows) = self.rows.lock() else {
            bail!("a thread panicked");
        };
        let failed: Vec<String> = rows
            .iter()
            .filter_map(|row| {
                let why = row.result.as_ref().err()?;
                Some(format!("{}, {}: {why}", row.feature, row.role))
            })
            .collect();
        if rows.is_empty() {
            bail!("nothing was tried");
        }
        if !failed.is_empty() {
            bail!(
                "{} of {}:\n{}",
                failed.len(),
                rows.len(),
                failed.join("\n\n")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_shown_and_told() {
        let matrix = Matrix::new("somebody");
        matrix.finish().unwrap_err();
        matrix.add("b", "client", Ok(()));
        matrix.finish().unwrap();
        matrix.add("a", "server", Err(anyhow::anyhow!("it broke")));
        let why = matrix.finish().unwrap_err().to_string();
        assert!(why.contains("it broke") && why.contains("1 of 2"), "{why}");
        let rows = "| a | server | FAIL |\n| b | client | pass |\n";
        assert!(matrix.to_markdown().ends_with(rows));
    }
}
