//! Several links as one.

use super::bundle_config::{BundleConfig, BundleDiscard, BundleEvent, BundleStats, JoinRefusal};
use super::fragment::{Fragmenter, MemberLink};
use super::reassemble::{Reassembler, ReassemblerConfig};
use crate::link::{BundleIdentity, Link, LinkConfigError, LinkTransmit, Phase, SendError};
use crate::wire::{Code, ControlPacket, PppPacket, PppProtocol, PppRepr};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 256;
/// Network packets that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_DELIVERED: usize = 1024;

/// A bundle: links to one peer that carry the packets of its networks together (RFC 1990).
///
/// The caller brings up each [`Link`] with multilink configured and its network phase
/// [held](crate::link::LinkConfig::hold_network), and lets it [join](Self::join) when it waits. The first
/// to join makes the networks begin; they end with the last that leaves. A link that belongs to another
/// peer, by endpoint discriminator and authenticated name, is refused.
/// Where packets are encrypted, it is with the keys of the link that was the first to join at both ends.
///
/// An example is at the [module](super).
pub struct Bundle {
    config: BundleConfig,
    random: Box<dyn RandomSource + Send>,
    identity: Option<BundleIdentity>,
    members: Vec<Option<Member>>,
    core: Option<Core>,
    /// Fragments that wait to be sent, with their members.
    outgoing: VecDeque<(usize, PacketBuf)>,
    delivered: VecDeque<(PppProtocol, PacketBuf)>,
    events: VecDeque<BundleEvent>,
    latest: Instant,
    stats: BundleStats,
}

struct Member {
    link: Link,
    weight: u32,
    /// Its number in the reassembler, while it carries packets.
    slot: Option<usize>,
}

/// What there is while there are members.
struct Core {
    /// What the bundle is to the networks.
    head: Link,
    fragmenter: Fragmenter,
    reassembler: Reassembler,
}

impl Bundle {
    /// A bundle without links.
    ///
    /// # Errors
    ///
    /// [`LinkConfigError`], which names the part and the field.
    pub fn new(
        mut config: BundleConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        config.normalize();
        config.check()?;
        Ok(Self {
            config,
            random,
            identity: None,
            members: Vec::new(),
            core: None,
            outgoing: VecDeque::new(),
            delivered: VecDeque::new(),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: BundleStats::default(),
        })
    }

    /// A link joins, with its share of the traffic beside the others, and gets a number. It has to
    /// [wait](Link::is_held) for that.
    ///
    /// # Errors
    ///
    /// Why it may not, and the link.
    pub fn join(
        &mut self,
        now: Instant,
        link: Link,
        weight: u32,
    ) -> Result<usize, (JoinRefusal, Box<Link>)> {
        self.latest = self.latest.max(now);
        if let Err(refusal) = self.check_join(&link) {
            self.stats.refused_links += 1;
            return Err((refusal, Box::new(link)));
        }
        let free = self.members.iter().position(Option::is_none);
        let number = free.unwrap_or(self.members.len());
        if number >= self.config.max_links {
            self.stats.refused_links += 1;
            return Err((JoinRefusal::Full, Box::new(link)));
        }
        let member = Member {
            link,
            weight,
            slot: None,
        };
        match self.members.get_mut(number) {
            Some(place) => *place = Some(member),
            None => self.members.push(Some(member)),
        }
        self.activate(number);
        self.settle();
        Ok(number)
    }

    /// Takes a link out; its packets go on with the others.
    pub fn remove(&mut self, now: Instant, member: usize) -> Option<Link> {
        self.latest = self.latest.max(now);
        let member_of = self.members.get_mut(member)?.take()?;
        if let Some(slot) = member_of.slot {
            self.left(member, slot);
        }
        self.settle();
        Some(member_of.link)
    }

    /// Ends the bundle, and all its links.
    pub fn close(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        for member in self.members.iter_mut().flatten() {
            member.link.close(now);
        }
        self.settle();
    }

    /// Links that carry packets.
    pub fn len(&self) -> usize {
        let members = self.members.iter().flatten();
        members.filter(|member| member.slot.is_some()).count()
    }

    /// Whether no link carries packets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whose bundle it is; `None` without links.
    pub const fn identity(&self) -> Option<&BundleIdentity> {
        self.identity.as_ref()
    }

    /// What the bundle is to the networks: their control protocols, compression and timers. `None`
    /// without links.
    pub fn network(&self) -> Option<&Link> {
        self.core.as_ref().map(|core| &core.head)
    }

