//! The options of a message that is written.

use super::{NdOptionKind, Pref64, PrefixInformation, RouteInformation};
use crate::wire::{DomainName, Writer, prepend};
use alloc::borrow::Cow;
use core::net::Ipv6Addr;
use packet_buffer::checksum::Sum;
use packet_buffer::wire::MacAddr;
use packet_buffer::{EmitError, PacketBuf};

/// Octets of the longest option: its length field counts to 255.
const MAX_LEN: usize = 255 * 8;

/// An option as values. It borrows its lists or owns them; what owns all is
/// `NdOptionRepr<'static>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NdOptionRepr<'a> {
    /// The link-layer address of the sender.
    SourceLinkLayerAddress(MacAddr),
    /// The link-layer address of the target.
    TargetLinkLayerAddress(MacAddr),
    /// A prefix that is on the link, or for addresses.
    PrefixInformation(PrefixInformation),
    /// The start of the packet that is redirected. It is cut where it is longer than the option
    /// can be; how much fits the link's minimum MTU is the caller's to say.
    RedirectedHeader(Cow<'a, [u8]>),
    /// The MTU of the link, in octets.
    Mtu(u32),
    /// A route through the router.
    RouteInformation(RouteInformation),
    /// DNS servers: 1 to 127.
    RecursiveDnsServers {
        /// For how many seconds they may be used.
        lifetime: u32,
        /// Their addresses, in order of preference.
        servers: Cow<'a, [Ipv6Addr]>,
    },
    /// Domains in which names are searched: 1 at least.
    DnsSearchList {
        /// For how many seconds they may be used.
        lifetime: u32,
        /// Their names, in order.
        domains: Cow<'a, [DomainName]>,
    },
    /// A random number: six octets, or 14, 22 and so on.
    Nonce(Cow<'a, [u8]>),
    /// The URI of a captive portal's API.
    CaptivePortal(Cow<'a, str>),
    /// The prefix of a NAT64.
    Pref64(Pref64),
    /// Any other option: six octets of data, or 14, 22 and so on.
    Other {
        /// Its type.
        kind: NdOptionKind,
        /// What follows the length.
        data: Cow<'a, [u8]>,
    },
}

impl NdOptionRepr<'_> {
    /// The type of the option.
    pub const fn kind(&self) -> NdOptionKind {
        match self {
            Self::SourceLinkLayerAddress(_) => NdOptionKind::SOURCE_LINK_LAYER_ADDRESS,
            Self::TargetLinkLayerAddress(_) => NdOptionKind::TARGET_LINK_LAYER_ADDRESS,
            Self::PrefixInformation(_) => NdOptionKind::PREFIX_INFORMATION,
            Self::RedirectedHeader(_) => NdOptionKind::REDIRECTED_HEADER,
            Self::Mtu(_) => NdOptionKind::MTU,
            Self::RouteInformation(_) => NdOptionKind::ROUTE_INFORMATION,
            Self::RecursiveDnsServers { .. } => NdOptionKind::RECURSIVE_DNS_SERVERS,
            Self::DnsSearchList { .. } => NdOptionKind::DNS_SEARCH_LIST,
            Self::Nonce(_) => NdOptionKind::NONCE,
            Self::CaptivePortal(_) => NdOptionKind::CAPTIVE_PORTAL,
            Self::Pref64(_) => NdOptionKind::PREF64,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// Octets of the whole option with its padding: a multiple of eight, at most 2040.
    ///
    /// # Errors
    ///
    /// Too long, when it would be longer; unaligned, for a nonce or another option's data that
    /// does not end at a multiple of eight octets; bad value, for an empty list, a prefix length
    /// over 128, a PREF64 prefix length or lifetime that has no code, a URI that is empty or has
    /// a zero in it.
    #[inline]
    pub fn wire_len(&self) -> Result<usize, EmitError> {
        match self {
            Self::SourceLinkLayerAddress(_) | Self::TargetLinkLayerAddress(_) | Self::Mtu(_) => {
                Ok(8)
            }
            Self::PrefixInformation(prefix) => prefix.check(),
            _ => self.other_len(),
        }
    }

    /// The length of options that most messages do not have.
    fn other_len(&self) -> Result<usize, EmitError> {
        let what = self.kind().name().unwrap_or("ND option");
        let empty = EmitError::BadValue { what, value: 0 };
        let length = match self {
            Self::SourceLinkLayerAddress(_) | Self::TargetLinkLayerAddress(_) | Self::Mtu(_) => 8,
            Self::PrefixInformation(prefix) => prefix.check()?,
            Self::RouteInformation(route) => route.len(),
            Self::Pref64(prefix) => prefix.check()?,
            Self::RedirectedHeader(packet) => (8 + packet.len()).next_multiple_of(8).min(MAX_LEN),
            Self::RecursiveDnsServers { servers, .. } if servers.is_empty() => return Err(empty),
            Self::RecursiveDnsServers { servers, .. } => servers.len().saturating_mul(16) + 8,
            Self::DnsSearchList { domains, .. } if domains.is_empty() => return Err(empty),
            Self::DnsSearchList { domains, .. } => {
                let names = domains.iter().map(|name| name.as_wire().len());
                (8 + names.sum::<usize>()).next_multiple_of(8)
            }
            Self::CaptivePortal(uri) if uri.is_empty() || uri.contains('\0') => return Err(empty),
            Self::CaptivePortal(uri) => (2 + uri.len()).next_multiple_of(8),
            Self::Nonce(data) | Self::Other { data, .. } => {
                let length = 2 + data.len();
                if !length.is_multiple_of(8) {
                    return Err(EmitError::Unaligned {
                        what,
                        length,
                        multiple: 8,
                    });
                }
                length
            }
        };
        if length > MAX_LEN {
            return Err(EmitError::TooLong {
                what,
                length,
                limit: MAX_LEN,
            });
        }
        Ok(length)
    }

    /// Writes the option in front of `packet`; the sum of what is there with it.
    ///
    /// # Errors
    ///
    /// What [`wire_len`](Self::wire_len) says; the packet is then unchanged.
    #[inline]
    fn emit(&self, packet: &mut PacketBuf, sum: Sum) -> Result<Sum, EmitError> {
        Ok(match self {
            Self::SourceLinkLayerAddress(address) | Self::TargetLinkLayerAddress(address) => {
                prepend(packet, sum, with_address(self.kind(), *address))
            }
            Self::Mtu(mtu) => {
                let [a, b, c, d] = mtu.to_be_bytes();
                prepend(packet, sum, [5, 1, 0, 0, a, b, c, d])
            }
            Self::PrefixInformation(prefix) => prepend(packet, sum, prefix.to_octets()?),
            _ => return self.emit_other(packet, sum),
        })
    }

    /// Writes an option that most messages do not have.
    #[inline(never)]
    fn emit_other(&self, packet: &mut PacketBuf, sum: Sum) -> Result<Sum, EmitError> {
        let length = self.wire_len()?;
        let room = packet.prepend(length);
        self.write(&mut Writer::new(room), length);
        Ok(sum.add_bytes(room))
    }

    /// Writes it into room that is zero.
    fn write(&self, writer: &mut Writer<'_>, length: usize) {
        let units = u8::try_from(length / 8).unwrap_or_default();
        writer.put(&[self.kind().0, units]);
        match self {
            // Those that `emit` writes itself.
            Self::SourceLinkLayerAddress(_)
            | Self::TargetLinkLayerAddress(_)
            | Self::Mtu(_)
            | Self::PrefixInformation(_) => {}
            Self::RouteInformation(route) => route.write(writer),
            Self::Pref64(prefix) => prefix.write(writer),
            Self::RedirectedHeader(packet) => {
                writer.skip(6);
                padded(writer, packet, length - 8);
            }
            Self::RecursiveDnsServers { lifetime, servers } => {
                writer.skip(2);
                writer.u32(*lifetime);
                for server in servers.iter() {
                    writer.put(&server.octets());
                }
            }
            Self::DnsSearchList { lifetime, domains } => {
                writer.skip(2);
                writer.u32(*lifetime);
                let mut room = length - 8;
                for name in domains.iter() {
                    writer.put(name.as_wire());
                    room = room.saturating_sub(name.as_wire().len());
                }
                // RFC 8106 §5.2 MUST (padding): zeroes fill up to a multiple of eight octets.
                writer.skip(room);
            }
            Self::CaptivePortal(uri) => padded(writer, uri.as_bytes(), length - 2),
            Self::Nonce(data) | Self::Other { data, .. } => writer.put(data),
        }
    }

    /// The option with lists of its own.
    pub fn into_owned(self) -> NdOptionRepr<'static> {
        match self {
            Self::SourceLinkLayerAddress(address) => NdOptionRepr::SourceLinkLayerAddress(address),
            Self::TargetLinkLayerAddress(address) => NdOptionRepr::TargetLinkLayerAddress(address),
            Self::PrefixInformation(prefix) => NdOptionRepr::PrefixInformation(prefix),
            Self::RedirectedHeader(packet) => {
                NdOptionRepr::RedirectedHeader(packet.into_owned().into())
            }
            Self::Mtu(mtu) => NdOptionRepr::Mtu(mtu),
            Self::RouteInformation(route) => NdOptionRepr::RouteInformation(route),
            Self::RecursiveDnsServers { lifetime, servers } => NdOptionRepr::RecursiveDnsServers {
                lifetime,
                servers: servers.into_owned().into(),
            },
            Self::DnsSearchList { lifetime, domains } => NdOptionRepr::DnsSearchList {
                lifetime,
                domains: domains.into_owned().into(),
            },
            Self::Nonce(nonce) => NdOptionRepr::Nonce(nonce.into_owned().into()),
            Self::CaptivePortal(uri) => NdOptionRepr::CaptivePortal(uri.into_owned().into()),
            Self::Pref64(prefix) => NdOptionRepr::Pref64(prefix),
            Self::Other { kind, data } => NdOptionRepr::Other {
                kind,
                data: data.into_owned().into(),
            },
        }
    }
}

/// Writes `options` in front of what `packet` holds, which are further options; the sum with all of them.
///
/// # Errors
///
/// What [`NdOptionRepr::wire_len`] says; options behind the one that is wrong are then written.
#[inline]
pub(in crate::wire) fn emit(
    options: &[NdOptionRepr<'_>],
    packet: &mut PacketBuf,
    mut sum: Sum,
) -> Result<Sum, EmitError> {
    if !packet.is_empty() {
        sum = sum.add_bytes(packet.as_slice());
    }
    // From the last to the first, each in one go: none needs room that is wiped before, or its length known.
    for option in options.iter().rev() {
        sum = option.emit(packet, sum)?;
    }
    Ok(sum)
}

/// A link-layer address option. Put together as one word: so it is summed without being read back from pieces that
/// were just written.
#[inline]
fn with_address(NdOptionKind(kind): NdOptionKind, MacAddr([a, b, c, d, e, f]): MacAddr) -> [u8; 8] {
    let high = u32::from_be_bytes([kind, 1, a, b]);
    let low = u32::from_be_bytes([c, d, e, f]);
    (u64::from(high) << 32 | u64::from(low)).to_be_bytes()
}

/// Writes as much of `octets` as fits `room`, and leaves the rest of the room zero.
fn padded(writer: &mut Writer<'_>, octets: &[u8], room: usize) {
    let octets = octets.get(..room).unwrap_or(octets);
    writer.put(octets);
    writer.skip(room - octets.len());
}
