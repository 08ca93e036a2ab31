//! Duplicate address detection (RFC 4862 §5.4, RFC 4429, RFC 7527).

use super::config::IdentifierScheme;
use super::entry::{AddressOrigin, AddressState, Dad};
use super::table::{AddressEvent, AddressTable, RemovalReason};
use super::{InterfaceIdentifier, solicited_node};
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;

/// MAX_MULTICAST_SOLICIT: solicitations of a further round when one came back (RFC 7527 §4.1).
const LOOP_ROUND: u8 = 3;
/// Nonces kept of each address: those of one round and the one before.
const NONCES: usize = 8;

/// A Neighbor Solicitation to send: from the unspecified address, without a source link-layer
/// address option (RFC 4862 §5.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DadSolicitation {
    /// The address that is tested.
    pub target: Ipv6Addr,
    /// The IPv6 destination: the target's solicited-node group.
    pub destination: Ipv6Addr,
    /// What goes into a Nonce option (RFC 7527); `None` for no option.
    pub nonce: Option<[u8; 6]>,
}

/// What of a received Neighbor Solicitation matters to its target. The message passed the checks of
/// RFC 4861 §7.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolicitedTarget<'a> {
    /// The target address.
    pub target: Ipv6Addr,
    /// The IPv6 source; the unspecified address means that the sender tests the target.
    pub source: Ipv6Addr,
    /// The nonce, when there is a Nonce option.
    pub nonce: Option<&'a [u8]>,
}

/// What to do with a Neighbor Solicitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SolicitationVerdict {
    /// The target is no address of the interface.
    NotOurs,
    /// Answer with an advertisement.
    Advertise {
        /// The override flag of the answer: off for anycast addresses, whose answer is delayed too
        /// (RFC 4861 §7.2.7), and for optimistic ones (RFC 4429 §3.3).
        override_flag: bool,
        /// Whether the target is an anycast address.
        anycast: bool,
    },
    /// Ignore it: the target is still tested, and the sender only resolves it.
    Tentative,
    /// Ignore it: it is our own, come back.
    Looped,
    /// Ignore it; the address was another node's and is removed. An event tells.
    Duplicate,
}

/// What a received Neighbor Advertisement means for its target. It is for the neighbor cache as well
/// where it is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvertisementVerdict {
    /// The target is no address of the interface.
    NotOurs,
    /// The address that was tested is another node's and is removed. An event tells.
    Duplicate,
    /// Another node advertises an address that is assigned here. Nothing changes; an event tells.
    Conflict,
    /// The target is an anycast address, which others have as well.
    Anycast,
}

impl AddressTable {
    /// A Neighbor Solicitation has arrived.
    pub fn handle_solicitation(
        &mut self,
        now: Instant,
        solicited: &SolicitedTarget<'_>,
    ) -> SolicitationVerdict {
        let now = self.advance(now);
        let Some(entry) = self.find_mut(solicited.target) else {
            return SolicitationVerdict::NotOurs;
        };
        let anycast = entry.anycast;
        let state = entry.state();
        let from_tester = solicited.source.is_unspecified();
        // RFC 7527 §4.2 MUST: what carries a nonce of ours is our own, and dropped.
        let own = |own: &[u8; 6]| solicited.nonce == Some(own.as_slice());
        if from_tester && entry.nonces.iter().any(own) {
            if let Dad::Running { looped, .. } = &mut entry.dad {
                *looped = true;
            }
            self.stats.looped += 1;
            return SolicitationVerdict::Looped;
        }
        match state {
            // RFC 4862 §5.4.3 MUST (duplicate): a solicitation by another node that tests the same address.
            // RFC 4429 §3.3 MUST (duplicate): an optimistic address is given up like a tentative one.
            AddressState::Tentative | AddressState::Optimistic if from_tester => {
                self.duplicate(now, solicited.target);
                SolicitationVerdict::Duplicate
            }
            // RFC 4862 §5.4.3 MUST (resolution): one from a unicast address is silently ignored.
            AddressState::Tentative => {
                self.stats.tentative_targets += 1;
                SolicitationVerdict::Tentative
            }
            // RFC 4429 §3.3 MUST (no-override): the override flag is clear while the address is optimistic.
            AddressState::Optimistic => SolicitationVerdict::Advertise {
                override_flag: false,
                anycast,
            },
            // RFC 4861 §7.2.4 SHOULD (anycast): the override flag is clear for anycast addresses.
            AddressState::Preferred | AddressState::Deprecated => SolicitationVerdict::Advertise {
                override_flag: !anycast,
                anycast,
            },
        }
    }

