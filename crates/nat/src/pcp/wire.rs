//! Messages of the Port Control Protocol (RFC 6887 §7).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+-+-------------+---------------+---------------+
//! | Version = 2   |R|   Opcode    | Reserved      | Result Code   |
//! +---------------+-+-------------+---------------+---------------+
//! |                      Lifetime, in seconds                     |
//! +---------------------------------------------------------------+
//! | request: the client's address (128 bits)                      |
//! | response: epoch time in seconds (32 bits), reserved (96 bits) |
//! +---------------------------------------------------------------+
//! | opcode's data, then options: code, reserved, length (16), data|
//! +---------------------------------------------------------------+
//! ```
//!
//! IPv4 addresses stand in the fields of 128 bits as `::ffff:a.b.c.d`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Cursor, EmitError, PacketBuf, ParseError, code_points};

/// The version of RFC 6887.
pub const VERSION: u8 = 2;
/// The longest message, in octets.
pub const MAX_LEN: usize = 1_100;
/// Octets of the header.
pub const HEADER_LEN: usize = 24;

code_points! {
    /// What a request asks for.
    pub struct Opcode(u8) {
        /// Whether the server is there, and when it started.
        ANNOUNCE = 0 => "ANNOUNCE",
        /// A mapping for whoever comes.
        MAP = 1 => "MAP",
        /// A mapping for one peer.
        PEER = 2 => "PEER",
    }
}

code_points! {
    /// How a request went (RFC 6887 §7.4).
    pub struct ResultCode(u8) {
        /// It was done.
        SUCCESS = 0 => "success",
        /// The version is not spoken.
        UNSUPP_VERSION = 1 => "unsupported version",
        /// The client may not.
        NOT_AUTHORIZED = 2 => "not authorized",
        /// The request cannot be read.
        MALFORMED_REQUEST = 3 => "malformed request",
        /// The opcode is not known.
        UNSUPP_OPCODE = 4 => "unsupported opcode",
        /// A mandatory option is not known.
        UNSUPP_OPTION = 5 => "unsupported option",
        /// An option cannot be read, or does not belong there.
        MALFORMED_OPTION = 6 => "malformed option",
        /// The server has no network.
        NETWORK_FAILURE = 7 => "network failure",
        /// There is no port or no memory left; it may pass.
        NO_RESOURCES = 8 => "no resources",
        /// The transport protocol cannot be mapped.
        UNSUPP_PROTOCOL = 9 => "unsupported protocol",
        /// The client has all that it may have.
        USER_EX_QUOTA = 10 => "user exceeded quota",
        /// The suggested port or address is not to be had, and the client wants no other.
        CANNOT_PROVIDE_EXTERNAL = 11 => "cannot provide external",
        /// The client's address is not the one that the request comes from.
        ADDRESS_MISMATCH = 12 => "address mismatch",
        /// There are too many filters.
        EXCESSIVE_REMOTE_PEERS = 13 => "excessive remote peers",
    }
}

impl ResultCode {
    /// How long a client waits before it asks again, in seconds: a short time where the reason can
    /// pass, a long one where it cannot.
    // RFC 6887 §7.4 SHOULD: 30 seconds for short lifetime errors, 30 minutes for long ones.
    pub const fn error_lifetime(self) -> u32 {
        match self {
            Self::NETWORK_FAILURE | Self::NO_RESOURCES | Self::USER_EX_QUOTA => 30,
            _ => 1_800,
        }
    }
}

code_points! {
    /// The code of an option. Those below 128 must be understood by the server.
    pub struct OptionCode(u8) {
        /// The request is for another host.
        THIRD_PARTY = 1 => "THIRD_PARTY",
        /// The suggested port or none.
        PREFER_FAILURE = 2 => "PREFER_FAILURE",
        /// Only from these addresses.
        FILTER = 3 => "FILTER",
    }
}

impl OptionCode {
    /// Whether a server that does not know the option refuses the request.
    pub const fn is_mandatory(self) -> bool {
        self.0 < 128
    }
}

/// Who may use a mapping (RFC 6887 §13.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Bits of `address` that count; 0 removes the filters before this one.
    pub prefix_len: u8,
    /// The remote port; 0 for all.
    pub port: u16,
    /// The remote address.
    pub address: IpAddr,
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PcpOption {
    /// The host that the mapping is for (RFC 6887 §13.1).
    ThirdParty(IpAddr),
    /// The suggested external port and address, or failure (RFC 6887 §13.2).
    PreferFailure,
    /// Only from these addresses (RFC 6887 §13.3).
    Filter(Filter),
    /// Another option, or a known one whose length is wrong.
    Other {
        /// The code.
        code: OptionCode,
        /// Its data, without padding.
        data: Vec<u8>,
    },
}

impl PcpOption {
    /// The option's code.
    pub const fn code(&self) -> OptionCode {
        match self {
            Self::ThirdParty(_) => OptionCode::THIRD_PARTY,
            Self::PreferFailure => OptionCode::PREFER_FAILURE,
            Self::Filter(_) => OptionCode::FILTER,
            Self::Other { code, .. } => *code,
        }
    }

