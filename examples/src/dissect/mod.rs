//! Prints a frame's layers as the crates see them.
//!
//! [`dissect`] reads a frame from the outside in and returns a [`Dissection`]: layers with fields
//! in wire order, what is wrong with them, and where it ended. Fields are named as tshark names
//! them, with values of the same form, so that the two can be compared by program.
//!
//! ```
//! use internetwork::dissect::dissect;
//! use testkit::LinkType;
//!
//! let frame = [
//!     0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0xb6, 0xc9, 192, 0, 2, 1, 192, 0, 2, 2, // IPv4
//!     0x13, 0x88, 0, 7, 0, 12, 0, 0, b'e', b'c', b'h', b'o', // UDP
//! ];
//! let dissection = dissect(LinkType::RAW, &frame, frame.len());
//! let names: Vec<_> = dissection.layers.iter().map(|layer| layer.name).collect();
//! assert_eq!(names, ["IPv4", "UDP"]);
//! assert!(dissection.errors.is_empty());
//! let json = dissection.to_json(1, frame.len(), frame.len());
//! assert_eq!(json["udp.srcport"], serde_json::json!([5000]));
//! ```

mod arp;
mod gre;
mod icmp;
mod icmp_extension;
mod ip;
mod ipv6;
mod link;
mod nd;
mod output;
mod ppp;
mod ppp_auth;
mod ppp_options;
mod pppoe;
mod rip;
mod transport;

#[cfg(test)]
mod ppp_tests;
#[cfg(test)]
mod tests;

pub use output::{Summary, one_liner};

use core::fmt::Display;
use packet_buffer::wire::PseudoHeader;
use packet_buffer::{ParseError, ParseErrorKind};
use serde_json::Value;
use testkit::LinkType;

/// Packets within packets that are followed; what is nested deeper is left alone.
pub const MAX_NESTING: usize = 16;

/// What was read of a frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dissection {
    /// The layers, from the outside in; those of a quoted packet come after the quoting message.
    pub layers: Vec<Layer>,
    /// What is wrong, in the order in which it was found.
    pub errors: Vec<LayerError>,
    /// Where reading ended before the frame did, and why. Payloads of applications are no reason.
    pub rest: Option<Rest>,
}

/// One header, or one message, of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The protocol's short name, as tshark has it: `ip`.
    pub protocol: &'static str,
    /// The protocol's name: `IPv4`.
    pub name: &'static str,
    /// Where the layer starts in the frame, in octets.
    pub offset: usize,
    /// Octets of the header.
    pub length: usize,
    /// Whether it is part of a packet that an ICMP error quotes.
    pub quoted: bool,
    /// The fields, in wire order.
    pub fields: Vec<Field>,
    /// Source and destination address, where the layer has them.
    pub addresses: Option<(String, String)>,
    /// The layer in a line.
    pub summary: String,
}

/// A value in a header.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name, as tshark has it: `ip.ttl`.
    pub key: &'static str,
    /// A number, a flag, or text.
    pub value: Value,
}

/// What is wrong with a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerError {
    /// The layer's protocol, as in [`Layer::protocol`].
    pub protocol: &'static str,
    /// The error; its offset counts from the start of the frame.
    pub error: ParseError,
}

impl LayerError {
    /// What is wrong, without the numbers: for counting.
    pub fn kind(&self) -> String {
        let kind = match self.error.kind {
            ParseErrorKind::Truncated { .. } => "truncated",
            ParseErrorKind::BadLength { .. } => "bad length",
            ParseErrorKind::BadValue { .. } => "bad value",
            ParseErrorKind::BadChecksum { .. } => "bad checksum",
            ParseErrorKind::Unsupported { .. } => "unsupported",
            _ => "other",
        };
        format!("{}: {kind}", self.error.what)
    }
}

/// Octets that none of the crates reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// What they are: `link type 9 (PPP)`, `EtherType 0x8847 (MPLS)`.
    pub what: String,
    /// Where they start in the frame.
    pub offset: usize,
    /// Octets that there are.
    pub length: usize,
}

/// Reads a frame that begins with what `link_type` says, and had `original_len` octets on the wire.
///
/// It returns for whatever octets: what cannot be read becomes an error or a rest.
pub fn dissect(link_type: LinkType, frame: &[u8], original_len: usize) -> Dissection {
    let mut dissector = Dissector::default();
    let part = Part {
        octets: frame,
        at: 0,
        wire_len: original_len.max(frame.len()),
        nesting: 0,
        fragment: false,
        quoted: false,
    };
    dissector.link(link_type, part);
    dissector.dissection
}

/// The dissection as far as it has come.
#[derive(Debug, Default)]
struct Dissector {
    dissection: Dissection,
}