    /// A link of the bundle.
    pub fn link(&self, member: usize) -> Option<&Link> {
        Some(&self.members.get(member)?.as_ref()?.link)
    }

    /// Does something with a link: a secret, the end of its line.
    pub fn with_link<T>(
        &mut self,
        now: Instant,
        member: usize,
        act: impl FnOnce(&mut Link) -> T,
    ) -> Option<T> {
        self.latest = self.latest.max(now);
        let result = act(&mut self.members.get_mut(member)?.as_mut()?.link);
        self.settle();
        Some(result)
    }

    /// Fragments and packets lost and found.
    pub fn reassembler(&self) -> Option<&Reassembler> {
        self.core.as_ref().map(|core| &core.reassembler)
    }

    /// Counters.
    pub const fn stats(&self) -> &BundleStats {
        &self.stats
    }

    /// Whether packets of this network protocol can go.
    pub fn is_open(&self, protocol: PppProtocol) -> bool {
        self.network().is_some_and(|head| head.is_open(protocol))
    }

    /// Sends a network packet by [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    ///
    /// [`SendError`]: the packet was not taken.
    pub fn send(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        packet: &[u8],
    ) -> Result<(), SendError> {
        match &mut self.core {
            Some(core) => core.head.send(now, protocol, packet),
            None => Err(SendError::NotOpen(protocol)),
        }
    }

