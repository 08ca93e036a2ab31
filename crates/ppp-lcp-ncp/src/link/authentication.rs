//! The authentication phase: who proves what to whom.

use super::event::{AuthRole, CloseReason, LinkDiscard, LinkEvent, LinkTransmit, Phase};
use super::machine::Link;
use crate::auth::{AuthEvent, AuthFailure, Authenticator, MsChapV2Keys, Secret, Supplicant};
use crate::lcp::AuthMethod;
use crate::wire::{Code, ControlPacket, PppProtocol, PppRepr};
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf};
use subtle::ConstantTimeGreater;

/// Whose proofs are still to be given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unproved {
    pub(super) peer: bool,
    pub(super) ours: bool,
}

impl Link {
    /// The secret that was asked for; `None` when there is none.
    pub fn provide_secret(&mut self, now: Instant, role: AuthRole, secret: Option<&Secret>) {
        let now = self.advance(now);
        match (role, &mut self.authenticator, &mut self.supplicant) {
            (AuthRole::Peer, Some(authenticator), _) => authenticator.provide_secret(now, secret),
            (AuthRole::Ours, _, Some(supplicant)) => supplicant.provide_secret(now, secret),
            _ => {}
        }
        self.settle(now);
    }

    /// Who authenticates whom was agreed on; both sides of CHAP and EAP share a protocol and are told
    /// apart by the code.
    pub(super) fn receive_authentication(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
    ) -> Result<(), LinkDiscard> {
        let own_challenge = self
            .authenticator
            .as_ref()
            .and_then(Authenticator::outstanding_challenge)
            .copied();
        let authenticator = self
            .authenticator
            .as_mut()
            .filter(|it| it.method().protocol() == protocol);
        let supplicant = self
            .supplicant
            .as_mut()
            .filter(|it| it.method().protocol() == protocol);
        let result = match (authenticator, supplicant) {
            (Some(authenticator), Some(supplicant)) => {
                if is_for_authenticator(protocol, information) {
                    authenticator.handle_input(now, information)
                } else {
                    supplicant.handle_input(now, information, own_challenge.as_ref())
                }
            }
            (Some(authenticator), None) => authenticator.handle_input(now, information),
            (None, Some(supplicant)) => {
                supplicant.handle_input(now, information, own_challenge.as_ref())
            }
            (None, None) => return Err(LinkDiscard::NotNegotiated(protocol)),
        };
        result?;
        self.advance(now);
        Ok(())
    }

    /// Whether the peer has begun the network phase while we wait for its verdict, which nobody
    /// repeats when it is lost.
    // RFC 3748 §4.2 MAY (indication): the network phase of the peer stands for the Success.
    pub(super) fn is_told_by(&self, protocol: PppProtocol, information: &[u8]) -> bool {
        let is_request = || {
            ControlPacket::parse(information)
                .is_ok_and(|packet| packet.code() == Code::CONFIGURE_REQUEST)
        };
        self.phase == Phase::Authenticate
            && self.unproved.ours
            && !self.unproved.peer
            && (self.networks.controls.has_control(protocol)
                || self.protection.controls.has_control(protocol))
            && self
                .supplicant
                .as_ref()
                .is_some_and(Supplicant::awaits_indication)
            && is_request()
    }

    pub(super) fn on_network_began(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) {
        let now = self.advance(now);
        if let Some(supplicant) = &mut self.supplicant {
            supplicant.network_phase_began(now);
        }
        self.settle(now);
        if self.phase == Phase::Network
            && let Err(discard) = self.receive_network(now, protocol, information, data)
        {
            // The packet told something all the same.
            self.stats.count(&discard);
        }
    }

    /// Keeps the keys of MS-CHAP-V2. Where both ends have proved themselves by it there are two sets, and
    /// both ends have to keep the same.
    fn take_keys(&mut self, keys: MsChapV2Keys) {
        let number = |keys: &MsChapV2Keys| {
            let first = keys.master_key().first_chunk();
            first.copied().map_or(0, u64::from_be_bytes)
        };
        let greater = |old: &MsChapV2Keys| bool::from(number(&keys).ct_gt(&number(old)));
        if self.phase != Phase::Network && self.keys.as_ref().is_none_or(greater) {
            self.keys = Some(keys);
        }
    }

    pub(super) fn poll_authentication(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let peers = self.authenticator.as_mut();
        peers
            .and_then(|authenticator| authenticator.poll_transmit(out))
            .or_else(|| self.supplicant.as_mut()?.poll_transmit(out))
    }

