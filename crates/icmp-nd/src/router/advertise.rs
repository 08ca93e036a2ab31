//! Sending Router Advertisements (RFC 4861 §6.2).

use super::Transmit;
use super::advertise_config::{AdvertiserConfig, AdvertiserConfigError};
use super::consistency::{Inconsistency, inconsistencies};
use crate::validation::ValidNd;
use crate::wire::{ALL_NODES, NdMessage, NdOptionRepr, NdRepr, RouterAdvertisementRepr};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use thiserror::Error;

/// MAX_INITIAL_RTR_ADVERTISEMENTS (RFC 4861 §10).
const MAX_INITIAL_RTR_ADVERTISEMENTS: u8 = 3;
/// MAX_INITIAL_RTR_ADVERT_INTERVAL (RFC 4861 §10).
const MAX_INITIAL_RTR_ADVERT_INTERVAL: Duration = Duration::from_secs(16);
/// MIN_DELAY_BETWEEN_RAS (RFC 4861 §10).
const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);
/// MAX_RA_DELAY_TIME (RFC 4861 §10).
const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);
/// Events that wait to be polled.
const MAX_EVENTS: usize = 64;

/// Whether an interface is an advertising one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdvertiserState {
    /// AdvSendAdvertisements is false: nothing is sent, and nothing answered.
    Off,
    /// The router advertises itself.
    Advertising,
    /// The final advertisements are being sent.
    Ceasing,
}

/// Why a message changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AdvertiserDiscard {
    /// The message is neither a Router Solicitation nor a Router Advertisement.
    #[error("the message is not for advertising routers")]
    NotForRouters,
    /// The interface does not advertise.
    #[error("the interface does not advertise")]
    NotAdvertising,
    /// An advertisement that comes from this router itself, or claims to.
    #[error("the advertisement comes from this router's own address")]
    Own,
}

/// What an administrator wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdvertiserEvent {
    /// Another router advertises something that contradicts this one. Told once a router and thing,
    /// until the configuration changes.
    Inconsistent {
        /// The other router.
        router: Ipv6Addr,
        /// What differs.
        what: Inconsistency,
    },
    /// The last advertisement was sent after [`Advertiser::stop`].
    Ceased,
}

/// What an advertiser has done and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdvertiserStats {
    /// Advertisements to all nodes, each counted once however many packets it took.
    pub multicast: u64,
    /// Advertisements to single hosts.
    pub unicast: u64,
    /// Packets that they took.
    pub packets: u64,
    /// Solicitations that were answered.
    pub solicitations: u64,
    /// Solicitations whose answer waited already.
    pub solicitations_merged: u64,
    /// Solicitations that everybody was answered for, because too many single answers waited.
    pub unicast_overflow: u64,
    /// Advertisements of other routers.
    pub advertisements_heard: u64,
    /// Contradictions in them.
    pub inconsistencies: u64,
    /// Events that found no room.
    pub events_dropped: u64,
    /// Messages that were ignored ([`AdvertiserDiscard`]).
    pub ignored: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    due: Instant,
    destination: Ipv6Addr,
    link_destination: Option<MacAddr>,
}

/// An advertisement that is written packet by packet.
struct Outgoing {
    transmit: Transmit,
    source: Ipv6Addr,
    fixed: RouterAdvertisementRepr,
    /// The options of each packet.
    parts: VecDeque<Vec<NdOptionRepr<'static>>>,
}

