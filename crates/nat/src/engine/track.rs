//! What the state of a session says to a packet.

use crate::config::{NatConfig, Side};
use crate::flow::{FlowFlags, NatFlow};
use crate::rewrite::Layout;
use crate::verdict::DropReason;
use core::net::Ipv4Addr;
use flow_state::{FlowPacket, FlowState, PacketError, Transport, Verdict as Track};
use flow_table::{Direction, FlowId, FlowMut, Ipv4FlowKey};
use packet_buffer::Instant;
use packet_buffer::wire::{IpPacket, IpProtocol, TcpFlags};

/// What the state of a session says to a packet.
pub(super) enum Tracked {
    /// It goes on, translated.
    Forward(Forward),
    /// It does not.
    Drop(DropReason),
    /// It begins a new session in place of this one.
    Reopen(FlowId),
}

/// How a packet is to be changed.
#[derive(Clone, Copy)]
pub(super) struct Forward {
    pub(super) id: FlowId,
    pub(super) from: Ipv4FlowKey,
    pub(super) to: Ipv4FlowKey,
    pub(super) layout: Layout,
    pub(super) direction: Direction,
    pub(super) flags: FlowFlags,
    pub(super) hairpin: bool,
    /// The session ends with the packet.
    pub(super) is_last: bool,
    /// The responder has taken part for the first time, and keeps its mapping from now on.
    pub(super) promotes: bool,
    pub(super) is_syn: bool,
    /// Whether the packet may be fragmented on its way, and its identification matters.
    pub(super) may_fragment: bool,
}

impl Forward {
    /// Whether more is to be done than a translation.
    #[inline]
    pub(super) fn is_special(&self) -> bool {
        self.is_syn
            || self.is_last
            || self.promotes
            || self.flags.has(FlowFlags::ALG)
            || !matches!(
                self.layout.protocol,
                Some(IpProtocol::TCP | IpProtocol::UDP)
            )
    }
}

/// Whether a host can have the address.
pub(super) const fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !address.is_loopback() && first != 0 && first < 224
}

/// As [`track`], out of line.
#[inline(never)]
pub(super) fn track_rare(
    config: &NatConfig,
    now: Instant,
    side: Side,
    direction: Direction,
    flow: FlowMut<'_, Ipv4FlowKey, NatFlow>,
    packet: &FlowPacket<'_>,
) -> Tracked {
    track(config, now, side, direction, flow, packet)
}

/// Has the state of a session look at a packet.
// What it returns is taken apart at once; handed over in memory it costs a quarter as much again.
#[inline(always)]
pub(super) fn track(
    config: &NatConfig,
    now: Instant,
    side: Side,
    direction: Direction,
    mut flow: FlowMut<'_, Ipv4FlowKey, NatFlow>,
    packet: &FlowPacket<'_>,
) -> Tracked {
    let value = flow.value_mut();
    if value.comes_from(direction) != side {
        return Tracked::Drop(DropReason::WrongSide);
    }
    let verdict = value.handle(&config.tcp, now, direction, packet);
    let is_last = match verdict {
        Track::Accept | Track::Ignore => false,
        // RFC 7857 §2.2 SHOULD: the session of a reset stays for four minutes.
        Track::Delete => config.forget_refused,
        Track::Invalid(why) => return Tracked::Drop(DropReason::Invalid(why)),
        Track::Reopen => return Tracked::Reopen(flow.id()),
    };
    if matches!(verdict, Track::Accept | Track::Delete) {
        let deadline = now + value.timeout(&config.timers);
        let is_assured = value.state().is_assured();
        // RFC 4787 §4.3 MUST (req-6): packets from inside refresh.
        // RFC 7857 §8 SHOULD NOT: a reset never does.
        let refreshes = side == Side::Inside || config.inbound_refresh;
        let deadline = if refreshes && !is_reset(packet) {
            deadline
        } else {
            deadline.min(flow.deadline())
        };
        flow.set_deadline(deadline);
        if is_assured {
            flow.set_class(1);
        }
    }
    let value = flow.value();
    let flags = value.flags;
    let (from, to) = NatFlow::keys(direction, flow.original(), flow.reply());
    let mut layout = Layout::of(packet);
    if flags.has(FlowFlags::LEARNED) {
        layout.protocol = None;
    }
    Tracked::Forward(Forward {
        id: flow.id(),
        from,
        to,
        layout,
        direction,
        flags,
        hairpin: value.is_hairpin(),
        is_last,
        promotes: direction == Direction::Reply
            && flags.has(FlowFlags::DESTINATION_MAPPING)
            && !flags.has(FlowFlags::KEEPS_DESTINATION),
        is_syn: is_syn(packet),
        may_fragment: may_fragment(packet),
    })
}

#[inline]
fn is_reset(packet: &FlowPacket<'_>) -> bool {
    matches!(packet.transport(), Transport::Tcp(segment) if segment.flags.contains(TcpFlags::RST))
}

#[inline]
pub(super) fn is_syn(packet: &FlowPacket<'_>) -> bool {
    matches!(packet.transport(), Transport::Tcp(segment) if segment.flags.contains(TcpFlags::SYN))
}

/// RFC 6864 §4: a packet that is no fragment and must not become one needs no identification.
#[inline]
pub(super) fn may_fragment(packet: &FlowPacket<'_>) -> bool {
    matches!(packet.ip(), IpPacket::V4(ip) if !ip.dont_fragment()) || packet.is_fragment()
}

/// Reads a packet.
#[inline]
pub(super) fn parse(octets: &[u8]) -> Result<FlowPacket<'_>, DropReason> {
    FlowPacket::parse(octets).map_err(reason_of)
}

/// Why a packet is dropped that cannot be read.
pub(super) const fn reason_of(error: PacketError) -> DropReason {
    match error {
        PacketError::Fragment(discard) => DropReason::Fragment(discard),
        _ => DropReason::Malformed,
    }
}

/// Whether a flow has ended for good, so that its port need not rest.
pub(super) const fn has_closed(state: &FlowState) -> bool {
    matches!(state, FlowState::Tcp(flow) if flow.state().is_closing())
}
