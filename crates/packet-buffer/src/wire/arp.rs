//! Address Resolution Protocol (RFC 826).
//!
//! ```text
//!  0      2      4     5     6           8     8+h   8+h+p  8+2h+p  8+2h+2p
//! +------+------+-----+-----+-----------+-----+-----+------+-------+
//! | hrd  | pro  | hln | pln | operation | sha | spa | tha  | tpa   |    h = hln, p = pln
//! ```

use super::{EtherType, MacAddr, be16};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv4Addr;

crate::code_points! {
    /// The operation of an ARP packet.
    pub struct ArpOperation(u16) {
        /// Who has the target protocol address?
        REQUEST = 1 => "request",
        /// The sender has the sender protocol address.
        REPLY = 2 => "reply",
        /// Reverse ARP: what is my protocol address? (RFC 903)
        REVERSE_REQUEST = 3 => "reverse request",
        /// Reverse ARP: the answer.
        REVERSE_REPLY = 4 => "reverse reply",
        /// Inverse ARP: what is your protocol address? (RFC 2390)
        INVERSE_REQUEST = 8 => "inverse request",
        /// Inverse ARP: the answer.
        INVERSE_REPLY = 9 => "inverse reply",
    }
}

/// A received ARP packet for any hardware and any protocol.
#[derive(Debug, Clone, Copy)]
pub struct ArpPacket<'a> {
    header: &'a [u8; 8],
    sender_hardware: &'a [u8],
    sender_protocol: &'a [u8],
    target_hardware: &'a [u8],
    target_protocol: &'a [u8],
}

impl<'a> ArpPacket<'a> {
    /// The hardware type of Ethernet.
    pub const HARDWARE_ETHERNET: u16 = 1;

    /// Checks that all four addresses are there. What follows them is padding.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or an address is not there.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<8>() else {
            return Err(ParseError::truncated("ARP header", 0, 8, octets.len()));
        };
        let (hardware, protocol) = (usize::from(header[4]), usize::from(header[5]));
        let needed = 2 * (hardware + protocol);
        let split = || {
            let (sender_hardware, rest) = rest.split_at_checked(hardware)?;
            let (sender_protocol, rest) = rest.split_at_checked(protocol)?;
            let (target_hardware, rest) = rest.split_at_checked(hardware)?;
            let (target_protocol, _) = rest.split_at_checked(protocol)?;
            Some(Self {
                header,
                sender_hardware,
                sender_protocol,
                target_hardware,
                target_protocol,
            })
        };
        split().ok_or_else(|| ParseError::truncated("ARP addresses", 8, needed, rest.len()))
    }

    /// The kind of link: 1 for Ethernet.
    #[inline]
    pub fn hardware_type(&self) -> u16 {
        be16::<0, 8>(self.header)
    }

    /// The kind of protocol address, as an EtherType.
    #[inline]
    pub fn protocol_type(&self) -> EtherType {
        EtherType(be16::<2, 8>(self.header))
    }

    /// Request, reply and others.
    #[inline]
    pub fn operation(&self) -> ArpOperation {
        ArpOperation(be16::<6, 8>(self.header))
    }

    /// The sender's hardware address, of the length that the packet states.
    #[inline]
    pub fn sender_hardware_address(&self) -> &'a [u8] {
        self.sender_hardware
    }

    /// The sender's protocol address, of the length that the packet states.
    #[inline]
    pub fn sender_protocol_address(&self) -> &'a [u8] {
        self.sender_protocol
    }

    /// The target's hardware address, of the length that the packet states.
    #[inline]
    pub fn target_hardware_address(&self) -> &'a [u8] {
        self.target_hardware
    }

    /// The target's protocol address, of the length that the packet states.
    #[inline]
    pub fn target_protocol_address(&self) -> &'a [u8] {
        self.target_protocol
    }

    /// The packet as values, when it is about IPv4 addresses on Ethernet.
    ///
    /// # Errors
    ///
    /// Unsupported for another hardware or protocol type (a host drops such a packet, RFC 826
    /// "Packet Reception"); bad length when the address lengths are not 6 and 4.
    pub fn to_repr(&self) -> Result<ArpRepr, ParseError> {
        if self.hardware_type() != Self::HARDWARE_ETHERNET {
            let value = u32::from(self.hardware_type());
            return Err(ParseError::unsupported("ARP hardware type", 0, value));
        }
        if self.protocol_type() != EtherType::IPV4 {
            let value = u32::from(self.protocol_type().0);
            return Err(ParseError::unsupported("ARP protocol type", 2, value));
        }
        let hardware = |octets: &[u8]| {
            let address = octets.try_into().map(MacAddr);
            address.map_err(|_| ParseError::bad_length("ARP hardware address", 4, octets.len()))
        };
        let protocol = |octets: &[u8]| {
            let address = <[u8; 4]>::try_from(octets).map(Ipv4Addr::from);
            address.map_err(|_| ParseError::bad_length("ARP protocol address", 5, octets.len()))
        };
        Ok(ArpRepr {
            operation: self.operation(),
            sender_hardware_address: hardware(self.sender_hardware)?,
            sender_protocol_address: protocol(self.sender_protocol)?,
            target_hardware_address: hardware(self.target_hardware)?,
            target_protocol_address: protocol(self.target_protocol)?,
        })
    }
}

