//! Translation that has IPv6 on a side: NAT64 (RFC 6146) and prefixes for prefixes (NPTv6, RFC 6296).

use super::{Cause, Gateway, Outcome, Transit};
use core::net::IpAddr;
use nat::nat64::{Nat64, Nat64Side, Nat64Verdict};
use nat::nptv6::{Nptv6, Nptv6Discard, Nptv6Verdict};
use nat::{Instant, PacketBuf, Side};
use packet_buffer::wire::IpPacket;

impl Gateway {
    /// Has IPv6 hosts inside reach IPv4 hosts outside.
    pub fn set_nat64(&mut self, nat64: Option<Nat64>) {
        self.nat64 = nat64;
    }

    /// The translator between IPv6 and IPv4.
    pub const fn nat64(&self) -> Option<&Nat64> {
        self.nat64.as_ref()
    }

    /// The translator between IPv6 and IPv4, to be polled for events.
    pub const fn nat64_mut(&mut self) -> Option<&mut Nat64> {
        self.nat64.as_mut()
    }

    /// Takes the translator between IPv6 and IPv4 out, with its sessions.
    pub const fn take_nat64(&mut self) -> Option<Nat64> {
        self.nat64.take()
    }

    /// Has IPv6 hosts inside appear under another prefix outside.
    pub const fn set_nptv6(&mut self, nptv6: Option<Nptv6>) {
        self.nptv6 = nptv6;
    }

    /// A packet that goes from one version of IP to the other, if it is one.
    ///
    /// The translator counts the hop and answers for itself; the firewall sees the IPv6 packet, in both directions.
    pub(super) fn across_versions(&mut self, now: Instant, transit: &Transit) -> Option<Outcome> {
        let config = self.nat64.as_ref()?.config();
        let ip = IpPacket::parse(transit.original.as_slice()).ok()?;
        let ingress = transit.ingress;
        let side = self.config.interfaces.get(ingress)?.side;
        let (from, next) = match (ip.destination(), side) {
            (IpAddr::V6(to), Side::Inside) if config.pref64.contains(to) => {
                let next = config.pref64.extract(to).map(IpAddr::V4);
                (Nat64Side::V6, next)
            }
            (IpAddr::V4(to), Side::Outside) if config.pool.contains(&to) => (Nat64Side::V4, None),
            _ => return None,
        };
        let mut packet = transit.original.clone();
        if let Some(next) = next {
            let Some(egress) = self.interface_to(next) else {
                self.error(now, transit, super::errors::Problem::NoRoute);
                return Some(Outcome::Refused(Cause::NoRoute));
            };
            let refusal = (!self.config.firewall_outside)
                .then(|| self.filter(now, transit, Some(egress), &mut packet))
                .flatten();
            if refusal.is_some() {
                return refusal;
            }
        }
        match self.nat64.as_mut()?.process(now, from, &mut packet) {
            Nat64Verdict::Forward { to, .. } => {
                Some(self.send_across(now, transit, from, to, packet))
            }
            Nat64Verdict::NotForUs => None,
            Nat64Verdict::Held => Some(Outcome::Held),
            Nat64Verdict::Drop(reason) => Some(Outcome::Dropped(Cause::Nat64(reason))),
        }
    }

    /// Sends a packet whose version has changed.
    fn send_across(
        &mut self,
        now: Instant,
        transit: &Transit,
        from: Nat64Side,
        to: Nat64Side,
        mut packet: PacketBuf,
    ) -> Outcome {
        let next = IpPacket::parse(packet.as_slice()).map(|ip| ip.destination());
        let Some(egress) = next.ok().and_then(|next| self.interface_to(next)) else {
            return Outcome::Dropped(Cause::NoRoute);
        };
        if from == Nat64Side::V4
            && to == Nat64Side::V6
            && !self.config.firewall_outside
            && let Some(outcome) = self.filter(now, transit, Some(egress), &mut packet)
        {
            return outcome;
        }
        self.push(egress, packet);
        Outcome::Forwarded(egress)
    }

    /// Translates the prefix of an IPv6 packet from outside; whether it goes on.
    pub(super) fn prefix_inbound(&self, ingress: usize, packet: &mut PacketBuf) -> bool {
        let Some(nptv6) = self.nptv6.filter(|_| self.is_outside(ingress)) else {
            return true;
        };
        let Ok(IpPacket::V6(ip)) = IpPacket::parse(packet.as_slice()) else {
            return true;
        };
        // The inside is reached by its outside addresses alone, and none of it is outside.
        let internal = nptv6.internal();
        if internal.contains(ip.destination()) || internal.contains(ip.source()) {
            return false;
        }
        let is_for_others =
            !nptv6.external().contains(ip.destination()) || self.is_own(ip.destination().into());
        is_for_others || nptv6.process_inbound(packet.as_mut_slice()).is_ok()
    }

    /// Translates the prefix of an IPv6 packet from inside that goes outside.
    pub(super) fn prefix_outbound(
        &mut self,
        now: Instant,
        transit: &Transit,
        packet: &mut PacketBuf,
    ) -> Result<Nptv6Verdict, Outcome> {
        let is_v6 = matches!(IpPacket::parse(packet.as_slice()), Ok(IpPacket::V6(_)));
        let Some(nptv6) = self.nptv6.filter(|_| is_v6) else {
            return Ok(Nptv6Verdict::Translated);
        };
        match nptv6.process_outbound(packet.as_mut_slice()) {
            Ok(verdict) => Ok(verdict),
            // RFC 6296 §3.5: what cannot be translated is answered.
            Err(Nptv6Discard::Unmappable) => {
                self.error(now, transit, super::errors::Problem::NoRoute);
                Err(Outcome::Refused(Cause::Prefix))
            }
            Err(_) => Err(Outcome::Dropped(Cause::Prefix)),
        }
    }

    /// A packet from inside to an outside address of the inside.
    pub(super) fn turn_back(
        &mut self,
        now: Instant,
        transit: &Transit,
        mut packet: PacketBuf,
    ) -> Outcome {
        let is_own =
            IpPacket::parse(packet.as_slice()).is_ok_and(|ip| self.is_own(ip.destination()));
        if is_own {
            return self.local(now, transit);
        }
        match self.prefix_outbound(now, transit, &mut packet) {
            Ok(_) => match self.next_hop(now, transit, &packet) {
                Ok(egress) => self.send(now, egress, packet, transit.largest_fragment),
                Err(outcome) => outcome,
            },
            Err(outcome) => outcome,
        }
    }

    /// Whether an address of the inside is reached by an outside prefix.
    pub(super) fn is_prefixed(&self, address: IpAddr) -> bool {
        match (self.nptv6, address) {
            (Some(nptv6), IpAddr::V6(address)) => nptv6.external().contains(address),
            _ => false,
        }
    }

    /// Whether a source is one that NAT64 or NPTv6 has put there.
    pub(super) fn is_changed(&self, source: IpAddr) -> bool {
        let pool = self.nat64.as_ref().map(|nat64| &nat64.config().pool);
        let pref64 = self.nat64.as_ref().map(|nat64| nat64.config().pref64);
        self.is_prefixed(source)
            || match source {
                IpAddr::V4(v4) => pool.is_some_and(|pool| pool.contains(&v4)),
                IpAddr::V6(v6) => pref64.is_some_and(|pref64| pref64.contains(v6)),
            }
    }

    pub(super) fn is_outside(&self, interface: usize) -> bool {
        let interface = self.config.interfaces.get(interface);
        interface.is_some_and(|interface| interface.side == Side::Outside)
    }
}
