//! Default address selection (RFC 6724), as pure functions.
//!
//! IPv4 addresses take part as IPv4-mapped ones (`::ffff:192.0.2.1`).

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::net::Ipv6Addr;
use packet_buffer::wire::Ipv6Prefix;

/// How far an address reaches (RFC 4007, RFC 6724 §3.1). Wider scopes are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(
    /// The value as in the scop field of multicast addresses, 0 to 15.
    pub u8,
);

impl Scope {
    /// Within the interface.
    pub const INTERFACE_LOCAL: Self = Self(1);
    /// Within the link.
    pub const LINK_LOCAL: Self = Self(2);
    /// Within the site.
    pub const SITE_LOCAL: Self = Self(5);
    /// Everywhere.
    pub const GLOBAL: Self = Self(14);

    /// The scope of an address.
    // RFC 6724 §3.1 MUST (multicast-scope): that of a multicast address is in its scop field.
    // RFC 6724 §3.2 MUST (ipv4-scope): IPv4 auto-configuration and loopback are link-local, the rest global.
    pub const fn of(address: Ipv6Addr) -> Self {
        if let Some(v4) = address.to_ipv4_mapped() {
            return if v4.is_loopback() || v4.is_link_local() {
                Self::LINK_LOCAL
            } else {
                Self::GLOBAL
            };
        }
        let [first, second, ..] = address.octets();
        if first == 0xff {
            return Self(second & 0x0f);
        }
        match (first, second & 0xc0) {
            (0xfe, 0x80) => Self::LINK_LOCAL,
            (0xfe, 0xc0) => Self::SITE_LOCAL,
            // RFC 4007 §4: the loopback address counts as link-local.
            _ if address.is_loopback() => Self::LINK_LOCAL,
            _ => Self::GLOBAL,
        }
    }
}

/// One row of a policy table (RFC 6724 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// What it is about; IPv4 prefixes are mapped ones, as `::ffff:0:0/96`.
    pub prefix: Ipv6Prefix,
    /// Destinations with a higher one come first.
    pub precedence: u8,
    /// Sources and destinations with the same one belong together.
    pub label: u8,
}

/// Precedences and labels by prefix; the longest prefix that matches counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTable {
    /// Longest prefix first.
    rows: Vec<Policy>,
}

impl PolicyTable {
    /// A table of these rows, in any order. Of two rows for the same prefix the first counts.
    pub fn new(rows: impl IntoIterator<Item = Policy>) -> Self {
        let mut rows: Vec<Policy> = rows.into_iter().collect();
        rows.sort_by_key(|row| core::cmp::Reverse(row.prefix.length()));
        Self { rows }
    }

    /// The rows, longest prefix first.
    pub fn rows(&self) -> &[Policy] {
        &self.rows
    }

    /// The row for an address.
    // RFC 6724 §2.1 MUST (longest): the entry with the longest matching prefix is the address's.
    pub fn find(&self, address: Ipv6Addr) -> Option<&Policy> {
        self.rows.iter().find(|row| row.prefix.contains(address))
    }

    /// The precedence of an address; 0, below all, where no row matches.
    pub fn precedence(&self, address: Ipv6Addr) -> u8 {
        self.find(address).map_or(0, |row| row.precedence)
    }

    /// The label of an address; `None` where no row matches.
    pub fn label(&self, address: Ipv6Addr) -> Option<u8> {
        self.find(address).map(|row| row.label)
    }
}

