//! FTP (RFC 959, RFC 2428): the control connection announces where the data connection goes.

use super::segment::{Parts, TcpShifts};
use super::{LIFETIME, MAX_SESSIONS};
use crate::config::Side;
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use flow_state::application::ftp::{Announcement, Control, PORT};
use flow_table::{Direction, FlowId};
use packet_buffer::wire::{IpProtocol, TcpFlags};
use packet_buffer::{Instant, PacketBuf};

/// Lets FTP data connections in, active and passive, with the client or the server inside.
#[derive(Debug)]
pub struct Ftp {
    ports: Vec<u16>,
    sessions: BTreeMap<FlowId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    control: Control,
    shifts: TcpShifts,
    /// A change of the segment that is handled: direction, where it ends, octets more.
    pending: Option<(Direction, u32, u32)>,
}

impl Ftp {
    /// For control connections to port 21.
    pub fn new() -> Self {
        Self::with_ports(Vec::from([PORT]))
    }

    /// For control connections to these ports of servers, and no others.
    pub const fn with_ports(ports: Vec<u16>) -> Self {
        Self {
            ports,
            sessions: BTreeMap::new(),
        }
    }
}

impl Default for Ftp {
    fn default() -> Self {
        Self::new()
    }
}

impl Alg for Ftp {
    fn name(&self) -> &'static str {
        "FTP"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.original.protocol() == IpProtocol::TCP.0
            && self.ports.contains(&session.reply.source_port())
            && self.sessions.len() < MAX_SESSIONS
    }

    fn before(&mut self, id: FlowId, direction: Direction, packet: &mut PacketBuf) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.shifts.acknowledge(direction, packet);
        }
    }

    fn handle(
        &mut self,
        _now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let direction = context.direction();
        let session = self.sessions.entry(context.session().id).or_default();
        let changed = match Parts::of(packet.as_slice()) {
            Some(parts) => session.look(&parts, packet, context),
            None => Some(()),
        };
        session.shifts.advance(direction, packet);
        session.settle();
        match changed {
            Some(()) => AlgVerdict::Pass,
            None => AlgVerdict::Drop,
        }
    }

    fn closed(&mut self, id: FlowId) {
        self.sessions.remove(&id);
    }
}

impl Session {
    /// Looks at a segment, and changes what it announces. `None` when it must not go on.
    fn look(
        &mut self,
        parts: &Parts,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> Option<()> {
        let direction = context.direction();
        if parts.flags.contains(TcpFlags::SYN) {
            self.control.handle_syn(direction, parts.sequence_number);
        }
        let data = parts.payload_of(packet.as_slice());
        if data.is_empty() {
            return Some(());
        }
        let session = *context.session();
        let (sender, side) = match direction {
            Direction::Original => (session.original.source(), session.initiator),
            Direction::Reply => (session.reply.source(), session.responder),
        };
        let number = parts.sequence_number;
        let found = self
            .control
            .handle_data(direction, number, data, sender.into());
        // Who is outside is reached as it says: nothing to open, nothing to change.
        if side == Side::Outside {
            return Some(());
        }
        let announcement = match found {
            Ok(None) => return Some(()),
            Ok(Some(announcement)) => announcement,
            // An announcement that is not to be believed would leave with an inside address.
            Err(_) => return None,
        };
        self.announce(parts, packet, context, &announcement, sender)
    }

    fn announce(
        &mut self,
        parts: &Parts,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
        announcement: &Announcement,
        sender: Ipv4Addr,
    ) -> Option<()> {
        let session = *context.session();
        if sender != session.inside().address {
            return None;
        }
        let direction = context.direction();
        let peer = match direction {
            Direction::Original => session.reply.source(),
            Direction::Reply => session.original.source(),
        };
        let outside = context.expect(&Expect {
            protocol: IpProtocol::TCP,
            inside_port: announcement.port,
            peer: Some(peer),
            peer_port: None,
            lifetime: LIFETIME,
            outside_port: None,
        })?;
        let text = announcement.rewritten(IpAddr::V4(outside.address), outside.port)?;
        let old = parts.payload_of(packet.as_slice());
        let range = announcement.range.clone();
        let mut new = Vec::with_capacity(old.len() + text.len());
        new.extend_from_slice(old.get(..range.start)?);
        new.extend_from_slice(text.as_bytes());
        new.extend_from_slice(old.get(range.end..)?);
        let end = u32::try_from(range.end).ok()?;
        let (before, after) = (
            u32::try_from(range.len()).ok()?,
            u32::try_from(text.len()).ok()?,
        );
        parts.replace(packet, &new)?;
        self.pending = Some((
            direction,
            parts.sequence_number.wrapping_add(end),
            after.wrapping_sub(before),
        ));
        Some(())
    }

    /// A change counts for what follows, not for the segment that it is in.
    fn settle(&mut self) {
        if let Some((direction, at, longer)) = self.pending.take() {
            self.shifts.of(direction).add(at, longer);
        }
    }
}
