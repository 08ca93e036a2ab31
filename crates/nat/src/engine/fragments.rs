//! Fragments: later ones follow the first, or all are put together and cut again.

use super::answers::Transmit;
use super::{Nat, parse};
use crate::config::{Fragments, NatConfigError, Side, VirtualReassembly};
use crate::rewrite::{set_addresses, set_identification};
use crate::verdict::{DropReason, Verdict};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use flow_state::Transport;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::fragment::{
    FirstFragmentPolicy, Fragment, FragmentDiscard, FragmentKey, Ipv4Fragmenter, Reassembler,
    Reassembly, ReassemblyEvent,
};
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Packet};
use packet_buffer::{Instant, PacketBuf};

/// A packet of which fragments have come, and where from.
type DatagramKey = (Side, FragmentKey);

/// Whichever way fragments are handled.
pub(super) enum FragmentState {
    Virtual(Tracker),
    Full(Box<Whole>),
    Drop,
}

/// Packets that are put together.
pub(super) struct Whole {
    reassembler: Reassembler,
    /// Octets of the longest fragment of each.
    longest: BTreeMap<FragmentKey, usize>,
    /// Where the next one goes.
    whole: PacketBuf,
}

impl FragmentState {
    pub(super) fn new(config: &Fragments) -> Result<Self, NatConfigError> {
        Ok(match config {
            Fragments::Virtual(config) => Self::Virtual(Tracker::new(*config)),
            Fragments::Full(config) => Self::Full(Box::new(Whole {
                reassembler: Reassembler::new(*config)
                    .map_err(|error| NatConfigError::Fragments(error.field))?,
                longest: BTreeMap::new(),
                whole: PacketBuf::new(),
            })),
            Fragments::Drop => Self::Drop,
        })
    }

    /// Whether packets are put together.
    pub(super) const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Virtual(tracker) => tracker.deadlines.first().map(|(deadline, _)| *deadline),
            Self::Full(full) => full.reassembler.poll_timeout(),
            Self::Drop => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Virtual(tracker) => tracker.expire(now),
            Self::Full(full) => {
                let Whole {
                    reassembler,
                    longest,
                    ..
                } = &mut **full;
                reassembler.handle_timeout(now);
                while let Some(ReassemblyEvent::TimedOut { key, .. }) = reassembler.poll_event() {
                    longest.remove(&key);
                }
                if reassembler.datagrams() == 0 {
                    longest.clear();
                }
            }
            Self::Drop => {}
        }
    }
}

/// How the fragments of a packet are translated, as its first one was.
#[derive(Debug, Clone, Copy)]
struct Translated {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    identification: u16,
    to: Side,
    hairpin: bool,
}

/// What is known of a packet whose fragments are coming in.
enum Progress {
    /// The first fragment has not come.
    Waiting(Vec<PacketBuf>),
    Translated(Translated),
    /// The first fragment was for the router itself.
    Local,
    /// The first fragment was dropped, or the fragments contradict each other.
    Dropped,
}

struct Entry {
    deadline: Instant,
    progress: Progress,
    /// Where the fragments lie that have come, in order.
    ranges: Vec<(u16, u16)>,
    /// Where the packet ends, once the last fragment has come.
    end: Option<u16>,
}

/// Packets whose fragments are coming in.
// RFC 4787 §11 MUST (req-14): fragments are received in order and out of order.
// RFC 4787 §11 MUST (req-14-b): what waits is bounded, in octets and in time.
pub(super) struct Tracker {
    config: VirtualReassembly,
    entries: BTreeMap<DatagramKey, Entry>,
    deadlines: BTreeSet<(Instant, DatagramKey)>,
    of_source: BTreeMap<(Side, Ipv4Addr), usize>,
    /// Octets that wait for their first fragment.
    octets: usize,
}

/// What a tracker says to a fragment.
enum Step {
    /// It is the first: translate it, and say how that went.
    First,
    Later(Translated),
    Hold,
    Local,
}

