//! One end of LCP.

use super::config::{LcpConfig, LcpConfigError};
use super::negotiation::LcpNegotiation;
use super::option::LcpValues;
use crate::automaton::{Discard, Endpoint, EndpointStats, LayerEvent, Received, State};
use crate::wire::{Code, ControlPacket, PppProtocol};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 32;

/// Octets of a peer's identification that are kept.
const MAX_IDENTIFICATION: usize = 256;

/// What LCP tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LcpEvent {
    /// A change of the layer.
    Layer(LayerEvent),
    /// The line is looped back: our own packets come back to us.
    LoopedBack,
    /// The peer will not authenticate itself in any way that we take.
    AuthenticationRefused,
    /// The peer does not know a protocol, or has it not open.
    ProtocolRejected(PppProtocol),
    /// An answer to an Echo-Request has arrived.
    EchoReply {
        /// The identifier of the request.
        identifier: u8,
    },
    /// The peer says what it is (RFC 1570 §2.1). The octets are the peer's: show them with care.
    Identification(Vec<u8>),
    /// The peer says how long the session may last (RFC 1570 §2.2); `None` for ever.
    TimeRemaining(Option<Duration>),
}

/// Why a packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LcpDiscard {
    /// The endpoint says why.
    #[error(transparent)]
    Endpoint(#[from] Discard),
    /// A packet that has a meaning only when LCP is open.
    #[error("{0} while LCP is not open")]
    NotOpen(Code),
    /// The packet is too short for its code.
    #[error("{0} is too short")]
    Short(Code),
    /// The packet has a magic number that is not the peer's.
    #[error("magic number {found:#010x} is not the peer's {expected:#010x}")]
    Magic {
        /// The packet's.
        found: u32,
        /// The one that was agreed.
        expected: u32,
    },
    /// An Echo-Reply to a request that was not sent.
    #[error("no Echo-Request {identifier} waits for an answer")]
    UnaskedEchoReply {
        /// The packet's.
        identifier: u8,
    },
}

/// Counters beside those of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LcpStats {
    /// Echo-Requests answered.
    pub echo_requests: u64,
    /// Echo-Replies that were waited for.
    pub echo_replies: u64,
    /// Discard-Requests.
    pub discard_requests: u64,
    /// Packets of a protocol that is not known or not open, which were answered.
    pub protocol_rejects_sent: u64,
    /// Protocol-Rejects received.
    pub protocol_rejects: u64,
    /// Packets that came too early.
    pub not_open: u64,
    /// Packets too short for their code.
    pub short: u64,
    /// Packets with a wrong magic number.
    pub bad_magic: u64,
    /// Echo-Replies that nobody waits for.
    pub unasked_echo_replies: u64,
    /// Packets with our own magic number: the line is looped back.
    pub own_magic: u64,
    /// Events that were dropped because nobody fetched them.
    pub events_lost: u64,
}

/// One end of the Link Control Protocol.
///
/// ```
/// use ppp_lcp_ncp::lcp::{Lcp, LcpConfig};
/// use ppp_lcp_ncp::{Instant, PacketBuf};
/// use packet_buffer::random::OsRandom;
///
/// let mut ends = [(); 2].map(|()| Lcp::new(LcpConfig::default(), Box::new(OsRandom)).unwrap());
/// let now = Instant::ZERO;
/// for end in &mut ends {
///     end.open(now);
///     end.lower_up(now);
/// }
/// let mut packet = PacketBuf::new();
/// while !ends.iter().all(Lcp::is_open) {
///     let [a, b] = &mut ends;
///     if a.poll_transmit(&mut packet).is_some() {
///         b.handle_input(now, packet.as_slice())?;
///     }
///     ends.swap(0, 1);
/// }
/// assert_eq!(ends[0].peers().magic, ends[1].ours().magic);
/// # Ok::<(), ppp_lcp_ncp::lcp::LcpDiscard>(())
/// ```
pub struct Lcp {
    endpoint: Endpoint<LcpNegotiation>,
    random: Box<dyn RandomSource + Send>,
    /// The Echo-Request that waits for an answer.
    echo: Option<u8>,
    /// The same, for a request of a certain size.
    sized_echo: Option<u8>,
    /// Octets of information that reach the peer, when they are fewer than it takes.
    limit: Option<usize>,
    /// The peer does not know Echo-Requests.
    echo_refused: bool,
    told_looped: bool,
    told_refused: bool,
    events: VecDeque<LcpEvent>,
    stats: LcpStats,
}

