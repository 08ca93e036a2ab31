//! TFTP (RFC 1350): the server answers from a port of its own choice.

use super::LIFETIME;
use super::segment::Parts;
use crate::config::Side;
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect};
use alloc::vec::Vec;
use flow_state::application::tftp::{PORT, Request};
use flow_table::{Direction, FlowId};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};

/// Lets the server's answers in, from whichever of its ports.
#[derive(Debug)]
pub struct Tftp {
    ports: Vec<u16>,
}

impl Tftp {
    /// For requests to port 69.
    pub fn new() -> Self {
        Self::with_ports(Vec::from([PORT]))
    }

    /// For requests to these ports of servers, and no others.
    pub const fn with_ports(ports: Vec<u16>) -> Self {
        Self { ports }
    }
}

impl Default for Tftp {
    fn default() -> Self {
        Self::new()
    }
}

impl Alg for Tftp {
    fn name(&self) -> &'static str {
        "TFTP"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.original.protocol() == IpProtocol::UDP.0
            && self.ports.contains(&session.reply.source_port())
    }

    fn handle(
        &mut self,
        _now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let session = *context.session();
        let is_request =
            context.direction() == Direction::Original && session.initiator == Side::Inside;
        if is_request
            && let Some(parts) = Parts::of(packet.as_slice())
            && Request::parse(parts.payload_of(packet.as_slice())).is_ok()
        {
            // RFC 1350 §4: the answer goes to the port that the request came from. Without an
            // expectation it meets the filter, and the request is still good for a server that
            // answers from its own port.
            let _ = context.expect(&Expect {
                protocol: IpProtocol::UDP,
                inside_port: session.inside().port,
                peer: Some(session.reply.source()),
                peer_port: None,
                lifetime: LIFETIME,
                outside_port: Some(session.outside().port),
            });
        }
        AlgVerdict::Pass
    }

    fn closed(&mut self, _id: FlowId) {}
}
