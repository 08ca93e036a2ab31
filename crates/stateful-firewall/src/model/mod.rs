//! A policy as one writes it: zones, interfaces, sets, rules. Names are texts here; what they stand
//! for is found when the policy is [compiled](crate::CompiledPolicy).

mod address;
mod condition;
mod rule;

pub(crate) use address::is_name;
pub use address::{AddressItem, Addresses, PortRange, ValueError};
pub use condition::{Condition, FragmentMatch, IcmpMatch, Protocol, TcpFlagMatch};
pub use rule::{Acl, AclEntry, Action, GroupRule, Helper, Limits, Rate, Rule, SecurityGroup};

use crate::application::Filter;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Interfaces with the same trust.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Zone {
    /// What rules call it. `self` is the firewall itself and need not be declared.
    pub name: String,
    /// Trust, from 0 to 100. Where no rule decides, sessions may be opened from a zone to those of
    /// a lower level only.
    pub level: u8,
    /// Whether sessions between interfaces of the zone pass where no rule decides. Default: yes.
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    pub intra: bool,
}

#[cfg(feature = "serde")]
const fn yes() -> bool {
    true
}

impl Zone {
    /// The name of the zone that is the firewall itself.
    pub const SELF: &'static str = "self";

    /// A zone whose interfaces trust each other.
    pub fn new(name: &str, level: u8) -> Self {
        Self {
            name: name.to_string(),
            level,
            intra: true,
        }
    }
}

/// Whether the source of a packet is looked up in the routing table (RFC 3704).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum ReversePath {
    /// It is not.
    #[default]
    Off,
    /// There must be a route to the source, by whatever interface.
    Loose,
    /// The route to the source must go out by the interface that the packet came in by.
    Strict,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Interface {
    /// What the system calls it.
    pub name: String,
    /// The zone that it belongs to.
    pub zone: String,
    /// The access list for what comes in; without one, everything goes on.
    pub acl_in: Option<String>,
    /// The access list for what goes out; without one, everything goes on.
    pub acl_out: Option<String>,
    /// Security groups of the hosts behind it. Without any, groups do not matter.
    pub groups: Vec<String>,
    /// Whether sources are held to the routing table.
    pub reverse_path: ReversePath,
    /// Whether packets whose source or destination is an address that the Internet does not route
    /// are dropped: for interfaces to the outside.
    pub bogons: bool,
}

impl Interface {
    /// An interface with nothing but a zone.
    pub fn new(name: &str, zone: &str) -> Self {
        Self {
            name: name.to_string(),
            zone: zone.to_string(),
            ..Self::default()
        }
    }
}

/// A list of addresses with a name. Sets may hold sets, but not themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct AddressSet {
    /// What rules call it, behind an `@`.
    pub name: String,
    /// The addresses.
    pub items: Vec<AddressItem>,
}

/// Everything that decides about packets.
///
/// Made by hand, from the [rule language](crate::language), or with the `serde` feature from TOML.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Policy {
    /// The zones.
    #[cfg_attr(feature = "serde", serde(rename = "zone"))]
    pub zones: Vec<Zone>,
    /// The interfaces.
    #[cfg_attr(feature = "serde", serde(rename = "interface"))]
    pub interfaces: Vec<Interface>,
    /// Lists of addresses.
    #[cfg_attr(feature = "serde", serde(rename = "addresses"))]
    pub sets: Vec<AddressSet>,
    /// Access lists.
    #[cfg_attr(feature = "serde", serde(rename = "acl"))]
    pub acls: Vec<Acl>,
    /// Security groups.
    #[cfg_attr(feature = "serde", serde(rename = "group"))]
    pub groups: Vec<SecurityGroup>,
    /// Application filters.
    #[cfg_attr(feature = "serde", serde(rename = "filter"))]
    pub filters: Vec<Filter>,
    /// The rules, in the order in which they are asked.
    #[cfg_attr(feature = "serde", serde(rename = "rule"))]
    pub rules: Vec<Rule>,
    /// Whether sessions between different zones of the same level pass where no rule decides.
    pub same_level: bool,
    /// Whether what the levels deny is logged.
    pub log_default: bool,
}
