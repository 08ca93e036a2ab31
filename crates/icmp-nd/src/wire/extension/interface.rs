//! Objects that tell of, or ask about, an interface (RFC 5837 §4, RFC 8335 §2.1).

use super::{ExtensionError, RawObject};
use crate::wire::Writer;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::EmitError;

/// What an interface has to do with the quoted packet (RFC 5837 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceRole {
    /// The packet arrived on it.
    Incoming,
    /// It is the part of a compound interface on which the packet arrived.
    IncomingSubIp,
    /// The packet would have left by it.
    Outgoing,
    /// The packet would have gone to this next hop.
    NextHop,
}

impl InterfaceRole {
    const fn from_c_type(c_type: u8) -> Self {
        match c_type >> 6 {
            0 => Self::Incoming,
            1 => Self::IncomingSubIp,
            2 => Self::Outgoing,
            _ => Self::NextHop,
        }
    }

    const fn to_c_type(self) -> u8 {
        match self {
            Self::Incoming => 0,
            Self::IncomingSubIp => 1 << 6,
            Self::Outgoing => 2 << 6,
            Self::NextHop => 3 << 6,
        }
    }
}

/// Bits of the C-Type that say which sub-objects there are, in the order of these.
mod present {
    pub(super) const INDEX: u8 = 0x08;
    pub(super) const ADDRESS: u8 = 0x04;
    pub(super) const NAME: u8 = 0x02;
    pub(super) const MTU: u8 = 0x01;
}

/// The longest name, in octets: its length octet counts itself, and is 64 at most.
const MAX_NAME: usize = 63;

/// The longest name that identifies an interface, in octets: no system has longer ones, and the RFC
/// sets no limit.
const MAX_IDENTIFYING_NAME: usize = 255;

/// An interface of the router that sent the error (RFC 5837 §4). Each part may be missing.
///
/// ```text
/// +----------+   +--------+----------+---------+   +--------+-----------------+   +-----+
/// | ifIndex  |   | AFI    | Reserved | Address |   | Length | Name, zeroes    |   | MTU |
/// +----------+   +--------+----------+---------+   +--------+-----------------+   +-----+
///  4              2        2          4 or 16       1        3 to 63               4 octets
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceInformation<'a> {
    /// What the interface has to do with the quoted packet.
    pub role: InterfaceRole,
    /// The index (RFC 2863).
    pub index: Option<u32>,
    /// An address.
    pub address: Option<IpAddr>,
    /// The name: 63 octets at most, no zeroes.
    pub name: Option<&'a str>,
    /// The MTU, in octets.
    pub mtu: Option<u32>,
}

impl<'a> InterfaceInformation<'a> {
    /// An interface of which nothing is told yet.
    pub const fn new(role: InterfaceRole) -> Self {
        Self {
            role,
            index: None,
            address: None,
            name: None,
            mtu: None,
        }
    }

    pub(super) fn read(object: &RawObject<'a>) -> Result<Self, ExtensionError> {
        let has = |bit: u8| object.c_type & bit != 0;
        let mut rest = object.payload;
        let mut interface = Self::new(InterfaceRole::from_c_type(object.c_type));
        // RFC 5837 §4.1 MUST (order): index, address, name, MTU, as far as the C-Type says.
        if has(present::INDEX) {
            interface.index = Some(u32::from_be_bytes(*take(&mut rest)?));
        }
        if has(present::ADDRESS) {
            let [family @ .., _, _] = *take::<4>(&mut rest)?;
            interface.address = Some(match u16::from_be_bytes(family) {
                AFI_IPV4 => Ipv4Addr::from(*take::<4>(&mut rest)?).into(),
                AFI_IPV6 => Ipv6Addr::from(*take::<16>(&mut rest)?).into(),
                family => return Err(ExtensionError::AddressFamily(family)),
            });
        }
        if has(present::NAME) {
            let length = *rest.first().ok_or(ExtensionError::Truncated)?;
            // RFC 5837 §4.3 MUST (length): a multiple of four, 64 at most.
            if length == 0 || length > 64 || !length.is_multiple_of(4) {
                return Err(ExtensionError::NameLength(length));
            }
            let (name, after) = rest
                .split_at_checked(usize::from(length))
                .ok_or(ExtensionError::Truncated)?;
            interface.name = Some(text(name.get(1..).unwrap_or_default())?);
            rest = after;
        }
        if has(present::MTU) {
            interface.mtu = Some(u32::from_be_bytes(*take(&mut rest)?));
        }
        if !rest.is_empty() {
            return Err(ExtensionError::Trailing);
        }
        Ok(interface)
    }

