//! The errors that probes meet, of either version.

use core::fmt;
use core::net::IpAddr;
use packet_buffer::wire::{Icmpv4Repr, Icmpv6Repr, icmpv4_code, icmpv6_code};

/// An ICMP error that was received about a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IcmpError {
    /// Over IPv4.
    V4(Icmpv4Repr),
    /// Over IPv6.
    V6(Icmpv6Repr),
}

/// What traceroute prints behind the time of an answer that is not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Annotation {
    /// `!H`: the host does not answer, or is not known.
    Host,
    /// `!N`: no route to the network.
    Network,
    /// `!P`: the protocol is not spoken.
    Protocol,
    /// `!S`: the source route failed.
    SourceRoute,
    /// `!F-1280`: the packet had to be fragmented and must not be; the MTU, if it was told.
    Fragmentation(Option<u32>),
    /// `!X`: administratively prohibited.
    Prohibited,
    /// `!V`: precedence violation.
    PrecedenceViolation,
    /// `!C`: precedence cutoff.
    PrecedenceCutoff,
    /// `!5`: any other code of Destination Unreachable.
    Code(u8),
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("!H"),
            Self::Network => f.write_str("!N"),
            Self::Protocol => f.write_str("!P"),
            Self::SourceRoute => f.write_str("!S"),
            Self::Fragmentation(None) => f.write_str("!F"),
            Self::Fragmentation(Some(mtu)) => write!(f, "!F-{mtu}"),
            Self::Prohibited => f.write_str("!X"),
            Self::PrecedenceViolation => f.write_str("!V"),
            Self::PrecedenceCutoff => f.write_str("!C"),
            Self::Code(code) => write!(f, "!{code}"),
        }
    }
}

impl IcmpError {
    /// Whether the hop count ran out in transit: the usual answer of a router to traceroute.
    pub fn is_expired_in_transit(&self) -> bool {
        match self {
            Self::V4(Icmpv4Repr::TimeExceeded { code, .. }) => {
                *code == icmpv4_code::TimeExceeded::TRANSIT
            }
            Self::V6(Icmpv6Repr::TimeExceeded { code, .. }) => {
                *code == icmpv6_code::TimeExceeded::TRANSIT
            }
            _ => false,
        }
    }

    /// Whether nobody listens on the port: the usual answer of a destination to UDP probes.
    pub fn is_port_unreachable(&self) -> bool {
        match self {
            Self::V4(Icmpv4Repr::DestinationUnreachable { code, .. }) => {
                *code == icmpv4_code::Unreachable::PORT
            }
            Self::V6(Icmpv6Repr::DestinationUnreachable { code, .. }) => {
                *code == icmpv6_code::Unreachable::PORT
            }
            _ => false,
        }
    }

    /// The MTU that an error about a packet that is too big tells, 0 when it tells none (routers older
    /// than RFC 1191); `None` for other errors.
    pub fn packet_too_big(&self) -> Option<u32> {
        match self {
            Self::V4(Icmpv4Repr::DestinationUnreachable {
                code, next_hop_mtu, ..
            }) if *code == icmpv4_code::Unreachable::FRAGMENTATION_NEEDED => {
                Some(u32::from(*next_hop_mtu))
            }
            Self::V6(Icmpv6Repr::PacketTooBig { mtu }) => Some(*mtu),
            _ => None,
        }
    }

    /// The better router that a redirect names. A redirect is no failure: the packet was forwarded.
    pub fn redirect(&self) -> Option<IpAddr> {
        match self {
            Self::V4(Icmpv4Repr::Redirect { gateway, .. }) => Some((*gateway).into()),
            _ => None,
        }
    }

    /// The ICMP type and code on the wire.
    pub fn type_and_code(&self) -> (u8, u8) {
        match *self {
            Self::V4(repr) => {
                let code = match repr {
                    Icmpv4Repr::DestinationUnreachable { code, .. } => code.0,
                    Icmpv4Repr::Redirect { code, .. } => code.0,
                    Icmpv4Repr::TimeExceeded { code, .. } => code.0,
                    Icmpv4Repr::ParameterProblem { code, .. } => code.0,
                    Icmpv4Repr::Other { code, .. } => code,
                    Icmpv4Repr::EchoRequest { .. } | Icmpv4Repr::EchoReply { .. } => 0,
                };
                (repr.message_type().0, code)
            }
            Self::V6(repr) => {
                let code = match repr {
                    Icmpv6Repr::DestinationUnreachable { code, .. } => code.0,
                    Icmpv6Repr::TimeExceeded { code, .. } => code.0,
                    Icmpv6Repr::ParameterProblem { code, .. } => code.0,
                    Icmpv6Repr::Other { code, .. } => code,
                    Icmpv6Repr::PacketTooBig { .. }
                    | Icmpv6Repr::EchoRequest { .. }
                    | Icmpv6Repr::EchoReply { .. } => 0,
                };
                (repr.message_type().0, code)
            }
        }
    }

