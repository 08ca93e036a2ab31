//! Packets one by one, and in batches.

use super::syn_proxy::Translated;
use super::{DropReason, Firewall, Path, Verdict};
use core::net::{Ipv4Addr, Ipv6Addr};
use flow_state::{FlowPacket, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::Match;
use packet_buffer::wire::IpProtocol;
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
        // What is looked up here only warms the cache and gives a hint: packets are still read and
        // held to their sessions one by one.
        let mut v4 = Hints::new(NO_V4);
        let mut v6 = Hints::new(NO_V6);
        let mut slots = [None; BATCH];
        for (packet, slot) in packets.iter().zip(&mut slots) {
            *slot = match quick_key(packet.as_slice()) {
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

/// The key of an ordinary TCP or UDP packet, without checking it: whole, without options or extension headers.
/// If the packet turns out to be readable, this is its key.
#[inline]
fn quick_key(octets: &[u8]) -> Option<Key> {
    let ports = |at: usize| -> Option<(u16, u16)> {
        let &[a, b, c, d] = octets.get(at..)?.first_chunk::<4>()?;
        Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    };
    let is_ordinary = |protocol| matches!(IpProtocol(protocol), IpProtocol::TCP | IpProtocol::UDP);
    match octets {
        [0x45, _, _, _, _, _, flags, offset, _, protocol, ..] if is_ordinary(*protocol) => {
            if u16::from_be_bytes([*flags, *offset]) & 0x3fff != 0 {
                return None;
            }
            let address = |at: usize| octets.get(at..)?.first_chunk::<4>().copied();
            let (source, destination) = ports(20)?;
            Some(Key::V4(Ipv4FlowKey::new(
                (address(12)?.into(), source),
                (address(16)?.into(), destination),
                *protocol,
                0,
            )))
        }
        [0x60..=0x6f, _, _, _, _, _, protocol, ..] if is_ordinary(*protocol) => {
            let address = |at: usize| octets.get(at..)?.first_chunk::<16>().copied();
            let (source, destination) = ports(40)?;
            Some(Key::V6(Ipv6FlowKey::new(
                (address(8)?.into(), source),
                (address(24)?.into(), destination),
                *protocol,
                0,
            )))
        }
        _ => None,
    }
}
