//! What went over a wire, kept for tshark.

use super::{Namespace, Process, check, tshark_malformed};
use anyhow::{Context, Result, ensure};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A capture that runs (Debian's `tcpdump`). The file is removed when it is dropped.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    process: Option<Process>,
}

impl Capture {
    /// Starts to capture at an interface what `filter` lets through; back when it listens.
    ///
    /// # Errors
    ///
    /// When `tcpdump` cannot be started or does not listen within ten seconds.
    pub fn start(namespace: &Namespace, interface: &str, filter: &str) -> Result<Self> {
        let file = std::env::temp_dir().join(format!("{}-{interface}.pcap", namespace.name()));
        let path = file.display().to_string();
        // Its words go to the standard error output, which a `Process` does not read.
        let line = format!(
            "exec tcpdump -Z root --immediate-mode -n -i {interface} -U -w {path} '{filter}' 2>&1"
        );
        let process = namespace.spawn("sh", &["-c", &line])?;
        let capture = Self {
            file,
            process: Some(process),
        };
        let process = capture.process.as_ref().context("the capture runs")?;
        process.wait_for_line("listening on", Duration::from_secs(10))?;
        Ok(capture)
    }

    /// Ends the capture; an error when tshark finds anything malformed in it, or fewer than `least` frames.
    ///
    /// # Errors
    ///
    /// What tshark complains of, or when it cannot be run.
    pub fn finish(mut self, least: usize) -> Result<usize> {
        self.process.take().context("the capture runs")?.stop()?;
        let (frames, complaints) = tshark_malformed(&self.file)?;
        ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
        ensure!(frames >= least, "{frames} frames captured, not {least}");
        Ok(frames)
    }

    /// How many of the frames so far a display filter of tshark's shows.
    ///
    /// # Errors
    ///
    /// When tshark cannot be run.
    pub fn count(&self, filter: &str) -> Result<usize> {
        let file = self.file.display().to_string();
        let arguments = ["-n", "-r", &file, "-Y", filter];
        Ok(check(Command::new("tshark").args(arguments))?
            .lines()
            .count())
    }

    /// The file, which grows while the capture runs.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.process.take());
        let _ = std::fs::remove_file(&self.file);
    }
}
