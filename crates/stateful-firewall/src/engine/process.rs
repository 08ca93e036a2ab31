//! Packets one by one, and in batches.

use super::syn_proxy::Translated;
use super::{DropReason, Firewall, Path, Verdict};
use core::net::{Ipv4Addr, Ipv6Addr};
use flow_state::{FlowPacket, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::Match;
use packet_buffer::{Instant, PacketBuf};

/// How many packets of a batch are looked up together.
const BATCH: usize = 32;

impl Firewall {
    /// Says what is to be done with a packet, and takes it into the state of its session.
    ///
    /// The packet starts with its IP header; octets behind its end are left alone. It is changed
    /// only by [`FragmentMode::Reassemble`](crate::FragmentMode::Reassemble), and where the
    /// firewall answered the handshake.
    ///
    /// A session begins when its first packet is accepted, and only then: what is dropped leaves
    /// no state behind. Time that runs backwards counts as the latest seen.
    pub fn process(&mut self, now: Instant, path: &Path<'_>, packet: &mut PacketBuf) -> Verdict {
        let now = self.advance(now);
        if self.proxied > 0 {
            return self.process_proxied(now, path, packet);
        }
        self.process_plain(now, path, packet, None)
    }

    /// A packet that is not translated, or was already.
    #[inline]
    fn process_plain(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
        hint: Option<Match>,
    ) -> Verdict {
        // By reference: moving what was read costs as much as reading it.
        let read = FlowPacket::parse(packet.as_slice());
        let view = match &read {
            Ok(view) => view,
            Err(error) => {
                let error = *error;
                return self.malformed(now, path, packet.len(), error);
            }
        };
        if view.is_fragment() {
            return self.fragment(now, path, packet);
        }
        match self.inspect_quickly(now, path, view, hint) {
            Ok(passed) => {
                self.counters.accepted();
                let verdict = passed.verdict();
                if self.config.flow_log.is_some() {
                    self.records.flow_log(now, path, view, &verdict);
                }
                verdict
            }
            Err(judged) => {
                self.conclude(now, path, view, &judged);
                judged.verdict
            }
        }
    }

    /// A packet while there are sessions whose segments are translated.
    fn process_proxied(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let delta = match self.translate(now, path, packet) {
            Translated::Done(verdict) => return verdict,
            Translated::Onward(delta) => Some(delta),
            Translated::No => None,
        };
        let verdict = self.process_plain(now, path, packet, None);
        if let Some(delta) = delta
            && verdict.is_accept()
        {
            Self::onward(packet, delta);
        }
        verdict
    }

    /// As [`process`](Self::process) for many packets, which is several times as fast when there are
    /// many sessions: their look-ups overlap. The shortest of the slices says how many there are.
    pub fn process_batch(
        &mut self,
        now: Instant,
        paths: &[Path<'_>],
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let now = self.advance(now);
        let chunks = paths
            .chunks(BATCH)
            .zip(packets.chunks_mut(BATCH))
            .zip(verdicts.chunks_mut(BATCH));
        for ((paths, packets), verdicts) in chunks {
            self.chunk(now, paths, packets, verdicts);
        }
    }

    fn chunk(
        &mut self,
        now: Instant,
        paths: &[Path<'_>],
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        // What is looked up here only warms the cache and gives a hint: packets are still read and
        // held to their sessions one by one.
        let mut v4 = Hints::new(NO_V4);
        let mut v6 = Hints::new(NO_V6);
        let mut slots = [None; BATCH];
        for (packet, slot) in packets.iter().zip(&mut slots) {
            *slot = match FlowPacket::peek_key(packet.as_slice()) {
                Some(Key::V4(key)) => v4.push(key).map(Slot::V4),
                Some(Key::V6(key)) => v6.push(key).map(Slot::V6),
                None => None,
            };
        }
        v4.look_up(|keys, found| self.tables.v4.lookup_batch(now, keys, found));
        v6.look_up(|keys, found| self.tables.v6.lookup_batch(now, keys, found));
        for (((path, packet), verdict), slot) in paths.iter().zip(packets).zip(verdicts).zip(&slots)
        {
            let hint = match slot {
                Some(Slot::V4(at)) => v4.found(*at),
                Some(Slot::V6(at)) => v6.found(*at),
                None => None,
            };
            *verdict = if self.proxied > 0 {
                self.process_proxied(now, path, packet)
            } else {
                self.process_plain(now, path, packet, hint)
            };
        }
    }

    #[cold]
    pub(super) fn malformed(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        length: usize,
        error: flow_state::PacketError,
    ) -> Verdict {
        let verdict = Verdict::Drop(DropReason::Malformed(error));
        self.counters.record(&verdict);
        if self.config.log_invalid {
            self.log.unreadable(now, path, length, verdict);
        }
        verdict
    }
}

const NO_V4: Ipv4FlowKey =
    Ipv4FlowKey::new((Ipv4Addr::UNSPECIFIED, 0), (Ipv4Addr::UNSPECIFIED, 0), 0, 0);
const NO_V6: Ipv6FlowKey =
    Ipv6FlowKey::new((Ipv6Addr::UNSPECIFIED, 0), (Ipv6Addr::UNSPECIFIED, 0), 0, 0);

/// Where the hint for a packet of a batch stands.
#[derive(Clone, Copy)]
enum Slot {
    V4(usize),
    V6(usize),
}

/// Keys of a batch, and the sessions that they belong to.
struct Hints<K> {
    keys: [K; BATCH],
    found: [Option<Match>; BATCH],
    count: usize,
}

impl<K: Copy> Hints<K> {
    const fn new(none: K) -> Self {
        Self {
            keys: [none; BATCH],
            found: [None; BATCH],
            count: 0,
        }
    }

    fn push(&mut self, key: K) -> Option<usize> {
        *self.keys.get_mut(self.count)? = key;
        self.count += 1;
        Some(self.count - 1)
    }

    fn look_up(&mut self, look_up: impl FnOnce(&[K], &mut [Option<Match>])) {
        if let (Some(keys), Some(found)) = (
            self.keys.get(..self.count),
            self.found.get_mut(..self.count),
        ) {
            look_up(keys, found);
        }
    }

    fn found(&self, at: usize) -> Option<Match> {
        self.found.get(at).copied().flatten()
    }
}
