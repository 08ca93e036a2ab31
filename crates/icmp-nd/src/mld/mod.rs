//! The listener side of Multicast Listener Discovery (RFC 2710, RFC 3810).
