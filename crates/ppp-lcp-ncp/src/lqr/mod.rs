//! Link quality monitoring (RFC 1989).
