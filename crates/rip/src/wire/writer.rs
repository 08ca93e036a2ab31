//! Packing entries into messages.

use super::{ENTRY_LEN, HEADER_LEN, RipEntryRepr, RipngEntryRepr};
use core::net::Ipv6Addr;
use packet_buffer::PacketBuf;

const IPV6_HEADER_LEN: usize = 40;
const UDP_HEADER_LEN: usize = 8;

/// Appends entries of RIP-1 or RIP-2 to a message until it is full. The header, and the entry for
/// authentication, go in front afterwards.
///
/// How many entries fit is [`MAX_RIP_ENTRIES`](super::MAX_RIP_ENTRIES), or with authentication fewer.
#[derive(Debug)]
pub struct RipWriter<'a> {
    packet: &'a mut PacketBuf,
    count: usize,
    capacity: usize,
}

impl<'a> RipWriter<'a> {
    /// A writer of up to `capacity` entries behind what is in `packet`, which is empty.
    pub fn new(packet: &'a mut PacketBuf, capacity: usize) -> Self {
        Self {
            packet,
            count: 0,
            capacity,
        }
    }

    /// Appends an entry; false, and nothing is written, when the message is full.
    #[inline]
    pub fn push(&mut self, entry: &RipEntryRepr) -> bool {
        if self.is_full() {
            return false;
        }
        self.packet.append_slice(&entry.octets());
        self.count += 1;
        true
    }

    /// Whether no further entry fits.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.count >= self.capacity
    }

    /// Entries written so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no entry was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Appends entries of RIPng to a message until it is full, with next hop entries where they
/// change. The header goes in front afterwards.
#[derive(Debug)]
pub struct RipngWriter<'a> {
    packet: &'a mut PacketBuf,
    count: usize,
    capacity: usize,
    next_hop: Option<Ipv6Addr>,
}

impl<'a> RipngWriter<'a> {
    /// A writer of up to `capacity` entries behind what is in `packet`, which is empty. The
    /// capacity of a link is [`ripng_entries_for_mtu`].
    pub fn new(packet: &'a mut PacketBuf, capacity: usize) -> Self {
        Self {
            packet,
            count: 0,
            capacity,
            next_hop: None,
        }
    }

    /// Appends a route with its next hop, which is link-local, or `None` for the sender. False,
    /// and nothing is written, when route and next hop entry do not both fit.
    // RFC 2080 §2.1.1 MUST (next-hop-written): routes follow the next hop that they have.
    #[inline]
    pub fn push(&mut self, entry: &RipngEntryRepr, next_hop: Option<Ipv6Addr>) -> bool {
        let changed = next_hop != self.next_hop;
        let needed = 1 + usize::from(changed);
        if self.capacity.saturating_sub(self.count) < needed {
            return false;
        }
        if changed {
            let address = next_hop.unwrap_or(Ipv6Addr::UNSPECIFIED);
            let marker = RipngEntryRepr::next_hop(address);
            self.packet.append_slice(&marker.octets());
            self.next_hop = next_hop;
        }
        self.packet.append_slice(&entry.octets());
        self.count += needed;
        true
    }

    /// Whether no further entry fits.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.count >= self.capacity
    }

    /// Entries written so far, next hops among them.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no entry was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Entries that a RIPng message carries on a link with an MTU of `mtu` octets: what is left of it
/// behind the IPv6, UDP and RIPng headers, in whole entries (RFC 2080 §2.1).
///
/// ```
/// assert_eq!(rip::wire::ripng_entries_for_mtu(1500), 72);
/// assert_eq!(rip::wire::ripng_entries_for_mtu(1280), 61);
/// ```
// RFC 2080 §2.1 MUST (mtu): the formula of the section.
pub const fn ripng_entries_for_mtu(mtu: usize) -> usize {
    mtu.saturating_sub(IPV6_HEADER_LEN + UDP_HEADER_LEN + HEADER_LEN) / ENTRY_LEN
}
