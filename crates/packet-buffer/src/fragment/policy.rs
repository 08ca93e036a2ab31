//! Fragments that are made to get past a filter.

use super::{Fragment, FragmentDiscard, FragmentKey, holds_header_chain};
use crate::wire::IpProtocol;

/// Which fragments are refused because a filter that looks at the first fragment would be fooled.
///
/// The check needs one fragment at a time and no state, so a filter can do it without reassembly.
///
/// ```
/// use packet_buffer::fragment::{FirstFragmentPolicy, Fragment, FragmentDiscard};
/// use packet_buffer::wire::IpPacket;
///
/// // Eight octets of TCP: the ports are there, the flags are not.
/// let octets = [
///     0x45, 0, 0, 28, 0, 1, 0x20, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 0, 80, 0, 0, 0, 0,
/// ];
/// let fragment = Fragment::parse(0, &IpPacket::parse(&octets)?)?.expect("a fragment");
/// assert_eq!(
///     FirstFragmentPolicy::STRICT.check(&fragment),
///     Err(FragmentDiscard::TinyFirst { length: 8 })
/// );
/// assert_eq!(FirstFragmentPolicy::OFF.check(&fragment), Ok(()));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FirstFragmentPolicy {
    /// Octets that the first IPv4 fragment of a TCP segment must hold; 0 lets every one pass.
    /// RFC 1858 §3.2 needs 16 to see the flags; 20 are the fixed header, and the default. All other
    /// transport headers that a filter looks at fit the eight octets that every first fragment has.
    pub min_tcp_octets: u8,
    /// Whether IPv4 fragments of TCP at offset 8 are refused, which would write over the flags that
    /// a filter has seen (RFC 3128). Default: true.
    pub refuse_within_tcp_header: bool,
    /// Whether the first IPv6 fragment must hold all headers, the upper layer's among them
    /// (RFC 7112 §5). Of a packet within a packet, the inner fixed header counts as the upper
    /// layer's. Default: true.
    pub whole_ipv6_header_chain: bool,
}

impl FirstFragmentPolicy {
    /// Everything is checked: the default.
    pub const STRICT: Self = Self {
        min_tcp_octets: 20,
        refuse_within_tcp_header: true,
        whole_ipv6_header_chain: true,
    };
    /// Nothing is checked.
    pub const OFF: Self = Self {
        min_tcp_octets: 0,
        refuse_within_tcp_header: false,
        whole_ipv6_header_chain: false,
    };

    /// Whether the policy lets the fragment pass.
    ///
    /// # Errors
    ///
    /// Tiny first; within the TCP header; incomplete header chain.
    pub fn check(&self, fragment: &Fragment<'_>) -> Result<(), FragmentDiscard> {
        match fragment.key() {
            FragmentKey::V4 { .. } => self.check_v4(fragment),
            FragmentKey::V6 { .. } => self.check_v6(fragment),
        }
    }

    fn check_v4(&self, fragment: &Fragment<'_>) -> Result<(), FragmentDiscard> {
        if fragment.protocol() != IpProtocol::TCP {
            return Ok(());
        }
        let length = fragment.payload().len();
        // RFC 1858 §3.2.1 SHOULD: a first fragment that is too short for the TCP header is
        // dropped.
        if fragment.is_first() && length < usize::from(self.min_tcp_octets) {
            return Err(FragmentDiscard::TinyFirst { length });
        }
        // RFC 3128 §4 SHOULD: a fragment of TCP at offset 8 is dropped, beside a tiny first.
        if fragment.offset() == 8 && self.refuse_within_tcp_header {
            return Err(FragmentDiscard::WithinTcpHeader);
        }
        Ok(())
    }

    fn check_v6(&self, fragment: &Fragment<'_>) -> Result<(), FragmentDiscard> {
        // RFC 7112 §5 SHOULD (receive): a first fragment without the whole header chain is discarded.
        if self.whole_ipv6_header_chain
            && fragment.is_first()
            && fragment.more_fragments()
            && !holds_header_chain(fragment.protocol(), fragment.payload())
        {
            return Err(FragmentDiscard::IncompleteHeaderChain);
        }
        Ok(())
    }
}

impl Default for FirstFragmentPolicy {
    fn default() -> Self {
        Self::STRICT
    }
}
