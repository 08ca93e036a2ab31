//! One address of an interface.

use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;

/// What an address may be used for (RFC 4862 §2, RFC 4429 §1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressState {
    /// It is being tested: not assigned, used for nothing but the test.
    Tentative,
    /// It is being tested and used with care: no override, no source link-layer address option.
    Optimistic,
    /// It may be used for everything.
    Preferred,
    /// It still works for what uses it; new communication should prefer another.
    Deprecated,
}

/// Where an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressOrigin {
    /// The link-local address that each interface makes for itself.
    LinkLocal,
    /// The caller.
    Manual,
    /// An advertised prefix and the interface's stable identifier.
    Autoconfigured,
    /// An advertised prefix and a random identifier (RFC 8981).
    Temporary,
}

/// Where duplicate address detection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dad {
    /// It begins at this moment.
    Waiting(Instant),
    /// It runs.
    Running {
        /// Solicitations that are still to be sent in this round.
        remaining: u8,
        /// When the next is sent; or, with none remaining, when the round ends.
        next: Instant,
        /// Whether one came back in this round.
        looped: bool,
    },
    /// It is over, and the address is assigned.
    Done,
}

/// An address of an interface.
#[derive(Debug, Clone)]
pub struct AddressEntry {
    pub(super) address: Ipv6Addr,
    pub(super) prefix_length: u8,
    pub(super) origin: AddressOrigin,
    pub(super) anycast: bool,
    pub(super) optimistic: bool,
    pub(super) dad: Dad,
    /// Whether a solicitation waits to be sent.
    pub(super) to_send: bool,
    /// Nonces of what was sent, latest last, eight at most.
    pub(super) nonces: Vec<[u8; 6]>,
    pub(super) joined: bool,
    pub(super) deprecated: bool,
    pub(super) preferred_until: Option<Instant>,
    pub(super) valid_until: Option<Instant>,
    pub(super) created: Instant,
    /// For temporary addresses: what is taken off the preferred lifetime.
    pub(super) desync: Duration,
    /// For temporary addresses: when the next is made; `None` when it was.
    pub(super) regenerate_at: Option<Instant>,
    /// Routers that advertised the prefix lately, four at most.
    pub(super) advertisers: Vec<Ipv6Addr>,
}

impl AddressEntry {
    /// Routers remembered for a prefix.
    pub(super) const MAX_ADVERTISERS: usize = 4;

    /// The address.
    pub const fn address(&self) -> Ipv6Addr {
        self.address
    }

    /// Bits of the prefix that the address was made with.
    pub const fn prefix_length(&self) -> u8 {
        self.prefix_length
    }

    /// Where it comes from.
    pub const fn origin(&self) -> AddressOrigin {
        self.origin
    }

    /// Whether other nodes have it too.
    pub const fn is_anycast(&self) -> bool {
        self.anycast
    }

    /// What it may be used for, as of the latest call that told the time.
    pub const fn state(&self) -> AddressState {
        match self.dad {
            Dad::Done if self.deprecated => AddressState::Deprecated,
            Dad::Done => AddressState::Preferred,
            _ if self.optimistic => AddressState::Optimistic,
            _ => AddressState::Tentative,
        }
    }

    /// Whether packets to the address are for this node: it is not tentative.
    pub const fn is_usable(&self) -> bool {
        !matches!(self.state(), AddressState::Tentative)
    }

    /// When it stops being preferred; `None` for never.
    pub const fn preferred_until(&self) -> Option<Instant> {
        self.preferred_until
    }

    /// When it stops being valid; `None` for never.
    pub const fn valid_until(&self) -> Option<Instant> {
        self.valid_until
    }

    /// Routers that advertised its prefix lately, the latest last; empty for other origins.
    pub fn advertisers(&self) -> &[Ipv6Addr] {
        &self.advertisers
    }

    /// The next moment at which something happens to it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let dad = match self.dad {
            Dad::Waiting(at) => Some(at),
            Dad::Running { next, .. } => Some(next),
            Dad::Done => None,
        };
        let preferred = self.preferred_until.filter(|_| !self.deprecated);
        [dad, preferred, self.valid_until, self.regenerate_at]
            .into_iter()
            .flatten()
            .min()
    }
}
