//! The state of one flow, whatever its protocol.

use crate::packet::{FlowPacket, Transport};
use crate::{
    DccpFlow, GenericFlow, GenericKind, IcmpQueryFlow, Invalid, SctpFlow, TcpFlow, TcpPolicy,
    Timers, UdpFlow, Verdict,
};
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::Instant;

/// The state of one flow: a value for a flow table's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowState {
    /// A TCP connection.
    Tcp(TcpFlow),
    /// A UDP flow.
    Udp(UdpFlow),
    /// ICMP or ICMPv6 requests and their answers.
    Icmp(IcmpQueryFlow),
    /// An SCTP association's path.
    Sctp(SctpFlow),
    /// A DCCP connection.
    Dccp(DccpFlow),
    /// Anything else.
    Generic(GenericFlow),
}

impl FlowState {
    /// A flow that starts with `packet`, which goes in [`Direction::Original`].
    ///
    /// # Errors
    ///
    /// [`Invalid`], when no flow starts with such a packet. ICMP errors and later fragments belong
    /// to the flow of another packet: [`Invalid::Protocol`].
    #[inline]
    pub fn new(policy: &TcpPolicy, now: Instant, packet: &FlowPacket<'_>) -> Result<Self, Invalid> {
        Ok(match packet.transport() {
            Transport::Tcp(segment) => Self::Tcp(TcpFlow::new(policy, segment)?),
            Transport::Udp(_) => Self::Udp(UdpFlow::new(now)),
            Transport::IcmpQuery(query) => {
                Self::Icmp(IcmpQueryFlow::new(packet.key().is_ipv6(), query)?)
            }
            Transport::Sctp(sctp) => Self::Sctp(SctpFlow::new(sctp)?),
            Transport::Dccp(header) => Self::Dccp(DccpFlow::new(header)?),
            Transport::Gre(_) => Self::Generic(GenericFlow::new(GenericKind::Gre)),
            Transport::Esp { .. } | Transport::Ah { .. } => {
                Self::Generic(GenericFlow::new(GenericKind::Ipsec))
            }
            Transport::Other(_) => Self::Generic(GenericFlow::new(GenericKind::Other)),
            Transport::IcmpError(_) | Transport::IcmpOther { .. } | Transport::LaterFragment => {
                return Err(Invalid::Protocol);
            }
        })
    }

    /// Looks at the next packet of the flow, which goes in `direction`.
    #[inline]
    pub fn handle(
        &mut self,
        policy: &TcpPolicy,
        now: Instant,
        direction: Direction,
        packet: &FlowPacket<'_>,
    ) -> Verdict {
        match (self, packet.transport()) {
            (Self::Tcp(flow), Transport::Tcp(segment)) => flow.handle(policy, direction, segment),
            (Self::Udp(flow), Transport::Udp(_)) => flow.handle(now, direction),
            (Self::Icmp(flow), Transport::IcmpQuery(query)) => flow.handle(direction, query),
            (Self::Sctp(flow), Transport::Sctp(sctp)) => flow.handle(direction, sctp),
            (Self::Dccp(flow), Transport::Dccp(header)) => flow.handle(direction, header),
            (
                Self::Generic(flow),
                Transport::Gre(_)
                | Transport::Esp { .. }
                | Transport::Ah { .. }
                | Transport::Other(_),
            ) => flow.handle(direction),
            _ => Verdict::Invalid(Invalid::Protocol),
        }
    }

    /// How long the flow lives from its last accepted packet.
    #[inline]
    pub fn timeout(&self, timers: &Timers) -> Duration {
        match self {
            Self::Tcp(flow) => flow.timeout(&timers.tcp),
            Self::Udp(flow) => flow.timeout(timers),
            Self::Icmp(flow) => flow.timeout(timers),
            Self::Sctp(flow) => flow.timeout(&timers.sctp),
            Self::Dccp(flow) => flow.timeout(&timers.dccp),
            Self::Generic(flow) => flow.timeout(timers),
        }
    }

    /// Whether the other side has answered.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        match self {
            Self::Tcp(flow) => flow.is_replied(),
            Self::Udp(flow) => flow.is_replied(),
            Self::Icmp(flow) => flow.is_replied(),
            Self::Sctp(flow) => flow.is_replied(),
            Self::Dccp(flow) => flow.is_replied(),
            Self::Generic(flow) => flow.is_replied(),
        }
    }

    /// Whether the flow has shown that both ends want it: a TCP handshake was completed, packets of
    /// UDP or another protocol have gone both ways for a while. A full table gives up other flows first.
    #[inline]
    pub const fn is_assured(&self) -> bool {
        match self {
            Self::Tcp(flow) => flow.is_assured(),
            Self::Udp(flow) => flow.is_stream(),
            Self::Icmp(_) => false,
            Self::Sctp(flow) => flow.is_assured(),
            Self::Dccp(flow) => flow.is_assured(),
            Self::Generic(flow) => flow.is_replied(),
        }
    }
}
