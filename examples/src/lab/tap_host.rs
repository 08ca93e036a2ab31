//! The example `tap_host` in a namespace, watched through its events.

use super::{Namespace, Process, check, example_path, tshark_complaints, wait_until};
use anyhow::{Context, Result, bail, ensure};
use core::time::Duration;
use packet_buffer::time::StdClock;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// How long an event, or a state of the kernel's, is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host of ours on the device `inw0` of a namespace.
#[derive(Debug)]
pub struct TapHost {
    host: Process,
    /// The name of the namespace.
    namespace: String,
    capture: PathBuf,
    /// Events that were read while others were waited for.
    unread: Vec<Value>,
}

impl TapHost {
    /// The host's address on the link, unless an option gives another.
    pub const MAC: &str = "02:00:5e:10:00:02";
    /// The link-local address that follows from it.
    pub const LINK_LOCAL: &str = "fe80::5eff:fe10:2";
    /// Its device.
    pub const DEVICE: &str = "inw0";

    /// Starts the example with these options, and waits for its device.
    ///
    /// # Errors
    ///
    /// When it was not built, or does not come up.
    pub fn start(namespace: &Namespace, options: &[&str]) -> Result<Self> {
        let capture = std::env::temp_dir().join(format!("{}.pcapng", namespace.name()));
        let program = example_path("tap_host")?;
        let mut arguments = vec!["--capture", capture.to_str().context("path")?, "--json"];
        arguments.extend(options);
        let host = namespace.spawn(program.to_str().context("path")?, &arguments)?;
        let mut host = Self {
            host,
            namespace: namespace.name().to_owned(),
            capture,
            unread: Vec::new(),
        };
        host.event("started", &[])?;
        Ok(host)
    }

    /// Waits for the event `name` whose fields have these values as text; also one that came while
    /// another was waited for. Each is given once.
    ///
    /// # Errors
    ///
    /// When it does not come within 20 seconds; the error holds the events that did.
    pub fn event(&mut self, name: &str, fields: &[(&str, &str)]) -> Result<Value> {
        let is_wanted = |event: &Value| {
            let has = |&(key, wanted): &(&str, &str)| {
                let text = event.get(key).map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                text.as_deref() == Some(wanted)
            };
            event.get("event").and_then(Value::as_str) == Some(name) && fields.iter().all(has)
        };
        if let Some(at) = self.unread.iter().position(is_wanted) {
            return Ok(self.unread.remove(at));
        }
        let clock = StdClock::new();
        let end = clock.now() + PATIENCE;
        while clock.now() < end {
            let line = self.host.wait_for_line("", end - clock.now());
            let line = line.with_context(|| {
                format!("waiting for {name} {fields:?}; seen: {:#?}", self.unread)
            })?;
            let event: Value = serde_json::from_str(&line).with_context(|| line)?;
            if is_wanted(&event) {
                return Ok(event);
            }
            self.unread.push(event);
        }
        bail!("no {name} {fields:?}; seen: {:#?}", self.unread)
    }

    /// Forgets the events that were read while others were waited for: what is waited for next is new,
    /// but for what lies in the pipe.
    pub fn forget(&mut self) {
        self.unread.clear();
    }

    /// Waits until the host may use its configured addresses, and the kernel its own.
    ///
    /// # Errors
    ///
    /// When that takes more than 20 seconds.
    pub fn ready(&mut self, namespace: &Namespace) -> Result<Value> {
        let ready = self.event("ready", &[])?;
        wait_until(PATIENCE, || {
            let addresses = namespace.run("ip", &["-6", "addr", "show", "dev", Self::DEVICE])?;
            ensure!(!addresses.contains("tentative"), "{addresses}");
            Ok(())
        })?;
        Ok(ready)
    }

    /// Frames of the capture so far that a display filter of tshark's takes.
    ///
    /// # Errors
    ///
    /// When tshark cannot be run or does not take the filter.
    pub fn captured(&self, filter: &str) -> Result<usize> {
        super::captured(&self.capture, filter)
    }

    /// Waits until the capture has a frame that the filter takes.
    ///
    /// # Errors
    ///
    /// When none comes within 20 seconds.
    pub fn sees(&self, filter: &str) -> Result<()> {
        wait_until(PATIENCE, || {
            let frames = self.captured(filter)?;
            ensure!(frames > 0, "no frame: {filter}");
            Ok(())
        })
        .map(drop)
    }

