//! Ethernet II frames, with 802.1Q tags.
//!
//! ```text
//!  0       6       12          14..          frame octets
//! +-------+-------+-----------+------------+
//! | dest. | source| EtherType | payload    |     untagged
//! +-------+-------+-----------+------------+
//! | dest. | source| TPID, TCI | EtherType, payload   (a tag is four octets; tags can be stacked)
//! ```

use super::{MacAddr, be16, be16_at, field};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};

crate::code_points! {
    /// What an Ethernet frame carries; values below 0x600 are an IEEE 802.3 length instead.
    pub struct EtherType(u16) {
        /// Internet Protocol version 4.
        IPV4 = 0x0800 => "IPv4",
        /// Address Resolution Protocol.
        ARP = 0x0806 => "ARP",
        /// A customer VLAN tag (IEEE 802.1Q).
        VLAN = 0x8100 => "VLAN",
        /// Internet Protocol version 6.
        IPV6 = 0x86dd => "IPv6",
        /// MPLS with downstream-assigned labels.
        MPLS = 0x8847 => "MPLS",
        /// PPPoE, discovery stage.
        PPPOE_DISCOVERY = 0x8863 => "PPPoE discovery",
        /// PPPoE, session stage.
        PPPOE_SESSION = 0x8864 => "PPPoE session",
        /// A service VLAN tag (IEEE 802.1ad, "QinQ").
        SERVICE_VLAN = 0x88a8 => "service VLAN",
        /// A stacked tag as equipment older than 802.1ad sends it.
        LEGACY_VLAN = 0x9100 => "legacy VLAN",
        /// Transparent Ethernet bridging, as GRE carries it.
        TRANSPARENT_ETHERNET = 0x6558 => "Ethernet",
        /// PPP, as enhanced GRE carries it.
        PPP = 0x880b => "PPP",
    }
}

impl EtherType {
    /// Whether the field is the length of an IEEE 802.3 frame and not a type.
    pub const fn is_length(self) -> bool {
        self.0 < 0x600
    }

    /// Whether a VLAN tag follows.
    #[inline]
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::SERVICE_VLAN | Self::LEGACY_VLAN)
    }
}

/// A VLAN tag: its type and its control information (IEEE 802.1Q).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// The tag protocol identifier: [`EtherType::VLAN`] or [`EtherType::SERVICE_VLAN`].
    pub tpid: EtherType,
    /// Tag control information: priority (3 bits), drop eligible (1), VLAN identifier (12).
    pub tci: u16,
}

impl VlanTag {
    /// A customer tag of the VLAN `id` (12 bits; higher bits are ignored) with priority 0.
    pub const fn new(id: u16) -> Self {
        Self {
            tpid: EtherType::VLAN,
            tci: id & 0x0fff,
        }
    }

    /// The VLAN identifier, 0 to 4095.
    pub const fn id(self) -> u16 {
        self.tci & 0x0fff
    }

    /// The priority code point, 0 to 7.
    pub const fn priority(self) -> u8 {
        self.tci.to_be_bytes()[0] >> 5
    }

    /// Whether the frame may be dropped first under congestion.
    pub const fn drop_eligible(self) -> bool {
        self.tci & 0x1000 != 0
    }
}

/// Up to [`VlanTags::MAX`] tags, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VlanTags {
    tags: [VlanTag; Self::MAX],
    len: u8,
}

impl VlanTags {
    /// Tags that are read from a frame or written to it; a deeper one is left in the payload.
    pub const MAX: usize = 4;
    /// No tags.
    pub const NONE: Self = Self {
        tags: [VlanTag::new(0); Self::MAX],
        len: 0,
    };

    /// One tag.
    pub const fn one(tag: VlanTag) -> Self {
        Self {
            tags: [tag, VlanTag::new(0), VlanTag::new(0), VlanTag::new(0)],
            len: 1,
        }
    }

