//! Router discovery for IPv4 (RFC 1256), host and router.
