//! The network phase: network control protocols.

use super::config::{LinkConfig, LinkConfigError};
use super::control::Pair;
use super::data::Vj;
use super::event::{CloseReason, LinkDiscard, LinkEvent};
use super::machine::Link;
use crate::automaton::{LayerEvent, State};
use crate::ncp::{Ipcp, IpcpConfig, IpcpNegotiation, Ipv6cp, Ipv6cpConfig, Ipv6cpNegotiation};
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// The network control protocols of a link.
#[derive(Debug)]
pub(super) struct Networks {
    pub(super) controls: Pair<Ipcp, Ipv6cp>,
    ipv4: Use,
    pub(super) vj: Vj,
    ipv6: Use,
}

/// How a network protocol is used.
#[derive(Debug, Clone, Copy)]
struct Use {
    /// Whether it opens with the network phase.
    wanted: bool,
    /// Whether it was told to be up.
    told: bool,
    /// Whether it was told to be given up, since it was last begun or up.
    given_up: bool,
}

impl Use {
    const DEFAULT: Self = Self {
        wanted: true,
        told: false,
        given_up: false,
    };
}

impl Networks {
    pub(super) fn new(
        config: &LinkConfig,
        random: &mut Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        let ipcp = match &config.ipcp {
            Some(ipcp) => {
                let negotiation = IpcpNegotiation::new(ipcp.clone());
                Some(Box::new(Ipcp::new(config.ncp, negotiation, fork(random))?))
            }
            None => None,
        };
        let ipv6cp = match &config.ipv6cp {
            Some(ipv6cp) => {
                let negotiation = Ipv6cpNegotiation::new(*ipv6cp);
                Some(Box::new(Ipv6cp::new(
                    config.ncp,
                    negotiation,
                    fork(random),
                )?))
            }
            None => None,
        };
        Ok(Self {
            controls: Pair {
                first: ipcp,
                second: ipv6cp,
            },
            ipv4: Use::DEFAULT,
            vj: Vj::default(),
            ipv6: Use::DEFAULT,
        })
    }

    const fn ipcp(&self) -> Option<&Ipcp> {
        match &self.controls.first {
            Some(ipcp) => Some(ipcp),
            None => None,
        }
    }

    const fn ipv6cp(&self) -> Option<&Ipv6cp> {
        match &self.controls.second {
            Some(ipv6cp) => Some(ipv6cp),
            None => None,
        }
    }

    pub(super) fn begin(&mut self, now: Instant, mru: usize) {
        self.ipv4.given_up = false;
        self.ipv6.given_up = false;
        if let Some(ipcp) = &mut self.controls.first {
            ipcp.set_peer_limit(mru);
            if self.ipv4.wanted {
                ipcp.open(now);
            }
            ipcp.lower_up(now);
        }
        if let Some(ipv6cp) = &mut self.controls.second {
            ipv6cp.set_peer_limit(mru);
            if self.ipv6.wanted {
                ipv6cp.open(now);
            }
            ipv6cp.lower_up(now);
        }
    }

    pub(super) fn is_open(&self, protocol: PppProtocol) -> bool {
        match protocol {
            PppProtocol::IPV4 => self
                .ipcp()
                .is_some_and(|ipcp| ipcp.is_open() && ipcp.negotiation().is_complete()),
            PppProtocol::IPV6 => self
                .ipv6cp()
                .is_some_and(|ipv6cp| ipv6cp.is_open() && ipv6cp.negotiation().is_complete()),
            _ => false,
        }
    }

    /// Whether none of them is open or can become it.
    fn are_all_finished(&self) -> bool {
        let finished =
            |state: State| matches!(state, State::Initial | State::Closed | State::Stopped);
        let ipcp = self.ipcp().map(Ipcp::state);
        let ipv6cp = self.ipv6cp().map(Ipv6cp::state);
        [ipcp, ipv6cp].into_iter().flatten().all(finished)
    }
}

impl Link {
    /// Whether packets of this network protocol, IPv4 or IPv6, can go.
    pub fn is_open(&self, protocol: PppProtocol) -> bool {
        self.networks.is_open(protocol)
    }

    /// IPCP, to look at; `None` where IPv4 is not configured.
    pub const fn ipcp(&self) -> Option<&Ipcp> {
        self.networks.ipcp()
    }

    /// IPV6CP, to look at; `None` where IPv6 is not configured.
    pub const fn ipv6cp(&self) -> Option<&Ipv6cp> {
        self.networks.ipv6cp()
    }

    /// Configures IPCP anew, for its next negotiation: the peer's address can depend on its name.
    /// False where IPv4 is not configured.
    pub fn set_ipcp_config(&mut self, config: IpcpConfig) -> bool {
        let Some(ipcp) = &mut self.networks.controls.first else {
            return false;
        };
        ipcp.negotiation_mut().set_config(config);
        true
    }

    /// The same for IPV6CP.
    pub fn set_ipv6cp_config(&mut self, config: Ipv6cpConfig) -> bool {
        let Some(ipv6cp) = &mut self.networks.controls.second else {
            return false;
        };
        *ipv6cp.negotiation_mut() = Ipv6cpNegotiation::new(config);
        true
    }

