//! Options with a fixed layout: the same type is read and written.

use super::super::{RouterPreference, Writer, be16, be32, field, ipv6};
use super::NdOptionError;
use core::net::Ipv6Addr;
use packet_buffer::EmitError;
use packet_buffer::wire::Ipv6Prefix;

/// A prefix that is on the link, or from which hosts form addresses (RFC 4861 §4.6.2).
///
/// ```text
///  0      1      2        3            4          8          12         16
/// +------+------+--------+------------+----------+----------+----------+----------+
/// |  3   |  4   | length | L A R zero | valid    | preferred| zero     | prefix   |
/// +------+------+--------+------------+----------+----------+----------+----------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrefixInformation {
    /// The prefix. Bits behind `prefix_length` are neither read nor written, unless
    /// `router_address` is set.
    pub address: Ipv6Addr,
    /// Bits of the prefix, 0 to 128.
    pub prefix_length: u8,
    /// L: addresses in the prefix are on the link.
    pub on_link: bool,
    /// A: hosts form addresses in the prefix.
    pub autonomous: bool,
    /// R: `address` is the router's whole address (RFC 6275 §7.2).
    pub router_address: bool,
    /// For how many seconds the prefix, and addresses formed from it, are valid;
    /// [`INFINITE_LIFETIME`](super::INFINITE_LIFETIME) for ever.
    pub valid_lifetime: u32,
    /// For how many seconds addresses formed from it are preferred.
    pub preferred_lifetime: u32,
}

impl PrefixInformation {
    /// Octets of the whole option.
    pub const LEN: usize = 32;

    /// The prefix, with the bits behind its length cleared.
    #[inline]
    pub fn prefix(&self) -> Ipv6Prefix {
        // The length was checked when the option was read; a wrong one in a value that was made by
        // hand is one address, which no use of the prefix takes for a network.
        Ipv6Prefix::new(self.address, self.prefix_length).unwrap_or(Ipv6Prefix::host(self.address))
    }

    #[inline]
    pub(super) fn read(data: &[u8]) -> Result<Self, NdOptionError> {
        let data: &[u8; 30] = data
            .try_into()
            .map_err(|_| NdOptionError::PrefixInformationLength)?;
        // RFC 4861 §4.6.2 MUST (prefix-length): the length is 0 to 128.
        let prefix_length = data[0];
        if prefix_length > Ipv6Prefix::MAX_LENGTH {
            return Err(NdOptionError::PrefixLength(prefix_length));
        }
        let mut address = ipv6::<14, 30>(data);
        let router_address = data[1] & 0x20 != 0;
        // RFC 4861 §4.6.2 MUST (bits-behind): the bits behind the length are ignored.
        if !router_address && let Some(prefix) = Ipv6Prefix::new(address, prefix_length) {
            address = prefix.network();
        }
        Ok(Self {
            address,
            prefix_length,
            on_link: data[1] & 0x80 != 0,
            autonomous: data[1] & 0x40 != 0,
            router_address,
            valid_lifetime: be32::<2, 30>(data),
            preferred_lifetime: be32::<6, 30>(data),
        })
    }

    #[inline]
    pub(super) fn check(&self) -> Result<usize, EmitError> {
        if self.prefix_length > Ipv6Prefix::MAX_LENGTH {
            return Err(EmitError::BadValue {
                what: "prefix length",
                value: u32::from(self.prefix_length),
            });
        }
        Ok(Self::LEN)
    }

    #[inline]
    pub(super) fn to_octets(self) -> Result<[u8; Self::LEN], EmitError> {
        self.check()?;
        let flags = u8::from(self.on_link) << 7
            | u8::from(self.autonomous) << 6
            | u8::from(self.router_address) << 5;
        // RFC 4861 §4.6.2 MUST (bits-behind): the bits behind the length are sent as zero; with R
        // the field is an address and not a prefix (RFC 6275 §7.2).
        let prefix = if self.router_address {
            self.address
        } else {
            self.prefix().network()
        };
        let mut octets = [0; Self::LEN];
        octets[..4].copy_from_slice(&[3, 4, self.prefix_length, flags]);
        octets[4..8].copy_from_slice(&self.valid_lifetime.to_be_bytes());
        octets[8..12].copy_from_slice(&self.preferred_lifetime.to_be_bytes());
        octets[16..].copy_from_slice(&prefix.octets());
        Ok(octets)
    }
}

/// A route through the router that sent it (RFC 4191 §2.3).
///
/// ```text
///  0      1         2        3                  4          8
/// +------+---------+--------+------------------+----------+------------------------+
/// |  24  | 1, 2, 3 | length | zero, Prf, zero  | lifetime | prefix, 0, 8, 16 octets |
/// +------+---------+--------+------------------+----------+------------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteInformation {
    /// Where the route goes. A length of 0 is the default route.
    pub prefix: Ipv6Prefix,
    /// How much the router is preferred for it.
    pub preference: RouterPreference,
    /// For how many seconds the route is valid; [`INFINITE_LIFETIME`](super::INFINITE_LIFETIME) for
    /// ever, 0 takes it back.
    pub lifetime: u32,
}