/// Advertises a router on one interface.
///
/// Give it the Router Solicitations and Router Advertisements that the interface receives, after
/// [`validation::nd`](crate::validation::nd).
///
/// ```
/// use icmp_nd::router::{AdvertisedPrefix, Advertiser, AdvertiserConfig};
/// use icmp_nd::wire::NdMessage;
/// use icmp_nd::{Instant, PacketBuf};
/// use packet_buffer::random::OsRandom;
/// use packet_buffer::wire::Ipv6Packet;
///
/// let config = AdvertiserConfig {
///     prefixes: vec![AdvertisedPrefix::new("2001:db8:1::/64".parse()?)],
///     ..AdvertiserConfig::default()
/// };
/// let mut advertiser = Advertiser::new(config, "fe80::1".parse()?, Box::new(OsRandom))?;
/// advertiser.start(Instant::ZERO);
///
/// let mut packet = PacketBuf::new();
/// let transmit = advertiser.poll_transmit(&mut packet).unwrap();
/// assert_eq!(transmit.destination, icmp_nd::wire::ALL_NODES);
/// let ip = Ipv6Packet::parse(packet.as_slice())?;
/// let NdMessage::RouterAdvertisement(advertisement) = NdMessage::parse(ip.payload())? else {
///     panic!("that is what it sends");
/// };
/// assert_eq!(advertisement.router_lifetime(), 1800);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Advertiser {
    config: AdvertiserConfig,
    random: Box<dyn RandomSource + Send>,
    latest: Instant,
    state: AdvertiserState,
    source: Ipv6Addr,
    /// Advertisements that still come at the initial pace.
    initial_left: u8,
    final_left: u8,
    /// What was advertised, and is not any more.
    withdrawn: Vec<NdOptionRepr<'static>>,
    /// Advertisements that still tell what was withdrawn.
    withdrawn_left: u8,
    /// When the next advertisement to all nodes is due.
    next: Option<Instant>,
    last_multicast: Option<Instant>,
    answers: Vec<Answer>,
    outgoing: VecDeque<Outgoing>,
    /// Contradictions that were told.
    told: BTreeSet<(Ipv6Addr, Inconsistency)>,
    events: VecDeque<AdvertiserEvent>,
    stats: AdvertiserStats,
}

