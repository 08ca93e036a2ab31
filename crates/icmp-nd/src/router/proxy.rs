//! Answering Neighbor Solicitations for others (RFC 4861 §7.2.8).

use super::Transmit;
use crate::validation::ValidNd;
use crate::wire::{ALL_NODES, NdMessage, NdOptionRepr, NdRepr, NeighborAdvertisementRepr};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::wire::{Ipv6Prefix, MacAddr};
use packet_buffer::{Instant, PacketBuf, RandomSource};
use thiserror::Error;

/// How a [`Proxy`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The link-layer address that is told: this router's.
    pub link_address: MacAddr,
    /// The source of the answers, an address of the interface.
    pub source: Ipv6Addr,
    /// Whether answers say that the target is a router. Default: true.
    pub is_router: bool,
    /// MAX_ANYCAST_DELAY_TIME: the longest delay of an answer. Default: 1 s.
    pub max_delay: Duration,
    /// Answers that wait at a time, from 1; beyond, solicitations are ignored. Default: 256.
    pub max_answers: usize,
    /// Addresses and prefixes that may be added, from 1. Default: 4,096.
    pub max_targets: usize,
}

impl ProxyConfig {
    /// The defaults for an interface.
    pub const fn new(link_address: MacAddr, source: Ipv6Addr) -> Self {
        Self {
            link_address,
            source,
            is_router: true,
            max_delay: Duration::from_secs(1),
            max_answers: 256,
            max_targets: 4_096,
        }
    }
}

/// What is wrong with a [`ProxyConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("max_answers and max_targets are at least 1")]
pub struct ProxyConfigError;

/// Why a solicitation is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProxyDiscard {
    /// The message is not a Neighbor Solicitation.
    #[error("the message is not a Neighbor Solicitation")]
    NotASolicitation,
    /// Nobody asked to answer for the target.
    #[error("the target is not proxied")]
    NotProxied,
    /// Too many answers wait.
    #[error("too many answers wait")]
    Full,
}

/// What a proxy has done and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProxyStats {
    /// Answers that were sent.
    pub answered: u64,
    /// Solicitations whose answer waited already.
    pub merged: u64,
    /// Solicitations for others ([`ProxyDiscard::NotProxied`],
    /// [`ProxyDiscard::NotASolicitation`]).
    pub not_proxied: u64,
    /// Solicitations that found no room ([`ProxyDiscard::Full`]).
    pub full: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    due: Instant,
    target: Ipv6Addr,
    /// Whom to answer; `None` for all nodes, when the solicitation had no source.
    to: Option<Ipv6Addr>,
    link: Option<MacAddr>,
}

/// Answers on one interface for addresses that are elsewhere: behind the router, or away from home.
///
/// The interface has to join the solicited-node groups of the targets, or listen to all. Which
/// solicitations of a whole prefix are answered is for the caller to say
/// ([`handle_input_if`](Self::handle_input_if)): one that answers for addresses that do not exist
/// becomes a target for scans.
pub struct Proxy {
    config: ProxyConfig,
    random: Box<dyn RandomSource + Send>,
    latest: Instant,
    targets: BTreeSet<Ipv6Prefix>,
    answers: BTreeSet<Answer>,
    outgoing: VecDeque<Answer>,
    stats: ProxyStats,
}