    fn new(code: OptionCode, data: &[u8]) -> Self {
        match (code, data.len()) {
            (OptionCode::THIRD_PARTY, 16) => {
                Self::ThirdParty(address(data.first_chunk().unwrap_or(&[0; 16])))
            }
            (OptionCode::PREFER_FAILURE, 0) => Self::PreferFailure,
            (OptionCode::FILTER, 20) => {
                let [_, prefix_len, high, low, rest @ ..] = data else {
                    return Self::Other {
                        code,
                        data: data.to_vec(),
                    };
                };
                Self::Filter(Filter {
                    prefix_len: *prefix_len,
                    port: u16::from_be_bytes([*high, *low]),
                    address: address(rest.first_chunk().unwrap_or(&[0; 16])),
                })
            }
            _ => Self::Other {
                code,
                data: data.to_vec(),
            },
        }
    }

    fn write(&self, out: &mut PacketBuf) -> Result<(), EmitError> {
        let mut octets = [0; 20];
        let data: &[u8] = match self {
            Self::ThirdParty(host) => {
                octets[..16].copy_from_slice(&field(*host));
                &octets[..16]
            }
            Self::PreferFailure => &[],
            Self::Filter(filter) => {
                octets[1] = filter.prefix_len;
                octets[2..4].copy_from_slice(&filter.port.to_be_bytes());
                octets[4..].copy_from_slice(&field(filter.address));
                &octets
            }
            Self::Other { data, .. } => data,
        };
        let length = u16::try_from(data.len()).map_err(|_| EmitError::TooLong {
            what: "PCP option",
            length: data.len(),
            limit: MAX_LEN,
        })?;
        let [high, low] = length.to_be_bytes();
        out.append_slice(&[self.code().0, 0, high, low]);
        out.append_slice(data);
        out.append(data.len().next_multiple_of(4) - data.len());
        Ok(())
    }
}

/// What MAP's and PEER's data have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapData {
    /// Chosen by the client; who does not know it cannot change the mapping.
    pub nonce: [u8; 12],
    /// The transport protocol; 0 for all.
    pub protocol: IpProtocol,
    /// The port inside; 0 for all.
    pub internal_port: u16,
    /// The port outside: suggested by a request, assigned by a response; 0 for none.
    pub external_port: u16,
    /// The address outside, likewise; unspecified for none.
    pub external_address: IpAddr,
}

/// An opcode's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// ANNOUNCE has none (RFC 6887 §14.1).
    Announce,
    /// MAP (RFC 6887 §11.1).
    Map(MapData),
    /// PEER (RFC 6887 §12.1).
    Peer {
        /// As for MAP.
        map: MapData,
        /// The peer's port.
        remote_port: u16,
        /// The peer's address.
        remote_address: IpAddr,
    },
}

impl Body {
    /// The opcode.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Announce => Opcode::ANNOUNCE,
            Self::Map(_) => Opcode::MAP,
            Self::Peer { .. } => Opcode::PEER,
        }
    }

    fn parse(opcode: Opcode, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        if opcode == Opcode::ANNOUNCE {
            return Ok(Self::Announce);
        }
        let what = "PCP MAP data";
        let nonce = *cursor.array::<12>(what)?;
        let protocol = IpProtocol(cursor.u8(what)?);
        cursor.take(3, what)?;
        let map = MapData {
            nonce,
            protocol,
            internal_port: cursor.u16(what)?,
            external_port: cursor.u16(what)?,
            external_address: address(cursor.array::<16>(what)?),
        };
        if opcode == Opcode::MAP {
            return Ok(Self::Map(map));
        }
        let what = "PCP PEER data";
        let remote_port = cursor.u16(what)?;
        cursor.u16(what)?;
        Ok(Self::Peer {
            map,
            remote_port,
            remote_address: address(cursor.array::<16>(what)?),
        })
    }

    fn write(&self, out: &mut PacketBuf) {
        let (map, remote) = match self {
            Self::Announce => return,
            Self::Map(map) => (map, None),
            Self::Peer {
                map,
                remote_port,
                remote_address,
            } => (map, Some((*remote_port, *remote_address))),
        };
        out.append_slice(&map.nonce);
        out.append_slice(&[map.protocol.0, 0, 0, 0]);
        out.append_slice(&map.internal_port.to_be_bytes());
        out.append_slice(&map.external_port.to_be_bytes());
        out.append_slice(&field(map.external_address));
        if let Some((port, address)) = remote {
            out.append_slice(&port.to_be_bytes());
            out.append_slice(&[0, 0]);
            out.append_slice(&field(address));
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// How long the mapping is wanted, in seconds; 0 to delete it.
    pub lifetime: u32,
    /// The client's address, as it knows it.
    pub client: IpAddr,
    /// What is asked for.
    pub body: Body,
    /// Options, in order.
    pub options: Vec<PcpOption>,
}

impl Request {
    /// Reads a request of version 2, which has passed `check`.
    ///
    /// # Errors
    ///
    /// Truncated; unsupported, for another opcode.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        cursor.u8("PCP version")?;
        let opcode = Opcode(cursor.u8("PCP opcode")? & 0x7f);
        cursor.u16("PCP header")?;
        let lifetime = cursor.u32("PCP lifetime")?;
        let client = address(cursor.array::<16>("PCP client address")?);
        if opcode.0 > Opcode::PEER.0 {
            return Err(ParseError::unsupported(
                "PCP opcode",
                1,
                u32::from(opcode.0),
            ));
        }
        let body = Body::parse(opcode, &mut cursor)?;
        let options = parse_options(&mut cursor)?;
        Ok(Self {
            lifetime,
            client,
            body,
            options,
        })
    }

    /// Writes the request behind what `out` holds.
    ///
    /// # Errors
    ///
    /// Too long, for an option that is.
    pub fn write(&self, out: &mut PacketBuf) -> Result<(), EmitError> {
        out.append_slice(&[VERSION, self.body.opcode().0, 0, 0]);
        out.append_slice(&self.lifetime.to_be_bytes());
        out.append_slice(&field(self.client));
        self.body.write(out);
        self.options.iter().try_for_each(|option| option.write(out))
    }
}

