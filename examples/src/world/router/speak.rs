//! The router speaks RIP and RIPng.

use super::{RouterNode, id, number};
use crate::rip_router::packets::{Heard, heard, wrap};
use core::net::IpAddr;
use packet_buffer::{Instant, PacketBuf};

impl RouterNode {
    /// Whether the packet was RIP's or RIPng's.
    pub(super) fn receive_rip(&mut self, now: Instant, port: usize, octets: &[u8]) -> bool {
        // What is ignored is counted by the engines.
        let _ = match heard(id(port), octets) {
            Some(Heard::Rip(received)) => self.rip.handle_input(now, &received),
            Some(Heard::Ripng(received)) => self.ripng.handle_input(now, &received),
            None => return false,
        };
        true
    }

    /// Sends what the engines have to say.
    pub(super) fn send_rip(&mut self, now: Instant) {
        let mut message = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        loop {
            let written = if let Some(transmit) = self.rip.poll_transmit(&mut message) {
                let to = (transmit.interface, IpAddr::V4(transmit.destination));
                wrap(&transmit, &mut message).map(|()| to)
            } else if let Some(transmit) = self.ripng.poll_transmit(&mut message) {
                let to = (transmit.interface, IpAddr::V6(transmit.destination));
                wrap(&transmit, &mut message).map(|()| to)
            } else {
                return;
            };
            if let Some((interface, to)) = written {
                let next = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
                let packet = core::mem::replace(&mut message, next);
                self.send(now, number(interface), to, packet);
            }
        }
    }
}