    /// Ends the host; its counters, when tshark finds nothing wrong with any frame of the link.
    ///
    /// # Errors
    ///
    /// When the host fails, or tshark complains.
    pub fn finish(self) -> Result<Value> {
        let (capture, namespace) = (self.capture.clone(), self.namespace.clone());
        let counters = self.stop()?;
        let (frames, complaints) = tshark_complaints(&capture)?;
        ensure!(
            complaints.is_empty(),
            "tshark complains about {namespace}: {complaints:#?}"
        );
        ensure!(frames > 5, "{frames} frames captured");
        std::fs::remove_file(&capture)?;
        Ok(counters)
    }

    /// Ends the host; its counters. What others sent on the link may have been malformed.
    ///
    /// # Errors
    ///
    /// When the host fails.
    pub fn stop(self) -> Result<Value> {
        let lines = self.host.stop()?;
        let last = lines.last().context("no last words")?;
        let counters: Value = serde_json::from_str(last)?;
        let name = counters.get("event").and_then(Value::as_str);
        ensure!(name == Some("stopped"), "{last}");
        Ok(counters)
    }
}

/// What a command line of the namespace prints, whether it succeeds or not. Words are parted by
/// spaces.
///
/// # Errors
///
/// When it cannot be started.
pub fn tool(namespace: &Namespace, line: &str) -> Result<String> {
    let mut words = line.split(' ');
    let program = words.next().context("a program")?;
    let arguments: Vec<&str> = words.collect();
    let output = namespace.output(program, &arguments)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    Ok(format!(
        "{}{errors}",
        String::from_utf8_lossy(&output.stdout)
    ))
}

/// The same; what it prints must have all `parts`.
///
/// # Errors
///
/// When one is missing; the error holds the output.
pub fn expect(namespace: &Namespace, line: &str, parts: &[&str]) -> Result<String> {
    let text = tool(namespace, line)?;
    for part in parts {
        ensure!(text.contains(part), "{line}: no {part:?} in:\n{text}");
    }
    Ok(text)
}

/// A daemon that advertises: radvd or dnsmasq, with its files. Ended, and those removed, when dropped.
#[derive(Debug)]
pub struct Advertising {
    process: Option<Process>,
    config: PathBuf,
}

impl Advertising {
    /// Starts Debian's `radvd` with this configuration.
    ///
    /// # Errors
    ///
    /// When it is not installed or refuses the configuration.
    pub fn radvd(namespace: &Namespace, configuration: &str) -> Result<Self> {
        let config = std::env::temp_dir().join(format!("{}-radvd.conf", namespace.name()));
        std::fs::write(&config, configuration)?;
        let path = config.display().to_string();
        check(Command::new("radvd").args(["-c", "-C", &path]))
            .context("radvd does not take the configuration (or: apt install radvd)")?;
        let pid = format!("{path}.pid");
        let arguments = ["-n", "-m", "stderr", "-C", &path, "-p", &pid];
        let process = namespace.spawn("radvd", &arguments)?;
        Ok(Self {
            process: Some(process),
            config,
        })
    }

    /// Starts Debian's `dnsmasq` (`dnsmasq-base`) with these options beside those that keep it apart
    /// from the system's.
    ///
    /// # Errors
    ///
    /// When it is not installed.
    pub fn dnsmasq(namespace: &Namespace, options: &[&str]) -> Result<Self> {
        let config = std::env::temp_dir().join(format!("{}-dnsmasq.conf", namespace.name()));
        std::fs::write(&config, "")?;
        let path = config.display().to_string();
        let file = format!("--conf-file={path}");
        let (pid, leases) = (
            format!("--pid-file={path}.pid"),
            format!("--dhcp-leasefile={path}.leases"),
        );
        let mut arguments = vec!["-k", "-u", "root", "--port=0", &file, &pid, &leases];
        arguments.extend(options);
        let process = namespace.spawn("dnsmasq", &arguments)?;
        Ok(Self {
            process: Some(process),
            config,
        })
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    ///
    /// When it has ended before, or fails.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process.take().context("stopped already")?;
        process.stop().map(drop)
    }
}

impl Drop for Advertising {
    fn drop(&mut self) {
        drop(self.process.take());
        for extension in ["", ".pid", ".leases"] {
            let path = format!("{}{extension}", self.config.display());
            // Not all are there.
            let _ = std::fs::remove_file(path);
        }
    }
}
