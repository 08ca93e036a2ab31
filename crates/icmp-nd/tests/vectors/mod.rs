//! Packets made by hand, from `packets.txt`.

/// Name and octets of each packet. All start with the IP header.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    testkit::named_packets(include_str!("packets.txt"))
}