impl Lcp {
    /// An end whose lower layer is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`LcpConfigError`], which names the field.
    pub fn new(
        config: LcpConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, LcpConfigError> {
        config.check()?;
        let endpoint = Endpoint::new(config.endpoint, LcpNegotiation::new(config))?;
        Ok(Self {
            endpoint,
            random,
            echo: None,
            sized_echo: None,
            limit: None,
            echo_refused: false,
            told_looped: false,
            told_refused: false,
            events: VecDeque::new(),
            stats: LcpStats::default(),
        })
    }

    /// LCP may open.
    pub fn open(&mut self, now: Instant) {
        self.told_looped = false;
        self.told_refused = false;
        self.endpoint.open(now, &mut *self.random);
        self.settle(now);
    }

    /// LCP is open with these values, which nobody has negotiated.
    pub(crate) const fn assume_open(&mut self, ours: LcpValues, peers: LcpValues) {
        self.endpoint.negotiation_mut().assume(ours, peers);
        self.endpoint.assume_open();
    }

    /// LCP must not stay open.
    pub fn close(&mut self, now: Instant) {
        self.endpoint.close(now, &mut *self.random);
        self.settle(now);
    }

    /// The line carries octets now.
    pub fn lower_up(&mut self, now: Instant) {
        self.told_looped = false;
        self.told_refused = false;
        self.endpoint.lower_up(now, &mut *self.random);
        self.settle(now);
    }

    /// The line is gone.
    pub fn lower_down(&mut self, now: Instant) {
        self.endpoint.lower_down(now, &mut *self.random);
        self.settle(now);
    }

    /// The state of the automaton.
    pub const fn state(&self) -> State {
        self.endpoint.state()
    }

    /// Whether LCP is open.
    pub fn is_open(&self) -> bool {
        self.endpoint.is_open()
    }

    /// What holds for packets to us.
    pub const fn ours(&self) -> &LcpValues {
        self.endpoint.negotiation().ours()
    }

    /// What holds for packets to the peer.
    pub const fn peers(&self) -> &LcpValues {
        self.endpoint.negotiation().peers()
    }

    /// Counters of LCP's own packets.
    pub const fn stats(&self) -> &LcpStats {
        &self.stats
    }

    /// Counters of the negotiation.
    pub const fn endpoint_stats(&self) -> &EndpointStats {
        self.endpoint.stats()
    }

    /// An LCP packet has arrived: the information field of a PPP packet of protocol LCP.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), LcpDiscard> {
        let received = self
            .endpoint
            .handle_input(now, information, &mut *self.random)?;
        let result = match received {
            Received::Done => {
                self.note_code_reject(information);
                Ok(())
            }
            Received::Own(packet) => self.handle_own(now, &packet),
        };
        match result {
            Ok(()) => self.settle(now),
            Err(LcpDiscard::Endpoint(_)) => {}
            Err(LcpDiscard::NotOpen(_)) => self.stats.not_open += 1,
            Err(LcpDiscard::Short(_)) => self.stats.short += 1,
            Err(LcpDiscard::Magic { .. }) => self.stats.bad_magic += 1,
            Err(LcpDiscard::UnaskedEchoReply { .. }) => self.stats.unasked_echo_replies += 1,
        }
        result
    }

    /// A packet of a protocol that is not known, or not open, has arrived: tells the peer. It is done
    /// only when LCP is open.
    // RFC 1661 §5.7 MUST (unknown-protocol): a packet of an unknown protocol is reported.
    pub fn reject_protocol(&mut self, protocol: PppProtocol, information: &[u8]) {
        // RFC 1661 §5.7 MUST (not-open): at any other time it is silently discarded.
        if !self.is_open() {
            return;
        }
        // RFC 1661 §5.7 MUST (truncated): the quote is cut to the peer's MRU.
        let room = self.room().saturating_sub(ControlPacket::HEADER_LEN + 2);
        let quoted = information.get(..room).unwrap_or(information);
        let mut data = Vec::with_capacity(2 + quoted.len());
        data.extend_from_slice(&protocol.0.to_be_bytes());
        data.extend_from_slice(quoted);
        self.stats.protocol_rejects_sent += 1;
        self.endpoint.send_own(Code::PROTOCOL_REJECT, &data);
    }

    /// Asks for an echo; the answer is an [`LcpEvent::EchoReply`]. `None` when LCP is not open, or the
    /// peer has rejected the code: nothing can be said of its silence then.
    pub fn send_echo_request(&mut self) -> Option<u8> {
        if self.echo_refused {
            return None;
        }
        let identifier = self.send_with_magic(Code::ECHO_REQUEST, &[])?;
        self.echo = Some(identifier);
        Some(identifier)
    }

