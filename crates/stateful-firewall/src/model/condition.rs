//! What a rule asks of a packet.

use super::address::{Addresses, PortRange, ValueError, list};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use packet_buffer::wire::{IpProtocol, TcpFlags};

/// An IP protocol as rules name it: `tcp`, `udp`, `icmp`, `icmpv6`, `sctp`, `gre`, `esp`, `ah`, or a
/// number.
///
/// Over IPv6 it is the protocol behind all extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(
    /// The number.
    pub IpProtocol,
);

const NAMES: [(&str, IpProtocol); 9] = [
    ("tcp", IpProtocol::TCP),
    ("udp", IpProtocol::UDP),
    ("icmp", IpProtocol::ICMP),
    ("icmpv6", IpProtocol::ICMPV6),
    ("sctp", IpProtocol(132)),
    ("dccp", IpProtocol(33)),
    ("gre", IpProtocol(47)),
    ("esp", IpProtocol(50)),
    ("ah", IpProtocol(51)),
];

impl FromStr for Protocol {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some((_, protocol)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self(*protocol));
        }
        text.parse()
            .map(|number| Self(IpProtocol(number)))
            .map_err(|_| ValueError::Name(text.to_string()))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, protocol)| *protocol == self.0) {
            Some((name, _)) => f.write_str(name),
            None => fmt::Display::fmt(&self.0.0, f),
        }
    }
}

/// Which control bits a TCP segment must have: of those in `mask`, exactly those in `value`.
///
/// As text `syn/syn,ack,rst`: of SYN, ACK and RST, SYN alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlagMatch {
    /// The bits looked at.
    pub mask: TcpFlags,
    /// The bits set among them.
    pub value: TcpFlags,
}

const FLAGS: [(&str, TcpFlags); 8] = [
    ("fin", TcpFlags::FIN),
    ("syn", TcpFlags::SYN),
    ("rst", TcpFlags::RST),
    ("psh", TcpFlags::PSH),
    ("ack", TcpFlags::ACK),
    ("urg", TcpFlags::URG),
    ("ece", TcpFlags::ECE),
    ("cwr", TcpFlags::CWR),
];

fn flags(text: &str) -> Result<TcpFlags, ValueError> {
    let mut flags = TcpFlags(0);
    if text == "none" {
        return Ok(flags);
    }
    for name in text.split(',') {
        let (_, flag) = FLAGS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| ValueError::Name(name.to_string()))?;
        flags |= *flag;
    }
    Ok(flags)
}

fn write_flags(f: &mut fmt::Formatter<'_>, flags: TcpFlags) -> fmt::Result {
    let mut first = true;
    for (name, flag) in FLAGS {
        if flags.contains(flag) {
            if !first {
                f.write_str(",")?;
            }
            first = false;
            f.write_str(name)?;
        }
    }
    if first {
        f.write_str("none")?;
    }
    Ok(())
}

impl TcpFlagMatch {
    /// Whether a segment with these control bits is meant.
    #[inline]
    pub const fn contains(&self, flags: TcpFlags) -> bool {
        flags.0 & self.mask.0 == self.value.0
    }
}

impl FromStr for TcpFlagMatch {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (value, mask) = text.split_once('/').unwrap_or((text, text));
        let (value, mask) = (flags(value)?, flags(mask)?);
        if !mask.contains(value) {
            return Err(ValueError::Name(text.to_string()));
        }
        Ok(Self { mask, value })
    }
}

impl fmt::Display for TcpFlagMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_flags(f, self.value)?;
        f.write_str("/")?;
        write_flags(f, self.mask)
    }
}

/// An ICMP or ICMPv6 type, and the code if only that one is meant. As text: `8`, `3/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcmpMatch {
    /// The type.
    pub message_type: u8,
    /// The code; `None` for all.
    pub code: Option<u8>,
}

impl IcmpMatch {
    /// Whether this type and code are meant.
    #[inline]
    pub fn contains(&self, message_type: u8, code: u8) -> bool {
        self.message_type == message_type && self.code.is_none_or(|own| own == code)
    }
}

impl FromStr for IcmpMatch {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |_| ValueError::Name(text.to_string());
        let (message_type, code) = match text.split_once('/') {
            Some((message_type, code)) => (message_type, Some(code.parse().map_err(bad)?)),
            None => (text, None),
        };
        let message_type = match message_type {
            "echo-request" => 8,
            "echo-reply" => 0,
            number => number.parse().map_err(bad)?,
        };
        Ok(Self { message_type, code })
    }
}

impl fmt::Display for IcmpMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.message_type, f)?;
        self.code.map_or(Ok(()), |code| write!(f, "/{code}"))
    }
}

