//! Why a packet cannot be tracked.

use packet_buffer::ParseError;
use packet_buffer::fragment::FragmentDiscard;
use thiserror::Error;

/// Why a packet is not one that a gateway can assign to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PacketError {
    /// A header is cut short or contradicts itself.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// A fragment's lengths cannot be true.
    #[error("{0}")]
    Fragment(#[from] FragmentDiscard),
}