    /// A PPP packet has arrived on a link. Network packets that it completes are given by
    /// [`poll_packet`](Self::poll_packet).
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        member: usize,
        packet: &[u8],
    ) -> Result<(), BundleDiscard> {
        self.stats.received += 1;
        let result = self.receive(now, member, packet);
        match result {
            Ok(()) => self.settle(),
            Err(_) => self.stats.ignored += 1,
        }
        result
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        for member in self.members.iter_mut().flatten() {
            member.link.handle_timeout(now);
        }
        if let Some(core) = &mut self.core {
            core.head.handle_timeout(now);
            core.reassembler.handle_timeout(now);
        }
        self.settle();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let members = self.members.iter().flatten();
        let members = members.filter_map(|member| member.link.poll_timeout());
        let core = self.core.as_ref();
        let head = core.and_then(|core| core.head.poll_timeout());
        let fragments = core.and_then(|core| core.reassembler.poll_timeout());
        members.chain(head).chain(fragments).min()
    }

    /// Writes the next packet in place of what `out` holds, and says on which link it goes and how it
    /// is to be framed. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<(usize, LinkTransmit)> {
        for (number, member) in self.members.iter_mut().enumerate() {
            if let Some(member) = member
                && let Some(transmit) = member.link.poll_transmit(out)
            {
                return Some((number, transmit));
            }
        }
        loop {
            while let Some((number, fragment)) = self.outgoing.pop_front() {
                let Some(Some(member)) = self.members.get_mut(number) else {
                    continue;
                };
                if member.slot.is_none() {
                    continue;
                }
                let framing = member.link.framing();
                let protocol = PppProtocol::MULTILINK;
                out.reset(PacketBuf::DEFAULT_HEADROOM);
                out.append_slice(fragment.as_slice());
                PppRepr {
                    protocol,
                    compress_protocol: framing.protocol_field_compression,
                    address_and_control: false,
                }
                .emit(out);
                member.link.fragment_sent(out.len());
                self.stats.fragments += 1;
                return Some((number, LinkTransmit { framing, protocol }));
            }
            let core = self.core.as_mut()?;
            core.head.poll_transmit(out)?;
            self.fragment(out.as_slice());
        }
    }

    /// Writes the next network packet in place of what `data` holds; its protocol. `None` when there is
    /// none.
    pub fn poll_packet(&mut self, data: &mut PacketBuf) -> Option<PppProtocol> {
        let (protocol, packet) = self.delivered.pop_front()?;
        *data = packet;
        Some(protocol)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<BundleEvent> {
        self.events.pop_front()
    }

    /// The link has lost a frame, or delivered a broken one.
    pub fn line_error(&mut self, member: usize) {
        if let Some(Some(member)) = self.members.get_mut(member) {
            member.link.line_error();
        }
        if let Some(core) = &mut self.core {
            core.head.line_error();
        }
    }

    // RFC 1990 §5.1.3 MUST (same-bundle): only links to the same peer are bundled.
    fn check_join(&self, link: &Link) -> Result<(), JoinRefusal> {
        if !link.is_held() {
            return Err(JoinRefusal::NotHeld);
        }
        let identity = link.bundle_identity().ok_or(JoinRefusal::NoMultilink)?;
        match &self.identity {
            Some(ours) if (&ours.endpoint, &ours.name) != (&identity.endpoint, &identity.name) => {
                Err(JoinRefusal::OtherPeer)
            }
            Some(ours) if *ours != identity => Err(JoinRefusal::OtherParameters),
            _ => Ok(()),
        }
    }

    /// Lets a member carry packets.
    fn activate(&mut self, number: usize) {
        let now = self.latest;
        let Some(Some(member)) = self.members.get_mut(number) else {
            return;
        };
        let Some(identity) = member.link.bundle_identity() else {
            return;
        };
        if self.core.is_none() {
            let keys = member.link.keys().cloned();
            let config = &self.config;
            let reassembler = Reassembler::new(ReassemblerConfig {
                is_short: identity.our_short_sequence_number,
                mrru: usize::from(identity.our_mrru),
                max_fragments: config.max_fragments,
                max_octets: config.max_fragment_octets,
                timeout: config.fragment_timeout,
            });
            let head = Link::bundle_head(
                config.link.clone(),
                fork(&mut self.random),
                &identity,
                keys,
                now,
            );
            // Both were checked when the bundle was made.
            let (Ok(head), Ok(reassembler)) = (head, reassembler) else {
                return;
            };
            let is_short = identity.peers_short_sequence_number;
            self.core = Some(Core {
                head,
                fragmenter: Fragmenter::new(is_short, config.min_fragment),
                reassembler,
            });
            self.identity = Some(identity);
        }
        if let Some(core) = &mut self.core {
            member.slot = Some(core.reassembler.add_link());
            member.link.join_bundle(now);
            self.push(BundleEvent::Joined { member: number });
        }
    }

    fn left(&mut self, number: usize, slot: usize) {
        if let Some(core) = &mut self.core {
            core.reassembler.remove_link(slot);
        }
        self.outgoing.retain(|(member, _)| *member != number);
        self.push(BundleEvent::Left { member: number });
    }

    fn receive(&mut self, now: Instant, number: usize, packet: &[u8]) -> Result<(), BundleDiscard> {
        let Some(Some(member)) = self.members.get_mut(number) else {
            return Err(BundleDiscard::NoLink(number));
        };
        let parsed = PppPacket::parse(packet)?;
        let protocol = parsed.protocol();
        let (Some(slot), Some(core)) = (member.slot, &mut self.core) else {
            return Self::receive_own(member, now, packet);
        };
        let mut data = PacketBuf::new();
        match protocol {
            PppProtocol::MULTILINK => {
                member.link.fragment_received(packet.len());
                core.reassembler
                    .handle_input(now, slot, parsed.information())?;
            }
            // RFC 1962 §2 MAY (individual): what is of one link only is not spoken.
            // RFC 1968 §2 MAY (individual): the same.
            PppProtocol::LINK_COMPRESSED
            | PppProtocol::LINK_ENCRYPTED
            | PppProtocol::LINK_CCP
            | PppProtocol::LINK_ECP => {
                member.link.reject_protocol(protocol, parsed.information());
            }
            // RFC 1990 §4 MAY (unfragmented): packets of the networks may come without the header.
            _ if protocol.is_network_phase() => {
                member.link.fragment_received(packet.len());
                let received = core.head.handle_input(now, packet, &mut data)?;
                if let Some(protocol) = received {
                    self.deliver(protocol, data);
                }
            }
            _ => return Self::receive_own(member, now, packet),
        }
        self.latest = self.latest.max(now);
        Ok(())
    }

    fn receive_own(member: &mut Member, now: Instant, packet: &[u8]) -> Result<(), BundleDiscard> {
        let mut data = PacketBuf::new();
        member.link.handle_input(now, packet, &mut data)?;
        Ok(())
    }

    fn deliver(&mut self, protocol: PppProtocol, packet: PacketBuf) {
        if self.delivered.len() >= MAX_DELIVERED {
            self.delivered.pop_front();
            self.stats.packets_lost += 1;
        }
        self.delivered.push_back((protocol, packet));
    }

    /// Takes in what the links and the head tell.
    fn settle(&mut self) {
        self.drain();
        for number in 0..self.members.len() {
            self.settle_member(number);
        }
        self.drain();
        self.settle_head();
    }

    fn settle_member(&mut self, number: usize) {
        let now = self.latest;
        while let Some(Some(member)) = self.members.get_mut(number) {
            if let Some(event) = member.link.poll_event() {
                self.push(BundleEvent::Link {
                    member: number,
                    event,
                });
                continue;
            }
            let (is_held, in_bundle) = (member.link.is_held(), member.link.is_in_bundle());
            if !in_bundle && let Some(slot) = member.slot.take() {
                self.left(number, slot);
            } else if is_held && member.slot.is_none() {
                // LCP has been negotiated anew: the peer may be another now.
                let link = &member.link;
                let is_ours =
                    link.bundle_identity().is_some() && link.bundle_identity() == self.identity;
                if is_ours && self.core.is_some() {
                    self.activate(number);
                } else {
                    self.stats.refused_links += 1;
                    member.link.close(now);
                }
            } else {
                return;
            }
        }
    }

    fn settle_head(&mut self) {
        let now = self.latest;
        let is_empty = self.is_empty();
        let Some(core) = &mut self.core else {
            return;
        };
        if is_empty {
            core.head.lower_down(now);
        }
        let has_ended = core.head.phase() != Phase::Network;
        let mut events = Vec::new();
        while let Some(event) = core.head.poll_event() {
            events.push(event);
        }
        for event in events {
            self.push(BundleEvent::Network(event));
        }
        if !has_ended {
            return;
        }
        // RFC 1990 §2 MUST NOT (bundle-lcp): LCP does not end in the bundle, but on each link.
        self.core = None;
        self.outgoing.clear();
        if is_empty {
            self.identity = None;
            self.push(BundleEvent::Closed);
            return;
        }
        // The networks have ended, so the links do.
        for member in self.members.iter_mut().flatten() {
            member.link.close(now);
        }
        for number in 0..self.members.len() {
            self.settle_member(number);
        }
        self.identity = None;
        self.push(BundleEvent::Closed);
    }

    /// Hands packets that are whole to the head.
    fn drain(&mut self) {
        let now = self.latest;
        while let Some(core) = &mut self.core {
            let Some(packet) = core.reassembler.poll_packet() else {
                return;
            };
            let protocol = PppPacket::parse_protocol(packet.as_slice()).map(|it| it.protocol());
            // RFC 1990 §2 MUST (discard-lcp): what negotiates or ends a link is discarded in a bundle; so
            // is what belongs to one link, and a bundle in a bundle.
            let is_allowed = match protocol {
                Ok(PppProtocol::LCP) => is_for_bundle(packet.as_slice()),
                Ok(PppProtocol::MULTILINK) | Err(_) => false,
                Ok(protocol) => protocol.is_network_phase(),
            };
            if !is_allowed {
                self.stats.not_for_bundle += 1;
                continue;
            }
            let mut data = PacketBuf::new();
            let received = core.head.handle_input(now, packet.as_slice(), &mut data);
            if let Ok(Some(protocol)) = received {
                self.deliver(protocol, data);
            }
        }
    }

    fn fragment(&mut self, packet: &[u8]) {
        let Some(core) = &mut self.core else {
            return;
        };
        let links: Vec<MemberLink> = self
            .members
            .iter()
            .map(|member| match member {
                Some(member) if member.slot.is_some() => MemberLink {
                    mru: usize::from(member.link.lcp().peers().mru),
                    weight: member.weight,
                },
                _ => MemberLink { mru: 0, weight: 0 },
            })
            .collect();
        let outgoing = &mut self.outgoing;
        let sent = core
            .fragmenter
            .fragment(packet, &links, |member, fragment| {
                outgoing.push_back((member, fragment));
            });
        if sent {
            self.stats.packets += 1;
        } else {
            self.stats.not_carried += 1;
        }
    }

    fn push(&mut self, event: BundleEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }
}

/// Whether a PPP packet of protocol LCP may go through a bundle.
fn is_for_bundle(packet: &[u8]) -> bool {
    let packet = PppPacket::parse_protocol(packet);
    packet.is_ok_and(|packet| {
        let control = ControlPacket::parse(packet.information());
        control.is_ok_and(|control| control.code().0 >= Code::CODE_REJECT.0)
    })
}

impl core::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bundle")
            .field("identity", &self.identity)
            .field("links", &self.len())
            .field("network", &self.network())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
