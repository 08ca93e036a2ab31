//! The options of a received message.

use super::{
    InvalidNdOption, NdOptionError, NdOptionKind, NdOptionRepr, Pref64, PrefixInformation,
    RouteInformation,
};
use crate::wire::DomainNameRef;
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv6Addr;
use packet_buffer::ParseError;
use packet_buffer::tlv::{Tlv, TlvFormat, TlvIter, TlvList};
use packet_buffer::wire::MacAddr;

/// The options of a message. The walk was checked; each option is read when the iterator comes to
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NdOptions<'a> {
    list: TlvList<'a>,
}

impl<'a> NdOptions<'a> {
    /// Checks that `octets`, which start `offset` octets into the message, are a list of options.
    ///
    /// # Errors
    ///
    /// Truncated, when an option runs off the end; bad length, for a length of 0.
    // RFC 4861 §4.6 MUST (length-zero): a packet that contains such an option is discarded.
    #[inline]
    pub fn parse(octets: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        let list = TlvList::parse(&TlvFormat::NEIGHBOR_DISCOVERY, octets, offset)?;
        Ok(Self { list })
    }

    /// The options in wire order, unknown, repeated and invalid ones included.
    #[inline]
    pub fn iter(&self) -> NdOptionIter<'a> {
        NdOptionIter {
            list: self.list.iter(),
        }
    }

    /// The options as types and octets, not interpreted.
    #[inline]
    pub fn as_tlv_list(&self) -> TlvList<'a> {
        self.list
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The address in the first source link-layer address option, when it is one of Ethernet's.
    #[inline]
    pub fn source_mac(&self) -> Option<MacAddr> {
        self.mac(NdOptionKind::SOURCE_LINK_LAYER_ADDRESS)
    }

    /// The address in the first target link-layer address option, when it is one of Ethernet's.
    #[inline]
    pub fn target_mac(&self) -> Option<MacAddr> {
        self.mac(NdOptionKind::TARGET_LINK_LAYER_ADDRESS)
    }

    #[inline]
    fn mac(&self, kind: NdOptionKind) -> Option<MacAddr> {
        let option = self.list.find(kind.0)?;
        LinkLayerAddress {
            octets: option.data,
        }
        .mac()
    }

    /// The first nonce.
    #[inline]
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.list
            .find(NdOptionKind::NONCE.0)
            .map(|option| option.data)
    }
}

impl<'a> IntoIterator for NdOptions<'a> {
    type Item = NdOption<'a>;
    type IntoIter = NdOptionIter<'a>;

    fn into_iter(self) -> NdOptionIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &NdOptions<'a> {
    type Item = NdOption<'a>;
    type IntoIter = NdOptionIter<'a>;

    fn into_iter(self) -> NdOptionIter<'a> {
        self.iter()
    }
}

/// Iterator over the options of a message.
#[derive(Debug, Clone)]
pub struct NdOptionIter<'a> {
    list: TlvIter<'a>,
}

impl<'a> Iterator for NdOptionIter<'a> {
    type Item = NdOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<NdOption<'a>> {
        self.list.next().map(NdOption::read)
    }
}

impl core::iter::FusedIterator for NdOptionIter<'_> {}

/// A link-layer address as an option carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkLayerAddress<'a> {
    /// The address, and padding behind it where the link's document has some.
    octets: &'a [u8],
}

impl<'a> LinkLayerAddress<'a> {
    /// The address of Ethernet's six octets; `None` when the option has another length.
    // RFC 2464 §6 MUST: the option's length is 1 and the address is the six octets behind it.
    #[inline]
    pub fn mac(&self) -> Option<MacAddr> {
        self.octets.try_into().map(MacAddr).ok()
    }

    /// All octets behind the length: the address, and padding as the link's document says.
    #[inline]
    pub const fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}

/// DNS servers and for how long they may be used (RFC 8106 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecursiveDnsServers<'a> {
    lifetime: u32,
    servers: &'a [[u8; 16]],
}

impl<'a> RecursiveDnsServers<'a> {
    fn read(data: &'a [u8]) -> Result<Self, NdOptionError> {
        let error = NdOptionError::RecursiveDnsServersLength;
        let (header, octets) = data.split_first_chunk::<6>().ok_or(error)?;
        // RFC 8106 §5.3.1 MUST (rdnss-length): the length is odd, and 3 at least.
        let (servers, rest) = octets.as_chunks::<16>();
        if servers.is_empty() || !rest.is_empty() {
            return Err(error);
        }
        let [_, _, lifetime @ ..] = *header;
        Ok(Self {
            lifetime: u32::from_be_bytes(lifetime),
            servers,
        })
    }

