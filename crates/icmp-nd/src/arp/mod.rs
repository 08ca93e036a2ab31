//! ARP for IPv4: resolution and conflict detection (RFC 826, RFC 5227).
