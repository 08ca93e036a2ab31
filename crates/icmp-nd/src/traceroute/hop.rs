//! What is known of a hop.

use super::event::{Answer, AnswerKind};
use crate::probe::RttStats;
use crate::wire::IcmpExtensions;
use alloc::vec::Vec;
use core::net::IpAddr;

/// One that answered for a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Responder {
    /// Who.
    pub address: IpAddr,
    /// What it answered last.
    pub kind: AnswerKind,
    /// Answers, duplicates not among them.
    pub answers: u64,
    /// Round-trip times.
    pub rtt: RttStats,
    /// The multi-part extension structure behind the last quote (RFC 4884 §7), as octets; empty where there is
    /// none.
    pub extensions: Vec<u8>,
    /// Hops that its last answer had left; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
}

impl Responder {
    /// The extensions as objects: MPLS labels, interfaces and others; `None` where there are none or they
    /// cannot be read.
    pub fn extension_objects(&self) -> Option<IcmpExtensions<'_>> {
        if self.extensions.is_empty() {
            return None;
        }
        IcmpExtensions::parse(&self.extensions, 0).ok()
    }
}

/// One hop of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// Its distance.
    pub ttl: u8,
    /// Probes made, those not among them that were too big and sent again.
    pub sent: u64,
    /// Probes answered, late ones among them.
    pub answered: u64,
    /// Probes that no answer to came in time, those answered late among them.
    pub timeouts: u64,
    /// First answers that came after the timeout.
    pub late: u64,
    /// Answers to probes that had been answered.
    pub duplicates: u64,
    /// First answers that came after the answer to a later probe.
    pub reordered: u64,
    /// Round-trip times of first answers.
    pub rtt: RttStats,
    /// Who answered, in order of appearance: several where load is shared.
    pub responders: Vec<Responder>,
    /// Octets of an IP packet that fit the way to this hop, where that is less than to the hop
    /// before.
    pub mtu: Option<u32>,
    /// The latest probe that was answered, for telling what is reordered.
    pub(super) highest_answered: Option<u32>,
}

impl Hop {
    pub(super) fn new(ttl: u8) -> Self {
        Self {
            ttl,
            sent: 0,
            answered: 0,
            timeouts: 0,
            late: 0,
            duplicates: 0,
            reordered: 0,
            rtt: RttStats::default(),
            responders: Vec::new(),
            mtu: None,
            highest_answered: None,
        }
    }

    /// Probes without an answer so far, those in flight among them.
    pub const fn missing(&self) -> u64 {
        self.sent.saturating_sub(self.answered)
    }

    /// Enters an answer. Says whether its responder is remembered.
    pub(super) fn record(
        &mut self,
        answer: &Answer,
        serial: u32,
        extensions: &[u8],
        max_responders: usize,
    ) -> bool {
        if answer.duplicate {
            self.duplicates += 1;
        } else {
            self.answered += 1;
            self.late += u64::from(answer.late);
            self.reordered += u64::from(answer.reordered);
            self.rtt.record(answer.rtt);
            self.highest_answered = self.highest_answered.max(Some(serial));
        }
        let known = self
            .responders
            .iter()
            .position(|responder| responder.address == answer.from);
        let at = match known {
            Some(at) => at,
            None if self.responders.len() < max_responders => {
                self.responders.push(Responder {
                    address: answer.from,
                    kind: answer.kind,
                    answers: 0,
                    rtt: RttStats::default(),
                    extensions: Vec::new(),
                    hop_limit: None,
                });
                self.responders.len() - 1
            }
            None => return false,
        };
        if let Some(responder) = self.responders.get_mut(at) {
            responder.kind = answer.kind;
            responder.hop_limit = answer.hop_limit;
            if responder.extensions != extensions {
                responder.extensions.clear();
                responder.extensions.extend_from_slice(extensions);
            }
            if !answer.duplicate {
                responder.answers += 1;
                responder.rtt.record(answer.rtt);
            }
        }
        true
    }
}
