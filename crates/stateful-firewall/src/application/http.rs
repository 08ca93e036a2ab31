//! Requests of HTTP/1 (RFC 9112): host, path, and where the next one begins.

use super::filter::{CompiledFilter, Refused};
use core::str;

/// The longest head of a request, in octets; a bound of the stream may be lower.
const MAX_HEAD: usize = 65_536;

/// Where in a client's octets the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    /// In front of a request, or within its head.
    Head,
    /// So many octets of a body are left.
    Body(u64),
    /// In front of the size of a chunk.
    ChunkSize,
    /// So many octets of a chunk are left, its line end included.
    Chunk(u64),
    /// Behind the last chunk.
    Trailer,
    /// What follows is not HTTP.
    Tunnel,
}

/// Whether octets begin as a request of HTTP does; `None` when there are too few to say.
pub(crate) fn looks_like_http(octets: &[u8]) -> Option<bool> {
    // A method is a token; those in use are capital letters.
    let letters = octets
        .iter()
        .take_while(|octet| octet.is_ascii_uppercase() || **octet == b'-')
        .count();
    if letters > 20 {
        return Some(false);
    }
    match octets.get(letters) {
        None => None,
        Some(b' ') if letters >= 2 => Some(true),
        _ => Some(false),
    }
}

impl Http {
    /// Reads on; returns how many octets were taken.
    ///
    /// # Errors
    ///
    /// What the filter refuses, and requests that servers could understand in two ways.
    pub(crate) fn read(
        &mut self,
        mut octets: &[u8],
        filter: &CompiledFilter,
    ) -> Result<usize, Refused> {
        let length = octets.len();
        loop {
            let taken = match *self {
                Self::Head => match head_end(octets)? {
                    Some(end) => {
                        let head = octets.get(..end).unwrap_or_default();
                        *self = request(head, filter)?;
                        end
                    }
                    None => break,
                },
                Self::Body(left) | Self::Chunk(left) => {
                    let here = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(octets.len());
                    let left = left - here as u64;
                    *self = match (&self, left) {
                        (Self::Body(_), 0) => Self::Head,
                        (Self::Body(_), left) => Self::Body(left),
                        (_, 0) => Self::ChunkSize,
                        (_, left) => Self::Chunk(left),
                    };
                    here
                }
                Self::ChunkSize => match line(octets)? {
                    Some((text, end)) => {
                        *self = chunk(text)?;
                        end
                    }
                    None => break,
                },
                Self::Trailer => match line(octets)? {
                    Some((text, end)) => {
                        if text.is_empty() {
                            *self = Self::Head;
                        }
                        end
                    }
                    None => break,
                },
                Self::Tunnel => octets.len(),
            };
            octets = octets.get(taken..).unwrap_or_default();
            if octets.is_empty() {
                break;
            }
        }
        Ok(length - octets.len())
    }
}

/// Where the head ends, behind its empty line.
fn head_end(octets: &[u8]) -> Result<Option<usize>, Refused> {
    // RFC 9112 §2.2: empty lines in front of a request are skipped by servers.
    let found = octets.windows(4).position(|four| four == b"\r\n\r\n");
    match found {
        Some(at) => Ok(Some(at + 4)),
        None if octets.len() > MAX_HEAD => Err(Refused::TooLong),
        None => Ok(None),
    }
}

/// A line, and where the next begins.
fn line(octets: &[u8]) -> Result<Option<(&[u8], usize)>, Refused> {
    let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
        return if octets.len() > 4_096 {
            Err(Refused::TooLong)
        } else {
            Ok(None)
        };
    };
    let text = octets.get(..end).unwrap_or_default();
    // A bare line feed ends a line for some and not for others.
    match text.strip_suffix(b"\r") {
        Some(text) => Ok(Some((text, end + 1))),
        None => Err(Refused::Malformed),
    }
}

/// The size of a chunk (RFC 9112 §7.1).
fn chunk(text: &[u8]) -> Result<Http, Refused> {
    let digits = text
        .iter()
        .take_while(|octet| octet.is_ascii_hexdigit())
        .count();
    let (number, rest) = text.split_at_checked(digits).ok_or(Refused::Malformed)?;
    if digits == 0 || digits > 15 || !matches!(rest.first(), None | Some(b';' | b' ' | b'\t')) {
        return Err(Refused::Malformed);
    }
    let number = str::from_utf8(number).map_err(|_| Refused::Malformed)?;
    let size = u64::from_str_radix(number, 16).map_err(|_| Refused::Malformed)?;
    Ok(if size == 0 {
        Http::Trailer
    } else {
        Http::Chunk(size + 2)
    })
}

