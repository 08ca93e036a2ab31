//! The options of a received message.

use super::{
    InvalidNdOption, NdOptionError, NdOptionKind, NdOptionRepr, Pref64, PrefixInformation,
    RouteInformation,
};
use crate::wire::DomainNameRef;
use core::net::Ipv6Addr;
use packet_buffer::ParseError;
use packet_buffer::tlv::{Tlv, TlvFormat, TlvList};
use packet_buffer::wire::MacAddr;

/// The options of a message. The walk was checked; each option is read when the iterator comes to
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NdOptions<'a> {
    /// Whole options, none of length 0.
    octets: &'a [u8],
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
        // The shared walk, for one format known to the compiler; what is wrong the shared walk says.
        let mut rest = octets;
        while let Some((_, after)) = split_option(rest) {
            rest = after;
        }
        if !rest.is_empty() {
            TlvList::parse(&TlvFormat::NEIGHBOR_DISCOVERY, octets, offset)?;
        }
        Ok(Self { octets })
    }

    /// The options in wire order, unknown, repeated and invalid ones included.
    #[inline]
    pub fn iter(&self) -> NdOptionIter<'a> {
        NdOptionIter { rest: self.octets }
    }

    /// The options as types and octets, not interpreted.
    pub fn as_tlv_list(&self) -> TlvList<'a> {
        let format = &TlvFormat::NEIGHBOR_DISCOVERY;
        // It was checked already.
        TlvList::parse(format, self.octets, 0).unwrap_or(TlvList::empty(format))
    }

    /// The first option of type `kind`, not interpreted.
    #[inline]
    pub(crate) fn find(&self, kind: NdOptionKind) -> Option<Tlv<'a>> {
        let mut rest = self.octets;
        while let Some((option, after)) = split_option(rest) {
            if option.kind == kind.0 {
                return Some(option);
            }
            rest = after;
        }
        None
    }

    /// How many options there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        let mut rest = self.octets;
        let mut count = 0;
        while let Some((_, after)) = split_option(rest) {
            count += 1;
            rest = after;
        }
        count
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
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
        let option = self.find(kind)?;
        LinkLayerAddress {
            octets: option.data,
        }
        .mac()
    }

    /// The first nonce.
    #[inline]
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.find(NdOptionKind::NONCE).map(|option| option.data)
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
    rest: &'a [u8],
}

impl<'a> Iterator for NdOptionIter<'a> {
    type Item = NdOption<'a>;

    // Where it is used, so that an option that is read is matched without a way through memory.
    #[inline(always)]
    fn next(&mut self) -> Option<NdOption<'a>> {
        let (option, after) = split_option(self.rest)?;
        self.rest = after;
        Some(NdOption::read(option))
    }
}

impl core::iter::FusedIterator for NdOptionIter<'_> {}

/// The option at the start of `octets`, and what follows it; `None` where there is no whole one.
#[inline(always)]
fn split_option(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let &[kind, units, ..] = octets else {
        return None;
    };
    let (option, after) = octets.split_at_checked(usize::from(units) * 8)?;
    // An option of length 0 has no octets, and so no data.
    let data = option.get(2..)?;
    let option = Tlv {
        kind,
        data,
        octets: option,
    };
    Some((option, after))
}

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
    #[inline(always)]
    fn read(option: Tlv<'a>) -> Self {
        let octets = option.data;
        match (NdOptionKind(option.kind), octets) {
            (NdOptionKind::SOURCE_LINK_LAYER_ADDRESS, _) => {
                Self::SourceLinkLayerAddress(LinkLayerAddress { octets })
            }
            (NdOptionKind::TARGET_LINK_LAYER_ADDRESS, _) => {
                Self::TargetLinkLayerAddress(LinkLayerAddress { octets })
            }
            (NdOptionKind::MTU, &[_, _, a, b, c, d]) => Self::Mtu(u32::from_be_bytes([a, b, c, d])),
            (NdOptionKind::PREFIX_INFORMATION, _) => match PrefixInformation::read(octets) {
                Ok(prefix) => Self::PrefixInformation(prefix),
                Err(error) => Self::invalid(option, error),
            },
            _ => Self::read_other(option),
        }
    }

    #[cold]
    fn invalid(option: Tlv<'a>, error: NdOptionError) -> Self {
        Self::Invalid(InvalidNdOption {
            kind: NdOptionKind(option.kind),
            error,
            option,
        })
    }

    /// Reads an option that most messages do not have.
    fn read_other(option: Tlv<'a>) -> Self {
        let data = option.data;
        let kind = NdOptionKind(option.kind);
        let read = match kind {
            NdOptionKind::REDIRECTED_HEADER => match data.split_at_checked(6) {
                Some((_, packet)) => Ok(Self::RedirectedHeader(packet)),
                None => Err(NdOptionError::RedirectedHeaderLength),
            },
            NdOptionKind::MTU => Err(NdOptionError::MtuLength),
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
        read.unwrap_or_else(|error| Self::invalid(option, error))
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
