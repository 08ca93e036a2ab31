//! One end of a control protocol that agrees on what packets go through: CCP and ECP.

use super::{
    Discard, Endpoint, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Negotiation,
    Received, State,
};
use crate::wire::{Code, ControlPacket, PppProtocol};
use alloc::boxed::Box;
use core::fmt;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// What packets go through, out and in, as it was agreed on.
pub trait Transforms: Default {
    /// The options by which that is agreed on.
    type Negotiation: Negotiation;

    /// How often the peer has acknowledged a request of ours.
    fn acknowledged(negotiation: &Self::Negotiation) -> u32;

    /// Begins, or begins anew, what packets to the peer go through.
    fn begin_send(&mut self, endpoint: &mut Endpoint<Self::Negotiation>);

    /// Ends it.
    fn stop_send(&mut self, endpoint: &mut Endpoint<Self::Negotiation>);

    /// The peer begins anew behind the Reset-Ack that goes out.
    fn reset_send(&mut self);

    /// Begins what packets from the peer have gone through.
    fn begin_receive(&mut self, endpoint: &mut Endpoint<Self::Negotiation>);

    /// Ends it.
    fn stop_receive(&mut self, endpoint: &mut Endpoint<Self::Negotiation>);

    /// A packet with a code of the protocol's own has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    fn on_own(
        &mut self,
        endpoint: &mut Endpoint<Self::Negotiation>,
        packet: &ControlPacket<'_>,
    ) -> Result<(), Discard>;

    /// A timer of its own may have expired.
    fn handle_timeout(
        &mut self,
        _now: Instant,
        _endpoint: &mut Endpoint<Self::Negotiation>,
        _random: &mut dyn RandomSource,
    ) {
    }

    /// When that is; `None` for never.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The link has left its network phase.
    fn lower_down(&mut self) {}
}

/// One end of a control protocol, and what packets go through.
///
/// Packets are to be sent in the order in which [`poll_transmit`](Self::poll_transmit) and the
/// transforms give them: what they go through begins, and begins anew, between two packets.
pub struct TransformProtocol<T: Transforms> {
    pub(crate) endpoint: Endpoint<T::Negotiation>,
    pub(crate) random: Box<dyn RandomSource + Send>,
    pub(crate) transforms: T,
}

impl<T: Transforms> TransformProtocol<T> {
    /// An end whose lower layer is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`EndpointConfigError`], which names the field.
    pub fn new(
        config: EndpointConfig,
        negotiation: T::Negotiation,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, EndpointConfigError> {
        Ok(Self {
            endpoint: Endpoint::new(config, negotiation)?,
            random,
            transforms: T::default(),
        })
    }

    /// It may open.
    pub fn open(&mut self, now: Instant) {
        self.endpoint.open(now, &mut *self.random);
        self.follow();
    }

    /// It must not stay open.
    pub fn close(&mut self, now: Instant) {
        self.endpoint.close(now, &mut *self.random);
        self.follow();
    }

    /// The link is not in its network phase any more.
    pub fn lower_down(&mut self, now: Instant) {
        self.endpoint.lower_down(now, &mut *self.random);
        self.follow();
        self.transforms.lower_down();
    }

    /// The peer does not know the protocol.
    pub fn protocol_rejected(&mut self, now: Instant) {
        self.endpoint.protocol_rejected(now, &mut *self.random);
        self.follow();
    }

    /// Sets how many octets of information the peer takes (its MRU).
    pub const fn set_peer_limit(&mut self, octets: usize) {
        self.endpoint.set_peer_limit(octets);
    }

    /// The options.
    pub const fn negotiation(&self) -> &T::Negotiation {
        self.endpoint.negotiation()
    }

    /// The state of the automaton.
    pub const fn state(&self) -> State {
        self.endpoint.state()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.endpoint.is_open()
    }

    /// Counters of the negotiation.
    pub const fn endpoint_stats(&self) -> &EndpointStats {
        self.endpoint.stats()
    }

    /// A packet of the protocol has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        let acknowledged = T::acknowledged(self.negotiation());
        let received = self
            .endpoint
            .handle_input(now, information, &mut *self.random)?;
        if let Received::Own(packet) = received {
            return self.transforms.on_own(&mut self.endpoint, &packet);
        }
        if information.first().copied().map(Code) == Some(Code::CONFIGURE_REQUEST) {
            // The peer says anew what it takes: nothing goes through anything until it is told that
            // we have understood.
            self.transforms.stop_send(&mut self.endpoint);
        }
        if T::acknowledged(self.negotiation()) != acknowledged {
            // What the peer sends behind its acknowledgement goes through what was agreed on.
            self.transforms.stop_receive(&mut self.endpoint);
            self.transforms.begin_receive(&mut self.endpoint);
        }
        self.follow();
        Ok(())
    }

    /// The Restart timer may have expired, or another of the protocol's own.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut *self.random);
        self.transforms
            .handle_timeout(now, &mut self.endpoint, &mut *self.random);
        self.follow();
    }

    /// Writes the next packet in place of what `out` holds, and says which protocol's information
    /// it is: [`Negotiation::PROTOCOL`]. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let protocol = self.endpoint.poll_transmit(out)?;
        // Each of these is a border between packets before and packets behind it.
        match out.as_slice().first().copied().map(Code) {
            Some(Code::CONFIGURE_REQUEST) => self.transforms.stop_receive(&mut self.endpoint),
            Some(Code::CONFIGURE_ACK) => {
                self.transforms.stop_send(&mut self.endpoint);
                self.transforms.begin_send(&mut self.endpoint);
            }
            Some(Code::RESET_ACK) => self.transforms.reset_send(),
            _ => {}
        }
        Some(protocol)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = self.transforms.poll_timeout();
        [self.endpoint.poll_timeout(), own]
            .into_iter()
            .flatten()
            .min()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LayerEvent> {
        self.endpoint.poll_event()
    }

    /// What was agreed on ends with the negotiation.
    fn follow(&mut self) {
        let negotiates = matches!(
            self.state(),
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        );
        if !negotiates {
            self.transforms.stop_send(&mut self.endpoint);
            self.transforms.stop_receive(&mut self.endpoint);
        }
    }
}

impl<T: Transforms + fmt::Debug> fmt::Debug for TransformProtocol<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransformProtocol")
            .field("protocol", &T::Negotiation::PROTOCOL)
            .field("state", &self.state())
            .field("transforms", &self.transforms)
            .finish_non_exhaustive()
    }
}
