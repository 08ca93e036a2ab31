//! SIP over UDP (RFC 3261), with session descriptions (RFC 8866).

use super::segment::Parts;
use crate::config::Side;
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect};
use crate::mapping::Endpoint;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;
use core::time::Duration;
use flow_state::application::sip::{Message, PORT, Place, PlaceKind};
use flow_table::{Direction, FlowId};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};

/// How long media of an offer is waited for: a call rings longer than a file is fetched.
const MEDIA_LIFETIME: Duration = Duration::from_secs(180);

/// Changes the addresses in SIP messages, and lets the announced media in.
#[derive(Debug)]
pub struct Sip {
    ports: Vec<u16>,
    media_from_anyone: bool,
}

impl Sip {
    /// For servers and peers at port 5060. Media is let in from the address that the message goes
    /// to.
    pub fn new() -> Self {
        Self::with_ports(Vec::from([PORT]), false)
    }

    /// For these ports of servers and peers. With `media_from_anyone`, media is let in from any
    /// address, as it is needed where a proxy handles the calls and another host the media: then
    /// whoever guesses the port can send to it.
    pub const fn with_ports(ports: Vec<u16>, media_from_anyone: bool) -> Self {
        Self {
            ports,
            media_from_anyone,
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Self::new()
    }
}

/// Text in place of other text.
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Alg for Sip {
    fn name(&self) -> &'static str {
        "SIP"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.original.protocol() == IpProtocol::UDP.0
            && self.ports.contains(&session.reply.source_port())
    }

    fn handle(
        &mut self,
        _now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let session = *context.session();
        // Between two hosts inside, addresses are good as they are.
        if session.initiator == session.responder {
            return AlgVerdict::Pass;
        }
        let Some(parts) = Parts::of(packet.as_slice()) else {
            return AlgVerdict::Pass;
        };
        let payload = parts.payload_of(packet.as_slice()).to_vec();
        // Keep-alives are no messages (RFC 5626 §4.4.1); what is no message is not changed.
        let Ok(message) = Message::parse(&payload) else {
            return AlgVerdict::Pass;
        };
        let side = match context.direction() {
            Direction::Original => session.initiator,
            Direction::Reply => session.responder,
        };
        let edits = match side {
            Side::Inside => self.leave(&session, &message, context),
            Side::Outside => Some(enter(&session, &message)),
        };
        let Some(edits) = edits else {
            return AlgVerdict::Drop;
        };
        if edits.is_empty() {
            return AlgVerdict::Pass;
        }
        let changed = apply(&payload, &message, edits);
        match changed.and_then(|changed| parts.replace(packet, &changed)) {
            Some(()) => AlgVerdict::Pass,
            None => AlgVerdict::Drop,
        }
    }

    fn closed(&mut self, _id: FlowId) {}
}

impl Sip {
    /// What changes in a message that leaves. `None` when there is no port for its media.
    fn leave(
        &self,
        session: &AlgSession,
        message: &Message<'_>,
        context: &mut dyn AlgContext,
    ) -> Option<Vec<Edit>> {
        let (inside, outside) = (session.inside(), session.outside());
        let mut edits = Vec::new();
        // Media of the host itself, by port: others' addresses are none of the host's to give.
        let own: Vec<u16> = message
            .media
            .iter()
            .filter(|media| media.address == IpAddr::V4(inside.address) && media.port >= 1_024)
            .map(|media| media.port)
            .collect();
        for place in &message.places {
            match place.kind {
                PlaceKind::Via | PlaceKind::Contact if is_at(place, inside.address) => {
                    let port = match (place.kind, place.port) {
                        (PlaceKind::Contact, Some(port)) if port != inside.port => {
                            self.open(session, port, context)?
                        }
                        _ => outside.port,
                    };
                    replace(place, Endpoint::new(outside.address, port), &mut edits);
                }
                PlaceKind::Origin | PlaceKind::Connection if is_at(place, inside.address) => {
                    edits.push(Edit {
                        range: place.address_range.clone(),
                        text: outside.address.to_string(),
                    });
                }
                PlaceKind::Media => {
                    if let Some(port) = place.port.filter(|port| own.contains(port)) {
                        edits.push(Edit {
                            range: place.port_range.clone(),
                            text: self.open_media(session, port, context)?.to_string(),
                        });
                    }
                }
                _ => {}
            }
        }
        Some(edits)
    }

