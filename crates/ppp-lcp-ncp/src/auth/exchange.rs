//! What both sides of an exchange do alike.

use super::event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
use super::mschap::MsChapV2Keys;
use super::wire::check_name;
use crate::lcp::AuthMethod;
use crate::wire::PppProtocol;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use zeroize::{Zeroize, Zeroizing};

/// Packets that may wait to be sent.
const MAX_OUTBOX: usize = 8;

/// The shortest time that a timer runs.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// What was received, until the secret for it comes.
pub(super) struct Pending<P> {
    pub(super) identifier: u8,
    pub(super) name: Vec<u8>,
    pub(super) what: P,
}

/// One timer, what is sent again when it expires, one secret that is waited for, and what waits to
/// be fetched. What is sent may have a password in it, and is wiped.
pub(super) struct Exchange<P> {
    pub(super) method: AuthMethod,
    timeout: Duration,
    max_transmits: u32,
    pub(super) random: Box<dyn RandomSource + Send>,
    /// The last identifier that was used.
    pub(super) identifier: u8,
    transmits: u32,
    pub(super) deadline: Option<Instant>,
    pending: Option<Pending<P>>,
    /// The last answer, for a peer that did not get it.
    answer: Option<(u8, Vec<u8>)>,
    request: Zeroizing<Vec<u8>>,
    outbox: VecDeque<Zeroizing<Vec<u8>>>,
    events: VecDeque<AuthEvent>,
    pub(super) latest: Instant,
    pub(super) stats: AuthStats,
}

impl<P> Exchange<P> {
    /// One that has not begun: a request is sent `max_transmits` times, `timeout` apart.
    pub(super) fn new(
        method: AuthMethod,
        timeout: Duration,
        max_transmits: u32,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Self {
        // RFC 1994 §4.1 MUST (identifier): it changes with each challenge; it starts anywhere.
        let mut identifier = [0];
        random.fill(&mut identifier);
        let [identifier] = identifier;
        Self {
            method,
            timeout: timeout.max(SHORTEST),
            max_transmits: max_transmits.max(1),
            random,
            identifier,
            transmits: 0,
            deadline: None,
            pending: None,
            answer: None,
            request: Zeroizing::default(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: AuthStats::default(),
        }
    }

    /// Forgets the exchange before.
    pub(super) fn begin(&mut self, now: Instant) {
        self.advance(now);
        self.deadline = None;
        self.pending = None;
        self.answer = None;
    }

    /// Notes the time, which a clock that runs backwards does not change.
    pub(super) fn advance(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
    }

    /// Counts a packet that came when `before` was the latest time, which remains so when the packet
    /// is ignored.
    pub(super) fn received(
        &mut self,
        before: Instant,
        result: Result<(), AuthDiscard>,
    ) -> Result<(), AuthDiscard> {
        self.stats.received += 1;
        if let Err(discard) = &result {
            self.latest = before;
            self.stats.count(discard);
        }
        result
    }

    pub(super) const fn next_identifier(&mut self) -> u8 {
        self.identifier = self.identifier.wrapping_add(1);
        self.identifier
    }

    /// Sends a packet, and again until there is an answer.
    pub(super) fn request(&mut self, packet: Vec<u8>) {
        self.request = Zeroizing::new(packet);
        self.transmits = 0;
        self.send_request();
    }

    /// Sends the request again; false when that has been done often enough.
    pub(super) fn request_again(&mut self) -> bool {
        let again = self.transmits < self.max_transmits;
        if again {
            self.stats.retransmitted += 1;
            self.send_request();
        }
        again
    }

    fn send_request(&mut self) {
        self.transmits += 1;
        self.deadline = Some(self.latest + self.timeout);
        self.send(self.request.to_vec());
    }

    /// Waits for what the other end does next, as long as a request would be repeated.
    pub(super) fn wait(&mut self) {
        let patience = self.timeout.saturating_mul(self.max_transmits);
        self.deadline = Some(self.latest + patience);
    }

    /// Sends an answer, and keeps it.
    pub(super) fn answer(&mut self, identifier: u8, packet: Vec<u8>) {
        self.keep_answer(identifier, &packet);
        self.send(packet);
    }

    /// Keeps an answer that is sent as a request.
    pub(super) fn keep_answer(&mut self, identifier: u8, packet: &[u8]) {
        self.answer = Some((identifier, packet.to_vec()));
    }

    pub(super) fn forget_answer(&mut self) {
        self.answer = None;
    }

    /// Sends the last answer again; false when it was for another identifier.
    pub(super) fn answer_again(&mut self, identifier: u8) -> bool {
        match &self.answer {
            Some((answered, answer)) if *answered == identifier => {
                let answer = answer.clone();
                self.stats.retransmitted += 1;
                self.send(answer);
                true
            }
            _ => false,
        }
    }

    pub(super) fn send(&mut self, packet: Vec<u8>) {
        if self.outbox.len() < MAX_OUTBOX {
            self.outbox.push_back(Zeroizing::new(packet));
        } else {
            self.stats.outbox_full += 1;
        }
    }

    /// Whether the secret of a name may be asked for.
    pub(super) fn may_want_secret(&self, name: &[u8]) -> Result<(), AuthDiscard> {
        if self.pending.is_some() {
            return Err(AuthDiscard::Busy);
        }
        check_name(name)
    }

    /// Asks for the secret of a name. Whoever looks it up may take his time.
    pub(super) fn want_secret(&mut self, identifier: u8, name: &[u8], what: P) {
        self.deadline = None;
        self.pending = Some(Pending {
            identifier,
            name: name.to_vec(),
            what,
        });
        let name = name.to_vec();
        self.events.push_back(AuthEvent::SecretWanted { name });
    }

    /// What the secret that has come was wanted for.
    pub(super) const fn take_pending(&mut self) -> Option<Pending<P>> {
        self.pending.take()
    }

    pub(super) fn succeed(&mut self, name: Vec<u8>, keys: Option<MsChapV2Keys>) {
        self.stats.succeeded += 1;
        self.deadline = None;
        self.request.zeroize();
        self.events.push_back(AuthEvent::Succeeded { name, keys });
    }

    pub(super) fn fail(&mut self, failure: AuthFailure) {
        self.deadline = None;
        self.pending = None;
        self.request.zeroize();
        self.events.push_back(AuthEvent::Failed(failure));
    }

    /// Whether the timer has expired, which stops it.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        self.advance(now);
        let latest = self.latest;
        self.deadline
            .take_if(|deadline| *deadline <= latest)
            .is_some()
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let packet = self.outbox.pop_front()?;
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        out.append_slice(&packet);
        Some(self.method.protocol())
    }

    pub(super) fn poll_event(&mut self) -> Option<AuthEvent> {
        self.events.pop_front()
    }
}
