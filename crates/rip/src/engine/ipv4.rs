//! RIP versions 1 and 2.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, PacketBuf};

use super::discard::Discard;
use super::interface::Interface;
use super::io::Received;
use super::protocol::{Announced, Form, Header, Heard, Incoming, Protocol, Writer};
use crate::auth::{AuthEvent, Authenticator};
use crate::config::{ConfigError, InterfaceConfig, Ipv4Switches, ReceiveVersion, SendVersion};
use crate::family::{Family as _, Ipv4};
use crate::rib::INFINITY;
use crate::wire::{
    Command, ENTRY_LEN, EntryError, FAMILY_IPV4, HEADER_LEN, InterfaceAddress, MAX_RIP_ENTRIES,
    NextHop, RipEntryRepr, RipMessage, RipMessageRepr, UpdateHeader, VERSION_1, VERSION_2,
    classful, datagram,
};

/// Octets in front of a message: an IP header without options, and UDP's.
const IP_UDP_LEN: usize = 28;

/// What an IPv4 interface has besides.
#[derive(Debug)]
pub struct State {
    pub(super) authenticator: Authenticator,
    addresses: Vec<InterfaceAddress>,
}

fn addresses(config: &InterfaceConfig<Ipv4>) -> Vec<InterfaceAddress> {
    let address = |own: &crate::config::InterfaceAddress<Ipv4>| {
        Some(InterfaceAddress {
            address: own.address,
            network: own.prefix()?,
        })
    };
    config.addresses.iter().filter_map(address).collect()
}

impl Protocol for Ipv4 {
    type State = State;
    type Message<'a> = RipMessage<'a>;

    #[inline]
    fn key(address: Ipv4Addr) -> u128 {
        u128::from(address.to_bits()) << 96
    }

    fn state(config: &InterfaceConfig<Self>) -> State {
        let switches = &config.switches;
        State {
            authenticator: Authenticator::new(
                switches.authentication.clone(),
                switches.auth_options,
            ),
            addresses: addresses(config),
        }
    }

    fn update_state(state: &mut State, config: &InterfaceConfig<Self>) {
        let switches = &config.switches;
        state
            .authenticator
            .set_authentication(switches.authentication.clone(), switches.auth_options);
        state.addresses = addresses(config);
    }

    fn check_switches(switches: &Ipv4Switches) -> Result<(), ConfigError> {
        let wrong = |problem| Err(ConfigError::new("switches.authentication", problem));
        if switches.authentication.check().is_err() {
            return wrong("a password has from 1 to 16 octets");
        }
        // RFC 2453 §5.2: version 1 has no authentication.
        if switches.authentication != crate::auth::Authentication::None
            && switches.send == SendVersion::V1
        {
            return wrong("version 1 cannot be sent with authentication");
        }
        Ok(())
    }

    fn send_version(interface: &Interface<Self>) -> Option<u8> {
        match interface.config.switches.send {
            SendVersion::None => None,
            SendVersion::V1 => Some(VERSION_1),
            SendVersion::V1Compatible | SendVersion::V2 => Some(VERSION_2),
        }
    }

