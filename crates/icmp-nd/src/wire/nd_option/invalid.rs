//! Options that are well delimited and still cannot be used.

use super::NdOptionKind;
use crate::wire::DomainNameError;
use packet_buffer::tlv::Tlv;

/// Why an option of a known type cannot be used. It is then ignored, and the rest of the message
/// stands; only a length of 0 spoils the whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NdOptionError {
    /// A prefix information option is not 32 octets long.
    #[error("a prefix information option is 32 octets long")]
    PrefixInformationLength,
    /// A prefix is longer than an address.
    #[error("a prefix cannot have {0} bits")]
    PrefixLength(u8),
    /// A redirected header option has no six reserved octets.
    #[error("a redirected header option has six reserved octets first")]
    RedirectedHeaderLength,
    /// An MTU option is not 8 octets long.
    #[error("an MTU option is 8 octets long")]
    MtuLength,
    /// A route information option is too short for its prefix, or longer than 24 octets.
    #[error("a route information option is too short for its prefix, or longer than 24 octets")]
    RouteInformationLength,
    /// The preference of a route has the reserved value.
    #[error("the preference of the route has the reserved value")]
    ReservedPreference,
    /// An RDNSS option does not hold one or more whole addresses.
    #[error("an RDNSS option is eight octets and one or more whole addresses")]
    RecursiveDnsServersLength,
    /// A DNSSL option holds no names.
    #[error("a DNSSL option holds one name at least")]
    SearchListLength,
    /// A name in a DNSSL option cannot be read.
    #[error("a name of the DNSSL option cannot be read: {0}")]
    SearchListName(DomainNameError),
    /// Something follows the names of a DNSSL option that is not zero.
    #[error("what follows the names of a DNSSL option is not zero")]
    SearchListPadding,
    /// The URI of a captive portal is empty, not UTF-8 or has a zero octet within.
    #[error("the URI of a captive portal is empty, not UTF-8 or has a zero octet within")]
    CaptivePortalUri,
    /// A PREF64 option is not 16 octets long.
    #[error("a PREF64 option is 16 octets long")]
    Pref64Length,
    /// The prefix length code of a PREF64 option is reserved.
    #[error("the prefix length code {0} of a PREF64 option is reserved")]
    Pref64PrefixLengthCode(u8),
}

/// An option that cannot be used, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidNdOption<'a> {
    /// The type.
    pub kind: NdOptionKind,
    /// Why the option cannot be used.
    pub error: NdOptionError,
    /// The option as it was received.
    pub option: Tlv<'a>,
}
