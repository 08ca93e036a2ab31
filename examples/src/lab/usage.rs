//! What a process costs.

use anyhow::{Context, Result};
use core::time::Duration;

/// CPU time and memory of a process, all its threads together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time on a CPU, in the kernel too.
    pub cpu: Duration,
    /// Octets of memory that are resident.
    pub resident: u64,
}

impl Usage {
    /// Of the process `id` now.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn of(id: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{id}/{name}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let mut cpu = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread may have ended meanwhile. The first number is nanoseconds on a CPU.
            let text = std::fs::read_to_string(task?.path().join("schedstat"));
            let text = text.unwrap_or_default();
            let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
            cpu += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        let status = read("status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes: Option<u64> =
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        Ok(Self {
            cpu,
            resident: kilobytes.context("no VmRSS")? * 1024,
        })
    }

    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            resident: self.resident.saturating_sub(before.resident),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_costs_something() {
        let usage = super::Usage::of(std::process::id()).unwrap();
        assert!(usage.resident > 100_000);
        assert!(super::Usage::of(u32::MAX).is_err());
    }
}
