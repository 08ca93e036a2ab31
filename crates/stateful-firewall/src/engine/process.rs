//! Packets one by one, and in batches.

use super::syn_proxy::Translated;
use super::{DropReason, Firewall, Judged, Path, Verdict};
use flow_state::{FlowPacket, Key};
use flow_table::{Hint, look_ahead};
use packet_buffer::{Instant, PacketBuf};

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
        hint: Option<Hint>,
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
        let mut otherwise = Judged::pass(Verdict::Held);
        match self.inspect_quickly(now, path, view, hint, &mut otherwise) {
            Some(passed) => {
                self.counters.accepted();
                let verdict = passed.verdict();
                if self.config.flow_log.is_some() {
                    self.records.flow_log(now, path, view, &verdict);
                }
                verdict
            }
            None => {
                self.conclude(now, path, view, &otherwise);
                otherwise.verdict
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
    /// many sessions: those of 32 packets are fetched together. The shortest of the slices says how
    /// many there are.
    pub fn process_batch(
        &mut self,
        now: Instant,
        paths: &[Path<'_>],
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let now = self.advance(now);
        let count = paths.len().min(packets.len()).min(verdicts.len());
        let mut batch = Batch {
            firewall: self,
            packets,
            verdicts,
        };
        // What is fetched gives no more than a hint: packets are still read and held to their
        // sessions one by one.
        look_ahead(
            count,
            &mut batch,
            |batch, at| {
                let tables = &batch.firewall.tables;
                Some(
                    match FlowPacket::peek_key(batch.packets.get(at)?.as_slice())? {
                        Key::V4(key) => (false, tables.v4.fetch_index(&key)),
                        Key::V6(key) => (true, tables.v6.fetch_index(&key)),
                    },
                )
            },
            |batch, (is_v6, ahead)| {
                let tables = &batch.firewall.tables;
                if is_v6 {
                    tables.v6.fetch_flow(ahead)
                } else {
                    tables.v4.fetch_flow(ahead)
                }
            },
            |batch, at, hint| {
                if let (Some(path), Some(packet), Some(verdict)) = (
                    paths.get(at),
                    batch.packets.get_mut(at),
                    batch.verdicts.get_mut(at),
                ) {
                    *verdict = if batch.firewall.proxied > 0 {
                        batch.firewall.process_proxied(now, path, packet)
                    } else {
                        batch.firewall.process_plain(now, path, packet, hint)
                    };
                }
            },
        );
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

/// A batch that is under way.
struct Batch<'a> {
    firewall: &'a mut Firewall,
    packets: &'a mut [PacketBuf],
    verdicts: &'a mut [Verdict],
}
