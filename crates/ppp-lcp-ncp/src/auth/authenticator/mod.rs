//! The side that wants a proof.

use super::event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
use super::mschap::MsChapV2Response;
use super::secret::Secret;
use super::wire::{ChapPacket, EapPacket, EapType, value_and_name};
use crate::lcp::AuthMethod;
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};

mod packets;
mod verdict;

/// Packets that may wait to be sent.
const MAX_OUTBOX: usize = 8;

/// The shortest time that a timer runs.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

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

/// What the peer sent, until the secret comes.
struct Pending {
    identifier: u8,
    name: Vec<u8>,
    proof: Proof,
}

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
    method: AuthMethod,
    config: AuthenticatorConfig,
    random: Box<dyn RandomSource + Send>,
    phase: Phase,
    identifier: u8,
    challenge: [u8; 16],
    /// EAP: the name that the peer gave.
    claimed: Vec<u8>,
    transmits: u32,
    failures: u32,
    deadline: Option<Instant>,
    pending: Option<Pending>,
    /// The answer to the last proof, for a peer that did not get it.
    verdict: Option<(u8, Vec<u8>)>,
    /// The request that is sent again.
    request: Vec<u8>,
    outbox: VecDeque<Vec<u8>>,
    events: VecDeque<AuthEvent>,
    latest: Instant,
    stats: AuthStats,
}

impl Authenticator {
    /// An authenticator that has not started. Counts of zero are taken as one, times below a
    /// millisecond as a millisecond, and a longer name is cut to 255 octets.
    pub fn new(
        method: AuthMethod,
        mut config: AuthenticatorConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Self {
        config.name.truncate(super::wire::MAX_NAME);
        config.max_transmits = config.max_transmits.max(1);
        config.max_failures = config.max_failures.max(1);
        config.timeout = config.timeout.max(SHORTEST);
        config.rechallenge = config.rechallenge.map(|interval| interval.max(SHORTEST));
        // RFC 1994 §4.1 MUST (identifier): it changes with each challenge; it starts anywhere.
        let mut identifier = [0];
        random.fill(&mut identifier);
        let [identifier] = identifier;
        Self {
            method,
            config,
            random,
            phase: Phase::Idle,
            identifier,
            challenge: [0; 16],
            claimed: Vec::new(),
            transmits: 0,
            failures: 0,
            deadline: None,
            pending: None,
            verdict: None,
            request: Vec::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: AuthStats::default(),
        }
    }

    /// The method.
    pub const fn method(&self) -> AuthMethod {
        self.method
    }

    /// Whether the peer has proved itself.
    pub fn is_authenticated(&self) -> bool {
        self.phase == Phase::Authenticated
    }

    /// The challenge that waits for an answer: a supplicant of the same link does not answer it.
    pub fn outstanding_challenge(&self) -> Option<&[u8; 16]> {
        let challenges = self.method != AuthMethod::Pap
            && matches!(self.phase, Phase::Asked | Phase::Authenticated);
        challenges.then_some(&self.challenge)
    }

    /// Counters.
    pub const fn stats(&self) -> &AuthStats {
        &self.stats
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        let now = self.advance(now);
        self.failures = 0;
        self.transmits = 0;
        self.pending = None;
        self.verdict = None;
        match self.method {
            AuthMethod::Pap => {
                self.phase = Phase::Asked;
                let patience = self
                    .config
                    .timeout
                    .saturating_mul(self.config.max_transmits);
                self.deadline = Some(now + patience);
            }
            AuthMethod::ChapMd5 | AuthMethod::MsChapV2 => self.send_challenge(now),
            AuthMethod::Eap => {
                self.phase = Phase::AskedName;
                let identifier = self.next_identifier();
                let request = EapPacket::Request {
                    identifier,
                    kind: EapType::IDENTITY,
                    data: &[],
                };
                self.request = request.to_octets();
                self.send_request(now);
            }
        }
    }

    /// A packet of the method's protocol has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
        self.stats.received += 1;
        let result = match self.method {
            AuthMethod::Pap => self.on_pap(now, information),
            AuthMethod::ChapMd5 | AuthMethod::MsChapV2 => self.on_chap(now, information),
            AuthMethod::Eap => self.on_eap(now, information),
        };
        if let Err(discard) = &result {
            self.stats.count(discard);
        }
        result
    }

    /// The secret of the name that was asked for; `None` when the name is not known.
    pub fn provide_secret(&mut self, now: Instant, secret: Option<&Secret>) {
        let now = self.advance(now);
        let Some(pending) = self.pending.take() else {
            return;
        };
        let is_right = secret.is_some_and(|secret| self.verify(&pending, secret));
        if let (true, Some(secret)) = (is_right, secret) {
            self.accept(now, pending, secret);
        } else {
            self.refuse(&pending);
        }
    }

    /// A timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        match self.phase {
            Phase::Authenticated => {
                self.transmits = 0;
                self.send_challenge(now);
            }
            Phase::Asked | Phase::AskedName
                if self.method != AuthMethod::Pap && self.transmits < self.config.max_transmits =>
            {
                self.stats.retransmitted += 1;
                self.send_request(now);
            }
            Phase::Asked | Phase::AskedName => self.fail(AuthFailure::NoAnswer),
            Phase::Idle | Phase::Failed => {}
        }
    }

    /// Writes the next packet in place of what `out` holds, and says which protocol's information
    /// it is: that of the [`method`](Self::method). `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let packet = self.outbox.pop_front()?;
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        out.append_slice(&packet);
        Some(self.method.protocol())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.events.pop_front()
    }

    // RFC 1994 §2.3 MUST (unique): each challenge is new, and cannot be guessed.
    fn send_challenge(&mut self, now: Instant) {
        self.phase = Phase::Asked;
        self.verdict = None;
        self.random.fill(&mut self.challenge);
        let identifier = self.next_identifier();
        self.request = if self.method == AuthMethod::Eap {
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
        self.send_request(now);
    }

    fn send_request(&mut self, now: Instant) {
        self.transmits += 1;
        self.deadline = Some(now + self.config.timeout);
        self.send(self.request.clone());
    }

    fn send(&mut self, packet: Vec<u8>) {
        if self.outbox.len() < MAX_OUTBOX {
            self.outbox.push_back(packet);
        } else {
            self.stats.outbox_full += 1;
        }
    }

    const fn next_identifier(&mut self) -> u8 {
        self.identifier = self.identifier.wrapping_add(1);
        self.identifier
    }

    /// The latest time seen, which a clock that runs backwards does not change.
    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("method", &self.method)
            .field("phase", &self.phase)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// Upper-case hexadecimal digits.
pub(super) fn hexadecimal(octets: &[u8]) -> alloc::string::String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
