//! Names, addresses and interfaces, as the system has them.

use anyhow::{Context, Result};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::net::{ToSocketAddrs, UdpSocket};

/// The address of a host, of one version if that is asked for. The zone of a link-local address
/// (`fe80::1%eth0`) is kept.
///
/// # Errors
///
/// When there is none.
pub fn resolve(host: &str, ipv4: bool, ipv6: bool) -> Result<SocketAddr> {
    let addresses = (host, 0)
        .to_socket_addrs()
        .with_context(|| format!("{host}: no such host"))?;
    addresses
        .into_iter()
        .find(|address| !(ipv4 && address.is_ipv6() || ipv6 && address.is_ipv4()))
        .with_context(|| {
            let version = if ipv4 { "IPv4" } else { "IPv6" };
            format!("{host} has no {version} address")
        })
}

/// The address that the system would send from.
///
/// # Errors
///
/// When there is no route.
pub fn source_for(destination: SocketAddr) -> Result<IpAddr> {
    let any: SocketAddr = if destination.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let mut destination = destination;
    // Nothing is sent: a connected UDP socket has had its route looked up.
    destination.set_port(33_434);
    let socket = UdpSocket::bind(any)?;
    socket
        .connect(destination)
        .with_context(|| format!("no route to {}", destination.ip()))?;
    Ok(socket.local_addr()?.ip())
}

/// The MTU of the interface that has an address; `None` where the system does not tell.
pub fn interface_mtu(source: IpAddr) -> Option<usize> {
    let interfaces = nix::ifaddrs::getifaddrs().ok()?;
    let mut has_address = interfaces.filter(|interface| {
        interface.address.as_ref().is_some_and(|address| {
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| IpAddr::from(it.ip()));
            v4.or(v6) == Some(source)
        })
    });
    let name = has_address.next()?.interface_name;
    let mtu = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?;
    mtu.trim().parse().ok()
}