/// The table of RFC 6724 §2.1.
// RFC 6724 §2.1 SHOULD (default): this table is used unless another is configured.
impl Default for PolicyTable {
    fn default() -> Self {
        let row = |address: [u16; 8], length, precedence, label| {
            let [a, b, c, d, e, f, g, h] = address;
            let address = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            Some(Policy {
                prefix: Ipv6Prefix::new(address, length)?,
                precedence,
                label,
            })
        };
        let rows = [
            row([0, 0, 0, 0, 0, 0, 0, 1], 128, 50, 0),
            row([0; 8], 0, 40, 1),
            row([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, 35, 4),
            row([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 30, 2),
            row([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 5, 5),
            row([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, 3, 13),
            row([0; 8], 96, 1, 3),
            row([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, 1, 11),
            row([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, 1, 12),
        ];
        Self::new(rows.into_iter().flatten())
    }
}

/// The number of leading bits that two addresses have in common (RFC 6724 §2.2).
pub const fn common_prefix_length(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}

/// An address that could be a source (RFC 6724 §4): no multicast address, not the unspecified one,
/// none that is tentative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceCandidate {
    /// The address.
    pub address: Ipv6Addr,
    /// Bits of its prefix.
    pub prefix_length: u8,
    /// Whether it is deprecated, or optimistic (RFC 4429 §3.1).
    pub deprecated: bool,
    /// Whether it is a home address (Mobile IPv6).
    pub home: bool,
    /// Whether it is a care-of address (Mobile IPv6); an address may be both.
    pub care_of: bool,
    /// Whether it is assigned to the interface that the packet will leave through.
    pub outgoing_interface: bool,
    /// Whether the router that the packet will go to advertised its prefix (rule 5.5).
    pub advertised_by_next_hop: bool,
    /// Whether it is a temporary address (RFC 8981).
    pub temporary: bool,
}

impl SourceCandidate {
    /// A preferred, stable address of the outgoing interface.
    pub const fn new(address: Ipv6Addr, prefix_length: u8) -> Self {
        Self {
            address,
            prefix_length,
            deprecated: false,
            home: false,
            care_of: false,
            outgoing_interface: true,
            advertised_by_next_hop: false,
            temporary: false,
        }
    }
}

/// What a caller may turn round in the rules (RFC 6724 §5, RFC 5014).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePreferences {
    /// Rule 7: temporary addresses before public ones. Default: true.
    pub temporary: bool,
    /// Rule 4: home addresses before care-of addresses. Default: true.
    pub home: bool,
}

impl Default for SourcePreferences {
    fn default() -> Self {
        Self {
            temporary: true,
            home: true,
        }
    }
}

/// Which of two sources is the better one for a destination: `Greater` when `a` is.
// RFC 6724 §5 MUST (rules): the eight rules in order decide; the first that tells ends it.
pub fn compare_sources(
    a: &SourceCandidate,
    b: &SourceCandidate,
    destination: Ipv6Addr,
    policy: &PolicyTable,
    preferences: SourcePreferences,
) -> Ordering {
    let rule = |holds: fn(&SourceCandidate) -> bool| holds(a).cmp(&holds(b));
    // Rule 1: prefer the same address.
    (a.address == destination)
        .cmp(&(b.address == destination))
        // Rule 2: prefer appropriate scope.
        .then_with(|| compare_scopes(a.address, b.address, destination))
        // Rule 3: avoid deprecated addresses.
        .then_with(|| rule(|it| !it.deprecated))
        // Rule 4: prefer home addresses.
        .then_with(|| {
            let both = |it: &SourceCandidate| it.home && it.care_of;
            let alone = if preferences.home {
                rule(|it| it.home && !it.care_of).then(rule(|it| !it.care_of || it.home))
            } else {
                rule(|it| it.care_of && !it.home)
            };
            both(a).cmp(&both(b)).then(alone)
        })
        // Rule 5: prefer the outgoing interface.
        .then_with(|| rule(|it| it.outgoing_interface))
        // Rule 5.5: prefer addresses in a prefix advertised by the next hop.
        .then_with(|| rule(|it| it.advertised_by_next_hop))
        // Rule 6: prefer matching label.
        .then_with(|| {
            let label = policy.label(destination);
            let matches = |it: &SourceCandidate| policy.label(it.address) == label;
            matches(a).cmp(&matches(b))
        })
        // Rule 7: prefer temporary addresses.
        .then_with(|| {
            let wanted = |it: &SourceCandidate| it.temporary == preferences.temporary;
            wanted(a).cmp(&wanted(b))
        })
        // Rule 8: use the longest matching prefix.
        .then_with(|| {
            let bits = |it: &SourceCandidate| {
                common_prefix_length(it.address, destination).min(u32::from(it.prefix_length))
            };
            bits(a).cmp(&bits(b))
        })
}

/// Rule 2: the smallest scope that still reaches the destination; if none does, the widest.
fn compare_scopes(a: Ipv6Addr, b: Ipv6Addr, destination: Ipv6Addr) -> Ordering {
    let (a, b, destination) = (Scope::of(a), Scope::of(b), Scope::of(destination));
    match a.cmp(&b) {
        Ordering::Less if a < destination => Ordering::Less,
        Ordering::Less => Ordering::Greater,
        Ordering::Greater if b < destination => Ordering::Greater,
        Ordering::Greater => Ordering::Less,
        Ordering::Equal => Ordering::Equal,
    }
}

/// The best source for a destination; the first of those that are equally good. IPv4-mapped
/// candidates are for IPv4-mapped destinations, and others for others.
// RFC 6724 §4 MUST (candidates): multicast and unspecified addresses are no candidates.
pub fn select_source(
    candidates: impl IntoIterator<Item = SourceCandidate>,
    destination: Ipv6Addr,
    policy: &PolicyTable,
    preferences: SourcePreferences,
) -> Option<SourceCandidate> {
    let is_ipv4 = |address: Ipv6Addr| address.to_ipv4_mapped().is_some();
    candidates
        .into_iter()
        .filter(|it| !it.address.is_multicast() && !it.address.is_unspecified())
        .filter(|it| is_ipv4(it.address) == is_ipv4(destination))
        .reduce(|best, next| {
            match compare_sources(&next, &best, destination, policy, preferences) {
                Ordering::Greater => next,
                _ => best,
            }
        })
}

/// A destination that could be tried (RFC 6724 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationCandidate {
    /// The address.
    pub address: Ipv6Addr,
    /// The source that [`select_source`] gave for it; `None` when there is none.
    pub source: Option<SourceCandidate>,
    /// Whether it is known that it cannot be reached.
    pub unreachable: bool,
    /// Whether packets to it are carried in a tunnel (a transition mechanism).
    pub encapsulated: bool,
}

impl DestinationCandidate {
    /// A destination that is not known to be out of reach, and not behind a tunnel.
    pub const fn new(address: Ipv6Addr, source: Option<SourceCandidate>) -> Self {
        Self {
            address,
            source,
            unreachable: false,
            encapsulated: false,
        }
    }
}

/// Sorts destinations, the best first; those that are equally good stay in order.
pub fn order_destinations(destinations: &mut [DestinationCandidate], policy: &PolicyTable) {
    // The order is total: each rule compares one key of each destination, rule 9 apart.
    destinations.sort_by(|a, b| compare_destinations(b, a, policy));
}

// RFC 6724 §6 MUST (rules): the ten rules in order; rule 10 is that the sort is stable.
fn compare_destinations(
    a: &DestinationCandidate,
    b: &DestinationCandidate,
    policy: &PolicyTable,
) -> Ordering {
    let rule = |holds: &dyn Fn(&DestinationCandidate) -> bool| holds(a).cmp(&holds(b));
    let source = |it: &DestinationCandidate, holds: fn(&SourceCandidate) -> bool| {
        it.source.as_ref().is_some_and(holds)
    };
    // Rule 1: avoid unusable destinations.
    rule(&|it| !it.unreachable && it.source.is_some())
        // Rule 2: prefer matching scope.
        .then_with(|| {
            rule(&|it| {
                it.source
                    .is_some_and(|source| Scope::of(source.address) == Scope::of(it.address))
            })
        })
        // Rule 3: avoid deprecated addresses.
        .then_with(|| rule(&|it| !source(it, |source| source.deprecated)))
        // Rule 4: prefer home addresses.
        .then_with(|| rule(&|it| source(it, |source| source.home && source.care_of)))
        .then_with(|| rule(&|it| source(it, |source| source.home)))
        // Rule 5: prefer matching label.
        .then_with(|| {
            rule(&|it| {
                it.source
                    .is_some_and(|source| policy.label(source.address) == policy.label(it.address))
            })
        })
        // Rule 6: prefer higher precedence.
        .then_with(|| {
            policy
                .precedence(a.address)
                .cmp(&policy.precedence(b.address))
        })
        // Rule 7: prefer native transport.
        .then_with(|| rule(&|it| !it.encapsulated))
        // Rule 8: prefer smaller scope.
        .then_with(|| Scope::of(b.address).cmp(&Scope::of(a.address)))
        // Rule 9: use the longest matching prefix, between addresses of one family.
        .then_with(|| {
            let family = |it: &DestinationCandidate| it.address.to_ipv4_mapped().is_some();
            if family(a) != family(b) {
                return Ordering::Equal;
            }
            let bits = |it: &DestinationCandidate| {
                it.source.map_or(0, |source| {
                    common_prefix_length(source.address, it.address)
                        .min(u32::from(source.prefix_length))
                })
            };
            bits(a).cmp(&bits(b))
        })
}
