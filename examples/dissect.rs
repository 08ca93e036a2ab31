//! Prints the packets of capture files, layer by layer, as the crates of this workspace see them.
//!
//! ```text
//! cargo run --example dissect -- capture.pcapng            # a line for each frame, then a summary
//! cargo run --example dissect -- --summary a.pcap b.pcap   # counts by protocol and error
//! cargo run --example dissect -- --json capture.pcap       # all fields, under tshark's names
//! tcpdump -w - | cargo run --example dissect -- -          # from the standard input, when it ends
//! ```
//!
//! An error says what is wrong, at which octet of the frame, and why. A file that is damaged is
//! read up to the damage; then the exit status is 1.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use core::time::Duration;
use internetwork::capture_file::{CaptureFile, CapturedFrame};
use internetwork::dissect::{Summary, dissect, one_liner};
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints the packets of capture files (pcap or pcapng) as the crates of this workspace see them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Print an array of objects, one for each frame, with all fields.
    #[arg(long, conflicts_with = "summary")]
    json: bool,
    /// Print the summary alone: counts by protocol, by error, and by what was not read.
    #[arg(long)]
    summary: bool,
    /// Read no more than this many frames of each file.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// The files; `-` is the standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&arguments, &mut out) {
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
    }
}

/// Whether all files were sound.
fn print(arguments: &Arguments, out: &mut impl Write) -> Result<bool> {
    let mut printer = Printer {
        arguments,
        summary: Summary::default(),
        json_frames: 0,
        out,
    };
    let mut sound = true;
    if arguments.json {
        write!(printer.out, "[")?;
    }
    for file in &arguments.files {
        let octets = read(file).with_context(|| format!("cannot read {}", file.display()))?;
        sound &= printer.file(file, &octets)?;
    }
    if arguments.json {
        writeln!(printer.out, "\n]")?;
    }
    if !arguments.json {
        let separator = if arguments.summary { "" } else { "\n" };
        write!(printer.out, "{separator}{}", printer.summary)?;
    }
    printer.out.flush()?;
    Ok(sound)
}

struct Printer<'a, W> {
    arguments: &'a Arguments,
    summary: Summary,
    json_frames: usize,
    out: &'a mut W,
}

impl<W: Write> Printer<'_, W> {
    /// Prints a file's frames; false when the file is damaged, which is said on the error output.
    fn file(&mut self, file: &Path, octets: &[u8]) -> Result<bool> {
        let complain = |error| eprintln!("{}: {error}", file.display());
        let frames = match CaptureFile::new(octets) {
            Ok(frames) => frames,
            Err(error) => {
                complain(error);
                return Ok(false);
            }
        };
        let mut first = None;
        let limit = self.arguments.count.unwrap_or(usize::MAX);
        for (index, frame) in frames.take(limit).enumerate() {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    complain(error);
                    return Ok(false);
                }
            };
            let start = *first.get_or_insert(frame.timestamp);
            self.frame(index + 1, frame.timestamp.saturating_sub(start), &frame)?;
        }
        Ok(true)
    }

    fn frame(&mut self, number: usize, time: Duration, frame: &CapturedFrame<'_>) -> Result<()> {
        let dissection = dissect(frame.link_type, frame.octets, frame.original_len);
        if self.arguments.json {
            let object = dissection.to_json(number, frame.original_len, frame.octets.len());
            let separator = if self.json_frames == 0 { "\n" } else { ",\n" };
            write!(self.out, "{separator}{}", serde_json::to_string(&object)?)?;
            self.json_frames += 1;
            return Ok(());
        }
        self.summary.count(&dissection);
        if !self.arguments.summary {
            let line = one_liner(&dissection, number, time, frame.original_len);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut octets = Vec::new();
        io::stdin().lock().read_to_end(&mut octets)?;
        Ok(octets)
    } else {
        fs::read(file)
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(ErrorKind::BrokenPipe)
}
