//! FTP control connections (RFC 959, RFC 2428): where the data connection will go.

use super::{LineStream, StreamPosition};
use crate::Expected;
use crate::packet::Key;
use alloc::string::String;
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::wire::IpProtocol;
use thiserror::Error;

/// The port of FTP servers.
pub const PORT: u16 = 21;

/// The longest line that is looked at, in octets. RFC 959 has no limit; no line of use comes near.
pub const MAX_LINE: usize = 512;

/// What announces a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// `PORT h1,h2,h3,h4,p1,p2`: the client listens (RFC 959 §4.1.2).
    Port,
    /// `EPRT |1|address|port|`: the client listens (RFC 2428 §2).
    Eprt,
    /// `227 ... (h1,h2,h3,h4,p1,p2)`: the server listens (RFC 959 §4.2).
    Passive,
    /// `229 ... (|||port|)`: the server listens (RFC 2428 §3).
    ExtendedPassive,
}

/// An announcement: who listens where, and where that stands in the payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// What announces it.
    pub command: Command,
    /// The address that is announced; `None` for [`Command::ExtendedPassive`], which has none: it
    /// is the server's own.
    pub address: Option<IpAddr>,
    /// The port that is announced.
    pub port: u16,
    /// The octets of the payload that say so, without brackets and line end.
    pub range: Range<usize>,
    /// EPRT's and 229's delimiter.
    delimiter: u8,
}

/// Why a line that announces a data connection was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Reject {
    /// The line is not complete in this segment.
    #[error("the line is not complete")]
    Incomplete,
    /// The segment does not start where a line does.
    #[error("the segment starts within a line")]
    NotAtLineStart,
    /// The address and port cannot be read.
    #[error("the address and port cannot be read")]
    Syntax,
    /// The address is not that of the sender: it would open a third party's port (RFC 2577 §3).
    #[error("the announced address is not the sender's")]
    ThirdParty,
    /// The port is under 1024 (RFC 2577 §3).
    #[error("the announced port is privileged")]
    Privileged,
}

/// Both directions of one control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control {
    streams: [Option<LineStream>; 2],
}

impl Control {
    /// A connection of which nothing has been seen.
    pub const fn new() -> Self {
        Self {
            streams: [None, None],
        }
    }

    /// A connection that another node has followed so far, as its [`streams`](Self::streams) say.
    pub const fn resumed(streams: [Option<LineStream>; 2]) -> Self {
        Self { streams }
    }

    /// What the client and what the server sends; `None` for a direction whose start was not seen.
    pub const fn streams(&self) -> [Option<LineStream>; 2] {
        self.streams
    }

    /// Takes note of a SYN (with or without ACK): a direction's stream starts behind it. Without it, no
    /// line of the direction counts.
    pub const fn handle_syn(&mut self, direction: Direction, sequence_number: u32) {
        let stream = Some(LineStream::new(sequence_number));
        let [original, reply] = &mut self.streams;
        match direction {
            Direction::Original => *original = stream,
            Direction::Reply => *reply = stream,
        }
    }

