//! Multilink bundles (RFC 1990).
