//! Decision, rate limit and writing in one, with counters.

use super::build::{ErrorOptions, build_ipv4_error, build_ipv6_error};
use super::decision::{
    Arrival, Silence, ipv4_error_permitted, ipv6_error_permitted, is_ipv4_error, is_ipv6_error,
};
use super::limit::{Limited, RateLimitConfig, RateLimiter};
use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{Icmpv4Repr, Icmpv6Repr, QuotedIpv4, QuotedIpv6};
use packet_buffer::{Instant, PacketBuf, RandomSource};
use thiserror::Error;

/// How an [`ErrorGenerator`] is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationConfig {
    /// How often.
    pub limit: RateLimitConfig,
    /// Octets of an ICMPv4 error with its IP header, 56 to 65535. Default: 576.
    pub ipv4_error_len: usize,
    /// Differentiated services code point of ICMPv4 errors, 0 to 63. Default: 48, internetwork
    /// control (RFC 1812 §4.3.2.5).
    pub ipv4_dscp: u8,
    /// Differentiated services code point of ICMPv6 errors, 0 to 63. Default: 0.
    pub ipv6_dscp: u8,
    /// Time to live and hop limit of errors, not 0. Default: 64.
    pub hop_limit: u8,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            limit: RateLimitConfig::default(),
            ipv4_error_len: super::DEFAULT_IPV4_ERROR_LEN,
            // RFC 1812 §4.3.2.5 SHOULD: precedence 6 or 7.
            ipv4_dscp: 48,
            ipv6_dscp: 0,
            hop_limit: 64,
        }
    }
}

/// Why a generator cannot be made. Each names the field of [`GenerationConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GenerationConfigError {
    /// `ipv4_error_len` is out of its range.
    #[error("ipv4_error_len: {0} octets; it must be from 56 to 65535")]
    Ipv4ErrorLen(usize),
    /// A code point has more than six bits.
    #[error("dscp: {0}; it must be from 0 to 63")]
    Dscp(u8),
    /// `hop_limit` is 0.
    #[error("hop_limit: it must not be 0")]
    HopLimit,
    /// A burst is 0: no error would ever be sent.
    #[error("limit: a burst must be at least 1")]
    Burst,
    /// `limit.destinations` is 0.
    #[error("limit.destinations: it must be at least 1")]
    Destinations,
    /// `limit.ipv6_prefix_len` is above 128.
    #[error("limit.ipv6_prefix_len: {0}; it must be from 0 to 128")]
    PrefixLength(u8),
}

/// What a generator has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GenerationStats {
    /// ICMPv4 errors written.
    pub sent_ipv4: u64,
    /// ICMPv6 errors written.
    pub sent_ipv6: u64,
    /// Not sent: not an error, unreadable packet, or not to be written.
    pub invalid: u64,
    /// Not sent: about an ICMP error or a redirect, or perhaps about one.
    pub about_error: u64,
    /// Not sent: about a fragment that is not the first.
    pub later_fragment: u64,
    /// Not sent: about a broadcast or multicast of the link layer.
    pub link_broadcast: u64,
    /// Not sent: about a packet to a broadcast or multicast address.
    pub group_destination: u64,
    /// Not sent: the source of the packet does not name a single node.
    pub ambiguous_source: u64,
    /// Not sent: the limit of the destination was hit.
    pub destination_limited: u64,
    /// Not sent: the limit of all destinations was hit.
    pub global_limited: u64,
    /// Destinations forgotten because there were too many to remember.
    pub destinations_forgotten: u64,
}

/// Sends ICMP errors when it is right to.
///
/// It has no timers and no queue: each call either writes one packet or says why not.
#[derive(Debug)]
pub struct ErrorGenerator {
    config: GenerationConfig,
    limiter: RateLimiter,
    stats: GenerationStats,
}

