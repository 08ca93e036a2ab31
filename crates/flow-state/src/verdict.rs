//! What a tracker says of a packet.

use thiserror::Error;

/// What is to be done with a packet of a known flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It belongs to the flow and moves it on: forward it, and put the flow's deadline to
    /// [`FlowState::timeout`](crate::FlowState::timeout) from now.
    Accept,
    /// Forward it, but the state and the deadline stay.
    Ignore,
    /// It cannot belong to the flow, whose state is unchanged (but see
    /// [`TcpPolicy::LinuxCompat`](crate::TcpPolicy::LinuxCompat)). A gateway drops it.
    Invalid(Invalid),
    /// It starts a new flow under the same key: remove this one, and treat the packet as one
    /// without a flow.
    Reopen,
    /// Forward it, and remove the flow.
    Delete,
}

/// Why a packet cannot belong to a flow, or start one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The packet is of another protocol than the flow, or not of a kind that flows have.
    #[error("the packet is of another protocol than the flow")]
    Protocol,
    /// TCP: a combination of control bits that no TCP sends.
    #[error("no TCP sends these control bits")]
    Flags,
    /// TCP: no connection starts with such a segment, and none is taken up in the middle.
    #[error("no connection starts with this segment")]
    NotSyn,
    /// The state of the flow does not allow such a packet.
    #[error("the state of the flow does not allow this packet")]
    State,
    /// TCP: the segment reaches over the receiver's window.
    #[error("the segment reaches over the window")]
    OverWindow,
    /// TCP: the segment lies left of the window.
    #[error("the segment lies left of the window")]
    UnderWindow,
    /// TCP: it acknowledges data that was not sent.
    #[error("the segment acknowledges data that was not sent")]
    AckOfUnsent,
    /// TCP: it acknowledges too old data.
    #[error("the segment acknowledges too old data")]
    AckTooOld,
    /// TCP: a RST that is not within the window.
    #[error("the RST is not within the window")]
    RstOutOfWindow,
    /// ICMP: an answer without a request, or a request in the answer's direction.
    #[error("no request was sent for this answer")]
    NoRequest,
    /// SCTP: the verification tag is not the association's.
    #[error("the verification tag is not the association's")]
    VerificationTag,
    /// SCTP: the chunks cannot be read, or may not stand together.
    #[error("the chunks cannot be read")]
    Chunks,
    /// DCCP: the packet type is none that starts a connection, or reserved.
    #[error("the packet type is not allowed here")]
    PacketType,
}
