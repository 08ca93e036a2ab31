//! The access concentrator.

use super::DEFAULT_MAX_PAYLOAD;
use super::config::{ConcentratorConfig, PppoeConfigError};
use super::cookie::{Asked, CookieJar};
use super::event::{
    ConcentratorEvent, ConcentratorStats, PppoeDiscard, PppoeSendError, PppoeTransmit, SessionEnd,
};
use super::packet::{PppoeCode, PppoePacket, PppoeRepr};
use super::peer::Peer;
use super::table::{Session, Table};
use super::tag::{TagKind, Tags, append_tag};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use packet_buffer::wire::{EtherType, EthernetFrame};
use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, RandomSource};

/// Octets of a discovery packet with its header.
pub(super) const MAX_FRAME_PAYLOAD: usize = 1500;
/// Octets of a Vendor-Specific tag that are handed on.
const MAX_VENDOR_SPECIFIC: usize = 256;

/// The access concentrator: offers services, and has sessions with many clients.
///
/// A client that only asks costs nothing: what it has to bring again is in a cookie. A session costs
/// 320 octets at most, whatever its client sends, and sessions are counted: all of them, those of
/// one client, and those that nobody has confirmed yet. The caller confirms a session when its
/// client has authenticated itself; until then a [`Link`](crate::link::Link) takes 8 KiB at most.
///
/// An example is at the [module](super).
pub struct AccessConcentrator {
    config: ConcentratorConfig,
    random: Box<dyn RandomSource + Send>,
    cookies: CookieJar,
    table: Table,
    replies: VecDeque<(PppoeTransmit, PacketBuf)>,
    /// Sessions whose PADT waits, beside the replies: they end whether a reply can go or not.
    terminations: VecDeque<(Peer, u16)>,
    events: VecDeque<ConcentratorEvent>,
    latest: Instant,
    stats: ConcentratorStats,
}

/// A frame that was found to be for us.
struct Incoming<'a> {
    peer: Peer,
    packet: PppoePacket<'a>,
    /// Octets in front of it, for errors.
    offset: usize,
}

impl<'a> Incoming<'a> {
    fn tags(&self) -> Result<Tags<'a>, ParseError> {
        let tags = self.packet.tags();
        tags.map_err(|error| error.offset_by(self.offset))
    }
}

impl AccessConcentrator {
    /// A concentrator without sessions.
    ///
    /// # Errors
    ///
    /// [`PppoeConfigError`], which names the field.
    pub fn new(
        config: ConcentratorConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, PppoeConfigError> {
        config.check()?;
        let cookies = CookieJar::new(config.cookie_lifetime, &mut random);
        Ok(Self {
            config,
            random,
            cookies,
            table: Table::default(),
            replies: VecDeque::new(),
            terminations: VecDeque::new(),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: ConcentratorStats::default(),
        })
    }

    /// Counters.
    pub const fn stats(&self) -> &ConcentratorStats {
        &self.stats
    }

    /// What was configured.
    pub const fn config(&self) -> &ConcentratorConfig {
        &self.config
    }

    /// Sessions that there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Sessions among them that nobody has confirmed.
    pub fn half_open(&self) -> usize {
        self.table.half_open()
    }

    /// The numbers of all sessions.
    pub fn sessions(&self) -> impl Iterator<Item = u16> {
        self.table.numbers()
    }

    /// The client of a session.
    pub fn peer(&self, session: u16) -> Option<Peer> {
        self.table.get(session).map(|session| session.peer)
    }

    /// Octets of PPP payload that may be sent and taken in a session.
    pub fn max_payload(&self, session: u16) -> Option<u16> {
        self.table.get(session).map(|session| session.max_payload)
    }

    /// The client has proved who it is: the session may last. False when there is no such session.
    pub fn confirm(&mut self, session: u16) -> bool {
        self.table.confirm(session)
    }

    /// Ends a session. False when there is none of that number.
    pub fn close(&mut self, now: Instant, session: u16) -> bool {
        self.latest = self.latest.max(now);
        self.end(session, SessionEnd::Closed)
    }

    /// An Ethernet frame has arrived. The PPP packet in it, when it is one of a session, is returned
    /// with the session's number; `None` means that the frame was the concentrator's own.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        frame: &'a [u8],
    ) -> Result<Option<(u16, &'a [u8])>, PppoeDiscard> {
        self.stats.received += 1;
        let result = self.receive(now, frame);
        match &result {
            Ok(Some(_)) => self.stats.delivered += 1,
            Ok(None) => {}
            Err(discard) => self.count(discard),
        }
        result
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        while let Some((_, session)) = self.next_to_end() {
            self.stats.half_open_ended += 1;
            self.end(session, SessionEnd::HalfOpen);
        }
    }

