//! Control packets and their options, read and written.