impl Tracker {
    fn new(config: VirtualReassembly) -> Self {
        Self {
            config,
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            of_source: BTreeMap::new(),
            octets: 0,
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, key)) = self.deadlines.first()
            && deadline <= now
        {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &DatagramKey) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        self.deadlines.remove(&(entry.deadline, *key));
        self.forget(entry.progress);
        if let Some(source) = source_of(key)
            && let Some(count) = self.of_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
    }

    /// Takes what waited off the count.
    fn forget(&mut self, progress: Progress) {
        if let Progress::Waiting(held) = progress {
            let octets: usize = held.iter().map(PacketBuf::len).sum();
            self.octets -= octets;
        }
    }

    /// Takes note of a fragment.
    fn note(
        &mut self,
        now: Instant,
        side: Side,
        fragment: &Fragment<'_>,
    ) -> Result<Step, DropReason> {
        self.expire(now);
        let key = (side, fragment.key());
        if !self.entries.contains_key(&key) {
            self.begin(now, key)?;
        }
        let max = self.config.max_fragments;
        let Some(entry) = self.entries.get_mut(&key) else {
            return Err(DropReason::Fragments);
        };
        if matches!(entry.progress, Progress::Dropped) {
            return Err(DropReason::Fragments);
        }
        match entry.place(fragment, max) {
            Placed::New => {}
            Placed::Duplicate => return Err(DropReason::Fragment(FragmentDiscard::Duplicate)),
            Placed::Conflict => {
                self.give_up(&key);
                return Err(DropReason::Fragments);
            }
        }
        let octets = fragment.as_slice().len();
        Ok(match &entry.progress {
            _ if fragment.is_first() => Step::First,
            Progress::Translated(translated) => Step::Later(*translated),
            Progress::Local => Step::Local,
            Progress::Dropped => return Err(DropReason::Fragments),
            Progress::Waiting(_) if self.octets + octets > self.config.max_octets => {
                self.give_up(&key);
                return Err(DropReason::Fragments);
            }
            Progress::Waiting(_) => Step::Hold,
        })
    }

    fn begin(&mut self, now: Instant, key: DatagramKey) -> Result<(), DropReason> {
        let Some(source) = source_of(&key) else {
            return Err(DropReason::Fragments);
        };
        let of_source = self.of_source.get(&source).copied().unwrap_or(0);
        if of_source >= self.config.max_packets_per_source {
            return Err(DropReason::Fragment(FragmentDiscard::SourceFull));
        }
        if self.entries.len() >= self.config.max_packets {
            return Err(DropReason::Fragment(FragmentDiscard::Full));
        }
        let deadline = now + self.config.timeout;
        let entry = Entry {
            deadline,
            progress: Progress::Waiting(Vec::new()),
            ranges: Vec::new(),
            end: None,
        };
        self.entries.insert(key, entry);
        self.deadlines.insert((deadline, key));
        self.of_source.insert(source, of_source + 1);
        Ok(())
    }

    /// Nothing more of the packet goes through, until its time is over.
    fn give_up(&mut self, key: &DatagramKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            let progress = core::mem::replace(&mut entry.progress, Progress::Dropped);
            self.forget(progress);
        }
    }

    fn hold(&mut self, key: &DatagramKey, packet: &PacketBuf) {
        if let Some(entry) = self.entries.get_mut(key)
            && let Progress::Waiting(held) = &mut entry.progress
        {
            self.octets += packet.len();
            held.push(PacketBuf::from_slice(
                PacketBuf::DEFAULT_HEADROOM,
                packet.as_slice(),
            ));
        }
    }

    /// The first fragment has gone through; returns those that have waited for it.
    fn translated(&mut self, key: &DatagramKey, progress: Progress) -> Vec<PacketBuf> {
        let Some(entry) = self.entries.get_mut(key) else {
            return Vec::new();
        };
        match core::mem::replace(&mut entry.progress, progress) {
            Progress::Waiting(held) => {
                let octets: usize = held.iter().map(PacketBuf::len).sum();
                self.octets -= octets;
                held
            }
            _ => Vec::new(),
        }
    }

    /// Forgets a packet all of whose fragments have gone through.
    fn finish(&mut self, key: &DatagramKey) {
        let is_complete = self.entries.get(key).is_some_and(Entry::is_complete);
        if is_complete {
            self.remove(key);
        }
    }
}

enum Placed {
    New,
    Duplicate,
    Conflict,
}