    /// Asks for an echo with a packet of so many octets, to see whether it reaches the peer. One that was
    /// asked for before is waited for no longer. `None` as with
    /// [`send_echo_request`](Self::send_echo_request), or when the packet cannot be so short.
    pub fn send_sized_echo_request(&mut self, octets: usize) -> Option<u8> {
        if self.echo_refused {
            return None;
        }
        let data = vec![0; octets.checked_sub(ControlPacket::HEADER_LEN + 4)?];
        let identifier = self.send_with_magic(Code::ECHO_REQUEST, &data)?;
        self.sized_echo = Some(identifier);
        Some(identifier)
    }

    /// No more octets of information than these reach the peer, whatever it takes, as long as LCP is open.
    pub fn limit_sent(&mut self, octets: usize) {
        self.limit = Some(octets);
        let room = self.room();
        self.endpoint.set_peer_limit(room);
    }

    /// How long the information of a packet may be.
    fn room(&self) -> usize {
        let mru = usize::from(self.peers().mru);
        self.limit.map_or(mru, |limit| limit.min(mru))
    }

    /// Sends something that the peer throws away. False when LCP is not open.
    pub fn send_discard_request(&mut self, data: &[u8]) -> bool {
        self.send_with_magic(Code::DISCARD_REQUEST, data).is_some()
    }

    /// Tells the peer what we are (RFC 1570 §2.1). It may be sent at any time when the line is up.
    pub fn send_identification(&mut self, message: &[u8]) -> bool {
        if !self.state().is_lower_layer_up() {
            return false;
        }
        let data = [&self.our_magic().to_be_bytes(), message].concat();
        self.endpoint.send_own(Code::IDENTIFICATION, &data);
        true
    }

    /// Tells the peer how long the session may last (RFC 1570 §2.2); `None` for ever. False when LCP
    /// is not open.
    pub fn send_time_remaining(&mut self, left: Option<Duration>) -> bool {
        let seconds = left.map_or(u32::MAX, |left| {
            u32::try_from(left.as_secs()).unwrap_or(u32::MAX)
        });
        self.send_with_magic(Code::TIME_REMAINING, &seconds.to_be_bytes())
            .is_some()
    }

