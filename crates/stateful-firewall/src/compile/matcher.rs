//! A condition with its names resolved: what is asked of each packet.

use super::space::Ranges;
use crate::facts::{Facts, InterfaceId, Part};
use crate::model::{FragmentMatch, IcmpMatch, TcpFlagMatch};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::net::IpAddr;

/// Addresses of both families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressSpace {
    pub(crate) v4: Ranges<u32>,
    pub(crate) v6: Ranges<u128>,
    /// Packets by these interfaces belong, whatever their address: hosts behind an interface that a
    /// security group is attached to.
    pub(crate) interfaces: Box<[InterfaceId]>,
    /// Whether the condition holds for all others.
    pub(crate) negated_interfaces: bool,
}

impl AddressSpace {
    pub(crate) fn all() -> Self {
        Self {
            v4: Ranges::all(),
            v6: Ranges::all(),
            interfaces: Box::new([]),
            negated_interfaces: false,
        }
    }

    #[inline]
    fn contains(&self, address: IpAddr, interface: Option<InterfaceId>) -> bool {
        let by_address = match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        };
        if self.interfaces.is_empty() {
            return by_address;
        }
        let by_interface = interface.is_some_and(|interface| self.interfaces.contains(&interface));
        if self.negated_interfaces {
            by_address && !by_interface
        } else {
            by_address || by_interface
        }
    }

    /// Whether packets outside of the address ranges can belong.
    pub(crate) fn is_open(&self) -> bool {
        !self.interfaces.is_empty() && !self.negated_interfaces
    }

    /// Whether every address belongs.
    pub(crate) fn is_all(&self) -> bool {
        self.v4.is_all() && self.v6.is_all() && !self.negated_interfaces
    }

    /// Whether all of `other` surely belongs.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if self == other || self.is_all() {
            return true;
        }
        !self.negated_interfaces
            && !other.is_open()
            && self.v4.covers(&other.v4)
            && self.v6.covers(&other.v6)
    }
}

/// A part of a condition, named when it does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The protocol.
    Protocol,
    /// The destination address.
    Destination,
    /// The destination port.
    DestinationPort,
    /// The source address.
    Source,
    /// The source port.
    SourcePort,
    /// The zone that the packet comes from.
    FromZone,
    /// The zone that the packet goes to.
    ToZone,
    /// The interface that the packet came in by.
    InInterface,
    /// The interface that the packet goes out by.
    OutInterface,
    /// The TCP control bits.
    TcpFlags,
    /// The ICMP type and code.
    Icmp,
    /// Whether it is a fragment.
    Fragments,
    /// The DSCP.
    Dscp,
    /// The user.
    User,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "protocol",
            Self::Destination => "destination",
            Self::DestinationPort => "destination port",
            Self::Source => "source",
            Self::SourcePort => "source port",
            Self::FromZone => "zone from",
            Self::ToZone => "zone to",
            Self::InInterface => "interface in",
            Self::OutInterface => "interface out",
            Self::TcpFlags => "TCP flags",
            Self::Icmp => "ICMP type",
            Self::Fragments => "fragments",
            Self::Dscp => "DSCP",
            Self::User => "user",
        })
    }
}

/// A set of protocol numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtocolSet([u64; 4]);

impl ProtocolSet {
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    pub(crate) fn of(numbers: impl Iterator<Item = u8>) -> Self {
        let mut set = Self([0; 4]);
        for number in numbers {
            if let Some(word) = set.0.get_mut(usize::from(number >> 6)) {
                *word |= 1 << (number & 63);
            }
        }
        set
    }

    #[inline]
    pub(crate) fn contains(&self, number: u8) -> bool {
        self.0
            .get(usize::from(number >> 6))
            .is_some_and(|word| word >> (number & 63) & 1 != 0)
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|(own, other)| other & !own == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|number| self.contains(*number))
    }
}

/// A condition with its names resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matcher {
    pub(crate) protocols: ProtocolSet,
    /// A bit for each zone.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) source: Arc<AddressSpace>,
    pub(crate) destination: Arc<AddressSpace>,
    /// `None` when ports do not matter: then packets without ports match too.
    pub(crate) source_ports: Option<Ranges<u16>>,
    pub(crate) destination_ports: Option<Ranges<u16>>,
    pub(crate) in_interfaces: Option<Box<[InterfaceId]>>,
    pub(crate) out_interfaces: Option<Box<[InterfaceId]>>,
    pub(crate) tcp_flags: Option<TcpFlagMatch>,
    pub(crate) icmp: Box<[IcmpMatch]>,
    pub(crate) fragments: FragmentMatch,
    /// A bit for each code point.
    pub(crate) dscp: u64,
    /// A bit for each name; 0 when users do not matter.
    pub(crate) users: u64,
}

#[inline]
const fn bit(number: u16) -> u64 {
    if number < 64 { 1 << number } else { 0 }
}

#[inline]
fn among(interfaces: Option<&[InterfaceId]>, interface: Option<InterfaceId>) -> bool {
    interfaces.is_none_or(|list| interface.is_some_and(|interface| list.contains(&interface)))
}

impl Matcher {
    /// Whether the condition holds.
    #[inline]
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.mismatch(facts).is_none()
    }

    /// The first part of the condition that does not hold.
    // The parts that tell most rules apart come first.
    #[inline]
    pub(crate) fn mismatch(&self, facts: &Facts) -> Option<Field> {
        if !self.protocols.contains(facts.protocol.0) {
            return Some(Field::Protocol);
        }
        if let Some(ports) = &self.destination_ports
            && !facts.ports.is_some_and(|(_, port)| ports.contains(port))
        {
            return Some(Field::DestinationPort);
        }
        if !self
            .destination
            .contains(facts.destination, facts.out_interface)
        {
            return Some(Field::Destination);
        }
        if !self.source.contains(facts.source, facts.in_interface) {
            return Some(Field::Source);
        }
        if self.from & bit(facts.from.0) == 0 {
            return Some(Field::FromZone);
        }
        if self.to & bit(facts.to.0) == 0 {
            return Some(Field::ToZone);
        }
        if let Some(ports) = &self.source_ports
            && !facts.ports.is_some_and(|(port, _)| ports.contains(port))
        {
            return Some(Field::SourcePort);
        }
        self.seldom(facts)
    }

    #[inline]
    fn seldom(&self, facts: &Facts) -> Option<Field> {
        if !among(self.in_interfaces.as_deref(), facts.in_interface) {
            return Some(Field::InInterface);
        }
        if !among(self.out_interfaces.as_deref(), facts.out_interface) {
            return Some(Field::OutInterface);
        }
        if let Some(flags) = &self.tcp_flags
            && !facts.tcp_flags.is_some_and(|own| flags.contains(own))
        {
            return Some(Field::TcpFlags);
        }
        if !self.icmp.is_empty()
            && !facts.icmp.is_some_and(|(message_type, code)| {
                self.icmp
                    .iter()
                    .any(|icmp| icmp.contains(message_type, code))
            })
        {
            return Some(Field::Icmp);
        }
        let part = match self.fragments {
            FragmentMatch::Any => true,
            FragmentMatch::Whole => facts.part == Part::Whole,
            FragmentMatch::Fragments => facts.part != Part::Whole,
            FragmentMatch::Later => facts.part == Part::Later,
        };
        if !part {
            return Some(Field::Fragments);
        }
        if self.dscp & bit(u16::from(facts.dscp)) == 0 {
            return Some(Field::Dscp);
        }
        if self.users != 0 && self.users & facts.users == 0 {
            return Some(Field::User);
        }
        None
    }
}