    /// Writes the next Ethernet frame in place of what `out` holds. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppoeTransmit> {
        if let Some((transmit, reply)) = self.replies.pop_front() {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            out.append_slice(reply.as_slice());
            return Some(transmit);
        }
        let (peer, session) = self.terminations.pop_front()?;
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let code = PppoeCode::PADT;
        self.write(out, &peer, PppoeRepr { code, session }).ok()?;
        Some(PppoeTransmit { code, peer })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.next_to_end().map(|(at, _)| at)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ConcentratorEvent> {
        self.events.pop_front()
    }

    /// Puts the headers of PPPoE and Ethernet in front of a PPP packet, protocol and information,
    /// to be sent in a session.
    ///
    /// # Errors
    ///
    /// [`PppoeSendError`], which is counted; the packet is where it was.
    // RFC 2516 §5.5 MUST NOT (after-padt): nothing of PPP goes once the session has ended.
    pub fn encapsulate(
        &mut self,
        session: u16,
        packet: &mut PacketBuf,
    ) -> Result<(), PppoeSendError> {
        let Some(found) = self.table.get(session) else {
            self.stats.send_errors += 1;
            return Err(PppoeSendError::NoSession);
        };
        let (length, limit) = (packet.len(), usize::from(found.max_payload) + 2);
        let code = PppoeCode::SESSION;
        if length > limit || (PppoeRepr { code, session }).emit(packet).is_err() {
            self.stats.send_errors += 1;
            return Err(PppoeSendError::TooLong { length, limit });
        }
        let ethertype = EtherType::PPPOE_SESSION;
        let _ = found.peer.emit(self.config.address, ethertype, packet);
        self.stats.sent += 1;
        Ok(())
    }

    fn count(&mut self, discard: &PppoeDiscard) {
        *match discard {
            PppoeDiscard::Parse(_) | PppoeDiscard::Tag(_) => &mut self.stats.malformed,
            PppoeDiscard::Service => &mut self.stats.no_service,
            PppoeDiscard::Cookie => &mut self.stats.bad_cookies,
            PppoeDiscard::Session(_) => &mut self.stats.unknown_session,
            PppoeDiscard::TooLong => &mut self.stats.replies_too_long,
            PppoeDiscard::Busy if self.replies.len() >= self.config.max_replies => {
                &mut self.stats.replies_dropped
            }
            PppoeDiscard::Busy => &mut self.stats.events_full,
            _ => &mut self.stats.not_for_us,
        } += 1;
    }

