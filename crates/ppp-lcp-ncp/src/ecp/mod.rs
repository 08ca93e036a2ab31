//! The Encryption Control Protocol (RFC 1968) and its transforms.
