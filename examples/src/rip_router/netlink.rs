//! What the kernel tells and takes over rtnetlink: interfaces, addresses, routes.
//!
//! The calls wait for the kernel's answer, which it gives at once; no runtime is needed.

use alloc::collections::BTreeMap;
use anyhow::{Context, Result, bail};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::os::fd::{AsFd, BorrowedFd};

/// An interface as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number of it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Administratively up and with carrier.
    pub up: bool,
    /// It is the loopback interface.
    pub loopback: bool,
    /// Octets of the largest IP packet.
    pub mtu: u32,
    /// Its IPv4 addresses, with prefix lengths; the primary first.
    pub v4: Vec<(Ipv4Addr, u8)>,
    /// Its IPv6 addresses that may be used, with prefix lengths.
    pub v6: Vec<(Ipv6Addr, u8)>,
}

/// Where a route of the kernel leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// The router.
    pub address: IpAddr,
    /// The number of the interface on which it is.
    pub index: u32,
}

/// Which of the kernel's routes are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOwner {
    /// The kernel's table; 254 is the main table.
    pub table: u32,
    /// The priority of our routes; others of the same prefix with a lower one are preferred.
    pub metric: u32,
}

/// A connection to the kernel for questions and orders.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    batch: Vec<u8>,
}

impl Netlink {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the system gives no socket.
    pub fn connect() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE).context("cannot open an rtnetlink socket")?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Errors of a whole batch come back at once.
        socket.set_rx_buf_sz(1 << 20)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            sequence: 0,
            batch: Vec::new(),
        })
    }

    /// All interfaces with their addresses.
    ///
    /// # Errors
    ///
    /// When the kernel does not answer as expected.
    pub fn links(&mut self) -> Result<BTreeMap<u32, Link>> {
        let mut links = BTreeMap::new();
        let question = RouteNetlinkMessage::GetLink(LinkMessage::default());
        for answer in self.dump(question)? {
            if let RouteNetlinkMessage::NewLink(message) = answer {
                let link = link(&message);
                links.insert(link.index, link);
            }
        }
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        for answer in self.dump(question)? {
            if let RouteNetlinkMessage::NewAddress(message) = answer
                && let Some(link) = links.get_mut(&message.header.index)
            {
                add_address(link, &message);
            }
        }
        Ok(links)
    }

    /// The destinations of all routes that are `owner`'s.
    ///
    /// # Errors
    ///
    /// When the kernel does not answer as expected.
    pub fn routes_of(&mut self, owner: RouteOwner, v4: bool) -> Result<Vec<(IpAddr, u8)>> {
        let mut question = RouteMessage::default();
        question.header.address_family = if v4 {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let mut ours = Vec::new();
        for answer in self.dump(RouteNetlinkMessage::GetRoute(question))? {
            if let RouteNetlinkMessage::NewRoute(route) = answer
                && is_of(&route, owner)
            {
                ours.push((
                    destination(&route, v4),
                    route.header.destination_prefix_length,
                ));
            }
        }
        // A route with several next hops of IPv6 is shown once for each.
        ours.dedup();
        Ok(ours)
    }

    /// Adds "this destination goes there" to the batch, or without gateways "forget it". The number that the
    /// order has in the answer of [`commit`](Self::commit).
    pub fn order(
        &mut self,
        owner: RouteOwner,
        destination: (IpAddr, u8),
        gateways: &[Gateway],
    ) -> u32 {
        let route = route_message(owner, destination, gateways);
        let (payload, flags) = if gateways.is_empty() {
            (RouteNetlinkMessage::DelRoute(route), NLM_F_REQUEST)
        } else {
            let flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
            (RouteNetlinkMessage::NewRoute(route), flags)
        };
        self.append(payload, flags)
    }

    /// Octets of the orders that wait.
    pub const fn batched(&self) -> usize {
        self.batch.len()
    }

    /// Gives the kernel all orders; those that it refused, each with the system's error number.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked at all.
    pub fn commit(&mut self) -> Result<Vec<(u32, i32)>> {
        let mut refused = Vec::new();
        if self.batch.is_empty() {
            return Ok(refused);
        }
        // Only errors come back, so a last message that is always answered ends the batch: it asks
        // for the loopback interface, which every namespace has.
        let mut end = LinkMessage::default();
        end.header.index = 1;
        let last = self.append(RouteNetlinkMessage::GetLink(end), NLM_F_REQUEST | NLM_F_ACK);
        let sent = self.socket.send(&self.batch, 0);
        self.batch.clear();
        sent.context("cannot give the kernel routes: it needs root (CAP_NET_ADMIN)")?;
        loop {
            for message in self.receive()? {
                let number = message.header.sequence_number;
                if let NetlinkPayload::Error(error) = message.payload {
                    if number == last {
                        return Ok(refused);
                    }
                    if let Some(code) = error.code {
                        refused.push((number, -code.get()));
                    }
                }
            }
        }
    }

    fn append(&mut self, payload: RouteNetlinkMessage, flags: u16) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(payload);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = self.batch.len();
        // Messages in a batch start at multiples of four octets.
        self.batch
            .resize(start + message.buffer_len().next_multiple_of(4), 0);
        if let Some(room) = self.batch.get_mut(start..) {
            message.serialize(room);
        }
        self.sequence
    }

    fn dump(&mut self, question: RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>> {
        let number = self.append(question, NLM_F_REQUEST | NLM_F_DUMP);
        let sent = self.socket.send(&self.batch, 0);
        self.batch.clear();
        sent?;
        let mut answers = Vec::new();
        loop {
            for message in self.receive()? {
                if message.header.sequence_number != number {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => bail!("the kernel refuses: {error}"),
                    _ => {}
                }
            }
        }
    }

    fn receive(&mut self) -> Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let (octets, _) = self.socket.recv_from_full()?;
        Ok(messages(&octets))
    }
}

