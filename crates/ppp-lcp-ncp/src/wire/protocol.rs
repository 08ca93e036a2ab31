//! Protocol numbers.

packet_buffer::code_points! {
    /// What the information field of a packet holds (RFC 1661 §2).
    pub struct PppProtocol(u16) {
        /// IPv4 (RFC 1332).
        IPV4 = 0x0021 => "IPv4",
        /// TCP/IP with a compressed header (RFC 1332 §4).
        VJ_COMPRESSED = 0x002d => "Van Jacobson compressed TCP/IP",
        /// TCP/IP with a header that a compressed one will refer to (RFC 1332 §4).
        VJ_UNCOMPRESSED = 0x002f => "Van Jacobson uncompressed TCP/IP",
        /// A fragment of a multilink bundle (RFC 1990 §3).
        MULTILINK = 0x003d => "Multilink",
        /// Encrypted (RFC 1968 §4).
        ENCRYPTED = 0x0053 => "encrypted",
        /// Encrypted on a link of a bundle (RFC 1968 §4).
        LINK_ENCRYPTED = 0x0055 => "encrypted below the bundle",
        /// IPv6 (RFC 5072 §3).
        IPV6 = 0x0057 => "IPv6",
        /// Compressed on a link of a bundle (RFC 1962 §2).
        LINK_COMPRESSED = 0x00fb => "compressed below the bundle",
        /// Compressed (RFC 1962 §2).
        COMPRESSED = 0x00fd => "compressed",
        /// Internet Protocol Control Protocol (RFC 1332).
        IPCP = 0x8021 => "IPCP",
        /// Encryption Control Protocol (RFC 1968).
        ECP = 0x8053 => "ECP",
        /// Encryption Control Protocol on a link of a bundle (RFC 1968).
        LINK_ECP = 0x8055 => "ECP below the bundle",
        /// IPv6 Control Protocol (RFC 5072).
        IPV6CP = 0x8057 => "IPV6CP",
        /// Compression Control Protocol on a link of a bundle (RFC 1962).
        LINK_CCP = 0x80fb => "CCP below the bundle",
        /// Compression Control Protocol (RFC 1962).
        CCP = 0x80fd => "CCP",
        /// Link Control Protocol (RFC 1661).
        LCP = 0xc021 => "LCP",
        /// Password Authentication Protocol (RFC 1334).
        PAP = 0xc023 => "PAP",
        /// Link Quality Report (RFC 1989).
        LQR = 0xc025 => "LQR",
        /// Challenge Handshake Authentication Protocol (RFC 1994).
        CHAP = 0xc223 => "CHAP",
        /// Extensible Authentication Protocol (RFC 3748).
        EAP = 0xc227 => "EAP",
    }
}

impl PppProtocol {
    /// Whether the number can be one: the lowest bit of the low octet is one, that of the high octet
    /// is zero.
    // RFC 1661 §2 MUST (protocol-bits): numbers are odd, and the least significant bit of the first
    // octet is 0.
    pub const fn is_valid(self) -> bool {
        self.0 & 0x0101 == 0x0001
    }

    /// Whether the number may be sent as one octet (RFC 1661 §6.5).
    pub const fn is_compressible(self) -> bool {
        self.0 <= 0xff
    }

    /// Whether packets of it belong to the network-layer phase: data, and network control
    /// protocols. The others set up, authenticate and watch the link.
    pub const fn is_network_phase(self) -> bool {
        self.0 < 0xc000
    }
}
