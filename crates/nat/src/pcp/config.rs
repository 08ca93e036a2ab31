//! How a server is set up, what it counts, and what it tells.

use core::net::SocketAddr;
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;
use thiserror::Error;

/// How a server is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcpConfig {
    /// The shortest lifetime that a mapping gets. Default: 2 minutes.
    pub min_lifetime: Duration,
    /// The longest. Default: 24 hours.
    pub max_lifetime: Duration,
    /// The most mappings that were asked for, of all hosts. Default: 16,384.
    pub max_mappings: usize,
    /// The most of one host. Default: 64.
    pub max_mappings_per_host: usize,
    /// The most filters of one mapping. Default: 8.
    pub max_filters: usize,
    /// Whether hosts may ask for others. Default: false.
    // RFC 6887 §13.1 MUST NOT (third-party): not unless an administrator has allowed it.
    pub allows_third_party: bool,
    /// Whether NAT-PMP is spoken. Default: true.
    pub speaks_nat_pmp: bool,
    /// Whether ports below 1024 may be asked for inside. Default: true.
    pub allows_privileged: bool,
}

impl Default for PcpConfig {
    fn default() -> Self {
        Self {
            // RFC 6887 §15 SHOULD (minimum): 120 seconds.
            min_lifetime: Duration::from_secs(120),
            // RFC 6887 §15 SHOULD (maximum): 24 hours.
            max_lifetime: Duration::from_secs(86_400),
            max_mappings: 16_384,
            max_mappings_per_host: 64,
            max_filters: 8,
            allows_third_party: false,
            speaks_nat_pmp: true,
            allows_privileged: true,
        }
    }
}

/// Why a datagram was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PcpDiscard {
    /// Too short to be answered.
    #[error("the datagram is shorter than two octets")]
    Short,
    /// A response, not a request.
    #[error("the datagram is a response")]
    Response,
    /// NAT-PMP from an IPv6 host, which it does not know.
    #[error("NAT-PMP is for IPv4")]
    Family,
    /// Responses wait, and there is no room for another.
    #[error("too many responses wait")]
    Full,
}

/// A datagram to be sent, from port [`SERVER_PORT`](super::SERVER_PORT).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PcpTransmit {
    /// Where to.
    pub destination: SocketAddr,
}

/// A mapping that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcpMapping {
    /// The transport protocol.
    pub protocol: IpProtocol,
    /// Host and port inside.
    pub internal: SocketAddr,
    /// Address and port outside.
    pub external: SocketAddr,
    /// When it ends unless it is asked for again.
    pub expires: Instant,
}

/// What a server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PcpEvent {
    /// A mapping was made.
    Mapped(PcpMapping),
    /// A mapping was deleted, or its lifetime is over.
    Unmapped(PcpMapping),
}

/// What a server has done since it was made. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PcpStats {
    /// Requests that were answered with success.
    pub succeeded: u64,
    /// Requests that were answered with an error.
    pub refused: u64,
    /// Datagrams that were ignored.
    pub ignored: u64,
    /// Requests for a mapping of another client's, by the nonce.
    pub wrong_nonce: u64,
    /// Mappings whose lifetime was over.
    pub expired: u64,
    /// Announcements that were sent.
    pub announced: u64,
    /// Events that nobody polled in time.
    pub events_dropped: u64,
}