    /// For how many seconds the servers may be used; all ones for ever, 0 takes them back.
    pub const fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// The addresses, in order of preference; one at least.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + use<'a> {
        self.servers.iter().map(|octets| Ipv6Addr::from(*octets))
    }
}

/// Domains in which names are searched, and for how long (RFC 8106 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SearchList<'a> {
    lifetime: u32,
    /// Names one after the other, checked, without the padding.
    names: &'a [u8],
}

impl<'a> SearchList<'a> {
    fn read(data: &'a [u8]) -> Result<Self, NdOptionError> {
        let error = NdOptionError::SearchListLength;
        let (header, names) = data.split_first_chunk::<6>().ok_or(error)?;
        // RFC 8106 §5.3.1 MUST (dnssl-length): the length is 2 at least.
        if names.is_empty() {
            return Err(error);
        }
        let mut rest = names;
        // A zero where a label would start is padding.
        while rest.first().is_some_and(|&octet| octet != 0) {
            let (_, after) = DomainNameRef::parse(rest).map_err(NdOptionError::SearchListName)?;
            rest = after;
        }
        if rest.iter().any(|&octet| octet != 0) {
            return Err(NdOptionError::SearchListPadding);
        }
        let names = names.get(..names.len() - rest.len()).unwrap_or_default();
        if names.is_empty() {
            return Err(error);
        }
        let [_, _, lifetime @ ..] = *header;
        Ok(Self {
            lifetime: u32::from_be_bytes(lifetime),
            names,
        })
    }

    /// For how many seconds the domains may be used; all ones for ever, 0 takes them back.
    pub const fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// The domains, in order; one at least.
    pub fn domains(&self) -> impl Iterator<Item = DomainNameRef<'a>> + use<'a> {
        let mut rest = self.names;
        core::iter::from_fn(move || {
            let (name, after) = DomainNameRef::parse(rest).ok()?;
            rest = after;
            Some(name)
        })
    }
}

