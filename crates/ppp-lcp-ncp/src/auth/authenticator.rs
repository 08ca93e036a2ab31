//! The side that wants a proof.

use super::digest::chap_md5;
use super::event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
use super::mschap::{MsChapV2Keys, MsChapV2Response, authenticator_response, nt_response};
use super::secret::Secret;
use super::wire::{
    ChapPacket, EapPacket, EapType, PapPacket, check_name, parse_md5, value_and_name,
};
use crate::lcp::AuthMethod;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use subtle::ConstantTimeEq;

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
    pub fn handle_packet(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
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

    /// Writes the next packet, the information field of a PPP packet of the method's protocol, in
    /// place of what `out` holds; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        let Some(packet) = self.outbox.pop_front() else {
            return false;
        };
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        out.append_slice(&packet);
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.events.pop_front()
    }

    fn on_pap(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, name, password) = match PapPacket::parse(information)? {
            PapPacket::Request {
                identifier,
                peer_id,
                password,
            } => (identifier, peer_id, password),
            PapPacket::Ack { .. } => return Err(AuthDiscard::WrongSide(2)),
            PapPacket::Nak { .. } => return Err(AuthDiscard::WrongSide(3)),
        };
        match self.phase {
            // RFC 1334 §2.2.1 MUST (repeat): the peer repeats its request when the answer is lost, and
            // gets the same answer again.
            Phase::Authenticated => {
                self.advance(now);
                if let Some((_, verdict)) = &self.verdict {
                    let again = [verdict.get(..1).unwrap_or_default(), &[identifier]].concat();
                    let again = [again, verdict.get(2..).unwrap_or_default().to_vec()].concat();
                    self.send(again);
                }
                Ok(())
            }
            Phase::Asked => {
                let proof = Proof::Password(Secret::new(password));
                self.want_secret(now, identifier, name, proof)
            }
            _ => Err(AuthDiscard::Unexpected(1)),
        }
    }

    fn on_chap(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, value, name) = match ChapPacket::parse(information)? {
            ChapPacket::Response {
                identifier,
                value,
                name,
            } => (identifier, value, name),
            ChapPacket::Challenge { .. } => return Err(AuthDiscard::WrongSide(1)),
            ChapPacket::Success { .. } => return Err(AuthDiscard::WrongSide(3)),
            ChapPacket::Failure { .. } => return Err(AuthDiscard::WrongSide(4)),
        };
        // RFC 1994 §4.2 MUST (repeat): a repeated Response gets the answer that it got before.
        if let Some((answered, verdict)) = &self.verdict
            && *answered == identifier
        {
            let verdict = verdict.clone();
            self.advance(now);
            self.send(verdict);
            return Ok(());
        }
        if !matches!(self.phase, Phase::Asked) {
            return Err(AuthDiscard::Unexpected(2));
        }
        self.check_identifier(identifier)?;
        let proof = if self.method == AuthMethod::MsChapV2 {
            Proof::MsChapV2(MsChapV2Response::parse(value)?)
        } else {
            let digest = value.try_into();
            Proof::Md5(digest.map_err(|_| AuthDiscard::ValueLength(value.len()))?)
        };
        self.want_secret(now, identifier, name, proof)
    }

    fn on_eap(&mut self, now: Instant, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, kind, data) = match EapPacket::parse(information)? {
            EapPacket::Response {
                identifier,
                kind,
                data,
            } => (identifier, kind, data),
            EapPacket::Request { .. } => return Err(AuthDiscard::WrongSide(1)),
            EapPacket::Success { .. } => return Err(AuthDiscard::WrongSide(3)),
            EapPacket::Failure { .. } => return Err(AuthDiscard::WrongSide(4)),
        };
        if !matches!(self.phase, Phase::AskedName | Phase::Asked) {
            return Err(AuthDiscard::Unexpected(2));
        }
        // RFC 3748 §4.1 MUST (identifier): a response has the identifier of the request that waits.
        self.check_identifier(identifier)?;
        match (self.phase, kind) {
            (Phase::AskedName, EapType::IDENTITY) => {
                check_name(data)?;
                let now = self.advance(now);
                self.claimed = data.to_vec();
                self.transmits = 0;
                self.send_challenge(now);
                Ok(())
            }
            (Phase::Asked, EapType::MD5_CHALLENGE) => {
                let (value, _) = parse_md5(data)?;
                let digest = value.try_into();
                let digest = digest.map_err(|_| AuthDiscard::ValueLength(value.len()))?;
                let name = self.claimed.clone();
                self.want_secret(now, identifier, &name, Proof::Md5(digest))
            }
            (Phase::Asked, EapType::NAK) => {
                // MD5-Challenge is all that there is.
                self.advance(now);
                self.send(EapPacket::Failure { identifier }.to_octets());
                self.fail(AuthFailure::NoCommonMethod);
                Ok(())
            }
            _ => Err(AuthDiscard::Unexpected(2)),
        }
    }

    fn check_identifier(&self, found: u8) -> Result<(), AuthDiscard> {
        let expected = self.identifier;
        if found == expected {
            Ok(())
        } else {
            Err(AuthDiscard::Identifier { found, expected })
        }
    }

    fn want_secret(
        &mut self,
        now: Instant,
        identifier: u8,
        name: &[u8],
        proof: Proof,
    ) -> Result<(), AuthDiscard> {
        if self.pending.is_some() {
            return Err(AuthDiscard::Busy);
        }
        check_name(name)?;
        self.advance(now);
        // The peer has answered; whoever looks up the secret may take his time.
        self.deadline = None;
        self.pending = Some(Pending {
            identifier,
            name: name.to_vec(),
            proof,
        });
        self.events.push_back(AuthEvent::SecretWanted {
            name: name.to_vec(),
        });
        Ok(())
    }

    fn verify(&self, pending: &Pending, secret: &Secret) -> bool {
        match &pending.proof {
            Proof::Password(password) => secret.matches(password),
            Proof::Md5(found) => {
                let expected = chap_md5(pending.identifier, secret, &self.challenge);
                expected.ct_eq(found).into()
            }
            Proof::MsChapV2(response) => {
                let expected = nt_response(
                    &self.challenge,
                    &response.peer_challenge,
                    &pending.name,
                    secret,
                );
                expected.ct_eq(&response.nt_response).into()
            }
        }
    }

    fn accept(&mut self, now: Instant, pending: Pending, secret: &Secret) {
        let identifier = pending.identifier;
        let mut keys = None;
        let answer = match &pending.proof {
            Proof::Password(_) => PapPacket::Ack {
                identifier,
                message: &[],
            }
            .to_octets(),
            Proof::Md5(_) if self.method == AuthMethod::Eap => {
                EapPacket::Success { identifier }.to_octets()
            }
            Proof::Md5(_) => ChapPacket::Success {
                identifier,
                message: &[],
            }
            .to_octets(),
            Proof::MsChapV2(response) => {
                keys = Some(MsChapV2Keys::new(secret, &response.nt_response, true));
                let proof = authenticator_response(
                    secret,
                    &response.nt_response,
                    &response.peer_challenge,
                    &self.challenge,
                    &pending.name,
                );
                // RFC 2759 §5 MUST: "S=" and forty upper-case hexadecimal digits.
                let message = format!("S={} M=Welcome", hexadecimal(&proof));
                let message = message.as_bytes();
                ChapPacket::Success {
                    identifier,
                    message,
                }
                .to_octets()
            }
        };
        self.verdict = Some((identifier, answer.clone()));
        self.send(answer);
        self.phase = Phase::Authenticated;
        self.stats.succeeded += 1;
        let challenges = matches!(self.method, AuthMethod::ChapMd5 | AuthMethod::MsChapV2);
        let again = self.config.rechallenge.filter(|_| challenges);
        self.deadline = again.map(|interval| now + interval);
        self.events.push_back(AuthEvent::Succeeded {
            name: pending.name,
            keys,
        });
    }

    fn refuse(&mut self, pending: &Pending) {
        let identifier = pending.identifier;
        self.stats.failed += 1;
        self.failures += 1;
        let message = b"Authentication failed";
        let answer = match &pending.proof {
            Proof::Password(_) => PapPacket::Nak {
                identifier,
                message,
            }
            .to_octets(),
            Proof::Md5(_) if self.method == AuthMethod::Eap => {
                EapPacket::Failure { identifier }.to_octets()
            }
            Proof::Md5(_) => ChapPacket::Failure {
                identifier,
                message,
            }
            .to_octets(),
            Proof::MsChapV2(_) => {
                // RFC 2759 §6 MUST: 691 is a wrong password, and R=0 says not to try again.
                let message = format!(
                    "E=691 R=0 C={} V=3 M=Authentication failed",
                    hexadecimal(&self.challenge)
                );
                let message = message.as_bytes();
                ChapPacket::Failure {
                    identifier,
                    message,
                }
                .to_octets()
            }
        };
        self.verdict = Some((identifier, answer.clone()));
        self.send(answer);
        if self.method == AuthMethod::Pap && self.failures < self.config.max_failures {
            // The peer may try again, in the time that is left to it.
            let patience = self
                .config
                .timeout
                .saturating_mul(self.config.max_transmits);
            self.deadline = Some(self.latest + patience);
        } else {
            // RFC 1994 §4.2 SHOULD (terminate): after a Failure the link is taken down.
            self.fail(AuthFailure::WrongProof);
        }
    }

    fn fail(&mut self, failure: AuthFailure) {
        self.phase = Phase::Failed;
        self.deadline = None;
        self.pending = None;
        self.events.push_back(AuthEvent::Failed(failure));
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
