//! Interface identifiers: the low 64 bits of unicast addresses.

use core::fmt;
use core::net::Ipv6Addr;
use hmac::{Hmac, KeyInit as _, Mac as _};
use packet_buffer::RandomSource;
use packet_buffer::wire::{Ipv6Prefix, MacAddr};
use sha2::Sha256;
use zeroize::Zeroize as _;

/// The low 64 bits of a unicast address (RFC 4291 §2.5.1, RFC 7136).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceIdentifier(u64);

impl InterfaceIdentifier {
    /// The identifier of these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The identifier of an address.
    pub const fn of(address: Ipv6Addr) -> Self {
        let [.., a, b, c, d, e, f, g, h] = address.octets();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Modified EUI-64 of an Ethernet address: ff:fe in the middle, the universal/local bit turned
    /// over (RFC 2464 §4, RFC 4291 appendix A).
    ///
    /// ```
    /// use icmp_nd::address::InterfaceIdentifier;
    /// use packet_buffer::wire::MacAddr;
    ///
    /// let identifier = InterfaceIdentifier::eui64(MacAddr([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]));
    /// assert_eq!(identifier.to_bits(), 0x3656_78ff_fe9a_bcde);
    /// ```
    // RFC 2464 §4 MUST (eui64): ff-fe goes between the halves, and the U/L bit is complemented.
    pub const fn eui64(link_layer: MacAddr) -> Self {
        let [a, b, c, d, e, f] = link_layer.0;
        Self(u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]))
    }

    /// A random identifier that is not reserved (RFC 8981 §3.3.1).
    // RFC 8981 §3.3.1 MUST (reserved): an identifier that is reserved is drawn again.
    pub fn random(random: &mut dyn RandomSource) -> Self {
        // Fewer than one of 2^39 is reserved: more than two draws mean that the source is broken,
        // and then no number of draws would help.
        for _ in 0..8 {
            let identifier = Self(random.next_u64());
            if !identifier.is_reserved() {
                return identifier;
            }
        }
        Self(0x0000_0000_0000_0001)
    }

    /// Whether the identifier must not be generated: the subnet-router anycast address, those of
    /// IANA's Ethernet block, the reserved subnet anycast addresses (RFC 5453 and its registry).
    // RFC 5453 §3 MUST: reserved identifiers are not used for autoconfigured addresses.
    pub const fn is_reserved(self) -> bool {
        matches!(
            self.0,
            0 | 0x0200_5eff_fe00_0000..=0x0200_5eff_feff_ffff
                | 0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff
        )
    }

    /// The address with this identifier in a prefix of 64 bits; `None` for other lengths.
    pub const fn in_prefix(self, prefix: Ipv6Prefix) -> Option<Ipv6Addr> {
        if prefix.length() != 64 {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        let identifier = u128::from_be_bytes([0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]);
        Some(Ipv6Addr::from_bits(prefix.network().to_bits() | identifier))
    }
}

/// Four groups of four hexadecimal digits.
impl fmt::Display for InterfaceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0.to_be_bytes();
        write!(
            f,
            "{a:02x}{b:02x}:{c:02x}{d:02x}:{e:02x}{g:02x}:{h:02x}{i:02x}"
        )
    }
}

impl fmt::Debug for InterfaceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secret that stable opaque identifiers are computed with (RFC 7217 §5).
///
/// Whoever knows it can foretell a host's address in any network. It stays the same over restarts, or
/// the identifiers do not; keeping it is the caller's. It is overwritten when dropped, and `Debug`
/// does not show it.
// RFC 7217 §5 MUST (key): the key has at least 128 bits; this one has 256.
#[derive(Clone)]
pub struct StableKey([u8; 32]);

impl StableKey {
    /// The key of these octets, which are uniformly random.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// A new key.
    pub fn generate(random: &mut dyn RandomSource) -> Self {
        let mut octets = [0; 32];
        random.fill(&mut octets);
        let key = Self(octets);
        octets.zeroize();
        key
    }
}

impl Drop for StableKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for StableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StableKey(..)")
    }
}

/// What a stable identifier depends on beside the key (RFC 7217 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StableInput<'a> {
    /// The prefix: that of the advertisement, or fe80::/64.
    pub prefix: Ipv6Prefix,
    /// Net_Iface: what names the interface, the same after a restart.
    pub interface: &'a [u8],
    /// Network_ID: what names the attached network, such as an SSID; may be empty.
    pub network_id: &'a [u8],
    /// DAD_Counter: how many identifiers were duplicates before.
    pub dad_counter: u8,
}

/// A stable identifier, and the counter it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StableIdentifier {
    /// The identifier.
    pub identifier: InterfaceIdentifier,
    /// DAD_Counter: what was asked for, or more where that gave a reserved identifier.
    pub dad_counter: u8,
}

impl InterfaceIdentifier {
    /// The stable, semantically opaque identifier of RFC 7217: the low 64 bits of HMAC-SHA-256 over
    /// the input.
    ///
    /// What is hashed: the 16 octets of the prefix and its length (1), the length of Net_Iface (8,
    /// big endian) and Net_Iface, the length of Network_ID (8) and Network_ID, DAD_Counter (1). The
    /// lengths keep two different inputs from being the same octets.
    // RFC 7217 §5 MUST (prf): F is a pseudorandom function of prefix, interface, network, counter and key.
    pub fn stable(key: &StableKey, input: &StableInput<'_>) -> StableIdentifier {
        let mut dad_counter = input.dad_counter;
        loop {
            let identifier = Self::stable_once(key, input, dad_counter);
            // RFC 7217 §5 MUST (reserved): a reserved identifier is passed over with the next counter.
            if !identifier.is_reserved() || dad_counter == u8::MAX {
                return StableIdentifier {
                    identifier,
                    dad_counter,
                };
            }
            dad_counter += 1;
        }
    }

    fn stable_once(key: &StableKey, input: &StableInput<'_>, dad_counter: u8) -> Self {
        // A key shorter than the block is padded with zeroes (RFC 2104 §2); a whole block cannot be
        // refused.
        let mut block = [0; 64];
        let (start, _) = block.split_at_mut(32);
        start.copy_from_slice(&key.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        mac.update(&input.prefix.network().octets());
        mac.update(&[input.prefix.length()]);
        for part in [input.interface, input.network_id] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.update(&[dad_counter]);
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let [.., a, b, c, d, e, f, g, h] = digest;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}