    fn targets(interface: &Interface<Self>) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        // RFC 2453 §5.1 MUST (send-switch): version 1 and what is compatible with it is broadcast,
        // version 2 goes to the group.
        let multicast = interface.config.switches.send == SendVersion::V2;
        // A router on another network of the link ignores what does not come from its own.
        interface.networks().map(move |(address, network)| {
            let destination = if multicast {
                Ipv4::GROUP
            } else if network.length() < 31 {
                network.last()
            } else {
                Ipv4Addr::BROADCAST
            };
            (address, destination)
        })
    }

    fn source_for(interface: &Interface<Self>, address: Ipv4Addr) -> Option<Ipv4Addr> {
        interface
            .networks()
            .find(|(own, network)| network.contains(address) && *own != address)
            .map(|(own, _)| own)
    }

    fn is_global(_: Ipv4Addr) -> bool {
        true
    }

    fn hop_limit(interface: &Interface<Self>) -> u8 {
        // Where 255 is asked for, it is sent as well (RFC 5082).
        if interface.config.min_hop_limit > 1 {
            255
        } else {
            1
        }
    }

    fn check<'a>(
        interface: &Interface<Self>,
        received: &Received<'a, Self>,
    ) -> Result<Incoming<'a, Self>, Discard> {
        let switches = &interface.config.switches;
        let message = RipMessage::parse(received.payload).map_err(Discard::Malformed)?;
        datagram::check_ipv4_source(received.source, &interface.state.addresses)
            .map_err(Discard::Datagram)?;
        if let Some(hop_limit) = received.hop_limit {
            datagram::check_hop_limit(hop_limit, interface.config.min_hop_limit)
                .map_err(Discard::Datagram)?;
        }
        message.check(MAX_RIP_ENTRIES).map_err(Discard::Message)?;
        let (command, version) = (message.command(), message.version());
        // RFC 2453 §5.1 MUST (receive-switch): RIP-1 only, RIP-2 only, both or none.
        let accepted = match switches.receive {
            ReceiveVersion::None => false,
            ReceiveVersion::V1 => version == VERSION_1,
            ReceiveVersion::V2 => version >= VERSION_2,
            ReceiveVersion::Both => true,
        };
        if command == Command::REQUEST {
            // RFC 2453 §4.6 SHOULD (answer-v1): a version 1 request is answered with version 1, and
            // not at all when only version 2 is sent.
            let answered = match switches.send {
                SendVersion::None => false,
                SendVersion::V1 => version == VERSION_1,
                SendVersion::V1Compatible => true,
                SendVersion::V2 => version >= VERSION_2,
            };
            if !answered || switches.receive == ReceiveVersion::None {
                return Err(Discard::VersionNotSent(version));
            }
        } else {
            if !accepted {
                return Err(Discard::VersionNotReceived(version));
            }
            // RFC 2453 §3.9.2 MUST (port): a response comes from the port of the protocol.
            datagram::check_response_port(received.source_port, Self::PORT)
                .map_err(Discard::Datagram)?;
        }
        Ok(Incoming {
            command,
            version,
            update: message.update_header(),
            request: message.request_kind(),
            message,
        })
    }

    fn verify(
        state: &mut State,
        now: Instant,
        source: Ipv4Addr,
        message: &RipMessage<'_>,
    ) -> Result<(), Discard> {
        state
            .authenticator
            .verify(now, source, message)
            .map_err(Discard::Authentication)
    }

    fn poll_auth_event(state: &mut State) -> Option<AuthEvent> {
        state.authenticator.poll_event()
    }

    fn neighbor_lost(state: &mut State, address: Ipv4Addr) {
        state.authenticator.neighbor_lost(address);
    }

    #[inline]
    fn for_each_route(
        interface: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        mut visit: impl FnMut(Result<Heard<Self>, EntryError>),
    ) {
        for route in incoming.message.routes(&interface.state.addresses) {
            visit(route.map(|route| Heard {
                prefix: route.prefix,
                metric: route.metric,
                tag: route.route_tag,
                next_hop: route.next_hop.router(),
                host_bits: route.host_bits,
                off_link: route.next_hop == NextHop::OffLink,
            }));
        }
    }

    fn answer(
        interface: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        mut metric: impl FnMut(&Ipv4Prefix) -> u8,
        body: &mut PacketBuf,
    ) {
        let addresses: &[InterfaceAddress] = &interface.state.addresses;
        for entry in incoming.message.entries() {
            // RFC 2453 §3.9.1 MUST (specific): the metric is that of the table, or infinity.
            let metric = match entry.prefix(incoming.version, addresses) {
                Ok(prefix) => metric(&prefix),
                Err(_) => INFINITY,
            };
            body.append_slice(&entry.to_repr().with_metric(metric).octets());
        }
    }

    fn whole_table(body: &mut PacketBuf) {
        body.append_slice(&RipEntryRepr::WHOLE_TABLE.octets());
    }

    fn capacity(interface: &Interface<Self>, now: Instant, version: u8) -> usize {
        let of_format = if version == VERSION_1 {
            MAX_RIP_ENTRIES
        } else {
            interface.state.authenticator.capacity(now)
        };
        let around = IP_UDP_LEN + HEADER_LEN + UpdateHeader::LEN;
        let of_link = interface.config.mtu.saturating_sub(around) / ENTRY_LEN;
        of_format.min(of_link)
    }

    fn is_classful(version: u8) -> bool {
        version == VERSION_1
    }

    fn form(interface: &Interface<Self>, version: u8, prefix: &Ipv4Prefix) -> Form<Self> {
        if version != VERSION_1 || prefix.length() == 0 {
            return Form::Itself;
        }
        let Some(class) = classful::network(prefix.network()) else {
            return Form::Omitted;
        };
        if !class.covers(prefix) {
            return Form::Omitted;
        }
        // RFC 2453 §3.7 MUST (subnets): subnets are not sent outside the network that they are of.
        let subnet = interface
            .networks()
            .map(|(_, network)| network)
            .find(|network| class.covers(network));
        match subnet {
            // A receiver can tell what has the mask of the link, and hosts.
            Some(subnet) if [class.length(), subnet.length(), 32].contains(&prefix.length()) => {
                Form::Itself
            }
            Some(_) => Form::Omitted,
            None => Form::Within(class),
        }
    }

    #[inline]
    fn push(body: &mut PacketBuf, writer: &mut Writer<Self>, entry: &Announced<Self>) -> bool {
        if writer.count >= writer.capacity {
            return false;
        }
        let repr = if writer.version == VERSION_1 {
            // RFC 1058 §3.1 MUST (zero): version 1 has neither mask nor tag nor next hop.
            RipEntryRepr::route_v1(entry.prefix.network(), entry.metric)
        } else {
            RipEntryRepr {
                address_family: FAMILY_IPV4,
                route_tag: entry.tag,
                address: entry.prefix.network(),
                subnet_mask: entry.prefix.netmask(),
                next_hop: entry.next_hop.unwrap_or(Ipv4Addr::UNSPECIFIED),
                metric: u32::from(entry.metric),
            }
        };
        body.append_slice(&repr.octets());
        writer.count += 1;
        true
    }

    fn begin_update(state: &mut State, now: Instant) {
        state.authenticator.begin_update(now);
    }

    fn seal(state: &mut State, now: Instant, header: &Header, packet: &mut PacketBuf) -> bool {
        let repr = RipMessageRepr {
            command: header.command,
            version: header.version,
            update: header.update,
        };
        state.authenticator.seal(now, &repr, packet).is_ok()
    }
}
