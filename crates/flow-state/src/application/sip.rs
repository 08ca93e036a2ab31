//! SIP over UDP (RFC 3261) with SDP (RFC 8866): the addresses that a message names, and where media
//! will go.

use crate::Expected;
use crate::packet::Key;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::ParseError;
use packet_buffer::wire::IpProtocol;

/// The port of SIP.
pub const PORT: u16 = 5060;

/// Places of a message that are looked at; a message with more is refused.
pub const MAX_PLACES: usize = 64;

/// Where in a message an address or a port stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlaceKind {
    /// The host of the request's URI.
    RequestUri,
    /// Where answers go: `Via` (RFC 3261 §20.42).
    Via,
    /// Where later requests go: `Contact` (RFC 3261 §20.10).
    Contact,
    /// Who began the session: `o=` (RFC 8866 §5.2).
    Origin,
    /// Where media goes, of all or of one: `c=` (RFC 8866 §5.7).
    Connection,
    /// The port of one medium: `m=` (RFC 8866 §5.14).
    Media,
}

/// One address, port, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which.
    pub kind: PlaceKind,
    /// The address; `None` for a host name, and for [`PlaceKind::Media`].
    pub address: Option<IpAddr>,
    /// The octets of the address, brackets of IPv6 addresses not counted.
    pub address_range: Range<usize>,
    /// The port, when one is there.
    pub port: Option<u16>,
    /// The octets of the port; empty when none is there, and then where `:port` would go.
    pub port_range: Range<usize>,
}

/// Where one medium will be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Media {
    /// The receiver's address.
    pub address: IpAddr,
    /// Its port; that of its control protocol is the next (RFC 3550 §11).
    pub port: u16,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message<'a> {
    /// The method of a request; `None` for a response.
    pub method: Option<&'a [u8]>,
    /// The status of a response, 100 to 699.
    pub status: Option<u16>,
    /// Addresses and ports in the order of the message.
    pub places: Vec<Place>,
    /// The octets of the value of `Content-Length`, when it is there.
    pub content_length_range: Option<Range<usize>>,
    /// The octets of the body.
    pub body: Range<usize>,
    /// Where media goes, in the order of the `m=` lines that have an address and a port.
    pub media: Vec<Media>,
}

