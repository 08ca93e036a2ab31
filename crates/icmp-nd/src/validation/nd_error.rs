//! Why a Neighbor Discovery message was refused, and how often.

use core::net::Ipv6Addr;

/// Why a Neighbor Discovery message was refused. Nothing is answered to any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NdError {
    /// The packet carries something else: not for Neighbor Discovery, and not wrong.
    #[error("the packet does not carry a Neighbor Discovery message")]
    NotNeighborDiscovery,
    /// The packet has a fragment header (RFC 6980).
    #[error("the message came in fragments")]
    Fragmented,
    /// The hop limit is not 255: the packet may come from beyond the link.
    #[error("the hop limit is {0} and not 255")]
    HopLimit(u8),
    /// The checksum, as received, does not match.
    #[error("the checksum {0:#06x} does not match")]
    Checksum(u16),
    /// The code is not 0.
    #[error("the code is {0} and not 0")]
    Code(u8),
    /// The message, of so many octets, is shorter than its fixed part.
    #[error("{0} octets are too few for the message")]
    Length(usize),
    /// An option has a length of 0.
    #[error("an option has a length of 0")]
    OptionLengthZero,
    /// An option runs off the end of the message.
    #[error("an option runs off the end of the message")]
    OptionTruncated,
    /// There are more options than the limit.
    #[error("the message has too many options")]
    TooManyOptions,
    /// The source is a multicast address.
    #[error("the source {0} is a multicast address")]
    SourceMulticast(Ipv6Addr),
    /// The source of an advertisement of a router or of a Redirect is not link-local.
    #[error("the source {0} is not a link-local address")]
    SourceNotLinkLocal(Ipv6Addr),
    /// A solicitation from the unspecified address has a source link-layer address option.
    #[error("a solicitation from the unspecified address tells a link-layer address")]
    UnspecifiedSourceWithLinkLayerAddress,
    /// A Neighbor Solicitation from the unspecified address goes not to a solicited-node group.
    #[error(
        "a solicitation from the unspecified address goes to {0}, not to a solicited-node group"
    )]
    UnspecifiedSourceToOtherGroup(Ipv6Addr),
    /// The target is a multicast address.
    #[error("the target {0} is a multicast address")]
    TargetMulticast(Ipv6Addr),
    /// A Neighbor Advertisement to a group says that it was solicited.
    #[error("an advertisement to the group {0} says that it was solicited")]
    SolicitedToGroup(Ipv6Addr),
    /// The destination that a Redirect is about is a multicast address.
    #[error("the redirected destination {0} is a multicast address")]
    RedirectedMulticast(Ipv6Addr),
    /// The target of a Redirect is neither link-local nor the destination.
    #[error("the target {0} is neither link-local nor the redirected destination")]
    RedirectTarget(Ipv6Addr),
}

/// How many messages were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct NdErrorCounters {
    /// [`NdError::Fragmented`].
    pub fragmented: u64,
    /// [`NdError::HopLimit`].
    pub hop_limit: u64,
    /// [`NdError::Checksum`].
    pub checksum: u64,
    /// [`NdError::Code`].
    pub code: u64,
    /// [`NdError::Length`].
    pub length: u64,
    /// [`NdError::OptionLengthZero`].
    pub option_length_zero: u64,
    /// [`NdError::OptionTruncated`].
    pub option_truncated: u64,
    /// [`NdError::TooManyOptions`].
    pub too_many_options: u64,
    /// [`NdError::SourceMulticast`].
    pub source_multicast: u64,
    /// [`NdError::SourceNotLinkLocal`].
    pub source_not_link_local: u64,
    /// [`NdError::UnspecifiedSourceWithLinkLayerAddress`].
    pub unspecified_source_with_link_layer_address: u64,
    /// [`NdError::UnspecifiedSourceToOtherGroup`].
    pub unspecified_source_to_other_group: u64,
    /// [`NdError::TargetMulticast`].
    pub target_multicast: u64,
    /// [`NdError::SolicitedToGroup`].
    pub solicited_to_group: u64,
    /// [`NdError::RedirectedMulticast`].
    pub redirected_multicast: u64,
    /// [`NdError::RedirectTarget`].
    pub redirect_target: u64,
}

impl NdErrorCounters {
    /// Counts one refusal. [`NdError::NotNeighborDiscovery`] is none.
    pub fn count(&mut self, error: &NdError) {
        let counter = match error {
            NdError::NotNeighborDiscovery => return,
            NdError::Fragmented => &mut self.fragmented,
            NdError::HopLimit(_) => &mut self.hop_limit,
            NdError::Checksum(_) => &mut self.checksum,
            NdError::Code(_) => &mut self.code,
            NdError::Length(_) => &mut self.length,
            NdError::OptionLengthZero => &mut self.option_length_zero,
            NdError::OptionTruncated => &mut self.option_truncated,
            NdError::TooManyOptions => &mut self.too_many_options,
            NdError::SourceMulticast(_) => &mut self.source_multicast,
            NdError::SourceNotLinkLocal(_) => &mut self.source_not_link_local,
            NdError::UnspecifiedSourceWithLinkLayerAddress => {
                &mut self.unspecified_source_with_link_layer_address
            }
            NdError::UnspecifiedSourceToOtherGroup(_) => {
                &mut self.unspecified_source_to_other_group
            }
            NdError::TargetMulticast(_) => &mut self.target_multicast,
            NdError::SolicitedToGroup(_) => &mut self.solicited_to_group,
            NdError::RedirectedMulticast(_) => &mut self.redirected_multicast,
            NdError::RedirectTarget(_) => &mut self.redirect_target,
        };
        *counter = counter.saturating_add(1);
    }

    /// All refusals together.
    pub fn total(&self) -> u64 {
        [
            self.fragmented,
            self.hop_limit,
            self.checksum,
            self.code,
            self.length,
            self.option_length_zero,
            self.option_truncated,
            self.too_many_options,
            self.source_multicast,
            self.source_not_link_local,
            self.unspecified_source_with_link_layer_address,
            self.unspecified_source_to_other_group,
            self.target_multicast,
            self.solicited_to_group,
            self.redirected_multicast,
            self.redirect_target,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