/// A response that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Response {
    /// How it went.
    pub result: ResultCode,
    /// How long the mapping lives, or how long to wait after an error, in seconds.
    pub lifetime: u32,
    /// Seconds since the server lost its state.
    pub epoch: u32,
    /// What was asked for, with what was assigned.
    pub body: Body,
    /// Options that were processed.
    pub options: Vec<PcpOption>,
}

impl Response {
    /// Reads a response.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for a request; unsupported, for another version or opcode.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        let version = cursor.u8("PCP version")?;
        if version != VERSION {
            return Err(ParseError::unsupported(
                "PCP version",
                0,
                u32::from(version),
            ));
        }
        let opcode = cursor.u8("PCP opcode")?;
        if opcode & 0x80 == 0 {
            return Err(ParseError::bad_value("PCP response", 1, u32::from(opcode)));
        }
        let opcode = Opcode(opcode & 0x7f);
        cursor.u8("PCP header")?;
        let result = ResultCode(cursor.u8("PCP result code")?);
        let lifetime = cursor.u32("PCP lifetime")?;
        let epoch = cursor.u32("PCP epoch")?;
        cursor.take(12, "PCP header")?;
        if opcode.0 > Opcode::PEER.0 {
            return Err(ParseError::unsupported(
                "PCP opcode",
                1,
                u32::from(opcode.0),
            ));
        }
        let body = Body::parse(opcode, &mut cursor)?;
        let options = parse_options(&mut cursor)?;
        Ok(Self {
            result,
            lifetime,
            epoch,
            body,
            options,
        })
    }

    /// Writes the response behind what `out` holds.
    ///
    /// # Errors
    ///
    /// Too long, for an option that is.
    pub fn write(&self, out: &mut PacketBuf) -> Result<(), EmitError> {
        let opcode = self.body.opcode().0;
        write_header(out, opcode, self.result, self.lifetime, self.epoch);
        self.body.write(out);
        self.options.iter().try_for_each(|option| option.write(out))
    }
}

/// Writes the header of a response.
pub(super) fn write_header(
    out: &mut PacketBuf,
    opcode: u8,
    result: ResultCode,
    lifetime: u32,
    epoch: u32,
) {
    out.append_slice(&[VERSION, opcode | 0x80, 0, result.0]);
    out.append_slice(&lifetime.to_be_bytes());
    out.append_slice(&epoch.to_be_bytes());
    out.append(12);
}

fn parse_options(cursor: &mut Cursor<'_>) -> Result<Vec<PcpOption>, ParseError> {
    let mut options = Vec::new();
    // At most 1100 octets, so that there are not many.
    while !cursor.is_empty() {
        let code = OptionCode(cursor.u8("PCP option code")?);
        cursor.u8("PCP option")?;
        let length = usize::from(cursor.u16("PCP option length")?);
        let data = cursor.take(length, "PCP option data")?;
        cursor.take(length.next_multiple_of(4) - length, "PCP option padding")?;
        options.push(PcpOption::new(code, data));
    }
    Ok(options)
}

/// An address as it stands in a field of 128 bits.
fn field(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// `::ffff:a.b.c.d` is an IPv4 address.
fn address(octets: &[u8; 16]) -> IpAddr {
    Ipv6Addr::from(*octets).to_canonical()
}

/// Whether an address stands for none: all zeroes, in either family.
pub(super) fn is_unspecified(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == Ipv4Addr::UNSPECIFIED,
        IpAddr::V6(address) => address == Ipv6Addr::UNSPECIFIED,
    }
}
