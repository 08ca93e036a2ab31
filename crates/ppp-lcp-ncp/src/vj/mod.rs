//! Van Jacobson TCP/IP header compression (RFC 1144).
