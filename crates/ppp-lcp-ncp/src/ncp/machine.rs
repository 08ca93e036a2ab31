//! One end of a network control protocol.

use super::ipcp::IpcpNegotiation;
use super::ipv6cp::Ipv6cpNegotiation;
use crate::automaton::{
    Discard, Endpoint, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Negotiation,
    State,
};
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use core::fmt;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// One end of IPCP: the addresses of an IPv4 link.
pub type Ipcp = Ncp<IpcpNegotiation>;

/// One end of IPV6CP: the interface identifiers of an IPv6 link.
pub type Ipv6cp = Ncp<Ipv6cpNegotiation>;

/// One end of a network control protocol. Packets are the information field of PPP packets of
/// [`Negotiation::PROTOCOL`].
///
/// ```
/// use ppp_lcp_ncp::ncp::{Ipcp, IpcpConfig, IpcpNegotiation};
/// use ppp_lcp_ncp::{Instant, PacketBuf};
/// use packet_buffer::random::OsRandom;
///
/// // The provider gives addresses and DNS servers; the customer asks for both.
/// let provider = IpcpConfig {
///     address: Some([192, 0, 2, 1].into()),
///     peer_address: Some([192, 0, 2, 99].into()),
///     give_dns: [Some([192, 0, 2, 53].into()), None],
///     ..IpcpConfig::default()
/// };
/// let customer = IpcpConfig { request_dns: true, ..IpcpConfig::default() };
/// let mut ends = [provider, customer].map(|config| {
///     let negotiation = IpcpNegotiation::new(config);
///     Ipcp::new(Default::default(), negotiation, Box::new(OsRandom)).unwrap()
/// });
/// let now = Instant::ZERO;
/// for end in &mut ends {
///     end.open(now);
///     end.lower_up(now);
/// }
/// let mut packet = PacketBuf::new();
/// while !ends.iter().all(Ipcp::is_open) {
///     let [a, b] = &mut ends;
///     if a.poll_transmit(&mut packet).is_some() {
///         b.handle_input(now, packet.as_slice())?;
///     }
///     ends.swap(0, 1);
/// }
/// let customer = ends.iter().find(|end| end.negotiation().config().request_dns);
/// let values = customer.map(|end| end.negotiation().values()).unwrap();
/// assert_eq!(values.our_address, Some([192, 0, 2, 99].into()));
/// assert_eq!(values.dns, [Some([192, 0, 2, 53].into()), None]);
/// # Ok::<(), ppp_lcp_ncp::automaton::Discard>(())
/// ```
pub struct Ncp<N> {
    endpoint: Endpoint<N>,
    random: Box<dyn RandomSource + Send>,
}

impl<N: Negotiation> Ncp<N> {
    /// An end whose lower layer is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`EndpointConfigError`], which names the field.
    pub fn new(
        config: EndpointConfig,
        negotiation: N,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, EndpointConfigError> {
        let endpoint = Endpoint::new(config, negotiation)?;
        Ok(Self { endpoint, random })
    }

    /// It may open.
    pub fn open(&mut self, now: Instant) {
        self.endpoint.open(now, &mut *self.random);
    }

    /// It must not stay open.
    pub fn close(&mut self, now: Instant) {
        self.endpoint.close(now, &mut *self.random);
    }

    /// The link is in its network phase.
    pub fn lower_up(&mut self, now: Instant) {
        self.endpoint.lower_up(now, &mut *self.random);
    }

    /// The link is not any more.
    pub fn lower_down(&mut self, now: Instant) {
        self.endpoint.lower_down(now, &mut *self.random);
    }

    /// The peer does not know the protocol.
    pub fn protocol_rejected(&mut self, now: Instant) {
        self.endpoint.protocol_rejected(now, &mut *self.random);
    }

    /// Sets how many octets of information the peer takes (its MRU).
    pub const fn set_peer_limit(&mut self, octets: usize) {
        self.endpoint.set_peer_limit(octets);
    }

    /// The options.
    pub const fn negotiation(&self) -> &N {
        self.endpoint.negotiation()
    }

    /// The options, to change what is asked for in the next negotiation.
    pub const fn negotiation_mut(&mut self) -> &mut N {
        self.endpoint.negotiation_mut()
    }

    /// The state of the automaton.
    pub const fn state(&self) -> State {
        self.endpoint.state()
    }

    /// Whether it is open: packets of the network layer pass.
    pub fn is_open(&self) -> bool {
        self.endpoint.is_open()
    }

    /// Counters.
    pub const fn stats(&self) -> &EndpointStats {
        self.endpoint.stats()
    }

    /// A packet has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        // These protocols have no codes of their own.
        self.endpoint
            .handle_input(now, information, &mut *self.random)
            .map(|_| ())
    }

    /// The Restart timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut *self.random);
    }

    /// Writes the next packet in place of what `out` holds, and says which protocol's information
    /// it is: [`Negotiation::PROTOCOL`]. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        self.endpoint.poll_transmit(out)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LayerEvent> {
        self.endpoint.poll_event()
    }
}

impl<N: fmt::Debug> fmt::Debug for Ncp<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ncp")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
