//! The option negotiation automaton (RFC 1661 §4).
//!
//! [`step`] is the table of RFC 1661 §4.1 as one pure function. An [`Endpoint`] is one end of a
//! control protocol: it runs the table, with identifiers, the Restart timer and the counters, for
//! the options of a [`Negotiation`], which says what is asked for and what is accepted. A
//! [`TransformProtocol`] is an endpoint with what packets go through, as it was agreed on.

mod endpoint;
mod event;
mod negotiation;
mod receive;
mod step;
mod transforms;

pub use endpoint::Endpoint;
pub use event::{
    Discard, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Received,
};
pub use negotiation::{Judgement, Negotiation, Offer};
pub use step::{Actions, Event, State, step};
pub use transforms::{TransformProtocol, Transforms};
