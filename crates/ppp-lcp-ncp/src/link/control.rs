//! What a link does alike with all of its control protocols behind LCP.

use crate::automaton::{Discard, LayerEvent, Negotiation, TransformProtocol, Transforms};
use crate::ncp::Ncp;
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use packet_buffer::{Instant, PacketBuf};

/// A control protocol of the network phase.
pub(super) trait Control {
    /// Its own packets.
    const PROTOCOL: PppProtocol;

    /// The packets that it is about.
    const DATA: PppProtocol = PppProtocol(Self::PROTOCOL.0 & 0x7fff);

    fn set_peer_limit(&mut self, octets: usize);
    fn lower_down(&mut self, now: Instant);
    fn protocol_rejected(&mut self, now: Instant);
    fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard>;
    fn handle_timeout(&mut self, now: Instant);
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_event(&mut self) -> Option<LayerEvent>;
}

/// Each method is the machine's own.
macro_rules! control {
    ($([$($generics:tt)*] $machine:ty, $negotiation:ty;)*) => {$(
        impl<$($generics)*> Control for $machine {
            const PROTOCOL: PppProtocol = <$negotiation as Negotiation>::PROTOCOL;

            fn set_peer_limit(&mut self, octets: usize) {
                self.set_peer_limit(octets);
            }

            fn lower_down(&mut self, now: Instant) {
                self.lower_down(now);
            }

            fn protocol_rejected(&mut self, now: Instant) {
                self.protocol_rejected(now);
            }

            fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
                self.handle_input(now, information)
            }

            fn handle_timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }

            fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
                self.poll_transmit(out)
            }

            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }

            fn poll_event(&mut self) -> Option<LayerEvent> {
                self.poll_event()
            }
        }
    )*};
}

control! {
    [N: Negotiation] Ncp<N>, N;
    [T: Transforms] TransformProtocol<T>, T::Negotiation;
}

/// Two of them, each of which may be missing. The first has its turn first.
#[derive(Debug)]
pub(super) struct Pair<A, B> {
    pub(super) first: Option<Box<A>>,
    pub(super) second: Option<Box<B>>,
}

impl<A: Control, B: Control> Pair<A, B> {
    /// Whether the protocol is the control protocol of one that is there.
    pub(super) fn has_control(&self, protocol: PppProtocol) -> bool {
        protocol == A::PROTOCOL && self.first.is_some()
            || protocol == B::PROTOCOL && self.second.is_some()
    }

    /// Whether the protocol is that of the packets of one that is there.
    pub(super) fn has_data(&self, protocol: PppProtocol) -> bool {
        protocol == A::DATA && self.first.is_some() || protocol == B::DATA && self.second.is_some()
    }

    /// Sets how many octets of information reach the peer.
    pub(super) fn set_peer_limit(&mut self, octets: usize) {
        if let Some(first) = &mut self.first {
            first.set_peer_limit(octets);
        }
        if let Some(second) = &mut self.second {
            second.set_peer_limit(octets);
        }
    }

    pub(super) fn lower_down(&mut self, now: Instant) {
        if let Some(first) = &mut self.first {
            first.lower_down(now);
        }
        if let Some(second) = &mut self.second {
            second.lower_down(now);
        }
    }

    /// The peer does not know a protocol, or that of its packets.
    pub(super) fn protocol_rejected(&mut self, now: Instant, protocol: PppProtocol) {
        let is = |control, data| protocol == control || protocol == data;
        if let Some(first) = &mut self.first
            && is(A::PROTOCOL, A::DATA)
        {
            first.protocol_rejected(now);
        }
        if let Some(second) = &mut self.second
            && is(B::PROTOCOL, B::DATA)
        {
            second.protocol_rejected(now);
        }
    }

    /// Takes a packet of a control protocol; `None` when it is of another.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
    ) -> Option<Result<(), Discard>> {
        match (protocol, &mut self.first, &mut self.second) {
            (protocol, Some(first), _) if protocol == A::PROTOCOL => {
                Some(first.handle_input(now, information))
            }
            (protocol, _, Some(second)) if protocol == B::PROTOCOL => {
                Some(second.handle_input(now, information))
            }
            _ => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(first) = &mut self.first {
            first.handle_timeout(now);
        }
        if let Some(second) = &mut self.second {
            second.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let first = self.first.as_deref().and_then(A::poll_timeout);
        let second = self.second.as_deref().and_then(B::poll_timeout);
        [first, second].into_iter().flatten().min()
    }

    /// Writes the next packet in place of what `out` holds, and says what it is.
    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let first = self.first.as_deref_mut();
        first
            .and_then(|first| first.poll_transmit(out))
            .or_else(|| self.second.as_deref_mut()?.poll_transmit(out))
    }

    /// What one of them tells.
    pub(super) fn poll_event(&mut self) -> Option<(PppProtocol, LayerEvent)> {
        let first = self.first.as_deref_mut().and_then(A::poll_event);
        match first {
            Some(event) => Some((A::PROTOCOL, event)),
            None => {
                let event = self.second.as_deref_mut()?.poll_event()?;
                Some((B::PROTOCOL, event))
            }
        }
    }
}
