//! PAP, CHAP and EAP, and EAP's carrier on Ethernet.

use super::ppp::{add_octets_of, add_text_of};
use super::{Dissector, Layer, Part};
use packet_buffer::{Cursor, ParseError};
use ppp_lcp_ncp::auth::{ChapPacket, EapPacket, EapType, PapPacket};
use ppp_lcp_ncp::wire::ControlPacket;

/// The keys of the header that all three have.
type HeaderKeys = [&'static str; 3];

impl Dissector {
    /// Begins a layer with the header; `None` when that is not whole.
    fn auth_layer(
        &mut self,
        (short, name): (&'static str, &'static str),
        keys: HeaderKeys,
        part: Part<'_>,
    ) -> Option<Layer> {
        let mut layer = Layer::new(short, name, part, part.octets.len());
        let header = part.octets.first_chunk::<4>();
        if let Some(&[code, identifier, high, low]) = header {
            let [code_key, identifier_key, length_key] = keys;
            layer.add(code_key, code);
            layer.add(identifier_key, identifier);
            layer.add(length_key, u16::from_be_bytes([high, low]));
        }
        match ControlPacket::parse(part.octets) {
            Ok(packet) => {
                layer.length = packet.as_slice().len();
                Some(layer)
            }
            Err(error) => {
                self.error(short, part, error);
                if header.is_some() {
                    self.push(layer);
                }
                None
            }
        }
    }

    pub(super) fn pap(&mut self, part: Part<'_>) {
        let keys = ["pap.code", "pap.identifier", "pap.length"];
        let Some(mut layer) = self.auth_layer(("pap", "PAP"), keys, part) else {
            return;
        };
        let mut add = |keys: [&'static str; 2], text: &[u8]| {
            let [length, key] = keys;
            layer.add(length, text.len());
            layer.add_text(key, String::from_utf8_lossy(text));
        };
        let parsed = PapPacket::parse(part.octets);
        layer.summary = match parsed {
            Ok(PapPacket::Request {
                peer_id, password, ..
            }) => {
                add(["pap.peer_id.length", "pap.peer_id"], peer_id);
                add(["pap.password.length", "pap.password"], password);
                "Authenticate-Request"
            }
            Ok(PapPacket::Ack { message, .. }) => {
                add(["pap.message.length", "pap.message"], message);
                "Authenticate-Ack"
            }
            Ok(PapPacket::Nak { message, .. }) => {
                add(["pap.message.length", "pap.message"], message);
                "Authenticate-Nak"
            }
            Err(_) => "not read",
        }
        .to_owned();
        self.finish_auth(layer, "pap.stuff", part, parsed.err());
    }

    pub(super) fn chap(&mut self, part: Part<'_>) {
        let keys = ["chap.code", "chap.identifier", "chap.length"];
        let Some(mut layer) = self.auth_layer(("chap", "CHAP"), keys, part) else {
            return;
        };
        let parsed = ChapPacket::parse(part.octets);
        layer.summary = match parsed {
            Ok(ChapPacket::Challenge { .. }) => "Challenge",
            Ok(ChapPacket::Response { .. }) => "Response",
            Ok(ChapPacket::Success { .. }) => "Success",
            Ok(ChapPacket::Failure { .. }) => "Failure",
            Err(_) => "not read",
        }
        .to_owned();
        match parsed {
            Ok(
                ChapPacket::Challenge { value, name, .. }
                | ChapPacket::Response { value, name, .. },
            ) => {
                layer.add("chap.value_size", value.len());
                layer.add_octets("chap.value", value);
                add_text_of(&mut layer, "chap.name", name);
            }
            Ok(ChapPacket::Success { message, .. } | ChapPacket::Failure { message, .. }) => {
                add_text_of(&mut layer, "chap.message", message);
            }
            Err(_) => {}
        }
        self.finish_auth(layer, "chap.stuff", part, parsed.err());
    }

    pub(super) fn eap(&mut self, part: Part<'_>) {
        let keys = ["eap.code", "eap.id", "eap.len"];
        let Some(mut layer) = self.auth_layer(("eap", "EAP"), keys, part) else {
            return;
        };
        match EapPacket::parse(part.octets) {
            Ok(EapPacket::Request { kind, data, .. }) => {
                layer.summary = format!("Request, {kind}");
                add_eap(&mut layer, kind, data);
            }
            Ok(EapPacket::Response { kind, data, .. }) => {
                layer.summary = format!("Response, {kind}");
                add_eap(&mut layer, kind, data);
            }
            Ok(EapPacket::Success { .. }) => layer.summary = "Success".to_owned(),
            Ok(EapPacket::Failure { .. }) => layer.summary = "Failure".to_owned(),
            Err(error) => self.error("eap", part, error),
        }
        self.push(layer);
    }

    /// EAP over LANs (IEEE 802.1X): version, type, length.
    pub(super) fn eap_over_lan(&mut self, part: Part<'_>) {
        let mut cursor = Cursor::new(part.octets);
        let mut read = || -> Result<(u8, &[u8]), ParseError> {
            cursor.u8("EAPOL version")?;
            let kind = cursor.u8("EAPOL type")?;
            let length = cursor.u16("EAPOL length")?;
            Ok((kind, cursor.take(length.into(), "EAPOL body")?))
        };
        match read() {
            Ok((kind, body)) => {
                let mut layer = Layer::new("eapol", "EAPOL", part, 4);
                layer.summary = format!("type {kind}");
                self.push(layer);
                let inside = part.with(body, 4, body.len());
                match kind {
                    0 => self.eap(inside),
                    1 | 2 => {} // start, logoff
                    _ => self.rest("EAPOL body", inside),
                }
            }
            Err(error) => self.error("eapol", part, error),
        }
    }

    /// Adds what of a packet was not read, and the layer.
    fn finish_auth(
        &mut self,
        mut layer: Layer,
        key: &'static str,
        part: Part<'_>,
        error: Option<ParseError>,
    ) {
        if let Some(error) = error {
            self.error(layer.protocol, part, error);
            if let Ok(packet) = ControlPacket::parse(part.octets)
                && packet.code().0 > 4
            {
                add_octets_of(&mut layer, key, packet.data());
            }
        }
        self.push(layer);
    }
}

fn add_eap(layer: &mut Layer, kind: EapType, data: &[u8]) {
    layer.add("eap.type", kind.0);
    match kind {
        EapType::IDENTITY => add_text_of(layer, "eap.identity", data),
        EapType::NOTIFICATION => add_text_of(layer, "eap.notification", data),
        EapType::NAK => {
            if let Some(first) = data.first() {
                layer.add("eap.desired_type", *first);
            }
        }
        EapType::MD5_CHALLENGE => {
            if let Some((size, rest)) = data.split_first() {
                let (value, name) = rest
                    .split_at_checked(usize::from(*size))
                    .unwrap_or((rest, &[]));
                layer.add("eap.md5.value_size", *size);
                layer.add_octets("eap.md5.value", value);
                add_octets_of(layer, "eap.md5.extra_data", name);
            }
        }
        // One-time password, generic token card.
        EapType(5 | 6) => add_octets_of(layer, "eap.data", data),
        _ => {}
    }
}
