//! HDLC-like framing for asynchronous links (RFC 1662): flags, escapes, frame check sequences.
