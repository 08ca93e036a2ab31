//! The phases of a link as one machine (RFC 1661 §3).
