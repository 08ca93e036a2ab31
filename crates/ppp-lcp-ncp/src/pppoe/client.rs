//! The client.

use super::config::{ClientConfig, PppoeConfigError};
use super::event::{
    ClientEnd, ClientEvent, ClientStats, PppoeDiscard, PppoeSendError, PppoeTransmit,
};
use super::packet::{PppoeCode, PppoePacket, PppoeRepr};
use super::peer::{Peer, vlans};
use super::tag::{TagKind, Tags, append_tag};
use super::{DEFAULT_MAX_PAYLOAD, concentrator::MAX_FRAME_PAYLOAD};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::wire::{EtherType, EthernetFrame, MacAddr};
use packet_buffer::{EmitError, Instant, PacketBuf, RandomSource};

/// Events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 16;

/// How far a client has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientState {
    /// It does nothing.
    Idle,
    /// It looks for a concentrator: PADIs go out.
    Discovering,
    /// It has an offer: PADRs go out.
    Requesting,
    /// It has a session.
    Session,
}

/// The client of PPPoE: finds a concentrator, and has one session with it.
///
/// The first offer that will do is taken. An example is at the [module](super).
pub struct Client {
    config: ClientConfig,
    random: Box<dyn RandomSource + Send>,
    state: ClientState,
    host_uniq: [u8; 8],
    offer: Option<Offer>,
    session: u16,
    max_payload: u16,
    /// PADIs since it was opened.
    initiations: u32,
    /// PADRs since the offer.
    requests: u32,
    wait: Duration,
    /// When the answer is missed.
    deadline: Option<Instant>,
    /// A PADI or PADR waits.
    to_send: bool,
    /// A PADT waits.
    to_terminate: Option<(Peer, u16)>,
    events: VecDeque<ClientEvent>,
    latest: Instant,
    stats: ClientStats,
}

/// What a concentrator has offered.
struct Offer {
    peer: Peer,
    ac_name: Vec<u8>,
    cookie: Option<Vec<u8>>,
    relay: Option<Vec<u8>>,
}