    /// A Neighbor Advertisement has arrived that is not our own.
    pub fn handle_advertisement(&mut self, now: Instant, target: Ipv6Addr) -> AdvertisementVerdict {
        let now = self.advance(now);
        let Some(entry) = self.find_mut(target) else {
            return AdvertisementVerdict::NotOurs;
        };
        match entry.state() {
            _ if entry.anycast => AdvertisementVerdict::Anycast,
            // RFC 4862 §5.4.4 MUST (tentative): the tentative address is not unique.
            AddressState::Tentative | AddressState::Optimistic => {
                self.duplicate(now, target);
                AdvertisementVerdict::Duplicate
            }
            // RFC 4862 §5.4.4: what happens to an assigned address is left open; it stays.
            AddressState::Preferred | AddressState::Deprecated => {
                self.stats.conflicts += 1;
                self.push_event(AddressEvent::Conflict { address: target });
                AdvertisementVerdict::Conflict
            }
        }
    }

    /// The next solicitation to send.
    pub fn poll_transmit(&mut self) -> Option<DadSolicitation> {
        let enhanced = self.config.enhanced_dad;
        let entry = self.entries.iter_mut().find(|entry| entry.to_send)?;
        entry.to_send = false;
        let target = entry.address;
        // RFC 7527 §4.1 MUST (nonce): each probe carries a random nonce, which is kept.
        let nonce = enhanced.then(|| {
            let mut nonce = [0; 6];
            self.random.fill(&mut nonce);
            if entry.nonces.len() >= NONCES {
                entry.nonces.remove(0);
            }
            entry.nonces.push(nonce);
            nonce
        });
        self.stats.dad_solicitations += 1;
        Some(DadSolicitation {
            target,
            destination: solicited_node(target),
            nonce,
        })
    }

    /// Ends the test of an address whose solicitations keep coming back, as if it had succeeded
    /// (RFC 7527 §4.1: the probing may be stopped by hand). Says whether the address was being tested.
    pub fn stop_probing(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let now = self.advance(now);
        let Some(entry) = self.find_mut(address).filter(|it| it.dad != Dad::Done) else {
            return false;
        };
        entry.to_send = false;
        self.assign(now, address);
        self.run(now);
        true
    }

    /// Does what duplicate address detection has due for one address. Says whether there was any.
    pub(super) fn run_dad(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let (transmits, retrans_timer) = (self.config.dad_transmits, self.retrans_timer);
        let Some(entry) = self.find_mut(address) else {
            return false;
        };
        match &mut entry.dad {
            Dad::Waiting(at) if *at <= now => {
                // RFC 4862 §5.1 MUST (transmits-zero): zero solicitations mean no detection.
                // RFC 4862 §5.4 MUST (anycast): anycast addresses are not tested.
                if transmits == 0 || entry.anycast {
                    self.assign(now, address);
                    return true;
                }
                entry.dad = Dad::Running {
                    remaining: transmits,
                    next: now,
                    looped: false,
                };
                // RFC 4862 §5.4.2 MUST (join): the groups are joined before the solicitation is sent.
                self.join(address);
                true
            }
            Dad::Running {
                remaining,
                next,
                looped,
            } if *next <= now => {
                if *remaining == 0 && *looped {
                    // RFC 7527 §4.1 MUST (continue): another MAX_MULTICAST_SOLICIT after a loop.
                    *looped = false;
                    *remaining = LOOP_ROUND;
                }
                if let Some(left) = remaining.checked_sub(1) {
                    // RFC 4862 §5.4.2 MUST (transmits): DupAddrDetectTransmits, RetransTimer apart.
                    *remaining = left;
                    *next = now + retrans_timer;
                    entry.to_send = true;
                } else {
                    // RFC 4862 §5.4 MUST (unique): RetransTimer after the last without a sign of another.
                    self.assign(now, address);
                }
                true
            }
            _ => false,
        }
    }