    pub(super) fn begin_authentication(&mut self, now: Instant) {
        let (peers, ours) = (self.lcp.ours().auth, self.lcp.peers().auth);
        if peers.is_none() && !self.config.lcp.require_auth.is_empty() {
            self.end(now, CloseReason::AuthenticationRefused);
            return;
        }
        self.reason = None;
        self.authenticator = peers.map(|method| self.new_authenticator(method));
        self.supplicant = ours.map(|method| self.new_supplicant(method));
        self.unproved = Unproved {
            peer: peers.is_some(),
            ours: ours.is_some(),
        };
        self.keys = None;
        self.lost_echoes = 0;
        self.begin_quality(now);
        self.timers.echo = self.config.echo_interval.map(|interval| now + interval);
        if peers.is_none() && ours.is_none() {
            self.authenticated(now);
            return;
        }
        self.enter(Phase::Authenticate);
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.start(now);
        }
        if let Some(supplicant) = &mut self.supplicant {
            supplicant.start(now);
        }
    }

    pub(super) fn new_authenticator(&mut self, method: AuthMethod) -> Authenticator {
        let config = self.config.authenticator.clone();
        Authenticator::new(method, config, fork(&mut self.random))
    }

    pub(super) fn new_supplicant(&mut self, method: AuthMethod) -> Supplicant {
        let config = self.config.supplicant.clone();
        Supplicant::new(method, config, fork(&mut self.random))
    }

    pub(super) fn poll_authentication_event(&mut self) -> Option<(AuthRole, AuthEvent)> {
        let peers = self.authenticator.as_mut();
        if let Some(event) = peers.and_then(Authenticator::poll_event) {
            return Some((AuthRole::Peer, event));
        }
        let ours = self.supplicant.as_mut()?;
        Some((AuthRole::Ours, ours.poll_event()?))
    }

    pub(super) fn on_authentication(&mut self, now: Instant, role: AuthRole, event: AuthEvent) {
        match event {
            AuthEvent::SecretWanted { name } => {
                self.push_event(LinkEvent::SecretWanted { role, name });
            }
            AuthEvent::Succeeded { name, keys } => {
                if let Some(keys) = keys {
                    self.take_keys(keys);
                }
                if role == AuthRole::Peer {
                    self.peer_name.clone_from(&name);
                }
                self.push_event(LinkEvent::Authenticated { role, name });
                let missing = match role {
                    AuthRole::Peer => &mut self.unproved.peer,
                    AuthRole::Ours => &mut self.unproved.ours,
                };
                // A proof that was given again while the link is up changes nothing.
                let was_missing = core::mem::take(missing);
                if was_missing && !self.unproved.peer && !self.unproved.ours {
                    self.authenticated(now);
                }
            }
            AuthEvent::Failed(failure) => self.end(now, failed(role, failure)),
        }
    }

    pub(super) fn authenticated(&mut self, now: Instant) {
        if self.config.hold_network {
            self.enter(Phase::Authenticate);
            self.held = true;
            self.push_event(LinkEvent::NetworkHeld);
        } else {
            self.begin_network(now);
        }
    }

    /// Keeps the verdict that the authenticator still has to send: the peer is to learn why.
    pub(super) fn part(&mut self) {
        let framing = self.framing();
        let Some(authenticator) = &mut self.authenticator else {
            return;
        };
        let mut packet = PacketBuf::new();
        while let Some(protocol) = authenticator.poll_transmit(&mut packet) {
            PppRepr::new(protocol).emit(&mut packet);
            let transmit = LinkTransmit { framing, protocol };
            self.parting
                .push_back((transmit, core::mem::take(&mut packet)));
        }
    }
}

fn failed(role: AuthRole, failure: AuthFailure) -> CloseReason {
    match role {
        AuthRole::Peer => CloseReason::PeerNotAuthenticated(failure),
        AuthRole::Ours => CloseReason::WeNotAuthenticated(failure),
    }
}

/// Whether a packet of a protocol that both sides speak is for the authenticator: requests and
/// responses come from the supplicant.
fn is_for_authenticator(protocol: PppProtocol, information: &[u8]) -> bool {
    let code = information.first().copied().unwrap_or_default();
    if protocol == PppProtocol::PAP {
        code == 1
    } else {
        code == 2
    }
}
