//! Datagram Packetization Layer PMTUD (RFC 8899): probing for what a path lets through, with ideas of
//! RFC 4821.

use super::search::{Range, Search};
use super::step::{Action, State, StepEvent, step};
use super::{IPV4_MIN_MTU, IPV6_MIN_MTU};
use core::time::Duration;
use packet_buffer::Instant;
use thiserror::Error;

/// How a [`Plpmtud`] is set up. Sizes are octets of whole IP packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlpmtudConfig {
    /// MIN_PLPMTU: what is used when nothing else gets through.
    pub min_plpmtu: u32,
    /// BASE_PLPMTU: what most paths let through, from MIN_PLPMTU.
    pub base_plpmtu: u32,
    /// MAX_PLPMTU: what the first link lets through, from BASE_PLPMTU; or less, when the peer
    /// takes less.
    pub max_plpmtu: u32,
    /// MAX_PROBES: probes of one size that are lost in a row before the size counts as too big,
    /// from 1. Default: 3.
    pub max_probes: u8,
    /// PROBE_TIMER: how long an acknowledgment may take, from 1 s. Default: 15 s. A packetization
    /// layer that detects losses itself calls [`Plpmtud::handle_loss`] earlier.
    pub probe_timer: Duration,
    /// PMTU_RAISE_TIMER: how long a result is used before something larger is tried. Default: 600 s.
    pub raise_timer: Duration,
    /// CONFIRMATION_TIMER: how often a result is confirmed by a probe of its size. `None`, the
    /// default, for packetization layers whose data is acknowledged: these report losses with
    /// [`Plpmtud::handle_data_loss`].
    pub confirmation_timer: Option<Duration>,
    /// Data packets larger than BASE_PLPMTU that are lost in a row, none getting through in
    /// between, before the path counts as a black hole, from 1. Default: 3.
    pub black_hole_losses: u8,
    /// How sizes are chosen.
    pub search: Search,
}

impl PlpmtudConfig {
    /// Defaults over IPv6, on a link that takes `link_mtu` octets: MIN_PLPMTU and BASE_PLPMTU are
    /// 1280.
    // RFC 8899 §5.1.2 MUST (min): MIN_PLPMTU is 1280 octets over IPv6, 68 over IPv4.
    pub const fn ipv6(link_mtu: u32) -> Self {
        Self::new(IPV6_MIN_MTU, IPV6_MIN_MTU, link_mtu)
    }

    /// Defaults over IPv4, on a link that takes `link_mtu` octets: MIN_PLPMTU is 68 and BASE_PLPMTU
    /// 1200, or what the link takes.
    // RFC 8899 §5.1.2 SHOULD (base): 1200 octets get through nearly everywhere.
    pub const fn ipv4(link_mtu: u32) -> Self {
        let base = if link_mtu < 1_200 { link_mtu } else { 1_200 };
        Self::new(IPV4_MIN_MTU, base, link_mtu)
    }

    const fn new(min_plpmtu: u32, base_plpmtu: u32, max_plpmtu: u32) -> Self {
        Self {
            min_plpmtu,
            base_plpmtu,
            max_plpmtu,
            max_probes: 3,
            probe_timer: Duration::from_secs(15),
            raise_timer: Duration::from_secs(600),
            confirmation_timer: None,
            black_hole_losses: 3,
            search: Search::Plateaus { granularity: 0 },
        }
    }

    fn check(&self) -> Result<(), PlpmtudConfigError> {
        // RFC 8899 §5.1.2 MUST (order): MIN_PLPMTU, BASE_PLPMTU and MAX_PLPMTU are in ascending order.
        if self.min_plpmtu == 0
            || self.min_plpmtu > self.base_plpmtu
            || self.base_plpmtu > self.max_plpmtu
        {
            return Err(PlpmtudConfigError::Sizes);
        }
        // RFC 8899 §5.1.1 MUST (probe-timer): PROBE_TIMER is not shorter than one second.
        if self.probe_timer < Duration::from_secs(1) {
            return Err(PlpmtudConfigError::ProbeTimer);
        }
        if self.max_probes == 0 || self.black_hole_losses == 0 {
            return Err(PlpmtudConfigError::Counts);
        }
        if self.raise_timer.is_zero() || self.confirmation_timer.is_some_and(|it| it.is_zero()) {
            return Err(PlpmtudConfigError::Timers);
        }
        Ok(())
    }
}

