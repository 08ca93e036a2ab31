//! Writing probes so that all of a flow look alike to routers that share load.

use super::config::{FlowPolicy, ProbeKind, TracerouteConfig};
use super::key;
use super::window::Probe;
use crate::probe::{IpHeader, pseudo_header};
use byteorder::{ByteOrder, NetworkEndian};
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv6Repr, IpProtocol, PseudoHeader, TcpFlags, TcpRepr, UdpRepr,
};
use packet_buffer::{PacketBuf, RandomSource};

/// Octets of data in a UDP probe that make its checksum come out as the key.
pub(super) const COMPENSATOR: usize = 2;
/// The least port that is drawn: the first of the dynamic ones (RFC 6335 §6).
const FIRST_DYNAMIC_PORT: u16 = 49_152;
/// Flows that differ by one port each when all probes vary.
const VARIED_FLOWS: u32 = 16_384;

/// What all probes of a trace have in common.
#[derive(Debug, Clone)]
pub(super) struct Template {
    config: TracerouteConfig,
    source_port: u16,
    destination_port: u16,
    flow_label: u32,
    /// What identifier and sequence number of an echo request add up to.
    echo_sum: u16,
    pub(super) token: u64,
}

impl Template {
    pub(super) fn new(config: &TracerouteConfig, random: &mut dyn RandomSource) -> Self {
        let dynamic_ports = u32::from(u16::MAX - FIRST_DYNAMIC_PORT) + 1;
        let port = u16::try_from(random.below(dynamic_ports)).unwrap_or(0);
        let default_port = match config.kind {
            ProbeKind::Tcp => 80,
            ProbeKind::Udp | ProbeKind::Icmp => 33_434,
        };
        Self {
            source_port: config.source_port.unwrap_or(FIRST_DYNAMIC_PORT + port),
            destination_port: config.destination_port.unwrap_or(default_port),
            flow_label: config
                .flow_label
                .unwrap_or_else(|| random.next_u32() & 0x000f_ffff),
            echo_sum: random.next_u16(),
            token: random.next_u64(),
            config: config.clone(),
        }
    }

    pub(super) const fn kind(&self) -> ProbeKind {
        self.config.kind
    }

    pub(super) const fn config(&self) -> &TracerouteConfig {
        &self.config
    }

    /// The flow of a probe.
    pub(super) fn flow(&self, serial: u32, number: u32) -> u16 {
        let flow = match self.config.flows {
            FlowPolicy::Stable => 0,
            FlowPolicy::Spread(flows) => number.wrapping_sub(1) % u32::from(flows.max(1)),
            FlowPolicy::Vary => serial % VARIED_FLOWS,
        };
        u16::try_from(flow).unwrap_or(0)
    }

    /// Source and destination port of a flow.
    pub(super) fn ports(&self, flow: u16) -> (u16, u16) {
        let (source, destination) = (self.source_port, self.destination_port);
        match (self.config.flows, self.config.kind) {
            // The first traceroute counts the destination port up.
            (FlowPolicy::Vary, ProbeKind::Udp) => (source, destination.wrapping_add(flow)),
            _ => (source.wrapping_add(flow), destination),
        }
    }

    /// The identifier of an echo request.
    pub(super) fn identifier(&self, flow: u16, key: u16) -> u16 {
        key::sub(key::add(self.echo_sum, flow), key)
    }

    /// Octets of the IP header.
    const fn ip_header(&self) -> usize {
        if self.config.destination.is_ipv4() {
            20
        } else {
            40
        }
    }

    /// Octets that headers need, and a UDP probe's data.
    pub(super) const fn least_size(&self) -> usize {
        self.ip_header()
            + match self.config.kind {
                ProbeKind::Udp => 8 + COMPENSATOR,
                ProbeKind::Icmp => 8,
                ProbeKind::Tcp => 20,
            }
    }

    /// Octets behind the transport header of a probe of `size` octets.
    pub(super) fn data_len(&self, size: u16) -> usize {
        let headers = self.ip_header()
            + match self.config.kind {
                ProbeKind::Udp | ProbeKind::Icmp => 8,
                ProbeKind::Tcp => 20,
            };
        usize::from(size).saturating_sub(headers)
    }

