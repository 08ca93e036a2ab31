//! JSON that can stand in a `<script>` element.
//!
//! HTML knows no escapes there: the element ends at `</script`, and `<!--` changes how it ends. JSON has
//! escapes of its own for any character of a string, and the characters in question occur in strings alone,
//! so the text stays the same JSON for whoever parses it.

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// Escaped: what begins markup, and the two characters that end a line in a script and not in JSON.
const ESCAPED: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];

/// Writes a value.
pub(super) fn write(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, InScript);
    Ok(value.serialize(&mut serializer)?)
}

/// Compact, with [`ESCAPED`] escaped.
struct InScript;

impl Formatter for InScript {
    fn write_string_fragment<W>(&mut self, out: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(ESCAPED) {
            let (plain, from) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut from = from.chars();
            if let Some(escaped) = from.next() {
                write!(out, "\\u{:04x}", u32::from(escaped))?;
            }
            rest = from.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}