impl<'a> Message<'a> {
    /// Reads the payload of a UDP datagram: a message starts with the datagram.
    ///
    /// # Errors
    ///
    /// Bad value, when the first line is none of SIP's; truncated, when the headers do not end or
    /// the body is shorter than `Content-Length` says; bad length, for more than [`MAX_PLACES`]
    /// places.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut lines = Lines { payload, at: 0 };
        let first = lines.next_line("SIP start line")?;
        let mut message = Self {
            method: None,
            status: None,
            places: Vec::new(),
            content_length_range: None,
            body: payload.len()..payload.len(),
            media: Vec::new(),
        };
        message.start_line(payload, first.clone())?;
        let mut content_length = None;
        loop {
            let line = lines.next_line("SIP headers")?;
            if line.is_empty() {
                break;
            }
            if let Some(length) = message.header(payload, line)? {
                content_length = Some(length);
            }
        }
        let room = payload.len() - lines.at;
        let length = content_length.unwrap_or(room);
        if length > room {
            return Err(ParseError::truncated("SIP body", lines.at, length, room));
        }
        message.body = lines.at..lines.at + length;
        message.session_description(payload)?;
        Ok(message)
    }

    /// Request or status line.
    fn start_line(&mut self, payload: &'a [u8], line: Range<usize>) -> Result<(), ParseError> {
        let text = payload.get(line.clone()).unwrap_or_default();
        let bad = || ParseError::bad_length("SIP start line", line.start, text.len());
        if let Some(rest) = text.strip_prefix(b"SIP/2.0 ") {
            let status: u16 = rest.get(..3).and_then(decimal).ok_or_else(bad)?;
            if !(100..700).contains(&status) {
                return Err(bad());
            }
            self.status = Some(status);
            return Ok(());
        }
        let text = text.strip_suffix(b" SIP/2.0").ok_or_else(bad)?;
        let blank = text
            .iter()
            .position(|&octet| octet == b' ')
            .ok_or_else(bad)?;
        let method = text.get(..blank).unwrap_or_default();
        if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
            return Err(bad());
        }
        self.method = Some(method);
        let uri = line.start + blank + 1..line.start + text.len();
        if let Some(place) = uri_place(payload, uri, PlaceKind::RequestUri) {
            self.push(place)?;
        }
        Ok(())
    }

    /// One header line; the content's length, if it says that.
    fn header(&mut self, payload: &[u8], line: Range<usize>) -> Result<Option<usize>, ParseError> {
        let text = payload.get(line.clone()).unwrap_or_default();
        let Some(colon) = text.iter().position(|&octet| octet == b':') else {
            return Ok(None);
        };
        let name = text.get(..colon).unwrap_or_default().trim_ascii_end();
        let value = trim(payload, line.start + colon + 1..line.end);
        let is = |long: &str, short: &str| {
            name.eq_ignore_ascii_case(long.as_bytes())
                || name.eq_ignore_ascii_case(short.as_bytes())
        };
        // RFC 3261 §7.3.3: the short forms.
        if is("Via", "v") {
            let text = payload.get(value.clone()).unwrap_or_default();
            // "SIP/2.0/UDP host:port;parameters"
            if let Some(blank) = text.iter().position(u8::is_ascii_whitespace) {
                let sent_by = trim(payload, value.start + blank..value.end);
                if let Some(place) = host_port(payload, sent_by, PlaceKind::Via) {
                    self.push(place)?;
                }
            }
        } else if is("Contact", "m") {
            if let Some(place) = uri_place(payload, value, PlaceKind::Contact) {
                self.push(place)?;
            }
        } else if is("Content-Length", "l") {
            let digits = payload.get(value.clone()).unwrap_or_default();
            let length: u16 = decimal(digits).ok_or_else(|| {
                ParseError::bad_length("SIP content length", value.start, digits.len())
            })?;
            self.content_length_range = Some(value);
            return Ok(Some(usize::from(length)));
        }
        Ok(None)
    }

    /// `o=`, `c=` and `m=` lines of the body.
    fn session_description(&mut self, payload: &[u8]) -> Result<(), ParseError> {
        let body = payload.get(..self.body.end).unwrap_or_default();
        let mut lines = Lines {
            payload: body,
            at: self.body.start,
        };
        let mut session_address = None;
        // The port of the last medium, and its address if it has one of its own.
        let mut medium: Option<(u16, Option<IpAddr>)> = None;
        while lines.at < body.len() {
            let line = lines.next_or_rest();
            let text = body.get(line.clone()).unwrap_or_default();
            match text {
                [b'o', b'=', ..] => {
                    // o=<username> <id> <version> <nettype> <addrtype> <address>
                    if let Some(place) =
                        word(body, line, 5).and_then(|at| address(body, at, PlaceKind::Origin))
                    {
                        self.push(place)?;
                    }
                }
                [b'c', b'=', ..] => {
                    // c=<nettype> <addrtype> <address>[/<ttl>]
                    if let Some(place) =
                        word(body, line, 2).and_then(|at| address(body, at, PlaceKind::Connection))
                    {
                        match &mut medium {
                            Some((_, own)) => *own = place.address,
                            None => session_address = place.address,
                        }
                        self.push(place)?;
                    }
                }
                [b'm', b'=', ..] => {
                    self.finish(medium.take(), session_address);
                    // m=<media> <port>[/<number>] <proto> <format> ...
                    let Some(place) = word(body, line, 1).and_then(|at| media_port(body, at))
                    else {
                        continue;
                    };
                    medium = place.port.map(|port| (port, None));
                    self.push(place)?;
                }
                _ => {}
            }
        }
        self.finish(medium, session_address);
        Ok(())
    }

    /// Notes a medium whose lines are all read. Port 0 refuses one (RFC 3264 §6).
    fn finish(&mut self, medium: Option<(u16, Option<IpAddr>)>, session: Option<IpAddr>) {
        if let Some((port, own)) = medium
            && let Some(address) = own.or(session)
            && port != 0
        {
            self.media.push(Media { address, port });
        }
    }

    fn push(&mut self, place: Place) -> Result<(), ParseError> {
        if self.places.len() >= MAX_PLACES {
            let at = place.address_range.start;
            return Err(ParseError::bad_length("SIP addresses", at, MAX_PLACES + 1));
        }
        self.places.push(place);
        Ok(())
    }

    /// The flows that the other side will send its media in, each with that of its control protocol.
    /// `packet` is the key of the packet that carried the message in `direction`.
    ///
    /// Media counts only where it goes to the sender of the message itself, not to a privileged port,
    /// and comes from where the message went: anything else would open ports of others.
    pub fn expected(
        &self,
        packet: &Key,
        direction: Direction,
        lifetime: Duration,
    ) -> Vec<Expected> {
        let mut flows = Vec::new();
        for media in &self.media {
            if media.address != packet.source() || media.port < 1024 {
                continue;
            }
            for port in [Some(media.port), media.port.checked_add(1)]
                .into_iter()
                .flatten()
            {
                flows.push(Expected {
                    protocol: IpProtocol::UDP,
                    zone: packet.zone(),
                    source: Some(packet.destination()),
                    source_port: None,
                    destination: media.address,
                    destination_port: port,
                    direction: direction.reversed(),
                    lifetime,
                });
            }
        }
        flows
    }
}

