//! What an endpoint is told, what it tells, and what it refuses.

use crate::wire::ControlPacket;
use core::time::Duration;
use packet_buffer::ParseError;

/// Times and counts of an [`Endpoint`](super::Endpoint) (RFC 1661 §4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The Restart timer. Default: 3 s.
    pub restart_timer: Duration,
    /// Configure-Requests without an answer until the peer is given up; at least 1. Default: 10.
    pub max_configure: u32,
    /// Terminate-Requests without an answer until the layer ends anyhow; at least 1. Default: 2.
    pub max_terminate: u32,
    /// Configure-Naks in a row until they become Configure-Rejects. Default: 5.
    pub max_failure: u32,
    /// Requests refused on either side, without the layer having opened, until the negotiation is
    /// given up: it does not converge. At least 1. Default: 40.
    pub max_refusals: u32,
    /// The RFC's passive option: when the peer does not answer, the layer waits for it instead of
    /// finishing. Default: false.
    pub passive: bool,
    /// The RFC's restart option: opening a layer that is stopped, stopping or open already takes it
    /// down and up again. Default: false.
    pub restart_on_open: bool,
}

impl Default for EndpointConfig {
    // RFC 1661 §4.6 MUST (configurable): the timer and the counters are settings; the defaults are
    // the RFC's.
    fn default() -> Self {
        Self {
            restart_timer: Duration::from_secs(3),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
            max_refusals: 40,
            passive: false,
            restart_on_open: false,
        }
    }
}

/// A value of [`EndpointConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct EndpointConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl EndpointConfig {
    pub(super) fn check(&self) -> Result<(), EndpointConfigError> {
        let at_least_one = [
            ("max_configure", self.max_configure),
            ("max_terminate", self.max_terminate),
            ("max_refusals", self.max_refusals),
        ];
        for (field, value) in at_least_one {
            if value == 0 {
                let problem = "must be at least 1";
                return Err(EndpointConfigError { field, problem });
            }
        }
        if self.restart_timer.is_zero() {
            return Err(EndpointConfigError {
                field: "restart_timer",
                problem: "must not be zero",
            });
        }
        Ok(())
    }
}

/// What the layers above and below are told (RFC 1661 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerEvent {
    /// This-Layer-Up: the layer is open.
    Up,
    /// This-Layer-Down: it is open no longer.
    Down,
    /// This-Layer-Started: the lower layer is needed.
    Started,
    /// This-Layer-Finished: the lower layer is not needed any more.
    Finished,
    /// The negotiation was given up because it did not converge; `Finished` follows.
    NotConverged,
}

/// Why a control packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The packet or its options cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The lower layer is down.
    #[error("the lower layer is down")]
    LowerLayerDown,
    /// The answer is for another request than the last, or the last has been answered.
    #[error("identifier {identifier} is not that of a request that waits for an answer")]
    StaleAnswer {
        /// The packet's.
        identifier: u8,
    },
    /// A Configure-Ack does not have the options of the request.
    #[error("the options of the Configure-Ack are not those of the request")]
    AckDiffers,
    /// A Configure-Reject has an option that the request does not have.
    #[error("the Configure-Reject has an option of type {kind} that the request does not have")]
    RejectDiffers {
        /// The option's type.
        kind: u8,
    },
    /// A Code-Reject does not quote a packet.
    #[error("the Code-Reject does not quote a packet")]
    EmptyCodeReject,
}

/// Counters of an [`Endpoint`](super::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointStats {
    /// Control packets handed in.
    pub received: u64,
    /// Control packets made.
    pub sent: u64,
    /// Packets or options that could not be read.
    pub malformed: u64,
    /// Packets while the lower layer was down.
    pub lower_layer_down: u64,
    /// Answers to no request that waits for one.
    pub stale_answers: u64,
    /// Acknowledgements and rejects that do not fit the request.
    pub mismatched_answers: u64,
    /// Code-Rejects that quote nothing.
    pub empty_code_rejects: u64,
    /// Requests that were sent again.
    pub retransmitted: u64,
    /// Packets that were dropped because too many waited to be sent.
    pub outbox_full: u64,
    /// Layer events that were dropped because nobody fetched them.
    pub events_lost: u64,
    /// Negotiations given up because they did not converge.
    pub not_converged: u64,
}

/// What became of a packet that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// The endpoint has dealt with it.
    Done,
    /// It has a code of the protocol's own, for the owner of the endpoint.
    Own(ControlPacket<'a>),
}