    /// The Restart timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut *self.random);
        self.settle(now);
    }

    /// Writes the next packet in place of what `out` holds, and says which protocol's information
    /// it is: [`PppProtocol::LCP`]. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        self.endpoint.poll_transmit(out)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LcpEvent> {
        self.events.pop_front()
    }

    fn our_magic(&self) -> u32 {
        // RFC 1661 §5.8 MUST (magic-zero): before the number is agreed on, zero is sent.
        if self.is_open() { self.ours().magic } else { 0 }
    }

    fn send_with_magic(&mut self, code: Code, data: &[u8]) -> Option<u8> {
        if !self.is_open() {
            return None;
        }
        let data = [&self.our_magic().to_be_bytes(), data].concat();
        Some(self.endpoint.send_own(code, &data))
    }

    fn handle_own(&mut self, now: Instant, packet: &ControlPacket<'_>) -> Result<(), LcpDiscard> {
        let code = packet.code();
        match code {
            Code::PROTOCOL_REJECT => self.on_protocol_reject(now, packet),
            Code::IDENTIFICATION => {
                let (_, message) = self.split_magic(packet)?;
                let message = message.get(..MAX_IDENTIFICATION).unwrap_or(message);
                self.push_event(LcpEvent::Identification(message.to_vec()));
                Ok(())
            }
            // RFC 1661 §5.8 MUST (opened): echoes have a meaning only when LCP is open.
            _ if !self.is_open() => Err(LcpDiscard::NotOpen(code)),
            Code::ECHO_REQUEST => {
                let (magic, data) = self.split_magic(packet)?;
                if self.is_own_magic(magic)? {
                    return Ok(());
                }
                let room = self.room().saturating_sub(ControlPacket::HEADER_LEN + 4);
                let data = data.get(..room).unwrap_or(data);
                let answer = [&self.our_magic().to_be_bytes(), data].concat();
                self.stats.echo_requests += 1;
                self.endpoint
                    .answer_own(Code::ECHO_REPLY, packet.identifier(), &answer);
                Ok(())
            }
            Code::ECHO_REPLY => {
                let (magic, _) = self.split_magic(packet)?;
                if self.is_own_magic(magic)? {
                    return Ok(());
                }
                let identifier = packet.identifier();
                let asked = if self.echo == Some(identifier) {
                    &mut self.echo
                } else if self.sized_echo == Some(identifier) {
                    &mut self.sized_echo
                } else {
                    return Err(LcpDiscard::UnaskedEchoReply { identifier });
                };
                *asked = None;
                self.stats.echo_replies += 1;
                self.push_event(LcpEvent::EchoReply { identifier });
                Ok(())
            }
            Code::DISCARD_REQUEST => {
                let (magic, _) = self.split_magic(packet)?;
                let _ = self.is_own_magic(magic)?;
                // RFC 1661 §5.9 MUST: it is thrown away.
                self.stats.discard_requests += 1;
                Ok(())
            }
            Code::TIME_REMAINING => {
                let (_, data) = self.split_magic(packet)?;
                let Some((seconds, _)) = data.split_first_chunk::<4>() else {
                    return Err(LcpDiscard::Short(code));
                };
                let seconds = u32::from_be_bytes(*seconds);
                let left = (seconds != u32::MAX).then(|| Duration::from_secs(seconds.into()));
                self.push_event(LcpEvent::TimeRemaining(left));
                Ok(())
            }
            _ => Err(LcpDiscard::Short(code)),
        }
    }

    /// A Code-Reject that can be tolerated means that the code is used no longer.
    // RFC 1661 §5.6 SHOULD (stop): a rejected code is not sent again.
    fn note_code_reject(&mut self, information: &[u8]) {
        let Ok(packet) = ControlPacket::parse(information) else {
            return;
        };
        let rejected = packet.data().first().copied().map(Code);
        if packet.code() == Code::CODE_REJECT && rejected == Some(Code::ECHO_REQUEST) {
            self.echo_refused = true;
            self.echo = None;
            self.sized_echo = None;
        }
    }

    fn on_protocol_reject(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
    ) -> Result<(), LcpDiscard> {
        if !self.is_open() {
            return Err(LcpDiscard::NotOpen(packet.code()));
        }
        let Some((protocol, _)) = packet.data().split_first_chunk::<2>() else {
            return Err(LcpDiscard::Short(packet.code()));
        };
        let protocol = PppProtocol(u16::from_be_bytes(*protocol));
        self.stats.protocol_rejects += 1;
        if protocol == PppProtocol::LCP {
            self.endpoint.protocol_rejected(now, &mut *self.random);
        } else {
            self.push_event(LcpEvent::ProtocolRejected(protocol));
        }
        Ok(())
    }

    fn split_magic<'a>(&self, packet: &ControlPacket<'a>) -> Result<(u32, &'a [u8]), LcpDiscard> {
        match packet.data().split_first_chunk::<4>() {
            Some((magic, data)) => Ok((u32::from_be_bytes(*magic), data)),
            None => Err(LcpDiscard::Short(packet.code())),
        }
    }

    /// The magic number of a received packet is the peer's, or zero from a peer that has none. Our
    /// own means that the line is looped back, which is told, and the packet has no other effect.
    fn is_own_magic(&mut self, found: u32) -> Result<bool, LcpDiscard> {
        let (ours, expected) = (self.our_magic(), self.peers().magic);
        if found == expected || found == 0 {
            Ok(false)
        } else if found == ours {
            self.stats.own_magic += 1;
            self.tell_looped();
            Ok(true)
        } else {
            Err(LcpDiscard::Magic { found, expected })
        }
    }

    fn tell_looped(&mut self) {
        if !self.told_looped {
            self.told_looped = true;
            self.push_event(LcpEvent::LoopedBack);
        }
    }

    /// Passes on what the endpoint tells, and ends a negotiation that cannot come to what is
    /// configured.
    fn settle(&mut self, now: Instant) {
        let negotiates = matches!(
            self.state(),
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        );
        if negotiates && self.endpoint.negotiation().is_looped_back() {
            self.tell_looped();
            self.endpoint.close(now, &mut *self.random);
        }
        if negotiates && self.endpoint.negotiation().is_auth_refused() {
            if !self.told_refused {
                self.told_refused = true;
                self.push_event(LcpEvent::AuthenticationRefused);
            }
            self.endpoint.close(now, &mut *self.random);
        }
        while let Some(event) = self.endpoint.poll_event() {
            if event == LayerEvent::Up {
                let room = self.room();
                self.endpoint.set_peer_limit(room);
            }
            if event == LayerEvent::Down {
                self.echo = None;
                self.sized_echo = None;
                self.limit = None;
                self.echo_refused = false;
            }
            self.push_event(LcpEvent::Layer(event));
        }
    }

    fn push_event(&mut self, event: LcpEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for Lcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lcp")
            .field("endpoint", &self.endpoint)
            .field("echo", &self.echo)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
