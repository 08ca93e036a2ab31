//! Networks by class, for what RIP-1 leaves unsaid (RFC 1058 §3.2, RFC 2453 §3.7).

use core::net::Ipv4Addr;
use packet_buffer::wire::Ipv4Prefix;

/// The network of class A, B or C in which `address` lies; `None` for network 0 and for classes D
/// and E, which have none.
///
/// ```
/// use rip::wire::classful::network;
///
/// let of = |text: &str| network(text.parse().unwrap()).map(|prefix| prefix.to_string());
/// assert_eq!(of("10.1.2.3").as_deref(), Some("10.0.0.0/8"));
/// assert_eq!(of("172.16.1.1").as_deref(), Some("172.16.0.0/16"));
/// assert_eq!(of("192.0.2.1").as_deref(), Some("192.0.2.0/24"));
/// assert_eq!(of("224.0.0.9"), None);
/// ```
#[inline]
pub const fn network(address: Ipv4Addr) -> Option<Ipv4Prefix> {
    let length = match address.octets()[0] {
        1..=127 => 8,
        128..=191 => 16,
        192..=223 => 24,
        _ => return None,
    };
    Ipv4Prefix::new(address, length)
}

/// What an address without a mask stands for (RFC 2453 §3.7).
///
/// `subnet` is the network that the receiving interface has in the address's class network, if
/// it has one there; its mask is then taken for that of the whole network.
///
/// * 0.0.0.0 is the default route.
/// * The number of the class network is that network.
/// * Within a known subnet mask, an address without host bits is a subnet.
/// * Every other address is a host.
///
/// `None` for addresses that have no class network.
#[inline]
pub fn infer(address: Ipv4Addr, subnet: Option<Ipv4Prefix>) -> Option<Ipv4Prefix> {
    if address.is_unspecified() {
        return Some(Ipv4Prefix::ALL);
    }
    let network = network(address)?;
    // RFC 2453 §3.7: with net 128.6 cut by 255.255.255.0, 128.6.0.0 is the network.
    if network.network() == address {
        return Some(network);
    }
    subnet
        .filter(|subnet| network.covers(subnet))
        .and_then(|subnet| Ipv4Prefix::exact(address, subnet.length()))
        .or(Some(Ipv4Prefix::host(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(address: &str, subnet: &str) -> Option<Ipv4Prefix> {
        infer(address.parse().unwrap(), subnet.parse().ok())
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 2453 §3.7, with net 128.6 and the mask 255.255.255.0.
        let subnet = "128.6.9.0/24";
        assert_eq!(inferred("128.6.0.0", subnet), "128.6.0.0/16".parse().ok());
        assert_eq!(inferred("128.6.4.0", subnet), "128.6.4.0/24".parse().ok());
        assert_eq!(inferred("128.6.4.1", subnet), "128.6.4.1/32".parse().ok());
        // Without a mask for that network, what is not its number is a host.
        assert_eq!(inferred("128.6.4.0", ""), "128.6.4.0/32".parse().ok());
        assert_eq!(inferred("128.7.4.0", subnet), "128.7.4.0/32".parse().ok());
        assert_eq!(inferred("128.7.0.0", subnet), "128.7.0.0/16".parse().ok());
    }

    #[test]
    fn default_and_addresses_without_a_class() {
        assert_eq!(inferred("0.0.0.0", "10.0.0.0/8"), Some(Ipv4Prefix::ALL));
        assert_eq!(inferred("0.0.0.1", ""), None);
        assert_eq!(inferred("240.0.0.1", ""), None);
        // A supernet around the class network tells nothing about its subnets.
        let host = "192.0.2.128/32".parse().ok();
        assert_eq!(inferred("192.0.2.128", "192.0.0.0/16"), host);
    }
}
