//! The states of a TCP session (RFC 6146 §3.5.2.2).

/// What the translator has seen of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpState {
    /// A SYN came from the IPv4 side.
    V4Init,
    /// A SYN came from the IPv6 side.
    V6Init,
    /// SYNs came from both sides.
    Established,
    /// A FIN came from the IPv4 side.
    V4FinRcv,
    /// A FIN came from the IPv6 side.
    V6FinRcv,
    /// FINs came from both sides.
    V4FinV6FinRcv,
    /// A RST came, or nothing for a long time.
    Trans,
}

/// What happens to a TCP session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpEvent {
    /// A segment with SYN from the IPv6 side.
    V6Syn,
    /// A segment with SYN from the IPv4 side.
    V4Syn,
    /// A segment with FIN from the IPv6 side.
    V6Fin,
    /// A segment with FIN from the IPv4 side.
    V4Fin,
    /// A segment with RST, from either side.
    Rst,
    /// Any other segment, from either side.
    Other,
    /// The session's lifetime has run out.
    Timeout,
}

/// How a session's lifetime is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpLifetime {
    /// It is left to run.
    Keep,
    /// TCP_EST.
    Established,
    /// TCP_TRANS.
    Transitory,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpStep {
    /// The next state; `None` when the session is deleted.
    pub next: Option<TcpState>,
    /// How the lifetime is set.
    pub lifetime: TcpLifetime,
    /// Whether a probe goes to the hosts, to learn whether they still hold the connection.
    pub probe: bool,
}

/// The transition table of RFC 6146 §3.5.2.2 for sessions that exist.
// RFC 6146 §3.5.2.2 MUST (table): states, lifetimes and probes are those of the table.
pub const fn step(state: TcpState, event: TcpEvent) -> TcpStep {
    use TcpEvent as E;
    use TcpLifetime as L;
    use TcpState as S;
    let (next, lifetime, probe) = match (state, event) {
        (S::V4Init, E::V6Syn) | (S::V6Init, E::V4Syn) => {
            (Some(S::Established), L::Established, false)
        }
        (S::V4Init, E::V4Syn) | (S::V6Init, E::V6Syn) => (Some(state), L::Transitory, false),
        (S::V4Init | S::V6Init, E::Timeout) => (None, L::Keep, false),
        (S::V4Init | S::V6Init, _) => (Some(state), L::Keep, false),

        (S::Established, E::V4Fin) => (Some(S::V4FinRcv), L::Keep, false),
        (S::Established, E::V6Fin) => (Some(S::V6FinRcv), L::Keep, false),
        (S::Established, E::Rst) => (Some(S::Trans), L::Transitory, false),
        (S::Established, E::Timeout) => (Some(S::Trans), L::Transitory, true),
        (S::Established, _) => (Some(state), L::Established, false),

        (S::V4FinRcv, E::V6Fin) | (S::V6FinRcv, E::V4Fin) => {
            (Some(S::V4FinV6FinRcv), L::Transitory, false)
        }
        (S::V4FinRcv | S::V6FinRcv, E::Timeout) => (None, L::Keep, false),
        (S::V4FinRcv | S::V6FinRcv, _) => (Some(state), L::Established, false),

        (S::V4FinV6FinRcv, E::Timeout) => (None, L::Keep, false),
        (S::V4FinV6FinRcv, _) => (Some(state), L::Keep, false),

        (S::Trans, E::Timeout) => (None, L::Keep, false),
        (S::Trans, E::Rst) => (Some(state), L::Keep, false),
        (S::Trans, _) => (Some(S::Established), L::Established, false),
    };
    TcpStep {
        next,
        lifetime,
        probe,
    }
}
