//! The machine.

use super::authentication::Unproved;
use super::config::{LinkConfig, LinkConfigError};
use super::demand::{Demand, Queue};
use super::event::{CloseReason, LinkDiscard, LinkEvent, LinkStats, LinkTransmit, Phase};
use super::network::Networks;
use super::path::Path;
use super::protection::Protection;
use super::timers::Timers;
use crate::auth::{Authenticator, MsChapV2Keys, Supplicant};
use crate::automaton::{LayerEvent, State};
use crate::framing::FramingParameters;
use crate::lcp::{Lcp, LcpEvent, LcpValues};
use crate::lqr::LqrMonitor;
use crate::wire::{PppPacket, PppProtocol, PppRepr};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 64;

/// One end of a PPP link, from the line's coming up to its end.
///
/// PPP packets go in by [`handle_input`](Self::handle_input) and come out of
/// [`poll_transmit`](Self::poll_transmit). Network packets are put into PPP ones by
/// [`encapsulate`](Self::encapsulate).
///
/// Until the peer has proved who it is, a link takes 8 KiB at most, itself included, whatever the peer
/// sends in packets of up to 1500 octets; 64 KiB when nobody fetches what it has to send and to tell.
///
/// ```
/// use ppp_lcp_ncp::link::{Link, LinkConfig, LinkEvent};
/// use ppp_lcp_ncp::ncp::IpcpConfig;
/// use ppp_lcp_ncp::wire::PppProtocol;
/// use ppp_lcp_ncp::{Instant, PacketBuf};
/// use packet_buffer::random::OsRandom;
///
/// let now = Instant::ZERO;
/// let mut ends = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|address| {
///     let ipcp = IpcpConfig { address: Some(address.into()), ..IpcpConfig::default() };
///     let config = LinkConfig { ipcp: Some(ipcp), ..LinkConfig::default() };
///     let mut link = Link::new(config, Box::new(OsRandom)).unwrap();
///     link.open(now);
///     link.lower_up(now);
///     link
/// });
/// let (mut packet, mut data) = (PacketBuf::new(), PacketBuf::new());
/// while !ends.iter().all(|end| end.is_open(PppProtocol::IPV4)) {
///     let [a, b] = &mut ends;
///     if a.poll_transmit(&mut packet).is_some() {
///         b.handle_input(now, packet.as_slice(), &mut data)?;
///     }
///     ends.swap(0, 1);
/// }
/// // A datagram goes through.
/// let [a, b] = &mut ends;
/// let mut datagram = PacketBuf::from(&b"E..."[..]);
/// a.encapsulate(now, PppProtocol::IPV4, &mut datagram)?;
/// let received = b.handle_input(now, datagram.as_slice(), &mut data)?;
/// assert_eq!((received, data.as_slice()), (Some(PppProtocol::IPV4), &b"E..."[..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Link {
    pub(super) config: LinkConfig,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) lcp: Lcp,
    pub(super) authenticator: Option<Authenticator>,
    pub(super) supplicant: Option<Supplicant>,
    /// Proofs that are still to be given.
    pub(super) unproved: Unproved,
    pub(super) networks: Networks,
    pub(super) protection: Protection,
    pub(super) phase: Phase,
    pub(super) is_lower_layer_up: bool,
    /// The network phase waits for the caller.
    pub(super) held: bool,
    /// It carries a bundle's packets.
    pub(super) in_bundle: bool,
    /// By which the peer has authenticated itself.
    pub(super) peer_name: Vec<u8>,
    pub(super) keys: Option<MsChapV2Keys>,
    /// Echo-Requests in a row without an answer.
    pub(super) lost_echoes: u32,
    pub(super) timers: Timers,
    pub(super) path: Path,
    pub(super) quality: Option<LqrMonitor>,
    /// Network packets that wait to be sent.
    pub(super) queue: Queue,
    pub(super) demand: Demand,
    /// Answers of authentication that go out although LCP closes behind them.
    pub(super) parting: VecDeque<(LinkTransmit, PacketBuf)>,
    /// Why LCP is being closed.
    pub(super) reason: Option<CloseReason>,
    events: VecDeque<LinkEvent>,
    pub(super) latest: Instant,
    pub(super) stats: LinkStats,
}