impl Client {
    /// An idle client.
    ///
    /// # Errors
    ///
    /// [`PppoeConfigError`], which names the field.
    pub fn new(
        config: ClientConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, PppoeConfigError> {
        config.check()?;
        Ok(Self {
            config,
            random,
            state: ClientState::Idle,
            host_uniq: [0; 8],
            offer: None,
            session: 0,
            max_payload: DEFAULT_MAX_PAYLOAD,
            initiations: 0,
            requests: 0,
            wait: Duration::ZERO,
            deadline: None,
            to_send: false,
            to_terminate: None,
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: ClientStats::default(),
        })
    }

    // RFC 2516 §7 MUST (discovery): each session begins with a PADI.
    /// Looks for a concentrator, unless it does so already or has a session.
    pub fn open(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.state == ClientState::Idle {
            self.initiations = 0;
            self.discover();
        }
    }

    /// Ends the session, or the search for one. A [`Link`](crate::link::Link) in it is to be closed
    /// first, and what it sends then to go out.
    // RFC 2516 §7 MUST (stop): nothing of PPP goes in it any more.
    // RFC 2516 §5.5 SHOULD (ppp-first): PPP brings the session down; a PADT does when it cannot.
    // RFC 2516 §5.5 MAY (padt): either end may end the session at any time.
    pub fn close(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.state == ClientState::Idle {
            return;
        }
        if let (ClientState::Session, Some(offer)) = (self.state, &self.offer) {
            // RFC 2516 §5.5 MUST (which): the PADT says which session it is.
            self.to_terminate = Some((offer.peer, self.session));
        }
        self.end(ClientEnd::Closed);
    }

    /// How far it has got.
    pub const fn state(&self) -> ClientState {
        self.state
    }

    /// The number of the session; `None` without one.
    pub fn session(&self) -> Option<u16> {
        (self.state == ClientState::Session).then_some(self.session)
    }

    /// Octets of PPP payload that may be sent and taken in the session.
    pub const fn max_payload(&self) -> u16 {
        self.max_payload
    }

    /// Counters.
    pub const fn stats(&self) -> &ClientStats {
        &self.stats
    }

    /// What was configured.
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// An Ethernet frame has arrived. The PPP packet in it, when it is one of the session, is
    /// returned; `None` means that the frame was the client's own.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        frame: &'a [u8],
    ) -> Result<Option<&'a [u8]>, PppoeDiscard> {
        self.stats.received += 1;
        let result = self.receive(now, frame);
        match &result {
            Ok(Some(_)) => self.stats.delivered += 1,
            Ok(None) => {}
            Err(discard) => {
                self.stats.ignored += 1;
                if matches!(discard, PppoeDiscard::Parse(_)) {
                    self.stats.malformed += 1;
                }
            }
        }
        result
    }

    /// Does what is due.
    // RFC 2516 §8 SHOULD (resend): a PADI without an answer is sent again after twice the time.
    // RFC 2516 §8 SHOULD (padr-resend): so is a PADR; after some of them the client begins anew.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.deadline.is_none_or(|deadline| deadline > self.latest) {
            return;
        }
        self.deadline = None;
        match self.state {
            ClientState::Discovering => self.initiate(),
            ClientState::Requesting if self.requests < self.config.max_requests => self.request(),
            ClientState::Requesting => self.discover(),
            ClientState::Idle | ClientState::Session => {}
        }
    }

    /// Writes the next Ethernet frame in place of what `out` holds. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppoeTransmit> {
        if let Some((peer, session)) = self.to_terminate.take() {
            self.stats.terminations += 1;
            let code = PppoeCode::PADT;
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            self.write(out, &peer, PppoeRepr { code, session }).ok()?;
            return Some(PppoeTransmit { code, peer });
        }
        if !core::mem::take(&mut self.to_send) {
            return None;
        }
        let (code, peer) = match (self.state, &self.offer) {
            (ClientState::Requesting, Some(offer)) => (PppoeCode::PADR, offer.peer),
            _ => {
                let vlan_tags = self.config.vlan_tags;
                let address = MacAddr::BROADCAST;
                (PppoeCode::PADI, Peer { address, vlan_tags })
            }
        };
        match code {
            PppoeCode::PADI => self.stats.initiations += 1,
            _ => self.stats.requests += 1,
        }
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        // RFC 2516 §5.1 MUST (zero): neither a PADI has a session,
        // RFC 2516 §5.3 MUST (zero): nor a PADR.
        // What is written was found to fit when it was taken in.
        self.write_tags(out).ok()?;
        self.write(out, &peer, PppoeRepr { code, session: 0 })
            .ok()?;
        Some(PppoeTransmit { code, peer })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Puts the headers of PPPoE and Ethernet in front of a PPP packet, protocol and information,
    /// to be sent in the session.
    ///
    /// # Errors
    ///
    /// [`PppoeSendError`], which is counted; the packet is where it was.
    // RFC 2516 §5.5 MUST NOT (after-padt): nothing of PPP goes once the session has ended.
    pub fn encapsulate(&mut self, packet: &mut PacketBuf) -> Result<(), PppoeSendError> {
        let (ClientState::Session, Some(offer)) = (self.state, &self.offer) else {
            self.stats.send_errors += 1;
            return Err(PppoeSendError::NoSession);
        };
        let (length, limit) = (packet.len(), usize::from(self.max_payload) + 2);
        let header = PppoeRepr {
            code: PppoeCode::SESSION,
            session: self.session,
        };
        if length > limit || header.emit(packet).is_err() {
            self.stats.send_errors += 1;
            return Err(PppoeSendError::TooLong { length, limit });
        }
        let _ = offer
            .peer
            .emit(self.config.address, EtherType::PPPOE_SESSION, packet);
        self.stats.sent += 1;
        Ok(())
    }

    fn discover(&mut self) {
        self.random.fill(&mut self.host_uniq);
        self.offer = None;
        self.wait = self.config.timeout;
        self.state = ClientState::Discovering;
        self.initiate();
    }

    fn initiate(&mut self) {
        if self.initiations >= self.config.max_initiations {
            self.end(ClientEnd::NoAnswer);
            return;
        }
        self.initiations += 1;
        self.send_and_wait();
    }

    fn request(&mut self) {
        self.requests += 1;
        self.send_and_wait();
    }

    fn send_and_wait(&mut self) {
        self.to_send = true;
        self.deadline = Some(self.latest + self.wait);
        self.wait = self.wait.saturating_mul(2).min(self.config.max_timeout);
    }

    fn end(&mut self, reason: ClientEnd) {
        self.state = ClientState::Idle;
        self.offer = None;
        self.deadline = None;
        self.to_send = false;
        self.max_payload = DEFAULT_MAX_PAYLOAD;
        self.push(ClientEvent::Closed(reason));
    }

    fn push(&mut self, event: ClientEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }

    fn receive<'a>(
        &mut self,
        now: Instant,
        frame: &'a [u8],
    ) -> Result<Option<&'a [u8]>, PppoeDiscard> {
        let frame = EthernetFrame::parse(frame)?;
        let is_session = match frame.ethertype() {
            EtherType::PPPOE_DISCOVERY => false,
            EtherType::PPPOE_SESSION => true,
            _ => return Err(PppoeDiscard::NotPppoe),
        };
        if frame.destination() != self.config.address
            || vlans(&frame.vlan_tags()) != vlans(&self.config.vlan_tags)
        {
            return Err(PppoeDiscard::NotForUs);
        }
        if !frame.source().is_unicast() {
            return Err(PppoeDiscard::Source);
        }
        let header_len = frame.header_len();
        let shift = |error: packet_buffer::ParseError| error.offset_by(header_len);
        let packet = PppoePacket::parse(frame.payload()).map_err(shift)?;
        let peer = Peer::of(&frame);
        if is_session {
            return self.receive_session(now, &peer, &packet).map(Some);
        }
        match packet.code() {
            PppoeCode::PADO => {
                let tags = packet.tags().map_err(shift)?;
                self.on_offer(now, &peer, &packet, &tags)?;
            }
            PppoeCode::PADS => {
                let tags = packet.tags().map_err(shift)?;
                self.on_confirmation(now, &peer, &packet, &tags)?;
            }
            PppoeCode::PADT => self.on_termination(now, &peer, &packet)?,
            code => return Err(PppoeDiscard::Code(code)),
        }
        Ok(None)
    }

    fn receive_session<'a>(
        &mut self,
        now: Instant,
        peer: &Peer,
        packet: &PppoePacket<'a>,
    ) -> Result<&'a [u8], PppoeDiscard> {
        // RFC 2516 §6 MUST (session-code): the code is 0, and the session that of the PADS.
        if packet.code() != PppoeCode::SESSION {
            return Err(PppoeDiscard::Code(packet.code()));
        }
        self.check_session(peer, packet)?;
        self.latest = self.latest.max(now);
        Ok(packet.payload())
    }

    fn check_session(&self, peer: &Peer, packet: &PppoePacket<'_>) -> Result<(), PppoeDiscard> {
        if self.state != ClientState::Session {
            return Err(PppoeDiscard::NotAwaited(packet.code()));
        }
        if !self.is_ours(peer) {
            return Err(PppoeDiscard::Source);
        }
        if packet.session() != self.session {
            return Err(PppoeDiscard::Session(packet.session()));
        }
        Ok(())
    }

    /// Whether it is the concentrator whose offer was taken.
    fn is_ours(&self, peer: &Peer) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|offer| offer.peer.key() == peer.key())
    }

    fn on_offer(
        &mut self,
        now: Instant,
        peer: &Peer,
        packet: &PppoePacket<'_>,
        tags: &Tags<'_>,
    ) -> Result<(), PppoeDiscard> {
        if self.state != ClientState::Discovering {
            return Err(PppoeDiscard::NotAwaited(packet.code()));
        }
        if packet.session() != 0 {
            return Err(PppoeDiscard::Session(packet.session()));
        }
        self.check_host_uniq(tags)?;
        if let Some(error) = tags.error() {
            return Err(PppoeDiscard::OfferError(error.kind));
        }
        let missing = PppoeDiscard::Tag(TagKind::AC_NAME);
        let ac_name = tags.find(TagKind::AC_NAME).ok_or(missing)?;
        let wanted = self.config.ac_name.as_ref();
        if wanted.is_some_and(|wanted| wanted.as_slice() != ac_name) {
            return Err(PppoeDiscard::AcName);
        }
        // RFC 2516 §5.2 MUST (service): the offer names the service that was asked for.
        let mut services = tags.find_all(TagKind::SERVICE_NAME);
        let service = self.config.service_name.as_slice();
        if !service.is_empty() && !services.any(|it| it == service) {
            return Err(PppoeDiscard::Service);
        }
        let owned = |kind| tags.find(kind).map(<[u8]>::to_vec);
        let offer = Offer {
            peer: *peer,
            ac_name: ac_name.to_vec(),
            cookie: owned(TagKind::AC_COOKIE),
            relay: owned(TagKind::RELAY_SESSION_ID),
        };
        if self.padr_len(&offer) > MAX_FRAME_PAYLOAD {
            return Err(PppoeDiscard::TooLong);
        }
        self.latest = self.latest.max(now);
        self.offer = Some(offer);
        self.state = ClientState::Requesting;
        self.requests = 0;
        self.wait = self.config.timeout;
        self.request();
        Ok(())
    }

    fn padr_len(&self, offer: &Offer) -> usize {
        let value = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| 4 + value.len());
        let fixed = PppoePacket::HEADER_LEN + 4 + self.host_uniq.len() + 4 + 2;
        fixed + 4 + self.config.service_name.len() + value(&offer.cookie) + value(&offer.relay)
    }

    // RFC 2516 §A MUST (host-uniq): answers have the Host-Uniq of the question, unchanged.
    fn check_host_uniq(&self, tags: &Tags<'_>) -> Result<(), PppoeDiscard> {
        if tags.find(TagKind::HOST_UNIQ) == Some(&self.host_uniq) {
            Ok(())
        } else {
            Err(PppoeDiscard::HostUniq)
        }
    }

    fn on_confirmation(
        &mut self,
        now: Instant,
        peer: &Peer,
        packet: &PppoePacket<'_>,
        tags: &Tags<'_>,
    ) -> Result<(), PppoeDiscard> {
        if self.state != ClientState::Requesting {
            return Err(PppoeDiscard::NotAwaited(packet.code()));
        }
        if !self.is_ours(peer) {
            return Err(PppoeDiscard::Source);
        }
        self.check_host_uniq(tags)?;
        let session = packet.session();
        // RFC 2516 §5.4 MUST (zero): a refusal has session 0, and a tag that says why.
        if let (0, Some(error)) = (session, tags.error()) {
            self.latest = self.latest.max(now);
            self.end(ClientEnd::Refused {
                kind: error.kind,
                message: error.value.to_vec(),
            });
            return Ok(());
        }
        if session == 0 || session == u16::MAX {
            return Err(PppoeDiscard::Session(session));
        }
        self.latest = self.latest.max(now);
        self.session = session;
        self.state = ClientState::Session;
        self.deadline = None;
        self.to_send = false;
        // RFC 4638 §4 MUST (both): more than 1492 octets only where both ends have said so.
        self.max_payload = match (self.config.max_payload, tags.max_payload()) {
            (Some(ours), Some(theirs)) => ours.min(theirs),
            _ => DEFAULT_MAX_PAYLOAD,
        };
        let ac_name = match &mut self.offer {
            Some(offer) => core::mem::take(&mut offer.ac_name),
            None => Vec::new(),
        };
        self.push(ClientEvent::Opened {
            session,
            peer: *peer,
            ac_name,
            max_payload: self.max_payload,
        });
        Ok(())
    }

    fn on_termination(
        &mut self,
        now: Instant,
        peer: &Peer,
        packet: &PppoePacket<'_>,
    ) -> Result<(), PppoeDiscard> {
        self.check_session(peer, packet)?;
        self.latest = self.latest.max(now);
        self.end(ClientEnd::PeerTerminated);
        Ok(())
    }

    /// The tags of the next PADI or PADR.
    // RFC 2516 §5.1 MUST (padi-service): a PADI has exactly one Service-Name.
    // RFC 2516 §5.3 MUST (padr-service): and so has a PADR.
    // RFC 2516 §A MUST (cookie): the cookie goes back as it came.
    // RFC 2516 §A MUST (relay): so does a relay's tag.
    // RFC 4638 §4 MUST (padr-tag): the PPP-Max-Payload is in PADI and PADR.
    fn write_tags(&self, out: &mut PacketBuf) -> Result<(), EmitError> {
        append_tag(out, TagKind::SERVICE_NAME, &self.config.service_name)?;
        append_tag(out, TagKind::HOST_UNIQ, &self.host_uniq)?;
        if let Some(most) = self.config.max_payload {
            append_tag(out, TagKind::PPP_MAX_PAYLOAD, &most.to_be_bytes())?;
        }
        let Some(offer) = &self.offer else {
            return Ok(());
        };
        if let Some(cookie) = &offer.cookie {
            append_tag(out, TagKind::AC_COOKIE, cookie)?;
        }
        if let Some(relay) = &offer.relay {
            append_tag(out, TagKind::RELAY_SESSION_ID, relay)?;
        }
        Ok(())
    }

    fn write(&self, out: &mut PacketBuf, peer: &Peer, header: PppoeRepr) -> Result<(), EmitError> {
        header.emit(out)?;
        peer.emit(self.config.address, EtherType::PPPOE_DISCOVERY, out)
    }
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state)
            .field("session", &self.session)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
