//! What a message asks for or tells.

packet_buffer::code_points! {
    /// The command field, the first octet of every message (RFC 2453 §3.6, RFC 2080 §2.1).
    pub struct Command(u8) {
        /// Asks for all or part of a routing table.
        REQUEST = 1 => "request",
        /// Carries all or part of a routing table.
        RESPONSE = 2 => "response",
        /// Obsolete: turns tracing on (RFC 1058 §3.1). Ignored.
        TRACE_ON = 3 => "traceon",
        /// Obsolete: turns tracing off (RFC 1058 §3.1). Ignored.
        TRACE_OFF = 4 => "traceoff",
        /// Reserved for Sun Microsystems, used by its tools to ask for a table. Ignored.
        POLL = 5 => "poll",
        /// Not documented by any RFC, beside [`POLL`](Self::POLL). Ignored.
        POLL_ENTRY = 6 => "poll entry",
        /// Demand circuits: asks for the whole table, until it is acknowledged (RFC 2091 §3).
        UPDATE_REQUEST = 9 => "update request",
        /// Demand circuits: carries routes, which are acknowledged (RFC 2091 §3).
        UPDATE_RESPONSE = 10 => "update response",
        /// Demand circuits: acknowledges an update response (RFC 2091 §3).
        UPDATE_ACKNOWLEDGE = 11 => "update acknowledge",
    }
}

impl Command {
    /// Whether the message has an [`UpdateHeader`](super::UpdateHeader) behind its header
    /// (RFC 2091 §3.1).
    #[inline]
    pub const fn has_update_header(self) -> bool {
        matches!(
            self,
            Self::UPDATE_REQUEST | Self::UPDATE_RESPONSE | Self::UPDATE_ACKNOWLEDGE
        )
    }
}
