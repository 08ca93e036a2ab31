//! Packets made by hand, from `packets.txt`.

/// Name and octets of each packet. The part of a name before the slash says with which header the
/// octets start.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    testkit::named_packets(include_str!("packets.txt"))
}