/// What is wrong with a [`PlpmtudConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PlpmtudConfigError {
    /// The sizes are not in ascending order.
    #[error("the sizes must be 0 < min_plpmtu <= base_plpmtu <= max_plpmtu")]
    Sizes,
    /// The probe timer is too short.
    #[error("probe_timer is below 1 second (RFC 8899 §5.1.1)")]
    ProbeTimer,
    /// A count is zero.
    #[error("max_probes and black_hole_losses are at least 1")]
    Counts,
    /// A timer is zero.
    #[error("raise_timer and confirmation_timer are longer than nothing")]
    Timers,
}

/// A probe: a packet of exactly this size, not fragmented ("don't fragment" is set over IPv4), to
/// which the peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// Tells probes apart; put it into the probe where the protocol has room.
    pub id: u32,
    /// Octets of the whole IP packet.
    pub size: u32,
}

/// Why a call changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PlpmtudDiscard {
    /// No such probe is outstanding.
    #[error("no such probe is outstanding")]
    UnknownProbe,
    /// Nothing is probed: the peer has not been heard.
    #[error("the search is disabled")]
    Disabled,
    /// A reported MTU below MIN_PLPMTU.
    #[error("the reported MTU is below MIN_PLPMTU")]
    BelowMinimum,
    /// A reported MTU that the packet it is about would have fitted.
    #[error("the reported MTU is not below the size of what was sent")]
    NoReduction,
}

/// What a packetization layer wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlpmtudEvent {
    /// Packets may be longer, or must be shorter, from now on. Several changes in a row count as one.
    Changed {
        /// Octets of the longest packet until now.
        previous: u32,
        /// Octets of the longest packet from now on.
        plpmtu: u32,
    },
}

/// What a search has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlpmtudStats {
    /// Probes handed out.
    pub probes: u64,
    /// Probes that got through.
    pub acked: u64,
    /// Probes that were lost.
    pub lost: u64,
    /// Black holes detected.
    pub black_holes: u64,
    /// Reports of routers that took effect.
    pub reports: u64,
    /// Acknowledgments and losses of probes that are not outstanding.
    pub unknown_probes: u64,
    /// Reports that were ignored.
    pub ignored_reports: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Whether a larger size gets through, or BASE_PLPMTU.
    Search,
    /// Whether PLPMTU still gets through.
    Confirm,
}

/// Probes of one size that follow each other until one gets through or all are lost.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    size: u32,
    purpose: Purpose,
    /// PROBE_COUNT: probes lost.
    lost: u8,
    first_id: u32,
    /// The probe on its way and when it counts as lost; `None` while it waits to be sent.
    outstanding: Option<(u32, Instant)>,
}

/// Finds the largest packet that a path lets through, without the help of routers.
///
/// The packetization layer sends the [probes](Self::poll_probe) and reports what becomes of them. The
/// loss of a probe says nothing about congestion (RFC 8899 §3, RFC 4821 §7.4): do not reduce the
/// sending rate for it.
///
/// ```
/// use core::time::Duration;
/// use icmp_nd::pmtu::{Plpmtud, PlpmtudConfig, State};
/// use packet_buffer::Instant;
///
/// // A path of 1500 octets behind a link of 9000, whose routers say nothing.
/// let mut search = Plpmtud::new(PlpmtudConfig::ipv6(9000))?;
/// search.handle_connected(Instant::ZERO);
/// let mut now = Instant::ZERO;
/// while search.state() != State::SearchComplete {
///     match search.poll_probe() {
///         Some(probe) if probe.size <= 1500 => search.handle_ack(now, probe)?,
///         Some(_) => {}
///         None => {
///             now = search.poll_timeout().unwrap();
///             search.handle_timeout(now);
///         }
///     }
/// }
/// assert_eq!(search.plpmtu(), 1500);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Plpmtud {
    config: PlpmtudConfig,
    latest: Instant,
    state: State,
    plpmtu: u32,
    /// What the user was told last.
    told: u32,
    range: Range,
    /// What a router has reported, for the next search.
    reported: Option<u32>,
    attempt: Option<Attempt>,
    next_id: u32,
    raise_at: Option<Instant>,
    confirm_at: Option<Instant>,
    data_losses: u8,
    stats: PlpmtudStats,
}

