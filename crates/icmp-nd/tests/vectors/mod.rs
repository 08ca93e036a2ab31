//! Packets made by hand, from `packets.txt`.

/// Name and octets of each packet. All start with the IP header.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut packets: Vec<(&str, String)> = Vec::new();
    for line in include_str!("packets.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("  ") {
            None => packets.push((line, String::new())),
            Some(digits) => {
                let (_, text) = packets.last_mut().expect("a name stands before the octets");
                text.extend(digits.split(' '));
            }
        }
    }
    packets
        .into_iter()
        .map(|(name, text)| (name, hex::decode(text).expect("hexadecimal digits")))
        .collect()
}