    /// Looks at a segment's data: the client's commands go in [`Direction::Original`].
    ///
    /// `sender` is the address that the segment comes from, as the announcement has to name it.
    ///
    /// # Errors
    ///
    /// [`Reject`], when the data has an announcement that is not to be believed. A gateway that translates drops
    /// the segment, because the announcement would name an address that does not exist outside.
    pub fn handle_data(
        &mut self,
        direction: Direction,
        sequence_number: u32,
        data: &[u8],
        sender: IpAddr,
    ) -> Result<Option<Announcement>, Reject> {
        let [original, reply] = &mut self.streams;
        let stream = match direction {
            Direction::Original => original,
            Direction::Reply => reply,
        };
        let position = stream.as_ref().map_or(StreamPosition::Within, |stream| {
            stream.position(sequence_number)
        });
        if let Some(stream) = stream {
            stream.advance(sequence_number, data);
        }
        let found = find(direction, data);
        match found {
            Ok(None) => Ok(None),
            Ok(Some(announcement)) => {
                // Repetitions were looked at when they were new; they announce the same once more.
                if position == StreamPosition::Within {
                    return Err(Reject::NotAtLineStart);
                }
                check(announcement, sender).map(Some)
            }
            Err(reject) => Err(reject),
        }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

/// RFC 2577 §3: neither a third party's address nor a privileged port.
fn check(announcement: Announcement, sender: IpAddr) -> Result<Announcement, Reject> {
    if announcement
        .address
        .is_some_and(|address| address != sender)
    {
        return Err(Reject::ThirdParty);
    }
    if announcement.port < 1024 {
        return Err(Reject::Privileged);
    }
    Ok(announcement)
}

/// The announcement in the first line of `data`.
fn find(direction: Direction, data: &[u8]) -> Result<Option<Announcement>, Reject> {
    let window = data.get(..MAX_LINE).unwrap_or(data);
    let end = window.iter().position(|&octet| octet == b'\n');
    let line = end.map_or(window, |end| window.get(..end).unwrap_or(window));
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let parsed = match direction {
        Direction::Original => client_line(line),
        Direction::Reply => server_line(line),
    };
    match parsed {
        Ok(None) => Ok(None),
        _ if end.is_none() => Err(Reject::Incomplete),
        other => other,
    }
}

/// `PORT` and `EPRT`.
fn client_line(line: &[u8]) -> Result<Option<Announcement>, Reject> {
    let Some((verb, rest)) = line.split_at_checked(5) else {
        return Ok(None);
    };
    let is_port = verb.eq_ignore_ascii_case(b"PORT ");
    if !is_port && !verb.eq_ignore_ascii_case(b"EPRT ") {
        return Ok(None);
    }
    let blanks = rest.iter().take_while(|&&octet| octet == b' ').count();
    let at = 5 + blanks;
    let argument = rest.get(blanks..).unwrap_or_default();
    if is_port {
        let (address, port, length) = host_port(argument).ok_or(Reject::Syntax)?;
        // Nothing but blanks may follow.
        if !argument
            .get(length..)
            .is_some_and(|rest| rest.iter().all(|&octet| octet == b' '))
        {
            return Err(Reject::Syntax);
        }
        return Ok(Some(Announcement {
            command: Command::Port,
            address: Some(IpAddr::V4(address)),
            port,
            range: at..at + length,
            delimiter: b',',
        }));
    }
    let (address, port, length, delimiter) = extended(argument).ok_or(Reject::Syntax)?;
    let address = address.ok_or(Reject::Syntax)?;
    Ok(Some(Announcement {
        command: Command::Eprt,
        address: Some(address),
        port,
        range: at..at + length,
        delimiter,
    }))
}

/// `227` and `229`.
fn server_line(line: &[u8]) -> Result<Option<Announcement>, Reject> {
    if line.starts_with(b"227 ") {
        // RFC 1123 §4.1.2.6: the format varies, so the reply is searched for the first digit.
        let text = line.get(4..).unwrap_or_default();
        let skip = text
            .iter()
            .position(u8::is_ascii_digit)
            .ok_or(Reject::Syntax)?;
        let numbers = text.get(skip..).unwrap_or_default();
        let (address, port, length) = host_port(numbers).ok_or(Reject::Syntax)?;
        let at = 4 + skip;
        return Ok(Some(Announcement {
            command: Command::Passive,
            address: Some(IpAddr::V4(address)),
            port,
            range: at..at + length,
            delimiter: b',',
        }));
    }
    if line.starts_with(b"229 ") {
        let open = line
            .iter()
            .position(|&octet| octet == b'(')
            .ok_or(Reject::Syntax)?;
        let text = line.get(open + 1..).unwrap_or_default();
        let (address, port, length, delimiter) = extended(text).ok_or(Reject::Syntax)?;
        // RFC 2428 §3: protocol and address are empty in this reply.
        if address.is_some() || text.get(length) != Some(&b')') {
            return Err(Reject::Syntax);
        }
        return Ok(Some(Announcement {
            command: Command::ExtendedPassive,
            address: None,
            port,
            range: open + 1..open + 1 + length,
            delimiter,
        }));
    }
    Ok(None)
}

/// `h1,h2,h3,h4,p1,p2` at the start of `text`, and how many octets it takes.
fn host_port(text: &[u8]) -> Option<(Ipv4Addr, u16, usize)> {
    let mut numbers = [0u8; 6];
    let mut at = 0;
    for (index, number) in numbers.iter_mut().enumerate() {
        if index > 0 {
            if text.get(at) != Some(&b',') {
                return None;
            }
            at += 1;
        }
        let rest = text.get(at..)?;
        let digits = rest
            .iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count();
        *number = decimal(rest.get(..digits)?)?;
        at += digits;
    }
    let [a, b, c, d, high, low] = numbers;
    Some((
        Ipv4Addr::new(a, b, c, d),
        u16::from_be_bytes([high, low]),
        at,
    ))
}

/// `|family|address|port|` at the start of `text`: address, port, octets, delimiter.
fn extended(text: &[u8]) -> Option<(Option<IpAddr>, u16, usize, u8)> {
    let (&delimiter, rest) = text.split_first()?;
    // RFC 2428 §2: any of ASCII 33 to 126; a digit could not be told from a number.
    if !delimiter.is_ascii_graphic() || delimiter.is_ascii_alphanumeric() {
        return None;
    }
    let mut fields = rest.splitn(4, |&octet| octet == delimiter);
    let (family, address, port) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next()?;
    let length = 1 + family.len() + 1 + address.len() + 1 + port.len() + 1;
    let port: u16 = decimal(port)?;
    let address = match family {
        b"" if address.is_empty() => None,
        b"1" => Some(IpAddr::V4(
            core::str::from_utf8(address).ok()?.parse().ok()?,
        )),
        b"2" => Some(IpAddr::V6(
            core::str::from_utf8(address).ok()?.parse().ok()?,
        )),
        _ => return None,
    };
    Some((address, port, length, delimiter))
}

/// A decimal number without a sign.
fn decimal<T: core::str::FromStr>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

impl Announcement {
    /// Who listens: a direction of the control connection.
    pub const fn listener(&self) -> Direction {
        match self.command {
            Command::Port | Command::Eprt => Direction::Original,
            Command::Passive | Command::ExtendedPassive => Direction::Reply,
        }
    }

    /// The data connection, when `segment` is the key of the segment that announces it: to the
    /// sender's announced port, from the other end of the control connection.
    pub fn expected(&self, segment: &Key, lifetime: Duration) -> Expected {
        Expected {
            protocol: IpProtocol::TCP,
            zone: segment.zone(),
            source: Some(segment.destination()),
            source_port: None,
            destination: self.address.unwrap_or_else(|| segment.source()),
            destination_port: self.port,
            direction: self.listener().reversed(),
            lifetime,
        }
    }

    /// What an address translator puts in place of [`range`](Self::range). `None` when the command
    /// cannot say an address of that version.
    pub fn rewritten(&self, address: IpAddr, port: u16) -> Option<String> {
        let mut text = String::new();
        let delimiter = char::from(self.delimiter);
        let written = match (self.command, address) {
            (Command::Port | Command::Passive, IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                let [high, low] = port.to_be_bytes();
                write!(text, "{a},{b},{c},{d},{high},{low}")
            }
            (Command::Port | Command::Passive, IpAddr::V6(_)) => return None,
            (Command::Eprt, address) => {
                let family = if address.is_ipv4() { 1 } else { 2 };
                write!(
                    text,
                    "{delimiter}{family}{delimiter}{address}{delimiter}{port}{delimiter}"
                )
            }
            (Command::ExtendedPassive, _) => {
                write!(text, "{delimiter}{delimiter}{delimiter}{port}{delimiter}")
            }
        };
        written.is_ok().then_some(text)
    }
}