    /// What traceroute prints; `None` for the usual answers (expired in transit, port unreachable) and
    /// for errors that have no sign.
    pub fn annotation(&self) -> Option<Annotation> {
        use icmpv4_code::Unreachable as U4;
        use icmpv6_code::Unreachable as U6;
        match self {
            Self::V4(Icmpv4Repr::DestinationUnreachable {
                code, next_hop_mtu, ..
            }) => Some(match *code {
                U4::PORT => return None,
                U4::NETWORK | U4::NETWORK_UNKNOWN | U4::NETWORK_TOS => Annotation::Network,
                U4::HOST | U4::HOST_UNKNOWN | U4::HOST_TOS => Annotation::Host,
                U4::PROTOCOL => Annotation::Protocol,
                U4::SOURCE_ROUTE_FAILED => Annotation::SourceRoute,
                U4::FRAGMENTATION_NEEDED => Annotation::Fragmentation(
                    (*next_hop_mtu != 0).then_some(u32::from(*next_hop_mtu)),
                ),
                U4::NETWORK_PROHIBITED | U4::HOST_PROHIBITED | U4::ADMINISTRATIVELY_PROHIBITED => {
                    Annotation::Prohibited
                }
                U4::PRECEDENCE_VIOLATION => Annotation::PrecedenceViolation,
                U4::PRECEDENCE_CUTOFF => Annotation::PrecedenceCutoff,
                U4(code) => Annotation::Code(code),
            }),
            Self::V6(Icmpv6Repr::DestinationUnreachable { code, .. }) => Some(match *code {
                U6::PORT => return None,
                U6::NO_ROUTE | U6::REJECT_ROUTE => Annotation::Network,
                U6::ADMINISTRATIVELY_PROHIBITED | U6::SOURCE_POLICY => Annotation::Prohibited,
                U6::ADDRESS => Annotation::Host,
                U6(code) => Annotation::Code(code),
            }),
            Self::V6(Icmpv6Repr::PacketTooBig { mtu }) => {
                Some(Annotation::Fragmentation(Some(*mtu)))
            }
            Self::V6(Icmpv6Repr::ParameterProblem { code, .. })
                if *code == icmpv6_code::ParameterProblem::NEXT_HEADER =>
            {
                Some(Annotation::Protocol)
            }
            _ => None,
        }
    }
}

/// The error in words: `destination unreachable: host unreachable`.
impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(repr) => {
                write!(f, "{}", repr.message_type())?;
                match repr {
                    Icmpv4Repr::DestinationUnreachable {
                        code, next_hop_mtu, ..
                    } => {
                        write!(f, ": {code}")?;
                        if *next_hop_mtu != 0 {
                            write!(f, " (MTU {next_hop_mtu})")?;
                        }
                        Ok(())
                    }
                    Icmpv4Repr::Redirect { code, gateway } => {
                        write!(f, ": {code} to {gateway}")
                    }
                    Icmpv4Repr::TimeExceeded { code, .. } => write!(f, ": {code}"),
                    Icmpv4Repr::ParameterProblem { code, pointer, .. } => {
                        write!(f, ": {code} (octet {pointer})")
                    }
                    _ => Ok(()),
                }
            }
            Self::V6(repr) => {
                write!(f, "{}", repr.message_type())?;
                match repr {
                    Icmpv6Repr::DestinationUnreachable { code, .. } => write!(f, ": {code}"),
                    Icmpv6Repr::PacketTooBig { mtu } => write!(f, " (MTU {mtu})"),
                    Icmpv6Repr::TimeExceeded { code, .. } => write!(f, ": {code}"),
                    Icmpv6Repr::ParameterProblem { code, pointer } => {
                        write!(f, ": {code} (octet {pointer})")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}