    fn assign(&mut self, now: Instant, address: Ipv6Addr) {
        self.join(address);
        if let Some(entry) = self.find_mut(address) {
            entry.dad = Dad::Done;
            entry.deprecated = entry.preferred_until.is_some_and(|until| until <= now);
            self.push_event(AddressEvent::Assigned { address });
        }
    }

    /// The address that is tested belongs to another node.
    fn duplicate(&mut self, now: Instant, address: Ipv6Addr) {
        self.stats.duplicates += 1;
        let Some(entry) = self.take_entry(address) else {
            return;
        };
        let stable = matches!(self.config.identifiers, IdentifierScheme::Stable { .. });
        let retries = self.config.idgen_retries;
        let retry = match entry.origin {
            AddressOrigin::Manual => None,
            AddressOrigin::LinkLocal => {
                self.link_local_attempts = self.link_local_attempts.saturating_add(1);
                let again = stable && self.link_local_attempts <= retries;
                again.then(|| self.link_local()).flatten()
            }
            AddressOrigin::Autoconfigured => {
                let prefix = self.prefix_of_mut(address);
                let again = prefix.is_some_and(|prefix| {
                    prefix.attempts = prefix.attempts.saturating_add(1);
                    // RFC 7217 §6 MUST (retries): after IDGEN_RETRIES the configuration has failed.
                    prefix.suppressed = !stable || prefix.attempts > retries;
                    // RFC 7217 §6 MUST (counter): the next attempt has the next DAD_Counter.
                    prefix.dad_counter = prefix.dad_counter.saturating_add(1);
                    !prefix.suppressed
                });
                again.then(|| self.stable_address(address)).flatten()
            }
            AddressOrigin::Temporary => {
                let limit = self
                    .config
                    .temporary
                    .as_ref()
                    .map_or(0, |it| it.idgen_retries);
                let prefix = self.prefix_of_mut(address);
                let again = prefix.is_some_and(|prefix| {
                    prefix.temporary_attempts = prefix.temporary_attempts.saturating_add(1);
                    // RFC 8981 §3.4 MUST (retries): after TEMP_IDGEN_RETRIES no more are made for the prefix.
                    prefix.temporary_suppressed = prefix.temporary_attempts > limit;
                    !prefix.temporary_suppressed
                });
                let prefix = self.prefix_of(address).map(|it| it.prefix);
                prefix.filter(|_| again).and_then(|prefix| {
                    InterfaceIdentifier::random(&mut *self.random).in_prefix(prefix)
                })
            }
        };
        // An address that is there already, because it was configured by hand, needs no further one.
        let retry = retry.filter(|&next| self.get(next).is_none());
        self.push_event(AddressEvent::Duplicate { address, retry });
        self.push_event(AddressEvent::Removed {
            address,
            reason: RemovalReason::Duplicate,
        });
        if let Some(next) = retry {
            self.stats.retries += 1;
            // RFC 7217 §6 SHOULD (delay): a random delay of up to IDGEN_DELAY goes before the next attempt.
            let delay = if entry.origin == AddressOrigin::Temporary {
                Duration::ZERO
            } else {
                self.random_delay(self.config.idgen_delay)
            };
            let mut entry = entry;
            entry.address = next;
            entry.dad = Dad::Waiting(now + delay);
            entry.to_send = false;
            entry.joined = false;
            entry.nonces.clear();
            self.push_entry(entry);
        } else if entry.origin == AddressOrigin::LinkLocal {
            // RFC 4862 §5.4.5 SHOULD (disable): without its link-local address the interface has no IPv6.
            self.disable();
        }
        self.run(now);
    }
}
