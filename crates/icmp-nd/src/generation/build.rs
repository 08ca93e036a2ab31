//! Writing an error: how much is quoted, extensions, the IP header.

use super::Silence;
use super::decision::{is_ipv4_error, is_ipv6_error};
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
    QuotedIpv4, QuotedIpv6,
};
use packet_buffer::{EmitError, PacketBuf};

/// Octets of the longest ICMPv4 error with its IP header (RFC 1812 §4.3.2.3).
pub const DEFAULT_IPV4_ERROR_LEN: usize = 576;

/// Octets of the longest ICMPv6 error with its IP header: the minimum MTU (RFC 4443 §2.4).
const IPV6_ERROR_LEN: usize = 1280;

/// Octets that are quoted at least when extensions follow, padded with zeroes (RFC 4884 §3): that
/// much, receivers that know no length field take for the quote.
pub const MIN_EXTENDED_QUOTE: usize = 128;

/// Octets of an ICMPv4 or ICMPv6 error in front of the quote.
const ICMP_HEADER: usize = 8;

/// How an error is written, beside what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorOptions<'a> {
    /// Octets that an ICMPv4 error may have with its IP header; 576 by default, taken as 56 at least
    /// (what RFC 792 quotes) and 65535 at most. ICMPv6 errors always have up to 1280.
    pub ipv4_error_len: usize,
    /// Differentiated services code point of the error, 0 to 63.
    pub dscp: u8,
    /// Time to live or hop limit of the error.
    pub hop_limit: u8,
    /// A whole multi-part extension structure (RFC 4884 §7) to follow the quote, empty for none: MPLS
    /// labels (RFC 4950), the interface (RFC 5837) and others. Ignored by messages that RFC 4884
    /// does not extend: Redirect, Packet Too Big and ICMPv6's Parameter Problem.
    pub extensions: &'a [u8],
}

impl Default for ErrorOptions<'_> {
    fn default() -> Self {
        Self {
            ipv4_error_len: DEFAULT_IPV4_ERROR_LEN,
            dscp: 0,
            hop_limit: Ipv4Repr::DEFAULT_TIME_TO_LIVE,
            extensions: &[],
        }
    }
}

/// Writes the IPv4 packet with `error` about `packet` into `out`, in place of what `out` held and
/// behind its headroom. Whether it may be sent is not asked.
///
/// The error goes to the source of `packet`. `quoted_words` of `error` is computed here.
///
/// # Errors
///
/// With `out` unchanged: not an error; unreadable, when `packet` has no whole fixed header; emit,
/// when extensions do not fit beside the least quote.
pub fn build_ipv4_error(
    error: &Icmpv4Repr,
    packet: &[u8],
    source: Ipv4Addr,
    options: &ErrorOptions<'_>,
    out: &mut PacketBuf,
) -> Result<(), Silence> {
    if !is_ipv4_error(error) {
        return Err(Silence::NotAnError);
    }
    let quoted = QuotedIpv4::parse(packet).map_err(Silence::Unreadable)?;
    // RFC 1122 §3.2.2 MUST (quote): the header and at least eight octets, as they were received.
    // RFC 1812 §4.3.2.3 SHOULD: as much as fits 576 octets.
    let least = quoted.header_len() + 8;
    let limit = options
        .ipv4_error_len
        .clamp(Ipv4Packet::MIN_HEADER_LEN + ICMP_HEADER + 28, 65_535);
    let room = limit - Ipv4Packet::MIN_HEADER_LEN - ICMP_HEADER;
    // RFC 4884 §4.6 MUST NOT: other messages are not extended.
    let extensible = !matches!(error, Icmpv4Repr::Redirect { .. });
    let extensions = if extensible { options.extensions } else { &[] };
    let quote = quoted.as_slice();
    let plan = Plan::new(quote.len(), room.max(least), extensions.len(), 4)?;
    let message = with_quoted_words(*error, plan.words);
    let header = Ipv4Repr {
        dscp: options.dscp,
        time_to_live: options.hop_limit,
        // An error may be fragmented on the way: nobody would hear an error about it.
        dont_fragment: false,
        ..Ipv4Repr::new(source, quoted.source(), IpProtocol::ICMP)
    };
    checked_dscp(options.dscp)?;
    out.reset(PacketBuf::DEFAULT_HEADROOM);
    plan.write(quote, extensions, out);
    message.emit(out).map_err(Silence::Emit)?;
    header.emit(out).map_err(Silence::Emit)
}

