//! RIPng.

use core::net::Ipv6Addr;

use packet_buffer::wire::Ipv6Prefix;
use packet_buffer::{Instant, PacketBuf};

use super::discard::Discard;
use super::interface::Interface;
use super::io::Received;
use super::protocol::{Announced, Form, Header, Heard, Incoming, Protocol, Writer};
use crate::auth::AuthEvent;
use crate::config::{ConfigError, InterfaceConfig, Ipv6Switches};
use crate::family::{Family as _, Ipv6};
use crate::rib::INFINITY;
use crate::wire::{
    Command, EntryError, RIPNG_VERSION, RipngEntryRepr, RipngMessage, RipngMessageRepr, datagram,
    ripng_entries_for_mtu,
};

fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

impl Protocol for Ipv6 {
    /// RIPng leaves authentication to IPsec (RFC 2080 §4).
    type State = ();
    type Message<'a> = RipngMessage<'a>;

    #[inline]
    fn key(address: Ipv6Addr) -> u128 {
        address.to_bits()
    }

    fn state(_: &InterfaceConfig<Self>) {}

    fn update_state((): &mut (), _: &InterfaceConfig<Self>) {}

    fn check_switches(_: &Ipv6Switches) -> Result<(), ConfigError> {
        Ok(())
    }

    fn send_version(interface: &Interface<Self>) -> Option<u8> {
        interface.config.switches.send.then_some(RIPNG_VERSION)
    }

    fn targets(interface: &Interface<Self>) -> impl Iterator<Item = (Ipv6Addr, Ipv6Addr)> {
        // RFC 2080 §2.5.2 MUST (source): what is sent comes from a link-local address.
        interface
            .link_local()
            .into_iter()
            .map(|source| (source, Ipv6::GROUP))
    }

    fn source_for(interface: &Interface<Self>, address: Ipv6Addr) -> Option<Ipv6Addr> {
        if is_link_local(address) {
            return interface.link_local();
        }
        // RFC 2080 §2.4.1 MUST (source-of-answer): a monitor's request may be answered from a
        // global address.
        interface
            .networks()
            .find(|(own, network)| network.contains(address) && *own != address)
            .map(|(own, _)| own)
    }

    fn is_global(address: Ipv6Addr) -> bool {
        !is_link_local(address)
    }

    // RFC 2080 §2.4.2 MUST (hop-limit): a receiver may ask for 255.
    fn hop_limit(_: &Interface<Self>) -> u8 {
        255
    }

    fn check<'a>(
        interface: &Interface<Self>,
        received: &Received<'a, Self>,
    ) -> Result<Incoming<'a, Self>, Discard> {
        let message = RipngMessage::parse(received.payload).map_err(Discard::Malformed)?;
        message.check().map_err(Discard::Message)?;
        let own = interface.config.addresses.iter().map(|own| own.address);
        let command = message.command();
        let mut least = interface.config.min_hop_limit;
        if command == Command::RESPONSE {
            datagram::check_ipv6_source(received.source, own).map_err(Discard::Datagram)?;
            datagram::check_response_port(received.source_port, Self::PORT)
                .map_err(Discard::Datagram)?;
            // RFC 2080 §2.4.2 MUST (hop-limit): a response has not crossed a router.
            least = 255;
        } else {
            // A monitor may ask from a global address, if it is on the link.
            let on_link = interface
                .networks()
                .any(|(_, network)| network.contains(received.source));
            if !on_link {
                datagram::check_ipv6_source(received.source, own).map_err(Discard::Datagram)?;
            } else if own.into_iter().any(|own| own == received.source) {
                return Err(Discard::Datagram(datagram::DatagramError::SourceOwn));
            }
        }
        if let Some(hop_limit) = received.hop_limit {
            datagram::check_hop_limit(hop_limit, least).map_err(Discard::Datagram)?;
        }
        let switches = &interface.config.switches;
        if command == Command::REQUEST && !switches.send {
            return Err(Discard::VersionNotSent(RIPNG_VERSION));
        }
        if command == Command::RESPONSE && !switches.receive {
            return Err(Discard::VersionNotReceived(RIPNG_VERSION));
        }
        Ok(Incoming {
            command,
            version: RIPNG_VERSION,
            update: None,
            request: message.request_kind(),
            message,
        })
    }

    fn verify((): &mut (), _: Instant, _: Ipv6Addr, _: &RipngMessage<'_>) -> Result<(), Discard> {
        Ok(())
    }

    fn poll_auth_event((): &mut ()) -> Option<AuthEvent> {
        None
    }

    fn neighbor_lost((): &mut (), _: Ipv6Addr) {}

    #[inline]
    fn for_each_route(
        interface: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        mut visit: impl FnMut(Result<Heard<Self>, EntryError>),
    ) {
        for route in incoming.message.routes() {
            visit(route.and_then(|route| {
                let own = |hop| interface.config.addresses.iter().any(|a| a.address == hop);
                if route.next_hop.is_some_and(own) {
                    return Err(EntryError::NextHopSelf);
                }
                Ok(Heard {
                    prefix: route.prefix,
                    metric: route.metric,
                    tag: route.route_tag,
                    next_hop: route.next_hop,
                    host_bits: route.host_bits,
                    off_link: false,
                })
            }));
        }
    }

    fn answer(
        _: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        mut metric: impl FnMut(&Ipv6Prefix) -> u8,
        body: &mut PacketBuf,
    ) {
        for entry in incoming.message.entries() {
            let metric = match entry.destination() {
                Ok(prefix) => metric(&prefix),
                Err(_) => INFINITY,
            };
            body.append_slice(&entry.to_repr().with_metric(metric).octets());
        }
    }

    fn whole_table(body: &mut PacketBuf) {
        body.append_slice(&RipngEntryRepr::WHOLE_TABLE.octets());
    }

    fn capacity(interface: &Interface<Self>, _: Instant, _: u8) -> usize {
        ripng_entries_for_mtu(interface.config.mtu)
    }

    fn is_classful(_: u8) -> bool {
        false
    }

    fn form(_: &Interface<Self>, _: u8, _: &Ipv6Prefix) -> Form<Self> {
        Form::Itself
    }

    #[inline]
    fn push(body: &mut PacketBuf, writer: &mut Writer<Self>, entry: &Announced<Self>) -> bool {
        let next_hop = entry.next_hop.filter(|hop| is_link_local(*hop));
        let changed = next_hop != writer.next_hop;
        let needed = 1 + usize::from(changed);
        if writer.capacity.saturating_sub(writer.count) < needed {
            return false;
        }
        if changed {
            let hop = next_hop.unwrap_or(Ipv6Addr::UNSPECIFIED);
            body.append_slice(&RipngEntryRepr::next_hop(hop).octets());
            writer.next_hop = next_hop;
        }
        let repr = RipngEntryRepr::route(entry.prefix, entry.metric).with_tag(entry.tag);
        body.append_slice(&repr.octets());
        writer.count += needed;
        true
    }

    fn begin_update((): &mut (), _: Instant) {}

    fn seal((): &mut (), _: Instant, header: &Header, packet: &mut PacketBuf) -> bool {
        RipngMessageRepr::new(header.command).emit(packet).is_ok()
    }
}
