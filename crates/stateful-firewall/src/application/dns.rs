//! The questions of DNS (RFC 1035 §4.1).

use super::domains::MAX_NAME;
use super::filter::{CompiledFilter, Refused};
use alloc::string::String;
use packet_buffer::{Cursor, ParseError};

/// The most questions of a message that are looked at; resolvers ask one.
const MAX_QUESTIONS: u16 = 8;

/// Asks the filter about the names of a query.
pub(crate) fn query(message: &[u8], filter: &CompiledFilter) -> Result<(), Refused> {
    let names = questions(message).map_err(|_| Refused::Malformed)?;
    if names.is_empty() {
        return filter.nameless();
    }
    names.iter().try_for_each(|name| filter.name(name))
}

/// The names that a query asks for; none for an answer, whose questions are not the client's.
fn questions(message: &[u8]) -> Result<alloc::vec::Vec<String>, ParseError> {
    let mut cursor = Cursor::new(message);
    cursor.u16("DNS id")?;
    let flags = cursor.u16("DNS flags")?;
    let count = cursor.u16("DNS question count")?;
    cursor.take(6, "DNS counts")?;
    let mut names = alloc::vec::Vec::new();
    if flags & 0x8000 != 0 {
        return Ok(names);
    }
    if count > MAX_QUESTIONS {
        return Err(ParseError::bad_value("DNS question count", 4, count.into()));
    }
    for _ in 0..count {
        names.push(name(&mut cursor)?);
        cursor.take(4, "DNS question type and class")?;
    }
    Ok(names)
}

/// A name without compression, which has nothing to point to in a question.
fn name(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let start = cursor.offset();
    let mut name = String::new();
    loop {
        let length = cursor.u8("DNS label")?;
        if length == 0 {
            break;
        }
        if length > 63 {
            return Err(ParseError::bad_value("DNS label", start, length.into()));
        }
        if !name.is_empty() {
            name.push('.');
        }
        for octet in cursor.take(length.into(), "DNS label")? {
            // A dot within a label must not be taken for one between labels.
            let character = char::from(*octet);
            if !octet.is_ascii_graphic() || character == '.' {
                return Err(ParseError::bad_value("DNS label", start, u32::from(*octet)));
            }
            name.push(character);
        }
        if name.len() > MAX_NAME {
            return Err(ParseError::bad_length("DNS name", start, name.len()));
        }
    }
    if name.is_empty() {
        name.push('.');
    }
    Ok(name)
}
