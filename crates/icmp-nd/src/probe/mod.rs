//! What ping, traceroute and the queries share: received messages, errors, round-trip times.

mod error;
mod path;
mod received;
mod rtt;

pub use error::{Annotation, IcmpError};
pub use path::{SimHop, SimPath};
pub use received::Received;
pub(crate) use received::{Icmp, is_group, pseudo_header};
pub use rtt::RttStats;

use core::net::IpAddr;
use packet_buffer::wire::{IpProtocol, Ipv4Repr, Ipv6Repr};
use packet_buffer::{EmitError, PacketBuf};

/// What a prober writes for each probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// A whole IP packet, as raw sockets with a header of their own and devices take it.
    #[default]
    IpPacket,
    /// The ICMP message alone, as ICMP sockets take it. The kernel writes the IP header.
    IcmpMessage,
}

/// Fields of the IP header that a prober may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IpHeader {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: IpProtocol,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) identification: u16,
    pub(crate) flow_label: u32,
}

impl IpHeader {
    /// Writes the header in front of `out`. Both addresses are of one version.
    pub(crate) fn emit(&self, out: &mut PacketBuf) -> Result<(), EmitError> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Ipv4Repr {
                time_to_live: self.hop_limit,
                dscp: self.dscp,
                dont_fragment: self.dont_fragment,
                identification: self.identification,
                ..Ipv4Repr::new(source, destination, self.protocol)
            }
            .emit(out),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6Repr {
                hop_limit: self.hop_limit,
                dscp: self.dscp,
                flow_label: self.flow_label,
                ..Ipv6Repr::new(source, destination, self.protocol)
            }
            .emit(out),
            _ => Err(EmitError::BadValue {
                what: "IP version of the source",
                value: 0,
            }),
        }
    }
}
