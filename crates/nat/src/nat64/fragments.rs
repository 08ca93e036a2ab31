//! Fragments are put together before they are translated, and made anew behind it.

use super::config::{Nat64Drop, Nat64Side};
use super::engine::Nat64;
use packet_buffer::fragment::{Ipv4Fragmenter, Ipv6Fragmenter, Reassembly};
use packet_buffer::wire::{IpPacket, Ipv4Packet, Ipv6Packet};
use packet_buffer::{Instant, PacketBuf};

/// Packets that wait for [`Nat64::poll_transmit`].
const MAX_TRANSMITS: usize = 256;

impl Nat64 {
    /// Puts fragments together: `None` when others are missing, else whether there were any.
    // RFC 6146 §3.4 MUST (fragments): in whatever order they come.
    pub(super) fn reassemble(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        zone: u32,
    ) -> Result<Option<bool>, Nat64Drop> {
        let ip = IpPacket::parse(packet.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let is_fragment = match &ip {
            IpPacket::V4(ip) => ip.is_fragment(),
            IpPacket::V6(ip) => {
                let upper = ip.upper_layer().map_err(|_| Nat64Drop::Malformed)?;
                upper.fragment.is_some_and(|fragment| !fragment.is_atomic())
            }
        };
        if !is_fragment {
            return Ok(Some(false));
        }
        let mut out = PacketBuf::new();
        match self.reassembler.insert(now, zone, &ip, &mut out) {
            Ok(Reassembly::Complete) => {
                *packet = out;
                Ok(Some(true))
            }
            Ok(Reassembly::Incomplete) => Ok(None),
            Ok(_) | Err(_) => Err(Nat64Drop::Fragment),
        }
    }

    /// Leaves the first fragment in `packet` and queues the others.
    pub(super) fn fragment_v4(&mut self, packet: &mut PacketBuf) -> Result<(), Nat64Drop> {
        let mtu = usize::from(self.config().translate.ipv4_mtu);
        if packet.len() <= mtu {
            return Ok(());
        }
        let whole = packet.clone();
        let ip = Ipv4Packet::parse(whole.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let mut fragmenter = Ipv4Fragmenter::new(&ip, mtu).map_err(|_| Nat64Drop::TooBig)?;
        fragmenter.next_fragment(packet);
        let mut next = PacketBuf::new();
        while fragmenter.next_fragment(&mut next) {
            self.queue(Nat64Side::V4, next);
            next = PacketBuf::new();
        }
        Ok(())
    }

    // RFC 7915 §4.1 SHOULD (fragment): a packet that may be fragmented leaves in fragments of the
    // lowest MTU.
    pub(super) fn fragment_v6(
        &mut self,
        packet: &mut PacketBuf,
        identification: u32,
    ) -> Result<(), Nat64Drop> {
        let mtu = usize::from(self.config().translate.lowest_ipv6_mtu);
        if packet.len() <= mtu {
            return Ok(());
        }
        let whole = packet.clone();
        let ip = Ipv6Packet::parse(whole.as_slice()).map_err(|_| Nat64Drop::Malformed)?;
        let mut fragmenter =
            Ipv6Fragmenter::new(&ip, mtu, identification).map_err(|_| Nat64Drop::TooBig)?;
        fragmenter.next_fragment(packet);
        let mut next = PacketBuf::new();
        while fragmenter.next_fragment(&mut next) {
            self.queue(Nat64Side::V6, next);
            next = PacketBuf::new();
        }
        Ok(())
    }

    /// Queues a packet; false when there is no room.
    pub(super) fn queue(&mut self, to: Nat64Side, packet: PacketBuf) -> bool {
        let has_room = self.transmits.len() < MAX_TRANSMITS;
        if has_room {
            self.transmits.push_back((to, packet));
        }
        has_room
    }
}