/// One option of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdOption<'a> {
    /// The link-layer address of the sender.
    SourceLinkLayerAddress(LinkLayerAddress<'a>),
    /// The link-layer address of the target.
    TargetLinkLayerAddress(LinkLayerAddress<'a>),
    /// A prefix that is on the link, or for addresses.
    PrefixInformation(PrefixInformation),
    /// The start of the packet that is redirected, and padding.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link, in octets.
    Mtu(u32),
    /// A route through the router.
    RouteInformation(RouteInformation),
    /// DNS servers.
    RecursiveDnsServers(RecursiveDnsServers<'a>),
    /// Domains in which names are searched.
    DnsSearchList(SearchList<'a>),
    /// A random number that tells own messages from others': six octets, or eight, sixteen... more.
    Nonce(&'a [u8]),
    /// The URI of a captive portal's API; `urn:ietf:params:capport:unrestricted` when there is none.
    CaptivePortal(&'a str),
    /// The prefix of a NAT64.
    Pref64(Pref64),
    /// An option of a type that is not known here, which receivers ignore.
    Other(Tlv<'a>),
    /// An option of a known type that cannot be used, which receivers ignore.
    Invalid(InvalidNdOption<'a>),
}

impl<'a> NdOption<'a> {
    /// Reads one option, whose length was checked by the walk.
    #[inline]
    fn read(option: Tlv<'a>) -> Self {
        let data = option.data;
        let kind = NdOptionKind(option.kind);
        let read = match kind {
            NdOptionKind::SOURCE_LINK_LAYER_ADDRESS => {
                Ok(Self::SourceLinkLayerAddress(LinkLayerAddress {
                    octets: data,
                }))
            }
            NdOptionKind::TARGET_LINK_LAYER_ADDRESS => {
                Ok(Self::TargetLinkLayerAddress(LinkLayerAddress {
                    octets: data,
                }))
            }
            NdOptionKind::PREFIX_INFORMATION => {
                PrefixInformation::read(data).map(Self::PrefixInformation)
            }
            NdOptionKind::REDIRECTED_HEADER => match data.split_at_checked(6) {
                Some((_, packet)) => Ok(Self::RedirectedHeader(packet)),
                None => Err(NdOptionError::RedirectedHeaderLength),
            },
            NdOptionKind::MTU => match data {
                [_, _, mtu @ ..] if mtu.len() == 4 => Ok(Self::Mtu(NetworkEndian::read_u32(mtu))),
                _ => Err(NdOptionError::MtuLength),
            },
            NdOptionKind::NONCE => Ok(Self::Nonce(data)),
            NdOptionKind::ROUTE_INFORMATION => {
                RouteInformation::read(data).map(Self::RouteInformation)
            }
            NdOptionKind::RECURSIVE_DNS_SERVERS => {
                RecursiveDnsServers::read(data).map(Self::RecursiveDnsServers)
            }
            NdOptionKind::DNS_SEARCH_LIST => SearchList::read(data).map(Self::DnsSearchList),
            NdOptionKind::CAPTIVE_PORTAL => captive_portal(data).map(Self::CaptivePortal),
            NdOptionKind::PREF64 => Pref64::read(data).map(Self::Pref64),
            // RFC 4861 §4.6 MUST (unknown): options that are not known are ignored.
            _ => Ok(Self::Other(option)),
        };
        read.unwrap_or_else(|error| {
            Self::Invalid(InvalidNdOption {
                kind,
                error,
                option,
            })
        })
    }

    /// The type of the option.
    pub const fn kind(&self) -> NdOptionKind {
        match self {
            Self::SourceLinkLayerAddress(_) => NdOptionKind::SOURCE_LINK_LAYER_ADDRESS,
            Self::TargetLinkLayerAddress(_) => NdOptionKind::TARGET_LINK_LAYER_ADDRESS,
            Self::PrefixInformation(_) => NdOptionKind::PREFIX_INFORMATION,
            Self::RedirectedHeader(_) => NdOptionKind::REDIRECTED_HEADER,
            Self::Mtu(_) => NdOptionKind::MTU,
            Self::RouteInformation(_) => NdOptionKind::ROUTE_INFORMATION,
            Self::RecursiveDnsServers(_) => NdOptionKind::RECURSIVE_DNS_SERVERS,
            Self::DnsSearchList(_) => NdOptionKind::DNS_SEARCH_LIST,
            Self::Nonce(_) => NdOptionKind::NONCE,
            Self::CaptivePortal(_) => NdOptionKind::CAPTIVE_PORTAL,
            Self::Pref64(_) => NdOptionKind::PREF64,
            Self::Other(option) => NdOptionKind(option.kind),
            Self::Invalid(invalid) => invalid.kind,
        }
    }

    /// The option as values that can be written. Link-layer addresses that are not Ethernet's, and
    /// unknown and invalid options, stay as they are.
    pub fn to_repr(&self) -> NdOptionRepr<'a> {
        let other = |kind: NdOptionKind, data: &'a [u8]| NdOptionRepr::Other {
            kind,
            data: data.into(),
        };
        match *self {
            Self::SourceLinkLayerAddress(address) => match address.mac() {
                Some(mac) => NdOptionRepr::SourceLinkLayerAddress(mac),
                None => other(self.kind(), address.as_slice()),
            },
            Self::TargetLinkLayerAddress(address) => match address.mac() {
                Some(mac) => NdOptionRepr::TargetLinkLayerAddress(mac),
                None => other(self.kind(), address.as_slice()),
            },
            Self::PrefixInformation(prefix) => NdOptionRepr::PrefixInformation(prefix),
            Self::RedirectedHeader(packet) => NdOptionRepr::RedirectedHeader(packet.into()),
            Self::Mtu(mtu) => NdOptionRepr::Mtu(mtu),
            Self::RouteInformation(route) => NdOptionRepr::RouteInformation(route),
            Self::RecursiveDnsServers(servers) => NdOptionRepr::RecursiveDnsServers {
                lifetime: servers.lifetime(),
                servers: servers.servers().collect(),
            },
            Self::DnsSearchList(list) => NdOptionRepr::DnsSearchList {
                lifetime: list.lifetime(),
                domains: list.domains().map(|name| name.to_owned()).collect(),
            },
            Self::Nonce(nonce) => NdOptionRepr::Nonce(nonce.into()),
            Self::CaptivePortal(uri) => NdOptionRepr::CaptivePortal(uri.into()),
            Self::Pref64(prefix) => NdOptionRepr::Pref64(prefix),
            Self::Other(option) => other(NdOptionKind(option.kind), option.data),
            Self::Invalid(invalid) => other(invalid.kind, invalid.option.data),
        }
    }
}

/// The URI, without the zeroes that pad it.
fn captive_portal(data: &[u8]) -> Result<&str, NdOptionError> {
    let uri = core::str::from_utf8(data).map_err(|_| NdOptionError::CaptivePortalUri)?;
    // RFC 8910 §2.3 MUST (padding): the URI is padded with NUL up to eight octets.
    let uri = uri.trim_end_matches('\0');
    if uri.is_empty() || uri.contains('\0') {
        return Err(NdOptionError::CaptivePortalUri);
    }
    Ok(uri)
}
