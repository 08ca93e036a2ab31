//! The states of a connection, and the table of what each segment does to them.

use core::fmt;
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

/// Where a connection stands, as its segments tell.
///
/// The names are those of RFC 9293 §3.3.2 where a state of the end hosts corresponds; the tracker
/// sees both ends at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    /// The opener has sent a SYN.
    SynSent,
    /// Both sides have sent a SYN and none has acknowledged the other's: simultaneous open
    /// (RFC 9293 §3.5).
    SynSent2,
    /// The other side has answered with SYN and ACK.
    SynReceived,
    /// The opener has acknowledged that, or the connection was taken up in the middle.
    Established,
    /// One side has sent a FIN.
    FinWait,
    /// The FIN has been acknowledged, or something was sent after it.
    CloseWait,
    /// Both sides have sent a FIN.
    LastAck,
    /// The last FIN has been acknowledged.
    TimeWait,
    /// A valid RST has been seen.
    Closed,
}

impl TcpState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::SynSent,
        Self::SynSent2,
        Self::SynReceived,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Closed,
    ];

    /// Whether the three-way handshake is not complete yet.
    #[inline]
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::SynSent | Self::SynSent2 | Self::SynReceived)
    }

    /// Whether a FIN or a valid RST has been seen.
    #[inline]
    pub const fn is_closing(self) -> bool {
        !self.is_opening() && !matches!(self, Self::Established)
    }
}

/// `SYN_SENT` and so on, as kernels and their tools print it.
impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SynSent => "SYN_SENT",
            Self::SynSent2 => "SYN_SENT2",
            Self::SynReceived => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Closed => "CLOSE",
        })
    }
}

/// What a segment is, by its control bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// FIN with ACK.
    Fin,
    /// ACK alone.
    Ack,
    /// RST, with or without ACK.
    Rst,
}

impl SegmentKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Fin, Self::Ack, Self::Rst];

    /// The kind of a segment; `None` for control bits that no TCP sends: none at all, FIN without
    /// ACK, SYN with FIN or RST, and other combinations that only probes have. PSH, ECE, CWR and
    /// reserved bits do not count; URG may accompany SYN, FIN with ACK, and ACK.
    #[inline]
    pub const fn of(flags: TcpFlags) -> Option<Self> {
        const FIN: u16 = TcpFlags::FIN.0;
        const SYN: u16 = TcpFlags::SYN.0;
        const RST: u16 = TcpFlags::RST.0;
        const ACK: u16 = TcpFlags::ACK.0;
        const URG: u16 = TcpFlags::URG.0;
        const SYN_ACK: u16 = SYN | ACK;
        const SYN_URG: u16 = SYN | URG;
        const RST_ACK: u16 = RST | ACK;
        const FIN_ACK: u16 = FIN | ACK;
        const FIN_ACK_URG: u16 = FIN | ACK | URG;
        const ACK_URG: u16 = ACK | URG;
        match flags.0 & (FIN | SYN | RST | ACK | URG) {
            SYN | SYN_URG => Some(Self::Syn),
            SYN_ACK => Some(Self::SynAck),
            FIN_ACK | FIN_ACK_URG => Some(Self::Fin),
            ACK | ACK_URG => Some(Self::Ack),
            RST | RST_ACK => Some(Self::Rst),
            _ => None,
        }
    }
}

/// What a segment of some kind does in some state, before its numbers are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The connection is in this state, if the numbers are right.
    To(TcpState),
    /// The segment passes and changes nothing: a receiver may answer it, and that answer tells.
    Ignore,
    /// The connection is established if both sides opened it, since then either side's ACK may come
    /// first; else nothing changes but the windows.
    EstablishedIfSimultaneous,
    /// The segment starts a new connection with the same addresses and ports.
    Reopen,
    /// As [`Reopen`](Self::Reopen), if a FIN has been seen or the last segment was the sender's own
    /// RST, and as [`Ignore`](Self::Ignore) if not.
    ReopenIfEnded,
    /// The segment cannot be.
    Invalid,
}

/// The transition table.
///
/// The opener's packets go in [`Direction::Original`].
#[inline]
pub const fn step(state: TcpState, direction: Direction, kind: SegmentKind) -> Step {
    use Direction::{Original, Reply};
    use TcpState as S;
    match kind {
        SegmentKind::Syn => match (state, direction) {
            (S::SynSent, Original) => Step::To(S::SynSent),
            // RFC 9293 §3.5: both SYNs may cross.
            (S::SynSent, Reply) => Step::To(S::SynSent2),
            (S::SynSent2, _) => Step::To(S::SynSent2),
            // RFC 5961 §4.2 MUST: a SYN in a synchronized state makes the receiver send a challenge
            // ACK, whatever its number; the connection is not touched.
            (
                S::SynReceived | S::Established | S::FinWait | S::CloseWait | S::LastAck,
                Original,
            ) => Step::Ignore,
            (S::TimeWait, _) => Step::Reopen,
            (S::Closed, Original) => Step::ReopenIfEnded,
            (
                S::SynReceived
                | S::Established
                | S::FinWait
                | S::CloseWait
                | S::LastAck
                | S::Closed,
                Reply,
            ) => Step::Invalid,
        },
        SegmentKind::SynAck => match (state, direction) {
            // RFC 9293 §3.5: of a simultaneous open, both sides answer with SYN and ACK.
            (S::SynSent, Reply) | (S::SynSent2, _) | (S::SynReceived, Original) => {
                Step::To(S::SynReceived)
            }
            (_, Reply) => Step::Ignore,
            (_, Original) => Step::Invalid,
        },
        SegmentKind::Ack => match (state, direction) {
            (S::SynSent | S::SynSent2, Original) => Step::Invalid,
            (S::SynSent | S::SynSent2, Reply) => Step::Ignore,
            (S::SynReceived, Original) => Step::To(S::Established),
            (S::SynReceived, Reply) => Step::EstablishedIfSimultaneous,
            (S::Established, _) => Step::To(S::Established),
            (S::FinWait | S::CloseWait, _) => Step::To(S::CloseWait),
            (S::LastAck | S::TimeWait, _) => Step::To(S::TimeWait),
            (S::Closed, _) => Step::To(S::Closed),
        },
        SegmentKind::Fin => match state {
            S::SynSent | S::SynSent2 => Step::Invalid,
            S::SynReceived | S::Established => Step::To(S::FinWait),
            S::FinWait | S::CloseWait => Step::To(S::LastAck),
            S::LastAck => Step::To(S::LastAck),
            S::TimeWait => Step::To(S::TimeWait),
            S::Closed => Step::To(S::Closed),
        },
        SegmentKind::Rst => Step::To(S::Closed),
    }
}