    /// Adds a tag inside the others; returns false, and changes nothing, when there is no room.
    pub fn push(&mut self, tag: VlanTag) -> bool {
        match self.tags.get_mut(usize::from(self.len)) {
            Some(slot) => {
                *slot = tag;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// The tags, outermost first.
    pub fn as_slice(&self) -> &[VlanTag] {
        self.tags.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A received Ethernet frame, without preamble and frame check sequence.
#[derive(Debug, Clone, Copy)]
pub struct EthernetFrame<'a> {
    header: &'a [u8; 14],
    /// All tags, four octets each: control information, then the next EtherType.
    tags: &'a [u8],
    ethertype: EtherType,
    payload: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Octets of a header without tags.
    pub const HEADER_LEN: usize = 14;

    /// Checks a frame's header and its VLAN tags.
    ///
    /// An IEEE 802.3 length cuts the payload, so that padding is not taken for data; a length
    /// beyond the frame is refused.
    ///
    /// # Errors
    ///
    /// Truncated, when the header, a tag or the octets that an 802.3 length promises are not there.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, payload)) = octets.split_first_chunk::<14>() else {
            return Err(ParseError::truncated(
                "Ethernet header",
                0,
                14,
                octets.len(),
            ));
        };
        let outer = EtherType(be16::<12, 14>(header));
        let untagged = |ethertype| {
            Ok(Self {
                header,
                tags: &[],
                ethertype,
                payload,
            })
        };
        // Nearly all frames. Each with its own constant, so that the compiler makes one comparison of
        // this and of the caller's.
        if outer == EtherType::IPV4 {
            return untagged(EtherType::IPV4);
        }
        if outer == EtherType::IPV6 {
            return untagged(EtherType::IPV6);
        }
        let layout = Layout::find(outer, payload)?;
        let (tags, payload) = payload.split_at_checked(layout.tags).unwrap_or_default();
        Ok(Self {
            header,
            tags,
            ethertype: layout.ethertype,
            payload: payload.get(..layout.payload).unwrap_or_default(),
        })
    }

    /// Where the frame goes.
    #[inline]
    pub fn destination(&self) -> MacAddr {
        MacAddr(*field::<0, 6, 14>(self.header))
    }

    /// Where the frame comes from.
    #[inline]
    pub fn source(&self) -> MacAddr {
        MacAddr(*field::<6, 6, 14>(self.header))
    }

    /// The field right after the addresses: the first tag's type, or the payload's.
    #[inline]
    pub fn outer_ethertype(&self) -> EtherType {
        EtherType(be16::<12, 14>(self.header))
    }

    /// What the payload is, after all tags.
    #[inline]
    pub fn ethertype(&self) -> EtherType {
        self.ethertype
    }

    /// The VLAN tags, outermost first.
    pub fn vlan_tags(&self) -> VlanTags {
        let mut tags = VlanTags::NONE;
        let mut tpid = self.outer_ethertype();
        for tag in self.tags.as_chunks::<4>().0 {
            tags.push(VlanTag {
                tpid,
                tci: be16::<0, 4>(tag),
            });
            tpid = EtherType(be16::<2, 4>(tag));
        }
        tags
    }

    /// Octets before the payload: 14, and four for each tag.
    #[inline]
    pub fn header_len(&self) -> usize {
        Self::HEADER_LEN + self.tags.len()
    }

    /// What the frame carries. An Ethernet II frame may have padding behind the packet; the
    /// packet's own length tells.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The header as values.
    pub fn to_repr(&self) -> EthernetRepr {
        EthernetRepr {
            destination: self.destination(),
            source: self.source(),
            vlan_tags: self.vlan_tags(),
            ethertype: self.ethertype,
        }
    }
}

/// What follows the first EtherType of a frame.
struct Layout {
    /// Octets of tags.
    tags: usize,
    /// What stands behind the last tag.
    ethertype: EtherType,
    /// Octets of payload.
    payload: usize,
}

impl Layout {
    /// Walks the tags and applies an 802.3 length; `octets` start after the first EtherType.
    fn find(outer: EtherType, octets: &[u8]) -> Result<Self, ParseError> {
        let mut ethertype = outer;
        let mut tags = 0;
        while ethertype.is_vlan() && tags < VlanTags::MAX * 4 {
            let Some(next) = be16_at(octets, tags + 2) else {
                let available = octets.len() - tags;
                return Err(ParseError::truncated("VLAN tag", 14 + tags, 4, available));
            };
            ethertype = EtherType(next);
            tags += 4;
        }
        let mut payload = octets.len() - tags;
        if ethertype.is_length() {
            let length = usize::from(ethertype.0);
            if length > payload {
                let at = 14 + tags;
                return Err(ParseError::truncated("802.3 payload", at, length, payload));
            }
            payload = length;
        }
        Ok(Self {
            tags,
            ethertype,
            payload,
        })
    }
}

/// An Ethernet II header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EthernetRepr {
    /// Where the frame goes.
    pub destination: MacAddr,
    /// Where the frame comes from.
    pub source: MacAddr,
    /// VLAN tags, outermost first.
    pub vlan_tags: VlanTags,
    /// What the payload is.
    pub ethertype: EtherType,
}

impl EthernetRepr {
    /// A header without tags.
    pub const fn new(destination: MacAddr, source: MacAddr, ethertype: EtherType) -> Self {
        Self {
            destination,
            source,
            vlan_tags: VlanTags::NONE,
            ethertype,
        }
    }

