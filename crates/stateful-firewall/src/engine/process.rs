//! Packets one by one, and in batches.

use super::syn_proxy::Translated;
use super::{DropReason, Firewall, Path, Verdict};
use flow_state::{FlowPacket, Ipv4FlowKey};
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
        let view = match FlowPacket::parse(packet.as_slice()) {
            Ok(view) => view,
            Err(error) => return self.malformed(now, path, packet.len(), error),
        };
        if view.is_fragment() {
            return self.fragment(now, path, packet);
        }
        let judged = self.inspect(now, path, &view, hint);
        self.conclude(now, path, &view, &judged);
        judged.verdict
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
        let none = Ipv4FlowKey::new(
            (core::net::Ipv4Addr::UNSPECIFIED, 0),
            (core::net::Ipv4Addr::UNSPECIFIED, 0),
            0,
            0,
        );
        let mut keys = [none; BATCH];
        let mut slots = [usize::MAX; BATCH];
        let mut hints = [None; BATCH];
        let mut count = 0;
        for (packet, slot) in packets.iter().zip(&mut slots) {
            if let Some(key) = quick_key(packet.as_slice())
                && let Some(place) = keys.get_mut(count)
            {
                *place = key;
                *slot = count;
                count += 1;
            }
        }
        if let (Some(keys), Some(hints)) = (keys.get(..count), hints.get_mut(..count)) {
            self.tables.v4.lookup_batch(now, keys, hints);
        }
        for (((path, packet), verdict), slot) in paths.iter().zip(packets).zip(verdicts).zip(&slots)
        {
            let hint = hints.get(*slot).copied().flatten();
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

/// The key of an ordinary IPv4 packet, without checking it: for a look-up that only warms the cache,
/// and whose result is used only if the packet turns out to have this key.
#[inline]
fn quick_key(octets: &[u8]) -> Option<Ipv4FlowKey> {
    let head: &[u8; 24] = octets.first_chunk()?;
    let protocol = head[9];
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 || !matches!(protocol, 6 | 17) {
        return None;
    }
    let address = |at: usize| -> Option<core::net::Ipv4Addr> {
        Some((*octets.get(at..)?.first_chunk::<4>()?).into())
    };
    Some(Ipv4FlowKey::new(
        (address(12)?, u16::from_be_bytes([head[20], head[21]])),
        (address(16)?, u16::from_be_bytes([head[22], head[23]])),
        protocol,
        0,
    ))
}
