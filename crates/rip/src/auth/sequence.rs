//! Sequence numbers: those that are sent, and the greatest that were received.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// What has to outlive a restart, so that neither this router's messages are taken for replays, nor
/// replays of its neighbors' for theirs.
///
/// Save it after each update, or whenever the process ends; it has no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SequenceState {
    /// The last number that was sent.
    pub sent: u32,
    /// The greatest number that was received of each neighbor with each key.
    pub received: Vec<NeighborSequence>,
}

/// The greatest sequence number that was received of a neighbor with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NeighborSequence {
    /// The neighbor.
    pub address: Ipv4Addr,
    /// The key's id.
    pub key_id: u8,
    /// The number.
    pub sequence_number: u32,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    sequence_number: u32,
    /// The neighbor timed out; its entry may make room for another.
    lost: bool,
}

/// Why a sequence number is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Replayed { last: u32 },
    Jump { last: u32 },
    Full,
}

/// The greatest number of each neighbor and key.
#[derive(Debug, Clone, Default)]
pub(super) struct Received {
    last: BTreeMap<(Ipv4Addr, u8), Last>,
}

impl Received {
    /// Whether a message with this number may be accepted, if its digest matches.
    // RFC 2082 §3.2.2 MUST (sequence): below the last is discarded, the same is not.
    pub(super) fn check(
        &self,
        from: (Ipv4Addr, u8),
        received: u32,
        limits: &super::AuthOptions,
    ) -> Result<(), Refused> {
        match self.last.get(&from) {
            None if self.last.len() < limits.max_neighbors || self.can_forget() => Ok(()),
            None => Err(Refused::Full),
            // RFC 2082 §3.2.2 MUST (zero): what lost its memory starts at zero; that counts
            // only once it is believed to be gone.
            Some(last) if received == 0 && last.lost && limits.accept_zero_when_lost => Ok(()),
            Some(&Last {
                sequence_number: last,
                ..
            }) => {
                let ahead = received
                    .checked_sub(last)
                    .ok_or(Refused::Replayed { last })?;
                if limits.max_jump.is_some_and(|max| ahead > max) {
                    return Err(Refused::Jump { last });
                }
                Ok(())
            }
        }
    }

    /// The message was authentic: its number is the last from now on.
    pub(super) fn accept(&mut self, from: (Ipv4Addr, u8), received: u32, max: usize) {
        if !self.last.contains_key(&from) && self.last.len() >= max {
            let lost = self.last.iter().find(|(_, last)| last.lost);
            if let Some(key) = lost.map(|(key, _)| *key) {
                self.last.remove(&key);
            }
        }
        let last = Last {
            sequence_number: received,
            lost: false,
        };
        self.last.insert(from, last);
    }

    /// The neighbor is not heard any more. Its numbers are kept.
    pub(super) fn lose(&mut self, address: Ipv4Addr) {
        for (_, last) in self.last.range_mut((address, 0)..=(address, u8::MAX)) {
            last.lost = true;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    pub(super) fn export(&self) -> Vec<NeighborSequence> {
        let export = |(&(address, key_id), last): (&(Ipv4Addr, u8), &Last)| NeighborSequence {
            address,
            key_id,
            sequence_number: last.sequence_number,
        };
        self.last.iter().map(export).collect()
    }

    /// Takes over saved numbers, up to `max`; a greater one that is known already stays.
    pub(super) fn restore(&mut self, saved: &[NeighborSequence], max: usize) {
        for entry in saved {
            let key = (entry.address, entry.key_id);
            if self.last.len() >= max && !self.last.contains_key(&key) {
                continue;
            }
            let last = self.last.entry(key).or_insert(Last {
                sequence_number: 0,
                lost: true,
            });
            last.sequence_number = last.sequence_number.max(entry.sequence_number);
        }
    }

    fn can_forget(&self) -> bool {
        self.last.values().any(|last| last.lost)
    }
}
