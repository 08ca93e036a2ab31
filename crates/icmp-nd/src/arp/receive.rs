//! What the machine makes of the packets that it receives.

use super::conflict::Verdict;
use super::machine::{Arp, is_host};
use crate::neighbor::{Actions, Advertised, NeighborEvent, State};
use core::net::Ipv4Addr;
use packet_buffer::wire::{ArpOperation, ArpPacket, ArpRepr, MacAddr};
use packet_buffer::{Instant, ParseError};

/// Why a packet was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// It is not ARP about IPv4 on Ethernet.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is neither a request nor a reply.
    #[error("operation {0} is not spoken here")]
    Operation(ArpOperation),
    /// The sender hardware address is a group's or none at all.
    #[error("the sender hardware address {0} cannot be a station's")]
    SenderHardware(MacAddr),
    /// The sender hardware address is not the source of the frame.
    #[error("the sender hardware address {0} is not the source of the frame")]
    LinkSource(MacAddr),
    /// It comes from this station.
    #[error("our own packet came back")]
    Looped,
    /// The sender protocol address is a group's, loopback or broadcast.
    #[error("the sender protocol address {0} cannot be a host's")]
    SenderProtocol(Ipv4Addr),
    /// The sender is not in a network of this link.
    #[error("{0} is not in a network of this link")]
    OffLink(Ipv4Addr),
    /// It asks for somebody else, and tells nothing about a known neighbor.
    #[error("a request for {0}, which is not this host")]
    NotTarget(Ipv4Addr),
    /// It tells something that nobody asked for, about a host that is not in the cache, or that is
    /// not to be believed.
    #[error("nobody asked where {0} is")]
    Unasked(Ipv4Addr),
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The probes are over: the address may be used.
    Assigned {
        /// The address.
        address: Ipv4Addr,
    },
    /// Another station has the address, and it was given up (RFC 5227 §2.1.1, §2.4).
    GivenUp {
        /// The address.
        address: Ipv4Addr,
        /// The other station.
        link_address: MacAddr,
    },
    /// Another station uses the address too; it was defended, or was not since it was so just now.
    Conflict {
        /// The address.
        address: Ipv4Addr,
        /// The other station.
        link_address: MacAddr,
        /// Whether an announcement was sent.
        defended: bool,
    },
    /// To a neighbor.
    Neighbor(NeighborEvent<Ipv4Addr>),
}

/// Counters of an [`Arp`] machine; those of its cache are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests received and taken.
    pub requests: u64,
    /// Replies received and taken.
    pub replies: u64,
    /// Requests sent, by broadcast and unicast.
    pub requests_sent: u64,
    /// Replies sent.
    pub replies_sent: u64,
    /// Of those, as a proxy.
    pub proxied: u64,
    /// Probes sent.
    pub probes_sent: u64,
    /// Announcements sent, those in defence among them.
    pub announcements_sent: u64,
    /// Packets of others that use or probe an own address.
    pub conflicts: u64,
    /// Own addresses that were given up.
    pub given_up: u64,
    /// [`Discard::Parse`].
    pub malformed: u64,
    /// [`Discard::Operation`].
    pub operation: u64,
    /// [`Discard::SenderHardware`].
    pub sender_hardware: u64,
    /// [`Discard::LinkSource`].
    pub link_source: u64,
    /// [`Discard::Looped`].
    pub looped: u64,
    /// [`Discard::SenderProtocol`].
    pub sender_protocol: u64,
    /// [`Discard::OffLink`].
    pub off_link: u64,
    /// [`Discard::NotTarget`].
    pub not_target: u64,
    /// [`Discard::Unasked`].
    pub unasked: u64,
    /// Replies and others not sent for want of room.
    pub replies_full: u64,
    /// Events that nobody fetched in time.
    pub events_dropped: u64,
}

impl Stats {
    fn count(&mut self, discard: &Discard) {
        let counter = match discard {
            Discard::Parse(_) => &mut self.malformed,
            Discard::Operation(_) => &mut self.operation,
            Discard::SenderHardware(_) => &mut self.sender_hardware,
            Discard::LinkSource(_) => &mut self.link_source,
            Discard::Looped => &mut self.looped,
            Discard::SenderProtocol(_) => &mut self.sender_protocol,
            Discard::OffLink(_) => &mut self.off_link,
            Discard::NotTarget(_) => &mut self.not_target,
            Discard::Unasked(_) => &mut self.unasked,
        };
        *counter = counter.saturating_add(1);
    }
}

impl Arp {
    /// An ARP packet has arrived, in a frame from `link_source`.
    ///
    /// # Errors
    ///
    /// Why it was ignored; the state is unchanged, and a counter tells.
    pub fn handle_input(
        &mut self,
        now: Instant,
        link_source: MacAddr,
        packet: &[u8],
    ) -> Result<(), Discard> {
        let now = self.advance(now);
        let result = self.receive(now, link_source, packet);
        match &result {
            Ok(()) => self.settle(),
            Err(discard) => self.stats.count(discard),
        }
        result
    }

