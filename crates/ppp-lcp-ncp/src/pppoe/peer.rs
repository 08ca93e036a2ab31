//! Who is at the other end.

use core::fmt;
use packet_buffer::wire::{EtherType, EthernetFrame, EthernetRepr, MacAddr, VlanTags};
use packet_buffer::{EmitError, PacketBuf};

/// The other end of a session: its address, and the VLAN tags that its frames have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its address.
    pub address: MacAddr,
    /// The tags, outermost first. What is sent to it has the same.
    pub vlan_tags: VlanTags,
}

/// What peers are told apart by: the address and the VLANs, whatever the frames' priority.
pub(super) type PeerKey = (MacAddr, u64);

impl Peer {
    /// The sender of a frame.
    pub fn of(frame: &EthernetFrame<'_>) -> Self {
        Self {
            address: frame.source(),
            vlan_tags: frame.vlan_tags(),
        }
    }

    pub(super) fn key(&self) -> PeerKey {
        (self.address, vlans(&self.vlan_tags))
    }

    /// Puts an Ethernet header to this peer in front of `packet`.
    // RFC 2516 §4 MUST (addresses): from our address to the peer's.
    pub(super) fn emit(
        &self,
        source: MacAddr,
        ethertype: EtherType,
        packet: &mut PacketBuf,
    ) -> Result<(), EmitError> {
        let header = EthernetRepr {
            destination: self.address,
            source,
            vlan_tags: self.vlan_tags,
            ethertype,
        };
        header.emit(packet)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        for tag in self.vlan_tags.as_slice() {
            write!(f, " VLAN {}", tag.id())?;
        }
        Ok(())
    }
}

/// The VLANs of some tags as a number: up to four of 12 bits, each with a bit in front that says
/// that there is one.
pub(super) fn vlans(tags: &VlanTags) -> u64 {
    let tags = tags.as_slice().iter();
    tags.fold(0, |vlans, tag| vlans << 13 | 0x1000 | u64::from(tag.id()))
}