    fn receive<'a>(
        &mut self,
        now: Instant,
        octets: &'a [u8],
    ) -> Result<Option<(u16, &'a [u8])>, PppoeDiscard> {
        let frame = EthernetFrame::parse(octets)?;
        let is_session = match frame.ethertype() {
            EtherType::PPPOE_DISCOVERY => false,
            EtherType::PPPOE_SESSION => true,
            _ => return Err(PppoeDiscard::NotPppoe),
        };
        if !frame.source().is_unicast() || frame.source() == self.config.address {
            return Err(PppoeDiscard::Source);
        }
        let offset = frame.header_len();
        let packet = PppoePacket::parse(frame.payload());
        let packet = packet.map_err(|error| error.offset_by(offset))?;
        let is_for_all = !is_session && packet.code() == PppoeCode::PADI;
        if frame.destination() != self.config.address
            && !(is_for_all && frame.destination().is_broadcast())
        {
            return Err(PppoeDiscard::NotForUs);
        }
        let incoming = Incoming {
            peer: Peer::of(&frame),
            packet,
            offset,
        };
        // The table may still hold what has ended by now.
        if is_session {
            return self.receive_session(now, &incoming);
        }
        match packet.code() {
            PppoeCode::PADI => self.on_initiation(now, &incoming)?,
            PppoeCode::PADR => self.on_request(now, &incoming)?,
            PppoeCode::PADT => self.on_termination(now, &incoming)?,
            code => return Err(PppoeDiscard::Code(code)),
        }
        Ok(None)
    }

    fn receive_session<'a>(
        &mut self,
        now: Instant,
        incoming: &Incoming<'a>,
    ) -> Result<Option<(u16, &'a [u8])>, PppoeDiscard> {
        // RFC 2516 §6 MUST (session-code): the code is 0, and the session that of the PADS.
        if incoming.packet.code() != PppoeCode::SESSION {
            return Err(PppoeDiscard::Code(incoming.packet.code()));
        }
        let session = incoming.packet.session();
        if self.is_of(session, &incoming.peer) {
            self.latest = self.latest.max(now);
            return Ok(Some((session, incoming.packet.payload())));
        }
        if !self.config.terminate_unknown || session == 0 || session == u16::MAX {
            return Err(PppoeDiscard::Session(session));
        }
        self.check_replies()?;
        self.latest = self.latest.max(now);
        self.stats.unknown_session += 1;
        self.reply(PacketBuf::new(), PppoeCode::PADT, session, &incoming.peer)?;
        Ok(None)
    }

    /// Whether a session is this client's.
    fn is_of(&self, session: u16, peer: &Peer) -> bool {
        let session = self.table.get(session);
        session.is_some_and(|session| session.peer.key() == peer.key())
    }

    // RFC 2516 §5.2 MUST NOT (no-offer): there is no offer to whom we cannot serve.
    // RFC 2516 §5.2 MUST (pado): an offer has our AC-Name, the Service-Name of the PADI, and may name
    // other services.
    fn on_initiation(&mut self, now: Instant, incoming: &Incoming<'_>) -> Result<(), PppoeDiscard> {
        let tags = incoming.tags()?;
        if incoming.packet.session() != 0 {
            return Err(PppoeDiscard::Session(incoming.packet.session()));
        }
        let service = service_name(&tags)?;
        if !self.has_service(service) {
            return Err(PppoeDiscard::Service);
        }
        self.check_replies()?;
        let now = self.latest.max(now);
        let asked = asked(incoming, &tags, service);
        let cookie = self.cookies.make(now, &asked, &mut self.random);
        let mut out = PacketBuf::new();
        put(&mut out, TagKind::AC_NAME, &self.config.ac_name)?;
        put(&mut out, TagKind::SERVICE_NAME, service)?;
        // RFC 2516 §9 SHOULD (any-name): nobody learns which services there are.
        let tells = !self.config.any_service;
        let others = self.config.services.iter().filter(|_| tells);
        for other in others.filter(|other| other.as_slice() != service) {
            put(&mut out, TagKind::SERVICE_NAME, other)?;
        }
        put(&mut out, TagKind::AC_COOKIE, &cookie)?;
        self.put_common(&mut out, &tags, tags.max_payload())?;
        // RFC 2516 §5.2 MUST (zero): there is no session yet.
        self.reply(out, PppoeCode::PADO, 0, &incoming.peer)?;
        self.latest = now;
        self.stats.offers += 1;
        Ok(())
    }

    fn on_request(&mut self, now: Instant, incoming: &Incoming<'_>) -> Result<(), PppoeDiscard> {
        let tags = incoming.tags()?;
        if incoming.packet.session() != 0 {
            return Err(PppoeDiscard::Session(incoming.packet.session()));
        }
        let service = service_name(&tags)?;
        self.check_replies()?;
        let now = self.latest.max(now);
        // RFC 2516 §5.4 MUST (service-error): a service that is not there is refused with
        // Service-Name-Error. This needs no cookie, since nothing is kept.
        if !self.has_service(service) {
            self.refuse(
                incoming,
                &tags,
                service,
                TagKind::SERVICE_NAME_ERROR,
                b"no such service",
            )?;
            self.stats.refused_service += 1;
            self.latest = now;
            return Ok(());
        }
        // RFC 2516 §9 SHOULD (cookie-check): only who has got our offer gets a session.
        let cookie = tags.find(TagKind::AC_COOKIE).unwrap_or_default();
        // A client that has asked for any service may choose one that was offered.
        let cookie = [service, &[]].into_iter().find_map(|service| {
            let asked = asked(incoming, &tags, service);
            self.cookies.check(now, cookie, &asked)
        });
        let cookie = cookie.ok_or(PppoeDiscard::Cookie)?;
        let peer = incoming.peer.key();
        if let Some((number, session)) = self.table.by_cookie(peer, &cookie) {
            // Our PADS was lost, or late.
            let payload = session.asked_payload;
            self.accept(incoming, &tags, service, number, payload)?;
            self.stats.repeated += 1;
            self.latest = now;
            return Ok(());
        }
        let is_half_open = self.config.half_open_timeout.is_some();
        let full = if self.table.of_peer(peer).len() >= self.config.max_sessions_per_peer {
            Some(&mut self.stats.refused_peer)
        } else if self.table.len() >= self.config.max_sessions {
            Some(&mut self.stats.refused_full)
        } else if is_half_open && self.table.half_open() >= self.config.max_half_open {
            Some(&mut self.stats.refused_half_open)
        } else {
            None
        };
        if let Some(counter) = full {
            *counter += 1;
            let kind = TagKind::AC_SYSTEM_ERROR;
            self.refuse(incoming, &tags, service, kind, b"too many sessions")?;
            self.latest = now;
            return Ok(());
        }
        // Each session has an event when it ends, too: there are as many again at most.
        if self.events.len() >= self.config.max_sessions {
            return Err(PppoeDiscard::Busy);
        }
        self.open(now, incoming, &tags, service, cookie)
    }

    fn open(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
        tags: &Tags<'_>,
        service: &[u8],
        cookie: super::cookie::Cookie,
    ) -> Result<(), PppoeDiscard> {
        let timeout = self.config.half_open_timeout;
        let most = self.config.max_payload;
        let session = Session {
            peer: incoming.peer,
            cookie,
            // RFC 4638 §4 MUST (both): more than 1492 octets only where both ends have said so.
            max_payload: tags
                .max_payload()
                .map_or(DEFAULT_MAX_PAYLOAD, |theirs| theirs.min(most)),
            asked_payload: tags.max_payload(),
            half_open_until: timeout.map(|timeout| now + timeout),
        };
        let (max_payload, asked_payload) = (session.max_payload, session.asked_payload);
        let number = self.table.insert(session, &mut self.random);
        let number = number.ok_or(PppoeDiscard::Busy)?;
        if let Err(discard) = self.accept(incoming, tags, service, number, asked_payload) {
            self.table.remove(number);
            return Err(discard);
        }
        self.latest = now;
        self.stats.opened += 1;
        let vendor_specific = tags.find(TagKind::VENDOR_SPECIFIC).unwrap_or_default();
        let vendor_specific = vendor_specific.iter().take(MAX_VENDOR_SPECIFIC);
        self.events.push_back(ConcentratorEvent::Opened {
            session: number,
            peer: incoming.peer,
            service: service.to_vec(),
            max_payload,
            vendor_specific: vendor_specific.copied().collect::<Vec<u8>>(),
        });
        Ok(())
    }

    fn on_termination(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
    ) -> Result<(), PppoeDiscard> {
        let session = incoming.packet.session();
        if !self.is_of(session, &incoming.peer) {
            return Err(PppoeDiscard::Session(session));
        }
        self.latest = self.latest.max(now);
        self.stats.peer_terminated += 1;
        self.end(session, SessionEnd::PeerTerminated);
        Ok(())
    }

    /// The session that is to end now for want of a confirmation.
    fn next_to_end(&self) -> Option<(Instant, u16)> {
        let next = self.table.next_to_end();
        next.filter(|(at, _)| *at <= self.latest)
    }

    fn end(&mut self, number: u16, reason: SessionEnd) -> bool {
        let Some(session) = self.table.remove(number) else {
            return false;
        };
        if reason != SessionEnd::PeerTerminated {
            // As many as there were sessions; who does not fetch them gets no new sessions either.
            if self.terminations.len() >= self.config.max_sessions {
                self.terminations.pop_front();
                self.stats.replies_dropped += 1;
            }
            // RFC 2516 §5.5 MUST (which): the PADT says which session it is.
            self.terminations.push_back((session.peer, number));
        }
        let session = number;
        self.events
            .push_back(ConcentratorEvent::Closed { session, reason });
        true
    }

    fn has_service(&self, service: &[u8]) -> bool {
        let mut services = self.config.services.iter();
        self.config.any_service || service.is_empty() || services.any(|it| it.as_slice() == service)
    }

    fn check_replies(&self) -> Result<(), PppoeDiscard> {
        if self.replies.len() >= self.config.max_replies {
            return Err(PppoeDiscard::Busy);
        }
        Ok(())
    }

    /// A PADS that gives a session.
    fn accept(
        &mut self,
        incoming: &Incoming<'_>,
        tags: &Tags<'_>,
        service: &[u8],
        session: u16,
        payload: Option<u16>,
    ) -> Result<(), PppoeDiscard> {
        let mut out = PacketBuf::new();
        put(&mut out, TagKind::SERVICE_NAME, service)?;
        self.put_common(&mut out, tags, payload)?;
        self.reply(out, PppoeCode::PADS, session, &incoming.peer)
    }

    /// A PADS that gives none.
    // RFC 2516 §A MUST (error-text): it says why, in text,
    // RFC 2516 §A MUST NOT (error-null): which no NULL ends.
    fn refuse(
        &mut self,
        incoming: &Incoming<'_>,
        tags: &Tags<'_>,
        service: &[u8],
        kind: TagKind,
        message: &[u8],
    ) -> Result<(), PppoeDiscard> {
        let mut out = PacketBuf::new();
        put(&mut out, TagKind::SERVICE_NAME, service)?;
        put(&mut out, kind, message)?;
        self.put_common(&mut out, tags, None)?;
        self.reply(out, PppoeCode::PADS, 0, &incoming.peer)
    }

    /// Tags that go back as they came.
    // RFC 2516 §A MUST (host-uniq): the client's own tag is in every answer, unchanged.
    // RFC 2516 §A MUST (relay): so is a relay's.
    // RFC 4638 §4 MUST (echo): a PPP-Max-Payload that can be had goes back as it came.
    fn put_common(
        &self,
        out: &mut PacketBuf,
        tags: &Tags<'_>,
        payload: Option<u16>,
    ) -> Result<(), PppoeDiscard> {
        for kind in [TagKind::HOST_UNIQ, TagKind::RELAY_SESSION_ID] {
            if let Some(value) = tags.find(kind) {
                put(out, kind, value)?;
            }
        }
        match payload {
            Some(payload) if self.config.max_payload > DEFAULT_MAX_PAYLOAD => {
                put(out, TagKind::PPP_MAX_PAYLOAD, &payload.to_be_bytes())
            }
            _ => Ok(()),
        }
    }

    fn reply(
        &mut self,
        mut out: PacketBuf,
        code: PppoeCode,
        session: u16,
        peer: &Peer,
    ) -> Result<(), PppoeDiscard> {
        if out.len() + PppoePacket::HEADER_LEN > MAX_FRAME_PAYLOAD {
            return Err(PppoeDiscard::TooLong);
        }
        let header = PppoeRepr { code, session };
        if self.write(&mut out, peer, header).is_ok() {
            let transmit = PppoeTransmit { code, peer: *peer };
            self.replies.push_back((transmit, out));
        }
        Ok(())
    }

    fn write(&self, out: &mut PacketBuf, peer: &Peer, header: PppoeRepr) -> Result<(), EmitError> {
        header.emit(out)?;
        peer.emit(self.config.address, EtherType::PPPOE_DISCOVERY, out)
    }
}

fn put(out: &mut PacketBuf, kind: TagKind, value: &[u8]) -> Result<(), PppoeDiscard> {
    append_tag(out, kind, value).map_err(|_| PppoeDiscard::TooLong)
}

// RFC 2516 §5.1 MUST (padi-service): exactly one Service-Name, in a PADI,
// RFC 2516 §5.3 MUST (padr-service): and in a PADR.
fn service_name<'a>(tags: &Tags<'a>) -> Result<&'a [u8], PppoeDiscard> {
    let missing = PppoeDiscard::Tag(TagKind::SERVICE_NAME);
    tags.only(TagKind::SERVICE_NAME).ok_or(missing)
}

fn asked<'a>(incoming: &Incoming<'_>, tags: &Tags<'a>, service: &'a [u8]) -> Asked<'a> {
    Asked {
        peer: incoming.peer.key(),
        host_uniq: tags.find(TagKind::HOST_UNIQ),
        service,
    }
}

impl core::fmt::Debug for AccessConcentrator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AccessConcentrator")
            .field("sessions", &self.table.len())
            .field("half_open", &self.table.half_open())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