/// The kernel's announcements of changes to interfaces and addresses.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
}

/// What has changed since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Something has: the interfaces have to be read again.
    pub any: bool,
    /// Interfaces that were down, if only for a moment; the kernel forgot their routes.
    pub went_down: Vec<u32>,
}

impl Monitor {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// When the system gives no socket.
    pub fn start() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE).context("cannot open an rtnetlink socket")?;
        // RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
        socket.bind(&SocketAddr::new(0, 0x1 | 0x10 | 0x100))?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// Reads what was announced since the last call.
    pub fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        loop {
            let octets = match self.socket.recv_from_full() {
                Ok((octets, _)) => octets,
                Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => return changes,
                // Announcements were lost (ENOBUFS): all is read again anyway.
                Err(_) => {
                    changes.any = true;
                    return changes;
                }
            };
            for message in messages(&octets) {
                changes.any = true;
                if let NetlinkPayload::InnerMessage(
                    RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link),
                ) = message.payload
                    && !is_up(&link)
                {
                    changes.went_down.push(link.header.index);
                }
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn messages(mut octets: &[u8]) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    let mut messages = Vec::new();
    while let Some(header) = octets.first_chunk::<4>() {
        let length = usize::try_from(u32::from_ne_bytes(*header)).unwrap_or(usize::MAX);
        let Some(one) = octets.get(..length).filter(|one| one.len() >= 16) else {
            break;
        };
        // What this library does not know is of no interest here.
        if let Ok(message) = NetlinkMessage::deserialize(one) {
            messages.push(message);
        }
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

fn is_up(message: &LinkMessage) -> bool {
    message
        .header
        .flags
        .contains(LinkFlags::Up | LinkFlags::Running)
}

fn link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        up: is_up(message),
        loopback: message.header.flags.contains(LinkFlags::Loopback),
        mtu: 1500,
        v4: Vec::new(),
        v6: Vec::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            _ => {}
        }
    }
    link
}

fn add_address(link: &mut Link, message: &AddressMessage) {
    let unusable = AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed;
    if message.header.flags.intersects(unusable) {
        return;
    }
    let length = message.header.prefix_len;
    // On a point-to-point interface `Address` is the other end's and `Local` ours.
    let local = message.attributes.iter().find_map(|a| match a {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    });
    match address {
        Some(IpAddr::V4(address)) => link.v4.push((address, length)),
        Some(IpAddr::V6(address)) => link.v6.push((address, length)),
        None => {}
    }
}

fn is_of(route: &RouteMessage, owner: RouteOwner) -> bool {
    let mut table = u32::from(route.header.table);
    let mut metric = 0;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(priority) => metric = *priority,
            _ => {}
        }
    }
    route.header.protocol == RouteProtocol::Rip && table == owner.table && metric == owner.metric
}

fn destination(route: &RouteMessage, v4: bool) -> IpAddr {
    let attributes = route.attributes.iter();
    let mut found = attributes.filter_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    });
    // The default route has none.
    found.next().unwrap_or(if v4 {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    })
}

fn route_message(
    owner: RouteOwner,
    (destination, length): (IpAddr, u8),
    gateways: &[Gateway],
) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = match destination {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    route.header.destination_prefix_length = length;
    route.header.protocol = RouteProtocol::Rip;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    // Tables above 255 are told by the attribute alone.
    route.header.table = u8::try_from(owner.table).unwrap_or(0);
    let attributes = &mut route.attributes;
    attributes.push(RouteAttribute::Table(owner.table));
    attributes.push(RouteAttribute::Destination(destination.into()));
    attributes.push(RouteAttribute::Priority(owner.metric));
    match gateways {
        [] => {}
        [one] => {
            attributes.push(RouteAttribute::Gateway(one.address.into()));
            attributes.push(RouteAttribute::Oif(one.index));
        }
        several => {
            let hop = |gateway: &Gateway| {
                let mut hop = RouteNextHop::default();
                hop.interface_index = gateway.index;
                hop.attributes
                    .push(RouteAttribute::Gateway(gateway.address.into()));
                hop
            };
            attributes.push(RouteAttribute::MultiPath(several.iter().map(hop).collect()));
        }
    }
    route
}
