//! Fragments: they wait until the whole packet can be inspected.

use super::answer::Transmit;
use super::config::{FirewallConfig, FragmentMode};
use super::verdict::{DropReason, Path, Verdict};
use super::{Firewall, Judged};
use crate::facts::InterfaceId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use flow_state::FlowPacket;
use packet_buffer::fragment::{
    FragmentDiscard, FragmentKey, Reassembler, ReassemblerConfigError, Reassembly, ReassemblyEvent,
};
use packet_buffer::{Instant, PacketBuf};

/// The most fragments that wait for [`poll_transmit`](Firewall::poll_transmit).
const MOST_RELEASED: usize = 4_096;

pub(super) struct Fragments {
    mode: FragmentMode,
    reassembler: Reassembler,
    /// Fragments as they came, by packet. Held to the reassembler's bounds: whatever it holds of a
    /// packet stands here once more, and nothing else does.
    waiting: BTreeMap<FragmentKey, Vec<PacketBuf>>,
    released: VecDeque<(Option<InterfaceId>, PacketBuf)>,
    whole: PacketBuf,
}

impl Fragments {
    pub(super) fn new(config: &FirewallConfig) -> Result<Self, ReassemblerConfigError> {
        Ok(Self {
            mode: config.fragments,
            reassembler: Reassembler::new(config.reassembler())?,
            waiting: BTreeMap::new(),
            released: VecDeque::new(),
            whole: PacketBuf::new(),
        })
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.reassembler.handle_timeout(now);
        self.forget();
    }

    /// Lets go of what the reassembler has let go of.
    fn forget(&mut self) {
        while let Some(event) = self.reassembler.poll_event() {
            if let ReassemblyEvent::TimedOut { key, .. } = event {
                self.waiting.remove(&key);
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.reassembler.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        let (interface, packet) = self.released.pop_front()?;
        *out = packet;
        Some(Transmit {
            interface,
            forwarded: true,
        })
    }

    /// Datagrams and octets that wait.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.reassembler.datagrams(), self.reassembler.octets())
    }
}

impl Firewall {
    /// A fragment: waits, or completes its packet, which then is inspected.
    pub(super) fn fragment(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let verdict = self.take_fragment(now, path, packet);
        if let Err(reason) = verdict {
            let verdict = Verdict::Drop(reason);
            self.counters.record(&verdict);
            if let Ok(view) = FlowPacket::parse(packet.as_slice()) {
                let judged = self.dropped(reason);
                if let (Some(cause), Some(logged)) = (judged.log, super::Logged::of(&verdict)) {
                    self.log.packet(now, path, &view, cause, None, logged);
                }
            }
            return verdict;
        }
        verdict.unwrap_or(Verdict::Held)
    }

    fn take_fragment(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
    ) -> Result<Verdict, DropReason> {
        if self.config.fragments == FragmentMode::Drop {
            return Err(DropReason::Fragment);
        }
        let Ok(view) = FlowPacket::parse(packet.as_slice()) else {
            return Err(DropReason::Fragment);
        };
        // The headers of each fragment are checked before it may take room.
        self.precheck(now, path, &view)?;
        let Some(fragment) = view.fragment() else {
            return Err(DropReason::Fragment);
        };
        let key = fragment.key();
        let mut whole = core::mem::take(&mut self.fragments.whole);
        whole.reset(PacketBuf::DEFAULT_HEADROOM);
        // Fragments from different sides of the firewall are not put together.
        let zone = path.ingress.map_or(u32::MAX, |id| u32::from(id.0));
        let result = self
            .fragments
            .reassembler
            .insert(now, zone, view.ip(), &mut whole);
        let key = in_zone(key, zone);
        self.fragments.forget();
        let verdict = match result {
            Err(discard) => Err(DropReason::BadFragment(discard)),
            Ok(Reassembly::Abandoned(why)) => {
                self.fragments.waiting.remove(&key);
                Err(DropReason::Fragments(why))
            }
            Ok(Reassembly::Incomplete) => {
                if self.fragments.mode == FragmentMode::Virtual {
                    let copy = PacketBuf::from_slice(0, view.ip().as_slice());
                    self.fragments.waiting.entry(key).or_default().push(copy);
                }
                self.counters.record(&Verdict::Held);
                Ok(Verdict::Held)
            }
            Ok(Reassembly::Complete) => {
                let waiting = self.fragments.waiting.remove(&key).unwrap_or_default();
                if self.fragments.released.len() + waiting.len() > MOST_RELEASED {
                    self.fragments.whole = whole;
                    return Err(DropReason::BadFragment(FragmentDiscard::Full));
                }
                let verdict = self.whole(now, path, &whole);
                if verdict.is_accept() {
                    if self.fragments.mode == FragmentMode::Virtual {
                        let released = waiting.into_iter().map(|part| (path.egress, part));
                        self.fragments.released.extend(released);
                    } else {
                        packet.reset(PacketBuf::DEFAULT_HEADROOM);
                        packet.append_slice(whole.as_slice());
                    }
                }
                Ok(verdict)
            }
            // Neither can be: the packet was seen to be a fragment that is not whole.
            Ok(Reassembly::NotAFragment | Reassembly::Atomic) => Err(DropReason::Fragment),
        };
        self.fragments.whole = whole;
        verdict
    }

    /// Inspects a packet that was put together.
    fn whole(&mut self, now: Instant, path: &Path<'_>, whole: &PacketBuf) -> Verdict {
        match FlowPacket::parse(whole.as_slice()) {
            Err(error) => self.malformed(now, path, whole.len(), error),
            Ok(view) => {
                let judged: Judged = self.inspect(now, path, &view);
                self.conclude(now, path, &view, &judged);
                judged.verdict
            }
        }
    }
}

/// The key that the reassembler files a fragment under.
const fn in_zone(key: FragmentKey, zone: u32) -> FragmentKey {
    match key {
        FragmentKey::V4 {
            source,
            destination,
            protocol,
            identification,
            ..
        } => FragmentKey::V4 {
            zone,
            source,
            destination,
            protocol,
            identification,
        },
        FragmentKey::V6 {
            source,
            destination,
            identification,
            ..
        } => FragmentKey::V6 {
            zone,
            source,
            destination,
            identification,
        },
    }
}
