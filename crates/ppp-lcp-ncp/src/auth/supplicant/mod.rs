//! The side that gives a proof.

use super::digest::chap_md5;
use super::event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
use super::exchange::Exchange;
use super::mschap::MsChapV2Keys;
use super::secret::Secret;
use super::wire::{ChapPacket, EapPacket, EapType, PapPacket, value_and_name};
use crate::lcp::AuthMethod;
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};

mod answers;
mod packets;

/// Octets of an authenticator's message that are kept.
const MAX_MESSAGE: usize = 256;

/// What a [`Supplicant`] is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplicantConfig {
    /// Our name: at most 255 octets.
    pub name: Vec<u8>,
    /// The time until a PAP request, or a response of MS-CHAP-V2, is sent again. Default: 3 s.
    pub timeout: Duration,
    /// How often it is sent until the authenticator is given up; at least 1. With the other methods,
    /// `timeout` times this is how long we wait for what comes next. Default: 10.
    pub max_transmits: u32,
}

impl Default for SupplicantConfig {
    fn default() -> Self {
        Self {
            name: Vec::new(),
            timeout: Duration::from_secs(3),
            max_transmits: 10,
        }
    }
}

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not started, or the authenticator is to begin.
    Idle,
    /// A proof was sent.
    Proved,
    /// It was accepted.
    Accepted,
    /// It was not, for good.
    Failed,
}

/// What the answer of the authenticator is held against.
struct Proved {
    identifier: u8,
    name: Vec<u8>,
    /// With MS-CHAP-V2: the proof that we want, and the keys.
    mutual: Option<([u8; 20], MsChapV2Keys)>,
}

/// The side that gives a proof, by one method.
///
/// The secret is asked for with [`AuthEvent::SecretWanted`] and given with
/// [`provide_secret`](Self::provide_secret).
pub struct Supplicant {
    /// What waits for a secret is a challenge, or with PAP nothing.
    exchange: Exchange<Vec<u8>>,
    config: SupplicantConfig,
    phase: Phase,
    proved: Option<Proved>,
}

impl Supplicant {
    /// A supplicant that has not started. A count of zero is taken as one, a time below a
    /// millisecond as a millisecond, and a longer name is cut to 255 octets.
    pub fn new(
        method: AuthMethod,
        mut config: SupplicantConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Self {
        config.name.truncate(super::wire::MAX_NAME);
        Self {
            exchange: Exchange::new(method, config.timeout, config.max_transmits, random),
            config,
            phase: Phase::Idle,
            proved: None,
        }
    }

    /// The method.
    pub const fn method(&self) -> AuthMethod {
        self.exchange.method
    }

    /// Whether the authenticator has accepted our proof.
    pub fn is_accepted(&self) -> bool {
        self.phase == Phase::Accepted
    }

    /// Counters.
    pub const fn stats(&self) -> &AuthStats {
        &self.exchange.stats
    }

    /// Begins: PAP asks for the secret at once, the others wait for the authenticator.
    pub fn start(&mut self, now: Instant) {
        self.exchange.begin(now);
        self.phase = Phase::Idle;
        self.proved = None;
        if self.method() == AuthMethod::Pap {
            let identifier = self.exchange.next_identifier();
            self.exchange.want_secret(identifier, &[], Vec::new());
        } else {
            self.exchange.wait();
        }
    }

    /// A packet of the method's protocol has arrived. `own_challenge` is what our own authenticator,
    /// if there is one on the link, waits to have answered.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        information: &[u8],
        own_challenge: Option<&[u8; 16]>,
    ) -> Result<(), AuthDiscard> {
        let before = self.exchange.latest;
        self.exchange.advance(now);
        let result = match self.method() {
            AuthMethod::Pap => self.on_pap(information),
            AuthMethod::ChapMd5 | AuthMethod::MsChapV2 => self.on_chap(information, own_challenge),
            AuthMethod::Eap => self.on_eap(information, own_challenge),
        };
        self.exchange.received(before, result)
    }

