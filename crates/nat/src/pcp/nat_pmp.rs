//! Messages of NAT-PMP (RFC 6886 §3), the predecessor of PCP.
//!
//! ```text
//!  0             1           2                4                8
//! +-------------+-----------+----------------+----------------+
//! | Version = 0 | OP        | Reserved       |                             ask for the address: 2 octets
//! +-------------+-----------+----------------+----------------+----------+
//! | Version = 0 | OP 1 or 2 | Reserved       | Internal Port  | External |  ask for a mapping: 12 octets,
//! +-------------+-----------+----------------+----------------+----------+  the last 4 are the lifetime
//! | Version = 0 | 128 + OP  | Result Code    | Epoch, in seconds         |  response: 12 or 16 octets
//! +-------------+-----------+----------------+---------------------------+
//! ```

use core::net::Ipv4Addr;
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Cursor, PacketBuf, ParseError, code_points};

code_points! {
    /// How a request went (RFC 6886 §3.5).
    pub struct NatPmpResult(u16) {
        /// It was done.
        SUCCESS = 0 => "success",
        /// The version is not spoken.
        UNSUPPORTED_VERSION = 1 => "unsupported version",
        /// The box can map ports, and is told not to.
        NOT_AUTHORIZED = 2 => "not authorized or refused",
        /// The box has no address outside.
        NETWORK_FAILURE = 3 => "network failure",
        /// No more mappings can be made now.
        OUT_OF_RESOURCES = 4 => "out of resources",
        /// The opcode is not known.
        UNSUPPORTED_OPCODE = 5 => "unsupported opcode",
    }
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatPmpRequest {
    /// For the external address (RFC 6886 §3.2).
    ExternalAddress,
    /// For a mapping (RFC 6886 §3.3).
    Map {
        /// UDP or TCP.
        protocol: IpProtocol,
        /// The client's port; 0, with a lifetime of 0, for all of them.
        internal_port: u16,
        /// The port wanted; 0 for any.
        external_port: u16,
        /// How long the mapping is wanted, in seconds; 0 to delete it.
        lifetime: u32,
    },
}

impl NatPmpRequest {
    /// Reads a request of version 0.
    ///
    /// # Errors
    ///
    /// Truncated; unsupported, for another opcode.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        cursor.u8("NAT-PMP version")?;
        let opcode = cursor.u8("NAT-PMP opcode")?;
        let protocol = match opcode {
            0 => return Ok(Self::ExternalAddress),
            1 => IpProtocol::UDP,
            2 => IpProtocol::TCP,
            _ => {
                return Err(ParseError::unsupported(
                    "NAT-PMP opcode",
                    1,
                    u32::from(opcode),
                ));
            }
        };
        let what = "NAT-PMP mapping request";
        cursor.u16(what)?;
        Ok(Self::Map {
            protocol,
            internal_port: cursor.u16(what)?,
            external_port: cursor.u16(what)?,
            lifetime: cursor.u32(what)?,
        })
    }

    /// The opcode: 0 to 2.
    pub const fn opcode(&self) -> u8 {
        match self {
            Self::ExternalAddress => 0,
            Self::Map { protocol, .. } => {
                if protocol.0 == IpProtocol::UDP.0 {
                    1
                } else {
                    2
                }
            }
        }
    }

    /// Writes the request behind what `out` holds.
    pub fn write(&self, out: &mut PacketBuf) {
        out.append_slice(&[0, self.opcode()]);
        if let Self::Map {
            internal_port,
            external_port,
            lifetime,
            ..
        } = self
        {
            out.append_slice(&[0, 0]);
            out.append_slice(&internal_port.to_be_bytes());
            out.append_slice(&external_port.to_be_bytes());
            out.append_slice(&lifetime.to_be_bytes());
        }
    }
}

/// A response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NatPmpResponse {
    /// The request's opcode.
    pub opcode: u8,
    /// How it went.
    pub result: NatPmpResult,
    /// Seconds since the server lost its state.
    pub epoch: u32,
    /// What the response brings; none behind some errors.
    pub body: NatPmpBody,
}

/// What a response brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatPmpBody {
    /// Nothing: an error about a version or an opcode.
    None,
    /// The external address.
    ExternalAddress(Ipv4Addr),
    /// A mapping.
    Map {
        /// The client's port.
        internal_port: u16,
        /// The port outside; 0 when it was deleted.
        external_port: u16,
        /// How long the mapping lives, in seconds.
        lifetime: u32,
    },
}

impl NatPmpResponse {
    /// Reads a response.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for another version or a request.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        let what = "NAT-PMP response";
        let version = cursor.u8(what)?;
        if version != 0 {
            return Err(ParseError::bad_value(
                "NAT-PMP version",
                0,
                u32::from(version),
            ));
        }
        let opcode = cursor.u8(what)?;
        if opcode & 0x80 == 0 {
            return Err(ParseError::bad_value(what, 1, u32::from(opcode)));
        }
        let opcode = opcode & 0x7f;
        let result = NatPmpResult(cursor.u16(what)?);
        let epoch = cursor.u32(what)?;
        let body = match opcode {
            _ if cursor.is_empty() => NatPmpBody::None,
            0 => NatPmpBody::ExternalAddress(cursor.ipv4(what)?),
            _ => NatPmpBody::Map {
                internal_port: cursor.u16(what)?,
                external_port: cursor.u16(what)?,
                lifetime: cursor.u32(what)?,
            },
        };
        Ok(Self {
            opcode,
            result,
            epoch,
            body,
        })
    }

    /// Writes the response behind what `out` holds.
    // RFC 6886 §3.5 MUST: responses have the opcode of the request plus 128.
    pub fn write(&self, out: &mut PacketBuf) {
        out.append_slice(&[0, self.opcode | 0x80]);
        out.append_slice(&self.result.0.to_be_bytes());
        out.append_slice(&self.epoch.to_be_bytes());
        match self.body {
            NatPmpBody::None => {}
            NatPmpBody::ExternalAddress(address) => out.append_slice(&address.octets()),
            NatPmpBody::Map {
                internal_port,
                external_port,
                lifetime,
            } => {
                out.append_slice(&internal_port.to_be_bytes());
                out.append_slice(&external_port.to_be_bytes());
                out.append_slice(&lifetime.to_be_bytes());
            }
        }
    }
}