impl Plpmtud {
    /// A search that waits for the peer.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense.
    pub fn new(config: PlpmtudConfig) -> Result<Self, PlpmtudConfigError> {
        config.check()?;
        let base = config.base_plpmtu;
        Ok(Self {
            latest: Instant::ZERO,
            state: State::Disabled,
            plpmtu: base,
            told: base,
            range: Range::new(base, config.max_plpmtu),
            reported: None,
            attempt: None,
            next_id: 0,
            raise_at: None,
            confirm_at: None,
            data_losses: 0,
            stats: PlpmtudStats::default(),
            config,
        })
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// PLPMTU: octets of the longest packet that may be sent, probes apart.
    // RFC 8899 §3 MUST (no-larger): only probes are larger than PLPMTU.
    pub fn plpmtu(&self) -> u32 {
        self.plpmtu
    }

    /// Counters.
    pub fn stats(&self) -> &PlpmtudStats {
        &self.stats
    }

    /// The peer has answered for the first time, or again: the search begins.
    pub fn handle_connected(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.step(StepEvent::Connected);
    }

    /// The peer is gone: the search ends.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.step(StepEvent::Disconnected);
    }

    /// The peer has received a probe.
    ///
    /// # Errors
    ///
    /// [`PlpmtudDiscard::UnknownProbe`]: it is not one of the present attempt.
    pub fn handle_ack(&mut self, now: Instant, probe: Probe) -> Result<(), PlpmtudDiscard> {
        self.latest = self.latest.max(now);
        let attempt = self.attempt.filter(|it| {
            let age = probe.id.wrapping_sub(it.first_id);
            it.size == probe.size && age < self.next_id.wrapping_sub(it.first_id)
        });
        let Some(attempt) = attempt else {
            self.stats.unknown_probes += 1;
            return Err(PlpmtudDiscard::UnknownProbe);
        };
        self.stats.acked += 1;
        self.attempt = None;
        self.data_losses = 0;
        if attempt.purpose == Purpose::Confirm {
            self.arm_confirmation();
            return Ok(());
        }
        self.range.fits(attempt.size);
        if matches!(self.state, State::Base | State::Error) {
            // What is known of larger sizes starts with this.
            self.begin_range(self.config.base_plpmtu);
        }
        let more = self.range.next(self.config.search).is_some();
        self.plpmtu_probed(attempt.size, more);
        Ok(())
    }

    /// The packetization layer has found out that a probe is lost, before PROBE_TIMER says so.
    ///
    /// # Errors
    ///
    /// [`PlpmtudDiscard::UnknownProbe`]: it is not outstanding.
    pub fn handle_loss(&mut self, now: Instant, probe: Probe) -> Result<(), PlpmtudDiscard> {
        self.latest = self.latest.max(now);
        let is_outstanding = self.attempt.is_some_and(|it| {
            it.size == probe.size && it.outstanding.is_some_and(|(id, _)| id == probe.id)
        });
        if !is_outstanding {
            self.stats.unknown_probes += 1;
            return Err(PlpmtudDiscard::UnknownProbe);
        }
        self.probe_lost();
        Ok(())
    }

    /// A packet of data with `size` octets was acknowledged.
    pub fn handle_data_ack(&mut self, now: Instant, size: u32) {
        self.latest = self.latest.max(now);
        if size > self.config.base_plpmtu {
            self.data_losses = 0;
        }
    }