/// An ARP packet about IPv4 addresses on Ethernet, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArpRepr {
    /// Request, reply and others.
    pub operation: ArpOperation,
    /// The sender's MAC address.
    pub sender_hardware_address: MacAddr,
    /// The sender's IPv4 address; 0.0.0.0 in a probe (RFC 5227 §1.1).
    pub sender_protocol_address: Ipv4Addr,
    /// The target's MAC address; all zero in a request.
    pub target_hardware_address: MacAddr,
    /// The target's IPv4 address.
    pub target_protocol_address: Ipv4Addr,
}

impl ArpRepr {
    /// Octets that [`emit`](Self::emit) writes.
    pub const LEN: usize = 28;

    /// Asks who has `target`.
    pub const fn request(sender: MacAddr, source: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            operation: ArpOperation::REQUEST,
            sender_hardware_address: sender,
            sender_protocol_address: source,
            target_hardware_address: MacAddr::UNSPECIFIED,
            target_protocol_address: target,
        }
    }

    /// The answer to this packet: its target protocol address is at `own`.
    #[must_use]
    pub const fn reply(&self, own: MacAddr) -> Self {
        Self {
            operation: ArpOperation::REPLY,
            sender_hardware_address: own,
            sender_protocol_address: self.target_protocol_address,
            target_hardware_address: self.sender_hardware_address,
            target_protocol_address: self.sender_protocol_address,
        }
    }

    /// Writes the packet in front of `packet`, which is empty or padding.
    ///
    /// # Errors
    ///
    /// None today; the signature is that of all formats.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let mut octets = [0; Self::LEN];
        NetworkEndian::write_u16(&mut octets[0..2], ArpPacket::HARDWARE_ETHERNET);
        NetworkEndian::write_u16(&mut octets[2..4], EtherType::IPV4.0);
        octets[4] = 6;
        octets[5] = 4;
        NetworkEndian::write_u16(&mut octets[6..8], self.operation.0);
        octets[8..14].copy_from_slice(&self.sender_hardware_address.0);
        octets[14..18].copy_from_slice(&self.sender_protocol_address.octets());
        octets[18..24].copy_from_slice(&self.target_hardware_address.0);
        octets[24..28].copy_from_slice(&self.target_protocol_address.octets());
        packet.prepend_slice(&octets);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
    ];

    #[test]
    fn request_and_reply() {
        let repr = ArpPacket::parse(&REQUEST).unwrap().to_repr().unwrap();
        let expected = ArpRepr::request(
            MacAddr([2, 0, 0, 0, 0, 1]),
            Ipv4Addr::new(192, 0, 2, 1),
            Ipv4Addr::new(192, 0, 2, 2),
        );
        assert_eq!(repr, expected);
        let mut packet = PacketBuf::new();
        repr.emit(&mut packet).unwrap();
        assert_eq!(packet.as_slice(), REQUEST);
        let reply = repr.reply(MacAddr([2, 0, 0, 0, 0, 2]));
        assert_eq!(reply.operation, ArpOperation::REPLY);
        assert_eq!(reply.sender_protocol_address, Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(reply.target_hardware_address, MacAddr([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn lengths_and_types_are_checked() {
        for len in 0..28 {
            assert!(
                ArpPacket::parse(&REQUEST[..len])
                    .unwrap_err()
                    .is_truncated()
            );
        }
        let mut octets = REQUEST;
        octets[4] = 255;
        assert!(ArpPacket::parse(&octets).unwrap_err().is_truncated());
        octets[4] = 5;
        let error = ArpPacket::parse(&octets).unwrap().to_repr().unwrap_err();
        assert_eq!(error, ParseError::bad_length("ARP hardware address", 4, 5));
        octets = REQUEST;
        octets[1] = 6;
        let error = ArpPacket::parse(&octets).unwrap().to_repr().unwrap_err();
        assert_eq!(error, ParseError::unsupported("ARP hardware type", 0, 6));
    }
}
