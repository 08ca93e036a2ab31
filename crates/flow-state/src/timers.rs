//! How long a flow lives without packets.

use core::time::Duration;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lifetimes of TCP connections, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpTimers {
    /// After the SYN, or both SYNs of a simultaneous open.
    pub syn_sent: Duration,
    /// After SYN and ACK.
    pub syn_received: Duration,
    /// Open and idle.
    pub established: Duration,
    /// After the first FIN.
    pub fin_wait: Duration,
    /// After the first FIN was acknowledged.
    pub close_wait: Duration,
    /// After both FINs.
    pub last_ack: Duration,
    /// After the last FIN was acknowledged.
    pub time_wait: Duration,
    /// After a RST.
    pub closed: Duration,
    /// At most this, once a segment was repeated as often as the policy has it.
    pub retransmission: Duration,
    /// At most this, while data is not acknowledged, or a window is closed, or only one side of a
    /// connection taken up in the middle has been seen.
    pub unacknowledged: Duration,
}

/// Lifetimes of SCTP associations, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SctpTimers {
    /// Before the INIT is answered, and after ABORT.
    pub closed: Duration,
    /// After INIT or INIT ACK.
    pub cookie_wait: Duration,
    /// After COOKIE ECHO.
    pub cookie_echoed: Duration,
    /// Open and idle.
    pub established: Duration,
    /// After SHUTDOWN, and after SHUTDOWN ACK.
    pub shutdown: Duration,
    /// A path that only heartbeats have used.
    pub heartbeat: Duration,
}

/// Lifetimes of DCCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DccpTimers {
    /// After the request and after the response.
    pub opening: Duration,
    /// Open and idle.
    pub open: Duration,
    /// After Close, CloseReq or Reset.
    pub closing: Duration,
}

/// Lifetimes of flows of every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timers {
    /// TCP.
    pub tcp: TcpTimers,
    /// UDP, while one side has not answered, or the flow is younger than
    /// [`UdpFlow::STREAM_AGE`](crate::UdpFlow::STREAM_AGE).
    pub udp: Duration,
    /// UDP, when packets go both ways for longer.
    pub udp_stream: Duration,
    /// ICMP queries.
    pub icmp: Duration,
    /// ICMPv6 queries.
    pub icmpv6: Duration,
    /// SCTP.
    pub sctp: SctpTimers,
    /// DCCP.
    pub dccp: DccpTimers,
    /// GRE, while one side has not answered.
    pub gre: Duration,
    /// GRE, when packets go both ways.
    pub gre_stream: Duration,
    /// ESP and AH.
    pub ipsec: Duration,
    /// Any other protocol.
    pub generic: Duration,
}

impl Timers {
    /// What the RFCs ask of address translators: TCP 2 h 4 min and transitory 4 min (RFC 5382 §5),
    /// UDP 5 min (RFC 4787 §4.3), ICMP queries 60 s (RFC 5508 §3.2). Where no RFC sets a value, that
    /// of the nearest protocol.
    pub const fn rfc() -> Self {
        // RFC 5382 §5: established at least 2 h 4 min, transitory at least 4 min.
        let (established, transitory) = (secs(7440), secs(240));
        Self {
            tcp: TcpTimers {
                syn_sent: transitory,
                syn_received: transitory,
                established,
                fin_wait: transitory,
                close_wait: transitory,
                last_ack: transitory,
                time_wait: transitory,
                closed: transitory,
                retransmission: established,
                unacknowledged: established,
            },
            udp: secs(300),
            udp_stream: secs(300),
            icmp: secs(60),
            icmpv6: secs(60),
            sctp: SctpTimers {
                closed: transitory,
                cookie_wait: transitory,
                cookie_echoed: transitory,
                established,
                shutdown: transitory,
                heartbeat: transitory,
            },
            // RFC 5597 §4 REQ-5 and REQ-6: DCCP's are TCP's.
            dccp: DccpTimers {
                opening: transitory,
                open: established,
                closing: transitory,
            },
            gre: secs(300),
            gre_stream: secs(300),
            ipsec: secs(300),
            generic: secs(300),
        }
    }

    /// The defaults of Linux.
    pub const fn linux() -> Self {
        Self {
            tcp: TcpTimers {
                syn_sent: secs(120),
                syn_received: secs(60),
                established: secs(432_000),
                fin_wait: secs(120),
                close_wait: secs(60),
                last_ack: secs(30),
                time_wait: secs(120),
                closed: secs(10),
                retransmission: secs(300),
                unacknowledged: secs(300),
            },
            udp: secs(30),
            udp_stream: secs(120),
            icmp: secs(30),
            icmpv6: secs(30),
            sctp: SctpTimers {
                closed: secs(10),
                cookie_wait: secs(3),
                cookie_echoed: secs(3),
                established: secs(210),
                shutdown: secs(3),
                heartbeat: secs(30),
            },
            dccp: DccpTimers {
                opening: secs(240),
                open: secs(43_200),
                closing: secs(64),
            },
            gre: secs(30),
            gre_stream: secs(180),
            ipsec: secs(600),
            generic: secs(600),
        }
    }

    /// A managed gateway of a cloud: everything that is idle ends after 350 s, opening and closing TCP
    /// connections after 60 s.
    pub const fn cloud_gateway() -> Self {
        let (idle, transitory) = (secs(350), secs(60));
        Self {
            tcp: TcpTimers {
                syn_sent: transitory,
                syn_received: transitory,
                established: idle,
                fin_wait: transitory,
                close_wait: transitory,
                last_ack: transitory,
                time_wait: transitory,
                closed: transitory,
                retransmission: idle,
                unacknowledged: idle,
            },
            udp: idle,
            udp_stream: idle,
            icmp: idle,
            icmpv6: idle,
            sctp: SctpTimers {
                closed: transitory,
                cookie_wait: transitory,
                cookie_echoed: transitory,
                established: idle,
                shutdown: transitory,
                heartbeat: idle,
            },
            dccp: DccpTimers {
                opening: transitory,
                open: idle,
                closing: transitory,
            },
            gre: idle,
            gre_stream: idle,
            ipsec: idle,
            generic: idle,
        }
    }
}

/// [`Timers::rfc`].
impl Default for Timers {
    fn default() -> Self {
        Self::rfc()
    }
}