    /// A packet of data with `size` octets was lost. Small packets that get through meanwhile say
    /// nothing.
    // RFC 8899 §4.3 MUST (black-hole): a path that stops to support PLPMTU is detected without
    // reports of routers.
    pub fn handle_data_loss(&mut self, now: Instant, size: u32) {
        self.latest = self.latest.max(now);
        if size <= self.config.base_plpmtu
            || !matches!(self.state, State::Searching | State::SearchComplete)
        {
            return;
        }
        self.data_losses = self.data_losses.saturating_add(1);
        if self.data_losses >= self.config.black_hole_losses {
            self.black_hole();
        }
    }

    /// A router reports that packets longer than `mtu` octets do not get through. The caller has
    /// checked that the quoted packet, of `packet_length` octets, is one of this flow.
    ///
    /// # Errors
    ///
    /// The report is ignored when nothing is probed, when it is below MIN_PLPMTU, or when it is not
    /// below what was sent.
    // RFC 8899 §4.6.2 MUST (ptb): what a report does depends on where its MTU lies.
    pub fn handle_packet_too_big(
        &mut self,
        now: Instant,
        mtu: u32,
        packet_length: u32,
    ) -> Result<(), PlpmtudDiscard> {
        self.latest = self.latest.max(now);
        let result = self.packet_too_big(mtu, packet_length);
        match result {
            Ok(()) => self.stats.reports += 1,
            Err(_) => self.stats.ignored_reports += 1,
        }
        result
    }

    fn packet_too_big(&mut self, mtu: u32, packet_length: u32) -> Result<(), PlpmtudDiscard> {
        if self.state == State::Disabled {
            return Err(PlpmtudDiscard::Disabled);
        }
        // RFC 8899 §4.6.2 MUST (below-min): a report below MIN_PLPMTU is ignored.
        if mtu < self.config.min_plpmtu {
            return Err(PlpmtudDiscard::BelowMinimum);
        }
        let probed = self.attempt.map_or(self.plpmtu, |it| it.size);
        let sent = probed.max(self.plpmtu);
        // RFC 8899 §4.6.2 MUST (not-smaller): a report that is not below what was probed is ignored.
        if mtu >= sent || mtu >= packet_length {
            return Err(PlpmtudDiscard::NoReduction);
        }
        if mtu < self.config.base_plpmtu {
            if self.state == State::Error {
                return Err(PlpmtudDiscard::NoReduction);
            }
            self.step(StepEvent::TooBigBelowBase);
        } else if mtu < self.plpmtu {
            self.reported = Some(mtu);
            self.step(StepEvent::TooBigBelowPlpmtu);
        } else if self.state == State::Searching {
            // PLPMTU holds; the probe was too big.
            self.range.reported(mtu);
            self.size_failed();
        } else {
            return Err(PlpmtudDiscard::NoReduction);
        }
        Ok(())
    }

