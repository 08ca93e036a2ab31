//! What a host asks of its own accord: echo, and the questions of `icmp_nd::query`.

use super::Note;
use alloc::collections::VecDeque;
use anyhow::Result;
use core::net::{IpAddr, Ipv6Addr};
use icmp_nd::host::Host;
use icmp_nd::ping::{PingConfig, Pinger, Target, TargetId};
use icmp_nd::query::{Querier, QuerierConfig, Question};
use packet_buffer::random::OsRandom;
use packet_buffer::{Instant, PacketBuf};

/// Pings and questions, those that run and those that wait for an address.
#[derive(Debug)]
pub(super) struct Probes {
    pinger: Pinger,
    targets: Vec<(TargetId, IpAddr)>,
    queriers: Vec<(IpAddr, Querier)>,
    waiting_targets: Vec<IpAddr>,
    waiting_questions: Vec<(IpAddr, Question)>,
    time_of_day_at_zero: u64,
}

impl Probes {
    pub(super) fn new(
        config: PingConfig,
        targets: Vec<IpAddr>,
        questions: Vec<(IpAddr, Question)>,
    ) -> Result<Self> {
        Ok(Self {
            pinger: Pinger::new(config, Box::new(OsRandom))?,
            targets: Vec::new(),
            queriers: Vec::new(),
            waiting_targets: targets,
            waiting_questions: questions,
            time_of_day_at_zero: 0,
        })
    }

    /// The time of day at the clock's zero, in milliseconds since midnight UT: timestamps carry it.
    pub(super) const fn set_time_of_day_at_zero(&mut self, millis: u64) {
        self.time_of_day_at_zero = millis;
    }

    /// Starts those for which there is a source and a way now.
    pub(super) fn start(&mut self, now: Instant, host: &Host, notes: &mut VecDeque<Note>) {
        let (pinger, targets) = (&mut self.pinger, &mut self.targets);
        self.waiting_targets.retain(|destination| {
            let Some(source) = source_for(host, *destination) else {
                return true;
            };
            match pinger.add_target(now, Target::new(source, *destination)) {
                Ok(id) => targets.push((id, *destination)),
                Err(why) => notes.push_back(Note::NotAsked {
                    destination: *destination,
                    why: why.to_string(),
                }),
            }
            false
        });
        let queriers = &mut self.queriers;
        self.waiting_questions.retain(|(destination, question)| {
            let Some(source) = source_for(host, *destination) else {
                return true;
            };
            let config = QuerierConfig {
                time_of_day_at_zero: self.time_of_day_at_zero,
                ..QuerierConfig::new(source, *destination, question.clone())
            };
            match Querier::new(now, config, Box::new(OsRandom)) {
                Ok(querier) => queriers.push((*destination, querier)),
                Err(why) => notes.push_back(Note::NotAsked {
                    destination: *destination,
                    why: why.to_string(),
                }),
            }
            false
        });
    }

    pub(super) fn handle_input(&mut self, now: Instant, packet: &[u8]) {
        // Each takes what is its own; the counters tell of the rest.
        let _ = self.pinger.handle_input(now, packet);
        for (_, querier) in &mut self.queriers {
            let _ = querier.handle_input(now, packet);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.pinger.handle_timeout(now);
        for (_, querier) in &mut self.queriers {
            querier.handle_timeout(now);
        }
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<IpAddr> {
        if let Some(transmit) = self.pinger.poll_transmit(out) {
            return Some(transmit.destination);
        }
        self.queriers
            .iter_mut()
            .find_map(|(_, querier)| querier.poll_transmit(out))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let queriers = self.queriers.iter().filter_map(|it| it.1.poll_timeout());
        queriers.chain(self.pinger.poll_timeout()).min()
    }

    pub(super) fn poll_note(&mut self) -> Option<Note> {
        if let Some(event) = self.pinger.poll_event() {
            let id = match &event {
                icmp_nd::ping::Event::Reply(reply) => Some(reply.target),
                icmp_nd::ping::Event::Error { target, .. }
                | icmp_nd::ping::Event::Timeout { target, .. }
                | icmp_nd::ping::Event::Finished { target } => Some(*target),
                _ => None,
            };
            let found = self.targets.iter().find(|(target, _)| Some(*target) == id);
            let target = found.map(|(_, address)| *address);
            if let (icmp_nd::ping::Event::Finished { target: id }, Some(target)) = (&event, target)
                && let Some(stats) = self.pinger.target_stats(*id)
            {
                return Some(Note::Pinged {
                    target,
                    stats: stats.clone(),
                });
            }
            return Some(Note::Ping { target, event });
        }
        self.queriers.iter_mut().find_map(|(asked, querier)| {
            let event = querier.poll_event()?;
            Some(Note::Query {
                asked: *asked,
                event,
            })
        })
    }

    pub(super) fn is_finished(&self) -> bool {
        let pings = self.targets.is_empty() || self.pinger.is_finished();
        let any = !self.targets.is_empty() || !self.queriers.is_empty();
        let waits = !self.waiting_targets.is_empty() || !self.waiting_questions.is_empty();
        any && !waits && pings && self.queriers.iter().all(|(_, it)| it.is_settled())
    }
}

/// From which address to ask `destination`, when a packet can go there: not from a link-local address
/// beyond the link, and only when a prefix or a router leads there.
fn source_for(host: &Host, destination: IpAddr) -> Option<IpAddr> {
    let source = host.select_source(destination)?;
    let (IpAddr::V6(from), IpAddr::V6(to)) = (source, destination) else {
        return Some(source);
    };
    let stays = |address: Ipv6Addr| address.is_unicast_link_local() || address.is_multicast();
    if stays(to) {
        return Some(source);
    }
    let nd = host.nd();
    let is_reachable = nd.is_on_link(to) || nd.routes().iter().any(|it| it.prefix.contains(to));
    (is_reachable && !stays(from)).then_some(source)
}
