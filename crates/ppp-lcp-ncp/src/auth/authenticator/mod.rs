//! The side that wants a proof.

use super::event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
use super::exchange::{Exchange, SHORTEST};
use super::mschap::MsChapV2Response;
use super::secret::Secret;
use super::wire::{ChapPacket, EapPacket, EapType, value_and_name};
use crate::lcp::AuthMethod;
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};

mod packets;
mod verdict;

/// What an [`Authenticator`] is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorConfig {
    /// Our name, which CHAP and EAP send: at most 255 octets.
    pub name: Vec<u8>,
    /// The time until a challenge or request is sent again; for PAP, the time in which a request has to
    /// come is this times `max_transmits`. Default: 3 s.
    pub timeout: Duration,
    /// How often a challenge or request is sent until the peer is given up; at least 1. Default: 10.
    pub max_transmits: u32,
    /// Wrong proofs until authentication has failed; at least 1. Only PAP lets the peer try again
    /// (RFC 1994 §4.2 ends the link). Default: 3.
    pub max_failures: u32,
    /// How often a peer that was authenticated by CHAP has to prove itself again. Default: never.
    pub rechallenge: Option<Duration>,
}

impl Default for AuthenticatorConfig {
    fn default() -> Self {
        Self {
            name: Vec::new(),
            timeout: Duration::from_secs(3),
            max_transmits: 10,
            max_failures: 3,
            rechallenge: None,
        }
    }
}

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// EAP: the name was asked for.
    AskedName,
    /// A challenge, or with PAP nothing, was sent.
    Asked,
    /// The proof is right.
    Authenticated,
    /// It is not, for good.
    Failed,
}

/// What the peer sent.
enum Proof {
    Password(Secret),
    Md5([u8; 16]),
    MsChapV2(MsChapV2Response),
}

/// The side that wants a proof, by one method.
///
/// The secret of a name is asked for with [`AuthEvent::SecretWanted`]; until
/// [`provide_secret`](Self::provide_secret) answers, further packets are discarded. A name that is
/// not known and a wrong proof look the same to the peer.
pub struct Authenticator {
    exchange: Exchange<Proof>,
    config: AuthenticatorConfig,
    phase: Phase,
    challenge: [u8; 16],
    /// EAP: the name that the peer gave.
    claimed: Vec<u8>,
    failures: u32,
}

impl Authenticator {
    /// An authenticator that has not started. Counts of zero are taken as one, times below a
    /// millisecond as a millisecond, and a longer name is cut to 255 octets.
    pub fn new(
        method: AuthMethod,
        mut config: AuthenticatorConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Self {
        config.name.truncate(super::wire::MAX_NAME);
        config.max_failures = config.max_failures.max(1);
        config.rechallenge = config.rechallenge.map(|interval| interval.max(SHORTEST));
        Self {
            exchange: Exchange::new(method, config.timeout, config.max_transmits, random),
            config,
            phase: Phase::Idle,
            challenge: [0; 16],
            claimed: Vec::new(),
            failures: 0,
        }
    }

    /// The method.
    pub const fn method(&self) -> AuthMethod {
        self.exchange.method
    }

    /// Whether the peer has proved itself.
    pub fn is_authenticated(&self) -> bool {
        self.phase == Phase::Authenticated
    }

    /// The challenge that waits for an answer: a supplicant of the same link does not answer it.
    pub fn outstanding_challenge(&self) -> Option<&[u8; 16]> {
        let challenges = self.method() != AuthMethod::Pap
            && matches!(self.phase, Phase::Asked | Phase::Authenticated);
        challenges.then_some(&self.challenge)
    }

    /// Counters.
    pub const fn stats(&self) -> &AuthStats {
        &self.exchange.stats
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        self.exchange.begin(now);
        self.failures = 0;
        match self.method() {
            AuthMethod::Pap => {
                self.phase = Phase::Asked;
                self.exchange.wait();
            }
            AuthMethod::ChapMd5 | AuthMethod::MsChapV2 => self.send_challenge(),
            AuthMethod::Eap => {
                self.phase = Phase::AskedName;
                let request = EapPacket::Request {
                    identifier: self.exchange.next_identifier(),
                    kind: EapType::IDENTITY,
                    data: &[],
                };
                self.exchange.request(request.to_octets());
            }
        }
    }

    /// A packet of the method's protocol has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
        let before = self.exchange.latest;
        self.exchange.advance(now);
        let result = match self.method() {
            AuthMethod::Pap => self.on_pap(information),
            AuthMethod::ChapMd5 | AuthMethod::MsChapV2 => self.on_chap(information),
            AuthMethod::Eap => self.on_eap(information),
        };
        self.exchange.received(before, result)
    }

    /// The secret of the name that was asked for; `None` when the name is not known.
    pub fn provide_secret(&mut self, now: Instant, secret: Option<&Secret>) {
        self.exchange.advance(now);
        let Some(pending) = self.exchange.take_pending() else {
            return;
        };
        match secret.filter(|secret| self.verify(&pending, secret)) {
            Some(secret) => self.accept(pending, secret),
            None => self.refuse(&pending),
        }
    }

    /// A timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.exchange.take_due(now) {
            return;
        }
        match self.phase {
            Phase::Authenticated => self.send_challenge(),
            Phase::Asked | Phase::AskedName => {
                let repeats = self.method() != AuthMethod::Pap;
                if !repeats || !self.exchange.request_again() {
                    self.fail(AuthFailure::NoAnswer);
                }
            }
            Phase::Idle | Phase::Failed => {}
        }
    }

    /// Writes the next packet in place of what `out` holds, and says which protocol's information
    /// it is: that of the [`method`](Self::method). `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        self.exchange.poll_transmit(out)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.exchange.deadline
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.exchange.poll_event()
    }

    // RFC 1994 §2.3 MUST (unique): each challenge is new, and cannot be guessed.
    fn send_challenge(&mut self) {
        self.phase = Phase::Asked;
        self.exchange.forget_answer();
        self.exchange.random.fill(&mut self.challenge);
        let identifier = self.exchange.next_identifier();
        let request = if self.method() == AuthMethod::Eap {
            EapPacket::Request {
                identifier,
                kind: EapType::MD5_CHALLENGE,
                data: &value_and_name(&self.challenge, &self.config.name),
            }
            .to_octets()
        } else {
            ChapPacket::Challenge {
                identifier,
                value: &self.challenge,
                name: &self.config.name,
            }
            .to_octets()
        };
        self.exchange.request(request);
    }

    fn fail(&mut self, failure: AuthFailure) {
        self.phase = Phase::Failed;
        self.exchange.fail(failure);
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("method", &self.exchange.method)
            .field("phase", &self.phase)
            .field("stats", &self.exchange.stats)
            .finish_non_exhaustive()
    }
}

/// Upper-case hexadecimal digits.
pub(super) fn hexadecimal(octets: &[u8]) -> alloc::string::String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