    pub(super) const fn c_type(&self) -> u8 {
        let mut c_type = self.role.to_c_type();
        if self.index.is_some() {
            c_type |= present::INDEX;
        }
        if self.address.is_some() {
            c_type |= present::ADDRESS;
        }
        if self.name.is_some() {
            c_type |= present::NAME;
        }
        if self.mtu.is_some() {
            c_type |= present::MTU;
        }
        c_type
    }

    /// Octets of the payload.
    pub(super) fn check(&self) -> Result<usize, EmitError> {
        let mut length = 0;
        if self.index.is_some() {
            length += 4;
        }
        if let Some(address) = self.address {
            length += 4 + address_len(address);
        }
        if let Some(name) = self.name {
            length += (1 + check_name(name)?).next_multiple_of(4);
        }
        if self.mtu.is_some() {
            length += 4;
        }
        Ok(length)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        if let Some(index) = self.index {
            writer.u32(index);
        }
        if let Some(address) = self.address {
            writer.u16(family_of(address));
            writer.skip(2);
            write_address(writer, address);
        }
        if let Some(name) = self.name {
            let length = (1 + name.len()).next_multiple_of(4);
            writer.u8(u8::try_from(length).unwrap_or_default());
            writer.put(name.as_bytes());
            writer.skip(length - 1 - name.len());
        }
        if let Some(mtu) = self.mtu {
            writer.u32(mtu);
        }
    }
}

/// An address by which an interface is asked about: of IP or of another family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterfaceAddress<'a> {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// An address of another family, such as a MAC address (AFI 16389).
    Other {
        /// The address family, as IANA numbers it.
        family: u16,
        /// The address: 255 octets at most.
        octets: &'a [u8],
    },
}