impl Advertiser {
    /// An advertiser that is off. `source` is the link-local address of the interface.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense.
    pub fn new(
        config: AdvertiserConfig,
        source: Ipv6Addr,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, AdvertiserConfigError> {
        config.check()?;
        Ok(Self {
            config,
            random,
            latest: Instant::ZERO,
            state: AdvertiserState::Off,
            source,
            initial_left: 0,
            final_left: 0,
            withdrawn: Vec::new(),
            withdrawn_left: 0,
            next: None,
            last_multicast: None,
            answers: Vec::new(),
            outgoing: VecDeque::new(),
            told: BTreeSet::new(),
            events: VecDeque::new(),
            stats: AdvertiserStats::default(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &AdvertiserConfig {
        &self.config
    }

    /// Whether the interface advertises.
    pub fn state(&self) -> AdvertiserState {
        self.state
    }

    /// Counters.
    pub fn stats(&self) -> &AdvertiserStats {
        &self.stats
    }

    /// The interface becomes an advertising one: the first advertisement goes out as soon as may be.
    // RFC 4861 §6.2.4 SHOULD (initial): the first three follow each other within 16 seconds.
    pub fn start(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.state == AdvertiserState::Advertising {
            return;
        }
        self.state = AdvertiserState::Advertising;
        self.final_left = 0;
        self.begin_initial();
    }

    /// The interface ceases to advertise: the final advertisements tell hosts that this is no default
    /// router any more.
    // RFC 4861 §6.2.5 SHOULD (final): up to three advertisements with a router lifetime of zero.
    pub fn stop(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.state != AdvertiserState::Advertising {
            return;
        }
        self.state = AdvertiserState::Ceasing;
        self.answers.clear();
        self.final_left = self.config.final_advertisements;
        self.multicast_soon();
    }

    /// Changes what is advertised, at once. What is not advertised any more is told with lifetimes of
    /// zero for three advertisements, so that hosts stop using it.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense; the old one stays.
    pub fn set_config(
        &mut self,
        now: Instant,
        config: AdvertiserConfig,
    ) -> Result<(), AdvertiserConfigError> {
        self.latest = self.latest.max(now);
        config.check()?;
        if self.state == AdvertiserState::Advertising {
            self.withdrawn = self.config.withdrawn_by(&config);
            self.withdrawn_left = MAX_INITIAL_RTR_ADVERTISEMENTS;
            self.begin_initial_with(config);
        } else {
            self.config = config;
        }
        self.told.clear();
        Ok(())
    }

    /// The link-local address of the interface has changed: hosts, who know the router by it, are
    /// told that the old router is gone and a new one there.
    // RFC 4861 §6.2.8 SHOULD: final advertisements come from the old address, initial ones from the new.
    pub fn set_source(&mut self, now: Instant, source: Ipv6Addr) {
        self.latest = self.latest.max(now);
        let old = core::mem::replace(&mut self.source, source);
        if old == source || self.state != AdvertiserState::Advertising {
            return;
        }
        self.queue(Transmit::to_group(ALL_NODES), old, true);
        self.last_multicast = Some(self.latest);
        self.begin_initial();
    }

    /// A Router Solicitation or Router Advertisement has arrived.
    ///
    /// # Errors
    ///
    /// When it changed nothing.
    pub fn handle_input(
        &mut self,
        now: Instant,
        message: &ValidNd<'_>,
    ) -> Result<(), AdvertiserDiscard> {
        let result = match message.message() {
            // RFC 4861 §6.2.6 MUST NOT (hosts): a host, or an interface that is off, never answers.
            _ if self.state != AdvertiserState::Advertising => {
                Err(AdvertiserDiscard::NotAdvertising)
            }
            NdMessage::RouterSolicitation(solicitation) => {
                self.latest = self.latest.max(now);
                let link = solicitation.options().source_mac();
                self.solicited(message.source(), link);
                Ok(())
            }
            NdMessage::RouterAdvertisement(_) if message.source() == self.source => {
                Err(AdvertiserDiscard::Own)
            }
            NdMessage::RouterAdvertisement(advertisement) => {
                self.latest = self.latest.max(now);
                self.stats.advertisements_heard += 1;
                let found: Vec<Inconsistency> =
                    inconsistencies(&self.config, advertisement, self.latest).collect();
                for what in found {
                    self.contradicted(message.source(), what);
                }
                Ok(())
            }
            _ => Err(AdvertiserDiscard::NotForRouters),
        };
        self.stats.ignored += u64::from(result.is_err());
        result
    }

    /// The time is `now`: advertises when that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.next.is_some_and(|at| at <= self.latest) {
            self.multicast();
        }
        let latest = self.latest;
        let mut due = Vec::new();
        self.answers.retain(|answer| {
            if answer.due <= latest {
                due.push(*answer);
            }
            answer.due > latest
        });
        for answer in due {
            self.stats.unicast += 1;
            let transmit = Transmit {
                destination: answer.destination,
                link_destination: answer.link_destination,
            };
            self.queue(transmit, self.source, false);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let answers = self.answers.iter().map(|answer| answer.due);
        answers.chain(self.next).min()
    }

    /// Writes the next packet into `out`, behind nothing, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        loop {
            let outgoing = self.outgoing.front_mut()?;
            let Some(options) = outgoing.parts.pop_front() else {
                self.outgoing.pop_front();
                continue;
            };
            let (transmit, source) = (outgoing.transmit, outgoing.source);
            let message = NdRepr::RouterAdvertisement(outgoing.fixed);
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            // Every option was checked with the configuration.
            if message
                .emit_packet(&options, out, source, transmit.destination)
                .is_ok()
            {
                self.stats.packets += 1;
                return Some(transmit);
            }
        }
    }

    /// What an administrator wants to hear next.
    pub fn poll_event(&mut self) -> Option<AdvertiserEvent> {
        self.events.pop_front()
    }

    fn begin_initial_with(&mut self, config: AdvertiserConfig) {
        self.config = config;
        self.begin_initial();
    }

    fn begin_initial(&mut self) {
        self.initial_left = MAX_INITIAL_RTR_ADVERTISEMENTS;
        self.multicast_soon();
    }

    /// Tells all nodes now, or as soon as the rate allows.
    fn multicast_soon(&mut self) {
        let at = self.earliest(self.latest);
        if at <= self.latest {
            self.multicast();
        } else {
            self.next = Some(at);
        }
    }

    /// The first moment from `at` on when all nodes may be told.
    // RFC 4861 §6.2.6 MUST (rate): advertisements to all nodes are three seconds apart at least.
    fn earliest(&self, at: Instant) -> Instant {
        match self.last_multicast {
            Some(last) => at.max(last + MIN_DELAY_BETWEEN_RAS),
            None => at,
        }
    }

    /// Whoever sends a solicitation is answered within half a second, if the rate allows.
    fn solicited(&mut self, source: Ipv6Addr, link: Option<MacAddr>) {
        self.stats.solicitations += 1;
        // RFC 4861 §6.2.6 MUST (delay): an answer is delayed by 0 to MAX_RA_DELAY_TIME.
        let delay = self.between(Duration::ZERO, MAX_RA_DELAY_TIME);
        let due = self.latest + delay;
        // RFC 4861 §6.2.6 MAY (unicast): a solicitation with a source is answered to it alone.
        // RFC 4861 §6.2.6 MUST (unspecified): one without is answered to all nodes.
        if self.config.unicast_answers && !source.is_unspecified() {
            if self.answers.iter().any(|it| it.destination == source) {
                self.stats.solicitations_merged += 1;
                return;
            }
            if self.answers.len() < self.config.max_unicast_answers {
                self.answers.push(Answer {
                    due,
                    destination: source,
                    link_destination: link,
                });
                return;
            }
            self.stats.unicast_overflow += 1;
        }
        let due = self.earliest(due);
        // RFC 4861 §6.2.6 MUST (pending): one that is due earlier anyway is the answer.
        if self.next.is_some_and(|next| next <= due) {
            self.stats.solicitations_merged += 1;
            return;
        }
        self.next = Some(due);
    }

    /// Tells all nodes, and plans the next time.
    fn multicast(&mut self) {
        let is_final = self.state == AdvertiserState::Ceasing;
        self.stats.multicast += 1;
        self.last_multicast = Some(self.latest);
        self.queue(Transmit::to_group(ALL_NODES), self.source, is_final);
        if self.withdrawn_left > 0 {
            self.withdrawn_left -= 1;
            if self.withdrawn_left == 0 {
                self.withdrawn.clear();
            }
        }
        if is_final {
            self.final_left = self.final_left.saturating_sub(1);
            if self.final_left == 0 {
                self.state = AdvertiserState::Off;
                self.next = None;
                self.push(AdvertiserEvent::Ceased);
                return;
            }
            self.next = Some(self.latest + MIN_DELAY_BETWEEN_RAS);
            return;
        }
        // RFC 4861 §6.2.4 MUST (random): each interval is drawn evenly between minimum and maximum.
        let (min, max) = (
            self.config.effective_min_interval(),
            self.config.max_interval,
        );
        let mut interval = self.between(min, max);
        if self.initial_left > 0 {
            self.initial_left -= 1;
            // The first of them has been sent, so two intervals are short.
            if self.initial_left > 0 {
                interval = interval.min(MAX_INITIAL_RTR_ADVERT_INTERVAL);
            }
        }
        self.next = Some(self.latest + interval);
    }

    /// Prepares an advertisement, in as many packets as its options need.
    // RFC 4861 §6.2.3 MAY (split): options that do not fit the MTU go into further advertisements.
    fn queue(&mut self, transmit: Transmit, source: Ipv6Addr, is_final: bool) {
        let room = self.config.room();
        let mut parts: VecDeque<Vec<NdOptionRepr<'static>>> = VecDeque::from([Vec::new()]);
        let mut used = 0;
        let options = self.config.to_options(self.latest, is_final);
        let withdrawn = self.withdrawn.iter().cloned();
        for option in options.into_iter().chain(withdrawn) {
            let Ok(length) = option.wire_len() else {
                continue;
            };
            if used + length > room {
                parts.push_back(Vec::new());
                used = 0;
            }
            used += length;
            if let Some(part) = parts.back_mut() {
                part.push(option);
            }
        }
        let outgoing = Outgoing {
            transmit,
            source,
            fixed: self.config.to_repr(is_final),
            parts,
        };
        // One that waits for the same destination is out of date.
        self.outgoing
            .retain(|it| it.transmit != transmit || it.source != source);
        self.outgoing.push_back(outgoing);
    }

    fn contradicted(&mut self, router: Ipv6Addr, what: Inconsistency) {
        self.stats.inconsistencies += 1;
        // RFC 4861 §6.2.7 SHOULD (log): told to the administrator, who does not want to hear it with
        // every advertisement.
        if self.told.len() >= MAX_EVENTS || !self.told.insert((router, what)) {
            return;
        }
        self.push(AdvertiserEvent::Inconsistent { router, what });
    }

    fn push(&mut self, event: AdvertiserEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.stats.events_dropped += 1;
            return;
        }
        self.events.push_back(event);
    }

    /// A time drawn evenly from `min` to `max`.
    fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let span = max.saturating_sub(min).as_micros();
        let span = u32::try_from(span).unwrap_or(u32::MAX - 1);
        min + Duration::from_micros(u64::from(self.random.below(span + 1)))
    }
}

impl fmt::Debug for Advertiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advertiser")
            .field("state", &self.state)
            .field("source", &self.source)
            .field("next", &self.next)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
