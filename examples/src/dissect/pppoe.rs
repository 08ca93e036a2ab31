//! PPP over Ethernet.

use super::{Dissector, Layer, Part};
use packet_buffer::{Cursor, ParseError};
use ppp_lcp_ncp::pppoe::{PppoePacket, Tag, TagKind};

/// The vendor number of the Broadband Forum, whose tags tell about the line (TR-101 §3.9.1).
const BROADBAND_FORUM: u32 = 3561;

impl Dissector {
    /// Discovery: a list of tags.
    pub(super) fn pppoe_discovery(&mut self, part: Part<'_>) {
        let Some(packet) = self.pppoe("pppoed", part) else {
            return;
        };
        let length = PppoePacket::HEADER_LEN + packet.payload().len();
        let mut layer = Layer::new("pppoed", "PPPoE", part, length);
        layer.summary = packet.code().to_string();
        match packet.tags() {
            Ok(tags) => tags.iter().for_each(|tag| add_tag(&mut layer, &tag)),
            Err(error) => self.error("pppoed", part, error),
        }
        self.push(layer);
    }

    /// A packet of a session.
    pub(super) fn pppoe_session(&mut self, part: Part<'_>) {
        let Some(packet) = self.pppoe("pppoes", part) else {
            return;
        };
        let length = PppoePacket::HEADER_LEN;
        let mut layer = Layer::new("pppoes", "PPPoE", part, length);
        layer.summary = format!("session {}", packet.session());
        self.push(layer);
        let payload = packet.payload();
        self.ppp_without_address(part.with(payload, length, payload.len()));
    }

    fn pppoe<'a>(&mut self, protocol: &'static str, part: Part<'a>) -> Option<PppoePacket<'a>> {
        match PppoePacket::parse(part.octets) {
            Ok(packet) => Some(packet),
            Err(error) => {
                self.error(protocol, part, error);
                self.rest("PPPoE packet", part);
                None
            }
        }
    }
}

fn add_tag(layer: &mut Layer, tag: &Tag<'_>) {
    const CREDITS: TagKind = TagKind(0x0106);
    const METRICS: TagKind = TagKind(0x0107);
    const SEQUENCE_NUMBER: TagKind = TagKind(0x0108);
    const CREDIT_SCALE: TagKind = TagKind(0x0109);
    let value = tag.value;
    let mut text = |key| layer.add_text(key, String::from_utf8_lossy(value));
    match tag.kind {
        // An empty name stands for any service.
        TagKind::SERVICE_NAME if value.is_empty() => {}
        TagKind::SERVICE_NAME => text("pppoed.tags.service_name"),
        TagKind::AC_NAME => text("pppoed.tags.ac_name"),
        TagKind::SERVICE_NAME_ERROR => text("pppoed.tags.service_name_error"),
        TagKind::AC_SYSTEM_ERROR => text("pppoed.tags.ac_system_error"),
        TagKind::GENERIC_ERROR => text("pppoed.tags.generic_error"),
        TagKind::HOST_UNIQ => add_octets(layer, "pppoed.tags.host_uniq", value),
        TagKind::AC_COOKIE => add_octets(layer, "pppoed.tags.ac_cookie", value),
        TagKind::RELAY_SESSION_ID => add_octets(layer, "pppoed.tags.relay_session_id", value),
        TagKind::PPP_MAX_PAYLOAD => add_octets(layer, "pppoed.tags.max_payload", value),
        CREDITS => add_octets(layer, "pppoed.tags.credits", value),
        METRICS => add_octets(layer, "pppoed.tags.metrics", value),
        SEQUENCE_NUMBER => add_number(layer, "pppoed.tags.seq_num", value),
        CREDIT_SCALE => add_number(layer, "pppoed.tags.credit_scale", value),
        TagKind::VENDOR_SPECIFIC => add_vendor(layer, value),
        _ if value.is_empty() => {}
        kind => {
            layer.add("pppoed.tag", kind.0);
            layer.add("pppoed.tag_length", value.len());
            layer.add_octets("pppoed.tag.unknown_data", value);
        }
    }
}

/// Octets; tshark has a word for none.
fn add_octets(layer: &mut Layer, key: &'static str, value: &[u8]) {
    if value.is_empty() {
        layer.add_text(key, "<missing>");
    } else {
        layer.add_octets(key, value);
    }
}

fn add_number(layer: &mut Layer, key: &'static str, value: &[u8]) {
    if let Some(number) = value.first_chunk() {
        layer.add(key, u16::from_be_bytes(*number));
    }
}

fn add_vendor(layer: &mut Layer, value: &[u8]) {
    let Some((vendor, rest)) = value.split_first_chunk() else {
        return;
    };
    let vendor = u32::from_be_bytes(*vendor);
    layer.add("pppoed.tags.vendor_id", vendor);
    if vendor != BROADBAND_FORUM {
        if !rest.is_empty() {
            layer.add_octets("pppoed.tags.vendor_unspecified", rest);
        }
        return;
    }
    let mut cursor = Cursor::new(rest);
    // Values that are cut are left out.
    let _: Result<(), ParseError> = (|| {
        while !cursor.is_empty() {
            let kind = cursor.u8("line tag")?;
            let length = cursor.u8("line tag")?;
            let value = cursor.take(length.into(), "line tag")?;
            add_line_tag(layer, kind, value);
        }
        Ok(())
    })();
}

fn add_line_tag(layer: &mut Layer, kind: u8, value: &[u8]) {
    const RATES: [(u8, &str); 2] = [
        (0x81, "pppoed.tags.act_data_rate_up"),
        (0x82, "pppoed.tags.act_data_rate_down"),
    ];
    let rate = RATES.iter().find(|(number, _)| *number == kind);
    match (kind, rate, value) {
        (1, ..) => layer.add_text("pppoed.tags.circuit_id", String::from_utf8_lossy(value)),
        (2, ..) => layer.add_text("pppoed.tags.remote_id", String::from_utf8_lossy(value)),
        (_, Some((_, key)), &[a, b, c, d]) => layer.add(key, u32::from_be_bytes([a, b, c, d])),
        _ => {
            layer.add("pppoed.tag", kind);
            layer.add("pppoed.tag_length_8", value.len());
            layer.add_octets("pppoed.tag.unknown_data", value);
        }
    }
}
