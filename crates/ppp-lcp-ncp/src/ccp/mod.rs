//! The Compression Control Protocol (RFC 1962), its compressors, and MPPE (RFC 3078).
