//! The messages, read and written.
