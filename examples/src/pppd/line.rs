//! Lines: serial devices, ptys and Unix sockets, which carry octets; and Ethernet interfaces, which carry frames.

use super::ethernet::{self, Role};
use anyhow::{Context, Result, bail};
use core::fmt;
use core::str::FromStr;
use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// Where a line is. As text: `tty:/dev/ttyS0,115200`, `pty`, `unix:PATH`, `listen:PATH`, `pppoe:eth0`,
/// `pppoe-server:eth0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineSpec {
    /// A serial device, and its speed in bits a second.
    Tty(PathBuf, Option<u32>),
    /// A pseudo-terminal of our own, whose other end somebody opens.
    Pty,
    /// A Unix socket that somebody listens on.
    Unix(PathBuf),
    /// A Unix socket that somebody connects to, once.
    Listen(PathBuf),
    /// PPPoE on an Ethernet interface.
    Ethernet(Role, String),
}

impl FromStr for LineSpec {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match (kind, rest) {
            ("pty", "") => Self::Pty,
            ("tty", device) if !device.is_empty() => match device.split_once(',') {
                None => Self::Tty(device.into(), None),
                Some((device, speed)) => {
                    let speed = speed.parse();
                    Self::Tty(device.into(), Some(speed.context("speed of the line")?))
                }
            },
            ("unix", path) if !path.is_empty() => Self::Unix(path.into()),
            ("listen", path) if !path.is_empty() => Self::Listen(path.into()),
            ("pppoe", interface) if !interface.is_empty() => {
                Self::Ethernet(Role::Client, interface.to_owned())
            }
            ("pppoe-server", interface) if !interface.is_empty() => {
                Self::Ethernet(Role::Concentrator, interface.to_owned())
            }
            _ => bail!(
                "line {text:?} is none of tty:DEVICE[,SPEED], pty, unix:PATH, listen:PATH, \
                 pppoe:INTERFACE, pppoe-server:INTERFACE"
            ),
        })
    }
}

impl fmt::Display for LineSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tty(path, None) => write!(f, "tty:{}", path.display()),
            Self::Tty(path, Some(speed)) => write!(f, "tty:{},{speed}", path.display()),
            Self::Pty => f.write_str("pty"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Listen(path) => write!(f, "listen:{}", path.display()),
            Self::Ethernet(Role::Client, interface) => write!(f, "pppoe:{interface}"),
            Self::Ethernet(Role::Concentrator, interface) => {
                write!(f, "pppoe-server:{interface}")
            }
        }
    }
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// So many octets.
    Octets(usize),
    /// Nothing now.
    Nothing,
    /// The line is gone.
    Hangup,
}

/// A line that is up. It never blocks.
#[derive(Debug)]
pub struct Line {
    fd: OwnedFd,
    /// The other end's name, where somebody has to be told it.
    other_end: Option<String>,
}

impl Line {
    /// Opens a line; waits for whoever is to connect.
    ///
    /// # Errors
    ///
    /// When there is no such device or socket, or it cannot be set up.
    pub fn open(spec: &LineSpec) -> Result<Self> {
        let opened = match spec {
            LineSpec::Tty(device, speed) => tty(device, *speed),
            LineSpec::Pty => return pty(),
            LineSpec::Unix(path) => UnixStream::connect(path)
                .map(OwnedFd::from)
                .map_err(anyhow::Error::from),
            LineSpec::Listen(path) => listen(path),
            LineSpec::Ethernet(_, interface) => ethernet::open(interface).map(OwnedFd::from),
        };
        let fd = opened.with_context(|| format!("cannot open the line {spec}"))?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self {
            fd,
            other_end: None,
        })
    }

    /// The device at the other end of a pty.
    pub fn other_end(&self) -> Option<&str> {
        self.other_end.as_deref()
    }

    /// Reads what is there: octets, or one frame.
    ///
    /// # Errors
    ///
    /// Others than those that say that the line is gone.
    pub fn read(&self, octets: &mut [u8]) -> Result<Got> {
        match rustix::io::read(&self.fd, octets) {
            Ok(0) => Ok(Got::Hangup),
            Ok(length) => Ok(Got::Octets(length)),
            Err(why) => Self::trouble(why).context("cannot read from the line"),
        }
    }

    /// Writes as much as the line takes.
    ///
    /// # Errors
    ///
    /// Others than those that say that the line is gone.
    pub fn write(&self, octets: &[u8]) -> Result<Got> {
        match rustix::io::write(&self.fd, octets) {
            Ok(length) => Ok(Got::Octets(length)),
            Err(why) => Self::trouble(why).context("cannot write to the line"),
        }
    }

    fn trouble(why: rustix::io::Errno) -> Result<Got> {
        let why = std::io::Error::from(why);
        match why.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Got::Nothing),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(Got::Hangup),
            // A terminal whose other end is closed.
            _ if why.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Ok(Got::Hangup)
            }
            _ => Err(why.into()),
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn tty(device: &PathBuf, speed: Option<u32>) -> Result<OwnedFd> {
    // Without waiting for the carrier.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(device, flags, Mode::empty())?;
    raw(&fd, speed)?;
    Ok(fd)
}

/// Octets pass as they are, eight bits each.
fn raw(fd: impl AsFd, speed: Option<u32>) -> Result<()> {
    let mut modes = tcgetattr(&fd)?;
    modes.make_raw();
    if let Some(speed) = speed {
        modes.set_speed(speed)?;
    }
    Ok(tcsetattr(&fd, OptionalActions::Now, &modes)?)
}

fn pty() -> Result<Line> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let fd = openpt(flags).context("cannot make a pty")?;
    grantpt(&fd)?;
    unlockpt(&fd)?;
    raw(&fd, None)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    let name = ptsname(&fd, Vec::new())?;
    Ok(Line {
        fd,
        other_end: Some(name.to_str()?.to_owned()),
    })
}

fn listen(path: &PathBuf) -> Result<OwnedFd> {
    let listener = UnixListener::bind(path)?;
    let accepted = listener.accept();
    // Nobody else can connect.
    std::fs::remove_file(path)?;
    Ok(OwnedFd::from(accepted?.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lines_are_written_as_they_are_read() {
        for text in [
            "tty:/dev/ttyS0",
            "tty:/dev/ttyUSB1,57600",
            "pty",
            "unix:/tmp/a",
            "listen:/tmp/b",
            "pppoe:eth0",
            "pppoe-server:eth1",
        ] {
            let line: LineSpec = text.parse().unwrap();
            assert_eq!(line.to_string(), text);
        }
        for text in ["", "tty:", "pty:x", "unix:", "tty:/dev/x,fast"] {
            assert!(text.parse::<LineSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pty_passes_octets_unchanged_and_tells_of_its_end() {
        let ours = Line::open(&LineSpec::Pty).unwrap();
        let device = PathBuf::from(ours.other_end().unwrap());
        let theirs = Line::open(&LineSpec::Tty(device, Some(115_200))).unwrap();
        let all: Vec<u8> = (0..=255).collect();
        let mut got = [0; 512];
        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            assert_eq!(from.write(&all).unwrap(), Got::Octets(256));
            assert_eq!(to.read(&mut got).unwrap(), Got::Octets(256));
            assert_eq!(got.get(..256).unwrap(), all);
            assert_eq!(to.read(&mut got).unwrap(), Got::Nothing);
        }
        drop(theirs);
        assert_eq!(ours.read(&mut got).unwrap(), Got::Hangup);
    }
}