    /// The secret that was asked for; `None` when there is none.
    pub fn provide_secret(&mut self, now: Instant, secret: Option<&Secret>) {
        self.exchange.advance(now);
        let Some(pending) = self.exchange.take_pending() else {
            return;
        };
        let Some(secret) = secret else {
            self.fail(AuthFailure::NoSecret);
            return;
        };
        let identifier = pending.identifier;
        let mut mutual = None;
        let answer = match self.method() {
            AuthMethod::Pap => PapPacket::Request {
                identifier,
                peer_id: &self.config.name,
                password: secret.expose(),
            }
            .to_octets(),
            AuthMethod::ChapMd5 => ChapPacket::Response {
                identifier,
                value: &chap_md5(identifier, secret, &pending.what),
                name: &self.config.name,
            }
            .to_octets(),
            AuthMethod::MsChapV2 => {
                let (value, wanted) = self.answer_mschap(&pending, secret);
                mutual = Some(wanted);
                ChapPacket::Response {
                    identifier,
                    value: &value,
                    name: &self.config.name,
                }
                .to_octets()
            }
            AuthMethod::Eap => EapPacket::Response {
                identifier,
                kind: EapType::MD5_CHALLENGE,
                data: &value_and_name(
                    &chap_md5(identifier, secret, &pending.what),
                    &self.config.name,
                ),
            }
            .to_octets(),
        };
        self.phase = Phase::Proved;
        self.proved = Some(Proved {
            identifier,
            name: pending.name,
            mutual,
        });
        if self.method() != AuthMethod::Pap {
            self.exchange.keep_answer(identifier, &answer);
        }
        if self.repeats() {
            self.exchange.request(answer);
        } else {
            self.exchange.send(answer);
            self.exchange.wait();
        }
    }

    /// Whether the proof was given, and the verdict may be told by the network phase instead: not
    /// with MS-CHAP-V2, where the authenticator has to prove itself too.
    pub fn awaits_indication(&self) -> bool {
        let proved = self.proved.as_ref();
        self.phase == Phase::Proved && proved.is_some_and(|proved| proved.mutual.is_none())
    }

    /// The authenticator has begun the network phase: it has accepted the proof, and its Success was
    /// lost (RFC 3748 §4.2). Nothing happens when that cannot be taken for it.
    pub fn network_phase_began(&mut self, now: Instant) {
        self.exchange.advance(now);
        if self.awaits_indication()
            && let Some(proved) = self.proved.take()
        {
            self.succeed(proved.name, None);
        }
    }

    /// A timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.exchange.take_due(now) {
            return;
        }
        // RFC 1334 §2.2.1 MUST (repeat): the request is repeated until an answer comes.
        let repeats = self.repeats() && self.phase == Phase::Proved;
        let is_sent = repeats && self.exchange.request_again();
        if !is_sent && self.phase != Phase::Accepted {
            self.fail(AuthFailure::NoAnswer);
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

    fn succeed(&mut self, name: Vec<u8>, keys: Option<MsChapV2Keys>) {
        self.phase = Phase::Accepted;
        self.exchange.succeed(name, keys);
    }

    fn refused(&mut self, message: &[u8]) {
        self.exchange.stats.failed += 1;
        let message = message.get(..MAX_MESSAGE).unwrap_or(message).to_vec();
        self.fail(AuthFailure::Refused { message });
    }

    fn fail(&mut self, failure: AuthFailure) {
        self.phase = Phase::Failed;
        self.proved = None;
        self.exchange.fail(failure);
    }

    /// Whether the proof is sent again until there is an answer. For the others, the network phase can
    /// stand for it.
    // RFC 1994 §4.2 MAY (repeat-response): the Success may be lost, and a repeated Response gets it again.
    const fn repeats(&self) -> bool {
        matches!(self.method(), AuthMethod::Pap | AuthMethod::MsChapV2)
    }
}

impl fmt::Debug for Supplicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supplicant")
            .field("method", &self.exchange.method)
            .field("phase", &self.phase)
            .field("stats", &self.exchange.stats)
            .finish_non_exhaustive()
    }
}