impl RouteInformation {
    pub(super) fn read(data: &[u8]) -> Result<Self, NdOptionError> {
        let error = NdOptionError::RouteInformationLength;
        let (header, octets) = data.split_first_chunk::<6>().ok_or(error)?;
        let length = header[0];
        if length > Ipv6Prefix::MAX_LENGTH {
            return Err(NdOptionError::PrefixLength(length));
        }
        // RFC 4191 §2.3 MUST (length): 3 for a prefix over 64 bits, 2 at least for one over 0, 1 to 3
        // in any case.
        let needed = match length {
            0 => 0,
            1..=64 => 8,
            _ => 16,
        };
        if octets.len() < needed || octets.len() > 16 {
            return Err(error);
        }
        // RFC 4191 §2.3 MUST (reserved-preference): the option is ignored.
        let preference =
            RouterPreference::from_flags(header[1]).ok_or(NdOptionError::ReservedPreference)?;
        let mut address = [0; 16];
        for (to, from) in address.iter_mut().zip(octets) {
            *to = *from;
        }
        // RFC 4191 §2.3 MUST (bits-behind): bits behind the length are ignored.
        let prefix = Ipv6Prefix::new(Ipv6Addr::from(address), length).ok_or(error)?;
        Ok(Self {
            prefix,
            preference,
            lifetime: be32::<2, 6>(header),
        })
    }

    /// Octets of the whole option: as short as the prefix allows.
    pub(super) const fn len(&self) -> usize {
        match self.prefix.length() {
            0 => 8,
            1..=64 => 16,
            _ => 24,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.put(&[self.prefix.length(), self.preference.to_flags()]);
        writer.u32(self.lifetime);
        let octets = self.prefix.network().octets();
        writer.put(octets.get(..self.len() - 8).unwrap_or_default());
    }
}

/// The prefix of a NAT64 and for how long it is valid (RFC 8781 §4).
///
/// ```text
///  0      1      2                                       4
/// +------+------+---------------------------------+-----+---------------------------+
/// |  38  |  2   | lifetime in units of 8 s (13 b) | PLC | the prefix's high 96 bits |
/// +------+------+---------------------------------+-----+---------------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pref64 {
    /// The prefix, of 32, 40, 48, 56, 64 or 96 bits.
    pub prefix: Ipv6Prefix,
    /// For how many seconds it is valid: a multiple of 8, at most 65528; 0 takes it back.
    pub lifetime: u16,
}

impl Pref64 {
    /// Octets of the whole option.
    pub const LEN: usize = 16;
    /// The lengths of prefixes by their code.
    // RFC 8781 §4 MUST (plc): 0 to 5 are these.
    const LENGTHS: [u8; 6] = [96, 64, 56, 48, 40, 32];

    pub(super) fn read(data: &[u8]) -> Result<Self, NdOptionError> {
        // RFC 8781 §4 MUST (length): another length than 2 makes the option ignored.
        let data: &[u8; 14] = data.try_into().map_err(|_| NdOptionError::Pref64Length)?;
        let word = be16::<0, 14>(data);
        let code = word & 0b111;
        // RFC 8781 §4 MUST (reserved-plc): other codes make the option ignored.
        let error = NdOptionError::Pref64PrefixLengthCode(data[1] & 0b111);
        let length = *Self::LENGTHS.get(usize::from(code)).ok_or(error)?;
        let mut address = [0; 16];
        for (to, from) in address.iter_mut().zip(field::<2, 12, 14>(data)) {
            *to = *from;
        }
        let prefix = Ipv6Prefix::new(Ipv6Addr::from(address), length).ok_or(error)?;
        Ok(Self {
            prefix,
            lifetime: word & !0b111,
        })
    }

    fn code(&self) -> Option<u16> {
        let length = self.prefix.length();
        let code = Self::LENGTHS.iter().position(|&known| known == length)?;
        u16::try_from(code).ok()
    }

    pub(super) fn check(&self) -> Result<usize, EmitError> {
        if self.code().is_none() {
            return Err(EmitError::BadValue {
                what: "PREF64 prefix length",
                value: u32::from(self.prefix.length()),
            });
        }
        if !self.lifetime.is_multiple_of(8) {
            return Err(EmitError::BadValue {
                what: "PREF64 lifetime that is not a multiple of 8 s",
                value: u32::from(self.lifetime),
            });
        }
        Ok(Self::LEN)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.lifetime | self.code().unwrap_or_default());
        writer.put(field::<0, 12, 16>(&self.prefix.network().octets()));
    }
}
