//! Packets that no session and no rule needs to be asked about.

use super::config::FirewallConfig;
use super::verdict::{DropReason, Path};
use crate::compile::CompiledInterface;
use crate::model::ReversePath;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use flow_state::FlowPacket;
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv4Packet, Ipv4Prefix, Ipv6Extension, Ipv6Packet, Ipv6Prefix,
};

/// IPv4 option types of source routes (RFC 791 §3.1).
const SOURCE_ROUTES: [u8; 2] = [131, 137];

/// Checks the IP header.
#[inline(always)]
pub(super) fn header(config: &FirewallConfig, packet: &FlowPacket<'_>) -> Result<(), DropReason> {
    match packet.ip() {
        IpPacket::V4(ip) => ipv4(config, ip),
        IpPacket::V6(ip) => ipv6(ip),
    }
}

#[inline(always)]
fn ipv4(config: &FirewallConfig, ip: &Ipv4Packet<'_>) -> Result<(), DropReason> {
    let (source, destination) = (ip.source(), ip.destination());
    if ip.header_len() > Ipv4Packet::MIN_HEADER_LEN {
        ipv4_options(config, ip)?;
    }
    if source == destination {
        return Err(DropReason::Land);
    }
    let [first, ..] = source.octets();
    // RFC 1122 §3.2.1.3: neither multicast, nor broadcast, nor loopback is a source on a network.
    if first >= 224 || first == 127 || (first == 0 && !source.is_unspecified()) {
        return Err(DropReason::Martian(source.into()));
    }
    if destination.octets().first() == Some(&127) {
        return Err(DropReason::Martian(destination.into()));
    }
    Ok(())
}

#[inline(never)]
fn ipv4_options(config: &FirewallConfig, ip: &Ipv4Packet<'_>) -> Result<(), DropReason> {
    // RFC 7126 §4.3: source routes are dropped whatever is said of other options.
    for option in ip.options().iter() {
        if SOURCE_ROUTES.contains(&option.kind) {
            return Err(DropReason::SourceRoute);
        }
    }
    if config.ip_options {
        Ok(())
    } else {
        Err(DropReason::Options)
    }
}

#[inline(never)]
fn ipv6(ip: &Ipv6Packet<'_>) -> Result<(), DropReason> {
    let (source, destination) = (ip.source(), ip.destination());
    if ip.next_header().is_ipv6_extension() && ip.next_header() != IpProtocol::FRAGMENT {
        let extensions = ip
            .extensions()
            .map_err(|error| DropReason::Malformed(error.into()))?;
        for extension in extensions.iter() {
            if let (_, Ipv6Extension::Routing(routing)) = extension
                // RFC 5095 §3 MUST (type-0): with segments left it is not processed.
                && routing.routing_type == 0
                && routing.segments_left > 0
            {
                return Err(DropReason::SourceRoute);
            }
        }
    }
    if source == destination {
        return Err(DropReason::Land);
    }
    // RFC 4942 §2.2: mapped addresses do not occur on the wire; a table may use them as its own.
    let is_martian =
        |address: Ipv6Addr| address.is_loopback() || address.to_ipv4_mapped().is_some();
    if source.is_multicast() || is_martian(source) {
        return Err(DropReason::Martian(source.into()));
    }
    if is_martian(destination) {
        return Err(DropReason::Martian(destination.into()));
    }
    Ok(())
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Prefix {
    match Ipv4Prefix::exact(Ipv4Addr::new(a, b, c, d), length) {
        Some(prefix) => prefix,
        None => Ipv4Prefix::ALL,
    }
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Prefix {
    match Ipv6Prefix::exact(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length) {
        Some(prefix) => prefix,
        None => Ipv6Prefix::ALL,
    }
}

/// IPv4 addresses that do not occur on the Internet as a source (RFC 6890, IANA special-purpose
/// registry).
const BOGONS_V4: [Ipv4Prefix; 14] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The part of IPv6 from which addresses are given out.
const GLOBAL_V6: Ipv6Prefix = v6(0x2000, 0, 3);
/// Documentation (RFC 3849, RFC 9637), ORCHIDv2's predecessor (RFC 4843), 6to4 of private space is
/// not looked into.
const BOGONS_V6: [Ipv6Prefix; 3] = [
    v6(0x2001, 0x0db8, 32),
    v6(0x3fff, 0, 20),
    v6(0x2001, 0x0010, 28),
];

/// Whether an address does not occur on the Internet. Link-local IPv6 and multicast do occur on the
/// link to it, and are not bogons there.
pub(super) fn is_bogon(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => BOGONS_V4.iter().any(|prefix| prefix.contains(address)),
        IpAddr::V6(address) => {
            let on_link = address.is_unicast_link_local() || address.is_unspecified();
            !on_link
                && (!GLOBAL_V6.contains(address)
                    || BOGONS_V6.iter().any(|prefix| prefix.contains(address)))
        }
    }
}

/// Checks the source of a packet against what the interface that it came in by may carry.
#[inline]
pub(super) fn source(
    interface: &CompiledInterface,
    path: &Path<'_>,
    packet: &FlowPacket<'_>,
) -> Result<(), DropReason> {
    if !interface.bogons && path.routes.is_none() {
        return Ok(());
    }
    source_of(interface, path, packet)
}

#[inline(never)]
fn source_of(
    interface: &CompiledInterface,
    path: &Path<'_>,
    packet: &FlowPacket<'_>,
) -> Result<(), DropReason> {
    let source = packet.key().source();
    if interface.bogons && is_bogon(source) {
        return Err(DropReason::Bogon(source));
    }
    let Some(routes) = path.routes else {
        return Ok(());
    };
    let passes = match interface.reverse_path {
        ReversePath::Off => true,
        // RFC 3704 §2.4 MUST (loose): a route there is.
        ReversePath::Loose => routes.interface_to(source).is_some(),
        // RFC 3704 §2.2 MUST (strict): the same way back.
        ReversePath::Strict => routes.interface_to(source) == path.ingress,
    };
    if passes || is_unspecified(source) {
        Ok(())
    } else {
        Err(DropReason::ReversePath(source))
    }
}

/// Hosts that have no address yet send from this one, to the link only.
const fn is_unspecified(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_unspecified(),
        IpAddr::V6(address) => address.is_unspecified() || address.is_unicast_link_local(),
    }
}