impl Link {
    /// A link whose line is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`LinkConfigError`], which names the part and the field.
    pub fn new(
        config: LinkConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        config.check()?;
        let lcp = Lcp::new(config.lcp.clone(), fork(&mut random))?;
        let networks = Networks::new(&config, &mut random)?;
        let protection = Protection::new(&config, &mut random)?;
        Ok(Self {
            lcp,
            networks,
            protection,
            config,
            random,
            authenticator: None,
            supplicant: None,
            unproved: Unproved::default(),
            phase: Phase::Dead,
            is_lower_layer_up: false,
            held: false,
            in_bundle: false,
            peer_name: Vec::new(),
            keys: None,
            lost_echoes: 0,
            timers: Timers::default(),
            path: Path::default(),
            quality: None,
            queue: Queue::default(),
            demand: Demand::default(),
            parting: VecDeque::new(),
            reason: None,
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: LinkStats::default(),
        })
    }

    /// The link may open, as soon as the line is up. After [`LinkEvent::Closed`] the line has to go
    /// down and come up again, or the peer has to begin. With [`LinkConfig::on_demand`] it waits for
    /// something to send, now and after each [`LinkEvent::Closed`].
    pub fn open(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.config.on_demand {
            self.arm();
        } else {
            self.lcp.open(now);
        }
        self.settle(now);
    }

    /// The link ends.
    pub fn close(&mut self, now: Instant) {
        let now = self.advance(now);
        self.disarm();
        self.end(now, CloseReason::Closed);
        self.settle(now);
    }

    /// The line carries packets now.
    pub fn lower_up(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.is_lower_layer_up {
            return;
        }
        self.is_lower_layer_up = true;
        self.lcp.lower_up(now);
        self.settle(now);
    }

    /// The line is gone.
    pub fn lower_down(&mut self, now: Instant) {
        let now = self.advance(now);
        if !self.is_lower_layer_up {
            return;
        }
        self.is_lower_layer_up = false;
        self.parting.clear();
        self.reason.get_or_insert(CloseReason::LowerLayerDown);
        self.lcp.lower_down(now);
        self.settle(now);
        // LCP waits for the line to come back, and tells nothing: the link has ended all the same.
        self.finish();
    }

    /// Begins the network phase, when [`LinkConfig::hold_network`] made it wait.
    pub fn start_network(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.held {
            self.held = false;
            self.begin_network(now);
            self.settle(now);
        }
    }

    /// The phase.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// LCP, to look at.
    pub const fn lcp(&self) -> &Lcp {
        &self.lcp
    }

    /// What MS-CHAP-V2 gave for MPPE, when the link was authenticated by it.
    pub const fn keys(&self) -> Option<&MsChapV2Keys> {
        self.keys.as_ref()
    }

    /// Counters.
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// What was configured.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// How network packets to the peer are to be framed now.
    pub fn framing(&self) -> FramingParameters {
        self.framing_of(self.lcp.peers())
    }

    /// How the peer frames the packets that it sends to us now.
    pub fn receive_framing(&self) -> FramingParameters {
        self.framing_of(self.lcp.ours())
    }

    fn framing_of(&self, values: &LcpValues) -> FramingParameters {
        if !self.lcp.is_open() {
            return FramingParameters::DEFAULT;
        }
        FramingParameters {
            accm: values.accm,
            protocol_field_compression: values.protocol_field_compression,
            address_and_control_field_compression: values.address_and_control_field_compression,
            fcs: values.fcs,
        }
    }