    /// Ends IPv4 alone; LCP and IPv6 stay.
    // RFC 1661 §3.6 MUST (ncp): each network control protocol is opened and closed for itself.
    pub fn close_ipv4(&mut self, now: Instant) {
        let now = self.advance(now);
        self.networks.ipv4.wanted = false;
        if let Some(ipcp) = &mut self.networks.controls.first {
            ipcp.close(now);
        }
        self.settle(now);
    }

    /// Opens IPv4 again.
    pub fn open_ipv4(&mut self, now: Instant) {
        let now = self.advance(now);
        self.networks.ipv4.wanted = true;
        self.networks.ipv4.given_up = false;
        if let Some(ipcp) = &mut self.networks.controls.first {
            ipcp.open(now);
        }
        self.settle(now);
    }

    /// Ends IPv6 alone; LCP and IPv4 stay.
    pub fn close_ipv6(&mut self, now: Instant) {
        let now = self.advance(now);
        self.networks.ipv6.wanted = false;
        if let Some(ipv6cp) = &mut self.networks.controls.second {
            ipv6cp.close(now);
        }
        self.settle(now);
    }

    /// Opens IPv6 again.
    pub fn open_ipv6(&mut self, now: Instant) {
        let now = self.advance(now);
        self.networks.ipv6.wanted = true;
        self.networks.ipv6.given_up = false;
        if let Some(ipv6cp) = &mut self.networks.controls.second {
            ipv6cp.open(now);
        }
        self.settle(now);
    }

    /// A packet of the network phase, as it was before it was compressed.
    pub(super) fn receive_plain(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let controls = &mut self.networks.controls;
        if let Some(result) = controls.handle_input(now, protocol, information) {
            result.map_err(|discard| LinkDiscard::Ncp(protocol, discard))?;
            self.advance(now);
            return Ok(None);
        }
        let has_vj = |ipcp: &Ipcp| ipcp.negotiation().config().vj.is_some();
        match protocol {
            _ if self.networks.controls.has_data(protocol) => {
                self.receive_data(now, protocol, information, data)
            }
            PppProtocol::VJ_COMPRESSED | PppProtocol::VJ_UNCOMPRESSED
                if self.ipcp().is_some_and(has_vj) =>
            {
                self.receive_vj(now, protocol, information, data)
            }
            _ => {
                // RFC 1661 §3.6 MUST (unsupported): packets of others are returned in a
                // Protocol-Reject.
                self.advance(now);
                self.reject_protocol(protocol, information);
                Ok(None)
            }
        }
    }

    /// Takes in what the network control protocols tell; false when they tell nothing more.
    pub(super) fn settle_networks(&mut self, now: Instant) -> bool {
        match self.networks.controls.poll_event() {
            Some((PppProtocol::IPCP, event)) => self.on_ipcp(now, event),
            Some((_, event)) => self.on_ipv6cp(now, event),
            None => return false,
        }
        true
    }

    fn on_ipcp(&mut self, now: Instant, event: LayerEvent) {
        let Some(ipcp) = &mut self.networks.controls.first else {
            return;
        };
        let values = *ipcp.negotiation().values();
        match event {
            LayerEvent::Up if ipcp.negotiation().is_complete() => {
                self.networks.ipv4.told = true;
                self.networks.ipv4.given_up = false;
                self.networks.vj = Vj::new(&values);
                self.push_event(LinkEvent::Ipv4Up(values));
            }
            // Without addresses there is no IPv4.
            LayerEvent::Up => ipcp.close(now),
            LayerEvent::Down => {
                self.networks.vj = Vj::default();
                if core::mem::take(&mut self.networks.ipv4.told) {
                    self.push_event(LinkEvent::Ipv4Down);
                }
            }
            LayerEvent::Finished => {
                self.network_finished(now, PppProtocol::IPV4);
            }
            LayerEvent::Started | LayerEvent::NotConverged => {}
        }
    }

    fn on_ipv6cp(&mut self, now: Instant, event: LayerEvent) {
        let Some(ipv6cp) = &mut self.networks.controls.second else {
            return;
        };
        let negotiation = ipv6cp.negotiation();
        match (event, negotiation.ours(), negotiation.peers()) {
            (LayerEvent::Up, Some(ours), Some(peers)) => {
                self.networks.ipv6.told = true;
                self.networks.ipv6.given_up = false;
                self.push_event(LinkEvent::Ipv6Up { ours, peers });
            }
            (LayerEvent::Up, ..) => ipv6cp.close(now),
            (LayerEvent::Down, ..) => {
                if core::mem::take(&mut self.networks.ipv6.told) {
                    self.push_event(LinkEvent::Ipv6Down);
                }
            }
            (LayerEvent::Finished, ..) => {
                self.network_finished(now, PppProtocol::IPV6);
            }
            (LayerEvent::Started | LayerEvent::NotConverged, ..) => {}
        }
    }

    /// A link without any network is of no use.
    fn network_finished(&mut self, now: Instant, protocol: PppProtocol) {
        if self.phase() != super::Phase::Network {
            return;
        }
        let network = if protocol == PppProtocol::IPV4 {
            &mut self.networks.ipv4
        } else {
            &mut self.networks.ipv6
        };
        if network.wanted && !core::mem::replace(&mut network.given_up, true) {
            self.push_event(LinkEvent::NetworkGivenUp(protocol));
        }
        if self.networks.are_all_finished() {
            self.end(now, CloseReason::NoNetworkProtocol);
        }
    }
}
