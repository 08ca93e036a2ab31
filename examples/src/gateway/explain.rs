//! What would become of a packet, and why.

use super::filter::RoutesById;
use super::{Cause, Gateway};
use nat::Side;
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::Explanation;

/// What would become of a packet.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The interface that is next; `None` when the packet is for the gateway.
    pub egress: Option<usize>,
    /// The packet as the firewall sees it, which stands inside of the translator.
    pub packet: PacketBuf,
    /// What the firewall says, and why.
    pub explanation: Explanation,
}

impl Gateway {
    /// Says which rule of the firewall decides about a packet. The translator makes a mapping for
    /// it where it would for the packet itself, so this is for a gateway without traffic.
    ///
    /// # Errors
    ///
    /// When the packet would be dropped before the firewall is asked.
    pub fn explain(
        &mut self,
        now: Instant,
        ingress: usize,
        octets: &[u8],
    ) -> Result<Explained, Cause> {
        let interface = self.config.interfaces.get(ingress).ok_or(Cause::NoRoute)?;
        let side = interface.side;
        let ip = IpPacket::parse(octets).map_err(|_| Cause::Header)?;
        self.check_source(&ip, ingress)?;
        self.check_destination(&ip)?;
        let mut packet = PacketBuf::from(octets);
        let mut is_local = self.is_own(ip.destination());
        if let (Side::Outside, IpPacket::V4(_), Some(nat)) = (side, &ip, &mut self.nat) {
            match nat.process(now, side, &mut packet) {
                nat::Verdict::Forward { .. } => is_local = false,
                nat::Verdict::Drop(reason) => return Err(Cause::Nat(reason)),
                nat::Verdict::Local | nat::Verdict::Held => is_local = true,
            }
        }
        let destination = IpPacket::parse(packet.as_slice())
            .map_err(|_| Cause::Header)?
            .destination();
        let egress = if is_local {
            None
        } else {
            Some(self.interface_to(destination).ok_or(Cause::NoRoute)?)
        };
        let routes = RoutesById(&self.config.routes, &self.interface_ids);
        let path = Self::path(
            &self.config,
            &self.interface_ids,
            Some(&routes),
            (ingress, egress),
            &packet,
        );
        let firewall = self.firewall.as_ref().ok_or(Cause::NoService)?;
        let explanation = firewall.explain(now, &path, packet.as_slice());
        Ok(Explained {
            egress,
            packet,
            explanation,
        })
    }
}