impl ErrorGenerator {
    /// A generator with full token buckets.
    ///
    /// # Errors
    ///
    /// [`GenerationConfigError`], which names the field.
    pub fn new(
        config: GenerationConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, GenerationConfigError> {
        if !(56..=65_535).contains(&config.ipv4_error_len) {
            return Err(GenerationConfigError::Ipv4ErrorLen(config.ipv4_error_len));
        }
        for dscp in [config.ipv4_dscp, config.ipv6_dscp] {
            if dscp > 63 {
                return Err(GenerationConfigError::Dscp(dscp));
            }
        }
        if config.hop_limit == 0 {
            return Err(GenerationConfigError::HopLimit);
        }
        if config.limit.per_destination.burst == 0 || config.limit.global.burst == 0 {
            return Err(GenerationConfigError::Burst);
        }
        if config.limit.destinations == 0 {
            return Err(GenerationConfigError::Destinations);
        }
        if config.limit.ipv6_prefix_len > 128 {
            let length = config.limit.ipv6_prefix_len;
            return Err(GenerationConfigError::PrefixLength(length));
        }
        Ok(Self {
            config,
            limiter: RateLimiter::new(config.limit, random),
            stats: GenerationStats::default(),
        })
    }

    /// Writes the ICMPv4 `error` about `packet`, as it was received, into `out` (in place of what `out`
    /// held), to be sent from `source`, an address of this node.
    ///
    /// # Errors
    ///
    /// Why nothing is to be sent; `out` is unchanged, and a counter tells.
    pub fn ipv4(
        &mut self,
        now: Instant,
        error: &Icmpv4Repr,
        packet: &[u8],
        arrival: &Arrival,
        source: Ipv4Addr,
        out: &mut PacketBuf,
    ) -> Result<(), Silence> {
        self.ipv4_with_extensions(now, error, packet, arrival, source, &[], out)
    }

    /// As [`ipv4`](Self::ipv4), with a whole extension structure behind the quote (RFC 4884 §7).
    ///
    /// # Errors
    ///
    /// As [`ipv4`](Self::ipv4).
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact about one packet; a struct would be filled in for one call"
    )]
    pub fn ipv4_with_extensions(
        &mut self,
        now: Instant,
        error: &Icmpv4Repr,
        packet: &[u8],
        arrival: &Arrival,
        source: Ipv4Addr,
        extensions: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), Silence> {
        let options = ErrorOptions {
            ipv4_error_len: self.config.ipv4_error_len,
            dscp: self.config.ipv4_dscp,
            hop_limit: self.config.hop_limit,
            extensions,
        };
        let result = if is_ipv4_error(error) {
            ipv4_error_permitted(packet, arrival)
        } else {
            Err(Silence::NotAnError)
        };
        let result = result.and_then(|()| {
            let quoted = QuotedIpv4::parse(packet).map_err(Silence::Unreadable)?;
            self.take(now, quoted.source().into())?;
            build_ipv4_error(error, packet, source, &options, out)
        });
        self.stats.sent_ipv4 += u64::from(result.is_ok());
        self.counted(result)
    }

    /// Writes the ICMPv6 `error` about `packet`, as it was received, into `out` (in place of what `out`
    /// held), to be sent from `source`, an address of this node.
    ///
    /// # Errors
    ///
    /// Why nothing is to be sent; `out` is unchanged, and a counter tells.
    pub fn ipv6(
        &mut self,
        now: Instant,
        error: &Icmpv6Repr,
        packet: &[u8],
        arrival: &Arrival,
        source: Ipv6Addr,
        out: &mut PacketBuf,
    ) -> Result<(), Silence> {
        self.ipv6_with_extensions(now, error, packet, arrival, source, &[], out)
    }

    /// As [`ipv6`](Self::ipv6), with a whole extension structure behind the quote (RFC 4884 §7).
    ///
    /// # Errors
    ///
    /// As [`ipv6`](Self::ipv6).
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact about one packet; a struct would be filled in for one call"
    )]
    pub fn ipv6_with_extensions(
        &mut self,
        now: Instant,
        error: &Icmpv6Repr,
        packet: &[u8],
        arrival: &Arrival,
        source: Ipv6Addr,
        extensions: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), Silence> {
        let options = ErrorOptions {
            ipv4_error_len: self.config.ipv4_error_len,
            dscp: self.config.ipv6_dscp,
            hop_limit: self.config.hop_limit,
            extensions,
        };
        let result = if is_ipv6_error(error) {
            ipv6_error_permitted(error, packet, arrival)
        } else {
            Err(Silence::NotAnError)
        };
        let result = result.and_then(|()| {
            let quoted = QuotedIpv6::parse(packet).map_err(Silence::Unreadable)?;
            self.take(now, quoted.source().into())?;
            build_ipv6_error(error, packet, source, &options, out)
        });
        self.stats.sent_ipv6 += u64::from(result.is_ok());
        self.counted(result)
    }

    /// What has been done so far.
    pub fn stats(&self) -> GenerationStats {
        GenerationStats {
            destinations_forgotten: self.limiter.forgotten(),
            ..self.stats
        }
    }

    fn take(&mut self, now: Instant, destination: IpAddr) -> Result<(), Silence> {
        self.limiter
            .take(now, destination)
            .map_err(|limited| match limited {
                Limited::Destination => Silence::DestinationLimited,
                Limited::Global => Silence::GlobalLimited,
            })
    }

    fn counted(&mut self, result: Result<(), Silence>) -> Result<(), Silence> {
        if let Err(silence) = result {
            let stats = &mut self.stats;
            let counter = match silence {
                Silence::NotAnError | Silence::Unreadable(_) | Silence::Emit(_) => {
                    &mut stats.invalid
                }
                Silence::AboutError | Silence::UnknownIcmpType => &mut stats.about_error,
                Silence::LaterFragment => &mut stats.later_fragment,
                Silence::LinkBroadcast | Silence::LinkMulticast => &mut stats.link_broadcast,
                Silence::BroadcastDestination | Silence::MulticastDestination => {
                    &mut stats.group_destination
                }
                Silence::AmbiguousSource => &mut stats.ambiguous_source,
                Silence::DestinationLimited => &mut stats.destination_limited,
                Silence::GlobalLimited => &mut stats.global_limited,
            };
            *counter += 1;
        }
        result
    }
}
