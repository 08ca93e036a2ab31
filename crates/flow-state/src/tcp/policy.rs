//! How exact a segment must be.

/// What a tracker does with segments that do not fit the connection's windows.
///
/// | | `Strict` | `LinuxCompat` | `Loose` |
/// |---|---|---|---|
/// | segment reaches over the window | invalid | passes by up to one window of the receiver, and changes no state | passes |
/// | segment lies left of the window | invalid | passes, and changes no state | passes |
/// | acknowledges data never sent | invalid | invalid | passes |
/// | acknowledges too old data | invalid | passes, and changes no state | passes |
/// | RST left of what the receiver has acknowledged | invalid | invalid (`ignore_invalid_rst`) | passes |
/// | RST within the window but not exact | passes, connection lives on | same, for 10 s unless more comes | ends the connection |
/// | any RST after a FIN or a RST | as before it | ends the connection | ends the connection |
/// | mid-stream start | invalid | `loose` | taken up |
/// | an invalid segment | changes nothing | may change what is known of its sender | changes nothing |
///
/// The window rules are those of G. van Rooij, "Real stateful TCP packet filtering in IP Filter"
/// (2001); the exactness of RSTs follows RFC 5961 §3.2. `LinuxCompat` is what Linux has done since
/// version 6.1, packet by packet. Where that is less than the RFCs ask for, it is so here:
///
/// - A SYN-ACK that is refused for its acknowledgment (RFC 9293 §3.10.7.3 has it discarded) says all the same where its
///   sender is, and so does the first segment of any side.
/// - A RST that is refused, or a FIN, counts as the last segment of a live connection.
/// - While nothing was acknowledged, or behind a SYN that was let through, a RST may end a connection without the number
///   that RFC 5961 §3.2 asks for.
///
/// For gateways that are to be safe and not the same, there is `Strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpPolicy {
    /// The published window rules, and connections from their start only.
    Strict,
    /// What the Linux kernel's tracker does.
    LinuxCompat {
        /// Segments out of the window pass (RSTs apart).
        be_liberal: bool,
        /// Connections whose start was not seen are taken up in the middle.
        loose: bool,
        /// RSTs left of the window pass without ending the connection, where they are invalid
        /// otherwise.
        ignore_invalid_rst: bool,
        /// Repetitions of one segment after which the timer is cut
        /// ([`TcpTimers::retransmission`](crate::TcpTimers::retransmission)).
        max_retrans: u8,
    },
    /// States only, no windows; connections are taken up in the middle. For paths where the gateway
    /// sees one direction or loses segments.
    Loose,
}

impl TcpPolicy {
    /// `LinuxCompat` with the kernel's default settings.
    pub const fn linux() -> Self {
        Self::LinuxCompat {
            be_liberal: false,
            loose: true,
            ignore_invalid_rst: false,
            max_retrans: 3,
        }
    }

    /// Whether connections are taken up in the middle.
    pub const fn picks_up(&self) -> bool {
        match self {
            Self::Strict => false,
            Self::LinuxCompat { loose, .. } => *loose,
            Self::Loose => true,
        }
    }

    /// Repetitions of one segment after which the timer is cut.
    pub(crate) const fn max_retrans(&self) -> u8 {
        match self {
            Self::LinuxCompat { max_retrans, .. } => *max_retrans,
            Self::Strict | Self::Loose => 3,
        }
    }

    /// Whether segments out of the window pass.
    pub(super) const fn is_liberal(&self) -> bool {
        match self {
            Self::LinuxCompat { be_liberal, .. } => *be_liberal,
            Self::Strict => false,
            Self::Loose => true,
        }
    }

    pub(super) const fn is_linux(&self) -> bool {
        matches!(self, Self::LinuxCompat { .. })
    }

    pub(super) const fn ignores_invalid_rst(&self) -> bool {
        match self {
            Self::LinuxCompat {
                ignore_invalid_rst, ..
            } => *ignore_invalid_rst,
            Self::Strict => false,
            Self::Loose => true,
        }
    }
}