    /// The next probe to send; PROBE_TIMER starts now.
    pub fn poll_probe(&mut self) -> Option<Probe> {
        let attempt = self.attempt.as_mut()?;
        if attempt.outstanding.is_some() {
            return None;
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        attempt.outstanding = Some((id, self.latest + self.config.probe_timer));
        self.stats.probes += 1;
        Some(Probe {
            id,
            size: attempt.size,
        })
    }

    /// The time is `now`: a probe counts as lost, a result is confirmed, or a new search begins.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= self.latest);
        let probe = self.attempt.and_then(|it| it.outstanding);
        if is_due(probe.map(|(_, at)| at)) {
            self.probe_lost();
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= self.latest);
        if is_due(self.raise_at) {
            self.raise_at = None;
            self.step(StepEvent::RaiseTimer);
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= self.latest);
        if is_due(self.confirm_at) {
            self.confirm_at = None;
            self.begin_attempt(self.plpmtu, Purpose::Confirm);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let probe = self.attempt.and_then(|it| it.outstanding);
        let probe = probe.map(|(_, at)| at);
        [probe, self.raise_at, self.confirm_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the packetization layer wants to hear.
    pub fn poll_event(&mut self) -> Option<PlpmtudEvent> {
        if self.told == self.plpmtu {
            return None;
        }
        let previous = core::mem::replace(&mut self.told, self.plpmtu);
        Some(PlpmtudEvent::Changed {
            previous,
            plpmtu: self.plpmtu,
        })
    }

    /// A probe of `size` got through.
    fn plpmtu_probed(&mut self, size: u32, more: bool) {
        let event = if more {
            StepEvent::Acked
        } else {
            StepEvent::AckedLast
        };
        let (state, actions) = step(self.state, event);
        self.state = state;
        for action in actions {
            match action {
                Action::UseProbed => self.plpmtu = size,
                action => self.act(*action),
            }
        }
    }

    fn probe_lost(&mut self) {
        self.stats.lost += 1;
        let Some(attempt) = self.attempt.as_mut() else {
            return;
        };
        attempt.outstanding = None;
        attempt.lost = attempt.lost.saturating_add(1);
        if attempt.lost < self.config.max_probes {
            return;
        }
        let (size, purpose) = (attempt.size, attempt.purpose);
        self.attempt = None;
        match (purpose, self.state) {
            (Purpose::Confirm, _) => self.black_hole(),
            (Purpose::Search, State::Searching) => {
                self.range.fails(size);
                self.size_failed();
            }
            (Purpose::Search, _) => self.step(StepEvent::Exhausted),
        }
    }

    /// The size of the present attempt is too big.
    fn size_failed(&mut self) {
        self.attempt = None;
        if self.range.next(self.config.search).is_some() {
            self.step(StepEvent::SizeFailed);
        } else {
            self.step(StepEvent::Exhausted);
        }
    }

    fn black_hole(&mut self) {
        self.stats.black_holes += 1;
        self.step(StepEvent::BlackHole);
    }

    fn step(&mut self, event: StepEvent) {
        let (state, actions) = step(self.state, event);
        self.state = state;
        for action in actions {
            self.act(*action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Stop => {
                self.attempt = None;
                self.raise_at = None;
                self.confirm_at = None;
                self.data_losses = 0;
            }
            Action::UseMin => self.plpmtu = self.config.min_plpmtu,
            Action::UseBase => self.plpmtu = self.config.base_plpmtu,
            // Only an acknowledgment leads here, which knows the size.
            Action::UseProbed => {}
            Action::RestartSearch => self.begin_range(self.plpmtu),
            Action::ProbeBase => self.begin_attempt(self.config.base_plpmtu, Purpose::Search),
            Action::ProbeNext => match self.range.next(self.config.search) {
                Some(size) => self.begin_attempt(size, Purpose::Search),
                None => self.step(StepEvent::Exhausted),
            },
            Action::StartTimers => {
                // What a router has reported counts for one search.
                self.reported = None;
                // Nothing is larger than the largest size.
                let may_raise = self.plpmtu < self.config.max_plpmtu;
                self.raise_at = may_raise.then(|| self.latest + self.config.raise_timer);
                self.arm_confirmation();
            }
        }
    }

    fn arm_confirmation(&mut self) {
        // RFC 8899 §5.1.1 MUST (confirmation): not used where data is acknowledged.
        if self.state == State::SearchComplete {
            let timer = self.config.confirmation_timer;
            self.confirm_at = timer.map(|timer| self.latest + timer);
        }
    }

    fn begin_range(&mut self, fits: u32) {
        self.range = Range::new(fits, self.config.max_plpmtu);
        if let Some(reported) = self.reported {
            self.range.reported(reported);
        }
    }

    fn begin_attempt(&mut self, size: u32, purpose: Purpose) {
        self.attempt = Some(Attempt {
            size,
            purpose,
            lost: 0,
            first_id: self.next_id,
            outstanding: None,
        });
    }
}
