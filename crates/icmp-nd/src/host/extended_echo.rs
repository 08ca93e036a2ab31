//! Questions about interfaces (RFC 8335), for hosts that are told whom to answer.

use super::machine::Host;
use super::receive::Way;
use super::report::Discard;
use crate::neighbor::State;
use crate::query::{
    InterfaceState, Refusal, ResponderContext, ResponderPolicy, respond_ipv4, respond_ipv6,
};
use crate::wire::{ExtendedEchoState, InterfaceAddress, InterfaceIdentification};
use core::net::IpAddr;
use packet_buffer::wire::{Icmpv4Type, Icmpv6Type, IpPacket};
use packet_buffer::{Instant, PacketBuf};

/// The number of MAC addresses among address families.
const AFI_MAC_48: u16 = 16_389;

impl Host {
    /// Answers when the policy of the configuration lets this source ask that.
    // RFC 8335 §4 MUST (discard): what is not explicitly enabled is silently discarded.
    pub(super) fn answer_extended_echo(
        &mut self,
        now: Instant,
        ip: &IpPacket<'_>,
        way: &Way,
    ) -> Result<(), Discard> {
        let message_type = match ip {
            IpPacket::V4(_) => Icmpv4Type::EXTENDED_ECHO_REQUEST.0,
            IpPacket::V6(_) => Icmpv6Type::EXTENDED_ECHO_REQUEST.0,
        };
        let policy = ResponderPolicy {
            echo: false,
            timestamp: false,
            extended_echo: self.config.extended_echo.clone(),
            ..ResponderPolicy::default()
        };
        let mut packet = self.take_buffer();
        let written = self.write_extended_echo(&policy, ip, way, &mut packet);
        let result = match written {
            Ok(()) if self.transmit(now, &mut packet, false).is_ok() => Ok(()),
            Ok(()) => Err(Discard::NoAnswer),
            Err(Refusal::Malformed(error)) => Err(error.into()),
            Err(_) => Err(Discard::NotAnswered(message_type)),
        };
        self.give_back(packet);
        result?;
        self.stats.extended_echo_replies += 1;
        Ok(())
    }

    fn write_extended_echo(
        &self,
        policy: &ResponderPolicy,
        ip: &IpPacket<'_>,
        way: &Way,
        out: &mut PacketBuf,
    ) -> Result<(), Refusal> {
        let find = |asked: &InterfaceIdentification<'_>, local| self.find_interface(asked, local);
        let context = ResponderContext {
            interfaces: Some(&find),
            ..ResponderContext::default()
        };
        match ip {
            IpPacket::V4(ip) => respond_ipv4(policy, ip.as_slice(), &way.arrival, &context, out),
            IpPacket::V6(ip) => respond_ipv6(policy, ip.as_slice(), &way.arrival, &context, out),
        }
    }

    /// The host's one interface has addresses, and neither name nor index that it knows of.
    fn find_interface(&self, asked: &InterfaceIdentification<'_>, local: bool) -> InterfaceState {
        let InterfaceIdentification::Address(address) = asked else {
            return InterfaceState::Unknown;
        };
        if local {
            let is_ours = match *address {
                InterfaceAddress::Ip(address) => self.is_own(address),
                InterfaceAddress::Other { family, octets } => {
                    family == AFI_MAC_48 && octets == self.nd.link_address().0
                }
            };
            return match is_ours {
                true => InterfaceState::Local {
                    active: true,
                    ipv4: self.arp.addresses().iter().any(|own| own.is_assigned()),
                    ipv6: self.nd.addresses().iter().any(|own| own.is_usable()),
                },
                false => InterfaceState::Unknown,
            };
        }
        let state = match *address {
            InterfaceAddress::Ip(IpAddr::V4(address)) => self.arp.neighbors().get(address),
            InterfaceAddress::Ip(IpAddr::V6(address)) => self.nd.neighbors().get(address),
            InterfaceAddress::Other { .. } => None,
        };
        state.map_or(InterfaceState::Unknown, |neighbor| {
            InterfaceState::Neighbor(match neighbor.state() {
                State::Incomplete => ExtendedEchoState::INCOMPLETE,
                State::Reachable => ExtendedEchoState::REACHABLE,
                State::Stale => ExtendedEchoState::STALE,
                State::Delay => ExtendedEchoState::DELAY,
                State::Probe => ExtendedEchoState::PROBE,
            })
        })
    }
}