impl Proxy {
    /// A proxy for nobody yet.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense.
    pub fn new(
        config: ProxyConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ProxyConfigError> {
        if config.max_answers == 0 || config.max_targets == 0 {
            return Err(ProxyConfigError);
        }
        Ok(Self {
            config,
            random,
            latest: Instant::ZERO,
            targets: BTreeSet::new(),
            answers: BTreeSet::new(),
            outgoing: VecDeque::new(),
            stats: ProxyStats::default(),
        })
    }

    /// Counters.
    pub fn stats(&self) -> &ProxyStats {
        &self.stats
    }

    /// Answers for all addresses of `targets` from now on. False when there is no room.
    pub fn add(&mut self, targets: Ipv6Prefix) -> bool {
        if self.targets.len() >= self.config.max_targets && !self.targets.contains(&targets) {
            return false;
        }
        self.targets.insert(targets);
        true
    }

    /// Does not answer for `targets` any more; answers that wait are dropped.
    pub fn remove(&mut self, targets: Ipv6Prefix) {
        self.targets.remove(&targets);
        let left = &self.targets;
        let stays = |answer: &Answer| left.iter().any(|it| it.contains(answer.target));
        self.answers.retain(stays);
        self.outgoing.retain(stays);
    }

    /// Changes the source of the answers; while it is unspecified, none is given.
    pub fn set_source(&mut self, source: Ipv6Addr) {
        self.config.source = source;
    }

    /// Whether the proxy answers for `target`.
    pub fn answers_for(&self, target: Ipv6Addr) -> bool {
        // Prefixes that hold an address are prefixes of it: at most one of each length.
        (0..=Ipv6Prefix::MAX_LENGTH).rev().any(|length| {
            Ipv6Prefix::new(target, length).is_some_and(|prefix| self.targets.contains(&prefix))
        })
    }

    /// A Neighbor Solicitation has arrived that is not for one of the interface's own addresses.
    ///
    /// # Errors
    ///
    /// Why it is not answered.
    pub fn handle_input(
        &mut self,
        now: Instant,
        message: &ValidNd<'_>,
    ) -> Result<(), ProxyDiscard> {
        let is_target = match message.message() {
            NdMessage::NeighborSolicitation(it) => self.answers_for(it.target()),
            _ => false,
        };
        self.handle_input_if(now, message, is_target)
    }

    /// The same, where the caller decides whether the target is proxied.
    ///
    /// # Errors
    ///
    /// Why it is not answered.
    pub fn handle_input_if(
        &mut self,
        now: Instant,
        message: &ValidNd<'_>,
        is_target: bool,
    ) -> Result<(), ProxyDiscard> {
        let result = self.solicited(now, message, is_target);
        match result {
            Err(ProxyDiscard::Full) => self.stats.full += 1,
            Err(_) => self.stats.not_proxied += 1,
            Ok(()) => {}
        }
        result
    }

    fn solicited(
        &mut self,
        now: Instant,
        message: &ValidNd<'_>,
        is_target: bool,
    ) -> Result<(), ProxyDiscard> {
        let NdMessage::NeighborSolicitation(solicitation) = message.message() else {
            return Err(ProxyDiscard::NotASolicitation);
        };
        if !is_target || self.config.source.is_unspecified() {
            return Err(ProxyDiscard::NotProxied);
        }
        let target = solicitation.target();
        let source = message.source();
        let to = (!source.is_unspecified()).then_some(source);
        let waits = |answer: &Answer| answer.target == target && answer.to == to;
        if self.answers.iter().chain(&self.outgoing).any(waits) {
            self.latest = self.latest.max(now);
            self.stats.merged += 1;
            return Ok(());
        }
        if self.answers.len() + self.outgoing.len() >= self.config.max_answers {
            return Err(ProxyDiscard::Full);
        }
        self.latest = self.latest.max(now);
        // RFC 4861 §7.2.8 SHOULD (delay): the node itself, if it is there, answers first.
        let span = u32::try_from(self.config.max_delay.as_micros()).unwrap_or(u32::MAX - 1);
        let delay = Duration::from_micros(u64::from(self.random.below(span + 1)));
        self.answers.insert(Answer {
            due: self.latest + delay,
            target,
            to,
            link: solicitation.options().source_mac(),
        });
        Ok(())
    }

    /// The time is `now`: answers that are due go out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        while let Some(answer) = self.answers.first().copied()
            && answer.due <= self.latest
        {
            self.answers.remove(&answer);
            self.outgoing.push_back(answer);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.answers.first().map(|answer| answer.due)
    }

    /// Writes the next answer into `out`, behind nothing, and says where it goes.
    // RFC 4861 §7.2.8 MUST (override): proxied advertisements have the O flag clear, so that the node
    // itself takes precedence.
    // RFC 4861 §7.2.8 MUST (link-address): they tell the proxy's own link-layer address.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        let answer = self.outgoing.pop_front()?;
        let transmit = match answer.to {
            Some(destination) => Transmit {
                destination,
                link_destination: answer.link,
            },
            None => Transmit::to_group(ALL_NODES),
        };
        let message = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
            router: self.config.is_router,
            solicited: answer.to.is_some(),
            override_: false,
            target: answer.target,
        });
        let options = [NdOptionRepr::TargetLinkLayerAddress(
            self.config.link_address,
        )];
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let source = self.config.source;
        message
            .emit_packet(&options, out, source, transmit.destination)
            .ok()?;
        self.stats.answered += 1;
        Some(transmit)
    }

    /// The targets, in order.
    pub fn targets(&self) -> Vec<Ipv6Prefix> {
        self.targets.iter().copied().collect()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("targets", &self.targets.len())
            .field("waiting", &self.answers.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
