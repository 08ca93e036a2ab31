//! The checksum of SCTP, which a change of ports takes computing anew: it is no sum.

/// The polynomial of CRC32c, its bits reversed (RFC 9260 appendix A).
const POLYNOMIAL: u32 = 0x82f6_3b78;

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would say so"
)]
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut octet = 0u32;
    while octet < 256 {
        let mut crc = octet;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[octet as usize] = crc;
        octet += 1;
    }
    table
};

fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    !octets.fold(!0, |crc, octet| {
        let index = usize::from(crc.to_le_bytes()[0] ^ octet);
        TABLE.get(index).copied().unwrap_or(0) ^ crc >> 8
    })
}

/// The checksum of an SCTP packet, as the octets that it has on the wire.
fn checksum(packet: &[u8]) -> [u8; 4] {
    let octets = packet.iter().enumerate().map(|(at, octet)| match at {
        8..12 => 0,
        _ => *octet,
    });
    crc32c(octets).to_le_bytes()
}

/// Whether the checksum of an SCTP packet is right.
pub(crate) fn is_valid(packet: &[u8]) -> bool {
    packet.get(8..12) == Some(&checksum(packet))
}

/// Computes the checksum of an SCTP packet and writes it.
pub(crate) fn write_checksum(packet: &mut [u8]) {
    let checksum = checksum(packet);
    if let Some(field) = packet.get_mut(8..12) {
        field.copy_from_slice(&checksum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogues() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
    }

    #[test]
    fn a_written_checksum_is_valid() {
        let mut packet = [7u8; 32];
        assert!(!is_valid(&packet));
        write_checksum(&mut packet);
        assert!(is_valid(&packet));
        packet[31] ^= 1;
        assert!(!is_valid(&packet));
        assert!(!is_valid(&packet[..11]));
    }
}
