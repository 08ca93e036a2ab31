//! The Link Control Protocol (RFC 1661 §5, RFC 1570).