    /// The sequence number of a TCP probe.
    pub(super) fn tcp_sequence(key: u16, nonce: u16) -> u32 {
        u32::from(key) << 16 | u32::from(nonce)
    }

    /// Writes a probe into `out`.
    pub(super) fn write(&self, probe: &Probe, key: u16, out: &mut PacketBuf) -> Option<()> {
        let (source, destination) = (self.config.source, self.config.destination);
        let addresses = pseudo_header(source, destination)?;
        let data = out.append(self.data_len(probe.size));
        let token_at = match self.config.kind {
            ProbeKind::Udp => COMPENSATOR,
            ProbeKind::Icmp | ProbeKind::Tcp => 0,
        };
        for (octet, token) in data.iter_mut().skip(token_at).zip(self.token.to_be_bytes()) {
            *octet = token;
        }
        let protocol = match self.config.kind {
            ProbeKind::Udp => self.write_udp(probe, key, &addresses, out)?,
            ProbeKind::Icmp => self.write_echo(probe, key, &addresses, out)?,
            ProbeKind::Tcp => self.write_syn(probe, key, &addresses, out)?,
        };
        let label = match self.config.flows {
            FlowPolicy::Stable => self.flow_label,
            _ => (self.flow_label + u32::from(probe.flow)) & 0x000f_ffff,
        };
        let header = IpHeader {
            source,
            destination,
            protocol,
            hop_limit: probe.ttl,
            dscp: self.config.dscp,
            // RFC 1191 §3 MUST (df): probes for the path MTU must not be fragmented.
            dont_fragment: self.config.dont_fragment || self.config.mtu_discovery,
            identification: key,
            flow_label: label,
        };
        header.emit(out).ok()
    }

    fn write_udp(
        &self,
        probe: &Probe,
        key: u16,
        addresses: &PseudoHeader,
        out: &mut PacketBuf,
    ) -> Option<IpProtocol> {
        let (source_port, destination_port) = self.ports(probe.flow);
        let udp = UdpRepr {
            source_port,
            destination_port,
        };
        udp.emit(out, addresses).ok()?;
        // With the compensator zero, the sum of all else is the complement of the checksum. The
        // compensator adds what makes it the complement of the key.
        let datagram = out.as_mut_slice();
        let head = datagram.first_chunk_mut::<10>()?;
        let [_, _, _, _, _, _, checksum @ .., _, _] = head;
        let compensator = key::add(NetworkEndian::read_u16(checksum), !key);
        NetworkEndian::write_u16(checksum, key);
        let [.., high, low] = head;
        [*high, *low] = compensator.to_be_bytes();
        Some(IpProtocol::UDP)
    }

    fn write_echo(
        &self,
        probe: &Probe,
        key: u16,
        addresses: &PseudoHeader,
        out: &mut PacketBuf,
    ) -> Option<IpProtocol> {
        let (identifier, sequence_number) = (self.identifier(probe.flow, key), key);
        match addresses {
            PseudoHeader::V4 { .. } => {
                let echo = Icmpv4Repr::EchoRequest {
                    identifier,
                    sequence_number,
                };
                echo.emit(out).ok()?;
                Some(IpProtocol::ICMP)
            }
            PseudoHeader::V6 { .. } => {
                let echo = Icmpv6Repr::EchoRequest {
                    identifier,
                    sequence_number,
                };
                echo.emit(out, addresses).ok()?;
                Some(IpProtocol::ICMPV6)
            }
        }
    }

    fn write_syn(
        &self,
        probe: &Probe,
        key: u16,
        addresses: &PseudoHeader,
        out: &mut PacketBuf,
    ) -> Option<IpProtocol> {
        let (source_port, destination_port) = self.ports(probe.flow);
        let syn = TcpRepr {
            source_port,
            destination_port,
            sequence_number: Self::tcp_sequence(key, probe.nonce),
            flags: TcpFlags::SYN,
            window: 64_240,
            ..TcpRepr::default()
        };
        syn.emit(out, addresses).ok()?;
        Some(IpProtocol::TCP)
    }
}