impl Entry {
    /// Enters where a fragment lies.
    fn place(&mut self, fragment: &Fragment<'_>, max: usize) -> Placed {
        let (start, end) = (fragment.offset(), fragment.end());
        let at = self.ranges.partition_point(|range| *range < (start, end));
        if self.ranges.get(at) == Some(&(start, end)) {
            return Placed::Duplicate;
        }
        let before = at.checked_sub(1).and_then(|at| self.ranges.get(at));
        let overlaps = before.is_some_and(|(_, before)| *before > start)
            || self.ranges.get(at).is_some_and(|(after, _)| *after < end);
        let beyond = match self.end {
            Some(last) => end > last || !fragment.more_fragments(),
            None => {
                !fragment.more_fragments()
                    && self.ranges.last().is_some_and(|(_, reach)| *reach > end)
            }
        };
        if overlaps || beyond || self.ranges.len() >= max {
            return Placed::Conflict;
        }
        if !fragment.more_fragments() {
            self.end = Some(end);
        }
        self.ranges.insert(at, (start, end));
        Placed::New
    }

    fn is_complete(&self) -> bool {
        let octets: u32 = self
            .ranges
            .iter()
            .map(|(start, end)| u32::from(end - start))
            .sum();
        self.end.is_some_and(|end| octets == u32::from(end))
    }
}

/// Whose packet it is; `None` for IPv6.
const fn source_of(key: &DatagramKey) -> Option<(Side, Ipv4Addr)> {
    match key.1 {
        FragmentKey::V4 { source, .. } => Some((key.0, source)),
        FragmentKey::V6 { .. } => None,
    }
}

impl Nat {
    /// Handles a fragment.
    pub(super) fn fragment(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        match &mut self.fragments {
            FragmentState::Drop => Verdict::Drop(DropReason::Fragments),
            FragmentState::Virtual(_) => match self.follow(now, side, packet) {
                Ok(verdict) => verdict,
                Err(reason) => Verdict::Drop(reason),
            },
            FragmentState::Full(_) => self.reassemble(now, side, packet),
        }
    }

    fn tracker(&mut self) -> Option<&mut Tracker> {
        match &mut self.fragments {
            FragmentState::Virtual(tracker) => Some(tracker),
            _ => None,
        }
    }

    /// Translates fragments one by one.
    fn follow(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
    ) -> Result<Verdict, DropReason> {
        let parsed = parse(packet.as_slice())?;
        let Some(fragment) = parsed.fragment() else {
            return Err(DropReason::Malformed);
        };
        FirstFragmentPolicy::STRICT
            .check(&fragment)
            .map_err(DropReason::Fragment)?;
        // The checksum of an error in pieces cannot be verified.
        let is_error = matches!(parsed.transport(), Transport::IcmpError(_));
        let Some(tracker) = self.tracker() else {
            return Err(DropReason::Fragments);
        };
        if is_error || tracker.config.udp_only && parsed.protocol() != IpProtocol::UDP {
            return Err(DropReason::Fragments);
        }
        let key = (side, fragment.key());
        let step = tracker.note(now, side, &fragment)?;
        let verdict = match step {
            Step::Hold => {
                tracker.hold(&key, packet);
                Verdict::Held
            }
            Step::Local => Verdict::Local,
            Step::Later(translated) => {
                change(packet, &translated);
                Verdict::Forward {
                    hairpin: translated.hairpin,
                }
            }
            Step::First => {
                let verdict = self.decide_about(now, side, packet, true, None);
                self.follow_first(&key, side, packet, verdict);
                verdict
            }
        };
        if let Some(tracker) = self.tracker() {
            tracker.finish(&key);
        }
        Ok(verdict)
    }

    /// Sends on what has waited for a first fragment.
    fn follow_first(
        &mut self,
        key: &DatagramKey,
        side: Side,
        packet: &PacketBuf,
        verdict: Verdict,
    ) {
        let progress = match (verdict, Ipv4Packet::parse(packet.as_slice())) {
            (Verdict::Forward { hairpin }, Ok(ip)) => Progress::Translated(Translated {
                source: ip.source(),
                destination: ip.destination(),
                identification: ip.identification(),
                to: if hairpin { side } else { side.other() },
                hairpin,
            }),
            (Verdict::Local, _) => Progress::Local,
            _ => Progress::Dropped,
        };
        let translated = match &progress {
            Progress::Translated(translated) => Some(*translated),
            _ => None,
        };
        let Some(tracker) = self.tracker() else {
            return;
        };
        let held = tracker.translated(key, progress);
        let Some(translated) = translated else {
            return;
        };
        for mut later in held {
            change(&mut later, &translated);
            let transmit = Transmit {
                to: translated.to,
                is_forwarded: true,
            };
            self.answers.push(transmit, later, &mut self.stats);
        }
    }