    fn receive(
        &mut self,
        now: Instant,
        link_source: MacAddr,
        packet: &[u8],
    ) -> Result<(), Discard> {
        // RFC 826, "Packet Reception": other hardware and protocols are not for this machine.
        let arp = ArpPacket::parse(packet)?.to_repr()?;
        let is_request = match arp.operation {
            ArpOperation::REQUEST => true,
            ArpOperation::REPLY => false,
            operation => return Err(Discard::Operation(operation)),
        };
        let hardware = arp.sender_hardware_address;
        if !hardware.is_unicast() {
            return Err(Discard::SenderHardware(hardware));
        }
        if hardware == self.config.link_address {
            return Err(Discard::Looped);
        }
        if self.config.match_link_source && hardware != link_source {
            return Err(Discard::LinkSource(hardware));
        }
        let sender = arp.sender_protocol_address;
        if !sender.is_unspecified() && (!is_host(sender) || self.is_broadcast(sender)) {
            return Err(Discard::SenderProtocol(sender));
        }
        if let Some(own) = self.conflicting(&arp, is_request) {
            self.conflict(now, own, hardware);
            // What another station says in our name is believed in nothing else.
            return Ok(());
        }
        if !sender.is_unspecified() && !self.is_on_link(sender) {
            return Err(Discard::OffLink(sender));
        }
        if is_request {
            self.request(now, &arp)
        } else {
            self.reply(now, &arp)
        }
    }

    /// The own address that another station uses or, while it is probed here, probes too.
    fn conflicting(&self, arp: &ArpRepr, is_request: bool) -> Option<Ipv4Addr> {
        let sender = arp.sender_protocol_address;
        // RFC 5227 §2.4 MUST (detect): any packet, request or reply, whose sender protocol address is ours.
        if self.own(sender).is_some() {
            return Some(sender);
        }
        // RFC 5227 §2.1.1 SHOULD (simultaneous): a probe of another station for the address that is probed.
        let target = arp.target_protocol_address;
        let own = self.own(target)?;
        let is_probe = is_request && sender.is_unspecified();
        (is_probe && !own.is_assigned()).then_some(target)
    }

    fn conflict(&mut self, now: Instant, address: Ipv4Addr, link_address: MacAddr) {
        self.stats.conflicts += 1;
        let own = self.addresses.iter_mut();
        let Some(own) = own.into_iter().find(|it| it.address() == address) else {
            return;
        };
        match own.conflict(now, &self.config) {
            Verdict::GiveUp => {
                self.stats.given_up += 1;
                let (count, _) = self.conflicts;
                self.conflicts = (count.saturating_add(1), now);
                self.remove_address(address);
                self.push_event(Event::GivenUp {
                    address,
                    link_address,
                });
            }
            Verdict::Defend => {
                self.send_announcement(address);
                self.push_event(Event::Conflict {
                    address,
                    link_address,
                    defended: true,
                });
            }
            Verdict::Silent => self.push_event(Event::Conflict {
                address,
                link_address,
                defended: false,
            }),
        }
    }

    /// RFC 826, "Packet Reception".
    fn request(&mut self, now: Instant, arp: &ArpRepr) -> Result<(), Discard> {
        let (sender, hardware) = (arp.sender_protocol_address, arp.sender_hardware_address);
        let target = arp.target_protocol_address;
        let is_own = self.is_assigned(target);
        let is_proxied =
            !is_own && target != sender && self.proxied.iter().any(|it| it.contains(target));
        let is_known = !sender.is_unspecified() && self.neighbors.get(sender).is_some();
        let learns = is_known && self.config.accept_unsolicited;
        if !is_own && !is_proxied && !learns {
            return Err(Discard::NotTarget(target));
        }
        self.stats.requests += 1;
        // RFC 826, "Packet Reception": an entry that is there takes the sender's hardware address; a new one is
        // made when the request is for this host.
        if !sender.is_unspecified() && (learns || (is_own || is_proxied) && !is_known) {
            self.neighbors.heard(now, sender, Some(hardware), None);
        }
        if is_own || is_proxied {
            // RFC 826, "Packet Reception": sender and target change places, to the sender alone.
            self.stats.replies_sent += 1;
            self.stats.proxied += u64::from(is_proxied);
            self.push_reply(arp.reply(self.config.link_address), hardware);
        }
        Ok(())
    }

    fn reply(&mut self, now: Instant, arp: &ArpRepr) -> Result<(), Discard> {
        let (sender, hardware) = (arp.sender_protocol_address, arp.sender_hardware_address);
        let Some(neighbor) = self.neighbors.get(sender) else {
            return Err(Discard::Unasked(sender));
        };
        // A question is open in these states, and the answer goes to who has asked.
        let is_open = matches!(neighbor.state(), State::Incomplete | State::Probe);
        let is_answer = is_open && arp.target_hardware_address == self.config.link_address;
        if !is_answer && !self.config.accept_unsolicited {
            return Err(Discard::Unasked(sender));
        }
        self.stats.replies += 1;
        let advertised = Advertised {
            solicited: is_answer,
            overrides: true,
            is_router: neighbor.is_router(),
            link_address: Some(hardware),
        };
        let _: Actions = self.neighbors.advertised(now, sender, &advertised);
        Ok(())
    }
}
