//! Addresses that a packet cannot come from, or that it cannot go to.

use super::{Cause, Gateway};
use core::net::{IpAddr, Ipv4Addr};
use packet_buffer::wire::IpPacket;

impl Gateway {
    /// RFC 1812 §5.3.7: martian sources, the gateway's own addresses, broadcasts of attached networks;
    /// and the reverse path (RFC 3704 §2.2).
    pub(super) fn check_source(&self, ip: &IpPacket<'_>, ingress: usize) -> Result<(), Cause> {
        let source = ip.source();
        let is_martian = match source {
            IpAddr::V4(v4) => is_no_host(v4) || self.is_broadcast(v4),
            IpAddr::V6(v6) => {
                v6.is_multicast()
                    || v6.is_loopback()
                    || v6.to_ipv4_mapped().is_some()
                    // Only duplicate address detection comes from nowhere, and never through a router.
                    || v6.is_unspecified()
            }
        };
        if is_martian || self.is_own(source) {
            return Err(Cause::Source);
        }
        if self.config.interfaces[ingress].reverse_path
            && self.interface_to(source) != Some(ingress)
        {
            return Err(Cause::Source);
        }
        Ok(())
    }

    /// What is for many hosts is not forwarded.
    pub(super) fn check_destination(&self, ip: &IpPacket<'_>) -> Result<(), Cause> {
        let is_for_many = match ip.destination() {
            IpAddr::V4(v4) => is_no_host(v4) || self.is_broadcast(v4),
            IpAddr::V6(v6) => v6.is_multicast() || v6.is_loopback() || v6.is_unspecified(),
        };
        if is_for_many {
            return Err(Cause::Destination);
        }
        Ok(())
    }

    /// Whether an address is the broadcast of an attached network (RFC 919 §7).
    fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        self.config
            .interfaces
            .iter()
            .flat_map(|interface| &interface.networks)
            .any(|network| network.length() < 31 && network.last() == address)
    }
}

/// Loopback, "this network", multicast and what is reserved above it.
const fn is_no_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first == 0 || first == 127 || first >= 224
}
