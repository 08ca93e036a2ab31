//! What the engine asks of an address family: the wire format, and what depends on addresses.

use packet_buffer::{Instant, PacketBuf};

use super::discard::Discard;
use super::interface::Interface;
use super::io::Received;
use crate::auth::AuthEvent;
use crate::config::{ConfigError, InterfaceConfig};
use crate::family::Family;
use crate::wire::{Command, EntryError, UpdateHeader};

/// The family's part of the engine. It cannot be named outside the crate, which seals [`Family`].
pub trait Protocol {
    /// The part of an interface's state that only this family has.
    type State: core::fmt::Debug + Send + 'static;
    /// A message that was read and checked.
    type Message<'a>: Copy
    where
        Self: Family;

    /// The address, left-aligned.
    fn key(address: Self::Address) -> u128
    where
        Self: Family;

    /// The state of a new interface.
    fn state(config: &InterfaceConfig<Self>) -> Self::State
    where
        Self: Family;

    /// The configuration was changed.
    fn update_state(state: &mut Self::State, config: &InterfaceConfig<Self>)
    where
        Self: Family;

    /// Checks the switches.
    fn check_switches(switches: &Self::Switches) -> Result<(), ConfigError>
    where
        Self: Family;

    /// The version of what is sent unasked; `None` when nothing is.
    fn send_version(interface: &Interface<Self>) -> Option<u8>
    where
        Self: Family;

    /// Where what is sent unasked goes: the source, and the group or the broadcast address.
    fn targets(interface: &Interface<Self>) -> impl Iterator<Item = (Self::Address, Self::Address)>
    where
        Self: Family;

    /// The source address for a datagram to an address on the link; `None` when it is not there.
    fn source_for(interface: &Interface<Self>, address: Self::Address) -> Option<Self::Address>
    where
        Self: Family;

    /// Whether the interface's networks hold the address, link-local ones excluded.
    fn is_global(address: Self::Address) -> bool
    where
        Self: Family;

    /// The hop limit of what is sent to a group, and to one router.
    fn hop_limit(interface: &Interface<Self>) -> u8
    where
        Self: Family;

    /// Reads a message and makes all checks that come before authentication.
    fn check<'a>(
        interface: &Interface<Self>,
        received: &Received<'a, Self>,
    ) -> Result<Incoming<'a, Self>, Discard>
    where
        Self: Family;

    /// Tests the authentication of a message.
    fn verify(
        state: &mut Self::State,
        now: Instant,
        source: Self::Address,
        message: &Self::Message<'_>,
    ) -> Result<(), Discard>
    where
        Self: Family;

    /// What the authentication has to say.
    fn poll_auth_event(state: &mut Self::State) -> Option<AuthEvent>
    where
        Self: Family;

    /// A neighbor was lost.
    fn neighbor_lost(state: &mut Self::State, address: Self::Address)
    where
        Self: Family;

    /// Visits the routes of a response.
    fn for_each_route(
        interface: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        visit: impl FnMut(Result<Heard<Self>, EntryError>),
    ) where
        Self: Family;

    /// Writes the entries of the answer to a request for single routes: those of the request, with
    /// their metrics filled in. `metric` tells that of a prefix.
    fn answer(
        interface: &Interface<Self>,
        incoming: &Incoming<'_, Self>,
        metric: impl FnMut(&Self::Prefix) -> u8,
        body: &mut PacketBuf,
    ) where
        Self: Family;

    /// Writes the one entry of a request for the whole table.
    fn whole_table(body: &mut PacketBuf)
    where
        Self: Family;

    /// Entries that a message may have.
    fn capacity(interface: &Interface<Self>, now: Instant, version: u8) -> usize
    where
        Self: Family;

    /// Whether prefixes are announced without their lengths in this version.
    fn is_classful(version: u8) -> bool;

    /// How a prefix is announced on the interface in this version.
    fn form(interface: &Interface<Self>, version: u8, prefix: &Self::Prefix) -> Form<Self>
    where
        Self: Family;

    /// Appends an entry; false when the message is full. `writer` remembers what has to be known of
    /// those before.
    fn push(body: &mut PacketBuf, writer: &mut Writer<Self>, entry: &Announced<Self>) -> bool
    where
        Self: Family;

    /// An update begins, which may be several messages.
    fn begin_update(state: &mut Self::State, now: Instant)
    where
        Self: Family;

    /// Puts the header and the authentication around the entries in `packet`; false when that
    /// cannot be.
    fn seal(state: &mut Self::State, now: Instant, header: &Header, packet: &mut PacketBuf) -> bool
    where
        Self: Family;
}

/// The header of a message to send.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub(super) command: Command,
    pub(super) version: u8,
    pub(super) update: Option<UpdateHeader>,
}

/// A message that was read and checked.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a, F: Family> {
    pub(super) command: Command,
    pub(super) version: u8,
    pub(super) update: Option<UpdateHeader>,
    pub(super) request: crate::wire::RequestKind,
    pub(super) message: F::Message<'a>,
}

/// A route of a response.
#[derive(Debug, Clone, Copy)]
pub struct Heard<F: Family> {
    pub(super) prefix: F::Prefix,
    /// As in the entry, from 1 to 16.
    pub(super) metric: u8,
    pub(super) tag: u16,
    /// `None` for the sender.
    pub(super) next_hop: Option<F::Address>,
    /// Bits behind the mask were cleared.
    pub(super) host_bits: bool,
    /// A next hop that is not on the link was taken for the sender.
    pub(super) off_link: bool,
}

/// How a prefix is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<F: Family> {
    /// As it is.
    Itself,
    /// As part of this network.
    Within(F::Prefix),
    /// Not at all.
    Omitted,
}

/// An entry to write.
#[derive(Debug, Clone, Copy)]
pub struct Announced<F: Family> {
    pub(super) prefix: F::Prefix,
    pub(super) metric: u8,
    pub(super) tag: u16,
    /// `None` for the sender.
    pub(super) next_hop: Option<F::Address>,
}

/// What is known of the message that is being written.
#[derive(Debug, Clone, Copy)]
pub struct Writer<F: Family> {
    pub(super) version: u8,
    pub(super) count: usize,
    pub(super) capacity: usize,
    pub(super) next_hop: Option<F::Address>,
}

impl<F: Family> Writer<F> {
    pub(super) const fn new(version: u8, capacity: usize) -> Self {
        Self {
            version,
            count: 0,
            capacity,
            next_hop: None,
        }
    }
}