    /// Octets that [`emit`](Self::emit) puts in front of the payload.
    pub fn header_len(&self) -> usize {
        EthernetFrame::HEADER_LEN + 4 * self.vlan_tags.as_slice().len()
    }

    /// Writes the header in front of `packet`. Padding to 60 octets is the interface's business.
    ///
    /// # Errors
    ///
    /// [`EmitError::BadValue`], with the packet unchanged, when the EtherType is an 802.3 length
    /// other than the packet's own.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        if self.ethertype.is_length() && usize::from(self.ethertype.0) != packet.len() {
            let value = u32::from(self.ethertype.0);
            return Err(EmitError::BadValue {
                what: "802.3 length",
                value,
            });
        }
        let tags = self.vlan_tags.as_slice();
        let mut next = self.ethertype;
        for tag in tags.iter().rev() {
            let mut octets = [0; 4];
            NetworkEndian::write_u16(&mut octets[0..2], tag.tci);
            NetworkEndian::write_u16(&mut octets[2..4], next.0);
            packet.prepend_slice(&octets);
            next = tag.tpid;
        }
        let mut header = [0; EthernetFrame::HEADER_LEN];
        header[0..6].copy_from_slice(&self.destination.0);
        header[6..12].copy_from_slice(&self.source.0);
        NetworkEndian::write_u16(&mut header[12..14], next.0);
        packet.prepend_slice(&header);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, 1, 2, 3,
    ];

    #[test]
    fn plain_frame() {
        let frame = EthernetFrame::parse(PLAIN).unwrap();
        assert!(frame.destination().is_broadcast());
        assert_eq!(frame.source(), MacAddr([2, 0, 0, 0, 0, 1]));
        assert_eq!(frame.ethertype(), EtherType::IPV4);
        assert_eq!(frame.payload(), [1, 2, 3]);
        assert_eq!(frame.vlan_tags(), VlanTags::NONE);
    }

    #[test]
    fn stacked_tags_round_trip() {
        let mut repr = EthernetFrame::parse(PLAIN).unwrap().to_repr();
        repr.vlan_tags.push(VlanTag {
            tpid: EtherType::SERVICE_VLAN,
            tci: 0xb064,
        });
        repr.vlan_tags.push(VlanTag::new(7));
        let mut packet = PacketBuf::from(&[1, 2, 3][..]);
        repr.emit(&mut packet).unwrap();
        assert_eq!(packet.len(), repr.header_len() + 3);
        assert_eq!(
            packet.as_slice()[12..22],
            [0x88, 0xa8, 0xb0, 0x64, 0x81, 0, 0, 7, 8, 0]
        );
        let frame = EthernetFrame::parse(packet.as_slice()).unwrap();
        assert_eq!(frame.to_repr(), repr);
        assert_eq!(frame.header_len(), 22);
        let outer = frame.vlan_tags().as_slice()[0];
        assert_eq!(
            (outer.id(), outer.priority(), outer.drop_eligible()),
            (100, 5, true)
        );
        for len in 0..22 {
            assert!(
                EthernetFrame::parse(&packet.as_slice()[..len]).is_err(),
                "{len}"
            );
        }
    }

    #[test]
    fn too_many_tags_stay_in_the_payload() {
        let mut octets = PLAIN[..12].to_vec();
        for _ in 0..6 {
            octets.extend([0x81, 0, 0, 1]);
        }
        octets.extend([8, 0]);
        let frame = EthernetFrame::parse(&octets).unwrap();
        assert_eq!(frame.vlan_tags().as_slice().len(), VlanTags::MAX);
        assert_eq!(frame.ethertype(), EtherType::VLAN);
        assert_eq!(frame.payload().len(), 2 * 4);
    }

    #[test]
    fn a_length_cuts_the_padding() {
        let mut octets = PLAIN.to_vec();
        octets[12..14].copy_from_slice(&[0, 2]);
        assert_eq!(EthernetFrame::parse(&octets).unwrap().payload(), [1, 2]);
        octets[13] = 4;
        let error = EthernetFrame::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::truncated("802.3 payload", 14, 4, 3));
    }
}