    /// Puts fragments together, translates the packet and cuts it again.
    fn reassemble(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> Verdict {
        let FragmentState::Full(full) = &mut self.fragments else {
            return Verdict::Drop(DropReason::Fragments);
        };
        let Whole {
            reassembler,
            longest,
            whole,
        } = &mut **full;
        let Ok(ip) = IpPacket::parse(packet.as_slice()) else {
            return Verdict::Drop(DropReason::Malformed);
        };
        let zone = match side {
            Side::Inside => 0,
            Side::Outside => 1,
        };
        let (key, length) = match Fragment::parse(zone, &ip) {
            Ok(Some(fragment)) => (fragment.key(), fragment.as_slice().len()),
            Ok(None) => return Verdict::Drop(DropReason::Malformed),
            Err(discard) => return Verdict::Drop(DropReason::Fragment(discard)),
        };
        whole.reset(PacketBuf::DEFAULT_HEADROOM);
        let result = reassembler.insert(now, zone, &ip, whole);
        // What the reassembler has given up since, whether for time or for room, goes here too.
        if longest.len() > 2 * reassembler.config().max_datagrams {
            longest.clear();
        }
        match result {
            Ok(Reassembly::Incomplete) => {
                let most = longest.entry(key).or_insert(0);
                *most = length.max(*most);
                Verdict::Held
            }
            Ok(Reassembly::Complete) => {
                let longest = longest.remove(&key).unwrap_or(0).max(length);
                let mut whole = core::mem::take(whole);
                let verdict = self.pass_whole(now, side, &mut whole, longest);
                if verdict == Verdict::Local {
                    core::mem::swap(packet, &mut whole);
                }
                if let FragmentState::Full(full) = &mut self.fragments {
                    full.whole = whole;
                }
                verdict
            }
            Ok(Reassembly::Abandoned(_)) => {
                longest.remove(&key);
                Verdict::Drop(DropReason::Fragments)
            }
            Ok(Reassembly::NotAFragment | Reassembly::Atomic) => {
                Verdict::Drop(DropReason::Malformed)
            }
            Err(discard) => Verdict::Drop(DropReason::Fragment(discard)),
        }
    }

    fn pass_whole(
        &mut self,
        now: Instant,
        side: Side,
        whole: &mut PacketBuf,
        longest: usize,
    ) -> Verdict {
        clear_dont_fragment(whole);
        match self.decide(now, side, whole) {
            Verdict::Forward { hairpin } => {
                let transmit = Transmit {
                    to: if hairpin { side } else { side.other() },
                    is_forwarded: true,
                };
                let Ok(ip) = Ipv4Packet::parse(whole.as_slice()) else {
                    return Verdict::Drop(DropReason::Malformed);
                };
                let Ok(mut fragmenter) = Ipv4Fragmenter::new(&ip, longest) else {
                    return Verdict::Drop(DropReason::Fragments);
                };
                let mut piece = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
                while fragmenter.next_fragment(&mut piece) {
                    let next = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
                    let piece = core::mem::replace(&mut piece, next);
                    self.answers.push(transmit, piece, &mut self.stats);
                }
                Verdict::Held
            }
            other => other,
        }
    }
}

/// Gives a later fragment the addresses and the identification of its first.
fn change(packet: &mut PacketBuf, translated: &Translated) {
    let octets = packet.as_mut_slice();
    set_addresses(octets, translated.source, translated.destination);
    set_identification(octets, translated.identification);
}

/// A packet that came in pieces may be cut again.
fn clear_dont_fragment(packet: &mut PacketBuf) {
    if let Some(header) = packet.as_mut_slice().first_chunk_mut::<20>() {
        let old = u16::from_be_bytes([header[6], header[7]]);
        let new = old & !0x4000;
        header[6..8].copy_from_slice(&new.to_be_bytes());
        let delta = ChecksumDelta::new().replace_u16(old, new);
        crate::rewrite::patch(header, 10, |old| delta.apply(old));
    }
}
