//! Options of Neighbor Discovery (RFC 4861 §4.6): a type, a length in units of eight octets that
//! counts the whole option, and what these say.

mod invalid;
mod list;
mod repr;
mod values;

pub use invalid::{InvalidNdOption, NdOptionError};
pub use list::{
    LinkLayerAddress, NdOption, NdOptionIter, NdOptions, RecursiveDnsServers, SearchList,
};
pub use repr::NdOptionRepr;
pub(super) use repr::emit;
pub use values::{Pref64, PrefixInformation, RouteInformation};

/// The lifetime of all ones, in seconds, which means for ever (RFC 4861 §4.6.2, RFC 4191 §2.3,
/// RFC 8106 §5.1).
pub const INFINITE_LIFETIME: u32 = u32::MAX;

packet_buffer::code_points! {
    /// The type of an option.
    pub struct NdOptionKind(u8) {
        /// The link-layer address of the sender (RFC 4861 §4.6.1).
        SOURCE_LINK_LAYER_ADDRESS = 1 => "source link-layer address",
        /// The link-layer address of the target (RFC 4861 §4.6.1).
        TARGET_LINK_LAYER_ADDRESS = 2 => "target link-layer address",
        /// A prefix that is on the link, or for addresses (RFC 4861 §4.6.2).
        PREFIX_INFORMATION = 3 => "prefix information",
        /// The packet that is redirected (RFC 4861 §4.6.3).
        REDIRECTED_HEADER = 4 => "redirected header",
        /// The MTU of the link (RFC 4861 §4.6.4).
        MTU = 5 => "MTU",
        /// A random number that tells own messages from others' (RFC 3971 §5.3.2, RFC 7527).
        NONCE = 14 => "nonce",
        /// A route through the router (RFC 4191 §2.3).
        ROUTE_INFORMATION = 24 => "route information",
        /// DNS servers (RFC 8106 §5.1).
        RECURSIVE_DNS_SERVERS = 25 => "recursive DNS servers",
        /// Domains in which names are searched (RFC 8106 §5.2).
        DNS_SEARCH_LIST = 31 => "DNS search list",
        /// Where a captive portal's API is (RFC 8910 §2.3).
        CAPTIVE_PORTAL = 37 => "captive portal",
        /// The prefix of a NAT64 (RFC 8781 §4).
        PREF64 = 38 => "PREF64",
    }
}
