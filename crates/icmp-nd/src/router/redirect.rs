//! Redirects: telling a neighbor of a better first hop (RFC 4861 §8.2).

use crate::generation::{RateLimitConfig, RateLimiter};
use crate::wire::{NdOptionRepr, NdRepr, Redirect};
use alloc::boxed::Box;
use core::net::{IpAddr, Ipv6Addr};
use packet_buffer::wire::{Ipv6Packet, MacAddr, QuotedIpv6};
use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, RandomSource};
use thiserror::Error;

/// Octets of the longest redirect, with its IPv6 header: what every link takes.
const REDIRECT_LEN: usize = 1280;

/// What a router knows about a packet that it forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RedirectContext {
    /// Whether the packet leaves through the interface where it arrived.
    pub same_link: bool,
    /// Whether its source is a neighbor there: an address in a prefix on the link, or a link-local
    /// one.
    pub source_is_neighbor: bool,
    /// The next hop: the destination itself when that is on the link.
    pub next_hop: Ipv6Addr,
    /// The link-layer address of the next hop, when it is known.
    pub next_hop_link: Option<MacAddr>,
    /// The router's link-local address on the link.
    pub router: Ipv6Addr,
}

/// A better first hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BetterHop {
    /// The better first hop: the destination itself when it is a neighbor.
    pub target: Ipv6Addr,
    /// Its link-layer address, when it is known.
    pub target_link: Option<MacAddr>,
}

/// Why a packet is forwarded without a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RedirectSilence {
    /// The packet cannot be read.
    #[error("the packet cannot be read: {0}")]
    Unreadable(ParseError),
    /// The packet leaves the link that it came from.
    #[error("the packet leaves by another link")]
    OtherLink,
    /// The source is not a neighbor.
    #[error("the source is not a neighbor")]
    SourceNotNeighbor,
    /// The destination is a multicast address.
    #[error("the destination is a multicast address")]
    Multicast,
    /// The next hop is a router that is not known by its link-local address, which is the only one
    /// that a redirect may name.
    #[error("the next hop is not known by its link-local address")]
    NotLinkLocal,
    /// The host has had its share of redirects for now.
    #[error("the host has had its share of redirects")]
    Limited,
    /// The redirect cannot be written.
    #[error("the redirect cannot be written: {0}")]
    Emit(EmitError),
}

/// Whether a packet from `source` to `destination` deserves a redirect, but for the rate.
///
/// # Errors
///
/// Why it does not.
// RFC 4861 §8.2 SHOULD (send): when the source is a neighbor, a better first hop is on the same link,
// and the destination is not multicast.
pub fn redirect_decision(
    destination: Ipv6Addr,
    context: &RedirectContext,
) -> Result<BetterHop, RedirectSilence> {
    if !context.same_link {
        return Err(RedirectSilence::OtherLink);
    }
    if !context.source_is_neighbor {
        return Err(RedirectSilence::SourceNotNeighbor);
    }
    if destination.is_multicast() {
        return Err(RedirectSilence::Multicast);
    }
    // RFC 4861 §8.2 MUST (target): a router is named by its link-local address.
    // RFC 4861 §6.2.8 MUST (know): so a router has to know the link-local addresses of its neighbors.
    if context.next_hop != destination && !context.next_hop.is_unicast_link_local() {
        return Err(RedirectSilence::NotLinkLocal);
    }
    Ok(BetterHop {
        target: context.next_hop,
        target_link: context.next_hop_link,
    })
}

/// What a redirector has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedirectStats {
    /// Redirects written.
    pub sent: u64,
    /// Packets that deserved none.
    pub not_needed: u64,
    /// Redirects that the rate held back.
    pub limited: u64,
    /// Packets that could not be read, and redirects that could not be written.
    pub invalid: u64,
}

/// Decides, limits and writes redirects for one interface.
#[derive(Debug)]
pub struct Redirector {
    limiter: RateLimiter,
    stats: RedirectStats,
}

impl Redirector {
    /// A redirector that sends as often as `limit` says.
    pub fn new(limit: RateLimitConfig, random: Box<dyn RandomSource + Send>) -> Self {
        Self {
            limiter: RateLimiter::new(limit, random),
            stats: RedirectStats::default(),
        }
    }

    /// Counters.
    pub fn stats(&self) -> &RedirectStats {
        &self.stats
    }

    /// A packet is being forwarded: writes a redirect to its source into `out`, in place of what it
    /// held, when the packet deserves one. Gives the better hop that it tells.
    ///
    /// # Errors
    ///
    /// Why no redirect is sent; `out` is unchanged.
    pub fn redirect(
        &mut self,
        now: Instant,
        packet: &[u8],
        context: &RedirectContext,
        out: &mut PacketBuf,
    ) -> Result<BetterHop, RedirectSilence> {
        let result = self.write(now, packet, context, out);
        let counter = match &result {
            Ok(_) => &mut self.stats.sent,
            Err(RedirectSilence::Limited) => &mut self.stats.limited,
            Err(RedirectSilence::Unreadable(_) | RedirectSilence::Emit(_)) => {
                &mut self.stats.invalid
            }
            Err(_) => &mut self.stats.not_needed,
        };
        *counter += 1;
        result
    }

    fn write(
        &mut self,
        now: Instant,
        packet: &[u8],
        context: &RedirectContext,
        out: &mut PacketBuf,
    ) -> Result<BetterHop, RedirectSilence> {
        let quoted = QuotedIpv6::parse(packet).map_err(RedirectSilence::Unreadable)?;
        let (source, destination) = (quoted.source(), quoted.destination());
        let better = redirect_decision(destination, context)?;
        // RFC 4861 §8.2 MUST (rate): the rate of redirects is limited.
        self.limiter
            .take(now, IpAddr::V6(source))
            .map_err(|_| RedirectSilence::Limited)?;
        let link = better.target_link.map(NdOptionRepr::TargetLinkLayerAddress);
        let fixed = Ipv6Packet::HEADER_LEN + Redirect::HEADER_LEN;
        let used = fixed + if link.is_some() { 8 } else { 0 };
        // RFC 4861 §8.2 MUST (quote): as much of the packet as fits 1280 octets.
        let room = REDIRECT_LEN.saturating_sub(used + 8) / 8 * 8;
        let quote = quoted.as_slice();
        let quote = quote.get(..room).unwrap_or(quote);
        let header = NdOptionRepr::RedirectedHeader(quote.into());
        let message = NdRepr::Redirect {
            target: better.target,
            destination,
        };
        let both;
        let one;
        let options: &[NdOptionRepr<'_>] = match link {
            Some(link) => {
                both = [link, header];
                &both
            }
            None => {
                one = [header];
                &one
            }
        };
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        message
            .emit_packet(options, out, context.router, source)
            .map_err(RedirectSilence::Emit)?;
        Ok(better)
    }
}