    fn expect(&self, session: &AlgSession, port: u16) -> Expect {
        let peer = match session.initiator {
            Side::Inside => session.reply.source(),
            Side::Outside => session.original.source(),
        };
        Expect {
            protocol: IpProtocol::UDP,
            inside_port: port,
            peer: (!self.media_from_anyone).then_some(peer),
            peer_port: None,
            lifetime: MEDIA_LIFETIME,
            outside_port: None,
        }
    }

    fn open(&self, session: &AlgSession, port: u16, context: &mut dyn AlgContext) -> Option<u16> {
        let outside = context.expect(&self.expect(session, port))?;
        Some(outside.port)
    }

    /// Opens the ports of a medium and of its control protocol, next to each other where they can
    /// be.
    fn open_media(
        &self,
        session: &AlgSession,
        port: u16,
        context: &mut dyn AlgContext,
    ) -> Option<u16> {
        let outside = self.open(session, port, context)?;
        // RFC 3550 §11: RTCP has the next higher port. Media works without it.
        if let (Some(inside), Some(next)) = (port.checked_add(1), outside.checked_add(1)) {
            let _ = context.expect(&Expect {
                outside_port: Some(next),
                ..self.expect(session, inside)
            });
        }
        Some(outside)
    }
}

/// What changes in a message that comes in: the addresses that had left, back.
fn enter(session: &AlgSession, message: &Message<'_>) -> Vec<Edit> {
    let (inside, outside) = (session.inside(), session.outside());
    let mut edits = Vec::new();
    for place in &message.places {
        let is_signaling = matches!(
            place.kind,
            PlaceKind::RequestUri | PlaceKind::Via | PlaceKind::Contact
        );
        let is_own_port = place.port.unwrap_or(PORT) == outside.port;
        if is_signaling && is_at(place, outside.address) && is_own_port {
            replace(place, inside, &mut edits);
        }
    }
    edits
}

fn is_at(place: &Place, address: Ipv4Addr) -> bool {
    place.address == Some(IpAddr::V4(address))
}

/// Another address and port; a port that was left out, because it is 5060, comes in where it is
/// needed.
fn replace(place: &Place, to: Endpoint, edits: &mut Vec<Edit>) {
    edits.push(Edit {
        range: place.address_range.clone(),
        text: to.address.to_string(),
    });
    match place.port {
        Some(port) if port != to.port => edits.push(Edit {
            range: place.port_range.clone(),
            text: to.port.to_string(),
        }),
        None if to.port != PORT => edits.push(Edit {
            range: place.port_range.clone(),
            text: format!(":{}", to.port),
        }),
        _ => {}
    }
}

/// The payload with all edits, and with a content length that is right again.
fn apply(payload: &[u8], message: &Message<'_>, mut edits: Vec<Edit>) -> Option<Vec<u8>> {
    let body = message.body.clone();
    let mut length = body.len();
    for edit in edits.iter().filter(|edit| edit.range.start >= body.start) {
        length = (length + edit.text.len()).checked_sub(edit.range.len())?;
    }
    if let Some(range) = message.content_length_range.clone()
        && length != body.len()
    {
        edits.push(Edit {
            range,
            text: length.to_string(),
        });
    }
    edits.sort_by_key(|edit| edit.range.start);
    let mut changed = Vec::with_capacity(payload.len() + 64);
    let mut at = 0;
    for edit in &edits {
        changed.extend_from_slice(payload.get(at..edit.range.start)?);
        changed.extend_from_slice(edit.text.as_bytes());
        at = edit.range.end;
    }
    changed.extend_from_slice(payload.get(at..)?);
    Some(changed)
}