/// Which parts of packets a rule of an ACL is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum FragmentMatch {
    /// Whole packets and all fragments. A condition on ports, TCP flags or ICMP types holds for no
    /// later fragment, which has none.
    #[default]
    Any,
    /// Whole packets.
    Whole,
    /// Fragments, first and later ones.
    Fragments,
    /// Later fragments, which have no transport header.
    Later,
}

/// What a rule asks of a packet; all of it has to hold. What is left at its default always holds.
///
/// [`Display`](fmt::Display) prints it in the rule language.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Condition {
    /// The protocols; none stands for all.
    pub protocols: Vec<Protocol>,
    /// Where the packet comes from.
    pub source: Addresses,
    /// Where the packet goes.
    pub destination: Addresses,
    /// The sender's ports; none stands for all. Holds only for protocols that have ports.
    pub source_ports: Vec<PortRange>,
    /// The receiver's ports; none stands for all. Holds only for protocols that have ports.
    pub destination_ports: Vec<PortRange>,
    /// Control bits of a TCP segment.
    pub tcp_flags: Option<TcpFlagMatch>,
    /// Types of ICMP and ICMPv6 messages; none stands for all.
    pub icmp: Vec<IcmpMatch>,
    /// Fragments.
    pub fragments: FragmentMatch,
    /// Differentiated services code points, 0 to 63; none stands for all.
    pub dscp: Vec<u8>,
    /// Interfaces that the packet came in by; none stands for all.
    pub in_interfaces: Vec<String>,
    /// Interfaces that the packet goes out by; none stands for all.
    pub out_interfaces: Vec<String>,
    /// Users and groups of users, of which the packet's source must be or be in one; none stands
    /// for everybody, known or not.
    pub users: Vec<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        macro_rules! word {
            ($($word:tt)*) => {{
                f.write_str(separator)?;
                write!(f, $($word)*)?;
                separator = " ";
            }};
        }
        macro_rules! list_of {
            ($name:literal, $items:expr) => {
                if !$items.is_empty() {
                    word!($name);
                    list(f, &$items)?;
                }
            };
        }
        if !self.protocols.is_empty() {
            word!("");
            list(f, &self.protocols)?;
        }
        if !self.source.is_any() || !self.source_ports.is_empty() {
            word!("from {}", self.source);
        }
        list_of!("port ", self.source_ports);
        if !self.destination.is_any() || !self.destination_ports.is_empty() {
            word!("to {}", self.destination);
        }
        list_of!("port ", self.destination_ports);
        if let Some(flags) = &self.tcp_flags {
            word!("flags {flags}");
        }
        list_of!("type ", self.icmp);
        match self.fragments {
            FragmentMatch::Any => {}
            FragmentMatch::Whole => word!("fragments none"),
            FragmentMatch::Fragments => word!("fragments all"),
            FragmentMatch::Later => word!("fragments later"),
        }
        list_of!("dscp ", self.dscp);
        list_of!("in ", self.in_interfaces);
        list_of!("out ", self.out_interfaces);
        list_of!("user ", self.users);
        if separator.is_empty() {
            f.write_str("any")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_and_print_alike() {
        for text in ["tcp", "icmpv6", "89"] {
            assert_eq!(text.parse::<Protocol>().unwrap().to_string(), text);
        }
        assert_eq!("6".parse::<Protocol>().unwrap().to_string(), "tcp");
        for text in ["syn/syn,ack", "none/fin,syn,rst,ack", "rst/rst"] {
            assert_eq!(text.parse::<TcpFlagMatch>().unwrap().to_string(), text);
        }
        assert_eq!(
            "rst".parse::<TcpFlagMatch>().unwrap().to_string(),
            "rst/rst"
        );
        for text in ["8", "3/4"] {
            assert_eq!(text.parse::<IcmpMatch>().unwrap().to_string(), text);
        }
        assert!("syn,ack/syn".parse::<TcpFlagMatch>().is_err());
        assert!("xyz".parse::<TcpFlagMatch>().is_err());
        assert!("3/".parse::<IcmpMatch>().is_err());
        assert!("256".parse::<Protocol>().is_err());
    }

    #[test]
    fn flags_are_compared_under_the_mask() {
        let syn_only: TcpFlagMatch = "syn/syn,ack".parse().unwrap();
        assert!(syn_only.contains(TcpFlags::SYN));
        assert!(syn_only.contains(TcpFlags::SYN | TcpFlags::PSH));
        assert!(!syn_only.contains(TcpFlags::SYN | TcpFlags::ACK));
    }
}