/// Goes through lines, which end with LF, or CR and LF.
struct Lines<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    /// The next line without its end.
    fn next_line(&mut self, what: &'static str) -> Result<Range<usize>, ParseError> {
        let rest = self.payload.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|&octet| octet == b'\n') else {
            let needed = rest.len().saturating_add(1);
            return Err(ParseError::truncated(what, self.at, needed, rest.len()));
        };
        Ok(self.advance(length, 1))
    }

    /// The next line, or what is left: the last line of a body may lack its end.
    fn next_or_rest(&mut self) -> Range<usize> {
        let rest = self.payload.get(self.at..).unwrap_or_default();
        match rest.iter().position(|&octet| octet == b'\n') {
            Some(length) => self.advance(length, 1),
            None => self.advance(rest.len(), 0),
        }
    }

    fn advance(&mut self, length: usize, end: usize) -> Range<usize> {
        let start = self.at;
        self.at = start + length + end;
        let line = self.payload.get(start..start + length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        start..start + line.len()
    }
}

/// The range without blanks around it.
fn trim(payload: &[u8], range: Range<usize>) -> Range<usize> {
    let text = payload.get(range.clone()).unwrap_or_default();
    let lead = text.len() - text.trim_ascii_start().len();
    let start = range.start + lead;
    start..start + text.trim_ascii().len()
}

/// The word of this number in a line.
fn word(payload: &[u8], line: Range<usize>, number: usize) -> Option<Range<usize>> {
    let text = payload.get(line.clone())?;
    let mut start = line.start;
    for (index, part) in text.split(|&octet| octet == b' ').enumerate() {
        if index == number {
            return Some(start..start + part.len());
        }
        start += part.len() + 1;
    }
    None
}

/// The host and port of the first SIP URI in a range.
fn uri_place(payload: &[u8], range: Range<usize>, kind: PlaceKind) -> Option<Place> {
    let text = payload.get(range.clone())?;
    let scheme = text
        .windows(4)
        .position(|window| window.eq_ignore_ascii_case(b"sip:"))
        .map(|at| at + 4)
        .or_else(|| {
            text.windows(5)
                .position(|window| window.eq_ignore_ascii_case(b"sips:"))
                .map(|at| at + 5)
        })?;
    let rest = text.get(scheme..)?;
    let end = rest
        .iter()
        .position(|octet| matches!(octet, b'>' | b';' | b'?' | b',' | b' ' | b'\t'))
        .unwrap_or(rest.len());
    let uri = rest.get(..end)?;
    let user = uri
        .iter()
        .rposition(|&octet| octet == b'@')
        .map_or(0, |at| at + 1);
    let start = range.start + scheme + user;
    host_port(payload, start..range.start + scheme + end, kind)
}

/// `host[:port]` at the start of a range; what follows a parameter's semicolon is left out.
fn host_port(payload: &[u8], range: Range<usize>, kind: PlaceKind) -> Option<Place> {
    let text = payload.get(range.clone())?;
    let end = text
        .iter()
        .position(|octet| matches!(octet, b';' | b',' | b' ' | b'\t'))
        .unwrap_or(text.len());
    let text = text.get(..end)?;
    let (host, after) = if let Some(inner) = text.strip_prefix(b"[") {
        let close = inner.iter().position(|&octet| octet == b']')?;
        (1..1 + close, 2 + close)
    } else {
        let colon = text
            .iter()
            .position(|&octet| octet == b':')
            .unwrap_or(text.len());
        (0..colon, colon)
    };
    let name = core::str::from_utf8(text.get(host.clone())?).ok()?;
    let rest = text.get(after..)?;
    let (port, length) = match rest.strip_prefix(b":") {
        Some(digits) => (Some(decimal(digits)?), digits.len()),
        None => (None, 0),
    };
    let port_start = range.start + after + usize::from(port.is_some());
    Some(Place {
        kind,
        address: name.parse().ok(),
        address_range: range.start + host.start..range.start + host.end,
        port,
        port_range: port_start..port_start + length,
    })
}

/// An address of a session description, without the time to live behind a slash.
fn address(payload: &[u8], range: Range<usize>, kind: PlaceKind) -> Option<Place> {
    let text = payload.get(range.clone())?;
    let end = text
        .iter()
        .position(|&octet| octet == b'/')
        .unwrap_or(text.len());
    let name = core::str::from_utf8(text.get(..end)?).ok()?;
    let end = range.start + end;
    Some(Place {
        kind,
        address: name.parse().ok(),
        address_range: range.start..end,
        port: None,
        port_range: end..end,
    })
}

/// The port of a medium, without the number of ports behind a slash.
fn media_port(payload: &[u8], range: Range<usize>) -> Option<Place> {
    let text = payload.get(range.clone())?;
    let end = text
        .iter()
        .position(|&octet| octet == b'/')
        .unwrap_or(text.len());
    let port = decimal(text.get(..end)?)?;
    Some(Place {
        kind: PlaceKind::Media,
        address: None,
        address_range: range.start..range.start,
        port: Some(port),
        port_range: range.start..range.start + end,
    })
}

/// A decimal number without a sign.
fn decimal(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}