/// Writes the IPv6 packet with `error` about `packet` into `out`, in place of what `out` held and
/// behind its headroom. Whether it may be sent is not asked.
///
/// The error goes to the source of `packet`. `quoted_words` of `error` is computed here.
///
/// # Errors
///
/// With `out` unchanged: not an error; unreadable, when `packet` has no whole fixed header; emit,
/// when extensions do not fit beside the least quote.
pub fn build_ipv6_error(
    error: &Icmpv6Repr,
    packet: &[u8],
    source: Ipv6Addr,
    options: &ErrorOptions<'_>,
    out: &mut PacketBuf,
) -> Result<(), Silence> {
    if !is_ipv6_error(error) {
        return Err(Silence::NotAnError);
    }
    let quoted = QuotedIpv6::parse(packet).map_err(Silence::Unreadable)?;
    // RFC 4443 §2.4 MUST (c): as much of the packet as fits without exceeding the minimum MTU.
    let room = IPV6_ERROR_LEN - Ipv6Packet::HEADER_LEN - ICMP_HEADER;
    let (extensible, quote) = (
        matches!(
            error,
            Icmpv6Repr::DestinationUnreachable { .. } | Icmpv6Repr::TimeExceeded { .. }
        ),
        quoted.as_slice(),
    );
    let extensions = if extensible { options.extensions } else { &[] };
    let plan = Plan::new(quote.len(), room, extensions.len(), 8)?;
    let message = match *error {
        Icmpv6Repr::DestinationUnreachable { code, .. } => Icmpv6Repr::DestinationUnreachable {
            code,
            quoted_words: plan.words,
        },
        Icmpv6Repr::TimeExceeded { code, .. } => Icmpv6Repr::TimeExceeded {
            code,
            quoted_words: plan.words,
        },
        other => other,
    };
    let header = Ipv6Repr {
        dscp: options.dscp,
        hop_limit: options.hop_limit,
        ..Ipv6Repr::new(source, quoted.source(), IpProtocol::ICMPV6)
    };
    checked_dscp(options.dscp)?;
    out.reset(PacketBuf::DEFAULT_HEADROOM);
    plan.write(quote, extensions, out);
    message
        .emit(out, &header.pseudo_header())
        .map_err(Silence::Emit)?;
    header.emit(out).map_err(Silence::Emit)
}

/// What the quote comes to.
struct Plan {
    /// Octets of the packet that are quoted.
    quoted: usize,
    /// Zeroes behind them.
    padding: usize,
    /// What the length field says: 0 where no extensions follow.
    words: u8,
}

impl Plan {
    /// For a packet of `length` octets, in an error with `room` octets for quote and extensions,
    /// whose length field counts words of `word` octets.
    fn new(length: usize, room: usize, extensions: usize, word: usize) -> Result<Self, Silence> {
        if extensions == 0 {
            return Ok(Self {
                quoted: length.min(room),
                padding: 0,
                words: 0,
            });
        }
        let limit = room.saturating_sub(MIN_EXTENDED_QUOTE);
        if extensions > limit || !extensions.is_multiple_of(4) {
            return Err(Silence::Emit(EmitError::TooLong {
                what: "ICMP extension structure",
                length: extensions,
                limit,
            }));
        }
        // RFC 4884 §3 MUST (least-quote): at least 128 octets stand in front of the extensions.
        // RFC 4884 §3 MUST (padding): the quote is padded with zeroes to a whole number of words.
        let most = (room - extensions).min(usize::from(u8::MAX) * word) / word * word;
        let quoted = length.min(most);
        let padded = quoted.next_multiple_of(word).max(MIN_EXTENDED_QUOTE);
        Ok(Self {
            quoted,
            padding: padded - quoted,
            words: u8::try_from(padded / word).unwrap_or(u8::MAX),
        })
    }

    fn write(&self, packet: &[u8], extensions: &[u8], out: &mut PacketBuf) {
        out.append_slice(packet.get(..self.quoted).unwrap_or(packet));
        let _zeroes = out.append(self.padding);
        out.append_slice(extensions);
    }
}

/// `emit` would refuse it too, but behind the point where `out` is unchanged.
fn checked_dscp(dscp: u8) -> Result<(), Silence> {
    if dscp > 0x3f {
        return Err(Silence::Emit(EmitError::BadValue {
            what: "DSCP",
            value: u32::from(dscp),
        }));
    }
    Ok(())
}

const fn with_quoted_words(error: Icmpv4Repr, words: u8) -> Icmpv4Repr {
    match error {
        Icmpv4Repr::DestinationUnreachable {
            code, next_hop_mtu, ..
        } => Icmpv4Repr::DestinationUnreachable {
            code,
            quoted_words: words,
            next_hop_mtu,
        },
        Icmpv4Repr::TimeExceeded { code, .. } => Icmpv4Repr::TimeExceeded {
            code,
            quoted_words: words,
        },
        Icmpv4Repr::ParameterProblem { code, pointer, .. } => Icmpv4Repr::ParameterProblem {
            code,
            pointer,
            quoted_words: words,
        },
        other => other,
    }
}

const _: () = assert!(Icmpv4Message::HEADER_LEN == ICMP_HEADER);
