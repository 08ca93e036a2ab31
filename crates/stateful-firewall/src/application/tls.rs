//! The server name in a ClientHello of TLS (RFC 8446 §4.1.2, RFC 6066 §3).

use super::filter::{CompiledFilter, Refused};
use alloc::vec::Vec;
use core::str;
use packet_buffer::{Cursor, ParseError};

/// Whether octets begin as a TLS connection does; `None` when there are too few to say.
pub(crate) fn looks_like_tls(octets: &[u8]) -> Option<bool> {
    match octets {
        [] => None,
        [22] => None,
        [22, major, ..] => Some(*major == 3),
        _ => Some(false),
    }
}

/// Reads the ClientHello, asks the filter about its name, and returns how many octets its records take;
/// `None` when it is not whole yet.
///
/// With Encrypted ClientHello it is the outer name that is asked about.
pub(crate) fn client_hello(
    octets: &[u8],
    filter: &CompiledFilter,
) -> Result<Option<usize>, Refused> {
    let mut message = Vec::new();
    let mut cursor = Cursor::new(octets);
    // The message may be spread over records.
    loop {
        let Ok(&[kind, major, _, high, low]) = cursor.array::<5>("TLS record") else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 8446 §5.1: at most 2^14 octets, and not none of a handshake.
        if kind != 22 || major != 3 || length == 0 || length > 1 << 14 {
            return Err(Refused::Malformed);
        }
        let Ok(part) = cursor.take(length, "TLS record") else {
            return Ok(None);
        };
        message.extend_from_slice(part);
        let &[kind, a, b, c, ref body @ ..] = &*message else {
            continue;
        };
        if kind != 1 {
            return Err(Refused::Malformed);
        }
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if let Some(body) = body.get(..length) {
            match server_name(body).map_err(|_| Refused::Malformed)? {
                Some(name) => {
                    let name = str::from_utf8(name).map_err(|_| Refused::Malformed)?;
                    filter.name(name)?;
                }
                None => filter.nameless()?,
            }
            return Ok(Some(cursor.offset()));
        }
    }
}

/// The name in the server_name extension.
fn server_name(hello: &[u8]) -> Result<Option<&[u8]>, ParseError> {
    let mut cursor = Cursor::new(hello);
    cursor.take(2 + 32, "TLS version and random")?;
    let length = cursor.u8("TLS session id")?;
    cursor.take(length.into(), "TLS session id")?;
    let length = cursor.u16("TLS cipher suites")?;
    cursor.take(length.into(), "TLS cipher suites")?;
    let length = cursor.u8("TLS compression methods")?;
    cursor.take(length.into(), "TLS compression methods")?;
    if cursor.is_empty() {
        return Ok(None);
    }
    let length = cursor.u16("TLS extensions")?;
    let mut extensions = cursor.sub(length.into(), "TLS extensions")?;
    let mut name = None;
    while !extensions.is_empty() {
        let kind = extensions.u16("TLS extension type")?;
        let length = extensions.u16("TLS extension length")?;
        let mut body = extensions.sub(length.into(), "TLS extension")?;
        if kind != 0 {
            continue;
        }
        // RFC 8446 §4.2: not two of a type.
        if name.is_some() {
            return Err(ParseError::bad_value("TLS server_name", body.offset(), 0));
        }
        let length = body.u16("TLS server name list")?;
        let mut list = body.sub(length.into(), "TLS server name list")?;
        let kind = list.u8("TLS server name type")?;
        let length = list.u16("TLS server name")?;
        let host = list.take(length.into(), "TLS server name")?;
        if kind != 0 || host.is_empty() || !list.is_empty() || !body.is_empty() {
            return Err(ParseError::bad_value("TLS server name", body.offset(), 0));
        }
        name = Some(host);
    }
    Ok(name)
}