/// A whole head: asks the filter, and says what follows.
fn request(head: &[u8], filter: &CompiledFilter) -> Result<Http, Refused> {
    let mut lines = head
        .strip_suffix(b"\r\n\r\n")
        .unwrap_or(head)
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip_while(|line| line.is_empty());
    // Every line feed must have its carriage return: servers differ about those that have not.
    let bare = head.iter().filter(|octet| **octet == b'\n').count()
        != head.windows(2).filter(|two| *two == b"\r\n").count();
    if bare || head.contains(&0) {
        return Err(Refused::Malformed);
    }
    let mut words = lines
        .next()
        .ok_or(Refused::Malformed)?
        .split(|octet| *octet == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refused::Malformed);
    };
    if version == b"HTTP/2.0" {
        filter.nameless()?;
        return Ok(Http::Tunnel);
    }
    if !matches!(version, b"HTTP/1.0" | b"HTTP/1.1") {
        return Err(Refused::Malformed);
    }
    let fields = Fields::read(lines)?;
    let (authority, path) = split_target(method, target)?;
    for name in [authority, fields.host].into_iter().flatten() {
        filter.name(host_name(name)?)?;
    }
    if let (Some(authority), Some(host)) = (authority, fields.host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err(Refused::Malformed);
    }
    if authority.is_none() && fields.host.is_none_or(<[u8]>::is_empty) {
        filter.nameless()?;
    }
    filter.path(path)?;
    if method == b"CONNECT" || fields.upgrade && filter.unknown {
        // What follows is not HTTP, or may not be.
        filter.nameless()?;
        return Ok(Http::Tunnel);
    }
    Ok(match (fields.chunked, fields.length) {
        // RFC 9112 §6.1 MUST (both-lengths): that is how requests are smuggled.
        (true, Some(_)) => return Err(Refused::Malformed),
        (true, None) => Http::ChunkSize,
        (false, None | Some(0)) => Http::Head,
        (false, Some(length)) => Http::Body(length),
    })
}

/// The authority that a target has, and its path.
fn split_target<'a>(
    method: &[u8],
    target: &'a [u8],
) -> Result<(Option<&'a [u8]>, &'a [u8]), Refused> {
    if method == b"CONNECT" {
        return Ok((Some(target), b""));
    }
    if target.starts_with(b"/") || target == b"*" {
        return Ok((None, target));
    }
    let at = target
        .windows(3)
        .position(|three| three == b"://")
        .ok_or(Refused::Malformed)?;
    let rest = target.get(at + 3..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|octet| matches!(octet, b'/' | b'?' | b'#'));
    let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
    Ok((Some(authority), path))
}

/// The name in `name:port`.
fn host_name(authority: &[u8]) -> Result<&str, Refused> {
    if authority.contains(&b'@') {
        return Err(Refused::Malformed);
    }
    let text = str::from_utf8(authority).map_err(|_| Refused::Malformed)?;
    if text.starts_with('[') {
        return Ok(text.split(']').next().unwrap_or(text));
    }
    Ok(text.split(':').next().unwrap_or(text))
}

/// What of the fields matters.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl<'a> Fields<'a> {
    fn read(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, Refused> {
        let mut fields = Self::default();
        for line in lines {
            let colon = line
                .iter()
                .position(|octet| *octet == b':')
                .ok_or(Refused::Malformed)?;
            let (name, value) = line.split_at(colon);
            // RFC 9112 §5.1 MUST (blank-before-colon): none; and lines are not folded (§5.2).
            let is_token =
                |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
            if name.is_empty() || !name.iter().all(is_token) {
                return Err(Refused::Malformed);
            }
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"host") {
                // RFC 9112 §3.2 MUST (one-host): one and no more.
                if fields.host.replace(value).is_some() {
                    return Err(Refused::Malformed);
                }
            } else if name.eq_ignore_ascii_case(b"content-length") {
                let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                let number = str::from_utf8(value)
                    .ok()
                    .filter(|_| digits)
                    .and_then(|text| text.parse().ok())
                    .ok_or(Refused::Malformed)?;
                // RFC 9112 §6.3 MUST (lengths-differ): one length and no more.
                if fields.length.replace(number).is_some() {
                    return Err(Refused::Malformed);
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                if fields.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refused::Malformed);
                }
                fields.chunked = true;
            } else if name.eq_ignore_ascii_case(b"upgrade") {
                fields.upgrade = true;
            }
        }
        Ok(fields)
    }
}