/// Some octets of a frame, and what is known about them from the outside.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    octets: &'a [u8],
    /// Where they start in the frame.
    at: usize,
    /// Octets that there were on the wire: more than there are when the capture cut the frame, or
    /// when they are quoted.
    wire_len: usize,
    /// Packets that they are within.
    nesting: usize,
    /// Whether they are the first part of something longer.
    fragment: bool,
    /// Whether an ICMP error quotes them.
    quoted: bool,
}

impl<'a> Part<'a> {
    /// `octets`, which start `offset` octets into this part and had `wire_len` octets on the wire.
    fn with(self, octets: &'a [u8], offset: usize, wire_len: usize) -> Self {
        Self {
            octets,
            // A quote can end inside a header that says how long it is.
            at: self.at + offset.min(self.octets.len()),
            wire_len,
            ..self
        }
    }

    /// `payload`, which follows `offset` octets into this part and runs to its end.
    fn payload(self, payload: &'a [u8], offset: usize) -> Self {
        self.with(payload, offset, self.wire_len.saturating_sub(offset))
    }

    /// What follows `offset` octets into this part.
    fn after(self, offset: usize) -> Self {
        self.payload(self.octets.get(offset..).unwrap_or_default(), offset)
    }

    /// Whether all is there that a checksum covers.
    fn is_whole(&self) -> bool {
        !self.fragment && self.octets.len() >= self.wire_len
    }
}

impl Dissector {
    /// Notes what is wrong with `part`, in which the error counts its offset. Quoted packets are
    /// cut by nature; that alone is no error.
    fn error(&mut self, protocol: &'static str, part: Part<'_>, error: ParseError) {
        if part.quoted && error.is_truncated() {
            return;
        }
        self.dissection.errors.push(LayerError {
            protocol,
            error: error.offset_by(part.at),
        });
    }

    /// Notes that nothing reads `part`.
    fn rest(&mut self, what: impl Into<String>, part: Part<'_>) {
        self.dissection.rest = Some(Rest {
            what: what.into(),
            offset: part.at,
            length: part.octets.len(),
        });
    }

    fn push(&mut self, layer: Layer) {
        self.dissection.layers.push(layer);
    }
}

impl Layer {
    /// A layer that starts with `part` and has a header of `length` octets.
    fn new(protocol: &'static str, name: &'static str, part: Part<'_>, length: usize) -> Self {
        Self {
            protocol,
            name,
            offset: part.at,
            length: length.min(part.octets.len()),
            quoted: part.quoted,
            fields: Vec::new(),
            addresses: None,
            summary: String::new(),
        }
    }

    fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.fields.push(Field {
            key,
            value: value.into(),
        });
    }

    fn add_text(&mut self, key: &'static str, value: impl Display) {
        self.add(key, value.to_string());
    }

    /// Octets as hexadecimal digits.
    fn add_octets(&mut self, key: &'static str, octets: &[u8]) {
        use core::fmt::Write as _;
        let mut text = String::new();
        for octet in octets {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
        }
        self.add(key, text);
    }

    /// Sets the addresses, and the summary to `source → destination`.
    fn set_addresses(&mut self, source: impl Display, destination: impl Display) {
        let (source, destination) = (source.to_string(), destination.to_string());
        self.summary = format!("{source} → {destination}");
        self.addresses = Some((source, destination));
    }
}

/// What is known about a checksum, with tshark's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChecksumStatus {
    Bad = 0,
    Good = 1,
    /// Not all that it covers is there.
    Unverified = 2,
    /// The sender computed none.
    NotPresent = 3,
    /// The sender computed none, and may not do so.
    Illegal = 4,
}

impl From<ChecksumStatus> for Value {
    fn from(status: ChecksumStatus) -> Self {
        Self::from(status as u8)
    }
}

impl Dissector {
    /// Adds the checksum's fields to `layer`. `verify` is asked when all is there that the checksum
    /// covers; what it says is noted as an error, but not for quoted packets: the sender of the
    /// error may have changed them before quoting.
    fn checksum(
        &mut self,
        layer: &mut Layer,
        (key, status_key): (&'static str, &'static str),
        part: Part<'_>,
        found: u16,
        verify: impl FnOnce() -> Result<(), ParseError>,
    ) {
        let status = if !part.is_whole() {
            ChecksumStatus::Unverified
        } else {
            match verify() {
                Ok(()) => ChecksumStatus::Good,
                Err(error) => {
                    if !part.quoted {
                        self.error(layer.protocol, part, error);
                    }
                    ChecksumStatus::Bad
                }
            }
        };
        layer.add(key, found);
        layer.add(status_key, status);
    }
}

/// The network layer around a transport header.
#[derive(Debug, Clone, Copy)]
struct Network {
    addresses: PseudoHeader,
}
