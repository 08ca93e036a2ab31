//! Keeping translator and firewall of one mind.
//!
//! Each has a state of its own for a connection. Where one of them drops a packet that the other one has seen, or has
//! not, the two would go apart; what is done here keeps them where one state for both would be.
//!
//! | what happens | what is done |
//! |---|---|
//! | the firewall does not let in what the translator has moved on with | the translator goes back, or forgets a session that the firewall has none of |
//! | the translator ends a session and does not let its successor in | the firewall ends it too |
//! | the translator has no room for what the firewall has begun | the firewall ends it |
//! | one of them refuses a segment, and learns from it ([`TcpPolicy::LinuxCompat`]) | it is shown to the other one too |

use super::Gateway;
use flow_state::{Ipv4FlowKey, Key, TcpPolicy};
use nat::{Nat, SessionRecord, Side};
use packet_buffer::{Instant, IpPacketMut, PacketBuf};
use stateful_firewall::SyncMessage;

/// The session that a packet belongs to, as the translator had it before.
pub(super) struct Before {
    key: Ipv4FlowKey,
    record: Option<SessionRecord>,
}

impl Gateway {
    /// What the translator knows of a packet's session, when there is a firewall to agree with.
    pub(super) fn before(&self, packet: &PacketBuf) -> Option<Before> {
        if self.firewall.is_none() || self.config.firewall_outside {
            return None;
        }
        let nat = self.nat.as_ref()?;
        let parsed = flow_state::FlowPacket::parse(packet.as_slice()).ok()?;
        let has_key = !matches!(
            parsed.transport(),
            flow_state::Transport::IcmpError(_) | flow_state::Transport::LaterFragment
        );
        match parsed.key() {
            Key::V4(key) if has_key => Some(Before {
                key,
                record: nat.record_of(&key),
            }),
            _ => None,
        }
    }

    /// A packet from outside that the translator has let in is dropped behind it; whether the firewall's session, if there
    /// is one, is as it was.
    pub(super) fn take_back(&mut self, now: Instant, before: Option<&Before>, is_unchanged: bool) {
        let (Some(before), Some(nat)) = (before, &mut self.nat) else {
            return;
        };
        let record = before.record.as_ref().filter(|_| is_unchanged);
        if !record.is_some_and(|record| nat.restore(now, record)) {
            nat.remove_session(now, &before.key);
        }
    }

    /// The translator has not let in a packet from outside, and may have ended its session for it.
    pub(super) fn ended_by_nat(&mut self, now: Instant, before: Option<&Before>) {
        if let Some(before) = before
            && let Some(record) = &before.record
            && let Some(nat) = &self.nat
            && nat.record_of(&before.key).is_none()
        {
            self.forget(now, inside_key(record));
        }
    }

    /// The translator has dropped a packet from outside.
    pub(super) fn refused_by_nat(
        &mut self,
        now: Instant,
        ingress: usize,
        before: Option<&Before>,
        reason: nat::DropReason,
        packet: &PacketBuf,
    ) {
        let Some((before, record)) =
            before.and_then(|before| Some((before, before.record.as_ref()?)))
        else {
            return;
        };
        let Some(nat) = &self.nat else { return };
        let is_live = nat.record_of(&before.key).is_some();
        if is_live && matches!(reason, nat::DropReason::Invalid(_)) && learns_from_refused(nat) {
            let mut packet = packet.clone();
            let to = if before.key == record.original {
                record.reply.reversed()
            } else {
                record.original.reversed()
            };
            if let Ok(mut ip) = IpPacketMut::parse(packet.as_mut_slice()) {
                let from = to.source().into();
                let _ = ip.set_source(from, Some(to.source_port()));
                let _ = ip.set_destination(to.destination().into(), Some(to.destination_port()));
            }
            let egress = self.interface_to(to.destination().into());
            let _ = self.filter_by(now, ingress, egress, &mut packet, true);
        }
    }

    /// The translator has dropped a packet from inside that the firewall has let pass.
    pub(super) fn no_room(&mut self, now: Instant, before: Option<&Before>) {
        if let (Some(before), Some(nat)) = (before, &self.nat)
            && nat.record_of(&before.key).is_none()
        {
            self.forget(now, before.key);
        }
    }

    /// The firewall has refused a packet from inside.
    pub(super) fn refused_by_firewall(
        &mut self,
        now: Instant,
        before: Option<&Before>,
        packet: &PacketBuf,
    ) {
        let has_session = before.is_some_and(|before| before.record.is_some());
        if let Some(nat) = &mut self.nat
            && has_session
            && learns_from_refused(nat)
        {
            let _ = nat.process(now, Side::Inside, &mut packet.clone());
        }
    }

    /// Ends a session of the firewall.
    fn forget(&mut self, now: Instant, key: Ipv4FlowKey) {
        if let Some(firewall) = &mut self.firewall {
            // Nothing to make room for.
            let _ = firewall.apply(now, &SyncMessage::Gone(Key::V4(key)));
        }
    }
}

/// A session's key as the firewall has it, which sees inside addresses.
fn inside_key(record: &SessionRecord) -> Ipv4FlowKey {
    match record.initiator {
        Side::Inside => record.original,
        Side::Outside => record.reply.reversed(),
    }
}

const fn learns_from_refused(nat: &Nat) -> bool {
    matches!(nat.config().tcp, TcpPolicy::LinuxCompat { .. })
}