    /// A PPP packet has arrived, with Address and Control fields or without. A network packet is
    /// written to `data`, in place of what it holds, and its protocol returned; `None` means that
    /// the packet was the link's own.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed. `data` may have.
    pub fn handle_input(
        &mut self,
        now: Instant,
        packet: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        self.stats.received += 1;
        self.count_received(packet.len());
        let result = self.receive(now, packet, data);
        match &result {
            Ok(_) => {
                let now = self.latest;
                self.settle(now);
            }
            Err(discard) => self.stats.count(discard),
        }
        result
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.lcp.handle_timeout(now);
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.handle_timeout(now);
        }
        if let Some(supplicant) = &mut self.supplicant {
            supplicant.handle_timeout(now);
        }
        self.networks.controls.handle_timeout(now);
        self.quality_timeout(now);
        self.protection.controls.handle_timeout(now);
        if Timers::take_due(&mut self.timers.session, now) {
            self.end(now, CloseReason::SessionTimeout);
        }
        if Timers::take_due(&mut self.timers.idle, now) {
            self.end(now, CloseReason::IdleTimeout);
        }
        if Timers::take_due(&mut self.timers.echo, now) {
            self.send_echo(now);
        }
        self.path_timeout(now);
        self.settle(now);
    }

    /// Writes the next packet, protocol and information, in place of what `out` holds. `None` when there
    /// is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<LinkTransmit> {
        let transmit = self.poll_control(out);
        if let Some(transmit) = &transmit {
            self.count_sent(out.len(), &transmit.framing);
            return Some(*transmit);
        }
        self.poll_quality(out).or_else(|| self.poll_queue(out))
    }

    /// The next packet of LCP, authentication and the network control protocols.
    fn poll_control(&mut self, out: &mut PacketBuf) -> Option<LinkTransmit> {
        if let Some((transmit, packet)) = self.parting.pop_front() {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            out.append_slice(packet.as_slice());
            return Some(transmit);
        }
        if let Some(protocol) = self.lcp.poll_transmit(out) {
            // RFC 1662 §7.1 MUST (lcp-accm): LCP packets are escaped as if nothing had been
            // negotiated; RFC 1661 §6.5 and §6.6 leave them uncompressed too.
            PppRepr::new(protocol).emit(out);
            return Some(LinkTransmit {
                framing: FramingParameters::DEFAULT,
                protocol,
            });
        }
        let protocol = self.poll_authentication(out).or_else(|| {
            // The network phase has not begun, or has ended, while its packets still wait.
            self.protection
                .controls
                .poll_transmit(out)
                .or_else(|| self.networks.controls.poll_transmit(out))
        })?;
        let protocol = self.protection.encrypt(protocol, out);
        PppRepr::new(protocol).emit(out);
        Some(LinkTransmit {
            framing: self.framing(),
            protocol,
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let authenticator = self.authenticator.as_ref();
        let supplicant = self.supplicant.as_ref();
        [
            self.lcp.poll_timeout(),
            authenticator.and_then(Authenticator::poll_timeout),
            supplicant.and_then(Supplicant::poll_timeout),
            self.networks.controls.poll_timeout(),
            self.protection.controls.poll_timeout(),
            self.timers.next(),
            self.path.poll_timeout(),
            self.quality.as_ref().and_then(LqrMonitor::poll_timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    fn receive(
        &mut self,
        now: Instant,
        packet: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let packet = PppPacket::parse(packet)?;
        let (protocol, information) = (packet.protocol(), packet.information());
        if !self.is_lower_layer_up {
            return Err(LinkDiscard::LowerLayerDown);
        }
        // The parts see only their own packets: a clock that runs backwards is found out here.
        let now = self.latest.max(now);
        match protocol {
            PppProtocol::LCP => {
                self.lcp.handle_input(now, information)?;
                self.advance(now);
                Ok(None)
            }
            // RFC 1661 §3.4 MUST (establish): other packets are discarded before LCP is open.
            _ if !self.lcp.is_open() => Err(LinkDiscard::Phase(protocol, self.phase)),
            PppProtocol::LQR if self.quality.is_some() => {
                self.receive_quality(now, information)?;
                Ok(None)
            }
            PppProtocol::PAP | PppProtocol::CHAP | PppProtocol::EAP => {
                self.receive_authentication(now, protocol, information)?;
                Ok(None)
            }
            _ if self.is_told_by(protocol, information) => {
                self.on_network_began(now, protocol, information, data);
                Ok(None)
            }
            // RFC 1661 §3.5 MUST (authenticate): packets of the network phase are discarded before it.
            _ if self.phase != Phase::Network => Err(LinkDiscard::Phase(protocol, self.phase)),
            _ => self.receive_network(now, protocol, information, data),
        }
    }

    pub(crate) fn reject_protocol(&mut self, protocol: PppProtocol, information: &[u8]) {
        self.stats.unknown_protocol += 1;
        // LCP speaks in clear: what may have come encrypted is not quoted.
        let quoted = if self.protection.is_encrypting() {
            &[]
        } else {
            information
        };
        self.lcp.reject_protocol(protocol, quoted);
    }

    /// Takes in what the parts tell, until none tells anything more.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.lcp.poll_event() {
                self.on_lcp(now, event);
            } else if let Some((role, event)) = self.poll_authentication_event() {
                self.on_authentication(now, role, event);
            } else if !self.settle_quality(now)
                && !self.settle_protection(now)
                && !self.settle_networks(now)
            {
                break;
            }
        }
        // RFC 1661 §3.3 MUST (dead): the link leaves the dead phase when the line is up and LCP
        // negotiates.
        if self.phase == Phase::Dead && self.is_lower_layer_up && negotiates(self.lcp.state()) {
            self.reason = None;
            self.enter(Phase::Establish);
        }
    }

    fn on_lcp(&mut self, now: Instant, event: LcpEvent) {
        match event {
            LcpEvent::Layer(LayerEvent::Up) => self.begin_authentication(now),
            LcpEvent::Layer(LayerEvent::Down) => {
                self.leave_network(now);
                if negotiates(self.lcp.state()) {
                    self.enter(Phase::Establish);
                } else {
                    // Where the reason is not ours, it is the peer's.
                    self.reason.get_or_insert(CloseReason::PeerTerminated);
                    self.enter(Phase::Terminate);
                }
            }
            LcpEvent::Layer(LayerEvent::Finished) if self.phase == Phase::Dead => {}
            LcpEvent::Layer(LayerEvent::Finished) => {
                self.reason.get_or_insert(CloseReason::NoAnswer);
                self.finish();
            }
            LcpEvent::Layer(LayerEvent::NotConverged) => {
                self.reason.get_or_insert(CloseReason::NotConverged);
            }
            LcpEvent::Layer(LayerEvent::Started) => {}
            LcpEvent::LoopedBack => self.end(now, CloseReason::LoopedBack),
            LcpEvent::AuthenticationRefused => self.end(now, CloseReason::AuthenticationRefused),
            LcpEvent::ProtocolRejected(protocol) => {
                self.networks.controls.protocol_rejected(now, protocol);
                self.protection.controls.protocol_rejected(now, protocol);
                self.push_event(LinkEvent::ProtocolRejected(protocol));
            }
            LcpEvent::EchoReply { identifier } => {
                self.lost_echoes = 0;
                self.path_echoed(identifier);
            }
            LcpEvent::Identification(text) => {
                self.push_event(LinkEvent::PeerIdentification(text));
            }
            LcpEvent::TimeRemaining(left) => self.push_event(LinkEvent::TimeRemaining(left)),
        }
    }

    pub(super) fn begin_network(&mut self, now: Instant) {
        self.enter(Phase::Network);
        self.timers.idle = self.config.idle_timeout.map(|timeout| now + timeout);
        self.timers.session = self.config.session_timeout.map(|timeout| now + timeout);
        self.begin_protection(now);
        self.begin_path_test(now);
    }

    fn leave_network(&mut self, now: Instant) {
        self.held = false;
        self.in_bundle = false;
        self.peer_name.clear();
        self.timers = Timers::default();
        self.path = Path::default();
        self.networks.controls.lower_down(now);
        self.protection.end(now);
        self.quality = None;
        self.authenticator = None;
        self.supplicant = None;
        self.unproved = Unproved::default();
        self.keys = None;
    }

    // RFC 2516 §7 SHOULD (echo): a peer that has gone without a word is found out.
    fn send_echo(&mut self, now: Instant) {
        if self.lost_echoes >= self.config.echo_failures {
            self.end(now, CloseReason::EchoLost);
            return;
        }
        if self.lcp.send_echo_request().is_some() {
            self.stats.echo_requests += 1;
            self.lost_echoes += 1;
        } else {
            self.lost_echoes = 0;
        }
        self.timers.echo = self.config.echo_interval.map(|interval| now + interval);
    }

    /// Closes LCP, for the first reason that there is.
    pub(super) fn end(&mut self, now: Instant, reason: CloseReason) {
        if self.phase == Phase::Dead {
            // Nothing to end, but nothing is to open either.
            self.lcp.close(now);
            return;
        }
        self.reason.get_or_insert(reason);
        self.enter(Phase::Terminate);
        self.part();
        self.lcp.close(now);
    }

    fn finish(&mut self) {
        if self.phase == Phase::Dead {
            return;
        }
        self.enter(Phase::Dead);
        let reason = self.reason.take().unwrap_or(CloseReason::Closed);
        self.rearm(&reason);
        self.push_event(LinkEvent::Closed(reason));
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.push_event(LinkEvent::Phase(phase));
        }
    }

    pub(super) fn push_event(&mut self, event: LinkEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }

    /// The latest time seen, which a clock that runs backwards does not change.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}

/// Whether LCP talks about its options.
const fn negotiates(state: State) -> bool {
    matches!(
        state,
        State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
    )
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("phase", &self.phase)
            .field("lcp", &self.lcp.state())
            .field("networks", &self.networks)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
