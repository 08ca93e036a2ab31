//! What a server of PCP and NAT-PMP asks of a translator.

use super::wire::{Filter, ResultCode};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;

/// A mapping that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRequest {
    /// The transport protocol.
    pub protocol: IpProtocol,
    /// The host inside, and its port.
    pub internal: SocketAddr,
    /// The port that is suggested outside; 0 for any.
    pub external_port: u16,
    /// The address that is suggested outside.
    pub external_address: Option<IpAddr>,
    /// Whether nothing but the suggestion will do.
    pub strict: bool,
    /// Who may use the mapping; everyone where there are none.
    pub filters: Vec<Filter>,
}

/// Why a mapping was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MapFailure {
    /// The translator does not map for the host, or such ports.
    NotAuthorized,
    /// The translator does not know the protocol.
    Protocol,
    /// There is no port or no room left.
    NoResources,
    /// The host has as many mappings as it may.
    Quota,
    /// What was suggested is not to be had.
    CannotProvide,
    /// The translator keeps fewer filters, or none.
    Filters,
    /// The translator has no address outside.
    Network,
}

impl MapFailure {
    /// The result code that says so.
    pub const fn result_code(self) -> ResultCode {
        match self {
            Self::NotAuthorized => ResultCode::NOT_AUTHORIZED,
            Self::Protocol => ResultCode::UNSUPP_PROTOCOL,
            Self::NoResources => ResultCode::NO_RESOURCES,
            Self::Quota => ResultCode::USER_EX_QUOTA,
            Self::CannotProvide => ResultCode::CANNOT_PROVIDE_EXTERNAL,
            Self::Filters => ResultCode::EXCESSIVE_REMOTE_PEERS,
            Self::Network => ResultCode::NETWORK_FAILURE,
        }
    }
}

/// A translator whose mappings can be asked for.
///
/// The server keeps the lifetimes: it calls [`unmap`](Self::unmap) when they are over. A mapping
/// that was asked for and one that traffic has made are the same mapping; where there is one
/// already, [`map`](Self::map) keeps its external end.
pub trait PortMapper {
    /// The address that a host is seen under, or would be.
    fn external_address(&self, internal: IpAddr) -> Option<IpAddr>;

    /// Makes a mapping for whoever comes, that stays without traffic, and says how it is reached.
    ///
    /// Asked again for the same end inside, it returns the same end outside, whatever is suggested.
    ///
    /// # Errors
    ///
    /// [`MapFailure`], with nothing changed.
    fn map(&mut self, now: Instant, request: &MapRequest) -> Result<SocketAddr, MapFailure>;

    /// Ends a mapping that [`map`](Self::map) has made. Sessions that use it may go on.
    fn unmap(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        internal: SocketAddr,
        external: SocketAddr,
    );

    /// Makes a mapping, or finds the one that traffic has made, for packets to one peer, and keeps
    /// it until `until` at least; returns its end outside.
    ///
    /// # Errors
    ///
    /// [`MapFailure`], with nothing changed.
    fn peer(
        &mut self,
        now: Instant,
        request: &MapRequest,
        remote: SocketAddr,
        until: Instant,
    ) -> Result<SocketAddr, MapFailure>;
}
