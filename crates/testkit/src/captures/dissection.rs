//! A dissector's reading of one frame.

use core::fmt::Display;
use core::str::FromStr;
use serde_json::{Map, Value};

/// The fields that the dissector (tshark) found in a frame, under its own names (`ip.ttl`).
///
/// But for the scalars `frame.*` and the marks `_ws.*`, every field is a list in wire order: an ICMP
/// error lists the outer `ip.src` first and then the quoted one. The lists are flat: an option's
/// value belongs, by position, to those options that have such a value. Numbers are numbers, flags
/// are booleans, octets are hexadecimal strings, addresses are strings.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissection {
    fields: Map<String, Value>,
}

impl Dissection {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self { fields }
    }

    /// All fields.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Whether the dissector got through: the frame is neither malformed, in its opinion, nor was
    /// it cut short by the capture.
    pub fn is_sound(&self) -> bool {
        !self.is_malformed() && !self.is_cut()
    }

    /// Whether the dissector ran off the packet. That is an opinion: it errs at times.
    pub fn is_malformed(&self) -> bool {
        self.flag("_ws.malformed")
    }

    /// Whether the dissector ran off what was captured of a longer packet.
    pub fn is_cut(&self) -> bool {
        self.flag("_ws.short")
    }

    /// Whether the dissector found this protocol, by its short name (`icmpv6`).
    pub fn has_protocol(&self, protocol: &str) -> bool {
        self.protocols().any(|found| found == protocol)
    }

    /// The protocols that the dissector found, from the outside in.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.fields
            .get("frame.protocols")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .split(':')
    }

    /// All values of a field; none where the frame does not have it.
    pub fn values(&self, field: &str) -> &[Value] {
        match self.fields.get(field) {
            Some(Value::Array(values)) => values,
            Some(scalar) => core::slice::from_ref(scalar),
            None => &[],
        }
    }

    /// The values of a field that has numbers (flags count 0 and 1).
    ///
    /// # Panics
    ///
    /// When a value is no number; likewise for the other kinds.
    pub fn numbers(&self, field: &str) -> Vec<u64> {
        self.all(field, "a number", |value| match value {
            Value::Bool(flag) => Some(u64::from(*flag)),
            other => other.as_u64(),
        })
    }

    /// The first value of a field that has numbers: that of the outermost header.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.numbers(field).first().copied()
    }

    /// The values of a field that has text.
    pub fn strings(&self, field: &str) -> Vec<&str> {
        self.all(field, "text", Value::as_str)
    }

    /// The first value of a field that has text.
    pub fn string(&self, field: &str) -> Option<&str> {
        self.strings(field).first().copied()
    }

    /// The values of a field whose text can be parsed: `ip.src` as
    /// [`Ipv4Addr`](core::net::Ipv4Addr)s.
    pub fn parsed<T: FromStr<Err: Display>>(&self, field: &str) -> Vec<T> {
        self.strings(field)
            .into_iter()
            .map(|text| {
                text.parse()
                    .unwrap_or_else(|error| panic!("{field}: {text:?}: {error}"))
            })
            .collect()
    }

    /// The values of a field that has octets.
    pub fn octets(&self, field: &str) -> Vec<Vec<u8>> {
        self.strings(field)
            .into_iter()
            .map(|text| {
                hex::decode(text).unwrap_or_else(|error| panic!("{field}: {text:?}: {error}"))
            })
            .collect()
    }

    fn flag(&self, mark: &str) -> bool {
        self.fields.get(mark).and_then(Value::as_bool) == Some(true)
    }

    fn all<'a, T>(
        &'a self,
        field: &str,
        kind: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Vec<T> {
        self.values(field)
            .iter()
            .map(|value| convert(value).unwrap_or_else(|| panic!("{field}: {value} is not {kind}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn dissection(json: &str) -> Dissection {
        Dissection::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn fields_have_values_of_their_kind() {
        let it = dissection(
            r#"{"frame.number":7,"frame.protocols":"eth:ip:icmp:ip:udp","ip.ttl":[63,1],
                "ip.flags.df":[true,false],"ip.src":["10.0.0.1","10.0.0.2"],"data":["00ff",""]}"#,
        );
        assert_eq!(it.number("frame.number"), Some(7));
        assert_eq!(it.numbers("ip.ttl"), [63, 1]);
        assert_eq!(it.number("ip.flags.df"), Some(1));
        assert!(it.numbers("ip.flags.mf").is_empty());
        assert_eq!(it.number("ip.flags.mf"), None);
        let sources = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(it.parsed::<Ipv4Addr>("ip.src"), sources);
        assert_eq!(it.string("ip.src"), Some("10.0.0.1"));
        assert_eq!(it.octets("data"), [vec![0, 255], vec![]]);
        assert!(it.has_protocol("udp") && !it.has_protocol("ud"));
        assert_eq!(it.fields().len(), 6);
        assert!(it.is_sound());
    }

    #[test]
    fn marks_make_a_frame_unsound() {
        let malformed = dissection(r#"{"_ws.malformed":true}"#);
        assert!(malformed.is_malformed() && !malformed.is_cut() && !malformed.is_sound());
        let cut = dissection(r#"{"_ws.short":true}"#);
        assert!(!cut.is_malformed() && cut.is_cut() && !cut.is_sound());
    }

    #[test]
    #[should_panic(expected = "ip.ttl: 63 is not text")]
    fn a_number_is_not_text() {
        dissection(r#"{"ip.ttl":[63]}"#).strings("ip.ttl");
    }

    #[test]
    #[should_panic(expected = "ip.src: \"fe80::1\": invalid IPv4 address syntax")]
    fn text_that_cannot_be_parsed_is_shown() {
        dissection(r#"{"ip.src":["fe80::1"]}"#).parsed::<Ipv4Addr>("ip.src");
    }
}