/// The interface that an extended echo is about (RFC 8335 §2.1).
///
/// ```text
/// C-Type 1:   name, zeroes up to four octets
/// C-Type 2:   ifIndex, 4 octets
/// C-Type 3:   AFI, 2 octets; address length, 1 octet; zero; address, zeroes up to four octets
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterfaceIdentification<'a> {
    /// The interface of this name: 1 to 255 octets, no zeroes.
    Name(&'a str),
    /// The interface of this index (RFC 2863).
    Index(u32),
    /// The interface of this address, or the neighbor that has it.
    Address(InterfaceAddress<'a>),
}

impl<'a> InterfaceIdentification<'a> {
    pub(super) fn read(object: &RawObject<'a>) -> Result<Self, ExtensionError> {
        let mut rest = object.payload;
        match object.c_type {
            1 => match text(rest)? {
                name if name.is_empty() || name.len() > MAX_IDENTIFYING_NAME => {
                    Err(ExtensionError::Name)
                }
                name => Ok(Self::Name(name)),
            },
            2 => {
                let index = u32::from_be_bytes(*take(&mut rest)?);
                if !rest.is_empty() {
                    return Err(ExtensionError::Trailing);
                }
                Ok(Self::Index(index))
            }
            3 => {
                let [family @ .., length, _] = *take::<4>(&mut rest)?;
                let (octets, padding) = rest
                    .split_at_checked(usize::from(length))
                    .ok_or(ExtensionError::Truncated)?;
                if padding.len() > 3 {
                    return Err(ExtensionError::Trailing);
                }
                let error = ExtensionError::AddressLength(length);
                let address = match u16::from_be_bytes(family) {
                    AFI_IPV4 => {
                        let octets: [u8; 4] = octets.try_into().map_err(|_| error)?;
                        InterfaceAddress::Ip(octets.into())
                    }
                    AFI_IPV6 => {
                        let octets: [u8; 16] = octets.try_into().map_err(|_| error)?;
                        InterfaceAddress::Ip(octets.into())
                    }
                    family => InterfaceAddress::Other { family, octets },
                };
                Ok(Self::Address(address))
            }
            c_type => Err(ExtensionError::CType(c_type)),
        }
    }

    pub(super) const fn c_type(&self) -> u8 {
        match self {
            Self::Name(_) => 1,
            Self::Index(_) => 2,
            Self::Address(_) => 3,
        }
    }

    /// Octets of the payload.
    pub(super) fn check(&self) -> Result<usize, EmitError> {
        let bad = |what, length: usize| {
            let value = u32::try_from(length).unwrap_or(u32::MAX);
            Err(EmitError::BadValue { what, value })
        };
        let limit = usize::from(u8::MAX);
        match self {
            Self::Name(name) if name.is_empty() || name.contains('\0') => {
                bad("interface name", name.len())
            }
            Self::Name(name) if name.len() > MAX_IDENTIFYING_NAME => Err(EmitError::TooLong {
                what: "interface name",
                length: name.len(),
                limit: MAX_IDENTIFYING_NAME,
            }),
            // RFC 8335 §2.1 MUST (name-padding): zeroes up to a multiple of four octets.
            Self::Name(name) => Ok(name.len().next_multiple_of(4)),
            Self::Index(_) => Ok(4),
            Self::Address(InterfaceAddress::Ip(address)) => Ok(4 + address_len(*address)),
            Self::Address(InterfaceAddress::Other { family, .. })
                if matches!(*family, AFI_IPV4 | AFI_IPV6) =>
            {
                bad("address family of another address", usize::from(*family))
            }
            Self::Address(InterfaceAddress::Other { octets, .. }) if octets.len() > limit => {
                Err(EmitError::TooLong {
                    what: "interface address",
                    length: octets.len(),
                    limit,
                })
            }
            Self::Address(InterfaceAddress::Other { octets, .. }) => {
                Ok(4 + octets.len().next_multiple_of(4))
            }
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        let padded = |writer: &mut Writer<'_>, octets: &[u8]| {
            writer.put(octets);
            writer.skip(octets.len().next_multiple_of(4) - octets.len());
        };
        match self {
            Self::Name(name) => padded(writer, name.as_bytes()),
            Self::Index(index) => writer.u32(*index),
            Self::Address(InterfaceAddress::Ip(address)) => {
                writer.u16(family_of(*address));
                writer.u8(u8::try_from(address_len(*address)).unwrap_or_default());
                writer.skip(1);
                write_address(writer, *address);
            }
            Self::Address(InterfaceAddress::Other { family, octets }) => {
                writer.u16(*family);
                writer.u8(u8::try_from(octets.len()).unwrap_or_default());
                writer.skip(1);
                padded(writer, octets);
            }
        }
    }
}

/// IANA's address family numbers.
const AFI_IPV4: u16 = 1;
const AFI_IPV6: u16 = 2;

const fn family_of(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => AFI_IPV4,
        IpAddr::V6(_) => AFI_IPV6,
    }
}

const fn address_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

fn write_address(writer: &mut Writer<'_>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => writer.put(&address.octets()),
        IpAddr::V6(address) => writer.put(&address.octets()),
    }
}

fn check_name(name: &str) -> Result<usize, EmitError> {
    const WHAT: &str = "interface name";
    let length = name.len();
    if length > MAX_NAME {
        return Err(EmitError::TooLong {
            what: WHAT,
            length,
            limit: MAX_NAME,
        });
    }
    if name.contains('\0') {
        return Err(EmitError::BadValue {
            what: WHAT,
            value: 0,
        });
    }
    Ok(length)
}

/// A name without the zeroes that pad it.
fn text(octets: &[u8]) -> Result<&str, ExtensionError> {
    let name = core::str::from_utf8(octets).map_err(|_| ExtensionError::Name)?;
    let name = name.trim_end_matches('\0');
    if name.contains('\0') {
        return Err(ExtensionError::Name);
    }
    Ok(name)
}

/// The next `N` octets.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], ExtensionError> {
    let (taken, after) = rest
        .split_first_chunk::<N>()
        .ok_or(ExtensionError::Truncated)?;
    *rest = after;
    Ok(taken)
}
